import { isFargateProvider, launchTypeOf } from './capacity.ts';
import { breakerThreshold, revisionCounts } from './deployments.ts';
import { overrideOf } from './containers.ts';
import { bindingsOf, instanceOf, instancesIn } from './instances.ts';
import type { ContainerInstance } from './instances.ts';
import type {
  Cluster,
  Container,
  Deployment,
  HealthStatus,
  HookRun,
  Lifecycle,
  LifecycleStage,
  Service,
  ServiceDeployment,
  ServiceRevision,
  ServiceSettings,
  Simulation,
  Task,
} from './state.ts';
import { countsOf, desiredCountOf, ecsArn, primaryOf, revisionArn } from './lookups.ts';
import { hasTaskSets, isCodeDeployService } from './task-sets.ts';

// API responses, created from the state. Undefined members are not sent.

/** A cluster as DescribeClusters returns it, with the parts that are asked for. */
export function clusterView(cluster: Cluster, includes: (part: string) => boolean): unknown {
  const { arn, name, services, runs, settings } = cluster;
  const active = [...services.values()].filter(({ status }) => status === 'ACTIVE');
  const counts = [...active, ...runs].map(totalCounts);
  return {
    clusterArn: arn,
    clusterName: name,
    status: cluster.status,
    registeredContainerInstancesCount: instancesIn(cluster).length,
    runningTasksCount: sum(counts.map(({ running }) => running)),
    pendingTasksCount: sum(counts.map(({ pending }) => pending)),
    activeServicesCount: active.length,
    statistics: [],
    tags: includes('TAGS') ? cluster.tags : [],
    settings: includes('SETTINGS') ? settings.settings : [],
    configuration: includes('CONFIGURATIONS') ? settings.configuration : undefined,
    capacityProviders: settings.capacityProviders,
    defaultCapacityProviderStrategy: settings.defaultCapacityProviderStrategy,
    serviceConnectDefaults: settings.serviceConnectDefaults,
  };
}

/** A service as DescribeServices and UpdateService return it. */
export function serviceView(simulation: Simulation, service: Service, withTags: boolean): unknown {
  const { settings } = service;
  const { running, pending } = totalCounts(service);
  const now = simulation.now();
  const current = service.serviceDeployments.find(({ visibleAt }) => visibleAt <= now);
  return {
    placementConstraints: [],
    placementStrategy: [],
    serviceRegistries: [],
    schedulingStrategy: 'REPLICA',
    deploymentController: { type: 'ECS' },
    enableECSManagedTags: false,
    propagateTags: 'NONE',
    enableExecuteCommand: false,
    availabilityZoneRebalancing: 'DISABLED',
    resourceManagementType: 'CUSTOMER',
    ...settings,
    serviceConnectConfiguration: undefined,
    volumeConfigurations: undefined,
    vpcLatticeConfigurations: undefined,
    ...platformOf(settings),
    serviceArn: service.arn,
    serviceName: service.name,
    clusterArn: service.cluster.arn,
    status: service.status,
    runningCount: running,
    pendingCount: pending,
    taskDefinition: primaryOf(service).definition.arn || undefined,
    ...(hasTaskSets(service)
      ? { deployments: [], taskSets: taskSetViews(simulation, service) }
      : {
          deployments: (service.status === 'INACTIVE' ? [] : service.deployments).map(
            (deployment) => deploymentView(simulation, service, deployment),
          ),
        }),
    role: undefined,
    roleArn: roleArnOf(simulation, settings['role']),
    events: service.events,
    createdAt: service.createdAt,
    createdBy: `arn:aws:iam::${simulation.account}:user/sandbox`,
    currentServiceDeployment: current?.arn,
    currentServiceRevisions: hasTaskSets(service)
      ? undefined
      : service.deployments.map((deployment) => revisionCounts(simulation, service, deployment)),
    tags: withTags ? service.tags : undefined,
  };
}

/** The ARN of the role that a service was created with, a name or an ARN; by default that of ECS. */
function roleArnOf({ account }: Simulation, role: unknown): string {
  const name =
    typeof role === 'string' ? role : 'aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS';
  return name.startsWith('arn:') ? name : `arn:aws:iam::${account}:role/${name}`;
}

function deploymentView(
  { completesEarly }: Simulation,
  service: Service,
  deployment: Deployment,
): unknown {
  const { running, pending } = countsOf(service, deployment);
  const { settings } = deployment;
  return {
    id: `ecs-svc/${deployment.number}`,
    status: deployment === primaryOf(service) ? 'PRIMARY' : 'ACTIVE',
    taskDefinition: deployment.definition.arn,
    desiredCount: desiredCountOf(service, deployment),
    pendingCount: pending,
    runningCount: running,
    failedTasks: deployment.failedTasks,
    createdAt: deployment.createdAt,
    updatedAt: deployment.updatedAt,
    ...computeOf(settings),
    networkConfiguration: settings.networkConfiguration,
    serviceConnectConfiguration: settings.serviceConnectConfiguration,
    volumeConfigurations: settings.volumeConfigurations,
    vpcLatticeConfigurations: settings['vpcLatticeConfigurations'],
    rolloutState:
      completesEarly && isBaking(service, deployment) ? 'COMPLETED' : deployment.rolloutState,
    rolloutStateReason: deployment.rolloutStateReason,
  };
}

/** The task sets of a service as DescribeServices and DescribeTaskSets return them. */
export function taskSetViews(simulation: Simulation, service: Service): readonly TaskSetView[] {
  return service.deployments.flatMap((deployment) => {
    const { taskSet, settings, number } = deployment;
    if (taskSet === undefined) return [];
    const { externalId, scale, tags, ...status } = taskSet;
    const { running, pending } = countsOf(service, deployment);
    const id = `ecs-svc/${number}`;
    return {
      id,
      taskSetArn: ecsArn(simulation, `task-set/${service.cluster.name}/${service.name}/${id}`),
      serviceArn: service.arn,
      clusterArn: service.cluster.arn,
      ...(externalId !== undefined && isCodeDeployService(service) && { startedBy: 'CODE_DEPLOY' }),
      externalId,
      ...status,
      taskDefinition: deployment.definition.arn,
      computedDesiredCount: deployment.desiredCount,
      pendingCount: pending,
      runningCount: running,
      createdAt: deployment.createdAt,
      updatedAt: deployment.updatedAt,
      ...computeOf(settings),
      networkConfiguration: settings.networkConfiguration,
      loadBalancers: settings.loadBalancers,
      serviceRegistries: settings.serviceRegistries ?? [],
      scale: { value: taskSet.status === 'DRAINING' ? 0 : scale, unit: 'PERCENT' },
      tags,
    };
  });
}

interface TaskSetView {
  readonly id: string;
  readonly taskSetArn: string;
}

function isBaking({ serviceDeployments }: Service, deployment: Deployment): boolean {
  const lifecycle = serviceDeployments.find(({ target }) => target === deployment)?.lifecycle;
  const stage = lifecycle?.steps[lifecycle.position]?.stage;
  return stage === 'BAKE_TIME' || stage === 'CLEAN_UP';
}

/** A task as RunTask, DescribeTasks and StopTask return it. */
export function taskView(service: Service, task: Task, withTags = true): unknown {
  const { definition } = task.deployment;
  const { group, startedBy, overrides } = task.oneOff ?? {
    group: `service:${service.name}`,
    startedBy: `ecs-svc/${task.deployment.number}`,
    overrides: {},
  };
  const { body } = definition;
  const checked = task.containers.filter((container) => container.definition.healthCheck);
  return {
    attachments: attachmentsOf(task),
    attributes: [{ name: 'ecs.cpu-architecture', value: architecture(body.runtimePlatform) }],
    availabilityZone: zoneOf(service, task),
    clusterArn: service.cluster.arn,
    connectivity: task.connectivityAt === undefined ? undefined : 'CONNECTED',
    connectivityAt: task.connectivityAt,
    containerInstanceArn: instanceOf(task)?.arn,
    containers: task.containers.map((container) => containerView(task, container)),
    cpu: overrides.cpu ?? body.cpu,
    memory: overrides.memory ?? body.memory,
    createdAt: task.createdAt,
    desiredStatus: task.desiredStatus,
    enableExecuteCommand: false,
    executionStoppedAt: task.executionStoppedAt,
    group,
    healthStatus: worstHealth(checked),
    lastStatus: task.lastStatus,
    ...placeOfTask(task),
    overrides: {
      inferenceAcceleratorOverrides: [],
      ...overrides,
      containerOverrides: body.containerDefinitions.map(
        ({ name }) => overrideOf(task, name) ?? { name },
      ),
    },
    pullStartedAt: task.pullStartedAt,
    pullStoppedAt: task.pullStoppedAt,
    startedAt: task.startedAt,
    startedBy,
    stopCode: task.stopCode,
    stoppedAt: task.stoppedAt,
    stoppedReason: task.stoppedReason,
    stoppingAt: task.stoppingAt,
    tags: withTags ? task.tags : [],
    taskArn: task.arn,
    taskDefinitionArn: definition.arn,
    version: task.version,
  };
}

/** Where a task runs, and the storage that it has there. */
function placeOfTask({ deployment, capacityProvider }: Task): Readonly<Record<string, unknown>> {
  const { settings, definition } = deployment;
  const launchType = launchTypeOf(settings, capacityProvider);
  const place = { launchType, capacityProviderName: capacityProvider };
  if (launchType !== 'FARGATE') return place;
  const storage = definition.body['ephemeralStorage'] ?? { sizeInGiB: 20 };
  return {
    ...place,
    ...platformOf(settings),
    ephemeralStorage: storage,
    fargateEphemeralStorage: storage,
  };
}

function containerView(task: Task, container: Container): unknown {
  const { definition } = container;
  return {
    containerArn: container.arn,
    taskArn: task.arn,
    name: definition.name,
    image: definition.image,
    imageDigest: container.imageDigest,
    runtimeId: container.lastStatus === 'PENDING' ? undefined : container.runtimeId,
    lastStatus: container.lastStatus,
    exitCode: container.exitCode,
    reason: container.reason,
    networkBindings: bindingsOf(task, container),
    networkInterfaces:
      task.connectivityAt === undefined || !hasInterface(task)
        ? []
        : [{ attachmentId: attachmentId(task), privateIpv4Address: addressOf(task) }],
    healthStatus: container.healthStatus,
    cpu: String(definition.cpu ?? 0),
    memory: definition.memory === undefined ? undefined : String(definition.memory),
    memoryReservation:
      definition.memoryReservation === undefined ? undefined : String(definition.memoryReservation),
  };
}

/** Whether a task has a network interface for itself. */
function hasInterface({ deployment }: Task): boolean {
  return deployment.definition.body.networkMode === 'awsvpc';
}

function attachmentsOf(task: Task): unknown {
  if (!hasInterface(task)) return [];
  const configuration = task.deployment.settings.networkConfiguration?.awsvpcConfiguration;
  const subnets = configuration?.['subnets'] as readonly string[] | undefined;
  const status = { PROVISIONING: 'PRECREATED', STOPPED: 'DELETED' }[task.lastStatus as string];
  const address = addressOf(task);
  const details = {
    subnetId: subnets?.[0] ?? 'subnet-0a',
    networkInterfaceId: `eni-${task.id.slice(0, 17)}`,
    macAddress: `0a:${(task.id.slice(0, 10).match(/../g) ?? []).join(':')}`,
    privateDnsName: `ip-${address.replaceAll('.', '-')}.${task.arn.split(':')[3]}.compute.internal`,
    privateIPv4Address: address,
  };
  return [
    {
      id: attachmentId(task),
      type: 'ElasticNetworkInterface',
      status: status ?? 'ATTACHED',
      details: Object.entries(details).map(([name, value]) => ({ name, value })),
    },
  ];
}

function attachmentId({ id }: Task): string {
  return `${id.slice(0, 8)}-${id.slice(8, 12)}-4000-8000-${id.slice(20)}`;
}

/** The Availability Zone of a task: one that the load balancer lacks, or one that it has. */
export function zoneOf({ arn }: Pick<Service, 'arn'>, { target }: Task): string {
  const isElsewhere = /Availability Zone/.test(target.failure.description);
  return `${arn.split(':')[3]}${isElsewhere ? 'c' : 'a'}`;
}

/** The private address of a task. */
export function addressOf({ id }: Task): string {
  const byte = (start: number): number => Number.parseInt(id.slice(start, start + 2), 16);
  return `10.0.${byte(0)}.${Math.max(4, byte(2))}`;
}

/** A container instance as DescribeContainerInstances returns it. */
export function instanceView({ arn, ec2InstanceId }: ContainerInstance): unknown {
  return {
    containerInstanceArn: arn,
    ec2InstanceId,
    status: 'ACTIVE',
    agentConnected: true,
    attachments: [],
    tags: [],
  };
}

function worstHealth(containers: readonly Container[]): HealthStatus {
  const found = containers.map(({ healthStatus }) => healthStatus);
  if (found.includes('UNHEALTHY')) return 'UNHEALTHY';
  return found.length === 0 || found.includes('UNKNOWN') ? 'UNKNOWN' : 'HEALTHY';
}

function architecture(platform: { readonly cpuArchitecture?: string } | undefined): string {
  return platform?.cpuArchitecture === 'ARM64' ? 'arm64' : 'x86_64';
}

/** Launch type or capacity providers, and the platform version for Fargate. */
function computeOf(settings: ServiceSettings): Readonly<Record<string, unknown>> {
  const { capacityProviderStrategy } = settings;
  return {
    ...(capacityProviderStrategy === undefined
      ? { launchType: settings.launchType ?? 'EC2' }
      : { capacityProviderStrategy }),
    ...platformOf(settings),
  };
}

function platformOf(settings: ServiceSettings): Readonly<Record<string, unknown>> {
  const { launchType, capacityProviderStrategy = [] } = settings;
  const isFargate = capacityProviderStrategy.some((item) =>
    isFargateProvider(item.capacityProvider),
  );
  if (launchType !== 'FARGATE' && !isFargate) return {};
  const version = settings['platformVersion'] ?? 'LATEST';
  return { platformVersion: version === 'LATEST' ? '1.4.0' : version, platformFamily: 'Linux' };
}

/** A service deployment as ListServiceDeployments returns it. */
export function serviceDeploymentBriefView(
  simulation: Simulation,
  service: Service,
  record: ServiceDeployment,
): Readonly<Record<string, unknown>> {
  return {
    serviceDeploymentArn: record.arn,
    serviceArn: service.arn,
    clusterArn: service.cluster.arn,
    createdAt: record.createdAt,
    startedAt: record.startedAt,
    finishedAt: record.finishedAt,
    targetServiceRevisionArn: revisionCounts(simulation, service, record.target).arn,
    status: record.status,
    statusReason: record.statusReason,
  };
}

/** A service deployment as DescribeServiceDeployments returns it. */
export function serviceDeploymentView(
  simulation: Simulation,
  service: Service,
  record: ServiceDeployment,
): unknown {
  const { targetServiceRevisionArn: _brief, ...brief } = serviceDeploymentBriefView(
    simulation,
    service,
    record,
  );
  const counts = record.final?.counts ?? revisionCounts(simulation, service, record.target);
  const [weights, oldWeights] = trafficWeights(simulation, record);
  const serving = revisionArn(simulation, service, record.predecessor?.number ?? '');
  const { configuration, lifecycle, hooks } = record;
  return {
    ...brief,
    stoppedAt: record.stoppedAt,
    updatedAt: record.updatedAt,
    sourceServiceRevisions: record.sources.map((source) => ({
      ...source,
      ...(source.arn === serving ? oldWeights : NO_TRAFFIC),
    })),
    targetServiceRevision: { ...counts, ...weights },
    lifecycleStage: lifecycle && reportedStage(lifecycle),
    lifecycleHookDetails: lifecycle && hooks.map(hookView),
    deploymentConfiguration: configuration,
    rollback: record.rollback && {
      reason: record.rollback.reason,
      startedAt: record.rollback.startedAt,
      serviceRevisionArn: record.rollback.revision,
    },
    deploymentCircuitBreaker: breakerView(service, record),
    alarms: alarmsView(record),
  };
}

const NO_TRAFFIC = { requestedTestTrafficWeight: 0, requestedProductionTrafficWeight: 0 };
const ALL_TRAFFIC = { ...NO_TRAFFIC, requestedProductionTrafficWeight: 100 };

/** PRE_PRODUCTION_TRAFFIC_SHIFT is a stage of hooks only: ECS reports the one before it. */
function reportedStage({ steps, position }: Lifecycle): LifecycleStage | undefined {
  const stage = steps[position]?.stage;
  return stage === 'PRE_PRODUCTION_TRAFFIC_SHIFT' ? steps[position - 1]?.stage : stage;
}

/** The traffic of the new revision and of the one before it. */
function trafficWeights(
  { weightLag, now }: Simulation,
  { lifecycle, rollback }: ServiceDeployment,
) {
  if (lifecycle === undefined) return [ALL_TRAFFIC, NO_TRAFFIC];
  // A test rule leads somewhere at any time: what the new revision does not get, the old one does.
  const ofTest = lifecycle.steps.some((step) => step.testWeight > 0) ? 100 : 0;
  if (rollback !== undefined) {
    return [NO_TRAFFIC, { ...ALL_TRAFFIC, requestedTestTrafficWeight: ofTest }];
  }
  const isLate = now() < lifecycle.enteredAt + weightLag;
  const step = lifecycle.steps[lifecycle.position - (isLate ? 1 : 0)];
  const { testWeight = 0, productionWeight = 0 } = step ?? {};
  return [
    { requestedTestTrafficWeight: testWeight, requestedProductionTrafficWeight: productionWeight },
    {
      requestedTestTrafficWeight: ofTest - testWeight,
      requestedProductionTrafficWeight: 100 - productionWeight,
    },
  ];
}

function hookView({ id, targetType, targetArn, status, expiresAt, timeoutAction }: HookRun) {
  return { hookId: id, targetType, targetArn, status, expiresAt, timeoutAction };
}

function alarmsView({ configuration, triggeredAlarmNames, finishedAt }: ServiceDeployment) {
  const { enable, alarmNames = [] } = configuration.alarms ?? {};
  const ended = finishedAt === undefined ? 'MONITORING' : 'MONITORING_COMPLETE';
  const status = triggeredAlarmNames.length > 0 ? 'TRIGGERED' : ended;
  return { status: enable ? status : 'DISABLED', alarmNames, triggeredAlarmNames };
}

function breakerView(service: Service, record: ServiceDeployment): unknown {
  if (!record.configuration.deploymentCircuitBreaker.enable) return { status: 'DISABLED' };
  const ended = record.finishedAt === undefined ? 'MONITORING' : 'MONITORING_COMPLETE';
  return {
    status: record.breakerTriggered ? 'TRIGGERED' : ended,
    failureCount: record.final?.failureCount ?? record.target.failedTasks,
    threshold: breakerThreshold(record.configuration, service.settings.desiredCount),
  };
}

/** A service revision as DescribeServiceRevisions returns it. */
export function serviceRevisionView(service: Service, revision: ServiceRevision): unknown {
  const { definition, settings, digests } = revision.deployment;
  return {
    serviceRevisionArn: revision.arn,
    serviceArn: service.arn,
    clusterArn: service.cluster.arn,
    taskDefinition: definition.arn,
    ...computeOf(settings),
    loadBalancers: settings.loadBalancers,
    resolvedConfiguration: resolvedConfiguration(revision.deployment),
    networkConfiguration: settings.networkConfiguration,
    containerImages: definition.body.containerDefinitions.map(({ name, image }) => ({
      containerName: name,
      image,
      imageDigest: digests?.get(name),
    })),
    guardDutyEnabled: false,
    createdAt: revision.createdAt,
  };
}

/** The target group that a revision uses now, and the rule that leads there. */
function resolvedConfiguration({ settings, targetGroup }: Deployment): unknown {
  const [balancer] = settings.loadBalancers;
  const productionListenerRule = balancer?.advancedConfiguration?.productionListenerRule;
  if (productionListenerRule === undefined) return undefined;
  return { loadBalancers: [{ targetGroupArn: targetGroup, productionListenerRule }] };
}

function totalCounts(service: Service): { readonly running: number; readonly pending: number } {
  const counts = service.deployments.map((deployment) => countsOf(service, deployment));
  return {
    running: sum(counts.map(({ running }) => running)),
    pending: sum(counts.map(({ pending }) => pending)),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
