import { expect, test } from 'vitest';
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

test.each<[string, FailedTask]>([
  [
    'image-not-found',
    task(
      'CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref r/app:1: r/app:1: not found',
    ),
  ],
  [
    'wrong-architecture',
    task(
      "CannotPullContainerError: pull image manifest has been retried 1 time(s): image Manifest does not contain descriptor matching platform 'linux/amd64'",
    ),
  ],
  ['wrong-architecture', exited(1, ['exec /docker-entrypoint.sh: exec format error'])],
  [
    'wrong-architecture',
    exited(255, ['standard_init_linux.go:228: exec user process caused: exec format error']),
  ],
  [
    'image-pull-denied',
    task(
      'CannotPullContainerError: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed',
    ),
  ],
  [
    'image-pull-denied',
    task(
      'CannotPullContainerError: The task can’t pull the image. Check that the role has the permissions to pull images from the registry.',
    ),
  ],
  [
    'network-unreachable',
    task(
      'ResourceInitializationError: unable to pull secrets or registry auth: unable to get registry auth from Amazon ECR: dial tcp 1.2.3.4:443: i/o timeout. Please check your task network configuration.',
    ),
  ],
  [
    'pull-rate-limited',
    task('CannotPullContainerError: toomanyrequests: You have reached your pull rate limit'),
  ],
  ['disk-full', task('CannotPullContainerError: write /var/lib: no space left on device')],
  [
    'secret-unavailable',
    task(
      'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn:x from secrets manager: AccessDeniedException: User: arn:y is not authorized to perform: secretsmanager:GetSecretValue',
    ),
  ],
  [
    'log-group-missing',
    task(
      'ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1',
    ),
  ],
  [
    'volume',
    task(
      'ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: mount.nfs4: Connection timed out',
    ),
  ],
  ['out-of-memory', exited(137, [], 'OutOfMemoryError: Container killed due to memory usage')],
  [
    'command-not-found',
    task('CannotStartContainerError: exec: "server": executable file not found in $PATH: unknown'),
  ],
  ['command-not-found', exited(127)],
  ['application-exit', exited(1, ['boom'])],
  ['application-exit', exited(0)],
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
  [
    'role-not-assumable',
    task("ECS was unable to assume the role 'arn:r' that was provided for this task."),
  ],
  ['spot-interruption', task('Your Spot Task was interrupted.', { stopCode: 'SpotInterruption' })],
  ['stopped-by-user', task('Task stopped by user', { stopCode: 'UserInitiated' })],
  ['no-capacity', task('TaskFailedToStart: RESOURCE:MEMORY')],
  ['unknown', task('The stars were not right')],
])('%s', (code, failed) => {
  const cause = diagnoseTask(failed);
  expect(cause.code).toBe(code);
  expect(cause.summary).not.toMatch(/\$1|undefined/);
  expect(cause.hint).not.toMatch(/\$1|undefined/);
  expect(cause.evidence).toContain(failed.stoppedReason);
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

test.each([
  [
    '(service s) was unable to place a task. Reason: Capacity is unavailable at this time.',
    'no-capacity',
  ],
  [
    '(service s) was unable to place a task. Reason: CannotPullContainerError: x: not found.',
    'image-not-found',
  ],
  ['(service s) has reached a steady state.', undefined],
  ['(service s) has started 2 tasks: (task 1) (task 2).', undefined],
  [
    '(service s) (task 1) (port 80) is unhealthy in (target-group t) due to (reason Request timed out).',
    undefined,
  ],
])('event: %s', (message, code) => {
  expect(diagnoseEvent(message)?.code).toBe(code);
});
