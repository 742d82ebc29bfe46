import type { ClientHttp2Session } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { EcsDeployError } from '../../errors.ts';
import { runFrontend } from './gateway.ts';
import type { Proof } from './gateway.ts';
import { callMethod, callOnce } from './grpc-client.ts';
import { entries, fields, message, text } from './protobuf.ts';
import type { Attributes } from './protobuf.ts';
import { decodeTrace } from './trace.ts';
import type { Trace } from './trace.ts';

/** An exporter, or a cache, of BuildKit. */
export interface Backend {
  readonly type: string;
  readonly attributes: Attributes;
}

/** A build for `Control.Solve`, with the frontend of Dockerfiles. */
export interface Solve {
  /** Unique for each build. */
  readonly ref: string;
  /** Id of the session that has the files. */
  readonly session: string;
  readonly exporter: Backend;
  readonly frontend: Attributes;
  /** What the daemon has to permit. */
  readonly entitlements: readonly string[];
  readonly cacheTo: readonly Backend[];
}

/**
 * Builds with `Control.Solve`, and reports with `Control.Status`. Returns what the exporter answers,
 * e.g. `containerimage.digest`; rejects with BuildKit's error. With a proof, nothing is exported
 * before it has resolved; it rejects with the error of the proof.
 */
export async function solve(
  client: ClientHttp2Session,
  build: Solve,
  onTrace: (trace: Trace) => void,
  signal: AbortSignal,
  prove?: Proof,
): Promise<ReadonlyMap<string, string>> {
  const ended = new AbortController();
  const follow = async () => {
    const request = message([1, build.ref]);
    const until = { signal: AbortSignal.any([signal, ended.signal]) };
    for await (const status of callMethod(client, `${CONTROL}/Status`, request, until))
      onTrace(decodeTrace(status));
  };
  const run = async () => {
    const request = solveMessage(build, prove === undefined);
    const answer = await callOnce(client, `${CONTROL}/Solve`, request, { signal });
    return new Map([...fields(answer)].flatMap(readEntry));
  };
  const solving = run();
  // BuildKit keeps the status until the build is known, and ends it with the build.
  const following = follow().catch(() => undefined);
  const proving = prove && runFrontend(client, build, prove, signal);
  const [answer, proven] = await Promise.allSettled([solving, proving]);
  // A build that is refused at once never gets a status.
  const limit =
    answer.status === 'fulfilled' ? undefined : sleep(LAST_STATUS, undefined, { ref: false });
  await Promise.race([following, ...(limit === undefined ? [] : [limit])]);
  ended.abort();
  // A proof that fails ends the build, too.
  if (proven.status === 'rejected' && proven.reason instanceof EcsDeployError) throw proven.reason;
  if (answer.status === 'rejected') throw answer.reason;
  return answer.value;
}

/** Milliseconds for the last steps and lines of a build that has failed. */
const LAST_STATUS = 2000;

const CONTROL = 'moby.buildkit.v1.Control';

/** moby.buildkit.v1.SolveRequest. */
function solveMessage(
  { ref, session, exporter, frontend, entitlements, cacheTo }: Solve,
  isWhole: boolean,
): Uint8Array {
  // Several exporters have another field, which older BuildKits do not know.
  return message(
    [1, ref],
    [3, exporter.type],
    ...entries(4, exporter.attributes),
    [5, session],
    // Otherwise the client runs the frontend; attestations are read here all the same.
    [6, isWhole ? 'dockerfile.v0' : ''],
    ...entries(7, frontend),
    [8, message(...cacheTo.map((cache) => [4, cacheMessage(cache)] as const))],
    ...entitlements.map((name) => [9, name] as const),
  );
}

/** moby.buildkit.v1.CacheOptionsEntry. */
const cacheMessage = ({ type, attributes }: Backend) =>
  message([1, type], ...entries(2, attributes));

function readEntry([number, value]: readonly [number, number | Uint8Array]): [string, string][] {
  if (number !== 1 || typeof value === 'number') return [];
  const parts = new Map(fields(value));
  return [[text(parts.get(1)), text(parts.get(2))]];
}
