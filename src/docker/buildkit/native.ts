import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { connect } from 'node:net';
import { Duplex, Readable } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { isAtLeast } from '../engine/daemon.ts';
import type { Daemon } from '../engine/daemon.ts';
import type { DockerAddress } from '../engine/endpoint.ts';
import { readMessages, sender } from './grpc.ts';
import { fieldBytes, message } from './protobuf.ts';
import { openSsh } from '../engine/ssh.ts';

/** Milliseconds in which a daemon that speaks gRPC answers. */
const TIMEOUT = 3000;

/**
 * Opens the daemon's own gRPC, HTTP/2 on its socket; undefined where it has none, before API 1.53
 * (docker-facts 1.6).
 */
export function openNative({ address, apiVersion }: Daemon): ClientHttp2Session | undefined {
  if (!isAtLeast(apiVersion, '1.53')) return undefined;
  return connectHttp2('http://docker', { createConnection: () => openConnection(address) });
}

function openConnection({ host, tls }: DockerAddress): Duplex {
  if (host.startsWith('ssh://')) return openSsh(host);
  if (/^(unix|npipe):\/\//.test(host)) return connect(host.replace(/^\w+:\/\//, ''));
  const { hostname, port } = new URL(host.replace(/^tcp:/, 'http:'));
  return tls === undefined
    ? connect(Number(port || 2375), hostname)
    : connectTls({ host: hostname, port: Number(port || 2376), ...tls, ALPNProtocols: ['h2'] });
}

/**
 * A connection that BuildKit calls back on, inside of a call of `Control.Session`; undefined where
 * the daemon takes no such call.
 */
export async function openTunnel(
  daemon: Daemon,
  headers: Readonly<Record<string, string | string[]>>,
): Promise<Duplex | undefined> {
  const client = openNative(daemon);
  if (client === undefined) return undefined;
  client.on('error', () => undefined);
  try {
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
    // A status that comes at once is a refusal.
    if (answer[':status'] !== 200 || answer['grpc-status'] !== undefined)
      throw new Error('refused');
    const send = sender(call);
    const tunnel = Duplex.from({
      readable: Readable.from(bytesOf(readMessages(call)), { objectMode: false }),
      writable: Duplex.from(async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) await send(message([1, chunk]));
        call.end();
      }),
    });
    tunnel.once('close', () => client.destroy());
    return tunnel;
  } catch {
    client.destroy();
    return undefined;
  }
}

/** What BytesMessages hold. */
async function* bytesOf(packets: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  for await (const packet of packets) yield fieldBytes(packet, 1);
}
