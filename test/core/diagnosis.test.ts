import { describe, expect, test } from 'vitest';
import { diagnoseEvent, diagnoseTask, groupCauses } from '../../src/core/diagnosis.ts';
import type { FailedTask } from '../../src/core/diagnosis.ts';

const task = (stoppedReason: string, more: Partial<FailedTask> = {}): FailedTask => ({
  id: '1',
  stopCode: 'TaskFailedToStart',
  stoppedReason,
  platform: 'linux/amd64',
  containers: [],
  ...more,
});

const exited = (exitCode: number, log: readonly string[] = [], reason?: string): FailedTask =>
  task('Essential container in task exited', {
    stopCode: 'EssentialContainerExited',
    containers: [
      { name: 'app', exitCode, reason, log },
      { name: 'datadog', exitCode: 143, reason: undefined, log: [] },
    ],
  });

/** Every row of the catalogue of stopped reasons (ecs-facts 5.3), with a text as ECS gives it. */
const STOPPED: readonly (readonly [code: string, reason: string])[] = [
  [
    'image-not-found',
    'CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref r/app:1: r/app:1: not found',
  ],
  [
    'image-not-found',
    'CannotPullContainerError: The task can’t pull the image. Check whether the image exists. image not here',
  ],
  [
    'wrong-architecture',
    "CannotPullContainerError: pull image manifest has been retried 1 time(s): image Manifest does not contain descriptor matching platform 'linux/amd64'",
  ],
  [
    'image-pull-denied',
    'CannotPullContainerError: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed',
  ],
  [
    'image-pull-denied',
    'CannotPullContainerError: The task can’t pull the image. Check that the role has the permissions to pull images from the registry. ecr:BatchGetImage',
  ],
  [
    'network-unreachable',
    'CannotPullContainerError: The task can’t pull the image. Check your network configuration.',
  ],
  [
    'network-unreachable',
    'The task cannot pull ‘app’ from the Amazon ECR repository ‘team/app’. There is a connection issue between the task and Amazon ECR. Check your task network configuration.',
  ],
  [
    'network-unreachable',
    'CannotPullContainerError: pull image manifest has been retried 5 time(s): request canceled while waiting for connection',
  ],
  ['network-unreachable', 'CannotPullContainerError: context canceled'],
  [
    'network-unreachable',
    'ResourceInitializationError: unable to pull secrets or registry auth: unable to get registry auth from Amazon ECR: dial tcp 1.2.3.4:443: i/o timeout. Please check your task network configuration.',
  ],
  [
    'network-unreachable',
    'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: RequestError: send request failed: dial tcp 1.2.3.4:443: i/o timeout',
  ],
  [
    'pull-rate-limited',
    'CannotPullContainerError: toomanyrequests: You have reached your pull rate limit',
  ],
  ['disk-full', 'CannotPullContainerError: write /var/lib: no space left on device'],
  [
    'secret-unavailable',
    'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn:x from secrets manager: AccessDeniedException: User: arn:y is not authorized to perform: secretsmanager:GetSecretValue',
  ],
  [
    'secret-unavailable',
    'ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secrets from ssm: invalid parameters: /app/token',
  ],
  [
    'secret-unavailable',
    "ResourceInitializationError: ResourceNotFoundException: The task can't retrieve the secret with ARN 'arn:x' from AWS Secrets Manager.",
  ],
  [
    'secret-unavailable',
    'ResourceInitializationError: retrieved secret from Secrets Manager did not contain json key password',
  ],
  [
    'secret-unavailable',
    'ResourceInitializationError: failed to download env files: AccessDenied: Access Denied',
  ],
  [
    'log-group-missing',
    'ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1',
  ],
  [
    'log-group-missing',
    'ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon CloudWatch log group defined in the task definition. There is a connection issue: signal: killed',
  ],
  [
    'log-group-missing',
    'ResourceInitializationError: failed to validate logger args: awslogs-region is required: exit status 1',
  ],
  [
    'log-group-missing',
    'ResourceInitializationError: failed to validate logger args: AccessDeniedException: User: arn:y is not authorized to perform: logs:CreateLogStream',
  ],
  [
    'volume',
    'ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: mount.nfs4: Connection timed out',
  ],
  ['volume', 'CannotCreateVolumeError: the plugin is not there'],
  [
    'command-not-found',
    'CannotStartContainerError: exec: "server": executable file not found in $PATH: unknown',
  ],
  [
    'command-not-found',
    'CannotStartContainerError: OCI runtime create failed: exec: "/app/run": permission denied: unknown',
  ],
  [
    'command-not-found',
    'CannotStartContainerError: exec: "/app/run": stat /app/run: no such file or directory: unknown: exec failed',
  ],
  [
    'application-exit',
    'TaskDependencyError: dependency graph: container db did not become HEALTHY',
  ],
  [
    'role-not-assumable',
    "ECS was unable to assume the role 'arn:r' that was provided for this task.",
  ],
  ['no-capacity', 'TaskFailedToStart: RESOURCE:MEMORY'],
  ['no-capacity', 'TaskFailedToStart: EMPTY CAPACITY PROVIDER'],
  ['no-capacity', 'TaskFailedToStart: NO ACTIVE INSTANCES'],
  ['no-capacity', 'TaskFailedToStart: RESOURCE:ENI'],
  ['no-capacity', 'Timeout waiting for network interface provisioning to complete.'],
  [
    'no-capacity',
    "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment enabled in subnet 'subnet-1': InsufficientFreeAddresses",
  ],
  ['placement-blocked', 'TaskFailedToStart: AGENT'],
  ['placement-blocked', 'TaskFailedToStart: ATTRIBUTE'],
  ['placement-blocked', 'TaskFailedToStart: MemberOf placement constraint unsatisfied'],
  [
    'placement-blocked',
    'The selected task definition is not compatible with the selected compute strategy',
  ],
  ['unknown', 'InternalError: something in ECS'],
];

test.each(STOPPED)('%s: %s', (code, reason) => {
  const cause = diagnoseTask(task(reason));
  expect(cause.code).toBe(code);
  expect(`${cause.summary} ${cause.hint}`).not.toMatch(/\$|undefined/);
  expect(cause.evidence).toContain(reason);
});

test.each<[string, FailedTask]>([
  ['wrong-architecture', exited(1, ['exec /docker-entrypoint.sh: exec format error'])],
  [
    'wrong-architecture',
    exited(255, ['standard_init_linux.go:228: exec user process caused: exec format error']),
  ],
  ['out-of-memory', exited(137, [], 'OutOfMemoryError: Container killed due to memory usage')],
  ['out-of-memory', exited(137, [], 'OutOfMemoryError: container killed due to memory usage')],
  ['application-exit', exited(0)],
  ['application-exit', exited(1, ['boom'])],
  ['command-not-found', exited(126)],
  ['command-not-found', exited(127)],
  ['application-exit', exited(134)],
  ['application-exit', exited(137)],
  ['application-exit', exited(139)],
  ['application-exit', exited(143)],
  ['application-exit', exited(255)],
  [
    'health-check',
    task('Task failed container health checks', { stopCode: 'ServiceSchedulerInitiated' }),
  ],
  [
    'load-balancer-health-check',
    task('Task failed ELB health checks in (target-group arn:x)', {
      stopCode: 'ServiceSchedulerInitiated',
    }),
  ],
  ['spot-interruption', task('Your Spot Task was interrupted.', { stopCode: 'SpotInterruption' })],
  [
    'spot-interruption',
    task('Host EC2 (instance i-0123) stopped/terminated.', { stopCode: 'TerminationNotice' }),
  ],
  ['stopped-by-user', task('Task stopped by user', { stopCode: 'UserInitiated' })],
])('%s: %o', (code, failed) => {
  const cause = diagnoseTask(failed);
  expect(cause.code).toBe(code);
  expect(`${cause.summary} ${cause.hint}`).not.toMatch(/\$|undefined/);
});

describe('without a log line', () => {
  const silent = (imagePlatforms: readonly string[] | undefined) =>
    diagnoseTask(
      task('Essential container in task exited', {
        containers: [{ name: 'app', exitCode: 1, reason: undefined, log: [], imagePlatforms }],
      }),
    );

  test("the image's own platform proves the wrong architecture", () => {
    const { code, evidence } = silent(['linux/arm64']);
    expect(code).toBe('wrong-architecture');
    expect(evidence).toContain('its image is built for linux/arm64');
  });

  test('an image for the right platform is not blamed', () => {
    expect(silent(['linux/arm64', 'linux/amd64']).code).toBe('application-exit');
    expect(silent(undefined).code).toBe('application-exit');
  });

  test('the place of a log that AWS cannot read is named', () => {
    const { evidence, hint } = diagnoseTask(
      task('Essential container in task exited', {
        containers: [
          {
            name: 'app',
            exitCode: 1,
            reason: undefined,
            log: [],
            logPlace: 'splunk (splunk-url u)',
          },
        ],
      }),
    );
    expect(evidence).toContain('its log goes to splunk (splunk-url u)');
    expect(hint).toBe('read its log there: splunk (splunk-url u)');
  });
});

test('the container that died is quoted with its exit code and its last lines', () => {
  expect(diagnoseTask(exited(1, ['first', 'last'])).evidence).toEqual([
    'Essential container in task exited',
    'container app: exit code 1',
    '| first',
    '| last',
  ]);
});

test('equal failures are one cause with a number', () => {
  const causes = groupCauses([exited(1), exited(1), exited(2)].map(diagnoseTask));
  expect(causes.map(({ summary, tasks }) => [summary, tasks])).toEqual([
    ['container app ended with exit code 1', 2],
    ['container app ended with exit code 2', 1],
  ]);
});

test('what an event told is left out where a task tells the same', () => {
  const reason = 'CannotPullContainerError: r/app:1: not found';
  const event = diagnoseEvent(`(service s) was unable to place a task. Reason: ${reason}`);
  expect(event).toMatchObject({ code: 'image-not-found', tasks: 0 });
  const causes = event === undefined ? [] : groupCauses([event, diagnoseTask(task(reason))]);
  expect(causes).toMatchObject([{ code: 'image-not-found', tasks: 1 }]);
});

test('of equal failures the one with a log is quoted', () => {
  const [cause] = groupCauses([exited(1), exited(1, ['boom'])].map(diagnoseTask));
  expect(cause).toMatchObject({ tasks: 2, evidence: expect.arrayContaining(['| boom']) });
  expect(cause?.hint).toContain('its last log lines');
});

test.each([
  [
    '(service s) was unable to place a task. Reason: Capacity is unavailable at this time.',
    'no-capacity',
  ],
  [
    '(service s) was unable to place a task. Reason: CannotPullContainerError: x: not found.',
    'image-not-found',
  ],
  [
    '(service s) was unable to place a task because no container instance met all of its requirements. Reason: The closest matching (container-instance i) has insufficient CPU units available.',
    'no-capacity',
  ],
  [
    '(service s) was unable to place a task because no container instance met all of its requirements. Reason: The closest matching (container-instance i) is already using a port required by your task.',
    'placement-blocked',
  ],
  [
    "(service s) was unable to place a task. Reason: You've reached the limit on the number of vCPUs you can run concurrently.",
    'no-capacity',
  ],
  [
    '(service s) was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.',
    'placement-blocked',
  ],
  [
    '(service s) was unable to reach steady state because (taskSet ecs-svc/1) was unable to scale in due to (reason 2 tasks under protection)',
    'placement-blocked',
  ],
  [
    "(service s) failed to launch a task with (error ECS was unable to assume the role 'arn:r' that was provided for this task.)",
    'role-not-assumable',
  ],
  ['(service s) has begun draining connections on 1 tasks.', undefined],
  ['(service s) has stopped 1 running tasks: (task 1).', undefined],
  ['(service s) has reached a steady state.', undefined],
  ['(service s) has started 2 tasks: (task 1) (task 2).', undefined],
  [
    '(service s) (task 1) (port 80) is unhealthy in (target-group t) due to (reason Request timed out).',
    undefined,
  ],
])('event: %s', (message, code) => {
  expect(diagnoseEvent(message)?.code).toBe(code);
});
