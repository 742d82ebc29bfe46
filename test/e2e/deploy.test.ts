import { DescribeTaskDefinitionCommand } from '@aws-sdk/client-ecs';
import type { TaskDefinition } from '@aws-sdk/client-ecs';
import { expect, test } from 'vitest';
import { pinnedName } from '../../src/core/image.ts';
import type { Result } from '../../src/core/result.ts';
import { readResult } from '../support/cli.ts';
import type { CliOptions } from '../support/cli.ts';
import { addService, commitAll, CONFIG, HAS_GIT, makeWorld, stable } from '../support/world.ts';
import type { World } from '../support/world.ts';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const WRITES = ['ecs:RegisterTaskDefinition', 'ecs:UpdateService'];

/** The image of a result as a task definition names it. */
const definitionName = ({ image }: Result) => image && pinnedName('digest', image);

async function definitionOf(world: World, taskDefinition: string | undefined) {
  const command = new DescribeTaskDefinitionCommand({ taskDefinition, include: ['TAGS'] });
  const { taskDefinition: definition, tags } = await world.ecs.send(command);
  return { ...definition, tags };
}

test('deploy builds, pushes, registers and rolls out; only the image of the container changes', async () => {
  const world = await makeWorld();
  const before = await world.service();
  const old = await definitionOf(world, before.taskDefinition);
  const end = await world.run(['deploy', '--json']);
  expect(end.status, end.stderr).toBe(0);
  const result = readResult(end);
  expect(result).toMatchObject({
    outcome: 'succeeded',
    command: 'deploy',
    image: { platform: 'linux/amd64', built: true, pushed: true },
    error: null,
  });
  expect(result.services).toMatchObject([
    {
      cluster: 'backend',
      service: 'hyeon9mak-service-dev',
      outcome: 'succeeded',
      taskDefinition: expect.stringMatching(/task-definition\/hyeon9mak-task-dev:2$/),
      previousTaskDefinition: before.taskDefinition,
      registered: true,
      deployment: expect.stringMatching(/^ecs-svc\/\d+$/),
      desired: 2,
      running: 2,
      failedTasks: 0,
      causes: [],
    },
  ]);
  expect(world.writes()).toEqual(WRITES);
  const updates = world.sandbox.calls.filter(({ action }) => action === 'ecs:UpdateService');
  expect(updates.map(({ input }) => Object.keys(input).toSorted())).toEqual([
    ['cluster', 'service', 'taskDefinition'],
  ]);

  const service = await world.service();
  const now = await definitionOf(world, service.taskDefinition);
  const [app, ...sidecars] = now.containerDefinitions ?? [];
  const [oldApp, ...oldSidecars] = old.containerDefinitions ?? [];
  expect(app).toEqual({ ...oldApp, image: definitionName(result) });
  expect(sidecars).toEqual(oldSidecars);
  expect(now.tags).toEqual(old.tags);
  const tasks = await world.runningTasks();
  const digests = tasks.map(
    ({ containers }) => containers?.find(({ name }) => name === 'hyeon9mak-container')?.imageDigest,
  );
  expect(digests).toEqual([result.image?.digest, result.image?.digest]);
});

test('a second deploy of the same commit finds nothing to do', async () => {
  const world = await makeWorld();
  expect((await world.run(['deploy', '-q'])).status).toBe(0);
  world.writes();
  const end = await world.run(['deploy', '--json']);
  expect(end.status).toBe(0);
  expect(readResult(end)).toMatchObject({
    outcome: 'unchanged',
    image: { built: false, pushed: false },
    services: [{ outcome: 'unchanged', registered: false, deployment: null }],
  });
  expect(world.writes()).toEqual([]);
  expect(stable(end.stderr, world)).toMatchInlineSnapshot(`
    "Image REGISTRY/hyeon9mak-dev:COMMIT
    Service hyeon9mak-service-dev in backend runs hyeon9mak-task-dev:2
      no changes
    REGISTRY/hyeon9mak-dev:COMMIT is already in the registry (DIGEST): nothing to build
    hyeon9mak-task-dev:2 is the same definition: nothing to register
    hyeon9mak-service-dev already runs hyeon9mak-task-dev:2: nothing to deploy
    "
  `);
});

test('a definition that names the tag gets the digest once, and the plan says so', async () => {
  const world = await makeWorld();
  const outcomes: unknown[] = [];
  for (const flags of [['--pin', 'tag'], ['--dry-run'], [], []]) {
    const end = await world.run(['deploy', '--json', ...flags]);
    expect(end.status, end.stderr).toBe(0);
    outcomes.push([readResult(end).outcome, end.stderr.includes('now names the digest, too')]);
  }
  expect(outcomes).toEqual([
    ['succeeded', false],
    ['planned', true],
    ['succeeded', true],
    ['unchanged', false],
  ]);
});

test('render names the digest that ECR tells, and works without it', async () => {
  const world = await makeWorld();
  const { image } = readResult(await world.run(['push', '--json']));
  const reference = image?.reference ?? '';
  const render = async (given: string, options?: CliOptions, ...flags: readonly string[]) => {
    const images = ['--image', given, '--container-image', `datadog-agent=${given}`];
    const end = await world.run(['render', ...images, ...flags], options);
    expect(end.status, end.stderr).toBe(0);
    const { containerDefinitions: containers } = JSON.parse(end.stdout) as TaskDefinition;
    const names = containers?.flatMap((container) => container.image?.match(/.*@.*/) ?? []);
    return { names, warnings: end.stderr.match(/Warning: .*/g) ?? [] };
  };
  const pinned = `${reference}@${image?.digest}`;
  expect(await render(reference)).toMatchObject({ names: [pinned, pinned], warnings: [] });
  expect(await render(pinned)).toMatchObject({ names: [pinned, pinned], warnings: [] });
  expect(await render(reference, {}, '--pin', 'tag')).toMatchObject({ names: [], warnings: [] });
  const missing = await render(reference.replace(/:[^:]*$/, ':typo'));
  expect(missing.names).toEqual([]);
  expect(missing.warnings).toHaveLength(1);
});

test.skipIf(!HAS_GIT)(
  'an uncommitted change gets a tag of its own, the same change the same tag',
  async () => {
    const world = await makeWorld();
    const clean = await world.run(['push', '-q']);
    writeFileSync(join(world.folder, 'app'), 'changed');
    const dirty = await world.run(['push', '-q']);
    expect(dirty.stdout).toMatch(/:[0-9a-f]{40}-dirty-[0-9a-f]{8}\n$/);
    expect(dirty.stdout.startsWith(clean.stdout.trim())).toBe(true);
    expect((await world.run(['push', '-q'])).stdout).toBe(dirty.stdout);
    writeFileSync(join(world.folder, 'new'), 'untracked');
    const more = await world.run(['push', '-q']);
    expect(more.stdout).not.toBe(dirty.stdout);
  },
);

test('the steps one by one end where deploy ends', async () => {
  const whole = await makeWorld();
  await whole.run(['deploy', '-q']);
  const single = await makeWorld();
  const image = (await single.run(['push'])).stdout.trim();
  expect(image).toMatch(/^127\.0\.0\.1:\d+\/hyeon9mak-dev:[0-9a-f]{40}$/);
  const rendered = await single.run(['render', '--image', image]);
  expect(rendered.stderr).toBe('');
  const registered = await single.run(['register', '-'], { stdin: rendered.stdout });
  expect(registered.stdout).toMatch(/^arn:aws:ecs:\S+:task-definition\/hyeon9mak-task-dev:2\n$/);
  expect((await single.run(['rollout'])).status).toBe(0);
  expect(single.writes()).toEqual(WRITES);

  const ends = await Promise.all(
    [whole, single].map(async (world) => {
      const { taskDefinition } = await world.service();
      const definition = await definitionOf(world, taskDefinition);
      const text = JSON.stringify({ ...definition, registeredAt: 0 });
      return stable(text, world);
    }),
  );
  expect(ends[0]).toBe(ends[1]);
});

test('register prints the revision that is there when nothing changed', async () => {
  const world = await makeWorld();
  const rendered = await world.run(['render', '--set-env', 'SPRING_PROFILES_ACTIVE=dev']);
  const registered = await world.run(['register'], { stdin: rendered.stdout });
  expect(registered.stdout).toMatch(/:task-definition\/hyeon9mak-task-dev:1\n$/);
  const json = await world.run(['register', '--json'], { stdin: rendered.stdout });
  expect(readResult(json)).toMatchObject({
    outcome: 'unchanged',
    services: [{ taskDefinition: registered.stdout.trim(), registered: false }],
  });
  expect(world.writes()).toEqual([]);
});

test('rollout takes the revision from stdin, and starts a new deployment with --force', async () => {
  const world = await makeWorld();
  const { taskDefinition = '' } = await world.service();
  const same = await world.run(['rollout', '-', '--json'], { stdin: `${taskDefinition}\n` });
  expect(readResult(same).outcome).toBe('unchanged');
  expect(world.writes()).toEqual([]);
  const forced = await world.run(['rollout', taskDefinition, '--force', '--json']);
  expect(readResult(forced)).toMatchObject({ outcome: 'succeeded', services: [{ running: 2 }] });
  expect(world.writes()).toEqual(['ecs:UpdateService']);
});

test('a dry run shows the plan with its diff and writes nothing', async () => {
  const world = await makeWorld();
  const end = await world.run([
    'deploy',
    '--dry-run',
    '--set-env',
    'TOKEN=hidden',
    '--unset-env',
    'JAVA_OPTS',
  ]);
  expect(end.status).toBe(0);
  expect(stable(end.stderr, world)).toMatchInlineSnapshot(`
    "Image REGISTRY/hyeon9mak-dev:COMMIT (to be built)
    Service hyeon9mak-service-dev in backend runs hyeon9mak-task-dev:1
      container hyeon9mak-container
        - image: "REGISTRY/hyeon9mak-dev:first"
        + image: "REGISTRY/hyeon9mak-dev:COMMIT"
        - environment.JAVA_OPTS: •••
        + environment.TOKEN: •••
    Dry run: nothing was changed
    "
  `);
  expect(world.writes()).toEqual([]);
  const { stdout } = await world.run(['deploy', '--dry-run', '--json']);
  expect(readResult({ status: 0, stderr: '', stdout })).toMatchObject({
    outcome: 'planned',
    services: [{ outcome: 'planned' }],
  });
});

test('a dry run shows what is set of the task, without the values of a file', async () => {
  const files = { 'prod.env': 'TOKEN="hunter2"\nSPRING_PROFILES_ACTIVE=prod\n' };
  const world = await makeWorld({ files });
  const args = '--dry-run --env-file prod.env --replace-env --set-cpu 1024 --set-memory 2GB';
  const end = await world.run([
    'deploy',
    ...args.split(' '),
    "--set-command=java -jar 'a b.jar'",
    '--set-task-role=app',
    '--set-tag=team=web',
    '--set-tag=commit=abc',
  ]);
  expect(end.status, end.stderr).toBe(0);
  expect(stable(end.stderr, world)).toMatchInlineSnapshot(`
    "Image REGISTRY/hyeon9mak-dev:COMMIT (to be built)
    Service hyeon9mak-service-dev in backend runs hyeon9mak-task-dev:1
      task definition
        - cpu: "512"
        + cpu: "1024"
        - memory: "1024"
        + memory: "2048"
        + tags.commit: "abc"
        - tags.team: "backend"
        + tags.team: "web"
        + taskRoleArn: "app"
      container hyeon9mak-container
        - image: "REGISTRY/hyeon9mak-dev:first"
        + image: "REGISTRY/hyeon9mak-dev:COMMIT"
        + command: ["java","-jar","a b.jar"]
        - environment.JAVA_OPTS: •••
        ~ environment.SPRING_PROFILES_ACTIVE: •••
        + environment.TOKEN: •••
    Dry run: nothing was changed
    "
  `);
  const small = await world.run(['deploy', '--dry-run', '--set-cpu', '4096']);
  expect(small.status).toBe(3);
  expect(small.stderr).toContain('Fargate has no tasks of 4096 CPU units with 1024 MiB.');
});

test('several services from one image: one registration per family, side by side', async () => {
  const world = await makeWorld({
    files: {
      '.ecsdeployrc': `${CONFIG.replace(/^(service|container):.*\n/gm, '')}container: hyeon9mak-container
services:
  - { service: hyeon9mak-service-dev }
  - { service: worker }
  - { service: other, setEnv: { ROLE: other } }
environments:
  two: { services: [{ service: hyeon9mak-service-dev }, { service: worker }] }
`,
    },
  });
  for (const name of ['worker', 'other']) await addService(world, name);
  world.writes();
  const end = await world.run(['deploy', '--json', '--tag', 'three']);
  expect(end.status, end.stderr).toBe(0);
  const { services } = readResult(end);
  expect(services.map(({ service, outcome }) => [service, outcome])).toEqual([
    ['hyeon9mak-service-dev', 'succeeded'],
    ['worker', 'succeeded'],
    ['other', 'succeeded'],
  ]);
  expect(services[0]?.taskDefinition).toBe(services[1]?.taskDefinition);
  expect(services[2]?.taskDefinition).not.toBe(services[1]?.taskDefinition);
  expect(world.writes().toSorted()).toEqual([
    'ecs:RegisterTaskDefinition',
    'ecs:RegisterTaskDefinition',
    'ecs:UpdateService',
    'ecs:UpdateService',
    'ecs:UpdateService',
  ]);
  const two = await world.run(['deploy', '--json', '--env', 'two', '--dry-run']);
  expect(readResult(two).services.map(({ service }) => service)).toEqual([
    'hyeon9mak-service-dev',
    'worker',
  ]);
});

test('build.before runs in the folder of the config file, and its failure ends the deploy', async () => {
  const world = await makeWorld({
    files: {
      '.gitignore': 'made\n',
      Dockerfile: 'FROM scratch\nCOPY made /app\n',
      '.ecsdeployrc': `${CONFIG}build: { before: ["echo compiling", "printf made > made"] }\n`,
      'broken.yaml': `${CONFIG}build: { before: ["echo about to fail; echo why >&2; exit 9"] }\n`,
    },
  });
  const end = await world.run(['push']);
  expect(end.status, end.stderr).toBe(0);
  expect(end.stderr).toContain('compiling');
  const broken = await world.run(['deploy', '-c', 'broken.yaml', '--tag', 'broken']);
  expect(broken.status).toBe(5);
  expect(stable(broken.stderr, world).split('\n').slice(-6).join('\n')).toMatchInlineSnapshot(`
    "  why
    Error: "echo about to fail; echo why >&2; exit 9" (build.before) ended with status 9.
      | about to fail
      | why
      → run it by hand in FOLDER
    "
  `);
  expect(world.writes()).toEqual([]);
});

test('a repository is created when that is asked for', async () => {
  const world = await makeWorld();
  const end = await world.run(['push', '--repository', 'team/new', '--create-repository']);
  expect(end.status, end.stderr).toBe(0);
  expect(end.stdout).toMatch(/\/team\/new:[0-9a-f]{40}\n$/);
  expect(world.writes()).toEqual(['ecr:CreateRepository']);
});

test('an image that is in the registry is deployed without a build', async () => {
  const world = await makeWorld();
  const image = (await world.run(['push', '--tag', 'v2'])).stdout.trim();
  const end = await world.run(['deploy', '--image', image, '--json'], {
    environment: { DOCKER_HOST: 'unix:///nowhere' },
  });
  expect(readResult(end)).toMatchObject({
    outcome: 'succeeded',
    image: { reference: image, built: false, platform: 'linux/amd64' },
  });
});

test.skipIf(!HAS_GIT)('a commit after the first is deployed over it', async () => {
  const world = await makeWorld();
  await world.run(['deploy', '-q']);
  writeFileSync(join(world.folder, 'app'), 'second');
  commitAll(world.folder);
  const end = await world.run(['deploy', '--json']);
  expect(readResult(end).services).toMatchObject([
    {
      outcome: 'succeeded',
      taskDefinition: expect.stringMatching(/:3$/),
      previousTaskDefinition: expect.stringMatching(/:2$/),
    },
  ]);
});

test('members that no SDK knows, empty strings and tags survive a deploy', async () => {
  const world = await makeWorld();
  const service = await world.service();
  const { stdout } = await world.run(['render', '--set-env', 'A=b']);
  const source = JSON.parse(stdout) as { containerDefinitions: Record<string, unknown>[] };
  const [app, ...others] = source.containerDefinitions;
  const strange = {
    ...source,
    memberOfTheFuture: { nested: ['', 0, false] },
    containerDefinitions: [
      { ...app, command: ['', 'a=b'], laterMember: 'kept', dockerLabels: { 'a=b': 'ü' } },
      ...others,
    ],
  };
  const registered = await world.run(['register', '-', '-q'], { stdin: JSON.stringify(strange) });
  const moved = await world.run(['rollout', registered.stdout.trim()]);
  expect(moved.status, moved.stderr).toBe(0);
  const deployed = await world.run(['deploy', '--json']);
  expect(deployed.status, deployed.stderr).toBe(0);
  const after = await world.run(['render', '--unset-env', 'NONE']);
  const image = definitionName(readResult(deployed));
  expect(JSON.parse(after.stdout)).toMatchObject({
    memberOfTheFuture: { nested: ['', 0, false] },
    tags: [{ key: 'team', value: 'backend' }],
    containerDefinitions: [
      { image, command: ['', 'a=b'], laterMember: 'kept', dockerLabels: { 'a=b': 'ü' } },
      {},
      {},
    ],
  });
  expect((await world.service()).taskDefinition).not.toBe(service.taskDefinition);
});

test('a container that the load balancer needs cannot be renamed away', async () => {
  const world = await makeWorld({ scenario: 'load-balancer' });
  const { stdout } = await world.run(['render', '--set-env', 'A=b']);
  const renamed = stdout.replace('"hyeon9mak-container"', '"app"');
  writeFileSync(join(world.folder, 'renamed.json'), renamed);
  const args = ['deploy', '--task-definition', 'renamed.json', '--container', 'app', '--tag', 'v1'];
  const end = await world.run(args);
  expect(end.status).toBe(3);
  expect(stable(end.stderr, world)).toMatchInlineSnapshot(`
    "Error: The load balancer of "hyeon9mak-service-dev" sends traffic to port 8080 of container "hyeon9mak-container", which the task definition does not have.
      → keep the name and the port mapping of that container, or change the load balancer of the service first; to continue anyway: --skip-check container-port
    "
  `);
  expect(world.writes()).toEqual([]);
  const forced = await world.run([...args, '--skip-check', 'container-port']);
  expect(forced.status).toBe(4);
  expect(forced.stderr).toContain(
    'The container hyeon9mak-container does not exist in the task definition.',
  );
});

test('rollout takes the family of each service, not the one above them', async () => {
  const world = await makeWorld({
    files: {
      '.ecsdeployrc': `cluster: backend
taskDefinition: hyeon9mak-task-dev
services:
  - { service: hyeon9mak-service-dev }
  - { service: worker, taskDefinition: other-task }
`,
    },
  });
  await addService(world, 'worker');
  const rendered = await world.run([
    'render',
    '-s',
    'hyeon9mak-service-dev',
    '--container',
    'log_router',
    '--set-env',
    'A=b',
  ]);
  const other = rendered.stdout.replace('"family": "hyeon9mak-task-dev"', '"family": "other-task"');
  expect((await world.run(['register', '-q'], { stdin: other })).status).toBe(0);
  const end = await world.run(['rollout', '--json']);
  expect(end.status, end.stderr).toBe(0);
  expect(readResult(end).services).toMatchObject([
    { service: 'hyeon9mak-service-dev', outcome: 'unchanged' },
    {
      service: 'worker',
      outcome: 'succeeded',
      taskDefinition: expect.stringMatching(/other-task:1$/),
    },
  ]);
});
