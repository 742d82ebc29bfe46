import type { Deployment, Service, Simulation } from '../ecs/state.ts';
import type { HookEvent } from './app-spec.ts';
import type { DeploymentFailure } from './failure.ts';

// The state of the simulated CodeDeploy. Members that change during a deployment are mutable;
// views.ts creates the API responses from it.

/** JSON as a caller gave it. */
export type Document = Readonly<Record<string, unknown>>;

/** CodeDeploy in one region. */
export interface CodeDeployState {
  readonly simulation: Simulation;
  readonly applications: Map<string, Application>;
  /** By id, oldest first. */
  readonly deployments: Map<string, CodeDeployment>;
  /** AppSpec files in S3, by `s3://BUCKET/KEY`. */
  readonly files: Map<string, string>;
  readonly scene: CodeDeployScene;
}

/** What happens to deployments of revisions that are not the start world's. */
export interface CodeDeployScene {
  /** The hook that does not succeed: it fails, never answers, or its function does not exist. */
  readonly hook?: { readonly event: HookEvent; readonly outcome: 'fails' | 'hangs' | 'missing' };
  /** Seconds after the production traffic begins to shift at which an alarm is activated. */
  readonly alarmAfter?: number;
  /** Seconds for which a deployment does not show that it was rolled back; 5 if undefined. */
  readonly rollbackLag?: number;
  /** Whether rollbacks fail. */
  readonly rollbackFails?: boolean;
  /** Why the task set cannot be created. */
  readonly installError?: { readonly code: string; readonly message: string };
  /** Whether GetDeployment shows the content of AppSpecs, and not only their hashes. */
  readonly showsContent?: boolean;
  /** The target group that somebody made the production listener forward to. */
  readonly liveTargetGroup?: string | undefined;
}

export interface Application {
  readonly id: string;
  readonly name: string;
  readonly computePlatform: string;
  readonly createdAt: number;
  readonly groups: Map<string, Group>;
}

/** A deployment group. */
export interface Group {
  readonly id: string;
  readonly name: string;
  readonly application: Application;
  /** As CreateDeploymentGroup got it. */
  readonly settings: GroupSettings;
  /** Newest first. */
  deployments: readonly CodeDeployment[];
}

export interface AutoRollback {
  readonly enabled?: boolean;
  readonly events?: readonly string[];
}

/** Members of CreateDeploymentGroup that the sandbox reads; others are kept and returned. */
export interface GroupSettings {
  readonly deploymentConfigName?: string;
  readonly ecsServices?: readonly { readonly serviceName: string; readonly clusterName: string }[];
  readonly autoRollbackConfiguration?: AutoRollback;
  readonly alarmConfiguration?: AlarmConfiguration;
  readonly blueGreenDeploymentConfiguration?: {
    readonly deploymentReadyOption?: {
      readonly actionOnTimeout?: string;
      readonly waitTimeInMinutes?: number;
    };
    readonly terminateBlueInstancesOnDeploymentSuccess?: {
      readonly action?: string;
      readonly terminationWaitTimeInMinutes?: number;
    };
  };
  readonly loadBalancerInfo?: {
    readonly targetGroupPairInfoList?: readonly TargetGroupPair[];
  };
  readonly [member: string]: unknown;
}

interface TargetGroupPair {
  readonly targetGroups: readonly { readonly name: string }[];
  readonly prodTrafficRoute: TrafficRoute;
  readonly testTrafficRoute?: TrafficRoute;
}

interface TrafficRoute {
  readonly listenerArns: readonly string[];
}

export interface AlarmConfiguration {
  readonly enabled?: boolean;
  readonly alarms?: readonly { readonly name: string }[];
}

/** `RevisionLocation`: where the AppSpec is. */
export interface Revision {
  readonly revisionType?: string;
  readonly appSpecContent?: RevisionContent;
  readonly string?: RevisionContent;
  readonly s3Location?: {
    readonly bucket?: string;
    readonly key?: string;
    readonly bundleType?: string;
  };
}

interface RevisionContent {
  readonly content?: string;
  readonly sha256?: string;
}

export type DeploymentStatus =
  | 'Created'
  | 'Queued'
  | 'InProgress'
  | 'Ready'
  | 'Succeeded'
  | 'Failed'
  | 'Stopped';

export type ProgressStatus = 'Pending' | 'InProgress' | 'Succeeded' | 'Failed' | 'Skipped';

/** A deployment of CodeDeploy, to one ECS service. */
export interface CodeDeployment {
  readonly id: string;
  readonly group: Group;
  readonly service: Service;
  readonly revision: Revision;
  readonly previousRevision: Revision | undefined;
  readonly configName: string;
  readonly description: string | undefined;
  readonly creator: 'user' | 'codeDeployRollback';
  readonly autoRollback: AutoRollback | undefined;
  readonly alarms: AlarmConfiguration | undefined;
  readonly createdAt: number;
  startedAt?: number;
  completedAt?: number;
  status: DeploymentStatus;
  error?: { readonly code: string; readonly message: string };
  targetStatus: ProgressStatus | 'Ready';
  targetUpdatedAt: number;
  readonly events: readonly LifecycleEvent[];
  /** The task set that served at the start. */
  readonly blue: Deployment;
  green?: Deployment;
  /** Percentages of the production and test traffic that green gets. */
  weight: number;
  testWeight: number;
  terminationWaitStarted: boolean;
  /** What ContinueDeployment ended. */
  readonly ended: Set<string>;
  /** The deployment that this one rolls back. */
  readonly triggeredBy?: CodeDeployment;
  rollback?: { readonly deploymentId?: string; readonly message: string };
  /** Why it ends although it could continue. */
  interruption?: DeploymentFailure;
  /** What it does next; undefined once it has ended. */
  run?: { readonly course: Course; readonly wait: Wait; isElapsed: boolean };
}

/** A deployment continues when the condition holds, or after so many simulated seconds. */
export interface Wait {
  readonly until?: () => boolean;
  readonly seconds?: number;
}

/** What a deployment does, wait by wait; throws the failure with which it ends. */
export type Course = Generator<Wait, void>;

/** A lifecycle event of a deployment. */
export interface LifecycleEvent {
  readonly name: string;
  status: ProgressStatus;
  startedAt?: number;
  endedAt?: number;
  diagnostics?: Document;
  /** The execution of its hook, and what the function answered. */
  hook?: { readonly id: string; answer?: string };
}
