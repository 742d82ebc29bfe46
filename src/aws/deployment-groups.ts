import type { DeploymentGroupInfo } from '@aws-sdk/client-codedeploy';
import { shiftOf } from '../core/code-deploy.ts';
import type { DeploymentGroup, Shift } from '../core/code-deploy.ts';
import { primaryOf } from '../core/ecs.ts';
import type { Service } from '../core/ecs.ts';
import { shortName } from '../core/task-definition.ts';
import { codeDeployClient } from './client.ts';
import type { Aws } from './client.ts';
import { readDeployment, toOptions } from './code-deploy.ts';
import { abort, chunks, whole } from './ecs.ts';
import { awsErrorName } from './errors.ts';

const sdk = () => import('./sdk/codedeploy.ts');

/** The names of a deployment group. */
export interface GroupName {
  readonly application: string;
  readonly group: string;
}

/** BatchGetApplications' and BatchGetDeploymentGroups' limits of names in one call. */
const APPLICATIONS_PER_CALL = 100;
const GROUPS_PER_CALL = 100;

/** A deployment group; undefined where there is none of this name. */
export async function readGroup(
  aws: Aws,
  { application, group }: GroupName,
): Promise<DeploymentGroup | undefined> {
  const [{ GetDeploymentGroupCommand }, client] = await Promise.all([sdk(), codeDeployClient(aws)]);
  const command = new GetDeploymentGroupCommand({
    applicationName: application,
    deploymentGroupName: group,
  });
  try {
    const { deploymentGroupInfo } = await client.send(command, abort({ aws }));
    return toGroup(
      whole(deploymentGroupInfo, 'codedeploy:GetDeploymentGroup', 'deploymentGroupInfo'),
    );
  } catch (error) {
    if (/^(Application|DeploymentGroup)DoesNotExistException$/.test(awsErrorName(error))) {
      return undefined;
    }
    throw error;
  }
}

function toGroup(info: DeploymentGroupInfo): DeploymentGroup {
  const action = 'codedeploy:GetDeploymentGroup';
  const [pair] = info.loadBalancerInfo?.targetGroupPairInfoList ?? [];
  return {
    application: whole(info.applicationName, action, 'applicationName'),
    name: whole(info.deploymentGroupName, action, 'deploymentGroupName'),
    config: info.deploymentConfigName ?? '',
    options: toOptions({ ...info, alarms: info.alarmConfiguration?.alarms }),
    services: (info.ecsServices ?? []).flatMap(({ clusterName: cluster, serviceName: service }) =>
      cluster === undefined || service === undefined ? [] : { cluster, service },
    ),
    targetGroups: (pair?.targetGroups ?? []).flatMap(({ name }) => name ?? []),
    productionListener: pair?.prodTrafficRoute?.listenerArns?.[0],
    testListener: pair?.testTrafficRoute?.listenerArns?.[0],
    lastSuccessful: info.lastSuccessfulDeployment?.deploymentId,
  };
}

/** Whether a group deploys a service. */
export function deploys({ services }: DeploymentGroup, { cluster, name }: Service): boolean {
  return services.some(
    (item) => item.service === name && shortName(item.cluster) === shortName(cluster),
  );
}

/** The group that made the PRIMARY task set of a service; undefined where no deployment has. */
export async function groupOfTaskSet(
  aws: Aws,
  service: Service,
): Promise<DeploymentGroup | undefined> {
  const { id = '' } = primaryOf(service) ?? {};
  const deployment = id.startsWith('d-') ? await readDeployment(aws, id) : undefined;
  return deployment && readGroup(aws, deployment);
}

/** The names that the console and the AWS CLI give a group. */
export function usualName({ cluster, name }: Pick<Service, 'cluster' | 'name'>): GroupName {
  const suffix = `${shortName(cluster)}-${name}`;
  return { application: `AppECS-${suffix}`, group: `DgpECS-${suffix}` };
}

/** Searches all applications for the group that deploys a service. */
export async function searchGroup(
  aws: Aws,
  service: Service,
): Promise<DeploymentGroup | undefined> {
  const [commands, client] = await Promise.all([sdk(), codeDeployClient(aws)]);
  const {
    BatchGetApplicationsCommand,
    BatchGetDeploymentGroupsCommand,
    ListApplicationsCommand,
    ListDeploymentGroupsCommand,
  } = commands;
  const names: string[] = [];
  let nextToken: string | undefined;
  do {
    const page = await client.send(new ListApplicationsCommand({ nextToken }), abort({ aws }));
    names.push(...whole(page.applications, 'codedeploy:ListApplications', 'applications'));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  for (const applicationNames of chunks(names, APPLICATIONS_PER_CALL)) {
    const command = new BatchGetApplicationsCommand({ applicationNames });
    const { applicationsInfo = [] } = await client.send(command, abort({ aws }));
    // One after the other: CodeDeploy throttles the search in large accounts.
    for (const { applicationName, computePlatform } of applicationsInfo) {
      if (computePlatform !== 'ECS' || applicationName === undefined) continue;
      const listed = await client.send(
        new ListDeploymentGroupsCommand({ applicationName }),
        abort({ aws }),
      );
      for (const deploymentGroupNames of chunks(listed.deploymentGroups ?? [], GROUPS_PER_CALL)) {
        const { deploymentGroupsInfo = [] } = await client.send(
          new BatchGetDeploymentGroupsCommand({ applicationName, deploymentGroupNames }),
          abort({ aws }),
        );
        const found = deploymentGroupsInfo.map(toGroup).find((group) => deploys(group, service));
        if (found !== undefined) return found;
      }
    }
  }
  return undefined;
}

/** How a deployment configuration shifts traffic. */
export async function readShift(aws: Aws, deploymentConfigName: string): Promise<Shift> {
  const [{ GetDeploymentConfigCommand }, client] = await Promise.all([
    sdk(),
    codeDeployClient(aws),
  ]);
  const command = new GetDeploymentConfigCommand({ deploymentConfigName });
  const { deploymentConfigInfo } = await client.send(command, abort({ aws }));
  const routing = deploymentConfigInfo?.trafficRoutingConfig;
  switch (routing?.type) {
    case 'TimeBasedLinear': {
      const { linearPercentage = 100, linearInterval = 0 } = routing.timeBasedLinear ?? {};
      return { waits: Math.ceil(100 / linearPercentage) - 1, minutes: linearInterval };
    }
    case 'TimeBasedCanary':
      return { waits: 1, minutes: routing.timeBasedCanary?.canaryInterval ?? 0 };
    default:
      return shiftOf(deploymentConfigName) ?? { waits: 0, minutes: 0 };
  }
}
