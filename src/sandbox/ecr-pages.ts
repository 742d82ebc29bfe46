import { awsFault } from './wire.ts';

const PAGE_SIZE = 100;

/** One page of a list, as `nextToken` and `maxResults` of a request ask for it. */
export function page<T>(
  items: readonly T[],
  { nextToken, maxResults }: { readonly nextToken?: unknown; readonly maxResults?: unknown },
): { readonly items: readonly T[]; readonly nextToken: string | undefined } {
  const start = Number(nextToken ?? 0);
  if (!Number.isInteger(start) || start < 0) {
    throw awsFault(
      'InvalidParameterException',
      "Invalid parameter at 'nextToken' failed to satisfy constraint: 'Invalid token'",
    );
  }
  const end = start + Number(maxResults ?? PAGE_SIZE);
  return {
    items: items.slice(start, end),
    nextToken: end < items.length ? String(end) : undefined,
  };
}
