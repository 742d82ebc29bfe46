import { expect, test } from 'vitest';
import { explainJson } from '../../src/core/json.ts';

test.each([
  [' \n', 'it is empty'],
  ['{ "family": ', 'it ends in the middle of something'],
  ['{"a": "b', 'it ends in the middle of something'],
  ['{"a": tru', 'it ends in the middle of something'],
  ['{\n  // the name\n  "family": "app"\n}', 'line 2, column 3: JSON has no comments'],
  ['# app\n{}', 'line 1, column 1: JSON has no comments'],
  ['{"a": 1, /* one */ "b": 2}', 'line 1, column 10: JSON has no comments'],
  ['[\r\n  1,\r\n]', 'line 3, column 1: JSON has no comma behind the last entry'],
  ['{"a": 1,}', 'line 1, column 9: JSON has no comma behind the last entry'],
  ["{'a': 1}", 'line 1, column 2: JSON takes double quotes only'],
  ['{"a": 1 "b": 2}', 'line 1, column 9: this is no JSON'],
  ['{"a": 1}}', 'line 1, column 9: this is no JSON'],
  ['{"a": 01}', 'line 1, column 8: this is no JSON'],
  ['{"a": "x\ny"}', 'line 1, column 9: this is no JSON'],
  ['{"a": "\\x"}', 'line 1, column 9: this is no JSON'],
  ['family: app', 'line 1, column 3: this is no JSON'],
])('%j is no JSON', (text, why) => {
  expect(explainJson(text)).toBe(why);
});
