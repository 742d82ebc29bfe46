import { describe, expect, test } from 'vitest';
import { awsFault } from '../../src/sandbox/wire.ts';
import { noteSuccess, noteTrouble, openSight, pauseBefore } from '../../src/rollout/poll.ts';

const POLL = 3000;
const throttled = awsFault('ThrottlingException', 'Rate exceeded');
const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' });

describe('the pause before a look', () => {
  const sight = (polls: number, near = 0) => Object.assign(openSight(), { polls, near });

  test('is shorter at the start, and when a verdict is near, but not for ever', () => {
    expect(pauseBefore(POLL, sight(0))).toBe(1000);
    expect(pauseBefore(POLL, sight(20))).toBe(3000);
    expect(pauseBefore(POLL, sight(20, 1))).toBe(1000);
    expect(pauseBefore(POLL, sight(20, 11))).toBe(3000);
  });

  test('doubles with each look that fails, and has an end', () => {
    const troubled = sight(20);
    const pauses = Array.from({ length: 5 }, () => {
      noteTrouble(troubled, reset);
      return pauseBefore(POLL, troubled);
    });
    expect(pauses).toEqual([6000, 12_000, 24_000, 24_000, 24_000]);
    expect(pauseBefore(60_000, troubled)).toBe(60_000);
  });

  test('is the old one once the network is back, and finds back in steps after throttling', () => {
    const cut = sight(20);
    for (const error of [reset, reset]) noteTrouble(cut, error);
    noteSuccess(cut);
    expect(pauseBefore(POLL, cut)).toBe(3000);
    const busy = sight(20);
    for (const error of [throttled, throttled]) noteTrouble(busy, error);
    noteSuccess(busy);
    expect(pauseBefore(POLL, busy)).toBe(6000);
    noteSuccess(busy);
    expect(pauseBefore(POLL, busy)).toBe(3000);
  });
});

test('trouble that comes and goes is told once in a while', () => {
  const sight = openSight();
  const told = Array.from({ length: 250 }, (_, poll) => {
    sight.polls = poll + 1;
    const isNews = noteTrouble(sight, reset);
    noteSuccess(sight);
    return isNews;
  });
  expect(told.filter(Boolean)).toHaveLength(3);
});
