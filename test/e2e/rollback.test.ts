import { DeregisterTaskDefinitionCommand } from '@aws-sdk/client-ecs';
import { describe, expect, test } from 'vitest';
import { accessDenied } from '../../src/sandbox/wire.ts';
import { readResult } from '../support/cli.ts';
import { makeWorld, stable } from '../support/world.ts';
import type { World } from '../support/world.ts';

const FAMILY = 'hyeon9mak-task-dev';

/** Deploys revisions 2 and 3, so that there is something to go back to. */
async function deployTwice(world: World): Promise<void> {
  for (const value of ['2', '3']) {
    const end = await world.run(['deploy', '-q', '--set-env', `STEP=${value}`]);
    expect(end.status, end.stderr).toBe(0);
  }
}

/** Deletes an image as a lifecycle policy would. */
async function deleteImage({ sandbox }: World, tag: string): Promise<void> {
  const manifests = `http://${sandbox.registryHost}/v2/hyeon9mak-dev/manifests`;
  const login = Buffer.from(`AWS:${sandbox.registryPassword}`).toString('base64');
  const headers = { authorization: `Basic ${login}` };
  const { headers: found } = await fetch(`${manifests}/${tag}`, { method: 'HEAD', headers });
  const digest = found.get('docker-content-digest') ?? '';
  const end = await fetch(`${manifests}/${digest}`, { method: 'DELETE', headers });
  expect(end.ok).toBe(true);
}

const revisionOf = async (world: World) => (await world.service()).taskDefinition?.split('/').pop();

test('goes back to the revision that was deployed successfully before', async () => {
  const world = await makeWorld();
  await deployTwice(world);
  const end = await world.run(['rollback', '--json']);
  expect(end.status, end.stderr).toBe(0);
  expect(readResult(end)).toMatchObject({
    outcome: 'succeeded',
    command: 'rollback',
    services: [
      {
        outcome: 'succeeded',
        taskDefinition: expect.stringMatching(/:2$/),
        previousTaskDefinition: expect.stringMatching(/:3$/),
        running: 2,
      },
    ],
  });
  expect(await revisionOf(world)).toBe(`${FAMILY}:2`);
  // The image that it goes back to is shown as before a deploy.
  expect(end.stderr).toMatch(/runs \S+:3 and will move to \S+:2\n[^]*environment\.STEP/);
});

describe('never goes forward to a revision that a rollback has left', () => {
  const back = async (world: World, ...args: readonly string[]) => {
    const end = await world.run(['rollback', ...args]);
    return { ...end, on: (await revisionOf(world))?.split(':')[1] };
  };

  test('run again and again, it goes back to the first, and is then refused', async () => {
    const world = await makeWorld();
    await deployTwice(world);
    expect(await back(world)).toMatchObject({ status: 0, on: '2' });
    expect(await back(world)).toMatchObject({ status: 0, on: '1' });
    world.writes();
    expect(await back(world)).toMatchObject({ status: 3, on: '1' });
    expect(world.writes()).toEqual([]);
  });

  test('after a rollback of the circuit breaker', async () => {
    const world = await makeWorld();
    await deployTwice(world);
    world.sandbox.arm({ name: 'crash' });
    expect((await world.run(['deploy', '-q', '--set-env', 'STEP=4'])).status).toBe(7);
    world.writes();
    for (const time of ['first', 'second']) {
      const end = await back(world);
      expect(end, time).toMatchObject({ status: 0, on: '3' });
      expect(end.stderr).toContain(
        `to go further back, name the revision: ecsdeploy rollback --cluster backend --service hyeon9mak-service-dev --to ${FAMILY}:2`,
      );
    }
    expect(world.writes()).toEqual([]);
  });

  test('with a deployment in between', async () => {
    const world = await makeWorld();
    await deployTwice(world);
    expect(await back(world)).toMatchObject({ status: 0, on: '2' });
    const end = await world.run(['deploy', '-q', '--set-env', 'STEP=4']);
    expect(end.status, end.stderr).toBe(0);
    expect(await back(world)).toMatchObject({ status: 0, on: '2' });
    expect(await back(world)).toMatchObject({ status: 0, on: '1' });
  });

  test('while the rollback is in progress', async () => {
    const world = await makeWorld({ speed: 100 });
    await deployTwice(world);
    expect(await back(world, '--no-wait')).toMatchObject({ status: 0, on: '2' });
    world.writes();
    const end = await back(world);
    expect(end).toMatchObject({ status: 0, on: '2' });
    expect(end.stderr).toContain(`is already being rolled back to ${FAMILY}:2`);
    expect(world.writes()).toEqual([]);
  });

  test('after a deployment in progress was stopped', async () => {
    const world = await makeWorld();
    await deployTwice(world);
    // The deployment never ends.
    world.sandbox.arm({ name: 'image-gone' });
    world.sandbox.arm({ name: 'stall' });
    await world.run(['deploy', '-q', '--no-wait', '--set-env', 'STEP=4']);
    expect(await back(world)).toMatchObject({ status: 0, on: '3' });
    world.writes();
    expect(await back(world)).toMatchObject({ status: 0, on: '3' });
    expect(world.writes()).toEqual([]);
  });
});

describe('--dry-run', () => {
  test('shows where it would go and what would change, and writes nothing', async () => {
    const world = await makeWorld();
    await deployTwice(world);
    world.writes();
    const end = await world.run(['rollback', '--dry-run', '--json']);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toMatchInlineSnapshot(`
      "Service hyeon9mak-service-dev in backend runs hyeon9mak-task-dev:3 and would move to hyeon9mak-task-dev:2
        with a new deployment
        container hyeon9mak-container
          ~ environment.STEP: •••
      Dry run: nothing was changed
      "
    `);
    expect(readResult(end)).toMatchObject({
      outcome: 'planned',
      services: [
        {
          outcome: 'planned',
          taskDefinition: expect.stringMatching(/:2$/),
          previousTaskDefinition: expect.stringMatching(/:3$/),
          serving: expect.stringMatching(/:3$/),
        },
      ],
    });
    expect(world.writes()).toEqual([]);
    expect(await revisionOf(world)).toBe(`${FAMILY}:3`);
  });

  test('of a deployment in progress', async () => {
    const world = await makeWorld({ speed: 20 });
    await world.run(['deploy', '-q', '--no-wait']);
    world.writes();
    const end = await world.run(['rollback', '--dry-run', '--json']);
    expect(end.stderr).toContain(`runs ${FAMILY}:2 and would move to ${FAMILY}:1`);
    expect(readResult(end).services[0]?.taskDefinition).toMatch(/:1$/);
    expect(world.writes()).toEqual([]);
  });

  test('refuses what a rollback refuses', async () => {
    const world = await makeWorld();
    const end = await world.run(['rollback', '--dry-run']);
    expect(end.status).toBe(3);
    expect(end.stderr).toContain('has no earlier successful deployment');
  });
});

describe('a revision is written as a number, with its family or as an ARN', () => {
  const ARN = `arn:aws:ecs:ap-northeast-2:111122223333:task-definition/${FAMILY}`;
  const commands: readonly (readonly [string, (named: string) => readonly string[], number])[] = [
    ['rollback --to', (named) => ['rollback', '--dry-run', '--to', named], 2],
    ['rollout', (named) => ['rollout', '--no-wait', named], 2],
    [
      'rollout --task-definition',
      (named) => ['rollout', '--no-wait', '--task-definition', named],
      0,
    ],
    [
      'render --task-definition',
      (named) => ['render', '--image', 'a:b', '--task-definition', named],
      0,
    ],
    [
      'verify --task-definition',
      (named) => ['verify', '--image', 'a:b', '--task-definition', named],
      0,
    ],
  ];

  test.each(commands)('%s', async (_, argsOf, familyStatus) => {
    const world = await makeWorld();
    await deployTwice(world);
    for (const named of ['1', `${FAMILY}:1`, `${ARN}:1`]) {
      const end = await world.run([...argsOf(named), '--json']);
      expect(end.status, end.stderr).toBe(0);
    }
    const family = await world.run(argsOf(FAMILY));
    expect(family.status, family.stderr).toBe(familyStatus);
    const refusal = `"${FAMILY}" is a family, not a revision.`;
    expect(family.stderr.includes(refusal)).toBe(familyStatus === 2);
    const missing = await world.run(argsOf('99'));
    expect(missing.stderr).toContain(`There is no task definition "${FAMILY}:99"`);
  });
});

test('leaves out a revision that failed in between', async () => {
  const world = await makeWorld();
  await deployTwice(world);
  world.sandbox.arm({ name: 'crash' });
  expect((await world.run(['deploy', '-q', '--set-env', 'STEP=4'])).status).toBe(7);
  const stays = await world.run(['rollback', '--json']);
  expect(stays.status, stays.stderr).toBe(0);
  expect(readResult(stays).outcome).toBe('unchanged');
  expect(await revisionOf(world)).toBe(`${FAMILY}:3`);
});

test('--to names the revision', async () => {
  const world = await makeWorld();
  await deployTwice(world);
  const end = await world.run(['rollback', '--to', `${FAMILY}:1`]);
  expect(end.status, end.stderr).toBe(0);
  expect(await revisionOf(world)).toBe(`${FAMILY}:1`);
});

describe('a deployment in progress', () => {
  async function midway(): Promise<World> {
    const world = await makeWorld({ speed: 100 });
    const started = await world.run(['deploy', '-q', '--no-wait']);
    expect(started.status, started.stderr).toBe(0);
    return world;
  }

  test('is stopped with ROLLBACK, and that is a success', async () => {
    const world = await midway();
    const end = await world.run(['rollback', '--json']);
    expect(end.status, end.stderr).toBe(0);
    expect(readResult(end).services).toMatchObject([
      {
        outcome: 'succeeded',
        taskDefinition: expect.stringMatching(/:1$/),
        previousTaskDefinition: expect.stringMatching(/:2$/),
      },
    ]);
    expect(world.writes()).toContain('ecs:StopServiceDeployment');
    expect(await revisionOf(world)).toBe(`${FAMILY}:1`);
  });

  test('is superseded where stopping it is denied', async () => {
    const world = await midway();
    const action = 'ecs:StopServiceDeployment';
    world.sandbox.fail(action, accessDenied(action, '111122223333'));
    const end = await world.run(['rollback', '--json']);
    expect(end.status, end.stderr).toBe(0);
    expect(readResult(end).services).toMatchObject([{ outcome: 'succeeded' }]);
    expect(await revisionOf(world)).toBe(`${FAMILY}:1`);
  });
});

describe('is refused before anything is written', () => {
  test('when nothing was deployed before', async () => {
    const world = await makeWorld();
    const end = await world.run(['rollback']);
    expect(end.status).toBe(3);
    expect(end.stderr).toMatchInlineSnapshot(`
      "Error: "hyeon9mak-service-dev" has no earlier successful deployment than hyeon9mak-task-dev:1.
        → name a revision: ecsdeploy rollback --cluster backend --service hyeon9mak-service-dev --to hyeon9mak-task-dev:REVISION
      "
    `);
    expect(world.writes()).toEqual([]);
  });

  test('when the revision is inactive', async () => {
    const world = await makeWorld();
    await deployTwice(world);
    await world.ecs.send(new DeregisterTaskDefinitionCommand({ taskDefinition: `${FAMILY}:2` }));
    world.writes();
    const end = await world.run(['rollback']);
    expect(end.status).toBe(3);
    expect(end.stderr).toMatchInlineSnapshot(`
      "Error: The revision hyeon9mak-task-dev:2 is INACTIVE: ECS does not start new tasks of it.
        → choose an active one: aws ecs list-task-definitions --family-prefix hyeon9mak-task-dev
      "
    `);
    expect(world.writes()).toEqual([]);
  });

  test('when its image is gone from ECR', async () => {
    const world = await makeWorld();
    await deployTwice(world);
    await deleteImage(world, 'first');
    world.writes();
    const end = await world.run(['rollback', '--to', `${FAMILY}:1`]);
    expect(end.status).toBe(3);
    expect(stable(end.stderr, world)).toMatchInlineSnapshot(`
      "Error: The revision hyeon9mak-task-dev:1 needs REGISTRY/hyeon9mak-dev:first, which is no longer in ECR.
        → go back to another revision: ecsdeploy rollback --to hyeon9mak-task-dev:REVISION; to continue anyway: --skip-check image-exists
      "
    `);
    expect(world.writes()).toEqual([]);
  });

  test('when the history is denied, and --to is the way out', async () => {
    const world = await makeWorld();
    await deployTwice(world);
    const action = 'ecs:ListServiceDeployments';
    world.sandbox.fail(action, accessDenied(action, '111122223333'));
    world.writes();
    const end = await world.run(['rollback']);
    expect(end.status).toBe(3);
    expect(end.stderr).toContain('ecs:ListServiceDeployments');
    expect(end.stderr).toContain(
      `name a revision: ecsdeploy rollback --cluster backend --service hyeon9mak-service-dev --to ${FAMILY}:REVISION`,
    );
    expect(world.writes()).toEqual([]);
  });
});
