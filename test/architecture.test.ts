import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

/** Parts of the source, and the parts that each may import at run time (types are free). */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  main: ['run', 'errors'],
  run: ['cli', 'config', 'core', 'errors', 'report', 'settings'],
  cli: ['settings', 'errors', 'commands'],
  config: ['settings', 'core', 'errors'],
  settings: ['core'],
  commands: ['steps', 'config', 'core', 'aws', 'docker', 'errors', 'sandbox'],
  steps: ['core', 'aws', 'docker', 'git', 'processes', 'errors'],
  aws: ['core', 'errors'],
  docker: ['core', 'processes', 'errors'],
  git: ['processes', 'errors'],
  processes: [],
  core: ['errors'],
  errors: [],
  events: [],
  context: [],
  report: ['core'],
  sandbox: [],
};

/** Packages that only some parts may import, types included. */
const ONLY_IN: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^@aws-sdk\/|^@smithy\//, ['aws', 'core', 'steps', 'commands']],
  [/^dockerode$/, ['docker']],
  [/^(ora|chalk)$/, ['report']],
  [/^commander$/, ['cli']],
  [/^yaml$/, ['config']],
  [/^tar-stream$/, ['docker', 'sandbox']],
];

interface Import {
  readonly file: string;
  readonly part: string;
  readonly from: string;
  readonly type: boolean;
}

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => join('src', file));

function partOf(file: string): string {
  return relative('src', file).split(/[/\\]|\.ts$/)[0] ?? '';
}

const imports: readonly Import[] = files.flatMap((file) => {
  const source = readFileSync(file, 'utf8');
  const found = [
    ...source.matchAll(/^(?:import|export) (type )?(?:[^;]*? from )?'([^']+)';/gm),
    ...source.matchAll(/\bimport\(()'([^']+)'\)/g),
  ];
  return found.map(([, type, from = '']) => ({
    file,
    part: partOf(file),
    from: from.startsWith('.') ? partOf(relative('.', resolve(dirname(file), from))) : from,
    type: type === 'type ',
  }));
});

test('every import follows the plan of the house', () => {
  const wrong = imports.filter(
    ({ part, from, type }) =>
      !type && from in MAY_IMPORT && from !== part && MAY_IMPORT[part]?.includes(from) !== true,
  );
  expect(wrong).toEqual([]);
  expect(imports.length).toBeGreaterThan(100);
});

test('the sandbox is imported by its command only, types included', () => {
  const wrong = imports.filter(
    ({ part, from, file }) =>
      from === 'sandbox' && part !== 'sandbox' && file !== join('src', 'commands', 'sandbox.ts'),
  );
  expect(wrong).toEqual([]);
});

test('a package is imported only where its subject is', () => {
  const wrong = imports.filter(({ part, from, type }) =>
    ONLY_IN.some(
      ([name, parts]) =>
        name.test(from) &&
        !(
          parts.includes(part) &&
          (type || ['aws', 'docker', 'report', 'cli', 'config', 'sandbox'].includes(part))
        ),
    ),
  );
  expect(wrong).toEqual([]);
});

test('the core reaches neither a package at run time nor the machine', () => {
  const wrong = imports.filter(
    ({ part, from, type }) =>
      part === 'core' && !type && !(from in MAY_IMPORT) && from !== 'fastest-levenshtein',
  );
  expect(wrong).toEqual([]);
  const impure = files.filter(
    (file) =>
      partOf(file) === 'core' && /\b(await |Date\.now|performance|process\.)/.test(code(file)),
  );
  expect(impure).toEqual([]);
});

test('only main names the process, and nothing prints through console', () => {
  const naming = files.filter((file) => /\bprocess\.|node:process/.test(code(file)));
  expect(naming.toSorted()).toEqual([join('src', 'main.ts'), join('src', 'processes.ts')]);
  expect(files.filter((file) => /\bconsole\./.test(code(file)))).toEqual([]);
});

/** A file without its comments. */
function code(file: string): string {
  return readFileSync(file, 'utf8').replaceAll(/\/\*[^]*?\*\/|\/\/.*$/gm, '');
}
