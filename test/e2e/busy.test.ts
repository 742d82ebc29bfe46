import { UpdateServiceCommand } from '@aws-sdk/client-ecs';
import { expect, test, vi } from 'vitest';
import type { Outcome } from '../../src/core/result.ts';
import type { ScenarioName } from '../../src/sandbox/scenarios.ts';
import { readResult } from '../support/cli.ts';
import { makeWorld } from '../support/world.ts';

/** A command, a deployment of someone else, and what must come out. */
interface Row {
  readonly scenario: ScenarioName;
  readonly args: readonly string[];
  readonly status: number;
  readonly outcome: Outcome;
  readonly says: readonly string[];
  /** Revision that the service is on in the end. */
  readonly on: number;
  /** UpdateService calls of the command. */
  readonly moves: number;
}

const SET = ['deploy', '--set-env', 'A=B', '--image', 'REGISTRY/hyeon9mak-dev:first'];
const WAITS =
  'hyeon9mak-service-dev: waiting for the end of the deployment of hyeon9mak-task-dev:2';

const ROWS: Readonly<Record<string, Row>> = {
  'supersede is the default, with a warning': {
    scenario: 'busy',
    args: SET,
    status: 0,
    outcome: 'succeeded',
    says: [
      'of hyeon9mak-task-dev:2 is in progress: a new one supersedes it.',
      'to follow it: ecsdeploy rollout --watch --cluster backend --service hyeon9mak-service-dev',
    ],
    on: 3,
    moves: 1,
  },
  'wait: the end is a success, and the deploy starts from it': {
    scenario: 'busy',
    args: [...SET, '--if-busy', 'wait'],
    status: 0,
    outcome: 'succeeded',
    says: [
      WAITS,
      'the deployment of hyeon9mak-task-dev:2 has succeeded',
      'Service hyeon9mak-service-dev in backend runs hyeon9mak-task-dev:2',
    ],
    on: 3,
    moves: 1,
  },
  'wait: the end is a rollback, and the deploy starts from the revision before': {
    scenario: 'busy-crash',
    args: [...SET, '--if-busy', 'wait'],
    status: 0,
    outcome: 'succeeded',
    says: [
      WAITS,
      'was rolled back: container hyeon9mak-container ended with exit code 1 [application-exit]',
      'Service hyeon9mak-service-dev in backend runs hyeon9mak-task-dev:1',
    ],
    on: 3,
    moves: 1,
  },
  'wait: a deployment that cannot succeed is superseded': {
    scenario: 'busy-crash-loop',
    args: [...SET, '--if-busy', 'wait'],
    status: 6,
    outcome: 'failed',
    says: [WAITS, 'the deployment of hyeon9mak-task-dev:2 has failed: '],
    on: 3,
    moves: 1,
  },
  'wait: a pause is told, and --timeout refuses': {
    scenario: 'busy-paused',
    args: [...SET, '--if-busy', 'wait', '--timeout', '2s'],
    status: 3,
    outcome: 'refused',
    says: [
      'is paused for approval at POST_TEST_TRAFFIC_SHIFT',
      's, the limit of --timeout. No service was changed.',
      'to replace it: --if-busy supersede',
    ],
    on: 2,
    moves: 0,
  },
  'a dry run does not wait': {
    scenario: 'busy-paused',
    args: [...SET, '--if-busy', 'wait', '--dry-run'],
    status: 0,
    outcome: 'planned',
    says: ['Service hyeon9mak-service-dev in backend runs hyeon9mak-task-dev:2'],
    on: 2,
    moves: 0,
  },
  'refuse: deploy': {
    scenario: 'busy-paused',
    args: [...SET, '--if-busy', 'refuse'],
    status: 3,
    outcome: 'refused',
    says: [
      'A deployment of hyeon9mak-task-dev:2 to "hyeon9mak-service-dev" has been in progress for ',
      'to wait for its end and then continue: --if-busy wait',
    ],
    on: 2,
    moves: 0,
  },
  'refuse: rollout of another revision': {
    scenario: 'busy-paused',
    args: ['rollout', 'hyeon9mak-task-dev:1', '--if-busy', 'refuse'],
    status: 3,
    outcome: 'refused',
    says: ['has been in progress for '],
    on: 2,
    moves: 0,
  },
  'refuse: the rollout of the revision in progress follows it': {
    scenario: 'busy',
    args: ['rollout', '2', '--if-busy', 'refuse'],
    status: 0,
    outcome: 'succeeded',
    says: ['runs hyeon9mak-task-dev:2'],
    on: 2,
    moves: 0,
  },
  'refuse: rollback': {
    scenario: 'busy-paused',
    args: ['rollback', '--if-busy', 'refuse'],
    status: 3,
    outcome: 'refused',
    says: ['has been in progress for '],
    on: 2,
    moves: 0,
  },
  'wait: rollback after the deployment was rolled back': {
    scenario: 'busy-crash',
    args: ['rollback', '--if-busy', 'wait'],
    status: 0,
    outcome: 'unchanged',
    says: [WAITS, 'was already rolled back, to hyeon9mak-task-dev:1'],
    on: 1,
    moves: 0,
  },
  'another deployment since the plan is refused': {
    scenario: 'overtaken',
    // What was read some polls ago is read again.
    args: [...SET, '--poll', '1ms'],
    status: 3,
    outcome: 'refused',
    says: [
      '"hyeon9mak-service-dev" has changed since this run read it: hyeon9mak-task-dev:3 was deployed ',
      'hyeon9mak-task-dev:2 was registered, but not deployed. This run did not change the service.',
      'to replace it with hyeon9mak-task-dev:2: ecsdeploy rollout hyeon9mak-task-dev:2 --cluster backend',
    ],
    on: 3,
    moves: 0,
  },
  'another deployment since the plan is superseded with --force': {
    scenario: 'overtaken',
    args: [...SET, '--force'],
    status: 0,
    outcome: 'succeeded',
    says: ['runs hyeon9mak-task-dev:2'],
    on: 2,
    moves: 1,
  },
};

test.each(Object.entries(ROWS))('%s', async (_, row) => {
  const { scenario, args, status, outcome, says, on, moves } = row;
  const world = await makeWorld({ scenario, speed: 300 });
  const named = args.map((arg) => arg.replace('REGISTRY', world.sandbox.registryHost));
  const end = await world.run([...named, '--json']);
  expect(end.status, end.stderr).toBe(status);
  expect(readResult(end).outcome).toBe(outcome);
  for (const text of says) expect(end.stderr).toContain(text);
  expect((await world.service()).taskDefinition).toMatch(new RegExp(`:${on}$`));
  const updates = world.sandbox.calls.filter(({ action }) => action === 'ecs:UpdateService');
  expect(updates).toHaveLength(moves);
});

test('a bake time in which ECS shows the deployment as COMPLETED is in progress', async () => {
  const world = await makeWorld({ scenario: 'blue-green-baking' });
  const { ecs, sandbox, service } = world;
  const stdin = (await world.run(['render', '--set-env', 'STEP=2'])).stdout;
  const taskDefinition = (await world.run(['register'], { stdin })).stdout.trim();
  const { deploymentConfiguration } = await service();
  const bake = { ...deploymentConfiguration, bakeTimeInMinutes: 1440 };
  const input = { cluster: 'backend', service: 'hyeon9mak-service-dev', taskDefinition };
  await ecs.send(new UpdateServiceCommand({ ...input, deploymentConfiguration: bake }));
  const id = (await service()).deployments?.[0]?.id;
  await vi.waitUntil(
    async () => {
      const { deployments = [] } = await service();
      return deployments[0]?.id === id && deployments[0]?.rolloutState === 'COMPLETED';
    },
    { timeout: 30_000 },
  );
  const image = `${sandbox.registryHost}/hyeon9mak-dev:first`;
  const deploy = ['deploy', '--image', image, '--set-env', 'A=B', '--if-busy', 'refuse'];
  for (const args of [deploy, ['rollout', '--force', '--if-busy', 'refuse']]) {
    const end = await world.run(args);
    expect(end.status, end.stderr).toBe(3);
    expect(end.stderr).toContain('has been in progress for ');
  }
  world.writes();
  for (const args of [['--watch'], [taskDefinition]]) {
    const end = await world.run(['rollout', '--json', '--until', 'serving', ...args]);
    expect(end.status, end.stderr).toBe(0);
    // It can still be rolled back: to call it unchanged would be a success too early.
    expect(readResult(end).outcome).toBe('succeeded');
  }
  expect(world.writes()).toEqual([]);
  const back = await world.run(['rollback']);
  expect(back.status, back.stderr).toBe(0);
  expect(world.writes()).toEqual(['ecs:StopServiceDeployment']);
  expect((await service()).taskDefinition).toMatch(/:1$/);
});

test.each([[], ['hyeon9mak-task-dev:2']])(
  '--watch follows a deployment that reads do not show yet (%j)',
  async (...named) => {
    const world = await makeWorld({ scenario: 'stale-reads', speed: 60 });
    const stdin = (await world.run(['render', '--set-env', 'STEP=2'])).stdout;
    const taskDefinition = (await world.run(['register'], { stdin })).stdout.trim();
    const input = { cluster: 'backend', service: 'hyeon9mak-service-dev', taskDefinition };
    await world.ecs.send(new UpdateServiceCommand(input));
    const args = ['rollout', '--watch', '--json', '--poll', '100ms', ...named];
    const end = await world.run(args);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toContain('No deployment is in progress yet; checking again for 0.4s');
    expect(readResult(end)).toMatchObject({ outcome: 'succeeded', services: [{ taskDefinition }] });
  },
);

test('Ctrl-C while another deployment is awaited changes nothing', async () => {
  const world = await makeWorld({ scenario: 'busy-paused', speed: 300 });
  const end = await world.run(['deploy', '--json', '--if-busy', 'wait'], {
    onStderr: (text, { kill }) => {
      if (text.includes('is paused for approval')) kill('SIGINT');
    },
  });
  expect(end.status, end.stderr).toBe(130);
  expect(end.stderr).toContain('Interrupted. No service was changed.');
  expect(readResult(end).outcome).toBe('interrupted');
  expect(world.writes()).toEqual([]);
});
