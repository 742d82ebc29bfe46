import { findImage } from '../aws/images.ts';
import { lastLogLines, logStreamOf } from '../aws/logs.ts';
import type { LogStream } from '../aws/logs.ts';
import { repositoryOf } from '../aws/repositories.ts';
import { readGroups } from '../aws/target-health.ts';
import { tasksOf } from '../aws/tasks.ts';
import { deadContainer, diagnoseTask, isSilentStart } from '../core/diagnosis.ts';
import type { Cause, FailedTask, StoppedContainer } from '../core/diagnosis.ts';
import { isScaledIn } from '../core/ecs.ts';
import type { Service, Task } from '../core/ecs.ts';
import { parseImageReference, platformOf } from '../core/image.ts';
import { failedGroup, targetPlace, unhealthyReason } from '../core/load-balancer.ts';
import type { TargetFailure, TargetGroup } from '../core/load-balancer.ts';
import { logPlaceOf } from '../core/log-place.ts';
import { flagsOf } from '../core/service-name.ts';
import { containersOf } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import type { RolloutTools } from './tools.ts';

/** Log lines that are quoted of a container that ended. */
const LOG_LINES = 10;
/** Failed tasks whose logs are read at once: equal failures need no more. */
const TASKS_EXAMINED = 3;

/** A deployment whose failed tasks are read. */
export interface Suspect {
  /** `ecs-svc/…` */
  readonly id: string;
  /** Definition of its revision, which names logs and platform. */
  readonly definition: JsonObject;
}

/** Why tasks of a deployment failed. */
export async function findCauses(
  tools: RolloutTools,
  service: Service,
  suspect: Suspect,
): Promise<readonly Cause[]> {
  return (await readFailedTasks(tools, service, suspect, new Set())).map(diagnoseTask);
}

/** The failed tasks of a deployment without the known ones, the first with their last log lines. */
export async function readFailedTasks(
  tools: RolloutTools,
  service: Service,
  { id, definition }: Suspect,
  known: ReadonlySet<string>,
): Promise<readonly FailedTask[]> {
  const tasks = await tasksOf(tools.ecs, service, id, 'STOPPED');
  const failed = tasks.filter(
    (task) =>
      task.stoppedReason !== undefined &&
      !isScaledIn(task.stoppedReason) &&
      // A service that is deleted takes its tasks along.
      (service.status === 'ACTIVE' || task.stopCode !== 'ServiceSchedulerInitiated') &&
      !known.has(task.id) &&
      !isUntold(task, service),
  );
  const ended = failed.flatMap(({ stoppedReason = '' }) => failedGroup(stoppedReason) ?? []);
  const groups = (await readGroups(tools, [...new Set(ended)])) ?? [];
  return Promise.all(
    failed.map(async (task, index) => {
      const described = {
        ...describeTask(task, definition, service),
        target: targetFailure(task, service, definition, groups),
      };
      return index < TASKS_EXAMINED
        ? examine(tools, task, described, { definition, service })
        : described;
    }),
  );
}

/**
 * Whether a later read says why the target of a task is unhealthy: the service was read before ECS
 * stopped the task, and said so in its events.
 */
function isUntold({ id, lastStatus, stoppedReason = '' }: Task, service: Service): boolean {
  const arn = failedGroup(stoppedReason);
  return arn !== undefined && lastStatus !== 'STOPPED' && unhealthyReason(service, arn, id) === '';
}

/** Why the target of a task was unhealthy; undefined for a task that ended otherwise. */
function targetFailure(
  { id, stoppedReason = '' }: Task,
  service: Service,
  definition: JsonObject,
  groups: readonly TargetGroup[],
): TargetFailure | undefined {
  const arn = failedGroup(stoppedReason);
  if (arn === undefined) return undefined;
  return {
    ...targetPlace(service, arn, definition),
    group: groups.find((group) => group.arn === arn),
    reason: undefined,
    description: unhealthyReason(service, arn, id),
    zone: undefined,
  };
}

/** A failed task as it is diagnosed, without log lines. */
export function describeTask(task: Task, definition: JsonObject, service: Service): FailedTask {
  const groups = containersOf(definition).flatMap(
    (container) => logStreamOf(container, task.id, task.id)?.group ?? [],
  );
  return {
    id: task.id,
    stopCode: task.stopCode,
    stoppedReason: task.stoppedReason ?? '',
    platform: platformOf(definition, service).platform,
    logGroups: [...new Set(groups)],
    flags: flagsOf(service),
    containers: task.containers.map(({ name, exitCode, reason }) => ({
      name,
      exitCode,
      reason,
      log: [],
    })),
  };
}

/** Adds to the container that ended its last log lines, or what says as much where there are none. */
async function examine(
  tools: RolloutTools,
  { containers }: Task,
  task: FailedTask,
  { definition, service }: { readonly definition: JsonObject; readonly service: Service },
): Promise<FailedTask> {
  const dead = deadContainer(task);
  const container = containersOf(definition).find(({ name }) => name === dead?.name);
  if (dead?.exitCode === undefined || container === undefined) return task;
  const runtimeId = containers.find(({ name }) => name === dead.name)?.runtimeId;
  const stream = logStreamOf(container, task.id, runtimeId);
  const log = stream === undefined ? [] : await readLog(tools, dead, stream);
  const logPlace = stream === undefined ? logPlaceOf(container) : undefined;
  // A platform that is only assumed is no cause.
  const { isAssumed } = platformOf(definition, service);
  const imagePlatforms =
    !isAssumed && isSilentStart({ ...dead, log })
      ? await platformsOfImage(tools, String(container['image']))
      : undefined;
  const found: StoppedContainer = { ...dead, log, logPlace, imagePlatforms };
  return {
    ...task,
    containers: task.containers.map((item) => (item === dead ? found : item)),
  };
}

async function readLog(
  { ecs, emit, signal }: RolloutTools,
  { name }: StoppedContainer,
  stream: LogStream,
): Promise<readonly string[]> {
  try {
    return await lastLogLines(ecs.aws, stream, LOG_LINES);
  } catch (error) {
    if (signal.aborted) throw error;
    emit({
      kind: 'warning',
      message: `The log of container ${name} cannot be read (logs:GetLogEvents on ${stream.group}): ${(error as Error).message}`,
      hint: error instanceof EcsDeployError ? error.hint : undefined,
    });
    return [];
  }
}

/** Platforms of an image in ECR; undefined where they cannot be read. */
async function platformsOfImage(
  { ecs }: RolloutTools,
  reference: string,
): Promise<readonly string[] | undefined> {
  try {
    const { tag = 'latest', digest } = parseImageReference(reference);
    const named = repositoryOf(ecs.aws, reference);
    if (named === undefined || !(await named.isOurs)) return undefined;
    return (await findImage(named.repository, { tag, digest }))?.platforms;
  } catch (error) {
    if (error instanceof EcsDeployError) return undefined;
    throw error;
  }
}
