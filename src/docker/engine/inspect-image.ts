import type Docker from 'dockerode';
import { callEngine, isAtLeast, platformParameter } from './api.ts';
import type { Daemon } from './daemon.ts';

/** An image in the daemon's store. */
export interface LocalImage {
  /** The name that it was looked up by. */
  readonly name: string;
  /** Digest of its config; in the containerd store, of its manifest. */
  readonly id: string;
  /** E.g. `linux/amd64`. */
  readonly platform: string;
  /** The container's defaults: entrypoint, command, environment. */
  readonly config: Docker.ImageInspectInfo['Config'];
}

/**
 * The daemon's image of that name; undefined when there is none. For an index, which the containerd
 * store can hold, newer daemons return the image for `platform` if there is one, otherwise the image
 * for the daemon's machine.
 */
export async function inspectImage(
  { docker, apiVersion }: Daemon,
  name: string,
  platform?: string,
): Promise<LocalImage | undefined> {
  const inspect = async (options: object): Promise<LocalImage | undefined> => {
    try {
      const { Id, Os, Architecture, Config } = await callEngine<Docker.ImageInspectInfo>(docker, {
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
    platform !== undefined && isAtLeast(apiVersion, '1.49')
      ? await inspect({ platform: platformParameter(platform) })
      : undefined;
  return exact ?? (await inspect({}));
}
