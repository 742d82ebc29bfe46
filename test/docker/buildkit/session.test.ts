import { createServer } from 'node:http';
import { connect } from 'node:http2';
import type { ClientHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import Docker from 'dockerode';
import { expect, onTestFinished, test } from 'vitest';
import { serveFiles } from '../../../src/docker/buildkit/file-sync.ts';
import type { Sent } from '../../../src/docker/buildkit/file-sync.ts';
import { message } from '../../../src/docker/buildkit/protobuf.ts';
import { GRPC_PREFIX } from '../../../src/docker/buildkit/grpc.ts';
import { openSession } from '../../../src/docker/buildkit/session.ts';
import type { Methods } from '../../../src/docker/buildkit/grpc.ts';
import { makeFolder } from '../../support/files.ts';

/** Opens a session with a daemon and calls one of its methods, as BuildKit does. */
async function callOf(
  methods: Methods,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<ClientHttp2Stream> {
  const daemon = createServer();
  onTestFinished(() => void daemon.close());
  const call = new Promise<ClientHttp2Stream>((resolve) => {
    daemon.on('upgrade', (_, socket) => {
      socket.write('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
      const client = connect('http://session', { createConnection: () => socket });
      resolve(client.request({ ':method': 'POST', ':path': path, ...headers }));
    });
  });
  await new Promise<void>((resolve) => {
    daemon.listen(0, '127.0.0.1', resolve);
  });
  const { port } = daemon.address() as AddressInfo;
  const session = await openSession(
    {
      docker: new Docker({ host: '127.0.0.1', port }),
      address: { host: `tcp://127.0.0.1:${port}`, source: 'DOCKER_HOST', tls: undefined },
      version: '20.10',
      apiVersion: '1.41',
      architecture: 'amd64',
      standIn: false,
    },
    'key',
    methods,
    new AbortController().signal,
  );
  onTestFinished(() => session?.close());
  return call;
}

function frame(bytes: Uint8Array): Buffer {
  const prefix = Buffer.alloc(GRPC_PREFIX);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

/** Waits until something was read, and then nothing more for many turns of the event loop. */
async function untilQuiet(sent: Readonly<Sent>): Promise<void> {
  let before = 0;
  for (let quiet = 0; quiet < 2000; quiet += 1) {
    if (sent.bytes === 0 || sent.bytes !== before) quiet = 0;
    before = sent.bytes;
    await setImmediate();
  }
}

test('no more of the files is read than the daemon takes', async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => void warnings.push(warning);
  process.on('warning', onWarning);
  onTestFinished(() => void process.off('warning', onWarning));
  const size = 4 << 20;
  const names = Array.from({ length: 16 }, (_, index) => `file-${index}`);
  const folder = makeFolder(
    Object.fromEntries(names.map((name) => [name, Buffer.alloc(size, name)])),
  );
  const sent = { files: 0, bytes: 0 };
  const path = '/moby.filesync.v1.FileSync/DiffCopy';
  const call = await callOf(
    { [path]: serveFiles({ context: folder }, sent, () => undefined) },
    path,
    { 'dir-name': 'context' },
  );
  for (const id of names.keys()) call.write(frame(message([1, 1], [3, id])));
  // The daemon asks, and takes nothing.
  await untilQuiet(sent);
  expect(sent.bytes).toBeLessThan(size);
  let received = 0;
  for await (const chunk of call) {
    received += (chunk as Buffer).length;
    if (received > names.length * size && !call.writableEnded) {
      call.write(frame(message([1, 3])));
      call.end();
    }
  }
  expect(sent).toEqual({ files: names.length, bytes: names.length * size });
  expect(warnings).toEqual([]);
});

test('a call that the daemon breaks off reads no further', async () => {
  const folder = makeFolder({ file: Buffer.alloc(32 << 20) });
  const sent = { files: 0, bytes: 0 };
  const path = '/moby.filesync.v1.FileSync/DiffCopy';
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const failures: unknown[] = [];
  const serve = serveFiles({ context: folder }, sent, (error) => failures.push(error));
  const method = (call: Parameters<typeof serve>[0]) => serve(call).finally(end);
  const call = await callOf({ [path]: method }, path, { 'dir-name': 'context' });
  call.on('error', () => undefined).write(frame(message([1, 1], [3, 0])));
  while (sent.bytes === 0) await setImmediate();
  call.destroy();
  await ended;
  await untilQuiet(sent);
  expect(sent.bytes).toBeLessThan(8 << 20);
  // The daemon knows why it did so: nothing is wrong with the file.
  expect(failures).toEqual([]);
});
