import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import Docker from 'dockerode';
import { openDocker } from '../../src/docker/engine/daemon.ts';

/** Whether tests fail instead of being skipped if a daemon, registry or program is missing. */
export const REQUIRED = process.env['ECSDEPLOY_TEST_DOCKER'] === '1';
/** Whether there is a real daemon. */
export const HAS_DOCKER =
  REQUIRED ||
  (await openDocker(process.env).then(
    () => true,
    () => false,
  ));

// During a run in process, the variable is that of the run.
const { DOCKER_HOST = 'unix:///var/run/docker.sock' } = process.env;

const BUSYBOX = '/bin/busybox';

/** Whether this machine has a program that runs in an empty image. */
export const HAS_PROGRAM = REQUIRED || spawnSync(BUSYBOX, ['true']).status === 0;

/** The bytes of a static busybox after `change` has modified them. */
export function program(change: (bytes: Buffer) => void = () => undefined): Buffer {
  const bytes = readFileSync(BUSYBOX);
  change(bytes);
  return bytes;
}

/** Hosts of the registries whose images the tests of this process create in the daemon. */
export const registries = new Set<string>();

/** Removes the images that the tests of this process created; other processes can use the daemon too. */
export async function removeImages(): Promise<void> {
  const docker = new Docker(dockerOptions());
  const images = await docker.listImages();
  const made = images.filter(({ RepoTags, RepoDigests }) =>
    [...(RepoTags ?? []), ...(RepoDigests ?? [])].some((name) =>
      registries.has(name.split('/')[0] ?? name),
    ),
  );
  await Promise.all(made.map(({ Id }) => docker.getImage(Id).remove({ force: true })));
}

/** dockerode's options for the daemon of the tests. */
export function dockerOptions(): Docker.DockerOptions {
  return { socketPath: DOCKER_HOST.replace('unix://', '') };
}
