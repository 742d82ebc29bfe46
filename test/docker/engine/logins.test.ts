import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { proxyArguments } from '../../../src/docker/engine/docker-config.ts';
import { userLogin } from '../../../src/docker/engine/logins.ts';
import { makeFolder } from '../../support/files.ts';

const encoded = (text: string) => Buffer.from(text).toString('base64');

/** The environment of a user with this config.json. */
function environmentWith(config: unknown): { DOCKER_CONFIG: string } {
  return { DOCKER_CONFIG: makeFolder({ 'config.json': JSON.stringify(config) }) };
}

type Environment = Parameters<typeof userLogin>[0];

/** A login, and the warnings about it. */
async function find(environment: Environment, host: string, limit?: number) {
  const warnings: string[] = [];
  const login = await userLogin(environment, host, {
    signal: new AbortController().signal,
    warn: (problem) => warnings.push(problem),
    ...(limit !== undefined && { limit }),
  });
  return { login, warnings };
}

const me = (password: string, username = 'me') => ({ username, password });

test.each<[string, string, string, object, object | undefined]>([
  [
    'Docker Hub',
    'docker.io',
    'https://index.docker.io/v1/',
    { auth: encoded('me:a:b') },
    me('a:b'),
  ],
  [
    'its other name',
    'registry-1.docker.io',
    'https://index.docker.io/v1/',
    { auth: encoded('me:x') },
    me('x'),
  ],
  ['a key with a scheme', 'r.example', 'https://r.example/', { auth: encoded('me:x') }, me('x')],
  ['a key with a path', 'r.example', 'https://r.example/v2/', { auth: encoded('me:x') }, me('x')],
  ['a port', 'r.example:5000', 'r.example:5000', { auth: encoded('me:x') }, me('x')],
  ['a password with zeros', 'r.example', 'r.example', { auth: encoded('me:x\0\0') }, me('x')],
  ['plain members', 'r.example', 'r.example', { username: 'me', password: 'x' }, me('x')],
  [
    'an identity token',
    'r.example',
    'r.example',
    { auth: encoded('me:x'), identitytoken: 't' },
    me('t', '<token>'),
  ],
  ['an empty entry', 'r.example', 'r.example', {}, undefined],
  ['another host', 'other.example', 'r.example', { auth: encoded('me:x') }, undefined],
])('a login is found for %s', async (_, host, key, entry, login) => {
  const found = await find(environmentWith({ auths: { [key]: entry } }), host);
  expect(found).toEqual({ login, warnings: [] });
});

test('DOCKER_AUTH_CONFIG comes first', async () => {
  const environment = {
    ...environmentWith({ auths: { 'a.example': { auth: encoded('file:x') } } }),
    DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { 'a.example': { auth: encoded('env:z') } } }),
  };
  expect((await find(environment, 'a.example')).login).toEqual(me('z', 'env'));
});

const HELPERS: Readonly<Record<string, string>> = {
  right: `cat > "$0.asked"; echo '{"ServerURL":"r","Username":"me","Secret":"x"}'`,
  token: `echo '{"Username":"<token>","Secret":"t"}'`,
  none: 'echo credentials not found in native keychain; exit 1',
  fails: 'echo gpg: decryption failed >&2; exit 2',
  junk: `echo a line; echo '{"Username":"me","Secret":"hidden"}'`,
  hangs: 'exec sleep 60',
};

test.skipIf(process.platform === 'win32').each<[string, object | undefined, string | undefined]>([
  ['right', me('x'), undefined],
  ['token', me('t', '<token>'), undefined],
  ['none', undefined, undefined],
  ['missing', undefined, 'it is not installed, or not in PATH.'],
  ['fails', undefined, 'it ended with status 2: gpg: decryption failed.'],
  ['junk', undefined, 'its answer is not a login in JSON.'],
  ['hangs', undefined, 'it did not answer within 0.2 s.'],
])('a credential helper that is %s', async (name, login, problem) => {
  const folder = makeFolder(
    Object.fromEntries(
      Object.entries(HELPERS).map(([key, script]) => [
        `docker-credential-${key}`,
        `#!/bin/sh\n${script}\n`,
      ]),
    ),
  );
  for (const key of Object.keys(HELPERS))
    chmodSync(join(folder, `docker-credential-${key}`), 0o755);
  const before = process.env['PATH'];
  process.env['PATH'] = `${folder}:${before}`;
  try {
    const environment = environmentWith({ credHelpers: { 'r.example': name } });
    const found = await find(environment, 'r.example', name === 'hangs' ? 200 : undefined);
    const said = `The credential helper docker-credential-${name} gave no login for r.example: ${problem}`;
    expect(found).toEqual({ login, warnings: problem === undefined ? [] : [said] });
  } finally {
    process.env['PATH'] = before;
  }
});

test('there is no login without a config, and a broken one is an error', async () => {
  expect((await find({ DOCKER_CONFIG: '/nowhere' }, 'a.example')).login).toBeUndefined();
  const broken = { DOCKER_CONFIG: makeFolder({ 'config.json': '{' }) };
  await expect(find(broken, 'a.example')).rejects.toMatchObject({
    code: 'docker-unsuitable',
    hint: 'fix config.json in ~/.docker (or DOCKER_CONFIG), or DOCKER_AUTH_CONFIG',
  });
});

test('proxies of the daemon, then those of all daemons, become build arguments', () => {
  const environment = environmentWith({
    proxies: {
      default: { httpProxy: 'http://p:3128', noProxy: 'localhost', unknown: 'x' },
      'tcp://own:2375': { httpsProxy: 'http://own:3128', ftpProxy: '', allProxy: 'socks5://s' },
    },
  });
  expect(proxyArguments(environment, 'unix:///var/run/docker.sock')).toEqual({
    HTTP_PROXY: 'http://p:3128',
    http_proxy: 'http://p:3128',
    NO_PROXY: 'localhost',
    no_proxy: 'localhost',
  });
  expect(proxyArguments(environment, 'tcp://own:2375')).toEqual({
    HTTPS_PROXY: 'http://own:3128',
    https_proxy: 'http://own:3128',
    ALL_PROXY: 'socks5://s',
    all_proxy: 'socks5://s',
  });
  expect(proxyArguments({ DOCKER_CONFIG: '/nowhere' }, 'x')).toEqual({});
});
