import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  BatchGetImageCommand,
  GetDownloadUrlForLayerCommand,
  PutImageCommand,
  PutImageTagMutabilityCommand,
  UpdateImageStorageClassCommand,
} from '@aws-sdk/client-ecr';
import { afterAll, describe, expect, test } from 'vitest';
import { readResult } from '../support/cli.ts';
import { HAS_DOCKER, HAS_PROGRAM, program, removeImages } from '../support/docker.ts';
import { makeFolder } from '../support/files.ts';
import { commitAll, CONFIG, DOCKERFILE, HAS_GIT, makeWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

const ENCODING = { encoding: 'utf8' } as const;
const REPOSITORY = 'hyeon9mak-dev';
const ARG = `${DOCKERFILE}ARG API\nENV API=$API\n`;

/** What a push made: its image and whether it was built. */
async function pushed(world: World, args: readonly string[] = []) {
  const end = await world.run(['push', '--json', ...args]);
  expect(end.status, end.stderr).toBe(0);
  const { image } = readResult(end);
  return { tag: image?.reference.split(':').at(-1), built: image?.built, digest: image?.digest };
}

/** The status and the first line of the error of a command. */
async function refused(world: World, args: readonly string[]) {
  const end = await world.run(args);
  const { stderr } = end;
  return {
    status: end.status,
    error: stderr.slice(Math.max(stderr.search(/^(Error|Warning):/m), 0)),
  };
}

/** Gives the label-free image of another tool a tag. */
async function putForeign({ ecr, sandbox }: World, imageTag: string): Promise<void> {
  const { images } = await ecr.send(
    new BatchGetImageCommand({ repositoryName: REPOSITORY, imageIds: [{ imageTag: 'first' }] }),
  );
  expect(images, sandbox.url).toHaveLength(1);
  await ecr.send(
    new PutImageCommand({
      repositoryName: REPOSITORY,
      imageTag,
      imageManifest: images?.[0]?.imageManifest,
    }),
  );
}

/** The labels of an image in the repository. */
async function labelsOf({ ecr }: World, reference = ''): Promise<Record<string, string>> {
  const imageTag = reference.split(':').at(-1);
  const { images } = await ecr.send(
    new BatchGetImageCommand({ repositoryName: REPOSITORY, imageIds: [{ imageTag }] }),
  );
  const { config } = JSON.parse(images?.[0]?.imageManifest ?? '') as { config: { digest: string } };
  const place = { repositoryName: REPOSITORY, layerDigest: config.digest };
  const { downloadUrl = '' } = await ecr.send(new GetDownloadUrlForLayerCommand(place));
  const answer = (await (await fetch(downloadUrl)).json()) as {
    config: { Labels: Record<string, string> };
  };
  return answer.config.Labels;
}

const makeImmutable = ({ ecr }: World) =>
  ecr.send(
    new PutImageTagMutabilityCommand({
      repositoryName: REPOSITORY,
      imageTagMutability: 'IMMUTABLE',
    }),
  );

describe.skipIf(!HAS_GIT)('which image', () => {
  test('two environments of one commit have two images, and the same twice is built once', async () => {
    const world = await makeWorld({
      files: {
        Dockerfile: ARG,
        '.ecsdeployrc': `${CONFIG}environments:
  staging: { build: { args: { API: a } } }
  prod: { build: { args: { API: b } } }
`,
      },
    });
    const deployed = async (name: string) => {
      const end = await world.run(['deploy', '-e', name, '--json']);
      expect(end.status, end.stderr).toBe(0);
      return readResult(end).image;
    };
    const staging = await deployed('staging');
    const prod = await deployed('prod');
    expect([staging?.built, prod?.built]).toEqual([true, true]);
    expect(prod?.digest).not.toBe(staging?.digest);
    expect(prod?.reference).not.toBe(staging?.reference);
    expect(await deployed('prod')).toEqual({ ...prod, built: false, pushed: false });
    expect(await deployed('staging')).toEqual({ ...staging, built: false, pushed: false });
    const plain = await pushed(world);
    expect(plain.tag).toMatch(/^[0-9a-f]{40}$/);
  });

  test.each<[string, readonly string[], readonly string[]]>([
    ['--build-arg', ['--build-arg', 'API=a'], ['--build-arg', 'API=b']],
    ['--target', ['--target', 'one'], ['--target', 'two']],
    ['--dockerfile', [], ['--dockerfile', 'other.Dockerfile']],
    ['--context', [], ['--context', 'part']],
    ['--platform', ['--platform', 'linux/amd64'], ['--platform', 'linux/arm64']],
  ])('two values of %s are two images', async (_, one, two) => {
    const Dockerfile = `FROM scratch AS two\nCOPY app /two\n${ARG.replace('scratch', 'scratch AS one')}`;
    const world = await makeWorld({
      files: { Dockerfile, 'other.Dockerfile': ARG, 'part/Dockerfile': ARG, 'part/app': 'part' },
    });
    const first = await pushed(world, one);
    const second = await pushed(world, two);
    expect(first.built && second.built).toBe(true);
    expect(second.tag).not.toBe(first.tag);
    expect(second.digest).not.toBe(first.digest);
    // An explicit tag is never given to two images, nor taken from one, in silence.
    const { built } = await pushed(world, [...one, '--tag', 'v1']);
    expect(built).toBe(true);
    expect((await pushed(world, [...one, '--tag', 'v1'])).built).toBe(false);
    expect((await refused(world, ['push', ...two, '--tag', 'v1'])).status).toBe(3);
  });

  test('two folders of a repository have two images', async () => {
    const world = await makeWorld({
      files: {
        'one/.ecsdeployrc': CONFIG,
        'one/Dockerfile': DOCKERFILE,
        'one/app': '1',
        'two/.ecsdeployrc': CONFIG,
        'two/Dockerfile': DOCKERFILE,
        'two/app': '2',
      },
    });
    const pushIn = async (name: string) => {
      const end = await world.run(['push', '--json'], { directory: join(world.folder, name) });
      return readResult(end).image;
    };
    const [first, second] = [await pushIn('one'), await pushIn('two')];
    expect([first?.built, second?.built]).toEqual([true, true]);
    expect(second?.digest).not.toBe(first?.digest);
  });

  test('a tag with other inputs is refused, and --rebuild, --no-cache and --pull build it', async () => {
    const world = await makeWorld({ files: { Dockerfile: ARG } });
    await pushed(world, ['--tag', 'v1', '--build-arg', 'API=a']);
    const other = ['--tag', 'v1', '--build-arg', 'API=b'];
    for (const command of ['push', 'deploy', 'verify']) {
      const end = await world.run([command, ...other]);
      expect(end.status, end.stderr).toBe(3);
      const said = command === 'verify' ? end.stdout + end.stderr : end.stderr;
      expect(said).toContain('was built from other inputs');
      expect(said).toContain('--rebuild');
    }
    const digests = new Set<unknown>();
    for (const [index, flag] of ['--rebuild', '--no-cache', '--pull'].entries()) {
      const args = ['--tag', 'v1', '--build-arg', `API=${index}`, flag];
      const { built, digest } = await pushed(world, args);
      expect(built).toBe(true);
      digests.add(digest);
    }
    expect(digests.size).toBe(3);
  });

  test('with immutable tags, --rebuild is refused before the build unless the inputs are the same', async () => {
    const world = await makeWorld({ files: { Dockerfile: ARG } });
    await pushed(world, ['--tag', 'v1']);
    await makeImmutable(world);
    const same = await world.run(['push', '--tag', 'v1', '--rebuild']);
    expect(same.status, same.stderr).toBe(0);
    const other = await refused(world, [
      'push',
      '--tag',
      'v1',
      '--rebuild',
      '--build-arg',
      'API=b',
    ]);
    expect(other.status).toBe(3);
    expect(other.error).toContain('tags of its repository are immutable');
    const taken = await refused(world, ['push', '--tag', 'v1', '--build-arg', 'API=b']);
    expect(taken.error).toContain('was built from other inputs');
    expect(taken.error).not.toContain('--rebuild');
  });

  test('the image of another tool is used, and one line says so', async () => {
    const world = await makeWorld();
    await putForeign(world, 'theirs');
    const end = await world.run(['push', '--tag', 'theirs', '--json']);
    expect(end.status, end.stderr).toBe(0);
    expect(readResult(end).image?.built).toBe(false);
    expect(end.stderr.match(/another tool built it/g)).toHaveLength(1);
    expect((await pushed(world, ['--tag', 'theirs', '--rebuild'])).built).toBe(true);
    expect((await pushed(world, ['--tag', 'theirs'])).built).toBe(false);
  });

  test('where the labels cannot be read, the image is used, and that is said', async () => {
    const world = await makeWorld({ denied: ['ecr:GetDownloadUrlForLayer'] });
    await pushed(world, ['--tag', 'v1']);
    const end = await world.run(['push', '--tag', 'v1', '--json']);
    expect(readResult(end).image?.built).toBe(false);
    expect(end.stderr.match(/labels of the image cannot be read/g)).toHaveLength(1);
  });

  test('the labels of an index are those of its image for the platform', async () => {
    const world = await makeWorld();
    const { digest } = await pushed(world, ['--tag', 'v1']);
    const mediaType = 'application/vnd.oci.image.index.v1+json';
    const platform = { os: 'linux', architecture: 'amd64' };
    const inner = 'application/vnd.docker.distribution.manifest.v2+json';
    await world.ecr.send(
      new PutImageCommand({
        repositoryName: REPOSITORY,
        imageTag: 'index',
        imageManifestMediaType: mediaType,
        imageManifest: JSON.stringify({
          schemaVersion: 2,
          mediaType,
          manifests: [{ mediaType: inner, digest, size: 1, platform }],
        }),
      }),
    );
    const same = await world.run(['push', '--tag', 'index']);
    expect(same.status, same.stderr).toBe(0);
    expect(same.stderr).not.toContain('Warning');
    writeFileSync(join(world.folder, 'app'), 'changed');
    expect((await refused(world, ['push', '--tag', 'index'])).status).toBe(3);
  });

  test('commands before the build are compared, but are not in the tag', async () => {
    const before = (command: string) => `${CONFIG}build: { before: ["${command}"] }\n`;
    const world = await makeWorld({
      files: {
        '.gitignore': 'made\n',
        Dockerfile: 'FROM scratch\nCOPY made /app\n',
        '.ecsdeployrc': before('printf one > made'),
        'other.yaml': before('printf two > made'),
      },
    });
    const first = await pushed(world);
    expect(first.tag).toMatch(/^[0-9a-f]{40}$/);
    expect((await pushed(world)).built).toBe(false);
    expect((await refused(world, ['push', '-c', 'other.yaml'])).status).toBe(3);
  });

  test('a daemon or a Dockerfile that is named must be there, also while the tag is', async () => {
    const world = await makeWorld();
    const { tag = '' } = await pushed(world);
    const daemon = await refused(world, ['push', '--docker-host', 'unix:///nowhere.sock']);
    expect(daemon.status, daemon.error).toBe(5);
    const context = await refused(world, ['push', '--docker-context', 'nowhere']);
    expect(context.status).not.toBe(0);
    const file = await refused(world, ['push', '--dockerfile', 'nowhere']);
    expect(file.status, file.error).toBe(2);
    const tagged = await refused(world, ['push', '--dockerfile', 'nowhere', '--tag', tag]);
    expect(tagged.status, tagged.error).not.toBe(0);
  });

  test('submodules that are not checked out are refused, unless the check is skipped', async () => {
    const world = await makeWorld({ files: { Dockerfile: 'FROM scratch\nCOPY . /app\n' } });
    const inner = makeFolder({ 'lib.c': 'int lib;' });
    commitAll(inner);
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', world.folder, '-c', 'protocol.file.allow=always', ...args], {
        stdio: 'ignore',
      });
    git('submodule', 'add', inner, 'sub');
    commitAll(world.folder);
    git('submodule', 'deinit', '--force', 'sub');
    const end = await refused(world, ['push']);
    expect(end.status).toBe(3);
    expect(end.error).toMatch(/not checked out[^]*: sub\.[^]*git submodule update --init/);
    const skipped = await pushed(world, ['--skip-check', 'build-context']);
    expect(skipped.tag).toContain('-dirty-');
    git('submodule', 'update', '--init');
    expect(await pushed(world)).toMatchObject({ built: true, tag: skipped.tag?.slice(0, 40) });
  });

  test('a commit is built without changed and untracked files, and its checkout is removed', async () => {
    const before = 'cat note app > made; rm note';
    const world = await makeWorld({
      files: {
        Dockerfile: `${DOCKERFILE}COPY made /made\n`,
        '.ecsdeployrc': `${CONFIG}build:\n  before: ["${before}"]\n`,
        note: 'first',
      },
    });
    const { folder } = world;
    const head = () => execFileSync('git', ['-C', folder, 'rev-parse', 'HEAD'], ENCODING).trim();
    const first = head();
    writeFileSync(join(folder, 'app'), 'program 2');
    commitAll(folder);
    const second = head();
    writeFileSync(join(folder, 'app'), 'changed');
    writeFileSync(join(folder, 'untracked'), '');
    const status = () => execFileSync('git', ['-C', folder, 'status', '--porcelain'], ENCODING);
    const found = [status(), existsSync(join(folder, 'note'))];

    const temporary = makeFolder();
    const run = (...args: readonly string[]) =>
      world.run(['push', '--json', ...args], { environment: { TMPDIR: temporary } });
    const tags: unknown[] = [];
    const made: boolean[] = [];
    const digests = new Set<unknown>();
    for (const args of [['--from-commit'], [`--from-commit=${first}`], []]) {
      const end = await run(...args);
      expect(end.status, end.stderr).toBe(0);
      const { image } = readResult(end);
      tags.push(image?.reference.replace(/.*:/, '').replaceAll(/-[0-9a-f]{8}/g, '-HASH'));
      digests.add(image?.digest);
      made.push(existsSync(join(folder, 'made')));
    }
    expect(tags).toEqual([second, first, `${second}-dirty-HASH`]);
    expect(digests.size).toBe(3);
    // The commands before the build ran in the checkout.
    expect(made).toEqual([false, false, true]);

    const failed = await run('--from-commit', 'no-such-branch');
    expect(failed.status).toBe(3);
    expect(failed.stderr).toContain('has no commit "no-such-branch".');
    const outside = await run('--from-commit', '--context', temporary);
    expect(outside.status).toBe(2);
    expect(outside.stderr).toContain('is outside of the repository');
    expect(readdirSync(temporary)).toEqual([]);
    const worktrees = execFileSync('git', ['-C', folder, 'worktree', 'list'], ENCODING);
    expect(worktrees.trim().split('\n')).toHaveLength(1);
    expect([status(), existsSync(join(folder, 'note'))]).not.toEqual(found);
  });

  test('pointers of Git LFS are warned of', async () => {
    const world = await makeWorld({
      files: {
        '.gitattributes': '*.bin filter=lfs\n',
        'model.bin': 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n',
      },
    });
    const end = await world.run(['push']);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toMatch(/Warning: .*pointers of Git LFS.*: model\.bin/);
  });

  describe('in a job of a CI system', () => {
    const commit = 'a'.repeat(40);
    const codebuild = {
      CODEBUILD_BUILD_ID: 'app:1',
      CODEBUILD_RESOLVED_SOURCE_VERSION: commit,
      CODEBUILD_WEBHOOK_HEAD_REF: 'refs/heads/main',
      CODEBUILD_SOURCE_REPO_URL: 'https://user:secret@example.com/app.git',
    };

    test('without .git, its commit and a hash of the files make the tag', async () => {
      const world = await makeWorld();
      rmSync(join(world.folder, '.git'), { recursive: true });
      const push = async () => {
        const end = await world.run(['push', '--json'], { environment: codebuild });
        expect(end.status, end.stderr).toBe(0);
        return { ...readResult(end).image, stderr: end.stderr };
      };
      const first = await push();
      expect(first.stderr).toContain(
        'Commit aaaaaaa on main is from CODEBUILD_RESOLVED_SOURCE_VERSION: git cannot read it here\n',
      );
      expect(first.reference).toMatch(/:a{40}-files-[0-9a-f]{8}$/);
      expect(await push()).toMatchObject({ reference: first.reference, built: false });
      expect(await labelsOf(world, first.reference)).toMatchObject({
        'org.opencontainers.image.revision': commit,
        'org.opencontainers.image.source': 'https://example.com/app.git',
      });
      writeFileSync(join(world.folder, 'app'), 'another program');
      const second = await push();
      expect(second.built).toBe(true);
      expect(second.reference).not.toBe(first.reference);
    });

    test('git is believed rather than the CI system, in a shallow and detached checkout too', async () => {
      const world = await makeWorld();
      const clone = join(makeFolder(), 'clone');
      const git = (...args: string[]) => execFileSync('git', args, { ...ENCODING, stdio: 'pipe' });
      git('clone', '--quiet', '--depth', '1', `file://${world.folder}`, clone);
      git('-C', clone, 'checkout', '--quiet', '--detach');
      const end = await world.run(['push', '--json'], { directory: clone, environment: codebuild });
      expect(end.status, end.stderr).toBe(0);
      const head = git('-C', clone, 'rev-parse', 'HEAD').trim();
      expect(readResult(end).image?.reference).toMatch(new RegExp(`:${head}$`));
      expect(end.stderr).not.toContain('CODEBUILD');
    });

    test('a variable without a commit is no commit', async () => {
      const world = await makeWorld();
      rmSync(join(world.folder, '.git'), { recursive: true });
      const environment = { BUILDKITE: 'true', BUILDKITE_COMMIT: 'HEAD' };
      const end = await refused(world, ['push']);
      expect(end.status).toBe(2);
      const job = await world.run(['push'], { environment });
      expect(job.stderr).toContain('the folder is not in a git repository');
    });
  });

  test.skipIf(process.getuid?.() !== 0)(
    'no command runs in a repository that git refuses to read',
    async () => {
      const world = await makeWorld({
        files: { '.ecsdeployrc': `${CONFIG}build: { before: ["touch ran"] }\n` },
      });
      chownSync(world.folder, 65_534, 65_534);
      chownSync(join(world.folder, '.git'), 65_534, 65_534);
      const environment = { HOME: makeFolder() };
      for (const args of [['push'], ['push', '--tag', 'v1'], ['deploy', '--tag', 'v1']]) {
        const end = await world.run(args, { environment });
        expect(end.status, end.stderr).toBe(2);
        expect(end.stderr).toContain('git does not trust the owner');
        expect(end.stderr).toContain(`safe.directory ${world.folder}`);
      }
      const job = { ...environment, GITLAB_CI: 'true', CI_COMMIT_SHA: 'a'.repeat(40) };
      const end = await world.run(['push'], { environment: job });
      expect(end.status, end.stderr).toBe(2);
      expect(existsSync(join(world.folder, 'ran'))).toBe(false);
    },
  );
});

describe('an image that is named', () => {
  test.each([
    ['deploy', 2],
    ['verify', 3],
  ])(
    '%s: the name of the repository alone is refused with the full name',
    async (command, status) => {
      const world = await makeWorld();
      for (const name of [REPOSITORY, `${REPOSITORY}:first`, `${REPOSITORY}:frist`]) {
        for (const args of [
          ['--image', name],
          ['--image', 'docker.io/x:1', '--container-image', `datadog-agent=${name}`],
        ]) {
          const end = await world.run([command, ...args]);
          expect(end.status, end.stderr).toBe(status);
          expect(end.stdout + end.stderr).toContain(`${world.sandbox.registryHost}/${name}`);
        }
      }
      expect(world.writes()).toEqual([]);
    },
  );

  test('another name without a registry is warned of once', async () => {
    const world = await makeWorld();
    const end = await world.run(['deploy', '--dry-run', '--image', 'first']);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr.match(/first names no registry/g)).toHaveLength(1);
    const full = await world.run(['deploy', '--dry-run', '--image', 'docker.io/library/nginx:1']);
    expect(full.stderr).not.toContain('Warning');
  });

  test.each<[string, (host: string) => string, readonly string[], number]>([
    ['a tag that is not there', (host) => `${host}/${REPOSITORY}:typo`, [], 3],
    ['another platform', (host) => `${host}/${REPOSITORY}:arm`, [], 3],
    ['an archived one', (host) => `${host}/${REPOSITORY}:old`, [], 3],
    ['a skipped platform', (host) => `${host}/${REPOSITORY}:arm`, ['image-platform'], 0],
    ['one that is right', (host) => `${host}/${REPOSITORY}:v1`, [], 0],
    ['one elsewhere', () => 'public.ecr.aws/datadog/agent:7', [], 0],
  ])('--container-image is checked as the image: %s', async (_, reference, skipped, status) => {
    const world = await makeWorld();
    await pushed(world, ['--tag', 'arm', '--platform', 'linux/arm64']);
    await pushed(world, ['--tag', 'v1']);
    await pushed(world, ['--tag', 'old', '--target', '0']);
    await world.ecr.send(
      new UpdateImageStorageClassCommand({
        repositoryName: REPOSITORY,
        imageId: { imageTag: 'old' },
        targetStorageClass: 'ARCHIVE',
      }),
    );
    world.writes();
    const image = reference(world.sandbox.registryHost);
    const end = await world.run([
      'deploy',
      '--dry-run',
      '--container-image',
      `datadog-agent=${image}`,
      ...skipped.flatMap((name) => ['--skip-check', name]),
    ]);
    expect(end.status, end.stderr).toBe(status);
    expect(end.stderr).toContain(image);
    expect(world.writes()).toEqual([]);
  });
});

test.skipIf(!HAS_DOCKER || !HAS_PROGRAM)(
  'with a real Docker daemon the label decides too',
  async () => {
    const world = await makeWorld({
      files: { Dockerfile: ARG, app: program() },
      daemon: true,
    });
    const v1 = ['--tag', 'v1', '--build-arg'];
    expect((await pushed(world, [...v1, 'API=a'])).built).toBe(true);
    expect((await pushed(world, [...v1, 'API=a'])).built).toBe(false);
    expect((await refused(world, ['push', ...v1, 'API=b'])).status).toBe(3);
  },
);

afterAll(async () => {
  if (HAS_DOCKER) await removeImages();
});
