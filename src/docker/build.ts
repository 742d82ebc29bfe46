import { createHash } from 'node:crypto';
import type { ClientHttp2Session } from 'node:http2';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { basename, dirname } from 'node:path';
import { parseImageReference } from '../core/image.ts';
import { EcsDeployError } from '../errors.ts';
import type { Emit } from '../events.ts';
import type { BuildKit } from './buildkit/builder.ts';
import { buildFailed } from './buildkit/failure.ts';
import { serveFiles } from './buildkit/file-sync.ts';
import type { Sent } from './buildkit/file-sync.ts';
import type { Proof } from './buildkit/gateway.ts';
import { rpcError } from './buildkit/grpc.ts';
import type { Methods } from './buildkit/grpc.ts';
import { trackProgress } from './buildkit/progress.ts';
import type { BuildProgress } from './buildkit/progress.ts';
import { fieldText, message } from './buildkit/protobuf.ts';
import {
  cacheStores,
  canSolve,
  existingCaches,
  folderContexts,
  needsCaches,
  needsSolve,
  solveAndPush,
  solveImage,
} from './buildkit/solve-image.ts';
import type { Attestations } from './buildkit/solve-image.ts';
import type { Backend } from './buildkit/solve.ts';
import { layoutStores, pinLayouts } from './buildkit/oci-layouts.ts';
import { engineSteps } from './buildkit/steps.ts';
import type { StepOptions } from './buildkit/steps.ts';
import { serveStores } from './buildkit/content-store.ts';
import { openSession } from './buildkit/session.ts';
import type { Session } from './buildkit/session.ts';
import { forwardAgents } from './buildkit/ssh-agents.ts';
import { readIgnored } from './context/dockerignore.ts';
import type { ContextFiles, IgnoreFile } from './context/dockerignore.ts';
import { packContext } from './context/tar.ts';
import { callEngine, isAtLeast } from './engine/api.ts';
import type { Daemon } from './engine/daemon.ts';
import { daemonLines } from './engine/lines.ts';
import { loginKey, TOKEN_USER } from './engine/logins.ts';
import type { Login } from './engine/logins.ts';
import { isPullLater, isPush } from './engine/registry-answers.ts';
import { isConnectionLost } from './engine/unavailable.ts';

/** What to build. */
export interface BuildRequest extends ContextFiles {
  /** The image's name in the daemon, `registry/repository:tag`. */
  readonly reference: string;
  readonly platform: string;
  readonly target: string | undefined;
  readonly args: Readonly<Record<string, string>>;
  /** Build arguments for the daemon's proxies, which `args` override. */
  readonly proxies: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly noCache: boolean;
  readonly pull: boolean;
  readonly steps: StepOptions;
  /** Named build contexts: absolute folders, images (`docker-image://…`) and URLs by name. */
  readonly contexts: Readonly<Record<string, string>>;
  /** Entitlements of the steps, e.g. `network.host`. */
  readonly allow: readonly string[];
  /** The attestations to attach to the image; only a BuildKit that pushes it can. */
  readonly attestations: Attestations;
  /** Caches beside the daemon's own, to read and to write. */
  readonly cacheFrom: readonly Backend[];
  readonly cacheTo: readonly Backend[];
  /** Build secrets by id, read when a step requests them. */
  readonly secrets: ReadonlyMap<string, () => Promise<Buffer>>;
  /** Sockets of ssh agents by id, for steps that mount one. */
  readonly agents: ReadonlyMap<string, string>;
  /** Milliseconds that the registry of a base image has for its first answer. */
  readonly registryLimit: number;
  /** Milliseconds before the build is tried again because the registry of a base image failed. */
  readonly pause: number;
  /** The login for a registry host, called when a base image needs it. */
  readonly login: (host: string) => Promise<Login | undefined>;
}

/**
 * Builds an image with the daemon's BuildKit, which fetches the files of the context, logins and
 * secrets that it needs through a session; without a session, from a tar of the context.
 *
 * Never the classic builder: it ignores the platform silently
 * (docs/explanation/how-docker-behaves.md#why-never-the-classic-builder). Throws `build-failed`
 * with the failed step and its last log lines.
 */
export async function buildImage(
  daemon: Daemon,
  given: BuildRequest,
  emit: Emit,
  signal: AbortSignal,
): Promise<void> {
  checkSteps(daemon, given.steps);
  const request = { ...given, contexts: await pinLayouts(given.contexts) };
  await retryPulls(request, emit, signal, () =>
    inSession(daemon, request, emit, signal, (session, progress, until) =>
      session === undefined
        ? buildFromTar(daemon, request, progress, emit, until)
        : buildFromSession(daemon, request, session.id, progress, emit, until),
    ),
  );
}

/**
 * Builds an image with a BuildKit that pushes it by its digest, without a tag, if `prove` resolves.
 * Returns the digest. Throws `build-failed` as {@link buildImage} does, and what `prove` throws.
 */
export async function buildAndPush(
  buildKit: BuildKit,
  given: BuildRequest & { readonly repository: string },
  prove: Proof,
  emit: Emit,
  signal: AbortSignal,
): Promise<string> {
  const request = { ...given, contexts: await pinLayouts(given.contexts) };
  return retryPulls(request, emit, signal, async () => {
    const client = await buildKit.connect();
    let digest: string | undefined;
    try {
      await inSession(client, request, emit, signal, async (session, progress, until) => {
        const cacheFrom = await existingCaches(request.cacheFrom);
        const image = { ...request, cacheFrom };
        digest = await solveAndPush(client, image, session?.id ?? '', progress, prove, until);
      });
    } finally {
      client.destroy();
    }
    if (digest !== undefined) return digest;
    throw new Error(`${buildKit.name} ended the build without a digest`);
  });
}

/** Tries a build again if the registry of a base image, or the one that it is pushed to, fails. */
async function retryPulls<T>(
  { pause }: Pick<BuildRequest, 'pause'>,
  emit: Emit,
  signal: AbortSignal,
  build: () => Promise<T>,
): Promise<T> {
  for (let retry = 0; ; retry += 1) {
    try {
      return await build();
    } catch (error) {
      const [reason = ''] = (error as Error).message.split('\n');
      if (signal.aborted || retry === RETRIES || !isPullLater(reason)) throw error;
      const what = isPush(reason) ? 'The push' : 'The registry of a base image';
      emit({
        kind: 'warning',
        message: `${what} failed (${reason}); retry ${retry + 1} of ${RETRIES} follows.`,
      });
      await sleep(pause * 3 ** retry * (0.5 + Math.random()), undefined, { signal });
    }
  }
}

/** Attempts after the first, where the registry of a base image fails. */
const RETRIES = 2;

/** Builds in a session; undefined where the daemon offers none. */
async function inSession(
  place: Daemon | ClientHttp2Session,
  request: BuildRequest,
  emit: Emit,
  signal: AbortSignal,
  build: (
    session: Session | undefined,
    progress: BuildProgress,
    signal: AbortSignal,
  ) => Promise<void>,
  hasLongHeaders = false,
): Promise<void> {
  const progress = trackProgress(emit);
  const sent: Sent = { files: 0, bytes: 0 };
  let unreadable: unknown;
  let session: Session | undefined;
  const registry = watchRegistry(progress, request.registryLimit);
  const stop = new AbortController();
  let told = 0;
  const telling = setInterval(() => {
    if (sent.bytes === told) return;
    told = sent.bytes;
    emit({ kind: 'context-progress', ...sent });
  }, CONTEXT_PAUSE).unref();
  try {
    const ignored = await readIgnored(request);
    const methods = sessionMethods(request, ignored, sent, (error) => {
      unreadable ??= error;
    });
    session = await openSession(place, sharedKeyOf(request), methods, signal, hasLongHeaders);
    const until = AbortSignal.any([signal, stop.signal]);
    await Promise.race([build(session, progress, until), registry.silence]);
    progress.finish();
    if (session !== undefined) emit({ kind: 'context-sent', ...sent });
    return;
  } catch (error) {
    if (signal.aborted) throw error;
    // The context's own error says more than the failed build that it causes.
    if (unreadable instanceof EcsDeployError) throw unreadable;
    if (session?.isOverrun() !== true) {
      if (error instanceof EcsDeployError || isConnectionLost(error)) throw error;
      throw buildFailed((error as Error).message, [], error);
    }
  } finally {
    clearInterval(telling);
    registry.stop();
    stop.abort();
    session?.close();
  }
  // The names of a COPY are longer than a session usually takes.
  await inSession(place, request, emit, signal, build, true);
}

/** Rejects once the registry of a base image has not answered for a time: BuildKit has no limit. */
function watchRegistry(
  { waitingFor }: BuildProgress,
  limit: number,
): { readonly silence: Promise<never>; readonly stop: () => void } {
  let stop = () => {};
  const silence = new Promise<never>((_, reject) => {
    const timer = setInterval(() => {
      const base = waitingFor(limit);
      if (base === undefined) return;
      reject(
        new EcsDeployError({
          code: 'build-failed',
          message: `The build failed: the registry of ${base} has not answered for ${limit / 1000} s.`,
          hint: `check that it can be reached from where the image is built, or pull the image first: docker pull ${base}`,
        }),
      );
    }, limit / 4).unref();
    stop = () => clearInterval(timer);
  });
  return { silence, stop };
}

/** Milliseconds between two reports of the bytes of the context. */
const CONTEXT_PAUSE = 200;

function sharedKeyOf({ context, dockerfile }: BuildRequest): string {
  return createHash('sha256').update(`${context}\0${dockerfile}`).digest('hex');
}

/** Bytes of patterns that fit into the headers of a call, with the others. */
const MAX_PATTERN_BYTES = 64 << 10;

/** The methods of a session; `sent` counts files, `fail` gets those that cannot be read. */
function sessionMethods(
  request: BuildRequest,
  ignored: IgnoreFile,
  sent: Sent,
  fail: (error: unknown) => void,
): Methods {
  const { context, dockerfile, contexts, secrets, agents, login } = request;
  const stores = new Map([...cacheStores(request), ...layoutStores(contexts)]);
  return {
    '/moby.filesync.v1.FileSync/DiffCopy': serveFiles(
      { ...folderContexts(contexts), context, dockerfile: dirname(dockerfile) },
      sent,
      fail,
      ignored.size > MAX_PATTERN_BYTES ? ignored : undefined,
    ),
    '/moby.filesync.v1.Auth/Credentials': async ({ messages, send }) => {
      for await (const asked of messages) {
        const { username = '', password = '' } = (await login(fieldText(asked, 1))) ?? {};
        // BuildKit takes a secret without a user for an identity token.
        await send(message([1, username === TOKEN_USER ? '' : username], [2, password]));
      }
    },
    '/moby.buildkit.secrets.v1.Secrets/GetSecret': async ({ messages, send }) => {
      for await (const asked of messages) {
        const id = fieldText(asked, 1);
        const read = secrets.get(id);
        if (read === undefined) throw rpcError('notFound', `secret ${id}: not found`);
        await send(message([1, await read()]));
      }
    },
    ...(agents.size > 0 && forwardAgents(agents)),
    ...(stores.size > 0 && serveStores(stores)),
  };
}

async function buildFromSession(
  daemon: Daemon,
  request: BuildRequest,
  session: string,
  progress: BuildProgress,
  emit: Emit,
  signal: AbortSignal,
): Promise<void> {
  const { docker } = daemon;
  await checkContexts(daemon, request);
  const isCached = needsCaches(request) && (await canSolve(daemon, emit));
  if (isCached || needsSolve(request)) {
    const { cacheTo } = request;
    const cacheFrom = await existingCaches(request.cacheFrom);
    const caches = isCached
      ? { cacheFrom, cacheTo }
      : { cacheFrom: cacheFrom.filter(({ type }) => type === 'registry'), cacheTo: [] };
    return solveImage(daemon, { ...request, ...caches }, session, progress, signal);
  }
  const dockerfile = basename(request.dockerfile);
  const options = { ...buildOptions(request), remote: 'client-session', session, dockerfile };
  // A body, even an empty JSON one, keeps older daemons from answering
  // (docs/explanation/how-docker-behaves.md#the-answer-of-a-build).
  return build(docker, { options, file: Buffer.alloc(0), abortSignal: signal }, progress);
}

async function buildFromTar(
  { docker, address, standIn }: Daemon,
  request: BuildRequest,
  progress: BuildProgress,
  emit: Emit,
  signal: AbortSignal,
): Promise<void> {
  if (request.secrets.size + request.agents.size > 0) {
    throw new EcsDeployError({
      code: 'docker-unsuitable',
      message: `Build secrets and ssh agents need a BuildKit session, which the Docker daemon at ${address.host} does not offer.`,
      hint: 'build with Docker 20.10 or newer, or remove --secret, --ssh and their settings in the config',
    });
  }
  if (!standIn) {
    emit({
      kind: 'warning',
      message:
        'This Docker daemon does not offer BuildKit sessions: each build sends the whole context, and build secrets are not available.',
    });
  }
  if (needsSolve(request)) {
    throw new EcsDeployError({
      code: 'docker-unsuitable',
      message: `${standIn ? "The sandbox's stand-in for Docker" : `The Docker daemon at ${address.host}`} has no named build contexts and no entitlements.`,
      hint: standIn
        ? 'use the Docker daemon of this machine: ecsdeploy sandbox --docker daemon'
        : 'build with Docker 23 or newer, or remove --build-context, --allow and their settings in the config',
    });
  }
  if (needsCaches(request)) {
    const who = standIn ? "The sandbox's stand-in for Docker" : 'This Docker daemon';
    emit({ kind: 'warning', message: `${who} has no build caches that could be kept elsewhere.` });
  }
  const context = await packContext(request);
  const sent = context.done.then((count) => emit({ kind: 'context-sent', ...count }));
  const options = {
    // Podman does not accept a cache image with its tag.
    ...buildOptions({ ...request, cacheFrom: [] }),
    dockerfile: context.dockerfile,
    // Without BuildKit an image in the store may be used although it is for another CPU.
    pull: true,
  };
  const registryconfig = { base64: await registryLogins(request) };
  const call = { options, file: context.tar, registryconfig, abortSignal: signal };
  await Promise.all([sent, build(docker, call, progress)]);
}

function buildOptions(request: BuildRequest): Record<string, unknown> {
  const { reference, platform, args, proxies, labels, target, noCache, pull, cacheFrom } = request;
  const images = cacheFrom.flatMap(({ attributes }) => attributes['ref'] ?? []);
  return {
    version: '2',
    t: reference,
    platform,
    // Stores in the image what the next build needs to reuse its layers.
    buildargs: { BUILDKIT_INLINE_CACHE: '1', ...proxies, ...args },
    ...(images.length > 0 && { cachefrom: JSON.stringify(images) }),
    labels,
    ...(target !== undefined && { target }),
    ...(noCache && { nocache: true }),
    ...(pull && { pull: true }),
    ...engineSteps(request.steps),
  };
}

/** BuildKit of older daemons takes the name of a context for that of an image (BuildKit 0.10). */
async function checkContexts(
  { apiVersion, version }: Daemon,
  { contexts, dockerfile }: BuildRequest,
): Promise<void> {
  if (Object.keys(contexts).length === 0 || isAtLeast(apiVersion, '1.42')) return;
  if (/^#\s*syntax\s*=/im.test(await readFile(dockerfile, 'utf8'))) return;
  throw new EcsDeployError({
    code: 'docker-unsuitable',
    message: `Docker ${version} has no named build contexts (--build-context).`,
    hint: 'build with Docker 23 or newer, or begin the Dockerfile with # syntax=docker/dockerfile:1',
  });
}

/** BuildKit of older daemons ignores these silently (moby 23.0, `builder-next`). */
function checkSteps({ apiVersion, version }: Daemon, { shmSize, ulimits }: StepOptions): void {
  const named = [
    ...(shmSize === undefined ? [] : ['--shm-size']),
    ...(ulimits.length > 0 ? ['--ulimit'] : []),
  ];
  if (named.length === 0 || isAtLeast(apiVersion, '1.42')) return;
  throw new EcsDeployError({
    code: 'docker-unsuitable',
    message: `Docker ${version} ignores ${named.join(' and ')} in builds.`,
    hint: 'build with Docker 23 or newer, or remove the setting',
  });
}

/**
 * Logins for the registries that a Dockerfile names, in the form of `X-Registry-Config`; podman
 * accepts them with the build. The base64 is URL-safe and padded: anything else is ignored silently
 * (docs/explanation/how-docker-behaves.md#without-a-session).
 */
async function registryLogins({ reference, dockerfile, login }: BuildRequest): Promise<string> {
  const source = await readFile(dockerfile, 'utf8');
  const images = [...source.matchAll(/^\s*FROM\s+(?:--\S+\s+)*(\S+)|--from=(\S+)/gim)]
    .map(([, base, from]) => base ?? from ?? '')
    // For a name with a build argument, the registry of the built image is the best guess.
    .map((image) => (image.includes('$') ? reference : image));
  const hosts = new Set(images.map((image) => parseImageReference(image).registry ?? 'docker.io'));
  const logins = await Promise.all(
    [...hosts].map(async (host) => {
      const found = await login(host);
      const isToken = found?.username === TOKEN_USER;
      return [loginKey(host), isToken ? { identitytoken: found.password } : found] as const;
    }),
  );
  const text = JSON.stringify(Object.fromEntries(logins));
  return Buffer.from(text).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}

async function build(
  docker: Daemon['docker'],
  call: Readonly<Record<string, unknown>>,
  { take }: BuildProgress,
): Promise<void> {
  const stream = await callEngine<NodeJS.ReadableStream>(docker, {
    path: '/build?',
    method: 'POST',
    isStream: true,
    statusCodes: { 200: true, 400: 'bad request', 500: 'server error' },
    ...call,
  });
  for await (const line of daemonLines(stream)) take(line);
}
