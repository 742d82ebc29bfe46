import { fields, text } from './protobuf.ts';

/** One step of a build (a vertex of BuildKit's graph). */
export interface Vertex {
  readonly digest: string;
  readonly name: string;
  readonly cached: boolean;
  /** Epoch seconds. */
  readonly started: number | undefined;
  readonly completed: number | undefined;
  readonly error: string;
}

/** What BuildKit, from 28.0 on, finds doubtful in a Dockerfile. */
export interface BuildWarning {
  readonly short: string;
  /** Page that explains it; may be empty. */
  readonly url: string;
}

/** What one `moby.buildkit.trace` message tells. */
export interface Trace {
  readonly vertexes: readonly Vertex[];
  readonly logs: readonly { readonly vertex: string; readonly text: string }[];
  readonly warnings: readonly BuildWarning[];
}

function seconds(value: number | Uint8Array): number {
  let total = 0;
  for (const [number, part] of fields(value as Uint8Array)) {
    total += number === 1 ? (part as number) : (part as number) / 1e9;
  }
  return total;
}

/** Decodes moby.buildkit.v1.StatusResponse (vertexes, logs and warnings) from its base64. */
export function decodeTrace(base64: string): Trace {
  const vertexes: Vertex[] = [];
  const logs: { vertex: string; text: string }[] = [];
  const warnings: BuildWarning[] = [];
  for (const [number, value] of fields(Buffer.from(base64, 'base64'))) {
    if (number === 1) vertexes.push(decodeVertex(value as Uint8Array));
    if (number === 3) logs.push(decodeLog(value as Uint8Array));
    if (number === 4) {
      const parts = new Map(fields(value as Uint8Array));
      warnings.push({ short: text(parts.get(3)), url: text(parts.get(5)) });
    }
  }
  return { vertexes, logs, warnings };
}

function decodeVertex(bytes: Uint8Array): Vertex {
  const vertex = {
    digest: '',
    name: '',
    cached: false,
    started: undefined as number | undefined,
    completed: undefined as number | undefined,
    error: '',
  };
  for (const [number, value] of fields(bytes)) {
    if (number === 1) vertex.digest = text(value);
    if (number === 3) vertex.name = text(value);
    if (number === 4) vertex.cached = value === 1;
    if (number === 5) vertex.started = seconds(value);
    if (number === 6) vertex.completed = seconds(value);
    if (number === 7) vertex.error = text(value);
  }
  return vertex;
}

function decodeLog(bytes: Uint8Array): { vertex: string; text: string } {
  const log = { vertex: '', text: '' };
  for (const [number, value] of fields(bytes)) {
    if (number === 1) log.vertex = text(value);
    if (number === 4) log.text = text(value);
  }
  return log;
}
