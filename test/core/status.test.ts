import { describe, expect, test } from 'vitest';
import type { Deployment, RolloutRecord, Service } from '../../src/core/ecs.ts';
import { runningByRevision, servingRevision } from '../../src/core/status.ts';

type Shown = Pick<Deployment, 'taskDefinition' | 'running'> & Partial<Deployment>;

const deployment = (shown: Shown): Deployment => ({
  id: `ecs-svc/${shown.taskDefinition}`,
  status: 'ACTIVE',
  rolloutState: 'COMPLETED',
  reason: '',
  desired: 2,
  pending: 0,
  failed: 0,
  createdAt: new Date(0),
  ...shown,
});
const service = (...deployments: Shown[]) =>
  ({ deployments: deployments.map(deployment), taskDefinition: 'new' }) as unknown as Service;
const record = (traffic: number) => ({ deployment: 'ecs-svc/new', traffic }) as RolloutRecord;

const AT_WORK = { status: 'PRIMARY', rolloutState: 'IN_PROGRESS' } as const;

describe('the revision that serves', () => {
  test.each([
    ['is the only one', service({ taskDefinition: 'new', running: 2 }), 'new'],
    [
      'is the old one while new tasks crash',
      service(
        { ...AT_WORK, taskDefinition: 'new', running: 0 },
        { taskDefinition: 'old', running: 2 },
      ),
      'old',
    ],
    [
      'is the last that succeeded while both run',
      service(
        { ...AT_WORK, taskDefinition: 'new', running: 2 },
        { taskDefinition: 'old', running: 2 },
      ),
      'old',
    ],
    [
      'is the one with most tasks',
      service(
        { ...AT_WORK, taskDefinition: 'new', running: 2 },
        { taskDefinition: 'old', running: 1 },
      ),
      'new',
    ],
    ['is none without tasks', service({ taskDefinition: 'new', running: 0 }), null],
  ])('%s', (_, shown, expected) => {
    expect(servingRevision(shown, undefined)).toBe(expected);
  });

  test('is the one with most traffic where traffic is shifted in stages', () => {
    const both = service(
      { ...AT_WORK, taskDefinition: 'new', running: 2 },
      { taskDefinition: 'old', running: 2 },
    );
    expect([0, 10, 90, 100].map((traffic) => servingRevision(both, record(traffic)))).toEqual([
      'old',
      'old',
      'new',
      'new',
    ]);
  });
});

test('running tasks are counted by revision, not by deployment', () => {
  const forced = service(
    { ...AT_WORK, taskDefinition: 'new', running: 1 },
    { taskDefinition: 'new', running: 2 },
    { taskDefinition: 'old', running: 1 },
  );
  expect(Object.entries(runningByRevision(forced))).toEqual([
    ['new', 3],
    ['old', 1],
  ]);
});
