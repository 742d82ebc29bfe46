import type { Ecr } from './ecr.ts';
import type { Ecs } from './ecs/index.ts';
import type { EventBridge } from './event-bridge.ts';
import type { Logs } from './logs.ts';
import { pushSeedImage } from './registry-client.ts';
import type { RegistryClient } from './registry-client.ts';
import type { Secrets } from './secrets.ts';
import { createScheduledTasks } from './scheduled-tasks.ts';
import type { Operations } from './wire.ts';

/** Account id of the start world. */
export const ACCOUNT = '111122223333';
export const CLUSTER_NAME = 'backend';
export const SERVICE_NAME = 'hyeon9mak-service-dev';
/** The application container; the others are sidecars. */
export const APPLICATION = 'hyeon9mak-container';
export const REPOSITORY_NAME = 'hyeon9mak-dev';
/** Tag of the image that the service runs at the start. */
export const FIRST_TAG = 'first';
/** The revision that the service runs at the start. */
export const FIRST_REVISION = 'hyeon9mak-task-dev:1';
/** The region of the start world; all other regions are empty. */
export const REGION = 'ap-northeast-2';

const MONTH_SECONDS = 30 * 86_400;
const ELB = `arn:aws:elasticloadbalancing:${REGION}:${ACCOUNT}`;
/** The load balancer, whose listener on port 80 has the rules of the services behind it. */
export const LOAD_BALANCER = `${ELB}:loadbalancer/app/backend/1`;
/** Its listener on port 80, which has the rules, and one on port 8080 for the test traffic of CodeDeploy. */
export const LISTENER = `${ELB}:listener/app/backend/1/2`;
export const TEST_LISTENER = `${ELB}:listener/app/backend/1/3`;
/** The target groups of the services behind it; the second one is for blue/green. */
export const TARGET_GROUP = `${ELB}:targetgroup/hyeon9mak-dev/0123456789abcdef`;
export const GREEN_TARGET_GROUP = `${ELB}:targetgroup/hyeon9mak-green/0123456789abcdef`;
export const PRODUCTION_RULE = `${ELB}:listener-rule/app/backend/1/2/3`;
export const TEST_RULE = `${ELB}:listener-rule/app/backend/1/2/4`;
export const TEST_LISTENER_RULE = `${ELB}:listener-rule/app/backend/1/3/1`;
/** The host name of the test rule. */
export const TEST_HOST = 'test.example.com';

/** The secret of the application container. */
const SECRET = `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:hyeon9mak/database-AbCdEf`;

/** What the start world is built from. */
export interface WorldParts {
  readonly ecs: Ecs;
  readonly ecr: Ecr;
  readonly logs: Logs;
  readonly secrets: Secrets;
  readonly events: EventBridge;
  readonly schedules: Operations;
  readonly registry: RegistryClient;
  /** `host:port` in image references. */
  readonly registryHost: string;
  /** Additional members of CreateService. */
  readonly service: Readonly<Record<string, unknown>>;
  /** Additional members of the task definition. */
  readonly definition: Readonly<Record<string, unknown>>;
  /** Additional members of the application container. */
  readonly container: Readonly<Record<string, unknown>>;
  /** Whether the first deployment of the service has failed. */
  readonly hasFailed: boolean;
  /** Revisions besides the first one, a month apart; every third one is from Terraform. */
  readonly oldRevisions: number;
  readonly express: ExpressWorld | undefined;
}

/** A service of Express Mode: who makes its revisions, and whether UpdateService has changed it. */
export interface ExpressWorld {
  readonly kind: 'managed' | 'provided';
  readonly hasDrifted?: boolean;
}

/**
 * Builds the start world: cluster `backend` with the service `hyeon9mak-service-dev`, two tasks of
 * `hyeon9mak-task-dev:1` with an application, a Datadog agent and a log router, and the repository
 * `hyeon9mak-dev` with a first image. Rules and schedules start tasks of the same family.
 */
export async function buildWorld(parts: WorldParts): Promise<void> {
  const { ecs, ecr, logs, secrets, registry, registryHost, express } = parts;
  ecr.createRepository(REPOSITORY_NAME);
  await pushSeedImage(registry, {
    repository: REPOSITORY_NAME,
    tag: FIRST_TAG,
    platform: 'linux/amd64',
    files: { 'app/server': '#!/bin/sh\necho first\n' },
    entrypoint: ['/app/server'],
  });
  logs.createGroup('/ecs/hyeon9mak-task-dev');
  secrets.createSecret(SECRET);
  ecs.createCluster(CLUSTER_NAME);
  await createScheduledTasks(parts.events, parts.schedules, {
    account: ACCOUNT,
    region: REGION,
    cluster: CLUSTER_NAME,
    revision: FIRST_REVISION,
  });
  const image = `${registryHost}/${REPOSITORY_NAME}:${FIRST_TAG}`;
  const definition =
    express === undefined ? taskDefinition(parts, image) : expressDefinition(parts, image, express);
  const first = ecs.registerTaskDefinition(definition);
  const isChanged = express?.hasDrifted === true;
  const running = isChanged ? ecs.registerTaskDefinition(changedOutside(definition)) : first;
  for (let months = parts.oldRevisions; months > 0; months -= 1) {
    const revision = parts.oldRevisions - months + 2;
    const terraform = `arn:aws:sts::${ACCOUNT}:assumed-role/terraform/apply`;
    const by = revision % 3 === 0 ? terraform : undefined;
    ecs.registerTaskDefinition(definition, { secondsAgo: months * MONTH_SECONDS, by });
  }
  await ecs.createService(
    {
      cluster: CLUSTER_NAME,
      serviceName: SERVICE_NAME,
      taskDefinition: running,
      ...(isChanged && { expressRevision: first }),
      desiredCount: 2,
      launchType: 'FARGATE',
      networkConfiguration: {
        awsvpcConfiguration: {
          subnets: ['subnet-0123456789abcdef0'],
          securityGroups: ['sg-0123456789abcdef0'],
          assignPublicIp: 'ENABLED',
        },
      },
      deploymentConfiguration: {
        deploymentCircuitBreaker: { enable: true, rollback: true },
        minimumHealthyPercent: 100,
        maximumPercent: 200,
      },
      ...parts.service,
    },
    parts.hasFailed,
  );
}

/** What the tasks of every start world have. */
const TASK = {
  family: 'hyeon9mak-task-dev',
  networkMode: 'awsvpc',
  requiresCompatibilities: ['FARGATE'],
  cpu: '512',
  memory: '1024',
  executionRoleArn: `arn:aws:iam::${ACCOUNT}:role/ecsTaskExecutionRole`,
  runtimePlatform: { cpuArchitecture: 'X86_64', operatingSystemFamily: 'LINUX' },
};

/** The definition that Express Mode makes, or one of the user with a sidecar. */
function expressDefinition(
  { container }: WorldParts,
  image: string,
  { kind }: ExpressWorld,
): Record<string, unknown> {
  const main = {
    name: 'Main',
    image,
    essential: true,
    portMappings: [{ containerPort: 8080, name: 'main-8080-tcp', protocol: 'tcp' }],
    environment: [{ name: 'SPRING_PROFILES_ACTIVE', value: 'dev' }],
    secrets: [{ name: 'DATABASE_PASSWORD', valueFrom: SECRET }],
    logConfiguration: awslogs('ecs'),
    ...container,
  };
  if (kind === 'managed') {
    return { ...TASK, family: `${CLUSTER_NAME}-${SERVICE_NAME}`, containerDefinitions: [main] };
  }
  return { ...TASK, containerDefinitions: [main, datadogAgent()] };
}

/** The definition after somebody has set a variable with RegisterTaskDefinition and UpdateService. */
function changedOutside(definition: Record<string, unknown>): Record<string, unknown> {
  const [main, ...others] = definition['containerDefinitions'] as Record<string, unknown>[];
  const environment = [{ name: 'CHANGED_BY', value: 'someone else' }];
  return { ...definition, containerDefinitions: [{ ...main, environment }, ...others] };
}

function taskDefinition(
  { definition, container }: WorldParts,
  image: string,
): Record<string, unknown> {
  return {
    ...TASK,
    ...definition,
    tags: [{ key: 'team', value: 'backend' }],
    containerDefinitions: [
      {
        name: APPLICATION,
        image,
        essential: true,
        portMappings: [{ containerPort: 8080 }],
        environment: [
          { name: 'SPRING_PROFILES_ACTIVE', value: 'dev' },
          { name: 'JAVA_OPTS', value: '' },
        ],
        secrets: [{ name: 'DATABASE_PASSWORD', valueFrom: SECRET }],
        logConfiguration: awslogs('app'),
        ...container,
      },
      datadogAgent(),
      {
        name: 'log_router',
        image: 'public.ecr.aws/aws-observability/aws-for-fluent-bit:stable',
        essential: true,
        firelensConfiguration: {
          type: 'fluentbit',
          options: { 'enable-ecs-log-metadata': 'true' },
        },
        user: '0',
        logConfiguration: awslogs('firelens'),
      },
    ],
  };
}

function datadogAgent(): Record<string, unknown> {
  return {
    name: 'datadog-agent',
    image: 'public.ecr.aws/datadog/agent:latest',
    essential: true,
    environment: [{ name: 'ECS_FARGATE', value: 'true' }],
    dockerLabels: { 'com.datadoghq.ad.check_names': '["openmetrics"]' },
    logConfiguration: awslogs('datadog'),
  };
}

function awslogs(prefix: string): Record<string, unknown> {
  return {
    logDriver: 'awslogs',
    options: {
      'awslogs-group': '/ecs/hyeon9mak-task-dev',
      'awslogs-region': REGION,
      'awslogs-stream-prefix': prefix,
    },
  };
}
