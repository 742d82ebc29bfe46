import type { Service, Task } from '@aws-sdk/client-ecs';
import { findImage } from '../aws/images.ts';
import { repositoryOf } from '../aws/repositories.ts';
import { tasksOf } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import { lastLogLines, logStreamOf } from '../aws/logs.ts';
import type { LogStream } from '../aws/logs.ts';
import type { Context } from '../commands/context.ts';
import { deadContainer, diagnoseTask, isSilentStart } from '../core/diagnosis.ts';
import type { Cause, FailedTask, StoppedContainer } from '../core/diagnosis.ts';
import { parseImageReference } from '../core/image.ts';
import { logPlaceOf } from '../core/log-place.ts';
import { containersOf, shortName } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import { platformOfDefinition } from '../plan/observe.ts';

/** Log lines that are quoted of a container that died. */
const LOG_LINES = 10;
/** Failed tasks that are looked into at once: equal failures need no more. */
const TASKS_EXAMINED = 3;

/** The deployment whose tasks are looked at. */
export interface Suspect {
  /** `ecs-svc/…` */
  readonly id: string;
  /** Definition of its revision, to find logs and platform by. */
  readonly definition: JsonObject;
}

/**
 * Finds why tasks of a deployment failed, leaving out those in `known`, to which it adds. A task
 * that left no log yet is put into `late`, when that is given, and explained by the next call: log
 * lines come some seconds after the end.
 */
export async function findCauses(
  context: Context,
  ecs: Ecs,
  service: Service,
  { id, definition }: Suspect,
  known: Set<string>,
  late?: Set<string>,
): Promise<readonly Cause[]> {
  const tasks = await tasksOf(ecs, service, id, 'STOPPED');
  const failed = tasks.filter(
    ({ taskArn = '', stoppedReason }) =>
      stoppedReason !== undefined &&
      // Replacing a task is what a deployment does; it is no failure.
      !stoppedReason.startsWith('Scaling activity initiated') &&
      !known.has(taskArn),
  );
  const causes = await Promise.all(
    failed.map(async (task, index) => {
      const { taskArn = '' } = task;
      const described = describeTask(task, definition);
      const examined =
        index < TASKS_EXAMINED
          ? await examine(context, ecs, task, described, definition)
          : described;
      const cause = diagnoseTask(examined);
      if (late !== undefined && !late.has(taskArn) && mayBeLate(cause, examined)) {
        late.add(taskArn);
        return [];
      }
      known.add(taskArn);
      return [cause];
    }),
  );
  return causes.flat();
}

/** Whether a log that has not arrived yet may say more. */
function mayBeLate({ code }: Cause, task: FailedTask): boolean {
  const dead = deadContainer(task);
  return code === 'application-exit' && dead?.log.length === 0 && dead.logPlace === undefined;
}

function describeTask(task: Task, definition: JsonObject): FailedTask {
  return {
    id: shortName(task.taskArn ?? ''),
    stopCode: task.stopCode,
    stoppedReason: task.stoppedReason ?? '',
    platform: platformOfDefinition(definition),
    containers: (task.containers ?? []).map(({ name, exitCode, reason }) => ({
      name: name ?? '',
      exitCode,
      reason,
      log: [],
    })),
  };
}

/** Adds to the container that died its last log lines, or what tells as much where there are none. */
async function examine(
  context: Context,
  ecs: Ecs,
  { containers = [] }: Task,
  task: FailedTask,
  definition: JsonObject,
): Promise<FailedTask> {
  const dead = deadContainer(task);
  const container = containersOf(definition).find(({ name }) => name === dead?.name);
  if (dead?.exitCode === undefined || container === undefined) return task;
  const { runtimeId } = containers.find(({ name }) => name === dead.name) ?? {};
  const stream = logStreamOf(container, task.id, runtimeId);
  const log = stream === undefined ? [] : await readLog(context, ecs, dead, stream);
  const logPlace = stream === undefined ? logPlaceOf(container) : undefined;
  const imagePlatforms = isSilentStart({ ...dead, log })
    ? await platformsOfImage(ecs, String(container['image']))
    : undefined;
  const found: StoppedContainer = { ...dead, log, logPlace, imagePlatforms };
  return {
    ...task,
    containers: task.containers.map((item) => (item === dead ? found : item)),
  };
}

async function readLog(
  context: Context,
  ecs: Ecs,
  { name }: StoppedContainer,
  stream: LogStream,
): Promise<readonly string[]> {
  try {
    return await lastLogLines(ecs.aws, stream, LOG_LINES);
  } catch (error) {
    if (context.signal.aborted) throw error;
    context.emit({
      kind: 'warning',
      message: `The log of container ${name} cannot be read (logs:GetLogEvents on ${stream.group}): ${(error as Error).message}`,
      hint: error instanceof EcsDeployError ? error.hint : undefined,
    });
    return [];
  }
}

/** Platforms of an image that ECR holds; undefined where nothing can be learnt of it. */
async function platformsOfImage(
  { aws }: Ecs,
  reference: string,
): Promise<readonly string[] | undefined> {
  try {
    const { tag = 'latest', digest } = parseImageReference(reference);
    const repository = await repositoryOf(aws, reference);
    return repository && (await findImage(repository, { tag, digest }))?.platforms;
  } catch (error) {
    if (error instanceof EcsDeployError) return undefined;
    throw error;
  }
}
