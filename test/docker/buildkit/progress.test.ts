import { expect, test } from 'vitest';
import { buildFailed } from '../../../src/docker/buildkit/failure.ts';
import { trackProgress } from '../../../src/docker/buildkit/progress.ts';
import { message } from '../../../src/docker/buildkit/protobuf.ts';
import type { Event } from '../../../src/events.ts';

/** A line with one member of a StatusResponse: a vertex, a log or a warning. */
function trace(...members: readonly (readonly [field: number, value: Uint8Array])[]) {
  return {
    id: 'moby.buildkit.trace',
    aux: Buffer.from(message(...members)).toString('base64'),
  };
}

function vertex(name: string, times: readonly number[], error = '', cached = 0) {
  const [started = 0, completed = 0] = times;
  return [
    1,
    message(
      [1, `sha256:${name}`],
      [3, name],
      [4, cached],
      [5, started ? message([1, started], [2, 500_000_000]) : ''],
      [6, completed ? message([1, completed], [2, 500_000_000]) : ''],
      [7, error],
    ),
  ] as const;
}

function log(name: string, text: string) {
  return [3, message([1, `sha256:${name}`], [4, text])] as const;
}

/** The events of a build that answers these lines, and what its end throws. */
function track(lines: readonly Parameters<ReturnType<typeof trackProgress>['take']>[0][]) {
  const events: Event[] = [];
  const progress = trackProgress((event) => events.push(event));
  for (const line of lines) progress.take(line);
  try {
    progress.finish();
  } catch (error) {
    return { events, error: error as Error };
  }
  return { events, error: undefined };
}

test('a step starts, writes whole lines and completes once; preparation is no step', () => {
  const { events, error } = track([
    trace(vertex('[internal] load .dockerignore', [1, 2])),
    trace(vertex('[1/2] RUN make', [100])),
    trace(vertex('[1/2] RUN make', [100]), log('[1/2] RUN make', '10 %\r20 %\nlin')),
    trace(vertex('[1/2] RUN make', [100, 103]), log('[1/2] RUN make', 'king')),
    trace(vertex('[1/2] RUN make', [100, 103])),
    trace(vertex('[2/2] COPY . .', [104, 104], '', 1)),
  ]);
  expect(error).toBeUndefined();
  const make = { id: 'sha256:[1/2] RUN make', name: '[1/2] RUN make' };
  const copy = { id: 'sha256:[2/2] COPY . .', name: '[2/2] COPY . .' };
  expect(events).toEqual([
    { kind: 'build-step', ...make, state: 'started', seconds: 0, known: 1 },
    { kind: 'build-output', line: '20 %', step: make.id },
    { kind: 'build-output', line: 'linking', step: make.id },
    { kind: 'build-step', ...make, state: 'completed', seconds: 3, known: 1 },
    { kind: 'build-step', ...copy, state: 'cached', seconds: 0, known: 2 },
  ]);
});

test('a failure quotes the last lines of the step that failed', () => {
  const lines = Array.from({ length: 30 }, (_, index) => `line ${index}\n`).join('');
  const { error } = track([
    trace(vertex('[1/1] RUN make', [1]), log('[1/1] RUN make', lines)),
    trace(vertex('[1/1] RUN make', [1, 2], 'exit code: 2')),
    { errorDetail: { message: 'failed to solve: exit code: 2' }, error: 'other' },
  ]);
  const quoted = Array.from({ length: 20 }, (_, index) => `\n  | line ${index + 10}`).join('');
  expect(error?.message).toBe(`The build failed: exit code: 2\n  | [1/1] RUN make${quoted}`);
});

test('without steps a failure quotes the output of the builder', () => {
  const { error } = track([{ stream: 'STEP 1/2: FROM scratch\n' }, { error: 'no such file' }]);
  expect(error?.message).toBe('The build failed: no such file\n  | STEP 1/2: FROM scratch');
});

test('a warning about the Dockerfile is reported once, at the end', () => {
  const warning = trace([4, message([3, 'FROM has a platform'], [5, 'https://docs'])]);
  expect(track([warning, warning]).events).toEqual([
    { kind: 'warning', message: 'Dockerfile: FROM has a platform', hint: 'https://docs' },
  ]);
});

test.each([
  ['exec format error', /register emulation/],
  ['no SSH key "deploy" forwarded from the client', /--ssh deploy=SOCKET .*id=deploy in/],
  [
    'git@github.com: Permission denied (publickey).',
    /--ssh default \(with RUN --mount=type=ssh in/,
  ],
  ['write /x: no space left on device', /docker system prune/],
  ['no active session for abc', /docker pull/],
  ['pull access denied, authorization failed', /docker login/],
  ['failed to configure gha cache exporter: url not set for github actions cache', /Docker 28/],
  ['failed to read downloaded context: no such host', /allow POST \/session and POST \/grpc/],
  ['failed to resolve source metadata for docker.io/docker/buildkit-syft-scanner:1', /--sbom/],
  ['failed to load metadata: unknown scheme oci-layout: not found', /containerd image store/],
  ['dial tcp: lookup registry: no such host', /cannot reach the registry/],
  ['failed to calculate checksum of ref a::b "/x" not found: not found', /path in the Dockerfile/],
])('%s has a hint', (text, hint) => {
  expect(buildFailed(text, []).hint).toMatch(hint);
});

test('a push that is denied lacks a permission', () => {
  const refused = buildFailed('failed to push r/a: unexpected status: 403 Forbidden', []);
  expect(refused).toMatchObject({
    code: 'permission-denied',
    hint: expect.stringContaining('ecr:PutImage') as string,
  });
  expect(buildFailed('failed to push r/a: 500 Internal Server Error', []).code).toBe(
    'build-failed',
  );
});

test('a cached step that fetches its layer is reported once', () => {
  const name = '[1/2] RUN make';
  const { events } = track([
    trace(vertex(name, [1, 1], '', 1)),
    trace(vertex(name, [2])),
    trace(vertex(name, [2, 3])),
  ]);
  expect(events).toMatchObject([{ kind: 'build-step', state: 'cached' }]);
});

test('a cache that cannot be used is a warning, and never the reason of a failure', () => {
  const missing = vertex('importing cache manifest from app:1', [1, 2], 'app:1: not found');
  const denied = vertex('importing cache manifest from app:2', [1, 2], '403 Forbidden');
  const lost = vertex('exporting cache to registry', [1, 2], 'tag is immutable');
  const calm = track([trace(missing, denied, lost)]);
  expect(calm.error).toBeUndefined();
  expect(calm.events.filter(({ kind }) => kind === 'warning')).toEqual([
    {
      kind: 'warning',
      message:
        'The build cache could not be read (importing cache manifest from app:2): 403 Forbidden',
    },
    {
      kind: 'warning',
      message:
        'The build cache could not be written (exporting cache to registry): tag is immutable',
    },
  ]);
  const failed = track([
    trace(denied, vertex('RUN make', [1, 2], 'exit code: 1'), log('RUN make', 'no rule')),
    { error: 'exit code: 1' },
  ]);
  expect(failed.error?.message).toContain('RUN make');
});
