import type { EcsDeployError } from '../errors.ts';
import type { Cause } from './diagnosis.ts';
import type { TestHeader } from './ecs.ts';
import type { TargetGroupProgress } from './load-balancer.ts';
import type { Outcome, ServiceResult } from './result.ts';
import type { ScheduleResult } from './scheduled.ts';
import type { ServiceName } from './service-name.ts';
import type { OpenHook } from './stages.ts';

/** Counts of one deployment, as ECS gives them. */
export interface RolloutCounts {
  readonly desired: number;
  readonly running: number;
  readonly pending: number;
  readonly failed: number;
  /** Failures at which the circuit breaker trips; undefined without a breaker or a failure. */
  readonly limit: number | undefined;
  /** Running tasks of other deployments. */
  readonly old: number;
}

/** One deployment of the service: a row of the live view. */
export interface RevisionProgress {
  /** `ecs-svc/…` */
  readonly deployment: string;
  /** `family:revision` */
  readonly revision: string;
  /** It is the deployment that is watched. */
  readonly isOurs: boolean;
  /** It takes the traffic now, or most of it. */
  readonly isServing: boolean;
  /** Percentage of the production traffic; undefined where it is not shifted in stages. */
  readonly traffic: number | undefined;
  /** Percentage of the test traffic, in the same way. */
  readonly testTraffic: number | undefined;
  readonly desired: number;
  readonly running: number;
  readonly pending: number;
  readonly failed: number;
}

/** A service that is watched, and the revision that it moves to. */
export interface WatchedService extends ServiceName {
  /** `family:revision` */
  readonly revision: string;
}

/** What a rollout and the watch of a deployment report. */
export type RolloutEvent =
  | { readonly kind: 'error'; readonly error: EcsDeployError }
  | (ServiceName & {
      readonly kind: 'service-waiting';
      /** `family:revision` */
      readonly revision: string;
      /** Names of the services that come before it. */
      readonly after: readonly string[];
    })
  | (ServiceName & {
      /** It is not started, because a service that comes before it has not succeeded. */
      readonly kind: 'service-skipped';
      /** `family:revision` */
      readonly revision: string;
      readonly because: readonly (ServiceName & { readonly outcome: Outcome })[];
    })
  | {
      /** What stays deployed although a service that was to follow was skipped. */
      readonly kind: 'left-deployed';
      readonly services: readonly WatchedService[];
    }
  | {
      readonly kind: 'watch-started';
      readonly services: readonly WatchedService[];
      /** Seconds left of --timeout. */
      readonly secondsLeft: number;
    }
  | (ServiceName & {
      readonly kind: 'rollout-progress';
      readonly phase: string;
      /** Lifecycle stage of the service deployment, e.g. `BAKE_TIME`. */
      readonly stage: string | undefined;
      /** Percentage of the production traffic that the new tasks get, where it is shifted. */
      readonly traffic: number | undefined;
      /** Percentages of the test traffic that they and the old tasks get. */
      readonly testTraffic: number | undefined;
      readonly oldTestTraffic: number | undefined;
      /** What ECS waits for although all new tasks run. */
      readonly waitsFor:
        | 'health-checks'
        | 'old-tasks'
        | 'drain'
        | 'bake'
        | 'next-step'
        | 'termination'
        | undefined;
      /** ISO time of AWS at which that began; undefined where AWS gives none. */
      readonly waitsSince: string | undefined;
      /** Seconds that it takes at most; undefined where AWS gives no limit. */
      readonly waitsAtMost: number | undefined;
      /** What the load balancer said when nothing had moved for a while; empty until then. */
      readonly targetGroups: readonly TargetGroupProgress[];
      /** Old tasks whose connections are draining: ECS no longer counts them as running. */
      readonly draining: number;
      readonly counts: RolloutCounts;
      /** Every deployment that has tasks, ours first. */
      readonly revisions: readonly RevisionProgress[];
      /** Lifecycle hooks that run or wait. */
      readonly hooks: readonly OpenHook[];
      /** Names of the alarms that ECS watches, and of those that fired. */
      readonly alarms: { readonly armed: readonly string[]; readonly fired: readonly string[] };
    })
  | (ServiceName & {
      readonly kind: 'rollout-paused';
      readonly stage: string;
      readonly hook: string;
      /** ARN of the service deployment. */
      readonly record: string;
      /** ISO time at which the hook times out, and what it does then. */
      readonly expiresAt: string | undefined;
      readonly timeoutAction: string | undefined;
      /** Hooks that wait now, this one included: with several, `continue` needs to know which. */
      readonly waiting: number;
      /** The watch ends here (`--until paused`). */
      readonly isAwaited: boolean;
    })
  | (ServiceName & {
      readonly kind: 'rollout-hook';
      readonly stage: string;
      readonly hook: string;
      /** Name of its Lambda function. */
      readonly function: string;
      /** ARN of the function. */
      readonly target: string;
      /** `IN_PROGRESS`, `SUCCEEDED`, `FAILED` or `TIMED_OUT`. */
      readonly status: string;
      /** Its log in the AWS console; undefined where there is none, as in the sandbox. */
      readonly link?: string | undefined;
    })
  | (ServiceName & {
      readonly kind: 'rollout-testable';
      /** Where the load balancer sends test traffic; undefined where it is not known. */
      readonly url?: string | undefined;
      /** Headers that lead to the new tasks, with Service Connect or by the rule of the listener. */
      readonly headers: readonly TestHeader[];
    })
  | (ServiceName & {
      readonly kind: 'service-event';
      readonly message: string;
      /** ISO time of AWS; undefined where AWS gives none. */
      readonly createdAt: string | undefined;
    })
  | (ServiceName & { readonly kind: 'cause'; readonly cause: Cause })
  | (ServiceName & {
      /** What became of a scheduled task after the rollout. */
      readonly kind: 'schedule';
      readonly schedule: ScheduleResult;
      readonly hint: string | undefined;
    })
  | (ServiceName & { readonly kind: 'rolling-back'; readonly reason: string })
  | {
      readonly kind: 'service-ended';
      readonly result: ServiceResult;
      readonly reason: string;
      readonly seconds: number;
      readonly digests: readonly string[];
      /** ECS was rolling back when the watch ended. */
      readonly rollingBack: boolean;
      /** The interrupt was meant to detach (`--detach-on-interrupt`). */
      readonly detached: boolean;
      /** Pause hooks that wait. */
      readonly waiting?: number | undefined;
      /** ISO time until which CodeDeploy keeps the old tasks, so that a rollback is instant. */
      readonly oldTasksUntil?: string | undefined;
      /** Why a rollback has nothing to do: the service was deleted, or its traffic has never moved. */
      readonly nothingToRollBack?: true;
      /** Stage at which the deployment continues after `--until serving`; undefined at any other end. */
      readonly continuesAt?: string | undefined;
    };

/** The event of one kind. */
export type RolloutEventOf<K extends RolloutEvent['kind']> = Extract<
  RolloutEvent,
  { readonly kind: K }
>;
