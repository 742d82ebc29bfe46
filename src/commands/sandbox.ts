import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, devNull } from 'node:os';
import type { CommandResult, Context } from './context.ts';
import { suggest } from '../core/nearest.ts';
import { openDocker } from '../docker/engine/daemon.ts';
import { canReachRegistry } from '../docker/engine/registry-probe.ts';
import { EcsDeployError } from '../errors.ts';
import { readDefinitionFile } from '../plan/definition-file.ts';
import { startDockerEngine } from '../sandbox/docker-engine.ts';
import type { DockerEngine } from '../sandbox/docker-engine.ts';
import { WORLD_INVALID } from '../sandbox/own-world.ts';
import { startSandbox } from '../sandbox/sandbox.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Gap } from '../sandbox/server.ts';
import { readWorldFile } from '../settings/world-file.ts';
import {
  needsStartWorld,
  parseScenario,
  SCENARIO_GROUPS,
  SCENARIOS,
} from '../sandbox/scenarios.ts';
import type { Scenario } from '../sandbox/scenarios.ts';

/** Serves the local AWS until it is interrupted, or runs a command in it and returns its status. */
export async function sandbox(context: Context<'sandbox'>): Promise<CommandResult> {
  const { config, rest } = context;
  if (config.list) return ended(0, listScenarios());
  const gaps = collectGaps(context);
  const local = await startSandbox({
    speed: config.speed,
    scenarios: config.scenario.map(readScenario),
    world: await readWorld(context),
    port: config.port,
    registry: externalRegistry(context),
    onGap: gaps.take,
  }).catch((error: unknown) => startProblem(config, error));
  let engine: DockerEngine | undefined;
  try {
    engine = await chooseDocker(context, local);
    const environment = commandEnvironment(context, local, engine?.url);
    context.emit({
      kind: 'sandbox-started',
      url: local.url,
      registry: local.registryHost,
      speed: config.speed,
      scenarios: config.scenario,
      ...local.contents,
    });
    const [command, ...args] = rest;
    if (command !== undefined) {
      const status = await runInside(context, command, args, environment);
      gaps.report();
      return ended(status);
    }
    gaps.report();
    await context.print({ kind: 'text', text: local.url });
    context.emit({ kind: 'sandbox-waiting', variables: exports(context, environment) });
    if (!context.signal.aborted) await once(context.signal, 'abort');
    return ended(0);
  } finally {
    await Promise.all([local.close(), engine?.close()]);
  }
}

/** Reports each gap once: at once when it is called, but not while a command draws on the terminal. */
function collectGaps({ emit }: Context<'sandbox'>) {
  const known = new Set<string>();
  let waiting: Gap[] | undefined = [];
  const say = (gap: Gap) => emit({ kind: 'sandbox-gap', ...gap });
  return {
    take: (gap: Gap) => {
      const key = `${gap.action} ${gap.members.join()}`;
      if (known.has(key)) return;
      known.add(key);
      if (waiting === undefined) say(gap);
      else waiting.push(gap);
    },
    /** Reports those so far, and from now on each as it comes. */
    report: () => {
      for (const gap of waiting ?? []) say(gap);
      waiting = undefined;
    },
  };
}

function ended(status: number, text?: string): CommandResult {
  const outcome = status === 0 ? 'succeeded' : 'failed';
  const output = text === undefined ? undefined : ({ kind: 'text', text } as const);
  return { outcome, status, image: null, services: [], seconds: {}, output };
}

function listScenarios(): string {
  const width = Math.max(...Object.keys(SCENARIOS).map((name) => name.length));
  const groups = Object.keys(SCENARIO_GROUPS) as (keyof typeof SCENARIO_GROUPS)[];
  return groups
    .map((group) => {
      const rows = Object.entries(SCENARIOS)
        .filter(([, scenario]) => scenario.group === group)
        .map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
      return [`${SCENARIO_GROUPS[group]}:`, ...rows].join('\n');
    })
    .join('\n\n');
}

function readScenario(text: string): Scenario {
  const scenario = parseScenario(text);
  if (scenario !== undefined) return scenario;
  throw new EcsDeployError({
    code: 'usage',
    message: `--scenario: there is no scenario "${text}".`,
    hint: `${suggest(text, Object.keys(SCENARIOS), 'scenarios')}; to see them explained: ecsdeploy sandbox --list`,
  });
}

function startProblem({ port, world }: Context<'sandbox'>['config'], cause: unknown): never {
  const { code = '', name, message } = cause as NodeJS.ErrnoException;
  if (name === WORLD_INVALID) {
    throw new EcsDeployError({
      code: 'config-invalid',
      message: message.replaceAll(/^/gm, `${world}: `),
      hint: 'see docs/sandbox.md#a-world-of-your-own',
      cause,
    });
  }
  if (port === undefined || !/^ERR_SOCKET_BAD_PORT$|^EA/.test(code)) throw cause;
  throw new EcsDeployError({
    code: 'usage',
    message: `The sandbox cannot listen on port ${port}: ${code === 'ERR_SOCKET_BAD_PORT' ? 'a port must be from 0 to 65535' : message}.`,
    hint: 'choose another port with --port, or omit it to use any free port',
    cause,
  });
}

/** What the sandbox starts with in place of its start world. */
async function readWorld({ config, directory, emit }: Context<'sandbox'>) {
  const { world, empty, scenario } = config;
  if (world === undefined && !empty) return undefined;
  const option = empty ? '--empty' : '--world';
  const refuse = (message: string, hint: string) =>
    new EcsDeployError({ code: 'usage', message, hint });
  if (world !== undefined && empty) {
    throw refuse('Use either --world or --empty, not both.', 'omit one of them');
  }
  const others = scenario.filter((name) => needsStartWorld(readScenario(name)));
  if (others.length > 0) {
    throw refuse(
      `The scenario ${others.join(', ')} needs the service of the start world, which ${option} replaces.`,
      `omit ${option}, or choose another scenario`,
    );
  }
  if (world === undefined) return {};
  const { families, ...file } = readWorldFile(directory, world);
  const tools = { emit, skipCheck: [] };
  return {
    ...file,
    families: await Promise.all(families.map((path) => readDefinitionFile(tools, path))),
  };
}

function externalRegistry({ config, environment }: Context<'sandbox'>) {
  if (config.registry === undefined) return undefined;
  const password = environment['ECSDEPLOY_REGISTRY_PASSWORD'];
  if (password !== undefined) return { host: config.registry, password };
  throw new EcsDeployError({
    code: 'usage',
    message: '--registry needs the password of the user AWS of that registry.',
    hint: 'set ECSDEPLOY_REGISTRY_PASSWORD',
  });
}

/** Starts the stand-in for Docker; undefined when the daemon of this machine can be used. */
async function chooseDocker(context: Context<'sandbox'>, local: Sandbox) {
  const { config, environment, emit } = context;
  if (config.docker === 'stand-in') return startDockerEngine();
  try {
    const daemon = await openDocker(environment);
    if (await canReachRegistry(daemon, local.registryHost, local.registryPassword))
      return undefined;
    throw new EcsDeployError({
      code: 'docker-unsuitable',
      message: `The Docker daemon at ${daemon.address.host} cannot reach the sandbox's registry at ${local.registryHost}; the daemon probably runs in a virtual machine.`,
      hint: 'omit --docker to use the stand-in',
    });
  } catch (error) {
    if (config.docker === 'daemon' || !(error instanceof EcsDeployError)) throw error;
    emit({ kind: 'sandbox-stand-in', reason: error.message });
    return startDockerEngine();
  }
}

/** Variables that would make a command leave the sandbox, or use another service in it. */
const LEAKS = /^AWS_(?!CA_BUNDLE)|^ECSDEPLOY_REGISTRY_PASSWORD$/;

function commandEnvironment(
  { config, environment }: Context<'sandbox'>,
  local: Sandbox,
  dockerUrl: string | undefined,
): Record<string, string | undefined> {
  const kept = Object.entries(environment).filter(([name]) => !LEAKS.test(name));
  const hasProxy = kept.some(([name]) => /^https?_proxy$/i.test(name));
  const direct = `${environment['no_proxy'] ?? environment['NO_PROXY'] ?? ''},127.0.0.1`;
  return {
    ...Object.fromEntries(kept),
    ...local.environment,
    ...(hasProxy && { NO_PROXY: direct, no_proxy: direct }),
    // Without the user's profiles, a command cannot reach a real account by mistake.
    AWS_CONFIG_FILE: devNull,
    AWS_SHARED_CREDENTIALS_FILE: devNull,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_PAGER: '',
    ECSDEPLOY_PROFILE: '',
    // The default of 3 s, on the clock of the sandbox.
    ECSDEPLOY_POLL:
      environment['ECSDEPLOY_POLL'] ?? `${Math.max(10, Math.round(3000 / config.speed))}ms`,
    ...(dockerUrl === undefined ? {} : { DOCKER_HOST: dockerUrl }),
  };
}

function exports(
  { environment }: Context<'sandbox'>,
  inside: Readonly<Record<string, string | undefined>>,
): string[] {
  return Object.entries(inside)
    .filter(([name, value]) => environment[name] !== value)
    .map(([name, value]) => `export ${name}='${value ?? ''}'`);
}

async function runInside(
  context: Context<'sandbox'>,
  command: string,
  args: readonly string[],
  environment: Record<string, string | undefined>,
): Promise<number> {
  const { directory, signal } = context;
  const child = spawn(command, args, { cwd: directory, env: environment, stdio: 'inherit' });
  const forward = () => {
    const { cause } = signal.reason as EcsDeployError;
    // A terminal also sends Ctrl-C to the child; a second one would end it at once.
    if (cause !== 'SIGINT' || context.ask === undefined) child.kill(cause as NodeJS.Signals);
  };
  signal.addEventListener('abort', forward, { once: true });
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      const message = `Cannot run ${command}: ${error.message}`;
      const hint = 'after --, give a program and its arguments; for a shell command: sh -c "…"';
      reject(new EcsDeployError({ code: 'usage', message, hint, cause: error }));
    });
    child.once('close', (status, name) =>
      // The status that a shell reports.
      resolve(status ?? 128 + (name === null ? 0 : constants.signals[name])),
    );
  });
}
