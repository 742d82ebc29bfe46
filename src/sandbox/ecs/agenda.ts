import type { Clock } from '../clock.ts';

/** Actions in order of simulated time; each runs at its exact time, however fast the clock runs. */
export interface Agenda {
  /** Time of the action that is running, in epoch seconds. */
  readonly now: () => number;
  /** Runs `action` this many simulated seconds from now. */
  readonly after: (seconds: number, action: () => void) => void;
  /** Runs all actions that are due, then `action` at the clock's time. */
  readonly enter: <T>(action: () => T) => T;
}

/** Creates an agenda that calls `settle` after each point in time at which actions ran. */
export function createAgenda(clock: Clock, settle: () => void): Agenda {
  const entries: { readonly at: number; readonly action: () => void }[] = [];
  let time = clock.now();
  let alarm = Number.POSITIVE_INFINITY;

  function play(): void {
    const until = Math.max(clock.now(), time);
    for (;;) {
      const at = entries[0]?.at;
      if (at === undefined || at > until) break;
      time = at;
      while (entries[0]?.at === at) entries.shift()?.action();
      settle();
    }
    time = until;
  }

  function setAlarm(): void {
    const next = entries[0]?.at ?? Number.POSITIVE_INFINITY;
    if (next >= alarm) return;
    alarm = next;
    clock.after(Math.max(0, next - clock.now()), () => {
      if (alarm === next) alarm = Number.POSITIVE_INFINITY;
      play();
      setAlarm();
    });
  }

  return {
    now: () => time,
    after: (seconds, action) => {
      const at = Math.round((time + seconds) * 1000) / 1000;
      const later = entries.findIndex((entry) => entry.at > at);
      entries.splice(later === -1 ? entries.length : later, 0, { at, action });
    },
    enter: (action) => {
      play();
      try {
        const result = action();
        settle();
        return result;
      } finally {
        setAlarm();
      }
    },
  };
}
