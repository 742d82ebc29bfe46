interface Partition {
  /** How its regions begin. */
  readonly regions: string;
  /** Domains of its ECR registries: the default and the dual-stack endpoint. */
  readonly ecrDomains: readonly string[];
}

/** The partitions of AWS by their names in ARNs; the last one has all other regions. */
const PARTITIONS: Readonly<Record<string, Partition>> = {
  'aws-cn': { regions: 'cn-', ecrDomains: ['amazonaws.com.cn', 'on.amazonwebservices.com.cn'] },
  'aws-us-gov': { regions: 'us-gov-', ecrDomains: ['amazonaws.com', 'on.aws'] },
  'aws-eusc': { regions: 'eusc-', ecrDomains: ['amazonaws.eu', 'on.amazonwebservices.eu'] },
  'aws-iso': { regions: 'us-iso-', ecrDomains: ['c2s.ic.gov'] },
  'aws-iso-b': { regions: 'us-isob-', ecrDomains: ['sc2s.sgov.gov'] },
  'aws-iso-e': { regions: 'eu-isoe-', ecrDomains: ['cloud.adc-e.uk'] },
  'aws-iso-f': { regions: 'us-isof-', ecrDomains: ['csp.hci.ic.gov'] },
  aws: { regions: '', ecrDomains: ['amazonaws.com', 'on.aws'] },
};

/** The partition of a region, as ARNs name it; `aws` for an unknown region. */
export function partitionOf(region: string): string {
  const found = Object.entries(PARTITIONS).find(([, { regions }]) => region.startsWith(regions));
  return found?.[0] ?? 'aws';
}

/** The domains of ECR registries in the partition of a region. */
export function ecrDomains(region: string): readonly string[] {
  return PARTITIONS[partitionOf(region)]?.ecrDomains ?? [];
}
