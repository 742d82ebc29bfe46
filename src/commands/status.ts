import { optional } from '../aws/optional.ts';
import { currentRecord } from '../aws/rollouts.ts';
import { describeService } from '../aws/services.ts';
import { allTasksOf } from '../aws/tasks.ts';
import type { Deployment, RolloutRecord, Task } from '../core/ecs.ts';
import { serviceResult } from '../core/result.ts';
import { runningByRevision, servingRevision } from '../core/status.ts';
import type { DeploymentStatus, ServiceStatus, TaskStatus } from '../core/status.ts';
import { shortName } from '../core/task-definition.ts';
import { allOrRefuse } from '../errors.ts';
import { requireSettings } from '../settings/config.ts';
import type { Target } from '../settings/config.ts';
import { connectTools } from './connect.ts';
import type { Tools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';

/** How many stopped tasks and events are shown. */
const STOPPED_SHOWN = 5;
const EVENTS_SHOWN = 5;

/** Shows services as they are: deployments, tasks, recent events. */
export async function status(context: Context<'status'>): Promise<CommandResult> {
  const { config } = context;
  requireSettings(config, ['cluster', 'service']);
  const tools = await connectTools(context);
  const found = await allOrRefuse(config.targets.map((target) => readStatus(tools, target)));
  return {
    outcome: 'unchanged',
    image: null,
    services: found.map((shown) => {
      const { service, cluster, desired, running, serving, deployments, tasks, events } = shown;
      return serviceResult({
        service,
        cluster,
        outcome: 'unchanged',
        deployment: deployments[0]?.id ?? null,
        desired,
        running,
        serving,
        runningByRevision: shown.runningByRevision,
        failedTasks: deployments[0]?.failedTasks ?? 0,
        deployments,
        tasks,
        events,
      });
    }),
    seconds: {},
    output: { kind: 'status', services: found },
  };
}

async function readStatus(tools: Tools, target: Target): Promise<ServiceStatus> {
  const { ecs } = tools;
  const service = await describeService(ecs, target);
  const [record, running = [], stopped = []] = await Promise.all([
    currentRecord(tools, service),
    optional(tools, 'ecs:ListTasks', allTasksOf(ecs, service, 'RUNNING')),
    optional(tools, 'ecs:ListTasks', allTasksOf(ecs, service, 'STOPPED')),
  ]);
  const newest = (tasks: readonly Task[]) =>
    tasks.toSorted((a, b) => b.since.getTime() - a.since.getTime());
  return {
    service: service.name,
    cluster: shortName(service.cluster),
    status: service.status,
    desired: service.desired,
    running: service.running,
    pending: service.pending,
    serving: servingRevision(service, record),
    runningByRevision: runningByRevision(service),
    deployments: service.deployments.map((deployment) =>
      deploymentStatus(deployment, record?.deployment === deployment.id ? record : undefined),
    ),
    tasks: [...newest(running), ...newest(stopped).slice(0, STOPPED_SHOWN)].map(taskStatus),
    events: service.events
      .slice(0, EVENTS_SHOWN)
      .toReversed()
      .map(({ createdAt, message }) => ({ createdAt: createdAt?.toISOString() ?? null, message })),
  };
}

function deploymentStatus(
  deployment: Deployment,
  record: RolloutRecord | undefined,
): DeploymentStatus {
  const { id, status, rolloutState, desired, running, pending } = deployment;
  return {
    id,
    status,
    taskDefinition: shortName(deployment.taskDefinition),
    rolloutState: rolloutState ?? null,
    desired,
    running,
    pending,
    failedTasks: deployment.failed,
    createdAt: deployment.createdAt.toISOString(),
    serviceDeployment:
      record === undefined
        ? null
        : {
            status: record.status,
            stage: record.stage ?? null,
            failures: record.breaker?.failures ?? null,
            threshold: record.breaker?.threshold ?? null,
            pausedBy: record.paused?.id ?? null,
          },
  };
}

function taskStatus({
  id,
  taskDefinition,
  lastStatus,
  health,
  since,
  stoppedReason,
}: Task): TaskStatus {
  return {
    id,
    taskDefinition: shortName(taskDefinition),
    lastStatus,
    health,
    since: since.toISOString(),
    stoppedReason: stoppedReason ?? null,
  };
}
