import { secretsManagerClient, ssmClient } from './client.ts';
import type { Aws } from './client.ts';
import { awsErrorName, brokenAnswer } from './errors.ts';
import { share } from './share.ts';

/** DescribeParameters' limit of names in one filter. */
const NAMES_PER_CALL = 50;

/**
 * Which of these references to secrets and parameters (`valueFrom` of a container's secret) name
 * nothing; their values are not read.
 */
export function missingSecrets(
  aws: Aws,
  references: readonly string[],
): Promise<ReadonlySet<string>> {
  return share(aws, `secrets ${references.join(' ')}`, () => findMissing(aws, references));
}

async function findMissing(aws: Aws, references: readonly string[]): Promise<ReadonlySet<string>> {
  const isSecret = (reference: string) => /^arn:[^:]+:secretsmanager:/.test(reference);
  const unique = [...new Set(references)];
  const parameters = unique.filter((reference) => !isSecret(reference)).map(parameterOf);
  const regions = [...new Set(parameters.map(({ region }) => region))];
  const missing = await Promise.all([
    ...unique.filter(isSecret).map(async (arn) => ((await hasSecret(aws, arn)) ? [] : [arn])),
    ...regions.map(async (region) => {
      const local = parameters.filter((parameter) => parameter.region === region);
      const known = await knownParameters(
        aws,
        local.flatMap(({ names }) => names),
        region,
      );
      return local
        .filter(({ names }) => !names.some((name) => known.has(name)))
        .map(({ reference }) => reference);
    }),
  ]);
  return new Set(missing.flat());
}

interface Parameter {
  readonly reference: string;
  /** Names that it can have. */
  readonly names: readonly string[];
  readonly region: string | undefined;
}

function parameterOf(reference: string): Parameter {
  const [, region, path] = /^arn:[^:]+:ssm:([^:]+):\d*:parameter(\/.+)$/.exec(reference) ?? [];
  // An ARN does not show whether the name itself begins with the slash.
  const names = path === undefined ? [reference] : [path, path.slice(1)];
  return { reference, names, region };
}

/** Whether a secret of Secrets Manager exists and is not being deleted. */
async function hasSecret(aws: Aws, arn: string): Promise<boolean> {
  // arn:partition:secretsmanager:region:account:secret:name-suffix[:json-key:stage:version]
  const parts = arn.split(':');
  const [{ DescribeSecretCommand }, client] = await Promise.all([
    import('./sdk/secrets-manager.ts'),
    secretsManagerClient(aws, parts[3]),
  ]);
  const command = new DescribeSecretCommand({ SecretId: parts.slice(0, 7).join(':') });
  try {
    const { ARN, DeletedDate } = await client.send(command, { abortSignal: aws.options.signal });
    if (ARN === undefined) throw brokenAnswer('secretsmanager:DescribeSecret');
    return DeletedDate === undefined;
  } catch (error) {
    if (awsErrorName(error) === 'ResourceNotFoundException') return false;
    throw error;
  }
}

/** Which of these parameters of Systems Manager exist. */
async function knownParameters(
  aws: Aws,
  names: readonly string[],
  region: string | undefined,
): Promise<ReadonlySet<string>> {
  const [{ DescribeParametersCommand }, client] = await Promise.all([
    import('./sdk/ssm.ts'),
    ssmClient(aws, region),
  ]);
  const known = new Set<string>();
  for (let start = 0; start < names.length; start += NAMES_PER_CALL) {
    const Values = names.slice(start, start + NAMES_PER_CALL);
    let NextToken: string | undefined;
    do {
      const answer = await client.send(
        new DescribeParametersCommand({
          ParameterFilters: [{ Key: 'Name', Option: 'Equals', Values }],
          MaxResults: NAMES_PER_CALL,
          NextToken,
        }),
        { abortSignal: aws.options.signal },
      );
      if (answer.Parameters === undefined) throw brokenAnswer('ssm:DescribeParameters');
      for (const { Name } of answer.Parameters) if (Name !== undefined) known.add(Name);
      NextToken = answer.NextToken;
    } while (NextToken !== undefined);
  }
  return known;
}
