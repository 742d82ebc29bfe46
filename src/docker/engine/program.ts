import type Docker from 'dockerode';
import { posix } from 'node:path';
import type { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import { isAtLeast } from './api.ts';
import type { Daemon } from './daemon.ts';
import type { LocalImage } from './inspect-image.ts';

/** ELF's `e_machine` values of the CPUs that ECS offers (System V ABI). */
const MACHINES: Readonly<Record<number, string>> = { 0x3e: 'amd64', 0xb7: 'arm64' };

/** Links and interpreters that are followed at most. */
const MAX_HOPS = 5;

/** The program that an image starts, and the CPU architecture that it was compiled for. */
export interface Program {
  readonly path: string;
  readonly architecture: string;
}

/**
 * Reads the ELF header of the program that an image starts, without running it: with `FROM
 * --platform` or a file built on the host, the image's config can be wrong
 * (docs/explanation/how-docker-behaves.md#what-proves-the-architecture).
 *
 * Undefined when it is unknown: there is no command, or the interpreter of a script is missing.
 */
export async function readProgram(
  { docker, apiVersion }: Daemon,
  { name, platform, config }: LocalImage,
): Promise<Program | undefined> {
  const [program] = [...listOf(config.Entrypoint), ...listOf(config.Cmd)];
  if (program === undefined) return undefined;
  const search = config.Env?.find((item) => item.startsWith('PATH='))?.slice(5) ?? '/usr/bin:/bin';
  const paths = program.includes('/')
    ? [posix.resolve('/', config.WorkingDir || '/', program)]
    : search.split(':').map((folder) => posix.join(folder, program));
  let container: Docker.Container;
  try {
    container = await docker.createContainer({
      Image: name,
      // Selects the image of an index.
      ...(isAtLeast(apiVersion, '1.49') && { platform }),
    });
  } catch {
    return undefined;
  }
  try {
    for (const path of paths) {
      const found = await readFrom(container, path, MAX_HOPS);
      if (found !== undefined) return found;
    }
    return undefined;
  } finally {
    await container.remove({ force: true });
  }
}

const listOf = (words: string | string[] | null | undefined): string[] =>
  typeof words === 'string' ? [words] : (words ?? []);

async function readFrom(
  container: Docker.Container,
  path: string,
  hops: number,
): Promise<Program | undefined> {
  const file = hops === 0 ? undefined : await readHead(container, path);
  if (file === undefined) return undefined;
  if (file.link !== undefined) {
    return readFrom(container, posix.resolve(posix.dirname(path), file.link), hops - 1);
  }
  const { head } = file;
  if (head.subarray(0, 4).toString('latin1') === '\u007FELF' && head.length >= 20) {
    const machine = head.readUInt16LE(18);
    const architecture = MACHINES[machine] ?? `ELF machine 0x${machine.toString(16)}`;
    return { path, architecture };
  }
  const interpreter = /^#!\s*(\S+)/.exec(head.toString('latin1'))?.[1];
  return interpreter === undefined ? undefined : readFrom(container, interpreter, hops - 1);
}

/** The start of a file in the container, or the target of a link; undefined when it is missing. */
async function readHead(
  container: Docker.Container,
  path: string,
): Promise<{ readonly head: Buffer; readonly link?: string } | undefined> {
  const archive = await container.getArchive({ path }).catch((error: unknown) => {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined;
    throw error;
  });
  if (archive === undefined) return undefined;
  const reader = extract();
  archive.on('error', (error) => reader.destroy(error));
  archive.pipe(reader);
  try {
    for await (const entry of reader) {
      const { type, linkname } = entry.header;
      if (type === 'symlink' && linkname) return { head: Buffer.alloc(0), link: linkname };
      return { head: await headOf(entry) };
    }
    return undefined;
  } finally {
    // The rest of a large program is not downloaded.
    (archive as Readable).destroy();
  }
}

/** Bytes that hold the ELF header or the interpreter of a script. */
const HEAD = 256;

async function headOf(file: AsyncIterable<unknown>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  for await (const chunk of file) {
    head = Buffer.concat([head, chunk as Buffer]);
    if (head.length >= HEAD) break;
  }
  return head.subarray(0, HEAD);
}
