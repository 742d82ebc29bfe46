import type { LoadBalancer, Service, Task } from './ecs.ts';
import { flagsOf } from './service-name.ts';
import { containersOf } from './task-definition.ts';
import type { JsonObject } from './task-definition.ts';

/** A target group, and how its targets are checked; times in seconds. */
export interface TargetGroup {
  readonly arn: string;
  readonly name: string;
  /** `ip` for addresses, `instance` for instances with a port. */
  readonly targetType: string;
  readonly check: HealthCheck;
  /** For how long a target drains at most; undefined where it cannot be read. */
  readonly deregistrationDelay: number | undefined;
  /** ARNs of the load balancers with a listener rule that leads to it. */
  readonly loadBalancers: readonly string[];
}

/** The health check of a target group; times in seconds. */
export interface HealthCheck {
  /** E.g. `HTTP`, `HTTPS`, `TCP`. */
  readonly protocol: string;
  /** Undefined for the port that receives the traffic. */
  readonly port: number | undefined;
  /** Undefined for a check that only connects. */
  readonly path: string | undefined;
  /** Status codes that count as success, e.g. `200-299`; undefined for a check that only connects. */
  readonly matcher: string | undefined;
  readonly interval: number;
  readonly timeout: number;
  /** Successful checks in a row after which an unhealthy target is healthy. */
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
}

/** A target of a target group, and its health (docs/explanation/load-balancers.md#target-health). */
export interface TargetHealth {
  /** An address, or the id of an instance. */
  readonly id: string;
  readonly port: number | undefined;
  /** Availability Zone; undefined where ELB gives none. */
  readonly zone: string | undefined;
  /** `initial`, `healthy`, `unhealthy`, `unused`, `draining`, `unhealthy.draining` or `unavailable`. */
  readonly state: string;
  /** E.g. `Target.Timeout`; undefined for a healthy target. */
  readonly reason: string | undefined;
  /** Empty where ELB gives none. */
  readonly description: string;
}

/** A target group with its targets. */
export interface GroupHealth {
  readonly group: TargetGroup;
  readonly targets: readonly TargetHealth[];
  /** Read only where a target is in a zone that its load balancer does not serve. */
  readonly place?: BalancerPlace | undefined;
}

/** Where a load balancer takes traffic. */
export interface BalancerPlace {
  readonly arn: string;
  readonly vpc: string | undefined;
  /** One subnet of each Availability Zone that it serves. */
  readonly subnets: readonly { readonly zone: string; readonly subnet: string }[];
}

/** The targets of the new tasks in one target group; times in seconds. */
export interface TargetGroupProgress {
  /** Its name. */
  readonly targetGroup: string;
  /** Of the new tasks; of all that do not drain where new and old cannot be distinguished. */
  readonly targets: number;
  readonly healthy: number;
  readonly unhealthy: number;
  /** Of old tasks: they drain for up to `deregistrationDelay`, undefined where it cannot be read. */
  readonly draining: number;
  readonly deregistrationDelay: number | undefined;
  /** Time between two health checks. */
  readonly interval: number;
  /** Successful checks in a row after which an unhealthy target is healthy. */
  readonly healthyThreshold: number;
}

/** Why a target fails its health check, as far as it is known. */
export interface TargetFailure {
  readonly targetGroup: string;
  /** Undefined where it cannot be read. */
  readonly group: TargetGroup | undefined;
  /** Port that receives the traffic. */
  readonly port: number;
  /** Reason code of ELB; undefined where only ECS reports it. */
  readonly reason: string | undefined;
  /** E.g. `Health checks failed with these codes: [502]`; empty where it is not known. */
  readonly description: string;
  readonly zone: string | undefined;
  /** Id of the EC2 instance of a target that is one; undefined where it is not known. */
  readonly instance?: string | undefined;
  /** The load balancer of a target in a zone that is not enabled; undefined where it was not read. */
  readonly place?: BalancerPlace | undefined;
  readonly service: Pick<Service, 'cluster' | 'name' | 'place' | 'gracePeriod' | 'securityGroups'>;
  /** Seconds that the container has to start, by its own health check; 0 without one. */
  readonly startPeriod: number;
}

/** The words of a failure, without its code. */
export interface TargetWords {
  readonly summary: string;
  /** One step a line. */
  readonly hint: string;
  readonly evidence: readonly string[];
}

/** Target groups that a service's tasks are registered in, both of a blue/green deployment. */
export function targetGroupsOf({ loadBalancers }: Pick<Service, 'loadBalancers'>): string[] {
  const arns = loadBalancers.flatMap(({ targetGroup, shift }) => [
    ...(targetGroup === undefined ? [] : [targetGroup]),
    ...(shift === undefined ? [] : [shift.alternateTargetGroup]),
  ]);
  return [...new Set(arns)];
}

/** Explains why targets of a service are not healthy, by what ELB or ECS says of them. */
export function explainTarget(failure: TargetFailure): TargetWords {
  const { description, service, group } = failure;
  const words = isStartTooShort(failure) ? startTooShort(failure) : wordsOf(failure);
  const isUnused = failure.reason === 'Target.NotInUse';
  const limit = isUnused ? undefined : replacedAfter(failure);
  return {
    ...words,
    evidence: [
      ...(description === '' ? [] : [description]),
      ...(group === undefined ? [] : [`health check: ${describeCheck(group, failure.port)}`]),
      ...(limit === undefined
        ? []
        : [
            `ECS replaces a task that is unhealthy ${limit}s after its start or later (healthCheckGracePeriodSeconds is ${service.gracePeriod})`,
          ]),
    ],
  };
}

/**
 * E.g. `HTTP /health on port 8080, expects 200; every 30s, unhealthy after 2 failures`. The port is
 * that of the container, so of instances only `the host port` is named.
 */
export function describeCheck(group: TargetGroup, port: number): string {
  const { check } = group;
  const { protocol, path = '', matcher, interval, unhealthyThreshold } = check;
  const traffic = hasInstances(group) ? 'the host port' : `port ${port}`;
  const where = check.port === undefined ? traffic : `port ${check.port}`;
  const expects = matcher === undefined ? '' : `, expects ${matcher}`;
  const what = [protocol, path].filter((text) => text !== '').join(' ');
  return `${what} on ${where}${expects}; every ${interval}s, unhealthy after ${unhealthyThreshold} failures`;
}

/** Seconds after its start at which ECS replaces a task that never answers; undefined if not known. */
function replacedAfter({ group, service }: TargetFailure): number | undefined {
  if (group === undefined) return undefined;
  return secondsToAnswer(group.check, service.gracePeriod);
}

/**
 * Seconds that a task has to pass a health check before ECS replaces it: until the load balancer
 * finds it unhealthy, and not before the end of the grace period.
 */
export function secondsToAnswer(
  { interval, unhealthyThreshold }: HealthCheck,
  gracePeriod: number,
): number {
  return Math.max(gracePeriod, interval * unhealthyThreshold);
}

/** A grace period with which a task that starts within `seconds` is not replaced, in whole half minutes. */
export function enoughGrace({ interval, healthyThreshold }: HealthCheck, seconds: number): number {
  return Math.ceil((seconds + interval * healthyThreshold) / 30) * 30;
}

type Words = Omit<TargetWords, 'evidence'>;

/** Whether a task is replaced before the time is over that its container has to start. */
function isStartTooShort(failure: TargetFailure): boolean {
  const limit = replacedAfter(failure);
  return limit !== undefined && failure.startPeriod > limit && !/codes/.test(failure.description);
}

function startTooShort(failure: TargetFailure): Words {
  const { startPeriod, service } = failure;
  return {
    summary: `ECS replaces the tasks before they have started: after ${replacedAfter(failure)}s, while the container has ${startPeriod}s to start (startPeriod)`,
    hint: `give them the time: ${graceCommand(service, failure.group, startPeriod)}`,
  };
}

function graceCommand(
  service: TargetFailure['service'],
  group: TargetGroup | undefined,
  seconds: number,
): string {
  const grace = group === undefined ? seconds : enoughGrace(group.check, seconds);
  return `aws ecs update-service ${flagsOf(service)} --health-check-grace-period-seconds ${grace}`;
}

/** What to do if the application is only slow: no more than a guess, so the last step. */
function ifSlow(failure: TargetFailure): string {
  const limit = replacedAfter(failure) ?? failure.service.gracePeriod;
  const command = graceCommand(failure.service, failure.group, Math.max(60, 2 * limit));
  return `if it needs more than ${limit}s to start: ${command}`;
}

function wordsOf(failure: TargetFailure): Words {
  const { description } = failure;
  const name = nameOf(failure);
  const codes = /these codes: \[([^\]]*)\]/.exec(description)?.[1];
  if (codes !== undefined) return codeWords(failure, codes);
  switch (failure.reason ?? reasonOf(description)) {
    case 'Target.Timeout':
      return timeoutWords(failure);
    case 'Target.FailedHealthChecks':
      return {
        summary: `the health check of the target group ${name} cannot connect to the tasks`,
        hint: [
          `check that the application listens on port ${portOf(failure)} of 0.0.0.0, not of 127.0.0.1, and ${isTls(failure) ? 'speaks TLS there' : 'does not expect TLS there'}`,
          ifSlow(failure),
        ].join('\n'),
      };
    case 'Target.NotInUse':
      return isElsewhere(failure) ? zoneWords(failure) : ruleWords(failure);
    case 'Target.IpUnusable':
    case 'Target.InvalidState':
    case 'Elb.InternalError':
      return {
        summary: `the target group ${name} cannot use the tasks: ${description}`,
        hint: `see its targets: ${targetsCommand(failure)}`,
      };
    default:
      return {
        summary: `the health check of the target group ${name} fails`,
        hint: [
          `see what it says: ${targetsCommand(failure)}`,
          'check path, port and matcher of the target group, and the security group from load balancer to task',
          ifSlow(failure),
        ].join('\n'),
      };
  }
}

function reasonOf(description: string): string | undefined {
  if (/timed out/.test(description)) return 'Target.Timeout';
  if (/Availability Zone|not configured to receive traffic/.test(description))
    return 'Target.NotInUse';
  return description.startsWith('Health checks failed') ? 'Target.FailedHealthChecks' : undefined;
}

const nameOf = ({ targetGroup }: TargetFailure): string =>
  /targetgroup\/([^/]+)/.exec(targetGroup)?.[1] ?? targetGroup;

const portOf = ({ group, port }: TargetFailure): number => group?.check.port ?? port;

const isTls = ({ group }: TargetFailure): boolean =>
  group?.check.protocol === 'HTTPS' || group?.check.protocol === 'TLS';

const targetsCommand = ({ targetGroup }: TargetFailure): string =>
  `aws elbv2 describe-target-health --target-group-arn ${targetGroup}`;

/** What status codes mean that health checks meet most. */
const CODES: readonly (readonly [
  codes: RegExp,
  meaning: (path: string, failure: TargetFailure) => string,
])[] = [
  [/^404\b/, (path) => `the application does not have ${path}: choose a path that it answers`],
  [
    /^30[12378]\b/,
    (path) =>
      `the application redirects ${path}, to https or to a login: choose a path that it answers itself`,
  ],
  [/^40[13]\b/, (path) => `${path} needs a login: choose a path that does not`],
  [
    /^400\b/,
    (path) =>
      `the application may refuse the Host header of the health check, which is the address of the task: allow it on ${path}`,
  ],
  [
    /^50\d\b/,
    (path, { service }) =>
      `the application, or a proxy in front of it, is not ready or fails on ${path}: ecsdeploy logs ${flagsOf(service)}`,
  ],
];

function codeWords(failure: TargetFailure, codes: string): Words {
  const { group, targetGroup } = failure;
  const path = group?.check.path ?? 'the path of the health check';
  const meaning = CODES.find(([pattern]) => pattern.test(codes))?.[1];
  const change = `aws elbv2 modify-target-group --target-group-arn ${targetGroup}`;
  const isServer = codes.startsWith('50');
  return {
    summary:
      group?.check.matcher === undefined
        ? `the health check of the target group ${nameOf(failure)} does not accept the answer of the tasks: ${codes}`
        : `the target group ${nameOf(failure)} expects ${group.check.matcher} on ${path}; the tasks answer ${codes}`,
    hint: [
      meaning?.(path, failure) ??
        `make the application answer ${group?.check.matcher ?? 'what the target group expects'} on ${path}`,
      isServer
        ? ifSlow(failure)
        : `change the check: ${change} --health-check-path PATH, or --matcher HttpCode=${[group?.check.matcher, codes].filter((text) => text !== undefined).join(',')}`,
    ].join('\n'),
  };
}

function timeoutWords(failure: TargetFailure): Words {
  const { group } = failure;
  const within = group === undefined ? 'in time' : `within ${group.check.timeout}s`;
  const path = group?.check.path;
  return {
    summary: `the tasks do not answer the health check of the target group ${nameOf(failure)} ${within}`,
    hint: [
      allowStep(failure),
      `check that the application listens on 0.0.0.0, not on 127.0.0.1, and answers ${path === undefined ? '' : `${path} `}${within}`,
      ifSlow(failure),
    ].join('\n'),
  };
}

/** How the security group lets the load balancer in: that of the tasks, or of their instances. */
function allowStep(failure: TargetFailure): string {
  const { group, instance, service } = failure;
  const groups = service.securityGroups.join(' ');
  if (group === undefined || !hasInstances(group)) {
    const rules = groups === '' ? '' : `: aws ec2 describe-security-groups --group-ids ${groups}`;
    return `allow port ${portOf(failure)} from the load balancer in the security group of the tasks${rules}`;
  }
  const which =
    instance === undefined
      ? ''
      : `: aws ec2 describe-instances --instance-ids ${instance} --query 'Reservations[].Instances[].SecurityGroups'`;
  return `allow the host ports of the tasks (32768-65535 if they are dynamic) from the load balancer in the security group of the instances${which}`;
}

function zoneWords(failure: TargetFailure): Words {
  const { zone, place, group } = failure;
  const zones = place?.subnets.map((subnet) => subnet.zone) ?? [];
  if (place !== undefined && zone !== undefined && !zones.includes(zone)) {
    const filters = [
      ...(place.vpc === undefined ? [] : [`Name=vpc-id,Values=${place.vpc}`]),
      `Name=availability-zone,Values=${zone}`,
    ];
    const subnets = place.subnets.map(({ subnet }) => subnet);
    return {
      summary: `tasks are in ${zone}; the load balancer of the target group ${nameOf(failure)} serves ${new Intl.ListFormat('en').format(zones)} only`,
      hint: [
        `choose a subnet of ${zone}: aws ec2 describe-subnets --filters ${filters.join(' ')} --query 'Subnets[].SubnetId'`,
        `add it to the load balancer: aws elbv2 set-subnets --load-balancer-arn ${place.arn} --subnets ${subnets.join(' ')} SUBNET`,
        `or remove the subnets of ${zone} from the service`,
      ].join('\n'),
    };
  }
  const [balancer] = group?.loadBalancers ?? [];
  const which = balancer === undefined ? '' : ` --load-balancer-arns ${balancer}`;
  return {
    summary: `tasks are in ${zone ?? 'an Availability Zone'}, which is not enabled for the load balancer of the target group ${nameOf(failure)}`,
    hint: [
      `see the zones of the load balancer: aws elbv2 describe-load-balancers${which} --query 'LoadBalancers[].AvailabilityZones'`,
      'add a subnet of that zone to the load balancer, or remove the subnets of that zone from the service',
    ].join('\n'),
  };
}

function ruleWords(failure: TargetFailure): Words {
  const [balancer] = failure.group?.loadBalancers ?? [];
  return {
    summary: `no listener rule sends traffic to the target group ${nameOf(failure)}`,
    hint:
      balancer === undefined
        ? 'add a listener rule that forwards to it: no load balancer uses it'
        : `add a listener rule that forwards to it: aws elbv2 describe-listeners --load-balancer-arn ${balancer}`,
  };
}

/** ARN of the target group whose health check ended a task; undefined for another stopped reason. */
export function failedGroup(stoppedReason: string): string | undefined {
  return /failed ELB health checks in \(target-group ([^)\s]+)\)/.exec(stoppedReason)?.[1];
}

/**
 * What the events of a service say of an unhealthy target: of the task, else of the last one in its
 * target group, because ECS does not repeat equal events. Empty where they say nothing.
 */
export function unhealthyReason(
  { events }: Pick<Service, 'events'>,
  targetGroup: string,
  task: string,
): string {
  const told = events.flatMap(({ message }) => {
    const [, id, group, reason] =
      /\(task (\w+)\).* is unhealthy in \(target-group ([^)\s]+)\) due to \(reason (.*)\)\.?$/.exec(
        message,
      ) ?? [];
    return group === targetGroup && reason !== undefined ? [{ id, reason }] : [];
  });
  return (told.find(({ id }) => id === task) ?? told[0])?.reason ?? '';
}

function balancerOf(
  { loadBalancers }: Pick<Service, 'loadBalancers'>,
  arn: string,
): LoadBalancer | undefined {
  const isIts = ({ targetGroup, shift }: LoadBalancer) =>
    targetGroup === arn || shift?.alternateTargetGroup === arn;
  return loadBalancers.find(isIts) ?? loadBalancers[0];
}

/** The port of the tasks that receives the traffic of a target group; 0 without a load balancer. */
export function targetPort(service: Pick<Service, 'loadBalancers'>, targetGroup: string): number {
  return balancerOf(service, targetGroup)?.port ?? 0;
}

/** What is known of every target of a service in a target group, failing or not. */
export function targetPlace(
  service: Service,
  targetGroup: string,
  definition: JsonObject,
): Pick<TargetFailure, 'targetGroup' | 'port' | 'service' | 'startPeriod'> {
  const balancer = balancerOf(service, targetGroup);
  const container = containersOf(definition).find(({ name }) => name === balancer?.container);
  const { startPeriod } = (container?.['healthCheck'] ?? {}) as { startPeriod?: unknown };
  return {
    targetGroup,
    port: balancer?.port ?? 0,
    service,
    startPeriod: typeof startPeriod === 'number' ? startPeriod : 0,
  };
}

/** Whether the targets of a group are instances with a port, and not the addresses of tasks. */
export function hasInstances({ targetType }: Pick<TargetGroup, 'targetType'>): boolean {
  return targetType === 'instance';
}

/** Ids of EC2 instances by the ARNs of their container instances. */
export type Instances = ReadonlyMap<string, string>;

/**
 * How the targets of a task are named: by its address, or by its instance and each host port
 * (`i-0a:32768`), which in the network mode `host` are those of its containers. None if not known.
 */
export function addressesOf(
  {
    address,
    containerInstance = '',
    hostPorts,
  }: Pick<Task, 'address' | 'containerInstance' | 'hostPorts'>,
  { loadBalancers }: Pick<Service, 'loadBalancers'>,
  instances: Instances,
): readonly string[] {
  if (address !== undefined) return [address];
  const instance = instances.get(containerInstance);
  if (instance === undefined) return [];
  const ports = hostPorts.length > 0 ? hostPorts : loadBalancers.map(({ port }) => port);
  return ports.map((port) => `${instance}:${port}`);
}

/** Whether a target has one of these addresses of {@link addressesOf}. */
export function isAt(
  { id, port }: Pick<TargetHealth, 'id' | 'port'>,
  addresses: Pick<ReadonlySet<string>, 'has'>,
): boolean {
  return addresses.has(id) || addresses.has(`${id}:${port}`);
}

/** Counts the targets at these addresses; all that do not drain where the addresses are not known. */
export function countTargets(
  { group, targets }: GroupHealth,
  addresses: ReadonlySet<string> | undefined,
): TargetGroupProgress {
  const own = ownTargets(targets, addresses);
  const count = (wanted: string) => own.filter(({ state }) => state === wanted).length;
  return {
    targetGroup: group.name,
    targets: own.length,
    healthy: count('healthy'),
    unhealthy: count('unhealthy'),
    draining: targets.filter(isDraining).length,
    deregistrationDelay: group.deregistrationDelay,
    interval: group.check.interval,
    healthyThreshold: group.check.healthyThreshold,
  };
}

function ownTargets(
  targets: readonly TargetHealth[],
  addresses: ReadonlySet<string> | undefined,
): readonly TargetHealth[] {
  return targets.filter(
    (target) => !isDraining(target) && (addresses === undefined || isAt(target, addresses)),
  );
}

/** What `verify` says of a target group that is in order. */
export function describeGroup(group: TargetGroup, port: number, grace: number): string {
  const seconds = secondsToAnswer(group.check, grace);
  return `${group.name}: ${describeCheck(group, port)}; ECS gives a task ${seconds}s to pass`;
}

/** Why targets of a service fail in a target group: the first one that holds it up. */
export function targetFailures(
  health: readonly GroupHealth[],
  addresses: ReadonlySet<string> | undefined,
  service: Service,
  definition: JsonObject,
): readonly TargetFailure[] {
  return health.flatMap(({ group, targets, place }) => {
    const [first] = failingTargets(ownTargets(targets, addresses), service);
    if (first === undefined) return [];
    const { reason, description, zone } = first;
    const own = targetPlace(service, group.arn, definition);
    const instance = hasInstances(group) ? first.id : undefined;
    return { ...own, group, reason, description, zone, instance, place };
  });
}

/** Whether a target that is not in use is in a zone that its load balancer does not serve. */
export function isElsewhere({ description }: Pick<TargetHealth, 'description'>): boolean {
  return /Availability Zone/.test(description);
}

/** States of a target that no longer gets new requests. */
function isDraining({ state }: Pick<TargetHealth, 'state'>): boolean {
  return state === 'draining' || state === 'unhealthy.draining';
}

/**
 * The targets that hold a service up. A group that no rule leads to is not used before traffic is
 * shifted to it, which is no problem.
 */
function failingTargets(
  targets: readonly TargetHealth[],
  { settings }: Pick<Service, 'settings'>,
): readonly TargetHealth[] {
  return targets.filter((target) => {
    const { state } = target;
    if (state === 'unhealthy') return true;
    const isIdle = settings.strategy !== 'ROLLING' && !isElsewhere(target);
    return state === 'unused' && !isIdle;
  });
}
