import { expect, test } from 'vitest';
import { explainJson } from '../../src/plan/json-problem.ts';

test.each([
  [' \n', 'it is empty'],
  ['{ "family": ', 'unexpected end of input'],
  ['{"a": "b', 'unexpected end of input'],
  ['{"a": tru', 'unexpected end of input'],
  ['{\n  // the name\n  "family": "app"\n}', 'line 2, column 3: JSON has no comments'],
  ['# app\n{}', 'line 1, column 1: JSON has no comments'],
  ['{"a": 1, /* one */ "b": 2}', 'line 1, column 10: JSON has no comments'],
  ['[\r\n  1,\r\n]', 'line 3, column 1: JSON has no comma after the last entry'],
  ['{"a": 1,}', 'line 1, column 9: JSON has no comma after the last entry'],
  ["{'a': 1}", 'line 1, column 2: JSON uses double quotes only'],
  ['{"a": 1 "b": 2}', 'line 1, column 9: invalid JSON'],
  ['{"a": 1}}', 'line 1, column 9: invalid JSON'],
  ['{"a": 01}', 'line 1, column 8: invalid JSON'],
  ['{"a": "x\ny"}', 'line 1, column 7: invalid JSON'],
  ['{"a": "\\x"}', 'line 1, column 7: invalid JSON'],
  ['family: app', 'line 1, column 1: invalid JSON'],
])('%j is not JSON', (text, why) => {
  expect(explainJson(text)).toBe(why);
});
