import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { readInput } from './input.ts';
import type { Refusal } from './input.ts';
import { readForm, writeAnswer, writeError } from './query.ts';
import { awsFault, credentialScope, SERIALIZATION } from './wire.ts';
import type { AwsFault } from './wire.ts';

/** An operation as a request names it; `service` is the IAM prefix. */
export interface Call {
  readonly service: string;
  readonly name: string;
}

/** The input of a call, and why its model refuses it. */
interface Input {
  readonly input: Record<string, unknown>;
  readonly refusal?: Refusal | undefined;
}

interface Message {
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** How a service reads a call, answers and refuses it. */
export interface Protocol {
  readonly call: Call;
  /** Throws an {@link AwsFault} for a body that is none of the protocol. */
  readonly read: () => Input;
  readonly answer: (output: unknown) => Message;
  readonly fault: (fault: AwsFault) => Message;
}

/** The protocol of a request: AWS JSON, Query, EC2's form of it, or REST (all others). */
export function protocolOf(request: IncomingMessage, body: string): Protocol {
  if (request.headers['x-amz-target'] !== undefined) return jsonProtocol(request, body);
  const { pathname } = urlOf(request);
  if (pathname.startsWith('/schedules')) return schedulerProtocol(request, body);
  const form = new URLSearchParams(body);
  const isForm = /x-www-form-urlencoded/.test(request.headers['content-type'] ?? '');
  const isQuery = isForm || form.has('Action') || credentialScope(request).service === undefined;
  return isQuery ? queryProtocol(request, form) : restProtocol(request);
}

const urlOf = ({ url = '' }: IncomingMessage) => new URL(url, 'http://sandbox');

/** Objects and lists in each other: far more than any input has, far less than what ends a process. */
const DEEPEST = 100;

/** The JSON of a body; throws SerializationException. */
function parse(body: string): unknown {
  if (body === '') return {};
  if (depthOf(body) > DEEPEST) {
    throw awsFault(SERIALIZATION, 'The request body is nested too deep.');
  }
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

/** Services by the prefix of their target header. */
const TARGETS: Readonly<Record<string, string>> = {
  AmazonEC2ContainerServiceV20141113: 'ecs',
  AmazonEC2ContainerRegistry_V20150921: 'ecr',
  Logs_20140328: 'logs',
  secretsmanager: 'secretsmanager',
  AmazonSSM: 'ssm',
  AWSEvents: 'events',
  CodeDeploy_20141006: 'codedeploy',
};

function jsonProtocol({ headers }: IncomingMessage, body: string): Protocol {
  // AWS answers in the version (1.0 or 1.1) of the request.
  const version = /^application\/x-amz-json-1\.[01]/.exec(headers['content-type'] ?? '')?.[0];
  const content = { 'content-type': version ?? 'application/x-amz-json-1.1' };
  const [prefix = '', name = ''] = String(headers['x-amz-target']).split('.');
  const service = (Object.hasOwn(TARGETS, prefix) ? TARGETS[prefix] : undefined) ?? prefix;
  return {
    call: { service, name },
    read: () => readInput(service, name, parse(body)),
    answer: (output) => ({ headers: content, body: JSON.stringify(output) }),
    fault: ({ name: type, message, members }) => {
      // What AWS's frameworks say is in `Message`, what a service says in `message`.
      const isFramework = ['AccessDeniedException', SERIALIZATION].includes(type);
      const said = { [isFramework ? 'Message' : 'message']: message };
      return { headers: content, body: JSON.stringify({ ...members, __type: type, ...said }) };
    },
  };
}

const restFault = ({ name, message, members }: AwsFault): Message => ({
  headers: { 'content-type': 'application/json', 'x-amzn-errortype': name },
  body: JSON.stringify({ ...members, Message: message }),
});

/** Operations of EventBridge Scheduler on one schedule, by method. */
const SCHEDULE_METHODS: Readonly<Record<string, string>> = {
  GET: 'GetSchedule',
  PUT: 'UpdateSchedule',
  POST: 'CreateSchedule',
  DELETE: 'DeleteSchedule',
};

/** EventBridge Scheduler: method and path name the operation. */
function schedulerProtocol(request: IncomingMessage, body: string): Protocol {
  const { pathname, searchParams } = urlOf(request);
  const { method = '' } = request;
  const [, schedule] = /^\/schedules(?:\/([^/]+))?$/.exec(pathname) ?? [];
  const service = 'scheduler';
  const name = schedule === undefined ? 'ListSchedules' : (SCHEDULE_METHODS[method] ?? method);
  return {
    call: { service, name },
    read: () => {
      const { input, refusal } = readInput(service, name, parse(body));
      const query = [...searchParams].map(([key, value]): [string, string] => [
        key.charAt(0).toUpperCase() + key.slice(1),
        value,
      ]);
      if (schedule !== undefined) query.push(['Name', decode(schedule)]);
      return { input: { ...input, ...Object.fromEntries(query) }, refusal };
    },
    answer: (output) => ({
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(output),
    }),
    fault: restFault,
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw awsFault('ValidationException', `The path segment ${text} is not valid.`);
  }
}

/** The calls that credentials are made of are not signed. */
const serviceOf = (request: IncomingMessage): string => credentialScope(request).service ?? 'sts';

function queryProtocol(request: IncomingMessage, form: URLSearchParams): Protocol {
  const content = { 'content-type': 'text/xml' };
  const service = serviceOf(request);
  const { Action, Version: version, ...input } = readForm(form);
  const name = String(Action);
  return {
    call: { service, name },
    read: () => ({ input }),
    answer: (output) => ({
      headers: content,
      body: writeAnswer(service, name, output, randomUUID()),
    }),
    fault: (fault) => {
      const isUnknown = fault.name === 'UnknownOperationException';
      const message = `Could not find operation ${name} for version ${String(version)}: ${fault.message}`;
      const error = isUnknown ? { name: 'InvalidAction', message } : fault;
      return { headers: content, body: writeError(service, error, fault.status, randomUUID()) };
    },
  };
}

/** Services of this protocol that the sandbox does not have: every operation is unknown. */
function restProtocol(request: IncomingMessage): Protocol {
  const { pathname } = urlOf(request);
  const service = serviceOf(request);
  return {
    call: { service, name: `${request.method} ${pathname}` },
    read: () => ({ input: {} }),
    answer: () => ({ headers: {}, body: '' }),
    fault: (fault) =>
      service !== 's3'
        ? restFault(fault)
        : {
            headers: { 'content-type': 'application/xml' },
            body: writeError(service, fault, fault.status, randomUUID()),
          },
  };
}
