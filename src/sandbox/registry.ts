import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Gate, HttpHandler } from './wire.ts';

/** What the registry needs from ECR, and the password for it. */
export interface RegistryOptions {
  readonly account: string;
  /** Password of the user `AWS`. */
  readonly password: string;
  readonly repositoryExists: (name: string) => boolean;
  /** Whether an existing tag can be moved to another image. */
  readonly canOverwrite: (repository: string, tag: string) => boolean;
  /** Throws if IAM denies an action of an upload: `ecr:InitiateLayerUpload`, `ecr:PutImage`. */
  readonly gate: Gate;
}

interface Manifest {
  readonly mediaType: string;
  readonly body: Buffer;
}

interface Store {
  readonly blobs: Map<string, Buffer>;
  readonly manifests: Map<string, Manifest>;
  readonly tags: Map<string, string>;
  /** Bytes received so far, by upload. */
  readonly uploads: Map<string, Buffer>;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly name: string;
  /** The last segment of the path: a tag, a digest or the id of an upload. */
  readonly reference: string;
  readonly store: Store;
  readonly options: RegistryOptions;
}

type Act = (exchange: Exchange) => void | Promise<void>;

const ROUTES: Readonly<Record<string, Act>> = {
  'POST blobs/uploads': startUpload,
  'GET blobs/uploads': (exchange) => sendUpload(exchange, exchange.reference, 204),
  'PATCH blobs/uploads': addToUpload,
  'PUT blobs/uploads': endUpload,
  'DELETE blobs/uploads': cancelUpload,
  'GET blobs': sendBlob,
  'GET manifests': sendManifest,
  'PUT manifests': putManifest,
  'DELETE manifests': deleteManifest,
  'GET tags': sendTags,
};

/** The IAM actions behind a write; the request that completes a layer can carry its last part. */
const ACTIONS: Readonly<Record<string, readonly string[]>> = {
  'POST blobs/uploads': ['ecr:InitiateLayerUpload'],
  'PATCH blobs/uploads': ['ecr:UploadLayerPart'],
  'PUT blobs/uploads': ['ecr:UploadLayerPart', 'ecr:CompleteLayerUpload'],
  'PUT manifests': ['ecr:PutImage'],
  'DELETE manifests': ['ecr:BatchDeleteImage'],
};

/** An error of the distribution specification. */
interface RegistryError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const refusal = (status: number, code: string, message: string): RegistryError => ({
  status,
  code,
  message,
});

/** The `sha256:…` digest of bytes or a UTF-8 string. */
export function digestOf(bytes: string | Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A registry of the OCI distribution specification under `/v2/`, with ECR's texts; blobs in memory. */
export function createRegistry(options: RegistryOptions): { readonly handle: HttpHandler } {
  const stores = new Map<string, Store>();
  const login = `Basic ${Buffer.from(`AWS:${options.password}`).toString('base64')}`;

  const storeOf = (name: string): Store => {
    if (!options.repositoryExists(name)) {
      throw refusal(
        404,
        'NAME_UNKNOWN',
        `The repository with name '${name}' does not exist in the registry with id '${options.account}'`,
      );
    }
    const known = stores.get(name);
    if (known !== undefined) return known;
    const maps = { manifests: new Map(), tags: new Map(), uploads: new Map() };
    const store: Store = { blobs: new Map(), ...maps };
    stores.set(name, store);
    return store;
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.setHeader('docker-distribution-api-version', 'registry/2.0');
    if (request.headers.authorization !== login) {
      response.setHeader('www-authenticate', 'Basic realm="sandbox",service="ecr.amazonaws.com"');
      throw refusal(401, 'UNAUTHORIZED', 'authentication required');
    }
    const url = new URL(request.url ?? '/', 'http://registry');
    if (/^\/v2\/?$/.test(url.pathname)) {
      sendJson(response, {});
      return;
    }
    const [, name = '', kind = '', rest = ''] =
      /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests|tags)\/([^/]*)$/.exec(url.pathname) ?? [];
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const act = ROUTES[`${method} ${kind}`];
    if (act === undefined) {
      throw refusal(405, 'UNSUPPORTED', 'The operation is unsupported.');
    }
    const actions = ACTIONS[`${method} ${kind}`] ?? [];
    const store = storeOf(name);
    for (const action of actions) await permit(options.gate, action);
    const reference = decodeURIComponent(rest);
    await act({ request, response, url, name, reference, store, options });
  };

  return {
    handle: async (request, response) => {
      if (!/^\/v2(\/|$)/.test(request.url ?? '')) return false;
      try {
        await answer(request, response);
      } catch (error) {
        const { status = 500, code = 'UNKNOWN', message } = error as Partial<RegistryError>;
        // The client reads the response only after it has sent the whole upload.
        request.resume();
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ errors: [{ code, message: message ?? String(error) }] }));
      }
      return true;
    },
  };
}

async function permit(gate: Gate, action: string): Promise<void> {
  try {
    await gate(action);
  } catch (error) {
    throw refusal(403, 'DENIED', (error as Error).message);
  }
}

async function startUpload(exchange: Exchange): Promise<void> {
  const { request, url, store } = exchange;
  const digest = url.searchParams.get('digest');
  if (digest !== null) {
    putBlob(exchange, await readBytes(request), digest);
    return;
  }
  const id = randomUUID();
  store.uploads.set(id, Buffer.alloc(0));
  sendUpload(exchange, id, 202);
}

function findUpload({ store }: Exchange, id: string): Buffer {
  const bytes = store.uploads.get(id);
  if (bytes !== undefined) return bytes;
  throw refusal(404, 'BLOB_UPLOAD_UNKNOWN', 'The upload is unknown.');
}

function sendUpload(exchange: Exchange, id: string, status: number): void {
  const { response, name } = exchange;
  response
    .writeHead(status, {
      location: `/v2/${name}/blobs/uploads/${id}`,
      'docker-upload-uuid': id,
      range: `0-${Math.max(findUpload(exchange, id).length - 1, 0)}`,
    })
    .end();
}

async function addToUpload(exchange: Exchange): Promise<void> {
  const { request, reference, store } = exchange;
  const before = findUpload(exchange, reference);
  const start = /^(\d+)-/.exec(request.headers['content-range'] ?? '')?.[1];
  if (start !== undefined && Number(start) !== before.length) {
    throw refusal(416, 'RANGE_INVALID', 'The part does not begin where the last one ended.');
  }
  store.uploads.set(reference, Buffer.concat([before, await readBytes(request)]));
  sendUpload(exchange, reference, 202);
}

async function endUpload(exchange: Exchange): Promise<void> {
  const { request, url, reference, store } = exchange;
  const bytes = Buffer.concat([findUpload(exchange, reference), await readBytes(request)]);
  store.uploads.delete(reference);
  putBlob(exchange, bytes, url.searchParams.get('digest') ?? '');
}

function cancelUpload(exchange: Exchange): void {
  const { response, reference, store } = exchange;
  findUpload(exchange, reference);
  store.uploads.delete(reference);
  response.writeHead(204).end();
}

function putBlob({ response, name, store }: Exchange, bytes: Buffer, digest: string): void {
  if (digest !== digestOf(bytes)) {
    throw refusal(400, 'DIGEST_INVALID', 'The layer does not have the digest that was provided.');
  }
  store.blobs.set(digest, bytes);
  response
    .writeHead(201, { location: `/v2/${name}/blobs/${digest}`, 'docker-content-digest': digest })
    .end();
}

function sendBlob({ request, response, store, reference }: Exchange): void {
  const bytes = store.blobs.get(reference);
  if (bytes === undefined) {
    throw refusal(404, 'BLOB_UNKNOWN', 'The blob is unknown to the registry.');
  }
  send(request, response, bytes, reference, 'application/octet-stream');
}

function sendTags({ response, name, reference, store }: Exchange): void {
  if (reference !== 'list') throw refusal(405, 'UNSUPPORTED', 'The operation is unsupported.');
  sendJson(response, { name, tags: [...store.tags.keys()] });
}

function findManifest({ store }: Exchange, digest: string): Manifest {
  const found = store.manifests.get(digest);
  if (found !== undefined) return found;
  throw refusal(404, 'MANIFEST_UNKNOWN', 'Requested image not found');
}

function sendManifest(exchange: Exchange): void {
  const { request, response, store, reference } = exchange;
  const digest = store.tags.get(reference) ?? reference;
  const { body, mediaType } = findManifest(exchange, digest);
  send(request, response, body, digest, mediaType);
}

async function putManifest(exchange: Exchange): Promise<void> {
  const { request, response, name, store, reference, options } = exchange;
  const body = await readBytes(request);
  const digest = digestOf(body);
  const isTag = !reference.startsWith('sha256:');
  if (!isTag && reference !== digest) {
    throw refusal(400, 'DIGEST_INVALID', 'The manifest does not have the digest of its path.');
  }
  const known = store.tags.get(reference);
  if (known !== undefined && known !== digest && !options.canOverwrite(name, reference)) {
    throw refusal(
      400,
      'TAG_INVALID',
      `The image tag '${reference}' already exists in the '${name}' repository and cannot be overwritten because the repository is immutable.`,
    );
  }
  const missing = referencesOf(body).find(
    (item) => !store.blobs.has(item) && !store.manifests.has(item),
  );
  if (missing !== undefined) {
    throw refusal(
      400,
      'MANIFEST_BLOB_UNKNOWN',
      `The manifest refers to ${missing}, which does not exist.`,
    );
  }
  const mediaType = request.headers['content-type'] ?? 'application/vnd.oci.image.manifest.v1+json';
  store.manifests.set(digest, { mediaType, body });
  if (isTag) store.tags.set(reference, digest);
  response
    .writeHead(201, {
      location: `/v2/${name}/manifests/${digest}`,
      'docker-content-digest': digest,
    })
    .end();
}

function deleteManifest(exchange: Exchange): void {
  const { response, store, reference } = exchange;
  findManifest(exchange, reference);
  store.manifests.delete(reference);
  for (const [tag, digest] of store.tags) if (digest === reference) store.tags.delete(tag);
  response.writeHead(202).end();
}

interface Descriptor {
  readonly digest: string;
}

/** Digests that a manifest or an index refers to. */
function referencesOf(body: Buffer): string[] {
  try {
    const { config, layers, manifests } = JSON.parse(body.toString('utf8')) as {
      config?: Descriptor;
      layers?: readonly Descriptor[];
      manifests?: readonly Descriptor[];
    };
    return [...(config === undefined ? [] : [config]), ...(layers ?? []), ...(manifests ?? [])].map(
      ({ digest }) => digest,
    );
  } catch {
    throw refusal(400, 'MANIFEST_INVALID', 'The manifest is not valid JSON.');
  }
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
  digest: string,
  mediaType: string,
): void {
  response.writeHead(200, {
    'content-type': mediaType,
    'content-length': bytes.length,
    'docker-content-digest': digest,
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
