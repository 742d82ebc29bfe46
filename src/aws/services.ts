import { setTimeout as sleep } from 'node:timers/promises';
import type {
  AdvancedConfiguration,
  Deployment as EcsDeployment,
  Service as EcsService,
  TaskSet,
  UpdateServiceCommandInput,
} from '@aws-sdk/client-ecs';
import { CODE_DEPLOY, primaryOf } from '../core/ecs.ts';
import type { Deployment, DeploymentSettings, Place, Service, TrafficShift } from '../core/ecs.ts';
import { suggest } from '../core/nearest.ts';
import { flagsOf } from '../core/service-name.ts';
import { shortName } from '../core/task-definition.ts';
import { EcsDeployError } from '../errors.ts';
import {
  abort,
  at,
  byPlace,
  checkAccount,
  checkRegion,
  chunks,
  namesOf,
  sdk,
  where,
  whole,
} from './ecs.ts';
import type { Ecs } from './ecs.ts';
import { awsErrorName, awsErrorText, brokenAnswer, isDefinite, isThrottling } from './errors.ts';

/**
 * DescribeServices' limit of names in one call
 * (docs/explanation/how-ecs-behaves.md#request-limits).
 */
const SERVICES_PER_CALL = 10;

const DESCRIBE = 'ecs:DescribeServices';

/** The services of one cluster that exist, in no particular order; throws `cluster-missing`. */
export async function describeServices(
  ecs: Ecs,
  cluster: string,
  services: readonly string[],
): Promise<readonly Service[]> {
  const { DescribeServicesCommand } = await sdk();
  await checkRegion(ecs, [cluster, ...services]);
  const answers = await Promise.all(
    chunks(services, SERVICES_PER_CALL).map((part) =>
      ecs.client
        .send(new DescribeServicesCommand({ cluster, services: part }), abort(ecs))
        .catch((error: unknown) => explainCluster(ecs, cluster, error)),
    ),
  );
  const found = answers.flatMap((answer) =>
    whole(answer.services, DESCRIBE, 'services').map((service) =>
      toService(ecs, whole(service, DESCRIBE, 'service'), DESCRIBE),
    ),
  );
  if (found[0] !== undefined) checkAccount([cluster, ...services], found[0].arn);
  return found;
}

/** Names a service where it runs. */
export interface ServiceAddress {
  readonly cluster: string;
  readonly service: string;
  readonly place?: Place | undefined;
}

/** One service; throws `service-missing` with the names of those that exist. */
export function describeService(ecs: Ecs, name: ServiceAddress): Promise<Service> {
  return readServices(ecs, [name])(name);
}

/** Reads services again, each where it was read; those that no longer exist are left out. */
export async function describeAgain(
  ecs: Ecs,
  services: readonly Pick<Service, 'cluster' | 'name' | 'place'>[],
): Promise<readonly Service[]> {
  const groups = byPlace(services).flatMap((there) =>
    [...new Set(there.map(({ cluster }) => cluster))].map((cluster) =>
      describeServices(
        at({ ecs }, there[0]).ecs,
        cluster,
        there.flatMap((item) => (item.cluster === cluster ? item.name : [])),
      ),
    ),
  );
  return (await Promise.all(groups)).flat();
}

/**
 * Reads services with one call per cluster and ten names; the function returned gives each of them,
 * or throws `service-missing` with the names of those that exist.
 */
export function readServices(
  run: Ecs,
  names: readonly ServiceAddress[],
): (name: ServiceAddress) => Promise<Service> {
  const keyOf = ({ cluster, place }: ServiceAddress) => JSON.stringify([cluster, place]);
  const reads = new Map(
    byPlace(names).flatMap((there) =>
      [...new Set(there.map(({ cluster }) => cluster))].map((cluster) => {
        const services = there.filter((name) => name.cluster === cluster);
        return [
          keyOf({ ...there[0], cluster }),
          describeServices(
            at({ ecs: run }, there[0]).ecs,
            cluster,
            services.map(({ service }) => service),
          ),
        ];
      }),
    ),
  );
  return async (name) => {
    const { cluster, service } = name;
    const { ecs } = at({ ecs: run }, name);
    const found = (await reads.get(keyOf(name)))?.find(
      (item) => item.name === service || item.arn === service,
    );
    if (found !== undefined) return found;
    throw new EcsDeployError({
      code: 'service-missing',
      message: `The cluster "${shortName(cluster)}" has no service "${service}"${await where(ecs)}.`,
      hint: suggest(service, await listServices(ecs, cluster), 'services'),
    });
  };
}

function toService({ aws: { place } }: Ecs, service: EcsService, action: string): Service {
  const primary = service.deployments?.find((item) => item.status === 'PRIMARY');
  const { enabled = true, services = [] } = primary?.serviceConnectConfiguration ?? {};
  const controller = service.deploymentController?.type ?? 'ECS';
  const taskSets = controller === CODE_DEPLOY ? (service.taskSets ?? []) : [];
  const deployments =
    controller === CODE_DEPLOY
      ? taskSets.map((item) => fromTaskSet(whole(item, action, 'task set'), action))
      : (service.deployments ?? []).map((item) =>
          toDeployment(whole(item, action, 'deployment'), action),
        );
  // Those of the service can be of its creation.
  const current = taskSets.find(({ status }) => status === 'PRIMARY');
  const { launchType, networkConfiguration, capacityProviderStrategy } = current ?? service;
  return {
    arn: whole(service.serviceArn, action, 'serviceArn'),
    name: whole(service.serviceName, action, 'serviceName'),
    cluster: whole(service.clusterArn, action, 'clusterArn'),
    ...(place && { place }),
    status: whole(service.status, action, 'status'),
    taskDefinition:
      current?.taskDefinition ??
      service.taskDefinition ??
      primaryOf({ deployments })?.taskDefinition ??
      '',
    desired: service.desiredCount ?? 0,
    running: service.runningCount ?? 0,
    pending: service.pendingCount ?? 0,
    deployments,
    events: (service.events ?? []).flatMap(({ id, createdAt, message }) =>
      id === undefined || message === undefined ? [] : [{ id, createdAt, message }],
    ),
    controller,
    isExpress: service.resourceManagementType === 'ECS',
    launchType,
    capacityProviders: (capacityProviderStrategy ?? []).flatMap(
      ({ capacityProvider }) => capacityProvider ?? [],
    ),
    isDaemon: service.schedulingStrategy === 'DAEMON',
    loadBalancers: (current?.loadBalancers ?? service.loadBalancers ?? []).flatMap(
      ({ targetGroupArn, containerName, containerPort, advancedConfiguration }) =>
        containerName === undefined || containerPort === undefined
          ? []
          : [
              {
                targetGroup: targetGroupArn,
                container: containerName,
                port: containerPort,
                shift: toShift(advancedConfiguration) ?? shiftBetween(taskSets, targetGroupArn),
              },
            ],
    ),
    registries: (service.serviceRegistries ?? []).flatMap(({ containerName, containerPort }) =>
      containerName === undefined ? [] : [{ container: containerName, port: containerPort }],
    ),
    portNames: [
      ...(enabled ? services : []).map((item) => ({ by: 'Service Connect' as const, ...item })),
      ...(primary?.vpcLatticeConfigurations ?? []).map((item) => ({
        by: 'VPC Lattice' as const,
        ...item,
      })),
    ].flatMap(({ by, portName: name }) => (name === undefined ? [] : [{ by, name }])),
    testHeaders: (enabled ? services : []).flatMap(({ clientAliases = [] }) =>
      clientAliases.flatMap(({ testTrafficRules }) => {
        const { name, value } = testTrafficRules?.header ?? {};
        return name === undefined ? [] : [{ name, value: value?.exact }];
      }),
    ),
    volumes: (primary?.volumeConfigurations ?? []).flatMap(({ name }) => name ?? []),
    hasNetwork: networkConfiguration?.awsvpcConfiguration !== undefined,
    securityGroups: networkConfiguration?.awsvpcConfiguration?.securityGroups ?? [],
    gracePeriod: service.healthCheckGracePeriodSeconds ?? 0,
    settings: toSettings(service),
    currentRollout: service.currentServiceDeployment,
  };
}

function toShift(configuration: AdvancedConfiguration | undefined): TrafficShift | undefined {
  const { alternateTargetGroupArn, productionListenerRule, testListenerRule } = configuration ?? {};
  if (alternateTargetGroupArn === undefined) return undefined;
  return {
    alternateTargetGroup: alternateTargetGroupArn,
    productionRule: productionListenerRule,
    testRule: testListenerRule,
  };
}

/** While CodeDeploy deploys, the task sets are in two target groups. */
function shiftBetween(
  taskSets: readonly TaskSet[],
  current: string | undefined,
): TrafficShift | undefined {
  const other = taskSets
    .flatMap(({ loadBalancers = [] }) => loadBalancers)
    .find(({ targetGroupArn }) => targetGroupArn !== current)?.targetGroupArn;
  if (other === undefined) return undefined;
  return { alternateTargetGroup: other, productionRule: undefined, testRule: undefined };
}

/** ECS leaves out what has its default: 100 % and 200 %, a rolling deployment. */
function toSettings({
  deploymentController,
  deploymentConfiguration = {},
}: EcsService): DeploymentSettings {
  const { minimumHealthyPercent, maximumPercent, strategy, bakeTimeInMinutes, alarms } =
    deploymentConfiguration;
  const hooks = deploymentConfiguration.lifecycleHooks ?? [];
  const isCodeDeploy = deploymentController?.type === CODE_DEPLOY;
  // What CodeDeploy deploys has a setting for the circuit breaker, but none.
  const { enable, rollback } = isCodeDeploy
    ? {}
    : (deploymentConfiguration.deploymentCircuitBreaker ?? {});
  return {
    minimumHealthyPercent: minimumHealthyPercent ?? 100,
    maximumPercent: maximumPercent ?? 200,
    strategy: isCodeDeploy ? CODE_DEPLOY : (strategy ?? 'ROLLING'),
    bakeMinutes: bakeTimeInMinutes ?? 0,
    shift: shiftOf(deploymentConfiguration),
    pauses: hooks.flatMap(({ targetType, lifecycleStages = [] }) =>
      targetType === 'PAUSE' ? lifecycleStages : [],
    ),
    hasAlarms: alarms?.enable === true,
    hasBreaker: enable === true,
    breakerRollsBack: enable === true && rollback === true,
  };
}

/** Defaults: docs/explanation/how-ecs-behaves.md#strategies-and-pauses. */
function shiftOf({
  strategy,
  linearConfiguration,
  canaryConfiguration,
}: NonNullable<EcsService['deploymentConfiguration']>): DeploymentSettings['shift'] {
  if (strategy === 'LINEAR') {
    const { stepPercent = 10, stepBakeTimeInMinutes = 6 } = linearConfiguration ?? {};
    return { waits: Math.ceil(100 / stepPercent) - 1, minutes: stepBakeTimeInMinutes };
  }
  return strategy === 'CANARY'
    ? { waits: 1, minutes: canaryConfiguration?.canaryBakeTimeInMinutes ?? 10 }
    : { waits: 0, minutes: 0 };
}

function toDeployment(item: EcsDeployment, action: string): Deployment {
  return {
    id: whole(item.id, action, 'id of a deployment'),
    status: whole(item.status, action, 'status of a deployment'),
    taskDefinition: whole(item.taskDefinition, action, 'taskDefinition of a deployment'),
    rolloutState: item.rolloutState,
    reason: item.rolloutStateReason ?? '',
    desired: item.desiredCount ?? 0,
    running: item.runningCount ?? 0,
    pending: item.pendingCount ?? 0,
    failed: item.failedTasks ?? 0,
    createdAt: item.createdAt ?? new Date(0),
  };
}

/** A task set as a deployment: ECS counts no failed tasks of it, and knows no rollout state. */
function fromTaskSet(item: TaskSet, action: string): Deployment {
  const taskSet = whole(item.id, action, 'id of a task set');
  const status = whole(item.status, action, 'status of a task set');
  return {
    id: item.externalId?.startsWith('d-') ? item.externalId : taskSet,
    taskSet,
    status,
    taskDefinition: whole(item.taskDefinition, action, 'taskDefinition of a task set'),
    // What has the production traffic has been deployed.
    rolloutState: status === 'PRIMARY' ? 'COMPLETED' : undefined,
    reason: '',
    desired: item.computedDesiredCount ?? 0,
    running: item.runningCount ?? 0,
    pending: item.pendingCount ?? 0,
    failed: 0,
    createdAt: item.createdAt ?? new Date(0),
  };
}

async function explainCluster(ecs: Ecs, cluster: string, error: unknown): Promise<never> {
  if (awsErrorName(error) !== 'ClusterNotFoundException') throw error;
  const { ListClustersCommand } = await sdk();
  const arns = await namesOf(
    ecs.client.send(new ListClustersCommand({}), abort(ecs)),
    ({ clusterArns }) => clusterArns,
  );
  if (arns?.[0] !== undefined) checkAccount([cluster], arns[0]);
  const known = arns?.map(shortName);
  throw new EcsDeployError({
    code: 'cluster-missing',
    message: `There is no cluster "${cluster}"${await where(ecs)}.`,
    hint: `${suggest(cluster, known, 'clusters')}\ncheck the region and the account: ecsdeploy verify shows both`,
    cause: error,
  });
}

async function listServices(ecs: Ecs, cluster: string): Promise<readonly string[] | undefined> {
  const { ListServicesCommand } = await sdk();
  const command = new ListServicesCommand({ cluster, maxResults: 100 });
  return namesOf(ecs.client.send(command, abort(ecs)), ({ serviceArns }) =>
    serviceArns?.map(shortName),
  );
}

/**
 * What is known once UpdateService was sent. Only a whole refusal of AWS to every attempt, or later
 * reads, prove that a service did not move; everything else is `unknown`.
 */
export type MoveAnswer =
  /** `primary` is the deployment that moves the service. */
  | { readonly kind: 'moved'; readonly service: Service; readonly primary: Deployment }
  | { readonly kind: 'not-moved'; readonly error: unknown }
  | { readonly kind: 'unknown'; readonly error: EcsDeployError };

/** What UpdateService changes: nothing but the revision. */
export interface MoveRequest {
  /** ARN of the revision. */
  readonly taskDefinition: string;
  /** Starts a new deployment even of the revision that runs. */
  readonly force: boolean;
  /** Milliseconds between the reads that search for the effect of a lost answer; paces retries too. */
  readonly poll: number;
}

const UPDATE_ATTEMPTS = 5;
/** Reads after the last lost answer that must all show the old state to prove that nothing moved. */
const PROOF_READS = 4;

/** A call that moves a service, and how its effect is recognised. */
export interface MoveCall {
  /** E.g. `UpdateService`. */
  readonly name: string;
  /** Sends it; undefined for an answer that does not show the move. */
  readonly send: () => Promise<MoveAnswer | undefined>;
  /** The move in a service that is not as it was before; undefined where it is another one. */
  readonly recognise: (now: Service) => Promise<MoveAnswer | undefined>;
}

/** Moves a service to a revision with UpdateService; see {@link moveService}. */
export function updateService(
  ecs: Ecs,
  before: Service,
  request: MoveRequest,
): Promise<MoveAnswer> {
  return moveService(ecs, before, request, {
    name: 'UpdateService',
    send: async () => movedTo(before, await sendUpdate(ecs, before, request), request),
    recognise: async (now) => movedTo(before, now, request),
  });
}

/**
 * Moves a service. The calls have no client token: when an answer is lost, the service is read before
 * the call is repeated (docs/explanation/how-ecs-behaves.md#retries-and-timeouts). Never throws.
 */
export async function moveService(
  ecs: Ecs,
  before: Service,
  request: Pick<MoveRequest, 'force' | 'poll'>,
  call: MoveCall,
): Promise<MoveAnswer> {
  const { signal } = ecs.aws.options;
  const unknown = (cause: unknown) => unknownMove(before, call, cause);
  let lost: unknown;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const moved = await call.send();
      if (moved !== undefined) return moved;
      lost = brokenAnswer(`ecs:${call.name}`);
    } catch (error) {
      if (!isDefinite(error)) {
        lost = error;
      } else if (!isThrottling(error)) {
        if (lost === undefined) return notMoved(error);
        return (await readMove(ecs, before, request, call, PROOF_READS, lost)) ?? notMoved(error);
      } else if (attempt === UPDATE_ATTEMPTS && lost === undefined) {
        return notMoved(error);
      }
    }
    const isLast = attempt === UPDATE_ATTEMPTS;
    if (lost !== undefined) {
      // A forced deployment that cannot be ruled out must not be started twice.
      const reads = isLast || request.force ? PROOF_READS : 1;
      const known = await readMove(ecs, before, request, call, reads, lost);
      if (known?.kind === 'moved' || signal.aborted) return known ?? unknown(lost);
      if (known !== undefined && (isLast || request.force)) return known;
      if (isLast) return notMoved(lost);
    }
    await sleep((attempt * request.poll * Math.random()) / 6, undefined, { signal }).catch(
      () => undefined,
    );
    if (signal.aborted) {
      return lost === undefined ? notMoved(signal.reason) : unknown(lost);
    }
  }
}

const notMoved = (error: unknown): MoveAnswer => ({ kind: 'not-moved', error });

async function sendUpdate(
  ecs: Ecs,
  { cluster, name }: Service,
  { taskDefinition, force }: MoveRequest,
): Promise<Service> {
  const { UpdateServiceCommand } = await sdk();
  const input: UpdateServiceCommandInput = {
    cluster,
    service: name,
    taskDefinition,
    ...(force ? { forceNewDeployment: true } : {}),
  };
  // Not abortable: whoever interrupts must know whether the service was moved.
  const { service } = await ecs.once.send(new UpdateServiceCommand(input));
  return toService(ecs, whole(service, 'ecs:UpdateService', 'service'), 'ecs:UpdateService');
}

/** The move that a service shows; undefined where it is about anything else. */
export function movedTo(
  before: Service,
  service: Service,
  { taskDefinition, force }: Pick<MoveRequest, 'taskDefinition' | 'force'>,
): MoveAnswer | undefined {
  const primary = primaryOf(service);
  if (service.arn !== before.arn || service.cluster !== before.cluster) return undefined;
  if (service.taskDefinition !== taskDefinition) return undefined;
  if (primary?.taskDefinition !== taskDefinition) return undefined;
  const isNew = primary.id !== primaryOf(before)?.id;
  return isNew || !force ? { kind: 'moved', service, primary } : undefined;
}

/**
 * Reads the service after a lost answer: `moved`, `unknown` where a read failed, or undefined where
 * every read shows the old state.
 */
async function readMove(
  ecs: Ecs,
  before: Service,
  request: Pick<MoveRequest, 'poll'>,
  call: MoveCall,
  reads: number,
  lost: unknown,
): Promise<MoveAnswer | undefined> {
  const { signal } = ecs.aws.options;
  for (let read = 1; read <= reads; read += 1) {
    try {
      if (read > 1) await sleep(request.poll, undefined, { signal });
      const [now] = await describeServices(ecs, before.cluster, [before.name]);
      if (now === undefined) return unknownMove(before, call, lost);
      const isOld =
        primaryOf(now)?.id === primaryOf(before)?.id &&
        now.taskDefinition === before.taskDefinition;
      // Another deployment may have replaced the one that was asked for.
      if (!isOld) return (await call.recognise(now)) ?? unknownMove(before, call, lost);
    } catch {
      return unknownMove(before, call, lost);
    }
  }
  return undefined;
}

function unknownMove(service: Service, call: Pick<MoveCall, 'name'>, lost: unknown): MoveAnswer {
  return {
    kind: 'unknown',
    error: new EcsDeployError({
      code: 'sight-lost',
      message: `The answer to ${call.name} of ${service.name} was lost (${awsErrorText(lost)}): the service may have been changed.`,
      hint: `see what runs: ecsdeploy status ${flagsOf(service)}`,
      cause: lost,
    }),
  };
}
