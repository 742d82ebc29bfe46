import { expect, test } from 'vitest';
import type { CauseCode } from '../../src/core/diagnosis.ts';
import type { Outcome } from '../../src/core/result.ts';
import type {
  CodeDeployScenario,
  CommandScenario,
  ScenarioName,
} from '../../src/sandbox/scenarios.ts';
import { readResult } from '../support/cli.ts';
import { checkLog } from '../support/plain-log.ts';
import { makeWorld } from '../support/world.ts';

/** How `ecsdeploy deploy` ends in a scenario. */
interface End {
  readonly status: number;
  readonly outcome: Outcome;
  /** Codes of the causes that are named. */
  readonly causes?: readonly CauseCode[];
  /** Words of stderr. */
  readonly says: string;
  /** Revision that serves in the end; unless given :2 after a success, else :1. */
  readonly serving?: number | null;
  /** `REGISTRY` stands for the sandbox's. */
  readonly args?: readonly string[];
  /** Times as fast as the wall clock; 300 unless given. */
  readonly speed?: number;
}

const succeeds = (says: string, more: Partial<End> = {}): End => ({
  status: 0,
  outcome: 'succeeded',
  says,
  ...more,
});
const rollsBack = (cause: CauseCode | undefined, says: string): End => ({
  status: 7,
  outcome: 'rolled-back',
  causes: cause === undefined ? [] : [cause],
  says,
});
const fails = (cause: CauseCode, says: string): End => ({
  status: 6,
  outcome: 'failed',
  causes: [cause],
  says,
});
/** Ends at a pause, as is asked. */
const pauses = (says: string, serving = 1): End => ({
  status: 0,
  outcome: 'paused',
  says,
  serving,
  args: ['--until', 'paused'],
  speed: 100,
});
/** Ends with all traffic on the new tasks, before the bake time does. */
const serves = (says: string): End => succeeds(says, { args: ['--until', 'serving'], speed: 100 });
const isRefused = (status: number, says: string): End => ({ status, outcome: 'refused', says });

/** In Express Mode the application container is Main. */
const IN_EXPRESS = { args: ['--container', 'Main'], speed: 100 } as const;

type DeployScenario = Exclude<ScenarioName, CommandScenario | CodeDeployScenario>;

/**
 * One row per scenario of `ecsdeploy sandbox --list` that concerns a deployment: add a scenario, and
 * its row here. Those of one-off tasks are in run.test.ts.
 */
const ENDS: Readonly<Record<DeployScenario, End>> = {
  success: succeeds('(2 of 2 tasks)'),
  // The old tasks drain for half a minute, which a poll on a busy machine must not miss.
  'load-balancer': succeeds('(draining ', { speed: 100 }),
  'slow-drain': succeeds('(draining '),
  'desired-zero': succeeds('(desired count is 0)', { serving: null }),
  autoscaling: succeeds('(3 of 3 tasks)'),
  'image-gone': rollsBack('image-not-found', 'the image is not in the registry'),
  'wrong-platform': rollsBack('wrong-architecture', 'has no variant for linux/amd64'),
  'wrong-architecture': rollsBack('wrong-architecture', '| exec /docker-entrypoint.sh: exec'),
  'pull-denied': rollsBack('image-pull-denied', 'give the execution role'),
  'cross-account': rollsBack('image-pull-denied', 'also a policy of the repository'),
  'rate-limited': rollsBack('pull-rate-limited', 'mirror the image to ECR'),
  'disk-full': rollsBack('disk-full', 'raise ephemeralStorage'),
  'no-network': rollsBack('network-unreachable', 'give the tasks a route'),
  stall: {
    status: 9,
    outcome: 'timed-out',
    causes: ['image-not-found'],
    says: 'did not finish within --timeout',
    args: ['--timeout', '2s'],
  },
  'secret-denied': rollsBack('secret-unavailable', 'secretsmanager:GetSecretValue'),
  'secret-missing': rollsBack('secret-unavailable', 'check its ARN'),
  'secret-key-missing': rollsBack('secret-unavailable', 'did not contain json key password'),
  'log-group-missing': rollsBack('log-group-missing', 'aws logs create-log-group'),
  'role-not-assumable': rollsBack('role-not-assumable', 'trust policy'),
  volume: rollsBack('volume', 'a volume could not be mounted'),
  'command-not-found': rollsBack('command-not-found', 'check command and entryPoint'),
  crash: rollsBack('application-exit', '| database is not reachable, giving up'),
  'crash-no-rollback': fails('application-exit', 'ended with exit code 1'),
  'crash-loop': fails('application-exit', 'roll back: ecsdeploy rollback'),
  'never-starts': fails('secret-unavailable', 'the limit of --max-failures'),
  'no-rollback-candidate': {
    ...fails('application-exit', 'No rollback candidate was found'),
    serving: null,
  },
  'exit-127': rollsBack('command-not-found', '(exit code 127)'),
  'out-of-memory': rollsBack('out-of-memory', 'needed more memory than it has'),
  'spot-interruption': succeeds('Warning: hyeon9mak-service-dev: AWS took the capacity back', {
    causes: ['spot-interruption'],
  }),
  unhealthy: rollsBack('health-check', "the container's own health check fails"),
  'load-balancer-unhealthy': rollsBack('load-balancer-health-check', 'failed ELB health checks'),
  'unhealthy-once': succeeds('Health checks failed with these codes: [503]'),
  'target-401': rollsBack('load-balancer-health-check', '/health needs a login'),
  'target-404': rollsBack(
    'load-balancer-health-check',
    'the target group hyeon9mak-dev expects 200 on /health; the tasks answer 404',
  ),
  'target-302': rollsBack('load-balancer-health-check', 'the application redirects /health'),
  'target-timeout': rollsBack(
    'load-balancer-health-check',
    'aws ec2 describe-security-groups --group-ids sg-0123456789abcdef0',
  ),
  'target-refused': rollsBack(
    'load-balancer-health-check',
    'check that the application listens on port 8080 of 0.0.0.0, not of 127.0.0.1',
  ),
  'grace-period-loop': rollsBack(
    'load-balancer-health-check',
    'hyeon9mak-service-dev --health-check-grace-period-seconds 90',
  ),
  // What it waits for is named, although it succeeds in the end.
  'grace-period': succeeds('(2 of 2 tasks)', {
    causes: ['load-balancer-health-check'],
    speed: 40,
  }),
  'default-target-group': succeeds('(draining 2 old tasks, up to 5m', { speed: 150 }),
  'slow-health-checks': succeeds(
    'waiting for the load balancer: 0 of 2 targets healthy, checked every 120s',
    { speed: 60 },
  ),
  'zone-not-enabled': {
    status: 9,
    outcome: 'timed-out',
    causes: ['load-balancer-health-check'],
    says: 'tasks are in ap-northeast-2c; the load balancer of the target group hyeon9mak-dev serves ap-northeast-2a and ap-northeast-2b only',
    args: ['--timeout', '2s'],
  },
  'instance-targets': {
    status: 9,
    outcome: 'timed-out',
    causes: ['load-balancer-health-check'],
    says: 'allow the host ports of the tasks (32768-65535 if they are dynamic) from the load balancer',
    args: ['--timeout', '2s'],
  },
  'no-listener-rule': {
    status: 9,
    outcome: 'timed-out',
    causes: ['load-balancer-health-check'],
    says: 'no listener rule sends traffic to the target group hyeon9mak-dev',
    args: ['--timeout', '2s'],
  },
  'listener-rule-changed': succeeds(
    'The production listener rule sends 100 % to hyeon9mak-green, but the running revision is in hyeon9mak-dev',
    { speed: 100 },
  ),
  'blue-green-404': {
    ...rollsBack(
      'load-balancer-health-check',
      'the target group hyeon9mak-green expects 200 on /health; the tasks answer 404',
    ),
    speed: 100,
  },
  'load-balancer-denied': rollsBack(
    'load-balancer-health-check',
    'Continuing without the load balancer: arn:aws:iam::111122223333:user/sandbox is not authorized to call elasticloadbalancing:DescribeTargetGroups',
  ),
  'no-capacity': rollsBack('no-capacity', 'there is no capacity'),
  'no-instances': fails('no-capacity', 'No Container Instances were found'),
  'vcpu-limit': rollsBack('no-capacity', 'ask for higher quotas'),
  deadlock: {
    ...fails('placement-blocked', 'leave no room to start or stop a task'),
    args: ['--skip-check', 'deployment-percent'],
  },
  'protected-tasks': succeeds('scale-in protection keeps 2 old tasks running', {
    causes: ['placement-blocked'],
  }),
  bake: succeeds('(bake time: ECS watches for alarms, up to 5m'),
  alarm: rollsBack(undefined, 'an alarm was detected. (backend-5xx)'),
  'early-success': succeeds('runs hyeon9mak-task-dev:2'),
  'blue-green': succeeds('(BAKE_TIME, 100 % of the traffic, up to 1m 0s)', { speed: 100 }),
  'blue-green-baking': succeeds('(BAKE_TIME, 100 % of the traffic, up to 1m 0s)', { speed: 100 }),
  'blue-green-crash': {
    ...rollsBack('application-exit', '(SCALE_UP, 0 % of the traffic)'),
    speed: 100,
  },
  linear: succeeds('(PRODUCTION_TRAFFIC_SHIFT, 50 % of the traffic, up to 1m 0s)', { speed: 100 }),
  canary: succeeds('(PRODUCTION_TRAFFIC_SHIFT, 10 % of the traffic, up to 1m 0s)', { speed: 100 }),
  'blue-green-alarm': {
    ...rollsBack(undefined, '(BAKE_TIME, 100 % of the traffic, up to 5m 0s)'),
    speed: 100,
  },
  'weights-lag': serves('has all production traffic of hyeon9mak-service-dev'),
  'quick-stages': serves('has all production traffic of hyeon9mak-service-dev'),
  'vpc-lattice': serves('has all production traffic of hyeon9mak-service-dev'),
  'invalid-network': rollsBack('unknown', 'a target group is not in the listener rules'),
  paused: {
    status: 9,
    outcome: 'timed-out',
    says: 'is paused for approval at POST_TEST_TRAFFIC_SHIFT',
    args: ['--timeout', '2s'],
  },
  'paused-early': pauses('is paused at PRE_SCALE_UP'),
  'paused-before-production': pauses('is paused at POST_TEST_TRAFFIC_SHIFT'),
  'paused-after-production': pauses('is paused at POST_PRODUCTION_TRAFFIC_SHIFT', 2),
  'paused-twice': pauses('is paused at POST_SCALE_UP'),
  'two-pauses': pauses('--service hyeon9mak-service-dev --hook ecs-pause-'),
  'pause-beside-lambda': pauses('Lambda hook smoke-test'),
  'pause-timeout': rollsBack(
    'unknown',
    'nobody approved the deployment at POST_TEST_TRAFFIC_SHIFT',
  ),
  'pause-continues': succeeds(', then ECS continues', { speed: 100 }),
  'pause-approved': succeeds('continue: ecsdeploy continue --cluster backend', { speed: 100 }),
  'pause-refused': {
    ...rollsBack(undefined, 'POST_TEST_TRAFFIC_SHIFT pause hook was rolled back'),
    speed: 100,
  },
  'hook-failed': rollsBack(
    'unknown',
    'smoke-test refused the deployment at POST_TEST_TRAFFIC_SHIFT',
  ),
  'hook-role': rollsBack('role-not-assumable', 'allow ecs.amazonaws.com to assume it'),
  'hook-unreachable': rollsBack('unknown', 'ECS could not call the Lambda hook smoke-test'),
  'hook-unparsable': rollsBack('unknown', 'the Lambda hook smoke-test gave no valid answer'),
  express: succeeds('(PRODUCTION_TRAFFIC_SHIFT, 5 % of the traffic', IN_EXPRESS),
  'express-provided': succeeds('(PRODUCTION_TRAFFIC_SHIFT, 5 % of the traffic', IN_EXPRESS),
  'express-alarm': {
    ...rollsBack('unknown', 'more than 1 % of the responses were 4xx or 5xx'),
    ...IN_EXPRESS,
  },
  'express-crash': {
    ...rollsBack('application-exit', '| database is not reachable, giving up'),
    ...IN_EXPRESS,
  },
  'express-drift': succeeds('UpdateService changed it outside of Express Mode', {
    ...IN_EXPRESS,
    serving: 3,
  }),
  'express-unreadable': succeeds(
    'not authorized to call ecs:DescribeExpressGatewayService',
    IN_EXPRESS,
  ),
  'express-denied': {
    ...isRefused(4, 'not authorized to call ecs:UpdateExpressGatewayService'),
    ...IN_EXPRESS,
  },
  'express-reset': succeeds(', 5 % of the traffic', IN_EXPRESS),
  'rule-busy': succeeds('Rule nightly (cleanup): hyeon9mak-task-dev:1 → hyeon9mak-task-dev:2', {
    args: ['--schedules'],
  }),
  'rule-role-denied': succeeds('"iam:PassedToService": "events.amazonaws.com"', {
    args: ['--schedules'],
  }),
  'schedule-conflict': succeeds('Schedule weekly: hyeon9mak-task-dev:1 → hyeon9mak-task-dev:2', {
    args: ['--schedules'],
  }),
  'schedule-throttled': succeeds('Schedule weekly: hyeon9mak-task-dev:1 → hyeon9mak-task-dev:2', {
    args: ['--schedules'],
  }),
  'schedules-denied': succeeds('The rules cannot be read, and do not follow to', {
    args: ['--schedules'],
  }),
  'scheduler-unreachable': succeeds('The schedules cannot be read, and do not follow to', {
    args: ['--schedules'],
  }),
  superseded: {
    status: 8,
    outcome: 'superseded',
    says: 'deploys hyeon9mak-task-dev:3 instead',
  },
  'superseded-by-the-old': {
    status: 8,
    outcome: 'superseded',
    says: 'deploys hyeon9mak-task-dev:1 instead',
  },
  'superseded-by-the-same': {
    status: 8,
    outcome: 'superseded',
    says: 'deploys hyeon9mak-task-dev:2 instead',
  },
  busy: succeeds('is in progress: a new one supersedes it', { serving: 3 }),
  'busy-crash': succeeds('was rolled back: ', { args: ['--if-busy', 'wait'], serving: 3 }),
  'busy-crash-loop': {
    ...fails('application-exit', 'has failed: '),
    args: ['--if-busy', 'wait'],
  },
  'busy-paused': {
    ...isRefused(3, 'to follow it: ecsdeploy rollout --watch'),
    args: ['--if-busy', 'refuse'],
  },
  overtaken: {
    ...isRefused(3, 'hyeon9mak-task-dev:2 was registered, but not deployed'),
    // What was read some polls ago is read again.
    args: ['--poll', '1ms'],
  },
  'old-task-stopped': succeeds('(2 of 2 tasks)'),
  'stopped-in-the-console': rollsBack(undefined, 'it was stopped by a user'),
  'stale-reads': succeeds('(2 of 2 tasks)'),
  throttled: succeeds('Cannot reach AWS (Rate exceeded)', { speed: 60 }),
  'server-errors': succeeds('Cannot reach AWS (Service Unavailable)', { speed: 20 }),
  'html-errors': succeeds('Cannot reach AWS', { speed: 20 }),
  resets: succeeds('Cannot reach AWS', { speed: 60 }),
  'network-out': succeeds('Cannot reach AWS', { speed: 20 }),
  'token-expired': {
    status: 9,
    outcome: 'unknown',
    says: 'continue watching: ecsdeploy rollout hyeon9mak-task-dev:2 --watch',
  },
  'reads-denied': rollsBack(undefined, 'Continuing without service deployments'),
  'old-revisions': succeeds('runs hyeon9mak-task-dev:26', { serving: 26 }),
  'image-vulnerable': succeeds(
    'The scan of REGISTRY/hyeon9mak-dev:first found 2 CRITICAL and 5 HIGH.',
    {
      args: ['--image', 'REGISTRY/hyeon9mak-dev:first', '--set-env', 'A=B'],
    },
  ),
  'login-expired': isRefused(4, 'have expired'),
  'revision-inactive': isRefused(4, 'TaskDefinition is inactive'),
  'busy-family': succeeds('is being registered by someone else; retrying'),
  'pass-role-denied': isRefused(4, '"Action": "iam:PassRole"'),
  // Its tasks take half a minute to stop.
  'service-deleted': { ...isRefused(3, 'is DRAINING: it is being deleted'), speed: 1 },
  'code-deploy': isRefused(3, 'No deployment group of CodeDeploy deploys'),
  'five-deployments': {
    ...isRefused(4, '5 are not finished: hyeon9mak-task-dev:1 (1 running)'),
    speed: 300,
  },
  external: isRefused(3, 'is deployed by EXTERNAL'),
  'archived-image': {
    ...isRefused(3, '--target-storage-class STANDARD'),
    args: ['--image', 'REGISTRY/hyeon9mak-dev:first'],
  },
  'repository-missing': isRefused(4, 'ECR has no repository "hyeon9mak-dev"'),
};

const entries = Object.entries(ENDS) as [DeployScenario, End][];
const isRefusal = ([, { outcome }]: [DeployScenario, End]) => outcome === 'refused';

async function deployIn(scenario: ScenarioName, expected: End) {
  const { speed = 300, args = [], says, status, causes = [] } = expected;
  const world = await makeWorld({ scenario, speed });
  // Where the credentials have expired nobody can look.
  const look = () => world.service().catch(() => undefined);
  // In these, the first read of the service is the cue for someone else's deployment.
  const before = scenario.startsWith('busy') ? undefined : await look();
  const named = args.map((arg) => arg.replace('REGISTRY', world.sandbox.registryHost));
  const end = await world.run(['deploy', '--json', ...named]);
  expect(end.stderr).toContain(says.replace('REGISTRY', world.sandbox.registryHost));
  expect(end.status, end.stderr).toBe(status);
  checkLog(end.stderr, causes);
  expect(end.stderr.match(/Cannot reach AWS/g)?.length ?? 0).toBeLessThan(2);
  return { world, before, after: await look(), result: readResult(end), stderr: end.stderr };
}

test.each(entries.filter((entry) => !isRefusal(entry)))('%s', async (scenario, expected) => {
  const { before, after, result, stderr } = await deployIn(scenario, expected);
  const [service] = result.services;
  expect([result.outcome, service?.outcome]).toEqual([expected.outcome, expected.outcome]);
  expect(service?.causes.map(({ code }) => code)).toEqual(expected.causes ?? []);
  for (const { hint, evidence } of service?.causes ?? []) {
    expect(hint).not.toBe('');
    expect(evidence).not.toEqual([]);
  }
  const revisions = {
    succeeded: service?.taskDefinition,
    'rolled-back': before?.taskDefinition,
  } as Partial<Record<Outcome, string>>;
  const counts = service?.runningByRevision ?? {};
  const { serving = result.outcome === 'succeeded' ? 2 : 1 } = expected;
  expect(service?.serving?.split(':').at(-1) ?? null).toBe(serving?.toString() ?? null);
  // Where somebody serves, the counts and the words say so.
  expect(serving === null || (counts[service?.serving ?? ''] ?? 0) > 0).toBe(true);
  const isTold =
    ['failed', 'timed-out', 'superseded', 'paused'].includes(result.outcome) && serving === 1;
  expect(
    stderr.includes(`\n  serving now: hyeon9mak-task-dev:${serving}, 2 of 2 tasks running\n`),
  ).toBe(isTold);
  const isOn = after?.taskDefinition;
  expect(isOn).toBe(revisions[result.outcome] ?? isOn);
});

test.each(entries.filter(isRefusal))('%s', async (scenario, expected) => {
  const { world, result } = await deployIn(scenario, expected);
  expect(result).toMatchObject({ outcome: 'refused', services: [] });
  const moves = world.sandbox.calls.filter(({ action }) => action === 'ecs:UpdateService');
  expect(moves.filter(({ status }) => status === 200)).toEqual([]);
});
