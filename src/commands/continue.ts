import { refuse } from '../errors.ts';
import { notPaused, observeContinue } from '../plan/continue.ts';
import { enforce } from '../plan/enforce.ts';
import { observeServices, readController } from '../plan/observe.ts';
import { plan } from '../plan/plan.ts';
import { rollOut } from '../rollout/move.ts';
import { requireSettings } from '../settings/config.ts';
import { connectTools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';
import { movesOf, rolloutResult } from './moves.ts';

/**
 * Lets deployments that wait at a pause hook continue, or refuses them with `--rollback`, and follows
 * them to their end. Of several services, those that do not wait stay as they are.
 */
export async function continueDeployments(context: Context<'continue'>): Promise<CommandResult> {
  const { config } = context;
  requireSettings(config, ['cluster', 'service']);
  const tools = await connectTools(context);
  const services = await observeServices(tools, config, (there, target, service) =>
    observeContinue(there, config, readController(there, target, service)),
  );
  const planned = plan({ ...config, skipCheck: [] }, { services, images: [], checked: false });
  enforce(tools, planned.findings);
  if (planned.services.every(({ answer }) => answer === undefined)) {
    refuse(notPaused(planned.services, config.hook));
  }
  const start = performance.now();
  const settings = { ...config, force: false };
  return rolloutResult(config, await rollOut(tools, settings, movesOf(planned)), start);
}
