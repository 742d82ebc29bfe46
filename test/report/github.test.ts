import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { serviceResult } from '../../src/core/result.ts';
import type { Result } from '../../src/core/result.ts';
import { writeGithubFiles } from '../../src/report/github.ts';
import { makeFolder } from '../support/files.ts';

const NOTHING: Result = {
  command: 'deploy',
  outcome: 'succeeded',
  image: null,
  services: [],
  error: null,
  seconds: { total: 1 },
};
const IMAGE = { reference: 'r:1', digest: 'sha256:1', platform: null, built: true, pushed: true };

/** The contents of both files after these results of one step. */
function filesOf(...results: readonly Partial<Result>[]) {
  const folder = makeFolder({ output: '', summary: '' });
  const [output, summary] = [join(folder, 'output'), join(folder, 'summary')];
  for (const result of results) {
    const environment = { GITHUB_OUTPUT: output, GITHUB_STEP_SUMMARY: summary };
    writeGithubFiles({ ...NOTHING, ...result }, environment);
  }
  return { output: readFileSync(output, 'utf8'), summary: readFileSync(summary, 'utf8') };
}

test('a command leaves outputs alone that it has no value for', () => {
  const service = serviceResult({ cluster: 'c', service: 's', outcome: 'succeeded' });
  const { output } = filesOf(
    { command: 'push', image: IMAGE },
    { command: 'rollout', services: [{ ...service, taskDefinition: 'arn' }] },
  );
  expect(output).toBe(
    'outcome=succeeded\nimage=r:1\ndigest=sha256:1\noutcome=succeeded\ntask-definition=arn\n',
  );
});

test.each(['status', 'diagnose', 'logs', 'help', 'sandbox'])('%s writes nothing', (command) => {
  const service = serviceResult({ cluster: 'c', service: 's', outcome: 'failed' });
  const services = [{ ...service, taskDefinition: 'arn' }];
  expect(filesOf({ command, outcome: 'unchanged', services })).toEqual({ output: '', summary: '' });
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
  expect(summary).toContain(`**unknown**\n\n\`\`\`\`text\n${evil}\nh\n\`\`\`\`\n`);
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
  expect(summary).toContain(`| s | rolled-back | app:2 | ${tasks} | 3 |`);
});
