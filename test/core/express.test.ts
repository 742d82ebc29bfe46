import { expect, test } from 'vitest';
import {
  checkExpressContainer,
  checkExpressDrift,
  checkManagedChanges,
} from '../../src/core/checks-express.ts';
import { diagnoseEvent } from '../../src/core/diagnosis.ts';
import { isManaged, isSameContainer, isThere, managedMembers } from '../../src/core/express.ts';
import type { JsonObject } from '../../src/core/task-definition.ts';
import { old, own, service } from '../support/ecs-types.ts';

const main: JsonObject = {
  name: 'Main',
  image: 'registry/app:1',
  portMappings: [{ containerPort: 8080, name: 'main-8080-tcp', protocol: 'tcp' }],
  environment: [{ name: 'LEVEL', value: 'info' }],
  secrets: [],
  logConfiguration: {
    logDriver: 'awslogs',
    options: { 'awslogs-group': '/aws/ecs/backend/api', 'awslogs-stream-prefix': 'ecs' },
  },
};
const definition: JsonObject = {
  family: 'backend-api',
  cpu: '1 vCPU',
  memory: '2048',
  executionRoleArn: 'arn:execution',
  runtimePlatform: { cpuArchitecture: 'X86_64', operatingSystemFamily: 'LINUX' },
  containerDefinitions: [main],
};
const container = {
  image: 'registry/app:1',
  containerPort: 8080,
  awsLogsConfiguration: { logGroup: '/aws/ecs/backend/api', logStreamPrefix: 'ecs' },
  command: ['serve'],
  environment: [],
  memberOfTheFuture: { kept: true },
};
const configuration = {
  cpu: '1024',
  memory: '512',
  cpuArchitecture: 'X86_64',
  executionRoleArn: 'arn:execution',
  primaryContainer: container,
};
const express = service([own({ rolloutState: 'COMPLETED' })], { isExpress: true });

test.each<readonly [string, boolean, JsonObject]>([
  ['the family CLUSTER-SERVICE with Main alone', true, definition],
  ['another family', false, { ...definition, family: 'api' }],
  ['a sidecar', false, { ...definition, containerDefinitions: [main, { name: 'log' }] }],
  ['another container', false, { ...definition, containerDefinitions: [{ name: 'app' }] }],
])('Express Mode makes a definition: %s (%s)', (_, expected, given) => {
  expect(isManaged(express, given)).toBe(expected);
});

test('an update sends the container whole, and of the task only what differs', () => {
  expect(managedMembers(definition, configuration)).toEqual({
    memory: '2048',
    primaryContainer: {
      ...container,
      // The definition has none: an empty list takes it away.
      command: [],
      environment: [{ name: 'LEVEL', value: 'info' }],
    },
  });
});

test('without a configuration everything is sent', () => {
  const { command: _, memberOfTheFuture: __, ...known } = container;
  expect(managedMembers(definition, {})).toEqual({
    cpu: '1024',
    memory: '2048',
    cpuArchitecture: 'X86_64',
    executionRoleArn: 'arn:execution',
    primaryContainer: { ...known, environment: [{ name: 'LEVEL', value: 'info' }] },
  });
});

const withMain = (more: JsonObject): JsonObject => ({
  ...definition,
  containerDefinitions: [{ ...main, ...more }],
});

test.each<readonly [string, boolean, JsonObject]>([
  ['itself', true, definition],
  ['another image', false, withMain({ image: 'registry/app:2' })],
  ['another variable', false, withMain({ environment: [{ name: 'LEVEL', value: 'debug' }] })],
  ['another size', true, { ...definition, cpu: '256' }],
])('the container is the same as in %s: %s', (_, expected, other) => {
  expect(isSameContainer(definition, other)).toBe(expected);
});

test.each<readonly [string, boolean, Partial<Parameters<typeof isThere>[0]>]>([
  ['nothing changes', true, {}],
  ['the image changes', false, { definition: withMain({ image: 'registry/app:2' }) }],
  ['another revision is named', false, { revision: 'arn:task-definition/backend-api:9' }],
  [
    'Express Mode has another revision',
    false,
    {
      express: {
        running: definition,
        configuration: { taskDefinition: 'arn:old', members: {}, endpoint: undefined },
      },
    },
  ],
])('an Express service is there already where %s: %s', (_, expected, more) => {
  const move = {
    service: express,
    revision: express.taskDefinition,
    definition,
    express: { running: definition, configuration: undefined },
    ...more,
  };
  expect(isThere(move)).toBe(expected);
});

const port = (more: JsonObject) => ({ containerPort: 80, name: 'web', ...more });

test.each<readonly [string, JsonObject]>([
  ['ok', definition],
  ['ok', withMain({ portMappings: [port({}), port({ protocol: 'udp' })] })],
  ['fail', { ...definition, containerDefinitions: [{ ...main, name: 'app' }] }],
  ['fail', withMain({ portMappings: [] })],
  ['fail', withMain({ portMappings: [port({}), port({ containerPort: 81 })] })],
  ['fail', withMain({ portMappings: [{ containerPort: 80 }] })],
])('the container of an Express service: %s', (status, given) => {
  const answer = checkExpressContainer(given);
  expect(answer.status).toBe(status);
  expect([answer.message, answer.hint]).toMatchSnapshot();
});

test('a change outside of Express Mode is a warning, but not during a deployment', () => {
  const told = { taskDefinition: 'arn:x/backend-api:1', members: {}, endpoint: undefined };
  expect(checkExpressDrift(express, told)).toMatchSnapshot();
  expect(checkExpressDrift(express, undefined).status).toBe('ok');
  const busy = service([own(), old()], { isExpress: true });
  expect(checkExpressDrift(busy, told).status).toBe('ok');
});

test('Express Mode cannot set everything', () => {
  const change = { before: undefined, after: 'x' };
  const inMain = (path: string) => ({ container: 'Main', path, ...change });
  const possible = ['image', 'command', 'environment.A', 'secrets.B'].map(inMain);
  expect(checkManagedChanges(express, possible).status).toBe('ok');
  const tag = { container: null, path: 'tags.team', ...change };
  expect(checkManagedChanges(express, [...possible, tag])).toMatchSnapshot();
});

test('an alarm of an Express service is explained, of another it is not', () => {
  const message = '(service api) (deployment ecs-svc/1) deployment failed: alarm detected.';
  expect(diagnoseEvent(message, express)).toMatchSnapshot();
  expect(diagnoseEvent(message, service([own()]))).toBeUndefined();
});
