import { currentServiceDeployment, primaryOf } from './lookups.ts';
import { hostPortOf, instanceOf } from './instances.ts';
import { presentStep } from './lifecycle.ts';
import { addressOf, zoneOf } from './views.ts';
import type { Service, Simulation, Task } from './state.ts';
import { timesOf } from './target-group.ts';
import type { TargetFailure, TargetGroup } from './target-group.ts';

// The targets of a service's tasks: their states follow from the settings of the target group.

/** A target of a task, with its health as ELB describes it. */
export interface Target {
  /** An address, or the id of an instance. */
  readonly id: string;
  readonly port: number;
  readonly zone: string;
  readonly state: 'initial' | 'healthy' | 'unhealthy' | 'unused' | 'draining';
  readonly reason?: string;
  readonly description?: string;
}

/** Seconds for which a target is `initial` because its registration is in progress. */
const REGISTRATION_SECONDS = 2;

/** The targets that a service has in a target group now. */
export function targetsIn(
  simulation: Simulation,
  service: Service,
  group: TargetGroup,
): readonly Target[] {
  const now = simulation.now();
  return service.tasks
    .filter(
      ({ deployment, startedAt }) =>
        deployment.targetGroup === group.arn && startedAt !== undefined,
    )
    .flatMap((task) => {
      const health = healthOf(task, group, now);
      if (health === undefined) return [];
      const instance = group.targetType === 'instance' ? instanceOf(task) : undefined;
      const port = task.deployment.settings.loadBalancers[0]?.containerPort ?? group.port;
      return {
        id: instance?.ec2InstanceId ?? addressOf(task),
        port: hostPortOf(task, port),
        zone: zoneOf(service, task),
        ...health,
      };
    });
}

type Health = Pick<Target, 'state' | 'reason' | 'description'>;

/** The health of a task's target; undefined once it is gone. */
function healthOf(task: Task, group: TargetGroup, now: number): Health | undefined {
  const { stoppingAt, startedAt = now, target } = task;
  if (stoppingAt !== undefined) {
    return now < stoppingAt + group.deregistrationDelay && task.lastStatus === 'DEACTIVATING'
      ? { state: 'draining', ...DRAINING }
      : undefined;
  }
  if (target.failure.reason === 'Target.NotInUse') return { state: 'unused', ...target.failure };
  const age = now - startedAt;
  const { healthy, unhealthy } = timesOf(group, target.readyAfter);
  if (age >= healthy) return { state: 'healthy' };
  if (age >= unhealthy) return { state: 'unhealthy', ...target.failure };
  return { state: 'initial', ...(age < REGISTRATION_SECONDS ? REGISTERING : CHECKING) };
}

const DRAINING: TargetFailure = {
  reason: 'Target.DeregistrationInProgress',
  description: 'Target deregistration is in progress',
};
const REGISTERING: TargetFailure = {
  reason: 'Elb.RegistrationInProgress',
  description: 'Target registration is in progress',
};
const CHECKING: TargetFailure = {
  reason: 'Elb.InitialHealthChecking',
  description: 'Initial health checks in progress',
};

/** The beginning of the ARNs of a listener's rules. */
function ruleOf(listener: string): string {
  return `${listener.replace(':listener/', ':listener-rule/')}/`;
}

/**
 * Percentage of the traffic that each target group of a service gets through a production or test
 * rule; empty for a rule of others.
 */
export function trafficThrough(
  services: readonly Service[],
  rule: string,
): ReadonlyMap<string, number> {
  for (const service of services) {
    const route = service.routes.find(({ listener }) => rule.startsWith(ruleOf(listener)));
    if (route !== undefined) return route.weights;
    const { advancedConfiguration } = service.settings.loadBalancers[0] ?? {};
    const isTest = advancedConfiguration?.testListenerRule === rule;
    if (!isTest && advancedConfiguration?.productionListenerRule !== rule) continue;
    const record = currentServiceDeployment(service);
    const old = record?.predecessor ?? service.lastCompleted ?? primaryOf(service);
    const step = record?.rollback === undefined ? record?.lifecycle : undefined;
    const { testWeight = 0, productionWeight = 0 } = (step && presentStep(step)) ?? {};
    const weight = isTest ? testWeight : productionWeight;
    return new Map([
      [old.targetGroup ?? '', 100 - weight],
      ...(record === undefined || old === record.target
        ? []
        : [[record.target.targetGroup ?? '', weight] as const]),
    ]);
  }
  return new Map();
}
