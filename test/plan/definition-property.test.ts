import { devNull } from 'node:os';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { connect } from '../../src/aws/client.ts';
import { definitionShape } from '../../src/aws/definition-shape.ts';
import { openEcs } from '../../src/aws/ecs.ts';
import type { Ecs } from '../../src/aws/ecs.ts';
import { describeRevision, registerDefinition } from '../../src/aws/revisions.ts';
import { brokenRules } from '../../src/core/definition-rules.ts';
import type { Shape } from '../../src/core/members.ts';
import type { JsonObject } from '../../src/core/task-definition.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { renderDefinition } from '../../src/plan/render.ts';
import { callEcs, describeDefinition } from '../support/ecs-wire.ts';
import type { Described } from '../support/ecs-wire.ts';

let sandbox: Sandbox;
let ecs: Ecs;

beforeAll(async () => {
  sandbox = await startSandbox({ speed: 60, scenarios: [] });
  const environment = {
    ...sandbox.environment,
    AWS_CONFIG_FILE: devNull,
    AWS_SHARED_CREDENTIALS_FILE: devNull,
  };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const aws = await connect({
    profile: undefined,
    region: 'ap-northeast-2',
    environment,
    ask: undefined,
    onCall: () => undefined,
    signal: new AbortController().signal,
  });
  ecs = await openEcs(aws);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await sandbox.close();
});

const FAMILY = 'property';
const text = fc.oneof(
  fc.constantFrom('', ' ', 'a=b', '=', '🚀', 'é', '\u0000', '"\\', '__proto__', 'null'),
  fc.string({ unit: 'binary', maxLength: 12 }),
);
const number = fc.oneof(fc.integer({ min: 0 }), fc.constant(0.5));
const future = fc.dictionary(
  fc.stringMatching(/^future[A-Z][a-z]{0,5}$/),
  fc.jsonValue({ maxDepth: 2 }),
  { maxKeys: 2 },
);

const pairs = (member: string, prefix: string) =>
  fc.uniqueArray(
    fc
      .tuple(text, text, future)
      .map(([name, value, rest]) => ({ ...rest, name: `${prefix}${name}`, [member]: value })),
    { selector: ({ name }) => name, maxLength: 6 },
  );

const hundreds = text.map((value) =>
  Array.from({ length: 300 }, (_, index) => ({ name: `E_${index}`, value: `${value}${index}` })),
);

/** What ECS checks, or what would need more than one member to agree; all else is arbitrary. */
const CHECKED: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  '.family': fc.constant(FAMILY),
  '.networkMode': fc.constantFrom('bridge', 'awsvpc', 'host', 'none'),
  '.requiresCompatibilities': fc.constantFrom([], ['EC2'], ['EXTERNAL', 'FUTURE']),
  '.cpu': fc.constantFrom('256', '1024'),
  '.memory': fc.constantFrom('512', '2048'),
  '.tags': fc.uniqueArray(fc.record({ key: fc.string({ minLength: 1 }), value: text }), {
    selector: ({ key }) => key,
    minLength: 1,
    maxLength: 3,
  }),
  '.executionRoleArn': fc.constantFrom('role', 'ecs/role'),
  '.taskRoleArn': fc.constantFrom('role', 'ecs/role'),
  '.containerDefinitions.portMappings.name': fc.constantFrom('web', 'admin'),
  '.containerDefinitions.image': fc.stringMatching(/^[a-z]{1,8}:[a-z0-9]{1,8}$/),
  '.containerDefinitions.memory': fc.integer({ min: 4, max: 4096 }),
  '.containerDefinitions.dependsOn': fc.constant([]),
  '.containerDefinitions.essential': fc.constant(true),
  '.containerDefinitions.environment': fc.oneof(
    { weight: 15, arbitrary: pairs('value', 'E_') },
    { weight: 1, arbitrary: hundreds },
  ),
  '.containerDefinitions.secrets': pairs('valueFrom', 'S_'),
  '.containerDefinitions.portMappings.hostPort': fc.constant(0),
  '.containerDefinitions.logConfiguration.logDriver': fc.constantFrom('json-file', 'futureDriver'),
};

/** Anything of a shape, with members that no SDK knows in every structure. */
function arbitraryOf(shape: Shape, path = ''): fc.Arbitrary<unknown> {
  const checked = CHECKED[path];
  if (checked !== undefined) return checked;
  switch (shape.kind) {
    case 'structure': {
      const members = [...shape.members].map(
        ([name, member]) => [name, arbitraryOf(member, `${path}.${name}`)] as const,
      );
      return fc
        .tuple(
          fc.record(Object.fromEntries(members), { requiredKeys: [...(NEEDED[path] ?? [])] }),
          future,
        )
        .map(([known, unknown]) => ({ ...known, ...unknown }));
    }
    case 'list':
      return path === '.containerDefinitions'
        ? fc
            .array(arbitraryOf(shape.of, path), { minLength: 1, maxLength: 4 })
            .map((items) =>
              items.map((item, index) => ({ ...(item as object), name: `c${index}` })),
            )
        : fc.array(arbitraryOf(shape.of, path), { maxLength: 2 });
    case 'map':
      return fc.dictionary(text, arbitraryOf(shape.of, `${path}.*`), { maxKeys: 3 });
    case 'number':
      return number;
    case 'boolean':
      return fc.boolean();
    default:
      return text;
  }
}

const NEEDED: Readonly<Record<string, readonly string[]>> = {
  '': ['family', 'containerDefinitions', 'executionRoleArn', 'tags'],
  '.containerDefinitions': ['image', 'memory'],
};

/** A definition without the members, or the entries of lists, that ECS would refuse. */
function acceptable(definition: JsonObject): JsonObject {
  const repaired = structuredClone(definition);
  let last = '';
  for (let turn = 0; ; turn += 1) {
    const rule = refused(repaired);
    if (rule === undefined) return repaired;
    if (turn > 500) throw new Error(`${rule.path}: ${rule.text}`);
    const path = rule.path.split(/[.[\]]+/).filter((part) => part !== '');
    // What is wrong without the member, too, is wrong with its owner.
    if (`${rule.path}${rule.text}` === last) path.pop();
    last = `${rule.path}${rule.text}`;
    const member = path.pop() ?? '';
    const owner = path.reduce((part, name) => (part as JsonObject)[name], repaired as unknown);
    if (Array.isArray(owner)) owner.splice(Number(member), 1);
    else Reflect.deleteProperty(owner as object, member);
  }
}

const refused = (definition: JsonObject) =>
  brokenRules(definition).find(({ isCertain }) => isCertain);

interface Named extends JsonObject {
  readonly name: string;
}

const listOf = (container: JsonObject, member: string) =>
  (container[member] ?? []) as readonly Named[];

/** What somebody may ask for, of the containers of a definition. */
function arbitraryEdit({ containerDefinitions }: Described['taskDefinition']) {
  const names = containerDefinitions.map(({ name }) => String(name));
  const variables = containerDefinitions.flatMap((container) =>
    [...listOf(container, 'environment').slice(0, 5), ...listOf(container, 'secrets')].map(
      ({ name }) => name,
    ),
  );
  const variable = fc.constantFrom(...variables, 'NEW', 'ANOTHER', '__proto__');
  return fc
    .record({
      image: fc.option(fc.constant('app:next'), { nil: undefined }),
      container: fc.subarray(names),
      others: fc.dictionary(fc.constantFrom(...names), fc.constantFrom('side:1', 'side:2')),
      said: fc.uniqueArray(fc.tuple(variable, fc.constantFrom('set', 'secret', 'unset'), text), {
        selector: ([name]) => name,
        maxLength: 5,
      }),
      replaceEnv: fc.boolean(),
      setCommand: fc.option(fc.array(text, { maxLength: 3 }), { nil: undefined }),
      setCpu: fc.constantFrom(undefined, '512'),
      setMemory: fc.constantFrom(undefined, '4096'),
      setTaskRole: fc.constantFrom(undefined, 'other'),
      setExecutionRole: fc.constantFrom(undefined, 'other'),
      setTags: fc.dictionary(fc.constantFrom('team', 'a b', '__proto__'), text),
    })
    .map(({ image, container, others, said, ...members }) => {
      const of = (kind: string) => said.filter(([, given]) => given === kind);
      const valuesOf = (kind: string) =>
        Object.fromEntries(of(kind).map(([name, , value]) => [name, value]));
      return {
        image,
        container,
        containerImages: Object.fromEntries(
          Object.entries(others).filter(([name]) => !container.includes(name)),
        ),
        setEnv: valuesOf('set'),
        setSecrets: Object.fromEntries(
          of('secret').map(([name, , value]) => [name, value === '' ? 'parameter' : value]),
        ),
        unsetEnv: of('unset').map(([name]) => name),
        ...members,
      };
    });
}

type AskedEdit = ReturnType<typeof arbitraryEdit> extends fc.Arbitrary<infer T> ? T : never;

/** The container that was asked for: entries keep their places, new ones come last. */
function asked(container: JsonObject, edit: AskedEdit): JsonObject {
  const name = String(container['name']);
  if (!edit.container.includes(name)) {
    return Object.hasOwn(edit.containerImages, name)
      ? { ...container, image: edit.containerImages[name] }
      : container;
  }
  const list = (member: string, value: string, set: JsonObject, other: JsonObject) => {
    const entries = new Map(listOf(container, member).map((entry) => [entry.name, entry]));
    const others = member === 'environment' && edit.replaceEnv ? [...entries.keys()] : [];
    for (const gone of [...edit.unsetEnv, ...Object.keys(other), ...others]) {
      if (!Object.hasOwn(set, gone)) entries.delete(gone);
    }
    for (const [key, given] of Object.entries(set)) {
      entries.set(key, { ...entries.get(key), name: key, [value]: given });
    }
    return container[member] === undefined && entries.size === 0
      ? {}
      : { [member]: [...entries.values()] };
  };
  const { command, ...rest } = container;
  const commanded = edit.setCommand ?? (command as readonly string[] | undefined) ?? [];
  return {
    ...(edit.setCommand === undefined ? container : rest),
    ...(commanded.length > 0 && { command: commanded }),
    ...(edit.image !== undefined && { image: edit.image }),
    ...list('environment', 'value', edit.setEnv, edit.setSecrets),
    ...list('secrets', 'valueFrom', edit.setSecrets, edit.setEnv),
  };
}

/** The members of the task that were asked for. */
function askedOfTask(edit: AskedEdit): JsonObject {
  const members = {
    cpu: edit.setCpu,
    memory: edit.setMemory,
    taskRoleArn: edit.setTaskRole,
    executionRoleArn: edit.setExecutionRole,
  };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** The tags that were asked for: the others keep their places, new ones come last. */
function askedTags(tags: unknown, { setTags }: AskedEdit): JsonObject[] {
  const entries = new Map((tags as JsonObject[]).map((tag) => [String(tag['key']), tag]));
  for (const [key, value] of Object.entries(setTags)) {
    entries.set(key, { ...entries.get(key), key, value });
  }
  return [...entries.values()];
}

/** The paths of what one has and the other has not, or has otherwise; list indices left out. */
function beyond(one: unknown, other: unknown, path = ''): string[] {
  if (typeof one !== 'object' || one === null || typeof other !== 'object' || other === null) {
    return Object.is(one, other) ? [] : [path];
  }
  if (Array.isArray(one)) {
    if (!Array.isArray(other) || other.length < one.length) return [path];
    return one.flatMap((item, index) => beyond(item, other[index], path));
  }
  return Object.entries(one).flatMap(([name, item]) =>
    Object.hasOwn(other, name)
      ? beyond(item, (other as JsonObject)[name], `${path}.${name}`)
      : [`${path}.${name}`],
  );
}

/**
 * What ECS adds to a registered definition
 * (docs/explanation/how-ecs-behaves.md#what-ecs-adds-to-a-task-definition).
 */
const ADDED = new Set(
  [
    ...'taskDefinitionArn revision status requiresAttributes compatibilities registeredAt'.split(
      ' ',
    ),
    ...'registeredBy volumes placementConstraints'.split(' '),
    ...'cpu essential environment mountPoints volumesFrom portMappings systemControls'
      .concat(' portMappings.protocol portMappings.hostPort')
      .concat(' healthCheck.interval healthCheck.timeout healthCheck.retries')
      .split(' ')
      .map((member) => `containerDefinitions.${member}`),
  ].map((path) => `.${path}`),
);

test('render, register and describe change exactly what was asked, whatever a definition holds', async () => {
  const source = arbitraryOf(await definitionShape()) as fc.Arbitrary<JsonObject>;
  await fc.assert(
    fc.asyncProperty(source, fc.nat(), async (arbitrary, seed) => {
      const registered = acceptable(JSON.parse(JSON.stringify(arbitrary)) as JsonObject);
      const { tags, ...definition } = registered;
      await callEcs(sandbox, 'RegisterTaskDefinition', registered);
      const before = await describeDefinition(sandbox, FAMILY);
      expect(before.tags).toEqual(tags);
      expect(beyond(definition, before.taskDefinition)).toEqual([]);
      expect(beyond(before.taskDefinition, definition).filter((path) => !ADDED.has(path))).toEqual(
        [],
      );

      const [edit] = fc.sample(arbitraryEdit(before.taskDefinition), { seed, numRuns: 1 });
      if (edit === undefined) throw new Error('no edit');
      const revision = await describeRevision(ecs, FAMILY);
      const draft = renderDefinition(edit, revision.definition, edit.image);
      // A size that was asked for can be too small for the containers.
      if (refused(draft) !== undefined) return;
      const { arn } = await registerDefinition(ecs, draft, () => undefined);

      const after = await describeDefinition(sandbox, arn);
      expect(after.tags).toEqual(askedTags(before.tags, edit));
      expect(after.taskDefinition).toEqual({
        ...before.taskDefinition,
        ...askedOfTask(edit),
        taskDefinitionArn: arn,
        revision: Number(before.taskDefinition['revision']) + 1,
        registeredAt: expect.any(Number),
        // They follow from the roles.
        requiresAttributes: expect.any(Array),
        containerDefinitions: before.taskDefinition.containerDefinitions.map((container) =>
          asked(container, edit),
        ),
      });
    }),
    { numRuns: 150 },
  );
}, 60_000);
