import type { TaskDefinition } from './definition.ts';
import type {
  Deployment,
  DeploymentConfiguration,
  RevisionCounts,
  Service,
  ServiceDeployment,
  ServiceDeploymentStatus,
  ServiceSettings,
  Simulation,
} from './state.ts';
import { announce } from './events.ts';
import { planLifecycle } from './strategies.ts';
import {
  countsOf,
  currentServiceDeployment,
  desiredCountOf,
  ecsArn,
  isOpen,
  newDeploymentNumber,
  newServiceDeploymentId,
  primaryOf,
  revisionArn,
  wakeAfter,
} from './lookups.ts';

/** Durations in the control plane, in simulated seconds. */
const SECONDS = {
  firstTask: 1,
  recordVisible: 1.2,
  recordStarts: 2,
  stop: 2,
  /** Minimum time for which a failed deployment stays in the list. */
  failedListed: 45,
  /** Time for which old tasks keep running after an early success with DEFERRED clean-up. */
  deferredCleanUp: 600,
} as const;

/** Number of service deployments and revisions that a service keeps, at any age. */
const RECORDS_KEPT = 500;

/** Creates a deployment without tasks. */
export function makeDeployment(
  simulation: Simulation,
  definition: TaskDefinition,
  settings: ServiceSettings,
): Deployment {
  const number = newDeploymentNumber();
  return {
    number,
    definition,
    settings,
    targetGroup: settings.loadBalancers[0]?.targetGroupArn,
    ...unstarted(simulation, settings.desiredCount),
    rolloutState: 'IN_PROGRESS',
    rolloutStateReason: `ECS deployment ecs-svc/${number} in progress.`,
    digests: undefined,
  };
}

function unstarted(simulation: Simulation, desiredCount: number) {
  const now = simulation.now();
  return {
    createdAt: now,
    updatedAt: now,
    desiredCount,
    failedTasks: 0,
    launchFailures: 0,
    replacements: 0,
    startAfter: now + SECONDS.firstTask,
    sparesOld: false,
    listedUntil: now,
  };
}

/** Makes a deployment PRIMARY and supersedes the deployment in progress, if any. */
export function beginDeployment(
  simulation: Simulation,
  service: Service,
  deployment: Deployment,
): void {
  const current = currentServiceDeployment(service);
  const primary = primaryOf(service);
  if (current !== undefined) {
    supersede(simulation, service, current);
  } else if (primary === service.lastCompleted && primary.rolloutState === 'IN_PROGRESS') {
    // The deployment succeeded early; its rollout ends here.
    closeRollout(simulation, primary);
  }
  const sources = service.deployments
    .filter((source) => source !== deployment)
    .map((source) => revisionCounts(simulation, service, source));
  deployment.targetGroup = nextTargetGroup(service, deployment);
  makePrimary(service, deployment);
  service.steady = false;
  addRevision(simulation, service, deployment);
  const record = makeServiceDeployment(simulation, service, deployment, sources);
  service.serviceDeployments = [record, ...service.serviceDeployments].slice(0, RECORDS_KEPT);
  chooseCourse(simulation, service, record);
  simulation.touch(service);
  wakeAfter(simulation, service, SECONDS.firstTask);
  simulation.after(service, SECONDS.recordStarts, () => {
    if (record.status !== 'PENDING') return;
    record.startedAt = simulation.now();
    moveRecord(simulation, record, 'IN_PROGRESS');
  });
}

/** Blue and green take turns: a deployment that shifts traffic gets the group that does not serve. */
function nextTargetGroup({ lastCompleted }: Service, { settings }: Deployment): string | undefined {
  const [balancer] = settings.loadBalancers;
  const other = balancer?.advancedConfiguration?.alternateTargetGroupArn;
  const isTaken = lastCompleted?.targetGroup === balancer?.targetGroupArn;
  return other !== undefined && isTaken ? other : balancer?.targetGroupArn;
}

function chooseCourse(
  { quickStages, now }: Simulation,
  service: Service,
  record: ServiceDeployment,
): void {
  const { configuration, target } = record;
  const steps = planLifecycle(service.settings, record.sources.length, quickStages);
  if (steps.length > 0) {
    record.lifecycle = { steps, position: -1, elapsed: true, enteredAt: now() };
    target.startAfter = Number.POSITIVE_INFINITY;
  }
  const { enable, sourceServiceRevisionCleanup } = configuration.earlySuccessCriteria ?? {};
  const isDeferred = enable === true && sourceServiceRevisionCleanup === 'DEFERRED';
  target.sparesOld = steps.length > 0 || isDeferred;
}

/** Records the service revision of a deployment. */
export function addRevision(
  simulation: Simulation,
  service: Service,
  deployment: Deployment,
): void {
  const [oldest] = service.revisions.keys();
  if (service.revisions.size >= RECORDS_KEPT && oldest !== undefined) {
    service.revisions.delete(oldest);
  }
  service.revisions.set(deployment.number, {
    arn: revisionArn(simulation, service, deployment.number),
    deployment,
    createdAt: simulation.now(),
  });
}

/** Creates the record of a deployment, which becomes visible after a lag. */
export function makeServiceDeployment(
  simulation: Simulation,
  service: Service,
  target: Deployment,
  sources: readonly RevisionCounts[],
): ServiceDeployment {
  const now = simulation.now();
  const path = `${service.cluster.name}/${service.name}/${newServiceDeploymentId()}`;
  return {
    arn: ecsArn(simulation, `service-deployment/${path}`),
    target,
    sources,
    predecessor: service.lastCompleted,
    configuration: service.settings.deploymentConfiguration,
    createdAt: now,
    visibleAt: now + SECONDS.recordVisible,
    status: 'PENDING',
    updatedAt: now,
    breakerTriggered: false,
    triggeredAlarmNames: [],
    hooks: [],
  };
}

/** Completes a rollout whose tasks are all healthy and whose older deployments are gone. */
export function completeDeployment(
  simulation: Simulation,
  service: Service,
  deployment: Deployment,
  record: ServiceDeployment,
): void {
  finishRollout(simulation, service, deployment);
  service.lastCompleted = deployment;
  const rolledBack = record.rollback !== undefined;
  endRecord(simulation, service, record, rolledBack ? 'ROLLBACK_SUCCESSFUL' : 'SUCCESSFUL');
}

/** Completes the record of a deployment before its rollout, because enough of its tasks are healthy. */
export function succeedEarly(
  simulation: Simulation,
  service: Service,
  record: ServiceDeployment,
): void {
  const { target } = record;
  service.lastCompleted = target;
  endRecord(simulation, service, record, 'SUCCESSFUL');
  simulation.after(service, SECONDS.deferredCleanUp, () => {
    target.sparesOld = false;
  });
}

/** Completes the rollout of a deployment, whose record can have ended earlier. */
export function finishRollout(
  simulation: Simulation,
  service: Service,
  deployment: Deployment,
): void {
  closeRollout(simulation, deployment);
  announce(simulation, service, `(deployment ecs-svc/${deployment.number}) deployment completed.`);
}

function closeRollout(simulation: Simulation, deployment: Deployment): void {
  const reason = `ECS deployment ecs-svc/${deployment.number} completed.`;
  setRolloutState(simulation, deployment, 'COMPLETED', reason);
}

/** Number of consecutive failures at which the circuit breaker trips. */
export function breakerThreshold(
  { deploymentCircuitBreaker }: DeploymentConfiguration,
  desiredCount: number,
): number {
  const { type = 'BOUNDED_PERCENT', value = 50 } =
    deploymentCircuitBreaker.thresholdConfiguration ?? {};
  if (type === 'COUNT') return value;
  const share = Math.ceil((value / 100) * desiredCount);
  return type === 'BOUNDED_PERCENT' ? Math.min(200, Math.max(3, share)) : Math.max(1, share);
}

/** Fails a deployment whose tasks failed too often; rolls back if the service is configured to. */
export function tripBreaker(
  simulation: Simulation,
  service: Service,
  deployment: Deployment,
  record: ServiceDeployment,
): void {
  record.breakerTriggered = true;
  failDeployment(simulation, service, deployment, {
    event: 'tasks failed to start.',
    rolloutStateReason: 'ECS deployment circuit breaker: tasks failed to start.',
  });
  if (record.rollback !== undefined) {
    endRecord(simulation, service, record, 'ROLLBACK_FAILED', NO_CANDIDATE);
  } else if (service.settings.deploymentConfiguration.deploymentCircuitBreaker.rollback) {
    rollBack(simulation, service, record, {
      statusReason:
        'Service deployment rolled back because the circuit breaker threshold was exceeded.',
      rolloutStateReason: 'ECS deployment circuit breaker: rolling back to deploymentId',
    });
  } else {
    stopRecord(simulation, service, record);
  }
}

/** Fails a deployment because an alarm fires; rolls back if the alarms are configured to. */
export function triggerAlarm(
  simulation: Simulation,
  service: Service,
  record: ServiceDeployment,
): void {
  const { alarmNames = [], rollback } = record.configuration.alarms ?? {};
  record.triggeredAlarmNames = alarmNames.slice(0, 1);
  failDeployment(simulation, service, record.target, {
    event: 'alarm detected.',
    rolloutStateReason: 'ECS deployment failed: alarm detected.',
  });
  if (rollback !== true) {
    stopRecord(simulation, service, record);
    return;
  }
  rollBack(simulation, service, record, {
    statusReason: 'Service deployment rolled back because an alarm was detected.',
    rolloutStateReason: 'ECS deployment failed: alarm detected, rolling back to deploymentId',
  });
}

/** Rolls back a deployment because of a hook. */
export function failByHook(
  simulation: Simulation,
  service: Service,
  record: ServiceDeployment,
  statusReason: string,
): void {
  failDeployment(simulation, service, record.target, {
    event: statusReason,
    rolloutStateReason: `ECS deployment failed: ${statusReason}`,
  });
  rollBack(simulation, service, record, {
    statusReason,
    rolloutStateReason: 'ECS deployment failed: rolling back to deploymentId',
  });
}

/** Rolls back a deployment because StopServiceDeployment asks for it. */
export function requestRollback(
  simulation: Simulation,
  service: Service,
  record: ServiceDeployment,
): void {
  moveRecord(simulation, record, 'ROLLBACK_REQUESTED');
  simulation.after(service, SECONDS.stop, () => {
    if (record.status !== 'ROLLBACK_REQUESTED') return;
    failDeployment(simulation, service, record.target, {
      event: undefined,
      rolloutStateReason: 'ECS deployment failed: service deployment stopped.',
    });
    rollBack(simulation, service, record, {
      statusReason: 'Service deployment rolled back because it was stopped by a user.',
      rolloutStateReason: 'ECS deployment stopped: rolling back to deploymentId',
    });
  });
}

const NO_CANDIDATE = 'No rollback candidate was found to run the rollback.';

interface RollbackReasons {
  readonly statusReason: string;
  /** Without the deployment id at the end. */
  readonly rolloutStateReason: string;
}

function rollBack(
  simulation: Simulation,
  service: Service,
  record: ServiceDeployment,
  reasons: RollbackReasons,
): void {
  const candidate = service.lastCompleted;
  if (candidate?.rolloutState !== 'COMPLETED') {
    endRecord(simulation, service, record, 'STOPPED', NO_CANDIDATE);
    return;
  }
  const { desiredCount } = service.settings;
  let restored = candidate;
  if (simulation.rollbackId === 'new') {
    restored = makeDeployment(simulation, candidate.definition, {
      ...candidate.settings,
      desiredCount,
    });
    restored.targetGroup = candidate.targetGroup;
    addRevision(simulation, service, restored);
  } else {
    Object.assign(candidate, unstarted(simulation, desiredCount));
  }
  makePrimary(service, restored);
  if (service.express?.told === record.target) service.express = { told: restored };
  setRolloutState(
    simulation,
    restored,
    'IN_PROGRESS',
    `${reasons.rolloutStateReason} ecs-svc/${restored.number}.`,
  );
  announce(simulation, service, `rolling back to deployment ecs-svc/${restored.number}.`);
  wakeAfter(simulation, service, SECONDS.firstTask);
  record.statusReason = reasons.statusReason;
  record.rollback = {
    reason: reasons.statusReason,
    startedAt: simulation.now(),
    revision: revisionArn(simulation, service, restored.number),
  };
  moveRecord(simulation, record, 'ROLLBACK_IN_PROGRESS');
}

function failDeployment(
  simulation: Simulation,
  service: Service,
  deployment: Deployment,
  reasons: { readonly event: string | undefined; readonly rolloutStateReason: string },
): void {
  setRolloutState(simulation, deployment, 'FAILED', reasons.rolloutStateReason);
  deployment.listedUntil = simulation.now() + SECONDS.failedListed;
  wakeAfter(simulation, service, SECONDS.failedListed);
  if (reasons.event === undefined) return;
  announce(
    simulation,
    service,
    `(deployment ecs-svc/${deployment.number}) deployment failed: ${reasons.event}`,
  );
}

function makePrimary(service: Service, primary: Deployment): void {
  const others = service.deployments.filter((deployment) => deployment !== primary);
  service.deployments = [primary, ...others];
}

function supersede(simulation: Simulation, service: Service, record: ServiceDeployment): void {
  if (record.status === 'ROLLBACK_IN_PROGRESS') {
    endRecord(simulation, service, record, 'ROLLBACK_FAILED');
  } else {
    stopRecord(simulation, service, record);
  }
}

function stopRecord(simulation: Simulation, service: Service, record: ServiceDeployment): void {
  moveRecord(simulation, record, 'STOP_REQUESTED');
  simulation.after(service, SECONDS.stop, () => {
    if (record.finishedAt !== undefined) return;
    endRecord(simulation, service, record, 'STOPPED');
  });
}

function endRecord(
  simulation: Simulation,
  service: Service,
  record: ServiceDeployment,
  status: ServiceDeploymentStatus,
  statusReason: string | undefined = record.statusReason,
): void {
  moveRecord(simulation, record, status);
  if (statusReason !== undefined) record.statusReason = statusReason;
  record.finishedAt = simulation.now();
  if (status === 'STOPPED') record.stoppedAt = simulation.now();
  record.final = {
    counts: revisionCounts(simulation, service, record.target),
    failureCount: record.target.failedTasks,
  };
}

function moveRecord(
  simulation: Simulation,
  record: ServiceDeployment,
  status: ServiceDeploymentStatus,
): void {
  record.status = status;
  record.updatedAt = simulation.now();
  if (status === 'IN_PROGRESS') return;
  for (const hook of record.hooks.filter(isOpen)) hook.status = 'FAILED';
}

function setRolloutState(
  simulation: Simulation,
  deployment: Deployment,
  state: Deployment['rolloutState'],
  reason: string,
): void {
  deployment.rolloutState = state;
  deployment.rolloutStateReason = reason;
  deployment.updatedAt = simulation.now();
}

/** Task counts of the revision that a deployment runs. */
export function revisionCounts(
  simulation: Simulation,
  service: Service,
  deployment: Deployment,
): RevisionCounts {
  const { running, pending } = countsOf(service, deployment);
  return {
    arn: revisionArn(simulation, service, deployment.number),
    requestedTaskCount: desiredCountOf(service, deployment),
    runningTaskCount: running,
    pendingTaskCount: pending,
  };
}
