// Proxies of the benchmarks: one that counts what goes to the daemon, one that holds up a registry.
import { EventEmitter, once } from 'node:events';
import { createServer as createHttpServer, request as httpRequest } from 'node:http';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { daemonAddress } from './bench-tools.js';

/** Bytes of an HTTP/2 frame before its content, and the type of those that carry messages. */
const FRAME = { head: 9, data: 0 };
/** Bytes of the one frame that answers BuildKit for the session's health. */
const HEALTH = 16;

/**
 * Opens a socket in front of the daemon's that counts what is sent over BuildKit sessions: the frames
 * that carry messages, not HTTP/2's own and the answers to health checks, which come with time.
 */
export async function openDaemonProxy(bench) {
  const { socketPath, ...tcp } = daemonAddress(bench.host);
  const open = new Set();
  let bytes = 0;
  /** Counts the whole frames and leaves the rest. */
  const takeFrames = (chunk) => {
    let at = 0;
    while (at + FRAME.head <= chunk.length) {
      const length = FRAME.head + chunk.readUIntBE(at, 3);
      if (at + length > chunk.length) break;
      if (chunk[at + 3] === FRAME.data && length !== HEALTH) bytes += length;
      at += length;
    }
    return chunk.subarray(at);
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const options = socketPath === undefined ? tcp : { path: socketPath };
    const daemon = connect({ ...options, allowHalfOpen: true });
    let frames;
    open.add(daemon);
    client.on('data', (chunk) => {
      if (frames !== undefined) frames = takeFrames(Buffer.concat([frames, chunk]));
      // Another request may have come before it on the same connection.
      if (/^POST \S*\/session[ ?]/.test(chunk.toString('latin1', 0, 100))) frames = Buffer.alloc(0);
    });
    client.pipe(daemon).pipe(client);
    daemon.on('end', () => open.delete(daemon));
    daemon.on('error', () => client.destroy()).on('close', () => open.delete(daemon));
    client.on('error', () => daemon.end());
    // What a client that is gone no longer takes must not hide the daemon's own end.
    client.on('close', () => daemon.resume());
  });
  server.listen(bench.path());
  await once(server, 'listening');
  bench.onClose(() => server.close());
  return {
    url: `unix://${server.address()}`,
    /** Connections that the daemon has not ended. */
    open,
    /** Bytes since the last look. */
    take: () => {
      const taken = bytes;
      bytes = 0;
      return taken;
    },
  };
}

/** Bytes of an upload after which it is held up. */
const FREE_BYTES = 4 << 20;

/** Opens a registry in front of another on which big uploads hardly get on until they are let go. */
export async function openSlowRegistry(bench, host) {
  const [hostname, port] = host.split(':');
  const seen = new EventEmitter();
  const [held, cut] = ['held', 'cut'].map((name) => once(seen, name).then(([time]) => time));
  let isSlow = true;
  const server = createHttpServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const forward = httpRequest({ hostname, port, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    forward.on('error', () => outgoing.destroy());
    let bytes = 0;
    incoming.on('error', () => forward.destroy()).pipe(forward);
    incoming.on('data', async (chunk) => {
      bytes += chunk.length;
      if (bytes < FREE_BYTES || !isSlow) return;
      seen.emit('held');
      incoming.pause();
      await sleep(20);
      incoming.resume();
    });
    incoming.on('close', () => {
      if (!incoming.complete) seen.emit('cut', performance.now());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  bench.onClose(() => server.close());
  return {
    host: `127.0.0.1:${server.address().port}`,
    /** Resolves when an upload is held up. */
    held,
    /** Resolves to the time at which the daemon cut an upload. */
    cut,
    letGo: () => {
      isSlow = false;
    },
  };
}
