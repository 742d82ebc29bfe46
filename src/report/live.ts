import { Chalk } from 'chalk';
import type { ChalkInstance } from 'chalk';
import type { Outcome } from '../core/result.ts';
import type { RevisionProgress } from '../core/rollout-events.ts';
import { shortName } from '../core/task-definition.ts';
import {
  clean,
  formatBytes,
  formatCount,
  formatSeconds,
  secondsBetween,
  shortenEvent,
  toAscii,
} from './format.ts';
import { isActive, phaseOf } from './run-state.ts';
import type { Phase, RunState, ServiceState } from './run-state.ts';
import { alarmsText, expiryText, hookText, ladderOf } from './stages.ts';
import { fit, fitName, pad, widthOf, wrap } from './width.ts';
import { stageNote, statusText, waitText } from './words.ts';

/** Where a view is drawn. */
export interface Screen {
  readonly columns: number;
  readonly rows: number;
  readonly now: Date;
  readonly unicode: boolean;
  readonly colour: boolean;
}

/** A line of a frame; where rows are short, the lines of the least weight are left out. */
interface Row {
  readonly text: string;
  readonly weight: number;
}

const WEIGHT = {
  head: 10,
  service: 9,
  cause: 8,
  ours: 7,
  wait: 6,
  bar: 5,
  running: 5,
  other: 4,
  table: 3,
  evidence: 3,
  output: 2,
  done: 1,
  event: 0,
} as const;

const SPINNER = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';
const ASCII_SPINNER = '|/-\\';
/** Turns of the spinner in a second. */
const TURNS = 10;

interface Pen extends Screen {
  readonly chalk: ChalkInstance;
  readonly spin: string;
  /** What stands for the part of a text that was cut off. */
  readonly more: string;
  /** Columns of a line: the last one of the screen stays free, and two for Ctrl-C's echo. */
  readonly width: number;
}

function penOf(screen: Screen): Pen {
  const spinner = screen.unicode ? SPINNER : ASCII_SPINNER;
  const turn = Math.floor((screen.now.getTime() / 1000) * TURNS);
  const chalk = new Chalk({ level: screen.colour ? 1 : 0 });
  const spin = spinner.charAt(turn % spinner.length);
  const more = screen.unicode ? '…' : '~';
  return { ...screen, chalk, spin: chalk.cyan(spin), more, width: Math.max(1, screen.columns - 3) };
}

/** The lines of what runs now: none wider than the screen, and fewer than its rows. */
export function draw(state: RunState, screen: Screen): string[] {
  const phase = phaseOf(state);
  if (phase === undefined || screen.columns < 2 || screen.rows < 2) return [];
  const pen = penOf(screen);
  const rows = VIEWS[phase.name](state, phase, pen);
  return fitHeight(rows, screen.rows - 1).map(({ text }) => finish(text, pen));
}

/** A line in the characters of the screen, and not wider. */
function finish(text: string, { unicode, width, more }: Pen): string {
  return fit(unicode ? text : toAscii(text), width, more);
}

const VIEWS: Readonly<
  Record<Phase['name'], (state: RunState, phase: Phase, pen: Pen) => readonly Row[]>
> = {
  before: (state, phase, pen) => [
    {
      text: headline(pen, { name: state.subject }, clocksOf(state, phase, pen.now)),
      weight: WEIGHT.head,
    },
    ...outputRows(state, undefined, pen),
  ],
  build: buildRows,
  push: pushRows,
  register: () => [],
  wait: rolloutRows,
  release: (state, phase, pen) => [
    {
      text: headline(pen, { before: 'Run ', name: state.subject }, clocksOf(state, phase, pen.now)),
      weight: WEIGHT.head,
    },
    ...(state.taskStatus === ''
      ? []
      : [{ text: pen.chalk.dim(`  ${statusText(state.taskStatus)}`), weight: WEIGHT.wait }]),
  ],
  rollout: rolloutRows,
};

function fitHeight(rows: readonly Row[], most: number): readonly Row[] {
  const kept = new Set(rows.toSorted((a, b) => b.weight - a.weight).slice(0, most));
  return rows.filter((row) => kept.has(row));
}

/** What a line names, with words around it that are left out where they have no room. */
interface Title {
  readonly before?: string;
  readonly name: string;
  readonly after?: string;
}

/** A line with the spinner, a title and the longest clock that has room at its end. */
function headline(
  { spin, width, more, chalk }: Pen,
  { before = '', name, after = '' }: Title,
  clocks: readonly string[],
): string {
  const room = width - 2;
  const clock =
    clocks.find((text) => widthOf(before + name) + 2 + widthOf(text) <= room) ??
    clocks.at(-1) ??
    '';
  const right = room < 12 + widthOf(clock) ? '' : clock;
  const left = right === '' ? room : room - widthOf(right) - 2;
  const text =
    [before + name + after, before + name, name].find((item) => widthOf(item) <= left) ??
    fitName(name, left, more);
  if (right === '') return `${spin} ${chalk.bold(text)}`;
  return `${spin} ${chalk.bold(pad(text, left))}  ${chalk.dim(right)}`;
}

/** The time of the phase, of the whole run where there is more of it, and what is left of --timeout. */
function clocksOf(
  { start, phases, deadline }: RunState,
  phase: Phase,
  now: Date,
): readonly string[] {
  const own = formatSeconds(secondsBetween(phase.start, now));
  const total = start === undefined ? 0 : secondsBetween(start, now);
  const left = deadline === undefined ? 0 : secondsBetween(now, deadline);
  const all = phases.length > 1 ? `, ${formatSeconds(total)} in total` : '';
  const rest =
    ['wait', 'rollout'].includes(phase.name) && left > 0 ? `, ${formatSeconds(left)} left` : '';
  return [own + all + rest, own + rest, own];
}

function bar(pen: Pen, columns: number, ratio: number, half = 0): string {
  const whole = Math.min(columns, Math.floor(columns * ratio));
  const part = Math.min(columns - whole, Math.round(columns * half));
  return `${pen.chalk.green('█'.repeat(whole))}${pen.chalk.yellow('▒'.repeat(part))}${pen.chalk.dim('░'.repeat(columns - whole - part))}`;
}

/** The last lines of output of a step. */
function outputRows({ output }: RunState, step: string | undefined, pen: Pen): Row[] {
  const indent = pen.width < 40 ? '  ' : '      ';
  return output
    .filter((line) => line.step === step)
    .slice(-3)
    .map(({ text }) => ({ text: pen.chalk.dim(`${indent}${text}`), weight: WEIGHT.output }));
}

/** A line for each image, and the step that runs. */
function imageRows(state: RunState, phase: Phase, pen: Pen): readonly Row[] {
  const { chalk, now, width } = pen;
  const title = { before: 'Build ', name: formatCount(state.images.size, 'image') };
  const lines = [...state.images].map(([name, image]) => {
    const current = phaseOf(image);
    const mark = current === undefined ? chalk.green('✔') : pen.spin;
    const time = formatSeconds(secondsBetween(image.start ?? now, current ? now : endOf(image)));
    const left = width - 6 - widthOf(time);
    const text = `${name}: ${imageText(image)}`;
    const isDone = current === undefined;
    return {
      text:
        left < 8
          ? `  ${mark} ${text}`
          : `  ${mark} ${pad(fit(text, left, pen.more), left)} ${chalk.dim(time)}`,
      weight: isDone ? WEIGHT.done : WEIGHT.running,
    };
  });
  return [
    { text: headline(pen, title, clocksOf(state, phase, now)), weight: WEIGHT.head },
    ...lines,
  ];
}

const endOf = ({ phases, start }: RunState) => phases.at(-1)?.end ?? start ?? new Date(0);

/** What happens to one of several images. */
function imageText(image: RunState): string {
  const { steps, known, push, phases } = image;
  const done = steps.filter(({ state }) => state !== 'started').length;
  const running = steps.findLast(({ state }) => state === 'started');
  switch (phaseOf(image)?.name) {
    case undefined:
      return phases.at(-1)?.name === 'push' ? 'pushed' : 'there already';
    case 'push':
      return `pushing, ${formatBytes(push.current)}${push.total === undefined ? '' : ` of ${formatBytes(push.total)}`}`;
    default:
      if (known === 0) return 'building';
      return `${done}/${known} steps${running === undefined ? '' : `, ${running.name}`}`;
  }
}

function buildRows(state: RunState, phase: Phase, pen: Pen): readonly Row[] {
  if (state.images.size > 0) return imageRows(state, phase, pen);
  const { steps, known, context, subject, output } = state;
  const { chalk, now } = pen;
  const running = steps.filter((step) => step.state === 'started');
  const done = steps.filter((step) => step.state !== 'started');
  const count = known === 0 ? '' : `  ${done.length}/${known} steps`;
  const stepRow = (mark: string, name: string, time: string): string => {
    const left = pen.width - 6 - widthOf(time);
    return left < 8
      ? `  ${mark} ${name}`
      : `  ${mark} ${pad(fit(name, left, pen.more), left)} ${chalk.dim(time)}`;
  };
  const timeOf = (seconds: number) => formatSeconds(seconds);
  return [
    {
      text: headline(
        pen,
        { before: 'Build ', name: subject, after: count },
        clocksOf(state, phase, now),
      ),
      weight: WEIGHT.head,
    },
    ...(context === undefined || context.files === 0
      ? []
      : [
          {
            text: chalk.dim(
              `  context: ${formatCount(context.files, 'file')}, ${formatBytes(context.bytes)}`,
            ),
            weight: WEIGHT.done,
          },
        ]),
    ...done.slice(-3).map((step) => ({
      text: stepRow(
        chalk.green('✔'),
        step.name,
        step.state === 'cached' ? 'cached' : timeOf(step.seconds),
      ),
      weight: WEIGHT.done,
    })),
    ...running.flatMap((step) => [
      {
        text: stepRow(pen.spin, step.name, timeOf(secondsBetween(step.start, now))),
        weight: WEIGHT.running,
      },
      ...outputRows(state, step.id, pen),
    ]),
    // A builder without steps.
    ...(output.some(({ step }) => step === undefined) ? outputRows(state, undefined, pen) : []),
  ];
}

function pushRows(state: RunState, phase: Phase, pen: Pen): readonly Row[] {
  const { current, total, ratio, layers, there } = state.push;
  const seconds = secondsBetween(phase.start, pen.now);
  const parts = [
    ...(total === undefined
      ? [formatBytes(current)]
      : [`${formatBytes(current)} of ${formatBytes(total)}`]),
    ...(seconds >= 1 && current > 0 ? [`${formatBytes(Math.round(current / seconds))}/s`] : []),
    ...(there > 0 ? [`${there} of ${formatCount(layers, 'layer')} already there`] : []),
  ];
  const room = Math.max(0, Math.min(40, pen.width - 2));
  // What does not fit is left out as a whole.
  const clocks = clocksOf(state, phase, pen.now);
  const left = pen.width - 10 - widthOf(clocks.at(-1) ?? '');
  const shown = parts.filter((_, index) => widthOf(parts.slice(0, index + 1).join(', ')) <= left);
  const title = { before: 'Push  ', name: shown.join(', ') };
  return [
    { text: headline(pen, title, clocks), weight: WEIGHT.head },
    { text: `  ${bar(pen, room, ratio)}`, weight: WEIGHT.bar },
  ];
}

/** Services that are shown in full; of the others there is a line. */
const FULL = 2;

function rolloutRows(state: RunState, phase: Phase, pen: Pen): readonly Row[] {
  const { services } = state;
  const active = services.filter((service) => isActive(service) && service.after.length === 0);
  const [only] = services;
  const title: Title = {
    before: phase.name === 'wait' ? 'Waiting for the deployment of ' : 'Rollout of ',
    name:
      services.length === 1 && only !== undefined
        ? only.service
        : formatCount(services.length, 'service'),
    after: only === undefined || only.cluster === '' ? '' : ` in ${only.cluster}`,
  };
  // The ones with failures first, then those that changed last.
  const full = new Set(
    active
      .toSorted(
        (a, b) =>
          Number(b.causes.length > 0) - Number(a.causes.length > 0) ||
          b.changed.getTime() - a.changed.getTime(),
      )
      .slice(0, FULL),
  );
  return [
    { text: headline(pen, title, clocksOf(state, phase, pen.now)), weight: WEIGHT.head },
    ...(state.isUnreachable
      ? [{ text: pen.chalk.yellow('  ▲ Cannot reach AWS; still watching'), weight: WEIGHT.cause }]
      : []),
    ...services.flatMap((service) =>
      full.has(service)
        ? [
            ...(services.length > 1
              ? [{ text: `  ${pen.chalk.bold(service.service)}`, weight: WEIGHT.service }]
              : []),
            ...serviceRows(service, pen),
          ]
        : [
            {
              text: quietLine(service, pen),
              weight: isActive(service) ? WEIGHT.service : WEIGHT.done,
            },
          ],
    ),
  ];
}

/** A service in one line. */
function quietLine(state: ServiceState, pen: Pen): string {
  const { service, progress, ended, causes, after, isSkipped } = state;
  const { chalk, spin } = pen;
  if (isSkipped) return chalk.dim(`  – ${service}: skipped`);
  if (after.length > 0) return chalk.dim(`  · ${service}: waits for ${after.join(' and ')}`);
  if (ended !== undefined) {
    const isGood = ['succeeded', 'paused'].includes(ended.result.outcome);
    const mark = isGood ? chalk.green('✔') : chalk.red('✖');
    return `  ${mark} ${service}: ${ended.result.outcome}`;
  }
  const counts = progress?.counts;
  const what =
    progress === undefined || counts === undefined
      ? 'no task yet'
      : (waitText(progress) ?? `${counts.running} of ${counts.desired} running`);
  const room = Math.max(8, pen.width - 6 - widthOf(what));
  const name = fitName(service, room, pen.more);
  return `  ${causes.length > 0 ? chalk.red('✖') : spin} ${name}: ${what}`;
}

/** Rows for what a rollout waits for: more of them would push out the rest of a narrow screen. */
const WAIT_ROWS = 2;

/** Last log lines of a cause; all of them are in the lines that stay. */
const LOG_ROWS = 2;

function serviceRows(service: ServiceState, pen: Pen): Row[] {
  const { chalk } = pen;
  const { progress, causes, event } = service;
  const wait = waitLine(service, pen);
  return [
    ...(progress === undefined ? [] : revisionRows(progress, pen)),
    ...(progress?.stage === undefined ? [] : [ladderRow(progress.stage, pen)]),
    // Of a long text only the begin is wrapped, because that takes the square of its length.
    ...(wait === '' ? [] : wrap(fit(`  ${wait}`, WAIT_ROWS * pen.width, pen.more), pen.width))
      .slice(0, WAIT_ROWS)
      .map((text) => ({ text: chalk.cyan(text), weight: WEIGHT.wait })),
    ...(progress === undefined ? [] : holdRows(progress, pen)),
    ...causes.flatMap(({ summary, tasks, evidence, hint }) => {
      const lines = evidence.filter((line) => line.startsWith('|'));
      const log = (lines.length > 0 ? lines : evidence.slice(-1)).slice(-LOG_ROWS);
      const count = tasks > 1 ? `${tasks}× ` : '';
      return [
        { text: `  ${chalk.red('✖')} ${count}${clean(summary)}`, weight: WEIGHT.cause },
        ...log.map((line) => ({
          text: chalk.dim(`    ${clean(line)}`),
          weight: WEIGHT.evidence,
        })),
        {
          text: `    ${chalk.cyan('→')} ${clean(hint)}`,
          weight: WEIGHT.evidence,
        },
      ];
    }),
    ...(event === undefined
      ? []
      : [{ text: chalk.dim(`  ECS: ${clean(shortenEvent(event))}`), weight: WEIGHT.event }]),
  ];
}

/** The parts of a deployment in stages: those that are done, the present one, and those to come. */
function ladderRow(stage: string, { chalk, width }: Pen): Row {
  const { names, at } = ladderOf(stage);
  const marked = names.map((name, index) => {
    if (index < at) return `${chalk.green('✔')} ${chalk.dim(name)}`;
    return index === at ? `${chalk.cyan('●')} ${chalk.bold(name)}` : chalk.dim(`· ${name}`);
  });
  const text = `  ${marked.join('  ')}`;
  const short = `  ${marked[at] ?? ''} (${at + 1} of ${names.length})`;
  return { text: widthOf(text) <= width ? text : short, weight: WEIGHT.table };
}

/** What holds a deployment at its stage, or can end it: hooks and alarms. */
function holdRows({ hooks, alarms }: Progress, { chalk }: Pen): Row[] {
  const alarm = alarmsText(alarms);
  // A single pause is what the rollout waits for.
  const isSingle = hooks.filter((hook) => hook.function === undefined).length === 1;
  const shown = hooks.filter((hook) => hook.function !== undefined || !isSingle);
  return [
    ...shown.map((hook) => ({
      text: `    ${clean(hookText(hook) + expiryText(hook))}`,
      weight: WEIGHT.evidence,
    })),
    ...(alarm === ''
      ? []
      : [
          {
            text:
              alarms.fired.length > 0
                ? chalk.red(`    ${clean(alarm)}`)
                : chalk.dim(`    ${clean(alarm)}`),
            weight: alarms.fired.length > 0 ? WEIGHT.cause : WEIGHT.event,
          },
        ]),
  ];
}

/** What the rollout waits for, and for how long. */
function waitLine({ progress, paused, waitsSince, start }: ServiceState, pen: Pen): string {
  const { now } = pen;
  if (progress === undefined)
    return `waiting for tasks, ${formatSeconds(secondsBetween(start, now))}`;
  const { counts, phase, stage, waitsAtMost } = progress;
  const gone = formatSeconds(secondsBetween(waitsSince, now));
  if (paused !== undefined)
    return `paused for approval at ${clean(paused.stage + expiryText(paused))}, ${gone}`;
  if (phase === 'rolling-back') return `rolling back, ${gone}`;
  const limit = waitsAtMost === undefined ? '' : ` of up to ${formatSeconds(waitsAtMost)}`;
  if (stage !== undefined) return `${clean(stageNote({ ...progress, stage }))}, ${gone}${limit}`;
  const text = waitText(progress);
  if (text !== undefined) return `${text}, ${gone}${limit}`;
  const missing = counts.desired - counts.running;
  const trips = counts.limit === undefined ? '' : `; the circuit breaker trips at ${counts.limit}`;
  return `waiting for ${formatCount(missing, 'task')} to start, ${gone}${trips}`;
}

type Progress = NonNullable<ServiceState['progress']>;

/** One row per revision, in as many columns as the screen has room for. */
function revisionRows(progress: Progress, pen: Pen): Row[] {
  const { width, chalk } = pen;
  const { revisions, counts } = progress;
  const hasTraffic = revisions.some(({ traffic }) => traffic !== undefined);
  // Later, production traffic says more.
  const hasTest =
    revisions.some(({ testTraffic }) => testTraffic) &&
    !revisions.some(({ isOurs, traffic }) => isOurs && traffic);
  const cells = columnsFor(width, hasTraffic, hasTest);
  const fixed = cells.reduce((sum, { size }) => sum + size + 1, 2);
  const longest = Math.max(8, ...revisions.map(({ revision }) => widthOf(revision)));
  const nameSize = Math.max(0, Math.min(longest, width - fixed - (width < 30 ? 0 : 8)));
  const barSize = width < 30 ? 0 : Math.min(20, width - fixed - nameSize - 1);
  const lineOf = (name: string, texts: readonly string[], tail: string) =>
    `  ${pad(name, nameSize)}${texts.map((text, index) => ` ${pad(text, cells[index]?.size ?? 0, cells[index]?.side)}`).join('')}${tail}`;
  const head = {
    text: chalk.dim(
      lineOf(
        fit('revision', nameSize, pen.more),
        cells.map(({ title }) => title),
        '',
      ),
    ),
    weight: WEIGHT.table,
  };
  const rows = revisions.map((row) => {
    const most = Math.max(1, counts.desired, row.running + row.pending);
    const drawn =
      barSize < 3 ? '' : ` ${bar(pen, barSize, row.running / most, row.pending / most)}`;
    const texts = cells.map(({ text }) => text(row, progress));
    const name = fitName(clean(row.revision), nameSize, pen.more);
    const line = lineOf(name, texts, '');
    return {
      text: `${row.isOurs ? line : chalk.dim(line)}${drawn}`,
      weight: row.isOurs ? WEIGHT.ours : WEIGHT.other,
    };
  });
  return width < 20 ? rows : [head, ...rows];
}

interface Cell {
  readonly title: string;
  readonly size: number;
  readonly side: 'left' | 'right';
  readonly text: (row: RevisionProgress, progress: Progress) => string;
}

const cell = (
  title: string,
  text: Cell['text'],
  size = title.length,
  side: Cell['side'] = 'left',
): Cell => ({ title, size, side, text });

const percentOf = (part: number | undefined) => (part === undefined ? '' : `${part} %`);
const TRAFFIC = cell('traffic', ({ traffic }) => percentOf(traffic));
const TEST = cell('test', ({ testTraffic }) => percentOf(testTraffic), 5);
const WIDE: readonly Cell[] = [
  cell('state', stateOf, 12, 'right'),
  cell('desired', ({ desired }) => String(desired)),
  cell('running', ({ running }) => String(running)),
  cell('pending', ({ pending }) => String(pending)),
  cell('failed', failedOf),
];
const NARROW: readonly Cell[] = [
  cell('run', ({ running, desired }) => `${running}/${desired}`, 5),
  cell('fail', failedOf, 4),
];

/** The cells after the name: all of them, the most important ones, or the running tasks alone. */
function columnsFor(width: number, hasTraffic: boolean, hasTest: boolean): readonly Cell[] {
  if (width >= 76 && hasTest) return [...WIDE, TRAFFIC, TEST];
  if (width >= 70) return hasTraffic ? [...WIDE, TRAFFIC] : WIDE;
  if (width >= 24) return hasTraffic && width >= 36 ? [...NARROW, TRAFFIC] : NARROW;
  return NARROW.slice(0, 1);
}

function stateOf({ isOurs, isServing }: RevisionProgress, { phase }: Progress): string {
  if (isOurs && phase === 'rolling-back') return 'rolling back';
  if (isOurs && phase === 'paused') return 'paused';
  if (isServing) return 'serving';
  return isOurs ? 'deploying' : 'stopping';
}

function failedOf({ failed, isOurs }: RevisionProgress, { counts }: Progress): string {
  return isOurs && counts.limit !== undefined ? `${failed}/${counts.limit}` : String(failed);
}

/** Ends whose lines name the revision that serves. */
const SAID: ReadonlySet<Outcome> = new Set([
  'succeeded',
  'rolled-back',
  'paused',
  'superseded',
  'timed-out',
  'failed',
]);

/** What a service runs at the end: of several services for all, of one what was not said yet. */
function servingText(isOnly: boolean, now: string, before: string, outcome: Outcome): string[] {
  const was = before === '' || before === now ? [] : [`before: ${before}`];
  if (!isOnly || !SAID.has(outcome)) return [[`serving ${now}`, ...was].join(', ')];
  return outcome === 'succeeded' ? was : [];
}

/** The lines that stay at the end of a rollout: what serves, and where the time went. */
export function summarise(state: RunState, screen: Screen): string[] {
  const pen = penOf(screen);
  const ended = state.services.filter((service) => service.ended !== undefined);
  if (ended.length === 0) return [];
  const { chalk, width } = pen;
  const serving = ended.flatMap(({ service, from, ended: end }) => {
    const result = end?.result;
    if (result === undefined || result.serving === null) return [];
    const now = clean(shortName(result.serving));
    const before = clean(from ?? shortName(result.previousTaskDefinition ?? ''));
    const isOnly = ended.length === 1;
    const name = isOnly ? '' : `${chalk.bold(service)}: `;
    return [
      ...servingText(isOnly, now, before, result.outcome).map((text) => `  ${name}${text}`),
      ...(result.console === null ? [] : [`    ${chalk.dim(clean(result.console))}`]),
    ];
  });
  const phases = state.phases.map(({ name, start, end }) => ({
    name,
    seconds: secondsBetween(start, end ?? screen.now),
  }));
  const longest = Math.max(...phases.map(({ seconds }) => seconds), 0.001);
  const room = Math.min(30, width - 22);
  const bars = phases.map(({ name, seconds }) => {
    const size = Math.max(1, Math.round((seconds / longest) * room));
    const drawn = room < 5 ? '' : `${pad(chalk.cyan('█'.repeat(size)), room)} `;
    return `  ${pad(name, 9)} ${drawn}${pad(formatSeconds(seconds), 7, 'left')}`;
  });
  const total = state.start === undefined ? 0 : secondsBetween(state.start, screen.now);
  const sum = `  ${pad('in total', 9)} ${room < 5 ? '' : ' '.repeat(room + 1)}${pad(formatSeconds(total), 7, 'left')}`;
  const lines = [...serving, ...(phases.length < 2 ? [] : [...bars, chalk.bold(sum)])];
  return screen.unicode ? lines : lines.map(toAscii);
}
