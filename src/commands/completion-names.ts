import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Context } from './context.ts';

/** Milliseconds after which names of AWS come too late. */
const PATIENCE = 800;

/** Milliseconds for which names are kept: long enough for a few command lines. */
const LIFETIME = 600_000;

/** The variables that say whose names are read. */
const PLACE = /^AWS_(PROFILE|REGION|DEFAULT_REGION|ROLE_ARN|ACCESS_KEY_ID|ENDPOINT_URL\w*)$/;

/** Names of AWS, and where they are read. */
export interface NameRequest {
  readonly kind: 'cluster' | 'service' | 'repository' | 'family' | 'revision';
  readonly cluster: string;
  /** Whose family has the revisions, unless `family` is given. */
  readonly service: string | undefined;
  readonly family: string | undefined;
  readonly profile: string | undefined;
  readonly region: string | undefined;
}

type Tools = Pick<Context, 'environment' | 'signal'>;

/** Cached names, by the query that they answer. */
type Cache = Readonly<Record<string, { readonly at: number; readonly names: readonly string[] }>>;

/** The names, from the cache where they are young; none where AWS fails or takes too long. */
export async function awsNames(request: NameRequest, tools: Tools): Promise<readonly string[]> {
  const { environment, signal } = tools;
  const places = Object.keys(environment).filter((name) => PLACE.test(name));
  const place = places.toSorted().map((name) => [name, environment[name]]);
  // Hashed, so that the file does not reveal the keys.
  const key = createHash('sha256')
    .update(JSON.stringify([request, place]))
    .digest('hex');
  const folder = join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'ecsdeploy');
  const file = join(folder, 'names.json');
  const cache = await readCache(file);
  const known = Object.hasOwn(cache, key) ? cache[key] : undefined;
  if (known !== undefined) return known.names;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
  const late = new Promise<undefined>((done) => {
    limit.addEventListener('abort', () => done(undefined));
  });
  const names = await Promise.race([
    readNames(request, { environment, signal: limit }).catch(() => undefined),
    late,
  ]);
  if (names === undefined) return [];
  const text = JSON.stringify({ ...cache, [key]: { at: Date.now(), names } });
  await writeCache(folder, file, text).catch(() => undefined);
  return names;
}

/** The entries of the cache that are young; none where the file is not readable or not ours. */
async function readCache(file: string): Promise<Cache> {
  try {
    const entries = Object.entries(JSON.parse(await readFile(file, 'utf8')) as Cache);
    const young = entries.filter(
      ([, { at, names }]) => Math.abs(Date.now() - at) < LIFETIME && Array.isArray(names),
    );
    return Object.fromEntries(young);
  } catch {
    return {};
  }
}

async function writeCache(folder: string, file: string, text: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Two shells can ask at once: each file is whole.
  const own = `${file}.${randomBytes(4).toString('hex')}`;
  await writeFile(own, text, { mode: 0o600 });
  await rename(own, file);
}

async function readNames(
  { kind, cluster, service, family, profile, region }: NameRequest,
  { environment, signal }: Tools,
): Promise<readonly string[]> {
  const [{ connect }, { openEcs }, names] = await Promise.all([
    import('../aws/client.ts'),
    import('../aws/ecs.ts'),
    import('../aws/names.ts'),
  ]);
  const onCall = () => undefined;
  const options = { profile, region, environment, ask: undefined, onCall, signal };
  const aws = await connect({ ...options, callTimeout: PATIENCE });
  if (kind === 'repository') return names.repositoryNames(aws);
  const ecs = await openEcs(aws);
  if (kind === 'cluster') return names.clusterNames(ecs);
  if (kind === 'service') return names.serviceNames(ecs, cluster);
  const own =
    kind === 'family' || family !== undefined || service === undefined
      ? family
      : await names.familyOf(ecs, cluster, service);
  return own === undefined ? names.familyNames(ecs) : names.revisionNames(ecs, own);
}
