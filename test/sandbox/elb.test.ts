import {
  DescribeListenersCommand,
  DescribeLoadBalancersCommand,
  DescribeRulesCommand,
  DescribeTargetGroupAttributesCommand,
  DescribeTargetGroupsCommand,
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import type { TargetHealthDescription } from '@aws-sdk/client-elastic-load-balancing-v2';
import {
  DescribeContainerInstancesCommand,
  DescribeTasksCommand,
  ListContainerInstancesCommand,
  ListTasksCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeTargetGroup, timesOf } from '../../src/sandbox/ecs/target-group.ts';
import type { ScenarioName } from '../../src/sandbox/scenarios.ts';
import { accessDenied, CUT, HTML } from '../../src/sandbox/wire.ts';
import {
  GREEN_TARGET_GROUP,
  LOAD_BALANCER,
  PRODUCTION_RULE,
  TARGET_GROUP,
  TEST_HOST,
  TEST_RULE,
} from '../../src/sandbox/world.ts';
import { makeWorld } from '../support/world.ts';
import { until } from './ecs-world.ts';

async function open(scenario: ScenarioName = 'load-balancer', speed = 300) {
  const world = await makeWorld({ scenario, speed });
  const clientOf = (region: string) => {
    const client = new ElasticLoadBalancingV2Client({
      endpoint: world.sandbox.url,
      region,
      credentials: { accessKeyId: 'AKIASANDBOX', secretAccessKey: 'sandbox' },
      maxAttempts: 1,
    });
    onTestFinished(() => client.destroy());
    return client;
  };
  const client = clientOf('ap-northeast-2');
  const targets = async (TargetGroupArn = TARGET_GROUP) => {
    const command = new DescribeTargetHealthCommand({ TargetGroupArn });
    return (await client.send(command)).TargetHealthDescriptions ?? [];
  };
  /** Starts tasks of a new revision, which the faults of the scenario strike. */
  const move = async () => {
    const rendered = await world.run(['render', '--set-env', 'A=b']);
    const registered = await world.run(['register'], { stdin: rendered.stdout });
    await world.ecs.send(
      new UpdateServiceCommand({
        cluster: 'backend',
        service: 'hyeon9mak-service-dev',
        taskDefinition: registered.stdout.trim(),
      }),
    );
  };
  return { world, client, clientOf, targets, move };
}

const stateOf = ({ TargetHealth }: TargetHealthDescription) => TargetHealth?.State;

describe('when a target is healthy', () => {
  const group = makeTargetGroup('arn', {
    interval: 10,
    unhealthyThreshold: 2,
    healthyThreshold: 3,
  });

  test.each([
    ['answers at once: after one check', 0, { healthy: 10, unhealthy: Infinity }],
    ['fails one check', 15, { healthy: 20, unhealthy: Infinity }],
    ['fails two: then needs three in a row', 25, { healthy: 50, unhealthy: 20 }],
    ['never answers', Infinity, { healthy: Infinity, unhealthy: 20 }],
  ])('that %s', (_, readyAfter, times) => {
    expect(timesOf(group, readyAfter)).toEqual(times);
  });
});

test('the start world: a load balancer, its listener, rules and target groups', async () => {
  const { client, targets } = await open();
  const { TargetGroups } = await client.send(
    new DescribeTargetGroupsCommand({ TargetGroupArns: [TARGET_GROUP] }),
  );
  expect(TargetGroups).toMatchObject([
    {
      TargetGroupArn: TARGET_GROUP,
      TargetGroupName: 'hyeon9mak-dev',
      TargetType: 'ip',
      HealthCheckEnabled: true,
      HealthCheckPath: '/health',
      HealthCheckIntervalSeconds: 10,
      HealthyThresholdCount: 2,
      Matcher: { HttpCode: '200' },
      LoadBalancerArns: [LOAD_BALANCER],
    },
  ]);
  const { Attributes } = await client.send(
    new DescribeTargetGroupAttributesCommand({ TargetGroupArn: TARGET_GROUP }),
  );
  expect(Attributes).toContainEqual({ Key: 'deregistration_delay.timeout_seconds', Value: '20' });
  const { LoadBalancers } = await client.send(new DescribeLoadBalancersCommand({}));
  expect(LoadBalancers).toMatchObject([
    { DNSName: expect.stringMatching(/^backend-.*elb\.amazonaws\.com$/) as string },
  ]);
  const { Listeners } = await client.send(
    new DescribeListenersCommand({ LoadBalancerArn: LOAD_BALANCER }),
  );
  expect(Listeners).toMatchObject([{ Port: 80, Protocol: 'HTTP' }]);
  expect(await targets()).toMatchObject(
    Array.from({ length: 2 }, () => ({
      Target: { Port: 8080, AvailabilityZone: 'ap-northeast-2a' },
      HealthCheckPort: '8080',
      TargetHealth: { State: 'healthy' },
    })),
  );
  expect(await targets(GREEN_TARGET_GROUP)).toEqual([]);
});

test('lists have pages', async () => {
  const { client } = await open();
  const first = await client.send(new DescribeTargetGroupsCommand({ PageSize: 1 }));
  const second = await client.send(
    new DescribeTargetGroupsCommand({ PageSize: 1, Marker: first.NextMarker }),
  );
  const names = [first, second].flatMap(({ TargetGroups = [] }) =>
    TargetGroups.map(({ TargetGroupName }) => TargetGroupName),
  );
  expect(names).toEqual(['hyeon9mak-dev', 'hyeon9mak-green']);
  expect(second.NextMarker).toBeUndefined();
});

test('errors are XML with the codes of ELB', async () => {
  const { world, client, clientOf, targets } = await open();
  const missing = { name: 'TargetGroupNotFoundException', message: /target groups not found/ };
  await expect(targets(`${TARGET_GROUP}x`)).rejects.toMatchObject({ name: missing.name });
  await expect(
    clientOf('us-east-1').send(new DescribeTargetHealthCommand({ TargetGroupArn: TARGET_GROUP })),
  ).rejects.toMatchObject({ name: missing.name });
  expect(await clientOf('us-east-1').send(new DescribeLoadBalancersCommand({}))).toMatchObject({
    LoadBalancers: [],
  });
  await expect(
    client.send(new DescribeRulesCommand({ RuleArns: ['arn:x'] })),
  ).rejects.toMatchObject({ name: 'RuleNotFoundException' });
  await expect(
    client.send(new DescribeListenersCommand({ ListenerArns: ['arn:x'] })),
  ).rejects.toMatchObject({ name: 'ListenerNotFoundException' });
  await expect(
    client.send(new DescribeLoadBalancersCommand({ LoadBalancerArns: ['arn:x'] })),
  ).rejects.toMatchObject({ name: 'LoadBalancerNotFoundException' });
  await expect(client.send(new DescribeTargetGroupsCommand({ Marker: 'x' }))).rejects.toMatchObject(
    { name: 'ValidationError' },
  );
  const action = 'elasticloadbalancing:DescribeTargetHealth';
  world.sandbox.fail(action, accessDenied(action, '111122223333'), 1);
  await expect(targets()).rejects.toMatchObject({
    name: 'AccessDenied',
    message: expect.stringContaining(`not authorized to perform: ${action}`) as string,
  });
  for (const fault of [CUT, HTML]) {
    world.sandbox.fail(action, fault, 1);
    await expect(targets()).rejects.toThrow(
      /socket hang up|Unknown|Unexpected|xml|ECONNRESET|char/i,
    );
  }
  const post = (body: string) =>
    fetch(world.sandbox.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization:
          'AWS4-HMAC-SHA256 Credential=A/20260101/ap-northeast-2/elasticloadbalancing/aws4_request',
      },
      body,
    });
  for (const name of ['CreateRule', 'toString']) {
    const answer = await post(`Action=${name}&Version=2015-12-01`);
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toBe('text/xml');
    expect(await answer.text()).toMatch(
      /^<ErrorResponse xmlns="[^"]*2015-12-01\/"><Error><Type>Sender<\/Type><Code>InvalidAction<\/Code>/,
    );
  }
});

test('a target lives with its task: initial, healthy, draining, gone', async () => {
  const { targets, move } = await open('load-balancer', 60);
  const old = new Set((await targets()).map(({ Target }) => Target?.Id));
  await move();
  const seen = new Map<string, string>();
  await until(
    async () => {
      const found = await targets();
      for (const target of found) {
        const age = old.has(target.Target?.Id) ? 'old' : 'new';
        seen.set(`${age} ${stateOf(target)}`, target.TargetHealth?.Reason ?? '');
      }
      return found;
    },
    (found) => found.length === 2 && found.every(({ Target }) => !old.has(Target?.Id)),
  );
  expect(Object.fromEntries(seen)).toMatchObject({
    'new initial': expect.stringMatching(/^Elb\./) as string,
    'new healthy': '',
    'old healthy': '',
    'old draining': 'Target.DeregistrationInProgress',
  });
});

test.each<[ScenarioName, object]>([
  [
    'zone-not-enabled',
    {
      Target: { AvailabilityZone: 'ap-northeast-2c' },
      TargetHealth: { State: 'unused', Reason: 'Target.NotInUse' },
    },
  ],
  ['no-listener-rule', { TargetHealth: { State: 'unused', Reason: 'Target.NotInUse' } }],
  ['grace-period', { TargetHealth: { State: 'unhealthy', Reason: 'Target.FailedHealthChecks' } }],
])('%s', async (scenario, expected) => {
  const { targets, move } = await open(scenario, 60);
  await move();
  const found = await until(targets, (all) =>
    all.some((target) => ['unused', 'unhealthy'].includes(stateOf(target) ?? '')),
  );
  expect(found).toContainEqual(
    expect.objectContaining({ TargetHealth: expect.anything() as object }),
  );
  expect(
    found.find((target) => ['unused', 'unhealthy'].includes(stateOf(target) ?? '')),
  ).toMatchObject(expected);
});

test('on EC2 a target is the instance of a task and the host port of its container', async () => {
  const { world, targets } = await open('instance-targets');
  const cluster = 'backend';
  const { taskArns } = await world.ecs.send(new ListTasksCommand({ cluster }));
  const { tasks = [] } = await world.ecs.send(
    new DescribeTasksCommand({ cluster, tasks: taskArns }),
  );
  expect(tasks).toMatchObject([{ launchType: 'EC2', attachments: [] }, { launchType: 'EC2' }]);
  const { containerInstanceArns } = await world.ecs.send(
    new ListContainerInstancesCommand({ cluster }),
  );
  expect(containerInstanceArns).toEqual([tasks[0]?.containerInstanceArn]);
  const { containerInstances = [], failures } = await world.ecs.send(
    new DescribeContainerInstancesCommand({
      cluster,
      containerInstances: [...(containerInstanceArns ?? []), 'none'],
    }),
  );
  expect(containerInstances).toMatchObject([{ containerInstanceArn: containerInstanceArns?.[0] }]);
  expect(failures).toMatchObject([{ reason: 'MISSING' }]);
  const ports = tasks.flatMap(
    ({ containers = [] }) => containers[0]?.networkBindings?.map(({ hostPort }) => hostPort) ?? [],
  );
  expect(new Set(ports).size).toBe(2);
  const Id = containerInstances[0]?.ec2InstanceId;
  expect((await targets()).map(({ Target }) => Target)).toMatchObject(
    ports.map((Port) => ({ Id, Port })),
  );
});

test('a production rule follows the traffic to the other target group', async () => {
  const { client, move } = await open('blue-green', 200);
  const weights = async (rule = PRODUCTION_RULE) => {
    const { Rules } = await client.send(new DescribeRulesCommand({ RuleArns: [rule] }));
    const groups = Rules?.[0]?.Actions?.[0]?.ForwardConfig?.TargetGroups ?? [];
    return Object.fromEntries(groups.map(({ TargetGroupArn, Weight }) => [TargetGroupArn, Weight]));
  };
  expect(await weights()).toEqual({ [TARGET_GROUP]: 100 });
  const { Rules } = await client.send(new DescribeRulesCommand({ RuleArns: [TEST_RULE] }));
  expect(Rules).toMatchObject([
    { Conditions: [{ Field: 'host-header', HostHeaderConfig: { Values: [TEST_HOST] } }] },
  ]);
  await move();
  await until(
    () => weights(TEST_RULE),
    (now) => now[GREEN_TARGET_GROUP] === 100,
  );
  await until(
    () => weights(),
    (now) => now[GREEN_TARGET_GROUP] === 100,
  );
});
