import { setMaxListeners } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { connect } from '../../src/aws/client.ts';
import { openEcs } from '../../src/aws/ecs.ts';
import type { Ecs } from '../../src/aws/ecs.ts';
import { describeService, updateService } from '../../src/aws/services.ts';

/** What becomes of one attempt of UpdateService. */
type Attempt = 'lost' | 'withheld' | 'refused' | 'throttled' | 'odd' | 'odd, withheld';

/** One service of a server that breaks its answers in a given order. */
interface Script {
  readonly attempts: readonly Attempt[];
  readonly isReadable: boolean;
  /** The service in the answer to an odd attempt. */
  readonly shape: (service: ReturnType<typeof view>) => unknown;
  /** Reads that still show the first state. */
  readonly stale?: number;
  sent: number;
  /** Deployments that were started; the first one is older than the script. */
  started: number;
  revision: number;
  reads: number;
}

const ARN = 'arn:aws:ecs:eu-west-1:111122223333';
const revisionArn = (revision: number) => `${ARN}:task-definition/app:${revision}`;

const scripts = new Map<string, Script>();
const server = createServer((request, response) => {
  void respond(request, response);
});

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const input = JSON.parse(await text(request)) as Input;
  const isUpdate = String(request.headers['x-amz-target']).endsWith('.UpdateService');
  (isUpdate ? answerUpdate : answerRead)(input, response);
}

interface Input {
  readonly service?: string;
  readonly services?: readonly string[];
  readonly taskDefinition?: string;
}

function view(name: string, { revision, started }: Pick<Script, 'revision' | 'started'>) {
  return {
    serviceArn: `${ARN}:service/c/${name}`,
    serviceName: name,
    clusterArn: `${ARN}:cluster/c`,
    status: 'ACTIVE',
    taskDefinition: revisionArn(revision),
    deployments: [
      { id: `ecs-svc/${started}`, status: 'PRIMARY', taskDefinition: revisionArn(revision) },
    ],
  };
}

function answerRead({ services = [] }: Input, response: ServerResponse): void {
  const [name = ''] = services;
  const script = scripts.get(name);
  if (script === undefined) return;
  script.reads += 1;
  // The first read gives the state before the move.
  if (script.reads > 1 && !script.isReadable) response.destroy();
  else if (script.reads > (script.stale ?? 0))
    send(response, 200, { services: [view(name, script)] });
  else send(response, 200, { services: [view(name, { revision: 1, started: 1 })] });
}

function answerUpdate({ service = '', taskDefinition }: Input, response: ServerResponse): void {
  const script = scripts.get(service);
  if (script === undefined) return;
  const attempt = script.attempts[script.sent] ?? 'withheld';
  script.sent += 1;
  if (attempt === 'lost' || attempt === 'odd') {
    script.started += 1;
    script.revision = Number(taskDefinition?.split(':').at(-1));
  }
  if (attempt.startsWith('odd'))
    send(response, 200, { service: script.shape(view(service, script)) });
  else if (attempt === 'refused') refuse(response, 'InvalidParameterException');
  else if (attempt === 'throttled') refuse(response, 'ThrottlingException');
  else response.destroy();
}

function refuse(response: ServerResponse, name: string): void {
  send(response, 400, { __type: name, message: name });
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
  response.end(JSON.stringify(body));
}

/** A test is hundreds of sequences. */
vi.setConfig({ testTimeout: 300_000 });

const interrupt = new AbortController();
// As in a run: every call listens to it while it is under way.
setMaxListeners(0, interrupt.signal);
let ecs: Ecs;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  vi.stubEnv('AWS_PROFILE', undefined);
  // No pause between attempts.
  vi.spyOn(Math, 'random').mockReturnValue(0);
  const aws = await connect({
    profile: undefined,
    region: 'eu-west-1',
    environment: process.env,
    ask: undefined,
    onCall: () => undefined,
    signal: interrupt.signal,
  });
  ecs = await openEcs(aws);
});

afterAll(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  server.closeAllConnections();
  server.close();
});

let count = 0;

/** Adds a service, and returns its script and its state before the move. */
async function open(given: Partial<Script>) {
  count += 1;
  const service = `s${count}`;
  const script: Script = {
    attempts: [],
    isReadable: true,
    shape: (whole) => whole,
    sent: 0,
    started: 1,
    revision: 1,
    reads: 0,
    ...given,
  };
  scripts.set(service, script);
  return { script, before: await describeService(ecs, { cluster: 'c', service }) };
}

/** Moves a service to revision 2, and says what is wrong with the answer. */
async function play({ force, ...given }: Partial<Script> & { readonly force: boolean }) {
  const { script, before } = await open(given);
  const request = { taskDefinition: revisionArn(2), force, poll: 1 };
  const { kind } = await updateService(ecs, before, request);
  const { attempts, isReadable, started, sent } = script;
  const isWrong =
    (kind === 'not-moved' && started > 1) ||
    (kind === 'moved' && started === 1) ||
    (force && started > 2) ||
    // Reads that show the state leave no doubt.
    (isReadable && kind === 'unknown');
  return { sent, wrong: isWrong ? [`${attempts.slice(0, sent).join(', ')}: ${kind}`] : [] };
}

const ATTEMPTS: readonly Attempt[] = ['lost', 'withheld', 'throttled', 'refused'];

/** All sequences of `length` attempts. */
function sequences(length: number): Attempt[][] {
  if (length === 0) return [[]];
  return sequences(length - 1).flatMap((tail) => ATTEMPTS.map((attempt) => [attempt, ...tail]));
}

const CONDITIONS = [
  { isReadable: true, force: false },
  { isReadable: true, force: true },
  { isReadable: false, force: false },
  { isReadable: false, force: true },
];

test.each(CONDITIONS)(
  'no sequence of attempts ends as not moved where AWS acted: %o',
  async (condition) => {
    const wrong = await Promise.all(
      ATTEMPTS.map(async (first) => {
        // Attempts after the end make no difference.
        const played = new Set<string>();
        const found: string[] = [];
        for (const tail of sequences(4)) {
          const attempts = [first, ...tail];
          if (attempts.some((_, index) => played.has(attempts.slice(0, index + 1).join())))
            continue;
          const end = await play({ attempts, ...condition });
          played.add(attempts.slice(0, end.sent).join());
          found.push(...end.wrong);
        }
        return found;
      }),
    );
    expect(wrong.flat()).toEqual([]);
  },
);

const SHAPES: readonly Script['shape'][] = [
  () => undefined,
  () => null,
  () => ({}),
  () => [],
  () => 'service',
  ({ serviceName }) => ({ serviceName }),
  (service) => ({ ...service, deployments: undefined }),
  (service) => ({ ...service, deployments: [] }),
  (service) => ({ ...service, deployments: [null] }),
  (service) => ({ ...service, taskDefinition: undefined }),
  (service) => ({ ...service, taskDefinition: revisionArn(1) }),
  (service) => ({ ...service, taskDefinition: revisionArn(3) }),
  (service) => ({
    ...service,
    deployments: service.deployments.map((item) => ({ ...item, id: 'ecs-svc/1' })),
  }),
  (service) => ({
    ...service,
    taskDefinition: revisionArn(2),
    deployments: [{ id: 'ecs-svc/1', status: 'PRIMARY', taskDefinition: revisionArn(1) }],
  }),
  (service) => ({
    ...service,
    taskDefinition: revisionArn(2),
    deployments: [{ id: 'ecs-svc/7', status: 'ACTIVE', taskDefinition: revisionArn(2) }],
  }),
  (service) => ({
    ...service,
    clusterArn: `${ARN}:cluster/another`,
    taskDefinition: revisionArn(2),
    deployments: [{ id: 'ecs-svc/7', status: 'PRIMARY', taskDefinition: revisionArn(2) }],
  }),
  (service) => ({
    ...service,
    serviceArn: `${ARN}:service/c/another`,
    serviceName: 'another',
    taskDefinition: revisionArn(2),
    deployments: [{ ...service.deployments[0], id: 'ecs-svc/7', taskDefinition: revisionArn(2) }],
  }),
];

test.each(CONDITIONS)(
  'a success with another service than the one asked for proves nothing: %o',
  async (condition) => {
    const wrong: string[] = [];
    for (const [index, shape] of SHAPES.entries()) {
      for (const attempt of ['odd', 'odd, withheld'] as const) {
        const end = await play({ attempts: [attempt], shape, ...condition });
        wrong.push(...end.wrong.map((text) => `shape ${index}, ${text}`));
      }
    }
    expect(wrong).toEqual([]);
  },
);

test.each(CONDITIONS)(
  'an interrupt at no point makes a lost answer a refusal: %o',
  async ({ isReadable, force }) => {
    // Pauses of 100 to 400 ms between the attempts.
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.2);
    onTestFinished(() => void random.mockReturnValue(0));
    const kinds = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const { script, before } = await open({
          attempts: index % 2 === 0 ? ['lost', 'throttled', 'refused'] : ['lost', 'lost'],
          isReadable,
        });
        const options = { ...ecs.aws.options, signal: AbortSignal.timeout(20 * index) };
        const request = { taskDefinition: revisionArn(2), force, poll: 5 };
        const tools = { ...ecs, aws: { ...ecs.aws, options } };
        const { kind } = await updateService(tools, before, request);
        return { kind, started: script.started };
      }),
    );
    expect(kinds.filter(({ kind, started }) => kind === 'not-moved' && started > 1)).toEqual([]);
  },
);

test('a forced deployment is started once although reads show it late', async () => {
  const attempts = ['lost', 'lost'] as const;
  expect(await play({ attempts, stale: 4, force: true })).toEqual({ sent: 1, wrong: [] });
});

test('a service that somebody else has moved meanwhile may have been moved before', async () => {
  const { script, before } = await open({ attempts: ['withheld', 'refused'] });
  Object.assign(script, { started: 2, revision: 3 });
  const request = { taskDefinition: revisionArn(2), force: false, poll: 1 };
  expect(await updateService(ecs, before, request)).toMatchObject({ kind: 'unknown' });
});
