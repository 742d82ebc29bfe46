import type { JsonObject } from './task-definition.ts';

/** How the entries of a list are identified. */
interface Identity {
  /** The members that identify an entry. */
  readonly by: readonly string[];
  /** Whether an entry is a name-value pair, as in `environment`. */
  readonly pair?: true;
}

/**
 * Lists whose order has no meaning in ECS, by path. ECS returns some of them in another order than
 * they were sent; Terraform's provider also sorts containers, environment and secrets to compare.
 */
export const IDENTITIES: ReadonlyMap<string, Identity> = new Map<string, Identity>([
  ['tags', { by: ['key'], pair: true }],
  ['volumes', { by: ['name'] }],
  ['proxyConfiguration.properties', { by: ['name'], pair: true }],
  ['containerDefinitions', { by: ['name'] }],
  ['containerDefinitions.environment', { by: ['name'], pair: true }],
  ['containerDefinitions.secrets', { by: ['name'], pair: true }],
  ['containerDefinitions.logConfiguration.secretOptions', { by: ['name'], pair: true }],
  ['containerDefinitions.systemControls', { by: ['namespace'], pair: true }],
  [
    'containerDefinitions.portMappings',
    { by: ['containerPort', 'containerPortRange', 'protocol'] },
  ],
  ['containerDefinitions.mountPoints', { by: ['containerPath'] }],
  ['containerDefinitions.dependsOn', { by: ['containerName'] }],
  ['containerDefinitions.ulimits', { by: ['name'] }],
]);

/** Defaults of ECS (docs/explanation/how-ecs-behaves.md#what-ecs-adds-to-a-task-definition). */
const DEFAULTS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['containerDefinitions.cpu', 0],
  ['containerDefinitions.essential', true],
  ['containerDefinitions.portMappings.hostPort', 0],
  ['containerDefinitions.portMappings.protocol', 'tcp'],
  ['containerDefinitions.healthCheck.interval', 30],
  ['containerDefinitions.healthCheck.timeout', 5],
  ['containerDefinitions.healthCheck.retries', 3],
]);

/** Objects that have no meaning when empty; elsewhere `{}` can enable a feature. */
const EMPTY_OBJECTS = new Set([
  'volumes.host',
  'containerDefinitions.dockerLabels',
  'containerDefinitions.logConfiguration.options',
  'containerDefinitions.firelensConfiguration.options',
]);

/** Whether ECS would register `draft` as a revision equal to `existing`. */
export function sameDefinition(draft: JsonObject, existing: JsonObject): boolean {
  return canonical(draft) === canonical(existing);
}

/** A string that is equal for all definitions that ECS would register alike. */
export function canonical(definition: JsonObject): string {
  return JSON.stringify(normalise(definition));
}

/** A definition without ECS defaults; keys and lists without a meaningful order are sorted. */
export function normalise(definition: JsonObject): JsonObject {
  // In these modes the host port equals the container port, and ECS adds it.
  const hostPorts = ['awsvpc', 'host'].includes(String(definition['networkMode']));
  return normaliseAt(definition, '', hostPorts) as JsonObject;
}

/** Whether a JSON value is an object (not null, not an array). */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The path of a member, e.g. `containerDefinitions.environment`. */
export const memberPath = (path: string, member: string): string =>
  path === '' ? member : `${path}.${member}`;

/** A name for display in a path; quoted if it has unusual characters. */
export const shownName = (name: string): string =>
  /^[\w./:#@-]+$/.test(name) ? name : JSON.stringify(name);

/** The identity of a list entry, e.g. `8080/udp`; undefined if the list is not in {@link IDENTITIES}. */
export function identityOf(path: string, entry: unknown): string | undefined {
  const identity = IDENTITIES.get(path);
  if (identity === undefined || !isObject(entry)) return undefined;
  const parts = identity.by.map((member) => entry[member]).filter((part) => part !== undefined);
  return parts.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))).join('/');
}

function normaliseAt(value: unknown, path: string, hostPorts: boolean): unknown {
  if (Array.isArray(value)) {
    const items = value
      .filter((item) => !isDropped(item, path))
      .map((item: unknown) => normaliseAt(item, path, hostPorts));
    if (!IDENTITIES.has(path)) return items;
    return items
      .map((item) => ({ item, key: identityOf(path, item) ?? '' }))
      .toSorted((a, b) => compareText(a.key, b.key))
      .map(({ item }) => item);
  }
  if (!isObject(value)) return value;
  const isFilledIn = (at: string, item: unknown) =>
    DEFAULTS.get(at) === item ||
    (hostPorts &&
      at === 'containerDefinitions.portMappings.hostPort' &&
      item === value['containerPort']);
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, item]) => ({ name, item, at: memberPath(path, name) }))
      .filter(({ item, at }) => !isAbsent(item, at) && !isFilledIn(at, item))
      .toSorted((a, b) => compareText(a.name, b.name))
      .map(({ name, item, at }) => [name, normaliseAt(inUnits(item, at), at, hostPorts)]),
  );
}

/** ECS drops variables without a value. */
function isDropped(item: unknown, path: string): boolean {
  if (path !== 'containerDefinitions.environment' || !isObject(item)) return false;
  return item['value'] === undefined || item['value'] === null;
}

function isAbsent(item: unknown, at: string): boolean {
  if (item === null || item === undefined) return true;
  if (Array.isArray(item)) return item.every((entry) => isDropped(entry, at));
  return EMPTY_OBJECTS.has(at) && isObject(item) && Object.keys(item).length === 0;
}

/** Converts the task's `1 vCPU` and `2GB` to CPU units and MiB, as ECS returns them. */
function inUnits(item: unknown, at: string): unknown {
  if (typeof item !== 'string' || (at !== 'cpu' && at !== 'memory')) return item;
  const [, amount] = (at === 'cpu' ? /^([\d.]+)\s*vcpu$/i : /^([\d.]+)\s*gb$/i).exec(item) ?? [];
  return amount === undefined ? item : String(Number(amount) * 1024);
}

/** Compares strings by code units; unlike a locale's order, different strings are never equal. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
