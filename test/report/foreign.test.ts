import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import type { Change } from '../../src/core/changes.ts';
import type { Cause } from '../../src/core/diagnosis.ts';
import type { TargetGroupProgress } from '../../src/core/load-balancer.ts';
import { serviceResult } from '../../src/core/result.ts';
import type { Output, Result, ServiceResult, TaskResult } from '../../src/core/result.ts';
import type { ScheduleResult } from '../../src/core/scheduled.ts';
import { EcsDeployError } from '../../src/errors.ts';
import type { Event, EventOf } from '../../src/events.ts';
import { commandGuard } from '../../src/report/ci.ts';
import { writeJobFiles } from '../../src/report/job-files.ts';
import { openFormat } from '../../src/report/output.ts';
import { openReporter } from '../../src/report/reporter.ts';
import { expectInert, HOSTILE, MARKER } from '../support/hostile.ts';
import { makeFolder } from '../support/files.ts';
import { readOutputs } from '../support/runner.ts';

const hookOf = (t: string) => ({
  hook: t,
  function: t,
  status: t,
  expiresAt: t,
  timeoutAction: t,
});

const causeOf = (t: string): Cause => ({
  code: 'unknown',
  summary: t,
  hint: t,
  evidence: [t, t],
  tasks: 2,
});
const changesOf = (t: string): Change[] => [
  { container: t, path: t, before: t, after: t },
  { container: null, path: t, before: undefined, after: { [t]: [t] } },
  { container: t, path: 'name', before: t, after: 'new' },
];
const resultOf = (t: string, outcome: ServiceResult['outcome']): ServiceResult =>
  serviceResult({
    cluster: t,
    service: t,
    outcome,
    taskDefinition: t,
    previousTaskDefinition: `old ${t}`,
    deployment: t,
    causes: [causeOf(t)],
    changes: changesOf(t),
    schedules: schedulesOf(t),
  });
const taskOf = (t: string, outcome: TaskResult['outcome']): TaskResult => ({
  task: t,
  container: t,
  exitCode: 1,
  stopCode: t,
  outcome,
  causes: [],
  seconds: 1,
});
const schedulesOf = (t: string): ScheduleResult[] =>
  (['planned', 'updated', 'unchanged', 'follows', 'skipped', 'failed', 'unknown'] as const).map(
    (outcome) => ({
      kind: 'rule',
      name: t,
      group: t,
      target: t,
      enabled: true,
      expression: t,
      from: t,
      to: t,
      outcome,
      reason: t,
    }),
  );
const targetGroupOf = (t: string): TargetGroupProgress => ({
  targetGroup: t,
  targets: 2,
  healthy: 1,
  unhealthy: 1,
  draining: 1,
  deregistrationDelay: 1,
  interval: 1,
  healthyThreshold: 1,
});
const layersOf = (t: string) => [
  { id: t, current: 1, total: 2, state: 'pushing' as const },
  { id: t, current: 1, total: 2, state: 'exists' as const },
];

/** Events of every kind with a text of others in every member; a kind without a sample does not compile. */
const SAMPLES: {
  readonly [K in Event['kind']]: (t: string) => readonly Omit<EventOf<K>, 'kind'>[];
} = {
  'api-call': (t) => [{ action: t, milliseconds: 1, failure: t }],
  warning: (t) => [{ message: t, hint: t }],
  plan: (t) => [
    {
      isDryRun: true,
      image: t,
      builds: true,
      images: [{ name: t, reference: t, builds: true }],
      services: [
        {
          cluster: t,
          service: t,
          from: t,
          to: t,
          isExpress: true,
          changes: changesOf(t),
          after: [t],
          schedules: schedulesOf(t),
        },
      ],
    },
  ],
  checked: (t) => [
    {
      findings: (['ok', 'warn', 'fail', 'skip'] as const).map((status) => ({
        check: 'log-groups',
        about: t,
        status,
        message: t,
        hint: t,
      })),
    },
  ],
  'image-present': (t) => [{ reference: t, digest: t }],
  'builder-found': (t) => [{ name: t }],
  'docker-found': (t) => [
    { address: t, source: t, version: t, standIn: false },
    { address: t, source: t, version: t, standIn: true },
  ],
  'commit-checked-out': (t) => [{ commit: t }],
  'commit-from-ci': (t) => [{ commit: t, branch: t, variable: t }],
  'before-started': (t) => [{ command: t }],
  'before-output': (t) => [{ line: t }],
  'build-started': (t) => [{ platform: t }],
  'context-progress': () => [{ files: 1, bytes: 1 }],
  'context-sent': () => [{ files: 1, bytes: 1 }],
  'build-step': (t) => [
    { id: '1', name: t, state: 'completed', seconds: 1, known: 2 },
    { id: '2', name: t, state: 'started', seconds: 1, known: 2 },
  ],
  'build-output': (t) => [
    { line: t, step: '2' },
    { line: t, step: '2', imageName: t },
  ],
  built: (t) => [{ platform: t, seconds: 1 }],
  'repository-created': (t) => [{ uri: t }],
  'push-started': () => [{}],
  'push-progress': (t) => [{ layers: layersOf(t) }],
  pushed: (t) => [{ digest: t, seconds: 1, layers: layersOf(t) }],
  'image-tagged': (t) => [{ tags: [t, t] }],
  registered: (t) => [{ revision: t, seconds: 1 }],
  'register-skipped': (t) => [{ revision: t }],
  'register-retried': (t) => [{ family: t }],
  'rollout-started': (t) => [{ cluster: t, service: t, deployment: t, from: t, to: `new ${t}` }],
  'dry-run-ended': () => [{}],
  'after-ignored': (t) => [{ cluster: t, service: t, after: [t, t] }],
  'service-waiting': (t) => [{ cluster: t, service: t, revision: t, after: [t, t] }],
  'service-skipped': (t) =>
    [[], [{ cluster: t, service: t, outcome: 'failed' as const }]].map((because) => ({
      cluster: t,
      service: t,
      revision: t,
      because,
    })),
  'left-deployed': (t) => [{ services: [{ cluster: t, service: t, revision: t }] }],
  'wait-started': (t) => [{ services: [{ cluster: t, service: t, revision: t }], secondsLeft: 1 }],
  'start-awaited': () => [{ seconds: 12 }],
  'wait-ended': (t) =>
    (['succeeded', 'failed', 'rolled-back', 'superseded'] as const).map((outcome) => ({
      result: resultOf(t, outcome),
      reason: t,
      seconds: 1,
    })),
  'watch-started': (t) => [{ services: [{ cluster: t, service: t, revision: t }], secondsLeft: 1 }],
  'rollout-unchanged': (t) => [{ cluster: t, service: t, revision: t }],
  error: (t) => {
    const error = new EcsDeployError({ code: 'aws-rejected', message: t, hint: t });
    return [
      { error },
      { error: new EcsDeployError({ code: 'usage', message: t }, [error, error]) },
    ];
  },
  'rollout-progress': (t) => [
    {
      cluster: t,
      service: t,
      phase: t,
      stage: t,
      traffic: 1,
      testTraffic: 1,
      oldTestTraffic: 1,
      waitsFor: undefined,
      waitsSince: t,
      waitsAtMost: 1,
      targetGroups: [targetGroupOf(t)],
      draining: 0,
      counts: { desired: 1, running: 1, pending: 1, failed: 1, limit: 1, old: 1 },
      revisions: [true, false].map((isOurs) => ({
        deployment: t,
        revision: t,
        isOurs,
        isServing: isOurs,
        traffic: 1,
        testTraffic: 1,
        desired: 1,
        running: 1,
        pending: 1,
        failed: 1,
      })),
      hooks: [hookOf(t), { ...hookOf(t), function: undefined }],
      alarms: { armed: [t], fired: [t] },
    },
  ],
  'rollout-paused': (t) => [
    {
      cluster: t,
      service: t,
      stage: t,
      hook: t,
      record: t,
      expiresAt: t,
      timeoutAction: t,
      waiting: 2,
      isAwaited: false,
    },
  ],
  'rollout-continued': (t) => [{ cluster: t, service: t, hook: t }],
  'rollout-hook': (t) =>
    ['FAILED', t].map((status) => ({
      cluster: t,
      service: t,
      stage: t,
      hook: t,
      function: t,
      target: `arn:aws:lambda:${t}`,
      status,
    })),
  'rollout-testable': (t) => [
    {
      cluster: t,
      service: t,
      url: t,
      headers: [
        { name: t, value: t },
        { name: t, value: undefined },
      ],
    },
  ],
  'service-event': (t) => [{ cluster: t, service: t, message: t, createdAt: t }],
  cause: (t) => [
    { cluster: t, service: t, cause: causeOf(t) },
    { cluster: t, service: t, cause: { ...causeOf(t), tasks: 0 } },
  ],
  schedule: (t) =>
    schedulesOf(t).flatMap((schedule) =>
      [t, null].map((name) => ({
        cluster: t,
        service: t,
        schedule: { ...schedule, name },
        hint: t,
      })),
    ),
  pruned: (t) => [
    { revisions: [t], outcome: 'deregistered' },
    { revisions: [t], outcome: 'deleted' },
  ],
  'rolling-back': (t) => [{ cluster: t, service: t, reason: t }],
  'service-ended': (t) =>
    (
      [
        'succeeded',
        'failed',
        'rolled-back',
        'superseded',
        'timed-out',
        'unknown',
        'interrupted',
      ] as const
    ).map((outcome) => ({
      result: resultOf(t, outcome),
      reason: t,
      seconds: 1,
      digests: [t],
      rollingBack: false,
      detached: false,
    })),
  'polls-failing': (t) => [{ message: t }],
  'question-started': (t) => [{ cluster: t, service: t, stage: t, hook: t }],
  'question-ended': (t) => [{ cluster: t, service: t, hook: t }],
  'polls-recovered': () => [{}],
  'critical-path': (t) => [{ calls: [{ action: t, start: 0, end: 1 }], local: 1, total: 2 }],
  'watch-ended': () => [{ polls: 1, calls: 1, mostCalls: 1 }],
  'release-planned': (t) => [{ tasks: [{ command: t, container: t, cluster: t, service: t }] }],
  'release-skipped': (t) => [{ command: t, cluster: t, service: t }],
  'task-started': (t) => [
    { task: t, command: t, container: t, revision: t, console: t },
    { task: t, command: t, container: t, revision: t, console: null },
  ],
  'task-retried': (t) => [{ reason: t }],
  'task-progress': (t) => [{ task: t, status: t }],
  'task-output': (t) => [{ line: t }],
  'log-printed': (t) => [{ container: t }],
  'task-interrupted': (t) =>
    [false, true].map((isStopped) => ({ task: t, stop: t, isStopped, console: t })),
  'task-ended': (t) => [
    { command: t, result: taskOf(t, 'succeeded'), logPrinted: false },
    { command: t, result: { ...taskOf(t, 'failed'), causes: [causeOf(t)] }, logPrinted: false },
    { command: t, result: taskOf(t, 'interrupted'), logPrinted: true },
    { command: t, result: taskOf(t, 'unknown'), logPrinted: true },
  ],
  'hook-started': (t) => [{ hook: 'check', command: t }],
  'hook-output': (t) => [{ hook: 'notify', line: t }],
  'hook-ended': (t) => [{ hook: 'check', command: t, status: 0, seconds: 1 }],
  'log-empty': () => [{}],
  'config-drafted': (t) => [{ path: t, content: t }],
  'workflow-read': (t) => [
    {
      remarks: (['ok', 'warn'] as const).map((status) => ({ place: t, status, message: t })),
      missing: [{ place: t, key: t, text: t, ways: t }],
    },
  ],
  'workflow-proposed': (t) => [{ content: t }],
  'file-written': (t) => [
    { path: t, again: t },
    { path: t, again: undefined },
  ],
  'sandbox-started': (t) => [
    {
      url: t,
      registry: t,
      speed: 1,
      scenarios: [t],
      region: t,
      clusters: [t],
      services: [t],
      repositories: [t],
    },
  ],
  'sandbox-stand-in': (t) => [{ reason: t }],
  'sandbox-gap': (t) => [
    { action: t, members: [] },
    { action: t, members: [t] },
  ],
  'sandbox-waiting': (t) => [{ variables: [t] }],
  interrupted: (t) => [{ message: t, hint: t }],
};

const eventsOf = (text: string): Event[] =>
  Object.entries(SAMPLES).flatMap(([kind, sample]) =>
    sample(text).map((members) => ({ kind, ...members }) as Event),
  );

/** A stream that collects; as a terminal it has a size. */
function collect(isTTY: boolean) {
  let text = '';
  const stream = new Writable({
    decodeStrings: false,
    write: (part: string, _, done) => {
      text += part;
      done();
    },
  });
  const terminal = { isTTY, columns: 10_000, getWindowSize: () => [10_000, 1000] };
  return {
    stream: Object.assign(stream, terminal) as unknown as NodeJS.WriteStream,
    text: () => text,
  };
}

test.each([
  ['plain', false, {}],
  ['plain', false, { FORCE_COLOR: '1' }],
  ['terminal', true, {}],
  ['terminal', true, { NO_COLOR: '1' }],
  ['json', false, {}],
  ['quiet', false, {}],
] as const)(
  'the %s reporter writes nothing of others raw (terminal: %s, %j)',
  async (progress, isTTY, more) => {
    for (const github of [false, true]) {
      const environment = { ...more, ...(github && { GITHUB_ACTIONS: 'true' }) };
      for (const hostile of HOSTILE) {
        const { stream, text } = collect(isTTY);
        const reporter = await openReporter({ progress, verbose: true, stream, environment });
        for (const event of eventsOf(hostile)) reporter.report({ ...event, at: new Date(0) });
        reporter.end();
        expect(text()).toContain(MARKER);
        // The region moves the cursor even without colours.
        expectInert(text(), { github, coloured: isTTY || 'FORCE_COLOR' in more });
      }
    }
  },
);

/** Results of every kind; a kind without a sample does not compile. */
const OUTPUTS: {
  readonly [K in Output['kind']]: (t: string) => Omit<Extract<Output, { kind: K }>, 'kind'>;
} = {
  text: (t) => ({ text: t }),
  lines: (t) => ({ lines: [t, t] }),
  diff: (t) => ({ changes: changesOf(t) }),
  status: (t) => ({
    at: new Date(0),
    services: [
      {
        cluster: t,
        service: t,
        status: t,
        desired: 1,
        running: 1,
        pending: 1,
        taskDefinition: t,
        serving: t,
        runningByRevision: { [t]: 1 },
        express: { endpoint: t, taskDefinition: t },
        paused: { hook: t, stage: t, expiresAt: t },
        deployments: [
          {
            id: t,
            status: t,
            taskDefinition: t,
            rolloutState: 'IN_PROGRESS',
            desired: 1,
            running: 1,
            pending: 1,
            failedTasks: 1,
            createdAt: null,
            digests: [t],
            image: t,
            tag: t,
            commit: t,
            serviceDeployment: {
              status: 'IN_PROGRESS',
              stage: t,
              failures: 1,
              threshold: 1,
              traffic: 1,
              testTraffic: 1,
              oldTestTraffic: 1,
              pausedBy: t,
              hooks: [hookOf(t), { ...hookOf(t), function: undefined }],
              alarms: { armed: [t], fired: [t] },
            },
          },
        ],
        tasks: [
          { id: t, taskDefinition: t, lastStatus: t, health: t, since: null, stoppedReason: t },
        ],
        targetGroups: [
          {
            name: t,
            arn: t,
            healthCheck: t,
            counts: { [t]: 1 },
            targets: [{ task: t, target: t, zone: t, state: t, reason: t, description: t }],
          },
        ],
        events: [{ createdAt: null, message: t }],
        schedules: schedulesOf(t),
      },
    ],
  }),
  diagnosis: (t) => ({
    services: [[causeOf(t)], []].map((causes) => ({
      cluster: t,
      service: t,
      desired: 1,
      serving: t,
      running: { [t]: 1 },
      hasBreaker: false,
      subject: {
        deployment: t,
        taskDefinition: t,
        state: 'failed',
        createdAt: new Date(0),
        reason: t,
        pausedAt: t,
      },
      causes,
      targetGroups: [targetGroupOf(t)],
      events: [t],
    })),
  }),
  prune: (t) => ({
    keep: 1,
    olderThan: 1000,
    families: [
      {
        family: t,
        revisions: (['registered-by-other', 'service'] as const).map((code) => ({
          taskDefinition: t,
          status: t,
          registeredAt: null,
          outcome: 'kept',
          reasons: [{ code, by: t }],
        })),
      },
    ],
  }),
  history: (t) => ({
    services: [
      {
        cluster: t,
        service: t,
        desired: 1,
        running: 1,
        taskDefinition: t,
        serving: t,
        runningByRevision: { [t]: 1 },
        rollbackTo: t,
        history: [
          {
            deployment: t,
            outcome: 'failed',
            status: t,
            reason: t,
            createdAt: new Date(0).toISOString(),
            finishedAt: null,
            seconds: null,
            taskDefinition: t,
            image: t,
            tag: t,
            commit: t,
          },
        ],
        hasOlder: true,
      },
    ],
  }),
  logs: (t) => ({
    lines: [{ task: t, container: t, time: t, message: t, stopped: true }],
    withContainer: true,
    withTime: true,
    tasks: [t],
  }),
};

test.each(Object.keys(OUTPUTS) as Output['kind'][])(
  'the result %s has nothing of others raw',
  async (kind) => {
    for (const github of [false, true]) {
      const guard = commandGuard(github ? { GITHUB_ACTIONS: 'true' } : {});
      for (const hostile of HOSTILE) {
        for (const coloured of [false, true]) {
          const output = { kind, ...OUTPUTS[kind](hostile) } as Output;
          const format = await openFormat(coloured, () => undefined);
          for (const columns of [Infinity, 20]) {
            const text = guard(format(output, columns));
            expect(text).toContain(MARKER);
            expectInert(text, { github, coloured });
          }
        }
      }
    }
  },
);

test('the files of a job have nothing of others raw, and each output is one line', () => {
  for (const hostile of HOSTILE) {
    const folder = makeFolder({ output: '', summary: '' });
    const [output, summary] = [join(folder, 'output'), join(folder, 'summary')];
    const result: Result = {
      command: 'deploy',
      outcome: 'failed',
      image: { reference: hostile, digest: hostile, platform: null, built: true, pushed: true },
      services: [resultOf(hostile, 'rolled-back'), resultOf(hostile, 'failed')],
      tasks: [{ ...taskOf(hostile, 'failed'), causes: [causeOf(hostile)] }],
      error: { code: 'aws-rejected', message: hostile, hint: hostile },
      seconds: { total: 1 },
    };
    const ends = SAMPLES['service-ended'](hostile).map((members) => ({
      kind: 'service-ended' as const,
      ...members,
    }));
    writeJobFiles(result, ends, {
      GITHUB_ACTIONS: 'true',
      GITHUB_OUTPUT: output,
      GITHUB_STEP_SUMMARY: summary,
    });
    const [values, page] = [readFileSync(output, 'utf8'), readFileSync(summary, 'utf8')];
    expectInert(values, {});
    expectInert(page, { github: true });
    const outputs = readOutputs(values);
    expect(Object.keys(outputs)).toEqual([
      'outcome',
      'image',
      'digest',
      'task-definition',
      'deployment',
      'result',
    ]);
    expect(Object.values(outputs).filter((value) => value.includes('\n'))).toEqual([]);
    const { services } = JSON.parse(outputs['result'] ?? '') as Result;
    expect(services).toMatchObject([{ service: hostile }, { service: hostile }]);
    const outside = page
      .replaceAll(/^(`{3,}).*\n[^]*?\n\1$/gm, '')
      .replace(/^Image `[^`\n]*`/m, '');
    expect(outside).not.toMatch(/(?<!\\)[<[`]/);
    // Two services, each with seven schedules, a task, and the heads of the tables.
    expect(outside.match(/^\|.*$/gm)).toHaveLength(23);
  }
});
