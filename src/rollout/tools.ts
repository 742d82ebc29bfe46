import { setMaxListeners } from 'node:events';
import type { Ecs } from '../aws/ecs.ts';
import type { HookAnswer } from '../aws/rollouts.ts';
import type { RolloutRecord } from '../core/ecs.ts';
import type { ServiceName } from '../core/service-name.ts';
import type { WatchedMove } from '../core/watch.ts';
import { EcsDeployError } from '../errors.ts';
import type { Emit } from '../events.ts';
import type { Config } from '../settings/config.ts';
import type { Order } from '../settings/order.ts';

/** What a rollout works with. */
export interface RolloutTools {
  readonly ecs: Ecs;
  readonly emit: Emit;
  /** Aborted by an interrupt. */
  readonly signal: AbortSignal;
  /** Asks about a pause hook; undefined where nobody is to be asked. */
  readonly askPause?: AskPause | undefined;
}

/** Asks what to do about a pause; undefined leaves it as it is. Rejects when the signal aborts. */
export type AskPause = (
  pause: ServiceName & { readonly stage: string },
  signal: AbortSignal,
) => Promise<'CONTINUE' | 'ROLLBACK' | undefined>;

/** What a rollout lets the user set; times in milliseconds. */
export type RolloutSettings = Pick<
  Config,
  | 'poll'
  | 'timeout'
  | 'maxFailures'
  | 'onFailure'
  | 'force'
  | 'noWait'
  | 'detachOnInterrupt'
  | 'until'
>;

/** One service, the revision that it moves to, and how. */
export interface Move extends WatchedMove {
  /**
   * `move` it with UpdateService, `stop` the deployment in progress with ROLLBACK, `continue` it with
   * `answer`, `follow` the PRIMARY deployment and change nothing, or `stay`.
   */
  readonly way: 'move' | 'stop' | 'continue' | 'follow' | 'stay';
  /** Why it is stopped; because `rollback` asks for it when absent. */
  readonly reason?: string;
  /** The deployment in progress, where it was read. */
  readonly record?: RolloutRecord | undefined;
  /** What is answered to the pause hook of the deployment. */
  readonly answer?: HookAnswer | undefined;
  /** `performance.now()` before the service was read; just now when absent. */
  readonly readAt?: number | undefined;
  /** Which moves come before it; none when absent. */
  readonly order?: Pick<Order, 'id' | 'after'> | undefined;
}

/** The time that a rollout has. */
export interface TimeLimit {
  /** `performance.now()` when the first service was moved. */
  readonly start: number;
  /** Aborted by an interrupt alone; the signal of the tools also by the time limit. */
  readonly interrupt: AbortSignal;
}

/** The longest delay of a timer, about 24 days. */
const LONGEST_TIMER = 2 ** 31 - 1;

const OUT_OF_TIME = new EcsDeployError({
  code: 'aws-unreachable',
  message: 'AWS did not answer within the time limit (--timeout).',
  hint: 'check the network, or raise --timeout',
});

/** Tools whose signal, and whose calls, also end with the time limit of `timeout` milliseconds. */
export function withTimeout(
  tools: RolloutTools,
  timeout: number,
  over = OUT_OF_TIME,
): RolloutTools {
  const { ecs } = tools;
  const controller = new AbortController();
  const { signal } = controller;
  // As many calls listen to it as to the signal of the run.
  setMaxListeners(0, signal);
  setTimeout(() => controller.abort(over), Math.min(timeout, LONGEST_TIMER)).unref();
  const interrupt = () => controller.abort(tools.signal.reason);
  if (tools.signal.aborted) interrupt();
  tools.signal.addEventListener('abort', interrupt, { once: true });
  return {
    ...tools,
    signal,
    ecs: { ...ecs, aws: { ...ecs.aws, options: { ...ecs.aws.options, signal } } },
  };
}

/** Settles with the work, or rejects as soon as the signal aborts although the work never settles. */
export function orAbort<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/**
 * Settles with the work, which must not be cut off; once the signal aborts, with `late()` unless the
 * work settles within `grace` milliseconds.
 */
export function orLate<T>(
  signal: AbortSignal,
  grace: number,
  work: Promise<T>,
  late: () => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const wait = () => {
      setTimeout(() => resolve(late()), grace).unref();
    };
    if (signal.aborted) wait();
    signal.addEventListener('abort', wait, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', wait));
  });
}

/** An error for users, also of what is a bug: after UpdateService no error may hide the result. */
export function reportable(error: unknown): EcsDeployError {
  if (error instanceof EcsDeployError) return error;
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new EcsDeployError({ code: 'unexpected', message, cause: error });
}

/** Whether an error is an interrupt, or a call that an interrupt ended. */
export function isInterrupt(error: unknown): boolean {
  return error instanceof EcsDeployError
    ? error.code === 'interrupted'
    : error instanceof Error && error.name === 'AbortError';
}
