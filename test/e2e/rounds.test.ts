import { readFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DescribeTaskDefinitionCommand } from '@aws-sdk/client-ecs';
import { expect, onTestFinished, test } from 'vitest';
import { addService, CONFIG, makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

/** Milliseconds without a further request after which a round is answered; no result depends on it. */
const QUIET = 400;

/**
 * Stands before the API and answers calls in rounds: all that are made before any of them is
 * answered are one. This counts round trips whatever the speed of the machine.
 */
async function countRounds({ sandbox }: World) {
  const rounds: string[][] = [];
  let waiting: (() => void)[] = [];
  let actions: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  const answer = () => {
    rounds.push(actions.toSorted());
    const released = waiting;
    [waiting, actions] = [[], []];
    for (const release of released) release();
  };
  const server = createServer((incoming, outgoing) => {
    const { url, method, headers } = incoming;
    const target = String(headers['x-amz-target'] ?? '').split('.');
    actions.push(target.at(-1) ?? '');
    waiting.push(() => {
      const forward = httpRequest(
        new URL(url ?? '/', sandbox.url),
        { method, headers },
        (reply) => {
          outgoing.writeHead(reply.statusCode ?? 500, reply.headers);
          reply.pipe(outgoing);
        },
      );
      incoming.pipe(forward);
    });
    clearTimeout(timer);
    timer = setTimeout(answer, QUIET);
  });
  await new Promise<void>((listening) => {
    server.listen(0, '127.0.0.1', listening);
  });
  onTestFinished(() => {
    clearTimeout(timer);
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  // With the usual interval, what the plan has read is still current when the service is moved.
  const environment = { AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`, ECSDEPLOY_POLL: '3s' };
  return { rounds, environment };
}

interface Budget {
  /** IMAGE stands for an image in ECR, RUNNING for the one that the service runs. */
  readonly args: readonly string[];
  /** Services to deploy; the one of the start world if undefined. */
  readonly services?: number;
  /**
   * Up to and with the last UpdateService. With a registry host of ECR's form, a rollout has one less:
   * the sandbox's has to be looked up.
   */
  readonly roundTrips: number;
  readonly calls: number;
}

const BUDGETS = JSON.parse(readFileSync('scripts/bench-budget.json', 'utf8')) as {
  readonly commands: Readonly<Record<string, Budget>>;
};

test.each(Object.entries(BUDGETS.commands))('%s keeps to its budget', async (_, budget) => {
  const { services = 0, roundTrips, calls } = budget;
  const names = Array.from({ length: services }, (__, index) => `service-${index}`);
  const list = names.map((service) => `  - { service: ${service} }\n`).join('');
  const config = `${CONFIG.replace(/^service:.*\n/m, '')}services:\n${list}`;
  const world = await makeWorld(services > 0 ? { files: { '.ecsdeployrc': config } } : {});
  await Promise.all(names.map((name) => addService(world, name)));
  const image = `${world.sandbox.registryHost}/hyeon9mak-dev:first`;
  const { taskDefinition } = await world.service();
  const running = await world.ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition }));
  const [own] = running.taskDefinition?.containerDefinitions ?? [];
  const args = budget.args.map((word) =>
    word === 'IMAGE' ? image : word === 'RUNNING' ? (own?.image ?? '') : word,
  );
  const { rounds, environment } = await countRounds(world);
  const { status, stderr } = await world.run([...args, '--no-wait'], { environment });
  expect(stderr).not.toContain('Error');
  expect(status).toBe(0);
  const update = rounds.findLastIndex((actions) => actions.includes('UpdateService'));
  const until = rounds.slice(0, update + 1);
  expect(update).toBeGreaterThanOrEqual(0);
  expect(until.length, JSON.stringify(until)).toBeLessThanOrEqual(roundTrips);
  expect(until.flat().length, JSON.stringify(until)).toBeLessThanOrEqual(calls);
});
