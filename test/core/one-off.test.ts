import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Task, TaskContainer } from '../../src/core/ecs.ts';
import {
  checkCommand,
  chooseCommandContainer,
  commandText,
  failuresText,
  isTransient,
  judgeCommand,
  outlives,
  stopCommand,
  taskRequest,
} from '../../src/core/one-off.ts';
import type { Command } from '../../src/core/one-off.ts';
import type { JsonObject } from '../../src/core/task-definition.ts';
import { aService } from '../support/ecs-types.ts';

const container = (name: string, more: Partial<TaskContainer> = {}): TaskContainer => ({
  name,
  lastStatus: more.exitCode === undefined ? 'RUNNING' : 'STOPPED',
  exitCode: undefined,
  reason: undefined,
  runtimeId: undefined,
  imageDigest: undefined,
  ...more,
});
const definition = (...containers: readonly JsonObject[]): JsonObject => ({
  family: 'app',
  networkMode: 'awsvpc',
  containerDefinitions: containers,
});
const PAIR = definition({ name: 'app' }, { name: 'log_router' });

type Seen = Pick<Task, 'containers' | 'lastStatus' | 'stopCode'>;
const seen = (
  containers: readonly TaskContainer[],
  lastStatus = 'STOPPED',
  stopCode: string | undefined = 'EssentialContainerExited',
): Seen => ({ containers, lastStatus, stopCode });

/** Outcome, exit code and why; the name of a culprit that is not the command's container. */
function judge(task: Seen, of = PAIR): string {
  const verdict = judgeCommand(task, 'app', of);
  if (verdict.kind === 'waiting') return 'waiting';
  const others = verdict.culprits.filter(({ name }) => name !== 'app').map(({ name }) => name);
  const by = verdict.why === 'other-container' ? ` by ${others.join()}` : '';
  return `${verdict.outcome} ${verdict.exitCode ?? '-'} ${verdict.why}${by}`;
}

const app = (exitCode?: number, more: Partial<TaskContainer> = {}) =>
  container('app', { ...(exitCode !== undefined && { exitCode }), ...more });
const router = (exitCode?: number, more: Partial<TaskContainer> = {}) =>
  container('log_router', { ...(exitCode !== undefined && { exitCode }), ...more });

test.each<readonly [string, Seen, string]>([
  ['it runs', seen([app(), router()], 'RUNNING', undefined), 'waiting'],
  ['it has ended, the task not yet', seen([app(0), router()], 'RUNNING'), 'succeeded 0 exit'],
  ['a sidecar gets SIGTERM', seen([app(0), router(143)]), 'succeeded 0 exit'],
  ['a sidecar is killed', seen([app(0), router(137)]), 'succeeded 0 exit'],
  ['a sidecar fails at the end', seen([app(0), router(1)]), 'succeeded 0 exit'],
  ['it fails', seen([app(2), router(143)]), 'failed 2 exit'],
  ['it fails, a sidecar too', seen([app(2), router(1)]), 'failed 2 exit'],
  [
    'out of memory',
    seen([app(137, { reason: 'OutOfMemoryError: x' }), router(1)]),
    'failed 137 exit',
  ],
  ['killed by nobody known', seen([app(137), router(0)]), 'failed 137 exit'],
  [
    'a sidecar failed first',
    seen([app(143), router(1)]),
    'failed 143 other-container by log_router',
  ],
  ['and it was killed', seen([app(137), router(1)]), 'failed 137 other-container by log_router'],
  [
    'a sidecar ended first',
    seen([app(143), router(0)]),
    'failed 143 other-container by log_router',
  ],
  [
    'a sidecar ran out of memory',
    seen([app(143), router(137, { reason: 'OutOfMemoryError: x' })]),
    'failed 143 other-container by log_router',
  ],
  [
    'it never started',
    seen([app(), router()], 'STOPPED', 'TaskFailedToStart'),
    'failed - never-started',
  ],
  ['nothing started', seen([], 'STOPPED', 'TaskFailedToStart'), 'failed - never-started'],
  ['known early', seen([app()], 'DEPROVISIONING', 'TaskFailedToStart'), 'failed - never-started'],
  ['its code may come', seen([app(), router(1)], 'DEPROVISIONING'), 'waiting'],
  ['its code never came', seen([app(), router(1)]), 'failed - never-started'],
  ['Spot', seen([app(143)], 'STOPPED', 'SpotInterruption'), 'interrupted 143 outside'],
  ['somebody', seen([app(143)], 'STOPPED', 'UserInitiated'), 'interrupted 143 outside'],
  [
    'somebody, and it exits with 0',
    seen([app(0)], 'STOPPED', 'UserInitiated'),
    'interrupted 0 outside',
  ],
  ['before it started', seen([app()], 'STOPPED', 'UserInitiated'), 'interrupted - outside'],
  ['it is being stopped', seen([app()], 'DEACTIVATING', 'UserInitiated'), 'waiting'],
])('%s', (_, task, expected) => {
  expect(judge(task)).toBe(expected);
});

const exitCodes = fc.option(fc.constantFrom(0, 1, 2, 127, 137, 143, 255), { nil: undefined });
const containers = fc.record({
  lastStatus: fc.constantFrom('PENDING', 'RUNNING', 'STOPPED'),
  exitCode: exitCodes,
  reason: fc.option(fc.constantFrom('OutOfMemoryError: x', 'CannotPullContainerError'), {
    nil: undefined,
  }),
});
const tasks = fc.record({
  lastStatus: fc.constantFrom('PROVISIONING', 'RUNNING', 'STOPPING', 'DEPROVISIONING', 'STOPPED'),
  stopCode: fc.option(
    fc.constantFrom(
      'TaskFailedToStart',
      'EssentialContainerExited',
      'UserInitiated',
      'SpotInterruption',
    ),
    { nil: undefined },
  ),
  app: containers,
  sidecar: containers,
});

test('nothing succeeds without exit code 0 of its own container', () => {
  const holds = () =>
    fc.assert(
      fc.property(tasks, fc.boolean(), ({ lastStatus, stopCode, ...parts }, isEssential) => {
        const task = {
          lastStatus,
          stopCode,
          containers: [container('app', parts.app), container('log_router', parts.sidecar)],
        };
        const of = definition({ name: 'app', essential: isEssential }, { name: 'log_router' });
        const verdict = judgeCommand(task, 'app', of);
        const { exitCode } = parts.app;
        const isEnded = verdict.kind === 'ended';
        return (
          // A task that has stopped always has a verdict.
          (isEnded || lastStatus !== 'STOPPED') &&
          (!isEnded || verdict.outcome !== 'succeeded' || exitCode === 0) &&
          (!isEnded || verdict.outcome !== 'failed' || verdict.exitCode !== 0) &&
          (!isEnded || verdict.why !== 'never-started' || verdict.exitCode === undefined)
        );
      }),
    );
  expect(holds).not.toThrow();
});

test('what other containers do changes no success', () => {
  fc.assert(
    fc.property(containers, (sidecar) => {
      const task = seen([app(0), container('log_router', sidecar)]);
      expect(judge(task)).toBe('succeeded 0 exit');
    }),
  );
});

describe('the container', () => {
  const named = (of: JsonObject, names?: readonly string[]) => {
    try {
      return chooseCommandContainer(of, names);
    } catch (error) {
      return (error as Error).message;
    }
  };
  test.each<readonly [string, string | undefined, JsonObject]>([
    ['app', undefined, definition({ name: 'app' })],
    ['app', undefined, definition({ name: 'app' }, { name: 'init', essential: false })],
    ['init', 'init', definition({ name: 'app' }, { name: 'init', essential: false })],
    [
      'The task definition app has 2 containers that can run the command: app, log_router.',
      undefined,
      PAIR,
    ],
    ['The task definition app has no container "nginx".', 'nginx', PAIR],
  ])('%s', (expected, name, of) => {
    expect(named(of, name === undefined ? undefined : [name])).toBe(expected);
  });

  test('of several that get the image, the only essential one', () => {
    const of = definition({ name: 'app' }, { name: 'init', essential: false }, { name: 'proxy' });
    expect(named(of, ['app', 'init'])).toBe('app');
    expect(named(of, ['app', 'proxy'])).toContain('can run the command: app, proxy');
  });

  test('one that is not essential leaves the task running', () => {
    const of = definition({ name: 'app', essential: false }, { name: 'log_router' });
    expect(outlives({ desiredStatus: 'RUNNING' }, 'app', of)).toBe(true);
    expect(outlives({ desiredStatus: 'STOPPED' }, 'app', of)).toBe(false);
    expect(outlives({ desiredStatus: 'RUNNING' }, 'app', PAIR)).toBe(false);
  });
});

const COMMAND: Command = {
  words: ['rails', 'db:migrate'],
  container: 'app',
  setEnv: {},
  cpu: undefined,
  memory: undefined,
};
const NETWORK = { awsvpcConfiguration: { subnets: ['subnet-1'], someNewMember: true } };
const OVERRIDES = { containerOverrides: [{ name: 'app', command: ['rails', 'db:migrate'] }] };

describe('the request', () => {
  const request = (document: JsonObject, of = PAIR, more: Partial<Command> = {}) => {
    const {
      cluster: _,
      count: __,
      ...rest
    } = taskRequest(
      document,
      aService({ launchType: document['launchType'] as string | undefined }),
      of,
      { ...COMMAND, ...more },
    );
    return rest;
  };

  test('has the network as ECS sent it, for awsvpc only', () => {
    const document = { launchType: 'EC2', networkConfiguration: NETWORK };
    expect(request(document)).toEqual({
      launchType: 'EC2',
      networkConfiguration: NETWORK,
      overrides: OVERRIDES,
    });
    expect(request(document, { ...PAIR, networkMode: 'bridge' })).toEqual({
      launchType: 'EC2',
      overrides: OVERRIDES,
    });
  });

  test('has either capacity providers or a launch type, or neither', () => {
    const strategy = [{ capacityProvider: 'spot', weight: 1, base: 0 }];
    const both = { launchType: 'EC2', capacityProviderStrategy: strategy };
    expect(request(both)).toEqual({ capacityProviderStrategy: strategy, overrides: OVERRIDES });
    expect(request({ capacityProviderStrategy: [] })).toEqual({ overrides: OVERRIDES });
  });

  test('has placement on EC2 only', () => {
    const placement = {
      placementConstraints: [{ type: 'distinctInstance' }],
      placementStrategy: [{ type: 'spread' }],
    };
    expect(request({ launchType: 'EC2', ...placement })).toMatchObject(placement);
    expect(request({ launchType: 'FARGATE', ...placement })).toEqual({
      launchType: 'FARGATE',
      overrides: OVERRIDES,
    });
  });

  test('takes the PRIMARY task set of another controller', () => {
    const taskSets = [
      { status: 'ACTIVE', launchType: 'EC2' },
      { status: 'PRIMARY', launchType: 'FARGATE', platformVersion: '1.4.0' },
    ];
    expect(request({ launchType: 'EC2', taskSets })).toMatchObject({
      launchType: 'FARGATE',
      platformVersion: '1.4.0',
    });
  });

  test('has the volumes of the service that the definition leaves open', () => {
    const of = { ...PAIR, volumes: [{ name: 'data', configuredAtLaunch: true }, { name: 'tmp' }] };
    const volume = { name: 'data', managedEBSVolume: { sizeInGiB: 10, roleArn: 'arn' } };
    const deployments = [{ status: 'PRIMARY', volumeConfigurations: [volume, { name: 'x' }] }];
    expect(request({ deployments }, of)).toMatchObject({
      volumeConfigurations: [
        {
          name: 'data',
          managedEBSVolume: {
            sizeInGiB: 10,
            roleArn: 'arn',
            terminationPolicy: { deleteOnTermination: true },
          },
        },
      ],
    });
  });

  test('gives a size to the task, or to the container where the task has none', () => {
    const size = { cpu: '.5 vCPU', memory: '1 GB' };
    expect(request({ launchType: 'FARGATE' }, PAIR, size)).toMatchObject({
      overrides: { cpu: '512', memory: '1024' },
    });
    expect(request({ launchType: 'EC2' }, PAIR, size)).toEqual({
      launchType: 'EC2',
      overrides: {
        containerOverrides: [
          { name: 'app', command: ['rails', 'db:migrate'], cpu: 512, memory: 1024 },
        ],
      },
    });
  });
});

test.each<readonly [string | undefined, JsonObject, Partial<Command>]>([
  [undefined, PAIR, {}],
  ['has a restart policy', definition({ name: 'app', restartPolicy: { enabled: true } }), {}],
  [undefined, definition({ name: 'app', restartPolicy: { enabled: false } }), {}],
  [
    undefined,
    definition({ name: 'app', restartPolicy: { enabled: true, ignoredExitCodes: [0] } }),
    {},
  ],
  [undefined, definition({ name: 'app' }, { name: 'x', restartPolicy: { enabled: true } }), {}],
  [
    'the task would end with it',
    definition(
      { name: 'app', dependsOn: [{ containerName: 'init', condition: 'SUCCESS' }] },
      { name: 'init' },
    ),
    {},
  ],
  [
    undefined,
    definition(
      { name: 'app', dependsOn: [{ containerName: 'init', condition: 'SUCCESS' }] },
      { name: 'init', essential: false },
    ),
    {},
  ],
  ['RunTask accepts 8192', PAIR, { words: ['x'.repeat(8192)] }],
  ['Fargate has no tasks', PAIR, { cpu: '256', memory: '8192' }],
])('a check that says %s', (expected, of, more) => {
  const command = { ...COMMAND, ...more };
  const service = aService();
  const answer = checkCommand(of, service, command, taskRequest({}, service, of, command));
  expect(answer?.message.includes(expected ?? '')).toBe(expected === undefined ? undefined : true);
});

test('failures of RunTask', () => {
  expect(failuresText([])).toBe('AWS started no task and gave no reason');
  expect(failuresText(['AGENT', 'RESOURCE:CPU', 'AGENT'])).toBe(
    'AGENT (2 instances), RESOURCE:CPU',
  );
  expect(isTransient([])).toBe(true);
  expect(isTransient(['RESOURCE:CPU', 'AGENT'])).toBe(true);
  expect(isTransient(['RESOURCE:CPU', 'ATTRIBUTE'])).toBe(false);
  expect(isTransient(['MISSING'])).toBe(false);
});

test('texts of a command', () => {
  expect(commandText(['sh', '-c', "echo 'a b'"])).toBe(`sh -c 'echo '\\''a b'\\'''`);
  expect(stopCommand({ arn: 'arn:aws:ecs:r:1:task/backend/0f' }, undefined)).toBe(
    'aws ecs stop-task --cluster backend --task 0f',
  );
});
