import { unknown } from './expressions.ts';

/** A piece of a word. */
type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'variable'; readonly name: string; readonly fallback: string | undefined }
  /** The script of `$(…)`. */
  | { readonly kind: 'command'; readonly script: string };

type Word = readonly Part[];

/** One simple command of a script. */
export interface Command {
  /** The words behind assignments, expanded; what is not known is marked. */
  readonly words: readonly string[];
  /** The file that stdout is written to, expanded. */
  readonly output: string | undefined;
  /** Lines before it in the script. */
  readonly line: number;
  /** The whole statement as it is written, with the commands that it is joined with. */
  readonly statement: string;
  /** Whether it is part of a loop or a condition. */
  readonly isNested: boolean;
  /** Whether it is in `$(…)`: its output is part of another command. */
  readonly isSubstituted: boolean;
}

interface Parsed {
  readonly words: readonly Word[];
  readonly output: Word | undefined;
  readonly line: number;
  readonly statement: number;
}

const KEYWORDS = new Set(['if', 'then', 'elif', 'else', 'do', 'while', 'until', '!', '{', '(']);
const ENDS = new Set(['fi', 'done', 'esac', '}', ')']);

/**
 * Reads a shell script in its order, each branch and each round of a `for` once. Assignments change
 * `variables`; `run` is called with every simple command.
 */
export function readScript(
  script: string,
  variables: Map<string, string>,
  run: (command: Command) => void,
): void {
  const { commands, statements } = parse(script);
  const expand = (word: Word, line: number): string =>
    word
      .map((part) => {
        if (part.kind === 'text') return part.text;
        if (part.kind === 'variable')
          return variables.get(part.name) ?? part.fallback ?? unknown(`$${part.name}`);
        readScript(part.script, new Map(variables), (inner) =>
          run({ ...inner, line: line + inner.line, isSubstituted: true }),
        );
        return unknown(`$(${part.script.trim()})`);
      })
      .join('');
  const readRange = (from: number, to: number, nested: boolean): void => {
    for (let at = from; at < to; at += 1) {
      const command = commands[at];
      if (command === undefined) return;
      const { line } = command;
      const plain = command.words.map(literal);
      const opening = plain.findIndex((word) => word === undefined || !KEYWORDS.has(word));
      const words = opening < 0 ? [] : command.words.slice(opening);
      const isInside = nested || opening !== 0;
      const [first = ''] = plain.slice(Math.max(opening, 0));
      if (first === 'for') {
        const end = endOfLoop(commands, at, to);
        const [, name, , ...rounds] = words;
        for (const round of rounds.flatMap((word) => expand(word, line).split(/\s+/))) {
          variables.set(literal(name) ?? '', round);
          readRange(at + 1, end, true);
        }
        at = end;
        continue;
      }
      if (ENDS.has(first)) continue;
      const rest = first === 'export' ? words.slice(1) : words;
      const assigned = rest.findIndex((word) => assignment(word) === undefined);
      const isAssignment = assigned < 0;
      for (const word of isAssignment ? rest : rest.slice(0, assigned)) {
        const [name, value] = assignment(word) ?? ['', []];
        // Its substitutions run in any case; the value is for one command only.
        const text = expand(value, line);
        if (isAssignment) variables.set(name, text);
      }
      const expanded = (isAssignment ? [] : rest.slice(assigned)).map((word) => expand(word, line));
      if (expanded.length === 0) continue;
      run({
        words: expanded,
        output: command.output && expand(command.output, line),
        line,
        statement: statements[command.statement] ?? '',
        isSubstituted: false,
        isNested: isInside || isInControl(commands, at),
      });
    }
  };
  readRange(0, commands.length, false);
}

/** Whether a script has loops, conditions or functions: it is then kept as one piece. */
function isInControl(commands: readonly Parsed[], at: number): boolean {
  let depth = 0;
  for (const { words } of commands.slice(0, at)) {
    const [first = ''] = words.map(literal);
    if (['if', 'for', 'while', 'until', 'case'].includes(first)) depth += 1;
    if (['fi', 'done', 'esac'].includes(first)) depth -= 1;
  }
  return depth > 0;
}

function endOfLoop(commands: readonly Parsed[], from: number, to: number): number {
  let depth = 0;
  for (let at = from; at < to; at += 1) {
    const words = commands[at]?.words.map(literal) ?? [];
    const opening = words.find((word) => word === undefined || !KEYWORDS.has(word));
    if (['for', 'while', 'until'].some((word) => opening === word || words[0] === word)) depth += 1;
    if (words[0] === 'done') depth -= 1;
    if (depth === 0) return at;
  }
  return to;
}

function literal(word: Word | undefined): string | undefined {
  if (word === undefined || word.some(({ kind }) => kind !== 'text')) return undefined;
  return word.map((part) => (part.kind === 'text' ? part.text : '')).join('');
}

function assignment(word: Word): readonly [name: string, value: Word] | undefined {
  const [first, ...rest] = word;
  if (first?.kind !== 'text') return undefined;
  const [, name, text] = /^(\w+)=([^]*)$/.exec(first.text) ?? [];
  if (name === undefined || text === undefined) return undefined;
  return [name, [{ kind: 'text', text }, ...rest]];
}

/** Splits a script into simple commands by the rules of `sh`. */
function parse(script: string): { commands: readonly Parsed[]; statements: readonly string[] } {
  const commands: Parsed[] = [];
  const statements: string[] = [];
  let words: Word[] = [];
  let word: Part[] | undefined;
  let output: Word | undefined;
  let redirects: 'output' | 'other' | undefined;
  const documents: string[] = [];
  let at = 0;
  let begin = 0;
  let commandAt = 0;
  const lineAt = (offset: number) => script.slice(0, offset).split('\n').length - 1;
  const add = (part: Part) => {
    if (word === undefined && words.length === 0) commandAt = at;
    const last = word?.at(-1);
    if (part.kind === 'text' && last?.kind === 'text') {
      word?.splice(-1, 1, { kind: 'text', text: last.text + part.text });
    } else (word ??= []).push(part);
  };
  const endWord = () => {
    if (word === undefined) return;
    if (redirects === 'output') output = word;
    else if (redirects === undefined) words.push(word);
    redirects = undefined;
    word = undefined;
  };
  const endCommand = () => {
    endWord();
    if (words.length > 0)
      commands.push({ words, output, line: lineAt(commandAt), statement: statements.length });
    words = [];
    output = undefined;
  };
  const endStatement = () => {
    endCommand();
    statements.push(script.slice(begin, at).trim());
    begin = at + 1;
  };
  /** Takes what matches at the current place. */
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    const sticky = new RegExp(pattern, 'y');
    sticky.lastIndex = at;
    const found = sticky.exec(script) ?? undefined;
    return found;
  };
  const dollar = (): boolean => {
    if (script.startsWith('$(', at) || script[at] === '`') {
      const end = script[at] === '`' ? script.indexOf('`', at + 1) : closing(script, at + 1);
      const start = script[at] === '`' ? at + 1 : at + 2;
      const stop = end < 0 ? script.length : end;
      add({ kind: 'command', script: script.slice(start, stop) });
      at = stop + 1;
      return true;
    }
    const braces = take(/\$\{(\w+)(?::?-([^}]*))?\}/) ?? take(/\$(\w+|[?@#!*])/);
    if (braces !== undefined) {
      add({ kind: 'variable', name: braces[1] ?? '', fallback: braces[2] });
      at += braces[0].length;
      return true;
    }
    const other = take(/\$\{[^}]*\}/);
    if (other === undefined) return false;
    add({ kind: 'text', text: unknown(other[0]) });
    at += other[0].length;
    return true;
  };
  const mark = (): boolean => {
    const found = take(/\uE000[^\uE001]*\uE001/);
    if (found === undefined) return false;
    add({ kind: 'text', text: found[0] });
    at += found[0].length;
    return true;
  };
  while (at < script.length) {
    const char = script[at] ?? '';
    if (mark()) continue;
    const quoted = take(/'([^']*)'/);
    if (quoted !== undefined) {
      add({ kind: 'text', text: quoted[1] ?? '' });
      at += quoted[0].length;
    } else if (char === '"') {
      add({ kind: 'text', text: '' });
      at += 1;
      while (at < script.length && script[at] !== '"') {
        if (mark() || ((script[at] === '$' || script[at] === '`') && dollar())) continue;
        if (script[at] === '\\' && /["\\$`\n]/.test(script[at + 1] ?? '')) at += 1;
        add({ kind: 'text', text: script[at] ?? '' });
        at += 1;
      }
      at += 1;
    } else if (take(/\\\r?\n/) !== undefined) {
      at += take(/\\\r?\n/)?.[0].length ?? 1;
      if (word !== undefined && /\s/.test(script[at] ?? '')) endWord();
    } else if (char === '\\') {
      add({ kind: 'text', text: script[at + 1] ?? '' });
      at += 2;
    } else if (char === '#' && word === undefined) {
      const end = script.indexOf('\n', at);
      at = end < 0 ? script.length : end;
      if (words.length === 0) begin = at;
    } else if (char === '\n') {
      endStatement();
      at += 1;
      for (const document of documents.splice(0)) {
        const end = new RegExp(`^[\\t ]*${document}[\\t ]*$`, 'm').exec(script.slice(at));
        at = end === null ? script.length : at + end.index + end[0].length;
        begin = at;
      }
    } else if (take(/&&|\|\||\|&?/) !== undefined) {
      endCommand();
      at += take(/&&|\|\||\|&?/)?.[0].length ?? 1;
      // A statement goes on behind a line that ends with its operator.
      at += take(/[ \t]*\r?\n/)?.[0].length ?? 0;
    } else if (take(/<<-?\s*['"]?(\w+)['"]?/) !== undefined && !script.startsWith('<<<', at)) {
      const found = take(/<<-?\s*['"]?(\w+)['"]?/);
      documents.push(found?.[1] ?? '');
      at += found?.[0].length ?? 1;
    } else if (take(/\d?(>>?|<<?<?)(&\d)?/) !== undefined && (char !== '<' || word === undefined)) {
      const found = take(/(\d?)(>>?|<<?<?)(&\d)?/);
      endWord();
      if (found?.[3] === undefined)
        redirects = found?.[2]?.startsWith('>') && found[1] !== '2' ? 'output' : 'other';
      at += found?.[0].length ?? 1;
    } else if (char === ';' || char === '&') {
      endStatement();
      at += 1;
    } else if (char === '(' || char === ')') {
      endCommand();
      at += 1;
    } else if (/\s/.test(char)) {
      endWord();
      at += 1;
    } else if (!((char === '$' || char === '`') && dollar())) {
      add({ kind: 'text', text: char });
      at += 1;
    }
  }
  endStatement();
  return { commands, statements };
}

/** The place of the bracket that closes the one at `open`; -1 where there is none. */
function closing(script: string, open: number): number {
  let depth = 0;
  for (let at = open; at < script.length; at += 1) {
    if (script[at] === "'") {
      const end = script.indexOf("'", at + 1);
      if (end > 0) at = end;
    } else if (script[at] === '(') depth += 1;
    else if (script[at] === ')' && --depth === 0) return at;
  }
  return -1;
}

/** The options and the other words of a command line, e.g. `--build-arg A=b --file=Dockerfile .`. */
export function readOptions(
  words: readonly string[],
  switches: ReadonlySet<string>,
): { readonly options: readonly (readonly [string, string])[]; readonly rest: readonly string[] } {
  const options: (readonly [string, string])[] = [];
  const rest: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const [, name = '', value] = /^(--?[A-Za-z][\w-]*)(?:=([^]*))?$/.exec(word) ?? [];
    if (name === '') rest.push(word);
    else if (value !== undefined) options.push([name, value]);
    else if (switches.has(name)) options.push([name, '']);
    else options.push([name, words[(at += 1)] ?? '']);
  }
  return { options, rest };
}
