import { EcsDeployError, refuse } from '../errors.ts';
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

/** The family of a revision, by ARN or by `family:revision`; a family stays as it is. */
export function familyOf(revision: string): string {
  const name = shortName(revision);
  const colon = name.indexOf(':');
  return colon < 0 ? name : name.slice(0, colon);
}

/**
 * A revision as the API takes it: `42` is one of `family`. Throws `usage` for a bare family, which
 * names no revision; `what` says in the message where it was given.
 */
export function revisionName(named: string, family: string, what: string): string {
  if (/^\d+$/.test(named)) return `${family}:${named}`;
  if (shortName(named).includes(':')) return named;
  throw new EcsDeployError({
    code: 'usage',
    message: `${what}: "${named}" is a family, not a revision.`,
    hint: `name one of its revisions: ${named}:REVISION, or REVISION alone for the family of the service`,
  });
}

/** Region and account of an ARN; undefined of a plain name. */
export function placeOfArn(name: string): { region: string; account: string } | undefined {
  const [arn, , , region = '', account = ''] = name.split(':');
  return arn === 'arn' ? { region, account } : undefined;
}

/** Whether a task definition is named by a file: neither families nor revisions have such names. */
export function isDefinitionFile(named: string): boolean {
  return !named.startsWith('arn:') && /[./\\]/.test(named);
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

/** Throws `container-missing` when an image is given for a container that is not there. */
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

/** What render changes. */
export interface Edit {
  /** The containers that get `image` and the variables. */
  readonly containers: readonly string[];
  /** Undefined leaves the images as they are. */
  readonly image: string | undefined;
  /** Images of further containers, by name. */
  readonly containerImages: Readonly<Record<string, string>>;
  readonly setEnv: Readonly<Record<string, string>>;
  /** ARNs of secrets or parameters, or names of parameters, by variable. */
  readonly setSecrets: Readonly<Record<string, string>>;
  /** Variables to remove, values and secrets alike. */
  readonly unsetEnv: readonly string[];
}

/** Replaces images and environment entries of the named containers; everything else is kept. */
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

/** Sets and removes variables; ECS refuses one that has both a value and a secret. */
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

/** One list of a container with entries replaced where they stand, removed, and added at its end. */
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
  // What nobody asked to change stays as it is, absent or null included.
  const isSame = added.length === 0 && kept.every((entry, index) => entry === before[index]);
  return isSame && kept.length === before.length ? {} : { [list]: [...kept, ...added] };
}

/** A definition with one image in place of another, wherever it stands. */
export function replaceImage(definition: JsonObject, image: string, by: string): JsonObject {
  if (image === by) return definition;
  return {
    ...definition,
    containerDefinitions: containersOf(definition).map((container) =>
      container['image'] === image ? { ...container, image: by } : container,
    ),
  };
}
