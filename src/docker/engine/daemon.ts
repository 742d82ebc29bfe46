import type { Agent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type Docker from 'dockerode';
import { EcsDeployError } from '../../errors.ts';
import { callEngine } from './api.ts';
import { dockerAddresses, socketPath, tcpAddress } from './endpoint.ts';
import type { DockerAddress, Environment, NamedDaemon } from './endpoint.ts';
import { sshAgent } from './ssh.ts';
import { daemonUnavailable } from './unavailable.ts';

/** A daemon that has answered. */
export interface Daemon {
  readonly docker: Docker;
  readonly address: DockerAddress;
  readonly version: string;
  /** E.g. `1.41`. */
  readonly apiVersion: string;
  /** CPU architecture of its machine as Docker names it, e.g. `amd64`. */
  readonly architecture: string;
  /** Whether it is the sandbox's stand-in instead of a real Docker. */
  readonly standIn: boolean;
}

/** Milliseconds in which a daemon answers with its version; connecting over ssh takes longer. */
const TIMEOUT = { local: 10_000, ssh: 40_000 };

/** Opens the daemon and asks its version; throws `docker-unavailable` or `docker-unsuitable`. */
export async function openDocker(
  environment: Environment,
  named: NamedDaemon = {},
): Promise<Daemon> {
  const addresses = dockerAddresses(environment, named);
  const failures: { address: DockerAddress; error: NodeJS.ErrnoException }[] = [];
  for (const address of addresses) {
    try {
      return await open(address);
    } catch (error) {
      if (error instanceof EcsDeployError) throw error;
      failures.push({ address, error: error as NodeJS.ErrnoException });
    }
  }
  // A socket that exists says more than a missing default one.
  const { address, error } = (failures.find((failure) => failure.error.code !== 'ENOENT') ??
    failures[0]) as (typeof failures)[number];
  throw daemonUnavailable(address, error);
}

/** dockerode's types lack the platform. */
type Version = Docker.DockerVersion & { readonly Platform?: { readonly Name?: string } };

async function open(address: DockerAddress): Promise<Daemon> {
  const { default: Client } = await import('dockerode');
  const docker = new Client(clientOptions(address));
  const limit = address.host.startsWith('ssh://') ? TIMEOUT.ssh : TIMEOUT.local;
  const answer = await callEngine<Partial<Version>>(docker, {
    path: '/version',
    method: 'GET',
    abortSignal: AbortSignal.timeout(limit),
    statusCodes: { 200: true, 500: 'server error' },
  });
  const { Version: version, ApiVersion: apiVersion, Arch: architecture = '' } = answer;
  if (version === undefined || apiVersion === undefined)
    throw new Error('it is not a Docker daemon');
  if (answer.Os !== 'linux') {
    throw new EcsDeployError({
      code: 'docker-unsuitable',
      message: `The Docker daemon at ${address.host} runs ${answer.Os} containers.`,
      hint: 'switch Docker Desktop to Linux containers (its tray menu, or: DockerCli.exe -SwitchLinuxEngine)',
    });
  }
  const standIn = /ecsdeploy/.test(answer.Platform?.Name ?? '');
  return { docker, address, version, apiVersion, architecture, standIn };
}

/** dockerode's types lack the agent that docker-modem takes. */
type DockerOptions = Docker.DockerOptions & { readonly agent?: Agent };

/** docker-modem fills in missing options from DOCKER_HOST, even beside a socket. */
const UNSET = { host: undefined, port: undefined, ca: undefined, cert: undefined, key: undefined };

function clientOptions(address: DockerAddress): DockerOptions {
  const { host, source, tls } = address;
  const path = socketPath(address);
  if (path !== undefined) return { ...UNSET, socketPath: path, protocol: 'http' };
  if (host.startsWith('tcp://') || host.startsWith('http')) {
    const { host: name, port } = tcpAddress(address);
    // docker-modem takes the start of a bare IPv6 address for the scheme of a URL.
    const bracketed = name.includes(':') ? `[${name}]` : name;
    const { isOpen, ...files } = tls ?? {};
    return {
      host: bracketed,
      port,
      protocol: tls === undefined ? 'http' : 'https',
      ...files,
      ...(isOpen && { agent: new HttpsAgent({ rejectUnauthorized: false }) }),
    };
  }
  if (host.startsWith('ssh://')) {
    // The host name of the requests has no meaning: the agent makes the connection.
    return { host: 'docker', protocol: 'http', port: 80, agent: sshAgent(host) };
  }
  throw new EcsDeployError({
    code: 'docker-unsuitable',
    message: `ecsdeploy does not support the Docker address ${host} (${source}).`,
    hint: 'use unix://, tcp:// or ssh://',
  });
}
