import { EcsDeployError } from '../errors.ts';

/** A read that may have failed in a way the user can act on, so that all problems come at once. */
export type Read<T> = { readonly value: T } | { readonly error: EcsDeployError };

/** Awaits a read; rejects only for what is not an {@link EcsDeployError}. */
export async function attempt<T>(work: Promise<T>): Promise<Read<T>> {
  try {
    return { value: await work };
  } catch (error) {
    if (!(error instanceof EcsDeployError)) throw error;
    return { error };
  }
}

/** Runs pure work in the same form. */
export function attemptNow<T>(work: () => T): Read<T> {
  try {
    return { value: work() };
  } catch (error) {
    if (!(error instanceof EcsDeployError)) throw error;
    return { error };
  }
}

/** The value of a read; undefined when it failed. */
export function valueOf<T>(read: Read<T> | undefined): T | undefined {
  return read !== undefined && 'value' in read ? read.value : undefined;
}
