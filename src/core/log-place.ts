import type { JsonObject } from './task-definition.ts';

/** Log driver options that name the destination. */
const DESTINATIONS = [
  'Name',
  'Host',
  'splunk-url',
  'fluentd-address',
  'gelf-address',
  'syslog-address',
];

/** The destination of a container's log, e.g. `awsfirelens (Name datadog)`; undefined for CloudWatch. */
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
