import type { ContainerDefinition, TaskDefinition } from './definition.ts';
import type { TargetCourse } from './target-group.ts';

/** The affected task, for the text of a fault. */
export interface Victim {
  readonly account: string;
  readonly region: string;
  readonly taskId: string;
  readonly definition: TaskDefinition;
  readonly container: ContainerDefinition;
}

/** The stage of a task's life at which a fault takes effect, and the effect. */
export type Strike =
  /**
   * No task is created; `reason` is the reason in the service event. RunTask answers with a failure of
   * that reason, or throws `exception`.
   */
  | { readonly at: 'placement'; readonly reason: string; readonly exception?: string }
  /** RunTask starts no task, and answers with a failure of each reason. */
  | { readonly at: 'acceptance'; readonly reasons: readonly string[] }
  /** DescribeTasks does not find a one-off task for `seconds`. */
  | { readonly at: 'visibility'; readonly seconds: number }
  /** A one-off task waits `seconds` for capacity. */
  | { readonly at: 'provisioning'; readonly seconds: number }
  /** The command of a one-off task exits `seconds` after its start. */
  | {
      readonly at: 'command';
      readonly seconds: number;
      readonly exitCode: number;
      readonly reason?: string;
      readonly log: readonly string[];
    }
  /** The last container of a one-off task exits `seconds` after its start. */
  | { readonly at: 'sidecar'; readonly seconds: number; readonly exitCode: number }
  /** A one-off task is stopped from outside `seconds` after its start. */
  | {
      readonly at: 'removal';
      readonly seconds: number;
      readonly stopCode: string;
      readonly reason: string;
    }
  /** The task stops before it runs, `seconds` after the beginning of the stage. */
  | {
      readonly at: 'initialisation' | 'pull' | 'start';
      readonly seconds: number;
      readonly reason: (victim: Victim) => string;
    }
  /** The application container exits `seconds` after its start. */
  | {
      readonly at: 'run';
      readonly seconds: number;
      readonly exitCode: number;
      readonly reason?: string;
      readonly log: readonly string[];
    }
  /** The health check of the containers never succeeds. */
  | { readonly at: 'container-health' }
  /** The health check of the load balancer fails until the application is ready. */
  | ({ readonly at: 'target-health' } & TargetCourse)
  /** The task is interrupted `seconds` after its start. */
  | {
      readonly at: 'interruption';
      readonly seconds: number;
      readonly stopCode: string;
      readonly reason: string;
    }
  /** An alarm of the deployment fires `seconds` after the beginning of its bake time. */
  | { readonly at: 'alarm'; readonly seconds: number }
  /** A Lambda hook of the deployment fails; `reason` follows the stage. */
  | { readonly at: 'hook'; readonly reason: (target: string) => string }
  /** ECS cannot shift the traffic; `reason` is the whole reason. */
  | { readonly at: 'traffic-shift'; readonly reason: string }
  /** The scheduler stops after this many failures, and the circuit breaker does not trip. */
  | { readonly at: 'scheduler'; readonly failures: number };

/** A fault and its default effect. */
export interface FaultDefinition {
  readonly strike: Strike;
  /** Number of tasks that are affected; all if undefined. */
  readonly tasks?: number;
}

const APPLICATION_CRASH = [
  'Error: connect ECONNREFUSED 10.0.1.15:5432',
  '    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)',
  'database is not reachable, giving up',
];

const MIGRATION_FAILURE = [
  '== 20260101120000 AddEmailToUsers: migrating',
  'PG::UndefinedTable: ERROR:  relation "users" does not exist',
  'rake aborted!',
];

type TargetStrike = Extract<Strike, { readonly at: 'target-health' }>;

function failsChecks(
  reason: string,
  description: string,
  readyAfter = Number.POSITIVE_INFINITY,
): TargetStrike {
  return { at: 'target-health', readyAfter, failure: { reason, description } };
}

function answers(code: number): TargetStrike {
  return failsChecks(
    'Target.ResponseCodeMismatch',
    `Health checks failed with these codes: [${code}]`,
  );
}

const DEFINITIONS = {
  'command-fails': {
    strike: { at: 'command', seconds: 4, exitCode: 1, log: MIGRATION_FAILURE },
  },
  'command-host-lookup': {
    strike: {
      at: 'command',
      seconds: 2,
      exitCode: 1,
      log: ['could not translate host name "users.internal" to address: Name or service not known'],
    },
  },
  'command-out-of-memory': {
    strike: {
      at: 'command',
      seconds: 4,
      exitCode: 137,
      reason: 'OutOfMemoryError: Container killed due to memory usage',
      log: ['Loading all rows into memory'],
    },
  },
  'command-hangs': {
    strike: { at: 'command', seconds: 86_400, exitCode: 0, log: ['Waiting for the lock', ''] },
  },
  'command-spot': {
    strike: {
      at: 'removal',
      seconds: 2,
      stopCode: 'SpotInterruption',
      reason: 'Your Spot Task was interrupted.',
    },
  },
  'command-stopped': {
    strike: {
      at: 'removal',
      seconds: 2,
      stopCode: 'UserInitiated',
      reason: 'Task stopped by user',
    },
  },
  'sidecar-exits': {
    strike: { at: 'sidecar', seconds: 2, exitCode: 1 },
  },
  'capacity-late': {
    strike: {
      at: 'acceptance',
      reasons: [
        'Capacity is unavailable at this time. Please try again later or in a different availability zone',
      ],
    },
    tasks: 2,
  },
  'resources-missing': {
    strike: { at: 'acceptance', reasons: ['RESOURCE:MEMORY', 'RESOURCE:MEMORY', 'RESOURCE:CPU'] },
  },
  'agent-disconnected': {
    strike: { at: 'acceptance', reasons: ['AGENT'] },
    tasks: 1,
  },
  'attribute-missing': {
    strike: { at: 'acceptance', reasons: ['ATTRIBUTE', 'ATTRIBUTE'] },
  },
  'empty-answer': {
    strike: { at: 'acceptance', reasons: [] },
    tasks: 1,
  },
  'empty-answers': {
    strike: { at: 'acceptance', reasons: [] },
  },
  'task-late': {
    strike: { at: 'visibility', seconds: 15 },
  },
  'task-unknown': {
    strike: { at: 'visibility', seconds: 86_400 },
  },
  'capacity-awaited': {
    strike: { at: 'provisioning', seconds: 120 },
  },
  'capacity-never': {
    strike: { at: 'provisioning', seconds: 86_400 },
  },
  crash: {
    strike: { at: 'run', seconds: 3, exitCode: 1, log: APPLICATION_CRASH },
  },
  'exit-127': {
    strike: { at: 'run', seconds: 1, exitCode: 127, log: ['/bin/sh: 1: ./server: not found'] },
  },
  'command-not-found': {
    strike: {
      at: 'start',
      seconds: 1,
      reason: ({ container }) =>
        'CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: ' +
        'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container ' +
        `process: exec: "${container.entryPoint?.[0] ?? container.command?.[0] ?? '/server'}": ` +
        'executable file not found in $PATH: unknown',
    },
  },
  'out-of-memory': {
    strike: {
      at: 'run',
      seconds: 8,
      exitCode: 137,
      reason: 'OutOfMemoryError: Container killed due to memory usage',
      log: ['Loading the product catalogue into memory'],
    },
  },
  unhealthy: {
    strike: { at: 'container-health' },
  },
  'load-balancer-unhealthy': { strike: answers(502) },
  'target-401': { strike: answers(401) },
  'target-404': { strike: answers(404) },
  'target-302': { strike: answers(302) },
  'target-timeout': { strike: failsChecks('Target.Timeout', 'Request timed out') },
  'target-refused': { strike: failsChecks('Target.FailedHealthChecks', 'Health checks failed') },
  'slow-start': {
    strike: failsChecks('Target.FailedHealthChecks', 'Health checks failed', 45),
  },
  'zone-not-enabled': {
    strike: failsChecks(
      'Target.NotInUse',
      'Target is in an Availability Zone that is not enabled for the load balancer',
    ),
  },
  'no-listener-rule': {
    strike: failsChecks(
      'Target.NotInUse',
      'Target group is not configured to receive traffic from the load balancer',
    ),
  },
  'no-capacity': {
    strike: {
      at: 'placement',
      reason:
        'Capacity is unavailable at this time. Please try again later or in a different availability zone. ' +
        'For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.',
    },
  },
  'secret-denied': {
    strike: {
      at: 'initialisation',
      seconds: 3,
      reason: (victim) => {
        const secret = secretOf(victim);
        return (
          'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval ' +
          'failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch ' +
          `secret ${secret} from secrets manager: AccessDeniedException: User: ${assumedRole(victim)} is not ` +
          `authorized to perform: secretsmanager:GetSecretValue on resource: ${secret} because no ` +
          'identity-based policy allows the secretsmanager:GetSecretValue action'
        );
      },
    },
  },
  'log-group-missing': {
    strike: { at: 'initialisation', seconds: 2, reason: logGroupMissing },
  },
  'pull-denied': {
    strike: {
      at: 'pull',
      seconds: 4,
      reason: (victim) => pullDenied(victim, victim.account, 'no identity-based policy allows'),
    },
  },
  'cross-account': {
    strike: {
      at: 'pull',
      seconds: 4,
      reason: (victim) => pullDenied(victim, OTHER_ACCOUNT, 'no resource-based policy allows'),
    },
  },
  'image-gone': {
    strike: {
      at: 'pull',
      seconds: 20,
      reason: ({ container: { image } }) =>
        'CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref ' +
        `${image}: ${image}: not found`,
    },
  },
  'wrong-platform': {
    strike: {
      at: 'pull',
      seconds: 20,
      reason: () =>
        'CannotPullContainerError: pull image manifest has been retried 7 time(s): image Manifest does not ' +
        "contain descriptor matching platform 'linux/amd64'",
    },
  },
  'wrong-architecture': {
    strike: {
      at: 'run',
      seconds: 0.5,
      exitCode: 1,
      log: ['exec /docker-entrypoint.sh: exec format error'],
    },
  },
  'secret-missing': {
    strike: {
      at: 'initialisation',
      seconds: 3,
      reason: (victim) =>
        'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval ' +
        "failed: ResourceNotFoundException: The task can't retrieve the secret with ARN " +
        `'${secretOf(victim)}' from AWS Secrets Manager. Check that the secret ARN is correct.`,
    },
  },
  'secret-key-missing': {
    strike: {
      at: 'initialisation',
      seconds: 3,
      reason: () =>
        'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval ' +
        'failed: unable to retrieve secret from asm: service call has been retried 1 time(s): retrieved ' +
        'secret from Secrets Manager did not contain json key password',
    },
  },
  'no-instances': {
    strike: {
      at: 'placement',
      exception: 'InvalidParameterException',
      reason:
        'No Container Instances were found in your cluster. For more information, see the Troubleshooting ' +
        'section of the Amazon ECS Developer Guide.',
    },
  },
  'vcpu-limit': {
    strike: {
      at: 'placement',
      exception: 'ClientException',
      reason: "You've reached the limit on the number of vCPUs you can run concurrently.",
    },
  },
  'no-network': {
    strike: {
      at: 'initialisation',
      seconds: 60,
      reason: ({ region }) =>
        'ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry ' +
        'auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task ' +
        'network configuration. RequestError: send request failed caused by: ' +
        `Post "https://api.ecr.${region}.amazonaws.com/": dial tcp 52.95.195.32:443: i/o timeout`,
    },
  },
  'rate-limited': {
    strike: {
      at: 'pull',
      seconds: 10,
      reason: ({ container }) =>
        'CannotPullContainerError: pull image manifest has been retried 5 time(s): httpReadSeeker: failed open: ' +
        `unexpected status code https://registry-1.docker.io/v2/${repositoryOf(container.image)}/manifests/latest: ` +
        '429 Too Many Requests - Server message: toomanyrequests: You have reached your unauthenticated pull ' +
        'rate limit. https://www.docker.com/increase-rate-limit',
    },
  },
  'disk-full': {
    strike: {
      at: 'pull',
      seconds: 15,
      reason: () =>
        'CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to extract layer: ' +
        'write /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/12/fs/app/server.jar: ' +
        'no space left on device: unknown',
    },
  },
  'role-not-assumable': {
    strike: {
      at: 'initialisation',
      seconds: 2,
      reason: (victim) =>
        `ECS was unable to assume the role '${executionRole(victim)}' that was provided for this task. ` +
        'Please verify that the role being passed has the proper trust relationship and permissions and that ' +
        'your IAM user has permissions to pass this role.',
    },
  },
  volume: {
    strike: {
      at: 'initialisation',
      seconds: 10,
      reason: () =>
        'ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: ' +
        'Failed to resolve "fs-0123456789abcdef0.efs.ap-northeast-2.amazonaws.com" - check that your file ' +
        'system ID is correct : unsuccessful EFS utils command execution; code: 1',
    },
  },
  stall: {
    strike: { at: 'scheduler', failures: 2 },
  },
  'spot-interruption': {
    strike: {
      at: 'interruption',
      seconds: 15,
      stopCode: 'SpotInterruption',
      reason: 'Your Spot Task was interrupted.',
    },
    tasks: 1,
  },
  alarm: {
    strike: { at: 'alarm', seconds: 30 },
  },
  'hook-failed': {
    strike: {
      at: 'hook',
      reason: (target) => `Lifecycle hook target ${target} returned FAILED status.`,
    },
  },
  'hook-role': {
    strike: {
      at: 'hook',
      reason: () => 'ECS was unable to assume role arn:aws:iam::111122223333:role/hooks.',
    },
  },
  'hook-unreachable': {
    strike: {
      at: 'hook',
      reason: (target) =>
        `ECS was unable to invoke hook target ${target} due to ResourceNotFoundException.`,
    },
  },
  'hook-unparsable': {
    strike: {
      at: 'hook',
      reason: (target) =>
        `ECS was unable to parse the response from ${target} due to HookStatus must not be null`,
    },
  },
  'invalid-network': {
    strike: {
      at: 'traffic-shift',
      reason:
        'Service deployment rolled back because of invalid networking configuration. Both targetGroup and ' +
        'alternateTargetGroup must be associated with the productionListenerRule or testListenerRule.',
    },
  },
} satisfies Readonly<Record<string, FaultDefinition>>;

/** Name of a fault. */
export type FaultName = keyof typeof DEFINITIONS;

/** The faults that do not follow from the state of the image or the account. */
export const FAULTS: Readonly<Record<FaultName, FaultDefinition>> = DEFINITIONS;

/** A fault to arm. */
export interface Fault {
  readonly name: FaultName;
  /** Exit code of a fault at run time, instead of its default. */
  readonly exitCode?: number;
  /** Number of tasks that are affected; the fault's default if undefined. */
  readonly tasks?: number;
}

/** A fault in effect and the number of tasks that it can still affect. */
export interface ArmedFault {
  readonly strike: Strike;
  tasksLeft: number;
}

/** Parses `NAME` or, for a fault with an exit code, `NAME=CODE`; undefined for an unknown fault. */
export function parseFault(text: string): Fault | undefined {
  const [name = '', parameter] = text.split('=');
  if (!isFaultName(name)) return undefined;
  if (parameter === undefined) return { name };
  const exitCode = Number(parameter);
  const fits = FAULTS[name].strike.at === 'run' && /^\d{1,3}$/.test(parameter) && exitCode <= 255;
  return fits ? { name, exitCode } : undefined;
}

export function isFaultName(name: string): name is FaultName {
  return Object.hasOwn(FAULTS, name);
}

export function armFault(fault: Fault): ArmedFault {
  const { strike, tasks } = FAULTS[fault.name];
  const { exitCode } = fault;
  return {
    strike: strike.at === 'run' && exitCode !== undefined ? { ...strike, exitCode } : strike,
    tasksLeft: fault.tasks ?? tasks ?? Number.POSITIVE_INFINITY,
  };
}

/**
 * Returns the armed fault that affects a task of the revision at a stage, and counts the task.
 * Tasks of the start world's revisions are exempt.
 */
export function strikeAt<At extends Strike['at']>(
  faults: readonly ArmedFault[],
  definition: TaskDefinition,
  at: At,
): Extract<Strike, { readonly at: At }> | undefined {
  return definition.original ? undefined : strikeOneOff(faults, at);
}

/** The same for a one-off task, which can run a revision of the start world. */
export function strikeOneOff<At extends Strike['at']>(
  faults: readonly ArmedFault[],
  at: At,
): Extract<Strike, { readonly at: At }> | undefined {
  const fault = faults.find(({ strike, tasksLeft }) => strike.at === at && tasksLeft > 0);
  if (fault === undefined) return undefined;
  fault.tasksLeft -= 1;
  return fault.strike as Extract<Strike, { readonly at: At }>;
}

const OTHER_ACCOUNT = '444455556666';

function pullDenied(victim: Victim, owner: string, because: string): string {
  return (
    'CannotPullContainerError: The task can’t pull the image. Check that the role has the permissions to ' +
    'pull images from the registry. AccessDeniedException: ' +
    `User: ${assumedRole(victim)} is not authorized to perform: ecr:BatchGetImage on resource: ` +
    `arn:aws:ecr:${victim.region}:${owner}:repository/${repositoryOf(victim.container.image)} ` +
    `because ${because} the ecr:BatchGetImage action`
  );
}

/** The `stoppedReason` of a task whose container logs to a group that does not exist. */
export function logGroupMissing(): string {
  return (
    'ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: ' +
    'failed to create Cloudwatch log stream: ResourceNotFoundException: ' +
    'The specified log group does not exist. : exit status 1'
  );
}

function executionRole({ account, definition }: Victim): string {
  return definition.body.executionRoleArn ?? `arn:aws:iam::${account}:role/ecsTaskExecutionRole`;
}

function assumedRole(victim: Victim): string {
  const role = executionRole(victim).split('/').at(-1) ?? '';
  return `arn:aws:sts::${victim.account}:assumed-role/${role}/${victim.taskId}`;
}

function secretOf({ account, region, container }: Victim): string {
  return (
    container.secrets?.[0]?.valueFrom ??
    `arn:aws:secretsmanager:${region}:${account}:secret:${container.name}/database-AbCdEf`
  );
}

/** The repository in an image reference, without registry, tag and digest. */
function repositoryOf(image: string): string {
  const path = image.replace(/@.*$/, '').replace(/:[^:/]+$/, '');
  const [host = '', ...rest] = path.split('/');
  return rest.length > 0 && /[.:]|^localhost$/.test(host) ? rest.join('/') : path;
}
