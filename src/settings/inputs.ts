import { longFlag, SETTING_KEYS, settingOf, variableOf } from './lookup.ts';
import type { SettingKey } from './lookup.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The input of the GitHub action that gives a setting, e.g. `set-env`; undefined without a flag. */
export function inputOf(key: SettingKey): string | undefined {
  return longFlag(key)?.slice(2);
}

/** A command line, and variables that take precedence over those of the job. */
export interface ActionRun {
  readonly argv: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * The command line that the inputs of the GitHub action stand for. The runner passes an input as
 * `INPUT_NAME`, with its hyphens, and one that is not given as an empty text. An input of several
 * values has one on each line.
 */
export function readInputs(environment: Environment): ActionRun {
  const input = (name: string) => environment[`INPUT_${name.toUpperCase()}`]?.trim() ?? '';
  const words = input('command').split(/\s+/);
  const end = words.includes('--') ? words.indexOf('--') : words.length;
  const flags: string[] = [];
  const variables: Record<string, string> = {};
  for (const key of SETTING_KEYS) {
    const [name, flag, variable] = [inputOf(key), longFlag(key), variableOf(key)];
    if (name === undefined || flag === undefined || variable === undefined) continue;
    const value = input(name);
    if (value === '') continue;
    const { reader, flags: notation = '' } = settingOf(key);
    if (!notation.includes('<')) {
      // A switch that is off is no flag; anything else than true is read, or refused, as a variable.
      if (value === 'true') flags.push(flag);
      else variables[variable] = value;
      continue;
    }
    const values = reader.many === true ? value.split('\n').map((line) => line.trim()) : [value];
    flags.push(...values.filter((item) => item !== '').map((item) => `${flag}=${item}`));
  }
  // With debug logging, GitHub shows the log of a run that is repeated in detail.
  if (environment['RUNNER_DEBUG'] === '1') flags.push('--verbose');
  return { argv: [...words.slice(0, end), ...flags, ...words.slice(end)], variables };
}
