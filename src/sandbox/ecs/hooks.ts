import { awsFault } from '../wire.ts';
import { failByHook } from './deployments.ts';
import { strikeAt } from './faults.ts';
import type {
  HookAction,
  HookRun,
  LifecycleHook,
  LifecycleStage,
  Service,
  ServiceDeployment,
  Simulation,
} from './state.ts';
import { isOpen, newHookId } from './lookups.ts';

/** Duration of a Lambda hook, in simulated seconds. */
const LAMBDA_SECONDS = 5;
const DEFAULT_TIMEOUT_MINUTES = 1440;

/** Starts the hooks of the stage that a deployment enters. */
export function startHooks(
  simulation: Simulation,
  service: Service,
  record: ServiceDeployment,
  stage: LifecycleStage,
): void {
  const hooks = record.configuration.lifecycleHooks ?? [];
  for (const hook of hooks.filter(({ lifecycleStages }) => lifecycleStages?.includes(stage))) {
    const seconds = (hook.timeoutConfiguration?.timeoutInMinutes ?? DEFAULT_TIMEOUT_MINUTES) * 60;
    const run = makeRun(hook, stage, simulation.now() + seconds);
    record.hooks = [...record.hooks, run];
    if (run.targetType === 'PAUSE') {
      simulation.after(service, seconds, () => timeOut(simulation, service, record, run));
    } else {
      simulation.after(service, LAMBDA_SECONDS, () => answer(simulation, service, record, run));
    }
  }
}

function makeRun(hook: LifecycleHook, stage: LifecycleStage, expiresAt: number): HookRun {
  const { targetType = 'AWS_LAMBDA', hookTargetArn, timeoutConfiguration } = hook;
  const pauses = targetType === 'PAUSE';
  return {
    id: `ecs-${pauses ? 'pause' : 'lambda'}-${newHookId()}`,
    targetType,
    targetArn: hookTargetArn,
    stage,
    expiresAt,
    timeoutAction: timeoutConfiguration?.action ?? 'ROLLBACK',
    status: pauses ? 'AWAITING_ACTION' : 'IN_PROGRESS',
  };
}

function answer(
  simulation: Simulation,
  service: Service,
  record: ServiceDeployment,
  run: HookRun,
): void {
  if (!isOpen(run)) return;
  const strike = strikeAt(simulation.faults, record.target.definition, 'hook');
  if (strike === undefined) {
    run.status = 'SUCCEEDED';
    return;
  }
  run.status = 'FAILED';
  const why = strike.reason(run.targetArn ?? '');
  failByHook(simulation, service, record, `${rolledBack(run)} lifecycle hook(s) failed. ${why}`);
}

function timeOut(
  simulation: Simulation,
  service: Service,
  record: ServiceDeployment,
  run: HookRun,
): void {
  if (!isOpen(run)) return;
  run.status = 'TIMED_OUT';
  if (run.timeoutAction === 'CONTINUE') return;
  failByHook(simulation, service, record, `${rolledBack(run)} pause hook timed out.`);
}

/** Continues or rolls back a deployment that is paused by a hook (ContinueServiceDeployment). */
export function continueDeployment(
  simulation: Simulation,
  service: Service,
  record: ServiceDeployment,
  hookId: string,
  action: HookAction,
): void {
  if (!/^ecs-[a-z]+-./.test(hookId)) {
    throw invalid('Invalid hookId: hookId must follow the format: ecs-{hookType}-{id}');
  }
  if (record.finishedAt !== undefined) {
    throw invalid(
      'Continuing a service deployment is not allowed for service deployment in terminal states.',
    );
  }
  const run = record.hooks.find(({ id }) => id === hookId);
  if (run?.status !== 'AWAITING_ACTION') {
    throw invalid(
      'Provided hookId is either completed, unavailable, or not associated with the given Resource ARN',
    );
  }
  simulation.touch(service);
  if (action === 'ROLLBACK') {
    run.status = 'FAILED';
    failByHook(simulation, service, record, `${rolledBack(run)} pause hook was rolled back.`);
  } else {
    run.status = 'SUCCEEDED';
  }
}

function rolledBack({ stage }: HookRun): string {
  return `Service deployment rolled back because ${stage}`;
}

function invalid(message: string): Error {
  return awsFault('InvalidParameterException', message);
}
