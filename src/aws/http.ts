import { addAbortSignal, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { NodeHttpHandler } from '@smithy/node-http-handler';

/** Milliseconds in which a connection must be there: a lost packet must not cost a whole deadline. */
const CONNECTION_TIMEOUT = 5000;

const ignore = () => {};

/** The SDK's own warnings would stand amid the progress on stderr. */
export const SILENT = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/**
 * An HTTP handler whose every exchange ends within `limit` milliseconds, whether the connection, the
 * headers or the body stalls; it throws a `TimeoutError` then. Redirects are not followed.
 */
export function httpHandler(limit: number): NodeHttpHandler {
  const handler = new NodeHttpHandler({
    connectionTimeout: Math.min(limit, CONNECTION_TIMEOUT),
    logger: SILENT,
  });
  const send = handler.handle.bind(handler);
  return Object.assign(handler, {
    handle: async (...[request, options = {}]: Parameters<typeof send>) => {
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), limit);
      const given = options.abortSignal as AbortSignal | undefined;
      const signal = AbortSignal.any([deadline.signal, ...(given === undefined ? [] : [given])]);
      try {
        const { response } = await send(request, { ...options, abortSignal: signal });
        // The SDK reports an answer that breaks off in its body with the status of a whole one.
        const body = await buffer(addAbortSignal(signal, response.body as Readable));
        return { response: Object.assign(response, { body: Readable.from([body]) }) };
      } catch (error) {
        if (!deadline.signal.aborted || given?.aborted === true) throw error;
        const message = `no whole answer within ${limit / 1000} s`;
        throw Object.assign(new Error(message, { cause: error }), { name: 'TimeoutError' });
      } finally {
        clearTimeout(timer);
      }
    },
  });
}
