import { expect, test } from 'vitest';
import { readResult } from '../support/cli.ts';
import type { CliOptions } from '../support/cli.ts';
import { CONFIG, makeWorld } from '../support/world.ts';

const files = { '.ecsdeployrc': `${CONFIG}environments: { prod: { confirm: true } }\n` };
const QUESTION = 'Deploy hyeon9mak-service-dev in the environment prod? Type "yes" to continue: ';

const OUTCOMES: Readonly<Record<number, unknown>> = {
  0: expect.stringMatching(/^(succeeded|planned|unchanged)$/),
  2: 'refused',
  3: 'refused',
  130: 'interrupted',
};

/** What a user does, and what comes out. */
interface Row {
  readonly args: readonly string[];
  /** Keys that are typed at the question; without a terminal when absent. */
  readonly keys?: string;
  readonly status: number;
  readonly says: string;
  readonly moves: number;
}

const DEPLOY = ['deploy', '--env', 'prod', '--set-env', 'A=B'];
const ROWS: Readonly<Record<string, Row>> = {
  yes: { args: DEPLOY, keys: 'yes\r', status: 0, says: QUESTION, moves: 1 },
  no: {
    args: DEPLOY,
    keys: 'no\r',
    status: 3,
    says: 'Not confirmed. Nothing was changed.',
    moves: 0,
  },
  'the Enter key alone': {
    args: DEPLOY,
    keys: '\r',
    status: 3,
    says: 'Not confirmed. Nothing was changed.',
    moves: 0,
  },
  'Ctrl-D': { args: DEPLOY, keys: '\u0004', status: 3, says: 'Not confirmed.', moves: 0 },
  'Ctrl-C': {
    args: DEPLOY,
    keys: '\u0003',
    status: 130,
    says: 'Interrupted. No service was changed.',
    moves: 0,
  },
  'no terminal': {
    args: DEPLOY,
    status: 2,
    says: 'The environment "prod" has "confirm: true", but there is no terminal to ask on.',
    moves: 0,
  },
  'no terminal, with --yes': {
    args: [...DEPLOY, '--yes'],
    status: 0,
    says: 'runs hyeon9mak-task-dev:2',
    moves: 1,
  },
  'a dry run is not asked about': {
    args: [...DEPLOY, '--dry-run'],
    status: 0,
    says: 'Service hyeon9mak-service-dev in backend runs hyeon9mak-task-dev:1',
    moves: 0,
  },
  'another environment': {
    args: ['deploy', '--set-env', 'A=B'],
    status: 0,
    says: 'runs hyeon9mak-task-dev:2',
    moves: 1,
  },
  'a rollout that only watches': {
    args: ['rollout', '--watch', '--env', 'prod'],
    status: 0,
    says: 'runs hyeon9mak-task-dev:1, and no deployment is in progress',
    moves: 0,
  },
  'rollout shows where it goes': {
    args: ['rollout', '--env', 'prod', '--force'],
    keys: 'y\r',
    status: 0,
    says: 'Service hyeon9mak-service-dev in backend runs hyeon9mak-task-dev:1 and stays on it',
    moves: 1,
  },
  rollback: {
    args: ['rollback', '--to', '1', '--env', 'prod'],
    status: 2,
    says: 'has "confirm: true", but there is no terminal to ask on.',
    moves: 0,
  },
};

test.each(Object.entries(ROWS))('%s', async (_, { args, keys, status, says, moves }) => {
  const world = await makeWorld({ files });
  const options: CliOptions = keys === undefined ? {} : { answers: [['to continue: ', keys]] };
  const end = await world.run([...args, '--progress', 'plain', '--json'], options);
  expect(end.status, end.stderr).toBe(status);
  expect(end.stderr).toContain(says);
  expect(readResult(end).outcome).toEqual(OUTCOMES[status]);
  const writes = world.writes();
  expect(writes.filter((action) => action === 'ecs:UpdateService')).toHaveLength(moves);
  // Nothing at all is written before the answer.
  expect(writes.length === 0).toBe(moves === 0);
});

test('the plan stands before the question', async () => {
  const world = await makeWorld({ files });
  const end = await world.run([...DEPLOY, '--progress', 'plain'], {
    answers: [['to continue: ', 'no\r']],
  });
  const plan = end.stderr.indexOf('+ environment.A');
  expect(plan).toBeGreaterThan(0);
  expect(plan).toBeLessThan(end.stderr.indexOf(QUESTION));
});
