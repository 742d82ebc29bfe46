import { EcsDeployError } from '../errors.ts';

/** A read, or its error: errors are collected, so that all problems are reported at once. */
export type Read<T> = { readonly value: T } | { readonly error: EcsDeployError };

/** Awaits a read; rejects only with an error that is not an {@link EcsDeployError}. */
export async function attempt<T>(work: Promise<T>): Promise<Read<T>> {
  try {
    return { value: await work };
  } catch (error) {
    if (!(error instanceof EcsDeployError)) throw error;
    return { error };
  }
}

/** The same for a function that does not wait. */
export function attemptNow<T>(work: () => T): Read<T> {
  try {
    return { value: work() };
  } catch (error) {
    if (!(error instanceof EcsDeployError)) throw error;
    return { error };
  }
}

/** The value of a read; undefined if it failed. */
export function valueOf<T>(read: Read<T> | undefined): T | undefined {
  return read !== undefined && 'value' in read ? read.value : undefined;
}
