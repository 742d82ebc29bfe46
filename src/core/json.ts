/**
 * Says where and why a text is no JSON, without quoting it: it may hold secrets.
 *
 * V8 names the place of some errors only, but for every beginning of a text it tells whether more
 * could make it whole.
 */
export function explainJson(text: string): string {
  if (text.trim() === '') return 'it is empty';
  let [whole, broken] = [0, text.length + 1];
  while (broken - whole > 1) {
    const middle = Math.floor((whole + broken) / 2);
    if (canGoOn(text.slice(0, middle))) whole = middle;
    else broken = middle;
  }
  if (whole === text.length) return 'it ends in the middle of something';
  const before = text.slice(0, whole);
  const line = before.split('\n').length;
  const column = whole - before.lastIndexOf('\n');
  return `line ${line}, column ${column}: ${reasonOf(before, text.slice(whole))}`;
}

function canGoOn(start: string): boolean {
  try {
    JSON.parse(start);
    return true;
  } catch (error) {
    const { message } = error as Error;
    const [, position] = /at position (\d+)/.exec(message) ?? [];
    return position === undefined
      ? message.startsWith('Unexpected end of JSON input')
      : Number(position) >= start.length || message.startsWith('Unterminated string');
  }
}

function reasonOf(before: string, rest: string): string {
  if (/^(\/[/*]|#)/.test(rest)) return 'JSON has no comments';
  if (/^[\]}]/.test(rest) && before.trimEnd().endsWith(',')) {
    return 'JSON has no comma behind the last entry';
  }
  if (rest.startsWith("'")) return 'JSON takes double quotes only';
  return 'this is no JSON';
}
