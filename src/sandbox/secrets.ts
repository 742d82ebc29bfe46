import { awsFault } from './wire.ts';
import type { Operations } from './wire.ts';

/** The sandbox's Secrets Manager and Parameter Store: names only, no values. */
export interface Secrets {
  readonly secretsmanager: Operations;
  readonly ssm: Operations;
  readonly createSecret: (arn: string) => void;
}

/** Creates empty stores; secrets and parameters belong to one region. */
export function createSecrets(account: string): Secrets {
  const secrets = new Map<string, { deleted: boolean }>();
  const parameters = new Set<string>();
  const find = (id: unknown) => {
    const found = secrets.get(String(id));
    if (found !== undefined) return found;
    throw awsFault('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
  };
  return {
    createSecret: (arn) => void secrets.set(arn, { deleted: false }),
    secretsmanager: {
      CreateSecret: ({ Name }, { region }) => {
        const ARN = `arn:aws:secretsmanager:${region}:${account}:secret:${String(Name)}-AbCdEf`;
        secrets.set(ARN, { deleted: false });
        return { ARN, Name };
      },
      DescribeSecret: ({ SecretId }) => {
        const { deleted } = find(SecretId);
        return { ARN: SecretId, ...(deleted && { DeletedDate: 0 }) };
      },
      DeleteSecret: ({ SecretId }) => {
        find(SecretId).deleted = true;
        return { ARN: SecretId, DeletionDate: 0 };
      },
    },
    ssm: {
      PutParameter: ({ Name }, { region }) => {
        parameters.add(`${region}/${String(Name)}`);
        return { Version: 1, Tier: 'Standard' };
      },
      DescribeParameters: ({ ParameterFilters }, { region }) => {
        const [filter] = (ParameterFilters ?? []) as { Values?: string[] }[];
        const wanted = filter?.Values ?? [];
        const found = wanted.filter((name) => parameters.has(`${region}/${name}`));
        return { Parameters: found.map((Name) => ({ Name, Type: 'SecureString' })) };
      },
    },
  };
}
