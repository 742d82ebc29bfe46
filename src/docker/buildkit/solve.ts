import { once } from 'node:events';
import { constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { readMessages, sender } from './grpc.ts';
import { fields, message, text } from './protobuf.ts';
import { decodeTrace } from './trace.ts';
import type { Trace } from './trace.ts';

type Attributes = Readonly<Record<string, string>>;

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
 * e.g. `containerimage.digest`; rejects with BuildKit's error.
 */
export async function solve(
  client: ClientHttp2Session,
  build: Solve,
  onTrace: (trace: Trace) => void,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const follow = async () => {
    const request = message([1, build.ref]);
    for await (const status of call(client, 'Status', request, signal))
      onTrace(decodeTrace(status));
  };
  const run = async () => {
    const answers: Buffer[] = [];
    for await (const answer of call(client, 'Solve', solveMessage(build), signal)) {
      answers.push(answer);
    }
    return new Map(answers.flatMap((answer) => [...fields(answer)].flatMap(readEntry)));
  };
  const solving = run();
  // BuildKit keeps the status until the build is known, and ends it with the build.
  const following = follow().catch(() => undefined);
  const answer = await solving;
  await following;
  return answer;
}

/** moby.buildkit.v1.SolveRequest. */
function solveMessage({
  ref,
  session,
  exporter,
  frontend,
  entitlements,
  cacheTo,
}: Solve): Uint8Array {
  // Several exporters have another field, which older BuildKits do not know.
  return message(
    [1, ref],
    [3, exporter.type],
    ...entries(4, exporter.attributes),
    [5, session],
    [6, 'dockerfile.v0'],
    ...entries(7, frontend),
    [8, message(...cacheTo.map((cache) => [4, cacheMessage(cache)] as const))],
    ...entitlements.map((name) => [9, name] as const),
  );
}

/** moby.buildkit.v1.CacheOptionsEntry. */
const cacheMessage = ({ type, attributes }: Backend) =>
  message([1, type], ...entries(2, attributes));

/** A map of protobuf: a message for each entry. */
const entries = (field: number, map: Attributes) =>
  Object.entries(map).map(([key, value]) => [field, message([1, key], [2, value])] as const);

function readEntry([number, value]: readonly [number, number | Uint8Array]): [string, string][] {
  if (number !== 1 || typeof value === 'number') return [];
  const parts = new Map(fields(value));
  return [[text(parts.get(1)), text(parts.get(2))]];
}

/** Calls a method of BuildKit's Control; rejects with the message of a status other than OK. */
async function* call(
  client: ClientHttp2Session,
  method: string,
  request: Uint8Array,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const stream = client.request(
    {
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: `/moby.buildkit.v1.Control/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    },
    { signal },
  );
  const ending = statusOf(stream);
  await sender(stream)(request);
  stream.end();
  yield* readMessages(stream);
  const status = await ending;
  if (status !== '') throw new Error(status);
}

/** The error of a call; empty for none. It is in the trailers or, without an answer, the headers. */
async function statusOf(stream: ClientHttp2Stream): Promise<string> {
  let status: string | undefined;
  let said = '';
  const take = (headers: Readonly<Record<string, unknown>>) => {
    status = (headers['grpc-status'] as string | undefined) ?? status;
    said = (headers['grpc-message'] as string | undefined) ?? said;
  };
  stream.on('response', take);
  stream.on('trailers', take);
  await once(stream, 'close').catch(() => undefined);
  if (status === undefined) return 'the connection to BuildKit was lost';
  return status === '0' ? '' : decodeURIComponent(said) || `BuildKit's status is ${status}`;
}
