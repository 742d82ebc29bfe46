import { randomUUID } from 'node:crypto';
import Docker from 'dockerode';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openControl } from '../../../src/docker/buildkit/daemon-grpc.ts';
import { serveFiles } from '../../../src/docker/buildkit/file-sync.ts';
import type { Proof } from '../../../src/docker/buildkit/gateway.ts';
import { openSession } from '../../../src/docker/buildkit/session.ts';
import { solve } from '../../../src/docker/buildkit/solve.ts';
import { openDocker } from '../../../src/docker/engine/daemon.ts';
import { traceIn } from '../../../src/docker/engine/program.ts';
import { EcsDeployError } from '../../../src/errors.ts';
import { dockerOptions, HAS_DOCKER, HAS_PROGRAM, program } from '../../support/docker.ts';
import { makeFolder } from '../../support/files.ts';

const name = `ecsdeploy-test-gateway:${process.pid}`;
const image = new Docker(dockerOptions()).getImage(name);
const { signal } = new AbortController();

/** Builds into the daemon if the proof resolves. */
async function build(dockerfile: string, prove: Proof, platform = 'linux/amd64'): Promise<void> {
  const folder = makeFolder({ Dockerfile: dockerfile, app: program(), page: '' });
  const client = await openControl(await openDocker(process.env));
  if (client === undefined) throw new Error('the daemon has no BuildKit');
  onTestFinished(() => client.destroy());
  const folders = { context: folder, dockerfile: folder };
  const files = serveFiles(folders, { files: 0, bytes: 0 }, () => undefined);
  const methods = { '/moby.filesync.v1.FileSync/DiffCopy': files };
  const session = await openSession(client, folder, methods, signal);
  onTestFinished(() => session?.close());
  const request = {
    ref: randomUUID(),
    session: session?.id ?? '',
    exporter: { type: 'moby', attributes: { name } },
    frontend: { platform },
    entitlements: [],
    cacheTo: [],
  };
  await solve(client, request, () => undefined, signal, prove);
}

describe.skipIf(!HAS_DOCKER || !HAS_PROGRAM)('an image that BuildKit has built', () => {
  test('is proven before it is exported', async () => {
    const dockerfile = `FROM scratch
COPY --chmod=755 app /bin/sh
COPY page /empty
RUN ln -s ../bin/sh /link && ln -s /nowhere /dangling && ln -s loop /loop && mkfifo /pipe && chmod 0 /empty
ENV PATH=/bin
ENTRYPOINT ["/link", "-c"]
CMD ["sh /empty"]
`;
    const kinds: string[] = [];
    await build(dockerfile, async ([built, ...others]) => {
      expect(others).toEqual([]);
      expect(built?.platform).toBe('linux/amd64');
      const nowhere = ['/dangling', '/bin/sh/x', '/loop', `/${'x'.repeat(300)}`];
      for (const path of ['/link', '/empty', '/bin', '/pipe', ...nowhere]) {
        const file = await built?.read(path);
        const mode = file?.kind === 'file' ? ` ${file.mode.toString(8)} ${file.head.length}` : '';
        kinds.push(`${file?.kind}${mode}`);
      }
      const traces = await traceIn(built?.config ?? {}, [undefined], built?.read as never);
      expect(traces[0]?.programs[0]).toEqual({ path: '/link', architecture: 'amd64' });
    });
    onTestFinished(() => image.remove({ force: true }));
    expect(kinds).toEqual([
      'file 755 65536',
      'file 0 0',
      'folder',
      'special',
      ...Array.from({ length: 4 }, () => 'missing'),
    ]);
    expect((await image.inspect()).Config.Entrypoint).toEqual(['/link', '-c']);
  });

  test('is not exported if the proof fails', async () => {
    const refusal = new EcsDeployError({ code: 'image-platform', message: 'for another CPU' });
    const building = build('FROM scratch\nCOPY app /app\n', () => Promise.reject(refusal));
    await expect(building).rejects.toBe(refusal);
    await expect(image.inspect()).rejects.toMatchObject({ statusCode: 404 });
  });

  test('fails with the error of the build', async () => {
    const building = build('FROM scratch\nCOPY missing /app\n', () => Promise.resolve());
    await expect(building).rejects.toThrow(/missing".* not found/);
  });
});
