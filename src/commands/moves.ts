import { overallOutcome } from '../core/result.ts';
import type { ServiceResult } from '../core/result.ts';
import { EXIT_STATUS } from '../errors.ts';
import { secondsSince } from '../events.ts';
import type { Plan } from '../plan/plan.ts';
import type { Move } from '../rollout/move.ts';
import type { Config } from '../settings/config.ts';
import type { CommandResult } from './context.ts';

/** The moves of a plan, for services whose revision exists. */
export function movesOf({ services }: Plan): Move[] {
  return services.flatMap(({ revision, ...item }) =>
    revision === undefined ? [] : [{ ...item, revision, registered: false }],
  );
}

/** The result of a command that ends with a rollout. */
export function rolloutResult(
  { noWait }: Pick<Config, 'noWait'>,
  services: readonly ServiceResult[],
  start: number,
): CommandResult {
  const outcome = overallOutcome(services.map((service) => service.outcome));
  // With --no-wait the user asked for no verdict, so an unknown outcome is not a failure, unless
  // nobody knows whether the deployment was started.
  const isStarted = services.every(
    (item) => item.outcome !== 'unknown' || item.deployment !== null,
  );
  const status = noWait && outcome === 'unknown' && isStarted ? EXIT_STATUS.succeeded : undefined;
  return { outcome, status, image: null, services, seconds: { rollout: secondsSince(start) } };
}
