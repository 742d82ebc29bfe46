import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { findImage, findRepository, isArchived, isImmutable, repositoryOf } from '../aws/ecr.ts';
import type { Repository, StoredImage } from '../aws/ecr.ts';
import type { Aws } from '../aws/client.ts';
import type { Config } from '../config.ts';
import type { Context } from '../context.ts';
import { isTag, parseImageReference } from '../core/image.ts';
import { inspectImage } from '../docker/build.ts';
import type { LocalImage } from '../docker/build.ts';
import { checkContext } from '../docker/context.ts';
import { openDocker } from '../docker/daemon.ts';
import type { Daemon } from '../docker/daemon.ts';
import { runnablePlatforms } from '../docker/workers.ts';
import { allOrRefuse, EcsDeployError, refuse } from '../errors.ts';
import { readSource } from '../git.ts';
import { checkPlatform, choosePlatform, proveImage } from './platform.ts';
import { optional } from './session.ts';

/** What is going to happen to the image. */
export interface ImagePlan {
  /** `registry/repository:tag`; the registry is missing while the repository is yet to be created. */
  readonly reference: string;
  readonly tag: string;
  readonly platform: string;
  /** Undefined when it has to be created. */
  readonly repository: Repository | undefined;
  /** The image that is there already under this tag: nothing is built or pushed then. */
  readonly existing: StoredImage | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** The daemon that builds and pushes; undefined when neither is done. */
  readonly daemon: Daemon | undefined;
  /** The daemon's image to push; undefined when one is built. */
  readonly local: LocalImage | undefined;
}

/**
 * Finds repository, tag and daemon, and whether the image is there already; nothing is written.
 * `tasks` are the platforms that the tasks run on, as far as that is known.
 *
 * Throws every problem at once: repository, work tree, Dockerfile, daemon, platform.
 */
export async function planImage(
  context: Context,
  aws: Aws,
  tasks: Promise<readonly string[]>,
): Promise<ImagePlan> {
  const { config } = context;
  const source = config.tag === undefined ? commitTag(config.directory) : namedTag(config);
  const place = await findPlace(context, aws, source);
  const { reference, existing } = place;
  const platform = choosePlatform(config.platform, await tasks);
  if (existing !== undefined) {
    checkPlatform(context, {
      what: `${reference} is in ECR already, built`,
      platforms: existing.platforms,
      wanted: platform,
      hint: `build it anew under another tag: --platform ${platform} --tag TAG`,
    });
    return { ...place, platform, daemon: undefined, local: undefined };
  }
  const [daemon] = await allOrRefuse([findDaemon(context), checkBuild(context)]);
  tellDaemon(context, daemon);
  await checkEmulation(context, daemon, platform);
  return { ...place, platform, daemon, local: undefined };
}

/**
 * The same for an image that the daemon has: it is proven here, and pushed unless the repository
 * has it under that tag. The tag is the image's own unless another is named.
 *
 * Throws `image-missing`, `image-platform`, `tag-immutable`.
 */
export async function planLocalImage(
  context: Context,
  aws: Aws,
  image: string,
  tasks: Promise<readonly string[]>,
): Promise<ImagePlan> {
  const { config } = context;
  const { repository: name, tag: own } = parseImageReference(image);
  const tag = config.tag ?? (name === 'sha256' ? undefined : own);
  const source = tag === undefined ? commitTag(config.directory) : namedTag({ ...config, tag });
  const [place, [daemon, local]] = await allOrRefuse([
    findPlace(context, aws, source),
    findLocal(context, image),
  ]);
  tellDaemon(context, daemon);
  const platform = choosePlatform(config.platform, await tasks);
  const { existing, reference, repository } = place;
  if (existing !== undefined && [existing.config, existing.digest].includes(local.id)) {
    return { ...place, platform, daemon: undefined, local };
  }
  await proveImage(context, daemon, { reference: image, verb: 'has', local, wanted: platform });
  if (existing !== undefined && repository !== undefined && isImmutable(repository, place.tag)) {
    throw immutable(reference, existing, 'choose another tag with --tag');
  }
  return { ...place, existing: undefined, platform, daemon, local };
}

/** Where an image goes, and what is there. */
async function findPlace(
  context: Context,
  aws: Aws,
  source: Promise<{ tag: string; labels: Readonly<Record<string, string>> }>,
): Promise<Pick<ImagePlan, 'reference' | 'tag' | 'labels' | 'repository' | 'existing'>> {
  const { config } = context;
  const [repository, { tag, labels }] = await allOrRefuse([
    findRepository(aws, config.repository ?? '', config.createRepository),
    source,
  ]);
  const reference = `${repository?.uri ?? config.repository}:${tag}`;
  if (repository === undefined) return { reference, tag, labels, repository, existing: undefined };
  const find = (wanted: string) =>
    optional(context, 'ecr:BatchGetImage', findImage(repository, { tag: wanted }));
  const [existing, ...others] = await Promise.all([tag, ...config.extraTags].map(find));
  if (existing !== undefined) await checkArchived(context, repository, existing, reference);
  refuse(
    config.extraTags.flatMap((extra, index) => {
      const other = others[index];
      if (other === undefined || other.digest === existing?.digest) return [];
      const hint = `leave --extra-tag ${extra} out, or take it out of the immutable tags: aws ecr put-image-tag-mutability --repository-name ${repository.name} --image-tag-mutability IMMUTABLE_WITH_EXCLUSION --image-tag-mutability-exclusion-filters filterType=WILDCARD,filter=${extra}`;
      return isImmutable(repository, extra)
        ? [immutable(`${repository.uri}:${extra}`, other, hint)]
        : [];
    }),
  );
  return { reference, tag, labels, repository, existing };
}

function immutable(reference: string, { digest }: StoredImage, hint: string): EcsDeployError {
  return new EcsDeployError({
    code: 'tag-immutable',
    message: `${reference} is another image already (${digest}), and the tags of its repository are immutable.`,
    hint,
  });
}

function findDaemon({ config, environment }: Context): Promise<Daemon> {
  return openDocker(environment, { host: config.dockerHost, context: config.dockerContext });
}

function tellDaemon({ emit }: Context, { address, version, standIn }: Daemon): void {
  const { host, source } = address;
  emit({ kind: 'docker-found', address: host, source, version, standIn });
}

async function findLocal(context: Context, image: string): Promise<[Daemon, LocalImage]> {
  const daemon = await findDaemon(context);
  const local = await inspectImage(daemon, image);
  if (local !== undefined) return [daemon, local];
  throw new EcsDeployError({
    code: 'image-missing',
    message: `The Docker daemon at ${daemon.address.host} has no image ${image}.`,
    hint: 'docker image ls shows those it has; without --image one is built',
  });
}

async function commitTag(directory: string) {
  const { tag, commit, remote } = await readSource(directory);
  const labels: Record<string, string> = { 'org.opencontainers.image.revision': commit };
  if (remote !== undefined) labels['org.opencontainers.image.source'] = remote;
  return { tag, labels };
}

async function namedTag({ tag = '', directory }: Pick<Config, 'tag' | 'directory'>) {
  if (isTag(tag)) {
    const { labels } = await commitTag(directory).catch(() => ({ labels: {} }));
    return { tag, labels };
  }
  throw new EcsDeployError({
    code: 'tag-unknown',
    message: `"${tag}" is no image tag.`,
    hint: 'a tag has up to 128 letters, digits, "_", "." and "-", and starts with none of the last two',
  });
}

async function checkBuild({ config, environment }: Context): Promise<void> {
  for (const { id, src, env } of config.secrets) {
    const path = resolve(config.directory, src ?? id);
    const isThere = env === undefined ? existsSync(path) : environment[env] !== undefined;
    if (isThere) continue;
    throw new EcsDeployError({
      code: 'secret-missing',
      message: `The build secret "${id}" has no value: ${env === undefined ? `there is no file ${path}` : `${env} is not set`}.`,
      hint: 'give it with --secret id=NAME,src=FILE or id=NAME,env=VARIABLE',
    });
  }
  // Commands that run before the build may make the files that are looked for here.
  if (config.before.length === 0) await checkContext(config.context, config.dockerfile);
}

/**
 * Warns of steps that this BuildKit cannot run for the platform, or only slowly; just the build
 * knows whether it must.
 */
async function checkEmulation(
  { config, emit }: Context,
  daemon: Daemon,
  platform: string,
): Promise<void> {
  const source = await readFile(config.dockerfile, 'utf8').catch(() => '');
  if (daemon.standIn || !/^\s*RUN\s/im.test(source)) return;
  const platforms = await runnablePlatforms(daemon);
  if (platforms === undefined || platform === `linux/${daemon.architecture}`) return;
  const cross =
    "let the step's stage say FROM --platform=$BUILDPLATFORM and compile for the other CPU";
  const elsewhere = 'build on a machine of that CPU (--docker-host ssh://HOST)';
  if (platforms.includes(platform)) {
    emit({
      kind: 'warning',
      message: `This Docker emulates ${platform}: RUN steps take several times as long.`,
      hint: `to be faster ${cross}, or ${elsewhere}`,
    });
    return;
  }
  emit({
    kind: 'warning',
    message: `This Docker runs programs for ${platforms.join(' and ')} only: a RUN step for ${platform} will fail with "exec format error".`,
    hint: `register emulation (docker run --privileged --rm tonistiigi/binfmt --install ${platform.replace('linux/', '')}), ${elsewhere}, or ${cross}`,
  });
}

/** The image that `--image` names, checked against ECR where that is its registry. */
export async function findGivenImage(
  context: Context,
  aws: Aws,
  reference: string,
): Promise<GivenImage> {
  const { tag, digest } = parseImageReference(reference);
  const repository = await optional(
    context,
    'ecr:DescribeRepositories',
    repositoryOf(aws, reference),
  );
  if (repository === undefined) return { reference, stored: undefined };
  const stored = await optional(
    context,
    'ecr:BatchGetImage',
    findImage(repository, { tag: tag ?? 'latest', digest }).then(
      (found) => found ?? ('missing' as const),
    ),
  );
  if (stored === 'missing') {
    if (context.config.skipCheck.includes('image-exists')) return { reference, stored: undefined };
    throw new EcsDeployError({
      code: 'image-missing',
      message: `ECR has no image ${reference}.`,
      hint: 'push it first (ecsdeploy push), or name one that exists; --skip-check image-exists goes on all the same',
    });
  }
  if (stored === undefined) return { reference, stored };
  await checkArchived(context, repository, stored, reference);
  return { reference, stored };
}

/** An image that exists already. */
export interface GivenImage {
  readonly reference: string;
  /** What ECR says of it; undefined when ECR does not hold it or may not be asked. */
  readonly stored: StoredImage | undefined;
}

/** Tasks cannot pull an image that ECR has archived. */
async function checkArchived(
  context: Context,
  repository: Repository,
  { digest }: StoredImage,
  reference: string,
): Promise<void> {
  if (context.config.skipCheck.includes('image-exists')) return;
  if (!(await optional(context, 'ecr:DescribeImages', isArchived(repository, digest)))) return;
  throw new EcsDeployError({
    code: 'image-archived',
    message: `ECR has archived ${reference}: tasks cannot pull it.`,
    hint: `restore it: aws ecr update-image-storage-class --repository-name ${repository.name} --image-id imageDigest=${digest} --target-storage-class STANDARD; --skip-check image-exists goes on all the same`,
  });
}
