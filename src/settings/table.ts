import { CHECK_NAMES } from '../core/check-names.ts';
import {
  age,
  agents,
  anyOf,
  caches,
  cluster,
  command,
  containerImages,
  count,
  cpu,
  definition,
  duration,
  memory,
  name,
  names,
  oneOf,
  pairs,
  platform,
  port,
  reference,
  region,
  release,
  secretReferences,
  secrets,
  someOrAll,
  tagPairs,
  tags,
  text,
  texts,
  yes,
} from './readers.ts';
import type { Reader } from './readers.ts';

/** Subcommands that take options. */
export type CommandName =
  | 'push'
  | 'render'
  | 'register'
  | 'rollout'
  | 'deploy'
  | 'rollback'
  | 'continue'
  | 'run'
  | 'status'
  | 'diagnose'
  | 'logs'
  | 'history'
  | 'prune'
  | 'verify'
  | 'init'
  | 'completion'
  | 'sandbox'
  | 'help';

/** Headings of the help. */
type Group =
  | 'Common'
  | 'Image'
  | 'Task definition'
  | 'Rollout'
  | 'Command'
  | 'Logs'
  | 'Prune'
  | 'Config file'
  | 'Sandbox';

/** One setting: flags, help, config file, schema and example all derive from it. */
export interface Setting<T, C extends CommandName = CommandName> {
  readonly reader: Reader<T>;
  readonly meaning: string;
  /** In the notation of commander; absent when only the config file gives the setting. */
  readonly flags?: string;
  /**
   * The part of the config file that holds the value: `service` is the top level or an entry of
   * `services`, `entry` such an entry alone; absent when the file cannot give it.
   */
  readonly file?: 'top' | 'build' | 'service' | 'entry';
  readonly default?: NoInfer<T>;
  /** Maps of several sources are merged by key; otherwise the strongest source replaces the rest. */
  readonly merge?: true;
  /** The heading of the help that lists it. */
  readonly group: Group;
  /** Only `--help --all` lists it. */
  readonly rare?: true;
  /** Subcommands that take the setting, and the only ones that can read it; all when absent. */
  readonly commands?: readonly C[];
  /** Value shown in `.ecsdeployrc.example`. */
  readonly example?: string;
}

function setting<T, const C extends CommandName = CommandName>(
  row: Setting<T, C> & { readonly default: NoInfer<T> },
): Setting<T, C> & { readonly default: T };
function setting<T, const C extends CommandName = CommandName>(row: Setting<T, C>): Setting<T, C>;
function setting<T>(row: Setting<T>): Setting<T> {
  return row;
}

const BUILDERS = ['push', 'deploy', 'verify'] as const;
const RENDERERS = ['render', 'deploy', 'verify'] as const;
const MOVERS = ['rollout', 'deploy', 'rollback', 'continue'] as const;

/** The settings; each row is the only place that names its flag, config key and meaning. */
export const SETTINGS = {
  // For every command
  config: setting({
    reader: name,
    group: 'Common',
    rare: true,
    flags: '-c, --config <file>',
    meaning: 'config file (default: .ecsdeployrc here or above, up to the repository root)',
  }),
  environment: setting({
    reader: name,
    group: 'Common',
    flags: '-e, --env <name>',
    meaning: 'environment in the config file, e.g. prod',
  }),
  service: setting({
    reader: names,
    group: 'Common',
    flags: '-s, --service <name...>',
    file: 'service',
    meaning: 'ECS service, one of those in the config file (default: all)',
    example: 'hyeon9mak-service-dev',
  }),
  cluster: setting({
    reader: cluster,
    group: 'Common',
    rare: true,
    flags: '--cluster <name>',
    file: 'service',
    meaning: 'ECS cluster, name or ARN',
    example: 'backend',
  }),
  profile: setting({
    reader: text,
    group: 'Common',
    rare: true,
    flags: '-p, --profile <name>',
    file: 'top',
    meaning: 'AWS profile in ~/.aws; empty for the default credential chain (OIDC, keys, roles)',
    example: 'default',
  }),
  region: setting({
    reader: region,
    group: 'Common',
    rare: true,
    flags: '-r, --region <name>',
    file: 'top',
    meaning: 'AWS region',
    example: 'ap-northeast-2',
  }),
  json: setting({
    reader: yes,
    group: 'Common',
    flags: '--json',
    default: false,
    meaning: 'print the result as one JSON document on stdout',
  }),
  progress: setting({
    reader: oneOf('auto', 'terminal', 'plain', 'json', 'quiet'),
    group: 'Common',
    rare: true,
    flags: '--progress <style>',
    default: 'auto',
    meaning: 'output on stderr: auto, terminal, plain, json or quiet (default: auto)',
  }),
  quiet: setting({
    reader: yes,
    group: 'Common',
    rare: true,
    flags: '-q, --quiet',
    default: false,
    meaning: 'print errors only, as --progress quiet does',
  }),
  verbose: setting({
    reader: yes,
    group: 'Common',
    rare: true,
    flags: '-v, --verbose',
    default: false,
    meaning: 'show each API call and how long it takes',
  }),

  // The image
  repository: setting({
    reader: name,
    group: 'Image',
    rare: true,
    flags: '--repository <name>',
    file: 'top',
    commands: [...BUILDERS, 'run', 'init', 'help'],
    meaning: 'ECR repository, as a name or a registry/repository URI',
    example: 'hyeon9mak-dev',
  }),
  tag: setting({
    reader: name,
    group: 'Image',
    flags: '--tag <tag>',
    commands: BUILDERS,
    meaning: 'image tag (default: the commit SHA, plus a hash of changes and options)',
  }),
  extraTags: setting({
    reader: tags,
    group: 'Image',
    rare: true,
    flags: '--extra-tag <tag>',
    file: 'top',
    default: [],
    commands: BUILDERS,
    meaning: 'additional image tag, e.g. latest (repeatable)',
    example: '[latest]',
  }),
  platform: setting({
    reader: platform,
    group: 'Image',
    rare: true,
    flags: '--platform <platform>',
    file: 'top',
    commands: BUILDERS,
    meaning:
      'platform to build for: linux/amd64 or linux/arm64 (default: the platform of the tasks, else linux/amd64)',
    example: 'linux/amd64',
  }),
  context: setting({
    reader: name,
    group: 'Image',
    rare: true,
    flags: '--context <dir>',
    file: 'build',
    default: '.',
    commands: BUILDERS,
    meaning: 'build context; in the config file, relative to that file',
    example: '.',
  }),
  dockerfile: setting({
    reader: name,
    group: 'Image',
    rare: true,
    flags: '--dockerfile <file>',
    file: 'build',
    commands: BUILDERS,
    meaning: 'Dockerfile; in the config file, relative to the context (default: Dockerfile)',
    example: 'Dockerfile',
  }),
  target: setting({
    reader: name,
    group: 'Image',
    rare: true,
    flags: '--target <stage>',
    file: 'build',
    commands: BUILDERS,
    meaning: 'build stage to build',
    example: 'production',
  }),
  args: setting({
    reader: pairs,
    group: 'Image',
    rare: true,
    flags: '--build-arg <key=value>',
    file: 'build',
    default: {},
    merge: true,
    commands: BUILDERS,
    meaning: 'build argument (repeatable)',
    example: '{ APP_VERSION: "1.2.3" }',
  }),
  secrets: setting({
    reader: secrets,
    group: 'Image',
    rare: true,
    flags: '--secret <id=…,src=…>',
    file: 'build',
    default: [],
    commands: BUILDERS,
    meaning: 'build secret: id=NAME,src=FILE or id=NAME,env=VARIABLE (repeatable)',
    example: '["id=npmrc,src=.npmrc"]',
  }),
  ssh: setting({
    reader: agents,
    group: 'Image',
    rare: true,
    flags: '--ssh <id[=socket]>',
    file: 'build',
    default: [],
    commands: BUILDERS,
    meaning: 'SSH agent for steps with --mount=type=ssh; "default" uses SSH_AUTH_SOCK (repeatable)',
    example: '[default]',
  }),
  dockerHost: setting({
    reader: name,
    group: 'Image',
    rare: true,
    flags: '--docker-host <address>',
    commands: BUILDERS,
    meaning: 'Docker daemon to build with: unix://, tcp:// or ssh:// (default: as the docker CLI)',
  }),
  dockerContext: setting({
    reader: name,
    group: 'Image',
    rare: true,
    flags: '--docker-context <name>',
    commands: BUILDERS,
    meaning: 'Docker context to build with (default: as the docker CLI)',
  }),
  before: setting({
    reader: texts,
    group: 'Image',
    file: 'build',
    default: [],
    commands: BUILDERS,
    meaning: 'shell commands to run before the build, in the folder of the config file',
    example: '["./gradlew clean build"]',
  }),
  paths: setting({
    reader: names,
    group: 'Image',
    file: 'build',
    commands: BUILDERS,
    meaning:
      'files and folders, relative to the config file: the build gets only these, and only their changes give a new tag',
    example: '[services/api, package.json]',
  }),
  cache: setting({
    reader: yes,
    group: 'Image',
    file: 'build',
    default: false,
    commands: BUILDERS,
    meaning: 'keep the cache of all build stages in the repository, as buildcache; CI writes it',
    example: 'true',
  }),
  cacheFrom: setting({
    reader: caches,
    group: 'Image',
    rare: true,
    flags: '--cache-from <cache>',
    file: 'build',
    default: [],
    commands: BUILDERS,
    meaning: 'build cache to read, as for docker buildx, e.g. type=registry,ref=REF (repeatable)',
    example: '["type=registry,ref=registry/app:cache"]',
  }),
  cacheTo: setting({
    reader: caches,
    group: 'Image',
    rare: true,
    flags: '--cache-to <cache>',
    file: 'build',
    default: [],
    commands: BUILDERS,
    meaning:
      'build cache to write, e.g. type=registry,ref=REF,mode=max or type=gha,mode=max (repeatable)',
    example: '["type=registry,ref=registry/app:cache,mode=max"]',
  }),
  noCache: setting({
    reader: yes,
    group: 'Image',
    rare: true,
    flags: '--no-cache',
    default: false,
    commands: BUILDERS,
    meaning: 'build every step without the cache; implies --rebuild',
  }),
  pull: setting({
    reader: yes,
    group: 'Image',
    rare: true,
    flags: '--pull',
    default: false,
    commands: BUILDERS,
    meaning: 'pull newer base images; implies --rebuild',
  }),
  rebuild: setting({
    reader: yes,
    group: 'Image',
    flags: '--rebuild',
    default: false,
    commands: BUILDERS,
    meaning: 'build and push even if the tag exists',
  }),
  createRepository: setting({
    reader: yes,
    group: 'Image',
    rare: true,
    flags: '--create-repository',
    default: false,
    commands: [...BUILDERS, 'help'],
    meaning: 'create the ECR repository if it does not exist',
  }),

  // The task definition
  image: setting({
    reader: reference,
    group: 'Task definition',
    flags: '--image <reference>',
    commands: [...RENDERERS, 'push', 'run'],
    meaning: 'existing image to deploy; with push: an image of the Docker daemon',
  }),
  container: setting({
    reader: names,
    group: 'Task definition',
    flags: '--container <name>',
    file: 'service',
    commands: [...RENDERERS, 'run', 'logs', 'history', 'init'],
    meaning: 'container to update or show, if there are several (repeatable)',
    example: 'hyeon9mak-container',
  }),
  taskDefinition: setting({
    reader: definition,
    group: 'Task definition',
    rare: true,
    flags: '--task-definition <definition>',
    file: 'service',
    commands: ['render', 'rollout', 'deploy', 'run', 'verify'],
    meaning:
      'family, revision (42, family:42 or ARN) or JSON file (default: what the service runs)',
    example: 'hyeon9mak-task-dev',
  }),
  setEnv: setting({
    reader: pairs,
    group: 'Task definition',
    flags: '--set-env <key=value>',
    file: 'service',
    default: {},
    merge: true,
    commands: [...RENDERERS, 'run'],
    meaning: 'environment variable to set in the container (repeatable)',
    example: '{ LOG_LEVEL: info }',
  }),
  setSecrets: setting({
    reader: secretReferences,
    group: 'Task definition',
    rare: true,
    flags: '--set-secret <name=arn>',
    file: 'service',
    default: {},
    merge: true,
    commands: RENDERERS,
    meaning:
      'environment variable from a secret or a parameter, as an ARN or a parameter name (repeatable)',
    example: '{ DB_PASSWORD: /prod/db-password }',
  }),
  unsetEnv: setting({
    reader: names,
    group: 'Task definition',
    rare: true,
    flags: '--unset-env <key>',
    file: 'service',
    default: [],
    commands: RENDERERS,
    meaning: 'environment variable or secret to remove from the container (repeatable)',
    example: '[DEBUG]',
  }),
  envFile: setting({
    reader: names,
    group: 'Task definition',
    rare: true,
    flags: '--env-file <file>',
    file: 'service',
    default: [],
    commands: RENDERERS,
    meaning:
      'dotenv file of environment variables to set; --set-env and the like win over it (repeatable)',
    example: '[prod.env]',
  }),
  replaceEnv: setting({
    reader: yes,
    group: 'Task definition',
    rare: true,
    flags: '--replace-env',
    file: 'service',
    default: false,
    commands: RENDERERS,
    meaning: 'remove every environment variable that is not given; secrets stay',
    example: 'true',
  }),
  setCommand: setting({
    reader: command,
    group: 'Task definition',
    rare: true,
    flags: '--set-command <words>',
    file: 'service',
    commands: RENDERERS,
    meaning: 'command of the container, as words or a JSON array; [] for that of the image',
    example: '[node, server.js]',
  }),
  setCpu: setting({
    reader: cpu,
    group: 'Task definition',
    rare: true,
    flags: '--set-cpu <units>',
    file: 'service',
    commands: RENDERERS,
    meaning: 'CPU of the task, e.g. 512 or "0.5 vCPU"',
    example: '512',
  }),
  setMemory: setting({
    reader: memory,
    group: 'Task definition',
    rare: true,
    flags: '--set-memory <mib>',
    file: 'service',
    commands: RENDERERS,
    meaning: 'memory of the task, e.g. 1024 or "1 GB"',
    example: '1024',
  }),
  setTaskRole: setting({
    reader: name,
    group: 'Task definition',
    rare: true,
    flags: '--set-task-role <arn>',
    file: 'service',
    commands: RENDERERS,
    meaning: 'role that the containers have',
    example: 'arn:aws:iam::111122223333:role/app',
  }),
  setExecutionRole: setting({
    reader: name,
    group: 'Task definition',
    rare: true,
    flags: '--set-execution-role <arn>',
    file: 'service',
    commands: RENDERERS,
    meaning: 'role with which ECS pulls the image, reads secrets and writes logs',
    example: 'arn:aws:iam::111122223333:role/ecsTaskExecutionRole',
  }),
  setTags: setting({
    reader: tagPairs,
    group: 'Task definition',
    rare: true,
    flags: '--set-tag <key=value>',
    file: 'service',
    default: {},
    merge: true,
    commands: RENDERERS,
    meaning: 'tag of the revision; the others stay (repeatable)',
    example: '{ team: backend }',
  }),
  containerImages: setting({
    reader: containerImages,
    group: 'Task definition',
    rare: true,
    flags: '--container-image <name=image>',
    file: 'service',
    default: {},
    merge: true,
    commands: RENDERERS,
    meaning: 'image of another container, e.g. a sidecar (repeatable)',
    example: '{ datadog-agent: "public.ecr.aws/datadog/agent:7" }',
  }),
  diff: setting({
    reader: yes,
    group: 'Task definition',
    flags: '--diff',
    default: false,
    commands: ['render'],
    meaning: 'print the changes instead of the task definition',
  }),
  showValues: setting({
    reader: yes,
    group: 'Task definition',
    rare: true,
    flags: '--show-values',
    default: false,
    commands: ['render', 'deploy'],
    meaning: 'show the values of environment variables, which are hidden by default',
  }),

  // The rollout
  dryRun: setting({
    reader: yes,
    group: 'Rollout',
    flags: '--dry-run',
    default: false,
    commands: ['deploy', 'rollback', 'run'],
    meaning: 'show the plan without changing anything',
  }),
  skipCheck: setting({
    reader: anyOf(...CHECK_NAMES),
    group: 'Rollout',
    rare: true,
    flags: '--skip-check <name>',
    default: [],
    commands: ['push', 'render', 'register', 'deploy', 'rollout', 'rollback', 'run', 'verify'],
    meaning: `check to skip: ${CHECK_NAMES.join(', ')} (repeatable)`,
  }),
  force: setting({
    reader: yes,
    group: 'Rollout',
    rare: true,
    flags: '--force',
    default: false,
    commands: ['rollout', 'deploy'],
    meaning: 'start a new deployment even if the revision already runs',
  }),
  watch: setting({
    reader: yes,
    group: 'Rollout',
    flags: '--watch',
    default: false,
    commands: ['rollout', 'status'],
    meaning:
      'follow the current deployment without changing anything; with status: keep showing it',
  }),
  to: setting({
    reader: name,
    group: 'Rollout',
    flags: '--to <revision>',
    commands: ['rollback'],
    meaning:
      'revision number, family:revision or ARN (default: the last successfully deployed one)',
  }),
  follow: setting({
    reader: yes,
    group: 'Logs',
    flags: '-f, --follow',
    default: false,
    commands: ['logs'],
    meaning: 'keep printing new lines, also of new tasks',
  }),
  lines: setting({
    reader: count,
    group: 'Logs',
    flags: '-n, --lines <number>',
    commands: ['logs'],
    meaning: 'number of recent lines to show (default: 100, or all with --since)',
  }),
  since: setting({
    reader: duration,
    group: 'Logs',
    flags: '--since <duration>',
    commands: ['logs'],
    meaning: 'show the lines of this time only, e.g. 10m',
  }),
  task: setting({
    reader: names,
    group: 'Logs',
    flags: '--task <id>',
    commands: ['logs'],
    meaning: 'task whose log to show, by its ID or the first digits of it (repeatable)',
  }),
  timestamps: setting({
    reader: yes,
    group: 'Logs',
    flags: '--timestamps',
    default: false,
    commands: ['logs'],
    meaning: 'begin each line with its time',
  }),
  release: setting({
    reader: release,
    group: 'Rollout',
    file: 'top',
    default: [],
    commands: ['deploy', 'verify', 'help'],
    meaning:
      'commands to run once, in tasks of the new revision, before any service moves, e.g. a migration',
    example: '[{ command: [rails, "db:migrate"], timeout: 15m }]',
  }),
  noRelease: setting({
    reader: yes,
    group: 'Rollout',
    rare: true,
    flags: '--no-release',
    default: false,
    commands: ['deploy'],
    meaning: "don't run the release tasks of the config file",
  }),
  check: setting({
    reader: text,
    group: 'Rollout',
    file: 'top',
    commands: ['deploy', 'rollout'],
    meaning: 'shell command to run after the rollout; when it fails, the rollout has failed',
    example: 'curl -fsS https://api.example.com/health',
  }),
  noCheck: setting({
    reader: yes,
    group: 'Rollout',
    rare: true,
    flags: '--no-check',
    default: false,
    commands: ['deploy', 'rollout'],
    meaning: "don't run the check of the config file",
  }),
  notify: setting({
    reader: text,
    group: 'Rollout',
    file: 'top',
    commands: MOVERS,
    meaning: 'shell command to run at the end, whatever came out; its failure is a warning',
    example: './scripts/notify.sh',
  }),
  noWait: setting({
    reader: yes,
    group: 'Rollout',
    flags: '--no-wait',
    default: false,
    commands: [...MOVERS, 'run'],
    meaning: "don't wait for the end",
  }),
  until: setting({
    reader: oneOf('finished', 'serving', 'paused'),
    group: 'Rollout',
    rare: true,
    flags: '--until <stage>',
    default: 'finished',
    commands: MOVERS,
    meaning:
      'stop watching once the deployment is finished, serving (has all production traffic) or paused (default: finished)',
  }),
  hook: setting({
    reader: name,
    group: 'Rollout',
    flags: '--hook <id>',
    commands: ['continue'],
    meaning: 'pause hook to answer, if several wait',
  }),
  rollback: setting({
    reader: yes,
    group: 'Rollout',
    flags: '--rollback',
    default: false,
    commands: ['continue'],
    meaning: 'refuse the deployment: ECS rolls it back',
  }),
  timeout: setting({
    reader: duration,
    group: 'Rollout',
    flags: '--timeout <duration>',
    file: 'top',
    default: 30 * 60_000,
    commands: [...MOVERS, 'run'],
    meaning: 'time limit of the rollout or the command (default: 30m)',
    example: '30m',
  }),
  poll: setting({
    reader: duration,
    group: 'Rollout',
    rare: true,
    flags: '--poll <duration>',
    file: 'top',
    default: 3000,
    commands: [...MOVERS, 'run', 'logs', 'status', 'prune'],
    meaning: 'polling interval (default: 3s)',
    example: '3s',
  }),
  maxFailures: setting({
    reader: count,
    group: 'Rollout',
    rare: true,
    flags: '--max-failures <n>',
    file: 'top',
    default: 3,
    commands: MOVERS,
    meaning: 'number of failed tasks after which the rollout fails (default: 3)',
    example: '3',
  }),
  onFailure: setting({
    reader: oneOf('exit', 'watch', 'rollback'),
    group: 'Rollout',
    flags: '--on-failure <action>',
    file: 'top',
    default: 'exit',
    commands: [...MOVERS, 'help'],
    meaning: 'when the rollout fails: exit, watch or rollback (default: exit)',
    example: 'exit',
  }),
  confirm: setting({
    reader: yes,
    group: 'Rollout',
    file: 'top',
    default: false,
    commands: MOVERS,
    meaning: 'show the plan and ask before the first write; without a terminal, --yes is required',
    example: 'true',
  }),
  yes: setting({
    reader: yes,
    group: 'Rollout',
    rare: true,
    flags: '--yes',
    default: false,
    commands: [...MOVERS, 'prune'],
    meaning: 'continue without the question that "confirm" asks; with prune: do it',
  }),
  after: setting({
    reader: names,
    group: 'Rollout',
    file: 'entry',
    default: [],
    commands: ['rollout', 'deploy', 'verify'],
    meaning: 'services whose rollout must have succeeded before this one starts',
    example: '[api]',
  }),
  ifBusy: setting({
    reader: oneOf('supersede', 'wait', 'refuse'),
    group: 'Rollout',
    rare: true,
    flags: '--if-busy <action>',
    default: 'supersede',
    commands: [...MOVERS, 'verify'],
    meaning:
      'when a deployment is in progress: supersede it, wait for its end, or refuse (default: supersede)',
  }),
  ifOlder: setting({
    reader: oneOf('warn', 'refuse', 'deploy'),
    group: 'Rollout',
    rare: true,
    flags: '--if-older <action>',
    default: 'warn',
    commands: ['deploy', 'verify'],
    meaning:
      'when the service runs a newer commit of the repository: warn, refuse or deploy (default: warn)',
  }),
  schedules: setting({
    reader: someOrAll,
    group: 'Rollout',
    rare: true,
    flags: '--schedules',
    file: 'service',
    default: false,
    commands: [...MOVERS, 'verify', 'status', 'help'],
    meaning:
      'EventBridge rules and schedules of the family follow a successful rollout; in the config file also a list of their names',
    example: 'true',
  }),
  detachOnInterrupt: setting({
    reader: yes,
    group: 'Rollout',
    rare: true,
    flags: '--detach-on-interrupt',
    default: false,
    commands: MOVERS,
    meaning: 'on Ctrl-C, stop watching and leave the deployment running (the default)',
  }),

  // The command of a one-off task
  cpu: setting({
    reader: cpu,
    group: 'Command',
    flags: '--cpu <units>',
    commands: ['run'],
    meaning: 'CPU of the task, e.g. 512 or "0.5 vCPU" (default: as in the task definition)',
  }),
  memory: setting({
    reader: memory,
    group: 'Command',
    flags: '--memory <mib>',
    commands: ['run'],
    meaning: 'memory of the task, e.g. 1024 or "1 GB" (default: as in the task definition)',
  }),
  exitCode: setting({
    reader: yes,
    group: 'Command',
    flags: '--exit-code',
    default: false,
    commands: ['run'],
    meaning: 'end with the exit code of the command instead of 10',
  }),

  // Old revisions
  keep: setting({
    reader: count,
    group: 'Prune',
    flags: '--keep <n>',
    default: 10,
    commands: ['prune'],
    meaning: 'number of newest revisions and deployments to keep (default: 10)',
  }),
  olderThan: setting({
    reader: age,
    group: 'Prune',
    flags: '--older-than <age>',
    default: 30 * 86_400_000,
    commands: ['prune'],
    meaning: 'keep revisions that are younger (default: 30d)',
  }),
  all: setting({
    reader: yes,
    group: 'Prune',
    flags: '--all',
    default: false,
    commands: ['prune'],
    meaning: 'also revisions that another user or role has registered',
  }),
  deleteInactive: setting({
    reader: yes,
    group: 'Prune',
    flags: '--delete',
    default: false,
    commands: ['prune'],
    meaning: 'also delete INACTIVE revisions for good',
  }),

  // The config file
  fromWorkflow: setting({
    reader: name,
    group: 'Config file',
    flags: '--from-workflow <file>',
    commands: ['init'],
    meaning: 'GitHub Actions workflow that deploys to ECS, to take the settings from',
  }),
  writeWorkflow: setting({
    reader: name,
    group: 'Config file',
    flags: '--write-workflow <file>',
    commands: ['init'],
    meaning: 'new file for the workflow that replaces it; otherwise it is only shown',
  }),

  // The sandbox
  speed: setting({
    reader: count,
    group: 'Sandbox',
    flags: '--speed <n>',
    default: 60,
    commands: ['sandbox'],
    meaning: 'run simulated time N times faster (default: 60)',
  }),
  scenario: setting({
    reader: names,
    group: 'Sandbox',
    flags: '--scenario <name>',
    default: [],
    commands: ['sandbox'],
    meaning: 'situation to simulate; see --list (repeatable)',
  }),
  list: setting({
    reader: yes,
    group: 'Sandbox',
    flags: '--list',
    default: false,
    commands: ['sandbox'],
    meaning: 'list the scenarios',
  }),
  docker: setting({
    reader: oneOf('auto', 'daemon', 'stand-in'),
    group: 'Sandbox',
    flags: '--docker <which>',
    default: 'auto',
    commands: ['sandbox'],
    meaning: 'Docker that the command uses: auto, daemon or stand-in (default: auto)',
  }),
  registry: setting({
    reader: name,
    group: 'Sandbox',
    rare: true,
    flags: '--registry <host:port>',
    commands: ['sandbox'],
    meaning: 'external registry for its ECR; user AWS, password in ECSDEPLOY_REGISTRY_PASSWORD',
  }),
  port: setting({
    reader: port,
    group: 'Sandbox',
    rare: true,
    flags: '--port <n>',
    commands: ['sandbox'],
    meaning: 'port to listen on (default: any free port)',
  }),
} as const;
