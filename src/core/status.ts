import type { CodeDeployNames } from './code-deploy.ts';
import type { Cause } from './diagnosis.ts';
import { CODE_DEPLOY, lastGood } from './ecs.ts';
import type { RolloutRecord, Service, Task } from './ecs.ts';
import { addressesOf, describeCheck, isAt, targetPort } from './load-balancer.ts';
import type { GroupHealth, Instances, TargetGroupProgress, TargetHealth } from './load-balancer.ts';
import type { ShownImage } from './image.ts';
import type { ScheduleResult } from './scheduled.ts';
import type { ServiceName } from './service-name.ts';
import type { OpenHook, Pause } from './stages.ts';

/** A service as `status` shows it. */
export interface ServiceStatus extends ServiceName {
  readonly status: string;
  readonly desired: number;
  readonly running: number;
  readonly pending: number;
  /** ARN of the revision that the service is on. */
  readonly taskDefinition: string;
  /** ARN of the revision that takes the traffic now; null while no task runs. */
  readonly serving: string | null;
  readonly runningByRevision: RevisionCounts;
  /** Null for a service that Express Mode has not made. */
  readonly express: ExpressStatus | null;
  /** Undefined for a service that CodeDeploy does not deploy, and where it cannot be read. */
  readonly codeDeploy?: CodeDeployNames | undefined;
  /** The pause hook at which the deployment waits; null where none does. */
  readonly paused: Pause | null;
  readonly deployments: readonly DeploymentStatus[];
  readonly tasks: readonly TaskStatus[];
  /** Empty without a load balancer; null where it cannot be read. */
  readonly targetGroups: readonly TargetGroupStatus[] | null;
  readonly events: readonly EventStatus[];
  /** With the setting `schedules` only. */
  readonly schedules?: readonly ScheduleResult[];
}

/** What `status` shows of an Express service. */
export interface ExpressStatus {
  /** URL of the application; null where it cannot be read. */
  readonly endpoint: string | null;
  /** ARN of the revision that Express Mode was last asked to deploy; null where it cannot be read. */
  readonly taskDefinition: string | null;
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
  /** Digests of the image in the running tasks; two where someone has moved the tag. */
  readonly digests: readonly string[];
  /** Status, stage and circuit breaker of its service deployment; null where these are not known. */
  readonly serviceDeployment: {
    readonly status: string;
    readonly stage: string | null;
    readonly failures: number | null;
    readonly threshold: number | null;
    /** Percentages of production and test traffic that its tasks get, where it is shifted. */
    readonly traffic: number | null;
    readonly testTraffic: number | null;
    /** Of the test traffic, the percentage of the tasks before. */
    readonly oldTestTraffic: number | null;
    /** The pause hook that waits for approval. */
    readonly pausedBy: string | null;
    /** Lifecycle hooks that run or wait. */
    readonly hooks: readonly OpenHook[];
    /** Names of the alarms that ECS watches, and of those that fired. */
    readonly alarms: { readonly armed: readonly string[]; readonly fired: readonly string[] };
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

/** A target group as `status` shows it. */
export interface TargetGroupStatus {
  readonly name: string;
  readonly arn: string;
  /** E.g. `HTTP /health on port 8080, expects 200; every 30s, unhealthy after 2 failures`. */
  readonly healthCheck: string;
  /** Number of targets by their state. */
  readonly counts: Readonly<Record<string, number>>;
  readonly targets: readonly TargetStatus[];
}

/** A target as `status` shows it. */
export interface TargetStatus {
  /** Id of the task; null where the target is none of the tasks that ECS shows. */
  readonly task: string | null;
  /** `ADDRESS:PORT` or `INSTANCE:PORT`. */
  readonly target: string;
  readonly zone: string | null;
  readonly state: string;
  readonly reason: string | null;
  readonly description: string | null;
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
  ['FAILED', 'failed'],
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

/** A target group with the tasks of its targets. */
export function targetGroupStatus(
  { group, targets }: GroupHealth,
  tasks: readonly Task[],
  service: Pick<Service, 'loadBalancers'>,
  instances: Instances,
): TargetGroupStatus {
  const counts: Record<string, number> = {};
  for (const { state } of targets) counts[state] = (counts[state] ?? 0) + 1;
  const port = targetPort(service, group.arn);
  const taskAt = (target: Pick<TargetHealth, 'id' | 'port'>) =>
    tasks.find((task) => isAt(target, new Set(addressesOf(task, service, instances))));
  return {
    name: group.name,
    arn: group.arn,
    healthCheck: describeCheck(group, port),
    counts,
    targets: targets.map(({ id, port: own, zone = null, state, reason = null, description }) => ({
      task: taskAt({ id, port: own })?.id ?? null,
      target: own === undefined ? id : `${id}:${own}`,
      zone,
      state,
      reason,
      description: description === '' ? null : description,
    })),
  };
}

/** What was found out about one service. */
export interface Diagnosis extends ServiceName {
  readonly desired: number;
  /** ARN of the revision that takes the traffic now; null while no task runs. */
  readonly serving: string | null;
  readonly running: RevisionCounts;
  /** Whether a circuit breaker ends a deployment whose tasks fail. */
  readonly hasBreaker: boolean;
  readonly subject: Subject;
  readonly causes: readonly Cause[];
  /** Of a deployment in progress: what the load balancer says of its tasks. */
  readonly targetGroups: readonly TargetGroupProgress[];
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
    // While traffic is shifted in stages, running tasks do not show who gets it.
    const isShifted = record.traffic >= 50;
    const one = alive.find(({ id }) => (id === record.deployment) === isShifted);
    if (one !== undefined) return one.taskDefinition;
  }
  // The PRIMARY task set has the traffic, however many tasks the others run.
  if (service.controller === CODE_DEPLOY) {
    return alive.find(({ status }) => status === 'PRIMARY')?.taskDefinition ?? null;
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
