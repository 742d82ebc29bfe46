import type { RolloutCounts, RolloutEventOf } from '../../src/core/rollout-events.ts';

type Progress = RolloutEventOf<'rollout-progress'>;

/** The progress of service `api` from app:1 to app:2, with two tasks unless given. */
export function progress(more: Partial<RolloutCounts & Progress> = {}): Progress {
  const { desired = 2, running = 0, pending = 0, failed = 0, limit, old = 2, ...event } = more;
  const row = { traffic: undefined, testTraffic: undefined, desired, pending: 0, failed: 0 };
  return {
    kind: 'rollout-progress',
    cluster: 'backend',
    service: 'api',
    phase: 'in-progress',
    stage: undefined,
    traffic: undefined,
    testTraffic: undefined,
    oldTestTraffic: undefined,
    waitsFor: undefined,
    waitsSince: undefined,
    waitsAtMost: undefined,
    targetGroups: [],
    draining: 0,
    counts: { desired, running, pending, failed, limit, old },
    revisions: [
      {
        ...row,
        deployment: 'ecs-svc/2',
        revision: 'app:2',
        isOurs: true,
        isServing: old === 0,
        running,
        pending,
        failed,
      },
      ...(old === 0
        ? []
        : [
            {
              ...row,
              deployment: 'ecs-svc/1',
              revision: 'app:1',
              isOurs: false,
              isServing: true,
              running: old,
            },
          ]),
    ],
    hooks: [],
    alarms: { armed: [], fired: [] },
    ...event,
  };
}
