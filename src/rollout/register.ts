import { isUnknown, optional } from '../aws/optional.ts';
import { secondsSince } from '../events.ts';
import { describeRevision, registerDefinition } from '../aws/revisions.ts';
import { at } from '../aws/ecs.ts';
import { canonical, sameDefinition } from '../core/normal-form.ts';
import { placeNote } from '../core/service-name.ts';
import type { Place } from '../core/ecs.ts';
import { placeOfArn, shortName } from '../core/task-definition.ts';
import type { JsonObject, Revision } from '../core/task-definition.ts';
import { allOrRefuse, EcsDeployError, refuse } from '../errors.ts';
import type { RolloutTools } from './tools.ts';

type Tools = Pick<RolloutTools, 'ecs' | 'emit'>;

/** A revision that holds the draft. */
export interface Registration {
  readonly arn: string;
  /** False when an equal revision existed already. */
  readonly registered: boolean;
}

/** One definition to register, and the revision that it was rendered from. */
export interface Draft {
  readonly definition: JsonObject;
  readonly origin: Revision | undefined;
  /** The family's latest revision as it was observed; read here only when undefined. */
  readonly latest?: Revision | undefined;
  /** Express Mode registers it with the move: only whether it is the origin is known before. */
  readonly isManaged?: boolean;
  /** That of its service. */
  readonly place?: Place | undefined;
}

/**
 * Registers each draft once in a region and an account, and returns one registration per draft, in their order.
 *
 * A draft that equals the revision it came from, or its family's latest, is not registered again:
 * ECS itself never deduplicates (docs/explanation/how-ecs-behaves.md#revisions). Waits for all;
 * when one fails, the error names the revisions that were registered.
 */
export async function registerDrafts(
  tools: Tools,
  drafts: readonly Draft[],
): Promise<readonly Registration[]> {
  const known = new Map<string, Promise<Registration>>();
  const left: string[] = [];
  const registrations = drafts.map((draft) => {
    const key = JSON.stringify([canonical(draft.definition), placeOfArn(draft.origin?.arn ?? '')]);
    const registration = known.get(key) ?? registerDraft(at(tools, draft), draft, left);
    known.set(key, registration);
    return registration;
  });
  try {
    return await allOrRefuse(registrations);
  } catch (error) {
    if (left.length === 0 || !(error instanceof EcsDeployError)) throw error;
    const problems = error.problems.length > 0 ? error.problems : [error];
    refuse(problems.map((problem, index) => (index === 0 ? naming(problem, left) : problem)));
    throw error;
  }
}

function naming({ code, message, hint, cause }: EcsDeployError, left: readonly string[]) {
  const were = left.length === 1 ? 'was' : 'were';
  return new EcsDeployError({
    code,
    message: `${message} ${left.join(', ')} ${were} registered, but not deployed.`,
    hint,
    cause,
  });
}

async function registerDraft(tools: Tools, draft: Draft, left: string[]): Promise<Registration> {
  const { ecs, emit } = tools;
  const { definition, origin, isManaged = false } = draft;
  if (isManaged && origin !== undefined && !sameDefinition(definition, origin.definition)) {
    return { arn: origin.arn, registered: false };
  }
  const family = String(definition['family']);
  const existing = await equalRevision(tools, family, draft);
  if (existing !== undefined) {
    emit({ kind: 'register-skipped', revision: shortName(existing.arn) });
    return { arn: existing.arn, registered: false };
  }
  const start = performance.now();
  const { arn } = await registerDefinition(ecs, definition, () =>
    emit({ kind: 'register-retried', family }),
  );
  const region = draft.place && placeOfArn(arn)?.region;
  left.push(`${shortName(arn)}${placeNote({ region })}`);
  const seconds = secondsSince(start);
  emit({ kind: 'registered', revision: shortName(arn), ...(region && { region }), seconds });
  return { arn, registered: true };
}

async function equalRevision(
  { ecs, emit }: Tools,
  family: string,
  { definition, origin, latest }: Draft,
): Promise<Revision | undefined> {
  const usable = (revision: Revision | undefined) =>
    revision?.status === 'ACTIVE' && sameDefinition(definition, revision.definition);
  if (usable(origin)) return origin;
  if (latest !== undefined) return usable(latest) ? latest : undefined;
  const reading = describeRevision(ecs, family).catch((error: unknown) => {
    // A family that does not exist yet is about to be created.
    if (error instanceof EcsDeployError && error.code === 'task-definition-missing')
      return undefined;
    throw error;
  });
  const read = await optional({ emit }, `the latest revision of ${family}`, reading, isUnknown);
  return usable(read) ? read : undefined;
}
