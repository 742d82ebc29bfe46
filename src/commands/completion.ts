import { EcsDeployError } from '../errors.ts';
import { SETTING_KEYS, settingOf, variableOf } from '../settings/lookup.ts';
import type { SettingKey } from '../settings/lookup.ts';
import type { CommandName } from '../settings/table.ts';
import { scriptOf, SHELLS } from './completion-scripts.ts';
import { helpPages } from './help-pages.ts';
import type { NameRequest } from './completion-names.ts';
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
  const { whole, cut } = joinColons(words);
  const [prefix, found] = await candidates(whole, surroundings).catch(
    (): readonly [string, readonly Suggestion[]] => ['', []],
  );
  return found
    .filter(([word]) => word.startsWith(prefix) && PLAIN.test(word))
    .map(([word, meaning]) => `${word.slice(cut)}\t${meaning}`);
}

/**
 * bash takes the colon of `family:42` for a word of its own: the whole words, and the length of what
 * stands before the part that bash completes.
 */
function joinColons(words: readonly string[]) {
  const whole: string[] = [];
  let cut = 0;
  for (const [index, word] of words.entries()) {
    const last = whole.at(-1);
    const isPart = last !== undefined && (word === ':' || words[index - 1] === ':');
    whole.splice(isPart ? -1 : whole.length, 1, isPart ? `${last}${word}` : word);
    cut = !isPart ? 0 : word === ':' ? last.length + 1 : last.length;
  }
  return { whole, cut };
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
    const values = await valuesOf(
      key,
      before,
      isSplit && current === '=' ? '' : current,
      surroundings,
    );
    return [isSplit && current === '=' ? '' : current, values.map((value) => [value, ''])];
  }
  const [, joined, start = ''] = /^(--[a-z-]+)=(.*)$/s.exec(current) ?? [];
  const joinedKey = joined === undefined ? undefined : keyOf(joined);
  if (joinedKey !== undefined) {
    const values = await valuesOf(joinedKey, before, start, surroundings);
    return [`${joined}=${start}`, values.map((value) => [`${joined}=${value}`, ''])];
  }
  const command = before.find((word) => Object.hasOwn(commands, word));
  if (current.startsWith('-')) return [current, flagsOf(command as CommandName | undefined)];
  if (command === undefined) return [current, Object.entries(commands)];
  if (command === 'help')
    return [current, [...Object.entries(commands), ...topicsOf(surroundings)]];
  if (command === 'completion') return [current, SHELLS.map((shell) => [shell, ''])];
  if (command === 'rollout') {
    const values = await valuesOf('to', before, current, surroundings);
    return [current, values.map((value) => [value, ''])];
  }
  return [current, []];
}

/** What `help` takes besides the commands. */
function topicsOf({ docs, commands }: Surroundings): readonly Suggestion[] {
  const own = ['iam', 'errors'];
  const pages = helpPages(docs, [...Object.keys(commands), ...own]).keys();
  return [...own, 'topics', ...pages].map((topic) => [topic, '']);
}

const longOf = (flags: string) => /--[a-z-]+/.exec(flags)?.[0] ?? '';

const flagsFor = (key: SettingKey): readonly string[] =>
  settingOf(key).flags?.match(/-{1,2}[a-z-]+(?=[ ,]|$)/g) ?? [];

const keyOf = (flag: string) => SETTING_KEYS.find((key) => flagsFor(key).includes(flag));

function flagsOf(command: CommandName | undefined): readonly Suggestion[] {
  return SETTING_KEYS.flatMap((key) => {
    const { flags, meaning, commands } = settingOf(key);
    const isTaken = commands === undefined || (command !== undefined && commands.includes(command));
    return flags === undefined || !isTaken ? [] : [[longOf(flags), meaning] as const];
  });
}

/** The settings whose values are names of AWS. */
const OF_AWS: Readonly<Partial<Record<SettingKey, NameRequest['kind']>>> = {
  cluster: 'cluster',
  service: 'service',
  repository: 'repository',
  taskDefinition: 'family',
  to: 'revision',
};

/** The values of a setting; of revisions, those of the family with which `current` begins. */
async function valuesOf(
  key: SettingKey,
  before: readonly string[],
  current: string,
  surroundings: Surroundings,
): Promise<readonly string[]> {
  const { schema } = settingOf(key).reader;
  const [item] = (schema['oneOf'] ?? [schema]) as readonly { readonly enum?: readonly string[] }[];
  if (item?.enum !== undefined) return item.enum;
  const { environment, directory } = surroundings;
  if (key === 'profile') return (await import('../aws/client.ts')).profileNames(environment);
  const kind = OF_AWS[key];
  if (kind === undefined && key !== 'environment' && key !== 'container') return [];
  const given = (name: SettingKey) => {
    const at = before.findLastIndex((word) => flagsFor(name).includes(word));
    return (at < 0 ? undefined : before[at + 1]) ?? environment[variableOf(name) ?? ''];
  };
  const { readConfigFile } = await import('../settings/config-file.ts');
  const file = readConfigFile(directory, given('config'), []);
  if (key === 'environment') return [...(file?.environments.keys() ?? [])];
  const sections = file === undefined ? [] : [file, ...file.environments.values()];
  const known = sections
    .flatMap(({ values, services = [] }) => [values, ...services.map((item) => item.values)])
    .flatMap((values) => values[key] ?? [])
    .filter((value): value is string => typeof value === 'string');
  const own = [...new Set(known)];
  if (kind === undefined || (key === 'service' && own.length > 0)) return own;
  const section = file?.environments.get(given('environment') ?? '');
  const values = { ...file?.values, ...section?.values };
  const listed = section?.services ?? file?.services;
  const [first] = [values.service ?? listed?.[0]?.values.service].flat();
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const isRevision = kind === 'family' || kind === 'revision';
  const [, family] = (isRevision && /^([^:]+):/.exec(current)) || [];
  const { awsNames } = await import('./completion-names.ts');
  const names = await awsNames(
    {
      kind: family === undefined ? kind : 'revision',
      cluster: given('cluster') ?? text(values.cluster) ?? 'default',
      service: given('service') ?? text(first),
      family,
      profile: given('profile') ?? text(values.profile),
      region: given('region') ?? text(values.region),
    },
    surroundings,
  );
  return [...new Set([...own, ...names])];
}
