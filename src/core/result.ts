import { EXIT_STATUS } from '../errors.ts';
import type { Change } from './changes.ts';
import type { Finding } from './checks.ts';
import type { Cause } from './diagnosis.ts';
import type { DeploymentStatus, EventStatus, TaskStatus } from '../report/reports.ts';
import type { JsonObject } from './task-definition.ts';

/** How a command, or one service of it, ended. */
export type Outcome =
  | 'succeeded'
  | 'unchanged'
  | 'planned'
  | 'failed'
  | 'rolled-back'
  | 'superseded'
  | 'timed-out'
  | 'unknown'
  | 'interrupted'
  | 'refused';

/** The image of a run, as the result names it. */
export interface ImageResult {
  readonly reference: string;
  readonly digest: string | null;
  readonly platform: string | null;
  readonly built: boolean;
  readonly pushed: boolean;
}

/** What became of one service. */
export interface ServiceResult {
  readonly cluster: string;
  readonly service: string;
  readonly outcome: Outcome;
  /** ARN of the revision that was deployed. */
  readonly taskDefinition: string | null;
  /** ARN of the revision that ran before. */
  readonly previousTaskDefinition: string | null;
  readonly registered: boolean;
  /** `ecs-svc/…`; null when no deployment was started. */
  readonly deployment: string | null;
  readonly desired: number;
  readonly running: number;
  readonly failedTasks: number;
  readonly causes: readonly Cause[];
  /** What differs from the revision that runs, of `render` and `deploy`; confidential values hidden. */
  readonly changes?: readonly Change[];
  /** What `render` prints; of a dry run only with `--show-values`: it holds environment values. */
  readonly definition?: JsonObject;
  /** What `status` shows besides. */
  readonly deployments?: readonly DeploymentStatus[];
  readonly tasks?: readonly TaskStatus[];
  readonly events?: readonly EventStatus[];
}

type Known = Pick<ServiceResult, 'cluster' | 'service' | 'outcome'> & Partial<ServiceResult>;

/** The result of a service of which only this much is known: no deployment, no task, no failure. */
export function serviceResult(known: Known): ServiceResult {
  return {
    taskDefinition: null,
    previousTaskDefinition: null,
    registered: false,
    deployment: null,
    desired: 0,
    running: 0,
    failedTasks: 0,
    causes: [],
    ...known,
  };
}

/** One line of a container's log. */
export interface LogLine {
  /** Id of the task. */
  readonly task: string;
  readonly container: string;
  /** ISO time, as CloudWatch has it. */
  readonly time: string;
  readonly message: string;
}

/** Wall seconds of each phase that ran. */
export type Seconds = Readonly<
  Partial<Record<'build' | 'push' | 'register' | 'rollout', number>> & { total: number }
>;

/** The document that `--json` prints; its shape is fixed for scripts. */
export interface Result {
  readonly outcome: Outcome;
  readonly command: string;
  readonly image: ImageResult | null;
  readonly services: readonly ServiceResult[];
  /** What `logs` prints, the oldest first. */
  readonly logs?: readonly LogLine[];
  /** What `verify` found. */
  readonly checks?: readonly Finding[];
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint: string | null;
  } | null;
  readonly seconds: Seconds;
}

const STATUS: Readonly<Record<Outcome, number>> = {
  succeeded: EXIT_STATUS.succeeded,
  unchanged: EXIT_STATUS.succeeded,
  planned: EXIT_STATUS.succeeded,
  failed: EXIT_STATUS.failed,
  'rolled-back': EXIT_STATUS.rolledBack,
  superseded: EXIT_STATUS.superseded,
  'timed-out': EXIT_STATUS.sightLost,
  unknown: EXIT_STATUS.sightLost,
  interrupted: EXIT_STATUS.interrupted,
  refused: EXIT_STATUS.refused,
};

/** Which outcome speaks for all services: the gravest, in the order that the exit statuses fix. */
const GRAVITY: readonly Outcome[] = [
  'interrupted',
  'failed',
  'rolled-back',
  'timed-out',
  'unknown',
  'superseded',
  'refused',
  'succeeded',
  'planned',
  'unchanged',
];

/** The outcome of a run over several services. */
export function overallOutcome(outcomes: readonly Outcome[]): Outcome {
  return GRAVITY.find((outcome) => outcomes.includes(outcome)) ?? 'unchanged';
}

/** The exit status of an outcome. */
export function statusOf(outcome: Outcome): number {
  return STATUS[outcome];
}
