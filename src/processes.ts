import { spawn } from 'node:child_process';
import { kill, platform } from 'node:process';

/** How a child process ended. */
export interface ProcessEnd {
  /** Exit status; 128 plus the number for a signal is not made up: it is null then. */
  readonly status: number | null;
  readonly stdout: string;
  /** The last lines of both streams, oldest first. */
  readonly tail: readonly string[];
}

/** What to run. */
export interface ProcessRequest {
  readonly command: string;
  /** Absent: `command` is a line for the shell. */
  readonly args?: readonly string[];
  readonly directory: string;
  /** What it reads on stdin; nothing when absent. */
  readonly input?: string;
  readonly signal?: AbortSignal;
  /** Told each line of stdout and stderr. */
  readonly onLine?: (line: string) => void;
}

const TAIL = 20;
/** Milliseconds that an aborted process has to end by itself. */
const GRACE = 3000;

/** Runs a process to its end without a terminal; rejects when it cannot be started or is aborted. */
export function runProcess(request: ProcessRequest): Promise<ProcessEnd> {
  const { command, args, directory, input, signal, onLine } = request;
  const child = spawn(command, args ?? [], {
    cwd: directory,
    shell: args === undefined,
    stdio: 'pipe',
    // A shell's children must end with it on Ctrl-C, so that they are a group of their own.
    detached: args === undefined && platform !== 'win32',
  });
  // A process may end without reading it.
  child.stdin.on('error', () => undefined).end(input);
  const tail: string[] = [];
  let stdout = '';
  const read = (stream: NodeJS.ReadableStream, keep: (text: string) => void) => {
    let rest = '';
    stream.setEncoding('utf8');
    const take = (line: string) => {
      tail.push(line);
      if (tail.length > TAIL) tail.shift();
      onLine?.(line);
    };
    stream.on('data', (text: string) => {
      keep(text);
      const lines = (rest + text).split('\n');
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
        // The group has ended; what it left behind is none of it.
      }
    };
    let grace: NodeJS.Timeout | undefined;
    const stop = () => {
      send('SIGTERM');
      grace = setTimeout(() => {
        send('SIGKILL');
        // A daemon that was left behind may hold the pipes; this run does not wait for it.
        child.stdout.destroy();
        child.stderr.destroy();
      }, GRACE);
    };
    signal?.addEventListener('abort', stop, { once: true });
    child.once('error', reject);
    child.once('close', (status) => {
      clearTimeout(grace);
      signal?.removeEventListener('abort', stop);
      if (signal?.aborted === true) reject(signal.reason as Error);
      else resolve({ status, stdout, tail });
    });
  });
}
