import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { compileIgnoreFile, compilePatterns } from '../../../src/docker/context/dockerignore.ts';
import { EcsDeployError } from '../../../src/errors.ts';

/** Patterns, then paths that are ignored, then paths that are kept; as `docker build` decides. */
const CASES: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['node_modules', ['node_modules', 'node_modules/a/b'], ['src/node_modules', 'node_modules2']],
  ['**/node_modules', ['node_modules', 'a/b/node_modules/c'], ['a/my_node_modules2']],
  ['*.log', ['a.log'], ['logs/a.log', 'a.log2']],
  ['**/*.log', ['a.log', 'x/y/a.log'], ['a.logs']],
  ['a?c', ['abc'], ['ac', 'a/c', 'abbc']],
  ['/build', ['build', 'build/x'], ['src/build']],
  ['./build/', ['build'], ['other']],
  ['a/../b', ['b'], ['a']],
  ['app/(auth)', ['app/(auth)/page'], ['app/auth/page']],
  ['c++', ['c++/x'], ['c', 'ccc']],
  ['a.b', ['a.b'], ['axb']],
  ['[ab]c', ['ac', 'bc'], ['cc', '[ab]c']],
  ['\\*', ['*'], ['a']],
  ['docs/**', ['docs/a', 'docs/a/b'], ['doc']],
  ['# comment\n\n  spaced  ', ['spaced'], ['# comment']],
  ['*\n!keep', ['a'], ['keep', 'keep/a']],
  ['dir\n!dir/keep\ndir/keep/not', ['dir', 'dir/x', 'dir/keep/not'], ['dir/keep', 'dir/keep/x']],
  ['!a\na', ['a'], []],
  ['\uFEFFa', ['a'], []],
  ['', [], ['a']],
  // A `!` of a folder does not bring back what an earlier pattern left out of it.
  ['**/.env\n!config', ['config/.env'], ['config', 'config/a']],
];

test.each(CASES)('%j', (source, ignored, kept) => {
  const { match } = compileIgnoreFile(source, '.dockerignore');
  expect(ignored.filter((path) => !match(path))).toEqual([]);
  expect(kept.filter(match)).toEqual([]);
});

/**
 * What `docker build` keeps of 300 files under 1,500 generated pattern sets, 150 of which it
 * refuses.
 *
 * Made with the code that docker's clients run: the texts went through moby/patternmatcher v0.6.1's
 * `ignorefile.ReadAll` into tonistiigi/fsutil's `NewFilterFS` (commit 7525a1a, Go 1.19) as exclude
 * patterns, over a folder that holds the files of the set's list. Six lists of paths and the sets
 * come from one random generator with the seed 20250611: lines derived from the paths, usual ones,
 * and tokens of globs and of Go's regular expressions strung together.
 *
 * 81 of the sets keep other files by `MatchesOrParentMatches`, which docker itself used until 2021.
 */
interface Fixture {
  /** Paths of files. */
  readonly lists: readonly (readonly string[])[];
  readonly sets: readonly {
    readonly text: string;
    /** Index of the list. */
    readonly list: number;
    /** A bit per path, the lowest first, in base64; null where docker refuses the patterns. */
    readonly kept: string | null;
  }[];
}

test('1,500 generated pattern sets keep of 300 files each what docker build keeps', () => {
  const file = gunzipSync(readFileSync('test/docker/context/dockerignore.fixture.json.gz'));
  const { lists, sets } = JSON.parse(file.toString('utf8')) as Fixture;
  const differences = sets.filter(({ text, list, kept }) => {
    const paths = lists[list] ?? [];
    expect(paths).toHaveLength(300);
    return keptOf(text, paths) !== kept;
  });
  expect(differences.map(({ text }) => text)).toEqual([]);
  expect(sets).toHaveLength(1500);
  expect(sets.filter(({ kept }) => kept === null)).toHaveLength(150);
});

/** The files that a walk comes to and keeps, as in the fixture; null if the patterns are refused. */
function keptOf(text: string, paths: readonly string[]): string | null {
  const bits = Buffer.alloc(Math.ceil(paths.length / 8));
  try {
    const { match, reach } = compileIgnoreFile(text, '.dockerignore');
    for (const [index, path] of paths.entries()) {
      const folders = [...path.matchAll(/\//g)].map((slash) => path.slice(0, slash.index));
      const isClosed = folders.some((folder) => match(folder) && !reach(folder, 'negated'));
      if (!isClosed && !match(path))
        bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
    }
  } catch (error) {
    if (error instanceof EcsDeployError && error.code === 'dockerignore-invalid') return null;
    throw error;
  }
  return bits.toString('base64');
}

test('a pattern that docker refuses is named, with its line', () => {
  const compile = (text: string) => () => compileIgnoreFile(text, '/app/.dockerignore');
  expect(compile('a\n\n![a-\n')).toThrow(
    'Docker rejects the pattern "![a-" in /app/.dockerignore, line 3: it has an unclosed or invalid [ ], or ends with \\.',
  );
  expect(compile('!')).toThrow('the pattern "!" in /app/.dockerignore, line 1: nothing follows');
  // Docker finds these out only when it has a path for them.
  const { match } = compilePatterns(['*.log', '*\\gone']);
  expect(() => match('a')).toThrow(
    'the pattern "*\\gone" in the .dockerignore file: invalid escape sequence: `\\g`',
  );
});

test('a pattern that a backtracking matcher could take hours for is matched at once', () => {
  const { match } = compilePatterns([`${'**/'.repeat(12)}${'*a'.repeat(9)}*b`]);
  const folder = 'a/b/c/d/e/f/g/h/i/j';
  expect(match(`${folder}/${'a'.repeat(200)}`)).toBe(false);
  expect(match(`${folder}/${'a'.repeat(200)}b`)).toBe(true);
});
