import { expect, test } from 'vitest';
import { proxiesOf } from '../../src/aws/proxy.ts';

const ECS = 'https://ecs.eu-west-1.amazonaws.com/';

test.each<[string, string, boolean]>([
  ['', ECS, false],
  ['*', ECS, true],
  ['amazonaws.com', ECS, true],
  ['.amazonaws.com', ECS, true],
  ['*.amazonaws.com', ECS, true],
  ['AmazonAWS.com', ECS, true],
  ['example.com,amazonaws.com', ECS, true],
  ['example.com amazonaws.com', ECS, true],
  [' , ,ecs.eu-west-1.amazonaws.com', ECS, true],
  ['azonaws.com', ECS, false],
  ['logs.eu-west-1.amazonaws.com', ECS, false],
  ['amazonaws.com:443', ECS, true],
  ['amazonaws.com:8443', ECS, false],
  ['localhost:4566', 'http://localhost:4566', true],
  ['localhost:80', 'http://localhost', true],
  ['127.0.0.1', 'http://127.0.0.1:4566', true],
  ['127.0.0.1:4566', 'http://127.0.0.1:4566', true],
  ['10.0.0.0/8', 'https://10.1.2.3', true],
  ['10.0.0.0/8', 'https://11.1.2.3', false],
  ['10.0.0.0/8', ECS, false],
  ['10.0.0.0/99', 'https://10.1.2.3', false],
  ['10.0.0.0/', 'https://11.1.2.3', false],
  ['10.0.0.0/1.5', 'https://10.1.2.3', false],
  ['0.0.0.0/0', 'https://10.1.2.3', true],
  ['10.0.0.0/x', 'https://10.1.2.3', false],
  ['::1', 'http://[::1]:4566', true],
  ['[::1]', 'http://[::1]:4566', true],
  ['[::1]:4566', 'http://[::1]:4566', true],
  ['fd00::/8', 'https://[fd00:ec2::254]', true],
  ['fd00::/8', 'https://10.1.2.3', false],
])('NO_PROXY="%s" and %s', (list, target, isDirect) => {
  const proxy = { HTTPS_PROXY: 'http://proxy:3128', HTTP_PROXY: 'http://proxy:3128' };
  const findProxy = proxiesOf({ ...proxy, NO_PROXY: list });
  expect(findProxy(new URL(target)) === undefined).toBe(isDirect);
});

test.each<[Record<string, string>, string, string | undefined]>([
  [{}, ECS, undefined],
  [{ HTTPS_PROXY: 'http://a:1' }, ECS, 'http://a:1/ HTTPS_PROXY'],
  [{ https_proxy: 'http://a:1' }, ECS, 'http://a:1/ https_proxy'],
  [{ HTTPS_PROXY: 'http://a:1', https_proxy: 'http://b:1' }, ECS, 'http://b:1/ https_proxy'],
  [{ HTTPS_PROXY: 'http://a:1', https_proxy: '' }, ECS, undefined],
  [{ HTTPS_PROXY: 'http://a:1', no_proxy: '', NO_PROXY: '*' }, ECS, 'http://a:1/ HTTPS_PROXY'],
  [{ HTTP_PROXY: 'http://a:1' }, ECS, undefined],
  [{ HTTPS_PROXY: 'http://a:1' }, 'http://ecs.local', undefined],
  [{ HTTPS_PROXY: 'a:3128' }, ECS, 'http://a:3128/ HTTPS_PROXY'],
  [{ HTTPS_PROXY: ' https://a ' }, ECS, 'https://a/ HTTPS_PROXY'],
  [{ HTTPS_PROXY: 'http://[::1]:3128' }, ECS, 'http://[::1]:3128/ HTTPS_PROXY'],
])('%o: the proxy of %s is %s', (environment, target, expected) => {
  const proxy = proxiesOf(environment)(new URL(target));
  expect(proxy && `${proxy.url.href} ${proxy.variable}`).toBe(expected);
});
