import { openEcs } from '../aws/ecs.ts';
import { requireSettings } from '../config.ts';
import type { CommandResult, Context } from '../context.ts';
import { serviceResult } from '../core/result.ts';
import { diffDefinitions } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { formatChanges } from '../core/changes.ts';
import { EcsDeployError } from '../errors.ts';
import {
  definitionOf,
  hasEdits,
  observeTarget,
  renderDefinition,
  renderTarget,
} from '../steps/definition.ts';
import { connectAws } from '../steps/session.ts';

/** Prints the definition that `register` takes: the service's own, with the image replaced. */
export async function render(context: Context): Promise<CommandResult> {
  const { config } = context;
  if (![config, ...config.targets].some(hasEdits)) requireSettings(config, ['image']);
  if (config.taskDefinition === undefined) requireSettings(config, ['cluster', 'service']);
  const { before, after } = await renderOne(context);
  const changes = diffDefinitions(before, after, config);
  const [target] = config.targets;
  return {
    outcome: 'succeeded',
    image: null,
    services: [
      serviceResult({
        cluster: target?.cluster ?? '',
        service: target?.service ?? '',
        outcome: 'succeeded',
        changes,
        definition: after,
      }),
    ],
    seconds: {},
    output: config.diff
      ? formatChanges(changes, await context.paint())
      : JSON.stringify(after, undefined, 2),
  };
}

async function renderOne(context: Context): Promise<{ before: JsonObject; after: JsonObject }> {
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
  if (target === undefined || target.cluster === '') {
    const before = await definitionOf(context, ecs, config.taskDefinition ?? '');
    return { before, after: renderDefinition(config, before, config.image) };
  }
  const observed = await observeTarget(context, ecs, target);
  return { before: observed.source, after: renderTarget(context, observed, config.image) };
}
