import type { IncomingMessage } from 'node:http';
import type Docker from 'dockerode';
import { posix } from 'node:path';
import { extract } from 'tar-stream';
import { startOf } from '../../core/start.ts';
import type { Overrides, Trace } from '../../core/start.ts';
import { isAtLeast } from './api.ts';
import type { Daemon } from './daemon.ts';
import type { LocalImage } from './inspect-image.ts';
import { HEAD_BYTES, isNowhere, traceStart } from './trace-start.ts';
import type { ImageFile } from './trace-start.ts';

/** The defaults of a container in an image's config. */
export interface ContainerConfig {
  readonly Entrypoint?: string | string[] | null | undefined;
  readonly Cmd?: string | string[] | null | undefined;
  readonly WorkingDir?: string | undefined;
  readonly Env?: string[] | null | undefined;
}

/** Follows what containers start, given how to read the files of their image. */
export async function traceIn(
  { Entrypoint, Cmd, WorkingDir, Env }: ContainerConfig,
  overrides: readonly (Overrides | undefined)[],
  readFrom: (path: string) => Promise<ImageFile>,
): Promise<readonly Trace[]> {
  const image = {
    entryPoint: listOf(Entrypoint),
    command: listOf(Cmd),
    directory: posix.resolve('/', WorkingDir || '/'),
    path: Env?.find((item) => item.startsWith('PATH='))?.slice(5),
  };
  const files = new Map<string, Promise<ImageFile>>();
  const read = (path: string) => {
    const reading = files.get(path) ?? readFrom(path);
    files.set(path, reading);
    return reading;
  };
  const traces: Trace[] = [];
  for (const override of overrides) traces.push(await traceStart(startOf(image, override), read));
  return traces;
}

/**
 * Follows what containers of an image start, by itself or with the overrides of task definitions,
 * without running it: with `FROM --platform` or a file built on the host, the image's config can be
 * wrong about the CPU (docs/explanation/how-docker-behaves.md#what-proves-the-architecture).
 *
 * Undefined where the daemon does not let its images be read.
 */
export async function traceStarts(
  { docker, apiVersion }: Daemon,
  { name, platform, config }: LocalImage,
  overrides: readonly (Overrides | undefined)[],
): Promise<readonly Trace[] | undefined> {
  let container: Docker.Container;
  try {
    container = await docker.createContainer({
      Image: name,
      // An image without a command can be looked into, too.
      Cmd: ['-'],
      // Selects the image of an index.
      ...(isAtLeast(apiVersion, '1.49') && { platform }),
    });
  } catch {
    return undefined;
  }
  try {
    return await traceIn(config, overrides, (path) => readFile(container, path));
  } finally {
    // Creating it has created a volume for each VOLUME of the image.
    await container.remove({ force: true, v: true });
  }
}

const listOf = (words: string | string[] | null | undefined): string[] =>
  typeof words === 'string' ? [words] : (words ?? []);

async function readFile(container: Docker.Container, path: string): Promise<ImageFile> {
  const answer = await container.getArchive({ path }).catch((error: unknown) => {
    const { statusCode, message } = error as { statusCode?: number; message: string };
    if (statusCode === 404 || isNowhere(message)) return undefined;
    throw error;
  });
  if (answer === undefined) return { kind: 'missing' };
  const archive = answer as IncomingMessage;
  const reader = extract();
  archive.on('error', (error) => reader.destroy(error));
  archive.pipe(reader);
  try {
    for await (const entry of reader) {
      const { type, mode } = entry.header;
      if (type === 'directory') return { kind: 'folder' };
      if (type === 'symlink')
        return { kind: 'link', target: targetOf(archive, path, entry.header) };
      if (type !== 'file') return { kind: 'special' };
      return { kind: 'file', mode, head: await headOf(entry) };
    }
    return { kind: 'special' };
  } finally {
    // The rest of a large program is not downloaded.
    archive.destroy();
  }
}

/** Where a link leads: the daemon follows the links in its folders, too. */
function targetOf(
  { headers }: IncomingMessage,
  path: string,
  { linkname }: { readonly linkname?: string | null },
): string {
  const stat = Buffer.from(String(headers['x-docker-container-path-stat'] ?? ''), 'base64');
  const [, target] = /"linkTarget":"(\/[^"\\]+)"/.exec(stat.toString('utf8')) ?? [];
  return target ?? posix.resolve(posix.dirname(path), linkname ?? '');
}

async function headOf(file: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of file) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size >= HEAD_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, HEAD_BYTES);
}
