import type { Ecr } from './ecr.ts';
import type { Ecs } from './ecs/index.ts';
import type { Logs } from './logs.ts';
import { pushSeedImage } from './registry-client.ts';
import type { RegistryClient } from './registry-client.ts';
import type { Secrets } from './secrets.ts';
import { awsFault } from './wire.ts';

type Json = Readonly<Record<string, unknown>>;

/** What a sandbox starts with in place of its own start world; everything can be left out. */
export interface OwnWorld {
  readonly account?: string | undefined;
  readonly region?: string | undefined;
  readonly clusters?: readonly string[];
  /** Inputs of RegisterTaskDefinition, each a revision of its family. */
  readonly families?: readonly Json[];
  readonly services?: readonly {
    readonly service: string;
    readonly cluster: string;
    readonly taskDefinition: string;
    readonly desiredCount: number;
    /** Further members of CreateService; a target group can be named. */
    readonly members: Json;
  }[];
  readonly repositories?: readonly {
    readonly repository: string;
    readonly immutable: boolean;
    /** Each gets an image. */
    readonly tags: readonly string[];
  }[];
  /** Names. */
  readonly targetGroups?: readonly string[];
  readonly logGroups?: readonly string[];
  readonly secrets?: readonly string[];
  readonly parameters?: readonly string[];
}

/** What the world is built from. */
export interface OwnWorldParts {
  readonly account: string;
  readonly region: string;
  readonly ecs: Ecs;
  readonly ecr: Ecr;
  readonly logs: Logs;
  readonly secrets: Secrets;
  readonly registry: RegistryClient;
  /** `host:port` in image references. */
  readonly registryHost: string;
}

/** The name of the error with which a world is refused; its message has a line for each problem. */
export const WORLD_INVALID = 'WorldInvalid';

/** The ARN of a target group by its name. */
export function targetGroupArn(account: string, region: string, name: string): string {
  return `arn:aws:elasticloadbalancing:${region}:${account}:targetgroup/${name}/0123456789abcdef`;
}

/** The target type of a target group: instances with ports unless its tasks have their own addresses. */
export function targetTypeOf(
  { families = [], services = [] }: OwnWorld,
  targetGroup: string,
): 'ip' | 'instance' {
  const isBehind = ({ members }: { readonly members: Json }) =>
    ((members['loadBalancers'] ?? []) as readonly Json[]).some(
      ({ targetGroupArn }) => targetGroupArn === targetGroup,
    );
  const [name] = services.find(isBehind)?.taskDefinition.split(':') ?? [];
  const definition = families.findLast(({ family }) => family === name);
  return definition === undefined || definition['networkMode'] === 'awsvpc' ? 'ip' : 'instance';
}

/**
 * Builds a world: services run since yesterday. An image of ECR whose repository is in the world is
 * one of the sandbox's registry. Throws an error named {@link WORLD_INVALID}.
 */
export async function buildOwnWorld(parts: OwnWorldParts, world: OwnWorld): Promise<void> {
  const { ecs, ecr, logs, secrets, account, region } = parts;
  const problems: string[] = [];
  /** Does one thing; a refusal is a problem. */
  const attempt = async (what: string, act: () => unknown) => {
    try {
      await act();
    } catch (error) {
      problems.push(`${what}: ${(error as Error).message}`);
    }
  };
  for (const name of world.clusters ?? []) ecs.createCluster(name);
  for (const name of world.logGroups ?? []) logs.createGroup(name);
  for (const name of world.secrets ?? []) {
    const arn = `arn:aws:secretsmanager:${region}:${account}:secret:${name}-AbCdEf`;
    secrets.createSecret(name.startsWith('arn:') ? name : arn);
  }
  for (const Name of world.parameters ?? []) {
    await secrets.ssm['PutParameter']?.({ Name }, { region });
  }
  for (const { repository, immutable, tags } of world.repositories ?? []) {
    await attempt(`repository ${repository}`, async () => {
      ecr.createRepository(repository, immutable);
      for (const tag of tags) await seed(parts, repository, tag, 'amd64');
    });
  }
  const repositories = (world.repositories ?? []).map(({ repository }) => repository);
  const definitions = new Map<string, Json>();
  for (const family of world.families ?? []) {
    const name = String(family['family']);
    await attempt(`family ${name}`, async () => {
      const definition = await withLocalImages(parts, family, repositories);
      ecs.registerTaskDefinition(definition);
      definitions.set(name, definition);
    });
  }
  for (const service of world.services ?? []) {
    await attempt(`service ${service.service}`, () => {
      const [family = ''] = service.taskDefinition.split(':');
      return ecs.createService({
        ...defaultsFor(definitions.get(family) ?? {}, service.members),
        ...withTargetGroups(service.members, world.targetGroups ?? [], parts),
        cluster: service.cluster,
        serviceName: service.service,
        taskDefinition: service.taskDefinition,
        desiredCount: service.desiredCount,
      });
    });
  }
  if (problems.length > 0) throw awsFault(WORLD_INVALID, problems.join('\n'));
}

/** Pushes an image for a tag that has none. */
async function seed(
  { registry }: OwnWorldParts,
  repository: string,
  tag: string,
  architecture: string,
): Promise<void> {
  if ((await registry.getManifest(repository, tag)) !== undefined) return;
  await pushSeedImage(registry, {
    repository,
    tag,
    platform: `linux/${architecture}`,
    files: { 'app/server': `#!/bin/sh\necho ${repository}:${tag}\n` },
    entrypoint: ['/app/server'],
  });
}

const ECR_IMAGE =
  /^\d{12}\.dkr[.-]ecr[^/]*\/(?<repository>[^:@]+)(?::(?<tag>[^@]+))?(?:@sha256:\w+)?$/;

/** A definition whose images of these repositories are in the sandbox's registry. */
async function withLocalImages(
  parts: OwnWorldParts,
  definition: Json,
  repositories: readonly string[],
): Promise<Json> {
  const { cpuArchitecture } = (definition['runtimePlatform'] ?? {}) as { cpuArchitecture?: string };
  const architecture = cpuArchitecture === 'ARM64' ? 'arm64' : 'amd64';
  const containers = ((definition['containerDefinitions'] ?? []) as readonly Json[]).map(
    async (container) => {
      const { repository, tag = 'latest' } =
        ECR_IMAGE.exec(String(container['image']))?.groups ?? {};
      if (repository === undefined || !repositories.includes(repository)) return container;
      await seed(parts, repository, tag, architecture);
      return { ...container, image: `${parts.registryHost}/${repository}:${tag}` };
    },
  );
  return { ...definition, containerDefinitions: await Promise.all(containers) };
}

/** What a service needs to run its revision and does not say. */
function defaultsFor(definition: Json, { capacityProviderStrategy }: Json): Json {
  const compatibilities = (definition['requiresCompatibilities'] ?? []) as readonly string[];
  return {
    ...(definition['networkMode'] === 'awsvpc' && {
      networkConfiguration: {
        awsvpcConfiguration: {
          subnets: ['subnet-0123456789abcdef0'],
          securityGroups: ['sg-0123456789abcdef0'],
        },
      },
    }),
    ...(compatibilities.includes('FARGATE') &&
      capacityProviderStrategy === undefined && { launchType: 'FARGATE' }),
  };
}

/** The members of a service, with ARNs in place of the names of target groups. */
function withTargetGroups(
  members: Json,
  known: readonly string[],
  { account, region }: OwnWorldParts,
): Json {
  const balancers = members['loadBalancers'] as readonly Json[] | undefined;
  if (balancers === undefined) return members;
  const arn = (name: unknown): string => {
    const text = String(name);
    if (text.startsWith('arn:')) return text;
    if (known.includes(text)) return targetGroupArn(account, region, text);
    throw awsFault(WORLD_INVALID, `"targetGroups" has no ${text}.`);
  };
  const loadBalancers = balancers.map((balancer) => ({
    ...balancer,
    targetGroupArn: arn(balancer['targetGroupArn']),
  }));
  return { ...members, loadBalancers };
}
