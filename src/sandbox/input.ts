// What the AWS APIs refuse before an operation looks at its input: JSON of a wrong type, and values that
// the service model does not allow.

import { MODELS } from './model.ts';

/** A shape of a service model, as src/sandbox/model.ts writes it. */
type Shape =
  | { readonly kind: 'structure'; readonly members: ReadonlyMap<string, Member> }
  | (Range & { readonly kind: 'list' | 'map'; readonly of: string })
  | (Range & { readonly kind: 'string' | 'number'; readonly pattern?: string })
  | { readonly kind: 'enum'; readonly values: readonly string[] }
  | { readonly kind: 'boolean' | 'timestamp' | 'bytes' };

interface Member {
  readonly shape: string;
  readonly isRequired: boolean;
}

interface Range {
  readonly least: number;
  readonly most: number;
}

type Shapes = ReadonlyMap<string, Shape>;

/** Why an input is refused. */
export interface Refusal {
  readonly exception: string;
  readonly message: string;
}

interface Place {
  /** E.g. `imageIds.1.member.imageTag`. */
  readonly path: string;
  readonly member: string;
  /** Of an item of a list or a map: the name of its shape. */
  readonly item?: string;
}

/** A value that the model does not allow. */
interface Violation extends Place {
  readonly value: unknown;
  /** In the words of AWS's frameworks, after "Member". */
  readonly constraint: string;
  readonly values?: readonly string[];
}

/** The exception and the text of an API for values that its model does not allow. */
type Dialect = (violations: readonly [Violation, ...Violation[]]) => Refusal;

const framework =
  (exception: string): Dialect =>
  (violations) => {
    const errors = violations.map(
      ({ path, value, constraint }) =>
        `Value ${value === undefined ? 'null' : `'${textOf(value)}'`} at '${path}' failed to satisfy constraint: Member ${constraint}`,
    );
    const count = `${errors.length} validation error${errors.length === 1 ? '' : 's'}`;
    return { exception, message: `${count} detected: ${errors.join('; ')}` };
  };

/** CodeDeploy is not among them: it has an exception for each member, which its operations throw. */
const DIALECTS: Readonly<Record<string, Dialect>> = {
  // "subnets can not be empty.", "include should be one of [ATTACHMENTS,SETTINGS,STATISTICS,TAGS]",
  // "Cluster must match ^[a-zA-Z0-9\-_]{1,255}$, but was …" are texts of ECS.
  ecs: ([{ path, member, value, values, constraint }]) => {
    const exception = 'InvalidParameterException';
    if (/lifecycleHooks.*targetType$/.test(path)) {
      const message = `Invalid targetType. Valid values are: ${values?.join(', ')}`;
      return { exception, message };
    }
    const rule =
      value === undefined
        ? 'can not be empty.'
        : values === undefined
          ? `${constraint}, but was ${textOf(value)}`
          : `should be one of [${values.toSorted().join(',')}]`;
    return { exception, message: `${member} ${rule}` };
  },
  // "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular
  // expression '…''" is a text of ECR, which names an item by its shape.
  ecr: ([{ member, item = member, constraint }]) => ({
    exception: 'InvalidParameterException',
    message: `Invalid parameter at '${decapitalised(item)}' failed to satisfy constraint: '${constraint.replace(' pattern:', '').replace(/expression (.*)/, "expression '$1'")}'`,
  }),
  logs: framework('InvalidParameterException'),
  secretsmanager: framework('ValidationException'),
  ssm: framework('ValidationException'),
  events: framework('ValidationException'),
};

/**
 * Operations whose values are checked by rules of their own, which have texts of their own. Members
 * that the model does not have stay in their input: a definition may be newer than the model.
 */
const OWN_RULES = new Set(['RegisterTaskDefinition']);

/**
 * Reads the input of an operation: without members that are null, which means the same as no member,
 * and without those that the API does not have. An API without a model takes everything.
 */
export function readInput(
  api: string,
  operation: string,
  raw: unknown,
): { readonly input: Record<string, unknown>; readonly refusal?: Refusal | undefined } {
  const shapes = shapesOf(api);
  const root = `${operation}Request`;
  if (!isObject(raw)) return { input: {}, refusal: mistyped(typeMismatch('structure', raw)) };
  if (!shapes.has(root)) return { input: raw };
  const violations: Violation[] = [];
  const isOwn = OWN_RULES.has(operation);
  try {
    const input = new Reader(shapes, violations, isOwn).read(root, raw, {
      path: '',
      member: '',
    }) as typeof raw;
    const [first, ...others] = isOwn ? [] : violations;
    return { input, refusal: first && DIALECTS[api]?.([first, ...others]) };
  } catch (error) {
    if (!(error instanceof TypeMismatch)) throw error;
    return { input: raw, refusal: mistyped(error.message) };
  }
}

/** Whether the model of an API has an operation. */
export const hasModel = (api: string, operation: string): boolean =>
  shapesOf(api).has(`${operation}Request`);

/** The refusal of JSON that the operation cannot read. */
const mistyped = (message: string): Refusal => ({ exception: 'SerializationException', message });

class TypeMismatch extends Error {}

class Reader {
  readonly #shapes: Shapes;
  readonly #violations: Violation[];

  readonly #keepsUnknown: boolean;

  constructor(shapes: Shapes, violations: Violation[], keepsUnknown: boolean) {
    this.#shapes = shapes;
    this.#violations = violations;
    this.#keepsUnknown = keepsUnknown;
  }

  /** The value without what is null; collects what the model does not allow; throws TypeMismatch. */
  read(name: string, value: unknown, place: Place): unknown {
    const shape = this.#shapes.get(name);
    if (shape === undefined) throw new Error(`The model has no ${name}.`);
    if (!JSON_TYPES[shape.kind](value)) throw new TypeMismatch(typeMismatch(shape.kind, value));
    const refuse = (constraint: string, values?: readonly string[]) =>
      void this.#violations.push({ ...place, value, constraint, ...(values && { values }) });
    switch (shape.kind) {
      case 'structure':
        return this.#readStructure(shape.members, value as Record<string, unknown>, place.path);
      case 'list':
      case 'map': {
        const entries = Object.entries(value as object).filter(([, item]) => item !== null);
        checkRange(shape, entries.length, 'length', refuse);
        const read = entries.map(([key, item], index): [string, unknown] => [
          key,
          this.read(shape.of, item, {
            path: `${place.path}.${shape.kind === 'list' ? index + 1 : key}.member`,
            member: place.member,
            item: shape.of,
          }),
        ]);
        return shape.kind === 'list' ? read.map(([, item]) => item) : Object.fromEntries(read);
      }
      case 'string': {
        const text = value as string;
        checkRange(shape, text.length, 'length', refuse);
        if (shape.pattern !== undefined && !matches(shape.pattern, text)) {
          refuse(`must satisfy regular expression pattern: ${shape.pattern}`);
        }
        return value;
      }
      case 'number':
        checkRange(shape, value as number, 'value', refuse);
        return value;
      case 'enum':
        if (!shape.values.includes(value as string)) {
          refuse(`must satisfy enum value set: [${shape.values.join(', ')}]`, shape.values);
        }
        return value;
      default:
        return value;
    }
  }

  #readStructure(
    members: ReadonlyMap<string, Member>,
    value: Record<string, unknown>,
    path: string,
  ): unknown {
    const at = (name: string) => `${path === '' ? '' : `${path}.`}${decapitalised(name)}`;
    for (const [name, { isRequired }] of members) {
      if (!isRequired || (value[name] ?? undefined) !== undefined) continue;
      const constraint = 'must not be null';
      this.#violations.push({ path: at(name), member: name, value: undefined, constraint });
    }
    return Object.fromEntries(
      Object.entries(value).flatMap(([name, item]): [string, unknown][] => {
        const member = members.get(name);
        if (member === undefined) return this.#keepsUnknown ? [[name, item]] : [];
        if (item === null) return [];
        return [[name, this.read(member.shape, item, { path: at(name), member: name })]];
      }),
    );
  }
}

function checkRange(
  { least, most }: Range,
  size: number,
  what: 'length' | 'value',
  refuse: (constraint: string) => void,
): void {
  if (size < least) refuse(`must have ${what} greater than or equal to ${least}`);
  if (size > most) refuse(`must have ${what} less than or equal to ${most}`);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const JSON_TYPES: Readonly<Record<Shape['kind'], (value: unknown) => boolean>> = {
  structure: isObject,
  map: isObject,
  list: Array.isArray,
  string: (value) => typeof value === 'string',
  enum: (value) => typeof value === 'string',
  bytes: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  boolean: (value) => typeof value === 'boolean',
  timestamp: (value) => typeof value === 'number' || typeof value === 'string',
};

const JAVA_TYPES: Readonly<Partial<Record<Shape['kind'], string>>> = {
  string: 'String',
  enum: 'String',
  bytes: 'ByteBuffer',
  number: 'Integer',
  boolean: 'Boolean',
  timestamp: 'Date',
};

/** What AWS's frameworks say of JSON that is of another type than a shape's. */
function typeMismatch(kind: Shape['kind'], value: unknown): string {
  if (Array.isArray(value)) return 'Start of list found where not expected';
  if (isObject(value)) return 'Start of structure or map found where not expected.';
  const type = JAVA_TYPES[kind];
  if (type === undefined) return kind === 'list' ? 'Expected list or null' : 'Expected null';
  const token = typeof value === 'boolean' ? String(value) : typeof value;
  return `${token.toUpperCase()}_VALUE cannot be converted to ${type}`;
}

const decapitalised = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

/** A pattern is about the whole text. */
const matches = (pattern: string, text: string): boolean =>
  new RegExp(`^(?:${pattern})$`, pattern.includes(String.raw`\p{`) ? 'u' : '').test(text);

const parsed = new Map<string, Shapes>();

function shapesOf(api: string): Shapes {
  const known = parsed.get(api);
  if (known !== undefined) return known;
  const text = Object.hasOwn(MODELS, api) ? MODELS[api] : '';
  const lines = (text ?? '').split('\n').filter((line) => line !== '');
  const shapes = new Map<string, Shape>([
    ...lines.map((line): [string, Shape] => {
      const [name = '', kind = '', ...rest] = line.split(' ');
      return [name, readShape(kind, rest)];
    }),
    ...PLAIN,
  ]);
  parsed.set(api, shapes);
  return shapes;
}

const ANY: Range = { least: -Infinity, most: Infinity };

/** The shapes that every model has, by letter. */
const PLAIN: readonly (readonly [string, Shape])[] = [
  ['s', { kind: 'string', ...ANY }],
  ['n', { kind: 'number', ...ANY }],
  ['b', { kind: 'boolean' }],
  ['t', { kind: 'timestamp' }],
  ['x', { kind: 'bytes' }],
];

function readShape(kind: string, rest: readonly string[]): Shape {
  const range = ([least = '-', most = '-']: readonly string[]): Range => ({
    least: least === '-' ? -Infinity : Number(least),
    most: most === '-' ? Infinity : Number(most),
  });
  switch (kind) {
    case '{':
      return { kind: 'structure', members: new Map(rest.map(readMember)) };
    case '[':
    case '<':
      return { kind: kind === '[' ? 'list' : 'map', of: rest[0] ?? '', ...range(rest.slice(1)) };
    case '=':
      return { kind: 'enum', values: rest };
    case 'n':
      return { kind: 'number', ...range(rest) };
    case 'x':
      return { kind: 'bytes' };
    default: {
      const pattern = rest.slice(2).join(' ');
      return { kind: 'string', ...range(rest), ...(pattern !== '' && { pattern }) };
    }
  }
}

function readMember(text: string): readonly [string, Member] {
  const [, required, name = '', shape = ''] = /^(!?)(.*):(.*)$/.exec(text) ?? [];
  return [name, { shape, isRequired: required === '!' }];
}
