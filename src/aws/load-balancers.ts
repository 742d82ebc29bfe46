import type {
  Action,
  RuleCondition,
  TargetGroup as ElbTargetGroup,
  TargetHealthDescription,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import type {
  BalancerPlace,
  HealthCheck,
  TargetGroup,
  TargetHealth,
} from '../core/load-balancer.ts';
import { loadBalancingClient } from './client.ts';
import type { Aws } from './client.ts';
import { whole } from './ecs.ts';

/** The SDK's commands and the client, loaded with the first call. */
async function open(aws: Aws) {
  const [sdk, client] = await Promise.all([
    import('./sdk/load-balancers.ts'),
    loadBalancingClient(aws),
  ]);
  return { sdk, client, abort: { abortSignal: aws.options.signal } };
}

/** Reads all pages of a list. */
async function readPages<T>(
  read: (marker: string | undefined) => Promise<{ items: readonly T[]; next: string | undefined }>,
): Promise<readonly T[]> {
  const all: T[] = [];
  let marker: string | undefined;
  do {
    const { items, next } = await read(marker);
    all.push(...items);
    marker = next;
  } while (marker);
  return all;
}

/**
 * Target groups without their deregistration delay, in the order of their ARNs. A group that does
 * not exist is an error of AWS (`TargetGroupNotFound`).
 */
export async function readTargetGroups(
  aws: Aws,
  arns: readonly string[],
): Promise<readonly TargetGroup[]> {
  const { sdk, client, abort } = await open(aws);
  const action = 'elasticloadbalancing:DescribeTargetGroups';
  const found = await readPages(async (Marker) => {
    const command = new sdk.DescribeTargetGroupsCommand({ TargetGroupArns: [...arns], Marker });
    const { TargetGroups, NextMarker } = await client.send(command, abort);
    return { items: whole(TargetGroups, action, 'TargetGroups'), next: NextMarker };
  });
  const groups = found.map((group) => toTargetGroup(group, action));
  return arns.flatMap((arn) => groups.find((group) => group.arn === arn) ?? []);
}

function toTargetGroup(group: ElbTargetGroup, action: string): TargetGroup {
  return {
    arn: whole(group.TargetGroupArn, action, 'TargetGroupArn'),
    name: whole(group.TargetGroupName, action, 'TargetGroupName'),
    targetType: group.TargetType ?? 'instance',
    check: toHealthCheck(group),
    deregistrationDelay: undefined,
    loadBalancers: group.LoadBalancerArns ?? [],
  };
}

/** What ELB leaves out has its default. */
function toHealthCheck(group: ElbTargetGroup): HealthCheck {
  const { HealthCheckPort = 'traffic-port', Matcher } = group;
  return {
    protocol: group.HealthCheckProtocol ?? group.Protocol ?? 'HTTP',
    port: /^\d+$/.test(HealthCheckPort) ? Number(HealthCheckPort) : undefined,
    path: group.HealthCheckPath,
    matcher: Matcher?.HttpCode ?? Matcher?.GrpcCode,
    interval: group.HealthCheckIntervalSeconds ?? 30,
    timeout: group.HealthCheckTimeoutSeconds ?? 5,
    healthyThreshold: group.HealthyThresholdCount ?? 5,
    unhealthyThreshold: group.UnhealthyThresholdCount ?? 2,
  };
}

/** Seconds for which the targets of a group drain at most: 300 by default. */
export async function readDeregistrationDelay(aws: Aws, targetGroup: string): Promise<number> {
  const { sdk, client, abort } = await open(aws);
  const command = new sdk.DescribeTargetGroupAttributesCommand({ TargetGroupArn: targetGroup });
  const { Attributes } = await client.send(command, abort);
  const attributes = whole(
    Attributes,
    'elasticloadbalancing:DescribeTargetGroupAttributes',
    'Attributes',
  );
  const delay = attributes.find(({ Key }) => Key === 'deregistration_delay.timeout_seconds')?.Value;
  return Number(delay ?? 300);
}

/** The targets of a group with their health. */
export async function readTargetHealth(
  aws: Aws,
  targetGroup: string,
): Promise<readonly TargetHealth[]> {
  const { sdk, client, abort } = await open(aws);
  const action = 'elasticloadbalancing:DescribeTargetHealth';
  const command = new sdk.DescribeTargetHealthCommand({ TargetGroupArn: targetGroup });
  const { TargetHealthDescriptions } = await client.send(command, abort);
  return whole(TargetHealthDescriptions, action, 'TargetHealthDescriptions').map((target) =>
    toTargetHealth(target, action),
  );
}

function toTargetHealth(
  { Target, TargetHealth: health }: TargetHealthDescription,
  action: string,
): TargetHealth {
  return {
    id: whole(Target?.Id, action, 'Id of a target'),
    port: Target?.Port,
    zone: Target?.AvailabilityZone,
    state: whole(health?.State, action, 'State of a target'),
    reason: health?.Reason,
    description: health?.Description ?? '',
  };
}

const DESCRIBE = 'elasticloadbalancing:DescribeLoadBalancers';

async function readBalancer(aws: Aws, arn: string) {
  const { sdk, client, abort } = await open(aws);
  const command = new sdk.DescribeLoadBalancersCommand({ LoadBalancerArns: [arn] });
  const { LoadBalancers } = await client.send(command, abort);
  return whole(LoadBalancers?.[0], DESCRIBE, 'load balancer');
}

/** The zones that a load balancer serves. */
export async function readBalancerPlace(aws: Aws, arn: string): Promise<BalancerPlace> {
  const { VpcId, AvailabilityZones } = await readBalancer(aws, arn);
  const zones = whole(AvailabilityZones, DESCRIBE, 'AvailabilityZones');
  return {
    arn,
    vpc: VpcId,
    subnets: zones.map(({ ZoneName, SubnetId }) => ({
      zone: whole(ZoneName, DESCRIBE, 'ZoneName'),
      subnet: whole(SubnetId, DESCRIBE, 'SubnetId'),
    })),
  };
}

/** The host name of a load balancer. */
async function readHost(aws: Aws, arn: string): Promise<string> {
  return whole((await readBalancer(aws, arn)).DNSName, DESCRIBE, 'DNSName');
}

/** A listener rule, or the listener of a Network Load Balancer. */
interface Route {
  /** ARN of the listener. */
  readonly listener: string;
  /** Percentage of the traffic by the ARN of the target group. */
  readonly traffic: ReadonlyMap<string, number>;
  readonly conditions: readonly RuleCondition[];
}

/** ARN of a rule's listener: `…:listener/app/NAME/ID/ID` of `…:listener-rule/app/NAME/ID/ID/ID`. */
function listenerOf(rule: string): string {
  return rule.replace(/:listener-rule\/(.*)\/[^/]+$/, ':listener/$1');
}

async function readRoute(aws: Aws, arn: string): Promise<Route> {
  if (!arn.includes(':listener-rule/')) {
    const { traffic } = await readListener(aws, arn);
    return { listener: arn, traffic, conditions: [] };
  }
  const { sdk, client, abort } = await open(aws);
  const action = 'elasticloadbalancing:DescribeRules';
  const { Rules } = await client.send(new sdk.DescribeRulesCommand({ RuleArns: [arn] }), abort);
  const { Actions = [], Conditions = [] } = whole(Rules?.[0], action, 'rule');
  return { listener: listenerOf(arn), traffic: trafficOf(Actions), conditions: Conditions };
}

async function readListener(aws: Aws, arn: string) {
  const { sdk, client, abort } = await open(aws);
  const action = 'elasticloadbalancing:DescribeListeners';
  const command = new sdk.DescribeListenersCommand({ ListenerArns: [arn] });
  const { Listeners } = await client.send(command, abort);
  const listener = whole(Listeners?.[0], action, 'listener');
  return {
    loadBalancer: whole(listener.LoadBalancerArn, action, 'LoadBalancerArn'),
    port: whole(listener.Port, action, 'Port'),
    protocol: listener.Protocol ?? 'HTTP',
    traffic: trafficOf(listener.DefaultActions ?? []),
  };
}

/** An action names one target group, or several with weights of any size. */
function trafficOf(actions: readonly Action[]): ReadonlyMap<string, number> {
  const forward = actions.find(({ Type }) => Type === 'forward');
  const groups = forward?.ForwardConfig?.TargetGroups ?? [];
  const sum = groups.reduce((total, { Weight = 1 }) => total + Weight, 0);
  const alone = forward?.TargetGroupArn;
  if (groups.length === 0) return new Map(alone === undefined ? [] : [[alone, 100]]);
  return new Map(
    groups.flatMap(({ TargetGroupArn, Weight = 1 }) =>
      TargetGroupArn === undefined ? [] : [[TargetGroupArn, sum === 0 ? 0 : (100 * Weight) / sum]],
    ),
  );
}

/** Percentage of the traffic that each target group gets through a rule, or through a listener. */
export async function readTraffic(aws: Aws, rule: string): Promise<ReadonlyMap<string, number>> {
  return (await readRoute(aws, rule)).traffic;
}

/** How a client reaches the tasks behind a listener rule. */
export interface RuleAddress {
  /** E.g. `https://test.example.com:8443/`; without a scheme for a Network Load Balancer: `HOST:PORT`. */
  readonly url: string;
  /** Headers that a request needs besides, where the rule asks for them. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** Host name of the load balancer: a request to it needs the host of `url` as its Host header. */
  readonly host: string;
}

/**
 * The address behind the test rule of a service that shifts traffic
 * (`LoadBalancer.shift.testRule`): scheme and port of its listener, host, path and headers of its
 * conditions; conditions with wildcards count only as far as they are literal. Needs
 * `elasticloadbalancing:DescribeRules`, `DescribeListeners` and `DescribeLoadBalancers`; throws what
 * AWS answers, so that the caller wraps it in `optional`.
 */
export async function readRuleAddress(aws: Aws, rule: string): Promise<RuleAddress> {
  const { listener, conditions } = await readRoute(aws, rule);
  const { loadBalancer, port, protocol } = await readListener(aws, listener);
  const host = await readHost(aws, loadBalancer);
  return addressOf(conditions, { host, port, protocol });
}

/** The address of a listener that a rule with these conditions answers. */
export function addressOf(
  conditions: readonly RuleCondition[],
  { host, port, protocol }: { host: string; port: number; protocol: string },
): RuleAddress {
  const valuesOf = (field: string): readonly string[] => {
    const condition = conditions.find(({ Field }) => Field === field);
    return (
      condition?.HostHeaderConfig?.Values ??
      condition?.PathPatternConfig?.Values ??
      condition?.Values ??
      []
    );
  };
  const isLiteral = (text: string) => !/[*?]/.test(text);
  const named = valuesOf('host-header').find(isLiteral) ?? host;
  const [pattern = '/'] = valuesOf('path-pattern');
  const path = pattern.replace(/[*?].*$/, '');
  const scheme = { HTTP: 'http', HTTPS: 'https' }[protocol];
  const isUsual = port === { HTTP: 80, HTTPS: 443 }[protocol];
  const headers = conditions.flatMap(({ HttpHeaderConfig }) => {
    const { HttpHeaderName: name, Values = [] } = HttpHeaderConfig ?? {};
    const value = Values.find(isLiteral);
    return name === undefined || value === undefined ? [] : [{ name, value }];
  });
  const authority = `${named}${isUsual ? '' : `:${port}`}`;
  return {
    url: scheme === undefined ? authority : `${scheme}://${authority}${path}`,
    headers,
    host,
  };
}
