import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Result } from '../../src/core/result.ts';

/** How a run of the built command ended. */
export interface CliEnd {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What surrounds a run. */
export interface CliOptions {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly directory?: string;
  readonly stdin?: string;
  /** Command and arguments that run it, e.g. `nice -n 10`. */
  readonly through?: readonly string[];
  /** Files to write a stream to instead of collecting it. */
  readonly stdout?: string;
  readonly stderr?: string;
  /** Called with the process and each piece of stderr, to act in the middle of a run. */
  readonly onStderr?: (text: string, child: ChildProcess) => void;
  /** The same for stdout. */
  readonly onStdout?: (text: string, child: ChildProcess) => void;
}

const BIN = resolve('bin/ecsdeploy.js');

/** Variables of this machine that a run may see; nothing of the user's AWS or Docker settings. */
const KEPT = ['PATH', 'HOME', 'TMPDIR'];

/** Runs the built command as a user does: argv in, exit status and both streams out. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliEnd> {
  const { environment = {}, directory, stdin = '', through = [], onStderr, onStdout } = options;
  const kept = Object.fromEntries(KEPT.map((name) => [name, process.env[name]]));
  const files = [options.stdout, options.stderr].map((path) =>
    path === undefined ? undefined : openSync(path, 'w'),
  );
  const [command = '', ...rest] = [...through, process.execPath, BIN, ...args];
  const child = spawn(command, rest, {
    cwd: directory,
    stdio: ['pipe', files[0] ?? 'pipe', files[1] ?? 'pipe'],
    env: { ...kept, AWS_EC2_METADATA_DISABLED: 'true', ...environment },
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
  // A command that does not read its stdin may be gone before it is written.
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
