import { createHash } from 'node:crypto';
import type { ECRClient, Repository as EcrRepository } from '@aws-sdk/client-ecr';
import { ecrRegistry, parseImageReference } from '../core/image.ts';
import { suggest } from '../core/nearest.ts';
import { EcsDeployError } from '../errors.ts';
import { ecrClient } from './client.ts';
import type { Aws } from './client.ts';
import { awsErrorName } from './errors.ts';

/** A repository of ECR. */
export interface Repository {
  readonly name: string;
  /** `registry/name`, as ECR gives it. */
  readonly uri: string;
  readonly registryId: string | undefined;
  /** Which tags may be given to another image; undefined where that may not be read. */
  readonly mutability?: Pick<
    EcrRepository,
    'imageTagMutability' | 'imageTagMutabilityExclusionFilters'
  >;
  /** Client of the region that the repository is in. */
  readonly client: ECRClient;
  readonly signal: AbortSignal;
}

/** An image as ECR holds it. */
export interface StoredImage {
  readonly digest: string;
  /** Platforms that the image has, e.g. `linux/amd64`; undefined where they could not be read. */
  readonly platforms: readonly string[] | undefined;
  /** The permission without which the platforms could not be read. */
  readonly withheld?: EcsDeployError;
  /** Digest of its config, which is docker's image id; undefined of an index. */
  readonly config: string | undefined;
  /** As ECR stores it. */
  readonly manifest: string;
  readonly mediaType: string | undefined;
}

/** What docker needs to push; lives in memory only. */
export interface RegistryLogin {
  readonly username: string;
  readonly password: string;
}

interface RepositoryAddress {
  readonly name: string;
  readonly registryId: string | undefined;
  readonly region: string | undefined;
}

function addressOf(repository: string): RepositoryAddress {
  const { registry, repository: name } = parseImageReference(repository);
  const ecr = registry === undefined ? undefined : ecrRegistry(registry);
  return { name, registryId: ecr?.account, region: ecr?.region };
}

/**
 * Finds a repository by name or URI; undefined when it does not exist and `mayBeMissing`.
 *
 * Throws `repository-missing` with the names of those that exist.
 */
export async function findRepository(
  aws: Aws,
  repository: string,
  mayBeMissing: boolean,
): Promise<Repository | undefined> {
  const { DescribeRepositoriesCommand } = await import('@aws-sdk/client-ecr');
  const { name, registryId, region } = addressOf(repository);
  const client = await ecrClient(aws, region);
  const { signal } = aws.options;
  try {
    const { repositories } = await client.send(
      new DescribeRepositoriesCommand({
        repositoryNames: [name],
        ...(registryId && { registryId }),
      }),
      { abortSignal: signal },
    );
    return { name, ...factsOf(repositories?.[0], repository), client, signal };
  } catch (error) {
    if (awsErrorName(error) === 'AccessDeniedException' && registryId !== undefined) {
      // A full URI needs no look-up; the push itself will tell.
      return { name, uri: repository, registryId, client, signal };
    }
    if (awsErrorName(error) !== 'RepositoryNotFoundException') throw error;
    if (mayBeMissing) return undefined;
    const known = await client.send(new DescribeRepositoriesCommand({ maxResults: 100 })).then(
      ({ repositories }) =>
        (repositories ?? []).flatMap(({ repositoryName }) => repositoryName ?? []),
      () => undefined,
    );
    throw new EcsDeployError({
      code: 'repository-missing',
      message: `ECR has no repository "${name}" in ${await client.config.region()}.`,
      hint: `${suggest(name, known, 'repositories')}\nif it is to be a new one: --create-repository`,
      cause: error,
    });
  }
}

function factsOf(found: EcrRepository | undefined, named: string) {
  return {
    uri: found?.repositoryUri ?? named,
    registryId: found?.registryId,
    ...(found && { mutability: found }),
  };
}

/** Whether a tag that is there cannot be given to another image (ecs-facts 6.2). */
export function isImmutable({ mutability }: Repository, tag: string): boolean {
  const { imageTagMutability = '', imageTagMutabilityExclusionFilters: filters = [] } =
    mutability ?? {};
  const isExcluded = filters.some(({ filter = '' }) => {
    const parts = filter.split('*').map((part) => part.replaceAll(/[^\w-]/g, '\\$&'));
    return new RegExp(`^${parts.join('.*')}$`).test(tag);
  });
  return imageTagMutability.startsWith('IMMUTABLE') !== isExcluded;
}

/** Creates a repository; one that somebody else has just created is taken as it is. */
export async function createRepository(aws: Aws, repository: string): Promise<Repository> {
  const { CreateRepositoryCommand } = await import('@aws-sdk/client-ecr');
  const { name, region } = addressOf(repository);
  const client = await ecrClient(aws, region);
  try {
    const { repository: made } = await client.send(
      new CreateRepositoryCommand({ repositoryName: name }),
    );
    return { name, ...factsOf(made, repository), client, signal: aws.options.signal };
  } catch (error) {
    if (awsErrorName(error) !== 'RepositoryAlreadyExistsException') throw error;
    const found = await findRepository(aws, repository, false);
    if (found === undefined) throw error;
    return found;
  }
}

/** Opens the repository that an image reference names; undefined when the registry is not this ECR's. */
export async function repositoryOf(aws: Aws, reference: string): Promise<Repository | undefined> {
  const { registry, repository } = parseImageReference(reference);
  if (registry === undefined) return undefined;
  const uri = `${registry}/${repository}`;
  if (ecrRegistry(registry) !== undefined) return findRepository(aws, uri, false);
  const found = await findRepository(aws, repository, true).catch(() => undefined);
  return found?.uri === uri ? found : undefined;
}

/** A login for docker, good for the repository's registry (ecs-facts 6.1). */
export async function registryLogin({
  client,
  signal,
}: Pick<Repository, 'client' | 'signal'>): Promise<RegistryLogin> {
  const { GetAuthorizationTokenCommand } = await import('@aws-sdk/client-ecr');
  const { authorizationData } = await client.send(new GetAuthorizationTokenCommand({}), {
    abortSignal: signal,
  });
  const token = authorizationData?.[0]?.authorizationToken ?? '';
  const decoded = Buffer.from(token, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

/** A login for another registry of the repository's account; undefined for hosts of anybody else. */
export async function loginForHost(
  aws: Aws,
  repository: Repository,
  host: string,
): Promise<RegistryLogin | undefined> {
  if (repository.uri.startsWith(`${host}/`)) return registryLogin(repository);
  const ecr = ecrRegistry(host);
  if (ecr === undefined || ecr.account !== repository.registryId) return undefined;
  const client = await ecrClient(aws, ecr.region);
  return registryLogin({ client, signal: repository.signal });
}

/** Manifest types asked for; an index is answered only when it is among them (ecs-facts 6.3). */
const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

interface Platform {
  readonly os?: string;
  readonly architecture?: string;
}

interface Manifest {
  readonly config?: { readonly digest: string };
  readonly manifests?: readonly {
    readonly platform?: Platform;
    readonly annotations?: Readonly<Record<string, string>>;
  }[];
}

/** The image under a tag or digest, with its platforms; undefined when the repository has none such. */
export async function findImage(
  repository: Repository,
  { tag, digest }: { readonly tag?: string | undefined; readonly digest?: string | undefined },
): Promise<StoredImage | undefined> {
  const { BatchGetImageCommand } = await import('@aws-sdk/client-ecr');
  const { images } = await repository.client.send(
    new BatchGetImageCommand({
      repositoryName: repository.name,
      ...(repository.registryId && { registryId: repository.registryId }),
      imageIds: [digest === undefined ? { imageTag: tag } : { imageDigest: digest }],
      acceptedMediaTypes: MANIFEST_TYPES,
    }),
    { abortSignal: repository.signal },
  );
  const image = images?.[0];
  if (image?.imageId?.imageDigest === undefined) return undefined;
  const manifest = image.imageManifest ?? '{}';
  const parsed = JSON.parse(manifest) as Manifest;
  return {
    digest: image.imageId.imageDigest,
    ...(await platformsOf(repository, parsed)),
    config: parsed.config?.digest,
    manifest,
    mediaType: image.imageManifestMediaType,
  };
}

/** Gives an image that ECR holds another tag; throws `tag-immutable`. */
export async function tagImage(
  { name, uri, registryId, client, signal }: Repository,
  { manifest, mediaType, digest }: StoredImage,
  imageTag: string,
): Promise<void> {
  const { PutImageCommand } = await import('@aws-sdk/client-ecr');
  try {
    await client.send(
      new PutImageCommand({
        repositoryName: name,
        ...(registryId && { registryId }),
        imageManifest: manifest,
        imageManifestMediaType: mediaType,
        imageTag,
      }),
      { abortSignal: signal },
    );
  } catch (error) {
    if (awsErrorName(error) === 'ImageAlreadyExistsException') return;
    if (awsErrorName(error) !== 'ImageTagAlreadyExistsException') throw error;
    throw new EcsDeployError({
      code: 'tag-immutable',
      message: `${uri}@${digest} could not get the tag "${imageTag}": another image has it, and the repository is immutable.`,
      hint: 'choose another tag',
      cause: error,
    });
  }
}

/** What ECR says of an image besides its manifest. */
export interface ImageDetail {
  /** It is described, but tasks cannot pull it (ecs-facts 6.2). */
  readonly archived: boolean;
  /** Findings of its scan by severity; undefined when it was not scanned. */
  readonly findings: Readonly<Record<string, number>> | undefined;
}

/** Describes an image by its digest. */
export async function describeImage(
  { client, name, registryId, signal }: Repository,
  imageDigest: string,
): Promise<ImageDetail> {
  const { DescribeImagesCommand } = await import('@aws-sdk/client-ecr');
  const { imageDetails } = await client.send(
    new DescribeImagesCommand({
      repositoryName: name,
      ...(registryId && { registryId }),
      imageIds: [{ imageDigest }],
    }),
    { abortSignal: signal },
  );
  const detail = imageDetails?.[0];
  return {
    archived: detail?.imageStatus === 'ARCHIVED',
    findings: detail?.imageScanFindingsSummary?.findingSeverityCounts,
  };
}

/** Milliseconds after which a deploy goes on without knowing the platform. */
const DOWNLOAD_TIMEOUT = 10_000;

async function platformsOf(
  repository: Repository,
  manifest: Manifest,
): Promise<Pick<StoredImage, 'platforms' | 'withheld'>> {
  if (manifest.manifests !== undefined) {
    const images = manifest.manifests.filter(
      // buildx adds attestations as manifests of no platform.
      ({ annotations, platform }) =>
        annotations?.['vnd.docker.reference.type'] === undefined && platform?.os !== 'unknown',
    );
    const platforms = images.flatMap(({ platform }) =>
      platform === undefined ? [] : [platformName(platform)],
    );
    return { platforms };
  }
  if (manifest.config === undefined) return { platforms: undefined };
  const { GetDownloadUrlForLayerCommand } = await import('@aws-sdk/client-ecr');
  try {
    const { downloadUrl } = await repository.client.send(
      new GetDownloadUrlForLayerCommand({
        repositoryName: repository.name,
        ...(repository.registryId && { registryId: repository.registryId }),
        layerDigest: manifest.config.digest,
      }),
      { abortSignal: repository.signal },
    );
    const signal = AbortSignal.any([repository.signal, AbortSignal.timeout(DOWNLOAD_TIMEOUT)]);
    const response = await fetch(downloadUrl ?? '', { signal });
    const config = Buffer.from(await response.arrayBuffer());
    const digest = `sha256:${createHash('sha256').update(config).digest('hex')}`;
    if (!response.ok || digest !== manifest.config.digest) return { platforms: undefined };
    return { platforms: [platformName(JSON.parse(config.toString('utf8')) as Platform)] };
  } catch (error) {
    if (repository.signal.aborted) throw error;
    const isDenied = error instanceof EcsDeployError && error.code === 'permission-denied';
    return { platforms: undefined, ...(isDenied && { withheld: error }) };
  }
}

function platformName({ os = 'linux', architecture = 'unknown' }: Platform): string {
  return `${os}/${architecture}`;
}
