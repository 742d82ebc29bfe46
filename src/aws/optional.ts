import { EcsDeployError } from '../errors.ts';
import type { Emit } from '../events.ts';
import { awsErrorName } from './errors.ts';

/** Whether a call is denied, or unknown to this AWS (an emulator, a region). */
export function isDenied(error: unknown): error is EcsDeployError {
  return (
    error instanceof EcsDeployError &&
    (error.code === 'permission-denied' ||
      /UnknownOperation|UnsupportedFeature|NotImplemented/.test(awsErrorName(error)))
  );
}

/**
 * Whether an error says nothing about what is looked at, so that a check must not fail for it. Without
 * credentials or a region, no other call works either.
 */
export function isUnknown(error: unknown): error is EcsDeployError {
  return (
    error instanceof EcsDeployError &&
    !/^(credentials|region)-/.test(error.code) &&
    !/NotFound/.test(awsErrorName(error))
  );
}

/** Whether an error only means that a read of something optional failed, missing things included. */
export function isUnread(error: unknown): error is EcsDeployError {
  return error instanceof EcsDeployError && !/^(credentials|region)-/.test(error.code);
}

/**
 * Awaits a read that can be denied: one warning names the permission, however many reads need it, and
 * undefined is the answer. `isIgnored` chooses the errors for which this holds.
 */
export async function optional<T>(
  { emit }: { readonly emit: Emit },
  what: string,
  read: Promise<T>,
  isIgnored: (error: unknown) => error is EcsDeployError = isDenied,
): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (!isIgnored(error)) throw error;
    emit({
      kind: 'warning',
      message: `Continuing without ${what}: ${error.message}`,
      hint: error.hint,
      reason: error.message,
    });
    return undefined;
  }
}
