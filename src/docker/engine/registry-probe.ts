import type { Daemon } from './daemon.ts';
import { daemonLines } from './lines.ts';

/** Errors of pulling a missing image that come from the registry. */
const REACHED = /manifest unknown|not found|name unknown|does not exist/i;

/**
 * Whether the daemon can reach a registry, tried by pulling an image that does not exist. A daemon
 * in a virtual machine, as on macOS, has its own loopback interface.
 */
export async function canReachRegistry(
  { docker }: Daemon,
  host: string,
  password: string,
): Promise<boolean> {
  try {
    const stream = await docker.createImage(
      { username: 'AWS', password, serveraddress: host },
      { fromImage: `${host}/hyeon9mak-dev`, tag: 'no-such-tag' },
    );
    for await (const { error } of daemonLines(stream)) {
      if (error !== undefined) return REACHED.test(error);
    }
    return true;
  } catch (error) {
    return REACHED.test((error as Error).message);
  }
}
