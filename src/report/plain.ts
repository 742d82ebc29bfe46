import { hasFailedTasks } from '../core/diagnosis.ts';
import type { Event } from '../events.ts';
import { wordEvent } from './text.ts';
import type { Level, Line } from './text.ts';

/** Writes text to stderr. */
export type Write = (text: string) => void;

/** Takes every event of a run; `end` gives the terminal back. */
export interface Reporter {
  readonly report: (event: Event) => void;
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

/** How lines are written that stay. */
export interface PlainOptions {
  readonly verbose: boolean;
  /** Keeps what went wrong, and nothing else. */
  readonly quiet: boolean;
  /** Colours where the user insists on them (FORCE_COLOR). */
  readonly paint?: ((line: Line) => string) | undefined;
}

/** One plain line per line of wording, without escape codes unless they are asked for. */
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
