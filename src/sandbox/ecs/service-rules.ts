import { awsFault } from '../wire.ts';
import { strategyProblem } from './capacity.ts';
import { findCluster } from './lookups.ts';
import { checkName } from './requests.ts';
import type { Service, ServiceSettings, Simulation } from './state.ts';

// What CreateService and UpdateService refuse of the members they are given. What has to fit the task
// definition is in services.ts, what a strategy demands in strategies.ts. Sources: the API reference,
// and the texts that users and other tools (cdk-preflight) have recorded.

type Input = Readonly<Record<string, unknown>> & Partial<ServiceSettings>;

/** A row is broken where its condition holds; `InvalidParameterException` unless it names another. */
type Rows = readonly (readonly [isBroken: boolean, text: string, exception?: string])[];

/** Platform versions for Linux that the developer guide has ever listed. */
const PLATFORM_VERSION = /^(?:LATEST|1\.[0-4]\.0)$/;
const MOST_SUBNETS = 16;
const MOST_SECURITY_GROUPS = 5;

/** Throws what CreateService refuses. */
export function checkNewService(simulation: Simulation, input: Input): void {
  const { serviceName, schedulingStrategy, desiredCount, launchType } = input;
  checkName('Service', String(serviceName));
  const isDaemon = schedulingStrategy === 'DAEMON';
  refuse([
    [
      launchType !== undefined && Boolean(input.capacityProviderStrategy?.length),
      'Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.',
    ],
    [
      isDaemon && desiredCount !== undefined,
      'The daemon scheduling strategy does not support a desired count for services. Remove the desired count value and try again',
    ],
    [
      isDaemon && launchType === 'FARGATE',
      'The daemon scheduling strategy is not supported with FARGATE launch type.',
    ],
    [
      isDaemon && Boolean((input['placementStrategy'] as unknown[] | undefined)?.length),
      'The daemon scheduling strategy does not support placement strategies',
    ],
    ...memberRows(simulation, input, input),
  ]);
}

/** Throws what UpdateService refuses. */
export function checkServiceChange(simulation: Simulation, service: Service, input: Input): void {
  refuse(memberRows(simulation, input, { ...service.settings, ...input }));
}

/** The rules of the members of both operations; `settings` has those, too, that are not changed. */
function memberRows(simulation: Simulation, input: Input, settings: Input): Rows {
  const { loadBalancers = [], launchType, schedulingStrategy } = settings;
  const platformVersion = input['platformVersion'] as string | undefined;
  const grace = input.healthCheckGracePeriodSeconds;
  const { subnets, securityGroups } = (input.networkConfiguration?.awsvpcConfiguration ?? {}) as {
    readonly subnets?: readonly string[];
    readonly securityGroups?: readonly string[];
  };
  const hasNetwork = input.networkConfiguration?.awsvpcConfiguration !== undefined;
  const {
    minimumHealthyPercent: least = 100,
    maximumPercent: most = 200,
    strategy: deploymentStrategy = 'ROLLING',
  } = {
    ...(schedulingStrategy === 'DAEMON' && { minimumHealthyPercent: 0, maximumPercent: 100 }),
    ...settings.deploymentConfiguration,
    ...input.deploymentConfiguration,
  };
  const isDaemon = schedulingStrategy === 'DAEMON';
  const isRolling = deploymentStrategy === 'ROLLING' && input.deploymentConfiguration !== undefined;
  const badStrategy = strategyProblem(
    findCluster(simulation, input['cluster']),
    input.capacityProviderStrategy,
  );
  const unknownGroup = (input.loadBalancers ?? []).find(
    ({ targetGroupArn }) =>
      targetGroupArn !== undefined && !simulation.hasTargetGroup(targetGroupArn),
  );
  return [
    [isRolling && least < 0, 'minimumHealthyPercent must be at least 0'],
    [isRolling && least > 100, 'minimumHealthyPercent must be at most 100'],
    [isRolling && most < 100, 'maximumPercent must be at least 100'],
    [
      isDaemon && most > 100,
      'The daemon scheduling strategy does not support values above 100 for maximumPercent',
    ],
    [
      isRolling && least === 100 && most === 100,
      'Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.',
    ],
    [badStrategy !== undefined, badStrategy ?? ''],
    [hasNetwork && !subnets?.length, 'subnets can not be empty.'],
    [(subnets?.length ?? 0) > MOST_SUBNETS, `subnets can have at most ${MOST_SUBNETS} items.`],
    [
      (securityGroups?.length ?? 0) > MOST_SECURITY_GROUPS,
      `securityGroups can have at most ${MOST_SECURITY_GROUPS} items.`,
    ],
    [
      platformVersion !== undefined && (launchType === 'EC2' || launchType === 'EXTERNAL'),
      'The platform version must be null when specifying an EC2 launch type.',
    ],
    [
      platformVersion !== undefined && !PLATFORM_VERSION.test(platformVersion),
      'The specified platform does not exist.',
      'PlatformUnknownException',
    ],
    [
      unknownGroup !== undefined,
      `Unable to assume role and validate the specified targetGroupArn: ${unknownGroup?.targetGroupArn}. Please verify that the ECS service role being passed has the proper permissions.`,
    ],
    [
      grace !== undefined && loadBalancers.length === 0,
      'Health check grace period is only valid for services configured to use load balancers',
    ],
  ];
}

function refuse(rows: Rows): void {
  const broken = rows.find(([isBroken]) => isBroken);
  if (broken === undefined) return;
  const [, text, exception = 'InvalidParameterException'] = broken;
  throw awsFault(exception, text);
}
