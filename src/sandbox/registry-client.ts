import { pack } from 'tar-stream';
import { buffer } from 'node:stream/consumers';
import type { PullImage } from './images.ts';
import { digestOf } from './registry.ts';

/** A distribution registry and the login for it. */
export interface RegistryAccess {
  /** `host:port` on loopback: the protocol is plain HTTP. */
  readonly host: string;
  readonly username: string;
  readonly password: string;
  /** Aborts all requests. */
  readonly signal?: AbortSignal;
}

export interface StoredManifest {
  readonly digest: string;
  readonly mediaType: string;
  /** JSON, byte for byte. */
  readonly text: string;
}

/** A signature, an SBOM or the like of an image. */
export interface Referrer {
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
  readonly artifactType?: string;
}

/** A client for the HTTP API of the embedded registry or any other. */
export interface RegistryClient {
  /** A manifest by tag or digest; undefined if it does not exist. */
  readonly getManifest: (
    repository: string,
    reference: string,
  ) => Promise<StoredManifest | undefined>;
  readonly putManifest: (
    repository: string,
    reference: string,
    manifest: Pick<StoredManifest, 'mediaType' | 'text'>,
  ) => Promise<void>;
  readonly getBlob: (repository: string, digest: string) => Promise<Buffer | undefined>;
  readonly hasBlob: (repository: string, digest: string) => Promise<boolean>;
  /** Size of a blob in bytes; undefined if it does not exist. */
  readonly blobSize: (repository: string, digest: string) => Promise<number | undefined>;
  readonly putBlob: (repository: string, bytes: Buffer) => Promise<void>;
  /** Deletes a manifest by its digest, together with its tags, or a tag. */
  readonly deleteManifest: (repository: string, reference: string) => Promise<void>;
  /** The manifests whose subject is an image. */
  readonly listReferrers: (repository: string, digest: string) => Promise<readonly Referrer[]>;
  readonly listTags: (repository: string) => Promise<readonly string[]>;
}

/** Milliseconds after which a registry that does not answer counts as one that fails. */
const READ_MS = 30_000;

/** Manifest types that the sandbox reads. */
export const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;

/**
 * Creates a client; nothing is sent yet. Its methods throw an `Error` with Docker's text when the
 * registry refuses (docs/explanation/how-docker-behaves.md#what-a-push-answers).
 */
export function createRegistryClient({
  host,
  username,
  password,
  signal,
}: RegistryAccess): RegistryClient {
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const call = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(path, `http://${host}`);
    const headers = { authorization, ...(init.headers as Record<string, string> | undefined) };
    try {
      return await fetch(url, { ...init, headers, signal: signal ?? init.signal ?? null });
    } catch (error) {
      const { cause, message } = error as Error;
      const reason = cause instanceof Error ? cause.message : message;
      throw new Error(`failed to do request: ${init.method ?? 'GET'} "${url.href}": ${reason}`, {
        cause: error,
      });
    }
  };
  const write = async (path: string, init: RequestInit): Promise<Response> => {
    const response = await call(path, init);
    if (response.ok) return response;
    throw await refusalOf(response, username === '');
  };
  const read = async (path: string, init?: RequestInit): Promise<Response | undefined> => {
    // Time stands still in the sandbox while an image is pulled.
    const response = await call(path, { signal: AbortSignal.timeout(READ_MS), ...init });
    if (response.ok) return response;
    const refusal = await refusalOf(response, username === '');
    if (response.status === 404) return undefined;
    throw refusal;
  };
  const blobSize: RegistryClient['blobSize'] = async (repository, digest) => {
    const path = `/v2/${repository}/blobs/${digest}`;
    const response = await read(path, { method: 'HEAD' });
    return response && Number(response.headers.get('content-length'));
  };
  return {
    getManifest: async (repository, reference) => {
      const response = await read(`/v2/${repository}/manifests/${reference}`, {
        headers: { accept: MANIFEST_TYPES.join(', ') },
      });
      if (response === undefined) return undefined;
      const text = await response.text();
      const mediaType = response.headers.get('content-type') ?? '';
      return {
        digest: response.headers.get('docker-content-digest') ?? digestOf(text),
        mediaType,
        text,
      };
    },
    putManifest: async (repository, reference, { mediaType, text }) => {
      await write(`/v2/${repository}/manifests/${reference}`, {
        method: 'PUT',
        headers: { 'content-type': mediaType },
        body: text,
      });
    },
    deleteManifest: async (repository, reference) => {
      await write(`/v2/${repository}/manifests/${reference}`, { method: 'DELETE' });
    },
    listReferrers: async (repository, digest) => {
      const response = await read(`/v2/${repository}/referrers/${digest}`);
      const { manifests = [] } = ((await response?.json()) ?? {}) as { manifests?: Referrer[] };
      return manifests;
    },
    getBlob: async (repository, digest) => {
      const response = await read(`/v2/${repository}/blobs/${digest}`);
      return response && Buffer.from(await response.arrayBuffer());
    },
    hasBlob: async (repository, digest) => (await blobSize(repository, digest)) !== undefined,
    blobSize,
    putBlob: async (repository, bytes) => {
      const start = await write(`/v2/${repository}/blobs/uploads/`, { method: 'POST' });
      const place = new URL(start.headers.get('location') ?? '', `http://${host}`);
      place.searchParams.set('digest', digestOf(bytes));
      await write(place.href, {
        method: 'PUT',
        headers: { 'content-type': 'application/octet-stream' },
        body: new Uint8Array(bytes),
      });
    },
    listTags: async (repository) => {
      const response = await read(`/v2/${repository}/tags/list`);
      const { tags } = ((await response?.json()) ?? {}) as { tags?: string[] | null };
      return tags ?? [];
    },
  };
}

async function refusalOf(response: Response, anonymous: boolean): Promise<Error> {
  const { status, statusText } = response;
  const [error] = readErrors(await response.text());
  if (status === 401 && anonymous) return new Error('no basic auth credentials');
  if (error !== undefined) {
    return new Error(`${error.code.toLowerCase().replaceAll('_', ' ')}: ${error.message}`);
  }
  // The response to a HEAD request has no body with details.
  if (status === 401) return new Error('unauthorized: authentication required');
  if (status === 403) return new Error('denied: requested access to the resource is denied');
  return new Error(`received unexpected HTTP status: ${status} ${statusText}`);
}

function readErrors(text: string): readonly { readonly code: string; readonly message: string }[] {
  try {
    return (JSON.parse(text) as { errors?: { code: string; message: string }[] }).errors ?? [];
  } catch {
    return [];
  }
}

interface Index {
  readonly manifests?: readonly {
    readonly digest: string;
    readonly platform?: { readonly architecture?: string; readonly os?: string };
  }[];
  readonly config?: { readonly digest: string };
}

interface ImageConfig {
  readonly architecture?: string;
  readonly config?: { readonly Entrypoint?: string[] | null; readonly Cmd?: string[] | null };
}

/**
 * Pulls as the container agent does: selects the architecture in an index, and accepts a single
 * manifest for any architecture. Images in other registries (sidecars) are assumed to exist for
 * every platform.
 */
export function createImagePuller(access: RegistryAccess): PullImage {
  const client = createRegistryClient(access);
  const pull: PullImage = async (reference, architecture) => {
    if (!reference.startsWith(`${access.host}/`)) {
      const digest = /@(sha256:[0-9a-f]{64})$/.exec(reference)?.[1] ?? digestOf(reference);
      return { kind: 'found', digest, architecture, program: [] };
    }
    const [, repository = '', tag = 'latest', digest] =
      /^[^/]+\/([^:@]+)(?::([^@]+))?(?:@(.+))?$/.exec(reference) ?? [];
    const manifest = await client.getManifest(repository, digest ?? tag);
    if (manifest === undefined) return { kind: 'not-found' };
    let image = JSON.parse(manifest.text) as Index;
    if (image.manifests !== undefined) {
      const entry = image.manifests.find(
        ({ platform }) => platform?.os === 'linux' && platform.architecture === architecture,
      );
      const chosen = entry && (await client.getManifest(repository, entry.digest));
      if (chosen === undefined) return { kind: 'no-platform' };
      image = JSON.parse(chosen.text) as Index;
    }
    const blob = await client.getBlob(repository, image.config?.digest ?? '');
    if (blob === undefined) return { kind: 'not-found' };
    const { architecture: built = 'amd64', config } = JSON.parse(
      blob.toString('utf8'),
    ) as ImageConfig;
    const program = [...(config?.Entrypoint ?? []), ...(config?.Cmd ?? [])];
    return { kind: 'found', digest: manifest.digest, architecture: built, program };
  };
  // Tasks that start together pull together.
  const inFlight = new Map<string, ReturnType<PullImage>>();
  return (reference, architecture) => {
    const key = `${architecture} ${reference}`;
    const pulling =
      inFlight.get(key) ?? pull(reference, architecture).finally(() => inFlight.delete(key));
    inFlight.set(key, pulling);
    return pulling;
  };
}

/** An image of one layer to build. */
export interface SeedImage {
  readonly repository: string;
  readonly tag: string;
  /** e.g. `linux/amd64` */
  readonly platform: string;
  /** Content by path, without a leading slash. */
  readonly files: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
}

/** Builds an OCI image of one layer and pushes it. */
export async function pushSeedImage(client: RegistryClient, image: SeedImage): Promise<void> {
  const archive = pack();
  for (const [name, content] of Object.entries(image.files)) {
    archive.entry({ name, mode: 0o755, mtime: new Date(0) }, content);
  }
  archive.finalize();
  const layer = await buffer(archive);
  const [os, architecture] = image.platform.split('/');
  const config = Buffer.from(
    JSON.stringify({
      os,
      architecture,
      config: { Entrypoint: image.entrypoint },
      rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
      history: [{ created_by: 'sandbox' }],
    }),
  );
  await Promise.all([layer, config].map((bytes) => client.putBlob(image.repository, bytes)));
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const describe = (type: string, bytes: Buffer) => ({
    mediaType: `application/vnd.oci.image.${type}`,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType,
    config: describe('config.v1+json', config),
    layers: [describe('layer.v1.tar', layer)],
  });
  await client.putManifest(image.repository, image.tag, { mediaType, text });
}
