import { optional } from '../aws/optional.ts';
import {
  readDelays,
  readGroupHealth,
  readGroups,
  readInstances,
  readPlaces,
} from '../aws/target-health.ts';
import type { GroupReads } from '../aws/target-health.ts';
import { tasksOf } from '../aws/tasks.ts';
import type { Service } from '../core/ecs.ts';
import { addressesOf, targetGroupsOf } from '../core/load-balancer.ts';
import type { GroupHealth } from '../core/load-balancer.ts';
import type { RolloutTools } from './tools.ts';

/** What the load balancer of a service says, and which of its targets are of one deployment. */
export interface Targets {
  readonly health: readonly GroupHealth[];
  /** Of the running tasks of the deployment, by `addressesOf`; undefined where they are not known. */
  readonly addresses: ReadonlySet<string> | undefined;
}

/** Reads the targets of a service; undefined where they cannot be read, which is one warning. */
export async function readTargets(
  tools: RolloutTools,
  service: Service,
  deployment: string,
  reads: GroupReads = {},
): Promise<Targets | undefined> {
  const { isIgnored } = reads;
  const known = reads.known ?? (await readGroups(tools, targetGroupsOf(service), isIgnored));
  if (known === undefined) return undefined;
  const running = tasksOf(tools.ecs, service, deployment, 'RUNNING');
  const [groups, health, tasks] = await Promise.all([
    reads.known ?? readDelays(tools, known, isIgnored),
    readGroupHealth(tools, service, { ...reads, known }).then((read = []) =>
      readPlaces(tools, read, isIgnored),
    ),
    optional(tools, 'ecs:ListTasks', running, isIgnored),
  ]);
  const started = tasks?.filter(({ lastStatus }) => lastStatus === 'RUNNING');
  const instances = await readInstances(tools, service, started ?? [], { groups, isIgnored });
  const addresses = started?.map((task) => addressesOf(task, service, instances));
  return {
    health: health.map((of) => ({
      ...of,
      group: groups.find(({ arn }) => arn === of.group.arn) ?? of.group,
    })),
    addresses: addresses?.every((own) => own.length > 0) ? new Set(addresses.flat()) : undefined,
  };
}
