import { setTimeout as sleep } from 'node:timers/promises';
import { at } from '../aws/ecs.ts';
import { answerHook, currentRecord, isAnswered } from '../aws/rollouts.ts';
import type { HookAnswer } from '../aws/rollouts.ts';
import { describeServices } from '../aws/services.ts';
import type { MoveAnswer } from '../aws/services.ts';
import { deploymentInProgress, deploymentToFollow } from '../core/busy.ts';
import { usualEnd } from '../core/checks-strategy.ts';
import { primaryOf } from '../core/ecs.ts';
import type { Deployment, RolloutRecord, Service } from '../core/ecs.ts';
import { isThere } from '../core/express.ts';
import { DOUBTFUL_POLLS, INTERRUPT_POLLS } from '../core/pacing.ts';
import type { ServiceResult } from '../core/result.ts';
import { flagsOf, nameOf } from '../core/service-name.ts';
import { shortName } from '../core/task-definition.ts';
import { advance, openWatch, requestRollback, resultOf, withAnswer } from '../core/watch.ts';
import type { Seen, WatchState } from '../core/watch.ts';
import { EcsDeployError, refuse } from '../errors.ts';
import { openQueue } from './queue.ts';
import { refuseChanged } from './recheck.ts';
import { explainRefusal } from './refusals.ts';
import { callOf, sendMove, stopCallOf } from './send.ts';
import { isInterrupt, orLate, reportable, withTimeout } from './tools.ts';
import type { Move, RolloutSettings, RolloutTools, TimeLimit } from './tools.ts';
import { follow, perform } from './watch.ts';

export type { Move, RolloutSettings, RolloutTools } from './tools.ts';

/** How a move has begun. */
type Start =
  | { readonly kind: 'watch'; readonly state: WatchState }
  | { readonly kind: 'unchanged' }
  /** AWS has refused: the service was certainly not changed. */
  | { readonly kind: 'refused'; readonly error: unknown }
  /** The answer was lost: the service may have been changed. */
  | { readonly kind: 'lost'; readonly error: EcsDeployError };

/**
 * Moves services to their revisions, side by side or in their order, and follows each deployment to
 * its verdict. A service whose predecessors have not all succeeded is skipped. Returns one result per
 * move, in their order. Throws only when nothing was changed: `service-changed`, what AWS refused for
 * every service, or `interrupted`.
 */
export async function rollOut(
  given: RolloutTools,
  settings: RolloutSettings,
  moves: readonly Move[],
): Promise<readonly ServiceResult[]> {
  await refuseChanged(given, settings, moves);
  const limit: TimeLimit = { start: performance.now(), interrupt: given.signal };
  const tools = withTimeout(given, settings.timeout);
  const queue = openQueue(tools.emit, moves);
  const moveOf = new Map<WatchState, Move>();
  let isChanged = false;
  const startReady = async (): Promise<readonly WatchState[]> => {
    const ready = queue.takeReady(isChanged && tools.signal.aborted);
    if (ready.length === 0) return [];
    const started = await Promise.all(
      ready.map(async (move) => ({
        move,
        start: await begin(at(tools, move.service), settings, move),
      })),
    );
    const errors = started.flatMap(({ start }) => (start.kind === 'refused' ? [start.error] : []));
    isChanged ||= started.some(({ start }) => start.kind === 'watch' || start.kind === 'lost');
    if (errors.length > 0 && !isChanged) throwRefusals(limit, errors);
    const states: WatchState[] = [];
    for (const { move, start } of started) {
      if (start.kind === 'watch') {
        moveOf.set(start.state, move);
        states.push(start.state);
      } else queue.end(move, tell(tools, limit, move, start));
    }
    // An unchanged service makes others ready at once.
    return [...states, ...(await startReady())];
  };
  await follow(tools, settings, await startReady(), limit, async (ended) => {
    for (const [state, result] of ended) {
      const move = moveOf.get(state);
      if (move !== undefined) queue.end(move, result);
    }
    return startReady();
  });
  return queue.results();
}

function begin(tools: RolloutTools, settings: RolloutSettings, move: Move): Promise<Start> {
  const isFirst = move.order === undefined || move.order.after.length === 0;
  // The others were read before the services that they come after were deployed.
  const current = isFirst ? Promise.resolve() : refuseChanged(tools, settings, [move]);
  // Only what is read before the first write can throw here.
  return current
    .then(() => ways[move.way](tools, settings, move))
    .catch((error: unknown): Start => ({ kind: 'refused', error }));
}

const ways: Readonly<
  Record<
    Move['way'],
    (tools: RolloutTools, settings: RolloutSettings, move: Move) => Promise<Start>
  >
> = {
  move: startMove,
  stop: stopDeployment,
  continue: continueDeployment,
  follow: async (_, settings, move) => {
    const followed = deploymentToFollow(move.service, move.record);
    return followed === undefined ? UNCHANGED : watch(settings, move, followed);
  },
  stay: async () => UNCHANGED,
};

const UNCHANGED: Start = { kind: 'unchanged' };

/** The deployment that is followed, stopped or continued; undefined without one in progress of CodeDeploy. */
function currentDeployment(service: Service): Deployment | undefined {
  return service.codeDeploy === undefined ? primaryOf(service) : deploymentInProgress(service);
}

function watch(
  settings: RolloutSettings,
  move: Move,
  deployment: Deployment,
  previous?: string,
): Start {
  const policy = { ...policyOf(settings, move), rollbackAsked: false };
  return { kind: 'watch', state: openWatch(move, deployment, previous, policy) };
}

/** The settings as they hold for a service. */
function policyOf(settings: RolloutSettings, { service }: Move) {
  return { ...settings, until: settings.until ?? usualEnd(service) };
}

/** Moves a service to its revision, unless it runs that already. */
async function startMove(
  tools: RolloutTools,
  settings: RolloutSettings,
  move: Move,
): Promise<Start> {
  const { service, record } = move;
  const before = primaryOf(service);
  const runs = isThere(move) && before !== undefined;
  // A deployment that failed without a rollback leaves the service on its revision.
  const force = settings.force || (runs && before.rolloutState === 'FAILED');
  if (runs && !force) {
    const isInProgress = deploymentInProgress(service, record)?.id === before.id;
    return isInProgress ? watch(settings, move, before) : UNCHANGED;
  }
  tools.signal.throwIfAborted();
  const answer = await send(tools, settings, move, force);
  if (answer.kind === 'unknown') return { kind: 'lost', error: answer.error };
  if (answer.kind === 'not-moved') {
    return { kind: 'refused', error: leftBehind(move, explainRefusal(service, answer.error)) };
  }
  const { primary } = answer;
  tools.emit({
    kind: 'rollout-started',
    ...nameOf(service),
    deployment: primary.id,
    from: shortName(service.taskDefinition),
    to: shortName(primary.taskDefinition),
  });
  // Express Mode registers revisions by itself.
  const moved = { ...move, service: answer.service, revision: primary.taskDefinition };
  return watch(settings, moved, primary, before?.id);
}

/** Sends the call that moves the service; its answer may come late. */
function send(
  { ecs, signal }: RolloutTools,
  { poll }: RolloutSettings,
  move: Move,
  force: boolean,
): Promise<MoveAnswer> {
  const sent = sendMove(ecs, move, { force, poll });
  return orLate(signal, poll * INTERRUPT_POLLS, sent, () => ({
    kind: 'unknown',
    error: unanswered(move.service, callOf(move.service)),
  }));
}

function unanswered(service: Service, call: string): EcsDeployError {
  return new EcsDeployError({
    code: 'sight-lost',
    message: `AWS has not answered ${call} of ${service.name}: the service may have been changed.`,
    hint: `see what runs: ecsdeploy status ${flags(service)}`,
  });
}

/** Asks ECS to roll back the deployment in progress, or deploys the revision before it. */
async function stopDeployment(
  tools: RolloutTools,
  settings: RolloutSettings,
  move: Move,
  reason = move.reason ?? 'requested by ecsdeploy rollback',
): Promise<Start> {
  const { service } = move;
  const primary = currentDeployment(service);
  if (primary === undefined) return startMove(tools, settings, move);
  const record = await findCurrent(tools, settings.poll, service, primary.id);
  tools.signal.throwIfAborted();
  const policy = { ...policyOf(settings, move), rollbackAsked: true };
  const opened = openWatch(move, primary, undefined, policy);
  let [state, events, action] = requestRollback({ ...opened, polled: { service, record } }, reason);
  while (action.kind !== 'wait' && action.kind !== 'end') {
    // Until now, nothing was changed.
    tools.signal.throwIfAborted();
    const seen = await orLate(
      tools.signal,
      settings.poll * INTERRUPT_POLLS,
      perform(tools, settings.poll, state, action),
      (): Seen => {
        const error = unanswered(service, stopCallOf(service));
        return { kind: 'not-moved-back', error, isLost: true };
      },
    );
    if (seen.kind === 'not-moved-back') {
      return { kind: seen.isLost ? 'lost' : 'refused', error: seen.error };
    }
    [state, events, action] = advance(state, seen, 0);
    for (const event of events) tools.emit(event);
  }
  return { kind: 'watch', state };
}

const REFUSED = 'requested by ecsdeploy continue --rollback';

/** Answers the pause hook of the deployment in progress. */
async function continueDeployment(
  tools: RolloutTools,
  settings: RolloutSettings,
  move: Move,
): Promise<Start> {
  const { service, answer } = move;
  const primary = currentDeployment(service);
  if (primary === undefined || answer === undefined) return UNCHANGED;
  // CodeDeploy has no answer that refuses: its deployment is stopped.
  const isRefused = answer.action === 'ROLLBACK' && service.codeDeploy !== undefined;
  if (isRefused) return stopDeployment(tools, settings, move, REFUSED);
  tools.signal.throwIfAborted();
  const answered = await orLate(
    tools.signal,
    settings.poll * INTERRUPT_POLLS,
    answerHook(tools.ecs, answer, settings.poll),
    () => 'unknown' as const,
  ).catch((error: unknown) => {
    throw isAnswered(error) ? noLongerWaits(service, answer, error) : error;
  });
  if (answered === 'unknown') {
    const call = service.codeDeploy ? 'ContinueDeployment' : 'ContinueServiceDeployment';
    return { kind: 'lost', error: unanswered(service, call) };
  }
  const rollbackAsked = answer.action === 'ROLLBACK';
  const policy = { ...policyOf(settings, move), rollbackAsked };
  const opened = openWatch(move, primary, undefined, policy);
  const state = withAnswer(opened, answer.hook);
  if (!rollbackAsked) {
    tools.emit({ kind: 'rollout-continued', ...nameOf(service), hook: answer.hook });
    return { kind: 'watch', state };
  }
  const [requested] = requestRollback(state, REFUSED);
  const [next, events] = advance(requested, { kind: 'stop-answer', answer: 'stopped' }, 0);
  for (const event of events) tools.emit(event);
  return { kind: 'watch', state: next };
}

function noLongerWaits(service: Service, { hook }: HookAnswer, cause: unknown): EcsDeployError {
  return new EcsDeployError({
    code: 'not-paused',
    message: `The hook ${hook} of "${service.name}" no longer waits: it was answered, or its time is over.`,
    hint: `follow the deployment: ecsdeploy rollout --watch ${flags(service)}`,
    cause,
  });
}

/** The record of the deployment in progress: for some polls ECS still names the one before. */
async function findCurrent(
  tools: RolloutTools,
  poll: number,
  service: Service,
  deployment: string,
): Promise<RolloutRecord | undefined> {
  let now = service;
  for (let read = 1; ; read += 1) {
    const record = await currentRecord(tools, now);
    if (record?.deployment === deployment) return record;
    if (record === undefined || read === DOUBTFUL_POLLS) return undefined;
    await sleep(poll, undefined, { signal: tools.signal });
    const [seen] = await describeServices(tools.ecs, service.cluster, [service.name]);
    now = seen ?? now;
  }
}

/** A refusal of UpdateService, with the revision that this run has registered for it. */
function leftBehind({ registered, revision, service }: Move, error: unknown): unknown {
  if (!registered || !(error instanceof EcsDeployError) || isInterrupt(error)) return error;
  const name = shortName(revision);
  const { code, message, hint, cause } = error;
  const onward = `then continue with the registered revision: ecsdeploy rollout ${name} ${flags(service)}`;
  return new EcsDeployError({
    code,
    message: `${message.replace(/(?<!\.)$/, '.')} ${name} was registered, but not deployed: the service is as it was.`,
    hint: hint === undefined ? onward : `${hint}\n${onward}`,
    cause,
  });
}

function throwRefusals({ interrupt }: TimeLimit, errors: readonly unknown[]): void {
  if (interrupt.aborted && errors.some(isInterrupt)) {
    throw new EcsDeployError({
      code: 'interrupted',
      message: 'Interrupted before the service was changed.',
      hint: 'run it again: what was built, pushed or registered is reused',
    });
  }
  const foreign = errors.find((error) => !(error instanceof EcsDeployError) && !isInterrupt(error));
  if (foreign !== undefined) throw foreign as Error;
  refuse(errors.map(reportable));
}

/** Tells how a move ended that has no deployment to follow, and makes its result. */
function tell(
  { emit }: RolloutTools,
  { interrupt }: TimeLimit,
  move: Move,
  start: Exclude<Start, { kind: 'watch' }>,
): ServiceResult {
  const { service, revision } = move;
  switch (start.kind) {
    case 'unchanged':
      emit({
        kind: 'rollout-unchanged',
        ...nameOf(service),
        revision: shortName(revision),
        ...(move.way === 'continue' && { notPaused: true }),
        ...(move.way === 'follow' && { notDeploying: true }),
      });
      return resultOf(move, 'unchanged');
    case 'refused':
      if (interrupt.aborted && isInterrupt(start.error)) {
        const message = `Interrupted before ${service.name} was changed.`;
        emit({ kind: 'interrupted', message, hint: undefined });
        return resultOf(move, 'interrupted');
      }
      emit({ kind: 'error', error: reportable(start.error) });
      return resultOf(move, 'failed');
    case 'lost':
  }
  const { code, message, hint, cause } = start.error;
  const back = `${hint}\nto roll back: ecsdeploy rollback ${flags(service)}`;
  emit({ kind: 'error', error: new EcsDeployError({ code, message, hint: back, cause }) });
  return resultOf(move, interrupt.aborted ? 'interrupted' : 'unknown');
}

const flags = (service: Service) => flagsOf(service);
