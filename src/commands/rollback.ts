import { serverTime } from '../aws/client.ts';
import { nameOf } from '../core/service-name.ts';
import { serviceResult } from '../core/result.ts';
import { pauseOf } from '../core/stages.ts';
import { runningByRevision, servingRevision } from '../core/status.ts';
import { enforce } from '../plan/enforce.ts';
import { lookUp } from '../plan/lookups.ts';
import { observeServices, readController } from '../plan/observe.ts';
import { plan } from '../plan/plan.ts';
import type { Plan } from '../plan/plan.ts';
import { observeRollback } from '../plan/rollback.ts';
import { followSchedules } from '../rollout/follow-schedules.ts';
import { rollOut } from '../rollout/move.ts';
import { requireSettings } from '../settings/config.ts';
import { prepareOnceIdle } from './busy.ts';
import { confirmMoves, requireTerminal } from './confirm.ts';
import { askPause } from './ask-pause.ts';
import { connectTools } from './connect.ts';
import type { Tools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';
import { movesOf, rolloutResult, stepsOf, tellSteps } from './moves.ts';

/**
 * Moves services back to the last revision that was deployed successfully before, or to the named
 * one, all at the same time, and stops a deployment in progress. `--dry-run` only shows where they would go.
 */
export async function rollback(context: Context<'rollback'>): Promise<CommandResult> {
  const { config } = context;
  requireSettings(config, ['cluster', 'service']);
  requireTerminal(context, config);
  const tools = await connectTools(context);
  const { planned } = await prepareOnceIdle(tools, config, async () => {
    const services = await observeServices(tools, config, (there, target, service) =>
      observeRollback(there, config, readController(there, target, service)),
    );
    const now = serverTime(tools.aws);
    const made = plan(config, { services, images: [], checked: false, now });
    enforce(tools, made.findings);
    enforce(tools, await lookUp(tools, made.lookups));
    return { planned: made };
  });
  if (config.dryRun) return dryRun(tools, planned);
  tellSteps(tools, planned, false, { isBack: true });
  await confirmMoves(context, config, 'Roll back');
  const start = performance.now();
  // Nothing that fails must wait for another service to go back.
  const moves = movesOf(planned).map((move) => ({ ...move, order: undefined }));
  const moved = await rollOut(
    { ...tools, askPause: askPause(context, config) },
    { ...config, force: false },
    moves,
  );
  return rolloutResult(config, await followSchedules(tools, config, moves, moved), start);
}

function dryRun(tools: Tools, planned: Plan): CommandResult {
  tellSteps(tools, planned, true, { isBack: true });
  tools.emit({ kind: 'dry-run-ended' });
  return {
    outcome: 'planned',
    image: null,
    services: stepsOf(planned).map(({ target, service, record, from, to, changes, schedules }) =>
      serviceResult({
        ...nameOf(service),
        outcome: 'planned',
        taskDefinition: to,
        previousTaskDefinition: from,
        serving: servingRevision(service, record),
        paused: pauseOf(record),
        runningByRevision: runningByRevision(service),
        desired: service.desired,
        running: service.running,
        changes,
        ...(target.schedules !== false && { schedules }),
      }),
    ),
    seconds: {},
  };
}
