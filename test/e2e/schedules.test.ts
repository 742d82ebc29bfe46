import {
  DeregisterTaskDefinitionCommand,
  DescribeTaskDefinitionCommand,
  RegisterTaskDefinitionCommand,
} from '@aws-sdk/client-ecs';
import type { RegisterTaskDefinitionCommandInput } from '@aws-sdk/client-ecs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Result } from '../../src/core/result.ts';
import type { ScheduleOutcome } from '../../src/core/scheduled.ts';
import type { JsonObject } from '../../src/core/task-definition.ts';
import { CUT } from '../../src/sandbox/wire.ts';
import { readResult } from '../support/cli.ts';
import { checkLog } from '../support/plain-log.ts';
import { callEvents, callScheduler, scheduledDocuments } from '../support/schedule-wire.ts';
import { CONFIG, addService, makeWorld } from '../support/world.ts';
import type { World, WorldOptions } from '../support/world.ts';

const PREFIX = 'arn:aws:ecs:ap-northeast-2:111122223333:task-definition/';
const FAMILY = `${PREFIX}hyeon9mak-task-dev`;
const SERVICE_ROLE = 'arn:aws:iam::111122223333:role/app';

/** Registers the next revision of the start world's family. */
async function register({ ecs }: World, more: Partial<RegisterTaskDefinitionCommandInput> = {}) {
  const { taskDefinition } = await ecs.send(
    new DescribeTaskDefinitionCommand({ taskDefinition: 'hyeon9mak-task-dev' }),
  );
  const definition = taskDefinition as RegisterTaskDefinitionCommandInput;
  await ecs.send(new RegisterTaskDefinitionCommand({ ...definition, ...more }));
}

/** The schedules of the first service of a result: outcome and new revision by name. */
function outcomesOf({ services }: Result): Record<string, string> {
  return Object.fromEntries(
    (services[0]?.schedules ?? []).map(({ kind, name, target, outcome, to }) => [
      target === null ? (name ?? `all ${kind}s`) : `${name}/${target}`,
      `${outcome}${to === null ? '' : ` :${to.split(':').at(-1)}`}`,
    ]),
  );
}

const document = (documents: Record<string, JsonObject>, name: string) => {
  const found = documents[name];
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
};

/** The task definition that a document names, and the document without it. */
function split(held: JsonObject) {
  const whole = { ...held, LastModificationDate: undefined };
  const inner = (held['Target'] ?? whole) as JsonObject;
  const parameters = { ...(inner['EcsParameters'] as JsonObject) };
  const named = parameters['TaskDefinitionArn'];
  delete parameters['TaskDefinitionArn'];
  const target = { ...inner, EcsParameters: parameters };
  return { named, rest: held['Target'] === undefined ? target : { ...whole, Target: target } };
}

/** Where all goes well in the start world. */
const FOLLOWED: Readonly<Record<string, string>> = {
  'ManagedRestart/restart': 'skipped',
  'hourly/sync': 'follows',
  'nightly/report': 'updated :2',
  'nightly/cleanup': 'updated :2',
  weekly: 'updated :2',
  archive: 'updated :2',
  minutely: 'follows',
  export: 'skipped',
};

/** One row: what was done before, the command, and what becomes of each scheduled task. */
interface Row {
  readonly world?: WorldOptions;
  readonly prepare?: (world: World) => Promise<void>;
  readonly args?: readonly string[];
  readonly status?: number;
  readonly schedules: Readonly<Record<string, string>>;
  readonly says?: string;
  /** The revision that `nightly/report` names in the end. */
  readonly nightly?: number;
}

const config = (schedules: string) => ({
  files: { '.ecsdeployrc': `${CONFIG}schedules: ${schedules}\n` },
});
const stays = (what: Partial<Record<string, `${ScheduleOutcome}${string}`>>) =>
  ({
    ...FOLLOWED,
    ...what,
  }) as Record<string, string>;

const ROWS: Readonly<Record<string, Row>> = {
  'rules and schedules follow a success': {
    schedules: FOLLOWED,
    says: 'Schedule jobs/archive: hyeon9mak-task-dev:1 → hyeon9mak-task-dev:2',
    nightly: 2,
  },
  'only those that the config names follow': {
    world: config('[nightly, jobs/archive, minutely]'),
    args: [],
    schedules: {
      'nightly/report': 'updated :2',
      'nightly/cleanup': 'updated :2',
      archive: 'updated :2',
      minutely: 'follows',
    },
    nightly: 2,
  },
  'a name that no rule has is a warning with the nearest one': {
    world: config('[nightyl]'),
    args: [],
    schedules: {},
    says: 'There is no rule or schedule "nightyl" that starts tasks of hyeon9mak-task-dev',
  },
  'nothing follows a rollout that failed': {
    world: { faults: [{ name: 'crash' }] },
    status: 7,
    schedules: {},
  },
  'nothing follows where nobody waits for the end': {
    args: ['--schedules', '--no-wait'],
    schedules: {},
    says: 'with --no-wait, the end of the deployment is not known',
  },
  'a service that already runs the revision takes its schedules along': {
    prepare: async (world) => {
      expect((await world.run(['rollout', '-q'])).status).toBe(0);
    },
    schedules: FOLLOWED,
    nightly: 2,
  },
  'one that is there already is left alone': {
    prepare: async (world) => {
      const { Targets } = await callEvents(world.sandbox, 'ListTargetsByRule', { Rule: 'nightly' });
      const [target] = Targets as [JsonObject];
      const EcsParameters = { TaskDefinitionArn: `${FAMILY}:2` };
      await callEvents(world.sandbox, 'PutTargets', {
        Rule: 'nightly',
        Targets: [{ ...target, EcsParameters }],
      });
    },
    schedules: stays({ 'nightly/report': 'unchanged' }),
    nightly: 2,
  },
  'a lost answer of a write that AWS carried out is no failure': {
    prepare: async ({ sandbox }) => sandbox.loseAnswers('scheduler:UpdateSchedule'),
    schedules: FOLLOWED,
    nightly: 2,
  },
  'a write that AWS never got stays, with a warning': {
    prepare: async ({ sandbox }) => sandbox.fail('scheduler:UpdateSchedule', CUT),
    schedules: stays({ weekly: 'failed :2', archive: 'failed :2' }),
    says: 'Warning: Schedule weekly stays on hyeon9mak-task-dev:1',
    nightly: 2,
  },
  'a rule that can be read but not written is a warning with the statement': {
    world: { denied: ['events:PutTargets'] },
    schedules: stays({ 'nightly/report': 'failed :2', 'nightly/cleanup': 'failed :2' }),
    says: '{ "Effect": "Allow", "Action": "events:PutTargets", "Resource": "*" }',
  },
  'rules that cannot be read do not hinder the schedules': {
    world: { denied: ['events:DescribeRule'] },
    schedules: {
      'all rules': 'failed :2',
      weekly: 'updated :2',
      archive: 'updated :2',
      minutely: 'follows',
      export: 'skipped',
    },
    says: 'The rules cannot be read, and do not follow to hyeon9mak-task-dev:2',
  },
};

test.each(Object.entries(ROWS))('%s', async (_, row) => {
  const { args = ['--schedules'], status = 0, schedules, says = '', nightly = 1 } = row;
  const world = await makeWorld(row.world);
  await register(world);
  const before = await scheduledDocuments(world.sandbox);
  await row.prepare?.(world);
  const end = await world.run(['rollout', '--json', ...args]);
  expect(end.status, end.stderr).toBe(status);
  expect(end.stderr).toContain(says);
  checkLog(end.stderr, []);
  expect(outcomesOf(readResult(end))).toEqual(schedules);
  const after = await scheduledDocuments(world.sandbox);
  expect(split(document(after, 'nightly/report')).named).toBe(`${FAMILY}:${nightly}`);
  if (row.prepare !== undefined) return;
  for (const [name, one] of Object.entries(before)) {
    expect(split(document(after, name)).rest).toEqual(split(one).rest);
  }
});

test('schedules follow a rollback back, and never somebody who only watches', async () => {
  const world = await makeWorld({ files: { 'confirm.yaml': `${CONFIG}confirm: true\n` } });
  await register(world);
  const confirm = ['rollout', '--schedules', '--config', 'confirm.yaml', '--yes'];
  const forth = await world.run(confirm);
  expect(forth.status, forth.stderr).toBe(0);
  expect(forth.stderr).toContain(
    'Schedule weekly will follow: hyeon9mak-task-dev:1 → hyeon9mak-task-dev:2',
  );
  const plan = await world.run(['rollback', '--schedules', '--dry-run', '--json']);
  expect(outcomesOf(readResult(plan))['weekly']).toBe('planned :1');
  expect(plan.stderr).toContain(
    'Schedule weekly would follow: hyeon9mak-task-dev:2 → hyeon9mak-task-dev:1',
  );
  await world.run(['rollback', '--schedules', '-q']);
  const back = await scheduledDocuments(world.sandbox);
  expect(split(document(back, 'default:weekly')).named).toBe(`${FAMILY}:1`);
  await world.run(['rollout', '-q', 'hyeon9mak-task-dev:2']);
  const watched = await world.run(['rollout', '--watch', '--schedules', '--json']);
  expect(readResult(watched).services[0]).not.toHaveProperty('schedules');
  expect(await scheduledDocuments(world.sandbox)).toEqual(back);
});

test('commands that move no service read no schedules', async () => {
  const world = await makeWorld(config('true'));
  for (const args of [
    ['render', '--set-env', 'A=B'],
    ['rollout', '--watch'],
    ['history'],
    ['diagnose'],
  ]) {
    const end = await world.run(args);
    expect(end.status, end.stderr).toBe(0);
  }
  const read = world.sandbox.calls.filter(({ action }) => /^(events|scheduler):/.test(action));
  expect(read).toEqual([]);
});

test('a dry run shows what would follow, and changes nothing', async () => {
  const world = await makeWorld();
  const before = await scheduledDocuments(world.sandbox);
  const image = `${world.sandbox.registryHost}/hyeon9mak-dev:first`;
  const end = await world.run([
    'deploy',
    '--image',
    image,
    '--set-env',
    'A=B',
    '--dry-run',
    '--json',
    '--schedules',
  ]);
  expect(end.status, end.stderr).toBe(0);
  expect(outcomesOf(readResult(end))).toMatchObject({ weekly: 'planned', minutely: 'follows' });
  expect(end.stderr).toContain(
    'Rule nightly (report) would follow: hyeon9mak-task-dev:1 → the new revision',
  );
  expect(await scheduledDocuments(world.sandbox)).toEqual(before);
});

test('services of one family share their schedules', async () => {
  const services = '[{ service: hyeon9mak-service-dev }, { service: second }]';
  const world = await makeWorld({
    files: {
      '.ecsdeployrc': `region: ap-northeast-2\ncluster: backend\nschedules: true\nservices: ${services}\n`,
    },
  });
  await addService(world, 'second');
  await register(world);
  const end = await world.run(['rollout', '--json']);
  expect(end.status, end.stderr).toBe(0);
  const [first, second] = readResult(end).services;
  expect(first?.schedules?.find(({ name }) => name === 'weekly')?.outcome).toBe('updated');
  expect(second?.schedules?.find(({ name }) => name === 'weekly')?.outcome).toBe('unchanged');
});

test('verify warns of what cannot run, of roles, and of what stays behind', async () => {
  const world = await makeWorld();
  await register(world);
  await register(world, { taskRoleArn: SERVICE_ROLE });
  await callScheduler(world.sandbox, 'POST', '/old', {
    ScheduleExpression: 'rate(1 hour)',
    FlexibleTimeWindow: { Mode: 'OFF' },
    Target: {
      Arn: 'arn:aws:ecs:ap-northeast-2:111122223333:cluster/backend',
      RoleArn: 'arn:aws:iam::111122223333:role/ecsSchedulerRole',
      EcsParameters: { TaskDefinitionArn: `${FAMILY}:2` },
    },
  });
  await world.ecs.send(
    new DeregisterTaskDefinitionCommand({ taskDefinition: 'hyeon9mak-task-dev:2' }),
  );
  const args = ['--schedules', '--task-definition', 'hyeon9mak-task-dev:3', '--json'];
  const end = await world.run(['verify', ...args]);
  const found = (readResult(end).checks ?? []).filter(({ check }) => check === 'schedules');
  expect(found.map(({ status, message }) => `${status} ${message}`)).toMatchInlineSnapshot(`
    [
      "ok would follow: nightly (report), nightly (cleanup), weekly, jobs/archive, old (now on hyeon9mak-task-dev:2); on the latest revision: hourly (sync), minutely",
      "warn ManagedRestart (restart) stays on hyeon9mak-task-dev:1: the rule is managed by restart.amazonaws.com.",
      "warn export stays on hyeon9mak-task-dev:1: its universal target has the revision in its input.",
      "warn old names hyeon9mak-task-dev:2, which is INACTIVE: its tasks do not start.",
      "warn The new revision has another taskRoleArn: arn:aws:iam::111122223333:role/app. arn:aws:iam::111122223333:role/ecsEventsRole must be allowed to pass it, or the tasks of hourly (sync), nightly (report), and nightly (cleanup) do not start.",
      "warn The new revision has another taskRoleArn: arn:aws:iam::111122223333:role/app. arn:aws:iam::111122223333:role/ecsSchedulerRole must be allowed to pass it, or the tasks of weekly, jobs/archive, minutely, and old do not start.",
    ]
  `);
});

test('status shows the rules and schedules', async () => {
  const world = await makeWorld();
  const end = await world.run(['status', '--schedules']);
  const from = end.stdout.indexOf('SCHEDULED TASK');
  expect(end.stdout.slice(from, end.stdout.indexOf('\n\nEVENTS'))).toMatchInlineSnapshot(`
    "SCHEDULED TASK            KIND      REVISION                      STATE     WHEN
    ManagedRestart (restart)  rule      hyeon9mak-task-dev:1          ENABLED   cron(0 4 * * ? *)
    hourly (sync)             rule      latest of hyeon9mak-task-dev  ENABLED   cron(0 * * * ? *)
    nightly (report)          rule      hyeon9mak-task-dev:1          ENABLED   cron(0 3 * * ? *)
    nightly (cleanup)         rule      hyeon9mak-task-dev:1          ENABLED   cron(0 3 * * ? *)
    weekly                    schedule  hyeon9mak-task-dev:1          ENABLED   cron(0 9 ? * MON *)
    jobs/archive              schedule  hyeon9mak-task-dev:1          DISABLED  rate(1 day)
    minutely                  schedule  latest of hyeon9mak-task-dev  ENABLED   rate(1 minute)
    export                    schedule  hyeon9mak-task-dev:1          ENABLED   rate(1 day)"
  `);
  const json = readResult(await world.run(['status', '--schedules', '--json']));
  expect(json.services[0]?.schedules).toContainEqual({
    kind: 'schedule',
    name: 'archive',
    group: 'jobs',
    target: null,
    enabled: false,
    expression: 'rate(1 day)',
    from: `${FAMILY}:1`,
    to: null,
    outcome: 'unchanged',
    reason: null,
  });
});

test('documents with members that no SDK knows: exactly the ARN differs', async () => {
  const world = await makeWorld();
  await register(world);
  const Arn = 'arn:aws:ecs:ap-northeast-2:111122223333:cluster/backend';
  const RoleArn = 'arn:aws:iam::111122223333:role/any';
  const json = fc.dictionary(
    fc.string({ minLength: 1 }),
    fc.jsonValue(),
  ) as fc.Arbitrary<JsonObject>;
  const samples = fc.sample(fc.tuple(json, json, json), { numRuns: 12, seed: 17 });
  for (const [index, [more, parameters, outer]] of samples.entries()) {
    const EcsParameters = { ...parameters, TaskDefinitionArn: `${FAMILY}:1` };
    const target = { ...more, Arn, RoleArn, EcsParameters };
    await callEvents(world.sandbox, 'PutRule', {
      Name: `rule-${index}`,
      ScheduleExpression: 'rate(1 day)',
    });
    const Targets = [{ ...target, Id: 'any' }];
    await callEvents(world.sandbox, 'PutTargets', { Rule: `rule-${index}`, Targets });
    await callScheduler(world.sandbox, 'POST', `/schedule-${index}`, {
      ...outer,
      ScheduleExpression: 'rate(1 day)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      State: 'DISABLED',
      Target: target,
    });
  }
  const before = await scheduledDocuments(world.sandbox);
  const end = await world.run(['rollout', '--schedules', '-q', '--poll', '100ms']);
  expect(end.status, end.stderr).toBe(0);
  const after = await scheduledDocuments(world.sandbox);
  for (const index of samples.keys()) {
    for (const name of [`rule-${index}/any`, `default:schedule-${index}`]) {
      const [old, now] = [split(document(before, name)), split(document(after, name))];
      expect([old.named, now.named]).toEqual([`${FAMILY}:1`, `${FAMILY}:2`]);
      expect(now.rest).toEqual(old.rest);
    }
  }
});
