import { ok, skip } from './checks.ts';
import type { Answer } from './checks.ts';
import type { Service } from './ecs.ts';
import { rolloutTime } from './stages.ts';

/** When the watch of a rollout ends; `timeout` in milliseconds. */
export interface WatchLimits {
  readonly timeout: number;
  readonly until?: 'finished' | 'serving' | 'paused' | undefined;
  /** Nothing is watched. */
  readonly noWait?: boolean | undefined;
}

/** Whether the waits of the deployment strategy fit into --timeout. */
export function checkRolloutTime(
  { name, settings }: Pick<Service, 'name' | 'settings'>,
  { timeout, until = 'finished', noWait = false }: WatchLimits,
): Answer {
  const time = rolloutTime(settings);
  if (time === undefined) return skip('the strategy has no waits');
  const { waits, minutesEach, bakeMinutes } = time;
  const parts = [
    ...(waits === 0 ? [] : [`${waits} x ${minutesEach} min between steps of traffic`]),
    ...(bakeMinutes === 0 ? [] : [`${bakeMinutes} min bake time`]),
  ];
  const shown = `${settings.strategy}: ${parts.join(', ')}`;
  const watched = until === 'serving' ? time.minutes - bakeMinutes : time.minutes;
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
