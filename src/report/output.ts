import type { ChalkInstance } from 'chalk';
import { mapTexts, printable } from '../core/foreign.ts';
import type { Output } from '../core/result.ts';
import { formatDiagnosis } from './diagnosis.ts';
import { diffStyles, formatChanges } from './diff.ts';
import { formatHistory } from './history.ts';
import { formatLine } from './logs.ts';
import type { Page } from './page.ts';
import { formatPrune } from './prune.ts';
import { formatStatus } from './status.ts';

type OutputOf<K extends Output['kind']> = Extract<Output, { readonly kind: K }>;

/** A page, with the colours of its stream. */
interface Sheet extends Page {
  readonly chalk: ChalkInstance | undefined;
}

type Formats = {
  readonly [K in Output['kind']]: (output: OutputOf<K>, sheet: Sheet) => string;
};

/** How each kind of result is written; a kind without a format does not compile. */
const FORMATS: Formats = {
  text: ({ text }) => printable(text),
  diff: ({ changes }, { chalk }) => {
    const lines = formatChanges(changes).map(({ kind, text }) => ({ kind, text: inline(text) }));
    if (chalk === undefined) return lines.map(({ text }) => text).join('\n');
    const styles = diffStyles(chalk);
    return lines.map(({ kind, text }) => styles[kind](text)).join('\n');
  },
  status: ({ services, at }, sheet) => several(services, (item) => formatStatus(item, at, sheet)),
  history: ({ services }, sheet) => several(services, (item) => formatHistory(item, sheet)),
  diagnosis: ({ services }, sheet) => several(services, (item) => formatDiagnosis(item, sheet)),
  lines: ({ lines }) => lines.map(inline).join('\n'),
  prune: ({ families, ...limits }, { columns }) =>
    several(families, (item) => formatPrune(item, limits, columns)),
  logs: ({ lines, ...style }, { chalk }) =>
    mapTexts(lines, inline)
      .map((line) => formatLine(line, style, chalk))
      .join('\n'),
};

function several<T>(services: readonly T[], format: (service: T) => string): string {
  return mapTexts(services, inline).map(format).join('\n\n');
}

/** A text of others inside of a line: what follows a line break in it is indented. */
function inline(text: string): string {
  return printable(text).replaceAll('\n', '\n    ');
}

/** Makes the function that words results for stdout; colours are loaded where they are shown. */
export async function openFormat(
  colour: boolean,
  linkOf: Page['linkOf'],
): Promise<(output: Output, columns: number) => string> {
  const chalk = colour ? new (await import('chalk')).Chalk({ level: 1 }) : undefined;
  return (output, columns) => {
    const format = FORMATS[output.kind] as (output: Output, sheet: Sheet) => string;
    return format(output, { columns, linkOf, chalk });
  };
}
