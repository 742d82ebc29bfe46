import { SignatureV4 } from '@smithy/signature-v4';
import { regionOf } from './ecs.ts';
import type { Ecs } from './ecs.ts';
import { translateAwsError } from './errors.ts';

/** Services that have no client on board: a few calls of theirs are signed by hand. */
const SERVICES = {
  logs: { variable: 'CLOUDWATCH_LOGS', target: 'Logs_20140328' },
  secretsmanager: { variable: 'SECRETS_MANAGER', target: 'secretsmanager' },
  ssm: { variable: 'SSM', target: 'AmazonSSM' },
  sts: { variable: 'STS', target: undefined },
} as const;

/** One call of such a service. */
export interface SignedCall {
  readonly service: keyof typeof SERVICES;
  readonly operation: string;
  /** The run's own when undefined. */
  readonly region?: string | undefined;
  /** JSON of the input; STS alone takes a form. */
  readonly input: Readonly<Record<string, unknown>>;
}

/** Milliseconds after which a call that is only of help is given up. */
const TIMEOUT = 5000;

/** Makes a call and answers its text; throws as the clients on board do. */
export async function callSigned(ecs: Ecs, call: SignedCall): Promise<string> {
  const { aws } = ecs;
  const action = `${call.service}:${call.operation}`;
  const start = performance.now();
  const report = (failure?: Error) => {
    aws.options.onCall({
      action,
      milliseconds: Math.round(performance.now() - start),
      failure: failure?.name,
    });
  };
  try {
    const response = await send(ecs, call);
    const text = await response.text();
    if (!response.ok) throw failureOf(text);
    report();
    return text;
  } catch (thrown) {
    aws.options.signal.throwIfAborted();
    // fetch hides what happened to the connection in the cause.
    const { cause } = thrown as Error;
    const error = thrown instanceof TypeError && cause instanceof Error ? cause : (thrown as Error);
    report(error);
    throw translateAwsError(error, action, { profile: aws.profile });
  }
}

async function send(
  ecs: Ecs,
  { service, operation, region: named, input }: SignedCall,
): Promise<Response> {
  const region = named ?? (await regionOf(ecs));
  const url = new URL(await endpointOf(ecs, service, region));
  const { target } = SERVICES[service];
  const body =
    target === undefined
      ? new URLSearchParams({ Action: operation, Version: '2011-06-15' }).toString()
      : JSON.stringify(input);
  const signer = new SignatureV4({
    service,
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
      ...(target === undefined
        ? { 'content-type': 'application/x-www-form-urlencoded' }
        : {
            'content-type': 'application/x-amz-json-1.1',
            'x-amz-target': `${target}.${operation}`,
          }),
    },
    body,
  });
  const signal = AbortSignal.any([ecs.aws.options.signal, AbortSignal.timeout(TIMEOUT)]);
  return fetch(url, { method: 'POST', headers, body, signal });
}

/** The exception of a refused call, from JSON or from STS' XML. */
function failureOf(text: string): Error {
  const parsed = parse(text);
  const name = parsed.__type?.split('#').pop() ?? /<Code>([^<]+)/.exec(text)?.[1] ?? 'UnknownError';
  const message = parsed.message ?? parsed.Message ?? /<Message>([^<]+)/.exec(text)?.[1] ?? name;
  return Object.assign(new Error(message), { name });
}

function parse(text: string): { __type?: string; message?: string; Message?: string } {
  try {
    return JSON.parse(text) as ReturnType<typeof parse>;
  } catch {
    return {};
  }
}

/** The address follows the SDK's rules for endpoints. */
async function endpointOf(
  { aws, client }: Ecs,
  service: SignedCall['service'],
  region: string,
): Promise<string> {
  const { environment } = aws.options;
  const named =
    environment[`AWS_ENDPOINT_URL_${SERVICES[service].variable}`] ??
    environment['AWS_ENDPOINT_URL'];
  if (named !== undefined) return named;
  if (environment['AWS_ENDPOINT_URL_ECS'] === undefined && client.config.endpoint !== undefined) {
    // Only the profile's endpoint_url is left as its source.
    const { protocol, hostname, port } = await client.config.endpoint();
    return `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`;
  }
  return `https://${service}.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}
