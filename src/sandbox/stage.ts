import type { Clock } from './clock.ts';
import type { Ecs } from './ecs/index.ts';
import type { Act, Cue, Scene, Trouble } from './scenarios.ts';
import type { Operation, Operations } from './wire.ts';
import {
  CLUSTER_NAME,
  FIRST_REVISION,
  FIRST_TAG,
  REGION,
  REPOSITORY_NAME,
  SERVICE_NAME,
} from './world.ts';

/** Plays the parts of a scene that happen while the sandbox runs. */
export interface Stage {
  /** Throws if the scene's trouble affects the action. */
  readonly gate: (action: string) => void;
  /** The ECS operations, with stale reads and the acts of others. */
  readonly operations: Operations;
  /** Performs the acts that precede the first call. */
  readonly open: () => Promise<void>;
}

interface StageParts {
  readonly clock: Clock;
  readonly ecs: Ecs;
  readonly ecr: Operations;
}

const SERVICE = { cluster: CLUSTER_NAME, service: SERVICE_NAME };
const PROTECTION_MINUTES = 10;

/** Calls an ECS operation in process; the result is the wire's JSON. */
type Call = (name: string, input: Record<string, unknown>) => Promise<any>; // oxlint-disable-line typescript/no-explicit-any

/** Creates the stage for a scene, whose times count from the first update of the service. */
export function createStage(scene: Scene, { clock, ecs, ecr }: StageParts): Stage {
  const { staleSeconds = 0, trouble = [], acts = [] } = scene;
  const left = new Map(trouble.map((item) => [item, item.times ?? Infinity]));
  const before = new Map<string, unknown>();
  let movedAt: number | undefined;
  const done = new Set<Cue>();
  const call: Call = async (name, input) => ecs.operations[name]?.(input, { region: REGION });
  const performOnce = async (cue: 0 | 'read' | 'register') => {
    if (done.has(cue)) return;
    done.add(cue);
    for (const { at, act } of acts) if (at === cue) await perform(call, ecr, ecs, act);
  };
  const isOn = ({ after, seconds = Infinity }: Trouble) => {
    if (after === undefined) return true;
    if (movedAt === undefined) return false;
    const age = clock.now() - movedAt;
    return age >= after && age < after + seconds;
  };
  const stale =
    (name: string): Operation =>
    async (input, context) => {
      await performOnce('read');
      const isStale = movedAt !== undefined && clock.now() < movedAt + staleSeconds;
      const old = isStale ? before.get(name) : undefined;
      return old ?? ecs.operations[name]?.(input, context);
    };
  const update =
    (name: string): Operation =>
    async (input, context) => {
      if (movedAt === undefined && staleSeconds > 0) {
        before.set(
          'DescribeServices',
          await call('DescribeServices', { ...SERVICE, services: [SERVICE_NAME] }),
        );
        before.set('ListServiceDeployments', await call('ListServiceDeployments', SERVICE));
      }
      const answer = await ecs.operations[name]?.(input, context);
      if (movedAt !== undefined) return answer;
      movedAt = clock.now();
      for (const { at, act } of acts) {
        if (typeof at === 'string' || at === 0) continue;
        // An act that is no longer possible has no effect.
        clock.after(at, () => void perform(call, ecr, ecs, act).catch(() => undefined));
      }
      return answer;
    };
  const register: Operation = async (input, context) => {
    const answer = await ecs.operations['RegisterTaskDefinition']?.(input, context);
    await performOnce('register');
    return answer;
  };
  return {
    gate: (action) => {
      const item = trouble.find(
        (candidate) =>
          candidate.actions.test(action) && isOn(candidate) && (left.get(candidate) ?? 0) > 0,
      );
      if (item === undefined) return;
      left.set(item, (left.get(item) ?? 0) - 1);
      throw typeof item.answer === 'function' ? item.answer(action) : item.answer;
    },
    operations: {
      ...ecs.operations,
      UpdateService: update('UpdateService'),
      UpdateExpressGatewayService: update('UpdateExpressGatewayService'),
      RegisterTaskDefinition: register,
      DescribeServices: stale('DescribeServices'),
      ListServiceDeployments: stale('ListServiceDeployments'),
    },
    open: () => performOnce(0),
  };
}

async function perform(call: Call, ecr: Operations, ecs: Ecs, act: Act): Promise<void> {
  if (typeof act === 'object') {
    await call('UpdateService', { ...SERVICE, ...act });
    return;
  }
  const tasks = async () => {
    const { taskArns } = await call('ListTasks', { ...SERVICE, serviceName: SERVICE_NAME });
    const { tasks: found } = await call('DescribeTasks', { ...SERVICE, tasks: taskArns });
    return found as readonly { taskArn: string; taskDefinitionArn: string }[];
  };
  switch (act) {
    case 'deploy-another': {
      const { taskDefinition } = await call('DescribeTaskDefinition', {
        taskDefinition: FIRST_REVISION,
      });
      const { taskDefinition: other } = await call('RegisterTaskDefinition', {
        ...taskDefinition,
        containerDefinitions: taskDefinition.containerDefinitions.map((container: object) => ({
          ...container,
          environment: [{ name: 'DEPLOYED_BY', value: 'someone else' }],
        })),
      });
      await call('UpdateService', { ...SERVICE, taskDefinition: other.taskDefinitionArn });
      return;
    }
    case 'deploy-the-old':
      await call('UpdateService', { ...SERVICE, taskDefinition: FIRST_REVISION });
      return;
    case 'deploy-the-same':
      await call('UpdateService', { ...SERVICE, forceNewDeployment: true });
      return;
    case 'stop-an-old-task': {
      const old = (await tasks()).find(({ taskDefinitionArn }) =>
        taskDefinitionArn.endsWith(`/${FIRST_REVISION}`),
      );
      await call('StopTask', { ...SERVICE, task: old?.taskArn });
      return;
    }
    case 'stop-the-deployment': {
      const { serviceDeployments } = await call('ListServiceDeployments', SERVICE);
      const { serviceDeploymentArn } = serviceDeployments[0];
      await call('StopServiceDeployment', { serviceDeploymentArn, stopType: 'ROLLBACK' });
      return;
    }
    case 'protect-old-tasks':
      await call('UpdateTaskProtection', {
        ...SERVICE,
        tasks: (await tasks()).map(({ taskArn }) => taskArn),
        protectionEnabled: true,
        expiresInMinutes: PROTECTION_MINUTES,
      });
      return;
    case 'delete-service':
      await call('DeleteService', { ...SERVICE, force: true });
      return;
    case 'delete-repository':
      await ecr['DeleteRepository']?.(
        { repositoryName: REPOSITORY_NAME, force: true },
        { region: REGION },
      );
      return;
    case 'archive-the-image':
      await ecr['UpdateImageStorageClass']?.(
        {
          repositoryName: REPOSITORY_NAME,
          imageId: { imageTag: FIRST_TAG },
          targetStorageClass: 'ARCHIVE',
        },
        { region: REGION },
      );
      return;
    case 'fail-a-check': {
      const [task] = await tasks();
      const id = task?.taskArn.split('/').at(-1) ?? '';
      ecs.announce(
        SERVICE,
        `(task ${id}) (port 8080) is unhealthy in (target-group arn:aws:elasticloadbalancing:${REGION}:111122223333:targetgroup/hyeon9mak-dev/0123456789abcdef) due to (reason Health checks failed with these codes: [503]).`,
      );
    }
  }
}
