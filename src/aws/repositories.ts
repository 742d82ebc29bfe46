import type { Repository as EcrRepository } from '@aws-sdk/client-ecr';
import { ecrRegistry, parseImageReference } from '../core/image.ts';
import { suggest } from '../core/nearest.ts';
import { EcsDeployError } from '../errors.ts';
import { ecrClient } from './client.ts';
import type { Aws } from './client.ts';
import { awsErrorName, brokenAnswer } from './errors.ts';
import { share } from './share.ts';

/** A repository of ECR. */
export interface Repository {
  readonly aws: Aws;
  readonly name: string;
  /** `registry/name`, with the registry host that was named, else the one of ECR's answer. */
  readonly uri: string;
  /** The account; undefined where nobody named it and ECR did not answer. */
  readonly registryId: string | undefined;
  /** The region that the registry host names; undefined for the run's own. */
  readonly region: string | undefined;
  /** Which tags cannot be given to another image; undefined where that cannot be read. */
  readonly mutability: TagMutability | undefined;
  /** It does not exist: a creation template of ECR creates it at the first push. */
  readonly isCreatedOnPush?: boolean;
}

/**
 * The tag mutability of a repository (docs/explanation/how-ecs-behaves.md#repositories-and-tags).
 */
export interface TagMutability {
  readonly isImmutable: boolean;
  /** Patterns, with `*`, of tags for which the opposite holds. */
  readonly exceptFor: readonly string[];
}

/** What docker needs to push; lives in memory only. */
export interface RegistryLogin {
  readonly username: string;
  readonly password: string;
}

/** A repository as it was named. */
interface Address {
  readonly name: string;
  /** Host; undefined for a bare name. */
  readonly registry: string | undefined;
  readonly registryId: string | undefined;
  readonly region: string | undefined;
}

/** Throws `config-invalid` for a name with a tag or a digest. */
function addressOf(named: string): Address {
  const { registry, repository: name, tag, digest } = parseImageReference(named);
  if (tag !== undefined || digest !== undefined) {
    const uri = registry === undefined ? name : `${registry}/${name}`;
    throw new EcsDeployError({
      code: 'config-invalid',
      message: `The repository "${named}" includes a ${tag === undefined ? 'digest' : 'tag'}.`,
      hint: `use --repository ${uri}${tag === undefined ? '' : ` --tag ${tag}`}`,
    });
  }
  const ecr = registry === undefined ? undefined : ecrRegistry(registry);
  return { name, registry, registryId: ecr?.account, region: ecr?.region };
}

const sdk = () => import('./sdk/ecr.ts');

/**
 * Finds a repository by name or URI; undefined when it does not exist and `mayBeMissing`.
 *
 * Throws `repository-missing` with the names of those that exist, and `config-invalid` for a registry
 * that is not ECR's.
 */
export function findRepository(
  aws: Aws,
  named: string,
  mayBeMissing: boolean,
): Promise<Repository | undefined> {
  const key = `repository ${named} ${mayBeMissing}`;
  return share(aws, key, () => readRepository(aws, named, mayBeMissing));
}

async function readRepository(
  aws: Aws,
  named: string,
  mayBeMissing: boolean,
): Promise<Repository | undefined> {
  const address = addressOf(named);
  const { name, registry, registryId, region } = address;
  const [{ DescribeRepositoriesCommand }, client] = await Promise.all([
    sdk(),
    ecrClient(aws, region),
  ]);
  const { signal: abortSignal } = aws.options;
  try {
    const { repositories } = await client.send(
      new DescribeRepositoriesCommand({ repositoryNames: [name], registryId }),
      { abortSignal },
    );
    return repositoryAt(aws, address, repositories?.[0], 'ecr:DescribeRepositories');
  } catch (error) {
    if (awsErrorName(error) === 'AccessDeniedException' && registryId !== undefined) {
      // A full URI needs no look-up; the push itself shows whether it is right.
      return { aws, name, uri: named, registryId, region, mutability: undefined };
    }
    if (awsErrorName(error) !== 'RepositoryNotFoundException') throw error;
    if (registry !== undefined && registryId === undefined) await checkOwnRegistry(aws, address);
    const templated = await findTemplated(aws, address);
    if (templated !== undefined) return templated;
    if (mayBeMissing) return undefined;
    const known = await client
      .send(new DescribeRepositoriesCommand({ maxResults: 100, registryId }), { abortSignal })
      .then(
        ({ repositories = [] }) =>
          repositories.flatMap(({ repositoryName = name }) =>
            repositoryName === name ? [] : repositoryName,
          ),
        () => undefined,
      );
    const place = `${registryId === undefined ? '' : `account ${registryId} in `}${await client.config.region()}`;
    throw new EcsDeployError({
      code: 'repository-missing',
      message: `ECR has no repository "${name}" in ${place}.`,
      hint: `${suggest(name, known, 'repositories')}\nto create it: --create-repository${registryId === undefined ? '' : `; in another account its repository policy must allow this identity`}`,
      cause: error,
    });
  }
}

/**
 * The repository that a creation template covers; a template gives it settings that CreateRepository
 * would not. Undefined without one, or where the templates cannot be read.
 */
async function findTemplated(aws: Aws, address: Address): Promise<Repository | undefined> {
  const { name, region } = address;
  const [{ DescribeRepositoryCreationTemplatesCommand }, client] = await Promise.all([
    sdk(),
    ecrClient(aws, region),
  ]);
  const { signal: abortSignal } = aws.options;
  try {
    let nextToken: string | undefined;
    do {
      const command = new DescribeRepositoryCreationTemplatesCommand({ nextToken });
      const answer = await client.send(command, { abortSignal });
      // Templates are of the identity's own registry.
      const { registryId: own, repositoryCreationTemplates: templates = [] } = answer;
      if (own === undefined || own !== (address.registryId ?? own)) return undefined;
      const covers = templates.some(
        ({ prefix = '', appliedFor = [] }) =>
          appliedFor.includes('CREATE_ON_PUSH') &&
          (prefix === 'ROOT' || name.startsWith(`${prefix.replace(/\/$/, '')}/`)),
      );
      if (covers) {
        const host = address.registry ?? (await tokenOf(aws, region)).host;
        const place = { registryId: own, region, mutability: undefined };
        return { aws, name, uri: `${host}/${name}`, ...place, isCreatedOnPush: true };
      }
      ({ nextToken } = answer);
    } while (nextToken !== undefined);
    return undefined;
  } catch {
    abortSignal.throwIfAborted();
    return undefined;
  }
}

/** Takes ECR's answer, unless it is about another registry than the one named. */
function repositoryAt(
  aws: Aws,
  { name, registry, registryId, region }: Address,
  answer: EcrRepository | null | undefined,
  action: string,
): Repository {
  const uri = answer?.repositoryUri;
  if (!answer || uri === undefined) throw brokenAnswer(action);
  const host = uri.slice(0, uri.indexOf('/'));
  // ECR answers with the default name of a registry that has dual-stack and FIPS names too.
  const isSame =
    registry === undefined ||
    registry === host ||
    (registryId !== undefined && registryId === ecrRegistry(host)?.account);
  if (!isSame) throw elsewhere(`${registry}/${name}`, host);
  const { imageTagMutability = 'MUTABLE', imageTagMutabilityExclusionFilters: filters = [] } =
    answer;
  return {
    aws,
    name,
    uri: registry === undefined ? uri : `${registry}/${name}`,
    registryId: answer.registryId,
    region,
    mutability: {
      isImmutable: imageTagMutability.startsWith('IMMUTABLE'),
      exceptFor: filters.flatMap(({ filter }) => filter ?? []),
    },
  };
}

/** Throws unless this identity's own registry is the one named. */
async function checkOwnRegistry(aws: Aws, { name, registry, region }: Address): Promise<void> {
  const { host } = await tokenOf(aws, region);
  if (registry === undefined || registry === host) return;
  const named = ecrRegistry(registry);
  if (named === undefined || named.account !== ecrRegistry(host)?.account) {
    throw elsewhere(`${registry}/${name}`, host);
  }
}

function elsewhere(uri: string, host: string): EcsDeployError {
  const named = ecrRegistry(uri.slice(0, uri.indexOf('/')));
  return named === undefined
    ? new EcsDeployError({
        code: 'config-invalid',
        message: `The repository "${uri}" is not in Amazon ECR.`,
        hint: `set the repository to a name, or to a URI such as ${host}/NAME`,
      })
    : new EcsDeployError({
        code: 'repository-missing',
        message: `The repository "${uri}" is in account ${named.account}, but these credentials are for the registry ${host}.`,
        hint: `use the credentials of account ${named.account}: --profile NAME`,
      });
}

/**
 * Whether a tag that exists cannot be given to another image
 * (docs/explanation/how-ecs-behaves.md#repositories-and-tags).
 */
export function isImmutable({ mutability }: Pick<Repository, 'mutability'>, tag: string): boolean {
  if (mutability === undefined) return false;
  const isExcluded = mutability.exceptFor.some((filter) => {
    const parts = filter.split('*').map((part) => part.replaceAll(/[^\w-]/g, '\\$&'));
    return new RegExp(`^${parts.join('.*')}$`).test(tag);
  });
  return mutability.isImmutable !== isExcluded;
}

/** Creates a repository; one that somebody else has just created is used as it is. */
export async function createRepository(aws: Aws, named: string): Promise<Repository> {
  const address = addressOf(named);
  // CreateRepository takes no account: it would create the repository in the caller's own.
  if (address.registry !== undefined) await checkOwnRegistry(aws, address);
  const [{ CreateRepositoryCommand }, client] = await Promise.all([
    sdk(),
    ecrClient(aws, address.region),
  ]);
  try {
    const { repository } = await client.send(
      new CreateRepositoryCommand({ repositoryName: address.name }),
      { abortSignal: aws.options.signal },
    );
    return repositoryAt(aws, address, repository, 'ecr:CreateRepository');
  } catch (error) {
    if (awsErrorName(error) !== 'RepositoryAlreadyExistsException') throw error;
    const found = await findRepository(aws, named, false);
    if (found === undefined) throw error;
    return found;
  }
}

/**
 * The repository that an image reference names, and whether its registry is this ECR's: of a host
 * that does not look like ECR's only ECR itself knows. Undefined for a reference without a host.
 */
export function repositoryOf(
  aws: Aws,
  reference: string,
): { readonly repository: Repository; readonly isOurs: Promise<boolean> } | undefined {
  const { registry, repository: name } = parseImageReference(reference);
  if (registry === undefined) return undefined;
  const uri = `${registry}/${name}`;
  const ecr = ecrRegistry(registry);
  const place = { registryId: ecr?.account, region: ecr?.region, mutability: undefined };
  const isOurs =
    ecr !== undefined ||
    findRepository(aws, name, true).then(
      (found) => found?.uri === uri,
      () => false,
    );
  return { repository: { aws, name, uri, ...place }, isOurs: Promise.resolve(isOurs) };
}

/**
 * A login for docker, valid for the repository's registry
 * (docs/explanation/how-ecs-behaves.md#ecr-login).
 */
export async function registryLogin({
  aws,
  region,
}: Pick<Repository, 'aws' | 'region'>): Promise<RegistryLogin> {
  return (await tokenOf(aws, region)).login;
}

/** A login for another registry of the repository's account; undefined for any other host. */
export async function loginForHost(
  aws: Aws,
  repository: Repository,
  host: string,
): Promise<RegistryLogin | undefined> {
  if (repository.uri.startsWith(`${host}/`)) return registryLogin(repository);
  const ecr = ecrRegistry(host);
  if (ecr === undefined || ecr.account !== repository.registryId) return undefined;
  return registryLogin({ aws, region: ecr.region });
}

/**
 * A login for the ECR registry of any account: a token of a region is good for all registries there
 * whose policies allow this identity. Undefined for other hosts, and where there is no token.
 */
export async function loginForAccount(aws: Aws, host: string): Promise<RegistryLogin | undefined> {
  const ecr = ecrRegistry(host);
  if (ecr === undefined) return undefined;
  try {
    return await registryLogin({ aws, region: ecr.region });
  } catch (error) {
    // The registry's refusal says what to do.
    if (!(error instanceof EcsDeployError) || aws.options.signal.aborted) throw error;
    return undefined;
  }
}

/** The login of the identity's own registry, and its host. */
async function tokenOf(
  aws: Aws,
  region: string | undefined,
): Promise<{ readonly host: string; readonly login: RegistryLogin }> {
  const [{ GetAuthorizationTokenCommand }, client] = await Promise.all([
    sdk(),
    ecrClient(aws, region),
  ]);
  const { authorizationData } = await client.send(new GetAuthorizationTokenCommand({}), {
    abortSignal: aws.options.signal,
  });
  const { authorizationToken, proxyEndpoint } = authorizationData?.[0] ?? {};
  if (authorizationToken === undefined || proxyEndpoint === undefined) {
    throw brokenAnswer('ecr:GetAuthorizationToken');
  }
  const token = Buffer.from(authorizationToken, 'base64').toString('utf8');
  const colon = token.indexOf(':');
  const login = { username: token.slice(0, colon), password: token.slice(colon + 1) };
  return { host: new URL(proxyEndpoint).host, login };
}
