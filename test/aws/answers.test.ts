import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DescribeServicesCommand, UpdateServiceCommand } from '@aws-sdk/client-ecs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ecsClient, logsClient } from '../../src/aws/client.ts';
import { isDefinite, isPassing } from '../../src/aws/errors.ts';
import { download } from '../../src/aws/http.ts';
import { EcsDeployError } from '../../src/errors.ts';
import { connectTo } from '../support/aws.ts';
import { makeFolder } from '../support/files.ts';

const JSON_TYPE = 'Content-Type: application/x-amz-json-1.1\r\n';
const WHOLE = '{"services":[],"failures":[],"service":{"serviceName":"app"}}';

function answer(status: string, body: string, headers = JSON_TYPE): string {
  return `HTTP/1.1 ${status}\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

function exception(status: string, name: string): string {
  return answer(status, JSON.stringify({ __type: name, message: `${name} it is` }));
}

type Mode = (socket: Socket) => void;

const end =
  (text: string | Buffer): Mode =>
  (socket) =>
    socket.end(text);

/** Ways to answer a call, as a broken network or a proxy does. */
const MODES = {
  reset: (socket) => socket.resetAndDestroy(),
  cut: end(`HTTP/1.1 200 OK\r\n${JSON_TYPE}Content-Length: 100\r\n\r\n{"services":[`),
  'cut-open': end(`HTTP/1.1 200 OK\r\n${JSON_TYPE}Connection: close\r\n\r\n{"services":[`),
  'cut-chunk': end(`HTTP/1.1 200 OK\r\n${JSON_TYPE}Transfer-Encoding: chunked\r\n\r\n64\r\n{"serv`),
  'no-http': end('SSH-2.0-OpenSSH_9.7\r\n'),
  'bad-version': end(answer('200 OK', WHOLE).replace('HTTP/1.1', 'HTTP/9.9')),
  zipped: (socket) => {
    const body = gzipSync(WHOLE);
    socket.write(`HTTP/1.1 200 OK\r\n${JSON_TYPE}Content-Encoding: gzip\r\n`);
    socket.write(`Content-Length: ${body.length}\r\n\r\n`);
    socket.end(body);
  },
  page: end(
    answer('200 OK', '<html>Log in to the guest network</html>', 'Content-Type: text/html\r\n'),
  ),
  '4xx-bare': end(answer('499 Gone', '')),
  '4xx-page': end(answer('403 Forbidden', '<html>blocked</html>', 'Content-Type: text/html\r\n')),
  redirect: end(answer('307 Temporary Redirect', '', 'Location: http://elsewhere.invalid/\r\n')),
  '500': end(exception('500 Internal Server Error', 'ServerException')),
  '503-page': end(
    answer('503 Service Unavailable', '<html>busy</html>', 'Content-Type: text/html\r\n'),
  ),
  '403-json': end(answer('403 Forbidden', '{"code":403,"message":"Forbidden"}')),
  '403-code': end(answer('403 Forbidden', '{"code":"403"}')),
  '400-no-name': end(answer('400 Bad Request', '{"__type":"","message":"no"}')),
  drip: (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    const timer = setInterval(() => socket.write('X-Wait: 1\r\n'), 50);
    socket.on('close', () => clearInterval(timer));
  },
  'stalled-body': (socket) =>
    void socket.write(`HTTP/1.1 200 OK\r\n${JSON_TYPE}Content-Length: 100\r\n\r\n{"services":[`),
  silent: () => {},
} satisfies Record<string, Mode>;

/** Answers every request in the given ways, the last one again and again. */
async function serve(...modes: readonly Mode[]) {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      const text = data.toString();
      if (!/^(POST|GET) /.test(text)) return;
      requests.push(text);
      modes[Math.min(requests.length, modes.length) - 1]?.(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

const open = (url: string, callTimeout?: number, profile = '') =>
  connectTo(url, { ...(callTimeout !== undefined && { callTimeout }), profile });

/** Answers that only a time limit ends; on a busy machine, any other answer can take as long. */
const ENDLESS = new Set<Mode>([MODES.drip, MODES['stalled-body'], MODES.silent]);

const READ = new DescribeServicesCommand({ cluster: 'c', services: ['app'] });
const WRITE = new UpdateServiceCommand({ cluster: 'c', service: 'app', taskDefinition: 'app:2' });

async function failureOf(mode: Mode, command: typeof READ | typeof WRITE) {
  const { url } = await serve(mode);
  const client = await ecsClient(await open(url, ENDLESS.has(mode) ? 400 : undefined), 1);
  return client.send(command as typeof READ).then(
    () => undefined,
    (error: unknown) => error,
  );
}

test.each(Object.entries(MODES))('%s: a read passes, a write is not definite', async (_, mode) => {
  const spy = vi.spyOn(console, 'warn');
  for (const command of [READ, WRITE]) {
    const error = await failureOf(mode, command);
    expect(error).toBeInstanceOf(EcsDeployError);
    const { code, message } = error as EcsDeployError;
    expect(code).toMatch(/^aws-(unreachable|answer-broken|rejected)$/);
    expect(message).not.toMatch(/\$response|hidden field/);
    expect([isPassing(error), isDefinite(error)]).toEqual([true, false]);
  }
  expect(spy).not.toHaveBeenCalled();
});

test.each([
  ['400 Bad Request', 'InvalidParameterException', 'aws-rejected'],
  ['400 Bad Request', 'ExpiredTokenException', 'credentials-expired'],
  ['400 Bad Request', 'AccessDeniedException', 'permission-denied'],
  ['400 Bad Request', 'ServiceNotFoundException', 'aws-rejected'],
  ['400 Bad Request', 'SomethingNewException', 'aws-rejected'],
])('%s %s is definite', async (status, name, code) => {
  for (const command of [READ, WRITE]) {
    const error = await failureOf(end(exception(status, name)), command);
    expect(error).toMatchObject({ code });
    expect([isPassing(error), isDefinite(error)]).toEqual([false, true]);
  }
});

test.each([
  ['a header without a body', '', 'x-amzn-errortype: AccessDeniedException\r\n'],
  ['a header on other JSON', '{}', 'x-amzn-errortype: ClientException\r\n'],
  ['the code of a gateway', '{"code":"AccessDenied","message":"blocked"}', ''],
  ['the throttling of a gateway', '{"code":"TooManyRequests","message":"slow down"}', ''],
])('%s is not definite', async (_, body, headers) => {
  const mode = end(answer('429 Too Many Requests', body, `${JSON_TYPE}${headers}`));
  expect(isDefinite(await failureOf(mode, WRITE))).toBe(false);
});

test('throttling passes, and the call is certainly not carried out', async () => {
  const error = await failureOf(end(exception('400 Bad Request', 'ThrottlingException')), WRITE);
  expect([isPassing(error), isDefinite(error)]).toEqual([true, true]);
});

test('a refusal after a lost attempt is not definite', async () => {
  const { url } = await serve(
    MODES.reset,
    end(exception('400 Bad Request', 'AccessDeniedException')),
  );
  const client = await ecsClient(await open(url));
  const error: unknown = await client.send(WRITE).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'permission-denied' });
  expect(isDefinite(error)).toBe(false);
});

test('what fails before the request is sent is definite', async () => {
  const { url, requests } = await serve(MODES.silent);
  const aws = await open(url);
  const client = await ecsClient({
    ...aws,
    credentials: () =>
      Promise.reject(Object.assign(new Error('no vault'), { name: 'CredentialsProviderError' })),
  });
  const error: unknown = await client.send(WRITE).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'credentials-missing' });
  expect([isPassing(error), isDefinite(error), requests.length]).toEqual([false, true, 0]);
});

test.each([301, 302, 303, 307, 308])('a redirect (%i) is not followed', async (status) => {
  const elsewhere = await serve(end(answer('200 OK', WHOLE)));
  const location = `Connection: close\r\nLocation: ${elsewhere.url}/\r\n`;
  const { url } = await serve(end(answer(`${status} Moved`, '', location)));
  const aws = await open(url);
  const client = await ecsClient(aws, 1);
  await expect(client.send(READ)).rejects.toBeInstanceOf(EcsDeployError);
  const { signal } = new AbortController();
  expect(await download(aws.requestHandler, `${url}/config?X-Amz-Signature=s`, signal)).toBe(
    undefined,
  );
  expect(elsewhere.requests).toEqual([]);
});

test('a closed port is no answer', async () => {
  const client = await ecsClient(await open('http://127.0.0.1:1'), 1);
  const error: unknown = await client.send(WRITE).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'aws-unreachable' });
  expect([isPassing(error), isDefinite(error)]).toEqual([true, false]);
});

test('a read is repeated after a broken answer', async () => {
  const { url, requests } = await serve(MODES.page, MODES.cut, end(answer('200 OK', WHOLE)));
  const client = await ecsClient(await open(url));
  expect((await client.send(READ)).services).toEqual([]);
  expect(requests).toHaveLength(3);
});

test('the clock of AWS is learnt once for all clients', async () => {
  const date = new Date(Date.now() + 20 * 60_000).toUTCString();
  const skewed = answer('200 OK', WHOLE, `${JSON_TYPE}Connection: close\r\nDate: ${date}\r\n`);
  const { url, requests } = await serve(end(skewed));
  const aws = await open(url);
  await (await ecsClient(aws)).send(READ);
  await (await ecsClient(aws, 1)).send(WRITE);
  const [first = 0, second = 0] = requests.map((request) => {
    const [, y, m, d, h, min, s] =
      /x-amz-date: (\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/i.exec(request) ?? [];
    return Date.parse(`${y}-${m}-${d}T${h}:${min}:${s}Z`);
  });
  expect(second - first).toBeGreaterThan(19 * 60_000);
});

test.each([
  'evil.localhost:9443/#',
  'eu-west-1.evil.io',
  'EU-WEST-1',
  'x',
  '',
  'eu-west-1\n',
  'a@eu-west-1',
  'eu-west-1#',
  'eu-west-1:80',
  'eu_west-1',
  'eu-west-1/',
  'ｅu-west-1',
  '-eu-west-1',
  'eu-west',
])('no call goes to the region %s', async (region) => {
  const aws = await open('http://127.0.0.1:1');
  await expect(logsClient(aws, region)).rejects.toMatchObject({
    code: 'task-definition-invalid',
  });
});

test.each(['notaurl', 'localhost:4566'])('the endpoint %s names its variable', async (url) => {
  await expect(open(url)).rejects.toMatchObject({
    code: 'config-invalid',
    message: `AWS_ENDPOINT_URL is not a URL: "${url}".`,
  });
});

test('the deadline also ends the calls that credentials are made of', async () => {
  const { url, requests } = await serve(MODES.silent);
  const keys = 'aws_access_key_id = AKIA\naws_secret_access_key = s\n';
  const folder = makeFolder({
    config: `[profile base]\n${keys}[profile dev]\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = base\n`,
  });
  vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'config'));
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
  const client = await ecsClient(await open(url, 200, 'dev'), 1);
  const error: unknown = await client.send(WRITE).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'aws-unreachable' });
  expect([isPassing(error), isDefinite(error)]).toEqual([true, true]);
  expect(requests[0]).toContain('Action=AssumeRole');
});

test('secrets in a text of AWS are not shown', async () => {
  const message =
    "The Canonical String should have been 'POST\n/\n\nhost:x\nx-amz-security-token:T0KEN-OF-MINE\n\nAKIDEXAMPLE' for https://h/?X-Amz-Signature=abcdef012&X-Amz-Credential=AKIDE/x";
  const body = JSON.stringify({ __type: 'InvalidSignatureException', message });
  const error = await failureOf(end(answer('403 Forbidden', body)), READ);
  expect(error).toMatchObject({ code: 'credentials-invalid' });
  expect((error as Error).message).not.toMatch(/T0KEN|abcdef012|AKIDE\//);
});
