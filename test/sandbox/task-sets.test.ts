import {
  CreateServiceCommand,
  CreateTaskSetCommand,
  DeleteTaskSetCommand,
  DescribeTaskSetsCommand,
  UpdateServiceCommand,
  UpdateServicePrimaryTaskSetCommand,
  UpdateTaskSetCommand,
} from '@aws-sdk/client-ecs';
import type { Service } from '@aws-sdk/client-ecs';
import { expect, test } from 'vitest';
import { definition, describeService, register, startWorld } from './ecs-world.ts';

const NAMED = { cluster: 'backend', service: 'own' };
const NETWORK = { awsvpcConfiguration: { subnets: ['subnet-1'] } };

test('a deployment controller of one’s own moves a service between task sets', async () => {
  const world = await startWorld();
  const { client } = world;
  const { taskDefinition: { taskDefinitionArn: second } = {} } = await register(
    world,
    definition('v2'),
  );
  const service = (condition: (service: Service) => boolean) =>
    describeService(world, 'own', condition);
  const created = await client.send(
    new CreateServiceCommand({
      cluster: 'backend',
      serviceName: 'own',
      desiredCount: 4,
      deploymentController: { type: 'EXTERNAL' },
    }),
  );
  expect(created.service).toMatchObject({ taskSets: [], deployments: [], runningCount: 0 });
  expect(created.service).not.toHaveProperty('taskDefinition');

  const make = (taskDefinition: string | undefined, percent: number) =>
    client.send(
      new CreateTaskSetCommand({
        ...NAMED,
        taskDefinition,
        launchType: 'FARGATE',
        networkConfiguration: NETWORK,
        externalId: `release-${percent}`,
        scale: { value: percent, unit: 'PERCENT' },
        tags: [{ key: 'team', value: 'web' }],
      }),
    );
  const { taskSet: blue } = await make('app:1', 100);
  expect(blue).toMatchObject({
    status: 'ACTIVE',
    stabilityStatus: 'STABILIZING',
    computedDesiredCount: 4,
    externalId: 'release-100',
    tags: [{ key: 'team', value: 'web' }],
  });
  const move = (primaryTaskSet: string | undefined) =>
    client.send(new UpdateServicePrimaryTaskSetCommand({ ...NAMED, primaryTaskSet }));
  await move(blue?.taskSetArn);
  await service(({ runningCount }) => runningCount === 4);

  const { taskSet: green } = await make(second, 25);
  expect(green?.computedDesiredCount).toBe(1);
  const scale = { value: 100, unit: 'PERCENT' } as const;
  await client.send(new UpdateTaskSetCommand({ ...NAMED, taskSet: green?.id, scale }));
  await service(({ runningCount }) => runningCount === 8);
  await move(green?.id);
  const remove = (force: boolean) =>
    client.send(new DeleteTaskSetCommand({ ...NAMED, taskSet: blue?.taskSetArn, force }));
  await expect(remove(false)).rejects.toThrow('scaled above 0');
  expect((await remove(true)).taskSet).toMatchObject({ status: 'DRAINING', scale: { value: 0 } });
  const isSteady = ({ taskSets = [] }: Service) =>
    taskSets.length === 1 && taskSets[0]?.stabilityStatus === 'STEADY_STATE';
  expect(await service(isSteady)).toMatchObject({
    taskDefinition: second,
    runningCount: 4,
    taskSets: [{ id: green?.id, status: 'PRIMARY' }],
  });
  await client.send(new UpdateServiceCommand({ ...NAMED, desiredCount: 2 }));
  const { taskSets } = await client.send(new DescribeTaskSetsCommand(NAMED));
  expect(taskSets).toMatchObject([{ computedDesiredCount: 2 }]);
  await expect(
    client.send(new UpdateServiceCommand({ ...NAMED, taskDefinition: 'app:1' })),
  ).rejects.toThrow('Unable to update task definition on services with an EXTERNAL');
  await expect(move('ecs-svc/1')).rejects.toMatchObject({ name: 'TaskSetNotFoundException' });
  await expect(
    client.send(new DescribeTaskSetsCommand({ ...NAMED, service: 'gone' })),
  ).rejects.toMatchObject({ name: 'ServiceNotFoundException' });
  await expect(
    client.send(new CreateTaskSetCommand({ ...NAMED, service: 'app', taskDefinition: 'app:1' })),
  ).rejects.toThrow('EXTERNAL deployment controller');
});
