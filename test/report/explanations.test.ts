import { expect, test } from 'vitest';
import { EXIT_STATUS } from '../../src/errors.ts';
import { helpErrors, STATUS_MEANINGS } from '../../src/report/explanations.ts';

test('help errors lists every exit status with its meaning', () => {
  const statuses = Object.values(EXIT_STATUS).map(String);
  expect(Object.keys(STATUS_MEANINGS).toSorted()).toEqual(statuses.toSorted());
  for (const [status, meaning] of Object.entries(STATUS_MEANINGS))
    expect(helpErrors()).toContain(`\n\n${status}: ${meaning}\n`);
});
