import { isDenied } from '../aws/optional.ts';
import { likelyPlatform } from '../core/image.ts';
import { withCheckout } from '../plan/checkout.ts';
import { produceImage } from '../image/produce.ts';
import { enforce } from '../plan/enforce.ts';
import { observeBuild, observeLocal } from '../plan/image.ts';
import { observeServices, observeSource } from '../plan/observe.ts';
import type { Observed } from '../plan/observe.ts';
import { overridesIn, plan, taskPlatforms } from '../plan/plan.ts';
import { requireSettings } from '../settings/config.ts';
import type { ConfigOf } from '../settings/config.ts';
import { connectTools } from './connect.ts';
import type { Tools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';

/** Builds the image or takes one of the daemon, checks it, pushes it, and prints its reference. */
export async function push(context: Context<'push'>): Promise<CommandResult> {
  requireSettings(context.config, ['repository']);
  return withCheckout(context, context.config, (config) => pushFrom({ ...context, config }));
}

async function pushFrom(context: Context<'push'>): Promise<CommandResult> {
  const { config } = context;
  const tools = await connectTools(context);
  const observing = observePlatforms(tools, config);
  const platform = observing.then(
    (services) => config.platform ?? likelyPlatform(taskPlatforms(services)),
  );
  const [services, observed] = await Promise.all([
    observing,
    config.image === undefined
      ? observeBuild(tools, config, platform)
      : observeLocal(tools, config, config.image, platform),
  ]);
  const planned = plan(config, { services, image: observed, checked: false });
  enforce(
    tools,
    planned.findings.filter(({ about }) => !about.startsWith('service ')),
  );
  if (planned.image === undefined) throw new Error('there is no image');
  const { image, seconds } = await produceImage(tools, config, planned.image, observed, [], {
    overrides: overridesIn(planned),
  });
  return {
    outcome: image.pushed ? 'succeeded' : 'unchanged',
    image,
    services: [],
    seconds,
    output: { kind: 'text', text: image.reference },
  };
}

/**
 * Reads the configured services, to build for the platform of their tasks, unless the user names a
 * platform. A service that does not exist yet is ignored.
 */
async function observePlatforms(
  tools: Tools,
  config: ConfigOf<'push'>,
): Promise<readonly Observed[]> {
  const targets = config.targets.filter(({ cluster }) => cluster !== '');
  if (config.platform !== undefined || targets.length === 0) return [];
  const services = await observeServices(tools, { targets }, (target, service) =>
    observeSource(tools, config, target, service),
  );
  for (const { read } of services) {
    if (!('error' in read) || !isDenied(read.error)) continue;
    const message = `Continuing without the platform of the tasks: ${read.error.message}`;
    tools.emit({ kind: 'warning', message, hint: read.error.hint });
  }
  return services;
}
