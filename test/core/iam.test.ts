import { expect, test } from 'vitest';
import { translateAwsError } from '../../src/aws/errors.ts';
import { furtherActions, IAM_COMMANDS, PERMISSIONS, policyOf } from '../../src/core/iam.ts';
import type { PolicyNames } from '../../src/core/iam.ts';
import { EcsDeployError } from '../../src/errors.ts';

const USER = 'arn:aws:sts::111122223333:assumed-role/deploy/ci';
const SERVICE = 'arn:aws:ecs:ap-northeast-2:111122223333:service/web/app';
const ROLE = 'arn:aws:iam::111122223333:role/ecsTaskExecutionRole';
const KEY = 'arn:aws:kms:ap-northeast-2:111122223333:key/0f';

function sentence(action: string, resource: string | undefined, reason: string): string {
  const on = resource === undefined ? '' : ` on resource: ${resource}`;
  return `User: ${USER} is not authorized to perform: ${action}${on}${reason}`;
}

/** The message and hints for this error text of `ecs:UpdateService`. */
function read(message: string, name = 'AccessDeniedException'): string {
  const fault = Object.assign(new Error(message), { name });
  const error = translateAwsError(fault, 'ecs:UpdateService', { profile: 'dev' });
  if (!(error instanceof EcsDeployError)) throw new Error('not translated');
  return [`${error.code}: ${error.message}`, ...(error.hint ?? '').split('\n')].join('\n  → ');
}

test('a missing permission is reported with the statement to add', () => {
  const reason = ' because no identity-based policy allows the ecs:UpdateService action';
  expect(read(sentence('ecs:UpdateService', SERVICE, reason))).toMatchInlineSnapshot(`
    "permission-denied: arn:aws:sts::111122223333:assumed-role/deploy/ci is not authorized to call ecs:UpdateService on arn:aws:ecs:ap-northeast-2:111122223333:service/web/app: no identity-based policy allows it.
      → add to its policy: { "Effect": "Allow", "Action": "ecs:UpdateService", "Resource": "arn:aws:ecs:ap-northeast-2:111122223333:service/web/app" }"
  `);
  expect(read(sentence('iam:PassRole', ROLE, ''))).toMatchInlineSnapshot(`
    "permission-denied: arn:aws:sts::111122223333:assumed-role/deploy/ci is not authorized to call iam:PassRole on arn:aws:iam::111122223333:role/ecsTaskExecutionRole.
      → add to its policy: { "Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::111122223333:role/ecsTaskExecutionRole", "Condition": { "StringEquals": { "iam:PassedToService": "ecs-tasks.amazonaws.com" } } }"
  `);
  expect(read(sentence('ecs:UpdateService', undefined, '.'))).toMatchInlineSnapshot(`
    "permission-denied: arn:aws:sts::111122223333:assumed-role/deploy/ci is not authorized to call ecs:UpdateService.
      → add to its policy: { "Effect": "Allow", "Action": "ecs:UpdateService", "Resource": "*" }"
  `);
  expect(read('Access Denied', 'AccessDenied')).toMatchInlineSnapshot(`
    "permission-denied: The identity of profile "dev" is not authorized to call ecs:UpdateService.
      → add to its policy: { "Effect": "Allow", "Action": "ecs:UpdateService", "Resource": "*" }"
  `);
});

test.each([
  'an identity-based policy',
  'an identity-based policy: arn:aws:iam::111122223333:policy/NoFridays',
  'a service control policy',
  'a permissions boundary',
  'a session policy',
  'a VPC endpoint policy',
  'a resource-based policy',
])('an explicit deny in %s is reported without a statement', (policy) => {
  const text = read(sentence('ecs:UpdateService', SERVICE, ` with an explicit deny in ${policy}`));
  expect(text).not.toContain('"Allow"');
  expect(text).toMatchSnapshot();
});

test.each([
  'permissions boundary',
  'service control policy',
  'session policy',
  'resource-based policy',
])('a permission that is missing in a %s must be added there', (policy) => {
  const reason = ` because no ${policy} allows the ecs:UpdateService action`;
  expect(read(sentence('ecs:UpdateService', SERVICE, reason))).toMatchSnapshot();
});

test('the key policy and the trust policy are named too', () => {
  const reason = ' because no identity-based policy allows the kms:Decrypt action';
  expect(read(sentence('kms:Decrypt', KEY, reason))).toMatchInlineSnapshot(`
    "permission-denied: arn:aws:sts::111122223333:assumed-role/deploy/ci is not authorized to call kms:Decrypt on arn:aws:kms:ap-northeast-2:111122223333:key/0f: no identity-based policy allows it.
      → add to its policy: { "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "arn:aws:kms:ap-northeast-2:111122223333:key/0f" }
      → the key policy must allow it too"
  `);
  expect(read(sentence('sts:AssumeRole', ROLE, ''), 'AccessDenied')).toMatchInlineSnapshot(`
    "credentials-missing: Profile "dev" gives no AWS credentials: arn:aws:sts::111122223333:assumed-role/deploy/ci is not authorized to call sts:AssumeRole on arn:aws:iam::111122223333:role/ecsTaskExecutionRole.
      → add to its policy: { "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::111122223333:role/ecsTaskExecutionRole" }
      → add arn:aws:sts::111122223333:assumed-role/deploy/ci as a principal to the trust policy of the role"
  `);
  expect(read('Not authorized to perform sts:AssumeRoleWithWebIdentity', 'AccessDenied'))
    .toMatchInlineSnapshot(`
      "credentials-missing: The web identity of this job cannot assume its role: Not authorized to perform sts:AssumeRoleWithWebIdentity
        → name the identity provider in the trust policy of the role, and check its conditions on audience (sts.amazonaws.com) and subject (repository, branch, environment); the role is AWS_ROLE_ARN, or role_arn of the profile"
    `);
});

const NAMES: PolicyNames = {
  region: 'ap-northeast-2',
  targets: [{ cluster: 'backend', service: 'api' }],
  repositories: ['shop'],
  occasions: new Set(),
};

test('a policy allows exactly the actions of its command, once', () => {
  for (const command of IAM_COMMANDS) {
    const { Statement } = policyOf(command, NAMES);
    const allowed = Statement.flatMap(({ Action }) => Action);
    const wanted = PERMISSIONS.filter(
      ({ needed, optional = [], only }) =>
        only?.setting === undefined && [...needed, ...optional].includes(command),
    ).map(({ action }) => action);
    expect(allowed.toSorted()).toEqual(wanted.toSorted());
    const sids = Statement.map(({ Sid }) => Sid);
    expect(new Set(sids).size).toBe(sids.length);
    for (const Sid of sids) expect(Sid).toMatch(/^[A-Za-z0-9]+$/);
  }
});

/** Resources of a policy by Sid. */
function resources(names: Partial<PolicyNames>): Record<string, unknown> {
  const { Statement } = policyOf('deploy', { ...NAMES, ...names });
  return Object.fromEntries(Statement.map(({ Sid, Resource }) => [Sid, Resource]));
}

test('account, region and partition come from ARNs and URIs, else from the region', () => {
  const cluster = 'arn:aws-cn:ecs:cn-north-1:444455556666:cluster/prod';
  expect(
    resources({
      targets: [
        { cluster, service: 'api' },
        { cluster, service: 'worker' },
      ],
      repositories: ['111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/shop'],
    }),
  ).toMatchInlineSnapshot(`
    {
      "NeededAnything": "*",
      "NeededRepository": "arn:aws:ecr:eu-west-1:111122223333:repository/team/shop",
      "NeededRoles": "arn:aws-cn:iam::444455556666:role/*",
      "NeededService": [
        "arn:aws-cn:ecs:cn-north-1:444455556666:service/prod/api",
        "arn:aws-cn:ecs:cn-north-1:444455556666:service/prod/worker",
      ],
      "NeededTaskDefinitions": "arn:aws-cn:ecs:cn-north-1:444455556666:task-definition/*",
      "OptionalAnything": "*",
      "OptionalCluster": "*",
      "OptionalContainerInstances": "arn:aws-cn:ecs:cn-north-1:444455556666:container-instance/prod/*",
      "OptionalLogs": "arn:aws-cn:logs:cn-north-1:444455556666:log-group:*",
      "OptionalRepository": "arn:aws:ecr:eu-west-1:111122223333:repository/team/shop",
      "OptionalSecrets": "arn:aws-cn:secretsmanager:*:444455556666:secret:*",
      "OptionalService": [
        "arn:aws-cn:ecs:cn-north-1:444455556666:service/prod/api",
        "arn:aws-cn:ecs:cn-north-1:444455556666:service/prod/worker",
      ],
      "OptionalServiceDeployments": [
        "arn:aws-cn:ecs:cn-north-1:444455556666:service-deployment/prod/api/*",
        "arn:aws-cn:ecs:cn-north-1:444455556666:service-deployment/prod/worker/*",
      ],
      "OptionalServiceRevisions": [
        "arn:aws-cn:ecs:cn-north-1:444455556666:service-revision/prod/api/*",
        "arn:aws-cn:ecs:cn-north-1:444455556666:service-revision/prod/worker/*",
      ],
      "OptionalTasks": "arn:aws-cn:ecs:cn-north-1:444455556666:task/prod/*",
    }
  `);
  expect(resources({ region: undefined, targets: [], repositories: [] })).toMatchObject({
    NeededService: 'arn:aws:ecs:*:*:service/*/*',
    NeededRepository: 'arn:aws:ecr:*:*:repository/*',
    NeededRoles: 'arn:aws:iam::*:role/*',
  });
});

test('actions that depend on a setting are in the policy if the setting is in use', () => {
  const without = JSON.stringify(policyOf('deploy', NAMES));
  expect(without).not.toMatch(/CreateRepository|StopServiceDeployment/);
  expect(furtherActions('deploy', NAMES)).toEqual([
    'a config with release tasks also needs ecs:RunTask, ecs:StopTask, and ecs:DescribeTasks',
    'an Express service also needs ecs:UpdateExpressGatewayService and ecs:DescribeExpressGatewayService',
    '--create-repository also needs ecr:CreateRepository',
    '--on-failure rollback also needs ecs:ContinueServiceDeployment and ecs:StopServiceDeployment',
    expect.stringMatching(
      /^a service that CodeDeploy deploys also needs .*codedeploy:CreateDeployment/,
    ),
    '--schedules also needs events:ListRuleNamesByTarget, events:ListTargetsByRule, events:DescribeRule, events:PutTargets, scheduler:ListSchedules, scheduler:GetSchedule, scheduler:UpdateSchedule, and iam:PassRole',
  ]);
  const occasions = new Set([
    'createRepository',
    'onFailure',
    'express',
    'codeDeploy',
    'release',
    'schedules',
  ] as const);
  const everything = JSON.stringify(policyOf('deploy', { ...NAMES, occasions }));
  expect(everything).toMatch(/UpdateExpress.*CreateRepository.*StopServiceDeployment/);
  expect(furtherActions('deploy', { ...NAMES, occasions })).toEqual([]);
  expect(furtherActions('logs', NAMES)).toEqual([]);
});

test('the group of CodeDeploy that the config names is the only one in the policy', () => {
  const occasions = new Set(['codeDeploy'] as const);
  const codeDeploy = { application: 'shop', group: 'production' };
  const targets = [{ cluster: 'backend', service: 'api', codeDeploy }];
  const { Statement } = policyOf('rollout', { ...NAMES, targets, occasions });
  const placeOf = (sid: string) => Statement.find(({ Sid }) => Sid === sid)?.Resource;
  expect(placeOf('NeededDeploymentGroups')).toMatch(/:deploymentgroup:shop\/production$/);
  expect(placeOf('NeededApplications')).toMatch(/:application:shop$/);
  expect(placeOf('NeededDeploymentConfigs')).toMatch(/:deploymentconfig:\*$/);
});

test('the roles of rules and schedules are passed to EventBridge and its Scheduler only', () => {
  const occasions = new Set(['schedules'] as const);
  const { Statement } = policyOf('rollback', { ...NAMES, occasions });
  expect(Statement.find(({ Sid }) => Sid === 'OptionalScheduleRoles')).toMatchObject({
    Action: ['iam:PassRole'],
    Condition: {
      StringEquals: { 'iam:PassedToService': ['events.amazonaws.com', 'scheduler.amazonaws.com'] },
    },
  });
});
