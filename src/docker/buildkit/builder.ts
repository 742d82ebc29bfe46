import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import type { Duplex } from 'node:stream';
import { EcsDeployError } from '../../errors.ts';
import type { Builder, BuilderNode } from '../engine/builders.ts';
import { openChild } from '../engine/child-socket.ts';
import { openDocker } from '../engine/daemon.ts';
import type { Daemon } from '../engine/daemon.ts';
import type { DockerAddress, Environment, NamedDaemon, Tls } from '../engine/endpoint.ts';
import { openExec } from '../engine/exec.ts';
import { openConnection, openControl } from './daemon-grpc.ts';
import { canExport, CONTAINERD_STORE } from './solve-image.ts';
import { platformsAt } from './workers.ts';

/** A BuildKit that pushes what it builds: a builder of buildx, or a daemon. */
export interface BuildKit {
  /** For messages, e.g. `builder ci (docker-container)`. */
  readonly name: string;
  /** Platforms whose programs it can run, its own first. */
  readonly platforms: readonly string[];
  readonly connect: () => Promise<ClientHttp2Session>;
}

/** Whether images are built by BuildKit alone, and not into a daemon. */
export const isBuildKit = (machine: Daemon | BuildKit): machine is BuildKit => 'connect' in machine;

/**
 * Opens the node of a builder that runs the platforms; the driver `docker` is the daemon itself.
 * Throws `docker-unavailable` or `docker-unsuitable`.
 */
export async function openBuilder(
  environment: Environment,
  builder: Builder,
  wanted: readonly string[],
): Promise<Daemon | BuildKit> {
  const [first] = builder.nodes;
  if (first === undefined) throw unavailable(builder, 'it has no nodes');
  if (builder.driver === 'docker')
    return openDocker(environment, daemonOf(environment, builder, first));
  const found: BuildKit[] = [];
  const failures: string[] = [];
  for (const node of builder.nodes) {
    const name = `builder ${builder.name} (${builder.driver}, ${node.name})`;
    try {
      const connect = async () => connectOver(await openNode(environment, builder, node));
      const socket = await openNode(environment, builder, node);
      const platforms = await platformsOf(() => connectOver(socket)).catch((error: unknown) => {
        // What the socket says is the cause.
        throw socket.errored ?? error;
      });
      found.push({ name, platforms, connect });
    } catch (error) {
      if (error instanceof EcsDeployError && error.code === 'docker-unsuitable') throw error;
      failures.push((error as Error).message);
    }
  }
  const chosen = chooseNode(found, wanted);
  if (chosen === undefined) throw unavailable(builder, failures.join('; '));
  return chosen;
}

/** Rather a node that runs all platforms, and rather without emulation. */
function chooseNode(nodes: readonly BuildKit[], wanted: readonly string[]): BuildKit | undefined {
  const rank = ({ platforms }: BuildKit) => {
    const places = wanted.map((platform) => platforms.indexOf(platform));
    return places.includes(-1) ? Infinity : Math.max(...places);
  };
  return nodes.toSorted((a, b) => rank(a) - rank(b) || 0)[0];
}

/** The daemon's own BuildKit; throws `docker-unsuitable` where it cannot push. */
export async function openDaemonBuilder(daemon: Daemon, why: string): Promise<BuildKit> {
  const { host } = daemon.address;
  if (daemon.standIn) {
    throw new EcsDeployError({
      code: 'docker-unsuitable',
      message: `The sandbox's stand-in for Docker cannot ${why}.`,
      hint: 'use the Docker daemon of this machine: ecsdeploy sandbox --docker daemon',
    });
  }
  const store = await canExport(daemon);
  if (store !== true) {
    throw new EcsDeployError({
      code: 'docker-unsuitable',
      message: `The Docker daemon at ${host} cannot ${why} (its image store is ${store}).`,
      hint: `${CONTAINERD_STORE}\nor build with a builder of buildx: docker buildx create --name multi --driver docker-container --bootstrap, then --builder multi`,
    });
  }
  const connect = async () => {
    const client = await openControl(daemon);
    if (client !== undefined) return client;
    throw new EcsDeployError({
      code: 'docker-unsuitable',
      message: `The Docker daemon at ${host} does not offer BuildKit's API, which it needs to ${why}.`,
      hint: 'allow POST /grpc, or build with a builder of buildx (--builder NAME)',
    });
  };
  return { name: `the Docker daemon at ${host}`, platforms: await platformsOf(connect), connect };
}

/** Milliseconds in which a builder answers: `kubectl` has a way to go. */
const TIMEOUT = 30_000;

async function platformsOf(connect: () => Promise<ClientHttp2Session>): Promise<readonly string[]> {
  const client = await connect();
  try {
    return await platformsAt(client, TIMEOUT);
  } finally {
    client.destroy();
  }
}

/** The daemon that a node names: a context, or an address. */
function daemonOf(
  environment: Environment,
  { name }: Builder,
  { endpoint }: BuilderNode,
): NamedDaemon {
  const source = `builder ${name}`;
  if (endpoint.includes('://')) return { host: endpoint, source };
  const variable = environment['DOCKER_HOST'];
  return endpoint === 'default' && variable ? { host: variable, source } : { context: endpoint };
}

async function connectOver(socket: Duplex): Promise<ClientHttp2Session> {
  const client = connectHttp2('http://buildkit', { createConnection: () => socket });
  await once(client, 'connect');
  // A connection that is lost later is reported by the call that it ends.
  client.on('error', () => undefined);
  return client;
}

async function openNode(
  environment: Environment,
  builder: Builder,
  node: BuilderNode,
): Promise<Duplex> {
  const { name, driver } = builder;
  switch (driver) {
    case 'remote':
      return openConnection(remoteOf(name, node));
    case 'docker-container': {
      const daemon = await openDocker(environment, daemonOf(environment, builder, node));
      return openExec(daemon, `buildx_buildkit_${node.name}`, ['buildctl', 'dial-stdio']);
    }
    case 'kubernetes':
      return openChild('kubectl', kubectlArguments(node));
    default:
      throw unsuitable(`The driver "${driver}" of the builder "${name}" is not supported.`);
  }
}

const unsuitable = (message: string): EcsDeployError =>
  new EcsDeployError({
    code: 'docker-unsuitable',
    message,
    hint: 'use a builder with the driver docker, docker-container, remote or kubernetes: docker buildx ls',
  });

/** Where a `remote` builder listens, and with which certificates. */
function remoteOf(name: string, { endpoint, options }: BuilderNode): DockerAddress {
  if (!/^(unix|tcp):\/\//.test(endpoint)) {
    throw unsuitable(`The endpoint ${endpoint} of the builder "${name}" is not supported.`);
  }
  const { cacert, cert, key, servername } = options;
  const isOpen = [cacert, cert, key, servername].every((option) => option === undefined);
  const tls: Tls | undefined = isOpen
    ? undefined
    : {
        ...(cacert !== undefined && { ca: readFileSync(cacert) }),
        ...(cert !== undefined && { cert: readFileSync(cert) }),
        ...(key !== undefined && { key: readFileSync(key) }),
        ...(servername !== undefined && { servername }),
      };
  return { host: endpoint, source: `builder ${name}`, tls };
}

/** The endpoint is `kubernetes:///NAME?deployment=…&kubeconfig=…`. */
function kubectlArguments({ name, endpoint, options }: BuilderNode): string[] {
  const query = new URLSearchParams(endpoint.split('?')[1] ?? '');
  const deployment = query.get('deployment') || name.replaceAll('_', '-');
  const kubeconfig = query.get('kubeconfig');
  const { namespace } = options;
  return [
    ...(kubeconfig ? ['--kubeconfig', kubeconfig] : []),
    ...(namespace === undefined ? [] : ['--namespace', namespace]),
    'exec',
    '-i',
    `deployment/${deployment}`,
    '-c',
    'buildkitd',
    '--',
    'buildctl',
    'dial-stdio',
  ];
}

/** What OpenSSL and Node say of certificates. */
const OF_TLS = /certificate|altnames|self.signed|SSL routines|\.pem'$/;

function unavailable({ name, driver, nodes }: Builder, reasons: string): EcsDeployError {
  const reason = /certificate required/.test(reasons)
    ? 'it requires a client certificate'
    : reasons.replace(/^[0-9A-F]+:error:\w+:([^:]+):[^:]*:([^:]+):[^]*$/, '$1: $2');
  const at = driver === 'remote' ? ` at ${nodes.map(({ endpoint }) => endpoint).join(', ')}` : '';
  return new EcsDeployError({
    code: 'docker-unavailable',
    message: `Cannot reach the builder "${name}" (${driver}${at}): ${reason}.`,
    hint:
      driver === 'remote'
        ? OF_TLS.test(reasons)
          ? `make it again with its certificates: docker buildx rm ${name} && docker buildx create --name ${name} --driver remote --driver-opt cacert=FILE,cert=FILE,key=FILE,servername=NAME ${nodes[0]?.endpoint ?? ''}`
          : `start buildkitd there, and check it: docker buildx inspect ${name}`
        : `start it: docker buildx inspect --bootstrap ${name}`,
  });
}
