import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { awsFault } from '../../src/sandbox/wire.ts';
import type { CliEnd } from '../support/cli.ts';
import { makeFolder } from '../support/files.ts';
import { expectInert, MARKER, PLANTED, SECRET, SECRETS } from '../support/hostile.ts';
import { httpProxy } from '../support/proxies.ts';
import { CONFIG, DOCKERFILE, makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

/** Members of answers of AWS that hold texts of others, and what is kept in front of ours. */
const TEXTS = /^(?:message|stoppedReason|reason|statusReason|rolloutStateReason)$/;

/** An answer of AWS with hostile text in every free text, in tags, and in an environment variable. */
function plant(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plant);
  if (value === null || typeof value !== 'object') return value;
  const planted = Object.entries(value).map(([key, member]: [string, unknown]) => {
    if (typeof member === 'string' && TEXTS.test(key)) return [key, `${member} ${PLANTED}`];
    if (key === 'tags' && Array.isArray(member))
      // AWS takes up to 256 characters.
      return [key, [...member, { key: 'note', value: PLANTED.slice(0, 256) }]];
    if (key === 'environment' && Array.isArray(member))
      return [key, [...member, { name: `NOTE_${MARKER}\u001B[2J`, value: PLANTED }]];
    return [key, plant(member)];
  });
  return Object.fromEntries(planted) as unknown;
}

/** An address of AWS whose answers are planted, in front of a sandbox. */
async function hostileAws({ sandbox }: World): Promise<string> {
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { 'content-length': _length, host: _host, ...headers } = request.headers;
    const real = await fetch(`${sandbox.url}${request.url}`, {
      method: request.method ?? 'POST',
      headers: headers as Record<string, string>,
      body: await readAll(request),
    });
    const body = await real.text();
    const type = real.headers.get('content-type') ?? '';
    response.writeHead(real.status, { 'content-type': type });
    response.end(type.includes('json') ? JSON.stringify(plant(JSON.parse(body))) : body);
  };
  const host = await httpProxy({ host: new URL(sandbox.url).host }, (request, response) => {
    void answer(request, response);
    return true;
  });
  return `http://${host}`;
}

interface Variant {
  readonly github: boolean;
  readonly flags?: readonly string[];
}
const VARIANTS: readonly Variant[] = [
  { github: false },
  { github: true },
  { github: true, flags: ['--json'] },
  { github: false, flags: ['--progress', 'json'] },
  { github: true, flags: ['--quiet'] },
];

/** Runs a command and expects that its streams and files hold nothing hostile; returns its end. */
async function runInert(
  world: World,
  args: readonly string[],
  { github, flags = [] }: Variant,
  environment: Readonly<Record<string, string>> = {},
  asksForValues = false,
): Promise<CliEnd> {
  const folder = makeFolder({ output: '', summary: '' });
  const [output, summary] = [join(folder, 'output'), join(folder, 'summary')];
  const end = await world.run([...args, ...flags], {
    environment: {
      ...environment,
      ...(github && {
        GITHUB_ACTIONS: 'true',
        CI: 'true',
        GITHUB_OUTPUT: output,
        GITHUB_STEP_SUMMARY: summary,
      }),
    },
  });
  for (const text of [end.stdout, end.stderr, readFileSync(summary, 'utf8')]) {
    expectInert(asksForValues ? text.replaceAll(SECRET, '') : text, { github });
  }
  expectInert(readFileSync(output, 'utf8'), {});
  return end;
}

/** Commands that read what AWS says, and whether they show texts of others after a failed deploy. */
const READERS: readonly (readonly [args: readonly string[], shows: boolean])[] = [
  [['deploy', '--tag', 'a1'], true],
  [['status'], true],
  [['diagnose'], true],
  [['logs', '-n', '100'], true],
  [['verify', '--tag', 'a1'], false],
  [['rollout', 'hyeon9mak-task-dev:2'], true],
  [['rollback'], false],
  [['render', '--task-definition', 'plain.json', '--diff', '--show-values'], true],
];

test.each(VARIANTS)('texts of AWS reach no stream and no file raw: %j', async (variant) => {
  const container = { name: 'hyeon9mak-container', image: 'example/app:1' };
  const plain = { family: 'hyeon9mak-task-dev', containerDefinitions: [container] };
  const world = await makeWorld({
    scenario: 'crash',
    files: { 'plain.json': JSON.stringify(plain) },
  });
  const environment = { AWS_ENDPOINT_URL: await hostileAws(world) };
  for (const [args, shows] of READERS) {
    const isRender = args[0] === 'render';
    const end = await runInert(world, args, variant, environment, isRender);
    expect([args[0], end.status === 1]).toEqual([args[0], false]);
    const isShown = (end.stdout + end.stderr).includes(MARKER);
    const mustBe = variant.flags === undefined && shows;
    expect([args[0], isShown || !mustBe]).toEqual([args[0], true]);
  }
});

const COMMANDS = [
  ['status'],
  ['diagnose'],
  ['logs'],
  ['verify', '--tag', 'a1'],
  ['render', '--image', 'example/app:1', '--diff'],
  ['rollout', '--force', '--no-wait'],
  ['rollback'],
  ['push', '--tag', 'a1'],
  ['deploy', '--tag', 'a2'],
];

test.each(COMMANDS)('an error of AWS at any call of %s shows nothing raw', async (...args) => {
  const world = await makeWorld();
  await world.run(args);
  const actions = [...new Set(world.sandbox.calls.map(({ action }) => action))];
  expect(actions.length).toBeGreaterThan(1);
  let shown = 0;
  for (const [index, action] of actions.entries()) {
    const names = [
      'InvalidSignatureException',
      'InvalidParameterException',
      'AccessDeniedException',
    ];
    const name = names[index % names.length] ?? '';
    world.sandbox.fail(action, awsFault(name, PLANTED), 1);
    const end = await runInert(world, args, VARIANTS[index % VARIANTS.length] ?? { github: true });
    expect([action, end.status === 1]).toEqual([action, false]);
    if ((end.stdout + end.stderr).includes(MARKER)) shown += 1;
  }
  expect(shown).toBeGreaterThan(0);
});

/** A daemon whose answers to some requests are hostile, in front of the stand-in of a world. */
async function hostileDaemon(world: World, path: RegExp, answer: string, status = 200) {
  const upstream = { host: new URL(world.docker.replace('tcp:', 'http:')).host };
  const host = await httpProxy(upstream, (request, response) => {
    if (!path.test(request.url ?? '')) return false;
    // The upload has to end: the client's request would outlive the answer.
    request.resume().on('end', () => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(answer);
    });
    return true;
  });
  return `tcp://${host}`;
}

test.each([
  [
    'a build that fails',
    /\/build\?/,
    `${JSON.stringify({ stream: `${PLANTED}\n` })}\n${JSON.stringify({ error: PLANTED })}\n`,
    200,
  ],
  ['a build that is refused', /\/build\?/, JSON.stringify({ message: PLANTED }), 500],
  ['a build that answers something else', /\/build\?/, PLANTED, 200],
  [
    'a push that fails',
    /\/push\?/,
    JSON.stringify({ errorDetail: { message: `denied: ${PLANTED}` } }),
    200,
  ],
  ['a push that is refused', /\/push\?/, JSON.stringify({ message: `denied: ${PLANTED}` }), 500],
  ['a daemon that refuses', /\/version/, JSON.stringify({ message: PLANTED }), 500],
  [
    'a daemon with another system',
    /\/version/,
    JSON.stringify({ Version: PLANTED, ApiVersion: '1.41', Os: PLANTED }),
    200,
  ],
] as const)('%s shows nothing raw', async (_, path, answer, status) => {
  const world = await makeWorld();
  const environment = { DOCKER_HOST: await hostileDaemon(world, path, answer, status) };
  for (const variant of VARIANTS.slice(0, 3)) {
    const end = await runInert(world, ['push', '--tag', 'a1'], variant, environment);
    expect([end.status, (end.stdout + end.stderr).includes(MARKER)]).toEqual([5, true]);
  }
});

test('output of build.before shows nothing raw, whether it fails or not', async () => {
  const files = { 'evil.txt': PLANTED, Dockerfile: DOCKERFILE, app: 'program' };
  for (const [command, status] of [
    ['cat evil.txt', 0],
    ['cat evil.txt >&2; exit 3', 5],
  ] as const) {
    const world = await makeWorld({
      files: { ...files, '.ecsdeployrc': `${CONFIG}build:\n  before: "${command}"\n` },
    });
    for (const [index, variant] of VARIANTS.slice(0, 3).entries()) {
      const end = await runInert(world, ['push', '--tag', `a${index}`], variant);
      expect(end.status).toBe(status);
    }
  }
});

test.each([
  ['an expired session', 'session has expired'],
  ['something else', 'no such file'],
])('the command line of credential_process is not shown with %s', async (_, reason) => {
  const helper = (secret: string) =>
    `[profile p]\nregion = ap-northeast-2\ncredential_process = /bin/sh -c 'echo "${reason}" >&2; exit 1' ${secret}\n`;
  for (const [index, secret] of [`--client-secret=${SECRET}`, `-k ${SECRET}`, SECRET].entries()) {
    const world = await makeWorld({ files: { aws: helper(secret), '.ecsdeployrc': CONFIG } });
    const environment = {
      AWS_CONFIG_FILE: join(world.folder, 'aws'),
      AWS_PROFILE: 'p',
      AWS_ACCESS_KEY_ID: '',
      AWS_SECRET_ACCESS_KEY: '',
    };
    const variant = VARIANTS[index] ?? { github: true };
    const end = await runInert(world, ['status'], variant, environment);
    expect(end.status).toBe(4);
  }
});

test('a password in the address of a daemon is not shown', async () => {
  const world = await makeWorld();
  for (const [index, address] of [
    `tcp://user:${SECRET}@127.0.0.1:1`,
    `tcp://user:p@${SECRET}@127.0.0.1:1`,
    `http://${SECRET}@127.0.0.1:1`,
    `ssh://user:${SECRET}@127.0.0.1:1`,
    `ftp://user:${SECRET}@127.0.0.1:1`,
    `tcp://user:${SECRET}@[::1]:99999`,
  ].entries()) {
    const variant = VARIANTS[index % VARIANTS.length] ?? { github: true };
    const args = ['push', '--tag', 'a1'];
    const byFlag = await runInert(world, [...args, '--docker-host', address], variant);
    const end = await runInert(world, args, variant, { DOCKER_HOST: address });
    expect([byFlag.status, end.status]).toEqual([5, 5]);
  }
});

test.each([
  'ssh://[::1%25eth0]/',
  'ssh://[::1%25eth0]:1/run/docker.sock',
  'ssh://[::1',
  'ssh://',
  'ssh://a b',
  'ssh://-oProxyCommand=x',
  'ssh://%zz@127.0.0.1:1',
  'tcp://',
  'tcp://[fe80::1%25lo]:1',
  'tcp://host:port',
  'tcp://127.0.0.1:70000',
  'http://?',
  'https://#',
])('the address %s of a daemon ends in status 5', async (address) => {
  const world = await makeWorld();
  const { status, stderr } = await world.run(['push', '--tag', 'a1', '--docker-host', address]);
  expect([status, stderr]).toEqual([5, expect.stringContaining('Docker')]);
});

test('the MFA code is not echoed while it is typed', async () => {
  const aws =
    '[profile mfa]\nregion = ap-northeast-2\nrole_arn = arn:aws:iam::111122223333:role/deploy\nsource_profile = base\nmfa_serial = arn:aws:iam::111122223333:mfa/me\u001B[2J\n[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = secret\n';
  const world = await makeWorld({ files: { aws, '.ecsdeployrc': CONFIG } });
  const { status, stdout, stderr } = await world.run(['status', '--profile', 'mfa'], {
    environment: { AWS_CONFIG_FILE: join(world.folder, 'aws') },
    answers: [[': ', '987654\n']],
  });
  expect([status, stderr]).toEqual([
    0,
    'MFA code for arn:aws:iam::111122223333:mfa/me\\x1b[2J: \n',
  ]);
  expect(stdout).not.toContain('987654');
});

test('secrets of the environment are not shown', async () => {
  const world = await makeWorld();
  const token = 'zz9-plural-z-alpha';
  world.sandbox.fail(
    'ecs:DescribeServices',
    awsFault('InvalidParameterException', `got ${token}`),
    9,
  );
  for (const { flags = [] } of VARIANTS) {
    const end = await world.run(['status', ...flags], { environment: { DEPLOY_TOKEN: token } });
    expect(end.stdout + end.stderr).toContain('[DEPLOY_TOKEN]');
    expect(end.stdout + end.stderr).not.toContain(token);
  }
});

test('each form of a secret is removed from an error by itself', async () => {
  const world = await makeWorld();
  for (const secret of SECRETS) {
    world.sandbox.fail('ecs:DescribeServices', awsFault('InvalidParameterException', secret), 1);
    const { stderr, status } = await runInert(world, ['status'], { github: true });
    expect([secret, status]).toEqual([secret, 4]);
    expect(stderr).toContain('[redacted]');
  }
});
