import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { httpProxy } from '../support/proxies.ts';
import { makeWorld } from '../support/world.ts';

const MINUTE = 60_000;
/** How far a signature's time can be off. */
const TOLERANCE = 5 * MINUTE;

function timeOf({ headers }: IncomingMessage): number {
  const stamp = String(headers['x-amz-date']);
  return Date.parse(
    stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'),
  );
}

/** An AWS whose clock is ahead of this machine's, and which checks the time of each signature. */
async function makeSkewed(offset: number, exception: string) {
  const world = await makeWorld();
  const refused: string[] = [];
  const meddle = (request: IncomingMessage, response: ServerResponse) => {
    const now = Date.now() + offset;
    const writeHead = response.writeHead.bind(response) as (
      status: number,
      headers: object,
    ) => ServerResponse;
    response.writeHead = ((status: number, headers: object) =>
      writeHead(status, { ...headers, date: new Date(now).toUTCString() })) as never;
    if (Math.abs(timeOf(request) - now) <= TOLERANCE) return false;
    refused.push(String(request.headers['x-amz-target']));
    const message = `Signature not valid at ${new Date(now).toISOString()}`;
    if (request.headers['x-amz-target'] === undefined) {
      response.writeHead(403, { 'content-type': 'text/xml' });
      response.end(
        `<ErrorResponse><Error><Code>${exception}</Code><Message>${message}</Message></Error></ErrorResponse>`,
      );
      return true;
    }
    response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify({ __type: exception, message }));
    return true;
  };
  const host = await httpProxy({ host: new URL(world.sandbox.url).host }, meddle);
  return { world, refused, environment: { AWS_ENDPOINT_URL: `http://${host}` } };
}

const COMMANDS = [
  ['deploy', '--tag', 'v1'],
  ['verify'],
  ['status'],
  ['logs'],
  ['diagnose'],
  ['rollout', '--force'],
  ['render', '--set-env', 'A=b'],
];

test.each([
  [-20, 'InvalidSignatureException'],
  [-10, 'RequestTimeTooSkewed'],
  [-7, 'InvalidSignatureException'],
  [7, 'RequestTimeTooSkewed'],
  [10, 'InvalidSignatureException'],
  [20, 'RequestTimeTooSkewed'],
])('with a clock %i minutes off (%s), every command does the same', async (minutes, exception) => {
  const { world, refused, environment } = await makeSkewed(minutes * MINUTE, exception);
  for (const args of COMMANDS) {
    refused.length = 0;
    const end = await world.run(args, { environment });
    expect(end.status, `${args.join(' ')}: ${end.stderr}`).toBe(0);
    // The first calls of a run learn the offset; no write is ever refused.
    expect(refused.filter((target) => /Update|Register|Put|Create/.test(target))).toEqual([]);
    expect(refused.length).toBeLessThan(5);
  }
});

test('with a right clock, a wrong signature is refused at once', async () => {
  const world = await makeWorld();
  const host = await httpProxy({ host: new URL(world.sandbox.url).host }, (_, response) => {
    response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' });
    response.end('{"__type":"InvalidSignatureException","message":"The signature is wrong"}');
    return true;
  });
  const environment = { AWS_ENDPOINT_URL: `http://${host}` };
  const end = await world.run(['deploy', '--tag', 'v1'], { environment });
  expect([end.status, end.stderr]).toEqual([4, expect.stringContaining('clock')]);
  expect(world.sandbox.calls).toEqual([]);
});
