import { awsFault } from '../wire.ts';
import type { Operation } from '../wire.ts';
import type { Tag } from './definition.ts';
import { allTasks, ecsArn, findCluster, lastSegment } from './lookups.ts';
import { page } from './pages.ts';
import type { CapacityProvider, ClusterSettings, Simulation } from './state.ts';
import { createClusterIn } from './start-world.ts';
import { clusterView } from './views.ts';

// Clusters and their capacity providers. Tasks are placed without instances.

type Input = Parameters<Operation>[0];

const NAME = /^[\w-]{1,255}$/;
const FARGATE = ['FARGATE', 'FARGATE_SPOT'];

/** The operations on clusters and capacity providers, by name. */
export const CLUSTER_OPERATIONS = {
  CreateCluster: (simulation: Simulation, { clusterName: name = 'default', ...input }: Input) => {
    if (!NAME.test(name)) {
      throw invalid('Identifier contains invalid characters. Cluster name is invalid.');
    }
    const known = simulation.clusters.get(name);
    const settings = clusterSettings(simulation, input);
    // An existing cluster is returned as it is.
    if (known?.status === 'ACTIVE') return { cluster: clusterView(known, includesAll) };
    const cluster = createClusterIn(simulation, name, settings, (input['tags'] ?? []) as Tag[]);
    return { cluster: clusterView(cluster, includesAll) };
  },

  DeleteCluster: (simulation: Simulation, input: Input) => {
    const cluster = findCluster(simulation, input['cluster']);
    const refuse = (name: string, what: string) =>
      awsFault(name, `The Cluster cannot be deleted while ${what} are active.`);
    if ([...cluster.services.values()].some(({ status }) => status !== 'INACTIVE')) {
      throw refuse('ClusterContainsServicesException', 'Services');
    }
    if (allTasks(cluster).some(({ lastStatus }) => lastStatus !== 'STOPPED')) {
      throw refuse('ClusterContainsTasksException', 'Tasks');
    }
    cluster.status = 'INACTIVE';
    return { cluster: clusterView(cluster, includesAll) };
  },

  UpdateCluster: (simulation: Simulation, input: Input) =>
    changeCluster(simulation, input, ['settings', 'configuration', 'serviceConnectDefaults']),

  UpdateClusterSettings: (simulation: Simulation, input: Input) =>
    changeCluster(simulation, input, ['settings']),

  PutClusterCapacityProviders: (simulation: Simulation, input: Input) =>
    changeCluster(simulation, input, ['capacityProviders', 'defaultCapacityProviderStrategy']),

  CreateCapacityProvider: (simulation: Simulation, { name, tags = [], ...settings }: Input) => {
    if (!NAME.test(name) || /^(?:aws|ecs|fargate)/i.test(name)) {
      throw invalid('The specified capacity provider name is invalid.');
    }
    if (simulation.capacityProviders.get(name)?.status === 'ACTIVE') {
      throw invalid(
        'A capacity provider with the same name already exists. Specify a unique name and try again.',
      );
    }
    const provider: CapacityProvider = { name, settings, tags, status: 'ACTIVE' };
    simulation.capacityProviders.set(name, provider);
    return { capacityProvider: providerView(simulation, provider, true) };
  },

  DescribeCapacityProviders: (simulation: Simulation, input: Input) => {
    const names = (input['capacityProviders'] as string[] | undefined)?.map(lastSegment);
    const known = new Map([...fargateProviders(), ...simulation.capacityProviders]);
    const { items, nextToken } = page(names ?? [...known.keys()], input);
    const withTags = input['include']?.includes('TAGS') ?? false;
    return {
      capacityProviders: items.flatMap((name) => {
        const provider = known.get(name);
        return provider === undefined ? [] : [providerView(simulation, provider, withTags)];
      }),
      failures: items
        .filter((name) => !known.has(name))
        .map((name) => ({ arn: providerArn(simulation, name), reason: 'MISSING' })),
      nextToken,
    };
  },

  UpdateCapacityProvider: (simulation: Simulation, { name, ...settings }: Input) => {
    const provider = findProvider(simulation, name);
    provider.settings = { ...provider.settings, ...settings };
    return { capacityProvider: providerView(simulation, provider, false) };
  },

  DeleteCapacityProvider: (simulation: Simulation, input: Input) => {
    const provider = findProvider(simulation, input['capacityProvider']);
    const isUsed = [...simulation.clusters.values()].some(({ settings }) =>
      settings.capacityProviders.includes(provider.name),
    );
    if (isUsed) {
      throw invalid(
        'The capacity provider cannot be deleted because it is associated with cluster.',
      );
    }
    provider.status = 'INACTIVE';
    return { capacityProvider: providerView(simulation, provider, false) };
  },
};

const includesAll = () => true;

const invalid = (message: string): Error => awsFault('InvalidParameterException', message);

/** The settings of a cluster in a request; throws for capacity providers that do not exist. */
function clusterSettings(
  { capacityProviders: known }: Simulation,
  input: Input,
): Partial<ClusterSettings> {
  const { settings, configuration, capacityProviders, serviceConnectDefaults } = input;
  const { defaultCapacityProviderStrategy } = input;
  const strategy = defaultCapacityProviderStrategy as { capacityProvider: string }[] | undefined;
  for (const name of (capacityProviders ?? []) as string[]) {
    if (FARGATE.includes(name) || known.get(lastSegment(name))?.status === 'ACTIVE') continue;
    throw invalid(
      'The specified capacity provider was not found. Specify a valid name or ARN and try again.',
    );
  }
  for (const { capacityProvider } of strategy ?? []) {
    if (capacityProviders === undefined || capacityProviders.includes(capacityProvider)) continue;
    throw invalid(
      'The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again.',
    );
  }
  return {
    ...(settings && { settings }),
    ...(configuration && { configuration }),
    ...(capacityProviders && { capacityProviders }),
    ...(strategy && { defaultCapacityProviderStrategy: strategy }),
    ...(serviceConnectDefaults && { serviceConnectDefaults }),
  };
}

function changeCluster(simulation: Simulation, input: Input, members: readonly string[]) {
  const cluster = findCluster(simulation, input['cluster']);
  const given = Object.fromEntries(members.map((member) => [member, input[member]]));
  cluster.settings = { ...cluster.settings, ...clusterSettings(simulation, given) };
  return { cluster: clusterView(cluster, includesAll) };
}

const fargateProviders = () =>
  FARGATE.map((name): [string, CapacityProvider] => [
    name,
    { name, settings: {}, tags: [], status: 'ACTIVE' },
  ]);

const providerArn = (simulation: Simulation, name: string): string =>
  ecsArn(simulation, `capacity-provider/${name}`);

function findProvider(simulation: Simulation, identifier: unknown): CapacityProvider {
  const provider = simulation.capacityProviders.get(lastSegment(identifier));
  if (provider !== undefined) return provider;
  throw invalid(
    'The specified capacity provider was not found. Specify a valid name or ARN and try again.',
  );
}

function providerView(
  simulation: Simulation,
  { name, settings, tags, status }: CapacityProvider,
  withTags: boolean,
): unknown {
  return {
    capacityProviderArn: providerArn(simulation, name),
    name,
    status,
    ...settings,
    ...(settings['autoScalingGroupProvider'] !== undefined && {
      autoScalingGroupProvider: withDefaults(settings['autoScalingGroupProvider'] as Input),
    }),
    tags: withTags ? tags : [],
  };
}

/** An Auto Scaling group provider with what ECS adds. */
function withDefaults({ managedScaling, ...provider }: Input): unknown {
  return {
    managedTerminationProtection: 'DISABLED',
    managedDraining: 'ENABLED',
    ...provider,
    managedScaling: {
      status: 'DISABLED',
      targetCapacity: 100,
      minimumScalingStepSize: 1,
      maximumScalingStepSize: 10_000,
      instanceWarmupPeriod: 300,
      ...managedScaling,
    },
  };
}
