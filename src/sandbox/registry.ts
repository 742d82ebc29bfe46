import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Gate, HttpHandler } from './wire.ts';

/** What the registry asks of ECR, and who may enter. */
export interface RegistryOptions {
  readonly account: string;
  /** Password of the user `AWS`. */
  readonly password: string;
  readonly repositoryExists: (name: string) => boolean;
  /** Whether a tag that points elsewhere may be moved. */
  readonly mayOverwrite: (repository: string, tag: string) => boolean;
  /** Refuses, as IAM does, the actions behind an upload: `ecr:InitiateLayerUpload`, `ecr:PutImage`. */
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
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly name: string;
  readonly store: Store;
}

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

/** `sha256:…` of some bytes. */
export function digestOf(bytes: string | Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A registry of the OCI distribution specification under `/v2/`, with ECR's texts; blobs in memory. */
export function createRegistry(options: RegistryOptions): { readonly handle: HttpHandler } {
  const stores = new Map<string, Store>();
  const uploads = new Map<string, Buffer[]>();
  const login = `Basic ${Buffer.from(`AWS:${options.password}`).toString('base64')}`;

  const storeOf = (name: string): Store => {
    if (!options.repositoryExists(name)) {
      throw refusal(
        404,
        'NAME_UNKNOWN',
        `The repository with name '${name}' does not exist in the registry with id '${options.account}'`,
      );
    }
    const store = stores.get(name) ?? { blobs: new Map(), manifests: new Map(), tags: new Map() };
    stores.set(name, store);
    return store;
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.setHeader('docker-distribution-api-version', 'registry/2.0');
    if (request.headers.authorization !== login) {
      response.setHeader('www-authenticate', 'Basic realm="sandbox",service="ecr.amazonaws.com"');
      throw refusal(401, 'UNAUTHORIZED', 'no basic auth credentials');
    }
    const url = new URL(request.url ?? '/', 'http://registry');
    if (/^\/v2\/?$/.test(url.pathname)) {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      return;
    }
    const [, name = '', kind, rest = ''] =
      /^\/v2\/(.+?)\/(blobs\/uploads|blobs|manifests|tags)\/(.*)$/.exec(url.pathname) ?? [];
    const exchange = { request, response, url, name, store: storeOf(name) };
    if (kind === 'blobs/uploads' && request.method === 'POST') {
      permit(options.gate, 'ecr:InitiateLayerUpload');
    }
    if (kind === 'manifests' && request.method === 'PUT') permit(options.gate, 'ecr:PutImage');
    if (kind === 'blobs/uploads') await upload(exchange, uploads, rest);
    else if (kind === 'blobs') sendBlob(exchange, rest);
    else if (kind === 'manifests') await manifest(exchange, options, decodeURIComponent(rest));
    else if (kind === 'tags') sendJson(response, { name, tags: [...exchange.store.tags.keys()] });
    else throw refusal(404, 'UNSUPPORTED', 'The operation is unsupported.');
  };

  return {
    handle: async (request, response) => {
      if (request.url?.startsWith('/v2/') !== true) return false;
      try {
        await answer(request, response);
      } catch (error) {
        const { status = 500, code = 'UNKNOWN', message } = error as Partial<RegistryError>;
        // An upload that is refused is still on its way: read it, so that the answer is seen.
        request.resume();
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ errors: [{ code, message: message ?? String(error) }] }));
      }
      return true;
    },
  };
}

function permit(gate: Gate, action: string): void {
  try {
    gate(action);
  } catch (error) {
    throw refusal(403, 'DENIED', (error as Error).message);
  }
}

async function upload(
  { request, response, url, name, store }: Exchange,
  uploads: Map<string, Buffer[]>,
  id: string,
): Promise<void> {
  const digest = url.searchParams.get('digest');
  const started = (key: string, status: number, size: number) =>
    response
      .writeHead(status, {
        location: `/v2/${name}/blobs/uploads/${key}`,
        'docker-upload-uuid': key,
        range: `0-${Math.max(size - 1, 0)}`,
        'content-length': 0,
      })
      .end();
  if (request.method === 'POST' && digest === null) {
    const key = randomUUID();
    uploads.set(key, []);
    started(key, 202, 0);
    return;
  }
  const parts = request.method === 'POST' ? [] : uploads.get(id);
  if (parts === undefined) throw refusal(404, 'BLOB_UPLOAD_UNKNOWN', 'The upload is unknown.');
  if (request.method === 'DELETE') {
    uploads.delete(id);
    response.writeHead(204).end();
    return;
  }
  parts.push(await readBytes(request));
  if (request.method === 'PATCH') {
    started(
      id,
      202,
      parts.reduce((size, part) => size + part.length, 0),
    );
    return;
  }
  const bytes = Buffer.concat(parts);
  uploads.delete(id);
  if (digest !== digestOf(bytes)) {
    throw refusal(400, 'DIGEST_INVALID', 'The layer does not have the digest that was provided.');
  }
  store.blobs.set(digest, bytes);
  response
    .writeHead(201, { location: `/v2/${name}/blobs/${digest}`, 'docker-content-digest': digest })
    .end();
}

function sendBlob({ request, response, store }: Exchange, digest: string): void {
  const bytes = store.blobs.get(digest);
  if (bytes === undefined)
    throw refusal(404, 'BLOB_UNKNOWN', 'The blob is unknown to the registry.');
  send(request, response, bytes, digest, 'application/octet-stream');
}

async function manifest(
  { request, response, name, store }: Exchange,
  { mayOverwrite }: RegistryOptions,
  reference: string,
): Promise<void> {
  if (request.method !== 'PUT') {
    const digest = store.tags.get(reference) ?? reference;
    const found = store.manifests.get(digest);
    if (found === undefined) throw refusal(404, 'MANIFEST_UNKNOWN', 'Requested image not found');
    send(request, response, found.body, digest, found.mediaType);
    return;
  }
  const body = await readBytes(request);
  const digest = digestOf(body);
  const known = store.tags.get(reference);
  if (known !== undefined && known !== digest && !mayOverwrite(name, reference)) {
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
      `The manifest names ${missing}, which is not there.`,
    );
  }
  const mediaType = request.headers['content-type'] ?? 'application/vnd.oci.image.manifest.v1+json';
  store.manifests.set(digest, { mediaType, body });
  if (reference.startsWith('sha256:')) {
    if (reference !== digest) throw refusal(400, 'DIGEST_INVALID', 'The digest is another.');
  } else {
    store.tags.set(reference, digest);
  }
  response
    .writeHead(201, {
      location: `/v2/${name}/manifests/${digest}`,
      'docker-content-digest': digest,
    })
    .end();
}

interface Descriptor {
  readonly digest: string;
}

/** Digests that a manifest or an index needs in the repository. */
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
    throw refusal(400, 'MANIFEST_INVALID', 'The manifest is no JSON.');
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
