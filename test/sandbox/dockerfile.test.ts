import { gunzipSync } from 'node:zlib';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { extract, pack } from 'tar-stream';
import type { Header } from 'tar-stream';
import { expect, test } from 'vitest';
import { buildFromScratch } from '../../src/sandbox/docker-build.ts';
import type { BuildStep, BuiltImage, StandInBuild } from '../../src/sandbox/docker-build.ts';
import {
  commandForm,
  keyValues,
  parseDockerfile,
  substitute,
  words,
} from '../../src/sandbox/dockerfile.ts';

/** The content of a file, or another kind of entry. */
type Context = Readonly<Record<string, string | Partial<Header>>>;

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function archive(entries: Context): Readable {
  const tar = pack();
  for (const [name, entry] of Object.entries(entries)) {
    if (typeof entry === 'string') tar.entry({ name }, entry);
    else tar.entry({ name, ...entry });
  }
  tar.finalize();
  return Readable.from(tar);
}

const FILES: Context = {
  'a.txt': 'a',
  'b.txt': 'b',
  'c.jar': 'c',
  'dir/': { type: 'directory', mode: 0o750 },
  'dir/one': '1',
  'dir/sub/two': '2',
  link: { type: 'symlink', linkname: 'dir/../a.txt' },
  folder: { type: 'symlink', linkname: 'dir' },
};

interface Build extends Partial<StandInBuild> {
  readonly files?: Context;
  readonly cache?: Set<string>;
  readonly onStep?: (step: BuildStep) => void;
}

function build(dockerfile: string, options: Build = {}): Promise<BuiltImage> {
  const { files = FILES, cache = new Set(), onStep = () => undefined, ...request } = options;
  return buildFromScratch(
    {
      context: archive({ Dockerfile: dockerfile, ...files }),
      dockerfile: 'Dockerfile',
      platform: 'linux/amd64',
      args: {},
      labels: {},
      target: undefined,
      noCache: false,
      signal: new AbortController().signal,
      ...request,
    },
    cache,
    onStep,
  );
}

/** The layers by path: content of files, `-> …` for links; folders only on request. */
async function filesOf({ layers }: BuiltImage, folders = false): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const { bytes } of layers) {
    const reader = extract();
    reader.end(gunzipSync(bytes));
    for await (const entry of reader) {
      const { name, type, linkname, mode } = entry.header;
      const content = (await buffer(entry)).toString();
      if (type === 'file') files[name] = content;
      else if (type === 'symlink') files[name] = `-> ${linkname}`;
      else if (folders) files[name] = mode.toString(8);
    }
  }
  return files;
}

/** The files of an image with one COPY after `before`. */
async function copied(instruction: string, before = ''): Promise<Record<string, string>> {
  return filesOf(await build(`FROM scratch\n${before}\nCOPY ${instruction}`));
}

async function modesOf({ layers }: BuiltImage): Promise<Record<string, string>> {
  const modes: Record<string, string> = {};
  for (const { bytes } of layers) {
    const reader = extract();
    reader.end(gunzipSync(bytes));
    for await (const entry of reader) {
      modes[entry.header.name] = entry.header.mode.toString(8);
      entry.resume();
    }
  }
  return modes;
}

test('a Dockerfile is split into instructions with their lines', () => {
  const source = [
    '\uFEFF# syntax=docker/dockerfile:1',
    'from scratch',
    '',
    'COPY a \\  ',
    '  # a comment between',
    '',
    '  b /to/',
    '  Env A=1\\',
    'B=2\r',
    'CMD run \\',
  ].join('\n');
  expect(parseDockerfile(source)).toEqual([
    { name: 'FROM', text: 'scratch', line: 2 },
    { name: 'COPY', text: 'a   b /to/', line: 4 },
    { name: 'ENV', text: 'A=1B=2', line: 8 },
    { name: 'CMD', text: 'run', line: 10 },
  ]);
});

test.each([
  ['$A ${A}/b', 'one one/b'],
  ['$NONE-${NONE}', '-'],
  ['${A:-x} ${EMPTY:-x} ${EMPTY-x} ${NONE-x}', 'one x  x'],
  ['${A:+x} ${EMPTY:+x} ${EMPTY+x} ${NONE+x}', 'x  x '],
  ['${NONE:-${A}}', 'one'],
  ['${A:?must be}', 'one'],
  ['\\$A \\\\ $', '$A \\ $'],
])('%s becomes %s', (text, expected) => {
  expect(substitute(text, { A: 'one', EMPTY: '' })).toBe(expected);
});

test('an unsupported substitution is refused', () => {
  expect(() => substitute('${NONE:?give it}', {})).toThrow('NONE: give it');
  expect(() => substitute('${NONE?}', {})).toThrow('NONE: is not set');
  expect(() => substitute('${A%.jar}', {})).toThrow(
    'unsupported modifier in substitution: ${A%.jar}',
  );
});

test.each([
  ['a  b\tc', ['a', 'b', 'c']],
  ['"a b" \'c d\' e\\ f', ['a b', 'c d', 'e f']],
  ['x"y z"\'w\'', ['xy zw']],
  ['"a\\"b \\n" \'\\n\'', ['a"b \\n', '\\n']],
  ['$B "$B" \'$B\' ${NONE:-p q}', ['two words', 'two words', '$B', 'p q']],
  ['["a b", "$B"]', ['a b', 'two words']],
  ['[a', ['[a']],
  ['', []],
])('the words of %s', (text, expected) => {
  expect(words(text, { B: 'two words' })).toEqual(expected);
});

test('an unclosed quote is refused', () => {
  expect(() => words('a "b', {})).toThrow(
    'unexpected end of statement while looking for matching quote: a "b',
  );
});

test('pairs, the old form of a pair, and an invalid pair', () => {
  expect(keyValues('A=1 B="x y" C=$B D=', { B: 'z=w' })).toEqual([
    ['A', '1'],
    ['B', 'x y'],
    ['C', 'z=w'],
    ['D', ''],
  ]);
  expect(keyValues('A some words', {})).toEqual([['A', 'some words']]);
  expect(() => keyValues('A=1 B', {})).toThrow(
    'Syntax error - can\'t find = in "B". Must be of the form: name=value',
  );
});

test('commands have an exec form and a shell form', () => {
  expect(commandForm('["/app", "a b"]')).toEqual(['/app', 'a b']);
  expect(commandForm('run "$A"')).toEqual(['/bin/sh', '-c', 'run "$A"']);
  expect(commandForm('[1]')).toEqual(['/bin/sh', '-c', '[1]']);
});

test('every instruction sets its part of the config', async () => {
  const { settings, config, architecture, os } = await build(`
FROM scratch
ENV A=1 B="two words"
ENV A=3 PATH=/app:$PATH
LABEL first=1 second="2 $A"
LABEL first=one
EXPOSE 8080 53/udp
WORKDIR /srv
WORKDIR "app dir"
USER 1000:1000
ENTRYPOINT ["/app"]
CMD serve $A
`);
  expect(settings).toEqual({
    Env: [
      'PATH=/app:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'A=3',
      'B=two words',
    ],
    Labels: { first: 'one', second: '2 3' },
    ExposedPorts: { '8080/tcp': {}, '53/udp': {} },
    WorkingDir: '/srv/app dir',
    User: '1000:1000',
    Entrypoint: ['/app'],
    Cmd: ['/bin/sh', '-c', 'serve $A'],
  });
  expect([os, architecture]).toEqual(['linux', 'amd64']);
  const { history, rootfs } = JSON.parse(config.toString()) as {
    history: object[];
    rootfs: object;
  };
  expect(history).toHaveLength(10);
  expect(history[3]).toEqual({ created_by: 'LABEL first=one', empty_layer: true });
  expect(rootfs).toEqual({ type: 'layers', diff_ids: [] });
});

test('an empty image has the defaults of BuildKit', async () => {
  const { settings, layers } = await build('FROM scratch');
  expect(settings).toEqual({ Env: [PATH], WorkingDir: '/', User: '', Labels: {} });
  expect(layers).toEqual([]);
});

test('labels of the build are added to those of the Dockerfile and override them', async () => {
  const { settings } = await build('FROM scratch\nLABEL a=1 b=2', { labels: { b: '3', c: '4' } });
  expect(settings.Labels).toEqual({ a: '1', b: '3', c: '4' });
});

test('ARG has defaults, values and scopes, and ENV overrides it', async () => {
  const dockerfile = `
ARG VERSION=1
ARG NAME=app-$VERSION
ARG UNDECLARED=x
FROM scratch AS first
ARG OWN=x
FROM scratch
ARG VERSION NAME=\${NAME:-stage}
ARG OPTIONAL
ENV LINE="$VERSION|$NAME|$UNDECLARED|$OWN|\${OPTIONAL-unset}"
ARG LINE=arg
LABEL line=$LINE
`;
  const line = async (args: Record<string, string>) =>
    (await build(dockerfile, { args })).settings.Labels?.['line'];
  expect(await line({})).toBe('1|stage|||unset');
  expect(await line({ VERSION: '2', UNDECLARED: 'y', OWN: 'z', OPTIONAL: '' })).toBe('2|stage|||');
  const { settings } = await build('ARG V=1\nARG N=a-$V\nFROM scratch\nARG N\nLABEL n=$N');
  expect(settings.Labels).toEqual({ n: 'a-1' });
});

test('the platform comes from FROM, else from the build', async () => {
  const of = async (from: string, platform: string) => {
    const { config } = await build(`FROM ${from}\nARG TARGETARCH\nLABEL a=$TARGETARCH`, {
      platform,
    });
    const {
      os,
      architecture,
      variant,
      config: settings,
    } = JSON.parse(config.toString()) as {
      os: string;
      architecture: string;
      variant?: string;
      config: { Labels: { a: string } };
    };
    return [os, architecture, variant, settings.Labels.a];
  };
  expect(await of('scratch', 'linux/arm64')).toEqual(['linux', 'arm64', undefined, 'arm64']);
  expect(await of('scratch', 'linux/arm/v7')).toEqual(['linux', 'arm', 'v7', 'arm']);
  // The Dockerfile overrides the requested platform.
  const trap = ['linux', 'arm64', undefined, 'amd64'];
  expect(await of('--platform=linux/arm64 scratch', 'linux/amd64')).toEqual(trap);
  expect(await of('--platform=$BUILDPLATFORM scratch', 'linux/arm64')).toEqual([
    'linux',
    'amd64',
    undefined,
    'arm64',
  ]);
  expect((await of('--platform=${TARGETPLATFORM} scratch AS x', 'linux/arm64'))[1]).toBe('arm64');
});

test.each([
  ['a.txt /to', '', { to: 'a' }],
  ['a.txt /to/', '', { 'to/a.txt': 'a' }],
  ['/a.txt ./', '', { 'a.txt': 'a' }],
  ['a.txt .', 'WORKDIR /w', { 'w/a.txt': 'a' }],
  ['a.txt x/..', 'WORKDIR /w', { 'w/a.txt': 'a' }],
  ['a.txt b.txt to/', 'WORKDIR /w', { 'w/to/a.txt': 'a', 'w/to/b.txt': 'b' }],
  [
    'a.txt b.txt dir /to/',
    '',
    { 'to/a.txt': 'a', 'to/b.txt': 'b', 'to/one': '1', 'to/sub/two': '2' },
  ],
  ['dir /to', '', { 'to/one': '1', 'to/sub/two': '2' }],
  ['dir/ /', '', { one: '1', 'sub/two': '2' }],
  ['dir/sub to/', '', { 'to/two': '2' }],
  ['*.txt /to/', '', { 'to/a.txt': 'a', 'to/b.txt': 'b' }],
  ['*.jar /app.jar', '', { 'app.jar': 'c' }],
  ['?.jar /to/', '', { 'to/c.jar': 'c' }],
  ['[ab].txt /to/', '', { 'to/a.txt': 'a', 'to/b.txt': 'b' }],
  ['d*/* /to/', '', { 'to/one': '1', 'to/two': '2' }],
  ['["a.txt", "/with blank"]', '', { 'with blank': 'a' }],
  ['"a.txt" $TO/', 'ENV TO="/my folder"', { 'my folder/a.txt': 'a' }],
  ['link /to', '', { to: 'a' }],
  ['folder /to', '', { 'to/one': '1', 'to/sub/two': '2' }],
  ['--link a.txt /to', '', { to: 'a' }],
  ['a.txt /dir', 'COPY dir /dir', { 'dir/one': '1', 'dir/sub/two': '2', 'dir/a.txt': 'a' }],
])('COPY %s after "%s"', async (instruction, before, expected) => {
  expect(await copied(instruction, before)).toEqual(expected);
});

test('COPY . copies everything and keeps links', async () => {
  const files = await copied('. /src');
  expect(Object.keys(files).toSorted()).toEqual(
    ['Dockerfile', 'a.txt', 'b.txt', 'c.jar', 'dir/one', 'dir/sub/two', 'folder', 'link'].map(
      (name) => `src/${name}`,
    ),
  );
  expect(files['src/link']).toBe('-> dir/../a.txt');
});

test('ADD copies files like COPY', async () => {
  expect(await filesOf(await build('FROM scratch\nADD a.txt dir /to/'))).toEqual({
    'to/a.txt': 'a',
    'to/one': '1',
    'to/sub/two': '2',
  });
});

test('a layer contains its folders, and a copied folder keeps its mode', async () => {
  const image = await build('FROM scratch\nCOPY dir /usr/lib/dir\nCOPY a.txt /usr/lib/a.txt');
  expect(await filesOf(image, true)).toEqual({
    'usr/': '755',
    'usr/lib/': '755',
    'usr/lib/dir/': '750',
    'usr/lib/dir/one': '1',
    'usr/lib/dir/sub/': '755',
    'usr/lib/dir/sub/two': '2',
    'usr/lib/a.txt': 'a',
  });
  expect(image.layers).toHaveLength(2);
});

test('COPY --chmod sets the mode', async () => {
  const image = await build('FROM scratch\nCOPY --chmod=755 a.txt /a\nCOPY --chmod=0640 b.txt /b');
  expect(await modesOf(image)).toEqual({ a: '755', b: '640' });
});

test('COPY --from copies files from another stage, by name or number', async () => {
  const dockerfile = (from: string) => `
FROM scratch AS Build
WORKDIR /out
COPY a.txt bin/app
FROM scratch
COPY --from=${from} /out /srv
`;
  for (const from of ['build', 'BUILD', '0']) {
    const image = await build(dockerfile(from));
    expect(await filesOf(image)).toEqual({ 'srv/bin/app': 'a' });
    expect(image.layers).toHaveLength(1);
  }
});

test('the target stage is built, and later stages are ignored', async () => {
  const dockerfile = 'FROM scratch AS One\nCOPY a.txt /\nFROM scratch\nCOPY b.txt /\nFROM debian';
  for (const target of ['one', 'ONE', '0']) {
    expect(await filesOf(await build(dockerfile, { target }))).toEqual({ 'a.txt': 'a' });
  }
  expect(await filesOf(await build(dockerfile, { target: '1' }))).toEqual({ 'b.txt': 'b' });
  await expect(build('FROM scratch AS one', { target: 'two' })).rejects.toThrow(
    'target stage "two" could not be found',
  );
});

test.each([
  ['FROM scratch\n\nRUN make', 'RUN (Dockerfile line 3)'],
  ['FROM debian:12', 'FROM debian:12 (Dockerfile line 1)'],
  ['FROM scratch AS a\nFROM a', 'FROM a (Dockerfile line 2)'],
  ['FROM scratch one two', 'FROM scratch one two (Dockerfile line 1)'],
  ['FROM scratch\nVOLUME /data', 'VOLUME (Dockerfile line 2)'],
  ['FROM scratch\nHEALTHCHECK NONE', 'HEALTHCHECK (Dockerfile line 2)'],
  ['FROM scratch\nCOPPY a /a', 'COPPY (Dockerfile line 2)'],
  ['FROM scratch\nEXPOSE 8000-8010', 'EXPOSE 8000-8010 (Dockerfile line 2)'],
  ['FROM scratch\nCOPY --from=golang /a /a', 'COPY --from=golang (Dockerfile line 2)'],
  ['FROM scratch AS x\nCOPY --from=x /a /a', 'COPY --from=x (Dockerfile line 2)'],
  ['FROM scratch\nCOPY --chown=app a.txt /a', 'COPY --chown (Dockerfile line 2)'],
  ['FROM scratch\nCOPY --chmod=u+x a.txt /a', 'COPY --chmod=u+x (Dockerfile line 2)'],
  ['FROM scratch\nCOPY <<EOF /a\nx\nEOF', 'COPY <<EOF (Dockerfile line 2)'],
  ['FROM scratch\nADD https://x.org/a /a', 'ADD https://x.org/a (Dockerfile line 2)'],
  ['FROM scratch\nADD rootfs.tar.gz /', 'ADD rootfs.tar.gz (Dockerfile line 2)'],
])('%j is refused by name', async (dockerfile, what) => {
  await expect(build(dockerfile)).rejects.toThrow(
    `the sandbox's stand-in for Docker does not support ${what}; it builds FROM scratch with COPY, ADD, ARG, ENV, CMD, ENTRYPOINT, EXPOSE, LABEL, WORKDIR and USER; start a Docker daemon to build this`,
  );
});

test.each([
  ['', 'the Dockerfile has no FROM'],
  ['CMD x\nFROM scratch', 'dockerfile parse error on line 1: no build stage in current context'],
  [
    'FROM scratch\nCOPY a.txt',
    'dockerfile parse error on line 2: COPY requires at least two arguments, but only one was provided.',
  ],
  [
    'FROM scratch\nCOPY zz /zz',
    'failed to compute cache key: failed to calculate checksum of ref stand-in::context: "/zz": not found',
  ],
  ['FROM scratch\nCOPY a.txt *.zz /to/', '"/*.zz": not found'],
  ['FROM scratch\nENV A', 'can\'t find = in "A"'],
  ['FROM scratch\nENV A=1 B', 'can\'t find = in "B"'],
])('%j fails as in BuildKit', async (dockerfile, message) => {
  await expect(build(dockerfile)).rejects.toThrow(message);
});

test('the Dockerfile can be in a folder, and a missing one is an error', async () => {
  const files = { ...FILES, 'docker/app.Dockerfile': 'FROM scratch\nCOPY a.txt /a' };
  const image = await build('', { files, dockerfile: './docker/../docker/app.Dockerfile' });
  expect(await filesOf(image)).toEqual({ a: 'a' });
  await expect(build('', { dockerfile: 'Other' })).rejects.toThrow(
    'failed to read dockerfile: open Other: no such file or directory',
  );
});

test('a context can contain names with ./, hard links and devices', async () => {
  const files: Context = {
    './': { type: 'directory' },
    './one': 'content',
    './two': { type: 'link', linkname: './one' },
    './pipe': { type: 'fifo' },
    '../outside': 'kept inside',
  };
  const image = await build('FROM scratch\nCOPY . /', { files });
  expect(await filesOf(image)).toMatchObject({
    one: 'content',
    two: 'content',
    outside: 'kept inside',
  });
  expect(Object.keys(await filesOf(image))).not.toContain('pipe');
  const dangling: Context = { two: { type: 'link', linkname: 'one' } };
  await expect(build('FROM scratch', { files: dangling })).rejects.toThrow(
    'the target of the hard link two is not in the context before it',
  );
  await expect(build('', { context: Readable.from([Buffer.alloc(1024, 'x')]) })).rejects.toThrow(
    /tar/i,
  );
});

test('a dangling link is not found, and circular links are copied unchanged', async () => {
  const files: Context = {
    gone: { type: 'symlink', linkname: 'nowhere' },
    x: { type: 'symlink', linkname: 'y' },
    y: { type: 'symlink', linkname: 'x' },
  };
  await expect(build('FROM scratch\nCOPY gone /to', { files })).rejects.toThrow(
    '"/gone": not found',
  );
  const circle = await build('FROM scratch\nCOPY x /to', { files });
  expect(await filesOf(circle)).toEqual({ to: '-> y' });
});

test('the same context produces the same image, and completed steps are cached', async () => {
  const dockerfile = `FROM scratch AS base
COPY a.txt /
ENV A=1
WORKDIR /w
FROM scratch
COPY --from=base /a.txt /b
`;
  const cache = new Set<string>();
  const run = async (options: Build = {}) => {
    const steps: string[] = [];
    const onStep = ({ name, cached }: BuildStep) => steps.push(`${name}${cached ? ' CACHED' : ''}`);
    const { id } = await build(dockerfile, { cache, onStep, ...options });
    return { id, steps };
  };
  const names = [
    '[base 1/2] COPY a.txt /',
    '[base 2/2] WORKDIR /w',
    '[1/1] COPY --from=base /a.txt /b',
  ];
  const first = await run();
  expect(first.steps).toEqual(names);
  const second = await run();
  expect(second).toEqual({ id: first.id, steps: names.map((name) => `${name} CACHED`) });
  expect((await run({ noCache: true })).steps).toEqual(names);
  const changed = await run({ files: { ...FILES, 'a.txt': 'changed' } });
  expect(changed.steps).toEqual(names);
  expect(changed.id).not.toBe(first.id);
});

test('a failed step is reported with its error', async () => {
  const steps: BuildStep[] = [];
  const dockerfile = 'FROM scratch\nCOPY a.txt /\nRUN make';
  await expect(build(dockerfile, { onStep: (step) => steps.push(step) })).rejects.toThrow(
    'not support RUN',
  );
  expect(steps).toMatchObject([
    { name: '[1/2] COPY a.txt /' },
    {
      name: '[2/2] RUN make',
      cached: false,
      error: expect.stringContaining('not support RUN') as string,
    },
  ]);
});

test('an abort ends the build before its next instruction', async () => {
  const controller = new AbortController();
  const steps: string[] = [];
  const dockerfile = 'FROM scratch\nCOPY a.txt /a\nCOPY a.txt /b\nCOPY a.txt /c';
  const onStep = ({ name }: BuildStep) => {
    steps.push(name);
    controller.abort();
  };
  const { signal } = controller;
  await expect(build(dockerfile, { signal, onStep })).rejects.toMatchObject({ name: 'AbortError' });
  expect(steps).toEqual(['[1/3] COPY a.txt /a']);
});
