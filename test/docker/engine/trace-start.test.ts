import { expect, test } from 'vitest';
import { checkStart } from '../../../src/core/checks.ts';
import { overridesOf, startOf } from '../../../src/core/start.ts';
import type { Overrides, StartProblem } from '../../../src/core/start.ts';
import { traceStart } from '../../../src/docker/engine/trace-start.ts';
import type { ImageFile } from '../../../src/docker/engine/trace-start.ts';

/** A 64-bit ELF file for a CPU, with a loader. */
function elf(machine: number, loader?: string): Buffer {
  const head = Buffer.alloc(256);
  head.write('\u007FELF', 'latin1');
  head.writeUInt8(2, 4);
  head.writeUInt8(1, 5);
  head.writeUInt16LE(machine, 18);
  if (loader === undefined) return head;
  head.writeBigUInt64LE(64n, 32);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(1, 56);
  head.writeUInt32LE(3, 64);
  head.writeBigUInt64LE(200n, 72);
  head.writeBigUInt64LE(BigInt(loader.length + 1), 96);
  head.write(loader, 200);
  return head;
}

const AMD = elf(0x3e);
const ARM = elf(0xb7);

const program = (head: Buffer | string, mode = 0o755): ImageFile => ({
  kind: 'file',
  mode,
  head: Buffer.from(head),
});
const link = (target: string): ImageFile => ({ kind: 'link', target });

const FILES: Readonly<Record<string, ImageFile>> = {
  '/bin/sh': link('/bin/busybox'),
  '/bin/busybox': program(AMD),
  '/bin/dash': program(elf(0x3e, '/lib/ld-musl.so')),
  '/usr/bin/env': program(AMD),
  '/usr/bin/bash': program(AMD),
  '/sbin/tini': program(AMD),
  '/usr/bin/dumb-init': program(AMD),
  '/usr/local/bin/gosu': program(AMD),
  '/server': program(ARM),
  '/usr/bin/server': link('/server'),
  '/native': program(AMD),
  '/app/run': program(ARM),
  '/app': { kind: 'folder' },
  '/loop': link('/loop'),
  '/dangling': link('/nowhere'),
  '/plain': program('echo', 0o644),
  '/text': program('echo hi\n'),
  '/glibc': program(elf(0x3e, '/lib64/ld-linux-x86-64.so.2')),
  '/musl': program(elf(0xb7, '/lib/ld-musl.so')),
  '/lib/ld-musl.so': program(ARM),
  '/e.sh': program('#!/bin/sh\nset -e\nexec "$@"\n'),
  '/gosu.sh': program('#!/bin/sh -e\nif [ $1 ]; then :; fi\nexec gosu app "$@"\n'),
  '/shift.sh': program('#!/bin/sh\nif true; then set -- node "$@"; fi\nexec "$@"\n'),
  '/last.sh': program('#!/usr/bin/env bash\nexec /server --flag\n'),
  '/crlf.sh': program('#!/bin/sh\r\nexec "$@"\r\n'),
  '/python': program('#!/usr/bin/python3\n'),
  '/no-name': program('#!\necho hi\n'),
  '/split.sh': program('#!/usr/bin/env -S sh -e\nexec "$@"\n'),
  '/cpu.sh': program('#!/bin/sh\n[ "$(uname -m)" = x86_64 ] && exec /native\nexec /server\n'),
  '/if.sh': program('#!/bin/sh\nif x; then\n  exec /native\nelse\n  exec /server\nfi\n'),
  '/case.sh': program('#!/bin/sh\ncase $1 in\na) exec /native ;;\n*)\nexec /server ;;\nesac\n'),
  '/to-data': link('/data/run'),
};

const read = (path: string): Promise<ImageFile> =>
  Promise.resolve(FILES[path] ?? { kind: 'missing' });

const IMAGE = { entryPoint: [], command: [], directory: '/', path: undefined };

async function trace(argv: readonly string[], more: Partial<Overrides> = {}) {
  const overrides = {
    ...overridesOf({ containerDefinitions: [{ name: 'a' }] }, ['a'])[0],
    ...more,
  };
  return traceStart(startOf({ ...IMAGE, command: argv }, overrides as Overrides), read);
}

test.each<[string, readonly string[]]>([
  ['the program itself', ['/server']],
  ['a program in PATH, through a link', ['server']],
  ['a relative path', ['app/run']],
  ['the shell form', ['/bin/sh', '-c', '/server --port 80']],
  ['exec in the shell form', ['/bin/sh', '-c', 'exec /server "$PORT"']],
  ['variables before the program', ['/bin/sh', '-c', 'A=1 B=2 /server > /dev/null']],
  ['the last of several commands', ['/bin/sh', '-c', 'cd /app && mkdir -p x; exec /server']],
  ['options of a shell', ['bash', '-eo', 'pipefail', '-c', '/server']],
  ['tini', ['tini', '--', '/server']],
  ['tini with options', ['/sbin/tini', '-g', '-e', '143', '--', 'server']],
  ['dumb-init', ['dumb-init', '--single-child', '-r', '15:3', '/server']],
  ['env', ['env', '-u', 'A', 'B=1', '/server']],
  ['env, splitting a word', ['env', '-S', 'A=1 /server --port']],
  ['env, splitting the rest of a word', ['env', '-SA=1 /server', '--port']],
  ['variables that are no names', ['env', '--', 'my.port=1', '/server']],
  ['a first line with options', ['/split.sh', '/server']],
  ['gosu', ['gosu', 'app:app', '/server']],
  ['busybox', ['busybox', 'sh', '-c', '/server']],
  ['a script', ['/e.sh', '/server']],
  ['a script that a shell is given', ['sh', '-e', '/e.sh', '/server']],
  ['a script that changes the user', ['/gosu.sh', '/server']],
  ['a script with a program of its own', ['/last.sh']],
  ['all of them', ['tini', '--', '/e.sh', 'env', 'A=1', 'sh', '-c', 'exec server']],
])('a program for another CPU is found behind %s', async (_, argv) => {
  const { programs, problem } = await trace(argv);
  expect(problem).toBeUndefined();
  expect(programs.at(-1)?.architecture).toBe('arm64');
});

const SEARCH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const P = (kind: StartProblem['kind'], path: string, detail = '', isCertain = true) => ({
  kind,
  path,
  detail,
  isCertain,
});

test.each<[string, readonly string[], StartProblem]>([
  ['nothing at all', [], P('nothing', '')],
  ['a path that is not there', ['/missing'], P('missing', '/missing')],
  ['a dangling link', ['/dangling'], P('missing', '/dangling')],
  ['a link to itself', ['/loop'], P('missing', '/loop')],
  ['a folder', ['/app'], P('folder', '/app')],
  ['a script without permission', ['/plain'], P('not-executable', '/plain')],
  ['a file without #!', ['/text'], P('no-format', '/text')],
  ['a first line with CR', ['/crlf.sh'], P('line-ends', '/crlf.sh', '/bin/sh')],
  ['no interpreter', ['/python'], P('no-interpreter', '/python', '/usr/bin/python3')],
  ['no loader', ['/glibc'], P('no-loader', '/glibc', '/lib64/ld-linux-x86-64.so.2')],
  ['nothing behind #!', ['/no-name'], P('no-format', '/no-name')],
  ['a script of a shell that is not there', ['sh', '-e', '/nope'], P('missing', '/nope')],
  ['a name behind a shell', ['dash', '-c', 'nope'], P('not-in-path', 'nope', SEARCH)],
  ['nothing behind tini', ['tini', '--', '/missing'], P('missing', '/missing')],
  ['nothing behind a shell', ['sh', '-c', '/missing a'], P('missing', '/missing')],
  ['nothing behind a script', ['/e.sh', '/missing'], P('missing', '/missing', '', false)],
])('%s cannot start', async (_, argv, problem) => {
  expect((await trace(argv)).problem).toEqual(problem);
});

test('the shell form needs a shell, and a name needs a folder of PATH', async () => {
  const nothing = () => Promise.resolve({ kind: 'missing' as const });
  const start = startOf({ ...IMAGE, command: ['/bin/sh', '-c', 'app --port 80'] }, undefined);
  const { problem } = await traceStart(start, nothing);
  expect(problem).toEqual(P('no-shell', '/bin/sh', 'app --port 80'));
  expect(checkStart('IMAGE', { problem }, 'deployed')).toEqual({
    status: 'fail',
    message:
      'A container of IMAGE cannot start: the shell form of ENTRYPOINT and CMD needs /bin/sh, which is not in the image.',
    hint: 'use the exec form: CMD ["app","--port","80"]',
  });
  const named = await trace(['app'], { path: '/bin:/usr/bin' });
  expect(named.problem).toEqual(P('not-in-path', 'app', '/bin:/usr/bin'));
});

test.each<[string, readonly string[]]>([
  ['a program that exists', ['/native']],
  ['a program with its loader', ['/musl']],
  ['a variable in place of a program', ['sh', '-c', '$APP --port 80']],
  ['a builtin', ['sh', '-c', 'echo hi']],
  ['what a command before it can make', ['sh', '-c', 'make && ./out']],
  ['a script that changes its arguments', ['/shift.sh', 'app.js']],
  ['a script without #! that a shell is given', ['sh', '/text']],
  ['an option of a wrapper that is not known', ['tini', '--new', 'x', '/missing']],
  ['a shell alone', ['sh']],
  ['a pipe', ['sh', '-c', 'a | b']],
  ['an own PATH', ['env', 'PATH=/opt', 'app']],
  ['quotes that env splits', ['env', '-S', '"/my app" a']],
  ['a variable that env expands', ['env', '-S', '${APP}']],
  ['a file without #! in a line', ['sh', '-c', 'exec /text']],
  ['a file without #! behind a wrapper', ['tini', '--', '/text']],
  ['another builtin', ['bash', '-c', 'shopt']],
  ['a builtin that is started', ['bash', '-c', 'exec -a name /missing']],
  ['an applet of busybox', ['sh', '-c', 'uptime']],
  ['a shell that reads from stdin', ['sh', '-s', 'missing']],
  ['an option of a shell with a value', ['bash', '--rcfile', '/missing', '/native']],
  ['an option of a shell like -c', ['sh', '-C', '/plain']],
])('%s is not said to fail', async (_, argv) => {
  expect((await trace(argv)).problem).toBeUndefined();
});

test.each<[string, readonly string[]]>([
  ['the next one of a line', ['sh', '-c', '/server || /native']],
  ['one of a line, by the CPU', ['sh', '-c', 'test $(arch) = x86_64 && exec /x; exec /server']],
  ['one of a script, by the CPU', ['/cpu.sh']],
  ['one of a script, by a condition', ['/if.sh']],
  ['one of a script, by its arguments', ['/case.sh']],
])('%s may be for another CPU', async (_, argv) => {
  const { programs } = await trace(argv);
  expect(programs.map(({ architecture }) => architecture)).not.toContain('arm64');
});

test('amd64 runs programs of 386', async () => {
  const of386 = () => Promise.resolve(program(elf(0x03)));
  const { programs } = await traceStart(startOf({ ...IMAGE, command: ['/x'] }, undefined), of386);
  expect(programs).toEqual([{ path: '/x', architecture: 'amd64' }]);
});

test('a task definition decides what starts, where, and what is mounted', async () => {
  const definition = {
    containerDefinitions: [
      { name: 'app', command: ['/missing'] },
      { name: 'worker', entryPoint: ['run'], workingDirectory: '/app' },
      { name: 'path', entryPoint: ['run'], environment: [{ name: 'PATH', value: '/app' }] },
      { name: 'mounted', command: ['/data/run'], mountPoints: [{ containerPath: '/data' }] },
      { name: 'linked', command: ['/to-data'], mountPoints: [{ containerPath: '/data' }] },
      {
        name: 'in-path',
        command: ['tool'],
        environment: [{ name: 'PATH', value: '/data:/bin' }],
        mountPoints: [{ containerPath: '/data/' }],
      },
      { name: 'agent', command: ['/agent/run'], volumesFrom: [{ sourceContainer: 'other' }] },
      { name: 'plain', command: [], entryPoint: null },
      { name: 'other', command: ['/missing'] },
    ],
  };
  const names = ['app', 'worker', 'path', 'mounted', 'linked', 'in-path', 'agent', 'plain'];
  const image = { ...IMAGE, entryPoint: ['/native'], command: ['/ignored'] };
  const starts = overridesOf(definition, names).map((item) => startOf(image, item));
  expect(starts.map(({ argv }) => argv)).toEqual([
    ['/native', '/missing'],
    ['run'],
    ['run'],
    ['/native', '/data/run'],
    ['/native', '/to-data'],
    ['/native', 'tool'],
    ['/native', '/agent/run'],
    ['/native', '/ignored'],
  ]);
  const own = { ...IMAGE, command: ['/nothing'] };
  const kinds = [];
  for (const item of overridesOf(definition, names)) {
    kinds.push((await traceStart(startOf(own, item), read)).problem?.kind);
  }
  const unknown = Array.from({ length: 5 }, () => undefined);
  expect(kinds).toEqual(['missing', 'not-in-path', ...unknown, 'missing']);
});

test('without a task definition a problem is a warning, behind a script always', async () => {
  const statuses = [];
  for (const argv of [[], ['/missing'], ['/e.sh', '/missing']]) {
    const found = await trace(argv);
    for (const use of ['deployed', 'configured', 'unknown'] as const) {
      statuses.push(checkStart('IMAGE', found, use));
    }
  }
  expect(statuses.map(({ status }) => status).join(' ')).toBe(
    'fail warn warn fail fail warn warn warn warn',
  );
  expect(statuses.slice(5, 7).map(({ message }) => message)).toEqual([
    'A container of IMAGE cannot start unless the task definition sets command or entryPoint: /missing is not in the image.',
    'A container of IMAGE will probably not start: /missing is not in the image.',
  ]);
});
