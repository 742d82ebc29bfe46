import { connect } from './client.ts';
import type { Aws } from './client.ts';
import { awsErrorName } from './errors.ts';
import type { Context } from '../commands/context.ts';
import { EcsDeployError } from '../errors.ts';

/** Connects to AWS with the profile and region of a run; throws `profile-unknown`. */
export function connectAws({ config, environment, ask, emit, signal }: Context): Promise<Aws> {
  return connect({
    profile: config.profile,
    region: config.region,
    environment,
    ask,
    signal,
    onCall: (call) => emit({ kind: 'api-call', ...call }),
  });
}

/** Whether a call may not be made, or is none that this AWS (an emulator, a region) knows. */
export function isWithheld(error: unknown): error is EcsDeployError {
  return (
    error instanceof EcsDeployError &&
    (error.code === 'permission-denied' ||
      /UnknownOperation|UnsupportedFeature|NotImplemented/.test(awsErrorName(error)))
  );
}

/** Awaits a read that may be withheld: one warning names the permission, and undefined is the answer. */
export async function optional<T>(
  { emit }: Pick<Context, 'emit'>,
  action: string,
  read: Promise<T>,
): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (!isWithheld(error)) throw error;
    emit({
      kind: 'warning',
      message: `Going on without ${action}: ${error.message}`,
      hint: error.hint,
    });
    return undefined;
  }
}

/** Seconds since a `performance.now()`, to the millisecond. */
export function since(start: number): number {
  return Math.round(performance.now() - start) / 1000;
}
