import type { PastDeployment, ServiceHistory } from '../core/history.ts';
import { placeNote } from '../core/service-name.ts';
import { shortName } from '../core/task-definition.ts';
import { formatSeconds, formatTable, formatTime, shortCommit, shortDigest } from './format.ts';
import type { TableRow } from './format.ts';
import type { Page } from './page.ts';
import { wrap } from './width.ts';

const OLDER = 'Older deployments are not shown: CodeDeploy keeps them.';

/** The deployments of a service for people. */
export function formatHistory(
  { serving, rollbackTo, taskDefinition, history, hasOlder, ...name }: ServiceHistory,
  { columns, linkOf }: Page,
): string {
  const { service, cluster } = name;
  const link = linkOf({ cluster, service, taskDefinition });
  const head = [
    `${service} in ${cluster}${placeNote(name)}: ${serving === null ? 'no task is running' : `serving ${shortName(serving)}`}`,
    rollbackTo === null
      ? 'rollback would not change it'
      : `rollback would go to ${shortName(rollbackTo)}`,
  ].join(', ');
  const top = [...wrap(head, columns), ...(link === undefined ? [] : [`  console: ${link}`]), ''];
  if (history.length === 0)
    return [...top, 'No deployment is known (ECS keeps them 90 days).'].join('\n');
  const header = ['STARTED', 'TOOK', 'REVISION', 'OUTCOME', 'TAG'];
  const older = hasOlder ? ['', ...wrap(OLDER, columns)] : [];
  return [...top, ...formatTable(header, history.map(rowOf), columns), ...older].join('\n');
}

function rowOf(row: PastDeployment): TableRow {
  const { createdAt, seconds, taskDefinition, outcome, image, tag, commit } = row;
  const cellsWith = (name: string) => [
    formatTime(new Date(createdAt)).slice(0, 16).replace('T', ' '),
    seconds === null ? '-' : formatSeconds(seconds),
    taskDefinition === null ? '-' : shortName(taskDefinition),
    outcome,
    name,
  ];
  // An image without a tag is named by its digest.
  const name = tag ?? digestOf(image) ?? '-';
  return {
    cells: cellsWith(name),
    short: cellsWith(commit === null ? name : shortCommit(name, commit)),
  };
}

function digestOf(image: string | null): string | undefined {
  const at = image?.indexOf('@') ?? -1;
  return image === null || at < 0 ? undefined : shortDigest(image.slice(at + 1));
}
