import { setTimeout as sleep } from 'node:timers/promises';
import { at, placeKey } from '../aws/ecs.ts';
import { readRuleAddress } from '../aws/load-balancers.ts';
import { awsErrorText, isPassing, isThrottling } from '../aws/errors.ts';
import { optional } from '../aws/optional.ts';
import { secondsSince } from '../events.ts';
import { answerHook, stopRecord } from '../aws/rollouts.ts';
import { tasksOf } from '../aws/tasks.ts';
import { afterAnswer, afterFailure, NO_POLLS, pauseBefore, slower } from '../core/pacing.ts';
import { greenOf } from '../core/code-deploy.ts';
import { CODE_DEPLOY } from '../core/ecs.ts';
import type { TargetGroup } from '../core/load-balancer.ts';
import type { ServiceResult } from '../core/result.ts';
import { flagsOf, nameOf } from '../core/service-name.ts';
import type { Place } from '../core/ecs.ts';
import { familyOf, shortName } from '../core/task-definition.ts';
import { advance, isNear, requestRollback, resultOf, withAnswer } from '../core/watch.ts';
import type { Action, Ending, Seen, WatchState } from '../core/watch.ts';
import { EcsDeployError } from '../errors.ts';
import { readFailedTasks } from './failed-tasks.ts';
import { poll } from './poll.ts';
import type { RecordReads } from './poll.ts';
import { sendBack } from './send.ts';
import { openQuestions } from './questions.ts';
import { readTargets } from './targets.ts';
import { orAbort, reportable } from './tools.ts';
import type { RolloutSettings, RolloutTools, TimeLimit } from './tools.ts';

/** A deployment that is followed, and its result at the end. */
interface Watch {
  /** The state that it was opened with. */
  readonly opened: WatchState;
  /** `performance.now()` when its deployment was started. */
  readonly start: number;
  state: WatchState;
  result: ServiceResult | undefined;
  /** Whether its end was handed on. */
  isNoted: boolean;
}

/** Takes the deployments that have ended, by the states they were opened with, and starts others. */
export type Next = (
  ended: ReadonlyMap<WatchState, ServiceResult>,
) => Promise<readonly WatchState[]>;

/** What is asked of AWS, and answered to the watch. */
export type Task = Exclude<Action, { kind: 'wait' | 'end' }>;

/**
 * Follows deployments side by side, each to its verdict, the time limit or an interrupt; those that
 * `next` starts join the same polls. Each place has polls of its own: trouble in one says nothing about
 * the others. Returns the results by the states that the deployments were
 * opened with, and never throws.
 */
export async function follow(
  tools: RolloutTools,
  settings: RolloutSettings,
  opened: readonly WatchState[],
  { start, interrupt }: TimeLimit,
  next?: Next,
): Promise<ReadonlyMap<WatchState, ServiceResult>> {
  const { emit, signal } = tools;
  const watches: Watch[] = [];
  const findPending = () => watches.filter(({ result }) => result === undefined);
  const questions = openQuestions<Watch>(tools);
  const loops = new Map<string, Promise<void>>();
  const counts = { polls: 0, calls: 0, mostCalls: 0 };
  const step = (watch: Watch, seen: Seen): Action => {
    const [state, events, action] = advance(watch.state, seen, secondsSince(watch.start));
    watch.state = state;
    for (const event of events) emit(event);
    if (action.kind === 'end') watch.result = action.result;
    return action;
  };
  const endAll = (some: readonly Watch[], ending: Ending) => {
    for (const watch of some) step(watch, { kind: 'end', ...ending });
  };

  /** Polls the deployments at one place until they have ended. */
  const watchPlace = async (place: Place | undefined): Promise<void> => {
    const key = placeKey(place);
    const there = at(tools, { place });
    const findHere = () =>
      findPending().filter(({ opened }) => placeKey(opened.move.service.place) === key);
    let polls = NO_POLLS;
    let reads: RecordReads = { isDenied: false, found: new Map() };
    const pollAll = async (pending: readonly Watch[]) => {
      const before = there.ecs.aws.calls();
      try {
        const polling = poll(there, pending, reads, polls.polls + 1);
        const [polled, next] = await orAbort(signal, polling);
        reads = next;
        return polled;
      } finally {
        const made = there.ecs.aws.calls() - before;
        counts.calls += made;
        counts.mostCalls = Math.max(counts.mostCalls, made);
      }
    };
    /** Answers whether a read failed that the verdict does not depend on. */
    const proceed = async (watch: Watch, first: Action): Promise<boolean> => {
      let hasFailed = false;
      let action = first;
      while (action.kind !== 'wait' && action.kind !== 'end') {
        const seen = await orAbort(signal, perform(there, settings.poll, watch.state, action));
        hasFailed ||= seen.kind === 'tasks-unreadable' && !seen.denied;
        action = step(watch, seen);
      }
      questions.update(watch, watch.state);
      return hasFailed;
    };
    /** Does what the user has decided about a pause hook. */
    const decide = async (watch: Watch): Promise<void> => {
      const { polled } = watch.state;
      const decision = questions.take(watch);
      if (decision === undefined || polled.record === undefined) return;
      const { hook, action } = decision;
      if (action === 'ROLLBACK') {
        const [state, events, next] = requestRollback(watch.state, 'as asked at the pause');
        watch.state = state;
        for (const event of events) emit(event);
        await proceed(watch, next);
        return;
      }
      const answer = { record: polled.record.arn, hook, action };
      const error = await orAbort(signal, answerHook(there.ecs, answer, settings.poll)).then(
        (answered) => (answered === 'answered' ? undefined : 'its answer was lost'),
        (thrown: unknown) => {
          signal.throwIfAborted();
          return reportable(thrown).message;
        },
      );
      const name = nameOf(polled.service);
      if (error === undefined) {
        watch.state = withAnswer(watch.state, hook);
        emit({ kind: 'rollout-continued', ...name, hook });
      } else {
        const hint = `ecsdeploy continue ${flagsOf(polled.service)}`;
        emit({ kind: 'warning', message: `The hook ${hook} was not answered: ${error}`, hint });
      }
    };
    /** Ends the watches, or lets them go on, after a poll that failed. */
    const fail = (error: unknown) => {
      const pending = findHere();
      if (interrupt.aborted) {
        const detached = settings.detachOnInterrupt;
        endAll(pending, { outcome: 'interrupted', reason: 'interrupted', detached });
        return;
      }
      if (signal.aborted) {
        endAll(pending, { outcome: 'timed-out', reason: 'the time limit is reached' });
        return;
      }
      const message = awsErrorText(error);
      const { state, isNews, isLost } = afterFailure(polls, isThrottling(error));
      polls = state;
      if (isLost || isRefused(error)) {
        emit({ kind: 'error', error: reportable(error) });
        endAll(pending, {
          outcome: 'unknown',
          reason: `it can no longer be watched: ${message}`,
        });
      } else if (isNews) emit({ kind: 'polls-failing', message, region: place?.region });
    };
    for (let pending = findHere(); pending.length > 0; pending = findHere()) {
      try {
        const pause = sleep(pauseBefore(settings.poll, polls, pending.length), undefined, {
          signal,
        });
        await Promise.race([pause, questions.next()]);
        for (const watch of pending) await decide(watch);
        // A decision can have ended one.
        const polled = await pollAll(findHere());
        if (polls.isTold) emit({ kind: 'polls-recovered' });
        let hasFailed = false;
        for (const [watch, seen] of polled) {
          const action = step(watch, { kind: 'poll', ...seen });
          hasFailed = (await proceed(watch, action)) || hasFailed;
        }
        const answered = afterAnswer(
          polls,
          pending.some(({ state }) => isNear(state)),
        );
        polls = hasFailed ? slower(answered, true) : answered;
      } catch (error) {
        fail(error);
      }
      await startNext();
    }
    counts.polls += polls.polls;
    // Deployments that start here later need a new loop.
    loops.delete(key);
  };

  const open = (states: readonly WatchState[], since: number) => {
    for (const state of states) {
      watches.push({ opened: state, start: since, state, result: undefined, isNoted: false });
    }
    if (settings.noWait) endAll(findPending(), { outcome: 'unknown', reason: 'not waited for' });
    else if (states.length > 0) {
      emit({
        kind: 'watch-started',
        services: states.map(({ move, ours }) => ({
          ...nameOf(move.service),
          revision: shortName(ours.taskDefinition),
        })),
        secondsLeft: settings.timeout / 1000 - secondsSince(start),
      });
      for (const { move } of states) {
        const key = placeKey(move.service.place);
        if (loops.has(key)) continue;
        const loop = watchPlace(move.service.place);
        // It is awaited below; until then, Node must not report a failure as unhandled.
        loop.catch(() => undefined);
        loops.set(key, loop);
      }
    }
  };
  const startNext = async () => {
    const ended = watches.filter(({ result, isNoted }) => result !== undefined && !isNoted);
    for (const watch of ended) watch.isNoted = true;
    if (ended.length > 0 && next !== undefined) {
      open(await next(resultsOf(ended)), performance.now());
    }
  };

  open(opened, start);
  if (findPending().length === 0) await startNext();
  while (loops.size > 0) await Promise.all(loops.values());
  questions.close();
  if (counts.polls > 0) emit({ kind: 'watch-ended', ...counts });
  return resultsOf(watches);
}

function resultsOf(watches: readonly Watch[]): ReadonlyMap<WatchState, ServiceResult> {
  return new Map(
    watches.map(({ opened, state, result }) => [opened, result ?? resultOf(state.move, 'unknown')]),
  );
}

/** Whether AWS has refused a call for good; anything else may pass. */
export function isRefused(error: unknown): error is EcsDeployError {
  return error instanceof EcsDeployError && error.code !== 'aws-answer-broken' && !isPassing(error);
}

/** Does what a watch asks for; throws only when the signal aborts. */
export async function perform(
  tools: RolloutTools,
  pause: number,
  state: WatchState,
  task: Task,
): Promise<Seen> {
  const { ecs, emit, signal } = tools;
  const { move, judged, ours, polled } = state;
  switch (task.kind) {
    case 'read-failed-tasks':
      try {
        // Once it is rolled back, ECS no longer lists the task set of its tasks.
        const green = polled.record?.codeDeploy && greenOf(polled.record.codeDeploy)?.id;
        const suspect = { id: green ?? judged.id, definition: move.definition };
        const tasks = await readFailedTasks(tools, polled.service, suspect, task.known);
        return { kind: 'failed-tasks', tasks };
      } catch (error) {
        signal.throwIfAborted();
        const { message, hint } = reportable(error);
        emit({ kind: 'warning', message: `The failed tasks cannot be read: ${message}`, hint });
        return { kind: 'tasks-unreadable', denied: isRefused(error) };
      }
    case 'stop-deployment':
      try {
        const stopping =
          polled.service.controller === CODE_DEPLOY
            ? import('../aws/code-deploy.ts').then(({ stopDeployment }) =>
                stopDeployment(ecs.aws, task.record),
              )
            : rollBackRecord(ecs, task, pause);
        return { kind: 'stop-answer', answer: await stopping };
      } catch (error) {
        return isRefused(error)
          ? { kind: 'not-moved-back', error: reportable(error), isLost: false }
          : { kind: 'stop-answer', answer: 'unknown' };
      }
    case 'move-back':
      return moveBack(tools, pause, state, task.revision);
    case 'read-target-health':
      return askBalancer(tools, state, task.known);
    case 'read-test-address':
      return { kind: 'test-address', address: await readTestAddress(tools, task.rule) };
    case 'read-digests':
  }
  const reading = tasksOf(ecs, polled.service, ours.id, 'RUNNING');
  const what = 'the digests of the running tasks';
  const tasks = await optional({ emit }, what, reading).catch(() => undefined);
  const digests = (tasks ?? [])
    .flatMap(({ containers }) => containers)
    .filter(({ name }) => move.containers.includes(name))
    .flatMap(({ imageDigest }) => imageDigest ?? []);
  return { kind: 'digests', digests };
}

/** The address behind a rule for test traffic; undefined where it cannot be read. */
async function readTestAddress({ ecs, emit, signal }: RolloutTools, rule: string) {
  try {
    const reading = readRuleAddress(ecs.aws, rule);
    return await optional({ emit }, 'the address of the test traffic', reading, isRefused);
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/** What the load balancer says of the tasks; a failure that passes is not reported. */
async function askBalancer(
  tools: RolloutTools,
  { polled: { service }, judged }: WatchState,
  known: readonly TargetGroup[] | undefined,
): Promise<Seen> {
  try {
    const seen = await readTargets(tools, service, judged.id, { known, isIgnored: isRefused });
    return seen === undefined
      ? { kind: 'targets-unreadable', denied: true }
      : { kind: 'target-health', ...seen };
  } catch {
    tools.signal.throwIfAborted();
    return { kind: 'targets-unreadable', denied: false };
  }
}

/** Refuses the pause hook of a deployment, or stops the deployment where there is none. */
async function rollBackRecord(
  ecs: RolloutTools['ecs'],
  { record, hook }: Extract<Task, { kind: 'stop-deployment' }>,
  pause: number,
): Promise<'stopped' | 'refused' | 'unknown'> {
  if (hook !== undefined) {
    try {
      const answer = await answerHook(ecs, { record, hook, action: 'ROLLBACK' }, pause);
      return answer === 'answered' ? 'stopped' : 'unknown';
    } catch (error) {
      // The hook was answered in the meantime, or only stopping is allowed.
      if (!isRefused(error)) throw error;
    }
  }
  return stopRecord(ecs, record);
}

async function moveBack(
  { ecs }: RolloutTools,
  pause: number,
  { polled: { service }, ours, move }: WatchState,
  revision: string | undefined,
): Promise<Seen> {
  if (revision === undefined) {
    const error = new EcsDeployError({
      code: 'rollback-impossible',
      message: `${service.name} cannot be rolled back: no earlier revision is known.`,
      hint: `name one: ecsdeploy rollback ${flagsOf(service)} --to ${familyOf(ours.taskDefinition)}:REVISION`,
    });
    return { kind: 'not-moved-back', error, isLost: false };
  }
  const answer = await sendBack(ecs, move, service, { revision, poll: pause });
  if (answer.kind !== 'moved') {
    const isLost = answer.kind === 'unknown';
    return { kind: 'not-moved-back', error: reportable(answer.error), isLost };
  }
  return { ...answer, kind: 'moved-back' };
}
