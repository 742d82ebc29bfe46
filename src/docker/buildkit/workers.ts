import { connect, constants } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Daemon } from '../engine/daemon.ts';
import { dial } from '../engine/dial.ts';
import { fields, text } from './protobuf.ts';
import { GRPC_PREFIX } from './grpc.ts';
import { openNative } from './native.ts';

/** Milliseconds after which a build begins without knowing. */
const TIMEOUT = 3000;

/**
 * Platforms whose programs the daemon's BuildKit can run, e.g. `linux/amd64`, emulated ones
 * included; undefined where it does not say (podman, socket proxies).
 */
export async function runnablePlatforms(daemon: Daemon): Promise<readonly string[] | undefined> {
  const client = await openControl(daemon);
  if (client === undefined) return undefined;
  try {
    return platformsOf(await ask(client));
  } catch {
    return undefined;
  } finally {
    client.destroy();
  }
}

async function openControl(daemon: Daemon): Promise<ClientHttp2Session | undefined> {
  try {
    const socket = await dial<Duplex>(daemon.docker, {
      method: 'POST',
      path: '/grpc',
      hijack: true,
      headers: { Upgrade: 'h2c' },
      statusCodes: { 101: true, 200: true },
    });
    return connect('http://docker', { createConnection: () => socket });
  } catch {
    return openNative(daemon);
  }
}

function ask(client: ClientHttp2Session): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    client.on('error', reject);
    const call = client.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/moby.buildkit.v1.Control/ListWorkers',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    call.setTimeout(TIMEOUT, () => reject(new Error('no answer')));
    call.on('data', (part: Buffer) => parts.push(part));
    call.on('end', () => resolve(Buffer.concat(parts).subarray(GRPC_PREFIX)));
    call.on('error', reject);
    // An empty message: all workers.
    call.end(Buffer.alloc(GRPC_PREFIX));
  });
}

/** Reads ListWorkersResponse { record { platforms { Architecture, OS, Variant } } }. */
function platformsOf(answer: Uint8Array): readonly string[] | undefined {
  const found: string[] = [];
  for (const [, record] of fields(answer)) {
    for (const [number, platform] of fields(record as Uint8Array)) {
      if (number !== 3) continue;
      const parts = new Map(fields(platform as Uint8Array));
      found.push(`${text(parts.get(2))}/${text(parts.get(1))}`);
    }
  }
  return found.length === 0 ? undefined : [...new Set(found)];
}
