/** Why a deployment ends without success. */
export interface DeploymentFailure extends Error {
  /** Code of `errorInformation`. */
  readonly code: string;
  readonly status: 'Failed' | 'Stopped';
  /** Of the lifecycle event that failed. */
  readonly diagnostics?: Readonly<Record<string, unknown>> | undefined;
}

/** Creates the error with which a deployment ends. */
export function failure(
  code: string,
  message: string,
  more: Partial<Pick<DeploymentFailure, 'status' | 'diagnostics'>> = {},
): DeploymentFailure {
  return Object.assign(new Error(message), { code, status: 'Failed' as const, ...more });
}

export function isFailure(error: unknown): error is DeploymentFailure {
  return error instanceof Error && 'code' in error && 'status' in error && isEnd(error.status);
}

function isEnd(status: unknown): boolean {
  return status === 'Failed' || status === 'Stopped';
}
