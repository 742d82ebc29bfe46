import { printable } from '../core/foreign.ts';
import { pad, widthOf, wrap } from './width.ts';

export { formatSeconds } from '../core/duration.ts';

/** Seconds between two times, at least 0: clocks of AWS and of this machine differ. */
export function secondsBetween(start: Date, end: Date): number {
  return Math.max(0, end.getTime() - start.getTime()) / 1000;
}

/** Bytes with a unit, e.g. `1.5 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB'];
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), units.length);
  return `${(bytes / 1000 ** power).toFixed(1)} ${units[power - 1]}`;
}

/** A text of others as one line of printable characters. */
export function clean(text: string): string {
  return printable(text)
    .replaceAll(/[\t\n]+/g, ' ')
    .trimEnd();
}

/** Characters of our own lines, in ASCII. */
const ASCII: readonly (readonly [string, string])[] = [
  ['✔', '+'],
  ['✖', 'x'],
  ['▲', '!'],
  ['●', '*'],
  ['→', '->'],
  ['–', '-'],
  ['·', '.'],
  ['…', '...'],
  ['×', 'x'],
  ['█', '#'],
  ['▒', '='],
  ['░', '-'],
];

/** A text with our own marks as ASCII, for a terminal that shows no others. */
export function toAscii(text: string): string {
  return ASCII.reduce((all, [from, to]) => all.replaceAll(from, to), text);
}

/** A number and its noun, e.g. `1 task`, `2 tasks`. */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** A time of the server's clock, to the second, in UTC. */
export function formatTime(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

/** The first 12 hex digits of a digest, with its algorithm. */
export function shortDigest(digest: string): string {
  return digest.replace(/^(sha256:[0-9a-f]{12})[0-9a-f]{52}$/, '$1');
}

/** A tag with its commit as git shortens it. */
export function shortCommit(tag: string, commit: string): string {
  return tag.replace(commit, commit.slice(0, 8));
}

/** An image reference with the beginning of its digest: its tag says more. */
export function shortImage(reference: string): string {
  return reference.replace(/@(.+)$/, (_, digest: string) => `@${shortDigest(digest)}`);
}

/** An event of a service without the service's name, with short ids and names. */
export function shortenEvent(message: string): string {
  return message
    .replace(/^\(service [^)]+\) /, '')
    .replaceAll(/\(task ([0-9a-f]{8})[0-9a-f]{24}\)/g, '(task $1…)')
    .replaceAll(/\(target-group arn:\S+:targetgroup\/([^/)]+)[^)]*\)/g, '(target-group $1)');
}

/** How old something is, in its largest unit: `42s`, `3m`, `5h`, `12d`. */
export function formatAge(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m`;
  return whole < 86_400 ? `${Math.floor(whole / 3600)}h` : `${Math.floor(whole / 86_400)}d`;
}

/** A row of a table, and lines below it. */
export interface TableRow {
  readonly cells: readonly string[];
  /** The cells of a screen that has no room for all of these. */
  readonly short?: readonly string[] | undefined;
  readonly note?: string | undefined;
}

/**
 * Lines of a table whose columns are as wide as their widest cell. Where the screen has fewer columns,
 * each row is a paragraph instead.
 */
export function formatTable(
  header: readonly string[],
  rows: readonly TableRow[],
  screen = Infinity,
): string[] {
  const widths = header.map((title, column) =>
    Math.max(widthOf(title), ...rows.map(({ cells }) => widthOf(cells[column] ?? ''))),
  );
  const sum = widths.reduce((all, width) => all + width, 0);
  const gap = [2, 1].find((blanks) => sum + blanks * (widths.length - 1) <= screen);
  const isWide = gap !== undefined;
  if (!isWide && rows.some(({ short }) => short !== undefined)) {
    const shortened = rows.map(({ cells, short = cells, note }) => ({ cells: short, note }));
    return formatTable(header, shortened, screen);
  }
  const lineOf = (cells: readonly string[]) =>
    cells
      .map((cell, column) => pad(cell, widths[column] ?? 0))
      .join(' '.repeat(gap ?? 0))
      .trimEnd();
  const paragraph = ([name = '', ...rest]: readonly string[]) => [
    name,
    ...wrap(
      `  ${rest.map((cell, column) => `${header[column + 1]?.toLowerCase()} ${cell}`).join(', ')}`,
      screen,
    ),
  ];
  return [
    ...(isWide ? [lineOf(header)] : []),
    ...rows.flatMap(({ cells, note }) => [
      ...(isWide ? [lineOf(cells)] : paragraph(cells)),
      ...(note?.split('\n').flatMap((line) => wrap(`    ${line}`, screen)) ?? []),
    ]),
  ];
}
