import { openEcs } from '../aws/ecs.ts';
import { requireSettings } from '../settings/config.ts';
import type { Config, Target } from '../settings/config.ts';
import type { CommandResult, Context } from './context.ts';
import { diffDefinitions, formatChanges } from '../core/changes.ts';
import { serviceResult } from '../core/result.ts';
import type { ServiceResult } from '../core/result.ts';
import { isDefinitionFile, shortName } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import { definitionOf, observeTarget, renderDefinition, renderTarget } from '../plan/observe.ts';
import { connectAws } from '../aws/optional.ts';

/** Prints the definition that `register` takes: the service's own, with the image replaced. */
export async function render(context: Context): Promise<CommandResult> {
  const { config } = context;
  const { taskDefinition, containerImages, ...edit } = config.targets[0] ?? config;
  const isFile = taskDefinition !== undefined && isDefinitionFile(taskDefinition);
  const hasImages = Object.keys(containerImages).length > 0;
  // A file may be all that changes.
  if (!isFile && !hasImages && !hasVariables(edit)) requireSettings(config, ['image']);
  if (taskDefinition === undefined) requireSettings(config, ['cluster', 'service']);
  const { before, after, service } = await renderOne(context);
  const changes = diffDefinitions(before, after, config);
  return {
    outcome: 'succeeded',
    image: null,
    services: [{ ...service, changes, definition: after }],
    seconds: {},
    output: config.diff ? formatChanges(changes) : JSON.stringify(after, undefined, 2),
  };
}

type Variables = Pick<Target, 'setEnv' | 'setSecrets' | 'unsetEnv'>;

const hasVariables = ({ setEnv, setSecrets, unsetEnv }: Variables): boolean =>
  [...Object.keys(setEnv), ...Object.keys(setSecrets), ...unsetEnv].length > 0;

interface Rendered {
  /** What runs now; without a service, what was rendered. */
  readonly before: JsonObject;
  readonly after: JsonObject;
  readonly service: ServiceResult;
}

async function renderOne(context: Context): Promise<Rendered> {
  const { config } = context;
  const ecs = await openEcs(await connectAws(context));
  const [target, ...others] = config.targets;
  if (others.length > 0) {
    throw new EcsDeployError({
      code: 'usage',
      message: `render works on one service, but the config names ${config.targets.length}: ${config.targets.map(({ service }) => service).join(', ')}.`,
      hint: 'choose one with --service NAME',
    });
  }
  const outcome = 'succeeded';
  if (target === undefined || target.cluster === '') {
    const before = await definitionOf(context, ecs, config.taskDefinition ?? '');
    const after = renderDefinition(withContainer(config, config), before, config.image);
    return { before, after, service: serviceResult({ cluster: '', service: '', outcome }) };
  }
  const observed = await observeTarget(context, ecs, withContainer(config, target));
  const { running, service } = observed;
  return {
    before: running.definition,
    after: renderTarget(context, observed, config.image),
    service: serviceResult({
      cluster: shortName(target.cluster),
      service: target.service,
      outcome,
      previousTaskDefinition: running.arn,
      desired: service.desiredCount ?? 0,
      running: service.runningCount ?? 0,
    }),
  };
}

/** The target, of which none of several containers must be chosen where none of them gets anything. */
function withContainer<T extends Variables & Pick<Target, 'container'>>(
  { image }: Config,
  target: T,
): T {
  const isNeeded = target.container !== undefined || image !== undefined || hasVariables(target);
  return isNeeded ? target : { ...target, container: [] };
}
