import { hasFailedTasks } from '../core/diagnosis.ts';
import type { Cause } from '../core/diagnosis.ts';
import type { DeploymentState, Diagnosis } from '../core/status.ts';
import { serviceFlags } from '../core/service-name.ts';
import { shortName } from '../core/task-definition.ts';
import type { TargetGroupProgress } from '../core/load-balancer.ts';
import { formatCount, formatSeconds, formatTime, shortenEvent } from './format.ts';
import type { Page } from './page.ts';
import { answerCommands } from './stages.ts';
import { wrap } from './width.ts';
import { targetsText } from './words.ts';

/** Events that are shown where no task names a cause. */
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

/** States in which ECS rolls the deployment back. */
const GOES_BACK: ReadonlySet<DeploymentState> = new Set(['rollback-requested', 'rolling-back']);

/** A diagnosis for people. */
export function formatDiagnosis(diagnosis: Diagnosis, { columns, linkOf }: Page): string {
  const { service, cluster, subject, causes, events } = diagnosis;
  const { deployment, taskDefinition, state, createdAt, reason, pausedAt } = subject;
  const revision = shortName(taskDefinition);
  const link = linkOf({ cluster, service, taskDefinition });
  const consoleLines = link === undefined ? [] : [`  console: ${link}`];
  if (state === 'succeeded') {
    return [
      `${service} is healthy: ${revision} is deployed, ${tasksOf(diagnosis, taskDefinition)}.`,
      ...consoleLines,
    ].join('\n');
  }
  const flags = serviceFlags(diagnosis);
  const found =
    causes.length > 0
      ? causes.flatMap((cause) => formatCause(cause, columns))
      : [
          'No failed tasks found (ECS keeps them about an hour).',
          ...(events.length === 0 ? [] : ['Recent events:']),
          ...events
            .slice(-EVENTS_SHOWN)
            .flatMap((message) => wrap(`  ${shortenEvent(message)}`, columns)),
        ];
  const isRetried = state === 'in-progress' && !diagnosis.hasBreaker && causes.some(hasFailedTasks);
  const canGoBack = STUCK.has(state) && pausedAt === undefined && causes.length > 0;
  return [
    ...wrap(`${service}: the deployment of ${revision} ${STATES[state]}.`, columns),
    `  ${deployment}, started ${formatTime(createdAt)}`,
    ...(reason === '' ? [] : wrap(`  ${reason}`, columns)),
    ...(pausedAt === undefined
      ? []
      : [
          `  paused for approval at ${pausedAt}`,
          ...answerCommands(diagnosis).map((command) => `  → ${command}`),
        ]),
    ...servingLines(diagnosis).flatMap((line) => wrap(line, columns)),
    ...balancerLines(diagnosis).flatMap((line) => wrap(line, columns)),
    ...consoleLines,
    ...(isRetried ? ['  ECS keeps starting tasks: the service has no circuit breaker'] : []),
    '',
    ...found,
    ...(canGoBack ? [`→ roll back: ecsdeploy rollback ${flags}`] : []),
    ...(GOES_BACK.has(state) ? [`→ follow the rollback: ecsdeploy rollout --watch ${flags}`] : []),
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

/** What the load balancer still waits for. */
function balancerLines({ targetGroups }: Diagnosis): string[] {
  return targetGroups.flatMap((group) => {
    const parts = [
      ...(group.healthy < group.targets ? [targetsText(group)] : []),
      ...(group.draining > 0 ? [drainText(group)] : []),
    ];
    return parts.length === 0 ? [] : `  target group ${group.targetGroup}: ${parts.join('; ')}`;
  });
}

function drainText({ draining, deregistrationDelay }: TargetGroupProgress): string {
  const limit =
    deregistrationDelay === undefined ? '' : `, up to ${formatSeconds(deregistrationDelay)} each`;
  return `draining ${formatCount(draining, 'old target')}${limit}`;
}

function tasksOf({ running, desired }: Diagnosis, revision: string): string {
  return desired === 0
    ? 'desired count is 0'
    : `${running[revision] ?? 0} of ${formatCount(desired, 'task')} running`;
}

function formatCause({ code, summary, hint, evidence, tasks }: Cause, columns: number): string[] {
  const count = tasks === 0 ? '' : ` (${formatCount(tasks, 'task')})`;
  return [
    ...wrap(`${summary} [${code}]${count}`, columns),
    // The lines of a log stay as they are.
    ...evidence.flatMap((text) =>
      text.startsWith('|')
        ? text.split('\n').map((line) => `  ${line}`)
        : text.split('\n').flatMap((line) => wrap(`  ${line}`, columns)),
    ),
    // What follows a line break comes indented (output.ts).
    ...hint.split(/\n */).map((step) => `  → ${step}`),
  ];
}
