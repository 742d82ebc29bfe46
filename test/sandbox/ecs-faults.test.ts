import { describe, expect, test } from 'vitest';
import type { FaultName } from '../../src/sandbox/ecs/faults.ts';
import { FAULTS, isFaultName, parseFault } from '../../src/sandbox/ecs/faults.ts';
import {
  callRaw,
  definition,
  deploy,
  describeService,
  LOG_GROUP,
  messages,
  serviceDeployment,
  startWorld,
  stoppedTasks,
} from './ecs-world.ts';

interface Row {
  readonly fault: FaultName;
  readonly stopCode: string;
  /** In the task's `stoppedReason`. */
  readonly reason: string;
  readonly exitCode?: number;
  /** In the `reason` of the application's container. */
  readonly containerReason?: string;
  /** In the application's log stream. */
  readonly log?: string;
}

const ROWS: readonly Row[] = [
  {
    fault: 'crash',
    stopCode: 'EssentialContainerExited',
    reason: 'Essential container in task exited',
    exitCode: 1,
    log: 'ECONNREFUSED',
  },
  {
    fault: 'exit-127',
    stopCode: 'EssentialContainerExited',
    reason: 'Essential container in task exited',
    exitCode: 127,
    log: '/bin/sh: 1: ./server: not found',
  },
  {
    fault: 'command-not-found',
    stopCode: 'TaskFailedToStart',
    reason: 'executable file not found in $PATH',
    containerReason: 'CannotStartContainerError: ',
  },
  {
    fault: 'out-of-memory',
    stopCode: 'EssentialContainerExited',
    reason: 'Essential container in task exited',
    exitCode: 137,
    containerReason: 'OutOfMemoryError: Container killed due to memory usage',
  },
  {
    fault: 'secret-denied',
    stopCode: 'TaskFailedToStart',
    reason: 'is not authorized to perform: secretsmanager:GetSecretValue',
  },
  {
    fault: 'log-group-missing',
    stopCode: 'TaskFailedToStart',
    reason: 'ResourceInitializationError: failed to validate logger args: ',
  },
  {
    fault: 'pull-denied',
    stopCode: 'TaskFailedToStart',
    reason: 'CannotPullContainerError: The task can’t pull the image.',
    containerReason: 'ecr:BatchGetImage',
  },
  {
    fault: 'no-network',
    stopCode: 'TaskFailedToStart',
    reason: 'dial tcp 52.95.195.32:443: i/o timeout',
  },
  {
    fault: 'rate-limited',
    stopCode: 'TaskFailedToStart',
    reason: 'toomanyrequests: You have reached your unauthenticated pull rate limit.',
  },
  {
    fault: 'cross-account',
    stopCode: 'TaskFailedToStart',
    reason: 'arn:aws:ecr:ap-northeast-2:444455556666:repository/',
  },
  { fault: 'image-gone', stopCode: 'TaskFailedToStart', reason: ': not found' },
  {
    fault: 'wrong-platform',
    stopCode: 'TaskFailedToStart',
    reason: "does not contain descriptor matching platform 'linux/amd64'",
  },
  {
    fault: 'wrong-architecture',
    stopCode: 'EssentialContainerExited',
    reason: 'Essential container in task exited',
    exitCode: 1,
    log: 'exec format error',
  },
  {
    fault: 'secret-missing',
    stopCode: 'TaskFailedToStart',
    reason: "The task can't retrieve the secret with ARN",
  },
  {
    fault: 'secret-key-missing',
    stopCode: 'TaskFailedToStart',
    reason: 'did not contain json key password',
  },
  { fault: 'disk-full', stopCode: 'TaskFailedToStart', reason: 'no space left on device' },
  {
    fault: 'role-not-assumable',
    stopCode: 'TaskFailedToStart',
    reason: 'ECS was unable to assume the role',
  },
  { fault: 'volume', stopCode: 'TaskFailedToStart', reason: 'failed to invoke EFS utils commands' },
];

describe('a fault', () => {
  test.each(ROWS)('$fault fails the rollout, and the rollback succeeds', async (row) => {
    const world = await startWorld({ faults: [{ name: row.fault }] });
    const primary = await deploy(world, 'v2');
    await serviceDeployment(world, primary, 'ROLLBACK_SUCCESSFUL');
    const [task] = await stoppedTasks(world, primary);
    const [web] = task?.containers ?? [];
    expect(task?.stopCode).toBe(row.stopCode);
    expect(task?.stoppedReason).toContain(row.reason);
    expect(web?.exitCode).toBe(row.exitCode);
    expect(web?.reason ?? '').toContain(row.containerReason ?? '');
    if (row.log === undefined) return;
    const log = await callRaw(world, 'Logs_20140328.GetLogEvents', {
      logGroupName: LOG_GROUP,
      logStreamName: `ecs/web/${task?.taskArn?.split('/').at(-1)}`,
    });
    expect(JSON.stringify(log)).toContain(row.log);
  });

  test('unhealthy replaces tasks whose container health check fails', async () => {
    const healthCheck = { command: ['CMD', 'false'], startPeriod: 10 };
    const world = await startWorld({
      faults: [{ name: 'unhealthy' }],
      definition: definition('v1', { healthCheck }),
    });
    const primary = await deploy(world, 'v2', { healthCheck });
    await serviceDeployment(world, primary, 'ROLLBACK_SUCCESSFUL');
    const [task] = await stoppedTasks(world, primary);
    expect(task).toMatchObject({
      stopCode: 'ServiceSchedulerInitiated',
      stoppedReason: 'Task failed container health checks',
      healthStatus: 'UNHEALTHY',
    });
    const said = messages(await describeService(world), primary);
    expect(said).toContain('(task) failed container health checks.');
    expect(said).toContain(
      'has started 1 tasks: (task). Amazon ECS replaced 1 tasks due to an unhealthy status.',
    );
  });

  test('load-balancer-unhealthy replaces tasks whose target fails', async () => {
    const target = { targetGroupArn: 'arn:tg', containerName: 'web', containerPort: 8080 };
    const world = await startWorld({
      faults: [{ name: 'load-balancer-unhealthy' }],
      service: { loadBalancers: [target], healthCheckGracePeriodSeconds: 60 },
    });
    const primary = await deploy(world, 'v2');
    await serviceDeployment(world, primary, 'ROLLBACK_SUCCESSFUL');
    const [task] = await stoppedTasks(world, primary);
    expect(task?.stoppedReason).toBe('Task failed ELB health checks in (target-group arn:tg)');
    expect(messages(await describeService(world), primary)).toContain(
      '(task) (port 8080) is unhealthy in (target-group arn:tg) due to ' +
        '(reason Health checks failed with these codes: [502]).',
    );
  });

  test.each([
    ['target-401', 'Health checks failed with these codes: [401]'],
    ['target-404', 'Health checks failed with these codes: [404]'],
    ['target-302', 'Health checks failed with these codes: [302]'],
    ['target-timeout', 'Request timed out'],
    ['target-refused', 'Health checks failed'],
    ['slow-start', 'Health checks failed'],
  ] as const)('%s: the event says %s', async (name, reason) => {
    const target = { targetGroupArn: 'arn:tg', containerName: 'web', containerPort: 8080 };
    const world = await startWorld({ faults: [{ name }], service: { loadBalancers: [target] } });
    const primary = await deploy(world, 'v2');
    await serviceDeployment(world, primary, 'ROLLBACK_SUCCESSFUL');
    expect(messages(await describeService(world), primary)).toContain(
      `(task) (port 8080) is unhealthy in (target-group arn:tg) due to (reason ${reason}).`,
    );
  });

  test.each([
    ['no-capacity', 'Capacity is unavailable at this time.'],
    ['no-instances', 'No Container Instances were found in your cluster.'],
    ['vcpu-limit', "You've reached the limit on the number of vCPUs"],
  ] as const)('%s starts no task', async (name, reason) => {
    const world = await startWorld({ faults: [{ name }] });
    const primary = await deploy(world, 'v2');
    await serviceDeployment(world, primary, 'ROLLBACK_SUCCESSFUL');
    expect(await stoppedTasks(world, primary)).toEqual([]);
    expect(messages(await describeService(world), primary)).toEqual([
      'could not launch 1 tasks for deployment N.',
      expect.stringContaining(`was unable to place a task. Reason: ${reason}`),
      '(deployment N) deployment failed: tasks failed to start.',
      'rolling back to deployment N.',
      '(deployment N) deployment completed.',
      'has reached a steady state.',
    ]);
  });

  test('stall leaves a failing rollout in progress at two failures', async () => {
    const world = await startWorld({ faults: [{ name: 'crash' }, { name: 'stall' }] });
    const primary = await deploy(world, 'v2');
    const isStalled = async () =>
      describeService(world, 'app', ({ deployments }) => {
        const [first] = deployments ?? [];
        return first?.failedTasks === 2 && first.pendingCount === 0 && first.runningCount === 0;
      });
    const service = await isStalled();
    const later = world.clock.now() + 300;
    await describeService(world, 'app', () => world.clock.now() > later);
    expect((await isStalled()).events?.[0]?.id).toBe(service.events?.[0]?.id);
    expect(service.deployments?.[0]).toMatchObject({ id: primary.id, rolloutState: 'IN_PROGRESS' });
  });

  test('spot-interruption stops one task, and the rollout succeeds', async () => {
    const world = await startWorld({ faults: [{ name: 'spot-interruption' }] });
    const primary = await deploy(world, 'v2');
    const record = await serviceDeployment(world, primary, 'SUCCESSFUL');
    expect(record.deploymentCircuitBreaker?.failureCount).toBe(0);
    const [task] = await stoppedTasks(world, primary);
    expect(task).toMatchObject({
      stopCode: 'SpotInterruption',
      stoppedReason: 'Your Spot Task was interrupted.',
    });
  });

  test('can be armed later and for a limited number of tasks', async () => {
    const world = await startWorld();
    world.ecs.arm({ name: 'crash', exitCode: 78, tasks: 2 });
    const primary = await deploy(world, 'v2');
    await serviceDeployment(world, primary, 'SUCCESSFUL');
    const exitCodes = (await stoppedTasks(world, primary)).map(
      ({ containers }) => containers?.[0]?.exitCode,
    );
    expect(exitCodes).toEqual([78, 78]);
  });

  test('follows from a missing log group, unless the task creates it', async () => {
    const world = await startWorld();
    const logs = (create: string) => ({
      logConfiguration: {
        logDriver: 'awslogs',
        options: {
          'awslogs-group': '/ecs/new',
          'awslogs-region': 'ap-northeast-2',
          'awslogs-stream-prefix': 'ecs',
          'awslogs-create-group': create,
        },
      },
    });
    const failing = await deploy(world, 'v2', logs('false'));
    await serviceDeployment(world, failing, 'ROLLBACK_SUCCESSFUL');
    const [task] = await stoppedTasks(world, failing);
    expect(task?.stoppedReason).toContain('The specified log group does not exist.');
    const working = await deploy(world, 'v2', logs('true'));
    await serviceDeployment(world, working, 'SUCCESSFUL');
  });
});

/** Faults that test/sandbox/elb.test.ts covers as well. */
const TARGET_FAULTS = [
  'target-401',
  'target-404',
  'target-302',
  'target-timeout',
  'target-refused',
  'slow-start',
  'zone-not-enabled',
  'no-listener-rule',
];

/** Faults of one-off tasks, which run-task.test.ts and the tests of `run` have. */
const COMMAND_FAULTS: readonly FaultName[] = [
  'agent-disconnected',
  'attribute-missing',
  'capacity-awaited',
  'capacity-late',
  'capacity-never',
  'command-fails',
  'command-hangs',
  'command-host-lookup',
  'command-out-of-memory',
  'command-spot',
  'command-stopped',
  'empty-answer',
  'empty-answers',
  'resources-missing',
  'sidecar-exits',
  'task-late',
  'task-unknown',
];

test('every fault has a test', () => {
  const tested = new Set<string>([
    ...ROWS.map(({ fault }) => fault),
    'unhealthy',
    'load-balancer-unhealthy',
    ...TARGET_FAULTS,
    ...COMMAND_FAULTS,
    'no-capacity',
    'no-instances',
    'vcpu-limit',
    'stall',
    'spot-interruption',
    'alarm',
    'hook-failed',
    'hook-role',
    'hook-unreachable',
    'hook-unparsable',
    'invalid-network',
  ]);
  expect(new Set(Object.keys(FAULTS))).toEqual(tested);
});

test.each([
  ['crash', { name: 'crash' }],
  ['crash=3', { name: 'crash', exitCode: 3 }],
  ['crash=x', undefined],
  ['crash=256', undefined],
  ['unhealthy=1', undefined],
  ['toString', undefined],
])('%s is read as %j', (text, fault) => {
  expect(parseFault(text)).toEqual(fault);
  expect(isFaultName('nope')).toBe(false);
});
