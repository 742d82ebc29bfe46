import type { Clock } from './clock.ts';
import type { LifecycleImage } from './ecr-lifecycle.ts';
import { page } from './ecr-pages.ts';
import type { Repository } from './ecr-state.ts';
import { MANIFEST_TYPES } from './registry-client.ts';
import type { RegistryClient, StoredManifest } from './registry-client.ts';
import { digestOf, TAG } from './registry.ts';
import { awsFault } from './wire.ts';
import type { Operation } from './wire.ts';

/** What the operations on images need. */
export interface ImageParts {
  readonly account: string;
  readonly clock: Clock;
  readonly registry: RegistryClient;
  /** Throws if the repository does not exist. */
  readonly find: (name: unknown) => Repository;
  readonly canOverwrite: (repository: string, tag: string) => boolean;
  /** Whether the images of a repository are scanned again whenever a vulnerability becomes known. */
  readonly isContinuouslyScanned: (repository: Repository) => boolean;
  /** Number of findings in the scan of every image, by severity. */
  readonly findings: Readonly<Record<string, number>> | undefined;
}

interface ImageId {
  readonly imageTag?: string;
  readonly imageDigest?: string;
}

interface Image {
  readonly manifest: StoredManifest;
  readonly tags: readonly string[];
}

/** The operations of ECR on images, and reads for other operations. */
export function imageOperations(parts: ImageParts) {
  const { account, clock, registry, find, canOverwrite, findings, isContinuouslyScanned } = parts;
  const manifestOf = ({ name }: Repository, { imageDigest, imageTag }: ImageId) =>
    registry.getManifest(name, imageDigest ?? imageTag ?? '');
  const describeId = ({ imageDigest = 'null', imageTag = 'null' }: ImageId) =>
    `{imageDigest:'${imageDigest}', imageTag:'${imageTag}'}`;
  const place = ({ name }: Repository) =>
    `the repository with name '${name}' in the registry with id '${account}'`;
  const known = async (repository: Repository, id: ImageId): Promise<StoredManifest> => {
    const manifest = await manifestOf(repository, id);
    if (manifest !== undefined) return manifest;
    throw awsFault(
      'ImageNotFoundException',
      `The image with imageId ${describeId(id)} does not exist within ${place(repository)}`,
    );
  };
  const imagesOf = async (repository: Repository): Promise<Map<string, Image>> => {
    const found = new Map<string, Image>();
    for (const tag of await registry.listTags(repository.name)) {
      const manifest = await registry.getManifest(repository.name, tag);
      if (manifest === undefined) continue;
      const tags = [...(found.get(manifest.digest)?.tags ?? []), tag];
      found.set(manifest.digest, { manifest, tags });
      notePush(repository, manifest.digest);
    }
    // An image that has lost its last tag is still there.
    for (const digest of repository.pushedAt.keys()) {
      if (found.has(digest)) continue;
      const manifest = await registry.getManifest(repository.name, digest);
      if (manifest !== undefined) found.set(digest, { manifest, tags: [] });
      else repository.pushedAt.delete(digest);
    }
    return found;
  };
  // In a registry of somebody else, images appear without a push that the sandbox sees.
  const notePush = ({ pushedAt }: Repository, digest: string): number => {
    const time = pushedAt.get(digest) ?? clock.now();
    pushedAt.set(digest, time);
    return time;
  };
  const scanOf = (repository: Repository, digest: string) => {
    const scannedAt = findings ? notePush(repository, digest) : repository.scannedAt.get(digest);
    if (scannedAt === undefined) return undefined;
    return { imageScanCompletedAt: scannedAt, findingSeverityCounts: findings ?? {} };
  };
  const scanStatusOf = (repository: Repository) =>
    isContinuouslyScanned(repository)
      ? { status: 'ACTIVE', description: 'Continuous scan is selected for image.' }
      : { status: 'COMPLETE', description: 'The scan was completed successfully.' };
  const detail = (repository: Repository, { manifest, tags }: Image) => {
    const { digest, mediaType } = manifest;
    const scan = scanOf(repository, digest);
    return {
      registryId: account,
      repositoryName: repository.name,
      imageDigest: digest,
      ...(tags.length > 0 && { imageTags: tags }),
      imageSizeInBytes: sizeOf(manifest),
      imagePushedAt: notePush(repository, digest),
      imageManifestMediaType: mediaType,
      imageStatus: repository.archived.has(digest) ? 'ARCHIVED' : 'ACTIVE',
      ...(scan && {
        imageScanStatus: scanStatusOf(repository),
        imageScanFindingsSummary: scan,
      }),
    };
  };
  /** The images of a tag status: TAGGED, UNTAGGED or ANY. */
  const filtered = async (
    repository: Repository,
    { filter }: { readonly filter?: { readonly tagStatus?: string } },
  ) => {
    const { tagStatus = 'ANY' } = filter ?? {};
    return [...(await imagesOf(repository)).values()].filter(
      ({ tags }) => tagStatus === 'ANY' || (tagStatus === 'TAGGED') === tags.length > 0,
    );
  };
  /** Removes a tag or an image; the failure code and reason if it cannot. */
  const remove = async (
    repository: Repository,
    { imageTag, imageDigest }: ImageId,
  ): Promise<{ removed: readonly ImageId[] } | readonly [code: string, reason: string]> => {
    if (imageTag === undefined && imageDigest === undefined) {
      return [
        'MissingDigestAndTag',
        'Invalid request parameters: both tag and digest cannot be null',
      ];
    }
    const images = await imagesOf(repository);
    const byTag = [...images.values()].find(({ tags }) => tags.includes(imageTag ?? ''));
    const image = imageDigest === undefined ? byTag : images.get(imageDigest);
    if (image === undefined) return ['ImageNotFound', 'Requested image not found'];
    const { manifest, tags } = image;
    if (imageTag !== undefined && !tags.includes(imageTag)) {
      return ['ImageTagDoesNotMatchDigest', 'The specified tag does not match the digest'];
    }
    const { digest } = manifest;
    const isLast = imageTag === undefined || tags.length === 1;
    const parents = [...images.values()].filter((other) => childrenOf(other).includes(digest));
    if (isLast && parents.length > 0) {
      const list = parents.map((parent) => parent.manifest.digest).join(', ');
      return [
        'ImageReferencedByManifestList',
        `Requested image referenced by manifest list: [${list}]`,
      ];
    }
    await registry.deleteManifest(repository.name, isLast ? digest : imageTag);
    if (isLast) repository.pushedAt.delete(digest);
    if (imageTag !== undefined) return { removed: [{ imageDigest: digest, imageTag }] };
    const ids = tags.map((tag) => ({ imageDigest: digest, imageTag: tag }));
    return { removed: ids.length === 0 ? [{ imageDigest: digest }] : ids };
  };

  const operations = {
    DescribeImages: async ({ repositoryName, imageIds, ...input }) => {
      const repository = find(repositoryName);
      if (!Array.isArray(imageIds)) {
        const { items, nextToken } = page(await filtered(repository, input), input);
        return { imageDetails: items.map((image) => detail(repository, image)), nextToken };
      }
      const images = await imagesOf(repository);
      const wanted = (imageIds as ImageId[]).map(async (id) => {
        const manifest = await known(repository, id);
        return detail(repository, images.get(manifest.digest) ?? { manifest, tags: [] });
      });
      return { imageDetails: await Promise.all(wanted) };
    },

    ListImages: async ({ repositoryName, ...input }) => {
      const images = await filtered(find(repositoryName), input);
      const ids = images.flatMap(({ manifest: { digest: imageDigest }, tags }): ImageId[] =>
        tags.length === 0 ? [{ imageDigest }] : tags.map((imageTag) => ({ imageDigest, imageTag })),
      );
      const { items, nextToken } = page(ids, input);
      return { imageIds: items, nextToken };
    },

    BatchGetImage: async ({ repositoryName, imageIds, acceptedMediaTypes }) => {
      const repository = find(repositoryName);
      const accepted = (acceptedMediaTypes ?? MANIFEST_TYPES) as readonly string[];
      const answers = await Promise.all(
        (imageIds as ImageId[]).map(async (imageId) => ({
          imageId,
          manifest: await manifestOf(repository, imageId),
        })),
      );
      return {
        images: answers.flatMap(({ imageId, manifest }) =>
          manifest === undefined || !accepted.includes(manifest.mediaType)
            ? []
            : [
                {
                  registryId: account,
                  repositoryName,
                  imageId: { ...imageId, imageDigest: manifest.digest },
                  imageManifest: manifest.text,
                  imageManifestMediaType: manifest.mediaType,
                },
              ],
        ),
        failures: answers.flatMap(({ imageId, manifest }) =>
          manifest === undefined
            ? [
                {
                  imageId,
                  failureCode: 'ImageNotFound',
                  failureReason: 'Requested image not found',
                },
              ]
            : [],
        ),
      };
    },

    BatchDeleteImage: async ({ repositoryName, imageIds }) => {
      const repository = find(repositoryName);
      const deleted: ImageId[] = [];
      const failures: unknown[] = [];
      for (const imageId of imageIds as readonly ImageId[]) {
        const answer = await remove(repository, imageId);
        if ('removed' in answer) deleted.push(...answer.removed);
        else failures.push({ imageId, failureCode: answer[0], failureReason: answer[1] });
      }
      return { imageIds: deleted, failures };
    },

    PutImage: async (input) => {
      const { repositoryName, imageManifest, imageManifestMediaType, imageTag } = input;
      const repository = find(repositoryName);
      const text = String(imageManifest);
      const mediaType = (imageManifestMediaType ?? declaredType(text)) as string | undefined;
      if (mediaType === undefined) {
        throw awsFault(
          'InvalidParameterException',
          'image manifest mediatype not provided in manifest or parameter',
        );
      }
      const digest = digestOf(text);
      if (input['imageDigest'] !== undefined && input['imageDigest'] !== digest) {
        throw awsFault(
          'ImageDigestDoesNotMatchException',
          `The provided digest '${String(input['imageDigest'])}' does not match the digest of the image, '${digest}'`,
        );
      }
      if (imageTag !== undefined && !TAG.test(imageTag)) {
        throw awsFault(
          'InvalidParameterException',
          `Invalid parameter at 'imageTag' failed to satisfy constraint: 'must satisfy regular expression '${TAG.source}''`,
        );
      }
      const reference = imageTag === undefined ? digest : String(imageTag);
      const existing = await registry.getManifest(repository.name, reference);
      if (existing?.digest === digest) {
        throw awsFault(
          'ImageAlreadyExistsException',
          `Image with digest '${digest}' and tag '${String(imageTag ?? null)}' already exists in the repository with name '${repository.name}' in registry with id '${account}'`,
        );
      }
      if (existing !== undefined && !canOverwrite(repository.name, reference)) {
        throw awsFault(
          'ImageTagAlreadyExistsException',
          `The image tag '${reference}' already exists in the '${repository.name}' repository and cannot be overwritten because the repository is immutable.`,
        );
      }
      await registry
        .putManifest(repository.name, reference, { mediaType, text })
        .catch((error: Error) => {
          const isMissing = error.message.startsWith('manifest blob unknown: ');
          throw isMissing ? awsFault('LayersNotFoundException', error.message) : error;
        });
      const imageId = { imageDigest: digest, ...(imageTag === undefined ? {} : { imageTag }) };
      const image = { registryId: account, repositoryName, imageId, imageManifest };
      return { image: { ...image, imageManifestMediaType: mediaType } };
    },

    ListImageReferrers: async ({ repositoryName, subjectId, filter, ...input }) => {
      const { name } = find(repositoryName);
      const types = filter?.artifactTypes as readonly string[] | undefined;
      const found = (await registry.listReferrers(name, subjectId.imageDigest)).filter(
        ({ artifactType = '' }) => types === undefined || types.includes(artifactType),
      );
      const { items, nextToken } = page(found, input);
      const referrers = items.map((item) => ({ ...item, artifactStatus: 'ACTIVE' }));
      return { referrers, nextToken };
    },

    UpdateImageStorageClass: async ({ repositoryName, imageId, targetStorageClass }) => {
      const repository = find(repositoryName);
      const manifest = await known(repository, imageId);
      if (targetStorageClass === 'ARCHIVE') repository.archived.add(manifest.digest);
      else repository.archived.delete(manifest.digest);
      const { imageStatus } = detail(repository, { manifest, tags: [] });
      return { registryId: account, repositoryName: repository.name, imageId, imageStatus };
    },

    StartImageScan: async ({ repositoryName, imageId }) => {
      const repository = find(repositoryName);
      const { digest } = await known(repository, imageId);
      repository.scannedAt.set(digest, clock.now());
      return {
        registryId: account,
        repositoryName,
        imageId: { ...imageId, imageDigest: digest },
        imageScanStatus: { status: 'IN_PROGRESS' },
      };
    },

    DescribeImageScanFindings: async ({ repositoryName, imageId }) => {
      const repository = find(repositoryName);
      const { digest } = await known(repository, imageId);
      const scan = scanOf(repository, digest);
      if (scan === undefined) {
        throw awsFault(
          'ScanNotFoundException',
          `Image scan does not exist for the image with '${describeId({ imageDigest: digest, ...imageId })}' in ${place(repository)}`,
        );
      }
      return {
        registryId: account,
        repositoryName,
        imageId: { ...imageId, imageDigest: digest },
        imageScanStatus: scanStatusOf(repository),
        imageScanFindings: { ...scan, findings: [] },
      };
    },
  } satisfies Record<string, Operation>;

  return {
    operations,
    digestsOf: async (repository: Repository): Promise<readonly string[]> => [
      ...(await imagesOf(repository)).keys(),
    ],
    /** The images that a lifecycle policy can expire: those of an index end with it. */
    forLifecycle: async (repository: Repository): Promise<readonly LifecycleImage[]> => {
      const images = [...(await imagesOf(repository)).values()];
      const children = new Set(images.flatMap(childrenOf));
      return images
        .filter(({ manifest }) => !children.has(manifest.digest))
        .map(({ manifest: { digest }, tags }) => ({
          digest,
          tags,
          pushedAt: notePush(repository, digest),
        }));
    },
  };
}

/** Digests of the manifests of an index. */
function childrenOf({ manifest: { text } }: Image): readonly string[] {
  const { manifests = [] } = JSON.parse(text) as { manifests?: readonly { digest: string }[] };
  return manifests.map(({ digest }) => digest);
}

function declaredType(manifest: string): string | undefined {
  try {
    return (JSON.parse(manifest) as { mediaType?: string }).mediaType;
  } catch {
    throw awsFault(
      'InvalidParameterException',
      "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'",
    );
  }
}

function sizeOf({ text }: StoredManifest): number {
  const { config, layers = [] } = JSON.parse(text) as {
    config?: { size: number };
    layers?: readonly { size: number }[];
  };
  return layers.reduce((sum, { size }) => sum + size, config?.size ?? 0);
}
