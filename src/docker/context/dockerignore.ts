import { readFile } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { EcsDeployError } from '../../errors.ts';
import { compileGlob } from './glob.ts';
import { throwUnreadable } from './read.ts';

/** Compiled patterns; paths are relative to the context, with `/`. */
export interface Patterns {
  /** Whether the last pattern that matches the path or a folder above it has no `!`. */
  readonly match: (path: string) => boolean;
  /** Whether a pattern with `!` (negated) or without (plain) can match below the folder. */
  readonly reach: (folder: string, which: 'negated' | 'plain') => boolean;
}

/** The patterns of a file. */
export interface IgnoreFile extends Patterns {
  /** About how many bytes they take as headers of HTTP/2. */
  readonly size: number;
}

/** A pattern and where it is written, for its error. */
interface Line {
  readonly text: string;
  readonly location: string;
}

/** The files of a build; all paths are absolute. */
export interface ContextFiles {
  readonly context: string;
  readonly dockerfile: string;
  /** The build sees only these files and folders of the context; undefined for all. */
  readonly paths?: readonly string[] | undefined;
}

/**
 * What a build does not see of its context: all that is not in `paths`, and what
 * `<Dockerfile>.dockerignore` beside the Dockerfile excludes or, without that file, the context's
 * `.dockerignore`. Throws `dockerignore-invalid` and, when the file cannot be read,
 * `context-missing`.
 */
export async function readIgnored({
  context,
  dockerfile,
  paths,
}: ContextFiles): Promise<IgnoreFile> {
  const ignored = await readIgnoreFile(context, dockerfile);
  return paths === undefined ? ignored : within(paths, context, ignored);
}

/** Excludes what is outside of the paths, too. */
function within(paths: readonly string[], context: string, ignored: IgnoreFile): IgnoreFile {
  const below = (folder: string, path: string) => relative(folder, path).split(sep).join('/');
  const isOutside = (path: string) => /^\.\.(?:\/|$)/.test(path) || isAbsolute(path);
  const isWhole = paths.some((path) => !isOutside(below(path, context)));
  if (isWhole) return ignored;
  const inside = paths.map((path) => below(context, path)).filter((path) => !isOutside(path));
  const isIn = (path: string) => inside.some((own) => path === own || path.startsWith(`${own}/`));
  return {
    // BuildKit gets these patterns from the file only: they are applied here.
    size: Infinity,
    match: (path) => !isIn(path) || ignored.match(path),
    reach: (folder, which) =>
      which === 'plain' ||
      inside.some((own) => own.startsWith(`${folder}/`)) ||
      ignored.reach(folder, which),
  };
}

async function readIgnoreFile(context: string, dockerfile: string): Promise<IgnoreFile> {
  for (const file of [`${dockerfile}.dockerignore`, join(context, '.dockerignore')]) {
    const source = await readFile(file, 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      return throwUnreadable(file, error);
    });
    if (source !== undefined) return compileIgnoreFile(source, file);
  }
  return compileLines([]);
}

/**
 * Compiles a `.dockerignore` with the rules of moby/patternmatcher's `ignorefile`.
 *
 * Throws `dockerignore-invalid` as {@link compilePatterns}, with the file and the line.
 */
export function compileIgnoreFile(source: string, file: string): IgnoreFile {
  const lines = source.replace(/^\uFEFF/, '').split('\n');
  return compileLines(
    lines.map((line, index) => {
      const text = line.startsWith('#') ? '' : trim(line);
      const isNegated = text.startsWith('!');
      const path = isNegated ? trim(text.slice(1)) : text;
      const cleaned = path === '' ? '' : cleanPath(path).replace(/^\/(?!$)/, '');
      return { text: `${isNegated ? '!' : ''}${cleaned}`, location: `${file}, line ${index + 1}` };
    }),
  );
}

/**
 * Compiles patterns as BuildKit sends them.
 *
 * Throws `dockerignore-invalid` for a pattern that moby rejects. Some patterns moby rejects only
 * when it first matches with them: `match` throws for those.
 */
export function compilePatterns(patterns: readonly string[]): Patterns {
  return compileLines(patterns.map((text) => ({ text, location: 'the .dockerignore file' })));
}

/**
 * Matches as `docker build` does since moby/patternmatcher's `MatchesUsingParentResults` (2021).
 * The npm libraries differ on names with `( ) + { }` and on `**`
 * (docs/explanation/how-docker-behaves.md#how-dockerignore-is-read).
 */
function compileLines(lines: readonly Line[]): IgnoreFile {
  const patterns = lines.flatMap(compileLine);
  const folders = new Map<string, readonly boolean[]>();
  /** Which patterns match the path or a folder above it; those that cannot change the result are skipped. */
  const hitsOf = (path: string): readonly boolean[] => {
    const slash = path.lastIndexOf('/');
    const above = slash === -1 ? [] : folderHits(path.slice(0, slash));
    let isMatched = false;
    return patterns.map(({ isNegated, matches }, index) => {
      const hit = above[index] || (isNegated === isMatched && matches(path));
      if (hit) isMatched = !isNegated;
      return hit;
    });
  };
  const folderHits = (folder: string): readonly boolean[] => {
    const known = folders.get(folder) ?? hitsOf(folder);
    folders.set(folder, known);
    return known;
  };
  const starts = {
    plain: patterns.flatMap(({ isNegated, path }) => (isNegated ? [] : startOf(path))),
    negated: patterns.flatMap(({ isNegated, path }) => (isNegated ? startOf(path) : [])),
  };
  return {
    size: patterns.reduce((sum, { path }) => sum + Buffer.byteLength(path) + HEADER_BYTES, 0),
    match: (path) => {
      const last = hitsOf(path).lastIndexOf(true);
      return patterns[last]?.isNegated === false;
    },
    reach: (folder, which) =>
      starts[which].some((start) => start === undefined || start.startsWith(`${folder}/`)),
  };
}

/** Bytes that HTTP/2 adds to the value of a header: the index of its name, and the length. */
const HEADER_BYTES = 4;

/** The prefix of all paths that the pattern can match; undefined when it is unknown. */
function startOf(pattern: string): [string | undefined] {
  const start = pattern.replace(/\/\*\*$/, '').replace(/\/\*$/, '');
  return [/[*[\]?^\\]/.test(start) ? undefined : `${start}/`];
}

interface Pattern {
  readonly isNegated: boolean;
  /** Without the `!`. */
  readonly path: string;
  readonly matches: (path: string) => boolean;
}

function compileLine({ text, location }: Line): Pattern[] {
  const trimmed = trim(text);
  if (trimmed === '') return [];
  const cleaned = cleanPath(trimmed);
  const isNegated = cleaned.startsWith('!');
  const path = isNegated ? cleaned.slice(1) : cleaned;
  const naming = <T>(compile: () => T): T => {
    try {
      return compile();
    } catch (error) {
      throw new EcsDeployError({
        code: 'dockerignore-invalid',
        message: `Docker rejects the pattern "${trimmed}" in ${location}: ${(error as Error).message}.`,
        hint: 'to match a literal [ or \\, write \\[ or \\\\; otherwise remove the line',
        cause: error,
      });
    }
  };
  const matches = naming(() => {
    if (isNegated && path === '') throw new SyntaxError('nothing follows the !');
    return compileGlob(path);
  });
  return [{ isNegated, path, matches: (file) => naming(() => matches(file)) }];
}

/** Go's `strings.TrimSpace`. */
function trim(text: string): string {
  return text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, '');
}

/** Go's `filepath.Clean`. */
function cleanPath(path: string): string {
  const root = path.startsWith('/') ? '/' : '';
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment !== '..') kept.push(segment);
    else if (kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (root === '') kept.push(segment);
  }
  return `${root}${kept.join('/')}` || '.';
}
