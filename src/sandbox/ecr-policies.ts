import type { Clock } from './clock.ts';
import { checkLifecyclePolicy, expiries } from './ecr-lifecycle.ts';
import type { LifecycleImage } from './ecr-lifecycle.ts';
import type { Repository } from './ecr-state.ts';
import { awsFault } from './wire.ts';
import type { Operation } from './wire.ts';

/** What the policies need. */
export interface PolicyParts {
  readonly account: string;
  readonly region: string;
  readonly clock: Clock;
  readonly find: (name: unknown) => Repository;
  readonly images: (repository: Repository) => Promise<readonly LifecycleImage[]>;
  /** `V1` where a policy of the registry knows a few actions only. */
  readonly scope: () => string | undefined;
}

/** The operations on policies of repositories and of the registry; nothing of them is carried out. */
export function policyOperations(parts: PolicyParts) {
  const { account, region, clock, find, images, scope } = parts;
  let registryPolicy: string | undefined;
  let replication: Replication = { rules: [] };
  const ofRepository = (name: string) =>
    `for the repository with name '${name}' in the registry with id '${account}'`;
  const base = (repository: Repository) => ({
    registryId: account,
    repositoryName: repository.name,
  });
  const lifecyclePolicy = (repository: Repository): string => {
    if (repository.lifecyclePolicy !== undefined) return repository.lifecyclePolicy;
    throw awsFault(
      'LifecyclePolicyNotFoundException',
      `Lifecycle policy does not exist ${ofRepository(repository.name)}`,
    );
  };
  const repositoryPolicy = (repository: Repository): string => {
    if (repository.policy !== undefined) return repository.policy;
    throw awsFault(
      'RepositoryPolicyNotFoundException',
      `Repository policy does not exist ${ofRepository(repository.name)}`,
    );
  };
  const knownRegistryPolicy = (): string => {
    if (registryPolicy !== undefined) return registryPolicy;
    const message = `Registry policy does not exist in the registry with id '${account}'`;
    throw awsFault('RegistryPolicyNotFoundException', message);
  };
  return {
    SetRepositoryPolicy: ({ repositoryName, policyText }) => {
      const repository = find(repositoryName);
      repository.policy = checkedPolicy(policyText, 'repository', ALL_ACTIONS);
      return { ...base(repository), policyText };
    },
    GetRepositoryPolicy: ({ repositoryName }) => {
      const repository = find(repositoryName);
      return { ...base(repository), policyText: repositoryPolicy(repository) };
    },
    DeleteRepositoryPolicy: ({ repositoryName }) => {
      const repository = find(repositoryName);
      const policyText = repositoryPolicy(repository);
      delete repository.policy;
      return { ...base(repository), policyText };
    },

    PutRegistryPolicy: ({ policyText }) => {
      const actions = scope() === 'V1' ? V1_ACTIONS : ALL_ACTIONS;
      registryPolicy = checkedPolicy(policyText, 'registry', actions);
      return { registryId: account, policyText };
    },
    GetRegistryPolicy: () => ({ registryId: account, policyText: knownRegistryPolicy() }),
    DeleteRegistryPolicy: () => {
      const policyText = knownRegistryPolicy();
      registryPolicy = undefined;
      return { registryId: account, policyText };
    },

    DescribeRegistry: () => ({ registryId: account, replicationConfiguration: replication }),
    PutReplicationConfiguration: ({ replicationConfiguration }) => {
      replication = checkedReplication(replicationConfiguration as Replication, {
        registryId: account,
        region,
      });
      return { replicationConfiguration };
    },

    PutLifecyclePolicy: ({ repositoryName, lifecyclePolicyText }) => {
      const repository = find(repositoryName);
      checkLifecyclePolicy(String(lifecyclePolicyText));
      repository.lifecyclePolicy = String(lifecyclePolicyText);
      return { ...base(repository), lifecyclePolicyText };
    },
    GetLifecyclePolicy: ({ repositoryName }) => {
      const repository = find(repositoryName);
      const lifecyclePolicyText = lifecyclePolicy(repository);
      return { ...base(repository), lifecyclePolicyText, lastEvaluatedAt: clock.now() };
    },
    DeleteLifecyclePolicy: ({ repositoryName }) => {
      const repository = find(repositoryName);
      const lifecyclePolicyText = lifecyclePolicy(repository);
      delete repository.lifecyclePolicy;
      return { ...base(repository), lifecyclePolicyText, lastEvaluatedAt: clock.now() };
    },
    StartLifecyclePolicyPreview: async ({ repositoryName, lifecyclePolicyText }) => {
      const repository = find(repositoryName);
      const text = String(lifecyclePolicyText ?? lifecyclePolicy(repository));
      checkLifecyclePolicy(text);
      repository.preview = {
        text,
        expiries: expiries(text, await images(repository), clock.now()),
      };
      return { ...base(repository), lifecyclePolicyText: text, status: 'IN_PROGRESS' };
    },
    GetLifecyclePolicyPreview: ({ repositoryName }) => {
      const repository = find(repositoryName);
      if (repository.preview === undefined) {
        throw awsFault(
          'LifecyclePolicyPreviewNotFoundException',
          `Lifecycle policy preview does not exist ${ofRepository(repository.name)}`,
        );
      }
      const { text, expiries: expired } = repository.preview;
      return {
        ...base(repository),
        lifecyclePolicyText: text,
        status: 'COMPLETE',
        previewResults: expired.map(({ image, rulePriority }) => ({
          imageDigest: image.digest,
          imageTags: image.tags,
          imagePushedAt: image.pushedAt,
          action: { type: 'EXPIRE' },
          appliedRulePriority: rulePriority,
        })),
        summary: { expiringImageTotalCount: expired.length },
      };
    },
  } satisfies Record<string, Operation>;
}

interface Statement {
  readonly Effect?: unknown;
  readonly Principal?: unknown;
  readonly NotPrincipal?: unknown;
  readonly Action?: string | readonly string[];
  readonly NotAction?: string | readonly string[];
}

const ALL_ACTIONS = /^(?:\*|ecr:[\w*?]+)$/i;
const V1_ACTIONS = /^ecr:(?:\*|ReplicateImage|CreateRepository|BatchImportUpstreamImage)$/i;

/** Throws what ECR refuses of a policy: one whose statements lack a part, or name other actions. */
function checkedPolicy(text: unknown, kind: string, actions: RegExp): string {
  const isStatement = ({ Effect, Principal, NotPrincipal, Action, NotAction }: Statement) => {
    const named = [Action ?? NotAction ?? []].flat();
    return (
      (Effect === 'Allow' || Effect === 'Deny') &&
      Boolean(Principal ?? NotPrincipal) &&
      named.length > 0 &&
      named.every((action) => actions.test(action))
    );
  };
  try {
    const { Statement } = JSON.parse(String(text)) as { Statement?: Statement | Statement[] };
    const statements = [Statement ?? []].flat();
    if (statements.length > 0 && statements.every(isStatement)) return String(text);
  } catch {
    // The same answer as for JSON that is no policy.
  }
  throw awsFault(
    'InvalidParameterException',
    `Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid ${kind} policy provided'`,
  );
}

interface Destination {
  readonly region: string;
  readonly registryId: string;
}

interface Replication {
  readonly rules: readonly { readonly destinations: readonly Destination[] }[];
}

const MOST_DESTINATIONS = 25;

/** Throws what ECR refuses of a replication; the model has the limits of each list. */
function checkedReplication(replication: Replication, source: Destination): Replication {
  const places = replication.rules.flatMap(({ destinations }) =>
    destinations.map(({ region, registryId }) => `${registryId} ${region}`),
  );
  const refuse = (reason: string) =>
    awsFault(
      'InvalidParameterException',
      `Invalid parameter at 'replicationConfiguration' failed to satisfy constraint: '${reason}'`,
    );
  if (places.includes(`${source.registryId} ${source.region}`)) {
    throw refuse('Replication destination cannot be the same as the source registry');
  }
  if (new Set(places).size > MOST_DESTINATIONS) {
    throw refuse(`Replication can have at most ${MOST_DESTINATIONS} unique destinations`);
  }
  return replication;
}
