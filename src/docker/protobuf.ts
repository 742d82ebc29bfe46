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

/** A protobuf message of these fields; zero and empty ones are left out, as proto3 does. */
export function message(
  ...parts: readonly (readonly [number: number, value: bigint | number | string | Uint8Array])[]
): Buffer {
  return Buffer.concat(
    parts.flatMap(([number, value]) => {
      if (typeof value === 'bigint' || typeof value === 'number') {
        const integer = BigInt(value);
        return integer === 0n ? [] : [varint(BigInt(number) << 3n), varint(integer)];
      }
      const bytes = Buffer.from(value);
      if (bytes.length === 0) return [];
      return [varint((BigInt(number) << 3n) | 2n), varint(BigInt(bytes.length)), bytes];
    }),
  );
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return Buffer.from([...bytes, Number(rest)]);
}
