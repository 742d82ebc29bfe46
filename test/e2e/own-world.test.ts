import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  DescribeServicesCommand,
  ECSClient,
  ListClustersCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import { expect, onTestFinished, test } from 'vitest';
import { openEcs } from '../../src/aws/ecs.ts';
import { readTargetHealth } from '../../src/aws/load-balancers.ts';
import { describeService } from '../../src/aws/services.ts';
import { allTasksOf, instancesOf } from '../../src/aws/tasks.ts';
import { addressesOf } from '../../src/core/load-balancer.ts';
import { targetGroupArn } from '../../src/sandbox/own-world.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { connectTo } from '../support/aws.ts';
import { runCli } from '../support/cli.ts';
import { makeFolder } from '../support/files.ts';

const SANDBOX = ['sandbox', '--docker', 'stand-in', '--speed', '600'];

/** The code blocks of the section of docs/sandbox.md on own worlds, by language. */
function exampleOf(language: string): string {
  const section = readFileSync('docs/sandbox.md', 'utf8').split('## A world of your own')[1] ?? '';
  return new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(section)?.[1] ?? '';
}

test('the example of the docs: a service that runs in a world of one file', async () => {
  const directory = makeFolder({
    'world.yaml': exampleOf('yaml'),
    'api.json': exampleOf('json'),
    'look.sh':
      exampleOf('sh')
        .split('\n')
        .find((line) => line.includes('--world')) ?? '',
  });
  const status = [process.execPath, resolve('bin/ecsdeploy.js'), 'status', '--json'];
  const service = ['--cluster', 'web', '--service', 'api', '--region', 'eu-central-1'];
  const end = await runCli(
    [
      ...SANDBOX,
      '--world',
      'world.yaml',
      '--',
      'sh',
      '-c',
      `${[...status, ...service].join(' ')} > out.json`,
    ],
    {
      directory,
    },
  );
  expect(end.stderr).toContain('region eu-central-1, cluster web, service api');
  expect(end.status, end.stderr).toBe(0);
  const { services } = JSON.parse(readFileSync(`${directory}/out.json`, 'utf8')) as {
    services: object[];
  };
  expect(services).toMatchObject([{ cluster: 'web', service: 'api', desired: 3, running: 3 }]);
});

test('every problem of a world file is named at once, with its line', async () => {
  const directory = makeFolder({
    'world.yaml': `account: "12"
region: nowhere
cluster: [web]
services:
  - { service: api, taskDefinition: api, desiredCont: 2 }
  - { service: worker }
  - api
repositories: shop/api
secrets: [[a]]
`,
  });
  const end = await runCli([...SANDBOX, '--world', 'world.yaml', '--', 'true'], { directory });
  expect(end.status).toBe(2);
  const lines = end.stderr.replaceAll(`${directory}/`, '');
  for (const problem of [
    'world.yaml:1: "account" must be an account ID of 12 digits',
    'world.yaml:2: "region" must be a region such as eu-central-1',
    'world.yaml:3: unknown key "cluster" (did you mean "clusters"?',
    'world.yaml:5: unknown key "desiredCont" (did you mean "desiredCount"?',
    'world.yaml:6: an entry of "services" needs the key "taskDefinition"',
    'world.yaml:7: an entry of "services" must hold keys and values',
    'world.yaml:8: "repositories" must be a list',
    'world.yaml:9: "secrets" must be a list of names such as [shop/database]',
  ]) {
    expect(lines).toContain(problem);
  }
});

test.each([
  ['what AWS refuses', 'services: [{ service: api, taskDefinition: none }]', 'service api: TaskD'],
  ['a repository twice', 'repositories: [shop, shop]', 'repository shop: The repository'],
  ['no such file', undefined, 'does not exist'],
])('a world with %s does not start', async (_, text, problem) => {
  const directory = makeFolder(
    text === undefined ? {} : { 'world.yaml': `clusters: [web]\n${text}\n` },
  );
  const end = await runCli([...SANDBOX, '--world', 'world.yaml', '--', 'true'], { directory });
  expect(end.status).toBe(2);
  expect(end.stderr).toContain(problem);
});

test('an empty world is empty, and takes no scenario of the start world', async () => {
  const both = await runCli([...SANDBOX, '--empty', '--world', 'x.yaml', '--', 'true']);
  expect([both.status, both.stderr]).toEqual([2, expect.stringContaining('not both')]);
  const scenario = await runCli([...SANDBOX, '--empty', '--scenario', 'canary', '--', 'true']);
  expect([scenario.status, scenario.stderr]).toEqual([2, expect.stringContaining('--empty')]);
  const sandbox = await startSandbox({ speed: 600, world: {} });
  const ecs = clientFor(sandbox.url, 'ap-northeast-2');
  onTestFinished(async () => {
    ecs.destroy();
    await sandbox.close();
  });
  expect((await ecs.send(new ListClustersCommand({}))).clusterArns).toEqual([]);
});

test('a service of a world rolls out and is rolled back like that of the start world', async () => {
  const account = '444455556666';
  const region = 'eu-central-1';
  const image = `${account}.dkr.ecr.${region}.amazonaws.com/shop/api`;
  const family = (tag: string) => ({
    family: 'api',
    networkMode: 'awsvpc',
    requiresCompatibilities: ['FARGATE'],
    cpu: '256',
    memory: '512',
    executionRoleArn: `arn:aws:iam::${account}:role/execution`,
    containerDefinitions: [
      { name: 'app', image: `${image}:${tag}`, portMappings: [{ containerPort: 80 }] },
    ],
  });
  const sandbox = await startSandbox({
    speed: 1000,
    world: {
      account,
      region,
      clusters: ['web'],
      repositories: [{ repository: 'shop/api', immutable: false, tags: [] }],
      families: [family('v1'), family('v2')],
      targetGroups: ['web'],
      services: [
        {
          service: 'api',
          cluster: 'web',
          taskDefinition: 'api:1',
          desiredCount: 2,
          members: {
            loadBalancers: [{ targetGroupArn: 'web', containerName: 'app', containerPort: 80 }],
          },
        },
      ],
    },
  });
  const ecs = clientFor(sandbox.url, region);
  onTestFinished(async () => {
    ecs.destroy();
    await sandbox.close();
  });
  const named = { cluster: 'web', service: 'api' };
  const { service } = await ecs.send(new UpdateServiceCommand({ ...named, taskDefinition: 'api' }));
  expect(service?.serviceArn).toBe(`arn:aws:ecs:${region}:${account}:service/web/api`);
  const describe = new DescribeServicesCommand({ cluster: 'web', services: ['api'] });
  await expect
    .poll(async () => (await ecs.send(describe)).services?.[0]?.deployments, { timeout: 20_000 })
    .toMatchObject([{ rolloutState: 'COMPLETED', taskDefinition: expect.stringMatching(/:2$/) }]);
});

test.each([
  ['host', undefined, 80],
  ['bridge', 8080, 8080],
])('in the network mode %s a target is an instance with a port', async (mode, hostPort, port) => {
  const [account, region] = ['444455556666', 'eu-central-1'];
  const mapping = { containerPort: 80, ...(hostPort !== undefined && { hostPort }) };
  const app = { name: 'app', image: 'nginx', memory: 64, portMappings: [mapping] };
  const loadBalancers = [{ targetGroupArn: 'web', containerName: 'app', containerPort: 80 }];
  const sandbox = await startSandbox({
    speed: 600,
    world: {
      account,
      region,
      clusters: ['web'],
      families: [{ family: 'api', networkMode: mode, containerDefinitions: [app] }],
      targetGroups: ['web'],
      services: [
        {
          service: 'api',
          cluster: 'web',
          taskDefinition: 'api:1',
          desiredCount: 2,
          members: { loadBalancers },
        },
      ],
    },
  });
  onTestFinished(() => sandbox.close());
  const ecs = await openEcs(await connectTo(sandbox.url, { region }));
  const service = await describeService(ecs, { cluster: 'web', service: 'api' });
  const tasks = await allTasksOf(ecs, service, 'RUNNING');
  const instances = await instancesOf(ecs, service, tasks);
  const targets = await readTargetHealth(ecs.aws, targetGroupArn(account, region, 'web'));
  expect(new Set(targets.map(({ id }) => id)).size).toBe(2);
  expect(targets.map((target) => `${target.id}:${target.port}`)).toEqual(
    tasks.flatMap((task) => addressesOf(task, service, instances)),
  );
  expect(targets).toMatchObject([{ port }, { port }]);
});

function clientFor(endpoint: string, region: string): ECSClient {
  const credentials = { accessKeyId: 'AKIASANDBOX', secretAccessKey: 'sandbox' };
  return new ECSClient({ endpoint, region, credentials });
}
