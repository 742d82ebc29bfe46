import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { onTestFinished } from 'vitest';
import type { Result } from '../../src/core/result.ts';
import { EcsDeployError } from '../../src/errors.ts';
import { run } from '../../src/run.ts';

/** How a run of the command ended. */
export interface CliEnd {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run in progress. */
export interface Running {
  /** Sends SIGINT or SIGTERM. */
  readonly kill: (signal: NodeJS.Signals) => void;
}

/** The environment of a run. */
export interface CliOptions<R extends Running = Running> {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly directory?: string;
  readonly stdin?: string | Buffer;
  /** Gives stdin in place of that; not for a run in its own process. */
  readonly input?: (running: R) => Readable;
  /** Keys to type on a terminal once a text is on it, in order; no terminal when absent. */
  readonly answers?: readonly (readonly [shown: string, keys: string])[];
  /** Called with each chunk of stderr, to act during a run. */
  readonly onStderr?: (text: string, running: R) => void;
  /** The same for stdout. */
  readonly onStdout?: (text: string, running: R) => void;
}

/** The environment of a run in its own process. */
export interface ProcessOptions extends CliOptions<ChildProcess> {
  /** Command and arguments that run it, e.g. `nice -n 10`. */
  readonly through?: readonly string[];
  /** The script that Node runs instead of the command, absolute. */
  readonly script?: string;
  /** Path of a file that receives the stream. */
  readonly stdout?: string;
  readonly stderr?: string;
}

const BIN = resolve('bin/ecsdeploy.js');
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
const { versions, platform, arch } = process;

/** Variables that a run inherits: none of the user's AWS or Docker settings. */
const KEPT = ['PATH', 'HOME', 'TMPDIR'];
const kept = Object.fromEntries(KEPT.map((name) => [name, process.env[name]]));

function environmentOf({ environment }: Pick<CliOptions, 'environment'>): NodeJS.ProcessEnv {
  return { ...kept, AWS_EC2_METADATA_DISABLED: 'true', ...environment };
}

/** Runs the command in this process, as src/main.ts does: argv in, exit status and both streams out. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliEnd> {
  const { directory = process.cwd(), stdin = '', answers, onStderr, onStdout } = options;
  const controller = new AbortController();
  const kill = (name: NodeJS.Signals) => {
    const message = `Interrupted by ${name}.`;
    controller.abort(new EcsDeployError({ code: 'interrupted', message, cause: name }));
  };
  // A run that a test does not await must not delay the next one.
  onTestFinished(() => kill('SIGTERM'));
  const keyboard = new PassThrough();
  const rest = [...(answers ?? [])];
  let shown = '';
  const stdout = collector((text) => onStdout?.(text, { kill }));
  const stderr = collector((text) => {
    onStderr?.(text, { kill });
    shown += text;
    const [next] = rest;
    if (next === undefined || !shown.includes(next[0])) return;
    rest.shift();
    shown = '';
    keyboard.write(next[1]);
  });
  const terminal = {
    isTTY: true,
    columns: 100,
    rows: 40,
    getWindowSize: () => [100, 40],
    setRawMode: () => undefined,
  };
  if (answers !== undefined) Object.assign(stderr.stream, terminal);
  const piped = options.input?.({ kill }) ?? Readable.from(stdin.length === 0 ? [] : [stdin]);
  const input = answers === undefined ? piped : Object.assign(keyboard, terminal);
  return inside({ environment: environmentOf(options), directory }, async () => {
    const status = await run(args, {
      environment: process.env,
      directory,
      stdin: input as NodeJS.ReadStream,
      stdout: stdout.stream,
      stderr: stderr.stream,
      signal: controller.signal,
      interrupt: () => kill('SIGINT'),
      version,
      docs: resolve(import.meta.dirname, '../../docs'),
      versions: { node: versions.node, platform, arch },
    });
    return { status, stdout: stdout.text(), stderr: stderr.text() };
  });
}

/** A stream that collects its input; like a pipe, it is not a terminal and is read with a delay. */
function collector(read: (text: string) => void) {
  let all = '';
  const stream = new Writable({
    decodeStrings: false,
    write: (text: string, _, done) => {
      all += text;
      setImmediate(read, text);
      done();
    },
  });
  return { stream: stream as NodeJS.WriteStream, text: () => all };
}

/** Environment variables that the SDK reads from the process. */
interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
  readonly directory: string;
}

/** The runs in progress, which share one environment, and the original environment of the process. */
let shared:
  | { readonly key: string; readonly runs: Set<Promise<unknown>>; readonly own: Surroundings }
  | undefined;

/** Runs a function in an environment of the process, once runs in other environments have ended. */
async function inside<T>(surroundings: Surroundings, act: () => Promise<T>): Promise<T> {
  const key = JSON.stringify(surroundings);
  if (shared !== undefined && shared.key !== key) {
    await Promise.allSettled(shared.runs);
    return inside(surroundings, act);
  }
  if (shared === undefined) {
    const own = { environment: { ...process.env }, directory: process.cwd() };
    shared = { key, runs: new Set(), own };
    surround(surroundings);
  }
  const { runs, own } = shared;
  const acting = act();
  runs.add(acting);
  try {
    return await acting;
  } finally {
    runs.delete(acting);
    if (runs.size === 0) {
      shared = undefined;
      surround(own);
    }
  }
}

function surround({ environment, directory }: Surroundings): void {
  process.chdir(directory);
  for (const name of Object.keys(process.env)) delete process.env[name];
  for (const [name, value] of Object.entries(environment))
    if (value !== undefined) process.env[name] = value;
}

/** Runs the built command in its own process, as a user does. */
export function spawnCli(args: readonly string[], options: ProcessOptions = {}): Promise<CliEnd> {
  const { directory, stdin = '', through = [], script = BIN, onStderr, onStdout } = options;
  const files = [options.stdout, options.stderr].map((path) =>
    path === undefined ? undefined : openSync(path, 'w'),
  );
  const [command = '', ...rest] = [...through, process.execPath, script, ...args];
  const child = spawn(command, rest, {
    cwd: directory,
    stdio: ['pipe', files[0] ?? 'pipe', files[1] ?? 'pipe'],
    env: environmentOf(options),
  });
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    onStdout?.(text, child);
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    onStderr?.(text, child);
  });
  // A command that does not read its stdin can exit before stdin is written.
  child.stdin?.on('error', () => undefined).end(stdin);
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (status) => {
      for (const file of files) if (file !== undefined) closeSync(file);
      done({ status, stdout, stderr });
    });
  });
}

/** Reads the one JSON document that `--json` prints. */
export function readResult({ stdout }: CliEnd): Result {
  return JSON.parse(stdout) as Result;
}
