import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isMap, isScalar, isSeq } from 'yaml';
import type { Node, YAMLMap } from 'yaml';
import { EcsDeployError } from '../errors.ts';
import { readInto, SETTING_KEYS, settingOf } from './lookup.ts';
import type { SettingKey, Source } from './lookup.ts';
import { readOrder } from './order.ts';
import { RELEASE_KEYS } from './readers.ts';
import type { ReleaseTask } from './readers.ts';
import { entries, isNull, keyOf, readProblem, readYaml } from './yaml-map.ts';
import type { Reading } from './yaml-map.ts';

/** The top level of a file, or one of its environments. */
export interface Section extends Source {
  /** The entries of `services`, each with a value for `service`; undefined without the list. */
  readonly services: readonly Source[] | undefined;
  /** The entries of `images`, by name; undefined without the map. */
  readonly images: ReadonlyMap<string, Source> | undefined;
}

/** A config file. */
export interface ConfigFile extends Section {
  /** Absolute. */
  readonly path: string;
  readonly environments: ReadonlyMap<string, Section>;
}

/** The names of a config file, in the order in which they are searched. */
const CONFIG_NAMES = [
  '.ecsdeployrc',
  '.ecsdeployrc.yaml',
  '.ecsdeployrc.yml',
  '.ecsdeployrc.json',
] as const;

const keysOf = (where: 'top' | 'build' | 'service' | 'entry') =>
  SETTING_KEYS.filter((key) => settingOf(key).file === where);

const SECTION_KEYS = [...keysOf('top'), 'build', 'images', ...keysOf('service'), 'image'] as const;

/**
 * The keys of the top level, of an environment, of an entry of `services`, of `build` and of an entry
 * of `images`. The key `image` names an entry of `images`; the setting of that name is a reference.
 */
export const FILE_KEYS = {
  file: [...SECTION_KEYS, 'services', 'environments'],
  environment: [...SECTION_KEYS, 'services'],
  service: [...keysOf('service'), ...keysOf('entry'), 'image'],
  build: keysOf('build'),
  image: ['repository', 'extraTags', 'platform', ...keysOf('build')],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/**
 * Reads the named config file, or the one of a folder or the folders above it up to the root of the
 * git repository; undefined when there is none or it is not YAML.
 *
 * Adds every problem with its line to `problems`. Throws `config-not-found`.
 */
export function readConfigFile(
  directory: string,
  named: string | undefined,
  problems: string[],
): ConfigFile | undefined {
  const path = named === undefined ? findFile(directory) : resolve(directory, named);
  if (path === undefined) return undefined;
  const reading = readSource(path, problems);
  if (reading === undefined) return undefined;
  const { contents, at } = reading;
  if (contents !== null && !isMap(contents)) {
    problems.push(`${at(contents)}: must hold keys and values, as in .ecsdeployrc.example`);
    return undefined;
  }
  const { environments, ...section } = readSection(contents, 'file', { at, problems });
  return { path, environments, ...section };
}

/** The config file of a folder, or of the folders above it in the git repository. */
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

function readSource(path: string, problems: string[]): ReturnType<typeof readYaml> {
  try {
    return readYaml(path, problems);
  } catch (cause) {
    throw new EcsDeployError({
      code: 'config-not-found',
      message: `The config file ${path} ${readProblem(cause)}.`,
      hint: 'give an existing file with --config, or omit the flag to search for .ecsdeployrc',
      cause,
    });
  }
}

function readSection(
  map: YAMLMap | null,
  kind: 'file' | 'environment',
  reading: Reading,
): Section & Pick<ConfigFile, 'environments'> {
  const { at, problems } = reading;
  const values: Partial<Record<SettingKey, unknown>> = {};
  const environments = new Map<string, Section>();
  let services: readonly Source[] | undefined;
  let images: ReadonlyMap<string, Source> | undefined;
  let imageName: string | undefined;
  for (const { key, value, place } of entries(map, FILE_KEYS[kind], reading)) {
    if (key === 'build') {
      if (isMap(value)) readKeys(value, FILE_KEYS.build, 'build.', values, reading);
      else if (!isNull(value)) problems.push(`${place}: "build" must hold keys and values`);
    } else if (key === 'services') {
      services = readServices(value, place, reading);
    } else if (key === 'images') {
      images = readImages(value, place, reading);
    } else if (key === 'image') {
      imageName = readName(value, place, reading);
    } else if (key === 'release') {
      values.release = readRelease(value, place, reading);
    } else if (key === 'environments') {
      if (!isMap(value)) {
        problems.push(`${place}: "environments" must hold one section for each name`);
        continue;
      }
      for (const pair of value.items) {
        const name = keyOf(pair);
        if (isMap(pair.value)) {
          environments.set(name, readSection(pair.value, 'environment', reading));
        } else {
          problems.push(
            `${at(pair.key as Node)}: the environment "${name}" must hold keys and values`,
          );
        }
      }
    } else if (!isNull(value)) {
      readInto(values, key as SettingKey, value?.toJSON(), `${place}: "${key}"`, problems);
    }
  }
  if (values.service !== undefined && services !== undefined) {
    problems.push(`${at(map)}: use either "service" or "services", not both`);
  }
  return { values, services, images, imageName, environments, ...sourceAt(map, at) };
}

function readImages(
  node: Node | null,
  place: string,
  reading: Reading,
): ReadonlyMap<string, Source> | undefined {
  const { at, problems } = reading;
  const form = '"images" must hold a section for each name, such as { api: { context: api } }';
  if (!isMap(node) || node.items.length === 0) {
    problems.push(`${place}: ${form}`);
    return undefined;
  }
  return new Map(
    node.items.flatMap((pair) => {
      const name = keyOf(pair);
      const values: Partial<Record<SettingKey, unknown>> = {};
      if (!isMap(pair.value)) {
        problems.push(`${at(pair.key as Node)}: the image "${name}" must hold keys and values`);
        return [];
      }
      readKeys(pair.value, FILE_KEYS.image, `images.${name}.`, values, reading);
      return [[name, { values, ...sourceAt(pair.value, at) }] as const];
    }),
  );
}

/** The name of an entry of `images`. */
function readName(node: Node | null, place: string, { problems }: Reading): string | undefined {
  if (isScalar(node) && !isNull(node)) return String(node.value);
  problems.push(`${place}: "image" must be the name of one of "images"`);
  return undefined;
}

function readServices(
  node: Node | null,
  place: string,
  reading: Reading,
): readonly Source[] | undefined {
  const { at, problems } = reading;
  if (!isSeq(node) || node.items.length === 0) {
    problems.push(`${place}: "services" must be a list such as [{ service: api, container: app }]`);
    return undefined;
  }
  const seen = new Set<string>();
  const entries = node.items.flatMap((item) => {
    if (!isMap(item)) {
      const form = isScalar(item) ? `: write { service: ${String(item.value)} }` : '';
      problems.push(`${at(item as Node)}: an entry of "services" must hold keys and values${form}`);
      return [];
    }
    const values: Partial<Record<SettingKey, unknown>> = {};
    const imageName = readKeys(item, FILE_KEYS.service, '', values, reading);
    if (values.service === undefined) {
      problems.push(`${at(item)}: an entry of "services" needs the key "service"`);
      return [];
    }
    const identity = JSON.stringify([
      values.cluster,
      values.service,
      values.region,
      values.profile,
    ]);
    if (seen.has(identity)) {
      problems.push(
        `${at(item)}: the service "${(values.service as readonly string[]).join()}" is repeated in "services"`,
      );
    }
    seen.add(identity);
    return [{ values, imageName, ...sourceAt(item, at) }];
  });
  readOrder(entries, problems);
  return entries;
}

function readRelease(
  node: Node | null,
  place: string,
  reading: Reading,
): readonly ReleaseTask[] | undefined {
  const { at, problems } = reading;
  if (isNull(node)) return undefined;
  if (!isSeq(node)) {
    problems.push(
      `${place}: "release" must be a list such as [{ command: ["rails", "db:migrate"] }]`,
    );
    return undefined;
  }
  return node.items.flatMap((item) => {
    if (!isMap(item)) {
      problems.push(`${at(item as Node)}: an entry of "release" must hold keys and values`);
      return [];
    }
    const task: Record<string, unknown> = { place: `${at(item)}: ` };
    for (const { key, value, place: line } of entries(item, Object.keys(RELEASE_KEYS), reading)) {
      if (isNull(value)) continue;
      try {
        task[key] = RELEASE_KEYS[key as keyof typeof RELEASE_KEYS].read(value?.toJSON());
      } catch (error) {
        problems.push(`${line}: "${key}" of a release task: ${(error as Error).message}`);
      }
    }
    const hasCommand = item.items.some((pair) => keyOf(pair) === 'command');
    if (!hasCommand) {
      problems.push(`${at(item)}: an entry of "release" needs the key "command"`);
    }
    return [task as unknown as ReleaseTask];
  });
}

/** Reads the values of settings, and returns the name under `image`. */
function readKeys(
  map: YAMLMap,
  known: readonly SettingKey[],
  prefix: string,
  values: Partial<Record<SettingKey, unknown>>,
  reading: Reading,
): string | undefined {
  let imageName: string | undefined;
  for (const { key, value, place } of entries(map, known, reading)) {
    const label = `${place}: "${prefix}${key}"`;
    if (key === 'image') imageName = readName(value, place, reading);
    else if (!isNull(value)) {
      readInto(values, key as SettingKey, value?.toJSON(), label, reading.problems);
    }
  }
  return imageName;
}

const sourceAt = (map: YAMLMap | null, at: Reading['at']): Omit<Source, 'values'> => ({
  place: `${at(map)}: `,
  nameOf: (key) => `"${key}"`,
});
