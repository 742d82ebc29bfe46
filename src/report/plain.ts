import { hasFailedTasks } from '../core/diagnosis.ts';
import type { Outcome } from '../core/result.ts';
import type { Event, TimedEvent } from '../events.ts';
import { clean, formatBytes, formatSeconds, secondsBetween } from './format.ts';
import { isActive, NOTHING_YET, phaseOf, reduce } from './run-state.ts';
import type { RunState } from './run-state.ts';
import { makeStory } from './story.ts';
import { progressText, phasesText } from './words.ts';
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
  if (level !== 'hint') return `${MARKS[level]}${text}\n`;
  return `${text.replace(/^ */, (indent) => indent + MARKS.hint)}\n`;
}

const GOOD: ReadonlySet<Outcome> = new Set(['succeeded', 'paused']);

const TROUBLES = new Set<Event['kind']>([
  'checked',
  'error',
  'interrupted',
  'task-interrupted',
  'rolling-back',
  'service-skipped',
  'left-deployed',
]);

function isTrouble(event: Event): boolean {
  if (event.kind === 'service-ended') return !GOOD.has(event.result.outcome);
  if (event.kind === 'task-ended') return event.result.outcome !== 'succeeded';
  if (event.kind === 'rollout-paused') return !event.isAwaited;
  if (event.kind === 'cause') return hasFailedTasks(event.cause);
  return TROUBLES.has(event.kind);
}

/** Events whose first line begins with its time: what happens while a run waits. */
const TIMED = new Set<Event['kind']>([
  'before-started',
  'build-started',
  'built',
  'repository-created',
  'push-started',
  'pushed',
  'image-tagged',
  'wait-started',
  'wait-ended',
  'start-awaited',
  'registered',
  'register-skipped',
  'register-retried',
  'service-waiting',
  'service-skipped',
  'pruned',
  'rollout-started',
  'rollout-unchanged',
  'rollout-progress',
  'rollout-continued',
  'rollout-paused',
  'rollout-hook',
  'rollout-testable',
  'service-event',
  'cause',
  'schedule',
  'rolling-back',
  'polls-failing',
  'polls-recovered',
  'service-ended',
  'hook-started',
  'hook-ended',
  'task-started',
  'task-retried',
  'task-progress',
  'task-interrupted',
  'task-ended',
]);

/** Milliseconds without a line after which a line says that the run is alive: CI ends silent jobs. */
const SILENCE = 60_000;

/** Turns lines of events into annotations. */
export interface Annotator {
  /** Writes the lines of an event: with `plain`, or as annotations instead. */
  readonly report: (
    event: Event,
    lines: readonly Line[],
    plain: (lines: readonly Line[]) => void,
  ) => void;
  readonly end: () => void;
}

/** How plain lines are written. */
export interface PlainOptions {
  readonly verbose: boolean;
  /** Reports failures only. */
  readonly quiet: boolean;
  /** Begins lines with the UTC time; logs of some CI systems have their own. */
  readonly times?: boolean | undefined;
  /** Colours the lines where the user forces colours (FORCE_COLOR). */
  readonly paint?: ((line: Line) => string) | undefined;
  /** Writes errors and warnings as annotations. */
  readonly annotator?: Annotator | undefined;
}

/** Writes the lines of an event without escape codes, unless `paint` adds them. */
export function plainReporter(
  write: Write,
  { verbose, quiet, times = false, paint = plainLine, annotator }: PlainOptions,
): Reporter {
  const story = makeStory(verbose);
  const stamp = times ? makeStamp() : () => '';
  let state = NOTHING_YET;
  let silence: NodeJS.Timeout | undefined;
  const listen = () => {
    clearTimeout(silence);
    silence = undefined;
    if (quiet || phaseOf(state) === undefined) return;
    silence = setTimeout(() => {
      const now = new Date();
      const text = aliveText(state, now);
      if (text !== undefined)
        write(`${stamp(now)}${paint({ level: 'detail', text: clean(text) })}`);
      listen();
    }, SILENCE).unref();
  };
  return {
    report: (event) => {
      state = reduce(state, event);
      if (quiet && !isTrouble(event)) return;
      const lines = story(event);
      const time = lines.length > 0 && TIMED.has(event.kind) ? stamp(event.at) : '';
      const plain = (some: readonly Line[]) => {
        if (some.length > 0) write(time + some.map(paint).join(''));
      };
      if (annotator === undefined) plain(lines);
      else annotator.report(event, lines, plain);
      if (lines.length > 0 || silence === undefined) listen();
    },
    end: () => {
      clearTimeout(silence);
      annotator?.end();
      for (const { ended } of quiet ? [] : state.services) {
        const link = ended?.result.console;
        if (link) write(paint({ level: 'detail', text: clean(`Console: ${link}`) }));
      }
      const text = quiet || state.services.length === 0 ? undefined : phasesText(state);
      if (text !== undefined) write(paint({ level: 'detail', text }));
    },
  };
}

/** The time of a line, with the date where it is another one than before. */
function makeStamp(): (at: Date) => string {
  let day = '';
  return (at) => {
    const [date = '', time = ''] = at.toISOString().slice(0, 19).split('T');
    const isNew = date !== day;
    day = date;
    return isNew ? `${date}T${time}Z ` : `${time} `;
  };
}

/** What a run does that has said nothing for a while. */
function aliveText(state: RunState, now: Date): string | undefined {
  const phase = phaseOf(state);
  if (phase === undefined) return undefined;
  const gone = formatSeconds(secondsBetween(phase.start, now));
  switch (phase.name) {
    case 'push': {
      const { current, total } = state.push;
      const whole = total === undefined ? '' : ` of ${formatBytes(total)}`;
      return `Still pushing after ${gone}: ${formatBytes(current)}${whole}`;
    }
    case 'release':
      return `Still running ${state.subject} after ${gone}`;
    case 'wait':
    case 'rollout': {
      const does = phase.name === 'wait' ? 'waiting' : 'watching';
      return `Still ${does} after ${gone}: ${state.services.flatMap(serviceText(now)).join('; ')}`;
    }
    default: {
      const busy = [...state.images].filter(([, image]) => phaseOf(image) !== undefined);
      if (busy.length > 0)
        return `Still building after ${gone}: ${busy.map(([name]) => name).join(', ')}`;
      const step = state.steps.findLast((item) => item.state === 'started');
      const what = phase.name === 'before' ? `running ${state.subject}` : 'building';
      return `Still ${what} after ${gone}${step === undefined ? '' : `: ${step.name}`}`;
    }
  }
}

const serviceText =
  (now: Date) =>
  (state: RunState['services'][number]): string[] => {
    const { service, progress, waitsSince, after } = state;
    if (!isActive(state)) return [];
    if (after.length > 0) return [`${service}: waits for ${after.join(' and ')}`];
    if (progress === undefined) return [`${service}: no task yet`];
    const isWaiting = progress.waitsFor !== undefined || progress.stage !== undefined;
    const gone = isWaiting ? ` for ${formatSeconds(secondsBetween(waitsSince, now))}` : '';
    return [`${service}: ${progressText(progress)}${gone}`];
  };
