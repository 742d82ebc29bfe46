import type { ExpressConfiguration, Service } from './ecs.ts';
import { canonical, normalise } from './normal-form.ts';
import { containersOf, shortName } from './task-definition.ts';
import type { JsonObject } from './task-definition.ts';

/** The container that gets the traffic of an Express service. */
export const EXPRESS_CONTAINER = 'Main';

/**
 * Whether Express Mode itself makes the revisions of a definition, from settings of its own. AWS does
 * not say it: the family shows it, and that there is no other container
 * (docs/explanation/how-ecs-behaves.md#express-services).
 */
export function isManaged(
  { name, cluster }: Pick<Service, 'name' | 'cluster'>,
  definition: JsonObject,
): boolean {
  const names = containersOf(definition).map((container) => container['name']);
  const isAlone = names.length === 1 && names[0] === EXPRESS_CONTAINER;
  return isAlone && definition['family'] === `${shortName(cluster)}-${name}`;
}

/** An Express service on its way to a definition. */
export interface ExpressMove {
  /** The definition that it runs. */
  readonly running: JsonObject;
  /** Undefined where it cannot be read. */
  readonly configuration: ExpressConfiguration | undefined;
}

/** Whether a service has the revision or the definition already, and Express Mode the same. */
export function isThere(move: {
  readonly service: Service;
  readonly revision: string;
  readonly definition: JsonObject;
  readonly express?: ExpressMove | undefined;
}): boolean {
  const { service, revision, definition, express } = move;
  if (service.taskDefinition !== revision) return false;
  if (express === undefined) return true;
  const { running, configuration } = express;
  if ((configuration?.taskDefinition ?? revision) !== revision) return false;
  return !isManaged(service, definition) || canonical(definition) === canonical(running);
}

/**
 * The members of UpdateExpressGatewayService that make Express Mode register a definition. Members of
 * the task that equal `known` are left out: AWS keeps them. The container is sent whole, because AWS
 * does not say whether it keeps what is left out of it.
 */
export function managedMembers(definition: JsonObject, known: JsonObject): JsonObject {
  const { cpu, memory, runtimePlatform } = normalise(definition);
  const wanted = {
    cpu,
    memory,
    cpuArchitecture: (runtimePlatform as JsonObject | undefined)?.['cpuArchitecture'],
    executionRoleArn: definition['executionRoleArn'],
    taskRoleArn: definition['taskRoleArn'],
  };
  const changed = Object.entries(wanted).filter(
    ([member, value]) => value !== undefined && value !== known[member],
  );
  const echoed = (known['primaryContainer'] ?? {}) as JsonObject;
  return { ...Object.fromEntries(changed), primaryContainer: containerOf(definition, echoed) };
}

function containerOf(definition: JsonObject, echoed: JsonObject): JsonObject {
  const main = mainOf(definition);
  const [mapping] = (main['portMappings'] ?? []) as readonly JsonObject[];
  const { options = {} } = (main['logConfiguration'] ?? {}) as { options?: JsonObject };
  const log = {
    logGroup: options['awslogs-group'],
    logStreamPrefix: options['awslogs-stream-prefix'],
  };
  // An empty list takes away what Express Mode has.
  const list = (member: string) => {
    const items = main[member] ?? [];
    const isNeeded = (items as readonly unknown[]).length > 0 || echoed[member] !== undefined;
    return isNeeded ? { [member]: items } : {};
  };
  return {
    ...echoed,
    image: main['image'],
    ...(mapping?.['containerPort'] !== undefined && { containerPort: mapping['containerPort'] }),
    ...(log.logGroup !== undefined && { awsLogsConfiguration: log }),
    ...(main['repositoryCredentials'] !== undefined && {
      repositoryCredentials: main['repositoryCredentials'],
    }),
    ...list('command'),
    ...list('environment'),
    ...list('secrets'),
  };
}

/** Whether two managed definitions run the same in their container. */
export function isSameContainer(one: JsonObject, other: JsonObject): boolean {
  const [first, second] = [one, other].map((definition) =>
    canonical({ containerDefinitions: [{ ...containerOf(definition, {}) }] }),
  );
  return first === second;
}

const mainOf = (definition: JsonObject): JsonObject =>
  containersOf(definition).find(({ name }) => name === EXPRESS_CONTAINER) ?? {};
