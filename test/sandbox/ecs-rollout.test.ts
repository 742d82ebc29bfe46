import {
  DeregisterTaskDefinitionCommand,
  DescribeServiceRevisionsCommand,
  DescribeTasksCommand,
  ListTasksCommand,
  StopServiceDeploymentCommand,
  StopTaskCommand,
} from '@aws-sdk/client-ecs';
import { describe, expect, test } from 'vitest';
import type { World } from './ecs-world.ts';
import {
  callRaw,
  definition,
  deploy,
  describeService,
  LOG_GROUP,
  messages,
  register,
  REGISTRY,
  REGION,
  serviceDeployment,
  startWorld,
  stoppedTasks,
  until,
  update,
} from './ecs-world.ts';

/** For tests that must observe a temporary state. */
const SLOW = { speed: 150 };
const BREAKER = { enable: true, rollback: true };
const ROLLED_BACK =
  'Service deployment rolled back because the circuit breaker threshold was exceeded.';
const loadBalancers = [{ targetGroupArn: 'arn:tg', containerName: 'web', containerPort: 8080 }];

async function runningTasks({ client }: World) {
  const { taskArns: tasks } = await client.send(new ListTasksCommand({ cluster: 'backend' }));
  const answer = await client.send(new DescribeTasksCommand({ cluster: 'backend', tasks }));
  return answer.tasks ?? [];
}

describe('a rollout that succeeds', () => {
  test('starts new tasks, stops old ones and completes', async () => {
    const world = await startWorld();
    const before = (await describeService(world)).deployments?.[0];
    await register(world, definition('v2'));
    const primary = await update(world, { taskDefinition: 'app:2' });
    expect(primary).toMatchObject({
      rolloutState: 'IN_PROGRESS',
      rolloutStateReason: `ECS deployment ${primary.id} in progress.`,
      desiredCount: 2,
      runningCount: 0,
      pendingCount: 0,
    });
    expect(primary.id).not.toBe(before?.id);

    const record = await serviceDeployment(world, primary, 'SUCCESSFUL');
    expect(record).toMatchObject({
      targetServiceRevision: { requestedTaskCount: 2, runningTaskCount: 2, pendingTaskCount: 0 },
      sourceServiceRevisions: [{ runningTaskCount: 2 }],
      deploymentCircuitBreaker: { status: 'MONITORING_COMPLETE', failureCount: 0, threshold: 3 },
      alarms: { status: 'DISABLED' },
    });
    const service = await describeService(world);
    expect(service.deployments).toMatchObject([
      { id: primary.id, rolloutState: 'COMPLETED', runningCount: 2, desiredCount: 2 },
    ]);
    expect(service.taskDefinition).toMatch(/app:2$/);
    expect(service.currentServiceDeployment).toBe(record.serviceDeploymentArn);
    expect(messages(service, primary)).toEqual([
      'has started 1 tasks: (task).',
      'has started 1 tasks: (task).',
      'has stopped 1 running tasks: (task).',
      'has stopped 1 running tasks: (task).',
      '(deployment N) deployment completed.',
      'has reached a steady state.',
    ]);
    const stopped = await until(
      () => stoppedTasks(world, before ?? {}),
      (tasks) => tasks.every(({ lastStatus }) => lastStatus === 'STOPPED'),
    );
    expect(stopped).toMatchObject(
      Array.from({ length: 2 }, () => ({
        stopCode: 'ServiceSchedulerInitiated',
        stoppedReason: `Scaling activity initiated by (deployment ${primary.id})`,
        containers: [
          { name: 'web', exitCode: 143 },
          { name: 'agent', exitCode: 0 },
        ],
      })),
    );
    const times = stopped.map(({ startedAt, stoppingAt, executionStoppedAt, stoppedAt }) =>
      [startedAt, stoppingAt, executionStoppedAt, stoppedAt].map((time) => time?.getTime() ?? 0),
    );
    for (const task of times) expect(task).toEqual(task.toSorted((one, other) => one - other));

    const { serviceRevisions } = await world.client.send(
      new DescribeServiceRevisionsCommand({
        serviceRevisionArns: [record.targetServiceRevision?.arn ?? ''],
      }),
    );
    expect(serviceRevisions?.[0]?.containerImages).toEqual([
      {
        containerName: 'web',
        image: `${REGISTRY}/app:v2`,
        imageDigest: `sha256:${'2'.repeat(64)}`,
      },
      expect.objectContaining({ containerName: 'agent' }),
    ]);
    const tasks = await runningTasks(world);
    expect(tasks.map(({ containers }) => containers?.[0]?.imageDigest)).toEqual(
      Array.from({ length: 2 }, () => `sha256:${'2'.repeat(64)}`),
    );
    const stream = `ecs/web/${tasks[0]?.taskArn?.split('/').at(-1)}`;
    const log = await callRaw(world, 'Logs_20140328.GetLogEvents', {
      logGroupName: LOG_GROUP,
      logStreamName: stream,
    });
    expect(log).toMatchObject({
      events: [{ message: 'Starting /server --port 8080' }, { message: 'Listening on port 8080' }],
    });
  });

  test('registers and drains targets behind a load balancer', async () => {
    const world = await startWorld({ service: { desiredCount: 1, loadBalancers } });
    const primary = await deploy(world, 'v2');
    await serviceDeployment(world, primary, 'SUCCESSFUL');
    expect(messages(await describeService(world), primary)).toEqual([
      'has started 1 tasks: (task).',
      'registered 1 targets in (target-group arn:tg)',
      'deregistered 1 targets in (target-group arn:tg)',
      'has begun draining connections on 1 tasks.',
      'has stopped 1 running tasks: (task).',
      '(deployment N) deployment completed.',
      'has reached a steady state.',
    ]);
  });

  test('waits for the container health check', async () => {
    const healthCheck = { command: ['CMD', 'true'], interval: 60 };
    const world = await startWorld({ definition: definition('v1', { healthCheck }) });
    const primary = await deploy(world, 'v2', { healthCheck });
    await serviceDeployment(world, primary, 'SUCCESSFUL');
    expect((await runningTasks(world)).map(({ healthStatus }) => healthStatus)).toEqual([
      'HEALTHY',
      'HEALTHY',
    ]);
  });

  test('starts all tasks at once if images have digests', async () => {
    const world = await startWorld({ service: { desiredCount: 3 } });
    const [web, agent] = [
      `${REGISTRY}/app@sha256:${'2'.repeat(64)}`,
      `public.ecr.aws/datadog/agent@sha256:${'d'.repeat(64)}`,
    ];
    const { containerDefinitions, ...rest } = definition('v2');
    const [first, second] = containerDefinitions as object[];
    await register(world, {
      ...rest,
      containerDefinitions: [
        { ...first, image: web },
        { ...second, image: agent },
      ],
    });
    const primary = await update(world, { taskDefinition: 'app' });
    await serviceDeployment(world, primary, 'SUCCESSFUL');
    expect(messages(await describeService(world), primary)[0]).toBe(
      'has started 3 tasks: (task) (task) (task).',
    );
  });

  test('stops old tasks first if the minimum allows it', async () => {
    const world = await startWorld({ ...SLOW, service: { desiredCount: 4 } });
    const primary = await deploy(world, 'v2');
    const deploymentConfiguration = { minimumHealthyPercent: 50, maximumPercent: 100 };
    await update(world, { deploymentConfiguration });
    const service = await describeService(world, 'app', ({ deployments }) =>
      Boolean(deployments?.some(({ desiredCount }) => desiredCount === 2)),
    );
    expect(service.deployments).toMatchObject([{ id: primary.id }, { runningCount: 2 }]);
    await serviceDeployment(world, primary, 'SUCCESSFUL');
  });

  test('completes at once if the desired count is 0', async () => {
    const world = await startWorld({ service: { desiredCount: 0 } });
    const primary = await deploy(world, 'nope');
    const record = await serviceDeployment(world, primary, 'SUCCESSFUL');
    expect(record.targetServiceRevision).toMatchObject({ runningTaskCount: 0 });
  });

  test('follows a change of the desired count', async () => {
    const world = await startWorld();
    const primary = await deploy(world, 'v2');
    const same = await update(world, { desiredCount: 3 });
    expect(same.id).toBe(primary.id);
    await serviceDeployment(world, primary, 'SUCCESSFUL');
    expect(await describeService(world)).toMatchObject({ runningCount: 3, desiredCount: 3 });
    await update(world, { desiredCount: 1 });
    await describeService(world, 'app', ({ runningCount }) => runningCount === 1);
  });
});

describe('UpdateService', () => {
  test('without a change starts a deployment only if forced', async () => {
    const world = await startWorld();
    const before = (await describeService(world)).deployments?.[0];
    expect((await update(world, { taskDefinition: 'app:1' })).id).toBe(before?.id);
    expect((await update(world, { enableExecuteCommand: true })).id).toBe(before?.id);
    expect((await update(world, { forceNewDeployment: true })).id).not.toBe(before?.id);
  });

  test('supersedes the deployment in progress', async () => {
    const world = await startWorld(SLOW);
    const first = await deploy(world, 'v2');
    await serviceDeployment(world, first, 'IN_PROGRESS');
    const second = await deploy(world, 'v2');
    const stopped = await serviceDeployment(world, first, 'STOPPED');
    expect(stopped.stoppedAt).toBeDefined();
    await serviceDeployment(world, second, 'SUCCESSFUL');
    const { deployments } = await describeService(world);
    expect(deployments).toMatchObject([{ id: second.id, rolloutState: 'COMPLETED' }]);
  });
});

describe('a rollout that fails', () => {
  test('rolls back if the tag is not in the registry, one task at a time', async () => {
    const world = await startWorld(SLOW);
    const before = (await describeService(world)).deployments?.[0];
    const primary = await deploy(world, 'nope');
    const failed = await describeService(world, 'app', ({ deployments }) =>
      Boolean(deployments?.some(({ rolloutState }) => rolloutState === 'FAILED')),
    );
    expect(failed.taskDefinition).toMatch(/app:1$/);
    expect(failed.deployments).toMatchObject([
      {
        id: before?.id,
        status: 'PRIMARY',
        rolloutState: 'IN_PROGRESS',
        rolloutStateReason: `ECS deployment circuit breaker: rolling back to deploymentId ${before?.id}.`,
      },
      {
        id: primary.id,
        status: 'ACTIVE',
        failedTasks: 3,
        rolloutStateReason: 'ECS deployment circuit breaker: tasks failed to start.',
      },
    ]);
    expect(failed.deployments?.[0]?.createdAt?.getTime()).toBeGreaterThan(
      before?.createdAt?.getTime() ?? 0,
    );
    const record = await serviceDeployment(world, primary, 'ROLLBACK_SUCCESSFUL');
    expect(record).toMatchObject({
      statusReason: ROLLED_BACK,
      rollback: {
        reason: ROLLED_BACK,
        serviceRevisionArn: expect.stringContaining(before?.id?.split('/')[1] ?? '?') as string,
      },
      deploymentCircuitBreaker: { status: 'TRIGGERED', failureCount: 3, threshold: 3 },
    });
    const service = await describeService(world);
    expect(service.deployments).toMatchObject([{ id: before?.id, rolloutState: 'COMPLETED' }]);
    const reference = `${REGISTRY}/app:nope`;
    const reason =
      'CannotPullContainerError: pull image manifest has been retried 7 time(s): ' +
      `failed to resolve ref ${reference}: ${reference}: not found`;
    expect(messages(service, primary)).toEqual([
      'has started 1 tasks: (task).',
      `was unable to place a task. Reason: ${reason}.`,
      'has started 1 tasks: (task).',
      'has started 1 tasks: (task).',
      '(deployment N) deployment failed: tasks failed to start.',
      'rolling back to deployment N.',
      '(deployment N) deployment completed.',
      'has reached a steady state.',
    ]);
    const tasks = await stoppedTasks(world, primary);
    expect(tasks).toHaveLength(3);
    for (const task of tasks) {
      expect(task).toMatchObject({ stopCode: 'TaskFailedToStart', stoppedReason: reason });
      expect(task.startedAt).toBeUndefined();
      expect(task.containers?.[0]?.exitCode).toBeUndefined();
    }
  });

  test('can roll back with a new id', async () => {
    const world = await startWorld({ rollbackId: 'new' });
    const before = (await describeService(world)).deployments?.[0];
    const primary = await deploy(world, 'index');
    await serviceDeployment(world, primary, 'ROLLBACK_SUCCESSFUL');
    const { deployments, taskDefinition } = await describeService(world);
    expect(deployments).toHaveLength(1);
    expect([before?.id, primary.id]).not.toContain(deployments?.[0]?.id);
    expect(taskDefinition).toMatch(/app:1$/);
    const [task] = await stoppedTasks(world, primary);
    expect(task?.stoppedReason).toBe(
      'CannotPullContainerError: pull image manifest has been retried 7 time(s): ' +
        "image Manifest does not contain descriptor matching platform 'linux/amd64'",
    );
  });

  test('reports a wrong architecture only in the log stream', async () => {
    const world = await startWorld();
    const primary = await deploy(world, 'arm');
    await serviceDeployment(world, primary, 'ROLLBACK_SUCCESSFUL');
    const [task] = await stoppedTasks(world, primary);
    expect(task).toMatchObject({
      stopCode: 'EssentialContainerExited',
      stoppedReason: 'Essential container in task exited',
      containers: [
        { name: 'web', exitCode: 1 },
        { name: 'agent', exitCode: 0 },
      ],
    });
    expect(JSON.stringify(task)).not.toContain('exec format error');
    const log = await callRaw(world, 'Logs_20140328.GetLogEvents', {
      logGroupName: LOG_GROUP,
      logStreamName: `ecs/web/${task?.taskArn?.split('/').at(-1)}`,
    });
    expect(log).toMatchObject({ events: [{ message: 'exec /server: exec format error' }] });
  });

  test('runs the same image if the definition requires its architecture', async () => {
    const world = await startWorld();
    world.images.set('public.ecr.aws/datadog/agent:7', {
      kind: 'found',
      digest: `sha256:${'e'.repeat(64)}`,
      architecture: 'arm64',
      program: ['agent'],
    });
    const runtimePlatform = { cpuArchitecture: 'ARM64', operatingSystemFamily: 'LINUX' };
    await register(world, { ...definition('arm'), runtimePlatform });
    const primary = await update(world, { taskDefinition: 'app' });
    await serviceDeployment(world, primary, 'SUCCESSFUL');
    expect(await stoppedTasks(world, primary)).toEqual([]);
  });

  test('stays failed if the circuit breaker does not roll back', async () => {
    const deploymentCircuitBreaker = { enable: true, rollback: false };
    const world = await startWorld({
      service: { deploymentConfiguration: { deploymentCircuitBreaker } },
    });
    const primary = await deploy(world, 'nope');
    const record = await serviceDeployment(world, primary, 'STOPPED');
    expect(record.deploymentCircuitBreaker?.status).toBe('TRIGGERED');
    expect((await describeService(world)).deployments).toMatchObject([
      { id: primary.id, status: 'PRIMARY', rolloutState: 'FAILED' },
      { status: 'ACTIVE', rolloutState: 'COMPLETED', runningCount: 2 },
    ]);
    const next = await deploy(world, 'v2');
    await serviceDeployment(world, next, 'SUCCESSFUL');
  });

  test('continues forever without a circuit breaker', async () => {
    const world = await startWorld({ service: { deploymentConfiguration: {} } });
    const primary = await deploy(world, 'nope');
    const service = await describeService(world, 'app', ({ events }) =>
      Boolean(events?.[0]?.message?.includes('unable to consistently start tasks')),
    );
    expect(service.deployments?.[0]).toMatchObject({ id: primary.id, rolloutState: 'IN_PROGRESS' });
    expect(service.deployments?.[0]?.failedTasks).toBeGreaterThan(3);
  });

  test('cannot proceed if minimum and maximum leave no room', async () => {
    const deploymentConfiguration = { maximumPercent: 100, deploymentCircuitBreaker: BREAKER };
    const world = await startWorld({ service: { deploymentConfiguration } });
    const primary = await deploy(world, 'v2');
    const service = await describeService(world, 'app', ({ events }) =>
      Boolean(events?.[0]?.message?.includes('was unable to stop or start tasks')),
    );
    expect(service.deployments?.[0]).toMatchObject({ id: primary.id, runningCount: 0 });
  });

  test('has no rollback candidate while a rollback is in progress', async () => {
    const world = await startWorld(SLOW);
    const first = await deploy(world, 'nope');
    await serviceDeployment(world, first, 'ROLLBACK_IN_PROGRESS');
    const second = await deploy(world, 'nope');
    const record = await serviceDeployment(world, second, 'STOPPED');
    expect(record.statusReason).toBe('No rollback candidate was found to run the rollback.');
    expect((await describeService(world)).deployments?.[0]).toMatchObject({
      id: second.id,
      rolloutState: 'FAILED',
    });
  });
});

describe('StopServiceDeployment', () => {
  test('rolls back, then refuses a second time', async () => {
    const world = await startWorld(SLOW);
    const primary = await deploy(world, 'v2');
    const { serviceDeploymentArn } = await serviceDeployment(world, primary, 'IN_PROGRESS');
    const stop = new StopServiceDeploymentCommand({ serviceDeploymentArn, stopType: 'ROLLBACK' });
    await world.client.send(stop);
    await serviceDeployment(world, primary, 'ROLLBACK_SUCCESSFUL');
    const service = await describeService(world);
    expect(service.taskDefinition).toMatch(/app:1$/);
    expect(messages(service, primary)).not.toContain(
      '(deployment N) deployment failed: tasks failed to start.',
    );
    await expect(world.client.send(stop)).rejects.toMatchObject({ name: 'ConflictException' });
    await expect(
      world.client.send(
        new StopServiceDeploymentCommand({ serviceDeploymentArn: `${serviceDeploymentArn}x` }),
      ),
    ).rejects.toMatchObject({ name: 'ServiceDeploymentNotFoundException' });
  });
});

describe('StopTask', () => {
  test('makes the service start the same revision again', async () => {
    const world = await startWorld();
    const [task] = await runningTasks(world);
    await register(world, definition('v2'));
    const answer = await world.client.send(
      new StopTaskCommand({ cluster: 'backend', task: task?.taskArn, reason: 'by hand' }),
    );
    expect(answer.task).toMatchObject({
      desiredStatus: 'STOPPED',
      stopCode: 'UserInitiated',
      stoppedReason: 'by hand',
    });
    const tasks = await until(
      () => runningTasks(world),
      (running) =>
        running.length === 2 && running.every(({ lastStatus }) => lastStatus === 'RUNNING'),
    );
    expect(tasks.map(({ taskArn }) => taskArn)).not.toContain(task?.taskArn);
    for (const { taskDefinitionArn } of tasks) expect(taskDefinitionArn).toMatch(/app:1$/);
  });

  test('starts the old revision again during a rollout of the new one', async () => {
    const world = await startWorld(SLOW);
    const primary = await deploy(world, 'nope');
    const [old] = await runningTasks(world);
    await world.client.send(new StopTaskCommand({ cluster: 'backend', task: old?.taskArn }));
    const tasks = await until(
      () => runningTasks(world),
      (running) => running.some(({ createdAt }) => (createdAt ?? 0) > (primary.createdAt ?? 0)),
    );
    const revived = tasks.filter(({ startedBy }) => startedBy !== primary.id);
    for (const { taskDefinitionArn } of revived) expect(taskDefinitionArn).toMatch(/app:1$/);
    await serviceDeployment(world, primary, 'ROLLBACK_SUCCESSFUL');
  });
});

test('a deregistered revision keeps its running service', async () => {
  const world = await startWorld(SLOW);
  await world.client.send(new DeregisterTaskDefinitionCommand({ taskDefinition: 'app:1' }));
  const [task] = await runningTasks(world);
  await world.client.send(new StopTaskCommand({ cluster: 'backend', task: task?.taskArn }));
  await describeService(world, 'app', ({ runningCount }) => runningCount === 1);
  const service = await describeService(world, 'app', ({ runningCount }) => runningCount === 2);
  expect(service.taskDefinition).toMatch(/app:1$/);
});

test('container output for another region is not in the log store', async () => {
  const world = await startWorld();
  const answer = await callRaw(world, 'Logs_20140328.DescribeLogGroups', {}, 'us-east-1');
  expect(answer).toEqual({ logGroups: [] });
  expect(await callRaw(world, 'Logs_20140328.DescribeLogGroups', {}, REGION)).toMatchObject({
    logGroups: [{ logGroupName: LOG_GROUP }],
  });
});
