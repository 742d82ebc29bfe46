/** One instruction of a Dockerfile. */
export interface Instruction {
  /** Upper case, e.g. `COPY`. */
  readonly name: string;
  /** What stands behind the name, continuations joined. */
  readonly text: string;
  /** Line in the file, from 1. */
  readonly line: number;
}

/** Splits a Dockerfile into instructions; comments, directives and continuations are resolved. */
export function parseDockerfile(source: string): readonly Instruction[] {
  const instructions: Instruction[] = [];
  let pending: { text: string; line: number } | undefined;
  source.split(/\r?\n/).forEach((raw, index) => {
    if (/^\s*(#|$)/.test(raw)) return;
    const goesOn = /\\\s*$/.test(raw);
    const part = raw.replace(/\\\s*$/, '').trim();
    const text = pending === undefined ? part : `${pending.text} ${part}`;
    const line = pending?.line ?? index + 1;
    pending = goesOn ? { text, line } : undefined;
    if (goesOn) return;
    const [, name = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(text) ?? [];
    instructions.push({ name: name.toUpperCase(), text: rest, line });
  });
  return instructions;
}

/** Replaces `$NAME`, `${NAME}`, `${NAME:-word}` and `${NAME:+word}`. */
export function substitute(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replaceAll(
    /\\\$|\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})/g,
    (whole, plain?: string, braced?: string, operator?: string, word = '') => {
      if (whole === '\\$') return '$';
      const value = variables[plain ?? braced ?? ''] ?? '';
      if (operator === '-') return value === '' ? word : value;
      if (operator === '+') return value === '' ? '' : word;
      return value;
    },
  );
}

/** The words of an instruction: its JSON list, or split at blanks with quotes respected. */
export function words(text: string): readonly string[] {
  return (
    jsonForm(text) ??
    [...text.matchAll(/(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s"']+))+/g)].map(([whole]) =>
      whole.replaceAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_, double?: string, single?: string) =>
        (double ?? single ?? '').replaceAll(/\\(.)/g, '$1'),
      ),
    )
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

/** Command words as an image config holds them: the shell form goes through `/bin/sh -c`. */
export function commandForm(text: string): readonly string[] {
  return jsonForm(text) ?? ['/bin/sh', '-c', text];
}

/** `KEY=VALUE …` pairs, or the old form `KEY VALUE`. */
export function keyValues(text: string): readonly (readonly [string, string])[] {
  const [first = '', ...rest] = words(text);
  if (!first.includes('=')) return [[first, rest.join(' ')]];
  return [first, ...rest].map((pair) => {
    const equals = pair.indexOf('=');
    return [pair.slice(0, equals), pair.slice(equals + 1)] as const;
  });
}
