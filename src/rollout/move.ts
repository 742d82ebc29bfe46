import { primaryOf, updateService } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import type { Context } from '../commands/context.ts';
import type { ServiceResult } from '../core/result.ts';
import { shortName } from '../core/task-definition.ts';
import { EcsDeployError, refuse } from '../errors.ts';
import { endWatch, follow, newWatch, resultOf } from './watch.ts';
import type { Move, Watch } from './watch.ts';

/** Starts a deployment; a result where there is none to follow. */
type Start = (context: Context, ecs: Ecs, move: Move) => Promise<Watch | ServiceResult>;

/**
 * Moves services to their revisions, side by side, and follows each of these deployments to its
 * verdict. Returns one result per move, in their order; after UpdateService nothing throws any more.
 */
export async function rollOut(
  context: Context,
  ecs: Ecs,
  moves: readonly Move[],
  start: Start = startMove,
): Promise<readonly ServiceResult[]> {
  const started = await Promise.all(
    moves.map((move) =>
      start(context, ecs, move).catch((error: unknown) => {
        if (error instanceof EcsDeployError) return { move, error };
        throw error;
      }),
    ),
  );
  const refused = started.filter((item) => 'error' in item);
  // Where nothing was moved it is a plain refusal; beside services that moved it is a failure.
  if (!started.some((item) => 'ours' in item)) refuse(refused.map(({ error }) => error));
  return finish(
    context,
    ecs,
    started.map((item) => {
      if (!('error' in item)) return item;
      context.emit({ kind: 'error', error: item.error });
      return resultOf(item.move, item.error.code === 'sight-lost' ? 'unknown' : 'failed');
    }),
  );
}

/** Follows the deployments that run now, and changes nothing. */
export async function followDeployments(
  context: Context,
  ecs: Ecs,
  moves: readonly Move[],
): Promise<readonly ServiceResult[]> {
  const started = moves.map((move) => {
    const primary = primaryOf(move.service);
    return primary === undefined || primary.rolloutState === 'COMPLETED'
      ? unchanged(context, move)
      : newWatch(move, primary, undefined);
  });
  return finish(context, ecs, started);
}

async function finish(
  context: Context,
  ecs: Ecs,
  started: readonly (Watch | ServiceResult)[],
): Promise<readonly ServiceResult[]> {
  const watches = started.filter((item) => 'move' in item);
  const results = context.config.noWait
    ? new Map(
        watches.map((watch) => [watch, endWatch(context, watch, 'unknown', 'not waited for', [])]),
      )
    : await follow(context, ecs, watches);
  return started.map((item) =>
    'move' in item ? (results.get(item) ?? endWatch(context, item, 'unknown', 'lost', [])) : item,
  );
}

/** Moves a service to its revision, unless it runs that already. */
export async function startMove(
  context: Context,
  ecs: Ecs,
  move: Move,
): Promise<Watch | ServiceResult> {
  const { config, emit } = context;
  const before = primaryOf(move.service);
  const runs = move.service.taskDefinition === move.taskDefinition && before !== undefined;
  // A deployment that failed without a rollback leaves the service on its revision: that is no rest.
  const force = config.force || (runs && before.rolloutState === 'FAILED');
  if (runs && !force) {
    return before.rolloutState === 'IN_PROGRESS'
      ? newWatch(move, before, undefined)
      : unchanged(context, move);
  }
  const answer = await updateService(ecs, move.service, {
    taskDefinition: move.taskDefinition,
    force,
  }).catch((error: unknown) => {
    throw leftBehind(move, error);
  });
  const primary = primaryOf(answer);
  if (primary === undefined || primary.id === before?.id) return unchanged(context, move);
  emit({
    kind: 'rollout-started',
    service: move.service.serviceName ?? '',
    deployment: primary.id ?? '',
    from: shortName(move.service.taskDefinition ?? ''),
    to: shortName(move.taskDefinition),
  });
  return newWatch({ ...move, service: answer }, primary, before?.id);
}

/** A refusal of UpdateService, with the revision that this run has registered for it. */
function leftBehind({ registered, taskDefinition }: Move, error: unknown): unknown {
  if (!registered || !(error instanceof EcsDeployError) || error.code === 'sight-lost')
    return error;
  const revision = shortName(taskDefinition);
  const { code, message, hint, cause } = error;
  const goOn = `then go on with the revision that is there: ecsdeploy rollout ${revision}`;
  return new EcsDeployError({
    code,
    message: `${message} ${revision} was registered, but not deployed: the service is as it was.`,
    hint: hint === undefined ? goOn : `${hint}\n${goOn}`,
    cause,
  });
}

/** Says that a service is where it should be. */
export function unchanged({ emit }: Context, move: Move): ServiceResult {
  emit({
    kind: 'rollout-unchanged',
    service: move.service.serviceName ?? '',
    revision: shortName(move.taskDefinition),
  });
  return resultOf(move, 'unchanged');
}
