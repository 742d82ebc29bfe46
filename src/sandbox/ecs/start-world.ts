import type { Found } from './containers.ts';
import {
  addRevision,
  completeDeployment,
  makeServiceDeployment,
  tripBreaker,
} from './deployments.ts';
import { toldBefore } from './express.ts';
import { makeService } from './services.ts';
import type { Tag } from './definition.ts';
import type { Cluster, ClusterSettings, Deployment, Service, Simulation } from './state.ts';
import { announce } from './events.ts';
import { ecsArn, findCluster, primaryOf } from './lookups.ts';
import { architectureOf, findTaskDefinition } from './task-definitions.ts';
import { hasTaskSets, noteStability } from './task-sets.ts';
import { makeRunningTask } from './tasks.ts';

const DAY_SECONDS = 86_400;
const ROLLOUT_SECONDS = 94;

const CLUSTER_DEFAULTS: ClusterSettings = {
  settings: [{ name: 'containerInsights', value: 'disabled' }],
  capacityProviders: [],
  defaultCapacityProviderStrategy: [],
};

/** Creates an empty cluster. */
export function createClusterIn(
  simulation: Simulation,
  name: string,
  settings: Partial<ClusterSettings> = {},
  tags: readonly Tag[] = [],
): Cluster {
  const cluster: Cluster = {
    name,
    arn: ecsArn(simulation, `cluster/${name}`),
    services: new Map(),
    runs: [],
    status: 'ACTIVE',
    tags,
    settings: { ...CLUSTER_DEFAULTS, ...settings },
  };
  simulation.clusters.set(name, cluster);
  return cluster;
}

/**
 * Creates a service with running tasks whose only deployment was completed a day ago, or failed,
 * so that there is nothing to roll back to. `expressRevision` names the revision that Express Mode
 * was given last, where the service has been changed outside of it.
 */
export async function createOldService(
  simulation: Simulation,
  input: Readonly<Record<string, unknown>>,
  hasFailed: boolean,
): Promise<void> {
  const images = await pullAll(simulation, input['taskDefinition']);
  simulation.enter(() => {
    const begun = secondsAgo(simulation, DAY_SECONDS);
    const done = secondsAgo(simulation, DAY_SECONDS - ROLLOUT_SECONDS);
    const { expressRevision, ...members } = input;
    const service = makeService(begun, findCluster(simulation, input['cluster']), members);
    if (expressRevision !== undefined) {
      service.express = { told: toldBefore(begun, service, expressRevision) };
    }
    const deployment = primaryOf(service);
    if (hasTaskSets(service)) {
      if (deployment.taskSet === undefined) return;
      runTasks(begun, service, deployment, images);
      noteStability(done, service);
      return;
    }
    addRevision(begun, service, deployment);
    const record = {
      ...makeServiceDeployment(begun, service, deployment, []),
      startedAt: begun.now(),
    };
    service.serviceDeployments = [record];
    if (hasFailed) {
      tripBreaker(done, service, deployment, record);
      return;
    }
    runTasks(begun, service, deployment, images);
    completeDeployment(done, service, deployment, record);
    announce(done, service, 'has reached a steady state.');
  });
}

function runTasks(
  simulation: Simulation,
  service: Service,
  deployment: Deployment,
  images: readonly Found[],
): void {
  for (let count = 0; count < service.settings.desiredCount; count += 1) {
    makeRunningTask(simulation, service, deployment, images);
  }
  const tasks = service.tasks.map(({ id }) => `(task ${id})`).join(' ');
  announce(simulation, service, `has started ${service.tasks.length} tasks: ${tasks}.`);
}

async function pullAll(simulation: Simulation, identifier: unknown): Promise<readonly Found[]> {
  const definition = findTaskDefinition(simulation, identifier);
  if (definition === undefined) return [];
  const pulls = definition.body.containerDefinitions.map(async ({ image }) => {
    const pulled = await simulation.pullImage(image, architectureOf(definition));
    if (pulled.kind === 'found') return pulled;
    throw new Error(`The start world cannot pull its image ${image}.`);
  });
  return Promise.all(pulls);
}

/** The simulation with an earlier clock: whatever is created with it has that time. */
function secondsAgo(simulation: Simulation, seconds: number): Simulation {
  return { ...simulation, now: () => simulation.now() - seconds };
}
