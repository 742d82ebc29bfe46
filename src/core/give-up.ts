import { isFault, isIncurable } from './diagnosis.ts';
import type { Cause } from './diagnosis.ts';

/** How a deployment that has no verdict yet is doing. */
export interface Plight {
  /** Consecutive failed tasks, as ECS counts them. */
  readonly failedTasks: number;
  readonly causes: readonly Cause[];
  /** Polls in a row in which ECS said that the service's own limits let it do nothing. */
  readonly deadlocked: number;
  /** A rollback is under way. */
  readonly rollingBack: boolean;
  /** A circuit breaker stands by that will roll back. */
  readonly breakerRollsBack: boolean;
}

/** When a deployment is given up, and what is done then. */
export interface Patience {
  readonly maxFailures: number;
  readonly onFailure: 'watch' | 'exit' | 'rollback';
}

/** Polls for which ECS's word that it cannot move is doubted. */
const DEADLOCK_POLLS = 5;

/** Tasks that failed through what is deployed: what a user stops or Spot takes is none of them. */
export function failuresOf({
  failedTasks,
  causes,
}: Pick<Plight, 'failedTasks' | 'causes'>): number {
  const told = causes.filter(isFault).reduce((sum, { tasks }) => sum + tasks, 0);
  const excused = causes.some((cause) => !isFault(cause));
  // ECS counts the excused ones too; where there are any, only what was told is certain.
  return excused ? told : Math.max(failedTasks, told);
}

/** Why a deployment is hopeless; undefined while it may still succeed. */
export function hopelessness(plight: Plight, maxFailures: number): string | undefined {
  const failures = failuresOf(plight);
  if (plight.causes.some(isIncurable)) return 'no further task can do better';
  if (plight.deadlocked >= DEADLOCK_POLLS) return 'ECS can neither start nor stop a task';
  if (failures < maxFailures) return undefined;
  return `${failures} tasks failed, the limit of --max-failures`;
}

/** What to do about a hopeless deployment; a rollback that ECS will make by itself is awaited. */
export function chooseCourse(plight: Plight, patience: Patience): 'watch' | 'exit' | 'rollback' {
  if (plight.rollingBack || patience.onFailure !== 'exit') {
    return plight.rollingBack ? 'watch' : patience.onFailure;
  }
  // No task fails in a deadlock, so that no circuit breaker ever ends it.
  return plight.breakerRollsBack && plight.deadlocked < DEADLOCK_POLLS ? 'watch' : 'exit';
}
