import { enforce } from '../plan/enforce.ts';
import { lookUp } from '../plan/lookups.ts';
import { observeServices } from '../plan/observe.ts';
import { plan } from '../plan/plan.ts';
import { observeRollback } from '../plan/rollback.ts';
import { rollOut } from '../rollout/move.ts';
import { requireSettings } from '../settings/config.ts';
import { connectTools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';
import { movesOf, rolloutResult } from './moves.ts';

/**
 * Takes services back to the last revision that was deployed successfully before, or to the one
 * named; a deployment in progress is stopped.
 */
export async function rollback(context: Context<'rollback'>): Promise<CommandResult> {
  const { config } = context;
  requireSettings(config, ['cluster', 'service']);
  const tools = await connectTools(context);
  const services = await observeServices(tools, config, (_, service) =>
    observeRollback(tools, config, service),
  );
  const planned = plan(config, { services, image: undefined, checked: false });
  enforce(tools, planned.findings);
  enforce(tools, await lookUp(tools, planned.lookups));
  const start = performance.now();
  return rolloutResult(
    config,
    await rollOut(tools, { ...config, force: false }, movesOf(planned)),
    start,
  );
}
