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
    .ecsdeployrc:1: unknown key "clutser" (did you mean "cluster"? keys that exist: profile, region, repository, extraTags, platform, release, timeout, poll, maxFailures, onFailure, …)
    .ecsdeployrc:2: "platform": must be one of linux/amd64, linux/arm64, not "linux/386"
    .ecsdeployrc:3: "timeout": "30" needs a unit: write 30s or 30m
    .ecsdeployrc:5: unknown key "dokerfile" (did you mean "dockerfile"? keys that exist: context, dockerfile, target, args, secrets, ssh, before)
    .ecsdeployrc:6: "build.args": must be KEY=VALUE, not "1"
    .ecsdeployrc:8: an entry of "services" needs the key "service"
    .ecsdeployrc:9: unknown key "setenv" (did you mean "setEnv"? keys that exist: service, cluster, container, taskDefinition, setEnv, setSecrets, unsetEnv, containerImages)
    .ecsdeployrc:11: unknown key "regoin" (did you mean "region"? keys that exist: profile, region, repository, extraTags, platform, release, timeout, poll, maxFailures, onFailure, …)
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
