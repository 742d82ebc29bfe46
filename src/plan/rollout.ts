import { isUnknown, optional } from '../aws/optional.ts';
import { describeRevision } from '../aws/revisions.ts';
import { pastRollouts } from '../aws/rollouts.ts';
import { asMoving } from '../core/code-deploy-record.ts';
import type { Service } from '../core/ecs.ts';
import { isDefinitionFile, revisionName, shortName } from '../core/task-definition.ts';
import type { Revision } from '../core/task-definition.ts';
import { allOrRefuse, EcsDeployError } from '../errors.ts';
import type { Config, Target } from '../settings/config.ts';
import { checkPlace, checkService, readCompleted, readDefinition, readExpress } from './observe.ts';
import type { ObservedService, ObserveTools } from './observe.ts';

/**
 * Reads a service and the revision to move it to: `named`, the one in the config, or the latest of
 * the family. With `watch` it is the revision that the service is on.
 */
export async function observeRollout(
  tools: ObserveTools,
  config: Pick<Config, 'watch' | 'skipCheck'>,
  { taskDefinition }: Target,
  named: string | undefined,
  reading: Promise<Service>,
): Promise<ObservedService> {
  const service = await reading;
  checkService(service);
  const wanted = named ?? taskDefinition;
  checkPlace(service, wanted);
  const { ecs } = tools;
  const running = describeRevision(
    ecs,
    config.watch ? asMoving(service).taskDefinition : service.taskDefinition,
  );
  if (config.watch) {
    const current = await running;
    const other = wanted === undefined ? undefined : revisionOf(wanted, current.family, named);
    if (other !== undefined && other.includes(':')) {
      await refuseOther(service, current, await describeRevision(ecs, other));
    }
    const completed = await readCompleted(tools, service);
    const next = { kind: 'revision', revision: current, way: 'follow' } as const;
    return { service, running: current, latest: undefined, next, completed };
  }
  const family = service.taskDefinition.slice(0, service.taskDefinition.lastIndexOf(':'));
  const [current, express, completed, revision] = await allOrRefuse([
    running,
    readExpress(tools, service),
    readCompleted(tools, service),
    (async () => {
      if (wanted !== undefined && isDefinitionFile(wanted)) {
        const file = await readDefinition(tools, config.skipCheck, wanted);
        return describeRevision(ecs, String(file['family']));
      }
      const chosen = wanted ?? shortName(family);
      return describeRevision(ecs, revisionOf(chosen, shortName(family), named));
    })(),
  ]);
  // A named revision is deployed on purpose; the latest one may have been rolled back.
  const isNamed = wanted !== undefined && /:|^\d+$/.test(wanted);
  if (!isNamed) await checkLastRollout(tools, service, revision);
  const next = { kind: 'revision', revision, way: 'move' } as const;
  return { service, running: current, latest: undefined, next, express, completed };
}

/** A revision as the API takes it. A family is accepted from the config only, for its latest. */
function revisionOf(wanted: string, family: string, argument: string | undefined): string {
  if (argument === undefined && !/^\d+$/.test(wanted)) return wanted;
  return revisionName(wanted, family);
}

async function refuseOther(service: Service, current: Revision, wanted: Revision): Promise<void> {
  if (wanted.arn === current.arn) return;
  throw new EcsDeployError({
    code: 'revision-failed',
    message: `There is no deployment of ${shortName(wanted.arn)} to watch: "${service.name}" is on ${shortName(current.arn)}. The deployment was rolled back or superseded.`,
    hint: 'leave the revision out to watch the current deployment',
  });
}

async function checkLastRollout(
  tools: ObserveTools,
  service: Service,
  { arn }: Revision,
): Promise<void> {
  if (arn === service.taskDefinition) return;
  const rollouts = await optional(
    tools,
    'ecs:ListServiceDeployments',
    pastRollouts(tools.ecs, service),
    isUnknown,
  );
  const status = rollouts?.find(({ taskDefinition }) => taskDefinition === arn)?.status;
  if (status === undefined || !/^(ROLLBACK_|STOPPED|FAILED)/.test(status)) return;
  throw new EcsDeployError({
    code: 'revision-failed',
    message: `The last deployment of the latest revision, ${shortName(arn)}, to "${service.name}" failed (${status}).`,
    hint: `to deploy it anyway, name it: ecsdeploy rollout ${shortName(arn)}`,
  });
}
