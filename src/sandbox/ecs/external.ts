import { awsFault } from '../wire.ts';
import type { Operation } from '../wire.ts';
import { placeOf } from './capacity.ts';
import type { Tag } from './definition.ts';
import { findService, lastSegment } from './lookups.ts';
import { checkSettings, deployableDefinition } from './services.ts';
import type { Deployment, Service, ServiceSettings, Simulation, TaskSet } from './state.ts';
import { createTaskSet, makePrimaryTaskSet, removeTaskSet, scaleTaskSets } from './task-sets.ts';
import { taskSetViews } from './views.ts';

// What a deployment controller of one's own does with the task sets of a service.

type Input = Parameters<Operation>[0];

/** A task set of a service, as its operations need it. */
interface Target {
  readonly service: Service;
  readonly deployment: Deployment & { taskSet: TaskSet };
}

/** The operations that change task sets, by name. */
export const TASK_SET_OPERATIONS = {
  CreateTaskSet: (simulation: Simulation, input: Input) => {
    const service = externalService(simulation, input);
    const definition = deployableDefinition(simulation, input['taskDefinition']);
    const { cluster: _cluster, service: _service, clientToken: _token, ...members } = input;
    const { externalId, scale, tags, taskDefinition: _definition, ...rest } = members;
    const settings: ServiceSettings = {
      ...service.settings,
      loadBalancers: [],
      ...rest,
      ...placeOf(service.cluster, rest),
    };
    checkSettings(settings, definition);
    const created = createTaskSet(simulation, service, definition, settings, {
      externalId,
      scale: scale?.value ?? 100,
      tags: (tags ?? []) as readonly Tag[],
    });
    scaleTaskSets(service);
    return answer(simulation, { service, deployment: created });
  },

  UpdateTaskSet: (simulation: Simulation, input: Input) => {
    const target = findTaskSet(simulation, input, input['taskSet']);
    target.deployment.taskSet.scale = input['scale'].value ?? 100;
    target.deployment.updatedAt = simulation.now();
    scaleTaskSets(target.service);
    simulation.touch(target.service);
    return answer(simulation, target);
  },

  UpdateServicePrimaryTaskSet: (simulation: Simulation, input: Input) => {
    const target = findTaskSet(simulation, input, input['primaryTaskSet']);
    makePrimaryTaskSet(simulation, target.service, target.deployment);
    scaleTaskSets(target.service);
    simulation.touch(target.service);
    return answer(simulation, target);
  },

  DeleteTaskSet: (simulation: Simulation, input: Input) => {
    const target = findTaskSet(simulation, input, input['taskSet']);
    if (target.deployment.desiredCount > 0 && input['force'] !== true) {
      throw invalid('The task set cannot be deleted while it is scaled above 0.');
    }
    removeTaskSet(simulation, target.deployment);
    simulation.touch(target.service);
    return answer(simulation, target);
  },
};

const invalid = (message: string): Error => awsFault('InvalidParameterException', message);

function externalService(simulation: Simulation, input: Input): Service {
  const service = findService(simulation, input);
  if (service.status !== 'ACTIVE') {
    throw awsFault('ServiceNotActiveException', 'Service was not ACTIVE.');
  }
  if (service.settings.deploymentController?.type === 'EXTERNAL') return service;
  throw invalid(
    'Task sets can be changed only for services with an EXTERNAL deployment controller.',
  );
}

function findTaskSet(simulation: Simulation, input: Input, identifier: unknown): Target {
  const service = externalService(simulation, input);
  const number = lastSegment(identifier);
  const deployment = service.deployments.find(
    (item): item is Target['deployment'] => item.taskSet !== undefined && item.number === number,
  );
  if (deployment !== undefined) return { service, deployment };
  throw awsFault('TaskSetNotFoundException', 'The specified task set was not found.');
}

function answer(simulation: Simulation, { service, deployment }: Target): unknown {
  const id = `ecs-svc/${deployment.number}`;
  return { taskSet: taskSetViews(simulation, service).find((view) => view.id === id) };
}
