import { awsFault } from '../wire.ts';
import { placeOf } from './capacity.ts';
import { beginDeployment, makeDeployment } from './deployments.ts';
import type { Tag, TaskDefinition } from './definition.ts';
import type {
  Cluster,
  DeploymentConfiguration,
  Service,
  ServiceSettings,
  Simulation,
} from './state.ts';
import { ecsArn, findService, primaryOf } from './lookups.ts';
import { checkStrategy } from './strategies.ts';
import {
  hasTaskSets,
  isCodeDeployService,
  leaveTaskSets,
  makePrimaryTaskSet,
  NO_DEFINITION,
  scaleTaskSets,
} from './task-sets.ts';
import { findTaskDefinition } from './task-definitions.ts';
import { drainSeconds, stopTask } from './tasks.ts';

type Input = Readonly<Record<string, unknown>>;

const DEPLOYMENT_DEFAULTS: DeploymentConfiguration = {
  deploymentCircuitBreaker: { enable: false, rollback: false },
  maximumPercent: 200,
  minimumHealthyPercent: 100,
  strategy: 'ROLLING',
  bakeTimeInMinutes: 0,
};

/** Creates a service in a cluster from the input of CreateService. */
export function makeService(simulation: Simulation, cluster: Cluster, input: Input): Service {
  const {
    cluster: _cluster,
    serviceName,
    taskDefinition,
    clientToken: _token,
    tags,
    ...rest
  } = input;
  const name = String(serviceName);
  const known = cluster.services.get(name);
  if (known?.status === 'DRAINING') {
    throw awsFault(
      'InvalidParameterException',
      'Unable to Start a service that is still Draining.',
    );
  }
  if (known?.status === 'ACTIVE') {
    throw awsFault('InvalidParameterException', 'Creation of service was not idempotent.');
  }
  const isExternal = controllerOf(rest) === 'EXTERNAL';
  const definition = isExternal ? NO_DEFINITION : deployableDefinition(simulation, taskDefinition);
  const settings = mergeSettings(
    { desiredCount: 0, deploymentConfiguration: DEPLOYMENT_DEFAULTS, loadBalancers: [] },
    { ...rest, ...placeOf(cluster, rest) },
  );
  if (!isExternal) checkSettings(settings, definition);
  const service: Service = {
    ...newService(simulation, { name, cluster, settings, definition }),
    tags: (tags ?? []) as readonly Tag[],
  };
  if (isExternal) primaryOf(service).desiredCount = 0;
  if (isCodeDeployService(service)) makePrimaryTaskSet(simulation, service, primaryOf(service));
  if (settings['resourceManagementType'] === 'ECS') service.express = { told: primaryOf(service) };
  // The newest is last, also where it takes the place of a deleted one.
  cluster.services.delete(name);
  cluster.services.set(name, service);
  return service;
}

/** A service with one deployment, no tasks and no history. */
export function newService(
  simulation: Simulation,
  {
    name,
    cluster,
    settings,
    definition,
  }: Pick<Service, 'name' | 'cluster' | 'settings'> & { readonly definition: TaskDefinition },
): Service {
  return {
    name,
    arn: ecsArn(simulation, `service/${cluster.name}/${name}`),
    cluster,
    createdAt: simulation.now(),
    tags: [],
    settings,
    status: 'ACTIVE',
    deployments: [makeDeployment(simulation, definition, settings)],
    tasks: [],
    events: [],
    said: new Map(),
    serviceDeployments: [],
    revisions: new Map(),
    steady: true,
    routes: [],
  };
}

/** Members of UpdateService whose change starts a new deployment. */
const DEPLOYING_MEMBERS = [
  'networkConfiguration',
  'platformVersion',
  'loadBalancers',
  'serviceRegistries',
  'serviceConnectConfiguration',
  'volumeConfigurations',
  'vpcLatticeConfigurations',
];

/** Deployments that a service can have, those included whose tasks have not ended. */
const MOST_DEPLOYMENTS = 5;

/** Updates a service; starts a deployment if the change requires one. */
export function updateService(simulation: Simulation, input: Input): Service {
  const service = findService(simulation, input);
  const {
    cluster: _cluster,
    service: _service,
    taskDefinition,
    forceNewDeployment,
    ...rest
  } = input;
  if (service.status !== 'ACTIVE') {
    throw awsFault('ServiceNotActiveException', 'Service was not ACTIVE.');
  }
  const primary = primaryOf(service);
  const names = taskDefinition !== undefined;
  const leavesCodeDeploy = isCodeDeployService(service) && controllerOf(input) === 'ECS';
  if (hasTaskSets(service) && !leavesCodeDeploy) refuseDeployment(service, input);
  const settings = mergeSettings(service.settings, rest);
  const definition = names ? deployableDefinition(simulation, taskDefinition) : primary.definition;
  checkSettings(settings, definition);
  const deploys =
    leavesCodeDeploy ||
    forceNewDeployment === true ||
    definition !== primary.definition ||
    DEPLOYING_MEMBERS.some(
      (member) => !isEqual(settings[member] ?? [], service.settings[member] ?? []),
    );
  if (deploys && service.deployments.length >= MOST_DEPLOYMENTS) {
    throw awsFault(
      'InvalidParameterException',
      `${MOST_DEPLOYMENTS} active deployments exist, unable to create new deployment.`,
    );
  }
  if (leavesCodeDeploy) leaveTaskSets(service);
  service.settings = settings;
  simulation.touch(service);
  if (hasTaskSets(service)) {
    scaleTaskSets(service);
  } else if (deploys) {
    beginDeployment(simulation, service, makeDeployment(simulation, definition, settings));
  } else {
    primary.desiredCount = settings.desiredCount;
  }
  return service;
}

/**
 * Deletes a service: it drains, and is INACTIVE once its tasks are being stopped, so that a service
 * of its name can be created.
 */
export function deleteService(simulation: Simulation, service: Service): void {
  service.status = 'DRAINING';
  service.settings = { ...service.settings, desiredCount: 0 };
  primaryOf(service).desiredCount = 0;
  simulation.touch(service);
  const cause = { stopCode: 'ServiceSchedulerInitiated', stoppedReason: 'Service was deleted' };
  const drain = drainSeconds(simulation, service);
  for (const task of service.tasks) stopTask(simulation, task, cause, drain);
}

function controllerOf({ deploymentController }: Input): unknown {
  return (deploymentController as { type?: string } | undefined)?.type;
}

/** Throws for an UpdateService that only the deployment controller can carry out. */
function refuseDeployment(service: Service, input: Input): void {
  const where = isCodeDeployService(service)
    ? 'with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a new deployment.'
    : 'with an EXTERNAL deployment controller. Use CreateTaskSet to trigger a new deployment.';
  const refuse = (what: string) =>
    awsFault('InvalidParameterException', `${what} on services ${where}`);
  if (input['taskDefinition'] !== undefined) throw refuse('Unable to update task definition');
  if (input['networkConfiguration'] !== undefined) {
    throw refuse('Unable to update network parameters');
  }
  if (input['platformVersion'] !== undefined) throw refuse('Unable to update platform version');
  if (input['loadBalancers'] !== undefined) throw refuse('Unable to update load balancers');
  if (input['forceNewDeployment'] === true) throw refuse('Cannot force a new deployment');
}

/** An ACTIVE revision; throws the ClientException of ECS for any other. */
export function deployableDefinition(simulation: Simulation, identifier: unknown): TaskDefinition {
  const definition = findTaskDefinition(simulation, identifier);
  if (definition === undefined) throw awsFault('ClientException', 'TaskDefinition not found.');
  if (definition.status !== 'ACTIVE') {
    throw awsFault('ClientException', 'TaskDefinition is inactive');
  }
  return definition;
}

function mergeSettings(settings: ServiceSettings, changes: Input): ServiceSettings {
  const { launchType: _launchType, ...others } = settings;
  const { capacityProviderStrategy = settings.capacityProviderStrategy ?? [], ...changed } =
    changes as Partial<ServiceSettings>;
  // A service has either a launch type or capacity providers; an empty list leads back.
  const isLaunched = capacityProviderStrategy.length === 0;
  const { capacityProviderStrategy: _strategy, ...kept } = isLaunched ? settings : others;
  return {
    ...kept,
    ...changed,
    ...(!isLaunched && { capacityProviderStrategy }),
    deploymentConfiguration: {
      ...settings.deploymentConfiguration,
      ...(changes['deploymentConfiguration'] as Partial<DeploymentConfiguration> | undefined),
    },
  };
}

/** Throws the InvalidParameterException of ECS for settings that do not fit a revision. */
export function checkSettings(settings: ServiceSettings, { body }: TaskDefinition): void {
  const fault = (message: string): Error => awsFault('InvalidParameterException', message);
  if (settings.desiredCount < 0) throw fault('desiredCount cannot be a negative number.');
  checkStrategy(settings);
  if (body.networkMode === 'awsvpc' && !settings.networkConfiguration?.awsvpcConfiguration) {
    throw fault("Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  }
  if (body.networkMode !== 'awsvpc' && settings.networkConfiguration?.awsvpcConfiguration) {
    throw fault(
      'Network Configuration is not valid for the given networkMode of this task definition.',
    );
  }
  if (settings.launchType && !body.compatibilities?.includes(settings.launchType)) {
    throw fault(`Task definition does not support launch_type ${settings.launchType}.`);
  }
  const { enabled, services = [] } = settings.serviceConnectConfiguration ?? {};
  const portNames = new Set(
    body.containerDefinitions.flatMap(({ portMappings = [] }) =>
      portMappings.map(({ name }) => name),
    ),
  );
  for (const { portName } of enabled === false ? [] : services) {
    if (portNames.has(portName)) continue;
    throw fault(
      `portName(${portName}) does not refer to any named PortMapping in the container definitions.`,
    );
  }
  for (const { name } of settings.volumeConfigurations ?? []) {
    if (body.volumes?.some((volume) => volume.name === name && volume.configuredAtLaunch)) continue;
    throw fault(
      `The volume name '${name}' in your request does not have a matching volume in your Task Definition.`,
    );
  }
  const registries = (settings.serviceRegistries ?? []).filter(
    ({ containerName }) => containerName !== undefined,
  );
  for (const { containerName, containerPort } of [...settings.loadBalancers, ...registries]) {
    const container = body.containerDefinitions.find(({ name }) => name === containerName);
    if (container === undefined) {
      throw fault(`The container ${containerName} does not exist in the task definition.`);
    }
    if (!container.portMappings?.some((mapping) => mapping.containerPort === containerPort)) {
      throw fault(
        `The container ${containerName} did not have a container port ${containerPort} defined.`,
      );
    }
  }
}

function isEqual(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
