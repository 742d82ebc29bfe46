import { join } from 'node:path';
import { expect, test } from 'vitest';
import { requireSettings, resolveConfig } from '../../src/settings/config.ts';
import type { Sources } from '../../src/settings/config.ts';
import { makeFolder } from '../support/files.ts';

function resolveIn(
  files: Readonly<Record<string, string>>,
  sources: Partial<Omit<Sources, 'directory' | 'command'>> & { readonly below?: string } = {},
) {
  const folder = makeFolder(files);
  const { below = '', flags = {}, environment = {} } = sources;
  return {
    folder,
    ...resolveConfig({ command: 'deploy', flags, environment, directory: join(folder, below) }),
  };
}

function problemsOf(...parameters: Parameters<typeof resolveIn>): string {
  try {
    resolveIn(...parameters);
  } catch (error) {
    return (error as Error).message.replaceAll(/\/\S*\/(?=\.ecsdeployrc)/g, '');
  }
  return '';
}

test('flag, then variable, then environment section, then file, then default', () => {
  const files = {
    '.ecsdeployrc':
      'cluster: file\nregion: file\nprofile: file\nplatform: linux/arm64\nservice: api\nenvironments: { prod: { cluster: prod, region: prod, profile: prod } }',
  };
  const config = resolveIn(files, {
    flags: { cluster: 'flag', environment: 'prod' },
    environment: { ECSDEPLOY_CLUSTER: 'variable', ECSDEPLOY_REGION: 'variable' },
  });
  expect(config.targets[0]?.cluster).toBe('flag');
  expect(config.region).toBe('variable');
  expect(config.profile).toBe('prod');
  expect(config.platform).toBe('linux/arm64');
  expect(config.timeout).toBe(1_800_000);
});

test('the file is found above the current folder, up to the root of the repository', () => {
  const files = { '.ecsdeployrc.yaml': 'cluster: above', '.git/HEAD': '', 'app/src/x': '' };
  const found = resolveIn(files, { below: 'app/src' });
  expect(found.file).toBe(join(found.folder, '.ecsdeployrc.yaml'));
  const other = resolveIn(
    { '.ecsdeployrc': '{}', 'repo/.git/HEAD': '', 'repo/app/x': '' },
    { below: 'repo/app' },
  );
  expect(other.file).toBeUndefined();
});

test('paths of the file are relative to it, paths of flags to the current folder', () => {
  const files = {
    '.ecsdeployrc': 'build: { context: app, dockerfile: docker/Dockerfile }',
    '.git/HEAD': '',
    'app/sub/x': '',
  };
  const ofFile = resolveIn(files, { below: 'app/sub' });
  expect(ofFile.context).toBe(join(ofFile.folder, 'app'));
  expect(ofFile.dockerfile).toBe(join(ofFile.folder, 'app/docker/Dockerfile'));
  const ofFlags = resolveIn(files, { below: 'app/sub', flags: { context: '.', dockerfile: 'D' } });
  expect(ofFlags.context).toBe(join(ofFlags.folder, 'app/sub'));
  expect(ofFlags.dockerfile).toBe(join(ofFlags.folder, 'app/sub/D'));
});

test('several services share what stands above them, and --service chooses among them', () => {
  const files = {
    '.ecsdeployrc': `cluster: backend
setEnv: { LOG: info }
services:
  - { service: api, container: app }
  - { service: worker, container: app, setEnv: { ROLE: worker }, cluster: jobs }
environments:
  prod: { setEnv: { LOG: warn } }`,
  };
  expect(resolveIn(files).targets).toMatchObject([
    { cluster: 'backend', service: 'api', container: ['app'], setEnv: { LOG: 'info' } },
    { cluster: 'jobs', service: 'worker', setEnv: { LOG: 'info', ROLE: 'worker' } },
  ]);
  const chosen = resolveIn(files, { flags: { service: ['worker'], environment: 'prod' } });
  expect(chosen.targets).toMatchObject([
    { service: 'worker', setEnv: { LOG: 'warn', ROLE: 'worker' } },
  ]);
  expect(problemsOf(files, { flags: { service: ['wroker'] } })).toMatchInlineSnapshot(
    `"--service: "wroker" is not in the config file (did you mean "worker"? services that exist: api, worker)"`,
  );
});

test('without a list every --service is a target', () => {
  const { targets } = resolveIn({}, { flags: { service: ['a', 'b'], cluster: 'c' } });
  expect(targets).toMatchObject([{ service: 'a', cluster: 'c' }, { service: 'b' }]);
});

test('values of the file are taken as they are written', () => {
  const { targets, args, timeout, maxFailures } = resolveIn({
    '.ecsdeployrc': `service: api
cluster: 012
setEnv: { VERSION: 1.10, ACCOUNT: 012345678901, HEX: 0x10, ON: yes, EMPTY: '', NULL: 'null' }
build: { args: { BIG: 12345678901234567890 }, target: null }
timeout: 90s
maxFailures: 4
$schema: x
`,
  });
  expect(targets[0]).toMatchObject({
    cluster: '012',
    setEnv: {
      VERSION: '1.10',
      ACCOUNT: '012345678901',
      HEX: '0x10',
      ON: 'yes',
      EMPTY: '',
      NULL: 'null',
    },
  });
  expect({ args, timeout, maxFailures }).toEqual({
    args: { BIG: '12345678901234567890' },
    timeout: 90_000,
    maxFailures: 4,
  });
});

test('a repeated service is refused', () => {
  expect(
    problemsOf({ '.ecsdeployrc': 'services:\n  - { service: api }\n  - { service: api }\n' }),
  ).toBe('.ecsdeployrc:3: the service "api" is repeated in "services"');
});

test('an empty profile is kept: it asks for the standard chain', () => {
  const config = resolveIn(
    { '.ecsdeployrc': 'profile: dev' },
    { environment: { ECSDEPLOY_PROFILE: '' } },
  );
  expect(config.profile).toBe('');
});

test('all problems are told at once, each with its place and the nearest name', () => {
  const files = {
    '.ecsdeployrc': `clutser: backend
platform: linux/386
timeout: 30
build:
  dokerfile: x
  args: [1]
services:
  - { container: app }
  - { service: api, setenv: {} }
environments:
  prod: { regoin: x }
`,
  };
  expect(
    problemsOf(files, {
      flags: { environment: 'prd', poll: '3' },
      environment: { ECSDEPLOY_MAX_FAILURES: 'many' },
    }),
  ).toMatchInlineSnapshot(`
    "--poll: "3" needs a unit: write 3s or 3m
    ECSDEPLOY_MAX_FAILURES: must be a positive integer, not "many"
    .ecsdeployrc:1: unknown key "clutser" (did you mean "cluster"? keys that exist: repository, extraTags, platform, pin, release, check, notify, timeout, poll, maxFailures, …)
    .ecsdeployrc:2: "platform": must be one of linux/amd64, linux/arm64, not "linux/386"
    .ecsdeployrc:3: "timeout": "30" needs a unit: write 30s or 30m
    .ecsdeployrc:5: unknown key "dokerfile" (did you mean "dockerfile"? keys that exist: context, dockerfile, target, args, labels, contexts, allow, network, addHosts, shmSize, …)
    .ecsdeployrc:6: "build.args": must be KEY=VALUE, not "1"
    .ecsdeployrc:8: an entry of "services" needs the key "service"
    .ecsdeployrc:9: unknown key "setenv" (did you mean "setEnv"? keys that exist: service, cluster, profile, region, container, taskDefinition, setEnv, setSecrets, unsetEnv, envFile, …)
    .ecsdeployrc:11: unknown key "regoin" (did you mean "region"? keys that exist: repository, extraTags, platform, pin, release, check, notify, timeout, poll, maxFailures, …)
    --env: .ecsdeployrc does not define the environment "prd" (did you mean "prod"? environments that exist: prod)"
  `);
});

test.each([
  ['cluster: [', 'a file that is no YAML'],
  ['- cluster', 'a file that is a list'],
  ['cluster: a\ncluster: b', 'a key given twice'],
  ['service: api\nservices: [{ service: b }]', 'service beside services'],
  ['services: [api]', 'a service without its key'],
  ['cluster: ${CLUSTER}', 'a variable in braces'],
  ['cluster: $CLUSTER', 'a variable'],
  ['region: "a${X}b"', 'a variable within a value'],
  ['setEnv: { A: [1] }', 'a list for a variable'],
  ['container: [a, b c, "d,e"]', 'a comma in a list'],
])('%j is refused: %s', (source) => {
  expect(problemsOf({ '.ecsdeployrc': source })).toMatchSnapshot();
});

test.each([
  ['nowhere.yaml', /nowhere\.yaml does not exist\.$/],
  ['.', / is a folder\.$/],
])('the config file %s is refused in plain words', (config, message) => {
  expect(() => resolveIn({}, { flags: { config } })).toThrow(message);
});

test.each(['toString', '__proto__', 'hasOwnProperty', 'constructor'])(
  'the environment %s exists only where the file defines it',
  (environment) => {
    const without = { '.ecsdeployrc': 'environments: { prod: { cluster: prod } }' };
    expect(problemsOf(without, { flags: { environment } })).toBe(
      `--env: .ecsdeployrc does not define the environment "${environment}" (environments that exist: prod)`,
    );
    const config = resolveIn(
      { '.ecsdeployrc': `environments: { ${environment}: { region: here } }` },
      { flags: { environment } },
    );
    expect(config.region).toBe('here');
  },
);

test('names of Object.prototype are names like any other', () => {
  const names = ['__proto__', 'constructor', 'toString'];
  const map = `{ ${names.map((name) => `${name}: x`).join(', ')} }`;
  const file = { '.ecsdeployrc': `service: api\nsetEnv: ${map}\nbuild: { args: ${map} }` };
  const { args, targets } = resolveIn(file, { flags: { setEnv: ['A=1'] } });
  expect(Object.keys(args)).toEqual(names);
  expect(Object.keys(targets[0]?.setEnv ?? {})).toEqual([...names, 'A']);
  expect(problemsOf({ '.ecsdeployrc': '__proto__: x' })).toContain('unknown key "__proto__"');
});

// Reading that compares every key with every other would not end within the limit of a test.
test('a config file with a hundred thousand keys is read', () => {
  const count = 100_000;
  const source = Array.from({ length: count }, (_, index) => `  KEY_${index}: value`).join('\n');
  const { targets } = resolveIn({ '.ecsdeployrc': `service: api\nsetEnv:\n${source}` });
  expect(Object.keys(targets[0]?.setEnv ?? {})).toHaveLength(count);
});

test.each([
  [{ setEnv: ['A=1'], unsetEnv: ['A'] }, '--set-env and --unset-env both name the variable "A"'],
  [
    { setEnv: ['A=1'], setSecrets: ['A=/x'] },
    '--set-env and --set-secret both name the variable "A"',
  ],
  [{ quiet: true, verbose: true }, '--quiet and --verbose cannot be used together'],
  [{ quiet: true, progress: 'plain' }, '--quiet and --progress cannot be used together'],
  [{ noWait: true, timeout: '1m' }, '--no-wait and --timeout cannot be used together'],
  [{ noWait: true, onFailure: 'rollback' }, '--no-wait and --on-failure cannot be used together'],
])('flags that contradict each other are refused: %j', (flags, message) => {
  expect(problemsOf({}, { flags })).toBe(message);
});

test('what contradicts in different sources is decided by their order', () => {
  const files = { '.ecsdeployrc': 'service: api\nunsetEnv: [A]\nsetEnv: { B: 1 }\ntimeout: 5m' };
  const { targets } = resolveIn(files, {
    flags: { setEnv: ['A=1'], noWait: true },
    environment: { ECSDEPLOY_UNSET_ENV: 'B' },
  });
  expect(targets[0]).toMatchObject({ setEnv: { A: '1' }, unsetEnv: ['B'] });
  expect(problemsOf({ '.ecsdeployrc': 'setEnv: { A: 1 }\nunsetEnv: A' })).toBe(
    '.ecsdeployrc:1: "setEnv" and "unsetEnv" both name the variable "A"',
  );
});

const ENV_FILE = `# comment
export A=1
 B = two words  # comment
C=it's#not
D='single # \\n' # comment
E="double \\"x\\" \\\\ \\n\\$HOME
second line"
F=\`back'tick"\`
G=

A=again
H=a=b`;

test('an env file in dotenv format is read', () => {
  const files = { 'prod.env': `\uFEFF${ENV_FILE.replaceAll('\n', '\r\n')}`, '.git/HEAD': '' };
  const { targets } = resolveIn(files, { flags: { service: ['api'], envFile: ['prod.env'] } });
  expect(targets[0]?.setEnv).toEqual({
    A: 'again',
    B: 'two words',
    C: "it's#not",
    D: 'single # \\n',
    E: 'double "x" \\ \n\\$HOME\nsecond line',
    F: `back'tick"`,
    G: '',
    H: 'a=b',
  });
});

test('an env file is as strong as the source that names it, and relative to it', () => {
  const files = {
    '.ecsdeployrc':
      'service: api\nenvFile: deploy/prod.env\nsetEnv: { A: rc, X: rc }\nsetSecrets: { S: /s }',
    'deploy/prod.env': 'A=file\nB=file\nC=file\nS=file',
    'sub/ci.env': 'B=ci\nX=ci',
    '.git/HEAD': '',
  };
  const ofFile = resolveIn(files, { below: 'sub', flags: { setEnv: ['C=flag'] } });
  expect(ofFile.targets[0]).toMatchObject({
    setEnv: { A: 'rc', B: 'file', C: 'flag', X: 'rc' },
    setSecrets: { S: '/s' },
  });
  const ofFlag = resolveIn(files, { below: 'sub', flags: { envFile: ['ci.env'] } });
  expect(ofFlag.targets[0]?.setEnv).toEqual({ A: 'rc', B: 'ci', X: 'ci' });
});

test.each([
  ['A=1\nPASSWORD hunter2\n', 'x.env:2: must be NAME=VALUE'],
  ['A B=hunter2', 'x.env:1: must be NAME=VALUE'],
  ['=hunter2', 'x.env:1: must be NAME=VALUE'],
  ['\nA="hunter2\nB=2\n', 'x.env:2: the value of A must end with its closing quote'],
  ["A='hunter2' b", 'x.env:1: the value of A must end with its closing quote'],
])('the env file %j is refused without its values', (source, message) => {
  const problem = problemsOf({ 'x.env': source }, { flags: { envFile: ['x.env'] } });
  expect(problem).toMatch(/^--env-file: \/\S*\/x\.env:\d/);
  expect(problem).toContain(message);
  expect(problem).not.toContain('hunter2');
});

test('an env file that is missing is a problem of the commands that set variables', () => {
  const files = { '.ecsdeployrc': 'cluster: c\nservice: api\nenvFile: gone.env' };
  expect(problemsOf(files)).toMatch(/^\.ecsdeployrc:1: "envFile": \S*\/?gone\.env does not exist$/);
  const folder = makeFolder(files);
  const status = { command: 'status', flags: {}, environment: {}, directory: folder } as const;
  expect(resolveConfig(status).targets[0]?.setEnv).toEqual({});
});

test('--replace-env without any variable is refused', () => {
  const flags = { service: ['api'], replaceEnv: true };
  expect(problemsOf({}, { flags })).toBe(
    '--replace-env: no environment variable is given for the service "api": use --set-env or --env-file',
  );
  const given = resolveIn({}, { flags: { ...flags, setEnv: ['A=1'] } });
  expect(given.targets[0]).toMatchObject({ replaceEnv: true, setEnv: { A: '1' } });
});

test('what each service sets of its task definition', () => {
  const { targets } = resolveIn({
    '.ecsdeployrc': `setTags: { team: a }
setCpu: 256
services:
  - { service: api, setCommand: [node, a b], setMemory: 1 GB, setTags: { role: api } }
  - { service: worker, setCommand: "node 'a b'", setCpu: 0.5 vCPU, replaceEnv: false }`,
  });
  expect(targets).toMatchObject([
    {
      setCommand: ['node', 'a b'],
      setCpu: '256',
      setMemory: '1 GB',
      setTags: { team: 'a', role: 'api' },
    },
    { setCommand: ['node', 'a b'], setCpu: '0.5 vCPU', setTags: { team: 'a' }, replaceEnv: false },
  ]);
});

test('a problem names the source of its value', () => {
  const files = { '.ecsdeployrc': 'services: [{ service: api }]' };
  const environment = { ECSDEPLOY_SERVICE: 'apj', ECSDEPLOY_ENV: 'prod' };
  expect(problemsOf(files, { environment })).toMatchInlineSnapshot(`
    "ECSDEPLOY_ENV: .ecsdeployrc does not define the environment "prod" (there are no environments at all)
    ECSDEPLOY_SERVICE: "apj" is not in the config file (did you mean "api"? services that exist: api)"
  `);
});

test('a service that is given twice is one target', () => {
  expect(resolveIn({}, { flags: { service: ['a', 'a'] } }).targets).toHaveLength(1);
});

test('the hint names the help of the command that runs', () => {
  expect(() => resolveIn({}, { flags: { poll: '3' } })).toThrow(
    expect.objectContaining({ hint: 'see ecsdeploy deploy --help' }),
  );
});

test('what is missing is listed with every way to give it', () => {
  const config = resolveIn({});
  expect(() => requireSettings(config, ['cluster', 'service', 'repository']))
    .toThrowErrorMatchingInlineSnapshot(`
      [EcsDeployError: Required settings are missing:
        cluster: set --cluster <name>, ECSDEPLOY_CLUSTER, or "cluster" in .ecsdeployrc
        service: set --service <name...>, ECSDEPLOY_SERVICE, or "service" in .ecsdeployrc
        repository: set --repository <name>, ECSDEPLOY_REPOSITORY, or "repository" in .ecsdeployrc]
    `);
});

const ORDERED = `services:
  - { service: api }
  - { service: worker, after: [api] }
  - { service: mailer, after: [api, worker] }
`;

test('the order of services, and what is left of it with --service', () => {
  const orders = (flags: Sources['flags']) =>
    resolveIn({ '.ecsdeployrc': ORDERED }, { flags }).targets.map(({ order }) => order);
  expect(orders({})).toMatchObject([
    { id: '0', after: [], outside: [] },
    { id: '1', after: ['0'], outside: [] },
    { id: '2', after: ['0', '1'], outside: [] },
  ]);
  expect(orders({ service: ['mailer', 'worker'] })).toMatchObject([
    { id: '1', after: [], outside: ['api'] },
    { id: '2', after: ['1'], outside: ['api'] },
  ]);
});

const PLACES = `profile: main
region: eu-central-1
cluster: backend
services:
  - { service: web }
  - { service: api, region: eu-west-1 }
  - { service: api, region: us-east-1, after: [eu-west-1/api] }
  - { service: api, region: us-east-1, cluster: canary, profile: other }
environments:
  same: { region: us-east-1 }
`;

const US = { region: 'us-east-1', profile: 'main' };

test.each<[string, Partial<Sources>, readonly object[]]>([
  [
    'its own region and profile, else those of the run',
    {},
    [
      { service: 'web', place: undefined },
      { service: 'api', cluster: 'backend', place: { region: 'eu-west-1', profile: 'main' } },
      { service: 'api', cluster: 'backend', place: US, order: { after: ['1'] } },
      { service: 'api', cluster: 'canary', place: { region: 'us-east-1', profile: 'other' } },
    ],
  ],
  [
    '--region chooses among services of one name, and is that of all others',
    { flags: { region: 'us-east-1' } },
    [
      { service: 'web', place: undefined },
      { service: 'api', cluster: 'backend', place: US },
      { service: 'api', cluster: 'canary', place: { region: 'us-east-1', profile: 'other' } },
    ],
  ],
  [
    'the flags that a message prints choose one',
    { flags: { cluster: 'backend', service: ['api'], region: 'us-east-1', profile: 'main' } },
    [{ service: 'api', cluster: 'backend', place: US }],
  ],
  [
    '--service takes the names that tell services apart',
    { flags: { service: ['canary/api', 'eu-west-1/api'] } },
    [{ place: { region: 'eu-west-1' } }, { cluster: 'canary' }],
  ],
  [
    'a variable is stronger than the file, for all services',
    { environment: { ECSDEPLOY_REGION: 'ap-south-1', ECSDEPLOY_SERVICE: 'web' } },
    [{ service: 'web', place: undefined }],
  ],
  [
    'the section of an environment is the run, where the file lists the services',
    { flags: { environment: 'same', service: ['web', 'us-east-1/api'] } },
    [
      { service: 'web', place: undefined },
      { service: 'api', cluster: 'backend', place: US },
      { service: 'api', cluster: 'canary', place: { region: 'us-east-1', profile: 'other' } },
    ],
  ],
])('the place of a service: %s', (_, sources, expected) => {
  const { targets } = resolveIn({ '.ecsdeployrc': PLACES }, sources);
  expect(targets).toHaveLength(expected.length);
  expect(targets).toMatchObject(expected);
});

test('places that make no sense are refused', () => {
  const services = (...entries: readonly string[]) => ({
    '.ecsdeployrc': `services:\n${entries.map((entry) => `  - { ${entry} }\n`).join('')}`,
  });
  const two = ['service: api, region: eu-west-1', 'service: api, region: us-east-1'];
  expect(problemsOf(services(...two), { flags: { region: 'eu-central-1' } })).toBe(
    '--region: several entries of "services" would be the same service api',
  );
  expect(problemsOf(services("service: api, profile: ''"))).toBe(
    'the "profile" of the service "api" is empty: name one, or leave the key out',
  );
  const release = {
    '.ecsdeployrc': `${services(...two)['.ecsdeployrc']}release: [{ command: a, service: api }]\n`,
  };
  expect(problemsOf(release)).toBe(
    '.ecsdeployrc:4: the service "api" of a release task is in "services" 2 times: name one of eu-west-1/api, us-east-1/api',
  );
});

test('a service of several clusters comes after that of one of them, or of all others', () => {
  const { targets } = resolveIn({
    '.ecsdeployrc': `services:
  - { service: api, cluster: eu }
  - { service: api, cluster: us, after: [api] }
  - { service: web, cluster: us, after: [us/api] }
`,
  });
  expect(targets.map(({ order }) => order?.after)).toEqual([[], ['0'], ['1']]);
});

test('every mistake in the order is reported with its line', () => {
  const file = `services:
  - { service: api, after: [mailer] }
  - { service: worker, after: [worker, wrker] }
  - { service: mailer, after: [web] }
  - { service: web, after: [api] }
`;
  expect(problemsOf({ '.ecsdeployrc': file })).toMatchInlineSnapshot(`
    ".ecsdeployrc:3: "after": "worker" cannot come after itself
    .ecsdeployrc:3: "after": "wrker" is not in "services" (did you mean "worker"? services that exist: api, worker, mailer, web)
    .ecsdeployrc:2: "after" has a cycle: api comes after mailer, mailer comes after web, web comes after api"
  `);
  expect(problemsOf({ '.ecsdeployrc': 'service: api\nafter: [web]' })).toContain(
    '.ecsdeployrc:2: unknown key "after"',
  );
});

const IMAGES = `cluster: backend
platform: linux/arm64
build: { args: { BASE: "1" }, before: [make] }
images:
  api: { repository: shop/api, context: services/api, paths: [services/api, libs], args: { API: a } }
  web: { repository: shop/web, dockerfile: web/Dockerfile, platform: linux/amd64 }
services:
  - { service: api, image: api }
  - { service: worker, image: api }
  - { service: web, image: web }
environments:
  prod: { images: { api: { args: { API: b } } } }
`;

test('an image has the settings of the file, overridden by its own and by those of the environment', () => {
  const files = { '.ecsdeployrc': IMAGES };
  const { folder, images, targets } = resolveIn(files, { flags: { environment: 'prod' } });
  expect(targets.map(({ imageName }) => imageName)).toEqual(['api', 'api', 'web']);
  expect(images).toMatchObject([
    {
      name: 'api',
      repository: 'shop/api',
      platform: 'linux/arm64',
      context: join(folder, 'services/api'),
      dockerfile: join(folder, 'services/api/Dockerfile'),
      paths: [join(folder, 'services/api'), join(folder, 'libs')],
      args: { BASE: '1', API: 'b' },
      before: ['make'],
    },
    {
      name: 'web',
      platform: 'linux/amd64',
      context: folder,
      dockerfile: join(folder, 'web/Dockerfile'),
      paths: undefined,
      args: { BASE: '1' },
    },
  ]);
  const chosen = resolveIn(files, { flags: { service: ['worker'], dockerfile: 'D' } });
  expect(chosen.images).toMatchObject([
    { name: 'api', dockerfile: join(folder, 'D').replace(folder, chosen.folder) },
  ]);
  expect(resolveIn({ '.ecsdeployrc': 'service: api' }).images).toMatchObject([{ name: undefined }]);
});

test('all problems of images are told at once, each with its line', () => {
  const files = {
    '.ecsdeployrc': `cluster: backend
images:
  api: { repository: shop, dokerfile: x }
  web: { repository: shop }
  job: shop
services:
  - { service: api, image: aip }
  - { service: web }
  - { service: job, image: [] }
`,
  };
  expect(problemsOf(files)).toMatchInlineSnapshot(`
    ".ecsdeployrc:3: unknown key "dokerfile" (did you mean "dockerfile"? keys that exist: repository, extraTags, platform, context, dockerfile, target, args, labels, contexts, allow, …)
    .ecsdeployrc:5: the image "job" must hold keys and values
    .ecsdeployrc:9: "image" must be the name of one of "images"
    .ecsdeployrc:7: "image": "aip" is not in "images" (did you mean "api"? images that exist: api, web)
    .ecsdeployrc:8: the service "web" needs the key "image": api or web
    .ecsdeployrc:9: the service "job" needs the key "image": api or web"
  `);
  const shared = IMAGES.replaceAll(/shop\/\w+/g, 'shop').replace('shop,', 'shop, extraTags: [v1],');
  expect(problemsOf({ '.ecsdeployrc': shared }, { flags: { tag: 'v1', target: 'prod' } }))
    .toMatchInlineSnapshot(`
      "--target is for one image, but there are 2 (api, web): choose the services of one with --service
      --tag: the images "api" and "web" would both be shop:v1"
    `);
  expect(problemsOf({ '.ecsdeployrc': 'service: api\nimage: api\n' })).toMatchInlineSnapshot(
    `".ecsdeployrc:1: "image" is the name of one of "images", which are not there (an image that exists: --image api)"`,
  );
  expect(problemsOf({ '.ecsdeployrc': 'service: api\nimages: []\n' })).toMatchInlineSnapshot(
    `".ecsdeployrc:2: "images" must hold a section for each name, such as { api: { context: api } }"`,
  );
});
