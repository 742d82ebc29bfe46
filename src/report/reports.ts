import type { Cause } from '../core/diagnosis.ts';

/** The deployment that a diagnosis is about. */
export interface Subject {
  /** `ecs-svc/…` */
  readonly deployment: string;
  /** `family:revision` */
  readonly revision: string;
  /** What became of it, e.g. `was rolled back`. */
  readonly state: string;
  readonly createdAt: Date;
  /** What ECS says of its end; empty where it says nothing. */
  readonly reason: string;
}

/** What was found out about one service. */
export interface Diagnosis {
  readonly service: string;
  /** Undefined where nothing is wrong. */
  readonly subject: Subject | undefined;
  readonly causes: readonly Cause[];
  /** Messages of the deployment's events, the oldest first. */
  readonly events: readonly string[];
  /** Running and desired tasks. */
  readonly running: number;
  readonly desired: number;
  /** `family:revision` that the service is on. */
  readonly current: string;
}

/** Events that are shown where no task tells of a cause. */
const EVENTS_SHOWN = 5;

/** A diagnosis for people. */
export function formatDiagnosis(diagnosis: Diagnosis): string {
  const { service, subject, causes, events, running, desired, current } = diagnosis;
  const counts = `${running} running, ${desired} wanted`;
  if (subject === undefined) {
    return `${service}: nothing is wrong. The latest deployment, of ${current}, succeeded; ${counts}.`;
  }
  const { deployment, revision, state, createdAt, reason } = subject;
  const found =
    causes.length > 0
      ? causes.flatMap(formatCause)
      : [
          'No failed task of it is visible: there was none, or it ended more than an hour ago.',
          ...(events.length === 0 ? [] : ['The latest events:']),
          ...events.slice(-EVENTS_SHOWN).map((message) => `  ${shortenEvent(message)}`),
        ];
  return [
    `${service}: the deployment of ${revision} ${state}.`,
    `  ${deployment}, begun ${formatTime(createdAt)}; the service is on ${current}, ${counts}`,
    ...(reason === '' ? [] : [`  ${reason}`]),
    '',
    ...found,
  ].join('\n');
}

function formatCause({ code, summary, hint, evidence, tasks }: Cause): string[] {
  const count = tasks === 0 ? '' : ` (${tasks} ${tasks === 1 ? 'task' : 'tasks'})`;
  return [
    `${summary} [${code}]${count}`,
    ...evidence.flatMap((text) => text.split('\n')).map((text) => `  ${text}`),
    `  → ${hint}`,
  ];
}

/** A service as `status` shows it. */
export interface ServiceStatus {
  readonly service: string;
  readonly cluster: string;
  readonly status: string;
  readonly desired: number;
  readonly running: number;
  readonly pending: number;
  readonly deployments: readonly DeploymentStatus[];
  readonly tasks: readonly TaskStatus[];
  readonly events: readonly EventStatus[];
}

/** A deployment as `status` shows it; times are ISO texts of the server's clock. */
export interface DeploymentStatus {
  readonly id: string;
  readonly status: string;
  readonly taskDefinition: string;
  readonly rolloutState: string | null;
  readonly desired: number;
  readonly running: number;
  readonly pending: number;
  readonly failedTasks: number;
  readonly createdAt: string | null;
  /** Status, stage and circuit breaker of its service deployment; null where that is not known. */
  readonly serviceDeployment: {
    readonly status: string;
    readonly stage: string | null;
    readonly failures: number | null;
    readonly threshold: number | null;
    /** The pause hook that waits for approval. */
    readonly pausedBy: string | null;
  } | null;
}

/** A task as `status` shows it. */
export interface TaskStatus {
  readonly id: string;
  readonly taskDefinition: string;
  readonly lastStatus: string;
  readonly health: string;
  readonly since: string | null;
  readonly stoppedReason: string | null;
}

/** An event as `status` shows it. */
export interface EventStatus {
  readonly createdAt: string | null;
  readonly message: string;
}

/** The status of a service for people. */
export function formatStatus(status: ServiceStatus): string {
  const { service, cluster, deployments, tasks, events } = status;
  const counts = `${status.running} of ${status.desired} running`;
  const pending = status.pending === 0 ? '' : `, ${status.pending} pending`;
  return [
    `${service} in ${cluster}: ${status.status}, ${counts}${pending}`,
    '',
    ...table(
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
    ...table(
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
  // The record says more than the list, except that both have ended well.
  const word = status === undefined || status === 'SUCCESSFUL' ? (rolloutState ?? '-') : status;
  if (pausedBy) return `${word}, paused at ${stage ?? '?'}`;
  return stage && word !== 'COMPLETED' ? `${word}, ${stage}` : word;
}

function failuresOf({ failedTasks, serviceDeployment }: DeploymentStatus): string {
  const { failures, threshold } = serviceDeployment ?? {};
  if (typeof failures !== 'number' || typeof threshold !== 'number') return String(failedTasks);
  return `${Math.max(failures, failedTasks)} of ${threshold}`;
}

/** Columns as wide as they need to be. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [header, ...rows].map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

/** A time of the server's clock, to the second, in UTC. */
function formatTime(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

function shortTime(iso: string | null): string {
  return iso === null ? '-' : formatTime(new Date(iso)).slice(5).replace('T', ' ');
}

/** An event without the service's name, which stands above it, and with short ids and names. */
export function shortenEvent(message: string): string {
  return message
    .replace(/^\(service \S+\) /, '')
    .replaceAll(/\(task ([0-9a-f]{8})[0-9a-f]{24}\)/g, '(task $1…)')
    .replaceAll(/\(target-group arn:\S+:targetgroup\/([^/)]+)[^)]*\)/g, '(target-group $1)');
}
