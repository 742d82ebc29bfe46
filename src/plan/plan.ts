import { ok } from '../core/checks.ts';
import { pinnedName, platformOf } from '../core/image.ts';
import type { TaskPlatform } from '../core/image.ts';
import { overridesOf } from '../core/start.ts';
import type { Overrides } from '../core/start.ts';
import { containersOf } from '../core/task-definition.ts';
import type { Config, Target } from '../settings/config.ts';
import { checker } from './findings.ts';
import type { PlanFinding } from './findings.ts';
import type { GivenImage, ObservedImage } from './image.ts';
import type { Lookup } from './lookups.ts';
import type { Observed } from './observe.ts';
import { planGiven, planImage } from './plan-image.ts';
import type { ImagePlan, ImagePlanSettings } from './plan-image.ts';
import { planService, sourceOf } from './plan-service.ts';
import type { ImageNames, ServicePlan, ServicePlanSettings } from './plan-service.ts';
import { valueOf } from './read.ts';

/** What the containers that get the image start in place of what the image says. */
export function overridesIn({ services }: Pick<Plan, 'services'>): readonly Overrides[] {
  const all = services.flatMap(({ definition, containers }) => overridesOf(definition, containers));
  return [...new Map(all.map((item) => [JSON.stringify(item), item])).values()];
}

/** An image of `images` in the config file, or the only one, whose name is undefined. */
export interface NamedImage<T> {
  readonly name: string | undefined;
  readonly image: T;
}

/** Everything that a command will do, as plain data. */
export interface Plan {
  /** Without those that cannot be planned. */
  readonly images: readonly NamedImage<ImagePlan>[];
  readonly services: readonly ServicePlan[];
  readonly findings: readonly PlanFinding[];
  /** Checks that need a read of their own. */
  readonly lookups: readonly Lookup[];
}

/** The input of a plan. */
export interface PlanInput {
  readonly services: readonly Observed[];
  /** Empty for a command without an image. */
  readonly images: readonly NamedImage<ObservedImage>[];
  /** The images of `containerImages`, for a command that checks them. */
  readonly containerImages?: readonly GivenImage[];
  /** Whether the services are checked for problems that would make the deployment fail. */
  readonly checked: boolean;
  /** A time of the server's clock. */
  readonly now?: Date;
}

type PlanSettings = ImagePlanSettings & ServicePlanSettings & Partial<Pick<Config, 'images'>>;

/** Makes the plan of a command; pure. Problems are among its findings. */
export function plan(config: PlanSettings, input: PlanInput): Plan {
  const { services, images, containerImages = [], checked, now = new Date(0) } = input;
  const check = checker(config.skipCheck);
  const planned = images.map(({ name, image }) => {
    const users = usersOf(name, services);
    const own = config.images?.find((item) => item.name === name) ?? config;
    const settings = { ...config, platform: own.platform, cache: own.cache };
    const part = planImage(check, image, settings, taskPlatforms(users));
    return { name, image: part.plan, findings: part.findings.map((item) => ofImage(item, name)) };
  });
  const parts = services.map((observed) => {
    const { imageName } = observed.target;
    const own = planned.find(({ name }) => name === imageName)?.image;
    const names = imageNames(config, own, containerImages);
    const image = images.find((item) => item.name === imageName)?.image;
    return planService(check, config, observed, names, { checked, now, image });
  });
  return {
    images: planned.flatMap(({ name, image }) => (image === undefined ? [] : { name, image })),
    services: parts.flatMap(({ plan: service }) => service ?? []),
    findings: [
      ...orderFindings(services),
      ...parts.flatMap(({ findings }) => findings),
      ...planned.flatMap(({ findings }) => findings),
      ...containerImages.flatMap((given) => {
        const users = services.filter(({ target }) =>
          Object.values(target.containerImages).includes(given.reference),
        );
        return planGiven(check, given, taskPlatforms(users)).findings;
      }),
    ],
    lookups: parts.flatMap(({ lookups }) => lookups),
  };
}

/** Which services start after others. */
function orderFindings(services: readonly Observed[]): PlanFinding[] {
  return services.flatMap(({ target: { order, service } }) => {
    const before = services.filter(({ target }) => order?.after.includes(target.order?.id ?? ''));
    const names = before.map(({ target }) => target.service).join(' and ');
    const message = `${service} starts after ${names}`;
    return names === '' ? [] : [{ check: 'order', about: 'services', ...ok(message) }];
  });
}

function imageNames(
  { pin = 'digest' }: PlanSettings,
  image: ImagePlan | undefined,
  given: readonly GivenImage[],
): ImageNames {
  const digests = new Map(given.map(({ reference, read }) => [reference, digestIn(read)]));
  return {
    image: image && pinnedName(pin, { digest: null, ...image }),
    nameOf: (reference) => pinnedName(pin, { reference, digest: digests.get(reference) ?? null }),
  };
}

function digestIn(read: GivenImage['read']): string | null {
  const stored = valueOf(read)?.stored;
  return typeof stored === 'object' ? stored.digest : null;
}

/** The services whose containers get an image. */
export function usersOf<T extends { readonly target: Target }>(
  name: string | undefined,
  services: readonly T[],
): readonly T[] {
  return services.filter(({ target }) => target.imageName === name);
}

/** The images of all containers that run now, as far as they could be read. */
export function runningImages(services: readonly Observed[]): readonly string[] {
  return services.flatMap(({ read }) =>
    containersOf(valueOf(read)?.running.definition ?? {}).map(({ image }) => String(image)),
  );
}

/** A finding about one of several images, under its name. */
function ofImage(finding: PlanFinding, name: string | undefined): PlanFinding {
  return name === undefined ? finding : { ...finding, about: `${finding.about} ${name}` };
}

/** The platforms that the tasks of services run on, as far as they could be read. */
export function taskPlatforms(services: readonly Observed[]): readonly TaskPlatform[] {
  return services.flatMap(({ read }) => {
    const observed = valueOf(read);
    if (observed === undefined) return [];
    const { service } = observed;
    const platform = platformOf(sourceOf(observed), service);
    return [service.isExpress ? { ...platform, canSwitch: true } : platform];
  });
}
