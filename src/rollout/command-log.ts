import type { Ecs } from '../aws/ecs.ts';
import { logStreamOf, readLogFrom } from '../aws/logs.ts';
import type { LogEvent } from '../aws/logs.ts';
import { isDenied } from '../aws/optional.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { logPlaceOf } from '../core/log-place.ts';
import { containersOf } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import type { Emit } from '../events.ts';

/** The log of a command, as far as it was read. */
export interface CommandLog {
  /** Reads and prints what is new; resolves to the number of lines. */
  readonly read: () => Promise<number>;
  /** Reads on after the end of the command: its last lines arrive late. */
  readonly drain: (poll: number, signal: AbortSignal) => Promise<void>;
  /** The last lines. */
  readonly lines: () => readonly string[];
}

/** Log lines that are quoted of a command that failed. */
export const QUOTED_LINES = 10;

/** What reading a log works with. */
interface LogTools {
  readonly ecs: Ecs;
  readonly emit: Emit;
  readonly onLines: (lines: readonly LogEvent[]) => unknown;
  readonly isPrinted: boolean;
}

/** The container whose log is read. */
interface LogSource {
  readonly container: JsonObject;
  /** Id of its task. */
  readonly task: string;
  /** Known once it runs. */
  readonly runtimeId: () => string | undefined;
}

/** Opens the log of a container; where it is not in CloudWatch Logs, a warning says where it goes. */
export function openLog(
  { ecs, emit, onLines, isPrinted }: LogTools,
  { container, task, runtimeId }: LogSource,
): CommandLog {
  const name = String(container['name']);
  const place = logPlaceOf(container);
  if (place !== undefined) {
    const message = `The log of container ${name} is not in CloudWatch Logs; it goes to ${place}.`;
    emit({ kind: 'warning', message });
  }
  let next: string | undefined;
  let last: readonly string[] = [];
  let reading = Promise.resolve(0);
  const readOn = async (): Promise<number> => {
    const stream = logStreamOf(container, task, runtimeId());
    if (stream === undefined) return 0;
    try {
      const token = next;
      const page = await readLogFrom(ecs.aws, stream, token);
      ({ next } = page);
      const { events } = page;
      if (events.length === 0) return 0;
      last = [...last, ...events.map(({ message }) => message)].slice(-QUOTED_LINES);
      if (isPrinted && token === undefined) emit({ kind: 'log-printed', container: name });
      await onLines(events);
      for (const { message } of isPrinted ? [] : events) {
        emit({ kind: 'task-output', line: message });
      }
      return events.length;
    } catch (error) {
      // The exit code decides without the log, too; what passes is read with the next poll.
      if (isDenied(error)) {
        const message = `Continuing without the log of the command: ${error.message}`;
        emit({ kind: 'warning', message, hint: error.hint });
      }
      return 0;
    }
  };
  const read = () => {
    reading = reading.then(readOn);
    return reading;
  };
  return {
    read,
    drain: async (poll, signal) => {
      if (place !== undefined) return;
      do await sleep(poll, undefined, { signal }).catch(() => undefined);
      while ((await read()) > 0 && !signal.aborted);
    },
    lines: () => last,
  };
}

/** A container of a definition. */
export function containerOf(definition: JsonObject, name: string): JsonObject {
  return containersOf(definition).find((item) => item['name'] === name) ?? {};
}
