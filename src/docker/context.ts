import { createReadStream } from 'node:fs';
import { access, lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import type { Pack } from 'tar-stream';
import { EcsDeployError } from '../errors.ts';
import { compileIgnoreFile } from './dockerignore.ts';
import type { Patterns } from './dockerignore.ts';

/** A build context on its way to the daemon. */
export interface ContextStream {
  readonly tar: Pack;
  /** Path of the Dockerfile inside the tar. */
  readonly dockerfile: string;
  /** Resolves when everything is in the tar; rejects when a file cannot be read. */
  readonly done: Promise<{ readonly files: number; readonly bytes: number }>;
}

/** Name in the tar of a Dockerfile that lies outside the context. */
const OUTSIDE_DOCKERFILE = '.ecsdeploy.Dockerfile';

/**
 * Throws `context-missing` or `dockerfile-missing`, naming the path and the setting, and
 * `dockerignore-invalid`, naming the pattern.
 */
export async function checkContext(context: string, dockerfile: string): Promise<void> {
  const folder = await lstat(context).catch(() => undefined);
  if (folder?.isDirectory() !== true) {
    throw new EcsDeployError({
      code: 'context-missing',
      message: `The build context ${context} is not a folder.`,
      hint: 'give it with --context DIR or "build.context" in .ecsdeployrc',
    });
  }
  const readable = await access(dockerfile).then(
    () => true,
    () => false,
  );
  if (readable) {
    await readIgnoreFile(context, dockerfile);
    return;
  }
  const there = await readdir(dirname(dockerfile)).catch(() => []);
  const similar = there.filter((name) => /dockerfile|containerfile/i.test(name));
  throw new EcsDeployError({
    code: 'dockerfile-missing',
    message: `There is no Dockerfile at ${dockerfile}.`,
    hint: `give it with --dockerfile FILE or "build.dockerfile" in .ecsdeployrc${similar.length > 0 ? `; in that folder: ${similar.join(', ')}` : ''}; to deploy an image that exists use --image`,
  });
}

/** Packs the context into a tar as docker would send it: `.dockerignore` applied, owner root. */
export async function packContext(context: string, dockerfile: string): Promise<ContextStream> {
  const ignore = await readIgnoreFile(context, dockerfile);
  const inside = relative(context, dockerfile).split(sep).join('/');
  const outside = inside.startsWith('../') || inside === '..';
  const archive = pack();
  const run = async () => {
    const count = { files: 0, bytes: 0 };
    if (outside) {
      await addBuffer(archive, OUTSIDE_DOCKERFILE, await readFile(dockerfile), 0o644, new Date(0));
    }
    await addFolder({ archive, context, ignore, keep: outside ? '' : inside, count }, '');
    archive.finalize();
    return count;
  };
  const done = run();
  done.catch((error: unknown) => archive.destroy(error as Error));
  return { tar: archive, dockerfile: outside ? OUTSIDE_DOCKERFILE : inside, done };
}

/** `<Dockerfile>.dockerignore` beside the Dockerfile replaces the context's `.dockerignore`. */
async function readIgnoreFile(context: string, dockerfile: string): Promise<Patterns> {
  for (const file of [`${dockerfile}.dockerignore`, join(context, '.dockerignore')]) {
    const source = await readFile(file, 'utf8').catch(() => undefined);
    if (source !== undefined) return compileIgnoreFile(source, file);
  }
  return compileIgnoreFile('', '.dockerignore');
}

interface Walk {
  readonly archive: Pack;
  readonly context: string;
  readonly ignore: Patterns;
  /** The Dockerfile: the daemon needs it even when it is ignored. */
  readonly keep: string;
  readonly count: { files: number; bytes: number };
}

/** Files up to this size are read whole, so that one that changes meanwhile cannot break the tar. */
const WHOLE_FILE = 1 << 20;

/** Below a folder that is only entered for the Dockerfile. */
const EVERYTHING: Patterns = { match: () => true, reach: () => false };

async function addFolder(walk: Walk, folder: string): Promise<void> {
  const { archive, context, ignore, keep, count } = walk;
  const names = await readdir(join(context, folder)).catch((error: unknown) =>
    unreadable(join(context, folder), error),
  );
  for (const name of names.toSorted()) {
    const path = folder === '' ? name : `${folder}/${name}`;
    const absolute = join(context, path);
    const ignored = ignore.match(path) && path !== keep;
    const closed = ignored && !ignore.reach(path, 'negated');
    if (closed && !keep.startsWith(`${path}/`)) continue;
    const stat = await lstat(absolute).catch(() => undefined);
    // A file that vanished while the folder was read is not part of the context.
    if (stat === undefined) continue;
    const mode = stat.mode & 0o7777;
    if (stat.isDirectory()) {
      if (!ignored) archive.entry({ name: `${path}/`, type: 'directory', mode, mtime: stat.mtime });
      await addFolder(closed ? { ...walk, ignore: EVERYTHING } : walk, path);
    } else if (ignored) {
      continue;
    } else if (stat.isSymbolicLink()) {
      const linkname = await readlink(absolute);
      archive.entry({ name: path, type: 'symlink', linkname, mode, mtime: stat.mtime });
    } else if (stat.isFile()) {
      count.files += 1;
      count.bytes += stat.size;
      if (stat.size <= WHOLE_FILE) {
        const content = await readFile(absolute).catch((error: unknown) =>
          unreadable(absolute, error),
        );
        await addBuffer(archive, path, content, mode, stat.mtime);
      } else {
        const entry = archive.entry({ name: path, mode, mtime: stat.mtime, size: stat.size });
        await pipeline(createReadStream(absolute, { end: stat.size - 1 }), entry).catch(
          (error: unknown) => unreadable(absolute, error),
        );
      }
    }
  }
}

function addBuffer(
  archive: Pack,
  name: string,
  content: Buffer,
  mode: number,
  mtime: Date,
): Promise<void> {
  return new Promise((resolve, reject) => {
    archive.entry({ name, mode, mtime }, content, (error) => {
      if (error === undefined || error === null) resolve();
      else reject(error);
    });
  });
}

/** Says which file of the context cannot be read. */
export function unreadable(path: string, error: unknown): never {
  throw new EcsDeployError({
    code: 'context-missing',
    message: `${path} in the build context cannot be read: ${(error as Error).message}`,
    hint: 'make it readable, or name it in .dockerignore if the image does not need it',
    cause: error,
  });
}
