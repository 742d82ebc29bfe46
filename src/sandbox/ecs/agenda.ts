import type { Clock } from '../clock.ts';

/**
 * Actions in order of simulated time; each runs at its exact time, however fast the clock runs. An
 * action belongs to an owner, the only one that is settled after it.
 */
export interface Agenda<Owner> {
  /** Time of the action that is running, in epoch seconds. */
  readonly now: () => number;
  /**
   * Runs `action` this many simulated seconds from now. Time stands still until `ready` is resolved,
   * so that what takes real time takes no other simulated time.
   */
  readonly after: (
    owner: Owner,
    seconds: number,
    action: () => void,
    ready?: Promise<unknown>,
  ) => void;
  /** Settles an owner, of which the running action has changed something. */
  readonly touch: (owner: Owner) => void;
  /** Runs all actions that are due, then `action` at the clock's time. */
  readonly enter: <T>(action: () => T) => T;
}

/** Milliseconds of work after which a call gets its turn. */
const LONGEST_TURN_MS = 20;

interface Entry<Owner> {
  readonly at: number;
  /** Of two entries of the same time the older one comes first. */
  readonly order: number;
  readonly owner: Owner;
  readonly action: () => void;
  isReady: boolean;
}

/**
 * Creates an agenda that calls `settle` for each owner of the actions of a point in time, and `observe`
 * before.
 */
export function createAgenda<Owner>(
  clock: Clock,
  settle: (owner: Owner) => void,
  observe: () => void,
): Agenda<Owner> {
  const entries = createQueue<Entry<Owner>>(
    (one, other) => one.at < other.at || (one.at === other.at && one.order < other.order),
  );
  const touched = new Set<Owner>();
  let time = clock.now();
  let alarm = Number.POSITIVE_INFINITY;
  let count = 0;

  function settleAll(): void {
    observe();
    const owners = [...touched];
    touched.clear();
    for (const owner of owners) settle(owner);
    // What settling has changed is settled.
    touched.clear();
  }

  function play(): void {
    const until = Math.max(clock.now(), time);
    const turnEnds = performance.now() + LONGEST_TURN_MS;
    for (;;) {
      const next = entries.first();
      if (next === undefined || next.at > until) break;
      time = next.at;
      if (!next.isReady) return;
      while (entries.first()?.at === next.at && entries.first()?.isReady) {
        const { owner, action } = entries.take();
        touched.add(owner);
        action();
      }
      settleAll();
      // Where more is due than this machine can do, simulated time falls behind; calls are answered.
      if (performance.now() > turnEnds) return;
    }
    time = until;
  }

  function setAlarm(): void {
    const first = entries.first();
    if (first === undefined || !first.isReady || first.at >= alarm) return;
    const next = first.at;
    alarm = next;
    clock.after(Math.max(0, next - clock.now()), () => {
      if (alarm === next) alarm = Number.POSITIVE_INFINITY;
      play();
      setAlarm();
    });
  }

  return {
    now: () => time,
    after: (owner, seconds, action, ready) => {
      const at = Math.round((time + seconds) * 1000) / 1000;
      const entry = { at, order: (count += 1), owner, action, isReady: ready === undefined };
      entries.add(entry);
      void ready?.finally(() => {
        entry.isReady = true;
        setAlarm();
      });
    },
    touch: (owner) => void touched.add(owner),
    enter: (action) => {
      play();
      try {
        const result = action();
        settleAll();
        return result;
      } finally {
        setAlarm();
      }
    },
  };
}

/** A queue whose first item comes before all others. */
function createQueue<T>(isBefore: (one: T, other: T) => boolean) {
  const heap: T[] = [];
  const at = (index: number) => heap[index] as T;
  const swap = (one: number, other: number) => {
    [heap[one], heap[other]] = [at(other), at(one)];
  };
  return {
    first: (): T | undefined => heap[0],
    add: (item: T): void => {
      let index = heap.push(item) - 1;
      while (index > 0) {
        const parent = (index - 1) >> 1;
        if (!isBefore(at(index), at(parent))) return;
        swap(index, parent);
        index = parent;
      }
    },
    /** Removes the first item of a queue that has one. */
    take: (): T => {
      const first = at(0);
      const last = heap.pop() as T;
      if (heap.length === 0) return first;
      heap[0] = last;
      let index = 0;
      for (;;) {
        const left = 2 * index + 1;
        const child = left + 1 < heap.length && isBefore(at(left + 1), at(left)) ? left + 1 : left;
        if (child >= heap.length || !isBefore(at(child), at(index))) return first;
        swap(child, index);
        index = child;
      }
    },
  };
}
