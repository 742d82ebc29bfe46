import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import type { Context } from './context.ts';

/**
 * What asks after Ctrl-C whether to stop a command; undefined without a terminal. Another Ctrl-C means
 * no.
 */
export function askStop({
  terminal,
}: Pick<Context, 'terminal'>): (() => Promise<boolean>) | undefined {
  if (terminal === undefined) return undefined;
  return async () => {
    const reader = createInterface({ ...terminal, terminal: true });
    const given = ['SIGINT', 'close'].map((event) => once(reader, event).then(() => '\n'));
    try {
      const answer = await Promise.race([reader.question('Stop it? [y/N] '), ...given]);
      if (answer === '\n') terminal.output.write('\n');
      return /^y(?:es)?$/i.test(answer.trim());
    } finally {
      reader.close();
    }
  };
}
