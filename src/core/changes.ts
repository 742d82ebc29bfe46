import type { Change } from './task-definition.ts';

/** Paints a line of what was there and a line of what comes in its place. */
export interface Paint {
  readonly removed: (line: string) => string;
  readonly added: (line: string) => string;
}

const plain: Paint = { removed: (line) => line, added: (line) => line };

/** Changes as lines people read, grouped by container; one line says so when there are none. */
export function formatChanges(changes: readonly Change[], paint = plain): string {
  if (changes.length === 0) return 'no changes';
  return groupsOf(changes)
    .flatMap(([title, group]) => [title, ...group.flatMap((change) => formatChange(change, paint))])
    .join('\n');
}

/** Changes as a block of Markdown. */
export function changesInMarkdown(changes: readonly Change[]): string {
  const lines = groupsOf(changes).flatMap(([title, group]) => [
    `@@ ${title} @@`,
    // In a diff block the mark must be the first character.
    ...group.flatMap((change) => formatChange(change, plain)).map((line) => line.trimStart()),
  ]);
  // A value may hold a fence itself: a longer one is not ended by it.
  const longest = Math.max(2, ...(lines.join('\n').match(/`+/g) ?? []).map(({ length }) => length));
  const fence = '`'.repeat(longest + 1);
  return [`${fence}diff`, ...lines, fence].join('\n');
}

function groupsOf(changes: readonly Change[]): (readonly [string, readonly Change[]])[] {
  return [...new Set(changes.map(({ container }) => container))].map((container) => [
    container === undefined ? 'task definition' : `container ${container}`,
    changes.filter((change) => change.container === container),
  ]);
}

function formatChange({ path, before, after }: Change, paint: Paint): string[] {
  const [old, now] = before !== undefined && after !== undefined ? narrow(before, after) : [];
  return [
    ...(before === undefined ? [] : [paint.removed(`  - ${path}: ${old ?? shorten(before)}`)]),
    ...(after === undefined ? [] : [paint.added(`  + ${path}: ${now ?? shorten(after)}`)]),
  ];
}

/** Characters of a value that are shown. */
const LONGEST = 160;
/** Characters that are shown around what differs in long values. */
const AROUND = 24;

function shorten(value: string): string {
  if (value.length <= LONGEST) return value;
  const half = LONGEST / 2;
  return `${value.slice(0, half)}…${value.slice(-half)} (${value.length} characters)`;
}

/** Of two long values the part in which they differ. */
function narrow(before: string, after: string): [string, string] {
  if (Math.max(before.length, after.length) <= LONGEST) return [before, after];
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < most - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  const from = Math.max(start - AROUND, 0);
  const until = Math.max(end - AROUND, 0);
  const part = (value: string) =>
    shorten(
      `${from > 0 ? '…' : ''}${value.slice(from, value.length - until)}${until > 0 ? '…' : ''}`,
    );
  return [part(before), part(after)];
}
