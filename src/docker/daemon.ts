import { createHash } from 'node:crypto';
import type { Agent } from 'node:http';
import { existsSync, readFileSync } from 'node:fs';
import { homedir, platform } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { EcsDeployError } from '../errors.ts';
import { sshAgent, sshTarget } from './ssh.ts';

/** Where a Docker daemon listens. */
export interface DockerAddress {
  /** `unix:///…`, `tcp://host:port`, `ssh://user@host` or `npipe://…`. */
  readonly host: string;
  /** What named it, for messages: `DOCKER_HOST`, `context colima`, `default`. */
  readonly source: string;
  readonly tls: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer } | undefined;
}

/** A daemon that has answered. */
export interface Daemon {
  readonly docker: Docker;
  readonly address: DockerAddress;
  readonly version: string;
  /** E.g. `1.41`. */
  readonly apiVersion: string;
  /** Whether it is the sandbox's stand-in instead of a real Docker. */
  readonly standIn: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_SOCKET = '/var/run/docker.sock';

/** Sockets of the known Docker distributions below the home folder, in docker-facts' order. */
const HOME_SOCKETS = [
  '.docker/run/docker.sock',
  '.orbstack/run/docker.sock',
  '.colima/default/docker.sock',
  '.rd/docker.sock',
];

/** A daemon that somebody named for this run. */
export interface NamedDaemon {
  readonly host?: string | undefined;
  readonly context?: string | undefined;
}

/**
 * Finds the daemon as the docker CLI does: a host or a context named for this run, `DOCKER_HOST`,
 * the context, the default and known sockets.
 */
function resolveDocker(environment: Environment, named: NamedDaemon): DockerAddress {
  const variable = named.context === undefined ? environment['DOCKER_HOST'] : undefined;
  const host = named.host ?? variable;
  if (host !== undefined && host !== '') {
    const folder = environment['DOCKER_CERT_PATH'] ?? configFolder(environment);
    const tls = (environment['DOCKER_TLS_VERIFY'] ?? '') === '' ? undefined : readTls(folder);
    return { host, source: named.host === undefined ? 'DOCKER_HOST' : '--docker-host', tls };
  }
  const name = named.context ?? (environment['DOCKER_CONTEXT'] || currentContext(environment));
  if (name !== undefined && name !== 'default') return contextAddress(name, environment);
  if (platform() === 'win32') {
    return { host: 'npipe:////./pipe/docker_engine', source: 'default', tls: undefined };
  }
  const runtime = environment['XDG_RUNTIME_DIR'];
  const socket = [
    DEFAULT_SOCKET,
    ...HOME_SOCKETS.map((path) => join(homedir(), path)),
    ...(runtime === undefined
      ? []
      : [join(runtime, 'docker.sock'), join(runtime, 'podman/podman.sock')]),
  ].find((path) => existsSync(path));
  return { host: `unix://${socket ?? DEFAULT_SOCKET}`, source: 'default', tls: undefined };
}

/** Where docker keeps its configuration. */
export function configFolder(environment: Environment): string {
  return environment['DOCKER_CONFIG'] ?? join(homedir(), '.docker');
}

function currentContext(environment: Environment): string | undefined {
  try {
    const file = readFileSync(join(configFolder(environment), 'config.json'), 'utf8');
    return (JSON.parse(file) as { currentContext?: string }).currentContext;
  } catch {
    return undefined;
  }
}

function contextAddress(name: string, environment: Environment): DockerAddress {
  const contexts = join(configFolder(environment), 'contexts');
  const id = createHash('sha256').update(name).digest('hex');
  const source = `context ${name}`;
  let host: string | undefined;
  try {
    const meta = JSON.parse(readFileSync(join(contexts, 'meta', id, 'meta.json'), 'utf8')) as {
      Endpoints?: { docker?: { Host?: string } };
    };
    host = meta.Endpoints?.docker?.Host;
  } catch (error) {
    throw new EcsDeployError({
      code: 'docker-unavailable',
      message: `There is no docker context "${name}".`,
      hint: 'choose one that `docker context ls` shows: docker context use NAME, or set DOCKER_HOST',
      cause: error,
    });
  }
  const tls = join(contexts, 'tls', id, 'docker');
  return {
    host: host ?? `unix://${DEFAULT_SOCKET}`,
    source,
    tls: existsSync(tls) ? readTls(tls) : undefined,
  };
}

function readTls(folder: string): NonNullable<DockerAddress['tls']> {
  const read = (name: string) => readFileSync(join(folder, `${name}.pem`));
  try {
    return { ca: read('ca'), cert: read('cert'), key: read('key') };
  } catch (error) {
    throw new EcsDeployError({
      code: 'docker-unavailable',
      message: `The TLS files of the Docker daemon cannot be read: ${(error as Error).message}`,
      hint: 'ca.pem, cert.pem and key.pem belong into DOCKER_CERT_PATH or ~/.docker; without TLS unset DOCKER_TLS_VERIFY',
      cause: error,
    });
  }
}

/** Opens the daemon and asks its version; throws `docker-unavailable` or `docker-unsuitable`. */
export async function openDocker(
  environment: Environment,
  named: NamedDaemon = {},
): Promise<Daemon> {
  const address = resolveDocker(environment, named);
  const { default: Client } = await import('dockerode');
  const docker = new Client(clientOptions(address));
  let version: Awaited<ReturnType<Docker['version']>>;
  try {
    version = await docker.version();
  } catch (error) {
    throw unavailable(address, error as NodeJS.ErrnoException);
  }
  if (version.Os !== 'linux') {
    throw new EcsDeployError({
      code: 'docker-unsuitable',
      message: `The Docker daemon at ${address.host} runs ${version.Os} containers.`,
      hint: 'switch Docker Desktop to Linux containers',
    });
  }
  const { Platform } = version as { Platform?: { Name?: string } };
  return {
    docker,
    address,
    version: version.Version,
    apiVersion: version.ApiVersion,
    standIn: /ecsdeploy/.test(Platform?.Name ?? ''),
  };
}

/** Whether a version of the Engine's API, e.g. `1.41`, is another one or newer. */
export function isAtLeast(version: string, other: string): boolean {
  const [[major = 0, minor = 0] = [], [otherMajor = 0, otherMinor = 0] = []] = [version, other].map(
    (text) => text.split('.').map(Number),
  );
  return major === otherMajor ? minor >= otherMinor : major > otherMajor;
}

/** dockerode's types lack the agent that docker-modem takes. */
type DockerOptions = Docker.DockerOptions & { readonly agent?: Agent };

function clientOptions({ host, source, tls }: DockerAddress): DockerOptions {
  // docker-modem fills in from DOCKER_HOST what is not there, even beside a socket.
  const nothing = {
    host: undefined,
    port: undefined,
    ca: undefined,
    cert: undefined,
    key: undefined,
  };
  if (/^(unix|npipe):\/\//.test(host)) {
    return { ...nothing, socketPath: host.replace(/^\w+:\/\//, ''), protocol: 'http' };
  }
  if (host.startsWith('tcp://') || host.startsWith('http')) {
    const { hostname, port } = new URL(host.replace(/^tcp:/, 'http:'));
    const protocol = tls === undefined ? 'http' : 'https';
    return {
      host: hostname,
      port: Number(port || (tls === undefined ? 2375 : 2376)),
      protocol,
      ...tls,
    };
  }
  if (host.startsWith('ssh://')) {
    // The name in the URL of each request says nothing: the agent connects.
    return { host: 'docker', protocol: 'http', port: 80, agent: sshAgent(host) };
  }
  throw new EcsDeployError({
    code: 'docker-unsuitable',
    message: `The Docker address ${host} (${source}) is of a kind that ecsdeploy does not speak.`,
    hint: 'use unix://, tcp:// or ssh://',
  });
}

const START_COMMANDS: Readonly<Record<string, string>> = {
  darwin: 'start it: open -a Docker (or: colima start, orb start)',
  win32: 'start Docker Desktop',
  linux: 'start it: sudo systemctl start docker',
};

function unavailable(address: DockerAddress, error: NodeJS.ErrnoException): EcsDeployError {
  const place = `${address.host} (${address.source})`;
  if (error.code === 'EACCES') {
    return new EcsDeployError({
      code: 'docker-unavailable',
      message: `You may not use the Docker socket ${place}.`,
      hint: 'join its group: sudo usermod -aG docker $USER, then log in again',
      cause: error,
    });
  }
  if (address.host.startsWith('ssh://')) {
    const { options, host } = sshTarget(address.host);
    return new EcsDeployError({
      code: 'docker-unavailable',
      message: `The Docker daemon at ${place} cannot be reached: ${error.message}.`,
      hint: `try it by hand: ssh ${[...options, host].join(' ')} docker version`,
      cause: error,
    });
  }
  const start = START_COMMANDS[platform()] ?? START_COMMANDS['linux'];
  const other = platform() === 'darwin' ? START_COMMANDS['linux'] : START_COMMANDS['darwin'];
  return new EcsDeployError({
    code: 'docker-unavailable',
    message: `No Docker daemon answers at ${place}: ${error.code ?? error.message}.`,
    hint: `${start}; on ${platform() === 'darwin' ? 'Linux' : 'macOS'} ${other}. To deploy an image that is in a registry no Docker is needed: --image REFERENCE`,
    cause: error,
  });
}
