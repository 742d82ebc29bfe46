import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  chosen,
  definitionOf,
  missingNames,
  planSchedule,
  scheduleLabel,
  withRevision,
} from '../../src/core/scheduled.ts';
import type { ScheduledTask } from '../../src/core/scheduled.ts';
import type { JsonObject } from '../../src/core/task-definition.ts';

const CLUSTER = 'arn:aws:ecs:eu-west-1:111122223333:cluster/backend';
const ARN = 'arn:aws:ecs:eu-west-1:111122223333:task-definition/app';

function taskOf(more: Partial<ScheduledTask> = {}): ScheduledTask {
  return {
    kind: 'rule',
    name: 'nightly',
    group: 'default',
    target: 'report',
    taskDefinition: `${ARN}:1`,
    expression: undefined,
    isEnabled: true,
    managedBy: undefined,
    isUniversal: false,
    role: undefined,
    document: {},
    ...more,
  };
}

/** JSON with any members, also those that no SDK knows. */
const json = fc.dictionary(fc.string(), fc.jsonValue()) as fc.Arbitrary<JsonObject>;
const target = fc.tuple(json, json).map(([more, parameters]) => ({
  ...more,
  Arn: CLUSTER,
  EcsParameters: { ...parameters, TaskDefinitionArn: `${ARN}:1` },
}));
const parse = (value: unknown) => JSON.parse(JSON.stringify(value)) as JsonObject;

test('of any target of a rule, exactly the revision differs', () => {
  fc.assert(
    fc.property(target, (document) => {
      const sent = parse(withRevision(taskOf({ document }), `${ARN}:2`));
      const parameters = { ...document.EcsParameters, TaskDefinitionArn: `${ARN}:2` };
      expect(sent).toEqual(parse({ ...document, EcsParameters: parameters }));
      expect(definitionOf(sent, new Set([CLUSTER]))?.taskDefinition).toBe(`${ARN}:2`);
    }),
  );
});

test('of any schedule, exactly the revision differs, and what only AWS writes is left out', () => {
  fc.assert(
    fc.property(json, target, (more, Target) => {
      const document = {
        ...more,
        Name: 'n',
        Arn: 'a',
        CreationDate: 1,
        LastModificationDate: 2,
        Target,
      };
      const { Name: _, Arn, CreationDate, LastModificationDate, ...kept } = document;
      const sent = parse(withRevision(taskOf({ kind: 'schedule', document }), `${ARN}:2`));
      const parameters = { ...Target.EcsParameters, TaskDefinitionArn: `${ARN}:2` };
      expect(sent).toEqual(parse({ ...kept, Target: { ...Target, EcsParameters: parameters } }));
      expect([Arn, CreationDate, LastModificationDate]).toEqual(['a', 1, 2]);
    }),
  );
});

test.each([
  ['pinned', {}, 'planned'],
  ['there already', { taskDefinition: `${ARN}:2` }, 'unchanged'],
  ['a family', { taskDefinition: ARN }, 'follows'],
  ['managed', { managedBy: 'x.amazonaws.com' }, 'skipped'],
  ['managed, of a family', { managedBy: 'x.amazonaws.com', taskDefinition: ARN }, 'follows'],
  ['universal', { isUniversal: true }, 'skipped'],
] as const)('%s', (_, more, outcome) => {
  expect(planSchedule(taskOf(more), `${ARN}:2`).outcome).toBe(outcome);
});

const runTask = 'arn:aws:scheduler:::aws-sdk:ecs:runTask';

test.each([
  ['another cluster', { Arn: `${CLUSTER}2`, EcsParameters: { TaskDefinitionArn: ARN } }, undefined],
  ['another service', { Arn: 'arn:aws:sqs:eu-west-1:1:q' }, undefined],
  ['by name', { Arn: runTask, Input: '{"Cluster":"backend","TaskDefinition":"app:1"}' }, 'app:1'],
  ['by ARN', { Arn: runTask, Input: `{"Cluster":"${CLUSTER}","TaskDefinition":"app"}` }, 'app'],
  ['default cluster', { Arn: runTask, Input: '{"TaskDefinition":"app:1"}' }, undefined],
  ['no JSON', { Arn: runTask, Input: '<id>' }, undefined],
  ['no object', { Arn: runTask, Input: 'null' }, undefined],
  ['no input', { Arn: runTask }, undefined],
] as const)('the task definition of a target: %s', (_, document, expected) => {
  expect(definitionOf(document, new Set([CLUSTER]))?.taskDefinition).toBe(expected);
});

test('names choose by name, or by group and name', () => {
  const tasks = [
    taskOf(),
    taskOf({ kind: 'schedule', name: 'weekly', group: 'jobs', target: null }),
  ];
  expect(chosen(tasks, true)).toEqual(tasks);
  expect(chosen(tasks, false)).toEqual([]);
  expect(chosen(tasks, ['nightly', 'jobs/weekly'])).toEqual(tasks);
  expect(chosen(tasks, ['other/weekly'])).toEqual([]);
  expect(missingNames(tasks, ['weekly', 'wekly'])).toEqual(['wekly']);
  expect(tasks.map(scheduleLabel)).toEqual(['nightly (report)', 'jobs/weekly']);
});
