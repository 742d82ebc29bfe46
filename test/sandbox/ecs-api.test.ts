import type { RegisterTaskDefinitionCommandInput } from '@aws-sdk/client-ecs';
import {
  CreateServiceCommand,
  DeregisterTaskDefinitionCommand,
  DescribeClustersCommand,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  ListClustersCommand,
  ListServicesCommand,
  ListTagsForResourceCommand,
  ListTaskDefinitionFamiliesCommand,
  ListTaskDefinitionsCommand,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  StopTaskCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import { describe, expect, test } from 'vitest';
import {
  ACCOUNT,
  callRaw,
  clientFor,
  definition,
  describeService,
  REGION,
  register,
  SERVICE,
  startWorld,
} from './ecs-world.ts';

const SERVICE_ARN = `arn:aws:ecs:${REGION}:${ACCOUNT}:service/backend/app`;

describe('the start world', () => {
  test('contains a service in its steady state', async () => {
    const world = await startWorld();
    const service = await describeService(world);
    expect(service).toMatchObject({
      serviceArn: SERVICE_ARN,
      clusterArn: `arn:aws:ecs:${REGION}:${ACCOUNT}:cluster/backend`,
      status: 'ACTIVE',
      desiredCount: 2,
      runningCount: 2,
      pendingCount: 0,
      launchType: 'FARGATE',
      platformVersion: '1.4.0',
      platformFamily: 'Linux',
      taskDefinition: `arn:aws:ecs:${REGION}:${ACCOUNT}:task-definition/app:1`,
      deploymentConfiguration: {
        maximumPercent: 200,
        minimumHealthyPercent: 100,
        deploymentCircuitBreaker: { enable: true, rollback: true },
        strategy: 'ROLLING',
      },
      deployments: [
        { status: 'PRIMARY', rolloutState: 'COMPLETED', runningCount: 2, failedTasks: 0 },
      ],
    });
    const [deployment] = service.deployments ?? [];
    expect(deployment?.rolloutStateReason).toBe(`ECS deployment ${deployment?.id} completed.`);
    expect(service.events?.[0]?.message).toBe('(service app) has reached a steady state.');
    expect(service.currentServiceRevisions).toMatchObject([{ runningTaskCount: 2 }]);
    expect(service.currentServiceDeployment).toContain(':service-deployment/backend/app/');
  });

  test('exists only in its own region', async () => {
    const world = await startWorld();
    const elsewhere = clientFor(world.port, 'us-east-1');
    const { clusterArns } = await elsewhere.send(new ListClustersCommand({}));
    expect(clusterArns).toEqual([]);
    await expect(
      elsewhere.send(new DescribeServicesCommand({ cluster: 'backend', services: ['app'] })),
    ).rejects.toMatchObject({ name: 'ClusterNotFoundException', message: 'Cluster not found.' });
  });

  test('can be found by name, short ARN and full ARN', async () => {
    const { client } = await startWorld();
    const cluster = `arn:aws:ecs:${REGION}:${ACCOUNT}:cluster/backend`;
    const short = `arn:aws:ecs:${REGION}:${ACCOUNT}:service/app`;
    const answer = await client.send(
      new DescribeServicesCommand({ cluster, services: [SERVICE_ARN, short, 'app', 'nope'] }),
    );
    expect(answer.services).toHaveLength(3);
    expect(answer.failures).toEqual([
      { arn: `arn:aws:ecs:${REGION}:${ACCOUNT}:service/backend/nope`, reason: 'MISSING' },
    ]);
    const { serviceArns } = await client.send(new ListServicesCommand({ cluster: 'backend' }));
    expect(serviceArns).toEqual([SERVICE_ARN]);
    const { clusters, failures } = await client.send(
      new DescribeClustersCommand({ clusters: ['backend', 'nope'] }),
    );
    expect(clusters).toMatchObject([{ clusterName: 'backend', runningTasksCount: 2 }]);
    expect(failures).toMatchObject([{ reason: 'MISSING' }]);
  });

  test('lists tasks by every filter', async () => {
    const world = await startWorld();
    const { client } = world;
    const startedBy = (await describeService(world)).deployments?.[0]?.id;
    const filters = [
      {},
      { serviceName: 'app' },
      { family: 'app' },
      { startedBy },
      { desiredStatus: 'RUNNING' as const },
    ];
    for (const filter of filters) {
      const list = await client.send(new ListTasksCommand({ cluster: 'backend', ...filter }));
      expect(list.taskArns).toHaveLength(2);
    }
    const none = [{ family: 'other' }, { startedBy: 'x' }, { desiredStatus: 'STOPPED' as const }];
    for (const filter of none) {
      const list = await client.send(new ListTasksCommand({ cluster: 'backend', ...filter }));
      expect(list.taskArns).toEqual([]);
    }
    const first = await client.send(new ListTasksCommand({ cluster: 'backend', maxResults: 1 }));
    expect(first.taskArns).toHaveLength(1);
    const second = await client.send(
      new ListTasksCommand({ cluster: 'backend', maxResults: 1, nextToken: first.nextToken }),
    );
    expect(second.taskArns).toHaveLength(1);
    expect(second.nextToken).toBeUndefined();

    const id = second.taskArns?.[0]?.split('/').at(-1) ?? '';
    const { tasks, failures } = await client.send(
      new DescribeTasksCommand({ cluster: 'backend', tasks: [id, 'f'.repeat(32)] }),
    );
    expect(failures).toMatchObject([{ reason: 'MISSING' }]);
    expect(tasks).toMatchObject([
      {
        lastStatus: 'RUNNING',
        desiredStatus: 'RUNNING',
        group: 'service:app',
        startedBy,
        healthStatus: 'UNKNOWN',
        containers: [
          { name: 'web', lastStatus: 'RUNNING', imageDigest: `sha256:${'1'.repeat(64)}` },
          { name: 'agent', lastStatus: 'RUNNING' },
        ],
      },
    ]);
  });
});

describe('RegisterTaskDefinition', () => {
  test('adds the defaults of ECS and a number to every registration', async () => {
    const world = await startWorld();
    const tags = [{ key: 'team', value: 'backend' }];
    const registered = await register(world, { ...definition('v1'), tags });
    const again = await register(world, { ...definition('v1'), tags });
    expect([registered, again].map((answer) => answer.taskDefinition?.revision)).toEqual([2, 3]);
    expect(again.tags).toEqual(tags);
    expect(again.taskDefinition).toMatchObject({
      status: 'ACTIVE',
      volumes: [],
      placementConstraints: [],
      compatibilities: ['EC2', 'MANAGED_INSTANCES', 'FARGATE'],
      containerDefinitions: [
        {
          cpu: 0,
          essential: true,
          environment: [],
          mountPoints: [],
          volumesFrom: [],
          systemControls: [],
          portMappings: [{ containerPort: 8080, hostPort: 8080, protocol: 'tcp' }],
        },
        { essential: false, portMappings: [] },
      ],
    });
    const untagged = await world.client.send(
      new DescribeTaskDefinitionCommand({ taskDefinition: 'app:3' }),
    );
    expect(untagged.tags).toBeUndefined();
    const tagged = await world.client.send(
      new DescribeTaskDefinitionCommand({ taskDefinition: 'app', include: ['TAGS'] }),
    );
    expect(tagged).toMatchObject({ tags, taskDefinition: { revision: 3 } });
    const resourceArn = tagged.taskDefinition?.taskDefinitionArn;
    const listed = await world.client.send(new ListTagsForResourceCommand({ resourceArn }));
    expect(listed.tags).toEqual(tags);
  });

  test('keeps unknown members', async () => {
    const world = await startWorld();
    const future = { futureMember: { depth: [1, '', null] } };
    const [web, agent] = definition('v1')['containerDefinitions'] as Record<string, unknown>[];
    await callRaw(world, 'AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition', {
      ...definition('v1'),
      ...future,
      containerDefinitions: [{ ...web, ...future }, agent],
    });
    const answer = await callRaw(
      world,
      'AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition',
      { taskDefinition: 'app' },
    );
    expect(answer).toMatchObject({
      taskDefinition: { ...future, containerDefinitions: [future, {}] },
    });
  });

  test.each([
    [{ containerDefinitions: [] }, 'Container list cannot be empty.'],
    [
      { cpu: '1024', memory: '1024' },
      'No Fargate configuration exists for given values: 1024 CPU, 1024 memory. ' +
        'See the Amazon ECS documentation for the valid values.',
    ],
    [{ cpu: undefined }, "Fargate requires that 'cpu' be defined at the task level."],
    [{ memory: undefined }, "At least one of 'memory' or 'memoryReservation' must be specified."],
    [{ networkMode: 'bridge' }, 'Fargate only supports network mode ‘awsvpc’.'],
    [
      { executionRoleArn: undefined },
      'Fargate requires task definition to have execution role ARN to support ECR images.',
    ],
    [{ executionRoleArn: 'arn:aws:iam::1:user/x' }, 'Role is not valid'],
    [
      { containerDefinitions: [{ name: 'a', image: 'b', essential: false }] },
      "Task definition doesn't have any essential container.",
    ],
    [
      { containerDefinitions: [{ name: '', image: 'b' }] },
      'Container.name should not be null or empty.',
    ],
    [
      { containerDefinitions: [{ name: 'a', image: '' }] },
      'Container.image should not be null or empty.',
    ],
    [
      {
        containerDefinitions: [
          { name: 'a', image: 'b', logConfiguration: { logDriver: 'awslogs' } },
        ],
      },
      'Log driver awslogs requires options: awslogs-region, awslogs-group',
    ],
    [
      {
        containerDefinitions: [
          { name: 'a', image: 'b', logConfiguration: { logDriver: 'json-file' } },
        ],
      },
      'json-file is not a valid log driver. Must be one of [awslogs,splunk,awsfirelens]',
    ],
  ])('refuses %j', async (change, message) => {
    const world = await startWorld();
    await expect(
      world.client.send(
        new RegisterTaskDefinitionCommand({
          ...definition('v1'),
          ...change,
        } as RegisterTaskDefinitionCommandInput),
      ),
    ).rejects.toMatchObject({
      name: 'ClientException',
      message: expect.stringContaining(message) as string,
    });
  });

  test('accepts sizes with units', async () => {
    const world = await startWorld();
    const { taskDefinition } = await register(world, {
      ...definition('v1'),
      cpu: '1 vCPU',
      memory: '2GB',
    });
    expect(taskDefinition).toMatchObject({ cpu: '1024', memory: '2048' });
  });
});

describe('revisions', () => {
  test('are listed and deregistered', async () => {
    const world = await startWorld();
    const { client } = world;
    await register(world, definition('v2'));
    await client.send(new DeregisterTaskDefinitionCommand({ taskDefinition: 'app:2' }));
    const numbers = async (input: { status?: 'INACTIVE'; familyPrefix?: string }) => {
      const list = await client.send(new ListTaskDefinitionsCommand(input));
      return list.taskDefinitionArns?.map((arn) => arn.split('/').at(-1));
    };
    expect(await numbers({})).toEqual(['app:1']);
    expect(await numbers({ status: 'INACTIVE' })).toEqual(['app:2']);
    expect(await numbers({ familyPrefix: 'ap' })).toEqual([]);
    const { families } = await client.send(
      new ListTaskDefinitionFamiliesCommand({ familyPrefix: 'ap' }),
    );
    expect(families).toEqual(['app']);
    await expect(
      client.send(new DescribeTaskDefinitionCommand({ taskDefinition: 'app:9' })),
    ).rejects.toMatchObject({
      name: 'ClientException',
      message: 'Unable to describe task definition.',
    });
    await expect(
      client.send(
        new UpdateServiceCommand({ cluster: 'backend', service: 'app', taskDefinition: 'app:2' }),
      ),
    ).rejects.toMatchObject({ name: 'ClientException', message: 'TaskDefinition is inactive' });
  });
});

describe('UpdateService refuses', () => {
  const update = { cluster: 'backend', service: 'app' };

  test.each([
    [{ ...update, cluster: 'nope' }, 'ClusterNotFoundException', 'Cluster not found.'],
    [{ ...update, service: 'nope' }, 'ServiceNotFoundException', 'Service not found.'],
    [{ ...update, taskDefinition: 'app:9' }, 'ClientException', 'TaskDefinition not found.'],
    [
      { ...update, desiredCount: -1 },
      'InvalidParameterException',
      'desiredCount cannot be a negative number.',
    ],
  ])('%j', async (input, name, message) => {
    const { client } = await startWorld();
    await expect(client.send(new UpdateServiceCommand(input))).rejects.toMatchObject({
      name,
      message,
    });
  });

  test('a revision without the container or port of the load balancer', async () => {
    const loadBalancer = { targetGroupArn: 'arn:tg', containerName: 'web', containerPort: 8080 };
    const world = await startWorld({ service: { loadBalancers: [loadBalancer] } });
    const deploy = async (application: Record<string, unknown>) => {
      await register(world, definition('v2', application));
      return world.client.send(new UpdateServiceCommand({ ...update, taskDefinition: 'app' }));
    };
    await expect(deploy({ name: 'api' })).rejects.toMatchObject({
      name: 'InvalidParameterException',
      message: 'The container web does not exist in the task definition.',
    });
    await expect(deploy({ portMappings: [{ containerPort: 80 }] })).rejects.toMatchObject({
      message: 'The container web did not have a container port 8080 defined.',
    });
  });

  test('a service that CodeDeploy deploys', async () => {
    const world = await startWorld({ service: { deploymentController: { type: 'CODE_DEPLOY' } } });
    await expect(
      world.client.send(new UpdateServiceCommand({ ...update, taskDefinition: 'app' })),
    ).rejects.toMatchObject({
      name: 'InvalidParameterException',
      message: expect.stringContaining('CODE_DEPLOY deployment controller') as string,
    });
  });
});

test('a service reaches its steady state after CreateService', async () => {
  const world = await startWorld();
  const { service } = await world.client.send(
    new CreateServiceCommand({ ...SERVICE, serviceName: 'worker' }),
  );
  expect(service).toMatchObject({ serviceName: 'worker', runningCount: 0 });
  const steady = await describeService(world, 'worker', ({ runningCount, deployments }) => {
    return runningCount === 2 && deployments?.[0]?.rolloutState === 'COMPLETED';
  });
  expect(steady.events?.[0]?.message).toBe('(service worker) has reached a steady state.');
});

test('StopTask needs a task that exists', async () => {
  const { client } = await startWorld();
  await expect(
    client.send(new StopTaskCommand({ cluster: 'backend', task: 'f'.repeat(32) })),
  ).rejects.toMatchObject({
    name: 'InvalidParameterException',
    message: 'The referenced task was not found.',
  });
});
