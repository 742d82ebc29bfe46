import fc from 'fast-check';
import { expect, test } from 'vitest';
import { criticalPath } from '../../src/core/critical-path.ts';

const call = (action: string, start: number, end: number) => ({ action, start, end });

test('before each call comes the one that ended last before it began', () => {
  const path = criticalPath([
    call('ecr:DescribeRepositories', 100, 180),
    call('ecs:DescribeServices', 100, 150),
    call('ecr:BatchGetImage', 155, 190),
    call('ecs:DescribeTaskDefinition', 160, 200),
    call('ecs:RegisterTaskDefinition', 205, 260),
    call('ecs:UpdateService', 262, 300),
    call('ecs:DescribeServices', 320, 350),
  ]);
  expect(path?.calls.map(({ action }) => action)).toEqual([
    'ecs:DescribeServices',
    'ecs:DescribeTaskDefinition',
    'ecs:RegisterTaskDefinition',
    'ecs:UpdateService',
  ]);
  expect(path).toMatchObject({ total: 300, local: 300 - 50 - 40 - 55 - 38 });
});

test('without UpdateService, the path leads to the last call; without a call there is none', () => {
  expect(criticalPath([call('a:B', 1, 2), call('c:D', 3, 9)])?.calls).toHaveLength(2);
  expect(criticalPath([])).toBeUndefined();
});

test('the calls of a path never overlap, and local time is never negative', () => {
  const calls = fc.array(
    fc
      .tuple(fc.nat(1000), fc.nat(500))
      .map(([start, length]) => call('ecs:DescribeServices', start, start + length)),
  );
  fc.assert(
    fc.property(calls, (all) => {
      const path = criticalPath(all);
      path?.calls.reduce((before, next) => {
        expect(before.end).toBeLessThanOrEqual(next.start);
        return next;
      });
      expect(path?.local ?? 0).toBeGreaterThanOrEqual(0);
    }),
  );
});
