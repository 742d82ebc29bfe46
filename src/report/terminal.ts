import { Chalk } from 'chalk';
import type { Ora } from 'ora';
import type { Event } from '../events.ts';
import type { Reporter } from './plain.ts';
import { diffStyles } from './diff.ts';
import { wordEvent } from './words.ts';
import type { Level, Line } from './words.ts';

/** Events that a terminal shows in the live line only, unless --verbose is given. */
const PASSING = new Set<Event['kind']>([
  'before-output',
  'build-started',
  'build-output',
  'build-step',
  'push-started',
  'rollout-progress',
]);

/** How lines are written to a terminal. */
export interface TerminalOptions {
  readonly verbose: boolean;
  readonly colour: boolean;
  /** Keeps text from acting as a command of a CI runner. */
  readonly guard: (text: string) => string;
}

/** Colours, marks and one live line with a spinner on a terminal. */
export async function terminalReporter(
  stream: NodeJS.WriteStream,
  { verbose, colour, guard }: TerminalOptions,
): Promise<Reporter> {
  const { default: ora } = await import('ora');
  const chalk = new Chalk({ level: colour ? 1 : 0 });
  const paint = paintLine(colour);
  let spinner: Ora | undefined;
  const stop = () => {
    spinner?.stop();
    spinner = undefined;
  };
  return {
    report: (event) => {
      const { lines, live } = wordEvent(event);
      const shown = lines.filter(
        ({ level }) => (level !== 'debug' || verbose) && (verbose || !PASSING.has(event.kind)),
      );
      if (shown.length > 0) {
        const text = shown.map(paint).join('');
        // Lines that stay are written above the live line.
        spinner?.clear();
        stream.write(guard(text));
        spinner?.render();
      }
      if (live === null) stop();
      if (typeof live !== 'string') return;
      const fitted = fit(guard(live), stream.columns);
      // discardStdin would swallow Ctrl-C while the spinner turns.
      spinner ??= ora({ stream, discardStdin: false, color: colour && 'cyan' }).start();
      spinner.text = chalk.dim(fitted);
    },
    end: stop,
  };
}

/** Adds the mark and the colours of its level to a line. */
export function paintLine(colour: boolean): (line: Line) => string {
  const chalk = new Chalk({ level: colour ? 1 : 0 });
  const styles: Readonly<Record<Level, (text: string) => string>> = {
    step: (words) => chalk.bold(words),
    success: (words) => `${chalk.green('✔')} ${words}`,
    detail: (words) => chalk.dim(words),
    ...diffStyles(chalk),
    warning: (words) => `${chalk.yellow('▲')} ${words}`,
    error: (words) => `${chalk.red('✖')} ${words}`,
    hint: (words) => `  ${chalk.cyan('→')} ${words}`,
    debug: (words) => chalk.dim(`  · ${words}`),
    ok: (words) => `  ${chalk.green('✔')} ${words}`,
    warn: (words) => `  ${chalk.yellow('▲')} ${words}`,
    fail: (words) => `  ${chalk.red('✖')} ${words}`,
    skip: (words) => chalk.dim(`  – ${words}`),
  };
  return ({ level, text }) => `${styles[level](text)}\n`;
}

/** Cuts a live line to the terminal's width, spinner included: a wrapped one cannot be cleared. */
function fit(text: string, columns: number): string {
  const room = Math.max(columns - 4, 10);
  return text.length > room ? `${text.slice(0, room - 1)}…` : text;
}
