import { goRegExp } from './go-regexp.ts';

const BYTE_ORDER_MARK = '\uFEFF';

/**
 * Compiles a cleaned pattern of moby/patternmatcher. Throws a SyntaxError where moby refuses it;
 * what moby refuses only when it comes to match with it, so does the function that is returned.
 */
export function compileGlob(pattern: string): (path: string) => boolean {
  checkGlob(pattern);
  const { kind, expression } = translate(pattern);
  switch (kind) {
    case 'exact':
      return (path) => path === pattern;
    case 'prefix': {
      const prefix = pattern.slice(0, -2);
      return (path) => path.startsWith(prefix);
    }
    case 'suffix': {
      // moby cuts the mark itself in two, and no name ends in half of it.
      if (pattern.startsWith(BYTE_ORDER_MARK)) return () => false;
      const suffix = pattern.slice(2);
      return (path) =>
        path.endsWith(suffix) || (suffix.startsWith('/') && path === suffix.slice(1));
    }
    default: {
      let compiled: RegExp | undefined;
      return (path) => {
        compiled ??= goRegExp(expression);
        return compiled.test(path);
      };
    }
  }
}

interface Translation {
  /** All but the last are decided without the expression. */
  readonly kind: 'exact' | 'prefix' | 'suffix' | 'regexp';
  /** Source of a regular expression of Go. */
  readonly expression: string;
}

/** As moby's `compile`, which leaves `{ } | ^` to the regular expression, by mistake or not. */
function translate(pattern: string): Translation {
  const chars = Array.from(pattern);
  // Go's text/scanner does not see it.
  if (chars[0] === BYTE_ORDER_MARK) chars.shift();
  let kind: Translation['kind'] = 'exact';
  let expression = '^';
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at] ?? '';
    if (char === '*' && chars[at + 1] === '*') {
      const isFirst = at === 0;
      at += chars[at + 2] === '/' ? 2 : 1;
      if (at + 1 < chars.length) {
        expression += '(.*/)?';
        kind = 'regexp';
      } else if (kind === 'exact') {
        kind = 'prefix';
      } else {
        expression += '.*';
        kind = 'regexp';
      }
      if (isFirst) kind = 'suffix';
    } else if (char === '*' || char === '?') {
      expression += char === '*' ? '[^/]*' : '[^/]';
      kind = 'regexp';
    } else if (char === '\\') {
      at += 1;
      expression += `\\${chars[at] ?? ''}`;
      if (at < chars.length) kind = 'regexp';
    } else {
      expression += /[.+()$]/.test(char) ? `\\${char}` : char;
      if (char === '[' || char === ']') kind = 'regexp';
    }
  }
  return { kind, expression: `${expression}$` };
}

/**
 * Throws a SyntaxError where moby refuses a pattern at once: it matches it with Go's
 * `filepath.Match` against ".", which looks no further than to where that does not match.
 */
function checkGlob(pattern: string): void {
  const chars = Array.from(pattern);
  let at = 0;
  let dot = true;
  while (at < chars.length) {
    let star = false;
    for (; chars[at] === '*'; at += 1) star = true;
    const chunk = chars.slice(at, endOfChunk(chars, at));
    at += chunk.length;
    if (star && chunk.length === 0) return;
    const isLast = at === chars.length;
    const left: boolean | undefined = (star && dot ? [true, false] : [dot])
      .map((start) => matchChunk(chunk, start))
      .find((rest) => rest !== undefined && !(rest && isLast));
    if (left === undefined) return;
    dot = left;
  }
}

/** Where the next `*` outside of brackets is. */
function endOfChunk(chars: readonly string[], from: number): number {
  let at = from;
  for (let inBracket = false; at < chars.length; at += 1) {
    const char = chars[at];
    if (char === '\\') at += 1;
    else if (char === '[') inBracket = true;
    else if (char === ']') inBracket = false;
    else if (char === '*' && !inBracket) break;
  }
  return Math.min(at, chars.length);
}

/**
 * Matches a part without `*` with "." (`dot`) or with nothing; answers whether the dot is left, or
 * undefined for no match.
 */
function matchChunk(chunk: readonly string[], dot: boolean): boolean | undefined {
  let at = 0;
  let left = dot;
  let failed = false;
  const member = (): string => {
    if (chunk[at] === '\\') at += 1;
    else if (chunk[at] === '-' || chunk[at] === ']') throw new SyntaxError('[ ] lacks a character');
    const char = chunk[at];
    at += 1;
    if (char === undefined || at >= chunk.length) throw new SyntaxError('a [ is not closed');
    return char;
  };
  const bracket = (): boolean => {
    const isNegated = chunk[at] === '^';
    if (isNegated) at += 1;
    let hit = false;
    do {
      const from = member();
      if (chunk[at] === '-') at += 1;
      else {
        hit ||= from === '.';
        continue;
      }
      const to = member();
      hit ||= from <= '.' && '.' <= to;
    } while (chunk[at] !== ']');
    at += 1;
    return hit !== isNegated;
  };
  while (at < chunk.length) {
    let char = chunk[at];
    at += 1;
    let matches: boolean;
    if (char === '[') matches = bracket();
    else if (char === '?') matches = true;
    else {
      if (char === '\\') {
        char = chunk[at];
        at += 1;
        if (char === undefined) throw new SyntaxError('nothing follows the last \\');
      }
      matches = char === '.';
    }
    if (left && matches) left = false;
    else failed = true;
  }
  return failed ? undefined : left;
}
