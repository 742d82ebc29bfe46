import { EcsDeployError } from '../errors.ts';
import { suggest } from './nearest.ts';

/** A JSON object of the wire; unknown members included. */
export type JsonObject = { readonly [member: string]: unknown };

/** A revision as ECS describes it. */
export interface Revision {
  readonly arn: string;
  readonly family: string;
  readonly revision: number;
  readonly status: string;
  /** Everything that can be registered again, tags included, members unknown to us included. */
  readonly definition: JsonObject;
}

/** Members that DescribeTaskDefinition adds and RegisterTaskDefinition does not take (ecs-facts 2.1). */
const OUTPUT_ONLY = new Set([
  'taskDefinitionArn',
  'revision',
  'status',
  'requiresAttributes',
  'compatibilities',
  'registeredAt',
  'registeredBy',
  'deregisteredAt',
  'deleteRequestedAt',
]);

/** What can be registered again of a described task definition; `tags` come beside it on the wire. */
export function toRegistrable(described: JsonObject, tags: unknown): JsonObject {
  const kept = Object.entries(described).filter(([member]) => !OUTPUT_ONLY.has(member));
  const definition = Object.fromEntries(kept);
  return Array.isArray(tags) && tags.length > 0 ? { ...definition, tags } : definition;
}

/** `family:revision` of a task definition ARN; what is not an ARN stays as it is. */
export function shortName(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1);
}

/** Region and account of an ARN; undefined of a plain name. */
export function placeOfArn(name: string): { region: string; account: string } | undefined {
  const [arn, , , region = '', account = ''] = name.split(':');
  return arn === 'arn' ? { region, account } : undefined;
}

/** The containers of a definition, in its order. */
export function containersOf(definition: JsonObject): readonly JsonObject[] {
  const list = definition['containerDefinitions'];
  return Array.isArray(list) ? (list as JsonObject[]) : [];
}

/** The names of a definition's containers, in its order. */
function containerNames(definition: JsonObject): readonly string[] {
  return containersOf(definition).map((container) => String(container['name']));
}

/**
 * The containers that get the image: the named ones, or the only one.
 *
 * Throws `container-ambiguous` (several, none named) and `container-missing`.
 */
export function chooseContainers(
  definition: JsonObject,
  named: readonly string[] | undefined,
): readonly string[] {
  if (named === undefined) {
    const known = containerNames(definition);
    if (known.length === 1) return known;
    throw new EcsDeployError({
      code: 'container-ambiguous',
      message: `The task definition ${String(definition['family'])} has ${known.length} containers: ${known.join(', ')}. Which one gets the image?`,
      hint: `name it with --container NAME or "container" in .ecsdeployrc`,
    });
  }
  requireContainers(definition, named, 'set --container or "container" in .ecsdeployrc');
  return named;
}

/** Throws `container-missing` for the first name that is none of the definition's containers. */
export function requireContainers(
  definition: JsonObject,
  names: readonly string[],
  remedy: string,
): void {
  const known = containerNames(definition);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new EcsDeployError({
    code: 'container-missing',
    message: `The task definition ${String(definition['family'])} has no container "${unknown}".`,
    hint: `${suggest(unknown, known, 'containers')}; ${remedy}`,
  });
}

/** What render changes. */
export interface Edit {
  /** Containers that get the image and the variables. */
  readonly containers: readonly string[];
  /** Undefined leaves the images as they are. */
  readonly image: string | undefined;
  /** Images of further containers by their names. */
  readonly images: Readonly<Record<string, string>>;
  readonly setEnv: Readonly<Record<string, string>>;
  /** ARNs or names of parameters, by the variables that get their values. */
  readonly setSecret: Readonly<Record<string, string>>;
  /** Variables to remove, whether plain or secret. */
  readonly unsetEnv: readonly string[];
}

/** Replaces images, environment entries and secrets of the named containers; everything else is kept. */
export function render(definition: JsonObject, edit: Edit): JsonObject {
  return {
    ...definition,
    containerDefinitions: containersOf(definition).map((container) => {
      const name = String(container['name']);
      const isOurs = edit.containers.includes(name);
      const own = Object.hasOwn(edit.images, name) ? edit.images[name] : undefined;
      const image = own ?? (isOurs ? edit.image : undefined);
      const imaged = image === undefined ? container : { ...container, image };
      return isOurs ? editVariables(imaged, edit) : imaged;
    }),
  };
}

/** ECS takes a variable either as plain or as secret: setting it as one removes it as the other. */
function editVariables(container: JsonObject, { setEnv, setSecret, unsetEnv }: Edit): JsonObject {
  const plain = editNamed(container, 'environment', 'value', setEnv, [
    ...unsetEnv,
    ...Object.keys(setSecret),
  ]);
  return editNamed(plain, 'secrets', 'valueFrom', setSecret, [...unsetEnv, ...Object.keys(setEnv)]);
}

/** Sets and removes entries of a list such as `environment`; those that stay keep their order. */
function editNamed(
  container: JsonObject,
  list: string,
  value: string,
  set: Readonly<Record<string, string>>,
  unset: readonly string[],
): JsonObject {
  const before = (container[list] ?? []) as readonly (JsonObject & { readonly name: string })[];
  const kept = before
    .filter(({ name }) => Object.hasOwn(set, name) || !unset.includes(name))
    .map((entry) =>
      Object.hasOwn(set, entry.name) ? { ...entry, [value]: set[entry.name] } : entry,
    );
  const added = Object.entries(set)
    .filter(([name]) => !before.some((entry) => entry.name === name))
    .map(([name, item]) => ({ name, [value]: item }));
  const isSame = Object.keys(set).length === 0 && kept.length === before.length;
  return isSame ? container : { ...container, [list]: [...kept, ...added] };
}

/** Whether registering `draft` would make a revision equal to `existing`, ECS's defaults aside. */
export function sameDefinition(draft: JsonObject, existing: JsonObject): boolean {
  return canonical(draft) === canonical(existing);
}

/** One text for all definitions that ECS would register alike: defaults dropped, keys sorted. */
export function canonical(definition: JsonObject): string {
  return JSON.stringify(normalise(definition));
}

/** Lists in which ECS keeps no order of its own, by the member that names an entry. */
const KEYED_LISTS: Readonly<Record<string, string>> = {
  environment: 'name',
  secrets: 'name',
  tags: 'key',
};

/** What ECS fills in when a member is left out (ecs-facts 2.1). */
const DEFAULTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  containerDefinitions: { cpu: 0, essential: true },
  portMappings: { protocol: 'tcp' },
  healthCheck: { interval: 30, timeout: 5, retries: 3 },
};

function normalise(value: unknown, member = '', host = false): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => normalise(item, member, host));
    const key = KEYED_LISTS[member];
    if (key === undefined) return items;
    const nameOf = (item: unknown) => String((item as JsonObject)[key]);
    return items.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b)));
  }
  if (typeof value !== 'object' || value === null) return value;
  const source = value as JsonObject;
  // Host ports equal container ports in these modes, so ECS fills them in.
  const hostPorts = host || ['awsvpc', 'host'].includes(String(source['networkMode']));
  const kept = Object.entries(source).filter(([name, item]) => {
    if (item === null || item === undefined) return false;
    if (name === 'hostPort' && hostPorts && item === source['containerPort']) return false;
    if (DEFAULTS[member]?.[name] === item) return false;
    return typeof item !== 'object' || Object.keys(item).length > 0;
  });
  return Object.fromEntries(
    kept
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([name, item]) => [name, normalise(item, name, hostPorts)]),
  );
}

/** One difference between two definitions. */
export interface Change {
  /** The container it is in; undefined for the task's own members. */
  readonly container: string | undefined;
  /** Member path, e.g. `image`, `environment.LOG_LEVEL`, `portMappings[0].containerPort`. */
  readonly path: string;
  /** JSON of the value, undefined where there is none, `•••` for one that is not to be shown. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/**
 * The differences that registering `after` in place of `before` would make. Values of environment
 * variables, and of options and labels that are named like secrets, are hidden unless `showValues`.
 */
export function diffDefinitions(
  before: JsonObject,
  after: JsonObject,
  { showValues = false } = {},
): readonly Change[] {
  const [old, now] = [split(before), split(after)];
  const parts = [...new Set([...old.keys(), ...now.keys()])];
  return parts.flatMap((container) =>
    diffValues(flatten(old.get(container)), flatten(now.get(container)), showValues).map(
      (change) => ({ container, ...change }),
    ),
  );
}

/** Paths of values that may be secrets: Datadog and Splunk take their keys as log options. */
const PRIVATE =
  /^environment\.|^(?:logConfiguration\.options|firelensConfiguration\.options|dockerLabels)\..*(?:api_?key|token|passw|secret|credential)/is;

/** A definition's own members under undefined, and each container's under its name. */
function split(definition: JsonObject): Map<string | undefined, unknown> {
  const { containerDefinitions, ...own } = normalise(definition) as JsonObject;
  const containers = (containerDefinitions ?? []) as readonly JsonObject[];
  return new Map<string | undefined, unknown>([
    [undefined, own],
    ...containers.map((container) => [String(container['name']), container] as const),
  ]);
}

type Leaves = ReadonlyMap<string, string>;

function diffValues(old: Leaves, now: Leaves, showValues: boolean): Omit<Change, 'container'>[] {
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((path) => old.get(path) !== now.get(path))
    .map((path) => {
      const show = (value: string | undefined) =>
        value !== undefined && !showValues && PRIVATE.test(path) ? '•••' : value;
      return { path, before: show(old.get(path)), after: show(now.get(path)) };
    });
}

/** JSON of every leaf value by its member path. */
function flatten(value: unknown, path = '', into = new Map<string, string>()): Leaves {
  if (Array.isArray(value) && value.every((item) => typeof item === 'object')) {
    const key = KEYED_LISTS[path];
    value.forEach(({ ...item }: Record<string, unknown>, index) => {
      if (key === undefined) {
        flatten(item, `${path}[${index}]`, into);
        return;
      }
      const { [key]: name, ...rest } = item;
      for (const member of Object.values(rest)) flatten(member, `${path}.${String(name)}`, into);
    });
  } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const [name, item] of Object.entries(value)) {
      flatten(item, path === '' ? name : `${path}.${name}`, into);
    }
  } else if (value !== undefined) {
    into.set(path, JSON.stringify(value));
  }
  return into;
}
