import type { Aws } from '../aws/client.ts';
import { openEcs } from '../aws/ecs.ts';
import type { Context } from '../commands/context.ts';
import { DEFAULT_PLATFORM } from '../core/image.ts';
import type { LocalImage } from '../docker/engine/inspect-image.ts';
import type { Daemon } from '../docker/engine/daemon.ts';
import { readProgram } from '../docker/engine/program.ts';
import { EcsDeployError } from '../errors.ts';
import { observeTarget, platformOfDefinition } from './observe.ts';
import type { Observed } from './observe.ts';
import { optional } from '../aws/optional.ts';

/** An image whose platforms are compared with the one the tasks run on. */
export interface PlatformCheck {
  /** The image with its verb, e.g. `The image would be built`. */
  readonly what: string;
  /** Undefined when they could not be read. */
  readonly platforms: readonly string[] | undefined;
  readonly wanted: string;
  readonly hint: string;
}

/** Refuses an image that lacks the platform the tasks run on. */
export function checkPlatform({ config }: Context, check: PlatformCheck): void {
  const { what, platforms, wanted, hint } = check;
  if (config.skipCheck.includes('image-platform') || platforms === undefined) return;
  if (platforms.includes(wanted)) return;
  throw new EcsDeployError({
    code: 'image-platform',
    message: `${what} for ${platforms.join(', ')}, but the tasks run on ${wanted}: the container would die with "exec format error".`,
    hint: `${hint}; --skip-check image-platform goes on all the same`,
  });
}

/** An image of the daemon that is to run on a platform. */
export interface Proof {
  readonly reference: string;
  /** How it came there: by our own build, or it was there before. */
  readonly verb: 'built' | 'has';
  /** Undefined when the daemon has none of that name. */
  readonly local: LocalImage | undefined;
  readonly wanted: string;
}

/** Proves the platform by the image's config, and by its program, about which a config can be wrong. */
export async function proveImage(
  context: Context,
  daemon: Daemon,
  { reference, verb, local, wanted }: Proof,
): Promise<void> {
  checkPlatform(context, {
    what: `Docker ${verb} ${reference}`,
    platforms: [local?.platform ?? 'no platform at all'],
    wanted,
    hint:
      verb === 'built'
        ? `take the --platform out of FROM in the Dockerfile, so that --platform ${wanted} decides`
        : `build it with --platform ${wanted}`,
  });
  const program = local && (await readProgram(daemon, local));
  checkPlatform(context, {
    what: `${program?.path} in ${reference} is compiled`,
    platforms: program && [`linux/${program.architecture}`],
    wanted,
    hint: `build it inside the image with --platform ${wanted}, or copy in a program for that CPU`,
  });
}

/** The platform to build for: the one that is named, else the one that all tasks run on. */
export function choosePlatform(named: string | undefined, tasks: readonly string[]): string {
  const [platform = DEFAULT_PLATFORM, ...others] = new Set(tasks);
  if (named !== undefined || others.length === 0) return named ?? platform;
  throw new EcsDeployError({
    code: 'image-platform',
    message: `The services run on ${[platform, ...others].join(' and ')}: one image cannot be built for both.`,
    hint: 'work on those of one platform at a time with --service NAME',
  });
}

/** Platforms of what could be read of services; whatever could not is reported elsewhere. */
export async function platformsOf(
  observed: readonly Promise<Observed | undefined>[],
): Promise<readonly string[]> {
  const ends = await Promise.allSettled(observed);
  return ends.flatMap((end) =>
    end.status === 'fulfilled' && end.value !== undefined
      ? [platformOfDefinition(end.value.source)]
      : [],
  );
}

/**
 * Platforms of the services that the config names, for a command that needs nothing else of them;
 * not asked when the user names the platform. A service that is yet to be created says nothing.
 */
export async function taskPlatforms(context: Context, aws: Aws): Promise<readonly string[]> {
  const { platform, targets } = context.config;
  const known = targets.filter(({ cluster }) => cluster !== '');
  if (platform !== undefined || known.length === 0) return [];
  const ecs = await openEcs(aws);
  const observed = known.map((target) => observeTarget(context, ecs, target));
  return platformsOf(
    observed.map((observing) =>
      optional(context, 'the platform of the tasks', observing).catch(() => undefined),
    ),
  );
}
