import { readFileSync } from 'node:fs';

/** The variables of a file, and what is wrong with it; values are never part of a problem. */
export interface EnvFile {
  readonly values: Readonly<Record<string, string>>;
  /** Each begins with the file and, where there is one, the line. */
  readonly problems: readonly string[];
}

/** Reads a file in dotenv format; a line that is not `NAME=VALUE` is a problem, not ignored. */
export function readEnvFile(path: string): EnvFile {
  try {
    const { entries, invalid } = parseEnv(readFileSync(path, 'utf8'));
    const problems = invalid.map(({ line, message }) => `${path}:${line}: ${message}`);
    return { values: Object.fromEntries(entries), problems };
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const reason = REASONS.get(code) ?? `cannot be read: ${message}`;
    return { values: {}, problems: [`${path} ${reason}`] };
  }
}

const REASONS = new Map([
  ['ENOENT', 'does not exist'],
  ['ENOTDIR', 'does not exist'],
  ['EISDIR', 'is a folder'],
  ['EACCES', 'cannot be read: permission denied'],
]);

const BLANK = /[^\S\n]*(?:#[^\n]*)?(?:\n|$)/y;
const NAME = /[^\S\n]*(?:export[^\S\n]+)?([^\s=#'"`]+)[^\S\n]*=[^\S\n]*/y;
/** A value in quotes can have several lines. */
const QUOTED = /(?:'([^']*)'|`([^`]*)`|"((?:\\[^]|[^"\\])*)")[^\S\n]*(?:#[^\n]*)?(?:\n|$)/y;
const REST = /([^\n]*)(?:\n|$)/y;

const ESCAPES = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['"', '"'],
  ['\\', '\\'],
]);

/**
 * Reads comments, `export`, and values plain or in quotes. In double quotes `\n`, `\r`, `\t`, `\"` and
 * `\\` are escapes; variables are not expanded. The parser of Node.js ignores what it cannot read.
 */
function parseEnv(source: string) {
  const text = source.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  const entries: [name: string, value: string][] = [];
  const invalid: { readonly line: number; readonly message: string }[] = [];
  let at = 0;
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    at += match?.[0].length ?? 0;
    return match;
  };
  while (at < text.length) {
    if (take(BLANK) !== null) continue;
    const line = text.slice(0, at).split('\n').length;
    const name = take(NAME)?.[1];
    const quoted = name === undefined ? null : take(QUOTED);
    const [, rest = ''] = quoted ?? take(REST) ?? [];
    if (name === undefined) invalid.push({ line, message: 'must be NAME=VALUE' });
    else if (quoted !== null) entries.push([name, unquote(quoted)]);
    else if (/^['"`]/.test(rest)) {
      invalid.push({ line, message: `the value of ${name} must end with its closing quote` });
    } else entries.push([name, rest.replace(/(^|\s)#.*$/, '').trimEnd()]);
  }
  return { entries, invalid };
}

function unquote([, single, raw, double = '']: RegExpExecArray): string {
  return (
    single ??
    raw ??
    double.replaceAll(/\\([^])/g, (all, letter: string) => ESCAPES.get(letter) ?? all)
  );
}
