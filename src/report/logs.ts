import type { ChalkInstance } from 'chalk';
import type { LogLine } from '../core/result.ts';

/** How the lines of logs are written. */
export interface LogStyle {
  /** Names the container in each line. */
  readonly withContainer: boolean;
  /** Begins each line with its time. */
  readonly withTime: boolean;
  /** Ids of the tasks in a lasting order, which gives each its colour. */
  readonly tasks: readonly string[];
}

const COLOURS = ['cyan', 'yellow', 'green', 'magenta', 'blue', 'cyanBright'] as const;

/** A log line after the short id of its task, which shows whether the task has stopped. */
export function formatLine(
  { task, container, time, message, stopped }: LogLine,
  { withContainer, withTime, tasks }: LogStyle,
  chalk: ChalkInstance | undefined,
): string {
  const source = [
    task.slice(0, 8),
    ...(withContainer ? [container] : []),
    ...(stopped ? ['(stopped)'] : []),
  ].join(' ');
  const colour = COLOURS[Math.max(0, tasks.indexOf(task)) % COLOURS.length] ?? 'cyan';
  const begin = chalk === undefined ? source : chalk[colour](source);
  return `${withTime ? `${time} ` : ''}${begin}  ${message}`;
}
