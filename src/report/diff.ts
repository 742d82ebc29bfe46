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

/** A diff as text, with or without colours. */
export function wordDiff(lines: readonly DiffLine[], colour: boolean): string {
  const styles = diffStyles(new Chalk({ level: colour ? 1 : 0 }));
  return lines.map(({ kind, text }) => styles[kind](text)).join('\n');
}
