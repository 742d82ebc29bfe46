import { deploymentInProgress } from './busy.ts';
import { primaryOf } from './ecs.ts';
import type { PastRollout, RolloutRecord, Service } from './ecs.ts';
import { shownImage } from './image.ts';
import type { ShownImage } from './image.ts';
import type { ServiceName } from './service-name.ts';
import { trafficPhase } from './stages.ts';
import { deploymentState } from './status.ts';
import type { DeploymentState, RevisionCounts } from './status.ts';

/** One deployment as `history` shows it; times are ISO texts of the server's clock. */
export interface PastDeployment extends ShownImage {
  /** `ecs-svc/…` */
  readonly deployment: string;
  readonly outcome: DeploymentState;
  /** ECS's own word, e.g. `ROLLBACK_SUCCESSFUL`. */
  readonly status: string;
  /** The reason that ECS gives; may be empty. */
  readonly reason: string;
  readonly createdAt: string;
  readonly finishedAt: string | null;
  /** From its creation to its end; null while it is in progress. */
  readonly seconds: number | null;
  /** ARN of the revision; null where ECS no longer knows it. */
  readonly taskDefinition: string | null;
}

/** The deployments of one service. */
export interface ServiceHistory extends ServiceName {
  readonly desired: number;
  readonly running: number;
  /** ARN of the revision that the service is on. */
  readonly taskDefinition: string;
  /** ARN of the revision that takes the traffic now; null while no task runs. */
  readonly serving: string | null;
  readonly runningByRevision: RevisionCounts;
  /** ARN of the revision that `rollback` goes to; null where it would change nothing or be refused. */
  readonly rollbackTo: string | null;
  /** The newest first. */
  readonly history: readonly PastDeployment[];
  /** Whether there are older deployments, which are not shown: CodeDeploy keeps all of them. */
  readonly hasOlder: boolean;
}

/** A deployment of the past with the image of its revision. */
export function pastDeployment(rollout: PastRollout, image: string | undefined): PastDeployment {
  const { deployment, status, reason, createdAt, finishedAt, taskDefinition = null } = rollout;
  return {
    deployment,
    outcome: deploymentState(status),
    status,
    reason,
    createdAt: createdAt.toISOString(),
    finishedAt: finishedAt?.toISOString() ?? null,
    seconds: finishedAt === undefined ? null : (finishedAt.getTime() - createdAt.getTime()) / 1000,
    taskDefinition,
    ...shownImage(image),
  };
}

/** Where a rollback goes, and how. */
export interface RollbackTarget {
  /**
   * `move` with UpdateService, `stop` the deployment in progress, `follow` the rollback in progress,
   * or `stay`: the last deployment was already rolled back, or has not moved the service.
   */
  readonly way: 'move' | 'stop' | 'follow' | 'stay';
  /** ARN of the revision. */
  readonly revision: string;
}

/**
 * Where a rollback of a service goes; undefined where no earlier successful deployment is known. It
 * never goes to a revision that a rollback has left.
 *
 * `record` is the current service deployment; `past` is the newest first, undefined where it cannot be
 * read.
 */
export function rollbackTarget(
  service: Service,
  record: Pick<RolloutRecord, 'deployment' | 'status' | 'stage' | 'traffic'> | undefined,
  past: readonly PastRollout[] = [],
): RollbackTarget | undefined {
  const current = service.taskDefinition;
  const before = revisionBefore(past, current);
  const primary = primaryOf(service);
  if (deploymentInProgress(service, record) !== undefined) {
    // It goes back already: to stop it would go forward to the revision that it leaves.
    const isBack = goodRevisions(past).slice(0, -1).includes(current);
    if (isBack || record?.status.startsWith('ROLLBACK_')) {
      return { way: 'follow', revision: current };
    }
    const good = service.deployments.find(
      (item) => item !== primary && item.rolloutState === 'COMPLETED',
    )?.taskDefinition;
    const revision = good === undefined || good === current ? before : good;
    if (revision === undefined) return undefined;
    // Its old tasks are going: what ECS would stop is no longer there to go back to.
    const isCleaningUp =
      record !== undefined &&
      record.deployment === primary?.id &&
      trafficPhase(record) === 'cleaning-up';
    return { way: isCleaningUp ? 'move' : 'stop', revision };
  }
  if (hasLeftNothing(past[0], service)) return { way: 'stay', revision: current };
  return before === undefined ? undefined : { way: 'move', revision: before };
}

/**
 * Whether the last deployment is over and the service is not on its revision: to go back from there
 * would leave what was good before it.
 */
function hasLeftNothing(
  last: PastRollout | undefined,
  { codeDeploy, deployments }: Service,
): boolean {
  if (last === undefined) return false;
  if (last.status === 'ROLLBACK_SUCCESSFUL') return true;
  // A deployment of CodeDeploy that has failed is on its revision only where it shifted the traffic.
  const hasFailed = last.status === 'FAILED' || last.status === 'STOPPED';
  return (
    codeDeploy !== undefined && hasFailed && primaryOf({ deployments })?.id !== last.deployment
  );
}

/**
 * ARN of the revision that was deployed successfully before `current`, leaving out every revision
 * that a rollback has left since; undefined where there is none. `past` is the newest first.
 */
export function revisionBefore(past: readonly PastRollout[], current: string): string | undefined {
  const good = goodRevisions(past);
  const at = good.indexOf(current);
  return at < 0 ? good.at(-1) : good[at - 1];
}

/**
 * Revisions that were deployed successfully, the oldest first, without those that a rollback has
 * left: a deployment of a revision that was deployed before is a step back.
 */
function goodRevisions(past: readonly PastRollout[]): readonly string[] {
  const good: string[] = [];
  for (const { status, taskDefinition } of past.toReversed()) {
    if (status !== 'SUCCESSFUL' || taskDefinition === undefined) continue;
    const before = good.indexOf(taskDefinition);
    if (before >= 0) good.length = before;
    good.push(taskDefinition);
  }
  return good;
}
