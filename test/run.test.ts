import { PassThrough, Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { EcsDeployError } from '../src/errors.ts';
import { run } from '../src/run.ts';
import type { Io } from '../src/run.ts';

interface Surroundings extends Partial<Omit<Io, 'directory' | 'stdout' | 'stderr'>> {
  /** Thrown when the folder is read, which is when a command begins. */
  readonly failure?: unknown;
  readonly streams?: { readonly stdout: PassThrough; readonly stderr: PassThrough };
}

const makeStreams = () => ({ stdout: new PassThrough(), stderr: new PassThrough() });

/** Runs the command in this process, in a folder without a config file. */
async function runHere(
  argv: readonly string[],
  { failure, streams = makeStreams(), ...io }: Surroundings = {},
) {
  const { stdout, stderr } = streams;
  const status = await run(argv, {
    environment: {},
    stdin: Readable.from([]) as NodeJS.ReadStream,
    signal: new AbortController().signal,
    interrupt: () => undefined,
    version: '1.2.3',
    docs: '/',
    versions: { node: '20.0.0', platform: 'linux', arch: 'x64' },
    ...io,
    get directory() {
      if (failure !== undefined) throw failure;
      return '/';
    },
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
  });
  return { status, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}

test('an unexpected error says how to report it, and holds no secret', async () => {
  const environment = { API_TOKEN: 'hunter2hunter2' };
  const failure = new TypeError("cannot read 'hunter2hunter2'");
  const end = await runHere(['status'], { failure, environment });
  expect(end.status).toBe(1);
  expect(end.stderr).toMatchInlineSnapshot(`
    "Error: Unexpected error: TypeError: cannot read '[API_TOKEN]'
      → please report this bug at the project's issue tracker, with the lines above and below
      → ecsdeploy 1.2.3, Node 20.0.0, linux x64
      → run it again with --verbose, and add its output to the report
    "
  `);
  const bugs = 'https://example.com/issues';
  const verbose = await runHere(['status', '--verbose'], { failure, environment, bugs });
  expect(verbose.stderr).toContain('please report this bug at https://example.com/issues, with');
  expect(verbose.stderr).toMatch(/^ {4}at /m);
  expect(verbose.stderr).not.toContain('hunter2hunter2');
});

test('a time limit that nobody handled is not taken for Ctrl-C', async () => {
  for (const name of ['TimeoutError', 'AbortError']) {
    const end = await runHere(['status'], { failure: new DOMException('too long', name) });
    expect(end.status).toBe(1);
    expect(end.stderr).toContain(`Unexpected error: ${name}: too long`);
  }
});

test('Ctrl-C before a change says so; an error that knows better stands', async () => {
  const reason = new EcsDeployError({ code: 'interrupted', message: 'Interrupted by SIGINT.' });
  const signal = AbortSignal.abort(reason);
  for (const failure of [reason, new DOMException('aborted', 'AbortError'), new Error('late')]) {
    const end = await runHere(['status', '--json'], { failure, signal });
    expect(end.status).toBe(130);
    expect(end.stderr).toContain('Warning: Interrupted. No service was changed.');
    expect(JSON.parse(end.stdout)).toMatchObject({ outcome: 'interrupted', services: [] });
  }
  const known = new EcsDeployError({ code: 'interrupted', message: 'It may have been changed.' });
  const end = await runHere(['status'], { failure: known, signal });
  expect(end).toMatchObject({ status: 130, stderr: 'Warning: It may have been changed.\n' });
  const lost = new EcsDeployError({ code: 'sight-lost', message: 'It may have been changed.' });
  expect((await runHere(['status'], { failure: lost, signal })).status).toBe(9);
});

test('an event of --progress json carries version and time', async () => {
  const before = Date.now();
  const end = await runHere(['status', '--progress', 'json']);
  expect(end.status).toBe(2);
  const event = JSON.parse(end.stderr) as { v: number; at: string; kind: string; code: string };
  expect(Object.keys(event).slice(0, 3)).toEqual(['v', 'at', 'kind']);
  expect(event).toMatchObject({ v: 1, kind: 'error', code: 'setting-missing' });
  expect(Date.parse(event.at)).toBeGreaterThanOrEqual(before);
});

test('runs of one process leave nothing behind', async () => {
  const streams = makeStreams();
  const before = streams.stdout.listenerCount('error');
  for (let count = 0; count < 20; count += 1) {
    expect((await runHere(['sandbox', '--list'], { streams })).stdout).toContain('crash');
    expect((await runHere(['help', 'errors'], { streams })).stdout).toContain('130: interrupted');
  }
  expect(streams.stdout.listenerCount('error')).toBe(before);
});
