import { MISSING, primaryOf, waitingHooks } from './ecs.ts';
import type { Deployment, RolloutRecord, Service } from './ecs.ts';
import { DOUBTFUL_POLLS, SETTLED_POLLS, STALE_POLLS } from './pacing.ts';

/** A deployment that is judged: what UpdateService answered. */
export interface OurDeployment {
  /** `ecs-svc/…` */
  readonly id: string;
  /** ARN of the revision that it deploys. */
  readonly taskDefinition: string;
  /** Server time of its creation. */
  readonly createdAt: Date;
  /** Id of the deployment that was PRIMARY before. */
  readonly previous: string | undefined;
}

/** What one poll saw. */
export interface Polled {
  readonly service: Service;
  /** Our service deployment; undefined while ECS does not list it, or when the API is denied. */
  readonly record: RolloutRecord | undefined;
}

/** What earlier polls left behind; it counts polls, never seconds of the local clock. */
export interface Memory {
  /** Polls in a row that looked final, but that a newer read can still contradict. */
  readonly doubtful: number;
}

/** The memory before the first poll. */
export const NO_MEMORY: Memory = { doubtful: 0 };

/**
 * Why the watch still waits: the reads are older than the deployment, it is in progress, a pause hook
 * waits for approval, or ECS rolls back.
 */
export type Phase = 'stale' | 'in-progress' | 'paused' | 'rolling-back';

/** What the polls mean: keep waiting, or the end of our deployment. */
export type Verdict =
  | { readonly kind: 'waiting'; readonly phase: Phase }
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'rolled-back'; readonly reason: string; readonly to: string }
  | { readonly kind: 'superseded'; readonly by: string; readonly taskDefinition: string };

type Judgement = readonly [Verdict, Memory];

/**
 * Judges our own deployment, never the service as a whole
 * (docs/explanation/how-ecs-behaves.md#when-a-deployment-has-succeeded). A success is SUCCESSFUL of
 * our service deployment, or COMPLETED of our PRIMARY deployment, with the service on our revision;
 * the state of the record takes precedence over the list of deployments.
 */
export function judge(ours: OurDeployment, polled: Polled, memory: Memory): Judgement {
  const { service, record } = polled;
  const own = service.deployments.find(({ id }) => id === ours.id);
  const primary = primaryOf(service);
  const doubt: Memory = { doubtful: memory.doubtful + 1 };

  if (service.status !== 'ACTIVE') {
    // DescribeServices can miss a service for a moment; a status that it gives is certain.
    if (service.status === MISSING && doubt.doubtful < DOUBTFUL_POLLS) return wait('stale', doubt);
    return end({ kind: 'failed', reason: `the service is ${service.status}` });
  }
  const recorded = record && judgeRecord(record, ours, service, doubt);
  if (recorded !== undefined) return recorded;
  if (own !== undefined && primary === own) return judgePrimary(own, ours, polled, doubt);

  const rollback = rollbackSign(ours, own, primary, service);
  if (rollback !== undefined) {
    if (primary?.rolloutState !== 'COMPLETED') return wait('rolling-back');
    // With a record, its own terminal state ends the watch, unless it never comes.
    if (record !== undefined && doubt.doubtful < STALE_POLLS) return wait('rolling-back', doubt);
    return rolledBack(service, rollback);
  }
  const limit = primary !== undefined && isNewer(primary, ours) ? DOUBTFUL_POLLS : STALE_POLLS;
  if (primary === undefined || doubt.doubtful < limit) return wait('stale', doubt);
  // Only ECS, which rolls back, can deploy an old deployment again.
  return primary.id === ours.previous
    ? rolledBack(service, 'the previous deployment is active again')
    : end(supersededBy(primary));
}

function wait(phase: Phase, memory = NO_MEMORY): Judgement {
  return [{ kind: 'waiting', phase }, memory];
}

function end(verdict: Verdict): Judgement {
  return [verdict, NO_MEMORY];
}

function rolledBack({ taskDefinition }: Service, reason: string): Judgement {
  return end({ kind: 'rolled-back', reason, to: taskDefinition });
}

/** What the record alone decides; undefined where the list of deployments decides as well. */
function judgeRecord(
  record: RolloutRecord,
  ours: OurDeployment,
  service: Service,
  doubt: Memory,
): Judgement | undefined {
  const own = service.deployments.find(({ id }) => id === ours.id);
  const primary = primaryOf(service);
  const alarms = record.alarms.length === 0 ? '' : ` (${record.alarms.join(', ')})`;
  const reason = (record.reason || own?.reason || '') + alarms;
  switch (record.status) {
    case 'SUCCESSFUL':
      return isOnOurs(service, ours) ? end({ kind: 'succeeded' }) : undefined;
    case 'ROLLBACK_REQUESTED':
    case 'ROLLBACK_IN_PROGRESS':
      return wait('rolling-back');
    case 'ROLLBACK_SUCCESSFUL':
      // A late read still shows our deployment, and would name its revision as the restored one.
      return primary?.id === ours.id && doubt.doubtful < DOUBTFUL_POLLS
        ? wait('rolling-back', doubt)
        : rolledBack(service, reason);
    case 'ROLLBACK_FAILED':
      return end({ kind: 'failed', reason: reason || 'the rollback failed' });
    case 'STOPPED':
      if (primary !== undefined && isNewer(primary, ours)) return end(supersededBy(primary));
      // A late read can still show our deployment in progress although another one has ended it.
      return own?.rolloutState === 'FAILED' || doubt.doubtful >= STALE_POLLS
        ? end({ kind: 'failed', reason: reason || 'the deployment was stopped' })
        : wait('stale', doubt);
    default:
      return undefined;
  }
}

/** Whether the service is on our deployment and our revision. */
function isOnOurs(service: Service, ours: OurDeployment): boolean {
  return primaryOf(service)?.id === ours.id && service.taskDefinition === ours.taskDefinition;
}

function judgePrimary(
  own: Deployment,
  ours: OurDeployment,
  { service, record }: Polled,
  doubt: Memory,
): Judgement {
  const isPaused = record !== undefined && waitingHooks(record).length > 0;
  const atWork = wait(isPaused ? 'paused' : 'in-progress');
  switch (own.rolloutState) {
    case 'COMPLETED':
      if (!isOnOurs(service, ours)) return wait('stale');
      // COMPLETED is no end while the deployment is being stopped, or while traffic is shifted.
      if (record?.status === 'STOP_REQUESTED') return wait('in-progress');
      if (service.settings.strategy !== 'ROLLING') {
        if (record !== undefined) return atWork;
        if (doubt.doubtful < DOUBTFUL_POLLS) return wait('in-progress', doubt);
      }
      return end({ kind: 'succeeded' });
    case 'FAILED': {
      // A circuit breaker that rolls back replaces the PRIMARY within a moment.
      const rollsBack = service.settings.breakerRollsBack;
      if ((rollsBack || record !== undefined) && doubt.doubtful < DOUBTFUL_POLLS) {
        return wait(rollsBack ? 'rolling-back' : 'in-progress', doubt);
      }
      return end({ kind: 'failed', reason: own.reason || 'the deployment failed' });
    }
    case undefined: {
      // Behind a Classic Load Balancer ECS gives no rolloutState: the counts decide.
      const settled = own.running === service.desired && service.deployments.length === 1;
      if (settled && doubt.doubtful >= SETTLED_POLLS) return end({ kind: 'succeeded' });
      return wait('in-progress', settled ? doubt : NO_MEMORY);
    }
    default:
      return atWork;
  }
}

function isNewer(deployment: Deployment, ours: OurDeployment): boolean {
  return (
    deployment.id !== ours.id &&
    deployment.id !== ours.previous &&
    deployment.createdAt.getTime() >= ours.createdAt.getTime()
  );
}

function supersededBy({ id, taskDefinition }: Deployment): Verdict {
  return { kind: 'superseded', by: id, taskDefinition };
}

/** Why ECS rolls our deployment back, read from deployments and events; undefined without a sign. */
function rollbackSign(
  ours: OurDeployment,
  own: Deployment | undefined,
  primary: Deployment | undefined,
  { events }: Service,
): string | undefined {
  if (own?.rolloutState === 'FAILED') return own.reason || 'the deployment failed';
  const failed = events.find(({ message }) =>
    message.includes(`(deployment ${ours.id}) deployment failed`),
  );
  if (failed !== undefined) return failed.message;
  return primary !== undefined && /rolling back to/.test(primary.reason)
    ? primary.reason
    : undefined;
}
