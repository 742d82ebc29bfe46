/** Exit statuses of the command, fixed for scripts: 2 to 5 and 10 mean that no service was changed. */
export const EXIT_STATUS = {
  succeeded: 0,
  unexpected: 1,
  usage: 2,
  refused: 3,
  aws: 4,
  docker: 5,
  failed: 6,
  rolledBack: 7,
  superseded: 8,
  sightLost: 9,
  commandFailed: 10,
  interrupted: 130,
} as const;

/** One of {@link EXIT_STATUS}. */
export type ExitStatus = (typeof EXIT_STATUS)[keyof typeof EXIT_STATUS];

/** Every error code with the exit status it ends in. */
export const ERROR_STATUS = {
  unexpected: EXIT_STATUS.unexpected,
  usage: EXIT_STATUS.usage,
  'setting-missing': EXIT_STATUS.usage,
  'config-invalid': EXIT_STATUS.usage,
  'config-not-found': EXIT_STATUS.usage,
  'region-missing': EXIT_STATUS.usage,
  'profile-unknown': EXIT_STATUS.usage,
  'arn-elsewhere': EXIT_STATUS.usage,
  'tag-unknown': EXIT_STATUS.usage,
  'git-distrusted': EXIT_STATUS.usage,
  'dockerfile-missing': EXIT_STATUS.usage,
  'context-missing': EXIT_STATUS.usage,
  'dockerignore-invalid': EXIT_STATUS.usage,
  'secret-missing': EXIT_STATUS.usage,
  'task-definition-invalid': EXIT_STATUS.usage,
  'container-ambiguous': EXIT_STATUS.usage,
  'hook-ambiguous': EXIT_STATUS.usage,
  'container-missing': EXIT_STATUS.refused,
  'container-port': EXIT_STATUS.refused,
  'image-platform': EXIT_STATUS.refused,
  'image-missing': EXIT_STATUS.refused,
  'image-archived': EXIT_STATUS.refused,
  'commit-unknown': EXIT_STATUS.refused,
  'tag-immutable': EXIT_STATUS.refused,
  'tag-taken': EXIT_STATUS.refused,
  'check-failed': EXIT_STATUS.refused,
  'service-inactive': EXIT_STATUS.refused,
  'deployment-controller': EXIT_STATUS.refused,
  'deployment-group-missing': EXIT_STATUS.refused,
  'app-spec-unreadable': EXIT_STATUS.refused,
  'not-confirmed': EXIT_STATUS.refused,
  'commit-older': EXIT_STATUS.refused,
  'service-busy': EXIT_STATUS.refused,
  'service-changed': EXIT_STATUS.refused,
  'revision-failed': EXIT_STATUS.refused,
  'revision-inactive': EXIT_STATUS.refused,
  'rollback-impossible': EXIT_STATUS.refused,
  'not-paused': EXIT_STATUS.refused,
  'credentials-missing': EXIT_STATUS.aws,
  'credentials-expired': EXIT_STATUS.aws,
  'credentials-invalid': EXIT_STATUS.aws,
  'permission-denied': EXIT_STATUS.aws,
  'aws-unreachable': EXIT_STATUS.aws,
  'aws-answer-broken': EXIT_STATUS.aws,
  'aws-rejected': EXIT_STATUS.aws,
  'cluster-missing': EXIT_STATUS.aws,
  'service-missing': EXIT_STATUS.aws,
  'repository-missing': EXIT_STATUS.aws,
  'task-definition-missing': EXIT_STATUS.aws,
  'docker-unavailable': EXIT_STATUS.docker,
  'docker-unsuitable': EXIT_STATUS.docker,
  'before-failed': EXIT_STATUS.docker,
  'build-failed': EXIT_STATUS.docker,
  'push-failed': EXIT_STATUS.docker,
  'digest-mismatch': EXIT_STATUS.docker,
  'rollout-check-failed': EXIT_STATUS.failed,
  'sight-lost': EXIT_STATUS.sightLost,
  'command-failed': EXIT_STATUS.commandFailed,
  interrupted: EXIT_STATUS.interrupted,
} as const satisfies Readonly<Record<string, ExitStatus>>;

/** A code of {@link ERROR_STATUS}. */
export type ErrorCode = keyof typeof ERROR_STATUS;

/** The parts of an {@link EcsDeployError}. */
export interface ErrorParts {
  readonly code: ErrorCode;
  /** What happened, naming the thing and the place. */
  readonly message: string;
  /** What to do, with the command or the flag. */
  readonly hint?: string | undefined;
  /** The error that this one translates. */
  readonly cause?: unknown;
}

/** An error that a user can act on; any other error that reaches the top is a bug. */
export class EcsDeployError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  /** The single problems when several were found at once; empty otherwise. */
  readonly problems: readonly EcsDeployError[];

  constructor(parts: ErrorParts, problems: readonly EcsDeployError[] = []) {
    super(parts.message, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = 'EcsDeployError';
    this.code = parts.code;
    this.hint = parts.hint;
    this.problems = problems;
  }

  get status(): ExitStatus {
    return ERROR_STATUS[this.code];
  }
}

/** Throws the problem, or one error with all of them; returns when there is none. */
export function refuse(problems: readonly EcsDeployError[]): void {
  const [first] = problems;
  if (first === undefined) return;
  if (problems.length === 1) throw first;
  const message = problems.map((problem) => problem.message).join('\n');
  const hints = problems.flatMap((problem) => problem.hint ?? []);
  throw new EcsDeployError({ code: first.code, message, hint: hints.join('\n') }, problems);
}

/** Waits for all and returns their values; throws all failures together. */
export async function allOrRefuse<T extends readonly Promise<unknown>[]>(
  promises: readonly [...T],
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const ends = await Promise.allSettled(promises);
  const problems = new Map<string, EcsDeployError>();
  for (const end of ends) {
    if (end.status === 'fulfilled') continue;
    if (!(end.reason instanceof EcsDeployError)) throw end.reason;
    for (const problem of end.reason.problems.length > 0 ? end.reason.problems : [end.reason]) {
      problems.set(problem.message, problem);
    }
  }
  refuse([...problems.values()]);
  return ends.map((end) => (end as PromiseFulfilledResult<unknown>).value) as never;
}
