import { distance } from 'fastest-levenshtein';

/** The candidate most similar to a name; undefined if none is similar enough. */
function nearest(name: string, candidates: readonly string[]): string | undefined {
  const limit = Math.max(2, Math.floor(name.length / 2));
  const containing = candidates.find((candidate) => name.length > 2 && candidate.includes(name));
  if (containing !== undefined) return containing;
  return closest(candidates, limit, (candidate) =>
    distance(name.toLowerCase(), candidate.toLowerCase()),
  );
}

/** The first candidate with the smallest distance; undefined if the distance exceeds the limit. */
function closest(
  candidates: readonly string[],
  limit: number,
  distanceTo: (candidate: string) => number,
): string | undefined {
  const [best] = candidates
    .map((candidate) => ({ candidate, distance: distanceTo(candidate) }))
    .toSorted((a, b) => a.distance - b.distance);
  return best !== undefined && best.distance <= limit ? best.candidate : undefined;
}

/** ` (did you mean "api"?)`; an empty string if no candidate is similar. */
export function didYouMean(name: string, candidates: readonly string[]): string {
  const near = nearest(name, candidates);
  return near === undefined ? '' : ` (did you mean "${near}"?)`;
}

/**
 * Suggests existing names: `did you mean "api"? services that exist: api, worker`. `candidates` is
 * undefined if the permission to list them is missing; `what` is their plural noun.
 */
export function suggest(
  name: string,
  candidates: readonly string[] | undefined,
  what: string,
): string {
  if (candidates === undefined) return `check the name; the permission to list ${what} is missing`;
  if (candidates.length === 0) return `there are no ${what} at all`;
  const near = nearest(name, candidates);
  const listed = candidates.slice(0, 10).join(', ') + (candidates.length > 10 ? ', …' : '');
  return near === undefined
    ? `${what} that exist: ${listed}`
    : `did you mean "${near}"? ${what} that exist: ${listed}`;
}

/**
 * The name in `known` that was probably meant: it differs in case, `_` and `-`, a few letters or
 * their order, or begins with `name`. Undefined if there is none.
 */
export function misspelt(name: string, known: readonly string[]): string | undefined {
  const fold = (text: string) => text.toLowerCase().replaceAll(/[-_]/g, '');
  const letters = (text: string) => text.split('').toSorted().join('');
  const wanted = fold(name);
  const limit = Math.min(3, Math.max(1, Math.floor(wanted.length / 4)));
  return closest(known, limit, (candidate) => {
    const other = fold(candidate);
    const isShort = wanted.length > 2 && other.startsWith(wanted);
    const isTwisted = letters(other) === letters(wanted);
    return isShort || isTwisted ? 0 : distance(wanted, other);
  });
}
