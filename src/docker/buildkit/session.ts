import { randomUUID } from 'node:crypto';
import { constants, performServerHandshake } from 'node:http2';
import type { ClientHttp2Session, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Daemon } from '../engine/daemon.ts';
import { callEngine } from '../engine/api.ts';
import { openDaemonTunnel, openTunnel } from './daemon-grpc.ts';
import { serveCall } from './grpc.ts';
import type { Methods } from './grpc.ts';
import { joinHeaders, MAX_FRAME } from './joined-headers.ts';
import { message } from './protobuf.ts';

/** A session of BuildKit, in which the daemon calls methods of its client. */
export interface Session {
  /** The `session` parameter of `/build`. */
  readonly id: string;
  /** Whether Node ended it because the headers of a call were too long. */
  readonly isOverrun: () => boolean;
  readonly close: () => void;
}

/** Node's types lack the raw headers, which keep the values of a repeated header apart. */
type StreamArguments = [
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  raw: readonly string[],
];

/** The limit of Go's gRPC for the headers of a call. */
const HEADER_BYTES = 16 << 20;

/**
 * BuildKit closes a session that does not answer health checks
 * (docs/explanation/how-docker-behaves.md#how-a-session-stays-alive).
 */
const HEALTH: Methods = {
  '/grpc.health.v1.Health/Check': async ({ send }) => send(message([1, 1])),
};

/**
 * Opens a BuildKit session on the daemon, or on the connection of a builder; undefined when a daemon
 * offers none (podman, socket proxies).
 *
 * `sharedKey` identifies the build context: under the same key only changes are sent. Headers of more
 * than 144 kB have to be announced: reading them costs time. Otherwise they overrun the session.
 */
export async function openSession(
  from: Daemon | ClientHttp2Session,
  sharedKey: string,
  methods: Methods,
  signal: AbortSignal,
  hasLongHeaders = false,
): Promise<Session | undefined> {
  const id = randomUUID();
  const served: Methods = { ...HEALTH, ...methods };
  const headers = {
    'x-docker-expose-session-uuid': id,
    'x-docker-expose-session-name': 'ecsdeploy',
    'x-docker-expose-session-sharedkey': sharedKey,
    'x-docker-expose-session-grpc-method': Object.keys(served),
  };
  const socket =
    'docker' in from ? await openSocket(from, headers, signal) : await openTunnel(from, headers);
  if (socket === undefined) return undefined;
  // A lost connection is reported by the answer of the build.
  socket.on('error', () => undefined);
  const connection = performServerHandshake(hasLongHeaders ? joinHeaders(socket) : socket, {
    settings: {
      initialWindowSize: 1 << 20,
      maxConcurrentStreams: 1000,
      maxHeaderListSize: HEADER_BYTES,
      ...(hasLongHeaders && { maxFrameSize: MAX_FRAME }),
    },
    // BuildKit sends each pattern and each path as a header of its own.
    maxHeaderListPairs: HEADER_BYTES,
  });
  let isOverrun = false;
  connection.on('error', ({ message: text }: Error) => {
    isOverrun = text.includes('CONTINUATION');
  });
  connection.on('stream', (...[stream, headers, , raw]: StreamArguments) => {
    const header = (name: string) =>
      raw.filter((value, index) => index % 2 === 1 && raw[index - 1] === name && value !== '');
    void serveCall(stream, header, served[String(headers[constants.HTTP2_HEADER_PATH])]);
  });
  return {
    id,
    isOverrun: () => isOverrun,
    close: () => {
      connection.destroy();
      socket.destroy();
    },
  };
}

/**
 * By `/session` or, where that was removed, the daemon's own gRPC
 * (docs/explanation/how-docker-behaves.md#which-connection-a-session-uses).
 */
async function openSocket(
  daemon: Daemon,
  headers: Readonly<Record<string, string | string[]>>,
  signal: AbortSignal,
): Promise<Duplex | undefined> {
  try {
    return await callEngine<Duplex>(daemon.docker, {
      method: 'POST',
      path: '/session',
      hijack: true,
      abortSignal: signal,
      headers: { Upgrade: 'h2c', ...headers },
      statusCodes: { 101: true, 200: true, 500: 'server error' },
    });
  } catch (error) {
    const { statusCode } = error as { statusCode?: number };
    if (statusCode === 404) return openDaemonTunnel(daemon, headers);
    if (statusCode === 403 || statusCode === 501) return undefined;
    throw error;
  }
}
