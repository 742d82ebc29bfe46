import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  BatchGetImageCommand,
  PutImageCommand,
  PutImageTagMutabilityCommand,
  UpdateImageStorageClassCommand,
} from '@aws-sdk/client-ecr';
import { RegisterTaskDefinitionCommand, UpdateServiceCommand } from '@aws-sdk/client-ecs';
import { describe, expect, test } from 'vitest';
import { readResult } from '../support/cli.ts';
import { apiProxy } from '../support/proxies.ts';
import { addService, commitAll, CONFIG, DOCKERFILE, makeWorld, stable } from '../support/world.ts';
import type { World } from '../support/world.ts';

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const REPOSITORY = 'hyeon9mak-dev';

async function digestOf({ ecr }: World, imageTag: string): Promise<string | undefined> {
  const { images } = await ecr.send(
    new BatchGetImageCommand({ repositoryName: REPOSITORY, imageIds: [{ imageTag }] }),
  );
  return images?.[0]?.imageId?.imageDigest;
}

async function makeImmutable({ ecr }: World): Promise<void> {
  await ecr.send(
    new PutImageTagMutabilityCommand({
      repositoryName: REPOSITORY,
      imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
      imageTagMutabilityExclusionFilters: [{ filterType: 'WILDCARD', filter: 'moving-*' }],
    }),
  );
}

/** Makes a service's tasks run on arm64. */
async function runOnArm64({ ecs }: World, service = 'hyeon9mak-service-dev'): Promise<void> {
  const { taskDefinition } = await ecs.send(
    new RegisterTaskDefinitionCommand({
      family: 'arm64',
      requiresCompatibilities: ['FARGATE'],
      networkMode: 'awsvpc',
      cpu: '256',
      memory: '512',
      runtimePlatform: { cpuArchitecture: 'ARM64', operatingSystemFamily: 'LINUX' },
      containerDefinitions: [{ name: 'hyeon9mak-container', image: 'busybox:1' }],
    }),
  );
  await ecs.send(
    new UpdateServiceCommand({
      cluster: 'backend',
      service,
      taskDefinition: taskDefinition?.taskDefinitionArn,
    }),
  );
}

const wording = (stderr: string, world: World) => stable(stderr, world).split('\n');

/** What is printed from the first warning or error on. */
const complaint = (stderr: string, world: World) => {
  const lines = wording(stderr, world);
  return lines.slice(lines.findIndex((line) => /^(Error|Warning):/.test(line))).join('\n');
};

test('the platform is the one that the tasks run on, unless it is named', async () => {
  const world = await makeWorld();
  await runOnArm64(world);
  const push = await world.run(['push', '--tag', 'theirs', '--json']);
  expect(push.status, push.stderr).toBe(0);
  expect(readResult(push).image?.platform).toBe('linux/arm64');
  const dryRun = await world.run(['deploy', '--dry-run', '--json']);
  expect(readResult(dryRun).image?.platform).toBe('linux/arm64');

  const named = ['--platform', 'linux/amd64'];
  const own = await world.run(['push', '--tag', 'own', '--json', ...named]);
  expect(readResult(own).image?.platform).toBe('linux/amd64');
  const wrong = await world.run(['deploy', ...named]);
  expect(wrong.status).toBe(3);
  expect(complaint(wrong.stderr, world)).toMatchInlineSnapshot(`
    "Error: The image would be built for linux/amd64, but the tasks run on linux/arm64: the container would fail with "exec format error".
      → build it with --platform linux/arm64, or set runtimePlatform in the task definition; to continue anyway: --skip-check image-platform
    "
  `);
});

test('services of two platforms are not given one image', async () => {
  const world = await makeWorld({
    files: {
      '.ecsdeployrc': `${CONFIG.replace('service: hyeon9mak-service-dev\n', '')}services:\n  - service: hyeon9mak-service-dev\n  - service: other\n`,
    },
  });
  await addService(world, 'other');
  await runOnArm64(world, 'other');
  for (const command of ['push', 'deploy']) {
    const both = await world.run([command]);
    expect(both.status).toBe(3);
    expect(complaint(both.stderr, world)).toMatchInlineSnapshot(`
      "Error: The services run on linux/amd64 and linux/arm64: one image cannot be built for both.
        → build it for both: --platform linux/amd64,linux/arm64; or deploy the services of one platform at a time with --service NAME
      "
    `);
  }
  const one = await world.run(['push', '--service', 'other', '--json']);
  expect(readResult(one).image?.platform).toBe('linux/arm64');
});

test('push needs no service: one that does not exist yet, or is denied, says no platform', async () => {
  const world = await makeWorld();
  const missing = await world.run(['push', '--tag', 'a', '--service', 'planned', '--json']);
  expect(missing.status, missing.stderr).toBe(0);
  expect(readResult(missing).image?.platform).toBe('linux/amd64');
  expect(missing.stderr).not.toContain('Warning');

  const denied = await makeWorld({ denied: ['ecs:DescribeServices'] });
  const end = await denied.run(['push', '--json']);
  expect(end.status, end.stderr).toBe(0);
  expect(end.stderr.match(/Continuing without the platform of the tasks/g)).toHaveLength(1);
});

test('further tags are given in ECR, also to an image that is there already', async () => {
  const world = await makeWorld();
  const tags = ['--extra-tag', 'latest', '--extra-tag', 'v1'];
  const end = await world.run(['push', '--tag', 'sha', ...tags]);
  expect(end.status, end.stderr).toBe(0);
  expect(end.stderr).toContain('Also tagged latest, v1');
  const digest = await digestOf(world, 'sha');
  expect([await digestOf(world, 'latest'), await digestOf(world, 'v1')]).toEqual([digest, digest]);
  expect(world.writes()).toEqual(['ecr:PutImage', 'ecr:PutImage']);

  const again = await world.run(['push', '--tag', 'sha', '--extra-tag', 'v2', '--json']);
  expect(readResult(again)).toMatchObject({ outcome: 'unchanged', image: { built: false } });
  expect(await digestOf(world, 'v2')).toBe(digest);

  const wrong = await world.run(['push', '--extra-tag', 'no tag']);
  expect(wrong.status).toBe(2);
  expect(wrong.stderr).toContain('--extra-tag: "no tag" is not a valid image tag');
});

test('a further tag that cannot move is refused before the build', async () => {
  const world = await makeWorld();
  await world.run([
    'push',
    '-q',
    '--tag',
    'one',
    '--extra-tag',
    'latest',
    '--extra-tag',
    'moving-1',
  ]);
  await makeImmutable(world);
  world.writes();
  writeFileSync(join(world.folder, 'app'), 'another program');
  const end = await world.run([
    'push',
    '--tag',
    'two',
    '--extra-tag',
    'latest',
    '--extra-tag',
    'moving-1',
  ]);
  expect(end.status).toBe(3);
  expect(complaint(end.stderr, world)).toMatchInlineSnapshot(`
    "Error: REGISTRY/hyeon9mak-dev:latest already names another image (DIGEST), and the tags of its repository are immutable.
      → leave out --extra-tag latest, or exclude it from the immutable tags: aws ecr put-image-tag-mutability --repository-name hyeon9mak-dev --image-tag-mutability IMMUTABLE_WITH_EXCLUSION --image-tag-mutability-exclusion-filters filterType=WILDCARD,filter=latest
    "
  `);
  expect(world.writes()).toEqual([]);

  const moved = await world.run(['push', '--tag', 'two', '--extra-tag', 'moving-1']);
  expect(moved.status, moved.stderr).toBe(0);
  expect(await digestOf(world, 'moving-1')).toBe(await digestOf(world, 'two'));
  writeFileSync(join(world.folder, 'app'), 'program');
  const same = await world.run(['push', '--tag', 'one', '--extra-tag', 'latest']);
  expect(same.status, same.stderr).toBe(0);
});

test('a tag that somebody else pushes during the build: the same inputs are well, others are not', async () => {
  // The command before the build is somebody else's push of the same tag.
  const command = `if [ -z "$INNER" ]; then INNER=1 "$NODE" "$BIN" push -q --tag race $MORE >/dev/null; fi`;
  const files = {
    '.ecsdeployrc': `${CONFIG}build:\n  before: ['${command}']\n`,
    Dockerfile: `${DOCKERFILE}ARG BY\nENV BY=$BY\n`,
  };
  const environment = { NODE: process.execPath, BIN: join(process.cwd(), 'bin/ecsdeploy.js') };
  const world = await makeWorld({ files });
  const won = await world.run(['push', '--tag', 'race', '--extra-tag', 'v1', '--json'], {
    environment,
  });
  expect(won.status, won.stderr).toBe(0);
  const digest = await digestOf(world, 'race');
  expect(readResult(won).image).toMatchObject({ digest, built: true, pushed: false });
  expect(await digestOf(world, 'v1')).toBe(digest);

  const other = await makeWorld({ files });
  const lost = await other.run(['push', '--tag', 'race'], {
    environment: { ...environment, MORE: '--build-arg BY=other' },
  });
  expect(lost.status).toBe(3);
  expect(complaint(lost.stderr, other)).toMatchInlineSnapshot(`
    "Error: Someone else pushed REGISTRY/hyeon9mak-dev:race (DIGEST) from other inputs during the build.
      → to replace that image: --rebuild; to choose another tag: --tag TAG
    "
  `);
});

describe('two pushers of one tag', () => {
  /** A world where somebody else gives `race` to another image before the first call of `action`. */
  async function makeRace(action: string) {
    const world = await makeWorld();
    const other = await world.run(['push', '--tag', 'other', '--build-arg', 'BY=other']);
    expect(other.status, other.stderr).toBe(0);
    const rival = await digestOf(world, 'other');
    const place = { repositoryName: REPOSITORY };
    let own: string | undefined;
    const api = await apiProxy(world.sandbox.url, async (call) => {
      if (call.action !== action || own !== undefined) return undefined;
      const { images = [] } = await world.ecr.send(
        new BatchGetImageCommand({
          ...place,
          imageIds: [{ imageTag: 'race' }, { imageTag: 'other' }],
        }),
      );
      const of = (tag: string) => images.find(({ imageId }) => imageId?.imageTag === tag);
      own = of('race')?.imageId?.imageDigest;
      if (own === undefined) return undefined;
      const imageManifest = of('other')?.imageManifest;
      await world.ecr.send(new PutImageCommand({ ...place, imageManifest, imageTag: 'race' }));
      return undefined;
    });
    const run = (args: readonly string[]) =>
      world.run(args, { environment: { AWS_ENDPOINT_URL: api } });
    return { world, run, rival, own: () => own };
  }

  test.each(['RegisterTaskDefinition', 'BatchGetImage'])(
    'one that moves it before %s has no part in the deployment',
    async (action) => {
      const { world, run, rival, own } = await makeRace(action);
      const end = await run(['deploy', '--tag', 'race', '--json']);
      expect(end.status, end.stderr).toBe(0);
      expect(await digestOf(world, 'race')).toBe(rival);
      expect(own()).not.toBe(rival);
      const { image, services } = readResult(end);
      expect(image).toMatchObject({ digest: own(), pushed: true });
      expect(image?.reference).toMatch(/:race$/);
      expect(services[0]?.changes?.[0]?.after).toBe(`${image?.reference}@${own()}`);
      const tasks = await world.runningTasks();
      expect(tasks.map(({ containers }) => containers?.[0]?.imageDigest)).toEqual([own(), own()]);
      const isNoticed = action === 'BatchGetImage';
      expect(end.stderr.includes('its own image by its digest')).toBe(isNoticed);
    },
  );

  test.each([{ command: ['push'] }, { command: ['deploy', '--pin', 'tag'] }])(
    'one that moves it at once is a failure where the tag counts: $command',
    async ({ command }) => {
      const { world, run } = await makeRace('BatchGetImage');
      const end = await run([...command, '--tag', 'race']);
      expect(end.status).toBe(5);
      expect(end.stderr).toContain('but ECR holds sha256:');
      expect((await world.service()).taskDefinition).toMatch(/:1$/);
    },
  );
});

test('an image that is archived under the tag is refused', async () => {
  const world = await makeWorld();
  await world.run(['push', '-q', '--tag', 'old']);
  await world.ecr.send(
    new UpdateImageStorageClassCommand({
      repositoryName: REPOSITORY,
      imageId: { imageTag: 'old' },
      targetStorageClass: 'ARCHIVE',
    }),
  );
  const end = await world.run(['push', '--tag', 'old']);
  expect(end.status).toBe(3);
  expect(complaint(end.stderr, world)).toMatchInlineSnapshot(`
    "Error: REGISTRY/hyeon9mak-dev:old is archived in ECR: tasks cannot pull it.
      → restore it: aws ecr update-image-storage-class --repository-name hyeon9mak-dev --image-id imageDigest=DIGEST --target-storage-class STANDARD; to continue anyway: --skip-check image-exists
    "
  `);
});

test('push --image takes an image that the daemon has', async () => {
  const world = await makeWorld();
  const built = await world.run(['push', '--tag', 'built']);
  const local = built.stdout.trim();
  const digest = await digestOf(world, 'built');

  const own = await world.run(['push', '--image', local]);
  expect(own.status, own.stderr).toBe(0);
  expect(own.stdout.trim()).toBe(local);
  expect(own.stderr).toContain('nothing to build');

  const end = await world.run(['push', '--image', local, '--tag', 'again', '--json']);
  expect(end.status, end.stderr).toBe(0);
  expect(readResult(end)).toMatchObject({
    outcome: 'succeeded',
    image: { built: false, pushed: true, digest, platform: 'linux/amd64' },
  });
  expect(await digestOf(world, 'again')).toBe(digest);

  const missing = await world.run(['push', '--image', 'nothing:here']);
  expect(missing.status).toBe(3);
  expect(complaint(missing.stderr, world)).toMatchInlineSnapshot(`
    "Error: The Docker daemon at tcp://DOCKER has no image nothing:here.
      → list its images with docker image ls; without --image one is built
    "
  `);
});

test('push --image replaces a tag that may move, and refuses one that may not', async () => {
  const world = await makeWorld();
  const first = await world.run(['push', '--tag', 'one']);
  writeFileSync(join(world.folder, 'app'), 'another program');
  commitAll(world.folder);
  await world.run(['push', '-q', '--tag', 'second']);
  const args = ['push', '--image', first.stdout.trim(), '--tag', 'second'];
  const replaced = await world.run(args);
  expect(replaced.status, replaced.stderr).toBe(0);
  expect(await digestOf(world, 'second')).toBe(await digestOf(world, 'one'));

  writeFileSync(join(world.folder, 'app'), 'a third program');
  const third = await world.run(['push', '--tag', 'third']);
  await makeImmutable(world);
  const refused = await world.run(['push', '--image', third.stdout.trim(), '--tag', 'second']);
  expect(refused.status).toBe(3);
  expect(complaint(refused.stderr, world)).toMatchInlineSnapshot(`
    "Error: REGISTRY/hyeon9mak-dev:second already names another image (DIGEST), and the tags of its repository are immutable.
      → choose another tag with --tag
    "
  `);
});

test('push --image of an image for another CPU is refused', async () => {
  const world = await makeWorld();
  const args = ['push', '--tag', 'arm64', '--platform', 'linux/arm64'];
  const built = await world.run(args);
  expect(built.status, built.stderr).toBe(0);
  const end = await world.run(['push', '--image', built.stdout.trim(), '--tag', 'again']);
  expect(end.status).toBe(3);
  expect(complaint(end.stderr, world)).toMatchInlineSnapshot(`
    "Error: Docker has REGISTRY/hyeon9mak-dev:arm64 for linux/arm64, but the tasks run on linux/amd64: the container would fail with "exec format error".
      → build it with --platform linux/amd64; to continue anyway: --skip-check image-platform
    "
  `);
});

test('an index is fine when it has the platform, and refused when it has not', async () => {
  const world = await makeWorld();
  const put = async (imageTag: string, architectures: readonly string[]) => {
    const manifests = await Promise.all(
      architectures.map(async (architecture) => {
        const platform = `linux/${architecture}`;
        await world.run(['push', '-q', '--tag', architecture, '--platform', platform]);
        const digest = await digestOf(world, architecture);
        return { mediaType: MANIFEST, digest, size: 1, platform: { os: 'linux', architecture } };
      }),
    );
    // What buildx adds to say how an image was built.
    const attestation = {
      ...manifests[0],
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
    };
    const mediaType = 'application/vnd.oci.image.index.v1+json';
    await world.ecr.send(
      new PutImageCommand({
        repositoryName: REPOSITORY,
        imageTag,
        imageManifestMediaType: mediaType,
        imageManifest: JSON.stringify({
          schemaVersion: 2,
          mediaType,
          manifests: [...manifests, attestation],
        }),
      }),
    );
    return `${world.sandbox.registryHost}/${REPOSITORY}:${imageTag}`;
  };
  const lacking = await world.run(['deploy', '--image', await put('lacking', ['arm64'])]);
  expect(lacking.status).toBe(3);
  expect(complaint(lacking.stderr, world)).toMatchInlineSnapshot(`
    "Error: REGISTRY/hyeon9mak-dev:lacking is built for linux/arm64, but the tasks run on linux/amd64: the container would fail with "exec format error".
      → build it with --platform linux/amd64, or set runtimePlatform in the task definition; to continue anyway: --skip-check image-platform
    "
  `);
  const both = await put('both', ['arm64', 'amd64']);
  const end = await world.run(['deploy', '--dry-run', '--image', both]);
  expect(end.status, end.stderr).toBe(0);
});

test('the login to ECR is requested while the image is built', async () => {
  const world = await makeWorld({ files: { Dockerfile: 'FROM scratch\nCOPY missing /app\n' } });
  const end = await world.run(['push']);
  expect(end.status, end.stderr).toBe(5);
  expect(world.sandbox.calls.map(({ action }) => action)).toContain('ecr:GetAuthorizationToken');
});
