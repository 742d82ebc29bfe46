import { Command, CommanderError, Option } from 'commander';
import type { CommandResult, Context } from './commands/context.ts';
import { EcsDeployError } from './errors.ts';
import { longFlag, SETTING_KEYS, settingOf } from './settings/table.ts';
import type { CommandName, SettingKey } from './settings/table.ts';

/** What the command line asks for. */
export interface Invocation {
  readonly command: CommandName;
  readonly flags: Readonly<Partial<Record<SettingKey, unknown>>>;
  readonly argument: string | undefined;
  /** What stands behind `--`. */
  readonly rest: readonly string[];
}

type Action = (context: Context) => Promise<CommandResult>;

interface CommandRow {
  readonly summary: string;
  readonly argument?: readonly [name: string, meaning: string];
  readonly examples: readonly string[];
  readonly load: () => Promise<Action>;
}

/** The subcommands; what a command needs is loaded only when it runs. */
const COMMANDS: Readonly<Record<CommandName, CommandRow>> = {
  deploy: {
    summary: 'build, push, register and roll out, followed to the verdict',
    examples: [
      'ecsdeploy deploy',
      'ecsdeploy deploy --env prod --dry-run',
      'ecsdeploy deploy --image REGISTRY/REPOSITORY:TAG',
    ],
    load: async () => (await import('./commands/deploy.ts')).deploy,
  },
  push: {
    summary: 'build the image for the platform and push it; prints its reference',
    examples: ['IMAGE=$(ecsdeploy push)'],
    load: async () => (await import('./commands/push.ts')).push,
  },
  render: {
    summary: 'print the task definition that the service runs, with the image replaced',
    examples: [
      'ecsdeploy render --image "$IMAGE" --diff',
      'ecsdeploy render --image "$IMAGE" | ecsdeploy register -',
    ],
    load: async () => (await import('./commands/render.ts')).render,
  },
  register: {
    summary: 'register a task definition as a new revision; prints its ARN',
    argument: ['[file]', 'JSON file of the task definition; - or nothing reads stdin'],
    examples: ['ecsdeploy register task-definition.json'],
    load: async () => (await import('./commands/register.ts')).register,
  },
  rollout: {
    summary: 'move the service to a revision and follow the deployment to its verdict',
    argument: [
      '[revision]',
      "family:revision or ARN; - reads it from stdin (default: the family's latest)",
    ],
    examples: ['ecsdeploy rollout', 'ecsdeploy rollout app:41', 'ecsdeploy rollout --watch'],
    load: async () => (await import('./commands/rollout.ts')).rollout,
  },
  rollback: {
    summary: 'go back to the last revision that was deployed successfully',
    examples: ['ecsdeploy rollback', 'ecsdeploy rollback --to app:41'],
    load: async () => (await import('./commands/rollback.ts')).rollback,
  },
  status: {
    summary: 'show the service: deployments, tasks, the latest events',
    examples: ['ecsdeploy status', 'ecsdeploy status --json'],
    load: async () => (await import('./commands/status.ts')).status,
  },
  diagnose: {
    summary: 'tell why the latest deployment failed or hangs, and what to do',
    examples: ['ecsdeploy diagnose'],
    load: async () => (await import('./commands/diagnose.ts')).diagnose,
  },
  logs: {
    summary: "print the container logs of the service's tasks",
    examples: ['ecsdeploy logs --container app', 'ecsdeploy logs -f'],
    load: async () => (await import('./commands/logs.ts')).logs,
  },
  verify: {
    summary:
      'check everything that a deploy would check before its first write, and change nothing',
    examples: ['ecsdeploy verify', 'ecsdeploy verify --env prod --image REGISTRY/REPOSITORY:TAG'],
    load: async () => (await import('./commands/verify.ts')).verify,
  },
  sandbox: {
    summary: 'a local ECS, ECR and CloudWatch Logs to try everything without an AWS account',
    argument: ['[command...]', 'command to run inside it, behind --'],
    examples: [
      'ecsdeploy sandbox -- ecsdeploy deploy',
      'ecsdeploy sandbox --scenario crash -- ecsdeploy deploy',
      'ecsdeploy sandbox --list',
    ],
    load: async () => (await import('./commands/sandbox.ts')).sandbox,
  },
  help: {
    summary: 'print the help of a command, the IAM policy it needs, or every error code',
    argument: ['[topic...]', 'a command; iam, and of which command (default: deploy); or errors'],
    examples: [
      'ecsdeploy help rollout',
      'ecsdeploy help iam push',
      'ecsdeploy help iam > policy.json && aws iam create-policy --policy-name deploy --policy-document file://policy.json',
      'ecsdeploy help errors',
    ],
    load: async () => (await import('./commands/help.ts')).help,
  },
};

/** Loads the code of a command. */
export function loadCommand(name: CommandName): Promise<Action> {
  return COMMANDS[name].load();
}

/** Where help goes, and how wide it may be. */
export interface HelpOutput {
  readonly write: (text: string) => void;
  readonly columns: number;
  /** The text of `help errors`. */
  readonly errorCodes: () => Promise<string>;
}

/**
 * Reads the command line; undefined when it asked for help or the version, which are written then.
 *
 * Throws an {@link EcsDeployError} of code `usage`.
 */
export async function parseCommandLine(
  argv: readonly string[],
  version: string,
  output: HelpOutput,
): Promise<Invocation | undefined> {
  let invocation: Invocation | undefined;
  const program = new Command('ecsdeploy')
    .description('Deploy a container to Amazon ECS in one command, and know why when it fails.')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: output.write,
      writeErr: () => undefined,
      getOutHelpWidth: () => output.columns,
      getErrHelpWidth: () => output.columns,
    })
    .exitOverride();
  addOptions(program, (commands) => commands === undefined, mayTakeMany(argv));
  for (const name of Object.keys(COMMANDS) as CommandName[]) {
    const { summary, argument, examples } = COMMANDS[name];
    const command = program.command(name).description(summary).allowExcessArguments(false);
    if (argument !== undefined) command.argument(...argument);
    addOptions(command, (commands) => commands?.includes(name) === true, false);
    command.addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}`);
    command.action(async () => {
      const [argument, ...rest] = command.args;
      if (name === 'help' && argument !== 'iam') return writeHelp(program, argument, output);
      const flags = readFlags(command);
      if (name === 'rollout') checkRevision(argument, flags.taskDefinition);
      invocation = {
        command: name,
        flags,
        argument: name === 'sandbox' ? undefined : argument,
        rest: name === 'sandbox' ? command.args : rest,
      };
    });
  }
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    throw usageError(error, argv);
  }
  return invocation;
}

/** Throws where the argument and `--task-definition` name two revisions: only one can be meant. */
function checkRevision(argument: string | undefined, flag: unknown): void {
  if (argument === undefined || typeof flag !== 'string') return;
  if (argument === flag || argument.startsWith(`${flag}:`)) return;
  throw new EcsDeployError({
    code: 'usage',
    message: `rollout is given two revisions: ${argument} and --task-definition ${flag}.`,
    hint: 'leave one of them out',
  });
}

/** Writes the help of a command, of all, or of every error code. */
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
  if (topic !== 'errors') {
    const { unknownTopic } = await import('./commands/help.ts');
    throw unknownTopic(topic, Object.keys(COMMANDS));
  }
  output.write(`${await output.errorCodes()}\n`);
}

/** What is wrong with a command line, and the nearest one that is right. */
function usageError(cause: CommanderError, argv: readonly string[]): EcsDeployError {
  const names = Object.keys(COMMANDS);
  const command = argv.find((word) => names.includes(word));
  if (cause.code === 'commander.help') {
    return new EcsDeployError({
      code: 'usage',
      message: 'No command was given.',
      hint: `one of ${names.join(', ')}; see ecsdeploy --help`,
      cause,
    });
  }
  const [, takes, given] =
    /^error: too many arguments for '\w+'\. Expected (\d) .* got (\d+)/.exec(cause.message) ?? [];
  if (takes !== undefined) {
    return new EcsDeployError({
      code: 'usage',
      message: `${command} takes ${takes === '0' ? 'no argument' : 'one argument'}, but ${given} ${given === '1' ? 'was' : 'were'} given.`,
      hint: `what it works on is named by options, for one --service NAME\nsee ecsdeploy ${command} --help`,
      cause,
    });
  }
  const [, message = '', near] =
    /^error: (.*?)(?:\n\(Did you mean (.*)\?\))?$/s.exec(cause.message) ?? [];
  const option = /^unknown option '(--[a-z-]+)'/.exec(message)?.[1];
  const owners = SETTING_KEYS.filter((key) => longFlag(key) === option).flatMap(
    (key) => settingOf(key).commands ?? [],
  );
  const see = command === undefined ? 'ecsdeploy --help' : `ecsdeploy ${command} --help`;
  return new EcsDeployError({
    code: 'usage',
    message: `${message.charAt(0).toUpperCase()}${message.slice(1).replace(/(?<!\.)$/, '.')}`,
    hint: [
      ...(option !== undefined && owners.length > 0
        ? [`${option} is an option of ${owners.join(', ')}`]
        : near === undefined
          ? []
          : [`did you mean ${near}?`]),
      `see ${see}`,
    ].join('\n'),
    cause,
  });
}

/**
 * Whether `--service A B` may name two services: not where B may be the command, or its argument.
 * There one option takes one value, or several with commas between them.
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
    const { flags, meaning, commands, reader } = settingOf(key);
    if (flags === undefined || !takes(commands)) continue;
    const option = new Option(flags, meaning);
    option.variadic &&= many;
    // Values are read and checked with those of the other sources, all problems at once.
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
      // commander holds `--no-wait` as `wait: false`.
      if (option.negate) return value === false ? [[key, true]] : [];
      return value === undefined ? [] : [[key, value]];
    }),
  );
}
