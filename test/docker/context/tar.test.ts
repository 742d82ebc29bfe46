import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import type { Header } from 'tar-stream';
import { expect, test } from 'vitest';
import { checkContext } from '../../../src/docker/context/check.ts';
import { packContext } from '../../../src/docker/context/tar.ts';
import { asNobody, listenAt, makeFolder } from '../../support/files.ts';

/**
 * Packs a folder and reads the tar back: content by path, symbolic links as `→ target`, hard ones
 * as `= first`. `onEntry` is called when an entry comes, before the rest of the tar is made.
 */
async function packed(
  folder: string,
  dockerfile = 'Dockerfile',
  onEntry: (name: string) => void = () => undefined,
) {
  const stream = await packContext({ context: folder, dockerfile: join(folder, dockerfile) });
  // Its error is the tar's too, and may come before anybody waits for it.
  stream.done.catch(() => undefined);
  const entries: Record<string, string> = {};
  const headers: Record<string, Header> = {};
  const reader = extract();
  stream.tar.on('error', (error) => reader.destroy(error));
  stream.tar.pipe(reader);
  for await (const entry of reader) {
    const { name, type, linkname } = entry.header;
    onEntry(name);
    const content = (await buffer(entry)).toString('utf8');
    headers[name] = entry.header;
    if (type === 'symlink') entries[name] = `→ ${linkname}`;
    else entries[name] = type === 'link' ? `= ${linkname}` : content;
  }
  return { entries, headers, dockerfile: stream.dockerfile, count: await stream.done };
}

test('files, folders, links, modes and long and unicode names arrive as they are', async () => {
  const long = `${'d'.repeat(200)}/${'f'.repeat(200)}`;
  const folder = makeFolder({ Dockerfile: 'FROM scratch', 'a b/한글.txt': 'text', [long]: 'deep' });
  symlinkSync('a b/한글.txt', join(folder, 'link'));
  symlinkSync('/nowhere', join(folder, 'dangling'));
  mkdirSync(join(folder, 'empty'));
  chmodSync(join(folder, 'a b/한글.txt'), 0o4755);
  const { entries, headers, count } = await packed(folder);
  expect(entries).toEqual({
    Dockerfile: 'FROM scratch',
    'a b/': '',
    'a b/한글.txt': 'text',
    dangling: '→ /nowhere',
    [`${'d'.repeat(200)}/`]: '',
    [long]: 'deep',
    'empty/': '',
    link: '→ a b/한글.txt',
  });
  expect(headers['a b/한글.txt']?.mode).toBe(0o4755);
  expect(count).toEqual({ files: 3, bytes: 20 });
});

test('a file over a mebibyte is streamed whole', async () => {
  const folder = makeFolder({ Dockerfile: '' });
  const big = 'x'.repeat(3 << 20);
  writeFileSync(join(folder, 'big'), big);
  expect((await packed(folder)).entries['big']).toBe(big);
});

test('.dockerignore is applied, but the Dockerfile is sent all the same', async () => {
  const folder = makeFolder({
    '.dockerignore': '*\n!src\nsrc/*.tmp\n',
    'docker/Dockerfile': 'FROM scratch',
    'src/a': '',
    'src/b.tmp': '',
    secret: '',
  });
  const { entries, dockerfile } = await packed(folder, 'docker/Dockerfile');
  expect(Object.keys(entries)).toEqual(['docker/', 'docker/Dockerfile', 'src/', 'src/a']);
  expect(dockerfile).toBe('docker/Dockerfile');
});

test('a .dockerignore of the Dockerfile replaces the one of the context', async () => {
  const folder = makeFolder({
    '.dockerignore': 'a',
    'Prod.dockerignore': 'b',
    Prod: '',
    a: '',
    b: '',
  });
  const { entries } = await packed(folder, 'Prod');
  expect(Object.keys(entries)).toEqual(['.dockerignore', 'Prod', 'Prod.dockerignore', 'a']);
});

test('a Dockerfile outside the context is sent under a name of its own', async () => {
  const folder = makeFolder({ 'app/a': '', 'docker/Dockerfile': 'FROM scratch' });
  const { entries, dockerfile } = await packed(join(folder, 'app'), '../docker/Dockerfile');
  expect(entries[dockerfile]).toBe('FROM scratch');
  expect(Object.keys(entries)).toContain('a');
});

test('hard links are sent once, rights of folders and times as they are', async () => {
  const folder = makeFolder({ Dockerfile: '', first: 'text', 'shared/a': '' });
  linkSync(join(folder, 'first'), join(folder, 'second'));
  chmodSync(join(folder, 'shared'), 0o3770);
  utimesSync(join(folder, 'first'), 1_700_000_000, 1_700_000_000);
  const { entries, headers, count } = await packed(folder);
  expect(entries).toMatchObject({ first: 'text', second: '= first' });
  expect(count.bytes).toBe(4);
  expect(headers['shared/']?.mode).toBe(0o3770);
  expect(headers['first']?.mtime).toEqual(new Date(1_700_000_000_000));
});

test('sockets and pipes are skipped', async () => {
  const folder = makeFolder({ Dockerfile: '' });
  await listenAt(join(folder, 'socket'));
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  expect(Object.keys((await packed(folder)).entries)).toEqual(['Dockerfile']);
});

test('the size of a file over 8 GB is told', async () => {
  const folder = makeFolder({ big: '' });
  truncateSync(join(folder, 'big'), 9 * 2 ** 30);
  const { tar, done } = await packContext({
    context: folder,
    dockerfile: join(folder, 'Dockerfile'),
  });
  const reader = extract();
  // Nobody waits for the end of what is broken off.
  const ignore = () => undefined;
  for (const stream of [tar, reader]) stream.on('error', ignore);
  done.catch(ignore);
  tar.pipe(reader);
  const header = await new Promise<Header>((resolve) => {
    reader.on('entry', (first, content) => {
      content.on('error', ignore);
      resolve(first);
    });
  });
  tar.destroy();
  expect(header).toMatchObject({ name: 'big', size: 9 * 2 ** 30 });
});

test('a file that shrinks while it is read is named, one that grows is cut where it was', async () => {
  const folder = makeFolder({ Dockerfile: '', log: 'x'.repeat(8 << 20) });
  const log = join(folder, 'log');
  const { entries } = await packed(folder, 'Dockerfile', (name) => {
    if (name === 'log') appendFileSync(log, 'more');
  });
  expect(entries['log']).toBe('x'.repeat(8 << 20));
  const shrunk = packed(folder, 'Dockerfile', (name) => {
    if (name === 'log') truncateSync(log, 4 << 20);
  });
  await expect(shrunk).rejects.toThrow(`${log} in the build context changed while it was read.`);
});

test('what vanishes before it is looked at is left out', async () => {
  const folder = makeFolder({ Dockerfile: '', log: 'x'.repeat(8 << 20), 'm/n': '', z: '' });
  const { entries } = await packed(folder, 'Dockerfile', (name) => {
    if (name !== 'log') return;
    rmSync(join(folder, 'm'), { recursive: true });
    rmSync(join(folder, 'z'));
  });
  expect(Object.keys(entries)).toEqual(['Dockerfile', 'log']);
});

test.each(['secret', 'closed', '.dockerignore'])(
  '%s is named if it is unreadable',
  async (name) => {
    const folder = makeFolder({
      Dockerfile: '',
      secret: '',
      'closed/a': '',
      '.dockerignore': '*.log\n',
    });
    chmodSync(folder, 0o755);
    chmodSync(join(folder, name), 0);
    await expect(asNobody(() => packed(folder))).rejects.toThrow(
      `You have no permission to read ${folder}/${name} in the build context.`,
    );
  },
);

test.runIf(process.platform === 'linux')('a name that is no UTF-8 is told', async () => {
  const folder = makeFolder({ Dockerfile: '' });
  writeFileSync(Buffer.from(`${folder}/caf\xE9`, 'latin1'), '');
  await expect(packed(folder)).rejects.toThrow('not valid UTF-8');
});

test('a folder that is left out comes with what is kept in it', async () => {
  const folder = makeFolder({
    '.dockerignore': '*\n!**/keep\n',
    Dockerfile: '',
    'a/keep': '',
    'a/drop': '',
    'b/drop': '',
  });
  const { entries } = await packed(folder);
  expect(Object.keys(entries)).toEqual(['Dockerfile', 'a/', 'a/keep']);
});

test('a folder that is entered only for the Dockerfile gives nothing else', async () => {
  const folder = makeFolder({
    '.dockerignore': 'deploy\n!app/*\n',
    'deploy/Dockerfile': '',
    'deploy/x/secret': '',
    'deploy/secret': '',
  });
  const { entries } = await packed(folder, 'deploy/Dockerfile');
  expect(Object.keys(entries)).toEqual(['.dockerignore', 'deploy/', 'deploy/Dockerfile']);
});

test('a context may be a link to a folder, and a bad .dockerignore is told at once', async () => {
  const folder = makeFolder({ 'real/Dockerfile': '', 'real/.dockerignore': 'a\n[z-\n' });
  symlinkSync('real', join(folder, 'link'));
  const context = join(folder, 'link');
  await expect(checkContext({ context, dockerfile: join(context, 'Dockerfile') })).rejects.toThrow(
    `the pattern "[z-" in ${context}/.dockerignore, line 2`,
  );
  writeFileSync(join(context, '.dockerignore'), '');
  await checkContext({ context, dockerfile: join(context, 'Dockerfile') });
});
