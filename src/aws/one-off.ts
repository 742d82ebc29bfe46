import { setTimeout as sleep } from 'node:timers/promises';
import type { RunTaskCommandOutput } from '@aws-sdk/client-ecs';
import type { Service, Task } from '../core/ecs.ts';
import { failuresText, isTransient } from '../core/one-off.ts';
import { placeFlags } from '../core/service-name.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import { abort, sdk, whole } from './ecs.ts';
import type { Ecs } from './ecs.ts';
import { awsErrorName, awsErrorText, brokenAnswer, isDefinite, isThrottling } from './errors.ts';
import { captureBody, replaceBody } from './raw.ts';
import { toTask } from './tasks.ts';

/** A service as DescribeServices answers it, members included that the SDK does not know. */
export async function readServiceDocument(
  ecs: Ecs,
  { cluster, name }: Pick<Service, 'cluster' | 'name'>,
): Promise<JsonObject> {
  const { DescribeServicesCommand } = await sdk();
  const command = new DescribeServicesCommand({ cluster, services: [name] });
  const raw = captureBody(command);
  await ecs.client.send(command, abort(ecs));
  const { services } = JSON.parse(raw() || '{}') as { services?: readonly JsonObject[] };
  return whole(services?.[0], 'ecs:DescribeServices', 'service');
}

/** The id of no task. */
const NO_TASK = '0'.repeat(32);

/** Throws `permission-denied` where tasks cannot be followed: nothing is started then. */
export async function checkTaskReads(ecs: Ecs, cluster: string): Promise<void> {
  await readTask(ecs, cluster, NO_TASK);
}

/** A task by id or ARN; undefined where ECS does not find it, as right after its start. */
export async function readTask(ecs: Ecs, cluster: string, task: string): Promise<Task | undefined> {
  const { DescribeTasksCommand } = await sdk();
  const command = new DescribeTasksCommand({ cluster, tasks: [task] });
  const { tasks } = await ecs.client.send(command, abort(ecs));
  const [found] = whole(tasks, 'ecs:DescribeTasks', 'tasks');
  return found === undefined ? undefined : toTask(found);
}

/** Sends SIGTERM to the containers of a task, and SIGKILL after their stopTimeout. */
export async function stopTask(
  ecs: Ecs,
  cluster: string,
  task: string,
  reason: string,
): Promise<void> {
  const { StopTaskCommand } = await sdk();
  await ecs.client.send(new StopTaskCommand({ cluster, task, reason }), abort(ecs));
}

/** What is known once RunTask was sent. */
export type RunAnswer =
  | { readonly kind: 'started'; readonly arn: string }
  /** AWS has answered that it started nothing; `reasons` may be empty. */
  | { readonly kind: 'not-started'; readonly reasons: readonly string[] }
  /** AWS has refused: nothing was started. */
  | { readonly kind: 'refused'; readonly error: unknown }
  /** Answers were lost: the task may have been started. */
  | { readonly kind: 'unknown'; readonly error: EcsDeployError };

/** How a task is started. */
export interface RunRequest {
  readonly cluster: string;
  /** The input of RunTask; `startedBy` is unique. */
  readonly input: JsonObject & { readonly startedBy: string };
  /** The same for every attempt, so that a repeated call starts nothing again. */
  readonly clientToken: string;
  /** Milliseconds that pace the attempts. */
  readonly poll: number;
  /** No attempt is made after it aborts. */
  readonly signal: AbortSignal;
  readonly onRetry: (reason: string) => void;
}

const RUN_ATTEMPTS = 6;
/** Reads that search for a task whose answer was lost. */
const SEARCH_READS = 3;

/**
 * Starts one task. What passes is tried again with the same client token: a lost answer, throttling,
 * missing capacity, an answer without a task and without a reason. Never throws.
 */
export async function runTask(ecs: Ecs, request: RunRequest): Promise<RunAnswer> {
  const { poll, signal, onRetry } = request;
  let lost: unknown;
  for (let attempt = 1; ; attempt += 1) {
    const isLast = attempt === RUN_ATTEMPTS;
    try {
      const answer = await sendRun(ecs, request);
      if (answer.kind === 'started') return answer;
      const isFinal = isLast || signal.aborted || !isTransient(answer.reasons);
      if (isFinal) return lost === undefined ? answer : await search(ecs, request, lost);
      onRetry(failuresText(answer.reasons));
    } catch (error) {
      const isRefused = isDefinite(error) && !isThrottling(error);
      if (!isDefinite(error)) lost = error;
      if (isRefused || isLast || signal.aborted) {
        if (lost === undefined) return { kind: 'refused', error };
        return await search(ecs, request, lost);
      }
      onRetry(awsErrorText(error));
    }
    await sleep(attempt * poll, undefined, { signal }).catch(() => undefined);
  }
}

async function sendRun(
  ecs: Ecs,
  { input, clientToken }: RunRequest,
): Promise<Extract<RunAnswer, { kind: 'started' | 'not-started' }>> {
  const { RunTaskCommand } = await sdk();
  const command = new RunTaskCommand({ taskDefinition: '', clientToken });
  replaceBody(command, JSON.stringify({ ...input, clientToken }));
  // Not abortable: whoever interrupts must know whether a task was started.
  try {
    return readAnswer(await ecs.once.send(command));
  } catch (error) {
    const arn = startedBefore(error);
    if (arn === undefined) throw error;
    return { kind: 'started', arn };
  }
}

function readAnswer({
  tasks,
  failures,
}: RunTaskCommandOutput): Extract<RunAnswer, { kind: 'started' | 'not-started' }> {
  if (tasks === undefined || failures === undefined) throw brokenAnswer('ecs:RunTask');
  const [task] = tasks;
  if (task !== undefined) {
    return { kind: 'started', arn: whole(task.taskArn, 'ecs:RunTask', 'taskArn') };
  }
  const reasons = failures.map(({ reason = 'AWS gave no reason', detail }) =>
    detail === undefined ? reason : `${reason} (${detail})`,
  );
  return { kind: 'not-started', reasons };
}

/** ARN of the task that an earlier attempt has started, as a ConflictException names it. */
function startedBefore(error: unknown): string | undefined {
  if (awsErrorName(error) !== 'ConflictException') return undefined;
  const { cause } = error as { cause?: { resourceIds?: readonly string[] } };
  return cause?.resourceIds?.[0];
}

/** Searches for a task whose answer was lost. */
async function search(
  ecs: Ecs,
  { cluster, input, poll }: RunRequest,
  lost: unknown,
): Promise<RunAnswer> {
  const { startedBy } = input;
  const { ListTasksCommand } = await sdk();
  for (let read = 1; read <= SEARCH_READS; read += 1) {
    try {
      for (const desiredStatus of ['RUNNING', 'STOPPED'] as const) {
        const command = new ListTasksCommand({ cluster, startedBy, desiredStatus });
        const { taskArns } = await ecs.client.send(command, abort(ecs));
        const [arn] = whole(taskArns, 'ecs:ListTasks', 'taskArns');
        if (arn !== undefined) return { kind: 'started', arn };
      }
      if (read < SEARCH_READS) await sleep(poll);
    } catch {
      break;
    }
  }
  return {
    kind: 'unknown',
    error: new EcsDeployError({
      code: 'command-failed',
      message: `The answer to RunTask was lost (${awsErrorText(lost)}): the command may have been started.`,
      hint: `look for its task before you run it again: aws ecs list-tasks --cluster ${cluster} --started-by ${startedBy}${placeFlags(ecs.aws.place)}`,
      cause: lost,
    }),
  };
}
