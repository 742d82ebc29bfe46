// Writes src/sandbox/model.ts, the inputs that the sandbox's APIs take: from the service models of
// botocore (python3 must find it), and, where they are newer, from the SDKs that are installed here.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { NormalizedSchema } from '@smithy/core/schema';

/** The operations of each API; all of them where there is no pattern. */
const APIS = {
  ecs: ['client-ecs'],
  ecr: ['client-ecr'],
  logs: [
    'client-cloudwatch-logs',
    /^(Create|Delete|Describe|Put|Tag|Untag|List).*(Log(Group|Stream|Event)s?|RetentionPolicy|(For)?Resource)$|LogEvents$/,
  ],
  secretsmanager: ['client-secrets-manager', /^(Create|Delete|Describe)Secret$/],
  codedeploy: [
    'client-codedeploy',
    /^((Create|Get|List|BatchGet)(Application|DeploymentGroup|DeploymentConfig|Deployment|DeploymentTarget)s?|(Register|Get)ApplicationRevision|(Stop|Continue)Deployment|PutLifecycleEventHookExecutionStatus)$/,
  ],
  ssm: ['client-ssm', /^(PutParameter|DescribeParameters)$/],
  events: [
    'client-eventbridge',
    /^(ListEventBuses|CreateEventBus|(Put|Describe)Rule|ListRules|ListRuleNamesByTarget|(List|Put|Remove)Targets(ByRule)?)$/,
  ],
};

/** Rules that an API has and its model lacks. */
const MISSING = { ecr: { ImageTag: { pattern: '[a-zA-Z0-9-_.]+' } } };

const LETTERS = {
  string: 's',
  integer: 'n',
  long: 'n',
  double: 'n',
  float: 'n',
  boolean: 'b',
  timestamp: 't',
  blob: 'x',
};

const [version, folder] = execFileSync(
  'python3',
  ['-c', 'import botocore; print(botocore.__version__); print(botocore.__path__[0])'],
  { encoding: 'utf8' },
).split('\n');

const tables = [];
for (const [api, [sdkName, wanted = /./]] of Object.entries(APIS)) {
  const versions = readdirSync(join(folder, 'data', api)).toSorted();
  const packed = join(folder, 'data', api, versions.at(-1), 'service-2.json.gz');
  const { operations, shapes } = JSON.parse(gunzipSync(readFileSync(packed)).toString('utf8'));
  const sdk = await import(`@aws-sdk/${sdkName}`);
  const lines = new Map();

  /** A line for a shape of the service model, and for each that it names. */
  const add = (name) => {
    const shape = { ...shapes[name], ...MISSING[api]?.[name] };
    const isPlain = !['min', 'max', 'pattern', 'enum'].some((rule) => rule in shape);
    if (shape.type in LETTERS && isPlain) return LETTERS[shape.type];
    if (lines.has(name)) return name;
    lines.set(name, '');
    const range = `${shape.min ?? '-'} ${shape.max ?? '-'}`;
    const known = Object.values(sdk[name] ?? {});
    if (shape.type === 'structure') {
      const members = Object.entries(shape.members).map(([member, { shape: type }]) => [
        member,
        `${shape.required?.includes(member) ? '!' : ''}${member}:${add(type)}`,
      ]);
      const newer = [...membersOf(sdk[`${name}$`])].filter(
        ([member]) => !(member in shape.members),
      );
      lines.set(name, `{ ${[...members, ...newer].map(([, text]) => text).join(' ')}`);
    } else if (shape.type === 'list') lines.set(name, `[ ${add(shape.member.shape)} ${range}`);
    else if (shape.type === 'map') lines.set(name, `< ${add(shape.value.shape)} ${range}`);
    else if (shape.enum) lines.set(name, `= ${[...new Set([...shape.enum, ...known])].join(' ')}`);
    else lines.set(name, `${LETTERS[shape.type]} ${range} ${shape.pattern ?? ''}`.trimEnd());
    return name;
  };

  /** The members of a structure as the SDK has them. */
  const membersOf = function* (schema) {
    if (schema === undefined) return;
    for (const [member, type] of NormalizedSchema.of(schema).structIterator()) {
      yield [member, { toString: () => `${member}:${addNewer(type)}` }];
    }
  };

  /** A line for a shape that only the SDK has. */
  const addNewer = (schema) => {
    if (schema.isStringSchema()) return 's';
    if (schema.isNumericSchema()) return 'n';
    if (schema.isBooleanSchema()) return 'b';
    if (schema.isTimestampSchema()) return 't';
    if (schema.isBlobSchema()) return 'x';
    const name = schema.getName();
    if (name in shapes) return add(name);
    if (schema.isListSchema()) {
      const of = addNewer(schema.getValueSchema());
      const list = name === schema.getMemberName?.() ? `${of}List` : name;
      lines.set(list, `[ ${of} - -`);
      return list;
    }
    if (schema.isMapSchema()) throw new Error(`a map that only the SDK has: ${name}`);
    if (!lines.has(name)) {
      lines.set(name, '');
      lines.set(name, `{ ${[...membersOf(sdk[`${name}$`])].map(([, text]) => text).join(' ')}`);
    }
    return name;
  };

  for (const [operation, { input }] of Object.entries(operations).toSorted()) {
    if (!wanted.test(operation)) continue;
    if (input === undefined) lines.set(`${operation}Request`, '{ ');
    else {
      add(input.shape);
      lines.set(`${operation}Request`, lines.get(input.shape));
      if (input.shape !== `${operation}Request`) lines.delete(input.shape);
    }
  }
  const text = [...lines].toSorted(([a], [b]) => (a < b ? -1 : 1));
  tables.push([api, text.map(([name, line]) => `${name} ${line}`.trimEnd()).join('\n')]);
}

writeFileSync(
  'src/sandbox/model.ts',
  [
    `// Written by scripts/model.js from the service models of botocore ${version}: do not edit.`,
    '',
    '/**',
    ' * The inputs of each API, a shape a line: its name, its kind, and what belongs to the kind.',
    ' * `{` structure: members as `name:shape`, `!` where ECS and the others require it; `[` list and `<`',
    ' * map: shape of an item, least and most items; `=` string: its values; `s` string and `n` number:',
    ' * least and most length or value, pattern; `b` boolean, `t` timestamp, `x` bytes.',
    ' */',
    'export const MODELS: Readonly<Record<string, string>> = {',
    ...tables.map(([api, text]) => `  ${api}: String.raw\`\n${text}\n\`,`),
    '};',
    '',
  ].join('\n'),
);
