import { ok, skip } from './checks.ts';
import type { Answer } from './checks.ts';
import { CODE_DEPLOY } from './ecs.ts';
import type { Service } from './ecs.ts';
import { rolloutTime } from './stages.ts';

/** When the watch of a rollout ends; `timeout` in milliseconds. */
export interface WatchLimits {
  readonly timeout: number;
  readonly until?: 'finished' | 'serving' | 'paused' | undefined;
  /** Nothing is watched. */
  readonly noWait?: boolean | undefined;
}

/** Where the watch of a service ends without `--until`: CodeDeploy commonly keeps the old task set for an hour. */
export function usualEnd({ controller }: Pick<Service, 'controller'>): 'finished' | 'serving' {
  return controller === CODE_DEPLOY ? 'serving' : 'finished';
}

/** Whether the waits of the deployment strategy fit into --timeout. */
export function checkRolloutTime(
  service: Pick<Service, 'name' | 'settings' | 'controller'>,
  { timeout, until = usualEnd(service), noWait = false }: WatchLimits,
): Answer {
  const { name, settings } = service;
  const time = rolloutTime(settings);
  if (time === undefined) return skip('the strategy has no waits');
  const { waits, minutesEach, bakeMinutes, terminationMinutes = 0 } = time;
  const parts = [
    ...(waits === 0 ? [] : [`${waits} x ${minutesEach} min between steps of traffic`]),
    ...(bakeMinutes === 0 ? [] : [`${bakeMinutes} min bake time`]),
    ...(terminationMinutes === 0 ? [] : [`${terminationMinutes} min until the old tasks stop`]),
  ];
  const shown = `${settings.strategy}: ${parts.join(', ')}`;
  const watched =
    until === 'serving' ? time.minutes - bakeMinutes : time.minutes + terminationMinutes;
  // Before a pause, none of them may have begun.
  if (noWait || until === 'paused' || watched * 60_000 < timeout) return ok(shown);
  const others = until === 'finished' && waits * minutesEach * 60_000 < timeout;
  return {
    status: 'warn',
    message: `The deployment of "${name}" takes at least ${watched} min (${shown}), but the watch ends after --timeout ${timeout < 60_000 ? `${timeout / 1000}s` : `${timeout / 60_000}m`}: it would report a timeout while the deployment continues.`,
    hint: `raise it: --timeout ${watched + SPARE_MINUTES}m${others ? ', or end the watch once the new tasks have all traffic: --until serving' : ''}`,
  };
}

/** Minutes that starting and stopping tasks commonly take. */
const SPARE_MINUTES = 15;
