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
const HIDDEN = '•••';

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

/** One line of a diff. */
export interface DiffLine {
  readonly kind: 'heading' | 'removed' | 'added' | 'changed';
  /** Includes indentation and the `-`, `+` or `~` sign. */
  readonly text: string;
}

/** Formats changes as lines, grouped by container; one line `no changes` if there are none. */
export function formatChanges(changes: readonly Change[]): readonly DiffLine[] {
  if (changes.length === 0) return [{ kind: 'heading', text: 'no changes' }];
  const groups = new Set(changes.map(({ container }) => container));
  return [...groups].flatMap((group) => {
    const own = changes.filter(({ container }) => container === group);
    return [
      { kind: 'heading' as const, text: heading(group, own) },
      ...own.filter((change) => !isOwnName(change)).flatMap(formatChange),
    ];
  });
}

const isOwnName = ({ container, path }: Change): boolean => container !== null && path === 'name';

function heading(container: string | null, changes: readonly Change[]): string {
  if (container === null) return 'task definition';
  const name = changes.find(isOwnName);
  if (name === undefined) return `container ${container}`;
  if (name.before === undefined) return `container ${container} (added)`;
  if (name.after === undefined) return `container ${container} (removed)`;
  return `container ${container} (renamed from ${name.before as string})`;
}

function formatChange({ path, before, after }: Change): DiffLine[] {
  if (before === HIDDEN && after === HIDDEN) {
    return [{ kind: 'changed', text: `  ~ ${path}: ${HIDDEN}` }];
  }
  const [old, now] = shorten(textOf(before), textOf(after));
  return [
    ...(before === undefined ? [] : [{ kind: 'removed' as const, text: `  - ${path}: ${old}` }]),
    ...(after === undefined ? [] : [{ kind: 'added' as const, text: `  + ${path}: ${now}` }]),
  ];
}

/** JSON of a value; escapes characters that control a terminal or the text direction. */
function textOf(value: unknown = HIDDEN): string {
  if (value === HIDDEN) return HIDDEN;
  return JSON.stringify(value).replaceAll(
    /[\u007F-\u009F\u2028-\u202E\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Maximum number of characters that are shown of a value. */
const ROOM = 120;
/** Number of characters that are shown before and after a difference. */
const AROUND = 20;

/** Shortens two long values to their difference, and each of them to its start and end. */
function shorten(before: string, after: string): readonly [string, string] {
  const [old, now] = [Array.from(before), Array.from(after)];
  if (old.length <= ROOM && now.length <= ROOM) return [before, after];
  const shorter = Math.min(old.length, now.length);
  let head = 0;
  while (head < shorter && old[head] === now[head]) head += 1;
  let tail = 0;
  while (tail < shorter - head && old.at(-1 - tail) === now.at(-1 - tail)) tail += 1;
  const cut = (text: readonly string[]) => {
    const [start, end] = [Math.max(0, head - AROUND), text.length - Math.max(0, tail - AROUND)];
    const part = bothEnds(text.slice(start, end));
    return `${start > 0 ? '…' : ''}${part}${end < text.length ? '…' : ''}`;
  };
  return [cut(old), cut(now)];
}

function bothEnds(text: readonly string[]): string {
  if (text.length <= ROOM) return text.join('');
  const half = ROOM / 2;
  const left = text.length - ROOM;
  return `${text.slice(0, half).join('')} … ${left} characters … ${text.slice(-half).join('')}`;
}
