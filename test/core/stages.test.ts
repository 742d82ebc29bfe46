import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkRolloutTime } from '../../src/core/checks-strategy.ts';
import { diagnoseReason } from '../../src/core/diagnosis.ts';
import type { Cause } from '../../src/core/diagnosis.ts';
import type { RolloutRecord, Service } from '../../src/core/ecs.ts';
import {
  hasAllTraffic,
  isAfter,
  pauseOf,
  rollbackWay,
  rolloutTime,
  trafficPhase,
} from '../../src/core/stages.ts';
import type { Polled } from '../../src/core/verdict.ts';
import { advance, openWatch, requestRollback, withAnswer } from '../../src/core/watch.ts';
import type { Action, Seen, WatchPolicy, WatchState } from '../../src/core/watch.ts';
import type { Event, EventOf } from '../../src/events.ts';
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

const STAGES = [
  'RECONCILE_SERVICE',
  'PRE_SCALE_UP',
  'SCALE_UP',
  'POST_SCALE_UP',
  'TEST_TRAFFIC_SHIFT',
  'POST_TEST_TRAFFIC_SHIFT',
  'PRODUCTION_TRAFFIC_SHIFT',
  'POST_PRODUCTION_TRAFFIC_SHIFT',
  'BAKE_TIME',
  'CLEAN_UP',
];

const BLUE_GREEN = settings({ strategy: 'BLUE_GREEN', bakeMinutes: 5 });
const inProgress = service([own({ running: 2 }), old({ running: 2 })], { settings: BLUE_GREEN });

/** A record at a stage, with the traffic of the new tasks. */
const at = (stage: string, traffic: number, more: Partial<RolloutRecord> = {}): RolloutRecord =>
  record('IN_PROGRESS', {
    stage,
    traffic,
    oldTraffic: 100 - traffic,
    testTraffic: 100,
    oldTestTraffic: 0,
    ...more,
  });

const open = (policy: Partial<WatchPolicy> = {}): WatchState =>
  openWatch(
    {
      service: service([old({ status: 'PRIMARY' })]),
      revision: 'app:2',
      definition: {},
      previous: 'app:1',
      registered: true,
      containers: [],
    },
    own(),
    'ecs-svc/1',
    { maxFailures: 3, onFailure: 'exit', rollbackAsked: false, until: 'finished', ...policy },
  );

/** Lets a watch see polls; returns what it told and did. */
function run(opened: WatchState, ...polls: readonly Polled[]) {
  let state = opened;
  const events: Event[] = [];
  let action: Action = { kind: 'wait' };
  for (const polled of polls) {
    const [next, told, did] = advance(state, { kind: 'poll', ...polled }, 7);
    state = next;
    events.push(...told);
    action = did;
    if (did.kind === 'end') break;
  }
  return { state, events, action };
}

const seen = (of: RolloutRecord, by = inProgress): Polled => ({ service: by, record: of });
const endOf = ({ action }: { action: Action }) =>
  action.kind === 'end' ? action.result : undefined;
const eventsOf = <K extends Event['kind']>({ events }: { events: readonly Event[] }, kind: K) =>
  events.filter((event): event is EventOf<K> => event.kind === kind);

test('stages are compared by their place: an unknown one is after none', () => {
  STAGES.forEach((stage, index) => {
    expect(isAfter(stage, 'PRODUCTION_TRAFFIC_SHIFT')).toBe(index > 6);
  });
  expect(isAfter('A_STAGE_OF_THE_FUTURE', 'RECONCILE_SERVICE')).toBe(false);
  expect(isAfter(undefined, 'RECONCILE_SERVICE')).toBe(false);
});

describe('how a deployment in progress is rolled back', () => {
  const hooks = [pauseHook('a')];
  test.each<[string, RolloutRecord | undefined, string]>([
    ['without its record', undefined, 'deployment'],
    ['a rolling one', record('IN_PROGRESS'), 'stop'],
    ['before the shift', at('POST_TEST_TRAFFIC_SHIFT', 0), 'stop'],
    ['at a pause before the shift', at('POST_TEST_TRAFFIC_SHIFT', 0, { hooks }), 'hook'],
    ['between two steps', at('PRODUCTION_TRAFFIC_SHIFT', 50), 'stop'],
    ['in the bake time', at('BAKE_TIME', 100), 'stop'],
    ['at a pause after the shift', at('POST_PRODUCTION_TRAFFIC_SHIFT', 100, { hooks }), 'hook'],
    ['while the old tasks go', at('CLEAN_UP', 100), 'deployment'],
  ])('%s', (_, of, by) => {
    expect(rollbackWay(of).by).toBe(by);
  });

  test('traffic that is on the new tasks tells more than the stage', () => {
    expect(trafficPhase(at('POST_TEST_TRAFFIC_SHIFT', 0))).toBe('not-shifted');
    // A pause before the next step is reported at the stage before it.
    expect(trafficPhase(at('POST_TEST_TRAFFIC_SHIFT', 50))).toBe('shifted');
    expect(trafficPhase(record('IN_PROGRESS'))).toBeUndefined();
  });

  test('the watch asks for the same', () => {
    const withRecord = (of: RolloutRecord | undefined) =>
      requestRollback({ ...open(), polled: { service: inProgress, record: of } }, 'r')[2];
    expect(withRecord(at('BAKE_TIME', 100))).toEqual({
      kind: 'stop-deployment',
      record: 'arn:record-2',
      hook: undefined,
    });
    expect(withRecord(at('PRE_SCALE_UP', 0, { hooks }))).toMatchObject({ hook: 'a' });
    expect(withRecord(at('CLEAN_UP', 100))).toMatchObject({ kind: 'move-back' });
    expect(withRecord(undefined)).toMatchObject({ kind: 'move-back' });
  });
});

describe('the time that a rollout takes at least', () => {
  const linear = settings({ strategy: 'LINEAR', shift: { waits: 9, minutes: 6 }, bakeMinutes: 10 });
  const check = (limits: Parameters<typeof checkRolloutTime>[1], of = linear) =>
    checkRolloutTime({ name: 'api', controller: 'ECS', settings: of }, limits);

  test('is the waits between the steps and the bake time', () => {
    expect(rolloutTime(linear)).toEqual({ waits: 9, minutesEach: 6, bakeMinutes: 10, minutes: 64 });
    expect(rolloutTime(settings())).toBeUndefined();
  });

  test('warns where the watch would end before it', () => {
    expect(check({ timeout: 30 * 60_000 })).toMatchInlineSnapshot(`
      {
        "hint": "raise it: --timeout 79m",
        "message": "The deployment of "api" takes at least 64 min (LINEAR: 9 x 6 min between steps of traffic, 10 min bake time), but the watch ends after --timeout 30m: it would report a timeout while the deployment continues.",
        "status": "warn",
      }
    `);
    expect(check({ timeout: 60 * 60_000 }).hint).toBe(
      'raise it: --timeout 79m, or end the watch once the new tasks have all traffic: --until serving',
    );
    expect(check({ timeout: 65 * 60_000 }).status).toBe('ok');
    expect(check({ timeout: 60 * 60_000, until: 'serving' }).status).toBe('ok');
    expect(check({ timeout: 1, until: 'paused' }).status).toBe('ok');
    expect(check({ timeout: 1, noWait: true }).status).toBe('ok');
    expect(check({ timeout: 1 }, settings()).status).toBe('skip');
  });
});

describe('--until serving', () => {
  const until = (...polls: readonly Polled[]) => run(open({ until: 'serving' }), ...polls);

  test('ends once all production traffic is on the new tasks, whatever stages were missed', () => {
    const end = until(
      seen(at('SCALE_UP', 0)),
      // PRODUCTION_TRAFFIC_SHIFT was too short to be seen.
      seen(at('BAKE_TIME', 100)),
    );
    expect(endOf(end)).toMatchObject({ outcome: 'succeeded', serving: 'app:2', paused: null });
    expect(eventsOf(end, 'service-ended')).toMatchObject([{ continuesAt: 'BAKE_TIME' }]);
  });

  test('waits for weights that lag behind the stage', () => {
    const late = at('BAKE_TIME', 50);
    expect(endOf(until(seen(late), seen(late)))).toBeUndefined();
    expect(endOf(until(seen(late), seen(at('BAKE_TIME', 100))))).toMatchObject({
      outcome: 'succeeded',
    });
  });

  test('is the end of a rolling deployment, which has no traffic of its own', () => {
    expect(endOf(until(seen(record('IN_PROGRESS'))))).toBeUndefined();
    const done = service([own({ rolloutState: 'COMPLETED', running: 2 })]);
    const end = until(seen(record('SUCCESSFUL'), done));
    expect(endOf(end)).toMatchObject({ outcome: 'succeeded' });
    expect(eventsOf(end, 'service-ended')[0]?.continuesAt).toBeUndefined();
  });

  test('does not end at a pause, and not in a rollback', () => {
    const hooks = [pauseHook('a')];
    expect(endOf(until(seen(at('POST_TEST_TRAFFIC_SHIFT', 0, { hooks }))))).toBeUndefined();
    const opened = open({ until: 'serving' });
    for (const rolledBack of [
      { rollingBack: true },
      { rollback: { reason: 'r', pause: 1 } },
      { judged: { ...deployment(3), previous: undefined } },
    ]) {
      const state = { ...opened, ...rolledBack };
      expect(endOf(run(state, seen(at('BAKE_TIME', 100))))).toBeUndefined();
    }
  });

  test('whatever the record says: never a success before the traffic is there', () => {
    const records = fc.record({
      status: fc.constantFrom('PENDING', 'IN_PROGRESS', 'STOP_REQUESTED', 'ROLLBACK_REQUESTED'),
      stage: fc.constantFrom(undefined, ...STAGES, 'A_STAGE_OF_THE_FUTURE'),
      traffic: fc.constantFrom(undefined, 0, 10, 99.9, 100),
      oldTraffic: fc.constantFrom(undefined, 0, 0.1, 90, 100),
      hooks: fc.constantFrom([], [pauseHook('a')]),
    });
    const primaries = fc.constantFrom(
      inProgress,
      service([deployment(3, { status: 'PRIMARY' }), own({ status: 'ACTIVE' })]),
      service([own({ rolloutState: 'FAILED' }), old()], { settings: BLUE_GREEN }),
      service([own(), old()], { settings: BLUE_GREEN, taskDefinition: 'app:1' }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(records, primaries), { minLength: 1 }), (polls) => {
        const end = until(
          ...polls.map(([{ status, ...more }, by]) => seen(record(status, more), by)),
        );
        if (endOf(end)?.outcome !== 'succeeded') return;
        const last = end.state.polled;
        expect(hasAllTraffic(end.state.ours, last)).toBe(true);
        expect(last.record).toMatchObject({ status: 'IN_PROGRESS' });
        expect(last.record?.traffic ?? 100).toBe(100);
        expect(last.record?.oldTraffic ?? 0).toBe(0);
        expect(STAGES.indexOf(last.record?.stage ?? '')).toBeGreaterThan(6);
        expect(last.service).toBe(inProgress);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('--until paused', () => {
  const paused = at('POST_TEST_TRAFFIC_SHIFT', 0, {
    hooks: [pauseHook('a', { expiresAt: '2026-01-01T00:00:00.000Z' })],
  });
  const until = (...polls: readonly Polled[]) => run(open({ until: 'paused' }), ...polls);

  test('ends at the pause, with its hook', () => {
    const end = until(seen(at('SCALE_UP', 0)), seen(paused));
    expect(endOf(end)).toMatchObject({
      outcome: 'paused',
      serving: 'app:1',
      paused: {
        hook: 'a',
        stage: 'POST_TEST_TRAFFIC_SHIFT',
        expiresAt: '2026-01-01T00:00:00.000Z',
      },
    });
    expect(eventsOf(end, 'rollout-paused')).toMatchObject([{ isAwaited: true }]);
  });

  test('without a pause, it is the verdict of the deployment', () => {
    const done = service([own({ rolloutState: 'COMPLETED', running: 2 })]);
    expect(endOf(until(seen(record('SUCCESSFUL'), done)))).toMatchObject({ outcome: 'succeeded' });
    const back = service([old({ status: 'PRIMARY' })]);
    const end = run(
      open({ until: 'paused', onFailure: 'watch' }),
      seen(record('ROLLBACK_SUCCESSFUL'), back),
    );
    expect(end.state.verdict.kind).toBe('rolled-back');
  });

  test('a hook that was answered is no pause, although ECS still shows it', () => {
    const answered = withAnswer(open({ until: 'paused' }), 'a');
    const end = run(answered, seen(paused));
    expect(endOf(end)).toBeUndefined();
    expect(eventsOf(end, 'rollout-paused')).toEqual([]);
    const next = at('POST_PRODUCTION_TRAFFIC_SHIFT', 100, { hooks: [pauseHook('b')] });
    expect(endOf(run(answered, seen(paused), seen(next)))?.paused?.hook).toBe('b');
  });

  test('is no verdict: whatever the polls were before, a pause is no failure', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...STAGES)), (stages) => {
        const end = until(...stages.map((stage) => seen(at(stage, 0))), seen(paused));
        expect(endOf(end)?.outcome).toBe('paused');
        expect(end.state.verdict.kind).toBe('waiting');
      }),
    );
  });
});

test('a pause that the watch does not end at is in the result of every other end', () => {
  const hooks = [pauseHook('a')];
  const { state } = run(open(), seen(at('PRE_SCALE_UP', 0, { hooks })));
  const end = { kind: 'end', outcome: 'timed-out', reason: 'time' } as const;
  const [, events, action] = advance(state, end, 9);
  expect(action).toMatchObject({ result: { outcome: 'timed-out', paused: { hook: 'a' } } });
  expect(events).toMatchObject([{ kind: 'service-ended', waiting: 1 }]);
  expect(pauseOf(record('ROLLBACK_REQUESTED', { hooks }))).toBeNull();
});

describe('the progress of a stage', () => {
  const progressOf = (...polls: readonly Polled[]) =>
    eventsOf(run(open(), ...polls), 'rollout-progress').at(-1);

  test('a bake time counts from the change that led to it', () => {
    const since = timeOf(3);
    const baking = at('BAKE_TIME', 100, { updatedAt: since });
    const later = at('BAKE_TIME', 100, { updatedAt: new Date(since.getTime() + 60_000) });
    expect(progressOf(seen(baking), seen(later))).toMatchObject({
      waitsFor: 'bake',
      waitsSince: since.toISOString(),
      waitsAtMost: 300,
    });
  });

  test('a step of the traffic has its own time', () => {
    const linear = service([own({ running: 2 }), old({ running: 2 })], {
      settings: settings({ strategy: 'LINEAR', shift: { waits: 1, minutes: 6 } }),
    });
    expect(progressOf(seen(at('PRODUCTION_TRAFFIC_SHIFT', 50), linear))).toMatchObject({
      waitsFor: 'next-step',
      waitsAtMost: 360,
      traffic: 50,
    });
    for (const [stage, traffic] of [
      ['PRODUCTION_TRAFFIC_SHIFT', 0],
      ['PRODUCTION_TRAFFIC_SHIFT', 100],
      ['POST_PRODUCTION_TRAFFIC_SHIFT', 50],
    ] as const) {
      expect(progressOf(seen(at(stage, traffic), linear))?.waitsFor).toBeUndefined();
    }
    // Blue/green has one step.
    expect(progressOf(seen(at('PRODUCTION_TRAFFIC_SHIFT', 50)))?.waitsFor).toBeUndefined();
  });

  test('a stage counts from its change, and a bake time that is not known has no limit', () => {
    const updatedAt = timeOf(3);
    expect(progressOf(seen(at('SCALE_UP', 0, { updatedAt })))).toMatchObject({
      waitsFor: undefined,
      waitsSince: updatedAt.toISOString(),
    });
    const none = { ...inProgress, settings: settings({ strategy: 'BLUE_GREEN' }) };
    expect(progressOf(seen(at('BAKE_TIME', 100), none))).toMatchObject({
      waitsFor: 'bake',
      waitsAtMost: undefined,
    });
  });

  test('has a row for each revision with tasks, the new one first', () => {
    const staged = service([
      old({ running: 2 }),
      deployment(3, { desired: 0 }),
      deployment(0, { desired: 0, pending: 1, failed: 4 }),
      own({ running: 1, pending: 1 }),
    ]);
    const row = { isOurs: false, isServing: false, traffic: 70, testTraffic: 0 };
    const of = at('PRODUCTION_TRAFFIC_SHIFT', 30);
    expect(progressOf(seen(of, staged))?.revisions).toMatchObject([
      { ...row, revision: 'app:2', isOurs: true, traffic: 30, testTraffic: 100, running: 1 },
      { ...row, revision: 'app:1', isServing: true, running: 2, failed: 0 },
      { ...row, revision: 'app:0', pending: 1, failed: 4 },
    ]);
    const weightless = seen(record('IN_PROGRESS'), staged);
    expect(progressOf(weightless)?.revisions.map(({ traffic }) => traffic)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('shows the hooks that hold it, and its alarms', () => {
    const target = 'arn:aws:lambda:r:1:function:smoke-test';
    const hooks = [
      pauseHook('a'),
      pauseHook('b', { target, status: 'IN_PROGRESS' }),
      pauseHook('c', { target, status: 'SUCCEEDED' }),
    ];
    const held = at('PRE_SCALE_UP', 0, { hooks, armedAlarms: ['errors'] });
    expect(progressOf(seen(held))).toMatchObject({
      phase: 'paused',
      hooks: [
        { hook: 'a', function: undefined, status: 'AWAITING_ACTION' },
        { hook: 'b', function: 'smoke-test', status: 'IN_PROGRESS' },
      ],
      alarms: { armed: ['errors'], fired: [] },
    });
  });

  test('tells each change of a Lambda hook once, and not what ended before the watch', () => {
    const target = 'arn:aws:lambda:r:1:function:smoke-test';
    const hook = (id: string, status: string) => pauseHook(id, { target, status });
    const seenWith = (...hooks: readonly ReturnType<typeof pauseHook>[]) =>
      seen(at('PRE_SCALE_UP', 0, { hooks }));
    const told = run(
      open(),
      seenWith(hook('a', 'SUCCEEDED')),
      seenWith(hook('a', 'SUCCEEDED'), hook('b', 'IN_PROGRESS')),
      seenWith(hook('a', 'SUCCEEDED'), hook('b', 'IN_PROGRESS')),
      seenWith(hook('a', 'SUCCEEDED'), hook('b', 'FAILED')),
      // A late read.
      seenWith(hook('a', 'SUCCEEDED'), hook('b', 'IN_PROGRESS')),
    );
    expect(eventsOf(told, 'rollout-hook').map(({ hook: id, status }) => [id, status])).toEqual([
      ['b', 'IN_PROGRESS'],
      ['b', 'FAILED'],
    ]);
  });

  test('tells once how test traffic of Service Connect is sent', () => {
    const connected = { ...inProgress, testHeaders: [{ name: 'x-test', value: 'green' }] };
    const told = run(
      open(),
      seen(at('SCALE_UP', 0), connected),
      seen(at('POST_TEST_TRAFFIC_SHIFT', 0), connected),
      seen(at('POST_TEST_TRAFFIC_SHIFT', 0), connected),
    );
    expect(eventsOf(told, 'rollout-testable')).toEqual([
      {
        kind: 'rollout-testable',
        cluster: 'backend',
        service: 'api',
        headers: connected.testHeaders,
      },
    ]);
  });
});

test('the address of the test rule is read once, at the test stage, and told with its headers', () => {
  const shift = { alternateTargetGroup: 'h', productionRule: 'p', testRule: 'r' };
  const balanced: Service = {
    ...inProgress,
    loadBalancers: [{ targetGroup: 'g', container: 'app', port: 80, shift }],
  };
  expect(run(open(), seen(at('SCALE_UP', 0), balanced)).action).toEqual({ kind: 'wait' });
  const asked = run(open(), seen(at('POST_TEST_TRAFFIC_SHIFT', 0), balanced));
  expect(asked.action).toEqual({ kind: 'read-test-address', rule: 'r' });
  const address = { url: 'http://lb:8443/', headers: [{ name: 'x-test', value: '1' }] };
  const [state, events, action] = advance(asked.state, { kind: 'test-address', address }, 7);
  expect(events).toEqual([
    { kind: 'rollout-testable', cluster: 'backend', service: 'api', ...address },
  ]);
  expect(action).toEqual({ kind: 'wait' });
  expect(run(state, seen(at('POST_TEST_TRAFFIC_SHIFT', 0), balanced)).action).toEqual({
    kind: 'wait',
  });
  const unread: Seen = { kind: 'test-address', address: undefined };
  expect(advance(asked.state, unread, 7)[1]).toEqual([]);
  const testHeaders = [{ name: 'x-connect', value: 'green' }];
  const both = run(open(), seen(at('POST_TEST_TRAFFIC_SHIFT', 0), { ...balanced, testHeaders }));
  // The headers come with the address, or alone.
  expect(eventsOf(both, 'rollout-testable')).toEqual([]);
  expect(advance(both.state, unread, 7)[1]).toMatchObject([
    { kind: 'rollout-testable', url: undefined, headers: testHeaders },
  ]);
});

describe('reasons of ECS and of CodeDeploy', () => {
  const LAMBDA = 'arn:aws:lambda:ap-northeast-2:111122223333:function:smoke-test';
  const BACK = 'Service deployment rolled back because';
  const HOOKS = `${BACK} PRE_SCALE_UP lifecycle hook(s) failed.`;
  test.each<[string, Omit<Cause, 'evidence' | 'tasks'>]>([
    [
      `${HOOKS} Lifecycle hook target ${LAMBDA} returned FAILED status.`,
      {
        code: 'unknown',
        summary: 'the Lambda hook smoke-test refused the deployment at PRE_SCALE_UP',
        hint: 'read why in its log: aws logs tail /aws/lambda/smoke-test',
      },
    ],
    [
      `${HOOKS} ECS was unable to assume role arn:aws:iam::1:role/hooks.`,
      {
        code: 'role-not-assumable',
        summary: 'ECS cannot assume the role arn:aws:iam::1:role/hooks of a lifecycle hook',
        hint: "allow ecs.amazonaws.com to assume it in the role's trust policy, and let it call lambda:InvokeFunction",
      },
    ],
    [
      'ECS was unable to assume role hooks for a hook',
      {
        code: 'role-not-assumable',
        summary: 'ECS cannot assume the role hooks of a lifecycle hook',
        hint: "allow ecs.amazonaws.com to assume it in the role's trust policy, and let it call lambda:InvokeFunction",
      },
    ],
    [
      `${HOOKS} ECS was unable to invoke hook target ${LAMBDA} due to ResourceNotFoundException`,
      {
        code: 'unknown',
        summary: 'ECS could not call the Lambda hook smoke-test',
        hint: 'check that the function exists, and that the role of the hook allows lambda:InvokeFunction on it',
      },
    ],
    [
      'ECS was unable to invoke hook target smoke-test due to ResourceNotFoundException',
      {
        code: 'unknown',
        summary: 'ECS could not call the Lambda hook smoke-test',
        hint: 'check that the function exists, and that the role of the hook allows lambda:InvokeFunction on it',
      },
    ],
    [
      `${HOOKS} ECS was unable to parse the response from ${LAMBDA} due to HookStatus must not be null`,
      {
        code: 'unknown',
        summary: 'the Lambda hook smoke-test gave no valid answer',
        hint: 'let it return {"hookStatus": "SUCCEEDED"}, "FAILED" or "IN_PROGRESS"; its log: aws logs tail /aws/lambda/smoke-test',
      },
    ],
    [
      `${BACK} POST_TEST_TRAFFIC_SHIFT pause hook timed out.`,
      {
        code: 'unknown',
        summary: 'nobody approved the deployment at POST_TEST_TRAFFIC_SHIFT in time',
        hint: 'deploy again, and answer the pause with: ecsdeploy continue --cluster backend --service api',
      },
    ],
    [
      `${BACK} of invalid networking configuration. Both targetGroup and alternateTargetGroup must be associated with the productionListenerRule or testListenerRule.`,
      {
        code: 'unknown',
        summary:
          'ECS cannot shift traffic: a target group is not in the listener rules of the service',
        hint: 'put both target groups, targetGroupArn and alternateTargetGroupArn, into the forward action of productionListenerRule or testListenerRule',
      },
    ],
    [
      'HOOK_EXECUTION_FAILURE: a Lambda function failed; AfterInstall: no answer',
      {
        code: 'unknown',
        summary: 'the Lambda hook at AfterInstall failed',
        hint: 'read why in the log of its function, which must answer with codedeploy:PutLifecycleEventHookExecutionStatus within an hour',
      },
    ],
    [
      'ELASTIC_LOAD_BALANCING_INVALID: the listener is wrong',
      {
        code: 'unknown',
        summary:
          'the production listener does not forward to the target group of the running tasks',
        hint: 'let it forward to the target group of the PRIMARY task set; infrastructure code that resets the listener is a common reason',
      },
    ],
    [
      'IAM_ROLE_PERMISSIONS: the role has no permission',
      {
        code: 'unknown',
        summary: 'the service role of the deployment group lacks a permission',
        hint: 'attach the managed policy AWSCodeDeployRoleForECS to it',
      },
    ],
    [
      'ALARM_ACTIVE: errors',
      {
        code: 'unknown',
        summary: 'an alarm of the deployment group stopped the deployment',
        hint: 'see which: aws cloudwatch describe-alarms --state-value ALARM',
      },
    ],
  ])('%s', (reason, words) => {
    expect(diagnoseReason(reason, inProgress)).toEqual({ ...words, evidence: [reason], tasks: 0 });
  });

  test.each([
    `${BACK} the circuit breaker threshold was exceeded.`,
    'a HOOK_EXECUTION_FAILURE was before; AfterInstall: no answer',
    'after an ELASTIC_LOAD_BALANCING_INVALID',
    'after an IAM_ROLE_MISSING',
    'after an ALARM_ACTIVE',
  ])('%s: no cause', (reason) => {
    expect(diagnoseReason(reason, inProgress)).toBeUndefined();
  });
});
