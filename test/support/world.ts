import { execSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { devNull } from 'node:os';
import { join } from 'node:path';
import { ECRClient } from '@aws-sdk/client-ecr';
import {
  CreateServiceCommand,
  DescribeServicesCommand,
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
} from '@aws-sdk/client-ecs';
import type { Service, Task } from '@aws-sdk/client-ecs';
import { onTestFinished } from 'vitest';
import { startDockerEngine } from '../../src/sandbox/docker-engine.ts';
import type { Fault } from '../../src/sandbox/ecs/faults.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import type { Sandbox, SandboxOptions } from '../../src/sandbox/sandbox.ts';
import { denied, SCENARIOS } from '../../src/sandbox/scenarios.ts';
import type { ScenarioName } from '../../src/sandbox/scenarios.ts';
import { runCli, spawnCli } from './cli.ts';
import type { CliEnd, CliOptions, ProcessOptions } from './cli.ts';
import { registries } from './docker.ts';
import { makeFolder } from './files.ts';

/** Config of the start world's service. */
export const CONFIG = `region: ap-northeast-2
cluster: backend
repository: hyeon9mak-dev
service: hyeon9mak-service-dev
container: hyeon9mak-container
`;

/** A Dockerfile that the Docker stand-in can build. */
export const DOCKERFILE = 'FROM scratch\nCOPY app /app\nENTRYPOINT ["/app"]\n';

const PROJECT = {
  Dockerfile: DOCKERFILE,
  app: 'program',
  '.ecsdeployrc': CONFIG,
  '.dockerignore': '.git\n',
};

/** A project on disk and a local AWS, for one test. */
export interface World {
  readonly sandbox: Sandbox;
  /** Address of the daemon, for `DOCKER_HOST`. */
  readonly docker: string;
  /** Work tree with Dockerfile and config, one commit. */
  readonly folder: string;
  readonly ecs: ECSClient;
  readonly ecr: ECRClient;
  /** Runs the command in the folder, inside the sandbox. */
  readonly run: (args: readonly string[], options?: CliOptions) => Promise<CliEnd>;
  /** Runs the built command in the same way, in its own process. */
  readonly spawn: (args: readonly string[], options?: ProcessOptions) => Promise<CliEnd>;
  /** Returns the actions since the last call that write. */
  readonly writes: () => string[];
  readonly service: (name?: string) => Promise<Service>;
  readonly runningTasks: () => Promise<Task[]>;
}

export interface WorldOptions {
  readonly files?: Readonly<Record<string, string | Buffer>>;
  readonly faults?: readonly Fault[];
  readonly scenario?: ScenarioName;
  /** Actions that are denied, e.g. `ecs:ListTasks`, or `/^logs:/`. */
  readonly denied?: readonly (string | RegExp)[];
  readonly speed?: number;
  /** Revisions that the family has besides the one that runs. */
  readonly oldRevisions?: number;
  /** Uses Docker on this machine instead of the stand-in. */
  readonly daemon?: true;
  /** The registry behind ECR; the built-in one if undefined. */
  readonly registry?: SandboxOptions['registry'];
}

const READS =
  /^(ecr|ecs|elasticloadbalancing|logs|sts|secretsmanager|ssm|events|scheduler|codedeploy):(Describe|List|Get|Batch(Get|Check))|^sts:/;

/** Creates a project, a sandbox and a stand-in for Docker, which exist until the test ends. */
export async function makeWorld(options: WorldOptions = {}): Promise<World> {
  const { files = {}, faults = [], scenario = 'success', speed = 600, oldRevisions } = options;
  const sandbox = await startSandbox({
    speed,
    scenarios: [
      SCENARIOS[scenario],
      {
        faults,
        trouble: (options.denied ?? []).map(denied),
        ...(oldRevisions && { oldRevisions }),
      },
    ],
    registry: options.registry,
  });
  const engine = options.daemon ? undefined : await startDockerEngine();
  onTestFinished(async () => {
    await Promise.all([sandbox.close(), engine?.close()]);
  });
  if (options.daemon) registries.add(sandbox.registryHost);
  const project = { ...PROJECT, ...files };
  const folder = makeFolder({ ...project, ...repositoryOf(project) });
  const docker = engine?.url ?? process.env['DOCKER_HOST'] ?? '';
  const environment = {
    ...sandbox.environment,
    AWS_CONFIG_FILE: devNull,
    AWS_SHARED_CREDENTIALS_FILE: devNull,
    DOCKER_HOST: docker,
    // At 100 times the speed, 30 ms are the 3 s that a poll takes by default.
    ECSDEPLOY_POLL: speed > 100 ? '15ms' : '30ms',
    ...(HAS_GIT ? {} : { ECSDEPLOY_TAG: 'f'.repeat(40) }),
  };
  const client = {
    endpoint: sandbox.url,
    region: 'ap-northeast-2',
    credentials: { accessKeyId: 'AKIASANDBOX', secretAccessKey: 'sandbox' },
  };
  const ecs = new ECSClient(client);
  const inside = (options?: Pick<CliOptions, 'directory' | 'environment'>) => ({
    directory: options?.directory ?? folder,
    environment: { ...environment, ...options?.environment },
  });
  let looked = 0;
  return {
    sandbox,
    docker,
    folder,
    ecs,
    ecr: new ECRClient(client),
    run: (args, more) => runCli(args, { ...more, ...inside(more) }),
    spawn: (args, more) => spawnCli(args, { ...more, ...inside(more) }),
    writes: () => {
      const calls = sandbox.calls.slice(looked);
      looked = sandbox.calls.length;
      return calls.map(({ action }) => action).filter((action) => !READS.test(action));
    },
    service: async (name = 'hyeon9mak-service-dev') => {
      const { services } = await ecs.send(
        new DescribeServicesCommand({ cluster: 'backend', services: [name] }),
      );
      if (services?.[0] === undefined) throw new Error(`no service ${name}`);
      return services[0];
    },
    runningTasks: async () => {
      const { taskArns } = await ecs.send(
        new ListTasksCommand({ cluster: 'backend', serviceName: 'hyeon9mak-service-dev' }),
      );
      const { tasks } = await ecs.send(
        new DescribeTasksCommand({ cluster: 'backend', tasks: taskArns }),
      );
      return tasks ?? [];
    },
  };
}

/** Adds a service with one task, of the start world's first revision unless another is named. */
export async function addService(
  { ecs }: World,
  serviceName: string,
  taskDefinition = 'hyeon9mak-task-dev:1',
  cluster = 'backend',
): Promise<void> {
  await ecs.send(
    new CreateServiceCommand({
      cluster,
      serviceName,
      taskDefinition,
      desiredCount: 1,
      launchType: 'FARGATE',
      networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'] } },
    }),
  );
}

/** Whether this machine has git; without it the tests set the tag. */
export const HAS_GIT = spawnSync('git', ['--version']).status === 0;

/** Initialises a repository in a folder and commits everything. */
export function commitAll(folder: string): void {
  if (HAS_GIT) git(folder, ...COMMIT);
}

const COMMIT = [
  'init --quiet --template=',
  'add --all',
  'commit --quiet --allow-empty --message test',
];

/** Runs commands of git in one shell: starting a process takes long in a large one. */
function git(folder: string, ...commands: readonly string[]): void {
  const settings = '-c user.name=t -c user.email=t@t -c maintenance.auto=false';
  const line = commands.map((command) => `git ${settings} ${command}`).join(' && ');
  execSync(line, { cwd: folder, stdio: 'ignore' });
}

/** The folder `.git` of each project that was committed, by its files. */
const repositories = new Map<string, Readonly<Record<string, Buffer>>>();

/** Files of a repository with the project as its one commit; writing them avoids git processes. */
function repositoryOf(
  project: Readonly<Record<string, string | Buffer>>,
): Readonly<Record<string, Buffer>> {
  if (!HAS_GIT) return {};
  const hash = createHash('sha256');
  for (const [path, content] of Object.entries(project))
    hash.update(`${path} ${typeof content} ${content.length}\n`).update(content);
  const key = hash.digest('hex');
  const known = repositories.get(key);
  if (known !== undefined) return known;
  const folder = makeFolder(project);
  git(folder, ...COMMIT, 'repack -adq');
  const paths = readdirSync(join(folder, '.git'), { recursive: true, encoding: 'utf8' })
    .filter((path) => /^(HEAD|config|index|refs.heads.\w+|objects.pack.*\..*)$/.test(path))
    .map((path) => join('.git', path));
  const files = Object.fromEntries(paths.map((path) => [path, readFileSync(join(folder, path))]));
  repositories.set(key, files);
  return files;
}

/** Replaces what differs between runs: ports, hashes, times, folders. */
export function stable(
  text: string,
  { folder, sandbox }: Pick<World, 'folder' | 'sandbox'>,
): string {
  return (
    text
      .replaceAll(folder, 'FOLDER')
      .replaceAll(sandbox.registryHost, 'REGISTRY')
      .replaceAll(/tcp:\/\/127\.0\.0\.1:\d+/g, 'tcp://DOCKER')
      .replaceAll(/\b[0-9a-f]{40}\b/g, 'COMMIT')
      .replaceAll(/sha256:[0-9a-f]{12,64}/g, 'DIGEST')
      .replaceAll(/ecs-svc\/\d+/g, 'ecs-svc/N')
      .replaceAll(/\(task [0-9a-f]+\)/g, '(task ID)')
      .replaceAll(/^(?:\d{4}-\d\d-\d\dT)?\d\d:\d\d:\d\dZ? /gm, '')
      .replaceAll(/\b\d+\.\d+s\b/g, 'TIME')
      // On a busy machine, a step can take 10 s and more.
      .replaceAll(/(?:\b\d+m )?\b\d+s(?= in total)/g, 'TIME')
      .replaceAll(/(?<=\b(?:build|push|register|rollout) )(?:\d+m )?\d+s\b/g, 'TIME')
      // The bars of a summary are as long as the times.
      .replaceAll(/(?<=\| TIME \| )█* ?(?=\|$)/gm, '')
  );
}
