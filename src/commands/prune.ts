import type { GroupName } from '../aws/deployment-groups.ts';
import { at } from '../aws/ecs.ts';
import { readServices } from '../aws/services.ts';
import type { Service } from '../core/ecs.ts';
import type { PrunedFamily } from '../core/prune.ts';
import { outcomeOfError } from '../core/result.ts';
import { familyOf, placeOfArn } from '../core/task-definition.ts';
import { allOrRefuse, EcsDeployError, refuse } from '../errors.ts';
import { observePrune } from '../plan/prune.ts';
import { pruneRevisions } from '../rollout/prune.ts';
import { requireSettings } from '../settings/config.ts';
import type { ConfigOf } from '../settings/config.ts';
import { connectTools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';

/**
 * Shows which old revisions of the services' families nothing needs any more; `--yes` deregisters
 * them. Changes no service.
 */
export async function prune(context: Context<'prune'>): Promise<CommandResult> {
  const { config, emit } = context;
  requireSettings(config, ['cluster', 'service']);
  const tools = await connectTools(context);
  const read = readServices(tools.ecs, config.targets);
  const named = new Map<string, GroupName>();
  const services = await allOrRefuse(
    config.targets.map(async (target) => {
      const service = await read(target);
      if (target.codeDeploy !== undefined) named.set(service.arn, target.codeDeploy);
      return service;
    }),
  );
  refuse(services.flatMap(withoutRevision));
  const groups = byAccount(services).map(async ([first, ...others]) => {
    const families = [first, ...others].map(({ taskDefinition }) => familyOf(taskDefinition));
    const found = await observePrune(at(tools, first), config, [...new Set(families)], named);
    return found.map((family) => ({ ...family, ...(first.place && { place: first.place }) }));
  });
  const planned = (await allOrRefuse(groups)).flat();
  const hasWork = planned.some(({ revisions }) =>
    revisions.some(({ outcome }) => outcome === 'planned'),
  );
  if (!config.yes || !hasWork) {
    return { ...resultOf(config, planned), outcome: hasWork ? 'planned' : 'unchanged' };
  }
  const { families: pruned, error } = await pruneRevisions(tools, config, planned);
  const result = resultOf(config, pruned);
  if (error === undefined) return { ...result, outcome: 'succeeded' };
  const { code, message, hint, status } = error;
  emit(code === 'interrupted' ? { kind: 'interrupted', message, hint } : { kind: 'error', error });
  const shown = { code, message, hint: hint ?? null };
  return { ...result, outcome: outcomeOfError(status), status, error: shown };
}

/** Services that share their families. */
function byAccount(services: readonly Service[]): readonly (readonly [Service, ...Service[]])[] {
  const groups = new Map<string, [Service, ...Service[]]>();
  for (const service of services) {
    const key = JSON.stringify(placeOfArn(service.arn));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [service]);
    else group.push(service);
  }
  return [...groups.values()];
}

/** A service of another controller can name its revisions in task sets only. */
function withoutRevision({ name, taskDefinition, controller }: Service): EcsDeployError[] {
  if (taskDefinition !== '') return [];
  return [
    new EcsDeployError({
      code: 'deployment-controller',
      message: `The service "${name}" is deployed by ${controller} and names no task definition, so its family is not known.`,
      hint: 'choose other services with --service NAME',
    }),
  ];
}

function resultOf(
  { keep, olderThan }: Pick<ConfigOf<'prune'>, 'keep' | 'olderThan'>,
  prune: readonly PrunedFamily[],
): Omit<CommandResult, 'outcome'> {
  const output = { kind: 'prune', families: prune, keep, olderThan } as const;
  return { image: null, services: [], prune, seconds: {}, output };
}
