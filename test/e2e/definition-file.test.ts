import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { RegisterTaskDefinitionCommand } from '@aws-sdk/client-ecs';
import { expect, test } from 'vitest';
import { readResult } from '../support/cli.ts';
import { describeDefinition } from '../support/ecs-wire.ts';
import { makeFolder } from '../support/files.ts';
import { makeWorld, stable } from '../support/world.ts';
import type { World } from '../support/world.ts';

const FILE = 'task.json';

/** The running definition as a file, changed before it is written. */
async function writeDefinition(
  world: World,
  change: (definition: Record<string, unknown>) => unknown = (definition) => definition,
): Promise<void> {
  const { stdout } = await world.run(['render', '--image', 'registry/app:2']);
  const definition = JSON.parse(stdout) as Record<string, unknown>;
  writeFileSync(join(world.folder, FILE), JSON.stringify(change(definition), undefined, 2));
}

const deployFile = (world: World, ...args: string[]) =>
  world.run(['deploy', '--image', 'registry/app:3', '--task-definition', FILE, ...args]);

test.skipIf(process.platform === 'win32')('a file without an end is refused', async () => {
  const world = await makeWorld();
  const end = await world.run(['register', '/dev/zero']);
  expect(end.stderr).toContain('/dev/zero is not a task definition: it is larger than 1 MiB.');
  expect(end.status).toBe(2);
});

test('a file as describe-task-definition gives it is deployed, with its tags', async () => {
  const world = await makeWorld();
  await writeDefinition(world, (definition) => ({
    taskDefinition: {
      ...definition,
      taskDefinitionArn: 'arn:aws:ecs:r:1:task-definition/x:9',
      revision: 9,
      status: 'ACTIVE',
      registeredAt: '2026-01-01',
      newerThanTheSdk: { kept: [''] },
    },
    tags: [{ key: 'team', value: 'web=1' }],
  }));
  // As Windows writes it.
  const text = readFileSync(join(world.folder, FILE), 'utf8').replaceAll('\n', '\r\n');
  writeFileSync(join(world.folder, FILE), `\uFEFF${text}`);
  const end = await deployFile(world, '--json');
  expect(end.status, end.stderr).toBe(0);
  expect(
    end.stderr.match(/does not know; they are sent unchanged: newerThanTheSdk\n/g),
  ).toHaveLength(1);
  const { taskDefinition } = await world.service();
  const rendered = await world.run(['render', '--set-env', 'A=b']);
  expect(JSON.parse(rendered.stdout)).toMatchObject({
    newerThanTheSdk: { kept: [''] },
    tags: [{ key: 'team', value: 'web=1' }],
  });
  expect(readResult(end).services[0]?.taskDefinition).toBe(taskDefinition);
});

test('everything that ECS would not take is told at once, with the place and the likely name', async () => {
  const world = await makeWorld();
  await writeDefinition(world, ({ containerDefinitions, ...rest }) => ({
    ...rest,
    memory: 512,
    networkMod: 'awsvpc',
    volumes: [{ name: 'data', efsVolumeConfiguration: { fileSystemID: 'fs-1' } }],
    containerDefinitions: [
      {
        name: 'app',
        Image: 'registry/app:1',
        cpu: '256',
        essential: 'yes',
        environment: { TOKEN: 'the secret itself' },
        portMapping: [{ containerPort: 80 }],
        dockerLabels: { 'any.name': 'x', portMapping: '' },
        logConfigration: { logDriver: 'awslogs' },
      },
      ...(containerDefinitions as object[]),
    ],
  }));
  world.writes();
  const end = await deployFile(world);
  expect(end.status).toBe(2);
  expect(world.writes()).toEqual([]);
  expect(stable(end.stderr, world)).toMatchInlineSnapshot(`
    "Warning: registry/app:3 names no registry: ECS pulls it from Docker Hub, where it cannot be checked.
      → for an image in ECR, use its full name: REGISTRY/REPOSITORY:TAG
    Error: The task definition FOLDER/task.json is not valid:
      volumes[0].efsVolumeConfiguration.fileSystemID: unknown member; did you mean "fileSystemId"?
      networkMod: unknown member; did you mean "networkMode"?
      containerDefinitions[0].Image: unknown member; did you mean "image"?
      containerDefinitions[0].portMapping: unknown member; did you mean "portMappings"?
      containerDefinitions[0].logConfigration: unknown member; did you mean "logConfiguration"?
      memory: must be a string, but is a number: put it in quotes
      containerDefinitions[0].cpu: must be a number, but is a string: leave the quotes out
      containerDefinitions[0].essential: must be true or false, but is a string
      containerDefinitions[0].environment: must be a list such as [{ "name": …, "value": … }], but is an object
      → ECS silently drops members that it does not know; if a member is newer than this version of ecsdeploy: --skip-check member-names
    "
  `);
});

test.each(['', 'not json', '[]', '{"family":"app"}', '{"containerDefinitions":[{"name":"app"}]}'])(
  '%j is no definition',
  async (source) => {
    const world = await makeWorld();
    writeFileSync(join(world.folder, FILE), source);
    const end = await world.run(['register', FILE]);
    expect(end.status).toBe(2);
    expect(stable(end.stderr, world)).toMatchSnapshot();
    expect(world.writes()).toEqual([]);
  },
);

test('sidecars by name, secrets and variables in one go: the diff, and what is registered', async () => {
  const world = await makeWorld();
  const args = [
    '--image',
    'registry/app:3',
    '--container-image',
    'datadog-agent=registry/datadog:8',
    '--set-env',
    'LEVEL=very private',
    '--set-secret',
    'API_KEY=/shop/api-key',
    '--unset-env',
    'DATABASE_PASSWORD',
    '--skip-check',
    'secrets',
  ];
  const plan = await world.run(['deploy', '--dry-run', ...args]);
  expect(plan.status, plan.stderr).toBe(0);
  expect(stable(plan.stderr, world)).toMatchInlineSnapshot(`
    "Warning: registry/app:3 names no registry: ECS pulls it from Docker Hub, where it cannot be checked.
      → for an image in ECR, use its full name: REGISTRY/REPOSITORY:TAG
    Warning: registry/datadog:8 names no registry: ECS pulls it from Docker Hub, where it cannot be checked.
      → for an image in ECR, use its full name: REGISTRY/REPOSITORY:TAG
    Image registry/app:3
    Service hyeon9mak-service-dev in backend runs hyeon9mak-task-dev:1
      container hyeon9mak-container
        - image: "REGISTRY/hyeon9mak-dev:first"
        + image: "registry/app:3"
        + environment.LEVEL: •••
        + secrets.API_KEY: "/shop/api-key"
        - secrets.DATABASE_PASSWORD: "arn:aws:secretsmanager:ap-northeast-2:111122223333:secret:hyeon9mak/database-AbCdEf"
      container datadog-agent
        - image: "public.ecr.aws/datadog/agent:latest"
        + image: "registry/datadog:8"
    Dry run: nothing was changed
    "
  `);
  const diff = await world.run(['render', '--diff', ...args.slice(0, -2)]);
  expect(diff.stdout).not.toContain('very private');
  const shown = await world.run(['render', '--diff', '--show-values', ...args.slice(0, -2)], {
    environment: { FORCE_COLOR: '1' },
  });
  expect(shown.stdout).toContain('\u001B[32m  + environment.LEVEL: "very private"\u001B[39m');

  const summary = join(makeFolder({ summary: '' }), 'summary');
  const end = await world.run(['deploy', '--json', ...args], {
    environment: { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary },
  });
  expect(end.status, end.stderr).toBe(0);
  expect(end.stdout + end.stderr).not.toContain('very private');
  expect(readResult(end).services[0]?.changes).toContainEqual({
    container: 'datadog-agent',
    path: 'image',
    before: 'public.ecr.aws/datadog/agent:latest',
    after: 'registry/datadog:8',
  });
  expect(stable(readFileSync(summary, 'utf8'), world)).toMatchInlineSnapshot(`
    "### ecsdeploy deploy: succeeded after TIME

    hyeon9mak-service-dev runs hyeon9mak-task-dev:2 (2 of 2 tasks) after TIME

    | service | outcome | deployed | serves now | before | tasks | failed |
    | --- | --- | --- | --- | --- | --- | --- |
    | hyeon9mak-service-dev | succeeded | hyeon9mak-task-dev:2 | hyeon9mak-task-dev:2 | hyeon9mak-task-dev:1 | 2 of 2 | 0 |

    Image \`registry/app:3\`

    | phase | time |  |
    | --- | --- | --- |
    | register | TIME | |
    | rollout | TIME | |

    \`\`\`diff
    container hyeon9mak-container
    - image: "REGISTRY/hyeon9mak-dev:first"
    + image: "registry/app:3"
    + environment.LEVEL: •••
    + secrets.API_KEY: "/shop/api-key"
    - secrets.DATABASE_PASSWORD: "arn:aws:secretsmanager:ap-northeast-2:111122223333:secret:hyeon9mak/database-AbCdEf"
    container datadog-agent
    - image: "public.ecr.aws/datadog/agent:latest"
    + image: "registry/datadog:8"
    \`\`\`

    "
  `);
});

test('render --json holds the definition and what changes', async () => {
  const world = await makeWorld();
  const end = await world.run(['render', '--set-env', 'A=b', '--json']);
  const [service] = readResult(end).services;
  expect(service?.changes).toEqual([
    { container: 'hyeon9mak-container', path: 'environment.A', after: '•••' },
  ]);
  expect(service?.definition).toMatchObject({ family: 'hyeon9mak-task-dev' });
});

test.each([
  ['--container-image', 'datadog-agnt=registry/datadog:8'],
  ['--container-image', 'hyeon9mak-container=registry/other:1'],
  ['--container-image', 'datadog-agent=registry/data dog'],
  ['--set-secret', 'LEVEL=/shop/level', '--set-env', 'LEVEL=info'],
  ['--set-secret', 'API_KEY=/not/there'],
])('%s %s is refused', async (...args) => {
  const world = await makeWorld();
  const end = await world.run(['deploy', '--image', 'registry/app:3', ...args]);
  expect(end.status).toBeLessThanOrEqual(3);
  expect(end.status).toBeGreaterThanOrEqual(2);
  expect(world.writes()).toEqual([]);
  expect(stable(end.stderr, world)).toMatchSnapshot();
});

test('a definition of another family than the one that runs is found by its name', async () => {
  const world = await makeWorld();
  await world.ecs.send(
    new RegisterTaskDefinitionCommand({
      family: 'other',
      memory: '512',
      containerDefinitions: [{ name: 'only', image: 'registry/app:1' }],
    }),
  );
  const end = await world.run([
    'render',
    '--task-definition',
    'other',
    '--container',
    'only',
    '--image',
    'registry/app:2',
    '--diff',
  ]);
  expect(end.status, end.stderr).toBe(0);
  expect(end.stdout).toContain('+ image: "registry/app:2"');
});

const EMPTY = { taskRoleArn: '', volumes: [], cpu: null, ipcMode: '' };
const EMPTY_CONTAINER = {
  repositoryCredentials: { credentialsParameter: '' },
  portMappings: [{ containerPort: 80, name: '' }],
  secrets: [],
  user: '',
  environment: [{ name: 'EMPTY', value: '' }],
};

test.each<[string, (definition: Record<string, unknown>) => unknown, number]>([
  ['an answer with tags beside', (taskDefinition) => ({ taskDefinition, tags: [] }), 1],
  ["the console's form", (rest) => ({ ...rest, taskDefinitionArn: 'arn:x', tags: [] }), 1],
  ['a file without tags', (rest) => rest, 1],
  ["a file of one's own", (rest) => ({ ...rest, tags: [] }), 0],
])('what is written as nothing is not sent: %s', async (_, wrap, tags) => {
  const world = await makeWorld();
  const tagged = JSON.parse((await world.run(['render', '--set-env', 'A=b'])).stdout) as object;
  writeFileSync(
    join(world.folder, FILE),
    JSON.stringify({ ...tagged, tags: [{ key: 'team', value: '' }] }),
  );
  expect((await deployFile(world)).status).toBe(0);
  await writeDefinition(world, ({ tags: _tags, containerDefinitions, ...rest }) =>
    wrap({
      ...rest,
      ...EMPTY,
      networkMode: 'awsvpc',
      cpu: '512',
      containerDefinitions: (containerDefinitions as object[]).map((container, index) =>
        index === 0 ? { ...container, ...EMPTY_CONTAINER } : container,
      ),
    }),
  );
  const end = await world.run(['register', FILE]);
  expect(end.status, end.stderr).toBe(0);
  const found = await describeDefinition(world.sandbox, end.stdout.trim());
  expect(found.tags ?? []).toHaveLength(tags);
  expect(found.taskDefinition).not.toHaveProperty('taskRoleArn');
  const [container] = found.taskDefinition.containerDefinitions;
  expect(container).not.toHaveProperty('repositoryCredentials');
  expect(container?.['environment']).toEqual([{ name: 'EMPTY', value: '' }]);
  // The same file again is the same revision.
  const again = await world.run(['register', FILE]);
  expect(again.stdout).toBe(end.stdout);
  expect((await world.run(['render', '--task-definition', FILE])).stdout).not.toContain('[]');
});

test('a variable without a value, which ECS drops, makes no new revision', async () => {
  const world = await makeWorld();
  await writeDefinition(world, ({ containerDefinitions, ...rest }) => ({
    ...rest,
    containerDefinitions: (containerDefinitions as { environment: object[] }[]).map(
      (container) => ({
        ...container,
        environment: [...container.environment, { name: 'GONE' }, { name: 'NULL', value: null }],
      }),
    ),
  }));
  const first = await world.run(['register', FILE]);
  expect(first.status, first.stderr).toBe(0);
  expect((await world.run(['register', FILE])).stdout).toBe(first.stdout);
});

/** A definition as text, with a value that encodings write differently. */
const greeting = (value: string) =>
  JSON.stringify({
    family: 'greeter',
    memory: '512',
    containerDefinitions: [
      { name: 'app', image: 'app:1', environment: [{ name: 'GREETING', value }] },
    ],
  });

const ENCODINGS: readonly [name: string, bytes: (text: string) => Buffer, isRead: boolean][] = [
  ['UTF-8', (text) => Buffer.from(text), true],
  ['UTF-8 with a mark', (text) => Buffer.from(`\uFEFF${text}`), true],
  ['UTF-16 of Windows', (text) => Buffer.from(`\uFEFF${text}`, 'utf16le'), true],
  ['UTF-16 of other machines', (text) => Buffer.from(`\uFEFF${text}`, 'utf16le').swap16(), false],
  ['Latin-1', (text) => Buffer.from(text, 'latin1'), false],
  ['cut UTF-8', (text) => Buffer.from(text).subarray(0, -1 - '"}]}]}'.length), false],
];

test.each(ENCODINGS)(
  'what is read in %s is what is sent, or is refused',
  async (_, encode, isRead) => {
    const world = await makeWorld();
    const bytes = encode(greeting('Grüße'));
    writeFileSync(join(world.folder, FILE), bytes);
    for (const [argument, stdin] of [
      [FILE, ''],
      ['-', bytes],
    ] as const) {
      const end = await world.run(['register', argument], { stdin });
      expect(end.status, end.stderr).toBe(isRead ? 0 : 2);
      if (!isRead) continue;
      const { taskDefinition } = await describeDefinition(world.sandbox, end.stdout.trim());
      expect(taskDefinition.containerDefinitions[0]?.['environment']).toEqual([
        { name: 'GREETING', value: 'Grüße' },
      ]);
    }
  },
);

test.each([
  '9007199254740993',
  '-9007199254740993',
  '1e999',
  '1e-999',
  '1.00000000000000000001',
  '1e22',
])('the number %s, which reading would change, is refused with its place', async (number) => {
  const world = await makeWorld();
  const text = greeting('x').replace('"name":"app"', `"name":"app","cpu":${number}`);
  const end = await world.run(['register', '-'], { stdin: text });
  expect(end.status).toBe(2);
  expect(end.stderr).toContain('as they are written: containerDefinitions[0].cpu.');
  expect(world.writes()).toEqual([]);
});

test.each(['0', '128', '9007199254740991', '0.25', '1e3', '-0', '3.141592653589793'])(
  'the number %s is sent as it is',
  async (number) => {
    const world = await makeWorld();
    const text = greeting('x').replace('"name":"app"', `"name":"app","cpu":${number}`);
    const end = await world.run(['register', '-'], { stdin: text });
    expect(end.status, end.stderr).toBe(0);
  },
);

test('a member that is there twice is warned of, at every depth', async () => {
  const world = await makeWorld();
  const text = greeting('x')
    .replace('"image":', '"image":"app:0","image":')
    .replace('{', '{"memory":"256",');
  const end = await world.run(['register', '-'], { stdin: text });
  expect(end.status, end.stderr).toBe(0);
  expect(end.stderr).toContain(
    'stdin has members twice in one object: memory, containerDefinitions[0].image. The last one counts.',
  );
});

test('a stdin without an end is refused', async () => {
  const world = await makeWorld();
  const endless = new Readable({ read: () => void endless.push('x'.repeat(1 << 16)) });
  const end = await world.run(['register', '-'], { input: () => endless });
  expect(end.status).toBe(2);
  expect(end.stderr).toContain('Error: stdin is longer than 1 MiB.');
});

test('Ctrl-C ends the wait for a stdin', async () => {
  const world = await makeWorld();
  const end = await world.run(['register', '-', '--json'], {
    input: ({ kill }) => new Readable({ read: () => kill('SIGINT') }),
  });
  expect(end.status, end.stderr).toBe(130);
  expect(readResult(end)).toMatchObject({ outcome: 'interrupted', services: [] });
});

test('a JSON file of another kind is refused without a word on its members', async () => {
  const world = await makeWorld();
  const end = await world.run(['register', '-'], {
    stdin: JSON.stringify({ name: 'app', version: '1.0.0', scripts: {}, dependencies: {} }),
  });
  expect(end.status).toBe(2);
  expect(end.stderr).not.toContain('members');
});
