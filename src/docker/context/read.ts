import { createReadStream, readFileSync } from 'node:fs';
import { EcsDeployError } from '../../errors.ts';

/** Bytes that are read at once and sent as one packet: each packet costs the daemon time. */
const CHUNK = 1 << 18;

/** Size in bytes up to which a file is read synchronously: a stream takes several times as long. */
const SMALL_FILE = 1 << 16;

/**
 * Content of a file of the context, up to `end` bytes. Throws `context-missing`, naming the file,
 * when it cannot be read or is now shorter than `size`.
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
    throwUnreadable(path, error);
  }
  if (length < size) throwChanged(path, 'changed while it was read');
}

/** The result of reading a path of the context; undefined when nothing is there any more. */
export function unlessGone<T>(path: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isGone(error)) return undefined;
    return throwUnreadable(path, error);
  }
}

/** Throws `context-missing` for a path of the context that cannot be read. */
export function throwUnreadable(path: string, error: unknown): never {
  if (isGone(error)) throwChanged(path, 'was deleted before it was read');
  throw new EcsDeployError({
    code: 'context-missing',
    message: isDenied(error)
      ? `You have no permission to read ${path} in the build context.`
      : `${path} in the build context cannot be read: ${(error as Error).message}`,
    hint: 'make it readable (chmod, chown), or add it to .dockerignore if the image does not need it',
    cause: error,
  });
}

function throwChanged(path: string, change: string): never {
  throw new EcsDeployError({
    code: 'context-missing',
    message: `${path} in the build context ${change}.`,
    hint: 'another process writes to the build context: build again when it is done, or add the file to .dockerignore if the image does not need it',
  });
}

export function isDenied(error: unknown): boolean {
  return ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');
}

function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
}
