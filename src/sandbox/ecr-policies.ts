import type { Clock } from './clock.ts';
import { checkLifecyclePolicy, expiries } from './ecr-lifecycle.ts';
import type { LifecycleImage } from './ecr-lifecycle.ts';
import type { Repository } from './ecr-state.ts';
import { awsFault } from './wire.ts';
import type { Operation } from './wire.ts';

/** What the policies need. */
export interface PolicyParts {
  readonly account: string;
  readonly clock: Clock;
  readonly find: (name: unknown) => Repository;
  readonly images: (repository: Repository) => Promise<readonly LifecycleImage[]>;
}

/** The operations on policies of repositories and of the registry; no policy is enforced. */
export function policyOperations({ account, clock, find, images }: PolicyParts) {
  let registryPolicy: string | undefined;
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
      repository.policy = checkedPolicy(policyText, 'repository');
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
      registryPolicy = checkedPolicy(policyText, 'registry');
      return { registryId: account, policyText };
    },
    GetRegistryPolicy: () => ({ registryId: account, policyText: knownRegistryPolicy() }),
    DeleteRegistryPolicy: () => {
      const policyText = knownRegistryPolicy();
      registryPolicy = undefined;
      return { registryId: account, policyText };
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

function checkedPolicy(text: unknown, kind: string): string {
  try {
    const { Statement } = JSON.parse(String(text)) as { Statement?: unknown };
    if (typeof Statement === 'object' && Statement !== null) return String(text);
  } catch {
    // The same answer as for JSON that is no policy.
  }
  throw awsFault(
    'InvalidParameterException',
    `Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid ${kind} policy provided'`,
  );
}
