import { CreateRepositoryCommand, ECRClient } from '@aws-sdk/client-ecr';
import Docker from 'dockerode';
import { once } from 'node:events';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { daemonLines } from '../../src/docker/engine/lines.ts';
import type { DaemonLine } from '../../src/docker/engine/lines.ts';
import { decodeTrace } from '../../src/docker/buildkit/trace.ts';
import type { Vertex } from '../../src/docker/buildkit/trace.ts';
import { encodeVertex } from '../../src/sandbox/buildkit-trace.ts';
import { startDockerEngine } from '../../src/sandbox/docker-engine.ts';
import { createRegistryClient } from '../../src/sandbox/registry-client.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { accessDenied } from '../../src/sandbox/wire.ts';

const DOCKERFILE = 'FROM scratch\nCOPY app /app\nWORKDIR /data\nENTRYPOINT ["/app"]\n';
const SCHEMA2 = 'application/vnd.docker.distribution.manifest.v2+json';
const SHA = expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string;

let docker: Docker;
let url: URL;

beforeEach(async () => {
  const engine = await startDockerEngine();
  url = new URL(engine.url.replace('tcp:', 'http:'));
  docker = new Docker({ host: url.hostname, port: Number(url.port), protocol: 'http' });
  return engine.close;
});

function archive(files: Readonly<Record<string, string>>): Readable {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name }, content);
  tar.finalize();
  return Readable.from(tar);
}

type Options = Readonly<Record<string, unknown>>;

async function collect(stream: NodeJS.ReadableStream): Promise<DaemonLine[]> {
  const lines: DaemonLine[] = [];
  for await (const line of daemonLines(stream)) lines.push(line);
  return lines;
}

/** Builds with BuildKit; the version as a number keeps dockerode from opening a session. */
async function build(options: Options = {}, files: Readonly<Record<string, string>> = {}) {
  const tar = archive({ Dockerfile: DOCKERFILE, app: 'program', ...files });
  const lines = await collect(await docker.buildImage(tar, { version: 2, ...options } as object));
  return { lines, vertexes: verticesOf(lines), error: lines.find(({ error }) => error)?.error };
}

/** The last report of each step. */
function verticesOf(lines: readonly DaemonLine[]): Vertex[] {
  const traces = lines.filter(({ id }) => id === 'moby.buildkit.trace');
  const all = traces.flatMap(({ aux }) => decodeTrace(Buffer.from(String(aux), 'base64')).vertexes);
  return [...new Map(all.map((vertex) => [vertex.digest, vertex])).values()];
}

const names = (vertexes: readonly Vertex[]) =>
  vertexes.map(({ name, cached }) => `${name}${cached ? ' CACHED' : ''}`);

async function startRegistry(): Promise<Sandbox> {
  const sandbox = await startSandbox({ speed: 1000 });
  onTestFinished(sandbox.close);
  return sandbox;
}

async function push(uri: string, tag: string, password: string): Promise<DaemonLine[]> {
  const authconfig = { username: 'AWS', password, serveraddress: uri.split('/')[0] ?? '' };
  return collect(await docker.getImage(uri).push({ tag, authconfig }));
}

test('decoding reverses encoding of a vertex', () => {
  const started = 1_795_411_904_123;
  const vertex = { digest: 'sha256:a', name: '[1/1] COPY ä /b', started };
  const decode = (encoded: string) => decodeTrace(Buffer.from(encoded, 'base64')).vertexes;
  expect(decode(encodeVertex(vertex))).toEqual([
    { ...vertex, started: 1_795_411_904.123, completed: undefined, cached: false, error: '' },
  ]);
  const end = { completed: started + 1877, cached: true, error: 'x'.repeat(300) };
  expect(decode(encodeVertex({ ...vertex, ...end }))).toEqual([
    { ...vertex, ...end, started: 1_795_411_904.123, completed: 1_795_411_906 },
  ]);
});

test('ping, version and info describe an Engine with BuildKit', async () => {
  expect(String(await docker.ping())).toBe('OK');
  for (const method of ['GET', 'HEAD']) {
    const { headers, status } = await fetch(new URL('/v1.41/_ping', url), { method });
    expect(status).toBe(200);
    expect(headers.get('api-version')).toBe('1.41');
    expect(headers.get('builder-version')).toBe('2');
    expect(headers.get('ostype')).toBe('linux');
  }
  expect(await docker.version()).toMatchObject({
    Platform: { Name: "ecsdeploy sandbox's stand-in" },
    ApiVersion: '1.41',
    Os: 'linux',
    Arch: 'amd64',
  });
  expect(await docker.info()).toMatchObject({ OSType: 'linux', Architecture: 'x86_64' });
});

test('unsupported requests get status 404', async () => {
  await expect(docker.createContainer({ Image: 'app' })).rejects.toMatchObject({
    statusCode: 404,
    json: { message: 'page not found' },
  });
});

test('a build reports its steps as traces, then the image', async () => {
  const { lines, vertexes, error } = await build({ t: 'app:v1' });
  expect(error).toBeUndefined();
  expect(names(vertexes)).toEqual(['[1/2] COPY app /app', '[2/2] WORKDIR /data']);
  for (const { started, completed, digest } of vertexes) {
    expect(started).toBeTypeOf('number');
    expect(completed).toBeTypeOf('number');
    expect(digest).toEqual(SHA);
  }
  expect(lines.at(-1)).toEqual({ id: 'moby.image.id', aux: { ID: SHA } });
  const image = await docker.getImage('app:v1').inspect();
  expect(lines.at(-1)?.aux).toEqual({ ID: image.Id });
  expect(image).toMatchObject({
    RepoTags: ['app:v1'],
    Os: 'linux',
    Architecture: 'amd64',
    Config: { Entrypoint: ['/app'], WorkingDir: '/data' },
    RootFS: { Type: 'layers', Layers: [SHA] },
  });
  expect(image.Size).toBeGreaterThan(0);
});

test('the same context produces the same image, from the cache', async () => {
  const id = async (reference: string) => (await docker.getImage(reference).inspect()).Id;
  await build({ t: 'app:v1' });
  const again = await build({ t: 'app:v2' });
  expect(names(again.vertexes)).toEqual([
    '[1/2] COPY app /app CACHED',
    '[2/2] WORKDIR /data CACHED',
  ]);
  expect(await id('app:v2')).toBe(await id('app:v1'));
  expect((await docker.getImage('app:v1').inspect()).RepoTags).toEqual(['app:v1', 'app:v2']);
  for (const nocache of [true, '1']) {
    expect(names((await build({ nocache })).vertexes)[0]).toBe('[1/2] COPY app /app');
  }
  const changed = await build({ t: 'app:v1' }, { app: 'changed' });
  expect(names(changed.vertexes)[0]).toBe('[1/2] COPY app /app');
  expect(await id('app:v1')).not.toBe(await id('app:v2'));
});

test('a build uses platform, arguments, labels, target, Dockerfile and all names', async () => {
  const dockerfile = `FROM scratch AS one
ARG VERSION=1
ENV VERSION=$VERSION
FROM debian
`;
  const options = {
    t: ['app:a', 'host:5000/app'],
    platform: 'linux/arm64',
    buildargs: { VERSION: '2' },
    labels: { 'org.example': 'x' },
    target: 'one',
    dockerfile: 'docker/Other',
  };
  const { error } = await build(options, { 'docker/Other': dockerfile });
  expect(error).toBeUndefined();
  for (const name of ['app:a', 'host:5000/app', 'host:5000/app:latest']) {
    expect(await docker.getImage(name).inspect()).toMatchObject({
      Architecture: 'arm64',
      RepoTags: ['app:a', 'host:5000/app:latest'],
      Config: { Env: [expect.any(String), 'VERSION=2'], Labels: { 'org.example': 'x' } },
    });
  }
});

test('an image without a name is found by its id and can be tagged', async () => {
  const { lines } = await build();
  const { ID = '' } = (lines.at(-1)?.aux ?? {}) as { ID?: string };
  expect(await docker.getImage(ID).inspect()).toMatchObject({ Id: ID, RepoTags: [] });
  await docker.getImage(ID).tag({ repo: 'app', tag: 'v1' });
  await docker.getImage('app:v1').tag({ repo: 'host:5000/app' });
  const RepoTags = ['app:v1', 'host:5000/app:latest'];
  expect(await docker.getImage('host:5000/app').inspect()).toMatchObject({ Id: ID, RepoTags });
  const missing = { statusCode: 404, json: { message: 'No such image: nope:v1' } };
  await expect(docker.getImage('nope:v1').inspect()).rejects.toMatchObject(missing);
  await expect(docker.getImage('nope:v1').tag({ repo: 'x' })).rejects.toMatchObject(missing);
});

test('a failure is the last line of a response with status 200, and the error of its step', async () => {
  const { lines, vertexes, error } = await build(
    { t: 'app:v1' },
    { Dockerfile: `${DOCKERFILE}RUN make` },
  );
  expect(error).toMatch(
    /^the sandbox's stand-in for Docker does not support RUN \(Dockerfile line 5\); /,
  );
  expect(lines.at(-1)).toEqual({ error, errorDetail: { message: error } });
  expect(vertexes.at(-1)).toMatchObject({ name: '[3/3] RUN make', error });
  await expect(docker.getImage('app:v1').inspect()).rejects.toMatchObject({ statusCode: 404 });
  const absent = await build({ dockerfile: 'Nope' });
  expect(absent.error).toBe('failed to read dockerfile: open Nope: no such file or directory');
});

test('nothing remains when a client disconnects during the upload', async () => {
  const tar = await buffer(archive({ Dockerfile: DOCKERFILE, app: 'x'.repeat(100_000) }));
  const upload = request(new URL('/build?version=2&t=app', url), {
    method: 'POST',
    headers: { expect: '100-continue' },
  });
  upload.flushHeaders();
  await once(upload, 'continue');
  const failed = once(upload, 'error');
  upload.write(tar.subarray(0, 50_000), () => upload.destroy());
  await expect(failed).resolves.toMatchObject([{ code: 'ECONNRESET' }]);
  await expect(docker.getImage('app').inspect()).rejects.toMatchObject({ statusCode: 404 });
  expect((await build()).error).toBeUndefined();
});

test('a build stops when its client disconnects', async () => {
  const steps = 1000;
  const copies = Array.from({ length: steps }, (_, index) => `COPY app /app${index}`).join('\n');
  const files = { app: 'program', Dockerfile: `FROM scratch\n${copies}\n` };
  const controller = new AbortController();
  const stream = await docker.buildImage(archive(files), {
    version: 2,
    t: 'app',
    abortSignal: controller.signal,
  } as object);
  await once(stream, 'data');
  controller.abort();
  // If the first build had continued, it would be ahead of the second one at every step.
  const { vertexes } = await build({}, files);
  expect(vertexes).toHaveLength(steps);
  expect(vertexes[0]?.cached).toBe(true);
  expect(vertexes.at(-1)?.cached).toBe(false);
  await expect(docker.getImage('app').inspect()).rejects.toMatchObject({ statusCode: 404 });
});

test('a push uploads layers and manifest; a second push finds them in the registry', async () => {
  const sandbox = await startRegistry();
  const { registryHost: host, registryPassword: password } = sandbox;
  const uri = `${host}/hyeon9mak-dev`;
  await build({ t: `${uri}:v1` });
  const lines = await push(uri, 'v1', password);
  const image = await docker.getImage(`${uri}:v1`).inspect();
  const id = image.RootFS.Layers?.[0]?.slice(7, 19);
  expect(lines.slice(0, -2)).toEqual([
    { status: `The push refers to repository [${uri}]` },
    { id, status: 'Preparing', progressDetail: {} },
    { id, status: 'Pushing', progressDetail: { current: 0, total: image.Size } },
    { id, status: 'Pushing', progressDetail: { current: image.Size, total: image.Size } },
    { id, status: 'Pushed', progressDetail: {} },
  ]);
  const registry = createRegistryClient({ host, username: 'AWS', password });
  const stored = await registry.getManifest('hyeon9mak-dev', 'v1');
  const { digest = '', text = '' } = stored ?? {};
  expect(stored?.mediaType).toBe(SCHEMA2);
  expect(lines.slice(-2)).toEqual([
    { status: `v1: digest: ${digest} size: ${text.length}` },
    { progressDetail: {}, aux: { Tag: 'v1', Digest: digest, Size: text.length } },
  ]);
  expect(JSON.parse(text)).toMatchObject({
    config: { digest: image.Id },
    layers: [{ digest: SHA }],
  });
  const again = await push(uri, 'v1', password);
  expect(again[2]).toEqual({ id, status: 'Layer already exists', progressDetail: {} });
  expect(again.at(-1)).toEqual(lines.at(-1));
});

test('errors of the registry are lines of the response', async () => {
  const sandbox = await startRegistry();
  const { registryHost: host, registryPassword: password } = sandbox;
  const errorOf = async (repository: string, secret = password) => {
    await build({ t: `${host}/${repository}:v1` });
    const last = (await push(`${host}/${repository}`, 'v1', secret)).at(-1);
    expect(last).toEqual({ error: last?.error, errorDetail: { message: last?.error } });
    return last?.error;
  };
  expect(await errorOf('nope')).toBe(
    "name unknown: The repository with name 'nope' does not exist in the registry with id '111122223333'",
  );
  expect(await errorOf('hyeon9mak-dev', 'wrong')).toBe('unauthorized: authentication required');
  const anonymous = await docker.getImage(`${host}/hyeon9mak-dev`).push({ tag: 'v1' });
  expect((await collect(anonymous)).at(-1)).toMatchObject({ error: 'no basic auth credentials' });
  const ecr = new ECRClient({
    endpoint: sandbox.url,
    region: 'ap-northeast-2',
    credentials: { accessKeyId: 'AKIASANDBOX', secretAccessKey: 'sandbox' },
  });
  onTestFinished(() => ecr.destroy());
  const fixed = { repositoryName: 'fixed', imageTagMutability: 'IMMUTABLE' as const };
  await ecr.send(new CreateRepositoryCommand(fixed));
  await build({ t: `${host}/fixed:v1` }, { app: 'other' });
  await push(`${host}/fixed`, 'v1', password);
  expect(await errorOf('fixed')).toBe(
    "tag invalid: The image tag 'v1' already exists in the 'fixed' repository and cannot be overwritten because the repository is immutable.",
  );
  const action = 'ecr:InitiateLayerUpload';
  sandbox.fail(action, accessDenied(action, '111122223333'));
  expect(await errorOf('hyeon9mak-dev')).toMatch(
    /^denied: User: .* not authorized to perform: ecr/,
  );
});

test('a missing image is not pushed, nor is any image to another machine', async () => {
  const nothing = await push('127.0.0.1:5000/app', 'v1', 'secret');
  expect(nothing.at(-1)?.error).toBe('tag does not exist: 127.0.0.1:5000/app:v1');
  for (const name of ['app', 'team/app', '111122223333.dkr.ecr.us-east-1.amazonaws.com/app']) {
    await build({ t: `${name}:v1` });
    const lines = await push(name, 'v1', 'secret');
    expect(lines.at(-1)?.error).toBe(
      `the sandbox's stand-in for Docker pushes only to registries on this machine, not to ${name}:v1`,
    );
  }
});
