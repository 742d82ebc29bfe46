import { ecrRegistry, parseImageReference } from './image.ts';

/** One statement of an IAM policy, in the words of IAM. */
export interface Statement {
  readonly Sid?: string;
  readonly Effect: 'Allow';
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<
    Record<string, Readonly<Record<string, string | readonly string[]>>>
  >;
}

/** Roles may be passed to tasks only, not to whatever else runs in the account. */
const TO_TASKS = { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } };

/** The statement that allows one action, on one line, to be put into a policy as it stands. */
function allowStatement(action: string, resource: string): string {
  const statement: Statement = {
    Effect: 'Allow',
    Action: action,
    Resource: resource,
    ...(action === 'iam:PassRole' && { Condition: TO_TASKS }),
  };
  return JSON.stringify(statement, undefined, 1).replaceAll(/\n\s*/g, ' ');
}

/** What IAM said when it denied an action. */
export interface Denial {
  /** ARN of who asked; undefined where IAM does not say. */
  readonly user: string | undefined;
  readonly action: string;
  /** `*` where IAM names none. */
  readonly resource: string;
  /** Kind of the policy that lacks the permission, or denies it: `identity-based policy`. */
  readonly policy: string | undefined;
  /** ARN of that policy, where IAM names it. */
  readonly policyArn: string | undefined;
  /** A policy denies it in so many words: no other policy can allow it. */
  readonly explicit: boolean;
}

/** Takes a text of IAM apart (ecs-facts 7.2); undefined for other texts. */
export function parseDenial(text: string): Denial | undefined {
  const [, user, action, resource = '*'] =
    /User: (\S+) is not authorized to perform: ([\w-]+:\w+)(?: on resource: (\S+))?/.exec(text) ??
    [];
  if (action === undefined) return undefined;
  const [, , denying, policyArn] =
    /with an explicit deny in (an?|the|a\(n\)) ([a-z -]+?policy|permissions boundary)(?:: (arn:\S+))?(?:[\s,.]|$)/i.exec(
      text,
    ) ?? [];
  const explicit = /explicit deny/.test(text);
  const lacking = /because no ([a-z -]+?(?:policy|boundary)) allows/i.exec(text)?.[1];
  return { user, action, resource, policy: explicit ? denying : lacking, policyArn, explicit };
}

/** Who can change a policy that is not the identity's own. */
const OWNERS: Readonly<Record<string, string>> = {
  'service control policy':
    'it is set for the whole account: ask those who administer the AWS organization',
  'resource control policy':
    'it is set for the whole account: ask those who administer the AWS organization',
  'permissions boundary': 'ask those who set the boundary of the user or role',
  'session policy':
    'it was given when the role was assumed: assume it without, or with a wider one',
  'vpc endpoint policy': 'change the policy of the VPC endpoint that the call goes through',
};

/** What to do about a denial, one way a line. */
export function wayOutOf({ user, action, resource, policy, policyArn, explicit }: Denial): string {
  const kind = policy?.toLowerCase() ?? '';
  const statement = allowStatement(action, resource);
  if (explicit) {
    const named = policyArn === undefined ? '' : ` (${policyArn})`;
    const owner =
      OWNERS[kind] ?? 'take the action or the resource out of its Deny statement, or its condition';
    return `a statement that allows it does not help: the ${policy ?? 'policy'}${named} denies it\n${owner}`;
  }
  if (kind === 'resource-based policy') {
    return `add to the policy of the resource, with "Principal": { "AWS": "${user}" }: ${statement}`;
  }
  const key = action.startsWith('kms:') ? ['the policy of the key must allow it as well'] : [];
  const trust = action.startsWith('sts:AssumeRole')
    ? [`and name ${user} as a principal in the trust policy of the role`]
    : [];
  const place = kind in OWNERS ? `the ${policy} must allow it as well: ` : 'add to its policy: ';
  return [`${place}${statement}`, ...key, ...trust].join('\n');
}

/** Commands that call AWS. */
export const IAM_COMMANDS = [
  'deploy',
  'push',
  'render',
  'register',
  'rollout',
  'rollback',
  'status',
  'diagnose',
  'logs',
  'verify',
] as const;

/** A command of {@link IAM_COMMANDS}. */
export type IamCommand = (typeof IAM_COMMANDS)[number];

/** What an action is allowed on, and how the README calls it. */
const RESOURCES = {
  Anything: '`*`: IAM knows no narrower resource',
  Service: 'the service',
  ServiceDeployments: 'its service deployments',
  ServiceRevisions: 'its service revisions',
  Tasks: 'the tasks of the cluster',
  Cluster: '`*`, on the condition `ecs:cluster`',
  TaskDefinitions: 'the task definitions',
  Roles: 'its task role and execution role, on the condition `iam:PassedToService`',
  Repository: 'the repository',
  Logs: 'the log groups',
  Secrets: 'the secrets of the task definition',
} as const;

/** Settings without which an action is never called. */
type Occasion = 'createRepository' | 'onFailure';

/** One action, and the commands that need it or do better with it. */
interface Permission {
  readonly action: string;
  readonly on: keyof typeof RESOURCES;
  /** Commands that are refused without it. */
  readonly needed: readonly IamCommand[];
  /** Commands that go on without it, with a warning. */
  readonly optional?: readonly IamCommand[];
  /** The only occasion on which it is called, as the setting and as the user reads it. */
  readonly only?: { readonly setting?: Occasion; readonly words: string };
}

const WATCHERS: readonly IamCommand[] = ['deploy', 'rollout', 'rollback', 'diagnose'];
const PUSHERS: readonly IamCommand[] = ['deploy', 'push'];
const LOOKERS: readonly IamCommand[] = ['rollout', 'diagnose'];
const CHECKERS: readonly IamCommand[] = ['deploy', 'rollout', 'verify'];

/** Every action that is called, with the commands that call it. */
export const PERMISSIONS: readonly Permission[] = [
  {
    action: 'ecs:DescribeServices',
    on: 'Service',
    needed: ['deploy', 'render', 'rollout', 'rollback', 'status', 'diagnose', 'logs'],
    optional: ['push', 'register', 'verify'],
  },
  {
    action: 'ecs:DescribeTaskDefinition',
    on: 'Anything',
    needed: ['deploy', 'render', 'rollout', 'rollback', 'diagnose', 'logs'],
    optional: ['push', 'register', 'verify'],
  },
  { action: 'ecs:RegisterTaskDefinition', on: 'Anything', needed: ['deploy', 'register'] },
  { action: 'iam:PassRole', on: 'Roles', needed: ['deploy', 'register'] },
  {
    action: 'ecs:TagResource',
    on: 'TaskDefinitions',
    needed: ['deploy', 'register'],
    only: { words: 'a task definition with tags' },
  },
  { action: 'ecs:UpdateService', on: 'Service', needed: ['deploy', 'rollout', 'rollback'] },
  { action: 'ecr:GetAuthorizationToken', on: 'Anything', needed: PUSHERS },
  {
    action: 'ecr:DescribeRepositories',
    on: 'Repository',
    needed: PUSHERS,
    optional: ['rollback', 'diagnose', 'rollout', 'verify'],
  },
  {
    action: 'ecr:BatchGetImage',
    on: 'Repository',
    needed: PUSHERS,
    optional: ['rollback', 'diagnose', 'rollout', 'verify'],
  },
  { action: 'ecr:BatchCheckLayerAvailability', on: 'Repository', needed: PUSHERS },
  { action: 'ecr:InitiateLayerUpload', on: 'Repository', needed: PUSHERS },
  { action: 'ecr:UploadLayerPart', on: 'Repository', needed: PUSHERS },
  { action: 'ecr:CompleteLayerUpload', on: 'Repository', needed: PUSHERS },
  { action: 'ecr:PutImage', on: 'Repository', needed: PUSHERS },
  {
    action: 'ecr:CreateRepository',
    on: 'Repository',
    needed: PUSHERS,
    only: { setting: 'createRepository', words: '--create-repository' },
  },
  {
    action: 'ecr:GetDownloadUrlForLayer',
    on: 'Repository',
    needed: [],
    optional: [...PUSHERS, 'rollback', 'diagnose', 'rollout', 'verify'],
  },
  {
    action: 'ecr:DescribeImages',
    on: 'Repository',
    needed: [],
    optional: [...PUSHERS, 'rollback', 'rollout', 'verify'],
  },
  {
    action: 'ecs:ListServiceDeployments',
    on: 'Service',
    needed: ['rollback'],
    optional: ['deploy', ...LOOKERS],
  },
  {
    action: 'ecs:DescribeServiceRevisions',
    on: 'ServiceRevisions',
    needed: ['rollback'],
    optional: LOOKERS,
  },
  {
    action: 'ecs:DescribeServiceDeployments',
    on: 'ServiceDeployments',
    needed: [],
    optional: [...WATCHERS, 'status'],
  },
  {
    action: 'ecs:StopServiceDeployment',
    on: 'ServiceDeployments',
    needed: [],
    optional: ['rollback'],
  },
  {
    action: 'ecs:StopServiceDeployment',
    on: 'ServiceDeployments',
    needed: [],
    optional: ['deploy', 'rollout'],
    only: { setting: 'onFailure', words: '--on-failure rollback' },
  },
  {
    action: 'ecs:ListTasks',
    on: 'Cluster',
    needed: ['logs'],
    optional: [...WATCHERS, 'status'],
  },
  {
    action: 'ecs:DescribeTasks',
    on: 'Tasks',
    needed: ['logs'],
    optional: [...WATCHERS, 'status'],
  },
  { action: 'logs:GetLogEvents', on: 'Logs', needed: ['logs'], optional: WATCHERS },
  { action: 'logs:DescribeLogGroups', on: 'Logs', needed: [], optional: CHECKERS },
  { action: 'secretsmanager:DescribeSecret', on: 'Secrets', needed: [], optional: CHECKERS },
  { action: 'ssm:DescribeParameters', on: 'Anything', needed: [], optional: CHECKERS },
];

/** The names that a policy is made for, as far as the config says them. */
export interface PolicyNames {
  readonly region: string | undefined;
  /** Names or ARNs. */
  readonly targets: readonly { readonly cluster: string; readonly service: string }[];
  /** Name or URI. */
  readonly repository: string | undefined;
  /** Settings that call for more. */
  readonly occasions: ReadonlySet<Occasion>;
}

/** A policy document, as `aws iam create-policy` takes it. */
export interface Policy {
  readonly Version: '2012-10-17';
  readonly Statement: readonly Statement[];
}

/** The minimal policy of a command: what it needs, and apart from it what it does better with. */
export function policyOf(command: IamCommand, names: PolicyNames): Policy {
  const places = resourcesOf(names);
  const statements = (['needed', 'optional'] as const).flatMap((kind) => {
    const rows = PERMISSIONS.filter(
      (row) => row[kind]?.includes(command) === true && isCalled(row, names.occasions),
    );
    return [...new Set(rows.map(({ on }) => on))].map((on): Statement => {
      const actions = rows.filter((row) => row.on === on).map(({ action }) => action);
      return {
        Sid: `${kind === 'needed' ? 'Needed' : 'Optional'}${on}`,
        Effect: 'Allow',
        Action: actions,
        ...places[on],
      };
    });
  });
  return { Version: '2012-10-17', Statement: statements };
}

function isCalled({ only }: Permission, occasions: ReadonlySet<Occasion>): boolean {
  return only?.setting === undefined || occasions.has(only.setting);
}

/** What a command calls only on occasions that these names do not hold, one sentence each. */
export function furtherActions(command: IamCommand, { occasions }: PolicyNames): readonly string[] {
  return PERMISSIONS.filter(
    (row) =>
      !isCalled(row, occasions) && [...row.needed, ...(row.optional ?? [])].includes(command),
  ).map(({ action, only }) => `with ${only?.words} it calls ${action} as well`);
}

type Place = Pick<Statement, 'Resource' | 'Condition'>;

function resourcesOf(names: PolicyNames): Readonly<Record<keyof typeof RESOURCES, Place>> {
  const { repository } = names;
  const targets = names.targets.length > 0 ? names.targets : [{ cluster: '', service: '*' }];
  const ecs = (path: (cluster: string, service: string) => string): Place => ({
    Resource: single(
      targets.map(({ cluster, service }) => {
        const { partition, region, account } = placeOf(cluster, names);
        const name = lastPart(cluster) || '*';
        return `arn:${partition}:ecs:${region}:${account}:${path(name, lastPart(service))}`;
      }),
    ),
  });
  const { partition, region, account } = placeOf(targets[0]?.cluster ?? '', names);
  const image = parseImageReference(repository ?? '');
  const ecr = ecrRegistry(image.registry ?? '') ?? { region, account };
  const { Resource: ofCluster } = ecs((cluster) => `cluster/${cluster}`);
  return {
    Anything: { Resource: '*' },
    Service: ecs((cluster, service) => `service/${cluster}/${service}`),
    ServiceDeployments: ecs((cluster, service) => `service-deployment/${cluster}/${service}/*`),
    ServiceRevisions: ecs((cluster, service) => `service-revision/${cluster}/${service}/*`),
    Tasks: ecs((cluster) => `task/${cluster}/*`),
    // Names with `*` are compared as patterns by this operator.
    Cluster: { Resource: '*', Condition: { ArnLike: { 'ecs:cluster': ofCluster } } },
    TaskDefinitions: { Resource: `arn:${partition}:ecs:${region}:${account}:task-definition/*` },
    Roles: { Resource: `arn:${partition}:iam::${account}:role/*`, Condition: TO_TASKS },
    Repository: {
      Resource: `arn:${partitionOf(ecr.region)}:ecr:${ecr.region}:${ecr.account}:repository/${image.repository || '*'}`,
    },
    Logs: { Resource: `arn:${partition}:logs:${region}:${account}:log-group:*` },
    Secrets: { Resource: `arn:${partition}:secretsmanager:*:${account}:secret:*` },
  };
}

/** Partition, region and account of an ECS name; `*` for what neither it nor the config says. */
function placeOf(name: string, { region: chosen }: PolicyNames) {
  const [, , , region = chosen ?? '*', account = '*'] = name.startsWith('arn:')
    ? name.split(':')
    : [];
  return { partition: partitionOf(region), region, account };
}

function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

function single(texts: readonly string[]): string | readonly string[] {
  const different = [...new Set(texts)];
  return different.length === 1 ? (different[0] ?? '*') : different;
}

/** The table of permissions in Markdown: one row per action. */
export function permissionTable(): string {
  const list = (commands: readonly IamCommand[]) =>
    commands.map((command) => `\`${command}\``).join(', ');
  const rows = PERMISSIONS.map(({ action, on, needed, optional = [], only }) => {
    const when = only === undefined ? '' : ` (${only.words})`;
    return `| \`${action}\`${when} | ${RESOURCES[on]} | ${list(needed)} | ${list(optional)} |`;
  });
  return ['| action | on | needed by | optional for |', '| --- | --- | --- | --- |', ...rows].join(
    '\n',
  );
}
