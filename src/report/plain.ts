import { hasFailedTasks } from '../core/diagnosis.ts';
import type { Event, TimedEvent } from '../events.ts';
import { wordEvent } from './words.ts';
import type { Level, Line } from './words.ts';

/** Writes text to stderr. */
export type Write = (text: string) => void;

/** Reports every event of a run; `end` releases the terminal. */
export interface Reporter {
  readonly report: (event: TimedEvent) => void;
  readonly end: () => void;
}

const MARKS: Readonly<Record<Level, string>> = {
  step: '',
  success: '',
  detail: '',
  heading: '',
  removed: '',
  added: '',
  changed: '',
  warning: 'Warning: ',
  error: 'Error: ',
  hint: '  → ',
  debug: '  · ',
  ok: '  ok    ',
  warn: '  warn  ',
  fail: '  FAIL  ',
  skip: '  skip  ',
};

/** A line without colour. */
function plainLine({ level, text }: Line): string {
  return `${MARKS[level]}${text}\n`;
}

function isTrouble(event: Event): boolean {
  if (event.kind === 'service-ended') return event.result.outcome !== 'succeeded';
  if (event.kind === 'cause') return hasFailedTasks(event.cause);
  return ['checked', 'error', 'interrupted', 'rolling-back', 'rollout-paused'].includes(event.kind);
}

/** How plain lines are written. */
export interface PlainOptions {
  readonly verbose: boolean;
  /** Reports failures only. */
  readonly quiet: boolean;
  /** Colours the lines where the user forces colours (FORCE_COLOR). */
  readonly paint?: ((line: Line) => string) | undefined;
}

/** Writes the lines of an event without escape codes, unless `paint` adds them. */
export function plainReporter(
  write: Write,
  { verbose, quiet, paint = plainLine }: PlainOptions,
): Reporter {
  return {
    report: (event) => {
      if (quiet && !isTrouble(event)) return;
      for (const line of wordEvent(event).lines) {
        if (line.level !== 'debug' || verbose) write(paint(line));
      }
    },
    end: () => undefined,
  };
}
