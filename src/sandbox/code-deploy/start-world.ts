import { randomUUID } from 'node:crypto';
import { findService, primaryOf } from '../ecs/lookups.ts';
import type { Service } from '../ecs/state.ts';
import { DEFAULT_CONFIG } from './configs.ts';
import { makeDeployment } from './deployments.ts';
import { placeOf, storedRevision } from './revisions.ts';
import type { Application, CodeDeployState, Group, GroupSettings } from './state.ts';

/** The application and the group that deploy a service. */
export interface CodeDeployWorld {
  readonly cluster: string;
  readonly service: string;
  /** ARN of the listener with the production traffic. */
  readonly listener: string;
  /** That of the listener with the test traffic, if there is one. */
  readonly testListener: string | undefined;
  /** ARNs of the target groups, which take turns. */
  readonly targetGroups: readonly string[];
  /** Names that do not follow the convention of the console and the AWS CLI. */
  readonly application?: string | undefined;
  readonly group?: string | undefined;
  readonly settings?: Partial<GroupSettings> | undefined;
  /** Lambda function by lifecycle event, in the AppSpec of the last deployment. */
  readonly hooks?: Readonly<Record<string, string>> | undefined;
  /** Whether CodeDeploy has never deployed the service. */
  readonly isNew?: boolean | undefined;
  /** Where the AppSpec of the last deployment is; given to CodeDeploy if undefined. */
  readonly bucket?: string | undefined;
  /** Number of applications besides, of other compute platforms and of ECS. */
  readonly others?: number | undefined;
  /** Whether there is no group of the service. */
  readonly lacksGroup?: boolean | undefined;
}

const DAY_SECONDS = 86_400;
const DEPLOYMENT_SECONDS = 240;

/** Creates an application and a group with one deployment, which succeeded a day ago. */
export function createOldGroup(state: CodeDeployState, world: CodeDeployWorld): void {
  const { simulation } = state;
  const service = findService(simulation, world);
  const suffix = `${service.cluster.name}-${service.name}`;
  const application: Application = {
    id: randomUUID(),
    name: world.application ?? `AppECS-${suffix}`,
    computePlatform: 'ECS',
    createdAt: simulation.now() - 2 * DAY_SECONDS,
    groups: new Map(),
  };
  const group: Group = {
    id: randomUUID(),
    name: world.group ?? `DgpECS-${suffix}`,
    application,
    settings: settingsOf(state, service, world),
    deployments: [],
  };
  createOthers(state, world.others ?? 0);
  if (world.lacksGroup) return;
  state.applications.set(application.name, application);
  application.groups.set(group.name, group);
  if (!world.isNew) createOldDeployment(state, group, service, world);
}

/** Creates applications of other services, whose names sort before and after that of this one. */
function createOthers({ applications, simulation }: CodeDeployState, count: number): void {
  for (let index = 0; index < count; index += 1) {
    const name = `${index % 2 === 0 ? 'a' : 'z'}-team-${index}`;
    const application: Application = {
      id: randomUUID(),
      name,
      computePlatform: index % 3 === 0 ? 'Server' : 'ECS',
      createdAt: simulation.now() - DAY_SECONDS,
      groups: new Map(),
    };
    const ecsServices = [{ serviceName: name, clusterName: 'backend' }];
    const settings = application.computePlatform === 'ECS' ? { ecsServices } : {};
    application.groups.set('group', {
      id: randomUUID(),
      name: 'group',
      application,
      settings,
      deployments: [],
    });
    applications.set(name, application);
  }
}

function settingsOf(
  { simulation }: CodeDeployState,
  service: Service,
  { listener, testListener, targetGroups, settings }: CodeDeployWorld,
): GroupSettings {
  return {
    deploymentConfigName: DEFAULT_CONFIG,
    serviceRoleArn: `arn:aws:iam::${simulation.account}:role/ecsCodeDeployRole`,
    deploymentStyle: { deploymentType: 'BLUE_GREEN', deploymentOption: 'WITH_TRAFFIC_CONTROL' },
    ecsServices: [{ serviceName: service.name, clusterName: service.cluster.name }],
    blueGreenDeploymentConfiguration: {
      deploymentReadyOption: { actionOnTimeout: 'CONTINUE_DEPLOYMENT', waitTimeInMinutes: 0 },
      terminateBlueInstancesOnDeploymentSuccess: {
        action: 'TERMINATE',
        terminationWaitTimeInMinutes: 5,
      },
    },
    autoRollbackConfiguration: { enabled: true, events: ['DEPLOYMENT_FAILURE'] },
    loadBalancerInfo: {
      targetGroupPairInfoList: [
        {
          targetGroups: targetGroups.map((arn) => ({ name: arn.split('/')[1] ?? '' })),
          prodTrafficRoute: { listenerArns: [listener] },
          ...(testListener !== undefined && {
            testTrafficRoute: { listenerArns: [testListener] },
          }),
        },
      ],
    },
    ...settings,
  };
}

function createOldDeployment(
  state: CodeDeployState,
  group: Group,
  service: Service,
  { hooks = {}, bucket }: CodeDeployWorld,
): void {
  const primary = primaryOf(service);
  const { containerName = '', containerPort = 0 } = service.settings.loadBalancers[0] ?? {};
  const content = [
    'version: 0.0',
    'Resources:',
    '  - TargetService:',
    '      Type: AWS::ECS::Service',
    '      Properties:',
    `        TaskDefinition: ${primary.definition.arn}`,
    '        LoadBalancerInfo:',
    `          ContainerName: ${containerName}`,
    `          ContainerPort: ${containerPort}`,
    '        PlatformVersion: LATEST',
    ...(Object.keys(hooks).length > 0 ? ['Hooks:'] : []),
    ...Object.entries(hooks).map(([event, target]) => `  - ${event}: ${target}`),
    '',
  ].join('\n');
  const past = {
    ...state,
    simulation: { ...state.simulation, now: () => state.simulation.now() - DAY_SECONDS },
  };
  const s3Location = { bucket: bucket ?? '', key: 'appspec.yaml', bundleType: 'YAML' };
  const revision =
    bucket === undefined
      ? storedRevision('AppSpecContent', content)
      : { revisionType: 'S3', s3Location };
  if (bucket !== undefined) state.files.set(placeOf(s3Location), content);
  const deployment = makeDeployment(past, group, service, revision);
  const startedAt = deployment.createdAt;
  const completedAt = startedAt + DEPLOYMENT_SECONDS;
  Object.assign(deployment, {
    status: 'Succeeded',
    startedAt,
    completedAt,
    targetStatus: 'Succeeded',
    targetUpdatedAt: completedAt,
    terminationWaitStarted: true,
    weight: 100,
  });
  for (const event of deployment.events) {
    Object.assign(event, { status: 'Succeeded', startedAt, endedAt: completedAt });
  }
  if (primary.taskSet !== undefined) primary.taskSet.externalId = deployment.id;
}
