import {
  greenOf,
  hasLeft,
  isActive,
  isServing,
  reasonOf,
  rollsBack,
  weightsOf,
} from './code-deploy.ts';
import type { CodeDeployRead, DeploymentRead } from './code-deploy.ts';
import { MISSING, primaryOf, waitingHooks } from './ecs.ts';
import type { Service } from './ecs.ts';
import { DOUBTFUL_POLLS, STALE_POLLS } from './pacing.ts';
import { NO_MEMORY } from './verdict.ts';
import type { Memory, OurDeployment, Phase, Polled, Verdict } from './verdict.ts';

type Judgement = readonly [Verdict, Memory];

/** What the watch knows besides the polls. */
export interface Asked {
  /** A rollback of the deployment was requested. */
  readonly rollback: boolean;
  /** The deployment takes another one back: it has succeeded once it has all production traffic. */
  readonly isBack: boolean;
}

/**
 * Judges a deployment of CodeDeploy by its own id
 * (docs/explanation/how-ecs-behaves.md#codedeploy). It succeeds with the status Succeeded alone;
 * whether it serves before that is {@link isServing}. What rolls it back is a deployment of its own,
 * whose end is that of ours.
 */
export function judgeCodeDeploy(
  ours: OurDeployment,
  { service, record }: Polled,
  memory: Memory,
  asked: Asked,
): Judgement {
  const doubt: Memory = { doubtful: memory.doubtful + 1 };
  const read = record?.codeDeploy;
  if (service.status !== 'ACTIVE') {
    if (service.status === MISSING && doubt.doubtful < DOUBTFUL_POLLS) return wait('stale', doubt);
    return end({ kind: 'failed', reason: `the service is ${service.status}` });
  }
  if (record === undefined || read?.deployment.id !== ours.id) return wait('stale');
  if (asked.isBack && isServing(read)) return end({ kind: 'succeeded' });
  if (isActive(read.deployment)) {
    return wait(waitingHooks(record).length > 0 ? 'paused' : 'in-progress');
  }
  if (read.deployment.status === 'Succeeded') return end({ kind: 'succeeded' });
  if (read.rolledBackBy !== undefined) return judgeRollback(read, ours, service, doubt);
  // CodeDeploy names the rollback some seconds after the end; there is none without a new task set.
  const green = greenOf(read);
  if (asked.rollback || rollsBack(read.deployment)) {
    const [phase, limit] =
      green === undefined
        ? (['in-progress', DOUBTFUL_POLLS] as const)
        : (['rolling-back', STALE_POLLS] as const);
    if (doubt.doubtful < limit) return wait(phase, doubt);
  } else if (read.deployment.status === 'Stopped' && doubt.doubtful < DOUBTFUL_POLLS) {
    return wait('in-progress', doubt);
  }
  if (read.newer !== undefined) {
    const { id, taskDefinition } = read.newer;
    return end({ kind: 'superseded', by: id, taskDefinition });
  }
  const hasStayed = primaryOf(service)?.id !== ours.id && weightsOf(read, green?.id).own <= 0;
  return asked.rollback && hasStayed
    ? rolledBack(read, service)
    : end({ kind: 'failed', reason: endOf(read) });
}

function judgeRollback(
  read: CodeDeployRead,
  ours: OurDeployment,
  service: Service,
  doubt: Memory,
): Judgement {
  const { rolledBackBy } = read;
  if (rolledBackBy === undefined) return wait('rolling-back');
  const { deployment } = rolledBackBy;
  const isBack = deployment.status === 'Succeeded' || hasLeft(rolledBackBy, greenOf(read)?.id);
  if (!isBack) {
    if (isActive(deployment)) return wait('rolling-back');
    const reason = `the rollback ${deployment.id} did not succeed: ${endOf(rolledBackBy)}`;
    return end({ kind: 'failed', reason });
  }
  // A late read still shows our task set, and would name its revision as the restored one.
  if (primaryOf(service)?.id !== ours.id) return rolledBack(read, service);
  if (doubt.doubtful < STALE_POLLS) return wait('rolling-back', doubt);
  const still = `ECS still shows ${ours.id} as PRIMARY after the rollback ${deployment.id}`;
  return end({ kind: 'failed', reason: still });
}

function rolledBack(read: CodeDeployRead, { taskDefinition }: Service): Judgement {
  return end({ kind: 'rolled-back', reason: reasonOf(read), to: taskDefinition });
}

function endOf(read: DeploymentRead): string {
  const { status } = read.deployment;
  return reasonOf(read) || `CodeDeploy says ${status}`;
}

function wait(phase: Phase, memory = NO_MEMORY): Judgement {
  return [{ kind: 'waiting', phase }, memory];
}

function end(verdict: Verdict): Judgement {
  return [verdict, NO_MEMORY];
}
