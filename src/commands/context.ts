import type { Output, Result } from '../core/result.ts';
import type { Emit } from '../events.ts';
import type { ConfigOf } from '../settings/config.ts';
import type { CommandName } from '../settings/table.ts';

/** The input of a command, with the settings that it takes; `never` stands for all commands. */
export interface Context<C extends CommandName = CommandName> {
  readonly config: ConfigOf<C>;
  /** The positional argument; undefined when none was given. */
  readonly argument: string | undefined;
  /** The words after the argument; for `sandbox`, the command to run. */
  readonly rest: readonly string[];
  readonly emit: Emit;
  /** Aborted by the first Ctrl-C, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  /** Environment variables. The SDK reads those of the process, which are the same outside tests. */
  readonly environment: Record<string, string | undefined>;
  /** The current folder, absolute. */
  readonly directory: string;
  /** Writes to stdout before the command ends; resolves to false once stdout is no longer read. */
  readonly print: (output: Output) => Promise<boolean>;
  /**
   * Writes a result again: on a terminal in place of the last one, elsewhere below it once it has
   * changed. Resolves to false once stdout is no longer read.
   */
  readonly show: (output: Output) => Promise<boolean>;
  readonly readStdin: () => Promise<Buffer>;
  /** Where questions are asked; undefined without a terminal. */
  readonly terminal:
    | { readonly input: NodeJS.ReadStream; readonly output: NodeJS.WriteStream }
    | undefined;
  /** Asks for a secret on the terminal, without showing the answer; undefined without a terminal. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  /**
   * Asks on the terminal, and shows the answer; undefined without a terminal. Rejects when the signal
   * aborts.
   */
  readonly confirm: ((question: string, signal?: AbortSignal) => Promise<string>) | undefined;
}

/** How a command ended, for the exit status, `--json` and stdout. */
export type CommandResult = Omit<Result, 'command' | 'seconds' | 'error'> & {
  readonly seconds: Omit<Result['seconds'], 'total'>;
  /** Told already, and named by the result. */
  readonly error?: Result['error'];
  /** Written to stdout without `--json`; nothing when undefined. */
  readonly output?: Output | undefined;
  /** Exit status, if it differs from that of the outcome. */
  readonly status?: number | undefined;
};
