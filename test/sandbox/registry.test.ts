import { CreateRepositoryCommand, ECRClient } from '@aws-sdk/client-ecr';
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { createImagePuller, createRegistryClient } from '../../src/sandbox/registry-client.ts';
import type { RegistryClient } from '../../src/sandbox/registry-client.ts';
import { digestOf } from '../../src/sandbox/registry.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { accessDenied } from '../../src/sandbox/wire.ts';
import { REQUIRED } from '../support/docker.ts';
import { makeFolder } from '../support/files.ts';

const OCI = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
/** A repository of the start world. */
const NAME = 'hyeon9mak-dev';

let sandbox: Sandbox;
let registry: RegistryClient;

beforeEach(async () => {
  sandbox = await startSandbox({ speed: 1000 });
  const { registryHost: host, registryPassword: password } = sandbox;
  registry = createRegistryClient({ host, username: 'AWS', password });
  const { close } = sandbox;
  return close;
});

function call(path: string, init: RequestInit = {}, password = sandbox.registryPassword) {
  const login = Buffer.from(`AWS:${password}`).toString('base64');
  return fetch(new URL(path, sandbox.url), {
    ...init,
    headers: { authorization: `Basic ${login}`, ...(init.headers as Record<string, string>) },
  });
}

/** Status, code and message of an error response. */
async function refusal(answer: Promise<Response>): Promise<readonly unknown[]> {
  const response = await answer;
  const { errors } = (await response.json()) as { errors: { code: string; message: string }[] };
  return [response.status, errors[0]?.code, errors[0]?.message];
}

async function createRepository(name: string, immutable: boolean): Promise<void> {
  const client = new ECRClient({
    endpoint: sandbox.url,
    region: 'ap-northeast-2',
    credentials: { accessKeyId: 'AKIASANDBOX', secretAccessKey: 'sandbox' },
  });
  onTestFinished(() => client.destroy());
  const imageTagMutability = immutable ? 'IMMUTABLE' : 'MUTABLE';
  await client.send(new CreateRepositoryCommand({ repositoryName: name, imageTagMutability }));
}

/** Pushes an image with one layer; returns its manifest and digests. */
async function pushImage(tag: string, layer: string, config: object, repository = NAME) {
  const blobs = [Buffer.from(JSON.stringify(config)), Buffer.from(layer)];
  for (const blob of blobs) await registry.putBlob(repository, blob);
  const [described, ...layers] = blobs.map((blob) => ({
    mediaType: 'application/vnd.oci.image.config.v1+json',
    digest: digestOf(blob),
    size: blob.length,
  }));
  const text = JSON.stringify({ schemaVersion: 2, mediaType: OCI, config: described, layers });
  await registry.putManifest(repository, tag, { mediaType: OCI, text });
  return { text, digest: digestOf(text) };
}

const platform = (architecture: string) => ({ os: 'linux', architecture });

test('the base path requires the password', async () => {
  for (const path of ['/v2/', '/v2']) expect((await call(path)).status).toBe(200);
  const anonymous = await fetch(new URL('/v2/', sandbox.url));
  expect(anonymous.headers.get('www-authenticate')).toMatch(/^Basic realm=/);
  const text = 'authentication required';
  expect(await refusal(Promise.resolve(anonymous))).toEqual([401, 'UNAUTHORIZED', text]);
  expect(await refusal(call('/v2/', {}, 'wrong'))).toEqual([401, 'UNAUTHORIZED', text]);
});

test('an upload receives parts, reports its size, and ends with its digest', async () => {
  const start = await call(`/v2/${NAME}/blobs/uploads/`, { method: 'POST' });
  expect(start.status).toBe(202);
  const place = start.headers.get('location') ?? '';
  const part = (body: string, from: number) =>
    call(place, {
      method: 'PATCH',
      body,
      headers: { 'content-range': `${from}-${from + body.length - 1}` },
    });
  expect((await part('first ', 0)).headers.get('range')).toBe('0-5');
  expect((await part('second ', 6)).headers.get('range')).toBe('0-12');
  expect(await refusal(part('second ', 6))).toEqual([
    416,
    'RANGE_INVALID',
    'The part does not begin where the last one ended.',
  ]);
  const status = await call(place);
  expect([status.status, status.headers.get('range')]).toEqual([204, '0-12']);
  const digest = digestOf('first second third');
  const end = await call(`${place}?digest=${digest}`, { method: 'PUT', body: 'third' });
  expect([end.status, end.headers.get('docker-content-digest')]).toEqual([201, digest]);
  expect(await (await call(end.headers.get('location') ?? '')).text()).toBe('first second third');
  expect((await call(place)).status).toBe(404);
});

test('an upload can be one request or cancelled, and belongs to its repository', async () => {
  const uploads = `/v2/${NAME}/blobs/uploads/`;
  const digest = digestOf('whole');
  const whole = await call(`${uploads}?digest=${digest}`, { method: 'POST', body: 'whole' });
  expect(whole.status).toBe(201);
  const head = await call(`/v2/${NAME}/blobs/${digest}`, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '5']);
  const { headers } = await call(uploads, { method: 'POST' });
  const place = headers.get('location') ?? '';
  await createRepository('other', false);
  const elsewhere = place.replace(NAME, 'other');
  const unknown = [404, 'BLOB_UPLOAD_UNKNOWN', 'The upload is unknown.'];
  expect(await refusal(call(elsewhere, { method: 'PATCH', body: 'x' }))).toEqual(unknown);
  expect((await call(place, { method: 'DELETE' })).status).toBe(204);
  for (const method of ['DELETE', 'PATCH', 'PUT', 'GET']) {
    expect(await refusal(call(place, { method }))).toEqual(unknown);
  }
});

test('bytes with a wrong digest are refused and not stored', async () => {
  const wrong = digestOf('other');
  const { headers } = await call(`/v2/${NAME}/blobs/uploads/`, { method: 'POST' });
  const place = headers.get('location') ?? '';
  expect(await refusal(call(`${place}?digest=${wrong}`, { method: 'PUT', body: 'bytes' }))).toEqual(
    [400, 'DIGEST_INVALID', 'The layer does not have the digest that was provided.'],
  );
  const { text } = await pushImage('v1', 'layer', platform('amd64'));
  const manifest = call(`/v2/${NAME}/manifests/${wrong}`, { method: 'PUT', body: `${text} ` });
  expect(await refusal(manifest)).toEqual([
    400,
    'DIGEST_INVALID',
    'The manifest does not have the digest of its path.',
  ]);
  expect(await registry.hasBlob(NAME, wrong)).toBe(false);
  expect(await registry.getManifest(NAME, digestOf(`${text} `))).toBeUndefined();
});

test('a manifest is returned unchanged by tag and by digest, with its media type', async () => {
  const { text, digest } = await pushImage('v1', 'layer', platform('amd64'));
  for (const reference of ['v1', digest]) {
    expect(await registry.getManifest(NAME, reference)).toEqual({ text, digest, mediaType: OCI });
  }
  const head = await call(`/v2/${NAME}/manifests/v1`, { method: 'HEAD' });
  expect(head.headers.get('docker-content-digest')).toBe(digest);
  expect(head.headers.get('content-length')).toBe(String(text.length));
  expect(await registry.listTags(NAME)).toEqual(['first', 'v1']);
  expect(await refusal(call(`/v2/${NAME}/manifests/zz`))).toEqual([
    404,
    'MANIFEST_UNKNOWN',
    'Requested image not found',
  ]);
  expect(await refusal(call(`/v2/${NAME}/blobs/${digestOf('x')}`))).toEqual([
    404,
    'BLOB_UNKNOWN',
    'The blob is unknown to the registry.',
  ]);
});

test('a manifest with invalid JSON or missing blobs is refused', async () => {
  const put = (body: string) => call(`/v2/${NAME}/manifests/v1`, { method: 'PUT', body });
  for (const body of ['no JSON', 'null', '{"layers":7}']) {
    expect(await refusal(put(body))).toEqual([
      400,
      'MANIFEST_INVALID',
      'The manifest is not valid JSON.',
    ]);
  }
  const layers = [{ digest: digestOf('absent') }];
  expect(await refusal(put(JSON.stringify({ layers })))).toEqual([
    400,
    'MANIFEST_BLOB_UNKNOWN',
    `The manifest refers to ${digestOf('absent')}, which does not exist.`,
  ]);
  expect(await registry.listTags(NAME)).toEqual(['first']);
});

test.each([
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
])('a layer of the type %s need not be pushed', async (mediaType) => {
  const body = JSON.stringify({ layers: [{ mediaType, digest: digestOf('absent') }] });
  expect((await call(`/v2/${NAME}/manifests/v1`, { method: 'PUT', body })).status).toBe(201);
});

test('a tag can be moved in a mutable repository but not in an immutable one', async () => {
  await pushImage('v1', 'one', platform('amd64'));
  const two = await pushImage('v1', 'two', platform('amd64'));
  expect((await registry.getManifest(NAME, 'v1'))?.digest).toBe(two.digest);
  await createRepository('team/fixed', true);
  const first = await pushImage('1.0.2', 'one', platform('amd64'), 'team/fixed');
  await pushImage('1.0.2', 'one', platform('amd64'), 'team/fixed');
  await expect(pushImage('1.0.2', 'two', platform('amd64'), 'team/fixed')).rejects.toThrow(
    "tag invalid: The image tag '1.0.2' already exists in the 'team/fixed' repository and cannot be overwritten because the repository is immutable.",
  );
  expect((await registry.getManifest('team/fixed', '1.0.2'))?.digest).toBe(first.digest);
});

test('missing repositories and unsupported operations are errors', async () => {
  const missing =
    "The repository with name 'no/where' does not exist in the registry with id '111122223333'";
  const start = call('/v2/no/where/blobs/uploads/', { method: 'POST' });
  expect(await refusal(start)).toEqual([404, 'NAME_UNKNOWN', missing]);
  await expect(registry.putBlob('no/where', Buffer.from('x'))).rejects.toThrow(
    `name unknown: ${missing}`,
  );
  expect(await registry.listTags('no/where')).toEqual([]);
  expect(await registry.hasBlob('no/where', digestOf('x'))).toBe(false);
  const unsupported = [405, 'UNSUPPORTED', 'The operation is unsupported.'];
  expect(await refusal(call('/v2/_catalog'))).toEqual(unsupported);
  expect(await refusal(call(`/v2/${NAME}/tags/all`))).toEqual(unsupported);
  expect(await refusal(call(`/v2/${NAME}/blobs/x`, { method: 'POST' }))).toEqual(unsupported);
});

test('a manifest is deleted with its tags', async () => {
  const { digest } = await pushImage('v1', 'layer', platform('amd64'));
  await pushImage('v2', 'layer', platform('amd64'));
  await registry.deleteManifest(NAME, digest);
  expect(await registry.listTags(NAME)).toEqual(['first']);
  await expect(registry.deleteManifest(NAME, digest)).rejects.toThrow(
    'manifest unknown: Requested image not found',
  );
});

test('uploads and manifests can be denied by IAM', async () => {
  const { text } = await pushImage('v1', 'layer', platform('amd64'));
  for (const action of ['ecr:InitiateLayerUpload', 'ecr:PutImage', 'ecr:BatchDeleteImage']) {
    sandbox.fail(action, accessDenied(action, '111122223333'));
  }
  await expect(registry.putBlob(NAME, Buffer.from('x'))).rejects.toThrow(
    'denied: User: arn:aws:iam::111122223333:user/sandbox is not authorized to perform: ecr:InitiateLayerUpload on resource: * because no identity-based policy allows the ecr:InitiateLayerUpload action',
  );
  await expect(registry.putManifest(NAME, 'v2', { text, mediaType: OCI })).rejects.toThrow(
    /^denied: .* perform: ecr:PutImage /,
  );
  await expect(registry.deleteManifest(NAME, digestOf(text))).rejects.toThrow(/^denied: /);
});

test('the client reports errors with the texts of Docker', async () => {
  const { registryHost: host } = sandbox;
  const digest = digestOf('x');
  const wrong = createRegistryClient({ host, username: 'AWS', password: 'wrong' });
  // The response to a HEAD request has no body.
  await expect(wrong.hasBlob(NAME, digest)).rejects.toThrow(
    'unauthorized: authentication required',
  );
  await expect(wrong.getBlob(NAME, digest)).rejects.toThrow(
    'unauthorized: authentication required',
  );
  const nobody = createRegistryClient({ host, username: '', password: '' });
  await expect(nobody.getManifest(NAME, 'first')).rejects.toThrow('no basic auth credentials');
  await sandbox.close();
  await expect(wrong.getBlob(NAME, digest)).rejects.toThrow(
    `failed to do request: GET "http://${host}/v2/${NAME}/blobs/${digest}": `,
  );
});

test('the puller resolves images as the container agent does', async () => {
  const { registryHost: host, registryPassword: password } = sandbox;
  const pull = createImagePuller({ host, username: 'AWS', password });
  const uri = `${host}/${NAME}`;
  const arm = await pushImage('arm', 'arm', {
    architecture: 'arm64',
    config: { Entrypoint: ['/app'], Cmd: ['--port', '80'] },
  });
  const found = { kind: 'found', digest: arm.digest, architecture: 'arm64' };
  const program = ['/app', '--port', '80'];
  // A single manifest is accepted for any architecture, and by digest for any tag.
  expect(await pull(`${uri}:arm`, 'amd64')).toEqual({ ...found, program });
  expect(await pull(`${uri}@${arm.digest}`, 'arm64')).toEqual({ ...found, program });
  expect(await pull(`${uri}:gone@${arm.digest}`, 'arm64')).toEqual({ ...found, program });
  await pushImage('latest', 'plain', {});
  expect(await pull(uri, 'amd64')).toMatchObject({ architecture: 'amd64', program: [] });
  expect(await pull(`${uri}:zz`, 'amd64')).toEqual({ kind: 'not-found' });
  expect(await pull(`${uri}@${digestOf('zz')}`, 'amd64')).toEqual({ kind: 'not-found' });
  expect(await pull(`${host}/no/where:v1`, 'amd64')).toEqual({ kind: 'not-found' });
});

test('the puller selects the platform in an index', async () => {
  const { registryHost: host, registryPassword: password } = sandbox;
  const pull = createImagePuller({ host, username: 'AWS', password });
  const amd = await pushImage('amd', 'amd', platform('amd64'));
  const attestation = await pushImage('proof', 'proof', {});
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: INDEX,
    manifests: [
      { digest: attestation.digest, platform: { os: 'unknown', architecture: 'unknown' } },
      { digest: attestation.digest, platform: { os: 'windows', architecture: 'arm64' } },
      { digest: amd.digest, platform: { os: 'linux', architecture: 'amd64' } },
    ],
  });
  await registry.putManifest(NAME, 'index', { mediaType: INDEX, text });
  expect(await pull(`${host}/${NAME}:index`, 'amd64')).toEqual({
    kind: 'found',
    digest: digestOf(text),
    architecture: 'amd64',
    program: [],
  });
  expect(await pull(`${host}/${NAME}:index`, 'arm64')).toEqual({ kind: 'no-platform' });
});

test('images in other registries are assumed to exist, with their digest if they have one', async () => {
  const { registryHost: host, registryPassword: password } = sandbox;
  const pull = createImagePuller({ host, username: 'AWS', password });
  const agent = 'public.ecr.aws/datadog/agent:7';
  const found = { kind: 'found', architecture: 'arm64', program: [] };
  expect(await pull(agent, 'arm64')).toEqual({ ...found, digest: digestOf(agent) });
  const digest = digestOf('agent');
  expect(await pull(`${agent}@${digest}`, 'arm64')).toEqual({ ...found, digest });
});

const run = promisify(execFile);
const HAS_SKOPEO = REQUIRED || spawnSync('skopeo', ['--version']).status === 0;

test.skipIf(!HAS_SKOPEO)('skopeo can copy an image in and out', async () => {
  const layer = spawnSync('tar', ['c', '-C', makeFolder({ app: 'program' }), 'app']).stdout;
  const config = Buffer.from(
    JSON.stringify({
      ...platform('arm64'),
      config: { Entrypoint: ['/app'] },
      rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    }),
  );
  const describe = (mediaType: string, bytes: Buffer) => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI,
      config: describe('application/vnd.oci.image.config.v1+json', config),
      layers: [describe('application/vnd.oci.image.layer.v1.tar', layer)],
    }),
  );
  const files = [layer, config, manifest].map(
    (bytes) => [digestOf(bytes).replace('sha256:', 'blobs/sha256/'), bytes] as const,
  );
  const folder = makeFolder({
    'oci-layout': '{"imageLayoutVersion":"1.0.0"}',
    'index.json': JSON.stringify({ schemaVersion: 2, manifests: [describe(OCI, manifest)] }),
    ...Object.fromEntries(files),
  });
  const uri = `${sandbox.registryHost}/${NAME}:skopeo`;
  const login = `AWS:${sandbox.registryPassword}`;
  const skopeo = (...args: string[]) => run('skopeo', ['copy', '--insecure-policy', ...args]);
  await skopeo(
    '--dest-creds',
    login,
    '--dest-tls-verify=false',
    `oci:${folder}`,
    `docker://${uri}`,
  );
  const stored = await registry.getManifest(NAME, 'skopeo');
  expect(stored?.mediaType).toBe(OCI);
  const back = join(makeFolder(), 'back');
  mkdirSync(back);
  await skopeo('--src-creds', login, '--src-tls-verify=false', `docker://${uri}`, `dir:${back}`);
  const [{ digest } = { digest: '' }] = (
    JSON.parse(stored?.text ?? '') as { layers: { digest: string }[] }
  ).layers;
  expect(digestOf(readFileSync(join(back, digest.slice(7))))).toBe(digest);
  expect(digestOf(readFileSync(join(back, 'manifest.json')))).toBe(stored?.digest);
  const wrong = ['--dest-creds', 'AWS:wrong', '--dest-tls-verify=false', `oci:${folder}`];
  await expect(skopeo(...wrong, `docker://${uri}`)).rejects.toThrow(/authentication required/);
});

test('bytes with a wrong digest do not end an upload', async () => {
  const { headers } = await call(`/v2/${NAME}/blobs/uploads/`, { method: 'POST' });
  const place = headers.get('location') ?? '';
  await call(place, { method: 'PATCH', body: 'by' });
  const end = (digest: string) => call(`${place}?digest=${digest}`, { method: 'PUT', body: 'tes' });
  expect((await end(digestOf('other'))).status).toBe(400);
  expect((await call(place)).headers.get('range')).toBe('0-1');
  expect((await end(digestOf('bytes'))).status).toBe(201);
});

test('a part must have the length of its range', async () => {
  const { headers } = await call(`/v2/${NAME}/blobs/uploads/`, { method: 'POST' });
  const part = call(headers.get('location') ?? '', {
    method: 'PATCH',
    body: 'abc',
    headers: { 'content-range': '0-9' },
  });
  expect(await refusal(part)).toEqual([
    400,
    'SIZE_INVALID',
    'The part does not have the length of its range.',
  ]);
});

test('a part of a blob can be read', async () => {
  await registry.putBlob(NAME, Buffer.from('0123456789'));
  const read = (range: string, method = 'GET') =>
    call(`/v2/${NAME}/blobs/${digestOf('0123456789')}`, { method, headers: { range } });
  for (const [range, text, place] of [
    ['bytes=2-4', '234', 'bytes 2-4/10'],
    ['bytes=7-', '789', 'bytes 7-9/10'],
    ['bytes=-3', '789', 'bytes 7-9/10'],
    ['bytes=8-99', '89', 'bytes 8-9/10'],
  ] as const) {
    const answer = await read(range);
    expect(answer.status).toBe(206);
    expect(answer.headers.get('content-range')).toBe(place);
    expect(await answer.text()).toBe(text);
  }
  expect((await read('bytes=2-4', 'HEAD')).status).toBe(206);
  expect((await read('bytes=10-')).status).toBe(416);
  expect((await read('lines=1-2')).status).toBe(200);
});

test('tags have an order and pages', async () => {
  for (const tag of ['b', 'c', 'a']) await pushImage(tag, 'layer', platform('amd64'));
  const list = async (query: string) => {
    const answer = await call(`/v2/${NAME}/tags/list${query}`);
    const { tags } = (await answer.json()) as { tags: string[] };
    return { tags, link: answer.headers.get('link') };
  };
  expect(await list('')).toEqual({ tags: ['a', 'b', 'c', 'first'], link: null });
  const next = `</v2/${NAME}/tags/list?n=2&last=b>; rel="next"`;
  expect(await list('?n=2')).toEqual({ tags: ['a', 'b'], link: next });
  expect(await list('?n=2&last=b')).toEqual({ tags: ['c', 'first'], link: null });
  expect(await list('?n=0')).toEqual({ tags: [], link: null });
  expect(await refusal(call(`/v2/${NAME}/tags/list?n=x`))).toEqual([
    400,
    'PAGINATION_NUMBER_INVALID',
    'n must be a number.',
  ]);
});

test('a tag is deleted without its image, and needs a valid name', async () => {
  const { digest, text } = await pushImage('v1', 'layer', platform('amd64'));
  await registry.deleteManifest(NAME, 'v1');
  expect(await registry.listTags(NAME)).toEqual(['first']);
  expect((await registry.getManifest(NAME, digest))?.digest).toBe(digest);
  await expect(registry.deleteManifest(NAME, 'v1')).rejects.toThrow('manifest unknown');
  for (const tag of ['-v1', 'a b', '.x', 'a'.repeat(129)]) {
    const put = call(`/v2/${NAME}/manifests/${encodeURIComponent(tag)}`, {
      method: 'PUT',
      body: text,
    });
    expect(await refusal(put)).toEqual([
      400,
      'TAG_INVALID',
      `The image tag '${tag}' is not valid.`,
    ]);
  }
});

test('what refers to an image can be listed, also by type', async () => {
  const { digest, text } = await pushImage('v1', 'layer', platform('amd64'));
  const about = (artifactType: string) =>
    JSON.stringify({
      ...(JSON.parse(text) as object),
      artifactType,
      subject: { mediaType: OCI, digest, size: text.length },
    });
  for (const [tag, type] of [
    ['sig', 'application/sig'],
    ['sbom', 'application/sbom'],
  ] as const) {
    const body = about(type);
    const put = await call(`/v2/${NAME}/manifests/${tag}`, { method: 'PUT', body });
    expect(put.headers.get('oci-subject')).toBe(digest);
  }
  const list = async (query: string) => {
    const answer = await call(`/v2/${NAME}/referrers/${digest}${query}`);
    expect(answer.headers.get('content-type')).toBe(INDEX);
    const { manifests } = (await answer.json()) as { manifests: { artifactType: string }[] };
    const types = manifests.map(({ artifactType }) => artifactType);
    return [types, answer.headers.get('oci-filters-applied')];
  };
  expect(await list('')).toEqual([['application/sig', 'application/sbom'], null]);
  expect(await list('?artifactType=application/sbom')).toEqual([
    ['application/sbom'],
    'artifactType',
  ]);
  const none = await call(`/v2/${NAME}/referrers/${digestOf('none')}`);
  expect(await none.json()).toMatchObject({ manifests: [] });
});

test('a blob of another repository is mounted where the account allows it', async () => {
  await registry.putBlob(NAME, Buffer.from('shared'));
  await createRepository('other', false);
  const digest = digestOf('shared');
  const mount = () =>
    call(`/v2/other/blobs/uploads/?mount=${digest}&from=${NAME}`, { method: 'POST' });
  // ECR starts an upload where it does not mount.
  expect((await mount()).status).toBe(202);
  await fetch(sandbox.url, {
    method: 'POST',
    headers: {
      'x-amz-target': 'AmazonEC2ContainerRegistry_V20150921.PutAccountSetting',
      authorization: 'Credential=A/20260101/ap-northeast-2/ecr/aws4_request',
    },
    body: JSON.stringify({ name: 'BLOB_MOUNTING', value: 'ENABLED' }),
  });
  const mounted = await mount();
  expect([mounted.status, mounted.headers.get('docker-content-digest')]).toEqual([201, digest]);
  expect(await registry.hasBlob('other', digest)).toBe(true);
});
