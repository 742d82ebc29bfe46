import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Docker from 'dockerode';
import { pack } from 'tar-stream';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { isBuildKit, openBuilder } from '../../../src/docker/buildkit/builder.ts';
import { findBuilder } from '../../../src/docker/engine/builders.ts';
import { serveBuildKit, storeBuilders } from '../../support/builders.ts';
import type { StoredBuilder } from '../../support/builders.ts';
import { dockerOptions, HAS_DOCKER, HAS_PROGRAM, program } from '../../support/docker.ts';
import { makeFolder } from '../../support/files.ts';
import { HAS_OPENSSL, makeCertificate, tlsFront } from '../../support/network.ts';

afterEach(() => void vi.unstubAllEnvs());

const SOME: Readonly<Record<string, StoredBuilder>> = {
  one: { driver: 'docker-container', endpoint: 'default' },
  two: { driver: 'remote', endpoint: 'tcp://h:1234' },
};

test.each([
  ['for all contexts', { Key: 'other', Name: 'one', Global: true }, {}, 'one'],
  ['for the context in use', { Key: 'tcp://h:1', Name: 'one' }, {}, 'one'],
  ['for another context', { Key: 'other', Name: 'one' }, {}, 'default'],
  ['by default for the context in use', { Key: 'other' }, { default: 'two' }, 'two'],
  ['by BUILDX_BUILDER', { Key: 'tcp://h:1', Name: 'one' }, { variable: 'two' }, 'two'],
])('the builder that buildx uses %s is found', (_, current, more, expected) => {
  const { default: named, variable }: { default?: string; variable?: string } = more;
  const hash = createHash('sha256').update('tcp://h:1').digest('hex').slice(0, 20);
  const BUILDX_CONFIG = storeBuilders(SOME, {
    current: JSON.stringify(current),
    ...(named !== undefined && { [`defaults/${hash}`]: named }),
  });
  const environment = { BUILDX_CONFIG, DOCKER_HOST: 'tcp://h:1', BUILDX_BUILDER: variable };
  expect(findBuilder(environment, 'current').name).toBe(expected);
});

test('a builder is in the folder of Docker, or is a context, or is unknown with the nearest name', () => {
  const id = createHash('sha256').update('far').digest('hex');
  const instance = {
    Name: 'ci',
    Driver: 'remote',
    Nodes: [{ Name: 'ci0', Endpoint: 'tcp://h:1' }],
  };
  const DOCKER_CONFIG = makeFolder({
    'buildx/instances/ci': JSON.stringify(instance),
    [`contexts/meta/${id}/meta.json`]: '{}',
  });
  expect(findBuilder({ DOCKER_CONFIG }, 'CI')).toMatchObject({ name: 'ci', driver: 'remote' });
  expect(findBuilder({ DOCKER_CONFIG }, 'far')).toMatchObject({ driver: 'docker' });
  expect(() => findBuilder({ DOCKER_CONFIG }, '../ci')).toThrow('no builder "../ci"');
  expect(() => findBuilder({ DOCKER_CONFIG }, 'cj')).toThrow(
    expect.objectContaining({ hint: expect.stringContaining('did you mean "ci"?') as string }),
  );
});

/** Opens the only builder of buildx. */
const open = (builder: StoredBuilder) => {
  const environment = { ...process.env, BUILDX_CONFIG: storeBuilders({ ci: builder }) };
  return openBuilder(environment, findBuilder(environment, 'ci'), ['linux/amd64']);
};

test.each([
  [
    { driver: 'remote', endpoint: 'unix:///nowhere/buildkitd.sock' },
    /"ci" \(remote at unix:\/\/\/nowhere\/buildkitd\.sock\): .*ENOENT/,
    'docker buildx inspect ci',
  ],
  [
    { driver: 'remote', endpoint: 'ssh://h' },
    'The endpoint ssh://h of the builder "ci" is not supported.',
    'docker buildx ls',
  ],
  [
    { driver: 'cloud', endpoint: 'cloud://me' },
    'The driver "cloud" of the builder "ci" is not supported.',
    'docker buildx ls',
  ],
])('%j cannot be used', async (builder, message, hint) => {
  const opening = open(builder);
  await expect(opening).rejects.toThrow(message);
  await expect(opening).rejects.toMatchObject({ hint: expect.stringContaining(hint) as string });
});

describe.skipIf(!HAS_DOCKER)('a builder that runs', () => {
  test('is a daemon', async () => {
    const daemon = await open({
      driver: 'docker',
      endpoint: process.env['DOCKER_HOST'] ?? 'default',
    });
    expect(isBuildKit(daemon)).toBe(false);
    expect(daemon).toMatchObject({
      address: { source: expect.stringMatching(/builder ci|default/) as string },
    });
  });

  test.each(['unix', 'tcp'] as const)('listens at a %s address', async (kind) => {
    const endpoint = await serveBuildKit(kind);
    const platforms = expect.arrayContaining(['linux/amd64']) as string[];
    expect(await open({ driver: 'remote', endpoint })).toMatchObject({
      name: 'builder ci (remote, ci0)',
      platforms,
    });
  });

  test.skipIf(!HAS_OPENSSL)('listens behind TLS', async () => {
    const certificate = makeCertificate(['buildkitd']);
    const upstream = (await serveBuildKit('tcp')).replace('tcp://', '');
    const endpoint = `tcp://${await tlsFront(upstream, certificate)}`;
    const options = { cacert: certificate.caFile, servername: 'buildkitd' };
    const builder = { driver: 'remote', endpoint };
    expect(await open({ ...builder, options })).toMatchObject({ name: 'builder ci (remote, ci0)' });
    const hint = expect.stringContaining('--driver-opt cacert=FILE,') as string;
    for (const [wrong, said] of [
      [{ ...options, servername: 'other' }, /altnames/],
      [{ servername: 'buildkitd' }, /unable to verify|self.signed/],
      [{ ...options, cacert: '/nowhere/ca.pem' }, /no such file.*ca\.pem/],
    ] as const) {
      const opening = open({ ...builder, options: wrong });
      await expect(opening).rejects.toThrow(said);
      await expect(opening).rejects.toMatchObject({ hint });
    }
  });

  test('is in Kubernetes, behind kubectl', async () => {
    const path = (await serveBuildKit('unix')).replace('unix://', '');
    const bin = makeFolder({
      kubectl: `#!${process.execPath}
require('fs').writeFileSync(__dirname + '/arguments', process.argv.slice(2).join(' '));
process.stdin.pipe(require('net').connect(${JSON.stringify(path)})).pipe(process.stdout);`,
    });
    chmodSync(join(bin, 'kubectl'), 0o755);
    vi.stubEnv('PATH', bin);
    const endpoint = 'kubernetes:///ci?deployment=ci-0&kubeconfig=/etc/kube.yml';
    const builder = { driver: 'kubernetes', endpoint, options: { namespace: 'builds' } };
    expect(await open(builder)).toMatchObject({ name: 'builder ci (kubernetes, ci0)' });
    expect(readFileSync(join(bin, 'arguments'), 'utf8')).toBe(
      '--kubeconfig /etc/kube.yml --namespace builds exec -i deployment/ci-0 -c buildkitd -- buildctl dial-stdio',
    );
    vi.stubEnv('PATH', '/nowhere');
    await expect(open(builder)).rejects.toThrow(/kubectl.*ENOENT/);
  });

  test.skipIf(!HAS_PROGRAM)('is in a container, which has to run', async () => {
    const docker = new Docker(dockerOptions());
    const { port } = new URL(await serveBuildKit('tcp'));
    const files = pack();
    files.entry({ name: 'bin/busybox', mode: 0o755 }, program());
    files.entry(
      { name: 'bin/buildctl', mode: 0o755 },
      `#!/bin/busybox sh\nexec /bin/busybox nc 127.0.0.1 ${port}\n`,
    );
    files.finalize();
    const repo = `ecsdeploy-test-buildkit-${process.pid}`;
    const loading = await docker.importImage(files as never, { repo, tag: '1' });
    loading.resume();
    await once(loading, 'end');
    const node = `${repo}-0`;
    const container = await docker.createContainer({
      name: `buildx_buildkit_${node}`,
      Image: `${repo}:1`,
      Cmd: ['/bin/busybox', 'sleep', '600'],
      Env: ['PATH=/bin'],
      HostConfig: { NetworkMode: 'host' },
    });
    onTestFinished(async () => {
      await container.remove({ force: true });
      await docker.getImage(`${repo}:1`).remove({ force: true });
    });
    const builder = {
      driver: 'docker-container',
      endpoint: process.env['DOCKER_HOST'] ?? 'default',
      node,
    };
    await expect(open(builder)).rejects.toThrow(/"ci" \(docker-container\): .*not running/);
    await container.start();
    expect(await open(builder)).toMatchObject({ name: `builder ci (docker-container, ${node})` });
  });
});
