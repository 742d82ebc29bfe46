import { expect, test } from 'vitest';
import { IAM_COMMANDS, policyOf } from '../../src/core/iam.ts';
import { ecrRegistry } from '../../src/core/image.ts';
import { partitionOf } from '../../src/core/partitions.ts';
import { regionsOf, sdkPartitions } from '../support/partitions.ts';

const REGIONS = sdkPartitions().flatMap((partition) =>
  regionsOf(partition).map(
    (region) => [region, partition.id, partition.outputs.dnsSuffix] as const,
  ),
);

test('the SDK has regions in every partition', () => {
  expect(new Set(REGIONS.map(([, id]) => id)).size).toBeGreaterThanOrEqual(8);
  expect(REGIONS.length).toBeGreaterThan(40);
});

test.each(REGIONS)('%s is in %s', (region, id, suffix) => {
  expect(partitionOf(region)).toBe(id);
  const host = `111122223333.dkr.ecr.${region}.${suffix}`;
  expect(ecrRegistry(host)).toEqual({ account: '111122223333', region });
  for (const command of IAM_COMMANDS) {
    const policy = policyOf(command, {
      targets: [{ cluster: 'c', service: 's' }],
      repositories: [`${host}/app`],
      region,
      occasions: new Set(['createRepository', 'onFailure']),
    });
    const partitions = [...JSON.stringify(policy).matchAll(/"arn:([^:]*):/g)].map(
      ([, name]) => name,
    );
    expect(new Set(partitions)).toEqual(new Set([id]));
  }
});

test.each(REGIONS)(
  'a registry in %s under the domain of another partition is none',
  (region, id) => {
    for (const other of sdkPartitions()) {
      const { dnsSuffix } = other.outputs;
      if (dnsSuffix === sdkPartitions().find((partition) => partition.id === id)?.outputs.dnsSuffix)
        continue;
      expect(ecrRegistry(`111122223333.dkr.ecr.${region}.${dnsSuffix}`)).toBeUndefined();
    }
  },
);

test('the partition of an ARN is kept', () => {
  const cluster = 'arn:aws-new:ecs:xx-new-1:444455556666:cluster/prod';
  const names = { repositories: [], region: undefined, occasions: new Set<never>() };
  const policy = policyOf('status', { ...names, targets: [{ cluster, service: 's' }] });
  expect(JSON.stringify(policy)).toContain('arn:aws-new:ecs:xx-new-1:444455556666:service/prod/s');
});
