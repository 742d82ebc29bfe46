import { CHECK_NAMES } from '../core/check-names.ts';
import { EcsDeployError, refuse } from '../errors.ts';
import type { Emit } from '../events.ts';
import type { PlanFinding } from './findings.ts';

/**
 * Emits every warning, and throws all failures together. `left` says what this run has already
 * created, e.g. a registered revision.
 */
export function enforce(
  { emit }: { readonly emit: Emit },
  findings: readonly PlanFinding[],
  left = '',
): void {
  for (const finding of findings) {
    const { status, hint } = finding;
    if (status === 'warn') emit({ kind: 'warning', message: messageOf(finding), hint });
  }
  const errors = findings
    .filter(({ status }) => status === 'fail')
    .map((item) => errorOf(item, left));
  refuse([...new Map(errors.map((error) => [error.message, error])).values()]);
}

function errorOf(finding: PlanFinding, left: string): EcsDeployError {
  const { error, check, code = 'check-failed', hint } = finding;
  if (error !== undefined) return error;
  const isSkippable = (CHECK_NAMES as readonly string[]).includes(check);
  const skipping = isSkippable ? `to continue anyway: --skip-check ${check}` : undefined;
  return new EcsDeployError({
    code,
    message: `${messageOf(finding)}${left}`,
    hint: [hint, skipping].filter((part) => part !== undefined).join('; '),
  });
}

/** The message, with its service if the message does not name it. */
function messageOf({ about, message, code }: PlanFinding): string {
  return about.startsWith('service ') && code === undefined ? `${about}: ${message}` : message;
}
