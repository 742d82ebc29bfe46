import { expect, onTestFinished, test } from 'vitest';
import { SERVED } from '../../src/sandbox/members.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import type { Gap } from '../../src/sandbox/server.ts';
import { SERVICE_MODELS } from '../support/service-models.ts';

async function makeSandbox() {
  const gaps: Gap[] = [];
  const sandbox = await startSandbox({ speed: 1000, onGap: (gap) => gaps.push(gap) });
  onTestFinished(sandbox.close);
  const call = (service: string, body: string, headers: Record<string, string>) =>
    fetch(sandbox.url, {
      method: 'POST',
      headers: {
        authorization: `AWS4-HMAC-SHA256 Credential=AKIA/20260101/ap-northeast-2/${service}/aws4_request, SignedHeaders=host, Signature=0`,
        ...headers,
      },
      body,
    });
  return { gaps, sandbox, call };
}

test('every operation of the table is served, and no other', async () => {
  const { gaps, call } = await makeSandbox();
  for (const [service, { prefix, operations }] of Object.entries(SERVICE_MODELS)) {
    // EventBridge Scheduler has paths in place of names.
    if (prefix === 'rest') continue;
    for (const name of operations.keys()) {
      const answer =
        prefix === 'query'
          ? call(service, `Action=${name}&Version=1`, {})
          : call(service, '{}', { 'x-amz-target': `${prefix}.${name}` });
      await (await answer).arrayBuffer();
    }
    const refused = gaps.splice(0).map(({ action }) => action.split(':')[1]);
    const expected = [...operations.keys()].filter((name) => !(name in (SERVED[service] ?? {})));
    expect(refused, service).toEqual(expected);
  }
});

test('the table names members that AWS has', () => {
  // Scheduler has one more name in its query string than in its model.
  const aliases = new Set(['ScheduleGroup']);
  for (const [service, rows] of Object.entries(SERVED)) {
    const { operations } = SERVICE_MODELS[service] ?? { operations: new Map<string, string[]>() };
    for (const [name, { modelled, kept }] of Object.entries(rows)) {
      const known = operations.get(name) ?? [];
      const unknown = [...modelled, ...kept].filter((key) => !known.includes(key));
      expect(
        unknown.filter((key) => !aliases.has(key)),
        name,
      ).toEqual([]);
    }
  }
});

test('members that the sandbox ignores are named', async () => {
  const { gaps, call } = await makeSandbox();
  const body = JSON.stringify({ cluster: 'backend', containerInstance: 'a'.repeat(32) });
  const target = { 'x-amz-target': 'AmazonEC2ContainerServiceV20141113.ListTasks' };
  const answer = await call('ecs', body, target);
  expect(((await answer.json()) as { taskArns: string[] }).taskArns).toHaveLength(2);
  expect(gaps).toEqual([{ action: 'ecs:ListTasks', members: ['containerInstance'] }]);
});

test.each([
  ['ecs', 'AmazonEC2ContainerServiceV20141113.constructor', '{}', '"__type":"UnknownOperation'],
  ['ecs', 'AmazonEC2ContainerServiceV20141113.hasOwnProperty', '{}', '"__type":"UnknownOperation'],
  ['dynamodb', 'DynamoDB_20120810.ListTables', '{}', '"__type":"UnknownOperation'],
  ['ec2', undefined, 'Action=DescribeSubnets&Version=1', '<Response><Errors><Error><Code>Invalid'],
  ['iam', undefined, 'Action=ListRoles&Version=1', '<Error><Type>Sender</Type><Code>InvalidAction'],
  ['s3', undefined, '', '<Error><Code>UnknownOperation'],
  ['lambda', undefined, '{}', '{"Message":"The sandbox does not model lambda:POST /'],
])('an unknown operation of %s is refused in its protocol', async (service, target, body, text) => {
  const { gaps, call } = await makeSandbox();
  const headers = target === undefined ? {} : { 'x-amz-target': target };
  const answer = await call(service, body, headers as Record<string, string>);
  expect(answer.status).toBe(400);
  expect(await answer.text()).toContain(text);
  expect(gaps).toHaveLength(1);
});
