import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { describeImage, findDigest, findImage } from '../aws/images.ts';
import type { ImageDetail, ImageId, StoredImage } from '../aws/images.ts';
import { awsErrorName } from '../aws/errors.ts';
import { isUnknown, optional } from '../aws/optional.ts';
import { readCiJob } from '../core/ci.ts';
import { findRepository, repositoryOf } from '../aws/repositories.ts';
import type { Repository } from '../aws/repositories.ts';
import {
  DEFAULT_PLATFORM,
  INPUTS_LABEL,
  isTag,
  parseImageReference,
  pinnedName,
  platformsIn,
} from '../core/image.ts';
import type { BuildKit } from '../docker/buildkit/builder.ts';
import type { Daemon } from '../docker/engine/daemon.ts';
import type { LocalImage } from '../docker/engine/inspect-image.ts';
import { allOrRefuse, EcsDeployError } from '../errors.ts';
import type { Config } from '../settings/config.ts';
import type { ObserveTools } from './observe.ts';
import type { Source } from '../git.ts';
import type { BuildInputs, ContextGaps, InputSettings, ToldSource } from './identity.ts';
import { attempt, valueOf } from './read.ts';
import type { Read } from './read.ts';

/** An image of ECR, as far as it can be read. */
export interface ReadImage {
  /** `missing` if the repository does not hold it; undefined if it cannot be read. */
  readonly stored: StoredImage | 'missing' | 'missing-repository' | undefined;
  /** Undefined if it was not read. */
  readonly detail: ImageDetail | undefined;
}

/** Where an image is pushed to, and the image that is already there. */
export interface Destination {
  /** `registry/repository:tag`; without a registry while the repository does not exist. */
  readonly reference: string;
  readonly tag: string;
  /** Labels of the image that is built, with the hash of its inputs under {@link INPUTS_LABEL}. */
  readonly labels: Readonly<Record<string, string>>;
  readonly gaps: ContextGaps;
  /** Undefined when it has to be created. */
  readonly repository: Repository | undefined;
  readonly present: ReadImage;
  /** The images that the additional tags name now. */
  readonly extras: readonly { readonly tag: string; readonly stored: StoredImage | undefined }[];
}

/** What a build on this machine uses. */
export interface BuildPlace {
  readonly machine: Read<Daemon | BuildKit>;
  /** Context, Dockerfile, secrets and ssh agents. */
  readonly files: Read<void>;
  /** Absolute. */
  readonly dockerfile: string;
  /** The Dockerfile runs programs. */
  readonly hasRun: boolean;
  /** Platforms whose programs it can run; undefined if it does not report them. */
  readonly runnable: readonly string[] | undefined;
  /** Absolute path of the .dockerignore, and whether it or a DOCKERFILE.dockerignore exists. */
  readonly ignoreFile: string;
  readonly hasIgnoreFile: boolean;
  /** Those of `.git` and `node_modules` that the Dockerfile copies with the whole context. */
  readonly heavy: readonly string[];
}

/** An image that is used as it is. */
export interface GivenImage {
  readonly kind: 'given';
  readonly reference: string;
  readonly read: Read<ReadImage>;
}

/** The image of a run as it was read. */
export type ObservedImage =
  | GivenImage
  | {
      readonly kind: 'built';
      readonly destination: Read<Destination>;
      /** Undefined when nothing has to be built, and no daemon is named. */
      readonly build: BuildPlace | undefined;
    }
  | {
      readonly kind: 'local';
      readonly name: string;
      readonly destination: Read<Destination>;
      readonly local: Read<LocalImage & { readonly daemon: Daemon }>;
    };

type ImageSettings = InputSettings &
  Pick<
    Config,
    | 'repository'
    | 'secretsDirectory'
    | 'tag'
    | 'extraTags'
    | 'createRepository'
    | 'dockerHost'
    | 'dockerContext'
    | 'builder'
    | 'skipCheck'
    | 'rebuild'
    | 'noCache'
    | 'pull'
  >;

/** Whether an image is built although its tag exists. */
export function isRebuild({
  rebuild,
  noCache,
  pull,
}: Partial<Pick<Config, 'rebuild' | 'noCache' | 'pull'>>): boolean {
  return rebuild === true || noCache === true || pull === true;
}

/** What all images of a run read, once when the first needs it. */
export interface SharedReads {
  readonly source: () => Promise<Source>;
  /** The commit from the variables of the CI system, where git cannot read it; undefined without one. */
  readonly told: () => Promise<ToldSource | undefined>;
  readonly daemon: () => Promise<Daemon>;
}

/** The reads that the images of a config share. */
export function shareReads(
  { environment, emit }: Pick<ObserveTools, 'environment' | 'emit'>,
  config: Pick<Config, 'directory' | 'dockerHost' | 'dockerContext'>,
): SharedReads {
  // Loaded here: a deploy of an image that exists needs neither git nor Docker.
  const source = once(async () => (await import('../git.ts')).readSource(config.directory));
  return {
    source,
    told: once(async () => {
      const { commit, commitVariable: variable, branch, repository } = readCiJob(environment) ?? {};
      if (commit === undefined || variable === undefined) return undefined;
      emit({ kind: 'commit-from-ci', commit, branch, variable });
      const { withoutCredentials } = await import('../git.ts');
      return { commit, remote: repository && withoutCredentials(repository) };
    }),
    daemon: once(() => findDaemon(environment, config)),
  };
}

function once<T>(read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | undefined;
  return () => (reading ??= read());
}

/** Reads where the image goes, whether it already exists, and what a build on this machine uses. */
export async function observeBuild(
  tools: ObserveTools,
  config: ImageSettings,
  platform: Promise<string | undefined>,
  shared = shareReads(tools, config),
): Promise<ObservedImage> {
  const inputs = readBuildInputs(config, tools.aws.options.signal, shared);
  const destination = await attempt(
    observeDestination(tools, config, { named: config.tag, inputs, platform }),
  );
  const isPresent = 'value' in destination && typeof destination.value.present.stored === 'object';
  const { dockerHost, dockerContext, builder } = config;
  // What is named must be there, even when it is not needed this time.
  const isNamed = (dockerHost ?? dockerContext ?? builder) !== undefined;
  const isNeeded = !isPresent || isRebuild(config) || isNamed;
  return {
    kind: 'built',
    destination,
    build: isNeeded ? await observeBuildPlace(tools, config, shared, await platform) : undefined,
  };
}

/** Reads an image of the daemon and where it goes; it keeps its tag unless another one is named. */
export async function observeLocal(
  tools: ObserveTools,
  config: ImageSettings,
  name: string,
  platform: Promise<string | undefined>,
): Promise<ObservedImage> {
  const { repository, tag } = parseImageReference(name);
  const own = repository === 'sha256' ? undefined : tag;
  const named = config.tag ?? own;
  // The inputs of a build say nothing about an image that exists; they only give a default tag.
  const inputs =
    named === undefined
      ? readBuildInputs(config, tools.aws.options.signal, shareReads(tools, config))
      : NO_INPUTS;
  const [destination, local] = await Promise.all([
    attempt(observeDestination(tools, config, { named, inputs, platform })),
    attempt(findLocal(tools, config, name, platform)),
  ]);
  return { kind: 'local', name, destination, local };
}

/** Reads a named image, if it is in ECR. */
export async function observeGiven(
  tools: ObserveTools,
  config: Pick<Config, 'skipCheck' | 'repository'>,
  reference: string,
): Promise<GivenImage> {
  return { kind: 'given', reference, read: await attempt(readGiven(tools, config, reference)) };
}

/** Reads an image by its reference; nothing is known about an image outside ECR. */
async function readGiven(
  tools: ObserveTools,
  config: Pick<Config, 'skipCheck' | 'repository'>,
  reference: string,
): Promise<ReadImage> {
  const named = repositoryOf(tools.aws, reference);
  const unknown: ReadImage = { stored: undefined, detail: undefined };
  if (named === undefined) await checkShortName(tools, config, reference);
  if (named === undefined) return unknown;
  const { tag = 'latest', digest } = parseImageReference(reference);
  // Reading before the owner of the registry is known saves a round of calls.
  const [isOurs, read] = await Promise.all([
    named.isOurs,
    attempt(readImage(tools, config, named.repository, { tag, digest })),
  ]);
  if (!isOurs) return unknown;
  if ('value' in read) return read.value;
  if (awsErrorName(read.error) !== 'RepositoryNotFoundException') throw read.error;
  return { stored: 'missing-repository', detail: undefined };
}

/**
 * The name of an image in a definition that is only rendered: with its digest where ECR has it,
 * because rendering needs neither AWS nor that the image exists.
 */
export async function resolveName(
  tools: Pick<ObserveTools, 'aws' | 'emit'>,
  pin: Config['pin'],
  reference: string,
): Promise<string> {
  const { tag = 'latest', digest } = parseImageReference(reference);
  const named =
    pin === 'tag' || digest !== undefined ? undefined : repositoryOf(tools.aws, reference);
  if (named === undefined || !(await named.isOurs)) return reference;
  const reading = findDigest(named.repository, { tag }).then((found) => {
    if (found !== undefined) return found;
    const message = `ECR has no image ${reference}: the task definition names its tag, without a digest.`;
    tools.emit({ kind: 'warning', message, hint: 'push it before you register the definition' });
    return undefined;
  });
  const found = await optional(
    tools,
    `the digest of ${reference}`,
    reading,
    (error) => error instanceof EcsDeployError,
  );
  return pinnedName(pin, { reference, digest: found ?? null });
}

/** Throws `config-invalid` for a name without a registry that is the one of the ECR repository. */
async function checkShortName(
  { aws }: ObserveTools,
  { repository: configured }: Pick<Config, 'repository'>,
  reference: string,
): Promise<void> {
  const { repository: name } = parseImageReference(reference);
  if (configured === undefined || parseImageReference(configured).repository !== name) return;
  const found = await attempt(findRepository(aws, configured, true));
  const uri = valueOf(found)?.uri ?? configured;
  throw new EcsDeployError({
    code: 'config-invalid',
    message: `The image "${reference}" names no registry, so ECS would pull it from Docker Hub, but ${name} is the ECR repository of this configuration.`,
    hint: `use its full name: ${uri}${reference.slice(name.length)}\nfor the image of Docker Hub: docker.io/${name.includes('/') ? '' : 'library/'}${reference}`,
  });
}

async function readImage(
  tools: Pick<ObserveTools, 'emit'>,
  { skipCheck }: Pick<Config, 'skipCheck'>,
  repository: Repository,
  wanted: ImageId,
  platform?: string,
): Promise<ReadImage> {
  const isDetailUsed = !(skipCheck.includes('image-exists') && skipCheck.includes('image-scan'));
  const [stored, detail] = await Promise.all([
    readStored(tools, repository, wanted, platform),
    isDetailUsed
      ? optional(tools, 'ecr:DescribeImages', describeImage(repository, wanted), isUnknown)
      : undefined,
  ]);
  return { stored, detail };
}

/** An image of ECR with one warning for each permission that is missing. */
export async function readStored(
  { emit }: Pick<ObserveTools, 'emit'>,
  repository: Repository,
  wanted: ImageId,
  platform?: string,
): Promise<StoredImage | 'missing' | undefined> {
  const found = findImage(repository, wanted, platform).then(
    (image) => image ?? ('missing' as const),
  );
  const image = await optional({ emit }, 'ecr:BatchGetImage', found, isUnknown);
  if (typeof image === 'object' && image.denied !== undefined) {
    await optional({ emit }, 'the platform of the image', Promise.reject(image.denied));
  }
  return image;
}

interface Wanted {
  /** The tag; undefined for the default. */
  readonly named: string | undefined;
  readonly inputs: Promise<BuildInputs>;
  /** Undefined for the default. */
  readonly platform: Promise<string | undefined>;
}

async function observeDestination(
  tools: ObserveTools,
  config: ImageSettings,
  { named, inputs: reading, platform: choosing }: Wanted,
): Promise<Destination> {
  const { extraTags, createRepository, repository: name = '' } = config;
  const [repository, built, platform = DEFAULT_PLATFORM] = await allOrRefuse([
    findRepository(tools.aws, name, createRepository),
    reading,
    choosing,
  ]);
  const { source, told, gaps } = built;
  const { commit, remote } = source ?? told ?? {};
  const { identify } = await import('./identity.ts');
  const identity = identify(built, config, platform);
  const tag = checkTag(named ?? identity.tag ?? '');
  const labels = {
    ...(commit !== undefined && { 'org.opencontainers.image.revision': commit }),
    ...(remote !== undefined && { 'org.opencontainers.image.source': remote }),
    ...config.labels,
    [INPUTS_LABEL]: identity.inputs,
  };
  const reference = `${repository?.uri ?? name}:${tag}`;
  if (repository === undefined || repository.isCreatedOnPush === true) {
    const present = { stored: undefined, detail: undefined };
    return { reference, tag, labels, gaps, repository, present, extras: [] };
  }
  const [present, ...extras] = await Promise.all([
    readImage(tools, config, repository, { tag }, platformsIn(platform)[0]),
    ...extraTags.map(async (extra) => ({
      tag: extra,
      // Adding a tag requires reading images, so this read is not optional.
      stored: await findImage(repository, { tag: extra }),
    })),
  ]);
  return { reference, tag, labels, gaps, repository, present, extras };
}

const NO_INPUTS: Promise<BuildInputs> = Promise.resolve({
  source: undefined,
  told: undefined,
  tree: undefined,
  changes: undefined,
  contexts: {},
  gaps: { submodules: [], pointers: [] },
});

/** The inputs of a build; without a named tag they must have a commit, of git or of the CI system. */
async function readBuildInputs(
  config: ImageSettings,
  signal: AbortSignal,
  shared: Pick<SharedReads, 'source' | 'told'>,
): Promise<BuildInputs> {
  const { tag, before } = config;
  if (tag !== undefined) checkTag(tag);
  const { readInputs } = await import('./identity.ts');
  let told: ToldSource | undefined;
  const source = await shared.source().catch(async (error: unknown) => {
    if (!(error instanceof EcsDeployError)) throw error;
    // Commands of a repository that git refuses to read must not run.
    if (error.code === 'git-distrusted' && before.length > 0) throw error;
    told = await shared.told();
    if (tag === undefined && told === undefined) throw error;
    return undefined;
  });
  return readInputs(source, config, signal, told);
}

function checkTag(tag: string): string {
  if (isTag(tag)) return tag;
  throw new EcsDeployError({
    code: 'tag-unknown',
    message: `"${tag}" is not a valid image tag.`,
    hint: 'a tag has up to 128 letters, digits, "_", "." and "-", and does not start with "." or "-"',
  });
}

/** `COPY .` or `ADD .` of the whole context, as words or as JSON. */
const COPIES_ALL = /^\s*(?:COPY|ADD)\s+(?:--(?!from=)\S+\s+)*(?:\.\/?\s|\[\s*"\.\/?")/im;

async function observeBuildPlace(
  { environment }: ObserveTools,
  config: ImageSettings,
  shared: Pick<SharedReads, 'daemon'>,
  platform: string | undefined,
): Promise<BuildPlace> {
  const { context, dockerfile, paths = [context] } = config;
  const isSent = (path: string) => paths.some((own) => !relative(own, path).startsWith('..'));
  const [machine, files, source] = await Promise.all([
    attempt(findMachine(environment, config, shared, platformsIn(platform ?? DEFAULT_PLATFORM))),
    attempt(checkFiles(environment, config)),
    readFile(dockerfile, 'utf8').catch(() => ''),
  ]);
  const hasRun = /^\s*RUN\s/im.test(source);
  const opened = valueOf(machine);
  const ignoreFile = join(context, '.dockerignore');
  return {
    machine,
    files,
    dockerfile,
    hasRun,
    runnable: opened !== undefined && hasRun ? await platformsOf(opened) : undefined,
    ignoreFile,
    hasIgnoreFile: existsSync(ignoreFile) || existsSync(`${dockerfile}.dockerignore`),
    heavy: ['.git', 'node_modules'].filter((name) => {
      const path = join(context, name);
      return COPIES_ALL.test(source) && existsSync(path) && isSent(path);
    }),
  };
}

async function platformsOf(machine: Daemon | BuildKit): Promise<readonly string[] | undefined> {
  if ('connect' in machine) return machine.platforms;
  if (machine.standIn) return undefined;
  const { runnablePlatforms } = await import('../docker/buildkit/workers.ts');
  return runnablePlatforms(machine);
}

/** What builds an image: the daemon, or a BuildKit that can do what the daemon's usual way cannot. */
async function findMachine(
  environment: ObserveTools['environment'],
  { builder, provenance, sbom }: Pick<Config, 'builder' | 'provenance' | 'sbom'>,
  shared: Pick<SharedReads, 'daemon'>,
  platforms: readonly string[],
): Promise<Daemon | BuildKit> {
  const needs = [
    ...(platforms.length > 1 ? ['build for several platforms'] : []),
    ...(provenance === undefined && !sbom ? [] : ['attach what is known about the build']),
  ];
  if (builder === undefined && needs.length === 0) return shared.daemon();
  const [{ findBuilder }, { isBuildKit, openBuilder, openDaemonBuilder }] = await Promise.all([
    import('../docker/engine/builders.ts'),
    import('../docker/buildkit/builder.ts'),
  ]);
  const machine =
    builder === undefined
      ? await shared.daemon()
      : await openBuilder(environment, findBuilder(environment, builder), platforms);
  if (isBuildKit(machine) || needs.length === 0) return machine;
  return openDaemonBuilder(machine, needs.join(' and '));
}

async function findDaemon(
  environment: ObserveTools['environment'],
  { dockerHost, dockerContext }: Pick<Config, 'dockerHost' | 'dockerContext'>,
): Promise<Daemon> {
  const { openDocker } = await import('../docker/engine/daemon.ts');
  return openDocker(environment, { host: dockerHost, context: dockerContext });
}

async function findLocal(
  { environment }: ObserveTools,
  config: ImageSettings,
  name: string,
  platform: Promise<string | undefined>,
): Promise<LocalImage & { readonly daemon: Daemon }> {
  const daemon = await findDaemon(environment, config);
  const { inspectImage } = await import('../docker/engine/inspect-image.ts');
  const local = await inspectImage(daemon, name, await platform);
  if (local !== undefined) return { ...local, daemon };
  throw new EcsDeployError({
    code: 'image-missing',
    message: `The Docker daemon at ${daemon.address.host} has no image ${name}.`,
    hint: 'list its images with docker image ls; without --image one is built',
  });
}

/** Throws if this machine lacks something that the build needs: secrets, ssh agents, context, Dockerfile. */
async function checkFiles(
  environment: ObserveTools['environment'],
  { secrets, ssh, secretsDirectory, before, context, dockerfile, paths }: ImageSettings,
): Promise<void> {
  for (const { id, src, env } of secrets) {
    const path = resolve(secretsDirectory, src ?? id);
    const isThere = env === undefined ? existsSync(path) : environment[env] !== undefined;
    if (isThere) continue;
    throw new EcsDeployError({
      code: 'secret-missing',
      message: `The build secret "${id}" has no value: ${env === undefined ? `there is no file ${path}` : `${env} is not set`}.`,
      hint: 'give it with --secret id=NAME,src=FILE or id=NAME,env=VARIABLE',
    });
  }
  for (const { id, socket = environment['SSH_AUTH_SOCK'] ?? '' } of ssh) {
    const path = socket === '' ? undefined : resolve(secretsDirectory, socket);
    if (path !== undefined && statSync(path, { throwIfNoEntry: false })?.isSocket()) continue;
    throw new EcsDeployError({
      code: 'secret-missing',
      message: `Cannot reach the ssh agent "${id}": ${path === undefined ? 'SSH_AUTH_SOCK is not set' : `${path} is not a socket`}.`,
      hint: 'start one and add the key: eval "$(ssh-agent)" && ssh-add KEYFILE; then --ssh default',
    });
  }
  // Commands that run before the build can create the files that are checked here.
  if (before.length > 0) return;
  const { checkContext } = await import('../docker/context/check.ts');
  await checkContext({ context, dockerfile, paths });
}
