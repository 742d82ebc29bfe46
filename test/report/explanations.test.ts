import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { causeTable, errorTable } from '../../src/report/explanations.ts';
import { ERROR_STATUS } from '../../src/errors.ts';

test('the README lists every code of an error and of a cause', () => {
  const readme = readFileSync('README.md', 'utf8');
  expect(readme).toContain(`\n${errorTable((code) => ERROR_STATUS[code])}\n`);
  expect(readme).toContain(`\n${causeTable()}\n`);
});
