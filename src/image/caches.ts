import { resolve } from 'node:path';
import { isImmutable } from '../aws/repositories.ts';
import type { Repository } from '../aws/repositories.ts';
import { isCi } from '../core/ci.ts';
import { CACHE_TAG, ecrRegistry, parseImageReference } from '../core/image.ts';
import type { Config } from '../settings/config.ts';
import type { BuildCache } from '../settings/readers.ts';

/** The caches of a build beside the daemon's own. */
export interface Caches {
  readonly cacheFrom: readonly BuildCache[];
  readonly cacheTo: readonly BuildCache[];
}

/**
 * What a build reads and writes: the caches that are configured, the one of the repository, and in
 * CI, where the daemon has no cache, the `running` images. Only CI writes the one of the repository:
 * a laptop would replace it by that of its own branch.
 */
export function cachesOf(
  { environment }: { readonly environment: Readonly<Record<string, string | undefined>> },
  config: Pick<Config, 'cache' | 'cacheFrom' | 'cacheTo' | 'secretsDirectory'>,
  repository: Repository,
  running: readonly string[],
): Caches {
  const inCi = isCi(environment);
  const ours = inRegistry(`${repository.uri}:${CACHE_TAG}`);
  const images = running.filter((image) => image.startsWith(`${repository.uri}:`));
  const given = (caches: readonly BuildCache[]) =>
    caches.map((cache) => withFolders(withToken(cache, environment), config.secretsDirectory));
  // Every image has its inline cache.
  const own = given(config.cacheTo.filter(({ type }) => type !== 'inline'));
  const isWritten = config.cache && inCi && !isImmutable(repository, CACHE_TAG);
  return {
    cacheFrom: [
      ...given(config.cacheFrom),
      ...(config.cache ? [ours] : []),
      ...(inCi ? [...new Set(images)].map((image) => inRegistry(image)) : []),
    ],
    cacheTo: [
      ...own.map((cache) => forEcr(cache, repository)),
      ...(isWritten
        ? [forEcr(inRegistry(`${repository.uri}:${CACHE_TAG}`, KEPT), repository)]
        : []),
    ],
  };
}

/** The layers of every stage; a deploy does not fail for its cache. */
const KEPT = { mode: 'max', 'ignore-error': 'true' };

const inRegistry = (ref: string, attributes: BuildCache['attributes'] = {}): BuildCache => ({
  type: 'registry',
  attributes: { ref, ...attributes },
});

/** ECR takes a cache in the form of an image only (docs/explanation/how-docker-behaves.md#caches). */
function forEcr({ type, attributes }: BuildCache, repository: Repository): BuildCache {
  const { registry = '' } = parseImageReference(attributes['ref'] ?? '');
  const isEcr = ecrRegistry(registry) !== undefined || repository.uri.startsWith(`${registry}/`);
  if (type !== 'registry' || !isEcr) return { type, attributes };
  const form = { 'image-manifest': 'true', 'oci-mediatypes': 'true' };
  return { type, attributes: { ...form, ...attributes } };
}

/** The folders of a cache of this machine, absolute. */
function withFolders({ type, attributes }: BuildCache, directory: string): BuildCache {
  if (type !== 'local') return { type, attributes };
  const folders = Object.entries(attributes).map(([key, value]) =>
    key === 'src' || key === 'dest' ? [key, resolve(directory, value)] : [key, value],
  );
  return { type, attributes: Object.fromEntries(folders) as BuildCache['attributes'] };
}

/** The cache of GitHub Actions needs what the runner gives to actions. */
function withToken(
  { type, attributes }: BuildCache,
  environment: Readonly<Record<string, string | undefined>>,
): BuildCache {
  if (type !== 'gha') return { type, attributes };
  const given = {
    token: environment['ACTIONS_RUNTIME_TOKEN'],
    url: environment['ACTIONS_CACHE_URL'],
    url_v2: environment['ACTIONS_RESULTS_URL'],
    version: environment['ACTIONS_CACHE_SERVICE_V2'] ? '2' : undefined,
  };
  const known = Object.entries(given).filter((pair): pair is [string, string] => Boolean(pair[1]));
  return { type, attributes: { ...Object.fromEntries(known), ...attributes } };
}
