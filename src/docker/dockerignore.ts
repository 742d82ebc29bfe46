/** Whether a path of the build context is left out; paths are relative, with `/`. */
export type Ignored = (path: string) => boolean;

interface Pattern {
  readonly negated: boolean;
  readonly matches: (path: string) => boolean;
}

/** A compiled `.dockerignore`. */
export interface IgnoreFile {
  readonly ignored: Ignored;
  /** Whether a `!` pattern may bring back something below an ignored folder. */
  readonly hasNegation: boolean;
}

/**
 * Compiles a `.dockerignore` with the semantics of moby/patternmatcher (`MatchesOrParentMatches`);
 * the npm libraries differ from it on names with `( ) + { }` and on `**` (docker-facts 2.1).
 */
export function compileIgnoreFile(source: string): IgnoreFile {
  return compilePatterns(
    source
      .replace(/^\uFEFF/, '')
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .map((line) => line.trim()),
  );
}

/** Compiles patterns such as a `.dockerignore` holds, one each. */
export function compilePatterns(lines: readonly string[]): IgnoreFile {
  const patterns = lines.flatMap((line) => compileLine(line));
  return {
    hasNegation: patterns.some(({ negated }) => negated),
    ignored: (path) => {
      const segments = path.split('/');
      const parents = segments.map((_, index) => segments.slice(0, index + 1).join('/'));
      let matched = false;
      for (const { negated, matches } of patterns) {
        if (negated === matched && parents.some(matches)) matched = !negated;
      }
      return matched;
    },
  };
}

function compileLine(line: string): Pattern[] {
  const negated = line.startsWith('!');
  const cleaned = cleanPath(negated ? line.slice(1).trim() : line);
  if (cleaned === '' || cleaned === '.') return [];
  return [{ negated, matches: compilePattern(cleaned) }];
}

/** Go's `filepath.Clean`, then without the leading slash that moby drops. */
function cleanPath(path: string): string {
  if (path === '') return '';
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..' && kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (segment !== '..' || !path.startsWith('/')) kept.push(segment);
  }
  return kept.join('/') || '.';
}

/** The pattern as moby compiles it: exact, prefix and suffix matches are decided without a RegExp. */
function compilePattern(pattern: string): (path: string) => boolean {
  let kind: 'exact' | 'prefix' | 'suffix' | 'regexp' = 'exact';
  let source = '';
  for (let index = 0; index < pattern.length; index += 1) {
    const char = pattern[index] ?? '';
    if (char === '*' && pattern[index + 1] === '*') {
      const first = index === 0;
      index += pattern[index + 2] === '/' ? 2 : 1;
      if (index + 1 < pattern.length) {
        source += '(.*/)?';
        kind = 'regexp';
      } else if (kind === 'exact') {
        kind = 'prefix';
      } else {
        source += '.*';
        kind = 'regexp';
      }
      if (first) kind = 'suffix';
    } else if (char === '*' || char === '?') {
      source += char === '*' ? '[^/]*' : '[^/]';
      kind = 'regexp';
    } else if (char === '\\' && index + 1 < pattern.length) {
      index += 1;
      source += `\\${pattern[index]}`;
      kind = 'regexp';
    } else if (char === '[' || char === ']') {
      source += char;
      kind = 'regexp';
    } else {
      source += /[.+()|{}$\\^]/.test(char) ? `\\${char}` : char;
    }
  }
  switch (kind) {
    case 'exact':
      return (path) => path === pattern;
    case 'prefix':
      return (path) => path.startsWith(pattern.slice(0, -2));
    case 'suffix': {
      const suffix = pattern.slice(2);
      return (path) =>
        path.endsWith(suffix) || (suffix.startsWith('/') && path === suffix.slice(1));
    }
    default: {
      const expression = new RegExp(`^${source}$`, 's');
      return (path) => expression.test(path);
    }
  }
}
