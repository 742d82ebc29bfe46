import type {
  Deployment,
  DeploymentLifecycleHookDetail,
  Service,
  ServiceDeployment,
} from '@aws-sdk/client-ecs';

/** The deployment that is judged: what UpdateService answered. */
export interface OurDeployment {
  /** `ecs-svc/…` */
  readonly id: string;
  /** ARN of the revision it deploys. */
  readonly taskDefinition: string;
  /** Server time of its creation. */
  readonly createdAt: Date;
  /** Id of the deployment that was PRIMARY before. */
  readonly previous: string | undefined;
}

/** What one poll saw. */
export interface Sight {
  readonly service: Service;
  /** Our service deployment; undefined while it is not listed, or when the API may not be called. */
  readonly record: ServiceDeployment | undefined;
}

/** What earlier polls left behind; the limits count polls, never seconds of the local clock. */
export interface Memory {
  /** Polls in a row in which something looked final that a late read may still overturn. */
  readonly doubtful: number;
}

/** The memory before the first poll. */
export const NO_MEMORY: Memory = { doubtful: 0 };

/**
 * Why a deployment is still waited for: the reads are older than it, it is at work, a pause hook
 * wants somebody's approval, or ECS takes it back.
 */
export type Phase = 'stale' | 'in-progress' | 'paused' | 'rolling-back';

/** What a sight means: still waiting, or the end of our deployment. */
export type Verdict =
  | { readonly kind: 'waiting'; readonly phase: Phase }
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'rolled-back'; readonly reason: string; readonly to: string | undefined }
  | { readonly kind: 'superseded'; readonly by: string; readonly taskDefinition: string };

/** Status of a service that DescribeServices does not find. */
export const MISSING = 'MISSING';

/** Polls for which a read that contradicts UpdateService's answer is taken for stale (60 s at 3 s). */
export const STALE_POLLS = 20;
/** Polls for which a state is watched that the record of the service deployment should explain. */
const DOUBTFUL_POLLS = 5;

type Judgement = readonly [Verdict, Memory];

/**
 * Judges our own deployment, never the service at large (ecs-facts 4.8, 4.9). A success is
 * SUCCESSFUL of our service deployment, or COMPLETED of our PRIMARY deployment, with the service on
 * our revision; the state of the record wins over the list of deployments.
 */
export function judge(ours: OurDeployment, { service, record }: Sight, memory: Memory): Judgement {
  const deployments = service.deployments ?? [];
  const own = deployments.find(({ id }) => id === ours.id);
  const primary = deployments.find(({ status }) => status === 'PRIMARY');
  const known = NO_MEMORY;
  const doubt: Memory = { doubtful: memory.doubtful + 1 };
  const wait = (phase: Phase, next = known): Judgement => [{ kind: 'waiting', phase }, next];
  const end = (verdict: Verdict): Judgement => [verdict, known];
  const alarms = record?.alarms?.triggeredAlarmNames ?? [];
  const reason =
    (record?.statusReason ?? own?.rolloutStateReason ?? '') +
    (alarms.length === 0 ? '' : ` (${alarms.join(', ')})`);
  const isOurs = primary?.id === ours.id && service.taskDefinition === ours.taskDefinition;

  if (service.status !== undefined && service.status !== 'ACTIVE') {
    // DescribeServices may miss a service for a moment; a status it gives is certain.
    if (service.status === MISSING && doubt.doubtful < DOUBTFUL_POLLS) return wait('stale', doubt);
    return end({ kind: 'failed', reason: `the service is ${service.status}` });
  }
  switch (record?.status) {
    case 'SUCCESSFUL':
      if (isOurs) return end({ kind: 'succeeded' });
      break;
    case 'ROLLBACK_REQUESTED':
    case 'ROLLBACK_IN_PROGRESS':
      return wait('rolling-back');
    case 'ROLLBACK_SUCCESSFUL':
      // A late read still shows our deployment, and would name its revision as the one that is back.
      if (primary?.id === ours.id && doubt.doubtful < DOUBTFUL_POLLS) {
        return wait('rolling-back', doubt);
      }
      return end({ kind: 'rolled-back', reason, to: service.taskDefinition });
    case 'ROLLBACK_FAILED':
      return end({ kind: 'failed', reason: reason || 'the rollback failed' });
    case 'STOPPED':
      if (primary !== undefined && isNewer(primary, ours)) return end(supersededBy(primary));
      // A late read may still show our deployment at work that another one has ended.
      if (own?.rolloutState === 'FAILED' || doubt.doubtful >= STALE_POLLS) {
        return end({ kind: 'failed', reason: reason || 'the deployment was stopped' });
      }
      return wait('stale', doubt);
    case undefined:
    default:
  }

  if (own !== undefined && primary === own) {
    return judgePrimary(own, isOurs, { service, record }, known, doubt);
  }
  const rollback = rollbackSigns(ours, own, primary, service);
  if (rollback !== undefined) {
    if (primary?.rolloutState !== 'COMPLETED') return wait('rolling-back');
    // With a record, its own terminal state is what ends the watch, unless it never comes.
    if (record !== undefined && doubt.doubtful < STALE_POLLS) return wait('rolling-back', doubt);
    return end({ kind: 'rolled-back', reason: rollback, to: service.taskDefinition });
  }
  const limit = primary !== undefined && isNewer(primary, ours) ? DOUBTFUL_POLLS : STALE_POLLS;
  if (primary === undefined || doubt.doubtful < limit) return wait('stale', doubt);
  // Nobody can deploy an old deployment again but ECS, which rolls back to it.
  return primary.id === ours.previous
    ? end({
        kind: 'rolled-back',
        reason: 'the deployment before it is back',
        to: service.taskDefinition,
      })
    : end(supersededBy(primary));
}

function judgePrimary(
  own: Deployment,
  isOurs: boolean,
  { service, record }: Sight,
  known: Memory,
  doubt: Memory,
): Judgement {
  const reason = own.rolloutStateReason ?? 'the deployment failed';
  const at = (phase: Phase, next = known): Judgement => [{ kind: 'waiting', phase }, next];
  const atWork = at(pausedHook(record) === undefined ? 'in-progress' : 'paused');
  switch (own.rolloutState) {
    case 'COMPLETED':
      if (!isOurs) return at('stale');
      // All tasks are no end while a stop is under way, or while traffic is shifted in stages.
      if (record?.status === 'STOP_REQUESTED') return at('in-progress');
      if (isStaged(service)) {
        if (record !== undefined) return atWork;
        if (doubt.doubtful < DOUBTFUL_POLLS) return at('in-progress', doubt);
      }
      return [{ kind: 'succeeded' }, known];
    case 'FAILED': {
      // A circuit breaker that rolls back replaces the PRIMARY within a moment.
      const rollsBack =
        service.deploymentConfiguration?.deploymentCircuitBreaker?.rollback === true;
      if ((rollsBack || record !== undefined) && doubt.doubtful < DOUBTFUL_POLLS) {
        return at(rollsBack ? 'rolling-back' : 'in-progress', doubt);
      }
      return [{ kind: 'failed', reason }, known];
    }
    case undefined: {
      // Behind a Classic Load Balancer ECS gives no rolloutState: counts, twice the same.
      const settled =
        own.runningCount === service.desiredCount && (service.deployments ?? []).length === 1;
      if (settled && doubt.doubtful >= 2) return [{ kind: 'succeeded' }, known];
      return at('in-progress', settled ? doubt : known);
    }
    default:
      return atWork;
  }
}

/** The pause hook of a service deployment that waits for somebody's approval. */
export function pausedHook(
  record: ServiceDeployment | undefined,
): DeploymentLifecycleHookDetail | undefined {
  if (record?.status !== 'IN_PROGRESS') return undefined;
  return record.lifecycleHookDetails?.find(({ status }) => status === 'AWAITING_ACTION');
}

/** Whether the service shifts its traffic in stages, which only the record tells of. */
function isStaged({ deploymentConfiguration }: Service): boolean {
  const strategy = deploymentConfiguration?.strategy;
  return strategy !== undefined && strategy !== 'ROLLING';
}

function isNewer(deployment: Deployment, ours: OurDeployment): boolean {
  return (
    deployment.id !== ours.id &&
    deployment.id !== ours.previous &&
    (deployment.createdAt?.getTime() ?? 0) >= ours.createdAt.getTime()
  );
}

function supersededBy(deployment: Deployment): Verdict {
  return {
    kind: 'superseded',
    by: deployment.id ?? '',
    taskDefinition: deployment.taskDefinition ?? '',
  };
}

/** Why ECS rolls our deployment back, read from deployments and events; undefined without a sign. */
function rollbackSigns(
  ours: OurDeployment,
  own: Deployment | undefined,
  primary: Deployment | undefined,
  service: Service,
): string | undefined {
  if (own?.rolloutState === 'FAILED') return own.rolloutStateReason ?? 'the deployment failed';
  const failed = (service.events ?? []).find(({ message }) =>
    message?.includes(`(deployment ${ours.id}) deployment failed`),
  );
  if (failed?.message !== undefined) return failed.message;
  const reason = primary?.rolloutStateReason ?? '';
  return primary?.id !== ours.id && /rolling back to/.test(reason) ? reason : undefined;
}
