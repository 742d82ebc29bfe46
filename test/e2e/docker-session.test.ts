import { chmodSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import Docker from 'dockerode';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { openDocker } from '../../src/docker/engine/daemon.ts';
import { runnablePlatforms } from '../../src/docker/buildkit/workers.ts';
import { readResult } from '../support/cli.ts';
import type { CliEnd } from '../support/cli.ts';
import {
  dockerOptions,
  HAS_DOCKER,
  HAS_PROGRAM,
  program,
  removeImages,
} from '../support/docker.ts';
import { makeFolder } from '../support/files.ts';
import { commitAll, CONFIG, makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

const BASE = 'FROM scratch\nCOPY busybox /bin/sh\nCMD ["sh"]\n';

/** Puts files into the project and commits them: the next push has another tag. */
function change({ folder }: World, files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  commitAll(folder);
}

/** A Docker daemon that knows no sessions, as podman and many proxies of the socket. */
async function proxyWithoutSession(): Promise<string> {
  const { socketPath } = dockerOptions();
  const proxy = createServer((incoming, outgoing) => {
    if (/^\/(session|grpc)/.test(incoming.url ?? '')) {
      outgoing
        .writeHead(404, { 'content-type': 'application/json' })
        .end('{"message":"page not found"}');
      return;
    }
    const { url: path, method, headers } = incoming;
    const forward = request({ socketPath, path, method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    // As every proxy does: otherwise the daemon waits for ever for a reader.
    outgoing.on('close', () => forward.destroy());
    incoming.pipe(forward);
  });
  await new Promise<void>((resolve) => {
    proxy.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => void proxy.close());
  return `tcp://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

/** What a build took from the context. */
function sentOf({ stderr }: CliEnd): { files: number; bytes: number } {
  const events = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { kind: string; files: number; bytes: number });
  const sent = events.find(({ kind }) => kind === 'context-sent');
  return { files: sent?.files ?? NaN, bytes: sent?.bytes ?? NaN };
}

describe.skipIf(!HAS_DOCKER || !HAS_PROGRAM)('the session of a build', () => {
  afterAll(removeImages);

  test('a private base image of the same ECR needs no docker login', async () => {
    const world = await makeWorld({
      daemon: true,
      files: { busybox: program(), Dockerfile: BASE },
    });
    const base = await world.run(['push', '--tag', 'base']);
    expect(base.status, base.stderr).toBe(0);
    const docker = new Docker(dockerOptions());
    await docker.getImage(base.stdout.trim()).remove({ force: true });
    change(world, { Dockerfile: `FROM ${base.stdout.trim()}\nRUN echo it runs\n` });
    const end = await world.run(['push', '--no-cache']);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toContain('it runs');
  });

  test("a registry on another host gets the user's own login, and never ECR's", async () => {
    const seen: string[] = [];
    const stranger = createServer((request, response) => {
      seen.push(request.headers.authorization ?? '');
      response.writeHead(401, { 'www-authenticate': 'Basic realm="stranger"' }).end();
    });
    await new Promise<void>((resolve) => {
      stranger.listen(0, '127.0.0.1', resolve);
    });
    onTestFinished(() => void stranger.close());
    const host = `127.0.0.1:${(stranger.address() as AddressInfo).port}`;
    const world = await makeWorld({
      daemon: true,
      files: { Dockerfile: `FROM ${host}/base:1\nCOPY app /app\n` },
    });
    const auth = Buffer.from('me:my-own-password').toString('base64');
    const end = await world.run(['push'], {
      environment: { DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { [host]: { auth } } }) },
    });
    expect(end.status).toBe(5);
    expect(seen).toContain(`Basic ${auth}`);
    const decoded = seen.map((text) => Buffer.from(text.slice(6), 'base64').toString('utf8'));
    expect(decoded.join(' ')).not.toContain(world.sandbox.registryPassword);
    expect(end.stderr).not.toContain('my-own-password');
  });

  /** A registry with no image, that answers `/v2/…` itself; returns `host:port`. */
  async function startRegistry(answer: RequestListener): Promise<string> {
    const server = createServer(answer);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    onTestFinished(() => void server.close());
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test.each([
    [
      503,
      /retry 2 of 2 follows[^]*Error: The build failed: [^]*503 Service Unavailable[^]*→ the registry of the base image has a problem/,
    ],
    [429, /retry 2 of 2 follows[^]*→ the registry of the base image limits pulls/],
    [403, /^(?![^]*retry)[^]*403 Forbidden[^]*→ the registry of the base image requires a login/],
  ])('a base image whose registry answers %i', async (status, said) => {
    const host = await startRegistry((_request, response) => {
      response.writeHead(status, { 'content-type': 'text/html' }).end('<html>');
    });
    const files = { Dockerfile: `FROM ${host}/base:1\nCOPY app /app\n` };
    const world = await makeWorld({ daemon: true, files });
    const end = await world.run(['push']);
    expect(end.status).toBe(5);
    expect(end.stderr).toContain(`reading ${host}/base:1 from its registry`);
    expect(end.stderr).toMatch(said);
  });

  test('an identity token is sent as one, and a helper without a login is named', async () => {
    const bodies: string[] = [];
    const host = await startRegistry((incoming, response) => {
      if (incoming.method === 'POST') {
        incoming.on('data', (data: Buffer) => bodies.push(data.toString('utf8')));
        incoming.on('end', () => response.writeHead(401).end('{}'));
        return;
      }
      const realm = `Bearer realm="http://${incoming.headers.host}/token",service="s"`;
      response.writeHead(401, { 'www-authenticate': realm }).end();
    });
    const files = { Dockerfile: `FROM ${host}/base:1\nCOPY app /app\n` };
    const world = await makeWorld({ daemon: true, files });
    const run = (config: unknown) =>
      world.run(['push'], {
        environment: { DOCKER_CONFIG: makeFolder({ 'config.json': JSON.stringify(config) }) },
      });
    await run({ auths: { [host]: { identitytoken: 'my-identity-token' } } });
    expect(bodies.join('\n')).toMatch(/grant_type=refresh_token.*refresh_token=my-identity-token/);
    const end = await run({ credHelpers: { [host]: 'ecsdeploy-none' } });
    expect(end.status).toBe(5);
    expect(end.stderr).toContain(
      `The credential helper docker-credential-ecsdeploy-none gave no login for ${host}: it is not installed`,
    );
  });

  test('proxies of the docker config reach the steps, but not the image', async () => {
    const proxies = { default: { httpProxy: 'http://proxy.example:3128' } };
    const files = {
      busybox: program(),
      Dockerfile: `${BASE}RUN echo "[$HTTP_PROXY $http_proxy]"\n`,
    };
    const world = await makeWorld({ daemon: true, files });
    const end = await world.run(['push', '--no-cache', '--json'], {
      environment: { DOCKER_CONFIG: makeFolder({ 'config.json': JSON.stringify({ proxies }) }) },
    });
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toContain('[http://proxy.example:3128 http://proxy.example:3128]');
    const image = new Docker(dockerOptions()).getImage(readResult(end).image?.reference ?? '');
    const seen = [await image.inspect(), await image.history()];
    expect(JSON.stringify(seen)).not.toContain('proxy.example');
  });

  test('labels, hosts, the network and variables of the commands before the build are used', async () => {
    const config = `${CONFIG}build:
  before: ['echo "$WHO $GREETING" > made']
  env: { WHO: before }
  labels: { team: backend, io.github.ecsdeploy.inputs: mine }
  addHosts: ["db.local:10.9.8.7"]
  network: none
`;
    const steps = 'COPY made /made\nRUN cat /made /etc/hosts; ls /sys/class/net\n';
    const files = { busybox: program(), Dockerfile: `${BASE}${steps}`, '.ecsdeployrc': config };
    const world = await makeWorld({ daemon: true, files });
    const environment = { GREETING: 'hello' };
    process.env['GREETING'] = 'hello';
    onTestFinished(() => void delete process.env['GREETING']);
    const end = await world.run(['push', '--json', '--no-cache'], { environment });
    expect(end.status, end.stderr).toBe(0);
    const lines = end.stderr.split('\n').map((line) => line.trim());
    expect(lines).toContain('before hello');
    expect(lines).toContain('10.9.8.7\tdb.local');
    expect(lines).not.toContain('eth0');
    const image = new Docker(dockerOptions()).getImage(readResult(end).image?.reference ?? '');
    const { Labels } = (await image.inspect()).Config;
    expect(Labels).toMatchObject({ team: 'backend' });
    expect(Labels['io.github.ecsdeploy.inputs']).toMatch(/^[0-9a-f]{64}$/);

    const { apiVersion } = await openDocker(process.env);
    const limited = await world.run(['push', '--shm-size', '64m', '--ulimit', 'nofile=99']);
    const isOld = Number(apiVersion.split('.')[1]) < 42;
    expect(limited.status, limited.stderr).toBe(isOld ? 5 : 0);
    expect(limited.stderr.includes('ignores --shm-size and --ulimit in builds.')).toBe(isOld);
  });

  test('a build secret reaches its step, and neither the image nor our output', async () => {
    const secret = `s3cret-${Date.now()}`;
    const world = await makeWorld({
      daemon: true,
      files: {
        busybox: program(),
        token: secret,
        '.dockerignore': '.git\ntoken\n',
        Dockerfile: `${BASE}RUN --mount=type=secret,id=file --mount=type=secret,id=variable test "$(cat /run/secrets/file)" = "$(cat /run/secrets/variable)" && echo they are the same
`,
      },
    });
    const args = ['push', '--secret', 'id=file,src=token', '--secret', 'id=variable,env=TOKEN'];
    const missing = await world.run(args);
    expect(missing.status).toBe(2);
    expect(missing.stderr).toContain('The build secret "variable" has no value: TOKEN is not set.');
    const end = await world.spawn([...args, '--json', '--verbose', '--no-cache'], {
      environment: { TOKEN: secret },
    });
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toContain('they are the same');
    const image = new Docker(dockerOptions()).getImage(readResult(end).image?.reference ?? '');
    const facts = JSON.stringify([await image.history(), await image.inspect()]);
    expect(facts + end.stderr + end.stdout).not.toContain(secret);
  });

  test('only what changed is sent again, and only what the Dockerfile copies', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 50 }, (_, index) => [`src/${index}.txt`, `file ${index}\n`]),
    );
    const world = await makeWorld({
      daemon: true,
      files: { ...files, unused: 'x'.repeat(100_000), Dockerfile: 'FROM scratch\nCOPY src /src\n' },
    });
    const push = async () => sentOf(await world.run(['push', '--progress', 'json']));
    const first = await push();
    expect(first.files).toBeGreaterThanOrEqual(50);
    expect(first.bytes).toBeLessThan(10_000);
    change(world, { 'src/7.txt': 'another\n' });
    const next = await push();
    // Newer daemons fetch the Dockerfile and .dockerignore each time.
    const always = statSync(join(world.folder, 'Dockerfile')).size + '.git\n'.length;
    expect(next.files).toBeLessThanOrEqual(3);
    expect(next.bytes).toBeLessThanOrEqual('another\n'.length + always);
  });

  test('links, modes, unicode and long names arrive as they are', async () => {
    const long = `${'d'.repeat(180)}/${'f'.repeat(180)}`;
    const world = await makeWorld({
      daemon: true,
      files: {
        busybox: program(),
        'tree/한글 name': 'text',
        [`tree/${long}`]: 'deep',
        Dockerfile: `${BASE}COPY tree /tree\nRUN cd /tree && test "$(cat "한글 name" link ${long}) $(stat -c %a "한글 name")" = "texttextdeep 4755" && echo as they are\n`,
      },
    });
    symlinkSync('한글 name', join(world.folder, 'tree/link'));
    chmodSync(join(world.folder, 'tree/한글 name'), 0o4755);
    const end = await world.run(['push', '--no-cache']);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toContain('as they are');
  });

  test('a daemon on another machine is reached through ssh', async () => {
    const world = await makeWorld({
      daemon: true,
      files: { busybox: program(), Dockerfile: `${BASE}RUN echo it runs\n` },
    });
    const socket = String(dockerOptions().socketPath);
    const bin = makeFolder({});
    // What the other machine's sshd and docker would do.
    writeFileSync(
      join(bin, 'ssh'),
      `#!${process.execPath}
require('node:fs').writeFileSync(${JSON.stringify(join(bin, 'args'))}, process.argv.slice(2).join(' '));
const socket = require('node:net').connect(${JSON.stringify(socket)});
process.stdin.pipe(socket).pipe(process.stdout);
`,
    );
    chmodSync(join(bin, 'ssh'), 0o755);
    const environment = {
      PATH: `${bin}:${process.env['PATH']}`,
      DOCKER_HOST: 'ssh://builder@amd64.example:2222/run/docker.sock',
    };
    const end = await world.spawn(['push', '--no-cache'], { environment });
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toContain('it runs');
    expect(readFileSync(join(bin, 'args'), 'utf8')).toBe(
      '-o ConnectTimeout=30 -T -l builder -p 2222 -- amd64.example docker --host unix:///run/docker.sock system dial-stdio',
    );
    writeFileSync(
      join(bin, 'ssh'),
      '#!/bin/sh\necho "Host key verification failed." >&2; exit 255\n',
    );
    const refused = await world.run(['push', '--tag', 'other'], { environment });
    expect(refused.status).toBe(5);
    expect(refused.stderr).toContain(': Host key verification failed.');
    expect(refused.stderr).toContain('ssh -l builder -p 2222 amd64.example docker version');
  });

  test('steps that this machine cannot run are foretold, with the way to emulation', async () => {
    const other = process.arch === 'arm64' ? 'linux/amd64' : 'linux/arm64';
    const runnable = await runnablePlatforms(await openDocker(process.env));
    const world = await makeWorld({
      daemon: true,
      files: { busybox: program(), Dockerfile: `${BASE}RUN echo it runs\n` },
    });
    const own = await world.run(['push', '--no-cache']);
    expect(own.stderr).not.toContain('tonistiigi/binfmt');
    const foreign = await world.run(['push', '--no-cache', '--tag', 'other', '--platform', other]);
    expect(foreign.stderr.includes('tonistiigi/binfmt')).toBe(runnable?.includes(other) === false);
  });

  test('a base image for another CPU in the local store is not taken', async () => {
    const world = await makeWorld({
      daemon: true,
      files: { busybox: program(), Dockerfile: 'FROM scratch\nCOPY busybox /bin/sh\n' },
    });
    const { stdout } = await world.run(['push', '--tag', 'base']);
    const base = stdout.trim();
    // The store of a laptop with another processor: the same name, the other platform.
    const docker = new Docker(dockerOptions());
    const foreign = await world.run([
      'push',
      '--tag',
      'foreign',
      '--platform',
      'linux/arm64',
      '--skip-check',
      'image-platform',
    ]);
    expect(foreign.status, foreign.stderr).toBe(0);
    const [name, tag] = [base.slice(0, base.lastIndexOf(':')), 'base'];
    await docker.getImage(foreign.stdout.trim()).tag({ repo: name, tag });
    expect((await docker.getImage(base).inspect()).Architecture).toBe('arm64');
    change(world, { Dockerfile: `FROM ${base}\nLABEL a=b\n` });
    const end = await world.run(['push', '--json', '--no-cache']);
    expect(end.status, end.stderr).toBe(0);
    const built = docker.getImage(readResult(end).image?.reference ?? '');
    expect((await built.inspect()).Architecture).toBe('amd64');

    const withoutSession = await proxyWithoutSession();
    const off = await world.run(['push', '--tag', 'off', '--no-cache'], {
      environment: { DOCKER_HOST: withoutSession },
    });
    expect(off.status).toBe(5);
    expect(off.stderr).toContain('This Docker daemon does not offer BuildKit sessions');
  });

  test('in CI layers of the image that runs are taken over', async () => {
    const world = await makeWorld({
      daemon: true,
      files: { busybox: program(), Dockerfile: `${BASE}RUN echo ${Date.now()}\n` },
    });
    const ci = { environment: { CI: 'true' } };
    const first = await world.run(['deploy', '-q'], ci);
    expect(first.status, first.stderr).toBe(0);
    const running = (await world.runningTasks())[0]?.containers?.[0]?.image ?? '';
    change(world, { Dockerfile: `${BASE}RUN echo ${Date.now()}\nLABEL a=b\n` });
    const second = await world.run(['deploy'], ci);
    expect(second.status, second.stderr).toBe(0);
    expect(second.stderr).toContain(`importing cache manifest from ${running}`);
    const local = await world.run(['push', '--tag', 'local']);
    expect(local.stderr).not.toContain('importing cache manifest');
  });

  test('with paths the build gets only these, and the Dockerfile', async () => {
    const world = await makeWorld({
      daemon: true,
      files: {
        'one/busybox': program(),
        'one/x.log': '',
        'one/deep/page': 'a page',
        ones: 'not in the paths',
        two: 'not in the paths',
        '.dockerignore': '**/*.log\n',
        Dockerfile: 'FROM scratch\nCOPY . /\nENTRYPOINT ["/one/busybox"]\n',
        '.ecsdeployrc': `${CONFIG}build: { paths: [one] }\n`,
      },
    });
    const end = await world.run(['push', '--progress', 'json', '--no-cache']);
    expect(end.status, end.stderr).toBe(0);
    // The Dockerfile, busybox and the page.
    expect(sentOf(end).files).toBe(3);
    change(world, { Dockerfile: 'FROM scratch\nCOPY two /\n' });
    const outside = await world.run(['push']);
    expect(outside.status).toBe(5);
    expect(outside.stderr).toMatch(/two": not found/);
  });

  test('where there is no session the whole context is sent, and that is said', async () => {
    const world = await makeWorld({
      daemon: true,
      files: { busybox: program(), Dockerfile: `${BASE}RUN echo it runs\n` },
    });
    const end = await world.run(['push', '--no-cache'], {
      environment: { DOCKER_HOST: await proxyWithoutSession() },
    });
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toContain('it runs');
    expect(end.stderr.match(/does not offer BuildKit sessions/g)).toHaveLength(1);
  });

  test('a Dockerfile outside the context, with its own .dockerignore', async () => {
    const world = await makeWorld({
      daemon: true,
      files: {
        'source/busybox': program(),
        'source/left-out': '',
        'docker/Dockerfile': `FROM scratch\nCOPY . /\nRUN ["/busybox", "ls", "/"]\n`,
        'docker/Dockerfile.dockerignore': 'left-out\n',
      },
    });
    const end = await world.run([
      'push',
      '--context',
      'source',
      '--dockerfile',
      'docker/Dockerfile',
    ]);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toContain('busybox');
    expect(end.stderr).not.toContain('left-out');
  });
});
