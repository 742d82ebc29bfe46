import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { openEcs } from '../../src/aws/ecs.ts';
import { describeExpress, updateExpress } from '../../src/aws/express.ts';
import { describeService } from '../../src/aws/services.ts';
import { serveAws } from '../support/aws.ts';

const ARN = 'arn:aws:ecs:eu-west-1:111122223333';
const SERVICE = `${ARN}:service/c/web`;
const revisionArn = (revision: number) => `${ARN}:task-definition/c-web:${revision}`;

/** What becomes of one UpdateExpressGatewayService; `other`: someone else's update comes instead. */
type Attempt = 'answered' | 'lost' | 'odd' | 'cut' | 'other' | 'refused';

const definitionOf = (image: string) => ({
  family: 'c-web',
  containerDefinitions: [{ name: 'Main', image }],
});

/** An Express service of which each update has its own fate; counts the updates that were sent. */
async function play(attempts: readonly Attempt[], managed: boolean) {
  const images = ['old:1'];
  let sent = 0;
  const aws = await serveAws((request, response) => {
    void text(request).then((body) => {
      const call = String(request.headers['x-amz-target']).split('.')[1];
      const send = (answer: unknown, status = 200) => {
        response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
        response.end(JSON.stringify(answer));
      };
      if (call === 'DescribeServices') {
        const [id, taskDefinition] = [`ecs-svc/${images.length}`, revisionArn(images.length)];
        return send({
          services: [
            {
              serviceArn: SERVICE,
              serviceName: 'web',
              clusterArn: `${ARN}:cluster/c`,
              status: 'ACTIVE',
              resourceManagementType: 'ECS',
              taskDefinition,
              deployments: [{ id, status: 'PRIMARY', taskDefinition }],
            },
          ],
        });
      }
      if (call === 'DescribeTaskDefinition') {
        const taskDefinitionArn = revisionArn(images.length);
        const definition = definitionOf(images.at(-1) ?? '');
        return send({ taskDefinition: { ...definition, taskDefinitionArn, status: 'ACTIVE' } });
      }
      const attempt = attempts[sent] ?? 'answered';
      sent += 1;
      if (attempt === 'refused') {
        return send({ __type: 'ServiceNotActiveException', message: 'Service is DRAINING' }, 400);
      }
      if (attempt === 'cut') return response.destroy();
      const input = JSON.parse(body) as { primaryContainer?: { image: string } };
      images.push(attempt === 'other' ? 'other:1' : (input.primaryContainer?.image ?? 'new:1'));
      if (attempt === 'lost' || attempt === 'other') return response.destroy();
      const targetConfiguration = {
        serviceRevisionArn: `${ARN}:service-revision/c/web/${images.length}`,
        taskDefinitionArn: revisionArn(images.length),
        createdAt: 1_795_000_000,
      };
      const service = { serviceArn: SERVICE, targetConfiguration };
      return send({ service: attempt === 'odd' ? { serviceArn: SERVICE } : service });
    });
  });
  const ecs = await openEcs(aws);
  const before = await describeService(ecs, { cluster: 'c', service: 'web' });
  const answer = await updateExpress(ecs, before, {
    taskDefinition: managed ? undefined : revisionArn(2),
    definition: definitionOf('new:1'),
    members: managed
      ? { primaryContainer: { image: 'new:1' } }
      : { taskDefinitionArn: revisionArn(2) },
    poll: 1,
  });
  return { before, answer, sent: () => sent };
}

test.each<readonly [Attempt[], string, number]>([
  [['answered'], 'moved', 1],
  [['lost'], 'moved', 1],
  [['odd'], 'moved', 1],
  [['cut', 'cut', 'answered'], 'moved', 3],
  [['cut', 'cut', 'cut', 'cut', 'cut'], 'not-moved', 5],
  [['refused'], 'not-moved', 1],
  [['cut', 'refused'], 'not-moved', 2],
  [['lost', 'refused'], 'moved', 1],
])('an update of an Express service that is %j: %s after %d', async (attempts, kind, count) => {
  for (const managed of [true, false]) {
    const { before, answer, sent } = await play(attempts, managed);
    expect(before.isExpress).toBe(true);
    expect([answer.kind, sent()]).toEqual([kind, count]);
    if (answer.kind !== 'moved') continue;
    expect(answer.primary).toMatchObject({ id: 'ecs-svc/2', taskDefinition: revisionArn(2) });
  }
});

test("somebody else's update in place of a lost one is not taken for it", async () => {
  const { answer } = await play(['other', 'refused'], true);
  expect(answer.kind).toBe('unknown');
  expect(answer).toMatchObject({
    error: { message: expect.stringContaining('UpdateExpressGatewayService of web was lost') },
  });
});

test('the configuration keeps members that no SDK knows', async () => {
  const configuration = {
    taskDefinitionArn: revisionArn(1),
    later: { kept: [''] },
    ingressPaths: [
      { accessType: 'PRIVATE', endpoint: 'inside' },
      { accessType: 'PUBLIC', endpoint: 'outside' },
    ],
  };
  const aws = await serveAws((_, response) => {
    response.end(JSON.stringify({ service: { activeConfigurations: [configuration] } }));
  });
  expect(await describeExpress(await openEcs(aws), { arn: SERVICE })).toEqual({
    taskDefinition: revisionArn(1),
    members: configuration,
    endpoint: 'outside',
  });
});

test('an answer without a configuration is a broken one', async () => {
  const aws = await serveAws((_, response) => response.end('{"service":{}}'));
  await expect(describeExpress(await openEcs(aws), { arn: SERVICE })).rejects.toThrow(
    'AWS sent an incomplete answer to ecs:DescribeExpressGatewayService',
  );
});
