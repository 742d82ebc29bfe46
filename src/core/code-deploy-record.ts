import { greenOf, isActive, READY_WAIT, reasonOf, stageOf, weightsOf } from './code-deploy.ts';
import type { CodeDeployRead, CodeDeployUse, DeploymentRead } from './code-deploy.ts';
import type { Deployment, RolloutRecord, Service, StageHook } from './ecs.ts';
import { placeOfArn } from './task-definition.ts';

/** A deployment of CodeDeploy as the record that the watch, `status` and `diagnose` read. */
export function toRecord(
  read: CodeDeployRead,
  { arn, codeDeploy }: Pick<Service, 'arn' | 'codeDeploy'>,
): RolloutRecord {
  const { deployment, events, rolledBackBy } = read;
  const stage = isActive(deployment) ? stageOf(read) : undefined;
  // While it is rolled back, the weights are those of the rollback.
  const green = greenOf(read)?.id;
  const weights = weightsOf(rolledBackBy ?? read, green);
  const isWeighed = green !== undefined && weights.own + weights.others > 0;
  return {
    arn: deployment.id,
    deployment: deployment.id,
    status: statusOf(read),
    reason: reasonOf(read),
    createdAt: deployment.createdAt,
    updatedAt: lastChange(read),
    stage,
    traffic: isWeighed ? weights.own : undefined,
    oldTraffic: isWeighed ? weights.others : undefined,
    testTraffic: undefined,
    oldTestTraffic: undefined,
    breaker: undefined,
    alarms: [],
    armedAlarms: [],
    hooks: stage === READY_WAIT ? [readyHook(read)] : events.flatMap(lambdaHook(arn, codeDeploy)),
    rollbackReason: isActive(deployment) ? '' : reasonOf(read),
    codeDeploy: read,
  };
}

/** The words of ECS for the status of a deployment and of its rollback. */
function statusOf({ deployment, rolledBackBy }: CodeDeployRead): string {
  if (isActive(deployment)) return 'IN_PROGRESS';
  if (deployment.status === 'Succeeded') return 'SUCCESSFUL';
  if (rolledBackBy === undefined) return deployment.status === 'Failed' ? 'FAILED' : 'STOPPED';
  if (isActive(rolledBackBy.deployment)) return 'ROLLBACK_IN_PROGRESS';
  return rolledBackBy.deployment.status === 'Succeeded' ? 'ROLLBACK_SUCCESSFUL' : 'ROLLBACK_FAILED';
}

/** Server time at which a lifecycle event last began or ended. */
function lastChange({ events }: DeploymentRead): Date | undefined {
  const times = events.flatMap(({ startedAt, endedAt }) => endedAt ?? startedAt ?? []);
  return times.toSorted((a, b) => b.getTime() - a.getTime())[0];
}

function readyHook(read: DeploymentRead): StageHook {
  const { readyMinutes } = read.deployment.options;
  const since = lastChange(read);
  const ends = since && readyMinutes && new Date(since.getTime() + readyMinutes * 60_000);
  return {
    id: READY_WAIT,
    target: undefined,
    status: 'AWAITING_ACTION',
    expiresAt: ends ? ends.toISOString() : undefined,
    timeoutAction: 'STOP_DEPLOYMENT',
  };
}

const HOOK_STATES: Readonly<Record<string, string>> = {
  InProgress: 'IN_PROGRESS',
  Succeeded: 'SUCCEEDED',
  Failed: 'FAILED',
};

/** The Lambda function that a lifecycle event calls; none where the AppSpec names none. */
function lambdaHook(service: string, use: CodeDeployUse | undefined) {
  const { region = '', account = '' } = placeOfArn(service) ?? {};
  return ({ name, status }: CodeDeployRead['events'][number]): StageHook[] => {
    const named = use?.hooks[name];
    const state = HOOK_STATES[status];
    if (named === undefined || state === undefined) return [];
    const target = named.includes(':')
      ? named
      : `arn:${service.split(':')[1]}:lambda:${region}:${account}:function:${named}`;
    return [{ id: name, target, status: state, expiresAt: undefined, timeoutAction: undefined }];
  };
}

/** Until when the old task set stays; undefined where it is not waited for, or is kept. */
export function terminationEnd({ deployment, events }: DeploymentRead): Date | undefined {
  const { terminationMinutes } = deployment.options;
  const since = events.find(({ name }) => name === 'AfterAllowTraffic')?.endedAt;
  if (terminationMinutes === undefined || since === undefined) return undefined;
  return new Date(since.getTime() + terminationMinutes * 60_000);
}

/** What an active deployment is of a service whose task sets ECS lists. */
export function activeDeployment(
  { id, createdAt }: Pick<CodeDeployRead['deployment'], 'id' | 'createdAt'>,
  { deployments }: Pick<Service, 'deployments'>,
  taskDefinition: string,
): Deployment {
  const known = deployments.find((item) => item.id === id);
  return {
    id,
    status: 'ACTIVE',
    taskDefinition,
    reason: '',
    desired: 0,
    running: 0,
    pending: 0,
    failed: 0,
    ...known,
    // The task set does not say that it is in progress, and is younger.
    rolloutState: 'IN_PROGRESS',
    createdAt,
  };
}

/**
 * A service as ECS would show it: the deployment in progress is its PRIMARY one, and what it replaces
 * is completed. While it is rolled back, the PRIMARY one is the one that comes back.
 */
export function asMoving(service: Service): Service {
  const { active } = service.codeDeploy ?? {};
  if (active === undefined) return service;
  const others = service.deployments.filter(({ id }) => id !== active.deployment.id);
  const [before] = others;
  if (active.rolledBackBy !== undefined && before !== undefined) {
    return {
      ...service,
      taskDefinition: before.taskDefinition,
      deployments: [{ ...before, status: 'PRIMARY', rolloutState: 'IN_PROGRESS' }],
    };
  }
  const taskDefinition = active.taskDefinition || service.taskDefinition;
  const own = activeDeployment(active.deployment, service, taskDefinition);
  return {
    ...service,
    taskDefinition,
    deployments: [
      { ...own, status: 'PRIMARY' },
      ...others.map((item) => ({ ...item, status: 'ACTIVE', rolloutState: 'COMPLETED' as const })),
    ],
  };
}

/** The record of the deployment in progress, as it was read with the service. */
export function activeRecord(service: Service): RolloutRecord | undefined {
  const { active } = service.codeDeploy ?? {};
  return active && toRecord(active, service);
}
