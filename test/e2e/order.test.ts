import { CreateClusterCommand, UpdateServiceCommand } from '@aws-sdk/client-ecs';
import { expect, test } from 'vitest';
import type { Outcome } from '../../src/core/result.ts';
import { readResult } from '../support/cli.ts';
import type { Running } from '../support/cli.ts';
import { addService, CONFIG, makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

/** api, then worker, then mailer; web is independent. */
const SERVICES = `services:
  - { service: api }
  - { service: worker, after: [api] }
  - { service: mailer, after: [worker] }
  - { service: web }
`;

const DEPLOY = ['deploy', '--set-env', 'A=B', '--image', 'REGISTRY/hyeon9mak-dev:first'];

/** A command, what happens during it, and what must come out. */
interface Row {
  readonly args?: readonly string[];
  readonly before?: (world: World) => Promise<unknown>;
  /** Called once, when the text appears on stderr. */
  readonly when?: readonly [string, (world: World, running: Running) => unknown];
  readonly status: number;
  /** Of api, worker, mailer and web, as far as they are part of the run. */
  readonly outcomes: readonly Outcome[];
  readonly says?: readonly string[];
  readonly saysNot?: readonly string[];
  /** Services in the order in which they were moved; those moved together in the order of the config. */
  readonly moved: readonly (readonly string[])[];
}

const crash = ({ sandbox }: World) => sandbox.arm({ name: 'crash' });
const SKIPPED = [
  'mailer was skipped: worker was skipped',
  'ecsdeploy rollout hyeon9mak-task-dev:2',
];

const ROWS: Readonly<Record<string, Row>> = {
  'each starts when the one before has succeeded': {
    status: 0,
    outcomes: ['succeeded', 'succeeded', 'succeeded', 'succeeded'],
    says: ['worker waits for api', 'mailer waits for worker', '  starts after api'],
    saysNot: ['stays on', 'skipped'],
    moved: [['api', 'web'], ['worker'], ['mailer']],
  },
  'the first fails: what comes after it is skipped, what is independent is watched to its end': {
    when: ['api: hyeon9mak', crash],
    status: 6,
    outcomes: ['failed', 'skipped', 'skipped', 'failed'],
    says: ['worker was skipped: api has failed', ...SKIPPED, '--cluster backend --service mailer'],
    saysNot: ['stays on'],
    moved: [['api', 'web']],
  },
  'the second fails: the first stays, and the command that brings it back is printed': {
    when: ['worker: hyeon9mak', crash],
    status: 6,
    outcomes: ['succeeded', 'failed', 'skipped', 'succeeded'],
    says: [
      'mailer was skipped: worker has failed',
      'api stays on hyeon9mak-task-dev:2',
      'to roll it back: ecsdeploy rollback --cluster backend --service api',
      'to roll it back: ecsdeploy rollback --cluster backend --service web',
    ],
    moved: [['api', 'web'], ['worker']],
  },
  'the last fails: nothing is skipped': {
    when: ['mailer: hyeon9mak', crash],
    status: 6,
    outcomes: ['succeeded', 'succeeded', 'failed', 'succeeded'],
    saysNot: ['stays on', 'skipped'],
    moved: [['api', 'web'], ['worker'], ['mailer']],
  },
  'an unchanged one frees the next at once': {
    before: (world) => world.run([...named(world, DEPLOY), '--service', 'api', '-q']),
    status: 0,
    outcomes: ['unchanged', 'succeeded', 'succeeded', 'succeeded'],
    moved: [['worker', 'web'], ['mailer']],
  },
  'a service outside of the run is not waited for': {
    args: [...DEPLOY, '--service', 'worker', '--service', 'mailer'],
    status: 0,
    outcomes: ['succeeded', 'succeeded'],
    says: ['worker does not wait for api, not part of this run', 'mailer waits for worker'],
    moved: [['worker'], ['mailer']],
  },
  'Ctrl-C: what has not started is skipped': {
    when: ['api: hyeon9mak', (_, { kill }) => kill('SIGINT')],
    status: 130,
    outcomes: ['interrupted', 'skipped', 'skipped', 'interrupted'],
    says: ['worker was skipped: api is no longer watched', ...SKIPPED],
    moved: [['api', 'web']],
  },
  '--timeout is for all of them': {
    args: [...DEPLOY, '--timeout', '1s', '--on-failure', 'watch'],
    before: async (world) => crash(world),
    status: 9,
    outcomes: ['timed-out', 'skipped', 'skipped', 'timed-out'],
    says: ['worker was skipped: api did not finish within --timeout', ...SKIPPED],
    moved: [['api', 'web']],
  },
  'a service that someone else deploys while it waits is not moved': {
    when: [
      'worker waits for api',
      ({ ecs }) => {
        const input = { cluster: 'backend', service: 'worker', forceNewDeployment: true };
        return ecs.send(new UpdateServiceCommand(input));
      },
    ],
    status: 6,
    outcomes: ['succeeded', 'failed', 'skipped', 'succeeded'],
    says: [
      '"worker" has changed since this run read it: hyeon9mak-task-dev:1 was deployed ',
      'mailer was skipped: worker has failed',
      'api stays on hyeon9mak-task-dev:2',
    ],
    moved: [['api', 'web']],
  },
  'rollout has the same order': {
    before: (world) => world.run([...named(world, DEPLOY), '--service', 'api', '-q']),
    args: ['rollout', '2'],
    status: 0,
    outcomes: ['unchanged', 'succeeded', 'succeeded', 'succeeded'],
    moved: [['worker', 'web'], ['mailer']],
  },
  'rollback has none': {
    before: (world) => world.run([...named(world, DEPLOY), '-q']),
    args: ['rollback'],
    status: 0,
    outcomes: ['succeeded', 'succeeded', 'succeeded', 'succeeded'],
    saysNot: ['waits for'],
    moved: [['api', 'worker', 'mailer', 'web']],
  },
  '--no-wait waits for no verdict, so that no order is possible': {
    args: [...DEPLOY, '--no-wait'],
    status: 2,
    outcomes: [],
    says: ['worker starts after another service ("after"), but --no-wait waits for no service.'],
    moved: [],
  },
  'a dry run shows the order': {
    args: [...DEPLOY, '--dry-run'],
    status: 0,
    outcomes: ['planned', 'planned', 'planned', 'planned'],
    says: ['  starts after api', '  starts after worker'],
    moved: [],
  },
};

const named = ({ sandbox }: World, args: readonly string[]) =>
  args.map((arg) => arg.replace('REGISTRY', sandbox.registryHost));

test.each(Object.entries(ROWS))('%s', async (_, row) => {
  const { args = DEPLOY, before, when, status, outcomes, says = [], saysNot = [], moved } = row;
  const world = await makeWorld({
    speed: 300,
    files: { '.ecsdeployrc': CONFIG.replace(/^service:.*\n/m, '') + SERVICES },
  });
  const names = ['api', 'worker', 'mailer', 'web'];
  for (const name of names) await addService(world, name);
  const states = () =>
    Promise.all(
      names.map(async (name) => (await world.service(name)).deployments?.[0]?.rolloutState),
    );
  // A rollback goes to a deployment that has succeeded.
  await expect.poll(states, { timeout: 60_000 }).toEqual(names.map(() => 'COMPLETED'));
  await before?.(world);
  const mark = world.sandbox.calls.length;
  let isDone = false;
  const end = await world.run([...named(world, args), '--json'], {
    onStderr: (text, running) => {
      if (isDone || when === undefined || !text.includes(when[0])) return;
      isDone = true;
      when[1](world, running);
    },
  });
  expect(end.status, end.stderr).toBe(status);
  expect(readResult(end).services.map(({ outcome }) => outcome)).toEqual(outcomes);
  for (const text of says) expect(end.stderr).toContain(text);
  for (const text of saysNot) expect(end.stderr).not.toContain(text);
  const updates = world.sandbox.calls
    .slice(mark)
    .filter(({ action, input }) => action === 'ecs:UpdateService' && 'taskDefinition' in input)
    .map(({ input }) => String(input['service']));
  let rest = updates;
  for (const group of moved) {
    expect(new Set(rest.slice(0, group.length))).toEqual(new Set(group));
    rest = rest.slice(group.length);
  }
  expect(rest).toEqual([]);
});

test('one run deploys to two clusters, one after the other', async () => {
  const services = `services:
  - { service: api, cluster: backend }
  - { service: api, cluster: second, after: [backend/api] }
`;
  const world = await makeWorld({
    speed: 300,
    files: { '.ecsdeployrc': CONFIG.replace(/^service:.*\n/m, '') + services },
  });
  await world.ecs.send(new CreateClusterCommand({ clusterName: 'second' }));
  await addService(world, 'api');
  await addService(world, 'api', undefined, 'second');
  const end = await world.run([...named(world, DEPLOY), '--json']);
  expect(end.status, end.stderr).toBe(0);
  const ends = readResult(end).services.map(({ cluster, outcome }) => [cluster, outcome]);
  expect(ends).toEqual([
    ['backend', 'succeeded'],
    ['second', 'succeeded'],
  ]);
  const updates = world.sandbox.calls.filter(({ action }) => action === 'ecs:UpdateService');
  expect(updates.map(({ input }) => input['cluster'])).toEqual([
    expect.stringMatching(/backend$/),
    expect.stringMatching(/second$/),
  ]);
});
