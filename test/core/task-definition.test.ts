import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sameDefinition } from '../../src/core/normal-form.ts';
import { diffDefinitions } from '../../src/core/changes.ts';
import {
  chooseContainers,
  render,
  revisionName,
  shortName,
  toRegistrable,
} from '../../src/core/task-definition.ts';
import type { Edit, JsonObject } from '../../src/core/task-definition.ts';

const definition: JsonObject = {
  family: 'app',
  networkMode: 'awsvpc',
  fieldOfTheFuture: { kept: [''] },
  containerDefinitions: [
    {
      name: 'app',
      image: 'registry/app:1',
      command: ['', 'serve'],
      environment: [
        { name: 'LEVEL', value: 'info' },
        { name: 'EMPTY', value: '' },
      ],
      portMappings: [{ containerPort: 8080 }],
    },
    { name: 'datadog', image: 'datadog/agent:7', dockerLabels: { 'a=b': 'c=d' } },
  ],
};

const edit = {
  containers: ['app'],
  image: 'registry/app:2',
  containerImages: {},
  setEnv: {},
  setSecrets: {},
  unsetEnv: [],
  replaceEnv: false,
  setCommand: undefined,
  setCpu: undefined,
  setMemory: undefined,
  setTaskRole: undefined,
  setExecutionRole: undefined,
  setTags: {},
} satisfies Edit;
const HIDE = { showValues: false };

test('render replaces only the image of the named container', () => {
  const rendered = render(definition, edit);
  expect(rendered).toEqual({
    ...definition,
    containerDefinitions: [
      { ...(definition['containerDefinitions'] as JsonObject[])[0], image: 'registry/app:2' },
      (definition['containerDefinitions'] as JsonObject[])[1],
    ],
  });
});

test('render sets, adds and removes environment entries of the named container', () => {
  const rendered = render(definition, {
    ...edit,
    image: undefined,
    setEnv: { LEVEL: 'debug', NEW: 'a=b' },
    unsetEnv: ['EMPTY'],
  });
  expect(rendered['containerDefinitions']).toMatchObject([
    {
      image: 'registry/app:1',
      environment: [
        { name: 'LEVEL', value: 'debug' },
        { name: 'NEW', value: 'a=b' },
      ],
    },
    { name: 'datadog' },
  ]);
});

test.each<readonly [string, Partial<Edit>, JsonObject, JsonObject]>([
  [
    'the size and the roles of the task',
    { setCpu: '512', setMemory: '1 GB', setTaskRole: 'app', setExecutionRole: 'ecs' },
    { cpu: '512', memory: '1 GB', taskRoleArn: 'app', executionRoleArn: 'ecs' },
    {},
  ],
  ['a command', { setCommand: ['node', 'a b'] }, {}, { command: ['node', 'a b'] }],
  [
    'all plain variables',
    { replaceEnv: true, setEnv: { NEW: '1', EMPTY: 'x' } },
    {},
    {
      environment: [
        { name: 'EMPTY', value: 'x' },
        { name: 'NEW', value: '1' },
      ],
    },
  ],
  [
    'a tag',
    { setTags: { team: 'b', commit: 'c' } },
    {
      tags: [
        { key: 'team', value: 'b' },
        { key: 'owner', value: 'o' },
        { key: 'commit', value: 'c' },
      ],
    },
    {},
  ],
])('render sets %s, and nothing else', (_, given, task, container) => {
  const tags = [
    { key: 'team', value: 'a' },
    { key: 'owner', value: 'o' },
  ];
  const source: JsonObject = { ...definition, cpu: '256', taskRoleArn: 'old', tags };
  const [app, ...others] = source['containerDefinitions'] as JsonObject[];
  expect(render(source, { ...edit, image: undefined, ...given })).toEqual({
    ...source,
    ...task,
    containerDefinitions: [{ ...app, ...container }, ...others],
  });
});

test('an empty command leaves that of the image', () => {
  const [app] = render(definition, { ...edit, setCommand: [] })['containerDefinitions'] as [object];
  expect(app).not.toHaveProperty('command');
});

test('--replace-env keeps secrets, unless a variable of that name is set', () => {
  const secrets = [
    { name: 'KEPT', valueFrom: '/a' },
    { name: 'TAKEN', valueFrom: '/b' },
  ];
  const [app] = definition['containerDefinitions'] as JsonObject[];
  const source = { ...definition, containerDefinitions: [{ ...app, secrets }] };
  const given = { ...edit, replaceEnv: true, setEnv: { TAKEN: 'x' } };
  expect(render(source, given)['containerDefinitions']).toMatchObject([
    { environment: [{ name: 'TAKEN', value: 'x' }], secrets: [{ name: 'KEPT', valueFrom: '/a' }] },
  ]);
});

test('render changes only the image in all definitions', () => {
  const container = fc
    .record({ name: fc.string({ minLength: 1 }), image: fc.string() })
    .chain((own) =>
      fc.dictionary(fc.string(), fc.jsonValue()).map((other) => ({ ...other, ...own })),
    );
  const arbitrary = fc
    .tuple(
      fc.uniqueArray(container, { selector: ({ name }) => name, minLength: 1 }),
      fc.dictionary(fc.string(), fc.jsonValue()),
    )
    .map(([containerDefinitions, other]) => ({ ...other, family: 'app', containerDefinitions }));
  fc.assert(
    fc.property(arbitrary, (source) => {
      const name = source.containerDefinitions[0]?.name ?? '';
      const rendered = render(source, { ...edit, containers: [name] });
      const undone = render(rendered, {
        ...edit,
        containers: [name],
        image: source.containerDefinitions[0]?.image,
      });
      expect(JSON.stringify(undone)).toBe(JSON.stringify(source));
    }),
  );
});

test('a registration omits only what DescribeTaskDefinition adds, and includes tags', () => {
  const described = {
    ...definition,
    taskDefinitionArn: 'arn',
    revision: 1,
    status: 'ACTIVE',
    requiresAttributes: [],
    compatibilities: [],
    registeredAt: 1,
    registeredBy: 'me',
    deregisteredAt: 2,
    deleteRequestedAt: 3,
  };
  expect(toRegistrable(described, [])).toEqual(definition);
  expect(toRegistrable(described, [{ key: 'team', value: '' }])).toEqual({
    ...definition,
    tags: [{ key: 'team', value: '' }],
  });
});

describe('definitions are the same if ECS would register them alike', () => {
  const described: JsonObject = {
    ...definition,
    volumes: [],
    placementConstraints: [],
    containerDefinitions: [
      {
        ...(definition['containerDefinitions'] as JsonObject[])[0],
        cpu: 0,
        essential: true,
        mountPoints: [],
        environment: [
          { name: 'EMPTY', value: '' },
          { name: 'LEVEL', value: 'info' },
        ],
        portMappings: [{ containerPort: 8080, hostPort: 8080, protocol: 'tcp' }],
      },
      (definition['containerDefinitions'] as JsonObject[])[1],
    ],
  };
  test('ECS defaults do not count', () => {
    expect(sameDefinition(definition, described)).toBe(true);
    expect(diffDefinitions(definition, described, HIDE)).toEqual([]);
  });
  test.each([
    [
      'an image',
      { ...definition, containerDefinitions: render(definition, edit)['containerDefinitions'] },
    ],
    ['an empty string', render(definition, { ...edit, image: undefined, setEnv: { EMPTY: 'x' } })],
    ['an unknown member', { ...definition, fieldOfTheFuture: { kept: ['x'] } }],
    ['a host port of bridge mode', { ...described, networkMode: 'bridge' }],
    ['a tag', { ...definition, tags: [{ key: 'team', value: 'a' }] }],
  ])('%s counts', (_, other) => {
    expect(sameDefinition(other, definition)).toBe(false);
    expect(diffDefinitions(definition, other, HIDE)).not.toEqual([]);
  });
});

test.each([
  [undefined, 'The task definition app has 2 containers: app, datadog. Which one gets the image?'],
  [['ap'], 'The task definition app has no container "ap".'],
])('containers named as %j are refused', (named, message) => {
  expect(() => chooseContainers(definition, named)).toThrow(message);
});

test('a single container needs no name', () => {
  const single = { family: 'app', containerDefinitions: [{ name: 'web' }] };
  expect(chooseContainers(single, undefined)).toEqual(['web']);
});

test('an ARN has a short name', () => {
  expect(shortName('arn:aws:ecs:r:a:task-definition/app:41')).toBe('app:41');
});

test.each(['42', 'app:42', 'arn:aws-cn:ecs:cn-north-1:111122223333:task-definition/app:42'])(
  '%s is a revision',
  (named) => {
    expect(revisionName(named, 'app')).toBe(named === '42' ? 'app:42' : named);
  },
);

test.each([
  '',
  ' 1',
  '0',
  '-1',
  '1.0',
  '42:',
  ':42',
  'app:',
  'app:0',
  'app:01',
  'app:latest',
  'app:1:2',
  'app',
  'a b:1',
  'app:1\n',
  'arn:aws:ecs:eu-west-1:111122223333:task-definition/app',
  'arn:aws:ecs:eu-west-1:111122223333:service/c/app:1',
])('%j is not a revision', (named) => {
  expect(() => revisionName(named, 'app')).toThrow('not a revision');
});
