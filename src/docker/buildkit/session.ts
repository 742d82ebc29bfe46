import { randomUUID } from 'node:crypto';
import { constants, performServerHandshake } from 'node:http2';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Daemon } from '../engine/daemon.ts';
import { dial } from '../engine/dial.ts';
import { readMessages, sender } from './grpc.ts';
import { openTunnel } from './native.ts';
import { message } from './protobuf.ts';

/** One call that BuildKit makes to its client. */
export interface Call {
  /** Values of a header, which BuildKit repeats. */
  readonly header: (name: string) => readonly string[];
  /** The messages that BuildKit sends, as they come. */
  readonly messages: AsyncIterable<Buffer>;
  /** Answers messages; resolves when more may be sent, rejects when the call has ended. */
  readonly send: (...messages: readonly Uint8Array[]) => Promise<void>;
}

/** Serves calls of one gRPC method; an {@link RpcError} is answered as that status. */
export type Method = (call: Call) => Promise<void>;

/** Methods by path, e.g. `/moby.filesync.v1.Auth/Credentials`. */
export type Methods = Readonly<Record<string, Method>>;

/** gRPC's status codes that are answered here. */
const CODE = { unknown: 2, notFound: 5, unimplemented: 12 } as const;

/** An error with a gRPC status. */
export class RpcError extends Error {
  readonly code: number;

  constructor(code: keyof typeof CODE, text: string) {
    super(text);
    this.code = CODE[code];
  }
}

/** A session that BuildKit calls back on. */
export interface Session {
  /** What `/build` names it by. */
  readonly id: string;
  readonly close: () => void;
}

/** Node's types lack the raw headers, in which repeated ones are told apart. */
type StreamArguments = [
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  raw: readonly string[],
];

/** BuildKit drops a session that does not answer for its health (docker-facts 1.3). */
const HEALTH: Methods = {
  '/grpc.health.v1.Health/Check': async ({ send }) => send(message([1, 1])),
};

/**
 * Opens a BuildKit session on the daemon; undefined where it offers none (podman, socket proxies).
 *
 * `sharedKey` names the folder that is built from: under the same key only changes are sent.
 */
export async function openSession(
  daemon: Daemon,
  sharedKey: string,
  methods: Methods,
  signal: AbortSignal,
): Promise<Session | undefined> {
  const id = randomUUID();
  const served: Methods = { ...HEALTH, ...methods };
  const socket = await openSocket(
    daemon,
    {
      'x-docker-expose-session-uuid': id,
      'x-docker-expose-session-name': 'ecsdeploy',
      'x-docker-expose-session-sharedkey': sharedKey,
      'x-docker-expose-session-grpc-method': Object.keys(served),
    },
    signal,
  );
  if (socket === undefined) return undefined;
  // A daemon that goes away is told by the build's own answer.
  socket.on('error', () => undefined);
  const connection = performServerHandshake(socket, {
    settings: { initialWindowSize: 1 << 20, maxConcurrentStreams: 1000 },
  });
  connection.on('error', () => undefined);
  connection.on('stream', (...[stream, headers, , raw]: StreamArguments) => {
    const header = (name: string) =>
      raw.filter((value, index) => index % 2 === 1 && raw[index - 1] === name && value !== '');
    void serve(stream, header, served[String(headers[constants.HTTP2_HEADER_PATH])]);
  });
  return {
    id,
    close: () => {
      connection.destroy();
      socket.destroy();
    },
  };
}

/** Through `/session`, or where that is gone through the daemon's own gRPC (docker-facts 1.6). */
async function openSocket(
  daemon: Daemon,
  headers: Readonly<Record<string, string | string[]>>,
  signal: AbortSignal,
): Promise<Duplex | undefined> {
  try {
    return await dial<Duplex>(daemon.docker, {
      method: 'POST',
      path: '/session',
      hijack: true,
      abortSignal: signal,
      headers: { Upgrade: 'h2c', ...headers },
      statusCodes: { 101: true, 200: true, 500: 'server error' },
    });
  } catch (error) {
    const { statusCode } = error as { statusCode?: number };
    if (statusCode === 404) return openTunnel(daemon, headers);
    if (statusCode === 403 || statusCode === 501) return undefined;
    throw error;
  }
}

async function serve(
  stream: ServerHttp2Stream,
  header: Call['header'],
  method: Method | undefined,
): Promise<void> {
  let status: Record<string, string> = { 'grpc-status': '0' };
  stream.on('error', () => undefined);
  // Otherwise what waits to be written would keep it until the session ends.
  stream.on('aborted', () => stream.destroy());
  stream.on('wantTrailers', () => stream.sendTrailers(status));
  // Node's types lack `sendDate`; nobody reads the date of each answer.
  const options = { waitForTrailers: true, sendDate: false };
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, options);
  try {
    if (method === undefined) throw new RpcError('unimplemented', 'not served');
    await method({ header, messages: readMessages(stream), send: sender(stream) });
  } catch (error) {
    const code = error instanceof RpcError ? error.code : CODE.unknown;
    status = {
      'grpc-status': String(code),
      'grpc-message': encodeURIComponent((error as Error).message),
    };
  }
  if (!stream.destroyed) stream.end();
}
