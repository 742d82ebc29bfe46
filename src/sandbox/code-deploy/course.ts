import type { ServiceSettings } from '../ecs/state.ts';
import { hasHealthyTasks } from '../ecs/lookups.ts';
import { checkSettings, deployableDefinition } from '../ecs/services.ts';
import { findTaskDefinition } from '../ecs/task-definitions.ts';
import { createTaskSet, makePrimaryTaskSet, removeTaskSet } from '../ecs/task-sets.ts';
import { readAppSpec } from './app-spec.ts';
import type { AppSpec } from './app-spec.ts';
import { readConfig, weightsOf } from './configs.ts';
import { failure } from './failure.ts';
import { contentOf } from './revisions.ts';
import type { CodeDeployment, CodeDeployState, Course, LifecycleEvent } from './state.ts';

/** Durations in simulated seconds. */
const SECONDS = {
  created: 1,
  queued: 1,
  event: 1,
  /** Time in which a lifecycle event must end. */
  eventLimit: 3600,
  hook: 5,
  shift: 5,
} as const;

type Work = (state: CodeDeployState, deployment: CodeDeployment, appSpec: AppSpec) => Course;

/** What the lifecycle events do besides their hooks. */
const WORK: Readonly<Record<string, Work>> = {
  Install: install,
  AllowTestTraffic: shiftTestTraffic,
  AllowTraffic: shiftTraffic,
};

/** The lifecycle events of a deployment to ECS, in order. */
export const LIFECYCLE_EVENTS = [
  'BeforeInstall',
  'Install',
  'AfterInstall',
  'AllowTestTraffic',
  'AfterAllowTestTraffic',
  'BeforeAllowTraffic',
  'AllowTraffic',
  'AfterAllowTraffic',
] as const;

/** Events of the test traffic, which needs a listener of its own. */
const TEST_EVENTS: ReadonlySet<string> = new Set(['AllowTestTraffic', 'AfterAllowTestTraffic']);

/** Installs a new task set, shifts the traffic to it, and removes the old one. */
export function* deploy(state: CodeDeployState, deployment: CodeDeployment): Course {
  yield* start(state, deployment);
  const appSpec = readAppSpec(contentOf(state, deployment.revision));
  for (const event of deployment.events) {
    if (event.name === 'BeforeAllowTraffic') yield* awaitReroute(state, deployment);
    yield* runEvent(state, deployment, event, appSpec);
  }
  setTarget(state, deployment, 'Succeeded');
  yield* removeBlue(state, deployment);
}

/** Returns the traffic of a deployment to its old task set, and removes the new one. */
export function* rollBack(state: CodeDeployState, deployment: CodeDeployment): Course {
  yield* start(state, deployment);
  const failed = deployment.triggeredBy;
  const shift = deployment.events.find(({ name }) => name === 'AllowTraffic');
  if (failed === undefined || shift === undefined) return;
  deployment.green = failed.green;
  deployment.weight = failed.weight;
  skip(deployment, (event) => event !== shift);
  begin(state, shift);
  yield { seconds: SECONDS.shift };
  if (state.scene.rollbackFails) throw listenerChanged(deployment);
  makePrimaryTaskSet(state.simulation, deployment.service, deployment.blue);
  route(deployment, 0);
  end(state, shift, 'Succeeded');
  setTarget(state, deployment, 'Succeeded');
  if (deployment.green !== undefined) removeTaskSet(state.simulation, deployment.green);
}

function* start({ simulation }: CodeDeployState, deployment: CodeDeployment): Course {
  yield { seconds: SECONDS.created };
  deployment.status = 'Queued';
  yield { seconds: SECONDS.queued };
  deployment.status = 'InProgress';
  deployment.startedAt = simulation.now();
  deployment.targetStatus = 'InProgress';
  deployment.targetUpdatedAt = simulation.now();
}

function* runEvent(
  state: CodeDeployState,
  deployment: CodeDeployment,
  event: LifecycleEvent,
  appSpec: AppSpec,
): Course {
  if (TEST_EVENTS.has(event.name) && listenerOf(deployment, 'testTrafficRoute') === undefined) {
    event.status = 'Skipped';
    return;
  }
  begin(state, event);
  deployment.targetUpdatedAt = state.simulation.now();
  yield { seconds: SECONDS.event };
  yield* runHook(state, deployment, event, appSpec);
  yield* WORK[event.name]?.(state, deployment, appSpec) ?? [];
  end(state, event, 'Succeeded');
  deployment.targetUpdatedAt = state.simulation.now();
}

/** Calls the function of a hook, which answers by itself unless someone answers for it before. */
function* runHook(
  { scene, simulation }: CodeDeployState,
  deployment: CodeDeployment,
  event: LifecycleEvent,
  { hooks, taskDefinition }: AppSpec,
): Course {
  const target = hooks.get(event.name);
  if (target === undefined) return;
  const isOld = findTaskDefinition(simulation, taskDefinition)?.original === true;
  const outcome = scene.hook?.event === event.name && !isOld ? scene.hook.outcome : undefined;
  const failed = (why: string) => hookFailed(event, `The Lambda function ${target} ${why}.`);
  if (outcome === 'missing') throw failed('does not exist');
  const hook: NonNullable<LifecycleEvent['hook']> = { id: `${deployment.id}-${event.name}` };
  event.hook = hook;
  const isAnswered = () => hook.answer !== undefined;
  yield { until: isAnswered, seconds: outcome === 'hangs' ? SECONDS.eventLimit : SECONDS.hook };
  if (outcome === 'hangs' && !isAnswered()) throw failed('did not answer within an hour');
  const answer = hook.answer ?? (outcome === 'fails' ? 'Failed' : 'Succeeded');
  if (answer !== 'Succeeded') throw failed('answered Failed');
}

function hookFailed({ name }: LifecycleEvent, message: string): Error {
  return failure(
    'HOOK_EXECUTION_FAILURE',
    `The deployment failed because the hook of the lifecycle event ${name} failed.`,
    { diagnostics: { errorCode: 'UnknownError', scriptName: '', message, logTail: '' } },
  );
}

function* install(state: CodeDeployState, deployment: CodeDeployment, appSpec: AppSpec): Course {
  const { simulation, scene } = state;
  const { service, blue } = deployment;
  if (scene.installError !== undefined) {
    throw failure(scene.installError.code, scene.installError.message);
  }
  if ((scene.liveTargetGroup ?? blue.targetGroup) !== blue.targetGroup) {
    throw listenerChanged(deployment);
  }
  for (const left of service.deployments.filter((taskSet) => taskSet !== blue)) {
    removeTaskSet(simulation, left);
  }
  const green = makeGreen(state, deployment, appSpec);
  deployment.green = green;
  route(deployment, 0);
  const isSteady = () => hasHealthyTasks(service, green, green.desiredCount);
  yield { until: isSteady, seconds: SECONDS.eventLimit };
  if (isSteady()) return;
  throw failure(
    'TIMEOUT',
    'The deployment timed out while waiting for the replacement task set to become healthy. ' +
      'This time out period is 60 minutes.',
  );
}

function makeGreen({ simulation }: CodeDeployState, deployment: CodeDeployment, appSpec: AppSpec) {
  const { service } = deployment;
  try {
    const definition = deployableDefinition(simulation, appSpec.taskDefinition);
    const settings: ServiceSettings = {
      ...service.settings,
      ...appSpec.settings,
      loadBalancers: [
        {
          ...service.settings.loadBalancers[0],
          targetGroupArn: otherGroup(deployment),
          containerName: appSpec.containerName,
          containerPort: appSpec.containerPort,
        },
      ],
    };
    checkSettings(settings, definition);
    return createTaskSet(simulation, service, definition, settings, {
      externalId: deployment.id,
    });
  } catch (error) {
    throw failure(
      'ECS_UPDATE_ERROR',
      `The ECS service cannot be updated due to an unexpected error: ${(error as Error).message} ` +
        `(Service: AmazonECS; Status Code: 400; Error Code: ${(error as Error).name}).`,
    );
  }
}

/** The target group of the pair that does not serve, in the load balancer of the other. */
function otherGroup({ group, blue }: CodeDeployment): string | undefined {
  const [pair] = group.settings.loadBalancerInfo?.targetGroupPairInfoList ?? [];
  const names = (pair?.targetGroups ?? []).map(({ name }) => name);
  const other = names.find((name) => name !== blue.targetGroup?.split('/')[1]);
  return blue.targetGroup?.replace(/\/[^/]+\//, `/${other ?? ''}/`);
}

function listenerChanged(deployment: CodeDeployment): Error {
  return failure(
    'ELASTIC_LOAD_BALANCING_INVALID',
    'The ELB could not be updated due to the following error: Primary taskset target group must be ' +
      `behind listener ${listenerOf(deployment, 'prodTrafficRoute') ?? ''}.`,
  );
}

function* shiftTestTraffic(_state: CodeDeployState, deployment: CodeDeployment): Course {
  yield { seconds: SECONDS.shift };
  deployment.testWeight = 100;
  route(deployment, 0);
}

function* shiftTraffic(state: CodeDeployState, deployment: CodeDeployment): Course {
  const { simulation } = state;
  watchAlarms(state, deployment);
  const shift = readConfig(deployment.configName);
  if (shift === undefined) return;
  for (const weight of weightsOf(shift)) {
    yield { seconds: SECONDS.shift };
    route(deployment, weight);
    deployment.targetUpdatedAt = simulation.now();
    if (weight < 100) yield { seconds: shift.minutes * 60 };
  }
  if (deployment.green !== undefined) {
    makePrimaryTaskSet(simulation, deployment.service, deployment.green);
  }
}

/** Schedules the alarm of the scene. */
function watchAlarms({ simulation, scene }: CodeDeployState, deployment: CodeDeployment): void {
  const { enabled, alarms: [alarm] = [] } = deployment.alarms ?? {};
  const isOld = deployment.green?.definition.original === true;
  if (scene.alarmAfter === undefined || enabled !== true || alarm === undefined || isOld) return;
  simulation.after(deployment.service, scene.alarmAfter, () => {
    deployment.interruption = failure(
      'ALARM_ACTIVE',
      'One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, ' +
        `and the affected deployments have been stopped. Activated alarms: <${alarm.name}>`,
      { status: 'Stopped' },
    );
  });
}

/** Waits for ContinueDeployment before the production traffic shifts, where the group says so. */
function* awaitReroute(state: CodeDeployState, deployment: CodeDeployment): Course {
  const { actionOnTimeout, waitTimeInMinutes = 0 } =
    deployment.group.settings.blueGreenDeploymentConfiguration?.deploymentReadyOption ?? {};
  if (actionOnTimeout !== 'STOP_DEPLOYMENT') return;
  deployment.status = 'Ready';
  setTarget(state, deployment, 'Ready');
  const isContinued = () => deployment.ended.has('READY_WAIT');
  yield { until: isContinued, seconds: waitTimeInMinutes * 60 };
  if (!isContinued()) {
    throw failure(
      'TIMEOUT',
      'The deployment was stopped because the traffic was not rerouted within the wait time.',
      { status: 'Stopped' },
    );
  }
  deployment.status = 'InProgress';
  setTarget(state, deployment, 'InProgress');
}

function* removeBlue({ simulation }: CodeDeployState, deployment: CodeDeployment): Course {
  const { service, blue, group } = deployment;
  const { action, terminationWaitTimeInMinutes = 0 } =
    group.settings.blueGreenDeploymentConfiguration?.terminateBlueInstancesOnDeploymentSuccess ??
    {};
  if (action === 'KEEP_ALIVE') return;
  deployment.terminationWaitStarted = true;
  yield {
    until: () => deployment.ended.has('TERMINATION_WAIT'),
    seconds: terminationWaitTimeInMinutes * 60,
  };
  removeTaskSet(simulation, blue);
  yield { until: () => !service.deployments.includes(blue) };
}

/** Gives green a percentage of the production traffic. */
function route(deployment: CodeDeployment, weight: number): void {
  const { service, blue, green, testWeight } = deployment;
  deployment.weight = weight;
  const weights = (share: number) =>
    new Map([
      [blue.targetGroup ?? '', 100 - share],
      [green?.targetGroup ?? '', share],
    ]);
  const test = listenerOf(deployment, 'testTrafficRoute');
  service.routes = [
    { listener: listenerOf(deployment, 'prodTrafficRoute') ?? '', weights: weights(weight) },
    ...(test === undefined ? [] : [{ listener: test, weights: weights(testWeight) }]),
  ];
}

function listenerOf(
  { group }: CodeDeployment,
  member: 'prodTrafficRoute' | 'testTrafficRoute',
): string | undefined {
  return group.settings.loadBalancerInfo?.targetGroupPairInfoList?.[0]?.[member]?.listenerArns[0];
}

function setTarget(
  { simulation }: CodeDeployState,
  deployment: CodeDeployment,
  status: CodeDeployment['targetStatus'],
): void {
  deployment.targetStatus = status;
  deployment.targetUpdatedAt = simulation.now();
}

function begin({ simulation }: CodeDeployState, event: LifecycleEvent): void {
  event.status = 'InProgress';
  event.startedAt = simulation.now();
}

function end(
  { simulation }: CodeDeployState,
  event: LifecycleEvent,
  status: LifecycleEvent['status'],
): void {
  event.status = status;
  event.endedAt = simulation.now();
}

function skip(deployment: CodeDeployment, condition: (event: LifecycleEvent) => boolean): void {
  for (const event of deployment.events.filter(condition)) event.status = 'Skipped';
}

/** Ends the lifecycle events of a deployment that has failed or was stopped. */
export function endEvents(
  state: CodeDeployState,
  deployment: CodeDeployment,
  diagnostics: LifecycleEvent['diagnostics'],
): void {
  for (const event of deployment.events) {
    if (event.status === 'Pending') event.status = 'Skipped';
    if (event.status !== 'InProgress') continue;
    end(state, event, 'Failed');
    if (diagnostics !== undefined) event.diagnostics = diagnostics;
  }
  setTarget(state, deployment, 'Failed');
}
