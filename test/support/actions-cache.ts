import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

/** A token as the runner of GitHub gives it: its claim `ac` has the scopes that it can use. */
export const RUNTIME_TOKEN = ['{"alg":"none"}', scopes(), 'signature']
  .map((part) => Buffer.from(part).toString('base64url'))
  .join('.');

function scopes(): string {
  const ac = JSON.stringify([{ Scope: 'refs/heads/main', Permission: 3 }]);
  return JSON.stringify({ ac, nbf: 1, exp: 4_000_000_000 });
}

/** What Azure's storage answers to each request; BuildKit fails without them. */
const HEADERS = { etag: '"1"', 'x-ms-request-id': '1', 'last-modified': new Date(0).toUTCString() };

/**
 * A stand-in for the cache service of GitHub Actions (version 2), with the storage that its signed
 * URLs lead to; returns its address and what it was asked.
 */
export async function serveActionsCache() {
  const blobs = new Map<string, Buffer>();
  const entries = new Map<string, string>();
  const calls: { readonly method: string; readonly token: string | undefined }[] = [];
  const answerCall = async (request: IncomingMessage, method: string, base: string) => {
    calls.push({ method, token: request.headers.authorization });
    const { key = '', restore_keys: prefixes = [] } = JSON.parse(
      (await buffer(request)).toString(),
    ) as { readonly key?: string; readonly restore_keys?: readonly string[] };
    const url = (name: string) => `${base}/blob/${encodeURIComponent(name)}?sig=signed`;
    if (method === 'CreateCacheEntry') return { ok: true, signed_upload_url: url(key) };
    if (method === 'FinalizeCacheEntryUpload') {
      entries.set(key, key);
      return { ok: true, entry_id: '1' };
    }
    const found = [...entries.keys()].find((name) =>
      [key, ...prefixes].some((prefix) => name.startsWith(prefix)),
    );
    if (found === undefined) return { ok: false };
    return { ok: true, signed_download_url: url(found), matched_key: found };
  };
  const store = async (request: IncomingMessage, name: string, kind: string | null) => {
    const bytes = await buffer(request);
    const parts = blobs.get(`${name} parts`) ?? Buffer.alloc(0);
    if (kind === 'block') blobs.set(`${name} parts`, Buffer.concat([parts, bytes]));
    else blobs.set(name, kind === 'blocklist' ? parts : bytes);
  };
  const server = createServer((request, response) => {
    const base = `http://${request.headers.host}`;
    const { pathname, searchParams } = new URL(request.url ?? '/', base);
    const [, method] = /CacheService\/(\w+)$/.exec(pathname) ?? [];
    const name = decodeURIComponent(pathname.replace('/blob/', ''));
    const answer = async () => {
      if (method !== undefined) {
        response.setHeader('content-type', 'application/json');
        return response.end(JSON.stringify(await answerCall(request, method, base)));
      }
      if (request.method === 'PUT') {
        await store(request, name, searchParams.get('comp'));
        return response.writeHead(201, HEADERS).end();
      }
      const bytes = blobs.get(name);
      if (bytes === undefined) return response.writeHead(404, HEADERS).end();
      const range = request.headers['x-ms-range'] ?? request.headers.range ?? '';
      const [, from = '0', to = ''] = /bytes=(\d+)-(\d*)/.exec(String(range)) ?? [];
      const end = to === '' ? bytes.length : Number(to) + 1;
      const part = bytes.subarray(Number(from), end);
      const content = `bytes ${from}-${Number(from) + part.length - 1}/${bytes.length}`;
      response.writeHead(range === '' ? 200 : 206, {
        ...HEADERS,
        'content-length': part.length,
        ...(range !== '' && { 'content-range': content }),
      });
      return response.end(request.method === 'HEAD' ? undefined : part);
    };
    void answer();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, calls };
}
