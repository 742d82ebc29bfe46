import type { PullImage } from '../images.ts';
import type { LogStore } from '../logs.ts';
import type { Agenda } from './agenda.ts';
import type { ContainerDefinition, Tag, TaskDefinition } from './definition.ts';
import type { ArmedFault } from './faults.ts';
import type { TargetCourse, TargetGroup } from './target-group.ts';

// The state of the simulated control plane. Members that change during a simulation are mutable;
// views.ts creates the API responses from it.

/** What CreateCluster and UpdateCluster set, as they get it. */
export interface ClusterSettings {
  readonly settings: readonly { readonly name?: string; readonly value?: string }[];
  readonly configuration?: unknown;
  readonly serviceConnectDefaults?: { readonly namespace?: string };
  readonly capacityProviders: readonly string[];
  readonly defaultCapacityProviderStrategy: readonly StrategyItem[];
}

/** One provider of a capacity provider strategy. */
export interface StrategyItem {
  readonly capacityProvider: string;
  readonly weight?: number;
  readonly base?: number;
}

/** A capacity provider of the account; it places no task. */
export interface CapacityProvider {
  readonly name: string;
  /** `autoScalingGroupProvider` or `managedInstancesProvider`. */
  settings: Readonly<Record<string, unknown>>;
  tags: readonly Tag[];
  status: 'ACTIVE' | 'INACTIVE';
}

/** A cluster and its services by name. */
export interface Cluster {
  readonly name: string;
  readonly arn: string;
  readonly services: Map<string, Service>;
  status: 'ACTIVE' | 'INACTIVE';
  tags: readonly Tag[];
  settings: ClusterSettings;
  /** One-off tasks, each as a service of its own that nobody maintains; newest last. */
  runs: readonly Service[];
}

/** `deploymentConfiguration` of a service, including defaults. */
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

/** A Lambda function or a pause at stages of a deployment. */
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

/** What happens to a deployment when its hook is answered or times out. */
export type HookAction = 'CONTINUE' | 'ROLLBACK';

/** A target group and the container and port behind it. */
interface LoadBalancer {
  readonly targetGroupArn?: string;
  readonly containerName?: string;
  readonly containerPort?: number;
  readonly advancedConfiguration?: {
    readonly alternateTargetGroupArn?: string;
    readonly productionListenerRule?: string;
    readonly testListenerRule?: string;
    readonly [member: string]: unknown;
  };
  readonly [member: string]: unknown;
}

/** Members of CreateService and UpdateService; unknown members are kept and returned. */
export interface ServiceSettings {
  readonly desiredCount: number;
  readonly deploymentConfiguration: DeploymentConfiguration;
  readonly loadBalancers: readonly LoadBalancer[];
  readonly deploymentController?: { readonly type: string };
  readonly launchType?: string;
  readonly capacityProviderStrategy?: readonly StrategyItem[];
  readonly healthCheckGracePeriodSeconds?: number;
  readonly networkConfiguration?: {
    readonly awsvpcConfiguration?: Readonly<Record<string, unknown>>;
  };
  readonly serviceConnectConfiguration?: {
    readonly enabled?: boolean;
    readonly namespace?: string;
    readonly services?: readonly { readonly portName: string }[];
  };
  readonly serviceRegistries?: readonly {
    readonly containerName?: string;
    readonly containerPort?: number;
  }[];
  readonly volumeConfigurations?: readonly { readonly name: string }[];
  readonly propagateTags?: string;
  readonly enableECSManagedTags?: boolean;
  readonly [member: string]: unknown;
}

export interface Service {
  readonly name: string;
  readonly arn: string;
  readonly cluster: Cluster;
  readonly createdAt: number;
  tags: readonly Tag[];
  settings: ServiceSettings;
  status: 'ACTIVE' | 'DRAINING' | 'INACTIVE';
  /** Newest first; the first one is PRIMARY. */
  deployments: readonly [Deployment, ...Deployment[]];
  /** Newest last; includes stopped tasks while they are visible. */
  tasks: Task[];
  /** Newest first. */
  events: readonly ServiceEvent[];
  /** Time of events that are not repeated until their cause is resolved, by message. */
  readonly said: Map<string, number>;
  /** Newest first. */
  serviceDeployments: readonly ServiceDeployment[];
  readonly revisions: Map<string, ServiceRevision>;
  /** The newest successful deployment, to which a rollback returns. */
  lastCompleted?: Deployment;
  /** Whether the current steady state has been announced. */
  steady: boolean;
  /** Of a CodeDeploy service: how its listeners divide their traffic; empty until CodeDeploy has set them. */
  routes: readonly Route[];
  /** Of an Express service: the deployment that Express Mode started last. */
  express?: { readonly told: Deployment };
}

/** A listener, and the percentage of its traffic that each target group gets. */
export interface Route {
  readonly listener: string;
  readonly weights: ReadonlyMap<string, number>;
}

interface ServiceEvent {
  readonly id: string;
  readonly createdAt: number;
  readonly message: string;
}

/** An entry of `deployments[]`. */
export interface Deployment {
  /** The number N in `ecs-svc/N`, also that of the service revision. */
  readonly number: string;
  readonly definition: TaskDefinition;
  /** The service settings at the start of the deployment. */
  readonly settings: ServiceSettings;
  /** ARN of the target group in which its tasks are registered. */
  targetGroup: string | undefined;
  createdAt: number;
  updatedAt: number;
  /** Counts down once a completed deployment is superseded. */
  desiredCount: number;
  /** Number of consecutive failed tasks. */
  failedTasks: number;
  /** Number of consecutive tasks that never reached RUNNING. */
  launchFailures: number;
  /** Number of unhealthy tasks whose replacement has not started yet. */
  replacements: number;
  /** No task is started before this time. */
  startAfter: number;
  /** Whether tasks of the previous completed deployment keep running unless they block new tasks. */
  sparesOld: boolean;
  /** Stays in the list until this time, even without tasks. */
  listedUntil: number;
  rolloutState: 'IN_PROGRESS' | 'COMPLETED' | 'FAILED';
  rolloutStateReason: string;
  /** Digest by container name; undefined until the first task has resolved the tags. */
  digests: ReadonlyMap<string, string> | undefined;
  /** Of a service whose deployments are task sets. */
  taskSet?: TaskSet;
}

/** What a task set has besides: of CodeDeploy or of another deployment controller. */
export interface TaskSet {
  /** Id of the CodeDeploy deployment that created it; undefined for the task set of CreateService. */
  externalId: string | undefined;
  /** Percentage of the desired count of the service. */
  scale: number;
  readonly tags: readonly Tag[];
  status: 'PRIMARY' | 'ACTIVE' | 'DRAINING';
  stabilityStatus: 'STABILIZING' | 'STEADY_STATE';
  stabilityStatusAt: number;
}

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

/** A service deployment: the record of one UpdateService. */
export interface ServiceDeployment {
  readonly arn: string;
  readonly target: Deployment;
  readonly sources: readonly RevisionCounts[];
  /** The deployment that received the traffic before. */
  readonly predecessor: Deployment | undefined;
  readonly configuration: DeploymentConfiguration;
  readonly createdAt: number;
  /** The API returns the record from this time on. */
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
  /** The bake time of a rolling deployment; undefined before it begins. */
  bake?: 'under way' | 'over';
  /** The steps of a strategy other than ROLLING. */
  lifecycle?: Lifecycle;
  /** Started hooks, oldest first. */
  hooks: readonly HookRun[];
  /** Counts of the target at the end. */
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

/** A stage, and the percentages of traffic that the new revision receives in it. */
export interface LifecycleStep {
  readonly stage: LifecycleStage;
  /** Minimum duration. */
  readonly seconds: number;
  readonly testWeight: number;
  readonly productionWeight: number;
}

/** The steps of a deployment and its position in them. */
export interface Lifecycle {
  readonly steps: readonly LifecycleStep[];
  /** Index of the current step; -1 before the first. */
  position: number;
  /** Whether the current step has reached its minimum duration. */
  elapsed: boolean;
  /** Time at which the current step began. */
  enteredAt: number;
}

/** A started hook of a deployment. */
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

/** The service revision of a deployment. */
export interface ServiceRevision {
  readonly arn: string;
  readonly deployment: Deployment;
  readonly createdAt: number;
}

/** Status of a task, in order. */
export type TaskStatus =
  | 'PROVISIONING'
  | 'PENDING'
  | 'ACTIVATING'
  | 'RUNNING'
  | 'DEACTIVATING'
  | 'STOPPING'
  | 'DEPROVISIONING'
  | 'STOPPED';

export type HealthStatus = 'UNKNOWN' | 'HEALTHY' | 'UNHEALTHY';

/** What RunTask gives to a task that belongs to no service. */
export interface OneOff {
  readonly group: string;
  readonly startedBy: string | undefined;
  /** As RunTask got them. */
  readonly overrides: TaskOverrides;
  /** DescribeTasks finds the task from this time on. */
  readonly visibleAt: number;
}

/** `overrides` of RunTask; unknown members are kept and returned. */
export interface TaskOverrides {
  readonly cpu?: string;
  readonly memory?: string;
  readonly containerOverrides?: readonly ContainerOverride[];
  readonly [member: string]: unknown;
}

/** Changes to one container of a task. */
export interface ContainerOverride {
  readonly name?: string;
  readonly command?: readonly string[];
  readonly [member: string]: unknown;
}

export interface Task {
  readonly id: string;
  readonly arn: string;
  readonly service: Service;
  readonly deployment: Deployment;
  /** Undefined for a task with a launch type. */
  capacityProvider: string | undefined;
  /** Undefined for a task of a service. */
  readonly oneOff: OneOff | undefined;
  readonly containers: readonly Container[];
  readonly createdAt: number;
  tags: readonly Tag[];
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
  /** Whether the scheduler counts the task as healthy. */
  healthy: boolean;
  /** Set if the task must be replaced: its future `stoppedReason`, and the service event. */
  unhealthy?: { readonly stoppedReason: string; readonly event: string };
  /** Whether the registration of its targets has been announced. */
  registered: boolean;
  /** How its application answers the health checks of a load balancer. */
  target: TargetCourse;
  /** Whether the task has failed and the scheduler has not counted the failure yet. */
  uncounted: boolean;
  /** End of its scale-in protection. */
  protectedUntil?: number;
}

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
export interface Simulation extends Agenda<Service> {
  readonly account: string;
  readonly region: string;
  readonly pullImage: PullImage;
  readonly logs: LogStore;
  /** Whether a rollback's deployment reuses the old deployment's id or gets a new one. */
  readonly rollbackId: 'reused' | 'new';
  /** The target group of an ARN; one with default settings if nobody has made it. */
  readonly targetGroup: (arn: string) => TargetGroup;
  /** Whether a service can be given the target group; where none are known, all of them. */
  readonly hasTargetGroup: (arn: string) => boolean;
  /** Simulated seconds for which records show the traffic weights of the step before. */
  readonly weightLag: number;
  /** Whether stages take no time beside their hooks and bake times. */
  readonly quickStages: boolean;
  /** Whether a deployment is shown as COMPLETED from its bake time on. */
  readonly completesEarly: boolean;
  readonly clusters: Map<string, Cluster>;
  readonly capacityProviders: Map<string, CapacityProvider>;
  /** Values of account settings by name, by principal. */
  readonly accountSettings: Map<string, Map<string, string>>;
  /** Revisions of each family, oldest first. */
  readonly families: Map<string, TaskDefinition[]>;
  readonly faults: readonly ArmedFault[];
  /** Answers to RunTask by client token, with the JSON of the request. */
  readonly tokens: Map<string, { readonly request: string; readonly tasks: readonly Service[] }>;
  /** Called before the scheduler whenever the state can have changed: services that act on ECS. */
  readonly observers: (() => void)[];
}
