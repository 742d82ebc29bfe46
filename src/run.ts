import { setMaxListeners } from 'node:events';
import { addAbortSignal } from 'node:stream';
import { commandSummaries, loadCommand, parseCommandLine } from './cli.ts';
import type { Invocation } from './cli.ts';
import type { CommandResult, Context } from './commands/context.ts';
import { criticalPath } from './core/critical-path.ts';
import type { TimedCall } from './core/critical-path.ts';
import { escapeJson, printable } from './core/foreign.ts';
import { redactor } from './core/redact.ts';
import { outcomeOfError, statusOf } from './core/result.ts';
import type { Output, Result, ServiceResult } from './core/result.ts';
import { EcsDeployError, EXIT_STATUS } from './errors.ts';
import type { Emit, Event, EventOf } from './events.ts';
import { commandGuard } from './report/ci.ts';
import { consoleLink, functionLogLink, hasConsole, taskLink } from './report/console-link.ts';
import type { Display } from './report/display.ts';
import type { Page } from './report/page.ts';
import type { Reporter } from './report/plain.ts';
import { qualifyEvents } from './report/qualify.ts';
import { settingOf } from './settings/lookup.ts';

/** Everything of the process that a run uses. */
export interface Io {
  /** `AWS_PROFILE` is also written: the SDK reads the chosen profile there. */
  readonly environment: Record<string, string | undefined>;
  /** The current folder, absolute; reading it may throw. */
  readonly directory: string;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Aborted by the first Ctrl-C, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  /** Does what Ctrl-C does: at a prompt, the terminal reports Ctrl-C to the prompt only. */
  readonly interrupt: () => void;
  /** Calls back when the process continues after Ctrl-Z. */
  readonly onResume?: (act: () => void) => void;
  readonly version: string;
  /** The folder of the documentation, absolute. */
  readonly docs: string;
  /** Where to report a bug; undefined in a build without that address. */
  readonly bugs?: string | undefined;
  readonly versions: { readonly node: string; readonly platform: string; readonly arch: string };
}

/** Runs one command line and returns its exit status; the only place that prints results and errors. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const { environment, stdout, stderr } = io;
  if (argv[0] === 'completion' && argv[1] === '--') {
    const { suggest } = await import('./commands/completion.ts');
    const { directory, signal, docs } = io;
    const surroundings = { commands: commandSummaries(), environment, directory, signal, docs };
    const lines = await suggest(argv.slice(2), surroundings);
    stdout.write(lines.map((line) => `${line}\n`).join(''));
    return EXIT_STATUS.succeeded;
  }
  const start = performance.now();
  // An invalid command line gives no config, but its valid flags still apply to the error.
  const words = argv.slice(0, argv.includes('--') ? argv.indexOf('--') : undefined);
  let json = words.includes('--json');
  let verbose = words.some((word) => word === '--verbose' || word === '-v');
  let command = '';
  // Opened once there is something to report: help needs none of its words.
  let reporter: Reporter | undefined;
  const redact = redactor(environment);
  const linkOf: Page['linkOf'] = hasConsole(environment) ? consoleLink : () => undefined;
  const withConsole = (service: ServiceResult) => ({
    ...service,
    console: linkOf(service) ?? null,
  });
  const withLinks = (event: Event): Event => {
    if (event.kind === 'service-ended') return { ...event, result: withConsole(event.result) };
    if (event.kind === 'rollout-hook' && hasConsole(environment)) {
      return { ...event, link: functionLogLink(event.target) };
    }
    if (event.kind !== 'task-started' && event.kind !== 'task-interrupted') return event;
    return { ...event, console: (hasConsole(environment) && taskLink(event.task)) || null };
  };
  let display: Display | undefined;
  let qualify = qualifyEvents([]);
  let isRaw = true;
  const ends: EventOf<'service-ended'>[] = [];
  const calls: TimedCall[] = [];
  const emit: Emit = (event) => {
    display?.hide();
    const shown = redact(withLinks(event));
    if (shown.kind === 'service-ended') ends.push(qualify(shown));
    if (shown.kind === 'api-call' && verbose) {
      const end = performance.now() - start;
      calls.push({ action: shown.action, start: end - shown.milliseconds, end });
    }
    const told = isRaw ? shown : qualify(shown);
    reporter?.report({ ...told, at: new Date() });
  };
  let isRead = true;
  const noteLoss = () => {
    isRead = false;
  };
  stdout.once('error', noteLoss);
  const loadFormat = async () => {
    const { openFormat } = await import('./report/output.ts');
    const { isColoured } = await import('./report/reporter.ts');
    const format = await openFormat(isColoured(stdout, environment), linkOf);
    return (output: Output, columns: number) =>
      commandGuard(environment)(format(redact(output), columns));
  };
  const isTerminal = stdout.isTTY && stdout.columns > 0 && environment['TERM'] !== 'dumb';
  const print = async (output: Output) => {
    const format = await loadFormat();
    stdout.write(`${format(output, isTerminal ? stdout.columns : Infinity)}\n`);
    return isRead;
  };
  const show = async (output: Output) => {
    if (display === undefined) {
      const { openDisplay } = await import('./report/display.ts');
      display = openDisplay(stdout, isTerminal, await loadFormat());
    }
    display.show(output);
    return isRead;
  };
  let notify: ((document: Result) => Promise<void>) | undefined;
  const finish = async (result: CommandResult, error: Result['error']): Promise<number> => {
    const path = criticalPath(calls);
    if (path !== undefined) emit({ kind: 'critical-path', ...path });
    const {
      output,
      status,
      outcome,
      image,
      images,
      services,
      tasks,
      logs,
      checks,
      prune,
      init,
      seconds,
    } = result;
    const document: Result = redact({
      outcome,
      command,
      image,
      ...(images && { images }),
      services: services.map(withConsole),
      ...(tasks && { tasks }),
      ...(logs && { logs }),
      ...(checks && { checks }),
      ...(prune && { prune }),
      ...(init && { init }),
      error,
      seconds: { ...seconds, total: Math.round(performance.now() - start) / 1000 },
    });
    if (outcome !== 'planned') await notify?.(document);
    reporter?.end();
    display?.end();
    if (json) stdout.write(`${escapeJson(JSON.stringify(document, undefined, 2))}\n`);
    else if (output !== undefined) await print(output);
    try {
      const { writeJobFiles } = await import('./report/job-files.ts');
      writeJobFiles(document, ends, environment);
    } catch (cause) {
      // The result stands without its summary.
      const message = `Cannot write the outputs of the job: ${(cause as Error).message}`;
      emit({ kind: 'warning', message });
    }
    return status ?? statusOf(outcome);
  };
  try {
    const invocation = await parseCommandLine(argv, io.version, {
      write: (text) => void stdout.write(text),
      columns: stdout.columns ?? 100,
      errorCodes: async () => (await import('./report/explanations.ts')).helpErrors(),
      docs: io.docs,
    });
    if (invocation === undefined) return EXIT_STATUS.succeeded;
    ({ command } = invocation);
    const { named } = await import('./settings/config.ts');
    const context = await makeContext(invocation, io, emit, { print, show });
    const { config } = context;
    ({ json, verbose } = config);
    qualify = qualifyEvents(config.targets.map(named));
    isRaw = config.progress === 'json';
    const { openReporter } = await import('./report/reporter.ts');
    reporter = await openReporter({
      progress: config.quiet ? 'quiet' : config.progress,
      verbose,
      stream: stderr,
      environment,
      onResume: io.onResume,
    });
    if (config.notify !== undefined && settingOf('notify').commands?.includes(invocation.command)) {
      const { notifier } = await import('./commands/notify.ts');
      notify = notifier(context, config.notify);
    }
    const action = await loadCommand(invocation.command);
    const result = await action(context);
    return await finish(result, result.error ?? null);
  } catch (thrown) {
    const { openReporter } = await import('./report/reporter.ts');
    reporter ??= await openReporter({
      progress: asksForJsonLines(words, environment) ? 'json' : 'plain',
      verbose: false,
      stream: stderr,
      environment,
    });
    const error = withPolicy(toEcsDeployError(thrown, io, verbose), command);
    const { code, message, hint, status } = error;
    emit(
      code === 'interrupted' ? { kind: 'interrupted', message, hint } : { kind: 'error', error },
    );
    const outcome = outcomeOfError(status);
    const result = { outcome, status, image: null, services: [], seconds: {} };
    return await finish(result, { code, message, hint: hint ?? null });
  } finally {
    stdout.off('error', noteLoss);
  }
}

/** Bytes of stdin that are read at most: ECS takes no task definition of more than 64 KiB. */
const STDIN_BYTES = 1 << 20;

/** Reads stdin to its end; throws `usage` where it is a terminal or too long, and on an abort. */
async function readStdin({ stdin, signal }: Io, command: string): Promise<Buffer> {
  const refuse = (message: string, hint: string) =>
    new EcsDeployError({
      code: 'usage',
      message,
      hint: `${hint}: see ecsdeploy ${command} --help`,
    });
  if (stdin.isTTY) {
    throw refuse(
      `${command} reads stdin, but nothing is piped into it.`,
      'pipe the input into it, or use an argument',
    );
  }
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of addAbortSignal(signal, stdin)) {
    parts.push(Buffer.from(part as Buffer));
    bytes += parts.at(-1)?.length ?? 0;
    if (bytes > STDIN_BYTES) {
      throw refuse('stdin is longer than 1 MiB.', 'pipe in a revision or a task definition');
    }
  }
  return Buffer.concat(parts);
}

/** Whether stderr should be JSON, as far as that is known before the command line is parsed. */
function asksForJsonLines(words: readonly string[], environment: Io['environment']): boolean {
  const at = words.indexOf('--progress');
  const given =
    words.find((word) => word.startsWith('--progress='))?.slice('--progress='.length) ??
    (at < 0 ? environment['ECSDEPLOY_PROGRESS'] : words[at + 1]);
  return given === 'json';
}

/** Points a missing permission to `help iam`, which prints all permissions of a command. */
function withPolicy(error: EcsDeployError, command: string): EcsDeployError {
  if (error.code !== 'permission-denied' || !/"Allow"/.test(error.hint ?? '')) return error;
  const { code, message, hint, cause, problems } = error;
  const policy = `for the full policy: ecsdeploy help iam${command === 'deploy' ? '' : ` ${command}`}`;
  return new EcsDeployError({ code, message, hint: `${hint}\n${policy}`, cause }, problems);
}

async function makeContext(
  invocation: Invocation,
  io: Io,
  report: Emit,
  write: Pick<Context, 'print' | 'show'>,
): Promise<Context<never>> {
  const { environment, directory, stdin, stderr, signal } = io;
  // With it comes the YAML library, which help has no use for.
  const { resolveConfig } = await import('./settings/config.ts');
  const isTerminal = stdin.isTTY && stderr.isTTY;
  // Every call listens to it while it is under way: Node would take many of them for a leak.
  setMaxListeners(0, signal);
  const reported = new Set<string>();
  return {
    config: resolveConfig({ ...invocation, environment, directory }),
    argument: invocation.argument,
    rest: invocation.rest,
    // A warning that every poll repeats, or several reads for one reason, is reported once.
    emit: (event) => {
      if (event.kind === 'warning') {
        const { reason = event.message } = event;
        if (reported.has(reason)) return;
        reported.add(reason);
      }
      report(event);
    },
    signal,
    environment,
    directory,
    ...write,
    readStdin: () => readStdin(io, invocation.command),
    terminal: isTerminal ? { input: stdin, output: stderr } : undefined,
    ask: isTerminal ? (question) => prompt(io, question, 'hidden') : undefined,
    confirm: isTerminal ? (question, until) => prompt(io, question, 'shown', until) : undefined,
  };
}

/** Asks on the terminal; the answer is empty when the user closes the input (Ctrl-D). */
async function prompt(
  { stdin, stderr, signal, interrupt }: Io,
  question: string,
  echo: 'hidden' | 'shown',
  until = signal,
): Promise<string> {
  // Most runs ask nothing, and these take a tenth of the time to start.
  const { createInterface } = await import('node:readline/promises');
  const { Writable } = await import('node:stream');
  // readline's echo of a secret goes nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const output = echo === 'hidden' ? nowhere : stderr;
  const terminal = createInterface({ input: stdin, output, terminal: true });
  terminal.on('SIGINT', interrupt);
  const closed = new Promise<string>((resolve) => {
    terminal.once('close', () => resolve(''));
  });
  if (echo === 'hidden') stderr.write(printable(question));
  let answer: string | undefined;
  try {
    const asking = terminal.question(echo === 'hidden' ? '' : printable(question), {
      signal: until,
    });
    answer = await Promise.race([asking, closed]);
    return answer;
  } finally {
    terminal.close();
    // An answer that is shown has ended its line.
    if (echo === 'hidden' || !answer) stderr.write('\n');
  }
}

function toEcsDeployError(thrown: unknown, io: Io, verbose: boolean): EcsDeployError {
  if (thrown instanceof EcsDeployError && thrown !== io.signal.reason) {
    // These say themselves what is known of the service; after Ctrl-C, other errors follow from it.
    const isCertain = thrown.code === 'interrupted' || thrown.code === 'sight-lost';
    if (isCertain || !io.signal.aborted) return thrown;
  }
  if (io.signal.aborted) {
    return new EcsDeployError({
      code: 'interrupted',
      // Once a service may have been changed, a rollout ends in a result and does not throw.
      message: 'Interrupted. No service was changed.',
      hint: 'run it again: images and revisions that already exist are reused',
      cause: thrown,
    });
  }
  if (/^E[MN]FILE$/.test(String((thrown as NodeJS.ErrnoException | undefined)?.code))) {
    return new EcsDeployError({
      code: 'usage',
      message: 'Too many files are open.',
      hint: 'raise the limit: ulimit -n 1024, and run it again',
      cause: thrown,
    });
  }
  const {
    name,
    message,
    stack = '',
  } = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { node, platform, arch } = io.versions;
  return new EcsDeployError({
    code: 'unexpected',
    message: `Unexpected error: ${verbose ? stack : `${name}: ${message}`}`,
    hint: [
      `please report this bug at ${io.bugs ?? "the project's issue tracker"}, with the lines above and below`,
      `ecsdeploy ${io.version}, Node ${node}, ${platform} ${arch}`,
      ...(verbose ? [] : ['run it again with --verbose, and add its output to the report']),
    ].join('\n'),
    cause: thrown,
  });
}
