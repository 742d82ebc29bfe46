import {
  CreateClusterCommand,
  CreateServiceCommand,
  DeleteClusterCommand,
  DeleteServiceCommand,
  DescribeClustersCommand,
  DescribeTasksCommand,
  ListClustersCommand,
  ListServicesByNamespaceCommand,
  ListServicesCommand,
  ListTagsForResourceCommand,
  ListTasksCommand,
  RunTaskCommand,
  TagResourceCommand,
  UntagResourceCommand,
  waitUntilServicesInactive,
  waitUntilTasksStopped,
} from '@aws-sdk/client-ecs';
import { expect, test } from 'vitest';
import { callRaw, describeService, SERVICE, startWorld, until } from './ecs-world.ts';
import type { World } from './ecs-world.ts';

const ecs = (world: World, operation: string, input: object) =>
  callRaw(world, `AmazonEC2ContainerServiceV20141113.${operation}`, input) as Promise<any>; // oxlint-disable-line typescript/no-explicit-any

const WAIT = { maxWaitTime: 20, minDelay: 1, maxDelay: 1 };
const NETWORK = { awsvpcConfiguration: { subnets: ['subnet-1'] } };

test('a service is deleted to its end, and one of its name can be created again', async () => {
  const world = await startWorld({ speed: 1 });
  const { client } = world;
  const named = { cluster: 'backend', service: 'app' };
  await expect(client.send(new DeleteServiceCommand(named))).rejects.toThrow('scaled above 0');
  const { service } = await client.send(new DeleteServiceCommand({ ...named, force: true }));
  expect(service).toMatchObject({ status: 'DRAINING', desiredCount: 0 });
  expect((await client.send(new ListServicesCommand(named))).serviceArns).toEqual([]);
  const again = new CreateServiceCommand(SERVICE);
  await expect(client.send(again)).rejects.toThrow(
    'Unable to Start a service that is still Draining.',
  );
  await waitUntilServicesInactive({ client, ...WAIT }, { cluster: 'backend', services: ['app'] });
  expect(await describeService(world)).toMatchObject({
    status: 'INACTIVE',
    runningCount: 0,
    deployments: [],
  });
  await client.send(again);
  expect(await describeService(world)).toMatchObject({ status: 'ACTIVE', desiredCount: 2 });
});

test('a cluster is created once, and deleted once it is empty', async () => {
  const world = await startWorld();
  const { client } = world;
  const create = new CreateClusterCommand({
    clusterName: 'jobs',
    tags: [{ key: 'team', value: 'web' }],
    capacityProviders: ['FARGATE_SPOT'],
  });
  await client.send(create);
  const { cluster } = await client.send(create);
  expect(cluster).toMatchObject({
    status: 'ACTIVE',
    capacityProviders: ['FARGATE_SPOT'],
    settings: [{ name: 'containerInsights', value: 'disabled' }],
    tags: [{ key: 'team', value: 'web' }],
  });
  const { tasks = [] } = await client.send(
    new RunTaskCommand({ cluster: 'jobs', taskDefinition: 'app', networkConfiguration: NETWORK }),
  );
  const remove = (name: string) => client.send(new DeleteClusterCommand({ cluster: name }));
  await expect(remove('backend')).rejects.toThrow('while Services are active.');
  await expect(remove('jobs')).rejects.toThrow('while Tasks are active.');
  await ecs(world, 'StopTask', { cluster: 'jobs', task: tasks[0]?.taskArn });
  const stopped = { cluster: 'jobs', tasks: [tasks[0]?.taskArn ?? ''] };
  await waitUntilTasksStopped({ client, ...WAIT }, stopped);
  expect((await remove('jobs')).cluster).toMatchObject({ status: 'INACTIVE' });
  expect((await client.send(new ListClustersCommand({}))).clusterArns).toHaveLength(1);
  const described = new DescribeClustersCommand({ clusters: ['jobs'] });
  expect((await client.send(described)).clusters).toMatchObject([{ status: 'INACTIVE' }]);
  await expect(client.send(new ListTasksCommand({ cluster: 'jobs' }))).rejects.toThrow(
    'The referenced cluster was inactive.',
  );
});

test('settings and capacity providers of a cluster can be changed', async () => {
  const world = await startWorld();
  const cluster = { cluster: 'backend' };
  const own = { autoScalingGroupArn: 'arn:aws:autoscaling:x' };
  const created = await ecs(world, 'CreateCapacityProvider', {
    name: 'own',
    autoScalingGroupProvider: own,
  });
  expect(created.capacityProvider).toMatchObject({ status: 'ACTIVE', name: 'own' });
  const put = await ecs(world, 'PutClusterCapacityProviders', {
    ...cluster,
    capacityProviders: ['own', 'FARGATE'],
    defaultCapacityProviderStrategy: [{ capacityProvider: 'own', weight: 1 }],
  });
  expect(put.cluster.capacityProviders).toEqual(['own', 'FARGATE']);
  const unknown = { ...cluster, capacityProviders: ['none'], defaultCapacityProviderStrategy: [] };
  expect(await ecs(world, 'PutClusterCapacityProviders', unknown)).toMatchObject({
    __type: 'InvalidParameterException',
  });
  expect(await ecs(world, 'DeleteCapacityProvider', { capacityProvider: 'own' })).toMatchObject({
    __type: 'InvalidParameterException',
  });
  await ecs(world, 'UpdateClusterSettings', {
    ...cluster,
    settings: [{ name: 'containerInsights', value: 'enhanced' }],
  });
  const { clusters } = await ecs(world, 'DescribeClusters', {
    clusters: ['backend'],
    include: ['SETTINGS'],
  });
  expect(clusters).toMatchObject([
    { settings: [{ value: 'enhanced' }], defaultCapacityProviderStrategy: [{ weight: 1 }] },
  ]);
  const described = await ecs(world, 'DescribeCapacityProviders', {
    capacityProviders: ['own', 'FARGATE', 'none'],
  });
  expect(described).toMatchObject({
    capacityProviders: [{ name: 'own' }, { name: 'FARGATE' }],
    failures: [{ reason: 'MISSING' }],
  });
});

test('the default strategy of a cluster places tasks that ask for no launch type', async () => {
  const world = await startWorld();
  const { client } = world;
  await ecs(world, 'PutClusterCapacityProviders', {
    cluster: 'backend',
    capacityProviders: ['FARGATE', 'FARGATE_SPOT'],
    defaultCapacityProviderStrategy: [
      { capacityProvider: 'FARGATE', base: 1 },
      { capacityProvider: 'FARGATE_SPOT', weight: 1 },
    ],
  });
  const request = { cluster: 'backend', taskDefinition: 'app:1', networkConfiguration: NETWORK };
  const { tasks } = await client.send(new RunTaskCommand({ ...request, count: 3 }));
  expect(tasks?.map((task) => task.capacityProviderName)).toEqual([
    'FARGATE',
    'FARGATE_SPOT',
    'FARGATE_SPOT',
  ]);
  expect(tasks?.[2]).toMatchObject({
    launchType: 'FARGATE',
    platformVersion: '1.4.0',
    ephemeralStorage: { sizeInGiB: 20 },
    fargateEphemeralStorage: { sizeInGiB: 20 },
  });
  const launched = await client.send(new RunTaskCommand({ ...request, launchType: 'FARGATE' }));
  expect(launched.tasks?.[0]).not.toHaveProperty('capacityProviderName');
  const { service } = await client.send(
    new CreateServiceCommand({ ...request, serviceName: 'new', desiredCount: 2 }),
  );
  expect(service?.capacityProviderStrategy).toHaveLength(2);
  expect(service).not.toHaveProperty('launchType');
  const { taskArns } = await until(
    () => client.send(new ListTasksCommand({ cluster: 'backend', serviceName: 'new' })),
    (list) => list.taskArns?.length === 2,
  );
  const described = await client.send(
    new DescribeTasksCommand({ cluster: 'backend', tasks: taskArns }),
  );
  expect(described.tasks?.map((task) => task.capacityProviderName)).toEqual([
    'FARGATE',
    'FARGATE_SPOT',
  ]);
  const back = { cluster: 'backend', service: 'new', capacityProviderStrategy: [] };
  expect((await ecs(world, 'UpdateService', back)).service).not.toHaveProperty(
    'capacityProviderStrategy',
  );
});

test('resources are tagged, and tasks get the tags of their service or revision', async () => {
  const world = await startWorld({
    service: {
      tags: [{ key: 'team', value: 'web' }],
      propagateTags: 'SERVICE',
      enableECSManagedTags: true,
    },
  });
  const { client } = world;
  const { serviceArn: resourceArn } = await describeService(world);
  await client.send(new TagResourceCommand({ resourceArn, tags: [{ key: 'a', value: 'b' }] }));
  await client.send(new UntagResourceCommand({ resourceArn, tagKeys: ['team'] }));
  const { tags } = await client.send(new ListTagsForResourceCommand({ resourceArn }));
  expect(tags).toEqual([{ key: 'a', value: 'b' }]);
  const { taskArns = [] } = await client.send(new ListTasksCommand({ cluster: 'backend' }));
  const describe = { cluster: 'backend', tasks: taskArns.slice(0, 1) };
  const bare = await client.send(new DescribeTasksCommand(describe));
  expect(bare.tasks?.[0]?.tags).toEqual([]);
  const whole = await client.send(new DescribeTasksCommand({ ...describe, include: ['TAGS'] }));
  expect(whole.tasks?.[0]?.tags).toEqual([
    { key: 'team', value: 'web' },
    { key: 'aws:ecs:clusterName', value: 'backend' },
    { key: 'aws:ecs:serviceName', value: 'app' },
  ]);
  const forbidden = { resourceArn, tags: [{ key: 'aws:x', value: '' }] };
  await expect(client.send(new TagResourceCommand(forbidden))).rejects.toThrow('aws:');
});

test('services are listed by their namespace, and account settings are kept', async () => {
  const world = await startWorld({
    service: { serviceConnectConfiguration: { enabled: true, namespace: 'shop' } },
  });
  const { client } = world;
  const list = (namespace: string) =>
    client.send(new ListServicesByNamespaceCommand({ namespace }));
  expect((await list('shop')).serviceArns).toHaveLength(1);
  expect((await list('other')).serviceArns).toEqual([]);
  await ecs(world, 'PutAccountSetting', { name: 'containerInsights', value: 'enabled' });
  const { settings } = await ecs(world, 'ListAccountSettings', { effectiveSettings: true });
  expect(settings).toContainEqual(
    expect.objectContaining({ name: 'containerInsights', value: 'enabled' }),
  );
  expect((await ecs(world, 'ListAccountSettings', {})).settings).toHaveLength(1);
  expect(await ecs(world, 'PutAccountSetting', { name: 'x', value: 'on' })).toMatchObject({
    __type: 'InvalidParameterException',
  });
});
