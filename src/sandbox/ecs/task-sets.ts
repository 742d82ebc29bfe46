import { awsFault } from '../wire.ts';
import { makeDeployment } from './deployments.ts';
import type { TaskDefinition } from './definition.ts';
import type { Deployment, Service, ServiceSettings, Simulation, TaskSet } from './state.ts';
import { announce } from './events.ts';
import { hasHealthyTasks, primaryOf, wakeAfter } from './lookups.ts';

// The task sets of a service that CodeDeploy or someone else deploys: each is a deployment that keeps
// its own tasks. A deployment without a task set holds the place of the PRIMARY one until there is one.

/** Whether CodeDeploy deploys the service. */
export function isCodeDeployService({ settings }: Service): boolean {
  return settings.deploymentController?.type === 'CODE_DEPLOY';
}

/** Whether ECS leaves the deployments of the service to others, whose task sets it keeps. */
export function hasTaskSets({ settings }: Service): boolean {
  return /^(?:CODE_DEPLOY|EXTERNAL)$/.test(settings.deploymentController?.type ?? '');
}

/** What a service of an EXTERNAL controller runs before it has a PRIMARY task set. */
export const NO_DEFINITION: TaskDefinition = {
  arn: '',
  family: '',
  revision: 0,
  body: { family: '', containerDefinitions: [] },
  tags: [],
  registeredAt: 0,
  registeredBy: '',
  original: false,
  status: 'ACTIVE',
};

/** Makes a task set with the tasks that the service desires, beside those that it has. */
export function createTaskSet(
  simulation: Simulation,
  service: Service,
  definition: TaskDefinition,
  settings: ServiceSettings,
  members: Partial<TaskSet>,
): Deployment & { taskSet: TaskSet } {
  const created = {
    ...makeDeployment(simulation, definition, settings),
    taskSet: newTaskSet(simulation, 'ACTIVE', members),
  };
  service.deployments = [...service.deployments, created];
  wakeAfter(simulation, service, created.startAfter - simulation.now());
  return created;
}

/** Makes a task set the one that the service runs (UpdateServicePrimaryTaskSet). */
export function makePrimaryTaskSet(
  simulation: Simulation,
  service: Service,
  primary: Deployment,
): void {
  for (const { taskSet } of service.deployments) {
    if (taskSet?.status === 'PRIMARY') taskSet.status = 'ACTIVE';
  }
  primary.taskSet ??= newTaskSet(simulation, 'PRIMARY', {});
  primary.taskSet.status = 'PRIMARY';
  primary.updatedAt = simulation.now();
  primary.desiredCount = service.settings.desiredCount;
  const others = service.deployments.filter(
    (other) => other !== primary && other.taskSet !== undefined,
  );
  service.deployments = [primary, ...others];
  service.settings = { ...primary.settings, ...ofService(service.settings) };
}

/** The settings that do not change with the PRIMARY task set. */
function ofService({
  desiredCount,
  deploymentConfiguration,
  healthCheckGracePeriodSeconds,
}: ServiceSettings): Partial<ServiceSettings> & Pick<ServiceSettings, 'desiredCount'> {
  return {
    desiredCount,
    deploymentConfiguration,
    ...(healthCheckGracePeriodSeconds !== undefined && { healthCheckGracePeriodSeconds }),
  };
}

/** Stops the tasks of a task set, and removes it once they have ended (DeleteTaskSet). */
export function removeTaskSet(simulation: Simulation, deployment: Deployment): void {
  if (deployment.taskSet !== undefined) deployment.taskSet.status = 'DRAINING';
  deployment.desiredCount = 0;
  deployment.updatedAt = simulation.now();
}

/** Makes the only task set a deployment, which ECS replaces from now on. */
export function leaveTaskSets(service: Service): void {
  const primary = primaryOf(service);
  if (service.deployments.length > 1) {
    throw awsFault(
      'InvalidParameterException',
      'Unable to update the deployment controller while a deployment is in progress.',
    );
  }
  delete primary.taskSet;
  primary.rolloutState = 'COMPLETED';
  service.lastCompleted = primary;
  service.routes = [];
}

/** Gives each task set its share of the desired count of the service. */
export function scaleTaskSets({ deployments, settings }: Service): void {
  for (const deployment of deployments) {
    const { taskSet } = deployment;
    if (taskSet === undefined || taskSet.status === 'DRAINING') continue;
    deployment.desiredCount = Math.ceil((settings.desiredCount * taskSet.scale) / 100);
  }
}

/** Records whether each task set has all of its tasks, and announces when the PRIMARY one has. */
export function noteStability(simulation: Simulation, service: Service): void {
  for (const deployment of service.deployments) {
    const { taskSet, desiredCount } = deployment;
    if (taskSet === undefined) continue;
    const isSteady = hasHealthyTasks(service, deployment, desiredCount);
    const status = isSteady ? 'STEADY_STATE' : 'STABILIZING';
    if (status === taskSet.stabilityStatus) continue;
    taskSet.stabilityStatus = status;
    taskSet.stabilityStatusAt = simulation.now();
    if (!isSteady || deployment !== primaryOf(service)) continue;
    announce(simulation, service, 'has reached a steady state.');
    service.said.clear();
  }
}

function newTaskSet(
  simulation: Simulation,
  status: TaskSet['status'],
  members: Partial<TaskSet>,
): TaskSet {
  return {
    externalId: undefined,
    scale: 100,
    tags: [],
    ...members,
    status,
    stabilityStatus: 'STABILIZING',
    stabilityStatusAt: simulation.now(),
  };
}
