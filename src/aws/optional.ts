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

/** Awaits a read that can be denied: one warning names the permission, and undefined is the answer. */
export async function optional<T>(
  { emit }: { readonly emit: Emit },
  what: string,
  read: Promise<T>,
): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (!isDenied(error)) throw error;
    emit({
      kind: 'warning',
      message: `Continuing without ${what}: ${error.message}`,
      hint: error.hint,
    });
    return undefined;
  }
}
