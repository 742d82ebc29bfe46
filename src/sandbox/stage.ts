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
  /** The operations of CodeDeploy, with the same. */
  readonly codeDeploy: Operations;
  /** Performs the acts that precede the first call. */
  readonly open: () => Promise<void>;
}

interface StageParts {
  readonly clock: Clock;
  readonly ecs: Ecs;
  readonly ecr: Operations;
  readonly codeDeploy: Operations;
}

const SERVICE = { cluster: CLUSTER_NAME, service: SERVICE_NAME };
const PROTECTION_MINUTES = 10;
const LONG_PROTECTION_MINUTES = 2880;
/** More than the scheduler needs to count a running task as healthy. */
const SETTLING_SECONDS = 60;
/** ECS starts no deployment beside as many (docs/explanation/how-ecs-behaves.md#request-limits). */
const MOST_DEPLOYMENTS = 5;

/** Calls an ECS operation in process; the result is the wire's JSON. */
type Call = (name: string, input: Record<string, unknown>) => Promise<any>; // oxlint-disable-line typescript/no-explicit-any

/** Creates the stage for a scene, whose times count from the first update of the service. */
export function createStage(scene: Scene, parts: StageParts): Stage {
  const { clock, ecs, codeDeploy } = parts;
  const { staleSeconds = 0, trouble = [], acts = [] } = scene;
  const left = new Map(trouble.map((item) => [item, item.times ?? Infinity]));
  const before = new Map<string, unknown>();
  let movedAt: number | undefined;
  const done = new Set<Cue>();
  let begunAt: number | undefined;
  const call: Call = async (name, input) => ecs.operations[name]?.(input, { region: REGION });
  const performOnce = async (cue: 0 | 'read' | 'register') => {
    if (done.has(cue)) return;
    done.add(cue);
    for (const { at, act } of acts) if (at === cue) await perform(call, parts, act);
  };
  const isOn = ({ after, seconds = Infinity }: Trouble) => {
    if (after === undefined) return true;
    if (begunAt === undefined) return false;
    const age = clock.now() - begunAt;
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
  const begin =
    (name: string): Operation =>
    async (input, context) => {
      const answer = await ecs.operations[name]?.(input, context);
      begunAt ??= clock.now();
      return answer;
    };
  const scheduleActs = () => {
    if (movedAt !== undefined) return;
    movedAt = clock.now();
    for (const { at, act } of acts) {
      if (typeof at === 'string' || at === 0) continue;
      // An act that is no longer possible has no effect.
      clock.after(at, () => void perform(call, parts, act).catch(() => undefined));
    }
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
      const answer = await begin(name)(input, context);
      scheduleActs();
      return answer;
    };
  const deploy: Operation = async (input, context) => {
    const answer = await codeDeploy['CreateDeployment']?.(input, context);
    begunAt ??= clock.now();
    scheduleActs();
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
      RunTask: begin('RunTask'),
      UpdateService: update('UpdateService'),
      UpdateExpressGatewayService: update('UpdateExpressGatewayService'),
      RegisterTaskDefinition: register,
      DescribeServices: stale('DescribeServices'),
      ListServiceDeployments: stale('ListServiceDeployments'),
    },
    codeDeploy: { ...codeDeploy, CreateDeployment: deploy },
    open: () => performOnce(0),
  };
}

async function perform(call: Call, parts: StageParts, act: Act): Promise<void> {
  const { clock, ecr, ecs, codeDeploy } = parts;
  if (typeof act === 'object') {
    await call('UpdateService', { ...SERVICE, ...act });
    return;
  }
  const tasks = async () => {
    const { taskArns } = await call('ListTasks', { ...SERVICE, serviceName: SERVICE_NAME });
    const { tasks: found } = await call('DescribeTasks', { ...SERVICE, tasks: taskArns });
    return found as readonly { taskArn: string; taskDefinitionArn: string }[];
  };
  const pause = (seconds: number) =>
    new Promise<void>((resolve) => {
      clock.after(seconds, resolve);
    });
  const running = async () => {
    const { services } = await call('DescribeServices', { ...SERVICE, services: [SERVICE_NAME] });
    return services[0].runningCount as number;
  };
  const protect = async (expiresInMinutes: number) =>
    call('UpdateTaskProtection', {
      ...SERVICE,
      tasks: (await tasks()).map(({ taskArn }) => taskArn),
      protectionEnabled: true,
      expiresInMinutes,
    });
  const codeDeployed: Call = async (name, input) => codeDeploy[name]?.(input, { region: REGION });
  const deploymentOfCodeDeploy = async () => {
    const { deployments } = await codeDeployed('ListDeployments', {
      includeOnlyStatuses: ['Created', 'Queued', 'InProgress', 'Ready'],
    });
    return deployments[0];
  };
  const move = async (taskDefinition: string) => {
    const { services } = await call('DescribeServices', { ...SERVICE, services: [SERVICE_NAME] });
    if (services[0].deploymentController.type !== 'CODE_DEPLOY') {
      await call('UpdateService', { ...SERVICE, taskDefinition });
      return;
    }
    // The group takes one deployment at a time, and one that is being stopped is still one.
    while ((await deploymentOfCodeDeploy()) !== undefined) await pause(1);
    const { deployments } = await codeDeployed('ListDeployments', {});
    const { deploymentInfo } = await codeDeployed('GetDeployment', {
      deploymentId: deployments[0],
    });
    const { applicationName, deploymentGroupName } = deploymentInfo;
    const { revision } = await codeDeployed('GetApplicationRevision', {
      applicationName,
      revision: deploymentInfo.revision,
    });
    await codeDeployed('CreateDeployment', {
      applicationName,
      deploymentGroupName,
      revision: {
        revisionType: 'AppSpecContent',
        appSpecContent: {
          content: String(revision.appSpecContent.content).replace(
            /arn:aws:ecs:[^"\s]+/,
            taskDefinition,
          ),
        },
      },
    });
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
      await move(other.taskDefinitionArn);
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
    case 'stop-code-deploy':
    case 'stop-code-deploy-and-roll-back':
      await codeDeployed('StopDeployment', {
        deploymentId: await deploymentOfCodeDeploy(),
        autoRollbackEnabled: act === 'stop-code-deploy-and-roll-back',
      });
      return;
    case 'approve-the-deployment':
    case 'refuse-the-deployment': {
      const { services } = await call('DescribeServices', { ...SERVICE, services: [SERVICE_NAME] });
      const serviceDeploymentArn = services[0].currentServiceDeployment;
      const { serviceDeployments } = await call('DescribeServiceDeployments', {
        serviceDeploymentArns: [serviceDeploymentArn],
      });
      const { hookId } = serviceDeployments[0].lifecycleHookDetails.at(-1);
      const action = act === 'approve-the-deployment' ? 'CONTINUE' : 'ROLLBACK';
      await call('ContinueServiceDeployment', { serviceDeploymentArn, hookId, action });
      return;
    }
    case 'protect-old-tasks':
      await protect(PROTECTION_MINUTES);
      return;
    case 'pile-up-deployments':
      await protect(LONG_PROTECTION_MINUTES);
      for (let count = 2; count <= MOST_DEPLOYMENTS; count += 1) {
        await call('UpdateService', { ...SERVICE, forceNewDeployment: true });
        // A deployment that is superseded stays only if it has a healthy task.
        while ((await running()) < count) await pause(1);
        await pause(SETTLING_SECONDS);
        await protect(LONG_PROTECTION_MINUTES);
      }
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
