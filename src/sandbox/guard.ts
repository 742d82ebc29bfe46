import type { IncomingMessage } from 'node:http';

/** The names under which this machine, or a container on it, reaches a port on loopback. */
const LOCAL = /^(?:localhost|(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|::1|host\.docker\.internal)$/;

/** The names of AWS, which a proxy can lead here: no page of others can have them lead to 127.0.0.1. */
const AWS = /\.(?:amazonaws\.(?:com|com\.cn|eu)|api\.(?:aws|amazonwebservices\.(?:com\.cn|eu)))$/;

/**
 * Why a request does not come from this machine: a web page whose name leads to 127.0.0.1 (DNS
 * rebinding) sends its own host name, one of another site its origin. Undefined for all others.
 */
export function foreignOrigin({ headers }: IncomingMessage): string | undefined {
  const { host, origin } = headers;
  const name = host === undefined ? '127.0.0.1' : nameOf(`http://${host}`);
  if (!LOCAL.test(name) && !AWS.test(name)) return `Host: ${host}`;
  // Anyone can have a page in a bucket of S3.
  if (origin !== undefined && !LOCAL.test(nameOf(origin))) return `Origin: ${origin}`;
  const site = headers['sec-fetch-site'];
  return site === 'cross-site' ? `Sec-Fetch-Site: ${site}` : undefined;
}

function nameOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\[(.*)\]$/, '$1') : '';
}
