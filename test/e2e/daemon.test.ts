import { chmodSync, existsSync, linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startDockerEngine } from '../../src/sandbox/docker-engine.ts';
import { makeFolder } from '../support/files.ts';
import { makeWorld, stable } from '../support/world.ts';
import type { World } from '../support/world.ts';

/** A socket at a path; gone when the test ends. */
async function listen(path: string, server: Server): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  await new Promise<void>((resolve) => {
    server.listen(path, resolve);
  });
  onTestFinished(() => void server.close());
}

/** A Docker daemon whose socket is somewhere. */
async function daemonAt(path: string): Promise<void> {
  const engine = await startDockerEngine();
  onTestFinished(() => engine.close());
  const { port } = new URL(engine.url);
  const server = createServer((client) => {
    const upstream = connect(Number(port), '127.0.0.1');
    client.pipe(upstream).pipe(client);
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
  });
  await listen(path, server);
}

/** What a daemon that was killed leaves behind. */
async function staleSocket(path: string): Promise<void> {
  const server = createServer();
  const living = join(makeFolder({}), 'living.sock');
  await new Promise<void>((resolve) => {
    server.listen(living, resolve);
  });
  mkdirSync(dirname(path), { recursive: true });
  linkSync(living, path);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
}

async function push(world: World, environment: Record<string, string | undefined>, tag = 'pushed') {
  const end = await world.run(['push', '--tag', tag], {
    environment: { DOCKER_HOST: undefined, ...environment },
  });
  const { HOME = '' } = environment;
  const text = stable(end.stderr, world);
  return { ...end, stderr: HOME === '' ? text : text.replaceAll(HOME, '~') };
}

describe.skipIf(existsSync('/var/run/docker.sock'))('where nothing names the daemon', () => {
  test.each([
    ['Docker Desktop', '.docker/run/docker.sock'],
    ['OrbStack', '.orbstack/run/docker.sock'],
    ['Colima', '.colima/default/docker.sock'],
    ['Rancher Desktop', '.rd/docker.sock'],
    ['Lima docker', '.lima/docker/sock/docker.sock'],
    ['Podman', '.local/share/containers/podman/machine/podman.sock'],
  ])('the socket of %s is found', async (_, path) => {
    const HOME = makeFolder({});
    await daemonAt(join(HOME, path));
    const end = await push(await makeWorld(), { HOME });
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toContain(`at unix://~/${path}`);
  });

  test.each([
    ['rootless Docker', 'docker.sock'],
    ['Podman', 'podman/podman.sock'],
  ])('the socket of %s in the runtime folder is found', async (_, path) => {
    const folder = makeFolder({});
    await daemonAt(join(folder, path));
    const end = await push(await makeWorld(), { HOME: folder, XDG_RUNTIME_DIR: folder });
    expect(end.status, end.stderr).toBe(0);
  });

  test('a stale socket does not win over a daemon that lives', async () => {
    const HOME = makeFolder({});
    await staleSocket(join(HOME, '.docker/run/docker.sock'));
    const world = await makeWorld();
    const alone = await push(world, { HOME });
    expect(alone.status).toBe(5);
    expect(alone.stderr).toMatchInlineSnapshot(`
      "Error: The Docker daemon is not running: nothing listens at unix://~/.docker/run/docker.sock (Docker Desktop).
        → start it: sudo systemctl start docker (Docker Desktop: systemctl --user start docker-desktop)
        → to deploy an image from a registry without Docker: --image REFERENCE
      "
    `);
    await daemonAt(join(HOME, '.colima/default/docker.sock'));
    const end = await push(world, { HOME });
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toContain('~/.colima/default/docker.sock');
  });

  test('no daemon at all: how to start one, and where to get one', async () => {
    const end = await push(await makeWorld(), { HOME: makeFolder({}) });
    expect(end.status).toBe(5);
    expect(end.stderr).toMatchInlineSnapshot(`
      "Error: The Docker daemon is not running: unix:///var/run/docker.sock (default) does not exist.
        → start it: sudo systemctl start docker (Docker Desktop: systemctl --user start docker-desktop)
        → to install Docker: https://docs.docker.com/get-started/get-docker/
        → to deploy an image from a registry without Docker: --image REFERENCE
      "
    `);
  });
});

test('the current context of docker is followed, and named', async () => {
  const HOME = makeFolder({});
  await daemonAt(join(HOME, 'far.sock'));
  // As `docker context create test1` stores it, under the sha256 of its name.
  const id = '1b4f0e9851971998e732078544c96b36c3d01cedf7caa332359d6f1d83567014';
  const meta = join(HOME, '.docker/contexts/meta', id);
  mkdirSync(meta, { recursive: true });
  const context = { Name: 'test1', Endpoints: { docker: { Host: `unix://${HOME}/far.sock` } } };
  writeFileSync(join(meta, 'meta.json'), JSON.stringify(context));
  writeFileSync(join(HOME, '.docker/config.json'), '{"currentContext":"test1"}');
  const world = await makeWorld();
  const end = await push(world, { HOME });
  expect(end.status, end.stderr).toBe(0);
  expect(end.stderr).toContain('~/far.sock');
  const other = await push(world, { HOME, DOCKER_CONTEXT: 'gone' }, 'other');
  expect(other.status).toBe(5);
  expect(other.stderr).toContain('There is no Docker context "gone".');
});

test('a daemon of Windows containers, something else, and silence are told apart', async () => {
  const world = await makeWorld();
  const answers: Record<string, string> = {
    windows: '{"Version":"29.0.0","ApiVersion":"1.52","Os":"windows"}',
    page: '<html>sign in</html>',
  };
  for (const [name, answer] of Object.entries(answers)) {
    const server = createHttpServer((_, response) => void response.end(answer));
    await listen(join(world.folder, `${name}.sock`), server);
  }
  const silent = createServer((socket) => void socket.destroy());
  await listen(join(world.folder, 'silent.sock'), silent);
  const port = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address() as AddressInfo;
      server.close(() => resolve(address.port));
    });
  });
  const seen: string[] = [];
  for (const host of [
    ...['windows', 'page', 'silent'].map((name) => `unix://${world.folder}/${name}.sock`),
    `tcp://127.0.0.1:${port}`,
  ]) {
    const end = await push(world, { DOCKER_HOST: host });
    expect(end.status).toBe(5);
    seen.push(end.stderr);
  }
  expect(seen.join('')).toMatchInlineSnapshot(`
    "Error: The Docker daemon at unix://FOLDER/windows.sock runs windows containers.
      → switch Docker Desktop to Linux containers (its tray menu, or: DockerCli.exe -SwitchLinuxEngine)
    Error: Cannot reach the Docker daemon at unix://FOLDER/page.sock (DOCKER_HOST): it is not a Docker daemon.
      → restart it
      → to deploy an image from a registry without Docker: --image REFERENCE
    Error: Cannot reach the Docker daemon at unix://FOLDER/silent.sock (DOCKER_HOST): it accepts connections but does not respond.
      → restart it
      → to deploy an image from a registry without Docker: --image REFERENCE
    Error: Cannot reach the Docker daemon at tcp://DOCKER (DOCKER_HOST): ECONNREFUSED.
      → check DOCKER_HOST; unset it to use the daemon of this machine
      → to deploy an image from a registry without Docker: --image REFERENCE
    "
  `);
});

test('a socket that the user may not use: the group to join', async () => {
  const world = await makeWorld();
  const path = join(world.folder, 'docker.sock');
  await listen(path, createServer());
  chmodSync(path, 0);
  // Without its capabilities root may no more than others.
  const through =
    process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-all', '--inh-caps=-all'] : [];
  const end = await world.spawn(['push'], {
    environment: { DOCKER_HOST: `unix://${path}` },
    through,
  });
  expect(end.status).toBe(5);
  expect(stable(end.stderr, world)).toMatchInlineSnapshot(`
    "Error: Permission denied on the Docker socket unix://FOLDER/docker.sock (DOCKER_HOST).
      → join its group: sudo usermod -aG docker $USER, then log in again
    "
  `);
});
