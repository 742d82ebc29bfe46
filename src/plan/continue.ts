import { optional } from '../aws/optional.ts';
import { describeRevision } from '../aws/revisions.ts';
import { describeRecords, findRecord } from '../aws/rollouts.ts';
import type { HookAnswer } from '../aws/rollouts.ts';
import { activeRecord, asMoving } from '../core/code-deploy-record.ts';
import { primaryOf, waitingHooks } from '../core/ecs.ts';
import type { RolloutRecord, Service, StageHook } from '../core/ecs.ts';
import { flagsOf } from '../core/service-name.ts';
import { shortName } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import type { Config } from '../settings/config.ts';
import { checkService } from './observe.ts';
import type { ObservedService, ObserveTools } from './observe.ts';

/**
 * Reads a service and the pause hook at which its deployment waits; one that does not wait stays as it
 * is. Throws `hook-ambiguous` where several wait and none is named.
 */
export async function observeContinue(
  tools: ObserveTools,
  { hook: named, rollback }: Pick<Config, 'hook' | 'rollback'>,
  reading: Promise<Service>,
): Promise<ObservedService> {
  const service = await reading;
  checkService(service);
  const [running, record] = await Promise.all([
    describeRevision(tools.ecs, asMoving(service).taskDefinition),
    currentRecordOf(tools, service),
  ]);
  const hook = record && chooseHook(service, record, named, rollback);
  const answer: HookAnswer | undefined = hook && {
    record: record.arn,
    hook: hook.id,
    action: rollback ? 'ROLLBACK' : 'CONTINUE',
  };
  return {
    service,
    running,
    latest: undefined,
    next: {
      kind: 'revision',
      revision: running,
      way: 'continue',
      record,
      answer,
    },
  };
}

/** The record of the deployment in progress: for a moment ECS still names the one before. */
async function currentRecordOf(
  tools: ObserveTools,
  service: Service,
): Promise<RolloutRecord | undefined> {
  if (service.codeDeploy !== undefined) return activeRecord(service);
  const { ecs } = tools;
  const primary = primaryOf(service);
  if (primary?.rolloutState !== 'IN_PROGRESS') return undefined;
  const isOurs = ({ deployment }: RolloutRecord) => deployment === primary.id;
  const named = service.currentRollout === undefined ? [] : [service.currentRollout];
  const current = (await describeRecords(ecs, named)).find(isOurs);
  if (current !== undefined) return current;
  const finding = findRecord(ecs, service, primary.id);
  const found = await optional(tools, 'ecs:ListServiceDeployments', finding);
  return found === undefined ? undefined : (await describeRecords(ecs, [found])).find(isOurs);
}

function chooseHook(
  service: Service,
  record: RolloutRecord,
  named: string | undefined,
  rollback: boolean,
): StageHook | undefined {
  const waiting = waitingHooks(record);
  if (named !== undefined) return waiting.find(({ id }) => id === named);
  if (waiting.length < 2) return waiting[0];
  const command = `ecsdeploy continue ${rollback ? '--rollback ' : ''}${flagsOf(service)}`;
  throw new EcsDeployError({
    code: 'hook-ambiguous',
    message: `The deployment of "${service.name}" waits at ${waiting.length} pause hooks.`,
    hint: [
      'name one:',
      ...waiting.map(
        ({ id, expiresAt = 'unknown' }) => `${command} --hook ${id} (until ${expiresAt})`,
      ),
    ].join('\n'),
  });
}

/** The errors of `continue` where no service waits at a hook, or at the named one. */
export function notPaused(
  services: readonly { readonly service: Service; readonly record: RolloutRecord | undefined }[],
  named: string | undefined,
): readonly EcsDeployError[] {
  return services.map(({ service, record }) => {
    const flags = flagsOf(service);
    const waiting = record === undefined ? [] : waitingHooks(record);
    if (record === undefined) {
      return new EcsDeployError({
        code: 'not-paused',
        message: `No deployment of "${service.name}" is in progress: there is nothing to continue.`,
        hint: `see what runs: ecsdeploy status ${flags}`,
      });
    }
    if (named !== undefined && waiting.length > 0) {
      return new EcsDeployError({
        code: 'not-paused',
        message: `The hook ${named} of "${service.name}" does not wait for an answer.`,
        hint: `waiting: ${waiting.map(({ id }) => id).join(', ')}`,
      });
    }
    const at = record.stage === undefined ? record.status : `${record.status}, ${record.stage}`;
    return new EcsDeployError({
      code: 'not-paused',
      message: `The deployment of ${shortName(asMoving(service).taskDefinition)} to "${service.name}" does not wait at a pause hook (${at}).`,
      hint: `follow it: ecsdeploy rollout --watch ${flags}`,
    });
  });
}
