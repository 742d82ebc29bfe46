import type { Deployment, Service, ServiceDeployment, Task } from '@aws-sdk/client-ecs';
import { allTasksOf, describeService, openEcs } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import { requireSettings } from '../settings/config.ts';
import type { Target } from '../settings/config.ts';
import type { CommandResult, Context } from './context.ts';
import { formatStatus } from '../report/reports.ts';
import type { DeploymentStatus, ServiceStatus, TaskStatus } from '../report/reports.ts';
import { serviceResult } from '../core/result.ts';
import { shortName } from '../core/task-definition.ts';
import { pausedHook } from '../core/verdict.ts';
import { allOrRefuse } from '../errors.ts';
import { connectAws, optional } from '../aws/optional.ts';
import { currentRecords } from '../rollout/poll.ts';

/** Stopped tasks and events that are shown. */
const STOPPED_SHOWN = 5;
const EVENTS_SHOWN = 5;

/** Shows services as they are: deployments, tasks, the latest events. */
export async function status(context: Context): Promise<CommandResult> {
  const { config } = context;
  requireSettings(config, ['cluster', 'service']);
  const ecs = await openEcs(await connectAws(context));
  const found = await allOrRefuse(config.targets.map((target) => readStatus(context, ecs, target)));
  return {
    outcome: 'unchanged',
    image: null,
    services: found.map(({ service, cluster, desired, running, deployments, tasks, events }) =>
      serviceResult({
        cluster,
        service,
        outcome: 'unchanged',
        deployment: deployments[0]?.id ?? null,
        desired,
        running,
        failedTasks: deployments[0]?.failedTasks ?? 0,
        deployments,
        tasks,
        events,
      }),
    ),
    seconds: {},
    output: found.map(formatStatus).join('\n\n'),
  };
}

async function readStatus(context: Context, ecs: Ecs, target: Target): Promise<ServiceStatus> {
  const service = await describeService(ecs, target.cluster, target.service);
  const [records, running = [], stopped = []] = await Promise.all([
    currentRecords(context, ecs, service),
    optional(context, 'ecs:ListTasks', allTasksOf(ecs, service, 'RUNNING')),
    optional(context, 'ecs:ListTasks', allTasksOf(ecs, service, 'STOPPED')),
  ]);
  const newest = (tasks: readonly Task[]) =>
    tasks.toSorted((a, b) => timeOf(b).getTime() - timeOf(a).getTime());
  return {
    service: service.serviceName ?? '',
    cluster: shortName(service.clusterArn ?? ''),
    status: service.status ?? '',
    desired: service.desiredCount ?? 0,
    running: service.runningCount ?? 0,
    pending: service.pendingCount ?? 0,
    deployments: (service.deployments ?? []).map((deployment) =>
      deploymentStatus(deployment, recordOf(deployment, records)),
    ),
    tasks: [...newest(running), ...newest(stopped).slice(0, STOPPED_SHOWN)].map(taskStatus),
    events: eventsOf(service),
  };
}

function eventsOf({ events = [] }: Service) {
  return events
    .slice(0, EVENTS_SHOWN)
    .toReversed()
    .map(({ createdAt, message }) => ({
      createdAt: createdAt?.toISOString() ?? null,
      message: message ?? '',
    }));
}

function recordOf(
  { id = '' }: Deployment,
  records: readonly ServiceDeployment[],
): ServiceDeployment | undefined {
  const number = id.slice(id.lastIndexOf('/'));
  return records.find(({ targetServiceRevision }) => targetServiceRevision?.arn?.endsWith(number));
}

function deploymentStatus(
  deployment: Deployment,
  record: ServiceDeployment | undefined,
): DeploymentStatus {
  const breaker = record?.deploymentCircuitBreaker;
  return {
    id: deployment.id ?? '',
    status: deployment.status ?? '',
    taskDefinition: shortName(deployment.taskDefinition ?? ''),
    rolloutState: deployment.rolloutState ?? null,
    desired: deployment.desiredCount ?? 0,
    running: deployment.runningCount ?? 0,
    pending: deployment.pendingCount ?? 0,
    failedTasks: deployment.failedTasks ?? 0,
    createdAt: deployment.createdAt?.toISOString() ?? null,
    serviceDeployment:
      record === undefined
        ? null
        : {
            status: record.status ?? '',
            stage: record.lifecycleStage ?? null,
            failures: breaker?.failureCount ?? null,
            threshold: breaker?.threshold ?? null,
            pausedBy: pausedHook(record)?.hookId ?? null,
          },
  };
}

function taskStatus(task: Task): TaskStatus {
  return {
    id: shortName(task.taskArn ?? ''),
    taskDefinition: shortName(task.taskDefinitionArn ?? ''),
    lastStatus: task.lastStatus ?? '',
    health: task.healthStatus ?? 'UNKNOWN',
    since: timeOf(task).toISOString(),
    stoppedReason: task.stoppedReason ?? null,
  };
}

/** When a task came into its present state, as far as ECS says. */
function timeOf({ stoppedAt, stoppingAt, startedAt, createdAt }: Task): Date {
  return stoppedAt ?? stoppingAt ?? startedAt ?? createdAt ?? new Date(0);
}
