import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text as readText } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import type { Cause } from '../../src/core/diagnosis.ts';
import { serviceResult } from '../../src/core/result.ts';
import type { Outcome, Result, ServiceResult } from '../../src/core/result.ts';
import { EcsDeployError } from '../../src/errors.ts';
import type { Event } from '../../src/events.ts';
import { writeJobFiles } from '../../src/report/job-files.ts';
import { openReporter } from '../../src/report/reporter.ts';
import { makeFolder } from '../support/files.ts';
import { readOutputs, readStepLog } from '../support/runner.ts';

const NOTHING: Result = {
  command: 'deploy',
  outcome: 'succeeded',
  image: null,
  services: [],
  error: null,
  seconds: { total: 1 },
};
const IMAGE = { reference: 'r:1', digest: 'sha256:1', platform: null, built: true, pushed: true };
const CAUSE: Cause = {
  code: 'application-exit',
  summary: 'container app ended with exit code 1',
  hint: 'read the log',
  evidence: ['exit code 1', '  | cannot connect to db:5432'],
  tasks: 3,
};

/** The contents of the files of a job after these results of one step. */
function filesOf(...results: readonly (Partial<Result> & { readonly env?: object })[]) {
  const folder = makeFolder({ output: '', summary: '', dotenv: '' });
  const [output = '', summary = '', dotenv = ''] = ['output', 'summary', 'dotenv'].map((name) =>
    join(folder, name),
  );
  for (const { env, ...result } of results) {
    const environment = {
      GITHUB_ACTIONS: 'true',
      GITHUB_OUTPUT: output,
      GITHUB_STEP_SUMMARY: summary,
      ECSDEPLOY_DOTENV: dotenv,
      ...env,
    };
    writeJobFiles({ ...NOTHING, ...result }, [], environment);
  }
  const [values, page, variables] = [output, summary, dotenv].map((path) =>
    readFileSync(path, 'utf8'),
  );
  return { output: values ?? '', summary: page ?? '', dotenv: variables ?? '' };
}

/** What a step writes to stderr for these events. */
async function logOf(events: readonly Event[], environment: Readonly<Record<string, string>>) {
  const stream = new PassThrough();
  const reporter = await openReporter({
    progress: 'auto',
    verbose: false,
    stream: stream as unknown as NodeJS.WriteStream,
    environment,
  });
  for (const event of events) reporter.report({ ...event, at: new Date(0) });
  reporter.end();
  stream.end();
  return readText(stream);
}

const stepOf = async (events: readonly Event[]) =>
  readStepLog(await logOf(events, { GITHUB_ACTIONS: 'true' }));

function ended(outcome: Outcome, more: Partial<ServiceResult> = {}): Event {
  const result = serviceResult({
    cluster: 'c',
    service: 'api',
    outcome,
    taskDefinition: 'task-definition/app:2',
    previousTaskDefinition: 'task-definition/app:1',
    deployment: 'ecs-svc/2',
    desired: 2,
    ...more,
  });
  const rest = { seconds: 1, digests: [], rollingBack: false, detached: false };
  return { kind: 'service-ended', result, reason: 'the alarm rang', ...rest };
}

test.each(['failed', 'rolled-back', 'superseded', 'timed-out', 'unknown'] as const)(
  'the end %s is one error with its reason',
  async (outcome) => {
    const { annotations, lines } = await stepOf([ended(outcome)]);
    const reason = outcome === 'timed-out' ? '--timeout' : 'the alarm rang';
    expect(annotations).toEqual([
      { level: 'error', title: 'ecsdeploy', message: expect.stringContaining(reason) },
    ]);
    expect(lines.join('').trim()).toBe('');
  },
);

test.each(['failed', 'rolled-back', 'timed-out'] as const)(
  'the end %s with a cause is one error with the last log lines and the hint',
  async (outcome) => {
    const { annotations, lines } = await stepOf([
      { kind: 'cause', cluster: 'backend', service: 'api', cause: CAUSE },
      { kind: 'rolling-back', cluster: 'backend', service: 'api', reason: '' },
      ended(outcome, { causes: [CAUSE] }),
    ]);
    expect(annotations).toHaveLength(1);
    for (const text of [CAUSE.summary, 'cannot connect to db:5432', '→ read the log'])
      expect(annotations[0]?.message).toContain(text);
    // As soon as it is known.
    expect(lines[0]).toContain(CAUSE.summary);
  },
);

test('each further cause of a red end is an error of its own', async () => {
  const other: Cause = { ...CAUSE, code: 'out-of-memory', summary: 'memory' };
  const { annotations } = await stepOf([ended('failed', { causes: [CAUSE, other] })]);
  expect(annotations.map(({ level, message }) => [level, message.split('\n')[0]])).toEqual([
    ['error', expect.stringContaining('container app ended')],
    ['error', 'api: memory [out-of-memory] (3 tasks)'],
  ]);
});

test('a cause that a service overcame is a warning', async () => {
  const { annotations } = await stepOf([
    { kind: 'cause', cluster: 'backend', service: 'api', cause: CAUSE },
    ended('succeeded', { causes: [CAUSE] }),
  ]);
  expect(annotations).toMatchObject([{ level: 'warning' }]);
});

test('a cause of a service without an end is annotated at the end of the run', async () => {
  const { annotations } = await stepOf([
    { kind: 'cause', cluster: 'backend', service: 'api', cause: CAUSE },
  ]);
  expect(annotations).toMatchObject([{ level: 'error' }]);
});

test('an error is in the log once, with its hint', async () => {
  const error = new EcsDeployError({ code: 'usage', message: '100 %\nbad', hint: 'do this' });
  const { annotations, lines } = await stepOf([{ kind: 'error', error }]);
  expect(annotations).toEqual([
    { level: 'error', title: 'ecsdeploy', message: '100 %\nbad\n→ do this' },
  ]);
  expect(lines).toEqual(['']);
});

test('warnings and failed checks are annotated in their place', async () => {
  const { annotations, lines } = await stepOf([
    { kind: 'warning', message: 'old', hint: 'update' },
    {
      kind: 'checked',
      findings: [
        { check: 'log-groups', about: 'api', status: 'ok', message: 'there' },
        { check: 'secrets', about: 'api', status: 'fail', message: 'no secret', hint: 'create it' },
      ],
    },
  ]);
  expect(annotations.map(({ level, message }) => [level, message])).toEqual([
    ['warning', 'old\n→ update'],
    ['error', 'secrets: no secret\n→ create it'],
  ]);
  expect(lines.join('\n')).not.toMatch(/old|no secret/);
});

test('more than GitHub shows stays in the log', async () => {
  const text = await logOf(
    Array.from({ length: 12 }, (_, index) => ({ kind: 'warning', message: `number ${index}` })),
    { GITHUB_ACTIONS: 'true' },
  );
  expect(text.match(/^::warning .*/gm)).toHaveLength(10);
  expect(text).toContain('Warning: number 11\n');
});

const BUILD: readonly Event[] = [
  { kind: 'build-started', platform: 'linux/amd64' },
  { kind: 'built', platform: 'linux/amd64', seconds: 1 },
];

test.each([
  ['GITHUB_ACTIONS', /^::group::Build\nBuilding.*\n::endgroup::\nBuilt/],
  [
    'GITLAB_CI',
    // oxlint-disable-next-line no-control-regex
    /^\u001B\[0Ksection_start:\d+:ecsdeploy_build\[collapsed=true\]\r\u001B\[0KBuild\nBuilding.*\n\u001B\[0Ksection_end:\d+:ecsdeploy_build\r\u001B\[0K\nBuilt/,
  ],
  ['BUILDKITE', /^--- Build\nBuilding.*\n\+\+\+ ecsdeploy\nBuilt/],
  ['TF_BUILD', /^##\[group\]Build\n[\dT:-]+Z Building.*\n##\[endgroup\]\n[\d:]+ Built/],
  ['CIRCLECI', /^[\dT:-]+Z Building.*\n[\d:]+ Built/],
])('with %s, a build is a section of the log', async (variable, shown) => {
  expect(await logOf(BUILD, { [variable]: 'true' })).toMatch(shown);
});

test.each(['##[error]x', '##vso[task.setvariable variable=a]b', '  ::error::x'])(
  'build output cannot act as the command %s',
  async (line) => {
    for (const variable of ['GITHUB_ACTIONS', 'TF_BUILD']) {
      const log = await logOf([{ kind: 'before-output', line }], { [variable]: 'true' });
      expect(log).not.toMatch(/##(?:vso)?\[|^\s*::/m);
    }
  },
);

test('a command leaves outputs alone that it has no value for', () => {
  const service = serviceResult({ cluster: 'c', service: 's', outcome: 'succeeded' });
  const { output, dotenv } = filesOf(
    { command: 'push', image: IMAGE },
    {
      command: 'rollout',
      services: [{ ...service, taskDefinition: 'arn', deployment: 'ecs-svc/1' }],
    },
    { command: 'verify', outcome: 'refused' },
  );
  const { result, ...outputs } = readOutputs(output);
  const values = {
    outcome: 'refused',
    image: 'r:1',
    digest: 'sha256:1',
    'task-definition': 'arn',
    deployment: 'ecs-svc/1',
  };
  expect(outputs).toEqual(values);
  expect(JSON.parse(result ?? '')).toEqual({ ...NOTHING, command: 'verify', outcome: 'refused' });
  // No name begins with ECSDEPLOY_, which would be a setting of a later job.
  expect(dotenv).toContain('DEPLOY_IMAGE=r:1\nDEPLOY_DIGEST=sha256:1\n');
  expect(dotenv).toContain('DEPLOY_TASK_DEFINITION=arn\nDEPLOY_DEPLOYMENT=ecs-svc/1\n');
  expect(dotenv).not.toMatch(/^ECSDEPLOY_/m);
});

test('no value can end its delimiter, or be guessed to', () => {
  const evil = 'r:1\nEOF\nimage=evil\n';
  const { output } = filesOf(
    { image: { ...IMAGE, reference: evil } },
    { image: { ...IMAGE, reference: evil } },
  );
  const delimiters = [...output.matchAll(/<<(ecsdeploy_[0-9a-f]{16})$/gm)].map(([, name]) => name);
  expect(new Set(delimiters).size).toBe(8);
  expect(readOutputs(output)['image']).toBe(String.raw`r:1\nEOF\nimage=evil\n`);
});

test('the summary begins with the verdict, and stays below the limit of GitHub', () => {
  const long = 'x'.repeat(300_000);
  const services = ['a', 'b', 'c', 'd'].map((service) =>
    serviceResult({
      cluster: 'c',
      service,
      outcome: 'failed',
      causes: Array.from({ length: 3 }, () => ({ ...CAUSE, evidence: [long] })),
      changes: [{ container: null, path: 'cpu', before: long, after: '2' }],
    }),
  );
  const { summary } = filesOf({ outcome: 'failed', services });
  expect(Buffer.byteLength(summary)).toBeLessThan(120_001);
  expect(summary).toMatch(/^### ecsdeploy deploy: failed after 1\.0s\n/);
  expect(summary.match(/^```/gm)?.length ?? 1).toSatisfy((count: number) => count % 2 === 0);
});

test('the summary has links to the console and the commit, but not for another endpoint', () => {
  const arn = 'arn:aws-cn:ecs:cn-north-1:1:task-definition/app:2';
  const services = [
    serviceResult({ cluster: 'c', service: 's', outcome: 'succeeded', taskDefinition: arn }),
  ];
  const env = {
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_REPOSITORY: 'o/r',
    GITHUB_SHA: '0123456789'.repeat(4),
    GITHUB_REF_NAME: 'main',
    GITHUB_RUN_ID: '7',
  };
  expect(filesOf({ services, env }).summary).toContain(
    '[s in the AWS console](https://cn-north-1.console.amazonaws.cn/ecs/v2/clusters/c/services/s/health?region=cn-north-1) · [commit 0123456 on main](https://github.com/o/r/commit/0123456789012345678901234567890123456789) · [log of this run](https://github.com/o/r/actions/runs/7)',
  );
  const sandboxed = { ...env, AWS_ENDPOINT_URL: 'http://127.0.0.1:1' };
  expect(filesOf({ services, env: sandboxed }).summary).not.toContain('console');
});

test('the summary has a timeline of the phases', () => {
  const { summary } = filesOf({ seconds: { build: 30, rollout: 90, total: 121 } });
  expect(summary).toContain(
    '| phase | time |  |\n| --- | --- | --- |\n| build | 30s | █████ |\n| rollout | 1m 30s | ███████████████ |',
  );
});

test.each(['status', 'diagnose', 'logs', 'help', 'sandbox'])('%s writes nothing', (command) => {
  const service = serviceResult({ cluster: 'c', service: 's', outcome: 'failed' });
  const services = [{ ...service, taskDefinition: 'arn' }];
  const nothing = { output: '', summary: '', dotenv: '' };
  expect(filesOf({ command, outcome: 'unchanged', services })).toEqual(nothing);
});

test('texts of others stand in code blocks that they cannot end', () => {
  const evil = '<h1>x</h1> ![](http://x)\n```\n# y';
  const { summary } = filesOf({
    outcome: 'refused',
    services: [
      serviceResult({
        cluster: 'c',
        service: 's',
        outcome: 'failed',
        causes: [{ code: 'unknown', summary: evil, hint: 'h', evidence: [], tasks: 1 }],
      }),
    ],
    error: { code: 'aws-rejected', message: evil, hint: null },
  });
  expect(summary).toContain(`**unknown** (1 task)\n\n\`\`\`\`text\n${evil}\n→ h\n\`\`\`\`\n`);
  expect(summary).toContain(`**aws-rejected**\n\n\`\`\`\`text\n${evil}\n\`\`\`\`\n`);
});

test.each([
  [{ 'app:2': 2 }, '2 of 2'],
  [{}, '2 of 2'],
  [{ 'app:2': 0, 'app:1': 2 }, '2 of 2 on app:1'],
  [{ 'app:2': 2, 'app:1': 1 }, '2 of 2 on app:2, 1 of 2 on app:1'],
])('running tasks %j are counted for each revision', (counts, tasks) => {
  const { summary } = filesOf({
    outcome: 'rolled-back',
    services: [
      serviceResult({
        cluster: 'c',
        service: 's',
        outcome: 'rolled-back',
        taskDefinition: 'task-definition/app:2',
        previousTaskDefinition: 'task-definition/app:1',
        desired: 2,
        running: 2,
        runningByRevision: Object.fromEntries(
          Object.entries(counts).map(([name, count]) => [`task-definition/${name}`, count]),
        ),
        failedTasks: 3,
      }),
    ],
  });
  expect(summary).toContain(`| s | rolled-back | app:2 | – | app:1 | ${tasks} | 3 |`);
});
