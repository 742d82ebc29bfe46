import { fit } from './width.ts';

/** The lines of a frame for a screen of this size. */
export type View = (columns: number, rows: number) => readonly string[];

/** A few lines at the bottom of a terminal that change; what is printed stays above them. */
export interface Region {
  /** Draws the view, unless its lines are on the screen already. */
  readonly draw: (view: View) => void;
  /** Writes text that stays; it ends with a line break. */
  readonly print: (text: string) => void;
  /** Gives up the lines of the last frame: someone else has written below them. */
  readonly forget: () => void;
  /** Erases the frame. */
  readonly close: () => void;
}

/** What a region uses of a terminal. */
export type RegionStream = Pick<NodeJS.WriteStream, 'getWindowSize' | 'on' | 'off'> & {
  readonly write: (text: string) => unknown;
};

const CSI = '\u001B[';
/** Columns that Ctrl-C's echo takes at the end of the last line, and one that stays free. */
const ECHO = 3;
/** Milliseconds without a change of size after which a frame is drawn again. */
const SETTLE = 150;

/**
 * Opens a region. The cursor stays visible: nothing has to be restored after a crash or Ctrl-Z.
 *
 * A terminal that becomes narrower wraps the frame, and reports it too late: never more rows are erased
 * than the frame had, so that a line that stays is never lost.
 */
export function openRegion(stream: RegionStream, settle = SETTLE): Region {
  let wanted: View = () => [];
  let height = 0;
  let shown = '';
  let settling: NodeJS.Timeout | undefined;
  let held = '';
  // Row by row: tmux moves a screen that is erased from its first row on into the scrollback.
  const erase = () => `${Array.from({ length: height }, () => `${CSI}2K`).join(`${CSI}A`)}${CSI}G`;
  const put = (above: string) => {
    const [columns, rows] = stream.getWindowSize();
    const lines = wanted(columns, rows).slice(0, Math.max(0, rows - 1));
    const text = lines
      .map((line, index) => fit(line, columns - (index === lines.length - 1 ? ECHO : 1), ''))
      .join('\n');
    if (above === '' && text === shown) return;
    // Terminals that know synchronised output show the change at once.
    stream.write(`${CSI}?2026h${height > 0 ? erase() : ''}${above}${text}${CSI}?2026l`);
    shown = text;
    height = lines.length;
  };
  const flush = () => {
    const above = held;
    held = '';
    put(above);
  };
  const onResize = () => {
    clearTimeout(settling);
    settling = setTimeout(() => {
      settling = undefined;
      shown = '';
      flush();
    }, settle).unref();
  };
  stream.on('resize', onResize);
  return {
    draw: (view) => {
      wanted = view;
      if (settling === undefined) flush();
    },
    print: (text) => {
      if (settling !== undefined) held += text;
      else if (height === 0) stream.write(text);
      else put(text);
    },
    forget: () => {
      height = 0;
      shown = '';
    },
    close: () => {
      clearTimeout(settling);
      settling = undefined;
      stream.off('resize', onResize);
      const rest = `${height > 0 ? erase() : ''}${held}`;
      if (rest !== '') stream.write(rest);
      held = '';
      height = 0;
    },
  };
}
