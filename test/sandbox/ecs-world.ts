import type {
  Deployment,
  RegisterTaskDefinitionCommandInput,
  RegisterTaskDefinitionCommandOutput,
  Service,
  ServiceDeployment,
  Task,
} from '@aws-sdk/client-ecs';
import {
  DescribeServiceDeploymentsCommand,
  DescribeServicesCommand,
  DescribeTasksCommand,
  ECSClient,
  ListServiceDeploymentsCommand,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import { afterEach } from 'vitest';
import type { Clock } from '../../src/sandbox/clock.ts';
import { startClock } from '../../src/sandbox/clock.ts';
import type { Fault } from '../../src/sandbox/ecs/faults.ts';
import type { Ecs } from '../../src/sandbox/ecs/index.ts';
import { createEcs } from '../../src/sandbox/ecs/index.ts';
import type { PulledImage } from '../../src/sandbox/images.ts';
import type { Logs } from '../../src/sandbox/logs.ts';
import { createLogs } from '../../src/sandbox/logs.ts';
import type { ApiCall } from '../../src/sandbox/wire.ts';
import { serve } from '../../src/sandbox/server.ts';

export const ACCOUNT = '111122223333';
export const REGION = 'ap-northeast-2';
export const REGISTRY = `${ACCOUNT}.dkr.ecr.${REGION}.amazonaws.com`;
export const LOG_GROUP = '/ecs/app';

/** A world with the cluster `backend` and the service `app` on `app:1`, served over HTTP. */
export interface World {
  readonly port: number;
  readonly clock: Clock;
  readonly ecs: Ecs;
  readonly logs: Logs;
  readonly client: ECSClient;
  readonly calls: ApiCall[];
  readonly images: Map<string, PulledImage>;
}

export interface WorldOptions {
  readonly faults?: readonly Fault[];
  readonly service?: Readonly<Record<string, unknown>>;
  readonly definition?: Readonly<Record<string, unknown>>;
  readonly rollbackId?: 'reused' | 'new';
  readonly speed?: number;
}

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function image(architecture = 'amd64', digit = 'a'): PulledImage {
  const digest = `sha256:${digit.repeat(64)}`;
  return { kind: 'found', digest, architecture, program: ['/server', '--port', '8080'] };
}

const AWSLOGS = {
  logDriver: 'awslogs',
  options: {
    'awslogs-group': LOG_GROUP,
    'awslogs-region': REGION,
    'awslogs-stream-prefix': 'ecs',
  },
};

/** A Fargate definition with an application and a sidecar. */
export function definition(
  tag: string,
  application: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    family: 'app',
    requiresCompatibilities: ['FARGATE'],
    networkMode: 'awsvpc',
    cpu: '512',
    memory: '1024',
    executionRoleArn: `arn:aws:iam::${ACCOUNT}:role/ecsTaskExecutionRole`,
    containerDefinitions: [
      {
        name: 'web',
        image: `${REGISTRY}/app:${tag}`,
        portMappings: [{ containerPort: 8080 }],
        logConfiguration: AWSLOGS,
        ...application,
      },
      { name: 'agent', image: 'public.ecr.aws/datadog/agent:7', essential: false },
    ],
  };
}

export const SERVICE = {
  cluster: 'backend',
  serviceName: 'app',
  taskDefinition: 'app',
  desiredCount: 2,
  launchType: 'FARGATE' as const,
  networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'] } },
  deploymentConfiguration: { deploymentCircuitBreaker: { enable: true, rollback: true } },
};

const ELB = `arn:aws:elasticloadbalancing:${REGION}:${ACCOUNT}`;

/** A load balancer that can shift traffic between revisions. */
export const SHIFTING_LOAD_BALANCER = {
  targetGroupArn: `${ELB}:targetgroup/blue/0123456789abcdef`,
  containerName: 'web',
  containerPort: 8080,
  advancedConfiguration: {
    alternateTargetGroupArn: `${ELB}:targetgroup/green/0123456789abcdef`,
    productionListenerRule: `${ELB}:listener-rule/app/web/1/2/3`,
    testListenerRule: `${ELB}:listener-rule/app/web/1/2/4`,
    roleArn: `arn:aws:iam::${ACCOUNT}:role/ecsInfrastructureRole`,
  },
};

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const clock = startClock(options.speed ?? 1000);
  const logs = createLogs(clock, { account: ACCOUNT, region: REGION });
  const images = new Map([
    [`${REGISTRY}/app:v1`, image('amd64', '1')],
    [`${REGISTRY}/app:v2`, image('amd64', '2')],
    [`${REGISTRY}/app:arm`, image('arm64', '3')],
    [`${REGISTRY}/app:index`, { kind: 'no-platform' } as const],
    ['public.ecr.aws/datadog/agent:7', image('amd64', 'd')],
  ]);
  const ecs = createEcs({
    account: ACCOUNT,
    region: REGION,
    clock,
    logs,
    faults: options.faults ?? [],
    ...(options.rollbackId && { rollbackId: options.rollbackId }),
    pullImage: (reference) => Promise.resolve(pull(images, reference)),
  });
  logs.createGroup(LOG_GROUP);
  ecs.createCluster('backend');
  ecs.registerTaskDefinition(options.definition ?? definition('v1'));
  await ecs.createService({ ...SERVICE, ...options.service });
  const calls: ApiCall[] = [];
  const { server, port } = await serve({
    services: { ecs: ecs.operations, logs: logs.operations },
    handlers: [],
    gate: () => undefined,
    now: clock.now,
    onCall: (call) => calls.push(call),
  });
  const client = clientFor(port, REGION);
  closers.push(() => {
    client.destroy();
    clock.stop();
    server.closeAllConnections();
    server.close();
  });
  return { port, clock, ecs, logs, client, calls, images };
}

function pull(images: ReadonlyMap<string, PulledImage>, reference: string): PulledImage {
  const [repository = '', digest] = reference.split('@');
  if (digest === undefined) return images.get(reference) ?? { kind: 'not-found' };
  const found = [...images].find(
    ([name, image]) =>
      name.startsWith(repository) && image.kind === 'found' && image.digest === digest,
  );
  return found?.[1] ?? { kind: 'not-found' };
}

export function clientFor(port: number, region: string): ECSClient {
  return new ECSClient({
    region,
    endpoint: `http://127.0.0.1:${port}`,
    credentials: { accessKeyId: 'AKIASANDBOX', secretAccessKey: 'sandbox' },
  });
}

/** Repeats a call until its answer satisfies a condition. */
export async function until<T>(
  read: () => Promise<T>,
  condition: (answer: T) => boolean,
): Promise<T> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const answer = await read();
    if (condition(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`never so: ${JSON.stringify(answer, null, 1)}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Calls an operation with raw JSON, including members that the SDK does not know. */
export async function callRaw(
  { port }: World,
  target: string,
  input: unknown,
  region = REGION,
): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': target,
      authorization: `AWS4-HMAC-SHA256 Credential=AKIASANDBOX/20261123/${region}/x/aws4_request`,
    },
    body: JSON.stringify(input),
  });
  return response.json();
}

/** Registers a task definition. */
export function register(
  { client }: World,
  input: Readonly<Record<string, unknown>>,
): Promise<RegisterTaskDefinitionCommandOutput> {
  return client.send(
    new RegisterTaskDefinitionCommand(input as unknown as RegisterTaskDefinitionCommandInput),
  );
}

/** Registers a revision and moves the service to it; returns the new deployment. */
export async function deploy(
  world: World,
  tag: string,
  application: Readonly<Record<string, unknown>> = {},
): Promise<Deployment> {
  await register(world, definition(tag, application));
  return update(world, { taskDefinition: 'app' });
}

/** Updates the service; returns its PRIMARY deployment. */
export async function update(
  { client }: World,
  input: Readonly<Record<string, unknown>>,
): Promise<Deployment> {
  const { service } = await client.send(
    new UpdateServiceCommand({ cluster: 'backend', service: 'app', ...input }),
  );
  const primary = service?.deployments?.find(({ status }) => status === 'PRIMARY');
  if (primary === undefined) throw new Error('no PRIMARY deployment');
  return primary;
}

/** Describes a service until it satisfies a condition. */
export function describeService(
  { client }: World,
  name = 'app',
  condition: (service: Service) => boolean = () => true,
): Promise<Service> {
  return until(async () => {
    const command = new DescribeServicesCommand({ cluster: 'backend', services: [name] });
    const [service] = (await client.send(command)).services ?? [];
    if (service === undefined) throw new Error(`no service ${name}`);
    return service;
  }, condition);
}

/** Finds the record of a deployment by its number and waits for a status. */
export function serviceDeployment(
  world: World,
  deployment: Deployment,
  ...statuses: readonly string[]
): Promise<ServiceDeployment> {
  return serviceDeploymentThat(world, deployment, ({ status = '' }) => statuses.includes(status));
}

/** Finds the record of a deployment and waits for a condition. */
export function serviceDeploymentThat(
  { client }: World,
  deployment: Deployment,
  condition: (record: ServiceDeployment) => boolean,
): Promise<ServiceDeployment> {
  const number = deployment.id?.split('/')[1] ?? '';
  const read = async (): Promise<ServiceDeployment> => {
    const list = await client.send(
      new ListServiceDeploymentsCommand({ cluster: 'backend', service: 'app' }),
    );
    const brief = list.serviceDeployments?.find(({ targetServiceRevisionArn }) =>
      targetServiceRevisionArn?.endsWith(`/${number}`),
    );
    if (brief?.serviceDeploymentArn === undefined) return {};
    const command = new DescribeServiceDeploymentsCommand({
      serviceDeploymentArns: [brief.serviceDeploymentArn],
    });
    return (await client.send(command)).serviceDeployments?.[0] ?? {};
  };
  return until(read, condition);
}

/** Waits until a deployment is paused; returns its record and the id of the hook. */
export async function pausedDeployment(
  world: World,
  deployment: Deployment,
  besides = '',
): Promise<{ readonly record: ServiceDeployment; readonly hookId: string }> {
  const waiting = ({ lifecycleHookDetails = [] }: ServiceDeployment) =>
    lifecycleHookDetails.find(
      ({ status, hookId }) => status === 'AWAITING_ACTION' && hookId !== besides,
    )?.hookId;
  const record = await serviceDeploymentThat(world, deployment, (found) => Boolean(waiting(found)));
  return { record, hookId: waiting(record) ?? '' };
}

/** The stopped tasks that a deployment started. */
export async function stoppedTasks({ client }: World, { id }: Deployment): Promise<Task[]> {
  const { taskArns = [] } = await client.send(
    new ListTasksCommand({ cluster: 'backend', serviceName: 'app', desiredStatus: 'STOPPED' }),
  );
  if (taskArns.length === 0) return [];
  const command = new DescribeTasksCommand({ cluster: 'backend', tasks: taskArns });
  const { tasks = [] } = await client.send(command);
  return tasks.filter(({ startedBy }) => startedBy === id);
}

/** The messages of a service's events since a deployment began, oldest first, ids shortened. */
export function messages({ events = [] }: Service, { createdAt }: Deployment): string[] {
  return events
    .filter((event) => (event.createdAt ?? 0) >= (createdAt ?? 0))
    .map(({ message = '' }) => message.replace('(service app) ', ''))
    .map((message) => message.replace(/\(task \w+\)/g, '(task)').replace(/ecs-svc\/\d+/g, 'N'))
    .toReversed();
}
