import { ecrRegistry, parseImageReference } from './image.ts';
import { partitionOf } from './partitions.ts';
import type { Place as OwnPlace } from './ecs.ts';

/** One statement of an IAM policy. */
export interface Statement {
  readonly Sid?: string;
  readonly Effect: 'Allow';
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<
    Record<string, Readonly<Record<string, string | readonly string[]>>>
  >;
}

/** Roles can be passed only to these services. */
const passedTo = (...services: readonly string[]) => ({
  StringEquals: {
    'iam:PassedToService': single(services.map((service) => `${service}.amazonaws.com`)),
  },
});

/** Roles of tasks. */
const TO_TASKS = passedTo('ecs-tasks');
/** Roles that start the tasks of rules and schedules. */
const TO_SCHEDULES = passedTo('events', 'scheduler');

/** The policy statement that allows an action, as JSON on one line; `call` is what needs it. */
function allowStatement(action: string, resource: string, call: string): string {
  const [service = ''] = call.split(':');
  const statement: Statement = {
    Effect: 'Allow',
    Action: action,
    Resource: resource,
    ...(action === 'iam:PassRole' && {
      Condition: passedTo(service === 'ecs' ? 'ecs-tasks' : service),
    }),
  };
  return JSON.stringify(statement, undefined, 1).replaceAll(/\n\s*/g, ' ');
}

/** What IAM reports about a denied action. */
export interface Denial {
  /** ARN of the caller; undefined if IAM does not report it. */
  readonly user: string | undefined;
  readonly action: string;
  /** `*` if IAM does not report it. */
  readonly resource: string;
  /** Type of the policy that lacks or denies the permission, e.g. `identity-based policy`. */
  readonly policy: string | undefined;
  /** ARN of the policy, if IAM reports it. */
  readonly policyArn: string | undefined;
  /** Whether the policy has a Deny statement, which no other policy can override. */
  readonly explicit: boolean;
}

/**
 * Parses an error text of IAM (docs/explanation/how-ecs-behaves.md#denied-calls); undefined for other
 * texts.
 */
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

const ASK_ORGANIZATION =
  'it applies to the whole account: ask an administrator of the AWS organization';

/** What to do about policies other than those of the identity, by type in lower case. */
const OWNERS: Readonly<Record<string, string>> = {
  'service control policy': ASK_ORGANIZATION,
  'resource control policy': ASK_ORGANIZATION,
  'permissions boundary': 'ask the administrator who sets the boundary of the user or role',
  'session policy':
    'it was passed when the role was assumed: assume the role without it, or with a wider one',
  'vpc endpoint policy': 'change the policy of the VPC endpoint that the call uses',
};

/** What to do about a denied action, one step per line; `call` is the API call that needed it. */
export function wayOutOf(denial: Denial, call = 'ecs:RegisterTaskDefinition'): string {
  const { user, action, resource, policy, policyArn, explicit } = denial;
  const kind = policy?.toLowerCase() ?? '';
  const statement = allowStatement(action, resource, call);
  if (explicit) {
    const named = policyArn === undefined ? '' : ` (${policyArn})`;
    const owner =
      OWNERS[kind] ??
      'remove the action or the resource from its Deny statement, or change the condition';
    return `an Allow statement does not help: the ${policy ?? 'policy'}${named} denies the call\n${owner}`;
  }
  if (kind === 'resource-based policy') {
    return `add to the policy of the resource, with "Principal": { "AWS": "${user}" }: ${statement}`;
  }
  const key = action.startsWith('kms:') ? ['the key policy must allow it too'] : [];
  const trust = action.startsWith('sts:AssumeRole')
    ? [`add ${user} as a principal to the trust policy of the role`]
    : [];
  const place = kind in OWNERS ? `the ${policy} must allow it too: ` : 'add to its policy: ';
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
  'continue',
  'run',
  'status',
  'diagnose',
  'logs',
  'history',
  'prune',
  'verify',
  'init',
] as const;

/** A command of {@link IAM_COMMANDS}. */
export type IamCommand = (typeof IAM_COMMANDS)[number];

/** The resources of actions, and their names in docs/reference/iam.md. */
const RESOURCES = {
  Anything: '`*` (IAM supports no narrower resource)',
  Region: '`*`: everything in the region that can need a revision',
  Service: 'the service',
  ServiceDeployments: 'its service deployments',
  ServiceRevisions: 'its service revisions',
  Tasks: 'the tasks of the cluster',
  ContainerInstances: 'the container instances of the cluster',
  Cluster: '`*`, with the condition `ecs:cluster`',
  TaskDefinitions: 'the task definitions',
  Runnable: 'the task definitions, with the condition `ecs:cluster`',
  Roles: 'its task role and execution role, with the condition `iam:PassedToService`',
  Repository: 'the repository',
  Logs: 'the log groups',
  Secrets: 'the secrets of the task definition',
  Rules: 'the EventBridge rules',
  Schedules: 'the schedules of EventBridge Scheduler',
  DeploymentGroups: 'the deployment group of CodeDeploy',
  Applications: 'the application of CodeDeploy',
  DeploymentConfigs: 'the deployment configurations of CodeDeploy',
  ScheduleRoles:
    'the roles of rules and schedules that start tasks, with the condition `iam:PassedToService`',
} as const;

/** What an action depends on: a setting, or that the service is one of Express Mode. */
type Occasion =
  | 'createRepository'
  | 'onFailure'
  | 'express'
  | 'codeDeploy'
  | 'release'
  | 'image'
  | 'schedules'
  | 'deleteInactive';

/** One action, and the commands that require it or use it if allowed. */
interface Permission {
  readonly action: string;
  readonly on: keyof typeof RESOURCES;
  /** Commands that fail without it. */
  readonly needed: readonly IamCommand[];
  /** Commands that continue without it, with a warning. */
  readonly optional?: readonly IamCommand[];
  /** The only case in which it is called: the setting, and its description. */
  readonly only?: { readonly setting?: Occasion; readonly words: string };
}

/** Everywhere in the region a revision can be in use; without one of these reads nothing is pruned. */
const PRUNE_READS: readonly string[] = [
  'ecs:DescribeServices',
  'ecs:DescribeServiceRevisions',
  'ecs:DescribeTasks',
  'ecs:ListClusters',
  'ecs:ListServiceDeployments',
  'ecs:ListServices',
  'ecs:ListTaskDefinitions',
  'ecs:ListTasks',
  'events:ListEventBuses',
  'scheduler:ListSchedules',
];

/** The same of CodeDeploy. */
const PRUNE_CODE_DEPLOY: readonly string[] = [
  'GetDeploymentGroup',
  'GetDeployment',
  'BatchGetDeployments',
  'GetDeploymentTarget',
  'ListDeployments',
  'GetApplicationRevision',
  'ListApplications',
  'BatchGetApplications',
  'ListDeploymentGroups',
  'BatchGetDeploymentGroups',
];

const SCHEDULE_READERS: readonly IamCommand[] = [
  'deploy',
  'rollout',
  'rollback',
  'verify',
  'status',
];
const SCHEDULE_MOVERS: readonly IamCommand[] = ['deploy', 'rollout', 'rollback'];
const BY_SCHEDULES = { setting: 'schedules', words: '--schedules' } as const;

/** Commands that read what CodeDeploy knows of a service before they act on it. */
const CODE_DEPLOY_MOVERS: readonly IamCommand[] = ['deploy', 'rollout', 'rollback', 'continue'];
const CODE_DEPLOY_LOOKERS: readonly IamCommand[] = ['verify', 'status', 'diagnose', 'history'];
const BY_CODE_DEPLOY = {
  setting: 'codeDeploy',
  words: 'a service that CodeDeploy deploys',
} as const;

/** An action on CodeDeploy; one that moves it is not called by what only looks. */
const codeDeploy = (
  name: string,
  on: 'DeploymentGroups' | 'Applications' | 'DeploymentConfigs' | 'Anything' | 'Region',
  needed: readonly IamCommand[] = CODE_DEPLOY_MOVERS,
  optional: readonly IamCommand[] = CODE_DEPLOY_LOOKERS,
): Permission => ({ action: `codedeploy:${name}`, on, needed, optional, only: BY_CODE_DEPLOY });

const STARTERS: readonly IamCommand[] = ['deploy', 'rollout', 'rollback'];

const WATCHERS: readonly IamCommand[] = ['deploy', 'rollout', 'rollback', 'continue', 'diagnose'];
const PUSHERS: readonly IamCommand[] = ['deploy', 'push'];
const LOOKERS: readonly IamCommand[] = ['rollout', 'diagnose'];
const CHECKERS: readonly IamCommand[] = ['deploy', 'rollout', 'verify'];
const BALANCED: readonly IamCommand[] = [...WATCHERS, 'status', 'verify'];

/** A read of Elastic Load Balancing, which has no permissions for single resources. */
const loadBalancing =
  (words: string) =>
  (name: string, optional: readonly IamCommand[]): Permission => ({
    action: `elasticloadbalancing:${name}`,
    on: 'Anything',
    needed: [],
    optional,
    only: { words },
  });
const balanced = loadBalancing('a service behind a load balancer');
const shifting = loadBalancing('a service that shifts traffic');

/** All actions, with the commands that call them. */
export const PERMISSIONS: readonly Permission[] = [
  {
    action: 'ecs:DescribeServices',
    on: 'Service',
    needed: [
      'deploy',
      'render',
      'rollout',
      'rollback',
      'continue',
      'run',
      'status',
      'diagnose',
      'logs',
      'history',
    ],
    optional: ['push', 'register', 'verify', 'init'],
  },
  {
    action: 'ecs:DescribeTaskDefinition',
    on: 'Anything',
    needed: [
      'deploy',
      'render',
      'rollout',
      'rollback',
      'continue',
      'run',
      'diagnose',
      'logs',
      'prune',
    ],
    optional: ['push', 'register', 'status', 'history', 'verify', 'init'],
  },
  { action: 'ecs:RegisterTaskDefinition', on: 'Anything', needed: ['deploy', 'register'] },
  {
    action: 'ecs:RegisterTaskDefinition',
    on: 'Anything',
    needed: ['run'],
    only: { setting: 'image', words: '--image' },
  },
  { action: 'iam:PassRole', on: 'Roles', needed: ['deploy', 'register', 'run'] },
  { action: 'ecs:RunTask', on: 'Runnable', needed: ['run'] },
  {
    action: 'ecs:RunTask',
    on: 'Runnable',
    needed: ['deploy'],
    only: { setting: 'release', words: 'a config with release tasks' },
  },
  { action: 'ecs:StopTask', on: 'Tasks', needed: [], optional: ['run'] },
  {
    action: 'ecs:StopTask',
    on: 'Tasks',
    needed: [],
    optional: ['deploy'],
    only: { setting: 'release', words: 'a config with release tasks' },
  },
  {
    action: 'ecs:TagResource',
    on: 'TaskDefinitions',
    needed: ['deploy', 'register'],
    only: { words: 'a task definition with tags' },
  },
  { action: 'ecs:UpdateService', on: 'Service', needed: ['deploy', 'rollout', 'rollback'] },
  {
    action: 'ecs:UpdateExpressGatewayService',
    on: 'Service',
    needed: ['deploy', 'rollout', 'rollback'],
    only: { setting: 'express', words: 'an Express service' },
  },
  {
    action: 'ecs:DescribeExpressGatewayService',
    on: 'Service',
    needed: [],
    optional: ['deploy', 'rollout', 'rollback', 'status', 'verify'],
    only: { setting: 'express', words: 'an Express service' },
  },
  { action: 'ecr:GetAuthorizationToken', on: 'Anything', needed: PUSHERS },
  {
    action: 'ecr:DescribeRepositories',
    on: 'Repository',
    needed: PUSHERS,
    optional: ['render', 'rollback', 'diagnose', 'rollout', 'verify', 'init'],
  },
  {
    action: 'ecr:BatchGetImage',
    on: 'Repository',
    needed: PUSHERS,
    optional: ['render', 'rollback', 'diagnose', 'rollout', 'verify'],
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
    action: 'ecr:DescribeRepositoryCreationTemplates',
    on: 'Anything',
    needed: [],
    optional: [...PUSHERS, 'rollback', 'rollout', 'verify'],
  },
  { action: 'ecr:GetLifecyclePolicy', on: 'Repository', needed: [], optional: ['verify'] },
  {
    action: 'ecs:ListServiceDeployments',
    on: 'Service',
    needed: ['rollback', 'history'],
    optional: ['deploy', 'continue', ...LOOKERS],
  },
  {
    action: 'ecs:DescribeServiceRevisions',
    on: 'ServiceRevisions',
    needed: ['rollback', 'history'],
    optional: LOOKERS,
  },
  {
    action: 'ecs:DescribeServiceRevisions',
    on: 'ServiceRevisions',
    needed: [],
    optional: ['deploy', 'verify'],
    only: { words: 'a service that shifts traffic' },
  },
  {
    action: 'ecs:DescribeServiceDeployments',
    on: 'ServiceDeployments',
    needed: ['continue'],
    optional: [...WATCHERS.filter((command) => command !== 'continue'), 'status', 'history'],
  },
  {
    action: 'ecs:ContinueServiceDeployment',
    on: 'ServiceDeployments',
    needed: ['continue'],
    optional: ['rollback'],
  },
  {
    action: 'ecs:ContinueServiceDeployment',
    on: 'ServiceDeployments',
    needed: [],
    optional: ['deploy', 'rollout'],
    only: { setting: 'onFailure', words: '--on-failure rollback' },
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
    optional: ['deploy', 'rollout', 'continue'],
    only: { setting: 'onFailure', words: '--on-failure rollback' },
  },
  {
    action: 'ecs:ListTasks',
    on: 'Cluster',
    needed: ['logs'],
    optional: [...WATCHERS, 'run', 'status', 'verify'],
  },
  {
    action: 'ecs:DescribeTasks',
    on: 'Tasks',
    needed: ['logs', 'run'],
    optional: [...WATCHERS, 'status', 'verify'],
  },
  {
    action: 'ecs:DescribeTasks',
    on: 'Tasks',
    needed: ['deploy'],
    only: { setting: 'release', words: 'a config with release tasks' },
  },
  {
    action: 'ecs:DescribeContainerInstances',
    on: 'ContainerInstances',
    needed: [],
    optional: [...WATCHERS, 'status'],
    only: { words: 'a service behind a load balancer whose targets are instances' },
  },
  balanced('DescribeTargetGroups', BALANCED),
  balanced('DescribeTargetGroupAttributes', WATCHERS),
  balanced('DescribeTargetHealth', BALANCED),
  balanced('DescribeLoadBalancers', [...WATCHERS, 'verify']),
  shifting('DescribeRules', BALANCED),
  shifting('DescribeListeners', BALANCED),
  { action: 'ecs:ListClusters', on: 'Anything', needed: [], optional: ['init'] },
  { action: 'ecs:ListServices', on: 'Cluster', needed: [], optional: ['init'] },
  { action: 'logs:GetLogEvents', on: 'Logs', needed: ['logs'], optional: [...WATCHERS, 'run'] },
  { action: 'logs:DescribeLogGroups', on: 'Logs', needed: [], optional: CHECKERS },
  { action: 'secretsmanager:DescribeSecret', on: 'Secrets', needed: [], optional: CHECKERS },
  { action: 'ssm:DescribeParameters', on: 'Anything', needed: [], optional: CHECKERS },
  codeDeploy('GetDeploymentGroup', 'DeploymentGroups'),
  codeDeploy('GetDeployment', 'DeploymentGroups'),
  codeDeploy(
    'BatchGetDeployments',
    'DeploymentGroups',
    ['rollback', 'history'],
    ['deploy', 'rollout', 'continue', 'diagnose'],
  ),
  codeDeploy('GetDeploymentTarget', 'DeploymentGroups'),
  codeDeploy('ListDeployments', 'DeploymentGroups'),
  codeDeploy('GetApplicationRevision', 'Applications'),
  codeDeploy('CreateDeployment', 'DeploymentGroups', STARTERS, []),
  // CreateDeployment registers the AppSpec that it is given.
  codeDeploy('RegisterApplicationRevision', 'Applications', STARTERS, []),
  codeDeploy('GetDeploymentConfig', 'DeploymentConfigs', STARTERS, [
    'continue',
    ...CODE_DEPLOY_LOOKERS,
  ]),
  codeDeploy('ContinueDeployment', 'DeploymentGroups', ['continue'], []),
  codeDeploy('StopDeployment', 'DeploymentGroups', ['rollback', 'continue'], ['deploy', 'rollout']),
  ...[
    'ListApplications',
    'BatchGetApplications',
    'ListDeploymentGroups',
    'BatchGetDeploymentGroups',
  ].map((name) =>
    codeDeploy(name, 'Anything', [], [...CODE_DEPLOY_MOVERS, ...CODE_DEPLOY_LOOKERS]),
  ),
  ...PRUNE_READS.map((action) => ({ action, on: 'Region', needed: ['prune'] }) as const),
  ...PRUNE_CODE_DEPLOY.map((name) => codeDeploy(name, 'Region', ['prune'], [])),
  codeDeploy('GetDeploymentConfig', 'Region', [], ['prune']),
  ...['ListRuleNamesByTarget', 'ListTargetsByRule', 'DescribeRule'].flatMap((name) => {
    const row = { action: `events:${name}`, on: 'Rules' } as const;
    return [
      { ...row, needed: ['prune'] as const },
      { ...row, needed: [], optional: SCHEDULE_READERS, only: BY_SCHEDULES },
    ];
  }),
  {
    action: 'events:PutTargets',
    on: 'Rules',
    needed: [],
    optional: SCHEDULE_MOVERS,
    only: BY_SCHEDULES,
  },
  {
    action: 'scheduler:ListSchedules',
    on: 'Anything',
    needed: [],
    optional: SCHEDULE_READERS,
    only: BY_SCHEDULES,
  },
  { action: 'scheduler:GetSchedule', on: 'Schedules', needed: ['prune'] },
  {
    action: 'scheduler:GetSchedule',
    on: 'Schedules',
    needed: [],
    optional: SCHEDULE_READERS,
    only: BY_SCHEDULES,
  },
  {
    action: 'scheduler:UpdateSchedule',
    on: 'Schedules',
    needed: [],
    optional: SCHEDULE_MOVERS,
    only: BY_SCHEDULES,
  },
  {
    action: 'iam:PassRole',
    on: 'ScheduleRoles',
    needed: [],
    optional: SCHEDULE_MOVERS,
    only: BY_SCHEDULES,
  },
  { action: 'ecs:DeregisterTaskDefinition', on: 'Anything', needed: ['prune'] },
  {
    action: 'ecs:DeleteTaskDefinitions',
    on: 'TaskDefinitions',
    needed: ['prune'],
    only: { setting: 'deleteInactive', words: '--delete' },
  },
];

interface NamedTarget {
  readonly cluster: string;
  readonly service: string;
  readonly place?: OwnPlace | undefined;
  readonly codeDeploy?: { readonly application: string; readonly group: string } | undefined;
}

/** The names that a policy is limited to, if the config has them. */
export interface PolicyNames {
  readonly region: string | undefined;
  /** Names or ARNs. */
  readonly targets: readonly NamedTarget[];
  /** Names or URIs. */
  readonly repositories: readonly string[];
  /** Settings in use that need additional actions. */
  readonly occasions: ReadonlySet<Occasion>;
}

/** A policy document for `aws iam create-policy`. */
export interface Policy {
  readonly Version: '2012-10-17';
  readonly Statement: readonly Statement[];
}

/** The minimal policy of a command: statements that it needs, and optional ones. */
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

/** The actions that a command needs only in cases that the names do not show, a sentence for each case. */
export function furtherActions(command: IamCommand, { occasions }: PolicyNames): readonly string[] {
  // Made here: it takes a tenth of the time to the first call, of which most runs need none.
  const list = new Intl.ListFormat('en');
  const actions = new Map<string, string[]>();
  for (const row of PERMISSIONS) {
    const { action, only, needed, optional = [] } = row;
    if (isCalled(row, occasions) || ![...needed, ...optional].includes(command)) continue;
    const words = only?.words ?? '';
    actions.set(words, [...(actions.get(words) ?? []), action]);
  }
  return [...actions].map(([words, names]) => `${words} also needs ${list.format(names)}`);
}

type GroupNames = NonNullable<PolicyNames['targets'][number]['codeDeploy']>;
type Place = Pick<Statement, 'Resource' | 'Condition'>;

function resourcesOf(names: PolicyNames): Readonly<Record<keyof typeof RESOURCES, Place>> {
  const { repositories } = names;
  const targets: readonly NamedTarget[] =
    names.targets.length > 0 ? names.targets : [{ cluster: '', service: '*' }];
  const ecs = (path: (cluster: string, service: string) => string): Place => ({
    Resource: single(
      targets.map((target) => {
        const { cluster, service } = target;
        const { partition, region, account } = placeOf(target, names);
        const name = lastPart(cluster) || '*';
        return `arn:${partition}:ecs:${region}:${account}:${path(name, lastPart(service))}`;
      }),
    ),
  });
  const each = (arnIn: (place: ReturnType<typeof placeOf>) => string): Place => ({
    Resource: single(targets.map((target) => arnIn(placeOf(target, names)))),
  });
  const { region, account } = placeOf({ cluster: targets[0]?.cluster ?? '' }, names);
  const definitions = each(
    (at) => `arn:${at.partition}:ecs:${at.region}:${at.account}:task-definition/*`,
  );
  const roles = each((at) => `arn:${at.partition}:iam::${at.account}:role/*`);
  const repositoryArn = (named: string) => {
    const image = parseImageReference(named);
    const ecr = ecrRegistry(image.registry ?? '') ?? { region, account };
    return `arn:${partitionOf(ecr.region)}:ecr:${ecr.region}:${ecr.account}:repository/${image.repository || '*'}`;
  };
  const grouped = targets.filter(({ codeDeploy }) => codeDeploy !== undefined);
  const codeDeployPlace = (kind: string, nameOf: (group: GroupNames) => string): Place => ({
    Resource: single(
      (grouped.length > 0 ? grouped : targets).map((target) => {
        const at = placeOf(target, names);
        const { codeDeploy = { application: '*', group: '*' } } = target;
        return `arn:${at.partition}:codedeploy:${at.region}:${at.account}:${kind}:${nameOf(codeDeploy)}`;
      }),
    ),
  });
  const { Resource: ofCluster } = ecs((cluster) => `cluster/${cluster}`);
  return {
    Anything: { Resource: '*' },
    Region: { Resource: '*' },
    Service: ecs((cluster, service) => `service/${cluster}/${service}`),
    ServiceDeployments: ecs((cluster, service) => `service-deployment/${cluster}/${service}/*`),
    ServiceRevisions: ecs((cluster, service) => `service-revision/${cluster}/${service}/*`),
    Tasks: ecs((cluster) => `task/${cluster}/*`),
    ContainerInstances: ecs((cluster) => `container-instance/${cluster}/*`),
    // This operator compares names with `*` as patterns.
    Cluster: { Resource: '*', Condition: { ArnLike: { 'ecs:cluster': ofCluster } } },
    TaskDefinitions: definitions,
    Runnable: { ...definitions, Condition: { ArnLike: { 'ecs:cluster': ofCluster } } },
    Roles: { ...roles, Condition: TO_TASKS },
    Repository: {
      Resource: single((repositories.length > 0 ? repositories : ['']).map(repositoryArn)),
    },
    Logs: each((at) => `arn:${at.partition}:logs:${at.region}:${at.account}:log-group:*`),
    Secrets: each((at) => `arn:${at.partition}:secretsmanager:*:${at.account}:secret:*`),
    Rules: each((at) => `arn:${at.partition}:events:${at.region}:${at.account}:rule/*`),
    DeploymentGroups: codeDeployPlace(
      'deploymentgroup',
      ({ application, group }) => `${application}/${group}`,
    ),
    Applications: codeDeployPlace('application', ({ application }) => application),
    DeploymentConfigs: codeDeployPlace('deploymentconfig', () => '*'),
    Schedules: each((at) => `arn:${at.partition}:scheduler:${at.region}:${at.account}:schedule/*`),
    ScheduleRoles: { ...roles, Condition: TO_SCHEDULES },
  };
}

/** Partition, region and account of an ECS name or ARN; `*` for unknown ones. */
function placeOf(
  { cluster, place }: Pick<NamedTarget, 'cluster' | 'place'>,
  { region: ofRun }: PolicyNames,
) {
  const chosen = place?.region ?? ofRun;
  const parts = cluster.startsWith('arn:') ? cluster.split(':') : [];
  const [, partition, , region = chosen ?? '*', account = '*'] = parts;
  return { partition: partition ?? partitionOf(region), region, account };
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

function single(texts: readonly string[]): string | readonly string[] {
  const different = [...new Set(texts)];
  return different.length === 1 ? (different[0] ?? '*') : different;
}

/** The table of permissions in Markdown, one row per action. */
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
