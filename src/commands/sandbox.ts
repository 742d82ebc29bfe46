import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, devNull } from 'node:os';
import type { CommandResult, Context } from './context.ts';
import { suggest } from '../core/nearest.ts';
import { openDocker } from '../docker/engine/daemon.ts';
import { canReachRegistry } from '../docker/engine/registry-probe.ts';
import { EcsDeployError } from '../errors.ts';
import { startDockerEngine } from '../sandbox/docker-engine.ts';
import { startSandbox } from '../sandbox/sandbox.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { parseScenario, SCENARIO_GROUPS, SCENARIOS } from '../sandbox/scenarios.ts';
import type { Scenario } from '../sandbox/scenarios.ts';

/** Serves the local AWS until it is interrupted, or runs a command inside it and ends with its status. */
export async function sandbox(context: Context): Promise<CommandResult> {
  const { config, rest } = context;
  if (config.list) return ended(0, listScenarios());
  const local = await startSandbox({
    speed: config.speed,
    scenarios: config.scenario.map(readScenario),
    port: config.port,
    registry: externalRegistry(context),
  }).catch((error: unknown) => portProblem(config.port, error));
  const engine = await chooseDocker(context, local);
  const environment = commandEnvironment(context, local, engine?.url);
  context.emit({
    kind: 'sandbox-started',
    url: local.url,
    registry: local.registryHost,
    speed: config.speed,
    scenarios: config.scenario,
  });
  try {
    const [command, ...args] = rest;
    if (command !== undefined) return ended(await runInside(context, command, args, environment));
    context.print(local.url);
    context.emit({ kind: 'sandbox-waiting', variables: exports(context, environment) });
    if (!context.signal.aborted) await once(context.signal, 'abort');
    return ended(0);
  } finally {
    await Promise.all([local.close(), engine?.close()]);
  }
}

function ended(status: number, output?: string): CommandResult {
  const outcome = status === 0 ? 'succeeded' : 'failed';
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
    hint: `${suggest(text, Object.keys(SCENARIOS), 'scenarios')}; ecsdeploy sandbox --list explains them`,
  });
}

function portProblem(port: number | undefined, cause: unknown): never {
  const { code = '' } = cause as NodeJS.ErrnoException;
  if (port === undefined || !/^ERR_SOCKET_BAD_PORT$|^EA/.test(code)) throw cause;
  throw new EcsDeployError({
    code: 'usage',
    message: `The sandbox cannot listen on port ${port}: ${code === 'ERR_SOCKET_BAD_PORT' ? 'ports go from 0 to 65535' : (cause as Error).message}.`,
    hint: 'choose another with --port, or leave it out for any free one',
    cause,
  });
}

function externalRegistry({ config, environment }: Context) {
  if (config.registry === undefined) return undefined;
  const password = environment['ECSDEPLOY_REGISTRY_PASSWORD'];
  if (password !== undefined) return { host: config.registry, password };
  throw new EcsDeployError({
    code: 'usage',
    message: '--registry needs the password of the user AWS there.',
    hint: 'set ECSDEPLOY_REGISTRY_PASSWORD',
  });
}

/** The stand-in to use for Docker, or undefined when the daemon of this machine can be used. */
async function chooseDocker(context: Context, local: Sandbox) {
  const { config, environment, emit } = context;
  if (config.docker === 'stand-in') return startDockerEngine();
  try {
    const daemon = await openDocker(environment);
    if (await canReachRegistry(daemon, local.registryHost, local.registryPassword))
      return undefined;
    throw new EcsDeployError({
      code: 'docker-unsuitable',
      message: `The Docker daemon at ${daemon.address.host} cannot reach the sandbox's registry at ${local.registryHost}; it seems to run in a virtual machine.`,
      hint: 'leave --docker out to use the stand-in',
    });
  } catch (error) {
    if (config.docker === 'daemon' || !(error instanceof EcsDeployError)) throw error;
    emit({ kind: 'sandbox-stand-in', reason: error.message });
    return startDockerEngine();
  }
}

/** Variables that would lead a command out of the sandbox, or to another service inside it. */
const LEAKS = /^AWS_(?!CA_BUNDLE)|^ECSDEPLOY_REGISTRY_PASSWORD$/;

function commandEnvironment(
  { config, environment }: Context,
  local: Sandbox,
  dockerUrl: string | undefined,
): Record<string, string | undefined> {
  const kept = Object.entries(environment).filter(([name]) => !LEAKS.test(name));
  return {
    ...Object.fromEntries(kept),
    ...local.environment,
    // No profile of the user's, so that nothing real can be reached by mistake.
    AWS_CONFIG_FILE: devNull,
    AWS_SHARED_CREDENTIALS_FILE: devNull,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_PAGER: '',
    ECSDEPLOY_PROFILE: '',
    // The look that is taken every 3 s on the wall clock, on the sandbox's.
    ECSDEPLOY_POLL:
      environment['ECSDEPLOY_POLL'] ?? `${Math.max(10, Math.round(3000 / config.speed))}ms`,
    ...(dockerUrl === undefined ? {} : { DOCKER_HOST: dockerUrl }),
  };
}

function exports(
  { environment }: Context,
  inside: Readonly<Record<string, string | undefined>>,
): string[] {
  return Object.entries(inside)
    .filter(([name, value]) => environment[name] !== value)
    .map(([name, value]) => `export ${name}='${value ?? ''}'`);
}

async function runInside(
  context: Context,
  command: string,
  args: readonly string[],
  environment: Record<string, string | undefined>,
): Promise<number> {
  const { directory, signal } = context;
  const child = spawn(command, args, { cwd: directory, env: environment, stdio: 'inherit' });
  const forward = () => {
    const { cause } = signal.reason as EcsDeployError;
    // A terminal sends Ctrl-C to the child by itself, and twice would mean "at once".
    if (cause !== 'SIGINT' || context.ask === undefined) child.kill(cause as NodeJS.Signals);
  };
  signal.addEventListener('abort', forward, { once: true });
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      const message = `${command} cannot be run: ${error.message}`;
      const hint = 'behind -- stands a program and its arguments; for a shell line: sh -c "…"';
      reject(new EcsDeployError({ code: 'usage', message, hint, cause: error }));
    });
    child.once('close', (status, name) =>
      // As a shell says it.
      resolve(status ?? 128 + (name === null ? 0 : constants.signals[name])),
    );
  });
}
