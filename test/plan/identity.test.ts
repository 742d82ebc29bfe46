import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSource } from '../../src/git.ts';
import { identify, readInputs } from '../../src/plan/identity.ts';
import type { InputSettings } from '../../src/plan/identity.ts';
import { makeFolder } from '../support/files.ts';
import { commitAll, HAS_GIT } from '../support/world.ts';

const FILES = {
  Dockerfile: 'FROM scratch\nCOPY . /\n',
  '.dockerignore': 'Dockerfile\n.dockerignore\nunseen\n',
  '.gitignore': 'out\n*.log\nunseen\n',
  app: 'program',
  'src/deep/a.c': 'int a;',
};

const { signal } = new AbortController();

function settingsIn(directory: string, more: Partial<InputSettings> = {}): InputSettings {
  const { context = directory } = more;
  return {
    directory,
    context,
    dockerfile: join(context, 'Dockerfile'),
    args: {},
    paths: undefined,
    target: undefined,
    secrets: [],
    ssh: [],
    before: [],
    labels: {},
    network: undefined,
    addHosts: [],
    shmSize: undefined,
    ulimits: [],
    env: {},
    contexts: {},
    allow: [],
    provenance: undefined,
    sbom: false,
    ...more,
  };
}

async function identityOf(
  folder: string,
  more: Partial<InputSettings> = {},
  platform = 'linux/amd64',
) {
  const config = settingsIn(folder, more);
  const source = await readSource(config.directory);
  const read = await readInputs(source, config, signal);
  return { ...identify(read, config, platform), gaps: read.gaps, commit: source.commit };
}

const git = (folder: string, ...args: readonly string[]) =>
  execFileSync(
    'git',
    [
      '-C',
      folder,
      '-c',
      'protocol.file.allow=always',
      '-c',
      'user.name=t',
      '-c',
      'user.email=t',
      ...args,
    ],
    { stdio: 'pipe' },
  );

/** A repository with one commit, and a submodule `sub` that is checked out. */
const template = mkdtempSync(join(tmpdir(), 'ecsdeploy-test-'));
afterAll(() => rmSync(template, { recursive: true, force: true }));
beforeAll(() => {
  if (!HAS_GIT) return;
  const inner = join(template, 'inner');
  write('lib.c', 'int lib;')(inner);
  write('.gitignore', 'built\n')(inner);
  commitAll(inner);
  const outer = join(template, 'outer');
  for (const [path, content] of Object.entries(FILES)) write(path, content)(outer);
  git(outer, 'init', '--quiet', '--template=');
  git(outer, 'submodule', '--quiet', 'add', inner, 'sub');
  commitAll(outer);
});

function makeRepository(): string {
  const folder = makeFolder();
  cpSync(join(template, 'outer'), folder, { recursive: true });
  return folder;
}

type Change = (folder: string) => void;
const write =
  (path: string, content: string): Change =>
  (folder) => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), content);
  };
const flag =
  (name: string): Change =>
  (folder) =>
    git(folder, 'update-index', `--${name}`, 'app');
const nested: Change = (folder) => {
  write('nested/file', 'one')(folder);
  commitAll(join(folder, 'nested'));
};
const all =
  (...changes: readonly Change[]): Change =>
  (folder) =>
    changes.forEach((change) => change(folder));

describe.runIf(HAS_GIT)('whatever changes for the build changes the tag', () => {
  const latin =
    (byte: number): Change =>
    (folder) =>
      writeFileSync(join(folder, 'app'), Buffer.from([0x61, byte, 0x0a]));

  test.each<[string, Change]>([
    ['a file of the commit', write('app', 'other')],
    ['bytes that are not UTF-8', latin(0xe9)],
    ['the same with another byte', latin(0xe8)],
    ['a staged file', all(write('app', 'other'), (folder) => git(folder, 'add', '.'))],
    ['a deleted file', (folder) => rmSync(join(folder, 'app'))],
    ['a file that became executable', (folder) => chmodSync(join(folder, 'app'), 0o755)],
    [
      'a file that became a link',
      all(
        (folder) => rmSync(join(folder, 'app')),
        (folder) => symlinkSync('src', join(folder, 'app')),
      ),
    ],
    ['an untracked file', write('new', 'x')],
    ['an untracked file with another content', write('new', 'y')],
    [
      'an untracked file with other permissions',
      all(write('new', 'x'), (folder) => chmodSync(join(folder, 'new'), 0o600)),
    ],
    ['an untracked link', (folder) => symlinkSync('app', join(folder, 'new'))],
    ['an untracked link to elsewhere', (folder) => symlinkSync('src', join(folder, 'new'))],
    ['an empty folder', (folder) => mkdirSync(join(folder, 'empty'))],
    ['an ignored file', write('out/app.jar', 'one')],
    ['an ignored file of the same size', write('out/app.jar', 'two')],
    [
      'a file that .git/info/exclude ignores',
      all(write('local', 'x'), write('.git/info/exclude', 'local\n')),
    ],
    ['a skip-worktree file', all(flag('skip-worktree'), write('app', 'skipped'))],
    [
      'a deleted skip-worktree file',
      all(flag('skip-worktree'), (folder) => rmSync(join(folder, 'app'))),
    ],
    ['an assume-unchanged file', all(flag('assume-unchanged'), write('app', 'assumed'))],
    [
      'an assume-unchanged file with another content',
      all(flag('assume-unchanged'), write('app', 'assume2')),
    ],
    [
      'an executable assume-unchanged file',
      all(flag('assume-unchanged'), (folder) => chmodSync(join(folder, 'app'), 0o755)),
    ],
    [
      'a file that became executable where git ignores permissions',
      all(
        (folder) => git(folder, 'config', 'core.fileMode', 'false'),
        (folder) => chmodSync(join(folder, 'app'), 0o755),
      ),
    ],
    [
      'a file whose line ends git converts',
      all(
        (folder) => git(folder, 'config', 'core.autocrlf', 'input'),
        write('src/main.c', 'int main;\r\n'),
        (folder) => git(folder, 'add', 'src'),
        (folder) => git(folder, 'commit', '--quiet', '--allow-empty', '-m', 'x'),
      ),
    ],
    ['a nested repository', nested],
    ['a nested repository with another file', all(nested, write('nested/file', 'two'))],
    [
      'a nested repository without a commit',
      all(write('nested/file', 'three'), (folder) =>
        git(join(folder, 'nested'), 'init', '--quiet'),
      ),
    ],
    [
      'an ignored nested repository',
      all(write('out/file', 'one'), (folder) => commitAll(join(folder, 'out'))),
    ],
    ['a file in a submodule', write('sub/lib.c', 'int one;')],
    ['a file in a submodule once more', write('sub/lib.c', 'int two;')],
    ['an untracked file in a submodule', write('sub/new', 'x')],
    ['an ignored file in a submodule', write('sub/built', 'x')],
    [
      'another commit of a submodule',
      all(write('sub/lib.c', 'int three;'), (folder) => commitAll(join(folder, 'sub'))),
    ],
    [
      'a submodule with ignore=all',
      all(write('sub/lib.c', 'int four;'), (folder) =>
        git(folder, 'config', 'submodule.sub.ignore', 'all'),
      ),
    ],
    [
      'a submodule with ignore=dirty',
      all(write('sub/lib.c', 'int five;'), (folder) =>
        git(folder, 'config', 'submodule.sub.ignore', 'dirty'),
      ),
    ],
    [
      'a skip-worktree file in a submodule',
      all(
        (folder) => git(join(folder, 'sub'), 'update-index', '--skip-worktree', 'lib.c'),
        write('sub/lib.c', 'int six;'),
      ),
    ],
    [
      'a submodule that is not checked out',
      (folder) => git(folder, 'submodule', '--quiet', 'deinit', '--force', 'sub'),
    ],
    ['the Dockerfile', write('Dockerfile', 'FROM scratch\nCOPY app /\n')],
    ['the .dockerignore', write('.dockerignore', 'src\n')],
    [
      'untracked files that git is told not to show',
      all(write('hidden', 'x'), (folder) =>
        git(folder, 'config', 'status.showUntrackedFiles', 'no'),
      ),
    ],
    [
      'a file that has a textconv filter',
      all(
        write('.git/info/attributes', 'app diff=x\n'),
        (folder) => git(folder, 'config', 'diff.x.textconv', 'true'),
        write('app', 'converted'),
      ),
    ],
  ])('%s', { timeout: 20_000 }, async (_, change) => {
    const folder = makeRepository();
    const plain = await identityOf(folder);
    expect(plain.tag).toBe(plain.commit);
    change(folder);
    const changed = await identityOf(folder);
    expect(changed.tag).toMatch(/^[0-9a-f]{40}-dirty-[0-9a-f]{8}$/);
    expect(changed.inputs).not.toBe(plain.inputs);
    // Another content is another tag.
    for (const path of [
      'app',
      'new',
      'out/app.jar',
      'nested/file',
      'sub/lib.c',
      'sub/built',
      'local',
      'hidden',
    ]) {
      const file = join(folder, path);
      const stat = statSync(file, { throwIfNoEntry: false });
      if (stat?.isFile() !== true) continue;
      appendFileSync(file, '!');
      expect((await identityOf(folder)).tag, path).not.toBe(changed.tag);
      break;
    }
  });
});

describe.runIf(HAS_GIT)('the tag stays', () => {
  test.each<[string, Change]>([
    ['for a time stamp', (folder) => utimesSync(join(folder, 'app'), 1, 1)],
    ['for an ignored file that .dockerignore excludes', write('unseen', 'x')],
    ['for the data of git', (folder) => git(folder, 'gc', '--quiet')],
    ['for a flag without a change', all(flag('skip-worktree'), flag('assume-unchanged'))],
  ])('%s', async (_, change) => {
    const folder = makeRepository();
    change(folder);
    const { tag, commit } = await identityOf(folder);
    expect(tag).toBe(commit);
  });

  test('for ignored output of commands before the build, but not for what they start from', async () => {
    const folder = makeRepository();
    const before = { before: ['make'] };
    const plain = await identityOf(folder, before);
    expect(plain.tag).toBe(plain.commit);
    write('out/app.jar', 'compiled')(folder);
    expect(await identityOf(folder, before)).toEqual(plain);
    expect((await identityOf(folder, { before: ['make prod'] })).inputs).not.toBe(plain.inputs);
    write('app', 'changed')(folder);
    expect((await identityOf(folder, before)).tag).toContain('-dirty-');
  });
});

describe.runIf(HAS_GIT)('each build setting is in the tag', () => {
  test.each<[string, (folder: string) => Partial<InputSettings>]>([
    ['args', () => ({ args: { API: 'a' } })],
    ['the value of an arg', () => ({ args: { API: 'b' } })],
    ['an empty arg', () => ({ args: { API: '' } })],
    ['an arg like two', () => ({ args: { API: 'a', B: '' } })],
    ['target', () => ({ target: 'production' })],
    ['dockerfile', (folder) => ({ dockerfile: join(folder, 'other.Dockerfile') })],
    ['a dockerfile elsewhere', (folder) => ({ dockerfile: join(folder, 'src', 'Dockerfile') })],
    ['context', (folder) => ({ context: join(folder, 'src') })],
    ['secrets', () => ({ secrets: [{ id: 'a', src: undefined, env: 'A' }] })],
    ['the source of a secret', () => ({ secrets: [{ id: 'a', src: undefined, env: 'B' }] })],
    ['ssh', () => ({ ssh: [{ id: 'default', socket: undefined }] })],
    ['labels', () => ({ labels: { API: 'a' } })],
    ['network', () => ({ network: 'none' })],
    ['addHosts', () => ({ addHosts: ['db:10.0.0.1'] })],
    ['shmSize', () => ({ shmSize: 1024 })],
    ['ulimits', () => ({ ulimits: [{ name: 'nofile', soft: 1, hard: 2 }] })],
    ['env', () => ({ env: { API: 'a' } })],
    ['contexts', (folder) => ({ contexts: { one: join(folder, 'src') } })],
    ['the name of a context', (folder) => ({ contexts: { two: join(folder, 'src') } })],
    ['an image as a context', () => ({ contexts: { one: 'docker-image://alpine:3' } })],
    ['allow', () => ({ allow: ['network.host'] })],
    ['provenance', () => ({ provenance: 'min' })],
    ['sbom', () => ({ sbom: true })],
  ])('%s', async (_, more) => {
    const folder = makeFolder(FILES);
    commitAll(folder);
    const seen = await identityOf(folder, more(folder));
    expect(seen.tag).toMatch(/^[0-9a-f]{40}-[0-9a-f]{8}$/);
    tags.add(seen.tag?.slice(41) ?? '');
    write('app', 'changed')(folder);
    const dirty = await identityOf(folder, more(folder));
    expect(dirty.tag).toMatch(/^[0-9a-f]{40}-dirty-[0-9a-f]{8}-[0-9a-f]{8}$/);
  });
  const tags = new Set<string>();

  test('and no two of them are the same', () => {
    expect(tags.size).toBe(23);
  });

  test('the content of a folder that is a named context, as far as .dockerignore leaves it', async () => {
    const folder = makeFolder(FILES);
    commitAll(folder);
    const shared = makeFolder({ library: 'one', '.dockerignore': 'notes\n' });
    const tagOf = async () => (await identityOf(folder, { contexts: { shared } })).tag;
    const before = await tagOf();
    write('notes', 'new')(shared);
    expect(await tagOf()).toBe(before);
    write('library', 'two')(shared);
    expect(await tagOf()).not.toBe(before);
    const index = { manifests: [{ digest: `sha256:${'a'.repeat(64)}` }] };
    const layouts = [0, 1].map(() => makeFolder({ 'index.json': JSON.stringify(index) }));
    const tags = layouts.map(
      async (layout) =>
        (await identityOf(folder, { contexts: { shared: `oci-layout://${layout}` } })).tag,
    );
    expect(new Set(await Promise.all(tags)).size, 'the place of a layout').toBe(1);
    const missing = identityOf(folder, { contexts: { shared: join(shared, 'none') } });
    await expect(missing).rejects.toThrow('none, which is the build context "shared"');
  });

  test('the platform, when it is not the default', async () => {
    const folder = makeFolder(FILES);
    commitAll(folder);
    const { tag } = await identityOf(folder, {}, 'linux/arm64');
    expect(tag).toMatch(/^[0-9a-f]{40}-[0-9a-f]{8}$/);
  });

  test('the order of args and the place of the repository do not matter', async () => {
    const [one, two] = await Promise.all(
      [
        { A: '1', B: '2' },
        { B: '2', A: '1' },
      ].map(async (args) => {
        const folder = makeFolder(FILES);
        commitAll(folder);
        const { tag, commit } = await identityOf(folder, { args, target: 'x' });
        return tag?.slice(commit.length);
      }),
    );
    expect(one).toBe(two);
  });
});

describe.runIf(HAS_GIT)('what an incomplete checkout lacks', () => {
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n';

  test('submodules and files of Git LFS in the context, unless they are excluded', async () => {
    const folder = makeRepository();
    write('.gitattributes', '*.bin filter=lfs\n')(folder);
    write('model.bin', pointer)(folder);
    write('real.bin', 'content')(folder);
    commitAll(folder);
    git(folder, 'submodule', '--quiet', 'deinit', '--force', 'sub');
    expect((await identityOf(folder)).gaps).toEqual({
      submodules: ['sub'],
      pointers: ['model.bin'],
    });
    expect((await identityOf(folder)).tag).toContain('-dirty-');
    expect((await identityOf(folder, { context: join(folder, 'src') })).gaps).toEqual({
      submodules: [],
      pointers: [],
    });
    write('.dockerignore', 'sub\n*.bin\n')(folder);
    expect((await identityOf(folder)).gaps).toEqual({ submodules: [], pointers: [] });
  });
});

describe.runIf(HAS_GIT)('a context that is not below the root of the repository', () => {
  test.each<[string, (folder: string) => Partial<InputSettings>, string, boolean]>([
    ['above it: a file beside the repository', () => ({ context: '..' }), 'beside', true],
    ['above it: a file of the commit', () => ({ context: '..' }), 'repo/app', true],
    ['elsewhere: its own file', () => ({ context: '../other' }), 'other/file', true],
    [
      'elsewhere, with commands before',
      () => ({ context: '../other', before: ['make'] }),
      'other/file',
      true,
    ],
    ['elsewhere: a file that nothing sees', () => ({ context: '../other' }), 'beside', false],
  ])('%s', async (_, settings, path, isSeen) => {
    const top = makeFolder({
      beside: 'x',
      'other/file': 'x',
      'other/Dockerfile': 'FROM scratch\n',
    });
    const folder = join(top, 'repo');
    for (const [name, content] of Object.entries(FILES)) write(name, content)(folder);
    commitAll(folder);
    const { context = '', before = [] } = settings(folder);
    const more = { before, context: join(folder, context) };
    const first = await identityOf(folder, more);
    expect(await identityOf(folder, more)).toEqual(first);
    appendFileSync(join(top, path), '!');
    const second = await identityOf(folder, more);
    expect(second.tag !== first.tag).toBe(isSeen);
  });

  test('holds nothing that the commit holds too', async () => {
    const top = makeFolder();
    const folder = join(top, 'repo');
    for (const [name, content] of Object.entries(FILES)) write(name, content)(folder);
    commitAll(folder);
    const dockerfile = join(folder, 'Dockerfile');
    const { tag } = await identityOf(folder, { context: top, dockerfile });
    expect(tag).toMatch(/^[0-9a-f]{40}-[0-9a-f]{8}$/);
  });
});

test('without a commit, the whole context makes the identity', async () => {
  const folder = makeFolder(FILES);
  const read = async () => {
    const config = settingsIn(folder);
    return identify(await readInputs(undefined, config, signal), config, 'linux/amd64');
  };
  const one = await read();
  expect(one.tag).toBeUndefined();
  expect(await read()).toEqual(one);
  write('src/deep/a.c', 'int b;')(folder);
  expect((await read()).inputs).not.toBe(one.inputs);
});

test('a commit that only a CI system tells never stands alone in a tag', async () => {
  const folder = makeFolder(FILES);
  const commit = 'c'.repeat(40);
  const read = async (more: Partial<InputSettings> = {}) => {
    const config = settingsIn(folder, more);
    const inputs = await readInputs(undefined, config, signal, { commit, remote: undefined });
    return identify(inputs, config, 'linux/amd64');
  };
  const one = await read();
  expect(one.tag).toMatch(/^c{40}-files-[0-9a-f]{8}$/);
  expect(await read()).toEqual(one);
  expect((await read({ target: 'prod' })).tag).toMatch(/^c{40}-files-[0-9a-f]{8}-[0-9a-f]{8}$/);
  write('src/deep/a.c', 'int b;')(folder);
  expect((await read()).tag).not.toBe(one.tag);
  const empty = { context: makeFolder(), dockerfile: join(folder, 'none') };
  expect((await read(empty)).tag).toMatch(/^c{40}-files-/);
});

describe.runIf(HAS_GIT)('with paths', () => {
  /** The tag of an image that depends on `src` and on what the change can do to the submodule. */
  const tagOf = async (folder: string, paths = ['src', 'sub']) => {
    const { tag } = await identityOf(folder, { paths: paths.map((path) => join(folder, path)) });
    return tag;
  };
  const commit: Change = (folder) => commitAll(folder);

  test.each<[string, Change]>([
    ['a commit elsewhere', all(write('app', 'other'), commit)],
    ['a change elsewhere', write('app', 'other')],
    ['a new file elsewhere', write('new', 'x')],
    ['an ignored file elsewhere', write('out/app.jar', 'x')],
    ['a skip-worktree file elsewhere', all(flag('skip-worktree'), write('app', 'skipped'))],
    ['a path that begins with the same letters', all(write('srcs/a.c', 'x'), commit)],
  ])('the tag stays for %s', async (_, change) => {
    const folder = makeRepository();
    const before = await tagOf(folder);
    expect(before).toMatch(/^tree-[0-9a-f]{40}$/);
    change(folder);
    expect(await tagOf(folder)).toBe(before);
  });

  test.each<[string, Change]>([
    ['a commit in them', all(write('src/deep/a.c', 'int b;'), commit)],
    ['a change in them', write('src/deep/a.c', 'int b;')],
    ['a new file in them', write('src/new', 'x')],
    ['an ignored file in them', write('src/x.log', 'x')],
    [
      'another commit of a submodule',
      all(write('sub/lib.c', 'x'), (folder) => commitAll(join(folder, 'sub'))),
    ],
    ['a change in a submodule', write('sub/lib.c', 'x')],
    ['a commit of the Dockerfile', all(write('Dockerfile', 'FROM scratch'), commit)],
    ['a change of the Dockerfile', write('Dockerfile', 'FROM scratch')],
    ['a commit of the .dockerignore', all(write('.dockerignore', 'x'), commit)],
    [
      'a nested repository',
      (folder) => {
        write('src/nested/file', 'one')(folder);
        commitAll(join(folder, 'src/nested'));
      },
    ],
  ])('the tag changes for %s', async (_, change) => {
    const folder = makeRepository();
    const before = await tagOf(folder);
    change(folder);
    expect(await tagOf(folder)).not.toBe(before);
  });

  test('a folder of a submodule changes with the commit of the submodule', async () => {
    const folder = makeRepository();
    const before = await tagOf(folder, ['sub/lib.c']);
    write('sub/lib.c', 'x')(folder);
    commitAll(join(folder, 'sub'));
    expect(await tagOf(folder, ['sub/lib.c'])).not.toBe(before);
  });

  test('the root is everything, and a path that nobody has is refused', async () => {
    const folder = makeRepository();
    const before = await tagOf(folder, ['.']);
    write('new', 'x')(folder);
    expect(await tagOf(folder, ['.'])).not.toBe(before);
    await expect(tagOf(folder, ['scr'])).rejects.toThrow(`There is no ${join(folder, 'scr')}`);
  });
});
