import { at } from '../aws/ecs.ts';
import { describeServices } from '../aws/services.ts';
import { describeRevision } from '../aws/revisions.ts';
import { deploymentInProgress } from '../core/busy.ts';
import { overallOutcome } from '../core/result.ts';
import type { ServiceResult } from '../core/result.ts';
import { nameOf, placeIn, serviceFlags } from '../core/service-name.ts';
import { EcsDeployError, EXIT_STATUS } from '../errors.ts';
import { readCompleted, readController, readExpress } from '../plan/observe.ts';
import { rollOut } from '../rollout/move.ts';
import type { Move, RolloutSettings } from '../rollout/move.ts';
import { reportable } from '../rollout/tools.ts';
import { named } from '../settings/config.ts';
import type { Config, Target } from '../settings/config.ts';
import type { Tools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';
import { runHook } from './hooks.ts';

type BackSettings = RolloutSettings & Pick<Config, 'targets'>;
type CheckSettings = BackSettings & Pick<Config, 'check' | 'noCheck'>;

/**
 * Runs the `check` of the config file after a rollout that has succeeded. Its failure is that of the
 * rollout: with `--on-failure rollback` the services go back.
 */
export async function checkRollout(
  context: Omit<Context, 'config'> & { readonly config: Context['config'] & CheckSettings },
  tools: Tools,
  command: string,
  result: CommandResult,
): Promise<CommandResult> {
  const { config, emit, signal } = context;
  const { check, noCheck, timeout, onFailure } = config;
  if (check === undefined || noCheck || result.outcome !== 'succeeded') return result;
  const limit = AbortSignal.timeout(timeout);
  const document = { ...result, command, error: null, seconds: { ...result.seconds, total: 0 } };
  const failure = await runHook(context, {
    name: 'check',
    command: check,
    result: document,
    signal: AbortSignal.any([signal, limit]),
  }).catch((error: unknown) => {
    if (signal.aborted) return 'interrupted' as const;
    if (limit.aborted) return { how: 'did not end within --timeout', tail: [] };
    return { how: `could not be run (${reportable(error).message})`, tail: [] };
  });
  if (failure === undefined) return result;
  if (failure === 'interrupted') return interrupted(result);
  const error = new EcsDeployError({
    code: 'rollout-check-failed',
    message: `The check "${check}" ${failure.how}: the rollout has failed.${failure.tail.map((line) => `\n  | ${line}`).join('')}`,
    hint:
      onFailure === 'rollback'
        ? 'fix what it found, and deploy again'
        : 'roll back: ecsdeploy rollback; to roll back automatically: --on-failure rollback',
  });
  emit({ kind: 'error', error });
  const services =
    onFailure === 'rollback'
      ? await rollBackAll(tools, config, result.services)
      : result.services.map((service) => withoutSuccess(service));
  const outcome = overallOutcome(services.map((service) => service.outcome));
  const { code, message, hint = null } = error;
  return { ...result, outcome, services, error: { code, message, hint } };
}

/** The result of a service whose rollout has succeeded, but not its check. */
function withoutSuccess(
  service: ServiceResult,
  outcome: 'failed' | 'interrupted' = 'failed',
): ServiceResult {
  return service.outcome === 'succeeded' ? { ...service, outcome } : service;
}

function interrupted(result: CommandResult): CommandResult {
  const message = 'Interrupted during the check. The rollout has succeeded.';
  return {
    ...result,
    outcome: 'interrupted',
    status: EXIT_STATUS.interrupted,
    error: { code: 'interrupted', message, hint: null },
  };
}

/** Rolls back every service that was moved. Never throws: the services have been changed. */
async function rollBackAll(
  tools: Tools,
  config: BackSettings,
  results: readonly ServiceResult[],
): Promise<readonly ServiceResult[]> {
  return rollBackMoved(tools, config, results).catch((cause: unknown) => {
    const isInterrupted = tools.signal.aborted;
    const why = isInterrupted ? 'it was interrupted' : reportable(cause).message;
    const error = new EcsDeployError({
      code: 'rollout-check-failed',
      message: `The services were not rolled back: ${why}`.replace(/\.?$/, '.'),
      hint: 'roll back: ecsdeploy rollback',
      cause,
    });
    tools.emit({ kind: 'error', error });
    const outcome = isInterrupted ? 'interrupted' : 'failed';
    return results.map((result) => withoutSuccess(result, outcome));
  });
}

async function rollBackMoved(
  tools: Tools,
  config: BackSettings,
  results: readonly ServiceResult[],
): Promise<readonly ServiceResult[]> {
  const planned = await Promise.all(
    results.map((result) => moveBack(tools, result, config.targets)),
  );
  const moves = planned.filter((move) => move !== undefined);
  const settings = { ...config, onFailure: 'exit', force: false, noWait: false } as const;
  const ends = moves.length === 0 ? [] : await rollOut(tools, settings, moves);
  return results.map((result, index) => {
    const move = planned[index];
    const end = move && ends[moves.indexOf(move)];
    if (end?.outcome === 'interrupted') return withoutSuccess(result, 'interrupted');
    if (end?.outcome !== 'succeeded') return withoutSuccess(result);
    const { serving, runningByRevision, running, desired } = end;
    return { ...result, outcome: 'rolled-back', serving, runningByRevision, running, desired };
  });
}

async function moveBack(
  run: Tools,
  result: ServiceResult,
  targets: readonly Target[],
): Promise<Move | undefined> {
  const { outcome, cluster, service: name, taskDefinition, previousTaskDefinition } = result;
  const { aws, ecs, emit } = at(run, { place: placeIn(result) });
  if (outcome !== 'succeeded' || previousTaskDefinition === null) return undefined;
  const [found] = await describeServices(ecs, cluster, [name]);
  if (found === undefined || found.taskDefinition !== taskDefinition) return undefined;
  const flags = serviceFlags(result);
  const target = targets.find((item) => serviceFlags(named(item)) === flags) ?? {
    codeDeploy: undefined,
  };
  const service = await readController({ aws, emit }, target, Promise.resolve(found));
  const [{ definition }, { definition: running }, configuration, completed] = await Promise.all([
    describeRevision(ecs, previousTaskDefinition),
    describeRevision(ecs, service.taskDefinition),
    readExpress({ ecs, emit }, service),
    readCompleted({ ecs, emit }, service),
  ]);
  // While it has not ended, the old tasks can still run: they get the traffic back at once.
  const isOpen = deploymentInProgress(service, completed) !== undefined;
  const reason = 'the check failed';
  // A stop says it by itself.
  if (!isOpen) emit({ kind: 'rolling-back', ...nameOf(service), reason });
  return {
    service,
    ...(isOpen
      ? { way: 'stop', reason, revision: found.taskDefinition, previous: previousTaskDefinition }
      : { way: 'move', revision: previousTaskDefinition, previous: found.taskDefinition }),
    definition,
    registered: false,
    containers: [],
    ...(service.isExpress && { express: { running, configuration } }),
  };
}
