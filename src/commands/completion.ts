import { EcsDeployError } from '../errors.ts';
import { SETTING_KEYS, settingOf } from '../settings/lookup.ts';
import type { SettingKey } from '../settings/lookup.ts';
import type { CommandName } from '../settings/table.ts';
import { scriptOf, SHELLS } from './completion-scripts.ts';
import { helpPages } from './help-pages.ts';
import type { CommandResult, Context } from './context.ts';

/** Prints the completion script of a shell. */
export async function completion({ argument }: Context<'completion'>): Promise<CommandResult> {
  const text = argument === undefined ? undefined : scriptOf(argument);
  if (text === undefined) {
    throw new EcsDeployError({
      code: 'usage',
      message: argument === undefined ? 'No shell was given.' : `Unknown shell "${argument}".`,
      hint: `shells: ${SHELLS.join(', ')}, e.g. source <(ecsdeploy completion bash)`,
    });
  }
  const output = { kind: 'text', text } as const;
  return { outcome: 'unchanged', image: null, services: [], seconds: {}, output };
}

/** What suggestions are made of. */
export interface Surroundings {
  /** The commands and what they do. */
  readonly commands: Readonly<Record<string, string>>;
  readonly environment: Record<string, string | undefined>;
  /** The current folder, absolute. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** The folder of the documentation, absolute. */
  readonly docs: string;
}

/** A word, and what it means; the meaning may be empty. */
type Suggestion = readonly [word: string, meaning: string];

/** Milliseconds after which names of AWS come too late. */
const PATIENCE = 800;

/** Words that a shell takes as they are: names of others cannot act in it. */
const PLAIN = /^[\w@%+=:,./-]+$/;

/**
 * The words that can stand in place of the last one, as lines `WORD<TAB>MEANING`. Reads AWS only where
 * it has the names, and gives nothing where something fails.
 */
export async function suggest(
  words: readonly string[],
  surroundings: Surroundings,
): Promise<readonly string[]> {
  const [prefix, found] = await candidates(words, surroundings).catch(
    (): readonly [string, readonly Suggestion[]] => ['', []],
  );
  return found
    .filter(([word]) => word.startsWith(prefix) && PLAIN.test(word))
    .map(([word, meaning]) => `${word}\t${meaning}`);
}

async function candidates(
  words: readonly string[],
  surroundings: Surroundings,
): Promise<readonly [prefix: string, found: readonly Suggestion[]]> {
  const { commands } = surroundings;
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  if (before.includes('--')) return [current, []];
  // bash takes the = of --flag=value for a word of its own.
  const isSplit = current === '=' || before.at(-1) === '=';
  const flag = before.at(before.at(-1) === '=' ? -2 : -1);
  const key = flag === undefined ? undefined : keyOf(flag);
  if (key !== undefined && settingOf(key).flags?.includes('<') === true) {
    const values = await valuesOf(key, before, surroundings);
    return [isSplit && current === '=' ? '' : current, values.map((value) => [value, ''])];
  }
  const [, joined, start = ''] = /^(--[a-z-]+)=(.*)$/s.exec(current) ?? [];
  const joinedKey = joined === undefined ? undefined : keyOf(joined);
  if (joinedKey !== undefined) {
    const values = await valuesOf(joinedKey, before, surroundings);
    return [`${joined}=${start}`, values.map((value) => [`${joined}=${value}`, ''])];
  }
  const command = before.find((word) => Object.hasOwn(commands, word));
  if (current.startsWith('-')) return [current, flagsOf(command as CommandName | undefined)];
  if (command === undefined) return [current, Object.entries(commands)];
  if (command === 'help')
    return [current, [...Object.entries(commands), ...topicsOf(surroundings)]];
  if (command === 'completion') return [current, SHELLS.map((shell) => [shell, ''])];
  return [current, []];
}

/** What `help` takes besides the commands. */
function topicsOf({ docs, commands }: Surroundings): readonly Suggestion[] {
  const own = ['iam', 'errors'];
  const pages = helpPages(docs, [...Object.keys(commands), ...own]).keys();
  return [...own, 'topics', ...pages].map((topic) => [topic, '']);
}

const longOf = (flags: string) => /--[a-z-]+/.exec(flags)?.[0] ?? '';

function keyOf(flag: string): SettingKey | undefined {
  return SETTING_KEYS.find((key) =>
    settingOf(key)
      .flags?.match(/-{1,2}[a-z-]+(?=[ ,]|$)/g)
      ?.includes(flag),
  );
}

function flagsOf(command: CommandName | undefined): readonly Suggestion[] {
  return SETTING_KEYS.flatMap((key) => {
    const { flags, meaning, commands } = settingOf(key);
    const isTaken = commands === undefined || (command !== undefined && commands.includes(command));
    return flags === undefined || !isTaken ? [] : [[longOf(flags), meaning] as const];
  });
}

async function valuesOf(
  key: SettingKey,
  before: readonly string[],
  surroundings: Surroundings,
): Promise<readonly string[]> {
  const { schema } = settingOf(key).reader;
  const [item] = (schema['oneOf'] ?? [schema]) as readonly { readonly enum?: readonly string[] }[];
  if (item?.enum !== undefined) return item.enum;
  const { environment, directory } = surroundings;
  if (key === 'profile') return (await import('../aws/client.ts')).profileNames(environment);
  if (!['environment', 'service', 'container', 'cluster'].includes(key)) return [];
  const given = (name: string, variable: string) => {
    const at = before.lastIndexOf(name);
    return (at < 0 ? undefined : before[at + 1]) ?? environment[variable];
  };
  const { readConfigFile } = await import('../settings/config-file.ts');
  const named = given('--config', 'ECSDEPLOY_CONFIG') ?? given('-c', 'ECSDEPLOY_CONFIG');
  const file = readConfigFile(directory, named, []);
  if (key === 'environment') return [...(file?.environments.keys() ?? [])];
  const sections = file === undefined ? [] : [file, ...file.environments.values()];
  const known = sections
    .flatMap(({ values, services = [] }) => [values, ...services.map((item) => item.values)])
    .flatMap((values) => values[key] ?? [])
    .filter((value): value is string => typeof value === 'string');
  const own = [...new Set(known)];
  if (key === 'container' || (key === 'service' && own.length > 0)) return own;
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const names = await awsNames(key, surroundings, {
    cluster: given('--cluster', 'ECSDEPLOY_CLUSTER') ?? text(file?.values.cluster) ?? 'default',
    profile: given('--profile', 'ECSDEPLOY_PROFILE') ?? text(file?.values.profile),
    region: given('--region', 'ECSDEPLOY_REGION') ?? text(file?.values.region),
  });
  return [...new Set([...own, ...names])];
}

/** The names of the clusters, or of the services of a cluster; none after {@link PATIENCE}. */
async function awsNames(
  key: SettingKey,
  { environment, signal }: Surroundings,
  {
    cluster,
    profile,
    region,
  }: Readonly<Record<'profile' | 'region', string | undefined>> & {
    readonly cluster: string;
  },
): Promise<readonly string[]> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
  const late = new Promise<readonly string[]>((done) => {
    limit.addEventListener('abort', () => done([]));
  });
  const read = async () => {
    const [{ connect }, { openEcs }, { clusterNames, serviceNames }] = await Promise.all([
      import('../aws/client.ts'),
      import('../aws/ecs.ts'),
      import('../aws/names.ts'),
    ]);
    const onCall = () => undefined;
    const options = { profile, region, environment, ask: undefined, onCall, signal: limit };
    const ecs = await openEcs(await connect({ ...options, callTimeout: PATIENCE }));
    return key === 'cluster' ? clusterNames(ecs) : serviceNames(ecs, cluster);
  };
  return Promise.race([read().catch(() => []), late]);
}
