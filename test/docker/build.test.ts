import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Docker from 'dockerode';
import { extract } from 'tar-stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { buildImage } from '../../src/docker/build.ts';
import { packContext } from '../../src/docker/context/tar.ts';
import { openDocker } from '../../src/docker/engine/daemon.ts';
import { dockerOptions, HAS_DOCKER } from '../support/docker.ts';
import { listenAt, makeFolder } from '../support/files.ts';

const REFERENCE = `ecsdeploy-test-context:${process.pid}`;

/** What a container has of its own. */
const OF_DOCKER = /^(\.dockerenv|dev\/.*|proc\/|sys\/|etc\/(hostname|hosts|mtab|resolv\.conf)?)$/;

/** Entries of a tar: path → type, rights, size and where links lead. */
async function entriesOf(tar: Readable): Promise<Record<string, string>> {
  const entries: Record<string, string> = {};
  const reader = extract();
  tar.pipe(reader);
  for await (const entry of reader) {
    const { name, type, mode, size, linkname } = entry.header;
    // The rights of a link are never asked; the daemon repeats the type in the mode.
    const rights = type === 'symlink' ? '' : ((mode ?? 0) & 0o7777).toString(8);
    if (!OF_DOCKER.test(name)) entries[name] = `${type} ${rights} ${size} ${linkname ?? ''}`.trim();
    entry.resume();
  }
  return entries;
}

/** Builds the folder through a session. */
async function build(context: string, registryLimit = 60_000): Promise<void> {
  await buildImage(
    await openDocker(process.env),
    {
      reference: REFERENCE,
      platform: 'linux/amd64',
      context,
      dockerfile: join(context, 'Dockerfile'),
      target: undefined,
      args: {},
      proxies: {},
      registryLimit,
      pause: 1,
      steps: { network: undefined, addHosts: [], shmSize: undefined, ulimits: [] },
      labels: {},
      contexts: {},
      allow: [],
      attestations: { provenance: undefined, sbom: false },
      noCache: true,
      pull: false,
      cacheFrom: [],
      cacheTo: [],
      secrets: new Map(),
      agents: new Map(),
      login: () => Promise.resolve(undefined),
    },
    () => undefined,
    new AbortController().signal,
  );
}

/** Builds the folder through a session and reads the image back. */
async function imageOf(context: string): Promise<Record<string, string>> {
  await build(context);
  const docker = new Docker(dockerOptions());
  onTestFinished(() => docker.getImage(REFERENCE).remove({ force: true }));
  const container = await docker.createContainer({ Image: REFERENCE });
  onTestFinished(() => container.remove({ force: true }));
  return entriesOf((await container.export()) as Readable);
}

const LONG = `${'d'.repeat(180)}/${'f'.repeat(180)}`;

const IGNORE = `\uFEFF# what must stay here
.git
**/node_modules
**/*.log
!app/(auth)/keep.log
**/.env*
!config
한글/비밀?
c++
docs
!docs/*/index.md
*.{js,ts}
[[]id]/secret
`;

describe.skipIf(!HAS_DOCKER)('a folder with everything', () => {
  test('gives the same through the session as in the tar, and nothing that is left out', async () => {
    const folder = makeFolder({
      Dockerfile: 'FROM scratch\nCOPY . /\nCMD ["none"]\n',
      '.dockerignore': IGNORE,
      '.git/config': 'x',
      'node_modules/a/index': 'x',
      'app/(auth)/keep.log': 'kept',
      'app/(auth)/drop.log': 'x',
      'app/node_modules/b': 'x',
      'config/.env.local': 'x',
      'config/settings': 'kept',
      'c++/main': 'x',
      'ccc/main': 'kept',
      'docs/a/index.md': 'kept',
      'docs/a/other.md': 'x',
      'docs/b/other.md': 'x',
      '한글/비밀1': 'x',
      '한글/공개 😀': 'kept',
      '[id]/secret': 'x',
      '[id]/page': 'kept',
      'x.{js,ts}': 'x',
      'x.js': 'kept',
      [LONG]: 'deep',
      'tool/run': '#!/bin/sh\n',
    });
    linkSync(join(folder, 'tool/run'), join(folder, 'tool/same'));
    symlinkSync('run', join(folder, 'tool/link'));
    symlinkSync('/nowhere', join(folder, 'tool/dangling'));
    symlinkSync('../app', join(folder, 'tool/to-folder'));
    mkdirSync(join(folder, 'shared'));
    chmodSync(join(folder, 'shared'), 0o3777);
    chmodSync(join(folder, 'docs'), 0o711);
    chmodSync(join(folder, 'tool/run'), 0o4755);
    writeFileSync(join(folder, 'big'), Buffer.alloc(3 << 20, 'x'));
    await listenAt(join(folder, 'socket'));
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const { tar } = await packContext({ context: folder, dockerfile: join(folder, 'Dockerfile') });
    const packed = await entriesOf(tar as unknown as Readable);
    expect(packed).toEqual({
      '.dockerignore': `file 644 ${Buffer.byteLength(IGNORE)}`,
      Dockerfile: 'file 644 35',
      '[id]/': 'directory 755 0',
      '[id]/page': 'file 644 4',
      'app/': 'directory 755 0',
      'app/(auth)/': 'directory 755 0',
      'app/(auth)/keep.log': 'file 644 4',
      big: `file 644 ${3 << 20}`,
      'ccc/': 'directory 755 0',
      'ccc/main': 'file 644 4',
      'config/': 'directory 755 0',
      'config/settings': 'file 644 4',
      [`${'d'.repeat(180)}/`]: 'directory 755 0',
      [LONG]: 'file 644 4',
      'docs/': 'directory 711 0',
      'docs/a/': 'directory 755 0',
      'docs/a/index.md': 'file 644 4',
      'shared/': 'directory 3777 0',
      'tool/': 'directory 755 0',
      'tool/dangling': 'symlink  0 /nowhere',
      'tool/link': 'symlink  0 run',
      'tool/run': 'file 4755 10',
      'tool/same': 'link 4755 0 tool/run',
      'tool/to-folder': 'symlink  0 ../app',
      'x.js': 'file 644 4',
      '한글/': 'directory 755 0',
      '한글/공개 😀': 'file 644 4',
    });
    expect(await imageOf(folder)).toEqual(packed);
  });

  test('a name that cannot be sent fails the build, with the name', async () => {
    const folder = makeFolder({ Dockerfile: 'FROM scratch\nCOPY . /\n' });
    writeFileSync(Buffer.from(`${folder}/caf\xE9`, 'latin1'), '');
    await expect(imageOf(folder)).rejects.toThrow(`${folder}/caf\uFFFD in the build context`);
  });

  test('a pattern that docker refuses fails the build, with the pattern', async () => {
    const folder = makeFolder({
      Dockerfile: 'FROM scratch\nCOPY . /\n',
      '.dockerignore': '*\\gone\n',
    });
    await expect(imageOf(folder)).rejects.toThrow(
      'Docker rejects the pattern "*\\gone" in the .dockerignore file',
    );
  });
});

// BuildKit sends the patterns as headers of a call, whose number and size HTTP/2 limits.
test.skipIf(!HAS_DOCKER).each([1, 128, 1000, 10_000])(
  'a .dockerignore of %d lines keeps out what it names, and nothing else',
  async (count) => {
    const patterns = Array.from({ length: count }, (_, n) => `ignored-dir-${n}/**/*.log`);
    const context = makeFolder({
      Dockerfile: 'FROM scratch\nCOPY . /\nCOPY .dockerignore /copy\nENTRYPOINT ["/a"]\n',
      '.dockerignore': patterns.join('\n'),
      [`ignored-dir-${count - 1}/deep/a.log`]: 'a',
      [`ignored-dir-${count - 1}/deep/a.txt`]: 'b',
    });
    const size = Buffer.byteLength(patterns.join('\n'));
    const files = Object.entries(await imageOf(context)).filter(([, is]) => is.startsWith('file'));
    expect(Object.fromEntries(files)).toEqual({
      '.dockerignore': `file 644 ${size}`,
      Dockerfile: expect.any(String) as string,
      copy: `file 644 ${size}`,
      [`ignored-dir-${count - 1}/deep/a.txt`]: 'file 644 1',
    });
  },
);

test.skipIf(!HAS_DOCKER)(
  "a long list may be the Dockerfile's own, which the other gives way to",
  async () => {
    const patterns = Array.from({ length: 5000 }, (_, n) => `ignored-dir-${n}/**/*.log`);
    const context = makeFolder({
      Dockerfile: 'FROM scratch\nCOPY a b /\nENTRYPOINT ["/a"]\n',
      'Dockerfile.dockerignore': [...patterns, 'b/x'].join('\n'),
      '.dockerignore': 'b/y\n',
      a: 'a',
      'b/x': 'x',
      'b/y': 'y',
    });
    expect(Object.keys(await imageOf(context))).toEqual(['a', 'y']);
  },
);

test.skipIf(!HAS_DOCKER)('a list of files of any length is copied', async () => {
  // The missing one ends the build at once: only the whole list can name it.
  const names = Array.from({ length: 1000 }, (_, n) => `${'name-'.repeat(45)}${n}`);
  const files = Object.fromEntries(names.slice(0, -1).map((name) => [name, '']));
  const variable = names[0]?.slice(0, -1) ?? '';
  const short = names.map((name) => name.replace(variable, '${P}')).join(' \\\n');
  const dockerfile = `FROM scratch\nARG P=${variable}\nCOPY ${short} /d/\nCMD ["none"]\n`;
  const folder = makeFolder({ ...files, Dockerfile: dockerfile });
  await expect(build(folder)).rejects.toThrow(new RegExp(`${names.at(-1)}".* not found`));
});

test.skipIf(!HAS_DOCKER)('a registry of a base image that says nothing is named', async () => {
  const registry = createServer(() => undefined);
  await new Promise<void>((resolve) => {
    registry.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    registry.closeAllConnections();
    registry.close();
  });
  const base = `127.0.0.1:${(registry.address() as AddressInfo).port}/base:1`;
  const folder = makeFolder({ Dockerfile: `FROM ${base}\n` });
  await expect(build(folder, 400)).rejects.toThrow(
    `the registry of ${base} has not answered for 0.4 s`,
  );
});
