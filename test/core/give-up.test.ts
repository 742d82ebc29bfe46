import { describe, expect, test } from 'vitest';
import type { Cause, CauseCode } from '../../src/core/diagnosis.ts';
import { chooseCourse, failuresOf, hopelessness } from '../../src/core/give-up.ts';
import type { Plight } from '../../src/core/give-up.ts';

const plight = (more: Partial<Plight> = {}): Plight => ({
  failedTasks: 0,
  causes: [],
  deadlocked: 0,
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

test.each<[string, Plight, boolean]>([
  ['nothing failed', plight(), false],
  ['two failures of three', plight({ failedTasks: 2 }), false],
  ['three failures that ECS counts', plight({ failedTasks: 3 }), true],
  ['three that ECS does not count', plight({ causes: [cause('application-exit', 3)] }), true],
  [
    'one task of the wrong architecture',
    plight({ causes: [cause('wrong-architecture', 1)] }),
    true,
  ],
  ['a missing image that an event tells', plight({ causes: [cause('image-not-found', 0)] }), true],
  ['Spot took five', plight({ failedTasks: 5, causes: [cause('spot-interruption', 5)] }), false],
  ['somebody stopped three', plight({ causes: [cause('stopped-by-user', 3)] }), false],
  ['no capacity', plight({ causes: [cause('no-capacity', 0)] }), false],
  ['deadlocked for a moment', plight({ deadlocked: 4 }), false],
  ['deadlocked for good', plight({ deadlocked: 5 }), true],
])('hopeless: %s', (_, doing, hopeless) => {
  expect(hopelessness(doing, 3) !== undefined).toBe(hopeless);
});

test("failures that are nobody's fault are not counted", () => {
  const causes = [cause('spot-interruption', 2), cause('application-exit', 1)];
  expect(failuresOf({ failedTasks: 3, causes })).toBe(1);
});

describe('what is done then', () => {
  test.each<['watch' | 'exit' | 'rollback', Partial<Plight>, string]>([
    ['exit', {}, 'exit'],
    ['exit', { breakerRollsBack: true }, 'watch'],
    ['exit', { breakerRollsBack: true, deadlocked: 5 }, 'exit'],
    ['exit', { rollingBack: true }, 'watch'],
    ['watch', {}, 'watch'],
    ['rollback', {}, 'rollback'],
    ['rollback', { breakerRollsBack: true }, 'rollback'],
    ['rollback', { rollingBack: true }, 'watch'],
  ])('--on-failure %s, %o: %s', (onFailure, more, course) => {
    expect(chooseCourse(plight(more), { maxFailures: 3, onFailure })).toBe(course);
  });
});
