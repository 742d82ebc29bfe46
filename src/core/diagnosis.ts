/** The codes that name why tasks fail; fixed for scripts. */
export type CauseCode =
  | 'wrong-architecture'
  | 'image-not-found'
  | 'image-pull-denied'
  | 'network-unreachable'
  | 'pull-rate-limited'
  | 'secret-unavailable'
  | 'log-group-missing'
  | 'out-of-memory'
  | 'application-exit'
  | 'command-not-found'
  | 'health-check'
  | 'load-balancer-health-check'
  | 'no-capacity'
  | 'placement-blocked'
  | 'role-not-assumable'
  | 'volume'
  | 'disk-full'
  | 'spot-interruption'
  | 'stopped-by-user'
  | 'unknown';

/** Why tasks of a deployment failed. */
export interface Cause {
  readonly code: CauseCode;
  readonly summary: string;
  readonly hint: string;
  /** Stopped reasons, exit codes and log lines, as AWS gave them. */
  readonly evidence: readonly string[];
  /** How many tasks failed this way. */
  readonly tasks: number;
}

/** One container of a stopped task. */
export interface StoppedContainer {
  readonly name: string;
  readonly exitCode: number | undefined;
  readonly reason: string | undefined;
  /** The last lines of its log, oldest first; empty where they could not be read. */
  readonly log: readonly string[];
}

/** A task that stopped although nobody wanted it to. */
export interface FailedTask {
  readonly id: string;
  readonly stopCode: string | undefined;
  readonly stoppedReason: string;
  readonly containers: readonly StoppedContainer[];
  /** Platform that the task definition asks for, e.g. `linux/amd64`. */
  readonly platform: string;
}

interface Rule {
  readonly pattern: RegExp;
  readonly code: CauseCode;
  readonly summary: string;
  readonly hint: string;
}

const NETWORK_HINT =
  'give the tasks a route: a public subnet needs assignPublicIp ENABLED, a private one NAT or endpoints for ecr.api, ecr.dkr, logs and S3; allow 443 out in the security group';

/**
 * Texts of ECS and of the container runtime, the most specific first (ecs-facts 5.3). They are
 * looked for in the stopped reason, in the containers' reasons, in service events and, where
 * nothing else matches, in the log. `$1` stands for the first group.
 */
const RULES: readonly Rule[] = [
  {
    pattern: /does not contain descriptor matching platform '([^']+)'/,
    code: 'wrong-architecture',
    summary: 'the image has no variant for $1, the platform that the task definition runs on',
    hint: 'build it for that platform (ecsdeploy push --platform $1), or set runtimePlatform in the task definition',
  },
  {
    pattern: /failed to find a descriptor for platform \{([^}]+)\}/,
    code: 'wrong-architecture',
    summary: 'the image has no variant for $1',
    hint: 'build it for that platform: ecsdeploy push --platform $1',
  },
  {
    pattern: /toomanyrequests|pull rate limit/i,
    code: 'pull-rate-limited',
    summary: 'the registry limits pulls',
    hint: 'mirror the image to ECR (or a pull-through cache), or give repositoryCredentials',
  },
  {
    pattern: /no space left on device/,
    code: 'disk-full',
    summary: 'the disk of the task is full',
    hint: 'make the image smaller or raise ephemeralStorage in the task definition',
  },
  {
    pattern:
      /pull access denied|insufficient_scope|role has the permissions to pull images|ecr:(?:BatchGetImage|GetAuthorizationToken|GetDownloadUrlForLayer)/,
    code: 'image-pull-denied',
    summary: 'the task may not pull the image',
    hint: 'give the execution role ecr:GetAuthorizationToken, ecr:BatchGetImage, ecr:GetDownloadUrlForLayer and ecr:BatchCheckLayerAvailability; for another account also a policy of the repository',
  },
  {
    pattern: /log group does not exist|cannot find the Amazon CloudWatch log group/,
    code: 'log-group-missing',
    summary: 'the log group of the task definition does not exist',
    hint: 'create it (aws logs create-log-group --log-group-name NAME), or set awslogs-create-group and allow logs:CreateLogGroup to the execution role',
  },
  {
    pattern:
      /unable to retrieve secret|can't retrieve the secret|did not contain json key|secretsmanager:GetSecretValue|ssm:GetParameters|retrieve secrets? from/,
    code: 'secret-unavailable',
    summary: 'a secret of the task definition could not be read',
    hint: 'check its ARN, region and JSON key, and that the execution role may read it (secretsmanager:GetSecretValue, ssm:GetParameters, kms:Decrypt)',
  },
  {
    pattern: /CannotPullContainerError.*(?:not found|image does not exist|manifest unknown)/is,
    code: 'image-not-found',
    summary: 'the image is not in the registry',
    hint: 'push it (ecsdeploy push), or deploy a tag that exists; a lifecycle policy may have deleted it',
  },
  {
    pattern:
      /dial (?:tcp|udp)|i\/o timeout|TLS handshake timeout|connection timed out|Client\.Timeout exceeded|request canceled while waiting for connection|context deadline exceeded|connection issue between the task/,
    code: 'network-unreachable',
    summary: 'the task has no network route to what it needs to start',
    hint: NETWORK_HINT,
  },
  {
    pattern: /unable to assume the role '([^']+)'/,
    code: 'role-not-assumable',
    summary: 'ECS cannot assume the role $1',
    hint: "let ecs-tasks.amazonaws.com assume it in the role's trust policy",
  },
  {
    pattern: /EFS|fsx|CannotCreateVolumeError|mount target/i,
    code: 'volume',
    summary: 'a volume could not be mounted',
    hint: 'check the security group (NFS 2049), the mount target of the subnet, access point and IAM',
  },
  {
    pattern: /OutOfMemory/i,
    code: 'out-of-memory',
    summary: 'the container needed more memory than it has',
    hint: 'raise memory in the task definition (or the heap limit of the application below it)',
  },
  {
    pattern: /Spot Task was interrupted|Host EC2/,
    code: 'spot-interruption',
    summary: 'AWS took the capacity back',
    hint: 'nothing is wrong with the image; mix FARGATE into the capacity providers if this is too frequent',
  },
  {
    pattern: /failed ELB health checks/,
    code: 'load-balancer-health-check',
    summary: 'the load balancer finds the task unhealthy',
    hint: 'check path, port and matcher of the target group, the security group from load balancer to task, and healthCheckGracePeriodSeconds',
  },
  {
    pattern: /failed container health checks/,
    code: 'health-check',
    summary: "the container's own health check fails",
    hint: 'run its command in the image (is curl there?), and give the application time with startPeriod',
  },
  {
    pattern: /executable file not found|no such file or directory.*exec|: not found/,
    code: 'command-not-found',
    summary: 'the command of the container does not exist in the image',
    hint: 'check command and entryPoint in the task definition, CMD and ENTRYPOINT in the Dockerfile',
  },
  {
    pattern:
      /Capacity is unavailable|RESOURCE:|NO ACTIVE INSTANCES|EMPTY CAPACITY PROVIDER|insufficient (?:CPU|memory)|No Container Instances|limit on the number of/i,
    code: 'no-capacity',
    summary: 'there is no capacity to place a task on',
    hint: 'add instances or another subnet and capacity provider, or ask for higher quotas',
  },
];

const FORMAT_ERROR = /exec format error/;

/** Finds why one task failed; `unknown` keeps AWS's own words as the summary. */
export function diagnoseTask(task: FailedTask): Cause {
  const dead = deadContainer(task);
  const texts = [task.stoppedReason, ...task.containers.flatMap(({ reason }) => reason ?? [])];
  const evidence = [
    task.stoppedReason,
    ...(dead === undefined
      ? []
      : [`container ${dead.name}: ${exitText(dead)}`, ...dead.log.map((line) => `| ${line}`)]),
  ].filter((line) => line !== '');
  const cause = (code: CauseCode, summary: string, hint: string): Cause => ({
    code,
    summary,
    hint,
    evidence,
    tasks: 1,
  });
  const formatError = task.containers.find(({ log }) =>
    log.some((line) => FORMAT_ERROR.test(line)),
  );
  if (formatError !== undefined) {
    return cause(
      'wrong-architecture',
      `the image of container ${formatError.name} was built for another CPU than ${task.platform}`,
      `build it with --platform ${task.platform}, or set runtimePlatform in the task definition`,
    );
  }
  const rule = firstRule(texts);
  if (rule !== undefined) return cause(rule.code, rule.summary, rule.hint);
  if (task.stopCode === 'UserInitiated') {
    return cause(
      'stopped-by-user',
      'somebody stopped the task',
      'the service starts it again with the revision it belongs to; to end a deployment roll it back instead',
    );
  }
  if (dead?.exitCode === 126 || dead?.exitCode === 127) {
    return cause(
      'command-not-found',
      `the command of container ${dead.name} cannot be run (exit code ${dead.exitCode})`,
      'check command and entryPoint in the task definition, CMD and ENTRYPOINT in the Dockerfile',
    );
  }
  if (dead?.exitCode !== undefined) {
    return cause(
      'application-exit',
      `container ${dead.name} ended with exit code ${dead.exitCode}`,
      dead.exitCode === 0
        ? 'a service must not end: its main process returned'
        : dead.log.length > 0
          ? 'its last log lines say why'
          : 'read its log: nothing of it could be read here',
    );
  }
  return cause(
    'unknown',
    task.stoppedReason || 'ECS gave no reason',
    'read the events of the service',
  );
}

/** Finds the cause that an event of the service names; undefined for events that tell of no failure. */
export function diagnoseEvent(message: string): Cause | undefined {
  if (!/unable to place a task|could not launch|failed to launch/.test(message)) return undefined;
  const rule = firstRule([message]);
  return rule && { ...rule, evidence: [message], tasks: 0 };
}

/** Groups equal causes, adding up their tasks and keeping the first one's evidence. */
export function groupCauses(causes: readonly Cause[]): readonly Cause[] {
  const groups = new Map<string, Cause>();
  for (const cause of causes) {
    const key = `${cause.code} ${cause.summary}`;
    const known = groups.get(key);
    groups.set(key, known === undefined ? cause : { ...known, tasks: known.tasks + cause.tasks });
  }
  return [...groups.values()];
}

/** The container that took the task down: the one with a bad exit code, else with a reason. */
export function deadContainer(task: Pick<FailedTask, 'containers'>): StoppedContainer | undefined {
  const { containers } = task;
  return (
    // 137 and 143 are how the other containers end when the task is stopped.
    containers.find(
      ({ exitCode }) => exitCode !== undefined && ![0, 137, 143].includes(exitCode),
    ) ??
    containers.find(({ reason }) => reason !== undefined) ??
    containers.find(({ exitCode }) => exitCode === 137) ??
    containers.find(({ exitCode }) => exitCode !== undefined)
  );
}

function exitText({ exitCode, reason }: StoppedContainer): string {
  const exit = exitCode === undefined ? 'never started' : `exit code ${exitCode}`;
  return reason === undefined ? exit : `${exit}, ${reason}`;
}

function firstRule(texts: readonly string[]): Omit<Rule, 'pattern'> | undefined {
  for (const { pattern, code, summary, hint } of RULES) {
    for (const text of texts) {
      const match = pattern.exec(text);
      if (match === null) continue;
      const fill = (words: string) => words.replaceAll('$1', match[1] ?? '');
      return { code, summary: fill(summary), hint: fill(hint) };
    }
  }
  return undefined;
}
