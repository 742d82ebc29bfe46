import { expect, test } from 'vitest';
import type { Diagnosis } from '../../src/core/status.ts';
import { formatDiagnosis } from '../../src/report/diagnosis.ts';
import type { Page } from '../../src/report/page.ts';

const arn = (revision: string) => `arn:aws:ecs:r:1:task-definition/${revision}`;

const format = (shown: Diagnosis, page: Partial<Page> = {}) =>
  formatDiagnosis(shown, { columns: Infinity, linkOf: () => undefined, ...page });

const diagnosis = (
  subject: Partial<Diagnosis['subject']>,
  more: Partial<Diagnosis> = {},
): Diagnosis => ({
  service: 's',
  cluster: 'c',
  desired: 2,
  serving: arn('app:1'),
  hasBreaker: true,
  running: { [arn('app:2')]: 0, [arn('app:1')]: 2 },
  subject: {
    deployment: 'ecs-svc/1',
    taskDefinition: arn('app:2'),
    state: 'in-progress',
    createdAt: new Date('2026-01-02T03:04:05Z'),
    reason: '',
    pausedAt: undefined,
    ...subject,
  },
  targetGroups: [],
  causes: [{ code: 'unknown', summary: 'it fails', hint: 'fix it', evidence: ['a\nb'], tasks: 6 }],
  events: [],
  ...more,
});

test('a crash loop: what serves, the tasks of each revision, and the way back', () => {
  expect(format(diagnosis({}))).toMatchInlineSnapshot(`
    "s: the deployment of app:2 is in progress.
      ecs-svc/1, started 2026-01-02T03:04:05Z
      serving now: app:1, 2 of 2 tasks running
      app:2: 0 of 2 tasks running

    it fails [unknown] (6 tasks)
      a
      b
      → fix it
    → roll back: ecsdeploy rollback --cluster c --service s"
  `);
});

test('a pause names its stage and the command that shows how to approve it', () => {
  const paused = diagnosis({ pausedAt: 'PRE_SCALE_UP' }, { causes: [] });
  expect(format(paused)).toMatchInlineSnapshot(`
    "s: the deployment of app:2 is in progress.
      ecs-svc/1, started 2026-01-02T03:04:05Z
      paused for approval at PRE_SCALE_UP
      → show how to approve it: ecsdeploy rollout --watch --cluster c --service s
      serving now: app:1, 2 of 2 tasks running
      app:2: 0 of 2 tasks running

    No failed tasks found (ECS keeps them about an hour)."
  `);
});

test('a healthy service', () => {
  const running = { [arn('app:2')]: 1 };
  const healthy = diagnosis({ state: 'succeeded' }, { desired: 1, running });
  expect(format(healthy)).toBe('s is healthy: app:2 is deployed, 1 of 1 task running.');
  expect(format({ ...healthy, desired: 0 })).toBe(
    's is healthy: app:2 is deployed, desired count is 0.',
  );
});

test.each([
  ['in-progress', false, true],
  ['in-progress', true, false],
  ['failed', false, false],
] as const)('%s with a circuit breaker %s: ECS keeps trying %s', (state, hasBreaker, isTold) => {
  const text = format(diagnosis({ state }, { hasBreaker }));
  expect(text.includes('ECS keeps starting tasks')).toBe(isTold);
});

test.each(['rollback-requested', 'rolling-back'] as const)(
  '%s: the command that follows it is complete',
  (state) => {
    expect(format(diagnosis({ state })).split('\n').at(-1)).toBe(
      '→ follow the rollback: ecsdeploy rollout --watch --cluster c --service s',
    );
  },
);

test.each(['succeeded', 'failed'] as const)(
  '%s: the console is linked where it is known',
  (state) => {
    const shown = diagnosis({ state });
    expect(format(shown)).not.toContain('console');
    expect(format(shown, { linkOf: ({ service }) => `https://c/${service}` })).toMatch(
      /^ {2}console: https:\/\/c\/s$/m,
    );
  },
);

test('only the lines of a log are wider than the screen', () => {
  const evidence = [`reason ${'word '.repeat(20)}`, `| ${'log '.repeat(20)}`];
  const causes = [
    { code: 'unknown', summary: 'it fails', hint: 'fix it', evidence, tasks: 1 },
  ] as const;
  const lines = format(diagnosis({ reason: 'because '.repeat(20) }, { causes }), { columns: 40 });
  const wide = lines.split('\n').filter((line) => line.length > 40);
  expect(wide.filter((line) => !/^ {2}\| |ecsdeploy |started/.test(line))).toEqual([]);
  expect(lines).toContain(evidence[1]);
});
