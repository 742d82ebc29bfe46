/** One step of a build, as BuildKit reports it. */
export interface TraceVertex {
  readonly digest: string;
  readonly name: string;
  /** Epoch milliseconds. */
  readonly started: number;
  readonly completed?: number;
  readonly cached?: boolean;
  readonly error?: string;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

const integer = (number: number, value: number): Buffer =>
  Buffer.from([...varint(number * 8), ...varint(value)]);

function bytes(number: number, value: string | Buffer): Buffer {
  const content = Buffer.from(value);
  return Buffer.concat([
    Buffer.from([...varint(number * 8 + 2), ...varint(content.length)]),
    content,
  ]);
}

const timestamp = (number: number, milliseconds: number): Buffer =>
  bytes(
    number,
    Buffer.concat([
      integer(1, Math.floor(milliseconds / 1000)),
      integer(2, (milliseconds % 1000) * 1_000_000),
    ]),
  );

/** Base64 of a moby.buildkit.v1.StatusResponse with one vertex. */
export function encodeVertex(vertex: TraceVertex): string {
  const { digest, name, started, completed, cached = false, error = '' } = vertex;
  const fields = [
    bytes(1, digest),
    bytes(3, name),
    ...(cached ? [integer(4, 1)] : []),
    timestamp(5, started),
    ...(completed === undefined ? [] : [timestamp(6, completed)]),
    ...(error === '' ? [] : [bytes(7, error)]),
  ];
  return bytes(1, Buffer.concat(fields)).toString('base64');
}
