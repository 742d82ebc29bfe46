import { request } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { startDockerEngine } from '../../src/sandbox/docker-engine.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';

/** Status of the answer to a request with these headers. */
function ask(url: string, headers: Record<string, string>, body = ''): Promise<number> {
  return new Promise((resolve, reject) => {
    request(url, { method: 'POST', headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .once('error', reject)
      .end(body);
  });
}

const TOKEN = { 'x-amz-target': 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken' };

test.each([
  [200, { host: 'localhost:4566' }],
  [200, { host: '[::1]:4566' }],
  [200, { host: 'host.docker.internal' }],
  [200, { origin: 'http://localhost:3000' }],
  [403, { host: 'rebound.example.com' }],
  [403, { host: '127.0.0.1.example.com' }],
  [403, { host: 'localhost:x' }],
  [403, { origin: 'https://example.com' }],
  [403, { origin: 'https://page.s3.amazonaws.com' }],
  [200, { host: 'ecs.ap-northeast-2.amazonaws.com' }],
  [403, { origin: 'null' }],
  [403, { 'sec-fetch-site': 'cross-site' }],
])('status %d for a request with %j', async (status, headers) => {
  const [sandbox, engine] = await Promise.all([startSandbox({ speed: 1000 }), startDockerEngine()]);
  onTestFinished(async () => {
    await Promise.all([sandbox.close(), engine.close()]);
  });
  expect(await ask(sandbox.url, { ...headers, ...TOKEN })).toBe(status);
  // The registry and the stand-in for Docker listen to the same ones: they ask for a login, or build.
  expect(await ask(`${sandbox.url}/v2/`, headers)).toBe(status === 200 ? 401 : 403);
  const build = `${engine.url.replace('tcp:', 'http:')}/build`;
  expect(await ask(build, headers)).toBe(status);
});

test('a call that is too large is refused, and one that is no JSON', async () => {
  const { url, close } = await startSandbox({ speed: 1000 });
  onTestFinished(close);
  expect(await ask(url, { ...TOKEN, 'content-length': String(33 * 2 ** 20) })).toBe(413);
  expect(await ask(url, TOKEN, '{')).toBe(400);
  expect(await ask(`${url}/schedules/%`, {}, '{}')).toBe(400);
  expect(await ask(`${url}/v2/%/manifests/%`, {}, '')).toBe(401);
});
