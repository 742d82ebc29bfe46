/**
 * A clock that runs `speed` times as fast as the wall clock, with its own timers. While timers are
 * pending, time in which a busy machine did not run this process does not count: on a fast clock it
 * would be a minute in which nobody could look.
 */
export interface Clock {
  /** The simulated time in epoch seconds with a millisecond fraction, as AWS sends timestamps. */
  readonly now: () => number;
  /** Runs `action` after this many simulated seconds, unless the clock is stopped before. */
  readonly after: (seconds: number, action: () => void) => void;
  /** Drops all pending timers and accepts no new ones. */
  readonly stop: () => void;
}

/** Simulated seconds between two beats of a clock whose timers are pending, and their least milliseconds. */
const BEAT_SECONDS = 0.5;
const SHORTEST_BEAT = 5;
/** How much later than expected a beat can be before the rest of the time does not count. */
const TOLERANCE = 1.5;

/** Starts a clock at the current time. */
export function startClock(speed: number): Clock {
  const start = Date.now();
  const beat = Math.max((BEAT_SECONDS * 1000) / speed, SHORTEST_BEAT);
  const timers = new Set<NodeJS.Timeout>();
  let beats: NodeJS.Timeout | undefined;
  let stopped = false;
  let readAt = performance.now();
  let elapsed = 0;

  /** Milliseconds of the wall clock that count. */
  function read(): number {
    const time = performance.now();
    elapsed += beats === undefined ? time - readAt : Math.min(time - readAt, TOLERANCE * beat);
    readAt = time;
    return elapsed;
  }

  function wait(due: number, action: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      // A timer of Node can be early by less than a millisecond.
      if (read() + 1 < due) wait(due, action);
      else action();
      if (timers.size === 0) pause();
    }, due - elapsed);
    timers.add(timer);
  }

  function pause(): void {
    read();
    clearInterval(beats);
    beats = undefined;
  }

  return {
    now: () => Math.round(start + read() * speed) / 1000,
    after: (seconds, action) => {
      if (stopped) return;
      const due = read() + (seconds * 1000) / speed;
      beats ??= setInterval(read, beat);
      wait(due, action);
    },
    stop: () => {
      stopped = true;
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      pause();
    },
  };
}
