import { randomUUID } from 'node:crypto';
import { nextProvider } from './capacity.ts';
import type { Course, Found, Pulled } from './containers.ts';
import {
  courseOf,
  courseOfCommand,
  lacksLogGroup,
  overrideOf,
  pinned,
  pullFailure,
  write,
} from './containers.ts';
import type { Victim } from './faults.ts';
import { logGroupMissing, strikeAt, strikeOneOff } from './faults.ts';
import type {
  Container,
  Deployment,
  OneOff,
  Service,
  Simulation,
  Task,
  TaskStatus,
} from './state.ts';
import { hostPortOf } from './instances.ts';
import { ecsArn, keptTasks, newTaskId, primaryOf } from './lookups.ts';
import { timesOf } from './target-group.ts';
import type { TargetCourse } from './target-group.ts';
import { applicationContainer, architectureOf } from './task-definitions.ts';

/** Duration of the stages of a task's life, in simulated seconds. */
const SECONDS = {
  provisioning: 6,
  pending: 3,
  initialisation: 1,
  pull: 6,
  failedPull: 20,
  startUp: 2,
  /** Time after which a task without load balancer and health check counts as healthy. */
  settling: 40,
  /** Time that the last log line of a command needs to arrive. */
  lateLog: 2,
  /** Time for which a container must have run before its restart policy starts it again. */
  restart: 300,
  deactivating: 1,
  stopping: 9,
  deprovisioning: 12,
} as const;

const SIGTERM_EXIT = 143;

/** Starts a task of a deployment and schedules the stages of its life. */
export function startTask(
  simulation: Simulation,
  service: Service,
  deployment: Deployment,
  oneOff?: OneOff,
): Task {
  const task = newTask(simulation, service, deployment, oneOff);
  service.tasks.push(task);
  const wait = oneOff && strikeOneOff(simulation.faults, 'provisioning');
  later(simulation, task, wait?.seconds ?? SECONDS.provisioning, () => {
    move(task, 'PENDING');
    task.connectivityAt = simulation.now();
    later(simulation, task, SECONDS.pending, () => {
      move(task, 'ACTIVATING');
      initialise(simulation, service, task);
    });
  });
  return task;
}

/** Creates a running task, for a service that starts in its steady state. */
export function makeRunningTask(
  simulation: Simulation,
  service: Service,
  deployment: Deployment,
  images: readonly Found[],
): void {
  const task = newTask(simulation, service, deployment);
  const pullStartedAt = task.createdAt + SECONDS.provisioning + SECONDS.pending;
  const startedAt = pullStartedAt + SECONDS.pull;
  Object.assign(task, {
    connectivityAt: task.createdAt + SECONDS.provisioning,
    pullStartedAt,
    pullStoppedAt: startedAt,
    startedAt,
    lastStatus: 'RUNNING',
    version: 4,
    healthy: true,
    registered: true,
  });
  resolveDigests(deployment, task, images);
  for (const [index, container] of task.containers.entries()) {
    container.lastStatus = 'RUNNING';
    if (container.definition.healthCheck) container.healthStatus = 'HEALTHY';
    const image = images[index];
    if (image === undefined) continue;
    for (const line of courseOf(task, container, image, undefined).log) {
      write(simulation, task, container, line);
    }
  }
  service.tasks.push(task);
}

/** Why a task is stopped, as the API reports it. */
export interface StopCause {
  readonly stopCode: string;
  readonly stoppedReason: string;
}

/** Stops a task: drains its targets, stops its containers, releases its network interface. */
export function stopTask(
  simulation: Simulation,
  task: Task,
  cause: StopCause,
  drain: number = SECONDS.deactivating,
): void {
  if (task.desiredStatus === 'STOPPED') return;
  const began = task.startedAt !== undefined;
  simulation.touch(task.service);
  Object.assign(task, cause, { desiredStatus: 'STOPPED', stoppingAt: simulation.now() });
  task.healthy = false;
  if (!began) {
    deprovision(simulation, task);
    return;
  }
  move(task, 'DEACTIVATING');
  simulation.after(task.service, drain, () => {
    move(task, 'STOPPING');
    simulation.after(task.service, SECONDS.stopping, () => deprovision(simulation, task));
  });
}

/** Simulated seconds for which the targets of a service drain before their task is stopped. */
export function drainSeconds(simulation: Simulation, service: Service): number {
  if (!isBehindLoadBalancer(service)) return SECONDS.deactivating;
  const { targetGroup = '' } = primaryOf(service);
  return simulation.targetGroup(targetGroup).deregistrationDelay;
}

/** Whether a service's tasks are targets of a load balancer. */
export function isBehindLoadBalancer(service: Service): boolean {
  return service.settings.loadBalancers.length > 0;
}

/** An application that answers health checks from its start. */
const WELL: TargetCourse = { readyAfter: 0, failure: { reason: '', description: '' } };

function newTask(
  simulation: Simulation,
  service: Service,
  deployment: Deployment,
  oneOff?: OneOff,
): Task {
  const id = newTaskId();
  const path = `${service.cluster.name}/${id}`;
  return {
    id,
    arn: ecsArn(simulation, `task/${path}`),
    service,
    deployment,
    capacityProvider: nextProvider(deployment.settings.capacityProviderStrategy, () =>
      keptTasks(service, deployment).map((task) => task.capacityProvider),
    ),
    oneOff,
    createdAt: simulation.now(),
    tags: propagatedTags(service, deployment),
    lastStatus: 'PROVISIONING',
    desiredStatus: 'RUNNING',
    version: 1,
    healthy: false,
    registered: false,
    target: WELL,
    uncounted: false,
    containers: deployment.definition.body.containerDefinitions.map((definition, index) => ({
      definition,
      arn: ecsArn(simulation, `container/${path}/${randomUUID()}`),
      runtimeId: `${id}-${String(index + 1).padStart(10, '0')}`,
      lastStatus: 'PENDING',
      healthStatus: 'UNKNOWN',
    })),
  };
}

/** The tags that a task has from its service or its revision, and those of ECS itself. */
function propagatedTags({ name, cluster, tags, settings }: Service, { definition }: Deployment) {
  const { propagateTags, enableECSManagedTags } = settings;
  const managed = [
    { key: 'aws:ecs:clusterName', value: cluster.name },
    { key: 'aws:ecs:serviceName', value: name },
  ];
  return [
    ...(propagateTags === 'SERVICE' ? tags : []),
    ...(propagateTags === 'TASK_DEFINITION' ? definition.tags : []),
    ...(enableECSManagedTags === true ? managed : []),
  ];
}

function move(task: Task, status: TaskStatus): void {
  task.lastStatus = status;
  task.version += 1;
}

/** Runs an action after `seconds` unless the task is being stopped by then. */
function later(
  simulation: Simulation,
  task: Task,
  seconds: number,
  action: () => void,
  ready?: Promise<unknown>,
): void {
  const act = () => {
    if (task.desiredStatus === 'RUNNING') action();
  };
  simulation.after(task.service, seconds, act, ready);
}

function deprovision(simulation: Simulation, task: Task): void {
  const application = applicationContainer(task.deployment.definition);
  for (const container of task.containers) {
    if (container.lastStatus === 'RUNNING') {
      const isEnded = container.definition === application || task.oneOff !== undefined;
      container.exitCode = isEnded ? SIGTERM_EXIT : 0;
    }
    container.lastStatus = 'STOPPED';
  }
  if (task.startedAt !== undefined) task.executionStoppedAt = simulation.now();
  move(task, 'DEPROVISIONING');
  simulation.after(task.service, SECONDS.deprovisioning, () => {
    move(task, 'STOPPED');
    task.stoppedAt = simulation.now();
  });
}

// Before it runs

function initialise(simulation: Simulation, service: Service, task: Task): void {
  if (task.containers.some((container) => lacksLogGroup(simulation, container))) {
    later(simulation, task, SECONDS.initialisation, () =>
      failToStart(simulation, task, logGroupMissing()),
    );
    return;
  }
  if (strikeBeforeRun(simulation, task, 'initialisation')) return;
  later(simulation, task, SECONDS.initialisation, () => {
    task.pullStartedAt = simulation.now();
    if (!strikeBeforeRun(simulation, task, 'pull')) pull(simulation, service, task);
  });
}

function strikeBeforeRun(
  simulation: Simulation,
  task: Task,
  stage: 'initialisation' | 'pull' | 'start',
): boolean {
  const { definition } = task.deployment;
  const strike =
    task.oneOff === undefined
      ? strikeAt(simulation.faults, definition, stage)
      : strikeOneOff(simulation.faults, stage);
  const container = applicationContainer(definition);
  if (strike === undefined || container === undefined) return false;
  const { account, region } = simulation;
  const victim: Victim = { account, region, taskId: task.id, definition, container };
  later(simulation, task, strike.seconds, () => {
    const reason = strike.reason(victim);
    const struck = task.containers.find((candidate) => candidate.definition === container);
    if (stage !== 'initialisation' && struck) struck.reason = reason;
    failToStart(simulation, task, reason);
  });
  return true;
}

function failToStart(simulation: Simulation, task: Task, stoppedReason: string): void {
  task.uncounted = true;
  stopTask(simulation, task, { stopCode: 'TaskFailedToStart', stoppedReason });
}

function pull(simulation: Simulation, service: Service, task: Task): void {
  const { digests, definition } = task.deployment;
  const architecture = architectureOf(definition);
  let images: readonly Pulled[] = [];
  const pulls = task.containers.map(({ definition: { name, image } }) =>
    simulation
      .pullImage(pinned(image, digests?.get(name)), architecture)
      .catch((error: unknown) => ({ kind: 'failed', error }) as const),
  );
  const end = () => endPull(simulation, service, task, images, architecture);
  later(
    simulation,
    task,
    SECONDS.pull,
    () => {
      if (images.every(({ kind }) => kind === 'found')) end();
      else later(simulation, task, SECONDS.failedPull - SECONDS.pull, end);
    },
    Promise.all(pulls).then((pulled) => void (images = pulled)),
  );
}

function endPull(
  simulation: Simulation,
  service: Service,
  task: Task,
  images: readonly Pulled[],
  architecture: string,
): void {
  task.pullStoppedAt = simulation.now();
  for (const [index, container] of task.containers.entries()) {
    const image = images[index];
    if (image === undefined || image.kind === 'found') continue;
    container.reason = pullFailure(container.definition.image, image, architecture);
    failToStart(simulation, task, container.reason);
    return;
  }
  start(simulation, service, task, images as readonly Found[]);
}

// While it runs

function start(
  simulation: Simulation,
  service: Service,
  task: Task,
  images: readonly Found[],
): void {
  const { deployment } = task;
  resolveDigests(deployment, task, images);
  if (strikeBeforeRun(simulation, task, 'start')) return;
  move(task, 'RUNNING');
  task.startedAt = simulation.now();
  if (task.oneOff !== undefined) {
    runOnce(simulation, task, images);
    return;
  }
  const application = applicationContainer(deployment.definition);
  const crash = strikeAt(simulation.faults, deployment.definition, 'run');
  for (const [index, container] of task.containers.entries()) {
    const image = images[index];
    if (image === undefined) continue;
    container.lastStatus = 'RUNNING';
    const strike = container.definition === application ? crash : undefined;
    runContainer(simulation, task, container, courseOf(task, container, image, strike));
  }
  const interruption = strikeAt(simulation.faults, deployment.definition, 'interruption');
  if (interruption !== undefined) {
    const { seconds, stopCode, reason: stoppedReason } = interruption;
    later(simulation, task, seconds, () => stopTask(simulation, task, { stopCode, stoppedReason }));
  }
  checkHealth(simulation, service, task);
}

/** Runs the containers of a one-off task: those with a command of their own end by themselves. */
function runOnce(simulation: Simulation, task: Task, images: readonly Found[]): void {
  const { faults } = simulation;
  const sidecar = strikeOneOff(faults, 'sidecar');
  for (const [index, container] of task.containers.entries()) {
    const image = images[index];
    if (image === undefined) continue;
    container.lastStatus = 'RUNNING';
    const { name } = container.definition;
    const isLast = index === task.containers.length - 1;
    const course = courseOf(task, container, image, undefined);
    if (overrideOf(task, name)?.command !== undefined && course.exit === undefined) {
      const strike = strikeOneOff(faults, 'command');
      const command = courseOfCommand(task, container, image, strike);
      runContainer(simulation, task, container, command);
    } else if (isLast && sidecar !== undefined) {
      const { seconds, exitCode: code } = sidecar;
      runContainer(simulation, task, container, { ...course, exit: { seconds, code } });
    } else runContainer(simulation, task, container, course);
  }
  const removal = strikeOneOff(faults, 'removal');
  if (removal === undefined) return;
  const { seconds, stopCode, reason: stoppedReason } = removal;
  later(simulation, task, seconds, () => stopTask(simulation, task, { stopCode, stoppedReason }));
}

/** Records the digests that the first task resolved, for all later tasks of the deployment. */
function resolveDigests(deployment: Deployment, task: Task, images: readonly Found[]): void {
  const digests = new Map<string, string>();
  for (const [index, container] of task.containers.entries()) {
    const digest = images[index]?.digest;
    if (digest === undefined) continue;
    container.imageDigest = digest;
    if (container.definition.versionConsistency !== 'disabled') {
      digests.set(container.definition.name, digest);
    }
  }
  deployment.digests ??= digests;
}

function runContainer(
  simulation: Simulation,
  task: Task,
  container: Container,
  course: Course,
): void {
  const { log, exit } = course;
  const seconds = Math.min(exit?.seconds ?? SECONDS.startUp, SECONDS.startUp * log.length);
  const stepSeconds = seconds / Math.max(1, log.length);
  // Of a one-off task, the last line arrives after its end.
  const isLate = (index: number) =>
    task.oneOff !== undefined && exit !== undefined && index === log.length - 1;
  for (const [index, line] of log.entries()) {
    if (isLate(index)) continue;
    later(simulation, task, index * stepSeconds, () => write(simulation, task, container, line));
  }
  if (exit === undefined) return;
  later(simulation, task, exit.seconds, () => {
    const [end, last] = [simulation.now(), log.at(-1)];
    if (last !== undefined && isLate(log.length - 1)) {
      simulation.after(task.service, SECONDS.lateLog, () =>
        write(simulation, task, container, last, end),
      );
    }
    if (isRestarted(container, exit)) {
      runContainer(simulation, task, container, course);
      return;
    }
    Object.assign(container, { lastStatus: 'STOPPED', exitCode: exit.code });
    if (exit.reason !== undefined) container.reason = exit.reason;
    if (container.definition.essential === false) return;
    task.uncounted = true;
    stopTask(simulation, task, {
      stopCode: 'EssentialContainerExited',
      stoppedReason: 'Essential container in task exited',
    });
  });
}

/** Whether ECS starts a container again that has ended. */
function isRestarted(
  { definition: { restartPolicy } }: Container,
  { seconds, code }: NonNullable<Course['exit']>,
): boolean {
  if (restartPolicy?.enabled !== true || restartPolicy.ignoredExitCodes?.includes(code)) {
    return false;
  }
  return seconds >= (restartPolicy.restartAttemptPeriod ?? SECONDS.restart);
}

function checkHealth(simulation: Simulation, service: Service, task: Task): void {
  const { definition, targetGroup } = task.deployment;
  const checked = task.containers.filter((container) => container.definition.healthCheck);
  const sickContainer =
    checked.length > 0 && strikeAt(simulation.faults, definition, 'container-health')
      ? checked[0]
      : undefined;
  for (const container of checked) {
    const sick = container === sickContainer;
    later(simulation, task, secondsToVerdict(container, sick), () => {
      if (container.lastStatus !== 'RUNNING') return;
      container.healthStatus = sick ? 'UNHEALTHY' : 'HEALTHY';
      if (!sick) return;
      task.unhealthy = {
        stoppedReason: 'Task failed container health checks',
        event: `(task ${task.id}) failed container health checks.`,
      };
    });
  }
  const target = checkTarget(simulation, service, task);
  if (sickContainer !== undefined || target.never) return;
  const unchecked = checked.length === 0 && targetGroup === undefined;
  const seconds = Math.max(
    unchecked ? SECONDS.settling : 0,
    target.seconds,
    ...checked.map((container) => secondsToVerdict(container, false)),
  );
  later(simulation, task, seconds, () => {
    task.healthy = true;
    task.deployment.launchFailures = 0;
    const breaker = service.settings.deploymentConfiguration.deploymentCircuitBreaker;
    if (breaker.resetOnHealthyTask !== false) task.deployment.failedTasks = 0;
  });
}

/**
 * Seconds until the load balancer finds the target of a task healthy. If it is found unhealthy when
 * the grace period is over, ECS replaces the task before.
 */
function checkTarget(
  simulation: Simulation,
  service: Service,
  task: Task,
): { readonly seconds: number; readonly never: boolean } {
  const { definition, targetGroup } = task.deployment;
  if (targetGroup === undefined) return { seconds: 0, never: false };
  const strike = strikeAt(simulation.faults, definition, 'target-health');
  if (strike !== undefined) task.target = strike;
  const { reason, description } = task.target.failure;
  if (reason === 'Target.NotInUse') return { seconds: Infinity, never: true };
  const { healthy, unhealthy } = timesOf(
    simulation.targetGroup(targetGroup),
    task.target.readyAfter,
  );
  const killed = Math.max(service.settings.healthCheckGracePeriodSeconds ?? 0, unhealthy);
  if (killed >= healthy) return { seconds: healthy, never: false };
  const group = `(target-group ${targetGroup})`;
  const port = hostPortOf(task, service.settings.loadBalancers[0]?.containerPort ?? 0);
  later(simulation, task, killed, () => {
    task.unhealthy = {
      stoppedReason: `Task failed ELB health checks in ${group}`,
      event:
        `(task ${task.id}) (port ${port}) is unhealthy in ${group} ` +
        `due to (reason ${description}).`,
    };
  });
  return { seconds: Infinity, never: true };
}

function secondsToVerdict({ definition: { healthCheck } }: Container, sick: boolean): number {
  const { interval = 30, retries = 3, startPeriod = 0 } = healthCheck ?? {};
  return sick ? startPeriod + retries * interval : interval;
}
