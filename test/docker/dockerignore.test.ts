import { expect, test } from 'vitest';
import { compileIgnoreFile } from '../../src/docker/dockerignore.ts';

/** Patterns, then paths that are ignored, then paths that are kept; as moby/patternmatcher decides. */
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
];

test.each(CASES)('%j', (source, ignored, kept) => {
  const file = compileIgnoreFile(source);
  expect(ignored.filter((path) => !file.ignored(path))).toEqual([]);
  expect(kept.filter((path) => file.ignored(path))).toEqual([]);
});
