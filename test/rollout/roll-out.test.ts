import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { connect } from '../../src/aws/client.ts';
import { openEcs } from '../../src/aws/ecs.ts';
import type { Ecs } from '../../src/aws/ecs.ts';
import { describeRevision } from '../../src/aws/revisions.ts';
import { describeService } from '../../src/aws/services.ts';
import { primaryOf } from '../../src/core/ecs.ts';
import { EcsDeployError } from '../../src/errors.ts';
import type { Event } from '../../src/events.ts';
import { rollOut } from '../../src/rollout/move.ts';
import type { Move, RolloutSettings } from '../../src/rollout/move.ts';
import { registerDrafts } from '../../src/rollout/register.ts';
import type { Fault } from '../../src/sandbox/ecs/faults.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { awsFault } from '../../src/sandbox/wire.ts';
import { httpProxy } from '../support/proxies.ts';

const SERVICE = 'hyeon9mak-service-dev';
const SETTINGS: RolloutSettings = {
  poll: 15,
  timeout: 20_000,
  maxFailures: 3,
  onFailure: 'exit',
  force: false,
  noWait: false,
  detachOnInterrupt: false,
  until: 'finished',
};

/** Answers a call in place of AWS and returns true; `carryOut` lets AWS act on it all the same. */
type Break = (
  action: string,
  count: number,
  answer: ServerResponse,
  carryOut: () => Promise<unknown>,
) => boolean;

/** Never answers some calls; `reached` is resolved with the first of them. */
function hold(isHeld: (action: string, count: number) => boolean) {
  let reach = () => {};
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const breaks: Break = (action, count) => {
    if (!isHeld(action, count)) return false;
    reach();
    return true;
  };
  return { breaks, reached };
}

interface World {
  readonly sandbox: Sandbox;
  readonly ecs: Ecs;
  readonly events: Event[];
  readonly interrupt: AbortController;
  readonly move: (more?: Partial<Move>) => Promise<Move>;
  readonly run: (
    moves: readonly Move[],
    more?: Partial<RolloutSettings>,
  ) => ReturnType<typeof rollOut>;
}

async function makeWorld(faults: readonly Fault[] = [], breaks?: Break): Promise<World> {
  const sandbox = await startSandbox({ speed: 600, scenarios: [{ faults, trouble: [] }] });
  onTestFinished(() => sandbox.close());
  const counts = new Map<string, number>();
  const meddle = (request: IncomingMessage, response: ServerResponse): boolean => {
    const action = String(request.headers['x-amz-target']).replace(/^.*\./, '');
    const count = (counts.get(action) ?? 0) + 1;
    counts.set(action, count);
    const carryOut = async () =>
      fetch(sandbox.url, {
        method: 'POST',
        headers: request.headers as Record<string, string>,
        body: await text(request),
      });
    return breaks?.(action, count, response, carryOut) ?? false;
  };
  const host = await httpProxy({ host: new URL(sandbox.url).host }, meddle);
  vi.stubEnv('AWS_ENDPOINT_URL', `http://${host}`);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  for (const [name, value] of Object.entries(sandbox.environment)) {
    if (name !== 'AWS_ENDPOINT_URL') vi.stubEnv(name, value);
  }
  const interrupt = new AbortController();
  const aws = await connect({
    profile: undefined,
    region: undefined,
    environment: process.env,
    ask: undefined,
    onCall: () => undefined,
    signal: interrupt.signal,
  });
  const ecs = await openEcs(aws);
  const events: Event[] = [];
  const tools = { ecs, emit: (event: Event) => events.push(event), signal: interrupt.signal };
  const service = await describeService(ecs, { cluster: 'backend', service: SERVICE });
  const { definition } = await describeRevision(ecs, service.taskDefinition);
  const next = { ...definition, cpu: '1024', memory: '2048' };
  const [registration] = await registerDrafts(tools, [{ definition: next, origin: undefined }]);
  const revision = registration?.arn ?? '';
  return {
    sandbox,
    ecs,
    events,
    interrupt,
    move: async (more = {}) => ({
      service: await describeService(ecs, { cluster: 'backend', service: SERVICE }),
      revision,
      definition: next,
      previous: service.taskDefinition,
      registered: true,
      containers: [],
      way: 'move',
      ...more,
    }),
    run: (moves, more = {}) => rollOut(tools, { ...SETTINGS, ...more }, moves),
  };
}

/** The new tasks fail, and the circuit breaker never trips. */
const NEVER_ENDS: readonly Fault[] = [{ name: 'image-gone' }, { name: 'stall' }];

const kinds = ({ events }: World) => events.map(({ kind }) => kind);
const updates = ({ sandbox }: World) =>
  sandbox.calls.filter(({ action }) => action === 'ecs:UpdateService').length;

/** Answers that are none of AWS. */
const ODD: Readonly<Record<string, (answer: ServerResponse) => void>> = {
  'cut in the middle': (answer) => {
    answer.writeHead(200, { 'content-type': 'application/x-amz-json-1.1', connection: 'close' });
    answer.end('{"services":[{"serviceName":');
  },
  'an HTML page': (answer) => {
    answer.writeHead(200, { 'content-type': 'text/html' });
    answer.end('<html>login</html>');
  },
  reset: (answer) => answer.destroy(),
  '503': (answer) => {
    answer.writeHead(503);
    answer.end('busy');
  },
  'nothing at all': (answer) => answer.end('{}'),
  'a null service': (answer) => answer.end('{"services":[null]}'),
  'a null deployment': (answer) =>
    answer.end(
      '{"services":[{"serviceName":"s","serviceArn":"a","clusterArn":"c","status":"ACTIVE","deployments":[null]}]}',
    ),
};

describe('one odd answer in the watch is ridden out, and told once', () => {
  test.each(Object.keys(ODD))('%s', async (name) => {
    let polls = 0;
    const world = await makeWorld([], (action, _, answer) => {
      if (action !== 'DescribeServices' || (polls += 1) !== 5) return false;
      ODD[name]?.(answer);
      return true;
    });
    const results = await world.run([await world.move()]);
    expect(results).toMatchObject([{ outcome: 'succeeded' }]);
    expect(kinds(world).filter((kind) => kind === 'error')).toEqual([]);
  });
});

// A call that is never answered ends after 30 s.
const SOON = { timeout: 15_000 };

test('a watch that AWS never answers ends with the time limit', SOON, async () => {
  const world = await makeWorld([], (action, count) => action === 'DescribeServices' && count > 4);
  const results = await world.run([await world.move()], { timeout: 400 });
  expect(results).toMatchObject([{ outcome: 'timed-out' }]);
});

test('an interrupt ends a watch that AWS never answers, with its result', SOON, async () => {
  const held = hold((action, count) => action === 'DescribeServices' && count > 4);
  const world = await makeWorld([], held.breaks);
  const running = world.run([await world.move()], { detachOnInterrupt: true });
  await held.reached;
  world.interrupt.abort();
  expect(await running).toMatchObject([{ outcome: 'interrupted', deployment: expect.any(String) }]);
  const ended = world.events.find(({ kind }) => kind === 'service-ended');
  expect(ended).toMatchObject({ detached: true });
});

test('a rollout that ECS no longer tries is given up, although its circuit breaker is on', async () => {
  const world = await makeWorld(NEVER_ENDS);
  const results = await world.run([await world.move()], { poll: 5 });
  expect(results).toMatchObject([{ outcome: 'failed', causes: [{ code: 'image-not-found' }] }]);
  expect(world.events.find(({ kind }) => kind === 'service-ended')).toMatchObject({
    reason: 'ECS starts no more tasks, and its circuit breaker has not rolled back',
  });
});

describe('UpdateService', () => {
  test('that is refused for every service throws, and says that nothing changed', async () => {
    const world = await makeWorld();
    world.sandbox.fail('ecs:UpdateService', awsFault('InvalidParameterException', 'No.'));
    await expect(world.run([await world.move()])).rejects.toMatchObject({
      code: 'aws-rejected',
      message: expect.stringContaining(
        'was registered, but not deployed: the service is as it was.',
      ),
    });
  });

  test('that is refused beside a service that moved is a failure', async () => {
    const world = await makeWorld();
    const good = await world.move();
    const bad = { ...good, service: { ...good.service, name: 'missing' } };
    const results = await world.run([bad, good]);
    expect(results.map(({ outcome }) => outcome)).toEqual(['failed', 'succeeded']);
    expect(kinds(world).indexOf('error')).toBeLessThan(kinds(world).indexOf('service-ended'));
  });

  test('whose answer is lost for good is unknown', async () => {
    // No pause between the attempts.
    const random = vi.spyOn(Math, 'random').mockReturnValue(0);
    onTestFinished(() => random.mockRestore());
    let isLost = false;
    const world = await makeWorld([], (action, _, answer) => {
      isLost ||= action === 'UpdateService';
      if (!isLost) return false;
      answer.destroy();
      return true;
    });
    const results = await world.run([await world.move()]);
    expect(results).toMatchObject([{ outcome: 'unknown', deployment: null }]);
    expect(world.events.at(-1)).toMatchObject({
      kind: 'error',
      error: {
        code: 'sight-lost',
        hint: expect.stringContaining('ecsdeploy rollback --cluster backend'),
      },
    });
  });

  test('that is never answered ends soon after an interrupt, as interrupted', async () => {
    const held = hold((action) => action === 'UpdateService');
    const world = await makeWorld([], held.breaks);
    const running = world.run([await world.move()]);
    await held.reached;
    world.interrupt.abort(new EcsDeployError({ code: 'interrupted', message: 'Interrupted.' }));
    expect(await running).toMatchObject([{ outcome: 'interrupted' }]);
    expect(kinds(world)).toContain('error');
  });

  test('is not sent after an interrupt', async () => {
    const world = await makeWorld();
    const move = await world.move();
    world.interrupt.abort(new EcsDeployError({ code: 'interrupted', message: 'Interrupted.' }));
    await expect(world.run([move])).rejects.toMatchObject({
      code: 'interrupted',
      message: 'Interrupted before the service was changed.',
    });
    expect(updates(world)).toBe(0);
  });
});

describe('ways', () => {
  test('stay and follow change nothing where nothing is in progress', async () => {
    const world = await makeWorld();
    const moves = [await world.move({ way: 'stay' }), await world.move({ way: 'follow' })];
    expect(await world.run(moves)).toMatchObject([
      { outcome: 'unchanged' },
      { outcome: 'unchanged' },
    ]);
    expect([updates(world), kinds(world).slice(-2)]).toEqual([
      0,
      ['rollout-unchanged', 'rollout-unchanged'],
    ]);
  });

  test('a service that is not waited for is unknown, and names its deployment', async () => {
    const world = await makeWorld();
    const results = await world.run([await world.move()], { noWait: true });
    expect(results).toMatchObject([{ outcome: 'unknown', deployment: expect.any(String) }]);
    const again = await world.move({ way: 'follow' });
    expect(await world.run([again])).toMatchObject([
      { outcome: 'succeeded', deployment: primaryOf(again.service)?.id },
    ]);
  });

  test('stop rolls the deployment in progress back', async () => {
    const world = await makeWorld(NEVER_ENDS);
    await world.run([await world.move()], { noWait: true });
    const results = await world.run([await world.move({ way: 'stop' })]);
    expect(results).toMatchObject([
      { outcome: 'succeeded', taskDefinition: expect.stringMatching(/:1$/) },
    ]);
    expect(kinds(world)).toContain('rolling-back');
    expect(world.sandbox.calls.map(({ action }) => action)).toContain('ecs:StopServiceDeployment');
  });
});

describe('an interrupt of a rollback that AWS never answers', () => {
  test.each(['StopServiceDeployment', 'UpdateService'])('%s', async (struck) => {
    let isArmed = false;
    const held = hold((action) => isArmed && action === struck);
    const world = await makeWorld(NEVER_ENDS, held.breaks);
    await world.run([await world.move()], { noWait: true });
    if (struck === 'UpdateService') {
      world.sandbox.fail('ecs:StopServiceDeployment', awsFault('ConflictException', 'No.'));
    }
    isArmed = true;
    const running = world.run([await world.move({ way: 'stop' })]);
    await held.reached;
    world.interrupt.abort(new EcsDeployError({ code: 'interrupted', message: 'Interrupted.' }));
    expect(await running).toMatchObject([{ outcome: 'interrupted' }]);
    expect(world.events.at(-1)).toMatchObject({ kind: 'error', error: { code: 'sight-lost' } });
  });
});

describe('a rollback whose answer is lost', () => {
  test.each(['reset', '503', 'an HTML page'])('%s: the watch goes on to its end', async (name) => {
    const world = await makeWorld([{ name: 'image-gone' }], (action, _, answer, carryOut) => {
      if (action !== 'StopServiceDeployment') return false;
      void carryOut().finally(() => ODD[name]?.(answer));
      return true;
    });
    const results = await world.run([await world.move()], { onFailure: 'rollback' });
    expect(results).toMatchObject([
      { outcome: 'rolled-back', causes: [{ code: 'image-not-found' }] },
    ]);
  });
});

test('registrations that are left behind are named', async () => {
  const world = await makeWorld();
  const { definition } = await world.move();
  world.sandbox.fail('ecs:RegisterTaskDefinition', awsFault('ClientException', 'No.'), 1);
  const drafts = ['a', 'b'].map((family) => ({
    definition: { ...definition, family },
    origin: undefined,
  }));
  const tools = { ecs: world.ecs, emit: () => undefined };
  await expect(registerDrafts(tools, drafts)).rejects.toMatchObject({
    code: 'aws-rejected',
    message: expect.stringMatching(/ [ab]:1 was registered, but not deployed\.$/),
  });
});
