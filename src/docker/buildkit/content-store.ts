import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { rpcError } from './grpc.ts';
import type { Call, Method, Methods } from './grpc.ts';
import { fields, message, text } from './protobuf.ts';

/** The header with which BuildKit names a store of its client. */
const STORE = 'buildkit-attachable-store-id';

/** Actions of a write (containerd's `WriteAction`). */
const ACTION = { stat: 0, write: 1, commit: 2 } as const;

/** Bytes of a blob in one message: gRPC takes 4 MiB. */
const CHUNK = 1 << 20;

/**
 * Serves folders in the image layout of OCI as content stores of containerd, by their names, for build
 * contexts and for caches of the type `local` (docs/explanation/how-docker-behaves.md#caches). A blob appears in its
 * folder when it is complete and has its digest.
 */
export function serveStores(stores: ReadonlyMap<string, string>): Methods {
  const inStore =
    (act: (call: Call, folder: string) => Promise<void>): Method =>
    async (call) => {
      const folder = stores.get(call.header(STORE)[0] ?? '');
      if (folder === undefined) throw rpcError('notFound', 'no such store is offered');
      await act(call, folder);
    };
  const methods = { Info: sendInfo, Read: sendBlob, Write: takeBlob };
  return Object.fromEntries(
    Object.entries(methods).map(([name, act]) => [
      `/containerd.services.content.v1.Content/${name}`,
      inStore(act),
    ]),
  );
}

/** The file of a blob; throws for what is no digest, which could lead elsewhere. */
function blobPath(folder: string, digest: string): string {
  const [, hash] = /^sha256:([0-9a-f]{64})$/.exec(digest) ?? [];
  if (hash === undefined) throw rpcError('notFound', `${digest}: not a digest`);
  return join(folder, 'blobs', 'sha256', hash);
}

async function sizeOf(folder: string, digest: string): Promise<number> {
  const found = await stat(blobPath(folder, digest)).catch(() => undefined);
  if (found === undefined) throw rpcError('notFound', `content ${digest}: not found`);
  return found.size;
}

async function sendInfo({ messages, send }: Call, folder: string): Promise<void> {
  for await (const request of messages) {
    const digest = text(new Map(fields(request)).get(1));
    const info = message([1, digest], [2, await sizeOf(folder, digest)]);
    await send(message([1, info]));
  }
}

async function sendBlob({ messages, send }: Call, folder: string): Promise<void> {
  for await (const request of messages) {
    const parts = new Map(fields(request));
    const digest = text(parts.get(1));
    let offset = Number(parts.get(2) ?? 0);
    const size = Number(parts.get(3) ?? 0);
    const total = await sizeOf(folder, digest);
    const end = size > 0 ? Math.min(total, offset + size) : total;
    if (offset >= end) continue;
    const range = { start: offset, end: end - 1, highWaterMark: CHUNK };
    for await (const chunk of createReadStream(blobPath(folder, digest), range)) {
      await send(message([1, offset], [2, chunk as Buffer]));
      offset += (chunk as Buffer).length;
    }
  }
}

/** A blob that is being written. */
interface Upload {
  readonly file: FileHandle;
  readonly hash: Hash;
  offset: number;
}

async function takeBlob({ messages, send }: Call, folder: string): Promise<void> {
  await mkdir(join(folder, 'blobs', 'sha256'), { recursive: true });
  const place = await mkdtemp(join(folder, '.ingest-'));
  const path = join(place, 'blob');
  const upload: Upload = { file: await open(path, 'w'), hash: createHash('sha256'), offset: 0 };
  try {
    for await (const request of messages) {
      const parts = new Map(fields(request));
      const action = Number(parts.get(1) ?? ACTION.stat);
      const expected = text(parts.get(4));
      const total = Number(parts.get(3) ?? 0);
      if (
        expected !== '' &&
        (await sizeOf(folder, expected).catch(() => undefined)) !== undefined
      ) {
        throw rpcError('alreadyExists', `content ${expected}: already exists`);
      }
      await append(upload, Number(parts.get(5) ?? 0), parts.get(6));
      const digest = `sha256:${upload.hash.copy().digest('hex')}`;
      if (action === ACTION.commit) {
        const isWhole =
          (expected === '' || expected === digest) && (total === 0 || total === upload.offset);
        if (!isWhole) throw rpcError('unknown', `${expected} came as ${digest}`);
        await upload.file.close();
        await rename(path, blobPath(folder, digest));
      }
      const now = message([1, Math.floor(Date.now() / 1000)]);
      await send(
        message([1, action], [2, now], [3, now], [4, upload.offset], [5, total], [6, digest]),
      );
    }
  } finally {
    await upload.file.close().catch(() => undefined);
    await rm(place, { recursive: true, force: true });
  }
}

async function append(
  upload: Upload,
  offset: number,
  data: number | Uint8Array | undefined,
): Promise<void> {
  if (typeof data !== 'object' || data.length === 0) return;
  if (offset !== upload.offset)
    throw rpcError('unknown', 'a part does not begin where the last ended');
  await upload.file.writeFile(data);
  upload.hash.update(data);
  upload.offset += data.length;
}

/** A folder's index.json, as far as it is used. */
interface Index {
  readonly manifests?: readonly Entry[];
}

interface Entry {
  readonly digest?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

const TAG = 'org.opencontainers.image.ref.name';

async function readIndex(folder: string): Promise<Index> {
  try {
    return JSON.parse(await readFile(join(folder, 'index.json'), 'utf8')) as Index;
  } catch {
    return {};
  }
}

/** The digest that a tag names in a folder; undefined for none. */
export async function taggedDigest(folder: string, tag: string): Promise<string | undefined> {
  const { manifests = [] } = await readIndex(folder);
  return manifests.find(({ annotations }) => annotations?.[TAG] === tag)?.digest;
}

/** The digest that a tag names in a folder; without one, of `latest` or of the only image. */
export async function findDigest(
  folder: string,
  tag: string | undefined,
): Promise<string | undefined> {
  const found = await taggedDigest(folder, tag ?? 'latest');
  if (found !== undefined || tag !== undefined) return found;
  const { manifests = [] } = await readIndex(folder);
  return manifests.length === 1 ? manifests[0]?.digest : undefined;
}

/** Gives a tag to a manifest in a folder, of which BuildKit answers the descriptor. */
export async function tagManifest(folder: string, tag: string, descriptor: string): Promise<void> {
  const { manifests = [] } = await readIndex(folder);
  const entry = JSON.parse(descriptor) as Entry;
  const others = manifests.filter(({ annotations }) => annotations?.[TAG] !== tag);
  const tagged = { ...entry, annotations: { ...entry.annotations, [TAG]: tag } };
  const index = { schemaVersion: 2, manifests: [...others, tagged] };
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(folder, 'index.json'), JSON.stringify(index));
}
