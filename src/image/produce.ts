import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Aws } from '../aws/client.ts';
import { createRepository, findImage, loginForHost, registryLogin, tagImage } from '../aws/ecr.ts';
import type { Repository, StoredImage } from '../aws/ecr.ts';
import { permissionDenied } from '../aws/errors.ts';
import type { Context } from '../commands/context.ts';
import { parseDenial } from '../core/iam.ts';
import type { ImageResult } from '../core/result.ts';
import { buildImage } from '../docker/build.ts';
import { inspectImage } from '../docker/engine/inspect-image.ts';
import type { LocalImage } from '../docker/engine/inspect-image.ts';
import { checkContext } from '../docker/context/check.ts';
import { whileConnected } from '../docker/engine/unavailable.ts';
import type { Daemon } from '../docker/engine/daemon.ts';
import { userLogin } from '../docker/engine/logins.ts';
import { pushImage } from '../docker/engine/push-image.ts';
import type { Pushed } from '../docker/engine/push-image.ts';
import { EcsDeployError } from '../errors.ts';
import { runProcess } from '../processes.ts';
import { readImage } from '../plan/image.ts';
import type { ImagePlan } from '../plan/image.ts';
import { proveImage } from '../plan/platform.ts';
import { since } from '../aws/optional.ts';

/** Wall seconds of building and pushing. */
export type ImageSeconds = Readonly<Partial<Record<'build' | 'push', number>>>;

/** An image and how long it took. */
export interface Produced {
  readonly image: ImageResult;
  readonly seconds: ImageSeconds;
}

/** Where an image goes, and through which daemon. */
interface Target {
  readonly daemon: Daemon;
  readonly repository: Repository;
  readonly tag: string;
  /** `registry/repository:tag`. */
  readonly reference: string;
  readonly platform: string;
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
): Promise<Produced> {
  const { emit } = context;
  const { platform, existing, repository: found, daemon, tag } = plan;
  if (daemon === undefined) {
    const digest = existing?.digest ?? null;
    emit({ kind: 'image-present', reference: plan.reference, digest: digest ?? '' });
    if (found !== undefined) await tagFurther(context, found, existing);
    const image = { reference: plan.reference, digest, platform, built: false, pushed: false };
    return { image, seconds: {} };
  }
  if (plan.local === undefined) await runBefore(context);
  const repository = found ?? (await makeRepository(context, aws));
  const reference = `${repository.uri}:${tag}`;
  const target = { daemon, repository, tag, reference, platform };

  const { local, seconds } = await whileConnected(
    daemon,
    plan.local === undefined
      ? build(context, aws, plan, target, running)
      : nameLocally(target, plan.local),
  );

  const start = performance.now();
  emit({ kind: 'push-started' });
  const { digest, layers } = await whileConnected(daemon, push(context, target, local));
  const push_ = since(start);
  emit({ kind: 'pushed', digest, seconds: push_, layers });
  const built = plan.local === undefined;
  return {
    image: { reference, digest, platform, built, pushed: true },
    seconds: { ...seconds, push: push_ },
  };
}

/** An image of the daemon that is ready to be pushed, and what it took. */
interface Ready {
  readonly local: LocalImage;
  readonly seconds: ImageSeconds;
}

async function nameLocally(
  { daemon: { docker }, repository, tag }: Target,
  local: LocalImage,
): Promise<Ready> {
  await docker.getImage(local.name).tag({ repo: repository.uri, tag });
  return { local, seconds: {} };
}

async function build(
  context: Context,
  aws: Aws,
  { labels }: ImagePlan,
  { daemon, repository, reference, platform }: Target,
  running: readonly string[],
): Promise<Ready> {
  const { config, environment, emit, signal } = context;
  const start = performance.now();
  if (config.before.length > 0) await checkContext(config.context, config.dockerfile);
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
      labels,
      noCache: config.noCache,
      pull: config.pull,
      cacheFrom: environment['CI']
        ? running.filter((image) => image.startsWith(`${repository.uri}:`))
        : undefined,
      secrets: readSecrets(context),
      agents: agentSockets(context),
      login: async (host) =>
        (await loginForHost(aws, repository, host)) ?? userLogin(environment, host),
    },
    emit,
    signal,
  );
  const local = await inspectImage(daemon, reference, platform);
  await proveImage(context, daemon, { reference, verb: 'built', local, wanted: platform });
  if (local === undefined) throw new Error(`the daemon built ${reference}, but does not have it`);
  const seconds = since(start);
  emit({ kind: 'built', platform: local.platform, seconds });
  return { local, seconds: { build: seconds } };
}

/** Pushes an image and proves that the registry has it under its tag, and what else is to be tagged. */
async function push(context: Context, target: Target, local: LocalImage): Promise<Pushed> {
  const { emit, signal } = context;
  const { daemon, repository, tag, reference, platform } = target;
  const login = () => registryLogin(repository);
  const { skipCheck, poll } = context.config;
  // As every limit of ours it goes with --poll: a second where it is left alone.
  const request = { repository: repository.uri, tag, platform, pause: poll / 3, login };
  const pushed = await pushImage(daemon, request, emit, signal).catch(async (error: unknown) => {
    const there = await sameImage(repository, tag, local, error);
    if (there === undefined) throw refusalOf(error) ?? error;
    return { digest: there.digest, layers: [] };
  });
  const found = await readImage(context, repository, { tag });
  const stored = found === 'missing' ? undefined : found;
  const wrong = (message: string, hint: string) =>
    new EcsDeployError({ code: 'digest-mismatch', message, hint });
  if (stored !== undefined && stored.digest !== pushed.digest) {
    throw wrong(
      `${reference} was pushed as ${pushed.digest}, but ECR holds ${stored.digest} under that tag.`,
      'somebody else pushed the same tag at the same time: run it again with another --tag',
    );
  }
  if (stored?.platforms?.includes(platform) === false && !skipCheck.includes('image-platform')) {
    throw wrong(
      `${reference} was pushed for ${platform}, but ECR holds an image for ${stored.platforms.join(', ')}.`,
      'run it again with another --tag; if that does not help, this is a bug of the Docker daemon',
    );
  }
  await tagFurther(context, repository, stored);
  return pushed;
}

/** The permission that the registry says is missing; undefined for other failures of a push. */
function refusalOf(error: unknown): EcsDeployError | undefined {
  const denial = parseDenial((error as Error).message);
  return denial && permissionDenied(denial, error);
}

/** The image of an immutable tag that somebody else pushed meanwhile, if it is this very image. */
async function sameImage(
  repository: Repository,
  tag: string,
  { id }: LocalImage,
  error: unknown,
): Promise<StoredImage | undefined> {
  if (!/immutable/.test((error as Error).message)) return undefined;
  const there = await findImage(repository, { tag });
  return there?.config === id || there?.digest === id ? there : undefined;
}

/** Gives the image its further tags, without the daemon. */
async function tagFurther(
  { config: { extraTags: tags }, emit }: Context,
  repository: Repository,
  stored: StoredImage | undefined,
): Promise<void> {
  if (tags.length === 0) return;
  if (stored === undefined) {
    throw new EcsDeployError({
      code: 'permission-denied',
      message: `The image was pushed, but not tagged ${tags.join(', ')}: that needs ecr:BatchGetImage.`,
      hint: 'allow ecr:BatchGetImage on the repository, or leave --extra-tag out',
    });
  }
  await Promise.all(tags.map((tag) => tagImage(repository, stored, tag)));
  emit({ kind: 'image-tagged', tags });
}

function agentSockets({ config, environment }: Context): Map<string, string> {
  return new Map(
    config.ssh.map(({ id, socket = environment['SSH_AUTH_SOCK'] ?? '' }) => [
      id,
      resolve(config.directory, socket),
    ]),
  );
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
