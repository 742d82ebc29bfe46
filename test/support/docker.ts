import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import Docker from 'dockerode';
import { openDocker } from '../../src/docker/engine/daemon.ts';

/** Set where a missing daemon, registry or program must fail instead of being skipped. */
export const REQUIRED = process.env['ECSDEPLOY_TEST_DOCKER'] === '1';
/** Whether there is a real daemon. */
export const HAS_DOCKER =
  REQUIRED ||
  (await openDocker(process.env).then(
    () => true,
    () => false,
  ));

// In the middle of a run the variable is the run's own.
const { DOCKER_HOST = 'unix:///var/run/docker.sock' } = process.env;

const BUSYBOX = '/bin/busybox';

/** Whether there is a program that runs in an empty image. */
export const HAS_PROGRAM = REQUIRED || spawnSync(BUSYBOX, ['true']).status === 0;

/** The bytes of a static busybox, changed before they are used. */
export function program(change: (bytes: Buffer) => void = () => undefined): Buffer {
  const bytes = readFileSync(BUSYBOX);
  change(bytes);
  return bytes;
}

/** Takes what the tests made out of the daemon. */
export async function removeImages(): Promise<void> {
  const docker = new Docker(dockerOptions());
  const images = await docker.listImages();
  const made = images.filter(({ RepoTags, RepoDigests }) =>
    [...(RepoTags ?? []), ...(RepoDigests ?? [])].some((name) =>
      /^127\.0\.0\.1:\d+\/hyeon9mak-dev[:@]/.test(name),
    ),
  );
  await Promise.all(made.map(({ Id }) => docker.getImage(Id).remove({ force: true })));
}

/** How dockerode reaches the daemon of the tests. */
export function dockerOptions(): Docker.DockerOptions {
  return { socketPath: DOCKER_HOST.replace('unix://', '') };
}
