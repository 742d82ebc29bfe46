import { withoutColours } from '../../core/foreign.ts';
import type { Emit } from '../../events.ts';
import type { DaemonLine } from '../engine/lines.ts';
import { buildFailed } from './failure.ts';
import { decodeTrace } from './trace.ts';
import type { BuildWarning, Trace, Vertex } from './trace.ts';

/** Log lines of the failed step that an error quotes. */
const QUOTED_LINES = 20;

/** A step with its last log lines and the start of a line that it has not finished. */
interface Step {
  vertex: Vertex;
  readonly log: string[];
  rest: string;
  /** `performance.now()` when it was first reported. */
  readonly seen: number;
  /** Its end was reported: fetching a layer from a cache starts the step once more. */
  isDone: boolean;
}

/** Turns what a daemon reports of a build into events. */
export interface BuildProgress {
  /** A line of the answer to `/build`. */
  readonly take: (line: DaemonLine) => void;
  /** A message of `Control.Status`. */
  readonly takeTrace: (trace: Trace) => void;
  /** A base image whose registry has not answered for so many milliseconds. */
  readonly waitingFor: (limit: number) => string | undefined;
  /** The error that the build ends with. */
  readonly fail: (message: string) => void;
  /** Throws `build-failed` for a failed build: the daemon answers 200 and reports errors as lines. */
  readonly finish: () => void;
}

export function trackProgress(emit: Emit): BuildProgress {
  const steps = new Map<string, Step>();
  /** The last output of a builder without steps. */
  const output: string[] = [];
  const warnings = new Map<string, BuildWarning>();
  let failure: string | undefined;
  const take = (trace: Trace) => {
    takeTrace(steps, trace, emit);
    for (const warning of trace.warnings) warnings.set(warning.short, warning);
  };
  return {
    take: (line) => {
      if (line.id === 'moby.buildkit.trace' && typeof line.aux === 'string') {
        take(decodeTrace(Buffer.from(line.aux, 'base64')));
      }
      if (line.stream !== undefined) takeLine(output, line.stream, undefined, emit);
      failure ??= line.errorDetail?.message ?? line.error;
    },
    takeTrace: take,
    waitingFor: (limit) =>
      [...steps.values()].flatMap(({ vertex, seen }) => {
        const isLate = vertex.completed === undefined && performance.now() - seen >= limit;
        return isLate ? (baseOf(vertex) ?? []) : [];
      })[0],
    fail: (text) => {
      failure ??= text;
    },
    finish: () => {
      for (const { short, url } of warnings.values()) {
        emit({ kind: 'warning', message: `Dockerfile: ${short}`, hint: url });
      }
      const errors = [...steps.values()].filter(({ vertex }) => vertex.error !== '');
      if (failure === undefined) return tellCaches(errors, emit);
      const failed = errors.find(({ vertex }) => !isCacheStep(vertex)) ?? errors[0];
      throw buildFailed(failure, failed ? [failed.vertex.name, ...failed.log] : output);
    },
  };
}

function takeTrace(steps: Map<string, Step>, { vertexes, logs }: Trace, emit: Emit): void {
  // A step's last output arrives with its completion, which would cut it off.
  for (const vertex of vertexes)
    if (vertex.completed === undefined) takeVertex(steps, vertex, emit);
  for (const { vertex, text } of logs) {
    const step = steps.get(vertex);
    if (step === undefined) continue;
    const lines = `${step.rest}${text}`.split('\n');
    step.rest = lines.pop() ?? '';
    for (const line of lines) takeLine(step.log, line, vertex, emit);
  }
  for (const vertex of vertexes) takeVertex(steps, vertex, emit);
}

function takeVertex(steps: Map<string, Step>, vertex: Vertex, emit: Emit): void {
  const seen = steps.get(vertex.digest);
  const step = seen ?? {
    vertex,
    log: [],
    rest: '',
    seen: performance.now(),
    isDone: false,
  };
  const before = seen?.vertex;
  step.vertex = vertex;
  steps.set(vertex.digest, step);
  const { digest: id, name, cached, started, completed } = vertex;
  const base = baseOf(vertex);
  // A registry that does not answer must not look like a build that does nothing.
  if (base !== undefined && started !== undefined && before?.started === undefined && !cached) {
    emit({ kind: 'build-output', line: `reading ${base} from its registry`, step: undefined });
  }
  if (isInternal(vertex) || step.isDone) return;
  const known = [...steps.values()].filter((item) => !isInternal(item.vertex)).length;
  if (started !== undefined && before?.started === undefined && !cached) {
    emit({ kind: 'build-step', id, name, state: 'started', seconds: 0, known });
  }
  if (completed === undefined) return;
  step.isDone = true;
  takeLine(step.log, step.rest, id, emit);
  step.rest = '';
  if (vertex.error !== '') return;
  const seconds = completed - (started ?? completed);
  const state = cached ? 'cached' : 'completed';
  emit({ kind: 'build-step', id, name, state, seconds, known });
}

/** The base image whose metadata a step reads from its registry. */
const baseOf = ({ name }: Vertex): string | undefined =>
  /^\[internal\] load metadata for (.+)/.exec(name)?.[1];

/** BuildKit continues without a cache that it cannot read, and one that it may lose. */
function isCacheStep({ name }: Vertex): boolean {
  return /^(?:importing cache manifest|exporting cache to|preparing build cache)/.test(name);
}

/** Says what a build went without; a cache that does not exist yet is none. */
function tellCaches(errors: readonly Step[], emit: Emit): void {
  for (const { vertex } of errors) {
    if (!isCacheStep(vertex) || /not found$|does not exist/.test(vertex.error)) continue;
    const isRead = vertex.name.startsWith('importing');
    emit({
      kind: 'warning',
      message: `The build cache could not be ${isRead ? 'read' : 'written'} (${vertex.name}): ${vertex.error}`,
    });
  }
}

/** BuildKit's own preparation is not a step of the Dockerfile. */
function isInternal({ name }: Vertex): boolean {
  return name.startsWith('[internal]');
}

function takeLine(log: string[], text: string, step: string | undefined, emit: Emit): void {
  // A program that draws a progress bar rewrites one line over and over.
  const line = withoutColours(text).trimEnd().split('\r').at(-1) ?? '';
  if (line.trim() === '') return;
  log.push(line);
  if (log.length > QUOTED_LINES) log.shift();
  emit({ kind: 'build-output', line, step });
}
