import type { PastDeployment, ServiceHistory } from '../core/history.ts';
import { shortName } from '../core/task-definition.ts';
import { formatSeconds, formatTable, formatTime, shortDigest } from './format.ts';

/** The deployments of a service for people. */
export function formatHistory({
  service,
  cluster,
  serving,
  rollbackTo,
  history,
}: ServiceHistory): string {
  const head = [
    `${service} in ${cluster}: ${serving === null ? 'no task is running' : `serving ${shortName(serving)}`}`,
    rollbackTo === null
      ? 'rollback would not change it'
      : `rollback would go to ${shortName(rollbackTo)}`,
  ].join(', ');
  if (history.length === 0)
    return `${head}\n\nECS knows of no deployments (it keeps them 90 days).`;
  const header = ['STARTED', 'TOOK', 'REVISION', 'OUTCOME', 'TAG'];
  return [head, '', ...formatTable(header, history.map(rowOf))].join('\n');
}

function rowOf(row: PastDeployment): string[] {
  const { createdAt, seconds, taskDefinition, outcome, image, tag } = row;
  return [
    formatTime(new Date(createdAt)).slice(0, 16).replace('T', ' '),
    seconds === null ? '-' : formatSeconds(seconds),
    taskDefinition === null ? '-' : shortName(taskDefinition),
    outcome,
    // An image without a tag is named by its digest.
    tag ?? digestOf(image) ?? '-',
  ];
}

function digestOf(image: string | null): string | undefined {
  const at = image?.indexOf('@') ?? -1;
  return image === null || at < 0 ? undefined : shortDigest(image.slice(at + 1));
}
