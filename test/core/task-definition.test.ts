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
import type { JsonObject } from '../../src/core/task-definition.ts';

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
};
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
