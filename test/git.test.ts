import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { readSource } from '../src/git.ts';
import { makeFolder } from './support/files.ts';
import { commitAll, HAS_GIT } from './support/world.ts';

describe.runIf(HAS_GIT)('the remote of a repository', () => {
  test.each([
    ['https://github.com/o/r.git', 'https://github.com/o/r.git'],
    ['git@github.com:o/r.git', 'git@github.com:o/r.git'],
    ['ssh://git@host:2222/o/r.git', 'ssh://host:2222/o/r.git'],
    ['/srv/git/r@v2.git', '/srv/git/r@v2.git'],
    ['https://host:8443/o/r@v2.git', 'https://host:8443/o/r@v2.git'],
    ['https://TOKEN@host/r.git', 'https://host/r.git'],
    ['https://u:TOKEN@host/r.git', 'https://host/r.git'],
    ['https://u:TOKEN@a@host/r.git', 'https://host/r.git'],
    ['https://u:TOK/EN#?@host/r.git', 'https://host/r.git'],
    ['https://host/r.git?private_token=TOKEN', 'https://host/r.git'],
    ['https://host/r.git#TOKEN', 'https://host/r.git'],
    ['oauth2:TOKEN@host:r.git', 'host:r.git'],
    ['oauth2:TOKEN@a@host:o/r.git', 'host:o/r.git'],
  ])('%s is %s without credentials', async (url, remote) => {
    const folder = makeFolder({ file: 'x' });
    commitAll(folder);
    execFileSync('git', ['-C', folder, 'remote', 'add', 'origin', url]);
    expect((await readSource(folder)).remote).toBe(remote);
  });

  test.each([
    [[['url.https://mirror/.insteadOf', 'https://host/']], 'https://mirror/r.git'],
    [[['remote.origin.url', 'https://host/second.git']], 'https://host/r.git'],
    [[['remote.origin.pushurl', 'https://host/push.git']], 'https://host/r.git'],
  ])('is what git makes of its settings: with %j, %s', async (settings, remote) => {
    const folder = makeFolder({ file: 'x' });
    commitAll(folder);
    const config = ['-C', folder, 'config', '--add'];
    for (const [key = '', value = ''] of [['remote.origin.url', 'https://host/r.git'], ...settings])
      execFileSync('git', [...config, key, value]);
    expect((await readSource(folder)).remote).toBe(remote);
  });

  test('is undefined without one', async () => {
    const folder = makeFolder({ file: 'x' });
    commitAll(folder);
    execFileSync('git', ['-C', folder, 'remote', 'add', 'other', 'https://host/r.git']);
    expect((await readSource(folder)).remote).toBeUndefined();
  });
});
