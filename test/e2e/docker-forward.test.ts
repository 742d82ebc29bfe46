import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { openDocker } from '../../src/docker/engine/daemon.ts';
import { runnablePlatforms } from '../../src/docker/buildkit/workers.ts';
import {
  dockerOptions,
  HAS_DOCKER,
  HAS_PROGRAM,
  program,
  removeImages,
  REQUIRED,
} from '../support/docker.ts';
import { makeFolder } from '../support/files.ts';
import { startDockerEngine } from '../../src/sandbox/docker-engine.ts';
import { httpProxy } from '../support/proxies.ts';
import { commitAll, makeWorld } from '../support/world.ts';

const HAS_SSH = REQUIRED || spawnSync('ssh-add', ['-l']).error === undefined;
const BASE = 'FROM scratch\nCOPY busybox /bin/sh\n';

/** An agent with a key of its own; ended with the test. */
function startAgent(): { readonly socket: string; readonly fingerprint: string } {
  const folder = makeFolder({});
  const socket = join(folder, 'agent.sock');
  const key = join(folder, 'key');
  const started = execFileSync('ssh-agent', ['-a', socket], { encoding: 'utf8' });
  const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(started)?.[1]);
  onTestFinished(() => void process.kill(pid));
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  const environment = { ...process.env, SSH_AUTH_SOCK: socket };
  execFileSync('ssh-add', ['-q', key], { env: environment, stdio: 'ignore' });
  const shown = execFileSync('ssh-keygen', ['-lf', key], { encoding: 'utf8' });
  return { socket, fingerprint: /SHA256:\S+/.exec(shown)?.[0] ?? '' };
}

/** `ssh-add` with the libraries that it needs, in a context; and how a Dockerfile takes them. */
function sshAdd(folder: string): string {
  const path = execFileSync('sh', ['-c', 'command -v ssh-add'], { encoding: 'utf8' }).trim();
  const libraries = execFileSync('ldd', [path], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
  return [path, ...libraries]
    .map((file, index) => {
      copyFileSync(file, join(folder, `file${index}`));
      return `COPY file${index} ${file}\n`;
    })
    .join('');
}

describe.skipIf(!HAS_DOCKER || !HAS_PROGRAM || !HAS_SSH)('an ssh agent in a build', () => {
  afterAll(removeImages);

  test('a step talks to the agent of its id, and to none that was not given', async () => {
    const [own, deploy] = [startAgent(), startAgent()];
    const world = await makeWorld({ daemon: true, files: { busybox: program() } });
    const steps = `RUN --mount=type=ssh ssh-add -l\nRUN --mount=type=ssh,id=deploy,required=true ssh-add -l\n`;
    const dockerfile = `${BASE}${sshAdd(world.folder)}ENV PATH=/usr/bin:/bin\n${steps}`;
    writeFileSync(join(world.folder, 'Dockerfile'), dockerfile);
    commitAll(world.folder);
    const environment = { SSH_AUTH_SOCK: own.socket };
    const both = ['--ssh', 'default', '--ssh', `deploy=${deploy.socket}`];
    const end = await world.run(['push', '--no-cache', ...both], { environment });
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toContain(own.fingerprint);
    expect(end.stderr).toContain(deploy.fingerprint);

    const without = await world.run(
      ['push', '--tag', 'without', '--no-cache', '--ssh', 'default'],
      {
        environment,
      },
    );
    expect(without.status).toBe(5);
    expect(without.stderr).toContain(
      '--ssh deploy=SOCKET (with RUN --mount=type=ssh,id=deploy in the Dockerfile)',
    );
  });
});

test('an agent that cannot be reached is refused before the build', async () => {
  const world = await makeWorld({ files: { key: 'PRIVATE KEY' } });
  const none = await world.run(['push', '--ssh', 'default']);
  expect(none.status).toBe(2);
  expect(none.stderr).toContain('Cannot reach the ssh agent "default": SSH_AUTH_SOCK is not set.');
  const file = await world.run(['push', '--ssh', 'default=key']);
  expect(file.status).toBe(2);
  expect(file.stderr).toMatch(/\/key is not a socket\.\n {2}→ start one and add the key: /);
});

/** Takes an upgrade on the daemon's socket, as a newer daemon takes HTTP/2 without one. */
function upgrade(client: Socket, first: Buffer): void {
  const far = connect(String(dockerOptions().socketPath));
  const end = () => {
    client.destroy();
    far.destroy();
  };
  for (const socket of [client, far]) socket.on('error', end).on('close', end);
  far.write('POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
  let head = Buffer.alloc(0);
  const read = (chunk: Buffer) => {
    head = Buffer.concat([head, chunk]);
    const at = head.indexOf('\r\n\r\n');
    if (at === -1) return;
    far.off('data', read);
    client.write(head.subarray(at + 4));
    far.write(first);
    far.pipe(client).pipe(far);
  };
  far.on('data', read);
}

/** The daemon as a newer one that has given up `/session` and `/grpc` for gRPC on its socket. */
async function nativeDaemon(apiVersion: string): Promise<string> {
  const { socketPath = '' } = dockerOptions();
  const version = { Version: '30.0', ApiVersion: apiVersion, Os: 'linux', Arch: 'amd64' };
  const http = await httpProxy({ socketPath }, (request, response) => {
    const path = request.url ?? '';
    if (path.startsWith('/version')) response.end(JSON.stringify(version));
    else if (/^\/(?:session|grpc)/.test(path))
      response.writeHead(404).end('{"message":"page not found"}');
    else return false;
    return true;
  });
  const port = Number(http.split(':')[1]);
  const server = createServer((client) => {
    client.once('data', (first: Buffer) => {
      client.pause();
      if (first.toString('latin1').startsWith('PRI * HTTP/2.0')) {
        upgrade(client, first);
        return;
      }
      const inner = connect(port, '127.0.0.1');
      inner.write(first);
      client.pipe(inner).pipe(client);
      inner.on('error', () => client.destroy());
    });
    client.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => void server.close());
  return `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe.skipIf(!HAS_DOCKER || !HAS_PROGRAM)('a daemon without /session and /grpc', () => {
  afterAll(removeImages);

  test('from API 1.53 on the session runs in its own gRPC: logins and secrets work', async () => {
    const DOCKER_HOST = await nativeDaemon('1.53');
    const world = await makeWorld({
      daemon: true,
      files: { busybox: program(), token: 'secret', Dockerfile: BASE },
    });
    const base = await world.run(['push', '--tag', 'base']);
    expect(base.status, base.stderr).toBe(0);
    await removeImages();
    const check = 'test "$(cat /run/secrets/token)" = secret && echo it is there';
    writeFileSync(
      join(world.folder, 'Dockerfile'),
      `FROM ${base.stdout.trim()}\nRUN --mount=type=secret,id=token ${check}\n`,
    );
    const args = ['push', '--tag', 'next', '--no-cache', '--secret', 'id=token,src=token'];
    const end = await world.run(args, { environment: { DOCKER_HOST } });
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toContain('it is there');
    expect(end.stderr).not.toContain('not offer BuildKit sessions');
    const daemon = await openDocker({ ...process.env, DOCKER_HOST });
    expect(await runnablePlatforms(daemon)).toContain('linux/amd64');
  });

  test('an older one gets the whole context', async () => {
    const DOCKER_HOST = await nativeDaemon('1.52');
    const world = await makeWorld({
      daemon: true,
      files: { busybox: program(), Dockerfile: BASE },
    });
    const end = await world.run(['push'], { environment: { DOCKER_HOST } });
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toContain('not offer BuildKit sessions');
  });
});

test('where there is no session the daemon gets the logins of the registries that are named', async () => {
  const engine = await startDockerEngine();
  const headers: string[] = [];
  const host = await httpProxy({ host: new URL(engine.url).host }, ({ url, headers: sent }) => {
    if (url?.startsWith('/build?') === true) headers.push(String(sent['x-registry-config']));
    return false;
  });
  const dockerfile = 'FROM --platform=$BUILDPLATFORM own.example:5000/go AS go\nFROM debian:12\n';
  const world = await makeWorld({ files: { Dockerfile: dockerfile } });
  const auth = (login: string) => ({ auth: Buffer.from(login).toString('base64') });
  const auths = {
    'own.example:5000': auth('me:>>>???'),
    'https://index.docker.io/v1/': auth('hub:word'),
    'other.example': auth('other:word'),
  };
  await world.run(['push'], {
    environment: { DOCKER_HOST: `tcp://${host}`, DOCKER_AUTH_CONFIG: JSON.stringify({ auths }) },
  });
  await engine.close();
  // Padded and safe in URLs: daemons ignore anything else.
  expect(headers).toEqual([expect.stringMatching(/^(?:[\w-]{4})*(?:[\w-]{2}==|[\w-]{3}=)?$/)]);
  expect(JSON.parse(Buffer.from(headers[0] ?? '', 'base64url').toString())).toEqual({
    'own.example:5000': { username: 'me', password: '>>>???' },
    'https://index.docker.io/v1/': { username: 'hub', password: 'word' },
  });
});
