import { describe, expect, test } from 'vitest';
import type { FailedTask } from '../../src/core/diagnosis.ts';
import type { TargetGroup } from '../../src/core/load-balancer.ts';
import type { Deployment, RolloutRecord, Service, ServiceEvent } from '../../src/core/ecs.ts';
import { toRecord } from '../../src/core/code-deploy-record.ts';
import {
  DEADLOCK_POLLS,
  DOUBTFUL_POLLS,
  LOST_STOP_POLLS,
  SEARCH_POLLS,
  SLOW_POLLS,
  STALE_POLLS,
  STALLED_POLLS,
  STILL_POLLS,
  TARGET_POLLS,
} from '../../src/core/pacing.ts';
import { advance, isNear, openWatch, requestRollback, resultOf } from '../../src/core/watch.ts';
import type { Action, Seen, WatchedMove, WatchPolicy, WatchState } from '../../src/core/watch.ts';
import { EcsDeployError } from '../../src/errors.ts';
import type { Event, EventOf } from '../../src/events.ts';
import {
  aGroup,
  aUse,
  codeDeployService,
  eventsTo,
  readOf,
  sharesOf,
} from '../support/code-deploy-types.ts';
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

const POLICY: WatchPolicy = {
  maxFailures: 3,
  onFailure: 'exit',
  rollbackAsked: false,
  until: 'finished',
};

const move = (more: Partial<WatchedMove> = {}): WatchedMove => ({
  service: service([old({ status: 'PRIMARY' })]),
  revision: 'arn:aws:ecs:r:1:task-definition/app:2',
  definition: {},
  previous: 'app:1',
  registered: true,
  containers: [],
  ...more,
});

const open = (policy: Partial<WatchPolicy> = {}, more: Partial<WatchedMove> = {}): WatchState =>
  openWatch(move(more), own(), 'ecs-svc/1', { ...POLICY, ...policy });

const poll = (seen: Service, of?: RolloutRecord): Seen => ({
  kind: 'poll',
  service: seen,
  record: of,
});

interface Run {
  readonly state: WatchState;
  readonly events: readonly Event[];
  readonly actions: readonly Action[];
  /** The last action. */
  readonly action: Action | undefined;
}

/** Lets a watch see one thing after the other, 7 seconds after its start. */
function run(opened: WatchState, ...seen: readonly Seen[]): Run {
  let state = opened;
  const events: Event[] = [];
  const actions: Action[] = [];
  for (const item of seen) {
    const [next, told, action] = advance(state, item, 7);
    state = next;
    events.push(...told);
    actions.push(action);
  }
  return { state, events, actions, action: actions.at(-1) };
}

const times = (count: number, seen: Seen): Seen[] => Array.from({ length: count }, () => seen);
const kinds = ({ events }: Run) => events.map(({ kind }) => kind);
const actionsOf = ({ actions }: Run) => actions.map(({ kind }) => kind);
const eventsOf = <K extends Event['kind']>({ events }: Run, kind: K) =>
  events.filter((event): event is EventOf<K> => event.kind === kind);

let eventId = 0;
const event = (message: string, createdAt: Date | null = timeOf(3)): ServiceEvent => {
  eventId += 1;
  return {
    id: `event-${eventId}`,
    createdAt: createdAt ?? undefined,
    message: `(service api) ${message}`,
  };
};

const inProgress = service([own(), old({ running: 2 })]);
const says = (...messages: readonly string[]) =>
  service([own(), old({ running: 2 })], {
    events: messages.map((message) => event(message)).toReversed(),
  });

const task = (id: string, stoppedReason: string, more: Partial<FailedTask> = {}): FailedTask => ({
  id,
  stopCode: undefined,
  stoppedReason,
  platform: 'linux/amd64',
  logGroups: [],
  flags: '--cluster c --service s',
  containers: [],
  ...more,
});
const exited = (id: string, log: readonly string[] = []) =>
  task(id, 'Essential container in task exited', {
    containers: [{ name: 'app', exitCode: 3, reason: undefined, log }],
  });
const failedTasks = (...tasks: readonly FailedTask[]): Seen => ({ kind: 'failed-tasks', tasks });
const NOT_FOUND = 'CannotPullContainerError: r/app:2: not found';

const error = new EcsDeployError({ code: 'aws-rejected', message: 'AWS refused.' });

describe('progress', () => {
  const counts = { desired: 2, running: 0, pending: 0, failed: 0, limit: undefined, old: 2 };

  test('is told once per change', () => {
    const pending = service([own({ pending: 2 }), old({ running: 2 })]);
    const seen = run(
      open(),
      ...times(3, poll(inProgress)),
      ...times(2, poll(pending)),
      poll(inProgress),
    );
    expect(eventsOf(seen, 'rollout-progress').map((item) => item.counts)).toEqual([
      counts,
      { ...counts, pending: 2 },
      counts,
    ]);
    const row = {
      isOurs: false,
      isServing: false,
      traffic: undefined,
      desired: 2,
      running: 0,
      pending: 0,
      failed: 0,
    };
    expect(seen.events[0]).toEqual({
      kind: 'rollout-progress',
      cluster: 'backend',
      service: 'api',
      phase: 'in-progress',
      stage: undefined,
      traffic: undefined,
      testTraffic: undefined,
      oldTestTraffic: undefined,
      waitsFor: undefined,
      waitsSince: undefined,
      waitsAtMost: undefined,
      targetGroups: [],
      draining: 0,
      counts,
      revisions: [
        { ...row, deployment: 'ecs-svc/2', revision: 'app:2', isOurs: true },
        { ...row, deployment: 'ecs-svc/1', revision: 'app:1', running: 2, isServing: true },
      ],
      hooks: [],
      alarms: { armed: [], fired: [] },
    });
    expect(actionsOf(seen).slice(0, 5)).toEqual(['wait', 'wait', 'wait', 'wait', 'wait']);
  });

  test('of the record is told: failures, their limit, stage and traffic', () => {
    const of = record('IN_PROGRESS', {
      stage: 'SCALE_UP',
      traffic: 10,
      breaker: { failures: 2, threshold: 3 },
    });
    const [progress] = eventsOf(run(open(), poll(inProgress, of)), 'rollout-progress');
    expect(progress).toMatchObject({
      stage: 'SCALE_UP',
      traffic: 10,
      counts: { failed: 2, limit: 3 },
    });
    const healthy = record('IN_PROGRESS', { breaker: { failures: 0, threshold: 3 } });
    expect(eventsOf(run(open(), poll(inProgress, healthy)), 'rollout-progress')).toMatchObject([
      { counts: { failed: 0, limit: undefined } },
    ]);
  });

  test('keeps the most failures that ECS has counted', () => {
    const failing = (failed: number) => poll(service([own({ failed }), old({ running: 2 })]));
    const seen = run(open(), failing(2), failing(0), failing(0));
    expect(eventsOf(seen, 'rollout-progress').map((item) => item.counts.failed)).toEqual([2]);
  });

  test('of a late read is not told', () => {
    expect(run(open(), poll(service([old({ status: 'PRIMARY' })]))).events).toEqual([]);
    const elsewhere = service([own({ rolloutState: 'COMPLETED' })], { taskDefinition: 'app:1' });
    expect(run(open(), poll(elsewhere)).events).toEqual([]);
    const gone = service([deployment(3, { status: 'PRIMARY' })]);
    const rollsBack = record('ROLLBACK_IN_PROGRESS');
    expect(kinds(run(open(), poll(gone, rollsBack)))).toEqual(['rolling-back']);
  });

  test('with its phase at the end', () => {
    const done = service([own({ rolloutState: 'COMPLETED', running: 2 })]);
    const seen = run(open(), poll(done));
    expect(eventsOf(seen, 'rollout-progress')).toMatchObject([{ phase: 'succeeded' }]);
  });
});

describe('events of the service', () => {
  test('are told once, the oldest first', () => {
    const seen = says('has started 1 tasks: (task 1).', 'registered 1 targets in (t)');
    expect(
      eventsOf(run(open(), poll(seen), poll(seen)), 'service-event').map(({ message }) => message),
    ).toEqual([
      '(service api) has started 1 tasks: (task 1).',
      '(service api) registered 1 targets in (t)',
    ]);
  });

  test('are not told when they were known before, or are older than the deployment', () => {
    const known = event('has reached a steady state.');
    const events = [
      event('is new', timeOf(2)),
      event('has no time', null),
      known,
      event('is older', timeOf(1)),
    ];
    const opened = open(
      {},
      { service: service([old({ status: 'PRIMARY' })], { events: [known] }) },
    );
    const seen = run(opened, poll(service([own()], { events })));
    expect(eventsOf(seen, 'service-event').map(({ message }) => message)).toEqual([
      '(service api) has no time',
      '(service api) is new',
    ]);
  });

  test('that name a cause are told as the cause, after what tasks say', () => {
    const message = 'was unable to place a task. Reason: Capacity is unavailable at this time.';
    const seen = run(open(), poll(says(message)), failedTasks(task('1', NOT_FOUND)));
    expect(kinds(seen)).toEqual(['rollout-progress', 'cause', 'cause', 'service-ended']);
    expect(eventsOf(seen, 'cause').map(({ cause }) => [cause.code, cause.tasks])).toEqual([
      ['image-not-found', 1],
      ['no-capacity', 0],
    ]);
  });
});

describe('signs of a failing task', () => {
  const has = (running: number, pending = 0, failed = 0) =>
    service([own({ running, pending, failed }), old()]);
  const breaker = (failures: number) =>
    record('IN_PROGRESS', { breaker: { failures, threshold: 3 } });

  test.each<[string, readonly Seen[], boolean]>([
    ['nothing', [poll(inProgress)], false],
    ['a failure that the deployment counts', [poll(has(0, 0, 1))], true],
    ['a failure that the record counts', [poll(inProgress, breaker(1))], true],
    [
      'the same failures as before',
      [poll(has(0, 0, 1)), failedTasks(exited('1', ['x'])), poll(has(0, 0, 1))],
      false,
    ],
    ['a task less', [poll(has(1, 1)), poll(has(1))], true],
    ['a pending task that runs', [poll(has(1, 1)), poll(has(2))], false],
    ['as many starts as desired', [poll(says('has started 2 tasks: (task 1) (task 2).'))], false],
    [
      'more starts than desired that are known',
      [
        poll(says('has started 3 tasks: (task 1).')),
        failedTasks(exited('1', ['x'])),
        poll(inProgress),
      ],
      false,
    ],
    ['twelve starts', [poll(says('has started 12 tasks: (task 1).'))], true],
    [
      'more starts than desired',
      [
        poll(says('has started 2 tasks: (task 1) (task 2).')),
        poll(says('has started 1 tasks: (task 3).')),
      ],
      true,
    ],
    [
      'two batches in one poll',
      [poll(says('has started 2 tasks: (task 1).', 'has started 1 tasks: (task 3).'))],
      true,
    ],
    [
      'an unhealthy target',
      [poll(says('(task 1) (port 80) is unhealthy in (t) due to (reason Request timed out).'))],
      false,
    ],
    [
      'a replacement',
      [
        poll(
          says(
            'has started 1 tasks: (task 2). Amazon ECS replaced 1 tasks due to an unhealthy status.',
          ),
        ),
      ],
      true,
    ],
    ['a container health check', [poll(says('(task 1) failed container health checks.'))], true],
    ['no place', [poll(says('was unable to place a task. Reason: Internal error.'))], true],
    ['no launch', [poll(says('could not launch 1 tasks for deployment ecs-svc/2.'))], true],
    ['a failed launch', [poll(says('failed to launch a task with (error x)'))], true],
    ['a failed deployment', [poll(says('(deployment ecs-svc/2) deployment failed: x.'))], true],
    ['a failed verdict', [poll(service([own({ rolloutState: 'FAILED' })]))], true],
    [
      'a rolled back verdict',
      [poll(service([old({ status: 'PRIMARY' })]), record('ROLLBACK_SUCCESSFUL'))],
      true,
    ],
    [
      'a superseded verdict',
      [poll(service([deployment(3, { status: 'PRIMARY' })]), record('STOPPED'))],
      false,
    ],
  ])('%s: %s', (_, seen, expected) => {
    const { action } = run(open({ onFailure: 'watch' }), ...seen);
    expect(action?.kind === 'read-failed-tasks').toBe(expected);
  });

  test('make tasks read in the next polls as well, until all failures have a cause', () => {
    const none = failedTasks();
    const failing = has(0, 0, 2);
    const polls = Array.from({ length: SEARCH_POLLS + 1 }, () => [poll(failing), none]).flat();
    const seen = run(open(), ...polls.slice(0, -1));
    expect(actionsOf(seen)).toEqual([
      ...Array.from({ length: SEARCH_POLLS }, () => ['read-failed-tasks', 'wait']).flat(),
      'wait',
    ]);

    const one = run(open(), poll(failing), failedTasks(exited('1', ['x'])), poll(failing));
    expect(one.action?.kind).toBe('read-failed-tasks');
    const both = run(
      open(),
      poll(failing),
      failedTasks(exited('1', ['x']), exited('2', ['x'])),
      poll(failing),
    );
    expect(both.action?.kind).toBe('wait');
  });

  test('that come without a task keep the search open', () => {
    const unhealthy = poll(says('(task 1) failed container health checks.'));
    const seen = run(open(), unhealthy, failedTasks(), poll(inProgress));
    expect(seen.action?.kind).toBe('read-failed-tasks');
  });

  test('name the known tasks', () => {
    const seen = run(
      open(),
      poll(has(0, 0, 2)),
      failedTasks(exited('1', ['x'])),
      poll(has(0, 0, 2)),
    );
    expect(seen.action).toEqual({ kind: 'read-failed-tasks', known: new Set(['1']) });
  });

  test('are not looked into when the user asked for the rollback', () => {
    expect(run(open({ rollbackAsked: true }), poll(has(0, 0, 1))).action?.kind).toBe('wait');
  });
});

describe('causes', () => {
  const failing = poll(service([own({ failed: 1 }), old()]));
  const causes = (seen: Run) => eventsOf(seen, 'cause').map(({ cause }) => cause);

  test('are told once, with their service', () => {
    const seen = run(
      open(),
      failing,
      failedTasks(exited('1', ['x'])),
      failedTasks(exited('2', ['y'])),
    );
    expect(eventsOf(seen, 'cause')).toMatchObject([
      { service: 'api', cause: { code: 'application-exit', tasks: 1 } },
    ]);
    expect(seen.state.causes).toMatchObject([{ tasks: 2 }]);
  });

  test('are told again when they first have a log', () => {
    const silent = task('1', 'Essential container', {
      containers: [{ name: 'app', exitCode: 3, reason: undefined, log: [], logPlace: 'splunk' }],
    });
    const seen = run(
      open(),
      failing,
      failedTasks(silent),
      failedTasks(exited('2', ['x'])),
      failedTasks(exited('3', ['y'])),
    );
    expect(causes(seen).map(({ evidence }) => evidence.at(-1))).toEqual([
      'its log goes to splunk',
      '| x',
    ]);
  });

  test('of an event are not told where the same code is known', () => {
    const place = 'was unable to place a task. Reason: ';
    const events = poll(says(`${place}Capacity is unavailable.`));
    const again = poll(says(`${place}You've reached the limit on the number of tasks.`));
    const seen = run(open(), events, failedTasks(), again, failedTasks());
    expect(causes(seen)).toHaveLength(1);
  });

  test('of an event are told beside another code, and of tasks beside another summary', () => {
    const capacity = poll(says('was unable to place a task. Reason: Capacity is unavailable.'));
    const other = exited('2', ['x']);
    const containers = other.containers.map((container) => ({ ...container, exitCode: 4 }));
    const seen = run(
      open(),
      failing,
      failedTasks(exited('1', ['x'])),
      capacity,
      failedTasks({ ...other, containers }),
    );
    expect(causes(seen).map(({ summary }) => summary)).toEqual([
      'container app ended with exit code 3',
      'container app ended with exit code 4',
      'there is no capacity to place a task on',
    ]);
  });

  test('wait for a late log, once', () => {
    const first = run(open(), failing, failedTasks(exited('1')));
    expect(first.state.causes).toEqual([]);
    expect(first.state.lateTasks).toEqual(new Set(['1']));
    expect(first.state.knownTasks).toEqual(new Set());
    const second = run(first.state, failing, failedTasks(exited('1')));
    expect(causes(second)).toHaveLength(1);
    expect(second.state.knownTasks).toEqual(new Set(['1']));
  });

  test('do not wait for a late log once there is a verdict', () => {
    const failed = poll(service([own({ rolloutState: 'FAILED' }), old()]));
    const seen = run(open(), failed, failedTasks(exited('1')));
    expect(kinds(seen)).toEqual(['rollout-progress', 'cause', 'service-ended']);
  });

  test('of more than one failure end the search only when all are known', () => {
    const seen = run(open(), poll(service([own({ failed: 2 })])), failedTasks(exited('1', ['x'])));
    expect(seen.state.searches).toBe(SEARCH_POLLS - 1);
    expect(run(seen.state, failedTasks(exited('2', ['x']))).state.searches).toBe(0);
  });
});

describe('failed tasks that cannot be read', () => {
  const failing = poll(service([own({ failed: 1 }), old()]));
  const failed = poll(service([own({ rolloutState: 'FAILED' }), old()]));
  const passing: Seen = { kind: 'tasks-unreadable', denied: false };
  const denied: Seen = { kind: 'tasks-unreadable', denied: true };

  test('for good: the search ends', () => {
    const seen = run(open(), failing, denied, failing);
    expect(actionsOf(seen)).toEqual(['read-failed-tasks', 'wait', 'wait']);
    expect(kinds(seen)).toEqual(['rollout-progress']);
  });

  test('this time: the next polls make up for it', () => {
    const seen = run(
      open(),
      failing,
      passing,
      ...Array.from({ length: 20 }, () => [failing, passing]).flat(),
    );
    expect(seen.state.searches).toBe(SEARCH_POLLS);
    expect(seen.action?.kind).toBe('wait');
    expect(kinds(seen)).toEqual(['rollout-progress']);
  });

  test('a verdict does not wait for ever', () => {
    expect(run(open(), failed, denied).action?.kind).toBe('end');
    const polls = Array.from({ length: SEARCH_POLLS }, () => [failed, passing]).flat();
    expect(kinds(run(open(), ...polls))).toEqual(['rollout-progress', 'service-ended']);
    expect(actionsOf(run(open(), ...polls))).toEqual([
      ...Array.from({ length: SEARCH_POLLS - 1 }, () => ['read-failed-tasks', 'wait']).flat(),
      'read-failed-tasks',
      'end',
    ]);
  });

  test('a verdict that took several polls does not wait for ever either', () => {
    const settled = { settings: settings({ breakerRollsBack: true }) };
    const gone = poll(service([own({ rolloutState: 'FAILED' }), old()], settled));
    const polls = Array.from({ length: 20 }, () => [gone, passing]).flat();
    const seen = run(open(), ...polls);
    const end = seen.actions.findIndex(({ kind }) => kind === 'end');
    expect(end).toBeGreaterThan(0);
    expect(end).toBeLessThan(4 * SEARCH_POLLS);
  });

  test('a success does not wait at all', () => {
    const done = poll(service([own({ rolloutState: 'COMPLETED', failed: 1 })]));
    expect(run(open(), done, passing).action).toMatchObject({ result: { outcome: 'succeeded' } });
  });
});

describe('the end', () => {
  const done = service([own({ rolloutState: 'COMPLETED', running: 2 })], { running: 2 });
  const back = service([old({ status: 'PRIMARY', running: 2 })]);

  test.each<[string, Service, RolloutRecord | undefined, object]>([
    [
      'a success',
      done,
      undefined,
      { outcome: 'succeeded', running: 2, serving: 'app:2', runningByRevision: { 'app:2': 2 } },
    ],
    [
      'a rollback shows what runs now',
      service([old({ status: 'PRIMARY', running: 2, taskDefinition: 'app:0' })]),
      record('ROLLBACK_SUCCESSFUL', { reason: 'r' }),
      {
        outcome: 'rolled-back',
        running: 2,
        serving: 'app:0',
        runningByRevision: { 'app:0': 2 },
        previousTaskDefinition: 'app:0',
      },
    ],
    [
      'a failure shows our deployment',
      service([own({ rolloutState: 'FAILED', running: 1 }), old({ running: 2 })]),
      undefined,
      {
        outcome: 'failed',
        running: 1,
        serving: 'app:1',
        runningByRevision: { 'app:1': 2, 'app:2': 1 },
        previousTaskDefinition: 'app:1',
      },
    ],
    [
      'a deployment that is gone has no tasks',
      service([deployment(3, { status: 'PRIMARY', running: 2 })]),
      record('STOPPED'),
      {
        outcome: 'superseded',
        running: 0,
        serving: 'app:3',
        runningByRevision: { 'app:3': 2 },
      },
    ],
  ])('%s', (_, seen, of, result) => {
    const ended = run(open(), poll(seen, of), failedTasks());
    const told = eventsOf(ended, 'service-ended')[0];
    expect(told?.result).toEqual({
      cluster: 'backend',
      service: 'api',
      taskDefinition: 'arn:aws:ecs:r:1:task-definition/app:2',
      previousTaskDefinition: 'app:1',
      registered: true,
      paused: null,
      deployment: 'ecs-svc/2',
      desired: 2,
      failedTasks: 0,
      causes: [],
      console: null,
      ...result,
    });
  });

  test('tells reason, time and result, and gives the result', () => {
    const seen = run(
      open(),
      poll(back, record('ROLLBACK_SUCCESSFUL', { reason: 'r' })),
      failedTasks(),
    );
    const ended = eventsOf(seen, 'service-ended')[0];
    expect(ended).toMatchObject({
      reason: 'r',
      seconds: 7,
      digests: [],
      rollingBack: false,
      detached: false,
    });
    expect(seen.action).toEqual({ kind: 'end', result: ended?.result });
  });

  test('a superseded deployment names the other one', () => {
    const other = service([deployment(3, { status: 'PRIMARY' })]);
    const [ended] = eventsOf(run(open(), poll(other, record('STOPPED'))), 'service-ended');
    expect(ended?.reason).toBe('ecs-svc/3 deploys app:3 instead');
  });

  test('counts failures and causes', () => {
    const failed = service([own({ rolloutState: 'FAILED', failed: 3 })]);
    const seen = run(open(), poll(failed), failedTasks(exited('1', ['x'])));
    expect(seen.action).toMatchObject({
      result: { failedTasks: 3, causes: [{ code: 'application-exit' }] },
    });
  });

  test('reads digests after a success where containers are known', () => {
    const opened = open({}, { containers: ['app'] });
    const seen = run(opened, poll(done));
    expect(seen.action).toEqual({ kind: 'read-digests' });
    expect(eventsOf(seen, 'service-ended')).toEqual([]);
    const after = run(seen.state, { kind: 'digests', digests: ['sha256:1'] });
    expect(after.events).toMatchObject([
      { result: { outcome: 'succeeded' }, reason: '', digests: ['sha256:1'], seconds: 7 },
    ]);
    const failed = poll(service([own({ rolloutState: 'FAILED' })]));
    expect(run(opened, failed, failedTasks()).action?.kind).toBe('end');
  });

  test.each<[Seen & { kind: 'end' }, object]>([
    [{ kind: 'end', outcome: 'timed-out', reason: 'late' }, { detached: false }],
    [{ kind: 'end', outcome: 'unknown', reason: 'lost' }, { detached: false }],
    [
      { kind: 'end', outcome: 'interrupted', reason: 'interrupted', detached: true },
      { detached: true },
    ],
  ])('from outside: %o', (ending, more) => {
    const seen = run(open(), poll(inProgress), ending);
    expect(eventsOf(seen, 'service-ended')).toMatchObject([
      {
        result: { outcome: ending.outcome, deployment: 'ecs-svc/2' },
        reason: ending.reason,
        rollingBack: false,
        seconds: 7,
        ...more,
      },
    ]);
    expect(seen.action?.kind).toBe('end');
    expect(kinds(seen)).toEqual(['rollout-progress', 'service-ended']);
  });

  test('from outside before the first poll', () => {
    const seen = run(open(), { kind: 'end', outcome: 'unknown', reason: 'not waited for' });
    expect(seen.action).toMatchObject({ result: { outcome: 'unknown', desired: 2, running: 0 } });
  });

  test('from outside while ECS rolls back says so', () => {
    const ending: Seen = { kind: 'end', outcome: 'interrupted', reason: 'interrupted' };
    const seen = run(open(), poll(inProgress, record('ROLLBACK_IN_PROGRESS')), ending);
    expect(eventsOf(seen, 'service-ended')).toMatchObject([{ rollingBack: true }]);
    const rolledBack = [
      poll(inProgress, record('ROLLBACK_IN_PROGRESS')),
      poll(back, record('ROLLBACK_SUCCESSFUL')),
      failedTasks(),
    ];
    expect(eventsOf(run(open(), ...rolledBack), 'service-ended')).toMatchObject([
      { rollingBack: false },
    ]);
  });

  test('from outside after a verdict is the verdict', () => {
    const ending: Seen = { kind: 'end', outcome: 'timed-out', reason: 'late' };
    const success = run(open({}, { containers: ['app'] }), poll(done), ending);
    expect(success.action).toMatchObject({ result: { outcome: 'succeeded' } });
    expect(kinds(success)).toEqual(['rollout-progress', 'service-ended']);
    const failed = run(open(), poll(service([own({ rolloutState: 'FAILED' })])), ending);
    expect(failed.action).toMatchObject({ result: { outcome: 'failed' } });
  });
});

describe('giving up', () => {
  const failing = poll(service([own({ failed: 3 }), old({ running: 2 })]));
  const causes = failedTasks(...['1', '2', '3'].map((id) => exited(id, ['x'])));
  const withRecord = poll(
    service([own({ failed: 3 }), old({ running: 2 })]),
    record('IN_PROGRESS'),
  );

  test('exits with the reason', () => {
    const seen = run(open(), failing, causes);
    expect(eventsOf(seen, 'service-ended')).toMatchObject([
      {
        result: { outcome: 'failed' },
        reason: '3 tasks failed, the limit of --max-failures',
        seconds: 7,
      },
    ]);
    expect(kinds(seen)).toEqual(['rollout-progress', 'cause', 'service-ended']);
  });

  test('awaits a circuit breaker, or the user', () => {
    const breaker = service([own({ failed: 3 })], {
      settings: settings({ breakerRollsBack: true }),
    });
    expect(run(open(), poll(breaker), causes).action?.kind).toBe('wait');
    expect(run(open({ onFailure: 'watch' }), failing, causes).action?.kind).toBe('wait');
  });

  test('stops the deployment, or moves back without a record', () => {
    const opened = open({ onFailure: 'rollback' });
    expect(run(opened, withRecord, causes).action).toEqual({
      kind: 'stop-deployment',
      record: 'arn:record-2',
    });
    const moved = run(opened, failing, causes);
    expect(moved.action).toEqual({ kind: 'move-back', revision: 'app:1' });
    expect(kinds(moved)).toEqual(['rollout-progress', 'cause']);
    for (const previous of [undefined, 'app:2']) {
      const nowhere = run(open({ onFailure: 'rollback' }, { previous }), failing, causes);
      expect(nowhere.action).toEqual({ kind: 'move-back', revision: undefined });
    }
  });

  test('in a deadlock, once ECS has said it often enough', () => {
    const locked = poll(says('was unable to stop or start tasks during a deployment because of x'));
    const still = poll(service([own(), old({ running: 2 })]));
    const denied: Seen = { kind: 'tasks-unreadable', denied: true };
    const first = run(open(), locked, denied);
    const later = run(first.state, ...times(DEADLOCK_POLLS - 1, still));
    expect(actionsOf(later)).toEqual(['wait', 'wait', 'wait', 'end']);
    expect(eventsOf(later, 'service-ended')).toMatchObject([
      { reason: 'ECS can neither start nor stop a task' },
    ]);
    const moves = poll(service([own({ pending: 1 }), old({ running: 2 })]));
    expect(run(first.state, still, moves).state.deadlocked).toBe(0);
    expect(run(first.state, poll(service([old({ status: 'PRIMARY' })]))).state.deadlocked).toBe(0);
    expect(run(open(), still).state.deadlocked).toBe(0);
  });

  test('when ECS makes no new attempt', () => {
    const stuck = (more: Partial<Deployment> = {}, events: readonly ServiceEvent[] = []) =>
      poll(
        service([own({ failed: 1, ...more })], {
          events,
          settings: settings({ breakerRollsBack: true }),
        }),
      );
    const started = run(open(), stuck(), failedTasks(task('1', NOT_FOUND)));
    expect(started.action?.kind).toBe('wait');
    expect(started.state.stalled).toBe(0);
    const stalled = run(started.state, ...times(STALLED_POLLS - 1, stuck()));
    expect([stalled.state.stalled, stalled.action?.kind]).toEqual([STALLED_POLLS - 1, 'wait']);
    expect(run(stalled.state, stuck()).action).toMatchObject({ result: { outcome: 'failed' } });
    for (const sign of [
      stuck({ failed: 2 }),
      stuck({ pending: 1 }),
      stuck({}, [event('has started 1 tasks: (task 2).')]),
    ]) {
      expect(run(stalled.state, sign).state.stalled).toBe(0);
    }
  });
});

describe('a rollback that was requested', () => {
  const failing = service([own({ failed: 3 }), old({ running: 2 })]);
  const causes = failedTasks(...['1', '2', '3'].map((id) => exited(id, ['x'])));
  const rolling = poll(
    service([
      old({ status: 'PRIMARY', rolloutState: 'IN_PROGRESS' }),
      own({ status: 'ACTIVE', failed: 3 }),
    ]),
    record('ROLLBACK_IN_PROGRESS'),
  );
  const ask = () =>
    run(
      open({ onFailure: 'rollback' }, { containers: ['app'] }),
      poll(failing, record('IN_PROGRESS')),
      causes,
    ).state;
  const answer = (of: 'stopped' | 'refused' | 'unknown'): Seen => ({
    kind: 'stop-answer',
    answer: of,
  });

  test('is told once, and awaited', () => {
    const seen = run(ask(), answer('stopped'), rolling, failedTasks(), rolling, failedTasks());
    expect(eventsOf(seen, 'rolling-back')).toEqual([
      {
        kind: 'rolling-back',
        cluster: 'backend',
        service: 'api',
        reason: '3 tasks failed, the limit of --max-failures',
      },
    ]);
    expect(seen.actions[0]).toEqual({ kind: 'wait' });
    expect(seen.state.rollingBack).toBe(true);
  });

  test('is refused: the service is moved back', () => {
    const { action, events } = run(ask(), answer('refused'));
    expect([action, events]).toEqual([{ kind: 'move-back', revision: 'app:1' }, []]);
  });

  test('may be lost: it is requested again only where no poll shows it', () => {
    const lost = run(ask(), answer('unknown'));
    expect([lost.action?.kind, lost.events]).toEqual(['wait', []]);
    const still = poll(failing, record('IN_PROGRESS'));
    const again = run(lost.state, ...times(LOST_STOP_POLLS, still));
    expect(actionsOf(again)).toEqual([
      ...times(LOST_STOP_POLLS - 1, still).map(() => 'wait'),
      'stop-deployment',
    ]);
    expect(run(again.state, still).action?.kind).toBe('wait');
    const shown = run(lost.state, rolling, failedTasks(), ...times(2 * LOST_STOP_POLLS, rolling));
    expect(actionsOf(shown)).not.toContain('stop-deployment');
    expect(eventsOf(shown, 'rolling-back')).toHaveLength(1);
    const back = poll(service([old({ status: 'PRIMARY' })]), record('ROLLBACK_SUCCESSFUL'));
    expect(run(shown.state, back, failedTasks()).action).toMatchObject({
      result: { outcome: 'rolled-back' },
    });
  });

  test('fails: the watch ends with what is known', () => {
    const failed = run(ask(), { kind: 'not-moved-back', error, isLost: false });
    expect(failed.events).toMatchObject([
      { kind: 'error', error },
      { result: { outcome: 'failed' }, reason: 'it could not be rolled back', seconds: 7 },
    ]);
    const lost = run(ask(), { kind: 'not-moved-back', error, isLost: true });
    expect(lost.events).toMatchObject([
      { kind: 'error', error },
      { result: { outcome: 'unknown' }, reason: 'the answer to the rollback was lost', seconds: 7 },
    ]);
  });

  describe('with UpdateService', () => {
    const primary = deployment(3, { status: 'PRIMARY', taskDefinition: 'app:1' });
    const moved = service([primary, own({ status: 'ACTIVE' })]);
    const moveBack = () => run(ask(), { kind: 'moved-back', service: moved, primary });

    test('makes the new deployment the judged one', () => {
      const after = moveBack();
      expect(after.events).toEqual([
        {
          kind: 'rolling-back',
          cluster: 'backend',
          service: 'api',
          reason: '3 tasks failed, the limit of --max-failures',
        },
      ]);
      expect(after.action).toEqual({ kind: 'wait' });
      expect(after.state.judged).toEqual({
        id: 'ecs-svc/3',
        taskDefinition: 'app:1',
        createdAt: timeOf(3),
        previous: 'ecs-svc/2',
      });
      expect(after.state.polled).toEqual({ service: moved, record: undefined });
      expect(after.state.ours.id).toBe('ecs-svc/2');
    });

    test.each<[string, Service, string, string]>([
      [
        'succeeds',
        service([{ ...primary, rolloutState: 'COMPLETED', running: 2 }]),
        'rolled-back',
        '',
      ],
      [
        'fails',
        service([{ ...primary, rolloutState: 'FAILED', reason: 'r' }]),
        'failed',
        'the rollback did not succeed: r',
      ],
      [
        'is superseded',
        service([deployment(4, { status: 'PRIMARY', createdAt: timeOf(3) })]),
        'superseded',
        'the rollback did not succeed: ecs-svc/4 deploys app:4 instead',
      ],
    ])('%s', (_, seen, outcome, reason) => {
      const reads = Array.from({ length: 6 }, () => [poll(seen), failedTasks()]).flat();
      let state = moveBack().state;
      let ended: Event | undefined;
      for (const item of reads) {
        const [next, events, action] = advance(state, item, 7);
        state = next;
        ended = events.find(({ kind }) => kind === 'service-ended');
        if (action.kind === 'end') break;
      }
      expect(ended).toMatchObject({ result: { outcome, deployment: 'ecs-svc/2' }, reason });
    });
  });
});

describe('a rollback that the user asked for', () => {
  const opened = () => open({ rollbackAsked: true }, { containers: ['app'] });
  const known = () => ({
    ...opened(),
    polled: { service: inProgress, record: record('IN_PROGRESS') },
  });

  test('stops the deployment, or moves back without a record', () => {
    const [state, events, action] = requestRollback(known(), 'requested');
    expect([events, action]).toEqual([[], { kind: 'stop-deployment', record: 'arn:record-2' }]);
    expect(run(state, { kind: 'stop-answer', answer: 'stopped' }).events).toEqual([
      { kind: 'rolling-back', cluster: 'backend', service: 'api', reason: 'requested' },
    ]);
    expect(requestRollback(opened(), 'requested')[2]).toEqual({
      kind: 'move-back',
      revision: 'app:1',
    });
  });

  test('is a success', () => {
    const back = service([old({ status: 'PRIMARY', running: 2 })]);
    const seen = run(opened(), poll(back, record('ROLLBACK_SUCCESSFUL')));
    expect(seen.action).toMatchObject({
      result: {
        outcome: 'succeeded',
        taskDefinition: 'app:1',
        previousTaskDefinition: 'app:2',
        running: 2,
      },
    });
  });

  test('fails when the deployment completed first', () => {
    const seen = run(opened(), poll(service([own({ rolloutState: 'COMPLETED' })])));
    expect(eventsOf(seen, 'service-ended')).toMatchObject([
      {
        result: { outcome: 'failed' },
        reason: 'the deployment completed before it could be stopped',
      },
    ]);
  });
});

describe('pauses', () => {
  const paused = (id: string, stage?: string) =>
    record('IN_PROGRESS', {
      stage,
      hooks: [pauseHook(id, { expiresAt: '2026-01-01', timeoutAction: 'ROLLBACK' })],
    });

  test('are told once per hook', () => {
    const seen = run(
      open(),
      poll(inProgress, paused('a', 'POST_TEST')),
      poll(inProgress, paused('a', 'POST_TEST')),
      poll(inProgress, paused('b')),
      poll(inProgress, paused('a')),
    );
    expect(eventsOf(seen, 'rollout-paused')).toEqual([
      {
        kind: 'rollout-paused',
        cluster: 'backend',
        service: 'api',
        stage: 'POST_TEST',
        hook: 'a',
        record: 'arn:record-2',
        expiresAt: '2026-01-01',
        timeoutAction: 'ROLLBACK',
        waiting: 1,
        isAwaited: false,
      },
      expect.objectContaining({ hook: 'b', stage: 'IN_PROGRESS' }),
    ]);
    expect(seen.action?.kind).toBe('wait');
  });
});

describe('a rollback by ECS is told once, with its reason', () => {
  const by = (reason: string, of: Partial<RolloutRecord>) =>
    run(open(), ...times(2, poll(service([own({ reason })]), record('ROLLBACK_IN_PROGRESS', of))));
  test.each<[string, string, Partial<RolloutRecord>, string]>([
    ['of the record', 'own', { rollbackReason: 'record' }, 'record'],
    ['of the deployment', 'own', {}, 'own'],
    ['that is not given', '', {}, ''],
  ])('%s', (_, reason, of, expected) => {
    const seen = by(reason, of);
    expect(eventsOf(seen, 'rolling-back')).toEqual([
      { kind: 'rolling-back', cluster: 'backend', service: 'api', reason: expected },
    ]);
    expect(seen.action?.kind).toBe('wait');
  });
});

describe('what a rollout waits for', () => {
  const balancer = { targetGroup: 't', container: 'app', port: 80 };
  const at = (running: number, oldRunning: number | undefined, more: Partial<Service> = {}) =>
    service(
      [own({ running }), ...(oldRunning === undefined ? [] : [old({ running: oldRunning })])],
      more,
    );
  const behind = { loadBalancers: [balancer] };
  const draining = event('has begun draining connections on 2 tasks.');
  const stopped = event('has stopped 2 running tasks: (task 1) (task 2).');
  const half = event('has stopped 1 running tasks: (task 1).');
  const checked = { containerDefinitions: [{ name: 'app', healthCheck: { command: ['x'] } }] };
  const unchecked = { containerDefinitions: [{ name: 'app' }, { name: 'b', healthCheck: null }] };

  test.each<[string, Service, object | undefined, object]>([
    ['too few tasks', at(1, 2, behind), undefined, { waitsFor: undefined, draining: 0 }],
    ['healthy targets', at(2, 2, behind), undefined, { waitsFor: 'health-checks' }],
    [
      'healthy targets of a first deployment',
      at(2, undefined, behind),
      undefined,
      { waitsFor: 'health-checks' },
    ],
    [
      'nothing where no task is desired',
      at(0, undefined, { ...behind, desired: 0 }),
      undefined,
      { waitsFor: undefined },
    ],
    ['a health check of a container', at(2, 2), checked, { waitsFor: 'health-checks' }],
    ['old tasks', at(2, 2), unchecked, { waitsFor: 'old-tasks' }],
    [
      'old tasks that ECS has begun to stop',
      at(2, 1, { events: [half] }),
      checked,
      { waitsFor: 'old-tasks' },
    ],
    [
      'a drain',
      at(2, 0, { ...behind, events: [draining] }),
      undefined,
      { waitsFor: 'drain', waitsSince: timeOf(3).toISOString(), draining: 2 },
    ],
    [
      'a drain of twelve without a time',
      at(2, 0, {
        ...behind,
        events: [event('has begun draining connections on 12 tasks.', null)],
      }),
      undefined,
      { waitsFor: 'drain', waitsSince: undefined, draining: 12 },
    ],
    [
      'nothing after twelve have stopped',
      at(2, 0, {
        ...behind,
        events: [
          event('has stopped 12 running tasks: (task 1).'),
          event('has begun draining connections on 12 tasks.'),
        ],
      }),
      undefined,
      { waitsFor: undefined, draining: 0 },
    ],
    [
      'a drain of the rest',
      at(2, 0, { ...behind, events: [half, draining] }),
      undefined,
      { waitsFor: 'drain', draining: 1 },
    ],
    [
      'nothing after a drain',
      at(2, 0, { ...behind, events: [stopped, draining] }),
      undefined,
      { waitsFor: undefined, draining: 0 },
    ],
    [
      'the end of a drain before other old tasks',
      at(2, 1, { ...behind, events: [stopped, draining] }),
      undefined,
      { waitsFor: 'old-tasks' },
    ],
    [
      'old tasks that ECS has begun to drain',
      at(2, 1, { events: [draining] }),
      checked,
      { waitsFor: 'old-tasks' },
    ],
    [
      'no drain without a load balancer',
      at(2, 0, { events: [draining] }),
      undefined,
      { waitsFor: undefined },
    ],
    [
      'no drain that began before',
      at(2, 0, { ...behind, events: [stopped] }),
      undefined,
      { waitsFor: undefined, draining: 0 },
    ],
    [
      'bake time',
      at(2, 0, { settings: settings({ bakeMinutes: 5 }) }),
      undefined,
      { waitsFor: 'bake', waitsAtMost: 300 },
    ],
    [
      'alarms',
      at(2, 0, { settings: settings({ hasAlarms: true }) }),
      undefined,
      { waitsFor: 'bake', waitsAtMost: undefined },
    ],
    [
      'nothing else',
      at(2, 0),
      undefined,
      { waitsFor: undefined, waitsSince: undefined, waitsAtMost: undefined },
    ],
  ])('%s', (_, seen, definition, expected) => {
    const opened = open({}, definition === undefined ? {} : { definition: { ...definition } });
    const [progress] = eventsOf(run(opened, poll(seen)), 'rollout-progress');
    expect(progress).toMatchObject(expected);
  });

  test('is nothing while ECS rolls back', () => {
    const seen = run(open(), poll(at(2, 2, behind), record('ROLLBACK_IN_PROGRESS')));
    expect(eventsOf(seen, 'rollout-progress')).toMatchObject([{ waitsFor: undefined }]);
  });

  test('old tasks are awaited in later polls as well', () => {
    const first = poll(at(1, 1, { ...behind, events: [stopped, draining] }));
    const seen = run(open(), first, poll(at(2, 1, behind)));
    expect(eventsOf(seen, 'rollout-progress').at(-1)).toMatchObject({ waitsFor: 'old-tasks' });
  });

  test('a drain goes on in later polls', () => {
    const first = poll(at(2, 0, { ...behind, events: [draining] }));
    const seen = run(
      open(),
      first,
      poll(at(2, 0, behind)),
      poll(at(2, 0, { ...behind, events: [stopped] })),
    );
    expect(eventsOf(seen, 'rollout-progress')).toMatchObject([
      { waitsFor: 'drain', waitsSince: timeOf(3).toISOString() },
      { waitsFor: undefined },
    ]);
  });
});

describe('the load balancer', () => {
  const targetGroup = 'arn:aws:elasticloadbalancing:r:1:targetgroup/web/0a';
  const loadBalancers = [{ targetGroup, container: 'app', port: 80 }];
  const behind = service([own({ running: 2 }), old({ running: 2 })], { loadBalancers });
  const group: TargetGroup = {
    arn: targetGroup,
    name: 'web',
    targetType: 'ip',
    check: {
      protocol: 'HTTP',
      port: undefined,
      path: '/health',
      matcher: '200',
      interval: 30,
      timeout: 5,
      healthyThreshold: 5,
      unhealthyThreshold: 2,
    },
    deregistrationDelay: 300,
    loadBalancers: ['arn:lb'],
  };
  const answer = (
    ...states: readonly [id: string, state: string, description?: string][]
  ): Seen => ({
    kind: 'target-health',
    health: [
      {
        group,
        targets: states.map(([id, state, description = '']) => ({
          id,
          port: 80,
          zone: undefined,
          state,
          reason: undefined,
          description,
        })),
      },
    ],
    addresses: new Set(['a', 'b']),
  });
  const still = (count: number, seen = behind, of?: RolloutRecord) => times(count, poll(seen, of));
  const asked = { kind: 'read-target-health', known: undefined };

  test('is asked once nothing has moved for some polls, and not again before its next check', () => {
    const seen = run(open(), ...still(STILL_POLLS));
    expect(new Set(actionsOf(seen))).toEqual(new Set(['wait']));
    expect(run(seen.state, poll(behind)).action).toEqual(asked);
    const told = run(seen.state, poll(behind), answer(['a', 'initial'], ['old', 'healthy']));
    expect(told.action).toEqual({ kind: 'wait' });
    expect(eventsOf(told, 'rollout-progress')).toMatchObject([
      {
        waitsFor: 'health-checks',
        targetGroups: [{ targetGroup: 'web', targets: 1, healthy: 0, draining: 0, interval: 30 }],
      },
    ]);
    const later = run(told.state, ...still(TARGET_POLLS));
    expect(actionsOf(later)).toEqual([
      ...Array.from({ length: TARGET_POLLS - 1 }, () => 'wait'),
      'read-target-health',
    ]);
    expect(later.action).toEqual({ ...asked, known: [group] });
    expect(later.events).toEqual([]);
  });

  test.each<[string, Service, RolloutRecord | undefined]>([
    ['a service has none', { ...behind, loadBalancers: [] }, undefined],
    ['no task runs yet', { ...behind, deployments: [own({ pending: 2 }), old()] }, undefined],
    ['ECS rolls back', behind, record('ROLLBACK_IN_PROGRESS')],
    ['traffic is shifted', behind, record('IN_PROGRESS', { stage: 'BAKE_TIME', traffic: 100 })],
    [
      'alarms are watched',
      service([own({ running: 2 })], { loadBalancers, settings: settings({ bakeMinutes: 5 }) }),
      undefined,
    ],
  ])('is not asked where %s', (_, seen, of) => {
    const end = run(open(), ...still(STILL_POLLS + 3, seen, of));
    expect(actionsOf(end)).not.toContain('read-target-health');
  });

  test('is not asked while something moves', () => {
    const pending = { ...behind, deployments: [own({ running: 2, pending: 1 }), old()] };
    const moves = Array.from({ length: 20 }, (_, index) => poll(index % 2 ? behind : pending));
    expect(actionsOf(run(open(), ...moves))).not.toContain('read-target-health');
  });

  test('names the cause of an unhealthy target before a task is stopped for it', () => {
    const waiting = run(open(), ...still(STILL_POLLS + 1));
    const sick = answer(['a', 'unhealthy', 'Health checks failed with these codes: [404]']);
    const seen = run(waiting.state, sick);
    expect(eventsOf(seen, 'cause')).toMatchObject([
      {
        cause: {
          code: 'load-balancer-health-check',
          summary: 'the target group web expects 200 on /health; the tasks answer 404',
          tasks: 0,
        },
      },
    ]);
    // It is told once, and gives nothing up.
    const again = run(seen.state, ...still(TARGET_POLLS), sick);
    expect(eventsOf(again, 'cause')).toEqual([]);
    expect(again.action).toEqual({ kind: 'wait' });
    const ended = run(seen.state, { kind: 'end', outcome: 'timed-out', reason: '' });
    expect(eventsOf(ended, 'service-ended')[0]?.result.causes).toHaveLength(1);
  });

  test('what it said is forgotten once something moves; its limit of a drain stays', () => {
    const draining = event('has begun draining connections on 2 tasks.');
    const told = run(open(), ...still(STILL_POLLS + 1), answer(['a', 'initial']));
    const seen = run(
      told.state,
      poll(service([own({ running: 2 }), old()], { loadBalancers, events: [draining] })),
    );
    expect(eventsOf(seen, 'rollout-progress')).toMatchObject([
      { waitsFor: 'drain', waitsAtMost: 300, targetGroups: [] },
    ]);
  });

  test.each([
    ['for good', true, Infinity],
    ['once', false, TARGET_POLLS],
  ])('cannot be read %s', (_, denied, pause) => {
    const waiting = run(open(), ...still(STILL_POLLS + 1));
    const seen = run(waiting.state, { kind: 'targets-unreadable', denied });
    expect(seen.action).toEqual({ kind: 'wait' });
    const later = run(seen.state, ...still(3 * TARGET_POLLS));
    const first = actionsOf(later).indexOf('read-target-health') + 1;
    expect(first).toBe(pause === Infinity ? 0 : pause);
  });

  test('explains missing tasks only where a target is not healthy', () => {
    const one = { ...behind, deployments: [own({ running: 1 }), old({ running: 2 })] };
    const waiting = run(open(), ...still(STILL_POLLS + 1, one));
    expect(waiting.action).toEqual(asked);
    const isWaiting = (seen: Seen) => eventsOf(run(waiting.state, seen), 'rollout-progress');
    expect(isWaiting(answer(['a', 'initial']))).toMatchObject([{ waitsFor: 'health-checks' }]);
    expect(isWaiting(answer(['a', 'healthy']))).toMatchObject([
      { waitsFor: undefined, targetGroups: [{ healthy: 1 }] },
    ]);
    // Targets of other services are not counted, and nothing new is not reported.
    expect(isWaiting(answer(['old', 'unhealthy']))).toEqual([]);
  });

  test('a drain can take as long as the longest of its target groups allows', () => {
    const draining = event('has begun draining connections on 2 tasks.');
    const seen = service([own({ running: 2 }), old()], { loadBalancers, events: [draining] });
    const waiting = run(open(), ...still(STILL_POLLS + 1, seen));
    const health = [60, 300, undefined].map((deregistrationDelay) => ({
      group: { ...group, deregistrationDelay },
      targets: [],
    }));
    const told = run(waiting.state, { kind: 'target-health', health, addresses: new Set() });
    expect(eventsOf(told, 'rollout-progress')).toMatchObject([{ waitsAtMost: 300 }]);
  });

  test('a task that is stopped for its health is no old task', () => {
    const unhealthy = event(
      `(task abc) (port 80) is unhealthy in (target-group ${targetGroup}) due to (reason Request timed out).`,
    );
    const started = event('has started 2 tasks: (task abc) (task def).');
    const begun = event('has begun draining connections on 1 tasks.');
    const stopped = event('has stopped 1 running tasks: (task abc).');
    const seen = run(
      open(),
      poll({ ...behind, events: [started] }),
      poll({ ...behind, events: [begun, unhealthy] }),
      poll({ ...behind, events: [stopped] }),
    );
    expect(seen.state.isStopping).toBe(false);
    expect(seen.state.draining.tasks).toBe(0);
  });
});

describe('a deployment of CodeDeploy', () => {
  type Stage = Parameters<typeof eventsTo>[0];
  const seenAt = (stage: Stage, running: number): Seen => {
    const seen = codeDeployService([1, 2]);
    const deployments = seen.deployments.map((item) =>
      item.id === 'd-2' ? { ...item, running } : item,
    );
    const events = eventsTo(stage);
    return poll({ ...seen, deployments }, toRecord(readOf({}, { events }), seen));
  };
  const watch = (policy: Partial<WatchPolicy> = {}) =>
    openWatch(move({ service: codeDeployService([1]) }), own({ id: 'd-2' }), 'd-1', {
      ...POLICY,
      ...policy,
    });
  /** The polls after which failed tasks were read. */
  const searchedAfter = (seen: Seen): number[] => {
    let state = watch();
    const polls: number[] = [];
    for (let count = 1; count <= 2 * SLOW_POLLS; count += 1) {
      const polled = run(state, seen);
      const isRead = polled.action?.kind === 'read-failed-tasks';
      if (isRead) polls.push(count);
      state = isRead ? run(polled.state, failedTasks()).state : polled.state;
    }
    return polls;
  };

  test('failed tasks are searched from time to time while tasks are missing in Install', () => {
    const search = (first: number) => Array.from({ length: SEARCH_POLLS }, (_, at) => first + at);
    expect(searchedAfter(seenAt('Install', 1))).toEqual([...search(3), ...search(3 + SLOW_POLLS)]);
    expect(searchedAfter(seenAt('Install', 2))).toEqual([]);
    expect(searchedAfter(seenAt('AllowTraffic', 1))).toEqual([]);
  });

  test('that is given up still waits for its tasks', () => {
    const broken = failedTasks(task('1', NOT_FOUND));
    const seen = run(watch(), seenAt('Install', 0), seenAt('Install', 0), broken);
    expect(eventsOf(seen, 'service-ended')).toMatchObject([
      {
        reason:
          'every new task would fail the same way, but CodeDeploy waits for them up to an hour',
        result: { outcome: 'failed' },
      },
    ]);
  });

  /** A poll at an event, with weights; `use` is how the service is deployed. */
  const pollOf = (
    stage: Stage,
    green: number,
    use: Parameters<typeof aUse>[0],
    more: Partial<Service> = {},
  ): Seen => {
    const seen = codeDeployService([1, 2], { codeDeploy: aUse(use), ...more });
    const read = readOf({}, { events: eventsTo(stage), taskSets: sharesOf(green) });
    return poll(seen, toRecord(read, seen));
  };

  test('is testable at its test listener once test traffic has shifted, and before production', () => {
    const group = aGroup({ testListener: 'arn:test' });
    const actionAt = (...[stage, green]: readonly [Stage, number]) =>
      run(watch(), pollOf(stage, green, { group })).action;
    expect(actionAt('AllowTestTraffic', 0)).toEqual({ kind: 'wait' });
    expect(actionAt('AfterAllowTestTraffic', 0)).toEqual({
      kind: 'read-test-address',
      rule: 'arn:test',
    });
    expect(actionAt('AllowTraffic', 10)).toEqual({ kind: 'wait' });
    expect(run(watch(), pollOf('AfterAllowTestTraffic', 0, {})).action).toEqual({ kind: 'wait' });
  });

  test('calls each function at the event of its name', () => {
    const hooks = { AfterInstall: 'arn:aws:lambda:r:1:function:smoke-test' };
    const seen = run(watch(), pollOf('AfterInstall', 0, { hooks }));
    expect(eventsOf(seen, 'rollout-hook')).toMatchObject([
      { stage: 'AfterInstall', hook: 'AfterInstall', function: 'smoke-test' },
    ]);
  });

  test('waits for the rest of the shift', () => {
    const shift = { waits: 1, minutes: 5 };
    const told = run(watch(), pollOf('AllowTraffic', 10, {}, { settings: settings({ shift }) }));
    expect(eventsOf(told, 'rollout-progress')).toMatchObject([
      { waitsFor: 'next-step', waitsSince: timeOf(2).toISOString(), waitsAtMost: 300, traffic: 10 },
    ]);
  });

  test('that is rolled back in vain has the reason of its own failure as the cause', () => {
    const seen = codeDeployService([1]);
    const failed = readOf({
      status: 'Failed',
      error: { code: 'ALARM_ACTIVE', message: 'errors' },
      rollback: 'd-3',
    });
    const rolledBackBy = readOf({
      id: 'd-3',
      status: 'Failed',
      error: { code: 'TIMEOUT', message: 'late' },
    });
    const record = toRecord({ ...failed, rolledBackBy }, seen);
    const polls = times(DOUBTFUL_POLLS + STALE_POLLS, poll(seen, record));
    const ended = run(watch(), ...polls, failedTasks());
    expect(eventsOf(ended, 'service-ended')[0]?.result.causes).toMatchObject([
      { summary: 'an alarm of the deployment group stopped the deployment' },
    ]);
  });

  test.each<[string, Service, Parameters<typeof readOf>[0] | undefined, true | undefined]>([
    ['has ended and serves', codeDeployService([2, 1]), { status: 'Failed' }, undefined],
    ['has ended without traffic', codeDeployService([1]), { status: 'Failed' }, true],
    ['goes on', codeDeployService([1, 2]), {}, undefined],
    ['is of a deleted service', codeDeployService([1], { status: 'INACTIVE' }), undefined, true],
    ['is not listed', codeDeployService([1]), undefined, undefined],
  ])('leaves something to roll back, or not: it %s', (_, seen, read, expected) => {
    const polled = poll(seen, read && toRecord(readOf(read), seen));
    const last: Seen = { kind: 'end', outcome: 'timed-out', reason: '' };
    const [ended] = eventsOf(run(watch(), polled, last, failedTasks()), 'service-ended');
    expect(ended?.nothingToRollBack).toBe(expected);
  });

  test('that was stopped has failed, unless its rollback was asked for', () => {
    const seen = codeDeployService([1]);
    const stopped = readOf({ status: 'Stopped' });
    const polls = times(DOUBTFUL_POLLS + STALE_POLLS, poll(seen, toRecord(stopped, seen)));
    const outcomeOf = (policy: Partial<WatchPolicy>) => {
      const { action } = run(watch(policy), ...polls, failedTasks());
      return action?.kind === 'end' ? action.result.outcome : action?.kind;
    };
    expect(outcomeOf({})).toBe('failed');
    expect(outcomeOf({ rollbackAsked: true })).toBe('succeeded');
  });
});

test.each<[string, Service, boolean]>([
  ['all new tasks run, no old one', service([own({ running: 2 }), old()]), true],
  ['more run than desired', service([own({ running: 3 })]), true],
  ['one is missing', service([own({ running: 1 })]), false],
  ['one is pending', service([own({ running: 2, pending: 1 })]), false],
  ['an old one runs', service([own({ running: 2 }), old({ running: 1 })]), false],
  ['it is complete', service([own({ running: 2, rolloutState: 'COMPLETED' })]), false],
  ['nothing is PRIMARY', service([own({ running: 2, status: 'ACTIVE' })], { desired: 0 }), false],
])('only the completion is outstanding: %s: %s', (_, seen, expected) => {
  expect(isNear({ ...open(), polled: { service: seen, record: undefined } })).toBe(expected);
});

test('the result of a move without a deployment', () => {
  expect(resultOf(move({ previous: undefined }), 'unchanged')).toMatchObject({
    outcome: 'unchanged',
    previousTaskDefinition: null,
    deployment: null,
    desired: 2,
    running: 0,
  });
});
