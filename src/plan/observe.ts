import type { Service } from '@aws-sdk/client-ecs';
import { describeRevision, describeService } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import type { Target } from '../settings/config.ts';
import type { Context } from '../commands/context.ts';
import { platformOf } from '../core/image.ts';
import {
  checkContainerImages,
  chooseContainers,
  containersOf,
  isDefinitionFile,
  placeOfArn,
  render,
  shortName,
} from '../core/task-definition.ts';
import type { JsonObject, Revision } from '../core/task-definition.ts';
import { allOrRefuse, EcsDeployError } from '../errors.ts';
import { readDefinitionFile } from './definition-file.ts';

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
  const source = named === undefined ? running.definition : withTags(named, running);
  return { target, service, running, source };
}

/**
 * A definition with the tags of the revision it follows: a file that says nothing of tags, as most
 * do, does not mean to take them away. `"tags": []` does.
 */
export function withTags(definition: JsonObject, before: Revision | undefined): JsonObject {
  const tags = before?.family === definition['family'] ? before?.definition['tags'] : undefined;
  return tags === undefined || 'tags' in definition ? definition : { ...definition, tags };
}

/** The definition that the user named, when it is not simply the one the service runs. */
async function namedDefinition(
  context: Context,
  ecs: Ecs,
  named: string | undefined,
  running: string | undefined,
): Promise<JsonObject | undefined> {
  if (named === undefined) return undefined;
  // A family says which definition is meant; its revision is the one that the service runs.
  if (shortName(running ?? '').split(':')[0] === named) return undefined;
  if (isDefinitionFile(named)) return readDefinitionFile(context, named);
  return (await describeRevision(ecs, named)).definition;
}

/** The definition to render without a service: named by family, revision, ARN or file. */
export async function definitionOf(context: Context, ecs: Ecs, named: string): Promise<JsonObject> {
  return (await namedDefinition(context, ecs, named, undefined)) ?? {};
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

/** Puts images, environment and secrets into the containers of a definition. */
export function renderDefinition(
  target: Omit<Target, 'cluster' | 'service' | 'taskDefinition'>,
  source: JsonObject,
  image: string | undefined,
): JsonObject {
  const { container, containerImages, setEnv, setSecrets, unsetEnv } = target;
  const variables = { setEnv, setSecrets, unsetEnv };
  checkContainerImages(source, Object.keys(containerImages));
  const containers = chooseContainers(source, container);
  const twice = containers.find((name) => Object.hasOwn(containerImages, name));
  if (image !== undefined && twice !== undefined) {
    throw new EcsDeployError({
      code: 'usage',
      message: `The container "${twice}" gets two images: ${image} and ${containerImages[twice]}.`,
      hint: 'leave it out of --container-image ("containerImages"), or choose another with --container',
    });
  }
  return render(source, { containers, image, containerImages, ...variables });
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
