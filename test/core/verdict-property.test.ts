import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Deployment, Service } from '../../src/core/ecs.ts';
import { STALE_POLLS } from '../../src/core/pacing.ts';
import { judge, NO_MEMORY } from '../../src/core/verdict.ts';
import type { OurDeployment, Verdict } from '../../src/core/verdict.ts';
import {
  deployment,
  record as recordOf,
  service as serviceOf,
  settings,
} from '../support/ecs-types.ts';

const [T0, T1, T2] = [0, 1, 2].map((hour) => new Date(hour * 3_600_000)) as [Date, Date, Date];
const ours: OurDeployment = {
  id: 'ecs-svc/2',
  taskDefinition: 'app:2',
  createdAt: T1,
  previous: 'ecs-svc/1',
};

interface State {
  readonly service: Service;
  readonly record: string | undefined;
}

type Entry = readonly [
  id: number,
  revision: number,
  status: string,
  rollout: string,
  createdAt: Date,
  reason?: string,
];

/** A state of the API from a few words per deployment; the first is what the service names. */
function state(record: string | undefined, entries: readonly Entry[], failed = false): State {
  const deployments = entries.map(
    ([id, revision, status, rolloutState, createdAt, reason = '']): Deployment =>
      deployment(id, {
        taskDefinition: `app:${revision}`,
        status,
        rolloutState: rolloutState as Deployment['rolloutState'],
        createdAt,
        reason,
      }),
  );
  const message = '(service s) (deployment ecs-svc/2) deployment failed: tasks failed to start.';
  return {
    record,
    service: serviceOf(deployments, {
      desired: 1,
      taskDefinition: deployments[0]?.taskDefinition ?? '',
      events: failed ? [{ id: 'e', createdAt: undefined, message }] : [],
      settings: settings({ breakerRollsBack: true }),
    }),
  };
}

const before = state(undefined, [[1, 1, 'PRIMARY', 'COMPLETED', T0]]);
const running = state('IN_PROGRESS', [
  [2, 2, 'PRIMARY', 'IN_PROGRESS', T1],
  [1, 1, 'ACTIVE', 'COMPLETED', T0],
]);

/** How deployments really end, as the states that the API passes through. */
const ENDS: Readonly<Record<string, fc.Arbitrary<readonly State[]>>> = {
  succeeded: fc.constantFrom(
    [
      before,
      running,
      state('IN_PROGRESS', [[2, 2, 'PRIMARY', 'COMPLETED', T1]]),
      state('SUCCESSFUL', [[2, 2, 'PRIMARY', 'COMPLETED', T1]]),
    ],
    // Early success: the record is first, old tasks still run.
    [
      before,
      running,
      state('SUCCESSFUL', [
        [2, 2, 'PRIMARY', 'IN_PROGRESS', T1],
        [1, 1, 'ACTIVE', 'COMPLETED', T0],
      ]),
    ],
  ),
  'rolled-back': fc
    .record({
      id: fc.constantFrom(1, 9),
      createdAt: fc.constantFrom(T0, T2),
      status: fc.constantFrom('ACTIVE', 'DRAINING'),
    })
    .map(({ id, createdAt, status }) => {
      const reason = `ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/${id}.`;
      return [
        before,
        running,
        state(
          'ROLLBACK_IN_PROGRESS',
          [
            [id, 1, 'PRIMARY', 'IN_PROGRESS', createdAt, reason],
            [2, 2, status, 'FAILED', T1],
          ],
          true,
        ),
        state(
          'ROLLBACK_IN_PROGRESS',
          [
            [id, 1, 'PRIMARY', 'COMPLETED', createdAt],
            [2, 2, status, 'FAILED', T1],
          ],
          true,
        ),
        state('ROLLBACK_SUCCESSFUL', [[id, 1, 'PRIMARY', 'COMPLETED', createdAt]], true),
      ];
    }),
  superseded: fc.constantFrom(2, 3).map((revision) => [
    before,
    running,
    state('STOP_REQUESTED', [
      [3, revision, 'PRIMARY', 'IN_PROGRESS', T2],
      [2, 2, 'ACTIVE', 'IN_PROGRESS', T1],
    ]),
    state('STOPPED', [[3, revision, 'PRIMARY', 'IN_PROGRESS', T2]]),
    state('STOPPED', [[3, revision, 'PRIMARY', 'COMPLETED', T2]]),
  ]),
  failed: fc.constant([
    before,
    running,
    state('STOP_REQUESTED', [
      [2, 2, 'PRIMARY', 'FAILED', T1],
      [1, 1, 'ACTIVE', 'COMPLETED', T0],
    ]),
    state('STOPPED', [
      [2, 2, 'PRIMARY', 'FAILED', T1],
      [1, 1, 'ACTIVE', 'COMPLETED', T0],
    ]),
  ]),
};

/** Which state each poll sees: never a later one than the truth, often an earlier one. */
const polls = fc.array(
  fc.record({
    advance: fc.boolean(),
    service: fc.oneof(
      { weight: 3, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.nat(4) },
    ),
    record: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(4) }),
  }),
  { maxLength: 40 },
);

type Polls = typeof polls extends fc.Arbitrary<infer T> ? T : never;

/** Watches a states through delayed and reordered reads, at last through true ones, to the verdict. */
function watch(states: readonly State[], reads: Polls, withRecords: boolean): Verdict {
  let memory = NO_MEMORY;
  let truth = 1;
  const settle = Array.from({ length: 2 * STALE_POLLS }, () => ({
    advance: true,
    service: 0,
    record: 0,
  }));
  for (const { advance, service, record } of [...reads, ...settle]) {
    if (advance) truth = Math.min(truth + 1, states.length - 1);
    const seen = states[Math.max(0, truth - service)];
    const status = withRecords ? states[Math.max(0, truth - record)]?.record : undefined;
    const [verdict, next] = judge(
      ours,
      {
        service: seen?.service ?? before.service,
        record: status === undefined ? undefined : recordOf(status),
      },
      memory,
    );
    if (verdict.kind !== 'waiting') return verdict;
    memory = next;
  }
  return { kind: 'waiting', phase: 'stale' };
}

const STATES = ['IN_PROGRESS', 'COMPLETED', 'FAILED'] as const;
const RECORDS = [
  undefined,
  'PENDING',
  'IN_PROGRESS',
  'STOP_REQUESTED',
  'STOPPED',
  'ROLLBACK_REQUESTED',
  'ROLLBACK_IN_PROGRESS',
  'ROLLBACK_SUCCESSFUL',
  'ROLLBACK_FAILED',
  'A_STATUS_OF_THE_FUTURE',
];

/** Any state of the API in which our deployment has not succeeded. */
const unsuccessful: fc.Arbitrary<State> = fc
  .record({
    record: fc.constantFrom(...RECORDS),
    own: fc.constantFrom(undefined, ...STATES.filter((item) => item !== 'COMPLETED')),
    primary: fc.nat(3),
    others: fc.array(
      fc.record({
        id: fc.constantFrom(1, 3, 9),
        revision: fc.constantFrom(1, 2, 3),
        rollout: fc.constantFrom(...STATES),
        createdAt: fc.constantFrom(T0, T1, T2),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    failed: fc.boolean(),
  })
  .map(({ record, own, primary, others, failed }) => {
    const entries: Entry[] = [
      ...others.map(({ id, revision, rollout, createdAt }): Entry => [
        id,
        revision,
        'ACTIVE',
        rollout,
        createdAt,
      ]),
      ...(own === undefined ? [] : [[2, 2, 'ACTIVE', own, T1] as const]),
    ];
    const first = entries[primary % entries.length] ?? [1, 1, '', 'COMPLETED', T0];
    const [id, revision, , rollout, createdAt] = first;
    return state(
      record,
      [
        [id, revision, 'PRIMARY', rollout, createdAt],
        ...entries.filter((entry) => entry !== first),
      ],
      failed,
    );
  });

test('whatever the API says: no success that it has not told of our own deployment', () => {
  fc.assert(
    fc.property(fc.array(unsuccessful, { minLength: 1 }), polls, (states, reads) => {
      expect(watch(states, reads, true).kind).not.toBe('succeeded');
      expect(watch(states, reads, false).kind).not.toBe('succeeded');
    }),
    { numRuns: 5000 },
  );
});

test('whatever the API says: no success while the service names another revision than ours', () => {
  const elsewhere = fc
    .tuple(unsuccessful, fc.constantFrom('SUCCESSFUL', 'IN_PROGRESS', undefined))
    .map(([{ service }, record]): State => ({
      record,
      service: {
        ...service,
        taskDefinition: 'app:1',
        deployments: service.deployments.map((item) => ({
          ...item,
          rolloutState: 'COMPLETED' as const,
        })),
      },
    }));
  fc.assert(
    fc.property(fc.array(elsewhere, { minLength: 1 }), polls, (states, reads) => {
      expect(watch(states, reads, true).kind).not.toBe('succeeded');
      expect(watch(states, reads, false).kind).not.toBe('succeeded');
    }),
    { numRuns: 5000 },
  );
});

describe.each([true, false])('with records: %s', (withRecords) => {
  test.each(Object.entries(ENDS))(
    'what ends %s is judged so, however the reads come',
    (kind, arbitrary) => {
      fc.assert(
        fc.property(arbitrary, polls, (states, reads) => {
          // Early success is told by the record alone.
          fc.pre(
            withRecords || states.at(-1)?.service.deployments[0]?.rolloutState !== 'IN_PROGRESS',
          );
          expect(watch(states, reads, withRecords).kind).toBe(kind);
        }),
        { numRuns: 2000 },
      );
    },
  );
});
