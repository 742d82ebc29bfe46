import { escapeJson } from '../core/foreign.ts';
import type { Event, EventOf } from '../events.ts';
import type { Reporter, Write } from './plain.ts';

/** Version of the lines that `--progress json` prints; kinds and members are only ever added. */
const VERSION = 1;

/** Kinds of events with a member that JSON cannot hold. */
type Foreign = {
  [K in Event['kind']]: Extract<EventOf<K>[keyof EventOf<K>], Error> extends never ? never : K;
}[Event['kind']];

/** The members that these events have in JSON; such an event without a row does not compile. */
const MEMBERS: { readonly [K in Foreign]: (event: EventOf<K>) => object } = {
  error: ({ error: { code, message, hint } }) => ({ code, message, hint }),
};

/** One JSON object per event and line: version, time, kind, then the members of the event. */
export function jsonReporter(write: Write, verbose: boolean): Reporter {
  return {
    report: ({ at, ...event }) => {
      const { kind } = event;
      if (kind === 'api-call' && !verbose) return;
      const members = kind === 'error' ? MEMBERS[kind](event) : event;
      const line = { v: VERSION, at: at.toISOString(), kind, ...members };
      write(`${escapeJson(JSON.stringify(line))}\n`);
    },
    end: () => undefined,
  };
}
