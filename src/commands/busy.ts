import { setTimeout as sleep } from 'node:timers/promises';
import { deploymentToFollow } from '../core/busy.ts';
import type { IfBusy } from '../core/busy.ts';
import { DOUBTFUL_POLLS } from '../core/pacing.ts';
import { EcsDeployError } from '../errors.ts';
import type { Plan } from '../plan/plan.ts';
import { awaitDeployments } from '../rollout/idle.ts';
import type { BusyService } from '../rollout/idle.ts';
import type { RolloutSettings } from '../rollout/tools.ts';
import type { Tools } from './connect.ts';

type BusySettings = Pick<RolloutSettings, 'poll' | 'timeout' | 'maxFailures'> & {
  readonly ifBusy: IfBusy;
  readonly dryRun?: boolean;
};

/**
 * Prepares a run; with `--if-busy wait` again, each time that deployments of others have ended, until
 * none is in progress. A deployment that can no longer succeed is not awaited: it would block its own fix.
 */
export async function prepareOnceIdle<T extends { readonly planned: Plan }>(
  tools: Tools,
  settings: BusySettings,
  prepare: () => Promise<T>,
): Promise<T> {
  const waits = settings.ifBusy === 'wait' && settings.dryRun !== true;
  let start: number | undefined;
  const failing = new Set<string>();
  for (;;) {
    const prepared = await prepare();
    const busy = prepared.planned.services.flatMap((item): BusyService[] =>
      item.busy === undefined || failing.has(item.busy.id)
        ? []
        : [{ service: item.service, definition: item.running.definition, busy: item.busy }],
    );
    if (!waits || busy.length === 0) return prepared;
    start ??= performance.now();
    for (const id of await awaitDeployments(tools, settings, busy, start)) failing.add(id);
  }
}

/**
 * Prepares a run that only follows deployments, again until one of them is there: right after someone
 * else has started it, reads can still miss it.
 */
export async function prepareOnceStarted<T extends { readonly planned: Plan }>(
  { signal, emit }: Tools,
  { poll, timeout }: Pick<RolloutSettings, 'poll' | 'timeout'>,
  prepare: () => Promise<T>,
): Promise<T> {
  const start = performance.now();
  for (let read = 1; ; read += 1) {
    const isLast = read === DOUBTFUL_POLLS || performance.now() + poll > start + timeout;
    try {
      const prepared = await prepare();
      const isStarted = prepared.planned.services.some(
        ({ service, record }) => deploymentToFollow(service, record) !== undefined,
      );
      if (isStarted || isLast) return prepared;
    } catch (error) {
      const isElsewhere = error instanceof EcsDeployError && error.code === 'revision-failed';
      if (!isElsewhere || isLast) throw error;
    }
    const seconds = Math.min(timeout, poll * (DOUBTFUL_POLLS - 1)) / 1000;
    if (read === 1) emit({ kind: 'start-awaited', seconds });
    await sleep(poll, undefined, { signal });
  }
}
