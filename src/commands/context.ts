import type { Config } from '../settings/config.ts';
import type { DiffLine } from '../core/changes.ts';
import type { Result } from '../core/result.ts';
import type { Emit } from '../events.ts';

/** What every command gets. */
export interface Context {
  readonly config: Config;
  /** The positional argument; undefined when none was given. */
  readonly argument: string | undefined;
  /** What stands behind `--`. */
  readonly rest: readonly string[];
  readonly emit: Emit;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Environment variables; the SDK reads the process's own, which in the program are the same. */
  readonly environment: Record<string, string | undefined>;
  /** The current folder, absolute. */
  readonly directory: string;
  /** Writes a line to stdout before the end of the command; false once nobody reads it any more. */
  readonly print: (line: string) => boolean;
  readonly readStdin: () => Promise<string>;
  /** Asks on the terminal; undefined when there is none to ask on. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
}

/** How a command ended, for the exit status, `--json` and stdout. */
export type CommandResult = Omit<Result, 'command' | 'seconds' | 'error'> & {
  readonly seconds: Omit<Result['seconds'], 'total'>;
  /** What goes to stdout without `--json`, a diff coloured on a terminal; nothing when undefined. */
  readonly output?: string | readonly DiffLine[] | undefined;
  /** Exit status where it is not the outcome's own. */
  readonly status?: number | undefined;
};
