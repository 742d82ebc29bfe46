// What ECS refuses of a request whatever the operation does with it: identifiers of something else, and
// lists that are too long.

import { accessDenied, awsFault } from '../wire.ts';
import { lastSegment } from './lookups.ts';
import type { Simulation } from './state.ts';

type Input = Readonly<Record<string, unknown>>;

/** What an identifier names; as the type in its ARN. */
type Kind =
  | 'cluster'
  | 'service'
  | 'task'
  | 'task-definition'
  | 'task-set'
  | 'container-instance'
  | 'service-deployment'
  | 'service-revision';

/** The members that name resources, one or several. */
const IDENTIFIERS: Readonly<Record<string, Kind>> = {
  cluster: 'cluster',
  clusters: 'cluster',
  service: 'service',
  services: 'service',
  serviceArn: 'service',
  task: 'task',
  tasks: 'task',
  taskDefinition: 'task-definition',
  taskDefinitionArn: 'task-definition',
  taskDefinitions: 'task-definition',
  taskSet: 'task-set',
  taskSets: 'task-set',
  primaryTaskSet: 'task-set',
  containerInstance: 'container-instance',
  containerInstances: 'container-instance',
  serviceDeploymentArn: 'service-deployment',
  serviceDeploymentArns: 'service-deployment',
  serviceRevisionArns: 'service-revision',
};

/** How many items a list can have, and what ECS calls them: an asterisk where its text was recorded. */
const LONGEST: Readonly<Record<string, readonly [most: number, items: string]>> = {
  'DescribeClusters.clusters': [100, 'clusters'],
  'DescribeServices.services': [10, 'service names'], // *
  'DescribeTasks.tasks': [100, 'taskIds'], // *
  'DescribeContainerInstances.containerInstances': [100, 'instanceIds'], // *
  'DescribeServiceDeployments.serviceDeploymentArns': [20, 'serviceDeploymentArns'],
  'DescribeServiceRevisions.serviceRevisionArns': [20, 'serviceRevisionArns'],
  'DescribeCapacityProviders.capacityProviders': [100, 'capacityProviders'],
  'DeleteTaskDefinitions.taskDefinitions': [10, 'taskDefinitions'],
  'UpdateTaskProtection.tasks': [10, 'tasks'],
  'GetTaskProtection.tasks': [100, 'tasks'],
};

/** Operations that find the cluster in the ARN of the service where none is named. */
const CLUSTER_IN_ARN = /^ListServiceDeployments$|ExpressGatewayService$/;

/** Throws what ECS answers to a request whose identifiers or lists it does not take. */
export function checkRequest(simulation: Simulation, operation: string, input: Input): void {
  for (const [member, value] of Object.entries(input)) {
    const values = Array.isArray(value) ? (value as readonly unknown[]) : [value];
    const [most = Infinity, items] = LONGEST[`${operation}.${member}`] ?? [];
    if (values.length > most) throw invalid(`${items} can have at most ${most} items.`);
    // A definition may have the members of a description, which ECS drops.
    const kind = operation === 'RegisterTaskDefinition' ? undefined : IDENTIFIERS[member];
    if (kind === undefined) continue;
    const isAnywhere = input['cluster'] === undefined && CLUSTER_IN_ARN.test(operation);
    const cluster = isAnywhere ? undefined : lastSegment(input['cluster'] ?? 'default');
    for (const identifier of values) {
      const text = String(identifier);
      const request = { simulation, operation, kind, cluster };
      if (text.startsWith('arn:')) checkArn(text, request);
      else if (kind === 'cluster') checkName('Cluster', text);
      const id = lastSegment(text);
      if (kind === 'task' && id.length !== 32 && id.length !== 36) {
        throw invalid('taskId length should be one of [32,36]');
      }
      const [, revision] = kind === 'task-definition' ? id.split(':') : [];
      if (revision !== undefined && !/^[1-9]\d*$/.test(revision)) {
        throw awsFault('ClientException', `Invalid revision number. Number: ${revision}`);
      }
    }
  }
}

/** Throws what ECS says of a name that no cluster or service can have. */
export function checkName(what: 'Cluster' | 'Service', name: string): void {
  if (/^[\w-]{1,255}$/.test(name)) return;
  throw invalid(String.raw`${what} must match ^[a-zA-Z0-9\-_]{1,255}$, but was ${name}`);
}

function checkArn(
  arn: string,
  {
    simulation: { account, region },
    operation,
    kind,
    cluster,
  }: {
    readonly simulation: Simulation;
    readonly operation: string;
    readonly kind: Kind;
    readonly cluster: string | undefined;
  },
): void {
  const [, , service, arnRegion, arnAccount, ...rest] = arn.split(':');
  if (rest.length === 0) {
    const problem = 'Fifth colon (namespace/relative-id delimiter) not found';
    throw awsFault('ClientException', `com.amazon.arn.ARNSyntaxException: ${problem}: ${arn}`);
  }
  const [type, ...path] = rest.join(':').split('/');
  if (service !== 'ecs' || type !== kind) {
    throw invalid(`Invalid identifier: expected the ARN of a ${kind}, but was ${arn}`);
  }
  if (arnRegion !== region) throw invalid('Invalid Region in ARN');
  if (arnAccount !== account)
    throw accessDenied(`ecs:${operation}`, account, arn, 'resource-based');
  // Identifiers of old accounts do not name the cluster.
  const isShort = path.length < 2;
  if (isShort || cluster === undefined || kind.startsWith('service-')) return;
  if (path[0] !== cluster) {
    throw invalid(
      `Invalid identifier: Identifier is for cluster ${path[0]}. Your cluster is ${cluster}`,
    );
  }
}

const invalid = (message: string): Error => awsFault('InvalidParameterException', message);
