import fc from 'fast-check';
import { expect, test } from 'vitest';
import { connect } from '../../src/aws/client.ts';
import { describeRevision, openEcs, registerDefinition } from '../../src/aws/ecs.ts';
import type { Ecs } from '../../src/aws/ecs.ts';
import { render } from '../../src/core/task-definition.ts';
import type { JsonObject } from '../../src/core/task-definition.ts';
import { makeWorld } from '../support/world.ts';

/** Texts as they stand in definitions: empty ones, `=`, quotes, every script. */
const text = fc.oneof(
  fc.constantFrom('', '=', 'a=b=c', '"', '\\', '\n', ' ', '${VAR}', '한글', '🚀', '\u2028'),
  fc.string({ unit: 'grapheme' }),
);
const name = fc.stringMatching(/^[A-Za-z_][\w.]{0,20}$/);

/** Members that no SDK knows, with any JSON in them. */
const newer = fc.dictionary(
  fc.stringMatching(/^newer[A-Z]\w{0,10}$/),
  fc.jsonValue({ maxDepth: 3 }),
  { maxKeys: 3 },
);

const entries = (value: string, size: fc.ArrayConstraints) =>
  fc.uniqueArray(
    fc.record({ name, value: text }).map((entry) => ({ name: entry.name, [value]: entry.value })),
    { selector: (entry) => entry.name, ...size },
  );
const environment = fc.oneof(
  { weight: 15, arbitrary: entries('value', { maxLength: 8 }) },
  {
    weight: 1,
    arbitrary: fc
      .array(text, { minLength: 1000, maxLength: 1000 })
      .map((values) => values.map((value, index) => ({ name: `V${index}`, value }))),
  },
);

/** Optional members are left out, not undefined: JSON has no such thing. */
const part = <T>(members: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(members, { requiredKeys: [] });

const container = fc
  .tuple(
    fc.stringMatching(/^[a-z][\w-]{0,15}$/),
    newer,
    part({
      command: fc.array(text, { maxLength: 4 }),
      entryPoint: fc.array(text, { maxLength: 3 }),
      dockerLabels: fc.dictionary(text, text, { maxKeys: 4 }),
      environment,
      secrets: entries('valueFrom', { maxLength: 3 }),
      ulimits: fc.array(part({ name, softLimit: fc.nat(), hardLimit: fc.nat() }), { maxLength: 2 }),
      logConfiguration: fc
        .tuple(fc.dictionary(text, text, { maxKeys: 3 }), newer)
        .map(([options, more]) => ({ ...more, logDriver: 'json-file', options })),
      portMappings: fc.array(part({ containerPort: fc.integer({ min: 1, max: 65535 }), name }), {
        maxLength: 2,
      }),
    }),
  )
  .map(([own, more, known]) => ({ ...more, ...known, name: own, image: 'registry/image:1' }));

const tags = fc.uniqueArray(fc.record({ key: name, value: text }), {
  selector: ({ key }) => key,
  maxLength: 3,
});

const definition = fc
  .tuple(
    fc.uniqueArray(container, { selector: (item) => item.name, minLength: 1, maxLength: 4 }),
    newer,
    tags,
  )
  .map(
    ([containerDefinitions, more, own]): JsonObject =>
      // As it is on the wire: no negative zero, no undefined.
      JSON.parse(
        JSON.stringify({
          ...more,
          family: 'faithful',
          memory: '512',
          containerDefinitions,
          ...(own.length > 0 && { tags: own }),
        }),
      ) as JsonObject,
  );

/** What is asked: positions stand for containers and entries that are there, or for new names. */
const wishes = fc.record({
  ours: fc.nat(),
  sidecar: fc.nat(),
  set: fc.option(fc.nat(), { nil: undefined }),
  secret: fc.option(fc.nat(), { nil: undefined }),
  unset: fc.option(fc.nat(), { nil: undefined }),
  value: text,
});

interface Item {
  name: string;
  [value: string]: unknown;
}
interface Container extends Item {
  image: string;
  environment?: Item[];
  secrets?: Item[];
}

/** Sets an entry where it stands, else at the end. */
function put(list: Item[], entry: Item): Item[] {
  const at = list.findIndex((item) => item.name === entry.name);
  if (at < 0) return [...list, entry];
  return list.map((item, index) => (index === at ? { ...item, ...entry } : item));
}

const without = (list: Item[], unwanted: string) => list.filter((item) => item.name !== unwanted);

async function registerAndDescribe(ecs: Ecs, source: JsonObject): Promise<JsonObject> {
  const { arn } = await registerDefinition(ecs, source, () => undefined);
  return (await describeRevision(ecs, arn)).definition;
}

test('render, register and describe change what was asked, and nothing else', async () => {
  const world = await makeWorld();
  const environmentOfRun = { ...world.sandbox.environment };
  Object.assign(process.env, environmentOfRun);
  const aws = await connect({
    profile: undefined,
    region: 'ap-northeast-2',
    environment: environmentOfRun,
    ask: undefined,
    onCall: () => undefined,
    signal: new AbortController().signal,
  });
  const ecs = await openEcs(aws);
  await fc.assert(
    fc.asyncProperty(definition, wishes, async (source, wish) => {
      const before = await registerAndDescribe(ecs, source);
      expect(before).toMatchObject(source);
      const containers = before['containerDefinitions'] as Container[];
      const ours = containers[wish.ours % containers.length];
      const sidecar = containers[wish.sidecar % containers.length];
      if (ours === undefined || sidecar === undefined) throw new Error('no container');
      const isOther = sidecar !== ours;
      const pick = (list: Item[] | undefined, at: number | undefined, fresh: string) =>
        at === undefined ? undefined : (list?.[at % (list.length + 1)]?.name ?? fresh);
      const set = pick(ours.environment, wish.set, 'NEW_PLAIN');
      const secret = pick(ours.environment, wish.secret, 'NEW_SECRET');
      const unset = pick(ours.secrets, wish.unset, 'NOT_THERE');
      const named = [set, secret, unset].filter((item) => item !== undefined);
      fc.pre(new Set(named).size === named.length);

      const after = await registerAndDescribe(
        ecs,
        render(before, {
          containers: [ours.name],
          image: 'registry/image:2',
          images: isOther ? { [sidecar.name]: 'registry/sidecar:2' } : {},
          setEnv: set === undefined ? {} : { [set]: wish.value },
          setSecret: secret === undefined ? {} : { [secret]: '/a/parameter' },
          unsetEnv: unset === undefined ? [] : [unset],
        }),
      );

      const expected = structuredClone(before) as { containerDefinitions: Container[] };
      for (const item of expected.containerDefinitions) {
        if (isOther && item.name === sidecar.name) item.image = 'registry/sidecar:2';
        if (item.name !== ours.name) continue;
        item.image = 'registry/image:2';
        let [plain, hidden] = [item.environment ?? [], item.secrets ?? []];
        if (set !== undefined) {
          plain = put(plain, { name: set, value: wish.value });
          hidden = without(hidden, set);
        }
        if (secret !== undefined) {
          hidden = put(hidden, { name: secret, valueFrom: '/a/parameter' });
          plain = without(plain, secret);
        }
        if (unset !== undefined) [plain, hidden] = [without(plain, unset), without(hidden, unset)];
        if (item.environment !== undefined || plain.length > 0) item.environment = plain;
        if (item.secrets !== undefined || hidden.length > 0) item.secrets = hidden;
      }
      expect(after).toEqual(expected);
    }),
    { numRuns: 150 },
  );
});
