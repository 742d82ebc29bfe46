import { awsFault } from '../wire.ts';
import type { Tag, TaskDefinition } from './definition.ts';
import { nextProvider, placeOf, strategyProblem } from './capacity.ts';
import { strikeOneOff } from './faults.ts';
import { findCluster, primaryOf } from './lookups.ts';
import { newService } from './services.ts';
import type {
  OneOff,
  Service,
  ServiceSettings,
  Simulation,
  StrategyItem,
  TaskOverrides,
} from './state.ts';
import { findTaskDefinition, isFargateSize } from './task-definitions.ts';
import { startTask } from './tasks.ts';

/** What RunTask reads of its input. */
interface Input {
  readonly cluster?: string;
  readonly taskDefinition?: string;
  readonly count?: number;
  readonly launchType?: string;
  readonly capacityProviderStrategy?: readonly StrategyItem[];
  readonly networkConfiguration?: ServiceSettings['networkConfiguration'];
  readonly platformVersion?: string;
  readonly placementStrategy?: readonly unknown[];
  readonly propagateTags?: string;
  readonly overrides?: TaskOverrides;
  readonly group?: string;
  readonly startedBy?: string;
  readonly clientToken?: string;
  readonly tags?: readonly Tag[];
  readonly enableECSManagedTags?: boolean;
  readonly volumeConfigurations?: readonly { readonly name: string }[];
}

/** The answer of RunTask: started tasks, each in a keeper of its own, and why others were not started. */
export interface Started {
  readonly services: readonly Service[];
  readonly failures: readonly { readonly arn?: string; readonly reason: string }[];
}

const invalid = (message: string): Error => awsFault('InvalidParameterException', message);

/** Starts one-off tasks; a client token that was used answers with its tasks again. */
export function runTask(simulation: Simulation, raw: Readonly<Record<string, unknown>>): Started {
  const { clientToken, ...rest } = raw as Input;
  const input: Input = rest;
  const request = JSON.stringify(input);
  const known = clientToken === undefined ? undefined : simulation.tokens.get(clientToken);
  if (known?.request === request) return { services: known.tasks, failures: [] };
  if (known !== undefined) {
    const resourceIds = known.tasks.flatMap(({ tasks }) => tasks.map(({ arn }) => arn));
    const message = 'The client token was already used with other parameters.';
    throw awsFault('ConflictException', message, 400, { resourceIds });
  }
  const definition = check(simulation, input);
  const failures = refusals(simulation);
  if (failures !== undefined) return { services: [], failures };
  const services: Service[] = [];
  for (let left = input.count ?? 1; left > 0; left -= 1) {
    services.push(startOne(simulation, definition, input, services));
  }
  if (clientToken !== undefined) {
    simulation.tokens.set(clientToken, { request, tasks: services });
    const [oldest = ''] = simulation.tokens.keys();
    if (simulation.tokens.size > RUNS_KEPT) simulation.tokens.delete(oldest);
  }
  return { services, failures: [] };
}

/** Failures that scenarios ask for; undefined where tasks are started. */
function refusals({ faults, account, region }: Simulation): Started['failures'] | undefined {
  const placement = strikeOneOff(faults, 'placement');
  if (placement?.exception !== undefined) throw awsFault(placement.exception, placement.reason);
  const reasons = placement ? [placement.reason] : strikeOneOff(faults, 'acceptance')?.reasons;
  return reasons?.map((reason, index) => ({
    // A reason in capitals is about one container instance.
    ...(/^[A-Z]+(?::|$)/.test(reason) && {
      arn: `arn:aws:ecs:${region}:${account}:container-instance/backend/${index}`,
    }),
    reason,
  }));
}

function startOne(
  simulation: Simulation,
  definition: TaskDefinition,
  input: Input,
  others: readonly Service[],
): Service {
  const cluster = findCluster(simulation, input.cluster);
  const { networkConfiguration, platformVersion } = input;
  const settings: ServiceSettings = {
    desiredCount: 0,
    deploymentConfiguration: {
      deploymentCircuitBreaker: { enable: false, rollback: false },
      maximumPercent: 200,
      minimumHealthyPercent: 100,
    },
    loadBalancers: [],
    ...placeOf(cluster, input),
    ...(networkConfiguration && { networkConfiguration }),
    ...(platformVersion && { platformVersion }),
  };
  const keeper = newService(simulation, { name: '', cluster, settings, definition });
  const late = strikeOneOff(simulation.faults, 'visibility')?.seconds ?? 0;
  const oneOff: OneOff = {
    group: input.group ?? `family:${definition.family}`,
    startedBy: input.startedBy,
    overrides: input.overrides ?? {},
    visibleAt: simulation.now() + late,
  };
  cluster.runs = [...withoutOld(cluster.runs), keeper];
  const task = startTask(simulation, keeper, primaryOf(keeper), oneOff);
  task.capacityProvider = nextProvider(settings.capacityProviderStrategy, () =>
    others.flatMap(({ tasks }) => tasks.map(({ capacityProvider }) => capacityProvider)),
  );
  task.tags = [
    ...(input.propagateTags === 'TASK_DEFINITION' ? definition.tags : []),
    ...(input.tags ?? []),
    ...(input.enableECSManagedTags ? [{ key: 'aws:ecs:clusterName', value: cluster.name }] : []),
  ];
  return keeper;
}

/** Number of one-off tasks and client tokens that stay visible at any age. */
const RUNS_KEPT = 500;

/** The one-off tasks without the oldest of those that have ended. */
function withoutOld(runs: readonly Service[]): readonly Service[] {
  const excess = runs.length - RUNS_KEPT;
  if (excess < 0) return runs;
  return runs.filter(
    ({ tasks }, index) =>
      index > excess || tasks.some(({ lastStatus }) => lastStatus !== 'STOPPED'),
  );
}

const LONGEST_OVERRIDES = 8192;

/** The revision to run; throws what RunTask refuses. */
function check(simulation: Simulation, input: Input): TaskDefinition {
  const { launchType, capacityProviderStrategy, overrides = {}, startedBy, count = 1 } = input;
  const cluster = findCluster(simulation, input.cluster);
  const definition = findTaskDefinition(simulation, input.taskDefinition);
  if (definition === undefined) throw awsFault('ClientException', 'TaskDefinition not found.');
  if (definition.status !== 'ACTIVE') throw invalid('TaskDefinition is inactive');
  if (!Number.isInteger(count) || count < 1 || count > 10) {
    throw invalid('Count should be between 1 and 10.');
  }
  if (launchType && capacityProviderStrategy) {
    throw invalid(
      'Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.',
    );
  }
  const badStrategy = strategyProblem(cluster, capacityProviderStrategy);
  if (badStrategy !== undefined) throw invalid(badStrategy);
  if (startedBy !== undefined && !/^[\w/-]{1,128}$/.test(startedBy)) {
    throw invalid('Invalid value for startedBy.');
  }
  if (input.propagateTags !== undefined && input.propagateTags !== 'TASK_DEFINITION') {
    throw invalid('Invalid value for propagateTags');
  }
  checkPlace(definition, input);
  checkOverrides(definition, overrides);
  return definition;
}

function checkPlace({ body }: TaskDefinition, input: Input): void {
  const { launchType, platformVersion, placementStrategy, networkConfiguration } = input;
  const network = networkConfiguration?.awsvpcConfiguration;
  if (body.networkMode === 'awsvpc' && !network) {
    throw invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  }
  if (body.networkMode !== 'awsvpc' && network) {
    throw invalid(
      'Network Configuration is not valid for the given networkMode of this task definition.',
    );
  }
  if (launchType && !body.compatibilities?.includes(launchType)) {
    throw invalid(`Task definition does not support launch_type ${launchType}.`);
  }
  if (launchType === 'EC2' && platformVersion !== undefined) {
    throw invalid('The platform version must be null when specifying an EC2 launch type.');
  }
  if (launchType === 'FARGATE' && placementStrategy?.length) {
    throw invalid('Placement strategies are not supported with FARGATE launch type.');
  }
  const configured = new Set(input.volumeConfigurations?.map(({ name }) => name));
  const open = (body.volumes ?? []).filter(({ configuredAtLaunch }) => configuredAtLaunch);
  for (const { name = '' } of open) {
    if (!configured.has(name)) throw invalid(`The volume ${name} requires a volumeConfiguration.`);
  }
}

function checkOverrides({ body }: TaskDefinition, overrides: TaskOverrides): void {
  if (JSON.stringify(overrides).length > LONGEST_OVERRIDES) {
    throw invalid(`Container Overrides length must be at most ${LONGEST_OVERRIDES}`);
  }
  for (const { name = '' } of overrides.containerOverrides ?? []) {
    if (body.containerDefinitions.some((container) => container.name === name)) continue;
    throw invalid(`Override for container named ${name} is not a container in the TaskDefinition.`);
  }
  const { cpu = body.cpu, memory = body.memory } = overrides;
  const isFargate = body.requiresCompatibilities?.includes('FARGATE') === true;
  if (isFargate && !isFargateSize(Number(cpu), Number(memory))) {
    throw invalid('No Fargate configuration exists for given values.');
  }
}
