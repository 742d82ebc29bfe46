import { shortName } from '../core/task-definition.ts';
import { ecrClient } from './client.ts';
import type { Aws } from './client.ts';
import { abort, sdk } from './ecs.ts';
import type { Ecs } from './ecs.ts';

/** Pages that are read of a list: more names are no choice for a person. */
const MAX_PAGES = 10;

/** A page of names, and the token of the next one. */
interface Page {
  readonly names: readonly string[] | undefined;
  readonly nextToken: string | undefined;
}

async function readPages(
  read: (nextToken: string | undefined) => Promise<Page>,
): Promise<readonly string[]> {
  const all: string[] = [];
  let token: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const { names = [], nextToken } = await read(token);
    all.push(...names);
    if (nextToken === undefined) break;
    token = nextToken;
  }
  return all.toSorted();
}

/** The names of the clusters in the region of a run, sorted. */
export async function clusterNames(ecs: Ecs): Promise<readonly string[]> {
  const { ListClustersCommand } = await sdk();
  return readPages(async (nextToken) => {
    const answer = await ecs.client.send(new ListClustersCommand({ nextToken }), abort(ecs));
    return { names: answer.clusterArns?.map(shortName), nextToken: answer.nextToken };
  });
}

/** The names of the services of a cluster, sorted. */
export async function serviceNames(ecs: Ecs, cluster: string): Promise<readonly string[]> {
  const { ListServicesCommand } = await sdk();
  return readPages(async (nextToken) => {
    const command = new ListServicesCommand({ cluster, nextToken, maxResults: 100 });
    const answer = await ecs.client.send(command, abort(ecs));
    return { names: answer.serviceArns?.map(shortName), nextToken: answer.nextToken };
  });
}

/** The families of the task definitions that services can run, sorted. */
export async function familyNames(ecs: Ecs): Promise<readonly string[]> {
  const { ListTaskDefinitionFamiliesCommand } = await sdk();
  return readPages(async (nextToken) => {
    const command = new ListTaskDefinitionFamiliesCommand({ status: 'ACTIVE', nextToken });
    const answer = await ecs.client.send(command, abort(ecs));
    return { names: answer.families, nextToken: answer.nextToken };
  });
}

/** The newest revisions of a family as `family:revision`, newest first. */
export async function revisionNames(ecs: Ecs, familyPrefix: string): Promise<readonly string[]> {
  const { ListTaskDefinitionsCommand } = await sdk();
  const command = new ListTaskDefinitionsCommand({ familyPrefix, sort: 'DESC', maxResults: 20 });
  const { taskDefinitionArns = [] } = await ecs.client.send(command, abort(ecs));
  return taskDefinitionArns.map(shortName);
}

/** The family that a service runs; undefined where there is no such service. */
export async function familyOf(
  ecs: Ecs,
  cluster: string,
  service: string,
): Promise<string | undefined> {
  const { DescribeServicesCommand } = await sdk();
  const command = new DescribeServicesCommand({ cluster, services: [service] });
  const { services } = await ecs.client.send(command, abort(ecs));
  const revision = services?.[0]?.taskDefinition;
  return revision && shortName(revision).replace(/:\d+$/, '');
}

/** The names of the ECR repositories of the account, sorted. */
export async function repositoryNames(aws: Aws): Promise<readonly string[]> {
  const [{ DescribeRepositoriesCommand }, client] = await Promise.all([
    import('./sdk/ecr.ts'),
    ecrClient(aws),
  ]);
  return readPages(async (nextToken) => {
    const command = new DescribeRepositoriesCommand({ nextToken, maxResults: 1000 });
    const answer = await client.send(command, { abortSignal: aws.options.signal });
    return {
      names: answer.repositories?.flatMap(({ repositoryName }) => repositoryName ?? []),
      nextToken: answer.nextToken,
    };
  });
}
