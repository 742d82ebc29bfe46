import type { PastRollout } from './ecs.ts';

/**
 * ARN of the revision that was deployed successfully before `current`, leaving out every revision
 * that a rollback has left since; undefined where there is none. `past` is the newest first.
 *
 * A deployment of a revision that was deployed before is a step back: what came after it is left.
 */
export function revisionBefore(past: readonly PastRollout[], current: string): string | undefined {
  const good: string[] = [];
  for (const { status, taskDefinition } of past.toReversed()) {
    if (status !== 'SUCCESSFUL' || taskDefinition === undefined) continue;
    const before = good.indexOf(taskDefinition);
    if (before >= 0) good.length = before;
    good.push(taskDefinition);
  }
  const at = good.indexOf(current);
  return at < 0 ? good.at(-1) : good[at - 1];
}
