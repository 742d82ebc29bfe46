import { randomUUID } from 'node:crypto';
import type { RegistryClient } from './registry-client.ts';
import { digestOf } from './registry.ts';
import { awsFault } from './wire.ts';
import type { Operation } from './wire.ts';

/** Bytes of a layer part: all but the last are at least half as large. */
const PART_SIZE = 10 * 2 ** 20;
const SMALLEST_PART = PART_SIZE / 2;
/** Bytes of all parts of a layer, which are kept in memory. */
const LARGEST_LAYER = 2 ** 30;

interface Upload {
  readonly parts: Buffer[];
  size: number;
}

/** What the uploads need. */
export interface LayerParts {
  readonly account: string;
  readonly registry: RegistryClient;
  /** The repository's name; throws if it does not exist. */
  readonly find: (name: unknown) => { readonly name: string };
  /** Base of the download URLs. */
  readonly downloads: string;
}

/** The operations of ECR that read and upload layers without the registry's protocol. */
export function layerOperations({ account, registry, find, downloads }: LayerParts) {
  const uploads = new Map<string, Upload>();
  const place = (name: string) =>
    `the repository with name '${name}' in the registry with id '${account}'`;
  const findUpload = (name: string, uploadId: unknown): Upload => {
    const upload = uploads.get(`${name}/${String(uploadId)}`);
    if (upload !== undefined) return upload;
    throw awsFault(
      'UploadNotFoundException',
      `Upload with upload ID '${String(uploadId)}' does not exist in ${place(name)}`,
    );
  };
  return {
    BatchCheckLayerAvailability: async ({ repositoryName, layerDigests }) => {
      const { name } = find(repositoryName);
      const digests = layerDigests as readonly string[];
      const isDigest = (digest: string) => /^sha256:[0-9a-f]{64}$/.test(digest);
      const layers = digests.filter(isDigest).map(async (layerDigest) => {
        const size = await registry.blobSize(name, layerDigest);
        const layerAvailability = size === undefined ? 'UNAVAILABLE' : 'AVAILABLE';
        return { layerDigest, layerAvailability, layerSize: size ?? 0 };
      });
      const failures = digests
        .filter((digest) => !isDigest(digest))
        .map((layerDigest) => ({
          layerDigest,
          failureCode: 'InvalidLayerDigest',
          failureReason: 'Invalid layer digest',
        }));
      return { layers: await Promise.all(layers), failures };
    },

    GetDownloadUrlForLayer: async ({ repositoryName, layerDigest }) => {
      const { name } = find(repositoryName);
      if ((await registry.blobSize(name, String(layerDigest))) === undefined) {
        throw awsFault(
          'LayersNotFoundException',
          `The layer with digest '${String(layerDigest)}' does not exist in ${place(name)}`,
        );
      }
      return { downloadUrl: `${downloads}${name}/${String(layerDigest)}`, layerDigest };
    },

    InitiateLayerUpload: ({ repositoryName }) => {
      const { name } = find(repositoryName);
      const uploadId = randomUUID();
      uploads.set(`${name}/${uploadId}`, { parts: [], size: 0 });
      return { uploadId, partSize: PART_SIZE };
    },

    UploadLayerPart: (input) => {
      const { repositoryName, uploadId, partFirstByte, partLastByte, layerPartBlob } = input;
      const { name } = find(repositoryName);
      const upload = findUpload(name, uploadId);
      const bytes = Buffer.from(String(layerPartBlob), 'base64');
      const isNext = partFirstByte === upload.size;
      if (!isNext || partLastByte - partFirstByte + 1 !== bytes.length) {
        const lastValidByteReceived = upload.size - 1;
        const members = { registryId: account, repositoryName, uploadId, lastValidByteReceived };
        const message = `The layer part must begin with byte ${upload.size}, and have ${bytes.length} bytes.`;
        throw awsFault('InvalidLayerPartException', message, 400, members);
      }
      if (upload.size + bytes.length > LARGEST_LAYER) {
        const message = `The sandbox takes layers of up to ${LARGEST_LAYER} bytes.`;
        throw awsFault('LimitExceededException', message);
      }
      upload.parts.push(bytes);
      upload.size += bytes.length;
      const lastByteReceived = upload.size - 1;
      return { registryId: account, repositoryName, uploadId, lastByteReceived };
    },

    CompleteLayerUpload: async ({ repositoryName, uploadId, layerDigests }) => {
      const { name } = find(repositoryName);
      const { parts, size } = findUpload(name, uploadId);
      if (size === 0) {
        throw awsFault(
          'EmptyUploadException',
          `The upload with ID '${String(uploadId)}' does not contain any layer parts`,
        );
      }
      if (parts.slice(0, -1).some(({ length }) => length < SMALLEST_PART)) {
        throw awsFault(
          'LayerPartTooSmallException',
          `Layer parts must be at least ${SMALLEST_PART} bytes, except for the last one.`,
        );
      }
      const bytes = Buffer.concat(parts);
      const layerDigest = digestOf(bytes);
      if (!(layerDigests as readonly string[]).includes(layerDigest)) {
        throw awsFault(
          'InvalidLayerException',
          `The layer has the digest '${layerDigest}', which is not one of those provided.`,
        );
      }
      if ((await registry.blobSize(name, layerDigest)) !== undefined) {
        throw awsFault(
          'LayerAlreadyExistsException',
          `Layer with digest '${layerDigest}' already exists in ${place(name)}`,
        );
      }
      await registry.putBlob(name, bytes);
      uploads.delete(`${name}/${String(uploadId)}`);
      return { registryId: account, repositoryName, uploadId, layerDigest };
    },
  } satisfies Record<string, Operation>;
}
