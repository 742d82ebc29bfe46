import type { Place } from './ecs.ts';

/** Why a revision is kept, in the order in which the reasons are given. */
export type KeepReason =
  | 'service'
  | 'task'
  | 'deployment'
  | 'schedule'
  | 'newest'
  | 'recent'
  | 'registered-by-other';

/** One reason, and what it is about: a service, a schedule, an identity. */
export interface Kept {
  readonly code: KeepReason;
  /** Null where the code says everything. */
  readonly by: string | null;
}

/** What becomes of a revision. `skipped`: the command ended before it came to it. */
export type PruneOutcome =
  | 'kept'
  | 'planned'
  | 'deregistered'
  | 'deleted'
  | 'failed'
  | 'unknown'
  | 'skipped';

/** A revision in the plan or the result of `prune`. */
export interface PrunedRevision {
  readonly taskDefinition: string;
  /** `ACTIVE` or `INACTIVE` before the command. */
  readonly status: string;
  /** ISO time of AWS; null where it was not read, because another reason keeps the revision. */
  readonly registeredAt: string | null;
  readonly outcome: PruneOutcome;
  /** Why it is kept; empty otherwise. */
  readonly reasons: readonly Kept[];
}

/** The revisions of one family, the oldest first. */
export interface PrunedFamily {
  readonly family: string;
  /** Of services with a place of their own. */
  readonly place?: Place | undefined;
  readonly revisions: readonly PrunedRevision[];
}

/** A revision that ECS lists. */
export interface ListedRevision {
  readonly arn: string;
  readonly status: 'ACTIVE' | 'INACTIVE';
}

/** When and by whom a revision was registered. */
export interface Registration {
  readonly at: Date;
  /** ARN of the user or the assumed role; undefined where ECS does not say. */
  readonly by: string | undefined;
}

/** What is kept besides what is in use. */
export interface PrunePolicy {
  /** The newest ACTIVE revisions that are kept. */
  readonly keep: number;
  /** Younger revisions are kept: milliseconds. */
  readonly olderThan: number;
  /** ARN whose revisions can go; undefined for those of everybody. */
  readonly identity: string | undefined;
}

/** The reasons that need no read of a revision itself: its uses, and its place among the newest. */
export function knownReasons(
  revisions: readonly ListedRevision[],
  uses: ReadonlyMap<string, readonly Kept[]>,
  { keep }: Pick<PrunePolicy, 'keep'>,
): ReadonlyMap<string, readonly Kept[]> {
  const active = revisions.filter(({ status }) => status === 'ACTIVE').map(({ arn }) => arn);
  const newest = new Set(active.slice(-keep));
  return new Map(
    revisions.map(({ arn }) => [
      arn,
      [
        ...(uses.get(arn) ?? []),
        ...(newest.has(arn) ? [{ code: 'newest', by: null } as const] : []),
      ],
    ]),
  );
}

/** What becomes of each revision. `now` is the time of the server's clock. */
export function planPrune(
  revisions: readonly ListedRevision[],
  known: ReadonlyMap<string, readonly Kept[]>,
  registrations: ReadonlyMap<string, Registration>,
  { olderThan, identity }: PrunePolicy,
  now: Date,
): readonly PrunedRevision[] {
  return revisions.map(({ arn, status }) => {
    const registration = registrations.get(arn);
    const reasons: readonly Kept[] = [
      ...(known.get(arn) ?? []),
      ...(registration === undefined ? [] : ownReasons(registration, olderThan, identity, now)),
    ];
    return {
      taskDefinition: arn,
      status,
      registeredAt: registration?.at.toISOString() ?? null,
      outcome: reasons.length > 0 ? 'kept' : 'planned',
      reasons,
    };
  });
}

function ownReasons(
  { at, by }: Registration,
  olderThan: number,
  identity: string | undefined,
  now: Date,
): readonly Kept[] {
  const isOurs = identity === undefined || (by !== undefined && who(by) === who(identity));
  return [
    ...(now.getTime() - at.getTime() < olderThan ? [{ code: 'recent', by: null } as const] : []),
    ...(isOurs ? [] : [{ code: 'registered-by-other', by: by ?? null } as const]),
  ];
}

/** A user or a role: each session of a role has another ARN. */
function who(arn: string): string {
  return arn.replace(/(:assumed-role\/[^/]+)\/.*$/, '$1');
}
