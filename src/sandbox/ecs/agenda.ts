import type { Clock } from '../clock.ts';

/** Happenings in order of simulated time; each is played at its own time, however fast the clock runs. */
export interface Agenda {
  /** Time of the happening that is played, in epoch seconds. */
  readonly now: () => number;
  /** Plays `action` that many simulated seconds from now. */
  readonly after: (seconds: number, action: () => void) => void;
  /** Plays all that is due by the clock, then `action` at the clock's time. */
  readonly enter: <T>(action: () => T) => T;
}

/** Makes an agenda that calls `settle` after every instant at which something happened. */
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
