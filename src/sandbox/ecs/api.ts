import type { Operation } from '../wire.ts';
import { awsFault } from '../wire.ts';
import { ACCOUNT_OPERATIONS } from './account.ts';
import { launchTypeOf } from './capacity.ts';
import { CLUSTER_OPERATIONS } from './clusters.ts';
import { beginDeployment, requestRollback } from './deployments.ts';
import { expressView, updateExpress } from './express.ts';
import { TASK_SET_OPERATIONS } from './external.ts';
import { continueDeployment } from './hooks.ts';
import { instancesIn } from './instances.ts';
import { page } from './pages.ts';
import { runTask } from './run-task.ts';
import { checkNewService, checkServiceChange } from './service-rules.ts';
import { deleteService, makeService, updateService } from './services.ts';
import type { Cluster, Service, ServiceDeployment, Simulation, Task } from './state.ts';
import {
  allServices,
  ecsArn,
  findCluster,
  findService,
  lastSegment,
  primaryOf,
  wakeAfter,
} from './lookups.ts';
import {
  describeTaskDefinition,
  findTaskDefinition,
  registerTaskDefinition,
} from './task-definitions.ts';
import { hasTaskSets } from './task-sets.ts';
import { TAG_OPERATIONS } from './tags.ts';
import { stopTask } from './tasks.ts';
import {
  clusterView,
  instanceView,
  serviceDeploymentBriefView,
  serviceDeploymentView,
  serviceRevisionView,
  serviceView,
  taskSetViews,
  taskView,
} from './views.ts';

type Input = Parameters<Operation>[0];

/** Implements one operation on the state of one region; throws the operation's AWS exceptions. */
export type EcsOperation = (simulation: Simulation, input: Input) => unknown;

const invalid = (message: string): Error => awsFault('InvalidParameterException', message);

/** Minutes for which a task can be protected: two days. */
const LONGEST_PROTECTION = 2880;

/** Why DeleteTaskDefinitions leaves a revision. */
const UNDELETABLE = {
  invalid:
    'The specified task definition identifier is invalid. Specify a valid name or ARN and try again.',
  missing:
    'The specified task definition does not exist. Specify a valid account, family, revision and try again.',
  active:
    'The specified task definition is still in ACTIVE status. Please deregister the target and try again.',
};

/** The ECS API operations by name. */
export const ECS_OPERATIONS: Readonly<Record<string, EcsOperation>> = {
  ...CLUSTER_OPERATIONS,
  ...TAG_OPERATIONS,
  ...ACCOUNT_OPERATIONS,
  ...TASK_SET_OPERATIONS,

  ListClusters: (simulation, input) => {
    const arns = [...simulation.clusters.values()]
      .filter(({ status }) => status === 'ACTIVE')
      .map(({ arn }) => arn);
    const { items, nextToken } = page(arns, input);
    return { clusterArns: items, nextToken };
  },

  DescribeClusters: (simulation, input) => {
    const identifiers: readonly string[] = input['clusters'] ?? ['default'];
    const lookup = (identifier: string) => simulation.clusters.get(lastSegment(identifier));
    return {
      clusters: found(identifiers, lookup).map((cluster) =>
        clusterView(cluster, (part) => input['include']?.includes(part) ?? false),
      ),
      failures: missing(simulation, identifiers, lookup, 'cluster'),
    };
  },

  RegisterTaskDefinition: (simulation, input) => {
    const definition = registerTaskDefinition(simulation, input);
    const taskDefinition = describeTaskDefinition(definition);
    return { taskDefinition, tags: definition.tags };
  },

  DescribeTaskDefinition: (simulation, input) => {
    const definition = knownDefinition(simulation, input);
    const taskDefinition = describeTaskDefinition(definition);
    return { taskDefinition, tags: includesTags(input) ? definition.tags : undefined };
  },

  DeregisterTaskDefinition: (simulation, input) => {
    if (!lastSegment(input['taskDefinition']).includes(':')) {
      throw awsFault('ClientException', 'Revision is missing.');
    }
    const definition = knownDefinition(simulation, input);
    definition.status = 'INACTIVE';
    definition.deregisteredAt ??= simulation.now();
    return { taskDefinition: describeTaskDefinition(definition) };
  },

  DeleteTaskDefinitions: (simulation, input) => {
    const identifiers: readonly string[] = input['taskDefinitions'] ?? [];
    const lookup = (identifier: string) => findTaskDefinition(simulation, identifier);
    const reasonOf = (identifier: string): string | undefined => {
      if (!/:\d+$/.test(identifier)) return UNDELETABLE.invalid;
      const { status } = lookup(identifier) ?? {};
      if (status === undefined) return UNDELETABLE.missing;
      return status === 'ACTIVE' ? UNDELETABLE.active : undefined;
    };
    const deleted = found(
      identifiers.filter((identifier) => reasonOf(identifier) === undefined),
      lookup,
    );
    for (const definition of deleted) {
      definition.status = 'DELETE_IN_PROGRESS';
      definition.deleteRequestedAt ??= simulation.now();
    }
    return {
      taskDefinitions: deleted.map(describeTaskDefinition),
      failures: identifiers.flatMap((arn) => {
        const reason = reasonOf(arn);
        return reason === undefined ? [] : { arn, reason };
      }),
    };
  },

  ListTaskDefinitions: (simulation, input) => {
    const { familyPrefix, status = 'ACTIVE', sort } = input;
    const arns = [...simulation.families.keys()]
      .toSorted()
      .filter((family) => familyPrefix === undefined || family === familyPrefix)
      .flatMap((family) => simulation.families.get(family) ?? [])
      .filter((definition) => definition.status === status)
      .map(({ arn }) => arn);
    const { items, nextToken } = page(sort === 'DESC' ? arns.toReversed() : arns, input);
    return { taskDefinitionArns: items, nextToken };
  },

  ListTaskDefinitionFamilies: (simulation, input) => {
    const { familyPrefix = '', status = 'ACTIVE' } = input;
    const families = [...simulation.families]
      .filter(([family, revisions]) => {
        const isActive = revisions.some((revision) => revision.status === 'ACTIVE');
        return (
          family.startsWith(familyPrefix) &&
          (status === 'ALL' || isActive === (status === 'ACTIVE'))
        );
      })
      .map(([family]) => family)
      .toSorted();
    const { items, nextToken } = page(families, input);
    return { families: items, nextToken };
  },

  ListServices: (simulation, input) => {
    const { cluster, launchType, schedulingStrategy = 'REPLICA', resourceManagementType } = input;
    const services = [...findCluster(simulation, cluster).services.values()].filter(
      ({ status, settings }) =>
        status === 'ACTIVE' &&
        (launchType === undefined || settings.launchType === launchType) &&
        (settings['schedulingStrategy'] ?? 'REPLICA') === schedulingStrategy &&
        [undefined, settings['resourceManagementType'] ?? 'CUSTOMER'].includes(
          resourceManagementType,
        ),
    );
    const { items, nextToken } = page(services, input, 10);
    return { serviceArns: items.map(({ arn }) => arn), nextToken };
  },

  DescribeServices: (simulation, input) => {
    const cluster = findCluster(simulation, input['cluster']);
    const identifiers: readonly string[] = input['services'] ?? [];
    if (identifiers.length === 0) throw invalid('Services cannot be empty.');
    const lookup = (identifier: string) => cluster.services.get(lastSegment(identifier));
    return {
      services: found(identifiers, lookup).map((service) =>
        serviceView(simulation, service, includesTags(input)),
      ),
      failures: missing(simulation, identifiers, lookup, `service/${cluster.name}`),
    };
  },

  CreateService: (simulation, input) => {
    const cluster = findCluster(simulation, input['cluster']);
    checkNewService(simulation, input);
    const service = makeService(simulation, cluster, input);
    const primary = primaryOf(service);
    if (!hasTaskSets(service)) beginDeployment(simulation, service, primary);
    else wakeAfter(simulation, service, primary.startAfter - simulation.now());
    return { service: serviceView(simulation, service, true) };
  },

  UpdateService: (simulation, input) => {
    checkServiceChange(simulation, findService(simulation, input), input);
    const service = updateService(simulation, input);
    return { service: serviceView(simulation, service, false) };
  },

  DescribeExpressGatewayService: (simulation, input) => ({
    service: expressView(simulation, input),
  }),

  UpdateExpressGatewayService: (simulation, input) => ({
    service: updateExpress(simulation, input),
  }),

  DeleteService: (simulation, input) => {
    const service = findService(simulation, input);
    if (service.settings.desiredCount > 0 && input['force'] !== true) {
      throw invalid('The service cannot be stopped while it is scaled above 0.');
    }
    deleteService(simulation, service);
    return { service: serviceView(simulation, service, false) };
  },

  DescribeTaskSets: (simulation, input) => {
    const views = taskSetViews(simulation, findService(simulation, input));
    const identifiers: readonly string[] = input['taskSets'] ?? views.map(({ id }) => id);
    const lookup = (identifier: string) =>
      views.find(({ id, taskSetArn }) => id === identifier || taskSetArn === identifier);
    return {
      taskSets: found(identifiers, lookup),
      failures: missing(simulation, identifiers, lookup, 'task-set'),
    };
  },

  ListServicesByNamespace: (simulation, input) => {
    const namespace = lastSegment(input['namespace']);
    const services = allServices(simulation).filter(
      ({ status, settings, cluster }) =>
        status === 'ACTIVE' &&
        settings.serviceConnectConfiguration?.enabled === true &&
        namespace ===
          lastSegment(
            settings.serviceConnectConfiguration.namespace ??
              cluster.settings.serviceConnectDefaults?.namespace,
          ),
    );
    const { items, nextToken } = page(services, input, 10);
    return { serviceArns: items.map(({ arn }) => arn), nextToken };
  },

  ListContainerInstances: (simulation, input) => {
    const cluster = findCluster(simulation, input['cluster']);
    return { containerInstanceArns: instancesIn(cluster).map(({ arn }) => arn) };
  },

  DescribeContainerInstances: (simulation, input) => {
    const cluster = findCluster(simulation, input['cluster']);
    const identifiers = input['containerInstances'] as readonly string[];
    if (identifiers.length === 0) throw invalid('Container instances cannot be empty.');
    const instances = instancesIn(cluster);
    const lookup = (identifier: string) =>
      instances.find(({ arn }) => lastSegment(arn) === lastSegment(identifier));
    return {
      containerInstances: found(identifiers, lookup).map(instanceView),
      failures: missing(simulation, identifiers, lookup, `container-instance/${cluster.name}`),
    };
  },

  ExecuteCommand: (simulation, input) => {
    const cluster = findCluster(simulation, input['cluster']);
    if (findTask(keepersOf(cluster), input['task']) === undefined) {
      throw invalid('The specified task was not found.');
    }
    // Nothing runs in a task.
    throw invalid(
      'The execute command failed because execute command was not enabled when the task was run or the execute command agent isn’t running. Wait and try again or run a new task with execute command enabled and try again.',
    );
  },

  ListTasks: (simulation, input) => {
    const { serviceName, family, startedBy, desiredStatus = 'RUNNING', launchType } = input;
    const { cluster } = input;
    const services =
      serviceName === undefined
        ? keepersOf(findCluster(simulation, cluster))
        : [findService(simulation, { cluster, service: serviceName })];
    const tasks = services
      .flatMap((service) => service.tasks)
      .filter(
        ({ deployment, capacityProvider }) =>
          launchType === undefined ||
          launchTypeOf(deployment.settings, capacityProvider) === launchType,
      )
      .filter((task) => task.desiredStatus === desiredStatus)
      .filter(({ deployment }) => family === undefined || deployment.definition.family === family)
      .filter(
        ({ deployment, oneOff }) =>
          startedBy === undefined ||
          startedBy === (oneOff === undefined ? `ecs-svc/${deployment.number}` : oneOff.startedBy),
      );
    const { items, nextToken } = page(tasks, input);
    return { taskArns: items.map(({ arn }) => arn), nextToken };
  },

  DescribeTasks: (simulation, input) => {
    const cluster = findCluster(simulation, input['cluster']);
    const identifiers: readonly string[] = input['tasks'] ?? [];
    if (identifiers.length === 0) throw invalid('Tasks cannot be empty.');
    const now = simulation.now();
    const lookup = (identifier: string) => {
      const named = findTask(keepersOf(cluster), identifier);
      return named !== undefined && (named[1].oneOff?.visibleAt ?? 0) <= now ? named : undefined;
    };
    return {
      tasks: found(identifiers, lookup).map(([service, task]) =>
        taskView(service, task, includesTags(input)),
      ),
      failures: missing(simulation, identifiers, lookup, `task/${cluster.name}`),
    };
  },

  RunTask: (simulation, input) => {
    const { services, failures } = runTask(simulation, input);
    const tasks = services.flatMap((service) =>
      service.tasks.map((task) => taskView(service, task)),
    );
    return { tasks, failures };
  },

  StopTask: (simulation, input) => {
    const cluster = findCluster(simulation, input['cluster']);
    const [service, task] = findTask(keepersOf(cluster), input['task']) ?? [];
    if (service === undefined || task === undefined) {
      throw invalid('The referenced task was not found.');
    }
    stopTask(simulation, task, {
      stopCode: 'UserInitiated',
      stoppedReason: input['reason'] ?? 'Task stopped by user',
    });
    return { task: taskView(service, task) };
  },

  UpdateTaskProtection: (simulation, input) => {
    const cluster = findCluster(simulation, input['cluster']);
    const { tasks: identifiers = [], protectionEnabled, expiresInMinutes = 120 } = input;
    if (!(expiresInMinutes >= 1 && expiresInMinutes <= LONGEST_PROTECTION)) {
      throw invalid(
        `expiresInMinutes must be between 1 and ${LONGEST_PROTECTION}, but was ${expiresInMinutes}`,
      );
    }
    const lookup = (identifier: string) => findTask([...cluster.services.values()], identifier);
    const until = protectionEnabled ? simulation.now() + expiresInMinutes * 60 : 0;
    return {
      protectedTasks: found(identifiers, lookup).map(([service, task]) => {
        task.protectedUntil = until;
        simulation.touch(service);
        if (until > 0) wakeAfter(simulation, service, expiresInMinutes * 60);
        return {
          taskArn: task.arn,
          protectionEnabled,
          ...(until > 0 && { expirationDate: until }),
        };
      }),
      failures: missing(simulation, identifiers, lookup, `task/${cluster.name}`),
    };
  },

  GetTaskProtection: (simulation, input) => {
    const cluster = findCluster(simulation, input['cluster']);
    const services = [...cluster.services.values()];
    const lookup = (identifier: string) => findTask(services, identifier);
    const identifiers: readonly string[] =
      input['tasks'] ?? services.flatMap(({ tasks }) => tasks.map(({ arn }) => arn));
    const now = simulation.now();
    return {
      protectedTasks: found(identifiers, lookup).map(([, { arn, protectedUntil = 0 }]) => ({
        taskArn: arn,
        protectionEnabled: protectedUntil > now,
        ...(protectedUntil > now && { expirationDate: protectedUntil }),
      })),
      failures: missing(simulation, identifiers, lookup, `task/${cluster.name}`),
    };
  },

  ListServiceDeployments: (simulation, input) => {
    const { cluster = clusterIn(input['service']), status = [], createdAt } = input;
    const service = findService(simulation, { ...input, cluster });
    const records = visibleRecords(simulation, service).filter(
      (record) =>
        (status.length === 0 || status.includes(record.status)) &&
        record.createdAt > (createdAt?.after ?? 0) &&
        record.createdAt < (createdAt?.before ?? Number.POSITIVE_INFINITY),
    );
    const { items, nextToken } = page(records, input, 20);
    const serviceDeployments = items.map((record) =>
      serviceDeploymentBriefView(simulation, service, record),
    );
    return { serviceDeployments, nextToken };
  },

  DescribeServiceDeployments: (simulation, input) => {
    const identifiers: readonly string[] = input['serviceDeploymentArns'] ?? [];
    const lookup = (arn: string) => findRecord(simulation, arn);
    return {
      serviceDeployments: found(identifiers, lookup).map(([service, record]) =>
        serviceDeploymentView(simulation, service, record),
      ),
      failures: missing(simulation, identifiers, lookup, 'service-deployment'),
    };
  },

  StopServiceDeployment: (simulation, input) => {
    const [service, record] = knownRecord(simulation, input);
    if ((input['stopType'] ?? 'ROLLBACK') !== 'ROLLBACK') {
      throw invalid('The stop type is not supported. The valid values are ROLLBACK.');
    }
    if (record.finishedAt !== undefined) {
      throw awsFault(
        'ConflictException',
        'Stopping a service deployment is not allowed for service deployment in terminal states.',
      );
    }
    if (record.status === 'PENDING' || record.status === 'IN_PROGRESS') {
      requestRollback(simulation, service, record);
    }
    return { serviceDeploymentArn: record.arn };
  },

  ContinueServiceDeployment: (simulation, input) => {
    const [service, record] = knownRecord(simulation, input);
    const { hookId, action = 'CONTINUE' } = input;
    continueDeployment(simulation, service, record, String(hookId), action);
    return { serviceDeploymentArn: record.arn };
  },

  DescribeServiceRevisions: (simulation, input) => {
    const identifiers: readonly string[] = input['serviceRevisionArns'] ?? [];
    const lookup = (arn: string) =>
      allServices(simulation)
        .flatMap((service) =>
          [...service.revisions.values()].map((revision) => [service, revision] as const),
        )
        .find(([, revision]) => revision.arn === arn);
    return {
      serviceRevisions: found(identifiers, lookup).map(([service, revision]) =>
        serviceRevisionView(service, revision),
      ),
      failures: missing(simulation, identifiers, lookup, 'service-revision'),
    };
  },
};

function knownDefinition(simulation: Simulation, input: Input) {
  const definition = findTaskDefinition(simulation, input['taskDefinition']);
  if (definition === undefined) {
    throw awsFault('ClientException', 'Unable to describe task definition.');
  }
  return definition;
}

/** What holds the tasks of a cluster: its services, and one keeper for each one-off task. */
function keepersOf({ services, runs }: Cluster): readonly Service[] {
  return [...services.values(), ...runs];
}

function findTask(
  services: readonly Service[],
  identifier: string,
): readonly [Service, Task] | undefined {
  const id = lastSegment(identifier);
  for (const service of services) {
    const task = service.tasks.find((candidate) => candidate.id === id);
    if (task !== undefined) return [service, task];
  }
  return undefined;
}

function visibleRecords(simulation: Simulation, service: Service): readonly ServiceDeployment[] {
  const now = simulation.now();
  return service.serviceDeployments.filter(({ visibleAt }) => visibleAt <= now);
}

function findRecord(
  simulation: Simulation,
  arn: string,
): readonly [Service, ServiceDeployment] | undefined {
  for (const service of allServices(simulation)) {
    const record = visibleRecords(simulation, service).find((candidate) => candidate.arn === arn);
    if (record !== undefined) return [service, record];
  }
  return undefined;
}

function knownRecord(simulation: Simulation, input: Input): readonly [Service, ServiceDeployment] {
  const found = findRecord(simulation, String(input['serviceDeploymentArn']));
  if (found !== undefined) return found;
  throw awsFault('ServiceDeploymentNotFoundException', 'The service deployment does not exist.');
}

/** The cluster that the ARN of a service names. */
function clusterIn(service: string): string | undefined {
  return /:service\/([^/]+)\//.exec(service)?.[1];
}

function includesTags(input: Input): boolean {
  return input['include']?.includes('TAGS') ?? false;
}

function found<T extends object>(
  identifiers: readonly string[],
  lookup: (identifier: string) => T | undefined,
): T[] {
  return identifiers.map(lookup).filter((item) => item !== undefined);
}

function missing(
  simulation: Simulation,
  identifiers: readonly string[],
  lookup: (identifier: string) => unknown,
  kind: string,
): unknown {
  return identifiers
    .filter((identifier) => lookup(identifier) === undefined)
    .map((identifier) => ({
      arn: identifier.startsWith('arn:')
        ? identifier
        : ecsArn(simulation, `${kind}/${lastSegment(identifier)}`),
      reason: 'MISSING',
    }));
}
