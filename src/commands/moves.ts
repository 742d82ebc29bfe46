import type { RolloutRecord, Service } from '../core/ecs.ts';
import { overallOutcome } from '../core/result.ts';
import type { ServiceResult } from '../core/result.ts';
import { EcsDeployError, EXIT_STATUS } from '../errors.ts';
import { namesOf } from '../core/code-deploy.ts';
import { nameOf, nameSeenFrom } from '../core/service-name.ts';
import { rollbackWay, rolloutTime, trafficPhase } from '../core/stages.ts';
import { secondsSince } from '../events.ts';
import type { RollbackHow, ServicePlan } from '../events.ts';
import { shortName } from '../core/task-definition.ts';
import type { Plan } from '../plan/plan.ts';
import type { ServicePlan as Planned } from '../plan/plan-service.ts';
import type { Move } from '../rollout/move.ts';
import { named } from '../settings/config.ts';
import type { Config, Target } from '../settings/config.ts';
import type { Tools } from './connect.ts';
import type { CommandResult } from './context.ts';

/** The moves of a plan, for services whose revision exists. */
export function movesOf({ services }: Plan): (Move & Pick<Planned, 'target'>)[] {
  return services.flatMap(({ revision, ...item }) =>
    revision === undefined
      ? []
      : [{ ...item, revision, registered: false, order: item.target.order }],
  );
}

/** Where each service of a plan is, and where it would move to. */
export function stepsOf({ services }: Plan) {
  return services.map(({ revision, previous, running, ...item }) => ({
    ...item,
    from: running.arn,
    // A stopped deployment belongs to the running revision; ECS goes back to the other one.
    to: (item.way === 'stop' ? previous : revision) ?? running.arn,
  }));
}

/** Tells the plan of a command that moves services to revisions that exist, or back to one. */
export function tellSteps(
  { emit }: Pick<Tools, 'emit'>,
  planned: Plan,
  isDryRun: boolean,
  { isOrdered = false, isBack = false },
): void {
  emit({
    kind: 'plan',
    isDryRun,
    image: undefined,
    builds: false,
    services: stepsOf(planned).map(
      ({ target, service, way, record, from, to, changes, schedules }) => ({
        ...nameOf(service),
        from: shortName(from),
        to: shortName(to),
        isExpress: service.isExpress,
        changes,
        after: isOrdered ? namesBefore(planned, target) : [],
        ...(way === 'move' && waitsOf(service)),
        how: isBack ? howOf(way, record) : undefined,
        schedules,
      }),
    ),
  });
}

/** How a rollback goes back. */
function howOf(way: Move['way'], record: RolloutRecord | undefined): RollbackHow | undefined {
  if (way !== 'stop' && way !== 'move') return undefined;
  return {
    by: way === 'move' ? 'deployment' : rollbackWay(record).by,
    stage: record?.stage,
    phase: record && trafficPhase(record),
  };
}

/** Names of the services that each service of a plan comes after. */
export function namesBefore({ services }: Plan, here: Target): readonly string[] {
  return services.flatMap(({ target }) =>
    here.order?.after.includes(target.order?.id ?? '') === true
      ? [nameSeenFrom(named(here), named(target))]
      : [],
  );
}

/** Tells which services `after` does not wait for, and refuses what knows no verdict to wait for. */
export function checkOrder(
  { emit }: Pick<Tools, 'emit'>,
  { targets, noWait }: Pick<Config, 'targets' | 'noWait'>,
): void {
  for (const target of targets) {
    const { service, order } = target;
    if (noWait && order !== undefined && order.after.length > 0) {
      throw new EcsDeployError({
        code: 'usage',
        message: `${service} starts after another service ("after"), but --no-wait waits for no service.`,
        hint: 'leave out --no-wait, or deploy the services one by one with --service NAME',
      });
    }
    if (order !== undefined && order.outside.length > 0) {
      emit({ kind: 'after-ignored', ...named(target), after: order.outside });
    }
  }
}

/** What makes the rollout of a service wait, for its plan. */
export function waitsOf({
  settings,
  codeDeploy,
}: Service): Pick<ServicePlan, 'time' | 'pauses' | 'codeDeploy'> {
  return {
    time: rolloutTime(settings),
    pauses: settings.pauses,
    ...(codeDeploy && { codeDeploy: namesOf(codeDeploy) }),
  };
}

/** The result of a command that ends with a rollout. */
export function rolloutResult(
  { noWait }: Pick<Config, 'noWait'>,
  services: readonly ServiceResult[],
  start: number,
): CommandResult {
  const outcome = overallOutcome(services.map((service) => service.outcome));
  // With --no-wait the user asked for no verdict, so an unknown outcome is not a failure, unless
  // nobody knows whether the deployment was started.
  const isStarted = services.every(
    (item) => item.outcome !== 'unknown' || item.deployment !== null,
  );
  const status = noWait && outcome === 'unknown' && isStarted ? EXIT_STATUS.succeeded : undefined;
  return { outcome, status, image: null, services, seconds: { rollout: secondsSince(start) } };
}
