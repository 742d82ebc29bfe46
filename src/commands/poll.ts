import { setTimeout as sleep } from 'node:timers/promises';
import { awsErrorText, isPassing } from '../aws/errors.ts';
import { EcsDeployError } from '../errors.ts';
import type { Context } from './context.ts';

/**
 * Acts every `--poll` until it resolves to false or the user interrupts it; a failure that passes is
 * one warning.
 */
export async function poll(
  { config, signal, emit }: Context<'logs' | 'status'>,
  act: () => Promise<boolean>,
): Promise<void> {
  for (let isTroubled = false; ;) {
    try {
      await sleep(config.poll, undefined, { signal });
      if (!(await act())) return;
      isTroubled = false;
    } catch (error) {
      if (signal.aborted) return;
      if (!isPassing(error)) throw error;
      if (!isTroubled)
        emit({ kind: 'warning', message: `Cannot reach AWS (${awsErrorText(error)}); retrying` });
      isTroubled = true;
    }
  }
}

/** Throws where `--json` is given: it prints one document at the end, and `flag` has no end. */
export function refuseJson({ json }: { readonly json: boolean }, flag: string): void {
  if (!json) return;
  throw new EcsDeployError({
    code: 'usage',
    message: `${flag} and --json cannot be combined: --json prints one document at the end.`,
    hint: 'omit one of them',
  });
}
