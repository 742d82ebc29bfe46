import { setTimeout as sleep } from 'node:timers/promises';
import { Readable } from 'node:stream';
import type {
  Deployment,
  ECSClient,
  Service,
  ServiceDeployment,
  Task,
  UpdateServiceCommandInput,
} from '@aws-sdk/client-ecs';
import { suggest } from '../core/nearest.ts';
import { placeOfArn, shortName, toRegistrable } from '../core/task-definition.ts';
import type { JsonObject, Revision } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import { ecsClient } from './client.ts';
import type { Aws } from './client.ts';
import {
  awsErrorName,
  awsErrorText,
  isDefinite,
  isThrottling,
  translateAwsError,
} from './errors.ts';

/** ECS as the steps use it; clients are made once. */
export interface Ecs {
  readonly aws: Aws;
  readonly client: ECSClient;
  /** A client that never repeats a call by itself. */
  readonly once: ECSClient;
}

/** Opens ECS in the run's region. */
export async function openEcs(aws: Aws): Promise<Ecs> {
  const [client, once] = await Promise.all([ecsClient(aws), ecsClient(aws, 1)]);
  return { aws, client, once };
}

const sdk = () => import('@aws-sdk/client-ecs');

/** DescribeServices' limit of names in one call (ecs-facts 1.7). */
const SERVICES_PER_CALL = 10;
const RECORDS_PER_CALL = 20;
const TASKS_PER_CALL = 100;

/** Splits a list into parts of at most `size`. */
function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) =>
    list.slice(index * size, (index + 1) * size),
  );
}

/** The services of one cluster that exist, in no particular order; throws `cluster-missing`. */
export async function describeServices(
  ecs: Ecs,
  cluster: string,
  services: readonly string[],
): Promise<Service[]> {
  const { DescribeServicesCommand } = await sdk();
  await checkRegion(ecs, [cluster, ...services]);
  const answers = await Promise.all(
    chunks(services, SERVICES_PER_CALL).map((part) =>
      ecs.client
        .send(new DescribeServicesCommand({ cluster, services: part }), abort(ecs))
        .catch((error: unknown) => explainCluster(ecs, cluster, error)),
    ),
  );
  return answers.flatMap((answer) => answer.services ?? []);
}

/** One service; throws `service-missing` with the names of those that exist. */
export async function describeService(
  ecs: Ecs,
  cluster: string,
  service: string,
): Promise<Service> {
  const [found] = await describeServices(ecs, cluster, [service]);
  if (found !== undefined) return found;
  throw new EcsDeployError({
    code: 'service-missing',
    message: `The cluster "${shortName(cluster)}" has no service "${service}"${await where(ecs)}.`,
    hint: suggest(service, await listServices(ecs, cluster), 'services'),
  });
}

/** The region that is worked in; throws `region-missing`. */
export function regionOf({ client, aws }: Ecs): Promise<string> {
  return client.config.region().catch((error: unknown) => {
    throw translateAwsError(error, 'ecs', { profile: aws.profile });
  });
}

/** Throws `arn-elsewhere`: ECS would only say that there is no such cluster. */
async function checkRegion(ecs: Ecs, names: readonly string[]): Promise<void> {
  const region = await regionOf(ecs);
  const other = names.find((name) => (placeOfArn(name)?.region ?? region) !== region);
  if (other === undefined) return;
  throw new EcsDeployError({
    code: 'arn-elsewhere',
    message: `${other} is in ${placeOfArn(other)?.region}, but the region is ${region}.`,
    hint: `work there with --region ${placeOfArn(other)?.region}, or give the name in place of the ARN`,
  });
}

async function explainCluster(ecs: Ecs, cluster: string, error: unknown): Promise<never> {
  if (awsErrorName(error) !== 'ClusterNotFoundException') throw error;
  const { ListClustersCommand } = await sdk();
  const known = await ecs.client.send(new ListClustersCommand({})).then(
    ({ clusterArns }) => (clusterArns ?? []).map(shortName),
    () => undefined,
  );
  throw new EcsDeployError({
    code: 'cluster-missing',
    message: `There is no cluster "${cluster}"${await where(ecs)}.`,
    hint: `${suggest(cluster, known, 'clusters')}\nis this the right region and account? ecsdeploy verify shows both`,
    cause: error,
  });
}

async function where(ecs: Ecs): Promise<string> {
  const { profile } = ecs.aws;
  const region = await regionOf(ecs);
  return ` in ${region}${profile === undefined ? '' : ` (profile "${profile}")`}`;
}

async function listServices(ecs: Ecs, cluster: string): Promise<string[] | undefined> {
  const { ListServicesCommand } = await sdk();
  return ecs.client.send(new ListServicesCommand({ cluster, maxResults: 100 })).then(
    ({ serviceArns }) => (serviceArns ?? []).map(shortName),
    () => undefined,
  );
}

/**
 * A revision with its tags, every member as ECS sent it: the SDK drops the ones it does not know, so
 * the answer's own JSON is read (ecs-facts 1.5). Throws `task-definition-missing`.
 */
export async function describeRevision(ecs: Ecs, taskDefinition: string): Promise<Revision> {
  const { DescribeTaskDefinitionCommand } = await sdk();
  const command = new DescribeTaskDefinitionCommand({ taskDefinition, include: ['TAGS'] });
  const raw = captureBody(command);
  await ecs.client.send(command, abort(ecs)).catch(async (error: unknown) => {
    if (!/Unable to describe task definition|not found/i.test(awsErrorText(error))) throw error;
    const family = shortName(taskDefinition).split(':')[0] ?? '';
    const families = await listFamilies(ecs);
    throw new EcsDeployError({
      code: 'task-definition-missing',
      message: `There is no task definition "${shortName(taskDefinition)}"${await where(ecs)}.`,
      hint: families?.includes(family)
        ? `its revisions: aws ecs list-task-definitions --family-prefix ${family}`
        : suggest(family, families, 'families'),
      cause: error,
    });
  });
  const answer = JSON.parse(raw()) as { taskDefinition: JsonObject; tags?: unknown };
  return toRevision(answer.taskDefinition, answer.tags);
}

function toRevision(described: JsonObject, tags: unknown): Revision {
  return {
    arn: String(described['taskDefinitionArn']),
    family: String(described['family']),
    revision: Number(described['revision']),
    status: String(described['status']),
    definition: toRegistrable(described, tags),
  };
}

async function listFamilies(ecs: Ecs): Promise<string[] | undefined> {
  const { ListTaskDefinitionFamiliesCommand } = await sdk();
  const command = new ListTaskDefinitionFamiliesCommand({ status: 'ACTIVE', maxResults: 100 });
  return ecs.client.send(command).then(
    ({ families }) => families ?? [],
    () => undefined,
  );
}

/** Registration attempts while somebody else registers in the same family. */
const REGISTER_ATTEMPTS = 8;

/**
 * Registers a definition as it stands, members unknown to the SDK included, and returns the revision.
 *
 * `onRetry` is told when another registration in the family is in the way.
 */
export async function registerDefinition(
  ecs: Ecs,
  definition: JsonObject,
  onRetry: () => void,
): Promise<Revision> {
  const { RegisterTaskDefinitionCommand } = await sdk();
  for (let attempt = 1; ; attempt += 1) {
    const command = new RegisterTaskDefinitionCommand({
      family: String(definition['family']),
      containerDefinitions: [],
    });
    replaceBody(command, JSON.stringify(definition));
    const raw = captureBody(command);
    try {
      await ecs.client.send(command, abort(ecs));
      const answer = JSON.parse(raw()) as { taskDefinition: JsonObject; tags?: unknown };
      return toRevision(answer.taskDefinition, answer.tags);
    } catch (error) {
      const busy = /Too many concurrent attempts/.test(awsErrorText(error));
      if (!busy || attempt === REGISTER_ATTEMPTS) throw error;
      onRetry();
      await sleep(2 ** attempt * 50 + Math.random() * 200, undefined, {
        signal: ecs.aws.options.signal,
      });
    }
  }
}

interface Wire {
  body?: unknown;
}
type AnyCommand = { middlewareStack: { add: (middleware: never, options: never) => void } };
type Handler = (args: { request: Wire }) => Promise<{ response: Wire }>;

function addMiddleware(
  command: AnyCommand,
  step: string,
  priority: string,
  wrap: (next: Handler) => Handler,
): void {
  command.middlewareStack.add(wrap as never, { step, priority } as never);
}

/** Keeps the text of the command's answer, for members that the SDK's schema lacks. */
function captureBody(command: AnyCommand): () => string {
  let text = '';
  addMiddleware(command, 'deserialize', 'low', (next) => async (args) => {
    const result = await next(args);
    const parts: Buffer[] = [];
    for await (const part of result.response.body as AsyncIterable<Buffer>) parts.push(part);
    text = Buffer.concat(parts).toString('utf8');
    result.response.body = Readable.from([Buffer.from(text)]);
    return result;
  });
  return () => text;
}

/** Sends this text instead of what the SDK's schema made of the input. */
function replaceBody(command: AnyCommand, body: string): void {
  addMiddleware(command, 'build', 'high', (next) => (args) => {
    args.request.body = body;
    return next(args);
  });
}

/** The revision that was deployed last with success: a deployment at work may itself fail. */
export function lastGood({ deployments, taskDefinition }: Service): string | undefined {
  const completed = deployments?.find(({ rolloutState }) => rolloutState === 'COMPLETED');
  return completed?.taskDefinition ?? taskDefinition;
}

/** The service's PRIMARY deployment. */
export function primaryOf(service: Service): Deployment | undefined {
  return service.deployments?.find(({ status }) => status === 'PRIMARY');
}

/**
 * Moves a service to a revision, sending nothing else, and returns the service as ECS answered.
 *
 * UpdateService has no client token: when an answer is lost, the service is read again before the
 * call is repeated (ecs-facts 1.4).
 */
export async function updateService(
  ecs: Ecs,
  before: Service,
  change: { readonly taskDefinition: string; readonly force: boolean },
): Promise<Service> {
  const { UpdateServiceCommand } = await sdk();
  const cluster = before.clusterArn ?? '';
  const service = before.serviceName ?? '';
  const input: UpdateServiceCommandInput = {
    cluster,
    service,
    taskDefinition: change.taskDefinition,
    ...(change.force ? { forceNewDeployment: true } : {}),
  };
  for (let attempt = 1; ; attempt += 1) {
    try {
      // Not abortable: whoever interrupts must know whether the service was moved.
      const answer = await ecs.once.send(new UpdateServiceCommand(input));
      return answer.service ?? before;
    } catch (error) {
      const ambiguous = !isDefinite(error) && !isThrottling(error);
      if (!ambiguous && !isThrottling(error)) throw error;
      if (attempt === 5) {
        if (!ambiguous) throw error;
        throw new EcsDeployError({
          code: 'sight-lost',
          message: `UpdateService of ${service} was sent, but its answer was lost: ${awsErrorText(error)}`,
          hint: `look whether it has started: aws ecs describe-services --cluster ${shortName(cluster)} --services ${service}`,
          cause: error,
        });
      }
      await sleep(attempt * 500 * Math.random(), undefined, { signal: ecs.aws.options.signal });
      if (!ambiguous) continue;
      const [now] = await describeServices(ecs, cluster, [service]).catch(() => []);
      const primary = now === undefined ? undefined : primaryOf(now);
      const isNew = primary !== undefined && primary.id !== primaryOf(before)?.id;
      if (now !== undefined && isNew && primary.taskDefinition === change.taskDefinition)
        return now;
    }
  }
}

/** The service deployment that belongs to a deployment id: both end in the same number (ecs-facts 4.8). */
export async function findRecord(
  ecs: Ecs,
  { clusterArn, serviceName }: Service,
  deployment: string,
): Promise<string | undefined> {
  const { ListServiceDeploymentsCommand } = await sdk();
  const number = deployment.slice(deployment.lastIndexOf('/') + 1);
  const { serviceDeployments } = await ecs.client.send(
    new ListServiceDeploymentsCommand({
      cluster: clusterArn ?? '',
      service: serviceName ?? '',
      maxResults: 20,
    }),
    abort(ecs),
  );
  return serviceDeployments?.find(({ targetServiceRevisionArn }) =>
    targetServiceRevisionArn?.endsWith(`/${number}`),
  )?.serviceDeploymentArn;
}

/** Service deployments by ARN; those that cannot be found yet are left out. */
export async function describeRecords(
  ecs: Ecs,
  arns: readonly string[],
): Promise<ServiceDeployment[]> {
  const { DescribeServiceDeploymentsCommand } = await sdk();
  const answers = await Promise.all(
    chunks(arns, RECORDS_PER_CALL).map((part) =>
      ecs.client.send(
        new DescribeServiceDeploymentsCommand({ serviceDeploymentArns: part }),
        abort(ecs),
      ),
    ),
  );
  return answers.flatMap(({ serviceDeployments }) => serviceDeployments ?? []);
}

/** Asks ECS to roll a service deployment back; false where it cannot, or may not be asked. */
export async function stopRecord(ecs: Ecs, arn: string): Promise<boolean> {
  const { StopServiceDeploymentCommand } = await sdk();
  try {
    await ecs.client.send(
      new StopServiceDeploymentCommand({ serviceDeploymentArn: arn, stopType: 'ROLLBACK' }),
      abort(ecs),
    );
    return true;
  } catch (error) {
    const refused = /AccessDenied|Conflict|Unsupported|UnknownOperation|NotImplemented/;
    if (refused.test(awsErrorName(error))) return false;
    throw error;
  }
}

/** One service deployment of the past or the present. */
export interface PastRollout {
  /** `ecs-svc/…` */
  readonly deployment: string;
  readonly status: ServiceDeployment['status'];
  /** Why it ended as it did; empty where ECS says nothing. */
  readonly reason: string;
  readonly createdAt: Date;
  /** ARN of the revision it deployed; undefined where ECS no longer knows. */
  readonly taskDefinition: string | undefined;
}

/** The latest service deployments of a service, the newest first (ECS keeps 90 days). */
export async function pastRollouts(
  ecs: Ecs,
  { clusterArn, serviceName }: Service,
): Promise<readonly PastRollout[]> {
  const { ListServiceDeploymentsCommand, DescribeServiceRevisionsCommand } = await sdk();
  const { serviceDeployments = [] } = await ecs.client.send(
    new ListServiceDeploymentsCommand({
      cluster: clusterArn ?? '',
      service: serviceName ?? '',
      maxResults: RECORDS_PER_CALL,
    }),
    abort(ecs),
  );
  const arns = serviceDeployments.flatMap(
    ({ targetServiceRevisionArn }) => targetServiceRevisionArn ?? [],
  );
  if (arns.length === 0) return [];
  const { serviceRevisions = [] } = await ecs.client.send(
    new DescribeServiceRevisionsCommand({ serviceRevisionArns: [...new Set(arns)] }),
    abort(ecs),
  );
  return serviceDeployments
    .map(({ status, statusReason, createdAt = new Date(0), targetServiceRevisionArn = '' }) => ({
      deployment: `ecs-svc/${shortName(targetServiceRevisionArn)}`,
      status,
      reason: statusReason ?? '',
      createdAt,
      taskDefinition: serviceRevisions.find(
        ({ serviceRevisionArn }) => serviceRevisionArn === targetServiceRevisionArn,
      )?.taskDefinition,
    }))
    .toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
}

/** The tasks of one deployment, running or stopped, as DescribeTasks gives them. */
export async function tasksOf(
  ecs: Ecs,
  service: Service,
  deployment: string,
  desiredStatus: 'RUNNING' | 'STOPPED',
): Promise<Task[]> {
  const tasks = await allTasksOf(ecs, service, desiredStatus);
  // `startedBy` would have to be the only filter of ListTasks, so it is compared here.
  return tasks.filter(({ startedBy }) => startedBy === deployment);
}

/** All tasks of a service, running or stopped (ECS shows these for an hour). */
export async function allTasksOf(
  ecs: Ecs,
  { clusterArn, serviceName }: Service,
  desiredStatus: 'RUNNING' | 'STOPPED',
): Promise<Task[]> {
  const { ListTasksCommand, DescribeTasksCommand } = await sdk();
  const cluster = clusterArn ?? '';
  const arns: string[] = [];
  let nextToken: string | undefined;
  do {
    const page = await ecs.client.send(
      new ListTasksCommand({ cluster, serviceName: serviceName ?? '', desiredStatus, nextToken }),
      abort(ecs),
    );
    arns.push(...(page.taskArns ?? []));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  const answers = await Promise.all(
    chunks(arns, TASKS_PER_CALL).map((tasks) =>
      ecs.client.send(new DescribeTasksCommand({ cluster, tasks }), abort(ecs)),
    ),
  );
  return answers.flatMap(({ tasks }) => tasks ?? []);
}

function abort({ aws }: Ecs): { abortSignal: AbortSignal } {
  return { abortSignal: aws.options.signal };
}
