import { existsSync } from 'node:fs';
import { devNull } from 'node:os';
import { join } from 'node:path';
import { EcsDeployError } from './errors.ts';
import { isWindows, runProcess } from './processes.ts';

/** A file of the index. */
export interface IndexEntry {
  /** As git writes it, e.g. `100755`. */
  readonly mode: string;
  /** Hash of the content as git stores it. */
  readonly blob: string;
}

/**
 * A commit and what git says about its work tree, submodules included. Paths are relative to
 * `root`, with `/`.
 */
export interface Source {
  /** Absolute, without symbolic links. */
  readonly root: string;
  readonly commit: string;
  /** URL of the remote `origin` without credentials; undefined when there is none. */
  readonly remote: string | undefined;
  /** What differs from the commit, and what is untracked; a nested repository ends in `/`. */
  readonly changed: readonly string[];
  /** What git does not track, ignored or not; a folder with nothing else in it ends in `/`. */
  readonly others: readonly string[];
  /** Files whose changes git does not report: skip-worktree and assume-unchanged. */
  readonly overlooked: ReadonlyMap<string, IndexEntry>;
  /** The commit of each submodule; undefined for one that is not checked out. */
  readonly submodules: ReadonlyMap<string, string | undefined>;
  /** Files that Git LFS stores outside of the repository. */
  readonly lfs: readonly string[];
}

/** Reads the commit and the work tree of a folder; throws `tag-unknown` and `git-distrusted`. */
export async function readSource(directory: string): Promise<Source> {
  const { commit, root } = await readHead(directory);
  return { ...(await readTree(root)), root, commit };
}

/**
 * Whether a commit is an ancestor of another one; undefined where git does not know one of them, as in
 * a shallow clone, or is not installed.
 */
export async function isAncestor(
  directory: string,
  older: string,
  newer: string,
): Promise<boolean | undefined> {
  const end = await git(directory, 'merge-base', '--is-ancestor', older, newer).catch(
    () => undefined,
  );
  return end?.status === 0 ? true : end?.status === 1 ? false : undefined;
}

/**
 * The hashes of files and folders in the commit, by path; those that it does not hold are left out.
 * Of the root, given as an empty path, the entries.
 */
export async function readObjects(
  { root }: Pick<Source, 'root'>,
  paths: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const wanted = paths.includes('') ? [] : paths;
  const listed = await git(root, 'ls-tree', '-z', 'HEAD', '--', ...wanted);
  if (listed.status !== 0) return noSource(root, listed.tail.join(' '), undefined);
  return new Map(
    entriesOf(listed.stdout).map((entry) => {
      const [, object = '', path = ''] = /^(.*?)\t(.*)$/s.exec(entry) ?? [];
      return [path, object];
    }),
  );
}

async function readHead(directory: string) {
  const head = await git(directory, 'rev-parse', 'HEAD', '--show-toplevel', '--show-prefix').catch(
    (error: unknown) => noSource(directory, 'git is not installed', error),
  );
  const [commit, root, prefix] = head.stdout.split('\n');
  if (head.status === 0 && commit !== undefined && root !== undefined)
    return { commit, root, prefix };
  const said = head.tail.join(' ');
  if (/dubious ownership/.test(said)) {
    throw new EcsDeployError({
      code: 'git-distrusted',
      message: `git does not trust the owner of ${directory}, so the commit cannot be read.`,
      hint: `if you trust it: git config --global --add safe.directory ${directory}`,
    });
  }
  return noSource(
    directory,
    /unknown revision|ambiguous argument/.test(said)
      ? 'the repository has no commit yet'
      : 'the folder is not in a git repository',
    undefined,
  );
}

// Reading must not write the index, a file monitor can be wrong, and a build sees permissions, which
// Windows does not have.
const CONFIG = ['core.fsmonitor=false', ...(isWindows ? [] : ['core.fileMode=true'])];
const CONFIG_FLAGS = CONFIG.flatMap((setting) => ['-c', setting]);
const QUIET = ['--no-optional-locks', ...CONFIG_FLAGS];

function git(directory: string, ...args: string[]) {
  return runProcess({ command: 'git', args: [...QUIET, ...args], directory });
}

/** A commit in a folder of its own. */
export interface Checkout {
  readonly commit: string;
  /** The root of the repository that it is from; absolute, without symbolic links. */
  readonly root: string;
  readonly remove: () => Promise<unknown>;
}

// A hook of the user could change the checkout, and a sparse one lacks files.
const WHOLE = ['-c', `core.hooksPath=${devNull}`, '-c', 'core.sparseCheckout=false'];

/**
 * Checks out a commit of the repository around `directory` in `folder`, which does not exist yet. The
 * work tree and the index of the user stay as they are. Throws `commit-unknown`.
 */
export async function checkOut(
  directory: string,
  reference: string,
  folder: string,
  signal: AbortSignal,
): Promise<Checkout> {
  const { root } = await readHead(directory).catch((error: unknown) => {
    if (!(error instanceof EcsDeployError) || error.code !== 'tag-unknown') throw error;
    const { code, message } = error;
    const hint = 'run it in a clone of the repository, or without --from-commit';
    throw new EcsDeployError({ code, message, hint, cause: error });
  });
  const named = `${reference}^{commit}`;
  const found = await git(root, 'rev-parse', '--verify', '--quiet', '--end-of-options', named);
  const commit = found.stdout.trim();
  if (found.status !== 0) {
    throw new EcsDeployError({
      code: 'commit-unknown',
      message: `The repository ${root} has no commit "${reference}".`,
      hint: `check the name; in a shallow clone, fetch it: git fetch origin ${reference}`,
    });
  }
  const remove = () => git(root, 'worktree', 'remove', '--force', folder);
  try {
    for (const [step, isLong] of [
      [['-C', root, 'worktree', 'add', '--detach', '--no-checkout', folder, commit], false],
      [['-C', folder, 'reset', '--quiet', '--hard'], true],
    ] as const) {
      const args = [...CONFIG_FLAGS, ...WHOLE, ...step];
      // A work tree that is half made could not be removed.
      const stop = isLong && { signal };
      const end = await runProcess({ command: 'git', args, directory: root, ...stop });
      if (end.status === 0) continue;
      throw new EcsDeployError({
        code: 'commit-unknown',
        message: `git cannot check out ${commit}: ${end.tail.join(' ')}`,
        hint: `try it by hand: git worktree add --detach FOLDER ${commit}`,
      });
    }
  } catch (error) {
    await remove();
    throw error;
  }
  return { commit, root, remove };
}

type Tree = Omit<Source, 'root' | 'commit'>;

async function readTree(root: string): Promise<Tree> {
  const [status, listing, config] = await Promise.all([
    git(
      root,
      'status',
      '--porcelain=v1',
      '-z',
      '--no-renames',
      '--untracked-files=all',
      // Overrides `submodule.NAME.ignore`; what changed inside of a submodule is read below.
      '--ignore-submodules=dirty',
    ),
    git(root, 'ls-files', '-z', '-s', '-v', '--others', '--directory'),
    readConfig(root),
  ]);
  const failed = [status, listing].find((end) => end.status !== 0);
  if (failed !== undefined) return noSource(root, failed.tail.join(' '), undefined);
  const changed = entriesOf(status.stdout).map((entry) => entry.slice(3));
  const others: string[] = [];
  const overlooked = new Map<string, IndexEntry>();
  const submodules = new Map<string, string | undefined>();
  let hasAttributes = false;
  for (const entry of entriesOf(listing.stdout)) {
    if (entry.startsWith('? ')) {
      others.push(entry.slice(2));
      continue;
    }
    const [, flag = '', mode = '', blob = '', path = ''] =
      /^(.) (\d+) (\w+) \d\t(.*)$/s.exec(entry) ?? [];
    if (mode === '160000') submodules.set(path, undefined);
    // A lower-case letter stands for assume-unchanged, S for skip-worktree.
    else if (/[a-zS]/.test(flag)) overlooked.set(path, { mode, blob });
    hasAttributes ||= /(?:^|\/)\.gitattributes$/.test(path);
  }
  const listed = hasAttributes
    ? await git(root, 'ls-files', '-z', '--', ':(attr:filter=lfs)')
    : undefined;
  const lfs = entriesOf(listed?.stdout ?? '');
  const converts = hasAttributes || /^(true|input)$/.test(config.autocrlf);
  const ends = converts ? await git(root, 'ls-files', '-z', '--eol') : undefined;
  changed.push(...entriesOf(ends?.stdout ?? '').flatMap(convertedPath));
  await Promise.all(
    [...submodules.keys()].map(async (path) => {
      const inner = join(root, path);
      const isCheckedOut = existsSync(join(inner, '.git'));
      const head = isCheckedOut ? await readHead(inner).catch(() => undefined) : undefined;
      // Where git cannot read a submodule, it finds the repository around it.
      const read = head?.prefix === '' ? await readTree(inner) : undefined;
      if (isCheckedOut) submodules.set(path, read === undefined ? 'unreadable' : head?.commit);
      if (read === undefined) {
        others.push(`${path}/`);
        return;
      }
      const at = (below: string) => `${path}/${below}`;
      others.push(...read.others.map(at));
      for (const [below, item] of read.overlooked) overlooked.set(at(below), item);
      for (const [below, commit] of read.submodules) submodules.set(at(below), commit);
      changed.push(...read.changed.map(at));
      lfs.push(...read.lfs.map(at));
    }),
  );
  return { changed, others, overlooked, submodules, lfs, remote: config.remote };
}

/** The value of `core.autocrlf`, and the URL of the remote `origin` without credentials. */
async function readConfig(root: string): Promise<{ autocrlf: string; remote: string | undefined }> {
  const keys = String.raw`^(core\.autocrlf|remote\.origin\..*|url\..*\.insteadof)$`;
  const read = await git(root, 'config', '-z', '--get-regexp', keys);
  const entries = entriesOf(read.stdout).map((entry) => {
    const [key = '', ...lines] = entry.split('\n');
    return { key, value: lines.join('\n').trim() };
  });
  const valuesOf = (name: string) =>
    entries.filter(({ key }) => key === name).map(({ value }) => value);
  const isSet = (prefix: string) => entries.some(({ key }) => key.startsWith(prefix));
  const autocrlf = valuesOf('core.autocrlf').at(-1) ?? '';
  const [url = '', ...more] = valuesOf('remote.origin.url');
  if (!isSet('remote.')) return { autocrlf, remote: undefined };
  if (url !== '' && more.length === 0 && !isSet('url.'))
    return { autocrlf, remote: withoutCredentials(url) };
  // Only git knows its own rules for a rewritten URL, or for several.
  const resolved = await git(root, 'remote', 'get-url', 'origin');
  const remote = resolved.status === 0 ? withoutCredentials(resolved.stdout.trim()) : undefined;
  return { autocrlf, remote };
}

/** The path of a file whose line ends git converts: `git status` compares it without them. */
function convertedPath(entry: string): string[] {
  const [, stored, found, attributes = '', path = ''] =
    /^i\/(\S*) +w\/(\S*) +attr\/(.*?) *\t(.*)$/s.exec(entry) ?? [];
  // A checkout writes these on every machine.
  const expected = stored === 'lf' && attributes.includes('eol=crlf') ? 'crlf' : stored;
  return !found || !expected || found === expected ? [] : [path];
}

const entriesOf = (output: string) => output.split('\0').filter((entry) => entry !== '');

/** Removes user names, passwords, the query and the fragment from a URL; keeps the user of `git@host:path`. */
export function withoutCredentials(url: string): string {
  return (
    url
      // A password can contain "@" and even "/"; a colon before digits and "/" is a port.
      .replace(/(?<=^[a-z0-9+.-]+:\/\/)(?:[^/@]*:(?!\d+\/).*|[^/]*)@/i, '')
      .replace(/^[^/]*:[^/]*@/, '')
      .replace(/[?#].*$/, '')
  );
}

function noSource(directory: string, reason: string, cause: unknown): never {
  throw new EcsDeployError({
    code: 'tag-unknown',
    message: `Cannot make an image tag from the commit of ${directory}: ${reason}.`,
    hint: 'set the tag with --tag TAG',
    cause,
  });
}
