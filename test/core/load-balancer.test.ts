import { describe, expect, test } from 'vitest';
import { checkListenerRule, checkTargetGroups } from '../../src/core/balancer-checks.ts';
import { diagnoseTarget, diagnoseTask } from '../../src/core/diagnosis.ts';
import {
  addressesOf,
  countTargets,
  enoughGrace,
  explainTarget,
  failedGroup,
  isAt,
  secondsToAnswer,
  targetFailures,
  targetGroupsOf,
  unhealthyReason,
} from '../../src/core/load-balancer.ts';
import type {
  GroupHealth,
  HealthCheck,
  TargetFailure,
  TargetGroup,
  TargetHealth,
} from '../../src/core/load-balancer.ts';
import { own, service, settings } from '../support/ecs-types.ts';

const ARN = 'arn:aws:elasticloadbalancing:r:1:targetgroup/web/0a';
const GREEN = 'arn:aws:elasticloadbalancing:r:1:targetgroup/green/0b';
const BALANCER = 'arn:aws:elasticloadbalancing:r:1:loadbalancer/app/lb/1';

const CHECK: HealthCheck = {
  protocol: 'HTTP',
  port: undefined,
  path: '/health',
  matcher: '200',
  interval: 30,
  timeout: 5,
  healthyThreshold: 5,
  unhealthyThreshold: 2,
};
const group = (more: Partial<TargetGroup> = {}, check: Partial<HealthCheck> = {}): TargetGroup => ({
  arn: ARN,
  name: 'web',
  targetType: 'ip',
  check: { ...CHECK, ...check },
  deregistrationDelay: 300,
  loadBalancers: [BALANCER],
  ...more,
});
const behind = service([own()], {
  loadBalancers: [{ targetGroup: ARN, container: 'app', port: 8080 }],
  securityGroups: ['sg-1', 'sg-2'],
});
const failure = (
  reason: string | undefined,
  description: string,
  more: Partial<TargetFailure> = {},
): TargetFailure => ({
  targetGroup: ARN,
  group: group(),
  port: 8080,
  reason,
  description,
  zone: 'r-c',
  service: behind,
  startPeriod: 0,
  ...more,
});
const ELSEWHERE = 'Target is in an Availability Zone that is not enabled for the load balancer';
const subnet = (zone: string) => ({ zone: `r-${zone}`, subnet: `subnet-0${zone}` });
const place = { arn: BALANCER, vpc: 'vpc-1', subnets: [subnet('a'), subnet('b')] };
const codes = (list: string) =>
  failure('Target.ResponseCodeMismatch', `Health checks failed with these codes: [${list}]`);
const GRACE = 'aws ecs update-service --cluster backend --service api --health-check-grace-period';

test.each<[string, TargetFailure, string, readonly string[]]>([
  [
    '404',
    codes('404'),
    'the target group web expects 200 on /health; the tasks answer 404',
    [
      'the application does not have /health',
      `${ARN} --health-check-path PATH, or --matcher HttpCode=200,404`,
    ],
  ],
  ['301', codes('301'), 'the tasks answer 301', ['the application redirects /health']],
  ['401', codes('401'), 'the tasks answer 401', ['/health needs a login']],
  ['400', codes('400'), 'the tasks answer 400', ['may refuse the Host header']],
  ['418', codes('418'), 'the tasks answer 418', ['make the application answer 200 on /health']],
  [
    '502 and 503',
    codes('502, 503'),
    'the tasks answer 502, 503',
    ['ecsdeploy logs --cluster backend --service api', `more than 60s to start: ${GRACE}`],
  ],
  [
    'codes of an unknown target group',
    { ...codes('404'), group: undefined },
    'the health check of the target group web does not accept the answer of the tasks: 404',
    ['the application does not have the path of the health check', '--matcher HttpCode=404'],
  ],
  [
    'a timeout',
    failure('Target.Timeout', 'Request timed out'),
    'the tasks do not answer the health check of the target group web within 5s',
    [
      'allow port 8080 from the load balancer',
      'aws ec2 describe-security-groups --group-ids sg-1 sg-2',
      'listens on 0.0.0.0, not on 127.0.0.1, and answers /health within 5s',
      `${GRACE}-seconds 270`,
    ],
  ],
  [
    'a timeout as ECS tells it, on another port, without security groups',
    failure(undefined, 'Request timed out', {
      group: group({}, { port: 9000, path: undefined, matcher: undefined, protocol: 'TCP' }),
      service: { ...behind, securityGroups: [] },
    }),
    'within 5s',
    ['allow port 9000 from the load balancer in the security group of the tasks\n'],
  ],
  [
    'a timeout of an unknown target group',
    failure('Target.Timeout', 'Request timed out', { group: undefined }),
    'the tasks do not answer the health check of the target group web in time',
    ['if it needs more than 0s to start'],
  ],
  [
    'a timeout of an instance, on a port of its own',
    failure('Target.Timeout', 'Request timed out', {
      group: group({ targetType: 'instance' }),
      instance: 'i-0a',
    }),
    'do not answer the health check of the target group web within 5s',
    [
      'allow the host ports of the tasks (32768-65535 if they are dynamic) from the load balancer in the security group of the instances: aws ec2 describe-instances --instance-ids i-0a --query',
    ],
  ],
  [
    'a timeout of an instance, as ECS tells it',
    failure(undefined, 'Request timed out', { group: group({ targetType: 'instance' }) }),
    'within 5s',
    ['in the security group of the instances\n'],
  ],
  [
    'a refused connection',
    failure('Target.FailedHealthChecks', 'Health checks failed'),
    'the health check of the target group web cannot connect to the tasks',
    ['listens on port 8080 of 0.0.0.0', 'does not expect TLS there'],
  ],
  [
    'a refused connection as ECS tells it, with TLS',
    failure(undefined, 'Health checks failed', { group: group({}, { protocol: 'HTTPS' }) }),
    'cannot connect',
    ['and speaks TLS there'],
  ],
  [
    'a zone',
    failure('Target.NotInUse', ELSEWHERE),
    'tasks are in r-c, which is not enabled for the load balancer of the target group web',
    [`describe-load-balancers --load-balancer-arns ${BALANCER}`, 'add a subnet of that zone'],
  ],
  [
    'a zone beside those of the load balancer',
    failure('Target.NotInUse', ELSEWHERE, { place }),
    'tasks are in r-c; the load balancer of the target group web serves r-a and r-b only',
    [
      "aws ec2 describe-subnets --filters Name=vpc-id,Values=vpc-1 Name=availability-zone,Values=r-c --query 'Subnets[].SubnetId'\n",
      `aws elbv2 set-subnets --load-balancer-arn ${BALANCER} --subnets subnet-0a subnet-0b SUBNET\n`,
      'or remove the subnets of r-c from the service',
    ],
  ],
  [
    'a load balancer of an unknown VPC',
    failure('Target.NotInUse', ELSEWHERE, { place: { ...place, vpc: undefined } }),
    'serves r-a and r-b only',
    ['--filters Name=availability-zone,Values=r-c'],
  ],
  [
    'a zone that the load balancer has now',
    failure('Target.NotInUse', ELSEWHERE, { place, zone: 'r-b' }),
    'tasks are in r-b, which is not enabled',
    [`describe-load-balancers --load-balancer-arns ${BALANCER}`],
  ],
  [
    'a zone that nobody names',
    failure(undefined, ELSEWHERE, { zone: undefined, group: undefined, place }),
    'tasks are in an Availability Zone, which is not enabled',
    ["describe-load-balancers --query 'LoadBalancers[]"],
  ],
  [
    'no rule',
    failure('Target.NotInUse', 'Target group is not configured to receive traffic'),
    'no listener rule sends traffic to the target group web',
    [`describe-listeners --load-balancer-arn ${BALANCER}`],
  ],
  [
    'no load balancer',
    failure('Target.NotInUse', 'Target group is not configured to receive traffic', {
      group: group({ loadBalancers: [] }),
    }),
    'no listener rule',
    ['no load balancer uses it'],
  ],
  [
    'a reserved address',
    failure('Target.IpUnusable', 'The address is reserved'),
    'the target group web cannot use the tasks: The address is reserved',
    [`aws elbv2 describe-target-health --target-group-arn ${ARN}`],
  ],
  [
    'nothing that is known',
    failure(undefined, ''),
    'the health check of the target group web fails',
    ['check path, port and matcher', `describe-target-health --target-group-arn ${ARN}`],
  ],
  [
    'less time than the container has to start',
    failure('Target.FailedHealthChecks', 'Health checks failed', { startPeriod: 90 }),
    'ECS replaces the tasks before they have started: after 60s, while the container has 90s to start (startPeriod)',
    [`${GRACE}-seconds 240`],
  ],
  [
    'a wrong code within that time is a wrong code',
    { ...codes('404'), startPeriod: 90 },
    'the tasks answer 404',
    ['the application does not have /health'],
  ],
])('%s is explained', (_, of, summary, hints) => {
  const words = explainTarget(of);
  expect(words.summary).toContain(summary);
  for (const hint of hints) expect(words.hint).toContain(hint);
  expect(words.hint).not.toMatch(/undefined|NaN|^$/);
});

test('the evidence has the check and the time that a task has', () => {
  expect(explainTarget(codes('404')).evidence).toEqual([
    'Health checks failed with these codes: [404]',
    'health check: HTTP /health on port 8080, expects 200; every 30s, unhealthy after 2 failures',
    'ECS replaces a task that is unhealthy 60s after its start or later (healthCheckGracePeriodSeconds is 0)',
  ]);
  expect(explainTarget(failure(undefined, '', { group: undefined })).evidence).toEqual([]);
  // A target that is not in use fails no check.
  expect(explainTarget(failure('Target.NotInUse', 'Target group')).evidence).toHaveLength(2);
});

test('an instance is checked on a port that the check names, else on the host port', () => {
  const check = (port: number | undefined) =>
    explainTarget({ ...codes('404'), group: group({ targetType: 'instance' }, { port }) })
      .evidence[1];
  expect(check(undefined)).toContain('HTTP /health on the host port, expects 200');
  expect(check(9000)).toContain('HTTP /health on port 9000, expects 200');
});

test.each([
  [0, 60],
  [60, 60],
  [61, 61],
])('with a grace period of %i s a task has %i s to answer', (grace, seconds) => {
  expect(secondsToAnswer(CHECK, grace)).toBe(seconds);
});

test('a grace period that is enough covers the start and the checks after it', () => {
  expect(enoughGrace(CHECK, 90)).toBe(240);
  expect(enoughGrace(CHECK, 91)).toBe(270);
});

test('a stopped task is explained by the event about its target, else by the last one', () => {
  const says = (id: string, task: string, code: string) => ({
    id,
    createdAt: undefined,
    message: `(service api) (task ${task}) (port 8080) is unhealthy in (target-group ${ARN}) due to (reason Health checks failed with these codes: [${code}]).`,
  });
  const seen = service([own()], { events: [says('2', 'b', '503'), says('1', 'a', '404')] });
  expect(unhealthyReason(seen, ARN, 'a')).toMatch(/404/);
  expect(unhealthyReason(seen, ARN, 'c')).toMatch(/503/);
  expect(unhealthyReason(seen, GREEN, 'a')).toBe('');
  const stoppedReason = `Task failed ELB health checks in (target-group ${ARN})`;
  expect(failedGroup(stoppedReason)).toBe(ARN);
  expect(failedGroup('Task failed container health checks')).toBeUndefined();
  const task = { id: 'a', stopCode: undefined, platform: '', logGroups: [], flags: '' };
  const cause = diagnoseTask({ ...task, stoppedReason, containers: [], target: codes('404') });
  expect(cause).toMatchObject({ code: 'load-balancer-health-check', tasks: 1 });
  expect(cause.summary).toBe(diagnoseTarget(codes('404')).summary);
  expect(cause.evidence[0]).toBe(stoppedReason);
});

const target = (id: string, state: string, more: Partial<TargetHealth> = {}): TargetHealth => ({
  id,
  port: 8080,
  zone: 'r-a',
  state,
  reason: undefined,
  description: '',
  ...more,
});
const health = (...targets: readonly TargetHealth[]): GroupHealth => ({ group: group(), targets });
const NOT_USED = {
  reason: 'Target.NotInUse',
  description: 'Target group is not configured to receive traffic from the load balancer',
};

describe('targets', () => {
  const seen = health(
    target('new', 'initial'),
    target('sick', 'unhealthy', { reason: 'Target.Timeout', description: 'Request timed out' }),
    target('old', 'healthy'),
    target('gone', 'draining'),
    target('bad', 'unhealthy.draining'),
  );

  test.each([
    ['of no task', [], { targets: 0, healthy: 0, unhealthy: 0, draining: 2 }],
    ['of the new tasks', ['new', 'sick'], { targets: 2, healthy: 0, unhealthy: 1, draining: 2 }],
    [
      'of all where tasks are not known',
      undefined,
      { targets: 3, healthy: 1, unhealthy: 1, draining: 2 },
    ],
  ])('%s are counted', (_, addresses, counts) => {
    expect(countTargets(seen, addresses && new Set(addresses))).toEqual({
      targetGroup: 'web',
      deregistrationDelay: 300,
      interval: 30,
      healthyThreshold: 5,
      ...counts,
    });
  });

  test.each<[string, GroupHealth, string, string | undefined]>([
    ['an unhealthy one', seen, 'ROLLING', 'Request timed out'],
    ['one that waits for its first check', health(target('a', 'initial')), 'ROLLING', undefined],
    ['one that drains', health(target('a', 'draining')), 'ROLLING', undefined],
    ['health checks that are off', health(target('a', 'unavailable')), 'ROLLING', undefined],
    [
      'a group that is not in use',
      health(target('a', 'unused', NOT_USED)),
      'ROLLING',
      'Target group is',
    ],
    [
      'the idle group of blue/green',
      health(target('a', 'unused', NOT_USED)),
      'BLUE_GREEN',
      undefined,
    ],
    [
      'a zone, also in blue/green',
      health(target('a', 'unused', { description: 'Target is in an Availability Zone' })),
      'BLUE_GREEN',
      'Target is in an',
    ],
  ])('%s', (_, of, strategy, expected) => {
    const shifted = { ...behind, settings: settings({ strategy }) };
    const [first] = targetFailures([of], undefined, shifted, {});
    expect(first?.description.slice(0, expected?.length)).toBe(expected);
  });

  test('a zone that is not enabled comes with those of the load balancer', () => {
    const elsewhere = target('a', 'unused', { description: ELSEWHERE });
    const of = { ...health(elsewhere), place };
    expect(targetFailures([of], undefined, behind, {})).toMatchObject([{ zone: 'r-a', place }]);
  });

  test('a container has the time of its own health check to start', () => {
    const definition = { containerDefinitions: [{ name: 'app', healthCheck: { startPeriod: 7 } }] };
    expect(targetFailures([seen], undefined, behind, definition)).toMatchObject([
      { startPeriod: 7, port: 8080, zone: 'r-a' },
    ]);
  });

  test('the groups of a service are both of blue/green, each once', () => {
    const shift = { alternateTargetGroup: GREEN, productionRule: undefined, testRule: undefined };
    const one = { targetGroup: ARN, container: 'app', port: 80, shift };
    const classic = { targetGroup: undefined, container: 'app', port: 80 };
    expect(targetGroupsOf({ loadBalancers: [one, one, classic] })).toEqual([ARN, GREEN]);
  });
});

describe('the addresses of a task', () => {
  const INSTANCES = new Map([['arn:1', 'i-0a']]);
  const onInstance = { address: undefined, containerInstance: 'arn:1', hostPorts: [] };

  test.each<[string, Parameters<typeof addressesOf>[0], readonly string[]]>([
    ['its own', { ...onInstance, address: '10.0.0.1' }, ['10.0.0.1']],
    ['its instance with each port', { ...onInstance, hostPorts: [1, 2] }, ['i-0a:1', 'i-0a:2']],
    ['its instance with the port of its container in the mode host', onInstance, ['i-0a:8080']],
    ['none on an unknown instance', { ...onInstance, containerInstance: 'arn:2' }, []],
    ['none yet', { ...onInstance, containerInstance: undefined }, []],
  ])('are %s', (_, task, addresses) => {
    expect(addressesOf(task, behind, INSTANCES)).toEqual(addresses);
  });

  test.each<[string, boolean]>([
    ['i-0a:8080', true],
    ['i-0a:8081', false],
    ['i-0b:8080', false],
  ])('%s is a target on port 8080 of the instance i-0a: %s', (address, isIts) => {
    expect(isAt(target('i-0a', 'healthy'), new Set([address]))).toBe(isIts);
  });

  test('targets of one instance are told apart by port, and the failing one is named', () => {
    const of = {
      ...health(target('i-0a', 'healthy', { port: 1 }), target('i-0a', 'unhealthy', { port: 2 })),
      group: group({ targetType: 'instance' }),
    };
    expect(countTargets(of, new Set(['i-0a:1']))).toMatchObject({ targets: 1, healthy: 1 });
    expect(targetFailures([of], new Set(['i-0a:1']), behind, {})).toEqual([]);
    expect(targetFailures([of], new Set(['i-0a:2']), behind, {})).toMatchObject([
      { instance: 'i-0a', group: { name: 'web' } },
    ]);
  });
});

describe('checks', () => {
  const started = (startPeriod: number) => ({
    containerDefinitions: [{ name: 'app', healthCheck: { startPeriod } }],
  });

  test.each<[string, object, GroupHealth, string, string]>([
    [
      'in order',
      {},
      health(target('a', 'healthy')),
      'ok',
      'web: HTTP /health on port 8080, expects 200; every 30s, unhealthy after 2 failures; ECS gives a task 60s to pass',
    ],
    ['enough time', started(60), health(), 'ok', 'web: '],
    ['too little time', started(61), health(), 'warn', 'start again and again'],
    [
      'no load balancer',
      {},
      { group: group({ loadBalancers: [] }), targets: [] },
      'warn',
      'No load balancer sends traffic to the target group web',
    ],
    [
      'an unhealthy target',
      {},
      health(target('a', 'unhealthy', { description: 'Request timed out' })),
      'warn',
      'Some targets are not healthy now: the tasks do not answer',
    ],
  ])('%s', (_, definition, of, status, message) => {
    const answer = checkTargetGroups(behind, { ...definition }, [of]);
    expect(answer).toMatchObject({ status, message: expect.stringContaining(message) as string });
  });

  const rule = 'arn:aws:elasticloadbalancing:r:1:listener-rule/app/lb/1/2/3';
  const listener = 'arn:aws:elasticloadbalancing:r:1:listener/net/lb/1/2';
  const balancer = (productionRule: string) => ({
    targetGroup: ARN,
    container: 'app',
    port: 80,
    shift: { alternateTargetGroup: GREEN, productionRule, testRule: undefined },
  });

  test.each<[string, string, [string, number][], string, string, string]>([
    [
      'agrees',
      rule,
      [
        [ARN, 100],
        [GREEN, 0],
      ],
      'ok',
      'all traffic goes to web',
      '',
    ],
    [
      'is elsewhere',
      rule,
      [
        [ARN, 0],
        [GREEN, 100],
      ],
      'warn',
      '100 % to green, but the running revision is in web',
      'modify-rule --rule-arn',
    ],
    [
      'is shared',
      rule,
      [
        [ARN, 50],
        [GREEN, 50],
      ],
      'warn',
      '50 % to web and 50 % to green',
      '',
    ],
    ['is empty', rule, [], 'warn', 'sends no traffic to a target group', ''],
    [
      'of a Network Load Balancer',
      listener,
      [[GREEN, 100]],
      'warn',
      '100 % to green',
      'modify-listener --listener-arn',
    ],
  ])('a production rule that %s', (_, arn, traffic, status, message, hint) => {
    const answer = checkListenerRule(balancer(arn), ARN, new Map(traffic));
    expect(answer).toMatchObject({ status, message: expect.stringContaining(message) as string });
    expect(answer.hint ?? '').toContain(hint);
    const weights = `{"TargetGroupArn":"${ARN}","Weight":100}`;
    expect(answer.hint?.includes(weights)).toBe(status === 'warn' ? true : undefined);
  });
});
