import { EXIT_STATUS } from '../errors.ts';
import type { ExitStatus } from '../errors.ts';
import type { Change } from './changes.ts';
import type { CodeDeployNames } from './code-deploy.ts';
import type { Finding } from './checks.ts';
import type { Cause } from './diagnosis.ts';
import type { PastDeployment, ServiceHistory } from './history.ts';
import type { PrunedFamily } from './prune.ts';
import type { ScheduleResult } from './scheduled.ts';
import type { ServiceName } from './service-name.ts';
import type { Pause } from './stages.ts';
import type {
  DeploymentStatus,
  Diagnosis,
  EventStatus,
  ExpressStatus,
  RevisionCounts,
  ServiceStatus,
  TargetGroupStatus,
  TaskStatus,
} from './status.ts';
import type { JsonObject } from './task-definition.ts';

/** How a command, or one service of it, ended. */
export type Outcome =
  | 'succeeded'
  | 'unchanged'
  | 'planned'
  /** At a pause hook, as `--until paused` asks. */
  | 'paused'
  | 'failed'
  | 'rolled-back'
  | 'superseded'
  | 'timed-out'
  | 'unknown'
  | 'interrupted'
  /** Not started, because a service that it comes after has failed. */
  | 'skipped'
  | 'refused';

/** The image of a run, as the result names it. */
export interface ImageResult {
  readonly reference: string;
  readonly digest: string | null;
  readonly platform: string | null;
  readonly built: boolean;
  readonly pushed: boolean;
}

/** The image of a run with its name in `images` of the config; undefined without them. */
export type NamedImageResult = ImageResult & { readonly name: string | undefined };

/** The images of a document: the only one is its `image` too. */
export function imagesOf(images: readonly NamedImageResult[]): Pick<Result, 'image' | 'images'> {
  const [first, ...others] = images;
  if (first === undefined) return { image: null };
  const { name, ...image } = first;
  if (name === undefined) return { image };
  const named = images.map((item) => ({ ...item, name: item.name ?? '' }));
  return { image: others.length === 0 ? image : null, images: named };
}

/** What became of one service. */
export interface ServiceResult extends ServiceName {
  readonly outcome: Outcome;
  /** ARN of the revision that was deployed. */
  readonly taskDefinition: string | null;
  /** ARN of the revision that ran before. */
  readonly previousTaskDefinition: string | null;
  /** ARN of the revision that takes the traffic now; null where that is not known, or none does. */
  readonly serving: string | null;
  /** Of every deployment that ECS still shows; empty where that is not known. */
  readonly runningByRevision: RevisionCounts;
  readonly registered: boolean;
  /** The pause hook at which the deployment waits; null where none does. */
  readonly paused: Pause | null;
  /** `ecs-svc/…`; null when no deployment was started. */
  readonly deployment: string | null;
  readonly desired: number;
  readonly running: number;
  readonly failedTasks: number;
  readonly causes: readonly Cause[];
  /** The page of the service in the AWS console; null where none is known, as in the sandbox. */
  readonly console: string | null;
  /** Of `render` and `deploy`: the changes to the running revision, with confidential values hidden. */
  readonly changes?: readonly Change[];
  /** Names of the services that it comes after, where it comes after any. */
  readonly after?: readonly string[];
  /** With the setting `schedules` only: the scheduled tasks of the family, and what became of them. */
  readonly schedules?: readonly ScheduleResult[];
  /** What `render` prints. A dry run has it with `--show-values` only: it holds environment values. */
  readonly definition?: JsonObject;
  /** Members of `status` only. */
  readonly express?: ExpressStatus | null;
  readonly codeDeploy?: CodeDeployNames;
  readonly deployments?: readonly DeploymentStatus[];
  readonly tasks?: readonly TaskStatus[];
  readonly targetGroups?: readonly TargetGroupStatus[] | null;
  readonly events?: readonly EventStatus[];
  /** Members of `history` only: the newest first, and the ARN of the revision that `rollback` goes to. */
  readonly history?: readonly PastDeployment[];
  readonly rollbackTo?: string | null;
  readonly hasOlder?: boolean;
}

type Known = ServiceName & Pick<ServiceResult, 'outcome'> & Partial<ServiceResult>;

/** The result of a service with defaults for what is not known: no deployment, no task, no failure. */
export function serviceResult(known: Known): ServiceResult {
  return {
    taskDefinition: null,
    previousTaskDefinition: null,
    serving: null,
    runningByRevision: {},
    registered: false,
    paused: null,
    deployment: null,
    desired: 0,
    running: 0,
    failedTasks: 0,
    causes: [],
    console: null,
    ...known,
  };
}

/** What became of a one-off task: of `run`, or of an entry of `release`. */
export interface TaskResult {
  /** ARN; null when no task was started. */
  readonly task: string | null;
  /** The container whose exit code decides. */
  readonly container: string;
  /** Null for a container that never started, or has not stopped. */
  readonly exitCode: number | null;
  readonly stopCode: string | null;
  /** `unknown` where its end was not awaited, or cannot be known. */
  readonly outcome: 'succeeded' | 'failed' | 'interrupted' | 'refused' | 'unknown';
  readonly causes: readonly Cause[];
  readonly seconds: number;
}

/** One line of a container's log. */
export interface LogLine {
  /** Id of the task. */
  readonly task: string;
  readonly container: string;
  /** ISO time, as CloudWatch has it. */
  readonly time: string;
  readonly message: string;
  /** Whether the task has stopped, or is stopping. */
  readonly stopped: boolean;
}

/** What a command prints on stdout, as data; `report/` words it. */
export type Output =
  | { readonly kind: 'text'; readonly text: string }
  /** Lines of others, as a command has written them. */
  | { readonly kind: 'lines'; readonly lines: readonly string[] }
  | { readonly kind: 'diff'; readonly changes: readonly Change[] }
  | {
      readonly kind: 'status';
      readonly services: readonly ServiceStatus[];
      /** Time of the server's clock when they were read. */
      readonly at: Date;
    }
  | { readonly kind: 'history'; readonly services: readonly ServiceHistory[] }
  | { readonly kind: 'diagnosis'; readonly services: readonly Diagnosis[] }
  | {
      readonly kind: 'prune';
      readonly families: readonly PrunedFamily[];
      readonly keep: number;
      /** Milliseconds. */
      readonly olderThan: number;
    }
  | {
      readonly kind: 'logs';
      readonly lines: readonly LogLine[];
      /** Whether each line names its container, and its time. */
      readonly withContainer: boolean;
      readonly withTime: boolean;
      /** Ids of the tasks, in the order in which they were found. */
      readonly tasks: readonly string[];
    };

/** Something to know about a line of a workflow that `init` read. */
export interface Remark {
  /** File and line, e.g. `deploy.yml:12`. */
  readonly place: string;
  /** `ok`: ecsdeploy does it by itself. `warn`: the config file does not have it. */
  readonly status: 'ok' | 'warn';
  readonly message: string;
}

/** The config file that `init` made. */
export interface InitResult {
  /** Absolute. */
  readonly file: string;
  readonly content: string;
  /** What the workflow has and the file does not, in the order of its lines. */
  readonly remarks: readonly Remark[];
  /** Settings that only a run of the workflow knows. */
  readonly missing: readonly string[];
  /** The workflow that replaces the one that was read. */
  readonly workflow: string | null;
}

/** Wall seconds of each phase that ran. */
export type Seconds = Readonly<
  Partial<Record<'build' | 'push' | 'register' | 'release' | 'run' | 'rollout', number>> & {
    total: number;
  }
>;

/** The document that `--json` prints; its shape is fixed for scripts. */
export interface Result {
  readonly outcome: Outcome;
  readonly command: string;
  /** Null for none, and for several. */
  readonly image: ImageResult | null;
  /** With `images` in the config file only, in its order. */
  readonly images?: readonly (ImageResult & { readonly name: string })[];
  readonly services: readonly ServiceResult[];
  /** The one-off tasks of `run` and `release`, in the order in which they were started. */
  readonly tasks?: readonly TaskResult[];
  /** What `logs` prints, the oldest first. */
  readonly logs?: readonly LogLine[];
  /** What `verify` found. */
  readonly checks?: readonly Finding[];
  /** What `prune` keeps, and what it did or would do with the rest. */
  readonly prune?: readonly PrunedFamily[];
  /** What `init` wrote, or would write. */
  readonly init?: InitResult;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint: string | null;
  } | null;
  readonly seconds: Seconds;
}

/**
 * How each outcome ends the command, and how grave it is. Where services end differently, the gravest
 * decides: the first of the exit statuses 6, 7, 9, 8 that occurs.
 */
const OUTCOMES = {
  interrupted: { status: EXIT_STATUS.interrupted, gravity: 11 },
  failed: { status: EXIT_STATUS.failed, gravity: 10 },
  'rolled-back': { status: EXIT_STATUS.rolledBack, gravity: 9 },
  'timed-out': { status: EXIT_STATUS.sightLost, gravity: 8 },
  unknown: { status: EXIT_STATUS.sightLost, gravity: 7 },
  superseded: { status: EXIT_STATUS.superseded, gravity: 6 },
  refused: { status: EXIT_STATUS.refused, gravity: 5 },
  paused: { status: EXIT_STATUS.succeeded, gravity: 4 },
  succeeded: { status: EXIT_STATUS.succeeded, gravity: 3 },
  planned: { status: EXIT_STATUS.succeeded, gravity: 2 },
  unchanged: { status: EXIT_STATUS.succeeded, gravity: 1 },
  // The outcome of its predecessor decides.
  skipped: { status: EXIT_STATUS.refused, gravity: 0 },
} as const satisfies Readonly<
  Record<Outcome, { readonly status: ExitStatus; readonly gravity: number }>
>;

/** The outcome of a run over several services: the gravest; `unknown` where there is none. */
export function overallOutcome(outcomes: readonly Outcome[]): Outcome {
  const [gravest = 'unknown'] = outcomes.toSorted(
    (a, b) => OUTCOMES[b].gravity - OUTCOMES[a].gravity,
  );
  return gravest;
}

/**
 * The outcome of a command that ends with a task and an error of this code. Only an interrupt of the
 * command itself counts as one: a task that AWS takes away has failed.
 */
export function outcomeOfTask({ outcome }: Pick<TaskResult, 'outcome'>, code: string): Outcome {
  return outcome === 'interrupted' && code !== 'interrupted' ? 'failed' : outcome;
}

/** The values of a result that other steps and programs use, by the name of an output. */
export function resultValues({
  outcome,
  image,
  services,
}: Pick<Result, 'outcome' | 'image' | 'services'>) {
  return {
    outcome,
    image: image?.reference,
    digest: image?.digest,
    'task-definition': services[0]?.taskDefinition,
    deployment: services[0]?.deployment,
  };
}

/** The exit status of an outcome. */
export function statusOf(outcome: Outcome): ExitStatus {
  return OUTCOMES[outcome].status;
}

/** The outcome of a command that ends with an error of this exit status. */
export function outcomeOfError(status: ExitStatus): Outcome {
  switch (status) {
    case EXIT_STATUS.usage:
    case EXIT_STATUS.refused:
    case EXIT_STATUS.aws:
    case EXIT_STATUS.docker:
      return 'refused';
    case EXIT_STATUS.sightLost:
      return 'unknown';
    case EXIT_STATUS.interrupted:
      return 'interrupted';
    default:
      return 'failed';
  }
}
