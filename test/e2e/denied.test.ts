import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { IAM_COMMANDS, PERMISSIONS } from '../../src/core/iam.ts';
import type { IamCommand } from '../../src/core/iam.ts';
import { accessDenied } from '../../src/sandbox/wire.ts';
import { readResult } from '../support/cli.ts';
import type { CliEnd, CliOptions } from '../support/cli.ts';
import { CONFIG, makeWorld } from '../support/world.ts';
import type { World, WorldOptions } from '../support/world.ts';

/** A command as it is run here: so that it calls what it can call when nothing is wrong. */
interface Play {
  readonly args: readonly string[] | ((world: World) => readonly string[]);
  readonly options?: WorldOptions;
  readonly answers?: CliOptions['answers'];
  /** Done before it, with every permission; what it returns is piped into it. */
  readonly before?: (world: World) => Promise<string | void>;
}

const deployWith = async (world: World, step: string, status = 0): Promise<void> => {
  const end = await world.run(['deploy', '-q', '--set-env', `STEP=${step}`]);
  expect(end.status, end.stderr).toBe(status);
};

const renderNext = async (world: World): Promise<string> =>
  (await world.run(['render', '--set-env', 'STEP=2'])).stdout;

const ANSWERS = [
  ['Cluster', 'backend\r'],
  ['Service', 'hyeon9mak-service-dev\r'],
  ['ECR repository', 'hyeon9mak-dev\r'],
  ['Write ', '\r'],
] as const;

const PLAYS: Readonly<Record<IamCommand, Play>> = {
  init: {
    args: ['init', '--progress', 'plain', '--container', 'hyeon9mak-container'],
    answers: ANSWERS,
    before: async ({ folder }) => rmSync(join(folder, '.ecsdeployrc')),
  },
  deploy: { args: ['deploy'] },
  push: { args: ['push'] },
  render: {
    args: ({ sandbox }) => ['render', '--image', `${sandbox.registryHost}/hyeon9mak-dev:first`],
  },
  register: { args: ['register'], before: renderNext },
  rollout: {
    args: ['rollout'],
    before: async (world) => {
      const end = await world.run(['register'], { stdin: await renderNext(world) });
      expect(end.status, end.stderr).toBe(0);
    },
  },
  rollback: {
    args: ['rollback'],
    before: async (world) => {
      await deployWith(world, '2');
      await deployWith(world, '3');
    },
  },
  continue: {
    args: ['continue'],
    options: { scenario: 'paused', speed: 100 },
    before: async (world) => {
      const end = await world.run(['deploy', '-q', '--until', 'paused']);
      expect(end.status, end.stderr).toBe(0);
    },
  },
  run: { args: ['run', '--', 'rails', 'db:migrate'] },
  status: { args: ['status'] },
  diagnose: {
    args: ['diagnose'],
    options: { scenario: 'crash' },
    before: (world) => deployWith(world, '2', 7),
  },
  logs: { args: ['logs'] },
  history: { args: ['history'] },
  prune: { args: ['prune', '--yes'], options: { scenario: 'old-revisions' } },
  verify: {
    args: ['verify'],
    before: async (world) => {
      const end = await world.run(['push']);
      expect(end.status, end.stderr).toBe(0);
    },
  },
};

/** What the sandbox does not ask for, or only a real daemon. */
const NOT_ASKED = new Set([
  'ecr:BatchCheckLayerAvailability',
  // The sandbox asks for it with the call that passes the role; see the test of its own.
  'iam:PassRole',
]);
/** A daemon with containerd's image store reads what the tag holds before it pushes; the stand-in does not. */
const NOT_NEEDED_HERE = new Set(['ecr:BatchGetImage']);

/** Nothing is lost without it. */
function isSilent(command: IamCommand, action: string): boolean {
  // The images of a revision are named by their URIs; whether one is there does not need its config.
  return (
    action === 'ecr:DescribeRepositories' ||
    // A repository that does not exist is missing, whether a template would create it or not.
    action === 'ecr:DescribeRepositoryCreationTemplates' ||
    (action === 'ecr:GetDownloadUrlForLayer' && command === 'rollout')
  );
}

/** AWS answers it to everybody, whatever a policy says. */
const FREE = 'sts:GetCallerIdentity';

/** Calls that only make a message better when a name is wrong. */
const LISTS = ['ecs:ListClusters', 'ecs:ListServices', 'ecs:ListTaskDefinitionFamilies'];

const ALL = [...new Set([...PERMISSIONS.map(({ action }) => action), ...LISTS])];

function actionsOf(command: IamCommand, kind: 'needed' | 'optional'): string[] {
  return PERMISSIONS.filter(
    (row) => row[kind]?.includes(command) === true && row.only?.setting === undefined,
  ).map(({ action }) => action);
}

interface Played extends CliEnd {
  readonly world: World;
  /** Actions that were called and answered, and those that were called and denied. */
  readonly answered: readonly string[];
  readonly refused: readonly string[];
}

/** Runs a command with these actions denied. */
async function play(command: IamCommand, denied: readonly string[]): Promise<Played> {
  const { args, options = {}, before, answers } = PLAYS[command];
  const world = await makeWorld(options);
  const stdin = await before?.(world);
  const mark = world.sandbox.calls.length;
  for (const action of denied) world.sandbox.fail(action, accessDenied(action, '111122223333'));
  const end = await world.run(typeof args === 'function' ? args(world) : args, {
    ...(typeof stdin === 'string' && { stdin }),
    ...(answers && { answers }),
  });
  const calls = world.sandbox.calls.slice(mark);
  const names = (isGood: boolean) =>
    new Set(calls.filter(({ status }) => (status === 200) === isGood).map(({ action }) => action));
  const refused = [...names(false)].filter((action) => denied.includes(action));
  return { ...end, world, answered: [...names(true)], refused };
}

const WRITES = new Set([
  'ecs:RegisterTaskDefinition',
  'ecs:RunTask',
  'ecs:UpdateService',
  'ecs:StopServiceDeployment',
  'ecs:ContinueServiceDeployment',
  'ecs:DeregisterTaskDefinition',
]);
const written = ({ answered }: Played) => answered.filter((action) => WRITES.has(action));

describe.each(IAM_COMMANDS)('%s', (command) => {
  const needed = actionsOf(command, 'needed');
  const optional = actionsOf(command, 'optional');
  const policy = [...needed, ...optional];

  test('works with its policy, without a warning, and calls nothing else', async () => {
    const end = await play(
      command,
      ALL.filter((action) => !policy.includes(action)),
    );
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).not.toContain('Warning: ');
    const beyond = end.answered.filter((action) => ![...policy, FREE].includes(action));
    expect(beyond).toEqual([]);
    expect(end.refused).toEqual([]);
  });

  test('works with what it needs, and names what it goes on without', async () => {
    const end = await play(
      command,
      ALL.filter((action) => !needed.includes(action)),
    );
    expect(end.status, end.stderr).toBe(0);
    for (const action of end.refused.filter((name) => !isSilent(command, name)))
      expect(end.stderr).toContain(`is not authorized to call ${action}`);
  });

  test.each(needed.filter((action) => !NOT_ASKED.has(action) && !NOT_NEEDED_HERE.has(action)))(
    'is refused without %s, before anything is written',
    async (action) => {
      const end = await play(command, [action]);
      expect(end.status, end.stderr).toBe(
        // Where to go back to is a question of the service, not of the caller alone.
        command === 'rollback' && /ListServiceD|DescribeServiceR/.test(action) ? 3 : 4,
      );
      expect(end.stderr).toContain(`is not authorized to call ${action}`);
      expect(end.stderr).toContain(`{ "Effect": "Allow", "Action": "${action}", "Resource": "*" }`);
      const isBehind = action === 'ecs:UpdateService' && command === 'deploy';
      expect(written(end)).toEqual(isBehind ? ['ecs:RegisterTaskDefinition'] : []);
    },
  );

  test.each(optional.filter((action) => !isSilent(command, action)))(
    'goes on without %s, and says so',
    async (action) => {
      const end = await play(command, [action]);
      expect(end.status, end.stderr).toBe(0);
      const unsaid = end.refused.filter(
        (name) => !end.stderr.includes(`is not authorized to call ${name}`),
      );
      expect(unsaid).toEqual([]);
    },
  );
});

describe('rollout --schedules', () => {
  const rows = PERMISSIONS.filter(
    ({ only, optional }) => only?.setting === 'schedules' && optional?.includes('rollout') === true,
  );
  const actions = rows.map(({ action }) => action);
  const follow = async (denied: readonly string[]) => {
    const world = await makeWorld();
    const stdin = await renderNext(world);
    expect((await world.run(['register'], { stdin })).status).toBe(0);
    for (const action of denied) world.sandbox.fail(action, accessDenied(action, '111122223333'));
    const end = await world.run(['rollout', '--schedules']);
    expect(end.status, end.stderr).toBe(0);
    return end;
  };

  test('works with its policy', async () => {
    const policy = [...actionsOf('rollout', 'needed'), ...actionsOf('rollout', 'optional')];
    const end = await follow(ALL.filter((action) => ![...policy, ...actions].includes(action)));
    expect(end.stderr).not.toContain('is not authorized');
  });

  test.each(actions.filter((action) => !NOT_ASKED.has(action)))(
    'goes on without %s, and says so',
    async (action) => {
      const end = await follow([action]);
      expect(end.stderr).toContain(`is not authorized to call ${action}`);
    },
  );
});

describe('deploy with release tasks', () => {
  const rows = PERMISSIONS.filter(({ only }) => only?.setting === 'release');
  const migrate = async (
    denied: readonly string[],
    scenario: WorldOptions['scenario'] = 'success',
    more = '',
  ) => {
    const config = `${CONFIG}release:\n  - { command: [rails, "db:migrate"]${more} }\n`;
    const world = await makeWorld({ scenario, files: { '.ecsdeployrc': config } });
    for (const action of denied) world.sandbox.fail(action, accessDenied(action, '111122223333'));
    return { ...(await world.run(['deploy'])), writes: world.writes() };
  };

  test('works with its policy', async () => {
    const own = rows.map(({ action }) => action);
    const others = [...actionsOf('deploy', 'needed'), ...actionsOf('deploy', 'optional')];
    const policy = new Set([...others, ...own]);
    const end = await migrate(ALL.filter((action) => !policy.has(action)));
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).not.toContain('is not authorized');
  });

  test.each(rows.filter(({ needed }) => needed.includes('deploy')))(
    'is refused without $action, and no service has moved',
    async ({ action }) => {
      const end = await migrate([action]);
      expect(end.status, end.stderr).toBe(4);
      expect(end.stderr).toContain(`is not authorized to call ${action}`);
      expect(end.writes).not.toContain('ecs:UpdateService');
    },
  );

  test('ends without ecs:StopTask, and says that the task continues', async () => {
    const end = await migrate(['ecs:StopTask'], 'command-hangs', ', timeout: 1s');
    expect(end.status, end.stderr).toBe(10);
    expect(end.stderr).toContain('is not authorized to call ecs:StopTask');
    expect(end.writes).not.toContain('ecs:UpdateService');
  });
});

describe('a service that CodeDeploy deploys', () => {
  const rowsOf = (command: IamCommand, kind: 'needed' | 'optional') =>
    PERMISSIONS.filter(
      (row) => row.only?.setting === 'codeDeploy' && row[kind]?.includes(command) === true,
    ).map(({ action }) => action);
  const runWith = async (
    command: IamCommand,
    denied: readonly string[],
    scenario: WorldOptions['scenario'] = 'codedeploy',
    before?: readonly string[],
  ) => {
    const world = await makeWorld({ scenario });
    const stdin = await renderNext(world);
    expect((await world.run(['register'], { stdin })).status).toBe(0);
    if (before) expect((await world.run(before)).status).toBe(0);
    world.writes();
    const mark = world.sandbox.calls.length;
    for (const action of denied) world.sandbox.fail(action, accessDenied(action, '111122223333'));
    const end = await world.run([command]);
    const answered = world.sandbox.calls.slice(mark).filter(({ status }) => status === 200);
    return { ...end, writes: world.writes(), answered: answered.map(({ action }) => action) };
  };

  test.each<IamCommand>(['rollout', 'status', 'diagnose', 'history', 'prune', 'verify'])(
    '%s works with its policy, and calls nothing else',
    async (command) => {
      const own = [...rowsOf(command, 'needed'), ...rowsOf(command, 'optional')];
      const policy = [...own, ...actionsOf(command, 'needed'), ...actionsOf(command, 'optional')];
      const end = await runWith(
        command,
        ALL.filter((action) => !policy.includes(action)),
      );
      expect(end.status, end.stderr).toBe(0);
      expect(end.stderr).not.toContain('is not authorized');
      expect(end.answered.filter((action) => ![...policy, FREE].includes(action))).toEqual([]);
    },
  );

  test.each(rowsOf('rollout', 'needed').filter((name) => !name.endsWith('DeploymentConfig')))(
    'rollout is refused without %s, before anything is written',
    async (action) => {
      const end = await runWith('rollout', [action]);
      expect(end.status, end.stderr).toBe(4);
      expect(end.stderr).toContain(`is not authorized to call ${action}`);
      expect(end.writes.filter((name) => name !== 'codedeploy:CreateDeployment')).toEqual([]);
    },
  );

  test.each(rowsOf('prune', 'needed').slice(0, 5))(
    'prune is refused without %s',
    async (action) => {
      const end = await runWith('prune', [action]);
      expect(end.status, end.stderr).toBe(4);
      expect(end.stderr).toContain(`is not authorized to call ${action}`);
    },
  );

  test.each(rowsOf('status', 'optional').slice(0, 2))(
    'status goes on without %s, and says so',
    async (action) => {
      const end = await runWith('status', [action]);
      expect(end.status, end.stderr).toBe(0);
      expect(end.stderr).toContain(`is not authorized to call ${action}`);
    },
  );

  test.each([
    ['continue', 'codedeploy:ContinueDeployment'],
    ['rollback', 'codedeploy:StopDeployment'],
  ] as const)('%s is refused without %s', async (command, action) => {
    const before = ['rollout', '--until', 'paused'];
    const end = await runWith(command, [action], 'codedeploy-ready', before);
    expect(end.status, end.stderr).toBe(4);
    expect(end.stderr).toContain(`is not authorized to call ${action}`);
  });
});

test('every action that a deploy calls is in the table', async () => {
  const { answered } = await play('deploy', []);
  expect(answered.filter((action) => ![...ALL, FREE].includes(action))).toEqual([]);
  expect(answered.length).toBeGreaterThan(8);
});

test('a denied role: the statement is on one line, with its condition', async () => {
  const world = await makeWorld({ scenario: 'pass-role-denied' });
  const end = await world.run(['deploy', '--json']);
  expect(end.status).toBe(4);
  expect(readResult(end).error).toMatchInlineSnapshot(`
    {
      "code": "permission-denied",
      "hint": "add to its policy: { "Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::111122223333:role/ecsTaskExecutionRole", "Condition": { "StringEquals": { "iam:PassedToService": "ecs-tasks.amazonaws.com" } } }
    for the full policy: ecsdeploy help iam",
      "message": "arn:aws:iam::111122223333:user/sandbox is not authorized to call iam:PassRole on arn:aws:iam::111122223333:role/ecsTaskExecutionRole: no identity-based policy allows it.",
    }
  `);
});

test('UpdateService denied: the revision that was registered is named, and how to go on', async () => {
  const end = await play('deploy', ['ecs:UpdateService']);
  expect(end.stderr.slice(end.stderr.indexOf('Error: '))).toMatchInlineSnapshot(`
    "Error: arn:aws:iam::111122223333:user/sandbox is not authorized to call ecs:UpdateService: no identity-based policy allows it. hyeon9mak-task-dev:2 was registered, but not deployed: the service is as it was.
      → add to its policy: { "Effect": "Allow", "Action": "ecs:UpdateService", "Resource": "*" }
      → then continue with the registered revision: ecsdeploy rollout hyeon9mak-task-dev:2 --cluster backend --service hyeon9mak-service-dev
      → for the full policy: ecsdeploy help iam
    "
  `);
  const { taskDefinition, deployments } = await end.world.service();
  expect(taskDefinition).toMatch(/:1$/);
  expect(deployments).toHaveLength(1);
});

test('a deploy of a given image writes nothing at all where registering is denied', async () => {
  const world = await makeWorld({ denied: ['ecs:RegisterTaskDefinition'] });
  const image = `${world.sandbox.registryHost}/hyeon9mak-dev:first`;
  const end = await world.run(['deploy', '--image', image, '--set-env', 'STEP=2']);
  expect(end.status, end.stderr).toBe(4);
  const answered = world.sandbox.calls.filter(({ status }) => status === 200);
  expect(answered.filter(({ action }) => WRITES.has(action))).toEqual([]);
});

interface CaseRow {
  readonly action: string;
  readonly args: (world: World) => readonly string[];
  readonly scenario?: WorldOptions['scenario'];
  readonly status: number;
  readonly says: string;
  /** Kinds of writes that are carried out all the same. */
  readonly writes: readonly string[];
}

const DENIED = 'is not authorized to call ACTION';

/** Actions that only a setting needs, denied. */
const CASE_ROWS: Readonly<Record<string, CaseRow>> = {
  'run --image is refused before it starts a task': {
    action: 'ecs:RegisterTaskDefinition',
    args: ({ sandbox }) => [
      'run',
      '--image',
      `${sandbox.registryHost}/hyeon9mak-dev:first`,
      '--',
      'true',
    ],
    status: 4,
    says: DENIED,
    writes: [],
  },
  'push --create-repository is refused': {
    action: 'ecr:CreateRepository',
    args: () => ['push', '--create-repository', '--repository', 'new'],
    status: 4,
    says: DENIED,
    writes: [],
  },
  'prune --delete ends once everything is deregistered': {
    action: 'ecs:DeleteTaskDefinitions',
    args: () => ['prune', '--yes', '--delete', '--keep', '22'],
    scenario: 'old-revisions',
    status: 4,
    says: DENIED,
    writes: ['ecs:DeregisterTaskDefinition'],
  },
  '--on-failure rollback deploys the revision before': {
    action: 'ecs:StopServiceDeployment',
    args: () => ['rollout', '--on-failure', 'rollback', 'hyeon9mak-task-dev:2'],
    scenario: 'crash-loop',
    status: 7,
    says: 'which is back on hyeon9mak-task-dev:1',
    writes: ['ecs:UpdateService'],
  },
};

test.each(Object.entries(CASE_ROWS))(
  '%s',
  async (_, { action, args, scenario = 'success', status, says, writes }) => {
    const world = await makeWorld({ scenario });
    const stdin = await renderNext(world);
    expect((await world.run(['register'], { stdin })).status).toBe(0);
    world.writes();
    world.sandbox.fail(action, accessDenied(action, '111122223333'));
    const end = await world.run(args(world));
    expect(end.status, end.stderr).toBe(status);
    expect(end.stderr).toContain(says.replace('ACTION', action));
    expect([...new Set(world.writes())].filter((name) => name !== action)).toEqual(writes);
  },
);
