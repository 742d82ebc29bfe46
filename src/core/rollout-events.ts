import type { EcsDeployError } from '../errors.ts';
import type { Cause } from './diagnosis.ts';
import type { TargetGroupProgress } from './load-balancer.ts';
import type { Outcome, ServiceResult } from './result.ts';
import type { ScheduleResult } from './scheduled.ts';

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
  readonly desired: number;
  readonly running: number;
  readonly pending: number;
  readonly failed: number;
}

/** A service that is watched, and the revision that it moves to. */
export interface WatchedService {
  readonly cluster: string;
  readonly service: string;
  /** `family:revision` */
  readonly revision: string;
}

/** What a rollout and the watch of a deployment tell. */
export type RolloutEvent =
  | { readonly kind: 'error'; readonly error: EcsDeployError }
  | {
      readonly kind: 'service-waiting';
      readonly cluster: string;
      readonly service: string;
      /** `family:revision` */
      readonly revision: string;
      /** Names of the services that come before it. */
      readonly after: readonly string[];
    }
  | {
      /** It is not started, because a service that comes before it has not succeeded. */
      readonly kind: 'service-skipped';
      readonly cluster: string;
      readonly service: string;
      /** `family:revision` */
      readonly revision: string;
      readonly because: readonly { readonly service: string; readonly outcome: Outcome }[];
    }
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
  | {
      readonly kind: 'rollout-progress';
      readonly service: string;
      readonly phase: string;
      /** Lifecycle stage of the service deployment, e.g. `BAKE_TIME`. */
      readonly stage: string | undefined;
      /** Percentage of the production traffic that the new tasks get, where it is shifted. */
      readonly traffic: number | undefined;
      /** What ECS waits for although all new tasks run. */
      readonly waitsFor: 'health-checks' | 'old-tasks' | 'drain' | 'bake' | undefined;
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
    }
  | {
      readonly kind: 'rollout-paused';
      readonly service: string;
      readonly stage: string;
      readonly hook: string;
      /** ARN of the service deployment. */
      readonly record: string;
      /** ISO time at which ECS continues by itself, and what it does then. */
      readonly expiresAt: string | undefined;
      readonly timeoutAction: string | undefined;
    }
  | {
      readonly kind: 'service-event';
      readonly service: string;
      readonly message: string;
      /** ISO time of AWS; undefined where AWS gives none. */
      readonly createdAt: string | undefined;
    }
  | { readonly kind: 'cause'; readonly service: string; readonly cause: Cause }
  | {
      /** What became of a scheduled task after the rollout. */
      readonly kind: 'schedule';
      readonly service: string;
      readonly schedule: ScheduleResult;
      readonly hint: string | undefined;
    }
  | { readonly kind: 'rolling-back'; readonly service: string; readonly reason: string }
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
    };

/** The event of one kind. */
export type RolloutEventOf<K extends RolloutEvent['kind']> = Extract<
  RolloutEvent,
  { readonly kind: K }
>;
