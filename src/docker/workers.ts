import { connect, constants } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Daemon } from './daemon.ts';
import { dial } from './dial.ts';
import { fields, text } from './protobuf.ts';
import { GRPC_PREFIX } from './session.ts';

/** Milliseconds after which a build begins without knowing. */
const TIMEOUT = 3000;

/**
 * Platforms whose programs the daemon's BuildKit can run, e.g. `linux/amd64`, emulated ones
 * included; undefined where it does not say (podman, socket proxies).
 */
export async function runnablePlatforms({
  docker,
}: Daemon): Promise<readonly string[] | undefined> {
  let socket: Duplex;
  try {
    socket = await dial<Duplex>(docker, {
      method: 'POST',
      path: '/grpc',
      hijack: true,
      headers: { Upgrade: 'h2c' },
      statusCodes: { 101: true, 200: true },
    });
  } catch {
    return undefined;
  }
  const client = connect('http://docker', { createConnection: () => socket });
  try {
    return platformsOf(await ask(client));
  } catch {
    return undefined;
  } finally {
    client.destroy();
    socket.destroy();
  }
}

function ask(client: ReturnType<typeof connect>): Promise<Buffer> {
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
