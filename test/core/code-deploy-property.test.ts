import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CodeDeployRead } from '../../src/core/code-deploy.ts';
import { toRecord } from '../../src/core/code-deploy-record.ts';
import { judgeCodeDeploy } from '../../src/core/code-deploy-verdict.ts';
import type { Service } from '../../src/core/ecs.ts';
import { DOUBTFUL_POLLS, STALE_POLLS } from '../../src/core/pacing.ts';
import { hasAllTraffic } from '../../src/core/stages.ts';
import { NO_MEMORY } from '../../src/core/verdict.ts';
import type { Verdict } from '../../src/core/verdict.ts';
import {
  codeDeployment,
  codeDeployService,
  eventsTo,
  options,
  readOf,
  sharesOf,
} from '../support/code-deploy-types.ts';
import { timeOf } from '../support/ecs-types.ts';

const ours = { id: 'd-2', taskDefinition: 'app:2', createdAt: timeOf(2), previous: undefined };

interface State {
  readonly service: Service;
  readonly read: CodeDeployRead;
}

const state = (primary: 1 | 2, read: CodeDeployRead): State => ({
  service: codeDeployService(primary === 1 ? [1, 2] : [2, 1]),
  read,
});

const ROLLS_BACK = options({
  rollbackEvents: ['DEPLOYMENT_FAILURE', 'DEPLOYMENT_STOP_ON_REQUEST'],
});
const shifted = eventsTo('AfterAllowTraffic', 'Succeeded');
const installing = state(1, readOf({}, { events: eventsTo('Install'), taskSets: sharesOf(0) }));
const serving = state(2, readOf({}, { events: shifted, taskSets: sharesOf(100) }));
const rollback = (more: Parameters<typeof codeDeployment>[1], green: number) => ({
  deployment: codeDeployment(3, { rollbackOf: 'd-2', ...more }),
  events: eventsTo('AllowTraffic'),
  taskSets: sharesOf(green),
});

/** How deployments really end, as the states that the API passes through. */
const ENDS: Readonly<Record<Exclude<Verdict['kind'], 'waiting'>, readonly State[]>> = {
  succeeded: [installing, serving, state(2, readOf({ status: 'Succeeded' }))],
  failed: [installing, state(1, readOf({ status: 'Failed' }))],
  'rolled-back': [
    installing,
    serving,
    state(2, readOf({ status: 'Stopped', options: ROLLS_BACK }, { taskSets: sharesOf(100) })),
    state(
      2,
      readOf(
        { status: 'Stopped', rollback: 'd-3' },
        { taskSets: sharesOf(100), rolledBackBy: rollback({}, 100) },
      ),
    ),
    state(
      1,
      readOf(
        { status: 'Stopped', rollback: 'd-3' },
        { taskSets: sharesOf(100), rolledBackBy: rollback({ status: 'Succeeded' }, 0) },
      ),
    ),
  ],
  superseded: [
    installing,
    state(1, readOf({ status: 'Stopped' }, { newer: { id: 'd-4', taskDefinition: 'app:4' } })),
  ],
};

/** For how many polls each state lasts, and how old each read of a poll is. */
const timing = fc.record({
  lasts: fc.array(fc.integer({ min: 1, max: DOUBTFUL_POLLS - 2 }), { minLength: 6, maxLength: 6 }),
  delays: fc.array(fc.record({ service: fc.nat(2), deployment: fc.nat(2), target: fc.nat(2) }), {
    maxLength: 30,
  }),
});

type Timing = typeof timing extends fc.Arbitrary<infer T> ? T : never;

/** Watches the states through reads that are late in different ways, at last through true ones. */
function watch(states: readonly State[], { lasts, delays }: Timing, asked = false): Verdict[] {
  const timeline = states.flatMap((item, index) =>
    Array.from({ length: lasts[index] ?? 1 }, () => item),
  );
  const at = (index: number) => timeline[Math.max(0, Math.min(index, timeline.length - 1))];
  const verdicts: Verdict[] = [];
  let memory = NO_MEMORY;
  for (let poll = 0; poll < timeline.length + 3 * STALE_POLLS; poll += 1) {
    const { service = 0, deployment = 0, target = 0 } = delays[poll] ?? {};
    const seen = at(poll - service)?.service ?? codeDeployService([1]);
    const info = at(poll - deployment)?.read ?? readOf({});
    const { events, taskSets } = at(poll - target)?.read ?? readOf({});
    const record = toRecord({ ...info, events, taskSets }, seen);
    const polled = { service: seen, record };
    const [verdict, next] = judgeCodeDeploy(ours, polled, memory, {
      rollback: asked,
      isBack: false,
    });
    verdicts.push(hasAllTraffic(ours, polled) ? { kind: 'succeeded' } : verdict);
    if (verdict.kind !== 'waiting') return [...verdicts, verdict];
    memory = next;
  }
  return verdicts;
}

test.each(Object.entries(ENDS))(
  'what ends %s is judged so, however late the reads are',
  (kind, states) => {
    fc.assert(
      fc.property(timing, (times) => {
        expect(watch(states, times).at(-1)?.kind).toBe(kind);
      }),
      { numRuns: 300 },
    );
  },
);

const STATUSES = ['Created', 'Queued', 'InProgress', 'Ready', 'Baking', 'Failed', 'Stopped', 'New'];

/** Any state in which neither all traffic has shifted nor CodeDeploy says Succeeded. */
const unsuccessful = fc
  .record({
    status: fc.constantFrom(...STATUSES),
    event: fc.constantFrom(
      'BeforeInstall',
      'Install',
      'AllowTraffic',
      'AfterAllowTraffic' as const,
    ),
    eventStatus: fc.constantFrom(
      'Pending',
      'InProgress',
      'Succeeded',
      'Failed',
      'Skipped',
      'Unknown',
    ),
    green: fc.constantFrom(0, 10, 100),
    primary: fc.constantFrom(1, 2),
    rolls: fc.boolean(),
    back: fc.constantFrom(undefined, 'InProgress', 'Succeeded', 'Failed', 'Stopped'),
    newer: fc.boolean(),
  })
  .filter(
    ({ event, eventStatus, green }) =>
      !(event === 'AfterAllowTraffic' && /Succeeded|Skipped/.test(eventStatus) && green === 100),
  )
  .map(({ status, event, eventStatus, green, primary, rolls, back, newer }) =>
    state(
      primary,
      readOf(
        { status, ...(rolls && { options: ROLLS_BACK }) },
        {
          events: eventsTo(event as 'Install', eventStatus),
          taskSets: sharesOf(green),
          rolledBackBy: back === undefined ? undefined : rollback({ status: back }, green),
          newer: newer ? { id: 'd-4', taskDefinition: 'app:4' } : undefined,
        },
      ),
    ),
  );

test('whatever CodeDeploy says: no success that it has not told of our own deployment', () => {
  const together = { service: 0, deployment: 0, target: 0 };
  fc.assert(
    fc.property(
      fc.array(unsuccessful, { minLength: 1, maxLength: 6 }),
      timing,
      fc.boolean(),
      (states, { lasts }, asked) => {
        const kinds = watch(states, { lasts, delays: [together] }, asked).map(({ kind }) => kind);
        expect(kinds).not.toContain('succeeded');
      },
    ),
    { numRuns: 1000 },
  );
});

test('whatever CodeDeploy says: no rollback while ECS shows our task set as PRIMARY', () => {
  fc.assert(
    fc.property(fc.array(unsuccessful, { minLength: 1, maxLength: 6 }), timing, (states, times) => {
      const shown = states.map(({ read }) => state(2, read));
      expect(watch(shown, times, true).map(({ kind }) => kind)).not.toContain('rolled-back');
    }),
    { numRuns: 500 },
  );
});
