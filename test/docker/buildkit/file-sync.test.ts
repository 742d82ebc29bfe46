import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { serveFiles } from '../../../src/docker/buildkit/file-sync.ts';
import { fields, message, text } from '../../../src/docker/buildkit/protobuf.ts';
import { asNobody, listenAt, makeFolder } from '../../support/files.ts';

interface Stat {
  readonly path: string;
  readonly mode: number;
  readonly size: number;
  readonly linkname: string;
  readonly bytes: Uint8Array;
}

/** Headers of a call, and what the daemon does with what it is offered. */
interface Daemon {
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  readonly wants?: (path: string) => boolean;
  /** Called when everything is offered, before anything is asked for. */
  readonly onOffered?: () => void;
}

/** Fetches a folder as BuildKit does: takes all offers, asks for files, ends when they are here. */
async function fetchFolder(folder: string, daemon: Daemon = {}) {
  const { headers = {}, wants = () => true, onOffered = () => undefined } = daemon;
  const requests = new PassThrough({ objectMode: true });
  const offers: Stat[] = [];
  const asked = new Set<number>();
  const content: Record<string, string> = {};
  const askOrFinish = () => {
    if (asked.size === 0) requests.write(message([1, 3]));
  };
  const take = (packet: Uint8Array) => {
    const found = new Map(fields(packet));
    const id = (found.get(3) ?? 0) as number;
    const stat = found.get(2) as Uint8Array | undefined;
    const data = found.get(4);
    if (found.get(1) === 3) requests.end();
    else if (stat !== undefined) offers.push(readStat(stat));
    else if (found.get(1) === undefined) {
      onOffered();
      for (const [index, { path, mode, linkname }] of offers.entries()) {
        if (mode >= 2 ** 27 || linkname !== '' || !wants(path)) continue;
        asked.add(index);
        requests.write(message([1, 1], [3, index]));
      }
      askOrFinish();
    } else {
      const path = offers[id]?.path ?? '';
      content[path] = (content[path] ?? '') + text(data);
      if (data !== undefined) return;
      asked.delete(id);
      askOrFinish();
    }
  };
  const failures: unknown[] = [];
  const sent = { files: 0, bytes: 0 };
  await serveFiles({ context: folder }, sent, (error) => failures.push(error))({
    header: (name) => ({ 'dir-name': ['context'], ...headers })[name] ?? [],
    messages: requests,
    send: async (...packets) => packets.forEach(take),
  }).catch((error: unknown) => {
    throw failures[0] === error ? error : new Error('the failure was not told');
  });
  return { offers, paths: offers.map(({ path }) => path), content, sent };
}

function readStat(bytes: Uint8Array): Stat {
  const found = new Map(fields(bytes));
  return {
    path: text(found.get(1)),
    mode: found.get(2) as number,
    size: (found.get(5) ?? 0) as number,
    linkname: text(found.get(7)),
    bytes,
  };
}

/** Bits of Go's `fs.FileMode`. */
const GO = { folder: 2 ** 31, link: 2 ** 27, setuid: 2 ** 23, setgid: 2 ** 22, sticky: 2 ** 20 };

test('entries are offered as they are', async () => {
  const long = `${'d'.repeat(180)}/${'f'.repeat(180)}`;
  const folder = makeFolder({ file: 'text', '한글 😀': 'two', [long]: 'deep' });
  linkSync(join(folder, 'file'), join(folder, 'same'));
  symlinkSync('file', join(folder, 'link'));
  symlinkSync('/nowhere', join(folder, 'dangling'));
  symlinkSync('shared', join(folder, 'to-folder'));
  mkdirSync(join(folder, 'shared'));
  chmodSync(join(folder, 'shared'), 0o3770);
  chmodSync(join(folder, 'file'), 0o4750);
  utimesSync(join(folder, 'file'), 1_700_000_000, 1_700_000_000.123_456_7);
  const { offers, content } = await fetchFolder(folder);
  expect(offers.map(({ path, mode, size, linkname }) => [path, mode, size, linkname])).toEqual([
    ['dangling', GO.link + 0o777, 0, '/nowhere'],
    ['d'.repeat(180), GO.folder + 0o755, 0, ''],
    [long, 0o644, 4, ''],
    ['file', GO.setuid + 0o750, 4, ''],
    ['link', GO.link + 0o777, 0, 'file'],
    ['same', GO.setuid + 0o750, 0, 'file'],
    ['shared', GO.folder + GO.setgid + GO.sticky + 0o770, 0, ''],
    ['to-folder', GO.link + 0o777, 0, 'shared'],
    ['한글 😀', 0o644, 3, ''],
  ]);
  expect(content).toEqual({ file: 'text', '한글 😀': 'two', [long]: 'deep' });
  const { mtimeNs } = lstatSync(join(folder, 'file'), { bigint: true });
  expect(mtimeNs % 1_000_000n).not.toBe(0n);
  expect(Buffer.from(offers[3]?.bytes ?? []).includes(Buffer.from(message([6, mtimeNs])))).toBe(
    true,
  );
});

test('sockets and pipes are skipped', async () => {
  const folder = makeFolder({ file: '' });
  await listenAt(join(folder, 'socket'));
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  expect((await fetchFolder(folder)).paths).toEqual(['file']);
});

test('a file of 9 GB is offered with its size, and not read', async () => {
  const folder = makeFolder({ big: '' });
  truncateSync(join(folder, 'big'), 9 * 2 ** 30);
  const { offers, sent } = await fetchFolder(folder, { wants: () => false });
  expect(offers[0]?.size).toBe(9 * 2 ** 30);
  expect(sent).toEqual({ files: 0, bytes: 0 });
});

test('more files than are read side by side arrive whole', async () => {
  const files = Object.fromEntries(
    Array.from({ length: 40 }, (_, index) => [`${index}`, `${index}`.repeat(100_000)]),
  );
  const { content, sent } = await fetchFolder(makeFolder(files));
  expect(content).toEqual(files);
  expect(sent).toEqual({ files: 40, bytes: Object.values(files).join('').length });
});

test('a file that vanishes after it was offered fails the build, with its name', async () => {
  const folder = makeFolder({ a: 'a', 'in/b': 'b' });
  const onOffered = () => rmSync(join(folder, 'in'), { recursive: true });
  await expect(fetchFolder(folder, { onOffered })).rejects.toThrow(
    `${folder}/in/b in the build context was deleted before it was read.`,
  );
});

test('a file that shrinks fails the build, one that grows is sent as it is', async () => {
  const folder = makeFolder({ log: 'line\n' });
  const log = join(folder, 'log');
  const grown = await fetchFolder(folder, { onOffered: () => appendFileSync(log, 'more\n') });
  expect(grown.content).toEqual({ log: 'line\nmore\n' });
  await expect(fetchFolder(folder, { onOffered: () => truncateSync(log, 3) })).rejects.toThrow(
    `${log} in the build context changed while it was read.`,
  );
});

test.each([
  ['file', 'secret'],
  ['folder', 'closed'],
])('an unreadable %s is named, unless it is left out', async (_, name) => {
  const folder = makeFolder({ a: '', secret: '', 'closed/file': '' });
  chmodSync(folder, 0o755);
  chmodSync(join(folder, name), 0);
  const excluding = (...patterns: readonly string[]) =>
    asNobody(() => fetchFolder(folder, { headers: { 'exclude-patterns': patterns } }));
  await expect(excluding()).rejects.toThrow(
    `You have no permission to read ${folder}/${name} in the build context.`,
  );
  expect((await excluding('secret', 'closed')).paths).toEqual(['a']);
  expect((await excluding('secret', 'closed', '!**/kept')).paths).toEqual(['a']);
});

/** Some file systems take no other names. */
test.runIf(process.platform === 'linux')('a name that is no UTF-8 is told', async () => {
  const folder = makeFolder({ a: '' });
  writeFileSync(Buffer.from(`${folder}/caf\xE9`, 'latin1'), '');
  await expect(fetchFolder(folder)).rejects.toThrow(
    `${folder}/caf\uFFFD in the build context has a name or a link target that is not valid UTF-8.`,
  );
  const headers = { 'exclude-patterns': ['caf?'] };
  expect((await fetchFolder(folder, { headers })).paths).toEqual(['a']);
});

test('a link to a name that is no UTF-8 is told', async () => {
  const folder = makeFolder();
  symlinkSync(Buffer.from('caf\xE9', 'latin1'), join(folder, 'link'));
  await expect(fetchFolder(folder)).rejects.toThrow('not valid UTF-8');
});

test('patterns that are not ASCII are understood, from old daemons and from new ones', async () => {
  const folder = makeFolder({ 한글: '', 'a b': '', 'c+d': '', other: '' });
  const raw = Buffer.from('한글', 'utf8').toString('latin1');
  const old = { 'exclude-patterns': [raw, 'a b', 'c+d'] };
  expect((await fetchFolder(folder, { headers: old })).paths).toEqual(['other']);
  const escaped = ['%ED%95%9C%EA%B8%80', 'a+b', 'c%2Bd'];
  const recent = { 'exclude-patterns': escaped, 'exclude-patterns-encoded': ['1'] };
  expect((await fetchFolder(folder, { headers: recent })).paths).toEqual(['other']);
});

test('a folder comes only with something in it if it is not wanted itself', async () => {
  const folder = makeFolder({ 'a/keep': '', 'a/drop': '', 'b/drop': '' });
  mkdirSync(join(folder, 'empty'));
  const excluded = { 'exclude-patterns': ['*', '!**/keep'] };
  expect((await fetchFolder(folder, { headers: excluded })).paths).toEqual(['a', 'a/keep']);
  const included = { followpaths: ['a/keep', 'empty'] };
  expect((await fetchFolder(folder, { headers: included })).paths).toEqual([
    'a',
    'a/keep',
    'empty',
  ]);
});

test('a pattern of .dockerignore that docker refuses fails the build, with the pattern', async () => {
  const headers = { 'exclude-patterns': ['[a-'] };
  await expect(fetchFolder(makeFolder(), { headers })).rejects.toThrow('the pattern "[a-"');
});
