import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Node, YAMLMap } from 'yaml';
import { suggest } from '../core/nearest.ts';
import { isDefinitionFile } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import { longFlag, SETTING_KEYS, settingOf, variableOf, waysToGive } from './table.ts';
import type { SettingKey, Settings } from './table.ts';

/** What becomes of a container's environment variables. */
type VariableKey = 'setEnv' | 'setSecrets' | 'unsetEnv';
type TargetKey = 'taskDefinition' | 'container' | 'containerImages' | VariableKey;

/** One service to work on, with the settings that may differ between services. */
export type Target = Pick<Settings, TargetKey> & {
  readonly cluster: string;
  readonly service: string;
};

/** All settings of one run, merged and checked. */
export interface Config extends Omit<Settings, 'service' | 'environment' | 'dockerfile'> {
  /** Absolute. */
  readonly dockerfile: string;
  /** The config file that was read, absolute; undefined when there is none. */
  readonly file: string | undefined;
  /** Folder in which `build.before` runs: the config file's, else the current one; absolute. */
  readonly directory: string;
  /** The services to work on, in the config's order; empty when none is named. */
  readonly targets: readonly Target[];
}

/** Where settings come from. */
export interface Sources {
  /** Values of the flags by setting key. */
  readonly flags: Readonly<Partial<Record<SettingKey, unknown>>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The current folder, absolute. */
  readonly directory: string;
}

type Layer = Readonly<Partial<Record<SettingKey, unknown>>>;

interface Section {
  readonly values: Layer;
  readonly services: readonly Layer[] | undefined;
}

interface File extends Section {
  readonly path: string;
  readonly environments: Readonly<Record<string, Section>>;
}

/** The names under which a config file is looked for, in this order. */
const CONFIG_NAMES = [
  '.ecsdeployrc',
  '.ecsdeployrc.yaml',
  '.ecsdeployrc.yml',
  '.ecsdeployrc.json',
] as const;

/**
 * Merges flags, `ECSDEPLOY_*` variables, the environment's section, the file and the defaults, in
 * that order of precedence.
 *
 * Throws an {@link EcsDeployError} that names every problem at once.
 */
export function resolveConfig(sources: Sources): Config {
  const problems: string[] = [];
  const flags = readLayer(sources.flags, (key) => longFlag(key) ?? key, problems);
  const environment = readLayer(
    variables(sources.environment),
    (key) => variableOf(key) ?? key,
    problems,
  );
  const given = { ...environment, ...flags };
  const file = readFile(sources.directory, given.config as string | undefined, problems);
  const section = sectionOf(file, given.environment as string | undefined, problems);
  const directory = file === undefined ? sources.directory : dirname(file.path);
  const layers = [flags, environment, section.values, file?.values ?? {}];

  // A section that names one service replaces the file's list, and the other way round.
  const listOwner = [section, file].find(
    (owner) => owner?.services !== undefined || owner?.values.service !== undefined,
  );
  const listed = listOwner?.services;
  // Files are named from where the name stands.
  const base = given.taskDefinition === undefined ? directory : sources.directory;
  const wanted = pick([flags, environment], 'service') as readonly string[] | undefined;
  const targets =
    listed === undefined
      ? ((pick(layers, 'service') ?? []) as readonly string[]).map((service) =>
          targetOf(layers, service, base),
        )
      : selectServices(listed, wanted, problems).map((item) => {
          const itemLayers =
            listOwner === section
              ? [flags, environment, item, section.values, file?.values ?? {}]
              : [flags, environment, section.values, item, file?.values ?? {}];
          return targetOf(itemLayers, String((item.service as readonly string[])[0]), base);
        });

  const merged = {
    ...(Object.fromEntries(SETTING_KEYS.map((key) => [key, pick(layers, key)])) as Settings),
    ...targetSettings(layers, base),
  };
  for (const layer of [flags, environment, section.values, file?.values ?? {}, ...(listed ?? [])]) {
    problems.push(...contradictions(layer));
  }
  const context = resolve(
    given.context === undefined ? directory : sources.directory,
    merged.context,
  );
  const config: Config = {
    ...merged,
    context,
    dockerfile: resolve(
      given.dockerfile === undefined ? context : sources.directory,
      merged.dockerfile ?? 'Dockerfile',
    ),
    file: file?.path,
    directory,
    targets,
  };
  if (problems.length > 0) {
    throw new EcsDeployError({
      code: 'config-invalid',
      message: problems.join('\n'),
      hint: [
        ...(problems.some((problem) => problem.startsWith('-'))
          ? ['every flag is explained by `ecsdeploy COMMAND --help`']
          : []),
        ...(problems.some((problem) => !problem.startsWith('-'))
          ? ['every key is explained in .ecsdeployrc.example, which comes with ecsdeploy']
          : []),
      ].join('\n'),
    });
  }
  return config;
}

/** Throws one error that names every setting a command needs and nothing gives. */
export function requireSettings(
  config: Config,
  keys: readonly Exclude<SettingKey, 'environment'>[],
): void {
  const missing = keys.filter((key) => {
    if (key === 'service') return config.targets.length === 0;
    if (key === 'cluster') return config.cluster === undefined && !allTargetsHaveCluster(config);
    return config[key] === undefined;
  });
  if (missing.length === 0) return;
  const lines = missing.map((key) => `${key}: give it as ${waysToGive(key)}`);
  throw new EcsDeployError({
    code: 'setting-missing',
    message: `Not set:\n${lines.map((line) => `  ${line}`).join('\n')}`,
    hint:
      config.file === undefined
        ? `no .ecsdeployrc was found in ${config.directory} or above it in the repository`
        : `the config file is ${config.file}`,
  });
}

function allTargetsHaveCluster({ targets }: Config): boolean {
  return targets.length > 0 && targets.every(({ cluster }) => cluster !== '');
}

function targetOf(layers: readonly Layer[], service: string, base: string): Target {
  const cluster = (pick(layers, 'cluster') ?? '') as string;
  return { service, cluster, ...targetSettings(layers, base) };
}

function targetSettings(layers: readonly Layer[], base: string): Pick<Settings, TargetKey> {
  const value = <K extends SettingKey>(key: K) => pick(layers, key) as Settings[K];
  const named = value('taskDefinition');
  return {
    container: value('container'),
    containerImages: value('containerImages'),
    taskDefinition: named !== undefined && isDefinitionFile(named) ? resolve(base, named) : named,
    ...variablesOf(layers),
  };
}

/** Of every variable what the strongest source says of it: a value, a secret, or that it goes. */
function variablesOf(layers: readonly Layer[]): Pick<Settings, VariableKey> {
  const unsetting = layers.find(({ unsetEnv }) => unsetEnv !== undefined);
  const said = new Map<string, { readonly key: VariableKey; readonly value: string }>();
  for (const layer of layers.toReversed()) {
    const removed = layer === unsetting ? (layer.unsetEnv as Settings['unsetEnv']) : [];
    for (const name of removed) said.set(name, { key: 'unsetEnv', value: '' });
    for (const key of ['setEnv', 'setSecrets'] as const) {
      const given = (layer[key] ?? {}) as Readonly<Record<string, string>>;
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

/** Variables that one source gives both a value and a secret. */
function contradictions({ setEnv = {}, setSecrets = {} }: Layer): string[] {
  return Object.keys(setSecrets as object)
    .filter((name) => Object.hasOwn(setEnv as object, name))
    .map((name) => `the variable "${name}" is set twice: as a value and as a secret`);
}

function selectServices(
  listed: readonly Layer[],
  wanted: readonly string[] | undefined,
  problems: string[],
): readonly Layer[] {
  if (wanted === undefined) return listed;
  const known = listed.map((item) => String((item.service as readonly string[])[0]));
  for (const unknown of wanted.filter((service) => !known.includes(service))) {
    problems.push(
      `--service: "${unknown}" is not in the config file (${suggest(unknown, known, 'services')})`,
    );
  }
  return listed.filter((_, index) => wanted.includes(known[index] ?? ''));
}

function pick(layers: readonly Layer[], key: SettingKey): unknown {
  const row = settingOf(key);
  const found = layers.map((layer) => layer[key]).filter((value) => value !== undefined);
  if (row.merge === true) return Object.assign({}, ...found.toReversed());
  return found[0] ?? row.default;
}

function variables(environment: Sources['environment']): Layer {
  return Object.fromEntries(
    SETTING_KEYS.flatMap((key) => {
      const value = environment[variableOf(key) ?? ''];
      // An empty profile means the standard credential chain; elsewhere an empty variable is unset.
      return value === undefined || (value === '' && key !== 'profile') ? [] : [[key, value]];
    }),
  );
}

function readLayer(raw: Layer, label: (key: SettingKey) => string, problems: string[]): Layer {
  const values: Partial<Record<SettingKey, unknown>> = {};
  for (const key of SETTING_KEYS) {
    if (raw[key] === undefined) continue;
    readInto(values, key, raw[key], label(key), problems);
  }
  return values;
}

function readInto(
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

/** The config file in a folder or above it, up to the root of the git repository. */
function findFile(directory: string): string | undefined {
  for (let folder = directory; ; folder = dirname(folder)) {
    const found = CONFIG_NAMES.map((name) => join(folder, name)).find((path) => existsSync(path));
    if (found !== undefined) return found;
    if (folder === dirname(folder)) return undefined;
    if (existsSync(join(folder, '.git'))) return undefined;
    if (!insideRepository(dirname(folder))) return undefined;
  }
}

function insideRepository(folder: string): boolean {
  if (existsSync(join(folder, '.git'))) return true;
  return folder !== dirname(folder) && insideRepository(dirname(folder));
}

function readFile(
  directory: string,
  named: string | undefined,
  problems: string[],
): File | undefined {
  const path = named === undefined ? findFile(directory) : resolve(directory, named);
  if (path === undefined) return undefined;
  let source: string;
  try {
    source = readFileSync(path, 'utf8');
  } catch (error) {
    throw new EcsDeployError({
      code: 'config-not-found',
      message: `The config file ${path} cannot be read: ${(error as Error).message}`,
      hint: 'give an existing file with --config, or leave it out to search for .ecsdeployrc',
      cause: error,
    });
  }
  const lines = new LineCounter();
  const document = parseDocument(source, {
    lineCounter: lines,
    prettyErrors: false,
    // Every value is read as it is written: 1.10 is a version and 012 an account to somebody.
    schema: 'failsafe',
  });
  const at = (node: Node | null | undefined) =>
    `${path}:${lines.linePos(node?.range?.[0] ?? 0).line}`;
  for (const error of document.errors) {
    problems.push(`${path}:${lines.linePos(error.pos[0]).line}: ${error.message}`);
  }
  if (document.errors.length > 0) return undefined;
  if (document.contents === null)
    return { path, values: {}, services: undefined, environments: {} };
  if (!isMap(document.contents)) {
    problems.push(
      `${at(document.contents)}: must hold keys and values, as in .ecsdeployrc.example`,
    );
    return undefined;
  }
  return { path, ...readSection(document.contents, 'file', at, problems) };
}

type Place = (node: Node | null | undefined) => string;

const keysOf = (where: 'top' | 'build' | 'service') =>
  SETTING_KEYS.filter((key) => settingOf(key).file === where);

/** Keys that may stand in the file's top level, in an environment and in an entry of `services`. */
export const FILE_KEYS = {
  file: [...keysOf('top'), 'build', ...keysOf('service'), 'services', 'environments'],
  environment: [...keysOf('top'), 'build', ...keysOf('service'), 'services'],
  service: keysOf('service'),
  build: keysOf('build'),
} as const;

function readSection(
  map: YAMLMap,
  kind: 'file' | 'environment',
  at: Place,
  problems: string[],
): Omit<File, 'path'> {
  const values: Partial<Record<SettingKey, unknown>> = {};
  const environments: Record<string, Section> = {};
  let services: Layer[] | undefined;
  for (const { key, value, place } of entries(map, FILE_KEYS[kind], at, problems)) {
    if (key === 'build') {
      if (isMap(value)) readKeys(value, FILE_KEYS.build, 'build.', values, at, problems);
      else if (!isNull(value)) problems.push(`${place}: "build" must hold keys and values`);
    } else if (key === 'services') {
      services = readServices(value, at, place, problems);
    } else if (key === 'environments') {
      if (!isMap(value)) {
        problems.push(`${place}: "environments" must hold one section per name`);
        continue;
      }
      for (const pair of value.items) {
        const name = String(isScalar(pair.key) ? pair.key.value : pair.key);
        if (isMap(pair.value)) {
          environments[name] = readSection(pair.value, 'environment', at, problems);
        } else {
          problems.push(`${at(pair.key as Node)}: environment "${name}" must hold keys and values`);
        }
      }
    } else if (!isNull(value)) {
      readInto(values, key as SettingKey, value?.toJSON(), `${place}: "${key}"`, problems);
    }
  }
  if (values.service !== undefined && services !== undefined) {
    problems.push(`${at(map)}: give either "service" or "services", not both`);
  }
  return { values, services, environments };
}

function readServices(
  node: Node | null,
  at: Place,
  place: string,
  problems: string[],
): Layer[] | undefined {
  if (!isSeq(node) || node.items.length === 0) {
    problems.push(`${place}: "services" must be a list such as [{ service: api, container: app }]`);
    return undefined;
  }
  const seen = new Set<string>();
  return node.items.flatMap((item) => {
    if (!isMap(item)) {
      problems.push(`${at(item as Node)}: an entry of "services" must hold keys and values`);
      return [];
    }
    const values: Partial<Record<SettingKey, unknown>> = {};
    readKeys(item, FILE_KEYS.service, '', values, at, problems);
    if (values.service === undefined) {
      problems.push(`${at(item)}: an entry of "services" needs the key "service"`);
      return [];
    }
    const identity = JSON.stringify([values.cluster, values.service]);
    if (seen.has(identity)) {
      problems.push(
        `${at(item)}: the service "${(values.service as readonly string[]).join()}" stands twice in "services"`,
      );
    }
    seen.add(identity);
    return [values];
  });
}

function readKeys(
  map: YAMLMap,
  known: readonly SettingKey[],
  prefix: string,
  values: Partial<Record<SettingKey, unknown>>,
  at: Place,
  problems: string[],
): void {
  for (const { key, value, place } of entries(map, known, at, problems)) {
    if (isNull(value)) continue;
    readInto(values, key as SettingKey, value?.toJSON(), `${place}: "${prefix}${key}"`, problems);
  }
}

/** The pairs of a map whose keys are known; every other key becomes a problem with its line. */
function entries(map: YAMLMap, known: readonly string[], at: Place, problems: string[]) {
  return map.items.flatMap((pair) => {
    const key = String(isScalar(pair.key) ? pair.key.value : pair.key);
    const place = at(pair.key as Node);
    if (known.includes(key)) return [{ key, value: pair.value as Node | null, place }];
    // Editors read the schema of a file from it.
    if (key === '$schema') return [];
    problems.push(`${place}: unknown key "${key}" (${suggest(key, known, 'keys')})`);
    return [];
  });
}

/** Whether nothing is given: an empty value, `null` or `~` without quotes. */
const isNull = (node: Node | null): boolean =>
  node === null ||
  (isScalar(node) && node.type === 'PLAIN' && /^(?:null|~|)$/i.test(node.value as string));

function sectionOf(
  file: File | undefined,
  environment: string | undefined,
  problems: string[],
): Section {
  const none: Section = { values: {}, services: undefined };
  if (environment === undefined) return none;
  if (file === undefined) {
    // A file that could not be read has said so already.
    if (problems.length === 0) {
      problems.push(
        `--env: there is no config file that could hold the environment "${environment}"`,
      );
    }
    return none;
  }
  const section = file.environments[environment];
  if (section !== undefined) return section;
  const known = Object.keys(file.environments);
  problems.push(
    `--env: ${file.path} has no environment "${environment}" (${suggest(environment, known, 'environments')})`,
  );
  return none;
}
