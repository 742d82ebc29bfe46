import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';
import { callEngine } from '../../src/docker/engine/api.ts';
import { openDocker } from '../../src/docker/engine/daemon.ts';

/** A builder as `docker buildx create` stores it. */
export interface StoredBuilder {
  readonly driver: string;
  readonly endpoint: string;
  readonly options?: Readonly<Record<string, string>>;
  /** Name of its only node; the builder's with a 0 by default. */
  readonly node?: string;
}

/** Writes the state of buildx into a new folder, and returns the folder for `BUILDX_CONFIG`. */
export function storeBuilders(
  builders: Readonly<Record<string, StoredBuilder>>,
  files: Readonly<Record<string, string>> = {},
): string {
  const folder = mkdtempSync(join(tmpdir(), 'ecsdeploy-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const part of ['instances', 'defaults']) mkdirSync(join(folder, part));
  for (const [name, { driver, endpoint, options, node = `${name}0` }] of Object.entries(builders)) {
    const nodes = [
      { Name: node, Endpoint: endpoint, Platforms: null, DriverOpts: options ?? null },
    ];
    const stored = { Name: name, Driver: driver, Nodes: nodes, Dynamic: false };
    writeFileSync(join(folder, 'instances', name), JSON.stringify(stored));
  }
  for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
  return folder;
}

/** The BuildKit of the daemon at an address of its own, where buildkitd would listen. */
export async function serveBuildKit(kind: 'unix' | 'tcp' = 'unix'): Promise<string> {
  const daemon = await openDocker(process.env);
  const folder = mkdtempSync(join(tmpdir(), 'ecsdeploy-test-'));
  const path = join(folder, 'buildkitd.sock');
  const open = new Set<Duplex>();
  const relay = async (client: Socket) => {
    client.pause();
    const buildKit = await callEngine<Duplex>(daemon.docker, {
      method: 'POST',
      path: '/grpc',
      hijack: true,
      headers: { Upgrade: 'h2c' },
      statusCodes: { 101: true, 200: true },
    });
    for (const [from, to] of [
      [client, buildKit],
      [buildKit, client],
    ] as const) {
      open.add(from);
      from.on('error', () => to.destroy()).on('close', () => to.destroy());
      from.pipe(to);
    }
  };
  const server = createServer((client) => void relay(client));
  await new Promise<void>((resolve) => {
    if (kind === 'unix') server.listen(path, resolve);
    else server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => {
      server.close(resolve);
    });
    rmSync(folder, { recursive: true, force: true });
  });
  return kind === 'unix'
    ? `unix://${path}`
    : `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
