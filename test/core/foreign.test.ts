import { expect, test } from 'vitest';
import { escapeJson, printable, withoutCommands } from '../../src/core/foreign.ts';
import { expectInert, HOSTILE } from '../support/hostile.ts';

test.each(HOSTILE.map((text) => [escapeJson(JSON.stringify(text)), text]))(
  '%s is inert',
  (_, text) => {
    expectInert(withoutCommands(printable(text)), { github: true });
    const json = escapeJson(JSON.stringify({ text }));
    expectInert(json, { github: true });
    expect(JSON.parse(json)).toEqual({ text });
  },
);

test.each([
  'plain text, a\ttab, and\nlines',
  '한국어 テスト 中文 café naïve Ελληνικά العربية עברית हिन्दी',
  '👩‍💻 👨‍👩‍👧‍👦 🏳️‍🌈 👍🏽 ❤️ ☎︎ 🇰🇷 1️⃣',
  '∀x ∈ ℝ: ⌈x⌉ → “quotes” … – — •',
  'https://example.com/a?b=c#d :: not a command ## [x]',
])('normal text stays: %s', (text) => {
  expect(withoutCommands(printable(text))).toBe(text);
  expect(escapeJson(JSON.stringify(text))).toBe(JSON.stringify(text));
});

test.each([
  ['a\u001B]0;x\u0007', String.raw`a\x1b]0;x\x07`],
  ['\u001B[1;31mred\u001B[0m', 'red'],
  ['a\u202Eb\u{E0041}', String.raw`a\u202eb\u{e0041}`],
  ['a\r\nb\r', 'a\nb'],
  ['50%\r100%', String.raw`50%\r100%`],
  ['\uD800', String.raw`\ud800`],
])('%j is shown as %s', (text, shown) => {
  expect(printable(text)).toBe(shown);
});

test.each([
  ['::error::x', String.raw`\::error::x`],
  ['  ::error::x', String.raw`  \::error::x`],
  ['a ##[error]x', String.raw`a #\#[error]x`],
  ['a ::error::x', 'a ::error::x'],
])('the runner does not obey %j', (text, shown) => {
  expect(withoutCommands(text)).toBe(shown);
});

test.each(['\r', ' ', ':', '\u200D', '👩\u200D', '\u001B[', '#'])(
  'the time for many %j is linear',
  (piece) => {
    const text = piece.repeat(300_000 / piece.length);
    // A quadratic time would be minutes.
    const start = process.cpuUsage();
    withoutCommands(printable(text));
    expect(process.cpuUsage(start).user).toBeLessThan(10_000_000);
  },
);
