import { distance } from 'fastest-levenshtein';

/** The candidate nearest to a misspelt name, or undefined when none is near enough to suggest. */
function nearest(name: string, candidates: readonly string[]): string | undefined {
  const limit = Math.max(2, Math.floor(name.length / 2));
  const containing = candidates.find((candidate) => name.length > 2 && candidate.includes(name));
  if (containing !== undefined) return containing;
  const ranked = candidates
    .map((candidate) => ({
      candidate,
      distance: distance(name.toLowerCase(), candidate.toLowerCase()),
    }))
    .toSorted((a, b) => a.distance - b.distance);
  const [best] = ranked;
  return best !== undefined && best.distance <= limit ? best.candidate : undefined;
}

/** The candidate that a name is a slip of: other capitals, a letter too few, too many or wrong. */
export function slipOf(name: string, candidates: readonly string[]): string | undefined {
  const limit = name.length < 8 ? 1 : 2;
  return candidates.find(
    (candidate) => distance(name.toLowerCase(), candidate.toLowerCase()) <= limit,
  );
}

/** `did you mean "api"?`, with a blank before it; nothing where none is near. */
export function didYouMean(name: string, candidates: readonly string[]): string {
  const near = nearest(name, candidates);
  return near === undefined ? '' : ` (did you mean "${near}"?)`;
}

/**
 * Names what exists, the nearest first: `did you mean "api"? there are: api, worker`. Undefined
 * candidates are those that may not be listed.
 */
export function suggest(
  name: string,
  candidates: readonly string[] | undefined,
  what: string,
): string {
  if (candidates === undefined) return `which ${what} exist may not be listed: check the name`;
  if (candidates.length === 0) return `there are no ${what} at all`;
  const near = nearest(name, candidates);
  const listed = candidates.slice(0, 10).join(', ') + (candidates.length > 10 ? ', …' : '');
  return near === undefined
    ? `${what} that exist: ${listed}`
    : `did you mean "${near}"? ${what} that exist: ${listed}`;
}
