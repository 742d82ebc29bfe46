import type { JsonObject } from './task-definition.ts';

/** How the entries of a list are told apart. */
interface Identity {
  /** The members that name an entry. */
  readonly by: readonly string[];
  /** An entry is a name and one value, e.g. of `environment`. */
  readonly pair?: true;
}

/**
 * Lists whose order means nothing to ECS, which also answers some of them in another order than they
 * were sent (Terraform's provider orders containers, environment and secrets before it compares).
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

/** What ECS fills in when a member is left out (ecs-facts 2.1). */
const DEFAULTS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['containerDefinitions.cpu', 0],
  ['containerDefinitions.essential', true],
  ['containerDefinitions.portMappings.hostPort', 0],
  ['containerDefinitions.portMappings.protocol', 'tcp'],
  ['containerDefinitions.healthCheck.interval', 30],
  ['containerDefinitions.healthCheck.timeout', 5],
  ['containerDefinitions.healthCheck.retries', 3],
]);

/** Objects that say nothing when they are empty; elsewhere `{}` may be a switch. */
const EMPTY_OBJECTS = new Set([
  'volumes.host',
  'containerDefinitions.dockerLabels',
  'containerDefinitions.logConfiguration.options',
  'containerDefinitions.firelensConfiguration.options',
]);

/** Whether registering `draft` would make a revision equal to `existing`, ECS's defaults aside. */
export function sameDefinition(draft: JsonObject, existing: JsonObject): boolean {
  return canonical(draft) === canonical(existing);
}

/** One text for all definitions that ECS would register alike. */
export function canonical(definition: JsonObject): string {
  return JSON.stringify(normalise(definition));
}

/** A definition without what ECS fills in, keys sorted, and lists where their order means nothing. */
export function normalise(definition: JsonObject): JsonObject {
  // Host ports equal container ports in these modes, so ECS fills them in.
  const hostPorts = ['awsvpc', 'host'].includes(String(definition['networkMode']));
  return normaliseAt(definition, '', hostPorts) as JsonObject;
}

/** Whether a value of the wire is an object with members. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The path of a member, list indices left out, e.g. `containerDefinitions.environment`. */
export const memberPath = (path: string, member: string): string =>
  path === '' ? member : `${path}.${member}`;

/** A name as it stands in a path that is shown: quoted where it holds more than names do. */
export const shownName = (name: string): string =>
  /^[\w./:#@-]+$/.test(name) ? name : JSON.stringify(name);

/** What tells an entry of a list apart from the others, e.g. `8080/udp`; undefined where nothing does. */
export function identityOf(path: string, entry: unknown): string | undefined {
  const identity = IDENTITIES.get(path);
  if (identity === undefined || !isObject(entry)) return undefined;
  const parts = identity.by.map((member) => entry[member]).filter((part) => part !== undefined);
  return parts.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))).join('/');
}

function normaliseAt(value: unknown, path: string, hostPorts: boolean): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => normaliseAt(item, path, hostPorts));
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

function isAbsent(item: unknown, at: string): boolean {
  if (item === null || item === undefined) return true;
  if (Array.isArray(item)) return item.length === 0;
  return EMPTY_OBJECTS.has(at) && isObject(item) && Object.keys(item).length === 0;
}

/** The task's `1 vCPU` and `2GB` as ECS answers them: in CPU units and MiB. */
function inUnits(item: unknown, at: string): unknown {
  if (typeof item !== 'string' || (at !== 'cpu' && at !== 'memory')) return item;
  const [, amount] = (at === 'cpu' ? /^([\d.]+)\s*vcpu$/i : /^([\d.]+)\s*gb$/i).exec(item) ?? [];
  return amount === undefined ? item : String(Number(amount) * 1024);
}

/** Orders texts by their code units: unlike a locale's order it calls no two texts the same. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
