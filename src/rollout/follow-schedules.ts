import { setTimeout as sleep } from 'node:timers/promises';
import { at } from '../aws/ecs.ts';
import { awsErrorName, isDefinite } from '../aws/errors.ts';
import { putTarget, readTarget, rulesOf } from '../aws/rules.ts';
import { readSchedule, schedulesOf, updateSchedule } from '../aws/schedules.ts';
import type { Service } from '../core/ecs.ts';
import { SCHEDULE_POLLS } from '../core/pacing.ts';
import type { ServiceResult } from '../core/result.ts';
import { nameOf } from '../core/service-name.ts';
import { chosen, definitionOf, planSchedule, withRevision } from '../core/scheduled.ts';
import type { ScheduledTask, ScheduleResult, Schedules } from '../core/scheduled.ts';
import { familyOf } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import { reportable, withTimeout } from './tools.ts';
import type { RolloutSettings, RolloutTools } from './tools.ts';

/** A service whose schedules follow it. */
export interface Followed {
  readonly service: Service;
  readonly target: { readonly schedules: Schedules };
}

/**
 * Moves the scheduled tasks of services that have succeeded to their revisions. Returns the results in
 * their order, with what became of each scheduled task. A failure changes no outcome, and never throws.
 */
export async function followSchedules(
  given: RolloutTools,
  { poll, noWait }: Pick<RolloutSettings, 'poll' | 'noWait'>,
  followed: readonly Followed[],
  results: readonly ServiceResult[],
): Promise<readonly ServiceResult[]> {
  if (followed.every(({ target }) => target.schedules === false)) return results;
  const limit = SCHEDULE_POLLS * poll;
  const over = new EcsDeployError({
    code: 'aws-unreachable',
    message: `AWS did not answer within ${limit / 1000} s.`,
    hint: 'check the network, and run the same command again: it only moves the schedules',
  });
  const tools = withTimeout(given, limit, over);
  const ends: ServiceResult[] = [];
  // One after the other: services of one family share their schedules.
  for (const [index, result] of results.entries()) {
    const { target, service } = followed[index] ?? {};
    if (service === undefined || target === undefined || target.schedules === false) {
      ends.push(result);
      continue;
    }
    const { outcome, taskDefinition } = result;
    if (noWait && outcome === 'unknown') {
      tools.emit({
        kind: 'warning',
        message: `The schedules of ${service.name} stay as they are: with --no-wait, the end of the deployment is not known.`,
        hint: 'leave out --no-wait',
      });
    }
    const isGood = outcome === 'succeeded' || outcome === 'unchanged';
    ends.push(
      isGood && taskDefinition !== null
        ? {
            ...result,
            schedules: await follow(
              at(tools, service),
              poll,
              service,
              target.schedules,
              taskDefinition,
            ),
          }
        : result,
    );
  }
  return ends;
}

async function follow(
  tools: RolloutTools,
  poll: number,
  service: Service,
  schedules: Schedules,
  arn: string,
): Promise<readonly ScheduleResult[]> {
  const { aws } = tools.ecs;
  const families = new Set([familyOf(arn)]);
  const reads = [
    ['rule', rulesOf(aws, service.cluster, families)],
    ['schedule', schedulesOf(aws, new Set([service.cluster]), families)],
  ] as const;
  const results: ScheduleResult[] = [];
  const tell = (schedule: ScheduleResult, hint?: string) => {
    results.push(schedule);
    tools.emit({ kind: 'schedule', ...nameOf(service), schedule, hint });
  };
  for (const [index, end] of (await Promise.allSettled(reads.map(([, read]) => read))).entries()) {
    const kind = reads[index]?.[0] ?? 'rule';
    if (end.status === 'rejected') {
      const { message, hint } = reasonOf(tools, end.reason);
      tell({ ...UNREAD, kind, to: arn, reason: message }, hint);
      continue;
    }
    for (const task of chosen(end.value, schedules)) {
      const planned = planSchedule(task, arn);
      if (planned.outcome === 'planned') {
        const [moved, hint] = await move(tools, poll, task, arn);
        tell({ ...planned, ...moved }, hint);
      } else tell(planned);
    }
  }
  return results;
}

/** All rules, or all schedules, which could not be read. */
const UNREAD = {
  name: null,
  group: 'default',
  target: null,
  enabled: true,
  expression: null,
  from: null,
  outcome: 'failed',
} as const;

type Moved = Pick<ScheduleResult, 'outcome' | 'reason'>;

/** Attempts to write a scheduled task that someone else is changing. */
const ATTEMPTS = 5;

async function move(
  tools: RolloutTools,
  poll: number,
  given: ScheduledTask,
  arn: string,
): Promise<readonly [Moved, hint: string | undefined]> {
  let task = given;
  for (let attempt = 1; ; attempt += 1) {
    try {
      tools.signal.throwIfAborted();
      await write(tools, task, withRevision(task, arn));
      return [{ outcome: 'updated', reason: null }, undefined];
    } catch (error) {
      const isBusy = /^Conflict|^ConcurrentModification/.test(awsErrorName(error));
      const { message, hint } = reasonOf(tools, error);
      const failed = [{ outcome: 'failed', reason: message }, hint] as const;
      const isSent = error !== tools.signal.reason;
      if (isSent && isDefinite(error) && !isBusy) return failed;
      // A sent write may have succeeded, and a busy schedule may have changed.
      const now = await readAgain(tools, task).catch(() => 'unread' as const);
      if (now === 'unread' && isSent) return [{ outcome: 'unknown', reason: message }, hint];
      if (now === 'unread' || now === undefined) return failed;
      if (namedBy(now) === arn) return [{ outcome: 'updated', reason: null }, undefined];
      if (!isBusy || attempt === ATTEMPTS) return failed;
      task = now;
      await sleep((attempt * poll) / 3, undefined, { signal: tools.signal }).catch(() => undefined);
    }
  }
}

function write({ ecs: { aws } }: RolloutTools, task: ScheduledTask, document: JsonObject) {
  return task.kind === 'rule'
    ? putTarget(aws, task, document)
    : updateSchedule(aws, task, document);
}

/** The scheduled task with its present document; undefined where it no longer exists. */
async function readAgain(
  { ecs: { aws } }: RolloutTools,
  task: ScheduledTask,
): Promise<ScheduledTask | undefined> {
  const document = await (task.kind === 'rule' ? readTarget : readSchedule)(aws, task);
  return document && { ...task, document };
}

/** The task definition that a document names now. */
function namedBy({ kind, document }: ScheduledTask): string | undefined {
  const target = kind === 'rule' ? document : (document['Target'] as JsonObject);
  return definitionOf(target, new Set([String(target['Arn'])]))?.taskDefinition;
}

function reasonOf({ signal }: RolloutTools, error: unknown): EcsDeployError {
  return reportable(signal.aborted ? signal.reason : error);
}
