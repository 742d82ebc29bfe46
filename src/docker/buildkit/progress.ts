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
}

/** Turns the lines of a build's answer into events. */
export interface BuildProgress {
  readonly take: (line: DaemonLine) => void;
  /** Throws `build-failed` for a failed build: the daemon answers 200 and reports errors as lines. */
  readonly finish: () => void;
}

export function trackProgress(emit: Emit): BuildProgress {
  const steps = new Map<string, Step>();
  /** The last output of a builder without steps. */
  const output: string[] = [];
  const warnings = new Map<string, BuildWarning>();
  let failure: string | undefined;
  return {
    take: (line) => {
      if (line.id === 'moby.buildkit.trace' && typeof line.aux === 'string') {
        const trace = decodeTrace(line.aux);
        takeTrace(steps, trace, emit);
        for (const warning of trace.warnings) warnings.set(warning.short, warning);
      }
      if (line.stream !== undefined) takeLine(output, line.stream, emit);
      failure ??= line.errorDetail?.message ?? line.error;
    },
    finish: () => {
      for (const { short, url } of warnings.values()) {
        emit({ kind: 'warning', message: `Dockerfile: ${short}`, hint: url });
      }
      if (failure === undefined) return;
      const failed = [...steps.values()].find(({ vertex }) => vertex.error !== '');
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
    for (const line of lines) takeLine(step.log, line, emit);
  }
  for (const vertex of vertexes) takeVertex(steps, vertex, emit);
}

function takeVertex(steps: Map<string, Step>, vertex: Vertex, emit: Emit): void {
  const known = steps.get(vertex.digest);
  const step = known ?? { vertex, log: [], rest: '' };
  const before = known?.vertex;
  step.vertex = vertex;
  steps.set(vertex.digest, step);
  const { name, cached, started, completed } = vertex;
  // BuildKit's own preparation is not a step of the Dockerfile.
  if (name.startsWith('[internal]')) return;
  if (started !== undefined && before?.started === undefined && !cached) {
    emit({ kind: 'build-step', name, state: 'started', seconds: 0 });
  }
  if (completed === undefined || before?.completed !== undefined) return;
  takeLine(step.log, step.rest, emit);
  step.rest = '';
  if (vertex.error !== '') return;
  const seconds = completed - (started ?? completed);
  emit({ kind: 'build-step', name, state: cached ? 'cached' : 'completed', seconds });
}

function takeLine(log: string[], text: string, emit: Emit): void {
  // A program that draws a progress bar rewrites one line over and over.
  const line = withoutColours(text).trimEnd().split('\r').at(-1) ?? '';
  if (line.trim() === '') return;
  log.push(line);
  if (log.length > QUOTED_LINES) log.shift();
  emit({ kind: 'build-output', line });
}
