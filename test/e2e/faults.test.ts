import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { BatchGetImageCommand } from '@aws-sdk/client-ecr';
import { afterAll, describe, expect, test } from 'vitest';
import { message } from '../../src/docker/buildkit/protobuf.ts';
import { startDockerEngine } from '../../src/sandbox/docker-engine.ts';
import { readResult } from '../support/cli.ts';
import {
  dockerOptions,
  HAS_DOCKER,
  HAS_PROGRAM,
  program,
  removeImages,
} from '../support/docker.ts';
import { httpProxy, openLine } from '../support/proxies.ts';
import type { Meddle } from '../support/proxies.ts';
import { makeWorld, stable } from '../support/world.ts';
import type { World, WorldOptions } from '../support/world.ts';

/** What a registry answers instead of taking a request. */
interface Fault {
  /** Method and path of the requests that are struck. */
  readonly at: RegExp;
  readonly times: number;
  readonly answer: (response: ServerResponse) => void;
}

/** An answer in the distribution registry's form. */
function refusal(status: number, code: string, message: string): Fault['answer'] {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ errors: [{ code, message }] }));
  };
}

const MANIFEST = /^PUT .*\/manifests\//;
const BLOB = /^(?:PATCH|PUT) .*\/blobs\/uploads\//;

const BROKEN = refusal(500, 'UNKNOWN', 'internal error');
const THROTTLED = refusal(429, 'TOOMANYREQUESTS', 'Rate exceeded');
const EXPIRED = refusal(
  403,
  'DENIED',
  'Your authorization token has expired. Reauthenticate and try again.',
);
const DENIED = refusal(
  403,
  'DENIED',
  'User: arn:aws:iam::123456789012:user/ci is not authorized to perform: ecr:InitiateLayerUpload on resource: arn:aws:ecr:ap-northeast-2:123456789012:repository/hyeon9mak-dev because no identity-based policy allows the ecr:InitiateLayerUpload action',
);

interface Troubled extends World {
  readonly strike: (fault: Fault) => void;
  /** Requests that were struck. */
  readonly struck: () => number;
}

/** A world whose registry can be made to fail; everything behind it is another sandbox's. */
async function troubledWorld(options: WorldOptions): Promise<Troubled> {
  const { sandbox: behind } = await makeWorld();
  let fault: Fault | undefined;
  let struck = 0;
  const meddle: Meddle = (request, response) => {
    if (fault === undefined || struck >= fault.times) return false;
    if (!fault.at.test(`${request.method} ${request.url}`)) return false;
    struck += 1;
    request.resume();
    fault.answer(response);
    return true;
  };
  const host = await httpProxy({ host: behind.registryHost }, meddle);
  const registry = { host, password: behind.registryPassword };
  const world = await makeWorld({ ...options, registry });
  return {
    ...world,
    strike: (next) => {
      fault = next;
      struck = 0;
    },
    struck: () => struck,
  };
}

async function hasTag({ ecr }: World, imageTag: string): Promise<boolean> {
  const { images = [] } = await ecr.send(
    new BatchGetImageCommand({ repositoryName: 'hyeon9mak-dev', imageIds: [{ imageTag }] }),
  );
  return images.length > 0;
}

const tokens = ({ sandbox }: World) =>
  sandbox.calls.filter(({ action }) => action === 'ecr:GetAuthorizationToken').length;

/** The error and what to do, without the progress before it. */
const errorOf = (stderr: string, world: World) =>
  stable(stderr.slice(Math.max(stderr.indexOf('\nError:') + 1, 0)), world);

const page = () => randomBytes(300_000).toString('base64');

const DAEMONS = [
  { name: "the sandbox's stand-in", skip: false, options: () => ({ files: { app: page() } }) },
  {
    name: 'a real daemon',
    skip: !HAS_DOCKER,
    options: () => ({
      daemon: true as const,
      files: { app: page(), Dockerfile: 'FROM scratch\nCOPY app /app\n' },
    }),
  },
];

describe.each(DAEMONS)('a registry in trouble, $name', ({ skip, options }) => {
  afterAll(async () => {
    if (!skip) await removeImages().catch(() => undefined);
  });

  test.skipIf(skip)('fails three times, then is well: pushed, and each failure told', async () => {
    const world = await troubledWorld(options());
    world.strike({ at: MANIFEST, times: 3, answer: BROKEN });
    const end = await world.run(['push', '--json']);
    expect(end.status, end.stderr).toBe(0);
    expect(world.struck()).toBe(3);
    expect(end.stderr.match(/Warning: The push failed/g)).toHaveLength(3);
    expect(readResult(end).image?.digest).toMatch(/^sha256:/);
  });

  test.skipIf(skip)('fails for good: no tag, and the reason', async () => {
    const world = await troubledWorld(options());
    world.strike({ at: MANIFEST, times: Number.POSITIVE_INFINITY, answer: BROKEN });
    // The image of this test has no program.
    const end = await world.run(['deploy', '--tag', 'bad', '--skip-check', 'image-program']);
    expect(end.status, end.stderr).toBe(5);
    expect(world.struck()).toBe(4);
    expect(errorOf(end.stderr, world)).toContain('/hyeon9mak-dev:bad: ');
    expect(await hasTag(world, 'bad')).toBe(false);
    expect(world.writes()).toEqual([]);
  });

  test.skipIf(skip)('throttles (429): waited for', async () => {
    const world = await troubledWorld(options());
    world.strike({ at: MANIFEST, times: 2, answer: THROTTLED });
    const end = await world.run(['push']);
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toContain('Rate exceeded');
  });

  test.skipIf(skip)('says that the token has expired: a new one is fetched', async () => {
    const world = await troubledWorld(options());
    world.strike({ at: MANIFEST, times: 1, answer: EXPIRED });
    const end = await world.run(['push']);
    expect(end.status, end.stderr).toBe(0);
    expect(tokens(world)).toBe(2);
  });

  test.skipIf(skip)('denies: not tried again, and what the policy needs', async () => {
    const world = await troubledWorld(options());
    world.strike({ at: MANIFEST, times: Number.POSITIVE_INFINITY, answer: DENIED });
    const end = await world.run(['push', '--tag', 'denied']);
    expect(end.status).toBe(4);
    expect(world.struck()).toBe(1);
    expect(errorOf(end.stderr, world)).toMatchInlineSnapshot(`
      "Error: arn:aws:iam::123456789012:user/ci is not authorized to call ecr:InitiateLayerUpload on arn:aws:ecr:ap-northeast-2:123456789012:repository/hyeon9mak-dev: no identity-based policy allows it.
        → add to its policy: { "Effect": "Allow", "Action": "ecr:InitiateLayerUpload", "Resource": "arn:aws:ecr:ap-northeast-2:123456789012:repository/hyeon9mak-dev" }
        → for the full policy: ecsdeploy help iam push
      "
    `);
  });

  test.skipIf(skip)('is cut in the middle of a layer: pushed again', async () => {
    const world = await troubledWorld(options());
    world.strike({ at: BLOB, times: 1, answer: (response) => void response.destroy() });
    const end = await world.run(['push', '--json']);
    expect(end.status, end.stderr).toBe(0);
    expect(world.struck()).toBe(1);
  });

  test.skipIf(skip)('Ctrl-C in the push ends the upload, and there is no tag', async () => {
    const { files, ...more } = options();
    // More than sockets hold: a daemon that has sent everything waits for the answer.
    const world = await troubledWorld({
      ...more,
      files: { ...files, app: randomBytes(16_000_000) },
    });
    const held = new Promise<ServerResponse>((resolve) => {
      const answer = (response: ServerResponse) => {
        response.req.pause();
        resolve(response);
      };
      world.strike({ at: BLOB, times: 1, answer });
    });
    const end = await world.run(['push', '--tag', 'half'], {
      onStderr: (text, child) => {
        if (text.includes('Pushing')) void held.then(() => child.kill('SIGINT'));
      },
    });
    expect(end.status).toBe(130);
    const upload = await held;
    upload.req.resume();
    if (!upload.closed) await once(upload, 'close');
    expect(await hasTag(world, 'half')).toBe(false);
  });
});

test('what BuildKit finds doubtful is a warning, and lines of a log come whole', async () => {
  const engine = await startDockerEngine();
  const trace = (field: number, value: Uint8Array) => ({
    id: 'moby.buildkit.trace',
    aux: Buffer.from(message([field, value])).toString('base64'),
  });
  const vertex = message([1, 'sha256:1'], [3, '[2/2] RUN make'], [5, message([1, 1])]);
  const log = (text: string) => trace(3, message([1, 'sha256:1'], [4, text]));
  const doubt = message(
    [3, 'FROM --platform flag should not use a constant value'],
    [5, 'https://docs.docker.com/go/dockerfile/rule/from-platform-flag-const-disallowed/'],
  );
  const lines = [
    trace(1, vertex),
    log('comp'),
    log('iling 10 %\rcompiling 99 %\nlin'),
    log('king\n'),
    trace(4, doubt),
  ];
  const host = await httpProxy({ host: new URL(engine.url).host }, (request, response) => {
    if (request.url?.startsWith('/build?') !== true) return false;
    for (const line of lines) response.write(`${JSON.stringify(line)}\n`);
    return false;
  });
  const world = await makeWorld();
  const end = await world.run(['push'], { environment: { DOCKER_HOST: `tcp://${host}` } });
  await engine.close();
  expect(end.status, end.stderr).toBe(0);
  expect(stable(end.stderr, world)).toMatchInlineSnapshot(`
    "Docker: the sandbox's stand-in at tcp://DOCKER
    Building for linux/amd64
      compiling 99 %
      linking
      context: 4 files, 187 B
      [1/1] COPY app /app TIME
    Warning: Dockerfile: FROM --platform flag should not use a constant value
      → https://docs.docker.com/go/dockerfile/rule/from-platform-flag-const-disallowed/
    Built for linux/amd64 in TIME
    Pushing
    Pushed DIGEST in TIME, 1 layer
    "
  `);
});

test('a daemon that dies in the build is told as such, and nothing is written', async () => {
  const engine = await startDockerEngine();
  const { port } = new URL(engine.url);
  const line = await openLine({ host: '127.0.0.1', port: Number(port) });
  const world = await makeWorld({ files: { app: page() } });
  const end = await world.run(['deploy', '--progress', 'json'], {
    environment: { DOCKER_HOST: line.url },
    onStderr: (text) => {
      if (text.includes('build-started')) line.cut();
    },
  });
  await engine.close();
  expect(end.status).toBe(5);
  expect(world.writes()).toEqual([]);
});

describe.skipIf(!HAS_DOCKER || !HAS_PROGRAM)('with a real daemon', () => {
  const path = String(dockerOptions().socketPath);
  const BASE = 'FROM scratch\nCOPY busybox /bin/sh\n';

  test('one that dies in a step is told as such', async () => {
    const line = await openLine({ path });
    const world = await makeWorld({
      daemon: true,
      files: { busybox: program(), Dockerfile: `${BASE}RUN echo it runs; sleep 1000\n` },
    });
    const end = await world.run(['deploy', '--no-cache'], {
      environment: { DOCKER_HOST: line.url },
      onStderr: (text) => {
        if (text.includes('it runs\n')) line.cut();
      },
    });
    expect(end.status).toBe(5);
    expect(errorOf(end.stderr, world)).toMatchInlineSnapshot(`
      "Error: Lost the connection to the Docker daemon at tcp://DOCKER (DOCKER_HOST): ECONNRESET.
        → find out why it stopped, start it, and run this again: completed builds and pushes are not repeated
      "
    `);
    expect(world.writes()).toEqual([]);
  });

  test('a context that takes long to send and a step that runs long, then a login and a secret', async () => {
    const base = await makeWorld({
      daemon: true,
      files: { busybox: program(), Dockerfile: `${BASE}LABEL made=${Date.now()}\n` },
    });
    const pushed = await base.run(['push', '--tag', 'base']);
    expect(pushed.status, pushed.stderr).toBe(0);
    await removeImages();
    // 16 seconds for 8 MB; BuildKit asks every second whether the session lives.
    const line = await openLine({ path }, 500_000);
    const world = await makeWorld({
      daemon: true,
      registry: { host: base.sandbox.registryHost, password: base.sandbox.registryPassword },
      files: {
        large: randomBytes(8_000_000),
        token: 'secret',
        Dockerfile: `FROM scratch AS slow\nCOPY large /large\nFROM ${pushed.stdout.trim()}\nCOPY --from=slow /large /large\nRUN sleep 31\nRUN --mount=type=secret,id=token test "$(cat /run/secrets/token)" = secret && echo it is there\n`,
      },
    });
    const end = await world.run(['push', '--secret', 'id=token,src=token'], {
      environment: { DOCKER_HOST: line.url },
    });
    expect(end.status, end.stderr).toBe(0);
    expect(end.stderr).toContain('it is there');
  }, 180_000);
});
