import { brokenRules } from '../../core/definition-rules.ts';
import { awsFault } from '../wire.ts';
import type { ContainerDefinition, Tag, TaskDefinition, TaskDefinitionBody } from './definition.ts';
import type { Simulation } from './state.ts';
import { ecsArn, lastSegment } from './lookups.ts';

/** A registration before the sandbox started; by its own user if undefined. */
export interface Past {
  readonly secondsAgo?: number;
  readonly by?: string | undefined;
}

/** Registers a new revision from the request's JSON; keeps unknown members; throws ClientException. */
export function registerTaskDefinition(
  simulation: Simulation,
  input: Readonly<Record<string, unknown>>,
  past?: Past,
): TaskDefinition {
  const { tags, ...rest } = input;
  const body = normalise(validate(rest as unknown as TaskDefinitionBody, tags));
  const revisions = simulation.families.get(body.family) ?? [];
  const revision = revisions.length + 1;
  const definition: TaskDefinition = {
    arn: ecsArn(simulation, `task-definition/${body.family}:${revision}`),
    family: body.family,
    revision,
    body,
    tags: (tags ?? []) as readonly Tag[],
    registeredAt: simulation.now() - (past?.secondsAgo ?? 0),
    registeredBy: past?.by ?? `arn:aws:iam::${simulation.account}:user/sandbox`,
    original: past !== undefined,
    status: 'ACTIVE',
  };
  simulation.families.set(body.family, [...revisions, definition]);
  return definition;
}

/** Finds a revision by family (its latest ACTIVE one), family:revision or ARN. */
export function findTaskDefinition(
  simulation: Simulation,
  identifier: unknown,
): TaskDefinition | undefined {
  const [family = '', revision] = lastSegment(identifier).split(':');
  const revisions = simulation.families.get(family) ?? [];
  return revision === undefined
    ? revisions.findLast(({ status }) => status === 'ACTIVE')
    : revisions[Number(revision) - 1];
}

/** The `architecture` (as in image configs) that the images of a revision must have. */
export function architectureOf(definition: TaskDefinition): 'amd64' | 'arm64' {
  return definition.body.runtimePlatform?.cpuArchitecture === 'ARM64' ? 'arm64' : 'amd64';
}

/** The container that faults affect: the first essential one. */
export function applicationContainer({ body }: TaskDefinition): ContainerDefinition | undefined {
  return body.containerDefinitions.find(({ essential }) => essential !== false);
}

/** The JSON of a revision as DescribeTaskDefinition returns it. */
export function describeTaskDefinition(definition: TaskDefinition): unknown {
  return {
    ...definition.body,
    taskDefinitionArn: definition.arn,
    revision: definition.revision,
    status: definition.status,
    requiresAttributes: requiredAttributes(definition.body),
    registeredAt: definition.registeredAt,
    deregisteredAt: definition.deregisteredAt,
    deleteRequestedAt: definition.deleteRequestedAt,
    registeredBy: definition.registeredBy,
  };
}

function isFargate(body: TaskDefinitionBody): boolean {
  return body.requiresCompatibilities?.includes('FARGATE') ?? false;
}

function clientFault(message: string): Error {
  return awsFault('ClientException', message);
}

function validate(body: TaskDefinitionBody, tags: unknown): TaskDefinitionBody {
  const rule = brokenRules({ ...body, tags }).find(({ isCertain }) => isCertain);
  if (rule !== undefined) throw awsFault(rule.exception, rule.text);
  for (const role of [body.executionRoleArn, body.taskRoleArn]) {
    if (role?.startsWith('arn:') && !/^arn:[\w-]+:iam::\d{12}:role\/.+/.test(role)) {
      throw clientFault('Role is not valid');
    }
  }
  const hasSecrets = body.containerDefinitions.some(({ secrets }) => secrets?.length);
  if (hasSecrets && !body.executionRoleArn) {
    throw clientFault(
      "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
    );
  }
  if (isFargate(body)) validateFargate(body);
  return body;
}

function validateFargate(body: TaskDefinitionBody): void {
  if (!body.cpu) throw clientFault("Fargate requires that 'cpu' be defined at the task level.");
  if (!body.memory) {
    throw clientFault("Fargate requires that 'memory' be defined at the task level.");
  }
  const cpu = cpuUnits(body.cpu);
  const memory = mebibytes(body.memory);
  if (!/^\d+$/.test(cpu)) {
    throw awsFault('InvalidParameterException', "Invalid 'cpu' setting for task.");
  }
  if (!isFargateSize(Number(cpu), Number(memory))) {
    throw clientFault(
      `No Fargate configuration exists for given values: ${cpu} CPU, ${memory} memory. ` +
        'See the Amazon ECS documentation for the valid values.',
    );
  }
  if (body.networkMode !== 'awsvpc') {
    throw clientFault('Fargate only supports network mode ‘awsvpc’.');
  }
  if (body['pidMode'] === 'host') {
    throw clientFault(
      "Tasks using the Fargate launch type do not support pidMode 'host'. " +
        "The supported value for pidMode is 'task'.",
    );
  }
  for (const container of body.containerDefinitions) {
    const need = executionRoleNeed(container);
    if (need !== undefined && !body.executionRoleArn) {
      throw clientFault(
        `Fargate requires task definition to have execution role ARN to support ${need}.`,
      );
    }
  }
}

function executionRoleNeed(container: ContainerDefinition): string | undefined {
  if (/^\d{12}\.dkr[.-]ecr/.test(container.image)) return 'ECR images';
  return container.logConfiguration?.logDriver === 'awslogs' ? 'log driver awslogs' : undefined;
}

const GIB = 1024;
/** Minimum, maximum and step of the memory in MiB, by CPU units of a Fargate task. */
const FARGATE_SIZES: Readonly<Record<number, readonly [number, number, number]>> = {
  512: [GIB, 4 * GIB, GIB],
  1024: [2 * GIB, 8 * GIB, GIB],
  2048: [4 * GIB, 16 * GIB, GIB],
  4096: [8 * GIB, 30 * GIB, GIB],
  8192: [16 * GIB, 60 * GIB, 4 * GIB],
  16384: [32 * GIB, 120 * GIB, 8 * GIB],
};

/** Whether Fargate has tasks of these CPU units and this memory in MiB. */
export function isFargateSize(cpu: number, memory: number): boolean {
  if (cpu === 256) return [512, 1024, 2048].includes(memory);
  const [least, most, step] = FARGATE_SIZES[cpu] ?? [1, 0, 1];
  return memory >= least && memory <= most && (memory - least) % step === 0;
}

function cpuUnits(cpu: string): string {
  const virtual = /^([\d.]+)\s*vcpu$/i.exec(cpu);
  return virtual === null ? cpu : String(Number(virtual[1]) * 1024);
}

function mebibytes(memory: string): string {
  const gigabytes = /^([\d.]+)\s*gb$/i.exec(memory);
  return gigabytes === null ? memory : String(Number(gigabytes[1]) * GIB);
}

/** Adds the defaults that ECS returns. */
function normalise(body: TaskDefinitionBody): TaskDefinitionBody {
  const hasOwnPorts = body.networkMode === 'awsvpc' || body.networkMode === 'host';
  return {
    ...body,
    containerDefinitions: body.containerDefinitions.map((container) => ({
      cpu: 0,
      essential: true,
      environment: [],
      mountPoints: [],
      volumesFrom: [],
      systemControls: [],
      ...container,
      ...(container.environment && {
        environment: container.environment.filter(
          ({ value }) => value !== undefined && value !== null,
        ),
      }),
      portMappings: (container.portMappings ?? []).map((mapping) => ({
        ...(hasOwnPorts && { hostPort: mapping.containerPort }),
        protocol: 'tcp',
        ...mapping,
      })),
      ...(container.healthCheck && {
        healthCheck: { interval: 30, timeout: 5, retries: 3, ...container.healthCheck },
      }),
    })),
    volumes: body['volumes'] ?? [],
    placementConstraints: body['placementConstraints'] ?? [],
    ...(body.cpu && { cpu: cpuUnits(body.cpu) }),
    ...(body.memory && { memory: mebibytes(body.memory) }),
    compatibilities: isFargate(body)
      ? ['EC2', 'MANAGED_INSTANCES', 'FARGATE']
      : ['EC2', 'MANAGED_INSTANCES'],
  };
}

function requiredAttributes(body: TaskDefinitionBody): unknown {
  const containers = body.containerDefinitions;
  const drivers = containers.flatMap(({ logConfiguration }) => logConfiguration?.logDriver ?? []);
  const names = [
    ...drivers.map((driver) => `com.amazonaws.ecs.capability.logging-driver.${driver}`),
    ...(containers.some(({ image }) => image.includes('.ecr.'))
      ? ['ecs.capability.execution-role-ecr-pull']
      : []),
    ...(body.taskRoleArn ? ['com.amazonaws.ecs.capability.task-iam-role'] : []),
    ...(body.networkMode === 'awsvpc' ? ['ecs.capability.task-eni'] : []),
    'com.amazonaws.ecs.capability.docker-remote-api.1.18',
  ];
  return [...new Set(names)].map((name) => ({ name }));
}
