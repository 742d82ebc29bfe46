import { setMaxListeners } from 'node:events';
import type { NamedImageResult } from '../core/result.ts';
import { EcsDeployError } from '../errors.ts';
import type { Emit } from '../events.ts';
import type { ObservedImage } from '../plan/image.ts';
import { overridesIn, usersOf } from '../plan/plan.ts';
import type { NamedImage } from '../plan/plan.ts';
import type { ImagePlan } from '../plan/plan-image.ts';
import type { ServicePlan } from '../plan/plan-service.ts';
import type { Config } from '../settings/config.ts';
import { produceImage, runBefore } from './produce.ts';
import type { ImageSeconds, ImageSettings, ImageTools, ImageUse } from './produce.ts';

/** What is done with the images of a run. */
export interface ImageWork {
  readonly observed: readonly NamedImage<ObservedImage>[];
  readonly planned: readonly NamedImage<ImagePlan>[];
  /** References of the images that run now. */
  readonly running: readonly string[];
  /** The services that decide what is started in their image. */
  readonly services: readonly ServicePlan[];
  readonly use: Omit<ImageUse, 'overrides'>;
}

/**
 * Produces the planned images side by side, after the commands of all of them. When one fails, the
 * others are stopped. The seconds of a phase are those of the image that took longest.
 */
export async function produceImages(
  tools: ImageTools,
  config: ImageSettings & Pick<Config, 'images'>,
  { observed, planned, running, services, use }: ImageWork,
): Promise<{ readonly images: readonly NamedImageResult[]; readonly seconds: ImageSeconds }> {
  const stop = new AbortController();
  const signal = AbortSignal.any([tools.signal, stop.signal]);
  setMaxListeners(0, signal);
  const jobs = planned.flatMap(({ name, image: plan }) => {
    const found = observed.find((item) => item.name === name);
    const own = config.images.find((item) => item.name === name);
    return found === undefined ? [] : [{ name, plan, image: found.image, own }];
  });
  const emit = sharedEmit(tools.emit);
  const prepare = once(async () => {
    const commands = jobs.flatMap(({ plan, own: { before, env } = config }) =>
      plan.kind === 'build' ? before.map((command) => ({ before: [command], env })) : [],
    );
    // A command that several images name makes the files of all of them.
    const different = new Map(
      commands.map(({ before, env }) => {
        const variables = Object.entries(env).toSorted(([a], [b]) => (a < b ? -1 : 1));
        return [JSON.stringify([before, variables]), { before, env }];
      }),
    );
    for (const own of different.values()) {
      await runBefore({ ...tools, signal }, { ...config, ...own });
    }
  });
  let failure: { readonly error: unknown } | undefined;
  const produced = await Promise.all(
    jobs.map(async ({ name, plan, image, own }) => {
      const ownTools = { ...tools, signal, emit: jobs.length > 1 ? emit(name) : tools.emit };
      const settings = { ...config, ...own };
      try {
        const overrides = overridesIn({ services: usersOf(name, services) });
        const one = await produceImage(ownTools, settings, plan, image, {
          running,
          prepare,
          use: { ...use, overrides },
        });
        return [{ name, ...one }];
      } catch (error) {
        failure ??= { error: jobs.length > 1 ? ofImage(name, error) : error };
        stop.abort(error);
        return [];
      }
    }),
  );
  if (failure !== undefined) throw failure.error;
  const all = produced.flat();
  return {
    images: all.map(({ name, image }) => ({ name, ...image })),
    seconds: Object.fromEntries(
      (['build', 'push'] as const).flatMap((phase) => {
        const times = all.flatMap(({ seconds }) => seconds[phase] ?? []);
        return times.length === 0 ? [] : [[phase, Math.max(...times)]];
      }),
    ),
  };
}

/** An error about one of several images, with its name. */
function ofImage(name: string | undefined, error: unknown): unknown {
  if (name === undefined || !(error instanceof EcsDeployError)) return error;
  const { code, message, hint, cause, problems } = error;
  return new EcsDeployError({ code, message: `${name}: ${message}`, hint, cause }, problems);
}

/** Events with the name of their image; the daemon, which all share, is reported once. */
function sharedEmit(emit: Emit): (name: string | undefined) => Emit {
  const told = new Set<string>();
  return (imageName) => (event) => {
    const isShared = event.kind === 'docker-found' || event.kind === 'builder-found';
    if (!isShared) return emit({ ...event, imageName });
    const name = event.kind === 'docker-found' ? event.address : event.name;
    if (!told.has(name)) emit(event);
    told.add(name);
  };
}

function once(act: () => Promise<void>): () => Promise<void> {
  let acting: Promise<void> | undefined;
  return () => (acting ??= act());
}
