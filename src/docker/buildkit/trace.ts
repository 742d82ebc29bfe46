import { fields, text } from './protobuf.ts';
import type { Field } from './protobuf.ts';

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

/** A warning of BuildKit about a Dockerfile, from Docker 28.0 on. */
export interface BuildWarning {
  readonly short: string;
  /** The page that explains it; may be empty. */
  readonly url: string;
}

/** One `moby.buildkit.trace` message. */
export interface Trace {
  readonly vertexes: readonly Vertex[];
  readonly logs: readonly { readonly vertex: string; readonly text: string }[];
  readonly warnings: readonly BuildWarning[];
}

/** Decodes moby.buildkit.v1.StatusResponse (vertexes, logs and warnings). */
export function decodeTrace(bytes: Uint8Array): Trace {
  const vertexes: Vertex[] = [];
  const logs: { vertex: string; text: string }[] = [];
  const warnings: BuildWarning[] = [];
  for (const [number, value] of fields(bytes)) {
    if (typeof value === 'number') continue;
    const parts = new Map(fields(value));
    if (number === 1) vertexes.push(decodeVertex(parts));
    if (number === 3) logs.push({ vertex: text(parts.get(1)), text: text(parts.get(4)) });
    if (number === 4) warnings.push({ short: text(parts.get(3)), url: text(parts.get(5)) });
  }
  return { vertexes, logs, warnings };
}

function decodeVertex(parts: ReadonlyMap<number, Field[1]>): Vertex {
  return {
    digest: text(parts.get(1)),
    name: text(parts.get(3)),
    cached: parts.get(4) === 1,
    started: seconds(parts.get(5)),
    completed: seconds(parts.get(6)),
    error: text(parts.get(7)),
  };
}

/** Epoch seconds of a google.protobuf.Timestamp. */
function seconds(value: Field[1] | undefined): number | undefined {
  if (typeof value !== 'object') return undefined;
  const parts = new Map(fields(value));
  return Number(parts.get(1) ?? 0) + Number(parts.get(2) ?? 0) / 1e9;
}
