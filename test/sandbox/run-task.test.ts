import {
  DeregisterTaskDefinitionCommand,
  DescribeTasksCommand,
  ListTasksCommand,
  RunTaskCommand,
  StopTaskCommand,
} from '@aws-sdk/client-ecs';
import type { RunTaskCommandInput, Task } from '@aws-sdk/client-ecs';
import { expect, test } from 'vitest';
import { definition, LOG_GROUP, register, startWorld, until } from './ecs-world.ts';
import type { World } from './ecs-world.ts';

const COMMAND = { containerOverrides: [{ name: 'web', command: ['rails', 'db:migrate'] }] };
const INPUT: RunTaskCommandInput = {
  cluster: 'backend',
  taskDefinition: 'app:1',
  launchType: 'FARGATE',
  networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'] } },
  overrides: COMMAND,
  startedBy: 'ecsdeploy/run/1',
};

const run = ({ client }: World, more: Partial<RunTaskCommandInput> = {}) =>
  client.send(new RunTaskCommand({ ...INPUT, ...more }));

const describeTask = ({ client }: World, arn = '', condition: (task: Task) => boolean) =>
  until(async () => {
    const command = new DescribeTasksCommand({ cluster: 'backend', tasks: [arn] });
    return (await client.send(command)).tasks?.[0] ?? {};
  }, condition);

const stopped = (world: World, arn: string | undefined) =>
  describeTask(world, arn, ({ lastStatus }) => lastStatus === 'STOPPED');

test('a task runs its command once; then its sidecars end with 143', async () => {
  const world = await startWorld();
  const { tasks, failures } = await run(world);
  expect(failures).toEqual([]);
  expect(tasks).toMatchObject([
    { lastStatus: 'PROVISIONING', group: 'family:app', startedBy: 'ecsdeploy/run/1' },
  ]);
  const task = await stopped(world, tasks?.[0]?.taskArn);
  expect(task.stopCode).toBe('EssentialContainerExited');
  expect(task.containers?.map(({ name, exitCode }) => [name, exitCode])).toEqual([
    ['web', 0],
    ['agent', 143],
  ]);
  expect(task.overrides?.containerOverrides).toEqual([
    COMMAND.containerOverrides[0],
    { name: 'agent' },
  ]);
  const list = new ListTasksCommand({
    cluster: 'backend',
    startedBy: 'ecsdeploy/run/1',
    desiredStatus: 'STOPPED',
  });
  expect((await world.client.send(list)).taskArns).toEqual([task.taskArn]);
});

test('its last log line arrives after its end', async () => {
  const world = await startWorld();
  const { tasks } = await run(world);
  const id = tasks?.[0]?.taskArn?.split('/').at(-1);
  await stopped(world, tasks?.[0]?.taskArn);
  const read = world.logs.operations['GetLogEvents'];
  if (read === undefined) throw new Error('the logs cannot be read');
  const input = { logGroupName: LOG_GROUP, logStreamName: `ecs/web/${id}`, startFromHead: true };
  const { events } = (await read(input, { region: 'ap-northeast-2' })) as {
    events: readonly { message: string }[];
  };
  expect(events.map(({ message }) => message)).toEqual([
    'Running /server --port 8080 rails db:migrate',
    'Done',
  ]);
});

test('StopTask ends it with 143', async () => {
  const world = await startWorld({ faults: [{ name: 'command-hangs' }] });
  const { tasks } = await run(world);
  const arn = tasks?.[0]?.taskArn;
  await describeTask(world, arn, ({ lastStatus }) => lastStatus === 'RUNNING');
  await world.client.send(new StopTaskCommand({ cluster: 'backend', task: arn, reason: 'enough' }));
  expect(await stopped(world, arn)).toMatchObject({
    stopCode: 'UserInitiated',
    stoppedReason: 'enough',
    containers: [{ exitCode: 143 }, { exitCode: 143 }],
  });
});

test('a client token starts one task, and names it to other parameters', async () => {
  const world = await startWorld();
  const [first, again] = [
    await run(world, { clientToken: 'once' }),
    await run(world, { clientToken: 'once' }),
  ];
  expect(again.tasks?.[0]?.taskArn).toBe(first.tasks?.[0]?.taskArn);
  await expect(run(world, { clientToken: 'once', count: 2 })).rejects.toMatchObject({
    name: 'ConflictException',
    resourceIds: [first.tasks?.[0]?.taskArn],
  });
});

test('a container with a restart policy is started again once it has run long enough', async () => {
  // The command ends after a day.
  const world = await startWorld({
    faults: [{ name: 'command-hangs' }],
    speed: 100_000,
    definition: definition('v1', {
      restartPolicy: { enabled: true, restartAttemptPeriod: 60 },
    }),
  });
  const { tasks } = await run(world);
  const arn = tasks?.[0]?.taskArn;
  const task = await describeTask(world, arn, ({ startedAt }) => startedAt !== undefined);
  await until(
    async () => world.clock.now() - (task.startedAt?.getTime() ?? 0) / 1000,
    (age) => age > 100_000,
  );
  expect(await describeTask(world, arn, () => true)).toMatchObject({ lastStatus: 'RUNNING' });
});

test('failures name each container instance that was examined', async () => {
  const world = await startWorld({ faults: [{ name: 'resources-missing' }] });
  const { tasks, failures } = await run(world);
  expect(tasks).toEqual([]);
  expect(failures?.map(({ reason }) => reason)).toEqual([
    'RESOURCE:MEMORY',
    'RESOURCE:MEMORY',
    'RESOURCE:CPU',
  ]);
  expect(failures?.every(({ arn }) => arn?.includes(':container-instance/'))).toBe(true);
});

test.each<readonly [string, Partial<RunTaskCommandInput>]>([
  [
    "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
    { networkConfiguration: undefined },
  ],
  [
    'Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.',
    { capacityProviderStrategy: [{ capacityProvider: 'FARGATE' }] },
  ],
  [
    'cannot contain a capacity provider that is not associated with the cluster',
    { launchType: undefined, capacityProviderStrategy: [{ capacityProvider: 'own' }] },
  ],
  ['Invalid value for propagateTags', { propagateTags: 'SERVICE' }],
  ['Invalid value for startedBy.', { startedBy: 'a:b' }],
  [
    'Override for container named nginx is not a container in the TaskDefinition.',
    { overrides: { containerOverrides: [{ name: 'nginx' }] } },
  ],
  [
    'Container Overrides length must be at most 8192',
    { overrides: { containerOverrides: [{ name: 'web', command: ['x'.repeat(8192)] }] } },
  ],
  ['No Fargate configuration exists for given values.', { overrides: { memory: '8192' } }],
  [
    'The platform version must be null when specifying an EC2 launch type.',
    { launchType: 'EC2', platformVersion: '1.4.0' },
  ],
  [
    'Placement strategies are not supported with FARGATE launch type.',
    { placementStrategy: [{ type: 'random' }] },
  ],
  ['Cluster not found.', { cluster: 'other' }],
  ['TaskDefinition not found.', { taskDefinition: 'app:9' }],
  ['TaskDefinition is inactive', { taskDefinition: 'app:2' }],
])('%s', async (message, more) => {
  const world = await startWorld();
  await register(world, definition('v2'));
  await world.client.send(new DeregisterTaskDefinitionCommand({ taskDefinition: 'app:2' }));
  await expect(run(world, more)).rejects.toThrow(message);
});
