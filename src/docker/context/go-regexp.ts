/** Go's `\s`, which knows less than JavaScript's. */
const SPACE = '[\\t\\n\\f\\r ]';

/** What stands for other characters after a backslash, apart from codes. */
const SETS: Readonly<Record<string, string>> = {
  d: '[0-9]',
  D: '[^0-9]',
  w: '[0-9A-Za-z_]',
  W: '[^0-9A-Za-z_]',
  s: SPACE,
  S: SPACE.replace('[', '[^'),
};

/** What stands for a place in the text after a backslash; in a group, so that it may be repeated. */
const PLACES: Readonly<Record<string, string>> = {
  A: '(?:^)',
  z: '(?:$)',
  b: '(?:\\b)',
  B: '(?:\\B)',
};

const CONTROLS: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

const POSIX: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: '\\t ',
  cntrl: '\\x00-\\x1F\\x7F',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};

/** Most that Go repeats something. */
const MOST_REPEATS = 1000;

/**
 * A RegExp that matches what Go's `regexp` matches with the same source, without its flags and
 * groups `(?…)`. Throws a SyntaxError where Go refuses the source.
 *
 * The syntax is that of Go's `regexp/syntax`.
 */
export function goRegExp(source: string): RegExp {
  let at = 0;
  /** Takes what comes next if it is of this form (a sticky expression). */
  const take = (form: RegExp): RegExpExecArray | undefined => {
    form.lastIndex = at;
    const found = form.exec(source) ?? undefined;
    at += found?.[0].length ?? 0;
    return found;
  };
  const refuse = (what: string): never => {
    throw new SyntaxError(what);
  };

  /** The code point of a character; of an escaped one after its backslash. */
  const character = (): number => {
    if (take(/\\/y) === undefined) {
      return take(/./suy)?.[0].codePointAt(0) ?? refuse('a [ is not closed');
    }
    const octal = take(/0[0-7]{0,2}|[1-7][0-7]{1,2}/y);
    if (octal !== undefined) return parseInt(octal[0], 8);
    const hex = take(/x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]+)\})/y);
    if (hex !== undefined) {
      const code = parseInt(hex[1] ?? hex[2] ?? '', 16);
      return code > 0x10ffff ? refuse(`\\${hex[0]} is no character`) : code;
    }
    const control = take(/[afnrtv]/y);
    if (control !== undefined) return CONTROLS[control[0]] ?? 0;
    const itself = take(/[^0-9A-Za-z\u0080-\u{10ffff}]/uy);
    return itself?.[0].codePointAt(0) ?? refuse(`\\${take(/./suy)?.[0] ?? ''} has no meaning`);
  };

  /** An escape that stands for many characters. */
  const set = (): string | undefined => {
    const simple = take(/\\([dDsSwW])/y);
    if (simple !== undefined) return SETS[simple[1] ?? ''];
    const unicode = take(/\\([pP])(?:\{(\^?)([^}]*)\}|(.?))/suy);
    if (unicode === undefined) return undefined;
    const [, letter, caret, braced, single] = unicode;
    const name = braced ?? single ?? '';
    if (!/^\w+$/.test(name)) return refuse(`${unicode[0]} is no class of Unicode`);
    const escape = (letter === 'P') === (caret === '^') ? '\\p' : '\\P';
    return name === 'Any' || name.length <= 2 ? `${escape}{${name}}` : `${escape}{Script=${name}}`;
  };

  const bracket = (): string => {
    let members = take(/\^/y) === undefined ? '[' : '[^';
    for (let first = true; first || take(/\]/y) === undefined; first = false) {
      const posix = take(/\[:(\^?)(.*?):\]/suy);
      if (posix !== undefined) {
        const range = POSIX[posix[2] ?? ''] ?? refuse(`${posix[0]} is no class`);
        members += `[${posix[1]}${range}]`;
        continue;
      }
      const many = set();
      if (many !== undefined) {
        members += many;
        continue;
      }
      const from = character();
      const to = take(/-(?!\]|$)/y) === undefined ? from : character();
      if (to < from) refuse('a range in [ ] goes backwards');
      members += `${literal(from)}-${literal(to)}`;
    }
    return `${members}]`;
  };

  const next = (): string => {
    if (take(/\[/y) !== undefined) return bracket();
    const repeat = take(/\{(0|[1-9]\d*)(?:,(0|[1-9]\d*)?)?\}/y);
    if (repeat !== undefined) {
      if (Math.max(Number(repeat[1]), Number(repeat[2] ?? 0)) > MOST_REPEATS) {
        refuse(`${repeat[0]} repeats too often`);
      }
      return repeat[0];
    }
    const quoted = take(/\\Q(.*?)(?:\\E|$)/suy);
    if (quoted !== undefined) {
      return Array.from(quoted[1] ?? '', (char) => literal(char.codePointAt(0) ?? 0)).join('');
    }
    const place = take(/\\([AzbB])/y);
    if (place !== undefined) return PLACES[place[1] ?? ''] ?? '';
    if (take(/\./y) !== undefined) return '[^\\n]';
    const operator = take(/[$()*+?^|]/y)?.[0];
    if (operator === '^' || operator === '$') return `(?:${operator})`;
    if (operator === '(') return '(?:';
    return operator ?? set() ?? literal(character());
  };

  let expression = '';
  while (at < source.length) expression += next();
  return new RegExp(expression, 'v');
}

function literal(codePoint: number): string {
  return `\\u{${codePoint.toString(16)}}`;
}
