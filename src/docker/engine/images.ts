import type Docker from 'dockerode';
import { isAtLeast, platformParameter } from './daemon.ts';
import type { Daemon } from './daemon.ts';
import { dial } from './dial.ts';

/** An image that the daemon holds. */
export interface LocalImage {
  /** As it was asked for. */
  readonly name: string;
  /** Digest of its config, on the containerd store that of its manifest. */
  readonly id: string;
  /** E.g. `linux/amd64`. */
  readonly platform: string;
  /** What it starts, and how. */
  readonly config: Docker.ImageInspectInfo['Config'];
}

/**
 * What the daemon says of an image; undefined when it holds none of that name. Of an index, which
 * the containerd store may hold, newer daemons give the image for `platform` where there is one,
 * else that for this machine.
 */
export async function inspectImage(
  daemon: Daemon,
  name: string,
  platform?: string,
): Promise<LocalImage | undefined> {
  const inspect = async (options: object): Promise<LocalImage | undefined> => {
    try {
      const { Id, Os, Architecture, Config } = await dial<Docker.ImageInspectInfo>(daemon.docker, {
        path: `/images/${name}/json?`,
        method: 'GET',
        options,
        statusCodes: { 200: true, 404: 'no such image', 500: 'server error' },
      });
      return { name, id: Id, platform: `${Os}/${Architecture}`, config: Config };
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode === 404) return undefined;
      throw error;
    }
  };
  const exact =
    platform !== undefined && isAtLeast(daemon.apiVersion, '1.49')
      ? await inspect({ platform: platformParameter(platform) })
      : undefined;
  return exact ?? (await inspect({}));
}
