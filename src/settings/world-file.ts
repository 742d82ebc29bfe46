import { dirname, resolve } from 'node:path';
import { isMap, isScalar, isSeq } from 'yaml';
import type { Node, YAMLMap } from 'yaml';
import { suggest } from '../core/nearest.ts';
import { EcsDeployError } from '../errors.ts';
import { entries, isNull, jsonOf, readProblem, readYaml } from './yaml-map.ts';
import type { Reading } from './yaml-map.ts';

/** What a sandbox starts with, from the file of `--world`. */
export interface WorldFile {
  readonly account: string | undefined;
  readonly region: string | undefined;
  readonly clusters: readonly string[];
  /** Task-definition files, absolute. */
  readonly families: readonly string[];
  readonly services: readonly WorldService[];
  readonly repositories: readonly WorldRepository[];
  readonly targetGroups: readonly string[];
  readonly logGroups: readonly string[];
  readonly secrets: readonly string[];
  readonly parameters: readonly string[];
}

/** A service that runs from the start. */
export interface WorldService {
  readonly service: string;
  readonly cluster: string;
  readonly taskDefinition: string;
  readonly desiredCount: number;
  /** Further members of CreateService. */
  readonly members: Readonly<Record<string, unknown>>;
}

/** A repository of the sandbox's ECR, with an image for each tag. */
export interface WorldRepository {
  readonly repository: string;
  readonly immutable: boolean;
  readonly tags: readonly string[];
}

/** The keys of a world file, of a service and of a repository. */
const WORLD_KEYS = {
  file: [
    'account',
    'region',
    'clusters',
    'families',
    'services',
    'repositories',
    'targetGroups',
    'logGroups',
    'secrets',
    'parameters',
  ],
  service: [
    'service',
    'cluster',
    'taskDefinition',
    'desiredCount',
    'launchType',
    'capacityProviderStrategy',
    'platformVersion',
    'deploymentConfiguration',
    'deploymentController',
    'networkConfiguration',
    'loadBalancers',
    'serviceRegistries',
    'serviceConnectConfiguration',
    'volumeConfigurations',
    'healthCheckGracePeriodSeconds',
    'schedulingStrategy',
    'enableExecuteCommand',
    'enableECSManagedTags',
    'propagateTags',
    'tags',
  ],
  repository: ['repository', 'immutable', 'tags'],
} as const;

const FORMS = {
  clusters: '[web]',
  families: '[task-definition.json]',
  repositories: '[shop/api]',
  targetGroups: '[web]',
  logGroups: '[/ecs/api]',
  secrets: '[shop/database]',
  parameters: '[/shop/key]',
} as const;

/** Reads a world file; throws `config-invalid` with all of its problems. */
export function readWorldFile(directory: string, named: string): WorldFile {
  const path = resolve(directory, named);
  const problems: string[] = [];
  let reading: ReturnType<typeof readYaml>;
  try {
    reading = readYaml(path, problems);
  } catch (cause) {
    throw new EcsDeployError({
      code: 'config-not-found',
      message: `The world file ${path} ${readProblem(cause)}.`,
      hint: 'give an existing YAML file with --world',
      cause,
    });
  }
  const world = reading && readWorld(path, reading);
  if (world !== undefined && problems.length === 0) return world;
  throw invalid(problems);
}

function readWorld(path: string, reading: Reading & { contents: Node | null }): WorldFile {
  const { contents, at, problems } = reading;
  if (contents !== null && !isMap(contents)) {
    problems.push(`${at(contents)}: must hold keys and values, such as clusters: [web]`);
  }
  const nodes = new Map(
    entries(isMap(contents) ? contents : null, WORLD_KEYS.file, reading).map(
      ({ key, value, place }) => [key, { value, place }],
    ),
  );
  const list = (key: keyof typeof FORMS) =>
    items(nodes.get(key), key, reading).flatMap((item) => {
      const name = textOf(item);
      if (name === undefined) {
        problems.push(`${at(item)}: "${key}" must be a list of names such as ${FORMS[key]}`);
      }
      return name ?? [];
    });
  const text = (key: 'account' | 'region', pattern: RegExp, form: string) => {
    const { value = null, place = '' } = nodes.get(key) ?? {};
    if (isNull(value)) return undefined;
    const given = textOf(value);
    if (given !== undefined && pattern.test(given)) return given;
    problems.push(`${place}: "${key}" must be ${form}`);
    return undefined;
  };
  const clusters = list('clusters');
  const services = items(nodes.get('services'), 'services', reading).flatMap(
    (item) => readService(item, clusters, reading) ?? [],
  );
  return {
    account: text('account', /^\d{12}$/, 'an account ID of 12 digits'),
    region: text('region', /^[a-z]{2,}(?:-[a-z]+)+-\d$/, 'a region such as eu-central-1'),
    clusters,
    families: list('families').map((file) => resolve(dirname(path), file)),
    services,
    repositories: items(nodes.get('repositories'), 'repositories', reading).flatMap(
      (item) => readRepository(item, reading) ?? [],
    ),
    targetGroups: list('targetGroups'),
    logGroups: list('logGroups'),
    secrets: list('secrets'),
    parameters: list('parameters'),
  };
}

function items(
  entry: { readonly value: Node | null; readonly place: string } | undefined,
  key: string,
  { problems }: Reading,
): readonly Node[] {
  if (entry === undefined || isNull(entry.value)) return [];
  if (isSeq(entry.value)) return entry.value.items as Node[];
  problems.push(`${entry.place}: "${key}" must be a list`);
  return [];
}

const textOf = (node: Node | null): string | undefined =>
  isScalar(node) && !isNull(node) && node.value !== '' ? String(node.value) : undefined;

/** The values of a map with known keys; adds what is unknown or missing to the problems. */
function readMap(
  map: YAMLMap,
  what: string,
  known: readonly string[],
  needed: readonly string[],
  reading: Reading,
): Record<string, unknown> | undefined {
  const values = Object.fromEntries(
    entries(map, known, reading).map(({ key, value }) => [key, jsonOf(value)]),
  );
  const missing = needed.filter((key) => typeof values[key] !== 'string');
  for (const key of missing) {
    reading.problems.push(`${reading.at(map)}: an entry of "${what}" needs the key "${key}"`);
  }
  return missing.length > 0 ? undefined : values;
}

function readService(
  node: Node,
  clusters: readonly string[],
  reading: Reading,
): WorldService | undefined {
  const { at, problems } = reading;
  if (!isMap(node)) {
    problems.push(
      `${at(node)}: an entry of "services" must hold keys and values, such as { service: api, taskDefinition: api }`,
    );
    return undefined;
  }
  const needed = ['service', 'taskDefinition'];
  const values = readMap(node, 'services', WORLD_KEYS.service, needed, reading);
  if (values === undefined) return undefined;
  const { service, taskDefinition, cluster = clusters[0], desiredCount = 1, ...members } = values;
  if (typeof cluster !== 'string' || !clusters.includes(cluster)) {
    const known = clusters.length === 0 ? 'there are none' : suggest(String(cluster), clusters, '');
    problems.push(`${at(node)}: "cluster" must be one of "clusters" (${known})`);
  }
  if (!Number.isInteger(desiredCount) || Number(desiredCount) < 0) {
    problems.push(`${at(node)}: "desiredCount" must be 0 or more`);
  }
  return {
    service: String(service),
    cluster: String(cluster),
    taskDefinition: String(taskDefinition),
    desiredCount: Number(desiredCount),
    members,
  };
}

function readRepository(node: Node, reading: Reading): WorldRepository | undefined {
  const { at, problems } = reading;
  const name = textOf(node);
  if (name !== undefined) return { repository: name, immutable: false, tags: [] };
  if (!isMap(node)) {
    problems.push(
      `${at(node)}: an entry of "repositories" must be a name, or such as { repository: shop/api, tags: [v1] }`,
    );
    return undefined;
  }
  const values = readMap(node, 'repositories', WORLD_KEYS.repository, ['repository'], reading);
  if (values === undefined) return undefined;
  const { repository, immutable = false, tags = [] } = values;
  if (typeof immutable !== 'boolean')
    problems.push(`${at(node)}: "immutable" must be true or false`);
  if (!Array.isArray(tags)) problems.push(`${at(node)}: "tags" must be a list`);
  return {
    repository: String(repository),
    immutable: immutable === true,
    tags: Array.isArray(tags) ? tags.map(String) : [],
  };
}

function invalid(problems: readonly string[]): EcsDeployError {
  return new EcsDeployError({
    code: 'config-invalid',
    message: problems.join('\n'),
    hint: 'see docs/sandbox.md#a-world-of-your-own',
  });
}
