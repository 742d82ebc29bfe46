/** What AWS answers, as our own total types: `aws/` maps every answer to them once, and checks it. */
import type { CodeDeployRead, CodeDeployUse } from './code-deploy.ts';
import type { JsonObject } from './task-definition.ts';

/** Region and profile of a service that the config gives one of its own. */
export interface Place {
  readonly region: string | undefined;
  readonly profile: string | undefined;
}

/** How ECS calls the state of a deployment's rollout; undefined behind a Classic Load Balancer. */
export type RolloutState = 'IN_PROGRESS' | 'COMPLETED' | 'FAILED';

/** One deployment of a service, as DescribeServices lists it. With CodeDeploy, it is a task set. */
export interface Deployment {
  /** `ecs-svc/…`; `d-…` where CodeDeploy has made its task set. */
  readonly id: string;
  /** `ecs-svc/…` with which the tasks of a task set are started. */
  readonly taskSet?: string | undefined;
  /** `PRIMARY`, `ACTIVE` or `INACTIVE`. */
  readonly status: string;
  /** ARN of the revision. */
  readonly taskDefinition: string;
  readonly rolloutState: RolloutState | undefined;
  /** Empty where ECS gives none. */
  readonly reason: string;
  readonly desired: number;
  readonly running: number;
  readonly pending: number;
  readonly failed: number;
  /** Server time; the epoch where ECS gives none. */
  readonly createdAt: Date;
}

/** One event of a service. */
export interface ServiceEvent {
  readonly id: string;
  /** Server time; undefined where ECS gives none. */
  readonly createdAt: Date | undefined;
  readonly message: string;
}

/** Where a load balancer sends traffic. */
export interface LoadBalancer {
  /** Undefined for a Classic Load Balancer. */
  readonly targetGroup: string | undefined;
  readonly container: string;
  readonly port: number;
  /** How traffic is shifted between two target groups; undefined for a rolling deployment. */
  readonly shift?: TrafficShift | undefined;
}

/** The second target group of a service, and the listener rules whose weights ECS changes. */
export interface TrafficShift {
  readonly alternateTargetGroup: string;
  /** ARNs of rules, or of listeners for a Network Load Balancer. */
  readonly productionRule: string | undefined;
  readonly testRule: string | undefined;
}

/** A container and a port that Cloud Map (a service registry) publishes. */
export interface Registry {
  readonly container: string;
  /** Undefined where only the container is named. */
  readonly port: number | undefined;
}

/** A port mapping that the service refers to by its name. */
export interface PortName {
  readonly by: 'Service Connect' | 'VPC Lattice';
  readonly name: string;
}

/** A request header with which Service Connect sends test traffic to the new tasks. */
export interface TestHeader {
  readonly name: string;
  /** Undefined where any value does. */
  readonly value: string | undefined;
}

/** What limits and watches a service's deployments. */
export interface DeploymentSettings {
  readonly minimumHealthyPercent: number;
  readonly maximumPercent: number;
  /** `ROLLING`, `BLUE_GREEN`, `LINEAR` or `CANARY`. */
  readonly strategy: string;
  readonly bakeMinutes: number;
  /** Waits between steps of production traffic, in LINEAR and CANARY: how many, and how long each is. */
  readonly shift: { readonly waits: number; readonly minutes: number };
  /** For how long CodeDeploy keeps the old task set; undefined where it keeps it, and elsewhere. */
  readonly terminationMinutes?: number | undefined;
  /** Lifecycle stages with a pause hook. */
  readonly pauses: readonly string[];
  /** CloudWatch alarms can fail the deployment. */
  readonly hasAlarms: boolean;
  /** The circuit breaker is on: ECS does not retry failed tasks for ever. */
  readonly hasBreaker: boolean;
  /** The circuit breaker is on and rolls back. */
  readonly breakerRollsBack: boolean;
}

/** A service. */
export interface Service {
  readonly arn: string;
  readonly name: string;
  /** ARN of the cluster. */
  readonly cluster: string;
  /** Where it was read; undefined for region and profile of the run. */
  readonly place?: Place | undefined;
  /** `ACTIVE`, `DRAINING`, `INACTIVE`, or {@link MISSING}. */
  readonly status: string;
  /** ARN of the revision that the service is on; empty with an external controller. */
  readonly taskDefinition: string;
  readonly desired: number;
  readonly running: number;
  readonly pending: number;
  readonly deployments: readonly Deployment[];
  /** The newest first. */
  readonly events: readonly ServiceEvent[];
  /** `ECS`, `CODE_DEPLOY` or `EXTERNAL`. */
  readonly controller: string;
  /** Express Mode made it, and owns its configuration. */
  readonly isExpress: boolean;
  /** Undefined with a capacity provider strategy. */
  readonly launchType: string | undefined;
  readonly capacityProviders: readonly string[];
  readonly isDaemon: boolean;
  readonly loadBalancers: readonly LoadBalancer[];
  readonly registries: readonly Registry[];
  /** As the PRIMARY deployment has them, like `volumes`. */
  readonly portNames: readonly PortName[];
  readonly testHeaders: readonly TestHeader[];
  /** Names of the volumes that the service configures at launch. */
  readonly volumes: readonly string[];
  /** The service names subnets, which only the network mode `awsvpc` takes. */
  readonly hasNetwork: boolean;
  /** Ids of the security groups of its tasks, where the service names them. */
  readonly securityGroups: readonly string[];
  /** Seconds after a task's start for which ECS ignores unhealthy targets. */
  readonly gracePeriod: number;
  readonly settings: DeploymentSettings;
  /** ARN of the current service deployment; undefined where ECS names none. */
  readonly currentRollout: string | undefined;
  /** How CodeDeploy deploys it, where that was read. */
  readonly codeDeploy?: CodeDeployUse | undefined;
}

/** The controller of a service that CodeDeploy deploys. */
export const CODE_DEPLOY = 'CODE_DEPLOY';

/** The configuration of a service in Express Mode. */
export interface ExpressConfiguration {
  /** ARN of the revision that Express Mode was last asked to deploy. */
  readonly taskDefinition: string;
  /** The configuration as AWS sent it, with members that the SDK does not know. */
  readonly members: JsonObject;
  /** Host or URL of the application; undefined where AWS gives none. */
  readonly endpoint: string | undefined;
}

/** Status of a service that DescribeServices does not find. */
export const MISSING = 'MISSING';

/** A lifecycle hook that ECS has started at a stage of a service deployment. */
export interface StageHook {
  /** Each start has its own. */
  readonly id: string;
  /** ARN of its Lambda function; undefined for a pause. */
  readonly target: string | undefined;
  /** `AWAITING_ACTION`, `IN_PROGRESS`, `SUCCEEDED`, `FAILED` or `TIMED_OUT`. */
  readonly status: string;
  /** ISO time at which the hook times out; undefined where ECS gives none. */
  readonly expiresAt: string | undefined;
  /** What ECS does then: `CONTINUE` or `ROLLBACK`. */
  readonly timeoutAction: string | undefined;
}

/** A service deployment: ECS's own record of one rollout, or a deployment of CodeDeploy. */
export interface RolloutRecord {
  /** `d-…` of a deployment of CodeDeploy. */
  readonly arn: string;
  /** `ecs-svc/…` or `d-…` of the deployment that it belongs to. */
  readonly deployment: string;
  /** E.g. `IN_PROGRESS`, `SUCCESSFUL`, `ROLLBACK_SUCCESSFUL`. */
  readonly status: string;
  /** Empty where ECS gives none. */
  readonly reason: string;
  readonly createdAt: Date;
  /** Server time of the last change, e.g. of the stage; undefined where ECS gives none. */
  readonly updatedAt: Date | undefined;
  /** E.g. `BAKE_TIME` or, with CodeDeploy, `Install`; undefined for a rolling deployment. */
  readonly stage: string | undefined;
  /** Percentage of the production traffic that the new tasks get, where it is shifted. */
  readonly traffic: number | undefined;
  /** Percentage that the old tasks still get. */
  readonly oldTraffic: number | undefined;
  /** Percentages of the test traffic that the new and the old tasks get. */
  readonly testTraffic: number | undefined;
  readonly oldTestTraffic: number | undefined;
  /** Failed tasks, and the number at which the circuit breaker trips. */
  readonly breaker: { readonly failures: number; readonly threshold: number } | undefined;
  /** Names of the alarms that fired. */
  readonly alarms: readonly string[];
  /** Names of the alarms that ECS watches. */
  readonly armedAlarms: readonly string[];
  readonly hooks: readonly StageHook[];
  /** Why ECS rolls back; empty where it does not. */
  readonly rollbackReason: string;
  /** What CodeDeploy returns for it. */
  readonly codeDeploy?: CodeDeployRead | undefined;
}

/** The hooks at which a deployment in progress waits for `continue`. */
export function waitingHooks({
  status,
  hooks,
}: Pick<RolloutRecord, 'status' | 'hooks'>): readonly StageHook[] {
  return status === 'IN_PROGRESS' ? hooks.filter((hook) => hook.status === 'AWAITING_ACTION') : [];
}

/** A service deployment of the past or the present, with the revision it deployed. */
export type PastRollout = Pick<RolloutRecord, 'deployment' | 'status' | 'reason' | 'createdAt'> & {
  /** Undefined while it is in progress. */
  readonly finishedAt: Date | undefined;
  /** ARN; undefined where ECS no longer knows it. */
  readonly taskDefinition: string | undefined;
};

/** Service deployments, the newest first. */
export interface PastRollouts {
  readonly rollouts: readonly PastRollout[];
  /** Whether there are older ones, which were not read. */
  readonly hasOlder: boolean;
}

/** A container of a task. */
export interface TaskContainer {
  readonly name: string;
  /** `PENDING`, `RUNNING` or `STOPPED`. */
  readonly lastStatus: string;
  readonly exitCode: number | undefined;
  readonly reason: string | undefined;
  readonly runtimeId: string | undefined;
  readonly imageDigest: string | undefined;
}

/** A task. */
export interface Task {
  readonly arn: string;
  readonly id: string;
  /** `ecs-svc/…` for a task of a service. */
  readonly startedBy: string | undefined;
  /** ARN of its revision. */
  readonly taskDefinition: string;
  readonly lastStatus: string;
  /** `RUNNING`, or `STOPPED` once it is being stopped. */
  readonly desiredStatus: string;
  /** `HEALTHY`, `UNHEALTHY` or `UNKNOWN`. */
  readonly health: string;
  /** When it came into its present state. */
  readonly since: Date;
  readonly stopCode: string | undefined;
  readonly stoppedReason: string | undefined;
  /** Private IPv4 address of its network interface; undefined in other network modes than `awsvpc`. */
  readonly address: string | undefined;
  /** ARN of its container instance; undefined on Fargate. */
  readonly containerInstance: string | undefined;
  /** Ports of its instance that lead to its containers: none in other network modes than `bridge`. */
  readonly hostPorts: readonly number[];
  readonly containers: readonly TaskContainer[];
}

/** The service's PRIMARY deployment. */
export function primaryOf({ deployments }: Pick<Service, 'deployments'>): Deployment | undefined {
  return deployments.find(({ status }) => status === 'PRIMARY');
}

/** Whether deploying a revision starts a new deployment; with `force` it always does. */
export function isNews(
  service: Pick<Service, 'deployments' | 'taskDefinition'>,
  revision: string,
  force: boolean,
): boolean {
  const primary = primaryOf(service);
  const runs = service.taskDefinition === revision && primary !== undefined;
  return force || !runs || primary.rolloutState === 'FAILED';
}

/** ARN of the revision that was deployed last with success: a deployment at work may itself fail. */
export function lastGood({ deployments, taskDefinition }: Service): string {
  const completed = deployments.find(({ rolloutState }) => rolloutState === 'COMPLETED');
  return completed?.taskDefinition ?? taskDefinition;
}

/** Tasks of a service that run on Fargate, by what the service or its definition says. */
export function isFargate(
  { launchType, capacityProviders }: Pick<Service, 'launchType' | 'capacityProviders'>,
  definition: JsonObject,
): boolean {
  if (capacityProviders.length > 0) {
    return capacityProviders.some((provider) => provider.startsWith('FARGATE'));
  }
  if (launchType !== undefined) return launchType === 'FARGATE';
  const compatible = definition['requiresCompatibilities'];
  return Array.isArray(compatible) && compatible.includes('FARGATE');
}

/** Whether ECS stopped a task because a deployment or scaling no longer needs it: no failure. */
export function isScaledIn(stoppedReason: string | null | undefined): boolean {
  return stoppedReason?.startsWith('Scaling activity initiated') === true;
}
