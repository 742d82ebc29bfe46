import type { Change } from './core/changes.ts';
import type { CodeDeployNames } from './core/code-deploy.ts';
import type { Finding } from './core/checks.ts';
import type { TimedCall } from './core/critical-path.ts';
import type { Remark, ServiceResult, TaskResult } from './core/result.ts';
import type { RolloutEvent, WatchedService } from './core/rollout-events.ts';
import type { ScheduleResult } from './core/scheduled.ts';
import type { ServiceName } from './core/service-name.ts';
import type { RolloutTime, TrafficPhase } from './core/stages.ts';

/** Bytes of one layer on its way to the registry. */
export interface LayerProgress {
  readonly id: string;
  readonly current: number;
  /** Undefined where the daemon gives none. */
  readonly total: number | undefined;
  readonly state: 'waiting' | 'pushing' | 'pushed' | 'exists';
}

/** What a deploy or a rollback is going to do with one service. */
export interface ServicePlan extends ServiceName {
  /** Revision that runs, as `family:revision`. */
  readonly from: string;
  /** Revision that it moves to; undefined where that is not registered yet. */
  readonly to: string | undefined;
  readonly isExpress: boolean;
  readonly changes: readonly Change[];
  /** Names of the services that it starts after. */
  readonly after: readonly string[];
  /** How a rollback goes there; undefined for a deploy. */
  readonly how?: RollbackHow | undefined;
  /** The time that the rollout takes at least; undefined where nothing makes it wait. */
  readonly time?: RolloutTime | undefined;
  /** Lifecycle stages at which it pauses for approval. */
  readonly pauses?: readonly string[];
  /** What deploys it, of a service of CodeDeploy. */
  readonly codeDeploy?: CodeDeployNames;
  /** Scheduled tasks of the family; empty without the setting. */
  readonly schedules: readonly ScheduleResult[];
}

/** How a rollback goes back to a revision. */
export interface RollbackHow {
  /** Through the pause hook at which the deployment waits, by stopping it, or with a new one. */
  readonly by: 'hook' | 'stop' | 'deployment';
  /** Stage of the deployment in progress; undefined without one, or for a rolling one. */
  readonly stage: string | undefined;
  readonly phase: TrafficPhase | undefined;
}

/**
 * Everything that a step reports, as facts without wording; `report/` words it. Of several images, each
 * has its name in the events of its build and its push.
 */
export type Event = Fact & { readonly imageName?: string | undefined };

type Fact =
  | {
      readonly kind: 'api-call';
      readonly action: string;
      readonly milliseconds: number;
      readonly failure: string | undefined;
    }
  | {
      readonly kind: 'critical-path';
      readonly calls: readonly TimedCall[];
      /** Milliseconds in which none of them was under way, and of the whole path. */
      readonly local: number;
      readonly total: number;
    }
  | {
      readonly kind: 'warning';
      readonly message: string;
      readonly hint?: string | undefined;
      /** A run warns once of each reason; without one, once of each message. */
      readonly reason?: string | undefined;
    }
  | {
      readonly kind: 'plan';
      /** The command ends with its plan. */
      readonly isDryRun: boolean;
      /** Undefined for a rollback, and for several images. */
      readonly image: string | undefined;
      readonly builds: boolean;
      /** Of several images only. */
      readonly images?: readonly {
        readonly name: string;
        readonly reference: string;
        readonly builds: boolean;
      }[];
      readonly services: readonly ServicePlan[];
    }
  /** The plan was everything: nothing is changed. */
  | { readonly kind: 'dry-run-ended' }
  | (ServiceName & {
      /** Services that are not part of the run, so that `after` does not wait for them. */
      readonly kind: 'after-ignored';
      readonly after: readonly string[];
    })
  | { readonly kind: 'checked'; readonly findings: readonly Finding[] }
  | { readonly kind: 'image-present'; readonly reference: string; readonly digest: string }
  | {
      readonly kind: 'docker-found';
      readonly address: string;
      /** The setting that names it, e.g. `context colima`; `default` for the default socket. */
      readonly source: string;
      readonly version: string;
      readonly standIn: boolean;
    }
  /** What builds instead of the Docker daemon, or with more than its usual way. */
  | { readonly kind: 'builder-found'; readonly name: string }
  | { readonly kind: 'commit-checked-out'; readonly commit: string }
  | {
      /** git cannot read the commit: it comes from the CI system. */
      readonly kind: 'commit-from-ci';
      readonly commit: string;
      readonly branch: string | undefined;
      /** The environment variable that it is from. */
      readonly variable: string;
    }
  | { readonly kind: 'before-started'; readonly command: string }
  | { readonly kind: 'before-output'; readonly line: string }
  | { readonly kind: 'build-started'; readonly platform: string }
  | { readonly kind: 'context-progress'; readonly files: number; readonly bytes: number }
  | { readonly kind: 'context-sent'; readonly files: number; readonly bytes: number }
  | {
      readonly kind: 'build-step';
      /** Two steps can have the same name. */
      readonly id: string;
      readonly name: string;
      readonly state: 'started' | 'cached' | 'completed';
      readonly seconds: number;
      /** Steps of the build that are known so far, this one included. */
      readonly known: number;
    }
  | {
      readonly kind: 'build-output';
      readonly line: string;
      /** Id of its step; undefined from a builder without steps. */
      readonly step: string | undefined;
    }
  | { readonly kind: 'built'; readonly platform: string; readonly seconds: number }
  | { readonly kind: 'repository-created'; readonly uri: string }
  | { readonly kind: 'push-started' }
  | { readonly kind: 'push-progress'; readonly layers: readonly LayerProgress[] }
  | {
      readonly kind: 'pushed';
      readonly digest: string;
      readonly seconds: number;
      readonly layers: readonly LayerProgress[];
    }
  | { readonly kind: 'image-tagged'; readonly tags: readonly string[] }
  | {
      /** Deployments of others are in progress, and their ends are awaited. */
      readonly kind: 'wait-started';
      readonly services: readonly WatchedService[];
      /** Seconds left of --timeout. */
      readonly secondsLeft: number;
    }
  | {
      /** `rollout --watch` finds no deployment to follow, and reads again before it says so. */
      readonly kind: 'start-awaited';
      /** Seconds for which it reads again. */
      readonly seconds: number;
    }
  | {
      readonly kind: 'wait-ended';
      /** Of the deployment that was awaited. */
      readonly result: ServiceResult;
      readonly reason: string;
      readonly seconds: number;
    }
  | {
      readonly kind: 'registered';
      readonly revision: string;
      /** Of a service with a place of its own. */
      readonly region?: string | undefined;
      readonly seconds: number;
    }
  | { readonly kind: 'register-skipped'; readonly revision: string }
  | {
      readonly kind: 'pruned';
      /** `family:revision` */
      readonly revisions: readonly string[];
      readonly outcome: 'deregistered' | 'deleted';
    }
  | { readonly kind: 'register-retried'; readonly family: string }
  | (ServiceName & {
      readonly kind: 'rollout-started';
      readonly deployment: string;
      readonly from: string;
      readonly to: string;
    })
  | (ServiceName & {
      readonly kind: 'rollout-unchanged';
      readonly revision: string;
      /** `continue` leaves it as it is: its deployment waits at no pause hook. */
      readonly notPaused?: true;
      /** `rollout --watch` finds no deployment in progress. */
      readonly notDeploying?: true;
    })
  | (ServiceName & { readonly kind: 'rollout-continued'; readonly hook: string })
  | RolloutEvent
  | {
      readonly kind: 'release-planned';
      /** In the order in which they will run. */
      readonly tasks: readonly (ServiceName & {
        readonly command: string;
        readonly container: string;
      })[];
    }
  | (ServiceName & { readonly kind: 'release-skipped'; readonly command: string })
  | {
      readonly kind: 'task-started';
      /** ARN */
      readonly task: string;
      readonly command: string;
      readonly container: string;
      /** `family:revision` */
      readonly revision: string;
      /** Its page in the AWS console; null where none is known. */
      readonly console: string | null;
    }
  | { readonly kind: 'task-retried'; readonly reason: string }
  | {
      readonly kind: 'task-progress';
      readonly task: string;
      /** As ECS calls it, e.g. `PROVISIONING`. */
      readonly status: string;
    }
  | { readonly kind: 'task-output'; readonly line: string }
  /** Log lines of the command go to stdout from now on. */
  | { readonly kind: 'log-printed'; readonly container: string }
  | {
      readonly kind: 'task-interrupted';
      readonly task: string;
      /** The command line that stops it. */
      readonly stop: string;
      /** Whether it is being stopped; otherwise the command continues. */
      readonly isStopped: boolean;
      readonly console: string | null;
    }
  | {
      readonly kind: 'task-ended';
      readonly command: string;
      readonly result: TaskResult;
      /** Whether its log lines are on stdout. */
      readonly logPrinted: boolean;
    }
  | {
      readonly kind: 'polls-failing';
      readonly message: string;
      /** Of services with a place of their own. */
      readonly region?: string | undefined;
    }
  | (ServiceName & {
      /** The terminal is for a question about a pause hook until it has ended. */
      readonly kind: 'question-started';
      readonly stage: string;
      readonly hook: string;
    })
  | (ServiceName & { readonly kind: 'question-ended'; readonly hook: string })
  | { readonly kind: 'polls-recovered' }
  | {
      readonly kind: 'watch-ended';
      readonly polls: number;
      /** API calls of all polls together, and of the poll that made most. */
      readonly calls: number;
      readonly mostCalls: number;
    }
  | {
      readonly kind: 'hook-started';
      /** The key of the config file. */
      readonly hook: 'check' | 'notify';
      readonly command: string;
    }
  | { readonly kind: 'hook-output'; readonly hook: 'check' | 'notify'; readonly line: string }
  | {
      readonly kind: 'hook-ended';
      readonly hook: 'check' | 'notify';
      readonly command: string;
      /** Exit status; null after a signal. */
      readonly status: number | null;
      readonly seconds: number;
    }
  | { readonly kind: 'log-empty' }
  | { readonly kind: 'config-drafted'; readonly path: string; readonly content: string }
  | {
      readonly kind: 'workflow-read';
      readonly remarks: readonly Remark[];
      /** Settings that the workflow takes from somewhere else, e.g. `${{ secrets.CLUSTER }}`. */
      readonly missing: readonly {
        readonly place: string;
        readonly key: string;
        readonly text: string;
        /** How the setting can be given. */
        readonly ways: string;
      }[];
    }
  | { readonly kind: 'workflow-proposed'; readonly content: string }
  | {
      readonly kind: 'file-written';
      readonly path: string;
      /** The command line that writes the same without questions. */
      readonly again: string | undefined;
    }
  | {
      readonly kind: 'sandbox-started';
      readonly url: string;
      readonly registry: string;
      readonly speed: number;
      readonly scenarios: readonly string[];
      /** What there is at the start. */
      readonly region: string;
      readonly clusters: readonly string[];
      readonly services: readonly string[];
      readonly repositories: readonly string[];
    }
  | { readonly kind: 'sandbox-stand-in'; readonly reason: string }
  | {
      /** A call asked for an operation (no members) or for members that the sandbox does not model. */
      readonly kind: 'sandbox-gap';
      readonly action: string;
      readonly members: readonly string[];
    }
  | { readonly kind: 'sandbox-waiting'; readonly variables: readonly string[] }
  | { readonly kind: 'interrupted'; readonly message: string; readonly hint: string | undefined };

/** Takes one event. */
export type Emit = (event: Event) => void;

/** An event with the time at which it happened, as the reporters take it. */
export type TimedEvent = Event & { readonly at: Date };

/** The event of one kind. */
export type EventOf<K extends Event['kind']> = Extract<Event, { readonly kind: K }>;

/** Seconds since a `performance.now()`, to the millisecond. */
export function secondsSince(start: number): number {
  return Math.round(performance.now() - start) / 1000;
}
