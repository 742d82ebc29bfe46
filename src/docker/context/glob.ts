import { RE2JS, RE2JSSyntaxException } from 're2js';

const BYTE_ORDER_MARK = /^\uFEFF/;

/**
 * Compiles a cleaned pattern of moby/patternmatcher. Throws a SyntaxError where moby rejects it.
 * The returned function throws it for a pattern that moby rejects only on the first match.
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
      // moby cuts the mark in two, and no name ends in half of it.
      if (BYTE_ORDER_MARK.test(pattern)) return () => false;
      const suffix = pattern.slice(2);
      return (path) =>
        path.endsWith(suffix) || (suffix.startsWith('/') && path === suffix.slice(1));
    }
    default: {
      let compiled: RE2JS | undefined;
      return (path) => {
        compiled ??= compileExpression(expression);
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

/** As moby's `compile`, which passes `{ } | ^` to the regular expression unescaped. */
function translate(pattern: string): Translation {
  // Go's text/scanner skips the mark.
  const tokens = pattern.replace(BYTE_ORDER_MARK, '').match(/\*\*\/?|\\.?|./gsu) ?? [];
  let kind: Translation['kind'] = 'exact';
  let expression = '^';
  for (const [index, token] of tokens.entries()) {
    if (token.startsWith('**')) {
      const isLast = index === tokens.length - 1;
      const isPrefix: boolean = isLast && kind === 'exact';
      if (!isPrefix) expression += isLast ? '.*' : '(.*/)?';
      kind = isPrefix ? 'prefix' : 'regexp';
      if (index === 0) kind = 'suffix';
    } else {
      expression += ESCAPED[token] ?? token;
      if (/^(?:[*?[\]]|\\.)/su.test(token)) kind = 'regexp';
    }
  }
  return { kind, expression: `${expression}$` };
}

const ESCAPED: Readonly<Record<string, string>> = {
  '*': '[^/]*',
  '?': '[^/]',
  '.': '\\.',
  '+': '\\+',
  '(': '\\(',
  ')': '\\)',
  $: '\\$',
};

/** RE2 matches in linear time, so that no pattern can stall a build. */
function compileExpression(expression: string): RE2JS {
  try {
    return RE2JS.compile(expression);
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    throw new SyntaxError(error.message.replace('error parsing regexp: ', ''));
  }
}

const MEMBER = String.raw`(?:\\.|[^\\\]-])`;
const CLASS = String.raw`\[(?:\^|(?!\^))(?:${MEMBER}(?:-${MEMBER})?)+\]`;
const VALID_PART = new RegExp(String.raw`^(?:\\.|[^\\[]|${CLASS})*$`, 'su');

/**
 * Throws a SyntaxError where moby rejects a pattern at once: it matches the pattern with Go's
 * `filepath.Match` against ".", which stops at the first part between stars that does not match.
 */
function checkGlob(pattern: string): void {
  const parts = pattern.match(/(?:\\.?|\[(?:\\.?|[^\\\]])*\]?|[^*\\[])+/gsu) ?? [];
  const matchesDot = /^(?:\?|\\?\.)$/.test(parts[0] ?? '');
  if (parts.slice(0, matchesDot ? 2 : 1).every((part) => VALID_PART.test(part))) return;
  throw new SyntaxError('it has an unclosed or invalid [ ], or ends with \\');
}
