import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { onTestFinished } from 'vitest';
import { makeFolder } from './files.ts';

/** Whether this machine can make certificates. */
export const HAS_OPENSSL = /^OpenSSL [3-9]/.test(
  spawnSync('openssl', ['version']).stdout?.toString(),
);

/** A certificate with its key, in PEM format. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** Path of the CA's certificate. */
  readonly caFile: string;
}

/** Makes a CA, and a certificate that it signs for the names; the chain holds both. */
export function makeCertificate(names: readonly string[]): Certificate {
  const folder = makeFolder();
  const make = (name: string, ...args: readonly string[]) => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc'];
    const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', `/CN=${name}`];
    const all = ['req', '-x509', '-days', '2', ...key, ...files, ...args];
    execFileSync('openssl', all, { cwd: folder, stdio: 'ignore' });
  };
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  make('ca');
  const alternatives = names.map((name) => (/^[\d.]+$/.test(name) ? `IP:${name}` : `DNS:${name}`));
  const extensions = [
    'basicConstraints=critical,CA:FALSE',
    `subjectAltName=${alternatives.join(',')}`,
  ].flatMap((extension) => ['-addext', extension]);
  make('server', '-CA', 'ca.pem', '-CAkey', 'ca.key', ...extensions);
  const cert = read('server.pem') + read('ca.pem');
  return { cert, key: read('server.key'), caFile: join(folder, 'ca.pem') };
}

/** Listens until the test ends; returns `host:port`. */
async function listen(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function splice(one: Socket, other: Socket): void {
  for (const socket of [one, other]) {
    socket.on('error', () => undefined);
    socket.on('close', () => {
      one.destroy();
      other.destroy();
    });
  }
  one.pipe(other).pipe(one);
}

const dial = (host: string) => {
  const [name = '', port = ''] = host.split(':');
  return connect(Number(port), name);
};

/** Starts a TLS endpoint in front of a server (`host:port`) until the test ends. */
export async function tlsFront(upstream: string, { cert, key }: Certificate): Promise<string> {
  return listen(createTlsServer({ cert, key }, (socket) => splice(socket, dial(upstream))));
}

/** A forward proxy. */
export interface ForwardProxy {
  /** `host:port`. */
  readonly host: string;
  /** What it was asked for: `CONNECT host:port` for each tunnel, `http://host:port` for each request. */
  readonly record: string[];
}

/** How a forward proxy behaves. */
export interface ForwardProxyOptions {
  /** The server (`host:port`) behind every https address. */
  readonly https?: string;
  /** The login that it asks for, `user:password`. */
  readonly login?: string;
  /** Answers every CONNECT with this status line. */
  readonly refuse?: string;
  /** Closes the connection instead of answering CONNECT. */
  readonly reset?: true;
  /** Never answers. */
  readonly silent?: true;
  /** Speaks TLS itself. */
  readonly certificate?: Certificate;
}

/** Starts a forward proxy, for tunnels and for requests in absolute form, until the test ends. */
export async function forwardProxy(options: ForwardProxyOptions = {}): Promise<ForwardProxy> {
  const { login, refuse, silent, certificate } = options;
  const record: string[] = [];
  const isAllowed = (header: string | undefined) =>
    login === undefined || header === `Basic ${Buffer.from(login).toString('base64')}`;
  const server = certificate === undefined ? createServer() : createHttpsServer({ ...certificate });
  server.on('request', (incoming, outgoing) => {
    const { url = '', method } = incoming;
    const { 'proxy-authorization': authorization, ...headers } = incoming.headers;
    if (silent) return;
    if (!isAllowed(authorization)) {
      outgoing.writeHead(407).end('<html>Log in</html>');
      return;
    }
    record.push(new URL(url).origin);
    const forward = httpRequest(url, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    forward.on('error', () => outgoing.destroy());
    incoming.pipe(forward);
  });
  server.on('connect', ({ url = '', headers }, socket: Socket) => {
    socket.on('error', () => undefined);
    if (options.reset) socket.destroy();
    if (silent || options.reset) return;
    if (refuse !== undefined || !isAllowed(headers['proxy-authorization'])) {
      socket.end(`HTTP/1.1 ${refuse ?? '407 Proxy Authentication Required'}\r\n\r\n`);
      return;
    }
    record.push(`CONNECT ${url}`);
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    splice(socket, dial(options.https ?? url));
  });
  return { host: await listen(server), record };
}
