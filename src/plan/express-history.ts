import { chunks } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import { describeRevision } from '../aws/revisions.ts';
import type { PastRollout, Service } from '../core/ecs.ts';
import { isManaged } from '../core/express.ts';
import { canonical } from '../core/normal-form.ts';
import { EcsDeployError } from '../errors.ts';

/** Revisions that are read in parallel: ECS throttles bursts. */
const READS_AT_ONCE = 10;

/** A service and its past, as far as a rollback needs them. */
interface History {
  readonly service: Service;
  readonly past: readonly PastRollout[];
}

/**
 * A history in which equal revisions have the name of the oldest of them: Express Mode registers the
 * content of a revision again to go back to it, and only by its content a step back is known as one.
 * The history of other services stays as it is.
 */
export async function byContent(ecs: Ecs, { service, past }: History): Promise<History> {
  if (!service.isExpress) return { service, past };
  const arns = [...past.toReversed().map((item) => item.taskDefinition), service.taskDefinition];
  const contents = new Map<string, string>();
  const known = arns.filter((arn) => arn !== undefined);
  for (const part of chunks([...new Set(known)], READS_AT_ONCE)) {
    const revisions = await Promise.all(
      part.map((arn) => describeRevision(ecs, arn).catch(ignoreDeleted)),
    );
    for (const revision of revisions) {
      if (revision === undefined || !isManaged(service, revision.definition)) continue;
      contents.set(revision.arn, canonical(revision.definition));
    }
  }
  const first = new Map([...contents].toReversed().map(([arn, content]) => [content, arn]));
  const nameOf = (arn: string) => first.get(contents.get(arn) ?? '') ?? arn;
  return {
    service: {
      ...service,
      taskDefinition: nameOf(service.taskDefinition),
      deployments: service.deployments.map((deployment) => ({
        ...deployment,
        taskDefinition: nameOf(deployment.taskDefinition),
      })),
    },
    past: past.map((rollout) =>
      rollout.taskDefinition === undefined
        ? rollout
        : { ...rollout, taskDefinition: nameOf(rollout.taskDefinition) },
    ),
  };
}

function ignoreDeleted(error: unknown): undefined {
  if (error instanceof EcsDeployError && error.code === 'task-definition-missing') return undefined;
  throw error;
}
