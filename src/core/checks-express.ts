import type { Change } from './changes.ts';
import { ok } from './checks.ts';
import type { Answer } from './checks.ts';
import { primaryOf } from './ecs.ts';
import type { ExpressConfiguration, Service } from './ecs.ts';
import { EXPRESS_CONTAINER } from './express.ts';
import { containersOf, shortName } from './task-definition.ts';
import type { JsonObject } from './task-definition.ts';

/** Whether Express Mode takes a definition: UpdateExpressGatewayService requires it. */
export function checkExpressContainer(definition: JsonObject): Answer {
  const hint = `name the application container "${EXPRESS_CONTAINER}", and give it one TCP port mapping with "containerPort" and "name"`;
  const main = containersOf(definition).find(({ name }) => name === EXPRESS_CONTAINER);
  if (main === undefined) {
    return {
      status: 'fail',
      message: `An Express service sends its traffic to the container "${EXPRESS_CONTAINER}", which the task definition does not have.`,
      hint,
    };
  }
  const ports = ((main['portMappings'] ?? []) as readonly JsonObject[]).filter(
    ({ protocol = 'tcp' }) => protocol === 'tcp',
  );
  const [port] = ports;
  if (ports.length === 1 && port?.['name'] !== undefined) {
    return ok(`container ${EXPRESS_CONTAINER}, port ${String(port['containerPort'])}`);
  }
  return {
    status: 'fail',
    message:
      ports.length === 1
        ? `The port mapping of the container "${EXPRESS_CONTAINER}" has no name, which an Express service requires.`
        : `The container "${EXPRESS_CONTAINER}" has ${ports.length} TCP port mappings, but an Express service requires exactly one.`,
    hint,
  };
}

/** Whether the service runs what Express Mode was given last. */
export function checkExpressDrift(
  service: Service,
  configuration: ExpressConfiguration | undefined,
): Answer {
  const running = shortName(service.taskDefinition);
  const told = shortName(configuration?.taskDefinition ?? service.taskDefinition);
  if (told === running || primaryOf(service)?.rolloutState !== 'COMPLETED') {
    return ok(`the configuration of Express Mode is ${told}`);
  }
  return {
    status: 'warn',
    message: `"${service.name}" runs ${running}, but the configuration of Express Mode is ${told}: UpdateService changed it outside of Express Mode, or ECS rolled it back.`,
    hint: `this deployment starts from ${running} and gives it to Express Mode`,
  };
}

/** What UpdateExpressGatewayService can change of a definition that Express Mode makes. */
const MAPPED =
  /^(?:image|command|environment|secrets|portMappings|logConfiguration|repositoryCredentials|cpu|memory|taskRoleArn|executionRoleArn|runtimePlatform)\b/;

/** Whether Express Mode can make the changes to a definition of its own. */
export function checkManagedChanges(service: Service, changes: readonly Change[]): Answer {
  const paths = changes.map(({ path }) => path).filter((path) => !MAPPED.test(path));
  if (paths.length === 0) return ok('Express Mode registers the task definition');
  return {
    status: 'fail',
    message: `Express Mode makes the task definition of "${service.name}" and cannot set ${paths.join(', ')}.`,
    hint: `leave it out, or deploy a task definition of another family with --task-definition, which has the container "${EXPRESS_CONTAINER}"`,
  };
}

/** A definition of the user in place of the one that Express Mode makes. */
export function checkManagedEnd(service: Service, { family }: JsonObject): Answer {
  return {
    status: 'warn',
    message: `"${service.name}" moves from the task definition that Express Mode makes to ${String(family)}: from then on it runs what is registered there.`,
  };
}
