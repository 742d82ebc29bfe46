import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Service } from '@aws-sdk/client-ecs';
import { describeRevision, describeService } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import type { Target } from '../config.ts';
import type { Context } from '../context.ts';
import { platformOf } from '../core/image.ts';
import {
  chooseContainers,
  containersOf,
  placeOfArn,
  render,
  shortName,
  toRegistrable,
} from '../core/task-definition.ts';
import type { JsonObject, Revision } from '../core/task-definition.ts';
import { allOrRefuse, EcsDeployError } from '../errors.ts';

/** A service with the definition that its next revision is made from. */
export interface Observed {
  readonly target: Target;
  readonly service: Service;
  /** The revision that the service runs. */
  readonly running: Revision;
  /** What is rendered: the running revision unless the user named another definition. */
  readonly source: JsonObject;
}

/** Reads a service and the definition to start from; throws what is missing, with what exists. */
export async function observeTarget(context: Context, ecs: Ecs, target: Target): Promise<Observed> {
  const service = await describeService(ecs, target.cluster, target.service);
  checkService(service);
  checkPlace(service, target.taskDefinition ?? '');
  const [running, named] = await allOrRefuse([
    describeRevision(ecs, service.taskDefinition ?? ''),
    namedDefinition(context, ecs, target.taskDefinition, service.taskDefinition),
  ]);
  return { target, service, running, source: named ?? running.definition };
}

/** The definition that the user named, when it is not simply the one the service runs. */
async function namedDefinition(
  { directory }: Context,
  ecs: Ecs,
  named: string | undefined,
  running: string | undefined,
): Promise<JsonObject | undefined> {
  if (named === undefined) return undefined;
  // A family says which definition is meant; its revision is the one that the service runs.
  if (shortName(running ?? '').split(':')[0] === named) return undefined;
  if (named.endsWith('.json')) return readDefinitionFile(resolve(directory, named));
  return (await describeRevision(ecs, named)).definition;
}

/** The definition to render without a service: named by family, revision, ARN or file. */
export async function definitionOf(context: Context, ecs: Ecs, named: string): Promise<JsonObject> {
  return (await namedDefinition(context, ecs, named, undefined)) ?? {};
}

/** Reads a task definition from a JSON file; throws `task-definition-invalid`. */
export async function readDefinitionFile(path: string): Promise<JsonObject> {
  const source = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new EcsDeployError({
      code: 'task-definition-invalid',
      message: `The task definition ${path} cannot be read: ${(error as Error).message}`,
      hint: 'give an existing JSON file, or - to read it from stdin',
      cause: error,
    });
  });
  return parseDefinition(source, path);
}

/**
 * Reads a task definition from JSON text, as `render`, the console or `describe-task-definition`
 * give it.
 */
export function parseDefinition(source: string, place: string): JsonObject {
  const invalid = (why: string, cause?: unknown) =>
    new EcsDeployError({
      code: 'task-definition-invalid',
      message: `${place} holds no task definition: ${why}`,
      hint: 'it is the JSON that `ecsdeploy render` prints, with "family" and "containerDefinitions"',
      cause,
    });
  let parsed: unknown;
  try {
    parsed = JSON.parse(source);
  } catch (error) {
    throw invalid(source.trim() === '' ? 'it is empty' : (error as Error).message, error);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw invalid('it is no JSON object');
  }
  const outer = parsed as JsonObject;
  const described = (outer['taskDefinition'] ?? outer) as JsonObject;
  const definition = toRegistrable(described, outer['tags'] ?? described['tags']);
  if (typeof definition['family'] !== 'string') throw invalid('"family" is missing');
  if (containersOf(definition).length === 0) throw invalid('"containerDefinitions" is missing');
  return definition;
}

/** Throws `arn-elsewhere` where a revision cannot be of the service: ECS keeps both in one place. */
export function checkPlace({ serviceArn = '' }: Service, revision: string): void {
  const [here, there] = [placeOfArn(serviceArn), placeOfArn(revision)];
  if (here === undefined || there === undefined) return;
  if (here.region === there.region && here.account === there.account) return;
  throw new EcsDeployError({
    code: 'arn-elsewhere',
    message: `${revision} is in ${there.region} of account ${there.account}, but the service ${shortName(serviceArn)} is in ${here.region} of account ${here.account}.`,
    hint: `register it there first, or name a revision of that place: ${shortName(revision)}`,
  });
}

/** Throws `service-inactive` or `deployment-controller` where UpdateService would be refused. */
export function checkService(service: Service): void {
  const name = service.serviceName ?? '';
  if (service.status !== 'ACTIVE') {
    throw new EcsDeployError({
      code: 'service-inactive',
      message: `The service "${name}" is ${service.status}: it is being deleted.`,
      hint: 'create it again, or name another with --service',
    });
  }
  const controller = service.deploymentController?.type ?? 'ECS';
  if (controller !== 'ECS') {
    throw new EcsDeployError({
      code: 'deployment-controller',
      message: `The service "${name}" is deployed by ${controller}, not by ECS itself.`,
      hint:
        controller === 'CODE_DEPLOY'
          ? 'start the deployment in CodeDeploy, or migrate the service to the ECS deployment controller'
          : 'only its own controller can move it',
    });
  }
}

/**
 * Renders a target's next definition and checks what UpdateService would refuse.
 *
 * Throws `container-ambiguous`, `container-missing`, `container-port`.
 */
export function renderTarget(
  { config }: Context,
  { target, service, source }: Omit<Observed, 'running'>,
  image: string | undefined,
): JsonObject {
  const draft = renderDefinition(target, source, image);
  if (!config.skipCheck.includes('container-port')) checkPorts(service, draft);
  return draft;
}

/** Puts image and environment into the chosen containers of a definition. */
export function renderDefinition(
  target: Pick<Target, 'container' | 'setEnv' | 'unsetEnv'>,
  source: JsonObject,
  image: string | undefined,
): JsonObject {
  return render(source, {
    containers: chooseContainers(source, target.container),
    image,
    setEnv: target.setEnv,
    unsetEnv: target.unsetEnv,
  });
}

/** The load balancer's container and port must be in the definition, or UpdateService is refused. */
function checkPorts(service: Service, draft: JsonObject): void {
  for (const { containerName, containerPort } of service.loadBalancers ?? []) {
    const container = containersOf(draft).find(({ name }) => name === containerName);
    const ports = (container?.['portMappings'] ?? []) as readonly { containerPort?: number }[];
    if (container !== undefined && ports.some((port) => port.containerPort === containerPort))
      continue;
    throw new EcsDeployError({
      code: 'container-port',
      message: `The load balancer of "${service.serviceName}" sends to port ${containerPort} of container "${containerName}", which the task definition does not have.`,
      hint: 'keep the name and the port mapping of that container, or change the load balancer of the service first',
    });
  }
}

/** The platform that a definition's tasks run on. */
export function platformOfDefinition(definition: JsonObject): string {
  return platformOf(definition['runtimePlatform']);
}
