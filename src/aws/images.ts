import { createHash } from 'node:crypto';
import type { Image, ImageDetail as ImageDetails } from '@aws-sdk/client-ecr';
import { EcsDeployError } from '../errors.ts';
import { ecrClient } from './client.ts';
import { awsErrorName, brokenAnswer } from './errors.ts';
import type { Repository } from './repositories.ts';

/** An image as ECR holds it. */
export interface StoredImage {
  readonly digest: string;
  /** Its platforms, such as `linux/amd64`; undefined where they cannot be read. */
  readonly platforms: readonly string[] | undefined;
  /** The missing permission that hides the platforms. */
  readonly denied?: EcsDeployError;
  /** Digest of its config, which is docker's image id; undefined for an index. */
  readonly config: string | undefined;
  /** As ECR stores it. */
  readonly manifest: string;
  readonly mediaType: string | undefined;
}

/**
 * Manifest types that are accepted; ECR answers with an index only when it is among them
 * (docs/explanation/how-ecs-behaves.md#an-images-platform).
 */
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

/** Names an image of a repository; the digest wins. */
export interface ImageId {
  readonly tag?: string | undefined;
  readonly digest?: string | undefined;
}

const idOf = ({ tag, digest }: ImageId) =>
  digest === undefined ? { imageTag: tag } : { imageDigest: digest };

/** An image with its platforms; undefined when the repository has no such image. */
export async function findImage(
  repository: Repository,
  wanted: ImageId,
): Promise<StoredImage | undefined> {
  const { BatchGetImageCommand, client, place, options } = await open(repository);
  const { images } = await client.send(
    new BatchGetImageCommand({
      ...place,
      imageIds: [idOf(wanted)],
      acceptedMediaTypes: MANIFEST_TYPES,
    }),
    options,
  );
  if (!Array.isArray(images)) throw brokenAnswer('ecr:BatchGetImage');
  const [image] = images as readonly (Image | null)[];
  if (image === undefined) return undefined;
  const { imageId, imageManifest: manifest } = image ?? {};
  if (imageId?.imageDigest === undefined || manifest === undefined) {
    throw brokenAnswer('ecr:BatchGetImage');
  }
  const parsed = JSON.parse(manifest) as Manifest;
  return {
    digest: imageId.imageDigest,
    ...(await platformsOf(repository, parsed)),
    config: parsed.config?.digest,
    manifest,
    mediaType: image?.imageManifestMediaType,
  };
}

/** Gives an image that ECR holds another tag; throws `tag-immutable`. */
export async function tagImage(
  repository: Repository,
  { manifest, mediaType, digest }: StoredImage,
  imageTag: string,
): Promise<void> {
  const { PutImageCommand, client, place, options } = await open(repository);
  try {
    await client.send(
      new PutImageCommand({
        ...place,
        imageManifest: manifest,
        imageManifestMediaType: mediaType,
        imageTag,
      }),
      options,
    );
  } catch (error) {
    if (awsErrorName(error) === 'ImageAlreadyExistsException') return;
    if (awsErrorName(error) !== 'ImageTagAlreadyExistsException') throw error;
    throw new EcsDeployError({
      code: 'tag-immutable',
      message: `${repository.uri}@${digest} cannot get the tag "${imageTag}": another image has it, and the repository is immutable.`,
      hint: 'choose another tag',
      cause: error,
    });
  }
}

/** The facts about an image that are not in its manifest. */
export interface ImageDetail {
  /**
   * ECR describes it, but tasks cannot pull it
   * (docs/explanation/how-ecs-behaves.md#repositories-and-tags).
   */
  readonly archived: boolean;
  /** Findings of its scan by severity; undefined when it was not scanned. */
  readonly findings: Readonly<Record<string, number>> | undefined;
}

/** Describes an image; undefined when the repository has no such image. */
export async function describeImage(
  repository: Repository,
  wanted: ImageId,
): Promise<ImageDetail | undefined> {
  const { DescribeImagesCommand, client, place, options } = await open(repository);
  const command = new DescribeImagesCommand({ ...place, imageIds: [idOf(wanted)] });
  const answer = await client.send(command, options).catch((error: unknown) => {
    if (awsErrorName(error) !== 'ImageNotFoundException') throw error;
    return undefined;
  });
  if (answer === undefined) return undefined;
  const { imageDetails } = answer;
  const detail = imageDetails?.[0] as ImageDetails | null | undefined;
  if (detail === undefined || detail === null) throw brokenAnswer('ecr:DescribeImages');
  return {
    archived: detail.imageStatus === 'ARCHIVED',
    findings: detail.imageScanFindingsSummary?.findingSeverityCounts,
  };
}

/** What every call about an image of a repository takes. */
async function open({ aws, name, registryId, region }: Repository) {
  const [sdk, client] = await Promise.all([import('./sdk/ecr.ts'), ecrClient(aws, region)]);
  const place = { repositoryName: name, registryId };
  return { ...sdk, client, place, options: { abortSignal: aws.options.signal } };
}

/** Milliseconds after which a deploy continues without the platform. */
const DOWNLOAD_TIMEOUT = 10_000;

async function platformsOf(
  repository: Repository,
  manifest: Manifest,
): Promise<Pick<StoredImage, 'platforms' | 'denied'>> {
  if (manifest.manifests !== undefined) {
    const images = manifest.manifests.filter(
      // buildx adds attestations as manifests without a platform.
      ({ annotations, platform }) =>
        annotations?.['vnd.docker.reference.type'] === undefined && platform?.os !== 'unknown',
    );
    const platforms = images.flatMap(({ platform }) =>
      platform === undefined ? [] : [platformName(platform)],
    );
    return { platforms };
  }
  if (manifest.config === undefined) return { platforms: undefined };
  const [{ GetDownloadUrlForLayerCommand, client, place, options }, { download }] =
    await Promise.all([open(repository), import('./http.ts')]);
  try {
    const { downloadUrl } = await client.send(
      new GetDownloadUrlForLayerCommand({ ...place, layerDigest: manifest.config.digest }),
      options,
    );
    if (downloadUrl === undefined) throw brokenAnswer('ecr:GetDownloadUrlForLayer');
    const signal = AbortSignal.any([options.abortSignal, AbortSignal.timeout(DOWNLOAD_TIMEOUT)]);
    const config = await download(repository.aws.requestHandler, downloadUrl, signal);
    if (config === undefined) return { platforms: undefined };
    const digest = `sha256:${createHash('sha256').update(config).digest('hex')}`;
    if (digest !== manifest.config.digest) return { platforms: undefined };
    return { platforms: [platformName(JSON.parse(config.toString('utf8')) as Platform)] };
  } catch (error) {
    if (options.abortSignal.aborted) throw error;
    const isDenied = error instanceof EcsDeployError && error.code === 'permission-denied';
    return { platforms: undefined, ...(isDenied && { denied: error }) };
  }
}

function platformName({ os = 'linux', architecture = 'unknown' }: Platform): string {
  return `${os}/${architecture}`;
}
