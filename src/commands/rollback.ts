import { serviceResult } from '../core/result.ts';
import { runningByRevision, servingRevision } from '../core/status.ts';
import { shortName } from '../core/task-definition.ts';
import { enforce } from '../plan/enforce.ts';
import { lookUp } from '../plan/lookups.ts';
import { observeServices } from '../plan/observe.ts';
import { plan } from '../plan/plan.ts';
import type { Plan } from '../plan/plan.ts';
import { observeRollback } from '../plan/rollback.ts';
import { rollOut } from '../rollout/move.ts';
import { requireSettings } from '../settings/config.ts';
import { connectTools } from './connect.ts';
import type { Tools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';
import { movesOf, rolloutResult } from './moves.ts';

/**
 * Moves services back to the last revision that was deployed successfully before, or to the named
 * one, and stops a deployment in progress. `--dry-run` only shows where they would go.
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
  if (config.dryRun) return dryRun(tools, planned);
  const start = performance.now();
  return rolloutResult(
    config,
    await rollOut(tools, { ...config, force: false }, movesOf(planned)),
    start,
  );
}

function dryRun({ emit }: Tools, { services }: Plan): CommandResult {
  const moves = services.map(({ way, revision, previous, running, ...item }) => ({
    ...item,
    from: running.arn,
    // A stopped deployment belongs to the running revision; ECS goes back to the other one.
    to: (way === 'stop' ? previous : revision) ?? running.arn,
  }));
  emit({
    kind: 'plan',
    image: undefined,
    builds: false,
    services: moves.map(({ target, service, from, to, changes }) => ({
      cluster: shortName(target.cluster),
      service: target.service,
      from: shortName(from),
      to: shortName(to),
      isExpress: service.isExpress,
      changes,
    })),
  });
  return {
    outcome: 'planned',
    image: null,
    services: moves.map(({ target, service, from, to, changes }) =>
      serviceResult({
        cluster: shortName(target.cluster),
        service: target.service,
        outcome: 'planned',
        taskDefinition: to,
        previousTaskDefinition: from,
        serving: servingRevision(service, undefined),
        runningByRevision: runningByRevision(service),
        desired: service.desired,
        running: service.running,
        changes,
      }),
    ),
    seconds: {},
  };
}
