import { SETTINGS } from './table.ts';
import type { CommandName, Setting } from './table.ts';
import type { Reader } from './readers.ts';

/** A key of {@link SETTINGS}. */
export type SettingKey = keyof typeof SETTINGS;

type ValueOf<S> = S extends { reader: Reader<infer T> }
  ? S extends { default: unknown }
    ? T
    : T | undefined
  : never;

/** The value of every setting after all sources are merged; undefined where no source gives one. */
export type Settings = { readonly [K in SettingKey]: ValueOf<(typeof SETTINGS)[K]> };

/** The settings that a command takes; of several commands, those that all of them take. */
export type KeyOf<C extends CommandName> = {
  [K in SettingKey]: (typeof SETTINGS)[K] extends Setting<unknown, infer Taker>
    ? [C] extends [Taker]
      ? K
      : never
    : never;
}[SettingKey];

/** Values by setting. */
export type Layer = Readonly<Partial<Record<SettingKey, unknown>>>;

/** The values that one source gives, and how messages name them. */
export interface Source {
  readonly values: Layer;
  /** The image of `images` that the source chooses for its service; flags cannot. */
  readonly imageName?: string | undefined;
  /** File and line, with a colon and a space behind; empty for flags and variables. */
  readonly place: string;
  readonly nameOf: (key: SettingKey) => string;
}

/** The row of a key without its types, for code that handles all settings alike. */
export function settingOf(key: SettingKey): Setting<unknown> {
  return SETTINGS[key];
}

/** Every key of the table, in its order. */
export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

/** The long flag of a setting without its argument, e.g. `--set-env`. */
export function longFlag(key: SettingKey): string | undefined {
  return /--[a-z-]+/.exec(settingOf(key).flags ?? '')?.[0];
}

/** The environment variable of a setting, e.g. `ECSDEPLOY_SET_ENV`; undefined without a flag. */
export function variableOf(key: SettingKey): string | undefined {
  const flag = longFlag(key);
  return flag === undefined
    ? undefined
    : `ECSDEPLOY_${flag.slice(2).toUpperCase().replaceAll('-', '_')}`;
}

/** The ways to give a missing setting, for messages. */
export function waysToGive(key: SettingKey): string {
  const { file } = settingOf(key);
  const ways = [settingOf(key).flags?.replace(/^-\w, /, ''), variableOf(key)];
  if (file !== undefined) ways.push(`"${file === 'build' ? 'build.' : ''}${key}" in .ecsdeployrc`);
  return new Intl.ListFormat('en', { type: 'disjunction' }).format(
    ways.filter((way) => way !== undefined),
  );
}

/** Reads one value into a layer; a value that cannot be read becomes a problem behind its label. */
export function readInto(
  values: Partial<Record<SettingKey, unknown>>,
  key: SettingKey,
  raw: unknown,
  label: string,
  problems: string[],
): void {
  try {
    values[key] = settingOf(key).reader.read(raw);
  } catch (error) {
    problems.push(`${label}: ${(error as Error).message}`);
  }
}

/** The first of the sources that gives a setting, with the value. */
export function giverOf<K extends SettingKey>(sources: readonly Source[], key: K) {
  const giver = sources.find(({ values }) => values[key] !== undefined);
  return (
    giver && { value: giver.values[key] as NonNullable<Settings[K]>, label: giver.nameOf(key) }
  );
}

/** The merged value of a setting: of the first source that gives it, of all for a map, or the default. */
export function pick(layers: readonly Source[], key: SettingKey): unknown {
  const row = settingOf(key);
  const found = layers.map(({ values }) => values[key]).filter((value) => value !== undefined);
  if (row.merge !== true) return found[0] ?? row.default;
  return Object.fromEntries(found.toReversed().flatMap((map) => Object.entries(map as object)));
}
