import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startClock } from '../../src/sandbox/clock.ts';
import { CODE_DEPLOY_OPERATIONS } from '../../src/sandbox/code-deploy/api.ts';
import { ECS_OPERATIONS } from '../../src/sandbox/ecs/api.ts';
import { createEventBridge } from '../../src/sandbox/event-bridge.ts';
import { hasModel } from '../../src/sandbox/input.ts';
import { createLogs } from '../../src/sandbox/logs.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { createSecrets } from '../../src/sandbox/secrets.ts';
import {
  ACCOUNT,
  APPLICATION,
  CLUSTER_NAME,
  FIRST_REVISION,
  REGION,
  REPOSITORY_NAME,
  SERVICE_NAME,
  TARGET_GROUP,
} from '../../src/sandbox/world.ts';
import {
  MISTYPED_DEFINITIONS,
  RIGHT_DEFINITIONS,
  WRONG_DEFINITIONS,
} from '../support/wrong-definitions.ts';

// What AWS refuses, as a row each: what is wrong, the call, its input, the exception. One sandbox
// serves them all, and no row changes anything.

let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await startSandbox({ speed: 1 });
});

afterAll(() => sandbox.close());

const TARGETS = {
  ecs: 'AmazonEC2ContainerServiceV20141113',
  ecr: 'AmazonEC2ContainerRegistry_V20150921',
  logs: 'Logs_20140328',
  codedeploy: 'CodeDeploy_20141006',
  ssm: 'AmazonSSM',
  secretsmanager: 'secretsmanager',
  events: 'AWSEvents',
};

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Sends a body to an operation, e.g. `ecs:UpdateService`. */
async function send(action: string, body: string | Uint8Array<ArrayBuffer>): Promise<Answer> {
  const [api = '', operation = ''] = action.split(':');
  const response = await fetch(sandbox.url, {
    method: 'POST',
    headers: {
      'x-amz-target': `${TARGETS[api as keyof typeof TARGETS]}.${operation}`,
      authorization: `AWS4-HMAC-SHA256 Credential=AKIASANDBOX/20261123/${REGION}/${api}/aws4_request`,
    },
    body,
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

const call = (action: string, input: unknown) => send(action, JSON.stringify(input));

type Row = readonly [
  what: string,
  action: string,
  input: Readonly<Record<string, unknown>>,
  exception: string,
];

/** The exception that a call ends in; the whole answer where it is none, or says nothing. */
async function refusal(action: string, input: unknown): Promise<unknown> {
  const { status, body } = await call(action, input);
  const message = (body['message'] ?? body['Message'] ?? '') as string;
  const isPlain = message !== '' && !/undefined|\[object|NaN/.test(message);
  return status === 400 && isPlain ? body['__type'] : { status, body };
}

/** The exception of a row that names none. */
const INVALID = 'InvalidParameterException';
const CLIENT = 'ClientException';
const TYPE = 'SerializationException';

const service = { cluster: CLUSTER_NAME, service: SERVICE_NAME };
const arn = (resource: string, region = REGION, account = ACCOUNT, api = 'ecs') =>
  `arn:aws:${api}:${region}:${account}:${resource}`;
const many = (count: number, item: (index: number) => unknown) =>
  Array.from({ length: count }, (_, index) => item(index));
const awsvpc = (members: object) => ({ networkConfiguration: { awsvpcConfiguration: members } });
const percents = (minimumHealthyPercent: number, maximumPercent: number) => ({
  deploymentConfiguration: { minimumHealthyPercent, maximumPercent },
});
const balancer = (members: object = {}) => ({
  targetGroupArn: TARGET_GROUP,
  containerName: APPLICATION,
  containerPort: 8080,
  ...members,
});
const providers = (...names: readonly string[]) => ({
  capacityProviderStrategy: names.map((capacityProvider) => ({ capacityProvider })),
});
const hook = (members: object) => ({
  deploymentConfiguration: { lifecycleHooks: [{ hookTargetArn: 'f', roleArn: 'r', ...members }] },
});

const update = (what: string, input: object, exception = INVALID): Row => [
  what,
  'ecs:UpdateService',
  { ...service, ...input },
  exception,
];

const UPDATES: readonly Row[] = [
  update('a minimum of 150 %', percents(150, 200)),
  update('a minimum of -1 %', percents(-1, 200)),
  update('a maximum of 0 %', percents(0, 0)),
  update('a maximum below the minimum', percents(100, 50)),
  update('no room to replace a task', percents(100, 100)),
  update('a negative desired count', { desiredCount: -1 }),
  update('a desired count that is text', { desiredCount: 'x' }, TYPE),
  update('a desired count that is true', { desiredCount: true }, TYPE),
  update('forceNewDeployment as text', { forceNewDeployment: 'true' }, TYPE),
  update('a grace period as text', { healthCheckGracePeriodSeconds: '60' }, TYPE),
  update('load balancers as an object', { loadBalancers: balancer() }, TYPE),
  update('a network configuration as text', { networkConfiguration: 'awsvpc' }, TYPE),
  update('a network configuration as a list', { networkConfiguration: [] }, TYPE),
  update('a service as a list', { service: [SERVICE_NAME] }, TYPE),
  update('an unknown capacity provider', providers('NOWHERE')),
  update('capacity providers without a weight', providers('FARGATE', 'FARGATE_SPOT')),
  update('no network', { networkConfiguration: { awsvpcConfiguration: {} } }),
  update('no subnets', awsvpc({ subnets: [] })),
  update('17 subnets', awsvpc({ subnets: many(17, (index) => `subnet-${index}`) })),
  update(
    '6 security groups',
    awsvpc({ subnets: ['subnet-1'], securityGroups: many(6, (index) => `sg-${index}`) }),
  ),
  update('assignPublicIp that is unknown', awsvpc({ subnets: ['s'], assignPublicIp: 'YES' })),
  update('an unknown platform version', { platformVersion: '9.9.9' }, 'PlatformUnknownException'),
  update('a target group that does not exist', {
    loadBalancers: [balancer({ targetGroupArn: `${TARGET_GROUP}0` })],
  }),
  update('a target group twice', { loadBalancers: [balancer(), balancer()] }),
  update('a container that does not exist', {
    loadBalancers: [balancer({ containerName: 'nope' })],
  }),
  update('a port that does not exist', { loadBalancers: [balancer({ containerPort: 81 })] }),
  update('a grace period without a load balancer', { healthCheckGracePeriodSeconds: 60 }),
  update('blue/green without its listener', {
    loadBalancers: [balancer()],
    deploymentConfiguration: { strategy: 'BLUE_GREEN' },
  }),
  update('an unknown strategy', { deploymentConfiguration: { strategy: 'RAINBOW' } }),
  update('a hook in an unknown stage', hook({ lifecycleStages: ['LUNCH'] })),
  update(
    'a pause where none can be',
    hook({ targetType: 'PAUSE', lifecycleStages: ['TEST_TRAFFIC_SHIFT'] }),
  ),
  update('an unknown port name', {
    serviceConnectConfiguration: { enabled: true, services: [{ portName: 'web' }] },
  }),
  update('a volume that the definition does not have', {
    volumeConfigurations: [{ name: 'data', managedEBSVolume: { roleArn: 'r' } }],
  }),
  update('availabilityZoneRebalancing that is unknown', { availabilityZoneRebalancing: 'MAYBE' }),
  update('propagateTags that is unknown', { propagateTags: 'EVERYWHERE' }),
  update('no service', { service: undefined }),
  update('a service that is null', { service: null }),
  update('an unknown service', { service: 'nope' }, 'ServiceNotFoundException'),
  update('an unknown cluster', { cluster: 'nope' }, 'ClusterNotFoundException'),
  update('a cluster name with a blank', { cluster: 'a b' }),
  update('an unknown revision', { taskDefinition: `${FIRST_REVISION}9` }, CLIENT),
  update('an unknown family', { taskDefinition: 'nope' }, CLIENT),
  update('a revision that is no number', { taskDefinition: 'app:abc' }, CLIENT),
  update('revision 0', { taskDefinition: 'app:0' }, CLIENT),
  update('a cluster of another region', { cluster: arn(`cluster/${CLUSTER_NAME}`, 'us-east-1') }),
  update(
    'a cluster of another account',
    { cluster: arn(`cluster/${CLUSTER_NAME}`, REGION, '999999999999') },
    'AccessDeniedException',
  ),
  update(
    'a definition of another account',
    { taskDefinition: arn(`task-definition/${FIRST_REVISION}`, REGION, '999999999999') },
    'AccessDeniedException',
  ),
  update('a definition of another region', {
    taskDefinition: arn(`task-definition/${FIRST_REVISION}`, 'us-east-1'),
  }),
  update('a service of another cluster', { service: arn(`service/other/${SERVICE_NAME}`) }),
  update('the ARN of a service as a cluster', { cluster: arn(`service/${CLUSTER_NAME}/a`) }),
  update('the ARN of another API', {
    cluster: arn(`cluster/${CLUSTER_NAME}`, REGION, ACCOUNT, 'eks'),
  }),
  update('half an ARN', { cluster: 'arn:aws:ecs:ap-northeast-2' }, CLIENT),
];

const create = (what: string, input: object, exception = INVALID): Row => [
  what,
  'ecs:CreateService',
  {
    cluster: CLUSTER_NAME,
    serviceName: 'new',
    taskDefinition: FIRST_REVISION,
    launchType: 'FARGATE',
    ...awsvpc({ subnets: ['subnet-1'] }),
    ...input,
  },
  exception,
];

const CREATIONS: readonly Row[] = [
  create('no name', { serviceName: undefined }),
  create('a name with a blank', { serviceName: 'a b!' }),
  create('a name of 256 characters', { serviceName: 'a'.repeat(256) }),
  create('a name that exists', { serviceName: SERVICE_NAME }),
  create('a launch type and capacity providers', providers('FARGATE')),
  create('an unknown launch type', { launchType: 'MOON' }),
  create('a launch type of another definition', { launchType: 'EXTERNAL' }),
  create('a platform version on EC2', { launchType: 'EC2', platformVersion: '1.4.0' }),
  create('an unknown scheduling strategy', { schedulingStrategy: 'SOMETIMES' }),
  create('a daemon with a desired count', { schedulingStrategy: 'DAEMON', desiredCount: 1 }),
  create('a daemon on Fargate', { schedulingStrategy: 'DAEMON' }),
  create('a daemon with a placement strategy', {
    schedulingStrategy: 'DAEMON',
    launchType: undefined,
    placementStrategy: [{ type: 'spread' }],
  }),
  create('a daemon with a maximum of 200 %', {
    schedulingStrategy: 'DAEMON',
    launchType: undefined,
    ...percents(0, 200),
  }),
  create('no network', { networkConfiguration: undefined }),
  create('no subnets', awsvpc({ subnets: [] })),
  create('a target group that does not exist', {
    loadBalancers: [balancer({ targetGroupArn: `${TARGET_GROUP}0` })],
  }),
  create('a grace period without a load balancer', { healthCheckGracePeriodSeconds: 60 }),
  create('no definition', { taskDefinition: undefined }, CLIENT),
  create('an unknown cluster', { cluster: 'nope' }, 'ClusterNotFoundException'),
  create('a tag as an object', { tags: { team: 'backend' } }, TYPE),
  ['a deleted service that still runs', 'ecs:DeleteService', service, INVALID],
  [
    'a deleted service that does not exist',
    'ecs:DeleteService',
    { ...service, service: 'nope' },
    'ServiceNotFoundException',
  ],
];

const task = (index: number) => String(index).padStart(32, '0');
const list = (operation: string, input: object, exception = INVALID): Row => [
  JSON.stringify(input).slice(0, 60),
  `ecs:${operation}`,
  { cluster: CLUSTER_NAME, ...input },
  exception,
];

const LISTS: readonly Row[] = [
  list('DescribeClusters', { clusters: many(101, (index) => `c${index}`) }),
  list('DescribeClusters', { clusters: 'backend' }, TYPE),
  list('DescribeClusters', { include: ['WEATHER'] }),
  list('DescribeServices', { services: many(11, (index) => `s${index}`) }),
  list('DescribeServices', { services: [] }),
  list('DescribeServices', {}),
  list('DescribeServices', { services: { name: SERVICE_NAME } }, TYPE),
  list('DescribeTasks', { tasks: many(101, task) }),
  list('DescribeTasks', { tasks: [] }),
  list('DescribeTasks', { tasks: ['short'] }),
  list('DescribeServiceDeployments', { serviceDeploymentArns: many(21, () => arn('x')) }),
  list('DescribeServiceDeployments', { serviceDeploymentArns: [arn('service/a/b')] }),
  list('DescribeServiceDeployments', {}),
  list('DescribeServiceRevisions', { serviceRevisionArns: many(21, () => arn('x')) }),
  list('DescribeServiceRevisions', {}),
  list('ListServices', { maxResults: 500 }),
  list('ListServices', { launchType: 'MOON' }),
  list('ListServices', { cluster: 'nope' }, 'ClusterNotFoundException'),
  list('ListClusters', { maxResults: 0 }),
  list('ListTasks', { maxResults: 0 }),
  list('ListTasks', { maxResults: -1 }),
  list('ListTasks', { maxResults: 101 }),
  list('ListTasks', { maxResults: '10' }, TYPE),
  list('ListTasks', { nextToken: 'nonsense' }),
  list('ListTasks', { nextToken: 5 }, TYPE),
  list('ListTasks', { desiredStatus: 'ASLEEP' }),
  list('ListTasks', { serviceName: 'nope' }, 'ServiceNotFoundException'),
  list('ListTaskDefinitions', { status: 'FOO' }),
  list('ListTaskDefinitions', { sort: 'RANDOM' }),
  list('ListTaskDefinitionFamilies', { status: 'FOO' }),
  list('ListServiceDeployments', { service: SERVICE_NAME, status: ['FOO'] }),
  list('ListServiceDeployments', { service: SERVICE_NAME, maxResults: 101 }),
  list('ListServiceDeployments', { service: SERVICE_NAME, createdAt: 5 }, TYPE),
  list('DescribeTaskDefinition', {}),
  list('DescribeTaskDefinition', { taskDefinition: 'nope' }, CLIENT),
  list('DescribeTaskDefinition', { taskDefinition: FIRST_REVISION, include: ['ALL'] }),
  list('DeregisterTaskDefinition', { taskDefinition: 'hyeon9mak-task-dev' }, CLIENT),
  list('DeleteTaskDefinitions', { taskDefinitions: many(11, (index) => `app:${index + 1}`) }),
  list('UpdateTaskProtection', {
    tasks: [task(1)],
    protectionEnabled: true,
    expiresInMinutes: 0,
  }),
  list('UpdateTaskProtection', {
    tasks: [task(1)],
    protectionEnabled: true,
    expiresInMinutes: 3000,
  }),
  list('UpdateTaskProtection', { tasks: many(11, task), protectionEnabled: true }),
  list('UpdateTaskProtection', { tasks: [task(1)] }),
  list('StopTask', { task: task(1) }),
  list('StopTask', {}),
  list('ListTagsForResource', {}),
  list('ListTagsForResource', { resourceArn: arn('cluster/nope') }),
  list('StopServiceDeployment', {
    serviceDeploymentArn: arn('service-deployment/a/b/c'),
    stopType: 'NOW',
  }),
  list(
    'StopServiceDeployment',
    { serviceDeploymentArn: arn('service-deployment/a/b/c') },
    'ServiceDeploymentNotFoundException',
  ),
  list('RunTask', { taskDefinition: FIRST_REVISION, count: 11, ...awsvpc({ subnets: ['s'] }) }),
  list('RunTask', { taskDefinition: FIRST_REVISION, launchType: 'MOON' }),
  list('RunTask', {}),
];

const image = (operation: string, input: object, exception = INVALID): Row => [
  JSON.stringify(input).slice(0, 60),
  `ecr:${operation}`,
  { ...(operation !== 'DescribeRepositories' && { repositoryName: REPOSITORY_NAME }), ...input },
  exception,
];
const mutability = (filter: object) => ({
  repositoryName: 'new',
  imageTagMutability: 'MUTABLE_WITH_EXCLUSION',
  imageTagMutabilityExclusionFilters: [filter],
});
const statement = (members: object) =>
  JSON.stringify({
    Statement: [{ Effect: 'Allow', Principal: '*', Action: 'ecr:BatchGetImage', ...members }],
  });
const replication = (...regions: readonly unknown[]) => ({
  replicationConfiguration: {
    rules: [{ destinations: regions.map((region) => ({ region, registryId: ACCOUNT })) }],
  },
});
const NO_REPOSITORY = 'RepositoryNotFoundException';

const IMAGES: readonly Row[] = [
  image('CreateRepository', { repositoryName: undefined }),
  image('CreateRepository', { repositoryName: 'Upper' }),
  image('CreateRepository', {}, 'RepositoryAlreadyExistsException'),
  image('CreateRepository', { repositoryName: 'new', imageTagMutability: 'SOMETIMES' }),
  image('CreateRepository', mutability({ filterType: 'REGEX', filter: 'a' })),
  image('CreateRepository', mutability({ filter: 'a' })),
  image(
    'CreateRepository',
    { repositoryName: 'new', imageScanningConfiguration: { scanOnPush: 'true' } },
    TYPE,
  ),
  image('DeleteRepository', { repositoryName: undefined }),
  image('DeleteRepository', {}, 'RepositoryNotEmptyException'),
  image('DeleteRepository', { repositoryName: 'nope' }, NO_REPOSITORY),
  image('DescribeRepositories', { repositoryNames: many(101, (index) => `r${index}`) }),
  image('DescribeRepositories', { repositoryNames: ['nope'] }, NO_REPOSITORY),
  image('DescribeRepositories', { repositoryNames: 'nope' }, TYPE),
  image('DescribeRepositories', { registryId: '1' }),
  image('DescribeRepositories', { maxResults: 0 }),
  image('DescribeRepositories', { maxResults: 1001 }),
  image('DescribeImages', { imageIds: [] }),
  image('DescribeImages', { imageIds: [{ imageTag: 'nope' }] }, 'ImageNotFoundException'),
  image('DescribeImages', { maxResults: 0 }),
  image('DescribeImages', { repositoryName: 'nope' }, NO_REPOSITORY),
  image('ListImages', { filter: { tagStatus: 'MAYBE' } }),
  image('ListImages', { maxResults: -1 }),
  image('BatchGetImage', {}),
  image('BatchGetImage', { imageIds: [] }),
  image('BatchGetImage', { imageIds: many(101, (index) => ({ imageTag: `t${index}` })) }),
  image('BatchGetImage', { imageIds: [{ imageTag: 5 }] }, TYPE),
  image('BatchCheckLayerAvailability', {}),
  image('GetDownloadUrlForLayer', { layerDigest: 'nonsense' }),
  image(
    'GetDownloadUrlForLayer',
    { layerDigest: `sha256:${'0'.repeat(64)}` },
    'LayersNotFoundException',
  ),
  image('PutImage', {}),
  image('PutImage', { imageManifest: 'text', imageTag: 'a' }),
  image('PutImage', { imageManifest: '{}', imageTag: 'a b' }),
  image('PutLifecyclePolicy', { lifecyclePolicyText: '{}' }),
  image('GetLifecyclePolicy', {}, 'LifecyclePolicyNotFoundException'),
  image('PutImage', { imageManifest: '{}', imageTag: 'a' }),
  image('PutImageTagMutability', { imageTagMutability: 'SOMETIMES' }),
  image('ListTagsForResource', { resourceArn: 'hyeon9mak-dev' }),
  image('SetRepositoryPolicy', { policyText: '{}' }),
  image('SetRepositoryPolicy', { policyText: statement({ Principal: undefined }) }),
  image('SetRepositoryPolicy', { policyText: statement({ Effect: 'Maybe' }) }),
  image('SetRepositoryPolicy', { policyText: statement({ Action: [] }) }),
  image('PutRegistryPolicy', { policyText: statement({ Action: 's3:GetObject' }) }),
  image('PutRegistryScanningConfiguration', {
    rules: [{ scanFrequency: 'CONTINUOUS_SCAN', repositoryFilters: [] }],
  }),
  image('PutReplicationConfiguration', replication(REGION)),
  image('PutReplicationConfiguration', replication(...many(26, (index) => `eu-west-${index}`))),
];

const log = (operation: string, input: object, exception = INVALID): Row => [
  JSON.stringify(input).slice(0, 60),
  `logs:${operation}`,
  { logGroupName: '/ecs/hyeon9mak-task-dev', ...input },
  exception,
];
const NO_LOG = 'ResourceNotFoundException';

const LOGS: readonly Row[] = [
  log('DescribeLogGroups', { limit: 51 }),
  log('DescribeLogGroups', { limit: 0 }),
  log('DescribeLogGroups', { limit: '5' }, TYPE),
  log('DescribeLogGroups', { nextToken: 'nonsense' }),
  log('DescribeLogGroups', { logGroupNamePrefix: 'a', logGroupNamePattern: 'b' }),
  log('DescribeLogGroups', { logGroupNamePrefix: 'a b' }),
  log('DescribeLogStreams', { limit: 51 }),
  log('DescribeLogStreams', { orderBy: 'Colour' }),
  log('DescribeLogStreams', { orderBy: 'LastEventTime', logStreamNamePrefix: 'a' }),
  log('DescribeLogStreams', { logGroupName: 'nope' }, NO_LOG),
  log('DescribeLogStreams', { logGroupName: undefined }),
  log('GetLogEvents', {}),
  log('GetLogEvents', { logStreamName: 'nope' }, NO_LOG),
  log('GetLogEvents', { logStreamName: 'a', limit: 20_000 }),
  log('GetLogEvents', { logStreamName: 'a', startTime: -1 }),
  log('FilterLogEvents', { logStreamNames: ['a'], logStreamNamePrefix: 'b' }),
  log('FilterLogEvents', { logStreamNames: [] }),
  log('FilterLogEvents', { nextToken: 'nonsense' }),
  log('FilterLogEvents', { filterPattern: 'a'.repeat(1025) }),
  log('FilterLogEvents', { logGroupName: 'nope' }, NO_LOG),
];

const VALIDATION = 'ValidationException';

const OTHERS: readonly Row[] = [
  ['no name', 'secretsmanager:CreateSecret', {}, VALIDATION],
  ['a page of 51', 'ssm:DescribeParameters', { MaxResults: 51 }, VALIDATION],
  ['a filter without a key', 'ssm:DescribeParameters', { ParameterFilters: [{}] }, VALIDATION],
  ['an unknown type', 'ssm:PutParameter', { Name: 'a', Value: 'b', Type: 'Number' }, VALIDATION],
  ['a rule without a name', 'events:DescribeRule', {}, VALIDATION],
  ['an unknown state', 'events:PutRule', { Name: 'a', State: 'ON' }, VALIDATION],
  ['no targets', 'events:PutTargets', { Rule: 'a', Targets: [] }, VALIDATION],
  ['a revision as text', 'codedeploy:CreateDeployment', { revision: 'appspec.yml' }, TYPE],
  ['targets as an object', 'events:PutTargets', { Rule: 'a', Targets: {} }, TYPE],
];

const TABLES = { UPDATES, CREATIONS, LISTS, IMAGES, LOGS, OTHERS };

describe.each(Object.entries(TABLES))('%s', (_, rows) => {
  test.each(rows)('%s: %s', async (__, action, input, exception) => {
    expect(await refusal(action, input)).toBe(exception);
  });
});

test('no refused call has changed anything', async () => {
  const { body } = await call('ecs:DescribeServices', {
    cluster: CLUSTER_NAME,
    services: [SERVICE_NAME, 'new'],
  });
  expect(body).toMatchObject({
    services: [{ desiredCount: 2, deployments: [{ rolloutState: 'COMPLETED' }] }],
    failures: [{ reason: 'MISSING' }],
  });
});

describe('RegisterTaskDefinition refuses', () => {
  test.each(Object.entries(WRONG_DEFINITIONS))('%s', async (_, [definition, , exception]) => {
    expect(await refusal('ecs:RegisterTaskDefinition', definition)).toBe(exception ?? CLIENT);
  });

  test.each(Object.entries(MISTYPED_DEFINITIONS))('%s', async (_, definition) => {
    expect(await refusal('ecs:RegisterTaskDefinition', definition)).toBe(TYPE);
  });
});

test.each(Object.entries(RIGHT_DEFINITIONS))(
  'RegisterTaskDefinition takes %s',
  async (_, input) => {
    const { body } = await call('ecs:RegisterTaskDefinition', input);
    expect(body).toMatchObject({ taskDefinition: { status: 'ACTIVE' } });
  },
);

test('UpdateService drops what it does not have', async () => {
  const odd = { foo: 1, launchType: 'EC2', schedulingStrategy: 'DAEMON', desiredCount: null };
  const { body } = await call('ecs:UpdateService', { ...service, ...odd });
  expect(body['service']).toMatchObject({ launchType: 'FARGATE', schedulingStrategy: 'REPLICA' });
  expect(body['service']).not.toHaveProperty('foo');
});

const BODIES: readonly (readonly [string, string | Uint8Array<ArrayBuffer>])[] = [
  ['not JSON', 'cluster=backend'],
  ['half', '{"cluster": '],
  ['null', 'null'],
  ['a list', '[]'],
  ['a text', '"backend"'],
  ['not UTF-8', Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ['nested too deep', `{"clusters":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
];

describe('a body that is', () => {
  test.each(BODIES)('%s', async (_, body) => {
    const answer = await send('ecs:DescribeClusters', body);
    expect([answer.status, answer.body['__type']]).toEqual([400, TYPE]);
  });

  test('too large', async () => {
    const sent = request(sandbox.url, {
      method: 'POST',
      headers: { 'x-amz-target': `${TARGETS.ecs}.ListClusters`, 'content-length': 1e9 },
    });
    sent.flushHeaders();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(413);
    sent.destroy();
  });

  test('not JSON, for a REST API', async () => {
    const response = await fetch(`${sandbox.url}/schedules/a`, { method: 'PUT', body: '{' });
    expect(response.status).toBe(400);
    expect(response.headers.get('x-amzn-errortype')).toBe(TYPE);
  });

  test('not UTF-8, for a Query API', async () => {
    const body = Uint8Array.from([0xff, 0xfe]);
    const response = await fetch(sandbox.url, { method: 'POST', body });
    expect(response.status).toBe(400);
    expect(await response.text()).toMatch(/^<ErrorResponse .*<Code>SerializationException<\/Code>/);
  });
});

test.each(['constructor', 'toString', 'hasOwnProperty', '__proto__'])(
  'an operation or an API %s is none',
  async (name) => {
    const { status, body } = await call(`ecs:${name}`, {});
    expect([status, body['__type']]).toEqual([400, 'UnknownOperationException']);
    const headers = { 'x-amz-target': `${name}.${name}` };
    const response = await fetch(sandbox.url, { method: 'POST', headers, body: '{}' });
    expect(response.status).toBe(400);
  },
);

test('every operation that is served has a model', () => {
  const clock = startClock(1);
  const secrets = createSecrets(ACCOUNT);
  const served = {
    ecs: ECS_OPERATIONS,
    codedeploy: CODE_DEPLOY_OPERATIONS,
    logs: createLogs(clock).operations,
    events: createEventBridge({ account: ACCOUNT }).operations,
    secretsmanager: secrets.secretsmanager,
    ssm: secrets.ssm,
  };
  clock.stop();
  const unmodelled = Object.entries(served).flatMap(([api, operations]) =>
    Object.keys(operations)
      .filter((name) => !hasModel(api, name))
      .map((name) => `${api}:${name}`),
  );
  expect(unmodelled).toEqual([]);
});
