import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BatchGetImageCommand } from '@aws-sdk/client-ecr';
import { afterAll, describe, expect, test } from 'vitest';
import { canSolve } from '../../src/docker/buildkit/solve-image.ts';
import { isAtLeast } from '../../src/docker/engine/api.ts';
import { openDocker } from '../../src/docker/engine/daemon.ts';
import { RUNTIME_TOKEN, serveActionsCache } from '../support/actions-cache.ts';
import { HAS_DOCKER, HAS_PROGRAM, program, removeImages } from '../support/docker.ts';
import { commitAll, CONFIG, makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

const FILES = {
  Dockerfile: `FROM scratch AS build
COPY page /page
FROM scratch
COPY busybox /bin/busybox
COPY --from=build /page /page
ENTRYPOINT ["/bin/busybox"]
`,
  page: 'one',
  '.ecsdeployrc': `${CONFIG}build: { cache: true }\n`,
};
/** Whether the daemon can write a cache. */
const CAN_WRITE = HAS_DOCKER && (await canSolve(await openDocker(process.env), () => undefined));
/** Whether it knows the present cache service of GitHub Actions: from Docker 28 on. */
const KNOWS_ACTIONS = CAN_WRITE && isAtLeast((await openDocker(process.env)).apiVersion, '1.48');
const CI = { environment: { CI: 'true' } };

async function cacheOf({ ecr }: World): Promise<string | undefined> {
  const { images } = await ecr.send(
    new BatchGetImageCommand({
      repositoryName: 'hyeon9mak-dev',
      imageIds: [{ imageTag: 'buildcache' }],
    }),
  );
  return images?.[0]?.imageManifest;
}

describe.skipIf(!HAS_DOCKER || !HAS_PROGRAM)('build caches of a real daemon', () => {
  afterAll(removeImages);

  test.runIf(CAN_WRITE)('CI writes the cache of all stages, and a laptop reads it', async () => {
    const world = await makeWorld({ daemon: true, files: { ...FILES, busybox: program() } });
    const first = await world.run(['push'], CI);
    expect(first.status, first.stderr).toBe(0);
    expect(first.stderr).toContain('exporting cache to registry');
    const manifest = await cacheOf(world);
    expect(manifest).toContain('application/vnd.buildkit.cacheconfig.v0');
    writeFileSync(join(world.folder, 'page'), 'two');
    commitAll(world.folder);
    const laptop = await world.run(['push']);
    expect(laptop.status, laptop.stderr).toBe(0);
    expect(laptop.stderr).toMatch(/importing cache manifest from \S+:buildcache/);
    expect(await cacheOf(world)).toBe(manifest);
  });

  test.runIf(CAN_WRITE)('a folder keeps a cache, and its absence is none', async () => {
    const world = await makeWorld({ daemon: true, files: { ...FILES, busybox: program() } });
    const [from, to] = ['type=local,src=kept', 'type=local,dest=kept,mode=max'];
    const both = ['--cache-from', from, '--cache-to', to];
    const first = await world.run(['push', '--tag', 'one', ...both]);
    expect(first.status, first.stderr).toBe(0);
    expect(first.stderr).not.toContain('could not be');
    const index = JSON.parse(readFileSync(join(world.folder, 'kept', 'index.json'), 'utf8')) as {
      manifests: readonly { digest: string }[];
    };
    const [, hash = ''] = index.manifests[0]?.digest.split(':') ?? [];
    const manifest = readFileSync(join(world.folder, 'kept', 'blobs', 'sha256', hash), 'utf8');
    expect(manifest).toContain('application/vnd.buildkit.cacheconfig.v0');
    const second = await world.run(['push', '--tag', 'two', ...both]);
    expect(second.status, second.stderr).toBe(0);
    expect(second.stderr).toMatch(/importing cache manifest from local:\d+/);
    expect(second.stderr).not.toContain('could not be');
  });

  test.runIf(KNOWS_ACTIONS)(
    'GitHub Actions keeps a cache, whose token is shown nowhere',
    async () => {
      const world = await makeWorld({ daemon: true, files: { ...FILES, busybox: program() } });
      const { url, calls } = await serveActionsCache();
      const environment = {
        ACTIONS_RUNTIME_TOKEN: RUNTIME_TOKEN,
        ACTIONS_RESULTS_URL: url,
        ACTIONS_CACHE_SERVICE_V2: 'True',
      };
      const both = ['--cache-from', 'type=gha', '--cache-to', 'type=gha,mode=max', '--verbose'];
      for (const tag of ['one', 'two']) {
        const { status, stdout, stderr } = await world.run(['push', '--tag', tag, ...both], {
          environment,
        });
        expect(status, stderr).toBe(0);
        expect(stderr).toContain('exporting to GitHub Actions Cache');
        expect(stderr).not.toContain('could not be');
        expect(stdout + stderr).not.toContain(RUNTIME_TOKEN);
      }
      expect(calls.map(({ method }) => method)).toContain('FinalizeCacheEntryUpload');
      expect(new Set(calls.map(({ token }) => token))).toEqual(
        new Set([`Bearer ${RUNTIME_TOKEN}`]),
      );
    },
  );

  test.runIf(!CAN_WRITE)('a daemon that writes no cache says what would', async () => {
    const world = await makeWorld({ daemon: true, files: { ...FILES, busybox: program() } });
    const end = await world.run(['push'], CI);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toMatch(
      /cannot write build caches \(its image store is \w+\).*\n.*containerd-snapshotter/,
    );
    expect(await cacheOf(world)).toBeUndefined();
  });

  test('push takes over layers of the images that run, in CI', async () => {
    const world = await makeWorld({ daemon: true, files: { ...FILES, busybox: program() } });
    const { stderr } = await world.run(['push', '--platform', 'linux/amd64'], CI);
    expect(stderr).toMatch(/importing cache manifest from \S+hyeon9mak-dev:first/);
  });
});

test('the stand-in of the sandbox says that it has no build caches', async () => {
  const world = await makeWorld();
  const end = await world.run(['push', '--cache-to', 'type=gha,mode=max']);
  expect(end.status, end.stderr).toBe(0);
  expect(end.stderr).toContain("The sandbox's stand-in for Docker has no build caches");
});
