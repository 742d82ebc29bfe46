import type { Ecs } from './ecs/index.ts';
import type { TargetGroup } from './ecs/target-group.ts';
import type { Target } from './ecs/targets.ts';
import { awsFault } from './wire.ts';
import type { Operation, Operations } from './wire.ts';

/** A listener. */
export interface Listener {
  readonly arn: string;
  readonly port: number;
}

/** A listener rule, whose ARN names its listener. */
export interface ListenerRule {
  readonly arn: string;
  /** Host names that it answers; all when empty. */
  readonly hosts: readonly string[];
  /** The target group that somebody made it forward to, whatever ECS says; undefined if nobody did. */
  readonly targetGroup?: string | undefined;
}

/** What the load balancer of the start world consists of. */
export interface ElbParts {
  readonly ecs: Pick<Ecs, 'targetsIn' | 'trafficThrough'>;
  readonly region: string;
  /** ARN of the load balancer. */
  readonly loadBalancer: string;
  readonly targetGroups: ReadonlyMap<string, TargetGroup>;
  readonly listeners: readonly Listener[];
  readonly rules: readonly ListenerRule[];
}

type Input = Parameters<Operation>[0];

/** The reads of Elastic Load Balancing (ELBv2): one load balancer. */
export function createElb(parts: ElbParts): Operations {
  const { ecs, region, loadBalancer, targetGroups, rules } = parts;
  const group = (arn: unknown): TargetGroup => {
    const found = targetGroups.get(String(arn));
    if (found === undefined) throw notFound('TargetGroup', 'target groups');
    return found;
  };
  const listener = (arn: string): Listener => {
    const found = parts.listeners.find((item) => item.arn === arn);
    if (found === undefined) throw notFound('Listener', 'listeners');
    return found;
  };
  const operations: Operations = {
    DescribeTargetGroups: ({ TargetGroupArns, ...input }) => {
      const found = TargetGroupArns?.map(group) ?? [...targetGroups.values()];
      const { items, NextMarker } = page<TargetGroup>(found, input);
      return { TargetGroups: items.map((item) => groupView(item, loadBalancer)), NextMarker };
    },
    DescribeTargetGroupAttributes: ({ TargetGroupArn }) => ({
      Attributes: Object.entries({
        'deregistration_delay.timeout_seconds': group(TargetGroupArn).deregistrationDelay,
        'slow_start.duration_seconds': 0,
        'stickiness.enabled': false,
      }).map(([Key, Value]) => ({ Key, Value })),
    }),
    DescribeTargetHealth: ({ TargetGroupArn }) => {
      const { arn } = group(TargetGroupArn);
      return { TargetHealthDescriptions: ecs.targetsIn(arn).map(healthView) };
    },
    DescribeLoadBalancers: ({ LoadBalancerArns, ...input }) => {
      if (LoadBalancerArns?.some((arn: string) => arn !== loadBalancer)) {
        throw notFound('LoadBalancer', 'load balancers');
      }
      const { items, NextMarker } = page([balancerView(loadBalancer, region)], input);
      return { LoadBalancers: items, NextMarker };
    },
    DescribeListeners: ({ ListenerArns, LoadBalancerArn, ...input }) => {
      if ((LoadBalancerArn ?? loadBalancer) !== loadBalancer) {
        throw notFound('Listener', 'listeners');
      }
      const found = ListenerArns?.map(listener) ?? parts.listeners;
      const { items, NextMarker } = page<Listener>(found, input);
      return {
        Listeners: items.map(({ arn, port }) => ({
          ListenerArn: arn,
          LoadBalancerArn: loadBalancer,
          Port: port,
          Protocol: 'HTTP',
        })),
        NextMarker,
      };
    },
    DescribeRules: ({ RuleArns, ListenerArn, ...input }) => {
      if (ListenerArn !== undefined) listener(ListenerArn);
      const arns = rules
        .map(({ arn }) => arn)
        .filter((arn) => ListenerArn === undefined || listenerOf(arn) === ListenerArn);
      const found = (RuleArns ?? arns).map((arn: string) => {
        const rule = rules.find((item) => item.arn === arn);
        if (rule === undefined) throw notFound('Rule', 'rules');
        return ruleView(rule, ecs.trafficThrough(arn));
      });
      const { items, NextMarker } = page(found, input);
      return { Rules: items, NextMarker };
    },
  };
  // Other regions are empty.
  return Object.fromEntries(
    Object.entries(operations).map(([name, operation]): [string, Operation] => [
      name,
      (input, context) =>
        context.region === region && targetGroups.size > 0
          ? operation(input, context)
          : inEmptyRegion(name, input),
    ]),
  );
}

/** The ARN of a rule's listener. */
function listenerOf(rule: string): string {
  return rule.replace(/:listener-rule\/(.*)\/[^/]+$/, ':listener/$1');
}

function inEmptyRegion(name: string, input: Input): unknown {
  const isNamed = Object.keys(input).some((key) => /Arns?$/.test(key));
  if (isNamed) throw notFound('TargetGroup', 'target groups');
  return { [name.replace('Describe', '')]: [] };
}

function notFound(what: string, plural: string): Error {
  return awsFault(`${what}NotFound`, `One or more ${plural} not found`);
}

/** The groups, listeners or rules of one page: up to `PageSize` from `Marker` on. */
function page<T>(items: readonly T[], { Marker = '0', PageSize = '400' }: Input) {
  const start = Number(Marker);
  if (!Number.isInteger(start))
    throw awsFault('ValidationError', `The marker '${Marker}' is not valid`);
  const end = start + Number(PageSize);
  return {
    items: items.slice(start, end),
    NextMarker: end < items.length ? String(end) : undefined,
  };
}

function groupView(group: TargetGroup, loadBalancer: string): unknown {
  const { arn, protocol, port, path, matcher } = group;
  const isHttp = path !== undefined;
  return {
    TargetGroupArn: arn,
    TargetGroupName: arn.split('/')[1],
    Protocol: protocol,
    ...(isHttp && { ProtocolVersion: 'HTTP1' }),
    Port: port,
    VpcId: 'vpc-0123456789abcdef0',
    HealthCheckProtocol: isHttp ? 'HTTP' : 'TCP',
    HealthCheckPort: 'traffic-port',
    HealthCheckEnabled: true,
    HealthCheckIntervalSeconds: group.interval,
    HealthCheckTimeoutSeconds: group.timeout,
    HealthyThresholdCount: group.healthyThreshold,
    UnhealthyThresholdCount: group.unhealthyThreshold,
    HealthCheckPath: path,
    Matcher: matcher === undefined ? undefined : { HttpCode: matcher },
    LoadBalancerArns: group.isAttached ? [loadBalancer] : [],
    TargetType: group.targetType,
    IpAddressType: 'ipv4',
  };
}

function healthView({ id, port, zone, state, reason, description }: Target): unknown {
  return {
    Target: { Id: id, Port: port, AvailabilityZone: zone },
    HealthCheckPort: port,
    TargetHealth: { State: state, Reason: reason, Description: description },
  };
}

function balancerView(arn: string, region: string): unknown {
  const name = arn.split('/')[2];
  return {
    LoadBalancerArn: arn,
    DNSName: `${name}-1234567890.${region}.elb.amazonaws.com`,
    LoadBalancerName: name,
    Scheme: 'internet-facing',
    Type: 'application',
    VpcId: 'vpc-0123456789abcdef0',
    State: { Code: 'active' },
    AvailabilityZones: ['a', 'b'].map((zone) => ({
      ZoneName: `${region}${zone}`,
      SubnetId: `subnet-0${zone}`,
    })),
    SecurityGroups: ['sg-0fedcba9876543210'],
    IpAddressType: 'ipv4',
  };
}

function ruleView(
  { arn, hosts, targetGroup }: ListenerRule,
  traffic: ReadonlyMap<string, number>,
): unknown {
  const weights = targetGroup === undefined ? [...traffic] : [[targetGroup, 100]];
  return {
    RuleArn: arn,
    Priority: arn.split('/').at(-1),
    Conditions: [
      hosts.length === 0
        ? { Field: 'path-pattern', Values: ['/*'], PathPatternConfig: { Values: ['/*'] } }
        : { Field: 'host-header', Values: hosts, HostHeaderConfig: { Values: hosts } },
    ],
    Actions: [
      {
        Type: 'forward',
        Order: 1,
        ForwardConfig: {
          TargetGroups: weights.map(([TargetGroupArn, Weight]) => ({ TargetGroupArn, Weight })),
          TargetGroupStickinessConfig: { Enabled: false },
        },
      },
    ],
    IsDefault: false,
  };
}
