import type { ChalkInstance } from 'chalk';
import { HIDDEN } from '../core/changes.ts';
import type { Change } from '../core/changes.ts';
import { escapeJson } from '../core/foreign.ts';
import { shortImage } from './format.ts';

/** One line of a diff. */
export interface DiffLine {
  readonly kind: 'heading' | 'removed' | 'added' | 'changed';
  /** With its mark and its indentation. */
  readonly text: string;
}

/** Changes as lines for people, grouped by container; one line says so when there are none. */
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
  const [old, now] = shorten(textOf(shown(path, before)), textOf(shown(path, after)));
  return [
    ...(before === undefined ? [] : [{ kind: 'removed' as const, text: `  - ${path}: ${old}` }]),
    ...(after === undefined ? [] : [{ kind: 'added' as const, text: `  + ${path}: ${now}` }]),
  ];
}

const shown = (path: string, value: unknown): unknown =>
  path === 'image' && typeof value === 'string' ? shortImage(value) : value;

/** JSON of a value, with unprintable characters escaped. */
function textOf(value: unknown = HIDDEN): string {
  if (value === HIDDEN) return HIDDEN;
  return escapeJson(JSON.stringify(value));
}

/** The most characters of a value that are shown. */
const ROOM = 120;
/** Characters that are shown around a difference. */
const AROUND = 20;

/** Cuts two long values to their difference, and each of them to its two ends. */
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

/** The colours of a diff's lines. */
export function diffStyles(
  chalk: ChalkInstance,
): Readonly<Record<DiffLine['kind'], (text: string) => string>> {
  return {
    heading: (text) => chalk.bold(text),
    removed: (text) => chalk.red(text),
    added: (text) => chalk.green(text),
    changed: (text) => chalk.yellow(text),
  };
}
