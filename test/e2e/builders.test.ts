import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BatchGetImageCommand, DescribeImagesCommand } from '@aws-sdk/client-ecr';
import { afterAll, describe, expect, test } from 'vitest';
import { canExport } from '../../src/docker/buildkit/solve-image.ts';
import { openDocker } from '../../src/docker/engine/daemon.ts';
import { serveBuildKit, storeBuilders } from '../support/builders.ts';
import { HAS_DOCKER, HAS_PROGRAM, program, removeImages } from '../support/docker.ts';
import { makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

/** Whether the daemon's BuildKit can push, as that of a builder can. */
const CAN_PUSH = HAS_DOCKER && (await canExport(await openDocker(process.env))) === true;
const DOCKERFILE = 'FROM scratch\nARG TARGETARCH\nCOPY app-$TARGETARCH /app\nENTRYPOINT ["/app"]\n';
const BOTH = ['--platform', 'linux/amd64,linux/arm64'];

/** A program for another CPU: bytes 18 and 19 of an ELF file. */
const arm64 = () => program((bytes) => void bytes.writeUInt16LE(0xb7, 18));

const files = () => ({ Dockerfile: DOCKERFILE, 'app-amd64': program(), 'app-arm64': arm64() });

/** The builder `ci`, whose BuildKit is that of the daemon. */
async function builder(): Promise<{ readonly environment: { readonly BUILDX_CONFIG: string } }> {
  const endpoint = await serveBuildKit();
  return { environment: { BUILDX_CONFIG: storeBuilders({ ci: { driver: 'remote', endpoint } }) } };
}

/** What ECR holds besides the image of the running tasks, with tags. */
async function pushed({ ecr }: World) {
  const { imageDetails = [] } = await ecr.send(
    new DescribeImagesCommand({ repositoryName: 'hyeon9mak-dev' }),
  );
  return imageDetails.filter(({ imageTags = [] }) => !imageTags.includes('first'));
}

async function manifestOf({ ecr }: World, imageTag: string) {
  const { images } = await ecr.send(
    new BatchGetImageCommand({ repositoryName: 'hyeon9mak-dev', imageIds: [{ imageTag }] }),
  );
  return JSON.parse(images?.[0]?.imageManifest ?? '{}') as {
    manifests?: { platform: { architecture: string } }[];
  };
}

describe.skipIf(!HAS_DOCKER || !HAS_PROGRAM)('a builder of buildx', () => {
  afterAll(removeImages);

  test.runIf(CAN_PUSH)('deploys what it has pushed, by the digest', async () => {
    const world = await makeWorld({ daemon: true, files: files() });
    const end = await world.run(['deploy', '--builder', 'ci', '--json'], await builder());
    expect(end.status, end.stderr).toBe(0);
    const [image] = await pushed(world);
    expect(image?.imageTags).toHaveLength(1);
    const { taskDefinition = '' } = await world.service();
    expect(JSON.parse(end.stdout)).toMatchObject({
      image: { digest: image?.imageDigest, built: true },
    });
    expect(taskDefinition).toMatch(/:2$/);
  });

  test.runIf(CAN_PUSH)('pushes nothing that tasks could not start', async () => {
    const world = await makeWorld({ daemon: true, files: { ...files(), 'app-amd64': arm64() } });
    const end = await world.run(['push', '--builder', 'ci'], await builder());
    expect(end.status).toBe(3);
    expect(end.stderr).toMatch(/\/app in \S+ is compiled for linux\/arm64/);
    expect(await pushed(world)).toEqual([]);
  });

  test.runIf(CAN_PUSH)('builds one index for several platforms, each proven', async () => {
    const world = await makeWorld({ daemon: true, files: files() });
    const options = await builder();
    const end = await world.run(['push', '--tag', 'both', '--builder', 'ci', ...BOTH], options);
    expect(end.status, end.stderr).toBe(0);
    const { manifests = [] } = await manifestOf(world, 'both');
    expect(manifests.map(({ platform }) => platform.architecture)).toEqual(['amd64', 'arm64']);
    const again = await world.run(['push', '--tag', 'both', '--builder', 'ci', ...BOTH], options);
    expect(again.stderr).toContain('nothing to build');

    writeFileSync(join(world.folder, 'app-arm64'), program());
    const wrong = await world.run(['push', '--tag', 'wrong', '--builder', 'ci', ...BOTH], options);
    expect(wrong.status).toBe(3);
    expect(wrong.stderr).toMatch(/\/app in \S+ is compiled for linux\/amd64.*linux\/arm64/);
    expect(await manifestOf(world, 'wrong')).toEqual({});
  });

  test.runIf(CAN_PUSH)(
    'needs the permissions of a push, and names the one that is missing',
    async () => {
      const denied = ['ecr:PutImage'];
      const world = await makeWorld({ daemon: true, files: files(), denied });
      const end = await world.run(['push', '--builder', 'ci'], await builder());
      expect(end.status, end.stderr).toBe(4);
      expect(end.stderr).toMatch(/ecr:PutImage/);
    },
  );

  test.runIf(CAN_PUSH)('attaches provenance on request only', async () => {
    const world = await makeWorld({ daemon: true, files: files() });
    const options = await builder();
    const end = await world.run(
      ['push', '--tag', 'told', '--builder', 'ci', '--provenance'],
      options,
    );
    expect(end.status, end.stderr).toBe(0);
    expect((await manifestOf(world, 'told')).manifests).toHaveLength(2);
    await world.run(['push', '--tag', 'plain', '--builder', 'ci'], options);
    expect((await manifestOf(world, 'plain')).manifests).toBeUndefined();
  });

  test.runIf(CAN_PUSH)(
    'is the daemon itself, where that can build for several platforms',
    async () => {
      const world = await makeWorld({ daemon: true, files: files() });
      const end = await world.run(['push', '--tag', 'both', ...BOTH]);
      expect(end.status, end.stderr).toBe(0);
      expect((await manifestOf(world, 'both')).manifests).toHaveLength(2);
    },
  );

  test.runIf(!CAN_PUSH)('is needed for several platforms, and for a push by BuildKit', async () => {
    const world = await makeWorld({ daemon: true, files: files() });
    const end = await world.run(['push', ...BOTH]);
    expect(end.status).toBe(5);
    expect(end.stderr).toMatch(/cannot build for several platforms \(its image store is \w+\)/);
    expect(end.stderr).toContain('--builder multi');
    const pushes = await world.run(['push', '--builder', 'ci'], await builder());
    expect(pushes.status).toBe(5);
    expect(pushes.stderr).toContain('use one with the containerd image store');
  });
});

test.each([
  [BOTH, "The sandbox's stand-in for Docker cannot build for several platforms."],
  [['--provenance'], 'cannot attach what is known about the build'],
  [['--build-context', 'x=.'], 'has no named build contexts and no entitlements.'],
])('the stand-in of the sandbox refuses %j', async (args, message) => {
  const world = await makeWorld();
  const end = await world.run(['push', ...args]);
  expect(end.status).toBe(5);
  expect(end.stderr).toContain(message);
  expect(end.stderr).toContain('ecsdeploy sandbox --docker daemon');
});
