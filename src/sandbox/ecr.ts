import type { Clock } from './clock.ts';
import { imageOperations } from './ecr-images.ts';
import { layerOperations } from './ecr-layers.ts';
import { matchesWildcards } from './ecr-lifecycle.ts';
import { policyOperations } from './ecr-policies.ts';
import { page } from './ecr-pages.ts';
import { createScanning } from './ecr-scanning.ts';
import type { Encryption, Repository, Tag } from './ecr-state.ts';
import type { RegistryClient } from './registry-client.ts';
import { awsFault } from './wire.ts';
import type { HttpHandler, Operation, Operations } from './wire.ts';

/** What the simulated ECR needs. */
export interface EcrOptions {
  readonly account: string;
  /** The region of the repositories; all other regions are empty. */
  readonly region: string;
  readonly clock: Clock;
  /** The registry behind ECR, which holds all tags and manifests. */
  readonly registry: RegistryClient;
  /** `host:port` of that registry. */
  readonly registryHost: string;
  /** Password of the user `AWS` in that registry. */
  readonly password: string;
  /** Number of findings in the scan of every image, by severity; undefined if images are not scanned. */
  readonly findings?: Readonly<Record<string, number>> | undefined;
  /** Base of the download URLs: the sandbox's own address. */
  readonly endpoint: string;
}

export interface Ecr {
  readonly operations: Operations;
  readonly createRepository: (name: string, immutable?: boolean) => void;
  readonly repositoryExists: (name: string) => boolean;
  readonly canOverwrite: (repository: string, tag: string) => boolean;
  /** Whether a layer of another repository can be used without an upload. */
  readonly canMount: () => boolean;
  /** Notes that a manifest was pushed. */
  readonly notePush: (repository: string, digest: string) => void;
  /** Serves the URLs that GetDownloadUrlForLayer returns; they need no login. */
  readonly handle: HttpHandler;
}

const NAME = /^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$/;
const MUTABILITY = /^(IM)?MUTABLE(_WITH_EXCLUSION)?$/;
const DOWNLOADS = '/ecr-layers/';
const MOST_TAGS = 50;
const ECR_KEY = 'aaaaaaaa-0000-4000-8000-000000000000';

/** Operations on the registry as a whole: they need no repository. */
const OF_REGISTRY =
  /^(?:GetAuthorizationToken|DescribeRegistry|DescribePullThroughCacheRules|DescribeRepositoryCreationTemplates|(?:Get|Put|Delete)(?:Registry|AccountSetting|Replication).*|BatchGetRepositoryScanningConfiguration)$/;

/** Creates an ECR without repositories on top of a registry (docs/explanation/how-ecs-behaves.md#ecr). */
export function createEcr(options: EcrOptions): Ecr {
  const { account, clock, registry, registryHost } = options;
  const repositories = new Map<string, Repository>();
  const accountSettings = new Map([
    ['BASIC_SCAN_TYPE_VERSION', 'AWS_NATIVE'],
    ['BLOB_MOUNTING', 'DISABLED'],
    ['REGISTRY_POLICY_SCOPE', 'V2'],
  ]);

  const arnOf = (name: string) => `arn:aws:ecr:${options.region}:${account}:repository/${name}`;
  const describe = ({ name, createdAt, scanOnPush, encryption, ...mutability }: Repository) => ({
    repositoryArn: arnOf(name),
    registryId: account,
    repositoryName: name,
    repositoryUri: `${registryHost}/${name}`,
    createdAt,
    ...describeMutability(mutability),
    imageScanningConfiguration: { scanOnPush },
    encryptionConfiguration: encryption,
  });
  const notHere = (name: unknown, registryId: unknown): never => {
    throw awsFault(
      'RepositoryNotFoundException',
      `The repository with name '${String(name)}' does not exist in the registry with id '${String(registryId)}'`,
    );
  };
  const find = (name: unknown): Repository =>
    repositories.get(String(name)) ?? notHere(name, account);
  const findByArn = (arn: unknown): Repository => {
    const [, name] = String(arn).split(':repository/');
    if (name !== undefined) return find(name);
    throw awsFault(
      'InvalidParameterException',
      "Invalid parameter at 'resourceArn' failed to satisfy constraint: 'Invalid ARN'",
    );
  };
  // Without a key of one's own, KMS encrypts with the one that AWS manages for ECR.
  const withKey = (encryption: Encryption): Encryption =>
    encryption.encryptionType === 'AES256'
      ? encryption
      : { kmsKey: `arn:aws:kms:${options.region}:${account}:key/${ECR_KEY}`, ...encryption };
  const canOverwrite = (name: string, tag: string): boolean => {
    const { mutability = '', exclusions = [] } = repositories.get(name) ?? {};
    const isExcluded = exclusions.some((filter) => matchesWildcards(filter, tag));
    return mutability.startsWith('IMMUTABLE') === isExcluded;
  };
  const create = (name: string, more: Partial<Repository> = {}): Repository => {
    if (repositories.has(name)) {
      throw awsFault(
        'RepositoryAlreadyExistsException',
        `The repository with name '${name}' already exists in the registry with id '${account}'`,
      );
    }
    if (name.length < 2 || name.length > 256 || !NAME.test(name)) {
      throw awsFault(
        'InvalidParameterException',
        `Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '${NAME.source}''`,
      );
    }
    const made: Repository = {
      name,
      createdAt: clock.now(),
      encryption: { encryptionType: 'AES256' },
      mutability: 'MUTABLE',
      exclusions: [],
      scanOnPush: false,
      tags: [],
      pushedAt: new Map(),
      scannedAt: new Map(),
      archived: new Set(),
      ...more,
    };
    repositories.set(name, made);
    return made;
  };
  const setting = (name: string) => {
    const value = accountSettings.get(name);
    if (value !== undefined) return { name, value };
    throw awsFault('InvalidParameterException', `The account setting '${name}' is not valid.`);
  };
  const scanning = createScanning({
    account,
    arnOf,
    find,
    exists: (name) => repositories.has(name),
  });
  const images = imageOperations({
    account,
    clock,
    registry,
    find,
    canOverwrite,
    isContinuouslyScanned: (repository) => scanning.frequencyOf(repository) === 'CONTINUOUS_SCAN',
    findings: options.findings,
  });

  const operations: Readonly<Record<string, Operation>> = {
    ...images.operations,
    ...layerOperations({
      account,
      registry,
      find,
      downloads: `${options.endpoint}${DOWNLOADS}`,
    }),
    ...scanning.operations,
    ...policyOperations({
      account,
      region: options.region,
      clock,
      find,
      images: images.forLifecycle,
      scope: () => accountSettings.get('REGISTRY_POLICY_SCOPE'),
    }),
    GetAuthorizationToken: () => ({
      authorizationData: [
        {
          authorizationToken: Buffer.from(`AWS:${options.password}`).toString('base64'),
          expiresAt: clock.now() + 12 * 3600,
          proxyEndpoint: `http://${registryHost}`,
        },
      ],
    }),
    DescribeRepositories: ({ repositoryNames, ...input }) => {
      if (Array.isArray(repositoryNames)) {
        return { repositories: repositoryNames.map(find).map(describe) };
      }
      const { items, nextToken } = page([...repositories.values()], input);
      return { repositories: items.map(describe), nextToken };
    },
    CreateRepository: (input) => {
      const { repositoryName, tags = [], imageScanningConfiguration } = input;
      const { encryptionConfiguration: encryption } = input;
      const repository = create(String(repositoryName), {
        ...readMutability(input),
        scanOnPush: imageScanningConfiguration?.scanOnPush === true,
        tags,
        ...(encryption && { encryption: withKey(encryption as Encryption) }),
      });
      return { repository: describe(repository) };
    },
    DeleteRepository: async ({ repositoryName, force }) => {
      const repository = find(repositoryName);
      const digests = await images.digestsOf(repository);
      if (force !== true && digests.length > 0) {
        throw awsFault(
          'RepositoryNotEmptyException',
          `The repository with name '${repository.name}' in registry with id '${account}' cannot be deleted because it still contains images`,
        );
      }
      for (const digest of digests) await registry.deleteManifest(repository.name, digest);
      repositories.delete(repository.name);
      return { repository: describe(repository) };
    },
    PutImageTagMutability: (input) => {
      const repository = Object.assign(find(input['repositoryName']), readMutability(input));
      const { name: repositoryName } = repository;
      return { registryId: account, repositoryName, ...describeMutability(repository) };
    },
    DescribePullThroughCacheRules: () => ({ pullThroughCacheRules: [] }),
    DescribeRepositoryCreationTemplates: () => ({
      registryId: account,
      repositoryCreationTemplates: [],
    }),
    GetAccountSetting: ({ name }) => setting(name),
    PutAccountSetting: ({ name, value }) => {
      setting(name);
      accountSettings.set(name, value);
      return { name, value };
    },
    ListTagsForResource: ({ resourceArn }) => ({ tags: findByArn(resourceArn).tags }),
    TagResource: ({ resourceArn, tags }) => {
      const repository = findByArn(resourceArn);
      const added = tags as readonly Tag[];
      const kept = repository.tags.filter(({ Key }) => !added.some((tag) => tag.Key === Key));
      if (kept.length + added.length > MOST_TAGS) {
        throw awsFault('TooManyTagsException', 'The maximum number of tags (50) was exceeded.');
      }
      repository.tags = [...kept, ...added];
      return {};
    },
    UntagResource: ({ resourceArn, tagKeys }) => {
      const repository = findByArn(resourceArn);
      repository.tags = repository.tags.filter(({ Key }) => !tagKeys.includes(Key));
      return {};
    },
  };

  return {
    operations: Object.fromEntries(
      Object.entries(operations).map(([name, operation]): [string, Operation] => [
        name,
        (input, context) => {
          const { repositoryName, repositoryNames, resourceArn, registryId = account } = input;
          const isHere = context.region === options.region && registryId === account;
          if (isHere || OF_REGISTRY.test(name)) return operation(input, context);
          if (name === 'DescribeRepositories' && repositoryNames === undefined) {
            return { repositories: [] };
          }
          if (name === 'CreateRepository') {
            throw awsFault(
              'InvalidParameterException',
              `The sandbox has repositories only in ${options.region}.`,
            );
          }
          const [wanted] = (repositoryNames as unknown[] | undefined) ?? [resourceArn];
          return notHere(repositoryName ?? wanted, registryId);
        },
      ]),
    ),
    createRepository: (name, immutable = false) =>
      void create(name, { mutability: immutable ? 'IMMUTABLE' : 'MUTABLE' }),
    repositoryExists: (name) => repositories.has(name),
    canOverwrite,
    canMount: () => accountSettings.get('BLOB_MOUNTING') === 'ENABLED',
    notePush: (name, digest) => {
      const repository = repositories.get(name);
      if (repository === undefined) return;
      const now = clock.now();
      repository.pushedAt.set(digest, now);
      if (scanning.frequencyOf(repository) !== 'MANUAL') repository.scannedAt.set(digest, now);
    },
    handle: async (request, response) => {
      const [, name, digest] =
        /^\/ecr-layers\/(.+)\/(sha256:[0-9a-f]{64})$/.exec(request.url ?? '') ?? [];
      if (name === undefined || digest === undefined) return false;
      const blob = await registry.getBlob(name, digest);
      response.writeHead(blob === undefined ? 404 : 200, {
        'content-type': 'application/octet-stream',
      });
      response.end(blob);
      return true;
    },
  };
}

type Mutability = Pick<Repository, 'mutability' | 'exclusions'>;

function readMutability({
  imageTagMutability: mutability = 'MUTABLE',
  imageTagMutabilityExclusionFilters: filters = [],
}: {
  readonly imageTagMutability?: string;
  readonly imageTagMutabilityExclusionFilters?: readonly { readonly filter: string }[];
}): Mutability {
  if (!MUTABILITY.test(mutability) || mutability.endsWith('N') !== filters.length > 0) {
    throw awsFault(
      'InvalidParameterException',
      `Invalid parameter at 'imageTagMutability' failed to satisfy constraint: '${mutability} with ${filters.length} exclusion filters'`,
    );
  }
  return { mutability, exclusions: filters.map(({ filter }) => filter) };
}

function describeMutability({ mutability, exclusions }: Mutability) {
  const filters = exclusions.map((filter) => ({ filterType: 'WILDCARD', filter }));
  return {
    imageTagMutability: mutability,
    ...(filters.length > 0 && { imageTagMutabilityExclusionFilters: filters }),
  };
}
