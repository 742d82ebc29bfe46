import { parseDenial, wayOutOf } from '../core/iam.ts';
import type { Denial } from '../core/iam.ts';
import { scrub } from '../core/redact.ts';
import { EcsDeployError } from '../errors.ts';

/** What is known about a call that failed. */
export interface Call {
  readonly profile: string | undefined;
  /** A request was sent, and AWS may have acted on it: no attempt's answer says that it did not. */
  readonly isLost?: boolean;
}

/** The members that errors of the SDK and of Node have. */
interface Foreign {
  readonly name?: string;
  readonly code?: string;
  /** Which side AWS blames; only a whole exception of AWS has it. */
  readonly $fault?: 'client' | 'server';
  readonly $metadata?: { readonly httpStatusCode?: number };
  /** The name of an exception in the body of its answer. */
  readonly __type?: unknown;
  /** There when something answered. */
  readonly $response?: unknown;
}

/** Errors behind which a request may have reached AWS. */
const LOST = new WeakSet<object>();

/** The error that an {@link EcsDeployError} translates. */
function originOf(error: unknown): unknown {
  return error instanceof EcsDeployError && error.cause !== undefined
    ? originOf(error.cause)
    : error;
}

/** Name of an AWS exception, also under an {@link EcsDeployError} that translates it. */
export function awsErrorName(error: unknown): string {
  const origin = originOf(error);
  return origin instanceof Error ? origin.name : '';
}

/** The message AWS gave without secrets, also under an {@link EcsDeployError} that translates it. */
export function awsErrorText(error: unknown): string {
  const origin = originOf(error);
  const text = origin instanceof Error ? origin.message || origin.name : String(origin);
  return scrub(
    text
      .replace(/\s*Deserialization error: to see the raw response[^]*$/, '')
      // The command line of a credential_process can hold secrets.
      .replaceAll(/Command failed: [^\n]*\n?/g, 'its credential_process failed: ')
      .trim()
      .replace(/:$/, '.'),
  );
}

/** Whether AWS certainly did not act: it refused the call, or the call was never sent. */
export function isDefinite(error: unknown): boolean {
  if (!(error instanceof EcsDeployError) || error.code === 'aws-answer-broken') return false;
  const { cause } = error;
  return cause instanceof EcsDeployError
    ? isDefinite(cause)
    : cause === undefined || !LOST.has(cause as object);
}

/** Whether AWS wants fewer calls. */
export function isThrottling(error: unknown): boolean {
  return /Throttl|TooManyRequests|RequestLimit|SlowDown/.test(awsErrorName(error));
}

/** Whether a later attempt of the same read may succeed: no whole answer, throttling, server faults. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof EcsDeployError)) return false;
  const status = (originOf(error) as Foreign).$metadata?.httpStatusCode ?? 0;
  return (
    error.code === 'aws-unreachable' ||
    error.code === 'aws-answer-broken' ||
    isThrottling(error) ||
    status >= 500
  );
}

/**
 * Whether an error of the SDK is a whole exception of AWS that says: this call is not carried out.
 * Only AWS writes `__type`; gateways answer with a `code`, and a header survives a lost body.
 */
export function isRefusal(error: unknown): boolean {
  const { $metadata, __type } = error as Foreign;
  const status = $metadata?.httpStatusCode ?? 0;
  return isException(error as Foreign) && __type !== undefined && status >= 400 && status < 500;
}

/** Whether something answered, but not with an answer of AWS. */
export function isBrokenAnswer(error: unknown): boolean {
  const { code = '', $response } = error as Foreign;
  return !isException(error as Foreign) && ($response !== undefined || code.startsWith('HPE_'));
}

function isException({ name = '', $fault }: Foreign): boolean {
  return $fault !== undefined && /^(?!Unknown(?:Error)?$)[A-Z][\w.]*$/i.test(name);
}

const BROKEN_HINT =
  'check the network for a proxy that answers in place of AWS, and AWS_ENDPOINT_URL if it is set';

const NETWORK_CODES =
  /^(E(CONN|HOST|NET|PIPE|PROTO|TIMEDOUT|AI_AGAIN|NOTFOUND)|CERT_|ERR_(TLS|SSL)|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO)/;

/** Codes of certificates that no trusted CA has signed. */
const UNTRUSTED =
  /^(SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|CERT_UNTRUSTED)/;

function isNetworkError(error: unknown): boolean {
  const { code = '', name } = error as Foreign;
  return NETWORK_CODES.test(code) || name === 'TimeoutError';
}

/** Turns an error of the SDK into one that names the action, the reason and the way out. */
export function translateAwsError(error: unknown, action: string, call: Call): unknown {
  if (call.isLost === true) LOST.add(error as object);
  if (error instanceof EcsDeployError || !(error instanceof Error)) return error;
  const { name } = error;
  if (name === 'AbortError') return error;
  const message = awsErrorText(error);
  const cause = error;
  const login = loginCommand(message, call);
  const who = nameOf(call);
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
      hint: 'set one with --region NAME, AWS_REGION, or "region:" in .ecsdeployrc or the profile',
      cause,
    });
  }
  if ('code' in error && error.code === 'ERR_INVALID_URL') {
    return new EcsDeployError({
      code: 'config-invalid',
      message: `The endpoint for ${action} is not a URL${'input' in error ? `: "${scrub(String(error.input))}"` : ''}.`,
      hint: 'fix endpoint_url in ~/.aws/config',
      cause,
    });
  }
  if ('proxyVariable' in error) {
    return new EcsDeployError({
      code: 'aws-unreachable',
      message: `Cannot reach AWS for ${action}: ${message}`,
      hint: `check ${String(error.proxyVariable)} (http://USER:PASSWORD@HOST:PORT), or list the hosts to reach without a proxy in NO_PROXY`,
      cause,
    });
  }
  if (UNTRUSTED.test(String((error as Foreign).code))) {
    return new EcsDeployError({
      code: 'aws-unreachable',
      message: `Cannot reach AWS for ${action}: ${message}`,
      hint: 'if your network inspects TLS, set AWS_CA_BUNDLE=FILE, or ca_bundle in the AWS profile, to its CA certificates in PEM format',
      cause,
    });
  }
  // A provider that cannot read a file, such as the token of a web identity, throws the file's error.
  if (fromProvider || 'path' in error) {
    return credentialsMissing(message, login, call, cause);
  }
  if (
    /^(AccessDenied|AccessDeniedException|UnauthorizedOperation|UnauthorizedException)$/.test(name)
  ) {
    return denied(message, action, call, cause);
  }
  if (isBrokenAnswer(error)) {
    const status = (error as Foreign).$metadata?.httpStatusCode;
    return new EcsDeployError({
      code: 'aws-answer-broken',
      message: `The answer to ${action} is incomplete or not from AWS (${status === undefined ? '' : `status ${status}, `}${message}).`,
      hint: BROKEN_HINT,
      cause,
    });
  }
  if (isNetworkError(error)) {
    return new EcsDeployError({
      code: 'aws-unreachable',
      message: `Cannot reach AWS for ${action}: ${message}`,
      hint: 'check the network and the region, and HTTPS_PROXY and AWS_ENDPOINT_URL if they are set',
      cause,
    });
  }
  return new EcsDeployError({
    code: 'aws-rejected',
    message: `AWS rejected ${action}: ${message} (${name})`,
    cause,
  });
}

/** An answer of AWS that lacks what every answer to this call has. */
export function brokenAnswer(action: string): EcsDeployError {
  return new EcsDeployError({
    code: 'aws-answer-broken',
    message: `The answer to ${action} is incomplete or not from AWS.`,
    hint: BROKEN_HINT,
  });
}

/** The error for a denial of IAM, also for one that came through the registry. */
export function permissionDenied(
  denial: Denial,
  cause: unknown,
  { who = 'This identity', call }: { readonly who?: string; readonly call?: string } = {},
) {
  const { user = who, action, resource, policy, explicit } = denial;
  const why = explicit
    ? `: the ${policy ?? 'policy'} denies it explicitly`
    : policy === undefined
      ? ''
      : `: no ${policy} allows it`;
  return new EcsDeployError({
    code: 'permission-denied',
    message: `${user} is not authorized to call ${action}${resource === '*' ? '' : ` on ${resource}`}${why}.`,
    hint: wayOutOf(denial, call),
    cause,
  });
}

/** The error for an ARN of the account `there`, with credentials of the account `own`. */
export function arnElsewhere(arn: string, there: string, own: string, cause?: unknown) {
  return new EcsDeployError({
    code: 'arn-elsewhere',
    message: `${arn} is in account ${there}, but the credentials are for account ${own}.`,
    hint: `use credentials of account ${there} (--profile NAME), or give the name instead of the ARN`,
    cause,
  });
}

function denied(message: string, action: string, call: Call, cause: Error): EcsDeployError {
  const who = `The identity of ${nameOf(call)}`;
  const unknown = { user: undefined, policy: undefined, policyArn: undefined, explicit: false };
  if (/sts:AssumeRoleWith(?:WebIdentity|SAML)/.test(message)) {
    return new EcsDeployError({
      code: 'credentials-missing',
      message: `The web identity of this job cannot assume its role: ${message}`,
      hint: 'name the identity provider in the trust policy of the role, and check its conditions on audience (sts.amazonaws.com) and subject (repository, branch, environment); the role is AWS_ROLE_ARN, or role_arn of the profile',
      cause,
    });
  }
  const denial = parseDenial(message) ?? { ...unknown, action, resource: '*' };
  const { user = '', resource } = denial;
  const own = user.split(':')[4];
  const there = /^arn:[\w-]+:ecs:[^:]*:(\d{12}):/.exec(resource)?.[1];
  // Resources of ECS have no policies that could allow it.
  if (own !== undefined && there !== undefined && own !== there) {
    return arnElsewhere(resource, there, own, cause);
  }
  const error = permissionDenied(denial, cause, { who, call: action });
  if (!denial.action.startsWith('sts:AssumeRole')) return error;
  // Without the role there are no credentials, and no call can be made at all.
  return new EcsDeployError({
    code: 'credentials-missing',
    message: `${nameOf(call)} gives no AWS credentials: ${error.message}`.replace(/^./, (first) =>
      first.toUpperCase(),
    ),
    hint: error.hint,
    cause,
  });
}

function nameOf({ profile }: Call): string {
  return profile === undefined ? 'the standard credential chain' : `profile "${profile}"`;
}

function credentialsMissing(
  message: string,
  login: string,
  { profile }: Call,
  cause: Error,
): EcsDeployError {
  if (profile !== undefined) {
    return new EcsDeployError({
      code: 'credentials-missing',
      message: `The profile "${profile}" gives no AWS credentials: ${message}`,
      hint: login,
      cause,
    });
  }
  const isEmpty = /Could not load credentials from any providers/.test(message);
  return new EcsDeployError({
    code: 'credentials-missing',
    message: isEmpty ? 'No AWS credentials were found.' : `No AWS credentials: ${message}`,
    hint: 'name a profile of ~/.aws (--profile NAME, AWS_PROFILE), run `aws configure` or `aws sso login`, or let the CI job assume a role',
    cause,
  });
}

/** The command that renews the credentials, by what their provider says. */
function loginCommand(message: string, { profile }: Call): string {
  const suffix = profile === undefined ? '' : ` --profile ${profile}`;
  const source = /credentials using profile: \[([^\]]+)\]/.exec(message)?.[1];
  if (source !== undefined && source !== profile) {
    return `its source_profile "${source}" does not exist or has no keys: fix it in ~/.aws/config, or run: aws configure --profile ${source}`;
  }
  if (/aws login|login_session|Failed to load token from/.test(message))
    return `run: aws login${suffix}`;
  if (/\bSSO\b|sso login/i.test(message)) return `run: aws sso login${suffix}`;
  if (/multi-factor/.test(message)) {
    return 'run the command in a terminal, which can ask for the MFA code';
  }
  if (/credential_process/.test(message)) {
    return `run the credential_process of the profile by hand, or see: aws configure list${suffix}`;
  }
  if (/cycle/.test(message)) return 'fix source_profile in ~/.aws/config';
  if (profile === undefined) {
    return 'renew them (in CI: assume the role again), or name another profile with --profile NAME';
  }
  return `run: aws configure${suffix}, or aws sso login${suffix} for an SSO profile`;
}
