import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { EXIT_STATUS } from '../../src/errors.ts';
import {
  causeTable,
  errorTable,
  helpErrors,
  STATUS_MEANINGS,
} from '../../src/report/explanations.ts';

const readme = readFileSync('README.md', 'utf8');

test('the README lists every code of an error and of a cause', () => {
  expect(readme).toContain(`\n${errorTable()}\n`);
  expect(readme).toContain(`\n${causeTable()}\n`);
});

test('the README and help errors list every exit status with the same meaning', () => {
  const rows = [...readme.matchAll(/^\| (\d+) +\| (.+?) +\|$/gm)];
  const listed = rows.map(([, status, meaning]) => [status, meaning]);
  expect(listed).toEqual(Object.entries(STATUS_MEANINGS));
  expect(listed).toHaveLength(Object.keys(EXIT_STATUS).length);
  for (const [status, meaning] of listed) {
    expect(helpErrors()).toContain(`\n\n${status}: ${meaning}\n`);
  }
});
