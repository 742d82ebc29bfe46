import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { afterAnswer, afterFailure, NO_POLLS, pauseBefore, slower } from '../../src/core/pacing.ts';
import type { PollState } from '../../src/core/pacing.ts';

const POLL = 3000;
/** Calls of a watch beside one for each poll, as `test/e2e/watching.test.ts` counts them. */
const FURTHER_CALLS = 4;
const LATER: PollState = { ...NO_POLLS, polls: 20 };

/** The state after that many polls failed. */
function failed(state: PollState, count: number, throttled = false): PollState {
  let next = state;
  for (let poll = 0; poll < count; poll += 1) next = afterFailure(next, throttled).state;
  return next;
}

describe('the pause before a poll', () => {
  test('is shorter at the start, and when only ECS can end the rollout, but not for ever', () => {
    const pause = (more: Partial<PollState>) => pauseBefore(POLL, { ...NO_POLLS, ...more });
    const first = [0, 1, 2].map((polls) => pause({ polls }));
    expect(first).toEqual([250, 1000, 3000]);
    const near = [0, 1, 2, 3, 9, 10].map((count) => pause({ polls: 20, near: count }));
    expect(near).toEqual([3000, 4500, 3000, 1000, 1500, 3000]);
  });

  test('is longer for many services', () => {
    const pauses = [1, 20, 50, 100].map((services) => pauseBefore(POLL, LATER, services));
    expect(pauses).toEqual([3000, 3000, 7500, 15_000]);
  });

  test('doubles with each poll that fails, up to eight times', () => {
    const pauses = [1, 2, 3, 4, 5].map((count) => pauseBefore(POLL, failed(LATER, count)));
    expect(pauses).toEqual([6000, 12_000, 24_000, 24_000, 24_000]);
    expect(pauseBefore(POLL, slower(LATER, false))).toBe(6000);
  });

  test('is the usual one once the network is back, and recovers step by step after throttling', () => {
    expect(pauseBefore(POLL, afterAnswer(failed(LATER, 2), false))).toBe(3000);
    let busy = failed(LATER, 2, true);
    const pauses = [1, 2, 3].map(() => {
      busy = afterAnswer(busy, false);
      return pauseBefore(POLL, busy);
    });
    expect(pauses).toEqual([6000, 3000, 3000]);
  });
});

test.each([60, 84])('a rollout of %i s takes few calls a minute', (seconds) => {
  const { callsPerMinute } = JSON.parse(readFileSync('scripts/bench-budget.json', 'utf8')).watch;
  let state = NO_POLLS;
  let time = pauseBefore(POLL, state);
  while (time < seconds * 1000) {
    // ECS completes a deployment 8 to 10 s after its tasks run.
    state = afterAnswer(state, time > (seconds - 9) * 1000);
    time += pauseBefore(POLL, state);
  }
  const calls = state.polls + FURTHER_CALLS;
  expect((calls * 60) / seconds).toBeLessThanOrEqual(callsPerMinute);
  expect(calls).toBeGreaterThan(seconds / 4);
});

test('an answer counts the polls in a row that were near the end', () => {
  const near = afterAnswer(afterAnswer(LATER, true), true);
  expect(near).toMatchObject({ polls: 22, near: 2, failed: 0 });
  expect(afterAnswer(near, false).near).toBe(0);
});

test('failures that come and go are told once in a while, and their end once', () => {
  let state = NO_POLLS;
  const told = Array.from({ length: 250 }, () => {
    const { state: next, isNews } = afterFailure(state, false);
    const isEndNews = next.isTold;
    state = afterAnswer(next, false);
    return [isNews, isEndNews];
  });
  expect(told.filter(([isNews]) => isNews)).toHaveLength(5);
  expect(told.filter(([, isEndNews]) => isEndNews)).toHaveLength(5);
  expect(told[0]).toEqual([true, true]);
});

test('the end of failures in a row stays to be told, and the failures are told once', () => {
  const first = afterFailure(NO_POLLS, false);
  const second = afterFailure(first.state, false);
  expect([first.isNews, second.isNews]).toEqual([true, false]);
  expect(second.state).toMatchObject({ failed: 2, polls: 2, isTold: true });
  expect(afterAnswer(second.state, false).isTold).toBe(false);
});

test('failures end the watch after 200 in a row', () => {
  expect(afterFailure(failed(NO_POLLS, 199), false).isLost).toBe(false);
  expect(afterFailure(failed(NO_POLLS, 200), false).isLost).toBe(true);
});
