import { describeRevision, lastGood, regionOf } from '../aws/ecs.ts';
import type { Ecs } from '../aws/ecs.ts';
import type { Aws } from '../aws/client.ts';
import { describeImage, findImage } from '../aws/images.ts';
import { hasLogGroup } from '../aws/logs.ts';
import { repositoryOf } from '../aws/repositories.ts';
import { missingSecrets } from '../aws/secrets.ts';
import type { Context } from '../commands/context.ts';
import {
  checkCapacity,
  checkExecutionRole,
  checkInProgress,
  checkPorts,
  checkTaskSize,
  isFargate,
  logGroupsOf,
  secretsOf,
} from '../core/checks.ts';
import type { Answer, Finding, SecretReference } from '../core/checks.ts';
import { parseImageReference } from '../core/image.ts';
import { containersOf, shortName } from '../core/task-definition.ts';
import type { JsonObject } from '../core/task-definition.ts';
import { EcsDeployError, refuse } from '../errors.ts';
import type { CheckName } from '../settings/table.ts';
import type { Observed } from './observe.ts';
import { isPassing } from '../aws/errors.ts';
import { isWithheld } from '../aws/optional.ts';

/** Checks of one thing, by name; each may look at AWS. */
export type Checks = Readonly<Partial<Record<CheckName, () => Answer | Promise<Answer>>>>;

/** Whether a check could not look: no permission, or no way to that service of AWS. */
export function isBlind(error: EcsDeployError): boolean {
  return isPassing(error) || isWithheld(error);
}

/**
 * Runs checks side by side and answers what each found. One that cannot look is a warning that
 * says why; any other error is what the check found.
 */
export function examine(
  { config: { skipCheck } }: Pick<Context, 'config'>,
  about: string,
  checks: Checks,
): Promise<Finding[]> {
  const names = Object.keys(checks) as CheckName[];
  return Promise.all(
    names.map(async (check) => {
      if (skipCheck.includes(check)) {
        return { check, about, status: 'skip', message: `left out (--skip-check ${check})` };
      }
      const answer = await Promise.resolve()
        .then(() => checks[check]?.() ?? { status: 'skip' as const, message: '' })
        .catch((error: unknown): Answer => {
          if (!(error instanceof EcsDeployError)) throw error;
          const { message, hint } = error;
          return { status: isBlind(error) ? 'warn' : 'fail', message, hint };
        });
      return { check, about, ...answer };
    }),
  );
}

/** Warns of what is doubtful and refuses, all at once, what cannot work. */
export function enforce({ emit }: Context, findings: readonly Finding[]): void {
  const say = ({ about, message }: Finding) => (about === '' ? message : `${about}: ${message}`);
  for (const finding of findings) {
    const { status, hint } = finding;
    if (status === 'warn') emit({ kind: 'warning', message: say(finding), hint });
  }
  refuse(
    findings
      .filter(({ status }) => status === 'fail')
      .map((finding) => {
        const { check, hint } = finding;
        const skip = `--skip-check ${check} goes on all the same`;
        return new EcsDeployError({
          code: 'check-failed',
          message: say(finding),
          hint: hint === undefined ? skip : `${hint}; ${skip}`,
        });
      }),
  );
}

/** How a service is called in findings. */
export function aboutService({ serviceName, clusterArn }: Observed['service']): string {
  return `service ${serviceName} in ${shortName(clusterArn ?? '')}`;
}

/** What may keep a service from running a definition, or from going back afterwards. */
export function serviceChecks(
  aws: Aws,
  ecs: Ecs,
  {
    service,
    running,
    target,
  }: Pick<Observed, 'service' | 'target'> & {
    readonly running: Observed['running'] | undefined;
  },
  definition: JsonObject,
): Checks {
  const onFargate = isFargate(service, definition);
  return {
    'deployment-in-progress': () => checkInProgress(service),
    'deployment-percent': () => checkCapacity(service),
    'task-size': () =>
      onFargate ? checkTaskSize(definition) : { status: 'skip', message: 'not on Fargate' },
    'port-mappings': () => checkPorts(definition),
    'execution-role': () => checkExecutionRole(definition, onFargate),
    'log-groups': () => checkLogGroups(ecs, definition),
    secrets: () => checkSecrets(ecs, definition),
    ...(running && { 'latest-revision': () => checkLatest(ecs, running.arn, running.family) }),
    'rollback-target': () => checkRollbackTarget(aws, ecs, service, target.container),
  };
}

async function checkLatest(ecs: Ecs, arn: string, family: string): Promise<Answer> {
  const latest = await describeRevision(ecs, family);
  if (latest.arn === arn) return { status: 'ok', message: shortName(arn) };
  return {
    status: 'warn',
    message: `It runs ${shortName(arn)}, but the family's latest is ${shortName(latest.arn)}: somebody registered it without deploying it, or it was rolled back.`,
    hint: `what is deployed is made from ${shortName(arn)}; to take the latest: --task-definition ${shortName(latest.arn)}`,
  };
}

async function checkLogGroups(ecs: Ecs, definition: JsonObject): Promise<Answer> {
  const groups = logGroupsOf(definition);
  if (groups.length === 0) return { status: 'skip', message: 'none is needed' };
  const there = await Promise.all(
    groups.map(({ group, region }) => hasLogGroup(ecs.aws, group, region)),
  );
  const missing = groups.filter((_, index) => there[index] === false);
  const [first] = missing;
  if (first === undefined) {
    return { status: 'ok', message: groups.map(({ group }) => group).join(', ') };
  }
  const region = first.region ?? (await regionOf(ecs));
  return {
    status: 'fail',
    message: `There is no log group ${missing.map(({ group }) => group).join(', ')} in ${region}: tasks cannot start.`,
    hint: `create it: aws logs create-log-group --log-group-name ${first.group} --region ${region}`,
  };
}

async function checkSecrets(ecs: Ecs, definition: JsonObject): Promise<Answer> {
  const references = secretsOf(definition);
  if (references.length === 0) return { status: 'skip', message: 'none is used' };
  const own = await regionOf(ecs);
  const missing = await missingSecrets(
    ecs.aws,
    references.map(({ valueFrom }) => valueFrom),
  );
  const first = references.find(({ valueFrom }) => missing.has(valueFrom));
  if (first !== undefined) return missingSecret(first);
  const elsewhere = references.find(({ valueFrom }) => regionOfArn(valueFrom, own) !== own);
  if (elsewhere === undefined)
    return { status: 'ok', message: references.map(({ name }) => name).join(', ') };
  return {
    status: 'warn',
    message: `The secret ${elsewhere.name} of container "${elsewhere.container}" is in ${regionOfArn(elsewhere.valueFrom, own)}, but the tasks run in ${own}.`,
    hint: 'replicate it into that region, unless it is meant so',
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

const regionOfArn = (valueFrom: string, own: string): string =>
  valueFrom.startsWith('arn:') ? (valueFrom.split(':')[3] ?? own) : own;

/** Whether the service could go back to what it runs now. */
async function checkRollbackTarget(
  aws: Aws,
  ecs: Ecs,
  service: Observed['service'],
  containers: readonly string[] | undefined,
): Promise<Answer> {
  const arn = lastGood(service);
  if (arn === undefined) return { status: 'skip', message: 'nothing was deployed before' };
  const revision = await describeRevision(ecs, arn);
  const hint = 'a rollback would need another revision: ecsdeploy rollback --to FAMILY:REVISION';
  if (revision.status !== 'ACTIVE') {
    return {
      status: 'warn',
      message: `${shortName(arn)} is ${revision.status}: the service could not go back to it.`,
      hint,
    };
  }
  const images = containersOf(revision.definition)
    .filter(({ name }) => containers?.includes(String(name)) ?? true)
    .map(({ image }) => String(image));
  for (const image of images) {
    const state = await imageState(aws, image);
    if (state === 'there') continue;
    return {
      status: 'warn',
      message: `The image of ${shortName(arn)}, ${image}, is ${state}: the service could not go back to it.`,
      hint,
    };
  }
  return { status: 'ok', message: `${shortName(arn)} can be gone back to` };
}

async function imageState(aws: Aws, image: string): Promise<'there' | 'gone' | 'archived'> {
  const { tag = 'latest', digest } = parseImageReference(image);
  const repository = await repositoryOf(aws, image);
  // An image of another registry cannot be asked for.
  if (repository === undefined) return 'there';
  const stored = await findImage(repository, { tag, digest });
  if (stored === undefined) return 'gone';
  return (await describeImage(repository, stored.digest)).archived ? 'archived' : 'there';
}
