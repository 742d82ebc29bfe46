import { HOOK_EVENTS } from './code-deploy/app-spec.ts';
import type { HookEvent } from './code-deploy/app-spec.ts';
import type { CodeDeployWorld } from './code-deploy/start-world.ts';
import type { CodeDeployScene } from './code-deploy/state.ts';
import { parseFault } from './ecs/faults.ts';
import type { Fault } from './ecs/faults.ts';
import type { TargetGroup } from './ecs/target-group.ts';
import { accessDenied, awsFault, CUT, HTML } from './wire.ts';
import type { AwsFault } from './wire.ts';
import {
  ACCOUNT,
  APPLICATION,
  GREEN_TARGET_GROUP,
  PRODUCTION_RULE,
  REGION,
  TARGET_GROUP,
  TEST_RULE,
} from './world.ts';
import type { ExpressWorld } from './world.ts';

/** Trouble with the API: the responses to some calls are replaced. */
export interface Trouble {
  /** Affected actions, e.g. `/^ecs:Describe/`. */
  readonly actions: RegExp;
  readonly answer: AwsFault | ((action: string) => AwsFault);
  /**
   * Begins this many seconds after the first RunTask, UpdateService or CreateDeployment; at the start of the sandbox if
   * undefined.
   */
  readonly after?: number;
  /** Duration in seconds; unlimited if undefined. */
  readonly seconds?: number;
  /** Number of affected calls; unlimited if undefined. */
  readonly times?: number;
}

/** An action of someone else, or of ECS itself. */
export type Act =
  /** Deploys a revision with another environment, the previous revision, or the same one again. */
  | 'deploy-another'
  | 'deploy-the-old'
  | 'deploy-the-same'
  | 'stop-an-old-task'
  | 'stop-the-deployment'
  | 'stop-code-deploy'
  | 'stop-code-deploy-and-roll-back'
  | 'approve-the-deployment'
  | 'refuse-the-deployment'
  /** Deploys until as many deployments as ECS allows have tasks that scale-in protection keeps. */
  | 'pile-up-deployments'
  | 'protect-old-tasks'
  | 'delete-service'
  | 'delete-repository'
  | 'archive-the-image'
  /** A target fails one health check and passes the next. */
  | 'fail-a-check'
  | { readonly desiredCount: number };

/** When an action happens. */
export type Cue = number | 'read' | 'register';

/** A situation to rehearse. */
export interface Scenario {
  readonly summary: string;
  /** The group in which it is listed. */
  readonly group:
    | 'success'
    | 'image'
    | 'start'
    | 'run'
    | 'health'
    | 'load balancer'
    | 'capacity'
    | 'strategy'
    | 'express'
    | 'codedeploy'
    | 'command'
    | 'schedules'
    | 'people'
    | 'API'
    | 'before';
  readonly faults?: readonly Fault[];
  /** Additional members of CreateService for the start world's service. */
  readonly service?: Readonly<Record<string, unknown>>;
  /** Whether the first deployment of the service has failed, so that there is no rollback candidate. */
  readonly hasFailed?: boolean;
  /** Revisions of its family besides the first one, a month apart; every third is from Terraform. */
  readonly oldRevisions?: number;
  /** Additional members of its task definition. */
  readonly definition?: Readonly<Record<string, unknown>>;
  /** Additional members of its application container. */
  readonly container?: Readonly<Record<string, unknown>>;
  readonly trouble?: readonly Trouble[];
  /**
   * Actions `at` seconds after the first UpdateService or CreateDeployment; with 0, when the sandbox starts; with `read`
   * before the first DescribeServices, and with `register` after the first RegisterTaskDefinition.
   */
  readonly acts?: readonly { readonly at: Cue; readonly act: Act }[];
  /** Seconds for which reads return the state from before UpdateService. */
  readonly staleSeconds?: number;
  /** The service is one of Express Mode, whose application container is Main. */
  readonly express?: ExpressWorld;
  /** CodeDeploy deploys the service; the names are those of the convention unless others are given. */
  readonly codeDeploy?: CodeDeployScene &
    Omit<CodeDeployWorld, 'cluster' | 'service' | 'listener' | 'testListener' | 'targetGroups'> & {
      readonly hasTestTraffic?: boolean;
    };
  /** Actions that are carried out, but whose connections close instead of responding. */
  readonly lostAnswers?: readonly string[];
  /** Members of the target groups. */
  readonly targetGroup?: Partial<TargetGroup>;
  /** The target group that somebody made the production rule forward to. */
  readonly productionGroup?: string;
  /** Seconds for which records show the traffic weights of the step before. */
  readonly weightLag?: number;
  /** Stages take no time beside their hooks and bake times. */
  readonly quickStages?: boolean;
  /** ECS shows a deployment as COMPLETED from its bake time on. */
  readonly completesEarly?: boolean;
  /** PutTargets calls whose entries fail because the rule is being changed. */
  readonly busyTargets?: number;
  /** Number of findings in the scan of every image, by severity. */
  readonly scanFindings?: Readonly<Record<string, number>>;
}

const TARGET = {
  targetGroupArn: TARGET_GROUP,
  containerName: APPLICATION,
  containerPort: 8080,
};
const BEHIND_LOAD_BALANCER = { loadBalancers: [TARGET] };
const HEALTH_CHECK = {
  healthCheck: { command: ['CMD-SHELL', 'curl -f http://localhost:8080/health'] },
};
/** The start-up time that the container itself names. */
const SLOW = {
  healthCheck: { command: ['CMD-SHELL', 'curl -f http://localhost:8080/health'], startPeriod: 60 },
};
const SHIFTED = {
  loadBalancers: [
    {
      ...TARGET,
      advancedConfiguration: {
        alternateTargetGroupArn: GREEN_TARGET_GROUP,
        productionListenerRule: PRODUCTION_RULE,
        testListenerRule: TEST_RULE,
        roleArn: `arn:aws:iam::${ACCOUNT}:role/ecsInfrastructureRole`,
      },
    },
  ],
};

const BREAKER = { deploymentCircuitBreaker: { enable: true, rollback: true } };

function configured(deploymentConfiguration: Readonly<Record<string, unknown>>) {
  return { deploymentConfiguration: { ...BREAKER, ...deploymentConfiguration } };
}

function breaker(enable: boolean, rollback: boolean) {
  return configured({ deploymentCircuitBreaker: { enable, rollback } });
}

function strategy(name: string, more: Readonly<Record<string, unknown>> = {}) {
  return { ...SHIFTED, ...configured({ strategy: name, ...more }) };
}

/** A service as Express Mode makes it, with short bake times. */
const EXPRESS_SERVICE = {
  resourceManagementType: 'ECS',
  loadBalancers: SHIFTED.loadBalancers.map((balancer) => ({ ...balancer, containerName: 'Main' })),
  ...configured({
    strategy: 'CANARY',
    canaryConfiguration: { canaryPercent: 5, canaryBakeTimeInMinutes: 1 },
    bakeTimeInMinutes: 1,
    alarms: { alarmNames: ['backend-express-4xx-5xx'], enable: true, rollback: true },
  }),
};

function expressMode(
  summary: string,
  kind: ExpressWorld['kind'],
  more: Partial<Scenario> & { readonly hasDrifted?: boolean } = {},
) {
  const { hasDrifted = false, ...members } = more;
  const express = { kind, hasDrifted };
  return { group: 'express', summary, service: EXPRESS_SERVICE, express, ...members } as const;
}

type CodeDeployPart = NonNullable<Scenario['codeDeploy']>;

/** A service that CodeDeploy deploys. */
function codeDeployed(
  summary: string,
  codeDeploy: CodeDeployPart = {},
  faults: readonly Fault['name'][] = [],
  more: Partial<Scenario> = {},
) {
  const service = { deploymentController: { type: 'CODE_DEPLOY' }, ...BEHIND_LOAD_BALANCER };
  return {
    summary,
    service,
    codeDeploy,
    faults: faults.map((name) => ({ name })),
    ...more,
    group: 'codedeploy',
  } as const;
}

/** The waits of a deployment group, in minutes. */
function blueGreen({
  readyMinutes,
  terminationMinutes = 5,
}: {
  readonly readyMinutes?: number;
  readonly terminationMinutes?: number;
}) {
  return {
    blueGreenDeploymentConfiguration: {
      deploymentReadyOption:
        readyMinutes === undefined
          ? { actionOnTimeout: 'CONTINUE_DEPLOYMENT', waitTimeInMinutes: 0 }
          : { actionOnTimeout: 'STOP_DEPLOYMENT', waitTimeInMinutes: readyMinutes },
      terminateBlueInstancesOnDeploymentSuccess: {
        action: 'TERMINATE',
        terminationWaitTimeInMinutes: terminationMinutes,
      },
    },
  };
}

/** What rolls a deployment back; nothing without events. */
function rollbackAt(...events: readonly string[]) {
  return { autoRollbackConfiguration: { enabled: events.length > 0, events } };
}

/** A Lambda function at each lifecycle event that can have one. */
const HOOKS = Object.fromEntries(
  HOOK_EVENTS.map((event) => [
    event,
    `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${event.toLowerCase()}`,
  ]),
);

function hookFails(event: HookEvent) {
  return codeDeployed(`the Lambda hook at ${event} fails`, {
    hasTestTraffic: true,
    hooks: HOOKS,
    hook: { event, outcome: 'fails' },
  });
}

/** An alarm while ten percent of the traffic has shifted. */
const ALARM = {
  alarmAfter: 60,
  settings: {
    deploymentConfigName: 'CodeDeployDefault.ECSCanary10Percent5Minutes',
    ...rollbackAt('DEPLOYMENT_FAILURE', 'DEPLOYMENT_STOP_ON_ALARM'),
    alarmConfiguration: { enabled: true, alarms: [{ name: 'backend-5xx' }] },
  },
};

const LAMBDA_HOOK = {
  targetType: 'AWS_LAMBDA',
  hookTargetArn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:smoke-test`,
  roleArn: `arn:aws:iam::${ACCOUNT}:role/hooks`,
  lifecycleStages: ['POST_TEST_TRAFFIC_SHIFT'],
};

function pause(timeoutConfiguration?: object, ...stages: readonly string[]) {
  return {
    targetType: 'PAUSE',
    lifecycleStages: stages.length > 0 ? stages : ['POST_TEST_TRAFFIC_SHIFT'],
    ...(timeoutConfiguration && { timeoutConfiguration }),
  };
}

/** Blue/green with these hooks. */
function hooked(...lifecycleHooks: readonly object[]) {
  return strategy('BLUE_GREEN', { lifecycleHooks });
}

const WATCH_READS = /^ecs:(DescribeServices|DescribeServiceDeployments|ListServiceDeployments)$/;
const EXPIRED = awsFault(
  'ExpiredTokenException',
  'The security token included in the request is expired',
);
const BUSY_FAMILY =
  'Too many concurrent attempts to create a new revision of the specified family.';

/** Denies an action, e.g. `ecs:ListTasks`, or all actions that match. */
export function denied(actions: string | RegExp): Trouble {
  return {
    actions: typeof actions === 'string' ? new RegExp(`^${actions}$`) : actions,
    answer: (action) => accessDenied(action, ACCOUNT),
  };
}

const DEFINITIONS = {
  success: { group: 'success', summary: 'the deployment succeeds (the default)' },
  'load-balancer': {
    group: 'success',
    summary: 'the service is behind a load balancer',
    service: BEHIND_LOAD_BALANCER,
  },
  'slow-drain': {
    group: 'success',
    summary: 'old targets drain for five minutes',
    service: BEHIND_LOAD_BALANCER,
    targetGroup: { deregistrationDelay: 300 },
  },
  'desired-zero': {
    group: 'success',
    summary: 'the desired count is 0',
    service: { desiredCount: 0 },
  },
  autoscaling: {
    group: 'success',
    summary: 'autoscaling sets the desired count to four during the rollout, then to three',
    acts: [
      { at: 10, act: { desiredCount: 4 } },
      { at: 60, act: { desiredCount: 3 } },
    ],
  },
  'image-gone': {
    group: 'image',
    summary: 'the image is deleted before the tasks pull it',
    faults: [{ name: 'image-gone' }],
  },
  'wrong-platform': {
    group: 'image',
    summary: "the image is a multi-platform image without the tasks' platform",
    faults: [{ name: 'wrong-platform' }],
  },
  'wrong-architecture': {
    group: 'image',
    summary: 'the image is a single-platform image for another CPU',
    faults: [{ name: 'wrong-architecture' }],
  },
  'pull-denied': {
    group: 'image',
    summary: 'the execution role is not allowed to pull the image',
    faults: [{ name: 'pull-denied' }],
  },
  'cross-account': {
    group: 'image',
    summary: 'the image is in another account whose repository denies access',
    faults: [{ name: 'cross-account' }],
  },
  'rate-limited': {
    group: 'image',
    summary: "the registry's pull rate limit is reached",
    faults: [{ name: 'rate-limited' }],
  },
  'disk-full': {
    group: 'image',
    summary: "the image does not fit on the task's disk",
    faults: [{ name: 'disk-full' }],
  },
  'no-network': {
    group: 'image',
    summary: 'the task has no route to Amazon ECR',
    faults: [{ name: 'no-network' }],
  },
  stall: {
    group: 'image',
    summary: 'the image is deleted, and ECS gives up after two attempts without an outcome',
    faults: [{ name: 'image-gone' }, { name: 'stall' }],
  },
  'secret-denied': {
    group: 'start',
    summary: 'the execution role is not allowed to read a secret',
    faults: [{ name: 'secret-denied' }],
  },
  'secret-missing': {
    group: 'start',
    summary: 'a secret does not exist',
    faults: [{ name: 'secret-missing' }],
  },
  'secret-key-missing': {
    group: 'start',
    summary: 'a secret does not have the requested JSON key',
    faults: [{ name: 'secret-key-missing' }],
  },
  'log-group-missing': {
    group: 'start',
    summary: "the container's log group does not exist",
    faults: [{ name: 'log-group-missing' }],
  },
  'role-not-assumable': {
    group: 'start',
    summary: 'ECS cannot assume the execution role',
    faults: [{ name: 'role-not-assumable' }],
  },
  volume: {
    group: 'start',
    summary: 'an EFS volume cannot be mounted',
    faults: [{ name: 'volume' }],
  },
  'command-not-found': {
    group: 'start',
    summary: 'the entry point is not in the image',
    faults: [{ name: 'command-not-found' }],
  },
  crash: {
    group: 'run',
    summary: 'the application exits with code 1 at startup (another code: crash=CODE)',
    faults: [{ name: 'crash' }],
  },
  'crash-no-rollback': {
    group: 'run',
    summary: 'the application crashes, and the circuit breaker does not roll back',
    faults: [{ name: 'crash' }],
    service: breaker(true, false),
  },
  'crash-loop': {
    group: 'run',
    summary: 'the application crashes without a circuit breaker: ECS retries forever',
    faults: [{ name: 'crash' }],
    service: breaker(false, false),
  },
  'never-starts': {
    group: 'run',
    summary: 'no task ever starts, and there is no circuit breaker',
    faults: [{ name: 'secret-denied' }],
    service: breaker(false, false),
  },
  'no-rollback-candidate': {
    group: 'run',
    summary: 'the application crashes, and there is no earlier successful deployment',
    faults: [{ name: 'crash' }],
    hasFailed: true,
  },
  'exit-127': {
    group: 'run',
    summary: 'the start script calls a program that is not in the image',
    faults: [{ name: 'exit-127' }],
  },
  'out-of-memory': {
    group: 'run',
    summary: 'the application is killed because it exceeds its memory',
    faults: [{ name: 'out-of-memory' }],
  },
  'spot-interruption': {
    group: 'run',
    summary: 'Fargate Spot interrupts the first new task; the next one keeps running',
    faults: [{ name: 'spot-interruption' }],
  },
  unhealthy: {
    group: 'health',
    summary: 'the container health check never succeeds',
    container: HEALTH_CHECK,
    faults: [{ name: 'unhealthy' }],
  },
  'load-balancer-unhealthy': {
    group: 'health',
    summary: "the load balancer's health check receives status 502",
    service: BEHIND_LOAD_BALANCER,
    faults: [{ name: 'load-balancer-unhealthy' }],
  },
  'unhealthy-once': {
    group: 'health',
    summary: 'a target fails one health check of the load balancer, then recovers',
    service: BEHIND_LOAD_BALANCER,
    acts: [{ at: 30, act: 'fail-a-check' }],
  },
  'target-401': {
    group: 'load balancer',
    summary: 'the health check path asks for a login (status 401)',
    service: BEHIND_LOAD_BALANCER,
    faults: [{ name: 'target-401' }],
  },
  'target-404': {
    group: 'load balancer',
    summary: 'the application has no health check path (status 404)',
    service: BEHIND_LOAD_BALANCER,
    faults: [{ name: 'target-404' }],
  },
  'target-302': {
    group: 'load balancer',
    summary: 'the application redirects the health check (status 302)',
    service: BEHIND_LOAD_BALANCER,
    faults: [{ name: 'target-302' }],
  },
  'target-timeout': {
    group: 'load balancer',
    summary: 'health checks time out: a security group, or an application on 127.0.0.1',
    service: BEHIND_LOAD_BALANCER,
    faults: [{ name: 'target-timeout' }],
  },
  'target-refused': {
    group: 'load balancer',
    summary: 'nothing listens on the port that the health check connects to (TCP)',
    service: BEHIND_LOAD_BALANCER,
    targetGroup: { protocol: 'TCP', path: undefined, matcher: undefined },
    faults: [{ name: 'target-refused' }],
  },
  'grace-period-loop': {
    group: 'load balancer',
    summary: 'the application needs 45 s to start, but ECS replaces it after 20 s',
    service: BEHIND_LOAD_BALANCER,
    container: SLOW,
    faults: [{ name: 'slow-start' }],
  },
  'grace-period': {
    group: 'load balancer',
    summary: 'the application needs 45 s to start, and the grace period allows it',
    service: { ...BEHIND_LOAD_BALANCER, healthCheckGracePeriodSeconds: 90 },
    faults: [{ name: 'slow-start' }],
  },
  'default-target-group': {
    group: 'load balancer',
    summary: 'the target group has the AWS defaults: checks every 30 s, drains for 5 min',
    service: BEHIND_LOAD_BALANCER,
    targetGroup: { interval: 30, healthyThreshold: 5, deregistrationDelay: 300 },
  },
  'slow-health-checks': {
    group: 'load balancer',
    summary: 'the load balancer checks its targets every two minutes only',
    service: BEHIND_LOAD_BALANCER,
    targetGroup: { interval: 120 },
  },
  'zone-not-enabled': {
    group: 'load balancer',
    summary: 'new tasks are in an Availability Zone that the load balancer does not have',
    service: BEHIND_LOAD_BALANCER,
    faults: [{ name: 'zone-not-enabled' }],
  },
  'instance-targets': {
    group: 'load balancer',
    summary: 'tasks on EC2 with dynamic host ports, which the load balancer cannot reach',
    service: {
      ...BEHIND_LOAD_BALANCER,
      launchType: 'EC2',
      networkConfiguration: undefined,
      healthCheckGracePeriodSeconds: 3600,
    },
    definition: { networkMode: 'bridge', requiresCompatibilities: ['EC2'] },
    targetGroup: { targetType: 'instance' },
    faults: [{ name: 'target-timeout' }],
  },
  'no-listener-rule': {
    group: 'load balancer',
    summary: 'no listener rule leads to the target group any more',
    service: BEHIND_LOAD_BALANCER,
    targetGroup: { isAttached: false },
    faults: [{ name: 'no-listener-rule' }],
  },
  'listener-rule-changed': {
    group: 'load balancer',
    summary: 'blue/green; someone made the production rule forward to the other target group',
    service: strategy('BLUE_GREEN'),
    productionGroup: GREEN_TARGET_GROUP,
  },
  'blue-green-404': {
    group: 'load balancer',
    summary: 'blue/green; the green tasks have no health check path, the blue ones serve on',
    service: strategy('BLUE_GREEN'),
    faults: [{ name: 'target-404' }],
  },
  'load-balancer-denied': {
    group: 'load balancer',
    summary: 'the health check fails, and the load balancer cannot be read',
    service: BEHIND_LOAD_BALANCER,
    faults: [{ name: 'target-404' }],
    trouble: [denied(/^elasticloadbalancing:/)],
  },
  'no-capacity': {
    group: 'capacity',
    summary: 'Fargate has no capacity for the task',
    faults: [{ name: 'no-capacity' }],
  },
  'no-instances': {
    group: 'capacity',
    summary: 'no container instance has room for the task',
    faults: [{ name: 'no-instances' }],
    service: breaker(false, false),
  },
  'vcpu-limit': {
    group: 'capacity',
    summary: "the account's vCPU limit is reached",
    faults: [{ name: 'vcpu-limit' }],
  },
  deadlock: {
    group: 'capacity',
    summary: 'minimum and maximum healthy percent leave no room to replace a task',
    service: configured({ minimumHealthyPercent: 100, maximumPercent: 140 }),
  },
  'protected-tasks': {
    group: 'capacity',
    summary: 'scale-in protection keeps the old tasks running for ten minutes',
    acts: [{ at: 0, act: 'protect-old-tasks' }],
  },
  bake: {
    group: 'strategy',
    summary: 'a bake time of five minutes',
    service: configured({ bakeTimeInMinutes: 5 }),
  },
  alarm: {
    group: 'strategy',
    summary: 'an alarm fires during the bake time, and ECS rolls back',
    service: configured({
      alarms: { alarmNames: ['backend-5xx'], enable: true, rollback: true },
    }),
    faults: [{ name: 'alarm' }],
  },
  'early-success': {
    group: 'strategy',
    summary: 'the deployment succeeds with half of the tasks; the others start later',
    service: configured({
      earlySuccessCriteria: {
        enable: true,
        healthyPercent: 50,
        sourceServiceRevisionCleanup: 'DEFERRED',
      },
    }),
  },
  'blue-green': {
    group: 'strategy',
    summary: 'blue/green with a bake time of one minute',
    service: strategy('BLUE_GREEN', { bakeTimeInMinutes: 1 }),
  },
  'blue-green-baking': {
    group: 'strategy',
    summary: 'blue/green with a bake time in which ECS shows the deployment as COMPLETED',
    service: strategy('BLUE_GREEN', { bakeTimeInMinutes: 1 }),
    quickStages: true,
    completesEarly: true,
  },
  'blue-green-crash': {
    group: 'strategy',
    summary: 'blue/green; the green tasks crash, and the blue tasks keep serving',
    service: strategy('BLUE_GREEN'),
    faults: [{ name: 'crash' }],
  },
  linear: {
    group: 'strategy',
    summary: 'traffic shifts in two steps, a minute apart',
    service: strategy('LINEAR', {
      linearConfiguration: { stepPercent: 50, stepBakeTimeInMinutes: 1 },
    }),
  },
  canary: {
    group: 'strategy',
    summary: 'ten percent of the traffic shifts first, the rest a minute later',
    service: strategy('CANARY', {
      canaryConfiguration: { canaryPercent: 10, canaryBakeTimeInMinutes: 1 },
    }),
  },
  'blue-green-alarm': {
    group: 'strategy',
    summary: 'blue/green; an alarm fires in the bake time, and the traffic returns',
    service: strategy('BLUE_GREEN', {
      bakeTimeInMinutes: 5,
      alarms: { alarmNames: ['backend-5xx'], enable: true, rollback: true },
    }),
    faults: [{ name: 'alarm' }],
  },
  'weights-lag': {
    group: 'strategy',
    summary: 'traffic shifts in two steps, and ECS shows each of them late',
    service: strategy('LINEAR', {
      linearConfiguration: { stepPercent: 50, stepBakeTimeInMinutes: 1 },
      bakeTimeInMinutes: 1,
    }),
    weightLag: 9,
  },
  'quick-stages': {
    group: 'strategy',
    summary: 'blue/green whose stages are too short to be seen',
    service: strategy('BLUE_GREEN', { bakeTimeInMinutes: 1 }),
    quickStages: true,
  },
  'vpc-lattice': {
    group: 'strategy',
    summary: 'blue/green without a load balancer, behind VPC Lattice',
    service: {
      ...configured({ strategy: 'BLUE_GREEN', bakeTimeInMinutes: 1 }),
      vpcLatticeConfigurations: [
        {
          roleArn: `arn:aws:iam::${ACCOUNT}:role/ecsInfrastructureRole`,
          targetGroupArn: `arn:aws:vpc-lattice:${REGION}:${ACCOUNT}:targetgroup/tg-0123456789abcdef0`,
          portName: 'http',
          advancedConfiguration: {
            alternateTargetGroupArn: `arn:aws:vpc-lattice:${REGION}:${ACCOUNT}:targetgroup/tg-0123456789abcdef1`,
            productionListenerRule: `arn:aws:vpc-lattice:${REGION}:${ACCOUNT}:service/svc-0/listener/listener-0/rule/rule-0`,
          },
        },
      ],
    },
    container: { portMappings: [{ name: 'http', containerPort: 8080 }] },
  },
  'invalid-network': {
    group: 'strategy',
    summary: 'a target group is not in the listener rules, and ECS rolls back',
    service: strategy('BLUE_GREEN'),
    faults: [{ name: 'invalid-network' }],
  },
  paused: {
    group: 'strategy',
    summary: 'a pause hook waits for approval: ecsdeploy continue',
    service: hooked(pause()),
  },
  'paused-early': {
    group: 'strategy',
    summary: 'a pause hook waits before the first new task is started',
    service: hooked(pause(undefined, 'PRE_SCALE_UP')),
  },
  'paused-before-production': {
    group: 'strategy',
    summary: 'a pause hook waits before the production traffic shifts',
    service: hooked(pause(undefined, 'PRE_PRODUCTION_TRAFFIC_SHIFT')),
  },
  'paused-after-production': {
    group: 'strategy',
    summary: 'a pause hook waits after the production traffic has shifted',
    service: hooked(pause(undefined, 'POST_PRODUCTION_TRAFFIC_SHIFT')),
  },
  'paused-twice': {
    group: 'strategy',
    summary: 'a pause hook waits at two stages, one after the other',
    service: hooked(pause(undefined, 'POST_SCALE_UP', 'POST_TEST_TRAFFIC_SHIFT')),
  },
  'two-pauses': {
    group: 'strategy',
    summary: 'two pause hooks wait at the same stage',
    service: hooked(pause(), pause()),
  },
  'pause-beside-lambda': {
    group: 'strategy',
    summary: 'a pause hook and a Lambda hook at the same stage: both must let it continue',
    service: hooked(pause(), LAMBDA_HOOK),
  },
  'pause-timeout': {
    group: 'strategy',
    summary: 'no one approves within a minute, and ECS rolls back',
    service: hooked(pause({ timeoutInMinutes: 1, action: 'ROLLBACK' })),
  },
  'pause-continues': {
    group: 'strategy',
    summary: 'no one approves within a minute, and ECS continues',
    service: hooked(pause({ timeoutInMinutes: 1, action: 'CONTINUE' })),
  },
  'pause-approved': {
    group: 'strategy',
    summary: 'someone else approves the deployment',
    service: hooked(pause()),
    acts: [{ at: 150, act: 'approve-the-deployment' }],
  },
  'pause-refused': {
    group: 'strategy',
    summary: 'someone else refuses the deployment',
    service: hooked(pause()),
    acts: [{ at: 150, act: 'refuse-the-deployment' }],
  },
  'hook-failed': {
    group: 'strategy',
    summary: 'a Lambda hook fails the deployment',
    service: hooked(LAMBDA_HOOK),
    faults: [{ name: 'hook-failed' }],
  },
  express: expressMode('an Express service, whose task definition Express Mode makes', 'managed'),
  'express-provided': expressMode(
    'an Express service with a task definition of your own, which has a sidecar',
    'provided',
  ),
  'express-alarm': expressMode('the alarm of Express Mode fires: 4xx and 5xx', 'managed', {
    faults: [{ name: 'alarm' }],
  }),
  'express-crash': expressMode('the application of an Express service crashes', 'provided', {
    faults: [{ name: 'crash' }],
  }),
  'express-drift': expressMode('someone changed an Express service with UpdateService', 'managed', {
    hasDrifted: true,
  }),
  'express-unreadable': expressMode(
    'the caller is not allowed to read the configuration of Express Mode',
    'managed',
    { trouble: [denied('ecs:DescribeExpressGatewayService')] },
  ),
  'express-denied': expressMode(
    'the caller is not allowed to update an Express service',
    'managed',
    { trouble: [denied('ecs:UpdateExpressGatewayService')] },
  ),
  'express-reset': expressMode('the connection of the update breaks', 'managed', {
    trouble: [{ actions: /^ecs:UpdateExpressGatewayService$/, answer: CUT, times: 1 }],
  }),
  'hook-role': {
    group: 'strategy',
    summary: 'ECS cannot assume the role of a Lambda hook',
    service: hooked(LAMBDA_HOOK),
    faults: [{ name: 'hook-role' }],
  },
  'hook-unreachable': {
    group: 'strategy',
    summary: 'ECS cannot call a Lambda hook',
    service: hooked(LAMBDA_HOOK),
    faults: [{ name: 'hook-unreachable' }],
  },
  'hook-unparsable': {
    group: 'strategy',
    summary: 'a Lambda hook gives no valid answer',
    service: hooked(LAMBDA_HOOK),
    faults: [{ name: 'hook-unparsable' }],
  },
  codedeploy: codeDeployed('the deployment succeeds, and the old tasks stay five minutes'),
  'codedeploy-canary': codeDeployed(
    'ten percent of the traffic shifts first, the rest five minutes later',
    { settings: { deploymentConfigName: 'CodeDeployDefault.ECSCanary10Percent5Minutes' } },
  ),
  'codedeploy-linear': codeDeployed('ten percent of the traffic shifts every minute', {
    settings: { deploymentConfigName: 'CodeDeployDefault.ECSLinear10PercentEvery1Minutes' },
  }),
  'codedeploy-hooks': codeDeployed('test traffic, and a Lambda hook at each lifecycle event', {
    hasTestTraffic: true,
    hooks: HOOKS,
  }),
  'codedeploy-ready': codeDeployed(
    'the deployment waits before production traffic shifts: ecsdeploy continue',
    { settings: blueGreen({ readyMinutes: 60 }) },
  ),
  'codedeploy-ready-timeout': codeDeployed('no one continues within a minute, and it is stopped', {
    settings: blueGreen({ readyMinutes: 1 }),
  }),
  'codedeploy-hour': codeDeployed('the old tasks stay an hour', {
    settings: blueGreen({ terminationMinutes: 60 }),
  }),
  'codedeploy-image-gone': codeDeployed('the image is deleted: Install waits an hour', {}, [
    'image-gone',
  ]),
  'codedeploy-wrong-cpu': codeDeployed('the image is for another CPU: Install waits an hour', {}, [
    'wrong-architecture',
  ]),
  'codedeploy-crash': codeDeployed('the application crashes: Install waits an hour', {}, ['crash']),
  'codedeploy-unhealthy': codeDeployed(
    'the load balancer finds the new tasks unhealthy: Install waits an hour',
    {},
    ['load-balancer-unhealthy'],
  ),
  'codedeploy-no-rollback': codeDeployed(
    'the application crashes, and nothing is rolled back',
    { settings: rollbackAt() },
    ['crash'],
  ),
  'codedeploy-before-install': hookFails('BeforeInstall'),
  'codedeploy-after-install': hookFails('AfterInstall'),
  'codedeploy-after-test': hookFails('AfterAllowTestTraffic'),
  'codedeploy-before-traffic': hookFails('BeforeAllowTraffic'),
  'codedeploy-after-traffic': hookFails('AfterAllowTraffic'),
  'codedeploy-hook-hangs': codeDeployed('a Lambda hook gives no answer within an hour', {
    hooks: HOOKS,
    hook: { event: 'AfterInstall', outcome: 'hangs' },
  }),
  'codedeploy-hook-missing': codeDeployed('the function of a Lambda hook does not exist', {
    hooks: HOOKS,
    hook: { event: 'BeforeAllowTraffic', outcome: 'missing' },
  }),
  'codedeploy-alarm': codeDeployed('an alarm stops the deployment, and it is rolled back', ALARM),
  'codedeploy-alarm-no-rollback': codeDeployed('an alarm stops the deployment, and that is all', {
    ...ALARM,
    settings: { ...ALARM.settings, ...rollbackAt() },
  }),
  'codedeploy-late-alarm': codeDeployed('an alarm stops it while the old tasks stay', {
    ...ALARM,
    settings: { ...ALARM.settings, deploymentConfigName: 'CodeDeployDefault.ECSAllAtOnce' },
  }),
  'codedeploy-rollback-fails': codeDeployed('an alarm stops it, and the rollback fails', {
    ...ALARM,
    rollbackFails: true,
  }),
  'codedeploy-rollback-late': codeDeployed('the rollback is named a minute later', {
    ...ALARM,
    rollbackLag: 60,
  }),
  'codedeploy-stopped': codeDeployed('someone stops the deployment without a rollback', {}, [], {
    acts: [{ at: 30, act: 'stop-code-deploy' }],
  }),
  'codedeploy-stopped-rollback': codeDeployed('someone stops it and rolls it back', {}, [], {
    acts: [{ at: 30, act: 'stop-code-deploy-and-roll-back' }],
  }),
  'codedeploy-superseded': codeDeployed('someone stops it and deploys another revision', {}, [], {
    acts: [
      { at: 20, act: 'stop-code-deploy' },
      { at: 25, act: 'deploy-another' },
    ],
  }),
  'codedeploy-busy': codeDeployed("someone else's deployment is in progress", {}, [], {
    acts: [{ at: 'read', act: 'deploy-another' }],
  }),
  'codedeploy-busy-ready': codeDeployed(
    "someone else's deployment waits before production traffic shifts",
    { settings: blueGreen({ readyMinutes: 60 }) },
    [],
    { acts: [{ at: 'read', act: 'deploy-another' }] },
  ),
  'codedeploy-other-names': codeDeployed(
    'application and group have other names than the console gives them',
    { application: 'shop', group: 'production' },
  ),
  'codedeploy-search': codeDeployed('they can only be found among 120 applications', {
    application: 'shop',
    group: 'production',
    isNew: true,
    others: 120,
  }),
  'codedeploy-group-missing': codeDeployed('no deployment group has the service', {
    isNew: true,
    lacksGroup: true,
    others: 3,
  }),
  'codedeploy-first': codeDeployed('the first deployment: there is no AppSpec yet', {
    isNew: true,
  }),
  'codedeploy-appspec-in-s3': codeDeployed('the AppSpec of the last deployment is in S3', {
    bucket: 'deployments',
  }),
  'codedeploy-appspec-shown': codeDeployed(
    'deployments show their AppSpec, and not only its hash',
    { showsContent: true, hooks: HOOKS },
  ),
  'codedeploy-listener-changed': codeDeployed(
    'someone made the listener forward to the other target group',
    {},
    [],
    { productionGroup: GREEN_TARGET_GROUP },
  ),
  'codedeploy-role-denied': codeDeployed('the service role is not allowed to make task sets', {
    installError: {
      code: 'IAM_ROLE_PERMISSIONS',
      message: `The provided role doesn't have sufficient permissions: arn:aws:iam::${ACCOUNT}:role/ecsCodeDeployRole is not authorized to perform: ecs:CreateTaskSet`,
    },
  }),
  'codedeploy-denied': codeDeployed('the caller is not allowed to deploy', {}, [], {
    trouble: [denied('codedeploy:CreateDeployment')],
  }),
  'codedeploy-revision-denied': codeDeployed(
    'the caller is not allowed to register AppSpecs',
    {},
    [],
    { trouble: [denied('codedeploy:RegisterApplicationRevision')] },
  ),
  'codedeploy-reset': codeDeployed('the connection of CreateDeployment breaks', {}, [], {
    trouble: [{ actions: /^codedeploy:CreateDeployment$/, answer: CUT, times: 1 }],
  }),
  'codedeploy-lost-answer': codeDeployed(
    'the answer of a CreateDeployment that is carried out is lost',
    {},
    [],
    { lostAnswers: ['codedeploy:CreateDeployment'] },
  ),
  'codedeploy-throttled': codeDeployed('the rate of calls is limited', {}, [], {
    trouble: [
      {
        actions: /^codedeploy:/,
        answer: awsFault('ThrottlingException', 'Rate exceeded'),
        after: 5,
        times: 9,
      },
    ],
  }),
  'codedeploy-reads-denied': codeDeployed('the caller cannot read lifecycle events', {}, [], {
    trouble: [denied(/^codedeploy:.*DeploymentTargets?$/)],
  }),
  'codedeploy-token-expired': codeDeployed('the credentials expire during the deployment', {}, [], {
    trouble: [{ actions: /^(ecs|codedeploy):/, answer: EXPIRED, after: 10 }],
  }),
  'command-fails': {
    group: 'command',
    summary: 'the command of a one-off task fails with exit code 1',
    faults: [{ name: 'command-fails' }],
  },
  'command-host-lookup': {
    group: 'command',
    summary: 'the command does not find a host name of Service Connect',
    faults: [{ name: 'command-host-lookup' }],
  },
  'command-out-of-memory': {
    group: 'command',
    summary: 'the command is killed because it exceeds its memory',
    faults: [{ name: 'command-out-of-memory' }],
  },
  'command-hangs': {
    group: 'command',
    summary: 'the command never ends',
    faults: [{ name: 'command-hangs' }],
  },
  'command-spot': {
    group: 'command',
    summary: 'Fargate Spot interrupts the task during the command',
    faults: [{ name: 'command-spot' }],
  },
  'command-stopped': {
    group: 'command',
    summary: 'someone stops the task during the command',
    faults: [{ name: 'command-stopped' }],
  },
  'command-restarted': {
    group: 'command',
    summary: 'the container has a restart policy: ECS would run the command again',
    container: { restartPolicy: { enabled: true } },
  },
  'command-not-essential': {
    group: 'command',
    summary: 'the container of the command is not essential: the task runs on after its end',
    container: { essential: false },
  },
  'command-log-elsewhere': {
    group: 'command',
    summary: 'the log of the container is not in CloudWatch Logs',
    container: {
      logConfiguration: {
        logDriver: 'splunk',
        options: { 'splunk-url': 'https://splunk.example.com' },
      },
    },
  },
  'sidecar-exits': {
    group: 'command',
    summary: 'an essential sidecar ends first, and the task with it',
    faults: [{ name: 'sidecar-exits' }],
  },
  'run-on-spot': {
    group: 'command',
    summary: 'the service runs on capacity providers, not on a launch type',
    service: {
      launchType: undefined,
      capacityProviderStrategy: [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }],
    },
  },
  'capacity-late': {
    group: 'command',
    summary: 'RunTask finds no capacity twice, then starts the task',
    faults: [{ name: 'capacity-late' }],
  },
  'resources-missing': {
    group: 'command',
    summary: 'no container instance has room for the task',
    faults: [{ name: 'resources-missing' }],
  },
  'agent-disconnected': {
    group: 'command',
    summary: 'the agent of the only container instance is disconnected for a moment',
    faults: [{ name: 'agent-disconnected' }],
  },
  'attribute-missing': {
    group: 'command',
    summary: 'no container instance has the attributes that the task needs',
    faults: [{ name: 'attribute-missing' }],
  },
  'empty-answer': {
    group: 'command',
    summary: 'RunTask answers with neither tasks nor failures once',
    faults: [{ name: 'empty-answer' }],
  },
  'empty-answers': {
    group: 'command',
    summary: 'RunTask always answers with neither tasks nor failures',
    faults: [{ name: 'empty-answers' }],
  },
  'task-late': {
    group: 'command',
    summary: 'DescribeTasks does not find the task for fifteen seconds',
    faults: [{ name: 'task-late' }],
  },
  'task-unknown': {
    group: 'command',
    summary: 'DescribeTasks never finds the task',
    faults: [{ name: 'task-unknown' }],
  },
  'capacity-awaited': {
    group: 'command',
    summary: 'the task waits two minutes for a container instance',
    faults: [{ name: 'capacity-awaited' }],
  },
  'capacity-never': {
    group: 'command',
    summary: 'the task waits for a container instance that never comes',
    faults: [{ name: 'capacity-never' }],
  },
  'run-throttled': {
    group: 'command',
    summary: 'AWS throttles RunTask twice',
    trouble: [
      {
        actions: /^ecs:RunTask$/,
        answer: awsFault('ThrottlingException', 'Rate exceeded'),
        times: 2,
      },
    ],
  },
  'rule-busy': {
    group: 'schedules',
    summary: 'someone changes the rules too: PutTargets succeeds, but its entries fail',
    busyTargets: 2,
  },
  'rule-role-denied': {
    group: 'schedules',
    summary: 'the caller is not allowed to pass the role of the rules',
    trouble: [
      {
        actions: /^events:PutTargets$/,
        answer: accessDenied('iam:PassRole', ACCOUNT, `arn:aws:iam::${ACCOUNT}:role/ecsEventsRole`),
      },
    ],
  },
  'schedule-conflict': {
    group: 'schedules',
    summary: 'someone changes the schedules at the same time',
    trouble: [
      {
        actions: /^scheduler:UpdateSchedule$/,
        answer: awsFault('ConflictException', 'Schedule is being modified.', 409),
        times: 2,
      },
    ],
  },
  'run-denied': {
    group: 'command',
    summary: 'the caller is not allowed to call RunTask',
    trouble: [denied('ecs:RunTask')],
  },
  'task-reads-fail': {
    group: 'command',
    summary: 'ECS responds with status 500 while the task is followed',
    trouble: [
      {
        actions: /^ecs:DescribeTasks$/,
        answer: awsFault('ServerException', 'Service Unavailable', 500),
        after: 0,
        times: 12,
      },
    ],
  },
  'schedule-throttled': {
    group: 'schedules',
    summary: 'EventBridge Scheduler limits the rate of calls',
    trouble: [
      {
        actions: /^scheduler:/,
        answer: awsFault('ThrottlingException', 'Rate exceeded', 429),
        times: 3,
      },
    ],
  },
  'schedules-denied': {
    group: 'schedules',
    summary: 'the caller is not allowed to read rules and schedules',
    trouble: [denied(/^(events|scheduler):/)],
  },
  'scheduler-unreachable': {
    group: 'schedules',
    summary: 'EventBridge Scheduler cannot be reached after the deployment',
    trouble: [{ actions: /^scheduler:/, answer: CUT, after: 10 }],
  },
  superseded: {
    group: 'people',
    summary: 'someone else deploys another revision during the rollout',
    acts: [{ at: 15, act: 'deploy-another' }],
  },
  'superseded-by-the-old': {
    group: 'people',
    summary: 'someone else deploys the previous revision during the rollout',
    acts: [{ at: 15, act: 'deploy-the-old' }],
  },
  'superseded-by-the-same': {
    group: 'people',
    summary: 'someone else deploys the same revision again during the rollout',
    acts: [{ at: 15, act: 'deploy-the-same' }],
  },
  busy: {
    group: 'people',
    summary: "someone else's deployment is in progress, and succeeds after five minutes",
    service: BEHIND_LOAD_BALANCER,
    targetGroup: { deregistrationDelay: 300 },
    acts: [{ at: 'read', act: 'deploy-another' }],
  },
  'busy-crash': {
    group: 'people',
    summary: "someone else's deployment is in progress, and ECS rolls it back",
    faults: [{ name: 'crash', tasks: 3 }],
    acts: [{ at: 'read', act: 'deploy-another' }],
  },
  'busy-crash-loop': {
    group: 'people',
    summary: "someone else's deployment is in progress, and its tasks crash forever",
    faults: [{ name: 'crash' }],
    service: breaker(false, false),
    acts: [{ at: 'read', act: 'deploy-another' }],
  },
  'busy-paused': {
    group: 'people',
    summary: "someone else's deployment waits for approval",
    service: strategy('BLUE_GREEN', { lifecycleHooks: [pause()] }),
    acts: [{ at: 'read', act: 'deploy-another' }],
  },
  overtaken: {
    group: 'people',
    summary: 'someone else deploys another revision right before this deployment',
    acts: [{ at: 'register', act: 'deploy-another' }],
  },
  'old-task-stopped': {
    group: 'people',
    summary: 'someone stops an old task: ECS replaces it with the old revision',
    acts: [{ at: 5, act: 'stop-an-old-task' }],
  },
  'stopped-in-the-console': {
    group: 'people',
    summary: 'someone stops the deployment and rolls it back',
    acts: [{ at: 15, act: 'stop-the-deployment' }],
  },
  'stale-reads': {
    group: 'API',
    summary: 'reads return the previous state for fifteen seconds',
    staleSeconds: 15,
  },
  throttled: {
    group: 'API',
    summary: 'AWS throttles the polling for a while',
    trouble: [
      {
        actions: /^ecs:DescribeServices$/,
        answer: awsFault('ThrottlingException', 'Rate exceeded'),
        after: 5,
        times: 9,
      },
    ],
  },
  'server-errors': {
    group: 'API',
    summary: 'ECS responds with status 500 for half a minute',
    trouble: [
      {
        actions: WATCH_READS,
        answer: awsFault('ServerException', 'Service Unavailable', 500),
        after: 5,
        seconds: 30,
      },
    ],
  },
  'html-errors': {
    group: 'API',
    summary: 'a proxy responds with status 503 and an HTML page for half a minute',
    trouble: [{ actions: WATCH_READS, answer: HTML, after: 5, seconds: 30 }],
  },
  resets: {
    group: 'API',
    summary: 'connections are reset from time to time',
    trouble: [
      { actions: WATCH_READS, answer: CUT, after: 5, times: 9 },
      { actions: WATCH_READS, answer: CUT, after: 40, times: 9 },
    ],
  },
  'network-out': {
    group: 'API',
    summary: 'all connections fail for half a minute',
    trouble: [{ actions: /^ecs:/, answer: CUT, after: 5, seconds: 30 }],
  },
  'token-expired': {
    group: 'API',
    summary: 'the credentials expire during the rollout',
    trouble: [{ actions: /^ecs:/, answer: EXPIRED, after: 10 }],
  },
  'reads-denied': {
    group: 'API',
    summary: 'the application crashes, and optional permissions are missing',
    faults: [{ name: 'crash' }],
    trouble: [
      'ecs:ListServiceDeployments',
      'ecs:DescribeServiceDeployments',
      'ecs:ListTasks',
      'ecs:DescribeTasks',
      'logs:GetLogEvents',
    ].map(denied),
  },
  'old-revisions': {
    group: 'before',
    summary: 'the family has revisions of two years: ecsdeploy prune',
    oldRevisions: 24,
  },
  'image-vulnerable': {
    group: 'before',
    summary: 'image scans report critical findings',
    scanFindings: { CRITICAL: 2, HIGH: 5, LOW: 40 },
  },
  'login-expired': {
    group: 'before',
    summary: 'the credentials have expired',
    trouble: [{ actions: /^(ecs|ecr):/, answer: EXPIRED }],
  },
  'revision-inactive': {
    group: 'before',
    summary: 'someone deregisters the new revision before it is deployed',
    trouble: [
      {
        actions: /^ecs:UpdateService$/,
        answer: awsFault('ClientException', 'TaskDefinition is inactive'),
      },
    ],
  },
  'busy-family': {
    group: 'before',
    summary: 'someone else registers a revision of the family at the same time',
    trouble: [
      {
        actions: /^ecs:RegisterTaskDefinition$/,
        answer: awsFault('ClientException', BUSY_FAMILY),
        times: 2,
      },
    ],
  },
  'pass-role-denied': {
    group: 'before',
    summary: 'the caller is not allowed to pass the execution role',
    trouble: [
      {
        actions: /^ecs:RegisterTaskDefinition$/,
        answer: accessDenied(
          'iam:PassRole',
          ACCOUNT,
          `arn:aws:iam::${ACCOUNT}:role/ecsTaskExecutionRole`,
        ),
      },
    ],
  },
  'service-deleted': {
    group: 'before',
    summary: 'the service is being deleted',
    acts: [{ at: 0, act: 'delete-service' }],
  },
  'code-deploy': {
    group: 'before',
    summary: 'the service is deployed by CodeDeploy',
    service: { deploymentController: { type: 'CODE_DEPLOY' } },
  },
  'five-deployments': {
    group: 'before',
    summary: 'scale-in protection keeps tasks of as many deployments as ECS allows',
    service: { desiredCount: 1, ...configured({ maximumPercent: 600 }) },
    acts: [{ at: 0, act: 'pile-up-deployments' }],
  },
  external: {
    group: 'before',
    summary: 'the service has an external deployment controller',
    service: { deploymentController: { type: 'EXTERNAL' } },
  },
  'archived-image': {
    group: 'before',
    summary: 'the first image is archived in ECR: ecsdeploy deploy --image …:first',
    acts: [{ at: 0, act: 'archive-the-image' }],
  },
  'repository-missing': {
    group: 'before',
    summary: 'the repository does not exist',
    acts: [{ at: 0, act: 'delete-repository' }],
  },
} satisfies Readonly<Record<string, Scenario>>;

export type ScenarioName = keyof typeof DEFINITIONS;

/** Scenarios that only concern one-off tasks. */
export type CommandScenario = {
  [K in ScenarioName]: (typeof DEFINITIONS)[K]['group'] extends 'command' ? K : never;
}[ScenarioName];

/** Scenarios of a service that CodeDeploy deploys. */
export type CodeDeployScenario = {
  [K in ScenarioName]: (typeof DEFINITIONS)[K]['group'] extends 'codedeploy' ? K : never;
}[ScenarioName];

/** All scenarios by name (`ecsdeploy sandbox --scenario NAME`). */
export const SCENARIOS: Readonly<Record<ScenarioName, Scenario>> = DEFINITIONS;

/** The heading of each group, in the order in which the groups are listed. */
export const SCENARIO_GROUPS: Readonly<Record<Scenario['group'], string>> = {
  before: 'Before the service changes',
  success: 'Successful deployments',
  image: 'The image cannot be pulled or run',
  start: 'The task cannot be started',
  run: 'The application fails',
  health: 'Health checks fail',
  'load balancer': 'The load balancer',
  capacity: 'There is no capacity',
  strategy: 'Bake times, alarms, traffic shifts and hooks',
  express: 'Express Mode (deploy with --container Main)',
  codedeploy: 'CodeDeploy',
  command: 'One-off tasks (run, release)',
  schedules: 'Rules and schedules do not follow (--schedules)',
  people: 'Other people make changes',
  API: 'The API fails',
};

/** Parses `NAME`, or `NAME=CODE` for a scenario with an exit code; undefined for an unknown scenario. */
export function parseScenario(text: string): Scenario | undefined {
  const [name = ''] = text.split('=');
  if (!Object.hasOwn(SCENARIOS, name)) return undefined;
  const scenario = SCENARIOS[name as ScenarioName];
  if (!text.includes('=')) return scenario;
  const fault = parseFault(text);
  return fault && { ...scenario, faults: [fault] };
}

/** The effects of one or more scenarios. */
export type Scene = Omit<Scenario, 'summary' | 'group'>;

/** Whether a scenario changes the start world or acts on its service: the others fit any world. */
export function needsStartWorld(scenario: Scenario): boolean {
  const ofAnyWorld = new Set(['summary', 'group', 'faults', 'trouble']);
  return Object.keys(scenario).some((part) => !ofAnyWorld.has(part));
}

/** Combines scenarios; the last one wins where two set the same member. */
export function combine(scenarios: readonly Scene[]): Scene {
  return scenarios.reduce<Scene>(
    (scene, more) => ({
      ...scene,
      ...more,
      faults: [...(scene.faults ?? []), ...(more.faults ?? [])],
      trouble: [...(scene.trouble ?? []), ...(more.trouble ?? [])],
      acts: [...(scene.acts ?? []), ...(more.acts ?? [])],
      service: { ...scene.service, ...more.service },
      container: { ...scene.container, ...more.container },
      ...((scene.codeDeploy ?? more.codeDeploy) && {
        codeDeploy: { ...scene.codeDeploy, ...more.codeDeploy },
      }),
      targetGroup: { ...scene.targetGroup, ...more.targetGroup },
    }),
    {},
  );
}
