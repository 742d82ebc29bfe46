import { isFault, isFinal } from './diagnosis.ts';
import type { Cause } from './diagnosis.ts';
import { DEADLOCK_POLLS, STALLED_POLLS } from './pacing.ts';

/** How a deployment that has no verdict yet is doing. */
export interface RolloutHealth {
  /** Consecutive failed tasks, as ECS counts them. */
  readonly failedTasks: number;
  readonly causes: readonly Cause[];
  /** Polls in a row in which ECS said that the service's own limits let it do nothing. */
  readonly deadlocked: number;
  /** Polls in a row in which ECS made no new attempt. */
  readonly stalled: number;
  /** ECS rolls back. */
  readonly rollingBack: boolean;
  /** The circuit breaker is on and rolls back. */
  readonly breakerRollsBack: boolean;
}

/** When to give a deployment up, and how. */
export interface GiveUpPolicy {
  readonly maxFailures: number;
  readonly onFailure: 'watch' | 'exit' | 'rollback';
}

/** The end of waiting. */
export interface GiveUp {
  readonly reason: string;
  readonly by: 'exit' | 'rollback';
}

/** Tasks that failed because of what is deployed: without those that a user or Spot stopped. */
export function failuresOf({
  failedTasks,
  causes,
}: Pick<RolloutHealth, 'failedTasks' | 'causes'>): number {
  const told = causes.filter(isFault).reduce((sum, { tasks }) => sum + tasks, 0);
  // ECS counts the tasks of a user or Spot as well; where there are any, only causes are certain.
  return causes.every(isFault) ? Math.max(failedTasks, told) : told;
}

/** Whether and how to give a deployment up; undefined to keep watching. */
export function giveUp(health: RolloutHealth, policy: GiveUpPolicy): GiveUp | undefined {
  const reason = reasonToGiveUp(health, policy.maxFailures);
  const { onFailure } = policy;
  if (reason === undefined || health.rollingBack || onFailure === 'watch') return undefined;
  if (onFailure === 'rollback' || !health.breakerRollsBack) return { reason, by: onFailure };
  // In a deadlock no task fails, so that no circuit breaker ends it.
  if (health.deadlocked >= DEADLOCK_POLLS) return { reason, by: 'exit' };
  const isStalled = health.stalled >= STALLED_POLLS && health.causes.some(isFinal);
  return isStalled
    ? {
        reason: 'ECS starts no more tasks, and its circuit breaker has not rolled back',
        by: 'exit',
      }
    : undefined;
}

function reasonToGiveUp(health: RolloutHealth, maxFailures: number): string | undefined {
  const failures = failuresOf(health);
  if (health.causes.some(isFinal)) return 'every new task would fail the same way';
  if (health.deadlocked >= DEADLOCK_POLLS) return 'ECS can neither start nor stop a task';
  if (failures < maxFailures) return undefined;
  return `${failures} tasks failed, the limit of --max-failures`;
}
