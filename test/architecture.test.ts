import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

/** The parts of the source, and the parts that each can import, types included: data flows down. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  action: ['main', 'settings'],
  texts: ['help-text', 'commands'],
  main: ['run', 'errors'],
  run: ['cli', 'commands', 'report', 'settings', 'events', 'core', 'errors'],
  cli: ['help-text', 'commands', 'settings', 'core', 'errors'],
  'help-text': [],
  commands: [
    'init',
    'rollout',
    'image',
    'plan',
    'aws',
    'docker',
    'settings',
    'processes',
    'events',
    'core',
    'errors',
  ],
  init: ['aws', 'settings', 'events', 'core', 'errors'],
  rollout: ['plan', 'aws', 'settings', 'events', 'core', 'errors'],
  image: ['plan', 'aws', 'docker', 'settings', 'processes', 'events', 'core', 'errors'],
  plan: ['aws', 'docker', 'git', 'settings', 'events', 'core', 'errors'],
  aws: ['events', 'core', 'errors'],
  docker: ['processes', 'events', 'core', 'errors'],
  git: ['processes', 'errors'],
  settings: ['core', 'errors'],
  report: ['settings', 'events', 'core', 'errors'],
  events: ['core', 'errors'],
  core: ['errors'],
  processes: [],
  errors: [],
  sandbox: [],
};

/** The one file outside the sandbox that knows it. */
const SANDBOX_COMMAND = join('src', 'commands', 'sandbox.ts');

/** Packages that only some parts can import, types included. */
const ONLY_IN: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^@aws-sdk\/|^@smithy\//, ['aws']],
  [/^dockerode$|^@bufbuild\/|^re2js$/, ['docker']],
  [/^(chalk|fast-string-width)$/, ['report']],
  [/^commander$/, ['cli', 'help-text']],
  [/^yaml$/, ['core', 'settings', 'init', 'sandbox']],
  [/^@clack\/|^@actions\//, ['init']],
  [/^jsonc-parser$/, ['plan']],
  [/^tar-stream$/, ['docker', 'sandbox']],
  [/^fastest-levenshtein$/, ['core']],
];

interface Import {
  readonly file: string;
  readonly part: string;
  /** A part, or a package. */
  readonly from: string;
  /** The file, where it is one of ours. */
  readonly target: string | undefined;
  /** Whether it is loaded with the file: not for its types only, and not when it is used. */
  readonly isLoaded: boolean;
}

/** What the sandbox and the rest both know of AWS, as data. */
const SHARED_TABLES = new Set(['src/core/definition-rules.ts']);

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => join('src', file));

function partOf(file: string): string {
  return relative('src', file).split(/[/\\]|\.ts$/)[0] ?? '';
}

const imports: readonly Import[] = files.flatMap((file) => {
  const source = readFileSync(file, 'utf8');
  const found = [
    ...source.matchAll(/^(?:import|export) (?:[^;]*? from )?'([^']+)';/gm),
    ...source.matchAll(/\bimport\('([^']+)'\)/g),
  ];
  return found.map(([text, from = '']) => {
    const target = from.startsWith('.') ? relative('.', resolve(dirname(file), from)) : undefined;
    const part = partOf(file);
    const isLoaded = !/^(?:import|export) type\b|^import\(/.test(text);
    return { file, part, from: target === undefined ? from : partOf(target), target, isLoaded };
  });
});

test('every file belongs to a part of the house', () => {
  expect(files.map(partOf).filter((part) => !(part in MAY_IMPORT))).toEqual([]);
});

test('imports go downwards', () => {
  const wrong = imports.filter(
    ({ file, part, from, target }) =>
      target !== undefined &&
      from !== part &&
      MAY_IMPORT[part]?.includes(from) !== true &&
      !(file === SANDBOX_COMMAND && from === 'sandbox') &&
      !(part === 'sandbox' && SHARED_TABLES.has(target)),
  );
  expect(wrong.map(({ file, target }) => `${file} -> ${target}`)).toEqual([]);
  expect(imports.length).toBeGreaterThan(100);
});

test('no files import each other in a circle', () => {
  const targets = new Map(
    files.map((file) => [
      file,
      imports.flatMap((item) => (item.file === file ? (item.target ?? []) : [])),
    ]),
  );
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      circles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      return;
    }
    if (done.has(file)) return;
    for (const target of targets.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(circles).toEqual([]);
});

/** The parts and packages that are loaded with a file; what it imports when it uses it is not. */
function loadedWith(file: string): string {
  const seen = new Set([file]);
  const names = new Set<string>();
  for (const one of seen) {
    for (const { from, target } of imports.filter((item) => item.file === one && item.isLoaded)) {
      if (target !== undefined) seen.add(target);
      if (!from.startsWith('node:')) names.add(from);
    }
  }
  return [...names].toSorted().join(' ');
}

test('a command loads with its start only what it always uses', () => {
  const named = readFileSync('src/cli.ts', 'utf8').matchAll(
    /import\('\.\/(commands\/[\w-]+\.ts)'\)/g,
  );
  const entries = ['texts.ts', 'main.ts', 'run.ts', ...new Set([...named].map(([, file]) => file))];
  expect(entries.map((file) => `${file}: ${loadedWith(join('src', String(file)))}`))
    .toMatchInlineSnapshot(`
    [
      "texts.ts: commander commands help-text",
      "main.ts: errors",
      "run.ts: cli commander core errors fastest-levenshtein help-text report settings",
      "commands/deploy.ts: aws commands core errors events fastest-levenshtein plan processes rollout settings yaml",
      "commands/push.ts: @bufbuild/protobuf/wire aws commands core docker errors events fastest-levenshtein image plan processes re2js rollout settings tar-stream yaml",
      "commands/render.ts: aws commands core errors fastest-levenshtein plan settings yaml",
      "commands/register.ts: aws commands core errors events fastest-levenshtein plan rollout",
      "commands/rollout.ts: aws commands core errors events fastest-levenshtein plan processes rollout settings yaml",
      "commands/rollback.ts: aws commands core errors events fastest-levenshtein plan rollout settings yaml",
      "commands/run.ts: aws commands core errors events fastest-levenshtein plan rollout settings yaml",
      "commands/continue.ts: aws commands core errors events fastest-levenshtein plan rollout settings yaml",
      "commands/status.ts: aws commands core errors fastest-levenshtein plan settings yaml",
      "commands/diagnose.ts: aws commands core errors fastest-levenshtein plan rollout settings yaml",
      "commands/logs.ts: aws commands core errors fastest-levenshtein settings yaml",
      "commands/history.ts: aws commands core errors fastest-levenshtein plan settings yaml",
      "commands/prune.ts: aws commands core errors fastest-levenshtein plan rollout settings yaml",
      "commands/verify.ts: aws commands core docker errors events fastest-levenshtein plan processes re2js rollout settings yaml",
      "commands/init.ts: @actions/expressions aws commands core errors fastest-levenshtein init settings yaml",
      "commands/completion.ts: commands core errors fastest-levenshtein settings",
      "commands/sandbox.ts: aws core docker errors fastest-levenshtein plan sandbox settings tar-stream yaml",
      "commands/help.ts: core errors fastest-levenshtein settings yaml",
      "commands/help-pages.ts: ",
    ]
  `);
});

test('a package is imported only where its subject is', () => {
  const wrong = imports.filter(({ part, from }) =>
    ONLY_IN.some(([name, parts]) => name.test(from) && !parts.includes(part)),
  );
  expect(wrong.map(({ file, from }) => `${file} -> ${from}`)).toEqual([]);
});

test('the core is pure', () => {
  const impure = files.filter(
    (file) =>
      partOf(file) === 'core' &&
      /\b(await |Date\.now|performance|process\.)|from 'node:/.test(code(file)),
  );
  expect(impure).toEqual([]);
});

test('only what starts names the process, and nothing prints through console', () => {
  const naming = files.filter((file) => /\bprocess\.|node:process/.test(code(file)));
  expect(naming.toSorted()).toEqual(
    ['action.ts', 'main.ts', 'processes.ts'].map((file) => join('src', file)),
  );
  expect(
    files.filter((file) => /\bconsole\.(?:log|info|warn|error|debug)\b/.test(code(file))),
  ).toEqual([]);
});

/** A file without its comments. */
function code(file: string): string {
  return readFileSync(file, 'utf8').replaceAll(/\/\*[^]*?\*\/|\/\/.*$/gm, '');
}
