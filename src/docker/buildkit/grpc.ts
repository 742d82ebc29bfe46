import type { Http2Stream } from 'node:http2';

/** Bytes before a gRPC message: a flag for compression, which is not asked for, and the length. */
export const GRPC_PREFIX = 5;

/** Writes messages to a call; resolves when more may be written. */
export function sender(stream: Http2Stream): (...messages: readonly Uint8Array[]) => Promise<void> {
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

/** The messages of a call, as they come. */
export async function* readMessages(stream: Http2Stream): AsyncGenerator<Buffer> {
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
