import type { Deployment, DeploymentSettings, Service } from '../../src/core/ecs.ts';

const ARN = 'arn:aws:ecs:ap-northeast-2:111122223333';

/** ARN of a revision, e.g. of `app:2`. */
export const revisionArn = (name: string): string => `${ARN}:task-definition/${name}`;

/** A completed deployment of `app:1`; `given` overrides members. */
export function aDeployment(given: Partial<Deployment> = {}): Deployment {
  return {
    id: 'ecs-svc/1',
    status: 'PRIMARY',
    taskDefinition: revisionArn('app:1'),
    rolloutState: 'COMPLETED',
    reason: '',
    desired: 2,
    running: 2,
    pending: 0,
    failed: 0,
    createdAt: new Date(0),
    ...given,
  };
}

/** An active Fargate service with two tasks of `app:1`; `given` and `settings` override members. */
export function aService(
  given: Partial<Service> = {},
  settings: Partial<DeploymentSettings> = {},
): Service {
  const deployments = given.deployments ?? [aDeployment()];
  return {
    arn: `${ARN}:service/backend/api`,
    name: 'api',
    cluster: `${ARN}:cluster/backend`,
    status: 'ACTIVE',
    taskDefinition: deployments[0]?.taskDefinition ?? '',
    desired: 2,
    running: 2,
    pending: 0,
    deployments,
    events: [],
    controller: 'ECS',
    launchType: 'FARGATE',
    capacityProviders: [],
    isDaemon: false,
    loadBalancers: [],
    registries: [],
    portNames: [],
    volumes: [],
    hasNetwork: false,
    settings: {
      minimumHealthyPercent: 100,
      maximumPercent: 200,
      strategy: 'ROLLING',
      bakeMinutes: 0,
      hasAlarms: false,
      hasBreaker: false,
      breakerRollsBack: false,
      ...settings,
    },
    currentRollout: undefined,
    ...given,
  };
}
