import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { unknown } from './expressions.ts';
import { listOf, textOf, valuesOf } from './workflow.ts';
import type { Values } from './workflow.ts';

/** What a target of `docker buildx bake` builds. */
export interface BakeTarget {
  readonly context: string | undefined;
  readonly dockerfile: string | undefined;
  readonly target: string | undefined;
  readonly platform: string | undefined;
  readonly tags: readonly string[];
  readonly args: Readonly<Record<string, string>>;
}

const FILES = ['docker-bake.json', 'docker-bake.hcl', 'docker-compose.yml', 'compose.yaml'];

/** Reads a target from the bake file of a folder; the default target when none is named. */
export function readBakeTarget(
  folder: string,
  named: readonly string[],
  target: string | undefined,
  environment: ReadonlyMap<string, string>,
): { readonly target: BakeTarget } | { readonly problem: string } {
  const files = named.length > 0 ? named : FILES;
  const file = files.find((name) => existsSync(join(folder, name)));
  if (file === undefined) return { problem: `the bake file ${files[0]} does not exist` };
  try {
    const source = readFileSync(join(folder, file), 'utf8');
    const { targets, groups } = file.endsWith('.hcl')
      ? readHcl(source, environment)
      : readData(parse(source) as unknown);
    const wanted = textOf(listOf(groups[target ?? 'default'])[0]) || (target ?? 'default');
    const found = targets[wanted] ?? Object.values(targets)[0];
    if (found === undefined) return { problem: `${file} has no target ${wanted}` };
    return { target: toTarget(targets, found) };
  } catch (error) {
    return { problem: `${file} cannot be read (${(error as Error).message.split('\n')[0]})` };
  }
}

interface BakeFile {
  readonly targets: Readonly<Record<string, Values>>;
  readonly groups: Readonly<Record<string, unknown>>;
}

function readData(file: unknown): BakeFile {
  const { target, group, services } = valuesOf(file);
  const composed = Object.entries(valuesOf(services)).map(([name, service]) => {
    const { build, image } = valuesOf(service);
    const values = typeof build === 'string' ? { context: build } : valuesOf(build);
    return [name, { ...values, tags: listOf(image) }] as const;
  });
  return {
    targets: { ...Object.fromEntries(composed), ...(valuesOf(target) as Record<string, Values>) },
    groups: Object.fromEntries(
      Object.entries(valuesOf(group)).map(([name, value]) => [name, valuesOf(value)['targets']]),
    ),
  };
}

/** Reads the plain part of HCL: blocks, strings, lists, maps, and variables with their defaults. */
function readHcl(source: string, environment: ReadonlyMap<string, string>): BakeFile {
  const text = source.replaceAll(/^\s*(?:#|\/\/).*$/gm, '');
  const blocks = [...text.matchAll(/^(\w+)\s+"([^"]+)"\s*\{([^]*?)^\}/gm)];
  const variables = new Map(environment);
  for (const [, kind, name = '', body = ''] of blocks) {
    const [, fallback] = /default\s*=\s*"([^"]*)"/.exec(body) ?? [];
    if (kind === 'variable' && !variables.has(name) && fallback !== undefined)
      variables.set(name, fallback);
  }
  const string = (value: string) =>
    value.replaceAll(
      /\$\{(\w+)\}/g,
      (_, name: string) => variables.get(name) ?? unknown(`$${name}`),
    );
  const strings = (value: string) =>
    [...value.matchAll(/"([^"]*)"/g)].map(([, item = '']) => string(item));
  const of = (wanted: string) =>
    blocks.flatMap(([, kind, name = '', body = '']): [string, Values][] => {
      if (kind !== wanted) return [];
      const entries = [...body.matchAll(/^\s*([\w-]+)\s*=\s*("[^"]*"|\w+|\[[^\]]*\]|\{[^}]*\})/gm)];
      const values = entries.map(([, key = '', value = '']): [string, unknown] => {
        if (value.startsWith('[')) return [key, strings(value)];
        if (!value.startsWith('{'))
          return [key, value.startsWith('"') ? strings(value)[0] : variables.get(value)];
        const pairs = [...value.matchAll(/"?([\w-]+)"?\s*[=:]\s*("[^"]*"|\w+)/g)];
        return [
          key,
          Object.fromEntries(
            pairs.map(([, item = '', given = '']) => [
              item,
              given.startsWith('"')
                ? strings(given)[0]
                : (variables.get(given) ?? unknown(`$${given}`)),
            ]),
          ),
        ];
      });
      return [[name, Object.fromEntries(values)]];
    });
  return {
    targets: Object.fromEntries(of('target')),
    groups: Object.fromEntries(of('group').map(([name, value]) => [name, value['targets']])),
  };
}

function toTarget(targets: BakeFile['targets'], values: Values): BakeTarget {
  const parents = listOf(values['inherits']).map((name) => targets[textOf(name)] ?? {});
  const all: Values = Object.assign({}, ...parents, values) as Values;
  const text = (key: string) => (typeof all[key] === 'string' ? all[key] : undefined);
  return {
    context: text('context'),
    dockerfile: text('dockerfile'),
    target: text('target'),
    platform: listOf(all['platforms']).map(textOf).join(',') || undefined,
    tags: listOf(all['tags']).map(textOf),
    args: Object.fromEntries(
      Object.entries(valuesOf(all['args'])).map(([name, value]) => [name, textOf(value)]),
    ),
  };
}
