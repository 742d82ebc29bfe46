import { EventEmitter } from 'node:events';
import xterm from '@xterm/headless';
import type { RegionStream } from '../../src/report/region.ts';

/** A terminal in this process. */
export interface TestScreen {
  readonly stream: RegionStream;
  /** Changes the size, and tells it to the stream. */
  readonly resize: (columns: number, rows: number) => Promise<void>;
  /** Lines of the scrollback and of the screen, without blank ones at the end. */
  readonly lines: () => Promise<string[]>;
  /** Rows that lines have been moved above the screen. */
  readonly scrolled: () => Promise<number>;
  /** Everything that was written. */
  readonly written: () => string;
}

export function makeScreen(columns: number, rows: number): TestScreen {
  const terminal = new xterm.Terminal({
    cols: columns,
    rows,
    scrollback: 10_000,
    allowProposedApi: true,
    convertEol: true,
  });
  const events = new EventEmitter();
  let text = '';
  const settled = () => new Promise<void>((done) => terminal.write('', done));
  const stream = Object.assign(events, {
    getWindowSize: () => [terminal.cols, terminal.rows] as [number, number],
    write: (part: string) => {
      text += part;
      terminal.write(part);
    },
  }) as unknown as RegionStream;
  return {
    stream,
    resize: async (wide, high) => {
      await settled();
      terminal.resize(wide, high);
      events.emit('resize');
    },
    lines: async () => {
      await settled();
      const { active } = terminal.buffer;
      const all = Array.from(
        { length: active.length },
        (_, index) => active.getLine(index)?.translateToString(true) ?? '',
      );
      return all.slice(0, all.findLastIndex((line) => line !== '') + 1);
    },
    scrolled: async () => {
      await settled();
      return terminal.buffer.active.baseY;
    },
    written: () => text,
  };
}
