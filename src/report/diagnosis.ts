import { hasFailedTasks } from '../core/diagnosis.ts';
import type { Cause } from '../core/diagnosis.ts';
import type { DeploymentState, Diagnosis } from '../core/status.ts';
import { shortName } from '../core/task-definition.ts';
import { formatCount, formatTime, shortenEvent } from './format.ts';

/** Events that are shown where no task tells a cause. */
const EVENTS_SHOWN = 5;

const STATES: Readonly<Record<DeploymentState, string>> = {
  succeeded: 'succeeded',
  incomplete: 'succeeded, but fewer tasks run than desired',
  'in-progress': 'is in progress',
  failed: 'failed',
  stopped: 'failed or was superseded, and was not rolled back',
  'rollback-requested': 'is waiting to be rolled back',
  'rolling-back': 'failed and is being rolled back',
  'rolled-back': 'failed and was rolled back',
  'rollback-failed': 'failed, and its rollback failed, too',
};

/** States in which the deployment can still be rolled back by hand. */
const STUCK: ReadonlySet<DeploymentState> = new Set(['in-progress', 'failed', 'stopped']);

/** A diagnosis for people. */
export function formatDiagnosis(diagnosis: Diagnosis): string {
  const { service, cluster, subject, causes, events } = diagnosis;
  const { deployment, taskDefinition, state, createdAt, reason, pausedAt } = subject;
  const revision = shortName(taskDefinition);
  if (state === 'succeeded') {
    return `${service} is healthy: ${revision} is deployed, ${tasksOf(diagnosis, taskDefinition)}.`;
  }
  const found =
    causes.length > 0
      ? causes.flatMap(formatCause)
      : [
          'No failed tasks found (ECS keeps them about an hour).',
          ...(events.length === 0 ? [] : ['Recent events:']),
          ...events.slice(-EVENTS_SHOWN).map((message) => `  ${shortenEvent(message)}`),
        ];
  const isRetried = state === 'in-progress' && !diagnosis.hasBreaker && causes.some(hasFailedTasks);
  const canGoBack = STUCK.has(state) && pausedAt === undefined && causes.length > 0;
  return [
    `${service}: the deployment of ${revision} ${STATES[state]}.`,
    `  ${deployment}, started ${formatTime(createdAt)}`,
    ...(reason === '' ? [] : [`  ${reason}`]),
    ...(pausedAt === undefined
      ? []
      : [
          `  paused for approval at ${pausedAt}`,
          `  → show how to approve it: ecsdeploy rollout --watch --cluster ${cluster} --service ${service}`,
        ]),
    ...servingLines(diagnosis),
    ...(isRetried ? ['  ECS keeps starting tasks: the service has no circuit breaker'] : []),
    '',
    ...found,
    ...(canGoBack
      ? [`→ roll back: ecsdeploy rollback --cluster ${cluster} --service ${service}`]
      : []),
  ].join('\n');
}

/** Which revision takes the traffic, and the running tasks of every revision. */
function servingLines(diagnosis: Diagnosis): string[] {
  const { serving, running } = diagnosis;
  const others = Object.keys(running).filter((revision) => revision !== serving);
  return [
    serving === null
      ? '  serving now: no revision, because no task is running'
      : `  serving now: ${shortName(serving)}, ${tasksOf(diagnosis, serving)}`,
    ...others.map((revision) => `  ${shortName(revision)}: ${tasksOf(diagnosis, revision)}`),
  ];
}

function tasksOf({ running, desired }: Diagnosis, revision: string): string {
  return desired === 0
    ? 'desired count is 0'
    : `${running[revision] ?? 0} of ${formatCount(desired, 'task')} running`;
}

function formatCause({ code, summary, hint, evidence, tasks }: Cause): string[] {
  const count = tasks === 0 ? '' : ` (${formatCount(tasks, 'task')})`;
  return [
    `${summary} [${code}]${count}`,
    ...evidence.flatMap((text) => text.split('\n')).map((text) => `  ${text}`),
    `  → ${hint}`,
  ];
}
