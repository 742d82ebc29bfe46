import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readInput } from './input.ts';
import { readForm, writeAnswer, writeError } from './query.ts';

/** One AWS API request that the sandbox received; `action` is written as in IAM (`ecs:UpdateService`). */
export interface ApiCall {
  readonly action: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** HTTP status of the response. */
  readonly status: number;
}

/** What an operation knows about its request besides the input. */
export interface CallContext {
  /** Region of the request's credential scope. */
  readonly region: string;
}

/** Implements one API operation: request JSON in, response JSON out; throws an {@link AwsFault}. */
export type Operation = (
  // JSON from the wire: every operation reads only the members that it models.
  input: Record<string, any>, // oxlint-disable-line typescript/no-explicit-any
  context: CallContext,
) => unknown;

/** The operations of one service by name, e.g. `UpdateService`. */
export type Operations = Readonly<Record<string, Operation>>;

/** Handles a request that is not an AWS API call; resolves to false for the paths of others. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;

/** An error as AWS sends it: exception name, message, HTTP status. */
export interface AwsFault extends Error {
  readonly status: number;
  /** Further members of the response. */
  readonly members?: Readonly<Record<string, unknown>> | undefined;
}

/** Creates the error that an operation throws to respond with an AWS exception. */
export function awsFault(
  name: string,
  message: string,
  status = 400,
  members?: AwsFault['members'],
): AwsFault {
  return Object.assign(new Error(message), { name, status, members });
}

/** The exception with which IAM denies an action (docs/explanation/how-ecs-behaves.md#denied-calls). */
export function accessDenied(
  action: string,
  account: string,
  resource = '*',
  policy: 'identity-based' | 'resource-based' = 'identity-based',
): AwsFault {
  return awsFault(
    'AccessDeniedException',
    `User: arn:aws:iam::${account}:user/sandbox is not authorized to perform: ${action} on resource: ${resource} because no ${policy} policy allows the ${action} action`,
  );
}

/** Responds with the HTML page of a proxy instead of a response of AWS. */
export const HTML = awsFault('Html', '<html><body>503 Service Unavailable</body></html>', 503);
/** Closes the connection instead of responding. */
export const CUT = awsFault('Cut', 'the connection is cut', 0);

/** Runs before every operation: throws an {@link AwsFault} to refuse it, or resolves to let it run. */
export type Gate = (action: string) => void | Promise<void>;

/** What the server needs; `services` are keyed by IAM prefix. */
export interface ServerParts {
  readonly services: Readonly<Record<string, Operations>>;
  readonly handlers: readonly HttpHandler[];
  readonly gate: Gate;
  /** Whether the response to an action that was carried out is lost. */
  readonly losesAnswer?: (action: string) => boolean;
  readonly onCall: (call: ApiCall) => void;
  /** Account id that STS returns. */
  readonly account: string;
  readonly port?: number;
}

const TARGETS: Readonly<Record<string, string>> = {
  AmazonEC2ContainerServiceV20141113: 'ecs',
  AmazonEC2ContainerRegistry_V20150921: 'ecr',
  Logs_20140328: 'logs',
  secretsmanager: 'secretsmanager',
  AmazonSSM: 'ssm',
  AWSEvents: 'events',
  CodeDeploy_20141006: 'codedeploy',
};

/**
 * Serves the parts on 127.0.0.1 (AWS JSON 1.1, EventBridge Scheduler as REST, and AWS Query);
 * resolves once it listens.
 */
export async function serve(parts: ServerParts): Promise<{ server: Server; port: number }> {
  const server = createServer((request, response) => {
    answer(parts, request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else sendProtocolFault(request, response, toFault(error));
    });
  });
  // Idle keep-alive sockets of a finished client must not keep the process alive.
  server.keepAliveTimeout = 5000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(parts.port ?? 0, '127.0.0.1', resolve);
  });
  return { server, port: (server.address() as AddressInfo).port };
}

async function answer(
  parts: ServerParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  for (const handler of parts.handlers) {
    if (await handler(request, response)) return;
  }
  const body = await readBody(request);
  const call = targetCall(request) ?? schedulerCall(request);
  if (call === undefined) {
    await answerQuery(parts, request, new URLSearchParams(body), response);
    return;
  }
  const { service, name, parameters } = call;
  const operations = parts.services[service] ?? {};
  const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
  const action = `${service}:${name}`;
  let input: Readonly<Record<string, unknown>> = {};
  try {
    const { refusal, ...read } = readInput(service, name, parse(body));
    input = { ...read.input, ...parameters };
    const refused = refusal && awsFault(refusal.exception, refusal.message);
    if (refused?.name === SERIALIZATION) throw refused;
    await parts.gate(action);
    for (const implied of impliedActions(action, input)) await parts.gate(implied);
    if (operation === undefined) {
      throw awsFault('UnknownOperationException', `The sandbox does not model ${action}.`);
    }
    if (refused !== undefined) throw refused;
    const output = (await operation(input, { region: credentialRegion(request) })) ?? {};
    parts.onCall({ action, input, status: 200 });
    if (parts.losesAnswer?.(action)) throw CUT;
    response.writeHead(200, {
      'content-type': 'application/x-amz-json-1.1',
      'x-amzn-requestid': randomUUID(),
    });
    response.end(JSON.stringify(output));
  } catch (error) {
    const fault = toFault(error);
    parts.onCall({ action, input, status: fault.status });
    if (!breakAnswer(response, fault)) sendFault(response, fault, service === 'scheduler');
  }
}

/** An operation as a request names it. */
interface Call {
  readonly service: string;
  readonly name: string;
  /** Members of the input that the URL has. */
  readonly parameters?: Readonly<Record<string, string>>;
}

const SERIALIZATION = 'SerializationException';
/** Objects and lists in each other: far more than any input has, far less than what ends a process. */
const DEEPEST = 100;

/** The JSON of a body; throws SerializationException. */
function parse(body: string): unknown {
  if (body === '') return {};
  if (depthOf(body) > DEEPEST)
    throw awsFault(SERIALIZATION, 'The request body is nested too deep.');
  try {
    return JSON.parse(body);
  } catch {
    throw awsFault(SERIALIZATION, 'The request body is not JSON.');
  }
}

/** How deep a JSON text opens objects and lists. */
function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  let inText = false;
  for (let at = 0; at < json.length; at += 1) {
    const character = json[at];
    if (inText && character === '\\') at += 1;
    else if (character === '"') inText = !inText;
    else if (inText) continue;
    else if (character === '[' || character === '{') deepest = Math.max(deepest, (depth += 1));
    else if (character === ']' || character === '}') depth -= 1;
  }
  return deepest;
}

/** A call of the JSON protocol, which names the operation in a header. */
function targetCall({ headers }: IncomingMessage): Call | undefined {
  const target = headers['x-amz-target'];
  if (typeof target !== 'string') return undefined;
  const [prefix = '', name = ''] = target.split('.');
  return { service: TARGETS[prefix] ?? prefix, name };
}

/** Operations of EventBridge Scheduler on one schedule, by method. */
const SCHEDULE_METHODS: Readonly<Record<string, string>> = {
  GET: 'GetSchedule',
  PUT: 'UpdateSchedule',
  POST: 'CreateSchedule',
  DELETE: 'DeleteSchedule',
};

/** A call of EventBridge Scheduler: method and path name the operation. */
function schedulerCall({ method = '', url = '' }: IncomingMessage): Call | undefined {
  const { pathname, searchParams } = new URL(url, 'http://sandbox');
  const [, schedule] = /^\/schedules(?:\/([^/]+))?$/.exec(pathname) ?? [];
  if (!pathname.startsWith('/schedules')) return undefined;
  const name = schedule === undefined ? 'ListSchedules' : (SCHEDULE_METHODS[method] ?? method);
  const query = [...searchParams].map(([key, value]): [string, string] => [
    key.charAt(0).toUpperCase() + key.slice(1),
    value,
  ]);
  if (schedule !== undefined) query.push(['Name', decodeURIComponent(schedule)]);
  return {
    service: 'scheduler',
    name,
    parameters: Object.fromEntries(query),
  };
}

/** Permissions that a call needs besides its own. */
function impliedActions(
  action: string,
  input: Readonly<Record<string, unknown>>,
): readonly string[] {
  // Whoever creates a resource with tags also needs the permission to tag it.
  if (action === 'ecs:RegisterTaskDefinition' && isFilled(input['tags'])) {
    return ['ecs:TagResource'];
  }
  if (action !== 'codedeploy:CreateDeployment') return [];
  return [
    'codedeploy:GetDeploymentConfig',
    'codedeploy:GetApplicationRevision',
    'codedeploy:RegisterApplicationRevision',
  ];
}

const isFilled = (list: unknown): boolean => Array.isArray(list) && list.length > 0;

/** Sends no answer of AWS if the fault is of another kind; returns whether it did. */
function breakAnswer(response: ServerResponse, fault: AwsFault): boolean {
  if (fault === CUT) response.destroy();
  else if (fault === HTML) {
    response.writeHead(fault.status, { 'content-type': 'text/html' }).end(fault.message);
  }
  return fault === CUT || fault === HTML;
}

async function answerQuery(
  { services, account, gate, onCall }: ServerParts,
  request: IncomingMessage,
  form: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const name = form.get('Action') ?? '';
  const service = serviceOf(request);
  const operations = service === 'sts' ? stsOperations(account) : services[service];
  const action = `${service}:${name}`;
  const { Action: _action, Version: version, ...input } = readForm(form);
  const send = (status: number, text: string) =>
    void response.writeHead(status, { 'content-type': 'text/xml' }).end(text);
  try {
    await gate(action);
    const operation =
      operations !== undefined && Object.hasOwn(operations, name) ? operations[name] : undefined;
    if (operation === undefined) {
      const message = `Could not find operation ${name} for version ${String(version)}`;
      throw awsFault('InvalidAction', `${message}: the sandbox does not model ${action}.`);
    }
    const output = await operation(input, { region: credentialRegion(request) });
    onCall({ action, input, status: 200 });
    send(200, writeAnswer(service, name, output, randomUUID()));
  } catch (error) {
    const fault = toFault(error);
    onCall({ action, input, status: fault.status });
    if (breakAnswer(response, fault)) return;
    send(fault.status, writeError(service, fault, fault.status, randomUUID()));
  }
}

/** The operations of STS that a credential chain uses; every role can be assumed. */
function stsOperations(account: string): Operations {
  const assumeRole = () => ({
    Credentials: {
      AccessKeyId: 'ASIASANDBOX',
      SecretAccessKey: 'sandbox',
      SessionToken: 'sandbox',
      Expiration: new Date(Date.now() + 3_600_000).toISOString(),
    },
    AssumedRoleUser: {
      AssumedRoleId: 'AROASANDBOX:session',
      Arn: `arn:aws:sts::${account}:assumed-role/sandbox/session`,
    },
  });
  return {
    GetCallerIdentity: () => ({
      Arn: `arn:aws:iam::${account}:user/sandbox`,
      UserId: 'AIDASANDBOX',
      Account: account,
    }),
    AssumeRole: assumeRole,
    AssumeRoleWithWebIdentity: assumeRole,
  };
}

function toFault(error: unknown): AwsFault {
  if (error instanceof Error && typeof (error as AwsFault).status === 'number') {
    return error as AwsFault;
  }
  return awsFault('ServerException', `The sandbox failed: ${String(error)}`, 500);
}

/** Sends the exception of a request that could not be read, as the protocol of its service has it. */
function sendProtocolFault(
  request: IncomingMessage,
  response: ServerResponse,
  fault: AwsFault,
): void {
  // The rest of the body is not read.
  if (!request.complete) response.setHeader('connection', 'close');
  const isScheduler = schedulerCall(request) !== undefined;
  if (isScheduler || targetCall(request) !== undefined) sendFault(response, fault, isScheduler);
  else {
    response.writeHead(fault.status, { 'content-type': 'text/xml' });
    response.end(writeError(serviceOf(request), fault, fault.status, randomUUID()));
  }
}

/** Sends an exception; REST protocols name it in a header only. */
function sendFault(response: ServerResponse, fault: AwsFault, isRest = false): void {
  response.writeHead(fault.status, {
    'content-type': 'application/x-amz-json-1.1',
    'x-amzn-requestid': randomUUID(),
    ...(isRest && { 'x-amzn-errortype': fault.name }),
  });
  // What AWS's frameworks say is in `Message`, what a service says in `message`.
  const isFramework = ['AccessDeniedException', SERIALIZATION].includes(fault.name);
  const member = isRest || isFramework ? 'Message' : 'message';
  const type = isRest ? {} : { __type: fault.name };
  response.end(JSON.stringify({ ...fault.members, ...type, [member]: fault.message }));
}

/** Region and service of the credential scope; undefined in a call that is not signed. */
function credentialScope({ headers }: IncomingMessage) {
  const scope = /Credential=[^/]+\/\d+\/([^/]+)\/([^/]+)\//.exec(headers.authorization ?? '');
  return { region: scope?.[1], service: scope?.[2] };
}

/** The service that a request of the Query protocol is signed for; credentials are asked for unsigned. */
const serviceOf = (request: IncomingMessage): string => credentialScope(request).service ?? 'sts';

function credentialRegion(request: IncomingMessage): string {
  return credentialScope(request).region ?? 'us-east-1';
}

/** Bytes of the largest input that an API takes: a part of a layer, in Base64. */
const LARGEST_BODY = 28 * 1024 * 1024;

/** The text of a body; throws what AWS answers where it is too large, or no text. */
async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const count = (bytes: number) => {
    if (bytes > LARGEST_BODY) {
      throw awsFault('RequestEntityTooLargeException', 'The request body is too large.', 413);
    }
  };
  count(Number(request.headers['content-length'] ?? 0));
  for await (const chunk of request) {
    count((size += (chunk as Buffer).length));
    chunks.push(chunk as Buffer);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw awsFault(SERIALIZATION, 'The request body is not UTF-8.');
  }
}
