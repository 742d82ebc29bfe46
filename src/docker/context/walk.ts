import { isUtf8 } from 'node:buffer';
import { createReadStream, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { EcsDeployError } from '../../errors.ts';
import type { Patterns } from './dockerignore.ts';

/** Which entries of a folder are wanted. */
export interface Filter {
  /** Undefined wants all. */
  readonly include?: Patterns | undefined;
  readonly exclude: Patterns;
  /** A path that is wanted whatever excludes it. */
  readonly keep?: string | undefined;
}

/** One entry of a folder; sockets, pipes and devices are none. */
export interface Entry {
  readonly kind: 'folder' | 'link' | 'file';
  /** Relative, with `/`. */
  readonly path: string;
  readonly absolute: string;
  readonly stat: BigIntStats;
  /** Where a symbolic link leads; of a file, the path of an earlier one that is the same inode. */
  readonly linkname: string;
}

/** Nothing of what lies below a folder. */
const EVERYTHING: Patterns = { match: () => true, reach: () => false };

/**
 * Entries that are wanted, depth first, each folder's in the order of their names' bytes. What
 * vanishes meanwhile is left out. Read synchronously: that takes a fraction of the time for the
 * thousands of entries that a context may have.
 *
 * Throws `context-missing`, naming what cannot be read.
 */
export function walk(root: string, filter: Filter): Generator<Entry> {
  return walkFolder(root, filter, '', true, new Map());
}

function* walkFolder(
  root: string,
  filter: Filter,
  folder: string,
  isFolderWanted: boolean,
  /** The first path of each inode that has several. */
  inodes: Map<string, string>,
): Generator<Entry> {
  const { include, exclude, keep } = filter;
  const prefix = join(root, folder, '/');
  for (const bytes of namesIn(join(root, folder), isFolderWanted)) {
    const name = bytes.toString('utf8');
    const path = folder === '' ? name : `${folder}/${name}`;
    const absolute = `${prefix}${name}`;
    const isKept = path === keep;
    const isExcluded = exclude.match(path) && !isKept;
    const isIncluded = include?.match(path) ?? true;
    const isWanted = isIncluded && !isExcluded;
    const leadsToKept = keep?.startsWith(`${path}/`) === true;
    // Below it nothing can be wanted either.
    const isClosed = isExcluded && !exclude.reach(path, 'negated');
    if (isClosed && !leadsToKept) continue;
    if (!isIncluded && include?.reach(path, 'plain') === false) continue;
    if (isWanted) checkName(bytes, absolute);
    const stat = unlessGone(absolute, () => lstatSync(absolute, { bigint: true }));
    if (stat === undefined) continue;
    if (stat.isDirectory()) {
      const below = isClosed ? { ...filter, exclude: EVERYTHING } : filter;
      const inner = walkFolder(root, below, path, isWanted, inodes);
      // A folder that is not wanted itself comes only with something in it.
      const first = isWanted ? undefined : inner.next();
      if (first?.done === true) continue;
      yield { kind: 'folder', path, absolute, stat, linkname: '' };
      if (first !== undefined) yield first.value;
      yield* inner;
    } else if (isWanted && stat.isSymbolicLink()) {
      const target = unlessGone(absolute, () => readlinkSync(absolute, 'buffer'));
      if (target === undefined) continue;
      checkName(target, absolute);
      yield { kind: 'link', path, absolute, stat, linkname: target.toString('utf8') };
    } else if (isWanted && stat.isFile()) {
      const linkname = stat.nlink > 1n ? firstOf(inodes, stat, path) : '';
      yield { kind: 'file', path, absolute, stat, linkname };
    }
  }
}

/** The first path of a file's inode; empty when it is this one. */
function firstOf(inodes: Map<string, string>, { dev, ino }: BigIntStats, path: string): string {
  const inode = `${dev}:${ino}`;
  const first = inodes.get(inode);
  if (first === undefined) inodes.set(inode, path);
  return first ?? '';
}

function namesIn(folder: string, isWanted: boolean): readonly Buffer[] {
  const read = () => {
    try {
      return readdirSync(folder, 'buffer');
    } catch (error) {
      // Docker too passes over what it only looks through for exceptions.
      if (!isWanted && isDenied(error)) return [];
      throw error;
    }
  };
  return unlessGone(folder, read)?.toSorted((a, b) => Buffer.compare(a, b)) ?? [];
}

/** What is read of a path; undefined when nothing is there any more. */
function unlessGone<T>(path: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isGone(error)) return undefined;
    return unreadable(path, error);
  }
}

function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
}

function isDenied(error: unknown): boolean {
  return ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** The protocol and the tar hold names as text: other bytes would arrive as another name. */
function checkName(bytes: Uint8Array, path: string): void {
  if (isUtf8(bytes)) return;
  throw new EcsDeployError({
    code: 'context-missing',
    message: `${path} in the build context has a name, or leads to one, that is no valid UTF-8.`,
    hint: 'rename it, or name it in .dockerignore (with ? for the broken characters)',
  });
}

/**
 * Content of a file of the context, up to `end` bytes. Throws `context-missing`, naming the file,
 * when it cannot be read or has less than the `size` that it had.
 */
export async function* readContent(
  path: string,
  size: number,
  end = Infinity,
): AsyncGenerator<Buffer> {
  let length = 0;
  try {
    const parts =
      size <= SMALL_FILE
        ? [readFileSync(path).subarray(0, end)]
        : createReadStream(path, { highWaterMark: CHUNK, end: end - 1 });
    for await (const part of parts) {
      const bytes = part as Buffer;
      length += bytes.length;
      if (bytes.length > 0) yield bytes;
    }
  } catch (error) {
    unreadable(path, error);
  }
  if (length < size) explainChange(path, 'changed while it was read');
}

/** Bytes that are read at once, and sent as one packet, which has a price of its own for the daemon. */
const CHUNK = 1 << 18;

/** Bytes of a file up to which it is read synchronously: a stream takes several times as long. */
const SMALL_FILE = 1 << 16;

/** Says which path of the context cannot be read, and why. */
export function unreadable(path: string, error: unknown): never {
  if (isGone(error)) explainChange(path, 'was deleted before it was read');
  throw new EcsDeployError({
    code: 'context-missing',
    message: isDenied(error)
      ? `You have no permission to read ${path} in the build context.`
      : `${path} in the build context cannot be read: ${(error as Error).message}`,
    hint: 'make it readable (chmod, chown), or name it in .dockerignore if the image does not need it',
    cause: error,
  });
}

function explainChange(path: string, what: string): never {
  throw new EcsDeployError({
    code: 'context-missing',
    message: `${path} in the build context ${what}.`,
    hint: 'something writes into the context during the build: build again when it is done, or name the file in .dockerignore if the image does not need it',
  });
}
