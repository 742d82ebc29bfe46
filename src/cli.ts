import { Command, CommanderError, Option } from 'commander';
import type { Help } from 'commander';
import type { CommandResult, Context } from './commands/context.ts';
import { misspelt } from './core/nearest.ts';
import { EcsDeployError } from './errors.ts';
import { formatPage, pageFile } from './help-text.ts';
import type { HelpPage } from './help-text.ts';
import { longFlag, SETTING_KEYS, settingOf } from './settings/lookup.ts';
import type { Layer } from './settings/lookup.ts';
import type { CommandName } from './settings/table.ts';

/** A command line that was read. */
export interface Invocation {
  readonly command: CommandName;
  readonly flags: Layer;
  readonly argument: string | undefined;
  /** The words after the argument; for `sandbox`, the command to run. */
  readonly rest: readonly string[];
}

type Action<C extends CommandName> = (context: Context<C>) => Promise<CommandResult>;

interface CommandRow<C extends CommandName> {
  readonly summary: string;
  readonly argument?: readonly [name: string, meaning: string];
  readonly examples: readonly string[];
  readonly load: () => Promise<Action<C>>;
}

/** The subcommands; the code of a command is loaded only when it runs. */
const COMMANDS: { readonly [C in CommandName]: CommandRow<C> } = {
  deploy: {
    summary: 'build, push, register and roll out, and follow it to its end',
    examples: [
      'ecsdeploy deploy',
      'ecsdeploy deploy --env prod --dry-run',
      'ecsdeploy deploy --image REGISTRY/REPOSITORY:TAG',
    ],
    load: async () => (await import('./commands/deploy.ts')).deploy,
  },
  push: {
    summary: 'build and push the image, and print its reference',
    examples: ['IMAGE=$(ecsdeploy push)'],
    load: async () => (await import('./commands/push.ts')).push,
  },
  render: {
    summary: 'print the task definition of the service with the image replaced',
    examples: [
      'ecsdeploy render --image "$IMAGE" --diff',
      'ecsdeploy render --image "$IMAGE" | ecsdeploy register -',
    ],
    load: async () => (await import('./commands/render.ts')).render,
  },
  register: {
    summary: 'register a task definition as a new revision, and print its ARN',
    argument: ['[file]', 'JSON file of the task definition (default: -, which reads stdin)'],
    examples: ['ecsdeploy register task-definition.json'],
    load: async () => (await import('./commands/register.ts')).register,
  },
  rollout: {
    summary: 'move the service to a revision, and follow it to its end',
    argument: [
      '[revision]',
      'revision number, family:revision or ARN; - reads it from stdin (default: the latest of the family)',
    ],
    examples: ['ecsdeploy rollout', 'ecsdeploy rollout app:41', 'ecsdeploy rollout --watch'],
    load: async () => (await import('./commands/rollout.ts')).rollout,
  },
  rollback: {
    summary: 'roll back to the last successfully deployed revision',
    examples: ['ecsdeploy rollback', 'ecsdeploy rollback --dry-run', 'ecsdeploy rollback --to 41'],
    load: async () => (await import('./commands/rollback.ts')).rollback,
  },
  run: {
    summary: 'run a command once in a task of the service, and print its log',
    argument: ['[command...]', 'command and its arguments, after --'],
    examples: ['ecsdeploy run --memory 2048 -- rails db:migrate'],
    load: async () => (await import('./commands/run.ts')).run,
  },
  continue: {
    summary: 'let a deployment continue that waits at a pause hook, or refuse it',
    examples: ['ecsdeploy continue', 'ecsdeploy continue --rollback'],
    load: async () => (await import('./commands/continue.ts')).continueDeployments,
  },
  status: {
    summary: 'show what runs: deployments, tasks, targets and recent events',
    examples: ['ecsdeploy status', 'ecsdeploy status --watch'],
    load: async () => (await import('./commands/status.ts')).status,
  },
  diagnose: {
    summary: 'explain why the latest deployment failed or hangs, and what to do',
    examples: ['ecsdeploy diagnose'],
    load: async () => (await import('./commands/diagnose.ts')).diagnose,
  },
  logs: {
    summary: 'print the container logs of the tasks',
    examples: ['ecsdeploy logs --since 10m', 'ecsdeploy logs -f --container app'],
    load: async () => (await import('./commands/logs.ts')).logs,
  },
  history: {
    summary: 'list past deployments, what serves, and where a rollback would go',
    examples: ['ecsdeploy history', 'ecsdeploy history --json'],
    load: async () => (await import('./commands/history.ts')).history,
  },
  prune: {
    summary: 'show old revisions that nothing needs; --yes deregisters them',
    examples: ['ecsdeploy prune', 'ecsdeploy prune --keep 20 --older-than 90d --yes'],
    load: async () => (await import('./commands/prune.ts')).prune,
  },
  verify: {
    summary: 'run all checks of a deploy without changing anything',
    examples: ['ecsdeploy verify', 'ecsdeploy verify --env prod --image REGISTRY/REPOSITORY:TAG'],
    load: async () => (await import('./commands/verify.ts')).verify,
  },
  init: {
    summary: 'write .ecsdeployrc from answers, or from a GitHub Actions workflow',
    examples: [
      'ecsdeploy init',
      'ecsdeploy init --from-workflow .github/workflows/deploy.yml',
      'ecsdeploy init --cluster backend --service api --container app --repository shop',
    ],
    load: async () => (await import('./commands/init.ts')).init,
  },
  completion: {
    summary: 'print the completion script of bash, zsh or fish',
    argument: ['[shell]', 'bash, zsh or fish'],
    examples: ['source <(ecsdeploy completion bash)'],
    load: async () => (await import('./commands/completion.ts')).completion,
  },
  sandbox: {
    summary: 'run a local ECS, ECR and CloudWatch Logs, without an AWS account',
    argument: ['[command...]', 'command to run in the sandbox, after --'],
    examples: [
      'ecsdeploy sandbox -- ecsdeploy deploy',
      'ecsdeploy sandbox --scenario crash -- ecsdeploy deploy',
      'ecsdeploy sandbox --list',
    ],
    load: async () => (await import('./commands/sandbox.ts')).sandbox,
  },
  help: {
    summary: 'print the help of a command, its IAM policy, or a page of the docs',
    argument: [
      '[topic...]',
      'a command; iam, with a command (default: deploy); errors; or a page that help topics lists',
    ],
    examples: [
      'ecsdeploy help rollout',
      'ecsdeploy help topics',
      'ecsdeploy help iam push',
      'ecsdeploy help iam > policy.json && aws iam create-policy --policy-name deploy --policy-document file://policy.json',
      'ecsdeploy help errors',
    ],
    load: async () => (await import('./commands/help.ts')).help,
  },
};

/** The commands and what they do. */
export function commandSummaries(): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary]));
}

/** Loads the code of a command. */
export function loadCommand(name: CommandName): Promise<Action<never>> {
  return COMMANDS[name].load();
}

/** Where help is written, and how wide it can be. */
export interface HelpOutput {
  readonly write: (text: string) => void;
  readonly columns: number;
  /** The text of `help errors`. */
  readonly errorCodes: () => Promise<string>;
  /** The folder of the documentation, absolute. */
  readonly docs: string;
  /** Takes each page of help before it is written. */
  readonly onPage?: (page: HelpPage) => void;
}

/**
 * Reads the command line; undefined when it asks for help or the version, which are written.
 *
 * Throws an {@link EcsDeployError} of code `usage`.
 */
export async function parseCommandLine(
  argv: readonly string[],
  version: string,
  output: HelpOutput,
): Promise<Invocation | undefined> {
  let invocation: Invocation | undefined;
  const [words, all] = takeAll(argv);
  const program = new Command('ecsdeploy')
    .description('Deploy a container to Amazon ECS in one command, and know why when it fails.')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: (command) => command.name(),
      formatHelp: (command, helper) => {
        const page = helpPage(command, helper, all);
        output.onPage?.(page);
        return formatPage(page, helper);
      },
    })
    .configureOutput({
      writeOut: output.write,
      writeErr: () => undefined,
      getOutHelpWidth: () => output.columns,
      getErrHelpWidth: () => output.columns,
    })
    .exitOverride();
  addOptions(program, (commands) => commands === undefined, mayTakeMany(argv));
  for (const name of Object.keys(COMMANDS) as CommandName[]) {
    const { summary, argument } = COMMANDS[name];
    const command = program.command(name).description(summary).allowExcessArguments(false);
    if (argument !== undefined) command.argument(...argument);
    // Only the command that is named needs its options.
    if (argv.includes(name))
      addOptions(command, (commands) => commands?.includes(name) === true, false);
    command.action(async () => {
      const [argument, ...rest] = command.args;
      const takesWords = name === 'sandbox' || name === 'run';
      if (name === 'sandbox') checkSandboxed(argument, argv);
      if (name === 'help' && argument !== 'iam') return writeHelp(program, argument, output);
      const flags = readFlags(command);
      if (name === 'rollout') checkRevision(argument, flags.taskDefinition);
      invocation = {
        command: name,
        flags,
        argument: takesWords ? undefined : argument,
        rest: takesWords ? command.args : rest,
      };
    });
  }
  try {
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    throw usageError(error, argv);
  }
  return invocation;
}

/** Every page of help by the name of its file, for the build to prepare. */
export async function helpPages(): Promise<ReadonlyMap<string, HelpPage>> {
  const pages = new Map<string, HelpPage>();
  for (const command of [undefined, ...Object.keys(COMMANDS)]) {
    for (const all of [false, true]) {
      const words = [...(command === undefined ? [] : [command]), '--help'];
      await parseCommandLine([...words, ...(all ? ['--all'] : [])], '', {
        write: () => undefined,
        columns: 80,
        errorCodes: async () => '',
        docs: '',
        onPage: (page) => void pages.set(pageFile(command, all), page),
      });
    }
  }
  return pages;
}

/** Takes `--all` out of a command line that asks for help; returns whether it was there. */
function takeAll(argv: readonly string[]): [words: readonly string[], all: boolean] {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const words = argv.slice(0, end);
  const asks = words[0] === 'help' || words.some((word) => word === '--help' || word === '-h');
  if (!asks || !words.includes('--all')) return [argv, false];
  return [[...words.filter((word) => word !== '--all'), ...argv.slice(end)], true];
}

/** The help of a command on one screen of 24 lines, or with `all` its rare options, too. */
function helpPage(command: Command, helper: Help, all: boolean): HelpPage {
  const isProgram = command.parent === null;
  const options = [...command.options, ...(command.parent?.options ?? [])].filter(
    ({ flags }) => all || (!isProgram && USUAL_FLAGS.has(flags)),
  );
  const groups = [...new Set(options.map(({ helpGroupHeading = 'Help' }) => helpGroupHeading))];
  const lists = [
    {
      title: 'Commands',
      items: helper
        .visibleCommands(command)
        .map((item) => [item.name(), item.description()] as const),
    },
    {
      title: 'Arguments',
      items: helper
        .visibleArguments(command)
        .map((item) => [item.name(), item.description] as const),
    },
    ...groups
      .toSorted((a, b) => Number(isGeneral(a)) - Number(isGeneral(b)))
      .map((title) => ({
        title,
        items: options
          .filter(({ helpGroupHeading = 'Help' }) => helpGroupHeading === title)
          .map(({ flags, description }) => [flags, description] as const),
      })),
  ];
  const name = isProgram ? 'ecsdeploy' : `ecsdeploy ${command.name()}`;
  return {
    usage: helper.commandUsage(command),
    description: command.description(),
    lists: lists.filter(({ items }) => items.length > 0),
    examples: isProgram ? [] : COMMANDS[command.name() as CommandName].examples,
    notes: [
      ...(isProgram ? ['Help of a command: ecsdeploy COMMAND --help'] : []),
      ...(all ? [] : [`All options: ${name} --help --all`]),
    ],
    all,
  };
}

/** Groups that come last: every command has them. */
const isGeneral = (group: string) => group === 'Common' || group === 'Help';

/** Flags that the help lists without `--all`. */
const USUAL_FLAGS: ReadonlySet<string | undefined> = new Set(
  SETTING_KEYS.filter((key) => settingOf(key).rare !== true).map((key) => settingOf(key).flags),
);

/** Throws when a command of our own follows `sandbox` without `--` and `ecsdeploy` before it. */
function checkSandboxed(word: string | undefined, argv: readonly string[]): void {
  if (word === undefined || argv.includes('--') || !Object.hasOwn(COMMANDS, word)) return;
  throw new EcsDeployError({
    code: 'usage',
    message: `"${word}" is a command of ecsdeploy, not a program that the sandbox can run.`,
    hint: `run it in the sandbox: ecsdeploy sandbox -- ecsdeploy ${argv.slice(argv.indexOf(word)).join(' ')}`,
  });
}

/** Throws when the argument and `--task-definition` name two different revisions. */
function checkRevision(argument: string | undefined, flag: unknown): void {
  if (argument === undefined || typeof flag !== 'string') return;
  if (argument === flag || argument.startsWith(`${flag}:`)) return;
  throw new EcsDeployError({
    code: 'usage',
    message: `Two revisions are given: ${argument} and --task-definition ${flag}.`,
    hint: 'give only one of them',
  });
}

/** Writes the help of a command, the overview of all commands, every error code, or a page. */
async function writeHelp(
  program: Command,
  topic: string | undefined,
  output: HelpOutput,
): Promise<void> {
  const command = program.commands.find((item) => item.name() === topic);
  if (topic === undefined || command !== undefined) {
    (command ?? program).outputHelp();
    return;
  }
  if (topic === 'errors') return output.write(`${await output.errorCodes()}\n`);
  const { helpPages, listPages, readPage } = await import('./commands/help-pages.ts');
  const taken = [...Object.keys(COMMANDS), 'iam', 'errors'];
  const pages = helpPages(output.docs, taken);
  if (topic === 'topics') return output.write(listPages(pages));
  const page = pages.get(topic);
  if (page !== undefined) return output.write(readPage(page));
  const { unknownTopic } = await import('./commands/help.ts');
  throw unknownTopic(topic, [...taken, 'topics', ...pages.keys()]);
}

/** Names that other tools use, and the words of ecsdeploy that mean the same. */
const SYNONYMS = new Map([
  ['version', '--version'],
  ['ps', 'status'],
  ['ls', 'status'],
  ['list', 'status'],
  ['up', 'deploy'],
  ['check', 'verify'],
  ['undo', 'rollback'],
  ['approve', 'continue'],
  ['resume', 'continue'],
  ['revisions', 'history'],
  ['deployments', 'history'],
]);

/** Explains what is wrong with a command line, and suggests the nearest valid word. */
function usageError(cause: CommanderError, argv: readonly string[]): EcsDeployError {
  const names = Object.keys(COMMANDS);
  const command = argv.find((word) => names.includes(word));
  const help = command === undefined ? 'ecsdeploy --help' : `ecsdeploy ${command} --help`;
  const usage = (message: string, ...hints: readonly string[]) =>
    new EcsDeployError({ code: 'usage', message, hint: hints.join('\n'), cause });
  if (cause.code === 'commander.help') {
    return usage('No command was given.', `commands: ${names.join(', ')}`, `see ${help}`);
  }
  const [, unknown] = /^error: unknown command '(.*?)'/s.exec(cause.message) ?? [];
  if (unknown !== undefined) {
    const near = SYNONYMS.get(unknown) ?? misspelt(unknown, names);
    const hints = near === undefined ? [] : [`did you mean ${near}?`];
    return usage(`Unknown command '${unknown}'.`, ...hints, `see ${help}`);
  }
  const [, takes, given] =
    /^error: too many arguments for '\w+'\. Expected (\d) .* got (\d+)/.exec(cause.message) ?? [];
  if (takes !== undefined) {
    return usage(
      `${command} takes ${takes === '0' ? 'no argument' : 'one argument'}, but ${given} ${given === '1' ? 'was' : 'were'} given.`,
      'use options instead, e.g. --service NAME',
      `see ${help}`,
    );
  }
  const [, said = '', near] =
    /^error: (.*?)(?:\n\(Did you mean (.*)\?\))?$/s.exec(cause.message) ?? [];
  // The value may be a secret.
  const message = said.replace(/^(unknown option '--[a-z-]+)=[^]*'/, "$1'");
  const option = /^unknown option '(--[a-z-]+)'/.exec(message)?.[1];
  const owners = SETTING_KEYS.filter((key) => longFlag(key) === option).flatMap(
    (key) => settingOf(key).commands ?? [],
  );
  if (command === 'run' && said.startsWith('unknown option') && !argv.includes('--')) {
    const words = argv.slice(argv.indexOf('run') + 1).join(' ');
    return usage(
      said,
      `if it belongs to the command, write -- before that: ecsdeploy run -- ${words}`,
    );
  }
  const inner = argv.slice(argv.indexOf('sandbox') + 1).find((word) => names.includes(word));
  if (command === 'sandbox' && option !== undefined) checkSandboxed(inner, argv);
  return usage(
    `${message.charAt(0).toUpperCase()}${message.slice(1).replace(/(?<!\.)$/, '.')}`,
    ...(option !== undefined && owners.length > 0
      ? [`${option} is an option of ${owners.join(', ')}`]
      : near === undefined
        ? []
        : [`did you mean ${near}?`]),
    `see ${help}`,
  );
}

/**
 * Whether `--service A B` can name two services: not where B could be the command or its argument.
 * There, the option takes one value each time.
 */
function mayTakeMany(argv: readonly string[]): boolean {
  const at = argv.findIndex((word) => Object.hasOwn(COMMANDS, word));
  const isBefore = argv.slice(0, at).some((word) => /^-s|^--service/.test(word));
  return at >= 0 && !isBefore && COMMANDS[argv[at] as CommandName].argument === undefined;
}

function addOptions(
  command: Command,
  takes: (commands: readonly CommandName[] | undefined) => boolean,
  many: boolean,
): void {
  for (const key of SETTING_KEYS) {
    const { flags, meaning, commands, reader, group } = settingOf(key);
    if (flags === undefined || !takes(commands)) continue;
    const option = new Option(flags, meaning).helpGroup(group);
    option.variadic &&= many;
    // `resolveConfig` reads the values of all sources, so that it can report all problems at once.
    if (reader.many === true && !option.variadic) {
      option.argParser<string[] | undefined>((value, previous) => [...(previous ?? []), value]);
    }
    command.addOption(option);
  }
}

function readFlags(command: Command): Invocation['flags'] {
  const options = [...command.options, ...(command.parent?.options ?? [])];
  const values = command.optsWithGlobals<Record<string, unknown>>();
  return Object.fromEntries(
    SETTING_KEYS.flatMap((key) => {
      const option = options.find(({ flags }) => flags === settingOf(key).flags);
      if (option === undefined) return [];
      const value = values[option.attributeName()];
      // commander stores `--no-wait` as `wait: false`.
      if (option.negate) return value === false ? [[key, true]] : [];
      return value === undefined ? [] : [[key, value]];
    }),
  );
}
