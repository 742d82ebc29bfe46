import { expect, test } from 'vitest';
import { definitionShape } from '../../src/aws/definition-shape.ts';
import { checkMembers, withoutEmpty } from '../../src/core/members.ts';
import type { Shape } from '../../src/core/members.ts';
import type { JsonObject } from '../../src/core/task-definition.ts';

const shape = await definitionShape();

test.each([
  [{ containerDefinition: [] }, 'containerDefinition', 'containerDefinitions'],
  [{ Family: 'app' }, 'Family', 'family'],
  [{ network_mode: 'awsvpc' }, 'network_mode', 'networkMode'],
  [{ volume: [] }, 'volume', 'volumes'],
  [{ containerDefinitions: [{ Image: 'x' }] }, 'containerDefinitions[0].Image', 'image'],
  [{ containerDefinitions: [{ naem: 'x' }] }, 'containerDefinitions[0].naem', 'name'],
  [
    { containerDefinitions: [{}, { enviroment: [] }] },
    'containerDefinitions[1].enviroment',
    'environment',
  ],
  [{ containerDefinitions: [{ env: [] }] }, 'containerDefinitions[0].env', 'environment'],
  [
    { containerDefinitions: [{ portMapping: [] }] },
    'containerDefinitions[0].portMapping',
    'portMappings',
  ],
  [
    { containerDefinitions: [{ logConfigration: {} }] },
    'containerDefinitions[0].logConfigration',
    'logConfiguration',
  ],
  [
    { containerDefinitions: [{ logConfiguration: { option: {} } }] },
    'containerDefinitions[0].logConfiguration.option',
    'options',
  ],
  [
    { containerDefinitions: [{ secrets: [{ name: 'A', valuefrom: 'x' }] }] },
    'containerDefinitions[0].secrets[0].valuefrom',
    'valueFrom',
  ],
  [
    { volumes: [{ efsVolumeConfiguration: { filesystemId: 'fs-1' } }] },
    'volumes[0].efsVolumeConfiguration.filesystemId',
    'fileSystemId',
  ],
])('%j is misspelt', (definition, path, meant) => {
  expect(checkMembers(definition, shape)).toEqual({ unknown: [{ path, meant }], mistyped: [] });
});

test.each([
  [{ memberOfTheFuture: { image: [{ enviroment: 1 }] } }, 'memberOfTheFuture'],
  [{ containerDefinitions: [{ gpuSharing: true }] }, 'containerDefinitions[0].gpuSharing'],
  [{ 'a b\u001B': 1 }, String.raw`"a b\u001b"`],
])('%j is unknown and possibly newer than the SDK', (definition, path) => {
  expect(checkMembers(definition, shape)).toEqual({
    unknown: [{ path, meant: undefined }],
    mistyped: [],
  });
});

test('map keys and null are never deviations', () => {
  const options = { enviroment: 'x', Image: 'y' };
  const definition = {
    cpu: null,
    containerDefinitions: [
      {
        dockerLabels: options,
        logConfiguration: { options },
        firelensConfiguration: { options },
      },
    ],
    volumes: [{ dockerVolumeConfiguration: { driverOpts: options, labels: options } }],
  };
  expect(checkMembers(definition, shape)).toEqual({ unknown: [], mistyped: [] });
});

test('wrong types are reported with the expected and the actual type, without the value', () => {
  const { mistyped } = checkMembers(
    {
      memory: 512,
      containerDefinitions: [
        {
          cpu: '256',
          essential: 'true',
          environment: { A: 'confidential' },
          command: 'npm start',
          secrets: [{ name: 'A', valueFrom: ['x'] }],
          portMappings: [8080],
          dockerLabels: [{ name: 'a', value: 'b' }],
          user: true,
        },
        { environment: [{ name: 'PORT', value: 8080 }] },
        'app',
      ],
      runtimePlatform: 'LINUX/X86_64',
    },
    shape,
  );
  expect(mistyped.join('\n')).toMatchInlineSnapshot(`
    "memory: must be a string, but is a number: put it in quotes
    containerDefinitions[0].cpu: must be a number, but is a string: leave the quotes out
    containerDefinitions[0].essential: must be true or false, but is a string: leave the quotes out
    containerDefinitions[0].environment: must be a list such as [{ "name": …, "value": … }], but is an object
    containerDefinitions[0].command: must be a list such as ["…"], but is a string
    containerDefinitions[0].secrets[0].valueFrom: must be a string, but is a list
    containerDefinitions[0].portMappings[0]: must be an object, but is a number
    containerDefinitions[0].dockerLabels: must be an object, but is a list
    containerDefinitions[0].user: must be a string, but is true or false: put it in quotes
    containerDefinitions[1].environment[0].value: must be a string, but is a number: put it in quotes
    containerDefinitions[2]: must be an object, but is a string
    runtimePlatform: must be an object, but is a string"
  `);
});

/** Every member of a shape by its path, e.g. `volumes.name`, with its empty value. */
function emptyMembers(at: Shape, path = ''): [path: string, empty: unknown][] {
  const inner = at.kind === 'list' ? at.of : at;
  const members =
    inner.kind === 'structure'
      ? [...inner.members].flatMap(([name, member]) =>
          emptyMembers(member, path === '' ? name : `${path}.${name}`),
        )
      : [];
  const empty = { list: [], map: {}, structure: {}, string: '' }[at.kind as string];
  return empty === undefined || path === '' ? members : [[path, empty], ...members];
}

/** A definition in which the member at the path has the value, and all above it hold something. */
function definitionWith(path: string, value: unknown): JsonObject {
  const [first = '', ...rest] = path.split('.');
  const build = (at: Shape, names: readonly string[]): unknown => {
    const [name = '', ...below] = names;
    if (at.kind === 'list') return [build(at.of, names)];
    const member = at.kind === 'structure' ? at.members.get(name) : undefined;
    const inner = below.length === 0 || member === undefined ? value : build(member, below);
    return { futureMember: '', [name]: inner };
  };
  return build(shape, [first, ...rest]) as JsonObject;
}

/** Members whose empty value is sent. */
const SENT = [
  'family',
  'containerDefinitions.name',
  'containerDefinitions.image',
  'containerDefinitions.environment.value',
  'containerDefinitions.environmentFiles.value',
  'containerDefinitions.resourceRequirements.value',
  'containerDefinitions.systemControls.value',
  'proxyConfiguration.properties.value',
  'tags',
  'tags.value',
  'volumes.name',
  'volumes.host',
  'volumes.dockerVolumeConfiguration',
  'volumes.efsVolumeConfiguration',
  'volumes.s3filesVolumeConfiguration',
  'volumes.fsxWindowsFileServerVolumeConfiguration',
];

const EMPTY = emptyMembers(shape);

test('the model has the members that this table is about', () => {
  const paths = EMPTY.map(([path]) => path);
  expect(paths.length).toBeGreaterThan(100);
  expect(SENT.filter((path) => !paths.includes(path))).toEqual([]);
});

test.each(EMPTY)(
  '%s with the empty value %j is left out, or sent as the table says',
  (path, empty) => {
    const definition = definitionWith(path, empty);
    const without = definitionWith(path, undefined);
    const expected = SENT.includes(path) ? definition : JSON.parse(JSON.stringify(without));
    expect(withoutEmpty(definition, shape)).toEqual(expected);
    // A member that this SDK does not know is nobody's to change.
    expect(withoutEmpty({ future: { [path]: empty } }, shape)).toEqual({
      future: { [path]: empty },
    });
  },
);

test('keys of maps, items of lists and numbers keep their empty values', () => {
  const definition = {
    containerDefinitions: [
      {
        cpu: 0,
        essential: false,
        command: ['sh', '-c', ''],
        dockerLabels: { label: '' },
        logConfiguration: { logDriver: 'awsfirelens', options: { Header: '' } },
      },
    ],
    volumes: [
      { name: 'a', dockerVolumeConfiguration: { labels: { a: '' }, driverOpts: { b: '' } } },
    ],
  };
  expect(withoutEmpty(definition, shape)).toEqual(definition);
});

test('an object that holds nothing but empty members is left out', () => {
  const containerDefinitions = [
    {
      name: 'a',
      repositoryCredentials: { credentialsParameter: '' },
      logConfiguration: { options: {} },
    },
  ];
  expect(withoutEmpty({ containerDefinitions, memory: null }, shape)).toEqual({
    containerDefinitions: [{ name: 'a' }],
  });
});
