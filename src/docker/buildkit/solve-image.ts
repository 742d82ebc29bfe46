import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { EcsDeployError } from '../../errors.ts';
import type { Emit } from '../../events.ts';
import { callEngine, isAtLeast } from '../engine/api.ts';
import type { Daemon } from '../engine/daemon.ts';
import { isConnectionLost } from '../engine/unavailable.ts';
import { openControl } from './daemon-grpc.ts';
import type { BuildProgress } from './progress.ts';
import { solve } from './solve.ts';
import type { Backend } from './solve.ts';
import { entitlementsOf, frontendSteps, needsGateway } from './steps.ts';
import type { StepOptions } from './steps.ts';
import { hostGateway } from './workers.ts';

/** What BuildKit builds. */
export interface SolvedImage {
  /** The image's name in the daemon. */
  readonly reference: string;
  readonly platform: string;
  readonly dockerfile: string;
  readonly target: string | undefined;
  readonly args: Readonly<Record<string, string>>;
  /** Build arguments for the daemon's proxies, which `args` override. */
  readonly proxies: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly noCache: boolean;
  readonly pull: boolean;
  readonly steps: StepOptions;
  readonly cacheFrom: readonly Backend[];
  readonly cacheTo: readonly Backend[];
}

type Caches = Pick<SolvedImage, 'cacheFrom' | 'cacheTo'>;

/** Whether caches are used that `/build` does not know: it reads from registries, and writes none. */
export function needsSolve({ cacheFrom, cacheTo }: Caches): boolean {
  return cacheFrom.some(({ type }) => type !== 'registry') || cacheTo.length > 0;
}

/** Of the answer to `/info`. */
interface Info {
  readonly Driver?: string;
  readonly DriverStatus?: readonly (readonly string[])[];
}

/**
 * Whether the daemon's BuildKit takes caches of every kind, which needs the containerd image store
 * (docs/explanation/how-docker-behaves.md#caches). Warns otherwise.
 */
export async function canSolve({ docker }: Daemon, emit: Emit): Promise<boolean> {
  const { Driver: driver = 'unknown', DriverStatus: details = [] } = await callEngine<Info>(
    docker,
    { path: '/info', method: 'GET', statusCodes: { 200: true, 500: 'server error' } },
  );
  if (details.flat().includes('io.containerd.snapshotter.v1')) return true;
  emit({
    kind: 'warning',
    message: `This Docker daemon cannot write build caches (its image store is ${driver}): the build reads caches in registries only.`,
    hint: 'turn on the containerd image store, the default since Docker 29: "features": { "containerd-snapshotter": true } in daemon.json',
  });
  return false;
}

/** Builds an image into the daemon with `Control.Solve`; the session has the files. */
export async function solveImage(
  daemon: Daemon,
  image: SolvedImage,
  session: string,
  progress: BuildProgress,
  signal: AbortSignal,
): Promise<void> {
  const gateway = needsGateway(image.steps) ? await hostGateway(daemon) : undefined;
  const client = await openControl(daemon);
  if (client === undefined) {
    throw new EcsDeployError({
      code: 'docker-unsuitable',
      message: `The Docker daemon at ${daemon.address.host} does not offer BuildKit's API, which other build caches than those of a registry need.`,
      hint: 'allow POST /grpc, or build without --cache-to and "build.cache"',
    });
  }
  client.on('error', () => undefined);
  // BuildKit before 0.12, which Docker 25 has, writes one cache only.
  const canHaveBoth = isAtLeast(daemon.apiVersion, '1.44');
  try {
    const build = {
      ref: randomUUID(),
      session,
      exporter: { type: 'moby', attributes: { name: image.reference } },
      frontend: frontendAttributes(image, gateway),
      entitlements: entitlementsOf(image.steps),
      cacheTo: [...(canHaveBoth || image.cacheTo.length === 0 ? [INLINE] : []), ...image.cacheTo],
    };
    await solve(client, build, progress.takeTrace, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (isConnectionLost(error)) throw error;
    progress.fail((error as Error).message);
  } finally {
    client.destroy();
  }
}

const INLINE: Backend = { type: 'inline', attributes: {} };

/** The options of the Dockerfile frontend. */
function frontendAttributes(
  image: SolvedImage,
  gateway: string | undefined,
): Readonly<Record<string, string>> {
  const { dockerfile, platform, target, args, proxies, labels, noCache, pull, cacheFrom } = image;
  const imports = cacheFrom.map(({ type, attributes }) => ({ Type: type, Attrs: attributes }));
  const prefixed = (prefix: string, map: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(map).map(([key, value]) => [`${prefix}:${key}`, value]));
  return {
    filename: basename(dockerfile),
    platform,
    ...(target !== undefined && { target }),
    ...prefixed('build-arg', { ...proxies, ...args }),
    ...prefixed('label', labels),
    ...(noCache && { 'no-cache': '' }),
    ...(pull && { 'image-resolve-mode': 'pull' }),
    ...frontendSteps(image.steps, gateway),
    // The member for imports in the request itself is ignored.
    ...(imports.length > 0 && { 'cache-imports': JSON.stringify(imports) }),
  };
}
