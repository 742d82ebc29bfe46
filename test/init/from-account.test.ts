import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readResult, runCli } from '../support/cli.ts';
import type { CliEnd, CliOptions } from '../support/cli.ts';
import { makeFolder } from '../support/files.ts';
import { addService, makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

/** The project of a world without its config file. */
async function makeProject(): Promise<World> {
  const world = await makeWorld();
  rmSync(join(world.folder, '.ecsdeployrc'));
  return world;
}

const fileOf = ({ folder }: World) => join(folder, '.ecsdeployrc');
const written = (world: World) => readFileSync(fileOf(world), 'utf8');

const init = (world: World, answers: CliOptions['answers'], ...args: readonly string[]) =>
  world.run(['init', '--progress', 'plain', ...args], { answers });

test('init asks for what the account has, shows the file and writes it; deploy works', async () => {
  const world = await makeProject();
  const end = await init(world, [
    ['Cluster', '\r'],
    ['Service', '\r'],
    ['Container to update', '\r'],
    ['ECR repository', '\r'],
    ['Write .ecsdeployrc?', '\r'],
  ]);
  expect(end.status, end.stderr).toBe(0);
  expect(end.stdout).toBe('');
  expect(written(world)).toMatchInlineSnapshot(`
    "# Written by ecsdeploy init. Check it with: ecsdeploy verify

    repository: hyeon9mak-dev
    service: hyeon9mak-service-dev
    cluster: backend
    region: ap-northeast-2
    container: hyeon9mak-container
    "
  `);
  expect(end.stderr).toContain(written(world).trimEnd().replaceAll('\n', '\n  '));
  expect(end.stderr).toContain(
    'Wrote .ecsdeployrc\n  → the same without questions: ecsdeploy init --region ap-northeast-2 --cluster backend --service hyeon9mak-service-dev --container hyeon9mak-container --repository hyeon9mak-dev\n',
  );
  const deployed = await world.run(['deploy', '-q']);
  expect(deployed.status, deployed.stderr).toBe(0);
});

test('letters that find no name are no answer', async () => {
  const world = await makeProject();
  const end = await init(world, [
    ['Cluster', 'zz\r'],
    ['Type other letters.', '\u007F\u007F\r'],
    ['Service', '\r'],
    ['Container to update', '\r'],
    ['ECR repository', '\r'],
    ['Write .ecsdeployrc?', '\r'],
  ]);
  expect(end.status, end.stderr).toBe(0);
  expect(written(world)).toContain('cluster: backend\n');
});

test('several services are chosen from a list', async () => {
  const world = await makeProject();
  await addService(world, 'worker');
  const end = await init(world, [
    ['Cluster', '\r'],
    ['Services', '\t\u001B[B\t\r'],
    ['Container to update', '\r'],
    ['ECR repository', '\r'],
    ['Write .ecsdeployrc?', '\r'],
  ]);
  expect(end.status, end.stderr).toBe(0);
  expect(written(world)).toContain('service: [hyeon9mak-service-dev, worker]');
});

test('what flags give is not asked for', async () => {
  const world = await makeProject();
  const flags = ['--cluster', 'backend', '-s', 'hyeon9mak-service-dev'];
  const more = ['--repository', 'hyeon9mak-dev', '--container', 'hyeon9mak-container'];
  const end = await init(world, [['Write .ecsdeployrc?', '\r']], ...flags, ...more);
  expect(end.status, end.stderr).toBe(0);
  expect(end.stderr).not.toContain('Cluster');
  expect(written(world)).toContain('service: hyeon9mak-service-dev\n');
});

test.each([
  ['Ctrl-C at a question', [['Cluster', '\u0003']], 130],
  [
    'No at the end',
    [
      ['Cluster', '\r'],
      ['Service', '\r'],
      ['Container to update', '\r'],
      ['ECR repository', '\r'],
      ['Write .ecsdeployrc?', 'n'],
    ],
    0,
  ],
] as const)('%s writes nothing', async (_, questions, status) => {
  const world = await makeProject();
  const end = await init(world, questions);
  expect(end.status, end.stderr).toBe(status);
  expect(existsSync(fileOf(world))).toBe(false);
});

test('a workflow and the account together: only what the workflow does not know is asked', async () => {
  const world = await makeWorld({
    files: {
      '.github/workflows/deploy.yml': readFileSync('test/init/workflows/unknown-names.yml', 'utf8'),
    },
  });
  rmSync(fileOf(world));
  const end = await init(
    world,
    [
      ['Cluster', '\r'],
      ['Service', '\r'],
      ['Container to update', '\r'],
      ['ECR repository', '\r'],
      ['Write .ecsdeployrc?', '\r'],
    ],
    '--from-workflow',
    '.github/workflows/deploy.yml',
  );
  expect(end.status, end.stderr).toBe(0);
  expect(end.stderr).not.toContain('which only the workflow knows');
  const deployed = await world.run(['deploy', '-q']);
  expect(deployed.status, deployed.stderr).toBe(0);
});

test('a workflow is read without credentials, also on a terminal', async () => {
  const folder = makeFolder({
    'deploy.yml': readFileSync('test/init/workflows/unknown-names.yml', 'utf8'),
  });
  const environment = { AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' };
  const end = await runCli(['init', '--from-workflow', 'deploy.yml', '--progress', 'plain'], {
    directory: folder,
    environment,
    answers: [['Write .ecsdeployrc?', '\r']],
  });
  expect(end.status, end.stderr).toBe(0);
  expect(end.stderr).toContain('Warning: Continuing without what the account has: ');
});

const lastLines = ({ stderr }: CliEnd) => stderr.slice(stderr.indexOf('Error: '));

test('without a terminal, init says what to give', async () => {
  const end = await runCli(['init', '--cluster', 'backend'], {
    directory: makeFolder({ '.github/workflows/ship.yml': '', '.github/workflows/notes.md': '' }),
  });
  expect(end.status).toBe(2);
  expect(lastLines(end)).toMatchInlineSnapshot(`
    "Error: ecsdeploy init asks questions, but this is not a terminal.
      → give --service NAME --repository NAME, and --container NAME if the tasks have several containers
      → or read a workflow: ecsdeploy init --from-workflow .github/workflows/ship.yml
    "
  `);
});

test('without a terminal, init writes what the flags give', async () => {
  const directory = makeFolder();
  const flags = [
    '--cluster',
    'backend',
    '-s',
    'api',
    '--repository',
    'shop',
    '--region',
    'eu-west-1',
  ];
  const end = await runCli(['init', '--json', ...flags], { directory });
  expect(end.status, end.stderr).toBe(0);
  const { init: result } = readResult(end);
  expect(result).toMatchInlineSnapshot(
    { file: expect.any(String) },
    `
    {
      "content": "# Written by ecsdeploy init. Check it with: ecsdeploy verify

    repository: shop
    service: api
    cluster: backend
    region: eu-west-1
    ",
      "file": Any<String>,
      "missing": [],
      "remarks": [],
      "workflow": null,
    }
  `,
  );
  expect(readFileSync(join(directory, '.ecsdeployrc'), 'utf8')).toBe(result?.content);
});

test('init does not change a config file that exists', async () => {
  const directory = makeFolder({ '.ecsdeployrc.yaml': 'cluster: backend\n' });
  const end = await runCli(['init', '-s', 'api', '--repository', 'shop'], { directory });
  expect(end.status).toBe(2);
  expect(lastLines(end)).toContain(
    '.ecsdeployrc.yaml already exists. ecsdeploy init does not change it.',
  );
  expect(existsSync(join(directory, '.ecsdeployrc'))).toBe(false);
});
