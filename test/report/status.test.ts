import { describe, expect, test } from 'vitest';
import type { ServiceStatus } from '../../src/core/status.ts';
import type { Output } from '../../src/core/result.ts';
import { openDisplay } from '../../src/report/display.ts';
import { formatAge, formatTable } from '../../src/report/format.ts';
import { formatHistory } from '../../src/report/history.ts';
import { formatStatus } from '../../src/report/status.ts';
import { widthOf, wrap } from '../../src/report/width.ts';
import { makeScreen } from '../support/screen.ts';

const arn = (revision: string) => `arn:aws:ecs:eu-west-1:1:task-definition/${revision}`;
const commit = '0123456789abcdef0123456789abcdef01234567';
const at = new Date('2026-01-02T03:04:05Z');
const ago = (seconds: number) => new Date(at.getTime() - seconds * 1000).toISOString();

const deployment = {
  id: 'ecs-svc/1',
  desired: 2,
  pending: 0,
  failedTasks: 0,
  createdAt: ago(4000),
  digests: ['sha256:'.padEnd(71, 'd')],
  serviceDeployment: null,
};
const status: ServiceStatus = {
  service: '상점',
  cluster: 'c',
  status: 'ACTIVE',
  desired: 2,
  running: 2,
  pending: 1,
  taskDefinition: arn('app:2'),
  serving: arn('app:1'),
  runningByRevision: {},
  express: null,
  paused: null,
  deployments: [
    {
      ...deployment,
      status: 'PRIMARY',
      taskDefinition: 'app:2',
      rolloutState: 'IN_PROGRESS',
      running: 0,
      image: `r/app:${commit}-dirty-0a1b2c3d`,
      tag: `${commit}-dirty-0a1b2c3d`,
      commit,
      createdAt: ago(100),
      serviceDeployment: {
        status: 'IN_PROGRESS',
        stage: null,
        failures: 1,
        threshold: 3,
        traffic: null,
        testTraffic: null,
        oldTestTraffic: null,
        pausedBy: null,
        hooks: [],
        alarms: { armed: [], fired: [] },
      },
    },
    {
      ...deployment,
      status: 'ACTIVE',
      taskDefinition: 'app:1',
      rolloutState: 'COMPLETED',
      running: 2,
      image: 'r/app:배포',
      tag: '배포',
      commit: null,
    },
  ],
  tasks: [
    {
      id: 'a'.repeat(32),
      taskDefinition: 'app:1',
      lastStatus: 'RUNNING',
      health: 'HEALTHY',
      since: ago(200_000),
      stoppedReason: null,
    },
    {
      id: 'b'.repeat(32),
      taskDefinition: 'app:2',
      lastStatus: 'STOPPED',
      health: 'UNKNOWN',
      since: ago(50),
      stoppedReason:
        'CannotPullContainerError: the image r/app was not found, and this reason is so long that it takes more than one line of a screen',
    },
  ],
  targetGroups: [
    {
      name: 'api',
      arn: 'arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/api/1',
      healthCheck: 'HTTP /health on port 8080, expects 200; every 30s, unhealthy after 2 failures',
      counts: { healthy: 1, unhealthy: 1 },
      targets: [
        {
          task: 'a'.repeat(32),
          target: '10.0.0.1:8080',
          zone: 'eu-west-1a',
          state: 'healthy',
          reason: null,
          description: null,
        },
        {
          task: null,
          target: '10.0.0.2:8080',
          zone: 'eu-west-1b',
          state: 'unhealthy',
          reason: 'Target.Timeout',
          description: 'Request timed out',
        },
      ],
    },
  ],
  events: [{ createdAt: ago(42), message: '(service s) was unable to place a task.' }],
};
const none = { columns: Infinity, linkOf: () => undefined };

test.each([100, 80, 40, 20])('a status at %d columns', (columns) => {
  const text = formatStatus(status, at, { columns, linkOf: () => 'https://console' });
  expect(`${text}\n`).toMatchSnapshot();
  const wide = text
    .split('\n')
    .flatMap((line) => (widthOf(line) > columns && / \S+ /.test(line.trim()) ? [line] : []));
  // Only what is copied is wider: ids, images and links.
  expect(wide.filter((line) => !/^ {2}(image|console): /.test(line))).toEqual([]);
});

test('a service without tasks, without a known image and in a new console', () => {
  const [, old] = status.deployments;
  const text = formatStatus(
    {
      ...status,
      serving: null,
      tasks: [],
      targetGroups: null,
      events: [],
      deployments: old === undefined ? [] : [{ ...old, image: null, tag: null, createdAt: null }],
    },
    at,
    none,
  );
  expect(text).toMatchInlineSnapshot(`
    "상점 in c: ACTIVE, 2 of 2 running, 1 pending, no revision serves

    STATUS  REVISION  TAG  STATE      TASKS   FAILED  AGE
    ACTIVE  app:1     -    COMPLETED  2 of 2  0       -"
  `);
});

test.each([
  [0, '0s'],
  [59.9, '59s'],
  [60, '1m'],
  [3599, '59m'],
  [86_399, '23h'],
  [1e6, '11d'],
])('%d seconds ago is %s', (seconds, text) => {
  expect(formatAge(seconds)).toBe(text);
});

test('the columns of a table are as wide on the screen, whatever their script', () => {
  const lines = formatTable(
    ['NAME', 'X'],
    ['a', '배포', '👩‍👩‍👧‍👦'].map((name) => ({ cells: [name, 'x'] })),
  );
  expect(lines.map((line) => widthOf(line.slice(0, -1)))).toEqual([6, 6, 6, 6]);
});

test.each([
  ['a bc def', 4, ['a bc', 'def']],
  ['  a bc def', 6, ['  a bc', '  def']],
  ['abcdefgh i', 4, ['abcdefgh', 'i']],
  ['', 4, ['']],
  ['배포 배포', 5, ['배포', '배포']],
  ['a\nb', 4, ['a', 'b']],
  ['a b', 0, ['a', 'b']],
])('%j is wrapped at %d', (text, columns, lines) => {
  expect(wrap(text, columns)).toEqual(lines);
});

test('a history that is wider than the screen is paragraphs', () => {
  const text = formatHistory(
    {
      service: 's',
      cluster: 'c',
      desired: 1,
      running: 1,
      taskDefinition: arn('app:2'),
      serving: arn('app:2'),
      runningByRevision: {},
      rollbackTo: arn('app:1'),
      history: [
        {
          deployment: 'ecs-svc/1',
          outcome: 'succeeded',
          status: 'SUCCESSFUL',
          reason: '',
          createdAt: ago(100),
          finishedAt: ago(0),
          seconds: 100,
          taskDefinition: arn('app:2'),
          image: 'r/app:v2',
          tag: 'v2',
          commit: null,
        },
      ],
      hasOlder: true,
    },
    { columns: 40, linkOf: ({ taskDefinition }) => `https://console/${String(taskDefinition)}` },
  );
  expect(text).toMatchInlineSnapshot(`
    "s in c: serving app:2, rollback would go
    to app:1
      console: https://console/arn:aws:ecs:eu-west-1:1:task-definition/app:2

    2026-01-02 03:02
      took 1m 40s, revision app:2, outcome
      succeeded, tag v2

    Older deployments are not shown:
    CodeDeploy keeps them."
  `);
});

test('a commit is shortened where a history has no room for it', () => {
  const row = {
    deployment: 'ecs-svc/1',
    outcome: 'succeeded',
    status: 'SUCCESSFUL',
    reason: '',
    createdAt: ago(100),
    finishedAt: ago(0),
    seconds: 100,
    taskDefinition: arn('hyeon9mak-task-dev:2'),
    image: `r/app:${commit}`,
    tag: commit,
    commit,
  } as const;
  const { service, cluster, desired, running, taskDefinition, serving } = status;
  const history = { service, cluster, desired, running, taskDefinition, serving };
  const linesAt = (columns: number) =>
    formatHistory(
      { ...history, runningByRevision: {}, rollbackTo: null, history: [row], hasOlder: false },
      { ...none, columns },
    )
      .split('\n')
      .slice(-2);
  expect(linesAt(120).at(-1)).toMatch(new RegExp(`${commit}$`));
  expect(linesAt(80)).toEqual([
    'STARTED           TOOK    REVISION              OUTCOME    TAG',
    '2026-01-02 03:02  1m 40s  hyeon9mak-task-dev:2  succeeded  01234567',
  ]);
});

test('tasks that a deployment has stopped are counted, and others are shown', () => {
  const [task] = status.tasks;
  const stoppedBy = (stoppedReason: string) =>
    task === undefined ? [] : [{ ...task, lastStatus: 'STOPPED', stoppedReason }];
  const scaled = stoppedBy('Scaling activity initiated by (deployment ecs-svc/1)');
  const tasks = [...scaled, ...stoppedBy('Essential container in task exited'), ...scaled];
  const text = formatStatus({ ...status, tasks, targetGroups: null, events: [] }, at, none);
  expect(text.slice(text.indexOf('TASK  '))).toBe(
    [
      'TASK                              REVISION  STATUS   HEALTH   AGE',
      `${'a'.repeat(32)}  app:1     STOPPED  HEALTHY  2d`,
      '    Essential container in task exited',
      'and 2 tasks that a deployment or scaling stopped',
    ].join('\n'),
  );
});

describe('a display', () => {
  const output = (text: string): Output => ({ kind: 'text', text });
  const format = (shown: Output, columns: number) =>
    shown.kind === 'text' ? `${shown.text} ${columns}\nend` : '';

  test('replaces the result on a terminal, makes room, and leaves the last one', async () => {
    const { stream, lines, resize } = makeScreen(40, 10);
    const display = openDisplay(
      Object.assign(stream, { columns: 40 }) as unknown as NodeJS.WriteStream,
      true,
      format,
    );
    display.show(output('a'));
    expect(await lines()).toEqual(['a 39', 'end']);
    display.hide();
    stream.write('warning\n');
    display.show(output('b'));
    expect(await lines()).toEqual(['warning', 'b 39', 'end']);
    await resize(30, 10);
    display.end();
    expect(await lines()).toEqual(['warning', 'b 40', 'end']);
  });

  test('writes elsewhere only what has changed', () => {
    const { stream, written } = makeScreen(40, 10);
    const display = openDisplay(stream as unknown as NodeJS.WriteStream, false, format);
    for (const text of ['a', 'a', 'b', 'a']) display.show(output(text));
    display.hide();
    display.end();
    expect(written()).toBe(['a', 'b', 'a'].map((text) => `${text} Infinity\nend\n`).join('\n'));
  });
});
