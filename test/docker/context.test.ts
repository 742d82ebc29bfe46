import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import { expect, test } from 'vitest';
import { packContext } from '../../src/docker/context.ts';
import { makeFolder } from '../support/files.ts';

/** Packs a folder and reads the tar back: content by path, links as `→ target`. */
async function packed(folder: string, dockerfile = 'Dockerfile') {
  const stream = await packContext(folder, join(folder, dockerfile));
  const entries: Record<string, string> = {};
  const modes: Record<string, number | undefined> = {};
  const reader = extract();
  stream.tar.pipe(reader);
  for await (const entry of reader) {
    const { name, type, linkname, mode } = entry.header;
    const content = (await buffer(entry)).toString('utf8');
    entries[name] = type === 'symlink' ? `→ ${linkname}` : content;
    modes[name] = mode;
  }
  return { entries, modes, dockerfile: stream.dockerfile, count: await stream.done };
}

test('files, folders, links, modes and long and unicode names arrive as they are', async () => {
  const long = `${'d'.repeat(200)}/${'f'.repeat(200)}`;
  const folder = makeFolder({ Dockerfile: 'FROM scratch', 'a b/한글.txt': 'text', [long]: 'deep' });
  symlinkSync('a b/한글.txt', join(folder, 'link'));
  symlinkSync('/nowhere', join(folder, 'dangling'));
  mkdirSync(join(folder, 'empty'));
  chmodSync(join(folder, 'a b/한글.txt'), 0o4755);
  const { entries, modes, count } = await packed(folder);
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
  expect(modes['a b/한글.txt']).toBe(0o4755);
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
  expect(Object.keys(entries)).toEqual(['docker/Dockerfile', 'src/', 'src/a']);
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
