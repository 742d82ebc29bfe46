import type {
  RevisionProgress,
  RolloutCounts,
  RolloutEvent,
  RolloutEventOf,
} from './rollout-events.ts';
import type { EcsDeployError } from '../errors.ts';
import {
  causeKey,
  diagnoseEvent,
  diagnoseReason,
  diagnoseTarget,
  diagnoseTask,
  groupCauses,
  hasLog,
  isLogLate,
} from './diagnosis.ts';
import type { Cause, FailedTask } from './diagnosis.ts';
import { codeDeployWait, INSTALL, isActive, takesTestTraffic } from './code-deploy.ts';
import { terminationEnd } from './code-deploy-record.ts';
import { judgeCodeDeploy } from './code-deploy-verdict.ts';
import { CODE_DEPLOY, primaryOf, waitingHooks } from './ecs.ts';
import type {
  Deployment,
  DeploymentSettings,
  RolloutRecord,
  Service,
  ServiceEvent,
  StageHook,
  TestHeader,
} from './ecs.ts';
import { isThere } from './express.ts';
import type { ExpressMove } from './express.ts';
import { failuresOf, giveUp } from './give-up.ts';
import type { GiveUpPolicy, RolloutHealth } from './give-up.ts';
import { countTargets, targetFailures, targetGroupsOf } from './load-balancer.ts';
import type { GroupHealth, TargetGroup, TargetGroupProgress } from './load-balancer.ts';
import { LOST_STOP_POLLS, SEARCH_POLLS, SLOW_POLLS, STILL_POLLS, TARGET_POLLS } from './pacing.ts';
import { serviceResult } from './result.ts';
import { nameOf } from './service-name.ts';
import {
  functionName,
  hasAllTraffic,
  isAfter,
  openHooks,
  pauseOf,
  rollbackWay,
  trafficPhase,
  withoutHooks,
} from './stages.ts';
import { runningByRevision, servingRevision } from './status.ts';
import type { Outcome, ServiceResult } from './result.ts';
import { containersOf, shortName } from './task-definition.ts';
import type { JsonObject } from './task-definition.ts';
import { judge, NO_MEMORY } from './verdict.ts';
import type { Memory, OurDeployment, Polled, Verdict } from './verdict.ts';

/** One service and the revision that it moves to. */
export interface WatchedMove {
  /** The service as it was read last. */
  readonly service: Service;
  /** ARN of the revision. */
  readonly revision: string;
  /** Its definition. */
  readonly definition: JsonObject;
  /** ARN of the revision to go back to; undefined where none is known. */
  readonly previous: string | undefined;
  readonly registered: boolean;
  /** Containers whose image was replaced; empty where they are not known. */
  readonly containers: readonly string[];
  /** Of an Express service. */
  readonly express?: ExpressMove | undefined;
}

/** How a watch behaves, the same from its first poll to its last. */
export interface WatchPolicy extends GiveUpPolicy {
  /** The user asked for the rollback: it is no failure. */
  readonly rollbackAsked: boolean;
  /** Where the watch ends: with the deployment, once it has all production traffic, or at a pause. */
  readonly until: 'finished' | 'serving' | 'paused';
}

/** Everything that a watch knows of one deployment. */
export interface WatchState {
  readonly move: WatchedMove;
  readonly policy: WatchPolicy;
  /** The deployment that was started. */
  readonly ours: OurDeployment;
  /** The deployment that is judged: another one once UpdateService takes ours back. */
  readonly judged: OurDeployment;
  readonly polled: Polled;
  readonly verdict: Verdict;
  readonly memory: Memory;
  /** The progress that was reported last. */
  readonly told: string;
  readonly causes: readonly Cause[];
  /** What the events of the last poll name; reported after the tasks, which say more. */
  readonly eventCauses: readonly Cause[];
  /** Ids of failed tasks with a cause, and of those whose log is still to come. */
  readonly knownTasks: ReadonlySet<string>;
  readonly lateTasks: ReadonlySet<string>;
  readonly knownEvents: ReadonlySet<string>;
  /** Hooks with each of their statuses; undefined before the first record. */
  readonly knownHooks: ReadonlySet<string> | undefined;
  /** Ids of the hooks that were answered with `continue`. */
  readonly answeredHooks: ReadonlySet<string>;
  /** The stage and traffic of the record, and the server time since when it has them. */
  readonly stage: { readonly key: string; readonly since: Date | undefined };
  readonly isTestableTold: boolean;
  /** Most failed tasks that ECS has counted. */
  readonly failedTasks: number;
  /** Tasks that events say were started. */
  readonly startedTasks: number;
  /** Running and pending tasks at the last poll. */
  readonly aliveTasks: number;
  /** Polls in which failed tasks are still read. */
  readonly searches: number;
  /** What the last poll showed as moving, and polls in a row that showed the same. */
  readonly moving: string;
  readonly still: number;
  readonly balancer: BalancerReads;
  /** Polls in a row, see {@link RolloutHealth}. */
  readonly deadlocked: number;
  readonly stalled: number;
  /** Old tasks that drain, since when, and whether any old task was asked to stop. */
  readonly draining: { readonly tasks: number; readonly since: Date | undefined };
  readonly isStopping: boolean;
  /** Ids of the tasks that events say were started: those that ECS stops again are no old ones. */
  readonly newTasks: ReadonlySet<string>;
  readonly rollingBack: boolean;
  /** The rollback that was requested, and polls until it is requested again. */
  readonly rollback: { readonly reason: string; readonly pause: number } | undefined;
}

/** What is known of the load balancer of a service. */
interface BalancerReads {
  /** Its target groups; undefined until they are read. */
  readonly groups: readonly TargetGroup[] | undefined;
  /** The targets of the new tasks; empty unless they were read since something moved. */
  readonly targets: readonly TargetGroupProgress[];
  /** Polls until it can be read again; infinite where that is denied. */
  readonly pause: number;
}

/** How a watch ends from outside. */
export interface Ending {
  readonly outcome: 'timed-out' | 'unknown' | 'interrupted';
  readonly reason: string;
  readonly detached?: boolean;
}

/** What the loop saw; each answers the action before it. */
export type Seen =
  | ({ readonly kind: 'poll' } & Polled)
  | { readonly kind: 'failed-tasks'; readonly tasks: readonly FailedTask[] }
  /** Denied for good, or only this time. */
  | { readonly kind: 'tasks-unreadable'; readonly denied: boolean }
  | { readonly kind: 'stop-answer'; readonly answer: 'stopped' | 'refused' | 'unknown' }
  | { readonly kind: 'moved-back'; readonly service: Service; readonly primary: Deployment }
  | { readonly kind: 'not-moved-back'; readonly error: EcsDeployError; readonly isLost: boolean }
  | {
      readonly kind: 'target-health';
      readonly health: readonly GroupHealth[];
      /** Of the running tasks of the judged deployment, by `addressesOf`; undefined if not known. */
      readonly addresses: ReadonlySet<string> | undefined;
    }
  /** Denied for good, or only this time. */
  | { readonly kind: 'targets-unreadable'; readonly denied: boolean }
  | {
      readonly kind: 'test-address';
      /** Undefined where it cannot be read. */
      readonly address:
        | { readonly url: string; readonly headers: readonly TestHeader[] }
        | undefined;
    }
  | { readonly kind: 'digests'; readonly digests: readonly string[] }
  | ({ readonly kind: 'end' } & Ending);

/** What the loop does next. */
export type Action =
  | { readonly kind: 'wait' }
  /** Reads the failed tasks of the judged deployment, without the known ones. */
  | { readonly kind: 'read-failed-tasks'; readonly known: ReadonlySet<string> }
  /** Reads the targets of the service, and its target groups unless they are known. */
  | { readonly kind: 'read-target-health'; readonly known: readonly TargetGroup[] | undefined }
  /** Reads the address behind the listener rule of this ARN. */
  | { readonly kind: 'read-test-address'; readonly rule: string }
  /** Asks ECS to roll back the service deployment of this ARN, through its pause hook if it has one. */
  | { readonly kind: 'stop-deployment'; readonly record: string; readonly hook: string | undefined }
  /** Moves the service to the revision before; undefined where none is known. */
  | { readonly kind: 'move-back'; readonly revision: string | undefined }
  /** Reads the digests that the tasks of our deployment run. */
  | { readonly kind: 'read-digests' }
  | { readonly kind: 'end'; readonly result: ServiceResult };

/** The state after what was seen, what to report, and what to do. */
export type Step = readonly [WatchState, readonly RolloutEvent[], Action];

const WAITING: Verdict = { kind: 'waiting', phase: 'stale' };
const WAIT: Action = { kind: 'wait' };

/** The state before the first poll of a deployment. */
export function openWatch(
  move: WatchedMove,
  deployment: Deployment,
  previous: string | undefined,
  policy: WatchPolicy,
): WatchState {
  const { id, taskDefinition, createdAt } = deployment;
  const ours: OurDeployment = { id, taskDefinition, createdAt, previous };
  return {
    move,
    policy,
    ours,
    judged: ours,
    polled: { service: move.service, record: undefined },
    verdict: WAITING,
    memory: NO_MEMORY,
    told: '',
    causes: [],
    eventCauses: [],
    knownTasks: new Set(),
    lateTasks: new Set(),
    knownEvents: new Set(move.service.events.map((event) => event.id)),
    knownHooks: undefined,
    answeredHooks: new Set(),
    stage: { key: '', since: undefined },
    isTestableTold: false,
    failedTasks: 0,
    startedTasks: 0,
    aliveTasks: 0,
    searches: 0,
    moving: '',
    still: 0,
    balancer: { groups: undefined, targets: [], pause: 0 },
    deadlocked: 0,
    stalled: 0,
    draining: { tasks: 0, since: undefined },
    isStopping: false,
    newTasks: new Set(),
    rollingBack: false,
    rollback: undefined,
  };
}

/** Decides the next step of a watch. `seconds` is the time since the deployment was started. */
export function advance(state: WatchState, seen: Seen, seconds: number): Step {
  switch (seen.kind) {
    case 'poll':
      return afterPoll(state, seen, seconds);
    case 'failed-tasks':
      return afterTasks(state, seen.tasks, seconds);
    case 'tasks-unreadable':
      return afterNoTasks(state, seen.denied, seconds);
    case 'target-health':
      return afterTargets(state, seen, seconds);
    case 'targets-unreadable': {
      const { balancer } = state;
      const pause = seen.denied ? Infinity : balancer.pause;
      return decide({ ...state, balancer: { ...balancer, pause } }, [], seconds);
    }
    case 'test-address':
      return afterTestAddress(state, seen, seconds);
    case 'stop-answer':
      if (seen.answer === 'stopped') return rollBack(state);
      // ECS may be rolling back: the next polls show it.
      return seen.answer === 'unknown' ? [state, [], WAIT] : [state, [], moveBack(state)];
    case 'moved-back': {
      const { service, primary } = seen;
      const { id, taskDefinition, createdAt } = primary;
      const judged = { id, taskDefinition, createdAt, previous: state.ours.id };
      const polled = { service, record: undefined };
      return rollBack({ ...state, judged, polled, memory: NO_MEMORY });
    }
    case 'not-moved-back': {
      const outcome = seen.isLost ? 'unknown' : 'failed';
      const reason = seen.isLost
        ? 'the answer to the rollback was lost'
        : 'it could not be rolled back';
      return end(state, { outcome, reason, seconds }, [{ kind: 'error', error: seen.error }]);
    }
    case 'digests':
      return end(state, { outcome: 'succeeded', reason: '', seconds, digests: seen.digests });
    case 'end':
  }
  const { verdict } = state;
  // A verdict that only waits for details is still the verdict.
  return verdict.kind === 'waiting'
    ? end(state, { ...seen, seconds })
    : finish(state, verdict, [], seconds);
}

/** The state of a deployment whose pause hook was answered. */
export function withAnswer(state: WatchState, hook: string): WatchState {
  return { ...state, answeredHooks: new Set([...state.answeredHooks, hook]) };
}

/** Requests the rollback of a deployment before its first poll. */
export function requestRollback(state: WatchState, reason: string): Step {
  const next = { ...state, rollback: { reason, pause: LOST_STOP_POLLS } };
  const { record } = state.polled;
  const way = rollbackWay(record);
  if (record === undefined || way.by === 'deployment') return [next, [], moveBack(next)];
  const hook = way.by === 'hook' ? way.hook.id : undefined;
  return [next, [], { kind: 'stop-deployment', record: record.arn, hook }];
}

/** Whether only ECS's own completion of a rollout or a rollback is outstanding. */
export function isNear({ polled: { service } }: WatchState): boolean {
  const primary = primaryOf(service);
  return (
    primary !== undefined &&
    primary.rolloutState !== 'COMPLETED' &&
    primary.running >= service.desired &&
    primary.pending === 0 &&
    service.deployments.every((item) => item === primary || item.running === 0)
  );
}

/** The result of a service as far as its move says. */
export function resultOf(move: WatchedMove, outcome: Outcome): ServiceResult {
  const { service, revision } = move;
  // What Express Mode will register has no name yet.
  const isNameless = service.taskDefinition === revision && !isThere(move);
  return serviceResult({
    ...nameOf(service),
    outcome,
    taskDefinition: isNameless ? null : revision,
    previousTaskDefinition: move.previous ?? null,
    serving: servingRevision(service, undefined),
    runningByRevision: runningByRevision(service),
    registered: move.registered,
    desired: service.desired,
    running: service.running,
  });
}

function afterPoll(state: WatchState, { service, record }: Polled, seconds: number): Step {
  const polled: Polled = {
    service,
    record: record && withoutHooks(record, state.answeredHooks),
  };
  // A verdict that waits for details is not judged again.
  const [verdict, memory] =
    state.verdict.kind === 'waiting' ? judgeOf(state, polled) : [state.verdict, state.memory];
  const fresh = freshEvents(state, service);
  const signs = readSigns(state, polled, fresh);
  const isBad = endsBadly(verdict) && !endsBadly(state.verdict);
  const searches =
    (signs.isFailing || isBad || isSlow(state, polled)) && !state.policy.rollbackAsked
      ? SEARCH_POLLS
      : state.searches;
  const before: WatchState = {
    ...state,
    ...signs.counts,
    polled,
    verdict,
    memory,
    searches,
    stage: stageOf(state, polled),
    eventCauses: [
      ...fresh.flatMap(({ message }) => diagnoseEvent(message, service) ?? []),
      ...[diagnoseReason(reasonFor(verdict, record), service) ?? []].flat(),
    ],
    knownEvents: new Set([...state.knownEvents, ...fresh.map(({ id }) => id)]),
    balancer: { ...state.balancer, pause: state.balancer.pause - 1 },
    rollback: state.rollback && { ...state.rollback, pause: state.rollback.pause - 1 },
  };
  const [next, events] = tellProgress(before, fresh);
  if (searches === 0) return decide(next, events, seconds);
  return [next, events, { kind: 'read-failed-tasks', known: next.knownTasks }];
}

function judgeOf(
  { judged, ours, memory, policy, rollback, rollingBack }: WatchState,
  polled: Polled,
): ReturnType<typeof judge> {
  if (polled.service.controller !== CODE_DEPLOY) return judge(judged, polled, memory);
  return judgeCodeDeploy(judged, polled, memory, {
    rollback: policy.rollbackAsked || rollback !== undefined || rollingBack,
    isBack: judged !== ours,
  });
}

/** Why ECS ends or rolls back a deployment; empty while it does not. */
function reasonFor(verdict: Verdict, record: RolloutRecord | undefined): string {
  // That of a rollback that fails would hide why there was one.
  if (record?.codeDeploy !== undefined) return record.rollbackReason;
  return 'reason' in verdict ? verdict.reason : (record?.rollbackReason ?? '');
}

/**
 * Whether tasks are missing in Install while nothing moves. ECS counts no failed tasks of a task set,
 * and CodeDeploy waits an hour without a word.
 */
function isSlow({ still, judged }: WatchState, { service, record }: Polled): boolean {
  if (record?.stage !== INSTALL || still % SLOW_POLLS !== 1) return false;
  const own = service.deployments.find(({ id }) => id === judged.id);
  return (own?.running ?? 0) < service.desired;
}

function endsBadly({ kind }: Verdict): boolean {
  return kind === 'failed' || kind === 'rolled-back';
}

/** Events since the last poll, the oldest first. */
function freshEvents({ knownEvents, ours }: WatchState, { events }: Service) {
  return events
    .filter(
      ({ id, createdAt }) =>
        !knownEvents.has(id) && (createdAt ?? ours.createdAt).getTime() >= ours.createdAt.getTime(),
    )
    .toReversed();
}

/**
 * Events that name a failing task; an unhealthy target alone does not
 * (docs/explanation/how-ecs-behaves.md#service-events).
 */
const FAILURE_WORDS =
  /unhealthy status|failed container health|unable to|could not launch|failed to launch|deployment failed/;
const UNHEALTHY_WORDS = / is unhealthy in \(target-group| failed container health checks/;
const DEADLOCK_WORDS = /unable to stop or start tasks during a deployment/;

/** What a poll says of failing tasks, so that tasks are read only then, and of old ones. */
function readSigns(state: WatchState, polled: Polled, fresh: readonly ServiceEvent[]) {
  const own = judgedDeployment({ ...state, polled });
  const sum = (pattern: RegExp, events = fresh) =>
    events.reduce((total, { message }) => total + Number(pattern.exec(message)?.[1] ?? 0), 0);
  const mentions = (pattern: RegExp) => fresh.some(({ message }) => pattern.test(message));
  const failed = Math.max(own?.failed ?? 0, polled.record?.breaker?.failures ?? 0);
  const started = sum(/ has started (\d+) tasks/);
  const startedTasks = state.startedTasks + started;
  const aliveTasks = (own?.running ?? 0) + (own?.pending ?? 0);
  const isLocked = state.deadlocked > 0 || mentions(DEADLOCK_WORDS);
  const isStill = started === 0 && failed <= state.failedTasks && aliveTasks === state.aliveTasks;
  const begun = fresh.findLast(({ message }) => / has begun draining/.test(message));
  const newTasks = new Set([
    ...state.newTasks,
    ...fresh.filter(({ message }) => / has started /.test(message)).flatMap(tasksIn),
  ]);
  const isOfNew = (event: ServiceEvent) => tasksIn(event).some((id) => newTasks.has(id));
  const unhealthy = fresh.filter((event) => UNHEALTHY_WORDS.test(event.message) && isOfNew(event));
  const drained = Math.max(
    0,
    sum(/ has begun draining connections on (\d+) tasks/) - unhealthy.length,
  );
  const stopped = sum(
    / has stopped (\d+) running tasks/,
    fresh.filter((event) => !isOfNew(event)),
  );
  return {
    isFailing:
      failed > state.failedTasks ||
      aliveTasks < state.aliveTasks ||
      // More tasks were started than are desired: some did not stay.
      (started > 0 && startedTasks > polled.service.desired) ||
      mentions(FAILURE_WORDS),
    counts: {
      failedTasks: Math.max(failed, state.failedTasks),
      startedTasks,
      aliveTasks,
      deadlocked: isLocked && aliveTasks === 0 && own !== undefined ? state.deadlocked + 1 : 0,
      stalled: isStill ? state.stalled + 1 : 0,
      newTasks,
      isStopping: state.isStopping || drained > 0 || stopped > 0,
      draining: {
        tasks: Math.max(0, state.draining.tasks + drained - stopped),
        since: begun?.createdAt ?? state.draining.since,
      },
    },
  };
}

/** Ids of the tasks that an event names. */
function tasksIn({ message }: ServiceEvent): string[] {
  return [...message.matchAll(/\(task (\w+)\)/g)].flatMap(([, id]) => id ?? []);
}

function judgedDeployment({ polled: { service }, judged }: WatchState): Deployment | undefined {
  return service.deployments.find(({ id }) => id === judged.id);
}

function tellProgress(
  before: WatchState,
  fresh: readonly ServiceEvent[],
): readonly [WatchState, readonly RolloutEvent[]] {
  const state = noteMovement(before);
  const { service, record } = state.polled;
  const own = judgedDeployment(state);
  const progress = progressOf(state);
  const told = JSON.stringify(progress);
  // CodeDeploy reports its deployment before it has a task set, and while it is taken back.
  const isKnown =
    record?.codeDeploy === undefined ? own !== undefined : state.verdict.kind === 'waiting';
  const isNews = told !== state.told && isKnown && progress.phase !== 'stale';
  const testable = testableNews(state);
  const isRollbackNews = progress.phase === 'rolling-back' && !state.rollingBack;
  const reason = record?.rollbackReason || own?.reason || '';
  const events: readonly (RolloutEvent | false | undefined)[] = [
    // An event with a cause is reported as the cause.
    ...fresh
      .filter(({ message }) => diagnoseEvent(message, service) === undefined)
      .map(({ message, createdAt }) => ({
        kind: 'service-event' as const,
        ...nameOf(service),
        message,
        createdAt: createdAt?.toISOString(),
      })),
    isNews && progress,
    testable,
    ...hookNews(state),
    isRollbackNews && { kind: 'rolling-back', ...nameOf(service), reason },
  ];
  const next: WatchState = {
    ...state,
    told,
    knownHooks: record
      ? new Set([...(state.knownHooks ?? []), ...record.hooks.map(hookState)])
      : state.knownHooks,
    isTestableTold: state.isTestableTold || testable !== undefined,
    rollingBack: state.rollingBack || isRollbackNews,
  };
  return [next, events.filter((event) => typeof event === 'object')];
}

/** Counts the polls in which nothing moves; what the load balancer said before a movement is old. */
function noteMovement(state: WatchState): WatchState {
  const { phase, stage, traffic, draining, counts } = progressOf(state);
  const moving = JSON.stringify([phase, stage, traffic, draining, counts]);
  if (moving === state.moving) return { ...state, still: state.still + 1 };
  return { ...state, moving, still: 0, balancer: { ...state.balancer, targets: [] } };
}

function progressOf(state: WatchState): RolloutEventOf<'rollout-progress'> {
  const { polled, verdict, judged, failedTasks } = state;
  const { service, record } = polled;
  const own = judgedDeployment(state);
  const others = service.deployments.filter(({ id }) => id !== judged.id);
  const counts: RolloutCounts = {
    desired: service.desired,
    running: own?.running ?? 0,
    pending: own?.pending ?? 0,
    failed: failedTasks,
    limit: failedTasks > 0 ? record?.breaker?.threshold : undefined,
    old: others.reduce((sum, { running }) => sum + running, 0),
  };
  const phase = verdict.kind === 'waiting' ? verdict.phase : verdict.kind;
  return {
    kind: 'rollout-progress',
    ...nameOf(service),
    phase,
    stage: record?.stage,
    traffic: record?.traffic,
    testTraffic: record?.testTraffic,
    oldTestTraffic: record?.oldTestTraffic,
    targetGroups: state.balancer.targets,
    draining: state.draining.tasks,
    ...waiting(state, phase, counts),
    counts,
    revisions: revisionsOf(state),
    hooks: openHooks(record),
    alarms: { armed: record?.armedAlarms ?? [], fired: record?.alarms ?? [] },
  };
}

/** The deployments that have tasks, the judged one first. */
function revisionsOf({ polled, judged, failedTasks }: WatchState): readonly RevisionProgress[] {
  const { service, record } = polled;
  const serving = servingRevision(service, record);
  const isStaged = record?.traffic !== undefined;
  return service.deployments
    .filter(
      ({ id, desired, running, pending }) => id === judged.id || desired + running + pending > 0,
    )
    .toSorted((one, other) => Number(other.id === judged.id) - Number(one.id === judged.id))
    .map((deployment) => {
      const { id, taskDefinition, desired, running, pending, failed } = deployment;
      const isOurs = id === judged.id;
      const isShifted = id === record?.deployment;
      return {
        deployment: id,
        revision: shortName(taskDefinition),
        isOurs,
        isServing: taskDefinition === serving,
        traffic: isStaged ? (isShifted ? record.traffic : 100 - record.traffic) : undefined,
        testTraffic: isShifted ? record.testTraffic : record?.oldTestTraffic,
        desired,
        running,
        pending,
        failed: isOurs ? failedTasks : failed,
      };
    });
}

/** The stage and traffic of a poll, and since when: ECS reports no more than its last change. */
function stageOf({ stage }: WatchState, { record }: Polled): WatchState['stage'] {
  const key = JSON.stringify([record?.stage, record?.traffic]);
  return key === stage.key ? stage : { key, since: record?.updatedAt };
}

/** Changes of hooks since the last poll: a pause that begins, or a Lambda hook. */
function hookNews({ polled, knownHooks, policy }: WatchState): readonly RolloutEvent[] {
  const { service, record } = polled;
  if (record === undefined) return [];
  const waiting = waitingHooks(record);
  const stage = record.stage ?? record.status;
  return (
    record.hooks
      .filter((hook) => knownHooks?.has(hookState(hook)) !== true)
      // Hooks that ended before the watch began are not reported.
      .filter(({ status }) => knownHooks !== undefined || status !== 'SUCCEEDED')
      .flatMap((hook): RolloutEvent[] => {
        const { id, target, status, expiresAt, timeoutAction } = hook;
        // CodeDeploy calls each function at the event of its name.
        const at = record.codeDeploy === undefined ? stage : id;
        const about = { ...nameOf(service), stage: at, hook: id };
        if (target !== undefined) {
          const name = functionName(target);
          return [{ kind: 'rollout-hook', ...about, function: name, target, status }];
        }
        if (!waiting.includes(hook)) return [];
        return [
          {
            kind: 'rollout-paused',
            ...about,
            record: record.arn,
            expiresAt,
            timeoutAction,
            waiting: waiting.length,
            isAwaited: policy.until === 'paused',
          },
        ];
      })
  );
}

const hookState = ({ id, status }: StageHook) => `${id} ${status}`;

/** Told once, when test traffic reaches the new tasks. */
function testableNews(state: WatchState): RolloutEvent | undefined {
  const { service } = state.polled;
  // With a rule, the headers are reported with its address.
  if (testRuleOf(state) !== undefined || !isTestable(state)) return undefined;
  if (service.testHeaders.length === 0) return undefined;
  return { kind: 'rollout-testable', ...nameOf(service), headers: service.testHeaders };
}

/** Whether test traffic reaches the new tasks, and that was not reported yet. */
function isTestable({ polled: { record }, isTestableTold }: WatchState): boolean {
  if (isTestableTold || record?.status !== 'IN_PROGRESS') return false;
  if (record.codeDeploy !== undefined) {
    return takesTestTraffic(record.codeDeploy) && record.traffic === 0;
  }
  return trafficPhase(record) === 'not-shifted' && isAfter(record.stage, 'TEST_TRAFFIC_SHIFT');
}

function testRuleOf({ polled: { service } }: WatchState): string | undefined {
  if (service.codeDeploy !== undefined) return service.codeDeploy.group.testListener;
  return service.loadBalancers.find(({ shift }) => shift?.testRule !== undefined)?.shift?.testRule;
}

function afterTestAddress(
  state: WatchState,
  { address }: Extract<Seen, { kind: 'test-address' }>,
  seconds: number,
): Step {
  const { service } = state.polled;
  const headers = [...service.testHeaders, ...(address?.headers ?? [])];
  const isKnown = address !== undefined || headers.length > 0;
  const told = { kind: 'rollout-testable', ...nameOf(service) } as const;
  const testable = { ...told, url: address?.url, headers };
  return decide(state, isKnown ? [testable] : [], seconds);
}

type Waiting = Pick<RolloutEventOf<'rollout-progress'>, 'waitsFor' | 'waitsSince' | 'waitsAtMost'>;

const NOTHING: Waiting = { waitsFor: undefined, waitsSince: undefined, waitsAtMost: undefined };

/** What a rollout waits for although all new tasks run. */
function waiting(state: WatchState, phase: string, counts: RolloutCounts): Waiting {
  const { service, record } = state.polled;
  if (record?.codeDeploy !== undefined) {
    const { waitsFor, since, seconds } = codeDeployWait(record.codeDeploy, service.settings.shift);
    return { waitsFor, waitsSince: since?.toISOString(), waitsAtMost: seconds };
  }
  if (record?.stage !== undefined && record.stage !== 'CLEAN_UP') {
    return stageWait(record, service.settings, state.stage.since?.toISOString());
  }
  if (phase !== 'in-progress') return NOTHING;
  const { groups, targets } = state.balancer;
  if (targets.some((group) => group.healthy < group.targets)) {
    return { ...NOTHING, waitsFor: 'health-checks' };
  }
  if (counts.running < counts.desired) return NOTHING;
  const { bakeMinutes, hasAlarms } = service.settings;
  const hasBalancer = service.loadBalancers.length > 0;
  const hasChecks = hasBalancer || containersOf(state.move.definition).some(hasHealthCheck);
  if (hasBalancer && state.draining.tasks > 0) {
    const delays = groups?.flatMap(({ deregistrationDelay }) => deregistrationDelay ?? []) ?? [];
    return {
      waitsFor: 'drain',
      waitsSince: state.draining.since?.toISOString(),
      waitsAtMost: delays.length === 0 ? undefined : Math.max(...delays),
    };
  }
  if (counts.old > 0) {
    return { ...NOTHING, waitsFor: hasChecks && !state.isStopping ? 'health-checks' : 'old-tasks' };
  }
  if (bakeMinutes > 0 || hasAlarms) {
    return {
      ...NOTHING,
      waitsFor: 'bake',
      waitsAtMost: bakeMinutes > 0 ? bakeMinutes * 60 : undefined,
    };
  }
  const isStarting = hasChecks && !state.isStopping && counts.desired > 0;
  return isStarting ? { ...NOTHING, waitsFor: 'health-checks' } : NOTHING;
}

/** What a stage waits for: its bake time, or that of a step of the traffic. */
function stageWait(
  { stage, traffic = 0 }: RolloutRecord,
  { bakeMinutes, shift }: DeploymentSettings,
  waitsSince: string | undefined,
): Waiting {
  if (stage === 'BAKE_TIME') {
    const waitsAtMost = bakeMinutes > 0 ? bakeMinutes * 60 : undefined;
    return { waitsFor: 'bake', waitsSince, waitsAtMost };
  }
  const isStep = stage === 'PRODUCTION_TRAFFIC_SHIFT' && traffic > 0 && traffic < 100;
  return isStep && shift.waits > 0
    ? { waitsFor: 'next-step', waitsSince, waitsAtMost: shift.minutes * 60 }
    : { ...NOTHING, waitsSince };
}

function hasHealthCheck({ healthCheck }: JsonObject): boolean {
  return healthCheck !== undefined && healthCheck !== null;
}

function afterTasks(state: WatchState, tasks: readonly FailedTask[], seconds: number): Step {
  const isLast = state.verdict.kind !== 'waiting';
  // Log lines arrive some seconds after the end: such a task waits for the next read, once.
  const late = tasks.filter((task) => !isLast && !state.lateTasks.has(task.id) && isLogLate(task));
  const known = tasks.filter((task) => !late.includes(task));
  const knownTasks = new Set([...state.knownTasks, ...known.map(({ id }) => id)]);
  const isWhole = known.length > 0 && knownTasks.size >= state.failedTasks;
  const [next, events] = addCauses(
    {
      ...state,
      knownTasks,
      lateTasks: new Set([...state.lateTasks, ...late.map(({ id }) => id)]),
      searches: isWhole ? 0 : state.searches - 1,
    },
    known.map(diagnoseTask),
  );
  return decide(next, events, seconds);
}

/** Tells what the load balancer waits for, and names the cause where a target fails its checks. */
function afterTargets(
  before: WatchState,
  { health, addresses }: Extract<Seen, { kind: 'target-health' }>,
  seconds: number,
): Step {
  const { polled, move } = before;
  const targets = health.map((group) => countTargets(group, addresses));
  const failures = targetFailures(health, addresses, polled.service, move.definition);
  const groups = health.map(({ group }) => group);
  const balancer = {
    ...before.balancer,
    groups,
    targets: targets.filter((item) => item.targets > 0),
  };
  const state = { ...before, balancer };
  const progress = progressOf(state);
  const told = JSON.stringify(progress);
  const [next, causes] = addCauses({ ...state, told }, failures.map(diagnoseTarget));
  return decide(next, [...(told === state.told ? [] : [progress]), ...causes], seconds);
}

/** Stages of a deployment in which it waits for tasks; a rolling deployment has none. */
const TASK_STAGES: ReadonlySet<string | undefined> = new Set([
  undefined,
  'SCALE_UP',
  'CLEAN_UP',
  INSTALL,
]);

/** Whether to ask the load balancer why nothing moves. */
function wantsTargetHealth(state: WatchState): boolean {
  const { polled, balancer, still, draining } = state;
  if (still < STILL_POLLS || balancer.pause > 0) return false;
  const { phase, stage, waitsFor } = progressOf(state);
  if (phase !== 'in-progress' || waitsFor === 'bake' || !TASK_STAGES.has(stage)) return false;
  const hasTargets = draining.tasks > 0 || (judgedDeployment(state)?.running ?? 0) > 0;
  return hasTargets && targetGroupsOf(polled.service).length > 0;
}

function afterNoTasks(state: WatchState, denied: boolean, seconds: number): Step {
  if (denied) return decide({ ...state, searches: 0 }, [], seconds);
  // A failed read is no search: the next poll makes up for it, but a verdict waits only so long.
  if (!endsBadly(state.verdict)) return decide(state, [], seconds);
  const next = { ...state, searches: state.searches - 1 };
  return next.searches > 0 ? [next, [], WAIT] : decide(next, [], seconds);
}

/** Adds causes to the known ones, and reports each kind when it is first seen, or first has a log. */
function addCauses(
  state: WatchState,
  causes: readonly Cause[],
): readonly [WatchState, readonly RolloutEvent[]] {
  const news = groupCauses(causes).filter((cause) => {
    const known = state.causes.find((item) =>
      cause.tasks === 0 ? item.code === cause.code : causeKey(item) === causeKey(cause),
    );
    return known === undefined || (!hasLog(known) && hasLog(cause));
  });
  return [
    { ...state, causes: groupCauses([...state.causes, ...causes]) },
    news.map((cause) => ({ kind: 'cause', ...nameOf(state.polled.service), cause })),
  ];
}

/** Ends the watch with its verdict, gives the deployment up, or waits. */
function decide(before: WatchState, told: readonly RolloutEvent[], seconds: number): Step {
  const [state, causes] = addCauses(before, before.eventCauses);
  const events = [...told, ...causes];
  const { verdict, rollback } = state;
  if (verdict.kind !== 'waiting') return conclude(state, verdict, events, seconds);
  // Before the watch ends at a pause, the address for the test is reported.
  const rule = isTestable(state) ? testRuleOf(state) : undefined;
  if (rule !== undefined) {
    return [{ ...state, isTestableTold: true }, events, { kind: 'read-test-address', rule }];
  }
  if (isReached(state, verdict)) {
    return state.policy.until === 'paused'
      ? end(state, { outcome: 'paused', reason: '', seconds }, events)
      : succeed(state, events, seconds);
  }
  if (rollback !== undefined && !state.rollingBack) {
    return rollback.pause > 0
      ? [state, events, WAIT]
      : withEvents(events, requestRollback(state, rollback.reason));
  }
  const given = giveUp(healthOf(state), state.policy);
  if (given === undefined) return waitOrAsk(state, events);
  if (given.by === 'rollback') return withEvents(events, requestRollback(state, given.reason));
  const reason =
    state.polled.record?.codeDeploy === undefined
      ? given.reason
      : `${given.reason}, but CodeDeploy waits for them up to an hour`;
  return end(state, { outcome: 'failed', reason, seconds }, events);
}

function waitOrAsk(state: WatchState, events: readonly RolloutEvent[]): Step {
  if (!wantsTargetHealth(state)) return [state, events, WAIT];
  const balancer = { ...state.balancer, pause: TARGET_POLLS };
  return [{ ...state, balancer }, events, { kind: 'read-target-health', known: balancer.groups }];
}

/** Whether the deployment in progress is where `--until` ends the watch. A rollback has no such place. */
function isReached(state: WatchState, { phase }: Extract<Verdict, { kind: 'waiting' }>): boolean {
  const { policy, ours, judged, polled, rollback, rollingBack } = state;
  if (judged !== ours || rollback !== undefined || rollingBack) return false;
  if (policy.until === 'paused') return phase === 'paused';
  return policy.until === 'serving' && hasAllTraffic(ours, polled);
}

function healthOf(state: WatchState): RolloutHealth {
  const { failedTasks, causes, deadlocked, stalled, rollingBack } = state;
  const { breakerRollsBack } = state.polled.service.settings;
  return { failedTasks, causes, deadlocked, stalled, rollingBack, breakerRollsBack };
}

function withEvents(events: readonly RolloutEvent[], [state, more, action]: Step): Step {
  return [state, [...events, ...more], action];
}

function moveBack({ move, ours }: WatchState): Action {
  const isElsewhere = move.previous !== ours.taskDefinition;
  return { kind: 'move-back', revision: isElsewhere ? move.previous : undefined };
}

function rollBack(state: WatchState): Step {
  const reason = state.rollback?.reason ?? '';
  const { service } = state.polled;
  const told = { kind: 'rolling-back', ...nameOf(service), reason } as const;
  return [{ ...state, rollingBack: true }, [told], WAIT];
}

/** Whether a rollback would find nothing to take back: the service is gone, or still where it was. */
function isSpared({ ours, polled: { service, record } }: WatchState): boolean {
  if (service.status !== 'ACTIVE') return true;
  const read = record?.codeDeploy;
  const isOver = read !== undefined && !isActive(read.deployment);
  return isOver && primaryOf(service)?.id !== ours.id;
}

type Final = Exclude<Verdict, { kind: 'waiting' }>;

function conclude(
  state: WatchState,
  verdict: Final,
  events: readonly RolloutEvent[],
  seconds: number,
): Step {
  const isSuccess = verdict.kind === 'succeeded' && state.judged === state.ours;
  return isSuccess && !state.policy.rollbackAsked
    ? succeed(state, events, seconds)
    : finish(state, verdict, events, seconds);
}

/** Ends with success, once the digests of the tasks were read. */
function succeed(state: WatchState, events: readonly RolloutEvent[], seconds: number): Step {
  return state.move.containers.length > 0
    ? [state, events, { kind: 'read-digests' }]
    : end(state, { outcome: 'succeeded', reason: '', seconds }, events);
}

function finish(
  state: WatchState,
  verdict: Final,
  events: readonly RolloutEvent[],
  seconds: number,
): Step {
  const as = (outcome: Outcome, reason: string) => end(state, { outcome, reason, seconds }, events);
  const reason = reasonOf(verdict);
  if (state.judged !== state.ours) {
    // The deployment that takes ours back is judged.
    if (verdict.kind === 'succeeded') return as('rolled-back', reason);
    const outcome = verdict.kind === 'superseded' ? 'superseded' : 'failed';
    return as(outcome, `the rollback did not succeed: ${reason}`);
  }
  return verdict.kind === 'succeeded' && state.policy.rollbackAsked
    ? as('failed', 'the deployment completed before it could be stopped')
    : as(verdict.kind, reason);
}

function reasonOf(verdict: Final): string {
  switch (verdict.kind) {
    case 'superseded':
      return `${verdict.by} deploys ${shortName(verdict.taskDefinition)} instead`;
    case 'succeeded':
      return '';
    default:
      return verdict.reason;
  }
}

interface End {
  readonly outcome: Outcome;
  readonly reason: string;
  readonly seconds: number;
  readonly digests?: readonly string[];
  readonly detached?: boolean;
}

function end(
  state: WatchState,
  { outcome, reason, seconds, digests = [], detached = false }: End,
  events: readonly RolloutEvent[] = [],
): Step {
  const { polled, ours, move, causes, verdict, rollingBack } = state;
  const { service } = polled;
  const isBack = outcome === 'rolled-back';
  const shown = isBack ? primaryOf(service) : service.deployments.find(({ id }) => id === ours.id);
  const result: ServiceResult = {
    ...resultOf(move, outcome),
    // ECS chooses the revision that it rolls back to.
    ...(isBack && { previousTaskDefinition: service.taskDefinition }),
    ...(isBack &&
      state.policy.rollbackAsked && {
        outcome: 'succeeded',
        taskDefinition: service.taskDefinition,
        previousTaskDefinition: ours.taskDefinition,
      }),
    serving: servingRevision(service, polled.record),
    runningByRevision: runningByRevision(service),
    paused: verdict.kind === 'waiting' ? pauseOf(polled.record) : null,
    deployment: ours.id,
    desired: service.desired,
    running: shown?.running ?? 0,
    failedTasks: failuresOf(state),
    causes,
  };
  const ended: RolloutEvent = {
    kind: 'service-ended',
    result,
    reason,
    seconds,
    digests,
    rollingBack: rollingBack && verdict.kind === 'waiting',
    detached,
    waiting: polled.record && waitingHooks(polled.record).length,
    continuesAt:
      outcome === 'succeeded' && verdict.kind === 'waiting' ? polled.record?.stage : undefined,
    ...(isSpared(state) && { nothingToRollBack: true }),
    oldTasksUntil:
      polled.record?.codeDeploy && terminationEnd(polled.record.codeDeploy)?.toISOString(),
  };
  return [state, [...events, ended], { kind: 'end', result }];
}
