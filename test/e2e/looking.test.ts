import { StopTaskCommand } from '@aws-sdk/client-ecs';
import { describe, expect, test } from 'vitest';
import { accessDenied, awsFault } from '../../src/sandbox/wire.ts';
import { readResult } from '../support/cli.ts';
import { addService, CONFIG, makeWorld, stable } from '../support/world.ts';
import type { World } from '../support/world.ts';

/** A text without the times, ids and padding that differ between runs. */
function steady(text: string, world: World): string {
  return stable(text, world)
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME')
    .replaceAll(/\b\d{1,2}[smhd]( {2,3}|$)/gm, 'AGE$1')
    .replaceAll(/\(task [0-9a-f]{8}…\)/g, '(task ID)')
    .replaceAll(/^[0-9a-f]{32} /gm, 'ID ');
}

const deny = (world: World, ...actions: string[]) => {
  for (const action of actions) world.sandbox.fail(action, accessDenied(action, '111122223333'));
};

describe('status', () => {
  test('of a service at rest', async () => {
    const world = await makeWorld();
    const end = await world.run(['status']);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toBe('');
    expect(steady(end.stdout, world)).toMatchInlineSnapshot(`
      "hyeon9mak-service-dev in backend: ACTIVE, 2 of 2 running, serving hyeon9mak-task-dev:1
        image: REGISTRY/hyeon9mak-dev:first DIGEST

      STATUS   REVISION              TAG    STATE               TASKS   FAILED  AGE
      PRIMARY  hyeon9mak-task-dev:1  first  COMPLETED, serving  2 of 2  0       AGE

      TASK                              REVISION              STATUS   AGE
      ID  hyeon9mak-task-dev:1  RUNNING  AGE
      ID  hyeon9mak-task-dev:1  RUNNING  AGE

      EVENTS
      AGE   has started 2 tasks: (task ID) (task ID).
      AGE   (deployment ecs-svc/N) deployment completed.
      AGE   has reached a steady state.
      "
    `);
  });

  test('after a rollback: the stopped tasks say why', async () => {
    const world = await makeWorld({ scenario: 'crash' });
    await world.run(['deploy', '-q']);
    const end = await world.run(['status', '--json']);
    expect(end.status, end.stderr).toBe(0);
    const [service] = readResult(end).services;
    expect(service).toMatchObject({
      outcome: 'unchanged',
      running: 2,
      desired: 2,
      serving: expect.stringMatching(/^arn:.*:1$/),
    });
    expect(service?.deployments).toMatchObject([
      { status: 'PRIMARY', taskDefinition: 'hyeon9mak-task-dev:1', rolloutState: 'COMPLETED' },
    ]);
    expect(service?.tasks).toContainEqual(
      expect.objectContaining({
        taskDefinition: 'hyeon9mak-task-dev:2',
        lastStatus: 'STOPPED',
        stoppedReason: 'Essential container in task exited',
      }),
    );
    expect(service?.events?.at(-1)?.message).toContain('has reached a steady state');
  });

  test('of a deployment that waits for approval names it', async () => {
    const world = await makeWorld({ scenario: 'paused', speed: 300 });
    await world.run(['deploy', '-q', '--timeout', '1s']);
    const end = await world.run(['status']);
    expect(end.stdout).toContain('IN_PROGRESS, paused at POST_TEST_TRAFFIC_SHIFT');
    expect(end.stdout).not.toContain('circuit breaker');
    expect(end.stdout).toMatch(/hyeon9mak-task-dev:1 .*, serving {2}/);
  });

  test('shows what may be read, and says what may not', async () => {
    const world = await makeWorld();
    deny(world, 'ecs:ListTasks', 'ecs:DescribeServiceDeployments');
    const end = await world.run(['status']);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stdout).toContain('hyeon9mak-task-dev:1');
    expect(end.stderr.match(/Continuing without ecs:ListTasks/g)).toHaveLength(1);
  });

  test('is not without images where their revisions may not be read', async () => {
    const world = await makeWorld();
    deny(world, 'ecs:DescribeTaskDefinition');
    const end = await world.run(['status']);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stdout).toMatch(/hyeon9mak-task-dev:1 {2}- {4}COMPLETED/);
    expect(end.stderr).toContain('Continuing without ecs:DescribeTaskDefinition');
  });

  test('--json has the image, and no console in the sandbox', async () => {
    const world = await makeWorld();
    await world.run(['deploy', '-q']);
    const [service] = readResult(await world.run(['status', '--json'])).services;
    const commit = expect.stringMatching(/^[0-9a-f]{40}$/);
    expect(service?.deployments?.[0]).toMatchObject({
      image: expect.stringContaining('/hyeon9mak-dev:'),
      tag: commit,
      commit,
    });
    expect(service).toMatchObject({ taskDefinition: service?.serving, console: null });
  });

  test('--watch prints what changes, and Ctrl-C ends it', async () => {
    const world = await makeWorld({ speed: 100 });
    let deploy: Promise<unknown> | undefined;
    const end = await world.run(['status', '--watch', '--poll', '30ms'], {
      onStdout: (text, running) => {
        deploy ??= world.run(['deploy', '-q']);
        if (/dev:2 .* COMPLETED, serving/.test(text)) running.kill('SIGINT');
      },
    });
    await deploy;
    expect(end.status, end.stderr).toBe(130);
    expect(end.stderr).toBe('');
    const shown = end.stdout.split(/^\d{4}-\S+Z\n/m).slice(1);
    expect(shown.length).toBeGreaterThan(2);
    expect(new Set(shown).size).toBe(shown.length);
    const both = await world.run(['status', '--watch', '--json']);
    expect(both.status).toBe(2);
    expect(both.stdout).toContain('--watch and --json cannot be combined');
  });

  test('of a service that is not there suggests the one that is', async () => {
    const world = await makeWorld();
    const end = await world.run(['status', '--service', 'hyeon9mak-service-dv']);
    expect(end.status).toBe(4);
    expect(end.stderr).toContain('did you mean "hyeon9mak-service-dev"?');
  });
});

describe('diagnose', () => {
  test('a rolled-back deployment, after the fact', async () => {
    const world = await makeWorld({ scenario: 'crash' });
    await world.run(['deploy', '-q']);
    world.writes();
    const end = await world.run(['diagnose']);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toBe('');
    expect(steady(end.stdout, world).replaceAll(/\d+ tasks\)/g, 'N tasks)')).toMatchInlineSnapshot(`
      "hyeon9mak-service-dev: the deployment of hyeon9mak-task-dev:2 failed and was rolled back.
        ecs-svc/N, started TIME
        Service deployment rolled back because the circuit breaker threshold was exceeded.
        serving now: hyeon9mak-task-dev:1, 2 of 2 tasks running

      container hyeon9mak-container ended with exit code 1 [application-exit] (N tasks)
        Essential container in task exited
        container hyeon9mak-container: exit code 1
        | Starting /app
        | Error: connect ECONNREFUSED 10.0.1.15:5432
        |     at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)
        | database is not reachable, giving up
        → see the last log lines above; full log: ecsdeploy logs --cluster backend --service hyeon9mak-service-dev --container hyeon9mak-container
      "
    `);
    expect(world.writes()).toEqual([]);
    const json = readResult(await world.run(['diagnose', '--json']));
    expect(json).toMatchObject({
      outcome: 'unchanged',
      services: [
        {
          outcome: 'rolled-back',
          taskDefinition: expect.stringMatching(/:2$/),
          serving: expect.stringMatching(/:1$/),
          deployment: expect.stringMatching(/^ecs-svc\//),
          causes: [{ code: 'application-exit' }],
        },
      ],
    });
    expect(json.services[0]?.failedTasks).toBeGreaterThanOrEqual(3);
  });

  test('a deployment that hangs: the events say why', async () => {
    const world = await makeWorld({ scenario: 'deadlock' });
    const limits = ['--on-failure', 'watch', '--timeout', '500ms'];
    await world.run(['deploy', '-q', ...limits, '--skip-check', 'deployment-percent']);
    const end = await world.run(['diagnose']);
    expect(end.stdout).toContain('the deployment of hyeon9mak-task-dev:2 is in progress.');
    expect(end.stdout).toContain('[placement-blocked]');
    expect(end.stdout).toContain('minimumHealthyPercent=50,maximumPercent=200');
  });

  test('a deployment without a failed task: the events are shown', async () => {
    const world = await makeWorld({ scenario: 'stopped-in-the-console' });
    await world.run(['deploy', '-q']);
    const end = await world.run(['diagnose']);
    expect(end.stdout).toContain('failed and was rolled back');
    expect(end.stdout).toContain('it was stopped by a user');
    expect(end.stdout).toContain('No failed tasks found');
    expect(end.stdout).toContain('has reached a steady state.');
  });

  test('a crash loop: the old revision serves, and the way back is named', async () => {
    const world = await makeWorld({ scenario: 'crash-loop' });
    const limits = ['--on-failure', 'watch', '--timeout', '500ms'];
    await world.run(['deploy', '-q', ...limits]);
    const end = await world.run(['diagnose']);
    expect(end.stdout).toContain('the deployment of hyeon9mak-task-dev:2 is in progress.');
    expect(end.stdout).toContain('  serving now: hyeon9mak-task-dev:1, 2 of 2 tasks running');
    expect(end.stdout).toContain('  ECS keeps starting tasks: the service has no circuit breaker');
    expect(end.stdout).toMatch(/^ {2}hyeon9mak-task-dev:2: [012] of 2 tasks running$/m);
    expect(end.stdout).toContain(
      'roll back: ecsdeploy rollback --cluster backend --service hyeon9mak-service-dev',
    );
  });

  test('a deployment that waits for approval', async () => {
    const world = await makeWorld({ scenario: 'paused' });
    await world.run(['deploy', '-q', '--timeout', '1s']);
    const end = await world.run(['diagnose']);
    expect(end.stdout).toContain('paused for approval at POST_TEST_TRAFFIC_SHIFT');
  });

  test('a deployment that succeeded, and whose task was stopped', async () => {
    const world = await makeWorld({ speed: 10 });
    const [task] = await world.runningTasks();
    await world.ecs.send(new StopTaskCommand({ cluster: 'backend', task: task?.taskArn }));
    const end = await world.run(['diagnose']);
    expect(end.stdout).toContain('succeeded, but fewer tasks run than desired.');
    expect(end.stdout).toContain('somebody stopped the task [stopped-by-user] (1 task)');
  });

  test('on an AWS that knows no service deployments', async () => {
    const world = await makeWorld();
    const unknown = awsFault('UnknownOperationException', 'The operation is not known.');
    world.sandbox.fail('ecs:ListServiceDeployments', unknown);
    const end = await world.run(['diagnose']);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stdout).toContain('is healthy');
  });

  test('a service with nothing wrong', async () => {
    const world = await makeWorld();
    const end = await world.run(['diagnose']);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stdout).toBe(
      'hyeon9mak-service-dev is healthy: hyeon9mak-task-dev:1 is deployed, 2 of 2 tasks running.\n',
    );
  });

  test('several services, without the calls that are not in the smallest policy', async () => {
    const services = 'services: [{ service: hyeon9mak-service-dev }, { service: other }]\n';
    const config = CONFIG.replace(/^service:.*\n/m, services);
    const world = await makeWorld({
      scenario: 'crash-no-rollback',
      files: { '.ecsdeployrc': config },
    });
    await addService(world, 'other');
    await world.run([
      'deploy',
      '-q',
      '--service',
      'hyeon9mak-service-dev',
      '--on-failure',
      'watch',
    ]);
    deny(world, 'ecs:ListServiceDeployments', 'ecs:ListTasks');
    const end = await world.run(['diagnose']);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stdout).toContain('the deployment of hyeon9mak-task-dev:2 failed.');
    expect(end.stdout).toContain('ECS deployment circuit breaker: tasks failed to start.');
    expect(end.stdout).toContain('other is healthy: ');
    expect(end.stderr).toContain('"Action": "ecs:ListTasks"');
  });
});

describe('logs', () => {
  test('of the container that the config names, the newest lines of all tasks', async () => {
    const world = await makeWorld();
    const end = await world.run(['logs']);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toBe('');
    const lines = end.stdout.trim().split('\n');
    expect(lines.every((line) => /^[0-9a-f]{8} {2}\S/.test(line))).toBe(true);
    expect(new Set(lines.map((line) => line.slice(0, 8))).size).toBe(2);
    const last = await world.run(['logs', '-n', '1']);
    expect(last.stdout.trim().split('\n')).toEqual(lines.slice(-1));
  });

  test('of several containers names them, and the JSON says when', async () => {
    const world = await makeWorld();
    const containers = ['--container', 'hyeon9mak-container', '--container', 'datadog-agent'];
    const end = await world.run(['logs', ...containers]);
    expect(end.stdout).toMatch(/^[0-9a-f]{8} hyeon9mak-container {2}\S/m);
    expect(end.stdout).toMatch(/^[0-9a-f]{8} datadog-agent {2}\S/m);
    const { logs = [] } = readResult(await world.run(['logs', ...containers, '--json']));
    expect(logs).toHaveLength(end.stdout.trim().split('\n').length);
    expect(logs[0]).toEqual({
      task: expect.stringMatching(/^[0-9a-f]{32}$/),
      container: expect.any(String),
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      message: expect.any(String),
      stopped: false,
    });
  });

  test('of tasks that have stopped, too', async () => {
    const world = await makeWorld({ scenario: 'crash' });
    await world.run(['deploy', '-q']);
    const end = await world.run(['logs']);
    expect(end.stdout).toContain('database is not reachable, giving up');
  });

  test('of a task by the begin of its id, since a time, with times', async () => {
    const world = await makeWorld({ scenario: 'crash' });
    await world.run(['deploy', '-q']);
    const all = await world.run(['logs']);
    const [stopped] = /^[0-9a-f]{8}(?= \(stopped\) )/m.exec(all.stdout) ?? [];
    const [running] = /^[0-9a-f]{8}(?= {2})/m.exec(all.stdout) ?? [];
    const one = await world.run(['logs', '--task', String(stopped), '--timestamps']);
    expect(one.status, one.stderr).toBe(0);
    const lines = one.stdout.trim().split('\n');
    const line = new RegExp(`^\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z ${stopped} \\(stopped\\)  `);
    expect(lines.length).toBeGreaterThan(2);
    expect(lines.filter((text) => !line.test(text))).toEqual([]);
    // The first tasks wrote their lines a day ago.
    const recent = await world.run(['logs', '--since', '1h']);
    expect(recent.stdout).toContain(`${stopped} (stopped)  database is not reachable`);
    expect(recent.stdout).not.toContain(`${running}  `);
    const unknown = await world.run(['logs', '--task', 'x']);
    expect(unknown.status).toBe(2);
    expect(unknown.stderr).toContain('"hyeon9mak-service-dev" has no task "x".');
  });

  test('-n shows no end of the log of a stopped task where it has whole ones', async () => {
    const world = await makeWorld({ scenario: 'crash' });
    await world.run(['deploy', '-q']);
    const all = (await world.run(['logs'])).stdout.trim().split('\n');
    const tasksOf = (lines: readonly string[]) => new Set(lines.map((line) => line.slice(0, 8)));
    for (let count = 1; count <= all.length; count += 1) {
      const { stdout } = await world.run(['logs', '-n', String(count)]);
      const shown = stdout.trim().split('\n');
      expect(shown.length).toBeLessThanOrEqual(count);
      const stopped = shown.filter((line) => line.includes(' (stopped) '));
      if (stopped.length === shown.length) continue;
      for (const task of tasksOf(stopped)) {
        const ofTask = (lines: readonly string[]) => lines.filter((line) => line.startsWith(task));
        expect(ofTask(shown)).toEqual(ofTask(all));
      }
    }
  });

  test('-f goes on with tasks that start later, and Ctrl-C ends it', async () => {
    const world = await makeWorld({ scenario: 'crash', speed: 100 });
    let deploy: Promise<unknown> | undefined;
    const end = await world.run(['logs', '-f', '--poll', '50ms'], {
      onStdout: (text, child) => {
        deploy ??= world.run(['deploy', '-q']);
        if (text.includes('giving up')) child.kill('SIGINT');
      },
    });
    expect(end.status, end.stderr).toBe(130);
    expect(end.stderr).toBe('');
    await deploy;
  });

  test('-f ends when nobody reads any more', async () => {
    const world = await makeWorld({ scenario: 'crash', speed: 100 });
    let deploy: Promise<unknown> | undefined;
    const end = await world.spawn(['logs', '-f', '--poll', '50ms'], {
      onStdout: (_, child) => {
        deploy ??= world.run(['deploy', '-q']);
        child.stdout?.destroy();
      },
    });
    expect(end.status, end.stderr).toBe(0);
    await deploy;
  });

  test('of a container that is not there, of a driver that AWS cannot read, and denied', async () => {
    const world = await makeWorld();
    const wrong = await world.run(['logs', '--container', 'hyeon9mak']);
    expect(wrong.status).toBe(3);
    expect(wrong.stderr).toContain('did you mean "hyeon9mak-container"?');
    const both = await world.run(['logs', '-f', '--json']);
    expect(both.status).toBe(2);
    deny(world, 'logs:GetLogEvents');
    const denied = await world.run(['logs']);
    expect(denied.status).toBe(4);
    expect(denied.stderr).toContain('"Action": "logs:GetLogEvents"');
  });
});
