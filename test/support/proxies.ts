import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import type { AddressInfo, NetConnectOpts, Server, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import type { Mode } from './broken-answers.ts';

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

/**
 * Responds to a request itself and returns true, or returns false to forward it to the server; it can
 * write to the response before.
 */
export type Meddle = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Starts a proxy for an HTTP server until the test ends; returns `host:port`. */
export async function httpProxy(
  upstream: { readonly host: string } | { readonly socketPath: string },
  meddle: Meddle,
): Promise<string> {
  const server = createServer((incoming, outgoing) => {
    incoming.on('error', () => undefined);
    if (meddle(incoming, outgoing)) return;
    const { url: path, method, headers } = incoming;
    const target =
      'host' in upstream
        ? { host: upstream.host.split(':')[0], port: upstream.host.split(':')[1] }
        : upstream;
    const forward = httpRequest({ ...target, path, method, headers }, (answer) => {
      if (!outgoing.headersSent) outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    forward.on('error', () => outgoing.destroy());
    incoming.on('close', () => {
      if (!incoming.complete) forward.destroy();
    });
    incoming.pipe(forward);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${await listen(server)}`;
}

/** One AWS call that a proxy received. */
export interface ProxiedCall {
  /** Without its service, e.g. `UpdateService`. */
  readonly action: string;
  readonly body: string;
}

/** How a proxy breaks the answer to a call; with `carriedOut`, AWS acts on the call before. */
export interface Breakage {
  readonly mode: Mode;
  readonly carriedOut: boolean;
}

/** Starts a proxy for an AWS API until the test ends, and returns its URL; undefined breaks nothing. */
export async function apiProxy(
  url: string,
  strike: (call: ProxiedCall) => Breakage | Promise<Breakage | undefined> | undefined,
): Promise<string> {
  const server = createServer((request, response) => {
    const { socket, headers } = request;
    const answer = async () => {
      const body = await text(request);
      const action = String(headers['x-amz-target']).replace(/^.*\./, '');
      const breakage = await strike({ action, body });
      const carryOut = async () => {
        const { host: _, connection: __, 'content-length': ___, ...rest } = headers;
        const path = request.url ?? '/';
        return fetch(new URL(path, url), {
          method: request.method ?? 'POST',
          headers: rest as Record<string, string>,
          ...(body !== '' && { body }),
        });
      };
      if (breakage !== undefined) {
        const { mode, carriedOut } = breakage;
        const whole = carriedOut ? await (await carryOut()).text() : '{"service":{}}';
        mode(socket, whole);
        return;
      }
      const real = await carryOut();
      response.writeHead(real.status, {
        'content-type': real.headers.get('content-type') ?? 'text/plain',
      });
      response.end(Buffer.from(await real.arrayBuffer()));
    };
    answer().catch(() => socket.destroy());
  });
  server.on('connection', (socket) => socket.on('error', () => undefined));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${await listen(server)}`;
}

/** A connection to a server that can be slow and can be cut. */
export interface Line {
  /** `tcp://127.0.0.1:PORT`. */
  readonly url: string;
  /** Closes all connections and accepts no new ones. */
  readonly cut: () => void;
}

/** Opens a line to a server, with a limit of bytes per second towards the server. */
export async function openLine(
  upstream: NetConnectOpts,
  bytesPerSecond = Number.POSITIVE_INFINITY,
): Promise<Line> {
  const sockets = new Set<Socket>();
  const server = createTcpServer({ allowHalfOpen: true }, (client) => {
    const far = connect({ ...upstream, allowHalfOpen: true });
    for (const socket of [client, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        far.destroy();
      });
    }
    far.pipe(client);
    client.on('data', (data: Buffer) => {
      far.write(data);
      if (!Number.isFinite(bytesPerSecond)) return;
      client.pause();
      setTimeout(() => client.resume(), (data.length / bytesPerSecond) * 1000);
    });
    client.on('end', () => far.end());
  });
  const cut = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(cut);
  return { url: `tcp://127.0.0.1:${await listen(server)}`, cut };
}
