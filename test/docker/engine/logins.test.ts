import { expect, test } from 'vitest';
import { userLogin } from '../../../src/docker/engine/logins.ts';
import { makeFolder } from '../../support/files.ts';

const encoded = (text: string) => Buffer.from(text).toString('base64');

/** The environment of a user with this config.json. */
function environmentWith(config: unknown): { DOCKER_CONFIG: string } {
  return { DOCKER_CONFIG: makeFolder({ 'config.json': JSON.stringify(config) }) };
}

test('a login is found under the names that Docker stores it by', async () => {
  const environment = environmentWith({
    auths: {
      'https://index.docker.io/v1/': { auth: encoded('hub:a:b') },
      'https://registry.example.com/': { auth: encoded('me:secret') },
      'token.example.com': { auth: encoded('ignored:x'), identitytoken: 'token' },
      'empty.example.com': {},
    },
  });
  const login = (host: string) => userLogin(environment, host);
  expect(await login('docker.io')).toEqual({ username: 'hub', password: 'a:b' });
  expect(await login('registry-1.docker.io')).toEqual({ username: 'hub', password: 'a:b' });
  expect(await login('registry.example.com')).toEqual({ username: 'me', password: 'secret' });
  expect(await login('token.example.com')).toEqual({ username: '<token>', password: 'token' });
  expect(await login('empty.example.com')).toBeUndefined();
  expect(await login('unknown.example.com')).toBeUndefined();
});

test('DOCKER_AUTH_CONFIG comes first, a missing helper is skipped', async () => {
  const environment = {
    ...environmentWith({
      auths: { 'a.example': { auth: encoded('file:x') }, 'b.example': { auth: encoded('file:y') } },
      credsStore: 'ecsdeploy-test-missing',
    }),
    DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { 'a.example': { auth: encoded('env:z') } } }),
  };
  expect(await userLogin(environment, 'a.example')).toEqual({ username: 'env', password: 'z' });
  expect(await userLogin(environment, 'b.example')).toEqual({ username: 'file', password: 'y' });
});

test('there is no login without a config, and a broken one is an error', async () => {
  expect(await userLogin({ DOCKER_CONFIG: '/nowhere' }, 'a.example')).toBeUndefined();
  const broken = { DOCKER_CONFIG: makeFolder({ 'config.json': '{' }) };
  await expect(userLogin(broken, 'a.example')).rejects.toMatchObject({
    code: 'docker-unsuitable',
    hint: 'fix config.json in ~/.docker (or DOCKER_CONFIG), or DOCKER_AUTH_CONFIG',
  });
});
