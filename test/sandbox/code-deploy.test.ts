import {
  BatchGetApplicationsCommand,
  BatchGetDeploymentGroupsCommand,
  CodeDeployClient,
  ContinueDeploymentCommand,
  CreateApplicationCommand,
  CreateDeploymentCommand,
  CreateDeploymentGroupCommand,
  GetApplicationRevisionCommand,
  GetDeploymentCommand,
  GetDeploymentGroupCommand,
  GetDeploymentTargetCommand,
  ListDeploymentGroupsCommand,
  ListDeploymentsCommand,
  paginateListApplications,
  PutLifecycleEventHookExecutionStatusCommand,
  StopDeploymentCommand,
} from '@aws-sdk/client-codedeploy';
import type {
  CreateDeploymentCommandInput,
  DeploymentInfo,
  ECSTarget,
} from '@aws-sdk/client-codedeploy';
import {
  CreateServiceCommand,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import type { Service } from '@aws-sdk/client-ecs';
import {
  DescribeRulesCommand,
  ElasticLoadBalancingV2Client,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readConfig, weightsOf } from '../../src/sandbox/code-deploy/configs.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { SCENARIOS } from '../../src/sandbox/scenarios.ts';
import type { CodeDeployScenario, Scene } from '../../src/sandbox/scenarios.ts';
import { LISTENER, PRODUCTION_RULE, TARGET_GROUP } from '../../src/sandbox/world.ts';
import { until } from './ecs-world.ts';

const NAMES = {
  applicationName: 'AppECS-backend-hyeon9mak-service-dev',
  deploymentGroupName: 'DgpECS-backend-hyeon9mak-service-dev',
};
const TARGET_ID = 'backend:hyeon9mak-service-dev';

/** A sandbox whose service CodeDeploy deploys, and its clients. */
async function open(scenario: CodeDeployScenario = 'codedeploy', more: Scene = {}, speed = 2000) {
  const sandbox = await startSandbox({ speed, scenarios: [SCENARIOS[scenario], more] });
  const client = {
    endpoint: sandbox.url,
    region: 'ap-northeast-2',
    credentials: { accessKeyId: 'AKIASANDBOX', secretAccessKey: 'sandbox' },
  };
  const [codeDeploy, ecs] = [new CodeDeployClient(client), new ECSClient(client)];
  onTestFinished(async () => {
    codeDeploy.destroy();
    ecs.destroy();
    await sandbox.close();
  });
  const service = async (name = 'hyeon9mak-service-dev'): Promise<Service> => {
    const { services = [] } = await ecs.send(
      new DescribeServicesCommand({ cluster: 'backend', services: [name] }),
    );
    return services[0] ?? {};
  };
  const info = async (deploymentId: string): Promise<DeploymentInfo> => {
    const { deploymentInfo } = await codeDeploy.send(new GetDeploymentCommand({ deploymentId }));
    return deploymentInfo ?? {};
  };
  const target = async (deploymentId: string): Promise<ECSTarget> => {
    const { deploymentTarget } = await codeDeploy.send(
      new GetDeploymentTargetCommand({ deploymentId, targetId: TARGET_ID }),
    );
    return deploymentTarget?.ecsTarget ?? {};
  };
  /** The AppSpec of the deployment that made the running task set. */
  const lastAppSpec = async (): Promise<string | undefined> => {
    const { revision } = await info((await service()).taskSets?.[0]?.externalId ?? '');
    const stored = await codeDeploy.send(
      new GetApplicationRevisionCommand({ applicationName: NAMES.applicationName, revision }),
    );
    return stored.revision?.appSpecContent?.content;
  };
  const end = (id: string) =>
    until(
      () => info(id),
      ({ completeTime }) => completeTime !== undefined,
    );
  /** Registers a revision and deploys it; returns the id of the deployment. */
  const deploy = async (input: Partial<CreateDeploymentCommandInput> = {}): Promise<string> => {
    const { taskDefinition } = await ecs.send(
      new DescribeTaskDefinitionCommand({ taskDefinition: 'hyeon9mak-task-dev' }),
    );
    const registered = await ecs.send(
      new RegisterTaskDefinitionCommand({
        ...taskDefinition,
        containerDefinitions: taskDefinition?.containerDefinitions?.map((container) => ({
          ...container,
          environment: [{ name: 'VERSION', value: '2' }],
        })),
      } as never),
    );
    const { taskDefinitionArn = '' } = registered.taskDefinition ?? {};
    const { deploymentId = '' } = await codeDeploy.send(
      new CreateDeploymentCommand({
        ...NAMES,
        revision: {
          revisionType: 'AppSpecContent',
          appSpecContent: { content: appSpec(taskDefinitionArn) },
        },
        ...input,
      }),
    );
    return deploymentId;
  };
  return {
    client,
    codeDeploy,
    ecs,
    service,
    info,
    target,
    deploy,
    lastAppSpec,
    /** Deploys a new revision with the AppSpec of the last deployment; returns the id. */
    deployAgain: async (): Promise<string> => {
      const content = (await lastAppSpec())?.replace(/dev:1/, 'dev:2');
      return deploy({ revision: { revisionType: 'AppSpecContent', appSpecContent: { content } } });
    },
    end,
    /** The deployment that rolls another one back, once it has ended. */
    rollbackOf: async (id: string): Promise<DeploymentInfo> => {
      const { rollbackInfo } = await until(
        () => info(id),
        (deployment) => deployment.rollbackInfo?.rollbackDeploymentId !== undefined,
      );
      return end(rollbackInfo?.rollbackDeploymentId ?? '');
    },
  };
}

function appSpec(taskDefinition: string, hooks: readonly object[] = []): string {
  const properties = {
    TaskDefinition: taskDefinition,
    LoadBalancerInfo: { ContainerName: 'hyeon9mak-container', ContainerPort: 8080 },
  };
  return JSON.stringify({
    version: 0,
    Resources: [{ TargetService: { Type: 'AWS::ECS::Service', Properties: properties } }],
    Hooks: hooks,
  });
}

test('a service of CodeDeploy has task sets, and its last deployment is known', async () => {
  const world = await open();
  const service = await world.service();
  expect(service).toMatchObject({
    deploymentController: { type: 'CODE_DEPLOY' },
    deployments: [],
    runningCount: 2,
    taskSets: [
      {
        id: expect.stringMatching(/^ecs-svc\/\d{19}$/) as string,
        status: 'PRIMARY',
        stabilityStatus: 'STEADY_STATE',
        startedBy: 'CODE_DEPLOY',
        computedDesiredCount: 2,
        runningCount: 2,
        taskDefinition: expect.stringMatching(/:1$/) as string,
        scale: { value: 100, unit: 'PERCENT' },
      },
    ],
  });
  const id = service.taskSets?.[0]?.externalId ?? '';
  expect(await world.info(id)).toMatchObject({
    ...NAMES,
    status: 'Succeeded',
    computePlatform: 'ECS',
  });
  const { deploymentGroupInfo } = await world.codeDeploy.send(new GetDeploymentGroupCommand(NAMES));
  expect(deploymentGroupInfo).toMatchObject({
    ecsServices: [{ serviceName: 'hyeon9mak-service-dev', clusterName: 'backend' }],
    lastSuccessfulDeployment: { deploymentId: id, status: 'Succeeded' },
  });
});

test('a deployment installs a task set, shifts the traffic and removes the old one', async () => {
  const world = await open('codedeploy-hour');
  const [old] = (await world.service()).taskSets ?? [];
  const id = await world.deploy();
  const waiting = await until(
    () => world.info(id),
    ({ instanceTerminationWaitTimeStarted }) => instanceTerminationWaitTimeStarted === true,
  );
  expect(waiting).toMatchObject({ status: 'InProgress', creator: 'user' });
  expect(await world.target(id)).toMatchObject({
    status: 'Succeeded',
    taskSetsInfo: [
      { identifer: old?.id, taskSetLabel: 'Blue', trafficWeight: 0, status: 'ACTIVE' },
      { taskSetLabel: 'Green', trafficWeight: 100, status: 'PRIMARY', runningCount: 2 },
    ],
  });
  expect((await world.service()).taskSets).toMatchObject([
    { status: 'PRIMARY', externalId: id },
    { status: 'ACTIVE', id: old?.id },
  ]);
  await world.codeDeploy.send(
    new ContinueDeploymentCommand({ deploymentId: id, deploymentWaitType: 'TERMINATION_WAIT' }),
  );
  expect(await world.end(id)).toMatchObject({ status: 'Succeeded' });
  const { taskSets, taskDefinition } = await world.service();
  expect(taskSets).toMatchObject([{ status: 'PRIMARY', externalId: id }]);
  expect(taskDefinition).toMatch(/:2$/);
  const { lifecycleEvents = [] } = await world.target(id);
  expect(
    lifecycleEvents.map(({ lifecycleEventName, status }) => `${lifecycleEventName} ${status}`),
  ).toEqual([
    'BeforeInstall Succeeded',
    'Install Succeeded',
    'AfterInstall Succeeded',
    'AllowTestTraffic Skipped',
    'AfterAllowTestTraffic Skipped',
    'BeforeAllowTraffic Succeeded',
    'AllowTraffic Succeeded',
    'AfterAllowTraffic Succeeded',
  ]);
});

test('a service, an application and a group that someone makes are deployed', async () => {
  const world = await open();
  const { service = {} } = await world.ecs.send(
    new CreateServiceCommand({
      cluster: 'backend',
      serviceName: 'web',
      taskDefinition: 'hyeon9mak-task-dev:1',
      desiredCount: 1,
      launchType: 'FARGATE',
      deploymentController: { type: 'CODE_DEPLOY' },
      networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'] } },
      loadBalancers: [
        { targetGroupArn: TARGET_GROUP, containerName: 'hyeon9mak-container', containerPort: 8080 },
      ],
    }),
  );
  expect(service).toMatchObject({ deployments: [], taskSets: [{ status: 'PRIMARY' }] });
  await until(
    () => world.service('web'),
    ({ taskSets = [] }) => taskSets[0]?.stabilityStatus === 'STEADY_STATE',
  );
  const names = { applicationName: 'app', deploymentGroupName: 'group' };
  await world.codeDeploy.send(
    new CreateApplicationCommand({ applicationName: 'app', computePlatform: 'ECS' }),
  );
  await world.codeDeploy.send(
    new CreateDeploymentGroupCommand({
      ...names,
      serviceRoleArn: 'arn:aws:iam::111122223333:role/codedeploy',
      ecsServices: [{ clusterName: 'backend', serviceName: 'web' }],
      loadBalancerInfo: {
        targetGroupPairInfoList: [
          {
            targetGroups: [{ name: 'hyeon9mak-dev' }, { name: 'hyeon9mak-green' }],
            prodTrafficRoute: { listenerArns: [LISTENER] },
          },
        ],
      },
    }),
  );
  expect(await world.end(await world.deploy(names))).toMatchObject({ status: 'Succeeded' });
  expect((await world.service('web')).taskDefinition).toMatch(/:2$/);
});

describe('what CodeDeploy refuses', () => {
  const content = appSpec('arn:aws:ecs:ap-northeast-2:111122223333:task-definition/x:1');
  const stored = (appSpecContent: object) => ({
    revision: { revisionType: 'AppSpecContent', appSpecContent },
  });

  test('CreateDeployment', async () => {
    const world = await open();
    const create = (input: object) =>
      world.codeDeploy
        .send(new CreateDeploymentCommand({ ...NAMES, ...stored({ content }), ...input } as never))
        .catch(({ name, message }: Error) => `${name}: ${message}`);
    const answers = await Promise.all(
      [
        { applicationName: 'x' },
        { deploymentGroupName: 'x' },
        { deploymentGroupName: undefined },
        { revision: undefined },
        stored({}),
        stored({ content, sha256: '0'.repeat(64) }),
        { revision: { revisionType: 'GitHub' } },
        {
          revision: {
            revisionType: 'S3',
            s3Location: { bucket: 'b', key: 'k', bundleType: 'zip' },
          },
        },
        { deploymentConfigName: 'CodeDeployDefault.ECSSlowly' },
        { description: 'x'.repeat(257) },
        { autoRollbackConfiguration: { enabled: true } },
      ].map(create),
    );
    expect(answers).toEqual([
      'ApplicationDoesNotExistException: No application found for name: x',
      'DeploymentGroupDoesNotExistException: No Deployment Group found for name: x',
      'DeploymentGroupNameRequiredException: DeploymentGroupName must be specified',
      'RevisionRequiredException: RevisionLocation must be specified',
      'InvalidRevisionException: The content of the AppSpec must be specified',
      'InvalidRevisionException: The SHA256 hash of the AppSpec does not match its content',
      'InvalidRevisionException: The revision type GitHub is not supported by the compute platform ECS',
      'InvalidRevisionException: For ECS deployments, BundleType must be either YAML or JSON',
      'DeploymentConfigDoesNotExistException: No deployment configuration found for name: CodeDeployDefault.ECSSlowly',
      'DescriptionTooLongException: Description cannot be longer than 256 characters',
      'InvalidAutoRollbackConfigException: AutoRollbackConfiguration must have events if it is enabled',
    ]);
  });

  test('a second deployment, and calls that come too early or too late', async () => {
    const world = await open('codedeploy-hour', {}, 20);
    const deploymentId = await world.deploy();
    const fails = (command: { input: object }) =>
      world.codeDeploy.send(command as never).then(
        () => 'succeeded',
        ({ name, message }: Error) => `${name}: ${message}`,
      );
    const get = new GetDeploymentTargetCommand({ deploymentId, targetId: TARGET_ID });
    expect(await fails(get)).toMatch(/^DeploymentNotStartedException/);
    await expect(world.deploy()).rejects.toThrow(
      `The Deployment Group '${NAMES.deploymentGroupName}' already has an active Deployment '${deploymentId}'`,
    );
    expect(await fails(new ContinueDeploymentCommand({ deploymentId }))).toMatch(
      /^DeploymentIsNotInReadyStateException/,
    );
    await until(
      () => world.info(deploymentId),
      ({ status }) => status === 'InProgress',
    );
    const other = new GetDeploymentTargetCommand({ deploymentId, targetId: 'backend:x' });
    expect(await fails(other)).toMatch(/^DeploymentTargetDoesNotExistException/);
    const old = (await world.service()).taskSets?.[0]?.externalId ?? '';
    expect(await fails(new StopDeploymentCommand({ deploymentId: old }))).toMatch(
      /^DeploymentAlreadyCompletedException/,
    );
    expect(await fails(new GetDeploymentCommand({ deploymentId: 'd-AAAAAAAAA' }))).toBe(
      'DeploymentDoesNotExistException: The deployment d-AAAAAAAAA could not be found',
    );
  });

  test('UpdateService of what only CodeDeploy can change', async () => {
    const world = await open();
    const update = (input: object) =>
      world.ecs
        .send(
          new UpdateServiceCommand({
            cluster: 'backend',
            service: 'hyeon9mak-service-dev',
            ...input,
          }),
        )
        .catch(({ message }: Error) => message.replace(/ on services with a CODE_DEPLOY .*/, ''));
    const network = { awsvpcConfiguration: { subnets: ['subnet-2'] } };
    expect(
      await Promise.all([
        update({ taskDefinition: 'hyeon9mak-task-dev:1' }),
        update({ forceNewDeployment: true }),
        update({ networkConfiguration: network }),
        update({ loadBalancers: [] }),
      ]),
    ).toEqual([
      'Unable to update task definition',
      'Cannot force a new deployment',
      'Unable to update network parameters',
      'Unable to update load balancers',
    ]);
    expect(await update({ desiredCount: 3 })).toMatchObject({
      service: { desiredCount: 3, taskSets: [{ computedDesiredCount: 3 }] },
    });
  });
});

describe('traffic', () => {
  test.each([
    ['CodeDeployDefault.ECSAllAtOnce', [100], 0],
    ['CodeDeployDefault.ECSCanary10Percent5Minutes', [10, 100], 5],
    ['CodeDeployDefault.ECSCanary10Percent15Minutes', [10, 100], 15],
    [
      'CodeDeployDefault.ECSLinear10PercentEvery1Minutes',
      [10, 20, 30, 40, 50, 60, 70, 80, 90, 100],
      9,
    ],
    [
      'CodeDeployDefault.ECSLinear10PercentEvery3Minutes',
      [10, 20, 30, 40, 50, 60, 70, 80, 90, 100],
      27,
    ],
  ])('%s', async (deploymentConfigName, weights, minutes) => {
    const shift = readConfig(deploymentConfigName);
    expect(shift && weightsOf(shift)).toEqual(weights);
    const world = await open(
      'codedeploy',
      { codeDeploy: { settings: { deploymentConfigName } } },
      4000,
    );
    const id = await world.deploy();
    await world.end(id);
    const { lifecycleEvents = [] } = await world.target(id);
    const { startTime, endTime } =
      lifecycleEvents.find(({ lifecycleEventName }) => lifecycleEventName === 'AllowTraffic') ?? {};
    const seconds = (Number(endTime) - Number(startTime)) / 1000;
    expect(seconds).toBeCloseTo(minutes * 60 + 5 * weights.length + 1, 1);
  });

  test('the rules of the listener follow the weights', async () => {
    const world = await open('codedeploy-canary', {}, 300);
    const elb = new ElasticLoadBalancingV2Client(world.client);
    onTestFinished(() => elb.destroy());
    const weights = async () => {
      const { Rules = [] } = await elb.send(
        new DescribeRulesCommand({ RuleArns: [PRODUCTION_RULE] }),
      );
      const groups = Rules[0]?.Actions?.[0]?.ForwardConfig?.TargetGroups ?? [];
      return groups.map(
        ({ TargetGroupArn, Weight }) => `${TargetGroupArn?.split('/')[1]} ${Weight}`,
      );
    };
    const id = await world.deploy();
    await until(
      async () => (await world.info(id)).startTime && world.target(id),
      (target) => target?.taskSetsInfo?.[1]?.trafficWeight === 10,
    );
    expect(await weights()).toEqual(['hyeon9mak-dev 90', 'hyeon9mak-green 10']);
    await world.end(id);
    expect(await weights()).toEqual(['hyeon9mak-dev 0', 'hyeon9mak-green 100']);
  });
});

/** The old tasks stay an hour. */
const HOUR: Scene = {
  codeDeploy: {
    settings: {
      blueGreenDeploymentConfiguration: {
        deploymentReadyOption: { actionOnTimeout: 'STOP_DEPLOYMENT', waitTimeInMinutes: 60 },
        terminateBlueInstancesOnDeploymentSuccess: {
          action: 'TERMINATE',
          terminationWaitTimeInMinutes: 60,
        },
      },
    },
  },
};

describe('waits', () => {
  test('the deployment waits for ContinueDeployment before and after the shift', async () => {
    const world = await open('codedeploy-ready', HOUR, 500);
    const deploymentId = await world.deploy();
    const ready = await until(
      () => world.info(deploymentId),
      ({ status }) => status === 'Ready',
    );
    expect(ready.deploymentOverview).toMatchObject({ Ready: 1 });
    expect(await world.target(deploymentId)).toMatchObject({ status: 'Ready' });
    await world.codeDeploy.send(
      new ContinueDeploymentCommand({ deploymentId, deploymentWaitType: 'READY_WAIT' }),
    );
    await until(
      () => world.info(deploymentId),
      ({ instanceTerminationWaitTimeStarted }) => instanceTerminationWaitTimeStarted === true,
    );
    await world.codeDeploy.send(
      new ContinueDeploymentCommand({ deploymentId, deploymentWaitType: 'TERMINATION_WAIT' }),
    );
    const { status, startTime, completeTime } = await world.end(deploymentId);
    expect(status).toBe('Succeeded');
    expect(Number(completeTime) - Number(startTime)).toBeLessThan(3_600_000);
  });

  test('it is stopped when no one continues', async () => {
    const world = await open('codedeploy-ready-timeout');
    expect(await world.end(await world.deploy())).toMatchObject({ status: 'Stopped' });
  });

  test('an hour with the old tasks is part of the deployment', async () => {
    const world = await open('codedeploy-hour', {}, 6000);
    const { status, startTime, completeTime } = await world.end(await world.deploy());
    expect(status).toBe('Succeeded');
    expect(Number(completeTime) - Number(startTime)).toBeGreaterThan(3_600_000);
  });
});

describe('a deployment that fails', () => {
  test.each<[CodeDeployScenario, string]>([
    ['codedeploy-after-install', 'AfterInstall'],
    ['codedeploy-after-test', 'AfterAllowTestTraffic'],
    ['codedeploy-before-traffic', 'BeforeAllowTraffic'],
    ['codedeploy-after-traffic', 'AfterAllowTraffic'],
    ['codedeploy-hook-missing', 'BeforeAllowTraffic'],
    ['codedeploy-hook-hangs', 'AfterInstall'],
  ])('%s: at %s, and is rolled back by a deployment of its own', async (scenario, event) => {
    const world = await open(scenario, {}, 4000);
    const id = await world.deployAgain();
    expect(await world.end(id)).toMatchObject({
      status: 'Failed',
      errorInformation: { code: 'HOOK_EXECUTION_FAILURE' },
    });
    const { lifecycleEvents = [] } = await world.target(id);
    const failed = lifecycleEvents.findIndex(({ status }) => status === 'Failed');
    expect(lifecycleEvents[failed]).toMatchObject({
      lifecycleEventName: event,
      diagnostics: { errorCode: 'UnknownError', message: expect.any(String) as string },
    });
    const after = lifecycleEvents.slice(failed + 1).map(({ status }) => status);
    expect(after).toEqual(after.map(() => 'Skipped'));
    expect(await world.rollbackOf(id)).toMatchObject({ status: 'Succeeded' });
    const { taskDefinition } = await world.service();
    expect(taskDefinition).toMatch(/:1$/);
  });

  test('a hook that fails before there is a new task set rolls nothing back', async () => {
    const world = await open('codedeploy-before-install');
    const id = await world.deployAgain();
    expect(await world.end(id)).toMatchObject({
      errorInformation: { code: 'HOOK_EXECUTION_FAILURE' },
    });
    const { deployments } = await world.codeDeploy.send(new ListDeploymentsCommand(NAMES));
    expect(deployments).toHaveLength(2);
    expect((await world.service()).taskSets).toMatchObject([{ status: 'PRIMARY' }]);
  });

  test.each<[CodeDeployScenario, RegExp]>([
    ['codedeploy-image-gone', /CannotPullContainerError/],
    ['codedeploy-wrong-cpu', /Essential container in task exited/],
    ['codedeploy-crash', /Essential container in task exited/],
    ['codedeploy-unhealthy', /failed ELB health checks/],
  ])('%s: Install waits an hour, and the tasks say why', async (scenario, why) => {
    const world = await open(scenario, {}, 6000);
    const id = await world.deploy();
    expect(await world.end(id)).toMatchObject({
      status: 'Failed',
      errorInformation: { code: 'TIMEOUT' },
    });
    const { taskSetsInfo = [] } = await world.target(id);
    const green = taskSetsInfo.find(({ taskSetLabel }) => taskSetLabel === 'Green')?.identifer;
    const { taskArns } = await world.ecs.send(
      new ListTasksCommand({ cluster: 'backend', startedBy: green, desiredStatus: 'STOPPED' }),
    );
    const { tasks = [] } = await world.ecs.send(
      new DescribeTasksCommand({ cluster: 'backend', tasks: taskArns }),
    );
    expect(tasks.length).toBeGreaterThan(3);
    for (const { stoppedReason } of tasks.slice(0, 3)) expect(stoppedReason).toMatch(why);
    await world.rollbackOf(id);
  });

  test.each<[CodeDeployScenario, number]>([
    ['codedeploy-alarm', 10],
    ['codedeploy-late-alarm', 100],
  ])('%s: its traffic returns', async (scenario, weight) => {
    const world = await open(scenario);
    const id = await world.deploy();
    expect(await world.end(id)).toMatchObject({
      status: 'Stopped',
      errorInformation: { code: 'ALARM_ACTIVE' },
    });
    expect((await world.target(id)).taskSetsInfo?.[1]).toMatchObject({ trafficWeight: weight });
    const rollback = await world.rollbackOf(id);
    expect(rollback).toMatchObject({
      status: 'Succeeded',
      creator: 'codeDeployRollback',
      rollbackInfo: { rollbackTriggeringDeploymentId: id },
    });
    const { taskSetsInfo } = await world.target(rollback.deploymentId ?? '');
    expect(taskSetsInfo?.[0]).toMatchObject({ taskSetLabel: 'Blue', trafficWeight: 100 });
    expect((await world.service()).taskSets?.[0]?.taskDefinition).toMatch(/:1$/);
  });

  test('the rollback fails', async () => {
    const world = await open('codedeploy-rollback-fails');
    const rollback = await world.rollbackOf(await world.deploy());
    expect(rollback).toMatchObject({
      status: 'Failed',
      errorInformation: { code: 'ELASTIC_LOAD_BALANCING_INVALID' },
    });
  });

  test.each<[CodeDeployScenario, string]>([
    ['codedeploy-listener-changed', 'ELASTIC_LOAD_BALANCING_INVALID'],
    ['codedeploy-role-denied', 'IAM_ROLE_PERMISSIONS'],
  ])('%s', async (scenario, code) => {
    const world = await open(scenario);
    expect(await world.end(await world.deploy())).toMatchObject({ errorInformation: { code } });
  });

  test.each([
    [
      'a revision that does not exist',
      'TaskDefinition: x:9',
      'ECS_UPDATE_ERROR',
      /TaskDefinition not found/,
    ],
    ['an AppSpec without a revision', 'X: y', 'INVALID_REVISION', /TaskDefinition is required/],
    [
      'an AppSpec that is no YAML',
      'TaskDefinition: "x',
      'INVALID_REVISION',
      /not well-formed yaml/,
    ],
  ])('%s', async (_, property, code, message) => {
    const world = await open();
    const content = [
      'version: 0.0',
      'Resources:',
      '  - TargetService:',
      '      Type: AWS::ECS::Service',
      '      Properties:',
      `        ${property}`,
      '        LoadBalancerInfo: { ContainerName: hyeon9mak-container, ContainerPort: 8080 }',
    ].join('\n');
    const id = await world.deploy({
      revision: { revisionType: 'String', string: { content } },
    });
    expect(await world.end(id)).toMatchObject({
      errorInformation: { code, message: expect.stringMatching(message) as string },
    });
  });

  test('it is stopped: the new tasks stay without traffic', async () => {
    // A millisecond of the timers is less than what lies between the stop and the shift.
    const world = await open('codedeploy-stopped', {}, 200);
    const id = await world.deploy();
    expect(await world.end(id)).toMatchObject({
      status: 'Stopped',
      errorInformation: { code: 'MANUAL_STOP' },
    });
    expect((await world.service()).taskSets).toMatchObject([
      { status: 'PRIMARY', taskDefinition: expect.stringMatching(/:1$/) as string },
      { status: 'ACTIVE', externalId: id },
    ]);
  });

  test('it is stopped and rolled back', async () => {
    const world = await open('codedeploy-stopped-rollback', {}, 200);
    const id = await world.deploy();
    expect(await world.rollbackOf(id)).toMatchObject({ status: 'Succeeded' });
    expect(await world.info(id)).toMatchObject({ errorInformation: { code: 'MANUAL_STOP' } });
    await until(
      () => world.service(),
      ({ taskSets = [] }) => taskSets.length === 1,
    );
  });

  test('a hook is answered with its execution id', async () => {
    const world = await open('codedeploy-hook-hangs', {}, 500);
    const deploymentId = await world.deployAgain();
    const put = () =>
      world.codeDeploy
        .send(
          new PutLifecycleEventHookExecutionStatusCommand({
            deploymentId,
            lifecycleEventHookExecutionId: `${deploymentId}-AfterInstall`,
            status: 'Succeeded',
          }),
        )
        .then(
          () => 'answered',
          ({ name }: Error) => name,
        );
    expect(await until(put, (answer) => answer === 'answered')).toBe('answered');
    expect(await world.end(deploymentId)).toMatchObject({ status: 'Succeeded' });
    expect(await put()).toBe('LifecycleEventAlreadyCompletedException');
  });
});

describe('finding', () => {
  test('the group of a service among many applications', async () => {
    const { codeDeploy } = await open('codedeploy-search');
    const pages = [];
    for await (const { applications = [] } of paginateListApplications(
      { client: codeDeploy },
      {},
    )) {
      pages.push(applications);
    }
    expect(pages.map(({ length }) => length)).toEqual([100, 21]);
    const { applicationsInfo = [] } = await codeDeploy.send(
      new BatchGetApplicationsCommand({ applicationNames: pages[0] }),
    );
    expect(new Set(applicationsInfo.map(({ computePlatform }) => computePlatform))).toEqual(
      new Set(['ECS', 'Server']),
    );
    const { deploymentGroups } = await codeDeploy.send(
      new ListDeploymentGroupsCommand({ applicationName: 'shop' }),
    );
    const { deploymentGroupsInfo } = await codeDeploy.send(
      new BatchGetDeploymentGroupsCommand({
        applicationName: 'shop',
        deploymentGroupNames: deploymentGroups,
      }),
    );
    expect(deploymentGroupsInfo).toMatchObject([
      {
        deploymentGroupName: 'production',
        ecsServices: [{ serviceName: 'hyeon9mak-service-dev' }],
      },
    ]);
  });

  test('the AppSpec of the last deployment: by its hash', async () => {
    const world = await open('codedeploy-hooks');
    const id = (await world.service()).taskSets?.[0]?.externalId ?? '';
    const { revision } = await world.info(id);
    const sha256 = expect.stringMatching(/^[0-9a-f]{64}$/) as string;
    expect(revision?.appSpecContent).toEqual({ sha256 });
    expect(await world.lastAppSpec()).toContain('- BeforeInstall: arn:aws:lambda');
    const shown = await open('codedeploy-appspec-shown');
    const last = (await shown.service()).taskSets?.[0]?.externalId ?? '';
    const content = expect.stringContaining('- BeforeInstall: arn:aws:lambda') as string;
    expect((await shown.info(last)).revision?.appSpecContent).toEqual({ content, sha256 });
  });

  test('an AppSpec in S3 can be deployed again', async () => {
    const world = await open('codedeploy-appspec-in-s3');
    const id = (await world.service()).taskSets?.[0]?.externalId ?? '';
    const { revision } = await world.info(id);
    expect(revision).toMatchObject({ revisionType: 'S3', s3Location: { bucket: 'deployments' } });
    expect(await world.end(await world.deploy({ revision }))).toMatchObject({
      status: 'Succeeded',
    });
    const missing = {
      revisionType: 'S3',
      s3Location: { bucket: 'b', key: 'k', bundleType: 'YAML' },
    };
    expect(await world.end(await world.deploy({ revision: missing as never }))).toMatchObject({
      errorInformation: { code: 'REVISION_MISSING' },
    });
  });

  test('deployments by group, status and time; other regions have none', async () => {
    const world = await open();
    const id = await world.deploy();
    const list = async (input: object, client = world.codeDeploy) =>
      (await client.send(new ListDeploymentsCommand(input))).deployments ?? [];
    const old = (await world.service()).taskSets?.[0]?.externalId;
    expect(await list(NAMES)).toEqual([id, old]);
    expect(await list({ ...NAMES, includeOnlyStatuses: ['Succeeded'] })).toEqual([old]);
    const { createTime } = await world.info(id);
    expect(await list({ ...NAMES, createTimeRange: { start: createTime } })).toEqual([id]);
    const elsewhere = new CodeDeployClient({ ...world.client, region: 'eu-west-1' });
    onTestFinished(() => elsewhere.destroy());
    expect(await list({}, elsewhere)).toEqual([]);
  });
});

test('the answer of a CreateDeployment that is carried out is lost', async () => {
  const world = await open('codedeploy-lost-answer');
  // The SDK tries again.
  await expect(world.deploy()).rejects.toThrow('already has an active Deployment');
  const { deployments } = await world.codeDeploy.send(new ListDeploymentsCommand(NAMES));
  expect(deployments).toHaveLength(2);
});

test('CreateDeployment needs the permissions of the AppSpec too', async () => {
  const world = await open('codedeploy-revision-denied');
  await expect(world.deploy()).rejects.toThrow('codedeploy:RegisterApplicationRevision');
});

test('a service can leave CodeDeploy for blue/green of ECS', async () => {
  const world = await open();
  const { service } = await world.ecs.send(
    new UpdateServiceCommand({
      cluster: 'backend',
      service: 'hyeon9mak-service-dev',
      deploymentController: { type: 'ECS' },
      deploymentConfiguration: { strategy: 'BLUE_GREEN', bakeTimeInMinutes: 1 },
      loadBalancers: SCENARIOS['blue-green'].service?.['loadBalancers'] as never,
    }),
  );
  expect(service).toMatchObject({ deploymentController: { type: 'ECS' }, deployments: [{}, {}] });
  expect(service?.taskSets).toBeUndefined();
  await until(
    () => world.service(),
    ({ deployments = [] }) =>
      deployments.length === 1 && deployments[0]?.rolloutState === 'COMPLETED',
  );
});
