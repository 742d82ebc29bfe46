import type { Aws } from '../aws/client.ts';
import {
  appSpecOf,
  readActive,
  readDeployment,
  readProgress,
  readTarget,
  revisionOf,
} from '../aws/code-deploy.ts';
import {
  deploys,
  groupOfTaskSet,
  readGroup,
  readShift,
  searchGroup,
  usualName,
} from '../aws/deployment-groups.ts';
import type { GroupName } from '../aws/deployment-groups.ts';
import { optional } from '../aws/optional.ts';
import { readAppSpec } from '../core/app-spec.ts';
import { READY_WAIT, shiftOf } from '../core/code-deploy.ts';
import type {
  ActiveDeployment,
  AppSpecSource,
  CodeDeployUse,
  DeploymentGroup,
  Shift,
} from '../core/code-deploy.ts';
import { primaryOf } from '../core/ecs.ts';
import type { Service } from '../core/ecs.ts';
import { shortName } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import type { Emit } from '../events.ts';

interface Tools {
  readonly aws: Aws;
  readonly emit: Emit;
}

/**
 * A service with what CodeDeploy knows of it. `named` is the group that the config names. Throws
 * `deployment-group-missing`.
 */
export async function readCodeDeployUse(
  tools: Tools,
  service: Service,
  named: GroupName | undefined,
): Promise<Service> {
  const group = await findGroup(tools, service, named);
  const { lastSuccessful } = group;
  const [shift, active, appSpec] = await Promise.all([
    shiftOfGroup(tools, group),
    findActive(tools, service, group),
    lastAppSpec(tools, service, group),
    // What could not be followed must not be started.
    lastSuccessful === undefined ? undefined : readTarget(tools.aws, service, lastSuccessful),
  ]);
  const content = appSpec.kind === 'last' ? appSpec.content : undefined;
  const hooks = content === undefined ? {} : (readAppSpec(content)?.hooks ?? {});
  return withUse(service, { group, shift, active, appSpec, hooks });
}

/** A service with what CodeDeploy knows of it, and the waits of its deployments. */
function withUse(service: Service, codeDeploy: CodeDeployUse): Service {
  const { shift, group } = codeDeploy;
  const { readyMinutes, terminationMinutes } = group.options;
  const pauses = readyMinutes === undefined ? [] : [READY_WAIT];
  const settings = { ...service.settings, shift, pauses, terminationMinutes };
  return { ...service, codeDeploy, settings };
}

/** The group of a service: named, behind its task set, by the usual name, or by a search. */
async function findGroup(
  { aws, emit }: Tools,
  service: Service,
  named: GroupName | undefined,
): Promise<DeploymentGroup> {
  const { name, cluster } = service;
  if (named !== undefined) {
    const group = await readGroup(aws, named);
    if (group !== undefined && deploys(group, service)) return group;
    const what = `The deployment group "${named.group}" of the application "${named.application}"`;
    throw missing(
      group === undefined
        ? `${what}, which "codeDeploy" in the config names, does not exist.`
        : `${what} does not deploy "${name}" in ${shortName(cluster)}: it deploys ${group.services.map(({ service: other }) => other).join(', ') || 'no service'}.`,
      'fix "codeDeploy" in the config, or leave it out: ecsdeploy finds the group',
    );
  }
  const usual = usualName(service);
  for (const find of [() => groupOfTaskSet(aws, service), () => readGroup(aws, usual)]) {
    const group = await find();
    if (group !== undefined && deploys(group, service)) return group;
  }
  const group = await searchGroup(aws, service);
  if (group === undefined) {
    throw missing(
      `No deployment group of CodeDeploy deploys "${name}" in ${shortName(cluster)}.`,
      `create one: aws deploy create-deployment-group --application-name ${usual.application} --deployment-group-name ${usual.group} --ecs-services serviceName=${name},clusterName=${shortName(cluster)} …`,
    );
  }
  emit({
    kind: 'warning',
    message: `The deployment group of "${name}" was searched for in all applications of CodeDeploy.`,
    hint: `name it in the config: codeDeploy: { application: ${group.application}, group: ${group.name} }`,
  });
  return group;
}

function missing(message: string, hint: string): EcsDeployError {
  return new EcsDeployError({ code: 'deployment-group-missing', message, hint });
}

async function shiftOfGroup(tools: Tools, { config }: DeploymentGroup): Promise<Shift> {
  const what = `the deployment configuration ${config}`;
  const read = await optional(tools, what, readShift(tools.aws, config));
  return read ?? shiftOf(config) ?? { waits: 0, minutes: 0 };
}

async function findActive(
  { aws }: Tools,
  service: Service,
  group: DeploymentGroup,
): Promise<ActiveDeployment | undefined> {
  const read = await readActive(aws, service, group);
  if (read === undefined) return undefined;
  const { rollbackOf } = read.deployment;
  const own = rollbackOf === undefined ? read : await readProgress(aws, service, rollbackOf);
  if (own === undefined) return undefined;
  return {
    ...own,
    rolledBackBy: rollbackOf === undefined ? undefined : read,
    newer: undefined,
    taskDefinition: await revisionOf(aws, service, own.deployment),
  };
}

/** The AppSpec of the deployment that succeeded last, else of the PRIMARY task set's. */
async function lastAppSpec(
  { aws }: Tools,
  service: Service,
  { lastSuccessful }: DeploymentGroup,
): Promise<AppSpecSource> {
  const { id = '' } = primaryOf(service) ?? {};
  let unread: AppSpecSource | undefined;
  for (const candidate of [lastSuccessful, id.startsWith('d-') ? id : undefined]) {
    const deployment = candidate === undefined ? undefined : await readDeployment(aws, candidate);
    if (deployment === undefined) continue;
    const { appSpec } = deployment;
    if (appSpec.kind === 'elsewhere') {
      return { kind: 'elsewhere', deployment: deployment.id, place: appSpec.place };
    }
    const content = await appSpecOf(aws, deployment);
    if (content === undefined) {
      unread ??= { kind: 'elsewhere', deployment: deployment.id, place: 'CodeDeploy has no text' };
      continue;
    }
    return readAppSpec(content) === undefined
      ? { kind: 'elsewhere', deployment: deployment.id, place: 'it names no single revision' }
      : { kind: 'last', deployment: deployment.id, content };
  }
  return unread ?? { kind: 'none' };
}
