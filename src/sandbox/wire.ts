import type { IncomingMessage, ServerResponse } from 'node:http';

/** One AWS API request that the sandbox received; `action` is written as in IAM (`ecs:UpdateService`). */
export interface ApiCall {
  readonly action: string;
  /** When it was read, in epoch seconds of the sandbox's clock: it sees no earlier state. */
  readonly at: number;
  readonly input: Readonly<Record<string, unknown>>;
  /** HTTP status of the response. */
  readonly status: number;
  /** Region and access key of the credential scope. */
  readonly region: string;
  readonly accessKey: string;
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

/** What a service answers to a body that it cannot read. */
export const SERIALIZATION = 'SerializationException';

/** Access key, region and service of the credential scope; undefined in a call that is not signed. */
export function credentialScope({ headers }: IncomingMessage) {
  const scope = /Credential=([^/]+)\/\d+\/([^/]+)\/([^/]+)\//.exec(headers.authorization ?? '');
  return { accessKey: scope?.[1], region: scope?.[2], service: scope?.[3] };
}

/** Reads a whole body of at most `most` bytes; throws an {@link AwsFault} for a larger one. */
export async function readBody(request: IncomingMessage, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const count = (bytes: number) => {
    if (bytes > most) {
      throw awsFault('RequestEntityTooLargeException', 'The request body is too large.', 413);
    }
  };
  count(Number(request.headers['content-length'] ?? 0));
  for await (const chunk of request) {
    count((size += (chunk as Buffer).length));
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
