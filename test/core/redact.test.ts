import { expect, test } from 'vitest';
import { redactor } from '../../src/core/redact.ts';

test.each([
  ['authorization: Basic QVdTOnBhc3N3b3Jk', 'authorization: [redacted]'],
  ['key AKIAIOSFODNN7EXAMPLE is wrong', 'key [access key] is wrong'],
  ['GET https://me:hunter2@registry.example/v2/', 'GET https://[redacted]@registry.example/v2/'],
  ['{"password": "hunter2", "user": "me"}', '{"password": "[redacted]", "user": "me"}'],
  ['?api_key=0123&page=2', '?api_key=[redacted]&page=2'],
  ['npm_0123456789abcdefghij', '[token]'],
  ['ghp_0123456789abcdefghij', '[token]'],
  ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl', '[token]'],
])('%s', (text, clean) => {
  expect(redactor({})(text)).toBe(clean);
});

/** What a text of AWS, a registry, a provider or a tool can quote, with S3CRET-0123456789 as secret. */
const SECRET = 'S3CRET-0123456789';
test.each([
  `x-amz-security-token:${SECRET}\n\nhost;x-amz-date`,
  `Authorization: AWS4-HMAC-SHA256 Credential=AKIA/20260101, Signature=${SECRET}`,
  `"Authorization":"Bearer ${SECRET}"`,
  `proxy-authorization: Basic ${SECRET}`,
  `got Bearer ${SECRET} from the registry`,
  `https://bucket.s3.amazonaws.com/a?X-Amz-Credential=${SECRET}&X-Amz-Signature=${SECRET}`,
  `https://b/a?X-Amz-Security-Token=${SECRET}&X-Amz-Date=1`,
  `tool --client-secret=${SECRET} --quiet`,
  `tool --password ${SECRET}`,
  `aws_secret_access_key = ${SECRET}`,
  `{"SecretAccessKey":"${SECRET}"}`,
  `"{\\"sessionToken\\":\\"${SECRET}\\"}"`,
  `DB_PASSWORD='my ${SECRET}'`,
  `{"auths":{"r.example":{"auth":"${SECRET}"}}}`,
  `tcp://user:${SECRET}@host:2375`,
  `tcp://user:a@b/${SECRET}@host:2375`,
  `ssh://user:${SECRET}@host`,
  `https://${SECRET}@github.com/a/b.git`,
  `https://u:${SECRET}@x@host/`,
  `password: ${SECRET}`,
  `token:${SECRET}`,
  `Cookie: session=${SECRET}`,
  `-----BEGIN RSA PRIVATE KEY-----\n${SECRET}\n-----END RSA PRIVATE KEY-----`,
  `-----BEGIN PRIVATE KEY-----\n${SECRET}`,
])('no secret is left: %s', (text) => {
  expect(redactor({})(`before ${text} after`)).not.toContain(SECRET);
});

test.each([
  'failed to fetch oauth token: unexpected status from POST request to https://auth.docker.io/token: 401 Unauthorized',
  'pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed',
  'failed to fetch secret arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf from secrets manager',
  'ssm:/app/password cannot be read: AccessDeniedException: no',
  'DB_PASSWORD=arn:aws:ssm:eu-west-1:123456789012:parameter/db/password',
  'The security token included in the request is invalid.',
  'Unexpected token \'<\', "<html>" is not valid JSON',
  'no basic auth credentials',
  'check it: ssh://me@build.example:2222/run/docker.sock',
  'http://localhost:4566/ and mail me@example.com',
  'docker-image://docker.io/library/alpine:3@sha256:0123',
  'FROM docker.io/library/alpine:3@sha256:0123456789abcdef',
  'forward an ssh agent to the step: --ssh default, a secret with --secret id=npm,src=.npmrc',
  'secret npm: not found',
  '1 of 2 running, task 0123456789abcdef0123456789abcdef, commit 0123456789abcdef0123456789abcdef01234567',
  'npm_package_config_registry_host',
  'Www-Authenticate: Bearer realm="https://auth.docker.io/token",service="registry.docker.io"',
  'run: curl "https://api.example.com/?token=${{ secrets.TOKEN }}"',
])('a message without a secret stays: %s', (text) => {
  expect(redactor({})(text)).toBe(text);
});

test.each([
  'eyJ-',
  '://',
  '://a:b',
  'token=',
  'token: ',
  '"token":"',
  'authorization:',
  '--token ',
  '-----BEGIN PRIVATE KEY-----',
  'bearer ',
  'AKIA',
  'a',
  ' ',
  '\r',
])('the time for many %j is linear', (piece) => {
  const text = piece.repeat(300_000 / piece.length);
  // A quadratic time would be minutes.
  const start = process.cpuUsage();
  redactor({})(text);
  redactor({})(`token${text}`);
  expect(process.cpuUsage(start).user).toBeLessThan(10_000_000);
});

test('values of secret variables are replaced by the names, longest first', () => {
  const environment = {
    DATADOG_API_KEY: 'abc-def',
    SESSION: 'abc-def-and-more',
    HOME: '/home/me',
    TOKEN_COUNT: '123456',
    SSH_AUTH_SOCK: '/tmp/agent.1',
    DESKTOP_SESSION: 'ubuntu',
    DATABASE_URL: 'postgres-1',
  };
  const text = 'abc-def-and-more, abc-def, /home/me, 123456, /tmp/agent.1, ubuntu and postgres-1';
  expect(redactor(environment)(text)).toBe(
    '[SESSION], [DATADOG_API_KEY], /home/me, 123456, /tmp/agent.1, ubuntu and [DATABASE_URL]',
  );
});

test('values that the user asked for stay', () => {
  const data = { definition: { a: 'password=1' }, error: { message: 'password=1' } };
  expect(redactor({})(data)).toEqual({
    definition: { a: 'password=1' },
    error: { message: 'password=[redacted]' },
  });
});
