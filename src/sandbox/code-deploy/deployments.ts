import { randomInt } from 'node:crypto';
import { primaryOf } from '../ecs/lookups.ts';
import type { Service } from '../ecs/state.ts';
import { DEFAULT_CONFIG } from './configs.ts';
import { deploy, endEvents, LIFECYCLE_EVENTS, rollBack } from './course.ts';
import { failure, isFailure } from './failure.ts';
import type { DeploymentFailure } from './failure.ts';
import type { CodeDeployment, CodeDeployState, Course, Group, Revision } from './state.ts';

const STOP_SECONDS = 2;
/** Seconds between the end of a deployment and the start of its rollback. */
const ROLLBACK_SECONDS = 1;
/** Seconds for which a deployment does not show its rollback. */
const ROLLBACK_LAG_SECONDS = 5;

type Settings = Partial<
  Pick<CodeDeployment, 'configName' | 'description' | 'creator' | 'autoRollback' | 'triggeredBy'>
>;

/** Makes a deployment of a group to its service. */
export function makeDeployment(
  { simulation, deployments }: CodeDeployState,
  group: Group,
  service: Service,
  revision: Revision,
  settings: Settings = {},
): CodeDeployment {
  const now = simulation.now();
  const deployment: CodeDeployment = {
    id: newDeploymentId(),
    group,
    service,
    revision,
    previousRevision: lastSuccessful(group)?.revision,
    configName: group.settings.deploymentConfigName ?? DEFAULT_CONFIG,
    description: undefined,
    creator: 'user',
    autoRollback: group.settings.autoRollbackConfiguration,
    alarms: group.settings.alarmConfiguration,
    createdAt: now,
    status: 'Created',
    targetStatus: 'Pending',
    targetUpdatedAt: now,
    events: LIFECYCLE_EVENTS.map((name) => ({ name, status: 'Pending' })),
    blue: settings.triggeredBy?.blue ?? primaryOf(service),
    weight: 0,
    testWeight: 0,
    terminationWaitStarted: false,
    ended: new Set(),
    ...settings,
  };
  deployments.set(deployment.id, deployment);
  group.deployments = [deployment, ...group.deployments];
  return deployment;
}

/** Starts a deployment. */
export function startDeployment(state: CodeDeployState, deployment: CodeDeployment): void {
  const course = deployment.triggeredBy === undefined ? deploy : rollBack;
  play(state, deployment, course(state, deployment));
}

/** Continues every deployment that waits no longer. */
export function advance(state: CodeDeployState): void {
  for (const deployment of state.deployments.values()) {
    const { run, interruption } = deployment;
    if (run !== undefined && interruption !== undefined) fail(state, deployment, interruption);
    while (deployment.run?.isElapsed === true || deployment.run?.wait.until?.() === true) {
      play(state, deployment, deployment.run.course);
    }
  }
}

function play(state: CodeDeployState, deployment: CodeDeployment, course: Course): void {
  const { simulation } = state;
  const { service } = deployment;
  simulation.touch(service);
  try {
    const next = course.next();
    if (next.done === true) {
      succeed(state, deployment);
      return;
    }
    const run = { course, wait: next.value, isElapsed: false };
    deployment.run = run;
    if (run.wait.seconds === undefined) return;
    simulation.after(service, run.wait.seconds, () => {
      run.isElapsed = true;
    });
  } catch (error) {
    if (!isFailure(error)) throw error;
    fail(state, deployment, error);
  }
}

function succeed({ simulation }: CodeDeployState, deployment: CodeDeployment): void {
  delete deployment.run;
  deployment.status = 'Succeeded';
  deployment.completedAt = simulation.now();
}

/** Ends a deployment, and rolls it back where it is configured to. */
function fail(
  state: CodeDeployState,
  deployment: CodeDeployment,
  { code, message, status, diagnostics }: DeploymentFailure,
  rollsBack = isRolledBack(deployment, status, code),
): void {
  delete deployment.run;
  state.simulation.touch(deployment.service);
  endEvents(state, deployment, diagnostics);
  deployment.status = status;
  deployment.error = { code, message };
  deployment.completedAt = state.simulation.now();
  if (rollsBack && deployment.triggeredBy === undefined) scheduleRollback(state, deployment);
}

function isRolledBack(
  { autoRollback, events }: CodeDeployment,
  status: string,
  code: string,
): boolean {
  // A hook that fails before there is a new task set rolls nothing back.
  if (events[0]?.status === 'InProgress') return false;
  const stop = code === 'ALARM_ACTIVE' ? 'DEPLOYMENT_STOP_ON_ALARM' : 'DEPLOYMENT_STOP_ON_REQUEST';
  const event = status === 'Failed' ? 'DEPLOYMENT_FAILURE' : stop;
  return autoRollback?.enabled === true && autoRollback.events?.includes(event) === true;
}

function scheduleRollback(state: CodeDeployState, failed: CodeDeployment): void {
  const { simulation, scene } = state;
  simulation.after(failed.service, ROLLBACK_SECONDS, () => {
    const { group, service, previousRevision = failed.revision } = failed;
    const rollback = makeDeployment(state, group, service, previousRevision, {
      creator: 'codeDeployRollback',
      triggeredBy: failed,
    });
    startDeployment(state, rollback);
    simulation.after(service, scene.rollbackLag ?? ROLLBACK_LAG_SECONDS, () => {
      const message = `Deployment ${failed.id} failed. A rollback deployment ${rollback.id} was started.`;
      failed.rollback = { deploymentId: rollback.id, message };
    });
  });
}

/** Stops a deployment for its user, soon. */
export function stop(
  state: CodeDeployState,
  deployment: CodeDeployment,
  rollsBack: boolean | undefined,
): void {
  state.simulation.after(deployment.service, STOP_SECONDS, () => {
    if (deployment.run === undefined) return;
    const why = failure('MANUAL_STOP', 'The deployment was stopped by a user.', {
      status: 'Stopped',
    });
    fail(state, deployment, why, rollsBack);
  });
}

/** Whether a deployment has not ended. */
export function isActive({ status }: CodeDeployment): boolean {
  return status !== 'Succeeded' && status !== 'Failed' && status !== 'Stopped';
}

/** The newest deployment of a group that succeeded. */
export function lastSuccessful({ deployments }: Group): CodeDeployment | undefined {
  return deployments.find(({ status }) => status === 'Succeeded');
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

function newDeploymentId(): string {
  const letters = Array.from({ length: 9 }, () => LETTERS[randomInt(LETTERS.length)]);
  return `d-${letters.join('')}`;
}
