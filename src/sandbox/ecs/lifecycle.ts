import { failByHook, triggerAlarm } from './deployments.ts';
import { strikeAt } from './faults.ts';
import { startHooks } from './hooks.ts';
import type { Lifecycle, LifecycleStep, Service, ServiceDeployment, Simulation } from './state.ts';
import { currentServiceDeployment, isOpen, isReady } from './lookups.ts';
import { bakeSeconds } from './strategies.ts';

/** Moves the deployment in progress to its next step once the current step has ended. */
export function advanceLifecycle(simulation: Simulation, service: Service): void {
  const record = currentServiceDeployment(service);
  if (record?.status !== 'IN_PROGRESS' || record.lifecycle === undefined) return;
  const { lifecycle } = record;
  const next = lifecycle.steps[lifecycle.position + 1];
  if (next === undefined || !lifecycle.elapsed || record.hooks.some(isOpen)) return;
  if (presentStep(lifecycle)?.stage === 'SCALE_UP' && !isReady(service)) return;
  enterStep(simulation, service, record, lifecycle, next);
}

/** The current step of a deployment; undefined before the first one. */
export function presentStep({ steps, position }: Lifecycle): LifecycleStep | undefined {
  return steps[position];
}

function enterStep(
  simulation: Simulation,
  service: Service,
  record: ServiceDeployment,
  lifecycle: Lifecycle,
  { stage, seconds }: LifecycleStep,
): void {
  lifecycle.position += 1;
  lifecycle.elapsed = false;
  lifecycle.enteredAt = simulation.now();
  record.updatedAt = simulation.now();
  simulation.after(service, seconds, () => {
    lifecycle.elapsed = true;
  });
  if (stage === 'TEST_TRAFFIC_SHIFT') {
    const strike = strikeAt(simulation.faults, record.target.definition, 'traffic-shift');
    if (strike !== undefined) return failByHook(simulation, service, record, strike.reason);
  }
  startHooks(simulation, service, record, stage);
  if (stage === 'SCALE_UP') record.target.startAfter = simulation.now();
  if (stage === 'BAKE_TIME') watchAlarms(simulation, service, record, seconds);
  if (stage === 'CLEAN_UP') record.target.sparesOld = false;
}

/** Whether the bake time of a rolling deployment is over; the first call starts the bake time. */
export function hasBaked(
  simulation: Simulation,
  service: Service,
  record: ServiceDeployment,
): boolean {
  const seconds = bakeSeconds(record.configuration);
  if (seconds === 0) return true;
  if (record.bake === undefined) {
    record.bake = 'under way';
    simulation.after(service, seconds, () => {
      record.bake = 'over';
    });
    watchAlarms(simulation, service, record, seconds);
  }
  return record.bake === 'over';
}

/** Schedules an armed alarm in the bake time (`bake` seconds) that begins now. */
function watchAlarms(
  simulation: Simulation,
  service: Service,
  record: ServiceDeployment,
  bake: number,
): void {
  if (record.configuration.alarms?.enable !== true) return;
  const strike = strikeAt(simulation.faults, record.target.definition, 'alarm');
  if (strike === undefined) return;
  simulation.after(service, Math.min(strike.seconds, bake / 2), () => {
    if (record.status === 'IN_PROGRESS') triggerAlarm(simulation, service, record);
  });
}
