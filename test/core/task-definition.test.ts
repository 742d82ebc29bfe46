import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changesInMarkdown, formatChanges } from '../../src/core/changes.ts';
import {
  chooseContainers,
  diffDefinitions,
  render,
  sameDefinition,
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
  images: {},
  setEnv: {},
  setSecret: {},
  unsetEnv: [],
};

test('render replaces the image of the named container and nothing else', () => {
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

test('whatever a definition holds, rendering it changes the image alone', () => {
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

test('only what DescribeTaskDefinition adds is left out of a registration, tags are taken along', () => {
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

describe('two definitions are the same when ECS would register them alike', () => {
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
  test('defaults that ECS fills in do not count', () => {
    expect(sameDefinition(definition, described)).toBe(true);
    expect(diffDefinitions(definition, described)).toEqual([]);
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
    expect(diffDefinitions(definition, other)).not.toEqual([]);
  });
});

test('the diff goes by container and hides environment values', () => {
  const after = {
    ...render(definition, {
      ...edit,
      setEnv: { LEVEL: 'debug', TOKEN: 'secret' },
      unsetEnv: ['EMPTY'],
    }),
    cpu: '512',
  };
  expect(formatChanges(diffDefinitions(definition, after))).toMatchInlineSnapshot(`
    "task definition
      + cpu: "512"
    container app
      - environment.EMPTY: •••
      - environment.LEVEL: •••
      + environment.LEVEL: •••
      - image: "registry/app:1"
      + image: "registry/app:2"
      + environment.TOKEN: •••"
  `);
});

test('a variable is plain or secret: setting it as one removes it as the other', () => {
  const source: JsonObject = {
    family: 'app',
    containerDefinitions: [
      {
        name: 'app',
        environment: [
          { name: 'TOKEN', value: 'plain' },
          { name: 'LEVEL', value: 'info' },
        ],
        secrets: [
          { name: 'PASSWORD', valueFrom: '/old' },
          { name: 'KEY', valueFrom: '/key' },
        ],
      },
      { name: 'datadog', image: 'datadog/agent:7' },
    ],
  };
  const rendered = render(source, {
    ...edit,
    image: undefined,
    images: { datadog: 'datadog/agent:8' },
    setEnv: { KEY: 'now plain' },
    setSecret: { TOKEN: '/token', PASSWORD: '/new' },
    unsetEnv: ['LEVEL', 'NOT_THERE'],
  });
  expect(rendered['containerDefinitions']).toEqual([
    {
      name: 'app',
      environment: [{ name: 'KEY', value: 'now plain' }],
      secrets: [
        { name: 'PASSWORD', valueFrom: '/new' },
        { name: 'TOKEN', valueFrom: '/token' },
      ],
    },
    { name: 'datadog', image: 'datadog/agent:8' },
  ]);
});

describe('what changes, as people read it', () => {
  const long = Array.from({ length: 60 }, (_, index) => `--option-${index}`);
  const before: JsonObject = {
    family: 'app',
    containerDefinitions: [
      {
        name: 'app',
        command: long,
        environment: [{ name: 'LEVEL', value: 'info' }],
        logConfiguration: { logDriver: 'x', options: { apikey: 'old key', Name: 'datadog' } },
      },
    ],
  };
  const after: JsonObject = {
    family: 'app',
    containerDefinitions: [
      {
        name: 'app',
        command: long.with(30, '--`other`'),
        environment: [{ name: 'LEVEL', value: 'debug' }],
        logConfiguration: { logDriver: 'x', options: { apikey: 'new key', Name: 'splunk' } },
      },
      { name: 'sidecar', entryPoint: long },
    ],
  };

  test('of long values it shows what differs, of keys only that they do', () => {
    expect(formatChanges(diffDefinitions(before, after))).toMatchInlineSnapshot(`
      "container app
        - command: …on-28","--option-29","--option-30","--option-31","--optio…
        + command: …on-28","--option-29","--\`other\`","--option-31","--optio…
        - environment.LEVEL: •••
        + environment.LEVEL: •••
        - logConfiguration.options.apikey: •••
        + logConfiguration.options.apikey: •••
        - logConfiguration.options.Name: "datadog"
        + logConfiguration.options.Name: "splunk"
      container sidecar
        + entryPoint: ["--option-0","--option-1","--option-2","--option-3","--option-4","--option-5","…ption-54","--option-55","--option-56","--option-57","--option-58","--option-59"] (831 characters)
        + name: "sidecar""
    `);
  });

  test('with values, when they are asked for', () => {
    const text = formatChanges(diffDefinitions(before, after, { showValues: true }));
    expect(text).toContain('+ environment.LEVEL: "debug"');
    expect(text).toContain('- logConfiguration.options.apikey: "old key"');
  });

  test('in Markdown as a block that no value can end', () => {
    expect(changesInMarkdown(diffDefinitions(before, after))).toMatchInlineSnapshot(`
      "\`\`\`diff
      @@ container app @@
      - command: …on-28","--option-29","--option-30","--option-31","--optio…
      + command: …on-28","--option-29","--\`other\`","--option-31","--optio…
      - environment.LEVEL: •••
      + environment.LEVEL: •••
      - logConfiguration.options.apikey: •••
      + logConfiguration.options.apikey: •••
      - logConfiguration.options.Name: "datadog"
      + logConfiguration.options.Name: "splunk"
      @@ container sidecar @@
      + entryPoint: ["--option-0","--option-1","--option-2","--option-3","--option-4","--option-5","…ption-54","--option-55","--option-56","--option-57","--option-58","--option-59"] (831 characters)
      + name: "sidecar"
      \`\`\`"
    `);
  });
});

test.each([
  [undefined, 'The task definition app has 2 containers: app, datadog. Which one gets the image?'],
  [['ap'], 'The task definition app has no container "ap".'],
])('containers named as %j are refused', (named, message) => {
  expect(() => chooseContainers(definition, named)).toThrow(message);
});

test('the only container needs no name', () => {
  const single = { family: 'app', containerDefinitions: [{ name: 'web' }] };
  expect(chooseContainers(single, undefined)).toEqual(['web']);
});

test('an ARN has a short name', () => {
  expect(shortName('arn:aws:ecs:r:a:task-definition/app:41')).toBe('app:41');
});
