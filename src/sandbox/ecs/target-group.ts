// What decides when a target is healthy, and for how long it drains.

/** A target group; times in seconds. */
export interface TargetGroup {
  readonly arn: string;
  /** Whether targets are the addresses of tasks, or instances with host ports. */
  readonly targetType: 'ip' | 'instance';
  readonly protocol: string;
  readonly port: number;
  readonly path: string | undefined;
  readonly matcher: string | undefined;
  readonly interval: number;
  readonly timeout: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
  readonly deregistrationDelay: number;
  /** Whether a listener rule leads to it. */
  readonly isAttached: boolean;
}

/** The members of the start world's target groups that differ from AWS's defaults: they are quick. */
const QUICK = { interval: 10, healthyThreshold: 2, unhealthyThreshold: 2, deregistrationDelay: 20 };

/** A target group with the settings of the start world, unless others are given. */
export function makeTargetGroup(arn: string, settings: Partial<TargetGroup> = {}): TargetGroup {
  const isHttp = (settings.protocol ?? 'HTTP').startsWith('HTTP');
  return {
    arn,
    targetType: 'ip',
    protocol: 'HTTP',
    port: 80,
    path: isHttp ? '/health' : undefined,
    matcher: isHttp ? '200' : undefined,
    timeout: 5,
    isAttached: true,
    ...QUICK,
    ...settings,
  };
}

/** How the application of a task answers health checks. */
export interface TargetCourse {
  /** Seconds after its start at which it begins to answer well; infinite if it never does. */
  readonly readyAfter: number;
  /** What a check finds until then, as ELB describes it. */
  readonly failure: TargetFailure;
}

/** Reason code and description of a target that is not healthy. */
export interface TargetFailure {
  readonly reason: string;
  readonly description: string;
}

/** Times of a target's life in seconds after its registration; infinite if they never come. */
interface Times {
  readonly healthy: number;
  readonly unhealthy: number;
}

/**
 * When the checks of a target group find a target unhealthy, and healthy. A new target needs one
 * successful check, an unhealthy one as many in a row as the threshold.
 */
export function timesOf(group: TargetGroup, readyAfter: number): Times {
  const { interval, healthyThreshold, unhealthyThreshold } = group;
  const firstGood = Math.max(1, Math.ceil(readyAfter / interval));
  const failures = firstGood - 1;
  if (failures < unhealthyThreshold) return { healthy: firstGood * interval, unhealthy: Infinity };
  return {
    healthy: (firstGood + healthyThreshold - 1) * interval,
    unhealthy: unhealthyThreshold * interval,
  };
}
