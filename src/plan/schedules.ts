import type { Aws } from '../aws/client.ts';
import { chunks } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import { isUnknown, optional } from '../aws/optional.ts';
import { describeRevision } from '../aws/revisions.ts';
import { rulesOf } from '../aws/rules.ts';
import { schedulesOf } from '../aws/schedules.ts';
import type { Service } from '../core/ecs.ts';
import { isPinned } from '../core/scheduled.ts';
import type { ScheduledTask } from '../core/scheduled.ts';
import type { Revision } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import type { Emit } from '../events.ts';

/** What starts tasks of a family in the cluster of a service. */
export interface ObservedSchedules {
  readonly tasks: readonly ScheduledTask[];
  /** Whether both rules and schedules could be read. */
  readonly isWhole: boolean;
  /** Revisions by the ARNs that the schedules name; undefined for a deleted revision. */
  readonly revisions: ReadonlyMap<string, Revision | undefined>;
}

interface Tools {
  readonly aws: Aws;
  readonly ecs: Ecs;
  readonly emit: Emit;
}

/** The rules and schedules with tasks of these families; each that cannot be read is one warning. */
export async function readSchedules(
  tools: Tools,
  cluster: string,
  families: ReadonlySet<string>,
): Promise<Pick<ObservedSchedules, 'tasks' | 'isWhole'>> {
  const { aws } = tools;
  const [rules, schedules] = await Promise.all([
    optional(tools, 'the rules', rulesOf(aws, cluster, families), isUnknown),
    optional(tools, 'the schedules', schedulesOf(aws, new Set([cluster]), families), isUnknown),
  ]);
  return {
    tasks: [...(rules ?? []), ...(schedules ?? [])],
    isWhole: rules !== undefined && schedules !== undefined,
  };
}

/** Reads the rules, the schedules, and the revisions that they name. */
export async function observeSchedules(
  tools: Tools,
  { cluster }: Service,
  running: Revision,
  families: ReadonlySet<string>,
): Promise<ObservedSchedules> {
  const read = await readSchedules(tools, cluster, families);
  const named = read.tasks.map(({ taskDefinition }) => taskDefinition).filter(isPinned);
  const revisions = new Map<string, Revision | undefined>([[running.arn, running]]);
  const unknown = [...new Set(named)].filter((arn) => !revisions.has(arn));
  for (const part of chunks(unknown, READS_AT_ONCE)) {
    const reading = Promise.all(
      part.map(async (arn) => revisions.set(arn, await findRevision(tools, arn))),
    );
    await optional(tools, 'the revisions of the schedules', reading, isUnknown);
  }
  return { ...read, revisions };
}

/** Revisions that are read in parallel: ECS throttles bursts. */
const READS_AT_ONCE = 10;

async function findRevision({ ecs }: Tools, arn: string): Promise<Revision | undefined> {
  try {
    return await describeRevision(ecs, arn);
  } catch (error) {
    if (error instanceof EcsDeployError && error.code === 'task-definition-missing') {
      return undefined;
    }
    throw error;
  }
}
