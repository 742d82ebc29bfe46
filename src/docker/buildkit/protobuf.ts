/** One field of a protobuf message: an integer, or the bytes of everything else. */
export type Field = readonly [number: number, value: number | Uint8Array];

/** The fields of one protobuf message in their order; fixed-size numbers are left out. */
export function* fields(bytes: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at] ?? 0;
      at += 1;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    switch (key % 8) {
      case 0:
        yield [number, varint()];
        break;
      case 2: {
        const length = varint();
        yield [number, bytes.subarray(at, at + length)];
        at += length;
        break;
      }
      case 1:
        at += 8;
        break;
      case 5:
        at += 4;
        break;
      default:
        return;
    }
  }
}

/** The text of a field. */
export function text(value: number | Uint8Array | undefined): string {
  return typeof value === 'object' ? Buffer.from(value).toString('utf8') : '';
}

/** The bytes of a message's field; empty when it is not there. */
export function fieldBytes(bytes: Uint8Array, wanted: number): Uint8Array {
  for (const [number, value] of fields(bytes)) {
    if (number === wanted && typeof value === 'object') return value;
  }
  return new Uint8Array();
}

/** The text of a message's field. */
export function fieldText(bytes: Uint8Array, wanted: number): string {
  return text(fieldBytes(bytes, wanted));
}

/**
 * A protobuf message of these fields; zero and empty ones are left out, as proto3 does. Written in
 * one go, in numbers where they reach: a context has thousands of entries.
 */
export function message(
  ...parts: readonly (readonly [number: number, value: bigint | number | string | Uint8Array])[]
): Buffer {
  const bytes = Buffer.allocUnsafe(parts.reduce((sum, [, value]) => sum + mostBytes(value), 0));
  let at = 0;
  const byte = (value: number) => {
    bytes[at] = value;
    at += 1;
  };
  const varint = (value: number) => {
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) byte((rest % 128) + 128);
    byte(rest);
  };
  for (const [number, value] of parts) {
    if (typeof value === 'string' || typeof value === 'object') {
      const length = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
      if (length === 0) continue;
      varint(number * 8 + 2);
      varint(length);
      if (typeof value === 'string') bytes.write(value, at);
      else bytes.set(value, at);
      at += length;
    } else if (value) {
      varint(number * 8);
      if (typeof value === 'number' && value > 0) {
        varint(value);
        continue;
      }
      let rest = BigInt.asUintN(64, BigInt(value));
      for (; rest > Number.MAX_SAFE_INTEGER; rest >>= 7n) byte(Number(rest & 127n) + 128);
      varint(Number(rest));
    }
  }
  return bytes.subarray(0, at);
}

/** Bytes that a field has at most: key and length or integer, and what follows. */
function mostBytes(value: bigint | number | string | Uint8Array): number {
  if (typeof value === 'string') return 20 + 3 * value.length;
  return 20 + (typeof value === 'object' ? value.length : 0);
}
