import { awsFault } from '../wire.ts';
import type { ContainerDefinition, TaskDefinition } from './definition.ts';
import { beginDeployment, makeDeployment } from './deployments.ts';
import { allServices, lastSegment, primaryOf, revisionArn } from './lookups.ts';
import type { Deployment, Service, Simulation } from './state.ts';
import { findTaskDefinition, registerTaskDefinition } from './task-definitions.ts';

// Services of Express Mode: their configuration, and the updates that AWS takes.

type Input = Readonly<Record<string, unknown>>;

/** The container that gets the traffic. */
const MAIN = 'Main';

/** A service as DescribeExpressGatewayService returns it. */
export function expressView(simulation: Simulation, input: Input): unknown {
  const { service, told } = knownService(simulation, input);
  const current = service.serviceDeployments[0];
  const others = service.deployments.filter(
    (deployment) => deployment !== told && deployment === service.lastCompleted,
  );
  return {
    ...briefView(service),
    currentDeployment: current?.arn,
    infrastructureRoleArn: `arn:aws:iam::${simulation.account}:role/ecsInfrastructureRole`,
    activeConfigurations: [
      told,
      // While a deployment is in progress, the one before it is active, too.
      ...(told.rolloutState === 'IN_PROGRESS' ? others : []),
    ].map((deployment) => configurationView(simulation, service, deployment)),
    tags: service.tags,
  };
}

/** Deploys what UpdateExpressGatewayService asks for. */
export function updateExpress(simulation: Simulation, input: Input): unknown {
  const { service, told } = knownService(simulation, input);
  if (service.status === 'INACTIVE') {
    throw notActive('Cannot perform this operation on a service in INACTIVE status');
  }
  if (service.status === 'DRAINING') throw notActive('Service is in DRAINING status');
  const definition =
    input['taskDefinitionArn'] === undefined
      ? managedDefinition(simulation, service, told.definition, input)
      : providedDefinition(simulation, input);
  let target = primaryOf(service);
  if (definition !== target.definition) {
    target = makeDeployment(simulation, definition, service.settings);
    beginDeployment(simulation, service, target);
  }
  service.express = { told: target };
  return {
    ...briefView(service),
    targetConfiguration: configurationView(simulation, service, target),
  };
}

function knownService(simulation: Simulation, input: Input) {
  const arn = String(input['serviceArn']);
  const service = allServices(simulation).find((candidate) => candidate.arn === arn);
  if (service?.express === undefined) throw invalid('Resource not found');
  return { service, told: service.express.told };
}

/** Members that a revision of one's own has already. */
const EXCLUDED = [
  'primaryContainer',
  'executionRoleArn',
  'taskRoleArn',
  'cpu',
  'memory',
  'cpuArchitecture',
];

function providedDefinition(simulation: Simulation, input: Input): TaskDefinition {
  const excluded = EXCLUDED.filter((member) => input[member] !== undefined);
  if (excluded.length > 0) {
    throw invalid(`taskDefinitionArn cannot be specified together with ${excluded.join(', ')}.`);
  }
  const definition = findTaskDefinition(simulation, input['taskDefinitionArn']);
  if (definition === undefined) throw awsFault('ClientException', 'TaskDefinition not found.');
  if (definition.status !== 'ACTIVE') {
    throw awsFault('ClientException', 'TaskDefinition is inactive');
  }
  const { body } = definition;
  const main = body.containerDefinitions.find(({ name }) => name === MAIN);
  const ports = (main?.portMappings ?? []).filter(({ protocol = 'tcp' }) => protocol === 'tcp');
  if (ports.length !== 1 || ports[0]?.name === undefined) {
    throw invalid(
      `The task definition must have a container named ${MAIN} with a single named TCP port mapping.`,
    );
  }
  if (!body.compatibilities?.includes('FARGATE')) {
    throw invalid('The task definition must have FARGATE compatibility.');
  }
  return definition;
}

/**
 * The revision that Express Mode registers. Members of the task that are left out keep their values;
 * the container is replaced, so that a client that does not send it whole is noticed.
 */
function managedDefinition(
  simulation: Simulation,
  service: Service,
  told: TaskDefinition,
  input: Input,
): TaskDefinition {
  const { primaryContainer } = input as { primaryContainer?: Input };
  const { body } = told;
  if (primaryContainer !== undefined && typeof primaryContainer['image'] !== 'string') {
    throw invalid('primaryContainer must have an image.');
  }
  const main = body.containerDefinitions.find(({ name }) => name === MAIN);
  const next = {
    family: `${service.cluster.name}-${service.name}`,
    networkMode: 'awsvpc',
    requiresCompatibilities: ['FARGATE'],
    cpu: input['cpu'] ?? body.cpu,
    memory: input['memory'] ?? body.memory,
    executionRoleArn: input['executionRoleArn'] ?? body.executionRoleArn,
    taskRoleArn: input['taskRoleArn'] ?? body.taskRoleArn,
    runtimePlatform: {
      operatingSystemFamily: 'LINUX',
      cpuArchitecture: input['cpuArchitecture'] ?? body.runtimePlatform?.cpuArchitecture,
    },
    containerDefinitions: [
      primaryContainer === undefined ? main : mainContainer(simulation, primaryContainer),
    ],
  };
  const definition = registerTaskDefinition(simulation, next);
  const isSame = JSON.stringify(sorted(definition.body)) === JSON.stringify(sorted(body));
  if (!isSame) return definition;
  simulation.families.get(definition.family)?.pop();
  return told;
}

function mainContainer(simulation: Simulation, container: Input): Input {
  const { image, containerPort = 80, awsLogsConfiguration, repositoryCredentials } = container;
  const log = awsLogsConfiguration as { logGroup: string; logStreamPrefix: string } | undefined;
  return {
    name: MAIN,
    image,
    essential: true,
    portMappings: [{ containerPort, name: `main-${String(containerPort)}-tcp`, protocol: 'tcp' }],
    ...(log && {
      logConfiguration: {
        logDriver: 'awslogs',
        options: {
          'awslogs-group': log.logGroup,
          'awslogs-region': simulation.region,
          'awslogs-stream-prefix': log.logStreamPrefix,
        },
      },
    }),
    ...(repositoryCredentials !== undefined && { repositoryCredentials }),
    ...Object.fromEntries(
      ['command', 'environment', 'secrets']
        .map((member) => [member, container[member]] as const)
        .filter(([, value]) => Array.isArray(value) && value.length > 0),
    ),
  };
}

/** JSON with its members in the order of their names. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, item]) => [name, sorted(item)]),
  );
}

function briefView(service: Service): Input {
  return {
    cluster: service.cluster.name,
    serviceName: service.name,
    serviceArn: service.arn,
    status: { statusCode: service.status },
    createdAt: service.createdAt,
    updatedAt: primaryOf(service).updatedAt,
  };
}

function configurationView(simulation: Simulation, service: Service, deployment: Deployment) {
  const { definition, number, settings, createdAt } = deployment;
  const { body } = definition;
  const { subnets, securityGroups } = settings.networkConfiguration?.awsvpcConfiguration ?? {};
  const main = body.containerDefinitions.find(({ name }) => name === MAIN);
  return {
    serviceRevisionArn: revisionArn(simulation, service, number),
    taskDefinitionArn: definition.arn,
    executionRoleArn: body.executionRoleArn,
    taskRoleArn: body.taskRoleArn,
    cpu: body.cpu,
    memory: body.memory,
    cpuArchitecture: body.runtimePlatform?.cpuArchitecture,
    networkConfiguration: { subnets, securityGroups },
    healthCheckPath: '/ping',
    primaryContainer: main && primaryContainerView(main),
    scalingTarget: { minTaskCount: 1, maxTaskCount: 20, autoScalingTargetValue: 60 },
    ingressPaths: [
      { accessType: 'PUBLIC', endpoint: `${service.name}.ecs.${simulation.region}.on.aws` },
    ],
    createdAt,
  };
}

/** The settings of Express Mode that a container stands for, whoever registered it. */
function primaryContainerView(main: ContainerDefinition): unknown {
  const { options } = main.logConfiguration ?? {};
  return {
    image: main.image,
    containerPort: main.portMappings?.[0]?.containerPort,
    awsLogsConfiguration: options && {
      logGroup: options['awslogs-group'],
      logStreamPrefix: options['awslogs-stream-prefix'],
    },
    repositoryCredentials: main['repositoryCredentials'],
    command: main.command ?? [],
    environment: main.environment ?? [],
    secrets: main.secrets ?? [],
  };
}

/** The deployment of the revision that Express Mode was given last, where that is not what runs. */
export function toldBefore(
  simulation: Simulation,
  service: Service,
  identifier: unknown,
): Deployment {
  const definition = findTaskDefinition(simulation, identifier);
  if (definition === undefined) throw invalid(`There is no ${lastSegment(identifier)}.`);
  return { ...makeDeployment(simulation, definition, service.settings), rolloutState: 'COMPLETED' };
}

const invalid = (message: string): Error => awsFault('InvalidParameterException', message);
const notActive = (message: string): Error => awsFault('ServiceNotActiveException', message);
