import type { Deployment, Service } from '@aws-sdk/client-ecs';
import {
  ContinueServiceDeploymentCommand,
  CreateServiceCommand,
  DescribeServiceDeploymentsCommand,
  StopServiceDeploymentCommand,
} from '@aws-sdk/client-ecs';
import { describe, expect, test } from 'vitest';
import type { World, WorldOptions } from './ecs-world.ts';
import {
  definition,
  deploy,
  describeService,
  messages,
  pausedDeployment,
  register,
  SERVICE,
  serviceDeployment,
  SHIFTING_LOAD_BALANCER,
  startWorld,
  stoppedTasks,
  until,
  update,
} from './ecs-world.ts';

const STAGES = [
  'PRE_SCALE_UP',
  'POST_SCALE_UP',
  'TEST_TRAFFIC_SHIFT',
  'POST_TEST_TRAFFIC_SHIFT',
  'PRE_PRODUCTION_TRAFFIC_SHIFT',
  'PRODUCTION_TRAFFIC_SHIFT',
  'POST_PRODUCTION_TRAFFIC_SHIFT',
];

type Configuration = Readonly<Record<string, unknown>>;

/** A world whose service deploys with a strategy. */
function strategyWorld(
  deploymentConfiguration: Configuration,
  options: WorldOptions = {},
): Promise<World> {
  const service = {
    deploymentConfiguration: { strategy: 'BLUE_GREEN', ...deploymentConfiguration },
    loadBalancers: [SHIFTING_LOAD_BALANCER],
  };
  return startWorld({ ...options, service });
}

/** A Lambda hook for each stage, named after the stage. */
function lambdaHooks(stages: readonly string[]) {
  return stages.map((stage) => ({
    targetType: 'AWS_LAMBDA',
    hookTargetArn: `arn:aws:lambda:ap-northeast-2:111122223333:function:${stage}`,
    roleArn: 'arn:aws:iam::111122223333:role/hooks',
    lifecycleStages: [stage],
  }));
}

function pauseHook(stage: string, timeoutConfiguration?: object) {
  return { targetType: 'PAUSE', lifecycleStages: [stage], timeoutConfiguration };
}

function proceed({ client }: World, arn: string | undefined, hookId: string, action?: 'ROLLBACK') {
  const input = { serviceDeploymentArn: arn, hookId, ...(action && { action }) };
  return client.send(new ContinueServiceDeploymentCommand(input));
}

function isBack({ taskDefinition }: Service): boolean {
  return taskDefinition?.endsWith('app:1') === true;
}

function weights(test: number, production: number) {
  return { requestedTestTrafficWeight: test, requestedProductionTrafficWeight: production };
}

/** The old deployment, which keeps serving during a deployment and its rollback. */
function untouched(before: Deployment | undefined) {
  return { id: before?.id, desiredCount: 2, runningCount: 2, failedTasks: 0 };
}

describe('blue/green', () => {
  test('goes through the stages in order and ends with only the new tasks', async () => {
    const world = await strategyWorld({
      bakeTimeInMinutes: 5,
      lifecycleHooks: lambdaHooks(STAGES),
    });
    const before = (await describeService(world)).deployments?.[0];
    const primary = await deploy(world, 'v2');
    const record = await serviceDeployment(world, primary, 'SUCCESSFUL');
    expect(record).toMatchObject({
      lifecycleStage: 'CLEAN_UP',
      targetServiceRevision: { ...weights(100, 100), runningTaskCount: 2 },
      sourceServiceRevisions: [weights(0, 0)],
    });
    const hooks = record.lifecycleHookDetails ?? [];
    expect(hooks.map(({ targetArn }) => targetArn?.split(':').at(-1))).toEqual(STAGES);
    for (const hook of hooks) {
      expect(hook).toMatchObject({
        hookId: expect.stringMatching(/^ecs-lambda-/) as string,
        targetType: 'AWS_LAMBDA',
        status: 'SUCCEEDED',
      });
    }
    const service = await describeService(world);
    expect(service.deployments).toMatchObject([
      { id: primary.id, rolloutState: 'COMPLETED', runningCount: 2 },
    ]);
    expect(messages(service, primary).at(-2)).toBe('(deployment N) deployment completed.');
    const stopped = await stoppedTasks(world, before ?? {});
    const started = stopped.map(({ stoppingAt }) => stoppingAt?.getTime() ?? 0);
    expect(Math.min(...started)).toBeGreaterThan((primary.createdAt?.getTime() ?? 0) + 300_000);
  });

  test('keeps both revisions and reports the weights at every pause', async () => {
    const stages = STAGES.filter((stage) => !/^(TEST|PRODUCTION)_/.test(stage));
    const lifecycleHooks = stages.map((stage) => pauseHook(stage));
    const world = await strategyWorld({ lifecycleHooks, maximumPercent: 100 });
    const before = (await describeService(world)).deployments?.[0];
    const primary = await deploy(world, 'v2');
    const seen = [];
    let last = '';
    for (const _ of stages) {
      const { record, hookId } = await pausedDeployment(world, primary, last);
      const { targetServiceRevision: target, sourceServiceRevisions: sources } = record;
      seen.push([
        record.lifecycleStage,
        target?.runningTaskCount,
        target?.requestedTestTrafficWeight,
        target?.requestedProductionTrafficWeight,
        sources?.[0]?.requestedTestTrafficWeight,
        sources?.[0]?.requestedProductionTrafficWeight,
      ]);
      expect((await describeService(world)).deployments).toMatchObject([
        { id: primary.id, status: 'PRIMARY', rolloutState: 'IN_PROGRESS' },
        { ...untouched(before), status: 'ACTIVE', rolloutState: 'COMPLETED' },
      ]);
      await proceed(world, record.serviceDeploymentArn, hookId);
      last = hookId;
    }
    expect(seen).toEqual([
      ['PRE_SCALE_UP', 0, 0, 0, 100, 100],
      ['POST_SCALE_UP', 2, 0, 0, 100, 100],
      ['POST_TEST_TRAFFIC_SHIFT', 2, 100, 0, 0, 100],
      // A stage of hooks only: the record stays at the one before it.
      ['POST_TEST_TRAFFIC_SHIFT', 2, 100, 0, 0, 100],
      ['POST_PRODUCTION_TRAFFIC_SHIFT', 2, 100, 100, 0, 0],
    ]);
    await serviceDeployment(world, primary, 'SUCCESSFUL');
  });

  test('rolls back to the old tasks if the new ones fail to start', async () => {
    const deploymentCircuitBreaker = { enable: true, rollback: true };
    const world = await strategyWorld({ deploymentCircuitBreaker });
    const before = (await describeService(world)).deployments?.[0];
    const primary = await deploy(world, 'nope');
    const record = await serviceDeployment(world, primary, 'ROLLBACK_SUCCESSFUL');
    expect(record).toMatchObject({
      statusReason:
        'Service deployment rolled back because the circuit breaker threshold was exceeded.',
      lifecycleStage: 'SCALE_UP',
      deploymentCircuitBreaker: { status: 'TRIGGERED', failureCount: 3 },
      targetServiceRevision: weights(0, 0),
      sourceServiceRevisions: [weights(100, 100)],
    });
    const service = await describeService(world);
    expect(service.deployments).toMatchObject([{ ...untouched(before), status: 'PRIMARY' }]);
    expect(await stoppedTasks(world, before ?? {})).toEqual([]);
  });

  test('rolls back to the old tasks if an alarm fires during the bake time', async () => {
    const alarms = { alarmNames: ['errors'], enable: true, rollback: true };
    const world = await strategyWorld({ alarms }, { faults: [{ name: 'alarm' }] });
    const before = (await describeService(world)).deployments?.[0];
    const primary = await deploy(world, 'v2');
    const record = await serviceDeployment(world, primary, 'ROLLBACK_SUCCESSFUL');
    expect(record).toMatchObject({
      lifecycleStage: 'BAKE_TIME',
      alarms: { status: 'TRIGGERED', triggeredAlarmNames: ['errors'] },
    });
    expect(await stoppedTasks(world, before ?? {})).toEqual([]);
    expect((await describeService(world)).deployments).toMatchObject([untouched(before)]);
  });

  test('reconciles a service whose last deployment is superseded', async () => {
    const world = await strategyWorld({ lifecycleHooks: [pauseHook('POST_SCALE_UP')] });
    const first = await deploy(world, 'v2');
    await pausedDeployment(world, first);
    const hooks = [...lambdaHooks(['RECONCILE_SERVICE']), ...lambdaHooks(['PRE_SCALE_UP'])];
    await update(world, { deploymentConfiguration: { lifecycleHooks: hooks } });
    const second = await deploy(world, 'v2');
    const stopped = await serviceDeployment(world, first, 'STOPPED');
    expect(stopped.lifecycleHookDetails).toMatchObject([{ status: 'FAILED' }]);
    const record = await serviceDeployment(world, second, 'SUCCESSFUL');
    expect(
      record.lifecycleHookDetails?.map(({ targetArn }) => targetArn?.split(':').at(-1)),
    ).toEqual(['RECONCILE_SERVICE', 'PRE_SCALE_UP']);
    expect(record.sourceServiceRevisions).toHaveLength(2);
    expect((await describeService(world)).deployments).toMatchObject([{ id: second.id }]);
  });

  test('has a bake time even without tasks to replace', async () => {
    const world = await strategyWorld({ bakeTimeInMinutes: 5 });
    await update(world, { desiredCount: 0 });
    await describeService(world, 'app', ({ runningCount }) => runningCount === 0);
    const primary = await deploy(world, 'v2');
    const { createdAt, finishedAt } = await serviceDeployment(world, primary, 'SUCCESSFUL');
    expect((finishedAt?.getTime() ?? 0) - (createdAt?.getTime() ?? 0)).toBeGreaterThan(300_000);
  });

  test('works without a load balancer and after UpdateService changes the strategy', async () => {
    const world = await startWorld();
    await update(world, { deploymentConfiguration: { strategy: 'BLUE_GREEN' } });
    const blueGreen = await deploy(world, 'v2');
    const record = await serviceDeployment(world, blueGreen, 'SUCCESSFUL');
    expect(record.lifecycleStage).toBe('CLEAN_UP');
    expect(record.targetServiceRevision).toMatchObject(weights(0, 100));
    await update(world, { deploymentConfiguration: { strategy: 'ROLLING' } });
    const rolling = await deploy(world, 'v2');
    expect((await serviceDeployment(world, rolling, 'SUCCESSFUL')).lifecycleStage).toBeUndefined();
  });
});

describe('traffic shifts in steps', () => {
  test.each([
    [
      { strategy: 'LINEAR', linearConfiguration: { stepPercent: 40, stepBakeTimeInMinutes: 1 } },
      [0, 40, 80],
      120,
    ],
    [
      { strategy: 'CANARY', canaryConfiguration: { canaryPercent: 5, canaryBakeTimeInMinutes: 2 } },
      [0, 5],
      120,
    ],
    [{ strategy: 'LINEAR' }, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90], 9 * 360],
    [{ strategy: 'CANARY' }, [0, 5], 600],
  ])('%j', async (configuration, steps, bake) => {
    const lifecycleHooks = [
      pauseHook('PRE_PRODUCTION_TRAFFIC_SHIFT'),
      ...lambdaHooks(['PRODUCTION_TRAFFIC_SHIFT']),
    ];
    const world = await strategyWorld({ ...configuration, lifecycleHooks });
    const primary = await deploy(world, 'v2');
    const seen = [];
    let last = '';
    for (const _ of steps) {
      const { record, hookId } = await pausedDeployment(world, primary, last);
      const weight = record.targetServiceRevision?.requestedProductionTrafficWeight ?? 0;
      expect(record.sourceServiceRevisions).toMatchObject([weights(0, 100 - weight)]);
      seen.push(weight);
      await proceed(world, record.serviceDeploymentArn, hookId);
      last = hookId;
    }
    expect(seen).toEqual(steps);
    const record = await serviceDeployment(world, primary, 'SUCCESSFUL');
    expect(record.lifecycleHookDetails).toHaveLength(2 * steps.length);
    const { createdAt, finishedAt } = record;
    expect((finishedAt?.getTime() ?? 0) - (createdAt?.getTime() ?? 0)).toBeGreaterThan(bake * 1000);
  });
});

describe('a Lambda hook', () => {
  test('that returns FAILED rolls back', async () => {
    const lifecycleHooks = lambdaHooks(['PRE_SCALE_UP']);
    const world = await strategyWorld({ lifecycleHooks }, { faults: [{ name: 'hook-failed' }] });
    const before = (await describeService(world)).deployments?.[0];
    const primary = await deploy(world, 'v2');
    const record = await serviceDeployment(world, primary, 'ROLLBACK_SUCCESSFUL');
    const reason =
      'Service deployment rolled back because PRE_SCALE_UP lifecycle hook(s) failed. ' +
      `Lifecycle hook target ${lifecycleHooks[0]?.hookTargetArn} returned FAILED status.`;
    expect(record).toMatchObject({
      statusReason: reason,
      rollback: { reason },
      lifecycleStage: 'PRE_SCALE_UP',
      lifecycleHookDetails: [{ status: 'FAILED' }],
    });
    const service = await describeService(world);
    expect(service.deployments).toMatchObject([untouched(before)]);
    expect(messages(service, primary)).toEqual([
      `(deployment N) deployment failed: ${reason}`,
      'rolling back to deployment N.',
      '(deployment N) deployment completed.',
      'has reached a steady state.',
    ]);
  });
});

describe('reasons of ECS', () => {
  test.each([
    ['hook-role', /PRE_SCALE_UP lifecycle hook\(s\) failed\. ECS was unable to assume role arn:/],
    ['hook-unreachable', /ECS was unable to invoke hook target arn:\S+:PRE_SCALE_UP due to /],
    ['hook-unparsable', /unable to parse the response from arn:\S+:PRE_SCALE_UP due to HookStatus/],
    [
      'invalid-network',
      /rolled back because of invalid networking configuration\. Both targetGroup/,
    ],
  ] as const)('%s', async (name, reason) => {
    const lifecycleHooks = lambdaHooks(['PRE_SCALE_UP']);
    const world = await strategyWorld({ lifecycleHooks }, { faults: [{ name }] });
    const primary = await deploy(world, 'v2');
    const record = await serviceDeployment(world, primary, 'ROLLBACK_SUCCESSFUL');
    expect(record.statusReason).toMatch(reason);
    expect(isBack(await describeService(world))).toBe(true);
  });
});

test('a service behind VPC Lattice keeps its members, which each deployment shows', async () => {
  const vpcLatticeConfigurations = [
    {
      roleArn: 'arn:aws:iam::111122223333:role/lattice',
      targetGroupArn: 'arn:aws:vpc-lattice:ap-northeast-2:111122223333:targetgroup/tg-1',
      portName: 'http',
    },
  ];
  const world = await startWorld({ service: { vpcLatticeConfigurations } });
  const { deployments } = await describeService(world);
  expect(deployments?.[0]?.vpcLatticeConfigurations).toEqual(vpcLatticeConfigurations);
});

describe('a pause hook', () => {
  const stage = 'POST_TEST_TRAFFIC_SHIFT';

  test('reports when it times out and what happens then', async () => {
    const timeoutConfiguration = { timeoutInMinutes: 30, action: 'CONTINUE' };
    const world = await strategyWorld({ lifecycleHooks: [pauseHook(stage, timeoutConfiguration)] });
    const primary = await deploy(world, 'v2');
    const { record, hookId } = await pausedDeployment(world, primary);
    expect(record.lifecycleStage).toBe(stage);
    expect(hookId).toMatch(/^ecs-pause-[\w-]{43}$/);
    const [hook] = record.lifecycleHookDetails ?? [];
    expect(hook).toMatchObject({ targetType: 'PAUSE', timeoutAction: 'CONTINUE' });
    expect(hook?.targetArn).toBeUndefined();
    expect(hook?.expiresAt?.getTime()).toBe((record.updatedAt?.getTime() ?? 0) + 1_800_000);
    const done = await serviceDeployment(world, primary, 'SUCCESSFUL');
    expect(done.lifecycleHookDetails).toMatchObject([{ hookId, status: 'TIMED_OUT' }]);
  });

  test('that times out rolls back', async () => {
    const timeoutConfiguration = { timeoutInMinutes: 30 };
    const world = await strategyWorld({ lifecycleHooks: [pauseHook(stage, timeoutConfiguration)] });
    const primary = await deploy(world, 'v2');
    const record = await serviceDeployment(world, primary, 'ROLLBACK_SUCCESSFUL');
    expect(record).toMatchObject({
      statusReason: `Service deployment rolled back because ${stage} pause hook timed out.`,
      lifecycleHookDetails: [{ status: 'TIMED_OUT', timeoutAction: 'ROLLBACK' }],
    });
    expect(isBack(await describeService(world))).toBe(true);
  });

  test('can be answered with CONTINUE or ROLLBACK', async () => {
    const world = await strategyWorld({ lifecycleHooks: [pauseHook(stage)] });
    const good = await deploy(world, 'v2');
    const paused = await pausedDeployment(world, good);
    const arn = paused.record.serviceDeploymentArn;
    expect((await proceed(world, arn, paused.hookId)).serviceDeploymentArn).toBe(arn);
    const done = await serviceDeployment(world, good, 'SUCCESSFUL');
    expect(done.lifecycleHookDetails).toMatchObject([{ status: 'SUCCEEDED' }]);
    const bad = await deploy(world, 'v2');
    const again = await pausedDeployment(world, bad);
    await proceed(world, again.record.serviceDeploymentArn, again.hookId, 'ROLLBACK');
    const record = await serviceDeployment(world, bad, 'ROLLBACK_SUCCESSFUL');
    expect(record.lifecycleHookDetails).toMatchObject([{ status: 'FAILED' }]);
    expect((await describeService(world)).deployments).toMatchObject([{ id: good.id }]);
  });

  test('refuses invalid answers', async () => {
    const world = await strategyWorld({ lifecycleHooks: [pauseHook(stage)] });
    const primary = await deploy(world, 'v2');
    const { record, hookId } = await pausedDeployment(world, primary);
    const arn = record.serviceDeploymentArn;
    const refused = (id: string) => ({
      name: 'InvalidParameterException',
      message: expect.stringContaining(id) as string,
    });
    await expect(proceed(world, `${arn}x`, hookId)).rejects.toMatchObject({
      name: 'ServiceDeploymentNotFoundException',
      message: 'The service deployment does not exist.',
    });
    await expect(proceed(world, arn, 'pause-1')).rejects.toMatchObject(
      refused('Invalid hookId: hookId must follow the format: ecs-{hookType}-{id}'),
    );
    const unavailable = refused(
      'Provided hookId is either completed, unavailable, or not associated with the given Resource ARN',
    );
    await expect(proceed(world, arn, 'ecs-pause-1')).rejects.toMatchObject(unavailable);
    await proceed(world, arn, hookId);
    await expect(proceed(world, arn, hookId)).rejects.toMatchObject(unavailable);
    await serviceDeployment(world, primary, 'SUCCESSFUL');
    await expect(proceed(world, arn, hookId)).rejects.toMatchObject(
      refused(
        'Continuing a service deployment is not allowed for service deployment in terminal states.',
      ),
    );
  });

  test.each(['PRE_SCALE_UP', 'POST_TEST_TRAFFIC_SHIFT', 'POST_PRODUCTION_TRAFFIC_SHIFT'])(
    'at %s does not prevent a rollback by StopServiceDeployment',
    async (at) => {
      const world = await strategyWorld({ lifecycleHooks: [pauseHook(at)] });
      const before = (await describeService(world)).deployments?.[0];
      const primary = await deploy(world, 'v2');
      const { record } = await pausedDeployment(world, primary);
      const { serviceDeploymentArn } = record;
      const stop = new StopServiceDeploymentCommand({ serviceDeploymentArn });
      await world.client.send(stop);
      const done = await serviceDeployment(world, primary, 'ROLLBACK_SUCCESSFUL');
      expect(done).toMatchObject({
        lifecycleStage: at,
        lifecycleHookDetails: [{ status: 'FAILED' }],
        targetServiceRevision: weights(0, 0),
      });
      expect((await describeService(world)).deployments).toMatchObject([untouched(before)]);
      await expect(world.client.send(stop)).rejects.toMatchObject({ name: 'ConflictException' });
    },
  );
});

describe('the first deployment of a service has no rollback candidate', () => {
  const NO_CANDIDATE = 'No rollback candidate was found to run the rollback.';

  test.each([
    ['when its tasks fail', {}, 'nope', /tasks failed to start\.$/],
    [
      'when its hook fails',
      { strategy: 'BLUE_GREEN' as const, lifecycleHooks: lambdaHooks(['PRE_SCALE_UP']) },
      'v2',
      /PRE_SCALE_UP lifecycle hook\(s\) failed\. .* returned FAILED status\.$/,
    ],
  ])('%s', async (_, change, tag, event) => {
    const world = await startWorld({ faults: [{ name: 'hook-failed' }] });
    await register(world, definition(tag));
    const { service } = await world.client.send(
      new CreateServiceCommand({
        ...SERVICE,
        serviceName: 'worker',
        deploymentConfiguration: { ...SERVICE.deploymentConfiguration, ...change } as object,
      }),
    );
    const number = service?.deployments?.[0]?.id?.split('/')[1] ?? '';
    const failed = await describeService(
      world,
      'worker',
      ({ deployments }) => deployments?.[0]?.rolloutState === 'FAILED',
    );
    expect(failed.deployments?.[0]?.id).toContain(number);
    expect(failed.events?.[0]?.message).toMatch(event);
    const { serviceDeployments } = await until(
      () =>
        world.client.send(
          new DescribeServiceDeploymentsCommand({
            serviceDeploymentArns: [failed.currentServiceDeployment ?? ''],
          }),
        ),
      (answer) => answer.serviceDeployments?.[0]?.finishedAt !== undefined,
    );
    expect(serviceDeployments).toMatchObject([
      { status: 'STOPPED', statusReason: NO_CANDIDATE, sourceServiceRevisions: [] },
    ]);
    expect(serviceDeployments?.[0]?.stoppedAt).toBeDefined();
  });
});

describe('UpdateService refuses', () => {
  const { advancedConfiguration, ...plain } = SHIFTING_LOAD_BALANCER;
  const other = { ...SHIFTING_LOAD_BALANCER, targetGroupArn: 'arn:other' };
  const strategy = 'BLUE_GREEN';
  const listener = 'arn:aws:elasticloadbalancing:ap-northeast-2:111122223333:listener/app/web/1/2';

  test.each([
    [
      { loadBalancers: [plain], deploymentConfiguration: { strategy } },
      'advancedConfiguration field is required for all loadBalancers when using a non-ROLLING ' +
        'deployment strategy',
    ],
    [
      { loadBalancers: [plain, other], deploymentConfiguration: { strategy } },
      'Either all or none of the provided loadBalancers must have advancedConfiguration defined',
    ],
    [
      { loadBalancers: [SHIFTING_LOAD_BALANCER, SHIFTING_LOAD_BALANCER] },
      `Duplicate targetGroupArn found: ${plain.targetGroupArn}`,
    ],
    [
      {
        loadBalancers: [
          {
            ...plain,
            advancedConfiguration: { ...advancedConfiguration, productionListenerRule: listener },
          },
        ],
      },
      'productionListenerRule has an invalid ARN format. Must be RuleArn for ALB or ListenerArn ' +
        `for NLB. Got: ${listener}`,
    ],
    [
      {
        loadBalancers: [
          {
            ...plain,
            advancedConfiguration: {
              ...advancedConfiguration,
              testListenerRule: advancedConfiguration.productionListenerRule,
            },
          },
        ],
      },
      'The following rules cannot be used as both production and test listener rules: ' +
        advancedConfiguration.productionListenerRule,
    ],
    [
      { deploymentConfiguration: { lifecycleHooks: [pauseHook('PRODUCTION_TRAFFIC_SHIFT')] } },
      'Invalid lifecycle stage provided for Pause Hook',
    ],
    [
      { deploymentConfiguration: { lifecycleHooks: [{ targetType: 'WEBHOOK' }] } },
      'Invalid targetType. Valid values are: AWS_LAMBDA, PAUSE',
    ],
  ])('%j', async (input, message) => {
    const world = await startWorld();
    await expect(update(world, input)).rejects.toMatchObject({
      name: 'InvalidParameterException',
      message,
    });
  });
});
