import type { ClientHttp2Session } from 'node:http2';
import type { Daemon } from '../engine/daemon.ts';
import { openControl } from './daemon-grpc.ts';
import { callOnce } from './grpc-client.ts';
import { fields, message, text } from './protobuf.ts';

/** Milliseconds after which the build starts without an answer. */
const TIMEOUT = 3000;

/**
 * Platforms whose programs the daemon's BuildKit can run, including emulated ones, e.g.
 * `linux/amd64`; undefined when the daemon does not report them (podman, socket proxies).
 */
export async function runnablePlatforms(daemon: Daemon): Promise<readonly string[] | undefined> {
  return readWorkers(daemon, platformsIn);
}

/** The address that steps of a build reach the daemon's host at; undefined when it is not reported. */
export async function hostGateway(daemon: Daemon): Promise<string | undefined> {
  return readWorkers(daemon, gatewayIn);
}

async function readWorkers<T>(
  daemon: Daemon,
  decode: (answer: Uint8Array) => T,
): Promise<T | undefined> {
  const client = await openControl(daemon);
  if (client === undefined) return undefined;
  try {
    return decode(await listWorkers(client));
  } catch {
    return undefined;
  } finally {
    client.destroy();
  }
}

function listWorkers(client: ClientHttp2Session, limit = TIMEOUT): Promise<Buffer> {
  client.on('error', () => undefined);
  const signal = AbortSignal.timeout(limit);
  // An empty message asks for all workers.
  return callOnce(client, 'moby.buildkit.v1.Control/ListWorkers', message(), { signal });
}

/** What BuildKit at the end of a connection can run; rejects when it does not answer in time. */
export async function platformsAt(
  client: ClientHttp2Session,
  limit?: number,
): Promise<readonly string[]> {
  return platformsIn(await listWorkers(client, limit)) ?? [];
}

/** Reads ListWorkersResponse { record { platforms { Architecture, OS, Variant } } }. */
function platformsIn(answer: Uint8Array): readonly string[] | undefined {
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

/** Reads ListWorkersResponse { record { Labels { key, value } } }. */
function gatewayIn(answer: Uint8Array): string | undefined {
  for (const [, record] of fields(answer)) {
    for (const [number, label] of fields(record as Uint8Array)) {
      if (number !== 2) continue;
      const parts = new Map(fields(label as Uint8Array));
      if (text(parts.get(1)) === GATEWAY_LABEL) return text(parts.get(2)) || undefined;
    }
  }
  return undefined;
}

/** Moby sets it since version 23 (`builder-next/worker/label`). */
const GATEWAY_LABEL = 'org.mobyproject.buildkit.worker.moby.host-gateway-ip';
