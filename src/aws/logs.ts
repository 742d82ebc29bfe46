import { SignatureV4 } from '@smithy/signature-v4';
import type { JsonObject } from '../core/task-definition.ts';
import type { Ecs } from './ecs.ts';
import { translateAwsError } from './errors.ts';

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

/** Milliseconds after which a rollout is watched on without the log. */
const TIMEOUT = 5000;

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
  const region = stream.region ?? (await ecs.client.config.region());
  const url = new URL(await logsEndpoint(ecs, region));
  const body = JSON.stringify({
    logGroupName: stream.group,
    logStreamName: stream.stream,
    ...part,
  });
  const signer = new SignatureV4({
    service: 'logs',
    region,
    credentials: ecs.aws.credentials,
    sha256: ecs.client.config.sha256,
  });
  const { headers } = await signer.sign({
    method: 'POST',
    protocol: url.protocol,
    hostname: url.hostname,
    path: '/',
    headers: {
      host: url.host,
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'Logs_20140328.GetLogEvents',
    },
    body,
  });
  const start = performance.now();
  const response = await fetch(url, {
    method: 'POST',
    headers,
    body,
    signal: AbortSignal.any([ecs.aws.options.signal, AbortSignal.timeout(TIMEOUT)]),
  });
  const answer = (await response.json()) as {
    __type?: string;
    message?: string;
    Message?: string;
    events?: LogEvent[];
    nextForwardToken?: string;
  };
  const failure = response.ok ? undefined : answer.__type?.split('#').pop();
  ecs.aws.options.onCall({
    action: 'logs:GetLogEvents',
    milliseconds: Math.round(performance.now() - start),
    failure,
  });
  const text = answer.message ?? answer.Message ?? '';
  if (failure === 'ResourceNotFoundException') {
    const missing = /log group/.test(text) ? 'group' : 'stream';
    return { events: [], next: undefined, missing };
  }
  if (failure !== undefined) {
    const error = Object.assign(new Error(text || failure), { name: failure });
    throw translateAwsError(error, 'logs:GetLogEvents', { profile: ecs.aws.profile });
  }
  const events = (answer.events ?? []).map(({ timestamp, message }) => ({
    timestamp,
    message: message.trimEnd(),
  }));
  return { events, next: answer.nextForwardToken, missing: undefined };
}

/** CloudWatch Logs has no client on board; its address follows the SDK's rules all the same. */
async function logsEndpoint({ aws, client }: Ecs, region: string): Promise<string> {
  const { environment } = aws.options;
  const named = environment['AWS_ENDPOINT_URL_CLOUDWATCH_LOGS'] ?? environment['AWS_ENDPOINT_URL'];
  if (named !== undefined) return named;
  if (environment['AWS_ENDPOINT_URL_ECS'] === undefined && client.config.endpoint !== undefined) {
    // Only the profile's endpoint_url is left as its source.
    const { protocol, hostname, port } = await client.config.endpoint();
    return `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`;
  }
  return `https://logs.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}
