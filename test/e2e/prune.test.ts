import { CodeDeployClient, CreateDeploymentCommand } from '@aws-sdk/client-codedeploy';
import {
  CreateClusterCommand,
  CreateServiceCommand,
  DeregisterTaskDefinitionCommand,
  ListTaskDefinitionsCommand,
} from '@aws-sdk/client-ecs';
import { expect, test } from 'vitest';
import type { PrunedRevision } from '../../src/core/prune.ts';
import { accessDenied } from '../../src/sandbox/wire.ts';
import { readResult } from '../support/cli.ts';
import type { CliEnd } from '../support/cli.ts';
import { checkLog } from '../support/plain-log.ts';
import { callEvents, callScheduler } from '../support/schedule-wire.ts';
import type { ScenarioName } from '../../src/sandbox/scenarios.ts';
import { CONFIG, makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

const FAMILY = 'hyeon9mak-task-dev';
const CLUSTER = 'arn:aws:ecs:ap-northeast-2:111122223333:cluster/backend';
const ROLE = 'arn:aws:iam::111122223333:role/scheduler';
const definition = (revision: number) =>
  `arn:aws:ecs:ap-northeast-2:111122223333:task-definition/${FAMILY}:${revision}`;

const numberOf = ({ taskDefinition }: Pick<PrunedRevision, 'taskDefinition'>) =>
  Number(taskDefinition.split(':').at(-1));
const rowsOf = (end: CliEnd) => readResult(end).prune?.[0]?.revisions ?? [];
const inState = (end: CliEnd, outcome: PrunedRevision['outcome']) =>
  rowsOf(end)
    .filter((row) => row.outcome === outcome)
    .map(numberOf);
const reasonsOf = (end: CliEnd, revision: number) =>
  rowsOf(end)
    .find((row) => numberOf(row) === revision)
    ?.reasons.map(({ code, by }) => (by === null ? code : `${code}: ${by}`));

async function listed({ ecs }: World, status: 'ACTIVE' | 'INACTIVE' | 'DELETE_IN_PROGRESS') {
  const { taskDefinitionArns = [] } = await ecs.send(
    new ListTaskDefinitionsCommand({ familyPrefix: FAMILY, status }),
  );
  return taskDefinitionArns.map((arn) => Number(arn.split(':').at(-1)));
}

/** What the start world's 25 revisions come to: the newest ten stay, and every third is Terraform's. */
const OLD = [2, 4, 5, 7, 8, 10, 11, 13, 14];

interface Row {
  readonly prepare?: (world: World) => Promise<unknown>;
  readonly args?: readonly string[];
  readonly planned: readonly number[];
  /** Reasons of some revisions. */
  readonly kept?: Readonly<Record<number, readonly string[]>>;
}

const ROWS: Readonly<Record<string, Row>> = {
  'the plan keeps what is in use, new, young, or of others': {
    planned: OLD,
    kept: {
      1: [
        'service: service hyeon9mak-service-dev in backend',
        'deployment: service hyeon9mak-service-dev in backend',
        'task: a task in backend',
        'schedule: rule ManagedRestart (restart)',
        'schedule: rule nightly (report)',
        'schedule: rule nightly (cleanup)',
        'schedule: schedule weekly',
        'schedule: schedule jobs/archive',
        'schedule: schedule export',
      ],
      3: ['registered-by-other: arn:aws:sts::111122223333:assumed-role/terraform/apply'],
      16: ['newest'],
    },
  },
  '--all includes the revisions of others': {
    args: ['--all'],
    planned: [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  },
  '--keep keeps more of the newest': { args: ['--keep', '20'], planned: [2, 4, 5] },
  '--older-than keeps younger ones': {
    args: ['--keep', '1', '--older-than', '400d'],
    planned: [2, 4, 5, 7, 8, 10, 11],
    kept: { 13: ['recent'] },
  },
  'a service of another cluster keeps its revision': {
    prepare: async ({ ecs }) => {
      await ecs.send(new CreateClusterCommand({ clusterName: 'other' }));
      await ecs.send(
        new CreateServiceCommand({
          cluster: 'other',
          serviceName: 'worker',
          taskDefinition: `${FAMILY}:7`,
          desiredCount: 0,
          networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'] } },
        }),
      );
    },
    planned: OLD.filter((revision) => revision !== 7),
    kept: { 7: ['service: service worker in other', 'deployment: service worker in other'] },
  },
  'rules of any event bus and the input of universal targets keep theirs': {
    prepare: async ({ sandbox }) => {
      await callEvents(sandbox, 'CreateEventBus', { Name: 'orders' });
      const rule = { Name: 'paid', EventBusName: 'orders', EventPattern: '{}' };
      await callEvents(sandbox, 'PutRule', rule);
      const target = {
        Id: 'bill',
        Arn: CLUSTER,
        RoleArn: ROLE,
        EcsParameters: { TaskDefinitionArn: definition(4) },
      };
      const on = { Rule: 'paid', EventBusName: 'orders' };
      await callEvents(sandbox, 'PutTargets', { ...on, Targets: [target] });
      await callScheduler(sandbox, 'POST', '/universal', {
        ScheduleExpression: 'rate(1 day)',
        FlexibleTimeWindow: { Mode: 'OFF' },
        Target: {
          Arn: 'arn:aws:scheduler:::aws-sdk:ecs:runTask',
          RoleArn: ROLE,
          Input: JSON.stringify({ Cluster: CLUSTER, TaskDefinition: `${FAMILY}:5` }),
        },
      });
    },
    planned: OLD.filter((revision) => ![4, 5].includes(revision)),
    kept: { 4: ['schedule: rule orders/paid (bill)'], 5: ['schedule: schedule universal'] },
  },
  'a revision that a rollback would go to is kept': {
    prepare: async (world) => {
      for (const revision of [8, 10]) {
        const end = await world.run(['rollout', '-q', `${FAMILY}:${revision}`]);
        expect(end.status, end.stderr).toBe(0);
      }
    },
    args: ['--keep', '1'],
    planned: [2, 4, 5, 7, 11, 13, 14, 16, 17, 19, 20, 22, 23],
    kept: { 8: ['deployment: service hyeon9mak-service-dev in backend'] },
  },
  '--delete also takes those that are INACTIVE already': {
    prepare: ({ ecs }) =>
      ecs.send(new DeregisterTaskDefinitionCommand({ taskDefinition: `${FAMILY}:4` })),
    args: ['--delete'],
    planned: OLD,
  },
};

test.each(Object.entries(ROWS))('%s', async (_, { prepare, args = [], planned, kept = {} }) => {
  const world = await makeWorld({ scenario: 'old-revisions' });
  await prepare?.(world);
  world.writes();
  const end = await world.run(['prune', '--json', ...args]);
  expect(end.status, end.stderr).toBe(0);
  expect(readResult(end).outcome).toBe('planned');
  checkLog(end.stderr, []);
  expect(inState(end, 'planned')).toEqual(planned);
  for (const [revision, reasons] of Object.entries(kept)) {
    expect(reasonsOf(end, Number(revision))).toEqual(reasons);
  }
  expect(world.writes()).toEqual([]);
});

interface CodeDeployRow {
  readonly scenario?: ScenarioName;
  /** Times as fast as the wall clock; 2000 unless given. */
  readonly speed?: number;
  /** Deployed one after the other, each to its end unless `args` say otherwise. */
  readonly deploys?: readonly number[];
  readonly args?: readonly string[];
  /** Kept with `--keep 1`, besides what is not of CodeDeploy. */
  readonly kept: readonly number[];
}

const OLDER = [...OLD, 16, 17, 19, 20, 22, 23];
const DEPLOYED = 'deployment: service hyeon9mak-service-dev in backend';

const CODE_DEPLOY_ROWS: Readonly<Record<string, CodeDeployRow>> = {
  'nothing is in use but the task set': { kept: [] },
  'a rollback deploys the revision before': { deploys: [4, 5, 7], kept: [5, 7] },
  'deployments show their AppSpec': {
    scenario: 'codedeploy-appspec-shown',
    deploys: [4, 5],
    kept: [4, 5],
  },
  'the group is searched for': { scenario: 'codedeploy-search', deploys: [4, 5], kept: [4, 5] },
  'a deployment has no task set yet': {
    speed: 1,
    deploys: [4],
    args: ['--no-wait'],
    kept: [4],
  },
  'the last deployment was rolled back': { scenario: 'codedeploy-alarm', deploys: [4], kept: [4] },
  'no deployment group has the service': { scenario: 'codedeploy-group-missing', kept: [] },
};

test.each(Object.entries(CODE_DEPLOY_ROWS))(
  'what CodeDeploy needs is kept where %s',
  async (_, { scenario = 'codedeploy', speed = 2000, deploys = [], args = [], kept }) => {
    const world = await makeWorld({ scenario, speed, oldRevisions: 24 });
    for (const revision of deploys) {
      const until = args.length > 0 ? args : ['--until', 'finished'];
      const end = await world.run(['rollout', '-q', `${FAMILY}:${revision}`, ...until]);
      expect([0, 7], end.stderr).toContain(end.status);
    }
    const end = await world.run(['prune', '--json', '--keep', '1']);
    expect(end.status, end.stderr).toBe(0);
    expect(inState(end, 'planned')).toEqual(OLDER.filter((revision) => !kept.includes(revision)));
    for (const revision of kept) expect(reasonsOf(end, revision)).toContain(DEPLOYED);
  },
);

test('a deployment in progress whose AppSpec is in S3 ends prune: its revision is not known', async () => {
  const world = await makeWorld({ scenario: 'codedeploy-appspec-in-s3', speed: 1 });
  const client = new CodeDeployClient({
    endpoint: world.sandbox.url,
    region: 'ap-northeast-2',
    credentials: { accessKeyId: 'AKIASANDBOX', secretAccessKey: 'sandbox' },
  });
  const s3Location = { bucket: 'deployments', key: 'appspec.yaml', bundleType: 'YAML' } as const;
  await client.send(
    new CreateDeploymentCommand({
      applicationName: 'AppECS-backend-hyeon9mak-service-dev',
      deploymentGroupName: 'DgpECS-backend-hyeon9mak-service-dev',
      revision: { revisionType: 'S3', s3Location },
    }),
  );
  const end = await world.run(['prune', '--json', '--yes']);
  expect(end.status, end.stderr).toBe(3);
  expect(readResult(end).error).toMatchObject({ code: 'app-spec-unreadable' });
});

test('a wrong deployment group in the config ends prune', async () => {
  const files = { '.ecsdeployrc': `${CONFIG}codeDeploy: { application: shop, group: other }\n` };
  const end = await (await makeWorld({ scenario: 'codedeploy', files })).run(['prune', '--json']);
  expect(end.status, end.stderr).toBe(3);
  expect(readResult(end).error).toMatchObject({ code: 'deployment-group-missing' });
});

test('--yes deregisters the oldest first, and nothing else', async () => {
  const world = await makeWorld({ scenario: 'old-revisions' });
  const plan = await world.run(['prune']);
  expect(plan.stdout.replaceAll(/\d{4}-\d\d-\d\d/g, 'YYYY-MM-DD')).toMatchInlineSnapshot(`
    "hyeon9mak-task-dev: 9 of 25 revisions can go; the same command with --yes does it; --all includes those that others have registered

    REVISION  REGISTERED                ACTION      WHY
    16-25     -                         keep        among the newest 10
    15        YYYY-MM-DD                keep        registered by role terraform
    13-14     YYYY-MM-DD to YYYY-MM-DD  deregister
    12        YYYY-MM-DD                keep        registered by role terraform
    10-11     YYYY-MM-DD to YYYY-MM-DD  deregister
    9         YYYY-MM-DD                keep        registered by role terraform
    7-8       YYYY-MM-DD to YYYY-MM-DD  deregister
    6         YYYY-MM-DD                keep        registered by role terraform
    4-5       YYYY-MM-DD to YYYY-MM-DD  deregister
    3         YYYY-MM-DD                keep        registered by role terraform
    2         YYYY-MM-DD                deregister
    1         -                         keep        service hyeon9mak-service-dev in backend, deployed by service hyeon9mak-service-dev in backend, a task in backend, rule ManagedRestart (restart), rule nightly (report), rule nightly (cleanup), schedule weekly, schedule jobs/archive, schedule export
    "
  `);
  const before = await world.service();
  world.writes();
  const end = await world.run(['prune', '--yes']);
  expect(end.status, end.stderr).toBe(0);
  expect(end.stdout).toContain(`${FAMILY}: 9 of 25 revisions are gone`);
  checkLog(end.stderr, []);
  expect(await listed(world, 'INACTIVE')).toEqual(OLD);
  expect(world.writes()).toEqual(OLD.map(() => 'ecs:DeregisterTaskDefinition'));
  const calls = world.sandbox.calls.filter(
    ({ action }) => action === 'ecs:DeregisterTaskDefinition',
  );
  expect(calls.map(({ input }) => input['taskDefinition'])).toEqual(OLD.map(definition));
  expect((await world.service()).taskDefinition).toBe(before.taskDefinition);
  const again = await world.run(['prune', '--yes', '--json']);
  expect(readResult(again).outcome).toBe('unchanged');
});

test('--delete deletes what it has deregistered', async () => {
  const world = await makeWorld({ scenario: 'old-revisions' });
  const end = await world.run(['prune', '--yes', '--delete', '--json']);
  expect(end.status, end.stderr).toBe(0);
  expect(inState(end, 'deleted')).toEqual(OLD);
  expect(await listed(world, 'DELETE_IN_PROGRESS')).toEqual(OLD);
  expect(end.stderr).toContain(`Deleted ${FAMILY}:2, ${FAMILY}:4`);
});

test('the first denial ends it, and the result says how far it came', async () => {
  const world = await makeWorld({ scenario: 'old-revisions' });
  const action = 'ecs:DeregisterTaskDefinition';
  const end = await world.run(['prune', '--yes', '--json', '--poll', '60ms'], {
    onStderr: (text) => {
      if (!text.includes(`Deregistered ${FAMILY}:4`)) return;
      world.sandbox.fail(action, accessDenied(action, '111122223333'));
    },
  });
  expect(end.status, end.stderr).toBe(4);
  expect(readResult(end)).toMatchObject({
    outcome: 'refused',
    error: { code: 'permission-denied' },
  });
  const done = inState(end, 'deregistered');
  expect(done.slice(0, 2)).toEqual([2, 4]);
  expect(inState(end, 'failed')).toEqual(OLD.slice(done.length, done.length + 1));
  expect(inState(end, 'skipped')).toEqual(OLD.slice(done.length + 1));
  expect(await listed(world, 'INACTIVE')).toEqual(done);
});

test('Ctrl-C ends it between two calls', async () => {
  const world = await makeWorld({ scenario: 'old-revisions' });
  const end = await world.run(['prune', '--yes', '--json', '--poll', '600ms'], {
    onStderr: (text, { kill }) => {
      if (text.includes(`Deregistered ${FAMILY}:2`)) kill('SIGINT');
    },
  });
  expect(end.status, end.stderr).toBe(130);
  const done = inState(end, 'deregistered');
  expect(inState(end, 'skipped')).toEqual(OLD.slice(done.length));
  expect(end.stderr).toContain(`Interrupted after ${done.length} revision`);
  expect(await listed(world, 'INACTIVE')).toEqual(done);
});
