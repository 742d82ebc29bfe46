import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Result } from '../../src/core/result.ts';
import { makeFolder } from '../support/files.ts';
import { makeStep, readManifest, readStepLog } from '../support/runner.ts';
import { makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

/** Runs the action in the world as a step of a job. */
async function runAction(world: World, inputs: Readonly<Record<string, string>>) {
  const step = makeStep(inputs);
  const script = resolve(readManifest().runs.main);
  const { status, stdout, stderr } = await world.spawn([], {
    script,
    environment: step.environment,
  });
  return {
    status,
    log: readStepLog(`${stdout}${stderr}`),
    outputs: step.outputs(),
    summary: step.summary(),
  };
}

test('the action deploys, and sets its outputs', async () => {
  const world = await makeWorld();
  const { status, log, outputs, summary } = await runAction(world, { tag: 'v1' });
  expect(status, log.lines.join('\n')).toBe(0);
  // One image has no list.
  const all = Object.keys(readManifest().outputs).filter((name) => name !== 'images');
  expect(Object.keys(outputs)).toEqual(all);
  expect(outputs['outcome']).toBe('succeeded');
  expect(outputs['image']).toMatch(/\/hyeon9mak-dev:v1$/);
  expect((await world.service()).taskDefinition).toBe(outputs['task-definition']);
  const { services } = JSON.parse(outputs['result'] ?? '') as Result;
  expect(services).toMatchObject([{ outcome: 'succeeded', deployment: outputs['deployment'] }]);
  expect(log.groups).toEqual(['Build', 'Push']);
  expect(log.annotations.filter(({ level }) => level === 'error')).toEqual([]);
  expect(summary).toMatch(/^### ecsdeploy deploy: succeeded after /);
});

test('a failed deployment fails the step, with one error that has the last log lines', async () => {
  const world = await makeWorld({ faults: [{ name: 'crash' }] });
  const { status, log, outputs, summary } = await runAction(world, { tag: 'v1' });
  expect(status).toBe(7);
  expect(outputs['outcome']).toBe('rolled-back');
  const errors = log.annotations.filter(({ level }) => level === 'error');
  expect(errors.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^hyeon9mak-task-dev:2 failed on [^]*database is not reachable/),
  ]);
  expect(summary).toContain('database is not reachable');
});

test('an input that is wrong is an error with its name', async () => {
  const world = await makeWorld();
  const wrong = await runAction(world, { 'dry-run': 'maybe' });
  expect(wrong.status).toBe(2);
  expect(wrong.log.annotations[0]?.message).toContain('ECSDEPLOY_DRY_RUN');
  const foreign = await runAction(world, { command: 'status', tag: 'v1' });
  expect(foreign.status).toBe(2);
  expect(foreign.log.annotations[0]?.message).toContain("Unknown option '--tag'");
});

test.each([
  ['v1.2.3', ['v1', 'v1.2.3']],
  ['v2.0.0-rc.1', ['v2.0.0-rc.1']],
])('the release %s tags a commit with the bundle', (version, tags) => {
  const workflow = parse(readFileSync('.github/workflows/release.yml', 'utf8')) as {
    jobs: { release: { steps: { name?: string; run?: string }[] } };
  };
  const { run = '' } =
    workflow.jobs.release.steps.find(({ name }) => name === 'Tag a commit with the bundle') ?? {};
  const folder = makeFolder({
    'clone/.gitignore': 'dist/\n',
    'clone/package.json': '{ "scripts": { "build": "exit 1" } }',
    'package/dist/action.js': '// bundle',
    'package/package.json': '{ "name": "ecsdeploy" }',
  });
  const clone = join(folder, 'clone');
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
      cwd: clone,
      encoding: 'utf8',
    });
  git('init', '--quiet', '--initial-branch=main');
  git('add', '.');
  git('commit', '--quiet', '-m', 'source');
  // As actions/checkout leaves a tag.
  git('checkout', '--quiet', '--detach');
  git('init', '--quiet', '--bare', join(folder, 'origin'));
  git('remote', 'add', 'origin', join(folder, 'origin'));
  mkdirSync(join(clone, 'release'));
  writeFileSync(join(clone, 'release/notes.md'), '');
  execFileSync('tar', ['-czf', 'clone/release/ecsdeploy-1.tgz', 'package'], { cwd: folder });
  const { status, stderr } = spawnSync('bash', ['-eo', 'pipefail', '-c', run], {
    cwd: clone,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: folder, GITHUB_REF_NAME: `release/${version}` },
  });
  expect(status, stderr).toBe(0);
  expect(git('ls-remote', '--refs', 'origin').match(/(?<=refs\/).*/g)).toEqual(
    tags.map((tag) => `tags/${tag}`),
  );
  expect(git('ls-tree', '-r', '--name-only', version)).toBe(
    '.gitignore\ndist/action.js\npackage.json\n',
  );
  expect(git('show', `${version}:package.json`)).toBe('{ "name": "ecsdeploy" }');
  expect(git('show', '-s', '--format=%P', version).trim()).toBe(git('rev-parse', 'main').trim());
});
