import type { Http2Stream, ServerHttp2Stream } from 'node:http2';

/** One call that BuildKit makes to its client. */
export interface Call {
  /** Values of a header, which BuildKit repeats. */
  readonly header: (name: string) => readonly string[];
  /** The messages that BuildKit sends, as they arrive. */
  readonly messages: AsyncIterable<Buffer>;
  /** Sends messages; resolves when more may be sent, rejects when the call has ended. */
  readonly send: (...messages: readonly Uint8Array[]) => Promise<void>;
}

/** Serves the calls of one gRPC method; an {@link rpcError} is answered as its status. */
export type Method = (call: Call) => Promise<void>;

/** Methods by path, e.g. `/moby.filesync.v1.Auth/Credentials`. */
export type Methods = Readonly<Record<string, Method>>;

/** The status codes of gRPC that are used here. */
const STATUS = { ok: 0, unknown: 2, notFound: 5, alreadyExists: 6, unimplemented: 12 } as const;

/** An error that is answered with a status of gRPC. */
export function rpcError(status: keyof typeof STATUS, text: string): Error {
  return Object.assign(new Error(text), { grpcStatus: STATUS[status] });
}

/** Serves one call on a stream of the session. */
export async function serveCall(
  stream: ServerHttp2Stream,
  header: Call['header'],
  method: Method | undefined,
): Promise<void> {
  let trailers: Record<string, string> = { 'grpc-status': String(STATUS.ok) };
  stream.on('error', () => undefined);
  // Otherwise unwritten messages would keep the stream open until the session ends.
  stream.on('aborted', () => stream.destroy());
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  // Node's types lack `sendDate`; BuildKit does not use the date.
  const options = { waitForTrailers: true, sendDate: false };
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, options);
  try {
    if (method === undefined) throw rpcError('unimplemented', 'not served');
    await method({ header, messages: readMessages(stream), send: sender(stream) });
  } catch (error) {
    const { message, grpcStatus = STATUS.unknown } = error as Error & { grpcStatus?: number };
    trailers = {
      'grpc-status': String(grpcStatus),
      'grpc-message': encodeURIComponent(message),
    };
  }
  if (!stream.destroyed) stream.end();
}

/** Bytes before a gRPC message: a flag for compression, which is not used, and the length. */
export const GRPC_PREFIX = 5;

/** Writes messages to a call; resolves when more may be written. */
export function sender(stream: Http2Stream): Call['send'] {
  // Shared by all waiting writers: many listeners on one stream would look like a leak.
  let drained: Promise<void> | undefined;
  return async (...messages) => {
    if (stream.destroyed || stream.writableEnded) throw new Error('the call has ended');
    const frames = messages.flatMap((bytes) => {
      const prefix = Buffer.alloc(GRPC_PREFIX);
      prefix.writeUInt32BE(bytes.length, 1);
      return [prefix, bytes];
    });
    if (stream.write(Buffer.concat(frames))) return;
    drained ??= new Promise((resolve) => {
      const go = () => {
        stream.off('drain', go).off('close', go);
        drained = undefined;
        resolve();
      };
      stream.on('drain', go).on('close', go);
    });
    await drained;
  };
}

/** The messages of a call, as they arrive. */
export async function* readMessages(stream: Http2Stream): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  // The answer may follow when the reader is done: the stream must outlive it.
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
