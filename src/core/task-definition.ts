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
  /** Removes every plain variable that is not in `setEnv`. */
  readonly replaceEnv: boolean;
  /** Empty for the command of the image; undefined keeps the current one, like all that follow. */
  readonly setCommand: readonly string[] | undefined;
  readonly setCpu: string | undefined;
  readonly setMemory: string | undefined;
  readonly setTaskRole: string | undefined;
  readonly setExecutionRole: string | undefined;
  /** Tags of the revision by key; all other tags stay. */
  readonly setTags: Readonly<Record<string, string>>;
}

/** Replaces what an edit names, of the task and of the named containers; everything else stays. */
export function render(definition: JsonObject, edit: Edit): JsonObject {
  return {
    ...definition,
    ...renderTask(edit),
    ...renderList(definition, TAGS, edit.setTags, []),
    containerDefinitions: containersOf(definition).map((container) => {
      const name = String(container['name']);
      const isChosen = edit.containers.includes(name);
      const image = own(edit.containerImages, name) ?? (isChosen ? edit.image : undefined);
      const shipped = image === undefined ? container : { ...container, image };
      return isChosen ? renderVariables(renderCommand(shipped, edit), edit) : shipped;
    }),
  };
}

function renderTask({ setCpu, setMemory, setTaskRole, setExecutionRole }: Edit): JsonObject {
  return {
    ...(setCpu !== undefined && { cpu: setCpu }),
    ...(setMemory !== undefined && { memory: setMemory }),
    ...(setTaskRole !== undefined && { taskRoleArn: setTaskRole }),
    ...(setExecutionRole !== undefined && { executionRoleArn: setExecutionRole }),
  };
}

function renderCommand(container: JsonObject, { setCommand }: Edit): JsonObject {
  if (setCommand === undefined) return container;
  if (setCommand.length > 0) return { ...container, command: setCommand };
  const { command: _, ...rest } = container;
  return rest;
}

const own = (record: Readonly<Record<string, string>>, name: string): string | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

/** Sets and removes variables; ECS rejects a variable with both a value and a secret. */
function renderVariables(
  container: JsonObject,
  { setEnv, setSecrets, unsetEnv, replaceEnv }: Edit,
): JsonObject {
  const gone = [...unsetEnv, ...Object.keys({ ...setEnv, ...setSecrets })];
  return {
    ...container,
    ...renderList(container, ENVIRONMENT, setEnv, replaceEnv ? 'others' : gone),
    ...renderList(container, SECRETS, setSecrets, gone),
  };
}

/** A list of name-value pairs, and what its members are called. */
interface PairList {
  readonly list: string;
  readonly key: string;
  readonly value: string;
}

const ENVIRONMENT: PairList = { list: 'environment', key: 'name', value: 'value' };
const SECRETS: PairList = { list: 'secrets', key: 'name', value: 'valueFrom' };
const TAGS: PairList = { list: 'tags', key: 'key', value: 'value' };

/** Replaces entries of a list in place, removes the named ones or all others, adds new ones at the end. */
function renderList(
  owner: JsonObject,
  { list, key, value }: PairList,
  set: Readonly<Record<string, string>>,
  removed: readonly string[] | 'others',
): JsonObject {
  const before = (owner[list] ?? []) as readonly JsonObject[];
  const nameOf = (entry: JsonObject) => String(entry[key]);
  const isGone = (name: string) => removed === 'others' || removed.includes(name);
  const kept = before
    .filter((entry) => Object.hasOwn(set, nameOf(entry)) || !isGone(nameOf(entry)))
    .map((entry) => {
      const given = own(set, nameOf(entry));
      return given === undefined ? entry : { ...entry, [value]: given };
    });
  const added = Object.entries(set)
    .filter(([name]) => !before.some((entry) => nameOf(entry) === name))
    .map(([name, given]) => ({ [key]: name, [value]: given }));
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
