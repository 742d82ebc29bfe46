import type { Deployment, Service, ServiceDeployment } from '@aws-sdk/client-ecs';
import { describe, expect, test } from 'vitest';
import { judge, MISSING, NO_MEMORY, STALE_POLLS } from '../../src/core/verdict.ts';
import type { OurDeployment, Verdict } from '../../src/core/verdict.ts';

const T0 = new Date('2026-01-01T00:00:00Z');
const T1 = new Date('2026-01-01T01:00:00Z');
const T2 = new Date('2026-01-01T02:00:00Z');

const ours: OurDeployment = {
  id: 'ecs-svc/2',
  taskDefinition: 'app:2',
  createdAt: T1,
  previous: 'ecs-svc/1',
};

const deployment = (number: number, more: Partial<Deployment> = {}): Deployment => ({
  id: `ecs-svc/${number}`,
  taskDefinition: `app:${number}`,
  createdAt: [T0, T0, T1, T2][number],
  status: 'ACTIVE',
  ...more,
});

const own = (more: Partial<Deployment> = {}) =>
  deployment(2, { status: 'PRIMARY', rolloutState: 'IN_PROGRESS', ...more });
const old = (more: Partial<Deployment> = {}) =>
  deployment(1, { rolloutState: 'COMPLETED', ...more });

const service = (deployments: readonly Deployment[], more: Partial<Service> = {}): Service => ({
  status: 'ACTIVE',
  desiredCount: 2,
  taskDefinition: deployments.find(({ status }) => status === 'PRIMARY')?.taskDefinition,
  deployments: [...deployments],
  ...more,
});

const record = (status: string, statusReason?: string): ServiceDeployment =>
  ({ status, statusReason }) as ServiceDeployment;

/** The verdict after the same sight was seen that many times. */
function verdictAfter(polls: number, seen: Service, of?: ServiceDeployment): Verdict {
  let memory = NO_MEMORY;
  let verdict: Verdict = { kind: 'waiting', phase: 'stale' };
  for (let poll = 0; poll < polls; poll += 1) {
    [verdict, memory] = judge(ours, { service: seen, record: of }, memory);
    if (verdict.kind !== 'waiting') break;
  }
  return verdict;
}

describe('the record of the service deployment decides', () => {
  test.each<[string, Service, ServiceDeployment, string]>([
    ['SUCCESSFUL', service([own(), old()]), record('SUCCESSFUL'), 'succeeded'],
    ['IN_PROGRESS', service([own(), old()]), record('IN_PROGRESS'), 'waiting'],
    ['a status of the future', service([own(), old()]), record('HESITATING'), 'waiting'],
    [
      'STOPPED, nobody else',
      service([own({ rolloutState: 'FAILED' }), old()]),
      record('STOPPED'),
      'failed',
    ],
    [
      'STOPPED, another came',
      service([deployment(3, { status: 'PRIMARY' }), own({ status: 'ACTIVE' })]),
      record('STOPPED'),
      'superseded',
    ],
    [
      'ROLLBACK_IN_PROGRESS',
      service([old({ status: 'PRIMARY' })]),
      record('ROLLBACK_IN_PROGRESS'),
      'waiting',
    ],
    [
      'ROLLBACK_SUCCESSFUL',
      service([old({ status: 'PRIMARY' })]),
      record('ROLLBACK_SUCCESSFUL'),
      'rolled-back',
    ],
    ['ROLLBACK_FAILED', service([old({ status: 'PRIMARY' })]), record('ROLLBACK_FAILED'), 'failed'],
  ])('%s', (_, seen, of, kind) => {
    expect(verdictAfter(1, seen, of).kind).toBe(kind);
  });
});

describe('without the record the list of deployments decides', () => {
  test.each<[string, Service, number, string]>([
    ['PRIMARY and COMPLETED', service([own({ rolloutState: 'COMPLETED' })]), 1, 'succeeded'],
    [
      'PRIMARY and COMPLETED, desired 0',
      service([own({ rolloutState: 'COMPLETED' })], { desiredCount: 0 }),
      1,
      'succeeded',
    ],
    [
      'PRIMARY and COMPLETED, but the service names another revision',
      service([own({ rolloutState: 'COMPLETED' })], { taskDefinition: 'app:1' }),
      50,
      'waiting',
    ],
    ['PRIMARY and in progress', service([own(), old()]), 50, 'waiting'],
    ['PRIMARY and FAILED', service([own({ rolloutState: 'FAILED' }), old()]), 1, 'failed'],
    [
      'no longer PRIMARY and FAILED, the rollback going on',
      service([
        old({ status: 'PRIMARY', rolloutState: 'IN_PROGRESS', createdAt: T2 }),
        own({ status: 'ACTIVE', rolloutState: 'FAILED' }),
      ]),
      50,
      'waiting',
    ],
    [
      'no longer PRIMARY and FAILED, the rollback done',
      service([
        old({ status: 'PRIMARY', createdAt: T2 }),
        own({ status: 'DRAINING', rolloutState: 'FAILED' }),
      ]),
      1,
      'rolled-back',
    ],
    [
      'gone, with the event of the failure',
      service([old({ status: 'PRIMARY', createdAt: T2 })], {
        events: [
          {
            message: '(service s) (deployment ecs-svc/2) deployment failed: tasks failed to start.',
          },
        ],
      }),
      1,
      'rolled-back',
    ],
    [
      'another is PRIMARY',
      service([deployment(3, { status: 'PRIMARY' }), own({ status: 'ACTIVE' })]),
      10,
      'superseded',
    ],
    [
      'another is PRIMARY with our own revision',
      service([
        deployment(3, { status: 'PRIMARY', taskDefinition: 'app:2', rolloutState: 'COMPLETED' }),
      ]),
      10,
      'superseded',
    ],
    ['the service is deleted', service([own()], { status: 'DRAINING' }), 1, 'failed'],
    ['the service is missed once', service([own()], { status: MISSING }), 1, 'waiting'],
    ['the service is gone', service([own()], { status: MISSING }), 10, 'failed'],
    [
      'the deployment before ours is back without a word',
      service([old({ status: 'PRIMARY' })]),
      STALE_POLLS,
      'rolled-back',
    ],
  ])('%s', (_, seen, polls, kind) => {
    expect(verdictAfter(polls, seen).kind).toBe(kind);
  });
});

describe('traffic that is shifted in stages', () => {
  const staged = { deploymentConfiguration: { strategy: 'BLUE_GREEN' } } as const;
  const complete = service([own({ rolloutState: 'COMPLETED' })], staged);

  test('tasks that are all there are no success while the record says that more is to come', () => {
    expect(verdictAfter(50, complete, record('IN_PROGRESS')).kind).toBe('waiting');
    expect(verdictAfter(1, complete, record('SUCCESSFUL')).kind).toBe('succeeded');
  });

  test('where the record cannot be read the list of deployments decides in the end', () => {
    expect(verdictAfter(2, complete).kind).toBe('waiting');
    expect(verdictAfter(9, complete).kind).toBe('succeeded');
  });

  test('a pause hook that awaits somebody is told from work, and ends with its deployment', () => {
    const paused = (status: 'AWAITING_ACTION' | 'SUCCEEDED', of = 'IN_PROGRESS') => ({
      ...record(of),
      lifecycleHookDetails: [{ hookId: 'ecs-pause-1', targetType: 'PAUSE' as const, status }],
    });
    const seen = service([own(), old()], staged);
    const phase = (of: ServiceDeployment) => verdictAfter(1, seen, of);
    expect(phase(paused('AWAITING_ACTION'))).toEqual({ kind: 'waiting', phase: 'paused' });
    expect(phase(paused('SUCCEEDED'))).toEqual({ kind: 'waiting', phase: 'in-progress' });
    expect(phase(paused('AWAITING_ACTION', 'ROLLBACK_IN_PROGRESS'))).toEqual({
      kind: 'waiting',
      phase: 'rolling-back',
    });
  });
});

test('a stop under way is no success, whatever the deployment looks like', () => {
  const complete = service([own({ rolloutState: 'COMPLETED' })]);
  expect(verdictAfter(50, complete, record('STOP_REQUESTED')).kind).toBe('waiting');
});

test('after a rollback a late read of our deployment is not taken for what it went back to', () => {
  const seen = judge(
    ours,
    { service: service([own()]), record: record('ROLLBACK_SUCCESSFUL') },
    NO_MEMORY,
  );
  expect(seen[0].kind).toBe('waiting');
});

test('a stale read shows the old deployment at rest: that is no success', () => {
  const stale = service([old({ status: 'PRIMARY' })]);
  expect(verdictAfter(STALE_POLLS - 1, stale)).toEqual({ kind: 'waiting', phase: 'stale' });
  expect(verdictAfter(1, stale, record('SUCCESSFUL')).kind).toBe('waiting');
});

test('behind a Classic Load Balancer counts decide, twice the same', () => {
  const settled = service([own({ rolloutState: undefined, runningCount: 2 })]);
  expect(verdictAfter(1, settled).kind).toBe('waiting');
  expect(verdictAfter(2, settled).kind).toBe('succeeded');
  const moving = service([own({ rolloutState: undefined, runningCount: 2 }), old()]);
  expect(verdictAfter(9, moving).kind).toBe('waiting');
});
