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
  text: ({ text }) => text,
  diff: async ({ changes }, colour) => {
    const lines = formatChanges(changes);
    if (!colour) return lines.map(({ text }) => text).join('\n');
    // Loaded for colours only.
    const { Chalk } = await import('chalk');
    const styles = diffStyles(new Chalk({ level: 1 }));
    return lines.map(({ kind, text }) => styles[kind](text)).join('\n');
  },
  status: ({ services }) => services.map(formatStatus).join('\n\n'),
  history: ({ services }) => services.map(formatHistory).join('\n\n'),
  diagnosis: ({ services }) => services.map(formatDiagnosis).join('\n\n'),
  logs: ({ lines, withContainer }) =>
    lines.map((line) => formatLine(line, withContainer)).join('\n'),
};

/** The text of a result for stdout, with or without colours. */
export async function formatOutput(output: Output, colour: boolean): Promise<string> {
  const format = FORMATS[output.kind] as (output: Output, colour: boolean) => Promise<string>;
  return format(output, colour);
}
