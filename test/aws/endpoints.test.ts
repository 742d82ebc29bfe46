import { devNull } from 'node:os';
import { join } from 'node:path';
import { CloudWatchLogsClient, GetLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { DescribeRepositoriesCommand, ECRClient } from '@aws-sdk/client-ecr';
import { DescribeClustersCommand, ECSClient } from '@aws-sdk/client-ecs';
import { DescribeRuleCommand, EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { ListSchedulesCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { DescribeSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { DescribeParametersCommand, SSMClient } from '@aws-sdk/client-ssm';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { expect, onTestFinished, test, vi } from 'vitest';
import {
  connect,
  ecrClient,
  ecsClient,
  eventsClient,
  logsClient,
  schedulerClient,
  secretsManagerClient,
  ssmClient,
  stsClient,
} from '../../src/aws/client.ts';
import type { Aws } from '../../src/aws/client.ts';
import { makeFolder } from '../support/files.ts';
import { regionsOf, sdkPartitions } from '../support/partitions.ts';

interface AnyClient {
  readonly send: (command: never) => Promise<unknown>;
}

/** A service: our client, the SDK's own, and a call. */
interface Service {
  readonly ours: (aws: Aws) => Promise<AnyClient>;
  readonly sdks: new (config: object) => AnyClient;
  readonly call: object;
}

const SERVICES: Readonly<Record<string, Service>> = {
  ecs: { ours: ecsClient, sdks: ECSClient, call: new DescribeClustersCommand({}) },
  ecr: { ours: ecrClient, sdks: ECRClient, call: new DescribeRepositoriesCommand({}) },
  cloudwatch_logs: {
    ours: logsClient,
    sdks: CloudWatchLogsClient,
    call: new GetLogEventsCommand({ logStreamName: 's', logGroupName: 'g' }),
  },
  eventbridge: {
    ours: eventsClient,
    sdks: EventBridgeClient,
    call: new DescribeRuleCommand({ Name: 'r' }),
  },
  scheduler: { ours: schedulerClient, sdks: SchedulerClient, call: new ListSchedulesCommand({}) },
  sts: { ours: stsClient, sdks: STSClient, call: new GetCallerIdentityCommand({}) },
  ssm: { ours: ssmClient, sdks: SSMClient, call: new DescribeParametersCommand({}) },
  secrets_manager: {
    ours: secretsManagerClient,
    sdks: SecretsManagerClient,
    call: new DescribeSecretCommand({ SecretId: 's' }),
  },
};

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };

/** The address that a call goes to, or why there is none; nothing is sent. */
async function addressOf(
  { call }: Service,
  open: (requestHandler: object) => AnyClient | Promise<AnyClient>,
): Promise<string> {
  let address = '';
  const handle = ({ protocol, hostname, port }: Record<string, string | number | undefined>) => {
    address = `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`;
    return Promise.reject(new Error('nothing is sent'));
  };
  const client = await open({ handle, metadata: { handlerProtocol: 'http/1.1' } });
  const error: unknown = await client.send(call as never).catch((thrown: unknown) => thrown);
  return address === '' ? `none: ${/FIPS|DualStack|endpoint/i.exec(String(error))?.[0]}` : address;
}

/** What our clients are made of, with these variables and this config file. */
async function open(region: string, variables: Readonly<Record<string, string>>, config?: string) {
  const path = config === undefined ? devNull : join(makeFolder({ config }), 'config');
  vi.stubEnv('AWS_CONFIG_FILE', path);
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', devNull);
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
  const aws = await connect({
    profile: config === undefined ? '' : 'dev',
    region,
    environment: process.env,
    ask: undefined,
    onCall: () => {},
    signal: new AbortController().signal,
  });
  return { ...aws, credentials: () => Promise.resolve(credentials) };
}

/** The addresses that calls of every service go to, from our clients or from others. */
async function addressesOf(
  aws: Aws,
  make = (service: Service, requestHandler: object): AnyClient | Promise<AnyClient> =>
    service.ours({ ...aws, clients: new Map(), requestHandler: requestHandler as never }),
): Promise<Record<string, string>> {
  const entries = Object.entries(SERVICES).map(async ([name, service]) => [
    name,
    await addressOf(service, (requestHandler) => make(service, requestHandler)),
  ]);
  return Object.fromEntries(await Promise.all(entries)) as Record<string, string>;
}

const VARIANTS = [
  { useFipsEndpoint: false, useDualstackEndpoint: false },
  { useFipsEndpoint: true, useDualstackEndpoint: false },
  { useFipsEndpoint: false, useDualstackEndpoint: true },
  { useFipsEndpoint: true, useDualstackEndpoint: true },
];

test.each(VARIANTS)("with %o, the hosts in every region are the SDK's", async (variant) => {
  const run = await open('', {
    AWS_USE_FIPS_ENDPOINT: String(variant.useFipsEndpoint),
    AWS_USE_DUALSTACK_ENDPOINT: String(variant.useDualstackEndpoint),
  });
  for (const region of sdkPartitions().flatMap(regionsOf)) {
    const ours = await addressesOf({ ...run, region });
    const sdks = await addressesOf(run, (service, requestHandler) => {
      return new service.sdks({ region, credentials, requestHandler, ...variant });
    });
    expect(ours, region).toEqual(sdks);
  }
});

test('a region of any partition can come from an ARN', async () => {
  const aws = await open('us-east-1', {});
  for (const region of sdkPartitions().flatMap(regionsOf)) {
    const client = await logsClient(aws, region);
    expect(await client.config.region()).toBe(region);
  }
});

const each = (address: (name: string) => string) =>
  Object.fromEntries(Object.keys(SERVICES).map((name) => [name, address(name)]));

const PUBLIC = {
  ecs: 'https://ecs.eu-west-1.amazonaws.com',
  ecr: 'https://api.ecr.eu-west-1.amazonaws.com',
  cloudwatch_logs: 'https://logs.eu-west-1.amazonaws.com',
  sts: 'https://sts.eu-west-1.amazonaws.com',
  ssm: 'https://ssm.eu-west-1.amazonaws.com',
  eventbridge: 'https://events.eu-west-1.amazonaws.com',
  scheduler: 'https://scheduler.eu-west-1.amazonaws.com',
  secrets_manager: 'https://secretsmanager.eu-west-1.amazonaws.com',
};

const SECTION = `[services vpc]\n${Object.keys(SERVICES)
  .map((name) => `${name} =\n  endpoint_url = https://${name}.vpc.example:8443\n`)
  .join('')}`;

const dashed = (name: string) => `https://${name}.vpc.example:8443`;

test.each<[string, Record<string, string>, string | undefined, Record<string, string>]>([
  ['nothing', {}, undefined, PUBLIC],
  [
    'AWS_ENDPOINT_URL',
    { AWS_ENDPOINT_URL: 'http://all.example:1' },
    undefined,
    each(() => 'http://all.example:1'),
  ],
  [
    'a variable for each service',
    Object.fromEntries(
      Object.keys(SERVICES).map((name) => [
        `AWS_ENDPOINT_URL_${name.toUpperCase()}`,
        `https://${name}.example`,
      ]),
    ),
    undefined,
    each((name) => `https://${name}.example`),
  ],
  [
    'AWS_ENDPOINT_URL_ECS beside AWS_ENDPOINT_URL',
    { AWS_ENDPOINT_URL: 'http://all.example', AWS_ENDPOINT_URL_ECS: 'http://ecs.example' },
    undefined,
    { ...each(() => 'http://all.example'), ecs: 'http://ecs.example' },
  ],
  [
    'endpoint_url of the profile',
    {},
    '[profile dev]\nendpoint_url = http://all.example\n',
    each(() => 'http://all.example'),
  ],
  ['a services section', {}, `[profile dev]\nservices = vpc\n${SECTION}`, each(dashed)],
  [
    'a services section before endpoint_url',
    {},
    `[profile dev]\nservices = vpc\nendpoint_url = http://all.example\n[services vpc]\nssm =\n  endpoint_url = http://ssm.example\n`,
    { ...each(() => 'http://all.example'), ssm: 'http://ssm.example' },
  ],
  [
    'a variable before a services section',
    { AWS_ENDPOINT_URL_STS: 'http://sts.example' },
    `[profile dev]\nservices = vpc\n${SECTION}`,
    { ...each(dashed), sts: 'http://sts.example' },
  ],
  [
    'ignore_configured_endpoint_urls',
    {},
    `[profile dev]\nservices = vpc\nendpoint_url = http://all.example\nignore_configured_endpoint_urls = true\n${SECTION}`,
    PUBLIC,
  ],
  [
    'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS',
    { AWS_ENDPOINT_URL: 'http://all.example', AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' },
    undefined,
    PUBLIC,
  ],
  [
    'FIPS and dual stack of the profile',
    {},
    '[profile dev]\nuse_fips_endpoint = true\nuse_dualstack_endpoint = true\n',
    {
      ecs: 'https://ecs-fips.eu-west-1.api.aws',
      ecr: 'https://ecr-fips.eu-west-1.api.aws',
      cloudwatch_logs: 'https://logs-fips.eu-west-1.api.aws',
      sts: 'https://sts-fips.eu-west-1.api.aws',
      ssm: 'https://ssm-fips.eu-west-1.api.aws',
      eventbridge: 'https://events-fips.eu-west-1.api.aws',
      scheduler: 'https://scheduler-fips.eu-west-1.api.aws',
      secrets_manager: 'https://secretsmanager-fips.eu-west-1.amazonaws.com',
    },
  ],
])('%s decides the endpoints of every service', async (_, variables, config, expected) => {
  expect(await addressesOf(await open('eu-west-1', variables, config))).toEqual(expected);
});
