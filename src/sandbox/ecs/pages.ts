import { awsFault } from '../wire.ts';

const LARGEST_PAGE = 100;

/** One page of a list, as `nextToken` and `maxResults` of a request ask for it. */
export function page<T>(
  items: readonly T[],
  input: Readonly<Record<string, any>>, // oxlint-disable-line typescript/no-explicit-any
  pageSize = LARGEST_PAGE,
): { items: readonly T[]; nextToken: string | undefined } {
  const { nextToken: token, maxResults = pageSize } = input;
  if (!(maxResults >= 1 && maxResults <= LARGEST_PAGE)) {
    throw invalid(`maxResults must be between 1 and ${LARGEST_PAGE}, but was ${maxResults}`);
  }
  const start = token === undefined ? 0 : Number(Buffer.from(token, 'base64url').toString());
  if (!Number.isInteger(start) || start < 0) throw invalid('Invalid token');
  const end = start + maxResults;
  return {
    items: items.slice(start, end),
    nextToken: end < items.length ? Buffer.from(String(end)).toString('base64url') : undefined,
  };
}

const invalid = (message: string): Error => awsFault('InvalidParameterException', message);
