import type { Ecs } from './ecs.ts';
import { callSigned } from './signed.ts';

/** Who the credentials belong to. */
export interface Identity {
  readonly account: string;
  /** Of the user or the assumed role. */
  readonly arn: string;
}

/** Asks STS, which nobody can be denied. */
export async function callerIdentity(ecs: Ecs): Promise<Identity> {
  const call = { service: 'sts', operation: 'GetCallerIdentity', input: {} } as const;
  const answer = await callSigned(ecs, call);
  const member = (name: string) => new RegExp(`<${name}>([^<]+)`).exec(answer)?.[1] ?? '';
  return { account: member('Account'), arn: member('Arn') };
}
