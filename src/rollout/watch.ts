import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment, Service } from '@aws-sdk/client-ecs';
import { primaryOf, stopRecord, tasksOf, updateService } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import { awsErrorText, isPassing } from '../aws/errors.ts';
import type { Context } from '../commands/context.ts';
import { causeKey, diagnoseEvent, groupCauses } from '../core/diagnosis.ts';
import type { Cause } from '../core/diagnosis.ts';
import { chooseCourse, failuresOf, hopelessness } from '../core/give-up.ts';
import { serviceResult } from '../core/result.ts';
import type { Outcome, ServiceResult } from '../core/result.ts';
import { shortName } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { judge, NO_MEMORY, pausedHook } from '../core/verdict.ts';
import type { Memory, OurDeployment, Verdict } from '../core/verdict.ts';
import { EcsDeployError } from '../errors.ts';
import type { EventOf, RolloutCounts } from '../events.ts';
import { findCauses } from './failed-tasks.ts';
import { optional, since } from '../aws/optional.ts';
import { isNear, look, noteSuccess, noteTrouble, openSight, pauseBefore } from './poll.ts';
import type { Watched } from './poll.ts';

/** One service and the revision it moves to. */
export interface Move {
  /** The service as it was read last. */
  readonly service: Service;
  /** ARN of the revision. */
  readonly taskDefinition: string;
  /** ARN of the revision to go back to; undefined where none is known. */
  readonly previous: string | undefined;
  /** The revision's definition, to find logs and platform by. */
  readonly definition: JsonObject;
  readonly registered: boolean;
  /** Containers whose image was replaced; empty where nothing is known of that. */
  readonly containers: readonly string[];
}

/** A deployment that is followed. */
export interface Watch extends Watched {
  readonly move: Move;
  /** The deployment that was started; what is judged differs once UpdateService takes it back. */
  readonly ours: OurDeployment;
  readonly start: number;
  memory: Memory;
  /** What was said last of phase and counts. */
  said: string;
  causes: readonly Cause[];
  readonly knownTasks: Set<string>;
  readonly lateTasks: Set<string>;
  readonly knownEvents: Set<string>;
  readonly knownHooks: Set<string>;
  failedTasks: number;
  startedTasks: number;
  /** Running and pending tasks at the last look. */
  aliveTasks: number;
  /** Looks for which failed tasks are still searched: the API shows them late. */
  searching: number;
  deadlocked: number;
  rollingBack: boolean;
  /** That it is taken back is no failure but what was asked for. */
  isBackWanted: boolean;
}

/** Polls in which AWS may not answer before sight counts as lost (10 min at 3 s). */
const TROUBLED_POLLS = 200;
/** Polls for which a failed task is searched after something told of it. */
const SEARCH_POLLS = 5;

/** Begins to follow a deployment. */
export function newWatch(move: Move, deployment: Deployment, previous: string | undefined): Watch {
  const ours = ourDeployment(deployment, move.taskDefinition, previous);
  return {
    move,
    ours,
    judged: ours,
    start: performance.now(),
    memory: NO_MEMORY,
    service: move.service,
    record: undefined,
    recordArn: undefined,
    said: '',
    causes: [],
    knownTasks: new Set(),
    lateTasks: new Set(),
    knownEvents: new Set((move.service.events ?? []).flatMap(({ id }) => id ?? [])),
    knownHooks: new Set(),
    failedTasks: 0,
    startedTasks: 0,
    aliveTasks: 0,
    searching: 0,
    deadlocked: 0,
    rollingBack: false,
    isBackWanted: false,
  };
}

function ourDeployment(
  { id, taskDefinition, createdAt }: Deployment,
  revision: string,
  previous: string | undefined,
): OurDeployment {
  return {
    id: id ?? '',
    taskDefinition: taskDefinition ?? revision,
    createdAt: createdAt ?? new Date(0),
    previous,
  };
}

/** The result of a service as far as its move tells. */
export function resultOf(move: Move, outcome: Outcome): ServiceResult {
  const { service } = move;
  return serviceResult({
    cluster: shortName(service.clusterArn ?? ''),
    service: service.serviceName ?? '',
    outcome,
    taskDefinition: move.taskDefinition,
    previousTaskDefinition: move.previous ?? null,
    registered: move.registered,
    desired: service.desiredCount ?? 0,
    running: service.runningCount ?? 0,
  });
}

/** Follows deployments side by side, each to its verdict, the time limit or an interrupt. */
export async function follow(
  context: Context,
  ecs: Ecs,
  watches: readonly Watch[],
): Promise<Map<Watch, ServiceResult>> {
  const { config, signal, emit } = context;
  const results = new Map<Watch, ServiceResult>();
  const sight = openSight();
  const start = performance.now();
  const endAll = (outcome: Outcome, reason: string) => {
    for (const watch of watches.filter((item) => !results.has(item))) {
      results.set(watch, endWatch(context, watch, outcome, reason, []));
    }
  };
  while (results.size < watches.length) {
    const pending = watches.filter((watch) => !results.has(watch));
    try {
      const left = Math.max(0, config.timeout - (performance.now() - start));
      await sleep(Math.min(pauseBefore(config.poll, sight), left), undefined, { signal });
      await look(context, ecs, pending, sight);
      for (const watch of pending) {
        const result = await judgeWatch(context, ecs, watch);
        if (result !== undefined) results.set(watch, result);
      }
      if (sight.troubled > 0) emit({ kind: 'sight-regained' });
      noteSuccess(sight);
      sight.near = pending.some(isNear) ? sight.near + 1 : 0;
    } catch (error) {
      if (signal.aborted) {
        endAll('interrupted', 'interrupted');
        break;
      }
      const message = awsErrorText(error);
      if (!isPassing(error) || sight.troubled === TROUBLED_POLLS) {
        if (!(error instanceof EcsDeployError)) throw error;
        emit({ kind: 'error', error });
        endAll('unknown', `sight of the deployment was lost: ${message}`);
        break;
      }
      if (noteTrouble(sight, error)) emit({ kind: 'sight-troubled', message });
    }
    if (performance.now() - start > config.timeout) endAll('timed-out', 'the time limit is over');
  }
  if (watches.length > 0) {
    const { polls, calls, mostCalls } = sight;
    emit({ kind: 'watch-ended', polls, calls, mostCalls });
  }
  return results;
}

async function judgeWatch(
  context: Context,
  ecs: Ecs,
  watch: Watch,
): Promise<ServiceResult | undefined> {
  const { config } = context;
  const [verdict, memory] = judge(watch.judged, watch, watch.memory);
  watch.memory = memory;
  const fresh = newEvents(watch);
  const failing = isFailing(watch, fresh) || ['failed', 'rolled-back'].includes(verdict.kind);
  if (failing && !watch.isBackWanted) watch.searching = SEARCH_POLLS;
  tellProgress(context, watch, verdict, fresh);
  try {
    if (watch.searching > 0) await tellCauses(context, ecs, watch, verdict.kind !== 'waiting');
  } finally {
    // After the tasks, which say the same in more words; an event is seen as new only once.
    addCauses(
      context,
      watch,
      fresh.flatMap((message) => diagnoseEvent(message) ?? []),
    );
  }
  if (verdict.kind !== 'waiting') return conclude(context, ecs, watch, verdict);

  const plight = {
    failedTasks: watch.failedTasks,
    causes: watch.causes,
    deadlocked: watch.deadlocked,
    rollingBack: watch.rollingBack,
    breakerRollsBack: breakerRollsBack(watch.service),
  };
  const hopeless = hopelessness(plight, config.maxFailures);
  const course = hopeless === undefined ? 'watch' : chooseCourse(plight, config);
  if (course === 'watch') return undefined;
  if (course === 'exit') return endWatch(context, watch, 'failed', hopeless ?? '', []);
  try {
    await takeBack(context, ecs, watch, hopeless ?? '');
    return undefined;
  } catch (error) {
    if (!(error instanceof EcsDeployError)) throw error;
    context.emit({ kind: 'error', error });
    return endWatch(context, watch, 'failed', 'it could not be rolled back', []);
  }
}

function breakerRollsBack({ deploymentConfiguration }: Service): boolean {
  const { enable, rollback } = deploymentConfiguration?.deploymentCircuitBreaker ?? {};
  return enable === true && rollback === true;
}

async function conclude(
  context: Context,
  ecs: Ecs,
  watch: Watch,
  verdict: Exclude<Verdict, { kind: 'waiting' }>,
): Promise<ServiceResult> {
  const reason = reasonOf(verdict);
  if (watch.judged === watch.ours) {
    if (verdict.kind === 'succeeded' && watch.isBackWanted) {
      return endWatch(context, watch, 'failed', 'it was complete before it could be stopped', []);
    }
    const digests = verdict.kind === 'succeeded' ? await runningDigests(context, ecs, watch) : [];
    return endWatch(context, watch, verdict.kind, reason, digests);
  }
  // What is judged is the deployment that takes ours back.
  if (verdict.kind === 'succeeded') return endWatch(context, watch, 'rolled-back', reason, []);
  const outcome = verdict.kind === 'superseded' ? 'superseded' : 'failed';
  return endWatch(context, watch, outcome, `the rollback did not succeed: ${reason}`, []);
}

function reasonOf(verdict: Exclude<Verdict, { kind: 'waiting' }>): string {
  switch (verdict.kind) {
    case 'superseded':
      return `${verdict.by} deploys ${shortName(verdict.taskDefinition)} instead`;
    case 'succeeded':
      return '';
    default:
      return verdict.reason;
  }
}

function judgedDeployment({ service, judged }: Watch): Deployment | undefined {
  return service.deployments?.find(({ id }) => id === judged.id);
}

/** Messages of events since the last look, oldest first. */
function newEvents({ service, knownEvents, ours }: Watch): readonly string[] {
  const fresh = (service.events ?? []).filter(
    ({ id, createdAt }) =>
      !knownEvents.has(id ?? '') && (createdAt ?? ours.createdAt) >= ours.createdAt,
  );
  for (const { id } of fresh) knownEvents.add(id ?? '');
  return fresh.map(({ message }) => message ?? '').toReversed();
}

function tellProgress(
  { emit }: Context,
  watch: Watch,
  verdict: Verdict,
  fresh: readonly string[],
): void {
  const { service, record } = watch;
  const name = service.serviceName ?? '';
  const own = judgedDeployment(watch);
  const others = (service.deployments ?? []).filter((deployment) => deployment !== own);
  const failed = Math.max(own?.failedTasks ?? 0, watch.failedTasks);
  const counts = {
    desired: service.desiredCount ?? 0,
    running: own?.runningCount ?? 0,
    pending: own?.pendingCount ?? 0,
    failed,
    limit: failed > 0 ? record?.deploymentCircuitBreaker?.threshold : undefined,
    old: others.reduce((sum, { runningCount }) => sum + (runningCount ?? 0), 0),
  };
  const phase = verdict.kind === 'waiting' ? verdict.phase : verdict.kind;
  const stage = record?.lifecycleStage;
  const traffic =
    stage === undefined
      ? undefined
      : record?.targetServiceRevision?.requestedProductionTrafficWeight;
  const waitsFor = phase === 'in-progress' ? whatFor(service, counts) : undefined;
  // What an event explains is told as a cause.
  for (const message of fresh.filter((text) => diagnoseEvent(text) === undefined)) {
    emit({ kind: 'service-event', service: name, message });
  }
  const said = JSON.stringify([phase, stage, traffic, waitsFor, counts]);
  if (said !== watch.said && own !== undefined && phase !== 'stale') {
    emit({ kind: 'rollout-progress', service: name, phase, stage, traffic, waitsFor, counts });
  }
  watch.said = said;
  tellPause({ emit }, watch);
  if (phase === 'rolling-back' && !watch.rollingBack) {
    watch.rollingBack = true;
    const reason = record?.rollback?.reason ?? own?.rolloutStateReason ?? '';
    emit({ kind: 'rolling-back', service: name, reason });
  }
}

/** What a rollout waits for whose tasks all run. */
function whatFor(
  { loadBalancers = [], deploymentConfiguration }: Service,
  { running, desired, old }: RolloutCounts,
): EventOf<'rollout-progress'>['waitsFor'] {
  if (running < desired) return undefined;
  if (old > 0) return loadBalancers.length > 0 ? 'drain' : 'old-tasks';
  const { bakeTimeInMinutes = 0, alarms } = deploymentConfiguration ?? {};
  return bakeTimeInMinutes > 0 || alarms?.enable === true ? 'bake' : undefined;
}

function tellPause({ emit }: Pick<Context, 'emit'>, { service, record, knownHooks }: Watch): void {
  const hook = pausedHook(record);
  if (hook?.hookId === undefined || knownHooks.has(hook.hookId)) return;
  knownHooks.add(hook.hookId);
  emit({
    kind: 'rollout-paused',
    service: service.serviceName ?? '',
    stage: record?.lifecycleStage ?? '',
    hook: hook.hookId,
    record: record?.serviceDeploymentArn ?? '',
    expiresAt: hook.expiresAt?.toISOString(),
    timeoutAction: hook.timeoutAction,
  });
}

/** Words of events that tell of a failing task; an unhealthy target alone is none (ecs-facts 4.5). */
const FAILURE_WORDS =
  /unhealthy status|failed container health|unable to|could not launch|failed to launch|deployment failed/;
const DEADLOCK_WORDS = /unable to stop or start tasks during a deployment/;

/** Whether something new says that a task failed: only then tasks are read. */
function isFailing(watch: Watch, fresh: readonly string[]): boolean {
  const own = judgedDeployment(watch);
  const failed = Math.max(
    own?.failedTasks ?? 0,
    watch.record?.deploymentCircuitBreaker?.failureCount ?? 0,
  );
  const grown = failed > watch.failedTasks;
  watch.failedTasks = Math.max(failed, watch.failedTasks);
  const starts = fresh.map((message) => Number(/ has started (\d+) tasks/.exec(message)?.[1] ?? 0));
  const started = starts.reduce((sum, count) => sum + count, 0);
  watch.startedTasks += started;
  // More tasks were started than are wanted: some did not stay.
  const restarted = started > 0 && watch.startedTasks > (watch.service.desiredCount ?? 0);
  const alive = (own?.runningCount ?? 0) + (own?.pendingCount ?? 0);
  const lost = alive < watch.aliveTasks;
  watch.aliveTasks = alive;
  const locked = watch.deadlocked > 0 || fresh.some((message) => DEADLOCK_WORDS.test(message));
  watch.deadlocked = locked && alive === 0 && own !== undefined ? watch.deadlocked + 1 : 0;
  return grown || lost || restarted || fresh.some((message) => FAILURE_WORDS.test(message));
}

async function tellCauses(context: Context, ecs: Ecs, watch: Watch, last: boolean): Promise<void> {
  watch.searching -= 1;
  try {
    const causes = await findCauses(
      context,
      ecs,
      watch.service,
      { id: watch.judged.id, definition: watch.move.definition },
      watch.knownTasks,
      last ? undefined : watch.lateTasks,
    );
    addCauses(context, watch, causes);
    const isWhole = watch.knownTasks.size >= watch.failedTasks;
    if (causes.length > 0 && isWhole) watch.searching = 0;
  } catch (error) {
    // A look that failed is no search; the next one makes up for it.
    if (isPassing(error)) watch.searching += 1;
    if (!(error instanceof EcsDeployError) || error.code !== 'permission-denied') throw error;
    watch.searching = 0;
    context.emit({
      kind: 'warning',
      message: `The failed tasks cannot be read: ${error.message}`,
      hint: error.hint,
    });
  }
}

/** Adds causes to those known, telling each kind of failure when it is first seen, or first has a log. */
function addCauses({ emit }: Context, watch: Watch, causes: readonly Cause[]): void {
  for (const cause of groupCauses(causes)) {
    const known = watch.causes.find((item) =>
      cause.tasks === 0 ? item.code === cause.code : causeKey(item) === causeKey(cause),
    );
    const says = ({ evidence }: Cause) => evidence.some((text) => text.startsWith('| '));
    if (known !== undefined && (says(known) || !says(cause))) continue;
    emit({ kind: 'cause', service: watch.service.serviceName ?? '', cause });
  }
  watch.causes = groupCauses([...watch.causes, ...causes]);
}

/**
 * Takes a deployment back: ECS is asked to, or, where that is not possible, the revision before it
 * is deployed, and judged from then on. Throws `rollback-impossible`, or what AWS refused.
 */
export async function takeBack(
  { emit }: Pick<Context, 'emit'>,
  ecs: Ecs,
  watch: Watch,
  reason: string,
): Promise<void> {
  const { ours, record, move } = watch;
  const service = watch.service.serviceName ?? '';
  const arn = record?.serviceDeploymentArn;
  if (arn === undefined || !(await stopRecord(ecs, arn))) {
    const { previous } = move;
    if (previous === undefined || previous === ours.taskDefinition) {
      throw new EcsDeployError({
        code: 'rollback-impossible',
        message: `${service} cannot be rolled back: no revision is known that was deployed before.`,
        hint: 'name one: ecsdeploy rollback --to FAMILY:REVISION',
      });
    }
    const answer = await updateService(ecs, watch.service, {
      taskDefinition: previous,
      force: false,
    });
    watch.service = answer;
    watch.judged = ourDeployment(primaryOf(answer) ?? {}, previous, ours.id);
    watch.memory = NO_MEMORY;
    watch.record = undefined;
    watch.recordArn = undefined;
  }
  watch.rollingBack = true;
  emit({ kind: 'rolling-back', service, reason });
}

/** Digests that the tasks of a finished deployment run in the deployed containers; empty if unreadable. */
async function runningDigests(
  context: Context,
  ecs: Ecs,
  { move, ours }: Watch,
): Promise<readonly string[]> {
  if (move.containers.length === 0) return [];
  const reading = tasksOf(ecs, move.service, ours.id, 'RUNNING');
  const tasks = await optional(context, 'the digests of what runs', reading).catch(() => []);
  return (tasks ?? [])
    .flatMap(({ containers }) => containers ?? [])
    .filter(({ name }) => move.containers.includes(name ?? ''))
    .flatMap(({ imageDigest }) => imageDigest ?? []);
}

/** Ends a watch and tells how. */
export function endWatch(
  { emit }: Context,
  watch: Watch,
  outcome: Outcome,
  reason: string,
  digests: readonly string[],
): ServiceResult {
  const { service, ours, move, isBackWanted } = watch;
  const isBack = outcome === 'rolled-back';
  const shown = isBack ? primaryOf(service) : service.deployments?.find(({ id }) => id === ours.id);
  const result: ServiceResult = {
    ...resultOf(move, outcome),
    // ECS chooses what it rolls back to.
    ...(isBack && { previousTaskDefinition: service.taskDefinition ?? null }),
    ...(isBack &&
      isBackWanted && {
        outcome: 'succeeded',
        taskDefinition: service.taskDefinition ?? null,
        previousTaskDefinition: ours.taskDefinition,
      }),
    deployment: ours.id,
    desired: service.desiredCount ?? 0,
    running: shown?.runningCount ?? 0,
    failedTasks: failuresOf(watch),
    causes: watch.causes,
  };
  emit({ kind: 'service-ended', result, reason, seconds: since(watch.start), digests });
  return result;
}
