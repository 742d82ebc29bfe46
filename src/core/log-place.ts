import type { JsonObject } from './task-definition.ts';

/** Options of log drivers that name where a log goes. */
const DESTINATIONS = [
  'Name',
  'Host',
  'splunk-url',
  'fluentd-address',
  'gelf-address',
  'syslog-address',
];

/** Where a container's log goes, e.g. `awsfirelens (Name datadog)`; undefined for CloudWatch. */
export function logPlaceOf(container: JsonObject): string | undefined {
  const { logDriver, options = {} } = (container['logConfiguration'] ?? {}) as {
    logDriver?: string;
    options?: Record<string, string>;
  };
  if (logDriver === 'awslogs') return undefined;
  if (logDriver === undefined) return 'its host only: the task definition has no logConfiguration';
  const named = DESTINATIONS.flatMap((option) =>
    options[option] === undefined ? [] : [`${option} ${options[option]}`],
  );
  return named.length === 0 ? logDriver : `${logDriver} (${named.join(', ')})`;
}
