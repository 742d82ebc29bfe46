import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { awsFault } from '../wire.ts';
import type {
  Cluster,
  Deployment,
  HookRun,
  Service,
  ServiceDeployment,
  Simulation,
  Task,
} from './state.ts';

/** The ARN of an ECS resource, e.g. `resource` = `cluster/backend`. */
export function ecsArn(simulation: Simulation, resource: string): string {
  return `arn:aws:ecs:${simulation.region}:${simulation.account}:${resource}`;
}

/** Finds a cluster by name or ARN (`default` when absent). */
export function findCluster(simulation: Simulation, identifier: unknown): Cluster {
  const cluster = simulation.clusters.get(lastSegment(identifier ?? 'default'));
  if (cluster === undefined) throw awsFault('ClusterNotFoundException', 'Cluster not found.');
  if (cluster.status !== 'ACTIVE') {
    throw awsFault('ClientException', 'The referenced cluster was inactive.');
  }
  return cluster;
}

/** Finds a service by name, short ARN or full ARN in the cluster that the input names. */
export function findService(
  simulation: Simulation,
  input: { readonly cluster?: unknown; readonly service?: unknown },
): Service {
  const service = findCluster(simulation, input.cluster).services.get(lastSegment(input.service));
  if (service === undefined) throw awsFault('ServiceNotFoundException', 'Service not found.');
  return service;
}

/** All services of a simulation. */
export function allServices(simulation: Simulation): Service[] {
  return [...simulation.clusters.values()].flatMap((cluster) => [...cluster.services.values()]);
}

/** Whether the scheduler maintains a service: it keeps no one-off task, and no other has its name. */
export function isMaintained(service: Service): boolean {
  return service.cluster.services.get(service.name) === service;
}

/** All tasks of a cluster, also those outside of its services. */
export function allTasks({ services, runs }: Cluster): Task[] {
  return [...services.values(), ...runs].flatMap(({ tasks }) => tasks);
}

/** The part of an ARN or name after the last slash. */
export function lastSegment(identifier: unknown): string {
  return String(identifier).split('/').at(-1) ?? '';
}

/** The PRIMARY deployment, which the service should run. */
export function primaryOf(service: Service): Deployment {
  return service.deployments[0];
}

/** The service deployment in progress, if any. */
export function currentServiceDeployment(service: Service): ServiceDeployment | undefined {
  return service.serviceDeployments.find((record) => record.finishedAt === undefined);
}

/** Tasks of a deployment that should keep running. */
export function keptTasks(service: Service, deployment: Deployment): Task[] {
  return service.tasks.filter(
    (task) => task.deployment === deployment && task.desiredStatus === 'RUNNING',
  );
}

/** Whether the PRIMARY deployment has exactly the desired number of tasks, all healthy. */
export function isReady(service: Service): boolean {
  return hasHealthyTasks(service, primaryOf(service), service.settings.desiredCount);
}

/** Whether a deployment has exactly as many tasks as desired, all healthy. */
export function hasHealthyTasks(
  service: Service,
  deployment: Deployment,
  desiredCount: number,
): boolean {
  const kept = keptTasks(service, deployment);
  return (
    kept.length === desiredCount && kept.every(({ healthy, unhealthy }) => healthy && !unhealthy)
  );
}

/** Task counts of a deployment as the API reports them. */
export function countsOf(
  service: Service,
  deployment: Deployment,
): { readonly running: number; readonly pending: number } {
  const tasks = keptTasks(service, deployment);
  const running = tasks.filter((task) => task.lastStatus === 'RUNNING').length;
  return { running, pending: tasks.length - running };
}

/** Desired count of a deployment; for a superseded or failed one, the number of its remaining tasks. */
export function desiredCountOf(service: Service, deployment: Deployment): number {
  const isHeld = deployment === primaryOf(service) || deployment.rolloutState === 'COMPLETED';
  return isHeld || deployment.taskSet !== undefined
    ? deployment.desiredCount
    : keptTasks(service, deployment).length;
}

/** Whether a hook is still in progress or waits for an answer. */
export function isOpen({ status }: HookRun): boolean {
  return status === 'AWAITING_ACTION' || status === 'IN_PROGRESS';
}

/** Runs the scheduler of a service again after this many simulated seconds. */
export function wakeAfter(simulation: Simulation, service: Service, seconds: number): void {
  simulation.after(service, seconds, () => undefined);
}

/** The ARN of the service revision that a deployment runs. */
export function revisionArn(simulation: Simulation, service: Service, number: string): string {
  return ecsArn(simulation, `service-revision/${service.cluster.name}/${service.name}/${number}`);
}

/** Generates the number of a deployment: 19 digits. */
export function newDeploymentNumber(): string {
  return `${randomInt(1, 10)}${digits(9)}${digits(9)}`;
}

/** Generates a task id: 32 hexadecimal digits. */
export function newTaskId(): string {
  return randomUUID().replaceAll('-', '');
}

/** Generates the last part of a service deployment's ARN: 21 characters. */
export function newServiceDeploymentId(): string {
  return randomBytes(16).toString('base64url').slice(0, 21);
}

/** Generates the last part of a hook id: 43 characters. */
export function newHookId(): string {
  return randomBytes(32).toString('base64url');
}

function digits(count: number): string {
  return String(randomInt(10 ** count)).padStart(count, '0');
}
