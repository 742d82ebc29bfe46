import { expect, test } from 'vitest';
import { fieldBytes, fields, fieldText, message } from '../../../src/docker/buildkit/protobuf.ts';

test('fields are read as they were written; zero and empty ones are omitted', () => {
  const inner = message([1, 'text'], [2, ''], [3, 0], [4, new Uint8Array()]);
  const bytes = message([1, inner], [2, 2 ** 31 + 0o755], [3, 9 * 2 ** 30], [4, '한글']);
  expect([...fields(bytes)].map(([number]) => number)).toEqual([1, 2, 3, 4]);
  expect(new Map(fields(bytes)).get(2)).toBe(2 ** 31 + 0o755);
  expect(new Map(fields(bytes)).get(3)).toBe(9 * 2 ** 30);
  expect(fieldText(bytes, 4)).toBe('한글');
  expect([...fields(fieldBytes(bytes, 1))]).toHaveLength(1);
  expect(fieldBytes(bytes, 9)).toEqual(new Uint8Array());
});

test('a time before 1970 is ten bytes, as in proto3', () => {
  expect(Buffer.from(message([6, -1n])).toString('hex')).toBe('30ffffffffffffffffff01');
});

test('fixed-size numbers are skipped, and a message that is cut off is an error', () => {
  const fixed = Buffer.from('0d000000001102000000000000001801', 'hex');
  expect([...fields(fixed)]).toEqual([[3, 1]]);
  expect(() => [...fields(Buffer.from('0a05ff', 'hex'))]).toThrow(RangeError);
});
