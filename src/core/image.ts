import { isFargate } from './ecs.ts';
import type { Service } from './ecs.ts';
import type { JsonObject } from './task-definition.ts';
import { ecrDomains } from './partitions.ts';

/** The parts of an image reference, e.g. `host:5000/team/app:1.2@sha256:…`. */
export interface ImageReference {
  /** Registry host with its port; undefined for Docker Hub's short names. */
  readonly registry: string | undefined;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** Parses an image reference according to the grammar of the distribution project. */
export function parseImageReference(reference: string): ImageReference {
  const [named = '', digest] = reference.split('@', 2);
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const path = hasTag ? named.slice(0, colon) : named;
  const slash = path.indexOf('/');
  const first = path.slice(0, Math.max(slash, 0));
  const isHost = /[.:]/.test(first) || first === 'localhost';
  return {
    registry: isHost ? first : undefined,
    repository: isHost ? path.slice(slash + 1) : path,
    tag: hasTag ? named.slice(colon + 1) : undefined,
    digest,
  };
}

const ECR_HOST = /^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z]{2,5}(?:-[a-z]+)+-\d+)\.(.+)$/;

/** Account and region of a private ECR registry host; undefined for any other host. */
export function ecrRegistry(host: string): { account: string; region: string } | undefined {
  const [, account = '', region = '', domain = ''] = ECR_HOST.exec(host) ?? [];
  return ecrDomains(region).includes(domain) ? { account, region } : undefined;
}

/** The platform to build for where nothing says where the tasks run. */
export const DEFAULT_PLATFORM = 'linux/amd64';

/** Splits a list of platforms, e.g. `linux/amd64,linux/arm64`. */
export function platformsIn(platform: string): readonly [string, ...string[]] {
  return platform.split(',') as [string, ...string[]];
}

/** The platform that tasks run on. */
export interface TaskPlatform {
  /** E.g. `linux/arm64` or `windows/amd64`. */
  readonly platform: string;
  /** Neither definition nor service says it: the machines of the cluster decide. */
  readonly isAssumed: boolean;
  /** Express Mode can start the tasks on the platform of the image instead. */
  readonly canSwitch?: boolean;
}

/** The platform that ECS runs a definition on; without a service, as its definition alone says. */
export function platformOf(
  definition: JsonObject,
  service: Pick<Service, 'launchType' | 'capacityProviders'>,
): TaskPlatform {
  const { cpuArchitecture: cpu, operatingSystemFamily: system = '' } = (definition[
    'runtimePlatform'
  ] ?? {}) as { readonly cpuArchitecture?: string; readonly operatingSystemFamily?: string };
  const os = system.startsWith('WINDOWS') ? 'windows' : 'linux';
  return {
    platform: `${os}/${cpu === 'ARM64' ? 'arm64' : 'amd64'}`,
    // Fargate runs Linux on x86 by default; Windows in ECS runs on x86 only.
    isAssumed: !isFargate(service, definition) && (cpu ?? '') === '' && os === 'linux',
  };
}

/** One of these platforms, rather one that is not assumed; undefined when there is none. */
export function likelyPlatform(tasks: readonly TaskPlatform[]): string | undefined {
  return (tasks.find(({ isAssumed }) => !isAssumed) ?? tasks[0])?.platform;
}

/**
 * The name of an image in a task definition: with `digest`, whoever moves the tag later does not
 * change what tasks run. A digest that is unknown or already in the name adds nothing.
 */
export function pinnedName(
  pin: 'digest' | 'tag',
  { reference, digest }: { readonly reference: string; readonly digest: string | null },
): string {
  const isPinned = pin === 'tag' || digest === null || reference.includes('@');
  return isPinned ? reference : `${reference}@${digest}`;
}

/** The tag of the build cache that `build.cache` keeps beside the images. */
export const CACHE_TAG = 'buildcache';

/** Docker's rule for tags: up to 128 of letters, digits, `_`, `.`, `-`, not starting with `.` or `-`. */
export function isTag(tag: string): boolean {
  return /^\w[\w.-]{0,127}$/.test(tag);
}

/** The label of a built image with the hash of everything that it was built from. */
export const INPUTS_LABEL = 'io.github.ecsdeploy.inputs';

/** An image as `status` and `history` show it; every part is null where it cannot be read. */
export interface ShownImage {
  /** Reference of the image. */
  readonly image: string | null;
  readonly tag: string | null;
  /** Full SHA of the commit, where the tag begins with one. */
  readonly commit: string | null;
}

/** The parts of an image that people look for; undefined where it cannot be read. */
export function shownImage(image: string | undefined): ShownImage {
  const { tag } = parseImageReference(image ?? '');
  const commit = /^[0-9a-f]{40}(?=-|$)/.exec(tag ?? '')?.[0];
  return { image: image ?? null, tag: tag ?? null, commit: commit ?? null };
}
