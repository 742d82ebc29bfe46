import { execFile, spawnSync } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { DescribeServicesCommand } from '@aws-sdk/client-ecs';
import { expect, test } from 'vitest';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { until } from '../sandbox/ecs-world.ts';
import { makeFolder } from '../support/files.ts';
import { httpProxy } from '../support/proxies.ts';
import { makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

const run = promisify(execFile);
const has = (command: string, ...args: string[]) => spawnSync(command, args).status === 0;
const HAS_CLI = has('aws', '--version');
const HAS_BOTO = has('python3', '-c', 'import boto3');

function environmentOf({ sandbox }: World) {
  return { ...process.env, ...sandbox.environment, AWS_PAGER: '' };
}

/** Runs the AWS CLI in a world, and reads what it prints. */
const cliIn =
  (world: World) =>
  async (...args: string[]) => {
    const { stdout } = await run('aws', [...args, '--output', 'json'], {
      env: environmentOf(world),
    });
    return stdout === '' ? undefined : (JSON.parse(stdout) as Record<string, never>);
  };

test.skipIf(!HAS_CLI)('the AWS CLI works against the sandbox as it is', async () => {
  const world = await makeWorld();
  await world.run(['deploy', '-q', '--tag', 'v2']);
  const aws = cliIn(world);
  const service = ['--cluster', 'backend', '--service', 'hyeon9mak-service-dev'];
  const services = ['--cluster', 'backend', '--services', 'hyeon9mak-service-dev'];
  expect(await aws('ecs', 'describe-services', ...services)).toMatchObject({
    services: [
      {
        desiredCount: 2,
        runningCount: 2,
        deployments: [{ status: 'PRIMARY', rolloutState: 'COMPLETED' }],
      },
    ],
  });
  const update = await aws(
    'ecs',
    'update-service',
    ...service,
    '--task-definition',
    'hyeon9mak-task-dev:1',
  );
  expect(update).toMatchObject({
    service: { deployments: [{ rolloutState: 'IN_PROGRESS' }, { status: 'ACTIVE' }] },
  });
  await aws('ecs', 'wait', 'services-stable', ...services);
  const list = (await aws('ecs', 'list-tasks', '--cluster', 'backend')) as unknown as {
    taskArns: string[];
  };
  expect(list.taskArns).toHaveLength(2);
  expect(
    await aws('ecs', 'describe-tasks', '--cluster', 'backend', '--tasks', ...list.taskArns),
  ).toMatchObject({
    tasks: [{ lastStatus: 'RUNNING' }, { lastStatus: 'RUNNING' }],
    failures: [],
  });
  const images = await aws('ecr', 'describe-images', '--repository-name', 'hyeon9mak-dev');
  expect(images).toMatchObject({
    imageDetails: expect.arrayContaining([expect.objectContaining({ imageTags: ['v2'] })]),
  });
  expect(await aws('sts', 'get-caller-identity')).toMatchObject({ Account: '111122223333' });
});

test.skipIf(!HAS_CLI)('the AWS CLI waits for a stopped task and a deleted service', async () => {
  const world = await makeWorld();
  const aws = cliIn(world);
  const cluster = ['--cluster', 'backend'];
  const stopTask = async () => {
    const task = ['--task-definition', 'hyeon9mak-task-dev:1', '--launch-type', 'FARGATE'];
    const network = ['--network-configuration', 'awsvpcConfiguration={subnets=[subnet-1]}'];
    const run = (await aws('ecs', 'run-task', ...cluster, ...task, ...network)) as unknown as {
      tasks: { taskArn: string }[];
    };
    const arn = run.tasks[0]?.taskArn ?? '';
    await aws('ecs', 'stop-task', ...cluster, '--task', arn);
    await aws('ecs', 'wait', 'tasks-stopped', ...cluster, '--tasks', arn);
  };
  const deleteService = async () => {
    const service = 'hyeon9mak-service-dev';
    await aws('ecs', 'delete-service', ...cluster, '--service', service, '--force');
    await aws('ecs', 'wait', 'services-inactive', ...cluster, '--services', service);
  };
  await Promise.all([stopTask(), deleteService()]);
  const { services } = await world.ecs.send(
    new DescribeServicesCommand({ cluster: 'backend', services: ['hyeon9mak-service-dev'] }),
  );
  expect(services).toMatchObject([{ status: 'INACTIVE', runningCount: 0 }]);
});

test.skipIf(!HAS_CLI)('the AWS CLI shows rules and schedules, also after a deploy', async () => {
  const world = await makeWorld();
  const deploy = ['deploy', '-q', '--tag', 'v2', '--schedules'];
  expect((await world.run(deploy)).status).toBe(0);
  const aws = cliIn(world);
  const [rule, schedule] = await Promise.all([
    aws('events', 'list-targets-by-rule', '--rule', 'nightly'),
    aws('scheduler', 'get-schedule', '--name', 'weekly'),
  ]);
  const TaskDefinitionArn = expect.stringMatching(/:2$/) as string;
  expect(rule).toMatchObject({
    Targets: [
      { Id: 'report', EcsParameters: { TaskDefinitionArn } },
      { Id: 'cleanup', EcsParameters: { TaskDefinitionArn } },
      { Id: 'announce' },
    ],
  });
  expect(schedule).toMatchObject({
    State: 'ENABLED',
    ScheduleExpressionTimezone: 'Asia/Seoul',
    StartDate: expect.anything() as unknown,
    Target: { EcsParameters: { TaskDefinitionArn } },
  });
});

/**
 * Answers GetDeployment once the deployment has ended, so that a waiter, which polls every 15 s, ends
 * with its first poll.
 */
function endsFirst({ url }: Sandbox): Promise<string> {
  return httpProxy({ host: new URL(url).host }, (request, response) => {
    const { authorization = '', 'x-amz-target': target = '' } = request.headers;
    if (!String(target).endsWith('.GetDeployment')) return false;
    const answer = async (): Promise<string> => {
      const body = await text(request);
      const headers = { authorization, 'x-amz-target': String(target) };
      const read = async () => (await fetch(url, { method: 'POST', headers, body })).text();
      return until(read, (json) => json.includes('completeTime'));
    };
    void answer().then((json) => response.end(json));
    return true;
  });
}

test.skipIf(!HAS_CLI)('the AWS CLI deploys with CodeDeploy', async () => {
  const { sandbox } = await makeWorld({ scenario: 'codedeploy' });
  const container = {
    name: 'hyeon9mak-container',
    image: `${sandbox.registryHost}/hyeon9mak-dev:first`,
    portMappings: [{ containerPort: 8080 }],
  };
  const properties = {
    TaskDefinition: '<TASK_DEFINITION>',
    LoadBalancerInfo: { ContainerName: container.name, ContainerPort: 8080 },
  };
  const cwd = makeFolder({
    'appspec.json': JSON.stringify({
      version: 0,
      Resources: [{ TargetService: { Type: 'AWS::ECS::Service', Properties: properties } }],
    }),
    'definition.json': JSON.stringify({
      family: 'hyeon9mak-task-dev',
      requiresCompatibilities: ['FARGATE'],
      networkMode: 'awsvpc',
      cpu: '256',
      memory: '512',
      executionRoleArn: 'arn:aws:iam::111122223333:role/ecsTaskExecutionRole',
      containerDefinitions: [container],
    }),
  });
  const { AWS_ENDPOINT_URL: url, ...environment } = sandbox.environment;
  const endpoints = {
    AWS_ENDPOINT_URL_ECS: url,
    AWS_ENDPOINT_URL_CODEDEPLOY: `http://${await endsFirst(sandbox)}`,
  };
  const env = { ...process.env, ...environment, ...endpoints, AWS_PAGER: '' };
  const aws = async (...args: string[]) =>
    (await run('aws', [...args, '--output', 'json'], { env, cwd })).stdout;
  const service = ['--cluster', 'backend', '--service', 'hyeon9mak-service-dev'];
  const files = ['--task-definition', 'definition.json', '--codedeploy-appspec', 'appspec.json'];
  const deployed = await aws('ecs', 'deploy', ...service, ...files);
  expect(deployed).toMatch(/Successfully deployed \S+:2 to service 'hyeon9mak-service-dev'/);
  const [, id = ''] = /created deployment (d-\w+)/.exec(deployed) ?? [];
  const deployment = ['--deployment-id', id];
  const [info] = await Promise.all([
    aws('deploy', 'get-deployment', ...deployment),
    aws('deploy', 'wait', 'deployment-successful', ...deployment),
  ]);
  expect(JSON.parse(info)).toMatchObject({
    deploymentInfo: { status: 'Succeeded', creator: 'user', computePlatform: 'ECS' },
  });
});

const BOTO = `
import boto3, json
ecs = boto3.client('ecs')
service = dict(cluster='backend', service='hyeon9mak-service-dev')
before = ecs.describe_services(cluster='backend', services=['hyeon9mak-service-dev'])['services'][0]
ecs.update_service(**service, forceNewDeployment=True)
ecs.get_waiter('services_stable').wait(cluster='backend', services=['hyeon9mak-service-dev'], WaiterConfig={'Delay': 1, 'MaxAttempts': 60})
tasks = ecs.get_paginator('list_tasks').paginate(cluster='backend').build_full_result()['taskArns']
described = ecs.describe_tasks(cluster='backend', tasks=tasks)['tasks']
try:
    ecs.describe_services(cluster='nowhere', services=['x'])
except ecs.exceptions.ClusterNotFoundException as error:
    missing = str(error)
elb = boto3.client('elbv2')
groups = elb.get_paginator('describe_target_groups').paginate(PaginationConfig={'PageSize': 1}).build_full_result()['TargetGroups']
health = elb.describe_target_health(TargetGroupArn=groups[0]['TargetGroupArn'])['TargetHealthDescriptions']
rules = elb.describe_rules(ListenerArn=elb.describe_listeners()['Listeners'][0]['ListenerArn'])['Rules']
try:
    elb.describe_target_health(TargetGroupArn='arn:x')
except elb.exceptions.TargetGroupNotFoundException as error:
    gone = error.response['Error']['Code']
try:
    elb.create_target_group(Name='x')
except Exception as error:
    unknown = error.response['Error']['Code']
ran = ecs.run_task(cluster='backend', taskDefinition='hyeon9mak-task-dev:1', launchType='FARGATE', networkConfiguration={'awsvpcConfiguration': {'subnets': ['subnet-1']}})
one = [task['taskArn'] for task in ran['tasks']]
ecs.stop_task(cluster='backend', task=one[0])
fast = {'Delay': 1, 'MaxAttempts': 60}
ecs.get_waiter('tasks_stopped').wait(cluster='backend', tasks=one, WaiterConfig=fast)
ecs.delete_service(**service, force=True)
ecs.get_waiter('services_inactive').wait(cluster='backend', services=['hyeon9mak-service-dev'], WaiterConfig=fast)
ecr = boto3.client('ecr')
for tag in ['a', 'b', 'c']:
    ecr.put_image(repositoryName='hyeon9mak-dev', imageTag=tag, imageManifest=ecr.batch_get_image(repositoryName='hyeon9mak-dev', imageIds=[{'imageTag': 'first'}])['images'][0]['imageManifest'])
ids = ecr.get_paginator('list_images').paginate(repositoryName='hyeon9mak-dev', PaginationConfig={'PageSize': 2}).build_full_result()['imageIds']
logs = boto3.client('logs')
logs.create_log_group(logGroupName='/app')
logs.create_log_stream(logGroupName='/app', logStreamName='one')
import time
now = int(time.time() * 1000)
logs.put_log_events(logGroupName='/app', logStreamName='one', logEvents=[{'timestamp': now, 'message': 'ERROR one'}, {'timestamp': now, 'message': 'ok'}])
found = logs.get_paginator('filter_log_events').paginate(logGroupName='/app', filterPattern='?ERROR ?WARN').build_full_result()['events']
print(json.dumps({
    'tags': [id['imageTag'] for id in ids],
    'found': [event['message'] for event in found],
    'groups': [group['TargetGroupName'] for group in groups],
    'health': [target['TargetHealth']['State'] for target in health],
    'zones': len(elb.describe_load_balancers()['LoadBalancers'][0]['AvailabilityZones']),
    'fields': [rule['Conditions'][0]['Field'] for rule in rules],
    'elb_errors': [gone, unknown],
    'desired': before['desiredCount'],
    'created': before['createdAt'].year > 2000,
    'running': [task['lastStatus'] for task in described],
    'missing': missing,
    'images': len(boto3.client('ecr').describe_images(repositoryName='hyeon9mak-dev')['imageDetails']),
    'account': boto3.client('sts').get_caller_identity()['Account'],
}))
`;

test.skipIf(!HAS_BOTO)('boto3 works against the sandbox as it is', async () => {
  const world = await makeWorld({ scenario: 'load-balancer' });
  const { stdout } = await run('python3', ['-c', BOTO], { env: environmentOf(world) });
  expect(JSON.parse(stdout)).toEqual({
    tags: ['a', 'b', 'c', 'first'],
    found: ['ERROR one'],
    groups: ['hyeon9mak-dev', 'hyeon9mak-green'],
    health: expect.arrayContaining(['healthy', 'healthy']) as string[],
    zones: 2,
    fields: ['path-pattern', 'host-header'],
    elb_errors: ['TargetGroupNotFound', 'InvalidAction'],
    desired: 2,
    created: true,
    running: ['RUNNING', 'RUNNING'],
    missing: expect.stringContaining('Cluster not found.') as string,
    images: 1,
    account: '111122223333',
  });
});
