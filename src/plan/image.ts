import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describeImage, findImage, findRepository, isImmutable, repositoryOf } from '../aws/ecr.ts';
import type { Repository, StoredImage } from '../aws/ecr.ts';
import type { Aws } from '../aws/client.ts';
import type { Context } from '../commands/context.ts';
import type { Answer } from '../core/checks.ts';
import { isTag, parseImageReference } from '../core/image.ts';
import { inspectImage } from '../docker/engine/inspect-image.ts';
import type { LocalImage } from '../docker/engine/inspect-image.ts';
import { checkContext } from '../docker/context/check.ts';
import { openDocker } from '../docker/engine/daemon.ts';
import type { Daemon } from '../docker/engine/daemon.ts';
import { runnablePlatforms } from '../docker/buildkit/workers.ts';
import { allOrRefuse, EcsDeployError, refuse } from '../errors.ts';
import { readSource } from '../git.ts';
import { enforce, examine } from './checks.ts';
import { checkPlatform, choosePlatform, proveImage } from './platform.ts';
import { optional } from '../aws/optional.ts';

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
  /** What its scan found. */
  readonly scan: Answer | undefined;
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
  const place = await findPlace(context, aws);
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
  const [emulation, ignoring] = [
    await checkEmulation(context, daemon, platform),
    checkIgnoreFile(context.config),
  ];
  enforce(
    context,
    await examine(context, '', {
      emulation: () => emulation,
      'build-context': () => ignoring,
    }),
  );
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
  const chosen = tasks.then((found) => choosePlatform(config.platform, found));
  const [place, [daemon, local], platform] = await allOrRefuse([
    findPlace(context, aws, tag),
    findLocal(context, image, chosen),
    chosen,
  ]);
  tellDaemon(context, daemon);
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
export async function findPlace(
  context: Context,
  aws: Aws,
  named = context.config.tag,
): Promise<Omit<ImagePlan, 'platform' | 'daemon' | 'local'>> {
  const { config } = context;
  const { directory } = config;
  const source = named === undefined ? commitTag(directory) : namedTag(directory, named);
  const [repository, { tag, labels }] = await allOrRefuse([
    findRepository(aws, config.repository ?? '', config.createRepository),
    source,
  ]);
  const reference = `${repository?.uri ?? config.repository}:${tag}`;
  if (repository === undefined) {
    return { reference, tag, labels, repository, existing: undefined, scan: undefined };
  }
  const [existing, ...others] = await Promise.all(
    [tag, ...config.extraTags].map(async (wanted) => {
      // A further tag is given to what is read here: without it that would fail after the push.
      if (config.extraTags.length > 0) return findImage(repository, { tag: wanted });
      const found = await readImage(context, repository, { tag: wanted });
      return found === 'missing' ? undefined : found;
    }),
  );
  const scan = existing && (await checkStored(context, repository, existing, reference));
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
  return { reference, tag, labels, repository, existing, scan };
}

/**
 * An image of ECR as far as it may be read, with a warning for what may not; undefined where it may
 * not be read at all, `missing` where there is none.
 */
export async function readImage(
  context: Pick<Context, 'emit'>,
  repository: Repository,
  wanted: Parameters<typeof findImage>[1],
): Promise<StoredImage | 'missing' | undefined> {
  const found = findImage(repository, wanted).then((image) => image ?? ('missing' as const));
  const image = await optional(context, 'ecr:BatchGetImage', found);
  if (typeof image === 'object' && image.withheld !== undefined) {
    await optional(context, 'the platform of the image', Promise.reject(image.withheld));
  }
  return image;
}

function immutable(reference: string, { digest }: StoredImage, hint: string): EcsDeployError {
  return new EcsDeployError({
    code: 'tag-immutable',
    message: `${reference} is another image already (${digest}), and the tags of its repository are immutable.`,
    hint,
  });
}

/** Opens the daemon that the settings name. */
export function findDaemon({ config, environment }: Context): Promise<Daemon> {
  return openDocker(environment, { host: config.dockerHost, context: config.dockerContext });
}

function tellDaemon({ emit }: Context, { address, version, standIn }: Daemon): void {
  const { host, source } = address;
  emit({ kind: 'docker-found', address: host, source, version, standIn });
}

async function findLocal(
  context: Context,
  image: string,
  platform: Promise<string>,
): Promise<[Daemon, LocalImage]> {
  const daemon = await findDaemon(context);
  const local = await inspectImage(daemon, image, await platform);
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

async function namedTag(directory: string, tag: string) {
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

/** Throws what a build lacks on this machine: secrets, context, Dockerfile. */
export async function checkBuild({ config, environment }: Context): Promise<void> {
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
  for (const { id, socket = environment['SSH_AUTH_SOCK'] ?? '' } of config.ssh) {
    const path = socket === '' ? undefined : resolve(config.directory, socket);
    if (path !== undefined && statSync(path, { throwIfNoEntry: false })?.isSocket()) continue;
    throw new EcsDeployError({
      code: 'secret-missing',
      message: `The ssh agent "${id}" cannot be reached: ${path === undefined ? 'SSH_AUTH_SOCK is not set' : `${path} is no socket`}.`,
      hint: 'start one and give it the key: eval "$(ssh-agent)" && ssh-add KEYFILE; then --ssh default',
    });
  }
  // Commands that run before the build may make the files that are looked for here.
  if (config.before.length === 0) await checkContext(config.context, config.dockerfile);
}

/** Whether this BuildKit can run steps for the platform; just the build knows whether it must. */
export async function checkEmulation(
  { config }: Context,
  daemon: Daemon,
  platform: string,
): Promise<Answer> {
  const source = await readFile(config.dockerfile, 'utf8').catch(() => '');
  if (daemon.standIn || !/^\s*RUN\s/im.test(source)) {
    return { status: 'skip', message: 'no step runs a program' };
  }
  const platforms = await runnablePlatforms(daemon);
  if (platforms === undefined) return { status: 'skip', message: 'this daemon does not say' };
  if (platform === `linux/${daemon.architecture}`) return { status: 'ok', message: platform };
  const cross =
    "let the step's stage say FROM --platform=$BUILDPLATFORM and compile for the other CPU";
  const elsewhere = 'build on a machine of that CPU (--docker-host ssh://HOST)';
  if (platforms.includes(platform)) {
    return {
      status: 'warn',
      message: `This Docker emulates ${platform}: RUN steps take several times as long.`,
      hint: `to be faster ${cross}, or ${elsewhere}`,
    };
  }
  return {
    status: 'warn',
    message: `This Docker runs programs for ${platforms.join(' and ')} only: a RUN step for ${platform} will fail with "exec format error".`,
    hint: `register emulation (docker run --privileged --rm tonistiigi/binfmt --install ${platform.replace('linux/', '')}), ${elsewhere}, or ${cross}`,
  };
}

/** Whether something keeps history and dependencies out of the build context. */
export function checkIgnoreFile({ context, dockerfile }: Context['config']): Answer {
  const files = [join(context, '.dockerignore'), `${dockerfile}.dockerignore`];
  if (files.some((file) => existsSync(file)))
    return { status: 'ok', message: 'there is a .dockerignore' };
  const found = ['.git', 'node_modules'].filter((name) => existsSync(join(context, name)));
  if (found.length === 0) return { status: 'ok', message: 'no .dockerignore is needed' };
  return {
    status: 'warn',
    message: `There is no .dockerignore, but ${found.join(' and ')}: COPY . takes all of it into the image.`,
    hint: `name them in ${files[0]}`,
  };
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
  const stored = await readImage(context, repository, { tag: tag ?? 'latest', digest });
  if (stored === 'missing') {
    if (context.config.skipCheck.includes('image-exists')) return { reference, stored: undefined };
    throw new EcsDeployError({
      code: 'image-missing',
      message: `ECR has no image ${reference}.`,
      hint: 'push it first (ecsdeploy push), or name one that exists; --skip-check image-exists goes on all the same',
    });
  }
  if (stored === undefined) return { reference, stored };
  const scan = await checkStored(context, repository, stored, reference);
  return { reference, stored, scan };
}

/** An image that exists already. */
export interface GivenImage {
  readonly reference: string;
  /** What ECR says of it; undefined when ECR does not hold it or may not be asked. */
  readonly stored: StoredImage | undefined;
  /** What its scan found. */
  readonly scan?: Answer;
}

/** Refuses an image that ECR has archived, and answers what its scan found. */
async function checkStored(
  context: Context,
  repository: Repository,
  { digest }: StoredImage,
  reference: string,
): Promise<Answer> {
  const { skipCheck } = context.config;
  const unknown: Answer = { status: 'skip', message: 'it was not scanned' };
  if (skipCheck.includes('image-exists') && skipCheck.includes('image-scan')) return unknown;
  const described = describeImage(repository, digest);
  const detail = await optional(context, 'ecr:DescribeImages', described);
  if (detail?.archived === true && !skipCheck.includes('image-exists')) {
    throw new EcsDeployError({
      code: 'image-archived',
      message: `ECR has archived ${reference}: tasks cannot pull it.`,
      hint: `restore it: aws ecr update-image-storage-class --repository-name ${repository.name} --image-id imageDigest=${digest} --target-storage-class STANDARD; --skip-check image-exists goes on all the same`,
    });
  }
  if (detail?.findings === undefined) return unknown;
  const { findings } = detail;
  const grave = GRAVE.filter((severity) => (findings[severity] ?? 0) > 0);
  if (grave.length === 0) return { status: 'ok', message: 'nothing grave was found' };
  return {
    status: 'warn',
    message: `The scan of ${reference} found ${grave.map((severity) => `${findings[severity]} ${severity}`).join(' and ')}.`,
    hint: `see what: aws ecr describe-image-scan-findings --repository-name ${repository.name} --image-id imageDigest=${digest}`,
  };
}

/** Severities of ECR's scan that are worth a warning. */
const GRAVE = ['CRITICAL', 'HIGH'];
