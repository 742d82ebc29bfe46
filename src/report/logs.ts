import type { LogLine } from '../core/result.ts';

/** A log line after the short id of its task, and its container where several are shown. */
export function formatLine({ task, container, message }: LogLine, withContainer: boolean): string {
  const id = task.slice(0, 8);
  return `${withContainer ? `${id} ${container}` : id}  ${message}`;
}
