import { DescribeTasksCommand } from '@aws-sdk/client-ecs';
import { describe, expect, test } from 'vitest';
import { accessDenied } from '../../src/sandbox/wire.ts';
import { readResult } from '../support/cli.ts';
import type { CliOptions } from '../support/cli.ts';
import { checkLog } from '../support/plain-log.ts';
import { addService, CONFIG, makeWorld } from '../support/world.ts';
import type { World, WorldOptions } from '../support/world.ts';

const MIGRATION = `release:
  - { command: [rails, "db:migrate"], timeout: 5m, setEnv: { STEP: one } }
`;

const makeProject = (release = MIGRATION, options: WorldOptions = {}) =>
  makeWorld({ ...options, files: { '.ecsdeployrc': `${CONFIG}${release}` } });

/** Deploys and returns the end with the actions that write, in order. */
async function deploy(world: World, args: readonly string[] = [], options?: CliOptions) {
  world.writes();
  const end = await world.run(['deploy', '--json', ...args], options);
  const writes = world.writes().filter((action) => action.startsWith('ecs:'));
  return { ...end, result: readResult(end), writes };
}

const REGISTER = 'ecs:RegisterTaskDefinition';

test('a migration runs once per deploy, before the service moves, in the image of the service', async () => {
  const world = await makeProject();
  const first = await deploy(world);
  expect(first.status, first.stderr).toBe(0);
  expect(first.writes).toEqual([REGISTER, 'ecs:RunTask', 'ecs:UpdateService']);
  expect(first.result.tasks).toMatchObject([{ outcome: 'succeeded', exitCode: 0 }]);
  expect(first.result.seconds).toHaveProperty('release');
  expect(first.stderr).toContain(
    'Release task: rails db:migrate in container hyeon9mak-container of hyeon9mak-service-dev',
  );
  expect(first.stderr).toContain('  | Done\n');
  const task = first.result.tasks?.[0]?.task ?? '';
  const { tasks } = await world.ecs.send(
    new DescribeTasksCommand({ cluster: 'backend', tasks: [task] }),
  );
  const digestOf = (one: (typeof tasks & {})[number] | undefined) =>
    one?.containers?.find(({ name }) => name === 'hyeon9mak-container')?.imageDigest;
  const [migration] = tasks ?? [];
  const [running] = await world.runningTasks();
  expect(migration?.taskDefinitionArn).toBe(running?.taskDefinitionArn);
  expect(digestOf(migration)).toBe(digestOf(running));

  const again = await deploy(world);
  expect(again.status, again.stderr).toBe(0);
  expect(again.writes).toEqual([]);
  expect(again.stderr).toContain('hyeon9mak-service-dev is unchanged: the release task rails');

  const forced = await deploy(world, ['--force']);
  expect(forced.writes).toEqual(['ecs:RunTask', 'ecs:UpdateService']);
});

test('a migration that fails leaves the service on its revision; the next deploy runs it again', async () => {
  const world = await makeProject(MIGRATION.replace('[rails, "db:migrate"]', '[sh, -c, exit 3]'));
  const failed = await deploy(world);
  expect(failed.status, failed.stderr).toBe(10);
  expect(failed.writes).toEqual([REGISTER, 'ecs:RunTask']);
  expect(failed.result).toMatchObject({
    outcome: 'failed',
    services: [{ outcome: 'skipped', taskDefinition: null, deployment: null, registered: true }],
    tasks: [{ outcome: 'failed', exitCode: 3, causes: [{ code: 'application-exit' }] }],
    error: { code: 'command-failed' },
  });
  expect(failed.result.error?.message).toMatch(
    /^"sh -c 'exit 3'" failed in the task \w{32}: container hyeon9mak-container ended with exit code 3 \[application-exit\]\. No service was changed\. hyeon9mak-task-dev:2 was registered\.$/,
  );
  expect(failed.stderr).toContain('  | Failed\n');
  expect(failed.stderr).toContain(
    'Warning: No service was changed. hyeon9mak-task-dev:2 was registered.',
  );
  expect((await world.service()).taskDefinition).toMatch(/:1$/);

  const skipped = await deploy(world, ['--no-release']);
  expect(skipped.status, skipped.stderr).toBe(0);
  // The revision of the first attempt is used.
  expect(skipped.writes).toEqual(['ecs:UpdateService']);
});

test.each([
  ['command-spot', 10, 'a migration should not run on Spot'],
  ['secret-denied', 10, 'a secret of the task definition could not be read'],
  ['capacity-late', 0, 'trying again'],
  ['sidecar-exits', 10, 'took the task down before the command ended'],
  ['empty-answers', 10, 'AWS started no task and gave no reason'],
  ['command-not-essential', 0, 'rails db:migrate succeeded'],
  ['task-late', 0, 'rails db:migrate succeeded'],
  ['run-denied', 4, 'is not authorized to call ecs:RunTask'],
  ['command-restarted', 3, 'has a restart policy'],
] as const)('%s: %i', async (scenario, status, says) => {
  const world = await makeProject(MIGRATION, { scenario });
  const end = await deploy(world);
  expect(end.stderr).toContain(says);
  expect(end.status, end.stderr).toBe(status);
  const [cause] = end.result.tasks?.flatMap(({ causes }) => causes) ?? [];
  checkLog(end.stderr, cause === undefined ? [] : [cause.code]);
  expect(end.writes.includes('ecs:UpdateService')).toBe(status === 0);
});

test('tasks run one after the other, and the first failure is the last task', async () => {
  const world = await makeProject(`release:
  - { command: "rails db:migrate" }
  - { command: ["sh", "-c", "exit 1"], container: hyeon9mak-container }
  - { command: ["never"] }
`);
  const end = await deploy(world);
  expect(end.status, end.stderr).toBe(10);
  expect(end.result.tasks?.map(({ outcome }) => outcome)).toEqual(['succeeded', 'failed']);
});

test('the task of a service that is not deployed does not run', async () => {
  const config = CONFIG.replace(/service:.*\ncontainer:.*\n/, '');
  const world = await makeWorld({
    files: {
      '.ecsdeployrc': `${config}services:
  - { service: hyeon9mak-service-dev, container: hyeon9mak-container }
  - { service: worker, container: hyeon9mak-container }
release:
  - { command: ["rails", "db:migrate"], service: hyeon9mak-service-dev }
`,
    },
  });
  await addService(world, 'worker');
  const worker = await deploy(world, ['--service', 'worker']);
  expect(worker.status, worker.stderr).toBe(0);
  expect(worker.writes).toEqual([REGISTER, 'ecs:UpdateService']);
  const both = await deploy(world);
  expect(both.writes).toEqual(['ecs:RunTask', 'ecs:UpdateService']);
});

test('a dry run and verify show the tasks and what is wrong with them', async () => {
  const world = await makeProject();
  const dry = await deploy(world, ['--dry-run']);
  expect(dry.status, dry.stderr).toBe(0);
  expect(dry.writes).toEqual([]);
  expect(dry.stderr).toContain('Release task: rails db:migrate');
  const verified = await world.run(['verify']);
  expect(verified.stderr).toContain('ok    release: rails db:migrate in container');
  expect(verified.stderr).toContain('skip  release: whether ecs:RunTask is allowed');

  const wrong = await makeProject('release:\n  - { command: [x], container: nginx }\n');
  const refused = await deploy(wrong);
  expect(refused.status).toBe(3);
  expect(refused.stderr).toContain('has no container "nginx"');
  expect(refused.writes).toEqual([]);
});

test('problems of the config file are named together, with their lines', async () => {
  const world = await makeProject(`release:
  - { comand: [x] }
  - { command: [x], timeout: 5, service: api }
  - migrate
  - { command: "a && b" }
  - { command: [] }
`);
  const end = await world.run(['deploy']);
  expect(end.status).toBe(2);
  const lines = end.stderr.split('\n').map((line) => line.replace(/^.*\.ecsdeployrc:/, ''));
  expect(lines).toEqual(
    expect.arrayContaining([
      expect.stringContaining('7: unknown key "comand"'),
      '7: an entry of "release" needs the key "command"',
      '8: "timeout" of a release task: "5" needs a unit: write 5s or 5m',
      '9: an entry of "release" must hold keys and values',
      expect.stringContaining('10: "command" of a release task: "a && b" needs a shell'),
      '11: "command" of a release task: must not be empty',
      expect.stringContaining('8: the service "api" of a release task is not in the config file'),
    ]),
  );
});

describe('Ctrl-C during a release task', () => {
  test('stops it, and leaves the service as it is', async () => {
    const world = await makeProject(MIGRATION, { scenario: 'command-hangs' });
    const end = await deploy(world, [], {
      onStderr: (text, { kill }) => {
        if (text.includes('| Running ')) kill('SIGTERM');
      },
    });
    expect(end.status, end.stderr).toBe(130);
    expect(end.writes).toEqual([REGISTER, 'ecs:RunTask', 'ecs:StopTask']);
    expect(end.result).toMatchObject({
      outcome: 'interrupted',
      services: [{ outcome: 'skipped' }],
      tasks: [{ outcome: 'interrupted' }],
    });
    expect(end.stderr).toContain('No service was changed.');
  });
});

test('tasks that cannot be followed are not started', async () => {
  const world = await makeProject(MIGRATION, { denied: ['ecs:DescribeTasks'] });
  const end = await deploy(world);
  expect(end.status, end.stderr).toBe(4);
  expect(end.writes).toEqual([]);
});

test('a service that AWS refuses to move keeps the tasks that have run in the result', async () => {
  const world = await makeProject();
  world.sandbox.fail('ecs:UpdateService', accessDenied('ecs:UpdateService', '111122223333'), 9);
  const { status, stderr, result, writes } = await deploy(world);
  expect(status, stderr).toBe(4);
  expect(writes).toContain('ecs:RunTask');
  expect(result).toMatchObject({
    outcome: 'refused',
    tasks: [{ outcome: 'succeeded' }],
    services: [{ outcome: 'skipped' }],
    error: { code: 'permission-denied' },
  });
  expect(stderr.match(/^Error/gm)).toHaveLength(1);
});
