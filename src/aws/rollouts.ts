import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceDeployment, ServiceDeploymentBrief } from '@aws-sdk/client-ecs';
import { activeRecord } from '../core/code-deploy-record.ts';
import { READY_WAIT } from '../core/code-deploy.ts';
import { waitingHooks } from '../core/ecs.ts';
import type { Deployment, PastRollout, PastRollouts, RolloutRecord, Service } from '../core/ecs.ts';
import { shortName } from '../core/task-definition.ts';
import type { Emit } from '../events.ts';
import { abort, chunks, sdk, whole } from './ecs.ts';
import type { Ecs } from './ecs.ts';
import { awsErrorName, awsErrorText, isDefinite, isThrottling } from './errors.ts';
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
  service: Service,
): Promise<RolloutRecord | undefined> {
  const { currentRollout } = service;
  if (service.codeDeploy !== undefined) return activeRecord(service);
  if (currentRollout === undefined) return undefined;
  const read = describeRecords(ecs, [currentRollout]);
  return (await optional({ emit }, 'ecs:DescribeServiceDeployments', read))?.[0];
}

const DESCRIBE = 'ecs:DescribeServiceDeployments';

function toRecord(record: ServiceDeployment): RolloutRecord {
  const { targetServiceRevision: target, deploymentCircuitBreaker: breaker } = record;
  const stage = record.lifecycleStage;
  const isArmed = record.alarms?.status !== 'DISABLED';
  return {
    arn: whole(record.serviceDeploymentArn, DESCRIBE, 'serviceDeploymentArn'),
    deployment: deploymentOf(whole(target?.arn, DESCRIBE, 'targetServiceRevision')),
    status: whole(record.status, DESCRIBE, 'status'),
    reason: record.statusReason ?? '',
    createdAt: record.createdAt ?? new Date(0),
    updatedAt: record.updatedAt,
    stage,
    ...trafficOf(record),
    breaker:
      breaker?.threshold === undefined
        ? undefined
        : { failures: breaker.failureCount ?? 0, threshold: breaker.threshold },
    alarms: record.alarms?.triggeredAlarmNames ?? [],
    armedAlarms: isArmed ? (record.alarms?.alarmNames ?? []) : [],
    hooks: (record.lifecycleHookDetails ?? []).flatMap(
      ({ hookId: id, targetArn: target, status = '', expiresAt, timeoutAction }) =>
        id === undefined
          ? []
          : [{ id, target, status, expiresAt: expiresAt?.toISOString(), timeoutAction }],
    ),
    rollbackReason: record.rollback?.reason ?? '',
  };
}

const NO_TRAFFIC = {
  traffic: undefined,
  oldTraffic: undefined,
  testTraffic: undefined,
  oldTestTraffic: undefined,
};

/** ECS gives weights of rolling deployments and of services without traffic, too. */
function trafficOf({
  lifecycleStage,
  targetServiceRevision: target,
  sourceServiceRevisions: sources = [],
}: ServiceDeployment): Pick<
  RolloutRecord,
  'traffic' | 'oldTraffic' | 'testTraffic' | 'oldTestTraffic'
> {
  const traffic = target?.requestedProductionTrafficWeight;
  if (lifecycleStage === undefined || traffic === undefined) return NO_TRAFFIC;
  const sum = (weights: readonly number[]) => weights.reduce((total, weight) => total + weight, 0);
  const old = sources.flatMap(({ requestedProductionTrafficWeight: weight = [] }) => weight);
  const oldTest = sources.flatMap(({ requestedTestTrafficWeight: weight = [] }) => weight);
  return {
    traffic,
    oldTraffic: sum(old),
    testTraffic: target?.requestedTestTrafficWeight,
    oldTestTraffic: oldTest.length === 0 ? undefined : sum(oldTest),
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
 * where ECS does not say.
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

/** What to answer to a pause hook. */
export interface HookAnswer {
  /** ARN of the service deployment, or id of the deployment of CodeDeploy. */
  readonly record: string;
  readonly hook: string;
  readonly action: 'CONTINUE' | 'ROLLBACK';
}

/** Attempts to answer a hook while the answers of AWS are lost, or it is throttled. */
const ANSWER_ATTEMPTS = 4;

/**
 * Answers a pause hook (ContinueServiceDeployment). `answered` is also what a later read shows: once an
 * answer was lost, the hook no longer waits. `unknown`: no read could show it. Throws what AWS refuses.
 *
 * `poll` milliseconds pass between the attempts.
 */
export function answerHook(
  ecs: Ecs,
  { record, hook, action }: HookAnswer,
  poll: number,
): Promise<'answered' | 'unknown'> {
  if (hook === READY_WAIT) {
    const codeDeploy = import('./code-deploy.ts');
    return repeatAnswer(ecs, poll, {
      send: async () => (await codeDeploy).sendContinue(ecs.aws, record),
      hasEnded: async () =>
        (await (await codeDeploy).readDeployment(ecs.aws, record))?.status !== 'Ready',
    });
  }
  const input = { serviceDeploymentArn: record, hookId: hook, action };
  return repeatAnswer(ecs, poll, {
    send: async () => {
      const { ContinueServiceDeploymentCommand } = await sdk();
      const answer = await ecs.once.send(new ContinueServiceDeploymentCommand(input));
      whole(answer.serviceDeploymentArn, 'ecs:ContinueServiceDeployment', 'serviceDeploymentArn');
    },
    hasEnded: async () => {
      const [found] = await describeRecords(ecs, [record]);
      return found !== undefined && waitingHooks(found).every(({ id }) => id !== hook);
    },
  });
}

/** An answer to a wait, and whether a read shows that nothing waits for it any more. */
interface WaitAnswer {
  readonly send: () => Promise<void>;
  readonly hasEnded: () => Promise<boolean>;
}

async function repeatAnswer(
  ecs: Ecs,
  poll: number,
  { send, hasEnded }: WaitAnswer,
): Promise<'answered' | 'unknown'> {
  const { signal } = ecs.aws.options;
  // A read that fails shows nothing.
  const isOver = () => hasEnded().catch(() => false);
  let isLost = false;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await send();
      return 'answered';
    } catch (error) {
      const isFinal = isDefinite(error) && !isThrottling(error);
      isLost ||= !isDefinite(error);
      if (!isLost && (isFinal || attempt === ANSWER_ATTEMPTS)) throw error;
      if (isLost && (isAnswered(error) || (await isOver()))) return 'answered';
      if (isFinal || attempt === ANSWER_ATTEMPTS) return 'unknown';
      await sleep(poll / 3, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) continue;
      if (isLost) return 'unknown';
      throw signal.reason;
    }
  }
}

/** Whether AWS rejects a call that continues a deployment because it, or its hook, is no longer waiting. */
export function isAnswered(error: unknown): boolean {
  return (
    /hookId is either completed|deployment in terminal states/.test(awsErrorText(error)) ||
    /^Deployment(IsNotInReadyState|AlreadyCompleted)Exception$/.test(awsErrorName(error))
  );
}

type DeployedService = Pick<Service, 'cluster' | 'name'> &
  Partial<Pick<Service, 'codeDeploy' | 'deployments'>>;

/** The service deployments of {@link listRollouts}. */
export async function pastRollouts(
  ecs: Ecs,
  service: DeployedService,
  limits: { readonly all?: boolean } = {},
): Promise<readonly PastRollout[]> {
  const { rollouts } = await listRollouts(ecs, service, limits);
  return rollouts;
}

/**
 * The latest 20 service deployments, or `all` that ECS keeps (90 days), the newest first; with
 * CodeDeploy, the latest of the deployment group.
 */
export async function listRollouts(
  ecs: Ecs,
  service: DeployedService,
  { all = false }: { readonly all?: boolean },
): Promise<PastRollouts> {
  const { codeDeploy, deployments = [] } = service;
  if (codeDeploy !== undefined) {
    const { pastDeployments } = await import('./code-deploy.ts');
    return pastDeployments(ecs.aws, { deployments }, codeDeploy.group, { all });
  }
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
  const rollouts = listed
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
  return { rollouts, hasOlder: false };
}
