import type { Service } from '@aws-sdk/client-ecs';
import { describeRevision, describeService, openEcs, pastRollouts, primaryOf } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import { requireSettings } from '../settings/config.ts';
import type { Target } from '../settings/config.ts';
import type { CommandResult, Context } from './context.ts';
import { diagnoseEvent, groupCauses } from '../core/diagnosis.ts';
import { formatDiagnosis } from '../report/reports.ts';
import type { Diagnosis } from '../report/reports.ts';
import { serviceResult } from '../core/result.ts';
import type { Outcome, ServiceResult } from '../core/result.ts';
import { shortName } from '../core/task-definition.ts';
import { allOrRefuse } from '../errors.ts';
import { findCauses } from '../rollout/failed-tasks.ts';
import { currentRecords } from '../rollout/poll.ts';
import { connectAws, optional } from '../aws/optional.ts';
import { pausedHook } from '../core/verdict.ts';

/** Tells why the latest deployment of each service failed or hangs; changes nothing. */
export async function diagnose(context: Context): Promise<CommandResult> {
  const { config } = context;
  requireSettings(config, ['cluster', 'service']);
  const ecs = await openEcs(await connectAws(context));
  const found = await allOrRefuse(config.targets.map((target) => examine(context, ecs, target)));
  return {
    outcome: 'unchanged',
    image: null,
    services: found.map(({ result }) => result),
    seconds: {},
    output: found.map(({ diagnosis }) => formatDiagnosis(diagnosis)).join('\n\n'),
  };
}

async function examine(
  context: Context,
  ecs: Ecs,
  target: Target,
): Promise<{ readonly diagnosis: Diagnosis; readonly result: ServiceResult }> {
  const service = await describeService(ecs, target.cluster, target.service);
  const latest = await latestDeployment(context, ecs, service);
  const known = {
    service: service.serviceName ?? '',
    running: service.runningCount ?? 0,
    desired: service.desiredCount ?? 0,
  };
  const result = serviceResult({
    ...known,
    cluster: shortName(service.clusterArn ?? ''),
    outcome: latest.outcome,
    taskDefinition: latest.taskDefinition,
    deployment: latest.id,
  });
  const current = shortName(service.taskDefinition ?? '');
  if (latest.outcome === 'succeeded' && known.running >= known.desired) {
    return {
      diagnosis: { ...known, current, subject: undefined, causes: [], events: [] },
      result,
    };
  }
  const { definition } = await describeRevision(ecs, latest.taskDefinition);
  const events = (service.events ?? [])
    .filter(({ createdAt }) => (createdAt ?? latest.createdAt) >= latest.createdAt)
    .map(({ message }) => message ?? '')
    .toReversed();
  const ofTasks = await optional(
    context,
    'ecs:ListTasks',
    findCauses(context, ecs, service, { id: latest.id, definition }, new Set()),
  );
  const causes = groupCauses([
    ...(ofTasks ?? []),
    ...events.flatMap((message) => diagnoseEvent(message) ?? []),
  ]);
  const failedTasks = causes.reduce((sum, { tasks }) => sum + tasks, 0);
  return {
    diagnosis: {
      ...known,
      current,
      subject: {
        deployment: latest.id,
        revision: shortName(latest.taskDefinition),
        state:
          latest.outcome === 'succeeded' ? 'succeeded, but tasks of it are missing' : latest.state,
        createdAt: latest.createdAt,
        reason: latest.reason,
      },
      causes,
      events,
    },
    result: { ...result, causes, failedTasks },
  };
}

interface Latest {
  readonly id: string;
  /** ARN of the revision it deployed. */
  readonly taskDefinition: string;
  readonly createdAt: Date;
  readonly outcome: Outcome;
  readonly state: string;
  readonly reason: string;
}

/** How service deployments end, and what that is called. */
const STATES: Readonly<Record<string, readonly [Outcome, string]>> = {
  SUCCESSFUL: ['succeeded', 'succeeded'],
  ROLLBACK_SUCCESSFUL: ['rolled-back', 'failed and was rolled back'],
  ROLLBACK_REQUESTED: ['unknown', 'is to be rolled back'],
  ROLLBACK_IN_PROGRESS: ['unknown', 'failed and is being rolled back'],
  ROLLBACK_FAILED: ['failed', 'failed, and so did its rollback'],
  STOPPED: ['failed', 'failed or was superseded, and was not rolled back'],
};
const AT_WORK: readonly [Outcome, string] = ['unknown', 'is in progress'];

/** The newest deployment: as its record says, or where that may not be read as the list says. */
async function latestDeployment(context: Context, ecs: Ecs, service: Service): Promise<Latest> {
  const past = await optional(context, 'ecs:ListServiceDeployments', pastRollouts(ecs, service));
  const newest = past?.[0];
  const primary = primaryOf(service);
  if (newest?.taskDefinition !== undefined) {
    const [outcome, state] = STATES[newest.status ?? ''] ?? AT_WORK;
    const [record] = outcome === 'unknown' ? await currentRecords(context, ecs, service) : [];
    const hook = pausedHook(record);
    return {
      id: newest.deployment,
      taskDefinition: newest.taskDefinition,
      createdAt: newest.createdAt,
      outcome,
      state,
      reason:
        hook === undefined
          ? newest.reason
          : `paused for approval at ${record?.lifecycleStage}; ecsdeploy rollout --watch shows how to approve it`,
    };
  }
  const failed = service.deployments?.find(({ rolloutState }) => rolloutState === 'FAILED');
  const shown = failed ?? primary;
  const [outcome, state] =
    shown?.rolloutState === 'COMPLETED'
      ? (['succeeded', 'succeeded'] as const)
      : failed === undefined
        ? AT_WORK
        : (['failed', 'failed'] as const);
  return {
    id: shown?.id ?? '',
    taskDefinition: shown?.taskDefinition ?? service.taskDefinition ?? '',
    createdAt: shown?.createdAt ?? new Date(0),
    outcome,
    state,
    reason: shown?.rolloutStateReason ?? '',
  };
}
