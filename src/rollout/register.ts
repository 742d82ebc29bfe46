import { describeRevision, registerDefinition } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import type { Context } from '../commands/context.ts';
import { canonical, sameDefinition } from '../core/normal-form.ts';
import { shortName } from '../core/task-definition.ts';
import type { JsonObject, Revision } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import { optional, since } from '../aws/optional.ts';

/** A revision that holds the draft. */
export interface Registration {
  readonly arn: string;
  /** False when an equal revision was there already. */
  readonly registered: boolean;
}

/** One definition to register, and the revision it was rendered from. */
export interface Draft {
  readonly definition: JsonObject;
  readonly origin: Revision | undefined;
}

/**
 * Registers each draft once and returns one registration per draft, in their order.
 *
 * A draft that equals the revision it came from, or its family's latest, is not registered again:
 * ECS itself never deduplicates (ecs-facts 2.2).
 */
export async function registerDrafts(
  context: Context,
  ecs: Ecs,
  drafts: readonly Draft[],
): Promise<readonly Registration[]> {
  const known = new Map<string, Promise<Registration>>();
  const registrations = drafts.map((draft) => {
    const key = canonical(draft.definition);
    const registration = known.get(key) ?? registerDraft(context, ecs, draft);
    known.set(key, registration);
    return registration;
  });
  return Promise.all(registrations);
}

async function registerDraft(
  context: Context,
  ecs: Ecs,
  { definition, origin }: Draft,
): Promise<Registration> {
  const { emit } = context;
  const family = String(definition['family']);
  const existing = await equalRevision(context, ecs, family, definition, origin);
  if (existing !== undefined) {
    emit({ kind: 'register-skipped', revision: shortName(existing.arn) });
    return { arn: existing.arn, registered: false };
  }
  const start = performance.now();
  const { arn } = await registerDefinition(ecs, definition, () =>
    emit({ kind: 'register-retried', family }),
  );
  emit({ kind: 'registered', revision: shortName(arn), seconds: since(start) });
  return { arn, registered: true };
}

async function equalRevision(
  context: Context,
  ecs: Ecs,
  family: string,
  definition: JsonObject,
  origin: Revision | undefined,
): Promise<Revision | undefined> {
  const usable = (revision: Revision | undefined) =>
    revision?.status === 'ACTIVE' && sameDefinition(definition, revision.definition);
  if (usable(origin)) return origin;
  const reading = describeRevision(ecs, family).catch((error: unknown) => {
    // A family that does not exist yet is about to be made.
    if (error instanceof EcsDeployError && error.code === 'task-definition-missing')
      return undefined;
    throw error;
  });
  const latest = await optional(context, `a look at the latest revision of ${family}`, reading);
  return usable(latest) ? latest : undefined;
}
