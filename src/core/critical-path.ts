/** One API call, in milliseconds since the start of the run. */
export interface TimedCall {
  readonly action: string;
  readonly start: number;
  readonly end: number;
}

/** The calls that one after the other took the time up to a call. */
export interface CriticalPath {
  /** In their order; the last is the call that the path leads to. */
  readonly calls: readonly TimedCall[];
  /** Milliseconds of the path in which no call of it was under way. */
  readonly local: number;
  /** Milliseconds from the start of the run. */
  readonly total: number;
}

/**
 * The path to the last UpdateService, or to the last call of a run without one: before each call the
 * one that ended last before it began. Undefined without a call.
 */
export function criticalPath(calls: readonly TimedCall[]): CriticalPath | undefined {
  const target =
    calls.findLast(({ action }) => /^ecs:Update(?:Express\w+)?Service$/.test(action)) ??
    latest(calls, Infinity);
  if (target === undefined) return undefined;
  const path = [target];
  for (
    let before = latest(calls, target.start);
    before !== undefined;
    before = latest(calls, before.start)
  ) {
    path.unshift(before);
  }
  const waited = path.reduce((sum, { start, end }) => sum + end - start, 0);
  return { calls: path, local: target.end - waited, total: target.end };
}

/** The call that ended last, at a time or before. */
function latest(calls: readonly TimedCall[], time: number): TimedCall | undefined {
  return calls
    .filter(({ start, end }) => end <= time && end > start)
    .toSorted((one, other) => other.end - one.end)[0];
}
