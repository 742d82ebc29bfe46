import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { EcsDeployError } from '../../src/errors.ts';
import { configText } from '../../src/init/config-text.ts';
import { fromWorkflow } from '../../src/init/from-workflow.ts';
import { resolveConfig } from '../../src/settings/config.ts';
import { readResult, runCli } from '../support/cli.ts';
import type { CliEnd } from '../support/cli.ts';
import { makeFolder } from '../support/files.ts';
import { addService, commitAll, DOCKERFILE, makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

const WORKFLOWS = 'test/init/workflows';
const workflow = (name: string) => readFileSync(`${WORKFLOWS}/${name}.yml`, 'utf8');

/** A program that does nothing, for the commands before a build. */
const NOTHING = Buffer.from('#!/bin/sh\n');

const DEFINITION = JSON.stringify({
  family: 'hyeon9mak-task-dev',
  requiresCompatibilities: ['FARGATE'],
  networkMode: 'awsvpc',
  cpu: '256',
  memory: '512',
  executionRoleArn: 'arn:aws:iam::111122223333:role/ecsTaskExecutionRole',
  containerDefinitions: [
    { name: 'hyeon9mak-container', image: 'placeholder', portMappings: [{ containerPort: 8080 }] },
  ],
});

const BAKE = `variable "REGISTRY" { default = "local" }
variable "TAG" {
  default = "dev"
}
group "default" {
  targets = ["app"]
}
target "base" {
  context   = "."
  platforms = ["linux/amd64"]
}
target "app" {
  inherits   = ["base"]
  dockerfile = "docker/app.Dockerfile"
  args = {
    VERSION = "1.0"
    COMMIT  = TAG
  }
  tags = ["\${REGISTRY}/hyeon9mak-dev:\${TAG}"]
}
`;

const inFolder = (folder: string) => ({
  [`${folder}/Dockerfile`]: DOCKERFILE,
  [`${folder}/app`]: 'program',
});

interface Play {
  readonly name: string;
  /** Files that the workflow uses, beside Dockerfile and program in the root. */
  readonly files?: Readonly<Record<string, string | Buffer>>;
  /** Services beside the one of the start world. */
  readonly services?: readonly string[];
  readonly deploy?: readonly string[];
  /** What the workflow does not know: given to \`deploy\`. */
  readonly variables?: Readonly<Record<string, string>>;
}

const PLAYS: readonly Play[] = [
  { name: 'assignment', files: { gradlew: NOTHING, 'bin/wget': NOTHING } },
  {
    name: 'definition-file',
    files: {
      'deploy/task-definition.json': DEFINITION,
      'docker/api.Dockerfile': DOCKERFILE.replace('COPY', 'ARG APP_VERSION\nCOPY'),
    },
  },
  {
    name: 'build-push-action',
    files: {
      ...inFolder('backend'),
      'backend/Dockerfile': DOCKERFILE.replace('scratch', 'scratch AS runtime'),
    },
  },
  {
    name: 'bake',
    files: {
      'docker-bake.hcl': BAKE,
      'docker/app.Dockerfile': DOCKERFILE.replace('COPY', 'ARG VERSION\nCOPY'),
    },
  },
  { name: 'several-jobs', files: { gradlew: NOTHING, 'bin/curl': NOTHING } },
  { name: 'several-services', services: ['worker'] },
  { name: 'matrix', files: inFolder('services/app'), services: ['worker', 'mailer'] },
  { name: 'environments', deploy: ['--env', 'staging'] },
  { name: 'caller', files: { '.github/workflows/reusable.yml': workflow('reusable') } },
  {
    name: 'before-steps',
    files: { ...inFolder('server'), 'server/gradlew': NOTHING, 'server/build/.keep': '' },
  },
  { name: 'migration' },
  { name: 'codedeploy' },
  { name: 'cli-only', services: ['worker'] },
  { name: 'given-image', deploy: ['--image', 'IMAGE'] },
  { name: 'several-containers' },
  { name: 'two-images', files: inFolder('proxy') },
  {
    name: 'two-platforms',
    files: { 'bin/curl': NOTHING },
    // The stand-in for Docker builds for one.
    deploy: ['--platform', 'linux/amd64'],
  },
  {
    name: 'several-images',
    files: { ...inFolder('services/api'), ...inFolder('services/worker') },
    services: ['worker'],
    deploy: ['--create-repository'],
  },
  {
    name: 'patched-file',
    files: { 'ecs/task.json': DEFINITION },
  },
  { name: 'latest-only', variables: { CONTAINER: 'hyeon9mak-container' } },
  {
    name: 'reusable',
    variables: { SERVICE: 'hyeon9mak-service-dev', REPOSITORY: 'hyeon9mak-dev' },
  },
  { name: 'dynamic-matrix', variables: { SERVICE: 'hyeon9mak-service-dev' } },
  {
    name: 'unknown-names',
    variables: {
      CLUSTER: 'backend',
      SERVICE: 'hyeon9mak-service-dev',
      REPOSITORY: 'hyeon9mak-dev',
      CONTAINER: 'hyeon9mak-container',
    },
  },
];

/** A project with a workflow and without a config file. */
async function makeProject({ name, files = {}, services = [] }: Play): Promise<World> {
  const path = `.github/workflows/${name}.yml`;
  const world = await makeWorld({ files: { [path]: workflow(name), ...files } });
  rmSync(join(world.folder, '.ecsdeployrc'));
  commitAll(world.folder);
  for (const service of services) await addService(world, service);
  return world;
}

const init = (name: string) => ['init', '--from-workflow', `.github/workflows/${name}.yml`];
const written = ({ folder }: World) => readFileSync(join(folder, '.ecsdeployrc'), 'utf8');

describe.each(PLAYS)('$name', (play) => {
  const { name, variables = {}, deploy = [], services = [] } = play;

  test('init reads it, and deploy works with the file as it was written', async () => {
    const world = await makeProject(play);
    const made = await world.run(init(name));
    expect(made.status, made.stderr).toBe(0);
    expect(made.stdout).toBe('');
    expect(made.stderr).toMatchSnapshot();
    expect(made.stderr).toContain(written(world).trimEnd().replaceAll('\n', '\n  '));
    expect(written(world)).not.toMatch(/\$\{\{|secrets\.|[\uE000\uE001]/);
    const environment: { PATH: string } = {
      PATH: `${world.folder}/bin:${process.env['PATH']}`,
      ...Object.fromEntries(
        Object.entries(variables).map(([key, value]) => [`ECSDEPLOY_${key}`, value]),
      ),
    };
    const image = `${world.sandbox.registryHost}/hyeon9mak-dev:first`;
    const args = deploy.map((word) => (word === 'IMAGE' ? image : word));
    const planned = await world.run(['deploy', ...args, '--dry-run'], {
      environment: { PATH: environment.PATH },
    });
    const needed = Object.keys(variables).filter((key) => key !== 'CONTAINER');
    const isWhole = Object.keys(variables).length === 0;
    expect(planned.status, planned.stderr).toBe(isWhole ? 0 : 2);
    for (const key of needed) expect(planned.stderr).toContain(`ECSDEPLOY_${key}`);
    const end = await world.run(['deploy', '--json', ...args], { environment });
    expect(end.status, end.stderr).toBe(0);
    const result = readResult(end);
    expect(result.services.map(({ service }) => service)).toEqual([
      'hyeon9mak-service-dev',
      ...services,
    ]);
  });
});

/** Runs init on a workflow in a folder of its own. */
function initAt(files: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const directory = makeFolder(files);
  return runCli(['init', ...args], { directory });
}

const refusal = ({ stderr }: CliEnd) =>
  stderr.slice(stderr.indexOf('Error: ')).replaceAll(/\S*ecsdeploy-test-\w+/g, 'FOLDER');

const NO_DEPLOY = `on: push
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - run: npm test
`;

test.each([
  ['not YAML', 'jobs: [', '--from-workflow', 'w.yml'],
  ['not a workflow', 'stages: [build]\n', '--from-workflow', 'w.yml'],
  ['a list', '- jobs\n', '--from-workflow', 'w.yml'],
  ['an empty file', '', '--from-workflow', 'w.yml'],
  ['no deploy to ECS', NO_DEPLOY, '--from-workflow', 'w.yml'],
  ['no file', NO_DEPLOY, '--from-workflow', 'other.yml'],
  ['a folder', NO_DEPLOY, '--from-workflow', '.'],
  [
    'a workflow of another repository',
    'on: push\njobs: { a: { uses: our/workflows/.github/workflows/ecs.yml@v1 } }\n',
    '--from-workflow',
    'w.yml',
  ],
  ['no workflow to replace', NO_DEPLOY, '--write-workflow', 'new.yml'],
])('%s is refused, and nothing is written', async (_, source, ...args) => {
  const directory = makeFolder({ 'w.yml': source });
  const end = await runCli(['init', ...args], { directory });
  expect(end.status).toBe(2);
  expect(refusal(end)).toMatchSnapshot();
  expect(readdirSync(directory)).toEqual(['w.yml']);
});

test.each(['.ecsdeployrc', '.ecsdeployrc.json', 'new.yml'])(
  'a file %s that exists is not changed',
  async (existing) => {
    const files = { 'w.yml': workflow('codedeploy'), [existing]: '{}\n' };
    const directory = makeFolder(files);
    const args = ['--from-workflow', 'w.yml', '--write-workflow', 'new.yml'];
    const end = await runCli(['init', ...args], { directory });
    expect(end.status).toBe(2);
    expect(refusal(end)).toContain(
      `${existing} already exists. ecsdeploy init does not change it.`,
    );
    expect(readdirSync(directory).toSorted()).toEqual(Object.keys(files).toSorted());
  },
);

test('the proposed workflow is written on request, and is a workflow', async () => {
  const directory = makeFolder({ 'w.yml': workflow('several-jobs') });
  const args = ['--from-workflow', 'w.yml', '--write-workflow', 'new.yml'];
  const end = await runCli(['init', '--json', ...args], { directory });
  expect(end.status, end.stderr).toBe(0);
  const text = readFileSync(join(directory, 'new.yml'), 'utf8');
  expect(readResult(end).init).toMatchObject({ workflow: text, missing: [] });
  expect(parse(text)).toMatchObject({
    permissions: { 'id-token': 'write' },
    jobs: { test: {}, rollout: { needs: 'test' } },
  });
});

test('flags replace what the workflow says, and give what it does not know', async () => {
  const flags = '--from-workflow w.yml --region eu-west-1 --cluster live -s shop --json';
  const end = await initAt({ 'w.yml': workflow('unknown-names') }, ...flags.split(' '));
  expect(end.status, end.stderr).toBe(0);
  const { content, missing } = readResult(end).init ?? {};
  expect(parse(content ?? '')).toEqual({ region: 'eu-west-1', service: 'shop', cluster: 'live' });
  expect(missing).toEqual(['repository']);
});

test('services share an image, and one that gets two images has the first', async () => {
  const rows = (...list: readonly string[]) =>
    workflow('several-images').replace(
      /include:[^]*?(?= +steps:)/,
      `include: [${list.map((row) => `{ ${row} }`).join(', ')}]\n`,
    );
  const contentOf = async (source: string) => {
    const directory = makeFolder({ 'w.yml': source });
    const end = await runCli(['init', '--json', '--from-workflow', 'w.yml'], { directory });
    expect(end.status, end.stderr).toBe(0);
    const { images } = resolveConfig({ command: 'deploy', flags: {}, environment: {}, directory });
    expect(images.map(({ name }) => name)).not.toContain(undefined);
    return { end, file: parse(readResult(end).init?.content ?? '') as unknown };
  };
  const [api, web] = ['folder: a, repository: shop/api', 'folder: b, repository: shop/web'];
  const shared = await contentOf(
    rows(`service: x, ${api}`, `service: y, ${web}`, `service: z, ${web}`),
  );
  expect(shared.file).toMatchObject({
    images: { api: { repository: 'shop/api', context: 'services/a' }, web: {} },
    services: [
      { service: 'x', image: 'api' },
      { service: 'y', image: 'web' },
      { service: 'z', image: 'web' },
    ],
  });
  const twice = await contentOf(rows(`service: x, ${api}`, `service: x, ${web}`));
  expect(twice.file).toMatchObject({ service: 'x', image: 'api' });
  expect(twice.end.stderr).toContain('service x gets another image too, web');
});

test('the file is written to the root of the repository of the workflow', async () => {
  const directory = makeFolder({
    '.github/workflows/w.yml': workflow('codedeploy'),
    'src/main.ts': '',
  });
  const end = await runCli(['init', '--from-workflow', '../.github/workflows/w.yml'], {
    directory: join(directory, 'src'),
  });
  expect(end.status, end.stderr).toBe(0);
  expect(end.stderr).toContain('Wrote ../.ecsdeployrc');
  expect(readdirSync(directory)).toContain('.ecsdeployrc');
});

test('a workflow that calls itself ends', async () => {
  const call = 'on: push\njobs: { a: { uses: ./.github/workflows/w.yml } }\n';
  const file = '.github/workflows/w.yml';
  const end = await initAt({ [file]: call }, '--from-workflow', file);
  expect(end.status).toBe(2);
  expect(end.stderr).toContain('the workflow ./.github/workflows/w.yml calls itself');
});

test('any workflow is read or refused: lines taken out, repeated or cut', () => {
  const names = PLAYS.map(({ name }) => name);
  const damage = fc.record({
    name: fc.constantFrom(...names),
    at: fc.nat(80),
    count: fc.nat(6),
    kind: fc.constantFrom('out', 'twice', 'cut', 'empty'),
  });
  let read = 0;
  fc.assert(
    fc.property(damage, ({ name, at, count, kind }) => {
      const lines = workflow(name).split('\n');
      const part = lines.slice(at, at + count);
      const changed = {
        out: [],
        twice: [...part, ...part],
        cut: part.map((line) => line.slice(0, line.length / 2)),
        empty: part.map((line) => line.replace(/:.*/, ':')),
      }[kind];
      const directory = mkdtempSync(join(tmpdir(), 'ecsdeploy-test-'));
      const file = join(directory, 'w.yml');
      writeFileSync(file, lines.toSpliced(at, count, ...changed).join('\n'));
      try {
        const { draft, proposal } = fromWorkflow(file, directory);
        writeFileSync(join(directory, '.ecsdeployrc'), configText(draft, ''));
        resolveConfig({ command: 'deploy', flags: {}, environment: {}, directory });
        parse(proposal);
        read += 1;
      } catch (error) {
        if (!(error instanceof EcsDeployError) || error.code !== 'usage') throw error;
      } finally {
        rmSync(directory, { recursive: true });
      }
    }),
    { numRuns: 400 },
  );
  expect(read).toBeGreaterThan(100);
});
