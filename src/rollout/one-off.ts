import { randomBytes, randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ecs } from '../aws/ecs.ts';
import { awsErrorText, isThrottling } from '../aws/errors.ts';
import { lastLogLines, logStreamOf } from '../aws/logs.ts';
import type { LogEvent } from '../aws/logs.ts';
import { readTask, runTask, stopTask } from '../aws/one-off.ts';
import type { RunAnswer } from '../aws/one-off.ts';
import type { Cause } from '../core/diagnosis.ts';
import type { Place, Service, Task } from '../core/ecs.ts';
import { logPlaceOf } from '../core/log-place.ts';
import {
  causeOfCommand,
  causeOfText,
  commandText,
  failuresText,
  judgeCommand,
  outlives,
  stopCommand,
} from '../core/one-off.ts';
import type { Command, CommandEnd } from '../core/one-off.ts';
import {
  afterAnswer,
  afterFailure,
  CAPACITY_POLLS,
  INTERRUPT_POLLS,
  NO_POLLS,
  pauseBefore,
  TASK_MISSING_POLLS,
} from '../core/pacing.ts';
import type { PollState } from '../core/pacing.ts';
import type { TaskResult } from '../core/result.ts';
import { placeFlags } from '../core/service-name.ts';
import { shortName } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import { secondsSince } from '../events.ts';
import { containerOf, openLog, QUOTED_LINES } from './command-log.ts';
import { describeTask } from './failed-tasks.ts';
import { orAbort, orLate, reportable } from './tools.ts';
import type { RolloutTools } from './tools.ts';
import { isRefused } from './watch.ts';

/** A command that runs once, in a task of its own. */
export interface OneOff {
  readonly service: Service;
  /** ARN of the revision. */
  readonly revision: string;
  readonly definition: JsonObject;
  readonly command: Command;
  /** The input of RunTask without revision, `startedBy` and client token. */
  readonly request: JsonObject;
  /** Milliseconds. */
  readonly timeout: number;
}

/** What a one-off task works with. */
export interface OneOffTools extends RolloutTools {
  /** Takes the next lines of the command's log. */
  readonly onLines: (lines: readonly LogEvent[]) => unknown;
  /** Whether that prints them on stdout; otherwise they are events. */
  readonly isPrinted: boolean;
  /** Asks after Ctrl-C whether to stop the command; undefined without a terminal. */
  readonly askStop: (() => Promise<boolean>) | undefined;
}

/** Times in milliseconds. */
export interface OneOffSettings {
  readonly poll: number;
  /** Ends as soon as the task is started. */
  readonly noWait: boolean;
}

/** How a one-off task ended, and the error that it ends a command with. */
export interface OneOffEnd {
  readonly result: TaskResult;
  readonly error: EcsDeployError | undefined;
}

/** What decides the result of a task. */
interface Ending {
  readonly outcome: TaskResult['outcome'];
  readonly exitCode?: number | undefined;
  readonly cause?: Cause;
  /** The error, if it is not made from the cause. */
  readonly error?: EcsDeployError;
}

/**
 * Starts a task that runs a command once, prints its log, and follows it until the exit code of the
 * command is known. Never throws.
 */
export async function runOneOff(
  given: OneOffTools,
  { poll, noWait }: OneOffSettings,
  oneOff: OneOff,
): Promise<OneOffEnd> {
  const begin = performance.now();
  // An interrupt ends the waiting, not the calls: the task may have to be stopped then.
  const tools = { ...given, ecs: uninterrupted(given.ecs) };
  const { command, revision } = oneOff;
  const answer = await start(tools, poll, oneOff);
  if (answer.kind !== 'started') {
    return finish(tools, oneOff, begin, { ending: notStarted(given.signal, answer) });
  }
  const { arn } = answer;
  tools.emit({
    kind: 'task-started',
    task: arn,
    command: commandText(command.words),
    container: command.container,
    revision: shortName(revision),
    console: null,
  });
  if (noWait) return finish(tools, oneOff, begin, { arn, ending: { outcome: 'unknown' } });
  return finish(tools, oneOff, begin, await follow(tools, poll, oneOff, arn));
}

/** A task as it was last seen, and how it ended. */
interface Followed {
  readonly arn?: string;
  readonly task?: Task | undefined;
  readonly ending: Ending;
}

function finish(
  { emit, isPrinted }: OneOffTools,
  { command }: OneOff,
  begin: number,
  { arn, task, ending }: Followed,
): OneOffEnd {
  const { outcome, exitCode, cause } = ending;
  const text = commandText(command.words);
  const result: TaskResult = {
    task: arn ?? null,
    container: command.container,
    exitCode: exitCode ?? null,
    stopCode: task?.stopCode ?? null,
    outcome,
    causes: cause === undefined ? [] : [cause],
    seconds: secondsSince(begin),
  };
  const error = ending.error ?? (cause && failureOf(text, arn, cause));
  if (cause === undefined && error !== undefined && error.code !== 'interrupted') {
    emit({ kind: 'error', error });
  }
  emit({ kind: 'task-ended', command: text, result, logPrinted: isPrinted });
  return { result, error };
}

function failureOf(text: string, arn: string | undefined, cause: Cause): EcsDeployError {
  const place = arn === undefined ? '' : ` in the task ${shortName(arn)}`;
  return new EcsDeployError({
    code: 'command-failed',
    message: `"${text}" failed${place}: ${cause.summary} [${cause.code}].`,
    hint: cause.hint,
  });
}

/** ECS whose calls outlive an interrupt; the second Ctrl-C ends the process. */
function uninterrupted(ecs: Ecs): Ecs {
  const { signal } = new AbortController();
  // As many calls listen to it as to the signal of the run.
  setMaxListeners(0, signal);
  return { ...ecs, aws: { ...ecs.aws, options: { ...ecs.aws.options, signal } } };
}

function start(
  { ecs, emit, signal }: OneOffTools,
  poll: number,
  { service, revision, request }: OneOff,
): Promise<RunAnswer> {
  const startedBy = `ecsdeploy/run/${randomBytes(4).toString('hex')}`;
  const { cluster } = service;
  const sent = runTask(ecs, {
    cluster,
    input: { ...request, taskDefinition: revision, startedBy },
    clientToken: randomUUID(),
    poll,
    signal,
    onRetry: (reason) => emit({ kind: 'task-retried', reason }),
  });
  return orLate(signal, poll * INTERRUPT_POLLS, sent, () => ({
    kind: 'unknown',
    error: new EcsDeployError({
      code: 'interrupted',
      message: 'Interrupted before AWS answered RunTask: the command may have been started.',
      hint: `look for its task before you run it again: aws ecs list-tasks --cluster ${shortName(cluster)} --started-by ${startedBy}${placeFlags(service.place)}`,
    }),
  }));
}

function notStarted(
  signal: AbortSignal,
  answer: Exclude<RunAnswer, { readonly kind: 'started' }>,
): Ending {
  if (answer.kind === 'unknown') {
    const isInterrupted = answer.error.code === 'interrupted';
    return { outcome: isInterrupted ? 'interrupted' : 'unknown', error: answer.error };
  }
  if (signal.aborted) {
    const message = 'Interrupted before the command was started.';
    const error = new EcsDeployError({ code: 'interrupted', message });
    return { outcome: 'interrupted', error };
  }
  if (answer.kind === 'not-started') {
    return { outcome: 'failed', cause: causeOfText(failuresText(answer.reasons)) };
  }
  const error = reportable(answer.error);
  // Some exceptions are no refusal, but a lack of capacity.
  const cause = causeOfText(awsErrorText(error));
  return error.code === 'aws-rejected' && cause.code === 'no-capacity'
    ? { outcome: 'failed', cause }
    : { outcome: 'refused', error };
}

/** What the polls of a task have shown. */
interface TaskPolls {
  readonly task: Task | undefined;
  /** Polls in a row that did not find the task, and in which it waited for capacity. */
  readonly missing: number;
  readonly provisioning: number;
}

async function follow(
  tools: OneOffTools,
  poll: number,
  oneOff: OneOff,
  arn: string,
): Promise<Followed> {
  const { ecs, emit, signal: interrupt } = tools;
  const { service, command, definition, timeout } = oneOff;
  const limit = AbortSignal.timeout(timeout);
  let signal = AbortSignal.any([interrupt, limit]);
  setMaxListeners(0, signal, limit);
  let isStopped = false;
  let polls: PollState = NO_POLLS;
  let seen: TaskPolls = { task: undefined, missing: 0, provisioning: 0 };
  const log = openLog(tools, {
    container: containerOf(definition, command.container),
    task: shortName(arn),
    runtimeId: () =>
      seen.task?.containers.find(({ name }) => name === command.container)?.runtimeId,
  });
  const end = (ending: Ending): Followed => ({ arn, task: seen.task, ending });
  const stop = (reason: string) => stopIt(tools, service.cluster, arn, reason);
  for (;;) {
    try {
      await sleep(pauseBefore(poll, polls), undefined, { signal });
      const reading = Promise.all([readTask(ecs, service.cluster, arn), log.read()]);
      const [task] = await orAbort(signal, reading);
      if (polls.isTold) emit({ kind: 'polls-recovered' });
      polls = afterAnswer(polls, false);
      seen = afterPoll(tools, seen, task);
      if (seen.missing > TASK_MISSING_POLLS) {
        return end(lost(arn, 'ECS no longer finds its task', service.place));
      }
      if (seen.provisioning > CAPACITY_POLLS) {
        await stop('no capacity');
        return end({ outcome: 'failed', cause: NEVER_PLACED });
      }
      const verdict =
        task === undefined ? undefined : judgeCommand(task, command.container, definition);
      if (task === undefined || verdict?.kind !== 'ended') continue;
      if (outlives(task, command.container, definition)) await stop('the command has ended');
      if (verdict.why !== 'never-started') await log.drain(poll, signal);
      return end(
        isStopped
          ? interruption(verdict.exitCode, `the command was stopped`)
          : await endingOf(tools, oneOff, task, verdict, log.lines()),
      );
    } catch (error) {
      if (limit.aborted) {
        await stop('the time limit is over');
        return end({ outcome: 'failed', cause: tooLong(timeout) });
      }
      if (interrupt.aborted && !isStopped) {
        if (!(await interruptIt(tools, oneOff, arn))) {
          return end(
            interruption(undefined, `the command continues in the task ${shortName(arn)}`),
          );
        }
        if (tools.askStop === undefined)
          return end(interruption(undefined, 'the command is stopped'));
        isStopped = true;
        signal = limit;
        continue;
      }
      const { state, isNews, isLost } = afterFailure(polls, isThrottling(error));
      polls = state;
      if (isLost || isRefused(error)) {
        return end(lost(arn, awsErrorText(error), service.place));
      }
      if (isNews) emit({ kind: 'polls-failing', message: awsErrorText(error) });
    }
  }
}

/** Statuses that are reported; the end has an event of its own. */
const ON_THE_WAY = new Set(['PROVISIONING', 'PENDING', 'ACTIVATING', 'RUNNING']);

/** The state after a poll; a change of the task's status is reported. */
function afterPoll({ emit }: OneOffTools, before: TaskPolls, task: Task | undefined): TaskPolls {
  if (task === undefined) return { ...before, missing: before.missing + 1 };
  const { arn, lastStatus } = task;
  if (ON_THE_WAY.has(lastStatus) && lastStatus !== before.task?.lastStatus) {
    emit({ kind: 'task-progress', task: arn, status: lastStatus });
  }
  const provisioning = lastStatus === 'PROVISIONING' ? before.provisioning + 1 : 0;
  return { task, missing: 0, provisioning };
}

const NEVER_PLACED: Cause = {
  ...causeOfText('PROVISIONING'),
  code: 'no-capacity',
  summary: 'no capacity came for the task, which was stopped',
  hint: 'add container instances, check the capacity providers of the service, or lower cpu and memory',
};

function tooLong(timeout: number): Cause {
  return {
    ...causeOfText(`the time limit of ${Math.round(timeout / 1000)} s is over`),
    summary: 'the command did not end within --timeout, and was stopped',
    hint: 'check what the command has done so far before you run it again, with a longer --timeout',
  };
}

function lost(arn: string, reason: string, place: Place | undefined): Ending {
  return {
    outcome: 'unknown',
    error: new EcsDeployError({
      code: 'command-failed',
      message: `The command can no longer be followed: ${reason}. It may still run in the task ${shortName(arn)}.`,
      hint: `look for its end before you run it again: aws ecs describe-tasks --cluster ${clusterOf(arn)} --tasks ${shortName(arn)}${placeFlags(place)}`,
    }),
  };
}

const clusterOf = (arn: string) => arn.split('/').at(-2) ?? '';

function interruption(exitCode: number | undefined, what: string): Ending {
  const error = new EcsDeployError({ code: 'interrupted', message: `Interrupted: ${what}.` });
  return { outcome: 'interrupted', exitCode, error };
}

/** Asks on a terminal whether to stop the command, and stops it; without one, stops it. */
async function interruptIt(tools: OneOffTools, { service }: OneOff, arn: string): Promise<boolean> {
  const { emit, askStop } = tools;
  const told = {
    kind: 'task-interrupted',
    task: arn,
    stop: stopCommand({ arn }, service.place),
    console: null,
  } as const;
  if (askStop !== undefined) {
    emit({ ...told, isStopped: false });
    if (!(await askStop())) return false;
  }
  const isStopped = await stopIt(tools, service.cluster, arn, 'ecsdeploy was interrupted');
  if (isStopped || askStop === undefined) emit({ ...told, isStopped });
  return isStopped;
}

async function stopIt(
  { ecs, emit }: OneOffTools,
  cluster: string,
  arn: string,
  reason: string,
): Promise<boolean> {
  try {
    await stopTask(ecs, cluster, arn, reason);
    return true;
  } catch (error) {
    const { message } = reportable(error);
    emit({
      kind: 'warning',
      message: `The task cannot be stopped: ${message}`,
      hint: stopCommand({ arn }, ecs.aws.place),
    });
    return false;
  }
}

/** Why a command ended as it did, with the last lines of the container that decides. */
async function endingOf(
  { ecs }: OneOffTools,
  { service, definition, command }: OneOff,
  task: Task,
  end: CommandEnd,
  lines: readonly string[],
): Promise<Ending> {
  const { outcome, exitCode, culprits } = end;
  if (outcome === 'succeeded') return { outcome, exitCode };
  const containers = await Promise.all(
    culprits.map(async ({ name, exitCode: code, reason, runtimeId }) => {
      const container = containerOf(definition, name);
      const stream = logStreamOf(container, task.id, runtimeId);
      const isRead = name === command.container || stream === undefined || code === undefined;
      const log = isRead
        ? lines
        : await lastLogLines(ecs.aws, stream, QUOTED_LINES).catch(() => []);
      return {
        name,
        exitCode: code,
        reason,
        log: name === command.container || !isRead ? log : [],
        logPlace: logPlaceOf(container),
      };
    }),
  );
  const failed = { ...describeTask(task, definition, service), containers };
  return { outcome, exitCode, cause: causeOfCommand(end, failed, command) };
}
