import { stsClient } from './client.ts';
import type { Aws } from './client.ts';
import { brokenAnswer } from './errors.ts';

/** Who the credentials belong to. */
export interface Identity {
  readonly account: string;
  /** Of the user or the assumed role. */
  readonly arn: string;
}

/** Asks STS, which no policy can deny. */
export async function callerIdentity(aws: Aws): Promise<Identity> {
  const [{ GetCallerIdentityCommand }, client] = await Promise.all([
    import('./sdk/sts.ts'),
    stsClient(aws),
  ]);
  const { Account: account, Arn: arn } = await client.send(new GetCallerIdentityCommand({}), {
    abortSignal: aws.options.signal,
  });
  if (account === undefined || arn === undefined) throw brokenAnswer('sts:GetCallerIdentity');
  return { account, arn };
}
