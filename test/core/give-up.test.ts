import { describe, expect, test } from 'vitest';
import type { Cause, CauseCode } from '../../src/core/diagnosis.ts';
import { failuresOf, giveUp } from '../../src/core/give-up.ts';
import type { GiveUp, RolloutHealth } from '../../src/core/give-up.ts';
import { DEADLOCK_POLLS, STALLED_POLLS } from '../../src/core/pacing.ts';

const health = (more: Partial<RolloutHealth> = {}): RolloutHealth => ({
  failedTasks: 0,
  causes: [],
  deadlocked: 0,
  stalled: 0,
  rollingBack: false,
  breakerRollsBack: false,
  ...more,
});

const cause = (code: CauseCode, tasks: number): Cause => ({
  code,
  summary: code,
  hint: '',
  evidence: [],
  tasks,
});

const FINAL = 'every new task would fail the same way';
const DEADLOCK = 'ECS can neither start nor stop a task';

test.each<[string, RolloutHealth, string | undefined]>([
  ['nothing failed', health(), undefined],
  ['two failures of three', health({ failedTasks: 2 }), undefined],
  [
    'three failures that ECS counts',
    health({ failedTasks: 3 }),
    '3 tasks failed, the limit of --max-failures',
  ],
  [
    'four that ECS does not count',
    health({ failedTasks: 1, causes: [cause('application-exit', 4)] }),
    '4 tasks failed, the limit of --max-failures',
  ],
  [
    'one task of the wrong architecture',
    health({ causes: [cause('wrong-architecture', 1)] }),
    FINAL,
  ],
  [
    'a missing image that an event names, besides others',
    health({ causes: [cause('no-capacity', 0), cause('image-not-found', 0)] }),
    FINAL,
  ],
  [
    'Spot took five',
    health({ failedTasks: 5, causes: [cause('spot-interruption', 5)] }),
    undefined,
  ],
  ['somebody stopped three', health({ causes: [cause('stopped-by-user', 3)] }), undefined],
  ['no capacity', health({ causes: [cause('no-capacity', 0)] }), undefined],
  ['deadlocked for a moment', health({ deadlocked: DEADLOCK_POLLS - 1 }), undefined],
  ['deadlocked for good', health({ deadlocked: DEADLOCK_POLLS }), DEADLOCK],
  ['stalled without a final cause', health({ stalled: STALLED_POLLS }), undefined],
])('giving up: %s', (_, doing, reason) => {
  expect(giveUp(doing, { maxFailures: 3, onFailure: 'exit' })).toEqual(
    reason === undefined ? undefined : { reason, by: 'exit' },
  );
});

test('failures that a user or Spot caused are not counted', () => {
  const causes = [cause('spot-interruption', 2), cause('application-exit', 1)];
  expect(failuresOf({ failedTasks: 3, causes })).toBe(1);
  expect(failuresOf({ failedTasks: 3, causes: [cause('application-exit', 1)] })).toBe(3);
});

describe('what is done then', () => {
  const stalled = 'ECS starts no more tasks, and its circuit breaker has not rolled back';
  test.each<['watch' | 'exit' | 'rollback', Partial<RolloutHealth>, GiveUp | undefined]>([
    ['exit', {}, { reason: FINAL, by: 'exit' }],
    ['exit', { breakerRollsBack: true }, undefined],
    ['exit', { breakerRollsBack: true, deadlocked: DEADLOCK_POLLS - 1 }, undefined],
    [
      'exit',
      { breakerRollsBack: true, deadlocked: DEADLOCK_POLLS, causes: [] },
      { reason: DEADLOCK, by: 'exit' },
    ],
    ['exit', { breakerRollsBack: true, stalled: STALLED_POLLS - 1 }, undefined],
    ['exit', { breakerRollsBack: true, stalled: STALLED_POLLS }, { reason: stalled, by: 'exit' }],
    [
      'exit',
      {
        breakerRollsBack: true,
        stalled: STALLED_POLLS,
        causes: [cause('application-exit', 3), cause('image-not-found', 1)],
      },
      { reason: stalled, by: 'exit' },
    ],
    [
      'exit',
      {
        breakerRollsBack: true,
        stalled: STALLED_POLLS,
        causes: [cause('application-exit', 3)],
      },
      undefined,
    ],
    ['exit', { rollingBack: true }, undefined],
    ['watch', {}, undefined],
    ['rollback', {}, { reason: FINAL, by: 'rollback' }],
    ['rollback', { breakerRollsBack: true }, { reason: FINAL, by: 'rollback' }],
    ['rollback', { rollingBack: true }, undefined],
  ])('--on-failure %s, %o', (onFailure, more, expected) => {
    const doing = health({ causes: [cause('image-not-found', 1)], ...more });
    expect(giveUp(doing, { maxFailures: 3, onFailure })).toEqual(expected);
  });
});
