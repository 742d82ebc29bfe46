import { isTag } from '../core/image.ts';
import { didYouMean } from '../core/nearest.ts';

/** Reads the value of one setting from a flag, an environment variable or the config file. */
export interface Reader<T> {
  /** Returns the value, or throws an Error that says what is expected and quotes the value. */
  readonly read: (value: unknown) => T;
  /** Whether the flag can be repeated to give several values. */
  readonly many?: true;
  /** JSON Schema of the value in the config file. */
  readonly schema: Readonly<Record<string, unknown>>;
}

/** Values by name. */
type Named = Readonly<Record<string, string>>;

function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

function invalid(expected: string, value: unknown, suggestion = ''): Error {
  return new Error(`must be ${expected}, not ${quote(value)}${suggestion}`);
}

/** Any string, also an empty one. */
export const text: Reader<string> = {
  schema: { type: 'string' },
  read: (value) => {
    if (typeof value !== 'string') throw invalid('a string', value);
    return value;
  },
};

/** A string that a pattern matches; the pattern is the rule of the schema too. */
function matching(pattern: string, problem: (value: string) => Error): Reader<string> {
  const rule = new RegExp(pattern);
  return {
    schema: { type: 'string', pattern },
    read: (value) => {
      const read = text.read(value);
      if (!rule.test(read)) throw problem(read);
      return read;
    },
  };
}

/** A string of one line that is not empty. A reference such as `${CLUSTER}` is refused. */
export const name = matching('^(?!\\$|.*\\$\\{).+$', (value) => {
  if (value === '') return new Error('must not be empty');
  const [reference] = /\$\{.*?\}|\$.*/.exec(value) ?? [];
  if (reference === undefined) return invalid('one line', value);
  return new Error(
    `${quote(reference)} is not expanded: give the value itself, or use the flag or the ECSDEPLOY_* variable`,
  );
});

function listOf<T>(item: Reader<T>, split: (value: string) => readonly string[]) {
  return {
    many: true,
    schema: { oneOf: [item.schema, { type: 'array', items: item.schema }] },
    read: (value) => {
      const list: readonly unknown[] = Array.isArray(value)
        ? value
        : typeof value === 'string'
          ? split(value)
          : [value];
      return list.map((entry) => item.read(entry));
    },
  } satisfies Reader<readonly T[]>;
}

/** Names in a list, or in one string with commas between them. */
function namesOf<T>(read: (item: string) => T): Reader<readonly T[]> {
  const item = {
    schema: name.schema,
    read: (value: unknown) => {
      const given = name.read(value);
      if (!given.includes(',')) return read(given);
      throw new Error(
        `must be one name, not ${quote(given)}: repeat the flag, or write a list in the config file`,
      );
    },
  };
  return listOf(item, (value) => value.split(',').map((part) => part.trim()));
}

/** Names without a rule of their own. */
export const names = namesOf((item) => item);

/** Image tags. */
export const tags = namesOf((tag) => {
  if (!isTag(tag)) throw new Error(`${quote(tag)} is not a valid image tag`);
  return tag;
});

/** A line for a shell, which starts no process for an empty one. */
export const shellLine = matching('\\S', () => new Error('must not be empty'));

/** Lines for a shell, which may contain commas. */
export const shellLines: Reader<readonly string[]> = listOf(shellLine, (value) => [value]);

const COMPONENT = String.raw`[a-z\d]+(?:(?:\.|__?|-+)[a-z\d]+)*`;
const REFERENCE = new RegExp(
  String.raw`^(?:[a-z\d][a-z\d.-]*(?::\d+)?/)?${COMPONENT}(?:/${COMPONENT})*(?::(?<tag>[\w.-]+))?(?:@sha256:[a-f\d]{64})?$`,
);

/** An image reference of the distribution grammar, whose digest is a SHA-256. */
export const reference: Reader<string> = {
  schema: name.schema,
  read: (value) => {
    const read = name.read(value);
    const match = REFERENCE.exec(read);
    const tag = match?.groups?.['tag'];
    if (match !== null && (tag === undefined || isTag(tag))) return read;
    throw invalid('an image reference such as registry/repository:tag', read);
  },
};

/** The name or ARN of a cluster. */
export const cluster: Reader<string> = {
  schema: name.schema,
  read: (value) => {
    const read = name.read(value);
    if (!read.startsWith('arn:') || read.includes(':cluster/')) return read;
    throw invalid('the name or ARN of a cluster', read);
  },
};

/** An AWS region, known or not. */
export const region: Reader<string> = {
  schema: name.schema,
  read: (value) => {
    const read = name.read(value);
    if (/^[a-z\d]+(?:-[a-z\d]+)*$/.test(read)) return read;
    throw invalid('an AWS region such as us-east-1', read);
  },
};

/** A family, a revision or a path; a URL is refused. */
export const definition: Reader<string> = {
  schema: name.schema,
  read: (value) => {
    const read = name.read(value);
    const [, path] = /^file:\/\/(.*)$/i.exec(read) ?? [];
    if (path === undefined) return read;
    throw new Error(`must be a path, not a URL such as ${quote(read)}: write ${path}`);
  },
};

/** A switch. */
export const yes: Reader<boolean> = {
  schema: { type: 'boolean' },
  read: (value) => {
    if (typeof value === 'boolean') return value;
    if (value === '1' || value === 'true') return true;
    if (value === '0' || value === 'false' || value === '') return false;
    throw invalid('true or false', value);
  },
};

/** A commit of git; the flag alone stands for the one that is checked out. */
export const commit: Reader<string> = {
  schema: name.schema,
  read: (value) => (value === true || value === 'true' ? 'HEAD' : name.read(value)),
};

/** A builder of buildx; the flag alone stands for the one that buildx uses. */
export const builder: Reader<string> = {
  schema: { anyOf: [{ const: true }, name.schema] },
  read: (value) => (value === true || value === 'true' ? 'current' : name.read(value)),
};

/** `true` for all, `false` for none, or names. */
export const someOrAll: Reader<boolean | readonly string[]> = {
  schema: { anyOf: [yes.schema, names.schema] },
  read: (value) => {
    if (typeof value === 'boolean' || ['1', 'true', '0', 'false', ''].includes(String(value))) {
      return yes.read(value);
    }
    return names.read(value);
  },
};

function integer(expected: string, maximum?: number): Reader<number> {
  const schema = { type: 'integer', minimum: 1, ...(maximum !== undefined && { maximum }) };
  return {
    schema,
    read: (value) => {
      const read = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
      if (
        typeof read !== 'number' ||
        !Number.isSafeInteger(read) ||
        read < schema.minimum ||
        read > (maximum ?? Infinity)
      ) {
        throw invalid(expected, value);
      }
      return read;
    },
  };
}

/** A number of things. */
export const count = integer('a positive integer');

/** A TCP port. */
export const port = integer('an integer from 1 to 65535', 65_535);

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A text of numbers with these units, as milliseconds. */
function time(units: readonly (keyof typeof UNITS)[], examples: string): Reader<number> {
  const unit = `(${units.join('|')})`;
  const written = matching(`^(\\d+${unit})+$`, (value) =>
    /^\d+$/.test(value)
      ? new Error(`${quote(value)} needs a unit: write ${value}${units[1]} or ${value}${units[2]}`)
      : invalid(`a duration such as ${examples}`, value),
  );
  return {
    schema: written.schema,
    read: (value) => {
      const read = written.read(typeof value === 'number' ? String(value) : value);
      let total = 0;
      for (const [, amount, name] of read.matchAll(new RegExp(`(\\d+)${unit}`, 'g'))) {
        total += Number(amount) * UNITS[name as keyof typeof UNITS];
      }
      if (total === 0) throw new Error(`must be greater than 0, not ${quote(read)}`);
      return total;
    },
  };
}

const waitable = time(['ms', 's', 'm', 'h'], '500ms, 90s, 30m or 1h30m');

/** Milliseconds of `500ms`, `90s`, `30m`, `1h30m`. */
export const duration: Reader<number> = {
  schema: waitable.schema,
  read: (value) => {
    const read = waitable.read(value);
    // A longer timer of Node.js would fire at once.
    if (read >= 2 ** 31) throw new Error(`must be at most 24 days, not ${quote(value)}`);
    return read;
  },
};

/** Milliseconds of an age, such as `30d`, `12h` or `1d12h`; nothing waits for it. */
export const age: Reader<number> = time(['s', 'h', 'd', 'm'], '30d, 12h or 1d12h');

const KEY = /^[^\s=]+$/;

/** The names that a map takes. */
interface KeyRule {
  readonly pattern: RegExp;
  /** What a name must be, for a message. */
  readonly expected: string;
}

const VARIABLE: KeyRule = { pattern: KEY, expected: 'must not contain spaces or "="' };

/** `NAME=VALUE` strings, or a map of the config file; `form` is how the flag is written. */
function pairsOf(form: string, item: Reader<string>, rule = VARIABLE): Reader<Named> {
  return {
    many: true,
    schema: {
      type: 'object',
      propertyNames: { pattern: rule.pattern.source },
      additionalProperties: item.schema,
    },
    read: (value) =>
      Object.fromEntries(
        entriesOf(value, form).map(([key, given]) => {
          if (!rule.pattern.test(key)) {
            throw new Error(`${quote(key)} is not a valid name: it ${rule.expected}`);
          }
          try {
            return [key, item.read(given)];
          } catch (error) {
            throw new Error(`${quote(key)}: ${(error as Error).message}`, { cause: error });
          }
        }),
      ),
  };
}

function entriesOf(value: unknown, form: string): (readonly [string, unknown])[] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.entries(value);
  }
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  return list.map((entry) => {
    const [, key, rest] = /^([^=]+)=(.*)$/s.exec(String(entry)) ?? [];
    if (key === undefined) throw invalid(form, entry);
    return [key, rest];
  });
}

const plain: Reader<string> = {
  schema: { type: ['string', 'number', 'boolean'] },
  read: (value) => {
    if (typeof value === 'string') return value;
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    throw new Error('the value must be a string, number or boolean');
  },
};

/** Strings by name, e.g. environment variables or build arguments. */
export const pairs = pairsOf('KEY=VALUE', plain);

/** Sources of named build contexts: a folder, `docker-image://REFERENCE`, `oci-layout://FOLDER:TAG` or the URL of a git repository. */
export const contexts = pairsOf('NAME=SOURCE', name, {
  pattern: /^[a-zA-Z\d][\w./:@-]*$/,
  expected: 'must be a name such as shared or an image such as alpine:3',
});

/** Image references by container name. */
export const containerImages = pairsOf('NAME=IMAGE', reference);

/** ARNs of secrets or parameters, or names of parameters, by variable. */
export const secretReferences = pairsOf('NAME=ARN', name);

/** What AWS allows in the keys and values of tags, besides "=" in keys. */
const TAG_CHARACTERS = String.raw`\p{L}\p{Z}\p{N}_.:/+\-@`;

const tagValue: Reader<string> = {
  schema: plain.schema,
  read: (value) => {
    const read = plain.read(value);
    if (new RegExp(`^[${TAG_CHARACTERS}=]{0,256}$`, 'u').test(read)) return read;
    throw invalid('at most 256 letters, digits, spaces and characters of _.:/=+-@', read);
  },
};

/** Values of tags by key. */
export const tagPairs = pairsOf('KEY=VALUE', tagValue, {
  pattern: new RegExp(`^(?![aA][wW][sS]:)[${TAG_CHARACTERS}]{1,128}$`, 'u'),
  expected:
    'must have 1 to 128 letters, digits, spaces and characters of _.:/+-@, and not begin with "aws:"',
});

/** CPU of a task as ECS takes it: CPU units, or vCPUs. */
export const cpu = matching('^(\\d+|(\\d+|\\d*\\.\\d+) ?[vV][cC][pP][uU])$', (value) =>
  invalid('CPU units such as 512, or vCPUs such as "0.5 vCPU"', value),
);

/** Memory of a task as ECS takes it: MiB, or GB. */
export const memory = matching('^(\\d+|(\\d+|\\d*\\.\\d+) ?[gG][bB])$', (value) =>
  invalid('MiB such as 1024, or GB such as "1 GB"', value),
);

/** A word of a command; in quotes everything is taken as it is written. */
const WORD = /(?:[^\s'"\\|&;<>()$`]|\\[^]|'[^']*'|"(?:[^"\\$`]|\\[^])*")+/y;

/** The words of a text, or undefined where it asks for a shell, or a quote is not closed. */
function splitWords(text: string): readonly string[] | undefined {
  const found: string[] = [];
  for (let at = 0; at < text.length;) {
    WORD.lastIndex = at;
    const [word] = WORD.exec(text) ?? [];
    if (word === undefined) return undefined;
    at += word.length + (/^\s*/.exec(text.slice(at + word.length))?.[0].length ?? 0);
    found.push(
      word.replaceAll(
        /\\([^])|'([^']*)'|"((?:[^"\\]|\\[^])*)"/g,
        (_, escaped?: string, single?: string, double = '') =>
          escaped ?? single ?? double.replaceAll(/\\(["\\$`])/g, '$1'),
      ),
    );
  }
  return found;
}

/**
 * The words of a command: a list, a JSON array, or one string with spaces between the words. Quotes
 * group words; there is no shell, and nothing is expanded.
 */
export const command: Reader<readonly string[]> = {
  schema: { oneOf: [text.schema, { type: 'array', items: text.schema }] },
  read: (value) => {
    if (Array.isArray(value)) return value.map((item) => text.read(item));
    const given = text.read(value).trim();
    const expected = 'words such as "npm start", or a list such as ["npm", "start"]';
    if (given.startsWith('[')) {
      const list: unknown = parseJson(given);
      if (Array.isArray(list)) return list.map((item) => text.read(item));
      throw invalid(expected, given);
    }
    if (given === '') throw invalid(expected, value);
    const found = splitWords(given);
    if (found !== undefined) return found;
    throw new Error(
      `${quote(given)} needs a shell, but ECS starts a command without one: write ["sh", "-c", ${JSON.stringify(given)}]`,
    );
  },
};

/** A command; without words, ECS would start what the container starts in the service. */
const someWords: Reader<readonly string[]> = {
  schema: command.schema,
  read: (value) => {
    const words = command.read(value);
    if (words.length === 0) throw new Error('must not be empty');
    return words;
  },
};

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Where a build secret comes from; its value is read only when the build asks for it. */
export interface BuildSecret {
  readonly id: string;
  readonly src?: string;
  readonly env?: string;
}

const buildSecret: Reader<BuildSecret> = {
  schema: { type: ['string', 'object'] },
  read: (value) => {
    const parts: Readonly<Record<string, unknown>> =
      typeof value === 'string'
        ? Object.fromEntries(value.split(',').map((part) => part.split(/=(.*)/s, 2)))
        : { ...(value as object) };
    const { id, src, env, ...rest } = parts;
    if (typeof id === 'string' && Object.keys(rest).length === 0) {
      if (typeof src === 'string' && env === undefined) return { id, src };
      if (typeof env === 'string' && src === undefined) return { id, env };
    }
    // The values are not quoted: one of them may be the secret itself.
    throw invalid('id=NAME,src=FILE or id=NAME,env=VARIABLE', Object.keys(parts).join(','));
  },
};

/** Build secrets. */
export const secrets: Reader<readonly BuildSecret[]> = listOf(buildSecret, (value) => [value]);

/** A build cache in the notation of `docker buildx build`, e.g. `type=registry,ref=app:cache`. */
export interface BuildCache {
  readonly type: string;
  readonly attributes: Named;
}

const CACHE_TYPES = ['registry', 'inline', 'local', 'gha', 's3', 'azblob'];

const buildCache: Reader<BuildCache> = {
  schema: { type: ['string', 'object'] },
  read: (value) => {
    // As for docker, a name alone is an image in a registry.
    const given = typeof value === 'string' && !value.includes('=') ? { ref: value } : value;
    const pairs = typeof given === 'string' ? given.split(',').map((part) => part.trim()) : given;
    const form = 'type=TYPE,KEY=VALUE, e.g. type=registry,ref=REPOSITORY:buildcache,mode=max';
    const attributes = Object.fromEntries(
      entriesOf(pairs, form).map(([key, item]) => [key, plain.read(item)]),
    );
    const { type = 'registry', ...rest } = attributes;
    if (type === 'local' && !rest['src'] && !rest['dest']) {
      throw invalid('type=local,src=FOLDER to read or type=local,dest=FOLDER to write', value);
    }
    if (!CACHE_TYPES.includes(type)) {
      throw invalid(`of type ${CACHE_TYPES.join(', ')}`, type, didYouMean(type, CACHE_TYPES));
    }
    if (type === 'registry') reference.read(rest['ref'] ?? '');
    return { type, attributes: rest };
  },
};

/** Build caches. */
export const caches: Reader<readonly BuildCache[]> = listOf(buildCache, (value) => [value]);

/** An SSH agent that build steps can use; the user's own agent when there is no socket. */
export interface ForwardedAgent {
  readonly id: string;
  readonly socket?: string;
}

/** SSH agents. */
export const agents: Reader<readonly ForwardedAgent[]> = namesOf((item) => {
  const [, id, socket] = /^([\w.-]+)(?:=(.+))?$/.exec(item) ?? [];
  if (id === undefined) throw invalid('ID or ID=SOCKET, e.g. default', item);
  return socket === undefined ? { id } : { id, socket };
});

/** Names of hosts with their addresses, as `HOST:ADDRESS`. */
export const hosts: Reader<readonly string[]> = namesOf((item) => {
  const [, host, address] =
    /^([^\s:=]+)[:=](host-gateway|[\d.]+|\[?[\da-f:.]*:[\da-f:.]*\]?)$/i.exec(item) ?? [];
  if (host === undefined) throw invalid('HOST:ADDRESS, e.g. db.local:10.0.0.5', item);
  return `${host}:${address}`;
});

const BYTES: Readonly<Record<string, number>> = { b: 0, k: 10, m: 20, g: 30 };

/** Bytes of `64m` or `1g`, as Docker writes them. */
export const size: Reader<number> = {
  schema: { type: ['string', 'integer'] },
  read: (value) => {
    const [, amount, unit = 'b'] = /^([1-9]\d*)([bkmg])?b?$/i.exec(String(value)) ?? [];
    if (amount === undefined) throw invalid('a size such as 64m or 1g', value);
    return Number(amount) * 2 ** (BYTES[unit.toLowerCase()] ?? 0);
  },
};

/** A limit of the processes of build steps. */
export interface Ulimit {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/** Limits of processes, each `NAME=SOFT` or `NAME=SOFT:HARD`. */
export const ulimits: Reader<readonly Ulimit[]> = namesOf((item) => {
  const [, limit, soft, hard = soft] = /^([a-z]+)=(-1|\d+)(?::(-1|\d+))?$/.exec(item) ?? [];
  if (limit === undefined)
    throw invalid('NAME=SOFT or NAME=SOFT:HARD, e.g. nofile=1024:4096', item);
  return { name: limit, soft: Number(soft), hard: Number(hard) };
});

function choice<T extends string>(
  choices: readonly T[],
  suggestion: (value: string) => string,
): Reader<T> {
  return {
    schema: { enum: choices },
    read: (value) => {
      const found = choices.find((item) => item === value);
      if (found !== undefined) return found;
      throw invalid(
        `one of ${choices.join(', ')}`,
        value,
        typeof value === 'string' ? suggestion(value) : '',
      );
    },
  };
}

/** One of several words. */
export const oneOf = <const T extends string>(...choices: readonly T[]): Reader<T> =>
  choice(choices, (value) => didYouMean(value, choices));

/** What a provenance attestation contains; the flag alone means `min`, which has no build arguments. */
export const provenance: Reader<'min' | 'max'> = {
  schema: { enum: [true, 'min', 'max'] },
  read: (value) =>
    value === true || value === 'true'
      ? 'min'
      : oneOf('min', 'max').read(String(value).replace(/^mode=/, '')),
};

/** Several of several words. */
export const anyOf = <const T extends string>(...choices: readonly T[]): Reader<readonly T[]> =>
  namesOf((item) => oneOf(...choices).read(item));

const ARCHITECTURES = new Map([
  ['amd64', 'linux/amd64'],
  ['x86_64', 'linux/amd64'],
  ['arm64', 'linux/arm64'],
  ['aarch64', 'linux/arm64'],
]);

const onePlatform = choice(['linux/amd64', 'linux/arm64'], (value) => {
  const near = ARCHITECTURES.get(value.toLowerCase().replace(/^linux\//, ''));
  if (near !== undefined) return ` (did you mean "${near}"?)`;
  return /^windows/i.test(value)
    ? ' (build Windows images on Windows, and deploy them with --image)'
    : '';
});

/** The deployment group of CodeDeploy that deploys a service. */
export interface NamedGroup {
  readonly application: string;
  readonly group: string;
}

/** The two names of a deployment group. */
export const namedGroup: Reader<NamedGroup> = {
  schema: {
    type: 'object',
    properties: { application: name.schema, group: name.schema },
    required: ['application', 'group'],
    additionalProperties: false,
  },
  read: (value) => {
    const { application, group, ...others } = (value ?? {}) as Record<string, unknown>;
    if (application === undefined || group === undefined || Object.keys(others).length > 0) {
      throw invalid('{ application: NAME, group: NAME }', value);
    }
    return { application: name.read(application), group: name.read(group) };
  },
};

/** The platforms that images are built for, as Docker writes them: with commas, in a fixed order. */
export const platform: Reader<string> = {
  many: true,
  schema: { oneOf: [onePlatform.schema, { type: 'array', items: onePlatform.schema }] },
  read: (value) => {
    const items = [value].flat().flatMap((item) => String(item).split(','));
    const found = new Set(items.map((item) => onePlatform.read(item.trim())));
    if (found.size > 0) return [...found].toSorted().join(',');
    throw invalid('a platform such as linux/amd64', value);
  },
};

/** A command that runs once, in a task of the new revision, before any service moves. */
export interface ReleaseTask {
  readonly command: readonly string[];
  readonly container?: string;
  /** The service whose revision and place it takes; needed where the config names several. */
  readonly service?: string;
  /** Milliseconds. */
  readonly timeout?: number;
  readonly setEnv?: Named;
  readonly cpu?: string;
  readonly memory?: string;
  /** File and line, with a colon and a space behind, for messages; empty elsewhere. */
  readonly place?: string;
}

/** The readers of the keys of a release task. */
export const RELEASE_KEYS = {
  command: someWords,
  container: name,
  service: name,
  timeout: duration,
  setEnv: pairs,
  cpu,
  memory,
} satisfies Readonly<Record<string, Reader<unknown>>>;

/** Release tasks; the config file reads each key by itself, for the line of a problem. */
export const release: Reader<readonly ReleaseTask[]> = {
  schema: {
    type: 'array',
    items: {
      type: 'object',
      properties: Object.fromEntries(
        Object.entries(RELEASE_KEYS).map(([key, { schema }]) => [key, schema]),
      ),
      required: ['command'],
      additionalProperties: false,
    },
  },
  read: (value) => {
    if (Array.isArray(value)) return value as readonly ReleaseTask[];
    throw invalid('a list such as [{ command: ["rails", "db:migrate"] }]', value);
  },
};
