import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { parseImageReference } from '../core/image.ts';
import { EcsDeployError } from '../errors.ts';
import type { Emit } from '../events.ts';
import { forwardAgents } from './buildkit/agents.ts';
import { packContext } from './context/context.ts';
import { isLost } from './engine/daemon.ts';
import type { Daemon } from './engine/daemon.ts';
import { dial } from './engine/dial.ts';
import { serveFiles } from './buildkit/file-sync.ts';
import { daemonLines } from './lines.ts';
import type { DaemonLine } from './lines.ts';
import { loginKey } from './buildkit/logins.ts';
import type { Login } from './buildkit/logins.ts';
import { fieldText, message } from './buildkit/protobuf.ts';
import { openSession, RpcError } from './buildkit/session.ts';
import type { Methods, Session } from './buildkit/session.ts';
import { decodeTrace } from './buildkit/trace.ts';
import type { BuildWarning, Vertex } from './buildkit/trace.ts';

/** What to build. */
export interface BuildRequest {
  /** Name under which the daemon keeps the image, `registry/repository:tag`. */
  readonly reference: string;
  readonly platform: string;
  /** Absolute. */
  readonly context: string;
  /** Absolute. */
  readonly dockerfile: string;
  readonly target: string | undefined;
  readonly args: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly noCache: boolean;
  readonly pull: boolean;
  /** Images whose layers may stand for steps; undefined leaves caching to the daemon alone. */
  readonly cacheFrom: readonly string[] | undefined;
  /** Build secrets by id, read when a step asks for them. */
  readonly secrets: ReadonlyMap<string, () => Promise<Buffer>>;
  /** Sockets of ssh agents by id, for steps that mount one. */
  readonly agents: ReadonlyMap<string, string>;
  /** The login for one registry host, asked for when a base image needs it. */
  readonly login: (host: string) => Promise<Login | undefined>;
}

/** Log lines of the failed step that an error quotes. */
const QUOTED_LINES = 20;

/**
 * Builds an image with the daemon's BuildKit, which fetches from a session what it lacks of the
 * context, logins and secrets; where there is no session, from a tar of the context.
 *
 * Never the classic builder: it ignores the platform silently (docker-facts 1.1). Throws
 * `build-failed` with the failed step and its last log lines.
 */
export async function buildImage(
  daemon: Daemon,
  request: BuildRequest,
  emit: Emit,
  signal: AbortSignal,
): Promise<void> {
  const progress = trackProgress(emit);
  const sent = { files: 0, bytes: 0 };
  let unreadable: unknown;
  let session: Session | undefined;
  try {
    session = await startSession(daemon, request, signal, {
      sent,
      fail: (error) => {
        unreadable ??= error;
      },
    });
    if (session === undefined) await buildFromTar(daemon, request, progress, emit, signal);
    else await buildFromSession(daemon, request, session, progress, signal);
    progress.finish();
    if (session !== undefined) emit({ kind: 'context-sent', ...sent });
  } catch (error) {
    if (signal.aborted) throw error;
    // The context's own error says more than the broken build that it causes.
    if (unreadable instanceof EcsDeployError) throw unreadable;
    if (error instanceof EcsDeployError || isLost(error)) throw error;
    throw buildFailed((error as Error).message, [], error);
  } finally {
    session?.close();
  }
}

type Progress = ReturnType<typeof trackProgress>;

/** Where a session tells of the files it sent. */
interface FileReport {
  readonly sent: { files: number; bytes: number };
  readonly fail: (error: unknown) => void;
}

function startSession(
  daemon: Daemon,
  { context, dockerfile, secrets, agents, login }: BuildRequest,
  signal: AbortSignal,
  { sent, fail }: FileReport,
): Promise<Session | undefined> {
  const sharedKey = createHash('sha256').update(`${context}\0${dockerfile}`).digest('hex');
  const methods: Methods = {
    '/moby.filesync.v1.FileSync/DiffCopy': serveFiles(
      { context, dockerfile: dirname(dockerfile) },
      sent,
      fail,
    ),
    '/moby.filesync.v1.Auth/Credentials': async ({ messages, send }) => {
      for await (const request of messages) {
        const found = await login(fieldText(request, 1));
        await send(message([1, found?.username ?? ''], [2, found?.password ?? '']));
      }
    },
    '/moby.buildkit.secrets.v1.Secrets/GetSecret': async ({ messages, send }) => {
      for await (const request of messages) {
        const id = fieldText(request, 1);
        const read = secrets.get(id);
        if (read === undefined) throw new RpcError('notFound', `secret ${id}: not found`);
        await send(message([1, await read()]));
      }
    },
    ...(agents.size > 0 && forwardAgents(agents)),
  };
  return openSession(daemon, sharedKey, methods, signal);
}

function buildOptions(request: BuildRequest): Record<string, unknown> {
  return {
    version: '2',
    t: request.reference,
    platform: request.platform,
    // The image carries what the next build needs to take its layers over.
    buildargs: { ...(request.cacheFrom && { BUILDKIT_INLINE_CACHE: '1' }), ...request.args },
    ...(request.cacheFrom && { cachefrom: JSON.stringify(request.cacheFrom) }),
    labels: request.labels,
    ...(request.target === undefined ? {} : { target: request.target }),
    ...(request.noCache ? { nocache: true } : {}),
    ...(request.pull ? { pull: true } : {}),
  };
}

async function buildFromSession(
  daemon: Daemon,
  request: BuildRequest,
  session: Session,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const options = {
    ...buildOptions(request),
    remote: 'client-session',
    session: session.id,
    dockerfile: basename(request.dockerfile),
  };
  // A body, even an empty JSON one, keeps older daemons from answering (docker-facts 1.4).
  await readBuild(daemon, options, Buffer.alloc(0), progress, signal);
}

async function buildFromTar(
  daemon: Daemon,
  request: BuildRequest,
  progress: Progress,
  emit: Emit,
  signal: AbortSignal,
): Promise<void> {
  if (request.secrets.size + request.agents.size > 0) {
    throw new EcsDeployError({
      code: 'docker-unsuitable',
      message: `The Docker daemon at ${daemon.address.host} offers no BuildKit session, which build secrets and ssh agents need.`,
      hint: 'build with Docker 20.10 or newer, or leave --secret, --ssh and what the config says of them out',
    });
  }
  if (!daemon.standIn) {
    emit({
      kind: 'warning',
      message:
        'This daemon offers no BuildKit session: the whole context is sent at each build, and there are no build secrets.',
    });
  }
  const context = await packContext(request.context, request.dockerfile);
  const sent = context.done.then((count) => emit({ kind: 'context-sent', ...count }));
  const options = {
    // Podman takes no cache by its tag.
    ...buildOptions({ ...request, cacheFrom: undefined }),
    dockerfile: context.dockerfile,
    // Without BuildKit an image of the store may be taken although it is for another CPU.
    pull: true,
  };
  const logins = await loginsFor(request);
  await Promise.all([sent, readBuild(daemon, options, context.tar, progress, signal, logins)]);
}

/**
 * Logins for the registries that a Dockerfile names, in the form of `X-Registry-Config`; podman
 * takes them with the build. Base64 is URL-safe and padded: anything else is ignored silently
 * (docker-facts 2.4).
 */
async function loginsFor({ reference, dockerfile, login }: BuildRequest): Promise<string> {
  const source = await readFile(dockerfile, 'utf8');
  const named = source.matchAll(/^\s*FROM\s+(?:--\S+\s+)*(\S+)|--from=(\S+)/gim);
  const images = [...named]
    .map(([, base, from]) => base ?? from ?? '')
    // Of a name that is an argument, the registry that the image goes to is the likeliest.
    .map((image) => (image.includes('$') ? reference : image));
  const hosts = new Set(images.map((image) => parseImageReference(image).registry ?? 'docker.io'));
  const logins = await Promise.all(
    [...hosts].map(async (host) => [loginKey(host), await login(host)] as const),
  );
  const text = JSON.stringify(Object.fromEntries(logins));
  return Buffer.from(text).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}

async function readBuild(
  { docker }: Daemon,
  options: Readonly<Record<string, unknown>>,
  file: unknown,
  progress: Progress,
  signal: AbortSignal,
  logins?: string,
): Promise<void> {
  const stream = await dial<NodeJS.ReadableStream>(docker, {
    path: '/build?',
    method: 'POST',
    file,
    options,
    ...(logins !== undefined && { registryconfig: { base64: logins } }),
    abortSignal: signal,
    isStream: true,
    statusCodes: { 200: true, 400: 'bad request', 500: 'server error' },
  });
  for await (const line of daemonLines(stream)) progress.take(line);
}

/** A step with its last log lines, and what it wrote of the next one. */
interface Step {
  vertex: Vertex;
  readonly log: string[];
  rest: string;
}

function trackProgress(emit: Emit) {
  const steps = new Map<string, Step>();
  /** The last of what a builder without steps says. */
  const stream: string[] = [];
  const warnings = new Map<string, BuildWarning>();
  let failure: string | undefined;
  const takeLine = (log: string[], line: string) => {
    // A program that draws a progress bar writes one line over and over.
    const shown = line.trimEnd().split('\r').at(-1) ?? '';
    if (shown.trim() === '') return;
    log.push(shown);
    if (log.length > QUOTED_LINES) log.shift();
    emit({ kind: 'build-output', line: shown });
  };
  const takeVertex = (vertex: Vertex) => {
    const step = steps.get(vertex.digest) ?? { vertex, log: [], rest: '' };
    const known = steps.get(vertex.digest)?.vertex;
    steps.set(vertex.digest, step);
    step.vertex = vertex;
    // BuildKit's own book-keeping is no step of the Dockerfile.
    if (vertex.name.startsWith('[internal]')) return;
    const { name } = vertex;
    if (vertex.started !== undefined && known?.started === undefined && !vertex.cached) {
      emit({ kind: 'build-step', name, state: 'started', seconds: 0 });
    }
    if (vertex.completed === undefined || known?.completed !== undefined) return;
    takeLine(step.log, step.rest);
    step.rest = '';
    if (vertex.error !== '') return;
    const state = vertex.cached ? 'cached' : 'completed';
    const seconds = vertex.completed - (vertex.started ?? vertex.completed);
    emit({ kind: 'build-step', name, state, seconds });
  };
  const takeLog = (vertex: string, text: string) => {
    const step = steps.get(vertex);
    if (step === undefined) return;
    const lines = `${step.rest}${text}`.split('\n');
    step.rest = lines.pop() ?? '';
    for (const line of lines) takeLine(step.log, line);
  };
  return {
    take: (line: DaemonLine) => {
      if (line.id === 'moby.buildkit.trace' && typeof line.aux === 'string') {
        const trace = decodeTrace(line.aux);
        // What a step wrote comes with its end, which would cut the last line.
        trace.vertexes.filter(({ completed }) => completed === undefined).forEach(takeVertex);
        for (const { vertex, text } of trace.logs) takeLog(vertex, text);
        trace.vertexes.forEach(takeVertex);
        for (const warning of trace.warnings) warnings.set(warning.short, warning);
      }
      if (line.stream !== undefined) takeLine(stream, line.stream);
      failure ??= line.errorDetail?.message ?? line.error;
    },
    /** The daemon answers 200 whatever happens: an error is a line of the answer. */
    finish: () => {
      for (const { short, url } of warnings.values()) {
        emit({ kind: 'warning', message: `Dockerfile: ${short}`, hint: url });
      }
      if (failure === undefined) return;
      const failed = [...steps.values()].find(({ vertex }) => vertex.error !== '');
      const quoted = failed === undefined ? stream : [failed.vertex.name, ...failed.log];
      throw buildFailed(failure, quoted);
    },
  };
}

/** What BuildKit puts before the message proper (docker-facts 1.4). */
const NOISE =
  /^(?:failed to solve(?: with frontend dockerfile\.v0)?: |failed to create LLB definition: |rpc error: code = \w+ desc = |failed to compute cache key: |failed to calculate checksum of ref \S+ |executor failed running )+/;

function buildFailed(message: string, log: readonly string[], cause?: unknown): EcsDeployError {
  const text = message.replace(NOISE, '').replace('" not found: not found', '": not found');
  const quoted = log.map((line) => `\n  | ${line}`).join('');
  return new EcsDeployError({
    code: 'build-failed',
    message: `The build failed: ${text}${quoted}`,
    hint: hintFor(`${text}\n${log.join('\n')}`),
    cause,
  });
}

function hintFor(text: string): string | undefined {
  if (/exec format error/.test(text)) {
    return 'this Docker cannot run steps of that platform: register emulation (docker run --privileged --rm tonistiigi/binfmt --install all), or build on a machine of that CPU';
  }
  const agent =
    /no SSH key "(.+)" forwarded|no ssh agent is forwarded as (\S+)|Permission denied \(publickey/.exec(
      text,
    );
  if (agent !== null) {
    const id = agent[1] ?? agent[2] ?? 'default';
    const mount = id === 'default' ? '' : `,id=${id}`;
    return `give the step an ssh agent: --ssh ${id === 'default' ? id : `${id}=SOCKET`} (with RUN --mount=type=ssh${mount} in the Dockerfile)`;
  }
  if (/no space left on device/i.test(text)) {
    return 'the disk of the Docker daemon is full: docker system df shows what fills it, docker system prune frees it';
  }
  if (/no active session/.test(text)) {
    return 'the base image needs a login or a pull that this build cannot do: pull it first (docker pull --platform PLATFORM IMAGE)';
  }
  if (/unauthorized|authorization failed|access denied|401/i.test(text)) {
    return 'the registry of the base image wants a login: docker login REGISTRY (private images of your own ECR need none), and check the name of the image';
  }
  if (/failed to do request|no such host|connection refused|i\/o timeout/.test(text)) {
    return 'the Docker daemon cannot reach the registry of the base image: check its network, or pull the image first';
  }
  if (/"[^"]*": not found/.test(text)) {
    return 'check the path in the Dockerfile, and whether .dockerignore leaves it out of the context';
  }
  return undefined;
}
