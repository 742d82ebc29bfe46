import type { Service, Task } from '@aws-sdk/client-ecs';
import { tasksOf } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import { lastLogLines, logStreamOf } from '../aws/logs.ts';
import type { Context } from '../context.ts';
import { deadContainer, diagnoseTask } from '../core/diagnosis.ts';
import type { Cause, FailedTask } from '../core/diagnosis.ts';
import { containersOf, shortName } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { platformOfDefinition } from './definition.ts';

/** Log lines that are quoted of a container that died. */
const LOG_LINES = 10;
/** Failed tasks whose logs are read in one look: equal failures need no more. */
const TASKS_WITH_LOGS = 3;

/** Finds why tasks of a deployment failed, leaving out those in `known`, to which it adds. */
export async function findCauses(
  context: Context,
  ecs: Ecs,
  service: Service,
  deployment: { readonly id: string; readonly definition: JsonObject },
  known: Set<string>,
): Promise<readonly Cause[]> {
  const tasks = await tasksOf(ecs, service, deployment.id, 'STOPPED');
  const failed = tasks.filter(
    (task) =>
      task.stoppedReason !== undefined &&
      // Replacing a task is what a deployment does; it is no failure.
      !task.stoppedReason.startsWith('Scaling activity initiated') &&
      !known.has(task.taskArn ?? ''),
  );
  const causes = failed.map(async (task, index) => {
    known.add(task.taskArn ?? '');
    const described = describeTask(task, deployment.definition);
    if (index >= TASKS_WITH_LOGS) return diagnoseTask(described);
    return diagnoseTask(await withLog(context, ecs, described, deployment.definition));
  });
  return Promise.all(causes);
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

/** Adds the last log lines of the container that died, where they can be read. */
async function withLog(
  context: Context,
  ecs: Ecs,
  task: FailedTask,
  definition: JsonObject,
): Promise<FailedTask> {
  const dead = deadContainer(task);
  const container = containersOf(definition).find(({ name }) => name === dead?.name);
  const stream = container === undefined ? undefined : logStreamOf(container, task.id);
  if (dead?.exitCode === undefined || stream === undefined) return task;
  try {
    const log = await lastLogLines(ecs, stream, LOG_LINES);
    return {
      ...task,
      containers: task.containers.map((item) =>
        item.name === dead.name ? { ...item, log } : item,
      ),
    };
  } catch (error) {
    if (context.signal.aborted) throw error;
    context.emit({
      kind: 'warning',
      message: `The log of container ${dead.name} cannot be read (logs:GetLogEvents on ${stream.group}): ${(error as Error).message}`,
    });
    return task;
  }
}
