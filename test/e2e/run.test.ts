import { RunTaskCommand } from '@aws-sdk/client-ecs';
import { describe, expect, test } from 'vitest';
import type { CauseCode } from '../../src/core/diagnosis.ts';
import type { Outcome, TaskResult } from '../../src/core/result.ts';
import type { CommandScenario, ScenarioName } from '../../src/sandbox/scenarios.ts';
import { awsFault } from '../../src/sandbox/wire.ts';
import { LOSSES } from '../support/broken-answers.ts';
import { readResult } from '../support/cli.ts';
import { checkLog } from '../support/plain-log.ts';
import { apiProxy } from '../support/proxies.ts';
import { makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

/** How `ecsdeploy run -- rails db:migrate` ends in a scenario. */
interface End {
  readonly status: number;
  readonly outcome: Outcome;
  /** Of the task; undefined where none is planned. */
  readonly task?: TaskResult['outcome'];
  readonly exitCode?: number | null;
  readonly cause?: CauseCode;
  /** Words of stderr. */
  readonly says: string;
  /** How often RunTask is called; once unless given. */
  readonly runs?: number;
  readonly args?: readonly string[];
  /** The words of the command. */
  readonly command?: readonly string[];
  readonly speed?: number;
}

const succeeds = (says = 'rails db:migrate succeeded', more: Partial<End> = {}): End => ({
  status: 0,
  outcome: 'succeeded',
  task: 'succeeded',
  exitCode: 0,
  says,
  ...more,
});
const fails = (cause: CauseCode, says: string, more: Partial<End> = {}): End => ({
  status: 10,
  outcome: 'failed',
  task: 'failed',
  exitCode: null,
  cause,
  says,
  ...more,
});
const refused = (status: number, says: string): End => ({
  status,
  outcome: 'refused',
  says,
  runs: 0,
});

/** One row per scenario of one-off tasks. */
const COMMAND_ENDS: Readonly<Record<CommandScenario, End>> = {
  'command-fails': fails('application-exit', 'ended with exit code 1', { exitCode: 1 }),
  'command-host-lookup': fails('application-exit', 'is not in Service Connect', { exitCode: 1 }),
  'command-out-of-memory': fails('out-of-memory', 'needed more memory than it has', {
    exitCode: 137,
  }),
  'command-hangs': fails('unknown', 'did not end within --timeout, and was stopped', {
    args: ['--timeout', '1s'],
  }),
  'command-spot': fails('spot-interruption', 'a migration should not run on Spot', {
    task: 'interrupted',
    exitCode: 143,
  }),
  'command-stopped': fails('stopped-by-user', 'somebody stopped the task', {
    task: 'interrupted',
    exitCode: 143,
  }),
  'command-restarted': refused(3, 'has a restart policy: ECS would run the command again'),
  'command-not-essential': succeeds(),
  'command-log-elsewhere': succeeds('it goes to splunk (splunk-url https://splunk.example.com)'),
  'sidecar-exits': fails(
    'application-exit',
    'container log_router ended with exit code 1 and took the task down',
    { exitCode: 143 },
  ),
  'run-on-spot': succeeds(),
  'capacity-late': succeeds('Capacity is unavailable at this time.', { runs: 3 }),
  'resources-missing': fails('no-capacity', 'RESOURCE:MEMORY (2 instances), RESOURCE:CPU', {
    runs: 6,
  }),
  'agent-disconnected': succeeds('The task is not started yet: AGENT; trying again', { runs: 2 }),
  'attribute-missing': fails('placement-blocked', 'no container instance can run the task'),
  'empty-answer': succeeds('AWS started no task and gave no reason; trying again', { runs: 2 }),
  'empty-answers': fails('unknown', 'AWS started no task and gave no reason', { runs: 6 }),
  'task-late': succeeds(),
  'task-unknown': {
    status: 10,
    outcome: 'unknown',
    task: 'unknown',
    exitCode: null,
    says: 'It may still run in the task',
  },
  'capacity-awaited': succeeds('PROVISIONING: waiting for capacity'),
  'capacity-never': fails('no-capacity', 'no capacity came for the task, which was stopped', {
    speed: 3000,
  }),
  'run-throttled': succeeds('Rate exceeded; trying again', { runs: 3 }),
  'run-denied': {
    status: 4,
    outcome: 'refused',
    task: 'refused',
    exitCode: null,
    says: 'is not authorized to call ecs:RunTask',
  },
  'task-reads-fail': succeeds('Cannot reach AWS (Service Unavailable)'),
};

/** Situations that concern deployments, and one-off tasks too. */
const OTHER_ENDS: Readonly<Partial<Record<ScenarioName, End>>> = {
  success: succeeds(),
  'desired-zero': succeeds(),
  'code-deploy': succeeds(),
  'secret-denied': fails('secret-unavailable', 'a secret of the task definition could not be read'),
  'image-gone': fails('image-not-found', 'the image is not in the registry'),
  'wrong-platform': fails('wrong-architecture', 'has no variant for linux/amd64'),
  'command-not-found': fails('command-not-found', 'an image with an ENTRYPOINT gets it'),
  'no-network': fails('network-unreachable', 'give the tasks a route'),
  'no-capacity': fails('no-capacity', 'there is no capacity', { runs: 6 }),
  'vcpu-limit': fails('no-capacity', 'ask for higher quotas in Service Quotas'),
  'no-instances': fails('no-capacity', 'No Container Instances were found'),
  'login-expired': refused(4, 'have expired'),
};

const runsOf = ({ sandbox }: World) =>
  sandbox.calls.filter(({ action }) => action === 'ecs:RunTask');

test.each(Object.entries({ ...COMMAND_ENDS, ...OTHER_ENDS }))('%s', async (name, expected) => {
  const scenario = name as ScenarioName;
  const { status, says, args = [], command = ['rails', 'db:migrate'], speed = 600 } = expected;
  const world = await makeWorld({ scenario, speed });
  const end = await world.run(['run', '--json', ...args, '--', ...command]);
  expect(end.stderr).toContain(says);
  expect(end.status, end.stderr).toBe(status);
  checkLog(end.stderr, expected.cause === undefined ? [] : [expected.cause]);
  const { outcome, services, tasks = [], error } = readResult(end);
  expect([outcome, services]).toEqual([expected.outcome, []]);
  expect(tasks.map((task) => task.outcome)).toEqual(
    expected.task === undefined ? [] : [expected.task],
  );
  expect(tasks[0]?.exitCode).toBe(expected.exitCode);
  expect(tasks[0]?.causes.map(({ code }) => code) ?? []).toEqual(
    expected.cause ? [expected.cause] : [],
  );
  expect(error === null).toBe(status === 0);
  const runs = runsOf(world);
  expect(runs).toHaveLength(expected.runs ?? 1);
  // One token for all attempts: no answer that is lost starts a second task.
  expect(new Set(runs.map(({ input }) => input['clientToken'])).size).toBeLessThan(2);
  // Nothing of a service was changed.
  expect(world.writes().filter((action) => !/RunTask|StopTask/.test(action))).toEqual([]);
});

describe('streams', () => {
  test('stdout has the log of the command to its last line, and nothing else', async () => {
    const world = await makeWorld();
    const end = await world.run(['run', '--', 'rails', 'db:version']);
    expect(end.stdout).toBe('Running /app/server rails db:version\nDone\n');
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).not.toContain('Done');
  });

  test('a command that fails leaves its code to --exit-code, and its log to stdout', async () => {
    const world = await makeWorld();
    const script = ['sh', '-c', 'echo no; exit 3'];
    const end = await world.run(['run', '--', ...script]);
    expect(end.status).toBe(10);
    expect(end.stderr).toContain("Error: sh -c 'echo no; exit 3' failed after");
    expect(end.stderr).not.toContain('| ');
    expect((await world.run(['run', '--exit-code', '--', ...script])).status).toBe(3);
  });

  test('an exit code of 0 is no success where the task was stopped before', async () => {
    const world = await makeWorld({ scenario: 'command-stopped' });
    const end = await world.run(['run', '--exit-code', '--', 'true']);
    expect(end.status).toBe(143);
  });

  test('--json has the lines of the log', async () => {
    const world = await makeWorld();
    const end = await world.run(['run', '--json', '--', 'rails', 'db:version']);
    const { logs, seconds } = readResult(end);
    expect(logs?.map(({ message }) => message)).toEqual([
      'Running /app/server rails db:version',
      'Done',
    ]);
    expect(logs?.[0]).toMatchObject({ container: 'hyeon9mak-container' });
    expect(seconds['run']).toBeGreaterThan(0);
    expect(end.stderr).toContain('  | Done\n');
  });

  test('--no-wait prints the task, and says that its end is not known', async () => {
    const world = await makeWorld();
    const end = await world.run(['run', '--no-wait', '--', 'rails', 'db:migrate']);
    expect(end.status).toBe(0);
    expect(end.stdout).toMatch(/^arn:aws:ecs:ap-northeast-2:111122223333:task\/backend\/\w{32}\n$/);
    expect(end.stderr).toContain('How rails db:migrate ends is not known');
  });
});

describe('what is run', () => {
  test('the revision and the place of the service, with what the command line sets', async () => {
    const world = await makeWorld();
    const size = ['--cpu', '1 vCPU', '--memory', '2048'];
    const end = await world.run(['run', ...size, '--set-env', 'STEP=1', '--', 'rails', 'c']);
    expect(end.status, end.stderr).toBe(0);
    expect(runsOf(world)[0]?.input).toEqual({
      cluster: expect.stringContaining(':cluster/backend') as string,
      taskDefinition: expect.stringMatching(/:task-definition\/hyeon9mak-task-dev:1$/) as string,
      count: 1,
      launchType: 'FARGATE',
      platformVersion: '1.4.0',
      networkConfiguration: {
        awsvpcConfiguration: {
          subnets: ['subnet-0123456789abcdef0'],
          securityGroups: ['sg-0123456789abcdef0'],
          assignPublicIp: 'ENABLED',
        },
      },
      overrides: {
        cpu: '1024',
        memory: '2048',
        containerOverrides: [
          {
            name: 'hyeon9mak-container',
            command: ['rails', 'c'],
            environment: [{ name: 'STEP', value: '1' }],
          },
        ],
      },
      startedBy: expect.stringMatching(/^ecsdeploy\/run\/[0-9a-f]{8}$/) as string,
      clientToken: expect.stringMatching(/^[\w-]{36}$/) as string,
    });
  });

  test('with --image, a revision of the family with that image', async () => {
    const world = await makeWorld();
    const image = `${world.sandbox.registryHost}/hyeon9mak-dev:first`;
    const end = await world.run(['run', '--image', image, '--json', '--', 'true']);
    expect(end.status, end.stderr).toBe(0);
    // The service runs that image, but its definition does not name the digest.
    expect(world.writes()).toEqual(['ecs:RegisterTaskDefinition', 'ecs:RunTask']);
    const missing = await world.run(['run', '--image', `${image}2`, '--json', '--', 'true']);
    expect(missing.status).toBe(3);
    expect(world.writes()).toEqual([]);
  });

  test('an inactive revision is refused before anything is started', async () => {
    const world = await makeWorld();
    const end = await world.run(['run', '--task-definition', '9', '--', 'true']);
    expect(end.status).toBe(4);
    expect(end.stderr).toContain('There is no task definition "hyeon9mak-task-dev:9"');
  });

  test('a dry run shows the request, without values', async () => {
    const world = await makeWorld();
    const end = await world.run(['run', '--dry-run', '--set-env', 'KEY=hunter2', '--', 'true']);
    expect(end.status).toBe(0);
    expect(end.stdout).toContain('"name": "KEY",\n            "value": "(hidden)"');
    expect(end.stdout + end.stderr).not.toContain('hunter2');
    expect(end.stderr).toContain('Dry run: nothing was changed');
    expect(world.writes()).toEqual([]);
  });
});

test.each([
  [['run'], 'run needs a command.'],
  [['run', 'ls', '-la'], 'write -- before that: ecsdeploy run -- ls -la'],
  [['run', '--container', 'nginx', '--', 'true'], 'has no container "nginx"'],
  [
    ['run', '--cpu', '512', '--memory', '8192', '--', 'true'],
    'Fargate has no tasks of 512 CPU units',
  ],
  [['run', '--', 'echo', 'x'.repeat(9000)], 'RunTask accepts 8192'],
  [['run', '--task-definition', './app.json', '--', 'true'], 'run takes a revision'],
])('%j is refused', async (args, says) => {
  const world = await makeWorld();
  const end = await world.run(args);
  expect([2, 3]).toContain(end.status);
  expect(end.stderr).toContain(says);
  expect(runsOf(world)).toEqual([]);
});

describe('an answer of RunTask that is lost', () => {
  test.each(['reset', 'cut', '{}', '502 with a page'] as const)(
    '%s: the same task is followed, and no second one is started',
    async (loss) => {
      const world = await makeWorld();
      let left = 2;
      const url = await apiProxy(world.sandbox.url, ({ action }) =>
        action === 'RunTask' && left-- > 0 ? { mode: LOSSES[loss], carriedOut: true } : undefined,
      );
      const end = await world.run(['run', '--json', '--', 'rails', 'db:migrate'], {
        environment: { AWS_ENDPOINT_URL: url },
      });
      expect(end.status, end.stderr).toBe(0);
      expect(runsOf(world)).toHaveLength(3);
      const answers = await world.ecs
        .send(new RunTaskCommand({ ...(runsOf(world)[0]?.input as object), taskDefinition: 'x' }))
        .catch((error: unknown) => error);
      expect(answers).toMatchObject({
        name: 'ConflictException',
        resourceIds: [readResult(end).tasks?.[0]?.task],
      });
    },
  );

  test('to every attempt: the task is found by who started it', async () => {
    const world = await makeWorld();
    const url = await apiProxy(world.sandbox.url, ({ action }) =>
      action === 'RunTask' ? { mode: LOSSES.reset, carriedOut: true } : undefined,
    );
    const end = await world.run(['run', '--json', '--', 'rails', 'db:migrate'], {
      environment: { AWS_ENDPOINT_URL: url },
    });
    expect(end.status, end.stderr).toBe(0);
  });

  test('and nothing is found: it may have been started', async () => {
    const world = await makeWorld();
    const url = await apiProxy(world.sandbox.url, ({ action }) =>
      action === 'RunTask' ? { mode: LOSSES.reset, carriedOut: false } : undefined,
    );
    const end = await world.run(['run', '--json', '--', 'rails', 'db:migrate'], {
      environment: { AWS_ENDPOINT_URL: url },
    });
    expect(end.status, end.stderr).toBe(10);
    expect(readResult(end)).toMatchObject({
      outcome: 'unknown',
      error: { code: 'command-failed' },
    });
    expect(end.stderr).toContain('aws ecs list-tasks --cluster');
  });
});

test('the command is no longer followed when the credentials expire: its task is named', async () => {
  const world = await makeWorld({ scenario: 'command-hangs' });
  const end = await world.run(['run', '--json', '--', 'rails', 'db:migrate'], {
    onStderr: (text) => {
      if (!text.includes('Waiting for the lock')) return;
      world.sandbox.fail('ecs:DescribeTasks', awsFault('ExpiredTokenException', 'it is expired'));
    },
  });
  expect(end.status, end.stderr).toBe(10);
  expect(readResult(end).tasks?.[0]).toMatchObject({ outcome: 'unknown', exitCode: null });
  expect(end.stderr).toContain('aws ecs describe-tasks --cluster backend --tasks');
});

describe('Ctrl-C', () => {
  const interrupting = async (
    answers: readonly (readonly [string, string])[] | undefined,
    signal: NodeJS.Signals = 'SIGINT',
  ) => {
    const world = await makeWorld({ scenario: 'command-hangs' });
    let isSent = false;
    const end = await world.run(
      ['run', '--progress', 'plain', '--json', '--', 'rails', 'db:migrate'],
      {
        ...(answers && { answers }),
        onStderr: (text, { kill }) => {
          if (isSent || !text.includes('Waiting for the lock')) return;
          isSent = true;
          kill(signal);
        },
      },
    );
    return { world, end, stops: world.writes().filter((action) => action === 'ecs:StopTask') };
  };

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'without a terminal, %s stops the task',
    async (signal) => {
      const { end, stops } = await interrupting(undefined, signal);
      expect(end.status, end.stderr).toBe(130);
      expect(stops).toHaveLength(1);
      expect(readResult(end)).toMatchObject({
        outcome: 'interrupted',
        tasks: [{ outcome: 'interrupted', exitCode: null }],
      });
    },
  );

  test('on a terminal, the command continues unless the answer is yes', async () => {
    const { end, stops } = await interrupting([['Stop it?', 'n\r']]);
    expect(end.status, end.stderr).toBe(130);
    expect(stops).toEqual([]);
    expect(end.stderr).toContain('stop it: aws ecs stop-task --cluster backend --task ');
    expect(readResult(end).error?.message).toMatch(
      /^Interrupted: the command continues in the task/,
    );
  });

  test('another Ctrl-C at the question leaves the command running', async () => {
    const { end, stops } = await interrupting([['Stop it?', '\u0003']]);
    expect(end.status, end.stderr).toBe(130);
    expect(stops).toEqual([]);
  });

  test('with yes, it is stopped and followed to its end', async () => {
    const { end, stops } = await interrupting([['Stop it?', 'y\r']]);
    expect(end.status, end.stderr).toBe(130);
    expect(stops).toHaveLength(1);
    expect(readResult(end).tasks?.[0]).toMatchObject({ outcome: 'interrupted', exitCode: 143 });
  });
});
