import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { commandSummaries, helpPages, parseCommandLine } from '../src/cli.ts';
import { EcsDeployError } from '../src/errors.ts';
import { preparedHelp } from '../src/help-text.ts';
import { longFlag, SETTING_KEYS, settingOf } from '../src/settings/lookup.ts';
import type { CommandName } from '../src/settings/table.ts';

const parse = (line: string) =>
  parseCommandLine(line.split(' '), '1.0.0', {
    write: () => undefined,
    columns: 100,
    errorCodes: async () => '',
    docs: '',
  });

/** Message and hint of a command line that is refused. */
async function refusal(line: string): Promise<string> {
  const error = await parse(line).catch((thrown: unknown) => thrown);
  if (!(error instanceof EcsDeployError)) throw new Error(`${line} is not refused`);
  return `${error.message} → ${error.hint?.replaceAll('\n', ' → ')}`;
}

test.each([
  ['deply', 'deploy'],
  ['push2', 'push'],
  ['log', 'logs'],
  ['version', '--version'],
  ['ps', 'status'],
  ['ls', 'status'],
])('for the unknown command %s, %s is suggested', async (word, near) => {
  expect(await refusal(word)).toBe(
    `Unknown command '${word}'. → did you mean ${near}? → see ecsdeploy --help`,
  );
});

test.each(['exec', 'p', 'toString', 'constructor', '__proto__'])(
  'for the unknown command %s, no command is suggested',
  async (word) => {
    expect(await refusal(word)).toBe(`Unknown command '${word}'. → see ecsdeploy --help`);
  },
);

test.each([
  ['sandbox deploy', 'deploy'],
  ['sandbox deploy --tag x', 'deploy --tag x'],
  ['sandbox --scenario crash rollout app:1 --watch', 'rollout app:1 --watch'],
])('%s is answered with the command line that works', async (line, inner) => {
  expect(await refusal(line)).toBe(
    `"${inner.split(' ')[0]}" is a command of ecsdeploy, not a program that the sandbox can run. → run it in the sandbox: ecsdeploy sandbox -- ecsdeploy ${inner}`,
  );
});

test('the sandbox takes any command after --', async () => {
  expect(await parse('sandbox --speed 5 -- deploy --tag x')).toEqual({
    command: 'sandbox',
    flags: { speed: '5' },
    argument: undefined,
    rest: ['deploy', '--tag', 'x'],
  });
});

test('a flag of another command is answered with the commands that take it', async () => {
  expect(await refusal('status --to app:1')).toBe(
    "Unknown option '--to'. → --to is an option of rollback → see ecsdeploy status --help",
  );
});

test('help iam takes the settings that its policy depends on', async () => {
  expect(await parse('help iam push --repository app --create-repository')).toMatchObject({
    flags: { repository: 'app', createRepository: true },
    rest: ['push'],
  });
});

test.each([
  ['deploy -s a b', ['a', 'b']],
  ['deploy -s a -s b', ['a', 'b']],
  ['rollout -s a app:1', ['a']],
])('%s names the services %j', async (line, service) => {
  expect(await parse(line)).toMatchObject({ flags: { service } });
});

test('before the command, --service takes one name', async () => {
  expect(await refusal('-s a b deploy')).toMatch("Unknown command 'b'");
});

const COMMANDS =
  'deploy push render register rollout rollback status diagnose logs history verify init sandbox help';

/** The help that a command line asks for. */
async function helpOf(line: string, columns = 100): Promise<string> {
  let text = '';
  const write = (part: string) => {
    text += part;
  };
  const output = { write, columns, errorCodes: async () => '', docs: resolve('docs') };
  expect(await parseCommandLine(line.split(' '), '1.0.0', output)).toBeUndefined();
  return text;
}

test.each(['--help', ...COMMANDS.split(' ').map((name) => `${name} --help`)])(
  '%s fits a screen of 24 lines with 80 columns',
  async (line) => {
    const lines = (await helpOf(line, 80)).trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(24);
    // An example is one line, so that it can be copied.
    const options = lines.slice(0, lines.indexOf('Examples:'));
    expect(options.filter((text) => text.length > 80)).toEqual([]);
  },
);

test.each(COMMANDS.split(' '))('%s --help --all lists every option', async (name) => {
  const [usual, all] = [await helpOf(`${name} --help`), await helpOf(`${name} --help --all`)];
  for (const key of SETTING_KEYS) {
    const { commands, rare } = settingOf(key);
    const flag = longFlag(key);
    if (flag === undefined) continue;
    const takes = commands === undefined || commands.includes(name as CommandName);
    const listed = new RegExp(`^ +(-\\w, )?${flag}( |$)`, 'm');
    expect(listed.test(all.split('Examples:')[0] ?? ''), flag).toBe(takes);
    expect(listed.test(usual.split('Examples:')[0] ?? ''), flag).toBe(takes && rare !== true);
  }
  expect(await helpOf(`help ${name} --all`)).toBe(all);
});

const PREPARED = 'dist/help';

test('every page of help is prepared', async () => {
  const pages = [...(await helpPages()).keys()];
  expect(readdirSync(PREPARED).toSorted()).toEqual(pages.toSorted());
});

test.each([undefined, ...Object.keys(commandSummaries())])(
  'the prepared help of %s is what the command line prints',
  async (name) => {
    const words = name === undefined ? [] : [name];
    for (const rest of [[], ['--all']]) {
      for (const argv of [
        [...words, '--help', ...rest],
        [...words, '-h', ...rest],
        ['help', ...words, ...rest],
      ]) {
        for (const columns of [40, 80, 100, 200]) {
          const text = await helpOf(argv.join(' '), columns);
          expect(preparedHelp(argv, columns, PREPARED), argv.join(' ')).toBe(text);
        }
      }
    }
  },
);

test.each([
  '',
  '--all',
  '--all help',
  'help iam',
  'help errors',
  'help toString',
  'help program',
  'program --help',
  'help ../package',
  'help deploy --help',
  'deploy',
  'deploy --help --tag x',
  'deploy --tag x --help',
  'run -- ls --help',
  'sandbox -- --help',
])('no help is prepared for "%s"', (line) => {
  expect(preparedHelp(line.split(' '), 100, PREPARED)).toBeUndefined();
});

test('after --, --all belongs to the command in the sandbox', async () => {
  expect(await parse('sandbox -- ls --help --all')).toMatchObject({
    rest: ['ls', '--help', '--all'],
  });
});

test('help prints a page of the docs by its name, and lists the pages', async () => {
  expect(await helpOf('help monorepo')).toBe(readFileSync('docs/how-to/monorepo.md', 'utf8'));
  const topics = await helpOf('help topics');
  expect(topics).toMatch(/^ {2}troubleshooting +Troubleshooting$/m);
  expect(topics).toMatch(/^ {2}explanation\/rollout +How /m);
  for (const name of topics.match(/(?<=^ {2})\S+/gm) ?? []) {
    expect(await helpOf(`help ${name}`), name).toMatch(/^# /);
  }
  await expect(helpOf('help monrepo')).rejects.toMatchObject({
    hint: 'see ecsdeploy help topics (did you mean "monorepo"?)',
  });
});
