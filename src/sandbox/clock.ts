/** A clock that runs `speed` times as fast as the wall clock, with its own timers. */
export interface Clock {
  /** The simulated time in epoch seconds with a millisecond fraction, as AWS sends timestamps. */
  readonly now: () => number;
  /** Runs `action` after this many simulated seconds, unless the clock is stopped before. */
  readonly after: (seconds: number, action: () => void) => void;
  /** Drops all pending timers and accepts no new ones. */
  readonly stop: () => void;
}

/** Starts a clock at the current time. */
export function startClock(speed: number): Clock {
  const start = Date.now();
  const timers = new Set<NodeJS.Timeout>();
  let stopped = false;
  return {
    now: () => Math.round(start + (Date.now() - start) * speed) / 1000,
    after: (seconds, action) => {
      if (stopped) return;
      const timer = setTimeout(
        () => {
          timers.delete(timer);
          action();
        },
        (seconds * 1000) / speed,
      );
      timers.add(timer);
    },
    stop: () => {
      stopped = true;
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
}
