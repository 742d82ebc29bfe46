import { DescribeTaskDefinitionCommand } from '@aws-sdk/client-ecs';
import { expect, test } from 'vitest';
import { PERMISSIONS } from '../../src/core/iam.ts';
import { accessDenied } from '../../src/sandbox/wire.ts';
import { readResult } from '../support/cli.ts';
import { makeWorld, stable } from '../support/world.ts';
import type { World } from '../support/world.ts';

const MANAGED = 'backend-hyeon9mak-service-dev';

const deploy = (world: World, ...args: readonly string[]) =>
  world.run(['deploy', '--container', 'Main', ...args]);

/** The definition that the service runs. */
async function running(world: World) {
  const { taskDefinition } = await world.service();
  const answer = await world.ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition }));
  if (answer.taskDefinition === undefined) throw new Error('no definition');
  return answer.taskDefinition;
}

/** What the last UpdateExpressGatewayService sent. */
const sent = ({ sandbox }: World) =>
  sandbox.calls.findLast(({ action }) => action === 'ecs:UpdateExpressGatewayService')?.input;

const STEPS = /^ecs:(Register|Update|Stop)/;
const steps = (world: World) => world.writes().filter((action) => STEPS.test(action));

test('a managed definition is changed through Express Mode, and nothing is registered', async () => {
  const world = await makeWorld({ scenario: 'express' });
  const { revision, ...before } = await running(world);
  const end = await deploy(world, '--json', '--set-env', 'LEVEL=debug', '--set-cpu', '1024');
  expect(end.status, end.stderr).toBe(3);
  expect(end.stderr).toContain('Fargate has no tasks of 1024 CPU units with 1024 MiB.');
  const good = await deploy(
    world,
    '--json',
    ...'--set-env LEVEL=debug --set-memory 2GB'.split(' '),
  );
  expect(good.status, good.stderr).toBe(0);
  const told = stable(good.stderr, world);
  expect(told).toContain(`Express service hyeon9mak-service-dev in backend runs ${MANAGED}:1\n`);
  expect(told).toContain('  task definition\n    - memory: "1024"');
  expect(steps(world)).toEqual(['ecs:UpdateExpressGatewayService']);
  const result = readResult(good);
  const [service] = result.services;
  expect(service).toMatchObject({ outcome: 'succeeded', registered: false });
  expect(service?.taskDefinition).toMatch(new RegExp(`/${MANAGED}:2$`));
  const environment = [
    { name: 'SPRING_PROFILES_ACTIVE', value: 'dev' },
    { name: 'LEVEL', value: 'debug' },
  ];
  const image = `${result.image?.reference}@${result.image?.digest}`;
  expect(sent(world)).toEqual({
    serviceArn: expect.any(String),
    memory: '2048',
    primaryContainer: {
      image,
      containerPort: 8080,
      awsLogsConfiguration: { logGroup: '/ecs/hyeon9mak-task-dev', logStreamPrefix: 'ecs' },
      command: [],
      environment,
      secrets: before.containerDefinitions?.[0]?.secrets,
    },
  });
  const after = await running(world);
  expect(after).toMatchObject({ revision: (revision ?? 0) + 1, cpu: '512', memory: '2048' });

  const again = await deploy(world, '--json', '--set-env', 'LEVEL=debug');
  expect(readResult(again)).toMatchObject({ outcome: 'unchanged' });
  expect(steps(world)).toEqual([]);
});

test('a definition of your own is registered and named', async () => {
  const world = await makeWorld({ scenario: 'express-provided' });
  const end = await deploy(world, '--json', '--set-tag', 'team=web');
  expect(end.status, end.stderr).toBe(0);
  expect(steps(world)).toEqual(['ecs:RegisterTaskDefinition', 'ecs:UpdateExpressGatewayService']);
  const { taskDefinitionArn, containerDefinitions } = await running(world);
  expect(sent(world)).toEqual({ serviceArn: expect.any(String), taskDefinitionArn });
  expect(containerDefinitions?.map(({ name }) => name)).toEqual(['Main', 'datadog-agent']);
});

test.each([
  ['express', ['--set-tag', 'team=web'], 'cannot set tags.team'],
  ['express-provided', ['--task-definition', 'td.json'], 'which the task definition does not have'],
] as const)('in %s, %j is refused before the build', async (scenario, args, says) => {
  const definition = {
    family: 'web',
    networkMode: 'awsvpc',
    requiresCompatibilities: ['FARGATE'],
    cpu: '512',
    memory: '1024',
    executionRoleArn: 'arn:aws:iam::111122223333:role/ecsTaskExecutionRole',
    containerDefinitions: [{ name: 'app', image: 'registry/app:1', essential: true }],
  };
  const files = { 'td.json': JSON.stringify(definition) };
  const world = await makeWorld({ scenario, files });
  const container = args[0] === '--task-definition' ? 'app' : 'Main';
  const end = await world.run(['deploy', '--container', container, ...args]);
  expect(end.status, end.stderr).toBe(3);
  expect(end.stderr).toContain(says);
  expect(end.stderr.includes('to continue anyway: --skip-check express')).toBe(
    args[0] !== '--set-tag',
  );
  expect(world.writes()).toEqual([]);
});

test('a rollback of a managed definition goes one further back each time', async () => {
  const world = await makeWorld({ scenario: 'express' });
  for (const step of ['2', '3']) {
    const end = await deploy(world, '-q', '--set-env', `STEP=${step}`);
    expect(end.status, end.stderr).toBe(0);
  }
  steps(world);
  const step = async () =>
    (await running(world)).containerDefinitions?.[0]?.environment?.find(
      ({ name }) => name === 'STEP',
    )?.value;
  const back = await world.run(['rollback', '--json']);
  expect(back.status, back.stderr).toBe(0);
  expect(steps(world)).toEqual(['ecs:UpdateExpressGatewayService']);
  expect(await step()).toBe('2');
  const { services } = readResult(await world.run(['history', '--json']));
  expect(services[0]?.rollbackTo).toMatch(new RegExp(`/${MANAGED}:1$`));
  const further = await world.run(['rollback']);
  expect(further.status, further.stderr).toBe(0);
  expect(await step()).toBeUndefined();
  const last = await world.run(['rollback']);
  expect(last.status).toBe(3);
  expect(last.stderr).toContain('has no earlier successful deployment');
}, 60_000);

test.each(['express', 'express-provided'] as const)(
  'in %s, a rollback that ECS refuses to make goes through Express Mode',
  async (scenario) => {
    const world = await makeWorld({
      scenario,
      // Not the tasks of the rollback: Express Mode registers a revision for it.
      faults: [{ name: 'crash', tasks: 2 }],
      denied: ['ecs:StopServiceDeployment'],
    });
    const { containerDefinitions: before } = await running(world);
    const args = '--on-failure rollback --max-failures 1 --set-memory 2048'.split(' ');
    const end = await deploy(world, ...args);
    expect(end.status, end.stderr).toBe(7);
    expect(steps(world).filter((action) => action.startsWith('ecs:Update'))).toEqual([
      'ecs:UpdateExpressGatewayService',
      'ecs:UpdateExpressGatewayService',
    ]);
    expect(await running(world)).toMatchObject({ memory: '1024', containerDefinitions: before });
  },
);

test('--force starts a new deployment of what runs, which changes nothing in Express Mode', async () => {
  const world = await makeWorld({ scenario: 'express' });
  const end = await world.run(['rollout', '--force', '--json', `${MANAGED}:1`]);
  expect(end.status, end.stderr).toBe(0);
  expect(steps(world)).toEqual(['ecs:UpdateService']);
});

test('a change outside of Express Mode is kept, and Express Mode learns of it', async () => {
  const world = await makeWorld({ scenario: 'express-drift' });
  const status = await world.run(['status']);
  expect(status.stdout).toContain(`Express Mode has ${MANAGED}:1: its next update deploys that`);
  const end = await deploy(world, '-q');
  expect(end.status, end.stderr).toBe(0);
  expect(sent(world)).toMatchObject({
    primaryContainer: { environment: [{ name: 'CHANGED_BY', value: 'someone else' }] },
  });
  expect((await world.run(['status'])).stdout).not.toContain('its next update');
});

test('status shows the endpoint, and verify what Express Mode requires', async () => {
  const world = await makeWorld({ scenario: 'express' });
  const endpoint = 'https://hyeon9mak-service-dev.ecs.ap-northeast-2.on.aws/';
  const shown = await world.run(['status']);
  expect(shown.stdout).toContain('hyeon9mak-service-dev in backend: ACTIVE, Express service');
  expect(shown.stdout).toContain(`  endpoint: ${endpoint}`);
  const json = readResult(await world.run(['status', '--json']));
  expect(json.services[0]?.express).toMatchObject({ endpoint });
  const verified = await world.run(['verify', '--container', 'Main']);
  expect(verified.status, verified.stderr).toBe(0);
  expect(verified.stderr).toContain(`ACTIVE, an Express service, runs ${MANAGED}:1`);
  expect(verified.stderr).toContain('express: container Main, port 8080');
});

test('an image for another CPU is a warning: Express Mode can switch', async () => {
  const world = await makeWorld({ scenario: 'express' });
  const end = await deploy(world, '--dry-run', '--platform', 'linux/arm64');
  expect(end.status, end.stderr).toBe(0);
  expect(end.stderr).toContain('Express Mode may start the tasks on the platform of the image');
});

const EXPRESS_ACTIONS = PERMISSIONS.filter(({ only }) => only?.setting === 'express');

test.each(
  EXPRESS_ACTIONS.flatMap(({ action, needed, optional = [] }) => [
    ...needed.map((command) => [command, action, 4] as const),
    ...optional.map((command) => [command, action, 0] as const),
  ]),
)('%s of an Express service without %s ends with %d', async (command, action, status) => {
  const world = await makeWorld({ scenario: 'express' });
  if (command === 'rollback') {
    for (const step of ['2', '3']) await deploy(world, '-q', '--set-env', `STEP=${step}`);
  }
  if (command === 'rollout') {
    const rendered = await world.run(['render', '--container', 'Main', '--set-env', 'A=b']);
    await world.run(['register', '-q'], { stdin: rendered.stdout });
  }
  steps(world);
  // UpdateService is not needed.
  for (const denied of [action, 'ecs:UpdateService']) {
    world.sandbox.fail(denied, accessDenied(denied, '111122223333'));
  }
  const container = ['deploy', 'verify'].includes(command) ? ['--container', 'Main'] : [];
  const end = await world.run([command, ...container]);
  expect(end.status, end.stderr).toBe(status);
  expect(end.stderr).toContain(`is not authorized to call ${action}`);
  expect(end.stderr).toContain(`{ "Effect": "Allow", "Action": "${action}", "Resource": "*" }`);
});

const CONFIG_LINES =
  'cluster: backend\nservice: hyeon9mak-service-dev\nrepository: hyeon9mak-dev\n';

test('a release task is refused where only the move makes the new revision', async () => {
  const files = {
    '.ecsdeployrc': `${CONFIG_LINES}release: [{ command: [rails, "db:migrate"] }]\n`,
  };
  const world = await makeWorld({ scenario: 'express', files });
  const end = await deploy(world);
  expect(end.status, end.stderr).toBe(3);
  expect(end.stderr).toContain('rails db:migrate cannot run before "hyeon9mak-service-dev" moves');
  expect(world.writes()).toEqual([]);
  const without = await deploy(world, '--no-release');
  expect(without.status, without.stderr).toBe(0);
});

test('a release task runs in the registered definition of an Express service', async () => {
  const files = {
    '.ecsdeployrc': `${CONFIG_LINES}release: [{ command: [rails, "db:migrate"] }]\n`,
  };
  const world = await makeWorld({ scenario: 'express-provided', files });
  const end = await deploy(world);
  expect(end.status, end.stderr).toBe(0);
  expect(world.writes().filter((action) => /^ecs:(Register|Run|Update)/.test(action))).toEqual([
    'ecs:RegisterTaskDefinition',
    'ecs:RunTask',
    'ecs:UpdateExpressGatewayService',
  ]);
});

test('after a check that failed, an Express service goes back through Express Mode', async () => {
  const files = { '.ecsdeployrc': `${CONFIG_LINES}check: 'exit 1'\n` };
  const world = await makeWorld({ scenario: 'express', files });
  const before = (await running(world)).containerDefinitions?.[0];
  const end = await deploy(world, '--on-failure', 'rollback', '--set-env', 'LEVEL=debug');
  expect(end.status, end.stderr).toBe(7);
  expect(steps(world)).toEqual([
    'ecs:UpdateExpressGatewayService',
    'ecs:UpdateExpressGatewayService',
  ]);
  const after = (await running(world)).containerDefinitions?.[0];
  expect(after?.environment).toEqual(before?.environment);
  expect(after?.image).toBe(before?.image);
});
