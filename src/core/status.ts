import type { Cause } from './diagnosis.ts';
import { lastGood } from './ecs.ts';
import type { RolloutRecord, Service } from './ecs.ts';
import type { ShownImage } from './image.ts';
import type { ScheduleResult } from './scheduled.ts';

/** A service as `status` shows it. */
export interface ServiceStatus {
  readonly service: string;
  readonly cluster: string;
  readonly status: string;
  readonly desired: number;
  readonly running: number;
  readonly pending: number;
  /** ARN of the revision that the service is on. */
  readonly taskDefinition: string;
  /** ARN of the revision that takes the traffic now; null while no task runs. */
  readonly serving: string | null;
  readonly runningByRevision: RevisionCounts;
  readonly deployments: readonly DeploymentStatus[];
  readonly tasks: readonly TaskStatus[];
  readonly events: readonly EventStatus[];
  /** With the setting `schedules` only. */
  readonly schedules?: readonly ScheduleResult[];
}

/** A deployment as `status` shows it; times are ISO texts of the server's clock. */
export interface DeploymentStatus extends ShownImage {
  readonly id: string;
  readonly status: string;
  /** `family:revision` */
  readonly taskDefinition: string;
  readonly rolloutState: string | null;
  readonly desired: number;
  readonly running: number;
  readonly pending: number;
  readonly failedTasks: number;
  readonly createdAt: string | null;
  /** Status, stage and circuit breaker of its service deployment; null where these are not known. */
  readonly serviceDeployment: {
    readonly status: string;
    readonly stage: string | null;
    readonly failures: number | null;
    readonly threshold: number | null;
    /** The pause hook that waits for approval. */
    readonly pausedBy: string | null;
  } | null;
}

/** A task as `status` shows it. */
export interface TaskStatus {
  readonly id: string;
  /** `family:revision` */
  readonly taskDefinition: string;
  readonly lastStatus: string;
  readonly health: string;
  readonly since: string | null;
  readonly stoppedReason: string | null;
}

/** An event as `status` shows it. */
export interface EventStatus {
  readonly createdAt: string | null;
  readonly message: string;
}

/** What became of a deployment; `incomplete`: it succeeded, but fewer tasks run than desired. */
export type DeploymentState =
  | 'succeeded'
  | 'incomplete'
  | 'in-progress'
  | 'failed'
  | 'stopped'
  | 'rollback-requested'
  | 'rolling-back'
  | 'rolled-back'
  | 'rollback-failed';

/** How ECS ends a service deployment; every other status is one in progress. */
const ENDS: ReadonlyMap<string, DeploymentState> = new Map([
  ['SUCCESSFUL', 'succeeded'],
  ['ROLLBACK_SUCCESSFUL', 'rolled-back'],
  ['ROLLBACK_REQUESTED', 'rollback-requested'],
  ['ROLLBACK_IN_PROGRESS', 'rolling-back'],
  ['ROLLBACK_FAILED', 'rollback-failed'],
  ['STOPPED', 'stopped'],
]);

/** The state of a service deployment with this status of ECS. */
export function deploymentState(status: string): DeploymentState {
  return ENDS.get(status) ?? 'in-progress';
}

/** The deployment that a diagnosis is about. */
export interface Subject {
  /** `ecs-svc/…` */
  readonly deployment: string;
  /** ARN of the revision that it deploys. */
  readonly taskDefinition: string;
  readonly state: DeploymentState;
  readonly createdAt: Date;
  /** The reason that ECS gives; may be empty. */
  readonly reason: string;
  /** Lifecycle stage at which it waits for approval; undefined where it does not. */
  readonly pausedAt: string | undefined;
}

/** What was found out about one service. */
export interface Diagnosis {
  readonly service: string;
  readonly cluster: string;
  readonly desired: number;
  /** ARN of the revision that takes the traffic now; null while no task runs. */
  readonly serving: string | null;
  readonly running: RevisionCounts;
  /** Whether a circuit breaker ends a deployment whose tasks fail. */
  readonly hasBreaker: boolean;
  readonly subject: Subject;
  readonly causes: readonly Cause[];
  /** Messages of the events since the deployment started, the oldest first. */
  readonly events: readonly string[];
}

/**
 * ARN of the revision that takes the traffic now, or most of it; null while no task runs. Without a
 * record it is the revision with the most running tasks, and of equals the one that succeeded last.
 */
export function servingRevision(
  service: Service,
  record: RolloutRecord | undefined,
): string | null {
  const alive = service.deployments.filter(({ running }) => running > 0);
  if (record?.traffic !== undefined) {
    // While traffic is shifted in stages, running tasks do not tell who gets it.
    const isShifted = record.traffic >= 50;
    const one = alive.find(({ id }) => (id === record.deployment) === isShifted);
    if (one !== undefined) return one.taskDefinition;
  }
  // A deployment can succeed before ECS lists it as completed.
  const done = alive.find(({ id }) => record?.status === 'SUCCESSFUL' && id === record.deployment);
  const good = done?.taskDefinition ?? lastGood(service);
  const isGood = ({ taskDefinition }: { taskDefinition: string }) =>
    Number(taskDefinition === good);
  const [most] = alive.toSorted((a, b) => b.running - a.running || isGood(b) - isGood(a));
  return most?.taskDefinition ?? null;
}

/** Running tasks by the ARN of their revision. */
export type RevisionCounts = Readonly<Record<string, number>>;

/** Counts the running tasks of each revision, the PRIMARY deployment's first. */
export function runningByRevision({ deployments }: Pick<Service, 'deployments'>): RevisionCounts {
  const counts: Record<string, number> = {};
  for (const { taskDefinition, running } of deployments) {
    counts[taskDefinition] = (counts[taskDefinition] ?? 0) + running;
  }
  return counts;
}
