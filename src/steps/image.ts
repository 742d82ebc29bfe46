import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  createRepository,
  findImage,
  findRepository,
  isArchived,
  loginForHost,
  registryLogin,
  repositoryOf,
} from '../aws/ecr.ts';
import type { Repository, StoredImage } from '../aws/ecr.ts';
import type { Aws } from '../aws/client.ts';
import type { Context } from '../context.ts';
import { isTag, parseImageReference } from '../core/image.ts';
import type { ImageResult } from '../core/result.ts';
import { buildImage, inspectImage } from '../docker/build.ts';
import { checkContext } from '../docker/context.ts';
import { openDocker } from '../docker/daemon.ts';
import type { Daemon } from '../docker/daemon.ts';
import { userLogin } from '../docker/logins.ts';
import { readProgram } from '../docker/program.ts';
import { pushImage } from '../docker/push.ts';
import { runnablePlatforms } from '../docker/workers.ts';
import { allOrRefuse, EcsDeployError } from '../errors.ts';
import { readSource } from '../git.ts';
import { runProcess } from '../processes.ts';
import { optional, since } from './session.ts';

/** What is going to happen to the image. */
export interface ImagePlan {
  /** `registry/repository:tag`; the registry is missing while the repository is yet to be created. */
  readonly reference: string;
  readonly tag: string;
  /** Undefined when it has to be created. */
  readonly repository: Repository | undefined;
  /** The image that is there already under this tag: nothing is built then. */
  readonly existing: StoredImage | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** The daemon that builds; undefined when nothing is built. */
  readonly daemon: Daemon | undefined;
}

/** Wall seconds of building and pushing. */
export type ImageSeconds = Readonly<Partial<Record<'build' | 'push', number>>>;

/**
 * Finds repository, tag and daemon, and whether the image is there already; nothing is written.
 *
 * Throws every problem at once: repository, work tree, Dockerfile, daemon, platform.
 */
export async function planImage(context: Context, aws: Aws): Promise<ImagePlan> {
  const { config } = context;
  const [repository, source] = await allOrRefuse([
    findRepository(aws, config.repository ?? '', config.createRepository),
    config.tag === undefined ? commitTag(config.directory) : namedTag(config.tag),
  ]);
  const { tag, labels } = source;
  const existing =
    repository === undefined
      ? undefined
      : await optional(context, 'ecr:BatchGetImage', findImage(repository, { tag }));
  const reference = `${repository?.uri ?? config.repository}:${tag}`;
  if (existing !== undefined) {
    checkPlatform(context, {
      what: `${reference} is in ECR already, built`,
      platforms: existing.platforms,
      wanted: config.platform,
      hint: `build it anew under another tag: --platform ${config.platform} --tag TAG`,
    });
    return { reference, tag, repository, existing, labels, daemon: undefined };
  }
  const named = { host: config.dockerHost, context: config.dockerContext };
  const [daemon] = await allOrRefuse([openDocker(context.environment, named), checkBuild(context)]);
  const { address, version, standIn } = daemon;
  context.emit({ kind: 'docker-found', address: address.host, version, standIn });
  await checkEmulation(context, daemon);
  return { reference, tag, repository, existing, labels, daemon };
}

async function commitTag(directory: string) {
  const { tag, commit, remote } = await readSource(directory);
  const labels: Record<string, string> = { 'org.opencontainers.image.revision': commit };
  if (remote !== undefined) labels['org.opencontainers.image.source'] = remote;
  return { tag, labels };
}

async function namedTag(tag: string) {
  if (isTag(tag)) return { tag, labels: {} };
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

/** Warns of steps that this BuildKit cannot run for the platform; only the build knows whether it must. */
async function checkEmulation({ config, emit }: Context, daemon: Daemon): Promise<void> {
  const source = await readFile(config.dockerfile, 'utf8').catch(() => '');
  if (daemon.standIn || !/^\s*RUN\s/im.test(source)) return;
  const platforms = await runnablePlatforms(daemon);
  if (platforms === undefined || platforms.includes(config.platform)) return;
  emit({
    kind: 'warning',
    message: `This Docker runs programs for ${platforms.join(' and ')} only: a RUN step for ${config.platform} will fail with "exec format error".`,
    hint: `register emulation (docker run --privileged --rm tonistiigi/binfmt --install ${config.platform.replace('linux/', '')}), build on a machine of that CPU (DOCKER_HOST=ssh://HOST), or let the step's stage say FROM --platform=$BUILDPLATFORM`,
  });
}

/** An image whose platforms are compared with the one the tasks run on. */
export interface PlatformCheck {
  /** The image with its verb, e.g. `The image would be built`. */
  readonly what: string;
  /** Undefined when they could not be read. */
  readonly platforms: readonly string[] | undefined;
  readonly wanted: string;
  readonly hint: string;
}

/** Refuses an image that lacks the platform the tasks run on. */
export function checkPlatform({ config }: Context, check: PlatformCheck): void {
  const { what, platforms, wanted, hint } = check;
  if (config.skipCheck.includes('image-platform') || platforms === undefined) return;
  if (platforms.includes(wanted)) return;
  throw new EcsDeployError({
    code: 'image-platform',
    message: `${what} for ${platforms.join(', ')}, but the tasks run on ${wanted}: the container would die with "exec format error".`,
    hint: `${hint}; --skip-check image-platform goes on all the same`,
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
  if (stored === undefined || context.config.skipCheck.includes('image-exists')) {
    return { reference, stored };
  }
  if (await optional(context, 'ecr:DescribeImages', isArchived(repository, stored.digest))) {
    throw new EcsDeployError({
      code: 'image-archived',
      message: `ECR has archived ${reference}: tasks cannot pull it.`,
      hint: `restore it: aws ecr update-image-storage-class --repository-name ${repository.name} --image-id imageDigest=${stored.digest} --target-storage-class STANDARD; --skip-check image-exists goes on all the same`,
    });
  }
  return { reference, stored };
}

/** An image that exists already. */
export interface GivenImage {
  readonly reference: string;
  /** What ECR says of it; undefined when ECR does not hold it or may not be asked. */
  readonly stored: StoredImage | undefined;
}

/**
 * Builds and pushes what the plan says, or nothing when the image is there; proves platform and
 * digest. In CI, where a daemon starts empty, layers of the images that run are taken over.
 */
export async function produceImage(
  context: Context,
  aws: Aws,
  plan: ImagePlan,
  running: readonly string[] = [],
): Promise<{ readonly image: ImageResult; readonly seconds: ImageSeconds }> {
  const { config, emit, signal } = context;
  const { platform } = config;
  if (plan.existing !== undefined || plan.daemon === undefined) {
    const digest = plan.existing?.digest ?? null;
    emit({ kind: 'image-present', reference: plan.reference, digest: digest ?? '' });
    const image = { reference: plan.reference, digest, platform, built: false, pushed: false };
    return { image, seconds: {} };
  }
  const { daemon, tag } = plan;
  await runBefore(context);
  if (config.before.length > 0) await checkContext(config.context, config.dockerfile);
  const repository = plan.repository ?? (await makeRepository(context, aws));
  const reference = `${repository.uri}:${tag}`;

  const buildStart = performance.now();
  emit({ kind: 'build-started', platform });
  await buildImage(
    daemon,
    {
      reference,
      platform,
      context: config.context,
      dockerfile: config.dockerfile,
      target: config.target,
      args: config.args,
      labels: plan.labels,
      noCache: config.noCache,
      pull: config.pull,
      cacheFrom: context.environment['CI']
        ? running.filter((image) => image.startsWith(`${repository.uri}:`))
        : undefined,
      secrets: readSecrets(context),
      login: async (host) =>
        (await loginForHost(aws, repository, host)) ?? userLogin(context.environment, host),
    },
    emit,
    signal,
  );
  const built = await inspectImage(daemon, reference);
  checkPlatform(context, {
    what: `Docker built ${reference}`,
    platforms: [built?.platform ?? 'no platform at all'],
    wanted: platform,
    hint: `take the --platform out of FROM in the Dockerfile, so that --platform ${platform} decides`,
  });
  const program = await readProgram(daemon, reference);
  checkPlatform(context, {
    what: `${program?.path} in ${reference} is compiled`,
    platforms: program && [`linux/${program.architecture}`],
    wanted: platform,
    hint: `build it inside the image with --platform ${platform}, or copy in a program for that CPU`,
  });
  const build = since(buildStart);
  emit({ kind: 'built', platform: built?.platform ?? platform, seconds: build });

  const pushStart = performance.now();
  emit({ kind: 'push-started' });
  const { digest, layers } = await pushImage(
    daemon,
    { repository: repository.uri, tag, login: () => registryLogin(repository) },
    emit,
    signal,
  );
  const stored = await optional(context, 'ecr:BatchGetImage', findImage(repository, { tag }));
  if (stored !== undefined && stored.digest !== digest) {
    throw new EcsDeployError({
      code: 'digest-mismatch',
      message: `${reference} was pushed as ${digest}, but ECR holds ${stored.digest} under that tag.`,
      hint: 'somebody else pushed the same tag at the same time: run it again with another --tag',
    });
  }
  const push = since(pushStart);
  emit({ kind: 'pushed', digest, seconds: push, layers });
  return {
    image: { reference, digest, platform, built: true, pushed: true },
    seconds: { build, push },
  };
}

/** The build's secrets, each to be read when a step asks for it. */
function readSecrets({ config, environment }: Context): Map<string, () => Promise<Buffer>> {
  return new Map(
    config.secrets.map(({ id, src, env }) => [
      id,
      async () =>
        env === undefined
          ? readFile(resolve(config.directory, src ?? id))
          : Buffer.from(environment[env] ?? ''),
    ]),
  );
}

async function makeRepository({ config, emit }: Context, aws: Aws): Promise<Repository> {
  const made = await createRepository(aws, config.repository ?? '');
  emit({ kind: 'repository-created', uri: made.uri });
  return made;
}

async function runBefore({ config, emit, signal }: Context): Promise<void> {
  for (const command of config.before) {
    emit({ kind: 'before-started', command });
    const { status, tail } = await runProcess({
      command,
      directory: config.directory,
      signal,
      onLine: (line) => emit({ kind: 'before-output', line }),
    });
    if (status === 0) continue;
    const quoted = tail.map((line) => `\n  | ${line}`).join('');
    throw new EcsDeployError({
      code: 'before-failed',
      message: `"${command}" (build.before) ended with ${status === null ? 'a signal' : `status ${status}`}.${quoted}`,
      hint: `run it by hand in ${config.directory}`,
    });
  }
}
