import type { Aws } from '../aws/client.ts';
import type { Ecs } from '../aws/ecs.ts';
import { at } from '../aws/ecs.ts';
import { isUnknown, isUnread, optional } from '../aws/optional.ts';
import { describeExpress } from '../aws/express.ts';
import { currentRecord } from '../aws/rollouts.ts';
import type { HookAnswer } from '../aws/rollouts.ts';
import { describeRevision } from '../aws/revisions.ts';
import { describeService, readServices } from '../aws/services.ts';
import { needsRecord } from '../core/busy.ts';
import { CODE_DEPLOY } from '../core/ecs.ts';
import type { ExpressConfiguration, RolloutRecord, Service } from '../core/ecs.ts';
import { familyOf, isDefinitionFile, placeOfArn, shortName } from '../core/task-definition.ts';
import type { JsonObject, Revision } from '../core/task-definition.ts';
import { allOrRefuse, EcsDeployError } from '../errors.ts';
import type { Emit } from '../events.ts';
import type { Config, Target } from '../settings/config.ts';
import { readDefinitionFile } from './definition-file.ts';
import { attempt } from './read.ts';
import type { Read } from './read.ts';
import { observeSchedules } from './schedules.ts';
import type { ObservedSchedules } from './schedules.ts';

/** The parts of a run that observing uses. */
export interface ObserveTools {
  readonly aws: Aws;
  readonly ecs: Ecs;
  readonly emit: Emit;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** How a service gets to its next revision: UpdateService, a stop, an answer to a pause hook, only watching, or nothing. */
export type Way = 'move' | 'stop' | 'continue' | 'follow' | 'stay';

/** What a service will run next: a definition that is rendered, or an existing revision. */
export type Next =
  | { readonly kind: 'render'; readonly source: JsonObject }
  | {
      readonly kind: 'revision';
      readonly revision: Revision;
      readonly way: Way;
      /** The deployment in progress, where it was read. */
      readonly record?: RolloutRecord | undefined;
      /** What is answered to its pause hook, to `continue`. */
      readonly answer?: HookAnswer | undefined;
    };

/** A service as it was read. */
export interface ObservedService {
  readonly service: Service;
  /** The revision that it runs. */
  readonly running: Revision;
  /** The latest revision of that family; undefined if it cannot be read. */
  readonly latest: Revision | undefined;
  readonly next: Next;
  /** Undefined where it cannot be read, and for other services. */
  readonly express?: ExpressConfiguration | undefined;
  /** Of a COMPLETED deployment that shifts traffic, where it was read: it may not have ended. */
  readonly completed?: RolloutRecord | undefined;
}

/** A target with what was read of it. */
export interface Observed {
  readonly target: Target;
  readonly read: Read<ObservedService>;
  /** `performance.now()` before it was read. */
  readonly readAt?: number;
  /** Undefined without the setting `schedules`. */
  readonly schedules?: ObservedSchedules | undefined;
}

/** A target for a command that moves no schedules. */
export function withoutSchedules<T extends Target>(target: T): T {
  return { ...target, schedules: false };
}

/** Reads every service where it is with `observeOne`, and its schedules where they are to follow. */
export function observeServices<T extends ObserveTools>(
  run: T,
  { targets }: Pick<Config, 'targets'>,
  observeOne: (tools: T, target: Target, service: Promise<Service>) => Promise<ObservedService>,
): Promise<readonly Observed[]> {
  const readAt = performance.now();
  const readService = readServices(run.ecs, targets);
  return Promise.all(
    targets.map(async (target) => {
      const tools = at(run, target);
      const read = await attempt(observeOne(tools, target, readService(target)));
      if (target.schedules === false || 'error' in read) return { target, read, readAt };
      const { service, running, next } = read.value;
      const definition = next.kind === 'render' ? next.source : next.revision.definition;
      const families = new Set([String(definition['family'])]);
      const schedules = await observeSchedules(tools, service, running, families);
      return { target, read, readAt, schedules };
    }),
  );
}

/** Reads a service and the definition that its next revision is rendered from. */
export async function observeSource(
  tools: ObserveTools,
  { skipCheck }: Pick<Config, 'skipCheck'>,
  { taskDefinition: named }: Target,
  reading: Promise<Service>,
): Promise<ObservedService> {
  const service = await reading;
  checkService(service);
  checkPlace(service, named);
  const { ecs } = tools;
  const family = familyOf(service.taskDefinition);
  const isOther = named !== undefined && named !== family;
  const [running, latest, express, completed, definition] = await allOrRefuse([
    describeRevision(ecs, service.taskDefinition),
    latestOf(tools, family),
    readExpress(tools, service),
    readCompleted(tools, service),
    isOther
      ? readDefinition(tools, skipCheck, /^\d+$/.test(named) ? `${family}:${named}` : named)
      : Promise.resolve(undefined),
  ]);
  const source = definition === undefined ? running.definition : withTags(definition, running);
  return { service, running, latest, next: { kind: 'render', source }, express, completed };
}

/** A service that is to be deployed, with what CodeDeploy knows of it where that deploys it. */
export async function readController(
  tools: Pick<ObserveTools, 'aws' | 'emit'>,
  { codeDeploy }: Pick<Target, 'codeDeploy'>,
  reading: Promise<Service>,
): Promise<Service> {
  const service = await reading;
  if (service.controller !== CODE_DEPLOY || service.status !== 'ACTIVE') return service;
  const { readCodeDeployUse } = await import('./code-deploy.ts');
  return readCodeDeployUse(tools, service, codeDeploy);
}

/** A service that is shown: without what cannot be read of CodeDeploy, which is one warning. */
export async function readShown(
  tools: Pick<ObserveTools, 'aws' | 'ecs' | 'emit'>,
  target: Target,
): Promise<Service> {
  const service = await describeService(tools.ecs, target);
  const reading = readController(tools, target, Promise.resolve(service));
  return (await optional(tools, `CodeDeploy for ${service.name}`, reading, isUnread)) ?? service;
}

/** The configuration of an Express service; undefined for others, and where it cannot be read. */
export async function readExpress(
  { ecs, emit }: Pick<ObserveTools, 'ecs' | 'emit'>,
  service: Service,
): Promise<ExpressConfiguration | undefined> {
  if (!service.isExpress) return undefined;
  const what = `the Express configuration of ${service.name}`;
  return optional({ emit }, what, describeExpress(ecs, service), isUnknown);
}

/** The record of a COMPLETED deployment, where only that shows whether it has ended. */
export async function readCompleted(
  tools: Pick<ObserveTools, 'ecs' | 'emit'>,
  service: Service,
): Promise<RolloutRecord | undefined> {
  return needsRecord(service) ? currentRecord(tools, service) : undefined;
}

/** The definition that a family, a revision, an ARN or a file names. */
export async function readDefinition(
  { ecs, emit }: Pick<ObserveTools, 'ecs' | 'emit'>,
  skipCheck: Config['skipCheck'],
  named: string,
): Promise<JsonObject> {
  if (isDefinitionFile(named)) return readDefinitionFile({ emit, skipCheck }, named);
  return (await describeRevision(ecs, named)).definition;
}

/** The latest revision of a family; undefined if there is none, or it cannot be read. */
async function latestOf(
  { ecs, emit }: Pick<ObserveTools, 'ecs' | 'emit'>,
  family: string,
): Promise<Revision | undefined> {
  const reading = describeRevision(ecs, family).catch((error: unknown) => {
    if (error instanceof EcsDeployError && error.code === 'task-definition-missing')
      return undefined;
    throw error;
  });
  return optional({ emit }, `the latest revision of ${family}`, reading, isUnknown);
}

/**
 * A definition with the tags of the revision that it follows. Most files have no tags, and are not
 * meant to remove them; `"tags": []` is, and is left out: ECS refuses an empty list.
 */
export function withTags(definition: JsonObject, before: Revision | undefined): JsonObject {
  const { tags = before?.family === definition['family'] && before?.definition['tags'], ...rest } =
    definition;
  return Array.isArray(tags) && tags.length > 0 ? { ...rest, tags } : rest;
}

/** Throws `arn-elsewhere` when a revision is in another region or account than the service. */
export function checkPlace({ arn }: Service, revision: string | undefined): void {
  const [here, there] = [placeOfArn(arn), placeOfArn(revision ?? '')];
  if (here === undefined || there === undefined) return;
  if (here.region === there.region && here.account === there.account) return;
  throw new EcsDeployError({
    code: 'arn-elsewhere',
    message: `${revision} is in ${there.region} of account ${there.account}, but the service ${shortName(arn)} is in ${here.region} of account ${here.account}.`,
    hint: `register it there first, or name a revision in the service's region and account: ${shortName(revision ?? '')}`,
  });
}

/** Throws `service-inactive` or `deployment-controller` where a service cannot be deployed. */
export function checkService({ name, status, controller }: Service): void {
  if (status !== 'ACTIVE') {
    throw new EcsDeployError({
      code: 'service-inactive',
      message:
        status === 'INACTIVE'
          ? `The service "${name}" is INACTIVE: it was deleted.`
          : `The service "${name}" is ${status}: it is being deleted.`,
      hint: 'create it again, or name another with --service',
    });
  }
  if (controller !== 'ECS' && controller !== CODE_DEPLOY) {
    throw new EcsDeployError({
      code: 'deployment-controller',
      message: `The service "${name}" is deployed by ${controller}, not by ECS or CodeDeploy.`,
      hint: 'only its own controller can deploy it',
    });
  }
}
