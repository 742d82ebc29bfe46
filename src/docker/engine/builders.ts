import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suggest } from '../../core/nearest.ts';
import { EcsDeployError } from '../../errors.ts';
import { configFolder, contextExists, currentContext, dockerAddresses } from './endpoint.ts';
import type { Environment } from './endpoint.ts';

/** A machine of a builder. */
export interface BuilderNode {
  readonly name: string;
  /** A Docker context or address; for `remote` and `kubernetes`, where BuildKit is. */
  readonly endpoint: string;
  readonly options: Readonly<Record<string, string>>;
}

/** A builder of buildx. */
export interface Builder {
  readonly name: string;
  readonly driver: string;
  readonly nodes: readonly BuilderNode[];
}

/** The value of `--builder` for the builder that buildx uses. */
const CURRENT_BUILDER = 'current';

/** An instance as buildx stores it. */
interface Stored {
  readonly Name?: string;
  readonly Driver?: string;
  readonly Nodes?:
    | readonly {
        readonly Name?: string;
        readonly Endpoint?: string;
        readonly DriverOpts?: Readonly<Record<string, string>> | null;
      }[]
    | null;
}

/**
 * A builder of buildx by its name, read from buildx's own state, which is never written
 * (docs/explanation/how-docker-behaves.md#builders-of-buildx). Throws `docker-unavailable`.
 */
export function findBuilder(environment: Environment, named: string): Builder {
  const folder = environment['BUILDX_CONFIG'] || join(configFolder(environment), 'buildx');
  const stored = readInstance(folder, named);
  if (stored !== undefined) return stored;
  if (named !== CURRENT_BUILDER) return contextBuilder(environment, folder, named);
  const current = environment['BUILDX_BUILDER'] || currentName(environment, folder);
  if (current === undefined) return dockerBuilder('default');
  return readInstance(folder, current) ?? contextBuilder(environment, folder, current);
}

/** The builder of a Docker context, as buildx has one for each; it is the daemon. */
const dockerBuilder = (context: string): Builder => ({
  name: context,
  driver: 'docker',
  nodes: [{ name: context, endpoint: context, options: {} }],
});

function contextBuilder(environment: Environment, folder: string, name: string): Builder {
  if (name === 'default' || contextExists(environment, name)) return dockerBuilder(name);
  throw new EcsDeployError({
    code: 'docker-unavailable',
    message: `buildx has no builder "${name}" (${folder}).`,
    hint: suggest(name, listBuilders(folder), 'builders'),
  });
}

function listBuilders(folder: string): string[] {
  const instances = join(folder, 'instances');
  return ['default', ...(existsSync(instances) ? readdirSync(instances).toSorted() : [])];
}

function readInstance(folder: string, name: string): Builder | undefined {
  // The rule of buildx; a path would lead elsewhere.
  if (!/^[a-z][\w.+-]*$/i.test(name)) return undefined;
  const source = readText(join(folder, 'instances', name.toLowerCase()));
  if (source === undefined) return undefined;
  const stored = parse(source) as Stored;
  return {
    name: stored.Name ?? name,
    driver: stored.Driver || 'docker',
    nodes: (stored.Nodes ?? []).map((node) => ({
      name: node.Name ?? '',
      endpoint: node.Endpoint ?? '',
      options: node.DriverOpts ?? {},
    })),
  };
}

/** The choice of `docker buildx use`. */
interface Chosen {
  readonly Key?: string;
  readonly Name?: string;
  readonly Global?: boolean;
}

/** The builder that `docker buildx use` chose, for all contexts or for the one in use. */
function currentName(environment: Environment, folder: string): string | undefined {
  const context = environment['DOCKER_HOST'] ? 'default' : currentContext(environment);
  const isNamed = context !== undefined && context !== 'default';
  const key = isNamed ? context : dockerAddresses(environment, {})[0].host;
  const { Key, Name, Global } = parse(readText(join(folder, 'current')) ?? '{}') as Chosen;
  if (Name && (Global === true || Key === key)) return Name;
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 20);
  return readText(join(folder, 'defaults', hash)) || undefined;
}

function parse(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch (error) {
    throw new EcsDeployError({
      code: 'docker-unsuitable',
      message: `The state of buildx is not valid JSON: ${(error as Error).message}`,
      hint: 'list its builders: docker buildx ls',
      cause: error,
    });
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
