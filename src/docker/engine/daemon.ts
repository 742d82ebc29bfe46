import type { Agent } from 'node:http';
import { platform } from 'node:os';
import type Docker from 'dockerode';
import { EcsDeployError } from '../../errors.ts';
import { dial } from './dial.ts';
import { dockerAddresses } from './endpoint.ts';
import type { DockerAddress, Environment, NamedDaemon } from './endpoint.ts';
import { sshAgent, sshTarget } from './ssh.ts';

/** A daemon that has answered. */
export interface Daemon {
  readonly docker: Docker;
  readonly address: DockerAddress;
  readonly version: string;
  /** E.g. `1.41`. */
  readonly apiVersion: string;
  /** CPU of its machine in docker's words, e.g. `amd64`. */
  readonly architecture: string;
  /** Whether it is the sandbox's stand-in instead of a real Docker. */
  readonly standIn: boolean;
}

/** Milliseconds in which a daemon says its version; ssh may take longer to connect. */
const TIMEOUT = { local: 10_000, ssh: 40_000 };

/** Opens the daemon and asks its version; throws `docker-unavailable` or `docker-unsuitable`. */
export async function openDocker(
  environment: Environment,
  named: NamedDaemon = {},
): Promise<Daemon> {
  const addresses = dockerAddresses(environment, named);
  const failures: NodeJS.ErrnoException[] = [];
  for (const address of addresses) {
    try {
      return await open(address);
    } catch (error) {
      if (error instanceof EcsDeployError) throw error;
      failures.push(error as NodeJS.ErrnoException);
    }
  }
  // A socket that is there says more than the default one that is not.
  const told = failures.findIndex(({ code }) => code !== 'ENOENT');
  const index = Math.max(told, 0);
  throw unavailable(addresses[index] ?? addresses[0], failures[index] as NodeJS.ErrnoException);
}

/** dockerode's types lack the platform. */
type Version = Docker.DockerVersion & { readonly Platform?: { readonly Name?: string } };

async function open(address: DockerAddress): Promise<Daemon> {
  const { default: Client } = await import('dockerode');
  const docker = new Client(clientOptions(address));
  const limit = address.host.startsWith('ssh://') ? TIMEOUT.ssh : TIMEOUT.local;
  const version = await dial<Partial<Version>>(docker, {
    path: '/version',
    method: 'GET',
    abortSignal: AbortSignal.timeout(limit),
    statusCodes: { 200: true, 500: 'server error' },
  });
  const { Version: number, ApiVersion: apiVersion, Arch: architecture = '' } = version;
  if (number === undefined || apiVersion === undefined) throw new Error('it is no Docker daemon');
  if (version.Os !== 'linux') {
    throw new EcsDeployError({
      code: 'docker-unsuitable',
      message: `The Docker daemon at ${address.host} runs ${version.Os} containers.`,
      hint: 'switch Docker Desktop to Linux containers (its tray menu, or: DockerCli.exe -SwitchLinuxEngine)',
    });
  }
  const standIn = /ecsdeploy/.test(version.Platform?.Name ?? '');
  return { docker, address, version: number, apiVersion, architecture, standIn };
}

/** Whether a version of the Engine's API, e.g. `1.41`, is another one or newer. */
export function isAtLeast(version: string, other: string): boolean {
  const [[major = 0, minor = 0] = [], [otherMajor = 0, otherMinor = 0] = []] = [version, other].map(
    (text) => text.split('.').map(Number),
  );
  return major === otherMajor ? minor >= otherMinor : major > otherMajor;
}

/** A platform such as `linux/amd64` in the form that the Engine's API takes with images. */
export function platformParameter(platform: string): string {
  const [os, architecture] = platform.split('/');
  return JSON.stringify({ os, architecture });
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

/** What a connection that breaks, or is not made any more, says. */
const BROKEN = /^E(?:CONN(?:REFUSED|RESET|ABORTED)|PIPE|NOENT|TIMEDOUT|HOSTUNREACH)$/;

/** Awaits what a daemon does; throws `docker-unavailable` when it goes away meanwhile. */
export async function whileReached<T>({ address }: Daemon, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof EcsDeployError || !isLost(error)) throw error;
    throw new EcsDeployError({
      code: 'docker-unavailable',
      message: `The Docker daemon at ${address.host} (${address.source}) went away in the middle (${(error as NodeJS.ErrnoException).code}).`,
      hint: 'see why it ended, start it, and run this again: what is built and pushed is not done twice',
      cause: error,
    });
  }
}

/** Whether the connection to the daemon broke, and not what it was asked for. */
export function isLost(error: unknown): boolean {
  return BROKEN.test((error as NodeJS.ErrnoException).code ?? '');
}

/** How a daemon is started, by the system. */
const START: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  darwin: 'start it: open -a Docker (or: orb start, colima start)',
  win32: 'start Docker Desktop',
  linux:
    'start it: sudo systemctl start docker (Docker Desktop: systemctl --user start docker-desktop)',
};

/** What to install where there is no daemon at all. */
const INSTALL = 'if there is none yet: https://docs.docker.com/get-started/get-docker/';
const WITHOUT = 'to deploy an image that is in a registry no Docker is needed: --image REFERENCE';

function unavailable(
  { host, source }: DockerAddress,
  error: NodeJS.ErrnoException,
): EcsDeployError {
  const place = `${host} (${source})`;
  const start = START[platform()] ?? 'start it';
  const failed = (message: string, ...hints: readonly string[]) =>
    new EcsDeployError({
      code: 'docker-unavailable',
      message,
      hint: hints.join('\n'),
      cause: error,
    });
  if (host.startsWith('ssh://')) {
    const { options, host: machine } = sshTarget(host);
    return failed(
      `The Docker daemon at ${place} cannot be reached: ${reasonOf(error)}.`,
      `try it by hand: ssh ${[...options, machine].join(' ')} docker version`,
    );
  }
  if (!/^(unix|npipe):/.test(host)) {
    return failed(
      `No Docker daemon answers at ${place}: ${reasonOf(error)}.`,
      source === 'DOCKER_HOST'
        ? 'check DOCKER_HOST; unset it to use the daemon of this machine'
        : `check it: docker --host ${host} version`,
      WITHOUT,
    );
  }
  switch (error.code) {
    case 'EACCES':
      return failed(
        `You may not use the Docker socket ${place}.`,
        'join its group: sudo usermod -aG docker $USER, then log in again',
      );
    case 'ENOENT':
      return failed(`No Docker daemon runs: there is no ${place}.`, start, INSTALL, WITHOUT);
    case 'ECONNREFUSED':
      return failed(
        `The Docker daemon does not run: nobody listens any more at ${place}.`,
        start,
        WITHOUT,
      );
    default:
      return failed(
        `The Docker daemon at ${place} does not answer: ${reasonOf(error)}.`,
        'restart it',
        WITHOUT,
      );
  }
}

function reasonOf({ code, name, message }: NodeJS.ErrnoException): string {
  if (name === 'AbortError' || code === 'ECONNRESET' || code === 'EPIPE')
    return 'it takes connections, but says nothing';
  return code ?? message;
}
