import type { ServiceDeployment } from '@aws-sdk/client-ecs';
import { StopServiceDeploymentCommand } from '@aws-sdk/client-ecs';
import { describe, expect, test } from 'vitest';
import {
  deploy,
  describeService,
  messages,
  serviceDeployment,
  serviceDeploymentThat,
  startWorld,
  stoppedTasks,
  update,
} from './ecs-world.ts';

/** For tests that must observe a temporary state. */
const SLOW = { speed: 150 };
const alarms = { alarmNames: ['errors', 'latency'], enable: true, rollback: true };
const BAKE_SECONDS = 180;

function seconds({ createdAt, finishedAt }: ServiceDeployment): number {
  return ((finishedAt?.getTime() ?? 0) - (createdAt?.getTime() ?? 0)) / 1000;
}

describe('a bake time', () => {
  test('keeps a deployment in progress after its tasks have taken over', async () => {
    const deploymentConfiguration = { bakeTimeInMinutes: 5 };
    const world = await startWorld({ ...SLOW, service: { deploymentConfiguration } });
    const primary = await deploy(world, 'v2');
    const service = await describeService(world, 'app', ({ deployments }) => {
      const [first, second] = deployments ?? [];
      return second === undefined && first?.runningCount === 2;
    });
    expect(service.deployments).toMatchObject([{ id: primary.id, rolloutState: 'IN_PROGRESS' }]);
    expect(await serviceDeployment(world, primary, 'IN_PROGRESS')).toMatchObject({
      alarms: { status: 'DISABLED', alarmNames: [], triggeredAlarmNames: [] },
    });
    const record = await serviceDeployment(world, primary, 'SUCCESSFUL');
    expect(seconds(record)).toBeGreaterThan(300);
    expect(record.lifecycleStage).toBeUndefined();
    expect((await describeService(world)).deployments?.[0]?.rolloutState).toBe('COMPLETED');
  });

  test('is set by alarms without bakeTimeInMinutes', async () => {
    const world = await startWorld({ service: { deploymentConfiguration: { alarms } } });
    const primary = await deploy(world, 'v2');
    const record = await serviceDeployment(world, primary, 'SUCCESSFUL');
    expect(seconds(record)).toBeGreaterThan(BAKE_SECONDS);
    expect(record.alarms).toEqual({
      status: 'MONITORING_COMPLETE',
      alarmNames: ['errors', 'latency'],
      triggeredAlarmNames: [],
    });
  });

  test('can be ended by StopServiceDeployment', async () => {
    const world = await startWorld(SLOW);
    await update(world, { deploymentConfiguration: { bakeTimeInMinutes: 60 } });
    const before = (await describeService(world)).deployments?.[0];
    const primary = await deploy(world, 'v2');
    await describeService(world, 'app', ({ deployments }) => deployments?.length === 1);
    const { serviceDeploymentArn } = await serviceDeployment(world, primary, 'IN_PROGRESS');
    await world.client.send(new StopServiceDeploymentCommand({ serviceDeploymentArn }));
    await serviceDeployment(world, primary, 'ROLLBACK_SUCCESSFUL');
    expect(await describeService(world)).toMatchObject({
      runningCount: 2,
      taskDefinition: expect.stringMatching(/app:1$/) as string,
      deployments: [{ id: before?.id, rolloutState: 'COMPLETED' }],
    });
  });
});

describe('an alarm', () => {
  test('that fires during the bake time rolls back', async () => {
    const world = await startWorld({
      ...SLOW,
      faults: [{ name: 'alarm' }],
      service: { deploymentConfiguration: { alarms } },
    });
    const before = (await describeService(world)).deployments?.[0];
    const primary = await deploy(world, 'v2');
    const failed = await describeService(world, 'app', ({ deployments }) =>
      Boolean(deployments?.some(({ rolloutState }) => rolloutState === 'FAILED')),
    );
    expect(failed.deployments).toMatchObject([
      {
        id: before?.id,
        status: 'PRIMARY',
        rolloutState: 'IN_PROGRESS',
        rolloutStateReason: expect.stringMatching(
          `rolling back to deploymentId ${before?.id}.$`,
        ) as string,
      },
      {
        id: primary.id,
        status: 'ACTIVE',
        rolloutStateReason: 'ECS deployment failed: alarm detected.',
      },
    ]);
    const record = await serviceDeployment(world, primary, 'ROLLBACK_SUCCESSFUL');
    expect(record).toMatchObject({
      alarms: { status: 'TRIGGERED', triggeredAlarmNames: ['errors'] },
      deploymentCircuitBreaker: { status: 'DISABLED' },
      rollback: {
        reason: record.statusReason,
        serviceRevisionArn: expect.stringContaining(before?.id?.split('/')[1] ?? '?') as string,
      },
    });
    const service = await describeService(world);
    expect(service.deployments).toMatchObject([{ id: before?.id, rolloutState: 'COMPLETED' }]);
    const said = messages(service, primary);
    const failure = said.indexOf('(deployment N) deployment failed: alarm detected.');
    expect(failure).toBeGreaterThan(0);
    expect(said[failure + 1]).toBe('rolling back to deployment N.');
  });

  test('without rollback stops the deployment in place', async () => {
    const world = await startWorld({
      faults: [{ name: 'alarm' }],
      service: { deploymentConfiguration: { alarms: { ...alarms, rollback: false } } },
    });
    const primary = await deploy(world, 'v2');
    const record = await serviceDeployment(world, primary, 'STOPPED');
    expect(record.alarms?.status).toBe('TRIGGERED');
    expect(record.rollback).toBeUndefined();
    expect((await describeService(world)).deployments).toMatchObject([
      { id: primary.id, status: 'PRIMARY', rolloutState: 'FAILED', runningCount: 2 },
    ]);
  });

  test('that is disabled never fires', async () => {
    const world = await startWorld({
      faults: [{ name: 'alarm' }],
      service: {
        deploymentConfiguration: { bakeTimeInMinutes: 2, alarms: { ...alarms, enable: false } },
      },
    });
    const primary = await deploy(world, 'v2');
    expect((await serviceDeployment(world, primary, 'SUCCESSFUL')).alarms?.status).toBe('DISABLED');
  });
});

describe('early success', () => {
  const criteria = (sourceServiceRevisionCleanup: string, limits: object) => ({
    desiredCount: 4,
    deploymentConfiguration: {
      ...limits,
      earlySuccessCriteria: { enable: true, healthyPercent: 50, sourceServiceRevisionCleanup },
    },
  });

  test('with DEFERRED precedes the remaining new tasks, and the old tasks keep running', async () => {
    const limits = { minimumHealthyPercent: 50, maximumPercent: 100 };
    const world = await startWorld({ ...SLOW, service: criteria('DEFERRED', limits) });
    const primary = await deploy(world, 'v2');
    const record = await serviceDeployment(world, primary, 'SUCCESSFUL');
    expect(record.targetServiceRevision).toMatchObject({ requestedTaskCount: 4 });
    const running = record.targetServiceRevision?.runningTaskCount ?? 0;
    expect(running).toBeGreaterThanOrEqual(2);
    expect(running).toBeLessThan(4);
    expect((await describeService(world)).deployments).toMatchObject([
      { id: primary.id, rolloutState: 'IN_PROGRESS' },
      { status: 'ACTIVE', rolloutState: 'COMPLETED' },
    ]);
    const { serviceDeploymentArn } = record;
    await expect(
      world.client.send(new StopServiceDeploymentCommand({ serviceDeploymentArn })),
    ).rejects.toMatchObject({ name: 'ConflictException' });
    const service = await describeService(
      world,
      'app',
      ({ deployments }) => deployments?.[0]?.rolloutState === 'COMPLETED',
    );
    expect(service.deployments).toMatchObject([{ id: primary.id, runningCount: 4 }]);
  });

  test('with DEFERRED keeps old tasks running that do not block new ones', async () => {
    const world = await startWorld({ ...SLOW, service: criteria('DEFERRED', {}) });
    const before = (await describeService(world)).deployments?.[0];
    const primary = await deploy(world, 'v2');
    const record = await serviceDeployment(world, primary, 'SUCCESSFUL');
    const service = await describeService(
      world,
      'app',
      ({ deployments }) => deployments?.[0]?.runningCount === 4,
    );
    expect(service.deployments).toMatchObject([
      { id: primary.id, rolloutState: 'IN_PROGRESS' },
      { id: before?.id, runningCount: 4 },
    ]);
    const done = await describeService(
      world,
      'app',
      ({ deployments }) => deployments?.length === 1,
    );
    expect(done.deployments?.[0]?.updatedAt?.getTime()).toBeGreaterThan(
      (record.finishedAt?.getTime() ?? 0) + 600_000,
    );
  });

  test('with BLOCKING waits for the end of the old tasks', async () => {
    const limits = { minimumHealthyPercent: 50, maximumPercent: 100 };
    const world = await startWorld({ ...SLOW, service: criteria('BLOCKING', limits) });
    const before = (await describeService(world)).deployments?.[0];
    const primary = await deploy(world, 'v2');
    const record = await serviceDeployment(world, primary, 'SUCCESSFUL');
    const service = await describeService(world);
    expect(service.deployments).toMatchObject([
      { id: primary.id, rolloutState: 'IN_PROGRESS' },
      { id: before?.id, runningCount: 0 },
    ]);
    const ends = (await stoppedTasks(world, before ?? {})).map(({ executionStoppedAt }) =>
      executionStoppedAt?.getTime(),
    );
    expect(ends).toHaveLength(4);
    expect(Math.max(...ends.map(Number))).toBeLessThanOrEqual(Number(record.finishedAt));
    await describeService(
      world,
      'app',
      ({ deployments }) => deployments?.[0]?.rolloutState === 'COMPLETED',
    );
  });

  test('is the target of the next rollback', async () => {
    const deploymentCircuitBreaker = { enable: true, rollback: true };
    const world = await startWorld({
      ...SLOW,
      service: criteria('DEFERRED', { deploymentCircuitBreaker }),
    });
    const good = await deploy(world, 'v2');
    await serviceDeployment(world, good, 'SUCCESSFUL');
    const bad = await deploy(world, 'nope');
    await serviceDeployment(world, bad, 'ROLLBACK_SUCCESSFUL');
    const service = await describeService(
      world,
      'app',
      ({ deployments }) => deployments?.length === 1,
    );
    expect(service.deployments).toMatchObject([{ id: good.id, rolloutState: 'COMPLETED' }]);
    expect(service.taskDefinition).toMatch(/app:2$/);
  });

  test('waits for the bake time of alarms', async () => {
    const world = await startWorld({ ...SLOW, service: criteria('DEFERRED', { alarms }) });
    const primary = await deploy(world, 'v2');
    await serviceDeploymentThat(world, primary, ({ targetServiceRevision }) =>
      Boolean(targetServiceRevision?.runningTaskCount),
    );
    const record = await serviceDeployment(world, primary, 'SUCCESSFUL');
    expect(seconds(record)).toBeGreaterThan(BAKE_SECONDS);
  });
});
