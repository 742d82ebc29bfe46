import type { Kept, PrunedFamily, PrunedRevision, PruneOutcome } from '../core/prune.ts';
import { placeNote } from '../core/service-name.ts';
import { shortName } from '../core/task-definition.ts';
import { formatAge, formatCount, formatTable } from './format.ts';
import type { TableRow } from './format.ts';

/** The limits of a plan, for the reasons that name them. */
interface Limits {
  readonly keep: number;
  /** Milliseconds. */
  readonly olderThan: number;
}

const DONE: Readonly<Record<PruneOutcome, string>> = {
  kept: 'keep',
  planned: 'deregister',
  deregistered: 'deregistered',
  deleted: 'deleted',
  failed: 'failed',
  unknown: 'unknown',
  skipped: 'skipped',
};

/** The revisions of a family, and why they are kept: a row for each run of equal ones, newest first. */
export function formatPrune(
  { family, place, revisions }: PrunedFamily,
  limits: Limits,
  columns: number,
): string {
  const rows: { first: PrunedRevision; last: PrunedRevision; plan: string; why: string }[] = [];
  for (const item of revisions.toReversed()) {
    const isOld = item.outcome === 'planned' && item.status === 'INACTIVE';
    const plan = isOld ? 'delete' : DONE[item.outcome];
    const why = item.reasons.map((reason) => because(reason, limits)).join(', ');
    const row = rows.at(-1);
    if (row?.plan === plan && row.why === why) row.first = item;
    else rows.push({ first: item, last: item, plan, why });
  }
  return [
    `${family}${placeNote(place)}: ${summary(revisions)}`,
    '',
    ...formatTable(
      ['REVISION', 'REGISTERED', 'ACTION', 'WHY'],
      rows.map(({ first, last, plan, why }): TableRow => {
        const numbers = [...new Set([numberOf(first), numberOf(last)])].join('-');
        return { cells: [numbers, dates(first, last), plan, why] };
      }),
      columns,
    ),
  ].join('\n');
}

function summary(revisions: readonly PrunedRevision[]): string {
  const count = (...outcomes: readonly PruneOutcome[]) =>
    revisions.filter(({ outcome }) => outcomes.includes(outcome)).length;
  const all = formatCount(revisions.length, 'revision');
  const done = count('deregistered', 'deleted');
  const planned = count('planned');
  if (done + count('failed', 'unknown', 'skipped') > 0) return `${done} of ${all} are gone`;
  const isLimited = revisions.some(
    ({ reasons }) => reasons.length > 0 && reasons.every(({ code }) => code === OTHER),
  );
  return [
    planned > 0 ? `${planned} of ${all} can go` : `${all}, and nothing to prune`,
    ...(planned > 0 ? ['the same command with --yes does it'] : []),
    ...(isLimited ? ['--all includes those that others have registered'] : []),
  ].join('; ');
}

const OTHER = 'registered-by-other';

/** `role deploy` or `user ci`, without account, path and session. */
function identityName(arn: string): string {
  const [, kind = '', path = ''] = /:(assumed-role|role|user)\/(.+)$/.exec(arn) ?? [];
  const names = path.split('/');
  if (kind === '') return arn;
  return kind === 'assumed-role' ? `role ${names[0]}` : `${kind} ${names.at(-1)}`;
}

const numberOf = ({ taskDefinition }: PrunedRevision) =>
  shortName(taskDefinition).split(':').at(-1);

function dates(first: PrunedRevision, last: PrunedRevision): string {
  const days = [first, last].flatMap(({ registeredAt }) => registeredAt?.slice(0, 10) ?? []);
  return [...new Set(days)].join(' to ') || '-';
}

function because({ code, by }: Kept, { keep, olderThan }: Limits): string {
  switch (code) {
    case 'newest':
      return `among the newest ${keep}`;
    case 'recent':
      return `younger than ${formatAge(olderThan / 1000)}`;
    case 'registered-by-other':
      return `registered by ${by === null ? 'an unknown identity' : identityName(by)}`;
    case 'deployment':
      return `deployed by ${by}`;
    default:
      return String(by);
  }
}
