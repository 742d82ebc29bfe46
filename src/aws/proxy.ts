import { request as httpRequest } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { BlockList, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { unescape } from 'node:querystring';
import { connect } from 'node:tls';
import type { ConnectionOptions, SecureContext } from 'node:tls';
import { EcsDeployError } from '../errors.ts';

/** A proxy that requests of one scheme are sent through. */
export interface Proxy {
  readonly url: URL;
  /** Its login, as headers; empty without one. */
  readonly headers: Readonly<Record<string, string>>;
  /** The environment variable that names it, e.g. `HTTPS_PROXY`. */
  readonly variable: string;
}

/** Finds the proxy for an address; undefined for a direct connection. */
export type FindProxy = (target: URL) => Proxy | undefined;

/**
 * Reads `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` as the AWS CLI does: the lower-case name wins, and
 * an empty value means no proxy. Throws `config-invalid`.
 */
export function proxiesOf(environment: Readonly<Record<string, string | undefined>>): FindProxy {
  const nameOf = (upper: string) =>
    environment[upper.toLowerCase()] === undefined ? upper : upper.toLowerCase();
  const read = (variable: string): Proxy | undefined => {
    const value = environment[variable]?.trim() ?? '';
    if (value === '') return undefined;
    const text = value.includes('://') ? value : `http://${value}`;
    if (/^https?:/i.test(text) && URL.canParse(text)) {
      const url = new URL(text);
      return { url, headers: loginHeaders(url), variable };
    }
    // The value can hold a password, so the message does not quote it.
    throw new EcsDeployError({
      code: 'config-invalid',
      message: `${variable} is not the URL of an HTTP proxy.`,
      hint: `set it to a URL such as http://proxy.example.com:3128, or unset ${variable}`,
    });
  };
  const [https, http] = [read(nameOf('HTTPS_PROXY')), read(nameOf('HTTP_PROXY'))];
  const direct = (environment[nameOf('NO_PROXY')] ?? '').toLowerCase().split(/[\s,]+/);
  return (target) => {
    const proxy = target.protocol === 'https:' ? https : http;
    return proxy === undefined || direct.some((entry) => matches(target, entry))
      ? undefined
      : proxy;
  };
}

function loginHeaders({ username, password }: URL): Record<string, string> {
  const login = `${username}:${password}`;
  if (login === ':') return {};
  // Unlike decodeURIComponent, this accepts a "%" that encodes nothing.
  const plain = unescape(login);
  return { 'Proxy-Authorization': `Basic ${Buffer.from(plain).toString('base64')}` };
}

/** Whether an entry of NO_PROXY covers an address: a domain, an IP address or a CIDR range. */
function matches({ hostname, protocol, port }: URL, entry: string): boolean {
  if (entry === '*') return true;
  const host = hostname.replaceAll(/^\[|\]$/g, '');
  const [network = '', bits] = entry.split('/');
  if (bits !== undefined || isIP(entry) > 0) return isInside(host, network, bits);
  const [, name = '', only] =
    /^(?:\*?\.)?\[?([^\]]+?)\]?(?::(\d+))?$/.exec(entry) ?? ([] as string[]);
  if (name === '' || (host !== name && !host.endsWith(`.${name}`))) return false;
  return only === undefined || only === (port || (protocol === 'https:' ? '443' : '80'));
}

function isInside(host: string, network: string, bits: string | undefined): boolean {
  const version = isIP(network);
  const longest = version === 4 ? 32 : 128;
  const length = /^\d*$/.test(bits ?? '') ? Number(bits || longest) : Infinity;
  if (version === 0 || isIP(host) !== version || length > longest) return false;
  const list = new BlockList();
  list.addSubnet(network, length, `ipv${version as 4 | 6}`);
  return list.check(host, `ipv${version as 4 | 6}`);
}

/** An agent whose connections are tunnels through a proxy (HTTP CONNECT); it keeps them alive. */
export function tunnelAgent(
  proxy: Proxy,
  secureContext: SecureContext | undefined,
  timeout: number,
): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 50, secureContext });
  const open = (
    options: ConnectionOptions,
    done: (error: Error | null, socket?: Socket) => void,
  ) => {
    const host = options.host ?? '';
    const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${options.port}`;
    const { protocol, hostname, port } = addressOf(proxy);
    const asked = {
      host: hostname,
      port,
      method: 'CONNECT',
      path: authority,
      headers: { Host: authority, ...proxy.headers },
      agent: false as const,
      secureContext,
      timeout,
    };
    const request = protocol === 'https:' ? httpsRequest(asked) : httpRequest(asked);
    request.once('connect', ({ statusCode = 0, statusMessage }, socket: Socket) => {
      socket.setTimeout(0);
      if (statusCode >= 200 && statusCode < 300) {
        done(null, connect({ ...options, socket }));
        return;
      }
      socket.destroy();
      done(proxyError(proxy, refusalOf(statusCode, statusMessage)));
    });
    request.once('timeout', () => {
      const reason = `did not answer within ${timeout / 1000} s`;
      request.destroy(proxyError(proxy, reason, { code: 'ETIMEDOUT' }));
    });
    request.once('error', (error) =>
      done('proxyVariable' in error ? error : proxyError(proxy, `failed: ${error.message}`, error)),
    );
    request.end();
  };
  return Object.assign(agent, { createConnection: open });
}

/** Where a proxy listens; `hostname` is without the brackets of IPv6. */
export function addressOf({ url }: Proxy) {
  return {
    protocol: url.protocol,
    hostname: url.hostname.replaceAll(/^\[|\]$/g, ''),
    port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
  };
}

/** The words for a status with which a proxy refuses a request. */
export function refusalOf(statusCode: number, statusMessage = ''): string {
  return `answered ${statusCode} ${statusMessage}`.trimEnd();
}

/** A failure on the way to a proxy, with its `proxyVariable`: no request has reached AWS. */
export function proxyError(
  { url, variable }: Proxy,
  reason: string,
  cause?: Error | { readonly code: string },
): Error {
  const message = `the proxy ${url.host} (${variable}) ${reason}`;
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  return Object.assign(new Error(message, { cause }), { code, proxyVariable: variable });
}
