import { describe, expect, test } from 'vitest';
import { awsFault } from '../../src/sandbox/wire.ts';
import { readResult } from '../support/cli.ts';
import { makeWorld } from '../support/world.ts';
import type { World, WorldOptions } from '../support/world.ts';

const ELB = 'elasticloadbalancing:';
const asked = ({ sandbox }: World) =>
  sandbox.calls.map(({ action }) => action).filter((action) => action.startsWith(ELB));

/** A world whose service moves to a revision that never becomes healthy. */
async function stuck(options: WorldOptions = {}): Promise<World> {
  const world = await makeWorld({ scenario: 'zone-not-enabled', speed: 300, ...options });
  const end = await world.run(['deploy', '-q', '--skip-check', 'load-balancer', '--timeout', '1s']);
  expect(end.status, end.stderr).toBe(9);
  return world;
}

describe('a rollout that hangs because of its load balancer', () => {
  test('status shows each target that is not healthy, with its task and its reason', async () => {
    const world = await stuck();
    const end = await world.run(['status']);
    expect(end.stdout).toMatch(/^TARGET GROUP +TARGETS\nhyeon9mak-dev +2 healthy, 2 unused$/m);
    expect(end.stdout).toContain('    HTTP /health on port 8080, expects 200; every 10s');
    expect(end.stdout).toMatch(
      /^ {4}[0-9a-f]{32} \(10\.0\.\d+\.\d+:8080, ap-northeast-2c\): unused, Target is in an Availability Zone/m,
    );
    const [service] = readResult(await world.run(['status', '--json'])).services;
    expect(service?.targetGroups).toMatchObject([
      { name: 'hyeon9mak-dev', counts: { healthy: 2, unused: 2 } },
    ]);
    const tasks = service?.tasks?.map(({ id }) => id) ?? [];
    for (const { task } of service?.targetGroups?.[0]?.targets ?? []) {
      expect(tasks).toContain(task);
    }
  });

  test('diagnose and verify name the cause and what to do', async () => {
    const world = await stuck();
    const diagnosed = await world.run(['diagnose']);
    expect(diagnosed.stdout).toContain(
      '  target group hyeon9mak-dev: 0 of 2 targets healthy, checked every 10s\n',
    );
    expect(diagnosed.stdout).toContain(
      'tasks are in ap-northeast-2c; the load balancer of the target group hyeon9mak-dev serves ap-northeast-2a and ap-northeast-2b only [load-balancer-health-check]\n',
    );
    expect(diagnosed.stdout).toContain(
      '  → choose a subnet of ap-northeast-2c: aws ec2 describe-subnets --filters Name=vpc-id,Values=vpc-0',
    );
    expect(diagnosed.stdout).toMatch(
      /^ {2}→ add it to the load balancer: .* --subnets subnet-0a subnet-0b SUBNET$/m,
    );
    expect(readResult(await world.run(['diagnose', '--json'])).services[0]?.causes).toMatchObject([
      { code: 'load-balancer-health-check', tasks: 0 },
    ]);
    const verified = await world.run(['verify']);
    expect(verified.status).toBe(0);
    expect(verified.stderr).toContain(
      '  warn  load-balancer: Some targets are not healthy now: tasks are in ap-northeast-2c; the load balancer',
    );
  });

  test('without the permission there is one warning, and the rest is told', async () => {
    const world = await stuck({ denied: [/^elasticloadbalancing:/] });
    for (const command of ['status', 'diagnose', 'verify']) {
      const end = await world.run([command]);
      expect(end.status, end.stderr).toBe(0);
      expect(end.stderr.match(/Warning: /g)).toHaveLength(1);
      expect(end.stderr).toContain(
        'is not authorized to call elasticloadbalancing:DescribeTargetGroups',
      );
      expect(end.stderr).toContain('"Action": "elasticloadbalancing:DescribeTargetGroups"');
    }
    const { services } = readResult(await world.run(['status', '--json']));
    expect(services[0]?.targetGroups).toBeNull();
  });

  test.each(['DescribeTargetHealth', 'DescribeTargetGroupAttributes', 'DescribeLoadBalancers'])(
    'without %s the rest of it is told',
    async (name) => {
      const world = await stuck({ denied: [ELB + name] });
      const end = await world.run(['diagnose']);
      expect(end.status, end.stderr).toBe(0);
      expect(end.stderr.match(/Warning: /g)).toHaveLength(1);
      expect(end.stderr).toContain(`is not authorized to call ${ELB}${name}`);
    },
  );
});

describe('tasks on container instances', () => {
  /** The new tasks do not answer, while the old ones still serve. */
  const waiting = (more: WorldOptions = {}) => stuck({ scenario: 'instance-targets', ...more });
  const action = 'ecs:DescribeContainerInstances';

  test('a target is an instance with a port, and belongs to a task', async () => {
    const world = await waiting();
    const status = readResult(await world.run(['status', '--json'])).services[0];
    const targets = status?.targetGroups?.[0]?.targets ?? [];
    const tasks = status?.tasks?.map(({ id }) => id) ?? [];
    expect(targets).toHaveLength(4);
    expect(new Set(targets.map(({ task }) => task)).size).toBe(4);
    for (const { task, target } of targets) {
      expect(tasks).toContain(task);
      expect(target).toMatch(/^i-0[0-9a-f]{16}:\d{5}$/);
    }
    const diagnosed = await world.run(['diagnose']);
    expect(diagnosed.stdout).toContain('target group hyeon9mak-dev: 0 of 2 targets healthy');
    expect(diagnosed.stdout).toMatch(/describe-instances --instance-ids i-0[0-9a-f]{16} --query/);
  });

  test('without the permission the tasks are not named, and old targets count as well', async () => {
    const world = await waiting({ denied: [action] });
    const shown = await world.run(['status', '--json']);
    const targets = readResult(shown).services[0]?.targetGroups?.[0]?.targets ?? [];
    expect(targets.map(({ task }) => task)).toEqual([null, null, null, null]);
    const diagnosed = await world.run(['diagnose']);
    expect(diagnosed.stdout).toContain('2 of 4 targets healthy');
    for (const end of [shown, diagnosed]) {
      expect(end.status, end.stderr).toBe(0);
      expect(end.stderr.match(/Warning: /g)).toHaveLength(1);
      expect(end.stderr).toContain(`is not authorized to call ${action}`);
    }
  });
});

test('a deploy without the permissions works, and names each of them once', async () => {
  const denied = [/^elasticloadbalancing:/, 'ecs:DescribeServiceRevisions'];
  const world = await makeWorld({ scenario: 'blue-green', speed: 300, denied });
  const end = await world.run(['deploy', '--json', '--set-env', 'A=b']);
  expect(end.status, end.stderr).toBe(0);
  for (const action of [
    `${ELB}DescribeTargetGroups`,
    `${ELB}DescribeRules`,
    'ecs:DescribeServiceRevisions',
  ]) {
    expect(end.stderr.split(`is not authorized to call ${action}`)).toHaveLength(2);
  }
});

test('a rollout that is not held up does not ask the load balancer', async () => {
  const world = await makeWorld({ scenario: 'load-balancer', speed: 300 });
  const args = ['deploy', '--json', '--skip-check', 'load-balancer', '--poll', '100ms'];
  const end = await world.run(args);
  expect(end.status, end.stderr).toBe(0);
  expect(asked(world)).toEqual([]);
});

test('a service without a load balancer never asks one', async () => {
  const world = await makeWorld();
  await world.run(['deploy', '-q']);
  for (const command of ['status', 'diagnose', 'verify']) await world.run([command]);
  expect(asked(world)).toEqual([]);
});

describe('verify', () => {
  const finding = async (world: World, name: string) => {
    const { checks = [] } = readResult(await world.run(['verify', '--json']));
    return checks.find(({ check }) => check === name);
  };

  test.each<[WorldOptions['scenario'], string, string, string]>([
    ['load-balancer', 'load-balancer', 'ok', 'ECS gives a task 20s to pass'],
    ['grace-period-loop', 'load-balancer', 'warn', 'A container has 60s to start (startPeriod)'],
    ['grace-period', 'load-balancer', 'ok', 'ECS gives a task 90s to pass'],
    ['no-listener-rule', 'load-balancer', 'warn', 'No load balancer sends traffic to the target'],
    ['blue-green', 'listener-rule', 'ok', 'all traffic goes to hyeon9mak-dev'],
    ['listener-rule-changed', 'listener-rule', 'warn', 'sends 100 % to hyeon9mak-green'],
  ])('%s: %s is %s: %s', async (scenario, check, status, message) => {
    const world = await makeWorld({ ...(scenario && { scenario }) });
    expect(await finding(world, check)).toMatchObject({
      status,
      message: expect.stringContaining(message) as string,
    });
  });

  test('a target group that was deleted is a warning', async () => {
    const world = await makeWorld({ scenario: 'load-balancer' });
    const gone = awsFault('TargetGroupNotFound', 'One or more target groups not found');
    world.sandbox.fail('elasticloadbalancing:DescribeTargetGroups', gone);
    const end = await world.run(['status']);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toContain('Continuing without the load balancer: AWS rejected');
  });
});
