import type { Clock } from './clock.ts';
import { MANIFEST_TYPES } from './registry-client.ts';
import type { RegistryClient, StoredManifest } from './registry-client.ts';
import { digestOf } from './registry.ts';
import { awsFault } from './wire.ts';
import type { HttpHandler, Operation, Operations } from './wire.ts';

/** What the simulated ECR needs. */
export interface EcrOptions {
  readonly account: string;
  /** The region of the repositories; all other regions are empty. */
  readonly region: string;
  readonly clock: Clock;
  /** The registry behind ECR, which holds all tags and manifests. */
  readonly registry: RegistryClient;
  /** `host:port` of that registry. */
  readonly registryHost: string;
  /** Password of the user `AWS` in that registry. */
  readonly password: string;
  /** Number of findings in the scan of every image, by severity; undefined if images are not scanned. */
  readonly findings?: Readonly<Record<string, number>> | undefined;
  /** Base of the download URLs: the sandbox's own address. */
  readonly endpoint: string;
}

export interface Ecr {
  readonly operations: Operations;
  readonly createRepository: (name: string, immutable?: boolean) => void;
  readonly repositoryExists: (name: string) => boolean;
  readonly canOverwrite: (repository: string, tag: string) => boolean;
  /** Serves the URLs that GetDownloadUrlForLayer returns; they need no login. */
  readonly handle: HttpHandler;
}

interface RepositoryState {
  readonly name: string;
  readonly createdAt: number;
  mutability: string;
  /** Patterns (`*` is a wildcard) of tags to which the opposite mutability applies. */
  exclusions: readonly string[];
  /** Time at which each digest was first seen, in epoch seconds. */
  readonly pushedAt: Map<string, number>;
  /** JSON text of the lifecycle policy, which is never carried out. */
  policy?: string;
  /** Digests of archived images. */
  readonly archived: Set<string>;
}

interface ImageId {
  readonly imageTag?: string;
  readonly imageDigest?: string;
}

const NAME = /^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$/;
const MUTABILITY = /^(IM)?MUTABLE(_WITH_EXCLUSION)?$/;
const DOWNLOADS = '/ecr-layers/';

/** Creates an ECR without repositories on top of a registry (docs/explanation/how-ecs-behaves.md#ecr). */
export function createEcr(options: EcrOptions): Ecr {
  const { account, clock, registry, registryHost } = options;
  const repositories = new Map<string, RepositoryState>();

  const describe = ({ name, createdAt, mutability, exclusions }: RepositoryState) => ({
    repositoryArn: `arn:aws:ecr:${options.region}:${account}:repository/${name}`,
    registryId: account,
    repositoryName: name,
    repositoryUri: `${registryHost}/${name}`,
    createdAt,
    ...describeMutability({ mutability, exclusions }),
    imageScanningConfiguration: { scanOnPush: false },
    encryptionConfiguration: { encryptionType: 'AES256' },
  });
  const notHere = (name: unknown, registryId: unknown): never => {
    throw awsFault(
      'RepositoryNotFoundException',
      `The repository with name '${String(name)}' does not exist in the registry with id '${String(registryId)}'`,
    );
  };
  const find = (name: unknown): RepositoryState =>
    repositories.get(String(name)) ?? notHere(name, account);
  const canOverwrite = (name: string, tag: string): boolean => {
    const { mutability = '', exclusions = [] } = repositories.get(name) ?? {};
    const isExcluded = exclusions.some((filter) => matches(filter, tag));
    return mutability.startsWith('IMMUTABLE') === isExcluded;
  };
  const create = (name: string): RepositoryState => {
    if (repositories.has(name)) {
      throw awsFault(
        'RepositoryAlreadyExistsException',
        `The repository with name '${name}' already exists in the registry with id '${account}'`,
      );
    }
    if (name.length < 2 || name.length > 256 || !NAME.test(name)) {
      throw awsFault(
        'InvalidParameterException',
        `Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '${NAME.source}''`,
      );
    }
    const made: RepositoryState = {
      name,
      createdAt: clock.now(),
      mutability: 'MUTABLE',
      exclusions: [],
      pushedAt: new Map(),
      archived: new Set(),
    };
    repositories.set(name, made);
    return made;
  };
  const manifestOf = ({ name }: RepositoryState, { imageDigest, imageTag }: ImageId) =>
    registry.getManifest(name, imageDigest ?? imageTag ?? '');
  const notFound = ({ name }: RepositoryState, { imageDigest, imageTag }: ImageId) =>
    awsFault(
      'ImageNotFoundException',
      `The image with imageId {imageDigest:'${imageDigest ?? 'null'}', imageTag:'${imageTag ?? 'null'}'} does not exist within the repository with name '${name}' in the registry with id '${account}'`,
    );
  const images = async (repository: RepositoryState): Promise<Map<string, ImageDetail>> => {
    const found = new Map<string, ImageDetail>();
    for (const tag of await registry.listTags(repository.name)) {
      const manifest = await registry.getManifest(repository.name, tag);
      if (manifest === undefined) continue;
      const known = found.get(manifest.digest);
      found.set(manifest.digest, { manifest, tags: [...(known?.tags ?? []), tag] });
    }
    // An image that has lost its last tag is still there.
    for (const digest of repository.pushedAt.keys()) {
      const manifest = await registry.getManifest(repository.name, digest);
      if (manifest !== undefined && !found.has(digest)) found.set(digest, { manifest, tags: [] });
    }
    return found;
  };
  const detail = (repository: RepositoryState, { manifest, tags }: ImageDetail) => {
    const pushedAt = repository.pushedAt.get(manifest.digest) ?? clock.now();
    repository.pushedAt.set(manifest.digest, pushedAt);
    return {
      registryId: account,
      repositoryName: repository.name,
      imageDigest: manifest.digest,
      ...(tags.length > 0 && { imageTags: tags }),
      imageSizeInBytes: sizeOf(manifest),
      imagePushedAt: pushedAt,
      imageManifestMediaType: manifest.mediaType,
      imageStatus: repository.archived.has(manifest.digest) ? 'ARCHIVED' : 'ACTIVE',
      ...(options.findings && {
        imageScanStatus: { status: 'COMPLETE' },
        imageScanFindingsSummary: {
          imageScanCompletedAt: pushedAt,
          findingSeverityCounts: options.findings,
        },
      }),
    };
  };

  const operations: Readonly<Record<string, Operation>> = {
    GetAuthorizationToken: () => ({
      authorizationData: [
        {
          authorizationToken: Buffer.from(`AWS:${options.password}`).toString('base64'),
          expiresAt: clock.now() + 12 * 3600,
          proxyEndpoint: `http://${registryHost}`,
        },
      ],
    }),
    DescribeRepositories: ({ repositoryNames }) => ({
      repositories: (Array.isArray(repositoryNames)
        ? repositoryNames.map(find)
        : [...repositories.values()]
      ).map(describe),
    }),
    CreateRepository: (input) => {
      const mutability = readMutability(input);
      return {
        repository: describe(Object.assign(create(String(input['repositoryName'])), mutability)),
      };
    },
    DeleteRepository: async ({ repositoryName, force }) => {
      const repository = find(repositoryName);
      if (force !== true && (await registry.listTags(repository.name)).length > 0) {
        throw awsFault(
          'RepositoryNotEmptyException',
          `The repository with name '${repository.name}' in registry with id '${account}' cannot be deleted because it still contains images`,
        );
      }
      for (const digest of (await images(repository)).keys()) {
        await registry.deleteManifest(repository.name, digest);
      }
      repositories.delete(repository.name);
      return { repository: describe(repository) };
    },
    PutImageTagMutability: (input) => {
      const repository = Object.assign(find(input['repositoryName']), readMutability(input));
      const { name: repositoryName } = repository;
      return { registryId: account, repositoryName, ...describeMutability(repository) };
    },
    DescribeImages: async ({ repositoryName, imageIds }) => {
      const repository = find(repositoryName);
      const known = await images(repository);
      if (!Array.isArray(imageIds)) {
        return { imageDetails: [...known.values()].map((image) => detail(repository, image)) };
      }
      const wanted = (imageIds as ImageId[]).map(async (id) => {
        const manifest = await manifestOf(repository, id);
        if (manifest === undefined) throw notFound(repository, id);
        return detail(repository, known.get(manifest.digest) ?? { manifest, tags: [] });
      });
      return { imageDetails: await Promise.all(wanted) };
    },
    UpdateImageStorageClass: async ({ repositoryName, imageId, targetStorageClass }) => {
      const repository = find(repositoryName);
      const manifest = await manifestOf(repository, imageId as ImageId);
      if (manifest === undefined) throw notFound(repository, imageId as ImageId);
      if (targetStorageClass === 'ARCHIVE') repository.archived.add(manifest.digest);
      else repository.archived.delete(manifest.digest);
      const { imageStatus } = detail(repository, { manifest, tags: [] });
      return { registryId: account, repositoryName: repository.name, imageId, imageStatus };
    },
    ListImages: async ({ repositoryName }) => ({
      imageIds: [...(await images(find(repositoryName))).entries()].flatMap(
        ([imageDigest, { tags }]) => tags.map((imageTag) => ({ imageDigest, imageTag })),
      ),
    }),
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
    BatchCheckLayerAvailability: async ({ repositoryName, layerDigests }) => {
      const { name } = find(repositoryName);
      const layers = (layerDigests as string[]).map(async (layerDigest) => {
        const blob = await registry.getBlob(name, layerDigest);
        const layerAvailability = blob === undefined ? 'UNAVAILABLE' : 'AVAILABLE';
        return { layerDigest, layerAvailability, layerSize: blob?.length ?? 0 };
      });
      return { layers: await Promise.all(layers), failures: [] };
    },
    GetDownloadUrlForLayer: async ({ repositoryName, layerDigest }) => {
      const { name } = find(repositoryName);
      if (!(await registry.hasBlob(name, String(layerDigest)))) {
        throw awsFault(
          'LayersNotFoundException',
          `The layer with digest '${String(layerDigest)}' does not exist in the repository with name '${name}' in the registry with id '${account}'`,
        );
      }
      return {
        downloadUrl: `${options.endpoint}${DOWNLOADS}${name}/${String(layerDigest)}`,
        layerDigest,
      };
    },
    PutImage: async ({ repositoryName, imageManifest, imageManifestMediaType, imageTag }) => {
      const repository = find(repositoryName);
      const text = String(imageManifest);
      const mediaType = String(imageManifestMediaType ?? declaredType(text) ?? MANIFEST_TYPES[2]);
      const digest = digestOf(text);
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
      return { image: { registryId: account, repositoryName, imageId, imageManifest } };
    },
    PutLifecyclePolicy: ({ repositoryName, lifecyclePolicyText }) => {
      const repository = find(repositoryName);
      repository.policy = String(lifecyclePolicyText);
      return { registryId: account, repositoryName, lifecyclePolicyText };
    },
    GetLifecyclePolicy: ({ repositoryName }) => {
      const { policy } = find(repositoryName);
      if (policy === undefined) {
        throw awsFault(
          'LifecyclePolicyNotFoundException',
          `Lifecycle policy does not exist for the repository with name '${String(repositoryName)}' in the registry with id '${account}'`,
        );
      }
      return { registryId: account, repositoryName, lifecyclePolicyText: policy };
    },
    ListTagsForResource: ({ resourceArn }) => {
      find(String(resourceArn).split(':repository/')[1]);
      return { tags: [] };
    },
  };

  return {
    operations: Object.fromEntries(
      Object.entries(operations).map(([name, operation]): [string, Operation] => [
        name,
        (input, context) => {
          const { repositoryName, repositoryNames, resourceArn, registryId = account } = input;
          const isHere = context.region === options.region && registryId === account;
          if (isHere || name === 'GetAuthorizationToken') return operation(input, context);
          if (name === 'DescribeRepositories' && repositoryNames === undefined) {
            return { repositories: [] };
          }
          if (name === 'CreateRepository') {
            throw awsFault(
              'InvalidParameterException',
              `The sandbox has repositories only in ${options.region}.`,
            );
          }
          const [wanted] = (repositoryNames as unknown[] | undefined) ?? [resourceArn];
          return notHere(repositoryName ?? wanted, registryId);
        },
      ]),
    ),
    createRepository: (name, immutable = false) => {
      Object.assign(create(name), { mutability: immutable ? 'IMMUTABLE' : 'MUTABLE' });
    },
    repositoryExists: (name) => repositories.has(name),
    canOverwrite,
    handle: async (request, response) => {
      const [, name, digest] =
        /^\/ecr-layers\/(.+)\/(sha256:[0-9a-f]{64})$/.exec(request.url ?? '') ?? [];
      if (name === undefined || digest === undefined) return false;
      const blob = await registry.getBlob(name, digest);
      response.writeHead(blob === undefined ? 404 : 200, {
        'content-type': 'application/octet-stream',
      });
      response.end(blob);
      return true;
    },
  };
}

interface ImageDetail {
  readonly manifest: StoredManifest;
  readonly tags: readonly string[];
}

type Mutability = Pick<RepositoryState, 'mutability' | 'exclusions'>;

function readMutability({
  imageTagMutability: mutability = 'MUTABLE',
  imageTagMutabilityExclusionFilters: filters = [],
}: {
  readonly imageTagMutability?: string;
  readonly imageTagMutabilityExclusionFilters?: readonly { readonly filter: string }[];
}): Mutability {
  if (!MUTABILITY.test(mutability) || mutability.endsWith('N') !== filters.length > 0) {
    throw awsFault(
      'InvalidParameterException',
      `Invalid parameter at 'imageTagMutability' failed to satisfy constraint: '${mutability} with ${filters.length} exclusion filters'`,
    );
  }
  return { mutability, exclusions: filters.map(({ filter }) => filter) };
}

function describeMutability({ mutability, exclusions }: Mutability) {
  const filters = exclusions.map((filter) => ({ filterType: 'WILDCARD', filter }));
  return {
    imageTagMutability: mutability,
    ...(filters.length > 0 && { imageTagMutabilityExclusionFilters: filters }),
  };
}

/** Whether a tag matches a filter, in which `*` is a wildcard. */
function matches(filter: string, tag: string): boolean {
  const parts = filter.split('*').map((part) => part.replaceAll(/[^\w-]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(tag);
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
