import { expect, test } from 'vitest';
import { CONFIG, makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

const QUESTION = 'continue, roll back or leave it waiting?';

const deploy = ({ sandbox }: World, ...more: readonly string[]) => [
  'deploy',
  '--image',
  `${sandbox.registryHost}/hyeon9mak-dev:first`,
  '--set-env',
  'A=B',
  ...more,
];

test.each<[string, readonly string[], number, number]>([
  ['continues', ['c\r'], 0, 2],
  ['asks again after another answer', ['what\r', 'continue\r'], 0, 2],
  ['rolls back', ['r\r'], 7, 1],
])('at a pause, a terminal %s', async (_, keys, status, on) => {
  const world = await makeWorld({ scenario: 'paused' });
  const end = await world.run(deploy(world), {
    answers: keys.map((key) => ['[c/r/L] ', key] as const),
    environment: { CI: '' },
  });
  expect(end.stderr).toContain(QUESTION);
  expect(end.status, end.stderr).toBe(status);
  expect((await world.service()).taskDefinition).toMatch(new RegExp(`:${on}$`));
});

test('what is left waiting is watched until it is answered elsewhere', async () => {
  const world = await makeWorld({ scenario: 'paused' });
  const end = await world.run(deploy(world, '--timeout', '3s'), {
    answers: [['[c/r/L] ', 'l\r']],
    environment: { CI: '' },
  });
  expect(end.status, end.stderr).toBe(9);
  expect(end.stderr.split(QUESTION)).toHaveLength(2);
  expect(end.stderr).toContain('continue: ecsdeploy continue --cluster backend');
});

test.each([
  ['in CI', [], { CI: 'true' }],
  ['with --yes', ['--yes'], { CI: '' }],
  ['with --json', ['--json'], { CI: '' }],
])('nobody is asked %s', async (_, args, environment) => {
  const world = await makeWorld({ scenario: 'paused', files: { '.ecsdeployrc': CONFIG } });
  const end = await world.run(deploy(world, '--timeout', '1s', ...args), {
    answers: [],
    environment,
  });
  expect(end.status, end.stderr).toBe(9);
  expect(end.stderr).not.toContain(QUESTION);
});
