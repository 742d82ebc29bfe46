import { readFile } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import type { Header, Pack } from 'tar-stream';
import { readIgnored } from './dockerignore.ts';
import type { ContextFiles } from './dockerignore.ts';
import { readContent, throwUnreadable } from './read.ts';
import { walk } from './walk.ts';
import type { Entry } from './walk.ts';

/** A build context as a tar that is still being written. */
export interface ContextTar {
  readonly tar: Pack;
  /** Path of the Dockerfile inside the tar. */
  readonly dockerfile: string;
  /** The files and bytes in the complete tar; rejects when a file cannot be read. */
  readonly done: Promise<{ readonly files: number; readonly bytes: number }>;
}

/** Name in the tar of a Dockerfile that lies outside the context. */
const OUTSIDE_DOCKERFILE = '.ecsdeploy.Dockerfile';

/** Packs the context into a tar as `docker build` does: `.dockerignore` applied, owner root. */
export async function packContext(files: ContextFiles): Promise<ContextTar> {
  const { context, dockerfile } = files;
  const exclude = await readIgnored(files);
  const inside = relative(context, dockerfile).split(sep).join('/');
  const isOutside = inside.startsWith('../') || inside === '..';
  const archive = pack();
  const run = async () => {
    const count = { files: 0, bytes: 0 };
    if (isOutside) {
      await add(archive, { name: OUTSIDE_DOCKERFILE, mode: 0o644 }, await readFile(dockerfile));
    }
    // The daemon needs the Dockerfile even when .dockerignore excludes it.
    for (const entry of walk(context, { exclude, keep: isOutside ? undefined : inside })) {
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
  return { tar: archive, dockerfile: isOutside ? OUTSIDE_DOCKERFILE : inside, done };
}

/** Size in bytes up to which a file is read at once, so that a change cannot break the tar. */
const WHOLE_FILE = 1 << 20;

/** Adds an entry and returns the bytes of its content. */
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
    const content = await readFile(absolute).catch((error: unknown) =>
      throwUnreadable(absolute, error),
    );
    await add(archive, header, content);
    return content.length;
  } else {
    // The header already states the size: what is appended meanwhile is left out.
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
