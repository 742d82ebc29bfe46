import { Chalk } from 'chalk';
import type { Event } from '../events.ts';
import { diffStyles } from './diff.ts';
import { toAscii } from './format.ts';
import { draw, summarise } from './live.ts';
import type { Reporter } from './plain.ts';
import { openRegion } from './region.ts';
import type { RegionStream } from './region.ts';
import { NOTHING_YET, phaseOf, reduce } from './run-state.ts';
import { makeStory } from './story.ts';
import { wrap } from './width.ts';
import type { Level, Line } from './words.ts';

/** Events that a terminal shows in the live view only, unless --verbose is given. */
const PASSING = new Set<Event['kind']>([
  'before-started',
  'before-output',
  'build-started',
  'build-output',
  'build-step',
  'context-sent',
  'push-started',
  'rollout-progress',
  'task-progress',
]);

/** Milliseconds between two frames. */
const FRAME = 100;

/** How lines are written to a terminal. */
export interface TerminalOptions {
  readonly verbose: boolean;
  readonly colour: boolean;
  readonly unicode: boolean;
  /** Keeps text from acting as a command of a CI runner. */
  readonly guard: (text: string) => string;
  /** Calls back when the run continues after Ctrl-Z. */
  readonly onResume?: ((act: () => void) => void) | undefined;
}

/** Colours, marks and a live view of what runs on a terminal. */
export function terminalReporter(
  stream: RegionStream,
  { verbose, colour, unicode, guard, onResume }: TerminalOptions,
): Reporter {
  const paint = paintLine(colour, unicode);
  const story = makeStory(verbose);
  const region = openRegion(stream);
  let state = NOTHING_YET;
  let drawing: NodeJS.Timeout | undefined;
  const screen = ([columns, rows] = stream.getWindowSize()) => ({
    columns,
    rows,
    now: new Date(),
    unicode,
    colour,
  });
  const frame = () => {
    region.draw((columns, rows) =>
      state.isAsking ? [] : draw(state, screen([columns, rows])).map(guard),
    );
  };
  // Frames and lines would be written over a question.
  const isLive = () => phaseOf(state) !== undefined && !state.isAsking;
  const held: string[] = [];
  onResume?.(() => region.forget());
  return {
    report: (event) => {
      state = reduce(state, event);
      const lines = story(event);
      if (!isLive()) {
        clearInterval(drawing);
        drawing = undefined;
        if (!state.isAsking || event.kind === 'question-started') frame();
      }
      if (lines.length > 0 && (verbose || !PASSING.has(event.kind))) {
        const [columns] = stream.getWindowSize();
        held.push(guard(lines.map((line) => paint(fold(line, columns))).join('')));
      }
      if (!state.isAsking && held.length > 0) region.print(held.splice(0).join(''));
      if (isLive() && drawing === undefined) {
        frame();
        drawing = setInterval(frame, FRAME).unref();
      }
    },
    end: () => {
      clearInterval(drawing);
      if (held.length > 0) region.print(held.splice(0).join(''));
      region.close();
      const lines = summarise(state, screen());
      if (lines.length > 0) stream.write(guard(lines.map((line) => `${line}\n`).join('')));
    },
  };
}

/** Narrower screens get the words of a message on several lines, instead of lines cut in words. */
const NARROW = 60;

/** What is copied or was printed by others stays one line: commands in hints, logs, changes. */
const FOLDED = new Set<Level>([
  'step',
  'success',
  'warning',
  'error',
  'ok',
  'warn',
  'fail',
  'skip',
]);

function fold({ level, text }: Line, columns: number): Line {
  if (columns >= NARROW || !FOLDED.has(level)) return { level, text };
  const lines = text.split('\n').map((line) => {
    // Wrapping takes the square of a length, and so long a line is no sentence.
    if (line.length > 1000) return line;
    const indent = /^ */.exec(line)?.[0] ?? '';
    return wrap(line, columns - 5).join(`\n  ${indent}`);
  });
  return { level, text: lines.join('\n') };
}

/** Adds the mark and the colours of its level to a line. */
export function paintLine(colour: boolean, unicode: boolean): (line: Line) => string {
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
  return ({ level, text }) => {
    const line = `${styles[level](text)}\n`;
    return unicode ? line : toAscii(line);
  };
}
