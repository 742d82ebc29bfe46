import type { Service, Task } from '../core/ecs.ts';
import { hasInstances, isElsewhere, targetGroupsOf } from '../core/load-balancer.ts';
import type { GroupHealth, Instances, TargetGroup } from '../core/load-balancer.ts';
import type { EcsDeployError } from '../errors.ts';
import type { Emit } from '../events.ts';
import type { Ecs } from './ecs.ts';
import {
  readBalancerPlace,
  readDeregistrationDelay,
  readTargetGroups,
  readTargetHealth,
} from './load-balancers.ts';
import { isUnread, optional } from './optional.ts';
import { instancesOf } from './tasks.ts';

interface Tools {
  readonly ecs: Ecs;
  readonly emit: Emit;
}

/** Chooses the errors that are a warning; the others are thrown. */
type IsIgnored = (error: unknown) => error is EcsDeployError;

/**
 * Target groups by ARN, without their deregistration delays; undefined where they cannot be read,
 * which is one warning.
 */
export async function readGroups(
  tools: Tools,
  arns: readonly string[],
  isIgnored: IsIgnored = isUnread,
): Promise<readonly TargetGroup[] | undefined> {
  if (arns.length === 0) return [];
  const reading = readTargetGroups(tools.ecs.aws, arns);
  return optional(tools, 'the load balancer', reading, isIgnored);
}

/** Target groups with their deregistration delays, as far as these can be read. */
export function readDelays(
  tools: Tools,
  groups: readonly TargetGroup[],
  isIgnored: IsIgnored = isUnread,
): Promise<readonly TargetGroup[]> {
  const what = 'the deregistration delay of the load balancer';
  return Promise.all(
    groups.map(async (group) => {
      const reading = readDeregistrationDelay(tools.ecs.aws, group.arn);
      return { ...group, deregistrationDelay: await optional(tools, what, reading, isIgnored) };
    }),
  );
}

/** How target groups are read. */
export interface GroupReads {
  /** They are not read again. */
  readonly known?: readonly TargetGroup[] | undefined;
  readonly isIgnored?: IsIgnored;
}

/**
 * The target groups of a service with their targets, without deregistration delays: none without a
 * load balancer, undefined where they cannot be read, which is one warning.
 */
export async function readGroupHealth(
  tools: Tools,
  service: Service,
  { known, isIgnored = isUnread }: GroupReads = {},
): Promise<readonly GroupHealth[] | undefined> {
  const groups = known ?? (await readGroups(tools, targetGroupsOf(service), isIgnored));
  if (groups === undefined) return undefined;
  const read = await Promise.all(
    groups.map(async (group) => ({
      group,
      targets: await optional(
        tools,
        'target health',
        readTargetHealth(tools.ecs.aws, group.arn),
        isIgnored,
      ),
    })),
  );
  return read.flatMap(({ group, targets }) => (targets === undefined ? [] : { group, targets }));
}

/**
 * Adds where the load balancer takes traffic to the groups that have a target in another zone, as
 * far as it can be read.
 */
export function readPlaces(
  tools: Tools,
  health: readonly GroupHealth[],
  isIgnored: IsIgnored = isUnread,
): Promise<readonly GroupHealth[]> {
  return Promise.all(
    health.map(async (of) => {
      const [balancer] = of.group.loadBalancers;
      if (balancer === undefined || !of.targets.some(isElsewhere)) return of;
      const reading = readBalancerPlace(tools.ecs.aws, balancer);
      const what = 'the zones of the load balancer';
      return { ...of, place: await optional(tools, what, reading, isIgnored) };
    }),
  );
}

/** The EC2 instances of tasks, which name their targets: none where no target group has such ones. */
export async function readInstances(
  tools: Tools,
  service: Service,
  tasks: readonly Task[],
  {
    groups,
    isIgnored = isUnread,
  }: { groups: readonly TargetGroup[]; isIgnored?: IsIgnored | undefined },
): Promise<Instances> {
  if (!groups.some(hasInstances)) return new Map();
  const reading = instancesOf(tools.ecs, service, tasks);
  const what = 'the container instances of the tasks';
  return (await optional(tools, what, reading, isIgnored)) ?? new Map();
}
