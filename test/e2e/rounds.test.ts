import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

/** Milliseconds without a further request after which a round is answered; no result depends on it. */
const QUIET = 250;

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
  return { rounds, environment: { AWS_ENDPOINT_URL: `http://127.0.0.1:${port}` } };
}

test('with an image given, UpdateService is called in the fourth round of calls', async () => {
  const world = await makeWorld();
  const image = `${world.sandbox.registryHost}/hyeon9mak-dev:first`;
  const { rounds, environment } = await countRounds(world);
  const args = ['deploy', '--image', image, '--set-env', 'NEW=1', '--no-wait'];
  const { status, stderr } = await world.run(args, { environment });
  expect(stderr).not.toContain('Error');
  expect(status).toBe(0);
  const update = rounds.findIndex((actions) => actions.includes('UpdateService'));
  expect(rounds.slice(0, update + 1)).toMatchInlineSnapshot(`
    [
      [
        "BatchGetImage",
        "DescribeImages",
        "DescribeRepositories",
        "DescribeServices",
      ],
      [
        "DescribeTaskDefinition",
        "DescribeTaskDefinition",
        "GetDownloadUrlForLayer",
      ],
      [
        "DescribeLogGroups",
        "DescribeRepositories",
        "DescribeSecret",
        "RegisterTaskDefinition",
      ],
      [
        "DescribeImages",
        "UpdateService",
      ],
    ]
  `);
  expect(update + 1).toBeLessThanOrEqual(4);
});
