import { readdir, readlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { unescape } from 'node:querystring';
import { setImmediate } from 'node:timers/promises';
import { EcsDeployError } from '../../errors.ts';
import { compilePatterns } from '../context/dockerignore.ts';
import type { Patterns } from '../context/dockerignore.ts';
import { readContent } from '../context/read.ts';
import { walk } from '../context/walk.ts';
import type { Entry, Filter } from '../context/walk.ts';
import { rpcError } from './grpc.ts';
import type { Call, Method } from './grpc.ts';
import { fields, message } from './protobuf.ts';

/** Packets of fsutil's protocol (docs/explanation/how-docker-behaves.md#how-files-are-sent). */
const PACKET = { stat: 0, request: 1, data: 2, finish: 3 } as const;

/** What was sent so far: the files that the daemon did not have yet. */
export interface Sent {
  files: number;
  bytes: number;
}

/**
 * Serves `FileSync/DiffCopy`: offers every entry of the requested folder and sends the content of
 * those that the daemon requests. A file that cannot be read is reported to `fail`.
 *
 * BuildKit reads `.dockerignore` and sends its patterns back in headers, which take about 140 kB:
 * a longer list is given as `ignored`, hidden from BuildKit, and applied here.
 */
export function serveFiles(
  folders: Readonly<Record<string, string>>,
  sent: Sent,
  fail: (error: unknown) => void,
  ignored?: Patterns,
): Method {
  let isIgnoreFileRead = false;
  const excluded = (call: Call, folder: string): Patterns => {
    const isNamed = folder !== 'context' && folder !== 'dockerfile';
    if (ignored === undefined || isNamed)
      return compilePatterns(valuesOf(call, 'exclude-patterns'));
    const paths = valuesOf(call, 'followpaths');
    const isFirst = !isIgnoreFileRead && paths.length === 1 && paths[0] === '.dockerignore';
    isIgnoreFileRead ||= isFirst;
    return folder === 'dockerfile' || isFirst ? IGNORE_FILES : ignored;
  };
  return async (call) => {
    const folder = valuesOf(call, 'dir-name')[0] ?? '';
    const root = folders[folder];
    if (root === undefined) throw rpcError('notFound', 'no such folder is offered');
    try {
      await diffCopy(call, root, await filterOf(call, root, excluded(call, folder)), sent);
    } catch (error) {
      // The daemon reports all other errors in its own answer.
      if (error instanceof EcsDeployError) fail(error);
      throw error;
    }
  };
}

const IGNORE_FILES = compilePatterns(['*.dockerignore']);

/** What is kept of an entry until the daemon requests it: its stat would take ten times the memory. */
interface Offered {
  readonly absolute: string;
  /** Bytes. */
  readonly size: number;
}

async function diffCopy(call: Call, root: string, filter: Filter, sent: Sent): Promise<void> {
  const offered: Offered[] = [];
  const offer = async () => {
    let batch: Uint8Array[] = [];
    for (const entry of walk(root, filter)) {
      offered.push({ absolute: entry.absolute, size: Number(entry.stat.size) });
      batch.push(message([1, PACKET.stat], [2, statMessage(entry)]));
      if (batch.length < STATS_AT_ONCE) continue;
      await call.send(...batch);
      // Lets the session answer health checks in between.
      await setImmediate();
      batch = [];
    }
    await call.send(...batch, message([1, PACKET.stat]));
  };
  const answer = async (failed: Promise<never>) => {
    const reading = new Set<Promise<void>>();
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
      task.then(() => reading.delete(task), fail);
      if (reading.size >= FILES_AT_ONCE) await Promise.race([failed, ...reading]);
    }
  };
  let fail: (error: unknown) => void = () => undefined;
  // The daemon waits forever for a file that failed: only this rejection ends the call.
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  await Promise.race([failed, Promise.all([offer(), answer(failed)])]);
}

/** Entries that are offered in one write. */
const STATS_AT_ONCE = 200;
/** Files that are read at the same time: a few keep memory use low. */
const FILES_AT_ONCE = 8;

async function sendFile(
  call: Call,
  id: number,
  { absolute, size }: Offered,
  sent: Sent,
): Promise<void> {
  const last: Uint8Array[] = [];
  let left = size;
  sent.files += 1;
  for await (const bytes of readContent(absolute, left)) {
    const packet = message([1, PACKET.data], [3, id], [4, bytes]);
    sent.bytes += bytes.length;
    left -= bytes.length;
    if (left === 0) last.push(packet);
    else await call.send(...last.splice(0), packet);
  }
  // One write: most files are a single packet and the end.
  await call.send(...last, message([1, PACKET.data], [3, id]));
}

function readPacket(bytes: Uint8Array): { readonly type: number; readonly id: number } {
  const packet = { type: PACKET.stat as number, id: 0 };
  for (const [number, value] of fields(bytes)) {
    if (number === 1) packet.type = value as number;
    if (number === 3) packet.id = value as number;
  }
  return packet;
}

/** Bits of Go's `fs.FileMode` beside the permissions. */
const GO_MODE = {
  directory: 2 ** 31,
  symlink: 2 ** 27,
  setuid: 2 ** 23,
  setgid: 2 ** 22,
  sticky: 2 ** 20,
};

/** fsutil's Stat, with owner root, so that the image is the same on every machine. */
function statMessage({ kind, path, stat, linkname }: Entry): Uint8Array {
  const mode = Number(stat.mode);
  const goMode =
    (mode & 0o777) +
    (kind === 'folder' ? GO_MODE.directory : 0) +
    (kind === 'link' ? GO_MODE.symlink : 0) +
    (mode & 0o4000 ? GO_MODE.setuid : 0) +
    (mode & 0o2000 ? GO_MODE.setgid : 0) +
    (mode & 0o1000 ? GO_MODE.sticky : 0);
  const hasContent = kind === 'file' && linkname === '';
  return message(
    [1, path],
    [2, goMode],
    [5, hasContent ? Number(stat.size) : 0],
    [6, stat.mtimeNs],
    [7, linkname],
  );
}

/**
 * Values of one header of the request. BuildKit form-encodes values that are not ASCII and marks
 * them; older versions send raw UTF-8, which Node reads as Latin-1.
 */
function valuesOf({ header }: Call, name: string): readonly string[] {
  const isEscaped = header(`${name}-encoded`).length > 0;
  return header(name).map((value) =>
    isEscaped
      ? unescape(value.replaceAll('+', ' '))
      : Buffer.from(value, 'latin1').toString('utf8'),
  );
}

async function filterOf(call: Call, root: string, exclude: Patterns): Promise<Filter> {
  const followed = await followLinks(root, valuesOf(call, 'followpaths'));
  const patterns = [...valuesOf(call, 'include-patterns'), ...followed];
  return {
    include: patterns.length === 0 ? undefined : compilePatterns(patterns),
    exclude,
  };
}

/** The limit of fsutil. */
const MAX_LINKS = 255;

/** The paths and the targets of the symbolic links on the way to them. */
async function followLinks(root: string, paths: readonly string[]): Promise<readonly string[]> {
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
          if (depth < MAX_LINKS) await add(posix.join(at, name, rest), depth + 1);
        }
        break;
      }
      at = at === '' ? segment : `${at}/${segment}`;
      const target = await readlink(join(root, at)).catch(() => undefined);
      if (target === undefined || depth === MAX_LINKS) continue;
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
