import { serviceFlags } from '../core/service-name.ts';
import { shortName } from '../core/task-definition.ts';
import type { ServiceResult } from '../core/result.ts';
import type { Deployment } from '../core/ecs.ts';
import { openWatch } from '../core/watch.ts';
import type { WatchedMove } from '../core/watch.ts';
import { EcsDeployError, refuse } from '../errors.ts';
import type { Event } from '../events.ts';
import { secondsSince } from '../events.ts';
import { withTimeout } from './tools.ts';
import type { RolloutSettings, RolloutTools } from './tools.ts';
import { follow } from './watch.ts';

/** A service with a deployment of someone else in progress. */
export type BusyService = Pick<WatchedMove, 'service' | 'definition'> & {
  readonly busy: Deployment;
};

type Settings = Pick<RolloutSettings, 'poll' | 'timeout' | 'maxFailures'>;

/**
 * Follows deployments of others to their ends, and changes nothing. `start` is the `performance.now()`
 * from which `--timeout` counts. Returns the ids of those that are still in progress, but cannot
 * succeed any more.
 *
 * Throws `service-busy` once the time is over, and what ended the polling.
 */
export async function awaitDeployments(
  tools: RolloutTools,
  settings: Settings,
  services: readonly BusyService[],
  start: number,
): Promise<readonly string[]> {
  const left = Math.max(0, settings.timeout - (performance.now() - start));
  let failure: EcsDeployError | undefined;
  const emit = (event: Event) => {
    const told = asWaiting(event);
    if (told?.kind === 'error') failure = told.error;
    else if (told !== undefined) tools.emit(told);
  };
  const policy = {
    ...settings,
    onFailure: 'exit',
    rollbackAsked: false,
    until: 'finished',
    force: false,
    noWait: false,
    detachOnInterrupt: false,
  } as const;
  const states = services.map(({ service, definition, busy }) =>
    openWatch(
      {
        service,
        definition,
        revision: busy.taskDefinition,
        previous: undefined,
        registered: false,
        containers: [],
      },
      busy,
      undefined,
      // CodeDeploy lets nothing else start before its end, however certain that is.
      service.codeDeploy === undefined ? policy : { ...policy, onFailure: 'watch' },
    ),
  );
  const limit = { start, interrupt: tools.signal };
  const ends = await follow(withTimeout({ ...tools, emit }, left), policy, states, limit);
  tools.signal.throwIfAborted();
  if (failure !== undefined) throw failure;
  const results = [...ends.values()];
  refuse(
    results.filter(({ outcome }) => outcome === 'timed-out').map((end) => tooLong(end, start)),
  );
  return states.flatMap((state) => {
    const { outcome, deployment } = ends.get(state) ?? {};
    return outcome === 'failed' && deployment ? [deployment] : [];
  });
}

/** What the watch of someone else's deployment reports; its failures are none of this run. */
function asWaiting(event: Event): Event | undefined {
  switch (event.kind) {
    case 'watch-started':
      return { ...event, kind: 'wait-started' };
    case 'service-ended': {
      const { result, reason, seconds } = event;
      return { kind: 'wait-ended', result, reason, seconds };
    }
    case 'cause':
    case 'watch-ended':
      return undefined;
    default:
      return event;
  }
}

function tooLong(result: ServiceResult, start: number): EcsDeployError {
  const { service, taskDefinition, deployment } = result;
  // CodeDeploy lets no other deployment start meanwhile.
  const isLock = deployment?.startsWith('d-') === true;
  return new EcsDeployError({
    code: 'service-busy',
    message: `The deployment of ${shortName(taskDefinition ?? '')} to "${service}" is still in progress after ${Math.round(secondsSince(start))}s, the limit of --timeout. No service was changed.`,
    hint: `to follow it: ecsdeploy rollout --watch ${serviceFlags(result)}\n${isLock ? 'to wait longer: --timeout DURATION' : 'to replace it: --if-busy supersede'}`,
  });
}
