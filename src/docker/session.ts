import { randomUUID } from 'node:crypto';
import { constants, performServerHandshake } from 'node:http2';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Daemon } from './daemon.ts';
import { dial } from './dial.ts';
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
  { docker }: Daemon,
  sharedKey: string,
  methods: Methods,
  signal: AbortSignal,
): Promise<Session | undefined> {
  const id = randomUUID();
  const served: Methods = { ...HEALTH, ...methods };
  let socket: Duplex;
  try {
    socket = await dial<Duplex>(docker, {
      method: 'POST',
      path: '/session',
      hijack: true,
      abortSignal: signal,
      headers: {
        Upgrade: 'h2c',
        'X-Docker-Expose-Session-Uuid': id,
        'X-Docker-Expose-Session-Name': 'ecsdeploy',
        'X-Docker-Expose-Session-Sharedkey': sharedKey,
        'X-Docker-Expose-Session-Grpc-Method': Object.keys(served),
      },
      statusCodes: { 101: true, 200: true, 500: 'server error' },
    });
  } catch (error) {
    const { statusCode } = error as { statusCode?: number };
    if (statusCode === 404 || statusCode === 403 || statusCode === 501) return undefined;
    throw error;
  }
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

/** Bytes before a gRPC message: a flag for compression, which is not asked for, and the length. */
export const GRPC_PREFIX = 5;

function sender(stream: ServerHttp2Stream): Call['send'] {
  // One for all that wait: many listeners on the same stream would look like a leak.
  let room: Promise<void> | undefined;
  return async (...messages) => {
    if (stream.destroyed || stream.writableEnded) throw new Error('the call has ended');
    const frames = messages.flatMap((bytes) => {
      const prefix = Buffer.alloc(GRPC_PREFIX);
      prefix.writeUInt32BE(bytes.length, 1);
      return [prefix, bytes];
    });
    if (stream.write(Buffer.concat(frames))) return;
    room ??= new Promise((resolve) => {
      const go = () => {
        stream.off('drain', go).off('close', go);
        room = undefined;
        resolve();
      };
      stream.on('drain', go).on('close', go);
    });
    await room;
  };
}

async function* readMessages(stream: ServerHttp2Stream): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  // Who has read enough still has to answer: the stream must outlive its reader.
  const chunks = stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= GRPC_PREFIX && rest.length >= GRPC_PREFIX + rest.readUInt32BE(1)) {
      const end = GRPC_PREFIX + rest.readUInt32BE(1);
      yield rest.subarray(GRPC_PREFIX, end);
      rest = rest.subarray(end);
    }
  }
}
