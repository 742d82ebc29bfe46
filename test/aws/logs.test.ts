import { expect, test } from 'vitest';
import { logStreamOf } from '../../src/aws/logs.ts';
import { logPlaceOf } from '../../src/core/log-place.ts';

const container = (logDriver: string, options: Record<string, string>) => ({
  name: 'app',
  logConfiguration: { logDriver, options },
});

test('a stream is named by prefix, container and task, or by the container runtime', () => {
  const group = { 'awslogs-group': '/ecs/app', 'awslogs-region': 'eu-west-1' };
  const prefixed = container('awslogs', { ...group, 'awslogs-stream-prefix': 'ecs' });
  expect(logStreamOf(prefixed, 'task1', 'runtime1')).toEqual({
    group: '/ecs/app',
    stream: 'ecs/app/task1',
    region: 'eu-west-1',
  });
  expect(logStreamOf(container('awslogs', group), 'task1', 'runtime1')?.stream).toBe('runtime1');
  expect(logStreamOf(container('awslogs', group), 'task1', undefined)).toBeUndefined();
  expect(logStreamOf(container('splunk', group), 'task1', 'runtime1')).toBeUndefined();
});

test('the place of a log that is not in CloudWatch', () => {
  expect(logPlaceOf(container('awslogs', {}))).toBeUndefined();
  expect(logPlaceOf(container('awsfirelens', { Name: 'datadog', Host: 'h', apikey: 'k' }))).toBe(
    'awsfirelens (Name datadog, Host h)',
  );
  expect(logPlaceOf(container('json-file', {}))).toBe('json-file');
  expect(logPlaceOf({ name: 'app' })).toContain('no logConfiguration');
});
