import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Help } from 'commander';

/** The help of a command, or of the program, without line breaks for a width. */
export interface HelpPage {
  readonly usage: string;
  readonly description: string;
  readonly lists: readonly {
    readonly title: string;
    readonly items: readonly (readonly [term: string, text: string])[];
  }[];
  readonly examples: readonly string[];
  /** Lines at the end. */
  readonly notes: readonly string[];
  /** Its rare options are listed, too, and its lists are set apart. */
  readonly all: boolean;
}

/** A page as it is printed, ending in a line break. */
export function formatPage(page: HelpPage, helper: Help): string {
  const { usage, description, lists, examples, notes, all } = page;
  const width = Math.max(...lists.flatMap(({ items }) => items.map(([term]) => term.length)));
  return [
    `Usage: ${usage}`,
    helper.boxWrap(description, helper.helpWidth ?? 80),
    '',
    ...lists.flatMap(({ title, items }) => [
      `${title}:`,
      ...items.map(([term, text]) => helper.formatItem(term, width, text, helper)),
      ...(all ? [''] : []),
    ]),
    ...(examples.length === 0 ? [] : ['Examples:', ...examples.map((line) => `  ${line}`)]),
    ...notes,
    '',
  ].join('\n');
}

/** The file of a page in the folder of prepared pages; that of the program has no name of a command. */
export const pageFile = (command: string | undefined, all: boolean): string =>
  `${command ?? 'the-program'}${all ? '-all' : ''}.json`;

/**
 * What a command line prints that asks for nothing but help, from a page that the build has prepared in
 * `folder`: neither the settings nor the command line are needed for it. Undefined for any other.
 */
export function preparedHelp(
  argv: readonly string[],
  columns: number,
  folder: string,
): string | undefined {
  const all = argv.at(-1) === '--all';
  const [first = '', second, ...rest] = all ? argv.slice(0, -1) : argv;
  const isFlag = (word: string | undefined) => word === '--help' || word === '-h';
  if (rest.length > 0) return undefined;
  let command: string | undefined;
  if (first === 'help') command = isFlag(second) ? 'help' : second;
  else if (isFlag(second)) command = first;
  else if (second !== undefined || !isFlag(first)) return undefined;
  if (command !== undefined && !/^[a-z]+$/.test(command)) return undefined;
  let text: string;
  try {
    text = readFileSync(join(folder, pageFile(command, all)), 'utf8');
  } catch {
    return undefined;
  }
  const helper = new Help();
  helper.helpWidth = columns;
  return formatPage(JSON.parse(text) as HelpPage, helper);
}
