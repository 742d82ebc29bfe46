import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { connect } from 'node:net';
import { Duplex, Readable } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { callEngine, isAtLeast } from '../engine/api.ts';
import type { Daemon } from '../engine/daemon.ts';
import { socketPath, tcpAddress } from '../engine/endpoint.ts';
import type { DockerAddress } from '../engine/endpoint.ts';
import { openSsh } from '../engine/ssh.ts';
import { readMessages, sender } from './grpc.ts';
import { fieldBytes, message } from './protobuf.ts';

/** Milliseconds in which a daemon with gRPC answers. */
const TIMEOUT = 3000;

/** Opens the gRPC of the daemon's BuildKit; undefined when it offers none (podman, socket proxies). */
export async function openControl(daemon: Daemon): Promise<ClientHttp2Session | undefined> {
  try {
    const socket = await callEngine<Duplex>(daemon.docker, {
      method: 'POST',
      path: '/grpc',
      hijack: true,
      headers: { Upgrade: 'h2c' },
      statusCodes: { 101: true, 200: true },
    });
    return connectHttp2('http://docker', { createConnection: () => socket });
  } catch {
    return openDaemonGrpc(daemon);
  }
}

/**
 * Opens the daemon's own gRPC, HTTP/2 on its socket; undefined before API 1.53, which introduced it
 * (docs/explanation/how-docker-behaves.md#which-connection-a-session-uses).
 */
function openDaemonGrpc({ address, apiVersion }: Daemon): ClientHttp2Session | undefined {
  if (!isAtLeast(apiVersion, '1.53')) return undefined;
  return connectHttp2('http://docker', { createConnection: () => openConnection(address) });
}

/** Connects to an address of any kind. */
export function openConnection(address: DockerAddress): Duplex {
  if (address.host.startsWith('ssh://')) return openSsh(address.host);
  const path = socketPath(address);
  if (path !== undefined) return connect(path);
  const target = tcpAddress(address);
  return address.tls === undefined
    ? connect(target)
    : connectTls({ ...target, ...address.tls, ALPNProtocols: ['h2'] });
}

/**
 * The connection of a BuildKit session, inside a call of `Control.Session` on the daemon's own gRPC;
 * undefined when the daemon rejects the call.
 */
export async function openDaemonTunnel(
  daemon: Daemon,
  headers: Readonly<Record<string, string | string[]>>,
): Promise<Duplex | undefined> {
  const client = openDaemonGrpc(daemon);
  if (client === undefined) return undefined;
  client.on('error', () => undefined);
  try {
    const tunnel = await openTunnel(client, headers);
    tunnel.once('close', () => client.destroy());
    return tunnel;
  } catch {
    client.destroy();
    return undefined;
  }
}

/** The connection of a session, inside a call of `Control.Session`; rejects when it is refused. */
export async function openTunnel(
  client: ClientHttp2Session,
  headers: Readonly<Record<string, string | string[]>>,
): Promise<Duplex> {
  const call = client.request({
    ...headers,
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: '/moby.buildkit.v1.Control/Session',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  const [answer] = (await once(call, 'response', {
    signal: AbortSignal.timeout(TIMEOUT),
  })) as [Readonly<Record<string, unknown>>];
  // A status in the headers is a refusal.
  if (answer[':status'] !== 200 || answer['grpc-status'] !== undefined) throw new Error('refused');
  const send = sender(call);
  return Duplex.from({
    readable: Readable.from(bytesOf(readMessages(call)), { objectMode: false }),
    writable: Duplex.from(async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) await send(message([1, chunk]));
      call.end();
    }),
  });
}

/** The payloads of `BytesMessage`s. */
async function* bytesOf(packets: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  for await (const packet of packets) yield fieldBytes(packet, 1);
}
