import { parseDenial, wayOutOf } from '../core/iam.ts';
import type { Denial } from '../core/iam.ts';
import { EcsDeployError } from '../errors.ts';

/** What is known about who asks, for messages. */
export interface Caller {
  readonly profile: string | undefined;
}

const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
]);

/** Name of an AWS exception, also under an {@link EcsDeployError} that translates it. */
export function awsErrorName(error: unknown): string {
  const original = error instanceof EcsDeployError ? error.cause : error;
  return original instanceof Error ? original.name : '';
}

/** The message AWS gave, also under an {@link EcsDeployError} that translates it. */
export function awsErrorText(error: unknown): string {
  const original = error instanceof EcsDeployError ? error.cause : error;
  return original instanceof Error ? original.message : String(original);
}

/** Whether AWS may have acted although its answer was lost: a broken connection or a server fault. */
export function isAmbiguous(error: unknown): boolean {
  const original = error instanceof EcsDeployError ? error.cause : error;
  const status = (original as { $metadata?: { httpStatusCode?: number } }).$metadata
    ?.httpStatusCode;
  if (status !== undefined) return status >= 500;
  return isNetworkError(original) || awsErrorName(error) === 'SyntaxError';
}

/** Whether AWS has refused: only then it is certain that a call changed nothing. */
export function isDefinite(error: unknown): boolean {
  return !isAmbiguous(error);
}

/** Whether AWS wants fewer calls. */
export function isThrottling(error: unknown): boolean {
  return /Throttl|TooManyRequests|RequestLimit|SlowDown/.test(awsErrorName(error));
}

/** Whether a later attempt of the same read may succeed: network, throttling, server faults, HTML. */
export function isPassing(error: unknown): boolean {
  return isAmbiguous(error) || isThrottling(error) || /^Unknown(Error)?$/.test(awsErrorName(error));
}

function isNetworkError(error: unknown): boolean {
  const { code, name } = (error ?? {}) as { code?: string; name?: string };
  return NETWORK_CODES.has(code ?? '') || name === 'TimeoutError';
}

/** Turns an error of the SDK into one that names the action, the reason and the way out. */
export function translateAwsError(error: unknown, action: string, caller: Caller): unknown {
  if (error instanceof EcsDeployError || !(error instanceof Error)) return error;
  if (error.name === 'AbortError') return error;
  const { name, message } = error;
  const cause = error;
  const login = loginCommand(message, caller);
  const who = nameOf(caller);
  const fromProvider = /ProviderError/.test(name);
  // "Signature expired" is about the clock of this machine, not about the credentials.
  if (/ExpiredToken/.test(name) || (fromProvider && /\bexpired\b/i.test(message))) {
    return new EcsDeployError({
      code: 'credentials-expired',
      message: `The AWS credentials of ${who} have expired (${message}).`,
      hint: login,
      cause,
    });
  }
  if (
    /UnrecognizedClient|InvalidClientTokenId|InvalidSignature|AuthFailure|IncompleteSignature/.test(
      name,
    )
  ) {
    return new EcsDeployError({
      code: 'credentials-invalid',
      message: `AWS does not accept the credentials of ${who} (${name}: ${message})`,
      hint: /Signature/.test(name)
        ? 'check the secret key, and that the clock of this machine is right'
        : login,
      cause,
    });
  }
  if (/Region is missing/.test(message)) {
    return new EcsDeployError({
      code: 'region-missing',
      message: 'No AWS region is set.',
      hint: 'give --region NAME, set AWS_REGION, or write "region:" in .ecsdeployrc or the profile',
      cause,
    });
  }
  // A provider that cannot read a file, the token of a web identity for one, throws the file's error.
  if (fromProvider || 'path' in error) {
    return credentialsMissing(message, login, caller, cause);
  }
  if (
    /^(AccessDenied|AccessDeniedException|UnauthorizedOperation|UnauthorizedException)$/.test(name)
  ) {
    return denied(message, action, caller, cause);
  }
  if (isNetworkError(error)) {
    return new EcsDeployError({
      code: 'aws-unreachable',
      message: `AWS could not be reached for ${action}: ${message || name}`,
      hint: 'check the network, the region, and AWS_ENDPOINT_URL if it is set',
      cause,
    });
  }
  return new EcsDeployError({
    code: 'aws-rejected',
    message: `AWS refused ${action}: ${message || name} (${name})`,
    cause,
  });
}

/** The refusal that a text of IAM tells of, also one that came through the registry. */
export function permissionDenied(denial: Denial, cause: unknown, who = 'This identity') {
  const { user = who, action, resource, policy, explicit } = denial;
  const why = explicit
    ? `: the ${policy ?? 'policy'} denies it explicitly`
    : policy === undefined
      ? ''
      : `: no ${policy} allows it`;
  return new EcsDeployError({
    code: 'permission-denied',
    message: `${user} may not call ${action}${resource === '*' ? '' : ` on ${resource}`}${why}.`,
    hint: wayOutOf(denial),
    cause,
  });
}

function denied(message: string, action: string, caller: Caller, cause: Error): EcsDeployError {
  const who = `The identity of ${nameOf(caller)}`;
  const unknown = { user: undefined, policy: undefined, policyArn: undefined, explicit: false };
  if (/sts:AssumeRoleWith(?:WebIdentity|SAML)/.test(message)) {
    return new EcsDeployError({
      code: 'credentials-missing',
      message: `The web identity of this job may not assume its role: ${message}`,
      hint: 'let the trust policy of the role name the identity provider, and check its conditions on audience (sts.amazonaws.com) and subject (repository, branch, environment); the role is AWS_ROLE_ARN, or role_arn of the profile',
      cause,
    });
  }
  const denial = parseDenial(message) ?? { ...unknown, action, resource: '*' };
  const error = permissionDenied(denial, cause, who);
  if (!denial.action.startsWith('sts:AssumeRole')) return error;
  // Without the role there are no credentials, and no call can be made at all.
  return new EcsDeployError({
    code: 'credentials-missing',
    message: `${nameOf(caller)} gives no AWS credentials: ${error.message}`.replace(/^./, (first) =>
      first.toUpperCase(),
    ),
    hint: error.hint,
    cause,
  });
}

function nameOf({ profile }: Caller): string {
  return profile === undefined ? 'the standard credential chain' : `profile "${profile}"`;
}

function credentialsMissing(
  message: string,
  login: string,
  { profile }: Caller,
  cause: Error,
): EcsDeployError {
  if (profile !== undefined) {
    return new EcsDeployError({
      code: 'credentials-missing',
      // The command line of a credential_process may hold what nobody else should read.
      message: `The profile "${profile}" gives no AWS credentials: ${message
        .replace(/^Command failed: .*\n?/, 'its credential_process failed: ')
        .trim()
        .replace(/:$/, '.')}`,
      hint: login,
      cause,
    });
  }
  const found = /Could not load credentials from any providers/.test(message);
  return new EcsDeployError({
    code: 'credentials-missing',
    message: found ? 'No AWS credentials were found.' : `No AWS credentials: ${message}`,
    hint: 'name a profile of ~/.aws (--profile NAME, AWS_PROFILE), run `aws configure` or `aws sso login`, or let the CI job assume a role',
    cause,
  });
}

/** The command that mends credentials, by what their provider says. */
function loginCommand(message: string, { profile }: Caller): string {
  const suffix = profile === undefined ? '' : ` --profile ${profile}`;
  const source = /credentials using profile: \[([^\]]+)\]/.exec(message)?.[1];
  if (source !== undefined && source !== profile) {
    return `its source_profile "${source}" is not there or holds no keys: mend it in ~/.aws/config, or aws configure --profile ${source}`;
  }
  if (/\bSSO\b|sso login/i.test(message)) return `run: aws sso login${suffix}`;
  if (/aws login/.test(message)) return `run: aws login${suffix}`;
  if (/multi-factor/.test(message)) {
    return 'run it on a terminal, where the MFA code can be asked for';
  }
  if (/Command failed|credential_process/.test(message)) {
    return `run the credential_process of the profile by hand, or see: aws configure list${suffix}`;
  }
  if (/cycle/.test(message)) return 'mend source_profile in ~/.aws/config';
  if (profile === undefined) {
    return 'renew them (in CI: assume the role again), or name another profile with --profile NAME';
  }
  return `run: aws configure${suffix}, or aws sso login${suffix} for an SSO profile`;
}
