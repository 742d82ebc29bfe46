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
import { widthOf, wrap } from './width.ts';
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
        const shown = VERBATIM.has(event.kind) ? lines : lines.map((line) => fold(line, columns));
        held.push(guard(shown.map(paint).join('')));
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

/** Events whose lines are files, or were printed by others: each stays one line. */
const VERBATIM = new Set<Event['kind']>([
  'before-output',
  'build-output',
  'build-step',
  'config-drafted',
  'hook-output',
  'task-output',
  'workflow-proposed',
]);

/** Columns before the words of a level, under which its next lines begin; others are not folded. */
const MARK_WIDTH: Readonly<Partial<Record<Level, number>>> = {
  step: 2,
  detail: 2,
  success: 2,
  warning: 2,
  error: 2,
  hint: 4,
  ok: 4,
  warn: 4,
  fail: 4,
  skip: 4,
};

/** A log line, which stays as it was written. */
const LOG_LINE = /^ *\|/;
/** A command to copy, at the end of a hint: it stays one line. */
const COMMAND = /(?:^|: )(?=(?:ecsdeploy|aws|docker|git|rm) \S)/g;

/** Breaks a line between words where the screen ends; a terminal would break it within a word. */
function fold({ level, text }: Line, columns: number): Line {
  const mark = MARK_WIDTH[level];
  // Wrapping takes the square of a length, and so long a line is no sentence.
  if (mark === undefined || text.length > 1000 || LOG_LINE.test(text)) return { level, text };
  const indent = /^ */.exec(text)?.[0] ?? '';
  const room = columns - 1 - mark;
  const start = level === 'hint' ? [...text.matchAll(COMMAND)].at(-1) : undefined;
  const at = start === undefined ? text.length : start.index + start[0].length;
  const lines = at === 0 ? [] : wrap(text.slice(0, at).trimEnd(), room);
  const command = text.slice(at);
  const last = lines.at(-1);
  if (command !== '') {
    if (last === undefined || widthOf(`${last} ${command}`) > room) lines.push(indent + command);
    else lines[lines.length - 1] = `${last} ${command}`;
  }
  return { level, text: lines.join(`\n${' '.repeat(mark)}`) };
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
    hint: (words) => words.replace(/^ */, (indent) => `  ${indent}${chalk.cyan('→')} `),
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
