import { dirname, resolve } from 'node:path';
import { suggest } from '../core/nearest.ts';
import type { Place } from '../core/ecs.ts';
import type { ServiceName } from '../core/service-name.ts';
import { isDefinitionFile, shortName } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import { readConfigFile } from './config-file.ts';
import type { ConfigFile, Section } from './config-file.ts';
import { readEnvFile } from './env-file.ts';
import { buildsAll, chooseImage, imageConflicts, imageSettings, imageSources } from './images.ts';
import type { ImageSettings, ImageTarget } from './images.ts';
import {
  giverOf,
  longFlag,
  pick,
  readInto,
  SETTING_KEYS,
  settingOf,
  variableOf,
  waysToGive,
} from './lookup.ts';
import type { KeyOf, Layer, SettingKey, Settings, Source } from './lookup.ts';
import { namesOf, readOrder, serviceOf } from './order.ts';
import type { Order } from './order.ts';
import type { ReleaseTask } from './readers.ts';
import type { CommandName } from './table.ts';

/** The settings that change the environment variables of a container. */
type VariableKey = 'setEnv' | 'setSecrets' | 'unsetEnv';
type TargetKey = (typeof PLAIN_KEYS)[number] | 'taskDefinition' | VariableKey;

/** The settings of a target that are taken as the strongest source gives them. */
const PLAIN_KEYS = [
  'container',
  'containerImages',
  'replaceEnv',
  'codeDeploy',
  'schedules',
  'setCommand',
  'setCpu',
  'setMemory',
  'setTaskRole',
  'setExecutionRole',
  'setTags',
] as const;

/** One service to work on, with the settings that can differ between services. */
export type Target = Pick<Settings, TargetKey> & {
  readonly cluster: string;
  readonly service: string;
  /** Its region and profile where its entry of `services` has one; else they are those of the run. */
  readonly place?: Place | undefined;
  /** The name of its image in `images`; undefined for a config without them. */
  readonly imageName: string | undefined;
  /** Undefined for a service that is not an entry of `services`. */
  readonly order?: Order;
};

/** The name of a service before it is read. */
export function named({ cluster, service, place }: Target): ServiceName {
  return { cluster: shortName(cluster), service: shortName(service), ...place };
}

/** All settings of one run, merged and checked. */
export interface Config
  extends
    Omit<Settings, 'service' | 'after' | keyof ImageSettings>,
    // Of the image of the top level.
    ImageSettings {
  /** The config file that was read, absolute; undefined when there is none. */
  readonly file: string | undefined;
  /** The folder of the config file, else the current one, where `build.before` runs; absolute. */
  readonly directory: string;
  /** Where relative paths of build secrets and ssh agents begin; absolute. */
  readonly secretsDirectory: string;
  /** The services to work on, in the order of the config; empty when none is named. */
  readonly targets: readonly Target[];
  /** The images to build, in the order of the config; with --service, those of these services. */
  readonly images: readonly ImageTarget[];
  /** What flags and variables give of settings that services have of their own. */
  readonly given: Partial<Pick<Settings, 'setEnv' | 'taskDefinition'>>;
}

/** The settings that a command can read: those that it takes, and what limits every call. */
export type ConfigOf<C extends CommandName> = Pick<
  Config,
  Exclude<keyof Config, SettingKey> | Extract<keyof Config, KeyOf<C>> | 'poll' | 'timeout'
>;

/** Where settings come from. */
export interface Sources {
  /** The command that runs, for hints. */
  readonly command: CommandName;
  readonly flags: Layer;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The current folder, absolute. */
  readonly directory: string;
}

/**
 * Merges flags, `ECSDEPLOY_*` variables, the environment's section, the file and the defaults, in
 * that order of precedence.
 *
 * Throws an {@link EcsDeployError} that names every problem at once.
 */
export function resolveConfig(sources: Sources): Config {
  const problems: string[] = [];
  const flags = readSource(sources.flags, (key) => longFlag(key) ?? key, problems);
  const variables = readSource(
    variableValues(sources.environment),
    (key) => variableOf(key) ?? key,
    problems,
  );
  const given = { ...variables.values, ...flags.values };
  const file = readConfigFile(sources.directory, given.config as string | undefined, problems);
  const section = sectionOf(file, [flags, variables], problems);
  const directory = file === undefined ? sources.directory : dirname(file.path);
  const sections = [section, file].filter((owner) => owner !== undefined);
  const layers: readonly Source[] = [flags, variables, ...sections];

  // A section that names one service replaces the list of the file, and the other way round.
  const listOwner = sections.find(
    ({ services, values }) => services !== undefined || values.service !== undefined,
  );
  const listed = listOwner?.services;
  const images = imageSources(layers, sections);
  const imageOf = (service: string, owners: readonly Source[]) =>
    chooseImage(service, owners, images, problems);
  // A path is relative to where it is written.
  const base = given.taskDefinition === undefined ? directory : sources.directory;
  const readEnv = envReader(sources, directory, problems);
  const settingsOf = (owners: readonly Source[]) => targetSettings(owners, base, readEnv(owners));
  // An entry overrides the section that lists it.
  const withEntry = (item: Source) =>
    listOwner === undefined ? layers : layers.toSpliced(layers.indexOf(listOwner), 0, item);
  const chosen =
    listed &&
    chooseByPlace(selectServices(listed, [flags, variables], problems), layers, withEntry);
  const targets =
    listed === undefined || chosen === undefined
      ? [...new Set((pick(layers, 'service') ?? []) as readonly string[])].map((service) =>
          targetOf(layers, service, settingsOf, imageOf(service, sections)),
        )
      : inOrder(listed, chosen, (item) =>
          targetOf(
            withEntry(item),
            serviceOf(item),
            settingsOf,
            imageOf(serviceOf(item), [item, ...sections]),
            item,
          ),
        );

  const merged = {
    ...(Object.fromEntries(SETTING_KEYS.map((key) => [key, pick(layers, key)])) as Settings),
    ...settingsOf(layers),
  };
  const known = listed?.map(namesOf) ?? targets.map(({ service }) => [service]);
  problems.push(
    ...placeProblems(targets, [flags, variables, ...(section ? [section] : [])]),
    ...merged.release.flatMap((task) => releaseProblems(task, known)),
    ...exclusiveFlags(flags),
    ...[...layers, ...(listed ?? [])].flatMap(contradictions),
    ...(takesVariables(sources) ? targets.flatMap(emptied) : []),
  );
  const folders = { current: sources.directory, ofFile: directory };
  const all = buildsAll(sources.command, giverOf([flags, variables], 'service') !== undefined);
  const config: Config = {
    ...merged,
    ...imageSettings(layers, given, folders),
    file: file?.path,
    directory,
    secretsDirectory: directory,
    targets,
    images: [...images]
      .filter(
        ([name]) =>
          all || name === undefined || targets.some(({ imageName }) => imageName === name),
      )
      .map(([name, owners]) => ({ name, ...imageSettings(owners, given, folders) })),
    given: {
      setEnv: {
        ...(variables.values.setEnv as Settings['setEnv']),
        ...(flags.values.setEnv as Settings['setEnv']),
      },
      taskDefinition: given.taskDefinition as Settings['taskDefinition'],
    },
  };
  problems.push(...imageConflicts(config.images, [flags, variables], sources.command));
  if (problems.length > 0) {
    const ofCommandLine = problems.filter((problem) => /^(?:-|ECSDEPLOY_)/.test(problem)).length;
    throw new EcsDeployError({
      code: 'config-invalid',
      message: problems.join('\n'),
      hint: [
        ...(ofCommandLine > 0 ? [`see ecsdeploy ${sources.command} --help`] : []),
        ...(ofCommandLine < problems.length
          ? ['see .ecsdeployrc.example, which comes with ecsdeploy']
          : []),
      ].join('\n'),
    });
  }
  return config;
}

/** Throws one error that names every required setting that no source gives. */
export function requireSettings(
  config: Partial<Config> & Pick<Config, 'targets' | 'file' | 'directory'>,
  keys: readonly Exclude<SettingKey, 'environment' | 'after'>[],
): void {
  const missing = keys.filter((key) => {
    if (key === 'service') return config.targets.length === 0;
    if (key === 'cluster') return config.cluster === undefined && !allTargetsHaveCluster(config);
    if (key === 'repository') return config.images?.some(({ repository }) => !repository);
    return config[key] === undefined;
  });
  if (missing.length === 0) return;
  const lines = missing.flatMap((key) =>
    key === 'repository' ? repositoryLines(config.images) : `  ${key}: set ${waysToGive(key)}`,
  );
  throw new EcsDeployError({
    code: 'setting-missing',
    message: `Required settings are missing:\n${lines.join('\n')}`,
    hint:
      config.file === undefined
        ? `no .ecsdeployrc was found in ${config.directory} or in the folders above it in the repository; to create one: ecsdeploy init`
        : `the config file is ${config.file}`,
  });
}

function repositoryLines(images: Config['images'] = []): string[] {
  return images.flatMap(({ name, repository }) => {
    if (repository !== undefined) return [];
    if (name === undefined) return `  repository: set ${waysToGive('repository')}`;
    return `  repository of the image ${name}: set "images.${name}.repository" in .ecsdeployrc`;
  });
}

function allTargetsHaveCluster({ targets }: Pick<Config, 'targets'>): boolean {
  return targets.length > 0 && targets.every(({ cluster }) => cluster !== '');
}

type TargetSettings = Pick<Settings, TargetKey>;

function targetOf(
  layers: readonly Source[],
  service: string,
  settingsFrom: (layers: readonly Source[]) => TargetSettings,
  imageName: string | undefined,
  entry?: Source,
): Target {
  const cluster = (pick(layers, 'cluster') ?? '') as string;
  const hasPlace = (entry?.values.region ?? entry?.values.profile) !== undefined;
  const place: Place | undefined = hasPlace
    ? {
        region: pick(layers, 'region') as string | undefined,
        profile: pick(layers, 'profile') as string | undefined,
      }
    : undefined;
  return { service, cluster, place, imageName, ...settingsFrom(layers) };
}

/** The settings that say where a service is. */
const PLACE_KEYS = ['cluster', 'region', 'profile'] as const;

/**
 * Of entries with the same name, those that a flag or a variable means with its cluster, region or
 * profile: so the commands that messages print choose one. All of them where none has it.
 */
function chooseByPlace(
  entries: readonly Source[],
  [flags, variables]: readonly Source[],
  withEntry: (item: Source) => readonly Source[],
): readonly Source[] {
  const given = [flags, variables].filter((source) => source !== undefined);
  const isMeant = (item: Source) =>
    PLACE_KEYS.every((key) => {
      const wanted = giverOf(given, key);
      const own = withEntry(item).filter((source) => !given.includes(source));
      return wanted === undefined || shortName(String(pick(own, key))) === shortName(wanted.value);
    });
  return entries.filter((item) => {
    const same = entries.filter((other) => serviceOf(other) === serviceOf(item));
    return same.length === 1 || isMeant(item) || !same.some(isMeant);
  });
}

/** Flags that make two services one, and profiles that are none. */
function placeProblems(targets: readonly Target[], given: readonly Source[]): string[] {
  const seen = new Set<string>();
  const label = PLACE_KEYS.flatMap((key) => giverOf(given, key)?.label ?? []).join(' and ');
  return targets.flatMap(({ cluster, service, place }) => {
    const key = JSON.stringify([cluster, service, place]);
    const isTwice = seen.has(key);
    seen.add(key);
    return [
      ...(isTwice && label !== ''
        ? [`${label}: several entries of "services" would be the same service ${service}`]
        : []),
      ...(place?.profile === ''
        ? [`the "profile" of the service "${service}" is empty: name one, or leave the key out`]
        : []),
    ];
  });
}

/** The targets of the selected entries, with their places in the order of all. */
function inOrder(
  listed: readonly Source[],
  selected: readonly Source[],
  targetOfEntry: (entry: Source) => Target,
): readonly Target[] {
  // Its problems were reported when the file was read.
  const order = readOrder(listed, []);
  const idOf = (entry: Source) => String(listed.indexOf(entry));
  return selected.map((entry) => {
    const before = order.get(entry) ?? [];
    const isSelected = (item: Source) => selected.includes(item);
    return {
      ...targetOfEntry(entry),
      order: {
        id: idOf(entry),
        after: before.filter(isSelected).map(idOf),
        outside: before.filter((item) => !isSelected(item)).map(serviceOf),
        names: namesOf(entry),
      },
    };
  });
}

/** What the `envFile` of the strongest source that has one gives. */
interface EnvFiles {
  readonly source: Source | undefined;
  readonly values: Readonly<Record<string, string>>;
}

/** Reads env files, for a command that changes variables only. */
function envReader(
  { command, directory: current }: Pick<Sources, 'command' | 'directory'>,
  directory: string,
  problems: string[],
): (layers: readonly Source[]) => EnvFiles {
  if (!takesVariables({ command })) return () => NO_FILES;
  return (layers) => {
    const source = layers.find(({ values }) => values.envFile !== undefined);
    if (source === undefined) return NO_FILES;
    const base = source.place === '' ? current : directory;
    const files = (source.values.envFile as readonly string[]).map((path) =>
      readEnvFile(resolve(base, path)),
    );
    const label = `${source.place}${source.nameOf('envFile')}`;
    const found = files.flatMap((file) => file.problems.map((problem) => `${label}: ${problem}`));
    problems.push(...found.filter((problem) => !problems.includes(problem)));
    return { source, values: Object.assign({}, ...files.map(({ values }) => values)) };
  };
}

const takesVariables = ({ command }: Pick<Sources, 'command'>): boolean =>
  settingOf('envFile').commands?.includes(command) === true;

/** A container that would lose all its variables: a file or a flag was probably forgotten. */
function emptied({ service, replaceEnv, setEnv }: Target): string[] {
  if (!replaceEnv || Object.keys(setEnv).length > 0) return [];
  return [
    `--replace-env: no environment variable is given for the service "${service}": use --set-env or --env-file`,
  ];
}

const NO_FILES: EnvFiles = { source: undefined, values: {} };

function targetSettings(
  layers: readonly Source[],
  base: string,
  envFiles: EnvFiles,
): TargetSettings {
  const named = pick(layers, 'taskDefinition') as Settings['taskDefinition'];
  const plain = Object.fromEntries(PLAIN_KEYS.map((key) => [key, pick(layers, key)]));
  return {
    ...(plain as Pick<Settings, (typeof PLAIN_KEYS)[number]>),
    taskDefinition: named !== undefined && isDefinitionFile(named) ? resolve(base, named) : named,
    ...variablesOf(layers, envFiles),
  };
}

/** What the strongest source says about each variable: a value, a secret, or its removal. */
function variablesOf(layers: readonly Source[], envFiles: EnvFiles): Pick<Settings, VariableKey> {
  const unsetting = layers.find(({ values }) => values.unsetEnv !== undefined);
  const said = new Map<string, { readonly key: VariableKey; readonly value: string }>();
  for (const layer of layers.toReversed()) {
    const filed = layer === envFiles.source ? Object.entries(envFiles.values) : [];
    for (const [name, value] of filed) said.set(name, { key: 'setEnv', value });
    const removed = layer === unsetting ? namesIn(layer, 'unsetEnv') : [];
    for (const name of removed) said.set(name, { key: 'unsetEnv', value: '' });
    for (const key of ['setEnv', 'setSecrets'] as const) {
      const given = (layer.values[key] ?? {}) as Readonly<Record<string, string>>;
      for (const [name, value] of Object.entries(given)) said.set(name, { key, value });
    }
  }
  const of = (wanted: VariableKey) =>
    [...said].flatMap(([name, { key, value }]) => (key === wanted ? [[name, value] as const] : []));
  return {
    setEnv: Object.fromEntries(of('setEnv')),
    setSecrets: Object.fromEntries(of('setSecrets')),
    unsetEnv: of('unsetEnv').map(([name]) => name),
  };
}

/** The variables that a source names under a key. */
function namesIn({ values }: Source, key: VariableKey): readonly string[] {
  const given = (values[key] ?? []) as readonly string[] | Readonly<Record<string, string>>;
  return Array.isArray(given) ? given : Object.keys(given);
}

/** Variables that one source both sets and removes, or sets twice. */
function contradictions(source: Source): string[] {
  const keyOf = new Map<string, VariableKey>();
  return (['setEnv', 'setSecrets', 'unsetEnv'] as const).flatMap((key) =>
    [...new Set(namesIn(source, key))].flatMap((name) => {
      const other = keyOf.get(name);
      keyOf.set(name, key);
      if (other === undefined) return [];
      const { place, nameOf } = source;
      return [`${place}${nameOf(other)} and ${nameOf(key)} both name the variable "${name}"`];
    }),
  );
}

/** What is wrong with the service of a release task; `known` are the names of each service. */
function releaseProblems(
  { service, place = '' }: ReleaseTask,
  known: readonly (readonly string[])[],
): readonly string[] {
  if (service === undefined) {
    return known.length < 2
      ? []
      : [
          `${place}a release task needs the key "service", because there are ${known.length} services`,
        ];
  }
  // Where the config names none, the command line may.
  if (known.length === 0) return [];
  const found = known.filter((names) => names.includes(service));
  if (found.length === 1) return [];
  const first = known.map(([name = '']) => name);
  return [
    found.length === 0
      ? `${place}the service "${service}" of a release task is not in the config file (${suggest(service, first, 'services')})`
      : `${place}the service "${service}" of a release task is in "services" ${found.length} times: name one of ${found.map((names) => names.at(-1)).join(', ')}`,
  ];
}

/** Flags of which the first makes the second meaningless. */
const EXCLUSIVE: readonly (readonly [SettingKey, SettingKey])[] = [
  ['quiet', 'verbose'],
  ['quiet', 'progress'],
  ['image', 'rebuild'],
  ['image', 'fromCommit'],
  ['builder', 'dockerHost'],
  ['builder', 'dockerContext'],
  ['noWait', 'timeout'],
  ['noWait', 'poll'],
  ['noWait', 'maxFailures'],
  ['noWait', 'onFailure'],
  ['noWait', 'until'],
];

function exclusiveFlags({ values, nameOf }: Source): string[] {
  return EXCLUSIVE.filter((keys) => keys.every((key) => values[key] !== undefined)).map(
    ([one, other]) => `${nameOf(one)} and ${nameOf(other)} cannot be used together`,
  );
}

function selectServices(
  listed: readonly Source[],
  sources: readonly Source[],
  problems: string[],
): readonly Source[] {
  const wanted = giverOf(sources, 'service');
  if (wanted === undefined) return listed;
  const known = listed.map(serviceOf);
  const names = new Set(listed.flatMap(namesOf));
  for (const unknown of wanted.value.filter((service) => !names.has(service))) {
    problems.push(
      `${wanted.label}: "${unknown}" is not in the config file (${suggest(unknown, known, 'services')})`,
    );
  }
  return listed.filter((item) => namesOf(item).some((name) => wanted.value.includes(name)));
}

function variableValues(environment: Sources['environment']): Layer {
  return Object.fromEntries(
    SETTING_KEYS.flatMap((key) => {
      const variable = variableOf(key);
      const value = variable === undefined ? undefined : environment[variable];
      // An empty profile means the default credential chain; any other empty variable is unset.
      return value === undefined || (value === '' && key !== 'profile') ? [] : [[key, value]];
    }),
  );
}

function readSource(raw: Layer, nameOf: Source['nameOf'], problems: string[]): Source {
  const values: Partial<Record<SettingKey, unknown>> = {};
  for (const key of SETTING_KEYS) {
    if (raw[key] === undefined) continue;
    readInto(values, key, raw[key], nameOf(key), problems);
  }
  return { values, place: '', nameOf };
}

/** The environment of the file that a flag or a variable names. */
function sectionOf(
  file: ConfigFile | undefined,
  sources: readonly Source[],
  problems: string[],
): Section | undefined {
  const named = giverOf(sources, 'environment');
  if (named === undefined) return undefined;
  const { value, label } = named;
  if (file === undefined) {
    // A file that could not be read is a problem already.
    if (problems.length === 0) {
      problems.push(`${label}: no config file was found that could define "${value}"`);
    }
    return undefined;
  }
  const section = file.environments.get(value);
  if (section !== undefined) return section;
  const known = suggest(value, [...file.environments.keys()], 'environments');
  problems.push(`${label}: ${file.path} does not define the environment "${value}" (${known})`);
  return undefined;
}
