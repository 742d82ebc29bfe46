import type { CheckName, SkippableCheck } from '../core/check-names.ts';
import { skip } from '../core/checks.ts';
import type { Answer, Finding } from '../core/checks.ts';
import type { EcsDeployError } from '../errors.ts';

/** A finding, with the error of its failure if that is not made from the finding itself. */
export interface PlanFinding extends Finding {
  readonly error?: EcsDeployError;
}

/** A part of a plan; its plan is undefined where it cannot be made. */
export interface Part<T> {
  readonly plan: T | undefined;
  readonly findings: readonly PlanFinding[];
}

/** Makes one finding, unless the user skips the check. */
export type Check = (name: SkippableCheck, about: string, answer: () => Answer) => PlanFinding;

export function checker(skipCheck: readonly SkippableCheck[]): Check {
  return (name, about, answer) => ({
    check: name,
    about,
    ...(skipCheck.includes(name) ? skip(`skipped (--skip-check ${name})`) : answer()),
  });
}

/** The findings of an error, one per problem. */
export function failures(check: CheckName, about: string, error: EcsDeployError): PlanFinding[] {
  const problems = error.problems.length > 0 ? error.problems : [error];
  return problems.map((problem) => ({
    check,
    about,
    status: 'fail',
    message: problem.message,
    hint: problem.hint,
    error: problem,
  }));
}
