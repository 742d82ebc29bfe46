import { spawn } from 'node:child_process';
import { kill, platform } from 'node:process';

/** Whether this process runs on Windows. */
export const isWindows = platform === 'win32';

/** How a child process ended. */
export interface ProcessEnd {
  /** Exit status; null when a signal ended the process. */
  readonly status: number | null;
  readonly stdout: string;
  /** The last lines of both streams, oldest first; long ones are cut. */
  readonly tail: readonly string[];
}

/** A process to run. */
export interface ProcessRequest {
  readonly command: string;
  /** When absent, `command` is a line for the shell. */
  readonly args?: readonly string[];
  readonly directory: string;
  /** Variables of the process; those of this one when absent. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Written to its stdin; nothing when absent. */
  readonly input?: string;
  readonly signal?: AbortSignal;
  /** Called with each line of stdout and stderr. */
  readonly onLine?: (line: string) => void;
}

const TAIL = 20;
/** Characters of a line that is kept: it is quoted in messages, and given to other processes. */
const LINE = 2000;
/** Milliseconds between SIGTERM and SIGKILL for an aborted process. */
const GRACE = 3000;

/** Milliseconds after the end of a shell for which its output is still read. */
const REST = 500;

/** Cuts a long line before a word: the beginning of a secret would not be redacted. */
const cutLine = (line: string) => (line.length > LINE ? line.replace(/[^\s"',;&=:]*$/, '…') : line);

/** Runs a process without a terminal until it ends; rejects if it cannot start or is aborted. */
export function runProcess(request: ProcessRequest): Promise<ProcessEnd> {
  const { command, args, directory, environment, input, signal, onLine } = request;
  const child = spawn(command, args ?? [], {
    cwd: directory,
    ...(environment && { env: environment }),
    shell: args === undefined,
    stdio: 'pipe',
    // The shell and its children form a process group, so that a signal reaches all of them.
    detached: args === undefined && !isWindows,
  });
  // A process can end before it reads its stdin.
  child.stdin.on('error', () => undefined).end(input);
  const tail: string[] = [];
  let stdout = '';
  const read = (stream: NodeJS.ReadableStream, keep: (text: string) => void) => {
    let rest = '';
    stream.setEncoding('utf8');
    const take = (line: string) => {
      tail.push(line.slice(0, LINE + 1));
      if (tail.length > TAIL) tail.shift();
      onLine?.(line);
    };
    stream.on('data', (text: string) => {
      keep(text);
      const lines = text.split('\n');
      lines[0] = `${rest}${lines[0]}`;
      rest = lines.pop() ?? '';
      lines.forEach(take);
    });
    stream.on('end', () => {
      if (rest !== '') take(rest);
    });
  };
  read(child.stdout, (text) => {
    stdout += text;
  });
  read(child.stderr, () => undefined);
  return new Promise((resolve, reject) => {
    const send = (name: NodeJS.Signals) => {
      try {
        if (child.pid !== undefined && args === undefined) kill(-child.pid, name);
        else child.kill(name);
      } catch {
        // The group has already ended.
      }
    };
    let grace: NodeJS.Timeout | undefined;
    // A process in the background that it started can keep the pipes open; do not wait for that.
    const closePipes = () => {
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const stop = () => {
      send('SIGTERM');
      grace = setTimeout(() => {
        send('SIGKILL');
        closePipes();
      }, GRACE);
    };
    let rest: NodeJS.Timeout | undefined;
    child.once('exit', () => {
      // Of a line for the shell, only the lines count that it printed before.
      if (args === undefined) rest = setTimeout(closePipes, REST);
    });
    signal?.addEventListener('abort', stop, { once: true });
    child.once('error', reject);
    child.once('close', (status) => {
      clearTimeout(grace);
      clearTimeout(rest);
      signal?.removeEventListener('abort', stop);
      if (signal?.aborted === true) reject(signal.reason as Error);
      else resolve({ status, stdout, tail: tail.map(cutLine) });
    });
  });
}
