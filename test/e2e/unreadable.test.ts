import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { readResult } from '../support/cli.ts';
import { httpProxy } from '../support/proxies.ts';
import { CONFIG, makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

const SECRET =
  'arn:aws:secretsmanager:ap-northeast-2:111122223333:secret:hyeon9mak/database-AbCdEf';

/** A definition that every look-up is made for; all it names exists. */
const DEFINITION = {
  family: 'hyeon9mak-task-dev',
  networkMode: 'awsvpc',
  requiresCompatibilities: ['FARGATE'],
  cpu: '512',
  memory: '1024',
  executionRoleArn: 'arn:aws:iam::111122223333:role/ecsTaskExecutionRole',
  containerDefinitions: [
    {
      name: 'hyeon9mak-container',
      image: 'busybox:1',
      secrets: [
        { name: 'SECRET', valueFrom: SECRET },
        ...Array.from({ length: 40 }, (_, n) => ({ name: `P${n}`, valueFrom: `/app/p${n}` })),
      ],
      logConfiguration: {
        logDriver: 'awslogs',
        options: {
          'awslogs-group': '/ecs/hyeon9mak-task-dev',
          'awslogs-region': 'ap-northeast-2',
          'awslogs-stream-prefix': 'app',
        },
      },
    },
  ],
};

/** Reads that only checks need, and the members of their answers. */
const READS: Readonly<Record<string, string>> = {
  DescribeLogGroups: 'logGroups',
  DescribeSecret: 'ARN',
  DescribeParameters: 'Parameters',
  DescribeImages: 'imageDetails',
  BatchGetImage: 'images',
  GetDownloadUrlForLayer: 'downloadUrl',
};

type Answer = (response: ServerResponse, action: string) => void;

const exception =
  (name: string, status = 400): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify({ __type: name, message: `said ${name}` }));
  };

const body =
  (text: (member: string) => string, status = 200): Answer =>
  (response, action) =>
    void response.writeHead(status).end(text(READS[action] ?? ''));

/** Answers that say nothing about what is looked at. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  throttled: exception('ThrottlingException'),
  denied: exception('AccessDeniedException'),
  'not valid': exception('ValidationException'),
  'a wrong parameter': exception('InvalidParameterException'),
  'a name nobody knows': exception('BrandNewException'),
  unsupported: exception('UnknownOperationException'),
  'a fault of the server': exception('InternalServerError', 500),
  'a page with 503': body(() => '<html>busy</html>', 503),
  'a page with 404': body(() => '<html>gone</html>', 404),
  'a page with 200': body(() => '<html>log in</html>'),
  'an empty object': body(() => '{}'),
  nothing: body(() => ''),
  'a list of null': body((member) => JSON.stringify({ [member]: [null] })),
  'another type': body((member) => JSON.stringify({ [member]: 7 })),
  'a lost connection': (response) => void response.destroy(),
};

/** An endpoint that answers these actions itself, and how often it did. */
async function endpoint(world: World, answer: Answer, actions: readonly string[]) {
  const calls: string[] = [];
  const host = await httpProxy({ host: new URL(world.sandbox.url).host }, (request, response) => {
    const action = String(request.headers['x-amz-target']).split('.')[1] ?? '';
    if (!actions.includes(action)) return false;
    calls.push(action);
    answer(response, action);
    return true;
  });
  return { environment: { AWS_ENDPOINT_URL: `http://${host}` }, calls };
}

const openWorld = () =>
  makeWorld({
    files: {
      'all.json': JSON.stringify(DEFINITION),
      '.ecsdeployrc': `${CONFIG}taskDefinition: all.json\n`,
    },
  });

describe('a check that cannot look', () => {
  test.each(Object.entries(ANSWERS))('is a warning, whatever answers: %s', async (_, answer) => {
    const world = await openWorld();
    const { environment, calls } = await endpoint(world, answer, Object.keys(READS));
    const image = `${world.sandbox.registryHost}/hyeon9mak-dev:first`;
    const args = ['--image', image];
    const verified = await world.run(['verify', '--json', ...args], { environment });
    expect(verified.status, verified.stderr).toBe(0);
    const { checks = [] } = readResult(verified);
    const statusOf = Object.fromEntries(checks.map(({ check, status }) => [check, status]));
    expect(statusOf).toMatchObject({ 'log-groups': 'warn', secrets: 'warn' });
    expect(checks.filter(({ status }) => status === 'fail')).toEqual([]);
    // A few calls, each with the patience of the SDK.
    expect(calls.filter((action) => action === 'DescribeParameters').length).toBeLessThan(5);
    const deployed = await world.run(['deploy', ...args], { environment });
    expect(deployed.status, deployed.stderr).toBe(0);
  });

  test.each(['deploy', 'rollout', 'rollback'])('never keeps %s from its work', async (command) => {
    const world = await makeWorld();
    expect((await world.run(['deploy'])).status).toBe(0);
    const { environment } = await endpoint(
      world,
      exception('ValidationException'),
      Object.keys(READS).filter((action) => action !== 'BatchGetImage'),
    );
    const end = await world.run([command], { environment });
    expect(end.status, end.stderr).toBe(0);
  });

  test('a page of many parameters is one call', async () => {
    const world = await openWorld();
    world.writes();
    const before = world.sandbox.calls.length;
    await world.run(['verify']);
    const calls = world.sandbox.calls.slice(before).map(({ action }) => action);
    expect(calls.filter((action) => action === 'ssm:DescribeParameters')).toHaveLength(1);
  });
});
