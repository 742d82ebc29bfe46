import type { DeploymentStatus, ServiceStatus } from '../core/status.ts';
import { shortName } from '../core/task-definition.ts';
import { formatTable, formatTime, shortenEvent } from './format.ts';

/** The status of a service for people. */
export function formatStatus(status: ServiceStatus): string {
  const { service, cluster, deployments, tasks, events, serving } = status;
  return [
    [
      `${service} in ${cluster}: ${status.status}`,
      `${status.running} of ${status.desired} running`,
      ...(status.pending === 0 ? [] : [`${status.pending} pending`]),
      ...(serving === null ? [] : [`serving ${shortName(serving)}`]),
    ].join(', '),
    '',
    ...formatTable(
      ['DEPLOYMENT', 'REVISION', 'STATE', 'TASKS', 'FAILED', 'SINCE'],
      deployments.map((deployment) => [
        deployment.status,
        deployment.taskDefinition,
        stateOf(deployment),
        `${deployment.running} of ${deployment.desired}`,
        failuresOf(deployment),
        shortTime(deployment.createdAt),
      ]),
    ),
    '',
    ...formatTable(
      ['TASK', 'REVISION', 'STATUS', 'HEALTH', 'SINCE', ''],
      tasks.map((task) => [
        task.id.slice(0, 8),
        task.taskDefinition,
        task.lastStatus,
        task.health,
        shortTime(task.since),
        task.stoppedReason ?? '',
      ]),
    ),
    ...(events.length === 0 ? [] : ['', 'EVENTS']),
    ...events.map(({ createdAt, message }) => `${shortTime(createdAt)}  ${shortenEvent(message)}`),
  ].join('\n');
}

function stateOf({ rolloutState, serviceDeployment }: DeploymentStatus): string {
  const { status, stage, pausedBy } = serviceDeployment ?? {};
  // The record says more than the list, except when both have succeeded.
  const word = status === undefined || status === 'SUCCESSFUL' ? (rolloutState ?? '-') : status;
  if (pausedBy) return `${word}, paused at ${stage ?? '?'}`;
  return stage && word !== 'COMPLETED' ? `${word}, ${stage}` : word;
}

function failuresOf({ failedTasks, serviceDeployment }: DeploymentStatus): string {
  const { failures, threshold } = serviceDeployment ?? {};
  if (typeof failures !== 'number' || typeof threshold !== 'number') return String(failedTasks);
  return `${Math.max(failures, failedTasks)} of ${threshold}`;
}

function shortTime(iso: string | null): string {
  return iso === null ? '-' : formatTime(new Date(iso)).slice(5).replace('T', ' ');
}
