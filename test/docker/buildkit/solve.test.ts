import Docker from 'dockerode';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { trackProgress } from '../../../src/docker/buildkit/progress.ts';
import { serveFiles } from '../../../src/docker/buildkit/file-sync.ts';
import { openSession } from '../../../src/docker/buildkit/session.ts';
import {
  folderContexts,
  needsCaches,
  needsSolve,
  solveImage,
} from '../../../src/docker/buildkit/solve-image.ts';
import { engineSteps, frontendSteps } from '../../../src/docker/buildkit/steps.ts';
import type { StepOptions } from '../../../src/docker/buildkit/steps.ts';
import { isAtLeast } from '../../../src/docker/engine/api.ts';
import { openDocker } from '../../../src/docker/engine/daemon.ts';
import type { Event } from '../../../src/events.ts';
import { dockerOptions, HAS_DOCKER, HAS_PROGRAM, program } from '../../support/docker.ts';
import { makeFolder } from '../../support/files.ts';

const reference = `ecsdeploy-test-solve:${process.pid}`;
const NO_STEPS: StepOptions = {
  network: undefined,
  addHosts: [],
  shmSize: undefined,
  ulimits: [],
};
const { signal } = new AbortController();
/** Whether the daemon has the Dockerfiles of Docker 23: named contexts, networks of steps. */
const HAS_CONTEXTS = HAS_DOCKER && isAtLeast((await openDocker(process.env)).apiVersion, '1.42');

/** Builds with the API of the daemon's BuildKit, and returns the steps and the image. */
async function built(dockerfile: string, more: Partial<Parameters<typeof solveImage>[1]> = {}) {
  const folder = makeFolder({
    Dockerfile: dockerfile,
    page: 'a page',
    ...(HAS_PROGRAM && { busybox: program() }),
  });
  const daemon = await openDocker(process.env);
  const events: Event[] = [];
  const progress = trackProgress((event) => events.push(event));
  const files = serveFiles(
    { ...folderContexts(more.contexts ?? {}), context: folder, dockerfile: folder },
    { files: 0, bytes: 0 },
    () => {},
  );
  const methods = { '/moby.filesync.v1.FileSync/DiffCopy': files };
  const session = await openSession(daemon, folder, methods, signal);
  onTestFinished(() => session?.close());
  await solveImage(
    daemon,
    {
      reference,
      platform: 'linux/arm64',
      dockerfile: join(folder, 'Dockerfile'),
      target: undefined,
      args: {},
      proxies: {},
      steps: NO_STEPS,
      labels: {},
      noCache: false,
      pull: false,
      contexts: {},
      allow: [],
      attestations: { provenance: undefined, sbom: false },
      cacheFrom: [],
      cacheTo: [],
      ...more,
    },
    session?.id ?? '',
    progress,
    signal,
  );
  progress.finish();
  const steps = events.flatMap((event) =>
    event.kind === 'build-step' && event.state !== 'started' ? event.name : [],
  );
  const output = events.flatMap((event) => (event.kind === 'build-output' ? event.line : []));
  const image = new Docker(dockerOptions()).getImage(reference);
  onTestFinished(() => image.remove({ force: true }));
  return { steps, output, image: await image.inspect() };
}

describe.skipIf(!HAS_DOCKER)("BuildKit's own API", () => {
  test('takes every option of a build, and puts the image into the daemon', async () => {
    const { steps, image } = await built(
      'FROM scratch AS one\nARG PAGE\nCOPY page /$PAGE\nFROM one\nCOPY page /second\n',
      {
        target: 'one',
        args: { PAGE: 'index' },
        labels: { 'a.b': 'c=d' },
        noCache: true,
        pull: true,
      },
    );
    expect(steps).toContain('[one 1/1] COPY page /index');
    expect(steps.join()).not.toContain('second');
    expect(image.Architecture).toBe('arm64');
    expect(image.Config.Labels).toEqual({ 'a.b': 'c=d' });
  });

  test.skipIf(!HAS_PROGRAM)('gives steps their hosts, network and proxies', async () => {
    const { output } = await built(
      'FROM scratch\nCOPY busybox /bin/sh\nRUN cat /etc/hosts; ls /sys/class/net; echo $HTTP_PROXY\n',
      {
        platform: 'linux/amd64',
        noCache: true,
        proxies: { HTTP_PROXY: 'http://proxy.example:3128' },
        steps: { ...NO_STEPS, network: 'none', addHosts: ['db.local:10.9.8.7', 'six.local:[::9]'] },
      },
    );
    const lines = output.map((line) => line.trim());
    expect(lines).toEqual(
      expect.arrayContaining([
        '10.9.8.7\tdb.local',
        '::9\tsix.local',
        'lo',
        'http://proxy.example:3128',
      ]),
    );
    expect(lines).not.toContain('eth0');
  });

  test.runIf(HAS_CONTEXTS)('takes named contexts of folders', async () => {
    const shared = makeFolder({ library: 'shared', '.dockerignore': 'secret\n', secret: 'x' });
    const contexts = { shared };
    const dockerfile = 'FROM scratch\nCOPY --from=shared library /\n';
    const { steps } = await built(dockerfile, { contexts, noCache: true });
    expect(steps.join()).toContain('COPY --from=shared library /');
    const ignored = built('FROM scratch\nCOPY --from=shared secret /\n', { contexts });
    await expect(ignored).rejects.toThrow(/secret".* not found/);
  });

  test.runIf(HAS_CONTEXTS && HAS_PROGRAM)('permits only what is allowed', async () => {
    const dockerfile =
      'FROM scratch\nCOPY busybox /bin/sh\nRUN --network=host ls /sys/class/net/lo\n';
    const on = { platform: 'linux/amd64', noCache: true };
    await expect(built(dockerfile, on)).rejects.toMatchObject({
      hint: 'permit it to the build: --allow network.host',
    });
    const { steps } = await built(dockerfile, { ...on, allow: ['network.host'] });
    expect(steps.join()).toContain('RUN --network=host');
    const insecure = built(dockerfile, { ...on, allow: ['network.host', 'security.insecure'] });
    await expect(insecure).rejects.toMatchObject({
      hint: expect.stringContaining('"entitlements": { "security-insecure": true }') as string,
    });
  });

  test('reports the failed step', async () => {
    await expect(built('FROM scratch\nCOPY missing /\n')).rejects.toThrow(/missing": not found/);
  });

  test('goes without a cache that is not there', async () => {
    const cache = { type: 'registry', attributes: { ref: '127.0.0.1:1/none:1' } };
    const { steps } = await built('FROM scratch\nCOPY page /\n', { cacheFrom: [cache] });
    expect(steps).toContain('[1/1] COPY page /');
  });
});

test('only what /build does not know needs it', () => {
  const registry = { type: 'registry', attributes: { ref: 'a:1' } };
  expect(needsCaches({ cacheFrom: [registry], cacheTo: [] })).toBe(false);
  expect(needsCaches({ cacheFrom: [], cacheTo: [registry] })).toBe(true);
  expect(needsCaches({ cacheFrom: [{ type: 'gha', attributes: {} }], cacheTo: [] })).toBe(true);
  expect(needsSolve({ contexts: {}, allow: [] })).toBe(false);
  expect(needsSolve({ contexts: { a: '/a' }, allow: [] })).toBe(true);
  expect(needsSolve({ contexts: {}, allow: ['network.host'] })).toBe(true);
});

test('the options of steps mean the same in both ways to build', () => {
  const steps: StepOptions = {
    network: 'host',
    addHosts: ['db.local:10.0.0.5', 'six.local:[::1]', 'me:host-gateway'],
    shmSize: 1 << 20,
    ulimits: [{ name: 'nofile', soft: 10, hard: 20 }],
  };
  expect(engineSteps(steps)).toEqual({
    networkmode: 'host',
    extrahosts: steps.addHosts,
    shmsize: 1 << 20,
    ulimits: '[{"Name":"nofile","Soft":10,"Hard":20}]',
  });
  expect(frontendSteps(steps, '172.17.0.1')).toEqual({
    'force-network-mode': 'host',
    'add-hosts': 'db.local=10.0.0.5,six.local=::1,me=172.17.0.1',
    'shm-size': '1048576',
    ulimit: 'nofile=10:20',
  });
  expect([engineSteps(NO_STEPS), frontendSteps(NO_STEPS, undefined)]).toEqual([{}, {}]);
});
