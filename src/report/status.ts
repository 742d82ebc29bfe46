import { isScaledIn } from '../core/ecs.ts';
import { scheduleLabel } from '../core/scheduled.ts';
import type { ScheduleResult } from '../core/scheduled.ts';
import type { DeploymentStatus, ServiceStatus, TargetStatus, TaskStatus } from '../core/status.ts';
import { placeNote } from '../core/service-name.ts';
import { shortName } from '../core/task-definition.ts';
import {
  formatAge,
  formatCount,
  formatTable,
  secondsBetween,
  shortCommit,
  shortDigest,
  shortenEvent,
  shortImage,
} from './format.ts';
import type { Page } from './page.ts';
import { alarmsText, answerCommands, expiryText, hookText, stageText } from './stages.ts';
import { wrap } from './width.ts';

/** The status of a service for people, as of a time of the server's clock. */
export function formatStatus(status: ServiceStatus, at: Date, page: Page): string {
  const { service, cluster, deployments, tasks, events, schedules = [], serving, express } = status;
  const age = (iso: string | null) =>
    iso === null ? '-' : formatAge(secondsBetween(new Date(iso), at));
  const current = serving === null ? undefined : shortName(serving);
  const { image, digests = [] } =
    deployments.find(({ taskDefinition }) => taskDefinition === current) ?? {};
  const link = page.linkOf(status);
  const hasHealth = tasks.some(({ health }) => health !== 'UNKNOWN');
  const taskHeader = ['TASK', 'REVISION', 'STATUS', ...(hasHealth ? ['HEALTH'] : []), 'AGE'];
  const isRoutine = ({ stoppedReason }: TaskStatus) => isScaledIn(stoppedReason);
  const scaled = tasks.filter(isRoutine).length;
  const taskRows = tasks
    .filter((task) => !isRoutine(task))
    .map((task) => ({
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
        `${service} in ${cluster}${placeNote(status)}: ${status.status}${express === null ? '' : ', Express service'}`,
        `${status.running} of ${status.desired} running`,
        ...(status.pending === 0 ? [] : [`${status.pending} pending`]),
        ...(current === undefined ? ['no revision serves'] : [`serving ${current}`]),
      ].join(', '),
      page.columns,
    ),
    ...(typeof image === 'string' ? imageLines(image, digests, page.columns) : []),
    ...expressLines(status),
    ...codeDeployLines(status),
    ...(link === undefined ? [] : [`  console: ${link}`]),
    '',
    ...formatTable(
      ['STATUS', 'REVISION', 'TAG', 'STATE', 'TASKS', 'FAILED', 'AGE'],
      deployments.map((deployment) => ({
        cells: [
          deployment.status,
          deployment.taskDefinition,
          tagOf(deployment),
          stateOf(deployment) + (deployment.taskDefinition === current ? ', serving' : ''),
          `${deployment.running} of ${deployment.desired}`,
          String(failuresOf(deployment)),
          age(deployment.createdAt),
        ],
        note: breakerNote(deployment),
      })),
      page.columns,
    ),
    ...stageLines(status, page.columns),
    ...(taskRows.length === 0 ? [] : ['', ...formatTable(taskHeader, taskRows, page.columns)]),
    ...(scaled === 0
      ? []
      : wrap(
          `and ${formatCount(scaled, 'task')} that a deployment or scaling stopped`,
          page.columns,
        )),
    ...targetLines(status, page.columns),
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

/** The image that serves, with the digests that its name does not have. */
function imageLines(image: string, digests: readonly string[], columns: number): string[] {
  const others = digests.filter((digest) => !image.endsWith(digest));
  const differ = digests.length > 1 ? ' (the tasks have different images)' : '';
  const text = [`  image: ${shortImage(image)}`, ...others.map(shortDigest)].join(' ');
  return wrap(`${text}${differ}`, columns);
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

/** Where an Express service is reached, and whether Express Mode has another revision. */
function expressLines({ express, taskDefinition, deployments }: ServiceStatus): string[] {
  if (express === null) return [];
  const { endpoint, taskDefinition: told } = express;
  const isBusy = deployments.some(({ rolloutState }) => rolloutState === 'IN_PROGRESS');
  const isOther = told !== null && told !== taskDefinition && !isBusy;
  return [
    ...(endpoint === null ? [] : [`  endpoint: ${endpoint}`]),
    ...(isOther ? [`  Express Mode has ${shortName(told)}: its next update deploys that`] : []),
  ];
}

function codeDeployLines({ codeDeploy }: ServiceStatus): string[] {
  if (codeDeploy === undefined) return [];
  const { application, group, config } = codeDeploy;
  return [`  CodeDeploy: ${application} / ${group}, ${config}`];
}

/** Targets that are shown of those that are not healthy. */
const TARGETS_SHOWN = 5;

function targetLines({ targetGroups }: ServiceStatus, columns: number): string[] {
  if (targetGroups === null || targetGroups.length === 0) return [];
  const rows = targetGroups.map(({ name, healthCheck, counts, targets }) => ({
    cells: [
      name,
      Object.entries(counts)
        .map(([state, count]) => `${count} ${state}`)
        .join(', ') || 'none',
    ],
    note: [healthCheck, ...problemsOf(targets)].join('\n'),
  }));
  return ['', ...formatTable(['TARGET GROUP', 'TARGETS'], rows, columns)];
}

function problemsOf(targets: readonly TargetStatus[]): string[] {
  const others = targets.filter(({ state }) => state !== 'healthy');
  const lines = others
    .slice(0, TARGETS_SHOWN)
    .map(({ task, target, zone, state, reason, description }) => {
      const where = zone === null ? target : `${target}, ${zone}`;
      const why = description ?? reason;
      return `${task ?? 'no task'} (${where}): ${state}${why === null ? '' : `, ${why}`}`;
    });
  const more = others.length - TARGETS_SHOWN;
  return [...lines, ...(more > 0 ? [`and ${more} more`] : [])];
}

/** The stage of a deployment in progress, what holds it there, and how to answer a pause hook. */
function stageLines({ deployments, ...name }: ServiceStatus, columns: number): string[] {
  const record = deployments.find(
    ({ rolloutState }) => rolloutState === 'IN_PROGRESS',
  )?.serviceDeployment;
  if (!record || record.stage === null || record.status !== 'IN_PROGRESS') return [];
  const { stage, traffic, testTraffic, oldTestTraffic, hooks, alarms } = record;
  const pauses = hooks.filter(({ function: name }) => name === undefined);
  const alarm = alarmsText(alarms);
  return [
    '',
    'STAGE',
    ...[
      stageText({ stage, traffic, testTraffic, oldTestTraffic }),
      ...hooks.map((hook) => hookText(hook) + expiryText(hook)),
      ...(alarm === '' ? [] : [alarm]),
    ].flatMap((text) => wrap(`  ${text}`, columns)),
    ...pauses.flatMap(({ hook }) =>
      answerCommands(name, { hook, waiting: pauses.length }).map((command) => `  → ${command}`),
    ),
  ];
}

/** The tag, with a commit as git shortens it. */
function tagOf({ tag, commit }: DeploymentStatus): string {
  if (tag === null) return '-';
  return commit === null ? tag : shortCommit(tag, commit);
}

function stateOf({ rolloutState, serviceDeployment }: DeploymentStatus): string {
  const { status, stage, pausedBy } = serviceDeployment ?? {};
  // The record says more than the list, except when both have succeeded.
  const word = status === undefined || status === 'SUCCESSFUL' ? (rolloutState ?? '-') : status;
  if (pausedBy) return `${word}, paused at ${stage ?? '?'}`;
  return stage && word !== 'COMPLETED' ? `${word}, ${stage}` : word;
}

function failuresOf({ failedTasks, serviceDeployment }: DeploymentStatus): number {
  const { failures, threshold } = serviceDeployment ?? {};
  if (typeof failures !== 'number' || typeof threshold !== 'number') return failedTasks;
  return Math.max(failures, failedTasks);
}

/** When the circuit breaker ends a deployment with failed tasks; it watches those in progress only. */
function breakerNote(deployment: DeploymentStatus): string | undefined {
  const { rolloutState, serviceDeployment } = deployment;
  const { threshold } = serviceDeployment ?? {};
  const isWatched = rolloutState !== 'COMPLETED' && failuresOf(deployment) > 0;
  return isWatched && typeof threshold === 'number'
    ? `the circuit breaker trips at ${threshold} failed tasks`
    : undefined;
}

/** ECS says UNKNOWN where a task has no health check, too. */
function healthOf({ health }: TaskStatus): string {
  return health === 'UNKNOWN' ? '-' : health;
}
