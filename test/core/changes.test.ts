import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { diffDefinitions } from '../../src/core/changes.ts';
import { formatChanges } from '../../src/report/diff.ts';
import type { ChangeOptions } from '../../src/core/changes.ts';
import { sameDefinition } from '../../src/core/normal-form.ts';
import type { JsonObject } from '../../src/core/task-definition.ts';

const app = {
  name: 'app',
  image: 'registry/app:1',
  command: ['serve'],
  environment: [
    { name: 'LEVEL', value: 'info' },
    { name: 'EMPTY', value: '' },
  ],
  secrets: [{ name: 'PASSWORD', valueFrom: '/old/password' }],
  portMappings: [{ containerPort: 8080 }],
  logConfiguration: {
    logDriver: 'splunk',
    options: { 'splunk-token': 'credential-one', 'splunk-url': 'https://splunk.example' },
  },
};
const agent = { name: 'agent', image: 'datadog/agent:7', cpu: 10 };
const definition: JsonObject = {
  family: 'app',
  networkMode: 'awsvpc',
  containerDefinitions: [app, agent],
};

const HIDE: ChangeOptions = { showValues: false };

function diff(after: JsonObject, options = HIDE, before = definition): string {
  return formatChanges(diffDefinitions(before, after, options))
    .map(({ text }) => text)
    .join('\n');
}

const withApp = (members: JsonObject): JsonObject => ({
  ...definition,
  containerDefinitions: [{ ...app, ...members }, agent],
});

const edited: JsonObject = {
  ...definition,
  cpu: '512',
  tags: [{ key: 'team', value: 'a' }],
  containerDefinitions: [
    {
      ...app,
      image: 'registry/app:2',
      environment: [
        { name: 'LEVEL', value: 'debug' },
        { name: 'TOKEN', value: 'hidden-one' },
      ],
      secrets: [{ name: 'PASSWORD', valueFrom: '/new/password' }],
      portMappings: [
        { containerPort: 8080, name: 'http' },
        { containerPort: 53, protocol: 'udp' },
      ],
      dockerLabels: { 'a=b': 'c=d' },
      logConfiguration: {
        logDriver: 'splunk',
        options: { 'splunk-token': 'credential-two', 'splunk-url': 'https://splunk.example/2' },
      },
    },
    agent,
  ],
};

test('the diff is grouped by container and field, starts with the image, and hides confidential values', () => {
  expect(diff(edited)).toMatchInlineSnapshot(`
    "task definition
      + cpu: "512"
      + tags.team: "a"
    container app
      - image: "registry/app:1"
      + image: "registry/app:2"
      + dockerLabels."a=b": "c=d"
      - environment.EMPTY: •••
      ~ environment.LEVEL: •••
      + environment.TOKEN: •••
      ~ logConfiguration.options.splunk-token: •••
      - logConfiguration.options.splunk-url: "https://splunk.example"
      + logConfiguration.options.splunk-url: "https://splunk.example/2"
      + portMappings[8080].name: "http"
      + portMappings[53/udp]: {"containerPort":53,"protocol":"udp"}
      - secrets.PASSWORD: "/old/password"
      + secrets.PASSWORD: "/new/password""
  `);
  expect(JSON.stringify(diffDefinitions(definition, edited, HIDE))).not.toMatch(
    /info|debug|hidden-one|credential/,
  );
});

test('--show-values shows confidential values', () => {
  const lines = diff(edited, { showValues: true }).split('\n');
  expect(lines.filter((line) => /environment|token/.test(line))).toMatchInlineSnapshot(`
    [
      "  - environment.EMPTY: """,
      "  - environment.LEVEL: "info"",
      "  + environment.LEVEL: "debug"",
      "  + environment.TOKEN: "hidden-one"",
      "  - logConfiguration.options.splunk-token: "credential-one"",
      "  + logConfiguration.options.splunk-token: "credential-two"",
    ]
  `);
});

test('the diff of equal definitions is one line', () => {
  expect(diff(definition)).toBe('no changes');
});

describe('added, removed and renamed containers', () => {
  test.each([
    ['added', [app, agent, { name: 'proxy', image: 'envoy:1', essential: false }]],
    ['removed', [app]],
    ['renamed, with the same image', [{ ...app, name: 'web', command: ['run'] }, agent]],
    ['renamed, with another image', [{ ...app, name: 'web', image: 'other:2' }, agent]],
    ['replaced', [app, { name: 'tracer', image: 'xray:3', cpu: 20 }]],
    ['in another order', [agent, app]],
  ])('%s', (_, containerDefinitions) => {
    expect(diff({ ...definition, containerDefinitions })).toMatchSnapshot();
  });
});

describe('ECS defaults are not changes', () => {
  const volumes = [{ name: 'data', host: {} }];
  test.each<[string, JsonObject, JsonObject]>([
    ['empty lists', {}, { volumes: [], placementConstraints: [], tags: [] }],
    ['the size of the task', { cpu: '1 vCPU', memory: '2GB' }, { cpu: '1024', memory: '2048' }],
    ['a volume without a host path', { volumes: [{ name: 'data' }] }, { volumes }],
  ])('%s', (_, sent, described) => {
    const [before, after] = [
      { ...definition, ...sent },
      { ...definition, ...described },
    ];
    expect(diff(after, HIDE, before)).toBe('no changes');
    expect(sameDefinition(before, after)).toBe(true);
  });

  test.each<[string, JsonObject, JsonObject]>([
    ['essential and cpu', {}, { essential: true, cpu: 0, mountPoints: [], systemControls: [] }],
    ['ports', {}, { portMappings: [{ containerPort: 8080, hostPort: 8080, protocol: 'tcp' }] }],
    [
      'the times of a health check',
      { healthCheck: { command: ['CMD', 'true'] } },
      { healthCheck: { command: ['CMD', 'true'], interval: 30, timeout: 5, retries: 3 } },
    ],
    ['the order of the environment', {}, { environment: app.environment.toReversed() }],
    ['null', {}, { linuxParameters: null }],
  ])('%s', (_, sent, described) => {
    expect(diff(withApp(described), HIDE, withApp(sent))).toBe('no changes');
  });

  test.each<[string, JsonObject]>([
    ['a value other than the default', { essential: false }],
    ['an empty string', { workingDirectory: '' }],
    ['an empty string in a command', { command: ['serve', ''] }],
    ['an empty object that can enable a feature', { memberOfTheFuture: {} }],
    ['a variable that is set twice', { environment: [...app.environment, app.environment[0]] }],
  ])('%s is a change', (_, members) => {
    expect(diff(withApp(members))).not.toBe('no changes');
  });
});

describe('long values', () => {
  const words = Array.from({ length: 300 }, (_, index) => `--option-${index}`);
  test('are shortened to their difference', () => {
    const changed = words.with(150, '--changed');
    expect(diff(withApp({ command: changed }), HIDE, withApp({ command: words })))
      .toMatchInlineSnapshot(`
        "container app
          - command: …","--option-149","--option-150","--option-151","--…
          + command: …","--option-149","--changed","--option-151","--…"
      `);
  });

  test('are shortened to their start and end if they are new', () => {
    expect(diff(withApp({ command: words }), HIDE, withApp({ command: undefined })))
      .toMatchInlineSnapshot(`
        "container app
          + command: ["--option-0","--option-1","--option-2","--option-3","--opti … 4271 characters … "--option-296","--option-297","--option-298","--option-299"]"
      `);
  });

  test('are not cut within a character', () => {
    const text = '🚀'.repeat(200);
    const shown = diff(withApp({ user: `${text}b` }), HIDE, withApp({ user: `${text}a` }));
    expect(shown).toMatch(/- user: …(?:🚀){20}a"\n.*\+ user: …(?:🚀){20}b"$/su);
  });
});

test('misleading and control characters are escaped', () => {
  const changes = diff(withApp({ dockerLabels: { 'a\u001B[31m': 'x', 'b c': 'y' } }));
  expect(changes).toContain(String.raw`dockerLabels."a\u001b[31m": "x"`);
  expect(changes).not.toContain('\u001B');
  expect(diff(withApp({ user: 'a\u009Bb\u202Ec' }))).toContain(String.raw`"a\u009bb\u202ec"`);
});

describe('definitions have no changes exactly if they are the same', () => {
  const name = fc.constantFrom('environment', 'secrets', 'name', 'value', 'cpu', 'x', '__proto__');
  const { tree } = fc.letrec<{ tree: unknown; object: JsonObject }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<unknown>(null, 0, 1, '', 'a', true, false),
      tie('object'),
      fc.array(tie('tree'), { maxLength: 3 }),
    ),
    object: fc.dictionary(name, tie('tree'), { maxKeys: 4 }),
  }));
  const members = fc.dictionary(name, tree, { maxKeys: 4 });
  const entry = fc.record({ name: fc.constantFrom('A', 'B'), value: fc.constantFrom('', '1') });
  const container = fc
    .tuple(
      members,
      fc.constantFrom('app', 'agent', 'web'),
      fc.oneof(fc.array(entry, { maxLength: 4 }), tree),
    )
    .map(([rest, name, environment]) => ({ ...rest, name, environment }));
  const arbitrary = fc
    .tuple(members, fc.array(container, { minLength: 1, maxLength: 3 }))
    .map(([rest, containerDefinitions]) => ({ ...rest, family: 'app', containerDefinitions }));
  const pair = arbitrary.chain((one) =>
    fc.tuple(
      fc.constant(one),
      fc.oneof(
        arbitrary,
        container.map((last) => {
          const containerDefinitions = [...one.containerDefinitions.slice(0, -1), last];
          return { ...one, containerDefinitions };
        }),
      ),
    ),
  );

  test('for all definitions', () => {
    fc.assert(
      fc.property(pair, ([one, other]) => {
        const changes = diffDefinitions(one, other, HIDE);
        expect(changes.length === 0).toBe(sameDefinition(one, other));
        expect(diffDefinitions(one, structuredClone(one), HIDE)).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });
});
