import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateServiceCommand,
  RegisterTaskDefinitionCommand,
  StopTaskCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import { describe, expect, test, vi } from 'vitest';
import type { Outcome } from '../../src/core/result.ts';
import { accessDenied, awsFault } from '../../src/sandbox/wire.ts';
import { readResult } from '../support/cli.ts';
import type { CliEnd, Running } from '../support/cli.ts';
import { addService, CONFIG, makeWorld, stable } from '../support/world.ts';
import type { World } from '../support/world.ts';

const SERVICE = { cluster: 'backend', service: 'hyeon9mak-service-dev' };

/** Turns the circuit breaker of the service off, or its rollback. */
async function setBreaker(world: World, enable: boolean): Promise<void> {
  await world.ecs.send(
    new UpdateServiceCommand({
      ...SERVICE,
      deploymentConfiguration: { deploymentCircuitBreaker: { enable, rollback: false } },
    }),
  );
}

test('a circuit breaker without rollback: failed, and the service stays as ECS left it', async () => {
  const world = await makeWorld({ faults: [{ name: 'crash' }] });
  await setBreaker(world, true);
  const end = await world.run(['deploy', '--json', '--on-failure', 'watch']);
  expect(end.status, end.stderr).toBe(6);
  expect(readResult(end)).toMatchObject({
    outcome: 'failed',
    services: [{ causes: [{ code: 'application-exit' }] }],
  });
});

test('without a circuit breaker a crash loop ends after --max-failures', async () => {
  const world = await makeWorld({ faults: [{ name: 'crash' }] });
  await setBreaker(world, false);
  const end = await world.run(['deploy', '--json', '--max-failures', '2']);
  expect(end.status, end.stderr).toBe(6);
  expect(readResult(end).services[0]?.failedTasks).toBeGreaterThanOrEqual(2);
});

test('--on-failure rollback asks ECS to roll back and waits for it', async () => {
  // The record of the deployment is known before its tasks have failed.
  const world = await makeWorld({ faults: [{ name: 'crash' }], speed: 20 });
  await setBreaker(world, false);
  const { taskDefinition } = await world.service();
  world.writes();
  const end = await world.run(['deploy', '--json', '--on-failure', 'rollback']);
  expect(end.status, end.stderr).toBe(7);
  expect(world.writes()).toContain('ecs:StopServiceDeployment');
  expect((await world.service()).taskDefinition).toBe(taskDefinition);
});

test('--on-failure rollback deploys the revision before where ECS denies it', async () => {
  const world = await makeWorld({ faults: [{ name: 'crash' }] });
  await setBreaker(world, false);
  const { taskDefinition } = await world.service();
  const action = 'ecs:StopServiceDeployment';
  world.sandbox.fail(action, accessDenied(action, '111122223333'));
  const end = await world.run(['deploy', '--json', '--on-failure', 'rollback']);
  expect(end.status, end.stderr).toBe(7);
  expect(readResult(end)).toMatchObject({
    outcome: 'rolled-back',
    services: [
      {
        taskDefinition: expect.stringMatching(/:2$/),
        previousTaskDefinition: taskDefinition,
        running: 2,
        causes: [{ code: 'application-exit' }],
      },
    ],
  });
  expect((await world.service()).taskDefinition).toBe(taskDefinition);
});

test('--on-failure rollback that may do nothing says so, and what is left', async () => {
  const world = await makeWorld({ faults: [{ name: 'crash' }] });
  await setBreaker(world, false);
  const end = await interfere(world, ['--on-failure', 'rollback'], () => {
    for (const action of ['ecs:StopServiceDeployment', 'ecs:UpdateService']) {
      world.sandbox.fail(action, accessDenied(action, '111122223333'));
    }
  });
  expect(end.status, end.stderr).toBe(6);
  expect(readResult(end).services).toMatchObject([
    { outcome: 'failed', causes: [{ code: 'application-exit' }] },
  ]);
  expect(end.stderr).toContain('is not authorized to call ecs:UpdateService');
});

test('one task of a cause that no other can resolve ends the watch', async () => {
  const world = await makeWorld({ faults: [{ name: 'command-not-found' }] });
  await setBreaker(world, false);
  const end = await world.run(['deploy', '--json']);
  expect(end.status, end.stderr).toBe(6);
  expect(readResult(end).services).toMatchObject([
    { outcome: 'failed', causes: [{ code: 'command-not-found' }] },
  ]);
  expect(end.stderr).toContain('every new task would fail the same way');
});

test('limits that leave ECS no room are named, and no circuit breaker is waited for', async () => {
  const world = await makeWorld();
  await world.ecs.send(
    new UpdateServiceCommand({
      ...SERVICE,
      deploymentConfiguration: {
        minimumHealthyPercent: 100,
        maximumPercent: 140,
        deploymentCircuitBreaker: { enable: true, rollback: true },
      },
    }),
  );
  const refused = await world.run(['deploy']);
  expect(refused.status).toBe(3);
  const end = await world.run(['deploy', '--json', '--skip-check', 'deployment-percent']);
  expect(end.status, end.stderr).toBe(6);
  expect(readResult(end).services).toMatchObject([
    { outcome: 'failed', causes: [{ code: 'placement-blocked' }] },
  ]);
  expect(end.stderr).toContain('minimumHealthyPercent');
});

describe('an image for another CPU', () => {
  test('is refused before anything is written, with both architectures and the flag', async () => {
    const world = await makeWorld();
    const end = await world.run(['deploy', '--platform', 'linux/arm64']);
    expect(end.status).toBe(3);
    expect(stable(end.stderr, world)).toMatchInlineSnapshot(`
      "Error: The image would be built for linux/arm64, but the tasks run on linux/amd64: the container would fail with "exec format error".
        → build it with --platform linux/amd64, or set runtimePlatform in the task definition; to continue anyway: --skip-check image-platform
      "
    `);
    expect(world.writes()).toEqual([]);
    expect(
      world.sandbox.calls.filter(({ action }) => action === 'ecr:GetAuthorizationToken'),
    ).toEqual([]);
  });

  test('is refused after the build when the Dockerfile chose it', async () => {
    const world = await makeWorld({
      files: { Dockerfile: 'FROM --platform=linux/arm64 scratch\nCOPY app /app\nCMD ["/app"]\n' },
    });
    const end = await world.run(['push']);
    expect(end.status).toBe(3);
    expect(end.stdout).toBe('');
    expect(stable(end.stderr, world).split('\n').slice(-3).join('\n')).toMatchInlineSnapshot(`
      "Error: Docker built REGISTRY/hyeon9mak-dev:COMMIT for linux/arm64, but the tasks run on linux/amd64: the container would fail with "exec format error".
        → remove --platform from FROM in the Dockerfile, so that --platform linux/amd64 decides; to continue anyway: --skip-check image-platform
      "
    `);
    expect(world.writes()).toEqual([]);
  });

  test('that is in ECR already is refused for a deploy, and under its tag for a push', async () => {
    const world = await makeWorld();
    const image = (
      await world.run(['push', '--platform', 'linux/arm64', '--tag', 'arm'])
    ).stdout.trim();
    const deploy = await world.run(['deploy', '--image', image]);
    expect(deploy.status).toBe(3);
    expect(deploy.stderr).toContain(
      `${image} is built for linux/arm64, but the tasks run on linux/amd64`,
    );
    const push = await world.run(['push', '--tag', 'arm']);
    expect(push.status).toBe(3);
    expect(world.writes()).toEqual([]);
  });

  test('forced past the checks: the failing rollout names it, from the log of the container', async () => {
    const world = await makeWorld();
    const end = await world.run([
      'deploy',
      '--json',
      '--platform',
      'linux/arm64',
      '--skip-check',
      'image-platform',
    ]);
    expect(end.status, end.stderr).toBe(7);
    expect(readResult(end).services[0]?.causes).toMatchObject([
      {
        code: 'wrong-architecture',
        evidence: expect.arrayContaining(['| exec /app: exec format error']),
      },
    ]);
    expect(end.stderr).toContain('was built for another CPU than linux/amd64');
  });
});

test('on machines that may have either CPU the image is not refused, and not blamed', async () => {
  const world = await makeWorld();
  const { stdout: image } = await world.run(['push', '--platform', 'linux/arm64', '--tag', 'arm']);
  const definition = {
    family: 'machines',
    memory: '512',
    containerDefinitions: [
      {
        name: 'app',
        image: `${world.sandbox.registryHost}/hyeon9mak-dev:first`,
        logConfiguration: { logDriver: 'splunk' as const, options: { 'splunk-url': 'https://s' } },
      },
    ],
  };
  await world.ecs.send(new RegisterTaskDefinitionCommand(definition));
  const service = { serviceName: 'machines', taskDefinition: 'machines', desiredCount: 1 };
  await world.ecs.send(
    new CreateServiceCommand({ ...service, cluster: 'backend', launchType: 'EC2' }),
  );
  const args = ['--service', 'machines', '--container', 'app', '--image', image.trim(), '--json'];
  const end = await world.run(['deploy', ...args, '--max-failures', '2']);
  expect(end.stderr).toContain('the machines of the cluster decide');
  // No circuit breaker takes it back.
  expect(end.status, end.stderr).toBe(6);
  const causes = readResult(end).services[0]?.causes ?? [];
  expect(causes.length).toBeGreaterThan(0);
  expect(causes.map(({ code }) => code)).not.toContain('wrong-architecture');
});

test("an image for another CPU whose log AWS cannot read: the image's own platform proves it", async () => {
  const world = await makeWorld();
  const { stdout: image } = await world.run(['push', '--platform', 'linux/arm64', '--tag', 'arm']);
  const rendered = await world.run(['render', '--image', image.trim()]);
  const definition = JSON.parse(rendered.stdout) as { containerDefinitions: object[] };
  const [application, ...sidecars] = definition.containerDefinitions;
  const logConfiguration = { logDriver: 'splunk', options: { 'splunk-url': 'https://splunk' } };
  writeFileSync(
    join(world.folder, 'task.json'),
    JSON.stringify({
      ...definition,
      containerDefinitions: [{ ...application, logConfiguration }, ...sidecars],
    }),
  );
  const { stdout: revision } = await world.run(['register', 'task.json']);
  const end = await world.run(['rollout', revision.trim(), '--json']);
  expect(end.status, end.stderr).toBe(7);
  expect(readResult(end).services[0]?.causes).toMatchObject([
    {
      code: 'wrong-architecture',
      evidence: expect.arrayContaining([
        'its log goes to splunk (splunk-url https://splunk)',
        'its image is built for linux/arm64',
      ]),
    },
  ]);
});

test('a tag that is not there is refused; forced past that, the rollout names it', async () => {
  const world = await makeWorld();
  const image = `${world.sandbox.registryHost}/hyeon9mak-dev:nowhere`;
  const refused = await world.run(['deploy', '--image', image]);
  expect(refused.status).toBe(3);
  expect(world.writes()).toEqual([]);
  const forced = await world.run([
    'deploy',
    '--json',
    '--image',
    image,
    '--skip-check',
    'image-exists',
  ]);
  expect(forced.status).toBe(7);
  expect(readResult(forced).services[0]?.causes).toMatchObject([{ code: 'image-not-found' }]);
  const again = await world.run(['rollout']);
  expect(again.status).toBe(3);
  expect(stable(again.stderr, world)).toMatchInlineSnapshot(`
    "Error: The last deployment of the latest revision, hyeon9mak-task-dev:2, to "hyeon9mak-service-dev" failed (ROLLBACK_SUCCESSFUL).
      → to deploy it anyway, name it: ecsdeploy rollout hyeon9mak-task-dev:2
    "
  `);
});

/** Runs a deploy and acts once, when its deployment has started. */
async function interfere(
  world: World,
  args: readonly string[],
  act: (kill: (signal: NodeJS.Signals) => void) => unknown,
  start: 'run' | 'spawn' = 'run',
) {
  let acted = false;
  return world[start](['deploy', '--json', ...args], {
    onStderr: (text: string, running: Running) => {
      if (acted || !text.includes('deployment ecs-svc/')) return;
      acted = true;
      void act((signal) => running.kill(signal));
    },
  });
}

test('another deployment supersedes ours, even with the revision that ran before', async () => {
  const world = await makeWorld({ speed: 200 });
  const { taskDefinition } = await world.service();
  const end = await interfere(world, [], () =>
    world.ecs.send(new UpdateServiceCommand({ ...SERVICE, taskDefinition })),
  );
  expect(end.status, end.stderr).toBe(8);
  expect(readResult(end).outcome).toBe('superseded');
});

test('a task of the old revision that somebody stops comes back, and the deploy succeeds', async () => {
  const world = await makeWorld({ speed: 200 });
  const [task] = await world.runningTasks();
  const end = await interfere(world, [], () =>
    world.ecs.send(new StopTaskCommand({ cluster: 'backend', task: task?.taskArn })),
  );
  expect(end.status, end.stderr).toBe(0);
  const revisions = (await world.runningTasks()).map((item) => item.taskDefinitionArn);
  expect(new Set(revisions)).toEqual(new Set([(await world.service()).taskDefinition]));
});

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s stops the watch; the deployment goes on',
  async (signal) => {
    // The rollout takes a minute, longer than a process on a busy machine needs for the signal.
    const world = await makeWorld({ speed: 2 });
    const end = await interfere(world, [], (kill) => kill(signal), 'spawn');
    expect(end.status).toBe(130);
    expect(readResult(end)).toMatchObject({
      outcome: 'interrupted',
      services: [{ outcome: 'interrupted' }],
    });
    expect(stable(end.stderr, world).split('\n').slice(-5).join('\n')).toMatchInlineSnapshot(`
      "Warning: Stopped watching hyeon9mak-service-dev; the deployment of hyeon9mak-task-dev:2 continues
        → continue watching: ecsdeploy rollout hyeon9mak-task-dev:2 --watch --cluster backend --service hyeon9mak-service-dev
        → roll back: ecsdeploy rollback --cluster backend --service hyeon9mak-service-dev
      TIME in total: build TIME, push TIME, register TIME, rollout TIME
      "
    `);
    expect((await world.service()).taskDefinition).toMatch(/:2$/);
  },
);

test('a stalled deployment is given up long before --timeout, and the old revision serves', async () => {
  const world = await makeWorld({ scenario: 'stall', speed: 300 });
  const end = await world.run(['deploy', '--json', '--timeout', '10m']);
  expect(end.status, end.stderr).toBe(6);
  const [service] = readResult(end).services;
  expect(service?.causes).toMatchObject([{ code: 'image-not-found' }]);
  expect(service?.serving).toMatch(/:1$/);
  expect(end.stderr).toContain('ECS starts no more tasks');
});

test('AWS that can be reached again is told before the end', async () => {
  const world = await makeWorld();
  const throttled = awsFault('ThrottlingException', 'Rate exceeded');
  const end = await interfere(world, [], () =>
    world.sandbox.fail('ecs:DescribeServices', throttled, 12),
  );
  expect(end.status, end.stderr).toBe(0);
  const order = ['Cannot reach AWS', 'AWS can be reached again', 'runs hyeon9mak-task-dev:2 ('];
  const places = order.map((text) => end.stderr.indexOf(text));
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(places).not.toContain(-1);
});

describe('while ECS rolls back', () => {
  const words = (end: CliEnd) => end.stderr.slice(end.stderr.lastIndexOf('the deployment of'));
  /** The command that the last lines print, as arguments. */
  const printed = (end: CliEnd): readonly string[] =>
    /→ continue watching: ecsdeploy (.*)/.exec(words(end))?.[1]?.split(' ') ?? [];

  test.each<[string, Outcome, number, readonly string[], 'kill' | 'deny' | undefined]>([
    ['an interrupt', 'interrupted', 130, [], 'kill'],
    ['a lost sight', 'unknown', 9, [], 'deny'],
    [
      'an interrupt of a requested rollback',
      'interrupted',
      130,
      ['--on-failure', 'rollback'],
      'kill',
    ],
  ])('%s says so, and the printed command works', async (_, outcome, status, args, act) => {
    const world = await makeWorld({ speed: 50, scenario: 'crash' });
    const end = await world.run(['deploy', '--json', ...args], {
      onStderr: (text, running) => {
        if (!text.includes('is being rolled back')) return;
        if (act === 'kill') running.kill('SIGINT');
        const action = 'ecs:DescribeServices';
        if (act === 'deny') world.sandbox.fail(action, accessDenied(action, '111122223333'), 1);
      },
    });
    expect([end.status, readResult(end).outcome], end.stderr).toEqual([status, outcome]);
    expect(words(end)).toContain('is still being rolled back');
    expect(words(end)).not.toContain('ecsdeploy rollback');
    const watched = await world.run(printed(end));
    expect(watched.status, watched.stderr).toBe(0);
    expect((await world.service()).taskDefinition).toMatch(/:1$/);
  });
});

describe('an interrupt before the rollout changes nothing', () => {
  test.each([
    ['while AWS is read', 'ecs:DescribeServices', 'ecr:DescribeRepositories'],
    ['in the push', 'ecr:InitiateLayerUpload', 'Pushing'],
    ['in the registration', 'ecs:RegisterTaskDefinition', 'Pushed'],
  ])('%s', async (_, held, shown) => {
    const world = await makeWorld();
    world.sandbox.hold(held);
    const end = await world.run(['deploy', '--verbose'], {
      onStderr: (text, child) => {
        if (text.includes(shown)) child.kill('SIGINT');
      },
    });
    expect(end.status, end.stderr).toBe(130);
    expect(end.stderr).toContain('Warning: Interrupted. No service was changed.');
    expect(world.writes()).toEqual([]);
  });

  test.each([
    ['whose processes end too', `trap 'echo > ended; exit' TERM`],
    ['even one that ignores the signal', `trap '' TERM; echo > ended`],
  ])('in build.before, %s', async (_, trap) => {
    const inner = `${trap}; sleep 1000 & echo started; wait`;
    const world = await makeWorld({
      files: {
        inner,
        '.ecsdeployrc': `${CONFIG}build: { before: ["sh inner; true"] }`,
      },
    });
    const end = await world.spawn(['deploy'], {
      onStderr: (text, child) => {
        if (/^ {2}started$/m.test(text)) child.kill('SIGINT');
      },
    });
    expect(end.status, end.stderr).toBe(130);
    await vi.waitFor(() => expect(existsSync(join(world.folder, 'ended'))).toBe(true));
    expect(world.writes()).toEqual([]);
  });
});

test('a rollout that takes longer than --timeout', async () => {
  const world = await makeWorld({ speed: 20 });
  const end = await world.run(['deploy', '--json', '--timeout', '300ms']);
  expect(end.status, end.stderr).toBe(9);
  expect(readResult(end).outcome).toBe('timed-out');
});

test('--no-wait ends after UpdateService and claims no success', async () => {
  const world = await makeWorld({ speed: 20 });
  const end = await world.run(['deploy', '--json', '--no-wait']);
  expect(end.status).toBe(0);
  expect(readResult(end).outcome satisfies Outcome).toBe('unknown');
  const watched = await world.run(['rollout', '--watch', '--json'], {
    environment: { ECSDEPLOY_POLL: '50ms' },
  });
  expect(readResult(watched)).toMatchObject({ outcome: 'succeeded', services: [{ running: 2 }] });
});

test('watching a revision that was rolled back meanwhile is no success', async () => {
  const world = await makeWorld({ faults: [{ name: 'crash' }] });
  await world.run(['deploy', '-q']);
  const watched = await world.run(['rollout', 'hyeon9mak-task-dev:2', '--watch']);
  expect(watched.status).toBe(3);
  expect(watched.stderr).toContain('There is no deployment of hyeon9mak-task-dev:2 to watch');
  const missing = await world.run(['rollout', 'hyeon9mak-task-dev:99', '--watch']);
  expect(missing.status).toBe(4);
  const now = await world.run(['rollout', '--watch', '--json']);
  expect(readResult(now).outcome).toBe('unchanged');
});

test('after a rollback the revision is named that ECS went back to', async () => {
  const world = await makeWorld({ faults: [{ name: 'crash' }], speed: 20 });
  await world.run(['deploy', '--no-wait', '-q']);
  const end = await world.run(['deploy', '--json', '--set-env', 'MORE=1']);
  expect(end.status, end.stderr).toBe(7);
  const { taskDefinition } = await world.service();
  expect(taskDefinition).toMatch(/:1$/);
  expect(readResult(end).services).toMatchObject([{ previousTaskDefinition: taskDefinition }]);
  expect(end.stderr).toContain('which is back on hyeon9mak-task-dev:1');
});

test('the time limit holds although the next look is far away', async () => {
  const world = await makeWorld({ speed: 20 });
  const args = ['deploy', '--json', '--timeout', '300ms', '--poll', '1h'];
  expect((await world.run(args)).status).toBe(9);
});

describe('reads that AWS refuses', () => {
  test.each([
    'ecs:ListServiceDeployments',
    'ecs:DescribeServiceDeployments',
    'ecr:BatchGetImage',
    'ecr:GetDownloadUrlForLayer',
    'ecs:ListTasks',
  ])('%s: the deploy goes on without it', async (action) => {
    const world = await makeWorld();
    world.sandbox.fail(action, accessDenied(action, '111122223333'));
    const end = await world.run(['deploy', '--json']);
    expect(end.status, end.stderr).toBe(0);
    expect(readResult(end).outcome).toBe('succeeded');
  });

  test('an AWS that knows no service deployments is watched in classic mode', async () => {
    // The record is read some polls after the start.
    const world = await makeWorld({ speed: 20 });
    const unknown = awsFault('UnknownOperationException', 'The operation is not known.');
    world.sandbox.fail('ecs:DescribeServiceDeployments', unknown);
    const end = await world.run(['deploy', '--json']);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toContain('Continuing without service deployments');
  });

  test('in classic mode a rollback is seen all the same', async () => {
    const world = await makeWorld({ faults: [{ name: 'crash' }] });
    const action = 'ecs:DescribeServiceDeployments';
    world.sandbox.fail(action, accessDenied(action, '111122223333'));
    const end = await world.run(['deploy', '--json']);
    expect(end.status, end.stderr).toBe(7);
    expect(end.stderr.match(/ecs:DescribeServiceDeployments/g)?.length).toBeGreaterThan(0);
    expect(end.stderr.match(/Continuing without service deployments/g)).toHaveLength(1);
  });
});

test.each([
  ['throttling', awsFault('ThrottlingException', 'Rate exceeded'), 9],
  ['a server fault', awsFault('ServerException', 'Service Unavailable', 500), 9],
])('%s for a while does not end the watch', async (_, fault, times) => {
  const world = await makeWorld({ speed: 100 });
  const end = await interfere(world, [], () =>
    world.sandbox.fail('ecs:DescribeServices', fault, times),
  );
  expect(end.status, end.stderr).toBe(0);
  expect(readResult(end).outcome).toBe('succeeded');
});

test('credentials that expire in the middle: sight is lost, the deployment goes on', async () => {
  const world = await makeWorld({ speed: 20 });
  const expired = awsFault(
    'ExpiredTokenException',
    'The security token included in the request is expired',
  );
  const end = await interfere(world, [], () => world.sandbox.fail('ecs:DescribeServices', expired));
  expect(end.status, end.stderr).toBe(9);
  expect(readResult(end)).toMatchObject({
    outcome: 'unknown',
    services: [{ deployment: expect.stringMatching(/^ecs-svc/) }],
  });
  expect(end.stderr).toContain('have expired');
});

test('another registration in the family is waited for', async () => {
  const world = await makeWorld();
  const busy = 'Too many concurrent attempts to create a new revision of the specified family.';
  world.sandbox.fail('ecs:RegisterTaskDefinition', awsFault('ClientException', busy), 2);
  const end = await world.run(['deploy', '--json']);
  expect(end.status, end.stderr).toBe(0);
  expect(end.stderr).toContain('is being registered by someone else; retrying');
});

test('a registration that AWS throttles is sent again, for longer than the SDK does', async () => {
  const world = await makeWorld();
  const throttled = awsFault('ThrottlingException', 'Rate exceeded');
  world.sandbox.fail('ecs:RegisterTaskDefinition', throttled, 5);
  const end = await world.run(['deploy', '--json']);
  expect(end.status, end.stderr).toBe(0);
  expect(end.stderr).not.toContain('is being registered by someone else');
  const calls = world.sandbox.calls.filter(({ action }) => action === 'ecs:RegisterTaskDefinition');
  expect(calls).toHaveLength(6);
});

test('an UpdateService whose answer is lost is not sent blindly again', async () => {
  const world = await makeWorld();
  world.sandbox.fail('ecs:UpdateService', awsFault('ServerException', 'lost', 500), 1);
  const end = await world.run(['deploy', '--json']);
  expect(end.status, end.stderr).toBe(0);
  const calls = world.sandbox.calls.map(({ action }) => action);
  const first = calls.indexOf('ecs:UpdateService');
  expect(calls.slice(first, first + 3)).toEqual([
    'ecs:UpdateService',
    'ecs:DescribeServices',
    'ecs:UpdateService',
  ]);
});

test('UpdateService denied: the service was not changed, the statement to add is named', async () => {
  const world = await makeWorld();
  world.sandbox.fail('ecs:UpdateService', accessDenied('ecs:UpdateService', '111122223333'));
  const end = await world.run(['deploy', '--json']);
  expect(end.status).toBe(4);
  expect(readResult(end)).toMatchObject({
    outcome: 'refused',
    error: {
      code: 'permission-denied',
      hint: expect.stringContaining('"Action": "ecs:UpdateService"'),
    },
  });
});

describe('UpdateService denied for one of two services', () => {
  const denied = accessDenied('ecs:UpdateService', '111122223333');
  const args = ['deploy', '--json', '--service', 'hyeon9mak-service-dev', 'worker'];

  test('the other one is watched to its end, and the whole has failed', async () => {
    const world = await makeWorld();
    await addService(world, 'worker');
    world.sandbox.fail('ecs:UpdateService', denied, 1);
    const end = await world.run(args);
    expect(end.status, end.stderr).toBe(6);
    const outcomes = readResult(end).services.map(({ outcome }) => outcome);
    expect(outcomes.toSorted()).toEqual(['failed', 'succeeded']);
  });

  test('and the other runs the revision already: no service was changed', async () => {
    const world = await makeWorld();
    await addService(world, 'worker');
    await world.run(['deploy', '-q']);
    world.sandbox.fail('ecs:UpdateService', denied);
    const end = await world.run(args);
    expect(end.status, end.stderr).toBe(4);
    expect(readResult(end)).toMatchObject({
      outcome: 'refused',
      error: { code: 'permission-denied' },
    });
  });
});
