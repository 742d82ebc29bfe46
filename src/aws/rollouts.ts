import type { ServiceDeployment, ServiceDeploymentBrief } from '@aws-sdk/client-ecs';
import type { Deployment, PastRollout, PauseHook, RolloutRecord, Service } from '../core/ecs.ts';
import { shortName } from '../core/task-definition.ts';
import type { Emit } from '../events.ts';
import { abort, chunks, sdk, whole } from './ecs.ts';
import type { Ecs } from './ecs.ts';
import { awsErrorName, isDefinite } from './errors.ts';
import { optional } from './optional.ts';

/**
 * DescribeServiceDeployments' limit of ARNs in one call
 * (docs/explanation/how-ecs-behaves.md#request-limits).
 */
const RECORDS_PER_CALL = 20;
/** ListServiceDeployments' limit of records in one page. */
const RECORDS_PER_PAGE = 100;

/** ARN of the record that belongs to a deployment; undefined while ECS does not list it. */
export async function findRecord(
  ecs: Ecs,
  service: Service,
  deployment: string,
): Promise<string | undefined> {
  const listed = await listRecords(ecs, service);
  return listed.find(
    ({ targetServiceRevisionArn: arn }) => arn !== undefined && deploymentOf(arn) === deployment,
  )?.serviceDeploymentArn;
}

/** The latest service deployments, or `all` that ECS keeps. */
async function listRecords(
  ecs: Ecs,
  { cluster, name }: Pick<Service, 'cluster' | 'name'>,
  all = false,
) {
  const { ListServiceDeploymentsCommand } = await sdk();
  const maxResults = all ? RECORDS_PER_PAGE : RECORDS_PER_CALL;
  const records: ServiceDeploymentBrief[] = [];
  let nextToken: string | undefined;
  do {
    const page = await ecs.client.send(
      new ListServiceDeploymentsCommand({ cluster, service: name, maxResults, nextToken }),
      abort(ecs),
    );
    const action = 'ecs:ListServiceDeployments';
    records.push(...whole(page.serviceDeployments, action, 'serviceDeployments'));
    nextToken = all ? page.nextToken : undefined;
  } while (nextToken !== undefined);
  return records;
}

/**
 * `ecs-svc/…` of a service revision: both end in the same number
 * (docs/explanation/how-ecs-behaves.md#which-deployment-is-ours).
 */
function deploymentOf(serviceRevision: string): string {
  return `ecs-svc/${shortName(serviceRevision)}`;
}

/** Service deployments by ARN, without those that ECS does not find yet. */
export async function describeRecords(
  ecs: Ecs,
  arns: readonly string[],
): Promise<readonly RolloutRecord[]> {
  const { DescribeServiceDeploymentsCommand } = await sdk();
  const answers = await Promise.all(
    chunks(arns, RECORDS_PER_CALL).map((part) =>
      ecs.client.send(
        new DescribeServiceDeploymentsCommand({ serviceDeploymentArns: part }),
        abort(ecs),
      ),
    ),
  );
  return answers.flatMap(({ serviceDeployments }) =>
    whole(serviceDeployments, DESCRIBE, 'serviceDeployments').map((record) =>
      toRecord(whole(record, DESCRIBE, 'service deployment')),
    ),
  );
}

/** The record of the service's current deployment; undefined where there is none, or it is denied. */
export async function currentRecord(
  { ecs, emit }: { readonly ecs: Ecs; readonly emit: Emit },
  { currentRollout }: Service,
): Promise<RolloutRecord | undefined> {
  if (currentRollout === undefined) return undefined;
  const read = describeRecords(ecs, [currentRollout]);
  return (await optional({ emit }, 'ecs:DescribeServiceDeployments', read))?.[0];
}

const DESCRIBE = 'ecs:DescribeServiceDeployments';

function toRecord(record: ServiceDeployment): RolloutRecord {
  const { targetServiceRevision: target, deploymentCircuitBreaker: breaker } = record;
  const stage = record.lifecycleStage;
  return {
    arn: whole(record.serviceDeploymentArn, DESCRIBE, 'serviceDeploymentArn'),
    deployment: deploymentOf(whole(target?.arn, DESCRIBE, 'targetServiceRevision')),
    status: whole(record.status, DESCRIBE, 'status'),
    reason: record.statusReason ?? '',
    createdAt: record.createdAt ?? new Date(0),
    stage,
    traffic: stage === undefined ? undefined : target?.requestedProductionTrafficWeight,
    breaker:
      breaker?.threshold === undefined
        ? undefined
        : { failures: breaker.failureCount ?? 0, threshold: breaker.threshold },
    alarms: record.alarms?.triggeredAlarmNames ?? [],
    paused: pausedHook(record),
    rollbackReason: record.rollback?.reason ?? '',
  };
}

function pausedHook({
  status,
  lifecycleHookDetails = [],
}: ServiceDeployment): PauseHook | undefined {
  if (status !== 'IN_PROGRESS') return undefined;
  const hook = lifecycleHookDetails.find((item) => item.status === 'AWAITING_ACTION');
  if (hook?.hookId === undefined) return undefined;
  return {
    id: hook.hookId,
    expiresAt: hook.expiresAt?.toISOString(),
    timeoutAction: hook.timeoutAction,
  };
}

/** Attempts to stop a service deployment while the answers are lost. */
const STOP_ATTEMPTS = 3;

/**
 * Asks ECS to roll a service deployment back. `refused`: it cannot, or must not be asked.
 * `unknown`: an answer was lost, so that ECS may be rolling back.
 */
export async function stopRecord(
  ecs: Ecs,
  arn: string,
): Promise<'stopped' | 'refused' | 'unknown'> {
  const { StopServiceDeploymentCommand } = await sdk();
  const input = { serviceDeploymentArn: arn, stopType: 'ROLLBACK' } as const;
  let isLost = false;
  for (let attempt = 1; attempt <= STOP_ATTEMPTS; attempt += 1) {
    try {
      const { serviceDeploymentArn } = await ecs.once.send(new StopServiceDeploymentCommand(input));
      whole(serviceDeploymentArn, 'ecs:StopServiceDeployment', 'serviceDeploymentArn');
      return 'stopped';
    } catch (error) {
      if (!isDefinite(error)) {
        isLost = true;
        continue;
      }
      // Once an answer was lost, a conflict may come from the attempt that succeeded.
      if (isLost) return 'unknown';
      const refused = /AccessDenied|Conflict|Unsupported|UnknownOperation|NotImplemented/;
      if (refused.test(awsErrorName(error))) return 'refused';
      throw error;
    }
  }
  return 'unknown';
}

/**
 * ARN of the target group that the revision of a deployment uses behind a production rule; undefined
 * where ECS does not tell.
 */
export async function usedGroup(
  ecs: Ecs,
  { arn }: Service,
  { id }: Deployment,
  rule: string,
): Promise<string | undefined> {
  const { DescribeServiceRevisionsCommand } = await sdk();
  const revision = `${arn.replace(':service/', ':service-revision/')}/${shortName(id)}`;
  const command = new DescribeServiceRevisionsCommand({ serviceRevisionArns: [revision] });
  const { serviceRevisions } = await ecs.client.send(command, abort(ecs));
  const [found] = whole(serviceRevisions, 'ecs:DescribeServiceRevisions', 'serviceRevisions');
  const balancers = found?.resolvedConfiguration?.loadBalancers ?? [];
  return balancers.find(({ productionListenerRule }) => productionListenerRule === rule)
    ?.targetGroupArn;
}

/** The latest 20 service deployments, or `all` that ECS keeps (90 days), the newest first. */
export async function pastRollouts(
  ecs: Ecs,
  service: Pick<Service, 'cluster' | 'name'>,
  { all = false } = {},
): Promise<readonly PastRollout[]> {
  const listed = await listRecords(ecs, service, all);
  const arns = [...new Set(listed.flatMap((item) => item.targetServiceRevisionArn ?? []))];
  const { DescribeServiceRevisionsCommand } = await sdk();
  const answers = await Promise.all(
    chunks(arns, RECORDS_PER_CALL).map((part) =>
      ecs.client.send(
        new DescribeServiceRevisionsCommand({ serviceRevisionArns: part }),
        abort(ecs),
      ),
    ),
  );
  const action = 'ecs:DescribeServiceRevisions';
  const revisions = new Map(
    answers
      .flatMap(({ serviceRevisions }) => whole(serviceRevisions, action, 'serviceRevisions'))
      .map((item) => [item.serviceRevisionArn, item.taskDefinition]),
  );
  return listed
    .flatMap((record) => {
      const { status, statusReason, createdAt, finishedAt, targetServiceRevisionArn: arn } = record;
      if (arn === undefined || status === undefined) return [];
      return {
        deployment: deploymentOf(arn),
        status,
        reason: statusReason ?? '',
        createdAt: createdAt ?? new Date(0),
        finishedAt,
        taskDefinition: revisions.get(arn),
      };
    })
    .toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
}
