/** What CodeDeploy answers, as our own total types (docs/explanation/how-ecs-behaves.md#codedeploy). */

/** How the deployments of a group wait and end; times in minutes. */
export interface BlueGreenOptions {
  /** For how long traffic waits for `continue` before the deployment is stopped; undefined where it shifts at once. */
  readonly readyMinutes: number | undefined;
  /** For how long the old task set stays once it has no traffic; undefined where it is kept. */
  readonly terminationMinutes: number | undefined;
  /** What rolls a deployment back by itself, e.g. `DEPLOYMENT_FAILURE`. */
  readonly rollbackEvents: readonly string[];
  /** Names of the alarms that stop it. */
  readonly alarms: readonly string[];
}

/** Waits between steps of production traffic: how many, and how long each is. */
export interface Shift {
  readonly waits: number;
  readonly minutes: number;
}

/** A deployment group. */
export interface DeploymentGroup {
  readonly application: string;
  readonly name: string;
  /** Name of its deployment configuration, e.g. `CodeDeployDefault.ECSAllAtOnce`. */
  readonly config: string;
  readonly options: BlueGreenOptions;
  readonly services: readonly { readonly cluster: string; readonly service: string }[];
  /** Names of the pair of target groups; empty where none is configured. */
  readonly targetGroups: readonly string[];
  /** ARNs of listeners; undefined where none is configured. */
  readonly productionListener: string | undefined;
  readonly testListener: string | undefined;
  /** Id of the deployment that succeeded last. */
  readonly lastSuccessful: string | undefined;
}

/** How far a deployment is: `Created`, `Queued`, `InProgress`, `Ready`, `Baking`, or one of {@link ENDS}. */
export type DeploymentStatus = string;

/** The statuses of a deployment that has ended; every other one is active. */
const ENDS: ReadonlySet<DeploymentStatus> = new Set(['Succeeded', 'Failed', 'Stopped']);

/** One deployment. */
export interface CodeDeployment {
  /** `d-…` */
  readonly id: string;
  readonly application: string;
  readonly group: string;
  readonly status: DeploymentStatus;
  /** Server times; undefined where CodeDeploy gives none. */
  readonly createdAt: Date;
  readonly completedAt: Date | undefined;
  /** Name of its deployment configuration. */
  readonly config: string;
  readonly options: BlueGreenOptions;
  /** Empty without one. */
  readonly description: string;
  /** Why it failed or was stopped, e.g. `HOOK_EXECUTION_FAILURE`. */
  readonly error: { readonly code: string; readonly message: string } | undefined;
  /** Id of the deployment that rolls it back. */
  readonly rollback: string | undefined;
  /** Id of the deployment that it rolls back. */
  readonly rollbackOf: string | undefined;
  readonly appSpec: AppSpecPlace;
}

/** Where the AppSpec of a deployment is. */
export type AppSpecPlace =
  /** CodeDeploy has it; `content` where it has sent it along. */
  | {
      readonly kind: 'stored';
      readonly type: 'AppSpecContent' | 'String';
      readonly sha256: string;
      readonly content: string | undefined;
    }
  /** E.g. in S3. */
  | { readonly kind: 'elsewhere'; readonly place: string };

/** One lifecycle event of a deployment, e.g. `Install`. */
export interface LifecycleEvent {
  readonly name: string;
  /** `Pending`, `InProgress`, `Succeeded`, `Failed`, `Skipped` or `Unknown`. */
  readonly status: string;
  readonly startedAt: Date | undefined;
  readonly endedAt: Date | undefined;
  /** What went wrong; empty where nothing did. */
  readonly message: string;
}

/** A task set in a deployment. */
export interface TaskSetShare {
  /** `ecs-svc/…`, with which its tasks are started. */
  readonly id: string;
  /** `Blue` is the original one, `Green` its replacement. */
  readonly label: string;
  /** Percentage of the production traffic. */
  readonly weight: number;
}

/** What one read returns of a deployment. */
export interface DeploymentRead {
  readonly deployment: CodeDeployment;
  /** In their order; empty until it has started. */
  readonly events: readonly LifecycleEvent[];
  readonly taskSets: readonly TaskSetShare[];
}

/** What one read returns of a deployment, and of what came after it. */
export interface CodeDeployRead extends DeploymentRead {
  /** The deployment that rolls it back; undefined while CodeDeploy names none. */
  readonly rolledBackBy: DeploymentRead | undefined;
  /** A newer deployment of the group; looked up only once this one was stopped. */
  readonly newer: { readonly id: string; readonly taskDefinition: string } | undefined;
}

/** How CodeDeploy deploys a service. */
export interface CodeDeployUse {
  readonly group: DeploymentGroup;
  readonly shift: Shift;
  /** The AppSpec that the next one starts from. */
  readonly appSpec: AppSpecSource;
  /** The deployment that has not ended, of which the group takes one. */
  readonly active: ActiveDeployment | undefined;
  /** Names or ARNs of the Lambda functions that lifecycle events call. */
  readonly hooks: Readonly<Record<string, string>>;
}

/** A deployment that has not ended, or whose rollback has not. */
export interface ActiveDeployment extends CodeDeployRead {
  /** ARN of its revision; empty where it is not known. */
  readonly taskDefinition: string;
}

/** The AppSpec that a new one starts from. */
export type AppSpecSource =
  | { readonly kind: 'last'; readonly deployment: string; readonly content: string }
  /** There is none to start from, so that one is made of the service. */
  | { readonly kind: 'none' }
  | { readonly kind: 'elsewhere'; readonly deployment: string; readonly place: string };

/** The names of what deploys a service. */
export interface CodeDeployNames {
  readonly application: string;
  readonly group: string;
  /** Of the deployment configuration. */
  readonly config: string;
}

/** The names of what deploys a service, for plans and `status`. */
export function namesOf({ group }: CodeDeployUse): CodeDeployNames {
  const { application, name, config } = group;
  return { application, group: name, config };
}

/** The hook of a record that stands in for a wait of CodeDeploy. */
export const READY_WAIT = 'READY_WAIT';

/** The stage after the lifecycle events, in which the old task set still exists. */
const TERMINATION_WAIT = 'TERMINATION_WAIT';

/** The lifecycle event in which the tasks of the new task set start. */
export const INSTALL = 'Install';

/** Whether a deployment has not ended. */
export function isActive({ status }: Pick<CodeDeployment, 'status'>): boolean {
  return !ENDS.has(status);
}

/** The task set that a deployment makes; undefined until there is one. */
export function greenOf({ taskSets }: DeploymentRead): TaskSetShare | undefined {
  return taskSets.find(({ label }) => label === 'Green');
}

const statusIn = ({ events }: DeploymentRead, wanted: string): string =>
  events.find(({ name }) => name === wanted)?.status ?? '';

/** Whether production traffic has shifted as a whole, and its hooks have passed. */
function isShifted(read: DeploymentRead): boolean {
  return (
    statusIn(read, 'AllowTraffic') === 'Succeeded' &&
    ['Succeeded', 'Skipped'].includes(statusIn(read, 'AfterAllowTraffic'))
  );
}

/** Whether the test listener of an active deployment leads to its new task set. */
export function takesTestTraffic(read: DeploymentRead): boolean {
  return isActive(read.deployment) && statusIn(read, 'AllowTestTraffic') === 'Succeeded';
}

/** Sums the weights of the task sets, of the one and of the others. */
export function weightsOf(
  { taskSets }: DeploymentRead,
  id: string | undefined,
): { readonly own: number; readonly others: number } {
  const sum = (some: readonly TaskSetShare[]) => some.reduce((all, { weight }) => all + weight, 0);
  return {
    own: sum(taskSets.filter((set) => set.id === id)),
    others: sum(taskSets.filter((set) => set.id !== id)),
  };
}

/** Whether the new task set of an active deployment has all production traffic, for good. */
export function isServing(read: DeploymentRead): boolean {
  const { own, others } = weightsOf(read, greenOf(read)?.id);
  return isActive(read.deployment) && isShifted(read) && own >= 100 && others <= 0;
}

/** Whether an active rollback has taken all production traffic away from a task set. */
export function hasLeft(rollback: DeploymentRead, taskSet: string | undefined): boolean {
  const { own, others } = weightsOf(rollback, taskSet);
  return (
    taskSet !== undefined &&
    isActive(rollback.deployment) &&
    isShifted(rollback) &&
    own <= 0 &&
    others >= 100
  );
}

/** Whether CodeDeploy rolls a deployment back by itself that has ended this way. */
export function rollsBack({ status, error, options }: CodeDeployment): boolean {
  const event =
    error?.code === 'ALARM_ACTIVE'
      ? 'DEPLOYMENT_STOP_ON_ALARM'
      : status === 'Failed'
        ? 'DEPLOYMENT_FAILURE'
        : 'DEPLOYMENT_STOP_ON_REQUEST';
  return options.rollbackEvents.includes(event);
}

/** Where an active deployment is: a lifecycle event, a wait, or its status before any. */
export function stageOf({ deployment, events }: DeploymentRead): string {
  if (deployment.status === 'Ready') return READY_WAIT;
  const current = events.find(({ status }) => status === 'InProgress' || status === 'Failed');
  if (current !== undefined) return current.name;
  const done = events.filter(({ status }) => status === 'Succeeded' || status === 'Skipped');
  if (done.some(({ name }) => name === 'AfterAllowTraffic')) return TERMINATION_WAIT;
  return done.at(-1)?.name ?? deployment.status;
}

/** Why a deployment ended as it did, in the words of CodeDeploy; empty where it gives none. */
export function reasonOf({ deployment, events }: DeploymentRead): string {
  // Stopping a deployment fails the event that it was in.
  const isFailed = deployment.status === 'Failed';
  const failed = events.find(({ status }) => isFailed && status === 'Failed');
  const detail =
    failed && (failed.message === '' ? failed.name : `${failed.name}: ${failed.message}`);
  const { code = '', message = '' } = deployment.error ?? {};
  return [[code, message].filter((text) => text !== '').join(': '), detail]
    .filter((text) => text !== undefined && text !== '')
    .join('; ');
}

/** What an active deployment waits for, since when, and for how many seconds at most. */
export interface Wait {
  readonly waitsFor: 'next-step' | 'termination' | undefined;
  readonly since: Date | undefined;
  readonly seconds: number | undefined;
}

/** For how long CodeDeploy waits for tasks, and for the answer of a hook (its quotas). */
const EVENT_SECONDS = 3600;

/** What a deployment waits for; nothing once it has ended. */
export function codeDeployWait(read: DeploymentRead, { waits, minutes }: Shift): Wait {
  if (!isActive(read.deployment)) {
    return { waitsFor: undefined, since: undefined, seconds: undefined };
  }
  const stage = stageOf(read);
  const { events, deployment } = read;
  const last = (name: string) => events.find((event) => event.name === name);
  if (stage === TERMINATION_WAIT) {
    const { terminationMinutes } = deployment.options;
    return {
      waitsFor: terminationMinutes === undefined ? undefined : 'termination',
      since: last('AfterAllowTraffic')?.endedAt,
      seconds: terminationMinutes === undefined ? undefined : terminationMinutes * 60,
    };
  }
  const since = last(stage)?.startedAt;
  if (stage !== 'AllowTraffic') {
    const seconds = since === undefined ? undefined : EVENT_SECONDS;
    return { waitsFor: undefined, since, seconds };
  }
  const { own } = weightsOf(read, greenOf(read)?.id);
  const isStep = own > 0 && own < 100 && waits > 0;
  return {
    waitsFor: isStep ? 'next-step' : undefined,
    since,
    seconds: isStep ? minutes * 60 : undefined,
  };
}

/** The steps of a shift of traffic that a deployment configuration names itself; undefined for others. */
export function shiftOf(config: string): Shift | undefined {
  if (config.endsWith('.ECSAllAtOnce')) return { waits: 0, minutes: 0 };
  const [, kind, percent, minutes] =
    /\.ECS(Canary|Linear)(\d+)Percent(?:Every)?(\d+)Minutes?$/.exec(config) ?? [];
  if (kind === undefined) return undefined;
  const waits = kind === 'Canary' ? 1 : Math.ceil(100 / Number(percent)) - 1;
  return { waits, minutes: Number(minutes) };
}
