import { isTag, parseImageReference } from '../core/image.ts';
import { didYouMean } from '../core/nearest.ts';

/** Reads one setting's value from a flag, an environment variable or the config file. */
export interface Reader<T> {
  /** Returns the value or throws an Error that says what was expected. */
  readonly read: (value: unknown) => T;
  /** Whether the flag may be given several times, its values adding up. */
  readonly many?: true;
  /** JSON Schema of what the config file may hold. */
  readonly schema: Readonly<Record<string, unknown>>;
}

/** Subcommands that take options. */
export type CommandName =
  | 'push'
  | 'render'
  | 'register'
  | 'rollout'
  | 'deploy'
  | 'rollback'
  | 'status'
  | 'diagnose'
  | 'logs'
  | 'verify'
  | 'sandbox'
  | 'help';

/** One setting: everything that flags, help, config file, schema and example derive from. */
export interface Setting<T> {
  readonly reader: Reader<T>;
  readonly meaning: string;
  /** In commander's notation; none when the setting is of the config file only. */
  readonly flags?: string;
  /** Where the value stands in the config file; none when it is of one run only. */
  readonly file?: 'top' | 'build' | 'service';
  readonly default?: NoInfer<T>;
  /** Maps of several sources are merged key by key; elsewhere the strongest source wins whole. */
  readonly merge?: true;
  /** Subcommands that take the flag; all when absent. */
  readonly commands?: readonly CommandName[];
  /** Value shown in `.ecsdeployrc.example`. */
  readonly example?: string;
}

function setting<T>(
  row: Setting<T> & { readonly default: NoInfer<T> },
): Setting<T> & { readonly default: T };
function setting<T>(row: Setting<T>): Setting<T>;
function setting<T>(row: Setting<T>): Setting<T> {
  return row;
}

const text: Reader<string> = {
  schema: { type: 'string' },
  read: (value) => {
    if (typeof value !== 'string') throw new Error('must be a text');
    return value;
  },
};

/** A text in which the empty text has a meaning of its own. */
const name: Reader<string> = {
  schema: { type: 'string', minLength: 1 },
  read: (value) => {
    const read = text.read(value);
    if (read === '') throw new Error('must not be empty');
    return read;
  },
};

/** An image reference as the distribution grammar has it, roughly: no blanks, no control characters. */
const reference: Reader<string> = {
  schema: name.schema,
  read: (value) => {
    const read = name.read(value);
    const { repository, tag } = parseImageReference(read);
    if (
      /^[a-z0-9][\w.\-/:@]*$/i.test(read) &&
      !repository.includes(':') &&
      (tag === undefined || isTag(tag))
    ) {
      return read;
    }
    throw new Error('must be an image reference such as registry/repository:tag');
  },
};

const names: Reader<readonly string[]> = {
  many: true,
  schema: { oneOf: [name.schema, { type: 'array', items: name.schema }] },
  read: (value) => {
    const list = Array.isArray(value) ? value : text.read(value).split(',');
    return list.map((item) => name.read(typeof item === 'string' ? item.trim() : item));
  },
};

const tags: Reader<readonly string[]> = {
  ...names,
  read: (value) => {
    const wrong = names.read(value).find((tag) => !isTag(tag));
    if (wrong !== undefined) throw new Error(`"${wrong}" is no image tag`);
    return names.read(value);
  },
};

const texts: Reader<readonly string[]> = {
  schema: { type: 'array', items: { type: 'string' } },
  read: (value) => {
    if (!Array.isArray(value)) return [text.read(value)];
    return value.map((item) => text.read(item));
  },
};

const yes: Reader<boolean> = {
  schema: { type: 'boolean' },
  read: (value) => {
    if (typeof value === 'boolean') return value;
    if (value === '1' || value === 'true') return true;
    if (value === '0' || value === 'false' || value === '') return false;
    throw new Error('must be true or false');
  },
};

const count: Reader<number> = {
  schema: { type: 'integer', minimum: 1 },
  read: (value) => {
    const read = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
    if (typeof read !== 'number' || !Number.isInteger(read) || read < 1) {
      throw new Error('must be a whole number from 1');
    }
    return read;
  },
};

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of `500ms`, `90s`, `30m`, `1h30m`. */
const duration: Reader<number> = {
  schema: { type: 'string', pattern: '^(\\d+(ms|s|m|h))+$' },
  read: (value) => {
    if (typeof value === 'number' || (typeof value === 'string' && /^\d+$/.test(value))) {
      throw new Error(`needs a unit: write ${value}s or ${value}m`);
    }
    if (typeof value !== 'string' || !/^(\d+(ms|s|m|h))+$/.test(value)) {
      throw new Error('must be a duration such as 500ms, 90s, 30m or 1h30m');
    }
    let total = 0;
    for (const [, amount, unit] of value.matchAll(/(\d+)(ms|s|m|h)/g)) {
      total += Number(amount) * (UNITS[unit ?? ''] ?? 0);
    }
    if (total === 0) throw new Error('must be longer than nothing');
    return total;
  },
};

/** `KEY=VALUE` texts, or a map of the config file. */
const pairs: Reader<Readonly<Record<string, string>>> = {
  many: true,
  schema: { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean'] } },
  read: (value) => readPairs(value, 'KEY=VALUE'),
};

function readPairs(value: unknown, form: string): Readonly<Record<string, string>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => {
        if (typeof item === 'object') throw new Error(`holds no plain value under "${key}"`);
        return [key, String(item)];
      }),
    );
  }
  const list = Array.isArray(value) ? value : [value];
  return Object.fromEntries(
    list.map((item) => {
      const [, key, rest] = /^([^=]+)=(.*)$/s.exec(String(item)) ?? [];
      if (key === undefined || rest === undefined) throw new Error(`must be ${form}`);
      return [key, rest];
    }),
  );
}

/** Image references by container name. */
const containerImages: Reader<Readonly<Record<string, string>>> = {
  ...pairs,
  schema: { type: 'object', additionalProperties: reference.schema },
  read: (value) => readEach(value, 'NAME=IMAGE', reference),
};

/** ARNs of secrets or parameters, or names of parameters, by variable. */
const secretReferences: Reader<Readonly<Record<string, string>>> = {
  ...pairs,
  schema: { type: 'object', additionalProperties: name.schema },
  read: (value) => readEach(value, 'NAME=ARN', name),
};

function readEach(
  value: unknown,
  form: string,
  reader: Reader<string>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(readPairs(value, form)).map(([key, item]) => {
      try {
        return [key, reader.read(item)];
      } catch (error) {
        throw new Error(`"${key}" ${(error as Error).message}`, { cause: error });
      }
    }),
  );
}

/** Where a build secret comes from; its value is read only when the build asks for it. */
export interface BuildSecret {
  readonly id: string;
  readonly src?: string;
  readonly env?: string;
}

const secrets: Reader<readonly BuildSecret[]> = {
  many: true,
  schema: { type: 'array', items: { type: ['string', 'object'] } },
  read: (value) => {
    const list = Array.isArray(value) ? value : [value];
    return list.map((item) => {
      const parts =
        typeof item === 'string'
          ? Object.fromEntries(item.split(',').map((part) => part.split('=', 2)))
          : item;
      const { id, src, env, ...rest } = parts as Record<string, unknown>;
      if (
        typeof id !== 'string' ||
        Object.keys(rest).length > 0 ||
        (src === undefined) === (env === undefined)
      ) {
        throw new Error('must be id=NAME,src=FILE or id=NAME,env=VARIABLE');
      }
      return src === undefined ? { id, env: text.read(env) } : { id, src: text.read(src) };
    });
  },
};

/** An ssh agent that steps may use; without a socket the user's own. */
export interface ForwardedAgent {
  readonly id: string;
  readonly socket?: string;
}

const agents: Reader<readonly ForwardedAgent[]> = {
  many: true,
  schema: names.schema,
  read: (value) =>
    names.read(value).map((text) => {
      const [, id, socket] = /^([\w.-]+)(?:=(.+))?$/.exec(text) ?? [];
      if (id === undefined) throw new Error('must be ID or ID=SOCKET, e.g. default');
      return socket === undefined ? { id } : { id, socket };
    }),
};

function oneOf<const T extends string>(...choices: readonly T[]): Reader<T> {
  return {
    schema: { enum: choices },
    read: (value) => {
      const found = choices.find((choice) => choice === value);
      if (found === undefined) {
        throw new Error(
          `must be one of ${choices.join(', ')}${didYouMean(String(value), choices)}`,
        );
      }
      return found;
    },
  };
}

const PLATFORM_PATTERN = /^linux\/(amd64|arm64)$/;

const platform: Reader<string> = {
  schema: { enum: ['linux/amd64', 'linux/arm64'] },
  read: (value) => {
    if (typeof value !== 'string' || !PLATFORM_PATTERN.test(value)) {
      throw new Error('must be linux/amd64 or linux/arm64, the platforms that ECS runs');
    }
    return value;
  },
};

const BUILDERS: readonly CommandName[] = ['push', 'deploy', 'verify'];
const RENDERERS: readonly CommandName[] = ['render', 'deploy', 'verify'];
const MOVERS: readonly CommandName[] = ['rollout', 'deploy', 'rollback'];

/** Names of the checks, which `--skip-check` knows. */
const CHECKS = [
  'member-names',
  'image-platform',
  'image-exists',
  'image-scan',
  'container-port',
  'port-mappings',
  'task-size',
  'execution-role',
  'log-groups',
  'secrets',
  'deployment-in-progress',
  'deployment-percent',
  'latest-revision',
  'rollback-target',
  'build-context',
  'emulation',
] as const;

/** Name of a check that may be left out. */
export type CheckName = (typeof CHECKS)[number];

/** The one table of settings. */
export const SETTINGS = {
  // Of every command
  config: setting({
    reader: name,
    flags: '-c, --config <file>',
    meaning: 'config file (default: .ecsdeployrc, from here up to the root of the repository)',
  }),
  environment: setting({
    reader: name,
    flags: '-e, --env <name>',
    meaning: 'environment of the config file, e.g. prod',
  }),
  service: setting({
    reader: names,
    flags: '-s, --service <name...>',
    file: 'service',
    meaning: 'ECS service; with several in the config: those to work on (default: all)',
    example: 'hyeon9mak-service-dev',
  }),
  cluster: setting({
    reader: name,
    flags: '--cluster <name>',
    file: 'service',
    meaning: 'ECS cluster, name or ARN',
    example: 'backend',
  }),
  profile: setting({
    reader: text,
    flags: '-p, --profile <name>',
    file: 'top',
    meaning: "profile of ~/.aws; empty: the standard credential chain (CI's OIDC, keys, roles)",
    example: 'default',
  }),
  region: setting({
    reader: name,
    flags: '-r, --region <name>',
    file: 'top',
    meaning: 'AWS region',
    example: 'ap-northeast-2',
  }),
  json: setting({
    reader: yes,
    flags: '--json',
    default: false,
    meaning: 'print one JSON document with the result on stdout',
  }),
  progress: setting({
    reader: oneOf('auto', 'terminal', 'plain', 'json', 'quiet'),
    flags: '--progress <style>',
    default: 'auto',
    meaning: 'what stderr shows: auto, terminal, plain, json or quiet',
  }),
  quiet: setting({
    reader: yes,
    flags: '-q, --quiet',
    default: false,
    meaning: 'the same as --progress quiet: errors only',
  }),
  verbose: setting({
    reader: yes,
    flags: '-v, --verbose',
    default: false,
    meaning: 'show each API call with its time',
  }),

  // The image
  repository: setting({
    reader: name,
    flags: '--repository <name>',
    file: 'top',
    commands: BUILDERS,
    meaning: 'ECR repository: its name, or a full registry/repository URI',
    example: 'hyeon9mak-dev',
  }),
  tag: setting({
    reader: name,
    flags: '--tag <tag>',
    commands: BUILDERS,
    meaning: "image tag (default: the commit's SHA, with -dirty-… for uncommitted changes)",
  }),
  extraTags: setting({
    reader: tags,
    flags: '--extra-tag <tag>',
    file: 'top',
    default: [],
    commands: BUILDERS,
    meaning: 'another tag for the image, e.g. latest (repeatable)',
    example: '[latest]',
  }),
  platform: setting({
    reader: platform,
    flags: '--platform <platform>',
    file: 'top',
    commands: BUILDERS,
    meaning:
      'platform to build for, whatever CPU this machine has: linux/amd64 or linux/arm64 (default: the one that the tasks run on, else linux/amd64)',
    example: 'linux/amd64',
  }),
  context: setting({
    reader: name,
    flags: '--context <dir>',
    file: 'build',
    default: '.',
    commands: BUILDERS,
    meaning: 'build context; in the config file relative to that file',
    example: '.',
  }),
  dockerfile: setting({
    reader: name,
    flags: '--dockerfile <file>',
    file: 'build',
    commands: BUILDERS,
    meaning: 'Dockerfile; in the config file relative to the context (default: Dockerfile)',
    example: 'Dockerfile',
  }),
  target: setting({
    reader: name,
    flags: '--target <stage>',
    file: 'build',
    commands: BUILDERS,
    meaning: 'build stage to stop at',
    example: 'production',
  }),
  args: setting({
    reader: pairs,
    flags: '--build-arg <key=value>',
    file: 'build',
    default: {},
    merge: true,
    commands: BUILDERS,
    meaning: 'build argument (repeatable)',
    example: '{ APP_VERSION: "1.2.3" }',
  }),
  secrets: setting({
    reader: secrets,
    flags: '--secret <id=…,src=…>',
    file: 'build',
    default: [],
    commands: BUILDERS,
    meaning: 'build secret: id=NAME,src=FILE or id=NAME,env=VARIABLE (repeatable)',
    example: '["id=npmrc,src=.npmrc"]',
  }),
  ssh: setting({
    reader: agents,
    flags: '--ssh <id[=socket]>',
    file: 'build',
    default: [],
    commands: BUILDERS,
    meaning:
      'ssh agent for steps with --mount=type=ssh: default is that of SSH_AUTH_SOCK (repeatable)',
    example: '[default]',
  }),
  dockerHost: setting({
    reader: name,
    flags: '--docker-host <address>',
    commands: BUILDERS,
    meaning: 'Docker daemon to build with: unix://, tcp:// or ssh:// (default: as docker chooses)',
  }),
  dockerContext: setting({
    reader: name,
    flags: '--docker-context <name>',
    commands: BUILDERS,
    meaning: 'docker context to build with (default: as docker chooses)',
  }),
  before: setting({
    reader: texts,
    file: 'build',
    default: [],
    meaning: 'shell commands to run before the build, in the folder of the config file',
    example: '["./gradlew clean build"]',
  }),
  noCache: setting({
    reader: yes,
    flags: '--no-cache',
    default: false,
    commands: BUILDERS,
    meaning: 'build every step again',
  }),
  pull: setting({
    reader: yes,
    flags: '--pull',
    default: false,
    commands: BUILDERS,
    meaning: 'look for newer base images',
  }),
  createRepository: setting({
    reader: yes,
    flags: '--create-repository',
    default: false,
    commands: BUILDERS,
    meaning: 'create the ECR repository when it does not exist',
  }),

  // The task definition
  image: setting({
    reader: reference,
    flags: '--image <reference>',
    commands: [...RENDERERS, 'push'],
    meaning:
      'image that is in a registry already, of push: that the Docker daemon has; nothing is built',
  }),
  container: setting({
    reader: names,
    flags: '--container <name>',
    file: 'service',
    commands: [...RENDERERS, 'logs'],
    meaning: 'container that gets the image, or whose log is shown; needed when there are several',
    example: 'hyeon9mak-container',
  }),
  taskDefinition: setting({
    reader: name,
    flags: '--task-definition <definition>',
    file: 'service',
    commands: ['render', 'rollout', 'deploy', 'verify'],
    meaning: 'family, family:revision, ARN or JSON file (default: the one the service runs)',
    example: 'hyeon9mak-task-dev',
  }),
  setEnv: setting({
    reader: pairs,
    flags: '--set-env <key=value>',
    file: 'service',
    default: {},
    merge: true,
    commands: RENDERERS,
    meaning: 'environment variable to set in the container (repeatable)',
    example: '{ LOG_LEVEL: info }',
  }),
  setSecrets: setting({
    reader: secretReferences,
    flags: '--set-secret <name=arn>',
    file: 'service',
    default: {},
    merge: true,
    commands: RENDERERS,
    meaning:
      'environment variable from a secret: its ARN, or ARN or name of a parameter (repeatable)',
    example: '{ DB_PASSWORD: /prod/db-password }',
  }),
  unsetEnv: setting({
    reader: names,
    flags: '--unset-env <key>',
    file: 'service',
    default: [],
    commands: RENDERERS,
    meaning: 'environment variable to remove from the container, value or secret (repeatable)',
    example: '[DEBUG]',
  }),
  containerImages: setting({
    reader: containerImages,
    flags: '--container-image <name=image>',
    file: 'service',
    default: {},
    merge: true,
    commands: RENDERERS,
    meaning: 'image of another container, e.g. a sidecar, by its name (repeatable)',
    example: '{ datadog-agent: "public.ecr.aws/datadog/agent:7" }',
  }),
  diff: setting({
    reader: yes,
    flags: '--diff',
    default: false,
    commands: ['render'],
    meaning: 'print what changes instead of the task definition',
  }),
  showValues: setting({
    reader: yes,
    flags: '--show-values',
    default: false,
    commands: ['render', 'deploy'],
    meaning: 'show environment values in what changes, which are hidden otherwise',
  }),

  // The rollout
  dryRun: setting({
    reader: yes,
    flags: '--dry-run',
    default: false,
    commands: ['deploy'],
    meaning: 'show the plan and write nothing',
  }),
  skipCheck: setting({
    reader: {
      ...names,
      read: (value) => names.read(value).map((check) => oneOf(...CHECKS).read(check)),
    },
    flags: '--skip-check <name>',
    default: [],
    commands: ['push', 'render', 'register', 'deploy', 'rollout', 'rollback', 'verify'],
    meaning: `leave out a check: ${CHECKS.join(', ')} (repeatable)`,
  }),
  force: setting({
    reader: yes,
    flags: '--force',
    default: false,
    commands: ['rollout', 'deploy'],
    meaning: 'start a new deployment even of the revision that runs',
  }),
  watch: setting({
    reader: yes,
    flags: '--watch',
    default: false,
    commands: ['rollout'],
    meaning: 'follow the deployment that runs and change nothing',
  }),
  to: setting({
    reader: name,
    flags: '--to <revision>',
    commands: ['rollback'],
    meaning:
      'family:revision or ARN to go back to (default: the last that was deployed successfully)',
  }),
  follow: setting({
    reader: yes,
    flags: '-f, --follow',
    default: false,
    commands: ['logs'],
    meaning: 'go on with what is written from now on, also by tasks that start later',
  }),
  lines: setting({
    reader: count,
    flags: '-n, --lines <number>',
    default: 100,
    commands: ['logs'],
    meaning: 'newest lines to begin with (default: 100)',
  }),
  noWait: setting({
    reader: yes,
    flags: '--no-wait',
    default: false,
    commands: MOVERS,
    meaning: 'end after UpdateService, without a verdict',
  }),
  timeout: setting({
    reader: duration,
    flags: '--timeout <duration>',
    file: 'top',
    default: 30 * 60_000,
    commands: MOVERS,
    meaning: 'time limit of the rollout, from UpdateService on (default: 30m)',
    example: '30m',
  }),
  poll: setting({
    reader: duration,
    flags: '--poll <duration>',
    file: 'top',
    default: 3000,
    commands: [...MOVERS, 'logs'],
    meaning: 'time between two looks (default: 3s)',
    example: '3s',
  }),
  maxFailures: setting({
    reader: count,
    flags: '--max-failures <n>',
    file: 'top',
    default: 3,
    commands: MOVERS,
    meaning: 'failed tasks after which the rollout counts as failed (default: 3)',
    example: '3',
  }),
  onFailure: setting({
    reader: oneOf('exit', 'watch', 'rollback'),
    flags: '--on-failure <action>',
    file: 'top',
    default: 'exit',
    commands: MOVERS,
    meaning: 'when it has failed: exit, watch on, or rollback (default: exit)',
    example: 'exit',
  }),
  detachOnInterrupt: setting({
    reader: yes,
    flags: '--detach-on-interrupt',
    default: false,
    commands: MOVERS,
    meaning: 'Ctrl-C stops the watch and leaves the deployment running (that is the default)',
  }),

  // The sandbox
  speed: setting({
    reader: count,
    flags: '--speed <n>',
    default: 60,
    commands: ['sandbox'],
    meaning: 'how many times faster than the wall clock its tasks live (default: 60)',
  }),
  scenario: setting({
    reader: names,
    flags: '--scenario <name>',
    default: [],
    commands: ['sandbox'],
    meaning: 'situation to rehearse (repeatable); see --list',
  }),
  list: setting({
    reader: yes,
    flags: '--list',
    default: false,
    commands: ['sandbox'],
    meaning: 'list the scenarios',
  }),
  docker: setting({
    reader: oneOf('auto', 'daemon', 'stand-in'),
    flags: '--docker <which>',
    default: 'auto',
    commands: ['sandbox'],
    meaning: 'Docker for the command: the daemon, its stand-in, or auto (default)',
  }),
  registry: setting({
    reader: name,
    flags: '--registry <host:port>',
    commands: ['sandbox'],
    meaning:
      'registry behind its ECR instead of the built-in one; user AWS, password in ECSDEPLOY_REGISTRY_PASSWORD',
  }),
  port: setting({
    reader: count,
    flags: '--port <n>',
    commands: ['sandbox'],
    meaning: 'port to listen on (default: any free one)',
  }),
} as const;

/** A key of {@link SETTINGS}. */
export type SettingKey = keyof typeof SETTINGS;

type ValueOf<S> = S extends { reader: Reader<infer T> }
  ? S extends { default: unknown }
    ? T
    : T | undefined
  : never;

/** Every setting's value after all sources were merged; undefined where nothing gave one. */
export type Settings = { readonly [K in SettingKey]: ValueOf<(typeof SETTINGS)[K]> };

/** The row of a key, with its types forgotten: for code that handles every setting alike. */
export function settingOf(key: SettingKey): Setting<unknown> {
  return SETTINGS[key];
}

/** Every key of the table, in its order. */
export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

/** The long flag of a setting without its argument, e.g. `--set-env`. */
export function longFlag(key: SettingKey): string | undefined {
  return /--[a-z-]+/.exec(settingOf(key).flags ?? '')?.[0];
}

/** The environment variable of a setting, e.g. `ECSDEPLOY_SET_ENV`; none for a setting without a flag. */
export function variableOf(key: SettingKey): string | undefined {
  const flag = longFlag(key);
  return flag === undefined
    ? undefined
    : `ECSDEPLOY_${flag.slice(2).toUpperCase().replaceAll('-', '_')}`;
}

/** How a missing setting can be given, for messages. */
export function waysToGive(key: SettingKey): string {
  const { file } = settingOf(key);
  const ways = [settingOf(key).flags?.replace(/^-\w, /, ''), variableOf(key)];
  if (file !== undefined) ways.push(`"${file === 'build' ? 'build.' : ''}${key}" in .ecsdeployrc`);
  return ways.filter((way) => way !== undefined).join(', ');
}
