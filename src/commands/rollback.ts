import type { Service } from '@aws-sdk/client-ecs';
import type { Aws } from '../aws/client.ts';
import {
  describeRevision,
  describeService,
  lastGood,
  openEcs,
  pastRollouts,
  primaryOf,
} from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import { requireSettings } from '../settings/config.ts';
import type { Target } from '../settings/config.ts';
import type { CommandResult, Context } from './context.ts';
import { containersOf, shortName } from '../core/task-definition.ts';
import type { Revision } from '../core/task-definition.ts';
import { allOrRefuse, EcsDeployError } from '../errors.ts';
import { checkPlace, checkService } from '../plan/observe.ts';
import { findGivenImage } from '../plan/image.ts';
import { rollOut, startMove, unchanged } from '../rollout/move.ts';
import { connectAws, optional } from '../aws/optional.ts';
import { currentRecords } from '../rollout/poll.ts';
import { newWatch, takeBack } from '../rollout/watch.ts';
import type { Move } from '../rollout/watch.ts';
import { rolloutResult } from './rollout.ts';

/** How one service gets back. */
type Way = 'move' | 'stop' | 'follow' | 'stay';

/**
 * Takes services back to the last revision that was deployed successfully, or to the one named; a
 * deployment in progress is stopped.
 */
export async function rollback(context: Context): Promise<CommandResult> {
  const { config } = context;
  requireSettings(config, ['cluster', 'service']);
  const aws = await connectAws(context);
  const ecs = await openEcs(aws);
  const plans = await allOrRefuse(
    config.targets.map((target) => planBack(context, aws, ecs, target)),
  );
  const start = performance.now();
  const ways = new Map(plans.map(({ move, way }) => [move, way]));
  const services = await rollOut(
    context,
    ecs,
    plans.map(({ move }) => move),
    (_, __, move) => begin(context, ecs, move, ways.get(move) ?? 'move'),
  );
  return rolloutResult(context, services, start);
}

async function begin(context: Context, ecs: Ecs, move: Move, way: Way) {
  const primary = primaryOf(move.service);
  if (way === 'stay') return unchanged(context, move);
  if (way === 'move' || primary === undefined) return startMove(context, ecs, move);
  const watch = newWatch(move, primary, undefined);
  if (way === 'follow') return watch;
  watch.isBackWanted = true;
  [watch.record] = await currentRecords(context, ecs, move.service);
  await takeBack(context, ecs, watch, 'asked for by ecsdeploy rollback');
  return watch;
}

async function planBack(
  context: Context,
  aws: Aws,
  ecs: Ecs,
  target: Target,
): Promise<{ readonly move: Move; readonly way: Way }> {
  const { to } = context.config;
  const service = await describeService(ecs, target.cluster, target.service);
  checkService(service);
  const current = service.taskDefinition ?? '';
  const isAtWork = primaryOf(service)?.rolloutState === 'IN_PROGRESS';
  const plan = (way: Way, { definition }: Revision, taskDefinition: string, previous: string) => ({
    way,
    move: { service, taskDefinition, previous, definition, registered: false, containers: [] },
  });
  if (to !== undefined) {
    checkPlace(service, to);
    const revision = await checkedRevision(context, aws, ecs, to);
    return plan('move', revision, revision.arn, current);
  }
  const [record] = isAtWork ? await currentRecords(context, ecs, service) : [];
  if (record?.status?.startsWith('ROLLBACK_')) {
    return plan('follow', await describeRevision(ecs, current), current, current);
  }
  const good = lastGood(service);
  const known = good !== undefined && good !== current ? good : undefined;
  const past =
    known === undefined
      ? await optional(context, 'ecs:ListServiceDeployments', pastRollouts(ecs, service))
      : undefined;
  if (!isAtWork && past?.[0]?.status === 'ROLLBACK_SUCCESSFUL') {
    // A step further back is nothing to guess.
    context.emit({
      kind: 'warning',
      message: `The last deployment of "${service.serviceName}" was rolled back already, to ${shortName(current)}.`,
      hint: 'to go further back name the revision: ecsdeploy rollback --to FAMILY:REVISION',
    });
    return plan('stay', await describeRevision(ecs, current), current, current);
  }
  const before =
    known ??
    past?.find(
      ({ status, taskDefinition }) =>
        status === 'SUCCESSFUL' && taskDefinition !== undefined && taskDefinition !== current,
    )?.taskDefinition;
  if (before === undefined) throw nowhereToGo(service, past === undefined);
  const revision = await checkedRevision(context, aws, ecs, before);
  return isAtWork
    ? plan('stop', await describeRevision(ecs, current), current, revision.arn)
    : plan('move', revision, revision.arn, current);
}

/** A revision that ECS can run again: active, and its images still there. */
async function checkedRevision(
  context: Context,
  aws: Aws,
  ecs: Ecs,
  named: string,
): Promise<Revision> {
  const revision = await describeRevision(ecs, named);
  const name = shortName(revision.arn);
  if (revision.status !== 'ACTIVE') {
    throw new EcsDeployError({
      code: 'revision-inactive',
      message: `The revision ${name} is ${revision.status}: ECS starts no new tasks of it.`,
      hint: `go back to another: ecsdeploy rollback --to ${revision.family}:REVISION`,
    });
  }
  const images = new Set(containersOf(revision.definition).map(({ image }) => String(image)));
  await allOrRefuse(
    [...images].map((image) =>
      findGivenImage(context, aws, image).catch((error: unknown) => {
        if (!(error instanceof EcsDeployError) || error.code !== 'image-missing') throw error;
        throw new EcsDeployError({
          code: 'image-missing',
          message: `The revision ${name} needs ${image}, which ECR no longer has.`,
          hint: `go back to another: ecsdeploy rollback --to ${revision.family}:REVISION; --skip-check image-exists goes on all the same`,
          cause: error,
        });
      }),
    ),
  );
  return revision;
}

function nowhereToGo({ serviceName, taskDefinition }: Service, isBlind: boolean): EcsDeployError {
  const current = shortName(taskDefinition ?? '');
  return new EcsDeployError({
    code: 'rollback-impossible',
    message: isBlind
      ? `Which revision "${serviceName}" ran before ${current} is not known.`
      : `No revision but ${current} was deployed to "${serviceName}" successfully.`,
    hint: `name one: ecsdeploy rollback --to ${current.split(':')[0]}:REVISION`,
  });
}
