import type { Service } from './ecs.ts';
import { explainTarget } from './load-balancer.ts';
import type { TargetFailure } from './load-balancer.ts';
import { flagsOf, nameOf } from './service-name.ts';

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

/** What ECS resolves by starting another task: no failure of what is deployed. */
const PASSING: ReadonlySet<CauseCode> = new Set(['spot-interruption', 'stopped-by-user']);
/** What fails every further task the same way. */
const FINAL: ReadonlySet<CauseCode> = new Set([
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
  /** Platforms of its image, where they were looked up, e.g. `linux/arm64`. */
  readonly imagePlatforms?: readonly string[] | undefined;
}

/** A task that stopped without being replaced by a newer deployment. */
export interface FailedTask {
  readonly id: string;
  readonly stopCode: string | undefined;
  readonly stoppedReason: string;
  readonly containers: readonly StoppedContainer[];
  /** Platform of the task definition, e.g. `linux/amd64`. */
  readonly platform: string;
  /** CloudWatch log groups of the task definition. */
  readonly logGroups: readonly string[];
  /** The options of ecsdeploy that name its service, for commands in hints. */
  readonly flags: string;
  /** Why its target was unhealthy, if that ended it. */
  readonly target?: TargetFailure | undefined;
}

interface Rule {
  readonly pattern: RegExp;
  readonly code: CauseCode;
  readonly summary: string;
  readonly hint: string;
}

const COMMAND_HINT =
  'check command and entryPoint in the task definition, CMD and ENTRYPOINT in the Dockerfile';
const BUILD_HINT =
  'build it for that platform (ecsdeploy push --platform $1), or set runtimePlatform in the task definition';

/**
 * Texts of ECS and of the container runtime, the most specific first
 * (docs/explanation/how-ecs-behaves.md#why-a-task-stopped). They are searched in the stopped
 * reason, in the containers' reasons and in service events. `$1` stands for the first group,
 * `$container` for the container, `$cluster`, `$service` and `$group` for names.
 */
const RULES: readonly Rule[] = [
  {
    pattern: /does not contain descriptor matching platform '([^']+)'/,
    code: 'wrong-architecture',
    summary: 'the image has no variant for $1, the platform of the task definition',
    hint: BUILD_HINT,
  },
  {
    pattern: /failed to find a descriptor for platform \{([^}]+)\}/,
    code: 'wrong-architecture',
    summary: 'the image has no variant for $1',
    hint: BUILD_HINT,
  },
  {
    pattern:
      /Windows version \S+-based image is incompatible|operating system does not match the host operating system/,
    code: 'wrong-architecture',
    summary: 'the image was built for another operating system than its host runs',
    hint: 'use a base image of the same Windows version as operatingSystemFamily in runtimePlatform, or change runtimePlatform',
  },
  {
    pattern: /exec format error/,
    code: 'wrong-architecture',
    summary: 'the program of $container was built for another CPU',
    hint: 'build the image for the platform of the task definition (ecsdeploy push --platform), or set runtimePlatform in the task definition',
  },
  {
    pattern: /toomanyrequests|pull rate limit|429 Too Many Requests/i,
    code: 'pull-rate-limited',
    summary: 'the registry limits pulls',
    hint: 'mirror the image to ECR (or a pull-through cache), or set repositoryCredentials',
  },
  {
    pattern: /no space left on device/,
    code: 'disk-full',
    summary: 'the disk of the task is full',
    hint: 'make the image smaller, or raise ephemeralStorage in the task definition',
  },
  {
    pattern:
      /pull access denied|insufficient_scope|no basic auth credentials|authentication required|role has the permissions to pull images|ecr:(?:BatchGetImage|GetAuthorizationToken|GetDownloadUrlForLayer)|CannotPull\w*ContainerError.*\b(?:401 Unauthorized|403 Forbidden)/s,
    code: 'image-pull-denied',
    summary: 'the task is not allowed to pull the image',
    hint: 'give the execution role ecr:GetAuthorizationToken, ecr:BatchGetImage, ecr:GetDownloadUrlForLayer and ecr:BatchCheckLayerAvailability; for another account also a policy of the repository; some registries answer this way for an image that does not exist',
  },
  {
    pattern: /log group does not exist|cannot find the Amazon CloudWatch log group/,
    code: 'log-group-missing',
    summary: 'the log group of the task definition does not exist',
    hint: 'create it (aws logs create-log-group --log-group-name $group), or set awslogs-create-group and give the execution role logs:CreateLogGroup',
  },
  {
    pattern: /logs:CreateLog(?:Stream|Group)|awslogs-region is required/,
    code: 'log-group-missing',
    summary: 'the task cannot write to its log group',
    hint: 'set awslogs-region in the task definition, and give the execution role logs:CreateLogStream and logs:PutLogEvents',
  },
  {
    pattern:
      /failed to invoke EFS utils|mount\.nfs4?:|\bmount target\b|CannotCreateVolumeError|\bFSx\b.*\bmount/i,
    code: 'volume',
    summary: 'a volume could not be mounted',
    hint: 'check the security group (NFS 2049), the mount target of the subnet, access point and IAM',
  },
  {
    pattern:
      /dial (?:tcp|udp)|i\/o timeout|TLS handshake timeout|connection timed out|Client\.Timeout exceeded|request canceled while waiting for connection|context (?:deadline exceeded|canceled)|connection issue between the task|Check your (?:task )?network configuration|(?:ResourceInitialization|CannotPull\w*Container)Error.*signal: killed/s,
    code: 'network-unreachable',
    summary: 'the task has no network route to what it needs to start',
    hint: 'give the tasks a route: a public subnet needs assignPublicIp ENABLED, a private one NAT or endpoints for ecr.api, ecr.dkr, logs, secretsmanager, ssm and S3; allow 443 out in the security group',
  },
  {
    pattern:
      /unable to retrieve secret|can['’]t retrieve the secret|did not contain json key|secretsmanager:GetSecretValue|ssm:GetParameters|retrieve secrets? from/,
    code: 'secret-unavailable',
    summary: 'a secret of the task definition could not be read',
    hint: 'check its ARN, region and JSON key, and that the execution role can read it (secretsmanager:GetSecretValue, ssm:GetParameters, kms:Decrypt)',
  },
  {
    pattern: /failed to download env files/,
    code: 'secret-unavailable',
    summary: 'an environment file of the task definition could not be read',
    hint: 'check its ARN, and that the execution role can read it (s3:GetObject, s3:GetBucketLocation)',
  },
  {
    pattern:
      /CannotPull\w*ContainerError.*(?:not found|image does not exist|does not exist in the registry|manifest unknown|name unknown|invalid reference format|whether the image exists)/is,
    code: 'image-not-found',
    summary: 'the image is not in the registry',
    hint: 'push it (ecsdeploy push), or deploy a tag that exists; a lifecycle policy may have deleted it',
  },
  {
    pattern: /unable to assume the role '([^']+)'/,
    code: 'role-not-assumable',
    summary: 'ECS cannot assume the role $1',
    hint: "allow ecs-tasks.amazonaws.com to assume it in the role's trust policy",
  },
  {
    pattern: /OutOfMemory|OOM-killed|memory limit too low/i,
    code: 'out-of-memory',
    summary: '$container needed more memory than it has',
    hint: 'raise memory in the task definition (or lower the heap limit of the application)',
  },
  {
    pattern: /Spot Task was interrupted|Host EC2|maintenance on the underlying infrastructure/,
    code: 'spot-interruption',
    summary: 'AWS took the capacity back',
    hint: 'nothing is wrong with the image; mix FARGATE into the capacity providers if this is too frequent',
  },
  {
    pattern: /failed ELB health checks/,
    code: 'load-balancer-health-check',
    summary: 'the health check of the load balancer fails',
    hint: 'check path, port and matcher of the target group, the security group from load balancer to task, and healthCheckGracePeriodSeconds',
  },
  {
    pattern: /failed container health checks/,
    code: 'health-check',
    summary: "the container's own health check fails",
    hint: 'run its command in the image (does the image have curl?), and give the application time with startPeriod',
  },
  {
    pattern:
      /exec: "[^"]*": permission denied|exec: "[^"]*": is a directory|exec \S+: permission denied/,
    code: 'command-not-found',
    summary: 'the command of $container is not executable',
    hint: 'make it executable in the image: RUN chmod +x, or COPY --chmod=755',
  },
  {
    pattern:
      /executable file not found|exec: .*no such file or directory|no such file or directory.*exec|exec:.*: not found/,
    code: 'command-not-found',
    summary: 'the command of $container does not exist in the image',
    hint: COMMAND_HINT,
  },
  {
    pattern: /dependency graph|Container dependency is unhealthy/,
    code: 'application-exit',
    summary: 'a container that others depend on did not become ready',
    hint: 'check dependsOn in the task definition, and the log of the container that it names',
  },
  {
    pattern: /network interface provisioning|Create Network Interface|RESOURCE:ENI/,
    code: 'no-capacity',
    summary: 'no network interface could be created for the task',
    hint: 'free addresses in the subnets, or use larger subnets; ECS tries again',
  },
  {
    pattern: /Capacity is unavailable/,
    code: 'no-capacity',
    summary: 'there is no capacity to place a task on',
    hint: 'wait (ECS tries again), add subnets in other Availability Zones, or mix FARGATE into FARGATE_SPOT',
  },
  {
    pattern: /reached the limit on the number of|above your limit|provisioning capacity limit/i,
    code: 'no-capacity',
    summary: 'there is no capacity to place a task on: a quota of the account is reached',
    hint: 'stop tasks that are no longer needed, or ask for higher quotas in Service Quotas',
  },
  {
    pattern:
      /RESOURCE:|NO ACTIVE INSTANCES|EMPTY CAPACITY PROVIDER|insufficient (?:CPU|memory)|No Container Instances/i,
    code: 'no-capacity',
    summary: 'there is no capacity to place a task on',
    hint: 'add container instances to the cluster, or lower cpu and memory in the task definition',
  },
  {
    pattern: /unable to stop or start tasks during a deployment/,
    code: 'placement-blocked',
    summary: 'minimumHealthyPercent and maximumPercent leave no room to start or stop a task',
    hint: 'raise maximumPercent or lower minimumHealthyPercent of the service: aws ecs update-service --cluster $cluster --service $service --deployment-configuration minimumHealthyPercent=50,maximumPercent=200',
  },
  {
    pattern: /reason (\d+) tasks? under protection/,
    code: 'placement-blocked',
    summary: 'scale-in protection keeps $1 old tasks running',
    hint: "wait until they finish their work, or remove the protection: aws ecs update-task-protection --cluster $cluster --no-protection-enabled --tasks $(aws ecs list-tasks --cluster $cluster --service-name $service --query 'taskArns[]' --output text)",
  },
  {
    pattern:
      /MemberOf placement constraint|is missing an attribute|already using a port|port is already allocated|\bATTRIBUTE\b|encountered error "AGENT"|TaskFailedToStart: AGENT|not compatible with the selected compute strategy/,
    code: 'placement-blocked',
    summary: 'no container instance can run the task',
    hint: 'compare placement constraints, ports and requiresCompatibilities of the task definition with the instances of the cluster',
  },
];

/**
 * Reasons for which ECS ends a deployment in stages
 * (docs/explanation/how-ecs-behaves.md#strategies-and-pauses). `$1` and `$2` stand for the groups.
 */
const REASONS: readonly Rule[] = [
  {
    pattern: /(\w+) lifecycle hook\(s\) failed\..*?:function:([\w-]+)\S* returned FAILED status/s,
    code: 'unknown',
    summary: 'the Lambda hook $2 refused the deployment at $1',
    hint: 'read why in its log: aws logs tail /aws/lambda/$2',
  },
  {
    pattern: /unable to assume role (\S+?)\.?(?:\s|$)/,
    code: 'role-not-assumable',
    summary: 'ECS cannot assume the role $1 of a lifecycle hook',
    hint: "allow ecs.amazonaws.com to assume it in the role's trust policy, and let it call lambda:InvokeFunction",
  },
  {
    pattern: /unable to invoke hook target (?:\S+:function:)?([\w-]+)/,
    code: 'unknown',
    summary: 'ECS could not call the Lambda hook $1',
    hint: 'check that the function exists, and that the role of the hook allows lambda:InvokeFunction on it',
  },
  {
    pattern: /unable to parse the response from (?:\S+:function:)?([\w-]+)/,
    code: 'unknown',
    summary: 'the Lambda hook $1 gave no valid answer',
    hint: 'let it return {"hookStatus": "SUCCEEDED"}, "FAILED" or "IN_PROGRESS"; its log: aws logs tail /aws/lambda/$1',
  },
  {
    pattern: /(\w+) pause hook timed out/,
    code: 'unknown',
    summary: 'nobody approved the deployment at $1 in time',
    hint: 'deploy again, and answer the pause with: ecsdeploy continue $flags',
  },
  {
    pattern: /invalid networking configuration/,
    code: 'unknown',
    summary: 'ECS cannot shift traffic: a target group is not in the listener rules of the service',
    hint: 'put both target groups, targetGroupArn and alternateTargetGroupArn, into the forward action of productionListenerRule or testListenerRule',
  },
  {
    pattern: /^HOOK_EXECUTION_FAILURE\b.*; (\w+)(?:: |$)/s,
    code: 'unknown',
    summary: 'the Lambda hook at $1 failed',
    hint: 'read why in the log of its function, which must answer with codedeploy:PutLifecycleEventHookExecutionStatus within an hour',
  },
  {
    pattern: /^ELASTIC_LOAD_BALANCING_INVALID\b/,
    code: 'unknown',
    summary: 'the production listener does not forward to the target group of the running tasks',
    hint: 'let it forward to the target group of the PRIMARY task set; infrastructure code that resets the listener is a common reason',
  },
  {
    pattern: /^IAM_ROLE_(?:PERMISSIONS|MISSING)\b/,
    code: 'unknown',
    summary: 'the service role of the deployment group lacks a permission',
    hint: 'attach the managed policy AWSCodeDeployRoleForECS to it',
  },
  {
    pattern: /^ALARM_ACTIVE\b/,
    code: 'unknown',
    summary: 'an alarm of the deployment group stopped the deployment',
    hint: 'see which: aws cloudwatch describe-alarms --state-value ALARM',
  },
];

/** What exit codes mean by themselves (docs/explanation/how-ecs-behaves.md#exit-codes). */
const EXIT_MEANING: Readonly<Record<number, string>> = {
  0: 'the main process exited; a service must keep running',
  134: 'it aborted (SIGABRT)',
  137: 'it was killed (SIGKILL): out of memory, or did not exit within stopTimeout',
  139: 'it crashed (SIGSEGV)',
  143: 'it was ended by SIGTERM',
  255: 'its entry point or the container runtime failed',
};

/** Stop codes of AWS that are no fault of the task. */
const TAKEN_BACK: ReadonlySet<string | undefined> = new Set([
  'SpotInterruption',
  'TerminationNotice',
  'InfrastructureHealth',
]);

type Words = Omit<Cause, 'evidence' | 'tasks'>;

/** Finds why one task failed; `unknown` keeps the words of AWS as the summary. */
export function diagnoseTask(task: FailedTask): Cause {
  const dead = deadContainer(task);
  const target = task.target && explainTarget(task.target);
  return {
    ...wordsOf(task, dead),
    ...(target && { summary: target.summary, hint: target.hint }),
    evidence: [
      task.stoppedReason,
      ...(target?.evidence ?? []),
      ...(dead === undefined ? [] : evidenceOf(dead)),
    ].filter((text) => text !== ''),
    tasks: 1,
  };
}

function wordsOf(task: FailedTask, dead: StoppedContainer | undefined): Words {
  const { containers, platform, stoppedReason, stopCode, logGroups, flags } = task;
  const foreign = containers.find((container) => isForeign(container, platform));
  if (foreign !== undefined) {
    return {
      code: 'wrong-architecture',
      summary: `the image of container ${foreign.name} was built for another CPU than ${platform}`,
      hint: `build it with --platform ${platform}, or set runtimePlatform in the task definition`,
    };
  }
  const [group] = logGroups;
  const names: Names = group === undefined || logGroups.length > 1 ? {} : { group };
  const rule =
    firstRule(stoppedReason, { ...names, container: dead?.name }) ??
    containers
      .map(({ name, reason }) => firstRule(reason ?? '', { ...names, container: name }))
      .find((found) => found !== undefined);
  if (rule !== undefined) return rule;
  if (TAKEN_BACK.has(stopCode)) {
    return {
      code: 'spot-interruption',
      summary: 'AWS took the capacity back',
      hint: 'nothing is wrong with the image; ECS starts another task',
    };
  }
  if (stopCode === 'UserInitiated') {
    return {
      code: 'stopped-by-user',
      summary: 'somebody stopped the task',
      hint: `the service starts it again with the same revision; to end a deployment: ecsdeploy rollback ${flags}`,
    };
  }
  if (dead?.exitCode !== undefined) return exitWords(dead, dead.exitCode, flags);
  return {
    code: 'unknown',
    summary: stoppedReason || 'ECS gave no reason',
    hint: `read the events of the service: ecsdeploy status ${flags}`,
  };
}

function exitWords(
  { name, log, logPlace }: StoppedContainer,
  exitCode: number,
  flags: string,
): Words {
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
        ? `see the last log lines above; full log: ecsdeploy logs ${flags} --container ${name}`
        : logPlace === undefined
          ? `it wrote no log: run the image locally, and see ecsdeploy logs ${flags} --container ${name}`
          : `read its log there: ${logPlace}`,
  };
}

/** Whether a container's program is proven to be for another CPU: by its log, or by its image. */
function isForeign(container: StoppedContainer, platform: string): boolean {
  const { log, imagePlatforms } = container;
  if (log.some((text) => /exec format error/.test(text))) return true;
  return isSilentStart(container) && imagePlatforms?.includes(platform) === false;
}

/** Whether a container ended as a program for another CPU does, and left no log that proves it. */
export function isSilentStart({
  exitCode,
  log,
}: Pick<StoppedContainer, 'exitCode' | 'log'>): boolean {
  return (exitCode === 1 || exitCode === 255) && log.length === 0;
}

/** Whether the log of a failed task can still arrive and say more than its exit code. */
export function isLogLate(task: FailedTask): boolean {
  const dead = deadContainer(task);
  return (
    diagnoseTask(task).code === 'application-exit' &&
    dead?.log.length === 0 &&
    dead.logPlace === undefined
  );
}

/** The cause of targets that fail their health check before any task was stopped for it. */
export function diagnoseTarget(failure: TargetFailure): Cause {
  return { code: 'load-balancer-health-check', ...explainTarget(failure), tasks: 0 };
}
type DiagnosedService = Pick<Service, 'cluster' | 'name' | 'place'> &
  Partial<Pick<Service, 'isExpress'>>;

/** Finds the cause that an event of the service names; undefined for events without a failure. */
export function diagnoseEvent(message: string, service: DiagnosedService): Cause | undefined {
  const { isExpress = false } = service;
  if (isExpress && /deployment failed: .*\balarm\b/i.test(message)) {
    return {
      code: 'unknown',
      summary: 'the alarm of Express Mode fired: more than 1 % of the responses were 4xx or 5xx',
      hint: `find the requests that fail: ecsdeploy logs ${flagsOf(service)}; requests of bots for paths that do not exist count as well`,
      evidence: [message],
      tasks: 0,
    };
  }
  if (!/\b(?:was unable to|could not launch|failed to launch)\b/.test(message)) return undefined;
  const rule = firstRule(message, nameOf(service));
  return rule && { ...rule, evidence: [message], tasks: 0 };
}

/** Finds the cause that the reason of a service deployment names; undefined for all other reasons. */
export function diagnoseReason(
  reason: string,
  service: Pick<Service, 'cluster' | 'name' | 'place'>,
): Cause | undefined {
  const flags = flagsOf(service);
  const rule = firstRule(reason, { flags }, REASONS);
  return rule && { ...rule, evidence: [reason], tasks: 0 };
}

/** Whether a cause lies in what is deployed or where it runs, not in capacity that comes and goes. */
export function isFault({ code }: Pick<Cause, 'code'>): boolean {
  return !PASSING.has(code);
}

/** Whether a cause has failed a task: one that only an event names can still resolve itself. */
export function hasFailedTasks(cause: Pick<Cause, 'code' | 'tasks'>): boolean {
  return isFault(cause) && cause.tasks > 0;
}

/** Whether every further task will fail the same way. */
export function isFinal({ code }: Pick<Cause, 'code'>): boolean {
  return FINAL.has(code);
}

/**
 * Groups equal causes, adding up their tasks and keeping the evidence with a log, or the longest. A
 * cause that only an event names (of no task) is left out where tasks have the same code.
 */
export function groupCauses(causes: readonly Cause[]): readonly Cause[] {
  const groups = new Map<string, Cause>();
  for (const cause of causes) {
    const key = causeKey(cause);
    const known = groups.get(key) ?? { ...cause, tasks: 0 };
    const { evidence, hint } = saysMore(cause, known) ? cause : known;
    groups.set(key, { ...known, evidence, hint, tasks: known.tasks + cause.tasks });
  }
  const told = new Set(causes.filter(({ tasks }) => tasks > 0).map(({ code }) => code));
  return [...groups.values()].filter(({ code, tasks }) => tasks > 0 || !told.has(code));
}

function saysMore(cause: Cause, known: Cause): boolean {
  if (hasLog(cause) !== hasLog(known)) return hasLog(cause);
  return cause.evidence.length > known.evidence.length;
}

/** Whether the evidence of a cause quotes log lines. */
export function hasLog({ evidence }: Pick<Cause, 'evidence'>): boolean {
  return evidence.some((text) => text.startsWith('| '));
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

/** Names that the words of a rule mention. */
type Names = Readonly<
  Partial<Record<'container' | 'cluster' | 'service' | 'group' | 'flags', string>>
>;

function firstRule(text: string, names: Names, rules = RULES): Words | undefined {
  for (const { pattern, code, summary, hint } of rules) {
    const match = pattern.exec(text);
    if (match === null) continue;
    const { container } = names;
    const words: Readonly<Record<string, string | undefined>> = {
      group: 'NAME',
      ...names,
      container: container === undefined ? 'a container' : `container ${container}`,
      1: match[1],
      2: match[2],
    };
    const fill = (template: string) =>
      template.replaceAll(/\$(\w+)/g, (_, name: string) => String(words[name]));
    return { code, summary: fill(summary), hint: fill(hint) };
  }
  return undefined;
}
