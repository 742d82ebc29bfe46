import { printParseErrorCode, visit } from 'jsonc-parser';
import type { ParseErrorCode } from 'jsonc-parser';

/** Says where and why a text is not JSON, without quoting it: it may contain secrets. */
export function explainJson(text: string): string {
  if (text.trim() === '') return 'it is empty';
  let first: { readonly code: ParseErrorCode; readonly offset: number } | undefined;
  let isComment = false;
  visit(
    text,
    {
      onError: (code, offset) => {
        first ??= { code, offset };
      },
      onComment: (offset) => {
        isComment ||= first === undefined || offset <= first.offset;
      },
    },
    { disallowComments: true },
  );
  if (first === undefined) return 'invalid JSON';
  const { code, offset } = first;
  const before = text.slice(0, offset);
  const rest = text.slice(offset).trim();
  // A truncated string or word.
  const isCut =
    /^"[^"\n]*$/.test(rest) || ['true', 'false', 'null'].some((word) => word.startsWith(rest));
  if (!isComment && isCut) return 'unexpected end of input';
  const line = before.split('\n').length;
  const column = offset - before.lastIndexOf('\n');
  return `line ${line}, column ${column}: ${reasonOf(code, before, rest)}`;
}

function reasonOf(code: ParseErrorCode, before: string, rest: string): string {
  if (printParseErrorCode(code) === 'InvalidCommentToken' || rest.startsWith('#')) {
    return 'JSON has no comments';
  }
  if (/^[\]}]/.test(rest) && before.trimEnd().endsWith(',')) {
    return 'JSON has no comma after the last entry';
  }
  if (rest.startsWith("'")) return 'JSON uses double quotes only';
  return 'invalid JSON';
}
