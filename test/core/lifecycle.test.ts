import { expect, test } from 'vitest';
import { expiryOf } from '../../src/core/lifecycle.ts';
import type { ListedImage } from '../../src/core/lifecycle.ts';

const NOW = new Date('2026-11-30T00:00:00Z');
const daysAgo = (days: number) => new Date(NOW.getTime() - days * 86_400_000);

const imageOf = (digest: string, days: number, ...tags: readonly string[]): ListedImage => ({
  digest,
  tags,
  pushedAt: daysAgo(days),
  pulledAt: undefined,
  isIndex: false,
});

/** `c` is the newest; `u` lost its tag. */
const IMAGES = [
  imageOf('a', 40, 'v1', 'prod-1'),
  imageOf('b', 20, 'v2'),
  imageOf('c', 1, 'v3'),
  imageOf('u', 10),
];

interface RuleOf {
  readonly priority?: number;
  readonly selection: object;
  readonly type?: string;
}

const policyOf = (...rules: readonly RuleOf[]) =>
  JSON.stringify({
    rules: rules.map(({ priority = 1, selection, type = 'expire' }) => ({
      rulePriority: priority,
      selection,
      action: { type },
    })),
  });
const count = (countNumber: number, more: object = { tagStatus: 'any' }): RuleOf => ({
  selection: { countType: 'imageCountMoreThan', countNumber, ...more },
});
const age = (countNumber: number, more: object = { tagStatus: 'any' }): RuleOf => ({
  selection: { countType: 'sinceImagePushed', countUnit: 'days', countNumber, ...more },
});
const tagged = (more: object) => ({ tagStatus: 'tagged', ...more });
const untagged = { tagStatus: 'untagged' };

test.each([
  ['no rule', policyOf(), 'a', undefined],
  ['one of too many', policyOf(count(3)), 'a', 'due'],
  ['the next one', policyOf(count(4)), 'a', 'next-push'],
  ['enough are kept', policyOf(count(5)), 'a', undefined],
  [
    'counted among the tags of the rule',
    policyOf(count(1, tagged({ tagPrefixList: ['prod-'] }))),
    'a',
    'next-push',
  ],
  [
    'every prefix must match',
    policyOf(count(1, tagged({ tagPrefixList: ['prod-', 'x'] }))),
    'a',
    undefined,
  ],
  ['a pattern', policyOf(count(1, tagged({ tagPatternList: ['v*'] }))), 'a', 'due'],
  ['a pattern is whole', policyOf(count(1, tagged({ tagPatternList: ['v'] }))), 'a', undefined],
  ['too old', policyOf(age(30)), 'a', 'due'],
  ['soon', policyOf(age(30)), 'b', daysAgo(-10)],
  ['much later', policyOf(age(60)), 'b', undefined],
  ['untagged', policyOf(age(1, untagged)), 'u', 'due'],
  ['tagged, of a rule for untagged ones', policyOf(age(1, untagged)), 'a', undefined],
  [
    'an unknown count',
    policyOf({ selection: { tagStatus: 'any', countType: 'new', countNumber: 1 } }),
    'a',
    undefined,
  ],
  [
    'an archived one only',
    policyOf(age(1, { tagStatus: 'any', storageClass: 'archive' })),
    'a',
    undefined,
  ],
  ['not in the repository', policyOf(age(1)), 'x', undefined],
] as const)('%s', (_, policy, digest, when) => {
  expect(expiryOf(policy, IMAGES, digest, NOW)?.when).toEqual(when);
});

test('the rule of the highest priority that selects an image decides alone', () => {
  const keep = { ...count(100, tagged({ tagPrefixList: ['prod-'] })), priority: 1 };
  const drop = { ...age(1), priority: 2 };
  for (const policy of [policyOf(keep, drop), policyOf(drop, keep)]) {
    expect(expiryOf(policy, IMAGES, 'a', NOW)).toBeUndefined();
    expect(expiryOf(policy, IMAGES, 'b', NOW)).toMatchObject({ rule: 2, action: 'expire' });
  }
});

test('parts of an index have no tags and stay with it', () => {
  const index = { ...imageOf('i', 10, 'v4'), isIndex: true };
  const policy = policyOf(age(1, untagged));
  expect(expiryOf(policy, [...IMAGES, index], 'u', NOW)).toBeUndefined();
});

test('an image that is pulled is as old as its last pull', () => {
  const selection = { tagStatus: 'any', countType: 'sinceImagePulled', countNumber: 30 };
  const policy = policyOf({ selection, type: 'transition' });
  const pulled = { ...imageOf('p', 90, 'v0'), pulledAt: daysAgo(2) };
  expect(expiryOf(policy, [pulled], 'p', NOW)).toBeUndefined();
  expect(expiryOf(policy, IMAGES, 'a', NOW)).toEqual({
    rule: 1,
    action: 'transition',
    when: 'due',
  });
});
