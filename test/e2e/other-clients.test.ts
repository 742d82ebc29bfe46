import { execFile, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { DescribeServicesCommand } from '@aws-sdk/client-ecs';
import { expect, onTestFinished, test } from 'vitest';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { until } from '../sandbox/ecs-world.ts';
import { REQUIRED } from '../support/docker.ts';
import { makeFolder } from '../support/files.ts';
import { forwardProxy, HAS_OPENSSL, makeCertificate, tlsFront } from '../support/network.ts';
import { httpProxy } from '../support/proxies.ts';
import { makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

const run = promisify(execFile);

/** Debian's Python where it has a module: another one can come first on the PATH. */
function pythonWith(module: string): string | undefined {
  const code = `import importlib.util as i, sys; sys.exit(i.find_spec('${module}') is None)`;
  const candidates = ['/usr/bin/python3', 'python3'];
  const found = candidates.find((path) => spawnSync(path, ['-c', code]).status === 0);
  return found ?? (REQUIRED ? 'python3' : undefined);
}
const CLI_PYTHON = pythonWith('awscli');
const BOTO_PYTHON = pythonWith('boto3');

function environmentOf({ sandbox }: Pick<World, 'sandbox'>) {
  return { ...process.env, ...sandbox.environment, AWS_PAGER: '' };
}

/** Runs the AWS CLI for each command line: to start it takes longer than what it does. */
const CLI = `
import contextlib, io, json, sys
from awscli.clidriver import create_clidriver
for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = create_clidriver().main(json.loads(line)) or 0
    print(json.dumps([status, out.getvalue(), err.getvalue()]), flush=True)
`;

/** Starts the AWS CLI until the test ends; the function runs it, and returns what it prints. */
function startCli(env: NodeJS.ProcessEnv, cwd = '.') {
  const cli = spawn(CLI_PYTHON ?? '', ['-c', CLI], {
    env,
    cwd,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void cli.kill());
  const lines = createInterface({ input: cli.stdout })[Symbol.asyncIterator]();
  return async (...args: string[]): Promise<string> => {
    cli.stdin.write(`${JSON.stringify([...args, '--output', 'json'])}\n`);
    const { value } = (await lines.next()) as { value: string };
    const [status, stdout, stderr] = JSON.parse(value) as [number, string, string];
    expect(status, `${args.join(' ')}: ${stderr}`).toBe(0);
    return stdout;
  };
}

test.skipIf(!CLI_PYTHON)('the AWS CLI rolls out, runs tasks and waits for both', async () => {
  const world = await makeWorld();
  const deployed = await world.run(['deploy', '-q', '--tag', 'v2', '--schedules']);
  expect(deployed.status, deployed.stderr).toBe(0);
  const cli = startCli(environmentOf(world));
  // Old ones do not know AWS_ENDPOINT_URL.
  const aws = async (...args: string[]) => {
    const text = await cli(...args, '--endpoint-url', world.sandbox.url);
    return (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
  };
  const name = 'hyeon9mak-service-dev';
  const cluster = ['--cluster', 'backend'];
  const revision = ['--task-definition', 'hyeon9mak-task-dev:1'];
  const rollOut = async () => {
    const update = await aws('ecs', 'update-service', ...cluster, '--service', name, ...revision);
    expect(update).toMatchObject({
      service: { deployments: [{ rolloutState: 'IN_PROGRESS' }, { status: 'ACTIVE' }] },
    });
    await aws('ecs', 'wait', 'services-stable', ...cluster, '--services', name);
    const pages = ['--page-size', '1', '--desired-status', 'RUNNING', '--service-name', name];
    const { taskArns } = await aws('ecs', 'list-tasks', ...cluster, ...pages);
    expect(taskArns).toHaveLength(2);
    await aws('ecs', 'delete-service', ...cluster, '--service', name, '--force');
    await aws('ecs', 'wait', 'services-inactive', ...cluster, '--services', name);
    const { services } = await world.ecs.send(
      new DescribeServicesCommand({ cluster: 'backend', services: [name] }),
    );
    expect(services).toMatchObject([{ status: 'INACTIVE', runningCount: 0 }]);
  };
  const runTask = async () => {
    const network = ['--network-configuration', 'awsvpcConfiguration={subnets=[subnet-1]}'];
    const launch = ['--launch-type', 'FARGATE', ...network];
    const { tasks } = await aws('ecs', 'run-task', ...cluster, ...revision, ...launch);
    const [{ taskArn } = { taskArn: '' }] = tasks as { taskArn: string }[];
    await aws('ecs', 'stop-task', ...cluster, '--task', taskArn);
    await aws('ecs', 'wait', 'tasks-stopped', ...cluster, '--tasks', taskArn);
  };
  const readSchedules = async () => {
    const TaskDefinitionArn = expect.stringMatching(/:2$/) as string;
    expect(await aws('events', 'list-targets-by-rule', '--rule', 'nightly')).toMatchObject({
      Targets: [
        { Id: 'report', EcsParameters: { TaskDefinitionArn } },
        { Id: 'cleanup', EcsParameters: { TaskDefinitionArn } },
        { Id: 'announce' },
      ],
    });
    expect(await aws('scheduler', 'get-schedule', '--name', 'weekly')).toMatchObject({
      State: 'ENABLED',
      ScheduleExpressionTimezone: 'Asia/Seoul',
      StartDate: expect.anything() as unknown,
      Target: { EcsParameters: { TaskDefinitionArn } },
    });
  };
  await readSchedules();
  await runTask();
  await rollOut();
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

/** Leads the AWS CLI to a server by the names of AWS: `ecs deploy` takes one endpoint of two. */
async function byName(host: string) {
  const certificate = makeCertificate(['*.ap-northeast-2.amazonaws.com']);
  const proxy = await forwardProxy({ https: await tlsFront(host, certificate) });
  return { HTTPS_PROXY: `http://${proxy.host}`, AWS_CA_BUNDLE: certificate.caFile };
}

test.skipIf(!CLI_PYTHON || !HAS_OPENSSL)('the AWS CLI deploys with CodeDeploy', async () => {
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
  const names = await byName(await endsFirst(sandbox));
  const env = { ...environmentOf({ sandbox }), AWS_ENDPOINT_URL: '', ...names };
  const aws = startCli(env, cwd);
  const service = ['--cluster', 'backend', '--service', 'hyeon9mak-service-dev'];
  const files = ['--task-definition', 'definition.json', '--codedeploy-appspec', 'appspec.json'];
  const deployed = await aws('ecs', 'deploy', ...service, ...files);
  expect(deployed).toMatch(/Successfully deployed \S+:2 to service 'hyeon9mak-service-dev'/);
  const [, id = ''] = /created deployment (d-\w+)/.exec(deployed) ?? [];
  const deployment = ['--deployment-id', id];
  await aws('deploy', 'wait', 'deployment-successful', ...deployment);
  expect(JSON.parse(await aws('deploy', 'get-deployment', ...deployment))).toMatchObject({
    deploymentInfo: { status: 'Succeeded', creator: 'user', computePlatform: 'ECS' },
  });
});

const BOTO = `
import boto3, json, os
def client(name):
    return boto3.client(name, endpoint_url=os.environ['AWS_ENDPOINT_URL'])
ecs = client('ecs')
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
elb = client('elbv2')
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
ecr = client('ecr')
for tag in ['a', 'b', 'c']:
    ecr.put_image(repositoryName='hyeon9mak-dev', imageTag=tag, imageManifest=ecr.batch_get_image(repositoryName='hyeon9mak-dev', imageIds=[{'imageTag': 'first'}])['images'][0]['imageManifest'])
ids = ecr.get_paginator('list_images').paginate(repositoryName='hyeon9mak-dev', PaginationConfig={'PageSize': 2}).build_full_result()['imageIds']
logs = client('logs')
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
    'images': len(ecr.describe_images(repositoryName='hyeon9mak-dev')['imageDetails']),
    'account': client('sts').get_caller_identity()['Account'],
}))
`;

test.skipIf(!BOTO_PYTHON)('boto3 works against the sandbox as it is', async () => {
  const world = await makeWorld({ scenario: 'load-balancer' });
  const { stdout } = await run(BOTO_PYTHON ?? '', ['-c', BOTO], { env: environmentOf(world) });
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
