import { expect, test } from 'vitest';
import { nextProvider } from '../../src/sandbox/ecs/capacity.ts';

const item = (capacityProvider: string, weight: number, base = 0) => ({
  capacityProvider,
  weight,
  base,
});

// What the API reference says of base and weight, task by task.
test.each([
  ['one provider, also without a weight', [{ capacityProvider: 'a' }], 'aaa'],
  ['equal weights', [item('a', 1), item('b', 1)], 'abab'],
  ['four on b for each on a', [item('a', 1), item('b', 4)], 'abbbbabbbb'],
  ['a base before the weights', [item('a', 1), item('b', 1, 2)], 'bbabab'],
  ['a base without a weight', [item('a', 0, 2), item('b', 1)], 'aabbb'],
  ['a weight of 0 places no task', [item('a', 0), item('b', 1)], 'bbb'],
])('%s', (_, strategy, expected) => {
  const placed: (string | undefined)[] = [];
  while (placed.length < expected.length) placed.push(nextProvider(strategy, () => placed));
  expect(placed.join('')).toBe(expected);
});

test('without a strategy there is no provider', () => {
  expect(nextProvider()).toBeUndefined();
});
