import { setTimeout as sleep } from 'node:timers/promises';
import { at, byPlace, chunks } from '../aws/ecs.ts';
import { isDefinite } from '../aws/errors.ts';
import { deleteRevisions, deregisterRevision, DELETIONS_PER_CALL } from '../aws/registrations.ts';
import { PRUNE_PARTS } from '../core/pacing.ts';
import type { PrunedFamily, PrunedRevision, PruneOutcome } from '../core/prune.ts';
import { shortName } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import { reportable } from './tools.ts';
import type { RolloutSettings, RolloutTools } from './tools.ts';

/** What was done, and the error that ended it early. */
export interface Pruned {
  readonly families: readonly PrunedFamily[];
  readonly error: EcsDeployError | undefined;
}

/**
 * Deregisters the planned revisions, the oldest first and one a second (for `--poll 3s`), and with
 * `deleteInactive` deletes them. Ends with the first error or interrupt; what is left is `skipped`.
 */
export async function pruneRevisions(
  tools: RolloutTools,
  { poll, deleteInactive }: Pick<RolloutSettings, 'poll'> & { readonly deleteInactive: boolean },
  families: readonly PrunedFamily[],
): Promise<Pruned> {
  const { emit, signal } = tools;
  const planned = families.flatMap(({ revisions, place }) =>
    revisions.filter(({ outcome }) => outcome === 'planned').map((item) => ({ ...item, place })),
  );
  const outcomes = new Map<string, PruneOutcome>();
  const pause = () => sleep(poll / PRUNE_PARTS, undefined, { signal });
  const finish = (error?: EcsDeployError): Pruned => ({
    families: families.map((family) => ({
      ...family,
      revisions: family.revisions.map((item) => withOutcome(item, outcomes)),
    })),
    error,
  });
  let current: readonly string[] = [];
  try {
    for (const { taskDefinition, status, place } of planned) {
      if (status !== 'ACTIVE') continue;
      signal.throwIfAborted();
      current = [taskDefinition];
      await deregisterRevision(at(tools, { place }).ecs, taskDefinition);
      outcomes.set(taskDefinition, 'deregistered');
      current = [];
      emit({ kind: 'pruned', revisions: [shortName(taskDefinition)], outcome: 'deregistered' });
      await pause();
    }
    const parts = byPlace(deleteInactive ? planned : []).flatMap(([first, ...others]) => {
      const arns = [first, ...others].map(({ taskDefinition }) => taskDefinition);
      return chunks(arns, DELETIONS_PER_CALL).map((part) => [at(tools, first), part] as const);
    });
    for (const [{ ecs }, part] of parts) {
      signal.throwIfAborted();
      current = part;
      const refused = await deleteRevisions(ecs, part);
      for (const arn of part) outcomes.set(arn, refused.has(arn) ? 'failed' : 'deleted');
      current = [];
      const revisions = part.filter((arn) => !refused.has(arn)).map(shortName);
      if (revisions.length > 0) emit({ kind: 'pruned', revisions, outcome: 'deleted' });
      const [error] = refused.values();
      if (error !== undefined) return finish(error);
      await pause();
    }
    return finish();
  } catch (thrown) {
    const error = signal.aborted ? interrupted(outcomes) : reportable(thrown);
    for (const arn of current) outcomes.set(arn, isDefinite(thrown) ? 'failed' : 'unknown');
    return finish(error);
  }
}

function withOutcome(
  revision: PrunedRevision,
  outcomes: ReadonlyMap<string, PruneOutcome>,
): PrunedRevision {
  if (revision.outcome !== 'planned') return revision;
  return { ...revision, outcome: outcomes.get(revision.taskDefinition) ?? 'skipped' };
}

function interrupted(outcomes: ReadonlyMap<string, PruneOutcome>): EcsDeployError {
  return new EcsDeployError({
    code: 'interrupted',
    message: `Interrupted after ${outcomes.size} ${outcomes.size === 1 ? 'revision' : 'revisions'}. No service was changed.`,
    hint: 'run it again to continue',
  });
}
