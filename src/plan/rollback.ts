import { optional } from '../aws/optional.ts';
import { describeRevision } from '../aws/revisions.ts';
import { currentRecord, pastRollouts } from '../aws/rollouts.ts';
import { lastGood, primaryOf } from '../core/ecs.ts';
import type { Service } from '../core/ecs.ts';
import { revisionBefore } from '../core/history.ts';
import { familyOf, revisionName, shortName } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import type { Config } from '../settings/config.ts';
import { checkPlace, checkService } from './observe.ts';
import type { ObservedService, ObserveTools, Way } from './observe.ts';

/** Reads a service and the revision to go back to: the one named, else the last good one before. */
export async function observeRollback(
  tools: ObserveTools,
  { to }: Pick<Config, 'to'>,
  reading: Promise<Service>,
): Promise<ObservedService> {
  const { ecs } = tools;
  const service = await reading;
  checkService(service);
  checkPlace(service, to);
  const running = await describeRevision(ecs, service.taskDefinition);
  const goTo = async (way: Way, named: string): Promise<ObservedService> => {
    const revision = named === running.arn ? running : await describeRevision(ecs, named);
    return { service, running, latest: undefined, next: { kind: 'revision', revision, way } };
  };
  if (to !== undefined) return goTo('move', revisionName(to, running.family, '--to'));
  const isInProgress = primaryOf(service)?.rolloutState === 'IN_PROGRESS';
  const record = isInProgress ? await currentRecord(tools, service) : undefined;
  if (record?.status.startsWith('ROLLBACK_')) return goTo('follow', running.arn);
  const good = lastGood(service);
  if (isInProgress && good !== running.arn) return goTo('stop', good);
  const past = await optional(tools, 'ecs:ListServiceDeployments', pastRollouts(ecs, service));
  if (!isInProgress && past?.[0]?.status === 'ROLLBACK_SUCCESSFUL') {
    tools.emit({
      kind: 'warning',
      message: `The last deployment of "${service.name}" was already rolled back, to ${shortName(running.arn)}.`,
      hint: `to go further back, name the revision: ecsdeploy rollback --to ${running.family}:REVISION`,
    });
    return goTo('stay', running.arn);
  }
  const before = past === undefined ? undefined : revisionBefore(past, running.arn);
  if (before !== undefined) return goTo(isInProgress ? 'stop' : 'move', before);
  throw new EcsDeployError({
    code: 'rollback-impossible',
    message:
      past === undefined
        ? `The revision that "${service.name}" ran before ${shortName(running.arn)} cannot be read.`
        : `"${service.name}" has no earlier successful deployment than ${shortName(running.arn)}.`,
    hint: `name a revision: ecsdeploy rollback --to ${familyOf(running.arn)}:REVISION`,
  });
}
