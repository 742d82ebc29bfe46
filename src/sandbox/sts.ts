import type { Operations } from './wire.ts';

const SESSION_SECONDS = 3600;

/** The operations of STS that a credential chain uses; every role can be assumed. */
export function createSts(account: string): Operations {
  const credentials = (seconds: unknown) => ({
    AccessKeyId: 'ASIASANDBOX',
    SecretAccessKey: 'sandbox',
    SessionToken: 'sandbox',
    Expiration: new Date(Date.now() + Number(seconds ?? SESSION_SECONDS) * 1000).toISOString(),
  });
  const assumeRole: Operations[string] = ({ RoleArn, RoleSessionName, DurationSeconds }) => {
    const [, owner = account, path = 'sandbox'] =
      /^arn:[\w-]+:iam::(\d{12}):role\/(.+)$/.exec(String(RoleArn)) ?? [];
    const session = `${path.split('/').at(-1)}/${String(RoleSessionName ?? 'session')}`;
    return {
      Credentials: credentials(DurationSeconds),
      AssumedRoleUser: {
        AssumedRoleId: `AROASANDBOX:${String(RoleSessionName ?? 'session')}`,
        Arn: `arn:aws:sts::${owner}:assumed-role/${session}`,
      },
    };
  };
  return {
    AssumeRole: assumeRole,
    AssumeRoleWithWebIdentity: assumeRole,
    GetAccessKeyInfo: () => ({ Account: account }),
    GetCallerIdentity: () => ({
      Arn: `arn:aws:iam::${account}:user/sandbox`,
      UserId: 'AIDASANDBOX',
      Account: account,
    }),
    GetSessionToken: ({ DurationSeconds }) => ({ Credentials: credentials(DurationSeconds) }),
  };
}
