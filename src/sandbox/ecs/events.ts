import { randomUUID } from 'node:crypto';
import type { Deployment, Service, Simulation } from './state.ts';

/** Adds an event to the service, whose list keeps the newest 100; `about` is named if it is a task set. */
export function announce(
  simulation: Simulation,
  service: Service,
  message: string,
  about?: Deployment,
): void {
  const taskSet = about?.taskSet === undefined ? '' : `, taskSet ecs-svc/${about.number}`;
  const event = {
    id: randomUUID(),
    createdAt: simulation.now(),
    message: `(service ${service.name}${taskSet}) ${message}`,
  };
  service.events = [event, ...service.events].slice(0, 100);
}

const SILENCE_SECONDS = 6 * 3600;

/** Adds an event that ECS repeats only after its cause was resolved or six hours have passed. */
export function announceOnce(
  simulation: Simulation,
  service: Service,
  message: string,
  about?: Deployment,
): void {
  const saidAt = service.said.get(message);
  if (saidAt !== undefined && simulation.now() - saidAt < SILENCE_SECONDS) return;
  service.said.set(message, simulation.now());
  announce(simulation, service, message, about);
}
