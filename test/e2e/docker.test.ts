import { execFile, spawn, spawnSync } from 'node:child_process';
import { chmodSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { canReachRegistry } from '../../src/docker/engine/registry-probe.ts';
import { openDocker } from '../../src/docker/engine/daemon.ts';
import { readResult } from '../support/cli.ts';
import {
  dockerOptions,
  HAS_DOCKER,
  HAS_PROGRAM,
  program,
  removeImages,
  REQUIRED,
} from '../support/docker.ts';
import { makeFolder } from '../support/files.ts';
import { makeWorld, stable } from '../support/world.ts';
import type { World } from '../support/world.ts';

const HAS_REGISTRY = REQUIRED || spawnSync('docker-registry', ['--version']).status === 0;

const run = promisify(execFile);

/** An image whose program prints a file of the source. */
const FILES = {
  Dockerfile: `FROM scratch
COPY busybox /bin/busybox
COPY page /page
ENTRYPOINT ["/bin/busybox", "cat", "/page"]
`,
  '.dockerignore': '.git\n*.secret\n',
  'not-for.secret': 'hidden',
};

/** Runs an image with the daemon of this machine and returns what it prints. */
async function runImage(reference: string, { sandbox }: World): Promise<string> {
  const docker = new Docker(dockerOptions());
  const authconfig = {
    username: 'AWS',
    password: sandbox.registryPassword,
    serveraddress: sandbox.registryHost,
  };
  await docker
    .getImage(reference)
    .remove({ force: true })
    .catch(() => undefined);
  const stream = await docker.pull(reference, { authconfig });
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()));
  });
  const container = await docker.createContainer({
    Image: reference,
    HostConfig: { NetworkMode: 'none' },
  });
  try {
    await container.start();
    await container.wait();
    const log = await container.logs({ stdout: true });
    // The log's stream has a header of eight bytes before each frame.
    return log.subarray(8).toString('utf8');
  } finally {
    await container.remove({ force: true });
  }
}

describe.skipIf(!HAS_DOCKER || !HAS_PROGRAM)('with a real Docker daemon', () => {
  afterAll(removeImages);

  test('the image is built, pushed, deployed; pulled by its digest it prints what its source says', async () => {
    const page = `page of ${Date.now()}\n`;
    const world = await makeWorld({ daemon: true, files: { ...FILES, busybox: program(), page } });
    const end = await world.spawn(['deploy', '--json']);
    expect(end.status, end.stderr).toBe(0);
    const { image, outcome } = readResult(end);
    expect(outcome).toBe('succeeded');
    expect(image).toMatchObject({ platform: 'linux/amd64', built: true, pushed: true });
    const repository = image?.reference.replace(/:[^:/]*$/, '');
    expect(await runImage(`${repository}@${image?.digest}`, world)).toBe(page);
    // Deployed again from the same commit nothing is built, even when the daemon has lost the image.
    const again = await world.run(['deploy', '--json']);
    expect(readResult(again)).toMatchObject({
      outcome: 'unchanged',
      image: { digest: image?.digest },
    });
  });

  test.skipIf(!HAS_REGISTRY)('the same with a stock registry behind ECR', async () => {
    const registry = await startRegistry();
    const world = await makeWorld({
      daemon: true,
      registry,
      files: { ...FILES, busybox: program(), page: 'stock\n' },
    });
    const end = await world.run(['deploy', '--json']);
    expect(end.status, end.stderr).toBe(0);
    const { image } = readResult(end);
    expect(image?.reference.startsWith(`${registry.host}/hyeon9mak-dev:`)).toBe(true);
    expect(await runImage(`${registry.host}/hyeon9mak-dev@${image?.digest}`, world)).toBe(
      'stock\n',
    );
    const tasks = await world.runningTasks();
    expect(tasks.map(({ containers }) => containers?.[0]?.imageDigest)).toEqual([
      image?.digest,
      image?.digest,
    ]);
  });

  test('what .dockerignore names is not in the image, and the labels name the commit', async () => {
    const world = await makeWorld({
      daemon: true,
      files: {
        ...FILES,
        busybox: program(),
        page: '',
        Dockerfile: 'FROM scratch\nCOPY . /\nCMD ["/busybox", "ls", "-A", "/"]\n',
      },
    });
    const end = await world.run(['push', '--json']);
    expect(end.status, end.stderr).toBe(0);
    const reference = readResult(end).image?.reference ?? '';
    const docker = new Docker(dockerOptions());
    const { Config } = await docker.getImage(reference).inspect();
    expect(Config.Labels['org.opencontainers.image.revision']).toMatch(/^[0-9a-f]{40}$/);
    const container = await docker.createContainer({ Image: reference });
    const has = (path: string) =>
      container.infoArchive({ path }).then(
        () => true,
        () => false,
      );
    const found = await Promise.all(['/busybox', '/not-for.secret', '/.git'].map(has));
    await container.remove();
    expect(found).toEqual([true, false, false]);
  });

  test('a program for another CPU under an amd64 config is refused before the push', async () => {
    // Larger than what is read of it.
    const arm64 = Buffer.concat([
      program((bytes) => bytes.writeUInt16LE(0xb7, 18)),
      Buffer.alloc(50_000_000),
    ]);
    const world = await makeWorld({ daemon: true, files: { ...FILES, busybox: arm64, page: '' } });
    const end = await world.run(['deploy']);
    expect(end.status).toBe(3);
    expect(stable(end.stderr, world).split('\n').slice(-3).join('\n')).toMatchInlineSnapshot(`
      "Error: /bin/busybox in REGISTRY/hyeon9mak-dev:COMMIT is compiled for linux/arm64, but the tasks run on linux/amd64: the container would fail with "exec format error".
        → build it inside the image with --platform linux/amd64, or copy in a program for that CPU; to continue anyway: --skip-check image-platform
      "
    `);
    expect(world.writes()).toEqual([]);
  });

  test('a program that cannot start is refused before the push, whatever starts it', async () => {
    const shell = 'FROM scratch\nCOPY busybox /bin/busybox\nCOPY link /bin/sh\n';
    const script = 'COPY e.sh /e.sh\nENTRYPOINT ["/e.sh"]\n';
    const arm64 = program((bytes) => bytes.writeUInt16LE(0xb7, 18));
    const images: Readonly<
      Record<string, readonly [dockerfile: string, status: number, said: string]>
    > = {
      scratch: ['FROM scratch\nCOPY page /page\nCMD app --port 80\n', 3, 'the shell form of'],
      missing: [
        'FROM scratch\nCOPY page /page\nENTRYPOINT ["/app"]\n',
        3,
        '/app is not in the image',
      ],
      mode: ['FROM scratch\nCOPY page /page\nCMD ["/page"]\n', 3, 'no permission to be executed'],
      folder: [`${shell}CMD ["/bin"]\n`, 3, '/bin is a folder'],
      loop: [
        `${shell}RUN busybox ln -s loop /loop\nVOLUME /data\nCMD ["/loop"]\n`,
        3,
        '/loop is not in the image',
      ],
      crlf: [`${shell}COPY crlf.sh /e.sh\nENTRYPOINT ["/e.sh"]\n`, 3, 'ends with CR LF'],
      behind: [
        `${shell}${script}COPY arm64 /arm64\nCMD ["/arm64"]\n`,
        3,
        'compiled for linux/arm64',
      ],
      line: [`${shell}COPY arm64 /arm64\nCMD exec /arm64 -v\n`, 3, 'compiled for linux/arm64'],
      script: [`${shell}${script}CMD ["/app"]\n`, 0, 'will probably not start: /app is not'],
      right: [`${shell}${script}CMD ["busybox", "cat", "/e.sh"]\n`, 0, ''],
    };
    const world = await makeWorld({
      daemon: true,
      files: {
        ...Object.fromEntries(Object.entries(images).map(([name, [text]]) => [name, text])),
        busybox: program(),
        arm64,
        page: '',
        link: '',
        'alone.yaml': 'region: ap-northeast-2\nrepository: hyeon9mak-dev\n',
        'crlf.sh': '#!/bin/sh\r\nexec "$@"\r\n',
        'e.sh': '#!/bin/sh\nset -e\nexec "$@"\n',
      },
    });
    for (const name of ['busybox', 'arm64', 'crlf.sh', 'e.sh'])
      chmodSync(join(world.folder, name), 0o755);
    rmSync(join(world.folder, 'link'));
    symlinkSync('busybox', join(world.folder, 'link'));
    const docker = new Docker(dockerOptions());
    const volumes = async () => ((await docker.listVolumes()).Volumes ?? []).length;
    const before = await volumes();
    for (const [name, [, status, said]] of Object.entries(images)) {
      const end = await world.run(['push', '--tag', name, '--dockerfile', name]);
      expect([name, end.status], end.stderr).toEqual([name, status]);
      expect(end.stderr).toContain(said);
      expect(end.stderr.includes('Warning: A container')).toBe(name === 'script');
    }
    expect(await volumes()).toBe(before);
    const missing = ['push', '--tag', 'missing', '--dockerfile', 'missing'];
    const skipped = await world.run([...missing, '--skip-check', 'image-program']);
    expect(skipped.status, skipped.stderr).toBe(0);
    const alone = await world.run([...missing, '--tag', 'alone'], {
      environment: { ECSDEPLOY_CONFIG: join(world.folder, 'alone.yaml') },
    });
    expect(alone.status, alone.stderr).toBe(0);
    expect(alone.stderr).toContain('cannot start unless the task definition sets command or');
  });

  test('a step that fails is shown with its last lines', async () => {
    const shell = 'FROM scratch\nCOPY busybox /bin/sh\n';
    const world = await makeWorld({
      daemon: true,
      files: {
        busybox: program(),
        Dockerfile: `${shell}RUN echo first; echo last; exit 3\n`,
        'Full.Dockerfile': `${shell}RUN echo data > /dev/full\n`,
      },
    });
    const end = await world.run(['deploy']);
    expect(end.status).toBe(5);
    expect(end.stderr).toMatch(
      /Error: The build failed: .*exit code: 3\n {2}\| \[2\/2\] RUN .*\n {2}\| first\n {2}\| last\n$/,
    );
    const full = await world.run(['deploy', '--dockerfile', 'Full.Dockerfile']);
    expect(full.status).toBe(5);
    expect(full.stderr).toContain('No space left on device');
    expect(full.stderr).toContain('docker system prune frees it');
    expect(world.writes()).toEqual([]);
  });

  test('Ctrl-C in the build ends the step in the daemon', async () => {
    const seconds = String(100_000 + Math.floor(Math.random() * 900_000));
    const world = await makeWorld({
      daemon: true,
      files: {
        busybox: program(),
        Dockerfile: `FROM scratch\nCOPY busybox /bin/sleep\nRUN ["/bin/sleep", "${seconds}"]\n`,
      },
    });
    const end = await world.spawn(['deploy', '--progress', 'json'], {
      onStderr: (text, child) => {
        if (text.includes(seconds)) child.kill('SIGINT');
      },
    });
    expect(end.status).toBe(130);
    expect(world.writes()).toEqual([]);
    const { stdout } = await run('ps', ['-eo', 'args']);
    expect(stdout.split('\n').filter((line) => line.includes(`sleep ${seconds}`))).toEqual([]);
  });

  test('the sandbox can tell whether the daemon reaches its registry', async () => {
    const world = await makeWorld();
    const daemon = await openDocker(process.env);
    const { registryHost, registryPassword } = world.sandbox;
    expect(await canReachRegistry(daemon, registryHost, registryPassword)).toBe(true);
    expect(await canReachRegistry(daemon, '127.0.0.1:9', registryPassword)).toBe(false);
  });
});

/** `AWS:sandbox-registry-password` as htpasswd holds it. */
const HTPASSWD = 'AWS:$2y$05$TYVvHCOVnsZouRZazMac6OgdglnybSkO2zTBUfOmEnlNCXocShmJm\n';

/** Starts the distribution project's registry on a free port of loopback. */
async function startRegistry(): Promise<{ host: string; password: string }> {
  const host = `127.0.0.1:${await freePort()}`;
  const folder = makeFolder({ htpasswd: HTPASSWD });
  const config = {
    version: 0.1,
    storage: { filesystem: { rootdirectory: join(folder, 'data') } },
    http: { addr: host },
    auth: { htpasswd: { realm: 'test', path: join(folder, 'htpasswd') } },
  };
  const file = join(makeFolder({ 'config.yml': JSON.stringify(config) }), 'config.yml');
  const child = spawn('docker-registry', ['serve', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  onTestFinished(() => void child.kill());
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.stderr.on('data', (text: Buffer) => {
      if (text.includes('listening on')) resolve();
    });
  });
  return { host, password: 'sandbox-registry-password' };
}

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
