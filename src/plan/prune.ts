import type { Aws } from '../aws/client.ts';
import { chunks } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import { callerIdentity } from '../aws/identity.ts';
import { listRevisions, registrationOf } from '../aws/registrations.ts';
import { pastRollouts } from '../aws/rollouts.ts';
import type { GroupName } from '../aws/deployment-groups.ts';
import { eventBuses, rulesOf } from '../aws/rules.ts';
import { schedulesOf } from '../aws/schedules.ts';
import { describeService } from '../aws/services.ts';
import { allClusters, describeUse, serviceUses, taskUses } from '../aws/uses.ts';
import type { ServiceUse } from '../aws/uses.ts';
import { readAppSpec } from '../core/app-spec.ts';
import { CODE_DEPLOY } from '../core/ecs.ts';
import type { Service } from '../core/ecs.ts';
import { revisionBefore } from '../core/history.ts';
import { knownReasons, planPrune } from '../core/prune.ts';
import type { Kept, ListedRevision, PrunedFamily, Registration } from '../core/prune.ts';
import { scheduleLabel } from '../core/scheduled.ts';
import { familyOf, shortName } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import type { Emit } from '../events.ts';
import type { ConfigOf } from '../settings/config.ts';
import { readCodeDeployUse } from './code-deploy.ts';

interface Tools {
  readonly aws: Aws;
  readonly ecs: Ecs;
  readonly emit: Emit;
}

type PruneSettings = Pick<ConfigOf<'prune'>, 'keep' | 'olderThan' | 'all' | 'deleteInactive'>;

/** The deployment groups that the config names, by the ARN of their service. */
export type NamedGroups = ReadonlyMap<string, GroupName>;

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
  groups: NamedGroups,
): Promise<readonly PrunedFamily[]> {
  const [uses, identity] = await Promise.all([
    usesOf(tools, config, new Set(families), groups),
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
  tools: Tools,
  { keep }: PruneSettings,
  families: ReadonlySet<string>,
  groups: NamedGroups,
): Promise<Uses> {
  const { aws, ecs } = tools;
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
      for (const arn of await deployedBy(tools, service, keep, groups)) {
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
 * The revisions of a service's last deployments, the one that succeeded last, and the one that a
 * rollback goes to. The source of a deployment is the target of one before, so one more than `keep` are
 * kept.
 */
async function deployedBy(
  tools: Tools,
  use: ServiceUse,
  keep: number,
  groups: NamedGroups,
): Promise<readonly string[]> {
  const service = await readDeployed(tools, use, groups);
  if (service === undefined) return [];
  const past = await pastRollouts(tools.ecs, service, { all: true });
  const recent = past.slice(0, keep + 1).map(({ taskDefinition }) => taskDefinition);
  const good = past.find(({ status }) => status === 'SUCCESSFUL')?.taskDefinition;
  const before = revisionBefore(past, service.taskDefinition ?? '');
  return [...recent, good, before, ...namedByCodeDeploy(service)].filter(
    (arn) => arn !== undefined,
  );
}

/** A service with what knows its deployments; undefined where nothing does. */
async function readDeployed(
  tools: Tools,
  use: ServiceUse,
  groups: NamedGroups,
): Promise<ServiceUse | Service | undefined> {
  const { name, cluster, controller } = use;
  if (controller !== CODE_DEPLOY) return controller === 'ECS' ? use : undefined;
  const service = await describeService(tools.ecs, { cluster, service: name });
  const named = groups.get(service.arn);
  try {
    return await readCodeDeployUse(tools, service, named);
  } catch (error) {
    const isMissing = error instanceof EcsDeployError && error.code === 'deployment-group-missing';
    // Without a group it has no deployments, unless the config names a wrong one.
    if (isMissing && named === undefined) return undefined;
    throw error;
  }
}

/**
 * The revisions of the deployment of CodeDeploy in progress and of the last successful one, which can be
 * older than those that are listed. Throws `app-spec-unreadable` where one of them is not known.
 */
function namedByCodeDeploy({
  name,
  codeDeploy,
  deployments = [],
}: Pick<ServiceUse, 'name'> &
  Partial<Pick<Service, 'codeDeploy' | 'deployments'>>): readonly string[] {
  if (codeDeploy === undefined) return [];
  const { active, appSpec, group } = codeDeploy;
  const unknown = (deployment: string) =>
    new EcsDeployError({
      code: 'app-spec-unreadable',
      message: `The revision of the deployment ${deployment} of "${name}" is not known, because CodeDeploy does not have its AppSpec: it could be among those to prune.`,
      hint: 'deploy once with this AppSpec as its content: aws deploy create-deployment --revision revisionType=AppSpecContent,…',
    });
  if (active?.taskDefinition === '') throw unknown(active.deployment.id);
  const last = group.lastSuccessful;
  const isRunning = last === undefined || deployments.some(({ id }) => id === last);
  const { deployment, content = '' } = appSpec.kind === 'last' ? appSpec : {};
  if (!isRunning && deployment !== last) throw unknown(last);
  const named = readAppSpec(content)?.taskDefinition;
  return [active?.taskDefinition, named].filter((arn) => arn !== undefined);
}
