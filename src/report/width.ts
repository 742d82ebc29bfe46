import stringWidth from 'fast-string-width';

const STYLE = /(\p{Cc}\[[\d;]*m)/u;
let graphemes: Intl.Segmenter | undefined;

/** Columns that a text takes on a terminal. */
export function widthOf(text: string): number {
  return stringWidth(text);
}

/** Cuts a text to a number of columns, at its end; the colours that are cut off end. */
export function fit(text: string, columns: number, mark = '…'): string {
  if (stringWidth(text) <= columns) return text;
  const room = columns - stringWidth(mark);
  if (room < 0) return '';
  let kept = '';
  let used = 0;
  for (const part of text.split(STYLE)) {
    if (part.startsWith('\u001B')) {
      kept += part;
      continue;
    }
    const head = take(part, room - used);
    kept += head;
    used += stringWidth(head);
    if (head !== part) break;
  }
  return `${kept}${mark}${kept.includes('\u001B') ? '\u001B[0m' : ''}`;
}

/** Cuts a name at its beginning: names differ at their ends. */
export function fitName(name: string, columns: number, mark = '…'): string {
  if (stringWidth(name) <= columns) return name;
  const room = columns - stringWidth(mark);
  if (room < 0) return '';
  let kept = '';
  for (const { segment } of [...segments(name)].toReversed()) {
    if (stringWidth(segment) + stringWidth(kept) > room) break;
    kept = segment + kept;
  }
  return `${mark}${kept}`;
}

/** A text with blanks up to a number of columns. */
export function pad(text: string, columns: number, side: 'left' | 'right' = 'right'): string {
  const blanks = ' '.repeat(Math.max(0, columns - stringWidth(text)));
  return side === 'right' ? text + blanks : blanks + text;
}

/** The lines of a text at most so wide; a word that is wider stays whole, so that it can be copied. */
export function wrap(text: string, columns: number): string[] {
  return text.split('\n').flatMap((line) => {
    const indent = /^ */.exec(line)?.[0] ?? '';
    const lines = [indent];
    for (const word of line.trim().split(' ')) {
      const last = lines.at(-1) ?? '';
      const longer = last === indent ? last + word : `${last} ${word}`;
      if (last === indent || stringWidth(longer) <= columns) lines[lines.length - 1] = longer;
      else lines.push(indent + word);
    }
    return lines;
  });
}

/** The beginning of a text without escapes, as far as it fits. */
function take(text: string, columns: number): string {
  let kept = '';
  let used = 0;
  for (const { segment } of segments(text)) {
    used += stringWidth(segment);
    if (used > columns) break;
    kept += segment;
  }
  return kept;
}

function segments(text: string): Intl.Segments {
  graphemes ??= new Intl.Segmenter();
  return graphemes.segment(text);
}
