import { expect } from 'vitest';
import type { CauseCode } from '../../src/core/diagnosis.ts';

/** Holds that a log for CI tells each thing once, and briefly. */
export function checkLog(log: string, [cause]: readonly CauseCode[]) {
  expect(log).not.toMatch(/[^\P{Cc}\n]/u);
  const lines = log.trimEnd().split('\n');
  expect(lines.length).toBeLessThan(60);
  const texts = lines.map((line) => line.replace(/^(?:\d{4}-\d\d-\d\dT)?[\d:]{8}Z? /, ''));
  const isRepeated = (text: string, index: number) =>
    // Counts can come back, but they are news every time.
    / of \d+ running/.test(text) ? texts[index - 1] === text : texts.indexOf(text) < index;
  expect(texts.filter(isRepeated)).toEqual([]);
  if (cause !== undefined) expect(log).toContain(`[${cause}]`);
}
