import {
  DescribeServiceDeploymentsCommand,
  ListServiceDeploymentsCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import type { DeploymentConfiguration, ServiceDeployment } from '@aws-sdk/client-ecs';
import { describe, expect, test } from 'vitest';
import type { ScenarioName } from '../../src/sandbox/scenarios.ts';
import { awsFault, CUT } from '../../src/sandbox/wire.ts';
import { readResult } from '../support/cli.ts';
import type { CliEnd } from '../support/cli.ts';
import { addService, makeWorld, stable } from '../support/world.ts';
import type { World } from '../support/world.ts';

const FLAGS = '--cluster backend --service hyeon9mak-service-dev';

/** A world whose deployment of revision 2 waits at its pause hook, as after the first job of a pipeline. */
async function pausedWorld(
  scenario: ScenarioName = 'paused',
): Promise<World & { readonly first: CliEnd }> {
  const world = await makeWorld({ scenario, speed: 100 });
  const first = await world.run(['deploy', '--until', 'paused', '--json']);
  expect(first.status, first.stderr).toBe(0);
  world.writes();
  return { ...world, first };
}

async function recordOf({ ecs }: World): Promise<ServiceDeployment> {
  const { serviceDeployments: [latest] = [] } = await ecs.send(
    new ListServiceDeploymentsCommand({ cluster: 'backend', service: 'hyeon9mak-service-dev' }),
  );
  const { serviceDeployments: [record] = [] } = await ecs.send(
    new DescribeServiceDeploymentsCommand({
      serviceDeploymentArns: [latest?.serviceDeploymentArn ?? ''],
    }),
  );
  if (record === undefined) throw new Error('there is no record');
  return record;
}

async function configure(
  { ecs }: World,
  deploymentConfiguration: DeploymentConfiguration,
): Promise<void> {
  const service = { cluster: 'backend', service: 'hyeon9mak-service-dev' };
  await ecs.send(new UpdateServiceCommand({ ...service, deploymentConfiguration }));
}

const hooksOf = ({ lifecycleHookDetails = [] }: ServiceDeployment) =>
  lifecycleHookDetails.map(({ status }) => status);

describe('blue/green in two jobs', () => {
  test('the first ends at the pause with 0, the second continues to the verdict', async () => {
    const { first, ...world } = await pausedWorld();
    expect(readResult(first)).toMatchObject({
      outcome: 'paused',
      services: [
        {
          outcome: 'paused',
          taskDefinition: expect.stringMatching(/:2$/),
          serving: expect.stringMatching(/:1$/),
          paused: {
            hook: expect.stringMatching(/^ecs-pause-/),
            stage: 'POST_TEST_TRAFFIC_SHIFT',
            expiresAt: expect.stringMatching(/^20.*Z$/),
          },
        },
      ],
    });
    const end = await world.run(['continue', '--json']);
    expect(end.status, end.stderr).toBe(0);
    expect(readResult(end)).toMatchObject({
      command: 'continue',
      outcome: 'succeeded',
      services: [{ outcome: 'succeeded', serving: expect.stringMatching(/:2$/), paused: null }],
    });
    expect(world.writes()).toEqual(['ecs:ContinueServiceDeployment']);
  });

  test('refused, production has never left the old revision', async () => {
    const { first: _, ...world } = await pausedWorld();
    const end = await world.run(['continue', '--rollback', '--json']);
    expect(end.status, end.stderr).toBe(0);
    expect(readResult(end)).toMatchObject({
      outcome: 'succeeded',
      services: [
        {
          outcome: 'succeeded',
          taskDefinition: expect.stringMatching(/:1$/),
          previousTaskDefinition: expect.stringMatching(/:2$/),
          serving: expect.stringMatching(/:1$/),
        },
      ],
    });
    const record = await recordOf(world);
    // The production traffic shifts in a later stage.
    expect(record).toMatchObject({
      status: 'ROLLBACK_SUCCESSFUL',
      lifecycleStage: 'POST_TEST_TRAFFIC_SHIFT',
      targetServiceRevision: { requestedProductionTrafficWeight: 0 },
    });
    expect(world.writes()).toEqual(['ecs:ContinueServiceDeployment']);
  });

  test('a deployment that fails before its pause ends as it would without one', async () => {
    const world = await makeWorld({ scenario: 'paused', faults: [{ name: 'crash' }], speed: 100 });
    const end = await world.run(['deploy', '--until', 'paused', '--json']);
    expect(end.status, end.stderr).toBe(7);
    expect(readResult(end).services[0]).toMatchObject({ outcome: 'rolled-back', paused: null });
  });
});

test('what a log says of both jobs', async () => {
  const world = await makeWorld({ scenario: 'paused', speed: 100 });
  const first = await world.run(['deploy', '--until', 'paused']);
  const second = await world.run(['continue']);
  const text = (log: string) =>
    stable(log, world)
      .replaceAll(/ecs-pause-[\w-]+/g, 'HOOK')
      .replaceAll(/until \S+Z, then/g, 'until TIME, then')
      .split('\n')
      .filter((line) => /pause|paused|continue|→|serving/.test(line))
      .join('\n');
  expect(text(first.stderr)).toMatchInlineSnapshot(`
    "  pauses for approval at POST_TEST_TRAFFIC_SHIFT
    hyeon9mak-service-dev: hyeon9mak-task-dev:1 → hyeon9mak-task-dev:2
    hyeon9mak-service-dev is paused for approval at POST_TEST_TRAFFIC_SHIFT until TIME, then ECS rolls back
      → continue: ecsdeploy continue --cluster backend --service hyeon9mak-service-dev
      → roll back: ecsdeploy continue --rollback --cluster backend --service hyeon9mak-service-dev
    hyeon9mak-service-dev: the deployment of hyeon9mak-task-dev:2 is paused at POST_TEST_TRAFFIC_SHIFT after TIME
      serving now: hyeon9mak-task-dev:1, 2 of 2 tasks running"
  `);
  expect(text(second.stderr)).toMatchInlineSnapshot(
    `"hyeon9mak-service-dev continues: the pause hook HOOK is answered"`,
  );
});

describe('continue', () => {
  test('answers the hook that waits now: at a second pause, another one', async () => {
    const { first, ...world } = await pausedWorld('paused-twice');
    expect(readResult(first).services[0]?.paused?.stage).toBe('POST_SCALE_UP');
    const next = await world.run(['continue', '--until', 'paused', '--json']);
    expect(next.status, next.stderr).toBe(0);
    expect(readResult(next).services[0]).toMatchObject({
      outcome: 'paused',
      paused: { stage: 'POST_TEST_TRAFFIC_SHIFT' },
    });
    const end = await world.run(['continue', '--json']);
    expect(end.status, end.stderr).toBe(0);
    expect(hooksOf(await recordOf(world))).toEqual(['SUCCEEDED', 'SUCCEEDED']);
  });

  test('of several hooks needs to know which', async () => {
    const { first, ...world } = await pausedWorld('two-pauses');
    const refused = await world.run(['continue', '--json']);
    expect(refused.status).toBe(2);
    const { error } = readResult(refused);
    expect(error).toMatchObject({
      code: 'hook-ambiguous',
      message: 'The deployment of "hyeon9mak-service-dev" waits at 2 pause hooks.',
    });
    const listed = [...(error?.hint ?? '').matchAll(/--hook (\S+) \(until /g)].map(([, id]) => id);
    expect(listed).toHaveLength(2);
    expect(listed).toContain(readResult(first).services[0]?.paused?.hook);
    expect(world.writes()).toEqual([]);
    const one = await world.run([
      'continue',
      '--hook',
      listed[0] ?? '',
      '--until',
      'paused',
      '--json',
    ]);
    expect(one.status, one.stderr).toBe(0);
    expect(readResult(one).services[0]?.paused?.hook).toBe(listed[1]);
    const unknown = await world.run(['continue', '--hook', listed[0] ?? '', '--json']);
    expect(unknown.status).toBe(3);
    expect(readResult(unknown).error).toMatchObject({
      code: 'not-paused',
      hint: `waiting: ${listed[1]}`,
    });
    expect((await world.run(['continue', '-q'])).status).toBe(0);
  });

  const expectRefused = async (world: World, says: string) => {
    world.writes();
    const end = await world.run(['continue', '--json']);
    expect(end.status, end.stderr).toBe(3);
    expect(readResult(end)).toMatchObject({ outcome: 'refused', error: { code: 'not-paused' } });
    expect(readResult(end).error?.message).toContain(says);
    expect(world.writes()).toEqual([]);
  };

  test('is refused where no deployment is in progress', async () => {
    const world = await makeWorld();
    await expectRefused(world, 'No deployment of "hyeon9mak-service-dev" is in');
    expect(world.writes()).toEqual([]);
  });

  test('is refused where the deployment does not wait', async () => {
    const world = await makeWorld({ scenario: 'linear', speed: 50 });
    await world.run(['deploy', '--no-wait', '-q']);
    const stage = async () => (await recordOf(world)).lifecycleStage;
    await expect.poll(stage, { timeout: 10_000 }).toBeDefined();
    await expectRefused(world, 'does not wait at a pause hook (IN_PROGRESS, ');
  });

  test('of several services continues those that wait, and leaves the others', async () => {
    const { first: _, ...world } = await pausedWorld();
    await addService(world, 'worker');
    const end = await world.run([
      'continue',
      '--json',
      '-s',
      'hyeon9mak-service-dev',
      '-s',
      'worker',
    ]);
    expect(end.status, end.stderr).toBe(0);
    expect(readResult(end).services.map(({ outcome }) => outcome)).toEqual([
      'succeeded',
      'unchanged',
    ]);
    expect(end.stderr).toContain('worker does not wait at a pause hook: it is left as it is');
  });

  test('whose answer is lost reads whether the hook still waits', async () => {
    const { first: _, ...world } = await pausedWorld();
    world.sandbox.fail('ecs:ContinueServiceDeployment', CUT, 1);
    const end = await world.run(['continue', '--json']);
    expect(end.status, end.stderr).toBe(0);
    expect(readResult(end).outcome).toBe('succeeded');
  });

  test('whose answers are all lost says that nobody knows', async () => {
    const { first: _, ...world } = await pausedWorld();
    world.sandbox.fail('ecs:ContinueServiceDeployment', CUT);
    const end = await world.run(['continue', '--json']);
    expect(end.status, end.stderr).toBe(9);
    expect(readResult(end)).toMatchObject({ outcome: 'unknown' });
    expect(end.stderr).toContain(
      'AWS has not answered ContinueServiceDeployment of hyeon9mak-service-dev',
    );
  });

  test('refused by ECS because somebody else was faster', async () => {
    const { first: _, ...world } = await pausedWorld();
    const late = awsFault(
      'InvalidParameterException',
      'Provided hookId is either completed, unavailable, or not associated with the given Resource ARN',
    );
    world.sandbox.fail('ecs:ContinueServiceDeployment', late);
    const end = await world.run(['continue', '--json']);
    expect(end.status, end.stderr).toBe(3);
    expect(readResult(end).error).toMatchObject({
      code: 'not-paused',
      hint: `follow the deployment: ecsdeploy rollout --watch ${FLAGS}`,
    });
  });
});

describe('rollback by phase', () => {
  const dryRun = async (world: World) => {
    const end = await world.run(['rollback', '--dry-run']);
    expect(end.status, end.stderr).toBe(0);
    return end.stderr.split('\n')[1];
  };
  const back = async (world: World) => {
    const end = await world.run(['rollback', '--json']);
    expect(end.status, end.stderr).toBe(0);
    expect(readResult(end).services[0]?.serving).toMatch(/:1$/);
    return world.writes();
  };

  test.each([
    ['paused', 'POST_TEST_TRAFFIC_SHIFT: production traffic has stayed on the old tasks'],
    ['paused-after-production', 'POST_PRODUCTION_TRAFFIC_SHIFT: traffic returns to the old tasks'],
  ] as const)('at a pause (%s), through its hook', async (scenario, says) => {
    const { first: _, ...world } = await pausedWorld(scenario);
    expect(await dryRun(world)).toContain(`  by refusing the pause hook at ${says}`);
    expect(await back(world)).toEqual(['ecs:ContinueServiceDeployment']);
  });

  test('at a pause whose hook must not be answered, by stopping the deployment', async () => {
    const { first: _, ...world } = await pausedWorld();
    const denied = awsFault('AccessDeniedException', 'no');
    world.sandbox.fail('ecs:ContinueServiceDeployment', denied);
    expect(await back(world)).toEqual([
      'ecs:ContinueServiceDeployment',
      'ecs:StopServiceDeployment',
    ]);
  });

  test('in the bake time, by stopping the deployment', async () => {
    const world = await makeWorld({ scenario: 'blue-green', speed: 50 });
    await configure(world, { bakeTimeInMinutes: 30 });
    const end = await world.run(['deploy', '-q', '--until', 'serving']);
    expect(end.status, end.stderr).toBe(0);
    world.writes();
    expect(await dryRun(world)).toBe(
      '  by stopping the deployment: traffic returns to the old tasks at once',
    );
    expect(await back(world)).toEqual(['ecs:StopServiceDeployment']);
  });

  test('after the deployment, with a new one that takes all stages', async () => {
    const world = await makeWorld({ scenario: 'blue-green', speed: 100 });
    expect((await world.run(['deploy', '-q'])).status).toBe(0);
    world.writes();
    const end = await world.run(['rollback', '--dry-run']);
    expect(end.stderr).toContain(
      '\n  with a new deployment\n  takes at least 1m 0s: 1m 0s of bake time\n',
    );
    expect(await back(world)).toEqual(['ecs:UpdateService']);
  });
});

describe('before it starts', () => {
  test('a deploy says how long it takes, where it pauses, and that --timeout is too short', async () => {
    const world = await makeWorld({ scenario: 'paused' });
    await configure(world, { strategy: 'CANARY', bakeTimeInMinutes: 25 });
    const end = await world.run(['deploy', '--dry-run']);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toContain(
      '  takes at least 35m 0s: 1 wait of 10m 0s between steps of traffic, 25m 0s of bake time\n' +
        '  pauses for approval at POST_TEST_TRAFFIC_SHIFT\n',
    );
    expect(end.stderr).toContain('takes at least 35 min (CANARY: 1 x 10 min');
    const verified = await world.run(['verify', '--json']);
    expect(readResult(verified).checks).toContainEqual(
      expect.objectContaining({ check: 'rollout-time', status: 'warn' }),
    );
  });
});

test('status shows the stage, what holds it, and how to answer', async () => {
  const { first: _, ...world } = await pausedWorld('pause-beside-lambda');
  const end = await world.run(['status']);
  const hidden = end.stdout
    .replaceAll(/ecs-pause-[\w-]+/g, 'HOOK')
    .replaceAll(/until \S+Z/g, 'until TIME');
  expect(hidden).toContain(
    [
      'STAGE',
      '  POST_TEST_TRAFFIC_SHIFT, 0 % of the traffic, 100 % of the test traffic',
      '  pause hook HOOK waits for approval until TIME, then ECS rolls back',
    ].join('\n'),
  );
  expect(hidden).toContain(`  → continue: ecsdeploy continue ${FLAGS}\n`);
  const json = readResult(await world.run(['status', '--json'])).services[0];
  expect(json?.paused).toMatchObject({ stage: 'POST_TEST_TRAFFIC_SHIFT' });
  expect(json?.deployments?.[0]?.serviceDeployment).toMatchObject({
    traffic: 0,
    testTraffic: 100,
    oldTestTraffic: 0,
  });
});

test('a pause as asked is no annotation of GitHub, and no word of a quiet run', async () => {
  const world = await makeWorld({ scenario: 'paused', speed: 100 });
  const end = await world.run(['deploy', '--until', 'paused'], {
    environment: { GITHUB_ACTIONS: 'true', CI: 'true' },
  });
  expect(end.status, end.stderr).toBe(0);
  expect(end.stderr).not.toMatch(/^::(?:error|warning)/m);
  const quiet = await makeWorld({ scenario: 'paused', speed: 100 });
  expect(await quiet.run(['deploy', '--until', 'paused', '-q'])).toMatchObject({
    status: 0,
    stderr: '',
  });
});
