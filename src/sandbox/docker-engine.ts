import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeVertex } from './buildkit-trace.ts';
import { buildFromScratch } from './docker-build.ts';
import type { BuiltImage, Layer } from './docker-build.ts';
import { foreignOrigin } from './guard.ts';
import { createRegistryClient } from './registry-client.ts';
import { digestOf } from './registry.ts';

/** A running stand-in for the Docker Engine. */
export interface DockerEngine {
  /** `tcp://127.0.0.1:PORT`, for `DOCKER_HOST`. */
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** The Engine API version of the responses. */
const API_VERSION = '1.41';

interface Engine {
  /** Images by id and by reference with tag. */
  readonly images: Map<string, BuiltImage>;
  /** Keys of completed build steps. */
  readonly cache: Set<string>;
}

interface Exchange {
  readonly engine: Engine;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly name: string;
}

type Route = readonly [
  method: string,
  path: RegExp,
  answer: (exchange: Exchange) => void | Promise<void>,
];

const ROUTES: readonly Route[] = [
  [
    'GET',
    /^\/_ping$/,
    ({ response }) => void response.setHeader('content-type', 'text/plain').end('OK'),
  ],
  ['HEAD', /^\/_ping$/, ({ response }) => void response.end()],
  ['GET', /^\/version$/, ({ response }) => sendJson(response, 200, version())],
  [
    'GET',
    /^\/info$/,
    ({ response }) =>
      sendJson(response, 200, {
        Name: 'ecsdeploy-sandbox',
        OSType: 'linux',
        Architecture: 'x86_64',
      }),
  ],
  ['POST', /^\/build$/, build],
  ['GET', /^\/images\/(.+)\/json$/, inspect],
  ['POST', /^\/images\/(.+)\/tag$/, tag],
  ['POST', /^\/images\/(.+)\/push$/, push],
];

/** Serves a stand-in for the Docker Engine API on loopback, for machines without Docker. */
export async function startDockerEngine(): Promise<DockerEngine> {
  const engine: Engine = { images: new Map(), cache: new Set() };
  const server = createServer((request, response) => {
    answer(engine, request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else sendJson(response, 500, { message: String(error) });
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

async function answer(
  engine: Engine,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const foreign = foreignOrigin(request);
  if (foreign !== undefined) {
    request.resume();
    sendJson(response, 403, { message: `only programs of this machine can build: ${foreign}` });
    return;
  }
  const url = new URL(request.url ?? '/', 'http://docker');
  const path = decodeURIComponent(url.pathname.replace(/^\/v\d+\.\d+(?=\/)/, ''));
  response.setHeader('api-version', API_VERSION);
  response.setHeader('ostype', 'linux');
  response.setHeader('builder-version', '2');
  for (const [method, pattern, act] of ROUTES) {
    const match = request.method === method ? pattern.exec(path) : null;
    if (match === null) continue;
    await act({ engine, request, response, query: url.searchParams, name: match[1] ?? '' });
    return;
  }
  request.resume();
  sendJson(response, 404, { message: 'page not found' });
}

function version() {
  return {
    Platform: { Name: "ecsdeploy sandbox's stand-in" },
    Version: 'stand-in',
    ApiVersion: API_VERSION,
    MinAPIVersion: '1.24',
    Os: 'linux',
    Arch: 'amd64',
  };
}

async function build({ engine, request, response, query }: Exchange): Promise<void> {
  const line = startLines(response);
  const signal = whenLeft(response);
  const step = (vertex: Parameters<typeof encodeVertex>[0]) =>
    line({ id: 'moby.buildkit.trace', aux: encodeVertex(vertex) });
  try {
    const image = await buildFromScratch(
      {
        context: request,
        dockerfile: query.get('dockerfile') ?? 'Dockerfile',
        platform: query.get('platform') || 'linux/amd64',
        args: readJson(query.get('buildargs')),
        labels: readJson(query.get('labels')),
        target: query.get('target') || undefined,
        noCache: /^(1|true)$/i.test(query.get('nocache') ?? ''),
        signal,
      },
      engine.cache,
      (done) => {
        const started = Date.now();
        step({ digest: done.digest, name: done.name, started });
        step({ ...done, started, completed: started });
      },
    );
    engine.images.set(image.id, image);
    for (const reference of query.getAll('t')) engine.images.set(withTag(reference), image);
    line({ id: 'moby.image.id', aux: { ID: image.id } });
  } catch (error) {
    line(failure(error));
  }
  response.end();
}

function inspect({ engine, response, name }: Exchange): void {
  const image = findImage(engine, name);
  if (image === undefined) {
    sendJson(response, 404, { message: `No such image: ${name}` });
    return;
  }
  sendJson(response, 200, {
    Id: image.id,
    RepoTags: [...engine.images].flatMap(([reference, { id }]) =>
      id === image.id && reference !== id ? [reference] : [],
    ),
    Architecture: image.architecture,
    Os: image.os,
    Size: image.layers.reduce((sum, { bytes }) => sum + bytes.length, 0),
    Config: image.settings,
    RootFS: { Type: 'layers', Layers: image.layers.map(({ diffId }) => diffId) },
  });
}

function tag({ engine, response, query, name }: Exchange): void {
  const image = findImage(engine, name);
  if (image === undefined) {
    sendJson(response, 404, { message: `No such image: ${name}` });
    return;
  }
  engine.images.set(`${query.get('repo')}:${query.get('tag') || 'latest'}`, image);
  response.writeHead(201).end();
}

async function push({ engine, request, response, query, name }: Exchange): Promise<void> {
  const tagName = query.get('tag') || 'latest';
  const reference = `${name}:${tagName}`;
  const line = startLines(response);
  line({ status: `The push refers to repository [${name}]` });
  try {
    const image = engine.images.get(reference);
    if (image === undefined) throw new Error(`tag does not exist: ${reference}`);
    const target = { reference, login: readLogin(request), signal: whenLeft(response) };
    const { digest, size } = await pushImage(image, target, line);
    line({ status: `${tagName}: digest: ${digest} size: ${size}` });
    line({ progressDetail: {}, aux: { Tag: tagName, Digest: digest, Size: size } });
  } catch (error) {
    line(failure(error));
  }
  response.end();
}

interface PushTarget {
  readonly reference: string;
  readonly login: { readonly username: string; readonly password: string };
  readonly signal: AbortSignal;
}

async function pushImage(
  image: BuiltImage,
  { reference, login, signal }: PushTarget,
  line: (value: object) => void,
): Promise<{ digest: string; size: number }> {
  const [, host = '', repository = '', tagName = ''] =
    /^([^/]+)\/(.+):([^:]+)$/.exec(reference) ?? [];
  // To another machine the login would be sent in clear text.
  if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host)) {
    throw new Error(
      `the sandbox's stand-in for Docker pushes only to registries on this machine, not to ${reference}`,
    );
  }
  const registry = createRegistryClient({ host, ...login, signal });
  const short = ({ diffId }: Layer) => diffId.slice(7, 19);
  for (const layer of image.layers)
    line({ id: short(layer), status: 'Preparing', progressDetail: {} });
  for (const layer of image.layers) {
    signal.throwIfAborted();
    const id = short(layer);
    if (await registry.hasBlob(repository, layer.digest)) {
      line({ id, status: 'Layer already exists', progressDetail: {} });
      continue;
    }
    const total = layer.bytes.length;
    line({ id, status: 'Pushing', progressDetail: { current: 0, total } });
    await registry.putBlob(repository, layer.bytes);
    line({ id, status: 'Pushing', progressDetail: { current: total, total } });
    line({ id, status: 'Pushed', progressDetail: {} });
  }
  await registry.putBlob(repository, image.config);
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    config: {
      mediaType: 'application/vnd.docker.container.image.v1+json',
      size: image.config.length,
      digest: image.id,
    },
    layers: image.layers.map(({ bytes, digest }) => ({
      mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
      size: bytes.length,
      digest,
    })),
  });
  const mediaType = 'application/vnd.docker.distribution.manifest.v2+json';
  await registry.putManifest(repository, tagName, { mediaType, text });
  return { digest: digestOf(text), size: Buffer.byteLength(text) };
}

function readLogin(request: IncomingMessage): { username: string; password: string } {
  const header = String(request.headers['x-registry-auth'] ?? '');
  const { username = '', password = '' } = readJson(Buffer.from(header, 'base64').toString('utf8'));
  return { username, password };
}

function findImage({ images }: Engine, name: string): BuiltImage | undefined {
  return images.get(name) ?? images.get(withTag(name));
}

function withTag(reference: string): string {
  return /:[^/]+$/.test(reference) ? reference : `${reference}:latest`;
}

function readJson(text: string | null): Record<string, string> {
  try {
    return (JSON.parse(text ?? '{}') ?? {}) as Record<string, string>;
  } catch {
    return {};
  }
}

/** A signal that aborts when the client disconnects or has received the whole response. */
function whenLeft(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => controller.abort());
  return controller.signal;
}

/**
 * The last line of a failed response, whose status is 200
 * (docs/explanation/how-docker-behaves.md#the-answer-of-a-build).
 */
function failure(error: unknown): object {
  const { message } = error as Error;
  return { errorDetail: { message }, error: message };
}

function startLines(response: ServerResponse): (value: object) => void {
  response.writeHead(200, { 'content-type': 'application/json' });
  return (value) => void response.write(`${JSON.stringify(value)}\n`);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
