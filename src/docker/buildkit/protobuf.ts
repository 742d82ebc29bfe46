import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** One field of a protobuf message: an integer, or the bytes of everything else. */
export type Field = readonly [number: number, value: number | Uint8Array];

/** The fields of a protobuf message in order, without fixed-size numbers. Throws when it is cut off. */
export function* fields(bytes: Uint8Array): Generator<Field> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (type === WireType.Varint) yield [number, Number(reader.uint64())];
    else if (type === WireType.LengthDelimited) yield [number, reader.bytes()];
    else reader.skip(type);
  }
}

/** The text of a field; empty when it is missing. */
export function text(value: number | Uint8Array | undefined): string {
  return typeof value === 'object' ? Buffer.from(value).toString('utf8') : '';
}

/** The bytes of a message's field; empty when it is missing. */
export function fieldBytes(bytes: Uint8Array, wanted: number): Uint8Array {
  for (const [number, value] of fields(bytes)) {
    if (number === wanted && typeof value === 'object') return value;
  }
  return new Uint8Array();
}

/** The text of a message's field; empty when it is missing. */
export function fieldText(bytes: Uint8Array, wanted: number): string {
  return text(fieldBytes(bytes, wanted));
}

/** Shared: a writer keeps its buffer, and a context has thousands of messages. */
const writer = new BinaryWriter();

/** A protobuf message of these fields; zero and empty ones are omitted, as in proto3. */
export function message(
  ...parts: readonly (readonly [number: number, value: bigint | number | string | Uint8Array])[]
): Uint8Array {
  for (const [number, value] of parts) {
    if (!value || (typeof value === 'object' && value.length === 0)) continue;
    if (typeof value === 'string') writer.tag(number, WireType.LengthDelimited).string(value);
    else if (typeof value === 'object') writer.tag(number, WireType.LengthDelimited).bytes(value);
    else writer.tag(number, WireType.Varint).int64(value);
  }
  return writer.finish();
}

/** A map with texts. */
export type Attributes = Readonly<Record<string, string>>;

/** A map of protobuf: a message for each entry. */
export const entries = (field: number, map: Attributes) =>
  Object.entries(map).map(([key, value]) => [field, message([1, key], [2, value])] as const);
