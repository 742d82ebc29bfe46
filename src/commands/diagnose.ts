import { at } from '../aws/ecs.ts';
import { optional } from '../aws/optional.ts';
import { describeRevision } from '../aws/revisions.ts';
import { currentRecord, pastRollouts } from '../aws/rollouts.ts';
import { diagnoseEvent, diagnoseReason, diagnoseTarget, groupCauses } from '../core/diagnosis.ts';
import { primaryOf } from '../core/ecs.ts';
import type { PastRollout, Service } from '../core/ecs.ts';
import { countTargets, targetFailures } from '../core/load-balancer.ts';
import { nameOf, placeIn } from '../core/service-name.ts';
import { serviceResult } from '../core/result.ts';
import type { Outcome, ServiceResult } from '../core/result.ts';
import { pauseOf } from '../core/stages.ts';
import { deploymentState, runningByRevision, servingRevision } from '../core/status.ts';
import type { DeploymentState, Diagnosis, Subject } from '../core/status.ts';
import { allOrRefuse } from '../errors.ts';
import { findCauses } from '../rollout/failed-tasks.ts';
import { readTargets } from '../rollout/targets.ts';
import { readShown } from '../plan/observe.ts';
import { requireSettings } from '../settings/config.ts';
import type { Target } from '../settings/config.ts';
import { connectTools } from './connect.ts';
import type { Tools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';

/** Explains why the latest deployment of each service failed or hangs; changes nothing. */
export async function diagnose(context: Context<'diagnose'>): Promise<CommandResult> {
  const { config } = context;
  requireSettings(config, ['cluster', 'service']);
  const tools = await connectTools(context);
  const found = await allOrRefuse(config.targets.map((target) => diagnoseService(tools, target)));
  return {
    outcome: 'unchanged',
    image: null,
    services: found.map(resultOf),
    seconds: {},
    output: { kind: 'diagnosis', services: found },
  };
}

async function diagnoseService(run: Tools, target: Target): Promise<Diagnosis> {
  const tools = at(run, target);
  const { ecs } = tools;
  const service = await readShown(tools, target);
  const [record, past] = await Promise.all([
    currentRecord(tools, service),
    optional(tools, 'ecs:ListServiceDeployments', pastRollouts(ecs, service)),
  ]);
  const running = runningByRevision(service);
  const latest = latestDeployment(service, past?.[0]);
  const isIncomplete =
    latest.state === 'succeeded' && (running[latest.taskDefinition] ?? 0) < service.desired;
  const paused = record?.deployment === latest.deployment ? pauseOf(record) : null;
  const known = {
    ...nameOf(service),
    desired: service.desired,
    serving: servingRevision(service, record),
    running,
    hasBreaker: service.settings.hasBreaker,
    subject: {
      ...latest,
      state: isIncomplete ? ('incomplete' as const) : latest.state,
      pausedAt: paused?.stage,
    },
  };
  if (known.subject.state === 'succeeded') {
    return { ...known, causes: [], targetGroups: [], events: [] };
  }
  const { definition } = await describeRevision(ecs, latest.taskDefinition);
  const events = service.events
    .filter(({ createdAt = latest.createdAt }) => createdAt >= latest.createdAt)
    .map(({ message }) => message)
    .toReversed();
  const isLive = known.subject.state === 'in-progress' || known.subject.state === 'incomplete';
  const [ofTasks, ofTargets] = await Promise.all([
    optional(
      tools,
      'ecs:ListTasks',
      findCauses(tools, service, { id: latest.deployment, definition }),
    ),
    isLive ? readTargets(tools, service, latest.deployment) : undefined,
  ]);
  const { health = [], addresses } = ofTargets ?? {};
  const causes = groupCauses([
    ...(ofTasks ?? []),
    ...targetFailures(health, addresses, service, definition).map(diagnoseTarget),
    ...events.flatMap((message) => diagnoseEvent(message, service) ?? []),
    ...[diagnoseReason(latest.reason, service) ?? []].flat(),
  ]);
  const targetGroups = health
    .map((group) => countTargets(group, addresses))
    .filter(({ targets, draining }) => targets + draining > 0);
  return { ...known, causes, targetGroups, events };
}

/** How the JSON names the state of a deployment. */
const OUTCOMES: Readonly<Record<DeploymentState, Outcome>> = {
  succeeded: 'succeeded',
  incomplete: 'succeeded',
  'in-progress': 'unknown',
  failed: 'failed',
  stopped: 'failed',
  'rollback-requested': 'unknown',
  'rolling-back': 'unknown',
  'rolled-back': 'rolled-back',
  'rollback-failed': 'failed',
};

function resultOf({
  service,
  cluster,
  region,
  profile,
  desired,
  serving,
  running,
  subject,
  causes,
}: Diagnosis): ServiceResult {
  return serviceResult({
    service,
    cluster,
    ...placeIn({ region, profile }),
    desired,
    serving,
    causes,
    outcome: OUTCOMES[subject.state],
    taskDefinition: subject.taskDefinition,
    deployment: subject.deployment,
    running: running[subject.taskDefinition] ?? 0,
    runningByRevision: running,
    failedTasks: causes.reduce((sum, { tasks }) => sum + tasks, 0),
  });
}

/** The newest deployment: from its record, else from the deployments of the service. */
function latestDeployment(
  service: Service,
  newest: PastRollout | undefined,
): Omit<Subject, 'pausedAt'> {
  if (newest?.taskDefinition !== undefined) {
    const { deployment, taskDefinition, createdAt, reason, status } = newest;
    return {
      deployment,
      taskDefinition,
      createdAt,
      reason,
      state: deploymentState(status),
    };
  }
  const failed = service.deployments.find(({ rolloutState }) => rolloutState === 'FAILED');
  const shown = failed ?? primaryOf(service);
  const isComplete = shown?.rolloutState === 'COMPLETED';
  return {
    deployment: shown?.id ?? '',
    taskDefinition: shown?.taskDefinition ?? service.taskDefinition,
    createdAt: shown?.createdAt ?? new Date(0),
    reason: shown?.reason ?? '',
    state: isComplete ? 'succeeded' : failed === undefined ? 'in-progress' : 'failed',
  };
}
