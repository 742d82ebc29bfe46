import type { JsonObject } from '../core/task-definition.ts';
import type { Ecs } from './ecs.ts';
import { awsErrorName, awsErrorText } from './errors.ts';
import { callSigned } from './signed.ts';

/** Where one container of a task writes its log. */
export interface LogStream {
  readonly group: string;
  readonly stream: string;
  readonly region: string | undefined;
}

/** The CloudWatch stream of a container; undefined for other log drivers (ecs-facts 5.5). */
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
  // On EC2 a stream may have no prefix, and is named like the container then.
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
  /** Names what comes behind; the same again where nothing does. Undefined where there is no stream. */
  readonly next: string | undefined;
  /** The container never wrote, or its group does not exist. */
  readonly missing: 'group' | 'stream' | undefined;
}

const STREAM_MISSING: LogPage = { events: [], next: undefined, missing: 'stream' };
const GROUP_MISSING: LogPage = { ...STREAM_MISSING, missing: 'group' };

/** The last lines of a log stream, oldest first; empty when there is no such group or stream. */
export async function lastLogLines(ecs: Ecs, stream: LogStream, limit: number): Promise<string[]> {
  const { events } = await readLog(ecs, stream, { limit, startFromHead: false });
  return events.map(({ message }) => message);
}

/** Reads a part of a log stream: its end, its beginning, or what comes behind `nextToken`. */
export async function readLog(
  ecs: Ecs,
  stream: LogStream,
  part: {
    readonly limit?: number;
    readonly startFromHead: boolean;
    readonly nextToken?: string | undefined;
  },
): Promise<LogPage> {
  const call = {
    service: 'logs',
    operation: 'GetLogEvents',
    region: stream.region,
    input: { logGroupName: stream.group, logStreamName: stream.stream, ...part },
  } as const;
  const text = await callSigned(ecs, call).catch((error: unknown) => {
    if (awsErrorName(error) !== 'ResourceNotFoundException') throw error;
    return /log group/.test(awsErrorText(error)) ? GROUP_MISSING : STREAM_MISSING;
  });
  if (typeof text !== 'string') return text;
  const answer = JSON.parse(text) as { events?: LogEvent[]; nextForwardToken?: string };
  const events = (answer.events ?? []).map(({ timestamp, message }) => ({
    timestamp,
    message: message.trimEnd(),
  }));
  return { events, next: answer.nextForwardToken, missing: undefined };
}

/** Whether a log group is there. */
export async function hasLogGroup(
  ecs: Ecs,
  group: string,
  region: string | undefined,
): Promise<boolean> {
  const input = { logGroupNamePrefix: group };
  const call = { service: 'logs', operation: 'DescribeLogGroups', region, input } as const;
  const { logGroups = [] } = JSON.parse(await callSigned(ecs, call)) as {
    logGroups?: { logGroupName: string }[];
  };
  return logGroups.some(({ logGroupName }) => logGroupName === group);
}
