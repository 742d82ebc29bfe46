import { defineConfig } from 'vitest/config';

/** The tables that must fail for every mutant; the property tests are random, and slow. */
export default defineConfig({
  test: {
    include: [
      'test/core/{verdict,watch,give-up,diagnosis,stages,load-balancer,code-deploy,express}.test.ts',
    ],
  },
});
