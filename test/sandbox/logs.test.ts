import { expect, test } from 'vitest';
import type { World } from './ecs-world.ts';
import { callRaw, LOG_GROUP, startWorld } from './ecs-world.ts';

interface Page {
  readonly events: readonly { readonly message: string; readonly timestamp: number }[];
  readonly nextForwardToken: string;
  readonly nextBackwardToken: string;
  readonly nextToken?: string;
}

const STREAM = { logGroupName: LOG_GROUP, logStreamName: 'ecs/web/1' };

function call(world: World, operation: string, input: object): Promise<Page> {
  return callRaw(world, `Logs_20140328.${operation}`, input) as Promise<Page>;
}

async function startLogs(): Promise<World> {
  const world = await startWorld({ service: { desiredCount: 0 } });
  for (const [index, word] of ['one', 'two', 'three', 'four', 'five'].entries()) {
    world.logs.append(LOG_GROUP, STREAM.logStreamName, `line ${word}`, 1000 + index);
  }
  world.logs.append(LOG_GROUP, 'ecs/agent/1', 'agent line', 1002.5);
  world.logs.append('/nowhere', 'stream', 'lost', 1000);
  return world;
}

function said({ events }: Page): string[] {
  return events.map(({ message }) => message.replace(/^line /, ''));
}

test('GetLogEvents pages forward until its token repeats', async () => {
  const world = await startLogs();
  const head = { ...STREAM, limit: 2, startFromHead: true };
  const first = await call(world, 'GetLogEvents', head);
  const second = await call(world, 'GetLogEvents', { ...head, nextToken: first.nextForwardToken });
  const third = await call(world, 'GetLogEvents', { ...head, nextToken: second.nextForwardToken });
  const last = await call(world, 'GetLogEvents', { ...head, nextToken: third.nextForwardToken });
  expect([first, second, third, last].map(said)).toEqual([
    ['one', 'two'],
    ['three', 'four'],
    ['five'],
    [],
  ]);
  expect(last.nextForwardToken).toBe(third.nextForwardToken);
  world.logs.append(LOG_GROUP, STREAM.logStreamName, 'line six', 1010);
  const more = await call(world, 'GetLogEvents', { ...head, nextToken: last.nextForwardToken });
  expect(said(more)).toEqual(['six']);
});

test('GetLogEvents starts at the tail and pages backward', async () => {
  const world = await startLogs();
  const tail = await call(world, 'GetLogEvents', { ...STREAM, limit: 2 });
  expect(said(tail)).toEqual(['four', 'five']);
  const earlier = { ...STREAM, limit: 2, nextToken: tail.nextBackwardToken };
  expect(said(await call(world, 'GetLogEvents', earlier))).toEqual(['two', 'three']);
  const middle = { ...STREAM, startTime: 1_001_000, endTime: 1_003_000 };
  expect(said(await call(world, 'GetLogEvents', middle))).toEqual(['two', 'three']);
});

test('FilterLogEvents merges streams by time and filters by text', async () => {
  const world = await startLogs();
  const all = await call(world, 'FilterLogEvents', { logGroupName: LOG_GROUP });
  expect(said(all)).toEqual(['one', 'two', 'three', 'agent line', 'four', 'five']);
  const some = {
    logGroupName: LOG_GROUP,
    filterPattern: '"line f"',
    logStreamNamePrefix: 'ecs/web',
  };
  expect(said(await call(world, 'FilterLogEvents', some))).toEqual(['four', 'five']);
  const named = { logGroupName: LOG_GROUP, logStreamNames: ['ecs/agent/1'] };
  expect(await call(world, 'FilterLogEvents', named)).toMatchObject({
    events: [{ logStreamName: 'ecs/agent/1', timestamp: 1_002_500 }],
  });
  const page = await call(world, 'FilterLogEvents', { logGroupName: LOG_GROUP, limit: 4 });
  const next = { logGroupName: LOG_GROUP, limit: 4, nextToken: page.nextToken };
  expect(said(await call(world, 'FilterLogEvents', next))).toEqual(['four', 'five']);
});

test('groups and streams are described', async () => {
  const world = await startLogs();
  expect(await call(world, 'DescribeLogGroups', { logGroupNamePrefix: '/ecs' })).toMatchObject({
    logGroups: [
      {
        logGroupName: LOG_GROUP,
        arn: `arn:aws:logs:ap-northeast-2:111122223333:log-group:${LOG_GROUP}:*`,
      },
    ],
  });
  const streams = { logGroupName: LOG_GROUP, orderBy: 'LastEventTime', descending: true };
  expect(await call(world, 'DescribeLogStreams', streams)).toMatchObject({
    logStreams: [
      { logStreamName: 'ecs/web/1', lastEventTimestamp: 1_004_000 },
      { logStreamName: 'ecs/agent/1' },
    ],
  });
});

test('missing groups and streams are errors', async () => {
  const world = await startLogs();
  expect(await call(world, 'GetLogEvents', { ...STREAM, logStreamName: 'x' })).toEqual({
    __type: 'ResourceNotFoundException',
    message: 'The specified log stream does not exist.',
  });
  expect(await call(world, 'GetLogEvents', { ...STREAM, logGroupName: 'x' })).toEqual({
    __type: 'ResourceNotFoundException',
    message: 'The specified log group does not exist.',
  });
});

test('groups and streams are created, written, kept for a time, and deleted, in each region', async () => {
  const world = await startWorld({ service: { desiredCount: 0 } });
  const region = 'eu-central-1';
  const logs = (operation: string, input: object) =>
    callRaw(world, `Logs_20140328.${operation}`, input, region);
  const group = { logGroupName: '/app' };
  const stream = { ...group, logStreamName: 'one' };
  const code = async (answer: Promise<unknown>) => ((await answer) as { __type?: string }).__type;
  await logs('CreateLogGroup', { ...group, tags: { team: 'web' } });
  expect(await code(logs('CreateLogGroup', group))).toBe('ResourceAlreadyExistsException');
  await logs('CreateLogStream', stream);
  expect(await code(logs('CreateLogStream', stream))).toBe('ResourceAlreadyExistsException');
  const now = Math.round(world.clock.now() * 1000);
  const put = (...times: number[]) =>
    logs('PutLogEvents', {
      ...stream,
      logEvents: times.map((timestamp) => ({ timestamp, message: `at ${timestamp - now}` })),
    });
  const hour = 3_600_000;
  await put(now - 20 * hour, now);
  expect(await put(now - 15 * 24 * hour)).toMatchObject({
    rejectedLogEventsInfo: { tooOldLogEventEndIndex: 1 },
  });
  expect(await code(put(now, now - 1))).toBe('InvalidParameterException');
  expect(await code(put(now - 25 * hour, now))).toBe('InvalidParameterException');
  expect(await logs('GetLogEvents', { ...stream, startFromHead: true })).toMatchObject({
    events: [{ message: `at ${-20 * hour}` }, { message: 'at 0' }],
  });
  await put(now + 1000);
  expect(await code(logs('PutRetentionPolicy', { ...group, retentionInDays: 2 }))).toBe(
    'InvalidParameterException',
  );
  await logs('PutRetentionPolicy', { ...group, retentionInDays: 1 });
  const arn = `arn:aws:logs:${region}:111122223333:log-group:/app`;
  await logs('TagResource', { resourceArn: arn, tags: { stage: 'dev' } });
  await logs('UntagResource', { resourceArn: arn, tagKeys: ['team'] });
  expect(await logs('ListTagsForResource', { resourceArn: arn })).toEqual({
    tags: { stage: 'dev' },
  });
  expect(await logs('DescribeLogGroups', { logGroupNamePattern: 'APP' })).toMatchObject({
    logGroups: [{ ...group, retentionInDays: 1 }],
  });
  expect(await call(world, 'DescribeLogGroups', { logGroupNamePrefix: '/app' })).toMatchObject({
    logGroups: [],
  });
  await logs('DeleteRetentionPolicy', group);
  await logs('DeleteLogStream', stream);
  expect(await code(logs('GetLogEvents', stream))).toBe('ResourceNotFoundException');
  await logs('DeleteLogGroup', group);
  expect(await code(logs('DescribeLogStreams', group))).toBe('ResourceNotFoundException');
});
