import { familyOf, shortName } from './task-definition.ts';
import type { JsonObject } from './task-definition.ts';

/** Which scheduled tasks follow a rollout: none, all of the family, or those of these names. */
export type Schedules = boolean | readonly string[];

/** What names a scheduled task. */
export interface ScheduleName {
  /** A target of an EventBridge rule, or a schedule of EventBridge Scheduler. */
  readonly kind: 'rule' | 'schedule';
  readonly name: string;
  /** The event bus of the rule, or the group of the schedule. */
  readonly group: string;
  /** The id of the rule's target; null for a schedule. */
  readonly target: string | null;
}

/** Something that starts tasks of a family in a cluster. */
export interface ScheduledTask extends ScheduleName {
  /** The task definition as it names it: a revision, or a family for its latest revision. */
  readonly taskDefinition: string;
  /** E.g. `cron(0 3 * * ? *)`; undefined for a rule that matches events. */
  readonly expression: string | undefined;
  readonly isEnabled: boolean;
  /** The service of AWS that owns the rule. */
  readonly managedBy: string | undefined;
  /** A target that calls RunTask itself: the task definition is within its input. */
  readonly isUniversal: boolean;
  /** ARN of the role that starts the tasks. */
  readonly role: string | undefined;
  /** The whole target of the rule, or the whole schedule, as AWS sent it. */
  readonly document: JsonObject;
}

/** What becomes of a scheduled task. `follows`: it names the family, and needs no change. */
export type ScheduleOutcome =
  | 'planned'
  | 'updated'
  | 'unchanged'
  | 'follows'
  | 'skipped'
  | 'failed'
  | 'unknown';

/** A scheduled task in the result of a service; where it is only shown, it is `unchanged` or `follows`. */
export interface ScheduleResult extends Omit<ScheduleName, 'name'> {
  /** Null for all rules, or all schedules, which could not be read. */
  readonly name: string | null;
  readonly enabled: boolean;
  /** E.g. `cron(0 3 * * ? *)`; null for a rule that matches events. */
  readonly expression: string | null;
  /** ARN of the revision or of the family that it named before; null where it is not known. */
  readonly from: string | null;
  /**
   * ARN of the revision that it is moved to; null where it stays as it is, and where a dry run would
   * register the revision first.
   */
  readonly to: string | null;
  readonly outcome: ScheduleOutcome;
  /** Why it stays as it is, or why nobody knows; null otherwise. */
  readonly reason: string | null;
}

/** Whether a task definition is named with its revision. */
export function isPinned(taskDefinition: string): boolean {
  return shortName(taskDefinition).includes(':');
}

/** The scheduled tasks that the setting chooses. */
export function chosen(
  tasks: readonly ScheduledTask[],
  schedules: Schedules,
): readonly ScheduledTask[] {
  if (typeof schedules === 'boolean') return schedules ? tasks : [];
  return tasks.filter((task) => schedules.some((name) => isNamed(task, name)));
}

/** Names of the setting that no scheduled task has. */
export function missingNames(
  tasks: readonly ScheduledTask[],
  schedules: Schedules,
): readonly string[] {
  if (typeof schedules === 'boolean') return [];
  return schedules.filter((name) => !tasks.some((task) => isNamed(task, name)));
}

function isNamed({ name, group }: ScheduleName, wanted: string): boolean {
  return wanted === name || wanted === `${group}/${name}`;
}

/** A scheduled task for people: `nightly (report)` for a target of a rule, `jobs/archive`. */
export function scheduleLabel({
  name,
  group,
  target,
}: Pick<ScheduleResult, 'name' | 'group' | 'target'>): string {
  const place = group === 'default' ? '' : `${group}/`;
  return `${place}${name}${target === null ? '' : ` (${target})`}`;
}

/**
 * The result of a scheduled task as far as its document shows; `planned` where it has to be changed
 * to name `to`: the ARN of a revision, or undefined before the revision is registered.
 */
export function planSchedule(task: ScheduledTask, to: string | undefined): ScheduleResult {
  const { kind, name, group, target, taskDefinition: from, isEnabled: enabled } = task;
  const { expression = null } = task;
  const known = { kind, name, group, target, enabled, expression, from, to: null, reason: null };
  if (!isPinned(from)) return { ...known, outcome: 'follows' };
  if (from === to) return { ...known, outcome: 'unchanged' };
  const reason = reasonToStay(task);
  return reason === undefined
    ? { ...known, to: to ?? null, outcome: 'planned' }
    : { ...known, outcome: 'skipped', reason };
}

function reasonToStay({ managedBy, isUniversal }: ScheduledTask): string | undefined {
  if (managedBy !== undefined) return `the rule is managed by ${managedBy}`;
  return isUniversal ? 'its universal target has the revision in its input' : undefined;
}

/** Members of a schedule that only GetSchedule has, and the name, which is a part of the address. */
const OUTPUT_ONLY = new Set(['Arn', 'CreationDate', 'LastModificationDate', 'Name']);

/**
 * What has to be sent so that a scheduled task names the revision of this ARN: PutTargets and
 * UpdateSchedule replace everything, so every other member is sent back.
 */
export function withRevision({ kind, document }: ScheduledTask, arn: string): JsonObject {
  if (kind === 'rule') return withParameters(document, arn);
  const kept = Object.entries(document).filter(([member]) => !OUTPUT_ONLY.has(member));
  const target = document['Target'] as JsonObject;
  return { ...Object.fromEntries(kept), Target: withParameters(target, arn) };
}

function withParameters(target: JsonObject, arn: string): JsonObject {
  const parameters = target['EcsParameters'] as JsonObject;
  return { ...target, EcsParameters: { ...parameters, TaskDefinitionArn: arn } };
}

/** The task definition of a target whose cluster is one of these ARNs; undefined for any other. */
export function definitionOf(
  target: JsonObject,
  clusters: ReadonlySet<string>,
): { readonly taskDefinition: string; readonly isUniversal: boolean } | undefined {
  const arn = String(target['Arn']);
  const { TaskDefinitionArn: named } = (target['EcsParameters'] ?? {}) as JsonObject;
  if (clusters.has(arn) && typeof named === 'string') {
    return { taskDefinition: named, isUniversal: false };
  }
  if (!isRunTask(arn)) return undefined;
  const { Cluster = 'default', TaskDefinition } = inputOf(target);
  const isHere = [...clusters].some((cluster) =>
    [cluster, shortName(cluster)].includes(String(Cluster)),
  );
  return isHere && typeof TaskDefinition === 'string'
    ? { taskDefinition: TaskDefinition, isUniversal: true }
    : undefined;
}

/** Whether the ARN of a target is the universal one that calls RunTask. */
export function isRunTask(arn: string): boolean {
  return /^arn:[^:]+:scheduler:::aws-sdk:ecs:runTask$/.test(arn);
}

function inputOf({ Input }: JsonObject): JsonObject {
  try {
    const input: unknown = JSON.parse(String(Input));
    return typeof input === 'object' && input !== null ? (input as JsonObject) : {};
  } catch {
    return {};
  }
}

/** Whether a task definition is one of these families. */
export function isOf(taskDefinition: string, families: ReadonlySet<string>): boolean {
  return families.has(familyOf(taskDefinition));
}
