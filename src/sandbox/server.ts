import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { foreignOrigin } from './guard.ts';
import { knownMembers } from './members.ts';
import { protocolOf } from './protocols.ts';
import type { Call, Protocol } from './protocols.ts';
import { awsFault, credentialScope, CUT, HTML, readBody, SERIALIZATION } from './wire.ts';
import type { ApiCall, AwsFault, Gate, HttpHandler, Operations } from './wire.ts';

/** What the sandbox does not model of a call: the operation (no members), or members, which it ignored. */
export interface Gap {
  readonly action: string;
  readonly members: readonly string[];
}

/** What the server needs; `services` are keyed by IAM prefix. */
export interface ServerParts {
  readonly services: Readonly<Record<string, Operations>>;
  readonly handlers: readonly HttpHandler[];
  readonly gate: Gate;
  /** The sandbox's time in epoch seconds. */
  readonly now: () => number;
  /** Whether the response to an action that was carried out is lost. */
  readonly losesAnswer?: (action: string) => boolean;
  readonly onCall: (call: ApiCall) => void;
  /** Takes what the sandbox does not model, each time that it is called. */
  readonly onGap?: (gap: Gap) => void;
  readonly port?: number;
}

/** Bytes of a call: a layer part of 20 MiB in Base64 is the largest. */
const LARGEST_CALL = 32 * 2 ** 20;

/**
 * Serves the parts on 127.0.0.1, each service in its protocol; resolves once it listens. Requests
 * that web pages of other sites can cause are refused.
 */
export async function serve(parts: ServerParts): Promise<{ server: Server; port: number }> {
  const server = createServer((request, response) => {
    answer(parts, request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else sendText(response, toFault(error).status, toFault(error).message);
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
  const foreign = foreignOrigin(request);
  if (foreign !== undefined || !URL.canParse(request.url ?? '', 'http://sandbox')) {
    request.resume();
    const [status, why] = foreign === undefined ? [400, 'invalid path'] : [403, foreign];
    sendText(response, status, `The sandbox serves programs of this machine only: ${why}`);
    return;
  }
  for (const handler of parts.handlers) {
    if (await handler(request, response)) return;
  }
  let body: string | AwsFault;
  try {
    body = decode(await readBody(request, LARGEST_CALL));
  } catch (error) {
    body = toFault(error);
    // The rest of the body is not read.
    if (!request.complete) response.setHeader('connection', 'close');
  }
  const protocol = protocolOf(request, typeof body === 'string' ? body : '');
  const action = actionOf(protocol.call);
  const { region = 'us-east-1', accessKey = '' } = credentialScope(request);
  const at = parts.now();
  let input: Record<string, unknown> = {};
  try {
    if (typeof body !== 'string') throw body;
    const read = protocol.read();
    ({ input } = read);
    const output = await carryOut(parts, protocol.call, read, region);
    parts.onCall({ action, at, input, status: 200, region, accessKey });
    if (parts.losesAnswer?.(action)) throw CUT;
    send(response, 200, protocol.answer(output ?? {}));
  } catch (error) {
    const fault = toFault(error);
    parts.onCall({ action, at, input, status: fault.status, region, accessKey });
    if (!breakAnswer(response, fault)) send(response, fault.status, protocol.fault(fault));
  }
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw awsFault(SERIALIZATION, 'The request body is not UTF-8.');
  }
}

const actionOf = ({ service, name }: Call): string => `${service}:${name}`;

/** Runs the operation of a call on the members that it models. */
async function carryOut(
  { services, gate, onGap }: ServerParts,
  call: Call,
  { input, refusal }: ReturnType<Protocol['read']>,
  region: string,
): Promise<unknown> {
  const { service, name } = call;
  const action = actionOf(call);
  const refused = refusal && awsFault(refusal.exception, refusal.message);
  // What cannot be read is refused before IAM looks at it, what the model does not allow after.
  if (refused?.name === SERIALIZATION) throw refused;
  await gate(action);
  for (const implied of impliedActions(action, input)) await gate(implied);
  const operations = Object.hasOwn(services, service) ? services[service] : undefined;
  const operation =
    operations !== undefined && Object.hasOwn(operations, name) ? operations[name] : undefined;
  if (operation === undefined) {
    onGap?.({ action, members: [] });
    throw awsFault(
      'UnknownOperationException',
      `The sandbox does not model ${action}: see docs/reference/sandbox.md.`,
    );
  }
  if (refused !== undefined) throw refused;
  const { known, ignored } = knownMembers(service, name, input);
  if (ignored.length > 0) onGap?.({ action, members: ignored });
  return operation(known, { region });
}

/** Permissions that a call needs besides its own. */
function impliedActions(
  action: string,
  input: Readonly<Record<string, unknown>>,
): readonly string[] {
  // Whoever creates a resource with tags also needs the permission to tag it.
  const isTagged = action === 'ecs:RegisterTaskDefinition' && isFilled(input['tags']);
  if (isTagged) return ['ecs:TagResource'];
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

function toFault(error: unknown): AwsFault {
  if (error instanceof Error && typeof (error as AwsFault).status === 'number') {
    return error as AwsFault;
  }
  return awsFault('ServerException', `The sandbox failed: ${String(error)}`, 500);
}

function send(
  response: ServerResponse,
  status: number,
  { headers, body }: { readonly headers: Record<string, string>; readonly body: string },
): void {
  response.writeHead(status, { 'x-amzn-requestid': randomUUID(), ...headers }).end(body);
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain', connection: 'close' }).end(text);
}
