import type { Aws } from '../aws/client.ts';
import { at, regionOf } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import { awsErrorText } from '../aws/errors.ts';
import { readTraffic } from '../aws/load-balancers.ts';
import { isUnread, optional } from '../aws/optional.ts';
import { usedGroup } from '../aws/rollouts.ts';
import { readGroupHealth, readPlaces } from '../aws/target-health.ts';
import { describeImage } from '../aws/images.ts';
import { hasLogGroup } from '../aws/logs.ts';
import { describeRevision } from '../aws/revisions.ts';
import { repositoryOf } from '../aws/repositories.ts';
import { missingSecrets } from '../aws/secrets.ts';
import { checkListenerRule, checkTargetGroups } from '../core/balancer-checks.ts';
import { checkParameters, ok, skip } from '../core/checks.ts';
import type { Answer, Finding, LogGroup, SecretReference } from '../core/checks.ts';
import { primaryOf } from '../core/ecs.ts';
import { flagsOf } from '../core/service-name.ts';
import type { LoadBalancer, Place, Service } from '../core/ecs.ts';
import { parseImageReference } from '../core/image.ts';
import { containersOf, placeOfArn, shortName } from '../core/task-definition.ts';
import type { JsonObject, Revision } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import type { Emit } from '../events.ts';
import { checkOlder } from './older.ts';
import type { OlderCommit } from './older.ts';
import { findExpiring } from './lifecycle.ts';
import type { LifecycleSubject } from './lifecycle.ts';

/** A check that needs a read of its own, as data: what to look up, and by when. */
export type Lookup = {
  /** Groups the findings, e.g. `service api in backend`. */
  readonly about: string;
  /**
   * `before-write`: it can refuse. `before-move`: it can refuse, but the running tasks show that it
   * probably passes, so it does not delay the registration. `late`: it can only warn.
   */
  readonly by: 'before-write' | 'before-move' | 'late';
  /** That of its service. */
  readonly place?: Place | undefined;
} & (
  | { readonly check: 'log-groups'; readonly groups: readonly LogGroup[] }
  | {
      readonly check: 'secrets';
      readonly references: readonly SecretReference[];
      /** Account of the service; undefined where its ARN does not say. */
      readonly account: string | undefined;
    }
  | {
      readonly check: 'rollback-target';
      readonly service: Service;
      /** The revision that a rollback would go to: the one that was read, or its ARN. */
      readonly revision: Revision | string;
      /** Containers whose images matter; all when undefined. */
      readonly containers: readonly string[] | undefined;
    }
  | {
      readonly check: 'load-balancer';
      readonly service: Service;
      readonly definition: JsonObject;
    }
  | {
      readonly check: 'listener-rule';
      readonly service: Service;
      /** One that shifts traffic. */
      readonly balancer: LoadBalancer;
    }
  | { readonly check: 'image-exists'; readonly revision: Revision }
  | ({ readonly check: 'older-commit' } & OlderCommit)
  | { readonly check: 'lifecycle-policy'; readonly subject: LifecycleSubject }
);

/** The parts of a run that a look-up uses. */
export interface LookupTools {
  readonly aws: Aws;
  readonly ecs: Ecs;
  readonly emit: Emit;
}

/**
 * Makes look-ups in parallel. A look-up that fails becomes a warning that says why, because it says
 * nothing about its subject.
 */
export function lookUp(
  tools: LookupTools,
  lookups: readonly Lookup[],
): Promise<readonly Finding[]> {
  return Promise.all(
    lookups.map(async (lookup) => {
      const { check, about } = lookup;
      const answer = await answerOf(at(tools, lookup), lookup).catch((error: unknown): Answer => {
        tools.aws.options.signal.throwIfAborted();
        if (error instanceof EcsDeployError) {
          return { status: 'warn', message: error.message, hint: error.hint };
        }
        const reason = awsErrorText(error);
        return { status: 'warn', message: `This could not be checked: ${reason}`, hint: undefined };
      });
      return { check, about, ...answer };
    }),
  );
}

function answerOf(tools: LookupTools, lookup: Lookup): Promise<Answer> {
  switch (lookup.check) {
    case 'log-groups':
      return findLogGroups(tools, lookup.groups);
    case 'secrets':
      return findSecrets(tools, lookup);
    case 'rollback-target':
      return findRollbackTarget(tools, lookup);
    case 'older-commit':
      return checkOlder(tools, lookup);
    case 'load-balancer':
      return examineBalancer(tools, lookup);
    case 'listener-rule':
      return compareRule(tools, lookup);
    case 'lifecycle-policy':
      return findExpiring(tools, lookup.subject);
    case 'image-exists':
    default:
      return findImages(tools, lookup.revision);
  }
}

async function findLogGroups(
  { aws, ecs }: LookupTools,
  groups: readonly LogGroup[],
): Promise<Answer> {
  const found = await Promise.all(
    groups.map(async (item) => ({
      ...item,
      exists: await hasLogGroup(aws, item.group, item.region),
    })),
  );
  const missing = found.filter(({ exists }) => !exists);
  const [first] = missing;
  if (first === undefined) return ok(groups.map(({ group }) => group).join(', '));
  const region = first.region ?? (await regionOf(ecs));
  return {
    status: 'fail',
    message: `There is no log group ${missing.map(({ group }) => group).join(', ')} in ${region}: tasks cannot start.`,
    hint: `create it: aws logs create-log-group --log-group-name ${first.group} --region ${region}`,
  };
}

async function findSecrets(
  { aws, ecs }: LookupTools,
  { references, account }: Extract<Lookup, { readonly check: 'secrets' }>,
): Promise<Answer> {
  const unreadable = checkParameters(references, account);
  if (unreadable !== undefined) return unreadable;
  const own = await regionOf(ecs);
  const missing = await missingSecrets(
    aws,
    references.map(({ valueFrom }) => valueFrom),
  );
  const first = references.find(({ valueFrom }) => missing.has(valueFrom));
  if (first !== undefined) return missingSecret(first);
  const regionOfSecret = ({ valueFrom }: SecretReference) => placeOfArn(valueFrom)?.region ?? own;
  const elsewhere = references.find((reference) => regionOfSecret(reference) !== own);
  if (elsewhere === undefined) return ok(references.map(({ name }) => name).join(', '));
  return {
    status: 'warn',
    message: `The secret ${elsewhere.name} of container "${elsewhere.container}" is in ${regionOfSecret(elsewhere)}, but the tasks run in ${own}.`,
    hint: 'replicate it to that region, unless this is intended',
  };
}

function missingSecret({ container, name, valueFrom }: SecretReference): Answer {
  return {
    status: 'fail',
    message: `The secret ${name} of container "${container}" does not exist: ${valueFrom}.`,
    hint: valueFrom.includes(':secretsmanager:')
      ? 'check its name, its region and the six letters at the end of its ARN, or create it'
      : `check its name, or create it: aws ssm put-parameter --type SecureString --name ${valueFrom} --value …`,
  };
}

/** Whether the service could be rolled back to the revision that it runs now. */
async function findRollbackTarget(
  tools: LookupTools,
  { service, revision: named, containers }: Extract<Lookup, { readonly check: 'rollback-target' }>,
): Promise<Answer> {
  const revision = typeof named === 'string' ? await describeRevision(tools.ecs, named) : named;
  const name = shortName(revision.arn);
  const hint = `a rollback would need another revision: ecsdeploy rollback ${flagsOf(service)} --to ${revision.family}:REVISION`;
  if (revision.status !== 'ACTIVE') {
    const message = `${name} is ${revision.status}: a rollback to it is not possible.`;
    return { status: 'warn', message, hint };
  }
  const images = containersOf(revision.definition)
    .filter((container) => containers?.includes(String(container['name'])) ?? true)
    .map(({ image }) => String(image));
  const lost = await lostImage(tools, images);
  if (lost === undefined) return ok(`rollback to ${name} is possible`);
  const message = `The image of ${name}, ${lost.image}, is ${lost.state}: a rollback to it is not possible.`;
  return { status: 'warn', message, hint };
}

/** Whether the images of a revision that is about to run still exist. */
async function findImages(tools: LookupTools, revision: Revision): Promise<Answer> {
  const images = containersOf(revision.definition).map(({ image }) => String(image));
  const lost = await lostImage(tools, images);
  if (lost === undefined) return ok(images.join(', '));
  return {
    status: 'fail',
    code: lost.state === 'archived' ? 'image-archived' : 'image-missing',
    message: `The revision ${shortName(revision.arn)} needs ${lost.image}, which is ${lost.state}.`,
    hint: `go back to another revision: ecsdeploy rollback --to ${revision.family}:REVISION`,
  };
}

/** The first image that is missing or archived in ECR; images in other registries are not checked. */
async function lostImage(
  { aws }: LookupTools,
  images: readonly string[],
): Promise<{ readonly image: string; readonly state: string } | undefined> {
  const states = await Promise.all(
    [...new Set(images)].map(async (image) => {
      const named = repositoryOf(aws, image);
      if (named === undefined || !(await named.isOurs)) return undefined;
      const { tag = 'latest', digest } = parseImageReference(image);
      const detail = await describeImage(named.repository, { tag, digest });
      if (detail === undefined) return { image, state: 'no longer in ECR' };
      return detail.archived ? { image, state: 'archived' } : undefined;
    }),
  );
  return states.find((state) => state !== undefined);
}

async function examineBalancer(
  tools: LookupTools,
  { service, definition }: Extract<Lookup, { readonly check: 'load-balancer' }>,
): Promise<Answer> {
  const health = await readGroupHealth(tools, service);
  if (health === undefined) return skip(UNREAD);
  return checkTargetGroups(service, definition, await readPlaces(tools, health));
}

const UNREAD = 'the load balancer cannot be read';

/** Whether the listener rule and ECS agree about where the running revision is. */
async function compareRule(
  tools: LookupTools,
  { service, balancer }: Extract<Lookup, { readonly check: 'listener-rule' }>,
): Promise<Answer> {
  const rule = balancer.shift?.productionRule;
  const primary = primaryOf(service);
  if (rule === undefined || primary === undefined) return skip('there is no production rule');
  if (primary.rolloutState !== 'COMPLETED') return skip('a deployment is in progress');
  const what = 'the production listener rule';
  const [used, traffic] = await Promise.all([
    optional(
      tools,
      'ecs:DescribeServiceRevisions',
      usedGroup(tools.ecs, service, primary, rule),
      isUnread,
    ),
    optional(tools, what, readTraffic(tools.aws, rule), isUnread),
  ]);
  if (used === undefined || traffic === undefined) return skip(`${what} cannot be compared`);
  return checkListenerRule(balancer, used, traffic);
}

/** The finding for a definition that uses no log groups or no secrets. */
export function skipUnused(check: 'log-groups' | 'secrets', about: string): Finding {
  return { check, about, ...skip('none is used') };
}
