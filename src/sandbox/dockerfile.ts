/** One instruction of a Dockerfile. */
export interface Instruction {
  /** Upper case, e.g. `COPY`. */
  readonly name: string;
  /** The text after the name, continuation lines joined. */
  readonly text: string;
  /** Line in the file, from 1. */
  readonly line: number;
}

/** Values of ARG and ENV by name. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Splits a Dockerfile into instructions: drops comments and directives, joins continuation lines. */
export function parseDockerfile(source: string): readonly Instruction[] {
  const statements: { text: string; readonly line: number; goesOn: boolean }[] = [];
  for (const [index, raw] of source
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    if (/^\s*(#|$)/.test(raw)) continue;
    const text = raw.replace(/\\\s*$/, '');
    const goesOn = text !== raw;
    const last = statements.at(-1);
    if (last?.goesOn) Object.assign(last, { text: last.text + text, goesOn });
    else statements.push({ text, line: index + 1, goesOn });
  }
  return statements.map(({ text, line }) => {
    const [, name = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(text.trim()) ?? [];
    return { name: name.toUpperCase(), text: rest, line };
  });
}

const REFERENCE = /\\(.)|\$(?:(\w+)|\{(\w+)(?:(:?)([-+?])((?:\$\{[^}]*\}|[^}])*))?\}|\{[^}]*\}?)/gs;

/**
 * Replaces `$NAME`, `${NAME}` and `${NAME:-word}`, also with `+` or `?` and without the colon.
 *
 * A backslash is removed before the characters of `escapable` and kept before others. Throws for
 * other modifiers in braces, and for `?` without a value.
 */
export function substitute(text: string, variables: Variables, escapable = /./s): string {
  return text.replaceAll(
    REFERENCE,
    (
      whole: string,
      escaped?: string,
      plain?: string,
      braced?: string,
      colon?: string,
      operator?: string,
      word = '',
    ) => {
      if (escaped !== undefined) return escapable.test(escaped) ? escaped : whole;
      const name = plain ?? braced;
      if (name === undefined) throw new Error(`unsupported modifier in substitution: ${whole}`);
      const value = variables[name];
      const isSet = colon === ':' ? (value ?? '') !== '' : value !== undefined;
      if (operator === '+') return isSet ? substitute(word, variables) : '';
      if (operator === '-' && !isSet) return substitute(word, variables);
      if (operator === '?' && !isSet) throw new Error(`${name}: ${word || 'is not set'}`);
      return value ?? '';
    },
  );
}

const WORD = /(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|\$\{[^}]*\}|[^\s"'\\])+/gs;
const PART = /"((?:\\.|[^"\\])*)"|'([^']*)'|((?:\\.|\$\{[^}]*\}|[^"'\\])+)/gs;

/**
 * The words of an instruction: its JSON list, or split at blanks with quotes respected.
 *
 * Variables are replaced within each word, except in single quotes. Throws for an unclosed quote.
 */
export function words(text: string, variables: Variables): readonly string[] {
  const list = jsonForm(text);
  if (list !== undefined) return list.map((item) => substitute(item, variables));
  if (text.replaceAll(WORD, '').trim() !== '') {
    throw new Error(`unexpected end of statement while looking for matching quote: ${text}`);
  }
  return (text.match(WORD) ?? []).map((word) =>
    word.replaceAll(PART, (_, double?: string, single?: string, plain = '') => {
      if (double !== undefined) return substitute(double, variables, /["$\\]/);
      return single ?? substitute(plain, variables);
    }),
  );
}

/** The list of an instruction's exec form; undefined for the shell form. */
function jsonForm(text: string): readonly string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const list = JSON.parse(text) as unknown;
    return Array.isArray(list) && list.every((item) => typeof item === 'string') ? list : undefined;
  } catch {
    return undefined;
  }
}

/** A command as image configs hold it: the shell form is wrapped in `/bin/sh -c`. */
export function commandForm(text: string): readonly string[] {
  return jsonForm(text) ?? ['/bin/sh', '-c', text];
}

/** `KEY=VALUE …` pairs, or the old form `KEY VALUE`; throws for a word without `=` among pairs. */
export function keyValues(text: string, variables: Variables): (readonly [string, string])[] {
  const pairs = words(text, variables);
  const [first = '', ...rest] = pairs;
  if (!first.includes('=') && rest.length > 0) return [[first, rest.join(' ')]];
  return pairs.map((pair) => {
    const [key, value] = splitPair(pair);
    if (key !== '' && value !== undefined) return [key, value];
    throw new Error(`Syntax error - can't find = in "${pair}". Must be of the form: name=value`);
  });
}

/** Key and value of `KEY=VALUE`; the value is undefined without `=`. */
export function splitPair(pair: string): readonly [key: string, value: string | undefined] {
  const equals = pair.indexOf('=');
  return equals === -1 ? [pair, undefined] : [pair.slice(0, equals), pair.slice(equals + 1)];
}
