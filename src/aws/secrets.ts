import type { Ecs } from './ecs.ts';
import { awsErrorName } from './errors.ts';
import { callSigned } from './signed.ts';

/** Whether a secret of Secrets Manager is there and not being deleted; its value is not read. */
export async function hasSecret(ecs: Ecs, arn: string): Promise<boolean> {
  // arn:partition:secretsmanager:region:account:secret:name-suffix[:json-key:stage:version]
  const [prefix, partition, service, region, ...rest] = arn.split(':');
  const SecretId = [prefix, partition, service, region, ...rest.slice(0, 3)].join(':');
  const input = { SecretId };
  const call = { service: 'secretsmanager', operation: 'DescribeSecret', region, input } as const;
  try {
    const { DeletedDate } = JSON.parse(await callSigned(ecs, call)) as { DeletedDate?: number };
    return DeletedDate === undefined;
  } catch (error) {
    if (awsErrorName(error) === 'ResourceNotFoundException') return false;
    throw error;
  }
}

/** Which of these parameters of Systems Manager are there; their values are not read. */
export async function knownParameters(
  ecs: Ecs,
  names: readonly string[],
  region: string | undefined,
): Promise<ReadonlySet<string>> {
  const input = { ParameterFilters: [{ Key: 'Name', Option: 'Equals', Values: names }] };
  const call = { service: 'ssm', operation: 'DescribeParameters', region, input } as const;
  const { Parameters = [] } = JSON.parse(await callSigned(ecs, call)) as {
    Parameters?: { Name: string }[];
  };
  return new Set(Parameters.map(({ Name }) => Name));
}
