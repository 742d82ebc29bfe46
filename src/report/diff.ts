import { Chalk } from 'chalk';
import type { ChalkInstance } from 'chalk';
import type { DiffLine } from '../core/changes.ts';

/** The colours of a diff's lines. */
export function diffStyles(
  chalk: ChalkInstance,
): Readonly<Record<DiffLine['kind'], (text: string) => string>> {
  return {
    heading: (text) => chalk.bold(text),
    removed: (text) => chalk.red(text),
    added: (text) => chalk.green(text),
    changed: (text) => chalk.yellow(text),
  };
}

/** A result for stdout: a text as it is, a diff with or without colours. */
export function wordOutput(output: string | readonly DiffLine[], colour: boolean): string {
  if (typeof output === 'string') return output;
  const styles = diffStyles(new Chalk({ level: colour ? 1 : 0 }));
  return output.map(({ kind, text }) => styles[kind](text)).join('\n');
}

/** A diff as Markdown, in a block that GitHub colours. */
export function markdownDiff(lines: readonly DiffLine[]): string {
  const marks: Readonly<Record<DiffLine['kind'], string>> = {
    heading: '',
    removed: '-',
    added: '+',
    changed: '!',
  };
  const text = lines
    .map((line) =>
      line.kind === 'heading' ? line.text : line.text.replace(/^\s+\S/, marks[line.kind]),
    )
    .join('\n');
  // A fence ends at one of its own length.
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}diff\n${text}\n${fence}`;
}
