import { EcsDeployError } from '../../errors.ts';
import { compilePattern } from './patterns.ts';

/** Compiled patterns; paths are relative to the context, with `/`. */
export interface Patterns {
  /** Whether the path is matched, and not by a later pattern with `!`. */
  readonly match: (path: string) => boolean;
  /** Whether a pattern, one of those with `!` or of those without, may match below the folder. */
  readonly reach: (folder: string, which: 'negated' | 'plain') => boolean;
}

/** Where a pattern stands, for its error. */
interface Line {
  readonly text: string;
  readonly place: string;
}

/**
 * Compiles a `.dockerignore`, read as moby/patternmatcher's `ignorefile` does.
 *
 * Throws `dockerignore-invalid` as {@link compilePatterns}, with the file and the line.
 */
export function compileIgnoreFile(source: string, file: string): Patterns {
  const lines = source.replace(/^\uFEFF/, '').split('\n');
  return compileLines(
    lines.flatMap((line, index) => {
      const text = line.startsWith('#') ? '' : trim(line);
      const isNegated = text.startsWith('!');
      const path = isNegated ? trim(text.slice(1)) : text;
      const cleaned = path === '' ? '' : cleanPath(path).replace(/^\/(?!$)/, '');
      return { text: `${isNegated ? '!' : ''}${cleaned}`, place: `${file}, line ${index + 1}` };
    }),
  );
}

/**
 * Compiles patterns as BuildKit hands them on, one each.
 *
 * Throws `dockerignore-invalid` for a pattern that moby refuses; for some it does so only when it
 * has to match with it, and so does `match`.
 */
export function compilePatterns(patterns: readonly string[]): Patterns {
  return compileLines(patterns.map((text) => ({ text, place: 'the .dockerignore file' })));
}

/**
 * The semantics are those of `docker build` since moby/patternmatcher's
 * `MatchesUsingParentResults` (2021): the npm libraries differ from it on names with `( ) + { }`
 * and on `**` (docker-facts 2.1).
 */
function compileLines(lines: readonly Line[]): Patterns {
  const patterns = lines.flatMap(compileLine);
  const folders = new Map<string, readonly boolean[]>();
  /** Which patterns match the path or a folder above it; one that can change nothing does not. */
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
    match: (path) => {
      const last = hitsOf(path).lastIndexOf(true);
      return patterns[last]?.isNegated === false;
    },
    reach: (folder, which) =>
      starts[which].some((start) => start === undefined || start.startsWith(`${folder}/`)),
  };
}

/** What a path has to start with to be matched by the pattern; undefined for anything. */
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

function compileLine({ text, place }: Line): Pattern[] {
  const trimmed = trim(text);
  if (trimmed === '') return [];
  const cleaned = cleanPath(trimmed);
  const isNegated = cleaned.startsWith('!');
  const path = isNegated ? cleaned.slice(1) : cleaned;
  const named = <T>(compile: () => T): T => {
    try {
      return compile();
    } catch (error) {
      throw new EcsDeployError({
        code: 'dockerignore-invalid',
        message: `Docker does not understand the pattern "${trimmed}" in ${place}: ${(error as Error).message}.`,
        hint: 'write \\[ and \\\\ for a [ and a \\ of the name itself, or take the line out',
        cause: error,
      });
    }
  };
  const matches = named(() => {
    if (isNegated && path === '') throw new SyntaxError('nothing follows the !');
    return compilePattern(path);
  });
  return [{ isNegated, path, matches: (file) => named(() => matches(file)) }];
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
