import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCiJob } from '../core/ci.ts';
import { escapeJson, withoutColours } from '../core/foreign.ts';
import { resultValues } from '../core/result.ts';
import type { Result } from '../core/result.ts';
import { secondsSince } from '../events.ts';
import type { EventOf } from '../events.ts';
import { runProcess } from '../processes.ts';
import type { Context } from './context.ts';

/** A local command of the config file. */
interface Hook {
  readonly name: EventOf<'hook-started'>['hook'];
  /** A line for the shell. */
  readonly command: string;
  /** The result so far, which the command gets as variables and as a file. */
  readonly result: Result;
  readonly signal: AbortSignal;
}

/** How a hook ended: undefined after success. */
export interface HookFailure {
  /** E.g. `ended with status 1`. */
  readonly how: string;
  /** The last lines of its output. */
  readonly tail: readonly string[];
}

/**
 * Runs a hook in the folder of the config file; its output becomes events. Rejects when the signal
 * aborts.
 */
export async function runHook(
  { config, emit, environment }: Pick<Context, 'config' | 'emit' | 'environment'>,
  { name, command, result, signal }: Hook,
): Promise<HookFailure | undefined> {
  const start = performance.now();
  emit({ kind: 'hook-started', hook: name, command });
  const folder = await mkdtemp(join(tmpdir(), 'ecsdeploy-'));
  const file = join(folder, 'result.json');
  try {
    await writeFile(file, escapeJson(JSON.stringify(result, undefined, 2)), { mode: 0o600 });
    signal.throwIfAborted();
    const { status, tail } = await runProcess({
      command,
      directory: config.directory,
      environment: {
        ...environment,
        ...variablesOf(result, environment),
        DEPLOY_RESULT_FILE: file,
      },
      signal,
      onLine: (line) => emit({ kind: 'hook-output', hook: name, line: withoutColours(line) }),
    });
    emit({ kind: 'hook-ended', hook: name, command, status, seconds: secondsSince(start) });
    if (status === 0) return undefined;
    const how = status === null ? 'was ended by a signal' : `ended with status ${status}`;
    return { how, tail: tail.map(withoutColours) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Characters of a variable: Linux starts no process with more than 128 KiB in one. */
const LONGEST = 30_000;

/** `DEPLOY_OUTCOME`, …: names with ECSDEPLOY_ would be settings of an ecsdeploy that the hook runs. */
function variablesOf(result: Result, environment: Context['environment']): Record<string, string> {
  const { commit, branch, run } = readCiJob(environment) ?? {};
  const own = { command: result.command, error: result.error?.message };
  const values = { ...own, ...resultValues(result), commit, branch, 'run-url': run };
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      value ? [[`DEPLOY_${name.toUpperCase().replaceAll('-', '_')}`, value.slice(0, LONGEST)]] : [],
    ),
  );
}
