import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Service } from '@aws-sdk/client-ecs';
import { findMisfits } from '../aws/definition-schema.ts';
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
  requireContainers,
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
  context: Context,
  ecs: Ecs,
  named: string | undefined,
  running: string | undefined,
): Promise<JsonObject | undefined> {
  const { directory } = context;
  if (named === undefined) return undefined;
  // A family says which definition is meant; its revision is the one that the service runs.
  if (shortName(running ?? '').split(':')[0] === named) return undefined;
  if (named.endsWith('.json')) return readDefinitionFile(context, resolve(directory, named));
  return (await describeRevision(ecs, named)).definition;
}

/** The definition to render without a service: named by family, revision, ARN or file. */
export async function definitionOf(context: Context, ecs: Ecs, named: string): Promise<JsonObject> {
  return (await namedDefinition(context, ecs, named, undefined)) ?? {};
}

/** Reads a task definition from a JSON file; throws `task-definition-invalid`. */
export async function readDefinitionFile(
  context: Pick<Context, 'emit'>,
  path: string,
): Promise<JsonObject> {
  const source = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new EcsDeployError({
      code: 'task-definition-invalid',
      message: `The task definition ${path} cannot be read: ${(error as Error).message}`,
      hint: 'give an existing JSON file, or - to read it from stdin',
      cause: error,
    });
  });
  return parseDefinition(context, source, path);
}

/**
 * Reads a task definition from JSON text, as `render`, the console or `describe-task-definition`
 * give it. Members that the SDK does not know are kept, with a notice.
 *
 * Throws `task-definition-invalid` with everything that ECS would not take.
 */
export async function parseDefinition(
  { emit }: Pick<Context, 'emit'>,
  source: string,
  place: string,
): Promise<JsonObject> {
  const invalid = (
    why: string,
    hint = 'it is the JSON that `ecsdeploy render` prints, with "family" and "containerDefinitions"',
    cause?: unknown,
  ) => new EcsDeployError({ code: 'task-definition-invalid', message: why, hint, cause });
  const none = (why: string, cause?: unknown) =>
    invalid(`${place} holds no task definition: ${why}`, undefined, cause);
  let parsed: unknown;
  try {
    // Editors of Windows begin a file with a mark that JSON does not have.
    parsed = JSON.parse(source.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw none(source.trim() === '' ? 'it is empty' : (error as Error).message, error);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw none('it is no JSON object');
  }
  const outer = parsed as JsonObject;
  const described = (outer['taskDefinition'] ?? outer) as JsonObject;
  const definition = toRegistrable(described, outer['tags'] ?? described['tags']);
  const { problems, unknown } = await findMisfits(definition);
  if (problems.length > 0) {
    throw invalid(
      `ECS would not take ${place}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
      'mend the file; `ecsdeploy render` prints a definition that is in use',
    );
  }
  if (typeof definition['family'] !== 'string') throw none('"family" is missing');
  if (containersOf(definition).length === 0) throw none('"containerDefinitions" is missing');
  if (unknown.length > 0) {
    emit({
      kind: 'warning',
      message: `${place} has members that this version does not know: ${unknown.join(', ')}. They are passed on as they are.`,
    });
  }
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

/** What is asked of a definition: images, variables, and the containers that get them. */
type Wishes = Pick<Target, 'container' | 'containerImage' | 'setEnv' | 'setSecret' | 'unsetEnv'>;

/** Whether anything but the image is asked for. */
export function hasEdits({ containerImage, ...wishes }: Wishes): boolean {
  return Object.keys(containerImage).length > 0 || hasVariables(wishes);
}

function hasVariables({
  setEnv,
  setSecret,
  unsetEnv,
}: Pick<Wishes, 'setEnv' | 'setSecret' | 'unsetEnv'>): boolean {
  return Object.keys(setEnv).length + Object.keys(setSecret).length + unsetEnv.length > 0;
}

/** Puts images, environment and secrets into the chosen containers of a definition. */
export function renderDefinition(
  wishes: Wishes,
  source: JsonObject,
  image: string | undefined,
): JsonObject {
  const { container, containerImage: images, setEnv, setSecret, unsetEnv } = wishes;
  const sidecars = Object.keys(images);
  // Who only changes a sidecar's image need not say which container is the application's.
  const onlySidecars =
    sidecars.length > 0 && image === undefined && container === undefined && !hasVariables(wishes);
  const containers = onlySidecars ? [] : chooseContainers(source, container);
  requireContainers(source, sidecars, 'see --container-image');
  const twice =
    Object.keys(setEnv).find((name) => Object.hasOwn(setSecret, name)) ??
    (image === undefined ? undefined : containers.find((name) => Object.hasOwn(images, name)));
  if (twice !== undefined) {
    throw new EcsDeployError({
      code: 'usage',
      message: Object.hasOwn(images, twice)
        ? `The container "${twice}" would get two images: ${image} and ${images[twice]}.`
        : `The variable "${twice}" would be set twice: as plain and as secret.`,
      hint: 'take one of them out of the command line or the config',
    });
  }
  return render(source, { containers, image, images, setEnv, setSecret, unsetEnv });
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
