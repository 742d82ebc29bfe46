import { SignatureV4 } from '@smithy/signature-v4';
import type { JsonObject } from '../core/task-definition.ts';
import type { Ecs } from './ecs.ts';

/** Where one container of a task writes its log. */
export interface LogStream {
  readonly group: string;
  readonly stream: string;
  readonly region: string | undefined;
}

/** The CloudWatch stream of a container (`prefix/container/task-id`); undefined for other log drivers. */
export function logStreamOf(container: JsonObject, taskId: string): LogStream | undefined {
  const { logDriver, options } = (container['logConfiguration'] ?? {}) as {
    logDriver?: string;
    options?: Record<string, string>;
  };
  const group = options?.['awslogs-group'];
  const prefix = options?.['awslogs-stream-prefix'];
  if (logDriver !== 'awslogs' || group === undefined || prefix === undefined) return undefined;
  return {
    group,
    stream: `${prefix}/${String(container['name'])}/${taskId}`,
    region: options?.['awslogs-region'],
  };
}

/** Milliseconds after which a rollout is watched on without the log. */
const TIMEOUT = 5000;

/** The last lines of a log stream, oldest first; empty when there is no such group or stream. */
export async function lastLogLines(ecs: Ecs, stream: LogStream, limit: number): Promise<string[]> {
  const region = stream.region ?? (await ecs.client.config.region());
  const url = new URL(await logsEndpoint(ecs, region));
  const body = JSON.stringify({
    logGroupName: stream.group,
    logStreamName: stream.stream,
    limit,
    startFromHead: false,
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
    events?: { message: string }[];
  };
  const failure = response.ok ? undefined : answer.__type?.split('#').pop();
  ecs.aws.options.onCall({
    action: 'logs:GetLogEvents',
    milliseconds: Math.round(performance.now() - start),
    failure,
  });
  if (failure === 'ResourceNotFoundException') return [];
  if (failure !== undefined) {
    throw Object.assign(new Error(answer.message ?? answer.Message ?? failure), { name: failure });
  }
  return (answer.events ?? []).map(({ message }) => message.trimEnd());
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
