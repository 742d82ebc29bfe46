import { describe, expect, test } from 'vitest';
import { MISSING } from '../../src/core/ecs.ts';
import type { RolloutRecord, Service } from '../../src/core/ecs.ts';
import { DOUBTFUL_POLLS, STALE_POLLS } from '../../src/core/pacing.ts';
import { judge, NO_MEMORY } from '../../src/core/verdict.ts';
import type { OurDeployment, Verdict } from '../../src/core/verdict.ts';
import {
  deployment,
  old,
  own,
  pauseHook,
  record,
  service,
  settings,
  timeOf,
} from '../support/ecs-types.ts';

const T0 = timeOf(1);
const T2 = timeOf(3);

const ours: OurDeployment = {
  id: 'ecs-svc/2',
  taskDefinition: 'app:2',
  createdAt: timeOf(2),
  previous: 'ecs-svc/1',
};

/** The verdict after the same poll was seen that many times, and the poll that brought it. */
function watched(polls: number, seen: Service, of?: RolloutRecord): [Verdict, number] {
  let memory = NO_MEMORY;
  let verdict: Verdict = { kind: 'waiting', phase: 'stale' };
  for (let poll = 1; poll <= polls; poll += 1) {
    [verdict, memory] = judge(ours, { service: seen, record: of }, memory);
    if (verdict.kind !== 'waiting') return [verdict, poll];
  }
  return [verdict, polls];
}

const verdictAfter = (polls: number, seen: Service, of?: RolloutRecord): Verdict =>
  watched(polls, seen, of)[0];

describe('the record of the service deployment decides', () => {
  test.each<[string, Service, RolloutRecord, string]>([
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
      service([own({ rolloutState: 'COMPLETED' })], { desired: 0 }),
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
            id: 'e',
            createdAt: undefined,
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
  const staged = { settings: settings({ strategy: 'BLUE_GREEN' }) };
  const complete = service([own({ rolloutState: 'COMPLETED' })], staged);

  test('tasks that are all there are no success while the record says that more is to come', () => {
    expect(verdictAfter(50, complete, record('IN_PROGRESS')).kind).toBe('waiting');
    expect(verdictAfter(1, complete, record('SUCCESSFUL')).kind).toBe('succeeded');
  });

  test('where the record cannot be read the list of deployments decides in the end', () => {
    expect(verdictAfter(2, complete).kind).toBe('waiting');
    expect(verdictAfter(9, complete).kind).toBe('succeeded');
  });

  test('a pause hook that waits for approval is no work, and ends with its deployment', () => {
    const hooks = [pauseHook('ecs-pause-1')];
    const seen = service([own(), old()], staged);
    const phase = (of: RolloutRecord) => verdictAfter(1, seen, of);
    expect(phase(record('IN_PROGRESS', { hooks }))).toEqual({ kind: 'waiting', phase: 'paused' });
    expect(phase(record('IN_PROGRESS'))).toEqual({ kind: 'waiting', phase: 'in-progress' });
    expect(phase(record('ROLLBACK_IN_PROGRESS', { hooks }))).toEqual({
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
  const settled = service([own({ rolloutState: undefined, running: 2 })]);
  expect(verdictAfter(1, settled).kind).toBe('waiting');
  expect(verdictAfter(2, settled).kind).toBe('succeeded');
  const moving = service([own({ rolloutState: undefined, running: 2 }), old()]);
  expect(verdictAfter(9, moving).kind).toBe('waiting');
});

test('behind a Classic Load Balancer too few tasks are no success', () => {
  const short = service([own({ rolloutState: undefined, running: 1 })]);
  expect(verdictAfter(50, short)).toEqual({ kind: 'waiting', phase: 'in-progress' });
});

describe('FAILED of the PRIMARY deployment', () => {
  const failed = (breakerRollsBack: boolean) =>
    service([own({ rolloutState: 'FAILED', reason: 'tasks failed to start' }), old()], {
      settings: settings({ breakerRollsBack }),
    });

  test.each<[string, boolean, RolloutRecord | undefined, number, string]>([
    ['a rollback is awaited', true, undefined, DOUBTFUL_POLLS, 'rolling-back'],
    ['the record is awaited', false, record('IN_PROGRESS'), DOUBTFUL_POLLS, 'in-progress'],
    [
      'a rollback of the record is awaited',
      true,
      record('IN_PROGRESS'),
      DOUBTFUL_POLLS,
      'rolling-back',
    ],
    ['nothing is awaited', false, undefined, 1, 'stale'],
  ])('%s, but not for ever', (_, rollsBack, of, polls, phase) => {
    expect(verdictAfter(polls - 1, failed(rollsBack), of)).toEqual({ kind: 'waiting', phase });
    expect(watched(50, failed(rollsBack), of)).toEqual([
      { kind: 'failed', reason: 'tasks failed to start' },
      polls,
    ]);
  });

  test('a reason that ECS leaves out is replaced', () => {
    expect(verdictAfter(1, service([own({ rolloutState: 'FAILED' })]))).toEqual({
      kind: 'failed',
      reason: 'the deployment failed',
    });
  });
});

describe('another PRIMARY deployment', () => {
  const other = (more = {}) =>
    service([deployment(3, { status: 'PRIMARY', ...more }), own({ status: 'ACTIVE' })]);

  test('that is newer supersedes ours within a few polls', () => {
    expect(watched(50, other())).toEqual([
      { kind: 'superseded', by: 'ecs-svc/3', taskDefinition: 'app:3' },
      DOUBTFUL_POLLS,
    ]);
  });

  test('that was created with ours is newer', () => {
    expect(watched(50, other({ createdAt: timeOf(2) }))[1]).toBe(DOUBTFUL_POLLS);
  });

  test('that is older is a late read at first', () => {
    expect(watched(50, other({ createdAt: T0 }))).toEqual([
      { kind: 'superseded', by: 'ecs-svc/3', taskDefinition: 'app:3' },
      STALE_POLLS,
    ]);
  });

  test('that ran before ours is no newer one, whatever its time', () => {
    const back = service([old({ status: 'PRIMARY', createdAt: T2 }), own({ status: 'ACTIVE' })]);
    expect(watched(50, back)).toEqual([
      { kind: 'rolled-back', reason: 'the previous deployment is active again', to: 'app:1' },
      STALE_POLLS,
    ]);
    expect(verdictAfter(1, back, record('STOPPED'))).toEqual({ kind: 'waiting', phase: 'stale' });
  });

  test('is not taken for ours because ours is listed', () => {
    const seen = service([
      deployment(3, { status: 'PRIMARY', rolloutState: 'COMPLETED', taskDefinition: 'app:2' }),
      own({ status: 'ACTIVE', rolloutState: 'COMPLETED' }),
    ]);
    expect(verdictAfter(1, seen, record('SUCCESSFUL')).kind).toBe('waiting');
    expect(verdictAfter(DOUBTFUL_POLLS, seen).kind).toBe('superseded');
  });

  test('a list without a PRIMARY deployment is a late read, and never ends', () => {
    const seen = service([own({ status: 'ACTIVE' }), old()], { taskDefinition: 'app:2' });
    expect(verdictAfter(100, seen)).toEqual({ kind: 'waiting', phase: 'stale' });
    expect(verdictAfter(1, seen, record('SUCCESSFUL')).kind).toBe('waiting');
  });
});

describe('a list without a PRIMARY deployment', () => {
  const empty = service([], { taskDefinition: 'app:1' });
  test.each<[string, Service, RolloutRecord | undefined, Verdict]>([
    [
      'after a rollback',
      empty,
      record('ROLLBACK_SUCCESSFUL'),
      { kind: 'rolled-back', reason: '', to: 'app:1' },
    ],
    ['after a stop', empty, record('STOPPED'), { kind: 'waiting', phase: 'stale' }],
    [
      'during a rollback',
      service([own({ status: 'ACTIVE', rolloutState: 'FAILED' })]),
      undefined,
      { kind: 'waiting', phase: 'rolling-back' },
    ],
  ])('%s', (_, seen, of, verdict) => {
    expect(verdictAfter(1, seen, of)).toEqual(verdict);
  });
});

describe('late reads end', () => {
  test.each<[string, Service, RolloutRecord | undefined, number, string]>([
    [
      'a missed service',
      service([own()], { status: MISSING }),
      undefined,
      DOUBTFUL_POLLS,
      'failed',
    ],
    [
      'our deployment after its rollback',
      service([own()]),
      record('ROLLBACK_SUCCESSFUL'),
      DOUBTFUL_POLLS,
      'rolled-back',
    ],
    [
      'our deployment at work after its stop',
      service([own()]),
      record('STOPPED'),
      STALE_POLLS,
      'failed',
    ],
    [
      'a record that never ends after a rollback',
      service([old({ status: 'PRIMARY' }), own({ status: 'ACTIVE', rolloutState: 'FAILED' })]),
      record('IN_PROGRESS'),
      STALE_POLLS,
      'rolled-back',
    ],
    [
      'a service on another revision',
      service([old({ status: 'PRIMARY' })]),
      record('SUCCESSFUL'),
      STALE_POLLS,
      'rolled-back',
    ],
    [
      'traffic in stages without a record',
      service([own({ rolloutState: 'COMPLETED' })], { settings: settings({ strategy: 'CANARY' }) }),
      undefined,
      DOUBTFUL_POLLS,
      'succeeded',
    ],
    [
      'counts behind a Classic Load Balancer',
      service([own({ rolloutState: undefined, running: 2 })]),
      undefined,
      2,
      'succeeded',
    ],
  ])('%s', (_, seen, of, polls, kind) => {
    const [verdict, poll] = watched(100, seen, of);
    expect([verdict.kind, poll]).toEqual([kind, polls]);
  });

  test('polls that contradict themselves do not add up', () => {
    const stale = service([old({ status: 'PRIMARY' })]);
    const fresh = service([own(), old()]);
    let memory = { doubtful: STALE_POLLS - 1 };
    [, memory] = judge(ours, { service: fresh, record: undefined }, memory);
    expect(judge(ours, { service: stale, record: undefined }, memory)).toEqual([
      { kind: 'waiting', phase: 'stale' },
      { doubtful: 1 },
    ]);
  });

  test('a short count behind a Classic Load Balancer starts again', () => {
    const short = service([own({ rolloutState: undefined, running: 1 })]);
    expect(judge(ours, { service: short, record: undefined }, { doubtful: 1 })[1]).toEqual(
      NO_MEMORY,
    );
  });
});

describe('signs of a rollback without a record', () => {
  const back = (more: Partial<Service>, reason = '', mine = own({ status: 'ACTIVE' })) =>
    service(
      [
        deployment(9, {
          status: 'PRIMARY',
          rolloutState: 'COMPLETED',
          createdAt: T2,
          taskDefinition: 'app:1',
          reason,
        }),
        mine,
      ],
      more,
    );
  const event = (message: string) => ({ id: 'e', createdAt: undefined, message });
  const failure = '(service api) (deployment ecs-svc/2) deployment failed: alarm detected.';

  test.each<[string, Service, string]>([
    [
      'our deployment is FAILED',
      back({}, '', own({ status: 'ACTIVE', rolloutState: 'FAILED', reason: 'r' })),
      'r',
    ],
    [
      'without a reason',
      back({}, '', own({ status: 'ACTIVE', rolloutState: 'FAILED' })),
      'the deployment failed',
    ],
    [
      'an event',
      back({ events: [event('(service api) has started 1 tasks'), event(failure)] }),
      failure,
    ],
    [
      'the reason of the PRIMARY',
      back({}, 'circuit breaker: rolling back to deploymentId ecs-svc/9.'),
      'circuit breaker: rolling back to deploymentId ecs-svc/9.',
    ],
  ])('%s', (_, seen, reason) => {
    expect(watched(1, seen)).toEqual([{ kind: 'rolled-back', reason, to: 'app:1' }, 1]);
  });

  test('an event of another deployment is none', () => {
    const events = [event(failure.replace('svc/2', 'svc/1'))];
    expect(verdictAfter(DOUBTFUL_POLLS, back({ events })).kind).toBe('superseded');
  });

  test('the reason of our own deployment is none', () => {
    const seen = service([own({ reason: 'rolling back to deploymentId ecs-svc/2.' })]);
    expect(verdictAfter(50, seen)).toEqual({ kind: 'waiting', phase: 'in-progress' });
  });

  test('a list with nothing at all is none', () => {
    expect(verdictAfter(50, service([], { taskDefinition: 'app:2' }))).toEqual({
      kind: 'waiting',
      phase: 'stale',
    });
  });
});

describe('reasons', () => {
  test.each<[string, Service, RolloutRecord | undefined, Verdict]>([
    [
      'the record names the alarms',
      service([old({ status: 'PRIMARY' })]),
      record('ROLLBACK_SUCCESSFUL', { reason: 'an alarm was detected.', alarms: ['a', 'b'] }),
      { kind: 'rolled-back', reason: 'an alarm was detected. (a, b)', to: 'app:1' },
    ],
    [
      'the deployment, where the record has none',
      service([old({ status: 'PRIMARY' }), own({ status: 'ACTIVE', reason: 'tasks failed' })]),
      record('ROLLBACK_FAILED'),
      { kind: 'failed', reason: 'tasks failed' },
    ],
    [
      'a failed rollback without a reason',
      service([old({ status: 'PRIMARY' })]),
      record('ROLLBACK_FAILED'),
      { kind: 'failed', reason: 'the rollback failed' },
    ],
    [
      'a failed rollback',
      service([old({ status: 'PRIMARY' })]),
      record('ROLLBACK_FAILED', { reason: 'r' }),
      { kind: 'failed', reason: 'r' },
    ],
    [
      'a stop without a reason',
      service([own({ rolloutState: 'FAILED' })]),
      record('STOPPED'),
      { kind: 'failed', reason: 'the deployment was stopped' },
    ],
    [
      'a stop',
      service([own({ rolloutState: 'FAILED', reason: 'r' })]),
      record('STOPPED'),
      { kind: 'failed', reason: 'r' },
    ],
    [
      'a deleted service',
      service([own()], { status: 'DRAINING' }),
      undefined,
      { kind: 'failed', reason: 'the service is DRAINING' },
    ],
  ])('%s', (_, seen, of, verdict) => {
    expect(verdictAfter(1, seen, of)).toEqual(verdict);
  });
});

describe('phases', () => {
  test.each<[string, Service, RolloutRecord | undefined, string]>([
    [
      'a late read of the revision',
      service([own({ rolloutState: 'COMPLETED' })], { taskDefinition: 'app:1' }),
      undefined,
      'stale',
    ],
    [
      'a stop under way',
      service([own({ rolloutState: 'COMPLETED' })]),
      record('STOP_REQUESTED'),
      'in-progress',
    ],
    [
      'a rollback that was requested',
      service([own()]),
      record('ROLLBACK_REQUESTED'),
      'rolling-back',
    ],
    [
      'a rollback without a record',
      service([
        old({ status: 'PRIMARY', rolloutState: 'IN_PROGRESS' }),
        own({ status: 'ACTIVE', rolloutState: 'FAILED' }),
      ]),
      undefined,
      'rolling-back',
    ],
    [
      'a rollback whose record is late',
      service([old({ status: 'PRIMARY' }), own({ status: 'ACTIVE', rolloutState: 'FAILED' })]),
      record('IN_PROGRESS'),
      'rolling-back',
    ],
    [
      'traffic in stages',
      service([own({ rolloutState: 'COMPLETED' })], { settings: settings({ strategy: 'LINEAR' }) }),
      undefined,
      'in-progress',
    ],
    ['a missed service', service([own()], { status: MISSING }), undefined, 'stale'],
    [
      'a late read after the rollback',
      service([own()]),
      record('ROLLBACK_SUCCESSFUL'),
      'rolling-back',
    ],
  ])('%s', (_, seen, of, phase) => {
    expect(verdictAfter(1, seen, of)).toEqual({ kind: 'waiting', phase });
  });
});
