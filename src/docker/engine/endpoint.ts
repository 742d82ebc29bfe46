import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir, platform } from 'node:os';
import { join } from 'node:path';
import { EcsDeployError } from '../../errors.ts';

/** Where a Docker daemon listens. */
export interface DockerAddress {
  /** `unix:///…`, `tcp://host:port`, `ssh://user@host` or `npipe://…`. */
  readonly host: string;
  /** What the address comes from, for messages: `DOCKER_HOST`, `context colima`, `OrbStack`. */
  readonly source: string;
  readonly tls: Tls | undefined;
}

/** How a daemon and its client prove who they are; parts that are not there are undefined. */
export interface Tls {
  readonly ca?: Buffer | undefined;
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
  /** The name in the daemon's certificate, where it is not that of the address. */
  readonly servername?: string;
  /** The daemon's certificate is not verified. */
  readonly isOpen?: true;
}

/** The file of a Unix socket or named pipe; undefined for the other kinds of address. */
export function socketPath({ host }: DockerAddress): string | undefined {
  return /^(?:unix|npipe):\/\/(.*)$/s.exec(host)?.[1];
}

/** The parts of an address that is not a file; a part that it lacks is empty. */
export interface RemoteAddress {
  readonly user: string;
  /** An IPv6 address is without brackets, its zone behind `%`. */
  readonly host: string;
  readonly port: string;
  readonly path: string;
}

/** Splits an address; unlike `URL`, it takes the zone of an IPv6 address. Throws `docker-unsuitable`. */
export function remoteAddress(address: string): RemoteAddress {
  const parts =
    /^[a-z]+:\/\/(?:([^/@]*)@)?(?:\[([\da-f:.]+(?:%[^\]\s]+)?)\]|([^-:/?#[\]@\s][^:/?#[\]@\s]*))(?::(\d+))?(\/\S*)?$/i.exec(
      address,
    );
  if (parts === null || Number(parts[4] ?? 0) > 65_535) throw invalidAddress(address);
  const [, user = '', ipv6, name = '', port = '', path = ''] = parts;
  const host = ipv6?.replace(/%25/, '%') ?? name;
  return { user: user.replace(/%([\da-f]{2})/gi, decodeByte), host, port, path };
}

const decodeByte = (_: string, digits: string) => String.fromCharCode(Number.parseInt(digits, 16));

function invalidAddress(address: string): EcsDeployError {
  return new EcsDeployError({
    code: 'docker-unsuitable',
    message: `The Docker address "${address}" is invalid.`,
    hint: 'use unix://PATH, tcp://HOST:PORT or ssh://USER@HOST:PORT, an IPv6 address in brackets',
  });
}

/** Host and port of a `tcp://` or `http://` address. */
export function tcpAddress({ host: address, tls }: DockerAddress): { host: string; port: number } {
  const { host, port } = remoteAddress(address);
  // docker-modem builds a URL, which cannot have the zone of an IPv6 address.
  if (host.includes('%')) throw invalidAddress(address);
  return { host, port: Number(port || (tls === undefined ? 2375 : 2376)) };
}

/** An address without a password, which no connection uses; the user of ssh stays. */
function withoutPassword(address: string): string {
  return address
    .replace(/^((?:tcp|https?):\/\/).*@/i, '$1')
    .replace(/^(ssh:\/\/[^/@:]*):(?!\d+\/).*@/i, '$1@');
}

/** Variables of the process. */
export type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_SOCKET = '/var/run/docker.sock';

/** The daemon that the settings of this run name. */
export interface NamedDaemon {
  readonly host?: string | undefined;
  readonly context?: string | undefined;
  /** What names the host, for messages; `--docker-host` when absent. */
  readonly source?: string;
}

/**
 * Addresses to try for the daemon, in the order of the docker CLI: a host or a context named for
 * this run, `DOCKER_HOST`, the current context. If none of them is set, these are the default socket
 * and then the existing sockets of the known distributions.
 */
export function dockerAddresses(
  environment: Environment,
  named: NamedDaemon,
): readonly [DockerAddress, ...DockerAddress[]] {
  const variable = named.context === undefined ? environment['DOCKER_HOST'] : undefined;
  const host = named.host ?? variable;
  if (host !== undefined && host !== '') {
    const folder = environment['DOCKER_CERT_PATH'] ?? configFolder(environment);
    const isSet = (name: string) => (environment[name] ?? '') !== '';
    const tls = isSet('DOCKER_TLS_VERIFY')
      ? readTls(folder, true)
      : isSet('DOCKER_TLS')
        ? { ...readTls(folder), isOpen: true as const }
        : undefined;
    const { source = named.host === undefined ? 'DOCKER_HOST' : '--docker-host' } = named;
    return [{ host: withoutPassword(host), source, tls }];
  }
  const name = named.context ?? currentContext(environment);
  if (name !== undefined && name !== 'default') return [contextAddress(name, environment)];
  if (platform() === 'win32') {
    return [{ host: 'npipe:////./pipe/docker_engine', source: 'default', tls: undefined }];
  }
  const known = knownSockets(environment)
    .filter(({ path }) => existsSync(path))
    .map(({ path, source }) => ({ host: `unix://${path}`, source, tls: undefined }));
  return [{ host: `unix://${DEFAULT_SOCKET}`, source: 'default', tls: undefined }, ...known];
}

/** Sockets of the known Docker distributions, the most common first. */
function knownSockets(environment: Environment): { path: string; source: string }[] {
  const home = (source: string, path: string) => ({ source, path: join(homedir(), path) });
  const runtime = environment['XDG_RUNTIME_DIR'];
  const machines = join(homedir(), '.lima');
  return [
    home('Docker Desktop', '.docker/run/docker.sock'),
    home('OrbStack', '.orbstack/run/docker.sock'),
    home('Colima', '.colima/default/docker.sock'),
    home('Rancher Desktop', '.rd/docker.sock'),
    ...(existsSync(machines) ? readdirSync(machines) : []).map((machine) =>
      home(`Lima ${machine}`, join('.lima', machine, 'sock/docker.sock')),
    ),
    ...(runtime === undefined
      ? []
      : [
          { source: 'rootless Docker', path: join(runtime, 'docker.sock') },
          { source: 'Podman', path: join(runtime, 'podman/podman.sock') },
        ]),
    home('Podman', '.local/share/containers/podman/machine/podman.sock'),
  ];
}

/** The folder of Docker's configuration. */
export function configFolder(environment: Environment): string {
  return environment['DOCKER_CONFIG'] ?? join(homedir(), '.docker');
}

/** The Docker context in use, unless `DOCKER_HOST` is set. */
export function currentContext(environment: Environment): string | undefined {
  if (environment['DOCKER_CONTEXT']) return environment['DOCKER_CONTEXT'];
  try {
    const file = readFileSync(join(configFolder(environment), 'config.json'), 'utf8');
    return (JSON.parse(file) as { currentContext?: string }).currentContext;
  } catch {
    return undefined;
  }
}

const contextFile = (environment: Environment, part: 'meta' | 'tls', name: string) =>
  join(
    configFolder(environment),
    'contexts',
    part,
    createHash('sha256').update(name).digest('hex'),
    part === 'meta' ? 'meta.json' : 'docker',
  );

/** Whether Docker has a context of that name. */
export const contextExists = (environment: Environment, name: string): boolean =>
  existsSync(contextFile(environment, 'meta', name));

function contextAddress(name: string, environment: Environment): DockerAddress {
  const source = `context ${name}`;
  let endpoint: { readonly Host?: string; readonly SkipTLSVerify?: boolean } | undefined;
  try {
    const meta = JSON.parse(readFileSync(contextFile(environment, 'meta', name), 'utf8')) as {
      Endpoints?: { docker?: typeof endpoint };
    };
    endpoint = meta.Endpoints?.docker;
  } catch (error) {
    throw new EcsDeployError({
      code: 'docker-unavailable',
      message: `There is no Docker context "${name}".`,
      hint: 'choose one of `docker context ls` with docker context use NAME, or set DOCKER_HOST',
      cause: error,
    });
  }
  const folder = contextFile(environment, 'tls', name);
  const isOpen = endpoint?.SkipTLSVerify === true;
  const tls = existsSync(folder) || isOpen ? readTls(folder) : undefined;
  return {
    host: withoutPassword(endpoint?.Host ?? `unix://${DEFAULT_SOCKET}`),
    source,
    tls: tls && isOpen ? { ...tls, isOpen } : tls,
  };
}

/** The TLS files of a folder; a certificate and its key come together, and others are optional. */
function readTls(folder: string, isCaNeeded = false): Tls {
  const has = (name: string) => existsSync(join(folder, `${name}.pem`));
  const read = (name: string) => readFileSync(join(folder, `${name}.pem`));
  const isPair = has('cert') || has('key');
  try {
    return {
      ca: isCaNeeded || has('ca') ? read('ca') : undefined,
      ...(isPair && { cert: read('cert'), key: read('key') }),
    };
  } catch (error) {
    throw new EcsDeployError({
      code: 'docker-unavailable',
      message: `Cannot read the TLS files of the Docker daemon: ${(error as Error).message}`,
      hint: 'put ca.pem, cert.pem and key.pem in DOCKER_CERT_PATH or ~/.docker; to connect without TLS, unset DOCKER_TLS_VERIFY',
      cause: error,
    });
  }
}
