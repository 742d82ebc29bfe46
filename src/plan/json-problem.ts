import { printParseErrorCode, visit } from 'jsonc-parser';
import type { JSONPath, ParseErrorCode } from 'jsonc-parser';
import { memberPath, shownName } from '../core/normal-form.ts';

/** What of a JSON text gets lost when it is read, by path, e.g. `containerDefinitions[0].cpu`. */
export interface Losses {
  /** Numbers that JavaScript cannot hold. */
  readonly inexact: readonly string[];
  /** Members that one object has several times; without the value. */
  readonly repeated: readonly string[];
}

/** Finds what `JSON.parse` changes without an error. */
export function lossesOf(text: string): Losses {
  const inexact: string[] = [];
  const repeated = new Set<string>();
  const open: Set<string>[] = [];
  visit(text, {
    onObjectBegin: () => void open.push(new Set()),
    onObjectEnd: () => void open.pop(),
    onObjectProperty: (name, _offset, _length, _line, _column, path) => {
      const names = open.at(-1);
      if (names?.has(name)) repeated.add(shownPath([...path(), name]));
      names?.add(name);
    },
    onLiteralValue: (value, offset, length, _line, _column, path) => {
      if (typeof value !== 'number') return;
      if (!isExact(text.slice(offset, offset + length))) inexact.push(shownPath(path()));
    },
  });
  return { inexact, repeated: [...repeated] };
}

/** Whether a number keeps its value: a double holds 17 digits, and integers up to 2^53. */
function isExact(text: string): boolean {
  const value = Number(text);
  const digits = text.replace(/e.*$/i, '').replaceAll(/\D/g, '');
  const isRounded = digits.length > 17 || (value === 0 && /[1-9]/.test(digits));
  return (
    !isRounded && (Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value))
  );
}

function shownPath(path: JSONPath): string {
  return path.reduce<string>(
    (shown, part) =>
      typeof part === 'number' ? `${shown}[${part}]` : memberPath(shown, shownName(part)),
    '',
  );
}

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
