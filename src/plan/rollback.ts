import { optional } from '../aws/optional.ts';
import { describeRevision } from '../aws/revisions.ts';
import { currentRecord, pastRollouts } from '../aws/rollouts.ts';
import { deploymentInProgress, needsRecord } from '../core/busy.ts';
import { asMoving } from '../core/code-deploy-record.ts';
import { primaryOf } from '../core/ecs.ts';
import type { RolloutRecord, Service } from '../core/ecs.ts';
import { revisionBefore, rollbackTarget } from '../core/history.ts';
import { flagsOf } from '../core/service-name.ts';
import { revisionName, shortName } from '../core/task-definition.ts';
import { allOrRefuse, EcsDeployError } from '../errors.ts';
import type { Config } from '../settings/config.ts';
import { byContent } from './express-history.ts';
import { checkPlace, checkService, readExpress } from './observe.ts';
import type { ObservedService, ObserveTools, Way } from './observe.ts';

/** Reads a service and the revision to go back to: the named one, else the last good one before. */
export async function observeRollback(
  tools: ObserveTools,
  { to }: Pick<Config, 'to'>,
  reading: Promise<Service>,
): Promise<ObservedService> {
  const { ecs } = tools;
  const service = await reading;
  checkService(service);
  checkPlace(service, to);
  const moving = asMoving(service);
  const [running, express] = await allOrRefuse([
    describeRevision(ecs, moving.taskDefinition),
    readExpress(tools, service),
  ]);
  const goTo = async (
    way: Way,
    named: string,
    record?: RolloutRecord,
  ): Promise<ObservedService> => {
    const revision = named === running.arn ? running : await describeRevision(ecs, named);
    const next = { kind: 'revision', revision, way, record } as const;
    return { service, running, latest: undefined, next, express };
  };
  if (to !== undefined) return goTo('move', revisionName(to, running.family));
  const isMoving = primaryOf(moving)?.rolloutState === 'IN_PROGRESS' || needsRecord(moving);
  const [found, listed] = await allOrRefuse([
    isMoving ? currentRecord(tools, service) : Promise.resolve(undefined),
    optional(tools, 'ecs:ListServiceDeployments', pastRollouts(ecs, service, { all: true })),
  ]);
  // That of a deployment that has ended says nothing about the next one.
  const record = deploymentInProgress(moving, found) === undefined ? undefined : found;
  const seen = listed && (await byContent(ecs, { service: moving, past: listed }));
  const past = seen?.past;
  const target = rollbackTarget(seen?.service ?? moving, record, past);
  const command = `ecsdeploy rollback ${flagsOf(service)} --to`;
  if (target === undefined) {
    throw new EcsDeployError({
      code: 'rollback-impossible',
      message:
        past === undefined
          ? `The revision that "${service.name}" ran before ${shortName(running.arn)} cannot be read.`
          : `"${service.name}" has no earlier successful deployment than ${shortName(running.arn)}.`,
      hint: `name a revision: ${command} ${running.family}:REVISION`,
    });
  }
  const { way, revision } = target;
  if (way === 'stay' || way === 'follow') {
    const current = seen?.service.taskDefinition ?? running.arn;
    const before = revisionBefore(past ?? [], current);
    tools.emit({
      kind: 'warning',
      message:
        way === 'stay'
          ? `The last deployment of "${service.name}" ${past?.[0]?.status === 'ROLLBACK_SUCCESSFUL' ? 'was already rolled back, to' : 'did not succeed: the service is still on'} ${shortName(running.arn)}.`
          : `"${service.name}" is already being rolled back to ${shortName(running.arn)}.`,
      hint: `to go further back, name the revision: ${command} ${before === undefined ? `${running.family}:REVISION` : shortName(before)}`,
    });
  }
  return goTo(way, revision, record);
}
