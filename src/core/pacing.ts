/**
 * Every limit of the watch. All count polls, so that a rollout on a faster clock is judged the same
 * way; the times in the comments hold for `--poll 3s`.
 */

/**
 * How many times quicker the first polls come: most mistakes show in the first seconds, and a service
 * without tasks is complete at once.
 */
const FIRST_QUICKNESS = [12, 3];
/**
 * How many times quicker the polls come while only ECS's own completion is outstanding, which takes
 * 8 to 10 s and can take minutes (docs/explanation/how-ecs-behaves.md#how-a-rollout-goes). The first
 * polls are too early for it; every second then ends the watch 0.5 s after it in the median.
 */
const NEAR_QUICKNESS = [2 / 3, 1, 3, 3, 3, 3, 2, 2, 2];
/** Services that are polled at the usual pause; more of them are polled less often, which limits calls and CPU. */
const USUAL_SERVICES = 20;
/** Doublings of the pause while polls fail or are throttled: 24 s, and the end is not missed by more. */
const MOST_DOUBLINGS = 3;
/** Failed polls in a row before the watch ends (at least 10 min): credentials and networks come back. */
const LOST_POLLS = 200;
/** Polls in which failures that come and go are reported once (5 min). */
const TOLD_POLLS = 100;
/** The last poll that searches for the record of a service deployment: ECS lists it late (60 s). */
export const RECORD_POLLS = 20;
/**
 * The first such poll while a rolling deployment only progresses (4 s): DescribeServices usually names
 * the record by then, so that it need not be searched, and tasks have not failed yet.
 */
export const FIRST_RECORD_POLL = 3;
/** Every so many polls the record of a deployment is read that only progresses (90 s). */
export const RECORD_EVERY = 30;
/** Polls for which a read that contradicts the answer of UpdateService counts as stale (60 s). */
export const STALE_POLLS = 20;
/** Polls for a state that the next read usually explains (15 s). */
export const DOUBTFUL_POLLS = 5;
/** Equal polls after which counts decide, where ECS gives no rollout state. */
export const SETTLED_POLLS = 2;
/** Polls in which failed tasks are read after a sign of one: the API shows them late (15 s). */
export const SEARCH_POLLS = 5;
/** Still polls after which failed tasks are searched again that nothing gives a sign of (30 s). */
export const SLOW_POLLS = 10;
/** Polls in which ECS must say that it can neither start nor stop a task (15 s). */
export const DEADLOCK_POLLS = 5;
/**
 * Polls without a new attempt after which a circuit breaker is no longer awaited (10 min): ECS pauses
 * up to 6 min between attempts, and was seen to stop them one failure before the breaker trips.
 */
export const STALLED_POLLS = 200;
/** Polls without a change after which the load balancer is asked what it waits for (15 s). */
export const STILL_POLLS = 5;
/** Polls before it is asked again (30 s): the default interval of its health checks. */
export const TARGET_POLLS = 10;
/** Polls before a rollback is requested again whose answer was lost: the record shows it late (15 s). */
export const LOST_STOP_POLLS = 5;
/** Polls for which an interrupted run still waits for the answer to UpdateService (6 s). */
export const INTERRUPT_POLLS = 2;

/** Polls for which what was read of a service counts as current before it is moved (6 s). */
export const FRESH_POLLS = 2;
/** Polls for which DescribeTasks can miss a task that was just started (30 s). */
export const TASK_MISSING_POLLS = 10;
/** Polls for which a one-off task waits for capacity (10 min): a container instance takes minutes. */
export const CAPACITY_POLLS = 200;

/** Polls after which schedules that have not followed are given up, however slowly AWS answers (10 min). */
export const SCHEDULE_POLLS = 200;

/** Parts of a poll's pause between two calls of `prune` (1 s): ECS takes one deregistration a second. */
export const PRUNE_PARTS = 3;

/** How the polls themselves go. */
export interface PollState {
  readonly polls: number;
  /** Polls in a row that failed. */
  readonly failed: number;
  /** The poll whose failure was reported last, and whether the end of the failures is still to be reported. */
  readonly toldAt: number;
  readonly isTold: boolean;
  /** Doublings of the pause. */
  readonly doublings: number;
  /** The last failure was throttling. */
  readonly throttled: boolean;
  /** Polls in a row in which only ECS's own completion was outstanding. */
  readonly near: number;
}

/** The state before the first poll. */
export const NO_POLLS: PollState = {
  polls: 0,
  failed: 0,
  toldAt: -Infinity,
  isTold: false,
  doublings: 0,
  throttled: false,
  near: 0,
};

/** Milliseconds before the next poll of so many services. */
export function pauseBefore(
  poll: number,
  { polls, near, doublings }: PollState,
  services = 1,
): number {
  const quickness = FIRST_QUICKNESS[polls] ?? NEAR_QUICKNESS[near - 1] ?? 1;
  return (poll / quickness) * 2 ** doublings * Math.max(services / USUAL_SERVICES, 1);
}

/** The state after a failed poll: whether to report it, and whether to end the watch. */
export function afterFailure(
  state: PollState,
  throttled: boolean,
): { readonly state: PollState; readonly isNews: boolean; readonly isLost: boolean } {
  const polls = state.polls + 1;
  const isNews = state.failed === 0 && polls > state.toldAt + TOLD_POLLS;
  return {
    state: {
      ...slower(state, throttled),
      polls,
      failed: state.failed + 1,
      toldAt: isNews ? polls : state.toldAt,
      isTold: isNews || state.isTold,
    },
    isNews,
    isLost: state.failed >= LOST_POLLS,
  };
}

/** The state after a poll that AWS answered; the pace recovers step by step after throttling. */
export function afterAnswer(state: PollState, isNear: boolean): PollState {
  return {
    ...state,
    polls: state.polls + 1,
    failed: 0,
    isTold: false,
    doublings: state.throttled ? Math.max(state.doublings - 1, 0) : 0,
    near: isNear ? state.near + 1 : 0,
  };
}

/** The state with a longer pause, after a call that failed or was throttled. */
export function slower(state: PollState, throttled: boolean): PollState {
  return { ...state, throttled, doublings: Math.min(state.doublings + 1, MOST_DOUBLINGS) };
}
