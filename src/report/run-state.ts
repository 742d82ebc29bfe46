import type { Cause } from '../core/diagnosis.ts';
import type { EventOf, LayerProgress, TimedEvent } from '../events.ts';
import { clean } from './format.ts';

/** A part of a run, in the order in which they come. */
export type PhaseName = 'wait' | 'before' | 'build' | 'push' | 'register' | 'release' | 'rollout';

/** A part of a run that has begun. */
export interface Phase {
  readonly name: PhaseName;
  readonly start: Date;
  readonly end: Date | undefined;
}

/** A step of a build that has begun. */
export interface BuildStep {
  readonly id: string;
  readonly name: string;
  readonly state: EventOf<'build-step'>['state'];
  readonly start: Date;
  readonly seconds: number;
}

/** A line of a command before the build, or of a build step. */
export interface OutputLine {
  readonly step: string | undefined;
  readonly text: string;
}

/** Bytes and layers on their way; no number ever falls. */
export interface PushState {
  readonly current: number;
  /** Undefined while the size of a layer is not known. */
  readonly total: number | undefined;
  /** From 0 to 1. */
  readonly ratio: number;
  readonly layers: number;
  readonly there: number;
}

/** A service whose deployment was started or is watched. */
export interface ServiceState {
  readonly service: string;
  /** Empty until the watch begins. */
  readonly cluster: string;
  /** `family:revision`; undefined where the run did not start the deployment. */
  readonly from: string | undefined;
  readonly start: Date;
  /** When something of it changed. */
  readonly changed: Date;
  readonly progress: EventOf<'rollout-progress'> | undefined;
  /** When it began to wait for what it waits for. */
  readonly waitsSince: Date;
  readonly paused: EventOf<'rollout-paused'> | undefined;
  readonly causes: readonly Cause[];
  /** The last event of ECS. */
  readonly event: string | undefined;
  readonly ended: EventOf<'service-ended'> | undefined;
  /** Names of the services that it waits for before it starts. */
  readonly after: readonly string[];
  readonly isSkipped: boolean;
}

/** Everything that a run has reported, as far as a view shows it. */
export interface RunState {
  readonly start: Date | undefined;
  readonly phases: readonly Phase[];
  /** What the first line of the phase names: a command, or a platform. */
  readonly subject: string;
  /** Status of the one-off task that runs, as ECS calls it; empty before the first. */
  readonly taskStatus: string;
  readonly output: readonly OutputLine[];
  readonly steps: readonly BuildStep[];
  /** Steps of the build that are known. */
  readonly known: number;
  readonly context: { readonly files: number; readonly bytes: number } | undefined;
  readonly push: PushState;
  /** Of several images that are built side by side, each as a run of its own, by name. */
  readonly images: ReadonlyMap<string, RunState>;
  readonly services: readonly ServiceState[];
  /** The terminal is for a question. */
  readonly isAsking: boolean;
  /** AWS does not answer the polls: what is shown was seen before. */
  readonly isUnreachable: boolean;
  /** When --timeout ends the watch. */
  readonly deadline: Date | undefined;
}

/** The state before the first event. */
export const NOTHING_YET: RunState = {
  start: undefined,
  phases: [],
  subject: '',
  taskStatus: '',
  output: [],
  steps: [],
  known: 0,
  context: undefined,
  push: { current: 0, total: undefined, ratio: 0, layers: 0, there: 0 },
  images: new Map(),
  services: [],
  isAsking: false,
  isUnreachable: false,
  deadline: undefined,
};

/** Last lines of output that are kept. */
const OUTPUT_LINES = 12;

/** The state after an event. */
export function reduce(before: RunState, event: TimedEvent): RunState {
  const { at, imageName, ...own } = event;
  if (imageName !== undefined) return reduceImage(before, clean(imageName), { at, ...own });
  const state = before.start === undefined ? { ...before, start: at } : before;
  switch (event.kind) {
    case 'before-started':
      return { ...begin(state, 'before', at), subject: clean(event.command), output: [] };
    case 'before-output':
      return addOutput(state, { step: undefined, text: event.line });
    case 'build-started':
      return { ...begin(state, 'build', at), subject: clean(event.platform), output: [] };
    case 'context-progress':
    case 'context-sent':
      return { ...state, context: { files: event.files, bytes: event.bytes } };
    case 'build-step':
      return addStep(state, event);
    case 'build-output':
      return addOutput(state, { step: event.step, text: event.line });
    case 'task-started':
      return { ...begin(state, 'release', at), subject: clean(event.command), taskStatus: '' };
    case 'task-progress':
      return { ...state, taskStatus: clean(event.status) };
    case 'push-started':
      return begin(state, 'push', at);
    case 'push-progress':
      return { ...state, push: pushAfter(state.push, event.layers) };
    case 'built':
    case 'pushed':
    case 'interrupted':
    case 'task-interrupted':
    // What is written to stdout must not land inside of a frame.
    case 'log-printed':
    case 'error':
      return endPhase(state, at);
    case 'registered':
      return register(state, event);
    case 'wait-started':
    case 'watch-started':
      return {
        ...event.services.reduce(
          (next, { cluster, service }) =>
            change(next, service, at, (item) => ({ ...item, cluster: clean(cluster) })),
          begin(state, event.kind === 'wait-started' ? 'wait' : 'rollout', at),
        ),
        deadline: new Date(at.getTime() + event.secondsLeft * 1000),
      };
    case 'rollout-started':
      return change(begin(state, 'rollout', at), event.service, at, (item) => ({
        ...item,
        from: clean(event.from),
        after: [],
      }));
    case 'rollout-unchanged':
      return {
        ...state,
        services: state.services.filter((item) => item.service !== event.service),
      };
    case 'service-waiting':
      return change(begin(state, 'rollout', at), event.service, at, (item) => ({
        ...item,
        cluster: clean(event.cluster),
        after: event.after.map(clean),
      }));
    case 'service-skipped':
      return endIfLast(
        change(state, event.service, at, (item) => ({ ...item, isSkipped: true })),
        at,
      );
    case 'wait-ended': {
      // Its own rollout begins with nothing of the one before.
      const services = state.services.filter(
        (item) => item.service !== clean(event.result.service),
      );
      const next = { ...state, services };
      return services.length === 0 ? endPhase(next, at) : next;
    }
    case 'rollout-progress':
      return change(watching(state, at), event.service, at, (item) => ({
        ...item,
        progress: event,
        paused: event.phase === 'paused' ? item.paused : undefined,
        waitsSince: waitsSince(item, event, at),
      }));
    case 'rollout-paused':
      return change(state, event.service, at, (item) => ({ ...item, paused: event }));
    case 'service-event':
      return change(state, event.service, at, (item) => ({ ...item, event: event.message }));
    case 'cause':
      return change(state, event.service, at, (item) => ({
        ...item,
        causes: [...item.causes.filter(({ code }) => code !== event.cause.code), event.cause],
      }));
    case 'question-started':
      return { ...state, isAsking: true };
    case 'question-ended':
      return { ...state, isAsking: false };
    case 'polls-failing':
      return { ...state, isUnreachable: true };
    case 'polls-recovered':
      return { ...state, isUnreachable: false };
    case 'service-ended':
      return endIfLast(
        change(state, event.result.service, at, (item) => ({ ...item, ended: event })),
        at,
      );
    default:
      return state;
  }
}

/** Building and pushing several images is one phase, until none of them is under way. */
function reduceImage(state: RunState, name: string, event: TimedEvent): RunState {
  const { at } = event;
  const images = new Map(state.images);
  images.set(name, reduce(images.get(name) ?? NOTHING_YET, event));
  const isBusy = [...images.values()].some((image) => phaseOf(image) !== undefined);
  const next = { ...state, start: state.start ?? at, images };
  if (!isBusy) return endPhase(next, at);
  const begun = begin(next, 'build', at);
  const last = begun.phases.at(-1);
  const phases = begun.phases.map((item) => (item === last ? { ...item, end: undefined } : item));
  return { ...begun, phases };
}

/** The phase that has begun and not ended. */
export function phaseOf({ phases }: RunState): Phase | undefined {
  const last = phases.at(-1);
  return last?.end === undefined ? last : undefined;
}

/** Begins a phase, and ends the one before; what repeats within a phase is part of it. */
function begin(state: RunState, name: PhaseName, at: Date): RunState {
  if (state.phases.at(-1)?.name === name) return state;
  const { phases } = endPhase(state, at);
  return { ...state, phases: [...phases, { name, start: at, end: undefined }] };
}

/** Whether a service is or will be watched. */
export const isActive = ({ ended, isSkipped }: ServiceState): boolean =>
  ended === undefined && !isSkipped;

function endIfLast(state: RunState, at: Date): RunState {
  return state.services.some(isActive) ? state : endPhase(state, at);
}

/** The phase in which deployments are watched: the wait for others, or the rollout. */
const watching = (state: RunState, at: Date) =>
  phaseOf(state)?.name === 'wait' ? state : begin(state, 'rollout', at);

function endPhase(state: RunState, at: Date): RunState {
  const phases = state.phases.map((phase) => ({ ...phase, end: phase.end ?? at }));
  return { ...state, phases };
}

/** Registrations of several services run side by side, as one phase. */
function register(state: RunState, { at, seconds }: TimedEvent & { seconds: number }): RunState {
  const name = 'register';
  const known = state.phases.find((phase) => phase.name === name);
  const start = known?.start ?? new Date(at.getTime() - seconds * 1000);
  const others = state.phases.filter((phase) => phase !== known);
  return { ...state, phases: [...others, { name, start, end: at }] };
}

function addOutput(state: RunState, { step, text }: OutputLine): RunState {
  const output = [...state.output, { step, text: clean(text) }].slice(-OUTPUT_LINES);
  return { ...state, output };
}

function addStep(state: RunState, event: EventOf<'build-step'> & { at: Date }): RunState {
  const { id, name, state: now, seconds, known, at } = event;
  const before = state.steps.find((step) => step.id === id);
  const start = before?.start ?? new Date(at.getTime() - seconds * 1000);
  const step: BuildStep = { id, name: clean(name), state: now, start, seconds };
  // In the order in which they change, so that the last ones are the news.
  const steps = [...state.steps.filter((item) => item !== before), step];
  return { ...state, steps, known: Math.max(state.known, known, steps.length) };
}

function pushAfter(before: PushState, layers: readonly LayerProgress[]): PushState {
  const sum = (key: 'current' | 'total') =>
    layers.reduce((total, layer) => total + (layer[key] ?? 0), 0);
  const current = Math.max(before.current, sum('current'));
  const isKnown = before.total !== undefined || layers.every(({ total }) => total !== undefined);
  const total = isKnown ? Math.max(current, sum('total'), before.total ?? 0) : undefined;
  return {
    current,
    total,
    // The share of layers says nothing of the bytes: until all sizes are known, the bar waits.
    ratio: total ? Math.max(before.ratio, current / total) : before.ratio,
    layers: Math.max(before.layers, layers.length),
    there: Math.max(before.there, layers.filter(({ state }) => state === 'exists').length),
  };
}

function change(
  state: RunState,
  service: string,
  at: Date,
  act: (item: ServiceState) => ServiceState,
): RunState {
  const name = clean(service);
  const known = state.services.find((item) => item.service === name);
  const item = known ?? {
    service: name,
    cluster: '',
    from: undefined,
    start: at,
    changed: at,
    progress: undefined,
    waitsSince: at,
    paused: undefined,
    causes: [],
    event: undefined,
    ended: undefined,
    after: [],
    isSkipped: false,
  };
  const next = { ...act(item), changed: at };
  return {
    ...state,
    services:
      known === undefined
        ? [...state.services, next]
        : state.services.map((other) => (other === known ? next : other)),
  };
}

/** AWS says when some waits began; for the others, and on a clock ahead, it is when they were seen. */
function waitsSince(
  { progress, waitsSince: before }: ServiceState,
  event: EventOf<'rollout-progress'>,
  at: Date,
): Date {
  const since = event.waitsSince === undefined ? undefined : new Date(event.waitsSince);
  if (since !== undefined && since <= at) return since;
  const isSame =
    progress?.waitsFor === event.waitsFor &&
    progress?.stage === event.stage &&
    progress?.traffic === event.traffic;
  return progress !== undefined && isSame ? before : at;
}
