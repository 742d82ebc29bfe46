import { isDenied } from '../aws/optional.ts';
import { isCi } from '../core/ci.ts';
import { likelyPlatform, platformsIn } from '../core/image.ts';
import { imagesOf } from '../core/result.ts';
import { produceImages } from '../image/produce-all.ts';
import { withCheckout } from '../plan/checkout.ts';
import { enforce } from '../plan/enforce.ts';
import { observeLocal } from '../plan/image.ts';
import type { ObservedImage } from '../plan/image.ts';
import { observeServices, observeSource } from '../plan/observe.ts';
import type { Observed } from '../plan/observe.ts';
import { plan, runningImages, taskPlatforms, usersOf } from '../plan/plan.ts';
import type { NamedImage } from '../plan/plan.ts';
import { requireSettings } from '../settings/config.ts';
import type { ConfigOf } from '../settings/config.ts';
import { connectTools } from './connect.ts';
import type { Tools } from './connect.ts';
import type { CommandResult, Context } from './context.ts';
import { observeBuilds } from './deploy.ts';

/** Builds the images or takes one of the daemon, checks and pushes them, and prints their references. */
export async function push(context: Context<'push'>): Promise<CommandResult> {
  requireSettings(context.config, ['repository']);
  return withCheckout(context, context.config, (config) => pushFrom({ ...context, config }));
}

async function pushFrom(context: Context<'push'>): Promise<CommandResult> {
  const { config } = context;
  const tools = await connectTools(context);
  const observing = observePlatforms(tools, config);
  const [services, observed] = await Promise.all([
    observing,
    config.image === undefined
      ? observeBuilds(tools, config, observing)
      : observeOwn(tools, config, config.image, observing),
  ]);
  const planned = plan(config, { services, images: observed, checked: false });
  enforce(
    tools,
    planned.findings.filter(({ about }) => !about.startsWith('service ')),
  );
  const { images, seconds } = await produceImages(tools, config, {
    observed,
    planned: planned.images,
    running: runningImages(services),
    services: planned.services,
    use: {},
  });
  return {
    outcome: images.some(({ pushed }) => pushed) ? 'succeeded' : 'unchanged',
    ...imagesOf(images),
    services: [],
    seconds,
    output: { kind: 'text', text: images.map(({ reference }) => reference).join('\n') },
  };
}

/** Reads an image of the daemon, which is pushed as the only one of the config. */
async function observeOwn(
  tools: Tools,
  config: ConfigOf<'push'>,
  reference: string,
  observing: Promise<readonly Observed[]>,
): Promise<readonly NamedImage<ObservedImage>[]> {
  const { name, ...own } = config.images[0] ?? { ...config, name: undefined };
  const platform = observing.then(
    (services) =>
      (own.platform && platformsIn(own.platform)[0]) ??
      likelyPlatform(taskPlatforms(usersOf(name, services))),
  );
  const image = await observeLocal(tools, { ...config, ...own }, reference, platform);
  return [{ name, image }];
}

/**
 * Reads the configured services, to build for the platform of their tasks, unless the user names a
 * platform and nothing else of them is used. A service that does not exist yet is ignored.
 */
async function observePlatforms(
  tools: Tools,
  config: ConfigOf<'push'>,
): Promise<readonly Observed[]> {
  const targets = config.targets.filter(({ cluster }) => cluster !== '');
  const isChosen = config.images.every(({ platform }) => platform !== undefined);
  // In CI the images that run now give layers to the build.
  if ((isChosen && !isCi(tools.environment)) || targets.length === 0) return [];
  const services = await observeServices(tools, { targets }, (there, target, service) =>
    observeSource(there, config, target, service),
  );
  for (const { read } of isChosen ? [] : services) {
    if (!('error' in read) || !isDenied(read.error)) continue;
    const message = `Continuing without the platform of the tasks: ${read.error.message}`;
    tools.emit({ kind: 'warning', message, hint: read.error.hint });
  }
  return services;
}
