import { expect, test } from 'vitest';
import { revisionBefore } from '../../src/core/history.ts';

/** Deployments from the oldest to the newest: a revision, with `!` behind it one that failed. */
function past(...entries: readonly string[]) {
  return entries
    .map((entry, index) => ({
      deployment: `ecs-svc/${index}`,
      status: entry.endsWith('!') ? 'ROLLBACK_SUCCESSFUL' : 'SUCCESSFUL',
      reason: '',
      createdAt: new Date(index),
      taskDefinition: entry.replace('!', ''),
    }))
    .toReversed();
}

test.each([
  [['1', '2'], '2', '1'],
  [['1', '2', '3'], '3', '2'],
  [['1', '2', '3!'], '2', '1'],
  // A rollback has left 3: the next one goes further back, and then there is nothing left.
  [['1', '2', '3', '2'], '2', '1'],
  [['1', '2', '3', '2', '1'], '1', undefined],
  [['1', '2', '3', '2', '4'], '4', '2'],
  [['1', '2', '3', '2', '3'], '3', '2'],
  [['1', '1'], '1', undefined],
  // ECS no longer lists the deployment of what runs.
  [['1', '2'], '9', '2'],
  [['1!'], '1', undefined],
  [[], '1', undefined],
])('after %j the revision before %s is %s', (entries, current, before) => {
  expect(revisionBefore(past(...entries), current)).toBe(before);
});
