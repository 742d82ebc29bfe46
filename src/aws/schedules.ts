import { randomUUID } from 'node:crypto';
import { definitionOf, isOf, isRunTask } from '../core/scheduled.ts';
import type { ScheduledTask, ScheduleName } from '../core/scheduled.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { schedulerClient } from './client.ts';
import type { Aws } from './client.ts';
import { abort, chunks, whole } from './ecs.ts';
import { awsErrorName } from './errors.ts';
import { captureBody, replaceBody } from './raw.ts';

/** Schedules that are read in parallel. */
const READS_AT_ONCE = 10;

const sdk = () => import('./sdk/scheduler.ts');

/**
 * Schedules of EventBridge Scheduler that start tasks of these families in these clusters (ARNs).
 * ListSchedules names the cluster only, so each schedule of the clusters is read.
 */
export async function schedulesOf(
  aws: Aws,
  clusters: ReadonlySet<string>,
  families: ReadonlySet<string>,
): Promise<readonly ScheduledTask[]> {
  const found: ScheduledTask[] = [];
  for (const part of chunks(await listSchedules(aws, clusters), READS_AT_ONCE)) {
    const documents = await Promise.all(part.map((name) => readSchedule(aws, name)));
    for (const [index, document] of documents.entries()) {
      const name = part[index];
      const target = (document?.['Target'] ?? {}) as JsonObject;
      const named = definitionOf(target, clusters);
      if (document === undefined || name === undefined || named === undefined) continue;
      if (!isOf(named.taskDefinition, families)) continue;
      const { ScheduleExpression, State } = document;
      found.push({
        ...name,
        ...named,
        expression: String(ScheduleExpression),
        isEnabled: State !== 'DISABLED',
        managedBy: undefined,
        role: typeof target['RoleArn'] === 'string' ? target['RoleArn'] : undefined,
        document,
      });
    }
  }
  return found;
}

async function listSchedules(aws: Aws, clusters: ReadonlySet<string>): Promise<ScheduleName[]> {
  const [{ ListSchedulesCommand }, client] = await Promise.all([sdk(), schedulerClient(aws)]);
  const action = 'scheduler:ListSchedules';
  const found: ScheduleName[] = [];
  let NextToken: string | undefined;
  do {
    const answer = await client.send(
      new ListSchedulesCommand({ NextToken, MaxResults: 100 }),
      abort({ aws }),
    );
    for (const { Name, GroupName, Target } of whole(answer.Schedules, action, 'Schedules')) {
      const arn = Target?.Arn ?? '';
      if (!clusters.has(arn) && !isRunTask(arn)) continue;
      const name = whole(Name, action, 'Name');
      const group = whole(GroupName, action, 'GroupName');
      found.push({ kind: 'schedule', name, group, target: null });
    }
    NextToken = answer.NextToken;
  } while (NextToken !== undefined);
  return found;
}

/** A schedule, every member as AWS sent it; undefined where it no longer exists. */
export async function readSchedule(
  aws: Aws,
  { name: Name, group: GroupName }: ScheduleName,
): Promise<JsonObject | undefined> {
  const [{ GetScheduleCommand }, client] = await Promise.all([sdk(), schedulerClient(aws)]);
  const command = new GetScheduleCommand({ Name, GroupName });
  const raw = captureBody(command);
  try {
    const { Target } = await client.send(command, abort({ aws }));
    whole(Target, 'scheduler:GetSchedule', 'Target');
    return JSON.parse(raw()) as JsonObject;
  } catch (error) {
    if (awsErrorName(error) === 'ResourceNotFoundException') return undefined;
    throw error;
  }
}

/** Replaces a schedule as a whole: whatever the document lacks gets its default. */
export async function updateSchedule(
  aws: Aws,
  { name, group }: ScheduleName,
  document: JsonObject,
): Promise<void> {
  const [{ UpdateScheduleCommand }, client] = await Promise.all([sdk(), schedulerClient(aws)]);
  const command = new UpdateScheduleCommand({
    Name: name,
    ScheduleExpression: undefined,
    FlexibleTimeWindow: undefined,
    Target: undefined,
  });
  const ClientToken = randomUUID();
  replaceBody(command, JSON.stringify({ ...document, GroupName: group, ClientToken }));
  const { ScheduleArn } = await client.send(command, abort({ aws }));
  whole(ScheduleArn, 'scheduler:UpdateSchedule', 'ScheduleArn');
}
