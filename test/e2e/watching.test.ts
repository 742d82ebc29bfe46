import {
  DeleteServiceCommand,
  DescribeServiceDeploymentsCommand,
  DescribeTasksCommand,
  ListServiceDeploymentsCommand,
  ListTasksCommand,
} from '@aws-sdk/client-ecs';
import { describe, expect, test } from 'vitest';
import type { FaultName } from '../../src/sandbox/ecs/faults.ts';
import { readResult } from '../support/cli.ts';
import { addService, CONFIG, makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

const SERVICE = { cluster: 'backend', serviceName: 'hyeon9mak-service-dev' };
const WATCHING = /^ecs:(DescribeServices|DescribeServiceDeployments|ListServiceDeployments)$/;

/** Calls of the watch: what was asked after the last UpdateService, explanations left out. */
function watchCalls({ sandbox }: World): string[] {
  const actions = sandbox.calls.map(({ action }) => action);
  const last = actions.lastIndexOf('ecs:UpdateService');
  return actions.slice(last + 1).filter((action) => WATCHING.test(action));
}

describe('calls of one poll', () => {
  test.each([
    [1, 2],
    [10, 2],
    [25, 5],
  ])('%i services: at most %i, and --verbose prints the number', async (count, limit) => {
    const names = Array.from({ length: count }, (_, index) => `service-${index}`);
    const services = names.map((service) => `  - { service: ${service} }\n`).join('');
    const world = await makeWorld({
      speed: 200,
      files: {
        '.ecsdeployrc': `${CONFIG.replace(/^service:.*\n/m, '')}services:\n${services}`,
      },
    });
    await Promise.all(names.map((name) => addService(world, name)));
    const end = await world.run(['deploy', '--verbose', '--progress', 'plain', '--json']);
    expect(end.status, end.stderr).toBe(0);
    expect(readResult(end).services).toHaveLength(count);
    const [, polls, calls, most] =
      /(\d+) polls with (\d+) calls, at most (\d+) in one poll/.exec(end.stderr) ?? [];
    expect(watchCalls(world)).toHaveLength(Number(calls));
    expect(Number(most)).toBeLessThanOrEqual(limit);
    expect(Number(polls)).toBeGreaterThan(2);
  });
});

test('while a rolling deployment only progresses, a poll is one call', async () => {
  const world = await makeWorld({ speed: 30 });
  const end = await world.run(['deploy', '--poll', '100ms', '--verbose']);
  expect(end.status, end.stderr).toBe(0);
  const [, polls, calls] = /(\d+) polls with (\d+) calls/.exec(end.stderr) ?? [];
  // The record is read early, once in a while, and at the end.
  expect(Number(calls) - Number(polls)).toBeLessThanOrEqual(4);
});

/** Which poll of the watch, counted from 1, was the first at or after a time of the sandbox's clock. */
function firstPollAfter({ sandbox }: World, time: number): number {
  const polls = sandbox.calls.filter(({ action }) => action === 'ecs:DescribeServices');
  return polls.findIndex(({ at }) => at >= time) + 1;
}

/** When the API showed a failed task of the deployment first. */
async function firstFailure({ ecs }: World, deployment: string): Promise<number> {
  const { taskArns } = await ecs.send(
    new ListTasksCommand({ ...SERVICE, desiredStatus: 'STOPPED' }),
  );
  const { tasks = [] } = await ecs.send(
    new DescribeTasksCommand({ cluster: SERVICE.cluster, tasks: taskArns }),
  );
  const times = tasks
    .filter(({ startedBy }) => startedBy === deployment)
    .map(({ stoppingAt }) => stoppingAt?.getTime() ?? Infinity);
  return Math.min(...times) / 1000;
}

/** The same pace as in reality: a poll every three seconds of the service's time. */
const PACE = { speed: 60, poll: '50ms' };

test.each<FaultName>([
  'crash',
  'wrong-architecture',
  'image-gone',
  'out-of-memory',
  'command-not-found',
  'secret-denied',
  'pull-denied',
])('%s: the first poll after the failed task is there names the cause', async (name) => {
  const world = await makeWorld({ speed: PACE.speed, faults: [{ name }] });
  const end = await world.run([
    'deploy',
    '--json',
    '--verbose',
    '--progress',
    'json',
    '--poll',
    PACE.poll,
  ]);
  expect(end.status, end.stderr).toBe(7);
  const events = end.stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { kind: string; action?: string });
  const told = events.findIndex(({ kind }) => kind === 'cause');
  expect(told).toBeGreaterThan(0);
  const looked = events
    .slice(0, told)
    .filter(({ action }) => action === 'ecs:DescribeServices').length;
  const deployment = readResult(end).services[0]?.deployment ?? '';
  const visible = await firstFailure(world, deployment);
  expect(looked).toBeLessThanOrEqual(firstPollAfter(world, visible));
});

test.each([
  ['succeeds', [], 0],
  ['is rolled back', [{ name: 'crash' as const }], 7],
])('the first poll after a rollout %s ends the watch', async (_, faults, status) => {
  const world = await makeWorld({ speed: PACE.speed, faults });
  const end = await world.run(['deploy', '--json', '--poll', PACE.poll]);
  expect(end.status, end.stderr).toBe(status);
  const polls = world.sandbox.calls.filter(({ action }) => action === 'ecs:DescribeServices');
  const { serviceDeployments: [latest] = [] } = await world.ecs.send(
    new ListServiceDeploymentsCommand({ cluster: SERVICE.cluster, service: SERVICE.serviceName }),
  );
  const { serviceDeployments: [record] = [] } = await world.ecs.send(
    new DescribeServiceDeploymentsCommand({
      serviceDeploymentArns: [latest?.serviceDeploymentArn ?? ''],
    }),
  );
  const readable = (record?.finishedAt?.getTime() ?? 0) / 1000;
  expect(readable).toBeGreaterThan(0);
  expect(polls.filter(({ at }) => at > readable).length).toBeLessThanOrEqual(1);
});

test('a service that is deleted meanwhile takes its tasks along, which is no failure of them', async () => {
  const world = await makeWorld({ speed: 100 });
  let isDeleted = false;
  const end = await world.run(['rollout', '--force', '--json'], {
    onStderr: (text) => {
      if (isDeleted || !/ 2 of 2 running /.test(text)) return;
      isDeleted = true;
      const input = { cluster: 'backend', service: 'hyeon9mak-service-dev', force: true };
      void world.ecs.send(new DeleteServiceCommand(input));
    },
  });
  expect(end.status, end.stderr).toBe(6);
  expect(readResult(end).services).toMatchObject([{ outcome: 'failed', causes: [] }]);
  expect(end.stderr).toMatch(/failed: the service is (DRAINING|INACTIVE)/);
  expect(end.stderr).not.toContain('roll back:');
});
