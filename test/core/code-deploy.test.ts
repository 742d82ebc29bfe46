import { describe, expect, test } from 'vitest';
import { appSpecFor, makeAppSpec, readAppSpec, withRevision } from '../../src/core/app-spec.ts';
import {
  codeDeployWait,
  hasLeft,
  isServing,
  rollsBack,
  shiftOf,
  stageOf,
} from '../../src/core/code-deploy.ts';
import type { CodeDeployment, CodeDeployRead } from '../../src/core/code-deploy.ts';
import { asMoving, toRecord } from '../../src/core/code-deploy-record.ts';
import { judgeCodeDeploy } from '../../src/core/code-deploy-verdict.ts';
import { checkActive, checkAppSpec, checkGroup } from '../../src/core/checks-code-deploy.ts';
import { DOUBTFUL_POLLS, STALE_POLLS } from '../../src/core/pacing.ts';
import { NO_MEMORY } from '../../src/core/verdict.ts';
import type { Verdict } from '../../src/core/verdict.ts';
import {
  aGroup,
  aUse,
  codeDeployment,
  codeDeployService,
  eventsTo,
  options,
  readOf,
  sharesOf,
} from '../support/code-deploy-types.ts';
import { timeOf } from '../support/ecs-types.ts';

const ours = { id: 'd-2', taskDefinition: 'app:2', createdAt: timeOf(2), previous: undefined };
const NOT_ASKED = { rollback: false, isBack: false };

/** The verdict after so many equal polls. */
function verdictOf(
  read: CodeDeployRead,
  service = codeDeployService([1, 2]),
  { polls = 1, asked = NOT_ASKED } = {},
): Verdict {
  let memory = NO_MEMORY;
  let verdict: Verdict = { kind: 'waiting', phase: 'stale' };
  for (let poll = 1; poll <= polls && verdict.kind === 'waiting'; poll += 1) {
    const polled = { service, record: toRecord(read, service) };
    [verdict, memory] = judgeCodeDeploy(ours, polled, memory, asked);
  }
  return verdict;
}

const EVENT_ERROR = { code: 'HOOK_EXECUTION_FAILURE', message: 'a hook failed' };
const ROLLS_BACK = options({ rollbackEvents: ['DEPLOYMENT_FAILURE', 'DEPLOYMENT_STOP_ON_ALARM'] });
const back = (
  deployment: Partial<CodeDeployment>,
  green = 0,
  events = eventsTo('AllowTraffic'),
) => ({
  deployment: codeDeployment(3, { rollbackOf: 'd-2', ...deployment }),
  events,
  taskSets: sharesOf(green),
});
const returned = eventsTo('AfterAllowTraffic', 'Skipped');

describe('the verdict', () => {
  test.each<[string, CodeDeployRead, Verdict]>([
    ['created', readOf({ status: 'Created' }), { kind: 'waiting', phase: 'in-progress' }],
    [
      'all traffic, but not finished',
      readOf({}, { events: eventsTo('AfterAllowTraffic', 'Succeeded'), taskSets: sharesOf(100) }),
      { kind: 'waiting', phase: 'in-progress' },
    ],
    ['ready', readOf({ status: 'Ready' }), { kind: 'waiting', phase: 'paused' }],
    [
      'a status of the future',
      readOf({ status: 'New' }),
      { kind: 'waiting', phase: 'in-progress' },
    ],
    ['succeeded', readOf({ status: 'Succeeded' }), { kind: 'succeeded' }],
    [
      'failed without a rollback',
      readOf({ status: 'Failed', error: EVENT_ERROR }),
      { kind: 'failed', reason: 'HOOK_EXECUTION_FAILURE: a hook failed' },
    ],
    [
      'failed, and the rollback is still to be named',
      readOf(
        { status: 'Failed', error: EVENT_ERROR, options: ROLLS_BACK },
        { taskSets: sharesOf(0) },
      ),
      { kind: 'waiting', phase: 'rolling-back' },
    ],
    [
      'the rollback is in progress',
      readOf({ status: 'Failed', rollback: 'd-3' }, { rolledBackBy: back({}) }),
      { kind: 'waiting', phase: 'rolling-back' },
    ],
    [
      'the rollback has succeeded',
      readOf(
        { status: 'Failed', rollback: 'd-3', error: EVENT_ERROR },
        { taskSets: sharesOf(100), rolledBackBy: back({ status: 'Succeeded' }) },
      ),
      { kind: 'rolled-back', reason: 'HOOK_EXECUTION_FAILURE: a hook failed', to: 'app:1' },
    ],
    [
      'the traffic is back, before the rollback is finished',
      readOf(
        { status: 'Stopped', rollback: 'd-3' },
        { taskSets: sharesOf(100), rolledBackBy: back({}, 0, returned) },
      ),
      { kind: 'rolled-back', reason: '', to: 'app:1' },
    ],
    [
      'half of the traffic is back',
      readOf(
        { status: 'Stopped', rollback: 'd-3' },
        { taskSets: sharesOf(100), rolledBackBy: back({}, 50, returned) },
      ),
      { kind: 'waiting', phase: 'rolling-back' },
    ],
    [
      'the rollback has failed',
      readOf(
        { status: 'Failed', rollback: 'd-3' },
        { rolledBackBy: back({ status: 'Failed', error: { code: 'TIMEOUT', message: 'late' } }) },
      ),
      { kind: 'failed', reason: 'the rollback d-3 did not succeed: TIMEOUT: late' },
    ],
  ])('%s', (_, read, verdict) => {
    expect(verdictOf(read)).toEqual(verdict);
  });

  test('a rollback that is never named is a failure', () => {
    const failed = { status: 'Failed', error: EVENT_ERROR, options: ROLLS_BACK };
    const read = readOf(failed, { taskSets: sharesOf(0) });
    expect(verdictOf(read, undefined, { polls: STALE_POLLS - 1 }).kind).toBe('waiting');
    expect(verdictOf(read, undefined, { polls: STALE_POLLS }).kind).toBe('failed');
    // Before there is a new task set, nothing can be rolled back.
    expect(verdictOf(readOf(failed), undefined, { polls: DOUBTFUL_POLLS }).kind).toBe('failed');
  });

  test('a deployment that was stopped waits a moment for what came after it', () => {
    const stopped = { status: 'Stopped', error: { code: 'MANUAL_STOP', message: 'by a user' } };
    const newer = { id: 'd-4', taskDefinition: 'app:4' };
    const read = readOf(stopped, { newer });
    expect(verdictOf(read, undefined, { polls: DOUBTFUL_POLLS - 1 }).kind).toBe('waiting');
    expect(verdictOf(read, undefined, { polls: DOUBTFUL_POLLS })).toEqual({
      kind: 'superseded',
      by: 'd-4',
      taskDefinition: 'app:4',
    });
    expect(verdictOf(readOf(stopped), undefined, { polls: DOUBTFUL_POLLS })).toEqual({
      kind: 'failed',
      reason: 'MANUAL_STOP: by a user',
    });
  });

  test('a rollback counts only once ECS no longer shows the task set as PRIMARY', () => {
    const read = readOf(
      { status: 'Failed', rollback: 'd-3' },
      { taskSets: sharesOf(100), rolledBackBy: back({ status: 'Succeeded' }) },
    );
    const late = codeDeployService([2, 1]);
    expect(verdictOf(read, late, { polls: STALE_POLLS - 1 }).kind).toBe('waiting');
    expect(verdictOf(read, late, { polls: STALE_POLLS }).kind).toBe('failed');
  });

  test('a requested rollback of what never had traffic needs no deployment of its own', () => {
    const read = readOf({ status: 'Stopped' });
    const asked = { rollback: true, isBack: false };
    expect(verdictOf(read, undefined, { polls: STALE_POLLS, asked })).toMatchObject({
      kind: 'rolled-back',
      to: 'app:1',
    });
    const primary = codeDeployService([2, 1]);
    expect(verdictOf(read, primary, { polls: STALE_POLLS, asked }).kind).toBe('failed');
  });

  test('a deployment that takes another one back has succeeded with the traffic', () => {
    const events = eventsTo('AfterAllowTraffic', 'Succeeded');
    const asked = { rollback: false, isBack: true };
    const read = readOf({}, { events, taskSets: sharesOf(100) });
    expect(verdictOf(read, undefined, { asked }).kind).toBe('succeeded');
  });

  test('a read of another deployment, or of none, says nothing', () => {
    const service = codeDeployService([1]);
    const record = toRecord({ ...readOf({ status: 'Succeeded', id: 'd-1' }) }, service);
    const stale = [{ kind: 'waiting', phase: 'stale' }, NO_MEMORY];
    expect(judgeCodeDeploy(ours, { service, record }, NO_MEMORY, NOT_ASKED)).toEqual(stale);
    expect(judgeCodeDeploy(ours, { service, record: undefined }, NO_MEMORY, NOT_ASKED)).toEqual(
      stale,
    );
  });
});

describe('whether a deployment serves', () => {
  const shifted = eventsTo('AfterAllowTraffic', 'Succeeded');
  test.each<[string, CodeDeployRead, boolean]>([
    ['all traffic and all events', readOf({}, { events: shifted, taskSets: sharesOf(100) }), true],
    [
      'a last event that is skipped',
      readOf({}, { events: eventsTo('AfterAllowTraffic', 'Skipped'), taskSets: sharesOf(100) }),
      true,
    ],
    [
      'the last hook runs',
      readOf({}, { events: eventsTo('AfterAllowTraffic'), taskSets: sharesOf(100) }),
      false,
    ],
    [
      'the shift runs',
      readOf({}, { events: eventsTo('AllowTraffic'), taskSets: sharesOf(100) }),
      false,
    ],
    ['not all of the traffic', readOf({}, { events: shifted, taskSets: sharesOf(90) }), false],
    ['no weights', readOf({}, { events: shifted }), false],
    [
      'it was stopped',
      readOf({ status: 'Stopped' }, { events: shifted, taskSets: sharesOf(100) }),
      false,
    ],
    [
      'the other task set has all traffic',
      readOf({}, { events: shifted, taskSets: sharesOf(0) }),
      false,
    ],
  ])('%s', (_, read, serves) => {
    expect(isServing(read)).toBe(serves);
  });

  test('traffic that is back has left the task set', () => {
    expect(hasLeft(back({}, 0, returned), 'ecs-svc/2')).toBe(true);
    expect(hasLeft(back({}, 0), 'ecs-svc/2')).toBe(false);
    expect(hasLeft(back({}, 0, returned), undefined)).toBe(false);
  });
});

test.each<[Partial<CodeDeployment>, string[], boolean]>([
  [{ status: 'Failed' }, ['DEPLOYMENT_FAILURE'], true],
  [{ status: 'Failed' }, ['DEPLOYMENT_STOP_ON_ALARM'], false],
  [{ status: 'Stopped' }, ['DEPLOYMENT_STOP_ON_REQUEST'], true],
  [{ status: 'Stopped' }, ['DEPLOYMENT_FAILURE'], false],
  [
    { status: 'Stopped', error: { code: 'ALARM_ACTIVE', message: '' } },
    ['DEPLOYMENT_STOP_ON_ALARM'],
    true,
  ],
])('whether CodeDeploy rolls %o back with %o', (more, rollbackEvents, expected) => {
  expect(rollsBack(codeDeployment(2, { ...more, options: options({ rollbackEvents }) }))).toBe(
    expected,
  );
});

test.each([
  ['CodeDeployDefault.ECSAllAtOnce', { waits: 0, minutes: 0 }],
  ['CodeDeployDefault.ECSLinear10PercentEvery1Minutes', { waits: 9, minutes: 1 }],
  ['CodeDeployDefault.ECSLinear10PercentEvery3Minutes', { waits: 9, minutes: 3 }],
  ['CodeDeployDefault.ECSCanary10Percent15Minutes', { waits: 1, minutes: 15 }],
  ['a-config-of-ours', undefined],
])('the steps that the name %s says', (name, shift) => {
  expect(shiftOf(name)).toEqual(shift);
});

test('the stage of a deployment, and what it waits for there', () => {
  const shift = { waits: 9, minutes: 1 };
  const at = (read: CodeDeployRead) => [stageOf(read), codeDeployWait(read, shift).waitsFor];
  expect(at(readOf({ status: 'Created' }))).toEqual(['Created', undefined]);
  expect(at(readOf({}, { events: eventsTo('Install') }))).toEqual(['Install', undefined]);
  expect(at(readOf({ status: 'Ready' }))).toEqual(['READY_WAIT', undefined]);
  const shifting = readOf({}, { events: eventsTo('AllowTraffic'), taskSets: sharesOf(10) });
  expect(at(shifting)).toEqual(['AllowTraffic', 'next-step']);
  const events = eventsTo('AfterAllowTraffic', 'Succeeded');
  expect(at(readOf({}, { events }))).toEqual(['TERMINATION_WAIT', 'termination']);
  const kept = options({ terminationMinutes: undefined });
  expect(at(readOf({ options: kept }, { events }))).toEqual(['TERMINATION_WAIT', undefined]);
});

test('while traffic shifts, the weights are those of the deployment, then of its rollback', () => {
  const service = codeDeployService([1, 2], { codeDeploy: aUse({ hooks: { Install: 'fn' } }) });
  const read = readOf({}, { events: eventsTo('Install'), taskSets: sharesOf(10) });
  expect(toRecord(read, service)).toMatchObject({
    arn: 'd-2',
    status: 'IN_PROGRESS',
    stage: 'Install',
    traffic: 10,
    oldTraffic: 90,
    hooks: [{ id: 'Install', target: 'arn:aws:lambda:r:1:function:fn', status: 'IN_PROGRESS' }],
  });
  const rolledBack = { ...read, deployment: codeDeployment(2, { status: 'Failed' }) };
  expect(toRecord({ ...rolledBack, rolledBackBy: back({}, 70) }, service)).toMatchObject({
    status: 'ROLLBACK_IN_PROGRESS',
    stage: undefined,
    traffic: 70,
  });
});

test('a wait for an answer ends at a time', () => {
  const service = codeDeployService([1]);
  const read = readOf(
    { status: 'Ready', options: options({ readyMinutes: 60 }) },
    { events: eventsTo('AfterInstall', 'Succeeded') },
  );
  expect(toRecord(read, service).hooks).toEqual([
    {
      id: 'READY_WAIT',
      target: undefined,
      status: 'AWAITING_ACTION',
      expiresAt: '2026-01-01T02:00:00.000Z',
      timeoutAction: 'STOP_DEPLOYMENT',
    },
  ]);
});

test('a service on its way, as ECS would show it', () => {
  const active = { ...readOf({}), taskDefinition: 'app:2' };
  const moving = asMoving(codeDeployService([1], { codeDeploy: aUse({ active }) }));
  expect(moving.taskDefinition).toBe('app:2');
  expect(moving.deployments).toMatchObject([
    { id: 'd-2', status: 'PRIMARY', rolloutState: 'IN_PROGRESS', taskDefinition: 'app:2' },
    { id: 'd-1', status: 'ACTIVE', rolloutState: 'COMPLETED' },
  ]);
  const backing = { ...active, rolledBackBy: back({}) };
  const returning = asMoving(codeDeployService([2, 1], { codeDeploy: aUse({ active: backing }) }));
  expect(returning).toMatchObject({
    taskDefinition: 'app:1',
    deployments: [{ id: 'd-1', status: 'PRIMARY', rolloutState: 'IN_PROGRESS' }],
  });
});

describe('the AppSpec', () => {
  const YAML = `# ours
version: 0.0
Resources:
  - TargetService:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: arn:aws:ecs:r:1:task-definition/app:1   # the revision
        LoadBalancerInfo: { ContainerName: app, ContainerPort: 8080 }
        FutureMember: [1, "TaskDefinition: x"]
Hooks:
  - BeforeInstall: check
  - AfterAllowTraffic: arn:aws:lambda:r:1:function:smoke
`;
  const NEXT = 'arn:aws:ecs:r:1:task-definition/app:2';

  test('nothing but the revision changes, in YAML', () => {
    expect(readAppSpec(YAML)).toEqual({
      taskDefinition: 'arn:aws:ecs:r:1:task-definition/app:1',
      hooks: { BeforeInstall: 'check', AfterAllowTraffic: 'arn:aws:lambda:r:1:function:smoke' },
    });
    expect(withRevision(YAML, NEXT)).toBe(
      YAML.replace('arn:aws:ecs:r:1:task-definition/app:1 ', `"${NEXT}" `),
    );
  });

  test('nothing but the revision changes, in JSON with other cases of the keys', () => {
    const json = `{ "version": 0.0, "resources": [ {"TargetService":{"type":"AWS::ECS::Service","properties":{"taskDefinition":"a:1","x":null}}}]}`;
    expect(withRevision(json, NEXT)).toBe(json.replace('a:1', NEXT));
  });

  test.each([
    ['no AppSpec of ECS', 'version: 0.0\nResources:\n  - fn: { Type: AWS::Lambda::Function }\n'],
    [
      'two services',
      YAML.replace('Hooks:', '  - Other: { Properties: { TaskDefinition: b } }\nHooks:'),
    ],
    ['no YAML', '{'],
    ['an alias', 'x: &a b\nResources: [ { T: { Properties: { TaskDefinition: *a } } } ]\n'],
  ])('%s cannot be changed', (_, content) => {
    expect(readAppSpec(content)).toBeUndefined();
    expect(() => withRevision(content, NEXT)).toThrow('names no task definition');
  });

  test('without an earlier one it is made of the service', () => {
    const made = makeAppSpec(NEXT, { container: 'app', port: 80 });
    expect(made).toBe(
      `{"version":0.0,"Resources":[{"TargetService":{"Type":"AWS::ECS::Service","Properties":{"TaskDefinition":"${NEXT}","LoadBalancerInfo":{"ContainerName":"app","ContainerPort":80}}}}]}`,
    );
    const balancer = { targetGroup: 't', container: 'app', port: 80 };
    const service = codeDeployService([1], { loadBalancers: [balancer] });
    expect(appSpecFor(service, { appSpec: { kind: 'none' } }, NEXT)).toBe(made);
    const last = { kind: 'last', deployment: 'd-1', content: YAML } as const;
    expect(appSpecFor(service, { appSpec: last }, NEXT)).toBe(withRevision(YAML, NEXT));
    expect(() => appSpecFor(codeDeployService([1]), { appSpec: { kind: 'none' } }, NEXT)).toThrow(
      'no load balancer',
    );
  });
});

describe('checks', () => {
  const balancer = {
    targetGroup: 'arn:aws:elasticloadbalancing:r:1:targetgroup/blue/1',
    container: 'app',
    port: 80,
  };
  test('a group with a pair of target groups', () => {
    const service = { loadBalancers: [balancer] };
    expect(checkGroup(service, { group: aGroup() })).toMatchObject({ status: 'ok' });
    const pairless = aGroup({ targetGroups: [] });
    expect(checkGroup(service, { group: pairless })).toMatchObject({ status: 'fail' });
    const other = aGroup({ targetGroups: ['x', 'y'] });
    expect(checkGroup(service, { group: other })).toMatchObject({
      status: 'fail',
      message: expect.stringContaining('target group blue') as string,
    });
  });

  test('an AppSpec that keeps the hooks', () => {
    const last = { kind: 'last', deployment: 'd-1', content: '' } as const;
    expect(checkAppSpec(aUse({ appSpec: last, hooks: { AfterInstall: 'fn' } }))).toMatchObject({
      status: 'ok',
      message: 'as in d-1, hooks: AfterInstall',
    });
    expect(checkAppSpec(aUse())).toMatchObject({ status: 'warn' });
    const elsewhere = { kind: 'elsewhere', deployment: 'd-1', place: 's3://b/k' } as const;
    expect(checkAppSpec(aUse({ appSpec: elsewhere }))).toMatchObject({
      status: 'fail',
      code: 'app-spec-unreadable',
    });
  });

  test('a deployment in progress', () => {
    const active = { ...readOf({}), taskDefinition: 'app:2' };
    const busy = codeDeployService([1], { codeDeploy: aUse({ active }) });
    const now = new Date(timeOf(2).getTime() + 300_000);
    expect(checkActive(busy, { isAwaited: false, now })).toMatchObject({
      status: 'fail',
      code: 'service-busy',
      message:
        'CodeDeploy deploys one revision of "api" at a time, and the deployment d-2 of app:2 has been in progress for 5m 0s.',
    });
    expect(checkActive(busy, { isAwaited: true, now })).toMatchObject({ status: 'ok' });
    const events = eventsTo('AfterAllowTraffic', 'Succeeded');
    const serving = { ...readOf({}, { events, taskSets: sharesOf(100) }), taskDefinition: 'app:2' };
    const ended = codeDeployService([2, 1], { codeDeploy: aUse({ active: serving }) });
    expect(checkActive(ended, { isAwaited: false, now })).toMatchObject({
      message:
        'CodeDeploy deploys one revision of "api" at a time, and the deployment d-2 of app:2 has all traffic, and its old tasks stay until 2026-01-01T02:00:00Z.',
    });
  });
});
