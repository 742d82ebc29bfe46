import { isServing } from './code-deploy.ts';
import { primaryOf, waitingHooks } from './ecs.ts';
import type { DeploymentSettings, RolloutRecord, StageHook } from './ecs.ts';
import type { OurDeployment, Polled } from './verdict.ts';

/**
 * The lifecycle stages of BLUE_GREEN, LINEAR and CANARY in order
 * (docs/explanation/how-ecs-behaves.md#strategies-and-pauses). LINEAR and CANARY repeat
 * PRODUCTION_TRAFFIC_SHIFT for each step.
 */
const STAGES = [
  'RECONCILE_SERVICE',
  'PRE_SCALE_UP',
  'SCALE_UP',
  'POST_SCALE_UP',
  'TEST_TRAFFIC_SHIFT',
  'POST_TEST_TRAFFIC_SHIFT',
  'PRE_PRODUCTION_TRAFFIC_SHIFT',
  'PRODUCTION_TRAFFIC_SHIFT',
  'POST_PRODUCTION_TRAFFIC_SHIFT',
  'BAKE_TIME',
  'CLEAN_UP',
] as const;

type Stage = (typeof STAGES)[number];

/** Whether a stage comes after another one: polls miss short stages. False for an unknown stage. */
export function isAfter(stage: string | undefined, other: Stage): boolean {
  return (STAGES as readonly (string | undefined)[]).indexOf(stage) > STAGES.indexOf(other);
}

/** What a rollback of a deployment in stages has to undo. */
export type TrafficPhase =
  /** Production traffic was never on the new tasks. */
  | 'not-shifted'
  /** The old tasks still run, and get the traffic back at once. */
  | 'shifted'
  /** The old tasks are being removed: only a new deployment brings them back. */
  | 'cleaning-up';

/** How far the traffic of a deployment is; undefined for a rolling one. */
export function trafficPhase({
  stage,
  traffic = 0,
}: Pick<RolloutRecord, 'stage' | 'traffic'>): TrafficPhase | undefined {
  if (stage === undefined) return undefined;
  if (isAfter(stage, 'BAKE_TIME')) return 'cleaning-up';
  return traffic > 0 || isAfter(stage, 'PRE_PRODUCTION_TRAFFIC_SHIFT') ? 'shifted' : 'not-shifted';
}

/** The ways to roll back a deployment in progress. */
export type RollbackWay =
  /** Refuse the pause hook at which it waits. */
  | { readonly by: 'hook'; readonly hook: StageHook }
  /** StopServiceDeployment. */
  | { readonly by: 'stop' }
  /** Deploy the revision before. */
  | { readonly by: 'deployment' };

/** How to roll back a deployment in progress; without its record, only a new deployment can. */
export function rollbackWay(record: RolloutRecord | undefined): RollbackWay {
  if (record === undefined) return { by: 'deployment' };
  const [hook] = waitingHooks(record);
  // CodeDeploy has no answer that refuses: it is stopped.
  if (hook !== undefined && record.codeDeploy === undefined) return { by: 'hook', hook };
  return { by: trafficPhase(record) === 'cleaning-up' ? 'deployment' : 'stop' };
}

/** A pause hook that waits for `continue`. */
export interface Pause {
  /** Id of the hook; each pause has its own. */
  readonly hook: string;
  /** Lifecycle stage of the service deployment, e.g. `POST_TEST_TRAFFIC_SHIFT`. */
  readonly stage: string;
  /** ISO time at which the hook times out; null where ECS gives none. */
  readonly expiresAt: string | null;
}

/** A hook that holds a deployment at its stage. */
export interface OpenHook {
  readonly hook: string;
  /** Name of its Lambda function; undefined for a pause. */
  readonly function: string | undefined;
  readonly status: string;
  /** ISO time at which the hook times out, and what it does then. */
  readonly expiresAt: string | undefined;
  readonly timeoutAction: string | undefined;
}

/** The pause at which a deployment waits; null where it does not. */
export function pauseOf(record: RolloutRecord | undefined): Pause | null {
  if (record === undefined) return null;
  const [hook] = waitingHooks(record);
  if (hook === undefined) return null;
  const { id, expiresAt = null } = hook;
  return { hook: id, stage: record.stage ?? record.status, expiresAt };
}

/** The hooks that hold a deployment in progress at its stage: Lambda functions that run, and pauses. */
export function openHooks(record: RolloutRecord | undefined): readonly OpenHook[] {
  if (record?.status !== 'IN_PROGRESS') return [];
  return record.hooks
    .filter(({ status }) => status === 'AWAITING_ACTION' || status === 'IN_PROGRESS')
    .map(({ id, target, status, expiresAt, timeoutAction }) => ({
      hook: id,
      function: target && functionName(target),
      status,
      expiresAt,
      timeoutAction,
    }));
}

/** A record as it is once these hooks were answered: ECS may show them as waiting for a moment. */
export function withoutHooks(record: RolloutRecord, answered: ReadonlySet<string>): RolloutRecord {
  return answered.size === 0
    ? record
    : { ...record, hooks: record.hooks.filter(({ id }) => !answered.has(id)) };
}

/**
 * Whether all production traffic is on our deployment in progress: the stage is behind the last
 * shift, and the weights do not contradict it. A rolling deployment has neither.
 */
export function hasAllTraffic(ours: OurDeployment, { service, record }: Polled): boolean {
  if (record?.status !== 'IN_PROGRESS' || record.deployment !== ours.id) return false;
  if (record.codeDeploy !== undefined) return isServing(record.codeDeploy);
  const primary = primaryOf(service);
  if (primary?.id !== ours.id || service.taskDefinition !== ours.taskDefinition) return false;
  if (primary.rolloutState === 'FAILED') return false;
  const { stage, traffic = 100, oldTraffic = 0 } = record;
  return isAfter(stage, 'PRODUCTION_TRAFFIC_SHIFT') && traffic >= 100 && oldTraffic <= 0;
}

/** The time that a rollout takes at least, beside starting tasks and hooks; times in minutes. */
export interface RolloutTime {
  /** Waits between the steps of production traffic, and how long each is. */
  readonly waits: number;
  readonly minutesEach: number;
  /** Bake time after the last step. */
  readonly bakeMinutes: number;
  readonly minutes: number;
  /** For how long CodeDeploy keeps the old tasks after that. */
  readonly terminationMinutes?: number;
}

/** The time that a rollout takes at least; undefined where nothing makes it wait. */
export function rolloutTime({
  shift: { waits, minutes: minutesEach },
  bakeMinutes,
  terminationMinutes = 0,
}: Pick<DeploymentSettings, 'shift' | 'bakeMinutes' | 'terminationMinutes'>):
  | RolloutTime
  | undefined {
  const minutes = waits * minutesEach + bakeMinutes;
  if (minutes + terminationMinutes === 0) return undefined;
  const time = { waits, minutesEach, bakeMinutes, minutes };
  return terminationMinutes === 0 ? time : { ...time, terminationMinutes };
}

/** The name of a Lambda function in its ARN. */
export function functionName(arn: string): string {
  return arn.split(':')[6] ?? arn;
}
