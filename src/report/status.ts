import type { DeploymentStatus, ServiceStatus, TaskStatus } from '../core/status.ts';
import { scheduleLabel } from '../core/scheduled.ts';
import type { ScheduleResult } from '../core/scheduled.ts';
import { shortName } from '../core/task-definition.ts';
import { formatAge, formatTable, secondsBetween, shortenEvent } from './format.ts';
import type { Page } from './page.ts';
import { wrap } from './width.ts';

/** The status of a service for people, as of a time of the server's clock. */
export function formatStatus(status: ServiceStatus, at: Date, page: Page): string {
  const { service, cluster, deployments, tasks, events, schedules = [], serving } = status;
  const age = (iso: string | null) =>
    iso === null ? '-' : formatAge(secondsBetween(new Date(iso), at));
  const current = serving === null ? undefined : shortName(serving);
  const image = deployments.find(({ taskDefinition }) => taskDefinition === current)?.image;
  const link = page.linkOf(status);
  const hasHealth = tasks.some(({ health }) => health !== 'UNKNOWN');
  const taskHeader = ['TASK', 'REVISION', 'STATUS', ...(hasHealth ? ['HEALTH'] : []), 'AGE'];
  const taskRows = tasks.map((task) => ({
    cells: [
      task.id,
      task.taskDefinition,
      task.lastStatus,
      ...(hasHealth ? [healthOf(task)] : []),
      age(task.since),
    ],
    note: task.stoppedReason ?? undefined,
  }));
  return [
    ...wrap(
      [
        `${service} in ${cluster}: ${status.status}`,
        `${status.running} of ${status.desired} running`,
        ...(status.pending === 0 ? [] : [`${status.pending} pending`]),
        ...(current === undefined ? ['no revision serves'] : [`serving ${current}`]),
      ].join(', '),
      page.columns,
    ),
    ...(typeof image === 'string' ? [`  image: ${image}`] : []),
    ...(link === undefined ? [] : [`  console: ${link}`]),
    '',
    ...formatTable(
      ['DEPLOYMENT', 'REVISION', 'TAG', 'STATE', 'TASKS', 'FAILED', 'AGE'],
      deployments.map((deployment) => ({
        cells: [
          deployment.status,
          deployment.taskDefinition,
          tagOf(deployment),
          stateOf(deployment) + (deployment.taskDefinition === current ? ', serving' : ''),
          `${deployment.running} of ${deployment.desired}`,
          failuresOf(deployment),
          age(deployment.createdAt),
        ],
      })),
      page.columns,
    ),
    ...(tasks.length === 0 ? [] : ['', ...formatTable(taskHeader, taskRows, page.columns)]),
    ...(schedules.length === 0
      ? []
      : ['', ...formatTable(SCHEDULE_HEADER, schedules.map(scheduleRow), page.columns)]),
    ...(events.length === 0 ? [] : ['', 'EVENTS']),
    ...events.flatMap(({ createdAt, message }) => {
      const [first = '', ...rest] = wrap(shortenEvent(message), page.columns - 6);
      return [`${age(createdAt).padEnd(4)}  ${first}`, ...rest.map((line) => `      ${line}`)];
    }),
  ].join('\n');
}

const SCHEDULE_HEADER = ['SCHEDULED TASK', 'KIND', 'REVISION', 'STATE', 'WHEN'];

function scheduleRow(item: ScheduleResult) {
  const name = shortName(item.from ?? '');
  return {
    cells: [
      scheduleLabel(item),
      item.kind,
      item.outcome === 'follows' ? `latest of ${name}` : name,
      item.enabled ? 'ENABLED' : 'DISABLED',
      item.expression ?? 'on events',
    ],
  };
}

/** The tag, with a commit as git shortens it. */
function tagOf({ tag, commit }: DeploymentStatus): string {
  if (tag === null) return '-';
  return commit === null ? tag : tag.replace(commit, commit.slice(0, 8));
}

function stateOf({ rolloutState, serviceDeployment }: DeploymentStatus): string {
  const { status, stage, pausedBy } = serviceDeployment ?? {};
  // The record says more than the list, except when both have succeeded.
  const word = status === undefined || status === 'SUCCESSFUL' ? (rolloutState ?? '-') : status;
  if (pausedBy) return `${word}, paused at ${stage ?? '?'}`;
  return stage && word !== 'COMPLETED' ? `${word}, ${stage}` : word;
}

function failuresOf({ failedTasks, rolloutState, serviceDeployment }: DeploymentStatus): string {
  const { failures, threshold } = serviceDeployment ?? {};
  if (typeof failures !== 'number' || typeof threshold !== 'number') return String(failedTasks);
  const failed = Math.max(failures, failedTasks);
  // The circuit breaker watches a deployment in progress only.
  return rolloutState === 'COMPLETED' ? String(failed) : `${failed}, breaker trips at ${threshold}`;
}

/** ECS says UNKNOWN where a task has no health check, too. */
function healthOf({ health }: TaskStatus): string {
  return health === 'UNKNOWN' ? '-' : health;
}
