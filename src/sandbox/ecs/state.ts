import type { PullImage } from '../images.ts';
import type { LogStore } from '../logs.ts';
import type { Agenda } from './agenda.ts';
import type { ContainerDefinition, Tag, TaskDefinition } from './definition.ts';
import type { ArmedFault } from './faults.ts';

// The state of the simulated control plane. What changes in the course of a simulation is mutable;
// the answers of the API are made from it by views.ts.

/** A cluster and its services by name. */
export interface Cluster {
  readonly name: string;
  readonly arn: string;
  readonly services: Map<string, Service>;
}

/** `deploymentConfiguration` of a service, with defaults filled in. */
export interface DeploymentConfiguration {
  readonly maximumPercent: number;
  readonly minimumHealthyPercent: number;
  readonly deploymentCircuitBreaker: {
    readonly enable: boolean;
    readonly rollback: boolean;
    readonly resetOnHealthyTask?: boolean;
    readonly thresholdConfiguration?: { readonly type?: string; readonly value?: number };
  };
  readonly strategy?: string;
  readonly bakeTimeInMinutes?: number;
  readonly alarms?: {
    readonly alarmNames?: readonly string[];
    readonly enable?: boolean;
    readonly rollback?: boolean;
  };
  readonly earlySuccessCriteria?: {
    readonly enable?: boolean;
    readonly healthyPercent?: number;
    readonly sourceServiceRevisionCleanup?: string;
  };
  readonly linearConfiguration?: {
    readonly stepPercent?: number;
    readonly stepBakeTimeInMinutes?: number;
  };
  readonly canaryConfiguration?: {
    readonly canaryPercent?: number;
    readonly canaryBakeTimeInMinutes?: number;
  };
  readonly lifecycleHooks?: readonly LifecycleHook[];
  readonly [member: string]: unknown;
}

/** What runs, or waits for somebody, at some stages of a deployment. */
export interface LifecycleHook {
  readonly targetType?: string;
  readonly hookTargetArn?: string;
  readonly lifecycleStages?: readonly string[];
  readonly timeoutConfiguration?: {
    readonly timeoutInMinutes?: number;
    readonly action?: HookAction;
  };
  readonly [member: string]: unknown;
}

/** What becomes of a deployment whose hook is answered or times out. */
export type HookAction = 'CONTINUE' | 'ROLLBACK';

/** A load balancer's target group and the container behind it. */
interface LoadBalancer {
  readonly targetGroupArn?: string;
  readonly containerName?: string;
  readonly containerPort?: number;
  readonly advancedConfiguration?: {
    readonly productionListenerRule?: string;
    readonly testListenerRule?: string;
    readonly [member: string]: unknown;
  };
  readonly [member: string]: unknown;
}

/** What CreateService and UpdateService configure; other members are kept and returned. */
export interface ServiceSettings {
  readonly desiredCount: number;
  readonly deploymentConfiguration: DeploymentConfiguration;
  readonly loadBalancers: readonly LoadBalancer[];
  readonly deploymentController?: { readonly type: string };
  readonly launchType?: string;
  readonly healthCheckGracePeriodSeconds?: number;
  readonly networkConfiguration?: {
    readonly awsvpcConfiguration?: Readonly<Record<string, unknown>>;
  };
  readonly [member: string]: unknown;
}

/** A service with everything that belongs to it. */
export interface Service {
  readonly name: string;
  readonly arn: string;
  readonly cluster: Cluster;
  readonly createdAt: number;
  readonly tags: readonly Tag[];
  settings: ServiceSettings;
  status: 'ACTIVE' | 'DRAINING' | 'INACTIVE';
  /** Newest first; the first one is PRIMARY. */
  deployments: readonly [Deployment, ...Deployment[]];
  /** Newest last, stopped ones included while they are visible. */
  tasks: readonly Task[];
  /** Newest first. */
  events: readonly ServiceEvent[];
  /** Messages that are not repeated before their cause is resolved, with the time they were said. */
  readonly said: Map<string, number>;
  /** Newest first. */
  serviceDeployments: readonly ServiceDeployment[];
  readonly revisions: Map<string, ServiceRevision>;
  /** The newest deployment that succeeded: what a rollback goes back to. */
  lastCompleted?: Deployment;
  /** Whether the steady state that lasts has been announced. */
  steady: boolean;
}

/** A line of the service's event list. */
interface ServiceEvent {
  readonly id: string;
  readonly createdAt: number;
  readonly message: string;
}

/** An entry of `deployments[]`. */
export interface Deployment {
  /** The number N of `ecs-svc/N`, which its service revision shares. */
  readonly number: string;
  readonly definition: TaskDefinition;
  /** Settings that a deployment fixes: network, platform, load balancers. */
  readonly settings: ServiceSettings;
  createdAt: number;
  updatedAt: number;
  /** Tasks that it should have; a completed one's counts down once it is superseded. */
  desiredCount: number;
  /** Consecutive failures. */
  failedTasks: number;
  /** Consecutive tasks that never reached RUNNING. */
  launchFailures: number;
  /** Unhealthy tasks whose replacement has not been started yet. */
  replacements: number;
  /** No task is started before this time. */
  startAfter: number;
  /** Leaves the tasks of the completed deployment before it alone unless they are in its way. */
  sparesOld: boolean;
  /** Kept in the list until this time although it has no tasks. */
  listedUntil: number;
  rolloutState: 'IN_PROGRESS' | 'COMPLETED' | 'FAILED';
  rolloutStateReason: string;
  /** Digest by container name, once the first task has resolved the tags. */
  digests: ReadonlyMap<string, string> | undefined;
}

/** Status of a service deployment. */
export type ServiceDeploymentStatus =
  | 'PENDING'
  | 'IN_PROGRESS'
  | 'STOP_REQUESTED'
  | 'STOPPED'
  | 'SUCCESSFUL'
  | 'ROLLBACK_REQUESTED'
  | 'ROLLBACK_IN_PROGRESS'
  | 'ROLLBACK_SUCCESSFUL'
  | 'ROLLBACK_FAILED';

/** The record that follows one UpdateService to its end. */
export interface ServiceDeployment {
  readonly arn: string;
  readonly target: Deployment;
  readonly sources: readonly RevisionCounts[];
  /** The deployment that served before this one. */
  readonly predecessor: Deployment | undefined;
  readonly configuration: DeploymentConfiguration;
  readonly createdAt: number;
  /** The record is listed and described from this time on. */
  readonly visibleAt: number;
  status: ServiceDeploymentStatus;
  statusReason?: string;
  updatedAt: number;
  startedAt?: number;
  stoppedAt?: number;
  finishedAt?: number;
  rollback?: { readonly reason: string; readonly startedAt: number; readonly revision: string };
  breakerTriggered: boolean;
  triggeredAlarmNames: readonly string[];
  /** The bake time of a rolling deployment, once it has begun. */
  bake?: 'under way' | 'over';
  /** The course of a strategy other than ROLLING. */
  lifecycle?: Lifecycle;
  /** Hooks that were started, oldest first. */
  hooks: readonly HookRun[];
  /** Counts of the target as they were at the end. */
  final?: { readonly counts: RevisionCounts; readonly failureCount: number };
}

/** Stage of a deployment that does not roll. */
export type LifecycleStage =
  | 'RECONCILE_SERVICE'
  | 'PRE_SCALE_UP'
  | 'SCALE_UP'
  | 'POST_SCALE_UP'
  | 'TEST_TRAFFIC_SHIFT'
  | 'POST_TEST_TRAFFIC_SHIFT'
  | 'PRE_PRODUCTION_TRAFFIC_SHIFT'
  | 'PRODUCTION_TRAFFIC_SHIFT'
  | 'POST_PRODUCTION_TRAFFIC_SHIFT'
  | 'BAKE_TIME'
  | 'CLEAN_UP';

/** One step of a course: a stage, and the percentages of traffic that the new revision gets in it. */
export interface LifecycleStep {
  readonly stage: LifecycleStage;
  /** It lasts at least this long. */
  readonly seconds: number;
  readonly testWeight: number;
  readonly productionWeight: number;
}

/** The steps of a deployment and how far it has come. */
export interface Lifecycle {
  readonly steps: readonly LifecycleStep[];
  /** Index of the present step; -1 before the first. */
  position: number;
  /** The present step has lasted its seconds. */
  elapsed: boolean;
}

/** A hook at work in a deployment. */
export interface HookRun {
  readonly id: string;
  readonly targetType: string;
  readonly targetArn: string | undefined;
  readonly stage: LifecycleStage;
  readonly expiresAt: number;
  readonly timeoutAction: HookAction;
  status: 'AWAITING_ACTION' | 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT';
}

/** Task counts of a service revision. */
export interface RevisionCounts {
  readonly arn: string;
  readonly requestedTaskCount: number;
  readonly runningTaskCount: number;
  readonly pendingTaskCount: number;
}

/** What a deployment runs, under its number. */
export interface ServiceRevision {
  readonly arn: string;
  readonly deployment: Deployment;
  readonly createdAt: number;
}

/** Status of a task, in the order of its life. */
export type TaskStatus =
  | 'PROVISIONING'
  | 'PENDING'
  | 'ACTIVATING'
  | 'RUNNING'
  | 'DEACTIVATING'
  | 'STOPPING'
  | 'DEPROVISIONING'
  | 'STOPPED';

/** Health of a container or task. */
export type HealthStatus = 'UNKNOWN' | 'HEALTHY' | 'UNHEALTHY';

/** A task of a service. */
export interface Task {
  readonly id: string;
  readonly arn: string;
  readonly deployment: Deployment;
  readonly containers: readonly Container[];
  readonly createdAt: number;
  lastStatus: TaskStatus;
  desiredStatus: 'RUNNING' | 'STOPPED';
  version: number;
  connectivityAt?: number;
  pullStartedAt?: number;
  pullStoppedAt?: number;
  startedAt?: number;
  stoppingAt?: number;
  executionStoppedAt?: number;
  stoppedAt?: number;
  stopCode?: string;
  stoppedReason?: string;
  /** Counts as healthy for the scheduler. */
  healthy: boolean;
  /** Set when the task has to be replaced: its `stoppedReason` to be, and the event that says why. */
  unhealthy?: { readonly stoppedReason: string; readonly event: string };
  /** Its targets have been announced as registered. */
  registered: boolean;
  /** A failure that the scheduler has not counted yet. */
  uncounted: boolean;
  /** Time until which scale-in protection keeps it. */
  protectedUntil?: number;
}

/** A container of a task. */
export interface Container {
  readonly definition: ContainerDefinition;
  readonly arn: string;
  readonly runtimeId: string;
  lastStatus: 'PENDING' | 'RUNNING' | 'STOPPED';
  healthStatus: HealthStatus;
  imageDigest?: string;
  exitCode?: number;
  reason?: string;
}

/** One region of the simulated account. */
export interface Simulation extends Agenda {
  readonly account: string;
  readonly region: string;
  readonly pullImage: PullImage;
  readonly logs: LogStore;
  /** A rollback's deployment takes the old deployment's id again, or a new one. */
  readonly rollbackId: 'reused' | 'new';
  /** Seconds that a target drains; a few when undefined. */
  readonly drainSeconds: number | undefined;
  readonly clusters: Map<string, Cluster>;
  /** Revisions of each family, oldest first. */
  readonly families: Map<string, TaskDefinition[]>;
  readonly faults: readonly ArmedFault[];
}
