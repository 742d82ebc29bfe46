import {
  CreateClusterCommand,
  CreateServiceCommand,
  DescribeServicesCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
} from '@aws-sdk/client-ecs';
import { join } from 'node:path';
import { devNull } from 'node:os';
import { expect, test, vi } from 'vitest';
import type { ServiceResult } from '../../src/core/result.ts';
import { LOSSES } from '../support/broken-answers.ts';
import { readResult } from '../support/cli.ts';
import type { CliOptions } from '../support/cli.ts';
import { makeFolder } from '../support/files.ts';
import { apiProxy } from '../support/proxies.ts';
import { CONFIG, makeWorld } from '../support/world.ts';
import type { World, WorldOptions } from '../support/world.ts';

const SERVICE = 'hyeon9mak-service-dev';

/** One service in the region of the run, and one of the same name in another. */
const SERVICES = `services:
  - { service: ${SERVICE} }
  - { service: ${SERVICE}, region: us-east-1 }
`;

const DEPLOY = ['deploy', '--set-env', 'A=B', '--image', 'REGISTRY/hyeon9mak-dev:first'];
const US = ['--service', SERVICE, '--region', 'us-east-1'];

/** A world whose second region has a cluster and a service of the same names. */
async function makeRegions(services = SERVICES, options: WorldOptions = {}): Promise<World> {
  const world = await makeWorld({
    speed: 600,
    ...options,
    files: { '.ecsdeployrc': CONFIG.replace(/^service:.*\n/m, '') + services },
  });
  const client = new ECSClient({
    endpoint: world.sandbox.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIASETUP', secretAccessKey: 'sandbox' },
  });
  await client.send(new CreateClusterCommand({ clusterName: 'backend' }));
  await client.send(
    new RegisterTaskDefinitionCommand({
      family: 'hyeon9mak-task-dev',
      networkMode: 'awsvpc',
      requiresCompatibilities: ['FARGATE'],
      cpu: '256',
      memory: '512',
      executionRoleArn: 'arn:aws:iam::111122223333:role/ecsTaskExecutionRole',
      runtimePlatform: { cpuArchitecture: 'X86_64', operatingSystemFamily: 'LINUX' },
      containerDefinitions: [
        {
          name: 'hyeon9mak-container',
          image: `${world.sandbox.registryHost}/hyeon9mak-dev:first`,
          essential: true,
        },
      ],
    }),
  );
  await client.send(
    new CreateServiceCommand({
      cluster: 'backend',
      serviceName: SERVICE,
      taskDefinition: 'hyeon9mak-task-dev:1',
      desiredCount: 1,
      launchType: 'FARGATE',
      networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'] } },
    }),
  );
  if (Object.keys(options).length === 0) {
    await vi.waitFor(
      async () => {
        const input = { cluster: 'backend', services: [SERVICE] };
        const { services: found = [] } = await client.send(new DescribeServicesCommand(input));
        const state = found[0]?.deployments?.[0]?.rolloutState;
        if (state !== 'COMPLETED') throw new Error(`The first deployment is ${state}.`);
      },
      { timeout: 60_000 },
    );
  }
  return world;
}

/** Runs a command, and tells the actions that it made in each region, each once. */
async function runAt(world: World, args: readonly string[], options?: CliOptions) {
  const mark = world.sandbox.calls.length;
  const named = args.map((arg) => arg.replace('REGISTRY', world.sandbox.registryHost));
  const end = await world.run(named, options);
  const calls = world.sandbox.calls.slice(mark);
  const actionsIn = (region: string, pattern = /./) =>
    calls
      .filter((call) => call.region === region && pattern.test(call.action))
      .map(({ action }) => action);
  return { end, calls, actionsIn };
}

const WRITES = /Register|Update|RunTask|Stop/;

test('one run deploys to two regions: one image, a registration and a rollout in each', async () => {
  const world = await makeRegions();
  const { end, actionsIn } = await runAt(world, [...DEPLOY, '--json']);
  expect(end.status, end.stderr).toBe(0);
  const [home, us] = readResult(end).services;
  expect([home?.outcome, home?.region]).toEqual(['succeeded', undefined]);
  expect([us?.outcome, us?.region]).toEqual(['succeeded', 'us-east-1']);
  expect(us?.taskDefinition).toBe(
    'arn:aws:ecs:us-east-1:111122223333:task-definition/hyeon9mak-task-dev:2',
  );
  for (const region of ['ap-northeast-2', 'us-east-1']) {
    expect(actionsIn(region, WRITES), region).toEqual([
      'ecs:RegisterTaskDefinition',
      'ecs:UpdateService',
    ]);
  }
  // Words tell the services apart.
  expect(end.stderr).toContain(`us-east-1/${SERVICE} runs hyeon9mak-task-dev:2 (1 of 1 tasks)`);
  expect(end.stderr).toContain(`\n${SERVICE} runs hyeon9mak-task-dev:2 (2 of 2 tasks)`.slice(1));
  expect(end.stderr).toContain('Registered hyeon9mak-task-dev:2 (us-east-1)');

  const again = await runAt(world, [...DEPLOY, '--json']);
  expect(readResult(again.end).outcome).toBe('unchanged');
  const back = await runAt(world, ['rollback', ...US, '--json']);
  expect(back.end.status, back.end.stderr).toBe(0);
  expect(readResult(back.end).services).toMatchObject([{ outcome: 'succeeded' }]);
  expect(back.actionsIn('ap-northeast-2')).toEqual([]);
});

const SHOWN = `${SERVICE} in backend (us-east-1)`;

test.each([
  ['status', /DescribeServices|ListTasks/, SHOWN],
  ['history', /ListServiceDeployments/, SHOWN],
  ['diagnose', /ListServiceDeployments/, SERVICE],
  ['logs', /ListTasks/, ''],
  ['verify', /DescribeTaskDefinition/, 'account (us-east-1)'],
  ['prune', /ListTaskDefinitions/, 'hyeon9mak-task-dev (us-east-1)'],
])('%s reads each service in its region', async (command, reads, shown) => {
  const world = await makeRegions();
  const { end, actionsIn } = await runAt(world, [command]);
  expect(end.status, end.stderr + end.stdout).toBe(0);
  expect(end.stdout + end.stderr).toContain(shown);
  for (const region of ['ap-northeast-2', 'us-east-1']) {
    expect(actionsIn(region, reads), region).not.toEqual([]);
    expect(actionsIn(region, WRITES)).toEqual([]);
  }
});

test('the policy names the resources in every region', async () => {
  const world = await makeRegions();
  const { end } = await runAt(world, ['help', 'iam']);
  for (const resource of ['service/backend', 'task-definition/*']) {
    expect(end.stdout).toContain(`arn:aws:ecs:ap-northeast-2:*:${resource}`);
    expect(end.stdout).toContain(`arn:aws:ecs:us-east-1:*:${resource}`);
  }
});

test('what fails in one region leaves the other alone, and the commands that are printed name it', async () => {
  const world = await makeRegions(
    SERVICES.replace(' }\n  -', ', container: hyeon9mak-container }\n  -'),
  );
  const { end } = await runAt(world, [...DEPLOY, '--progress', 'json', '--json'], {
    onStderr: (text) => {
      if (/"rollout-started".*us-east-1/.test(text)) world.sandbox.arm({ name: 'crash' });
    },
  });
  const events = end.stderr.split('\n').filter((line) => line.startsWith('{'));
  const named = events.map((line) => JSON.parse(line) as Record<string, unknown>);
  const causes = named.filter(({ kind }) => kind === 'cause');
  expect(causes.map(({ cluster, service }) => [cluster, service])).toContainEqual([
    'backend',
    SERVICE,
  ]);
  expect(causes.map(({ region }) => region)).toContain('us-east-1');
  const plain = await runAt(world, ['rollback', '--to', '1', '--dry-run']);
  expect(plain.end.stderr).toContain('(us-east-1)');
  const paused = await runAt(world, ['continue', ...US]);
  expect(paused.end.stderr).toContain(
    `ecsdeploy rollout --watch --cluster backend --service ${SERVICE} --region us-east-1`,
  );
});

test('polls that fail in one region leave the other to its verdict, and recover', async () => {
  const world = await makeRegions();
  let state: 'before' | 'cut' | 'back' = 'before';
  const url = await apiProxy(world.sandbox.url, ({ action, body }) => {
    if (action === 'UpdateService' && state === 'before') state = 'cut';
    const isThere = action === 'DescribeServices' && body.includes(':us-east-1:');
    return state === 'cut' && isThere ? { mode: LOSSES.reset, carriedOut: false } : undefined;
  });
  let seen = '';
  const { end } = await runAt(world, [...DEPLOY, '--progress', 'json', '--json'], {
    environment: { AWS_ENDPOINT_URL: url },
    onStderr: (text) => {
      seen += text;
      // Only the verdict of the other region ends the trouble, and not before it was reported.
      const isOver = ['"service-ended"', '"polls-failing"'].every((kind) => seen.includes(kind));
      if (isOver) state = 'back';
    },
  });
  const ended = end.stderr
    .split('\n')
    .filter((line) => line.includes('"kind":"service-ended"'))
    .map((line) => (JSON.parse(line) as { result: ServiceResult }).result)
    .map(({ region, outcome }) => [region, outcome]);
  expect(end.status, end.stderr).toBe(0);
  expect(ended).toEqual([
    [undefined, 'succeeded'],
    ['us-east-1', 'succeeded'],
  ]);
  expect(end.stderr).toMatch(/"kind":"polls-failing".*"region":"us-east-1"/);
});

test('a release task and `run` are in the region of their service', async () => {
  const release = `release:\n  - { command: [migrate], service: us-east-1/${SERVICE} }\n`;
  const world = await makeRegions(SERVICES + release);
  const { end, actionsIn } = await runAt(world, [...DEPLOY, '--json']);
  expect(end.status, end.stderr).toBe(0);
  expect(actionsIn('us-east-1', /RunTask/)).toHaveLength(1);
  expect(actionsIn('ap-northeast-2', /RunTask/)).toEqual([]);
  const run = await runAt(world, ['run', '--service', `us-east-1/${SERVICE}`, '--', 'true']);
  expect(run.end.status, run.end.stderr).toBe(0);
  expect(run.actionsIn('us-east-1', /RunTask/)).toHaveLength(1);
  expect(run.actionsIn('ap-northeast-2')).toEqual([]);
});

test('one comes after the other, and is skipped with its own name', async () => {
  const world = await makeRegions(
    SERVICES.replace('us-east-1 }', `us-east-1, after: [${SERVICE}] }`),
    { faults: [{ name: 'crash' }] },
  );
  const { end, actionsIn } = await runAt(world, DEPLOY);
  expect(end.status, end.stderr).toBe(7);
  expect(end.stderr).toContain(`us-east-1/${SERVICE} was skipped: ${SERVICE} `);
  expect(end.stderr).toContain(
    `ecsdeploy rollout hyeon9mak-task-dev:2 --cluster backend --service ${SERVICE} --region us-east-1`,
  );
  expect(actionsIn('us-east-1', /UpdateService/)).toEqual([]);
});

test('a profile of its own gives credentials and endpoint, and that of the run stays', async () => {
  const world = await makeRegions(SERVICES.replace('us-east-1 }', 'us-east-1, profile: other }'));
  const config = `[profile other]
aws_access_key_id = AKIAOTHER
aws_secret_access_key = secret
endpoint_url = ${world.sandbox.url}
[profile main]
aws_access_key_id = AKIAMAIN
aws_secret_access_key = secret
endpoint_url = ${world.sandbox.url}
`;
  const environment = {
    AWS_CONFIG_FILE: join(makeFolder({ config }), 'config'),
    AWS_SHARED_CREDENTIALS_FILE: devNull,
    AWS_PROFILE: 'main',
    AWS_ENDPOINT_URL: '',
  };
  const { end, calls } = await runAt(world, [...DEPLOY, '--json'], { environment });
  expect(end.status, end.stderr).toBe(0);
  const keys = (region: string) => [
    ...new Set(calls.flatMap((call) => (call.region === region ? call.accessKey : []))),
  ];
  expect(keys('ap-northeast-2')).toEqual(['AKIAMAIN']);
  expect(keys('us-east-1')).toEqual(['AKIAOTHER']);
  const unknown = await runAt(world, ['status'], {
    environment: { ...environment, AWS_CONFIG_FILE: devNull, AWS_PROFILE: '' },
  });
  expect(unknown.end.status).toBe(2);
  expect(unknown.end.stderr).toContain('The profile "other" is neither in');
});

test('`register` and `render` work on one service', async () => {
  const world = await makeRegions();
  const { end } = await runAt(world, ['render', '--set-env', 'A=B', ...US]);
  expect(end.status, end.stderr).toBe(0);
  const stdin = end.stdout;
  const both = await runAt(world, ['register'], { stdin });
  expect(both.end.status).toBe(2);
  expect(both.end.stderr).toContain(`${SERVICE}, ${SERVICE} (us-east-1)`);
  const one = await runAt(world, ['register', ...US], { stdin });
  expect(one.end.stdout).toContain('arn:aws:ecs:us-east-1:');
});
