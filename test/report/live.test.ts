import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { serviceResult } from '../../src/core/result.ts';
import type { Event } from '../../src/events.ts';
import { consoleLink } from '../../src/report/console-link.ts';
import { draw, summarise } from '../../src/report/live.ts';
import { NOTHING_YET, reduce } from '../../src/report/run-state.ts';
import type { RunState } from '../../src/report/run-state.ts';
import { widthOf } from '../../src/report/width.ts';
import { progress } from '../support/run-events.ts';
import { makeScreen } from '../support/screen.ts';

const start = new Date('2026-01-02T03:04:05Z');
const after = (seconds: number) => new Date(start.getTime() + seconds * 1000);

/** The state after events, each at a number of seconds. */
function stateOf(...events: readonly (readonly [number, Event])[]): RunState {
  return events.reduce(
    (state, [at, event]) => reduce(state, { ...event, at: after(at) }),
    NOTHING_YET,
  );
}

const screen = { rows: 24, unicode: true, colour: false };

/** What a terminal of each width shows of a state, so many seconds after the start. */
async function shownAt(state: RunState, seconds: number): Promise<string> {
  const frames = await Promise.all(
    [100, 80, 40, 20].map(async (columns) => {
      const { stream, lines } = makeScreen(columns, screen.rows);
      const frame = draw(state, { ...screen, columns, now: after(seconds) });
      stream.write(frame.join('\n'));
      const seen = await lines();
      // Nothing wraps.
      expect(seen.length).toBe(frame.length);
      return [`-- ${columns} columns`, ...seen].join('\n');
    }),
  );
  return `${frames.join('\n')}\n`;
}

const step = (id: string, name: string, more: object = {}): Event => ({
  kind: 'build-step',
  id,
  name,
  state: 'started',
  seconds: 0,
  known: 12,
  ...more,
});
const layers = (current: number): Event => ({
  kind: 'push-progress',
  layers: [
    { id: 'a', current, total: 48e6, state: 'pushing' },
    { id: 'b', current: 0, total: 0, state: 'exists' },
    { id: 'c', current: 0, total: 0, state: 'exists' },
  ],
});
const watching = (...services: readonly string[]): Event => ({
  kind: 'watch-started',
  services: services.map((service) => ({ cluster: 'backend', service, revision: 'app:2' })),
  secondsLeft: 1800,
});
const cause: Event = {
  kind: 'cause',
  cluster: 'backend',
  service: 'api',
  cause: {
    code: 'out-of-memory',
    summary: 'container app needed more memory than it has',
    hint: 'raise memory in the task definition',
    evidence: [
      'container app: exit code 137',
      '| Starting',
      '| java.lang.OutOfMemoryError: 힙 공간',
    ],
    tasks: 2,
  },
};
const ecs: Event = {
  kind: 'service-event',
  cluster: 'backend',
  service: 'api',
  message: '(service api) has started 1 tasks: (task 0123456789abcdef0123456789abcdef).',
  createdAt: undefined,
};
const built: readonly (readonly [number, Event])[] = [
  [0, { kind: 'build-started', platform: 'linux/amd64' }],
  [41, { kind: 'built', platform: 'linux/amd64', seconds: 41 }],
  [41, { kind: 'push-started' }],
  [43.3, { kind: 'pushed', digest: 'sha256:1', seconds: 2.3, layers: [] }],
  [44, { kind: 'registered', revision: 'app:2', seconds: 0.3 }],
  [
    45,
    {
      kind: 'rollout-started',
      cluster: 'backend',
      service: 'api',
      deployment: 'ecs-svc/2',
      from: 'app:1',
      to: 'app:2',
    },
  ],
  [45, watching('api')],
];

const named = (service: string) => ({ cluster: 'backend', service, revision: 'app:2' });

const VIEWS: Readonly<Record<string, readonly [RunState, number]>> = {
  'the deployment of someone else, whose end is awaited': [
    stateOf(
      [0, { kind: 'wait-started', services: [named('api')], secondsLeft: 1800 }],
      [1, progress({ running: 1 })],
    ),
    5,
  ],
  'services that wait, and one that was skipped': [
    stateOf(
      [0, { kind: 'service-waiting', ...named('worker'), after: ['api'] }],
      [0, { kind: 'service-waiting', ...named('mailer'), after: ['worker', 'api'] }],
      [0, { kind: 'service-waiting', ...named('cron'), after: ['web'] }],
      [0, watching('api')],
      [3, progress({ running: 1 })],
      [
        4,
        {
          kind: 'service-skipped',
          ...named('cron'),
          because: [{ cluster: 'backend', service: 'web', outcome: 'failed' }],
        },
      ],
    ),
    5,
  ],
  'a command before the build': [
    stateOf(
      [0, { kind: 'before-started', command: 'npm run build' }],
      [1, { kind: 'before-output', line: 'vite v7.0.0 building for production…' }],
      [2, { kind: 'before-output', line: '✓ 812 modules transformed.\r' }],
    ),
    12,
  ],
  'a build': [
    stateOf(
      [0, { kind: 'build-started', platform: 'linux/amd64' }],
      [1, { kind: 'context-progress', files: 140, bytes: 12_345_678 }],
      [2, step('1', '[build 1/8] FROM node:24', { state: 'cached' })],
      [
        3,
        step('2', '[build 4/8] COPY package.json package-lock.json ./', {
          state: 'completed',
          seconds: 0.2,
        }),
      ],
      [21.8, step('3', '[build 5/8] RUN npm ci --omit=dev')],
      [27.2, step('4', '[web 3/4] RUN 빌드 --모드 프로덕션')],
      [
        28,
        { kind: 'build-output', step: '3', line: 'npm http fetch GET 200 express (cache miss)' },
      ],
      [29, { kind: 'build-output', step: '3', line: 'added 61 packages in 9s' }],
    ),
    31.2,
  ],
  'a push': [stateOf(...built.slice(0, 3), [42, layers(31.8e6)]), 42.5],
  'the tasks of a rollout that start': [
    stateOf(...built, [50, progress({ running: 1, pending: 1 })], [50, ecs]),
    65,
  ],
  'failed tasks': [
    stateOf(
      ...built,
      [50, progress({ running: 1, pending: 1, failed: 2, limit: 3 })],
      [51, cause],
      [51, ecs],
    ),
    65,
  ],
  'old tasks that drain': [
    stateOf(...built, [
      60,
      progress({
        running: 2,
        waitsFor: 'drain',
        draining: 2,
        waitsSince: after(55).toISOString(),
        waitsAtMost: 300,
      }),
    ]),
    200,
  ],
  'traffic that shifts': [
    stateOf(...built, [
      60,
      {
        ...progress({ running: 2, stage: 'PRODUCTION_TRAFFIC_SHIFT', traffic: 10 }),
        revisions: progress({ running: 2 }).revisions.map((row) => ({
          ...row,
          revision: `hyeon9mak-task-dev:${row.isOurs ? 43 : 42}`,
          traffic: row.isOurs ? 10 : 90,
        })),
      },
    ]),
    90,
  ],
  'a one-off task that waits for its start': [
    stateOf(
      [
        0,
        {
          kind: 'task-started',
          task: 'arn:aws:ecs:eu-west-1:1:task/backend/0123',
          command: 'rails db:migrate --trace',
          container: 'app',
          revision: 'app:2',
          console: null,
        },
      ],
      [1, { kind: 'task-progress', task: '0123', status: 'PROVISIONING' }],
    ),
    8,
  ],
  'targets that are not healthy yet': [
    stateOf(...built, [
      60,
      progress({
        running: 2,
        waitsFor: 'health-checks',
        waitsSince: after(52).toISOString(),
        targetGroups: [
          {
            targetGroup: 'api',
            targets: 2,
            healthy: 1,
            unhealthy: 0,
            draining: 0,
            deregistrationDelay: 300,
            interval: 30,
            healthyThreshold: 5,
          },
        ],
      }),
    ]),
    70,
  ],
  'a pause for approval': [
    stateOf(
      ...built,
      [60, progress({ running: 2, phase: 'paused', stage: 'POST_TEST_TRAFFIC_SHIFT', traffic: 0 })],
      [
        60,
        {
          kind: 'rollout-paused',
          cluster: 'backend',
          service: 'api',
          stage: 'POST_TEST_TRAFFIC_SHIFT',
          hook: 'approve',
          record: 'arn:aws:ecs:eu-west-1:1:service-deployment/backend/api/1',
          expiresAt: after(3660).toISOString(),
          timeoutAction: 'ROLLBACK',
          waiting: 1,
          isAwaited: false,
        },
      ],
    ),
    95,
  ],
  'a function of a stage, and an alarm': [
    stateOf(...built, [
      60,
      progress({
        running: 2,
        stage: 'BAKE_TIME',
        traffic: 100,
        waitsFor: 'bake',
        waitsSince: after(60).toISOString(),
        waitsAtMost: 300,
        hooks: [
          {
            hook: 'smoke',
            function: 'smoke-test',
            status: 'IN_PROGRESS',
            expiresAt: undefined,
            timeoutAction: undefined,
          },
        ],
        alarms: { armed: ['5xx', 'latency'], fired: ['5xx'] },
      }),
    ]),
    240,
  ],
  'a rollback': [
    stateOf(
      ...built,
      [60, progress({ running: 1, failed: 3, limit: 3, phase: 'rolling-back' })],
      [61, cause],
      [62, { kind: 'polls-failing', message: 'Rate exceeded' }],
    ),
    80,
  ],
  'several images': [
    stateOf(
      ...(['api', 'web', 'job', '결제-서비스'] as const).map(
        (imageName) => [1, { kind: 'build-started', platform: 'linux/amd64', imageName }] as const,
      ),
      [2, { ...step('1', 'RUN npm ci --omit=dev'), imageName: 'api' }],
      [3, { ...step('1', 'COPY . .', { state: 'completed' }), imageName: 'job' }],
      [4, { kind: 'built', platform: 'linux/amd64', seconds: 3, imageName: 'web' }],
      [4, { kind: 'push-started', imageName: 'web' }],
      [5, { ...layers(12e6), imageName: 'web' }],
      [6, { kind: 'built', platform: 'linux/amd64', seconds: 3, imageName: 'job' }],
      [6, { kind: 'push-started', imageName: 'job' }],
      [7, { kind: 'pushed', digest: 'sha256:1', seconds: 1, layers: [], imageName: 'job' }],
    ),
    9,
  ],
  'several services': [
    stateOf(
      [0, watching('api', 'web', 'worker', '결제-서비스')],
      [1, progress({ pending: 2 })],
      [2, progress({ service: 'web', running: 1, pending: 1 })],
      [3, progress({ service: 'worker', running: 2, waitsFor: 'old-tasks' })],
      [4, progress({ service: '결제-서비스', running: 1 })],
      [5, cause],
      [
        9,
        {
          kind: 'service-ended',
          result: serviceResult({ cluster: 'backend', service: 'worker', outcome: 'succeeded' }),
          reason: '',
          seconds: 9,
          digests: [],
          rollingBack: false,
          detached: false,
        },
      ],
    ),
    12,
  ],
};

describe('the frame of', () => {
  test.each(Object.entries(VIEWS))('%s', async (_, [state, seconds]) => {
    expect(await shownAt(state, seconds)).toMatchSnapshot();
  });

  test('a screen without Unicode is ASCII but for the names', () => {
    const [state, seconds] = VIEWS['failed tasks'] ?? [NOTHING_YET, 0];
    const frame = draw(state, { ...screen, columns: 80, unicode: false, now: after(seconds) });
    expect(frame.join('\n').replaceAll(/[힙공간]/g, '')).toMatch(/^[ -~\n]*$/);
  });

  test('a low screen keeps the causes and our revision the longest', () => {
    const [state, seconds] = VIEWS['failed tasks'] ?? [NOTHING_YET, 0];
    const frame = draw(state, { ...screen, columns: 80, rows: 4, now: after(seconds) });
    expect(frame.map((line) => line.trim().split(/\s+/)[0])).toEqual([
      expect.any(String),
      'app:2',
      '✖',
    ]);
  });
});

describe('the summary of', () => {
  const ended = (outcome: 'succeeded' | 'rolled-back', serving: string): Event => ({
    kind: 'service-ended',
    result: serviceResult({
      cluster: 'backend',
      service: 'api',
      outcome,
      taskDefinition: 'task-definition/app:2',
      previousTaskDefinition: 'task-definition/app:1',
      serving,
    }),
    reason: '',
    seconds: 65,
    digests: [],
    rollingBack: false,
    detached: false,
  });
  test.each([
    ['a success', ended('succeeded', 'task-definition/app:2')],
    ['a rollback', ended('rolled-back', 'task-definition/app:1')],
  ])('%s', (_, end) => {
    const state = stateOf(...built, [110, end]);
    const lines = [80, 40, 20].flatMap((columns) => [
      `-- ${columns} columns`,
      ...summarise(state, { ...screen, columns, now: after(111) }),
    ]);
    expect(`${lines.join('\n')}\n`).toMatchSnapshot();
  });
});

test.each([
  ['aws', 'eu-west-1', 'https://eu-west-1.console.aws.amazon.com/'],
  ['aws-cn', 'cn-north-1', 'https://cn-north-1.console.amazonaws.cn/'],
  ['aws-us-gov', 'us-gov-west-1', 'https://us-gov-west-1.console.amazonaws-us-gov.com/'],
  ['aws-iso', 'us-iso-east-1', undefined],
])('the console of %s is linked where it is known', (partition, region, start) => {
  const link = consoleLink({
    cluster: 'c',
    service: 's',
    taskDefinition: `arn:${partition}:ecs:${region}:111122223333:task-definition/app:2`,
  });
  expect(link).toBe(start && `${start}ecs/v2/clusters/c/services/s/health?region=${region}`);
});

const ids = fc.constantFrom('a', 'b', 'c');
const counts = fc.record({
  desired: fc.nat(1000),
  running: fc.nat(1000),
  pending: fc.nat(50),
  failed: fc.nat(500),
  old: fc.nat(1000),
});
const texts = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom('👩‍👩‍👧‍👦 가족', '배포', '\u001B[2J\r\n', 'e\u0301'.repeat(40)),
);
const events: fc.Arbitrary<Event> = fc.oneof(
  texts.map((command): Event => ({ kind: 'before-started', command })),
  texts.map((line): Event => ({ kind: 'before-output', line })),
  texts.map((platform): Event => ({ kind: 'build-started', platform })),
  fc
    .tuple(ids, texts, fc.constantFrom('started', 'cached', 'completed'))
    .map(([id, name, now]) => step(id, name, { state: now })),
  fc.tuple(ids, texts).map(([id, line]): Event => ({ kind: 'build-output', step: id, line })),
  fc.constant<Event>({ kind: 'push-started' }),
  fc
    .array(
      fc.record({
        id: ids,
        current: fc.nat(1e9),
        total: fc.option(fc.nat(1e9), { nil: undefined }),
        state: fc.constantFrom('waiting', 'pushing', 'pushed', 'exists'),
      }),
    )
    .map((of): Event => ({ kind: 'push-progress', layers: of })),
  fc.array(texts, { maxLength: 5 }).map((of) => watching(...of)),
  fc
    .tuple(texts, counts, fc.constantFrom(undefined, 'drain', 'bake', 'old-tasks', 'health-checks'))
    .map(([service, of, waitsFor]) => progress({ service, ...of, waitsFor })),
  texts.map((stage) => progress({ stage, traffic: 10 })),
  fc.tuple(texts, texts).map(([summary, line]): Event => ({
    kind: 'cause',
    cluster: 'backend',
    service: 'api',
    cause: { code: 'unknown', summary, hint: line, evidence: [line], tasks: 3 },
  })),
  texts.map((command): Event => ({
    kind: 'task-started',
    task: command,
    command,
    container: command,
    revision: 'app:2',
    console: null,
  })),
  texts.map((status): Event => ({ kind: 'task-progress', task: 'a', status })),
  fc.tuple(texts, fc.array(texts, { maxLength: 3 })).map(([service, of]): Event => ({
    kind: 'service-waiting',
    cluster: 'c',
    service,
    revision: 'app:2',
    after: of,
  })),
  fc.tuple(texts, texts, fc.nat(50)).map(([stage, name, count]) =>
    progress({
      stage,
      waitsFor: 'health-checks',
      hooks: [
        { hook: name, function: name, status: name, expiresAt: undefined, timeoutAction: name },
      ],
      alarms: { armed: [name, stage], fired: [name] },
      targetGroups: [
        {
          targetGroup: name,
          targets: count,
          healthy: count,
          unhealthy: 0,
          draining: count,
          deregistrationDelay: undefined,
          interval: count,
          healthyThreshold: count,
        },
      ],
    }),
  ),
  fc.tuple(ids, texts).map(([imageName, name]): Event => ({ ...step('1', name), imageName })),
  texts.map((message): Event => ({
    kind: 'service-event',
    cluster: 'backend',
    service: 'api',
    message,
    createdAt: undefined,
  })),
);

test('no frame is wider or higher than its screen, and pushes only advance', () => {
  fc.assert(
    fc.property(
      fc.array(events, { maxLength: 30 }),
      fc.nat(130),
      fc.nat(40),
      fc.boolean(),
      fc.boolean(),
      (list, columns, rows, unicode, colour) => {
        let state = NOTHING_YET;
        for (const [index, event] of list.entries()) {
          const next = reduce(state, { ...event, at: after(index) });
          expect(next.push.current).toBeGreaterThanOrEqual(state.push.current);
          expect(next.push.ratio).toBeGreaterThanOrEqual(state.push.ratio);
          expect(next.push.ratio).toBeLessThanOrEqual(1);
          expect(next.push.total ?? next.push.current).toBeGreaterThanOrEqual(next.push.current);
          state = next;
          const frame = draw(state, { columns, rows, unicode, colour, now: after(index + 1) });
          expect(frame.length).toBeLessThanOrEqual(Math.max(0, rows - 1));
          for (const line of frame) {
            expect(widthOf(line)).toBeLessThan(Math.max(1, columns));
            expect(line.replaceAll(/\p{Cc}\[\d+m/gu, '')).not.toMatch(/\p{Cc}/u);
          }
        }
      },
    ),
    { numRuns: 150 },
  );
});
