import { homedir } from 'node:os';
import { join } from 'node:path';
import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import type { CodeDeployClient } from '@aws-sdk/client-codedeploy';
import type { ECRClient } from '@aws-sdk/client-ecr';
import type { ECSClient } from '@aws-sdk/client-ecs';
import type { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import type { SchedulerClient } from '@aws-sdk/client-scheduler';
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { SSMClient } from '@aws-sdk/client-ssm';
import type { STSClient } from '@aws-sdk/client-sts';
import type { NodeHttpHandler } from '@smithy/node-http-handler';
import type { AwsCredentialIdentityProvider } from '@smithy/types';
import { suggest } from '../core/nearest.ts';
import type { Place } from '../core/ecs.ts';
import { EcsDeployError } from '../errors.ts';
import { isBrokenAnswer, isRefusal, translateAwsError } from './errors.ts';

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
  /** Milliseconds that one attempt of a call may take, its answer included; 30,000 by default. */
  readonly callTimeout?: number;
}

/** Settings that every client of a run shares. */
export interface Aws {
  readonly options: AwsOptions;
  /** Calls that were made so far. */
  readonly calls: () => number;
  readonly profile: string | undefined;
  readonly region: string | undefined;
  /** Of services with a region or a profile of their own; undefined for the run's. */
  readonly place?: Place | undefined;
  readonly credentials: AwsCredentialIdentityProvider;
  readonly requestHandler: NodeHttpHandler;
  /** Milliseconds by which the clock of AWS is ahead of this machine's, from the last answer. */
  readonly clock: { offset: number };
  /** Clients that are open, by service and region. */
  readonly clients: Map<string, unknown>;
}

/**
 * Chooses credentials and region for a run; makes no call yet.
 *
 * A named profile is also put into `AWS_PROFILE`: the SDK reads a profile's `endpoint_url` from
 * there only (docs/explanation/how-ecs-behaves.md#endpoints-and-profiles). Throws `profile-unknown`
 * and `config-invalid`.
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
  checkEndpoints(environment);
  const profile = (options.profile ?? environment['AWS_PROFILE']) || undefined;
  if (options.profile === '') delete environment['AWS_PROFILE'];
  if (profile !== undefined) environment['AWS_PROFILE'] = profile;
  return {
    options,
    calls: () => calls,
    profile,
    region: regionIn(options),
    ...(await identify(options, profile)),
    clock: { offset: 0 },
    clients: new Map(),
  };
}

/**
 * Connects with the region and the profile of a service. Clock and count of calls are the run's, and
 * so are the credentials where the profile is the same. Throws `profile-unknown`.
 */
export async function connectAt(aws: Aws, place: Place): Promise<Aws> {
  const options = { ...aws.options, ...place };
  const at = { ...aws, options, place, region: regionIn(options) };
  // Clients are known by their regions.
  if (place.profile === aws.options.profile) return at;
  const profile = place.profile || undefined;
  return { ...at, profile, ...(await identify(options, profile)), clients: new Map() };
}

/** The SDK knows AWS_REGION only; CI images often set the AWS CLI's variable. */
function regionIn({ region, environment }: AwsOptions): string | undefined {
  return region ?? environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'];
}

/** The credentials of a profile, and what sends the calls. */
async function identify(
  { environment, ask, callTimeout = 30_000 }: AwsOptions,
  profile: string | undefined,
): Promise<Pick<Aws, 'credentials' | 'requestHandler'>> {
  const [{ fromIni, fromNodeProviderChain }, { httpHandler, networkOf, SILENT }, section] =
    await Promise.all([
      import('@aws-sdk/credential-providers'),
      import('./http.ts'),
      readProfile(profile, environment),
    ]);
  const network = await networkOf(environment, section['ca_bundle']);
  const requestHandler = httpHandler(callTimeout, network);
  const mfaCodeProvider =
    ask === undefined ? undefined : (serial: string) => ask(`MFA code for ${serial}: `);
  const init = {
    logger: SILENT,
    // For the calls that credentials are made of, as to STS and SSO.
    clientConfig: { requestHandler },
    ...(mfaCodeProvider && { mfaCodeProvider }),
  };
  const credentials =
    profile === undefined ? fromNodeProviderChain(init) : fromIni({ profile, ...init });
  return { credentials: memoise(credentials), requestHandler };
}

/** The time of the server's clock. */
export function serverTime({ clock }: Pick<Aws, 'clock'>): Date {
  return new Date(Date.now() + clock.offset);
}

/** Credentials count as expired this long before they expire, as in the SDK. */
const EARLY_MILLISECONDS = 300_000;

/** All clients share one resolution of the credentials, so that an MFA code is asked for once. */
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

function checkEndpoints(environment: AwsOptions['environment']): void {
  for (const [name, value] of Object.entries(environment)) {
    if (!/^AWS_ENDPOINT_URL(?:_|$)/.test(name) || !value) continue;
    if (/^https?:\/\//i.test(value) && URL.canParse(value)) continue;
    throw new EcsDeployError({
      code: 'config-invalid',
      message: `${name} is not a URL: "${value}".`,
      hint: `set it to a URL such as http://127.0.0.1:4566, or unset ${name}`,
    });
  }
}

/** The shared config and credentials files: the sections of each, and the paths. */
async function readSharedFiles(environment: AwsOptions['environment']) {
  const { loadSharedConfigFiles } = await import('@smithy/core/config');
  const folder = join(homedir(), '.aws');
  const configFilepath = environment['AWS_CONFIG_FILE'] ?? join(folder, 'config');
  const filepath = environment['AWS_SHARED_CREDENTIALS_FILE'] ?? join(folder, 'credentials');
  const { configFile, credentialsFile } = await loadSharedConfigFiles({ configFilepath, filepath });
  // The loader gives sections of other kinds as "sso-session.NAME" and "services.NAME".
  const configured = Object.keys(configFile).filter(
    (key) => !/^(sso-session|services)\./.test(key),
  );
  const names = [...new Set([...configured, ...Object.keys(credentialsFile)])];
  return { configFile, credentialsFile, configFilepath, filepath, names };
}

/** The names of the profiles. */
export async function profileNames(
  environment: AwsOptions['environment'],
): Promise<readonly string[]> {
  return (await readSharedFiles(environment)).names;
}

/** The settings of a profile, by default of "default"; throws `profile-unknown`. */
async function readProfile(
  profile: string | undefined,
  environment: AwsOptions['environment'],
): Promise<Readonly<Record<string, string | undefined>>> {
  const {
    configFile,
    credentialsFile,
    configFilepath,
    filepath,
    names: known,
  } = await readSharedFiles(environment);
  const name = profile ?? 'default';
  const section = { ...credentialsFile[name], ...configFile[name] };
  if (profile === undefined || known.includes(profile)) return section;
  throw new EcsDeployError({
    code: 'profile-unknown',
    message: `The profile "${profile}" is neither in ${configFilepath} nor in ${filepath}.`,
    hint: `${suggest(profile, known, 'profiles')}; name one with --profile, or create it: aws configure --profile ${profile}`,
  });
}

/** An ECS client of the run's region; `maxAttempts` 1 for calls that must not be repeated blindly. */
export function ecsClient(aws: Aws, maxAttempts = 4): Promise<ECSClient> {
  return open(aws, 'ecs', { maxAttempts }, async (config) => {
    const { ECSClient } = await import('./sdk/ecs.ts');
    return new ECSClient(config);
  });
}

/** An ECR client of the run's region, or of the region that a registry host names. */
export function ecrClient(aws: Aws, region?: string): Promise<ECRClient> {
  return open(aws, 'ecr', { region }, async (config) => {
    const { ECRClient } = await import('./sdk/ecr.ts');
    return new ECRClient(config);
  });
}

/** A CloudWatch Logs client of the run's region, or of the one named. */
export function logsClient(aws: Aws, region?: string): Promise<CloudWatchLogsClient> {
  return open(aws, 'logs', { region }, async (config) => {
    const { CloudWatchLogsClient } = await import('./sdk/logs.ts');
    return new CloudWatchLogsClient(config);
  });
}

/** An Elastic Load Balancing client of the run's region. */
export function loadBalancingClient(aws: Aws): Promise<ElasticLoadBalancingV2Client> {
  return open(aws, 'elasticloadbalancing', {}, async (config) => {
    const { ElasticLoadBalancingV2Client } = await import('./sdk/load-balancers.ts');
    return new ElasticLoadBalancingV2Client(config);
  });
}

/** A Secrets Manager client of the run's region, or of the one named. */
export function secretsManagerClient(aws: Aws, region?: string): Promise<SecretsManagerClient> {
  return open(aws, 'secretsmanager', { region }, async (config) => {
    const { SecretsManagerClient } = await import('./sdk/secrets-manager.ts');
    return new SecretsManagerClient(config);
  });
}

/** A Systems Manager client of the run's region, or of the one named. */
export function ssmClient(aws: Aws, region?: string): Promise<SSMClient> {
  return open(aws, 'ssm', { region }, async (config) => {
    const { SSMClient } = await import('./sdk/ssm.ts');
    return new SSMClient(config);
  });
}

/** A CodeDeploy client of the run's region; `maxAttempts` as for {@link ecsClient}. */
export function codeDeployClient(aws: Aws, maxAttempts = 4): Promise<CodeDeployClient> {
  return open(aws, 'codedeploy', { maxAttempts }, async (config) => {
    const { CodeDeployClient } = await import('./sdk/codedeploy.ts');
    return new CodeDeployClient(config);
  });
}

/** An EventBridge client of the run's region. */
export function eventsClient(aws: Aws): Promise<EventBridgeClient> {
  return open(aws, 'events', {}, async (config) => {
    const { EventBridgeClient } = await import('./sdk/events.ts');
    return new EventBridgeClient(config);
  });
}

/** A client of EventBridge Scheduler in the run's region. */
export function schedulerClient(aws: Aws): Promise<SchedulerClient> {
  return open(aws, 'scheduler', {}, async (config) => {
    const { SchedulerClient } = await import('./sdk/scheduler.ts');
    return new SchedulerClient(config);
  });
}

/** An STS client of the run's region. */
export function stsClient(aws: Aws): Promise<STSClient> {
  return open(aws, 'sts', {}, async (config) => {
    const { STSClient } = await import('./sdk/sts.ts');
    return new STSClient(config);
  });
}

type AnyClient = Pick<ECSClient, 'middlewareStack'> & { readonly config: object };

interface ClientPlace {
  /** The run's own when undefined. */
  readonly region?: string | undefined;
  readonly maxAttempts?: number;
}

/** Opens a client once for each service, region and number of attempts. */
async function open<C extends { readonly config: object }>(
  aws: Aws,
  service: string,
  { region = aws.region, maxAttempts = 4 }: ClientPlace,
  make: (config: ReturnType<typeof configOf>) => Promise<C>,
): Promise<C> {
  if (region !== aws.region) checkRegion(region);
  const key = `${service} ${region} ${maxAttempts}`;
  const opened = aws.clients.get(key) as Promise<C> | undefined;
  if (opened !== undefined) return opened;
  const opening = make(configOf(aws, region, maxAttempts)).then(async (client) => {
    observe(client as unknown as AnyClient, service, aws);
    if (isElsewhere(aws)) await useProfileEndpoint(client.config, aws);
    return client;
  });
  aws.clients.set(key, opening);
  return opening;
}

function configOf(aws: Aws, region: string | undefined, maxAttempts: number) {
  const { credentials, requestHandler, profile } = aws;
  return {
    credentials,
    requestHandler,
    maxAttempts,
    ...(region === undefined ? {} : { region }),
    ...(isElsewhere(aws) && profile !== undefined && { profile }),
  };
}

/** Whether the profile is another one than the run's, which the SDK reads in AWS_PROFILE. */
function isElsewhere({ place, options, profile }: Aws): boolean {
  return place !== undefined && profile !== (options.environment['AWS_PROFILE'] || undefined);
}

/**
 * Gives a client the configured endpoint of its profile, with the SDK's precedence: the SDK itself reads
 * that of AWS_PROFILE only.
 */
async function useProfileEndpoint(config: object, { profile }: Aws): Promise<void> {
  const { booleanSelector, loadConfig, SelectorType } = await import('@smithy/core/config');
  const { serviceId } = config as { readonly serviceId: string };
  const name = serviceId.replaceAll(' ', '_');
  const at = profile === undefined ? {} : { profile };
  const ignored = loadConfig(
    {
      environmentVariableSelector: (variables) =>
        booleanSelector(variables, 'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS', SelectorType.ENV),
      configFileSelector: (section) =>
        booleanSelector(section, 'ignore_configured_endpoint_urls', SelectorType.CONFIG),
      default: false,
    },
    at,
  );
  const configured = loadConfig<string | undefined>(
    {
      environmentVariableSelector: (variables) =>
        variables[`AWS_ENDPOINT_URL_${name.toUpperCase()}`] ||
        variables['AWS_ENDPOINT_URL'] ||
        undefined,
      configFileSelector: (section, file) =>
        file?.[`services.${section['services']}`]?.[`${name.toLowerCase()}.endpoint_url`] ||
        section['endpoint_url'] ||
        undefined,
      default: undefined,
    },
    at,
  );
  const serviceConfiguredEndpoint = async () => ((await ignored()) ? undefined : configured());
  Object.assign(config, { serviceConfiguredEndpoint });
}

/** A region out of a file, an ARN or an answer becomes a part of a host name that gets signed calls. */
function checkRegion(region: string | undefined): void {
  if (region === undefined || /^[a-z]{2,5}(-[a-z]+)+-\d+$/.test(region)) return;
  throw new EcsDeployError({
    code: 'task-definition-invalid',
    message: `"${region}" is not an AWS region.`,
    hint: 'fix the region in the log configuration or in the ARN of the task definition',
  });
}

/** Shares the clock, reports every call, and translates every error where the action is known. */
function observe({ config, middlewareStack }: AnyClient, service: string, aws: Aws): void {
  Object.defineProperty(config, 'systemClockOffset', {
    get: () => aws.clock.offset,
    set: (offset: number) => {
      aws.clock.offset = offset;
    },
  });
  // It prepares every input and answer for a log that nobody reads.
  middlewareStack.remove('loggerMiddleware');
  middlewareStack.add(
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
        throw translateAwsError(error, action, {
          profile: aws.profile,
          isLost: context['ecsdeployLost'] === true,
        });
      }
    },
    { step: 'initialize', priority: 'high', name: 'ecsdeployObserved' },
  );
  middlewareStack.add(
    (next, context) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        // A later attempt may be refused definitely: AWS may have acted on this one all the same.
        if (!isRefusal(error)) context['ecsdeployLost'] = true;
        // The SDK repeats calls whose connection broke, but not those whose answer did.
        if (isBrokenAnswer(error)) Object.assign(error as object, { $retryable: {} });
        throw error;
      }
    },
    { step: 'finalizeRequest', priority: 'low', name: 'ecsdeployAttempt' },
  );
}
