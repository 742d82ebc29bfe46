import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ECRClient } from '@aws-sdk/client-ecr';
import type { ECSClient } from '@aws-sdk/client-ecs';
import type { AwsCredentialIdentityProvider } from '@smithy/types';
import { suggest } from '../core/nearest.ts';
import { EcsDeployError } from '../errors.ts';
import { translateAwsError } from './errors.ts';

/** One finished API call; `failure` is the exception's name. */
export interface ApiCallReport {
  readonly action: string;
  readonly milliseconds: number;
  readonly failure: string | undefined;
}

/** What a connection to AWS is made of. */
export interface AwsOptions {
  /** Named profile; empty for the standard chain; undefined for `AWS_PROFILE`, else the chain. */
  readonly profile: string | undefined;
  readonly region: string | undefined;
  readonly environment: Record<string, string | undefined>;
  readonly ask: ((question: string) => Promise<string>) | undefined;
  readonly onCall: (call: ApiCallReport) => void;
  readonly signal: AbortSignal;
}

/** Settings that every client of a run shares. */
export interface Aws {
  readonly options: AwsOptions;
  /** Calls that were made so far. */
  readonly calls: () => number;
  readonly profile: string | undefined;
  readonly region: string | undefined;
  readonly credentials: AwsCredentialIdentityProvider;
}

/**
 * Chooses credentials and region for a run; nothing is asked of AWS yet.
 *
 * A named profile is also put into `AWS_PROFILE`: the SDK reads a profile's `endpoint_url` from
 * there only (ecs-facts 1.6). Throws `profile-unknown`.
 */
export async function connect(given: AwsOptions): Promise<Aws> {
  let calls = 0;
  const options: AwsOptions = {
    ...given,
    onCall: (call) => {
      calls += 1;
      given.onCall(call);
    },
  };
  const { environment } = options;
  const profile = (options.profile ?? environment['AWS_PROFILE']) || undefined;
  if (options.profile === '') delete environment['AWS_PROFILE'];
  if (profile !== undefined) {
    checkProfile(profile, environment);
    environment['AWS_PROFILE'] = profile;
  }
  const { fromIni, fromNodeProviderChain } = await import('@aws-sdk/credential-providers');
  const { ask } = options;
  const mfaCodeProvider =
    ask === undefined ? undefined : (serial: string) => ask(`MFA code of ${serial}: `);
  const credentials =
    profile === undefined
      ? fromNodeProviderChain({ ...(mfaCodeProvider && { mfaCodeProvider }) })
      : fromIni({ profile, ...(mfaCodeProvider && { mfaCodeProvider }) });
  return {
    options,
    calls: () => calls,
    profile,
    // The SDK knows AWS_REGION only; CI images often set the AWS CLI's variable.
    region: options.region ?? environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'],
    credentials: memoise(credentials),
  };
}

/** Credentials are taken for expired this long before they are, as the SDK does. */
const EARLY_MILLISECONDS = 300_000;

/** Clients of one run share one resolution of the credentials, so that an MFA code is asked for once. */
function memoise(provider: AwsCredentialIdentityProvider): AwsCredentialIdentityProvider {
  let current: ReturnType<AwsCredentialIdentityProvider> | undefined;
  let expires = Infinity;
  return (properties) => {
    if (current !== undefined && Date.now() < expires - EARLY_MILLISECONDS) return current;
    expires = Infinity;
    current = provider(properties).then(
      (identity) => {
        expires = identity.expiration?.getTime() ?? Infinity;
        return identity;
      },
      (error: unknown) => {
        current = undefined;
        throw error;
      },
    );
    return current;
  };
}

function checkProfile(profile: string, environment: AwsOptions['environment']): void {
  const folder = join(homedir(), '.aws');
  const files = [
    environment['AWS_CONFIG_FILE'] ?? join(folder, 'config'),
    environment['AWS_SHARED_CREDENTIALS_FILE'] ?? join(folder, 'credentials'),
  ];
  const known = new Set(files.flatMap((file) => profilesOf(file)));
  if (known.has(profile)) return;
  throw new EcsDeployError({
    code: 'profile-unknown',
    message: `The profile "${profile}" is neither in ${files.join(' nor in ')}.`,
    hint: `${suggest(profile, [...known], 'profiles')}; name one with --profile, or create it: aws configure --profile ${profile}`,
  });
}

function profilesOf(file: string): string[] {
  try {
    const sections = readFileSync(file, 'utf8').matchAll(
      /^\s*\[\s*(?:profile\s+)?([^\]]+?)\s*\]/gm,
    );
    return [...sections].flatMap(([, name]) =>
      name === undefined || /^(sso-session|services) /.test(name) ? [] : [name],
    );
  } catch {
    return [];
  }
}

/** HTTP limits: the SDK has none of its own, and a lost packet must not hang a deploy (ecs-facts 1.4). */
const REQUEST_HANDLER = { connectionTimeout: 5000, requestTimeout: 30_000 };

function clientConfig(aws: Aws, region: string | undefined) {
  return {
    credentials: aws.credentials,
    requestHandler: REQUEST_HANDLER,
    ...((region ?? aws.region) === undefined ? {} : { region: region ?? aws.region }),
  };
}

/** An ECS client of the run's region; `maxAttempts` 1 for calls that must not be repeated blindly. */
export async function ecsClient(aws: Aws, maxAttempts = 4): Promise<ECSClient> {
  const { ECSClient } = await import('@aws-sdk/client-ecs');
  return observed(new ECSClient({ ...clientConfig(aws, undefined), maxAttempts }), 'ecs', aws);
}

/** An ECR client of the run's region, or of the region that a registry host names. */
export async function ecrClient(aws: Aws, region?: string): Promise<ECRClient> {
  const { ECRClient } = await import('@aws-sdk/client-ecr');
  return observed(new ECRClient({ ...clientConfig(aws, region), maxAttempts: 4 }), 'ecr', aws);
}

/** Reports every call, and translates every error where the action is known. */
function observed<C extends ECSClient | ECRClient>(client: C, service: string, aws: Aws): C {
  const stack: Pick<ECSClient['middlewareStack'], 'add'> = client.middlewareStack;
  stack.add(
    (next, context) => async (args) => {
      const action = `${service}:${String(context.commandName).replace(/Command$/, '')}`;
      const start = performance.now();
      const report = (failure: string | undefined) =>
        aws.options.onCall({
          action,
          milliseconds: Math.round(performance.now() - start),
          failure,
        });
      try {
        const result = await next(args);
        report(undefined);
        return result;
      } catch (error) {
        report(error instanceof Error ? error.name : 'Error');
        throw translateAwsError(error, action, { profile: aws.profile });
      }
    },
    { step: 'initialize', priority: 'high', name: 'ecsdeployObserved' },
  );
  return client;
}
