import { EcsDeployError } from '../errors.ts';

/**
 * Characters that a terminal or a CI runner acts on, or does not show: control, bidirectional and
 * zero-width characters, line separators, lone surrogates. The first group is the joiner of an emoji.
 */
const UNPRINTABLE =
  /((?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Variation_Selector}])\u200D(?=\p{Extended_Pictographic}))|(?!\t|\n|\uFE0E|\uFE0F)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** A text without the codes that colour it or erase a line: the tools of a build write them to pipes. */
export function withoutColours(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/\u001B\[[\d;:]*[mK]/g, '');
}

/**
 * A text of others as it can be shown: an unprintable character becomes visible (`\x1b`, `\u202e`),
 * colours are left out. Tabs and line breaks stay; CR LF becomes LF.
 */
export function printable(text: string): string {
  return withoutColours(text)
    .split('\n')
    .map((line) => line.replace(/\r$/, '').replaceAll(UNPRINTABLE, escapeUnless))
    .join('\n');
}

function escapeUnless(character: string, joiner: string | undefined): string {
  if (joiner !== undefined) return joiner;
  if (character === '\r') return String.raw`\r`;
  const code = (character.codePointAt(0) ?? 0).toString(16);
  if (code.length <= 2) return String.raw`\x${code.padStart(2, '0')}`;
  return code.length <= 4 ? String.raw`\u${code.padStart(4, '0')}` : `\\u{${code}}`;
}

/** JSON whose parsed value is the same, without unprintable characters and workflow commands. */
export function escapeJson(json: string): string {
  const escape = (unit: string) =>
    String.raw`\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return json
    .replaceAll(UNPRINTABLE, (character: string, joiner: string | undefined) =>
      joiner === undefined ? character.split('').map(escape).join('') : joiner,
    )
    .replaceAll(/##(?=(?:vso)?\[)/g, String.raw`#\u0023`);
}

/**
 * Lines that the runners of GitHub Actions and Azure Pipelines do not take for a command: a backslash
 * breaks `::` at the start of a line, however indented, and `##[` and `##vso[`, which they obey anywhere.
 */
export function withoutCommands(text: string): string {
  return text
    .split('\n')
    .map((line) =>
      line.replace(/^(\s*)::/, String.raw`$1\::`).replaceAll(/##(?=(?:vso)?\[)/g, String.raw`#\#`),
    )
    .join('\n');
}

/** A copy of plain data, with errors in it, whose texts are changed; the members named `kept` stay. */
export function mapTexts<T>(
  value: T,
  change: (text: string) => string,
  kept: ReadonlySet<string> = new Set(),
): T {
  const map = (item: unknown): unknown => {
    if (typeof item === 'string') return change(item);
    if (Array.isArray(item)) return item.map(map);
    if (item instanceof EcsDeployError) {
      const { code, message, hint, cause, problems } = item;
      const parts = { code, message: change(message), hint: hint && change(hint), cause };
      return new EcsDeployError(parts, map(problems) as typeof problems);
    }
    if (item instanceof Map)
      return new Map(Array.from(item, (entry) => map(entry) as [unknown, unknown]));
    if (
      item === null ||
      typeof item !== 'object' ||
      Object.getPrototypeOf(item) !== Object.prototype
    )
      return item;
    return Object.fromEntries(
      Object.entries(item).map(([key, member]) => [
        // A member's own name is ours; anything else, such as an ARN, is not.
        /^[\w-]+$/.test(key) ? key : change(key),
        kept.has(key) ? member : map(member),
      ]),
    );
  };
  return map(value) as T;
}
