import { EcsDeployError, refuse } from '../errors.ts';
import { suggest } from './nearest.ts';

/** A JSON object from the wire, including members that the SDK does not know. */
export type JsonObject = { readonly [member: string]: unknown };

/** A revision of a task definition. */
export interface Revision {
  readonly arn: string;
  readonly family: string;
  readonly revision: number;
  readonly status: string;
  /** All members that can be registered again, including tags and unknown members. */
  readonly definition: JsonObject;
}

/**
 * Members that only DescribeTaskDefinition has
 * (docs/explanation/how-ecs-behaves.md#what-ecs-adds-to-a-task-definition).
 */
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

/** The members of a described task definition that can be registered again, with its tags. */
export function toRegistrable(described: JsonObject, tags: unknown): JsonObject {
  const kept = Object.entries(described).filter(([member]) => !OUTPUT_ONLY.has(member));
  const definition = Object.fromEntries(kept);
  return Array.isArray(tags) && tags.length > 0 ? { ...definition, tags } : definition;
}

/** `family:revision` of a task definition ARN; other names are returned unchanged. */
export function shortName(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1);
}

/** The family in an ARN or `family:revision`; a family is returned unchanged. */
export function familyOf(revision: string): string {
  const name = shortName(revision);
  const colon = name.indexOf(':');
  return colon < 0 ? name : name.slice(0, colon);
}

/**
 * A revision as the API accepts it: `42` is a revision of `family`. Throws `usage` for anything but
 * one revision.
 */
export function revisionName(named: string, family: string): string {
  if (/^[1-9]\d*$/.test(named)) return `${family}:${named}`;
  if (/^(?:arn:[^/]+:task-definition\/)?[\w-]+:[1-9]\d*$/.test(named)) return named;
  const isFamily = /^[a-z][\w-]*$/i.test(shortName(named));
  throw new EcsDeployError({
    code: 'usage',
    message: `"${named}" is ${isFamily ? 'a family, ' : ''}not a revision.`,
    hint: isFamily
      ? `name one of its revisions: ${named}:REVISION, or REVISION alone for the family of the service`
      : `write REVISION, FAMILY:REVISION or its ARN, such as ${family}:42`,
  });
}

/** Region and account of an ARN; undefined for a name. */
export function placeOfArn(name: string): { region: string; account: string } | undefined {
  const [arn, , , region = '', account = ''] = name.split(':');
  return arn === 'arn' ? { region, account } : undefined;
}

/** Whether a name is a file: families and revisions have neither dots nor slashes. */
export function isDefinitionFile(named: string): boolean {
  return !named.startsWith('arn:') && /[./\\]/.test(named);
}

/** The containers of a definition, in order. */
export function containersOf(definition: JsonObject): readonly JsonObject[] {
  const list = definition['containerDefinitions'];
  return Array.isArray(list) ? (list as JsonObject[]) : [];
}

function containerNames(definition: JsonObject): readonly string[] {
  return containersOf(definition).map((container) => String(container['name']));
}

/**
 * The names of the containers to update: the named ones, or the only one.
 *
 * Throws `container-ambiguous` (several, none named) and `container-missing`.
 */
export function chooseContainers(
  definition: JsonObject,
  named: readonly string[] | undefined,
): readonly string[] {
  const known = containerNames(definition);
  if (named === undefined) {
    if (known.length === 1) return known;
    const family = String(definition['family']);
    throw new EcsDeployError({
      code: 'container-ambiguous',
      message: `The task definition ${family} has ${known.length} containers: ${known.join(', ')}. Which one gets the image?`,
      hint: `name it with --container NAME or "container" in .ecsdeployrc`,
    });
  }
  requireContainers(definition, named, '--container or "container"');
  return named;
}

/** Throws `container-missing` if an image is given for a container that does not exist. */
export function checkContainerImages(definition: JsonObject, names: readonly string[]): void {
  requireContainers(definition, names, '--container-image or "containerImages"');
}

function requireContainers(
  definition: JsonObject,
  names: readonly string[],
  setting: string,
): void {
  const known = containerNames(definition);
  refuse(
    names
      .filter((name) => !known.includes(name))
      .map(
        (name) =>
          new EcsDeployError({
            code: 'container-missing',
            message: `The task definition ${String(definition['family'])} has no container "${name}".`,
            hint: `${suggest(name, known, 'containers')}; set ${setting} in .ecsdeployrc`,
          }),
      ),
  );
}

/** The changes to a task definition. */
export interface Edit {
  /** The containers that get `image` and the variables. */
  readonly containers: readonly string[];
  /** Undefined keeps the current images. */
  readonly image: string | undefined;
  /** Images of other containers, by name. */
  readonly containerImages: Readonly<Record<string, string>>;
  readonly setEnv: Readonly<Record<string, string>>;
  /** ARNs of secrets or parameters, or names of parameters, by variable name. */
  readonly setSecrets: Readonly<Record<string, string>>;
  /** Names of variables to remove, whether plain or secret. */
  readonly unsetEnv: readonly string[];
}

/** Replaces images and variables of the named containers; everything else stays unchanged. */
export function render(definition: JsonObject, edit: Edit): JsonObject {
  return {
    ...definition,
    containerDefinitions: containersOf(definition).map((container) => {
      const name = String(container['name']);
      const isChosen = edit.containers.includes(name);
      const image = own(edit.containerImages, name) ?? (isChosen ? edit.image : undefined);
      const shipped = image === undefined ? container : { ...container, image };
      return isChosen ? renderVariables(shipped, edit) : shipped;
    }),
  };
}

const own = (record: Readonly<Record<string, string>>, name: string): string | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

/** Sets and removes variables; ECS rejects a variable with both a value and a secret. */
function renderVariables(
  container: JsonObject,
  { setEnv, setSecrets, unsetEnv }: Edit,
): JsonObject {
  const gone = [...unsetEnv, ...Object.keys({ ...setEnv, ...setSecrets })];
  return {
    ...container,
    ...renderList(container, 'environment', 'value', setEnv, gone),
    ...renderList(container, 'secrets', 'valueFrom', setSecrets, gone),
  };
}

interface Named {
  readonly name: string;
}

/** Replaces entries of a list in place, removes entries, and adds new ones at the end. */
function renderList(
  container: JsonObject,
  list: 'environment' | 'secrets',
  member: 'value' | 'valueFrom',
  set: Readonly<Record<string, string>>,
  removed: readonly string[],
): JsonObject {
  const before = (container[list] ?? []) as readonly Named[];
  const kept = before
    .filter(({ name }) => Object.hasOwn(set, name) || !removed.includes(name))
    .map((entry) => {
      const value = own(set, entry.name);
      return value === undefined ? entry : { ...entry, [member]: value };
    });
  const added = Object.entries(set)
    .filter(([name]) => !before.some((entry) => entry.name === name))
    .map(([name, value]) => ({ name, [member]: value }));
  // Without a change the list stays as it is, even if absent or null.
  const isSame = added.length === 0 && kept.every((entry, index) => entry === before[index]);
  return isSame && kept.length === before.length ? {} : { [list]: [...kept, ...added] };
}

/** Replaces one image by another in all containers. */
export function replaceImage(definition: JsonObject, image: string, by: string): JsonObject {
  if (image === by) return definition;
  return {
    ...definition,
    containerDefinitions: containersOf(definition).map((container) =>
      container['image'] === image ? { ...container, image: by } : container,
    ),
  };
}
