import type { Aws } from '../aws/client.ts';
import { chunks } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import { callerIdentity } from '../aws/identity.ts';
import { listRevisions, registrationOf } from '../aws/registrations.ts';
import { pastRollouts } from '../aws/rollouts.ts';
import { eventBuses, rulesOf } from '../aws/rules.ts';
import { schedulesOf } from '../aws/schedules.ts';
import { allClusters, describeUse, serviceUses, taskUses } from '../aws/uses.ts';
import type { ServiceUse } from '../aws/uses.ts';
import { revisionBefore } from '../core/history.ts';
import { knownReasons, planPrune } from '../core/prune.ts';
import type { Kept, ListedRevision, PrunedFamily, Registration } from '../core/prune.ts';
import { scheduleLabel } from '../core/scheduled.ts';
import { familyOf, shortName } from '../core/task-definition.ts';
import type { ConfigOf } from '../settings/config.ts';

interface Tools {
  readonly aws: Aws;
  readonly ecs: Ecs;
}

type PruneSettings = Pick<ConfigOf<'prune'>, 'keep' | 'olderThan' | 'all' | 'deleteInactive'>;

/** Revisions that are read in parallel: ECS throttles bursts. */
const READS_AT_ONCE = 10;

/**
 * Reads everything in the region that can need a revision of these families, and plans which can go.
 * Nothing is optional here: what cannot be read could be in use.
 */
export async function observePrune(
  tools: Tools,
  config: PruneSettings,
  families: readonly string[],
): Promise<readonly PrunedFamily[]> {
  const [uses, identity] = await Promise.all([
    usesOf(tools, config, new Set(families)),
    config.all ? undefined : callerIdentity(tools.aws),
  ]);
  const policy = { ...config, identity: identity?.arn };
  const planned: PrunedFamily[] = [];
  for (const family of families) {
    const revisions = await listAll(tools, family, config.deleteInactive);
    const known = knownReasons(revisions, uses, policy);
    const open = revisions.filter(({ arn }) => known.get(arn)?.length === 0);
    const registrations = new Map<string, Registration>();
    for (const part of chunks(open, READS_AT_ONCE)) {
      const read = await Promise.all(part.map(({ arn }) => registrationOf(tools.ecs, arn)));
      for (const [index, { arn }] of part.entries()) {
        const registration = read[index];
        if (registration !== undefined) registrations.set(arn, registration);
      }
    }
    const now = nowOf(tools, registrations);
    planned.push({ family, revisions: planPrune(revisions, known, registrations, policy, now) });
  }
  return planned;
}

/** The clock of AWS; in the sandbox it runs ahead of the answers' dates. */
function nowOf({ aws }: Tools, registrations: ReadonlyMap<string, Registration>): Date {
  const seen = [...registrations.values()].map(({ at }) => at.getTime());
  return new Date(Math.max(Date.now() + aws.clock.offset, ...seen));
}

async function listAll(
  { ecs }: Tools,
  family: string,
  withInactive: boolean,
): Promise<readonly ListedRevision[]> {
  const [active, inactive] = await Promise.all([
    listRevisions(ecs, family, 'ACTIVE'),
    withInactive ? listRevisions(ecs, family, 'INACTIVE') : [],
  ]);
  const number = ({ arn }: ListedRevision) => Number(arn.slice(arn.lastIndexOf(':') + 1));
  return [...active, ...inactive].toSorted((a, b) => number(a) - number(b));
}

type Uses = ReadonlyMap<string, readonly Kept[]>;

/** Why revisions of these families are needed, by their ARNs. */
async function usesOf(
  { aws, ecs }: Tools,
  { keep }: PruneSettings,
  families: ReadonlySet<string>,
): Promise<Uses> {
  const uses = new Map<string, Kept[]>();
  const add = (arn: string, code: Kept['code'], by: string) => {
    const known = uses.get(arn) ?? [];
    const isKnown = known.some((item) => item.code === code && item.by === by);
    if (!isKnown) uses.set(arn, [...known, { code, by }]);
  };
  const isOurs = (arn: string) => families.has(familyOf(arn));
  const [clusters, buses] = await Promise.all([allClusters(ecs), eventBuses(aws)]);
  for (const cluster of clusters) {
    for (const service of await serviceUses(ecs, cluster)) {
      if (!service.revisions.some(isOurs)) continue;
      for (const arn of service.revisions) add(arn, 'service', describeUse(service));
      for (const arn of await deployedBy(ecs, service, keep)) {
        add(arn, 'deployment', describeUse(service));
      }
    }
    for (const family of families) {
      for (const arn of await taskUses(ecs, cluster, family)) {
        add(arn, 'task', `a task in ${shortName(cluster)}`);
      }
    }
    for (const rule of await rulesOf(aws, cluster, families, buses)) {
      add(rule.taskDefinition, 'schedule', `rule ${scheduleLabel(rule)}`);
    }
  }
  for (const schedule of await schedulesOf(aws, new Set(clusters), families)) {
    add(schedule.taskDefinition, 'schedule', `schedule ${scheduleLabel(schedule)}`);
  }
  return byArn(uses, clusters);
}

/**
 * The uses by ARN: the input of a universal target can name `family:revision`. Clusters give region and
 * account.
 */
function byArn(uses: ReadonlyMap<string, Kept[]>, [cluster = '']: readonly string[]): Uses {
  const prefix = cluster.replace(/:cluster\/.*$/, ':task-definition/');
  const known = new Map<string, readonly Kept[]>();
  for (const [name, kept] of uses) {
    const arn = name.startsWith('arn:') ? name : `${prefix}${name}`;
    known.set(arn, [...(known.get(arn) ?? []), ...kept]);
  }
  return known;
}

/**
 * The revisions of a service's last deployments, and the one that a rollback goes to. The source of a
 * deployment is the target of one before, so one more than `keep` are kept.
 */
async function deployedBy(ecs: Ecs, service: ServiceUse, keep: number): Promise<readonly string[]> {
  // Only ECS's own controller has service deployments.
  if (service.controller !== 'ECS') return [];
  const past = await pastRollouts(ecs, service, { all: true });
  const recent = past.slice(0, keep + 1).map(({ taskDefinition }) => taskDefinition);
  const good = past.find(({ status }) => status === 'SUCCESSFUL')?.taskDefinition;
  const before = revisionBefore(past, service.taskDefinition ?? '');
  return [...recent, good, before].filter((arn) => arn !== undefined);
}
