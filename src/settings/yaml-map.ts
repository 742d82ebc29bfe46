import { readFileSync } from 'node:fs';
import { isMap, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { Node, ParsedNode, YAMLMap } from 'yaml';
import { suggest } from '../core/nearest.ts';

/** Where the nodes of a file are, and what is wrong with them. */
export interface Reading {
  readonly at: (node: Node | null | undefined) => string;
  readonly problems: string[];
}

/**
 * Reads a YAML document; undefined if it is none. Adds every problem with its line to `problems`.
 * Throws what {@link readFileSync} throws.
 */
export function readYaml(
  path: string,
  problems: string[],
): (Reading & { readonly contents: ParsedNode | null }) | undefined {
  const lines = new LineCounter();
  const document = parseDocument(readFileSync(path, 'utf8'), {
    lineCounter: lines,
    prettyErrors: false,
    // Values stay as they are written: 1.10 can be a version, and 012 an account.
    schema: 'failsafe',
    // The parser compares every key of a map with every other; `visit` below takes linear time.
    uniqueKeys: false,
  });
  const lineAt = (offset: number) => `${path}:${lines.linePos(offset).line}`;
  const at = (node: Node | null | undefined) => lineAt(node?.range?.[0] ?? 0);
  const broken = document.errors.map(({ pos, message }) => `${lineAt(pos[0])}: ${message}`);
  visit(document, { Map: (_, map) => void broken.push(...repeatedKeys(map, at)) });
  problems.push(...broken);
  return broken.length > 0 ? undefined : { at, problems, contents: document.contents };
}

/** Why a file cannot be read. */
export function readProblem(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return READ_PROBLEMS.get(code) ?? `cannot be read: ${message}`;
}

const READ_PROBLEMS = new Map([
  ['ENOENT', 'does not exist'],
  ['ENOTDIR', 'does not exist'],
  ['EISDIR', 'is a folder'],
  ['EACCES', 'cannot be read: permission denied'],
]);

/** The key of a pair, as text. */
export const keyOf = ({ key }: { readonly key: unknown }) =>
  String(isScalar(key) ? key.value : key);

function repeatedKeys(map: YAMLMap, at: Reading['at']): string[] {
  const seen = new Set<string>();
  return map.items.flatMap((pair) => {
    const key = keyOf(pair);
    if (!seen.has(key)) {
      seen.add(key);
      return [];
    }
    return [`${at(pair.key as Node)}: the key "${key}" is repeated`];
  });
}

/** The pairs of a map that have a known key; every other key becomes a problem with its line. */
export function entries(map: YAMLMap | null, known: readonly string[], { at, problems }: Reading) {
  return (map?.items ?? []).flatMap((pair) => {
    const key = keyOf(pair);
    const place = at(pair.key as Node);
    if (known.includes(key)) return [{ key, value: pair.value as Node | null, place }];
    // Editors find the schema of a file by this key.
    if (key === '$schema') return [];
    problems.push(`${place}: unknown key "${key}" (${suggest(key, known, 'keys')})`);
    return [];
  });
}

/** Whether a key has no value: nothing, `null` or `~` without quotes. */
export const isNull = (node: Node | null): boolean =>
  node === null ||
  (isScalar(node) && node.type === 'PLAIN' && /^(?:null|~|)$/i.test(node.value as string));

/** What a node means in JSON: plain scalars can be numbers, booleans and null. */
export function jsonOf(node: Node | null): unknown {
  if (isNull(node)) return null;
  if (isScalar(node)) {
    const text = String(node.value);
    if (node.type !== 'PLAIN') return text;
    if (/^(?:true|false)$/i.test(text)) return text.toLowerCase() === 'true';
    // A number that begins with 0 is an account or the like.
    return /^-?(?:0|[1-9]\d{0,14})(?:\.\d+)?$/.test(text) ? Number(text) : text;
  }
  if (isMap(node)) {
    return Object.fromEntries(
      node.items.map((pair) => [keyOf(pair), jsonOf(pair.value as Node | null)]),
    );
  }
  return (node as unknown as { items: (Node | null)[] }).items.map(jsonOf);
}
