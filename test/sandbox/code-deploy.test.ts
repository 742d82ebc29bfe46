import {
  CodeDeployClient,
  CreateDeploymentCommand,
  GetDeploymentCommand,
  GetDeploymentGroupCommand,
  GetDeploymentTargetCommand,
} from '@aws-sdk/client-codedeploy';
import type {
  CreateDeploymentCommandInput,
  DeploymentInfo,
  ECSTarget,
} from '@aws-sdk/client-codedeploy';
import {
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
} from '@aws-sdk/client-ecs';
import type { Service } from '@aws-sdk/client-ecs';
import { expect, onTestFinished, test } from 'vitest';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { SCENARIOS } from '../../src/sandbox/scenarios.ts';
import type { CodeDeployScenario, Scene } from '../../src/sandbox/scenarios.ts';
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
  const service = async (): Promise<Service> => {
    const { services = [] } = await ecs.send(
      new DescribeServicesCommand({ cluster: 'backend', services: ['hyeon9mak-service-dev'] }),
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
  return {
    sandbox,
    codeDeploy,
    ecs,
    service,
    info,
    target,
    /** Registers a revision and deploys it; returns the id of the deployment. */
    deploy: async (input: Partial<CreateDeploymentCommandInput> = {}): Promise<string> => {
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
    },
    end: (id: string) =>
      until(
        () => info(id),
        ({ completeTime }) => completeTime !== undefined,
      ),
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
  const world = await open();
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
