import { describe, expect, test } from 'vitest';
import {
  checkCapacity,
  checkExecutionRole,
  checkContainerPorts,
  checkParameters,
  checkLaunchType,
  checkNetworkMode,
  checkPortNames,
  checkPorts,
  checkTaskSize,
  checkVolumes,
  logGroupsOf,
  secretsOf,
} from '../../src/core/checks.ts';
import { isFargate } from '../../src/core/ecs.ts';
import type { DeploymentSettings, Service } from '../../src/core/ecs.ts';
import type { JsonObject } from '../../src/core/task-definition.ts';
import { aService } from '../support/ecs-types.ts';

describe('task size', () => {
  test.each([
    ['256', '512', 'ok'],
    ['.25 vCPU', '2 GB', 'ok'],
    ['256', '3072', 'fail'],
    ['512', '1024', 'ok'],
    ['512', '1536', 'fail'],
    ['1 vCPU', '8GB', 'ok'],
    ['1024', '1024', 'fail'],
    ['2048', '16384', 'ok'],
    ['4096', '30720', 'ok'],
    ['4096', '31744', 'fail'],
    ['8192', '20480', 'ok'],
    ['8192', '17408', 'fail'],
    ['16384', '122880', 'ok'],
    ['32768', '65536', 'skip'],
    [undefined, '512', 'fail'],
    ['256', undefined, 'fail'],
    ['256', 'much', 'fail'],
  ])('%s with %s: %s', (cpu, memory, status) => {
    expect(checkTaskSize({ cpu, memory }).status).toBe(status);
  });

  test('the range and the nearest size are named', () => {
    expect(checkTaskSize({ cpu: '1024', memory: '9216' })).toEqual({
      status: 'fail',
      message: 'Fargate has no tasks of 1024 CPU units with 9216 MiB.',
      hint: 'for 1024 CPU units the memory is 2048 to 8192; the nearest is 8192',
    });
  });
});

describe('ports in awsvpc mode', () => {
  const of = (...containers: readonly object[]) =>
    checkPorts({
      networkMode: 'awsvpc',
      containerDefinitions: containers.map((ports, index) => ({
        name: `c${index}`,
        portMappings: [ports],
      })),
    }).status;

  test('a host port is the container port, or is left out', () => {
    expect(of({ containerPort: 80 })).toBe('ok');
    expect(of({ containerPort: 80, hostPort: 80 })).toBe('ok');
    expect(of({ containerPort: 80, hostPort: 0 })).toBe('ok');
    expect(of({ containerPort: 80, hostPort: 8080 })).toBe('fail');
  });

  test('two containers on one port, which ECS refuses to register', () => {
    expect(of({ containerPort: 80 }, { containerPort: 80 })).toBe('fail');
    expect(of({ containerPort: 53 }, { containerPort: 53, protocol: 'udp' })).toBe('ok');
  });

  test('in host mode the ports are those of the machine', () => {
    const portMappings = [{ containerPort: 80 }, { containerPort: 80 }];
    const containerDefinitions = [{ name: 'c', portMappings }];
    expect(checkPorts({ networkMode: 'host', containerDefinitions }).status).toBe('warn');
    const moved = [{ name: 'c', portMappings: [{ containerPort: 80, hostPort: 81 }] }];
    expect(checkPorts({ networkMode: 'host', containerDefinitions: moved }).status).toBe('fail');
  });

  test('other network modes are not looked at', () => {
    const portMappings = [{ containerPort: 80, hostPort: 8080 }];
    const containerDefinitions = [{ name: 'c', portMappings }];
    expect(checkPorts({ networkMode: 'bridge', containerDefinitions }).status).toBe('skip');
  });
});

describe('execution role', () => {
  const ECR = '111122223333.dkr.ecr.eu-west-1.amazonaws.com/app:1';
  const definition = (container: object) => ({
    containerDefinitions: [{ name: 'c', image: 'busybox', ...container }],
  });
  const ROLE = 'arn:aws:iam::111122223333:role/r';
  const awslogs = { logDriver: 'awslogs', options: { 'awslogs-group': '/g' } };

  test.each([
    [{}, true, 'ok'],
    [{ image: ECR }, true, 'fail'],
    [{ image: ECR }, false, 'ok'],
    [{ logConfiguration: awslogs }, true, 'fail'],
    [{ logConfiguration: awslogs }, false, 'ok'],
    [{ secrets: [{ name: 'A', valueFrom: 'a' }] }, false, 'fail'],
    [{ repositoryCredentials: { credentialsParameter: 'arn:secret' } }, false, 'fail'],
    [{ environmentFiles: [{ type: 's3', value: 'arn:aws:s3:::b/f.env' }] }, false, 'fail'],
    [{ environmentFiles: [] }, true, 'ok'],
  ])('%j, on Fargate %s: %s', (container, onFargate, status) => {
    expect(checkExecutionRole(definition(container), onFargate, aService()).status).toBe(status);
    const withRole = { ...definition(container), executionRoleArn: ROLE };
    expect(checkExecutionRole(withRole, onFargate, aService()).status).toBe('ok');
  });

  test.each(['executionRoleArn', 'taskRoleArn'])('%s of another account', (member) => {
    const other = { executionRoleArn: ROLE, [member]: 'arn:aws:iam::999999999999:role/r' };
    expect(checkExecutionRole(other, true, aService())).toMatchObject({
      status: 'fail',
      message: expect.stringMatching(`${member}.*999999999999.*111122223333`) as string,
    });
    const name = { executionRoleArn: ROLE, [member]: 'ecsTaskExecutionRole' };
    expect(checkExecutionRole(name, true, aService()).status).toBe('ok');
  });
});

test('log groups are listed once, and not where the driver makes them', () => {
  const container = (options: Record<string, string>) => ({
    name: 'c',
    logConfiguration: { logDriver: 'awslogs', options },
  });
  const containerDefinitions = [
    container({ 'awslogs-group': '/a' }),
    container({ 'awslogs-group': '/a' }),
    container({ 'awslogs-group': '/a', 'awslogs-region': 'eu-west-1' }),
    container({ 'awslogs-group': '/b', 'awslogs-create-group': 'true' }),
    { name: 'c', logConfiguration: { logDriver: 'awsfirelens' } },
  ];
  expect(logGroupsOf({ containerDefinitions })).toEqual([
    { group: '/a', region: undefined },
    { group: '/a', region: 'eu-west-1' },
  ]);
});

test('secrets of log drivers count', () => {
  const secretOptions = [{ name: 'splunk-token', valueFrom: '/token' }];
  const containerDefinitions = [
    { name: 'a', logConfiguration: { logDriver: 'splunk', secretOptions } },
    { name: 'b', secrets: [{ name: 'B', valueFrom: '/b' }] },
  ];
  expect(secretsOf({ containerDefinitions })).toEqual([
    { container: 'a', name: 'splunk-token', valueFrom: '/token' },
    { container: 'b', name: 'B', valueFrom: '/b' },
  ]);
});

test.each<[Partial<Service>, Partial<DeploymentSettings>, string]>([
  [{ desired: 1 }, {}, 'ok'],
  [{ desired: 0 }, { maximumPercent: 100 }, 'ok'],
  [{ desired: 1 }, { maximumPercent: 100 }, 'fail'],
  [{ desired: 1 }, { maximumPercent: 150 }, 'fail'],
  [{ desired: 2 }, { maximumPercent: 150 }, 'ok'],
  [{ desired: 1 }, { minimumHealthyPercent: 50, maximumPercent: 100 }, 'fail'],
  [{ desired: 2 }, { minimumHealthyPercent: 50, maximumPercent: 100 }, 'ok'],
  [{ desired: 1 }, { strategy: 'BLUE_GREEN', maximumPercent: 100 }, 'skip'],
  [{ desired: 1, isDaemon: true }, { maximumPercent: 100 }, 'skip'],
])('room for a deployment: %j with %j: %s', (service, settings, status) => {
  expect(checkCapacity(aService(service, settings)).status).toBe(status);
});

test('where tasks run: the strategy decides, then the launch type, then the definition', () => {
  const definition = { requiresCompatibilities: ['FARGATE'] };
  const none = aService({ launchType: undefined });
  expect(isFargate(none, definition)).toBe(true);
  expect(isFargate(none, {})).toBe(false);
  expect(isFargate(aService({ launchType: 'EC2' }), definition)).toBe(false);
  const spot = aService({ launchType: undefined, capacityProviders: ['FARGATE_SPOT'] });
  expect(isFargate(spot, {})).toBe(true);
  const own = aService({ launchType: 'FARGATE', capacityProviders: ['my-machines'] });
  expect(isFargate(own, {})).toBe(false);
});

/** What UpdateService refuses: the service, the members of a definition that fit, and those that do not. */
const DEMANDS: readonly (readonly [
  what: string,
  check: (service: Service, definition: JsonObject) => { readonly status: string },
  service: Partial<Service>,
  right: JsonObject,
  wrong: readonly JsonObject[],
])[] = [
  ...(
    [
      ['a load balancer', { loadBalancers: [{ targetGroup: 'a', container: 'app', port: 80 }] }],
      [
        'a Classic Load Balancer',
        { loadBalancers: [{ targetGroup: undefined, container: 'app', port: 80 }] },
      ],
      ['a service registry', { registries: [{ container: 'app', port: 80 }] }],
    ] as const
  ).map(
    ([what, service]) =>
      [
        what,
        checkContainerPorts,
        service,
        { containerDefinitions: [{ name: 'app', portMappings: [{ containerPort: 80 }] }] },
        [
          {},
          { containerDefinitions: [{ name: 'app' }] },
          { containerDefinitions: [{ name: 'app', portMappings: [{ containerPort: 81 }] }] },
          { containerDefinitions: [{ name: 'web', portMappings: [{ containerPort: 80 }] }] },
        ],
      ] as const,
  ),
  [
    'a service registry without a port',
    checkContainerPorts,
    { registries: [{ container: 'app', port: undefined }] },
    { containerDefinitions: [{ name: 'app' }] },
    [{}, { containerDefinitions: [{ name: 'web' }] }],
  ],
  ...(['Service Connect', 'VPC Lattice'] as const).map(
    (by) =>
      [
        by,
        checkPortNames,
        { portNames: [{ by, name: 'web' }] },
        {
          containerDefinitions: [
            { name: 'sidecar' },
            { name: 'app', portMappings: [{ containerPort: 80, name: 'web' }] },
          ],
        },
        [
          {},
          { containerDefinitions: [{ name: 'web', portMappings: [{ containerPort: 80 }] }] },
          {
            containerDefinitions: [
              { name: 'a', portMappings: [{ containerPort: 80, name: 'Web' }] },
            ],
          },
        ],
      ] as const,
  ),
  [
    'subnets',
    checkNetworkMode,
    { hasNetwork: true },
    { networkMode: 'awsvpc' },
    [{}, { networkMode: 'bridge' }, { networkMode: 'host' }, { networkMode: 'none' }],
  ],
  ['no subnets', checkNetworkMode, { hasNetwork: false }, {}, [{ networkMode: 'awsvpc' }]],
  [
    'Fargate',
    checkLaunchType,
    { launchType: 'FARGATE' },
    { requiresCompatibilities: ['EC2', 'FARGATE'] },
    [{ requiresCompatibilities: ['EC2'] }, { requiresCompatibilities: ['EXTERNAL'] }],
  ],
  [
    'Fargate by capacity provider',
    checkLaunchType,
    { launchType: undefined, capacityProviders: ['FARGATE_SPOT'] },
    { requiresCompatibilities: ['FARGATE'] },
    [{ requiresCompatibilities: ['EC2'] }],
  ],
  [
    'machines of your own',
    checkLaunchType,
    { launchType: 'EXTERNAL' },
    { requiresCompatibilities: ['EXTERNAL'] },
    [{ requiresCompatibilities: ['FARGATE'] }],
  ],
  [
    'a volume at launch',
    checkVolumes,
    { volumes: ['data'] },
    { volumes: [{ name: 'data', configuredAtLaunch: true }] },
    [
      {},
      { volumes: [{ name: 'data' }] },
      { volumes: [{ name: 'data', configuredAtLaunch: false }] },
      { volumes: [{ name: 'other', configuredAtLaunch: true }] },
    ],
  ],
  [
    'no volume at launch',
    checkVolumes,
    {},
    { volumes: [{ name: 'data' }] },
    [{ volumes: [{ name: 'data', configuredAtLaunch: true }] }],
  ],
];

test.each(DEMANDS)(
  'what a service with %s demands of the definition',
  (_, check, given, right, wrong) => {
    const service = aService(given);
    expect(['ok', 'skip']).toContain(check(service, right).status);
    for (const definition of wrong)
      expect(check(service, definition)).toMatchObject({ status: 'fail' });
  },
);

test.each([checkContainerPorts, checkPortNames, checkLaunchType, checkVolumes])(
  'a service that demands nothing takes every definition: %o',
  (check) => {
    const service = aService({ launchType: undefined });
    expect(check(service, {}).status).toBe('skip');
  },
);

test('a definition for Fargate runs on EC2 too', () => {
  const definition = { requiresCompatibilities: ['FARGATE'] };
  expect(checkLaunchType(aService({ launchType: 'EC2' }), definition).status).toBe('ok');
  expect(checkLaunchType(aService({ launchType: 'FARGATE' }), {}).status).toBe('ok');
});

const PARAMETER = 'arn:aws:ssm:eu-west-1:111122223333:parameter';
const parameterProblem = (valueFrom: string) =>
  checkParameters([{ container: 'a', name: 'KEY', valueFrom }], '111122223333');

test.each([
  '/shop/key',
  'key',
  `${PARAMETER}/shop/key`,
  'arn:aws:ssm:eu-west-1::parameter/key',
  'arn:aws:secretsmanager:eu-west-1:999999999999:secret:key-AbCdEf:json:AWSCURRENT:',
])('%s is no parameter that ECS cannot read', (valueFrom) => {
  expect(parameterProblem(valueFrom)).toBeUndefined();
});

test.each([
  ['arn:aws:ssm:eu-west-1:999999999999:parameter/shop/key', 'account 999999999999'],
  ['arn:aws-cn:ssm:cn-north-1:999999999999:parameter/key', 'account 999999999999'],
  [`${PARAMETER}/shop/key:3`, 'the version or label "3"'],
  ['/shop/key:3', 'the version or label "3"'],
  ['key:live', 'the version or label "live"'],
])('the parameter %s is refused for its %s', (valueFrom, reason) => {
  expect(parameterProblem(valueFrom)).toMatchObject({
    status: 'fail',
    message: expect.stringContaining(reason) as string,
  });
});
