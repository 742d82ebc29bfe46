import { createReadStream, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { readdir, readlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { unreadable } from './context.ts';
import { compilePatterns } from './dockerignore.ts';
import type { Patterns } from './dockerignore.ts';
import { fields, message } from './protobuf.ts';
import { RpcError } from './session.ts';
import type { Call, Method } from './session.ts';

/** Packets of fsutil's protocol (docker-facts 2.3). */
const PACKET = { stat: 0, request: 1, data: 2, finish: 3 } as const;

/** What was sent of a folder so far: files that the daemon did not have yet. */
export interface Sent {
  files: number;
  bytes: number;
}

/** Which entries of a folder BuildKit wants. */
interface Filter {
  /** Undefined wants all. */
  readonly include: Patterns | undefined;
  readonly exclude: Patterns;
}

/**
 * Serves `FileSync/DiffCopy`: offers every entry of the folder that is asked for, and sends the
 * content of those that the daemon wants. Whatever cannot be read goes to `fail`.
 */
export function serveFiles(
  folders: Readonly<Record<string, string>>,
  sent: Sent,
  fail: (error: unknown) => void,
): Method {
  return async (call) => {
    const root = folders[valuesOf(call, 'dir-name')[0] ?? ''];
    if (root === undefined) throw new RpcError('notFound', 'no such folder is offered');
    try {
      await diffCopy(call, root, sent);
    } catch (error) {
      fail(error);
      throw error;
    }
  };
}

async function diffCopy(call: Call, root: string, sent: Sent): Promise<void> {
  const filter = await filterOf(call, root);
  const offered: string[] = [];
  const offer = async () => {
    let batch: Buffer[] = [];
    for (const { entry, absolute } of walk(root, filter)) {
      offered.push(absolute);
      batch.push(message([1, PACKET.stat], [2, entry]));
      if (batch.length < STATS_AT_ONCE) continue;
      await call.send(...batch);
      // The session answers for its health in between.
      await setImmediate();
      batch = [];
    }
    await call.send(...batch, message([1, PACKET.stat]));
  };
  const reading = new Set<Promise<void>>();
  const answer = async () => {
    for await (const packet of call.messages) {
      const { type, id } = readPacket(packet);
      if (type === PACKET.finish) {
        await call.send(message([1, PACKET.finish]));
        return;
      }
      const file = offered[id];
      if (type !== PACKET.request || file === undefined) continue;
      const task = sendFile(call, id, file, sent);
      reading.add(task);
      // Its error comes out below; here it only makes room.
      void task.catch(() => undefined).then(() => reading.delete(task));
      if (reading.size >= FILES_AT_ONCE) await Promise.race(reading);
    }
  };
  await Promise.all([offer(), answer()]);
}

/** Entries that are offered in one write. */
const STATS_AT_ONCE = 200;
/** Files that are read side by side: memory stays flat. */
const FILES_AT_ONCE = 8;
/** Bytes of one packet of data. */
const CHUNK = 1 << 16;

async function sendFile(call: Call, id: number, path: string, sent: Sent): Promise<void> {
  sent.files += 1;
  try {
    for await (const data of createReadStream(path, { highWaterMark: CHUNK })) {
      const bytes = data as Buffer;
      sent.bytes += bytes.length;
      await call.send(message([1, PACKET.data], [3, id], [4, bytes]));
    }
  } catch (error) {
    unreadable(path, error);
  }
  await call.send(message([1, PACKET.data], [3, id]));
}

function readPacket(bytes: Uint8Array): { readonly type: number; readonly id: number } {
  const packet = { type: PACKET.stat as number, id: 0 };
  for (const [number, value] of fields(bytes)) {
    if (number === 1) packet.type = value as number;
    if (number === 3) packet.id = value as number;
  }
  return packet;
}

interface Entry {
  /** A Stat message. */
  readonly entry: Buffer;
  readonly absolute: string;
}

/**
 * Entries depth first, each folder's in the order of their names' bytes. Read synchronously: that
 * takes a fraction of the time for the thousands of entries that a context may have.
 */
function* walk(
  root: string,
  filter: Filter,
  folder = '',
  links = new Map<string, string>(),
): Generator<Entry> {
  const { include, exclude } = filter;
  for (const name of namesIn(join(root, folder))) {
    const path = folder === '' ? name : `${folder}/${name}`;
    const absolute = join(root, path);
    const isExcluded = exclude.match(path);
    const isIncluded = include?.match(path) ?? true;
    const isWanted = isIncluded && !isExcluded;
    // Below it nothing can be wanted either.
    if (isExcluded && !exclude.reach(path, 'negated')) continue;
    if (!isIncluded && include?.reach(path, 'plain') === false) continue;
    const stat = lstatSync(absolute, { bigint: true, throwIfNoEntry: false });
    // A file that vanished while the folder was read is no part of the context.
    if (stat === undefined) continue;
    if (stat.isDirectory()) {
      const inner = walk(root, filter, path, links);
      const own = { entry: statMessage(path, stat, ''), absolute };
      if (isWanted) {
        yield own;
        yield* inner;
      } else {
        // A folder that is not wanted itself comes only with something in it.
        const first = inner.next();
        if (first.done) continue;
        yield own;
        yield first.value;
        yield* inner;
      }
    } else if (isWanted && stat.isSymbolicLink()) {
      yield { entry: statMessage(path, stat, readlinkSync(absolute)), absolute };
    } else if (isWanted && stat.isFile()) {
      const inode = `${stat.dev}:${stat.ino}`;
      const first = stat.nlink > 1n ? links.get(inode) : undefined;
      if (stat.nlink > 1n && first === undefined) links.set(inode, path);
      yield { entry: statMessage(path, stat, first ?? ''), absolute };
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder, 'buffer')
      .toSorted((a, b) => Buffer.compare(a, b))
      .map((name) => name.toString('utf8'));
  } catch (error) {
    return unreadable(folder, error);
  }
}

/** Bits of Go's `fs.FileMode` that are no permission. */
const GO_MODE = {
  directory: 2n ** 31n,
  symlink: 2n ** 27n,
  setuid: 2n ** 23n,
  setgid: 2n ** 22n,
  sticky: 2n ** 20n,
};

/** fsutil's Stat: owner root, so that the image is the same on every machine. */
function statMessage(path: string, stat: BigIntStats, linkname: string): Buffer {
  const { mode } = stat;
  const goMode =
    (mode & 0o777n) |
    (stat.isDirectory() ? GO_MODE.directory : 0n) |
    (stat.isSymbolicLink() ? GO_MODE.symlink : 0n) |
    (mode & 0o4000n ? GO_MODE.setuid : 0n) |
    (mode & 0o2000n ? GO_MODE.setgid : 0n) |
    (mode & 0o1000n ? GO_MODE.sticky : 0n);
  const hasContent = stat.isFile() && linkname === '';
  return message(
    [1, path],
    [2, goMode],
    [5, hasContent ? stat.size : 0n],
    [6, stat.mtimeNs],
    [7, linkname],
  );
}

/** Values of one header of the request; BuildKit escapes what is not ASCII, and says so. */
function valuesOf({ header }: Call, name: string): readonly string[] {
  const values = header(name);
  return header(`${name}-encoded`).length === 0 ? values : values.map(decodeURIComponent);
}

async function filterOf(call: Call, root: string): Promise<Filter> {
  const followed = await follow(root, valuesOf(call, 'followpaths'));
  const patterns = [...valuesOf(call, 'include-patterns'), ...followed];
  return {
    include: patterns.length === 0 ? undefined : compilePatterns(patterns),
    exclude: compilePatterns(valuesOf(call, 'exclude-patterns')),
  };
}

const LINKS_FOLLOWED = 255;

/** The paths themselves, and what the symbolic links on the way to them lead to. */
async function follow(root: string, paths: readonly string[]): Promise<readonly string[]> {
  const found = new Set<string>();
  const add = async (path: string, depth: number): Promise<void> => {
    const segments = posix
      .normalize(`/${path}`)
      .split('/')
      .filter((part) => part !== '');
    let at = '';
    for (const [index, segment] of segments.entries()) {
      const rest = segments.slice(index + 1).join('/');
      if (/[*?[]/.test(segment)) {
        const { match: matches } = compilePatterns([segment]);
        const names = await readdir(join(root, at)).catch(() => []);
        for (const name of names.filter(matches)) {
          if (depth < LINKS_FOLLOWED) await add(posix.join(at, name, rest), depth + 1);
        }
        break;
      }
      at = at === '' ? segment : `${at}/${segment}`;
      const target = await readlink(join(root, at)).catch(() => undefined);
      if (target === undefined || depth === LINKS_FOLLOWED) continue;
      found.add(at);
      const base = target.startsWith('/') ? '' : posix.dirname(at);
      await add(posix.join(base, target, rest), depth + 1);
      return;
    }
    found.add(segments.join('/'));
  };
  for (const path of paths) await add(path, 0);
  return found.has('') ? [] : [...found];
}
