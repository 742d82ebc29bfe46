import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  DeploymentInfo,
  DeploymentTarget,
  RevisionLocation,
} from '@aws-sdk/client-codedeploy';
import { readAppSpec } from '../core/app-spec.ts';
import { isActive } from '../core/code-deploy.ts';
import type {
  AppSpecPlace,
  BlueGreenOptions,
  CodeDeployment,
  CodeDeployRead,
  DeploymentGroup,
  DeploymentRead,
} from '../core/code-deploy.ts';
import { activeDeployment } from '../core/code-deploy-record.ts';
import type { PastRollouts, Service } from '../core/ecs.ts';
import { flagsOf } from '../core/service-name.ts';
import { shortName } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import { codeDeployClient, serverTime } from './client.ts';
import type { Aws } from './client.ts';
import { abort, chunks, whole } from './ecs.ts';
import { awsErrorName, awsErrorText, isDefinite, isThrottling } from './errors.ts';
import { isDenied } from './optional.ts';
import type { MoveAnswer } from './services.ts';

const sdk = () => import('./sdk/codedeploy.ts');

const GET = 'codedeploy:GetDeployment';

/** BatchGetDeployments' limit of ids in one call. */
const DEPLOYMENTS_PER_CALL = 25;

/** The options of a deployment or a group, which CodeDeploy writes the same way. */
export function toOptions({
  blueGreenDeploymentConfiguration: blueGreen,
  autoRollbackConfiguration: rollback,
  alarms = [],
}: Pick<DeploymentInfo, 'blueGreenDeploymentConfiguration' | 'autoRollbackConfiguration'> & {
  readonly alarms?: readonly { readonly name?: string | undefined }[] | undefined;
}): BlueGreenOptions {
  const { deploymentReadyOption: ready, terminateBlueInstancesOnDeploymentSuccess: blue } =
    blueGreen ?? {};
  return {
    readyMinutes:
      ready?.actionOnTimeout === 'STOP_DEPLOYMENT' ? (ready.waitTimeInMinutes ?? 0) : undefined,
    terminationMinutes:
      blue?.action === 'KEEP_ALIVE' ? undefined : (blue?.terminationWaitTimeInMinutes ?? 0),
    rollbackEvents: rollback?.enabled === true ? (rollback.events ?? []) : [],
    alarms: alarms.flatMap(({ name }) => name ?? []),
  };
}

function toDeployment(info: DeploymentInfo): CodeDeployment {
  const { errorInformation: error, rollbackInfo: rollback } = info;
  return {
    id: whole(info.deploymentId, GET, 'deploymentId'),
    application: whole(info.applicationName, GET, 'applicationName'),
    group: whole(info.deploymentGroupName, GET, 'deploymentGroupName'),
    status: whole(info.status, GET, 'status'),
    createdAt: info.createTime ?? new Date(0),
    completedAt: info.completeTime,
    config: info.deploymentConfigName ?? '',
    options: toOptions(info),
    description: info.description ?? '',
    error:
      error?.code === undefined && error?.message === undefined
        ? undefined
        : { code: error.code ?? '', message: error.message ?? '' },
    rollback: rollback?.rollbackDeploymentId,
    rollbackOf: rollback?.rollbackTriggeringDeploymentId,
    appSpec: toPlace(info.revision),
  };
}

function toPlace(revision: RevisionLocation | undefined): AppSpecPlace {
  const { revisionType: type, appSpecContent, string, s3Location, gitHubLocation } = revision ?? {};
  const stored =
    type === 'AppSpecContent' ? appSpecContent : type === 'String' ? string : undefined;
  if (stored?.sha256 !== undefined && (type === 'AppSpecContent' || type === 'String')) {
    // GetDeployment answers without the content, although its shape has it.
    return { kind: 'stored', type, sha256: stored.sha256, content: stored.content };
  }
  const place =
    s3Location === undefined
      ? (gitHubLocation?.repository ?? type ?? 'an unknown place')
      : `s3://${s3Location.bucket}/${s3Location.key}`;
  return { kind: 'elsewhere', place };
}

/** A deployment by its id; undefined where CodeDeploy does not know it. */
export async function readDeployment(aws: Aws, id: string): Promise<CodeDeployment | undefined> {
  const [{ GetDeploymentCommand }, client] = await Promise.all([sdk(), codeDeployClient(aws)]);
  try {
    const { deploymentInfo } = await client.send(
      new GetDeploymentCommand({ deploymentId: id }),
      abort({ aws }),
    );
    return toDeployment(whole(deploymentInfo, GET, 'deploymentInfo'));
  } catch (error) {
    if (awsErrorName(error) === 'DeploymentDoesNotExistException') return undefined;
    throw error;
  }
}

/** Errors of a deployment that has no target yet. */
const NO_TARGET = /^Deployment(NotStarted|TargetDoesNotExist|DoesNotExist)Exception$/;

/** The lifecycle events and task sets of a deployment; none before it has started. */
export async function readTarget(
  aws: Aws,
  { cluster, name }: Pick<Service, 'cluster' | 'name'>,
  deploymentId: string,
): Promise<Pick<DeploymentRead, 'events' | 'taskSets'>> {
  const [{ GetDeploymentTargetCommand }, client] = await Promise.all([
    sdk(),
    codeDeployClient(aws),
  ]);
  const targetId = `${shortName(cluster)}:${name}`;
  try {
    const { deploymentTarget } = await client.send(
      new GetDeploymentTargetCommand({ deploymentId, targetId }),
      abort({ aws }),
    );
    return toTarget(whole(deploymentTarget, 'codedeploy:GetDeploymentTarget', 'deploymentTarget'));
  } catch (error) {
    if (NO_TARGET.test(awsErrorName(error))) return { events: [], taskSets: [] };
    throw error;
  }
}

function toTarget({ ecsTarget }: DeploymentTarget): Pick<DeploymentRead, 'events' | 'taskSets'> {
  const { lifecycleEvents = [], taskSetsInfo = [] } = ecsTarget ?? {};
  return {
    events: lifecycleEvents.flatMap(
      ({ lifecycleEventName: name, status = 'Unknown', startTime, endTime, diagnostics }) => {
        const { message, logTail, errorCode = 'Success' } = diagnostics ?? {};
        const isWrong = status === 'Failed' || errorCode !== 'Success';
        return name === undefined
          ? []
          : {
              name,
              status,
              startedAt: startTime,
              endedAt: endTime,
              message: isWrong ? message || logTail || errorCode.replace('Success', '') : '',
            };
      },
    ),
    taskSets: taskSetsInfo.flatMap(({ identifer, taskSetLabel, trafficWeight }) =>
      // The member is spelt so.
      identifer === undefined
        ? []
        : { id: identifer, label: taskSetLabel ?? '', weight: trafficWeight ?? 0 },
    ),
  };
}

/** How far a deployment of a service is; undefined where CodeDeploy does not know it. */
export async function readProgress(
  aws: Aws,
  service: Pick<Service, 'cluster' | 'name'>,
  id: string,
): Promise<DeploymentRead | undefined> {
  const [deployment, target] = await Promise.all([
    readDeployment(aws, id),
    readTarget(aws, service, id),
  ]);
  return deployment && { deployment, ...target };
}

/** How far a deployment is, and what came after it where it was not successful. */
export async function readCodeDeploy(
  aws: Aws,
  service: Service,
  id: string,
): Promise<CodeDeployRead | undefined> {
  const read = await readProgress(aws, service, id);
  if (read === undefined) return undefined;
  const { deployment } = read;
  const none = { ...read, rolledBackBy: undefined, newer: undefined };
  if (isActive(deployment) || deployment.status === 'Succeeded') return none;
  if (deployment.rollback !== undefined) {
    return { ...none, rolledBackBy: await readProgress(aws, service, deployment.rollback) };
  }
  if (deployment.status !== 'Stopped') return none;
  const listed = await latestDeployments(aws, deployment, deployment.createdAt).catch(
    nothingDenied,
  );
  const later = listed.filter(
    (item) => item.id !== id && item.createdAt.getTime() >= deployment.createdAt.getTime(),
  );
  const rollback = later.find(({ rollbackOf }) => rollbackOf === id);
  if (rollback !== undefined) {
    return { ...none, rolledBackBy: await readProgress(aws, service, rollback.id) };
  }
  const [newer] = later;
  if (newer === undefined) return none;
  const taskDefinition = await revisionOf(aws, service, newer);
  return { ...none, newer: { id: newer.id, taskDefinition } };
}

/** Who came after a deployment only makes its end more precise. */
function nothingDenied(error: unknown): readonly CodeDeployment[] {
  if (isDenied(error)) return [];
  throw error;
}

/** ARN of the revision that a deployment deploys; empty where it is not known. */
export async function revisionOf(
  aws: Aws,
  service: Pick<Service, 'deployments'>,
  deployment: CodeDeployment,
): Promise<string> {
  const known = service.deployments.find(({ id }) => id === deployment.id);
  if (known !== undefined) return known.taskDefinition;
  const content = await appSpecOf(aws, deployment);
  return (content && readAppSpec(content)?.taskDefinition) || '';
}

/** The text of the AppSpec of a deployment; undefined where CodeDeploy does not have it. */
export async function appSpecOf(
  aws: Aws,
  { application, appSpec }: Pick<CodeDeployment, 'application' | 'appSpec'>,
): Promise<string | undefined> {
  if (appSpec.kind === 'elsewhere') return undefined;
  if (appSpec.content !== undefined) return appSpec.content;
  const { type, sha256 } = appSpec;
  const [{ GetApplicationRevisionCommand }, client] = await Promise.all([
    sdk(),
    codeDeployClient(aws),
  ]);
  const { revision } = await client.send(
    new GetApplicationRevisionCommand({
      applicationName: application,
      revision: {
        revisionType: type,
        ...(type === 'String' ? { string: { sha256 } } : { appSpecContent: { sha256 } }),
      },
    }),
    abort({ aws }),
  );
  return (type === 'String' ? revision?.string : revision?.appSpecContent)?.content;
}

type Named = Pick<CodeDeployment, 'application' | 'group'>;

async function listDeployments(
  aws: Aws,
  { application: applicationName, group: deploymentGroupName }: Named,
  { statuses, since, limit }: { statuses?: 'active'; since?: Date; limit?: number },
): Promise<{ readonly ids: readonly string[]; readonly hasOlder: boolean }> {
  const [{ ListDeploymentsCommand }, client] = await Promise.all([sdk(), codeDeployClient(aws)]);
  const ids: string[] = [];
  let nextToken: string | undefined;
  do {
    const page = await client.send(
      new ListDeploymentsCommand({
        applicationName,
        deploymentGroupName,
        ...(statuses && {
          includeOnlyStatuses: ['Created', 'Queued', 'InProgress', 'Baking', 'Ready'],
        }),
        ...(since && { createTimeRange: { start: since } }),
        nextToken,
      }),
      abort({ aws }),
    );
    ids.push(...whole(page.deployments, 'codedeploy:ListDeployments', 'deployments'));
    nextToken = page.nextToken;
  } while (nextToken !== undefined && ids.length < (limit ?? Infinity));
  const hasOlder = nextToken !== undefined || ids.length > (limit ?? Infinity);
  return { ids: ids.slice(0, limit), hasOlder };
}

async function describeDeployments(
  aws: Aws,
  ids: readonly string[],
): Promise<readonly CodeDeployment[]> {
  const [{ BatchGetDeploymentsCommand }, client] = await Promise.all([
    sdk(),
    codeDeployClient(aws),
  ]);
  const action = 'codedeploy:BatchGetDeployments';
  const answers = await Promise.all(
    chunks(ids, DEPLOYMENTS_PER_CALL).map((deploymentIds) =>
      client.send(new BatchGetDeploymentsCommand({ deploymentIds }), abort({ aws })),
    ),
  );
  return answers
    .flatMap(({ deploymentsInfo }) => whole(deploymentsInfo, action, 'deploymentsInfo'))
    .map(toDeployment)
    .toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
}

/** The deployments of a group since a time, the newest first. */
async function latestDeployments(
  aws: Aws,
  named: Named,
  since: Date,
): Promise<readonly CodeDeployment[]> {
  const { ids } = await listDeployments(aws, named, { since });
  return describeDeployments(aws, ids);
}

/** The deployment of a group that has not ended; undefined where there is none. */
export async function readActive(
  aws: Aws,
  service: Service,
  group: DeploymentGroup,
): Promise<DeploymentRead | undefined> {
  const named = { application: group.application, group: group.name };
  const { ids } = await listDeployments(aws, named, { statuses: 'active' });
  const [id] = ids;
  const read = id === undefined ? undefined : await readProgress(aws, service, id);
  return read !== undefined && isActive(read.deployment) ? read : undefined;
}

/** Deployments that are looked at: one call, or the two of `all`. */
const PAST = 25;

/** AppSpecs that are read in parallel. */
const READS_AT_ONCE = 10;

/**
 * The latest 25 deployments of a group, or 50 with `all`, the newest first. A rollback is not listed: it
 * is the end of the deployment that it takes back.
 */
export async function pastDeployments(
  aws: Aws,
  service: Pick<Service, 'deployments'>,
  group: DeploymentGroup,
  { all = false } = {},
): Promise<PastRollouts> {
  const named = { application: group.application, group: group.name };
  const { ids, hasOlder } = await listDeployments(aws, named, { limit: all ? 2 * PAST : PAST });
  const found = await describeDeployments(aws, ids);
  const own = found.filter(({ rollbackOf }) => rollbackOf === undefined);
  const revisions = new Map<string, string>();
  for (const part of chunks(own, READS_AT_ONCE)) {
    await Promise.all(
      part.map(async (item) => revisions.set(item.id, await revisionOf(aws, service, item))),
    );
  }
  const rollouts = own.map((deployment) => {
    const back = found.find(({ rollbackOf }) => rollbackOf === deployment.id);
    const { id, createdAt, error } = deployment;
    const { code, message } = error ?? { code: '', message: '' };
    return {
      deployment: id,
      status: pastStatus(deployment, back),
      reason: [code, message].filter((text) => text !== '').join(': '),
      createdAt,
      finishedAt: (back ?? deployment).completedAt,
      taskDefinition: revisions.get(id) || undefined,
    };
  });
  return { rollouts, hasOlder };
}

/** The words of ECS, as for the record of a deployment. */
function pastStatus(deployment: CodeDeployment, back: CodeDeployment | undefined): string {
  if (isActive(deployment)) return 'IN_PROGRESS';
  if (deployment.status === 'Succeeded') return 'SUCCESSFUL';
  if (back === undefined) return deployment.status === 'Failed' ? 'FAILED' : 'STOPPED';
  if (isActive(back)) return 'ROLLBACK_IN_PROGRESS';
  return back.status === 'Succeeded' ? 'ROLLBACK_SUCCESSFUL' : 'ROLLBACK_FAILED';
}

/** What a new deployment deploys. */
export interface CreateRequest {
  readonly group: DeploymentGroup;
  /** ARN of the revision. */
  readonly taskDefinition: string;
  readonly appSpec: string;
  /** Milliseconds between the reads that search for the effect of a lost answer; paces retries too. */
  readonly poll: number;
}

const CREATE_ATTEMPTS = 5;
/** Reads after a lost answer that must all miss the deployment to prove that there is none. */
const PROOF_READS = 4;

/**
 * Moves a service with CreateDeployment. The call has no client token: once an answer is lost it is
 * never repeated, and the deployments of the group show whether it had an effect. Never throws.
 */
export async function createDeployment(
  aws: Aws,
  before: Service,
  request: CreateRequest,
): Promise<MoveAnswer> {
  const { signal } = aws.options;
  const since = new Date(serverTime(aws).getTime() - SKEW_MILLISECONDS);
  // Identifies our deployment among all others.
  const description = `ecsdeploy: ${shortName(request.taskDefinition)} (${randomUUID()})`;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const id = await sendCreate(aws, request, description);
      return await movedBy(aws, before, request, id);
    } catch (error) {
      if (!isDefinite(error)) {
        return findCreated(aws, before, { ...request, description, since }, error);
      }
      if (!isThrottling(error) || attempt === CREATE_ATTEMPTS) return { kind: 'not-moved', error };
    }
    await sleep((attempt * request.poll * Math.random()) / 6, undefined, { signal }).catch(
      () => undefined,
    );
    if (signal.aborted) return { kind: 'not-moved', error: signal.reason };
  }
}

/** For how long clocks can differ, and a call can be under way. */
const SKEW_MILLISECONDS = 10 * 60_000;

async function sendCreate(
  aws: Aws,
  { group, appSpec }: CreateRequest,
  description: string,
): Promise<string> {
  const [{ CreateDeploymentCommand }, client] = await Promise.all([
    sdk(),
    codeDeployClient(aws, 1),
  ]);
  // Not abortable: whoever interrupts must know whether a deployment was started.
  const { deploymentId } = await client.send(
    new CreateDeploymentCommand({
      applicationName: group.application,
      deploymentGroupName: group.name,
      revision: { revisionType: 'AppSpecContent', appSpecContent: { content: appSpec } },
      description,
    }),
  );
  return whole(deploymentId, 'codedeploy:CreateDeployment', 'deploymentId');
}

async function movedBy(
  aws: Aws,
  service: Service,
  { taskDefinition }: CreateRequest,
  id: string,
): Promise<MoveAnswer> {
  // Only its time is missing, without which every event of the service counts.
  const read = await readDeployment(aws, id).catch(() => undefined);
  const createdAt = read?.createdAt ?? new Date(0);
  const primary = activeDeployment({ id, createdAt }, service, taskDefinition);
  return { kind: 'moved', service, primary };
}

/** Searches for a deployment whose answer was lost. */
async function findCreated(
  aws: Aws,
  service: Service,
  request: CreateRequest & { readonly description: string; readonly since: Date },
  lost: unknown,
): Promise<MoveAnswer> {
  const { group, description, since, poll } = request;
  const named = { application: group.application, group: group.name };
  const { signal } = aws.options;
  try {
    for (let read = 1; read <= PROOF_READS; read += 1) {
      if (read > 1) await sleep(poll, undefined, { signal });
      const found = (await latestDeployments(aws, named, since)).find(
        (item) => item.description === description,
      );
      if (found !== undefined) return await movedBy(aws, service, request, found.id);
    }
  } catch {
    const error = new EcsDeployError({
      code: 'sight-lost',
      message: `The answer to CreateDeployment of ${service.name} was lost (${awsErrorText(lost)}): the service may have been changed.`,
      hint: `see what runs: ecsdeploy status ${flagsOf(service)}`,
      cause: lost,
    });
    return { kind: 'unknown', error };
  }
  return { kind: 'not-moved', error: lost };
}

/** Attempts to stop a deployment while the answers are lost. */
const STOP_ATTEMPTS = 3;

/**
 * Stops a deployment, and lets CodeDeploy roll it back. `refused`: it has ended. `unknown`: an answer
 * was lost, so that it may have been stopped. Throws what AWS refuses otherwise.
 */
export async function stopDeployment(
  aws: Aws,
  deploymentId: string,
): Promise<'stopped' | 'refused' | 'unknown'> {
  const [{ StopDeploymentCommand }, client] = await Promise.all([sdk(), codeDeployClient(aws, 1)]);
  let isLost = false;
  for (let attempt = 1; attempt <= STOP_ATTEMPTS; attempt += 1) {
    try {
      const { status } = await client.send(
        new StopDeploymentCommand({ deploymentId, autoRollbackEnabled: true }),
      );
      whole(status, 'codedeploy:StopDeployment', 'status');
      return 'stopped';
    } catch (error) {
      if (!isDefinite(error)) {
        isLost = true;
        continue;
      }
      // Once an answer was lost, this may come from the attempt that succeeded.
      if (isLost) return 'unknown';
      if (awsErrorName(error) === 'DeploymentAlreadyCompletedException') return 'refused';
      throw error;
    }
  }
  return 'unknown';
}

/** Lets a deployment that waits shift its traffic; see {@link answerHook} for the answers. */
export async function sendContinue(aws: Aws, deploymentId: string): Promise<void> {
  const [{ ContinueDeploymentCommand }, client] = await Promise.all([
    sdk(),
    codeDeployClient(aws, 1),
  ]);
  await client.send(
    new ContinueDeploymentCommand({ deploymentId, deploymentWaitType: 'READY_WAIT' }),
  );
}
