import { expect, test } from 'vitest';
import { formatCount, formatSeconds } from '../../src/report/format.ts';

test.each([
  [0.04, '0.0s'],
  [9.94, '9.9s'],
  [9.96, '10s'],
  [59.4, '59s'],
  [59.6, '1m 0s'],
  [100, '1m 40s'],
  [119.7, '2m 0s'],
  [3599.7, '1h 0m'],
  [3725, '1h 2m'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});

test('no part of a duration reaches 60', () => {
  for (let seconds = 0; seconds < 7300; seconds += 0.7) {
    expect(formatSeconds(seconds)).not.toMatch(/\b(?:[6-9]\d|\d{3,})(?:\.\d)?[ms]/);
  }
});

test('a count has its noun in the singular or in the plural', () => {
  expect([0, 1, 2].map((count) => formatCount(count, 'task'))).toEqual([
    '0 tasks',
    '1 task',
    '2 tasks',
  ]);
});
