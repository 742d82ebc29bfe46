import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AwsFault, Gate, HttpHandler } from './wire.ts';
import { readBody } from './wire.ts';

/** What the registry needs from ECR, and the password for it. */
export interface RegistryOptions {
  readonly account: string;
  /** Password of the user `AWS`. */
  readonly password: string;
  readonly repositoryExists: (name: string) => boolean;
  /** Whether an existing tag can be moved to another image. */
  readonly canOverwrite: (repository: string, tag: string) => boolean;
  /** Whether a blob of another repository can be mounted. */
  readonly canMount: () => boolean;
  /** Takes each manifest that is pushed. */
  readonly onPush: (repository: string, digest: string) => void;
  /** Throws if IAM denies an action of an upload: `ecr:InitiateLayerUpload`, `ecr:PutImage`. */
  readonly gate: Gate;
}

interface Manifest {
  readonly mediaType: string;
  readonly body: Buffer;
  readonly content: ManifestContent;
}

interface Descriptor {
  readonly digest: string;
  readonly mediaType?: string;
}

/** What the registry reads of a manifest or an index. */
interface ManifestContent {
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
  /** The image that a signature, an SBOM or the like is about. */
  readonly subject?: Descriptor;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The parts of a blob that have arrived. */
interface Upload {
  readonly parts: Buffer[];
  size: number;
}

interface Store {
  readonly blobs: Map<string, Buffer>;
  readonly manifests: Map<string, Manifest>;
  readonly tags: Map<string, string>;
  readonly uploads: Map<string, Upload>;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly name: string;
  /** The last segment of the path: a tag, a digest or the id of an upload. */
  readonly reference: string;
  readonly store: Store;
  /** The stores of all repositories. */
  readonly stores: ReadonlyMap<string, Store>;
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
  'GET referrers': sendReferrers,
};

/** Bytes of a blob, which is kept in memory, and of a manifest, as in ECR. */
const LARGEST_BLOB = 2 ** 30;
const LARGEST_MANIFEST = 4 * 2 ** 20;
const INDEX = 'application/vnd.oci.image.index.v1+json';
/** The tag names of the distribution specification. */
export const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

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
      /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests|tags|referrers)\/?([^/]*)$/.exec(
        url.pathname,
      ) ?? [];
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const act = ROUTES[`${method} ${kind}`];
    if (act === undefined) {
      throw refusal(405, 'UNSUPPORTED', 'The operation is unsupported.');
    }
    const actions = ACTIONS[`${method} ${kind}`] ?? [];
    const store = storeOf(name);
    for (const action of actions) await permit(options.gate, action);
    const reference = decode(rest);
    await act({ request, response, url, name, reference, store, stores, options });
  };

  return {
    handle: async (request, response) => {
      if (!/^\/v2(\/|$)/.test(request.url ?? '')) return false;
      try {
        await answer(request, response);
      } catch (error) {
        const { status = 500, message, ...rest } = error as Partial<RegistryError & AwsFault>;
        const code = rest.code ?? (status === 413 ? 'SIZE_INVALID' : 'UNKNOWN');
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

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refusal(400, 'NAME_INVALID', 'The path is not valid.');
  }
}

async function startUpload(exchange: Exchange): Promise<void> {
  const { request, url, store, stores, options } = exchange;
  const digest = url.searchParams.get('digest');
  if (digest !== null) {
    putBlob(exchange, await readBody(request, LARGEST_BLOB), digest);
    return;
  }
  const mounted = url.searchParams.get('mount');
  const from = stores.get(url.searchParams.get('from') ?? '');
  const blob = mounted === null || !options.canMount() ? undefined : from?.blobs.get(mounted);
  if (blob !== undefined && mounted !== null) {
    putBlob(exchange, blob, mounted);
    return;
  }
  const id = randomUUID();
  store.uploads.set(id, { parts: [], size: 0 });
  sendUpload(exchange, id, 202);
}

function findUpload({ store }: Exchange, id: string): Upload {
  const upload = store.uploads.get(id);
  if (upload !== undefined) return upload;
  throw refusal(404, 'BLOB_UPLOAD_UNKNOWN', 'The upload is unknown.');
}

function sendUpload(exchange: Exchange, id: string, status: number): void {
  const { response, name } = exchange;
  response
    .writeHead(status, {
      location: `/v2/${name}/blobs/uploads/${id}`,
      'docker-upload-uuid': id,
      range: `0-${Math.max(findUpload(exchange, id).size - 1, 0)}`,
    })
    .end();
}

/** Reads the rest of an upload, which must begin where the last part ended. */
async function readPart(exchange: Exchange): Promise<Buffer> {
  const { request, reference } = exchange;
  const { size } = findUpload(exchange, reference);
  const range = request.headers['content-range'];
  const [, start, end] = /^(?:bytes )?(\d+)-(\d+)/.exec(range ?? '') ?? [];
  if (range !== undefined && (start === undefined || Number(start) !== size)) {
    exchange.response.setHeader('range', `0-${Math.max(size - 1, 0)}`);
    throw refusal(416, 'RANGE_INVALID', 'The part does not begin where the last one ended.');
  }
  const part = await readBody(request, LARGEST_BLOB - size);
  if (end !== undefined && Number(end) - Number(start) + 1 !== part.length) {
    throw refusal(400, 'SIZE_INVALID', 'The part does not have the length of its range.');
  }
  return part;
}

async function addToUpload(exchange: Exchange): Promise<void> {
  const part = await readPart(exchange);
  const upload = findUpload(exchange, exchange.reference);
  upload.parts.push(part);
  upload.size += part.length;
  sendUpload(exchange, exchange.reference, 202);
}

/** Ends an upload; one whose bytes have another digest stays, so that the client can try again. */
async function endUpload(exchange: Exchange): Promise<void> {
  const { url, reference, store } = exchange;
  const part = await readPart(exchange);
  const { parts } = findUpload(exchange, reference);
  putBlob(exchange, Buffer.concat([...parts, part]), url.searchParams.get('digest') ?? '');
  store.uploads.delete(reference);
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

/** Sends a blob, or the range of it that is asked for. */
function sendBlob({ request, response, store, reference }: Exchange): void {
  const bytes = store.blobs.get(reference);
  if (bytes === undefined) {
    throw refusal(404, 'BLOB_UNKNOWN', 'The blob is unknown to the registry.');
  }
  response.setHeader('accept-ranges', 'bytes');
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  if (first === '' && last === '') {
    send(request, response, bytes, reference, 'application/octet-stream');
    return;
  }
  const start = first === '' ? Math.max(0, bytes.length - Number(last)) : Number(first);
  const end = first === '' || last === '' ? bytes.length - 1 : Number(last);
  if (start >= bytes.length || start > end) {
    response.setHeader('content-range', `bytes */${bytes.length}`);
    throw refusal(416, 'RANGE_INVALID', 'The blob has no such range.');
  }
  const part = bytes.subarray(start, end + 1);
  response.statusCode = 206;
  response.setHeader('content-range', `bytes ${start}-${start + part.length - 1}/${bytes.length}`);
  send(request, response, part, reference, 'application/octet-stream');
}

/** Sends the tags in their order, by the page where one is asked for. */
function sendTags({ url, response, name, reference, store }: Exchange): void {
  if (reference !== 'list') throw refusal(405, 'UNSUPPORTED', 'The operation is unsupported.');
  const last = url.searchParams.get('last') ?? '';
  const count = Number(url.searchParams.get('n') ?? store.tags.size);
  if (!Number.isInteger(count) || count < 0) {
    throw refusal(400, 'PAGINATION_NUMBER_INVALID', 'n must be a number.');
  }
  const left = [...store.tags.keys()].toSorted().filter((tag) => tag > last);
  const tags = left.slice(0, count);
  if (tags.length < left.length && tags.length > 0) {
    const next = new URLSearchParams({ n: String(count), last: tags.at(-1) ?? '' });
    response.setHeader('link', `</v2/${name}/tags/list?${next.toString()}>; rel="next"`);
  }
  sendJson(response, { name, tags });
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
  const body = await readBody(request, LARGEST_MANIFEST);
  const digest = digestOf(body);
  const isTag = !reference.includes(':');
  if (!isTag && reference !== digest) {
    throw refusal(400, 'DIGEST_INVALID', 'The manifest does not have the digest of its path.');
  }
  if (isTag && !TAG.test(reference)) {
    throw refusal(400, 'TAG_INVALID', `The image tag '${reference}' is not valid.`);
  }
  const known = store.tags.get(reference);
  if (known !== undefined && known !== digest && !options.canOverwrite(name, reference)) {
    throw refusal(
      400,
      'TAG_INVALID',
      `The image tag '${reference}' already exists in the '${name}' repository and cannot be overwritten because the repository is immutable.`,
    );
  }
  const content = readManifest(body);
  const missing = referencesOf(content).find(
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
  if (!store.manifests.has(digest)) options.onPush(name, digest);
  store.manifests.set(digest, { mediaType, body, content });
  if (isTag) store.tags.set(reference, digest);
  response
    .writeHead(201, {
      location: `/v2/${name}/manifests/${digest}`,
      'docker-content-digest': digest,
      ...(content.subject && { 'oci-subject': content.subject.digest }),
    })
    .end();
}

/** Deletes a manifest with its tags, or one tag: an image without tags stays until it is deleted. */
function deleteManifest(exchange: Exchange): void {
  const { response, store, reference } = exchange;
  if (!reference.includes(':')) {
    if (!store.tags.delete(reference)) {
      throw refusal(404, 'MANIFEST_UNKNOWN', 'Requested image not found');
    }
  } else {
    findManifest(exchange, reference);
    store.manifests.delete(reference);
    for (const [tag, digest] of store.tags) if (digest === reference) store.tags.delete(tag);
  }
  response.writeHead(202).end();
}

/** Sends an index of the manifests about an image, of one type where it is asked for. */
function sendReferrers({ url, response, store, reference }: Exchange): void {
  if (!DIGEST.test(reference)) throw refusal(400, 'DIGEST_INVALID', 'The digest is not valid.');
  const wanted = url.searchParams.get('artifactType');
  const manifests = [...store.manifests]
    .filter(([, { content }]) => content.subject?.digest === reference)
    .map(([digest, { mediaType, body, content }]) => ({
      mediaType,
      digest,
      size: body.length,
      artifactType: content.artifactType ?? content.config?.mediaType,
      annotations: content.annotations,
    }))
    .filter(({ artifactType }) => wanted === null || artifactType === wanted);
  if (wanted !== null) response.setHeader('oci-filters-applied', 'artifactType');
  sendJson(response, { schemaVersion: 2, mediaType: INDEX, manifests }, INDEX);
}

function readManifest(body: Buffer): ManifestContent {
  try {
    const content = JSON.parse(body.toString('utf8')) as ManifestContent | null;
    if (typeof content === 'object' && content !== null && isList(content.layers)) {
      if (isList(content.manifests)) return content;
    }
  } catch {
    // The same answer as for JSON that is no manifest.
  }
  throw refusal(400, 'MANIFEST_INVALID', 'The manifest is not valid JSON.');
}

const isList = (value: unknown): boolean => value === undefined || Array.isArray(value);

/** Layers that stay where their URL leads, such as those of Windows. */
const FOREIGN_LAYER = /\.(?:nondistributable|foreign)\./;

/** Digests that a manifest or an index needs; its subject can come later. */
function referencesOf({ config, layers = [], manifests = [] }: ManifestContent): string[] {
  const own = layers.filter(({ mediaType = '' }) => !FOREIGN_LAYER.test(mediaType));
  return [...(config === undefined ? [] : [config]), ...own, ...manifests].map(
    ({ digest }) => digest,
  );
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
  digest: string,
  mediaType: string,
): void {
  response.writeHead(response.statusCode, {
    'content-type': mediaType,
    'content-length': bytes.length,
    'docker-content-digest': digest,
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

function sendJson(response: ServerResponse, value: unknown, type = 'application/json'): void {
  response.writeHead(200, { 'content-type': type }).end(JSON.stringify(value));
}
