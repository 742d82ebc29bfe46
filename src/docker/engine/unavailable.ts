import { platform } from 'node:os';
import { EcsDeployError } from '../../errors.ts';
import type { DockerAddress } from './endpoint.ts';
import { sshTarget } from './ssh.ts';

/** Codes of a connection that breaks or cannot be made. */
const CONNECTION_CODES = /^E(?:CONN(?:REFUSED|RESET|ABORTED)|PIPE|NOENT|TIMEDOUT|HOSTUNREACH)$/;

/** Whether the connection to the daemon broke, as opposed to an error answered by the daemon. */
export function isConnectionLost(error: unknown): boolean {
  return CONNECTION_CODES.test((error as NodeJS.ErrnoException).code ?? '');
}

/** Awaits work of a daemon; throws `docker-unavailable` when the connection breaks meanwhile. */
export async function whileConnected<T>(
  { address: { host, source } }: { readonly address: DockerAddress },
  work: Promise<T>,
): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof EcsDeployError || !isConnectionLost(error)) throw error;
    throw new EcsDeployError({
      code: 'docker-unavailable',
      message: `Lost the connection to the Docker daemon at ${host} (${source}): ${(error as NodeJS.ErrnoException).code}.`,
      hint: 'find out why it stopped, start it, and run this again: completed builds and pushes are not repeated',
      cause: error,
    });
  }
}

/** The `docker-unavailable` error of a daemon that cannot be reached. */
export function daemonUnavailable(
  address: DockerAddress,
  error: NodeJS.ErrnoException,
): EcsDeployError {
  const [message, ...hints] = explain(address, error);
  return new EcsDeployError({
    code: 'docker-unavailable',
    message,
    hint: hints.join('\n'),
    cause: error,
  });
}

/** How to start a daemon, by operating system. */
const START: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  darwin: 'start it: open -a Docker (or: orb start, colima start)',
  win32: 'start Docker Desktop',
  linux:
    'start it: sudo systemctl start docker (Docker Desktop: systemctl --user start docker-desktop)',
};

const INSTALL = 'to install Docker: https://docs.docker.com/get-started/get-docker/';
const WITHOUT = 'to deploy an image from a registry without Docker: --image REFERENCE';

function explain(
  { host, source }: DockerAddress,
  error: NodeJS.ErrnoException,
): [message: string, ...hints: string[]] {
  const location = `${host} (${source})`;
  const unreachable = `Cannot reach the Docker daemon at ${location}: ${reasonOf(error)}.`;
  if (host.startsWith('ssh://')) {
    const { options, host: machine } = sshTarget(host);
    return [unreachable, `try it by hand: ssh ${[...options, machine].join(' ')} docker version`];
  }
  if (!/^(unix|npipe):/.test(host)) {
    const check =
      source === 'DOCKER_HOST'
        ? 'check DOCKER_HOST; unset it to use the daemon of this machine'
        : `check it: docker --host ${host} version`;
    return [unreachable, check, WITHOUT];
  }
  const start = START[platform()] ?? 'start it';
  switch (error.code) {
    case 'EACCES':
      return [
        `Permission denied on the Docker socket ${location}.`,
        'join its group: sudo usermod -aG docker $USER, then log in again',
      ];
    case 'ENOENT':
      return [
        `The Docker daemon is not running: ${location} does not exist.`,
        start,
        INSTALL,
        WITHOUT,
      ];
    case 'ECONNREFUSED':
      return [`The Docker daemon is not running: nothing listens at ${location}.`, start, WITHOUT];
    default:
      return [unreachable, 'restart it', WITHOUT];
  }
}

function reasonOf({ code, name, message }: NodeJS.ErrnoException): string {
  if (name === 'AbortError' || code === 'ECONNRESET' || code === 'EPIPE')
    return 'it accepts connections but does not respond';
  return code ?? message;
}
