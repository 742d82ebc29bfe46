import { expect, test } from 'vitest';
import { readPattern } from '../../src/sandbox/log-pattern.ts';

const TEXTS = ['ERROR 400 bad request', 'WARN slow', 'ERROR timeout after 3 s', 'ok'];
const EVENTS = [
  { level: 'error', code: 500, user: { name: 'ann', ids: [1, 2] } },
  { level: 'warn', code: 404, user: { name: 'bob' }, cached: true },
  { level: 'error', code: 200, user: null, items: [{ id: 'a-1' }, { id: 'b-2' }] },
];

/** Indices of the messages that match. */
const found = (pattern: string, messages: readonly string[]): number[] =>
  messages.flatMap((message, index) => (readPattern(pattern)(message) ? [index] : []));

test.each([
  ['', [0, 1, 2, 3]],
  ['ERROR', [0, 2]],
  ['error', []],
  ['ERROR 400', [0]],
  ['"bad request"', [0]],
  ['"3 s"', [2]],
  ['?ERROR ?WARN', [0, 1, 2]],
  ['?"bad request" ?slow', [0, 1]],
  ['ERROR -timeout', [0]],
  ['-ERROR -"ok"', [1]],
  // Terms with a question mark are ignored beside others.
  ['ERROR ?WARN', [0, 2]],
  ['%[45]00%', [0]],
])('%j matches %j of the texts', (pattern, expected) => {
  expect(found(pattern, TEXTS)).toEqual(expected);
});

test.each([
  ['{ $.level = "error" }', [0, 2]],
  ['{ $.level = err* }', [0, 2]],
  ['{ $.level != "error" }', [1]],
  ['{ $.code >= 404 }', [0, 1]],
  ['{ $.code < 404 }', [2]],
  ['{ ($.code = 500) || ($.code = 404 && $.cached IS TRUE) }', [0, 1]],
  ['{ $.user.name = "bob" }', [1]],
  ['{ $.user.ids[1] = 2 }', [0]],
  ['{ $.items[*].id = "b-*" }', [2]],
  ['{ $.user IS NULL }', [2]],
  ['{ $.cached NOT EXISTS }', [0, 2]],
])('%s matches %j of the events', (pattern, expected) => {
  const messages = [...EVENTS.map((event) => JSON.stringify(event)), 'no JSON'];
  expect(found(pattern, messages)).toEqual(expected);
});

test.each([
  ['a-b', "Invalid character(s) in term 'a-b'"],
  ['"open', 'a quote is not closed'],
  ['%[%', 'Invalid regular expression'],
  ['{ $.a }', "an operator expected after '$.a'"],
  ['{ a = 1 }', 'a selector expected'],
  ['{ $.a = 1', "'}' expected"],
  ['{ $.a = }', "a value expected after '='"],
  ['{ $.a IS BLUE }', "'IS BLUE'"],
  ['[ip, user]', 'space-delimited'],
])('%s is refused', (pattern, text) => {
  expect(() => readPattern(pattern)).toThrow(text);
});
