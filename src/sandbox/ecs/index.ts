import type { Clock } from '../clock.ts';
import type { PullImage } from '../images.ts';
import type { Logs } from '../logs.ts';
import type { Operation, Operations } from '../wire.ts';
import { createAgenda } from './agenda.ts';
import { ECS_OPERATIONS } from './api.ts';
import type { ArmedFault, Fault } from './faults.ts';
import { armFault } from './faults.ts';
import { reconcile } from './scheduler.ts';
import { makeTargetGroup } from './target-group.ts';
import type { TargetGroup } from './target-group.ts';
import { targetsIn, trafficThrough } from './targets.ts';
import type { Target } from './targets.ts';
import { createClusterIn, createOldService } from './start-world.ts';
import type { Service, Simulation } from './state.ts';
import { announce } from './events.ts';
import { checkRequest } from './requests.ts';
import { allServices, findService, isMaintained } from './lookups.ts';
import { registerTaskDefinition } from './task-definitions.ts';
import type { Past } from './task-definitions.ts';

/** What the simulated ECS needs. */
export interface EcsOptions {
  readonly account: string;
  /** The region of the start world; all other regions start empty. */
  readonly region: string;
  readonly clock: Clock;
  readonly pullImage: PullImage;
  readonly logs: Logs;
  readonly faults: readonly Fault[];
  /** Whether a rollback's deployment reuses the old deployment's id (the default) or gets a new one. */
  readonly rollbackId?: 'reused' | 'new';
  /** Target groups, by ARN; those of others have the settings of the start world. */
  readonly targetGroups?: ReadonlyMap<string, TargetGroup>;
  /** Simulated seconds for which records show the traffic weights of the step before. */
  readonly weightLag?: number | undefined;
  /** Stages take no time beside their hooks and bake times. */
  readonly quickStages?: boolean | undefined;
  /** A deployment is shown as COMPLETED from its bake time on. */
  readonly completesEarly?: boolean | undefined;
}

/** A simulated ECS: its API operations, and functions that build the start world. */
export interface Ecs {
  readonly operations: Operations;
  /** Creates an empty cluster. */
  readonly createCluster: (name: string) => void;
  /** Registers a revision that is exempt from faults (RegisterTaskDefinition's JSON); returns its ARN. */
  readonly registerTaskDefinition: (input: Input, past?: Past) => string;
  /** Creates a service (CreateService's JSON) whose deployment completed or failed a day ago. */
  readonly createService: (input: Input, hasFailed?: boolean) => Promise<void>;
  /** Adds a fault to those in effect. */
  readonly arm: (fault: Fault) => void;
  /** The targets in a target group of the start world's region. */
  readonly targetsIn: (targetGroup: string) => readonly Target[];
  /** Percentage of the traffic that each target group gets through a listener rule. */
  readonly trafficThrough: (rule: string) => ReadonlyMap<string, number>;
  /** The start world's region, for services that act on ECS. */
  readonly home: Simulation;
  /** Adds an event to a service. */
  readonly announce: (service: Input, message: string) => void;
}

type Input = Readonly<Record<string, unknown>>;

/** Creates a simulated ECS without clusters. */
export function createEcs(options: EcsOptions): Ecs {
  const faults = options.faults.map(armFault);
  const regions = new Map<string, Simulation>();
  const simulationOf = (region: string): Simulation => {
    const simulation = regions.get(region) ?? createSimulation(options, region, faults);
    regions.set(region, simulation);
    return simulation;
  };
  const home = simulationOf(options.region);
  return {
    operations: Object.fromEntries(
      Object.entries(ECS_OPERATIONS).map(([name, operation]): [string, Operation] => [
        name,
        (input, { region }) => {
          const simulation = simulationOf(region);
          return simulation.enter(() => {
            checkRequest(simulation, name, input);
            return operation(simulation, input);
          });
        },
      ]),
    ),
    createCluster: (name) =>
      void createClusterIn(home, name, { capacityProviders: ['FARGATE', 'FARGATE_SPOT'] }),
    registerTaskDefinition: (input, past = {}) =>
      home.enter(() => registerTaskDefinition(home, input, past).arn),
    createService: (input, hasFailed = false) => createOldService(home, input, hasFailed),
    arm: (fault) => {
      faults.push(armFault(fault));
    },
    targetsIn: (arn) =>
      home.enter(() =>
        allServices(home).flatMap((service) => targetsIn(home, service, home.targetGroup(arn))),
      ),
    home,
    trafficThrough: (rule) => home.enter(() => trafficThrough(allServices(home), rule)),
    announce: (service, message) =>
      home.enter(() => announce(home, findService(home, service), message)),
  };
}

function createSimulation(
  {
    account,
    clock,
    pullImage,
    logs,
    rollbackId = 'reused',
    targetGroups,
    weightLag = 0,
    quickStages = false,
    completesEarly = false,
  }: EcsOptions,
  region: string,
  faults: readonly ArmedFault[],
): Simulation {
  const simulation: Simulation = {
    // One-off tasks have a service that nobody maintains.
    ...createAgenda<Service>(
      clock,
      (service) => {
        if (isMaintained(service)) reconcile(simulation, service);
      },
      () => {
        for (const observe of simulation.observers) observe();
      },
    ),
    account,
    region,
    pullImage,
    logs: logs.in(region),
    rollbackId,
    targetGroup: (arn) => targetGroups?.get(arn) ?? makeTargetGroup(arn),
    hasTargetGroup: (arn) => targetGroups?.has(arn) ?? true,
    weightLag,
    quickStages,
    completesEarly,
    clusters: new Map(),
    capacityProviders: new Map(),
    accountSettings: new Map(),
    families: new Map(),
    faults,
    tokens: new Map(),
    observers: [],
  };
  return simulation;
}
