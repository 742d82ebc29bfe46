import { access, readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import type { Header, Pack } from 'tar-stream';
import { EcsDeployError } from '../../errors.ts';
import { compileIgnoreFile } from './dockerignore.ts';
import type { Patterns } from './dockerignore.ts';
import { readContent, unreadable, walk } from './walk.ts';
import type { Entry } from './walk.ts';

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
  const folder = await stat(context).catch(() => undefined);
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
  const exclude = await readIgnoreFile(context, dockerfile);
  const inside = relative(context, dockerfile).split(sep).join('/');
  const outside = inside.startsWith('../') || inside === '..';
  const archive = pack();
  const run = async () => {
    const count = { files: 0, bytes: 0 };
    if (outside) {
      await add(archive, { name: OUTSIDE_DOCKERFILE, mode: 0o644 }, await readFile(dockerfile));
    }
    // The daemon needs the Dockerfile even when it is ignored.
    for (const entry of walk(context, { exclude, keep: outside ? undefined : inside })) {
      const bytes = await addEntry(archive, entry);
      if (entry.kind !== 'file') continue;
      count.files += 1;
      count.bytes += bytes;
    }
    archive.finalize();
    return count;
  };
  const done = run();
  done.catch((error: unknown) => archive.destroy(error as Error));
  return { tar: archive, dockerfile: outside ? OUTSIDE_DOCKERFILE : inside, done };
}

/** How much a build may send: files of the context that no pattern leaves out. */
export async function measureContext(
  context: string,
  dockerfile: string,
): Promise<{ readonly files: number; readonly bytes: number }> {
  const exclude = await readIgnoreFile(context, dockerfile);
  const count = { files: 0, bytes: 0 };
  for (const { kind, stat } of walk(context, { exclude })) {
    if (kind !== 'file') continue;
    count.files += 1;
    count.bytes += Number(stat.size);
  }
  return count;
}

/** `<Dockerfile>.dockerignore` beside the Dockerfile replaces the context's `.dockerignore`. */
async function readIgnoreFile(context: string, dockerfile: string): Promise<Patterns> {
  for (const file of [`${dockerfile}.dockerignore`, join(context, '.dockerignore')]) {
    const source = await readFile(file, 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      return unreadable(file, error);
    });
    if (source !== undefined) return compileIgnoreFile(source, file);
  }
  return compileIgnoreFile('', '.dockerignore');
}

/** Files up to this size are read whole, so that one that changes meanwhile cannot break the tar. */
const WHOLE_FILE = 1 << 20;

/** Adds an entry and answers the bytes of its content. */
async function addEntry(archive: Pack, entry: Entry): Promise<number> {
  const { kind, path, absolute, linkname } = entry;
  const size = Number(entry.stat.size);
  const mode = Number(entry.stat.mode & 0o7777n);
  const header = { name: path, mode, mtime: entry.stat.mtime };
  if (kind === 'folder') {
    await add(archive, { ...header, name: `${path}/`, type: 'directory' });
  } else if (kind === 'link') {
    await add(archive, { ...header, type: 'symlink', linkname });
  } else if (linkname !== '') {
    await add(archive, { ...header, type: 'link', linkname });
  } else if (size <= WHOLE_FILE) {
    const content = await readFile(absolute).catch((error: unknown) => unreadable(absolute, error));
    await add(archive, header, content);
    return content.length;
  } else {
    // What a file gains meanwhile is left out: the tar has told its size.
    await pipeline(readContent(absolute, size, size), archive.entry({ ...header, size }));
    return size;
  }
  return 0;
}

function add(
  archive: Pack,
  header: Partial<Header> & Pick<Header, 'name'>,
  content?: Buffer,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (error?: Error | null) => {
      if (error === undefined || error === null) resolve();
      else reject(error);
    };
    if (content === undefined) archive.entry(header, end);
    else archive.entry(header, content, end);
  });
}
