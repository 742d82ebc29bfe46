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
        → name a revision: ecsdeploy rollback --to hyeon9mak-task-dev:REVISION
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
    expect(end.stderr).toContain(`name a revision: ecsdeploy rollback --to ${FAMILY}:REVISION`);
    expect(world.writes()).toEqual([]);
  });
});
