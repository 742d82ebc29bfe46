import type { JsonObject } from '../core/task-definition.ts';
import { logsClient } from './client.ts';
import type { Aws } from './client.ts';
import { awsErrorName, awsErrorText, brokenAnswer } from './errors.ts';
import { share } from './share.ts';

/** Where one container of a task writes its log. */
export interface LogStream {
  readonly group: string;
  readonly stream: string;
  readonly region: string | undefined;
}

/**
 * The CloudWatch stream of a container; undefined for other log drivers
 * (docs/explanation/how-ecs-behaves.md#container-logs).
 */
export function logStreamOf(
  container: JsonObject,
  taskId: string,
  runtimeId: string | undefined,
): LogStream | undefined {
  const { logDriver, options } = (container['logConfiguration'] ?? {}) as {
    logDriver?: string;
    options?: Record<string, string>;
  };
  const group = options?.['awslogs-group'];
  const prefix = options?.['awslogs-stream-prefix'];
  // On EC2 the prefix is optional; without it the stream has the name of the container.
  const stream =
    prefix === undefined ? runtimeId : `${prefix}/${String(container['name'])}/${taskId}`;
  if (logDriver !== 'awslogs' || group === undefined || stream === undefined) return undefined;
  return { group, stream, region: options?.['awslogs-region'] };
}

/** One line of a log. */
export interface LogEvent {
  /** Epoch milliseconds. */
  readonly timestamp: number;
  readonly message: string;
}

/** A part of a stream. */
export interface LogPage {
  /** The oldest first. */
  readonly events: readonly LogEvent[];
  /** Token of the events that follow; it stays the same at the end. Undefined without a stream. */
  readonly next: string | undefined;
  /** What does not exist: the log group, or a stream that the container never wrote to. */
  readonly missing: 'group' | 'stream' | undefined;
}

const STREAM_MISSING: LogPage = { events: [], next: undefined, missing: 'stream' };
const GROUP_MISSING: LogPage = { ...STREAM_MISSING, missing: 'group' };

/** The last lines of a log stream, oldest first; empty without the group or the stream. */
export async function lastLogLines(aws: Aws, stream: LogStream, limit: number): Promise<string[]> {
  const { events } = await readLog(aws, stream, { limit, startFromHead: false });
  return events.map(({ message }) => message);
}

/** Reads a part of a log stream: its end, its beginning, or what follows `nextToken`. */
export async function readLog(
  aws: Aws,
  { group, stream, region }: LogStream,
  part: {
    readonly limit?: number;
    readonly startFromHead: boolean;
    readonly nextToken?: string | undefined;
    /** Epoch milliseconds of the first line. */
    readonly startTime?: number | undefined;
  },
): Promise<LogPage> {
  const [{ GetLogEventsCommand }, client] = await Promise.all([
    import('./sdk/logs.ts'),
    logsClient(aws, region),
  ]);
  const command = new GetLogEventsCommand({ logGroupName: group, logStreamName: stream, ...part });
  try {
    const answer = await client.send(command, { abortSignal: aws.options.signal });
    if (answer.events === undefined) throw brokenAnswer('logs:GetLogEvents');
    const events = answer.events.flatMap(({ timestamp, message }) =>
      timestamp === undefined || message === undefined
        ? []
        : { timestamp, message: message.trimEnd() },
    );
    return { events, next: answer.nextForwardToken, missing: undefined };
  } catch (error) {
    if (awsErrorName(error) !== 'ResourceNotFoundException') throw error;
    return /log group/.test(awsErrorText(error)) ? GROUP_MISSING : STREAM_MISSING;
  }
}

/** All events that follow a token, or all of the stream, and the token of those that come later. */
export async function readLogFrom(
  aws: Aws,
  stream: LogStream,
  token: string | undefined,
  startTime?: number,
): Promise<Pick<LogPage, 'events' | 'next'>> {
  const events: LogEvent[] = [];
  for (let next = token; ;) {
    const page = await readLog(aws, stream, { startFromHead: true, nextToken: next, startTime });
    events.push(...page.events);
    // At the end of the stream, the token stays the same.
    if (page.next === next || page.events.length === 0) return { events, next: page.next };
    next = page.next;
  }
}

/** Whether a log group exists. */
export function hasLogGroup(aws: Aws, group: string, region: string | undefined): Promise<boolean> {
  return share(aws, `log group ${group} ${region}`, () => findLogGroup(aws, group, region));
}

async function findLogGroup(aws: Aws, group: string, region: string | undefined): Promise<boolean> {
  const [{ DescribeLogGroupsCommand }, client] = await Promise.all([
    import('./sdk/logs.ts'),
    logsClient(aws, region),
  ]);
  // Groups come in the order of their names: the one that is nothing but the prefix is the first.
  const { logGroups } = await client.send(
    new DescribeLogGroupsCommand({ logGroupNamePrefix: group }),
    { abortSignal: aws.options.signal },
  );
  if (logGroups === undefined) throw brokenAnswer('logs:DescribeLogGroups');
  return logGroups.some(({ logGroupName }) => logGroupName === group);
}
