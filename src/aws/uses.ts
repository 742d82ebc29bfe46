import { shortName } from '../core/task-definition.ts';
import { abort, chunks, sdk, whole } from './ecs.ts';
import type { Ecs } from './ecs.ts';

/** DescribeServices' and DescribeTasks' limits of names in one call. */
const SERVICES_PER_CALL = 10;
const TASKS_PER_CALL = 100;

/** A service and every revision that it runs, deploys or drains. */
export interface ServiceUse {
  readonly name: string;
  /** ARN of the cluster. */
  readonly cluster: string;
  /** `ECS`, `CODE_DEPLOY` or `EXTERNAL`. */
  readonly controller: string;
  /** ARN of the revision that it is on. */
  readonly taskDefinition: string | undefined;
  /** ARNs, those of its deployments and task sets included. */
  readonly revisions: readonly string[];
}

interface Page {
  readonly arns: readonly string[] | undefined;
  readonly nextToken: string | undefined;
}

async function allPages(
  action: string,
  read: (nextToken: string | undefined) => Promise<Page>,
): Promise<readonly string[]> {
  const all: string[] = [];
  let token: string | undefined;
  do {
    const { arns, nextToken } = await read(token);
    all.push(...whole(arns, action, 'list of ARNs'));
    token = nextToken;
  } while (token !== undefined);
  return all;
}

/** The ARNs of every cluster in the region. */
export async function allClusters(ecs: Ecs): Promise<readonly string[]> {
  const { ListClustersCommand } = await sdk();
  return allPages('ecs:ListClusters', async (nextToken) => {
    const answer = await ecs.client.send(new ListClustersCommand({ nextToken }), abort(ecs));
    return { arns: answer.clusterArns, nextToken: answer.nextToken };
  });
}

/** Every service of a cluster, with the revisions that it uses. */
export async function serviceUses(ecs: Ecs, cluster: string): Promise<readonly ServiceUse[]> {
  const { DescribeServicesCommand, ListServicesCommand } = await sdk();
  const arns = await allPages('ecs:ListServices', async (nextToken) => {
    const command = new ListServicesCommand({ cluster, nextToken, maxResults: 100 });
    const answer = await ecs.client.send(command, abort(ecs));
    return { arns: answer.serviceArns, nextToken: answer.nextToken };
  });
  const action = 'ecs:DescribeServices';
  const found: ServiceUse[] = [];
  for (const services of chunks(arns, SERVICES_PER_CALL)) {
    const answer = await ecs.client.send(
      new DescribeServicesCommand({ cluster, services }),
      abort(ecs),
    );
    for (const service of whole(answer.services, action, 'services')) {
      const { taskDefinition, deployments = [], taskSets = [] } = service;
      const named = [...deployments, ...taskSets].map((item) => item.taskDefinition);
      found.push({
        name: whole(service.serviceName, action, 'serviceName'),
        cluster,
        controller: service.deploymentController?.type ?? 'ECS',
        taskDefinition,
        revisions: [taskDefinition, ...named].filter((arn) => arn !== undefined),
      });
    }
  }
  return found;
}

/** The revisions of a family that tasks of a cluster run, or are about to; also those without a service. */
export async function taskUses(
  ecs: Ecs,
  cluster: string,
  family: string,
): Promise<readonly string[]> {
  const { DescribeTasksCommand, ListTasksCommand } = await sdk();
  const arns = await allPages('ecs:ListTasks', async (nextToken) => {
    const command = new ListTasksCommand({ cluster, family, nextToken });
    const answer = await ecs.client.send(command, abort(ecs));
    return { arns: answer.taskArns, nextToken: answer.nextToken };
  });
  const found = new Set<string>();
  for (const tasks of chunks(arns, TASKS_PER_CALL)) {
    const answer = await ecs.client.send(new DescribeTasksCommand({ cluster, tasks }), abort(ecs));
    for (const { taskDefinitionArn } of whole(answer.tasks, 'ecs:DescribeTasks', 'tasks')) {
      found.add(whole(taskDefinitionArn, 'ecs:DescribeTasks', 'taskDefinitionArn'));
    }
  }
  return [...found];
}

/** `service api in backend`. */
export function describeUse({ name, cluster }: ServiceUse): string {
  return `service ${name} in ${shortName(cluster)}`;
}
