import { describe, expect, test } from 'vitest';
import {
  causeKey,
  deadContainer,
  diagnoseEvent,
  diagnoseTask,
  groupCauses,
  hasFailedTasks,
  isFault,
  isFinal,
  isLogLate,
  isSilentStart,
} from '../../src/core/diagnosis.ts';
import type { Cause, CauseCode, FailedTask, StoppedContainer } from '../../src/core/diagnosis.ts';

const task = (stoppedReason: string, more: Partial<FailedTask> = {}): FailedTask => ({
  id: '1',
  stopCode: 'TaskFailedToStart',
  stoppedReason,
  platform: 'linux/amd64',
  logGroups: ['/ecs/app'],
  flags: '--cluster c --service s',
  containers: [],
  ...more,
});

/** Causes that every further task will fail of. */
const FINAL = new Set(['wrong-architecture', 'image-not-found', 'command-not-found']);
const SERVICE = { cluster: 'arn:aws:ecs:r:1:cluster/backend', name: 'api' };

const exited = (exitCode: number, log: readonly string[] = [], reason?: string): FailedTask =>
  task('Essential container in task exited', {
    stopCode: 'EssentialContainerExited',
    containers: [
      { name: 'app', exitCode, reason, log },
      { name: 'datadog', exitCode: 143, reason: undefined, log: [] },
    ],
  });

/**
 * Every row of the catalogue of stopped reasons
 * (docs/explanation/how-ecs-behaves.md#why-a-task-stopped), with a text as ECS gives it.
 */
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
  // Texts of public trackers that had no name, or a wrong one.
  [
    'image-pull-denied',
    'CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref r/app:1: unexpected status from HEAD request to https://r/v2/app/manifests/1: 403 Forbidden',
  ],
  [
    'image-pull-denied',
    'CannotPullECRContainerError: unexpected status from HEAD request to https://r/v2/app/manifests/1: 401 Unauthorized',
  ],
  [
    'image-pull-denied',
    'CannotPullContainerError: Error response from daemon: Get https://r/v2/app/manifests/1: no basic auth credentials',
  ],
  [
    'image-pull-denied',
    'CannotPullContainerError: failed to authorize: failed to fetch anonymous token: authentication required',
  ],
  [
    'network-unreachable',
    'ResourceInitializationError: unable to pull secrets or registry auth: pull command failed: : signal: killed',
  ],
  [
    'network-unreachable',
    'CannotPullContainerError: failed to resolve ref r/app:1: failed to do request: Head "https://r/v2/app/manifests/1": dial tcp: lookup r: no such host',
  ],
  ['network-unreachable', 'CannotPullContainerError: net/http: TLS handshake timeout'],
  ['network-unreachable', 'CannotPullContainerError: read udp: connection timed out'],
  [
    'network-unreachable',
    'CannotPullContainerError: (Client.Timeout exceeded while awaiting headers)',
  ],
  ['network-unreachable', 'CannotPullContainerError: context deadline exceeded'],
  ['network-unreachable', 'CannotPullContainerError: dial udp 10.0.0.2:53: connect: refused'],
  [
    'application-exit',
    'Container dependency is unhealthy or did not reach the required state: log_router',
  ],
  [
    'wrong-architecture',
    'CannotPullContainerError: a Windows version 10.0.17763-based image is incompatible with a 10.0.20348 host',
  ],
  [
    'wrong-architecture',
    'CannotStartContainerError: The container operating system does not match the host operating system.',
  ],
  [
    'wrong-architecture',
    'CannotPullContainerError: failed to find a descriptor for platform {amd64 linux}',
  ],
  ['wrong-architecture', 'CannotStartContainerError: exec /app/run: exec format error: unknown'],
  [
    'image-not-found',
    "CannotPullContainerError: name unknown: The repository with name 'app' does not exist in the registry with id '1'",
  ],
  [
    'image-not-found',
    "CannotPullContainerError: The repository 'app' does not exist in the registry with id '1'",
  ],
  ['image-not-found', 'CannotPullContainerError: Error response from daemon: manifest unknown'],
  ['image-not-found', 'CannotPullContainerError: image does not exist'],
  ['image-not-found', 'CannotPullContainerError: Error: invalid reference format'],
  [
    'pull-rate-limited',
    'CannotPullContainerError: unexpected status from HEAD request to https://registry-1.docker.io/v2/library/nginx/manifests/1: 429 Too Many Requests',
  ],
  [
    'command-not-found',
    'CannotStartContainerError: exec: "/start.sh": stat /start.sh: no such file or directory',
  ],
  ['command-not-found', 'CannotStartContainerError: exec: "/app": is a directory: unknown'],
  ['command-not-found', 'CannotStartContainerError: exec /app/run: permission denied'],
  ['command-not-found', 'CannotStartContainerError: exec: node: not found'],
  [
    'out-of-memory',
    'CannotStartContainerError: OCI runtime create failed: container init was OOM-killed (memory limit too low?)',
  ],
  [
    'volume',
    'ResourceInitializationError: failed to invoke EFS utils commands: connection timed out',
  ],
  ['volume', 'ResourceInitializationError: no mount target in the subnet'],
  ['volume', 'ResourceInitializationError: the FSx file system could not be mounted'],
  [
    'placement-blocked',
    'CannotStartContainerError: Bind for 0.0.0.0:80: port is already allocated',
  ],
  [
    'spot-interruption',
    'ECS is performing maintenance on the underlying infrastructure hosting the task.',
  ],
  ['disk-full', 'CannotPullContainerError: failed to register layer: no space left on device'],
  [
    'secret-unavailable',
    'ResourceInitializationError: User is not authorized to perform: ssm:GetParameters',
  ],
  [
    'log-group-missing',
    'ResourceInitializationError: failed to validate logger args: AccessDeniedException: not authorized to perform: logs:CreateLogGroup',
  ],
  [
    'image-pull-denied',
    'CannotPullContainerError: not authorized to perform: ecr:GetAuthorizationToken',
  ],
  ['image-pull-denied', 'not authorized to perform: ecr:GetDownloadUrlForLayer'],
  // An image whose name looks like the cause of another row.
  ['image-not-found', 'CannotPullContainerError: r/efs-sync:fsx: not found'],
  ['volume', 'mount.nfs: access denied by server'],
  ['volume', 'mount.nfs4: access denied by server'],
  ['image-not-found', 'CannotPullECRContainerError: r/app:1: not found'],
  ['network-unreachable', 'CannotPullECRContainerError: signal: killed'],
  ['network-unreachable', 'Check your network configuration.'],
  ['network-unreachable', 'Check your task network configuration.'],
  ['secret-unavailable', 'failed to retrieve secret from asm'],
  ['secret-unavailable', 'failed to retrieve secrets from ssm'],
  ['secret-unavailable', 'The task can’t retrieve the secret with ARN x'],
  ['command-not-found', 'fork/exec /run: no such file or directory: unknown: exec failed'],
  ['unknown', 'CannotStartContainerError: signal: killed'],
  ['unknown', 'the file was not found'],
];

test.each(STOPPED)('%s: %s', (code, reason) => {
  const cause = diagnoseTask(task(reason));
  expect(cause.code).toBe(code);
  expect(isFinal(cause)).toBe(FINAL.has(code));
  expect(`${cause.summary} ${cause.hint}`).not.toMatch(/\$|undefined|CLUSTER|SERVICE|NAME/);
  expect(cause.summary).not.toBe('');
  expect(cause.hint).not.toBe('');
  expect(cause.evidence).toEqual([reason]);
  expect(cause.tasks).toBe(1);
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
  ['spot-interruption', task('gone', { stopCode: 'SpotInterruption' })],
  ['spot-interruption', task('gone', { stopCode: 'TerminationNotice' })],
  ['spot-interruption', task('gone', { stopCode: 'InfrastructureHealth' })],
  ['unknown', task('gone', { stopCode: undefined })],
])('%s: %o', (code, failed) => {
  const cause = diagnoseTask(failed);
  expect(cause.code).toBe(code);
  expect(cause.summary).not.toBe('');
  expect(cause.hint).not.toBe('');
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
  const event = diagnoseEvent(`(service s) was unable to place a task. Reason: ${reason}`, SERVICE);
  expect(event).toMatchObject({ code: 'image-not-found', tasks: 0 });
  const causes = event === undefined ? [] : groupCauses([event, diagnoseTask(task(reason))]);
  expect(causes).toMatchObject([{ code: 'image-not-found', tasks: 1 }]);
});

test('of equal failures the one with a log is quoted', () => {
  const [cause] = groupCauses([exited(1), exited(1, ['boom'])].map(diagnoseTask));
  expect(cause).toMatchObject({ tasks: 2, evidence: expect.arrayContaining(['| boom']) });
  expect(cause?.hint).toContain('the last log lines');
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
  [
    '(service s) was unable to reach steady state because (taskSet ecs-svc/1) was unable to scale in due to (reason 1 task under protection)',
    'placement-blocked',
  ],
  ['(service s) was unable to do what has no name', undefined],
  ['(service s) (task 1) failed container health checks.', undefined],
  ['(service s) has begun draining connections on 1 tasks.', undefined],
  ['(service s) has stopped 1 running tasks: (task 1).', undefined],
  ['(service s) has reached a steady state.', undefined],
  ['(service s) has started 2 tasks: (task 1) (task 2).', undefined],
  [
    '(service s) (task 1) (port 80) is unhealthy in (target-group t) due to (reason Request timed out).',
    undefined,
  ],
])('event: %s', (message, code) => {
  const cause = diagnoseEvent(message, SERVICE);
  expect(cause?.code).toBe(code);
  expect(cause?.evidence ?? [message]).toEqual([message]);
  expect(`${cause?.summary} ${cause?.hint}`).not.toMatch(/CLUSTER|SERVICE|TASK/);
  expect(cause?.summary).not.toBe('');
});

describe('hints name what is known', () => {
  test('the cluster and the service', () => {
    const hintOf = (text: string) => diagnoseEvent(`(service api) ${text}`, SERVICE)?.hint;
    expect(hintOf('was unable to stop or start tasks during a deployment')).toContain(
      'aws ecs update-service --cluster backend --service api --deployment-configuration',
    );
    expect(hintOf('was unable to scale in due to (reason 2 tasks under protection)')).toContain(
      "aws ecs update-task-protection --cluster backend --no-protection-enabled --tasks $(aws ecs list-tasks --cluster backend --service-name api --query 'taskArns[]' --output text)",
    );
  });

  test('the number of protected tasks', () => {
    const text = '(service api) was unable to scale in due to (reason 12 tasks under protection)';
    expect(diagnoseEvent(text, SERVICE)?.summary).toBe(
      'scale-in protection keeps 12 old tasks running',
    );
  });

  test.each([
    ['Capacity is unavailable at this time.', /FARGATE_SPOT/],
    ["You've reached the limit on the number of vCPUs you can run concurrently.", /quotas/],
    ['No Container Instances were found in your cluster.', /container instances/],
  ])('where capacity is missing: %s', (reason, hint) => {
    const message = `(service api) was unable to place a task. Reason: ${reason}`;
    expect(diagnoseEvent(message, SERVICE)?.hint).toMatch(hint);
  });

  test('the log group, where there is only one', () => {
    const reason =
      'failed to create Cloudwatch log stream: The specified log group does not exist.';
    expect(diagnoseTask(task(reason)).hint).toContain('--log-group-name /ecs/app)');
    for (const logGroups of [[], ['/ecs/app', '/ecs/sidecar']]) {
      expect(diagnoseTask(task(reason, { logGroups })).hint).toContain('--log-group-name NAME)');
    }
  });

  test('the platform, the role and the container of the text', () => {
    const missing = "image Manifest does not contain descriptor matching platform 'linux/arm64'";
    expect(diagnoseTask(task(missing))).toMatchObject({
      summary: 'the image has no variant for linux/arm64, the platform of the task definition',
      hint: expect.stringContaining('--platform linux/arm64'),
    });
    expect(diagnoseTask(task("ECS was unable to assume the role 'arn:r'")).summary).toBe(
      'ECS cannot assume the role arn:r',
    );
    expect(diagnoseTask(task('OutOfMemoryError: killed')).summary).toBe(
      'a container needed more memory than it has',
    );
    const [cause] = [exited(137, [], 'OutOfMemoryError: killed')].map(diagnoseTask);
    expect(cause?.summary).toBe('container app needed more memory than it has');
  });

  test('the container whose reason it is, not the one that ended first', () => {
    const { code, summary } = diagnoseTask(
      task('Essential container in task exited', {
        containers: [
          { name: 'app', exitCode: 1, reason: undefined, log: ['x'] },
          { name: 'agent', exitCode: 137, reason: 'OutOfMemoryError: killed', log: [] },
        ],
      }),
    );
    expect([code, summary]).toEqual([
      'out-of-memory',
      'container agent needed more memory than it has',
    ]);
  });
});

describe('exit codes', () => {
  test.each([
    [
      0,
      'container app ended with exit code 0: the main process exited; a service must keep running',
    ],
    [1, 'container app ended with exit code 1'],
    [126, 'the command of container app cannot be run (exit code 126)'],
    [127, 'the command of container app cannot be run (exit code 127)'],
    [134, 'container app ended with exit code 134: it aborted (SIGABRT)'],
    [
      137,
      'container app ended with exit code 137: it was killed (SIGKILL): out of memory, or did not exit within stopTimeout',
    ],
    [139, 'container app ended with exit code 139: it crashed (SIGSEGV)'],
    [143, 'container app ended with exit code 143: it was ended by SIGTERM'],
    [
      255,
      'container app ended with exit code 255: its entry point or the container runtime failed',
    ],
  ])('%i', (exitCode, summary) => {
    const containers = [{ name: 'app', exitCode, reason: undefined, log: [] }];
    expect(diagnoseTask(task('Essential container in task exited', { containers }))).toMatchObject({
      summary,
      hint: expect.stringMatching(
        /ecsdeploy logs --cluster c --service s --container app|CMD and ENTRYPOINT/,
      ),
    });
  });
});

describe('the container that took the task down', () => {
  const container = (name: string, more: Partial<StoppedContainer> = {}): StoppedContainer => ({
    name,
    exitCode: undefined,
    reason: undefined,
    log: [],
    ...more,
  });
  test.each<[string, readonly StoppedContainer[], string | undefined]>([
    ['none', [], undefined],
    ['none that ended', [container('app')], undefined],
    [
      'a bad exit code before those of a stop',
      [
        container('agent', { exitCode: 143 }),
        container('proxy', { exitCode: 137 }),
        container('init', { exitCode: 0 }),
        container('app', { exitCode: 1 }),
      ],
      'app',
    ],
    [
      'a bad exit code before a reason',
      [container('agent', { reason: 'r' }), container('app', { exitCode: 2 })],
      'app',
    ],
    [
      'a reason before SIGKILL',
      [container('agent', { exitCode: 137 }), container('app', { exitCode: 0, reason: 'r' })],
      'app',
    ],
    [
      'SIGKILL before other ends',
      [
        container('agent', { exitCode: 143 }),
        container('init', { exitCode: 0 }),
        container('app', { exitCode: 137 }),
      ],
      'app',
    ],
    ['an end before none', [container('agent'), container('app', { exitCode: 143 })], 'app'],
  ])('%s', (_, containers, name) => {
    expect(deadContainer({ containers })?.name).toBe(name);
  });
});

describe('a silent start', () => {
  test.each<[number | undefined, readonly string[], boolean]>([
    [1, [], true],
    [255, [], true],
    [2, [], false],
    [0, [], false],
    [undefined, [], false],
    [1, ['x'], false],
    [255, ['x'], false],
  ])('exit code %s with %o: %s', (exitCode, log, expected) => {
    expect(isSilentStart({ exitCode, log })).toBe(expected);
  });

  test('only a silent start is blamed on the image', () => {
    const app = { name: 'app', reason: undefined, log: [], imagePlatforms: ['linux/arm64'] };
    const failed = (exitCode: number) =>
      diagnoseTask(task('Essential container', { containers: [{ ...app, exitCode }] }));
    expect(failed(2).code).toBe('application-exit');
    expect(failed(1)).toMatchObject({
      code: 'wrong-architecture',
      summary: 'the image of container app was built for another CPU than linux/amd64',
      hint: 'build it with --platform linux/amd64, or set runtimePlatform in the task definition',
    });
  });

  test('one line of several proves it', () => {
    expect(diagnoseTask(exited(1, ['start', 'exec x: exec format error'])).code).toBe(
      'wrong-architecture',
    );
  });
});

describe('a log that can still arrive', () => {
  const app = { name: 'app', exitCode: 1, reason: undefined, log: [] };
  test.each<[string, FailedTask, boolean]>([
    ['an exit without a log', exited(1), true],
    ['an exit with a log', exited(1, ['boom']), false],
    ['another cause', exited(127), false],
    [
      'a log elsewhere',
      task('Essential container', { containers: [{ ...app, logPlace: 'splunk' }] }),
      false,
    ],
    ['no container', task('dependency graph'), false],
  ])('%s: %s', (_, failed, expected) => {
    expect(isLogLate(failed)).toBe(expected);
  });
});

describe('evidence', () => {
  const evidence = (container: Partial<StoppedContainer>, stoppedReason = 'r') =>
    diagnoseTask(
      task(stoppedReason, {
        containers: [
          { name: 'app', exitCode: undefined, reason: undefined, log: [], ...container },
        ],
      }),
    ).evidence;

  test.each<[Partial<StoppedContainer>, readonly string[]]>([
    [{ exitCode: 2, reason: 'why' }, ['r', 'container app: exit code 2, why']],
    [{ reason: 'why' }, ['r', 'container app: never started, why']],
    [
      {
        exitCode: 2,
        log: ['a'],
        logPlace: 'splunk',
        imagePlatforms: ['linux/amd64', 'linux/arm64'],
      },
      [
        'r',
        'container app: exit code 2',
        '| a',
        'its log goes to splunk',
        'its image is built for linux/amd64, linux/arm64',
      ],
    ],
  ])('%o', (container, expected) => {
    expect(evidence(container)).toEqual(expected);
  });

  test('is left out where ECS gives no reason', () => {
    expect(evidence({ exitCode: 2 }, '')).toEqual(['container app: exit code 2']);
    expect(diagnoseTask(task(''))).toMatchObject({
      code: 'unknown',
      summary: 'ECS gave no reason',
      hint: 'read the events of the service: ecsdeploy status --cluster c --service s',
      evidence: [],
    });
    expect(diagnoseTask(task('odd')).summary).toBe('odd');
  });
});

describe('groups of causes', () => {
  const cause = (code: CauseCode, tasks: number, more: Partial<Cause> = {}): Cause => ({
    code,
    summary: code,
    hint: '',
    evidence: [],
    tasks,
    ...more,
  });

  test('an event is left out only where tasks have its code', () => {
    const event = cause('no-capacity', 0, { summary: 'event' });
    expect(groupCauses([event, cause('application-exit', 1)])).toHaveLength(2);
    expect(groupCauses([event, cause('no-capacity', 2)])).toEqual([cause('no-capacity', 2)]);
    expect(groupCauses([event])).toEqual([event]);
    expect(groupCauses([event, event])).toEqual([event]);
  });

  test('the first evidence stays unless a later one has a log, or is longer', () => {
    const first = cause('volume', 1, { evidence: ['a'], hint: 'first' });
    const second = cause('volume', 1, { evidence: ['b'], hint: 'second' });
    const longer = cause('volume', 1, { evidence: ['b', 'c'], hint: 'longer' });
    expect(groupCauses([first, second])).toEqual([{ ...first, tasks: 2 }]);
    expect(groupCauses([first, longer])).toEqual([{ ...longer, tasks: 2 }]);
    const log = cause('volume', 1, { evidence: ['| a'], hint: 'log' });
    expect(groupCauses([longer, log])).toEqual([{ ...log, tasks: 2 }]);
    expect(groupCauses([log, longer])).toEqual([{ ...log, tasks: 2 }]);
  });

  test('a code alone does not make causes equal', () => {
    const causes = [cause('volume', 1), cause('volume', 1, { summary: 'other' })];
    expect(groupCauses(causes)).toEqual(causes);
    expect(causes.map(causeKey)).toEqual(['volume volume', 'volume other']);
  });

  test('what a user or Spot stopped is no fault, and what only an event names failed no task', () => {
    expect(isFault(cause('spot-interruption', 1))).toBe(false);
    expect(isFault(cause('stopped-by-user', 1))).toBe(false);
    expect(isFault(cause('no-capacity', 0))).toBe(true);
    expect(hasFailedTasks(cause('no-capacity', 0))).toBe(false);
    expect(hasFailedTasks(cause('no-capacity', 1))).toBe(true);
    expect(hasFailedTasks(cause('spot-interruption', 1))).toBe(false);
  });
});
