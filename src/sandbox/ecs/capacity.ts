import type { Cluster, ServiceSettings, StrategyItem } from './state.ts';

// Which capacity provider a task runs on. Source: the API reference of CapacityProviderStrategyItem.

/** What a request says of the place of its tasks. */
interface Wanted {
  readonly launchType?: string | undefined;
  readonly capacityProviderStrategy?: readonly StrategyItem[] | undefined;
}

/** A launch type, or the strategy of the request, or else the default one of the cluster. */
export function placeOf(
  { settings }: Cluster,
  { launchType, capacityProviderStrategy: wanted = [] }: Wanted,
): Pick<ServiceSettings, 'launchType' | 'capacityProviderStrategy'> {
  if (launchType !== undefined) return { launchType };
  const strategy = wanted.length > 0 ? wanted : settings.defaultCapacityProviderStrategy;
  return strategy.length > 0 ? { capacityProviderStrategy: strategy } : {};
}

/** Why ECS refuses the strategy of a request; undefined if it does not. */
export function strategyProblem(
  { settings }: Cluster,
  strategy: readonly StrategyItem[] = [],
): string | undefined {
  if (strategy.some((item) => !settings.capacityProviders.includes(item.capacityProvider))) {
    return 'The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again.';
  }
  if (strategy.length > 1 && strategy.every(({ weight = 0 }) => weight === 0)) {
    return 'There are no capacity providers in the capacity provider strategy with a weight value greater than zero.';
  }
  if (strategy.filter(({ base = 0 }) => base > 0).length > 1) {
    return 'Only one capacity provider in a capacity provider strategy can have a base defined.';
  }
  return undefined;
}

/**
 * The provider of the next task, beside tasks on these providers: the base first, then by weight.
 * Undefined without a strategy.
 */
export function nextProvider(
  strategy: readonly StrategyItem[] = [],
  listTaken: () => readonly (string | undefined)[] = () => [],
): string | undefined {
  const [only] = strategy;
  if (only === undefined || strategy.length === 1) return only?.capacityProvider;
  const taken = listTaken();
  const countOf = ({ capacityProvider }: StrategyItem) =>
    taken.filter((name) => name === capacityProvider).length;
  const open = strategy.find((item) => countOf(item) < (item.base ?? 0));
  if (open !== undefined) return open.capacityProvider;
  const share = (item: StrategyItem) => (countOf(item) - (item.base ?? 0)) / (item.weight ?? 0);
  const weighted = strategy.filter(({ weight = 0 }) => weight > 0);
  return weighted.toSorted((one, other) => share(one) - share(other))[0]?.capacityProvider;
}

/** Whether tasks of a provider run on Fargate. */
export const isFargateProvider = (provider: string): boolean => provider.startsWith('FARGATE');

/** The launch type of a task of a provider; that of the settings without one. */
export function launchTypeOf({ launchType }: ServiceSettings, provider?: string): string {
  if (provider === undefined) return launchType ?? 'EC2';
  return isFargateProvider(provider) ? 'FARGATE' : 'EC2';
}
