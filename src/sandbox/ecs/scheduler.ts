import {
  breakerThreshold,
  completeDeployment,
  finishRollout,
  succeedEarly,
  tripBreaker,
} from './deployments.ts';
import { strikeAt } from './faults.ts';
import { advanceLifecycle, hasBaked, presentStep } from './lifecycle.ts';
import type { Cluster, Deployment, Service, ServiceDeployment, Simulation, Task } from './state.ts';
import { announce, announceOnce } from './events.ts';
import { currentServiceDeployment, isReady, keptTasks, primaryOf, wakeAfter } from './lookups.ts';
import { hasTaskSets, noteStability } from './task-sets.ts';
import { drainSeconds, isBehindLoadBalancer, startTask, stopTask } from './tasks.ts';

/** Simulated seconds between a task that failed after it had run and its replacement. */
const RESTART_SECONDS = 5;
const LONGEST_BACK_OFF_SECONDS = 900;
/** Failed attempts to resolve the image digests after which a deployment continues without them. */
const DIGEST_ATTEMPTS = 3;
const STOPPED_TASKS_VISIBLE_SECONDS = 3600;
const INACTIVE_SERVICES_KEPT = 100;
/** Number of stopped tasks that stay visible at any age, so that a fast clock does not hide them. */
const STOPPED_TASKS_KEPT = 100;

/** Moves a service towards its desired state. All scheduling decisions are made here. */
export function reconcile(simulation: Simulation, service: Service): void {
  if (service.status === 'DRAINING') finishDeletion(service);
  if (service.status !== 'ACTIVE') return;
  forgetStoppedTasks(simulation, service);
  registerTargets(simulation, service);
  countFailures(simulation, service);
  if (hasTaskSets(service)) {
    maintainTaskSets(simulation, service);
    return;
  }
  checkBreaker(simulation, service);
  advanceLifecycle(simulation, service);
  maintainOldDeployments(simulation, service);
  startPrimaryTasks(simulation, service);
  replaceUnhealthyTasks(simulation, service);
  stopExcessTasks(simulation, service);
  retireDeployments(simulation, service);
  completeRollout(simulation, service);
  announceSteadyState(simulation, service);
}

const ENDING = new Set(['STOPPING', 'DEPROVISIONING', 'STOPPED']);

/** A deleted service is INACTIVE once all of its tasks are being stopped. */
function finishDeletion(service: Service): void {
  if (!service.tasks.every(({ lastStatus }) => ENDING.has(lastStatus))) return;
  service.status = 'INACTIVE';
  forgetServices(service.cluster);
}

/** Forgets the oldest INACTIVE services of a cluster; at any age, as stopped tasks. */
function forgetServices({ services }: Cluster): void {
  const inactive = [...services.values()].filter(({ status }) => status === 'INACTIVE');
  for (const { name } of inactive.slice(0, -INACTIVE_SERVICES_KEPT)) services.delete(name);
}

function forgetStoppedTasks(simulation: Simulation, service: Service): void {
  const horizon = simulation.now() - STOPPED_TASKS_VISIBLE_SECONDS;
  const excess = service.tasks.length - service.settings.desiredCount - STOPPED_TASKS_KEPT;
  if (excess <= 0) return;
  const old = new Set(
    service.tasks
      .filter(({ stoppedAt }) => stoppedAt !== undefined && stoppedAt < horizon)
      .slice(0, excess),
  );
  if (old.size > 0) service.tasks = service.tasks.filter((task) => !old.has(task));
}

function registerTargets(simulation: Simulation, service: Service): void {
  const fresh = service.tasks.filter(
    ({ registered, lastStatus, deployment }) =>
      !registered && lastStatus === 'RUNNING' && deployment.targetGroup !== undefined,
  );
  for (const task of fresh) task.registered = true;
  for (const [group, count] of countGroups(fresh)) {
    const message = `registered ${count} targets in (target-group ${group})`;
    announce(simulation, service, message, fresh[0]?.deployment);
  }
}

/** Number of tasks by the target group in which they are registered. */
function countGroups(tasks: readonly Task[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { deployment } of tasks) {
    const group = deployment.targetGroup ?? '';
    counts.set(group, (counts.get(group) ?? 0) + 1);
  }
  return counts;
}

function countFailures(simulation: Simulation, service: Service): void {
  const unhealthy = service.tasks.filter(
    (task) => task.unhealthy && task.desiredStatus === 'RUNNING' && !task.uncounted,
  );
  for (const task of unhealthy) task.deployment.replacements += 1;
  for (const task of new Set([...service.tasks.filter((task) => task.uncounted), ...unhealthy])) {
    task.uncounted = false;
    if (task.stopCode === 'TaskFailedToStart') {
      noteLaunchFailure(simulation, service, task.deployment, task.stoppedReason ?? '');
    } else {
      noteFailure(simulation, service, task.deployment, task.unhealthy ? 0 : RESTART_SECONDS);
    }
  }
}

/** Counts a task that was not placed or never reached RUNNING; the next attempt waits longer. */
function noteLaunchFailure(
  simulation: Simulation,
  service: Service,
  deployment: Deployment,
  reason: string,
): void {
  const sentence = /[.!?]$/.test(reason) ? reason : `${reason}.`;
  announceOnce(simulation, service, `was unable to place a task. Reason: ${sentence}`, deployment);
  const delay = Math.min(
    LONGEST_BACK_OFF_SECONDS,
    RESTART_SECONDS * 2 ** deployment.launchFailures,
  );
  deployment.launchFailures += 1;
  if (deployment.launchFailures > DIGEST_ATTEMPTS) {
    const message = 'is unable to consistently start tasks successfully.';
    announceOnce(simulation, service, message, deployment);
  }
  noteFailure(simulation, service, deployment, delay);
}

function noteFailure(
  simulation: Simulation,
  service: Service,
  deployment: Deployment,
  delay: number,
): void {
  deployment.failedTasks += 1;
  service.steady = false;
  const stall = strikeAt(simulation.faults, deployment.definition, 'scheduler');
  if (stall !== undefined && deployment.failedTasks >= stall.failures) {
    deployment.failedTasks = stall.failures;
    deployment.startAfter = Number.POSITIVE_INFINITY;
    return;
  }
  if (delay === 0) return;
  deployment.startAfter = Math.max(deployment.startAfter, simulation.now() + delay);
  wakeAfter(simulation, service, delay);
}

function checkBreaker(simulation: Simulation, service: Service): void {
  const primary = primaryOf(service);
  const { deploymentConfiguration, desiredCount } = service.settings;
  const record = currentServiceDeployment(service);
  if (!deploymentConfiguration.deploymentCircuitBreaker.enable) return;
  if (primary.rolloutState !== 'IN_PROGRESS' || record === undefined) return;
  if (primary.failedTasks < breakerThreshold(deploymentConfiguration, desiredCount)) return;
  const pending = keptTasks(service, primary).filter(({ startedAt }) => startedAt === undefined);
  stopTasks(simulation, service, pending, scalingReason(primary));
  tripBreaker(simulation, service, primary, record);
}

/** Replaces tasks of completed deployments with the same revision until they are superseded. */
function maintainOldDeployments(simulation: Simulation, service: Service): void {
  for (const deployment of service.deployments.slice(1)) {
    if (deployment.rolloutState !== 'COMPLETED') continue;
    startTasks(simulation, service, deployment, deployment.desiredCount);
  }
}

function startPrimaryTasks(simulation: Simulation, service: Service): void {
  const primary = primaryOf(service);
  if (primary.rolloutState === 'FAILED') return;
  const wanted = service.settings.desiredCount;
  startTasks(simulation, service, primary, isResolved(primary) ? wanted : Math.min(1, wanted));
  announceDeadlock(simulation, service, primary);
}

/** Starts and stops the tasks of each task set, whatever the others have. */
function maintainTaskSets(simulation: Simulation, service: Service): void {
  for (const taskSet of service.deployments) {
    const { desiredCount } = taskSet;
    const wanted = isResolved(taskSet) ? desiredCount : Math.min(1, desiredCount);
    startTasks(simulation, service, taskSet, wanted);
  }
  replaceUnhealthyTasks(simulation, service);
  for (const taskSet of service.deployments) {
    const surplus = keptTasks(service, taskSet).slice(taskSet.desiredCount);
    stopTasks(simulation, service, surplus, scalingReason(taskSet));
  }
  const [primary, ...others] = service.deployments;
  const left = others.filter(
    (taskSet) =>
      taskSet.taskSet?.status !== 'DRAINING' ||
      service.tasks.some((task) => task.deployment === taskSet && occupies(task)),
  );
  service.deployments = [primary, ...left];
  noteStability(simulation, service);
}

/** Whether a deployment can start more than one task: the first task resolves the image tags. */
function isResolved({ digests, definition, launchFailures }: Deployment): boolean {
  return (
    digests !== undefined ||
    launchFailures >= DIGEST_ATTEMPTS ||
    definition.body.containerDefinitions.every(({ image }) => image.includes('@'))
  );
}

function startTasks(
  simulation: Simulation,
  service: Service,
  deployment: Deployment,
  wanted: number,
): void {
  const kept = keptTasks(service, deployment).filter(({ unhealthy }) => !unhealthy);
  const count = Math.min(wanted - kept.length, room(service));
  if (count <= 0 || simulation.now() < deployment.startAfter) return;
  const unplaceable = strikeAt(simulation.faults, deployment.definition, 'placement');
  if (unplaceable !== undefined) {
    const name = `deployment ecs-svc/${deployment.number}`;
    announceOnce(simulation, service, `could not launch ${count} tasks for ${name}.`);
    noteLaunchFailure(simulation, service, deployment, unplaceable.reason);
    // The circuit breaker was already checked in this round.
    wakeAfter(simulation, service, 0);
    return;
  }
  const tasks = Array.from({ length: count }, () => startTask(simulation, service, deployment));
  const replaced = Math.min(deployment.replacements, count);
  deployment.replacements -= replaced;
  const why =
    replaced > 0 ? ` Amazon ECS replaced ${replaced} tasks due to an unhealthy status.` : '';
  announceTasks(simulation, service, tasks, (text) => `has started ${text}.${why}`);
  service.steady = false;
}

/** Number of tasks that can be started: pending, running and stopping tasks count against the maximum. */
function room(service: Service): number {
  return upperLimit(service) - service.tasks.filter(occupies).length;
}

function upperLimit(service: Service): number {
  if (hasTaskSets(service)) return Number.POSITIVE_INFINITY;
  const record = currentServiceDeployment(service);
  // A deployment that does not roll starts all new tasks beside the old ones.
  if (record?.lifecycle !== undefined && record.rollback === undefined) {
    return Number.POSITIVE_INFINITY;
  }
  const { deploymentConfiguration, desiredCount } = service.settings;
  return Math.floor((deploymentConfiguration.maximumPercent * desiredCount) / 100);
}

function occupies({ lastStatus }: Task): boolean {
  return lastStatus !== 'STOPPED' && lastStatus !== 'DEPROVISIONING';
}

function lowerLimit({ settings }: Service): number {
  const { minimumHealthyPercent } = settings.deploymentConfiguration;
  return Math.ceil((minimumHealthyPercent * settings.desiredCount) / 100);
}

function announceDeadlock(simulation: Simulation, service: Service, primary: Deployment): void {
  const kept = keptTasks(service, primary);
  const live = service.tasks.filter(occupies);
  const isStuck =
    primary.rolloutState === 'IN_PROGRESS' &&
    simulation.now() >= primary.startAfter &&
    kept.length < service.settings.desiredCount &&
    room(service) <= 0 &&
    live.every(({ healthy }) => healthy) &&
    live.length <= lowerLimit(service);
  if (!isStuck) return;
  announceOnce(
    simulation,
    service,
    'was unable to stop or start tasks during a deployment because of the service deployment ' +
      'configuration. Update the minimumHealthyPercent or maximumPercent value and try again.',
  );
}

function replaceUnhealthyTasks(simulation: Simulation, service: Service): void {
  for (const task of service.tasks) {
    if (task.unhealthy === undefined || task.desiredStatus === 'STOPPED') continue;
    announce(simulation, service, task.unhealthy.event, task.deployment);
    stopTasks(simulation, service, [task], task.unhealthy.stoppedReason);
  }
}

/** Stops old tasks that the minimum healthy percent does not require: pending first, then failed. */
function stopExcessTasks(simulation: Simulation, service: Service): void {
  const primary = primaryOf(service);
  if (primary.rolloutState === 'FAILED') return;
  const surplus = keptTasks(service, primary).slice(service.settings.desiredCount);
  const old = service.deployments.slice(1).toReversed();
  const useless = old
    .filter(({ rolloutState }) => rolloutState !== 'COMPLETED')
    .flatMap((deployment) => keptTasks(service, deployment))
    .filter(({ healthy }) => !healthy);
  const healthy = service.tasks.filter((task) => task.healthy && !surplus.includes(task));
  const stoppable = Math.max(0, healthy.length - lowerLimit(service));
  const candidates = old
    .toSorted((one, other) => rank(one) - rank(other))
    .flatMap((deployment) => keptTasks(service, deployment))
    .filter((task) => task.healthy);
  const now = simulation.now();
  const isProtected = ({ protectedUntil = 0 }: Task) => protectedUntil > now;
  announceProtection(simulation, service, candidates.filter(isProtected).length);
  const inTheWay = primary.sparesOld ? tasksInTheWay(service) : candidates.length;
  const superfluous = candidates
    .filter(({ deployment }, index) => index < inTheWay || deployment.rolloutState !== 'COMPLETED')
    .filter((task) => !isProtected(task))
    .slice(0, stoppable);
  const stopped = [...surplus, ...useless, ...superfluous];
  for (const { deployment } of superfluous) deployment.desiredCount -= 1;
  stopTasks(simulation, service, stopped, scalingReason(primary));
}

function announceProtection(simulation: Simulation, service: Service, count: number): void {
  const { number, rolloutState } = primaryOf(service);
  if (count === 0 || rolloutState !== 'IN_PROGRESS' || !isReady(service)) return;
  announceOnce(
    simulation,
    service,
    `was unable to reach steady state because (taskSet ecs-svc/${number}) was unable to scale in ` +
      `due to (reason ${count} tasks under protection)`,
  );
}

/** Number of old tasks that must end before the PRIMARY deployment can start all of its own. */
function tasksInTheWay(service: Service): number {
  const live = service.tasks.filter(({ desiredStatus }) => desiredStatus === 'RUNNING').length;
  const own = keptTasks(service, primaryOf(service)).length;
  return Math.max(0, service.settings.desiredCount - own - (upperLimit(service) - live));
}

function scalingReason({ number }: Deployment): string {
  return `Scaling activity initiated by (deployment ecs-svc/${number})`;
}

function rank({ rolloutState }: Deployment): number {
  return rolloutState === 'FAILED' ? 0 : 1;
}

function stopTasks(
  simulation: Simulation,
  service: Service,
  tasks: readonly Task[],
  stoppedReason: string,
): void {
  if (tasks.length === 0) return;
  service.steady = false;
  const running = tasks.filter(({ lastStatus }) => lastStatus === 'RUNNING');
  const pending = tasks.length - running.length;
  if (pending > 0) announce(simulation, service, `stopped ${pending} pending tasks.`);
  const drain = drainSeconds(simulation, service);
  const cause = { stopCode: 'ServiceSchedulerInitiated', stoppedReason };
  for (const task of tasks) stopTask(simulation, task, cause, drain);
  if (running.length === 0) return;
  const say = () =>
    announceTasks(simulation, service, running, (text) => `has stopped ${text}.`, 'running tasks');
  if (!isBehindLoadBalancer(service)) {
    say();
    return;
  }
  const about = running[0]?.deployment;
  for (const [group, count] of countGroups(running)) {
    const message = `deregistered ${count} targets in (target-group ${group})`;
    announce(simulation, service, message, about);
  }
  const message = `has begun draining connections on ${running.length} tasks.`;
  announce(simulation, service, message, about);
  simulation.after(service, drain, say);
}

/** Removes older deployments from the list once their tasks have ended. */
function retireDeployments(simulation: Simulation, service: Service): void {
  const [primary, ...others] = service.deployments;
  if (primary.rolloutState === 'FAILED') return;
  const left = others.filter(
    (deployment) =>
      simulation.now() < deployment.listedUntil ||
      service.tasks.some((task) => task.deployment === deployment && occupies(task)) ||
      (deployment.rolloutState === 'COMPLETED' &&
        primary.rolloutState === 'IN_PROGRESS' &&
        !isReady(service)),
  );
  service.deployments = [primary, ...left];
}

function completeRollout(simulation: Simulation, service: Service): void {
  const primary = primaryOf(service);
  const record = currentServiceDeployment(service);
  if (primary.rolloutState !== 'IN_PROGRESS') return;
  const isDone = service.deployments.length === 1 && isReady(service);
  if (record === undefined) {
    // The record ended with an early success.
    if (isDone) finishRollout(simulation, service, primary);
  } else if (isDone && canComplete(simulation, service, record)) {
    completeDeployment(simulation, service, primary, record);
  } else if (
    record.status === 'IN_PROGRESS' &&
    meetsEarlySuccess(service, record) &&
    hasBaked(simulation, service, record)
  ) {
    succeedEarly(simulation, service, record);
  }
}

/** Whether a deployment can complete once its tasks have taken over. */
function canComplete(simulation: Simulation, service: Service, record: ServiceDeployment): boolean {
  if (record.status !== 'IN_PROGRESS') return record.status === 'ROLLBACK_IN_PROGRESS';
  if (record.lifecycle === undefined) return hasBaked(simulation, service, record);
  return presentStep(record.lifecycle)?.stage === 'CLEAN_UP';
}

function meetsEarlySuccess(service: Service, record: ServiceDeployment): boolean {
  const { earlySuccessCriteria } = record.configuration;
  if (record.lifecycle !== undefined || earlySuccessCriteria?.enable !== true) return false;
  const { healthyPercent = 100, sourceServiceRevisionCleanup } = earlySuccessCriteria;
  const needed = Math.ceil((healthyPercent * service.settings.desiredCount) / 100);
  const healthy = keptTasks(service, record.target).filter((task) => task.healthy);
  const old = service.tasks.filter(({ deployment }) => deployment !== record.target);
  const isCleanedUp = sourceServiceRevisionCleanup === 'DEFERRED' || !old.some(occupies);
  return healthy.length >= needed && isCleanedUp;
}

function announceSteadyState(simulation: Simulation, service: Service): void {
  const isSteady =
    primaryOf(service).rolloutState === 'COMPLETED' &&
    service.deployments.length === 1 &&
    isReady(service);
  if (isSteady && !service.steady) {
    announce(simulation, service, 'has reached a steady state.');
    service.said.clear();
  }
  service.steady = isSteady;
}

/** Tasks in one event: a service of thousands has several events for them. */
const TASKS_PER_EVENT = 10;

function announceTasks(
  simulation: Simulation,
  service: Service,
  tasks: readonly Task[],
  say: (tasks: string) => string,
  what = 'tasks',
): void {
  for (let start = 0; start < tasks.length; start += TASKS_PER_EVENT) {
    const some = tasks.slice(start, start + TASKS_PER_EVENT);
    const names = some.map(({ id }) => `(task ${id})`).join(' ');
    const message = say(`${some.length} ${what}: ${names}`);
    announce(simulation, service, message, some[0]?.deployment);
  }
}
