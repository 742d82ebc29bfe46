import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { isAbsolute, join, relative, sep } from 'node:path';
import { DEFAULT_PLATFORM } from '../core/image.ts';
import { pinLayouts } from '../docker/buildkit/oci-layouts.ts';
import { readIgnored } from '../docker/context/dockerignore.ts';
import type { Patterns } from '../docker/context/dockerignore.ts';
import { readContent } from '../docker/context/read.ts';
import { walk } from '../docker/context/walk.ts';
import { EcsDeployError } from '../errors.ts';
import { readObjects } from '../git.ts';
import type { Source } from '../git.ts';
import type { Config } from '../settings/config.ts';

/** A commit from the variables of a CI system. */
export type ToldSource = Pick<Source, 'commit' | 'remote'>;

/** Everything that a build is made from, but for its platform. */
export interface BuildInputs {
  /** Undefined where git cannot read it. */
  readonly source: Source | undefined;
  /** From the variables of a CI system in place of git: nothing proves that the files are those of the commit. */
  readonly told: ToldSource | undefined;
  /** SHA-256 of what the commit has in `paths`; undefined without `paths`. */
  readonly tree: string | undefined;
  /** SHA-256 of what the build can see and the commit does not hold; undefined for nothing. */
  readonly changes: string | undefined;
  /** Named build contexts: their sources, or the SHA-256 of a folder's content, by name. */
  readonly contexts: Readonly<Record<string, string>>;
  readonly gaps: ContextGaps;
}

/** What a complete checkout has in the build context, and this one has not; relative to the root. */
export interface ContextGaps {
  /** Submodules that are not checked out. */
  readonly submodules: readonly string[];
  /** Files of Git LFS that are still pointers. */
  readonly pointers: readonly string[];
}

/** The settings that make up the identity of an image. */
export type InputSettings = Pick<
  Config,
  | 'args'
  | 'target'
  | 'context'
  | 'dockerfile'
  | 'paths'
  | 'secrets'
  | 'ssh'
  | 'before'
  | 'directory'
  | 'labels'
  | 'network'
  | 'addHosts'
  | 'shmSize'
  | 'ulimits'
  | 'env'
  | 'contexts'
  | 'allow'
  | 'provenance'
  | 'sbom'
>;

const sha256 = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex');

/** The tag of an image by default, and the value of its {@link INPUTS_LABEL}. */
export function identify(
  { source, told, tree, changes, contexts }: BuildInputs,
  config: InputSettings,
  platform: string,
): { readonly tag: string | undefined; readonly inputs: string } {
  const settings = JSON.stringify(settingsOf({ ...config, contexts }, source?.root, platform));
  const { before } = config;
  // As long as a commit, but never taken for one.
  const base = tree === undefined ? source?.commit : `tree-${tree.slice(0, 40)}`;
  const parts = [
    base ?? told?.commit,
    changes && `${source ? 'dirty' : 'files'}-${changes.slice(0, 8)}`,
    settings === '{}' ? undefined : sha256(settings).slice(0, 8),
  ].filter((part) => part !== undefined);
  return {
    tag: (source ?? told) && parts.join('-'),
    inputs: sha256(JSON.stringify([base ?? null, changes ?? null, settings, before])),
  };
}

/** The build settings that differ from those of a plain build; of secrets, only their names. */
function settingsOf(
  config: InputSettings,
  root: string | undefined,
  platform: string,
): Readonly<Record<string, unknown>> {
  const { args, target, context, dockerfile, secrets, ssh, directory } = config;
  const { labels, network, addHosts, shmSize, ulimits, env } = config;
  const { contexts, allow, provenance, sbom } = config;
  const place = pathIn(root ?? directory, context);
  const sorted = (values: Readonly<Record<string, string>>) =>
    Object.keys(values)
      .toSorted()
      .map((name) => [name, values[name]]);
  const isGiven = (values: object) => Object.keys(values).length > 0;
  return {
    ...(isGiven(args) && { args: sorted(args) }),
    ...(target !== undefined && { target }),
    ...(place !== '' && { context: place }),
    ...(dockerfile !== join(context, 'Dockerfile') && {
      dockerfile: pathIn(root ?? directory, dockerfile),
    }),
    ...(platform !== DEFAULT_PLATFORM && { platform }),
    ...(secrets.length > 0 && { secrets: secrets.map(({ id, src, env }) => [id, src, env]) }),
    ...(ssh.length > 0 && { ssh: ssh.map(({ id }) => id) }),
    ...(isGiven(labels) && { labels: sorted(labels) }),
    ...(network !== undefined && network !== 'default' && { network }),
    ...(addHosts.length > 0 && { addHosts }),
    ...(shmSize !== undefined && { shmSize }),
    ...(ulimits.length > 0 && { ulimits }),
    ...(isGiven(env) && { env: sorted(env) }),
    ...(isGiven(contexts) && { contexts: sorted(contexts) }),
    ...(allow.length > 0 && { allow }),
    ...(provenance !== undefined && { provenance }),
    ...(sbom && { sbom }),
  };
}

/** A path relative to a folder, with `/`; symbolic links in both are resolved. */
const pathIn = (folder: string, path: string) => pathBelow(realPath(folder), realPath(path));

const pathBelow = (folder: string, path: string) => relative(folder, path).replaceAll(sep, '/');

const realPath = (path: string) => (existsSync(path) ? realpathSync(path) : path);

/**
 * Reads what a build can see and its commit does not hold: all that git reports, and every file of
 * the context that git does not compare. What git ignores counts only without `build.before`, whose
 * output it usually is. Throws `dockerignore-invalid`.
 */
export async function readInputs(
  source: Source | undefined,
  { context, dockerfile, paths, before, directory, contexts }: InputSettings,
  signal: AbortSignal,
  told?: ToldSource,
): Promise<BuildInputs> {
  const root = realPath(source?.root ?? directory);
  const top = realPath(context);
  const exclude = await readIgnored({ context, dockerfile, paths });
  const files = [dockerfile, `${dockerfile}.dockerignore`, join(context, '.dockerignore')].filter(
    (file) => existsSync(file),
  );
  // With `paths`, the image depends on them and on the files that say how it is built.
  const own = paths && [...paths, ...files].map((path) => pathIn(root, path));
  const isOwn = (path: string) => own?.some((item) => isPart(path, item)) ?? true;
  const seen = new Map<string, string>();
  const see = async (path: string, absolute: string) => {
    signal.throwIfAborted();
    if (!seen.has(path)) seen.set(path, await describe(absolute));
  };
  const isInContext = (path: string) => {
    const below = pathBelow(top, join(root, path));
    return !isOutside(below) && !exclude.match(below);
  };
  const gaps = source === undefined ? NO_GAPS : findGaps(source, isInContext);
  for (const path of gaps.submodules) seen.set(path, 'not checked out');
  for (const path of gaps.pointers) await see(path, join(root, path));

  for (const path of source?.changed.filter(isOwn) ?? []) {
    const commit = source?.submodules.get(path);
    if (commit !== undefined) seen.set(path, commit);
    else if (path.endsWith('/')) await seeNested(join(root, path), path, see);
    else await see(path, join(root, path));
  }
  for (const [path, entry] of source?.overlooked ?? []) {
    if (!isOwn(path)) continue;
    const absolute = join(root, path);
    const isMissing = lstatSync(absolute, { throwIfNoEntry: false }) === undefined;
    // A sparse checkout leaves out files on purpose; only the build context matters.
    if (isMissing ? isInContext(path) : !isAsIndexed(absolute, entry)) await see(path, absolute);
  }
  const others = source === undefined ? EVERYTHING : patternsOf(source.others);
  const pathOf = (below: string) => pathBelow(root, join(top, below));
  const isUnknown = (path: string) => isOutside(path) || others.match(path);
  // With commands before the build, files that git ignores are their output.
  const isOutput = (path: string) => before.length > 0 && source !== undefined && !isOutside(path);
  const include: Patterns = {
    match: (below) => isUnknown(pathOf(below)),
    reach: (below) => isOutside(pathOf(below)) || others.reach(pathOf(below), 'plain'),
  };
  for (const { path: below, absolute } of walk(context, { include, exclude, isLenient: true })) {
    const path = pathOf(below);
    if (isUnknown(path) && !isInGit(path) && !isOutput(path)) await see(path, absolute);
  }
  for (const absolute of files) {
    const path = pathIn(root, absolute);
    if (isUnknown(path) && !isOutput(path)) await see(path, realpathSync(absolute));
  }
  const all = [...seen].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    source,
    told,
    tree: source && own && (await treeOf(source, own, before.length > 0)),
    changes: source !== undefined && all.length === 0 ? undefined : sha256(JSON.stringify(all)),
    contexts: await hashContexts(contexts, signal),
    gaps,
  };
}

/** The content of folders in place of their names, which say nothing. */
async function hashContexts(
  contexts: InputSettings['contexts'],
  signal: AbortSignal,
): Promise<BuildInputs['contexts']> {
  const hashed = Object.entries(await pinLayouts(contexts)).map(async ([name, source]) => {
    // Of an OCI layout, the digest counts, and not where it is.
    if (!isAbsolute(source)) return [name, source.replace(/^oci-layout:.*@/, '')] as const;
    if (statSync(source, { throwIfNoEntry: false })?.isDirectory() !== true) {
      throw new EcsDeployError({
        code: 'context-missing',
        message: `There is no folder ${source}, which is the build context "${name}".`,
        hint: 'correct --build-context, or "build.contexts" in the config file',
      });
    }
    const files: string[] = [];
    const exclude = await readIgnored({
      context: source,
      dockerfile: join(source, 'Dockerfile'),
      paths: undefined,
    });
    for (const { path, absolute } of walk(source, { exclude, isLenient: true })) {
      signal.throwIfAborted();
      files.push(path, await describe(absolute));
    }
    return [name, sha256(JSON.stringify(files))] as const;
  });
  return Object.fromEntries(await Promise.all(hashed));
}

/** Whether a path is another one, or in it; or a nested repository, written with `/`, around it. */
function isPart(path: string, whole: string): boolean {
  if (whole === '' || path === whole || path.startsWith(`${whole}/`)) return true;
  return path.endsWith('/') && whole.startsWith(path);
}

/**
 * Hashes what the commit has in some paths. Throws `context-missing` for a path that nobody has,
 * unless commands before the build can create it.
 */
async function treeOf(
  source: Source,
  paths: readonly string[],
  isCreated: boolean,
): Promise<string> {
  const inside = paths.filter((path) => !isOutside(path));
  const objects = new Map(inside.length > 0 ? await readObjects(source, inside) : []);
  for (const path of paths) {
    // What is in a submodule is as its commit has it.
    const [submodule, commit] =
      [...source.submodules].find(([folder]) => path.startsWith(`${folder}/`)) ?? [];
    if (submodule !== undefined) objects.set(submodule, commit ?? 'not checked out');
    const absolute = join(source.root, path);
    if (isCreated || existsSync(absolute)) continue;
    throw new EcsDeployError({
      code: 'context-missing',
      message: `There is no ${absolute}, which "paths" of the image names.`,
      hint: 'correct "paths" in the config file: they are relative to it',
    });
  }
  return sha256(JSON.stringify([...objects].toSorted(([a], [b]) => (a < b ? -1 : 1))));
}

const NO_GAPS: ContextGaps = { submodules: [], pointers: [] };

function findGaps(
  { root, submodules, lfs }: Source,
  isInContext: (path: string) => boolean,
): ContextGaps {
  return {
    submodules: [...submodules]
      .filter(([path, commit]) => commit === undefined && isInContext(path))
      .map(([path]) => path),
    pointers: lfs.filter((path) => isInContext(path) && isPointer(join(root, path))),
  };
}

/** Whether a relative path leads out of its folder. */
const isOutside = (path: string) => path === '..' || path.startsWith('../') || isAbsolute(path);

const EVERYTHING: Patterns = { match: () => true, reach: () => true };
const NOTHING: Patterns = { match: () => false, reach: () => false };

/** Matches paths, and all below those that end in `/`. */
function patternsOf(paths: readonly string[]): Patterns {
  const listed = new Set(paths);
  const above = new Set(['']);
  for (const path of paths) {
    for (const { index } of path.matchAll(/\//g)) above.add(path.slice(0, index));
  }
  const match = (path: string) =>
    listed.has(path) ||
    listed.has(`${path}/`) ||
    [...path.matchAll(/\//g)].some(({ index }) => listed.has(path.slice(0, index + 1)));
  return { match, reach: (folder) => above.has(folder) || match(folder) };
}

/** The data of git itself changes with every command. */
const isInGit = (path: string) => path.split('/').includes('.git');

async function seeNested(
  folder: string,
  place: string,
  see: (path: string, absolute: string) => Promise<void>,
): Promise<void> {
  for (const { path, absolute } of walk(folder, { exclude: NOTHING, isLenient: true })) {
    if (!isInGit(path)) await see(`${place}${path}`, absolute);
  }
}

/** What a build sees of a path: kind, permissions and content. */
async function describe(absolute: string): Promise<string> {
  const stat = lstatSync(absolute, { throwIfNoEntry: false });
  if (stat === undefined) return 'missing';
  const mode = (stat.mode & 0o7777).toString(8);
  if (stat.isDirectory()) return `folder ${mode}`;
  if (stat.isSymbolicLink()) return `link ${readlinkSync(absolute)}`;
  // Sockets, pipes and devices are not in the context.
  return stat.isFile() ? `file ${mode} ${await contentOf(absolute, stat)}` : 'special';
}

async function contentOf(absolute: string, { size, mtimeMs }: Stats): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of readContent(absolute, size)) hash.update(chunk);
  } catch {
    // The build cannot read it either; the tag still changes with the file.
    return `unreadable ${size} ${mtimeMs}`;
  }
  return hash.digest('hex');
}

/** Whether a file is as the index has it; a file that git converts at checkout counts as changed. */
function isAsIndexed(
  absolute: string,
  { mode, blob }: { readonly mode: string; readonly blob: string },
): boolean {
  const stat = lstatSync(absolute);
  if (stat.isSymbolicLink()) return mode === '120000' && blobOf(readlinkSync(absolute), blob);
  if (!stat.isFile() || ((stat.mode & 0o100) !== 0) !== (mode === '100755')) return false;
  try {
    return blobOf(readFileSync(absolute), blob);
  } catch {
    return false;
  }
}

/** Whether git stores a content under a hash, SHA-1 or SHA-256. */
function blobOf(content: string | Buffer, blob: string): boolean {
  const hash = createHash(blob.length === 40 ? 'sha1' : 'sha256');
  hash.update(`blob ${Buffer.byteLength(content)}\0`).update(content);
  return hash.digest('hex') === blob;
}

/** Whether a file has the pointer of Git LFS in place of its content. */
function isPointer(absolute: string): boolean {
  const stat = lstatSync(absolute, { throwIfNoEntry: false });
  if (stat?.isFile() !== true || stat.size > 1024) return false;
  return readFileSync(absolute, 'utf8').startsWith('version https://git-lfs.github.com/spec/');
}
