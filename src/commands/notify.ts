import type { Result } from '../core/result.ts';
import type { Context } from './context.ts';
import { runHook } from './hooks.ts';

/** Milliseconds that the notification has. */
const LIMIT = 60_000;

/** Makes what runs `notify` of the config file with the result; its failure is a warning. */
export function notifier(context: Context, command: string): (result: Result) => Promise<void> {
  return async (result) => {
    const signal = AbortSignal.timeout(LIMIT);
    const how = await runHook(context, { name: 'notify', command, result, signal }).then(
      (failure) => failure?.how,
      (error: unknown) =>
        signal.aborted
          ? `did not end within ${LIMIT / 1000} s`
          : `could not be run (${(error as Error).message})`,
    );
    if (how === undefined) return;
    context.emit({ kind: 'warning', message: `notify "${command}" ${how}.` });
  };
}
