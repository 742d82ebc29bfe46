import { readFileSync } from 'node:fs';

/** A partition as the SDK knows it. */
export interface SdkPartition {
  readonly id: string;
  readonly outputs: { readonly dnsSuffix: string };
  readonly regions: Readonly<Record<string, unknown>>;
}

const FILE =
  'node_modules/@aws-sdk/core/dist-es/submodules/client/util-endpoints/lib/aws/partitions.js';

/** The partition data of the SDK, which no module of it exports. */
export function sdkPartitions(): readonly SdkPartition[] {
  const [, json = ''] = /^export const partitionsInfo = ([^]*?);?\s*$/.exec(
    readFileSync(FILE, 'utf8'),
  ) ?? ['', ''];
  return (JSON.parse(json) as { partitions: readonly SdkPartition[] }).partitions;
}

/** The regions of a partition, without the names of global services. */
export function regionsOf({ regions }: SdkPartition): readonly string[] {
  return Object.keys(regions).filter((region) => !region.endsWith('-global'));
}
