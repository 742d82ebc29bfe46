import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Aws } from '../aws/client.ts';
import { permissionDenied } from '../aws/errors.ts';
import { findEntries, findImage, tagImage } from '../aws/images.ts';
import type { StoredImage } from '../aws/images.ts';
import {
  createRepository,
  loginForAccount,
  loginForHost,
  registryLogin,
} from '../aws/repositories.ts';
import type { RegistryLogin } from '../aws/repositories.ts';
import type { Repository } from '../aws/repositories.ts';
import { checkPlatform, checkStart } from '../core/checks.ts';
import type { Answer } from '../core/checks.ts';
import { withoutColours } from '../core/foreign.ts';
import { parseDenial } from '../core/iam.ts';
import type { ImageResult } from '../core/result.ts';
import type { Overrides, Trace } from '../core/start.ts';
import { buildAndPush, buildImage } from '../docker/build.ts';
import type { BuildRequest } from '../docker/build.ts';
import { isBuildKit } from '../docker/buildkit/builder.ts';
import type { BuildKit } from '../docker/buildkit/builder.ts';
import type { BuiltImage } from '../docker/buildkit/gateway.ts';
import { checkContext } from '../docker/context/check.ts';
import type { Daemon } from '../docker/engine/daemon.ts';
import { proxyArguments } from '../docker/engine/docker-config.ts';
import { inspectImage } from '../docker/engine/inspect-image.ts';
import type { LocalImage } from '../docker/engine/inspect-image.ts';
import { whileConnected } from '../docker/engine/unavailable.ts';
import { userLogin } from '../docker/engine/logins.ts';
import { traceIn, traceStarts } from '../docker/engine/program.ts';
import { pushImage } from '../docker/engine/push-image.ts';
import type { Pushed } from '../docker/engine/push-image.ts';
import { EcsDeployError } from '../errors.ts';
import { secondsSince } from '../events.ts';
import type { Emit } from '../events.ts';
import { enforce } from '../plan/enforce.ts';
import type { PlanFinding } from '../plan/findings.ts';
import { INPUTS_LABEL, platformsIn } from '../core/image.ts';
import { isRebuild, readStored } from '../plan/image.ts';
import { cachesOf } from './caches.ts';
import type { ObservedImage } from '../plan/image.ts';
import type { ImagePlan } from '../plan/plan-image.ts';
import { valueOf } from '../plan/read.ts';
import { runProcess } from '../processes.ts';
import type { Config } from '../settings/config.ts';

/** The parts of a run that building and pushing use. */
export interface ImageTools {
  readonly aws: Aws;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The settings of building and pushing. */
export type ImageSettings = Pick<
  Config,
  | 'repository'
  | 'extraTags'
  | 'directory'
  | 'secretsDirectory'
  | 'fromCommit'
  | 'context'
  | 'dockerfile'
  | 'paths'
  | 'target'
  | 'args'
  | 'secrets'
  | 'ssh'
  | 'before'
  | 'network'
  | 'addHosts'
  | 'shmSize'
  | 'ulimits'
  | 'env'
  | 'cache'
  | 'cacheFrom'
  | 'cacheTo'
  | 'contexts'
  | 'allow'
  | 'provenance'
  | 'sbom'
  | 'noCache'
  | 'pull'
  | 'rebuild'
  | 'skipCheck'
  | 'poll'
>;

/** Wall seconds of building and pushing. */
export type ImageSeconds = Readonly<Partial<Record<'build' | 'push', number>>>;

/** An image and how long it took. */
export interface Produced {
  readonly image: ImageResult;
  readonly seconds: ImageSeconds;
}

/** How tasks use an image, as far as it is known. */
export interface ImageUse {
  /** By its digest, its tag may name another image already; by its tag unless it is given. */
  readonly pin?: Config['pin'];
  /** What task definitions start in place of what the image says. */
  readonly overrides?: readonly Overrides[];
  /** Tasks start it after the push. */
  readonly isDeployed?: true;
}

/** Where an image goes. */
interface Place {
  readonly repository: Repository;
  readonly tag: string;
  /** `registry/repository:tag`. */
  readonly reference: string;
  /** Several are separated by commas. */
  readonly platform: string;
}

/** Where an image goes, and through which daemon. */
interface Target extends Place {
  readonly daemon: Daemon;
  /** Gets credentials for the registry; called before each push attempt. */
  readonly login: () => Promise<RegistryLogin>;
}

/**
 * Builds and pushes the planned image unless it exists, and checks its platform and digest. In CI,
 * where the daemon has no cache, layers of the `running` images are reused. `prepare` runs the
 * commands that come before the build.
 */
export async function produceImage(
  tools: ImageTools,
  config: ImageSettings,
  plan: ImagePlan,
  observed: ObservedImage,
  {
    running,
    prepare,
    use,
  }: {
    readonly running: readonly string[];
    readonly prepare: () => Promise<void>;
    readonly use: ImageUse;
  },
): Promise<Produced> {
  const { emit } = tools;
  const destination = observed.kind === 'given' ? undefined : valueOf(observed.destination);
  if (plan.kind === 'use') {
    const { reference, digest, platform } = plan;
    if (destination !== undefined) {
      emit({ kind: 'image-present', reference, digest: digest ?? '' });
      const { stored } = destination.present;
      await tagFurther(tools, config, destination.repository, stored);
    }
    return { image: { reference, digest, platform, built: false, pushed: false }, seconds: {} };
  }
  const machine = machineOf(observed);
  if (destination === undefined || machine === undefined) {
    throw new Error(`nothing was observed that could ${plan.kind} ${plan.reference}`);
  }
  if (isBuildKit(machine)) {
    emit({ kind: 'builder-found', name: machine.name });
    await prepare();
    const repository = destination.repository ?? (await makeRepository(tools, config));
    const { tag, labels } = destination;
    const place = { repository, tag, reference: `${repository.uri}:${tag}` };
    return buildThere(tools, config, machine, {
      ...place,
      platform: plan.platform,
      labels,
      running,
      use,
      isNew: destination.present.stored === 'missing',
    });
  }
  const daemon = machine;
  const { host, source } = daemon.address;
  emit({
    kind: 'docker-found',
    address: host,
    source,
    version: daemon.version,
    standIn: daemon.standIn,
  });
  const { platform } = plan;
  const { tag, labels } = destination;
  const built = plan.kind === 'build';
  const local = observed.kind === 'local' ? valueOf(observed.local) : undefined;
  if (local !== undefined)
    await proveImage(tools, config, daemon, { verb: 'has', local, wanted: platform, use });
  if (built) await prepare();
  const repository = destination.repository ?? (await makeRepository(tools, config));
  const reference = `${repository.uri}:${tag}`;
  const target = { daemon, repository, tag, reference, platform, login: earlyLogin(repository) };
  const ready = await whileConnected(
    daemon,
    local === undefined
      ? build(tools, config, labels, { ...target, use }, running)
      : nameLocally(target, local),
  );
  const rival =
    built && destination.present.stored === 'missing' && !isRebuild(config)
      ? await findRival(tools, target, labels)
      : undefined;
  if (rival !== undefined) {
    await tagFurther(tools, config, repository, rival);
    const image = { reference: target.reference, digest: rival.digest, platform };
    return { image: { ...image, built, pushed: false }, seconds: ready.seconds };
  }
  const start = performance.now();
  emit({ kind: 'push-started' });
  const { digest, layers } = await whileConnected(
    daemon,
    push(tools, { ...config, pin: use.pin ?? 'tag' }, target, ready.local),
  );
  const seconds = secondsSince(start);
  emit({ kind: 'pushed', digest, seconds, layers });
  return {
    image: { reference: target.reference, digest, platform, built, pushed: true },
    seconds: { ...ready.seconds, push: seconds },
  };
}

/**
 * An image of the same inputs that got the tag during the build. Throws `tag-taken`
 * for any other: whoever pushed it may deploy it by its tag.
 */
async function findRival(
  tools: ImageTools,
  { repository, tag, reference, platform }: Place,
  labels: Readonly<Record<string, string>>,
): Promise<StoredImage | undefined> {
  const stored = await readStored(tools, repository, { tag }, platformsIn(platform)[0]);
  if (typeof stored !== 'object') return undefined;
  const { digest } = stored;
  if (stored.labels?.[INPUTS_LABEL] !== labels[INPUTS_LABEL]) {
    throw new EcsDeployError({
      code: 'tag-taken',
      message: `Someone else pushed ${reference} (${digest}) from other inputs during the build.`,
      hint: `to replace that image: --rebuild; to choose another tag: --tag TAG`,
    });
  }
  const message = `Another run pushed ${reference} from the same inputs during the build: its image is used.`;
  tools.emit({ kind: 'warning', message });
  return stored;
}

function machineOf(observed: ObservedImage): Daemon | BuildKit | undefined {
  if (observed.kind === 'local') return valueOf(observed.local)?.daemon;
  return observed.kind === 'built' ? valueOf(observed.build?.machine) : undefined;
}

/** The login for each attempt to push: the first is requested now, while the image is built. */
function earlyLogin(repository: Repository): () => Promise<RegistryLogin> {
  const again = () => registryLogin(repository);
  const early = again().catch(() => undefined);
  let isFirst = true;
  return async () => {
    const first = isFirst ? await early : undefined;
    isFirst = false;
    return first ?? again();
  };
}

/** An image of the daemon that is ready to be pushed, and how long it took. */
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
  tools: ImageTools,
  config: ImageSettings,
  labels: Readonly<Record<string, string>>,
  { daemon, use, ...place }: Target & { readonly use: ImageUse },
  running: readonly string[],
): Promise<Ready> {
  const { emit, signal, environment } = tools;
  const { reference, platform } = place;
  const start = performance.now();
  await startBuild(tools, config, platform);
  const proxies = proxyArguments(environment, daemon.address.host);
  const request = requestOf(tools, config, { ...place, labels, running, proxies });
  await buildImage(daemon, request, emit, signal);
  const local = await inspectImage(daemon, reference, platform);
  if (local === undefined) throw new Error(`the daemon built ${reference}, but does not have it`);
  await proveImage(tools, config, daemon, { verb: 'built', local, wanted: platform, use });
  const seconds = secondsSince(start);
  emit({ kind: 'built', platform: local.platform, seconds });
  return { local, seconds: { build: seconds } };
}

/**
 * Builds with a BuildKit that pushes the image by its digest. The image is proven before it is pushed,
 * and as ECR holds it, and only then gets its tag.
 */
async function buildThere(
  tools: ImageTools,
  config: ImageSettings,
  buildKit: BuildKit,
  place: Place & {
    readonly labels: Readonly<Record<string, string>>;
    readonly running: readonly string[];
    readonly use: ImageUse;
    /** The tag named no image before the build. */
    readonly isNew: boolean;
  },
): Promise<Produced> {
  const { emit, signal, environment } = tools;
  const { repository, tag, reference, platform, use } = place;
  const start = performance.now();
  await startBuild(tools, config, platform);
  const request = requestOf(tools, config, {
    ...place,
    proxies: proxyArguments(environment, 'default'),
  });
  const prove = async (images: readonly BuiltImage[]) => {
    const found = images.map((image) => image.platform);
    for (const wanted of platformsIn(platform)) {
      const image = images.find((item) => item.platform === wanted);
      await proveStart(tools, config, {
        verb: 'built',
        name: reference,
        platforms: image === undefined ? found : [wanted],
        wanted,
        use,
        trace: async (overrides) => image && traceIn(image.config, overrides, image.read),
      });
    }
  };
  const wanted = { ...request, repository: repository.uri };
  const digest = await buildAndPush(buildKit, wanted, prove, emit, signal).catch(
    (error: unknown) => {
      throw refusalOf(error) ?? error;
    },
  );
  const build = secondsSince(start);
  emit({ kind: 'built', platform, seconds: build });
  const pushStart = performance.now();
  emit({ kind: 'push-started' });
  const pushed = await findPushed(config, place, digest);
  const rival =
    place.isNew && !isRebuild(config) ? await findRival(tools, place, place.labels) : undefined;
  const stored = rival ?? pushed;
  if (rival === undefined) await tagImage(repository, pushed, tag);
  await tagFurther(tools, config, repository, stored);
  const push = secondsSince(pushStart);
  emit({ kind: 'pushed', digest: stored.digest, seconds: push, layers: [] });
  const image = { reference, digest: stored.digest, platform, built: true };
  return { image: { ...image, pushed: rival === undefined }, seconds: { build, push } };
}

/** What a build pushed by its digest, as ECR holds it; throws `digest-mismatch` for anything else. */
async function findPushed(
  { skipCheck }: ImageSettings,
  { repository, platform }: Place,
  digest: string,
): Promise<StoredImage> {
  const stored = await findImage(repository, { digest });
  const pushed = `${repository.uri}@${digest}`;
  if (stored === undefined) {
    throw mismatch(`${pushed} was pushed, but ECR does not hold it.`, 'run it again');
  }
  if (skipCheck.includes('image-platform')) return stored;
  const entries = await findEntries(repository, stored);
  // A config that cannot be read says nothing.
  const found = entries.map((entry) => (entry === undefined ? [] : entry.platforms));
  const missing = platformsIn(platform).filter(
    (wanted) => !found.some((platforms) => platforms?.includes(wanted) ?? true),
  );
  if (missing.length === 0) return stored;
  throw mismatch(
    `${pushed} was pushed for ${platform}, but ECR holds no image for ${missing.join(' and ')} there.`,
    'run it again; if that does not help, it is a bug in the builder',
  );
}

async function startBuild(
  { emit }: ImageTools,
  { before, context, dockerfile, paths }: ImageSettings,
  platform: string,
): Promise<void> {
  if (before.length > 0) await checkContext({ context, dockerfile, paths });
  emit({ kind: 'build-started', platform });
}

function requestOf(
  tools: ImageTools,
  config: ImageSettings,
  {
    repository,
    reference,
    platform,
    labels,
    running,
    proxies,
  }: Place & Pick<BuildRequest, 'labels' | 'proxies'> & { readonly running: readonly string[] },
): BuildRequest {
  const { aws, environment, emit, signal } = tools;
  const { context, dockerfile, paths, target, args, noCache, pull, poll } = config;
  const { network, addHosts, shmSize, ulimits } = config;
  const { contexts, allow, provenance, sbom } = config;
  return {
    reference,
    platform,
    context,
    dockerfile,
    paths,
    target,
    args,
    proxies,
    labels,
    noCache,
    pull,
    steps: { network, addHosts, shmSize, ulimits },
    contexts,
    allow,
    attestations: { provenance, sbom },
    ...cachesOf(tools, config, repository, running),
    secrets: secretReaders(config, environment),
    agents: agentSockets(config, environment),
    registryLimit: REGISTRY_LIMIT,
    pause: poll / 3,
    login: async (host) =>
      (await loginForHost(aws, repository, host)) ??
      (await userLogin(environment, host, {
        signal,
        warn: (message) => emit({ kind: 'warning', message }),
      })) ??
      loginForAccount(aws, host),
  };
}

/** Milliseconds: more than a credential helper that asks for a password gets. */
const REGISTRY_LIMIT = 120_000;

/** Proves an image of the daemon. */
function proveImage(
  tools: ImageTools,
  config: Pick<ImageSettings, 'skipCheck'>,
  daemon: Daemon,
  { local, ...proof }: Pick<StartProof, 'verb' | 'wanted' | 'use'> & { readonly local: LocalImage },
): Promise<void> {
  return proveStart(tools, config, {
    ...proof,
    name: local.name,
    platforms: [local.platform],
    trace: (overrides) => traceStarts(daemon, local, overrides),
  });
}

interface StartProof {
  readonly verb: 'built' | 'has';
  readonly name: string;
  /** What its config says. */
  readonly platforms: readonly string[];
  readonly wanted: string;
  readonly use: ImageUse;
  /** Undefined where its files cannot be read. */
  readonly trace: (
    overrides: readonly (Overrides | undefined)[],
  ) => Promise<readonly Trace[] | undefined>;
}

/**
 * Checks the platform in the image's config and in its programs, because the config can be wrong, and
 * whether containers can start.
 */
async function proveStart(
  { emit }: ImageTools,
  { skipCheck }: Pick<ImageSettings, 'skipCheck'>,
  { verb, name, platforms, wanted, use: { overrides = [], isDeployed }, trace }: StartProof,
): Promise<void> {
  const check = (of: 'image-platform' | 'image-program', answer: Answer): PlanFinding[] =>
    skipCheck.includes(of) ? [] : [{ check: of, about: 'image', ...answer }];
  const checkCpu = (what: string, found: readonly string[], hint: string) =>
    check('image-platform', checkPlatform({ what, platforms: found, wanted, hint }));
  const silent = { emit: () => undefined };
  enforce(
    silent,
    checkCpu(
      `Docker ${verb} ${name}`,
      platforms,
      verb === 'built'
        ? `remove --platform from FROM in the Dockerfile, so that --platform ${wanted} decides`
        : `build it with --platform ${wanted}`,
    ),
  );
  const isKnown = overrides.length > 0;
  const by = !isKnown ? 'unknown' : isDeployed ? 'deployed' : 'configured';
  const traces = await trace(isKnown ? overrides : [undefined]);
  for (const found of traces ?? []) {
    const cpus = found.programs.flatMap(({ path, architecture }) =>
      checkCpu(
        `${path} in ${name} is compiled`,
        [`linux/${architecture}`],
        `build it inside the image with --platform ${wanted}, or copy in a program for that CPU`,
      ),
    );
    enforce(silent, cpus);
    enforce({ emit }, check('image-program', checkStart(name, found, by)));
  }
}

/** Pushes an image, checks that the registry has it as pushed, and adds the additional tags. */
async function push(
  tools: ImageTools,
  config: ImageSettings & Pick<Config, 'pin'>,
  target: Target,
  local: LocalImage,
): Promise<Pushed> {
  const { emit, signal } = tools;
  const { daemon, repository, tag, reference, platform, login } = target;
  const { skipCheck, poll } = config;
  // Every pause is a multiple of --poll: this one is one second by default.
  const request = { repository: repository.uri, tag, platform, pause: poll / 3, login };
  const pushed = await pushImage(daemon, request, emit, signal).catch(async (error: unknown) => {
    const there = await sameImage(repository, tag, local, error);
    if (there === undefined) throw refusalOf(error) ?? error;
    return { digest: there.digest, layers: [] };
  });
  const found = await readStored(tools, repository, { tag });
  const named = found === 'missing' ? undefined : found;
  const isMoved = named !== undefined && named.digest !== pushed.digest;
  const stored = isMoved ? await findMoved(tools, config, target, pushed, named) : named;
  if (stored?.platforms?.includes(platform) === false && !skipCheck.includes('image-platform')) {
    throw mismatch(
      `${reference} was pushed for ${platform}, but ECR holds an image for ${stored.platforms.join(', ')}.`,
      'run it again with another --tag; if that does not help, it is a bug in the Docker daemon',
    );
  }
  await tagFurther(tools, config, repository, stored);
  return pushed;
}

/** The pushed image, whose tag names another by now; throws `digest-mismatch` if the tag matters. */
async function findMoved(
  { emit }: ImageTools,
  { pin }: Pick<Config, 'pin'>,
  { repository, reference }: Target,
  { digest }: Pushed,
  other: StoredImage,
): Promise<StoredImage> {
  const own = pin === 'digest' ? await findImage(repository, { digest }) : undefined;
  if (own === undefined) {
    throw mismatch(
      `${reference} was pushed as ${digest}, but ECR holds ${other.digest} under that tag.`,
      'someone else pushed the same tag at the same time: run it again with another --tag',
    );
  }
  emit({
    kind: 'warning',
    message: `Someone else pushed ${reference} at the same time: its tag names ${other.digest} now. This run deploys its own image by its digest, ${digest}.`,
  });
  return own;
}

const mismatch = (message: string, hint: string): EcsDeployError =>
  new EcsDeployError({ code: 'digest-mismatch', message, hint });

/** The permission that is missing according to the registry; undefined for other failures. */
function refusalOf(error: unknown): EcsDeployError | undefined {
  const denial = parseDenial((error as Error).message);
  return denial && permissionDenied(denial, error);
}

/** The image of an immutable tag that someone else has pushed meanwhile, if it is the same image. */
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

/** Adds the additional tags in ECR, without the daemon. */
async function tagFurther(
  { emit }: Pick<ImageTools, 'emit'>,
  { extraTags: tags }: Pick<ImageSettings, 'extraTags'>,
  repository: Repository | undefined,
  stored: StoredImage | string | undefined,
): Promise<void> {
  if (tags.length === 0 || repository === undefined) return;
  if (typeof stored !== 'object') {
    throw new EcsDeployError({
      code: 'permission-denied',
      message: `The image was pushed, but not tagged ${tags.join(', ')}: this requires ecr:BatchGetImage.`,
      hint: 'allow ecr:BatchGetImage on the repository, or leave out --extra-tag',
    });
  }
  await Promise.all(tags.map((tag) => tagImage(repository, stored, tag)));
  emit({ kind: 'image-tagged', tags });
}

function agentSockets(
  { ssh, secretsDirectory }: ImageSettings,
  environment: ImageTools['environment'],
): Map<string, string> {
  return new Map(
    ssh.map(({ id, socket = environment['SSH_AUTH_SOCK'] ?? '' }) => [
      id,
      resolve(secretsDirectory, socket),
    ]),
  );
}

/** The build's secrets, each read when a step asks for it. */
function secretReaders(
  { secrets, secretsDirectory }: ImageSettings,
  environment: ImageTools['environment'],
): Map<string, () => Promise<Buffer>> {
  return new Map(
    secrets.map(({ id, src, env }) => [
      id,
      async () =>
        env === undefined
          ? readFile(resolve(secretsDirectory, src ?? id))
          : Buffer.from(environment[env] ?? ''),
    ]),
  );
}

async function makeRepository(
  { aws, emit }: ImageTools,
  { repository = '' }: ImageSettings,
): Promise<Repository> {
  const made = await createRepository(aws, repository);
  emit({ kind: 'repository-created', uri: made.uri });
  return made;
}

/** Runs the commands of `build.before`, one after the other; throws `before-failed`. */
export async function runBefore(
  { emit, signal, environment }: Pick<ImageTools, 'emit' | 'signal' | 'environment'>,
  {
    before,
    directory,
    env,
    fromCommit,
  }: Pick<ImageSettings, 'before' | 'directory' | 'env' | 'fromCommit'>,
): Promise<void> {
  for (const command of before) {
    emit({ kind: 'before-started', command });
    const { status, tail } = await runProcess({
      command,
      directory,
      environment: { ...environment, ...env },
      signal,
      onLine: (line) => emit({ kind: 'before-output', line: withoutColours(line) }),
    });
    if (status === 0) continue;
    const quoted = tail.map((line) => `\n  | ${withoutColours(line)}`).join('');
    throw new EcsDeployError({
      code: 'before-failed',
      message: `"${command}" (build.before) ended with ${status === null ? 'a signal' : `status ${status}`}.${quoted}`,
      hint: `run it by hand in ${fromCommit === undefined ? directory : `a new clone, at ${fromCommit}`}`,
    });
  }
}
