import { createHash } from 'node:crypto';
import type { Image, ImageDetail as ImageDetails } from '@aws-sdk/client-ecr';
import { EcsDeployError } from '../errors.ts';
import { ecrClient } from './client.ts';
import { awsErrorName, brokenAnswer } from './errors.ts';
import type { Repository } from './repositories.ts';
import { share } from './share.ts';

/** An image as ECR holds it. */
export interface StoredImage {
  readonly digest: string;
  /** Its platforms, such as `linux/amd64`; undefined where they cannot be read. */
  readonly platforms: readonly string[] | undefined;
  /** Labels of the image, in an index of the one for the wanted platform; undefined as above. */
  readonly labels: Readonly<Record<string, string>> | undefined;
  /** The missing permission that hides both. */
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
    readonly digest: string;
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

/**
 * An image with its platforms and labels; undefined when the repository has no such image. Of an
 * index, the labels are read when a `platform` is wanted.
 */
export async function findImage(
  repository: Repository,
  wanted: ImageId,
  platform?: string,
): Promise<StoredImage | undefined> {
  const found = await readManifest(repository, wanted);
  if (found === undefined) return undefined;
  const { digest, manifest, mediaType } = found;
  const parsed = JSON.parse(manifest) as Manifest;
  return {
    digest,
    ...(await configOf(repository, parsed, platform)),
    config: parsed.config?.digest,
    manifest,
    mediaType,
  };
}

/** The digest of an image; undefined when the repository has no such image. */
export async function findDigest(
  repository: Repository,
  wanted: ImageId,
): Promise<string | undefined> {
  return (await readManifest(repository, wanted))?.digest;
}

async function readManifest(
  repository: Repository,
  wanted: ImageId,
): Promise<Pick<StoredImage, 'digest' | 'manifest' | 'mediaType'> | undefined> {
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
  return { digest: imageId.imageDigest, manifest, mediaType: image?.imageManifestMediaType };
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
export function describeImage(
  repository: Repository,
  wanted: ImageId,
): Promise<ImageDetail | undefined> {
  const { aws, name, registryId, region } = repository;
  const key = ['image', name, registryId, region, wanted.tag, wanted.digest].join(' ');
  return share(aws, key, () => readDetail(repository, wanted));
}

async function readDetail(
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

/** Milliseconds after which a deploy continues without the config. */
const DOWNLOAD_TIMEOUT = 10_000;

/** What the config of an image says. */
type ConfigFacts = Pick<StoredImage, 'platforms' | 'labels' | 'denied'>;

const UNREADABLE: ConfigFacts = { platforms: undefined, labels: undefined };

/** The images of an index; undefined for a manifest of another kind. */
const entriesOf = ({ manifests }: Manifest) =>
  manifests?.filter(
    // buildx adds attestations as manifests without a platform.
    ({ annotations, platform }) =>
      annotations?.['vnd.docker.reference.type'] === undefined && platform?.os !== 'unknown',
  );

/** The images of an index as their own configs say; of another manifest, the image itself. */
export async function findEntries(
  repository: Repository,
  image: StoredImage,
): Promise<readonly (Pick<StoredImage, 'platforms'> | undefined)[]> {
  const entries = entriesOf(JSON.parse(image.manifest) as Manifest);
  if (entries === undefined) return [image];
  return Promise.all(entries.map(({ digest }) => findImage(repository, { digest })));
}

async function configOf(
  repository: Repository,
  manifest: Manifest,
  platform: string | undefined,
): Promise<ConfigFacts> {
  const images = entriesOf(manifest);
  if (images === undefined) return downloadConfig(repository, manifest);
  const platforms = images.flatMap(({ platform: own }) =>
    own === undefined ? [] : [platformName(own)],
  );
  const wanted = images.find(
    ({ platform: own }) => own !== undefined && platformName(own) === platform,
  );
  if (wanted === undefined) return { ...UNREADABLE, platforms };
  const inner = await readManifest(repository, { digest: wanted.digest }).catch(() => undefined);
  const facts =
    inner === undefined
      ? UNREADABLE
      : await downloadConfig(repository, JSON.parse(inner.manifest) as Manifest);
  return { ...facts, platforms };
}

async function downloadConfig(
  repository: Repository,
  { config }: Pick<Manifest, 'config'>,
): Promise<ConfigFacts> {
  if (config === undefined) return UNREADABLE;
  const [{ GetDownloadUrlForLayerCommand, client, place, options }, { download }] =
    await Promise.all([open(repository), import('./http.ts')]);
  try {
    const { downloadUrl } = await client.send(
      new GetDownloadUrlForLayerCommand({ ...place, layerDigest: config.digest }),
      options,
    );
    if (downloadUrl === undefined) throw brokenAnswer('ecr:GetDownloadUrlForLayer');
    const signal = AbortSignal.any([options.abortSignal, AbortSignal.timeout(DOWNLOAD_TIMEOUT)]);
    const body = await download(repository.aws.requestHandler, downloadUrl, signal);
    if (body === undefined) return UNREADABLE;
    const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
    if (digest !== config.digest) return UNREADABLE;
    const read = JSON.parse(body.toString('utf8')) as Platform & {
      readonly config?: { readonly Labels?: Readonly<Record<string, string>> | null } | null;
    };
    return { platforms: [platformName(read)], labels: read.config?.Labels ?? {} };
  } catch (error) {
    if (options.abortSignal.aborted) throw error;
    const isDenied = error instanceof EcsDeployError && error.code === 'permission-denied';
    return { ...UNREADABLE, ...(isDenied && { denied: error }) };
  }
}

function platformName({ os = 'linux', architecture = 'unknown' }: Platform): string {
  return `${os}/${architecture}`;
}
