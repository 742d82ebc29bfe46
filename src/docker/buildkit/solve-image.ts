import { randomUUID } from 'node:crypto';
import type { ClientHttp2Session } from 'node:http2';
import { basename, isAbsolute } from 'node:path';
import { EcsDeployError } from '../../errors.ts';
import type { Emit } from '../../events.ts';
import { callEngine, isAtLeast } from '../engine/api.ts';
import type { Daemon } from '../engine/daemon.ts';
import { isConnectionLost } from '../engine/unavailable.ts';
import { taggedDigest, tagManifest } from './content-store.ts';
import { openControl } from './daemon-grpc.ts';
import type { Proof } from './gateway.ts';
import type { BuildProgress } from './progress.ts';
import { withStores } from './oci-layouts.ts';
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
  /** Named build contexts: absolute folders, images (`docker-image://…`) and URLs by name. */
  readonly contexts: Readonly<Record<string, string>>;
  /** Entitlements of the steps, e.g. `network.host`. */
  readonly allow: readonly string[];
  readonly attestations: Attestations;
  readonly cacheFrom: readonly Backend[];
  readonly cacheTo: readonly Backend[];
}

/** The attestations to attach to an image. */
export interface Attestations {
  readonly provenance: 'min' | 'max' | undefined;
  readonly sbom: boolean;
}

/** Whether caches are used that `/build` does not know: it reads from registries, and writes none. */
export function needsCaches({
  cacheFrom,
  cacheTo,
}: Pick<SolvedImage, 'cacheFrom' | 'cacheTo'>): boolean {
  return cacheFrom.some(({ type }) => type !== 'registry') || cacheTo.length > 0;
}

/** Whether a build has options for which `/build` has no parameters. */
export function needsSolve({ contexts, allow }: Pick<SolvedImage, 'contexts' | 'allow'>): boolean {
  return Object.keys(contexts).length > 0 || allow.length > 0;
}

/** The folders among named contexts, by the names under which the session serves them. */
export function folderContexts(
  contexts: SolvedImage['contexts'],
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(contexts).flatMap(([name, source]) =>
      isAbsolute(source) ? [[folderName(name), source]] : [],
    ),
  );
}

const folderName = (name: string) => `named-${name}`;

/** Of the answer to `/info`. */
interface Info {
  readonly Driver?: string;
  readonly DriverStatus?: readonly (readonly string[])[];
}

/** Whether the daemon's BuildKit exports images and caches; otherwise the name of its image store. */
export async function canExport({ docker }: Daemon): Promise<true | string> {
  const { Driver: driver = 'unknown', DriverStatus: details = [] } = await callEngine<Info>(
    docker,
    { path: '/info', method: 'GET', statusCodes: { 200: true, 500: 'server error' } },
  );
  return details.flat().includes('io.containerd.snapshotter.v1') || driver;
}

/**
 * Whether the daemon's BuildKit takes caches of every kind, which needs the containerd image store
 * (docs/explanation/how-docker-behaves.md#caches). Warns otherwise.
 */
export async function canSolve(daemon: Daemon, emit: Emit): Promise<boolean> {
  const store = await canExport(daemon);
  if (store === true) return true;
  emit({
    kind: 'warning',
    message: `This Docker daemon cannot write build caches (its image store is ${store}): the build reads caches in registries only.`,
    hint: `${CONTAINERD_STORE}; or build with a builder of buildx (--builder NAME)`,
  });
  return false;
}

/** How a daemon gets an image store that exports everything. */
export const CONTAINERD_STORE =
  'turn on the containerd image store, the default since Docker 29: "features": { "containerd-snapshotter": true } in daemon.json';

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
      message: `The Docker daemon at ${daemon.address.host} does not offer BuildKit's API, which build caches, --build-context and --allow need.`,
      hint: 'allow POST /grpc, or build without them',
    });
  }
  client.on('error', () => undefined);
  // BuildKit before 0.12, which Docker 25 has, writes one cache only.
  const canHaveBoth = isAtLeast(daemon.apiVersion, '1.44');
  const exporter = { type: 'moby', attributes: { name: image.reference } };
  const cacheTo = [
    ...(canHaveBoth || image.cacheTo.length === 0 ? [INLINE] : []),
    ...image.cacheTo,
  ];
  const build = { ...solveOf(image, session, gateway), exporter, cacheTo };
  try {
    const solving = solve(client, build, progress.takeTrace, signal);
    await tagCaches(image, await orFail(solving, progress, signal));
  } finally {
    client.destroy();
  }
}

/**
 * Builds an image and pushes it by its digest, without a tag, if `prove` resolves. Returns the digest,
 * of an index for several platforms; undefined when the build failed.
 */
export async function solveAndPush(
  client: ClientHttp2Session,
  image: SolvedImage & { readonly repository: string },
  session: string,
  progress: BuildProgress,
  prove: Proof,
  signal: AbortSignal,
): Promise<string | undefined> {
  const attributes = { name: image.repository, push: 'true', 'push-by-digest': 'true' };
  const exporter = { type: 'image', attributes };
  const cacheTo = [INLINE, ...image.cacheTo];
  const build = { ...solveOf(image, session, undefined), exporter, cacheTo };
  const answer = await orFail(
    solve(client, build, progress.takeTrace, signal, prove),
    progress,
    signal,
  );
  await tagCaches(image, answer);
  return answer?.get('containerimage.digest');
}

/** The folders of caches, by the names that BuildKit gives them. */
export function cacheStores({
  cacheFrom,
  cacheTo,
}: Pick<SolvedImage, 'cacheFrom' | 'cacheTo'>): ReadonlyMap<string, string> {
  const folders = [...cacheFrom, ...cacheTo].flatMap(({ type, attributes }) =>
    type === 'local' ? (attributes['src'] ?? attributes['dest'] ?? []) : [],
  );
  return new Map(folders.map((folder) => [`local:${folder}`, folder]));
}

/** The caches to read, without those in folders that have none yet. */
export async function existingCaches(caches: readonly Backend[]): Promise<readonly Backend[]> {
  const found = caches.map(async ({ type, attributes }): Promise<Backend[]> => {
    const { src, digest: given, tag = 'latest' } = attributes;
    if (type !== 'local' || src === undefined) return [{ type, attributes }];
    const digest = given ?? (await taggedDigest(src, tag));
    return digest === undefined ? [] : [{ type, attributes: { ...attributes, digest } }];
  });
  return (await Promise.all(found)).flat();
}

async function tagCaches(
  { cacheTo }: SolvedImage,
  answer: ReadonlyMap<string, string> | undefined,
): Promise<void> {
  const descriptor = answer?.get('cache.manifest');
  if (descriptor === undefined) return;
  for (const { type, attributes } of cacheTo) {
    const { dest, tag = 'latest' } = attributes;
    if (type === 'local' && dest !== undefined) await tagManifest(dest, tag, descriptor);
  }
}

const solveOf = (image: SolvedImage, session: string, gateway: string | undefined) => ({
  ref: randomUUID(),
  session,
  frontend: frontendAttributes(image, gateway),
  entitlements: [...new Set([...entitlementsOf(image.steps), ...image.allow])],
});

/** Awaits a build; a failure is reported with its steps. */
async function orFail<T>(
  work: Promise<T>,
  progress: BuildProgress,
  signal: AbortSignal,
): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    signal.throwIfAborted();
    if (isConnectionLost(error) || error instanceof EcsDeployError) throw error;
    progress.fail((error as Error).message);
    return undefined;
  }
}

const INLINE: Backend = { type: 'inline', attributes: {} };

/** The options of the Dockerfile frontend. */
function frontendAttributes(
  image: SolvedImage,
  gateway: string | undefined,
): Readonly<Record<string, string>> {
  const { dockerfile, platform, target, args, proxies, labels, noCache, pull, cacheFrom } = image;
  const { provenance, sbom } = image.attestations;
  const contexts = Object.entries(withStores(image.contexts)).map(([name, source]) => [
    name,
    isAbsolute(source) ? `local:${folderName(name)}` : source,
  ]);
  const imports = cacheFrom.map(({ type, attributes }) => ({ Type: type, Attrs: attributes }));
  const prefixed = (prefix: string, map: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(map).map(([key, value]) => [`${prefix}:${key}`, value]));
  return {
    filename: basename(dockerfile),
    platform,
    ...(target !== undefined && { target }),
    ...prefixed('build-arg', { ...proxies, ...args }),
    ...prefixed('label', labels),
    ...prefixed('context', Object.fromEntries(contexts)),
    ...(provenance !== undefined && { 'attest:provenance': `mode=${provenance}` }),
    ...(sbom && { 'attest:sbom': '' }),
    ...(noCache && { 'no-cache': '' }),
    ...(pull && { 'image-resolve-mode': 'pull' }),
    ...frontendSteps(image.steps, gateway),
    // The member for imports in the request itself is ignored.
    ...(imports.length > 0 && { 'cache-imports': JSON.stringify(imports) }),
  };
}
