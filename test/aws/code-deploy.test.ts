import type { ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import {
  appSpecOf,
  createDeployment,
  pastDeployments,
  readCodeDeploy,
  stopDeployment,
} from '../../src/aws/code-deploy.ts';
import type { CreateRequest } from '../../src/aws/code-deploy.ts';
import { aGroup, codeDeployment, codeDeployService } from '../support/code-deploy-types.ts';
import { serveAws } from '../support/aws.ts';

/** What becomes of one attempt of a call that changes something. */
type Attempt = 'lost' | 'withheld' | 'refused' | 'throttled' | 'busy' | 'odd' | 'done';

const NAMES = { applicationName: 'AppECS-backend-api', deploymentGroupName: 'DgpECS-backend-api' };
const info = (deploymentId: string, more: object = {}) => ({
  ...NAMES,
  deploymentId,
  status: 'InProgress',
  createTime: 1_790_000_000,
  revision: { revisionType: 'AppSpecContent', appSpecContent: { sha256: 'f' } },
  ...more,
});

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
  response.end(JSON.stringify(body));
}

const refuse = (response: ServerResponse, name: string, message = name) =>
  send(response, 400, { __type: name, message });

/** A CodeDeploy that breaks its answers to changes in a given order, and its reads where told. */
async function serve(attempts: readonly Attempt[], { isReadable = true, hidden = 0 } = {}) {
  const deployments: object[] = [];
  const sent: string[] = [];
  let lists = 0;
  const aws = await serveAws((request, response) => {
    void (async () => {
      const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
      const input = JSON.parse(await text(request)) as Record<string, unknown>;
      if (operation === 'CreateDeployment' || operation === 'StopDeployment') {
        const attempt = attempts[sent.length] ?? 'refused';
        sent.push(operation);
        if (['lost', 'odd', 'done'].includes(attempt)) {
          deployments.push(info('d-NEW', { description: input['description'] }));
        }
        if (attempt === 'done') send(response, 200, { deploymentId: 'd-NEW', status: 'Pending' });
        else if (attempt === 'odd') send(response, 200, {});
        else if (attempt === 'refused') refuse(response, 'InvalidECSServiceException');
        else if (attempt === 'throttled') refuse(response, 'ThrottlingException');
        else if (attempt === 'busy') {
          refuse(response, 'DeploymentLimitExceededException', "an active Deployment 'd-OTHER'");
        } else response.destroy();
      } else if (!isReadable) response.destroy();
      else if (operation === 'ListDeployments') {
        lists += 1;
        send(response, 200, { deployments: lists > hidden ? ['d-NEW', 'd-OTHER'] : ['d-OTHER'] });
      } else if (operation === 'BatchGetDeployments') {
        const ids = input['deploymentIds'] as string[];
        const found = ids.includes('d-NEW') ? deployments : [];
        const other = info('d-OTHER', { description: 'of someone else', createTime: 1 });
        send(response, 200, { deploymentsInfo: [...found, other] });
      } else send(response, 200, { deploymentInfo: info('d-NEW') });
    })();
  });
  return { aws, sent };
}

const SERVICE = codeDeployService([1]);
const REQUEST: CreateRequest = {
  group: aGroup(),
  taskDefinition: 'arn:aws:ecs:eu-west-1:1:task-definition/api:2',
  appSpec: '{}',
  poll: 1,
};

beforeEach(() => {
  // No pause between attempts.
  vi.spyOn(Math, 'random').mockReturnValue(0);
  return () => void vi.restoreAllMocks();
});

describe('CreateDeployment', () => {
  test.each<[string, readonly Attempt[], { kind: string; calls: number }]>([
    ['answered', ['done'], { kind: 'moved', calls: 1 }],
    ['refused', ['refused'], { kind: 'not-moved', calls: 1 }],
    ['refused for another deployment', ['busy'], { kind: 'not-moved', calls: 1 }],
    ['throttled, then answered', ['throttled', 'throttled', 'done'], { kind: 'moved', calls: 3 }],
    ['throttled to the end', Array(5).fill('throttled'), { kind: 'not-moved', calls: 5 }],
    ['carried out without an answer', ['lost'], { kind: 'moved', calls: 1 }],
    ['carried out with half an answer', ['odd'], { kind: 'moved', calls: 1 }],
    ['lost on its way', ['withheld', 'done'], { kind: 'not-moved', calls: 1 }],
    ['throttled, then lost on its way', ['throttled', 'withheld'], { kind: 'not-moved', calls: 2 }],
  ])('%s', async (_, attempts, { kind, calls }) => {
    const { aws, sent } = await serve(attempts);
    const answer = await createDeployment(aws, SERVICE, REQUEST);
    const moved = { kind, primary: { id: 'd-NEW', taskDefinition: REQUEST.taskDefinition } };
    expect(answer).toMatchObject(kind === 'moved' ? moved : { kind });
    expect(sent).toHaveLength(calls);
  });

  test('a deployment that the list shows late is still found', async () => {
    const { aws, sent } = await serve(['lost'], { hidden: 2 });
    expect((await createDeployment(aws, SERVICE, REQUEST)).kind).toBe('moved');
    expect(sent).toHaveLength(1);
  });

  test('without an answer and without a read, nobody knows', async () => {
    const { aws, sent } = await serve(['lost', 'done'], { isReadable: false });
    expect(await createDeployment(aws, SERVICE, REQUEST)).toMatchObject({
      kind: 'unknown',
      error: { code: 'sight-lost' },
    });
    expect(sent).toHaveLength(1);
  });
});

test.each<[readonly Attempt[], string]>([
  [['done'], 'stopped'],
  [['lost', 'done'], 'stopped'],
  [['lost', 'refused'], 'unknown'],
  [['lost', 'lost', 'lost'], 'unknown'],
])('StopDeployment after %j', async (attempts, answer) => {
  const { aws } = await serve(attempts);
  expect(await stopDeployment(aws, 'd-NEW')).toBe(answer);
});

test('an AppSpec is read by its hash where the deployment comes without it', async () => {
  const asked: unknown[] = [];
  const aws = await serveAws((request, response) => {
    void (async () => {
      asked.push(JSON.parse(await text(request)));
      send(response, 200, { revision: { appSpecContent: { content: 'version: 0.0' } } });
    })();
  });
  const { appSpec } = codeDeployment(1);
  expect(await appSpecOf(aws, { application: 'shop', appSpec })).toBe('version: 0.0');
  expect(asked).toEqual([
    {
      applicationName: 'shop',
      revision: { revisionType: 'AppSpecContent', appSpecContent: { sha256: 'f' } },
    },
  ]);
});

test.each([
  [24, undefined, 24, false],
  [25, undefined, 25, false],
  [25, 'next', 25, true],
  [30, undefined, 25, true],
])(
  'of %d deployments in a page and the token %s, %d are read',
  async (listed, nextToken, read, hasOlder) => {
    const aws = await serveAws((request, response) => {
      void (async () => {
        const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
        const { deploymentIds = [] } = JSON.parse(await text(request)) as {
          deploymentIds?: string[];
        };
        if (operation === 'ListDeployments') {
          send(response, 200, {
            deployments: Array.from({ length: listed }, (_, id) => `d-${id}`),
            nextToken,
          });
        } else if (operation === 'BatchGetDeployments') {
          send(response, 200, { deploymentsInfo: deploymentIds.map((id) => info(id)) });
        } else send(response, 200, { revision: { appSpecContent: { content: '{}' } } });
      })();
    });
    const past = await pastDeployments(aws, SERVICE, aGroup());
    expect(past.rollouts).toHaveLength(read);
    expect(past.hasOlder).toBe(hasOlder);
  },
);

test('a deployment without a target yet has no events, and half an answer is none', async () => {
  const aws = await serveAws((request, response) => {
    request.resume();
    const isTarget = String(request.headers['x-amz-target']).endsWith('GetDeploymentTarget');
    if (isTarget) refuse(response, 'DeploymentNotStartedException');
    else send(response, 200, { deploymentInfo: info('d-NEW') });
  });
  expect(await readCodeDeploy(aws, SERVICE, 'd-NEW')).toMatchObject({
    deployment: { id: 'd-NEW', status: 'InProgress' },
    events: [],
    taskSets: [],
  });
  const broken = await serveAws((request, response) => {
    request.resume();
    send(response, 200, {});
  });
  await expect(readCodeDeploy(broken, SERVICE, 'd-NEW')).rejects.toMatchObject({
    code: 'aws-answer-broken',
  });
});
