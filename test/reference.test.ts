import { expect, test } from 'vitest';
import { REFERENCE } from './support/generate.ts';

test.each(Object.entries(REFERENCE))(
  'docs/reference/%s.md is what the code says',
  async (name, make) => {
    await expect(await make()).toMatchFileSnapshot(`../docs/reference/${name}.md`);
  },
);
