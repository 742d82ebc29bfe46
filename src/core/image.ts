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

/** The platform of tasks without `runtimePlatform`. */
export const DEFAULT_PLATFORM = 'linux/amd64';

/** The platform that ECS runs a task definition on. */
export function platformOf(runtimePlatform: unknown): string {
  const cpu = (runtimePlatform as { cpuArchitecture?: unknown } | undefined)?.cpuArchitecture;
  return cpu === 'ARM64' ? 'linux/arm64' : DEFAULT_PLATFORM;
}

/** Docker's rule for tags: up to 128 of letters, digits, `_`, `.`, `-`, not starting with `.` or `-`. */
export function isTag(tag: string): boolean {
  return /^\w[\w.-]{0,127}$/.test(tag);
}
