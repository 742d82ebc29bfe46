/** Reads that are under way, by what they read. */
const underWay = new WeakMap<object, Map<string, Promise<unknown>>>();

/**
 * Makes a read, or joins the same read of the same owner while that is under way: services of one
 * family, started side by side, ask for the same things at the same time. Nothing is kept afterwards.
 */
export function share<T>(owner: object, key: string, read: () => Promise<T>): Promise<T> {
  const reads = underWay.get(owner) ?? new Map<string, Promise<unknown>>();
  underWay.set(owner, reads);
  const known = reads.get(key);
  // Each key names the kind of read, so the types match.
  if (known !== undefined) return known as Promise<T>;
  const made = read().finally(() => reads.delete(key));
  reads.set(key, made);
  return made;
}
