import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment, Service, ServiceDeployment } from '@aws-sdk/client-ecs';
import {
  describeRecords,
  describeServices,
  findRecord,
  primaryOf,
  stopRecord,
  tasksOf,
  updateService,
} from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import { awsErrorName, awsErrorText, isPassing } from '../aws/errors.ts';
import type { Context } from '../context.ts';
import { diagnoseEvent, groupCauses } from '../core/diagnosis.ts';
import type { Cause } from '../core/diagnosis.ts';
import { serviceResult } from '../core/result.ts';
import type { Outcome, ServiceResult } from '../core/result.ts';
import { shortName } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { judge, NO_MEMORY } from '../core/verdict.ts';
import type { Memory, OurDeployment, Verdict } from '../core/verdict.ts';
import { EcsDeployError, refuse } from '../errors.ts';
import { findCauses } from './causes.ts';
import { since } from './session.ts';

/** One service and the revision it moves to. */
export interface Move {
  /** The service as it was read before anything was written. */
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
interface Watch {
  readonly move: Move;
  readonly ours: OurDeployment;
  readonly start: number;
  memory: Memory;
  service: Service;
  record: ServiceDeployment | undefined;
  recordArn: string | undefined;
  counts: string;
  causes: readonly Cause[];
  readonly knownTasks: Set<string>;
  readonly knownEvents: Set<string>;
  failedTasks: number;
  startedTasks: number;
  rollingBack: boolean;
}

/** Polls in which AWS may not answer before sight counts as lost (10 min at 3 s). */
const TROUBLED_POLLS = 200;
/** Polls in which the record of a service deployment may be missing (60 s at 3 s). */
const RECORD_POLLS = 20;
/** Polls at the start that come quicker. */
const QUICK_POLLS = 4;

/**
 * Moves services to their revisions, side by side, and follows each of these deployments to its
 * verdict. Returns one result per move, in their order; after UpdateService nothing throws any more.
 */
export async function rollOut(
  context: Context,
  ecs: Ecs,
  moves: readonly Move[],
): Promise<readonly ServiceResult[]> {
  const started = await Promise.all(
    moves.map((move) =>
      startMove(context, ecs, move).catch((error: unknown) => {
        if (error instanceof EcsDeployError) return { move, error };
        throw error;
      }),
    ),
  );
  const refused = started.filter((item) => 'error' in item);
  // Where nothing was moved it is a plain refusal; beside services that moved it is a failure.
  if (!started.some((item) => 'ours' in item)) refuse(refused.map(({ error }) => error));
  return finish(
    context,
    ecs,
    started.map((item) => {
      if (!('error' in item)) return item;
      context.emit({ kind: 'error', error: item.error });
      return resultOf(item.move, item.error.code === 'sight-lost' ? 'unknown' : 'failed');
    }),
  );
}

/** The revision that was deployed last with success: a deployment at work may itself fail. */
export function lastGood({ deployments, taskDefinition }: Service): string | undefined {
  const completed = deployments?.find(({ rolloutState }) => rolloutState === 'COMPLETED');
  return completed?.taskDefinition ?? taskDefinition;
}

/** Follows the deployments that run now, and changes nothing. */
export async function followDeployments(
  context: Context,
  ecs: Ecs,
  moves: readonly Move[],
): Promise<readonly ServiceResult[]> {
  const started = moves.map((move) => {
    const primary = primaryOf(move.service);
    return primary === undefined || primary.rolloutState === 'COMPLETED'
      ? unchanged(context, move)
      : newWatch(move, primary, undefined);
  });
  return finish(context, ecs, started);
}

async function finish(
  context: Context,
  ecs: Ecs,
  started: readonly (Watch | ServiceResult)[],
): Promise<readonly ServiceResult[]> {
  const watches = started.filter((item) => 'move' in item);
  const results = context.config.noWait
    ? new Map(
        watches.map((watch) => [watch, endWatch(context, watch, 'unknown', 'not waited for', [])]),
      )
    : await follow(context, ecs, watches);
  return started.map((item) =>
    'move' in item ? (results.get(item) ?? endWatch(context, item, 'unknown', 'lost', [])) : item,
  );
}

async function startMove(context: Context, ecs: Ecs, move: Move): Promise<Watch | ServiceResult> {
  const { config, emit } = context;
  const before = primaryOf(move.service);
  const runs = move.service.taskDefinition === move.taskDefinition && before !== undefined;
  // A deployment that failed without a rollback leaves the service on its revision: that is no rest.
  const force = config.force || (runs && before.rolloutState === 'FAILED');
  if (runs && !force) {
    return before.rolloutState === 'IN_PROGRESS'
      ? newWatch(move, before, undefined)
      : unchanged(context, move);
  }
  const answer = await updateService(ecs, move.service, {
    taskDefinition: move.taskDefinition,
    force,
  });
  const primary = primaryOf(answer);
  if (primary === undefined || primary.id === before?.id) return unchanged(context, move);
  emit({
    kind: 'rollout-started',
    service: move.service.serviceName ?? '',
    deployment: primary.id ?? '',
    from: shortName(move.service.taskDefinition ?? ''),
    to: shortName(move.taskDefinition),
  });
  return newWatch(move, primary, before?.id);
}

function newWatch(move: Move, deployment: Deployment, previous: string | undefined): Watch {
  return {
    move,
    ours: {
      id: deployment.id ?? '',
      taskDefinition: deployment.taskDefinition ?? move.taskDefinition,
      createdAt: deployment.createdAt ?? new Date(0),
      previous,
    },
    start: performance.now(),
    memory: NO_MEMORY,
    service: move.service,
    record: undefined,
    recordArn: undefined,
    counts: '',
    causes: [],
    knownTasks: new Set(),
    knownEvents: new Set((move.service.events ?? []).flatMap(({ id }) => id ?? [])),
    failedTasks: 0,
    startedTasks: 0,
    rollingBack: false,
  };
}

function unchanged({ emit }: Context, move: Move): ServiceResult {
  emit({
    kind: 'rollout-unchanged',
    service: move.service.serviceName ?? '',
    revision: shortName(move.taskDefinition),
  });
  return resultOf(move, 'unchanged');
}

function resultOf(move: Move, outcome: Outcome): ServiceResult {
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

/** What stays the same over the polls of one watch, besides the deployments themselves. */
interface Sight {
  polls: number;
  troubled: number;
  /** False once the service-deployment API was denied: the list of deployments decides alone. */
  records: boolean;
}

async function follow(
  context: Context,
  ecs: Ecs,
  watches: readonly Watch[],
): Promise<Map<Watch, ServiceResult>> {
  const { config, signal, emit } = context;
  const results = new Map<Watch, ServiceResult>();
  const sight: Sight = { polls: 0, troubled: 0, records: true };
  const start = performance.now();
  const endAll = (outcome: Outcome, reason: string) => {
    for (const watch of watches.filter((item) => !results.has(item))) {
      results.set(watch, endWatch(context, watch, outcome, reason, []));
    }
  };
  while (results.size < watches.length) {
    const pending = watches.filter((watch) => !results.has(watch));
    try {
      const pause = sight.polls < QUICK_POLLS ? config.poll / 3 : config.poll;
      const left = Math.max(0, config.timeout - (performance.now() - start));
      await sleep(Math.min(pause * 2 ** Math.min(sight.troubled, 3), 60_000, left), undefined, {
        signal,
      });
      sight.polls += 1;
      await look(context, ecs, pending, sight);
      if (sight.troubled > 0) emit({ kind: 'sight-regained' });
      sight.troubled = 0;
      for (const watch of pending) {
        const result = await judgeWatch(context, ecs, watch, sight);
        if (result !== undefined) results.set(watch, result);
      }
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
      if (sight.troubled === 0) emit({ kind: 'sight-troubled', message });
      sight.troubled += 1;
    }
    if (performance.now() - start > config.timeout) endAll('timed-out', 'the time limit is over');
  }
  return results;
}

/** Reads all pending services, one call per cluster and ten services, and their records in one more. */
async function look(
  context: Context,
  ecs: Ecs,
  pending: readonly Watch[],
  sight: Sight,
): Promise<void> {
  const clusters = new Set(pending.map(({ move }) => move.service.clusterArn ?? ''));
  const reads = [...clusters].map(async (cluster) => {
    const watches = pending.filter(({ move }) => move.service.clusterArn === cluster);
    const names = watches.map(({ move }) => move.service.serviceName ?? '');
    const services = await describeServices(ecs, cluster, names);
    for (const watch of watches) {
      const service = services.find(
        ({ serviceName }) => serviceName === watch.move.service.serviceName,
      );
      // A service that is deleted meanwhile is MISSING at last.
      watch.service = service ?? { ...watch.service, status: 'INACTIVE' };
    }
  });
  await Promise.all([...reads, lookAtRecords(context, ecs, pending, sight)]);
}

async function lookAtRecords(
  { emit }: Context,
  ecs: Ecs,
  pending: readonly Watch[],
  sight: Sight,
): Promise<void> {
  if (!sight.records) return;
  try {
    const unknown = pending.filter(({ recordArn }) => recordArn === undefined);
    if (sight.polls <= RECORD_POLLS) {
      await Promise.all(
        unknown.map(async (watch) => {
          watch.recordArn = await findRecord(ecs, watch.move.service, watch.ours.id);
        }),
      );
    }
    const arns = pending.flatMap(({ recordArn }) => recordArn ?? []);
    if (arns.length === 0) return;
    const records = await describeRecords(ecs, arns);
    for (const watch of pending) {
      const found = records.find(
        ({ serviceDeploymentArn }) => serviceDeploymentArn === watch.recordArn,
      );
      watch.record = found ?? watch.record;
    }
  } catch (error) {
    const optional =
      error instanceof EcsDeployError &&
      (error.code === 'permission-denied' ||
        /UnknownOperation|UnsupportedFeature|NotImplemented/.test(awsErrorName(error)));
    if (!optional) throw error;
    sight.records = false;
    emit({
      kind: 'warning',
      message: `Going on without service deployments: ${error.message}`,
      hint: error.hint,
    });
  }
}

async function judgeWatch(
  context: Context,
  ecs: Ecs,
  watch: Watch,
  sight: Sight,
): Promise<ServiceResult | undefined> {
  const { config } = context;
  const [verdict, memory] = judge(watch.ours, watch, watch.memory);
  watch.memory = memory;
  const fresh = newEvents(watch);
  const failing = isFailing(watch, fresh) || ['failed', 'rolled-back'].includes(verdict.kind);
  tellProgress(context, watch, verdict, fresh);
  if (failing) {
    addCauses(
      context,
      watch,
      fresh.flatMap((message) => diagnoseEvent(message) ?? []),
    );
    await tellCauses(context, ecs, watch);
  }
  if (verdict.kind === 'waiting') {
    const failures = Math.max(watch.failedTasks, watch.knownTasks.size);
    const breaker = watch.service.deploymentConfiguration?.deploymentCircuitBreaker;
    const rescued = watch.rollingBack || (breaker?.enable === true && breaker.rollback === true);
    if (failures < config.maxFailures || config.onFailure === 'watch' || rescued) return undefined;
    if (config.onFailure === 'rollback' && (await rollBack(context, ecs, watch, sight)))
      return undefined;
    return endWatch(context, watch, 'failed', `${failures} tasks failed`, []);
  }
  const digests = verdict.kind === 'succeeded' ? await runningDigests(ecs, watch) : [];
  return endWatch(context, watch, verdict.kind, reasonOf(verdict), digests);
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

function ownDeployment({ service, ours }: Watch): Deployment | undefined {
  return service.deployments?.find(({ id }) => id === ours.id);
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
  const name = watch.service.serviceName ?? '';
  const own = ownDeployment(watch);
  const counts = {
    desired: watch.service.desiredCount ?? 0,
    running: own?.runningCount ?? 0,
    pending: own?.pendingCount ?? 0,
    failed: Math.max(own?.failedTasks ?? 0, watch.failedTasks),
  };
  const phase = verdict.kind === 'waiting' ? verdict.phase : verdict.kind;
  for (const message of fresh) emit({ kind: 'service-event', service: name, message });
  const text = JSON.stringify([phase, counts]);
  if (text !== watch.counts && own !== undefined && phase !== 'stale') {
    emit({ kind: 'rollout-progress', service: name, phase, counts });
  }
  watch.counts = text;
  if (phase === 'rolling-back' && !watch.rollingBack) {
    watch.rollingBack = true;
    const reason = watch.record?.rollback?.reason ?? own?.rolloutStateReason ?? '';
    emit({ kind: 'rolling-back', service: name, reason });
  }
}

/** Words of events that tell of a failing task; an unhealthy target alone is none (ecs-facts 4.5). */
const FAILURE_WORDS =
  /unhealthy status|failed container health|unable to|could not launch|failed to launch|deployment failed/;

/** Whether something new says that a task failed: only then tasks are read. */
function isFailing(watch: Watch, fresh: readonly string[]): boolean {
  const failed = Math.max(
    ownDeployment(watch)?.failedTasks ?? 0,
    watch.record?.deploymentCircuitBreaker?.failureCount ?? 0,
  );
  const grown = failed > watch.failedTasks;
  watch.failedTasks = Math.max(failed, watch.failedTasks);
  const starts = fresh.map((message) => Number(/ has started (\d+) tasks/.exec(message)?.[1] ?? 0));
  const started = starts.reduce((sum, count) => sum + count, 0);
  watch.startedTasks += started;
  // More tasks were started than are wanted: some did not stay.
  const restarted = started > 0 && watch.startedTasks > (watch.service.desiredCount ?? 0);
  return grown || restarted || fresh.some((message) => FAILURE_WORDS.test(message));
}

async function tellCauses(context: Context, ecs: Ecs, watch: Watch): Promise<void> {
  const { definition } = watch.move;
  try {
    const causes = await findCauses(
      context,
      ecs,
      watch.service,
      { id: watch.ours.id, definition },
      watch.knownTasks,
    );
    addCauses(context, watch, causes);
  } catch (error) {
    if (!(error instanceof EcsDeployError) || error.code !== 'permission-denied') throw error;
    context.emit({
      kind: 'warning',
      message: `The failed tasks cannot be read: ${error.message}`,
      hint: error.hint,
    });
  }
}

/** Adds causes to those known, telling each kind of failure when it is first seen. */
function addCauses({ emit }: Context, watch: Watch, causes: readonly Cause[]): void {
  const same = (a: Cause, b: Cause) => a.code === b.code && a.summary === b.summary;
  for (const cause of groupCauses(causes)) {
    if (watch.causes.some((known) => same(known, cause))) continue;
    emit({ kind: 'cause', service: watch.service.serviceName ?? '', cause });
  }
  watch.causes = groupCauses([...watch.causes, ...causes]);
}

/** Asks ECS to roll back; false when that is not possible here. */
async function rollBack({ emit }: Context, ecs: Ecs, watch: Watch, sight: Sight): Promise<boolean> {
  if (!sight.records || watch.recordArn === undefined) return false;
  try {
    await stopRecord(ecs, watch.recordArn);
    watch.rollingBack = true;
    emit({
      kind: 'rolling-back',
      service: watch.service.serviceName ?? '',
      reason: 'asked for by --on-failure rollback',
    });
    return true;
  } catch (error) {
    if (!(error instanceof EcsDeployError)) throw error;
    emit({
      kind: 'warning',
      message: `The rollback could not be started: ${error.message}`,
      hint: error.hint,
    });
    return false;
  }
}

/** Digests that the tasks of a finished deployment run in the deployed containers; empty if unreadable. */
async function runningDigests(ecs: Ecs, { move, ours }: Watch): Promise<readonly string[]> {
  if (move.containers.length === 0) return [];
  const tasks = await tasksOf(ecs, move.service, ours.id, 'RUNNING').catch(() => []);
  return tasks
    .flatMap(({ containers }) => containers ?? [])
    .filter(({ name }) => move.containers.includes(name ?? ''))
    .flatMap(({ imageDigest }) => imageDigest ?? []);
}

function endWatch(
  { emit }: Context,
  watch: Watch,
  outcome: Outcome,
  reason: string,
  digests: readonly string[],
): ServiceResult {
  const own = ownDeployment(watch);
  const result: ServiceResult = {
    ...resultOf(watch.move, outcome),
    // ECS chooses what it rolls back to.
    ...(outcome === 'rolled-back' && {
      previousTaskDefinition: watch.service.taskDefinition ?? null,
    }),
    deployment: watch.ours.id,
    desired: watch.service.desiredCount ?? 0,
    running: own?.runningCount ?? 0,
    failedTasks: Math.max(watch.failedTasks, watch.knownTasks.size),
    causes: watch.causes,
  };
  emit({ kind: 'service-ended', result, reason, seconds: since(watch.start), digests });
  return result;
}
