import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

/** The tests that take longest, first: what begins last should be short. */
const ORDER = [
  /e2e.(denied|docker|docker-session|faults|promise|scenarios)\.test/,
  /e2e.(foreign|identity|outcomes|rollback|terminal)\.test|plan.identity\.test|aws.moves\.test/,
  /e2e.(other-clients|refusals|unreadable|verify|watching)\.test|init.from-workflow\.test/,
  /e2e|(build|code-deploy|ecs-bake|ecs-strategies|report.foreign|roll-out)\.test/,
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

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    sequence: { sequencer: LongestFirst },
    // The tests wait for the sandbox more than they compute. With more workers they are quicker, but a
    // loaded machine lets fast clocks run ahead of their polls. A worker has 300 MB.
    maxWorkers: Math.min(3 * availableParallelism(), 12),
    // Loading the SDK and the sources for each file would take longer than many files.
    isolate: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // The SDK's notice about Node 20 would stand between the results.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
  },
});
