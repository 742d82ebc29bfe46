import { Duplex, Transform } from 'node:stream';

/** Bytes before the payload of a frame of HTTP/2: length (3), type, flags, stream (4). */
const PREFIX = 9;
/** What a client of HTTP/2 sends first. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

const HEADERS = 1;
const CONTINUATION = 9;
const END_HEADERS = 4;

/** The largest frame that HTTP/2 has, in bytes: what a receiver of joined frames must permit. */
export const MAX_FRAME = 2 ** 24 - 1;

/**
 * Joins the CONTINUATION frames of a header block into its HEADERS frame. Node ends a connection that
 * has more than eight of them, which are 144 kB; BuildKit sends each path of a COPY in a header
 * (docs/explanation/how-docker-behaves.md#how-files-are-sent).
 */
export function joinHeaders(socket: Duplex): Duplex {
  const readable = socket.pipe(new Transform({ transform: joiner() }));
  socket.on('error', (error) => readable.destroy(error));
  socket.on('close', () => readable.end());
  return Duplex.from({ readable, writable: socket });
}

function joiner(): (
  chunk: Buffer,
  encoding: string,
  done: (error: Error | null, data?: Buffer) => void,
) => void {
  let rest: Buffer = Buffer.alloc(0);
  let preface = PREFACE.length;
  /** Bytes of the frame that is passed on. */
  let left = 0;
  /** The header block that has not ended: its frame's prefix, and the payloads so far. */
  let open: { readonly prefix: Buffer; readonly payloads: Buffer[] } | undefined;
  return (chunk, _, done) => {
    const out: Buffer[] = [];
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const take = (count: number) => {
      const taken = rest.subarray(0, count);
      rest = rest.subarray(count);
      return taken;
    };
    for (;;) {
      const passed = take(preface > 0 ? preface : left);
      if (preface > 0) preface -= passed.length;
      else left -= passed.length;
      if (passed.length > 0) out.push(passed);
      if (preface > 0 || left > 0 || rest.length < PREFIX) break;
      const length = rest.readUIntBE(0, 3);
      const [type, flags = 0] = [rest[3], rest[4]];
      const isBlock = (type === HEADERS && (flags & END_HEADERS) === 0) || type === CONTINUATION;
      if (!isBlock) {
        out.push(take(PREFIX));
        left = length;
        continue;
      }
      if (rest.length < PREFIX + length) break;
      const prefix = Buffer.from(take(PREFIX));
      open ??= { prefix, payloads: [] };
      open.payloads.push(take(length));
      if ((flags & END_HEADERS) === 0) continue;
      const payload = Buffer.concat(open.payloads);
      open.prefix.writeUIntBE(payload.length, 0, 3);
      open.prefix.writeUInt8((open.prefix[4] ?? 0) | END_HEADERS, 4);
      out.push(open.prefix, payload);
      open = undefined;
    }
    done(null, Buffer.concat(out));
  };
}
