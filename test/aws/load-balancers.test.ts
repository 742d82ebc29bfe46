import { expect, test } from 'vitest';
import {
  addressOf,
  readBalancerPlace,
  readDeregistrationDelay,
  readRuleAddress,
  readTargetGroups,
  readTargetHealth,
  readTraffic,
} from '../../src/aws/load-balancers.ts';
import { accessDenied } from '../../src/sandbox/wire.ts';
import {
  GREEN_TARGET_GROUP,
  LOAD_BALANCER,
  PRODUCTION_RULE,
  TARGET_GROUP,
  TEST_RULE,
} from '../../src/sandbox/world.ts';
import { connectTo } from '../support/aws.ts';
import { makeWorld } from '../support/world.ts';

const HOST = 'lb-1.r.elb.amazonaws.com';
const at = (port: number, protocol: string) => ({ host: HOST, port, protocol });

test.each<[string, Parameters<typeof addressOf>[0], ReturnType<typeof at>, string, object[]]>([
  ['a port', [], at(8443, 'HTTPS'), `https://${HOST}:8443/`, []],
  ['the usual port', [], at(443, 'HTTPS'), `https://${HOST}/`, []],
  [
    'a host and a path',
    [
      { Field: 'host-header', HostHeaderConfig: { Values: ['*.example.com', 'test.example.com'] } },
      { Field: 'path-pattern', PathPatternConfig: { Values: ['/api/*'] } },
    ],
    at(80, 'HTTP'),
    'http://test.example.com/api/',
    [],
  ],
  [
    'a host with a wildcard only, in the old form',
    [{ Field: 'host-header', Values: ['*.example.com'] }],
    at(80, 'HTTP'),
    `http://${HOST}/`,
    [],
  ],
  [
    'a header',
    [
      {
        Field: 'http-header',
        HttpHeaderConfig: { HttpHeaderName: 'X-Env', Values: ['te*', 'test'] },
      },
    ],
    at(80, 'HTTP'),
    `http://${HOST}/`,
    [{ name: 'X-Env', value: 'test' }],
  ],
  ['a Network Load Balancer', [], at(6000, 'TCP'), `${HOST}:6000`, []],
])('the address of a rule with %s', (_, conditions, listener, url, headers) => {
  expect(addressOf(conditions, listener)).toEqual({ url, headers, host: HOST });
});

test('target groups, targets, rules and the address of the test rule are read', async () => {
  const { sandbox } = await makeWorld({ scenario: 'blue-green' });
  const aws = await connectTo(sandbox.url, { region: 'ap-northeast-2' });
  const groups = await readTargetGroups(aws, [GREEN_TARGET_GROUP, TARGET_GROUP]);
  expect(groups.map(({ name }) => name)).toEqual(['hyeon9mak-green', 'hyeon9mak-dev']);
  expect(groups[1]).toEqual({
    arn: TARGET_GROUP,
    name: 'hyeon9mak-dev',
    targetType: 'ip',
    check: {
      protocol: 'HTTP',
      port: undefined,
      path: '/health',
      matcher: '200',
      interval: 10,
      timeout: 5,
      healthyThreshold: 2,
      unhealthyThreshold: 2,
    },
    deregistrationDelay: undefined,
    loadBalancers: [LOAD_BALANCER],
  });
  expect(await readDeregistrationDelay(aws, TARGET_GROUP)).toBe(20);
  expect(await readTargetHealth(aws, TARGET_GROUP)).toMatchObject([
    { port: 8080, state: 'healthy', reason: undefined, description: '' },
    { zone: 'ap-northeast-2a' },
  ]);
  expect(await readBalancerPlace(aws, LOAD_BALANCER)).toEqual({
    arn: LOAD_BALANCER,
    vpc: 'vpc-0123456789abcdef0',
    subnets: [
      { zone: 'ap-northeast-2a', subnet: 'subnet-0a' },
      { zone: 'ap-northeast-2b', subnet: 'subnet-0b' },
    ],
  });
  expect([...(await readTraffic(aws, PRODUCTION_RULE))]).toEqual([[TARGET_GROUP, 100]]);
  expect(await readRuleAddress(aws, TEST_RULE)).toEqual({
    url: 'http://test.example.com/',
    headers: [],
    host: 'backend-1234567890.ap-northeast-2.elb.amazonaws.com',
  });
});

test('a denied read names the permission', async () => {
  const { sandbox } = await makeWorld({ scenario: 'blue-green' });
  const aws = await connectTo(sandbox.url, { region: 'ap-northeast-2' });
  const action = 'elasticloadbalancing:DescribeRules';
  sandbox.fail(action, accessDenied(action, '111122223333'));
  await expect(readRuleAddress(aws, TEST_RULE)).rejects.toMatchObject({
    code: 'permission-denied',
    hint: expect.stringContaining(`"Action": "${action}"`) as string,
  });
});
