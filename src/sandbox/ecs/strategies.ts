import { awsFault } from '../wire.ts';
import type {
  DeploymentConfiguration,
  LifecycleHook,
  LifecycleStage,
  LifecycleStep,
  ServiceSettings,
} from './state.ts';

// Blue/green, linear and canary deployments: their requirements and their steps.

/** Duration of the stages in simulated seconds, without hooks and bake times. */
const SECONDS: Readonly<Record<LifecycleStage, number>> = {
  RECONCILE_SERVICE: 5,
  PRE_SCALE_UP: 3,
  SCALE_UP: 0,
  POST_SCALE_UP: 3,
  TEST_TRAFFIC_SHIFT: 10,
  POST_TEST_TRAFFIC_SHIFT: 3,
  PRE_PRODUCTION_TRAFFIC_SHIFT: 3,
  PRODUCTION_TRAFFIC_SHIFT: 10,
  POST_PRODUCTION_TRAFFIC_SHIFT: 3,
  BAKE_TIME: 0,
  CLEAN_UP: 0,
};

/** Bake time with alarms and no bakeTimeInMinutes; ECS chooses one under five minutes. */
const ALARM_BAKE_SECONDS = 180;

/** Bake time in seconds; 0 if there is none. */
export function bakeSeconds({ bakeTimeInMinutes = 0, alarms }: DeploymentConfiguration): number {
  if (bakeTimeInMinutes > 0) return bakeTimeInMinutes * 60;
  return alarms?.enable === true ? ALARM_BAKE_SECONDS : 0;
}

/** The steps of a deployment; none for ROLLING. Where they are quick, they last as long as bake times. */
export function planLifecycle(
  { deploymentConfiguration, loadBalancers }: ServiceSettings,
  sourceCount: number,
  isQuick: boolean,
): readonly LifecycleStep[] {
  if (!shiftsTraffic(deploymentConfiguration)) return [];
  const hasTestTraffic = loadBalancers.some(
    (balancer) => balancer.advancedConfiguration?.testListenerRule,
  );
  const testWeight = hasTestTraffic ? 100 : 0;
  const step = (stage: LifecycleStage, test: number, production: number, bake = 0) => ({
    stage,
    seconds: (isQuick ? 0 : SECONDS[stage]) + bake,
    testWeight: test,
    productionWeight: production,
  });
  const shifts = trafficShifts(deploymentConfiguration);
  return [
    ...(sourceCount > 1 ? [step('RECONCILE_SERVICE', 0, 0)] : []),
    step('PRE_SCALE_UP', 0, 0),
    step('SCALE_UP', 0, 0),
    step('POST_SCALE_UP', 0, 0),
    step('TEST_TRAFFIC_SHIFT', testWeight, 0),
    step('POST_TEST_TRAFFIC_SHIFT', testWeight, 0),
    ...shifts.weights.flatMap((weight, index) => [
      step('PRE_PRODUCTION_TRAFFIC_SHIFT', testWeight, shifts.weights[index - 1] ?? 0),
      step('PRODUCTION_TRAFFIC_SHIFT', testWeight, weight, weight < 100 ? shifts.bake : 0),
    ]),
    step('POST_PRODUCTION_TRAFFIC_SHIFT', testWeight, 100),
    step('BAKE_TIME', testWeight, 100, bakeSeconds(deploymentConfiguration)),
    step('CLEAN_UP', testWeight, 100),
  ];
}

function shiftsTraffic({ strategy = 'ROLLING' }: DeploymentConfiguration): boolean {
  return strategy !== 'ROLLING';
}

/** The successive percentages of production traffic, and the seconds between them. */
function trafficShifts({
  strategy,
  linearConfiguration,
  canaryConfiguration,
}: DeploymentConfiguration): { readonly weights: readonly number[]; readonly bake: number } {
  if (strategy === 'LINEAR') {
    const { stepPercent = 10, stepBakeTimeInMinutes = 6 } = linearConfiguration ?? {};
    const count = Math.ceil(100 / stepPercent);
    const weights = Array.from({ length: count }, (_, index) =>
      Math.min(100, Math.round((index + 1) * stepPercent * 10) / 10),
    );
    return { weights, bake: stepBakeTimeInMinutes * 60 };
  }
  if (strategy === 'CANARY') {
    const { canaryPercent = 5, canaryBakeTimeInMinutes = 10 } = canaryConfiguration ?? {};
    return { weights: [...new Set([canaryPercent, 100])], bake: canaryBakeTimeInMinutes * 60 };
  }
  return { weights: [100], bake: 0 };
}

/** Throws InvalidParameterException for load balancers or hooks that do not fit the strategy. */
export function checkStrategy({ deploymentConfiguration, loadBalancers }: ServiceSettings): void {
  const groups = loadBalancers.map(({ targetGroupArn }) => targetGroupArn);
  const duplicate = groups.find((group, index) => groups.indexOf(group) !== index);
  if (duplicate !== undefined) throw invalid(`Duplicate targetGroupArn found: ${duplicate}`);
  const advanced = loadBalancers
    .map(({ advancedConfiguration }) => advancedConfiguration)
    .filter((configuration) => configuration !== undefined);
  if (advanced.length === 0 && loadBalancers.length > 0 && shiftsTraffic(deploymentConfiguration)) {
    throw invalid(
      'advancedConfiguration field is required for all loadBalancers when using a non-ROLLING ' +
        'deployment strategy',
    );
  }
  if (advanced.length > 0 && advanced.length < loadBalancers.length) {
    throw invalid(
      'Either all or none of the provided loadBalancers must have advancedConfiguration defined',
    );
  }
  for (const { productionListenerRule, testListenerRule } of advanced) {
    checkRule('productionListenerRule', productionListenerRule);
    checkRule('testListenerRule', testListenerRule);
    if (productionListenerRule !== undefined && productionListenerRule === testListenerRule) {
      throw invalid(
        'The following rules cannot be used as both production and test listener rules: ' +
          productionListenerRule,
      );
    }
  }
  for (const hook of deploymentConfiguration.lifecycleHooks ?? []) checkHook(hook);
}

function checkRule(member: string, arn: string | undefined): void {
  if (arn === undefined || /:listener-rule\/|:listener\/net\//.test(arn)) return;
  throw invalid(
    `${member} has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB. Got: ${arn}`,
  );
}

/** Stages in which a pause is not allowed, because a rollback goes through them too. */
const NEVER_PAUSED = new Set(['TEST_TRAFFIC_SHIFT', 'PRODUCTION_TRAFFIC_SHIFT']);

function checkHook({ targetType, lifecycleStages = [] }: LifecycleHook): void {
  if (targetType === 'PAUSE' && lifecycleStages.some((stage) => NEVER_PAUSED.has(stage))) {
    throw invalid('Invalid lifecycle stage provided for Pause Hook');
  }
}

function invalid(message: string): Error {
  return awsFault('InvalidParameterException', message);
}
