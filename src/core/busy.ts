import { activeDeployment } from './code-deploy-record.ts';
import { ok } from './checks.ts';
import type { Answer } from './checks.ts';
import { formatSeconds } from './duration.ts';
import { primaryOf } from './ecs.ts';
import type { Deployment, RolloutRecord, Service } from './ecs.ts';
import { flagsOf } from './service-name.ts';
import { shortName } from './task-definition.ts';

/** What to do about a deployment in progress. */
export type IfBusy = 'supersede' | 'wait' | 'refuse';

/** Statuses of a service deployment that has not ended. */
const OPEN: ReadonlySet<string> = new Set([
  'PENDING',
  'IN_PROGRESS',
  'STOP_REQUESTED',
  'ROLLBACK_REQUESTED',
  'ROLLBACK_IN_PROGRESS',
]);

/**
 * The deployment in progress of a service; undefined where there is none. A deployment that shifts
 * traffic can be COMPLETED in its bake time: then its record shows that it has not ended.
 */
export function deploymentInProgress(
  service: Service,
  record?: Pick<RolloutRecord, 'deployment' | 'status'>,
): Deployment | undefined {
  const { active } = service.codeDeploy ?? {};
  if (active !== undefined) {
    return activeDeployment(active.deployment, service, active.taskDefinition);
  }
  const primary = primaryOf(service);
  const isOpen = record?.deployment === primary?.id && OPEN.has(record?.status ?? '');
  return primary?.rolloutState === 'IN_PROGRESS' || isOpen ? primary : undefined;
}

/**
 * The deployment that can be followed to an end: the one in progress, else one that has failed or of
 * which ECS gives no state. Undefined where nothing is to come.
 */
export function deploymentToFollow(
  service: Service,
  record?: Pick<RolloutRecord, 'deployment' | 'status'>,
): Deployment | undefined {
  const running = deploymentInProgress(service, record);
  if (running !== undefined || service.codeDeploy !== undefined) return running;
  const primary = primaryOf(service);
  return primary?.rolloutState === 'COMPLETED' ? undefined : primary;
}

/** Whether only the record shows if the deployment of a service has ended. */
export function needsRecord(service: Service): boolean {
  const isCompleted = primaryOf(service)?.rolloutState === 'COMPLETED';
  return isCompleted && service.settings.strategy !== 'ROLLING';
}

/**
 * Whether a deployment is in progress that a new one would supersede. `isJoined`: the new deployment
 * is the same one. `now` is a time of the server's clock.
 */
export function checkInProgress(
  service: Service,
  {
    ifBusy,
    isJoined,
    now,
    record,
  }: { ifBusy: IfBusy; isJoined: boolean; now: Date; record?: RolloutRecord | undefined },
): Answer {
  const running = deploymentInProgress(service, record);
  if (running === undefined) return ok('no deployment is in progress');
  const { id } = running;
  const revision = shortName(running.taskDefinition);
  if (isJoined) return ok(`the deployment ${id} of ${revision} is already in progress`);
  const { name } = service;
  const watch = `ecsdeploy rollout --watch ${flagsOf(service)}`;
  switch (ifBusy) {
    case 'supersede':
      return {
        status: 'warn',
        message: `The deployment ${id} of ${revision} is in progress: a new one supersedes it.`,
        hint: `to wait for it first: --if-busy wait; to follow it: ${watch}`,
      };
    case 'wait':
      return ok(`the deployment ${id} of ${revision} is in progress: a deploy waits for its end`);
    default:
      return {
        status: 'fail',
        code: 'service-busy',
        message: `A deployment of ${revision} to "${name}" has been in progress for ${formatSeconds(ageOf(running, service, now))} (${id}, ${running.running} of ${running.desired} tasks running).`,
        hint: `to follow it: ${watch}\nto wait for its end and then continue: --if-busy wait`,
      };
  }
}

/** How a service has changed between two reads, as a sentence; undefined where it has not. */
export function changeOf(before: Service, now: Service, time: Date): string | undefined {
  const [was, is] = [primaryOf(before), primaryOf(now)];
  if (is === undefined) return undefined;
  if (was?.id === is.id && before.taskDefinition === now.taskDefinition) return undefined;
  const revision = shortName(now.taskDefinition);
  const what = /rolling back to/.test(is.reason)
    ? `ECS rolled it back to ${revision}`
    : was !== undefined && is.createdAt < was.createdAt
      ? `it is on ${revision} again`
      : `${revision} was deployed ${formatSeconds(ageOf(is, now, time))} ago`;
  return `"${now.name}" has changed since this run read it: ${what} (${is.id}).`;
}

/**
 * Seconds since a deployment was created, on the server's clock: at `now`, or at the latest time that
 * the service shows, since a local AWS can run ahead of its own clock.
 */
export function ageOf(
  { createdAt }: Pick<Deployment, 'createdAt'>,
  { events, deployments }: Service,
  now: Date,
): number {
  const seen = [...events, ...deployments].map((item) => item.createdAt?.getTime() ?? 0);
  return Math.max(0, Math.max(now.getTime(), ...seen) - createdAt.getTime()) / 1000;
}
