import type { Task as EcsTask } from '@aws-sdk/client-ecs';
import type { Service, Task } from '../core/ecs.ts';
import type { Instances } from '../core/load-balancer.ts';
import { shortName } from '../core/task-definition.ts';
import { abort, chunks, sdk, whole } from './ecs.ts';
import type { Ecs } from './ecs.ts';

/**
 * The limit of DescribeTasks and DescribeContainerInstances in one call
 * (docs/explanation/how-ecs-behaves.md#request-limits).
 */
const DESCRIBED_PER_CALL = 100;

/** The tasks of one deployment, running or stopped. */
export async function tasksOf(
  ecs: Ecs,
  service: Service,
  deployment: string,
  desiredStatus: 'RUNNING' | 'STOPPED',
): Promise<readonly Task[]> {
  const tasks = await allTasksOf(ecs, service, desiredStatus);
  const { taskSet = deployment } = service.deployments.find(({ id }) => id === deployment) ?? {};
  // `startedBy` would have to be the only filter of ListTasks, so it is compared here.
  return tasks.filter(({ startedBy }) => startedBy === taskSet);
}

/** All tasks of a service, running or stopped (ECS shows stopped ones for an hour). */
export async function allTasksOf(
  ecs: Ecs,
  { cluster, name }: Service,
  desiredStatus: 'RUNNING' | 'STOPPED',
): Promise<readonly Task[]> {
  const { ListTasksCommand, DescribeTasksCommand } = await sdk();
  const arns: string[] = [];
  let nextToken: string | undefined;
  do {
    const page = await ecs.client.send(
      new ListTasksCommand({ cluster, serviceName: name, desiredStatus, nextToken }),
      abort(ecs),
    );
    arns.push(...whole(page.taskArns, 'ecs:ListTasks', 'taskArns'));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  const answers = await Promise.all(
    chunks(arns, DESCRIBED_PER_CALL).map((tasks) =>
      ecs.client.send(new DescribeTasksCommand({ cluster, tasks }), abort(ecs)),
    ),
  );
  return answers.flatMap(({ tasks }) =>
    whole(tasks, 'ecs:DescribeTasks', 'tasks').map((task) =>
      toTask(whole(task, 'ecs:DescribeTasks', 'task')),
    ),
  );
}

/** A task of an answer. */
export function toTask(task: EcsTask): Task {
  const arn = whole(task.taskArn, 'ecs:DescribeTasks', 'taskArn');
  return {
    arn,
    id: shortName(arn),
    startedBy: task.startedBy,
    taskDefinition: whole(task.taskDefinitionArn, 'ecs:DescribeTasks', 'taskDefinitionArn'),
    lastStatus: task.lastStatus ?? 'UNKNOWN',
    desiredStatus: task.desiredStatus ?? 'UNKNOWN',
    health: task.healthStatus ?? 'UNKNOWN',
    since: task.stoppedAt ?? task.stoppingAt ?? task.startedAt ?? task.createdAt ?? new Date(0),
    stopCode: task.stopCode,
    stoppedReason: task.stoppedReason,
    address: addressOf(task),
    containerInstance: task.containerInstanceArn,
    hostPorts: (task.containers ?? []).flatMap(({ networkBindings = [] }) =>
      networkBindings.flatMap(({ hostPort }) => hostPort ?? []),
    ),
    containers: (task.containers ?? []).map(
      ({ name, lastStatus, exitCode, reason, runtimeId, imageDigest }) => ({
        name: whole(name, 'ecs:DescribeTasks', 'name of a container'),
        lastStatus: lastStatus ?? 'UNKNOWN',
        exitCode,
        reason,
        runtimeId,
        imageDigest,
      }),
    ),
  };
}

/** The EC2 instances that tasks run on, as far as ECS knows them. */
export async function instancesOf(
  ecs: Ecs,
  { cluster }: Pick<Service, 'cluster'>,
  tasks: readonly Task[],
): Promise<Instances> {
  const { DescribeContainerInstancesCommand } = await sdk();
  const arns = new Set(tasks.flatMap(({ containerInstance }) => containerInstance ?? []));
  const answers = await Promise.all(
    chunks([...arns], DESCRIBED_PER_CALL).map((containerInstances) =>
      ecs.client.send(
        new DescribeContainerInstancesCommand({ cluster, containerInstances }),
        abort(ecs),
      ),
    ),
  );
  const found = answers.flatMap(({ containerInstances }) =>
    whole(containerInstances, 'ecs:DescribeContainerInstances', 'containerInstances'),
  );
  return new Map(
    found.flatMap(({ containerInstanceArn: arn, ec2InstanceId: id }) =>
      arn === undefined || id === undefined ? [] : [[arn, id]],
    ),
  );
}

function addressOf({ attachments = [] }: EcsTask): string | undefined {
  return attachments
    .flatMap(({ details = [] }) => details)
    .find(({ name }) => name === 'privateIPv4Address')?.value;
}
