import { mapTexts, printable } from '../core/foreign.ts';
import type { Output } from '../core/result.ts';
import { formatDiagnosis } from './diagnosis.ts';
import { diffStyles, formatChanges } from './diff.ts';
import { formatHistory } from './history.ts';
import { formatLine } from './logs.ts';
import { formatStatus } from './status.ts';

type OutputOf<K extends Output['kind']> = Extract<Output, { readonly kind: K }>;

type Formats = {
  readonly [K in Output['kind']]: (
    output: OutputOf<K>,
    colour: boolean,
  ) => string | Promise<string>;
};

/** How each kind of result is written; a kind without a format does not compile. */
const FORMATS: Formats = {
  text: ({ text }) => printable(text),
  diff: async ({ changes }, colour) => {
    const lines = formatChanges(changes).map(({ kind, text }) => ({ kind, text: inline(text) }));
    if (!colour) return lines.map(({ text }) => text).join('\n');
    // Loaded for colours only.
    const { Chalk } = await import('chalk');
    const styles = diffStyles(new Chalk({ level: 1 }));
    return lines.map(({ kind, text }) => styles[kind](text)).join('\n');
  },
  status: ({ services }) => mapTexts(services, inline).map(formatStatus).join('\n\n'),
  history: ({ services }) => mapTexts(services, inline).map(formatHistory).join('\n\n'),
  diagnosis: ({ services }) => mapTexts(services, inline).map(formatDiagnosis).join('\n\n'),
  logs: ({ lines, withContainer }) =>
    mapTexts(lines, inline)
      .map((line) => formatLine(line, withContainer))
      .join('\n'),
};

/** A text of others inside of a line: what follows a line break in it is indented. */
function inline(text: string): string {
  return printable(text).replaceAll('\n', '\n    ');
}

/** The text of a result for stdout, with or without colours. */
export async function formatOutput(output: Output, colour: boolean): Promise<string> {
  const format = FORMATS[output.kind] as (output: Output, colour: boolean) => Promise<string>;
  return format(output, colour);
}
