import { misspelt } from './nearest.ts';
import { isObject, memberPath, shownName } from './normal-form.ts';
import type { JsonObject } from './task-definition.ts';

/** The shape of a JSON value on the wire. */
export type Shape =
  | { readonly kind: 'string' | 'number' | 'boolean' | 'anything' }
  /** The keys of a map are the user's own, e.g. in `dockerLabels`. */
  | { readonly kind: 'list' | 'map'; readonly of: Shape }
  | { readonly kind: 'structure'; readonly members: ReadonlyMap<string, Shape> };

/** A member that is not in the shape. */
export interface UnknownMember {
  /** E.g. `containerDefinitions[0].enviroment`. */
  readonly path: string;
  /** The member that was probably meant; undefined if none is similar. */
  readonly meant: string | undefined;
}

/** The differences between a definition and its shape. */
export interface Deviations {
  readonly unknown: readonly UnknownMember[];
  /** One message for each value of a wrong type: its path, the expected and the actual type. */
  readonly mistyped: readonly string[];
}

/**
 * Known members whose empty value is kept. Everywhere else ECS refuses it, or it means the same as no
 * member: the console and other tools write it for what is not set.
 */
const KEPT_EMPTY: readonly RegExp[] = [
  // A value of a name-value pair; the values of maps, such as dockerLabels, are never looked at.
  /(^|\.)value$/,
  // ECS, or this program, says that they are missing.
  /^(containerDefinitions\.)?(family|name|image)$/,
  // They choose the kind of a volume.
  /^volumes\.\w+$/,
  // In a file it removes the tags of the revision before.
  /^tags$/,
];

/** A definition without the known members that are null or empty. */
export function withoutEmpty(definition: JsonObject, shape: Shape): JsonObject {
  return cleaned(definition, shape, '') as JsonObject;
}

function cleaned(value: unknown, shape: Shape, path: string): unknown {
  if (shape.kind === 'list' && Array.isArray(value)) {
    return value.map((item: unknown) => cleaned(item, shape.of, path));
  }
  if (shape.kind !== 'structure' || !isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]) => {
      const member = shape.members.get(name);
      if (member === undefined) return [[name, item]];
      const at = memberPath(path, name);
      const kept = cleaned(item, member, at);
      const isEmpty =
        kept === '' ||
        (isObject(kept) && Object.keys(kept).length === 0) ||
        (Array.isArray(kept) && kept.length === 0);
      const isAbsent =
        kept === null || (isEmpty && !KEPT_EMPTY.some((pattern) => pattern.test(at)));
      return isAbsent ? [] : [[name, kept]];
    }),
  );
}

/** Compares a definition with its shape at every depth; messages never contain values. */
export function checkMembers(definition: JsonObject, shape: Shape): Deviations {
  const unknown: UnknownMember[] = [];
  const mistyped: string[] = [];
  const visit = (value: unknown, at: Shape, path: string): void => {
    if (value === null || at.kind === 'anything') return;
    if (typeOf(value) !== JSON_TYPES[at.kind]) {
      const is = ARTICLES[typeOf(value)];
      mistyped.push(`${path}: must be ${nameOf(at)}, but is ${is}${cure(value, at)}`);
    } else if (at.kind === 'list') {
      for (const [index, item] of (value as unknown[]).entries()) {
        visit(item, at.of, `${path}[${index}]`);
      }
    } else if (at.kind === 'map') {
      for (const [key, item] of Object.entries(value as JsonObject)) {
        visit(item, at.of, memberPath(path, shownName(key)));
      }
    } else if (at.kind === 'structure') {
      for (const [name, item] of Object.entries(value as JsonObject)) {
        const member = at.members.get(name);
        const place = memberPath(path, shownName(name));
        if (member !== undefined) visit(item, member, place);
        else unknown.push({ path: place, meant: misspelt(name, [...at.members.keys()]) });
      }
    }
  };
  visit(definition, shape, '');
  return { unknown, mistyped };
}

type JsonType = 'string' | 'number' | 'boolean' | 'list' | 'object';

const JSON_TYPES: Readonly<Record<Shape['kind'], JsonType>> = {
  anything: 'object',
  string: 'string',
  number: 'number',
  boolean: 'boolean',
  list: 'list',
  map: 'object',
  structure: 'object',
};

const ARTICLES: Readonly<Record<JsonType, string>> = {
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
  list: 'a list',
  object: 'an object',
};

function typeOf(value: unknown): JsonType {
  if (Array.isArray(value)) return 'list';
  return isObject(value) ? 'object' : (typeof value as JsonType);
}

function nameOf(shape: Shape): string {
  const name = ARTICLES[JSON_TYPES[shape.kind]];
  if (shape.kind === 'list' && shape.of.kind === 'structure') {
    const members = [...shape.of.members.keys()].slice(0, 2).map((member) => `"${member}": …`);
    return `${name} such as [{ ${members.join(', ')} }]`;
  }
  return shape.kind === 'list' && shape.of.kind === 'string' ? `${name} such as ["…"]` : name;
}

function cure(value: unknown, { kind }: Shape): string {
  if (kind === 'string' && ['number', 'boolean'].includes(typeof value)) {
    return ': put it in quotes';
  }
  const isPlain = typeof value === 'string' && /^(\d+|true|false)$/.test(value);
  return isPlain && (kind === 'number' || kind === 'boolean') ? ': leave the quotes out' : '';
}
