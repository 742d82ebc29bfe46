import {
  compareText,
  IDENTITIES,
  identityOf,
  isObject,
  memberPath,
  normalise,
  shownName,
} from './normal-form.ts';
import type { JsonObject } from './task-definition.ts';

/** One difference between two task definitions. */
export interface Change {
  /** Name of the container; null for members of the task. */
  readonly container: string | null;
  /**
   * Member path, e.g. `image`, `environment.LOG_LEVEL`, `portMappings[8080].hostPort`; `name` for a
   * container that is added, removed or renamed.
   */
  readonly path: string;
  /** Undefined if there was none, {@link HIDDEN} if it is confidential. */
  readonly before: unknown;
  readonly after: unknown;
}

/** Shown instead of a confidential value. */
export const HIDDEN = '•••';

export interface ChangeOptions {
  /** Whether environment values and log driver credentials are shown. */
  readonly showValues: boolean;
}

/** The changes from `before` to `after`; values that ECS adds by default are not changes. */
export function diffDefinitions(
  before: JsonObject,
  after: JsonObject,
  { showValues }: ChangeOptions,
): readonly Change[] {
  const { containerDefinitions: oldContainers, ...old } = normalise(before);
  const { containerDefinitions: newContainers, ...now } = normalise(after);
  const found = [
    ...compare(old, now, { path: '', label: '', container: null }),
    ...compareContainers(byIdentity(oldContainers), byIdentity(newContainers), [
      ...byIdentity(after[CONTAINERS]).keys(),
    ]),
  ];
  return found.map(({ container, label, path, before, after }) => {
    const show = (value: unknown) =>
      value === undefined || showValues || !isConfidential(path) ? value : HIDDEN;
    return { container, path: label, before: show(before), after: show(after) };
  });
}

/** The position of a value: its path on the wire, and the label that is shown. */
interface Place {
  /** E.g. `containerDefinitions.environment.value`. */
  readonly path: string;
  /** E.g. `environment.LOG_LEVEL`. */
  readonly label: string;
  readonly container: string | null;
}

interface Found extends Place {
  readonly before: unknown;
  readonly after: unknown;
}

type Entries = ReadonlyMap<string, unknown>;

const CONTAINERS = 'containerDefinitions';

/** Whether a path holds environment values, or a log driver option whose name suggests a credential. */
function isConfidential(path: string): boolean {
  return (
    /^containerDefinitions\.environment(\.|$)/.test(path) ||
    /^containerDefinitions\.(logConfiguration|firelensConfiguration)\.options\..*(token|password|secret|api[-_]?key)/i.test(
      path,
    )
  );
}

function byIdentity(list: unknown, path = CONTAINERS): Entries {
  const entries = new Map<string, unknown>();
  for (const entry of Array.isArray(list) ? (list as unknown[]) : []) {
    const identity = identityOf(path, entry) ?? '';
    let name = identity;
    for (let number = 2; entries.has(name); number += 1) name = `${identity}#${number}`;
    entries.set(name, entry);
  }
  return entries;
}

/** The changes of all containers in the order of `names`; removed containers come last. */
function compareContainers(old: Entries, now: Entries, names: readonly string[]): Found[] {
  const gone = new Map([...old].filter(([name]) => !now.has(name)));
  const found = names.flatMap((container) => {
    const entry = now.get(container);
    const before = old.has(container) ? container : renamedFrom(entry, gone);
    if (before !== undefined) gone.delete(before);
    return compareContainer(container, before === undefined ? undefined : old.get(before), entry);
  });
  return [
    ...found,
    ...[...gone].flatMap(([container, entry]) => compareContainer(container, entry, undefined)),
  ];
}

/** The name of the removed container that was probably renamed: same image, or same other members. */
function renamedFrom(entry: unknown, gone: Entries): string | undefined {
  const rest = (container: unknown) => {
    const { name: _, image, ...members } = isObject(container) ? container : {};
    return { image, members: JSON.stringify(members) };
  };
  const wanted = rest(entry);
  return [...gone].find(([, other]) => {
    const { image, members } = rest(other);
    const isImage = image !== undefined && image === wanted.image;
    return isImage || (members !== '{}' && members === wanted.members);
  })?.[0];
}

function compareContainer(container: string, old: unknown, now: unknown): Found[] {
  if (!isObject(old ?? now)) {
    return compare(old, now, { path: CONTAINERS, label: CONTAINERS, container });
  }
  const { name: before, ...oldMembers } = (old ?? {}) as JsonObject;
  const { name: after, ...newMembers } = (now ?? {}) as JsonObject;
  const place = { path: `${CONTAINERS}.name`, label: 'name', container };
  return [
    ...(before === after ? [] : [{ ...place, before, after }]),
    ...compare(oldMembers, newMembers, { path: CONTAINERS, label: '', container }),
  ];
}

function compare(before: unknown, after: unknown, place: Place): Found[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const [old, now] = [before, after].map((value) => entriesOf(value, place.path));
  const whole = [{ ...place, before, after }];
  // Values that are added or removed are shown by their members, if they have any.
  if (old === undefined || now === undefined) return whole;
  if (old.kind !== now.kind && before !== undefined && after !== undefined) return whole;
  if (old.entries.size + now.entries.size === 0) return whole;
  const { kind } = before === undefined ? now : old;
  const names = [...new Set([...old.entries.keys(), ...now.entries.keys()])];
  const ordered = kind === 'entries' ? names : names.toSorted(compareNames);
  const found = ordered.flatMap((name) => {
    const [oldEntry, newEntry] = [old.entries.get(name), now.entries.get(name)];
    const inside = placeOf(name, kind, place);
    // A list entry is added or removed as a whole.
    const asOne = kind !== 'members' && (oldEntry === undefined || newEntry === undefined);
    return asOne
      ? [{ ...inside, before: oldEntry, after: newEntry }]
      : compare(oldEntry, newEntry, inside);
  });
  return found.length > 0 ? found : whole;
}

/** Sorts `image` first, then alphabetically. */
const compareNames = (a: string, b: string): number =>
  Number(b === 'image') - Number(a === 'image') || compareText(a, b);

type Kind = 'members' | 'pairs' | 'entries';

/** The parts of a value; undefined for a value without parts, such as a string or a list of strings. */
function entriesOf(
  value: unknown,
  path: string,
): { readonly kind: Kind; readonly entries: Entries } | undefined {
  if (value === undefined) return { kind: 'members', entries: new Map() };
  if (isObject(value)) return { kind: 'members', entries: new Map(Object.entries(value)) };
  if (!Array.isArray(value) || !value.every(isObject)) return undefined;
  const identity = IDENTITIES.get(path);
  if (identity === undefined) {
    return { kind: 'entries', entries: new Map(value.map((item, index) => [String(index), item])) };
  }
  const entries = byIdentity(value, path);
  if (identity.pair === undefined) return { kind: 'entries', entries };
  const values = [...entries].map(([name, entry]) => [name, valueOfPair(entry)] as const);
  return { kind: 'pairs', entries: new Map(values) };
}

/** The value of a name-value pair; the whole entry if it has other members. */
function valueOfPair(entry: unknown): unknown {
  const members = entry as JsonObject;
  const value = members['value'] ?? members['valueFrom'];
  return value !== undefined && Object.keys(members).length === 2 ? value : entry;
}

function placeOf(name: string, kind: Kind, { path, label, container }: Place): Place {
  const shown = shownName(name);
  return {
    container,
    path: kind === 'members' ? memberPath(path, name) : path,
    label: kind === 'entries' ? `${label}[${shown}]` : memberPath(label, shown),
  };
}
