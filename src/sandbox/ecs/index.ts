import type { Clock } from '../clock.ts';
import type { PullImage } from '../images.ts';
import type { LogStore } from '../logs.ts';
import type { Operation, Operations } from '../wire.ts';
import { createAgenda } from './agenda.ts';
import { ECS_OPERATIONS } from './api.ts';
import type { ArmedFault, Fault } from './faults.ts';
import { armFault } from './faults.ts';
import { reconcile } from './scheduler.ts';
import { createClusterIn, createOldService } from './start-world.ts';
import type { Simulation } from './state.ts';
import { announce } from './events.ts';
import { allServices, findService } from './lookups.ts';
import { registerTaskDefinition } from './task-definitions.ts';

/** What the simulated ECS is made of. */
export interface EcsOptions {
  readonly account: string;
  /** The region of the start world; every other region starts empty. */
  readonly region: string;
  readonly clock: Clock;
  readonly pullImage: PullImage;
  readonly logs: LogStore;
  readonly faults: readonly Fault[];
  /** A rollback's deployment takes the old deployment's id again (the default), or a new one. */
  readonly rollbackId?: 'reused' | 'new';
  /** Seconds that a target drains, instead of a few. */
  readonly drainSeconds?: number | undefined;
}

/** A simulated ECS: its API operations, and what builds the start world. */
export interface Ecs {
  readonly operations: Operations;
  /** Makes an empty cluster. */
  readonly createCluster: (name: string) => void;
  /** Registers a revision that faults spare, from RegisterTaskDefinition's JSON; answers its ARN. */
  readonly registerTaskDefinition: (input: Input) => string;
  /** Makes a service from CreateService's JSON that was deployed a day ago, or failed to be. */
  readonly createService: (input: Input, hasFailed?: boolean) => Promise<void>;
  /** Adds a fault. */
  readonly arm: (fault: Fault) => void;
  /** Adds an event to a service. */
  readonly announce: (service: Input, message: string) => void;
}

type Input = Readonly<Record<string, unknown>>;

/** Makes a simulated ECS without any cluster. */
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
          return simulation.enter(() => operation(simulation, input));
        },
      ]),
    ),
    createCluster: (name) => createClusterIn(home, name),
    registerTaskDefinition: (input) =>
      home.enter(() => registerTaskDefinition(home, input, true).arn),
    createService: (input, hasFailed = false) => createOldService(home, input, hasFailed),
    arm: (fault) => {
      faults.push(armFault(fault));
    },
    announce: (service, message) =>
      home.enter(() => announce(home, findService(home, service), message)),
  };
}

function createSimulation(
  { account, clock, pullImage, logs, rollbackId = 'reused', drainSeconds }: EcsOptions,
  region: string,
  faults: readonly ArmedFault[],
): Simulation {
  const simulation: Simulation = {
    ...createAgenda(clock, () => {
      for (const service of allServices(simulation)) reconcile(simulation, service);
    }),
    account,
    region,
    pullImage,
    logs,
    rollbackId,
    drainSeconds,
    clusters: new Map(),
    families: new Map(),
    faults,
  };
  return simulation;
}
