import { ok } from './checks.ts';
import type { Answer } from './checks.ts';
import type { LoadBalancer, Service } from './ecs.ts';
import {
  describeGroup,
  enoughGrace,
  explainTarget,
  secondsToAnswer,
  targetFailures,
  targetPlace,
} from './load-balancer.ts';
import type { GroupHealth } from './load-balancer.ts';
import { flagsOf } from './service-name.ts';

import type { JsonObject } from './task-definition.ts';

// Checks of the load balancer, which can only warn: what they see is what runs now.

/** Whether tasks of a definition can become healthy in the target groups of a service. */
export function checkTargetGroups(
  service: Service,
  definition: JsonObject,
  health: readonly GroupHealth[],
): Answer {
  for (const { group } of health) {
    const { startPeriod } = targetPlace(service, group.arn, definition);
    const limit = secondsToAnswer(group.check, service.gracePeriod);
    if (startPeriod <= limit) continue;
    const grace = enoughGrace(group.check, startPeriod);
    return {
      status: 'warn',
      message: `A container has ${startPeriod}s to start (startPeriod), but ECS replaces a task that the target group ${group.name} finds unhealthy after ${limit}s: tasks that need longer start again and again.`,
      hint: `aws ecs update-service ${flagsOf(service)} --health-check-grace-period-seconds ${grace}`,
    };
  }
  const idle = health.find(({ group }) => group.loadBalancers.length === 0);
  if (idle !== undefined) {
    return {
      status: 'warn',
      message: `No load balancer sends traffic to the target group ${idle.group.name}: its targets never become healthy.`,
      hint: `add a listener rule that forwards to it: ${idle.group.arn}`,
    };
  }
  const [failure] = targetFailures(health, undefined, service, definition);
  if (failure !== undefined) {
    const { summary, hint } = explainTarget(failure);
    return { status: 'warn', message: `Some targets are not healthy now: ${summary}.`, hint };
  }
  return ok(
    health
      .map(({ group }) => {
        const { port } = targetPlace(service, group.arn, definition);
        return describeGroup(group, port, service.gracePeriod);
      })
      .join('; '),
  );
}

/**
 * Whether the production rule sends all traffic to the target group that the running revision uses.
 * ECS does not compare them before it shifts traffic
 * (docs/explanation/load-balancers.md#listener-rules-of-bluegreen-services).
 */
export function checkListenerRule(
  { targetGroup, shift }: LoadBalancer,
  used: string,
  traffic: ReadonlyMap<string, number>,
): Answer {
  const rule = shift?.productionRule ?? '';
  const name = (arn: string) => arn.split('/')[1] ?? arn;
  if (traffic.get(used) === 100) return ok(`all traffic goes to ${name(used)}`);
  const shares = [...traffic]
    .filter(([, share]) => share > 0)
    .map(([arn, share]) => `${Math.round(share)} % to ${name(arn)}`);
  const groups = [targetGroup, shift?.alternateTargetGroup].flatMap((arn) => arn ?? []);
  const weights = groups.map((arn) => ({ TargetGroupArn: arn, Weight: arn === used ? 100 : 0 }));
  const action = JSON.stringify([{ Type: 'forward', ForwardConfig: { TargetGroups: weights } }]);
  return {
    status: 'warn',
    message: `The production listener rule sends ${shares.length === 0 ? 'no traffic to a target group' : shares.join(' and ')}, but the running revision is in ${name(used)}: something other than ECS has changed the rule, and ECS does not notice it.`,
    hint: rule.includes(':listener-rule/')
      ? `set it back: aws elbv2 modify-rule --rule-arn ${rule} --actions '${action}'`
      : `set it back: aws elbv2 modify-listener --listener-arn ${rule} --default-actions '${action}'`,
  };
}
