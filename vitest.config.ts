import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

/** The tests that take longest, first: what begins last should be short. */
const ORDER = [
  /e2e.(faults|promise|scenarios)\.test/,
  /e2e.(outcomes|denied|watching)\.test/,
  /e2e/,
  /ecs-(bake|strategies)\.test/,
  /./,
];
const rank = ({ moduleId }: TestSpecification) =>
  ORDER.findIndex((pattern) => pattern.test(relative('.', moduleId)));

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => rank(one) - rank(other));
  }
}

const E2E = 'test/e2e/**/*.test.ts';

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: 'e2e', include: [E2E] } },
      { extends: true, test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: [E2E] } },
    ],
    sequence: { sequencer: LongestFirst },
    // The tests wait for the sandbox more than they compute.
    maxWorkers: 2 * availableParallelism(),
    // Loading the SDK and the sources for each file would take longer than many files.
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // The SDK's notice about Node 20 would stand between the results.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
  },
});
