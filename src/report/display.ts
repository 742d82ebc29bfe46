import type { Output } from '../core/result.ts';
import { formatTime } from './format.ts';
import { openRegion } from './region.ts';

/** A result that is shown again and again. */
export interface Display {
  readonly show: (output: Output) => void;
  /** Takes it from the screen until it is shown again, so that something else can be written. */
  readonly hide: () => void;
  /** Leaves the last result on the screen. */
  readonly end: () => void;
}

/** Shows results in place on a terminal; elsewhere each below the last, with a time, if it differs. */
export function openDisplay(
  stream: NodeJS.WriteStream,
  isTerminal: boolean,
  format: (output: Output, columns: number) => string,
): Display {
  if (!isTerminal) {
    let last: string | undefined;
    let start: Date | undefined;
    return {
      show: (output) => {
        if (output.kind === 'status') start ??= output.at;
        // As of the same time, because ages change each time.
        const same = output.kind === 'status' ? { ...output, at: start ?? output.at } : output;
        const key = format(same, Infinity);
        if (key === last) return;
        const time = output.kind === 'status' ? `${formatTime(output.at)}\n` : '';
        stream.write(`${last === undefined ? '' : '\n'}${time}${format(output, Infinity)}\n`);
        last = key;
      },
      hide: () => undefined,
      end: () => undefined,
    };
  }
  const region = openRegion(stream);
  let shown: Output | undefined;
  return {
    show: (output) => {
      shown = output;
      region.draw((columns) => format(output, columns - 1).split('\n'));
    },
    hide: () => region.draw(() => []),
    end: () => {
      region.close();
      if (shown !== undefined) stream.write(`${format(shown, stream.columns)}\n`);
    },
  };
}
