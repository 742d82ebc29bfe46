import type { IncomingMessage } from 'node:http';

/** The names under which this machine, or a container on it, reaches a port on loopback. */
const LOCAL = /^(?:localhost|(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|::1|host\.docker\.internal)$/;

/**
 * Why a request does not come from this machine: a web page whose name leads to 127.0.0.1 (DNS
 * rebinding) sends its own host name, one of another site its origin. Undefined for all others.
 */
export function foreignOrigin({ headers }: IncomingMessage): string | undefined {
  const { host, origin } = headers;
  if (host !== undefined && !isLocal(`http://${host}`)) return `Host: ${host}`;
  if (origin !== undefined && !isLocal(origin)) return `Origin: ${origin}`;
  const site = headers['sec-fetch-site'];
  return site === 'cross-site' ? `Sec-Fetch-Site: ${site}` : undefined;
}

function isLocal(url: string): boolean {
  if (!URL.canParse(url)) return false;
  return LOCAL.test(new URL(url).hostname.replace(/^\[(.*)\]$/, '$1'));
}
