// Proxies of the benchmarks: one counts bytes to the daemon, one slows down uploads to a registry.
import { EventEmitter, once } from 'node:events';
import { createServer as createHttpServer, request as httpRequest } from 'node:http';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { daemonAddress } from './bench-tools.js';

/** Length of an HTTP/2 frame header in bytes, and the type of DATA frames. */
const FRAME = { head: 9, data: 0 };
/** Length in bytes of the frame that answers a health check of BuildKit. */
const HEALTH = 16;

/**
 * Opens a socket in front of the daemon's that counts the bytes sent over BuildKit sessions: only DATA
 * frames, without the responses to health checks, whose number depends on the time.
 */
export async function openDaemonProxy(bench) {
  const { socketPath, ...tcp } = daemonAddress(bench.host);
  const open = new Set();
  let bytes = 0;
  /** Counts the complete frames and returns the rest. */
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
      // Other requests can precede it on the same connection.
      if (/^POST \S*\/session[ ?]/.test(chunk.toString('latin1', 0, 100))) frames = Buffer.alloc(0);
    });
    client.pipe(daemon).pipe(client);
    daemon.on('end', () => open.delete(daemon));
    daemon.on('error', () => client.destroy()).on('close', () => open.delete(daemon));
    client.on('error', () => daemon.end());
    // After the client has disconnected, unread data must not hide that the daemon closes.
    client.on('close', () => daemon.resume());
  });
  server.listen(bench.path());
  await once(server, 'listening');
  bench.onClose(() => server.close());
  return {
    url: `unix://${server.address()}`,
    /** Connections that the daemon has not closed. */
    open,
    /** Returns the bytes since the last call. */
    take: () => {
      const taken = bytes;
      bytes = 0;
      return taken;
    },
  };
}

/** Bytes of an upload after which it is slowed down. */
const FREE_BYTES = 4 << 20;

/** Opens a proxy for a registry that slows down big uploads until `letGo` is called. */
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
    /** Resolves when an upload is slowed down. */
    held,
    /** Resolves to the time at which the daemon cut an upload. */
    cut,
    letGo: () => {
      isSlow = false;
    },
  };
}
