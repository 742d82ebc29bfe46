import { expect, test } from 'vitest';
import { accessDenied, awsFault } from '../../src/sandbox/wire.ts';
import { readResult, runCli } from '../support/cli.ts';
import { makeFolder } from '../support/files.ts';
import { CONFIG, HAS_GIT, makeWorld, stable } from '../support/world.ts';
import type { World } from '../support/world.ts';

interface Wrong {
  readonly name: string;
  readonly args: readonly string[];
  readonly status: number;
  readonly files?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: string;
  readonly prepare?: (world: World) => unknown;
}

const DEPLOY = ['deploy'];

/** Wrong inputs, each with its own status; the texts are in the snapshot, to be read as a user would. */
const WRONG: readonly Wrong[] = [
  { name: 'no config and no flags', args: DEPLOY, status: 2, files: { '.ecsdeployrc': '' } },
  {
    name: 'an unknown key',
    args: DEPLOY,
    status: 2,
    files: { '.ecsdeployrc': `${CONFIG}clutser: x\n` },
  },
  { name: 'an unknown flag', args: ['deploy', '--clutser', 'x'], status: 2 },
  { name: 'an unknown command', args: ['deply'], status: 2 },
  { name: 'no command', args: [], status: 2 },
  { name: 'an argument too many', args: ['deploy', 'now'], status: 2 },
  { name: 'a bare number for a duration', args: ['deploy', '--timeout', '30'], status: 2 },
  {
    name: 'flags that contradict --watch',
    args: ['rollout', '--watch', '--force', '--no-wait'],
    status: 2,
  },
  { name: 'a misspelt choice', args: ['deploy', '--on-failure', 'rolback'], status: 2 },
  { name: 'a platform that ECS has not', args: ['deploy', '--platform', 'linux/386'], status: 2 },
  { name: 'an environment that is not there', args: ['deploy', '--env', 'prod'], status: 2 },
  { name: 'an unknown profile', args: ['deploy', '--profile', 'prod'], status: 2 },
  {
    name: 'no region',
    args: DEPLOY,
    status: 2,
    files: { '.ecsdeployrc': CONFIG.replace(/region.*\n/, '') },
    environment: { AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined },
  },
  { name: 'another region', args: ['deploy', '--region', 'eu-west-1'], status: 4 },
  {
    name: 'no credentials',
    args: DEPLOY,
    status: 4,
    environment: { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined },
  },
  { name: 'a cluster that is not there', args: ['deploy', '--cluster', 'backnd'], status: 4 },
  {
    name: 'a service that is not there',
    args: ['deploy', '--service', 'hyeon9mak-service-prod'],
    status: 4,
  },
  {
    name: 'a repository that is not there',
    args: ['deploy', '--repository', 'hyeon9mak'],
    status: 4,
  },
  {
    name: 'a container that is not there',
    args: ['deploy', '--container', 'hyeon9mak'],
    status: 3,
  },
  {
    name: 'no container among several',
    args: DEPLOY,
    status: 2,
    files: { '.ecsdeployrc': CONFIG.replace(/container.*\n/, '') },
  },
  {
    name: 'a family that is not there',
    args: ['deploy', '--task-definition', 'hyeon9mak-task-prod'],
    status: 4,
  },
  {
    name: 'everything wrong at once',
    args: ['deploy', '--cluster', 'x', '--repository', 'y', '--tag', 'a b'],
    status: 4,
  },
  {
    name: 'a Dockerfile that is not there',
    args: ['deploy', '--dockerfile', 'docker/Dockerfile'],
    status: 2,
  },
  { name: 'a context that is not there', args: ['deploy', '--context', 'nowhere'], status: 2 },
  {
    name: 'a build that fails',
    args: DEPLOY,
    status: 5,
    files: { Dockerfile: 'FROM scratch\nCOPY missing /app\n' },
  },
  {
    name: 'a Dockerfile that is none',
    args: DEPLOY,
    status: 5,
    files: { Dockerfile: 'FROM scratch\nCOPPY app /app\n' },
  },
  {
    name: 'no Docker daemon',
    args: DEPLOY,
    status: 5,
    environment: { DOCKER_HOST: 'unix:///nowhere/docker.sock' },
  },
  {
    name: 'a Docker address of another kind',
    args: DEPLOY,
    status: 5,
    environment: { DOCKER_HOST: 'fd://builder' },
  },
  {
    name: 'a daemon that is named and not there',
    args: [...DEPLOY, '--docker-host', 'unix:///elsewhere/docker.sock'],
    status: 5,
  },
  {
    name: 'a context that is named and not there',
    args: [...DEPLOY, '--docker-context', 'builder'],
    status: 5,
  },
  {
    name: 'a docker context that is not there',
    args: DEPLOY,
    status: 5,
    environment: { DOCKER_HOST: '', DOCKER_CONTEXT: 'builder' },
  },
  {
    name: 'a registry that refuses',
    args: DEPLOY,
    status: 4,
    prepare: (world) => denyUpload(world),
  },
  { name: 'a tag that is none', args: ['push', '--tag', '-x'], status: 2 },
  {
    name: 'an image that is not there',
    args: ['deploy', '--image', 'REGISTRY/hyeon9mak-dev:nowhere'],
    status: 3,
  },
  { name: 'render without an image', args: ['render'], status: 2 },
  { name: 'register of nothing', args: ['register'], status: 2 },
  { name: 'register of no JSON', args: ['register', '-'], status: 2, stdin: '{ "family": ' },
  { name: 'register of something else', args: ['register'], status: 2, stdin: '{ "family": "x" }' },
  { name: 'register of a file that is not there', args: ['register', 'td.json'], status: 2 },
  {
    name: 'rollout to a revision that is not there',
    args: ['rollout', 'hyeon9mak-task-dev:99'],
    status: 4,
  },
  { name: 'rollout to two revisions', args: ['rollout', '-'], status: 2, stdin: 'a:1\nb:2\n' },
  {
    name: 'a build secret without a value',
    args: ['push', '--secret', 'id=npm,src=.npmrc'],
    status: 2,
  },
  {
    name: 'build secrets without a session',
    args: ['push', '--secret', 'id=npm,src=.npmrc'],
    status: 5,
    files: { '.npmrc': 'token' },
  },
  { name: 'a secret that is none', args: ['push', '--secret', 'npm'], status: 2 },
  {
    name: 'an expired token',
    args: DEPLOY,
    status: 4,
    prepare: (world) =>
      failReads(
        world,
        'ExpiredTokenException',
        'The security token included in the request is expired',
      ),
  },
  {
    name: 'a clock that is wrong',
    args: DEPLOY,
    status: 4,
    prepare: (world) =>
      failReads(world, 'InvalidSignatureException', 'Signature expired: 1 is now earlier than 2'),
  },
  {
    name: 'TLS to Docker without its files',
    args: DEPLOY,
    status: 5,
    environment: { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/nowhere' },
  },
  { name: 'a check that is not there', args: ['push', '--skip-check', 'imge-platform'], status: 2 },
  { name: 'an image that is none', args: ['deploy', '--image', 'Bad Image'], status: 2 },
  { name: 'an image with two tags', args: ['deploy', '--image', 'x:y:z'], status: 2 },
  { name: 'a port that is none', args: ['sandbox', '--port', '99999'], status: 2 },
  { name: 'a scenario that is not there', args: ['sandbox', '--scenario', 'crsh'], status: 2 },
];

function denyUpload(world: World): void {
  const action = 'ecr:InitiateLayerUpload';
  world.sandbox.fail(action, accessDenied(action, '111122223333'));
}

function failReads(world: World, name: string, message: string): void {
  for (const action of ['ecs:DescribeServices', 'ecr:DescribeRepositories']) {
    world.sandbox.fail(action, awsFault(name, message));
  }
}

test.each(WRONG)('$name', async ({ args, status, files, environment, stdin, prepare }) => {
  const world = await makeWorld(files === undefined ? {} : { files });
  await prepare?.(world);
  const end = await world.run(
    args.map((arg) => arg.replace('REGISTRY', world.sandbox.registryHost)),
    { ...(environment && { environment }), ...(stdin !== undefined && { stdin }) },
  );
  expect(stable(`${end.stderr}status ${end.status}`, world)).toMatchSnapshot();
  expect(end.status).toBe(status);
  expect(end.stdout).toBe('');
  expect(world.writes()).toEqual([]);
});

test.each([
  ['usage', ['deploy', '--clutser']],
  ['config-invalid', ['deploy', '--timeout', '30']],
  ['setting-missing', ['deploy']],
])('with --json %s is a document too', async (code, args) => {
  const end = await runCli([...args, '--json'], { directory: makeFolder() });
  expect(end.status).toBe(2);
  expect(readResult(end)).toMatchObject({
    outcome: 'refused',
    services: [],
    image: null,
    error: { code },
  });
});

test.skipIf(!HAS_GIT)('outside a git repository a tag is needed', async () => {
  const world = await makeWorld();
  const folder = makeFolder({ Dockerfile: 'FROM scratch\n', '.ecsdeployrc': CONFIG });
  const end = await world.run(['push'], { directory: folder });
  expect(end.status).toBe(2);
  expect(end.stderr.replaceAll(folder, 'FOLDER')).toMatchInlineSnapshot(`
    "Error: No image tag can be made from the commit of FOLDER: it is not in a git repository.
      → give the tag yourself: --tag TAG
    "
  `);
});
