import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { makeWorld } from '../support/world.ts';

const arn = ([region, account]: readonly string[], name: string) =>
  `arn:aws:ecs:${region}:${account}:${name}`;
const OTHER = ['ap-northeast-2', '999999999999'];
const FAR = ['eu-west-1', '111122223333'];
const OWN = ['ap-northeast-2', '111122223333'];

const COMMANDS: readonly (readonly string[])[] = [
  ['deploy', '--image', 'registry/app:2'],
  ['deploy', '--dry-run'],
  ['rollout', '--force'],
  ['rollback'],
  ['render', '--set-env', 'A=b'],
  ['status'],
  ['diagnose'],
  ['logs'],
  ['verify'],
];

test.each(COMMANDS)(
  '%s %s refuses ARNs of another account and another region',
  async (...command) => {
    const world = await makeWorld();
    for (const [place, named] of [
      [OTHER, '999999999999'],
      [FAR, 'eu-west-1'],
    ] as const) {
      for (const args of [
        ['--cluster', arn(place, 'cluster/backend')],
        ['--service', arn(place, 'service/backend/hyeon9mak-service-dev')],
      ]) {
        const end = await world.run([...command, ...args]);
        expect(end.status, end.stderr).toBeGreaterThan(1);
        expect(end.stderr).toContain(`${args[1]} is in`);
        expect(end.stderr).toContain(named);
      }
    }
    expect(world.writes()).toEqual([]);
  },
);

test.each<[readonly string[]]>([
  [['render', '--image', 'registry/app:2', '--task-definition']],
  [['deploy', '--image', 'registry/app:2', '--task-definition']],
  [['verify', '--task-definition']],
  [['rollout']],
  [['rollback', '--to']],
])('%j refuses a revision of another account and another region', async (command) => {
  const world = await makeWorld();
  for (const place of [OTHER, FAR]) {
    const revision = arn(place, 'task-definition/hyeon9mak-task-dev:1');
    const end = await world.run([...command, revision]);
    expect(end.status, end.stderr).toBeGreaterThan(1);
    expect(end.stderr).toContain(`${revision} is in ${place === FAR ? FAR[0] : ''}`);
  }
  expect(world.writes()).toEqual([]);
});

test('a revision without a service is of the account that answers', async () => {
  const world = await makeWorld({ files: { '.ecsdeployrc': 'region: ap-northeast-2\n' } });
  const args = ['render', '--image', 'a:1', '--container', 'hyeon9mak-container'];
  const name = 'task-definition/hyeon9mak-task-dev:1';
  for (const place of [OTHER, FAR]) {
    const end = await world.run([...args, '--task-definition', arn(place, name)]);
    expect(end.stderr).toContain(`${arn(place, name)} is in`);
  }
  const own = await world.run([...args, '--task-definition', arn(OWN, name)]);
  expect(own.status, own.stderr).toBe(0);
});

test('a role of another account is refused before the first write', async () => {
  const world = await makeWorld();
  const { stdout } = await world.run(['render', '--set-env', 'A=b']);
  const definition = {
    ...(JSON.parse(stdout) as object),
    taskRoleArn: 'arn:aws:iam::999999999999:role/r',
  };
  const path = `${world.folder}/task.json`;
  writeFileSync(path, JSON.stringify(definition));
  const end = await world.run(['deploy', '--image', 'registry/app:2', '--task-definition', path]);
  expect(end.status).toBe(3);
  expect(end.stderr).toContain('999999999999');
  expect(world.writes()).toEqual([]);
});
