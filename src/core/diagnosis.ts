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

/** What ECS mends by starting another task: no failure of what is deployed. */
const PASSING: ReadonlySet<CauseCode> = new Set(['spot-interruption', 'stopped-by-user']);
/** What no further task can mend. */
const INCURABLE: ReadonlySet<CauseCode> = new Set([
  'wrong-architecture',
  'image-not-found',
  'command-not-found',
]);

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
  /** Where its log goes instead of CloudWatch, e.g. `splunk`. */
  readonly logPlace?: string | undefined;
  /** Platforms that its image is built for, where that was looked up, e.g. `linux/arm64`. */
  readonly imagePlatforms?: readonly string[] | undefined;
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

const ROUTE_HINT =
  'give the tasks a route: a public subnet needs assignPublicIp ENABLED, a private one NAT or endpoints for ecr.api, ecr.dkr, logs, secretsmanager, ssm and S3; allow 443 out in the security group';
const COMMAND_HINT =
  'check command and entryPoint in the task definition, CMD and ENTRYPOINT in the Dockerfile';
const CAPACITY_HINT =
  'add instances or another subnet and capacity provider, or ask for higher quotas';

/**
 * Texts of ECS and of the container runtime, the most specific first (ecs-facts 5.3). They are
 * looked for in the stopped reason, in the containers' reasons and in service events. `$1` stands
 * for the first group, `$container` for the container.
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
    pattern: /logs:CreateLog(?:Stream|Group)|awslogs-region is required/,
    code: 'log-group-missing',
    summary: 'the task cannot write to its log group',
    hint: 'name awslogs-region in the task definition, and allow logs:CreateLogStream and logs:PutLogEvents to the execution role',
  },
  {
    pattern:
      /dial (?:tcp|udp)|i\/o timeout|TLS handshake timeout|connection timed out|Client\.Timeout exceeded|request canceled while waiting for connection|context (?:deadline exceeded|canceled)|connection issue between the task|Check your (?:task )?network configuration/,
    code: 'network-unreachable',
    summary: 'the task has no network route to what it needs to start',
    hint: ROUTE_HINT,
  },
  {
    pattern:
      /unable to retrieve secret|can['’]t retrieve the secret|did not contain json key|secretsmanager:GetSecretValue|ssm:GetParameters|retrieve secrets? from/,
    code: 'secret-unavailable',
    summary: 'a secret of the task definition could not be read',
    hint: 'check its ARN, region and JSON key, and that the execution role may read it (secretsmanager:GetSecretValue, ssm:GetParameters, kms:Decrypt)',
  },
  {
    pattern: /failed to download env files/,
    code: 'secret-unavailable',
    summary: 'an environment file of the task definition could not be read',
    hint: 'check its ARN, and that the execution role may read it (s3:GetObject, s3:GetBucketLocation)',
  },
  {
    pattern:
      /CannotPullContainerError.*(?:not found|image does not exist|manifest unknown|whether the image exists)/is,
    code: 'image-not-found',
    summary: 'the image is not in the registry',
    hint: 'push it (ecsdeploy push), or deploy a tag that exists; a lifecycle policy may have deleted it',
  },
  {
    pattern: /unable to assume the role '([^']+)'/,
    code: 'role-not-assumable',
    summary: 'ECS cannot assume the role $1',
    hint: "let ecs-tasks.amazonaws.com assume it in the role's trust policy",
  },
  {
    pattern: /\bEFS\b|\bfsx|CannotCreateVolumeError|mount target/i,
    code: 'volume',
    summary: 'a volume could not be mounted',
    hint: 'check the security group (NFS 2049), the mount target of the subnet, access point and IAM',
  },
  {
    pattern: /OutOfMemory/i,
    code: 'out-of-memory',
    summary: '$container needed more memory than it has',
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
    pattern:
      /exec: "[^"]*": permission denied|exec: "[^"]*": is a directory|exec \S+: permission denied/,
    code: 'command-not-found',
    summary: 'the command of $container may not be run',
    hint: 'make it executable in the image: RUN chmod +x, or COPY --chmod=755',
  },
  {
    pattern: /executable file not found|no such file or directory.*exec|exec:.*: not found/,
    code: 'command-not-found',
    summary: 'the command of $container does not exist in the image',
    hint: COMMAND_HINT,
  },
  {
    pattern: /dependency graph/,
    code: 'application-exit',
    summary: 'a container that others depend on did not get ready',
    hint: 'look at dependsOn in the task definition, and at the log of the container it names',
  },
  {
    pattern: /network interface provisioning|Create Network Interface|RESOURCE:ENI/,
    code: 'no-capacity',
    summary: 'no network interface could be made for the task',
    hint: 'free addresses in the subnets, or name larger ones; ECS tries again',
  },
  {
    pattern:
      /Capacity is unavailable|RESOURCE:|NO ACTIVE INSTANCES|EMPTY CAPACITY PROVIDER|insufficient (?:CPU|memory)|No Container Instances|reached the limit on the number of|above your limit|provisioning capacity limit/i,
    code: 'no-capacity',
    summary: 'there is no capacity to place a task on',
    hint: CAPACITY_HINT,
  },
  {
    pattern: /unable to stop or start tasks during a deployment/,
    code: 'placement-blocked',
    summary: 'minimumHealthyPercent and maximumPercent leave no room to start or stop a task',
    hint: 'raise maximumPercent or lower minimumHealthyPercent of the service: aws ecs update-service --cluster CLUSTER --service SERVICE --deployment-configuration minimumHealthyPercent=50,maximumPercent=200',
  },
  {
    pattern: /reason (\d+) tasks? under protection/,
    code: 'placement-blocked',
    summary: 'scale-in protection keeps $1 old tasks running',
    hint: 'wait until they end their work, or take the protection off: aws ecs update-task-protection --cluster CLUSTER --tasks TASK --no-protection-enabled',
  },
  {
    pattern:
      /MemberOf placement constraint|is missing an attribute|already using a port|\bATTRIBUTE\b|encountered error "AGENT"|TaskFailedToStart: AGENT|not compatible with the selected compute strategy/,
    code: 'placement-blocked',
    summary: 'no container instance may take the task',
    hint: 'compare placement constraints, ports and requiresCompatibilities of the task definition with the instances of the cluster',
  },
];

/** What exit codes say of themselves (ecs-facts 5.4). */
const EXIT_MEANING: Readonly<Record<number, string>> = {
  0: 'its main process returned: a service must not end',
  134: 'it aborted (SIGABRT)',
  137: 'it was killed (SIGKILL): out of memory, or deaf to SIGTERM until stopTimeout was over',
  139: 'it crashed (SIGSEGV)',
  143: 'it was ended by SIGTERM',
  255: 'its entry point or the container runtime failed',
};

const FORMAT_ERROR = /exec format error/;

/** Finds why one task failed; `unknown` keeps AWS's own words as the summary. */
export function diagnoseTask(task: FailedTask): Cause {
  const dead = deadContainer(task);
  const cause = (words: Omit<Cause, 'evidence' | 'tasks'>): Cause => ({
    ...words,
    evidence: [task.stoppedReason, ...(dead === undefined ? [] : evidenceOf(dead))].filter(
      (text) => text !== '',
    ),
    tasks: 1,
  });
  const foreign = task.containers.find((container) => isForeign(container, task.platform));
  if (foreign !== undefined) {
    return cause({
      code: 'wrong-architecture',
      summary: `the image of container ${foreign.name} was built for another CPU than ${task.platform}`,
      hint: `build it with --platform ${task.platform}, or set runtimePlatform in the task definition`,
    });
  }
  const reasons = task.containers.filter(({ reason }) => reason !== undefined);
  const rule =
    firstRule([task.stoppedReason], dead) ??
    reasons
      .map((container) => firstRule([container.reason ?? ''], container))
      .find((found) => found !== undefined);
  if (rule !== undefined) return cause(rule);
  if (task.stopCode === 'UserInitiated') {
    return cause({
      code: 'stopped-by-user',
      summary: 'somebody stopped the task',
      hint: 'the service starts it again with the revision it belongs to; to end a deployment: ecsdeploy rollback',
    });
  }
  if (dead?.exitCode !== undefined) return cause(exitCause(dead, dead.exitCode));
  return cause({
    code: 'unknown',
    summary: task.stoppedReason || 'ECS gave no reason',
    hint: 'read the events of the service: ecsdeploy status',
  });
}

function exitCause(
  { name, log, logPlace }: StoppedContainer,
  exitCode: number,
): Omit<Cause, 'evidence' | 'tasks'> {
  if (exitCode === 126 || exitCode === 127) {
    return {
      code: 'command-not-found',
      summary: `the command of container ${name} cannot be run (exit code ${exitCode})`,
      hint: COMMAND_HINT,
    };
  }
  const meaning = EXIT_MEANING[exitCode];
  return {
    code: 'application-exit',
    summary: `container ${name} ended with exit code ${exitCode}${meaning === undefined ? '' : `: ${meaning}`}`,
    hint:
      log.length > 0
        ? `mend what its last log lines name; more of them: ecsdeploy logs --container ${name}`
        : logPlace === undefined
          ? `it wrote no log: run the image by hand, and see ecsdeploy logs --container ${name}`
          : `read its log there: ${logPlace}`,
  };
}

/** Whether a container's program is proven to be for another CPU: by its log, or by its image. */
function isForeign(container: StoppedContainer, platform: string): boolean {
  const { log, imagePlatforms } = container;
  if (log.some((text) => FORMAT_ERROR.test(text))) return true;
  return isSilentStart(container) && imagePlatforms?.includes(platform) === false;
}

/** Whether a container died as a program for another CPU does, and left no log to tell it by. */
export function isSilentStart({ exitCode, log }: StoppedContainer): boolean {
  return (exitCode === 1 || exitCode === 255) && log.length === 0;
}

/** Finds the cause that an event of the service names; undefined for events that tell of no failure. */
export function diagnoseEvent(message: string): Cause | undefined {
  if (!/\b(?:was unable to|could not launch|failed to launch)\b/.test(message)) return undefined;
  const rule = firstRule([message], undefined);
  return rule && { ...rule, evidence: [message], tasks: 0 };
}

/** Whether a cause lies in what is deployed or where it runs, not in capacity that comes and goes. */
export function isFault({ code }: Pick<Cause, 'code'>): boolean {
  return !PASSING.has(code);
}

/** Whether a cause has failed a task: what an event alone tells may still mend itself. */
export function hasFailedTasks(cause: Pick<Cause, 'code' | 'tasks'>): boolean {
  return isFault(cause) && cause.tasks > 0;
}

/** Whether every further task will end the same way. */
export function isIncurable({ code }: Pick<Cause, 'code'>): boolean {
  return INCURABLE.has(code);
}

/**
 * Groups equal causes, adding up their tasks and keeping the evidence that says most. What an event
 * told (of no task) is left out where tasks tell the same.
 */
export function groupCauses(causes: readonly Cause[]): readonly Cause[] {
  const groups = new Map<string, Cause>();
  for (const cause of causes) {
    const key = causeKey(cause);
    const known = groups.get(key) ?? { ...cause, tasks: 0 };
    const { evidence, hint } = cause.evidence.length > known.evidence.length ? cause : known;
    groups.set(key, { ...known, evidence, hint, tasks: known.tasks + cause.tasks });
  }
  const told = new Set(causes.filter(({ tasks }) => tasks > 0).map(({ code }) => code));
  return [...groups.values()].filter(({ code, tasks }) => tasks > 0 || !told.has(code));
}

/** What equal causes share. */
export function causeKey({ code, summary }: Cause): string {
  return `${code} ${summary}`;
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

function evidenceOf(container: StoppedContainer): string[] {
  const { name, exitCode, reason, log, logPlace, imagePlatforms } = container;
  const exit = exitCode === undefined ? 'never started' : `exit code ${exitCode}`;
  return [
    `container ${name}: ${reason === undefined ? exit : `${exit}, ${reason}`}`,
    ...log.map((text) => `| ${text}`),
    ...(logPlace === undefined ? [] : [`its log goes to ${logPlace}`]),
    ...(imagePlatforms === undefined
      ? []
      : [`its image is built for ${imagePlatforms.join(', ')}`]),
  ];
}

function firstRule(
  texts: readonly string[],
  container: StoppedContainer | undefined,
): Omit<Rule, 'pattern'> | undefined {
  for (const { pattern, code, summary, hint } of RULES) {
    for (const text of texts) {
      const match = pattern.exec(text);
      if (match === null) continue;
      const who = container === undefined ? 'a container' : `container ${container.name}`;
      const fill = (words: string) =>
        words.replaceAll('$1', match[1] ?? '').replaceAll('$container', who);
      return { code, summary: fill(summary), hint: fill(hint) };
    }
  }
  return undefined;
}
