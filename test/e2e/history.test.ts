import { describe, expect, test, vi } from 'vitest';
import { accessDenied } from '../../src/sandbox/wire.ts';
import { readResult } from '../support/cli.ts';
import { makeWorld, stable } from '../support/world.ts';
import type { World } from '../support/world.ts';

const arn = (revision: number) => expect.stringMatching(new RegExp(`:${revision}$`));

/** A table without times and durations. */
function steady(text: string, world: World): string {
  return stable(text, world)
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d/g, 'STARTED         ')
    .replaceAll(/(?<=STARTED {11})\S+(?: \d+s)? +(?=hyeon)/g, 'TOOK  ');
}

/** Deploys :2, :3 and a :4 that crashes. */
async function deployThrice(world: World): Promise<void> {
  for (const [value, status] of [
    ['2', 0],
    ['3', 0],
    ['4', 7],
  ] as const) {
    if (status === 7) world.sandbox.arm({ name: 'crash' });
    const end = await world.run(['deploy', '-q', '--set-env', `STEP=${value}`]);
    expect(end.status, end.stderr).toBe(status);
  }
}

test('the newest first: what was deployed, how it ended, and what serves', async () => {
  const world = await makeWorld();
  await deployThrice(world);
  const end = await world.run(['history']);
  expect(end.status, end.stderr).toBe(0);
  expect(end.stderr).toBe('');
  expect(steady(end.stdout, world)).toMatchInlineSnapshot(`
    "hyeon9mak-service-dev in backend: serving hyeon9mak-task-dev:3, rollback would not change it

    STARTED           TOOK    REVISION              OUTCOME      TAG
    STARTED           TOOK  hyeon9mak-task-dev:4  rolled-back  COMMIT
    STARTED           TOOK  hyeon9mak-task-dev:3  succeeded    COMMIT
    STARTED           TOOK  hyeon9mak-task-dev:2  succeeded    COMMIT
    STARTED           TOOK  hyeon9mak-task-dev:1  succeeded    first
    "
  `);
});

test('--json has the commit, the duration and the target of a rollback', async () => {
  const world = await makeWorld();
  for (const args of [
    ['deploy', '--set-env', 'A=2'],
    ['deploy', '--set-env', 'A=3'],
    ['rollback'],
  ]) {
    expect((await world.run(args)).status).toBe(0);
  }
  const end = await world.run(['history', '--json']);
  const [service] = readResult(end).services;
  expect(service).toMatchObject({
    outcome: 'unchanged',
    taskDefinition: arn(2),
    serving: arn(2),
    rollbackTo: arn(1),
    runningByRevision: { [service?.serving ?? '']: 2 },
  });
  const sha = expect.stringMatching(/^[0-9a-f]{40}$/);
  const good = { outcome: 'succeeded', status: 'SUCCESSFUL' };
  expect(service?.history).toMatchObject([
    { ...good, taskDefinition: arn(2), tag: sha, commit: sha },
    { ...good, taskDefinition: arn(3), tag: sha, commit: sha },
    { ...good, taskDefinition: arn(2) },
    { ...good, taskDefinition: arn(1), tag: 'first', commit: null },
  ]);
  for (const { seconds, createdAt, finishedAt } of service?.history ?? []) {
    expect(seconds).toBeCloseTo((Date.parse(finishedAt ?? '') - Date.parse(createdAt)) / 1000, 2);
  }
  const back = await world.run(['rollback', '--dry-run', '--json']);
  expect(readResult(back).services[0]?.taskDefinition).toBe(service?.rollbackTo);
});

test('a deployment in progress, and the revision that still serves', async () => {
  const world = await makeWorld({ speed: 20 });
  await world.run(['deploy', '-q', '--no-wait']);
  // ECS lists a deployment some seconds after its start.
  await vi.waitFor(async () => {
    const end = await world.run(['history', '--json']);
    expect(readResult(end).services).toMatchObject([
      {
        serving: arn(1),
        rollbackTo: arn(1),
        history: [{ outcome: 'in-progress', seconds: null, finishedAt: null }, {}],
      },
    ]);
  });
});

describe('changes nothing, and needs few permissions', () => {
  test('images that cannot be read are one warning', async () => {
    const world = await makeWorld();
    await deployThrice(world);
    world.writes();
    const action = 'ecs:DescribeTaskDefinition';
    world.sandbox.fail(action, accessDenied(action, '111122223333'));
    const end = await world.run(['history', '--json']);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr.match(/not authorized to call ecs:DescribeTaskDefinition/g)).toHaveLength(1);
    expect(readResult(end).services[0]?.history?.map(({ image }) => image)).toEqual(
      Array.from({ length: 4 }, () => null),
    );
    expect(world.writes()).toEqual([]);
  });

  test('a service that does not exist is refused', async () => {
    const world = await makeWorld();
    const end = await world.run(['history', '--service', 'nowhere']);
    expect(end.status).toBe(4);
    expect(end.stderr).toContain('nowhere');
  });
});

test('more deployments than ECS describes in one call', async () => {
  const world = await makeWorld({ speed: 5000 });
  for (let step = 2; step <= 26; step += 1) {
    await world.run(['deploy', '-q', '--no-wait', '--set-env', `STEP=${step}`]);
  }
  const end = await world.run(['history', '--json']);
  const history = readResult(end).services[0]?.history ?? [];
  expect(history).toHaveLength(26);
  expect(history[0]?.taskDefinition).toMatch(/:26$/);
  expect(history.at(-1)?.taskDefinition).toMatch(/:1$/);
});
