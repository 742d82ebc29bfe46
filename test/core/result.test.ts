import { expect, test } from 'vitest';
import { outcomeOfError, overallOutcome, statusOf } from '../../src/core/result.ts';
import type { Outcome } from '../../src/core/result.ts';
import { EXIT_STATUS } from '../../src/errors.ts';

const OUTCOMES: Readonly<Record<Outcome, number>> = {
  succeeded: 0,
  unchanged: 0,
  planned: 0,
  paused: 0,
  failed: 6,
  'rolled-back': 7,
  superseded: 8,
  'timed-out': 9,
  unknown: 9,
  interrupted: 130,
  skipped: 3,
  refused: 3,
};
const names = Object.keys(OUTCOMES) as Outcome[];
const deciding = names.filter((name) => name !== 'skipped');

test('every outcome has its exit status', () => {
  expect(Object.fromEntries(names.map((name) => [name, statusOf(name)]))).toEqual(OUTCOMES);
});

test('when services end differently, the first of 130, 6, 7, 9, 8, 3 that occurs is the status', () => {
  const order = [130, 6, 7, 9, 8, 3, 0];
  for (const a of deciding) {
    expect(overallOutcome(['skipped', a])).toBe(a);
    for (const b of deciding) {
      const statuses = new Set([OUTCOMES[a], OUTCOMES[b]]);
      const wanted = order.find((status) => statuses.has(status));
      expect(statusOf(overallOutcome([a, b])), `${a}, ${b}`).toBe(wanted);
    }
  }
});

test('without a service, nothing has succeeded', () => {
  expect(overallOutcome([])).toBe('unknown');
});

test('an error is no success', () => {
  const outcomes = Object.values(EXIT_STATUS)
    .filter((status) => status !== EXIT_STATUS.succeeded)
    .map((status) => [status, outcomeOfError(status)]);
  expect(Object.fromEntries(outcomes)).toEqual({
    1: 'failed',
    2: 'refused',
    3: 'refused',
    4: 'refused',
    5: 'refused',
    6: 'failed',
    7: 'failed',
    8: 'failed',
    9: 'unknown',
    10: 'failed',
    130: 'interrupted',
  });
});
