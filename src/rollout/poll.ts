import type { Service, ServiceDeployment } from '@aws-sdk/client-ecs';
import { describeRecords, describeServices, findRecord, primaryOf } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import { isThrottling } from '../aws/errors.ts';
import type { Context } from '../commands/context.ts';
import { MISSING } from '../core/verdict.ts';
import type { OurDeployment } from '../core/verdict.ts';
import { isWithheld, optional } from '../aws/optional.ts';

/** A deployment with what the last look showed of it. */
export interface Watched {
  /** The deployment that is judged. */
  judged: OurDeployment;
  service: Service;
  /** Its service deployment; undefined until that is found. */
  record: ServiceDeployment | undefined;
  /** ARN of the record where it had to be searched for. */
  recordArn: string | undefined;
}

/** How the looks themselves go. */
export interface Sight {
  polls: number;
  /** Looks in a row that failed. */
  troubled: number;
  /** The poll at which trouble was told last. */
  toldAt: number;
  /** Doublings of the pause. */
  slowness: number;
  /** The last look that failed was throttled. */
  throttled: boolean;
  /** Looks in a row at which a verdict seemed near. */
  near: number;
  /** False once the service-deployment API was denied: the list of deployments decides alone. */
  records: boolean;
  /** Calls of all looks, and of the look that made most. */
  calls: number;
  mostCalls: number;
}

/** The sight before the first look. */
export function openSight(): Sight {
  return {
    polls: 0,
    troubled: 0,
    toldAt: -Infinity,
    slowness: 0,
    throttled: false,
    near: 0,
    records: true,
    calls: 0,
    mostCalls: 0,
  };
}

/** Polls in which the record of a service deployment is searched for (60 s at 3 s). */
const RECORD_POLLS = 20;
/** Polls at the start that come quicker. */
const QUICK_POLLS = 4;
/** Polls that come quicker because a verdict is near: it may take its time all the same. */
const NEAR_POLLS = 10;
const LONGEST_PAUSE = 60_000;

/** Milliseconds until the next look. */
export function pauseBefore(poll: number, sight: Sight): number {
  const near = sight.near > 0 && sight.near <= NEAR_POLLS;
  const pause = sight.polls < QUICK_POLLS || near ? poll / 3 : poll;
  return Math.min(pause * 2 ** sight.slowness, LONGEST_PAUSE);
}

/** Polls in which trouble that comes and goes is told once (5 min at 3 s). */
const TOLD_POLLS = 100;

/** Notes a look that failed: the next ones come more slowly. Returns whether it is news. */
export function noteTrouble(sight: Sight, error: unknown): boolean {
  const isNews = sight.troubled === 0 && sight.polls > sight.toldAt + TOLD_POLLS;
  if (isNews) sight.toldAt = sight.polls;
  sight.troubled += 1;
  sight.slowness = Math.min(sight.slowness + 1, 3);
  sight.throttled = isThrottling(error);
  return isNews;
}

/** Notes a look that succeeded; after throttling the old pace is found step by step. */
export function noteSuccess(sight: Sight): void {
  sight.troubled = 0;
  sight.slowness = sight.throttled ? Math.max(sight.slowness - 1, 0) : 0;
}

/** Whether all that a rollout or its rollback waits for is ECS's word. */
export function isNear({ service }: Watched): boolean {
  const primary = primaryOf(service);
  const others = (service.deployments ?? []).filter((deployment) => deployment !== primary);
  return (
    primary?.rolloutState !== 'COMPLETED' &&
    (primary?.runningCount ?? 0) >= (service.desiredCount ?? 0) &&
    (primary?.pendingCount ?? 0) === 0 &&
    others.every(({ runningCount }) => runningCount === 0)
  );
}

/**
 * Looks at all deployments: one DescribeServices per cluster and ten services, and one
 * DescribeServiceDeployments per twenty.
 */
export async function look(
  context: Context,
  ecs: Ecs,
  watched: readonly Watched[],
  sight: Sight,
): Promise<void> {
  const before = ecs.aws.calls();
  sight.polls += 1;
  try {
    await Promise.all([
      lookAtServices(ecs, watched),
      sight.records && lookAtRecords(context, ecs, watched, sight),
    ]);
  } finally {
    const calls = ecs.aws.calls() - before;
    sight.calls += calls;
    sight.mostCalls = Math.max(sight.mostCalls, calls);
  }
}

async function lookAtServices(ecs: Ecs, watched: readonly Watched[]): Promise<void> {
  const clusters = new Set(watched.map(({ service }) => service.clusterArn ?? ''));
  const reads = [...clusters].map(async (cluster) => {
    const here = watched.filter(({ service }) => service.clusterArn === cluster);
    const names = here.map(({ service }) => service.serviceName ?? '');
    const services = await describeServices(ecs, cluster, names);
    for (const item of here) {
      const { serviceName } = item.service;
      item.service = services.find((service) => service.serviceName === serviceName) ?? {
        ...item.service,
        status: MISSING,
      };
    }
  });
  await Promise.all(reads);
}

async function lookAtRecords(
  { emit }: Context,
  ecs: Ecs,
  watched: readonly Watched[],
  sight: Sight,
): Promise<void> {
  try {
    const searches = sight.polls > 2 && sight.polls <= RECORD_POLLS && sight.polls % 2 === 1;
    const searched = searches
      ? watched.find(({ record, recordArn }) => record === undefined && recordArn === undefined)
      : undefined;
    if (searched !== undefined) {
      // Instead of the look at the others, so that a look stays two calls.
      searched.recordArn = await findRecord(ecs, searched.service, searched.judged.id);
      return;
    }
    const arns = watched.flatMap((item) => candidateOf(item) ?? []);
    if (arns.length === 0) return;
    const records = await describeRecords(ecs, arns);
    for (const item of watched) {
      const number = item.judged.id.slice(item.judged.id.lastIndexOf('/'));
      item.record =
        records.find(({ targetServiceRevision }) => targetServiceRevision?.arn?.endsWith(number)) ??
        item.record;
    }
  } catch (error) {
    if (!isWithheld(error)) throw error;
    sight.records = false;
    // What was read once would never change again.
    for (const item of watched) item.record = undefined;
    emit({
      kind: 'warning',
      message: `Going on without service deployments: ${error.message}`,
      hint: error.hint,
    });
  }
}

/** ARN under which a deployment's record may be found: the service names its current one. */
function candidateOf({ record, recordArn, service }: Watched): string | undefined {
  return record?.serviceDeploymentArn ?? recordArn ?? service.currentServiceDeployment;
}

/** The service deployment that a service names as its current one; none where that may not be read. */
export async function currentRecords(
  context: Context,
  ecs: Ecs,
  { currentServiceDeployment: arn }: Service,
): Promise<readonly ServiceDeployment[]> {
  if (arn === undefined) return [];
  const read = describeRecords(ecs, [arn]);
  return (await optional(context, 'ecs:DescribeServiceDeployments', read)) ?? [];
}
