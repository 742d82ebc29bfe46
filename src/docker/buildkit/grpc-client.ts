import { once } from 'node:events';
import { constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { readMessages, sender } from './grpc.ts';

/** How a method is called. */
export interface CallOptions {
  readonly signal: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Calls a method, e.g. `moby.buildkit.v1.Control/Solve`; rejects with the message of a status other than OK. */
export async function* callMethod(
  client: ClientHttp2Session,
  method: string,
  request: Uint8Array,
  { signal, headers }: CallOptions,
): AsyncGenerator<Buffer> {
  const stream = client.request(
    {
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: `/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    },
    { signal },
  );
  const ending = statusOf(stream);
  await sender(stream)(request);
  stream.end();
  yield* readMessages(stream);
  const status = await ending;
  if (status !== '') throw new Error(status);
}

/** The answer of a method that has one. */
export async function callOnce(
  client: ClientHttp2Session,
  method: string,
  request: Uint8Array,
  options: CallOptions,
): Promise<Buffer> {
  let answer: Buffer = Buffer.alloc(0);
  for await (const message of callMethod(client, method, request, options)) answer = message;
  return answer;
}

/** The error of a call; empty for none. It is in the trailers or, without an answer, the headers. */
async function statusOf(stream: ClientHttp2Stream): Promise<string> {
  let status: string | undefined;
  let said = '';
  const take = (headers: Readonly<Record<string, unknown>>) => {
    status = (headers['grpc-status'] as string | undefined) ?? status;
    said = (headers['grpc-message'] as string | undefined) ?? said;
  };
  stream.on('response', take);
  stream.on('trailers', take);
  await once(stream, 'close').catch(() => undefined);
  if (status === undefined) return 'the connection to BuildKit was lost';
  return status === '0' ? '' : decodeURIComponent(said) || `BuildKit's status is ${status}`;
}
