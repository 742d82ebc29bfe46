import type {
  Deployment,
  DeploymentSettings,
  RolloutRecord,
  Service,
  StageHook,
} from '../../src/core/ecs.ts';

/** Server times of the deployments 1 to 3, an hour apart. */
const TIMES = [0, 0, 1, 2].map((hour) => new Date(Date.UTC(2026, 0, 1, hour)));

export const timeOf = (number: number): Date => TIMES[number] ?? new Date(0);

/** Deployment `ecs-svc/NUMBER` of `app:NUMBER`, no longer PRIMARY. */
export const deployment = (number: number, more: Partial<Deployment> = {}): Deployment => ({
  id: `ecs-svc/${number}`,
  status: 'ACTIVE',
  taskDefinition: `app:${number}`,
  rolloutState: 'IN_PROGRESS',
  reason: '',
  desired: 2,
  running: 0,
  pending: 0,
  failed: 0,
  createdAt: timeOf(number),
  ...more,
});

/** Deployment 2, PRIMARY and in progress. */
export const own = (more: Partial<Deployment> = {}): Deployment =>
  deployment(2, { status: 'PRIMARY', ...more });

/** Deployment 1, completed and replaced. */
export const old = (more: Partial<Deployment> = {}): Deployment =>
  deployment(1, { rolloutState: 'COMPLETED', ...more });

export const settings = (more: Partial<DeploymentSettings> = {}): DeploymentSettings => ({
  minimumHealthyPercent: 100,
  maximumPercent: 200,
  strategy: 'ROLLING',
  bakeMinutes: 0,
  shift: { waits: 0, minutes: 0 },
  pauses: [],
  hasAlarms: false,
  hasBreaker: false,
  breakerRollsBack: false,
  ...more,
});

/** A service with two desired tasks on the revision of its PRIMARY deployment. */
export const service = (
  deployments: readonly Deployment[],
  more: Partial<Service> = {},
): Service => ({
  arn: 'arn:aws:ecs:r:1:service/backend/api',
  name: 'api',
  cluster: 'arn:aws:ecs:r:1:cluster/backend',
  status: 'ACTIVE',
  taskDefinition: deployments.find(({ status }) => status === 'PRIMARY')?.taskDefinition ?? '',
  desired: 2,
  running: 0,
  pending: 0,
  deployments,
  events: [],
  controller: 'ECS',
  isExpress: false,
  launchType: 'FARGATE',
  capacityProviders: [],
  isDaemon: false,
  loadBalancers: [],
  registries: [],
  portNames: [],
  testHeaders: [],
  volumes: [],
  hasNetwork: false,
  securityGroups: [],
  gracePeriod: 0,
  settings: settings(),
  currentRollout: undefined,
  ...more,
});

/** The record of deployment 2. */
export const record = (status: string, more: Partial<RolloutRecord> = {}): RolloutRecord => ({
  arn: 'arn:record-2',
  deployment: 'ecs-svc/2',
  status,
  reason: '',
  createdAt: timeOf(2),
  updatedAt: undefined,
  stage: undefined,
  traffic: undefined,
  oldTraffic: undefined,
  testTraffic: undefined,
  oldTestTraffic: undefined,
  breaker: undefined,
  alarms: [],
  armedAlarms: [],
  hooks: [],
  rollbackReason: '',
  ...more,
});

/** A pause hook that waits, unless given otherwise. */
export const pauseHook = (id: string, more: Partial<StageHook> = {}): StageHook => ({
  id,
  target: undefined,
  status: 'AWAITING_ACTION',
  expiresAt: undefined,
  timeoutAction: undefined,
  ...more,
});

const ARN = 'arn:aws:ecs:ap-northeast-2:111122223333';

/** ARN of a revision, e.g. of `app:2`. */
export const revisionArn = (name: string): string => `${ARN}:task-definition/${name}`;

/** A completed deployment of `app:1` with an ARN; `given` overrides members. */
export const aDeployment = (given: Partial<Deployment> = {}): Deployment =>
  deployment(1, {
    status: 'PRIMARY',
    taskDefinition: revisionArn('app:1'),
    rolloutState: 'COMPLETED',
    running: 2,
    ...given,
  });

/** An active Fargate service with two tasks of `app:1`; `given` and `ofDeployments` override members. */
export const aService = (
  given: Partial<Service> = {},
  ofDeployments: Partial<DeploymentSettings> = {},
): Service =>
  service(given.deployments ?? [aDeployment()], {
    arn: `${ARN}:service/backend/api`,
    cluster: `${ARN}:cluster/backend`,
    running: 2,
    settings: settings(ofDeployments),
    ...given,
  });
