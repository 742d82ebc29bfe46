import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { addAbortSignal, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createSecureContext } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { HttpRequest } from '@smithy/core/protocols';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { EcsDeployError } from '../errors.ts';
import { addressOf, proxiesOf, proxyError, refusalOf, tunnelAgent } from './proxy.ts';
import type { FindProxy, Proxy } from './proxy.ts';

/** Milliseconds in which a connection must be there: a lost packet must not cost a whole deadline. */
const CONNECTION_TIMEOUT = 5000;

const ignore = () => {};

/** The SDK's own warnings would stand amid the progress on stderr. */
export const SILENT = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/** How to get out of the local network. */
export interface Network {
  readonly findProxy: FindProxy;
  /** Holds the certificates to trust; undefined for those that Node.js trusts. */
  readonly secureContext: SecureContext | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the proxies and the certificates to trust; throws `config-invalid`. */
export async function networkOf(
  environment: Environment,
  bundle: string | undefined,
): Promise<Network> {
  const findProxy = proxiesOf(environment);
  return { findProxy, secureContext: await trustedCertificates(environment, bundle) };
}

/**
 * The certificates of `AWS_CA_BUNDLE`, else of the profile's `ca_bundle`, in place of those that
 * Node.js trusts; undefined when neither is set. Throws `config-invalid`.
 */
async function trustedCertificates(
  environment: Environment,
  bundle: string | undefined,
): Promise<SecureContext | undefined> {
  const variable = environment['AWS_CA_BUNDLE'] || undefined;
  const path = variable ?? bundle;
  if (path === undefined) return undefined;
  const extra = environment['NODE_EXTRA_CA_CERTS'];
  try {
    const ca = await readFile(path, 'utf8');
    // OpenSSL would ignore what is not a certificate.
    void new X509Certificate(ca);
    const extraCa = extra && (await readFile(extra, 'utf8').catch(() => ''));
    return createSecureContext({ ca: [ca, ...(extraCa ? [extraCa] : [])] });
  } catch (cause) {
    throw new EcsDeployError({
      code: 'config-invalid',
      message: `Cannot use the CA certificates of ${path}: ${(cause as Error).message}`,
      hint: `set ${variable === undefined ? 'ca_bundle of the profile' : 'AWS_CA_BUNDLE'} to a file of certificates in PEM format`,
      cause,
    });
  }
}

type Send = NodeHttpHandler['handle'];

/**
 * An HTTP handler that connects through the proxy of each address, and whose every exchange ends
 * within `limit` milliseconds, whether the connection, the headers or the body stalls; it throws a
 * `TimeoutError` then. Redirects are not followed.
 */
export function httpHandler(limit: number, network: Network): NodeHttpHandler {
  const { secureContext } = network;
  const handler = new NodeHttpHandler({
    connectionTimeout: Math.min(limit, CONNECTION_TIMEOUT),
    logger: SILENT,
    ...(secureContext && { httpsAgent: { secureContext } }),
  });
  // A proxy that does not answer is named only if its time ends before that of the exchange.
  const tunnelTimeout = Math.min(0.8 * limit, CONNECTION_TIMEOUT);
  const send = through(network, handler.handle.bind(handler), tunnelTimeout);
  return Object.assign(handler, {
    handle: async (...[request, options = {}]: Parameters<Send>) => {
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), limit);
      const given = options.abortSignal as AbortSignal | undefined;
      const signal = AbortSignal.any([deadline.signal, ...(given === undefined ? [] : [given])]);
      try {
        const { response } = await send(request, { ...options, abortSignal: signal });
        // The SDK reports an answer that breaks off in its body with the status of a whole one.
        const parts = await addAbortSignal(signal, response.body as Readable).toArray();
        const body = Readable.from([Buffer.concat(parts)]);
        return { response: Object.assign(response, { body }) };
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

/** Sends https requests through a tunnel of their proxy, and http requests to the proxy itself. */
function through({ findProxy, secureContext }: Network, send: Send, timeout: number): Send {
  let tunnel: NodeHttpHandler | undefined;
  return (request, options) => {
    const { protocol, hostname, port } = request;
    const origin = `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`;
    const proxy = findProxy(new URL(origin));
    if (proxy === undefined) return send(request, options);
    if (protocol === 'http:') return relay(proxy, request, origin, (asked) => send(asked, options));
    tunnel ??= new NodeHttpHandler({
      logger: SILENT,
      httpsAgent: tunnelAgent(proxy, secureContext, timeout),
    });
    return tunnel.handle(request, options);
  };
}

async function relay(
  proxy: Proxy,
  request: HttpRequest,
  origin: string,
  send: (request: HttpRequest) => ReturnType<Send>,
): ReturnType<Send> {
  const asked = Object.assign(HttpRequest.clone(request), addressOf(proxy), {
    path: `${origin}${request.path}`,
    headers: { ...request.headers, ...proxy.headers },
  });
  try {
    const answer = await send(asked);
    const { statusCode, reason } = answer.response;
    if (statusCode === 407) throw proxyError(proxy, refusalOf(statusCode, reason));
    return answer;
  } catch (error) {
    const { syscall, message } = error as NodeJS.ErrnoException;
    if (syscall !== 'connect' && syscall !== 'getaddrinfo') throw error;
    throw proxyError(proxy, `failed: ${message}`, error as Error);
  }
}

/** Downloads a file; undefined when the server does not have it, or redirects. */
export async function download(
  handler: NodeHttpHandler,
  address: string,
  abortSignal: AbortSignal,
): Promise<Buffer | undefined> {
  const { protocol, hostname, port, pathname, search, host } = new URL(address);
  const request = new HttpRequest({
    protocol,
    hostname,
    ...(port !== '' && { port: Number(port) }),
    path: `${pathname}${search}`,
    method: 'GET',
    headers: { host },
  });
  const { response } = await handler.handle(request, { abortSignal });
  return response.statusCode === 200 ? buffer(response.body as Readable) : undefined;
}
