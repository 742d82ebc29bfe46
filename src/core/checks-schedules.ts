import { ok, skip } from './checks.ts';
import type { Answer } from './checks.ts';
import { suggest } from './nearest.ts';
import { chosen, isPinned, missingNames, planSchedule, scheduleLabel } from './scheduled.ts';
import type { ScheduledTask, ScheduleOutcome, ScheduleResult, Schedules } from './scheduled.ts';
import { familyOf, shortName } from './task-definition.ts';
import type { JsonObject, Revision } from './task-definition.ts';

/** What the checks of scheduled tasks are about. */
export interface ScheduleSubject {
  readonly schedules: Schedules;
  readonly tasks: readonly ScheduledTask[];
  /** Both rules and schedules could be read. */
  readonly isWhole: boolean;
  /** Revisions by the ARNs that the schedules name; undefined for a deleted revision. */
  readonly revisions: ReadonlyMap<string, Revision | undefined>;
  /** The revision that the service runs. */
  readonly running: Revision;
  /** The definition that they will follow to, and its ARN; undefined while it is not registered. */
  readonly definition: JsonObject;
  readonly revision: string | undefined;
}

/** What would follow a rollout, and what would not or would fail afterwards. */
export function checkSchedules(subject: ScheduleSubject): readonly Answer[] {
  const { tasks, schedules, running, revision, isWhole } = subject;
  const ours = chosen(tasks, schedules);
  const family = String(subject.definition['family']);
  if (ours.length === 0 && isWhole && typeof schedules === 'boolean') {
    return [skip(`no rule or schedule of the cluster starts tasks of ${family}`)];
  }
  const planned = ours.map((task) => planSchedule(task, revision));
  const list = (outcome: ScheduleOutcome, words: string) => {
    const found = planned.filter((item) => item.outcome === outcome);
    const labels = found.map((item) => `${scheduleLabel(item)}${elsewhere(item, running)}`);
    return found.length === 0 ? [] : [`${words}: ${labels.join(', ')}`];
  };
  const parts = [
    ...list('planned', 'would follow'),
    ...list('unchanged', 'already there'),
    ...list('follows', 'on the latest revision'),
  ];
  return [
    ...(parts.length > 0 ? [ok(parts.join('; '))] : []),
    ...missing(subject),
    ...planned.filter(({ outcome }) => outcome === 'skipped').map(staysBehind),
    ...ours.flatMap((task) => inactive(subject, task)),
    ...otherRoles(subject, ours),
  ];
}

function elsewhere({ outcome, from }: ScheduleResult, running: Revision): string {
  return outcome === 'planned' && from !== running.arn ? ` (now on ${shortName(from ?? '')})` : '';
}

function missing({ tasks, schedules, isWhole, definition }: ScheduleSubject): Answer[] {
  if (!isWhole) return [];
  const known = [...new Set(tasks.map(({ name }) => name))];
  return missingNames(tasks, schedules).map((name) => ({
    status: 'warn',
    message: `There is no rule or schedule "${name}" that starts tasks of ${String(definition['family'])} in the cluster.`,
    hint: suggest(name, known, 'rules and schedules'),
  }));
}

function staysBehind(result: ScheduleResult): Answer {
  const name = scheduleLabel(result);
  const isRule = result.kind === 'rule';
  return {
    status: 'warn',
    message: `${name} stays on ${shortName(result.from ?? '')}: ${result.reason}.`,
    hint: isRule
      ? 'only its owner can change it'
      : `to let it follow: write ${familyOf(result.from ?? '')} without a revision into its input`,
  };
}

function inactive({ revisions }: ScheduleSubject, task: ScheduledTask): Answer[] {
  const { taskDefinition } = task;
  if (!isPinned(taskDefinition) || !revisions.has(taskDefinition)) return [];
  const revision = revisions.get(taskDefinition);
  if (revision?.status === 'ACTIVE') return [];
  const state = revision === undefined ? 'deleted' : revision.status;
  return [
    {
      status: 'warn',
      message: `${scheduleLabel(task)} names ${shortName(taskDefinition)}, which is ${state}: its tasks do not start.`,
      hint: 'a successful rollout moves it to the new revision; the runs that were missed are in its dead-letter queue, if it has one',
    },
  ];
}

const ROLES = ['taskRoleArn', 'executionRoleArn'] as const;

/** Roles that the new revision has and the old one has not: who starts the tasks must pass them. */
function otherRoles(
  { definition, revisions, running, revision }: ScheduleSubject,
  tasks: readonly ScheduledTask[],
): Answer[] {
  const labels = new Map<string, string[]>();
  for (const task of tasks) {
    if (planSchedule(task, revision).outcome === 'skipped') continue;
    const before = revisions.get(task.taskDefinition) ?? running;
    for (const member of ROLES) {
      const role = definition[member];
      if (typeof role !== 'string' || role === before.definition[member]) continue;
      const key = `${member} ${role} ${task.role ?? 'the role of its target'}`;
      labels.set(key, [...(labels.get(key) ?? []), scheduleLabel(task)]);
    }
  }
  const list = new Intl.ListFormat('en');
  return [...labels].map(([key, names]) => {
    const [member, role, ...starter] = key.split(' ');
    return {
      status: 'warn',
      message: `The new revision has another ${member}: ${role}. ${starter.join(' ')} must be allowed to pass it, or the tasks of ${list.format(names)} do not start.`,
      hint: `allow iam:PassRole on ${role} in its policy`,
    };
  });
}
