import type { Reporter, Write } from './plain.ts';

/** One JSON object per event and line. */
export function jsonReporter(write: Write, verbose: boolean): Reporter {
  return {
    report: (event) => {
      if (event.kind === 'api-call' && !verbose) return;
      const fact =
        event.kind === 'error'
          ? {
              kind: 'error',
              code: event.error.code,
              message: event.error.message,
              hint: event.error.hint,
            }
          : event;
      write(`${JSON.stringify(fact)}\n`);
    },
    end: () => undefined,
  };
}
