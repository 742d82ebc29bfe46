import { createHash } from 'node:crypto';
import { launchTypeOf } from './capacity.ts';
import type { PortMapping } from './definition.ts';
import { allTasks } from './lookups.ts';
import type { Cluster, Container, Task } from './state.ts';

// Container instances: they follow from the tasks that run on them.

/** A container instance of a cluster. */
export interface ContainerInstance {
  readonly arn: string;
  /** `i-…` */
  readonly ec2InstanceId: string;
}

/** The first port that an instance chooses for a container, and how many there are. */
const DYNAMIC = { first: 32_768, count: 28_000 };

/**
 * The container instance of a task; undefined on Fargate. Tasks with dynamic ports share one, and
 * every other task has one for itself, as a host port is taken only once.
 */
export function instanceOf(task: Task): ContainerInstance | undefined {
  const { deployment, capacityProvider, arn, containers } = task;
  if (launchTypeOf(deployment.settings, capacityProvider) !== 'EC2') return undefined;
  const mappings = containers.flatMap(({ definition: { portMappings = [] } }) => portMappings);
  const isShared = hasBridge(task) && mappings.every(isDynamic);
  const cluster = arn.slice(0, arn.lastIndexOf('/')).replace(':task/', ':container-instance/');
  const seed = `${cluster}/${isShared ? 'shared' : task.id}`;
  const id = createHash('sha256').update(seed).digest('hex');
  return { arn: `${cluster}/${id.slice(0, 32)}`, ec2InstanceId: `i-0${id.slice(32, 48)}` };
}

/** The container instances on which tasks of a cluster run, or ran lately. */
export function instancesIn(cluster: Cluster): readonly ContainerInstance[] {
  const found = allTasks(cluster).flatMap((task) => instanceOf(task) ?? []);
  return [...new Map(found.map((instance) => [instance.arn, instance])).values()];
}

/** Whether the containers of a task are reached through ports of their instance. */
function hasBridge({ deployment }: Task): boolean {
  const { networkMode = 'bridge' } = deployment.definition.body;
  return networkMode === 'bridge';
}

const isDynamic = ({ hostPort = 0 }: PortMapping): boolean => hostPort === 0;

/** The port at which a port of a task is reached: another one in the network mode `bridge` only. */
export function hostPortOf(task: Task, port: number): number {
  if (!hasBridge(task)) return port;
  const mapping = task.containers
    .flatMap(({ definition: { portMappings = [] } }) => portMappings)
    .find(({ containerPort }) => containerPort === port);
  const fixed = mapping?.hostPort ?? 0;
  if (fixed !== 0) return fixed;
  const spread = Number.parseInt(task.id.slice(0, 8), 16) + port;
  return DYNAMIC.first + (spread % DYNAMIC.count);
}

/** The network bindings of a container as DescribeTasks returns them: only `bridge` has some. */
export function bindingsOf(task: Task, { definition, lastStatus }: Container): readonly unknown[] {
  if (!hasBridge(task) || lastStatus === 'PENDING') return [];
  return (definition.portMappings ?? []).map(({ containerPort = 0, protocol }) => ({
    bindIP: '0.0.0.0',
    containerPort,
    hostPort: hostPortOf(task, containerPort),
    protocol,
  }));
}
