import { createInterface } from 'node:readline/promises';
import { text as readAll } from 'node:stream/consumers';
import { loadCommand, parseCommandLine } from './cli.ts';
import type { Invocation } from './cli.ts';
import { resolveConfig } from './settings/config.ts';
import type { CommandResult, Context } from './commands/context.ts';
import { redact } from './core/redact.ts';
import { statusOf } from './core/result.ts';
import type { Outcome, Result } from './core/result.ts';
import { EcsDeployError, EXIT_STATUS, isAbort } from './errors.ts';
import type { Event } from './events.ts';
import { writeGithubFiles } from './report/github.ts';
import type { Reporter } from './report/plain.ts';
import { isColoured, openReporter } from './report/reporter.ts';

/** Everything of the process that a run touches. */
export interface Io {
  /** Read, and `AWS_PROFILE` written, so that the SDK sees the profile that was chosen. */
  readonly environment: Record<string, string | undefined>;
  readonly directory: string;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** What Ctrl-C does; at a prompt the terminal gives it to whoever asks. */
  readonly interrupt: () => void;
  readonly version: string;
  /** What it runs on. */
  readonly versions: { readonly node: string; readonly platform: string; readonly arch: string };
}

/** Runs one command line and returns its exit status; the only place that prints results and errors. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const start = performance.now();
  // A wrong flag cannot say what was wanted, but the presence of others can.
  const words = argv.slice(0, argv.includes('--') ? argv.indexOf('--') : undefined);
  let json = words.includes('--json');
  let verbose = words.some((word) => word === '--verbose' || word === '-v');
  let command = '';
  let reporter: Reporter = await openReporter({
    progress: wantsJsonLines(words, io.environment) ? 'json' : 'plain',
    verbose: false,
    stream: io.stderr,
    environment: io.environment,
  });
  const finish = async (result: CommandResult, error: Result['error']): Promise<number> => {
    reporter.end();
    const total = Math.round(performance.now() - start) / 1000;
    const { output, status, seconds, ...facts } = result;
    const document: Result = {
      outcome: facts.outcome,
      command,
      image: facts.image,
      services: facts.services,
      ...(facts.logs && { logs: facts.logs }),
      ...(facts.checks && { checks: facts.checks }),
      error,
      seconds: { ...seconds, total },
    };
    if (json) io.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
    else if (output !== undefined) {
      const colour = isColoured(io.stdout, io.environment);
      const isText = typeof output === 'string';
      const text = isText ? output : (await import('./report/diff.ts')).wordDiff(output, colour);
      io.stdout.write(`${text}\n`);
    }
    if (io.environment['GITHUB_ACTIONS'] === 'true') {
      try {
        writeGithubFiles(document, io.environment);
      } catch (cause) {
        // The deployment has its verdict; a summary that is missing does not change it.
        const message = `The outputs for GitHub could not be written: ${(cause as Error).message}`;
        reporter.report({ kind: 'warning', message });
      }
    }
    return status ?? statusOf(facts.outcome);
  };
  try {
    const invocation = await parseCommandLine(argv, io.version, {
      write: (text) => void io.stdout.write(text),
      columns: io.stdout.columns ?? 100,
    });
    if (invocation === undefined) return EXIT_STATUS.succeeded;
    command = invocation.command;
    const context = makeContext(invocation, io, (event) => reporter.report(event));
    const { config } = context;
    ({ json, verbose } = config);
    reporter = await openReporter({
      progress: config.quiet ? 'quiet' : config.progress,
      verbose: config.verbose,
      stream: io.stderr,
      environment: io.environment,
    });
    const action = await loadCommand(invocation.command);
    return await finish(await action(context), null);
  } catch (thrown) {
    const error = withPolicy(toEcsDeployError(thrown, io, verbose), command);
    const { code, message, hint } = error;
    reporter.report(
      code === 'interrupted' ? { kind: 'interrupted', message, hint } : { kind: 'error', error },
    );
    const nothing = { image: null, services: [], seconds: {} };
    const outcome = outcomeOf(error.status);
    return await finish(
      { ...nothing, outcome, status: error.status },
      { code, message, hint: hint ?? null },
    );
  }
}

/** Whether stderr is to be JSON, told before the command line is read. */
function wantsJsonLines(words: readonly string[], environment: Io['environment']): boolean {
  const at = words.indexOf('--progress');
  const given =
    words.find((word) => word.startsWith('--progress='))?.slice('--progress='.length) ??
    (at < 0 ? environment['ECSDEPLOY_PROGRESS'] : words[at + 1]);
  return given === 'json';
}

/** Adds to a permission that is missing where all of them stand. */
function withPolicy(error: EcsDeployError, command: string): EcsDeployError {
  if (error.code !== 'permission-denied' || !/"Allow"/.test(error.hint ?? '')) return error;
  const { code, message, hint, cause, problems } = error;
  const policy = `the whole policy: ecsdeploy help iam${command === 'deploy' ? '' : ` ${command}`}`;
  return new EcsDeployError({ code, message, hint: `${hint}\n${policy}`, cause }, problems);
}

function makeContext(invocation: Invocation, io: Io, report: (event: Event) => void): Context {
  const { environment, directory, stdin, stderr, signal } = io;
  const said = new Set<string>();
  let isRead = true;
  io.stdout.once('error', () => {
    isRead = false;
  });
  return {
    config: resolveConfig({ ...invocation, environment, directory }),
    argument: invocation.argument,
    rest: invocation.rest,
    // The same warning at every poll would bury the rest.
    emit: (event) => {
      if (event.kind === 'warning') {
        if (said.has(event.message)) return;
        said.add(event.message);
      }
      report(event);
    },
    signal,
    environment,
    directory,
    print: (line) => {
      io.stdout.write(`${line}\n`);
      return isRead;
    },
    readStdin: async () => {
      if (!stdin.isTTY) return readAll(stdin);
      throw new EcsDeployError({
        code: 'usage',
        message: `${invocation.command} reads stdin, but nothing is piped into it.`,
        hint: `pipe into it, or give an argument: see ecsdeploy ${invocation.command} --help`,
      });
    },
    ask:
      stdin.isTTY && stderr.isTTY
        ? async (question) => {
            const terminal = createInterface({ input: stdin, output: stderr });
            terminal.on('SIGINT', io.interrupt);
            try {
              return await terminal.question(question, { signal });
            } finally {
              terminal.close();
            }
          }
        : undefined,
  };
}

function toEcsDeployError(thrown: unknown, io: Io, verbose: boolean): EcsDeployError {
  if (io.signal.aborted || isAbort(thrown)) {
    return new EcsDeployError({
      code: 'interrupted',
      message: 'Interrupted before the service was changed.',
      hint: 'run it again: what was built, pushed or registered is found and not done twice',
      cause: thrown,
    });
  }
  if (thrown instanceof EcsDeployError) return thrown;
  const {
    name,
    message,
    stack = '',
  } = thrown instanceof Error ? thrown : new Error(String(thrown));
  const text = redact(verbose ? stack : `${name}: ${message}`, io.environment);
  const { node, platform, arch } = io.versions;
  return new EcsDeployError({
    code: 'unexpected',
    message: `An error that ecsdeploy does not know: ${text}`,
    hint: [
      "this is a bug: please report it on the issues page of ecsdeploy's repository, with these lines",
      `ecsdeploy ${io.version}, Node ${node}, ${platform} ${arch}`,
      ...(verbose ? [] : ['and with those of the same command with --verbose']),
    ].join('\n'),
    cause: thrown,
  });
}

function outcomeOf(status: number): Outcome {
  if (status === EXIT_STATUS.interrupted) return 'interrupted';
  if (status === EXIT_STATUS.sightLost) return 'unknown';
  return status === EXIT_STATUS.unexpected ? 'failed' : 'refused';
}
