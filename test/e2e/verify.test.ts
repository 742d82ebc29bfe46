import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  DescribeImagesCommand,
  PutLifecyclePolicyCommand,
  UpdateImageStorageClassCommand,
} from '@aws-sdk/client-ecr';
import {
  DeregisterTaskDefinitionCommand,
  DescribeTaskDefinitionCommand,
  RegisterTaskDefinitionCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import type { RegisterTaskDefinitionCommandInput } from '@aws-sdk/client-ecs';
import { expect, test } from 'vitest';
import { readResult } from '../support/cli.ts';
import { callEcs } from '../support/ecs-wire.ts';
import { CONFIG, makeWorld, stable } from '../support/world.ts';
import type { World, WorldOptions } from '../support/world.ts';

const SECRETS = 'arn:aws:secretsmanager:ap-northeast-2:111122223333:secret';
const SERVICE = { cluster: 'backend', service: 'hyeon9mak-service-dev' };

/** What `verify` found, by check. */
async function verify(world: World, ...args: readonly string[]) {
  const end = await world.run(['verify', '--json', ...args]);
  const { checks = [], outcome } = readResult(end);
  const found = Object.fromEntries(checks.map((finding) => [finding.check, finding]));
  return { end, found, outcome };
}

type Definition = RegisterTaskDefinitionCommandInput;

interface Row {
  readonly check: string;
  readonly status: 'warn' | 'fail';
  readonly world?: WorldOptions;
  readonly prepare?: (world: World) => void | Promise<void>;
  readonly args?: readonly string[];
}

const MAP = {
  registryArn: 'arn:aws:servicediscovery:ap-northeast-2:111122223333:service/srv-1',
  containerName: 'hyeon9mak-container',
};

/** Gives the service a setting that demands something of its definition, with a revision that fits. */
function demand(settings: object) {
  return async ({ ecs, sandbox }: World) => {
    const { taskDefinition } = await ecs.send(
      new DescribeTaskDefinitionCommand({ taskDefinition: 'hyeon9mak-task-dev' }),
    );
    const definition = structuredClone(taskDefinition) as Definition;
    const [app] = definition.containerDefinitions ?? [];
    if (app !== undefined) app.portMappings = [{ containerPort: 8080, name: 'web' }];
    if ('volumeConfigurations' in settings) {
      definition.volumes = [{ name: 'data', configuredAtLaunch: true }];
    }
    await ecs.send(new RegisterTaskDefinitionCommand(definition));
    await callEcs(sandbox, 'UpdateService', {
      ...SERVICE,
      taskDefinition: 'hyeon9mak-task-dev:2',
      ...settings,
    });
  };
}

/** How each check is made to find something; where all is well it finds nothing. */
const ROWS: readonly Row[] = [
  { check: 'service', status: 'fail', args: ['--service', 'hyeon9mak-servise-dev'] },
  { check: 'service', status: 'fail', args: ['--cluster', 'backent'] },
  { check: 'containers', status: 'fail', args: ['--container', 'hyeon9mak-contaner'] },
  {
    check: 'deployment-in-progress',
    status: 'warn',
    world: { speed: 1 },
    prepare: async ({ ecs }) => {
      await ecs.send(new UpdateServiceCommand({ ...SERVICE, forceNewDeployment: true }));
    },
  },
  {
    check: 'deployment-percent',
    status: 'fail',
    prepare: async ({ ecs }) => {
      const deploymentConfiguration = { minimumHealthyPercent: 100, maximumPercent: 140 };
      await ecs.send(new UpdateServiceCommand({ ...SERVICE, deploymentConfiguration }));
    },
  },
  { check: 'log-groups', status: 'fail', args: ['--task-definition', 'no-log-group.json'] },
  { check: 'secrets', status: 'fail', args: ['--task-definition', 'no-secret.json'] },
  { check: 'secrets', status: 'fail', args: ['--task-definition', 'no-parameter.json'] },
  {
    check: 'execution-role',
    status: 'fail',
    args: ['--task-definition', 'no-role.json'],
  },
  { check: 'image-platform', status: 'fail', args: ['--platform', 'linux/arm64'] },
  {
    check: 'image-scan',
    status: 'warn',
    world: { scenario: 'image-vulnerable' },
    args: ['--image', 'REGISTRY/hyeon9mak-dev:first'],
  },
  { check: 'task-size', status: 'fail', args: ['--task-definition', 'wrong-size.json'] },
  {
    check: 'container-port',
    status: 'fail',
    prepare: demand({ serviceRegistries: [{ ...MAP, containerPort: 8080 }] }),
    args: ['--task-definition', 'other-port.json'],
  },
  {
    check: 'port-names',
    status: 'fail',
    prepare: demand({
      serviceConnectConfiguration: { enabled: true, services: [{ portName: 'web' }] },
    }),
    args: ['--task-definition', 'other-port.json'],
  },
  { check: 'network-mode', status: 'fail', args: ['--task-definition', 'wrong-mode.json'] },
  { check: 'launch-type', status: 'fail', args: ['--task-definition', 'wrong-type.json'] },
  {
    check: 'volumes',
    status: 'fail',
    prepare: demand({ volumeConfigurations: [{ name: 'data' }] }),
    args: ['--task-definition', 'other-port.json'],
  },
  { check: 'port-mappings', status: 'fail', args: ['--task-definition', 'two-ports.json'] },
  { check: 'port-mappings', status: 'fail', args: ['--task-definition', 'wrong-ports.json'] },
  {
    check: 'latest-revision',
    status: 'warn',
    prepare: async ({ ecs }) => {
      const { taskDefinition } = await ecs.send(
        new DescribeTaskDefinitionCommand({ taskDefinition: 'hyeon9mak-task-dev' }),
      );
      await ecs.send(new RegisterTaskDefinitionCommand(taskDefinition as Definition));
    },
  },
  {
    check: 'rollback-target',
    status: 'warn',
    prepare: async ({ ecs }) => {
      const { taskDefinition } = await ecs.send(
        new DescribeTaskDefinitionCommand({ taskDefinition: 'hyeon9mak-task-dev:1' }),
      );
      await ecs.send(new RegisterTaskDefinitionCommand(taskDefinition as Definition));
      await ecs.send(
        new DeregisterTaskDefinitionCommand({ taskDefinition: 'hyeon9mak-task-dev:1' }),
      );
    },
  },
  {
    check: 'rollback-target',
    status: 'warn',
    prepare: async ({ ecr }) => {
      await ecr.send(
        new UpdateImageStorageClassCommand({
          repositoryName: 'hyeon9mak-dev',
          imageId: { imageTag: 'first' },
          targetStorageClass: 'ARCHIVE',
        }),
      );
    },
  },
  { check: 'repository', status: 'fail', args: ['--repository', 'hyeon9mak-def'] },
  { check: 'image-exists', status: 'fail', args: ['--image', 'REGISTRY/hyeon9mak-dev:nobody'] },
  { check: 'docker', status: 'fail', args: ['--docker-host', 'unix:///nowhere/docker.sock'] },
  { check: 'files', status: 'fail', args: ['--dockerfile', 'Dockerfille'] },
  {
    check: 'build-context',
    status: 'warn',
    prepare: ({ folder }) => {
      rmSync(join(folder, '.dockerignore'));
      writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY . /\nENTRYPOINT ["/app"]\n');
    },
  },
];

/** Definitions that lack one thing; ECS itself would take the first two and the tasks would die. */
function definitionFile(change: object, app: object = {}): string {
  return JSON.stringify({
    family: 'hyeon9mak-task-dev',
    networkMode: 'awsvpc',
    requiresCompatibilities: ['FARGATE'],
    cpu: '512',
    memory: '1024',
    executionRoleArn: 'arn:aws:iam::111122223333:role/ecsTaskExecutionRole',
    containerDefinitions: [
      {
        name: 'hyeon9mak-container',
        image: 'busybox:1',
        portMappings: [{ containerPort: 8080 }],
        ...app,
      },
    ],
    ...change,
  });
}

const FILES = {
  'no-log-group.json': definitionFile(
    {},
    {
      logConfiguration: {
        logDriver: 'awslogs',
        options: { 'awslogs-group': '/ecs/nobody', 'awslogs-region': 'ap-northeast-2' },
      },
    },
  ),
  'no-secret.json': definitionFile(
    {},
    { secrets: [{ name: 'TOKEN', valueFrom: `${SECRETS}:nobody-AbCdEf:key::` }] },
  ),
  'no-parameter.json': definitionFile({}, { secrets: [{ name: 'TOKEN', valueFrom: '/nobody' }] }),
  'no-role.json': definitionFile(
    { executionRoleArn: undefined },
    { secrets: [{ name: 'TOKEN', valueFrom: '/token' }] },
  ),
  'wrong-size.json': definitionFile({ memory: '8192' }),
  'other-port.json': definitionFile({}, { portMappings: [{ containerPort: 8081 }] }),
  'wrong-mode.json': definitionFile({ networkMode: 'bridge' }),
  'wrong-type.json': definitionFile({ requiresCompatibilities: ['EC2'] }),
  'two-ports.json': definitionFile(
    {},
    { portMappings: [{ containerPort: 8080 }, { containerPort: 8080 }] },
  ),
  'wrong-ports.json': definitionFile({}, { portMappings: [{ containerPort: 8080, hostPort: 80 }] }),
};

test('where all is well every check says so, and nothing is written', async () => {
  const world = await makeWorld();
  const { end, outcome } = await verify(world);
  expect(end.status, end.stderr).toBe(0);
  expect(outcome).toBe('succeeded');
  expect(stable(end.stderr, world)).toMatchInlineSnapshot(`
    "account
      ok    credentials: 111122223333 in ap-northeast-2, as arn:aws:iam::111122223333:user/sandbox
    service hyeon9mak-service-dev in backend
      ok    service: ACTIVE, runs hyeon9mak-task-dev:1 with 2 of 2 tasks
      ok    containers: hyeon9mak-container, datadog-agent, log_router
      ok    deployment-in-progress: no deployment is in progress
      skip  rollout-time: the strategy has no waits
      ok    deployment-percent: 2 to 4 tasks run during a deployment
      ok    definition: 3 containers
      skip  container-port: no load balancer or service registry
      skip  port-names: no port name is used
      ok    network-mode: awsvpc
      ok    launch-type: FARGATE
      skip  volumes: none is configured at launch
      ok    task-size: 512 CPU units with 1024 MiB
      ok    port-mappings: ports 8080/tcp
      ok    execution-role: arn:aws:iam::111122223333:role/ecsTaskExecutionRole
      ok    latest-revision: hyeon9mak-task-dev:1
      ok    log-groups: /ecs/hyeon9mak-task-dev
      ok    secrets: DATABASE_PASSWORD
      ok    rollback-target: rollback to hyeon9mak-task-dev:1 is possible
      skip  older-commit: the commit of the image that runs is not known
      skip  lifecycle-policy: no repository has a lifecycle policy
    image
      ok    image-platform: linux/amd64
      ok    repository: REGISTRY/hyeon9mak-dev:COMMIT will be built
    build
      ok    docker: the sandbox's stand-in at tcp://DOCKER
      ok    files: FOLDER/Dockerfile
      skip  emulation: no step runs a program
      ok    build-context: 4 files, 1 kB; there is a .dockerignore
    20 passed, 0 warnings, 0 failed, 7 skipped
    "
  `);
  expect(world.writes()).toEqual([]);
});

/** Makes the world of a row, and looks what `verify` says there. */
async function verifyRow({ check, world: options, prepare, args = [] }: Row) {
  const world = await makeWorld({ files: FILES, ...options });
  await prepare?.(world);
  world.writes();
  const named = args.map((arg) => arg.replace('REGISTRY', world.sandbox.registryHost));
  const { end, found } = await verify(world, ...named);
  const { status, message = '', hint = '' } = found[check] ?? {};
  expect(hint).not.toBe('');
  expect(stable(`${message}\n${hint}`, world)).toMatchSnapshot();
  return { world, args: named, end, status, message: message.split('\n')[0] };
}

test.each(ROWS.filter(({ status }) => status === 'fail'))(
  '$check fails, and a deploy is refused before it writes: $args',
  async (row) => {
    const { world, args, end, status, message } = await verifyRow(row);
    expect([status, end.status], end.stderr).toEqual(['fail', 3]);
    const deploy = await world.run(['deploy', ...args]);
    expect([3, 4, 5, 2]).toContain(deploy.status);
    expect(deploy.stderr).toContain(message);
    expect(world.writes()).toEqual([]);
  },
);

test.each(ROWS.filter(({ status }) => status === 'warn'))(
  '$check is doubtful, and a deploy says so: $args',
  async (row) => {
    const { world, args, end, status, message } = await verifyRow(row);
    expect([status, end.status], end.stderr).toEqual(['warn', 0]);
    const deploy = await world.run(['deploy', '--dry-run', ...args]);
    expect(deploy.status).toBe(0);
    expect(deploy.stderr).toContain(message);
  },
);

test('a check that is left out is skipped, by verify and by deploy', async () => {
  const world = await makeWorld({ scenario: 'deadlock' });
  const { end, found } = await verify(world, '--skip-check', 'deployment-percent');
  expect(end.status).toBe(0);
  expect(found['deployment-percent']).toMatchObject({ status: 'skip' });
});

test('what is denied is a warning that names the permission', async () => {
  const denied = [
    'logs:DescribeLogGroups',
    'secretsmanager:DescribeSecret',
    'ecr:DescribeImages',
    'sts:GetCallerIdentity',
  ];
  const world = await makeWorld({ denied });
  const { end, found } = await verify(world);
  expect(end.status, end.stderr).toBe(0);
  expect(found['log-groups']).toMatchObject({ status: 'warn' });
  expect(found['log-groups']?.message).toContain('logs:DescribeLogGroups');
  expect(found['secrets']?.message).toContain('secretsmanager:DescribeSecret');
  expect(found['rollback-target']?.message).toContain('ecr:DescribeImages');
  const deploy = await world.run(['deploy']);
  expect(deploy.status, deploy.stderr).toBe(0);
  for (const action of denied.slice(0, 3)) expect(deploy.stderr).toContain(action);
});

test('several problems are shown at once, by service', async () => {
  const world = await makeWorld({
    files: {
      '.ecsdeployrc': `${CONFIG.replace('service: hyeon9mak-service-dev\n', '').replace('hyeon9mak-dev', 'nobody')}services:\n  - service: hyeon9mak-service-dev\n  - service: other\n`,
    },
  });
  const { end } = await verify(world);
  expect(end.status).toBe(3);
  expect(stable(end.stderr, world)).toMatchInlineSnapshot(`
    "account
      ok    credentials: 111122223333 in ap-northeast-2, as arn:aws:iam::111122223333:user/sandbox
    service hyeon9mak-service-dev in backend
      ok    service: ACTIVE, runs hyeon9mak-task-dev:1 with 2 of 2 tasks
      ok    containers: hyeon9mak-container, datadog-agent, log_router
      ok    deployment-in-progress: no deployment is in progress
      skip  rollout-time: the strategy has no waits
      ok    deployment-percent: 2 to 4 tasks run during a deployment
      ok    definition: 3 containers
      skip  container-port: no load balancer or service registry
      skip  port-names: no port name is used
      ok    network-mode: awsvpc
      ok    launch-type: FARGATE
      skip  volumes: none is configured at launch
      ok    task-size: 512 CPU units with 1024 MiB
      ok    port-mappings: ports 8080/tcp
      ok    execution-role: arn:aws:iam::111122223333:role/ecsTaskExecutionRole
      ok    latest-revision: hyeon9mak-task-dev:1
      ok    log-groups: /ecs/hyeon9mak-task-dev
      ok    secrets: DATABASE_PASSWORD
      ok    rollback-target: rollback to hyeon9mak-task-dev:1 is possible
      skip  lifecycle-policy: no repository has a lifecycle policy
    service other in backend
      FAIL  service: The cluster "backend" has no service "other" in ap-northeast-2.
        → services that exist: hyeon9mak-service-dev
    image
      ok    image-platform: linux/amd64
      FAIL  repository: ECR has no repository "nobody" in ap-northeast-2.
        → repositories that exist: hyeon9mak-dev
        → to create it: --create-repository
    build
      ok    docker: the sandbox's stand-in at tcp://DOCKER
      ok    files: FOLDER/Dockerfile
      skip  emulation: no step runs a program
      ok    build-context: 4 files, 1 kB; there is a .dockerignore
    19 passed, 0 warnings, 2 failed, 6 skipped
    "
  `);
});

test.each([
  [
    'Service Connect',
    { serviceConnectConfiguration: { enabled: true, services: [{ portName: 'web' }] } },
  ],
  ['a service registry', { serviceRegistries: [{ ...MAP, containerPort: 8080 }] }],
  [
    'a load balancer',
    { loadBalancers: [{ containerName: 'hyeon9mak-container', containerPort: 8080 }] },
  ],
  ['a volume', { volumeConfigurations: [{ name: 'data' }] }],
])('rollout, too, refuses what UpdateService would refuse: %s', async (_, settings) => {
  const world = await makeWorld({ files: FILES });
  await demand(settings)(world);
  await callEcs(
    world.sandbox,
    'RegisterTaskDefinition',
    JSON.parse(FILES['other-port.json']) as Definition & Record<string, unknown>,
  );
  world.writes();
  const end = await world.run(['rollout']);
  expect(end.status, end.stderr).toBe(3);
  expect(world.writes()).toEqual([]);
  // What is refused here is what ECS refuses.
  const update = { ...SERVICE, taskDefinition: 'hyeon9mak-task-dev:3' };
  await expect(callEcs(world.sandbox, 'UpdateService', update)).rejects.toThrow('Exception');
  const deploy = await world.run(['deploy']);
  expect(deploy.status, deploy.stderr).toBe(0);
});

test('rollout refuses what its revision lacks', async () => {
  const world = await makeWorld();
  const { taskDefinition } = await world.ecs.send(
    new DescribeTaskDefinitionCommand({ taskDefinition: 'hyeon9mak-task-dev' }),
  );
  const definition = structuredClone(taskDefinition) as Definition;
  for (const app of definition.containerDefinitions ?? []) {
    app.secrets = [{ name: 'TOKEN', valueFrom: '/nobody' }];
  }
  await world.ecs.send(new RegisterTaskDefinitionCommand(definition));
  world.writes();
  const end = await world.run(['rollout']);
  expect(end.status).toBe(3);
  expect(stable(end.stderr, world)).toMatchInlineSnapshot(`
    "Error: service hyeon9mak-service-dev in backend: The secret TOKEN of container "hyeon9mak-container" does not exist: /nobody.
      → check its name, or create it: aws ssm put-parameter --type SecureString --name /nobody --value …; to continue anyway: --skip-check secrets
    "
  `);
  expect(world.writes()).toEqual([]);
});

test('without credentials every check that needs them fails, and the others are made', async () => {
  const world = await makeWorld();
  const end = await world.run(['verify', '--json'], {
    environment: { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined },
  });
  expect(end.status, end.stderr).toBe(3);
  const { checks = [] } = readResult(end);
  const failed = checks.filter(({ status }) => status === 'fail').map(({ check }) => check);
  expect(failed).toEqual(['credentials', 'service', 'repository']);
  expect(checks.find(({ check }) => check === 'files')).toMatchObject({ status: 'ok' });
});

test('a network that lets only ECS and ECR through: a deploy goes on with warnings', async () => {
  const world = await makeWorld();
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const nowhere = `http://127.0.0.1:${(closed.address() as AddressInfo).port}`;
  closed.close();
  const environment = {
    AWS_ENDPOINT_URL_STS: nowhere,
    AWS_ENDPOINT_URL_CLOUDWATCH_LOGS: nowhere,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: nowhere,
    AWS_ENDPOINT_URL_SSM: nowhere,
  };
  const checked = await world.run(['verify'], { environment });
  expect(checked.status, checked.stderr).toBe(0);
  expect(checked.stderr).toContain('warn  credentials: Cannot reach AWS for sts:');
  const end = await world.run(['deploy'], { environment });
  expect(end.status, end.stderr).toBe(0);
  expect(end.stderr).toMatch(/Warning: .*Cannot reach AWS for secretsmanager:/);
});

/** Gives the repository of the start world a lifecycle policy of one rule. */
async function putPolicy({ ecr }: World, selection: object): Promise<void> {
  const rules = [{ rulePriority: 1, selection, action: { type: 'expire' } }];
  const lifecyclePolicyText = JSON.stringify({ rules });
  const repositoryName = 'hyeon9mak-dev';
  await ecr.send(new PutLifecyclePolicyCommand({ repositoryName, lifecyclePolicyText }));
}

test('a lifecycle policy that takes the running image away is a warning', async () => {
  const world = await makeWorld();
  await putPolicy(world, { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: 5 });
  const before = await verify(world);
  expect(before.found['lifecycle-policy']).toMatchObject({
    status: 'ok',
    message: 'the policy of hyeon9mak-dev keeps the images',
  });
  await putPolicy(world, { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: 1 });
  const { found, end } = await verify(world);
  expect(end.status, end.stderr).toBe(0);
  const { message = '', hint } = found['lifecycle-policy'] ?? {};
  expect(stable(message, world)).toBe(
    'Rule 1 of the lifecycle policy of hyeon9mak-dev expires REGISTRY/hyeon9mak-dev:first after the next push, but hyeon9mak-task-dev:1 needs it.',
  );
  expect(hint).toContain('aws ecr get-lifecycle-policy --repository-name hyeon9mak-dev');
});

test('a tag that names another image by now leaves the running one to a rule for untagged images', async () => {
  const world = await makeWorld();
  const repositoryName = 'hyeon9mak-dev';
  await world.ecr.send(new DescribeImagesCommand({ repositoryName }));
  const selection = { countType: 'sinceImagePushed', countUnit: 'days', countNumber: 1 };
  await putPolicy(world, { tagStatus: 'untagged', ...selection });
  expect((await verify(world)).found['lifecycle-policy']?.status).toBe('ok');
  expect((await world.run(['push', '-q', '--tag', 'first', '--rebuild'])).status).toBe(0);
  const { found } = await verify(world);
  expect(found['lifecycle-policy']).toMatchObject({
    status: 'warn',
    message: expect.stringMatching(
      /expires \S+:first on \d{4}-\d\d-\d\d, but hyeon9mak-task-dev:1 needs it/,
    ) as string,
  });
});
